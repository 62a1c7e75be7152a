"""Gaussian mixtures: comparison with references, identities, invariants."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.mixture
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning

import gibbous.gmm.em.complete
from gibbous import GaussianMixture, KMeans
from gibbous.gmm.queries import parameters_of
from reference import gmm as reference

TYPES = ["full", "tied", "diag", "spherical"]


def blobs(n, d, k, *, seed=0, spread=3.0, widths=None, shift=0.0, dtype=np.float64):
    """Return rows from k Gaussians and means near theirs."""
    rng = np.random.default_rng(seed)
    centers = spread * rng.standard_normal((k, d)) + shift
    widths = np.ones(k) if widths is None else np.asarray(widths)
    z = rng.integers(k, size=n)
    X = centers[z] + rng.standard_normal((n, d)) * widths[z, None]
    start = centers + 0.2 * rng.standard_normal((k, d)) * widths[:, None]
    return np.ascontiguousarray(X, dtype=dtype), start


def unit_precisions(kind, k, d, variance=1.0):
    return {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[kind] / variance


def fitted(model, X, **fit):
    """Fit a fixed number of iterations without its warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **fit)


def relative(a, b):
    """Return the largest difference relative to the largest entry of b."""
    a, b = np.asarray(a, np.longdouble), np.asarray(b, np.longdouble)
    return float(np.abs(a - b).max() / np.abs(b).max())


# ---- equality ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("n", "d", "k", "spread", "scales"),
    [
        (500, 1, 2, 3.0, 1.0),
        (400, 2, 3, 2.0, 1.0),
        (999, 5, 7, 1.5, 1.0),
        (1500, 16, 5, 1.0, 1.0),
        (900, 23, 3, 1.0, 1.0),
        (700, 40, 4, 0.5, 1.0),
        (600, 6, 3, 2.0, np.logspace(-3, 3, 6)),
    ],
)
def test_equals_scikit_learn_from_the_same_start(kind, n, d, k, spread, scales):
    X, means = blobs(n, d, k, seed=n, spread=spread)
    X, means = X * scales, means * scales
    settings_ = dict(
        covariance_type=kind,
        tol=0.0,
        max_iter=6,
        reg_covar=1e-9,
        weights_init=np.full(k, 1 / k),
        means_init=means,
        precisions_init=unit_precisions(kind, k, d) if np.isscalar(scales) else None,
        random_state=0,
    )
    if not np.isscalar(scales):  # badly scaled columns: use their own variances for the start
        variance = X.var(0)
        settings_["precisions_init"] = {
            "full": np.tile(np.diag(1 / variance), (k, 1, 1)),
            "tied": np.diag(1 / variance),
            "diag": np.tile(1 / variance, (k, 1)),
            "spherical": np.full(k, 1 / variance.mean()),
        }[kind]
    ours = fitted(GaussianMixture(k, **settings_), X)
    theirs = fitted(sklearn.mixture.GaussianMixture(k, **settings_), X)
    assert relative(ours.lower_bounds_, theirs.lower_bounds_) < 1e-9
    assert relative(ours.weights_, theirs.weights_) < 1e-9
    assert relative(ours.means_ / scales, theirs.means_ / scales) < 1e-9
    outer = {"full": np.outer(np.ones(d) * scales, np.ones(d) * scales), "diag": scales**2}
    outer["tied"] = outer["full"]
    size = outer.get(kind, 1.0)
    assert relative(ours.covariances_ / size, theirs.covariances_ / size) < 1e-9
    assert relative(ours.predict_proba(X), theirs.predict_proba(X)) < 1e-9
    assert relative(ours.score_samples(X), theirs.score_samples(X)) < 1e-9
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert ours.bic(X) == pytest.approx(theirs.bic(X), rel=1e-12)
    assert ours.aic(X) == pytest.approx(theirs.aic(X), rel=1e-12)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("shift", "spread", "widths"),
    [
        (1e6, 3.0, [1.0, 1.0, 1.0, 1.0]),
        (0.0, 10.0, [1e-3, 1e-1, 1e1, 1e3]),
        (0.0, 1e3, [1e-3, 1e-1, 1e1, 1e3]),
        (1e6, 1e3, [1e-3, 1e-3, 1e-3, 1e-3]),
        (0.0, 1e6, [1e-3, 1e-3, 1e3, 1e3]),
    ],
)
def test_equals_long_double_far_away_and_for_any_width(kind, shift, spread, widths):
    X, means = blobs(800, 5, 4, seed=3, spread=spread, widths=widths, shift=shift)
    variance = np.asarray(widths) ** 2
    precisions = {
        "full": np.eye(5) / variance[:, None, None],
        "tied": np.eye(5) / variance.mean(),
        "diag": np.ones((4, 5)) / variance[:, None],
        "spherical": 1 / variance,
    }[kind]
    model = GaussianMixture(
        4,
        covariance_type=kind,
        tol=0.0,
        max_iter=1,
        reg_covar=0.0,
        weights_init=np.full(4, 0.25),
        means_init=means,
        precisions_init=precisions,
    )
    start = reference.Mixture(
        np.full(4, np.longdouble(0.25)),
        means.astype(np.longdouble),
        np.linalg.inv(precisions) if kind in ("full", "tied") else 1 / precisions,
    )
    value, m = reference.step(X, start, kind, 0.0)
    fitted(model, X)
    width = np.sqrt(
        np.array([np.diag(reference.covariance_of(m, kind, k)) for k in range(4)], float)
    )
    assert model.lower_bound_ == pytest.approx(value, rel=1e-9)
    assert np.abs(model.weights_ - m.weights).max() < 1e-9
    # means relative to themselves or, if that is larger, to the width of their component
    size = np.maximum(np.abs(m.means), width)
    assert (np.abs(model.means_ - m.means) / size).max() < 1e-9
    if kind == "full":
        size = width[:, :, None] * width[:, None, :]
    elif kind == "tied":
        size = np.outer(width[0], width[0])
    else:
        size = m.covariances
    assert (np.abs(model.covariances_ - m.covariances) / size).max() < 1e-9


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("d", "k"), [(1, 1), (3, 2), (16, 4), (33, 3)])
def test_sums_about_the_center_and_about_the_means_agree(kind, d, k, monkeypatch):
    X, means = blobs(700, d, k, seed=d, spread=2.0)
    rng = np.random.default_rng(d)
    weight = rng.uniform(0, 3, len(X))
    results = []
    for limit in (2.0**18, 0.0):
        monkeypatch.setitem(gibbous.gmm.em.complete.FOLD_LIMIT, np.dtype(np.float64), limit)
        model = GaussianMixture(
            k,
            covariance_type=kind,
            tol=0.0,
            max_iter=4,
            weights_init=np.full(k, 1 / k),
            means_init=means,
            precisions_init=unit_precisions(kind, k, d),
        )
        results.append(fitted(model, X, sample_weight=weight))
    folded, direct = results
    assert relative(folded.means_, direct.means_) < 1e-12
    assert relative(folded.covariances_, direct.covariances_) < 1e-12
    assert relative(folded.lower_bounds_, direct.lower_bounds_) < 1e-13


