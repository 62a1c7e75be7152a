"""log Z and likelihoods of Boltzmann machines: exact, by annealing, and both combined."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import comb
from scipy.stats import binom

from gibbous import BernoulliRBM
from gibbous._ground.isa import core
from gibbous.rbm.inference.likelihood import LogPartition, schedule
from reference import rbm_likelihood as reference
from support.ctrl_c import answered_ctrl_c


def anneal(w: Any, a: Any, b: Any, *rest: Any) -> Any:
    return core.rbm.anneal(core.layers.parameters(w, a, b), *rest)


def exact_log_partition(w: Any, a: Any, b: Any, threads: int) -> float:
    return core.rbm.exact_log_partition(core.layers.parameters(w, a, b), threads)


def machine_of(
    d: int, k: int, rng: np.random.Generator, spread: float = 1.0, dtype: str = "float64"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return w, a, b."""
    w, a, b = rng.normal(0, spread, (k, d)), rng.normal(0, 0.7, d), rng.normal(0, 0.7, k)
    return w.astype(dtype), a.astype(dtype), b.astype(dtype)


def model_of(
    w: np.ndarray, a: np.ndarray, b: np.ndarray, *, method: str = "cd", **options: Any
) -> BernoulliRBM:
    """Return a fitted machine with these parameters."""
    model = BernoulliRBM(
        len(b),
        dtype=str(w.dtype),
        n_iter=0,
        random_state=0,
        method=method,
        **{"n_jobs": 1, **options},
    )
    model.fit(np.eye(2, len(a)))
    model.components_[...], model.intercept_visible_[...] = w, a
    model.intercept_hidden_[...] = b
    return model


# ---- exact -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("d", "k"), [(1, 1), (2, 9), (9, 2), (7, 7), (5, 8), (8, 3), (6, 10), (11, 4)]
)
def test_exact_log_z_is_the_sum_over_all_states(d: int, k: int, dtype: str) -> None:
    rng = np.random.default_rng(1)
    for spread in (0.3, 3.0, 200.0):  # the last exceeds the range in which factors are multiplied
        w, a, b = machine_of(d, k, rng, spread, dtype)
        truth = reference.log_partition(*(x.astype(np.float64) for x in (w, a, b)))
        assert exact_log_partition(w, a, b, 1) == pytest.approx(truth, rel=1e-13, abs=1e-13)


def test_exact_log_z_of_a_machine_of_independent_units() -> None:
    """Only one pair of units has a weight: log Z is a sum of a few terms, at any width."""
    rng = np.random.default_rng(2)
    for d, k in ((12, 100), (100, 13), (2000, 6)):
        w, a, b = machine_of(d, k, rng)
        w *= 0
        w[3, 5] = 2.5
        w[4, 2] = -700.0  # one unit of either layer is too large to multiply
        rest = (
            np.logaddexp(0, np.delete(a, [2, 5])).sum()
            + np.logaddexp(0, np.delete(b, [3, 4])).sum()
        )
        pairs = [
            np.logaddexp.reduce([0.0, a[i], b[j], a[i] + b[j] + w[j, i]])
            for i, j in ((5, 3), (2, 4))
        ]
        truth = rest + sum(pairs)
        assert exact_log_partition(w, a, b, 2) == pytest.approx(truth, rel=1e-13)


def test_exact_log_z_does_not_overflow_if_all_units_are_large() -> None:
    d, k = 900, 9
    w, a, b = np.full((k, d), 30.0), np.full(d, 10.0), np.zeros(k)
    x = 10.0 + 30.0 * np.arange(k + 1)  # the input with so many hidden units on
    ways = comb(k, np.arange(k + 1))
    truth = np.logaddexp.reduce(np.log(ways) + d * np.logaddexp(0, x))
    assert exact_log_partition(w, a, b, 1) == pytest.approx(truth, rel=1e-13)
    assert exact_log_partition(-w, -a, b, 1) == pytest.approx(
        np.logaddexp.reduce(np.log(ways) + d * np.logaddexp(0, -x)), rel=1e-13
    )


