"""Training of Boltzmann machines: compared with a slow reference and exact gradients."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gibbous import BernoulliRBM
from gibbous._ground import random as _random
from gibbous._ground.isa import core
from reference import rbm as reference


def states(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Rows with structure: noisy copies of a few patterns."""
    patterns = rng.random((3, d)) < 0.4
    rows = patterns[rng.integers(0, 3, n)] ^ (rng.random((n, d)) < 0.1)
    return rows.astype(np.uint8)


def same_machine(model: BernoulliRBM) -> reference.Machine:
    """The reference in the same state as the model."""
    settings = {
        "gibbs_steps": model.n_gibbs_steps,
        "rate": model.learning_rate,
        "momentum": model.momentum,
        "l1": model.l1,
        "l2": model.l2,
        "offset_rate": 0.01,
        "sparsity_target": model.sparsity_target,
        "sparsity_cost": model.sparsity_cost,
        "sparsity_decay": 0.9,
        "fast_decay": 0.95,
        "fast_rate": model.fast_learning_rate or model.learning_rate,
        "temperatures": model.n_temperatures if model.method == "pt" else 1,
        "sample": model.binarize == "sample",
    }
    copies = {
        name: [np.array(x) for x in getattr(model, f"{name}_")]
        for name in ("velocity", "fast")
        if hasattr(model, f"{name}_")
    }
    mu, lambda_ = getattr(model, "offsets_", (None, None))
    return reference.Machine(
        model.components_.copy(),
        model.intercept_visible_.copy(),
        model.intercept_hidden_.copy(),
        settings,
        _random.child(model.machine_.key, "rbm-train"),
        mu=mu if mu is None else mu.copy(),
        lambda_=lambda_ if lambda_ is None else lambda_.copy(),
        activity=model.activity_.copy() if hasattr(model, "activity_") else None,
        chains=model.h_samples_.copy() if hasattr(model, "h_samples_") else None,
        step=model.machine_.steps,
        **copies,
    )


OPTIONS: dict[str, dict[str, Any]] = {
    "cd": {"method": "cd"},
    "cd-3": {"method": "cd", "n_gibbs_steps": 3},
    "pcd": {},
    "pcd-2-chains": {"n_gibbs_steps": 2, "n_chains": 7},
    "momentum": {"momentum": 0.7},
    "decay": {"method": "cd", "l1": 0.01, "l2": 0.02},
    "centered": {"method": "cd", "centered": True},
    "centered-momentum": {"centered": True, "momentum": 0.5, "l2": 0.01},
    "sparse": {"method": "cd", "sparsity_target": 0.1, "sparsity_cost": 0.5},
    "centered-sparse": {"centered": True, "sparsity_target": 0.1},
    "fast": {"method": "fpcd", "fast_learning_rate": 0.2},
    "fast-centered": {"method": "fpcd", "centered": True, "momentum": 0.5},
    "tempering": {"method": "pt", "n_temperatures": 4, "n_chains": 5},
    "tempering-2": {"method": "pt", "n_temperatures": 3, "n_gibbs_steps": 2},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("width", [(5, 3), (70, 41)], ids=["small", "panels"])
def test_training_equals_the_slow_reference(
    options: dict[str, Any], width: tuple[int, int]
) -> None:
    d, k = width
    rng = np.random.default_rng(5)
    X = states(rng, 62, d)
    model = BernoulliRBM(
        k, dtype="float64", random_state=3, batch_size=25, n_iter=0, learning_rate=0.3, **options
    ).fit(X)
    slow = same_machine(model)
    for batch in (X[:25], X[25:50], X[50:]):  # few rows use another method
        model.partial_fit(batch)
        slow.batch(batch.astype(float))
    np.testing.assert_allclose(model.components_, slow.w, atol=1e-12)
    np.testing.assert_allclose(model.intercept_visible_, slow.a, atol=1e-12)
    np.testing.assert_allclose(model.intercept_hidden_, slow.b, atol=1e-12)
    assert model.machine_.steps == slow.step
    if slow.chains is not None:
        np.testing.assert_array_equal(model.h_samples_, slow.chains)
        assert 0 < slow.chains.mean() < 1
    for mine, theirs in ((getattr(model, "velocity_", ()), slow.velocity or ()),):
        for x, y in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-12)