def test_shrinking_components_switch_to_the_accurate_kernels():
    # one step reduces the variance from 1 to 1e-14: it must be repeated about the means
    rng = np.random.default_rng(5)
    X = np.concatenate([rng.normal(-1e3, 1e-7, (50, 2)), rng.normal(1e3, 1e-7, (50, 2))])
    for kind in TYPES:
        model = GaussianMixture(
            2,
            covariance_type=kind,
            max_iter=1,
            reg_covar=0.0,
            weights_init=[0.5, 0.5],
            means_init=[[-1e3, -1e3], [1e3, 1e3]],
            precisions_init=unit_precisions(kind, 2, 2, 1e4),
        )
        fitted(model, X)
        start = reference.Mixture(
            np.full(2, np.longdouble(0.5)),
            np.array([[-1e3, -1e3], [1e3, 1e3]], np.longdouble),
            1e4 * unit_precisions(kind, 2, 2).astype(np.longdouble),
        )
        _, m = reference.step(X, start, kind, 0.0)
        # ulps of the data are 1e-13, so that variances of 1e-14 are accurate to about 1e-6
        assert relative(model.covariances_, m.covariances) < 1e-5, kind


def test_old_faithful(data_folder):
    X = np.loadtxt(data_folder / "faithful.csv", delimiter=",", skiprows=1)[:, -2:]
    model = GaussianMixture(
        3, covariance_type="tied", tol=1e-10, max_iter=5000, n_init=5, random_state=0
    ).fit(X)
    total = model.score(X) * len(X)
    # mclust's EEE,3 prints -1126.326: it stopped a hundredth below the optimum
    assert total == pytest.approx(-1126.316, abs=1e-3)
    stopped = GaussianMixture(3, covariance_type="tied", tol=1e-5, random_state=1).fit(X)
    assert stopped.score(X) * len(X) == pytest.approx(-1126.326, abs=3e-3)
    assert model._n_parameters() == 11


