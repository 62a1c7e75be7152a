"""Variational Gaussian mixtures: comparison with references, identities, invariants."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import scipy.stats
import sklearn.mixture
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import gibbous.gmm.em.complete
from gibbous import BayesianGaussianMixture, GaussianMixture, load, save
from reference import bgmm as reference

TYPES = ["full", "tied", "diag", "spherical"]
PRIORS = ["dirichlet_process", "dirichlet_distribution"]

#: The attributes of a posterior; another model that gets them continues from the same point.
STATE = (
    "weight_concentration_",
    "mean_precision_",
    "means_",
    "degrees_of_freedom_",
    "covariances_",
    "precisions_cholesky_",
    "lower_bound_",
)


def blobs(n, d, k, *, seed=0, spread=3.0, shift=0.0, dtype=np.float64):
    """Return rows from k Gaussians of width 1."""
    rng = np.random.default_rng(seed)
    centers = spread * rng.standard_normal((k, d)) + shift
    X = centers[rng.integers(k, size=n)] + rng.standard_normal((n, d))
    return np.ascontiguousarray(X, dtype=dtype)


def fitted(model, X, **fit):
    """Fit without the warning about a fixed number of iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **fit)


def relative(a, b):
    """Return the largest difference relative to the largest entry of b."""
    a, b = np.asarray(a, np.longdouble), np.asarray(b, np.longdouble)
    return float(np.abs(a - b).max() / np.abs(b).max())


def a_covariance(kind, d, rng):
    """Return a covariance prior other than that of the data."""
    a = rng.normal(size=(d, d))
    full = a @ a.T + d * np.eye(d)
    return {"full": full, "tied": full, "diag": np.diag(full), "spherical": 2.5}[kind]


# ---- equality -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("n", "d", "k", "spread", "given_prior", "process"),
    [
        (400, 1, 4, 3.0, False, PRIORS[0]),
        (400, 1, 4, 3.0, True, PRIORS[1]),
        (500, 2, 6, 2.0, True, PRIORS[0]),
        (999, 5, 7, 1.5, False, PRIORS[1]),
        (1200, 16, 5, 1.0, True, PRIORS[0]),
        (900, 23, 3, 1.0, False, PRIORS[1]),
        (400, 40, 4, 0.5, False, PRIORS[0]),
    ],
)
def test_equals_scikit_learn_from_the_same_start(kind, n, d, k, spread, given_prior, process):
    rng = np.random.default_rng(n)
    X = blobs(n, d, k, seed=n, spread=spread)
    asked = dict(
        n_components=k,
        covariance_type=kind,
        weight_concentration_prior_type=process,
        tol=0.0,
        random_state=0,
        warm_start=True,
    )
    if given_prior:
        asked |= dict(
            weight_concentration_prior=0.7,
            mean_precision_prior=0.3,
            mean_prior=rng.normal(size=d),
            degrees_of_freedom_prior=d + 1.5,
            covariance_prior=a_covariance(kind, d, rng),
            reg_covar=1e-3,
        )
    ours = BayesianGaussianMixture(**asked, max_iter=0).fit(X)
    theirs = sklearn.mixture.BayesianGaussianMixture(**asked, max_iter=0).fit(X)
    for name in STATE:
        setattr(theirs, name, copy.deepcopy(getattr(ours, name)))
    for model in (ours, theirs):
        fitted(model.set_params(max_iter=6), X)
    assert relative(ours.lower_bounds_, np.ravel(theirs.lower_bounds_)) < 1e-9
    names = {name for name in vars(theirs) if name.endswith("_")}
    assert names <= {name for name in dir(ours) if name.endswith("_")}
    for name in (*STATE, "weights_", "precisions_", *(n for n in names if n.endswith("_prior_"))):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert np.shape(a) == np.shape(b) or name == "lower_bound_", name
        assert isinstance(a, tuple) == isinstance(b, tuple)
        assert relative(a, b) < 1e-9, name
    assert relative(ours.predict_proba(X), theirs.predict_proba(X)) < 1e-9
    assert relative(ours.score_samples(X), theirs.score_samples(X)) < 1e-9
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-12)


