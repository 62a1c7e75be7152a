"""Gaussian mixtures fitted to rows with NaN: exact sums, exact likelihoods, invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gibbous.gmm.data
import gibbous.gmm.queries
from gibbous import GaussianMixture
from gibbous._ground import isa as _isa
from gibbous._rows.patterns import Patterns, has_missing
from gibbous._rows.rows import Block
from gibbous.gmm.em.missing import accumulate
from gibbous.gmm.em.starts import start
from gibbous.gmm.parameters import Parameters, covariance_shape
from reference import gmm as complete
from reference import gmm_missing as reference
from support.em import em as engine_on
from support.holes import FITTED, INITS, TYPES, fitted, holes


def parameters(kind, k, d, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((k, d, d))
    c = a @ a.swapaxes(1, 2) / d + 0.3 * np.eye(d)
    c = {
        "full": c,
        "tied": c[0],
        "diag": np.einsum("kaa->ka", c),
        "spherical": c[:, 0, 0],
    }[kind]
    return Parameters(
        rng.dirichlet(np.full(k, 3.0)).astype(dtype),
        rng.standard_normal((k, d)).astype(dtype),
        np.ascontiguousarray(c, dtype),
        np.empty(c.shape, dtype),
    )


def mixture(p, dtype=np.longdouble):
    return complete.Mixture(*(a.astype(dtype) for a in (p.weights, p.means, p.covariances)))


def mixture_of(model):
    return complete.Mixture(model.weights_, model.means_, model.covariances_)


# ---- the E-step ----


def packed(s2, kind):
    """Return full second moments (k, d, d) in the layout of the core."""
    low = np.tril_indices(s2.shape[1])
    return {
        "full": s2[:, low[0], low[1]],
        "tied": s2.sum(0)[low],
        "diag": np.einsum("kaa->ka", s2),
        "spherical": np.einsum("kaa->k", s2),
    }[kind].ravel()


#: Rows with one pattern each, with a few patterns, and with patterns that many rows share.
SHAPES = ["all different", "few rows a pattern", "many rows a pattern"]


def patterned(shape, n, d, rng):
    if shape == "all different":
        mask = rng.random((n, d)) < 0.5
    else:
        patterns = rng.random((n // 12 if shape == "few rows a pattern" else 1, d)) < 0.4
        mask = patterns[rng.integers(len(patterns), size=n)]
        if shape == "many rows a pattern":
            mask[: n // 3, :] = np.arange(d) == d - 1
            mask[n // 3 : 2 * n // 3] = False
    mask[:: n // 4] = True  # nothing observed
    return mask


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("d", "k"), [(1, 2), (2, 1), (4, 3), (7, 6)])
def test_expected_statistics_equal_those_of_plain_loops(kind, shape, d, k):
    rng = np.random.default_rng([d, k])
    n = 420 if shape == "many rows a pattern" else 60
    for dtype, bound in ((np.float64, 1e-13), (np.float32, 2e-5)):
        p = parameters(kind, k, d, seed=d, dtype=dtype)
        X = rng.standard_normal((n, d)).astype(dtype)
        X[patterned(shape, n, d, rng)] = np.nan
        weight = rng.uniform(0, 2, n).astype(dtype)
        weight[::7] = 0
        for about in (None, (p.means + rng.standard_normal(p.means.shape)).astype(dtype)):
            sums = (
                np.empty(k),
                np.empty((k, d)),
                np.empty(_isa.core.gmm.second_moments(kind, k, d, False)),
            )
            value = accumulate(Block(0, X, weight), Patterns.of(X, kind), kind, p, about, sums, 2)
            truth, nk, s1, s2 = reference.statistics(X, mixture(p), kind, weight, about)
            assert value == pytest.approx(truth, rel=bound)
            # sums of n rows whose entries are about 1: rounding grows at most linearly
            assert np.abs(sums[0] - nk).max() < bound * n
            assert np.abs(sums[1] - s1).max() < bound * n
            assert np.abs(sums[2] - packed(s2, kind)).max() < bound * n * (d if d > 4 else 4)


@pytest.mark.parametrize("kind", TYPES)
def test_iterations_equal_those_of_plain_loops(kind):
    X = holes(120, 4, 2, 0.35, seed=3)
    X[5] = np.nan
    weight = np.random.default_rng(0).uniform(0.2, 3, len(X))
    means = np.random.default_rng(1).standard_normal((2, 4))
    shape = covariance_shape(kind, 2, 4)
    precisions = np.broadcast_to(np.eye(4) if kind in ("full", "tied") else 1.0, shape)
    model = GaussianMixture(
        2,
        covariance_type=kind,
        tol=0.0,
        max_iter=4,
        reg_covar=1e-3,
        weights_init=[0.3, 0.7],
        means_init=means,
        precisions_init=precisions,
    )
    fitted(model, X, sample_weight=weight)
    m = complete.Mixture(np.array([0.3, 0.7]), means, np.array(precisions))
    values = []
    for _ in range(4):
        value, m = reference.step(X, m, kind, 1e-3, weight)
        values.append(value)
    assert model.lower_bounds_ == pytest.approx(values, rel=1e-12)
    for name, expected in zip(
        ("weights_", "means_", "covariances_"), (m.weights, m.means, m.covariances), strict=True
    ):
        assert np.abs(getattr(model, name) - expected).max() < 1e-11, name


@pytest.mark.parametrize("kind", TYPES)
def test_large_moves_of_means_do_not_cancel_in_the_variances(kind):
    # one step moves the mean by a million widths: sums about the old mean would cancel
    rng = np.random.default_rng(4)
    X = rng.standard_normal((300, 3)) + 1e6
    X[rng.random(X.shape) < 0.2] = np.nan
    precisions = np.broadcast_to(
        np.eye(3) if kind in ("full", "tied") else 1.0, covariance_shape(kind, 1, 3)
    )
    model = GaussianMixture(
        1,
        covariance_type=kind,
        max_iter=1,
        reg_covar=0.0,
        weights_init=[1.0],
        means_init=np.zeros((1, 3)),
        precisions_init=precisions,
    )
    fitted(model, X)
    start = complete.Mixture(np.ones(1), np.zeros((1, 3)), np.array(precisions, np.longdouble))
    _, m = reference.step(X, start, kind, 0.0)
    assert np.abs(model.covariances_ / m.covariances - 1).max() < 1e-8


# ---- nothing missing ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fit_without_missing_entries_is_bit_identical_to_the_fit_of_complete_rows(
    kind, dtype, monkeypatch
):
    X = holes(500, 5, 3, 0.0, dtype=dtype)
    weight = np.random.default_rng(2).uniform(0, 2, 500)
    model = GaussianMixture(3, covariance_type=kind, random_state=0, max_iter=30, tol=0)
    fitted(model, X, sample_weight=weight)
    told = model.predict_proba(X), model.score_samples(X), model.predict(X)
    # now with an algorithm that cannot handle NaN
    monkeypatch.setattr(gibbous.gmm.data, "has_missing", lambda _: False)
    monkeypatch.setattr(gibbous.gmm.queries, "has_missing", lambda _: False)
    plain = fitted(GaussianMixture(**model.get_params()), X, sample_weight=weight)
    for name in FITTED:
        assert getattr(plain, name).tobytes() == getattr(model, name).tobytes()
    assert plain.lower_bounds_ == model.lower_bounds_
    again = plain.predict_proba(X), plain.score_samples(X), plain.predict(X)
    for a, b in zip(told, again, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("n", [40, 700])
def test_complete_rows_give_the_same_steps_in_both_engines(kind, n):
    X = holes(n, 5, 2, 0.0, seed=6, spread=1.0)
    weight = np.random.default_rng(2).uniform(0, 2, n)
    settings_ = dict(covariance_type=kind, reg_covar=1e-6, k=2, threads=2)
    plain = engine_on(X, weight, **settings_)
    missing = engine_on(X, weight, missing=True, **settings_)
    for init in INITS:
        p, failed = start(plain, init, 5)
        q, also = start(missing, init, 5)
        assert failed == also == -1
        for _ in range(3):
            assert np.abs(p.means - q.means).max() < 1e-12
            assert np.abs(p.covariances - q.covariances).max() < 1e-11
            value, p, _ = plain.step(p)
            other, q, _ = missing.step(q)
            assert value == pytest.approx(other, rel=1e-12)


def test_nan_is_detected_and_large_numbers_are_not_nan():
    X = np.full((3, 2), 1e308)
    assert not has_missing(X)
    assert not has_missing(np.r_[X, -X])
    assert not has_missing(np.full((3, 2), 3e38, np.float32))
    X[1, 1] = np.nan
    assert has_missing(X)


def test_patterns():
    rng = np.random.default_rng(0)
    for d in (1, 7, 64, 65, 130):
        X = rng.standard_normal((300, d))
        X[rng.random((300, d)) < 1.5 / d] = np.nan
        found = Patterns.of(X, "full")
        assert sorted(found.rows) == list(range(300))
        mask = np.isnan(X)
        seen = set()
        for begin, end in zip(found.starts[:-1], found.starts[1:], strict=True):
            rows = found.rows[begin:end]
            assert (mask[rows] == mask[rows[0]]).all()
            assert (np.diff(rows) > 0).all()
            seen.add(mask[rows[0]].tobytes())
        assert len(seen) == len(found) == len(np.unique(mask, axis=0))
    assert Patterns.of(X, "diag") is None


# ---- the likelihood of the observed entries ----


def integral(log_density, axis, center, reach):
    """Integrate exp(log_density(rows)) over some columns of a row by the trapezoidal rule.

    It converges faster than any power for smooth functions such as these that vanish at both ends.
    """
    steps = 401 if len(axis) == 1 else 161
    grid = np.linspace(-reach, reach, steps)
    points = np.stack(np.meshgrid(*[grid] * len(axis), indexing="ij"), -1).reshape(-1, len(axis))
    rows = np.tile(center, (len(points), 1))
    rows[:, axis] = points
    return rows, np.exp(log_density(rows)) * (grid[1] - grid[0]) ** len(axis)


@pytest.mark.parametrize("kind", TYPES)
def test_marginal_likelihood_is_the_integral_over_missing_entries(kind):
    X = holes(200, 3, 3, 0.2, seed=7, spread=1.5)
    model = GaussianMixture(3, covariance_type=kind, random_state=0, reg_covar=0.05, max_iter=20)
    fitted(model, X)
    reach = 25.0  # the largest standard deviation of a component is below 3
    assert np.sqrt(np.max(model.covariances_)) < 3
    for missing in ([0], [1], [2], [0, 2], [1, 2]):
        row = np.array([0.3, -0.7, 1.1])
        _, mass = integral(model.score_samples, missing, row, reach)
        row[missing] = np.nan
        assert model.score_samples(row[None])[0] == pytest.approx(np.log(mass.sum()), abs=1e-9)
    # the integral over everything: no entry is observed
    assert model.score_samples(np.full((1, 3), np.nan))[0] == 0.0


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("n", [30, 400])
def test_posterior_of_rows_with_missing_entries(kind, n):
    X = holes(n, 4, 3, 0.4, seed=8, spread=1.0)
    if n == 400:
        X[:300, 1:] = np.random.default_rng(0).standard_normal((300, 3))
        X[:150, 0] = np.nan  # two patterns of many rows
        X[150:300, 0] = 1.0
    X[3] = np.nan
    for dtype, bound in ((np.float64, 1e-11), (np.float32, 1e-4)):
        model = GaussianMixture(3, covariance_type=kind, random_state=1, max_iter=5, reg_covar=1e-2)
        rows = X.astype(dtype)
        fitted(model, rows)
        log_prob, r, _, _ = reference.posterior(rows, mixture_of(model), kind)
        proba = model.predict_proba(rows)
        assert proba.dtype == model.score_samples(rows).dtype == dtype
        assert np.abs(proba - r).max() < bound
        assert np.abs(model.score_samples(rows) - log_prob).max() < bound * 100
        assert np.abs(proba.sum(1) - 1).max() < 4 * np.finfo(dtype).eps
        assert (model.predict(rows) == proba.argmax(1)).all()
        assert model.score_samples(rows)[3] == 0
        assert proba[3] == pytest.approx(model.weights_, abs=1e-6)
        assert model.bic(rows) == pytest.approx(
            -2 * model.score_samples(rows).sum(dtype=float) + model._n_parameters() * np.log(n),
            rel=1e-5,
        )


def pivot_noise(model):
    """How much a rounding error of the covariance grows in the variance of the thinnest
    direction."""
    if model.covariance_type not in ("full", "tied"):
        return 1.0
    c, u = model.covariances_.astype(float), np.abs(model.precisions_cholesky_.astype(float))
    widths = np.sqrt(np.diagonal(c, axis1=-2, axis2=-1))
    return ((widths[..., None] * u).sum(-2) ** 2).max()


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_observed_likelihood_never_decreases(kind, data):
    n, d = data.draw(st.integers(8, 60)), data.draw(st.integers(1, 5))
    k = data.draw(st.integers(1, 3))
    seed = data.draw(st.integers(0, 2**31))
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * data.draw(st.sampled_from([1e-2, 1.0, 1e2]))
    X[rng.random((n, d)) < data.draw(st.sampled_from([0.05, 0.3, 0.6]))] = np.nan
    X[0] = 0.0  # every column has been observed
    weight = rng.uniform(0.1, 3, n) if data.draw(st.booleans()) else None
    model = GaussianMixture(
        k,
        covariance_type=kind,
        tol=0.0,
        max_iter=12,
        reg_covar=0.0,
        random_state=seed,
        init_params=data.draw(st.sampled_from(["random", "kmeans"])),
    )
    try:
        fitted(model, X.astype(dtype), sample_weight=weight)
    except ValueError:  # a component collapsed
        return
    bounds = np.array(model.lower_bounds_)
    size = np.maximum(1.0, np.abs(bounds).max())
    eps = np.finfo(dtype).eps
    slack = (1e-9 if dtype == np.float64 else 1e-4) * size + 100 * eps * pivot_noise(model)
    assert (np.diff(bounds) >= -slack).all(), (bounds, slack)


@pytest.mark.parametrize("kind", TYPES)
def test_result_does_not_depend_on_the_order_of_rows_and_columns(kind):
    X = holes(300, 5, 2, 0.3, seed=9)
    weight = np.random.default_rng(0).uniform(0.5, 2, 300)
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(300), rng.permutation(5)
    means = np.nanmean(X, axis=0) + rng.standard_normal((2, 5))
    shape = covariance_shape(kind, 2, 5)
    base = dict(covariance_type=kind, tol=0.0, max_iter=6, weights_init=[0.5, 0.5])
    eye = np.broadcast_to(np.eye(5) if kind in ("full", "tied") else 1.0, shape)
    a = GaussianMixture(2, means_init=means, precisions_init=eye, **base)
    b = GaussianMixture(2, means_init=means[:, columns], precisions_init=eye, **base)
    fitted(a, X, sample_weight=weight)
    fitted(b, X[rows][:, columns], sample_weight=weight[rows])
    assert a.lower_bounds_ == pytest.approx(b.lower_bounds_, rel=1e-12)
    assert np.abs(a.means_[:, columns] - b.means_).max() < 1e-11
    c = a.covariances_
    c = c[..., columns[:, None], columns] if kind in ("full", "tied") else c
    c = c[:, columns] if kind == "diag" else c
    assert np.abs(c - b.covariances_).max() < 1e-10


@pytest.mark.parametrize("kind", TYPES)
def test_weights_equal_repetitions_and_empty_rows_have_no_effect(kind):
    X = holes(80, 3, 2, 0.3, seed=10)
    weight = np.random.default_rng(3).integers(0, 4, len(X))
    base = dict(covariance_type=kind, tol=0.0, max_iter=5, random_state=0)
    means = np.nanmean(X, axis=0) + np.array([[-1.0], [1.0]])
    weighted = fitted(GaussianMixture(2, means_init=means, **base), X, sample_weight=weight)
    repeated = fitted(GaussianMixture(2, means_init=means, **base), np.repeat(X, weight, axis=0))
    # weights and covariances of the start come from K-means on another number of rows
    for name in FITTED:
        assert getattr(weighted, name).shape == getattr(repeated, name).shape
    start = dict(
        weights_init=[0.4, 0.6],
        means_init=means,
        precisions_init=np.broadcast_to(
            np.eye(3) if kind in ("full", "tied") else 1.0, covariance_shape(kind, 2, 3)
        ),
    )
    weighted = fitted(GaussianMixture(2, **start, **base), X, sample_weight=weight)
    repeated = fitted(GaussianMixture(2, **start, **base), np.repeat(X, weight, axis=0))
    assert np.abs(weighted.means_ - repeated.means_).max() < 1e-12
    assert np.abs(weighted.covariances_ - repeated.covariances_).max() < 1e-12
    # rows without observed entries slow EM down, but do not change its fixed points
    long = dict(base, tol=1e-12, max_iter=5000)
    plain = GaussianMixture(2, **start, **long).fit(X)
    empty = GaussianMixture(2, **start, **long).fit(np.r_[X, np.full((20, 3), np.nan)])
    assert np.abs(plain.means_ - empty.means_).max() < 1e-4
    assert empty.lower_bound_ == pytest.approx(plain.lower_bound_ * len(X) / (len(X) + 20))


def test_incomplete_rows_correct_the_bias_of_complete_rows():
    # x_1 is missing if x_0 is large: missing at random. The mean of x_1 over the rows that have it
    # is far off; that of EM is not (Little and Rubin 2002, section 1.3)
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    n = 20000
    x = rng.standard_normal(n)
    X = np.c_[x, 0.8 * x + 0.6 * rng.standard_normal(n)]
    X[x > 0, 1] = np.nan
    model = GaussianMixture(1, tol=1e-9, max_iter=1000).fit(X)
    assert np.nanmean(X[:, 1]) < -0.5
    # regression on half of the rows, extrapolated: five standard errors of about 1.9 / sqrt(n)
    assert abs(model.means_[0, 1]) < 5 * 1.9 / np.sqrt(n), f"seed {seed}"
    assert abs(model.covariances_[0, 0, 1] - 0.8) < 0.1, f"seed {seed}"