def test_exact_log_z_equals_that_of_the_transposed_machine() -> None:
    rng = np.random.default_rng(3)
    w, a, b = machine_of(40, 14, rng, dtype="float32")
    turned = np.ascontiguousarray(w.T)
    assert exact_log_partition(w, a, b, 1) == exact_log_partition(turned, b, a, 1)


def test_bits_of_exact_log_z_do_not_depend_on_threads() -> None:
    w, a, b = machine_of(50, 15, np.random.default_rng(4))
    assert len({exact_log_partition(w, a, b, jobs) for jobs in (1, 2, 3, 7)}) == 1


def test_exact_likelihoods_of_all_states_sum_to_one() -> None:
    rng = np.random.default_rng(5)
    model = model_of(*machine_of(9, 6, rng))
    v = reference.all_states(9)
    for X in (v, v.astype(bool), v.astype(np.uint8), sp.csr_matrix(v)):
        assert np.exp(model.log_likelihood(X)).sum() == pytest.approx(1.0, abs=1e-12)
    bytes_of = model_of(*machine_of(9, 6, rng), data_max=255)
    found = bytes_of.log_likelihood((v * 255).astype(np.uint8), method="exact")
    assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-12)
    cut = model_of(*machine_of(9, 6, rng), binarize=0.5)
    found = cut.log_likelihood(np.where(v > 0, 0.7, 0.3))
    np.testing.assert_array_equal(found, cut.log_likelihood(v))
    assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-12)


# ---- annealing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 3, 4), (70, 41, 57), (33, 96, 300)], ids=str)
@pytest.mark.parametrize("way", ["up", "down"])
def test_annealing_equals_the_slow_reference(
    shape: tuple[int, int, int], way: str, dtype: str
) -> None:
    d, k, chains = shape
    rng = np.random.default_rng(6)
    w, a, b = machine_of(d, k, rng, 0.5, dtype)
    base = rng.normal(0, 1, d).astype(dtype)
    hidden = (rng.random((chains, k)) < 0.5).astype(dtype)
    betas = np.array([0, 2.0**-20, 0.125, 0.5, 0.75, 1.0])[:: 1 if way == "up" else -1].copy()
    found = anneal(w, a, b, base, betas, hidden, 2**40 + 17, 2)
    wide = (x.astype(np.float64) for x in (w, a, b, base))
    slow = reference.anneal(*wide, betas, hidden.astype(np.float64), 2**40 + 17)
    if dtype == "float64":
        np.testing.assert_allclose(found, slow, rtol=1e-12, atol=1e-12)
    else:  # a draw may be rounded to the other side of a probability: another path
        close = np.isclose(found, slow, rtol=1e-5, atol=1e-5)
        assert close.mean() > 0.9


def test_bits_of_annealing_do_not_depend_on_threads_or_other_chains() -> None:
    rng = np.random.default_rng(7)
    w, a, b = machine_of(100, 70, rng, 0.2, "float32")
    base, betas = np.zeros(100, np.float32), schedule(20)
    hidden = np.zeros((300, 70), np.float32)
    found = [anneal(w, a, b, base, betas, hidden, 5, jobs).tobytes() for jobs in (1, 2, 3, 7)]
    assert len(set(found)) == 1
    fewer = anneal(w, a, b, base, betas, np.ascontiguousarray(hidden[:256]), 5, 1)
    assert found[0].startswith(fewer.tobytes())
    model = model_of(w, a, b, method="pcd")
    options: dict[str, Any] = {"n_chains": 40, "n_betas": 9, "burn_in": 3, "random_state": 3}
    for method in ("ais", "reverse_ais"):
        values = set()
        for jobs in (1, 2, 3, 7):
            model.set_params(n_jobs=jobs)
            values.add(model.log_partition(method, base_rates=np.full(100, 0.3), **options).value)
        assert len(values) == 1