def test_same_parameters_as_scikit_learn():
    theirs = sklearn.mixture.BayesianGaussianMixture().get_params()
    ours = BayesianGaussianMixture().get_params()
    assert ours == {**theirs, "n_jobs": None}


def one_step(kind, process, X, weight=None, **more):
    """Return responsibilities before an M-step, and the model after it."""
    model = BayesianGaussianMixture(
        4,
        covariance_type=kind,
        weight_concentration_prior_type=process,
        reg_covar=0.0,
        tol=0.0,
        init_params="random",
        random_state=3,
        **more,
    )
    before = fitted(clone(model).set_params(max_iter=4), X, sample_weight=weight)
    after = fitted(model.set_params(max_iter=5), X, sample_weight=weight)
    return before, after


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("process", PRIORS)
@pytest.mark.parametrize("weighted", [False, True])
def test_step_equals_that_of_bishop(kind, process, weighted):
    X = blobs(150, 3, 3, seed=1, spread=1.5)
    weight = np.random.default_rng(0).uniform(0, 3, len(X)) if weighted else None
    before, after = one_step(kind, process, X, weight)
    log_prob, r = reference.e_step(X, reference.posterior_of(before))
    assert relative(before.predict_proba(X), r) < 1e-10
    assert relative(before.score_samples(X), log_prob) < 1e-11
    prior, q = reference.prior_of(after), reference.posterior_of(after)
    expected = reference.m_step(X, r, prior, kind, weight)
    assert relative(q.means, expected.means) < 1e-10
    assert relative(q.mean_precision, expected.mean_precision) < 1e-10
    assert relative(q.degrees_of_freedom, expected.degrees_of_freedom) < 1e-10
    assert relative(q.scales, expected.scales) < 1e-9
    for a, b in zip(*map(np.atleast_2d, (q.concentration, expected.concentration)), strict=True):
        assert relative(a, b) < 1e-10
    bound = reference.lower_bound(X, r, q, prior, weight)
    assert after.evidence_lower_bound_ == pytest.approx(bound, rel=1e-11)
    # the reported bound differs from it by the same constant at every iteration
    assert after.evidence_lower_bound_ - after.lower_bound_ == pytest.approx(
        before.evidence_lower_bound_ - before.lower_bound_, rel=1e-12
    )


@pytest.mark.parametrize("kind", TYPES)
def test_both_halves_of_a_step_are_optimal(kind):
    """The posterior of the M-step and the responsibilities of the E-step maximize the bound."""
    X = blobs(100, 2, 3, seed=4, spread=1.5)
    before, after = one_step(kind, "dirichlet_process", X)
    r, rng = before.predict_proba(X), np.random.default_rng(0)
    prior, q = reference.prior_of(after), reference.posterior_of(after)
    best = reference.lower_bound(X, r, q, prior)
    for size in (1e-3, 1e-1):
        for _ in range(5):
            moved = copy.deepcopy(q)
            moved.means = q.means + size * rng.normal(size=q.means.shape)
            moved.scales = q.scales * np.exp(size * rng.normal())
            moved.degrees_of_freedom = q.degrees_of_freedom * np.exp(size * rng.normal())
            moved.mean_precision = q.mean_precision * np.exp(size * rng.normal())
            moved.concentration = tuple(c * np.exp(size * rng.normal()) for c in q.concentration)
            assert reference.lower_bound(X, r, moved, prior) < best
    own = reference.lower_bound(X, after.predict_proba(X), q, prior)
    other = np.clip(after.predict_proba(X) * np.exp(0.1 * rng.normal(size=r.shape)), 1e-9, 1)
    other /= other.sum(axis=1, keepdims=True)
    assert own > best - 1e-9
    assert reference.lower_bound(X, other, q, prior) < own