@pytest.mark.parametrize("kind", ["real", "sample", "csr", "csr-ones", "weights", "bytes"])
def test_every_kind_of_rows_trains_identically(kind: str) -> None:
    rng = np.random.default_rng(6)
    X = states(rng, 50, 40).astype(float)
    given: Any = X
    options: dict[str, Any] = {}
    weight = None
    if kind in ("real", "sample", "csr"):
        X = X * rng.random(X.shape)
        given = sp.csr_matrix(X) if kind == "csr" else X
        options = {"binarize": "sample"} if kind == "sample" else {}
    elif kind == "csr-ones":
        given = sp.csr_matrix(X)
    elif kind == "weights":
        weight = rng.integers(0, 4, 50).astype(float)
    elif kind == "bytes":
        given = (X * 255 * rng.random(X.shape)).astype(np.uint8)
        X = given / 255.0
        options = {"data_max": 255}
    model = BernoulliRBM(
        33, dtype="float64", random_state=1, n_iter=0, method="cd", learning_rate=0.2, **options
    ).fit(given)
    slow = same_machine(model)
    for _ in range(2):
        model.partial_fit(given, sample_weight=weight)
        slow.batch(X, None if weight is None else weight / weight.mean())
    np.testing.assert_allclose(model.components_, slow.w, atol=1e-12)
    np.testing.assert_allclose(model.intercept_visible_, slow.a, atol=1e-12)


def all_states(d: int) -> np.ndarray:
    return np.array(list(itertools.product((0.0, 1.0), repeat=d)))


def log_likelihood(w: np.ndarray, a: np.ndarray, b: np.ndarray, X: np.ndarray) -> float:
    def minus_free_energy(v: np.ndarray) -> np.ndarray:
        return np.asarray(v @ a + np.logaddexp(0, v @ w.T + b).sum(1))

    log_z = np.logaddexp.reduce(minus_free_energy(all_states(len(a))))
    return float(minus_free_energy(X).mean() - log_z)