@pytest.mark.parametrize("kind", TYPES)
def test_float32_stays_float32_and_is_close_to_float64(kind):
    X, means = blobs(2000, 6, 3, seed=1)
    fits = {}
    for dtype in (np.float64, np.float32):
        model = GaussianMixture(
            3, covariance_type=kind, means_init=means, random_state=0, tol=1e-6, max_iter=200
        ).fit(X.astype(dtype))
        fits[dtype] = model
        for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
            assert getattr(model, name).dtype == dtype
        assert model.predict_proba(X.astype(dtype)).dtype == dtype
        assert model.score_samples(X.astype(dtype)).dtype == dtype
    # 24 bits, sums over 2000 rows, a condition number below 10: 1e-4 leaves a factor of ten
    assert relative(fits[np.float32].means_, fits[np.float64].means_) < 1e-4
    assert relative(fits[np.float32].covariances_, fits[np.float64].covariances_) < 1e-3


# ---- identities ----


@pytest.mark.parametrize("kind", TYPES)
def test_weights_are_repetitions_and_zero_weights_remove(kind):
    X, means = blobs(300, 4, 3, seed=2)
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    base = dict(
        covariance_type=kind,
        tol=0.0,
        max_iter=5,
        weights_init=np.full(3, 1 / 3),
        means_init=means,
        precisions_init=unit_precisions(kind, 3, 4),
    )
    weighted = fitted(GaussianMixture(3, **base), X, sample_weight=weight)
    repeated = fitted(GaussianMixture(3, **base), np.repeat(X, weight, axis=0))
    scaled = fitted(GaussianMixture(3, **base), X, sample_weight=weight * 7.5)
    for other in (repeated, scaled):
        assert relative(weighted.means_, other.means_) < 1e-12
        assert relative(weighted.covariances_, other.covariances_) < 1e-12
        assert weighted.lower_bound_ == pytest.approx(other.lower_bound_, rel=1e-12)
    assert weighted.score(X, sample_weight=weight) == pytest.approx(
        repeated.score(np.repeat(X, weight, axis=0)), rel=1e-12
    )


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_only_ratios_of_weights_count(kind, dtype):
    X, _ = blobs(400, 3, 4, seed=5, spread=2.0, dtype=dtype)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X)).astype(dtype)
    plain = GaussianMixture(4, covariance_type=kind, random_state=0).fit(X, sample_weight=weight)
    for power in (-100, -20, 20, 100):  # powers of two: scaling them is exact
        factor = dtype(2.0**power)
        model = GaussianMixture(4, covariance_type=kind, random_state=0)
        model.fit(X, sample_weight=weight * factor)
        assert relative(model.means_, plain.means_) < 1e-12
        assert relative(model.covariances_, plain.covariances_) < 1e-12


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("d", [3, 25])
def test_large_moves_of_means_do_not_cancel_in_the_variances(kind, d):
    X, _ = blobs(500, d, 1, seed=7)
    for shift in (1e5, 1e8):
        rows = X + shift
        model = GaussianMixture(
            1,
            covariance_type=kind,
            max_iter=1,
            reg_covar=0.0,
            weights_init=[1.0],
            means_init=np.zeros((1, d)),
            precisions_init=unit_precisions(kind, 1, d),
        )
        fitted(model, rows)
        z = rows.astype(np.longdouble) - rows.astype(np.longdouble).mean(0)
        full = z.T @ z / len(z)
        c = {"full": full[None], "tied": full, "diag": np.diag(full)[None]}.get(
            kind, np.diag(full).mean()[None]
        )
        assert relative(model.covariances_, c) < 1e-9


def test_float32_rows_keep_the_digits_of_a_float64_model():
    X, _ = blobs(300, 2, 2, seed=1, spread=1.0, widths=[1e-2, 1e-2], shift=1000.0)
    model = GaussianMixture(2, random_state=0).fit(X)
    rows = X.astype(np.float32)
    assert model.score_samples(rows).dtype == np.float64
    assert relative(model.score_samples(rows), model.score_samples(rows.astype(float))) == 0


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_rows_without_weight_never_start_a_component(init_params):
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(50, 1, (60, 2))])
    weight = np.r_[np.ones(60), np.zeros(60)]
    for seed in range(5):
        model = GaussianMixture(3, init_params=init_params, random_state=seed, max_iter=0).fit(
            X, sample_weight=weight
        )
        assert (model.means_ < 25).all()