@pytest.mark.parametrize("d", [1, 3])
def test_with_one_component_the_bound_is_the_evidence(d):
    """The posterior of one component is exact: its evidence is the product of its predictions."""
    X = blobs(40, d, 2, seed=d)
    rng = np.random.default_rng(0)
    nu, beta, mean = d + 2.5, 0.4, rng.normal(size=d)
    inverse = a_covariance("full", d, rng)
    model = BayesianGaussianMixture(
        1,
        weight_concentration_prior_type="dirichlet_distribution",
        mean_precision_prior=beta,
        mean_prior=mean,
        degrees_of_freedom_prior=nu,
        covariance_prior=inverse,
        reg_covar=0.0,
    ).fit(X)
    evidence = 0.0
    for row in X:  # predictive density of each row given the previous rows (Murphy 2007)
        free = nu - d + 1
        shape = inverse * (beta + 1) / (beta * free)
        evidence += scipy.stats.multivariate_t(mean, shape, df=free).logpdf(row)
        away = row - mean
        inverse = inverse + beta / (beta + 1) * np.outer(away, away)
        mean = (beta * mean + row) / (beta + 1)
        nu, beta = nu + 1, beta + 1
    assert model.evidence_lower_bound_ == pytest.approx(evidence, rel=1e-12)
    assert relative(model.covariances_[0], inverse / nu) < 1e-11
    assert relative(model.means_[0], mean) < 1e-11


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("d", "k"), [(1, 1), (3, 2), (16, 4), (33, 3)])
def test_sums_about_the_center_and_about_the_means_agree(kind, d, k, monkeypatch):
    X = blobs(700, d, k, seed=d, spread=2.0)
    weight = np.random.default_rng(d).uniform(0, 3, len(X))
    results = []
    for limit in (2.0**18, 0.0):
        monkeypatch.setitem(gibbous.gmm.em.complete.FOLD_LIMIT, np.dtype(np.float64), limit)
        model = BayesianGaussianMixture(
            k, covariance_type=kind, tol=0.0, max_iter=4, random_state=0
        )
        results.append(fitted(model, X, sample_weight=weight))
    folded, direct = results
    assert relative(folded.means_, direct.means_) < 1e-12
    assert relative(folded.covariances_, direct.covariances_) < 1e-12
    assert relative(folded.lower_bounds_, direct.lower_bounds_) < 1e-13


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shift", [1e4, 1e6])
def test_far_from_zero(kind, shift):
    # a power of two, so that the rows are shifted exactly
    shift = 2.0 ** round(np.log2(shift))
    X = np.round(blobs(400, 3, 3, seed=2) * 2**20) / 2**20
    near, far = (
        fitted(BayesianGaussianMixture(4, covariance_type=kind, random_state=0, max_iter=30), rows)
        for rows in (X, X + shift)
    )
    assert np.abs(far.means_ - shift - near.means_).max() < 1e-14 * shift * 100
    assert relative(far.covariances_, near.covariances_) < 1e-8
    assert relative(far.lower_bounds_, near.lower_bounds_) < 1e-9


@pytest.mark.parametrize(("kind", "process"), list(zip(TYPES, 2 * PRIORS, strict=True)))
def test_float32_stays_float32_and_is_close_to_float64(kind, process):
    X = blobs(2000, 6, 3, seed=1)
    fits = {}
    for dtype in (np.float64, np.float32):
        model = BayesianGaussianMixture(
            5,
            covariance_type=kind,
            weight_concentration_prior_type=process,
            random_state=0,
            tol=1e-2,
            max_iter=500,
            n_jobs=1,
        ).fit(X.astype(dtype))
        fits[dtype] = model
        for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
            assert getattr(model, name).dtype == dtype
        assert model.predict_proba(X.astype(dtype)).dtype == dtype
        assert model.score_samples(X.astype(dtype)).dtype == dtype
        assert model.mean_precision_.dtype == np.float64
    # 24 bits, sums over 2000 rows, a condition number below 10: 1e-4 leaves a factor of ten
    assert relative(fits[np.float32].means_, fits[np.float64].means_) < 1e-4
    assert relative(fits[np.float32].covariances_, fits[np.float64].covariances_) < 1e-3
    assert fits[np.float32].lower_bound_ == pytest.approx(fits[np.float64].lower_bound_, rel=1e-5)