def check_errors(estimates: list[LogPartition], truths: list[float], sign: float) -> None:
    """Mean weights are unbiased, and within 3 errors as often as predicted by theory."""
    off = np.array([np.expm1(sign * (e.value - t)) for e, t in zip(estimates, truths, strict=True)])
    # errors relative to the truth, like `off`
    error = np.array([e.standard_error * (1 + o) for e, o in zip(estimates, off, strict=True)])
    print("sum", off.sum(), "sigma", np.sqrt((error**2).sum()))
    assert abs(off.sum()) < 5 * np.sqrt((error**2).sum())
    outside = sum(
        not e.interval[0] <= t <= e.interval[1] for e, t in zip(estimates, truths, strict=True)
    )
    print("outside", outside)
    # 0.27% for a normal mean; weights are skewed and their deviation is estimated: at most 2%
    assert outside <= binom.isf(3e-7, len(truths), 0.02)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", ["ais", "reverse_ais"])
def test_estimates_agree_with_exact_log_z_on_random_machines(method: str, dtype: str) -> None:
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    estimates, truths = [], []
    for _ in range(100):
        d, k = (int(n) for n in rng.integers(1, 13, 2))
        model = model_of(*machine_of(d, k, rng, 0.7, dtype))
        truths.append(model.log_partition("exact").value)
        estimates.append(
            model.log_partition(
                method,
                n_chains=200,
                n_betas=100,
                burn_in=200,
                random_state=int(rng.integers(2**31)),
            )
        )
    check_errors(estimates, truths, -1.0 if method == "reverse_ais" else 1.0)


def test_few_betas_show_the_direction_of_each_bias() -> None:
    """E[log w] is at most log E[w]: estimates of a chain are too low forward, too high backward."""
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    model = model_of(*machine_of(8, 6, np.random.default_rng(11), 1.5))
    truth = model.log_partition("exact").value
    v = reference.all_states(8)
    p = np.exp(model.log_likelihood(v))
    n = 4000
    starts = v[rng.choice(len(v), n, p=p / p.sum())]  # exact samples
    options: dict[str, Any] = {
        "n_chains": n,
        "betas": [0.0, 0.5, 1.0],
        "base_rates": np.full(8, 0.5),
    }
    forward = model.log_partition("ais", random_state=int(rng.integers(2**31)), **options)
    back = model.log_partition(
        "reverse_ais", start=starts, burn_in=0, random_state=int(rng.integers(2**31)), **options
    )
    for weights, sign in ((forward.log_weights, 1.0), (-back.log_weights, -1.0)):
        gap, error = truth - weights.mean(), weights.std() / np.sqrt(n)
        print("gap", gap, "error", error)
        assert sign * gap > 5 * error
    assert forward.bound == "stochastic lower bound" and back.bound == "stochastic upper bound"
    many = model.log_partition("ais", **{**options, "betas": schedule(300)}, random_state=1)
    assert many.standard_error < forward.standard_error / 2
    assert forward.effective_sample_size < many.effective_sample_size <= n


def test_estimate_is_computed_from_its_weights() -> None:
    rng = np.random.default_rng(8)
    log_w = rng.normal(700.0, 0.4, 500)  # beyond the range of exp()
    w = np.exp(log_w - 700)
    for method, sign in (("ais", 1.0), ("reverse_ais", -1.0)):
        e = LogPartition.of_weights(log_w, method, 9)
        error = w.std(ddof=1) / np.sqrt(500)
        assert e.value == pytest.approx(sign * (700 + np.log(w.mean())))
        assert e.standard_error == pytest.approx(error / w.mean())
        ends = sorted(sign * (700 + np.log(w.mean() + side * 3 * error)) for side in (-1, 1))
        assert e.interval == pytest.approx(tuple(ends))
        assert e.effective_sample_size == pytest.approx(w.sum() ** 2 / (w**2).sum())
        assert (e.n_chains, e.n_betas, float(e)) == (500, 9, e.value)
    wide = LogPartition.of_weights(np.array([0.0, 900.0, 0.0]), "ais", 9)
    assert wide.interval[0] == -np.inf and wide.effective_sample_size == pytest.approx(1)
    lone = LogPartition.of_weights(np.array([5.0]), "ais", 9)
    assert lone.value == 5.0 and lone.standard_error == lone.interval[1] == np.inf
    with pytest.raises(dataclasses.FrozenInstanceError):
        lone.value = 2.0  # type: ignore[misc]