def pivot_noise(model):
    """How much a rounding error of the covariance grows in the variance of the thinnest
    direction."""
    if model.covariance_type not in ("full", "tied"):
        return 1.0
    c, u = model.covariances_, np.abs(model.precisions_cholesky_)
    widths = np.sqrt(np.diagonal(c, axis1=-2, axis2=-1))
    return ((widths[..., None] * u).sum(-2) ** 2).max()


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_likelihood_never_decreases(kind, data):
    n, d = data.draw(st.integers(5, 60)), data.draw(st.integers(1, 5))
    k = data.draw(st.integers(1, min(4, n)))
    seed = data.draw(st.integers(0, 2**31))
    scale = data.draw(st.sampled_from([1e-3, 1.0, 1e3]))
    X = np.random.default_rng(seed).standard_normal((n, d)) * scale
    X += data.draw(st.sampled_from([0.0, 1e3]))
    weight = data.draw(arrays(float, n, elements=st.floats(0, 5)).filter(lambda w: w.sum() > 1))
    model = GaussianMixture(
        k,
        covariance_type=kind,
        tol=0.0,
        max_iter=15,
        reg_covar=0.0,
        precisions_init=unit_precisions(kind, k, d, scale**2),
        random_state=seed,
        init_params="random",
        on_collapse="raise",
    )
    try:
        fitted(model, X, sample_weight=weight)
    except ValueError:  # a component collapsed: other tests check the history up to there
        return
    bounds = np.array(model.lower_bounds_)
    # the likelihood of a collapsing component is unbounded, and rounding grows with its logarithm
    size = np.maximum(1.0, np.abs(bounds).max())
    slack = 1e-9 * size + 100 * np.finfo(float).eps * pivot_noise(model)
    assert (np.diff(bounds) >= -slack).all(), (bounds, slack)


@pytest.mark.parametrize("kind", ["full", "tied"])
@pytest.mark.parametrize("seed", range(50))
def test_covariance_of_lower_rank_is_a_collapse(kind, seed):
    X = np.random.default_rng(seed).standard_normal((5, 5))
    with pytest.raises(ValueError, match=r"collapsed|ill-defined"):
        fitted(GaussianMixture(1, covariance_type=kind, reg_covar=0.0, on_collapse="raise"), X)


@pytest.mark.parametrize("kind", TYPES)
def test_posterior_identities(kind):
    X, _ = blobs(500, 3, 4, seed=4, spread=1.0)
    model = GaussianMixture(4, covariance_type=kind, random_state=1, max_iter=500).fit(X)
    r = model.predict_proba(X)
    assert np.abs(r.sum(1) - 1).max() < 1e-14
    assert (r >= 0).all()
    assert (r.argmax(1) == model.predict(X)).all()
    log_prob, expected = reference.responsibilities(
        X, reference.Mixture(model.weights_, model.means_, model.covariances_), kind
    )
    assert relative(r, expected) < 1e-12
    assert relative(model.score_samples(X), log_prob) < 1e-13
    assert model.score(X) == pytest.approx(float(log_prob.mean()), rel=1e-13)
    u = model.precisions_cholesky_
    if kind in ("full", "tied"):
        assert relative(u @ np.swapaxes(u, -1, -2), np.linalg.inv(model.covariances_)) < 1e-10
        assert (np.tril(u, -1) == 0).all()
    else:
        assert relative(u**2, 1 / model.covariances_) < 1e-13
    assert (model.precisions_ == parameters_of(model, float).precisions(kind)).all()


def test_point_in_the_middle_has_equal_responsibilities():
    X = np.concatenate([np.linspace(-3, -1, 21), np.linspace(1, 3, 21)])[:, None]
    half = [[0.0]]
    soft = GaussianMixture(2, covariance_type="tied", random_state=0, tol=1e-12).fit(X)
    assert soft.predict_proba(half) == pytest.approx(np.array([[0.5, 0.5]]), abs=1e-9)
    hard = KMeans(2, random_state=0).fit(X)
    assert hard.predict(half).tolist() in ([0], [1])


def test_moments_of_samples_match_the_mixture():
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    X, _ = blobs(400, 2, 2, seed=6)
    n = 20000
    for kind in TYPES:
        model = GaussianMixture(2, covariance_type=kind, random_state=seed).fit(X)
        rows, label = model.sample(n)
        assert rows.shape == (n, 2)
        assert (np.diff(label) >= 0).all()
        # counts are binomial, means normal, variances nearly so: five standard errors
        w = model.weights_[0]
        assert abs((label == 0).mean() - w) < 5 * np.sqrt(w * (1 - w) / n), f"seed {seed}"
        full = np.array(
            [
                reference.covariance_of(
                    reference.Mixture(model.weights_, model.means_, model.covariances_), kind, k
                )
                for k in range(2)
            ],
            float,
        )
        for k in range(2):
            part = rows[label == k]
            sd = np.sqrt(np.diag(full[k]))
            error = np.abs(part.mean(0) - model.means_[k]) / (sd / np.sqrt(len(part)))
            assert error.max() < 5, f"seed {seed}, {kind}, means {error}"
            error = np.abs(np.cov(part.T) - full[k]) / np.outer(sd, sd) * np.sqrt(len(part) / 2)
            assert error.max() < 5, f"seed {seed}, {kind}, covariances {error}"
        again, _ = model.sample(n)
        assert (again == rows).all()