# ---- identities -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("process", PRIORS)
def test_weights_are_repetitions_and_zero_weights_remove(kind, process):
    X = blobs(300, 4, 3, seed=2)
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    # the start is given, because random starts depend on row numbers
    start = BayesianGaussianMixture(
        3,
        covariance_type=kind,
        weight_concentration_prior_type=process,
        warm_start=True,
        max_iter=0,
        random_state=0,
    ).fit(X)
    start.set_params(max_iter=6, tol=0.0)
    repeated = fitted(copy.deepcopy(start), np.repeat(X, weight, axis=0))
    weighted = fitted(copy.deepcopy(start), X, sample_weight=weight)
    for name in ("means_", "covariances_", "mean_precision_", "covariance_prior_", "mean_prior_"):
        assert relative(getattr(weighted, name), getattr(repeated, name)) < 1e-12, name
    assert relative(weighted.lower_bounds_, repeated.lower_bounds_) < 1e-12
    assert weighted.evidence_lower_bound_ == pytest.approx(repeated.evidence_lower_bound_)
    # not only ratios count: twice the rows are twice the evidence against the prior
    twice = fitted(copy.deepcopy(start), X, sample_weight=2.0 * weight)
    assert twice.mean_precision_.sum() == pytest.approx(
        2 * weighted.mean_precision_.sum() - 3 * weighted.mean_precision_prior_
    )


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_lower_bound_never_decreases(kind, data):
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    n, d = data.draw(st.integers(5, 60)), data.draw(st.integers(1, 4))
    k = data.draw(st.integers(1, min(5, n)))
    seed = data.draw(st.integers(0, 2**31))
    scale = data.draw(st.sampled_from([1e-3, 1.0, 1e3]))
    X = np.random.default_rng(seed).standard_normal((n, d)) * scale
    one = st.just(0.0) | st.floats(1e-3, 5)
    enough = lambda w: w.sum() > 3 and (w > 0).sum() >= k  # noqa: E731
    weight = data.draw(arrays(float, n, elements=one).filter(enough))
    model = BayesianGaussianMixture(
        k,
        covariance_type=kind,
        weight_concentration_prior_type=data.draw(st.sampled_from(PRIORS)),
        weight_concentration_prior=data.draw(st.sampled_from([None, 1e-3, 10.0])),
        mean_precision_prior=data.draw(st.sampled_from([None, 1e-2, 50.0])),
        covariance_prior=(
            scale**2 * a_covariance(kind, d, np.random.default_rng(seed))
            if kind != "spherical"
            else 2.5 * scale**2
        ),
        init_params=data.draw(st.sampled_from(["random", "kmeans", "random_from_data"])),
        tol=0.0,
        max_iter=15,
        reg_covar=0.0,
        random_state=seed,
    )
    X = X.astype(dtype)
    fitted(model, X, sample_weight=weight)
    bounds = np.array(model.lower_bounds_)
    # The log-densities of a row, and its terms of the bound, are accurate to about an ulp of their
    # size; the terms of the posterior are float64.
    size = 1 + np.abs(model.score_samples(X)).max()
    slack = weight.sum() * np.finfo(dtype).eps * 8 * size + 1e-12 * (1 + np.abs(bounds).max())
    assert (np.diff(bounds) >= -slack).all(), (bounds, slack)


