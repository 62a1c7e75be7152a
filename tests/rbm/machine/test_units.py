"""Machines with all kinds of units: compared with a slow reference and exact distributions."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gibbous import (
    BernoulliRBM,
    CategoricalRBM,
    GaussianRBM,
    RBMClassifier,
    ReplicatedSoftmax,
    load,
    save,
)
from gibbous._ground import random as _random
from gibbous._ground.isa import core
from gibbous.rbm.machine.units import Flips
from reference import rbm_units as reference

KINDS = ["gaussian", "gaussian-relu", "relu", "categorical", "classifier", "counts"]
SIZES = [3, 2, 5, 1, 4, 30, 2]  # categories of columns; the sixth crosses a panel of 32


def make(kind: str, k: int, **options: Any) -> Any:
    """An untrained estimator of a kind, in double precision."""
    options = {"dtype": "float64", "n_iter": 0, "random_state": 3, **options}
    if kind.startswith("gaussian"):
        relu = "relu" if kind.endswith("relu") else "binary"
        options.setdefault("centered", False)
        return GaussianRBM(k, hidden_units=relu, **options)
    if kind == "relu":
        return BernoulliRBM(k, hidden_units="relu", **options)
    if kind == "categorical":
        return CategoricalRBM(k, **options)
    if kind == "classifier":
        return RBMClassifier(k, **options)
    return ReplicatedSoftmax(k, **{"method": "pcd", "momentum": 0.0, **options})


def data(kind: str, rng: np.random.Generator, n: int, d: int) -> tuple[np.ndarray, ...]:
    """Rows with structure, with labels for a classifier."""
    pattern = rng.integers(0, 3, n)
    if kind.startswith("gaussian"):
        X = rng.normal(size=(3, d))[pattern] + 0.3 * rng.normal(size=(n, d))
        return (X * rng.uniform(0.1, 10, d) + rng.normal(size=d),)
    if kind == "categorical":
        sizes = np.resize(SIZES, d)
        X = np.where(
            rng.random((n, d)) < 0.7, pattern[:, None] % sizes, rng.integers(0, sizes, (n, d))
        )
        X[0] = sizes - 1  # all categories occur
        return (X,)
    if kind == "counts":
        rate = rng.gamma(0.3, size=(3, d))[pattern]
        return (rng.poisson(8 * rate / rate.mean(1, keepdims=True) * 12 / d),)
    X = ((rng.random((3, d)) < 0.4)[pattern] ^ (rng.random((n, d)) < 0.1)).astype(np.uint8)
    return (X, np.array(["a", "b", "c"])[pattern]) if kind == "classifier" else (X,)


def states_of(model: Any, given: tuple[np.ndarray, ...]) -> np.ndarray:
    """Visible states in the representation of the machine."""
    X = given[0]
    if isinstance(model, GaussianRBM):
        return np.asarray(model.units_.standardized(X))
    if isinstance(model, CategoricalRBM):
        return np.asarray(model.units_.groups.one_hot(X), dtype=float)
    if isinstance(model, RBMClassifier):
        return np.asarray(labelled(model, given), dtype=float)
    return np.asarray(X, dtype=float)


def labelled(model: RBMClassifier, given: tuple[np.ndarray, ...]) -> Any:
    """Features and labels concatenated."""
    codes = np.searchsorted(model.classes_, given[1])
    return model.units_.labels.labelled(given[0], codes)


def kinds_of(model: Any) -> dict[str, Any]:
    more: dict[str, Any] = {"stepped": model.hidden_units == "relu"}
    if isinstance(model, GaussianRBM):
        more |= {"kind": "gaussian", "z": model.log_variance_.copy()}
    elif isinstance(model, ReplicatedSoftmax):
        more["kind"] = "counts"
    elif isinstance(model, CategoricalRBM):
        more["groups"] = [tuple(p) for p in model.units_.groups.pairs().tolist()]
    elif isinstance(model, RBMClassifier):
        d = model.n_features_in_
        more["groups"] = [(d, d + len(model.classes_))]
    return more


def arrays(model: Any) -> list[np.ndarray]:
    """The state that training continues from."""
    return list(model.machine_.arrays().values())


def same_machine(model: Any) -> reference.Units:
    """The reference in the same state as the model."""
    rate = model.learning_rate
    length = getattr(model, "mean_length_", 1.0)
    settings = {
        "gibbs_steps": model.n_gibbs_steps,
        "rate": rate / length,
        "momentum": model.momentum,
        "l1": model.l1,
        "l2": model.l2,
        "offset_rate": 0.01,
        "fast_decay": 0.95,
        "fast_rate": (model.fast_learning_rate or rate) / length,
        "temperatures": model.n_temperatures if model.method == "pt" else 1,
        "mean_length": length,
        "variance_rate": 0.1 * rate,
        "least_z": np.log(0.001),
        "most_z": np.log(4.0),
    }
    mu, lambda_ = getattr(model, "offsets_", (None, None))
    lists = {
        name: [np.array(x) for x in getattr(model, f"{name}_")]
        for name in ("velocity", "fast")
        if hasattr(model, f"{name}_")
    }
    return reference.Units(
        model.components_.copy(),
        model.intercept_visible_.copy(),
        model.intercept_hidden_.copy(),
        settings,
        _random.child(model.machine_.key, "rbm-train"),
        mu=None if mu is None else mu.copy(),
        lambda_=None if lambda_ is None else lambda_.copy(),
        chains=model.h_samples_.copy() if hasattr(model, "h_samples_") else None,
        step=model.machine_.steps,
        velocity_z=np.zeros(len(mu)) if hasattr(model, "log_variance_velocity_") else None,
        lengths=np.asarray(getattr(model, "chain_lengths_", None)),
        **lists,
        **kinds_of(model),
    )


TRAINING: dict[str, dict[str, Any]] = {
    "cd-2": {"method": "cd", "n_gibbs_steps": 2, "l1": 0.01, "l2": 0.02},
    "pcd-centered": {"method": "pcd", "n_chains": 7, "centered": True, "momentum": 0.5},
    "fast": {"method": "fpcd"},
    "tempering": {"method": "pt", "n_temperatures": 3, "n_chains": 5},
}


@pytest.mark.parametrize("options", TRAINING.values(), ids=TRAINING)
@pytest.mark.parametrize("kind", KINDS)
def test_training_equals_the_slow_reference(kind: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    rate = 0.02 if "relu" in kind else 0.1
    given = data(kind, rng, 60, 35)
    if kind == "gaussian":  # the steps of z have an effect
        options = {**options, "variance_learning_rate": 0.1 * rate}
    model = make(kind, 34, batch_size=25, learning_rate=rate, **options).fit(*given)
    slow = same_machine(model)
    if slow.velocity_z is not None:
        slow.velocity_z = np.zeros_like(model.log_variance_)
    if not isinstance(model, ReplicatedSoftmax):
        slow.lengths = None
    for rows in (slice(0, 25), slice(25, 50), slice(50, 60)):
        batch = tuple(x[rows] for x in given)
        slow.batch(states_of(model, batch))
        model.partial_fit(*batch)
    np.testing.assert_allclose(model.components_, slow.w, atol=1e-7, rtol=1e-6)
    np.testing.assert_allclose(model.intercept_visible_, slow.a, atol=1e-7, rtol=1e-6)
    np.testing.assert_allclose(model.intercept_hidden_, slow.b, atol=1e-7, rtol=1e-6)
    if slow.z is not None:
        np.testing.assert_allclose(model.log_variance_, slow.z, atol=1e-7)
        assert np.abs(model.log_variance_).max() > 1e-4
    if slow.chains is not None:
        np.testing.assert_array_equal(model.h_samples_, slow.chains)
        assert slow.chains.min() == 0 < slow.chains.max()
    assert model.machine_.steps == slow.step


# ---- exact distributions -------------------------------------------------------------------------


def small(
    kind: str, rng: np.random.Generator, **options: Any
) -> tuple[Any, tuple[np.ndarray, ...]]:
    """A fitted small machine with parameters drawn at random, and a few rows."""
    d, k = (2, 2) if "relu" in kind else (4, 3)
    given = data(kind, rng, 8, d)
    if kind == "categorical":
        given = (np.minimum(given[0], 2),)
    if kind == "counts":
        given = (rng.multinomial(5, np.ones(d) / d, 8),)
    model = make(kind, k, **options).fit(*given)
    # Weights for which a density exists, and bounded, so that chains mix for every seed: over 1,500
    # machines the second eigenvalue of a step was at most 0.82 (0.98 with normal weights).
    size = 0.4 if kind == "gaussian-relu" else 1.0
    model.components_[...] = rng.uniform(-size, size, model.components_.shape)
    model.intercept_visible_[...] = rng.normal(0, 0.5, model.intercept_visible_.shape)
    model.intercept_hidden_[...] = rng.normal(0, 0.5, k)
    if kind.startswith("gaussian"):
        model.log_variance_[...] = rng.normal(-0.2, 0.2, d)
    return model, given


def exact_of(model: Any) -> reference.Exact:
    return reference.Exact(
        model.components_.copy(),
        model.intercept_visible_.copy(),
        model.intercept_hidden_.copy(),
        **kinds_of(model),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_long_chains_equals_that_of_the_likelihood(kind: str) -> None:
    """A step along CD-30 of many chains, compared with differences of the exact log-likelihood."""
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    n = 16_000
    model, given = small(
        kind, rng, method="cd", n_gibbs_steps=30, learning_rate=0.01,
        **({"variance_learning_rate": 0.01} if kind.startswith("gaussian") else {}),
    )  # fmt: skip
    model.random_state = int(rng.integers(2**31))
    truth = exact_of(model)
    v = states_of(model, given)
    model.machine_.key = int(rng.integers(2**60))
    model.partial_fit(
        *(np.tile(x, (n // 8, 1)) if x.ndim > 1 else np.tile(x, n // 8) for x in given)
    )
    length = getattr(model, "mean_length_", 1.0)  # divides every step, and that of b twice
    scale = 0.01 / length
    unit = 1.0 if truth.z is None else np.exp(truth.z)
    moved_b = model.intercept_hidden_ - truth.b
    if truth.z is not None:  # z moves with the component weights held constant, and b with it
        change = np.exp(-truth.z) - np.exp(-model.log_variance_)
        w = model.components_
        moved_b = moved_b - (change * w * (model.intercept_visible_ + w / 2)).sum(1)
    found = [
        ((model.components_ - truth.w) / scale / unit, truth.w),
        ((model.intercept_visible_ - truth.a) / scale / unit, truth.a),
        (moved_b / scale * length, truth.b),
    ]
    if truth.z is not None:
        held = np.exp(-truth.z) * truth.w * (truth.a + truth.w / 2)
        along_b = (moved_b / scale) @ held
        found.append(((model.log_variance_ - truth.z) / scale - along_b, truth.z))
    step = 1e-5
    # per chain: states times states over s^2; stepped and counted states reach about 10 and 5
    size = {"gaussian": 6.0, "gaussian-relu": 12.0, "relu": 6.0, "counts": 5.0}.get(kind, 1.0)
    for gradient, array in found:
        for i in np.ndindex(array.shape):
            old = array[i]
            array[i] = old + step
            above = truth.log_p(v).mean()
            array[i] = old - step
            below = truth.log_p(v).mean()
            array[i] = old
            slope = (above - below) / (2 * step)
            assert abs(gradient[i] - slope) < 5 * size / np.sqrt(n), (gradient[i], slope)


@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_samples_match_the_machine(kind: str) -> None:
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    n = 16_000
    model, _ = small(kind, rng)
    options = {"n_words": 5} if kind == "counts" else {}
    found = model.sample(n, burn_in=40, random_state=int(rng.integers(2**31)), **options)
    rows = found if kind == "classifier" else (found,)
    v = states_of(model, rows)
    mean, pairs = exact_of(model).moments(5 if kind == "counts" else 1)
    products = v[:, :, None] * v[:, None, :]
    for truth, draws in ((mean, v), (pairs, products)):
        error = draws.std(0) / np.sqrt(n)  # one row per chain: independent
        assert (np.abs(draws.mean(0) - truth) < 5 * error + 1e-12).all()


@pytest.mark.parametrize("kind", KINDS)
def test_free_energies_and_likelihoods_are_exact(kind: str) -> None:
    rng = np.random.default_rng(2)
    model, given = small(kind, rng)
    truth = exact_of(model)
    v = states_of(model, given)
    extra = model.units_.log_scale if isinstance(model, GaussianRBM) else 0.0
    length = 5 if kind == "counts" else 1
    log_z = np.logaddexp.reduce(truth.log_weights(length))
    arguments = given if kind == "classifier" else given[:1]
    np.testing.assert_allclose(
        -model.free_energy(*arguments) - log_z, truth.log_p(v) - extra, atol=2e-8
    )
    if kind == "counts":
        np.testing.assert_allclose(model.log_partition(5), log_z, rtol=1e-12)
        np.testing.assert_allclose(model.log_likelihood(given[0]), truth.log_p(v), rtol=1e-12)
    elif kind != "gaussian-relu":
        found = float(model.log_partition())
        assert found == pytest.approx(log_z, abs=1e-7)
    else:
        with pytest.raises(ValueError, match="hidden_units='relu'"):
            model.log_partition()


@pytest.mark.parametrize("kind", KINDS)
def test_pseudo_likelihood_is_the_sum_of_conditionals(kind: str) -> None:
    rng = np.random.default_rng(4)
    model, given = small(kind, rng)
    truth, v = exact_of(model), states_of(model, given)
    total = np.zeros(len(v))
    if kind == "counts":
        for i in range(v.shape[1]):  # one draw of word i becomes any word
            others = []
            for k in range(v.shape[1]):
                changed = v.copy()
                changed[:, i] -= 1
                changed[:, k] += 1
                others.append(truth.log_p(np.maximum(changed, 0)))
            total += v[:, i] * (truth.log_p(v) - np.logaddexp.reduce(others, axis=0))
        found = model.pseudo_likelihood(given[0], n_flips=None)
        estimates = np.mean(
            [model.set_params(random_state=s).score_samples(given[0]) for s in range(300)], 0
        )
        assert np.abs(estimates - total).max() < 1.0
    elif kind.startswith("gaussian"):
        grid = np.linspace(-12, 12, 1201)
        for i in range(v.shape[1]):
            changed = np.repeat(v[:, None], len(grid), 1)
            changed[:, :, i] = grid
            log = truth.log_p(changed.reshape(-1, v.shape[1])).reshape(len(v), -1)
            total += truth.log_p(v) - np.logaddexp.reduce(log, axis=1) - np.log(grid[1] - grid[0])
        total -= model.units_.log_scale
        found = model.pseudo_likelihood(given[0], n_flips=None)
    else:
        groups = truth.groups + [
            (i, i + 1) for i in range(v.shape[1]) if not any(b <= i < e for b, e in truth.groups)
        ]
        for begin, end in groups:
            others = []
            for i in range(begin, end):
                for on in [1.0] if (begin, end) in truth.groups else [0.0, 1.0]:
                    changed = v.copy()
                    changed[:, begin:end] = 0
                    changed[:, i] = on
                    others.append(truth.log_p(changed))
            total += truth.log_p(v) - np.logaddexp.reduce(others, axis=0)
        if kind == "classifier":  # features and label together, as validation rows of a fit
            flips = Flips(model.machine_.key, v.shape[1] - 2)
            joint = model.units_.labels
            found = joint.pseudo_likelihood(model.machine_, labelled(model, given), flips, 1)
        else:
            found = model.pseudo_likelihood(given[0], n_flips=None)
    np.testing.assert_allclose(found, total, atol=1e-6)


@pytest.mark.parametrize("kind", ["gaussian", "relu", "categorical", "counts"])
def test_imputation_is_the_mean_of_the_conditional(kind: str) -> None:
    rng = np.random.default_rng(9)
    model, given = small(kind, rng)
    X = np.asarray(given[0], dtype=float)[:1].copy()
    X[0, 0] = np.nan
    many = np.repeat(X, 4000, 0)
    options: dict[str, Any] = {"n_steps": 30, "n_average": 10, "random_state": 1}
    truth = exact_of(model)
    v = states_of(
        model, (np.nan_to_num(np.asarray(given[0], dtype=float))[:1].astype(given[0].dtype),)
    )
    if kind == "counts":
        # with one unknown count its value follows from the length; with two it is drawn
        X[0, 1] = np.nan
        many, length = np.repeat(X, 4000, 0), float(given[0][0].sum())
        left = int(given[0][0, :2].sum())
        found = model.impute(many, n_words=length, **options)[:, 0].mean()
        rows = np.repeat(v, left + 1, 0)
        rows[:, 0] = np.arange(left + 1)
        rows[:, 1] = left - rows[:, 0]
        from scipy.special import gammaln

        p = np.exp(truth.log_p(rows) - gammaln(rows + 1).sum(1))
        mean, spread = p @ rows[:, 0] / p.sum(), left
    elif kind.startswith("gaussian"):
        grid = np.linspace(-12, 12, 1201)
        rows = np.repeat(v, len(grid), 0)
        rows[:, 0] = grid
        p = np.exp(truth.log_p(rows))
        mean, spread = p @ grid / p.sum(), 2.0
        found = ((model.impute(many, **options)[:, 0] - model.mean_[0]) / model.scale_[0]).mean()
    elif kind == "categorical":
        size = int(model.n_categories_[0])
        rows = np.repeat(v, size, 0)
        rows[:, :size] = np.eye(size)
        p = np.exp(truth.log_p(rows))
        mean, spread = p / p.sum(), 1.0
        found = model.impute(many, probabilities=True, **options)[:, :size].mean(0)
        assert model.impute(X, **options).dtype == np.int64
    else:
        rows = np.repeat(v, 2, 0)
        rows[:, 0] = (0, 1)
        p = np.exp(truth.log_p(rows))
        mean, spread = p[1] / p.sum(), 1.0
        found = model.impute(many, **options)[:, 0].mean()
    assert np.abs(found - mean).max() < 5 * spread / np.sqrt(4000)


# ---- training with all kinds of units ------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_bits_are_equal_for_any_number_of_threads(kind: str) -> None:
    rng = np.random.default_rng(2)
    given = data(kind, rng, 300, 150)
    found = []
    for n_jobs in (1, 2, 3, 7):
        model = make(
            kind, 260, dtype="float32", batch_size=150, n_iter=2, n_jobs=n_jobs, method="pcd",
            learning_rate=0.005, momentum=0.5,
        ).fit(*given)  # fmt: skip
        drawn = model.sample(5, burn_in=3)
        drawn = drawn[0] if kind == "classifier" else drawn
        found.append(
            (model.components_.tobytes(), model.history_.values, drawn.tobytes(),
             model.transform(given[0]).tobytes(), model.gibbs(given[0]).tobytes())
        )  # fmt: skip
    assert all(f == found[0] for f in found)


@pytest.mark.parametrize("kind", KINDS)
def test_training_continues_after_a_stop(kind: str) -> None:
    rng = np.random.default_rng(4)
    given = data(kind, rng, 60, 30)
    options: dict[str, Any] = {
        "batch_size": 20, "momentum": 0.5, "shuffle": False, "method": "pcd", "centered": True,
        "learning_rate": 0.02,
    }  # fmt: skip
    whole = make(kind, 12, **{**options, "n_iter": 2}).fit(*given)
    parts = pickle.loads(pickle.dumps(make(kind, 12, **{**options, "n_iter": 1}).fit(*given)))
    warm = make(kind, 12, **{**options, "n_iter": 1}, warm_start=True).fit(*given).fit(*given)
    for i in range(3):
        parts.partial_fit(*(x[20 * i : 20 * i + 20] for x in given))
    for model in (parts, warm):
        for mine, theirs in zip(arrays(whole), arrays(model), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_file_restores_everything(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    given = data(kind, rng, 60, 30)
    model = make(
        kind, 7, method="pcd", momentum=0.5, centered=True, learning_rate=0.02, batch_size=20
    ).set_params(n_iter=2).fit(*given)  # fmt: skip
    if kind == "categorical":
        model.n_categories = model.n_categories_.copy()
    save(model, tmp_path / "model.gib")
    other = load(tmp_path / "model.gib")
    assert type(other) is type(model)
    np.testing.assert_array_equal(other.score_samples(given[0]), model.score_samples(given[0]))
    if kind == "classifier":
        np.testing.assert_array_equal(other.predict(given[0]), model.predict(given[0]))
    for machine in (model, other):
        machine.partial_fit(*given)
    for mine, theirs in zip(arrays(model), arrays(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("classes", [[3, 7], [1.0, 2.0], [False, True], ["a", "ü"]], ids=str)
def test_labels_of_every_kind_are_restored(classes: list[Any], tmp_path: Path) -> None:
    X = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 1]])
    y = np.array(classes)[[0, 1, 1, 0]]
    model = RBMClassifier(2, n_iter=1, random_state=0).fit(X, y)
    save(model, tmp_path / "model.gib")
    other = load(tmp_path / "model.gib")
    np.testing.assert_array_equal(other.classes_, model.classes_)
    assert other.classes_.dtype == model.classes_.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_weights_equal_repeated_rows_and_validation_rows_are_scored(kind: str) -> None:
    rng = np.random.default_rng(4)
    given = data(kind, rng, 40, 20)
    weight = rng.integers(1, 3, 40).astype(float)
    model = make(kind, 6, method="cd", learning_rate=0.05).fit(*given)
    slow = same_machine(model)
    slow.lengths = None
    slow.batch(states_of(model, given), weight / weight.mean())
    model.partial_fit(*given, sample_weight=weight)
    np.testing.assert_allclose(model.components_, slow.w, atol=1e-7)
    model = make(kind, 6, early_stopping=True, learning_rate=0.01).set_params(n_iter=3).fit(*given)
    assert len(model.validation_scores_) == len(model.free_energy_gap_) == model.n_iter_
    assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_learning_rate_that_diverges_is_named_and_an_interrupt_keeps_the_epoch(kind: str) -> None:
    rng = np.random.default_rng(8)
    given = data(kind, rng, 200, 50)
    model = make(kind, 20, learning_rate=1e5, method="cd").set_params(n_iter=30)
    with pytest.raises(ArithmeticError, match="learning_rate=100000 makes training diverge"):
        model.fit(*given)
    assert all(np.isfinite(a).all() for a in arrays(model))
    assert model.history_.stop_reason == "diverged"
    assert np.isfinite(model.transform(given[0])).all()

    def stop(p: Any) -> None:
        if p.iteration == 2:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"learning_rate": 0.02, "batch_size": 20}
    model = make(kind, 5, **options).set_params(n_iter=9)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*given, callback=stop)
    two = make(kind, 5, **options).set_params(n_iter=2).fit(*given)
    np.testing.assert_array_equal(model.components_, two.components_)


def test_stepped_units_have_the_distribution_of_their_copies() -> None:
    """Means, free energies and draws compared with explicit copies, far into both tails."""
    x = np.array([-30.0, -3.0, -0.4, 0.0, 0.3, 1.0, 5.5, 6.99, 7.01, 13.2, 40.0])
    copies = np.arange(1, 200)
    mean = (1 / (1 + np.exp(-(x[:, None] - copies + 0.5)))).sum(1)
    level = np.logaddexp(0, x[:, None] - copies + 0.5).sum(1)
    units = core.layers.Units(0, 1)
    rows = core.layers.Rows64(1, 1, np.zeros((1, 1)))
    w, a = np.zeros((1, 1)), np.zeros(1)
    n = 20_000
    many = core.layers.Rows64(n, 1, np.zeros((n, 1)))
    for i, value in enumerate(x):
        b, out, draws = np.array([value]), np.zeros((1, 1)), np.zeros((n, 1))
        layer = core.layers.parameters(w, a, b, units)
        core.layers.hidden_means(rows, layer, out, 1)
        assert out[0, 0] == pytest.approx(mean[i], rel=1e-12, abs=4e-8)
        assert -core.rbm.free_energies(rows, layer, 1)[0] == pytest.approx(
            level[i], rel=1e-12, abs=1e-8
        )
        core.layers.draw_hidden(many, layer, draws, 11, 0, 1)
        sigma = np.sqrt(max(draws.var(), 1e-6) / n)
        assert abs(draws.mean() - mean[i]) < 5 * sigma


def test_core_rejects_invalid_units() -> None:
    with pytest.raises(ValueError, match="visible must be 0"):
        core.layers.Units(3, 0)
    w, a, b = np.zeros((2, 4), np.float32), np.zeros(4, np.float32), np.zeros(2, np.float32)
    for pairs in ([[0, 5]], [[0, 2], [1, 4]], [[2, 2]]):
        units = core.layers.Units(0, 0, np.array(pairs, dtype=np.int64))
        with pytest.raises(ValueError, match="groups must ascend"):
            core.layers.parameters(w, a, b, units)
    with pytest.raises(ValueError, match="z goes with Gaussian units"):
        core.layers.parameters(w, a, b, core.layers.Units(1, 0))
    counts = core.layers.parameters(w, a, b, core.layers.Units(2, 0))
    bits = core.layers.Rows32(2, 4, np.zeros((2, 1), np.uint32))
    with pytest.raises(ValueError, match="must be numbers"):
        core.rbm.free_energies(bits, counts, 1)
    with pytest.raises(ValueError, match="must have two states"):
        core.rbm.exact_log_partition(counts, 1)