def test_estimates_print() -> None:
    e = LogPartition.of_weights(np.array([10.0, 10.0, 10.0]), "reverse_ais", 30)
    assert str(e) == (
        "log Z = -10.000 +- 0.000, 3 errors [-10.000, -10.000] (reverse AIS: stochastic upper "
        "bound; 3 chains, 30 betas, effective sample size 3.0)"
    )
    model = model_of(*machine_of(3, 2, np.random.default_rng(0)))
    assert str(model.log_partition()).endswith("(exact)")


def test_schedule_equals_that_of_the_paper() -> None:
    betas = schedule(14_500)
    assert betas.shape == (14_501,)
    np.testing.assert_allclose(betas[[0, 500, 4500, 14_500]], [0, 0.5, 0.9, 1], rtol=0, atol=1e-15)
    np.testing.assert_allclose(np.diff(betas[4500:]), 1e-5, rtol=1e-9)
    for n in (3, 4, 10, 1000):
        path = schedule(n)
        assert len(path) == n + 1 and path[0] == 0 and path[-1] == 1
        assert (np.diff(path) > 0).all() and 0.5 in path and 0.9 in path


# ---- the public interface ----------------------------------------------------------------------


def test_auto_is_exact_if_possible() -> None:
    rng = np.random.default_rng(9)
    assert model_of(*machine_of(60, 10, rng, 0.1)).log_partition().method == "exact"
    wide = model_of(*machine_of(30, 26, rng, 0.1))
    found = wide.log_partition(n_chains=30, n_betas=50)
    assert found.method == "ais" and found.n_chains == 30 and found.n_betas == 50
    with pytest.raises(ValueError, match="25 units at most; this machine has 30 visible and 26"):
        wide.log_partition("exact")
    X = (rng.random((5, 30)) < 0.5).astype(float)
    rows = wide.log_likelihood(X, n_chains=30, n_betas=50, random_state=4)
    known = wide.log_partition("ais", n_chains=30, n_betas=50, random_state=4)
    np.testing.assert_array_equal(rows, wide.log_likelihood(X, log_partition=known))
    np.testing.assert_array_equal(rows, -wide.free_energy(X) - known.value)
    assert wide.log_partition(n_chains=3, n_betas=9).value != wide.log_partition(
        n_chains=3, n_betas=9
    ).value  # fmt: skip