def exact_gradient(
    w: np.ndarray, a: np.ndarray, b: np.ndarray, X: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    v = all_states(len(a))
    f = v @ a + np.logaddexp(0, v @ w.T + b).sum(1)
    p = np.exp(f - np.logaddexp.reduce(f))
    up = reference.sigmoid
    data, model = up(X @ w.T + b), up(v @ w.T + b)
    return (
        data.T @ X / len(X) - (model * p[:, None]).T @ v,
        X.mean(0) - p @ v,
        data.mean(0) - p @ model,
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_states_are_packed_like_numpy_packbits(dtype: type) -> None:
    """Widths around a byte and a word; packing stops at the first invalid state."""
    rng = np.random.default_rng(3)
    for d in (1, 7, 8, 9, 31, 32, 33, 100):
        X = (rng.random((5, d)) < 0.5).astype(np.uint8)
        padded = np.pad(X, ((0, 0), (0, -d % 32)))
        expected = np.packbits(padded, axis=1, bitorder="little").view("<u4")
        given = X.astype(dtype)
        np.testing.assert_array_equal(core.layers.pack_states(given, 2), expected)
        for wrong in (2, 128, 255):
            other = given.copy()
            other[rng.integers(5), rng.integers(d)] = wrong
            assert core.layers.pack_states(other, 2) is None, (d, wrong)


def machine_of(d: int, k: int, rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(0, 0.8, (k, d)), rng.normal(0, 0.5, d), rng.normal(0, 0.5, k)


def test_exact_gradient_equals_finite_differences() -> None:
    rng = np.random.default_rng(0)
    w, a, b = machine_of(5, 3, rng)
    X = (rng.random((7, 5)) < 0.5).astype(float)
    dw, da, db = exact_gradient(w, a, b, X)
    step = 1e-6
    for array, gradient in ((w, dw), (a, da), (b, db)):
        for i in np.ndindex(array.shape):
            old = array[i]
            array[i] = old + step
            above = log_likelihood(w, a, b, X)
            array[i] = old - step
            below = log_likelihood(w, a, b, X)
            array[i] = old
            assert gradient[i] == pytest.approx((above - below) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("centered", [False, True])
def test_gradient_of_long_chains_equals_the_exact_gradient(centered: bool) -> None:
    """CD-k's expectation tends to the gradient: with many chains of 40 steps only noise is left."""
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    d, k, n = 6, 4, 40_000
    w, a, b = machine_of(d, k, rng)
    X = (rng.random((8, d)) < 0.5).astype(np.uint8)
    errors = []
    for steps in (1, 40):
        model = BernoulliRBM(
            k, dtype="float64", method="cd", n_gibbs_steps=steps, learning_rate=1.0, n_iter=0,
            random_state=int(rng.integers(2**31)), centered=centered,
        ).fit(X)  # fmt: skip
        model.components_[...], model.intercept_visible_[...] = w, a
        model.intercept_hidden_[...] = b
        model.partial_fit(np.tile(X, (n // 8, 1)))
        found = (model.components_ - w, model.intercept_visible_ - a, model.intercept_hidden_ - b)
        dw, da, db = exact_gradient(w, a, b, X)
        if centered:  # the same direction in centered coordinates
            mu, lam = model.offsets_
            dw = dw - np.outer(db, mu) - np.outer(lam, da)
            da, db = da - lam @ dw, db - dw @ mu
        errors.append(max(np.abs(x - y).max() for x, y in zip(found, (dw, da, db), strict=True)))
    # an entry is a mean of n numbers in [0, 1] (times at most d + k if centered): 6 sigma of it
    assert errors[1] < 6 * 0.5 / np.sqrt(n) * (d + k if centered else 1)
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize(
    "options",
    [
        {"method": "cd", "n_gibbs_steps": 2},
        {"centered": True, "momentum": 0.5},
        {"method": "fpcd"},
        {"method": "pt", "n_temperatures": 3},
        {"binarize": "sample"},
        {"dtype": "float64", "sparsity_target": 0.2},
    ],
    ids=lambda o: "-".join(map(str, o)),
)
def test_bits_are_equal_for_any_number_of_threads(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(2)
    X = states(rng, 700, 300).astype(np.float32)
    if options.get("binarize"):
        X *= 0.7
    found = []
    for n_jobs in (1, 2, 3, 7):
        model = BernoulliRBM(
            130, random_state=4, batch_size=300, n_iter=2, n_jobs=n_jobs, **options
        ).fit(X)
        found.append(
            (model.components_.tobytes(), model.history_.values, model.sample(5).tobytes())
        )
    assert all(f == found[0] for f in found)


def test_moments_of_samples_match_the_machine() -> None:
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    d, k, n = 7, 4, 40_000
    w, a, b = machine_of(d, k, rng)
    model = BernoulliRBM(k, dtype="float64", n_iter=0, random_state=0).fit(
        (rng.random((4, d)) < 0.5).astype(float)
    )
    model.components_[...], model.intercept_visible_[...] = w, a
    model.intercept_hidden_[...] = b
    v = all_states(d)
    f = v @ a + np.logaddexp(0, v @ w.T + b).sum(1)
    p = np.exp(f - np.logaddexp.reduce(f))
    X = model.sample(n, burn_in=200, random_state=int(rng.integers(2**31)))
    assert X.shape == (n, d) and set(np.unique(X)) == {0.0, 1.0}
    for mean, found in (
        (p @ v, X.mean(0)),
        ((v * p[:, None]).T @ v, X.T @ X / n),
    ):
        sigma = np.sqrt(np.maximum(mean * (1 - mean), 1e-12) / n)  # one row per chain: independent
        assert (np.abs(found - mean) < 5 * sigma + 1e-12).all()


def test_chains_continue() -> None:
    rng = np.random.default_rng(3)
    X = states(rng, 60, 20)
    model = BernoulliRBM(8, n_iter=2, random_state=0).fit(X)
    rows = model.sample(30, n_chains=10, burn_in=5, thin=3, random_state=1)
    assert rows.shape == (30, 20)
    assert (rows[:10] != rows[10:20]).any()
    assert model.sample(4, start="chains", burn_in=0, random_state=1).shape == (4, 20)
    assert model.sample(10, start=rows[-10:], random_state=2).shape == (10, 20)
    with pytest.raises(ValueError, match="start='cold': give None"):
        model.sample(2, start="cold")
    with pytest.raises(ValueError, match="n_chains=3, but start has 10 rows"):
        model.sample(2, start=rows[-10:], n_chains=3)
    # draws differ between calls, and are reproducible with a seed
    again = BernoulliRBM(8, n_iter=2, random_state=0).fit(X)
    first, second = model.gibbs(X), model.gibbs(X)
    assert (first != second).any()
    assert not (again.gibbs(X) != BernoulliRBM(8, n_iter=2, random_state=0).fit(X).gibbs(X)).any()


def test_imputation_samples_the_conditional() -> None:
    rng = np.random.default_rng(9)
    d, k = 6, 3
    w, a, b = machine_of(d, k, rng)
    model = BernoulliRBM(k, dtype="float64", n_iter=0, random_state=0).fit(
        (rng.random((4, d)) < 0.5).astype(float)
    )
    model.components_[...], model.intercept_visible_[...] = w, a
    model.intercept_hidden_[...] = b
    X = np.array([[1.0, 0.0, np.nan, np.nan, 1.0, np.nan]])
    v = all_states(d)
    f = v @ a + np.logaddexp(0, v @ w.T + b).sum(1)
    p = np.exp(f) * (v[:, [0, 1, 4]] == [1, 0, 1]).all(1)
    truth = (p / p.sum()) @ v
    many = model.impute(np.repeat(X, 2000, 0), n_steps=100, n_average=20, random_state=1)
    assert (many[:, [0, 1, 4]] == [1, 0, 1]).all()
    # a mean of 40,000 probabilities with an autocorrelation time of 20
    assert np.abs(many.mean(0) - truth).max() < 5 * 0.5 / np.sqrt(2000)


def test_scores_match_their_definitions() -> None:
    rng = np.random.default_rng(1)
    X = states(rng, 40, 9).astype(float)
    model = BernoulliRBM(5, n_iter=3, random_state=0, dtype="float64", batch_size=40).fit(X)
    w, a, b = model.components_, model.intercept_visible_, model.intercept_hidden_
    f = -(X @ a) - np.logaddexp(0, X @ w.T + b).sum(1)
    np.testing.assert_allclose(model.free_energy(X), f, rtol=1e-12)
    np.testing.assert_allclose(model.free_energy(sp.csr_matrix(X)), f, rtol=1e-12)
    exact = np.zeros(40)
    for i in range(9):
        turned = X.copy()
        turned[:, i] = 1 - turned[:, i]
        exact -= np.logaddexp(0, f + turned @ a + np.logaddexp(0, turned @ w.T + b).sum(1))
    np.testing.assert_allclose(model.pseudo_likelihood(X, n_flips=None), exact, rtol=1e-10)
    per = model.pseudo_likelihood(X, n_flips=None, per_feature=True)
    np.testing.assert_allclose(per, exact / 9, rtol=1e-10)
    many = np.mean([model.set_params(random_state=s).score_samples(X) for s in range(400)], axis=0)
    assert abs(many.mean() - exact.mean()) < 5 * many.std() / np.sqrt(40) + 0.1
    back = reference.sigmoid(reference.sigmoid(X @ w.T + b) @ w + a)
    np.testing.assert_allclose(model.reconstruct(X), back, rtol=1e-12)
    np.testing.assert_allclose(model.reconstruction_error(X), ((X - back) ** 2).sum(1), rtol=1e-10)


def test_partial_fit_continues_after_fit() -> None:
    rng = np.random.default_rng(4)
    X = states(rng, 60, 30)
    options: dict[str, Any] = {
        "n_components": 12, "batch_size": 20, "momentum": 0.5, "random_state": 0,
        "shuffle": False, "centered": True,
    }  # fmt: skip
    whole = BernoulliRBM(n_iter=2, **options).fit(X)
    parts = BernoulliRBM(n_iter=1, **options).fit(X)
    for i in range(3):
        parts.partial_fit(X[20 * i : 20 * i + 20])
    np.testing.assert_array_equal(whole.components_, parts.components_)
    np.testing.assert_array_equal(whole.h_samples_, parts.h_samples_)


def test_validation_rows_stop_a_fit_and_show_the_gap() -> None:
    rng = np.random.default_rng(7)
    X = states(rng, 300, 30)
    model = BernoulliRBM(
        40, n_iter=200, early_stopping=True, n_iter_no_change=3, random_state=0, learning_rate=0.5,
        batch_size=20, method="cd",
    ).fit(X)  # fmt: skip
    assert model.history_.stop_reason == "converged" and model.n_iter_ < 200
    assert len(model.validation_scores_) == len(model.free_energy_gap_) == model.n_iter_
    given = BernoulliRBM(4, n_iter=2, random_state=0).fit(X[:200], X_val=X[200:])
    assert len(given.free_energy_gap_) == 2
    gap = given.free_energy(X[200:]).mean() - given.free_energy(X[:200]).mean()
    assert given.free_energy_gap_[-1] == pytest.approx(gap, rel=1e-6)


def test_interrupt_keeps_the_last_epoch() -> None:
    rng = np.random.default_rng(8)
    X = states(rng, 100, 20)

    def stop(p: Any) -> None:
        if p.iteration == 2:
            raise KeyboardInterrupt

    model = BernoulliRBM(5, n_iter=9, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, callback=stop)
    two = BernoulliRBM(5, n_iter=2, random_state=0).fit(X)
    np.testing.assert_array_equal(model.components_, two.components_)
    assert model.history_.stop_reason == "interrupted"
    assert BernoulliRBM(5, n_iter=9).fit(X, callback=lambda p: True).n_iter_ == 1


def test_a_learning_rate_that_diverges_is_named() -> None:
    rng = np.random.default_rng(8)
    X = states(rng, 200, 50)
    model = BernoulliRBM(20, n_iter=50, learning_rate=1e4, random_state=0, method="cd")
    with pytest.raises(ArithmeticError, match=r"learning_rate=10000 makes training diverge"):
        model.fit(X)
    assert np.isfinite(model.components_).all()
    assert model.history_.stop_reason == "diverged"
    assert np.isfinite(model.transform(X)).all()


def test_core_rejects_mismatched_arrays() -> None:
    rows = core.layers.Rows32(4, 3, np.zeros((4, 3), np.float32))
    w, a, b = np.zeros((2, 5), np.float32), np.zeros(5, np.float32), np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="x must have one column per visible unit"):
        core.rbm.free_energies(rows, core.layers.parameters(w, a, b), 1)
    with pytest.raises(ValueError, match="must belong to one machine"):
        core.layers.parameters(w, a[:3], b)
    with pytest.raises(ValueError, match="numbers must have n rows of d"):
        core.layers.Rows32(4, 3, w)
    with pytest.raises(ValueError, match="bits must be states of n rows"):
        core.layers.Rows32(4, 3, np.zeros((4, 2), np.uint32))
    with pytest.raises(TypeError):
        core.layers.Rows32(4, 3, np.zeros((4, 3)))