def test_number_of_components_kept_equals_number_of_clusters():
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    # ten widths apart: a row belongs to another cluster with odds of e^-50, and three components
    # were kept for all of 400 such data sets
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    z = rng.integers(3, size=300)
    X = centers[z] + rng.standard_normal((300, 2))
    for process in PRIORS:
        model = BayesianGaussianMixture(
            10, weight_concentration_prior_type=process, max_iter=1000, random_state=seed
        ).fit(X)
        assert model.n_effective_components_ == 3, f"seed {seed}: {model.weights_}"
        assert np.sort(model.weights_)[-3:].sum() > 0.95
        large = np.argsort(model.weights_)[-3:]
        nearest = np.abs(model.means_[large, None] - centers).max(axis=-1).min(axis=1)
        # a mean of at least 70 rows; five standard errors
        assert nearest.max() < 5 / np.sqrt(70), f"seed {seed}: {model.means_[large]}"
        label = model.predict(X)
        assert len(set(zip(label, z, strict=True))) == 3


def test_component_without_rows_has_the_prior():
    X = blobs(60, 2, 1, seed=0)
    model = fitted(
        BayesianGaussianMixture(
            6,
            weight_concentration_prior_type="dirichlet_distribution",
            weight_concentration_prior=1e-4,
            max_iter=500,
            random_state=0,
        ),
        X,
    )
    empty = model.mean_precision_ - model.mean_precision_prior_ < 1e-9
    assert empty.any()
    assert relative(model.means_[empty], np.tile(X.mean(axis=0), (empty.sum(), 1))) < 1e-9
    prior = model.covariance_prior_ / model.degrees_of_freedom_prior_
    assert relative(model.covariances_[empty], np.tile(prior, (empty.sum(), 1, 1))) < 1e-9
    assert relative(prior * 2, np.cov(X.T)) < 1e-12


def test_evidence_prefers_the_true_number_of_components():
    X = blobs(400, 2, 3, seed=11, spread=6.0)
    evidence = {
        k: BayesianGaussianMixture(
            k, weight_concentration_prior_type="dirichlet_distribution", random_state=0, n_init=3
        )
        .fit(X)
        .evidence_lower_bound_
        for k in (1, 2, 3)
    }
    # a missing component costs several hundred nats, a superfluous one a few
    assert evidence[3] > evidence[2] + 50 > evidence[1] + 50


@pytest.mark.parametrize("kind", TYPES)
def test_posterior_identities(kind):
    X = blobs(500, 3, 4, seed=4, spread=1.0)
    model = fitted(BayesianGaussianMixture(6, covariance_type=kind, random_state=1), X)
    r = model.predict_proba(X)
    assert np.abs(r.sum(axis=1) - 1).max() < 1e-14
    assert (r.argmax(axis=1) == model.predict(X)).all()
    model.set_params(tol=1.0, max_iter=500)
    assert (model.fit_predict(X) == model.predict(X)).all()
    assert model.weights_.sum() == pytest.approx(1.0)
    u = model.precisions_cholesky_
    if kind in ("full", "tied"):
        assert relative(u @ np.swapaxes(u, -1, -2), np.linalg.inv(model.covariances_)) < 1e-10
        assert (np.tril(u, -1) == 0).all()
    else:
        assert relative(u**2, 1 / model.covariances_) < 1e-13
    # expectations of logarithms are less than logarithms of expectations
    plain = GaussianMixture(6, covariance_type=kind)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        setattr(plain, name, getattr(model, name))
    assert (model.score_samples(X) < plain.score_samples(X)).all()
    assert not hasattr(model, "bic")


def test_moments_of_samples_match_the_mixture():
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    X = blobs(400, 2, 2, seed=6, spread=4.0)
    n = 20000
    for kind in TYPES:
        model = fitted(BayesianGaussianMixture(4, covariance_type=kind, random_state=seed), X)
        rows, label = model.sample(n)
        w = model.weights_
        count = np.bincount(label, minlength=4)
        assert (np.abs(count - n * w) <= 5 * np.sqrt(n * w * (1 - w)) + 1).all(), f"seed {seed}"
        for k in np.flatnonzero(count > 1000):
            c = model.covariances_ if kind == "tied" else model.covariances_[k]
            sd = np.sqrt(np.diag(reference.matrix(c, kind, 2)))
            error = np.abs(rows[label == k].mean(axis=0) - model.means_[k]) * np.sqrt(count[k]) / sd
            assert error.max() < 5, f"seed {seed}, {kind}: {error}"