def test_given_base_rates_and_initial_states_are_used() -> None:
    rng = np.random.default_rng(10)
    w, a, b = machine_of(40, 30, rng, 0.0)
    model = model_of(w, a, b)
    rates = 1 / (1 + np.exp(-a))
    truth = 30 * np.log(2) + np.logaddexp(0, a).sum()
    model.intercept_hidden_[...] = 0
    # without weights, from its own base rates, the path is constant
    found = model.log_partition("ais", n_betas=5, n_chains=4, base_rates=rates)
    np.testing.assert_allclose(found.log_weights, truth, rtol=1e-12)
    other = model.log_partition("ais", n_betas=5, n_chains=4, base_rates=np.full(40, 0.5))
    assert np.ptp(other.log_weights) > 1e-6
    start = rng.random((3, 40)) < 0.5
    back = model.log_partition("reverse_ais", n_betas=5, n_chains=7, base_rates=rates, start=start)
    np.testing.assert_allclose(back.value, truth, rtol=1e-12)
    assert back.n_chains == 7
    zero = model.log_partition("ais", n_betas=5, n_chains=4, base_rates=np.zeros(40))
    assert np.isfinite(zero.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "method must be one of auto, exact, ais, reverse_ais; got 'guess'"),
        ({"n_chains": 0}, "n_chains must be an integer of at least 1; got 0"),
        ({"n_chains": 2.5}, "n_chains must be an integer of at least 1; got 2.5"),
        ({"n_betas": 2}, "n_betas must be an integer of at least 3; got 2"),
        ({"burn_in": -1}, "burn_in must be an integer of at least 0; got -1"),
        ({"betas": [0.0, 0.5]}, "betas must be numbers that begin with 0 and end with 1"),
        ({"betas": [0.0, np.nan, 1.0]}, "betas must rise"),
        ({"betas": [0.0, 0.5, 0.5, 1.0]}, "betas must rise"),
        ({"base_rates": [0.5]}, r"base_rates must have shape \(4,\); got \(1,\)"),
        ({"base_rates": [0.5, 0.5, 1.5, 0]}, "base_rates must be means of states"),
        ({"base_rates": [0.5, 0.5, np.nan, 0]}, "base_rates must be means of states"),
        ({"method": "reverse_ais", "start": "chains"}, "start='chains': give None"),
        ({"method": "reverse_ais", "start": np.zeros((2, 5))}, "5 features, but BernoulliRBM"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str) -> None:
    model = model_of(*machine_of(4, 3, np.random.default_rng(0)))
    with pytest.raises(ValueError, match=message):
        model.log_partition(**{"method": "ais", "n_betas": 5, **options})


def test_rows_that_are_not_binary_are_rejected() -> None:
    model = model_of(*machine_of(4, 3, np.random.default_rng(0)))
    half = np.array([[0.0, 1.0, 0.5, 1.0]])
    for X in (half, sp.csr_matrix(half)):
        with pytest.raises(ValueError, match=r"X must hold states of 0 and 1; it holds 0\.5"):
            model.log_likelihood(X)
    for bad, message in (
        (np.zeros((2, 3)), "3 features"),
        (np.full((2, 4), np.nan), "NaN"),
        (np.zeros((0, 4)), "0 sample"),
    ):
        with pytest.raises(ValueError, match=message):
            model.log_likelihood(bad)
    with pytest.raises(ValueError, match="so n_chains would not be used"):
        model.log_likelihood(np.zeros((1, 4)), log_partition=1.0, n_chains=3)
    bytes_of = model_of(*machine_of(4, 3, np.random.default_rng(0)), data_max=255)
    with pytest.raises(ValueError, match="states of 0 and 255; it holds 1"):
        bytes_of.log_likelihood(np.ones((1, 4), np.uint8))
    with pytest.raises(ValueError, match="not fitted"):
        BernoulliRBM().log_partition()


def test_core_rejects_mismatched_arrays() -> None:
    w, a, b = machine_of(4, 3, np.random.default_rng(0))
    hidden, betas = np.zeros((2, 3)), np.array([0.0, 1.0])
    with pytest.raises(ValueError, match="must belong to one machine"):
        exact_log_partition(w, b, a, 1)
    with pytest.raises(ValueError, match="base must have one entry"):
        anneal(w, a, b, b, betas, hidden, 0, 1)
    with pytest.raises(ValueError, match="at least two entries"):
        anneal(w, a, b, a, betas[:1], hidden, 0, 1)
    with pytest.raises(ValueError, match="hidden must have one column"):
        anneal(w, a, b, a, betas, np.zeros((2, 4)), 0, 1)
    large = np.zeros((31, 31))
    with pytest.raises(ValueError, match="too many units"):
        exact_log_partition(large, large[0], large[0], 1)


@pytest.mark.parametrize("method", ["exact", "ais", "reverse_ais"])
def test_ctrl_c_interrupts_soon(method: str) -> None:
    k = 25 if method == "exact" else 300
    rng = np.random.default_rng(0)
    model = model_of(*machine_of(2000, k, rng, 0.1, "float32"), n_jobs=2)
    with answered_ctrl_c(0.3, 2) as press:
        press()
        model.log_partition(method, n_chains=300, n_betas=10**6, burn_in=10**6)