def test_max_iter_zero_keeps_the_start():
    X, means = blobs(50, 2, 2)
    model = GaussianMixture(2, means_init=means, max_iter=0, random_state=0).fit(X)
    assert (model.means_ == means).all()
    assert model.n_iter_ == 0
    assert model.lower_bounds_ == []
    assert model.history_.stop_reason == "max_iter"


def test_warm_start_continues_the_fit():
    X, _ = blobs(300, 3, 3, seed=9, spread=1.0)
    whole = fitted(GaussianMixture(3, random_state=0, tol=0, max_iter=10), X)
    part = GaussianMixture(3, random_state=0, tol=0, max_iter=5, warm_start=True)
    fitted(part, X)
    fitted(part, X)
    assert (part.means_ == whole.means_).all()
    assert (part.covariances_ == whole.covariances_).all()


def test_best_of_several_starts_is_kept():
    X = load_wine().data
    model = GaussianMixture(
        3, covariance_type="diag", init_params="random", n_init=6, random_state=3
    )
    fitted(model, X)
    h = model.history_
    assert len(h.starts) == 6
    assert model.lower_bound_ == max(h.starts) == h.starts[h.best_start] == h.values[-1]
    assert h.n_iter == model.n_iter_ == len(model.lower_bounds_)
    assert h.seed is not None
    assert "best of 6 starts" in str(h)


# ---- invariants ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("n", "d", "k"),
    [(7, 2, 2), (20000, 3, 3), (6000, 16, 5), (3000, 37, 6), (1500, 96, 48)],
)
def test_equal_bits_for_any_number_of_threads(kind, dtype, n, d, k):
    X, means = blobs(n, d, k, seed=n, dtype=dtype)
    weight = np.random.default_rng(0).uniform(0.5, 2, n)
    results = []
    for jobs in (1, 2, 3, 7):
        model = GaussianMixture(
            k,
            covariance_type=kind,
            tol=0.0,
            max_iter=2,
            reg_covar=1e-2,
            means_init=means,
            init_params="random",
            random_state=4,
            n_jobs=jobs,
        )
        fitted(model, X, sample_weight=weight)
        results.append(
            [
                model.means_,
                model.covariances_,
                model.weights_,
                np.array(model.lower_bounds_),
                model.predict_proba(X),
                model.score_samples(X),
            ]
        )
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


def test_large_covariances_have_one_owner_each():
    # 64 partial copies of 48 matrices of 128 x 128 would not fit the budget of partial sums
    X, means = blobs(2100, 128, 48, seed=8, spread=0.3)
    model = GaussianMixture(
        48,
        tol=0.0,
        max_iter=1,
        weights_init=np.full(48, 1 / 48),
        means_init=means,
        precisions_init=unit_precisions("full", 48, 128),
        reg_covar=1e-3,
    )
    fitted(model, X)
    r = np.exp(-0.5 * ((X[:, None] - means) ** 2).sum(-1))
    r /= r.sum(1, keepdims=True)
    nk = r.sum(0)
    m = (r.T @ X) / nk[:, None]
    assert relative(model.means_, m) < 1e-10
    for k in (0, 17, 47):
        z = X - m[k]
        c = (r[:, k, None] * z).T @ z / nk[k] + 1e-3 * np.eye(128)
        assert relative(model.covariances_[k], c) < 1e-10
    assert relative(model.weights_, nk / nk.sum()) < 1e-12


def test_same_seed_gives_the_same_model_for_any_kind_of_seed():
    X, _ = blobs(200, 2, 3, seed=3, spread=1.0)

    def means(seed):
        return fitted(GaussianMixture(3, init_params="random", random_state=seed), X).means_

    assert (means(5) == means(5)).all()
    assert (means(np.random.SeedSequence(5)) == means(5)).all()
    assert not (means(5) == means(6)).all()
    rng = np.random.default_rng(0)
    assert not (means(rng) == means(rng)).all()
    old = np.random.RandomState(0)
    assert not (means(old) == means(old)).all()