# ---- starts, resuming, files ----------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("process", PRIORS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_resumed_fit_equals_uninterrupted_fit(kind, process, dtype, tmp_path):
    X = blobs(300, 3, 3, seed=9, spread=1.0, dtype=dtype)
    asked = dict(
        n_components=4,
        covariance_type=kind,
        weight_concentration_prior_type=process,
        random_state=0,
        tol=0.0,
    )
    whole = fitted(BayesianGaussianMixture(**asked, max_iter=10), X)
    part = fitted(BayesianGaussianMixture(**asked, max_iter=5, warm_start=True), X)
    save(part, tmp_path / "m")
    for again in (part, load(tmp_path / "m"), pickle.loads(pickle.dumps(part))):
        fitted(again, X)
        for name in ("means_", "covariances_", "weights_", "mean_precision_"):
            assert getattr(again, name).tobytes() == getattr(whole, name).tobytes(), name
        assert again.lower_bounds_ == whole.lower_bounds_[5:]
        assert again.evidence_lower_bound_ == whole.evidence_lower_bound_
    fresh = clone(part)
    assert not hasattr(fresh, "means_") and fresh.get_params() == part.get_params()


def test_max_iter_zero_keeps_the_start():
    X = blobs(50, 2, 2)
    model = BayesianGaussianMixture(2, max_iter=0, random_state=0).fit(X)
    assert (model.n_iter_, model.lower_bounds_, model.lower_bound_) == (0, [], -np.inf)
    assert model.predict_proba(X).shape == (50, 2)
    assert model.mean_precision_.sum() == pytest.approx(52)


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_best_of_several_starts_is_kept(init):
    X = blobs(200, 2, 4, seed=5, spread=2.0)
    model = fitted(BayesianGaussianMixture(6, init_params=init, n_init=5, random_state=3), X)
    h = model.history_
    assert len(h.starts) == 5
    assert model.lower_bound_ == max(h.starts) == h.starts[h.best_start] == h.values[-1]
    assert h.n_iter == model.n_iter_ == len(model.lower_bounds_)
    assert h.metric == "lower bound" and h.model == "BayesianGaussianMixture"


def test_first_start_of_kmeans_equals_that_of_the_mixture():
    X = blobs(200, 2, 3, seed=5)
    plain = GaussianMixture(3, max_iter=0, random_state=4).fit(X)
    model = BayesianGaussianMixture(3, max_iter=0, random_state=4, mean_precision_prior=1e-12).fit(
        X
    )
    assert relative(model.means_, plain.means_) < 1e-10


# ---- invariants -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d", "k"), [(7, 2, 2), (20000, 3, 3), (3000, 37, 6), (1000, 96, 32)])
def test_equal_bits_for_any_number_of_threads(kind, dtype, n, d, k):
    X = blobs(n, d, k, seed=n, dtype=dtype)
    weight = np.random.default_rng(0).uniform(0.5, 2, n)
    results = []
    for jobs in (1, 2, 3, 7):
        model = BayesianGaussianMixture(
            k,
            covariance_type=kind,
            tol=0.0,
            max_iter=2,
            reg_covar=1e-2,
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
                np.asarray(model.covariance_prior_),
                np.array(model.weight_concentration_),
                model.predict_proba(X),
                model.score_samples(X),
            ]
        )
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


def test_same_seed_gives_the_same_model_for_any_kind_of_seed():
    X = blobs(200, 2, 3, seed=3, spread=1.0)

    def means(seed):
        model = BayesianGaussianMixture(3, init_params="random", random_state=seed, max_iter=5)
        return fitted(model, X).means_

    assert (means(5) == means(5)).all()
    assert (means(np.random.SeedSequence(5)) == means(5)).all()
    assert not (means(5) == means(6)).all()
    rng = np.random.default_rng(0)
    assert not (means(rng) == means(rng)).all()
