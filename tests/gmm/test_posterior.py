"""The posterior of mixtures with priors: its mode and intervals."""

from __future__ import annotations

import secrets

import numpy as np
import pytest
import scipy.stats
from sklearn.base import clone

from gibbous import GaussianMixture, MixturePrior
from gibbous.gmm.moments import Moments
from gibbous.gmm.posterior import posterior_of
from reference import gmm as reference
from support.priors import PARTS, TYPES, partial_prior, rows_of, start_of, whole_prior

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("parts", [*PARTS, "all", "fraley-raftery"])
def test_the_estimate_is_the_mode_of_the_posterior(kind, dtype, parts):
    X, _ = rows_of(150, 3, 2, seed=7)
    prior = {"all": whole_prior(kind, 2, 3), "fraley-raftery": "fraley-raftery"}.get(parts)
    if prior is None:
        prior = partial_prior(kind, 2, 3, parts)
    model = GaussianMixture(2, covariance_type=kind, prior=prior, random_state=0, reg_covar=0)
    for fit in (
        lambda: model.fit(X.astype(dtype)),
        lambda: model.partial_fit(X[:40].astype(dtype)),
        lambda: clone(model).partial_fit(X[:60].astype(dtype)),
    ):
        fitted = fit()
        weights, means, covariances = fitted.posterior_.mode()
        assert weights.dtype == np.float64
        assert (fitted.weights_ == weights.astype(dtype)).all()
        assert (fitted.means_ == means.astype(dtype)).all()
        assert (fitted.covariances_ == covariances.astype(dtype)).all()


@pytest.mark.parametrize("kind", TYPES)
def test_the_posterior_counts_rows(kind):
    X, means = rows_of(120, 3, 2, seed=8)
    prior, start = whole_prior(kind, 2, 3), start_of(kind, 2, means)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    model = GaussianMixture(2, covariance_type=kind, prior=prior, max_iter=1, **start)
    post = model.fit(X, sample_weight=weight).posterior_
    m = reference.Mixture(
        start["weights_init"],
        means,
        1.0 / start["precisions_init"]
        if kind in ("diag", "spherical")
        else start["precisions_init"],
    )
    r = np.asarray(reference.responsibilities(X, m, kind)[1], float) * weight[:, None]
    n = r.sum(0)
    assert post.n_samples == pytest.approx(weight.sum())
    assert np.allclose(post.weight_concentration, prior.weight_concentration + n)
    assert np.allclose(post.mean_precision, prior.mean_precision + n)
    rows = {"full": n, "tied": n.sum(), "diag": n, "spherical": 3 * n}[kind]
    assert np.allclose(post.degrees_of_freedom, prior.degrees_of_freedom + rows)
    # the posterior of all rows is that of one half with the other half's posterior as its prior
    assert np.shape(post.scale) == np.shape(model.covariances_)


@pytest.mark.parametrize("kind", TYPES)
def test_two_updates_equal_one(kind):
    X, _ = rows_of(60, 3, 1, seed=9)

    def moments(rows):
        n, c = len(rows), np.cov(rows.T, bias=True)
        about = {"full": c[None], "tied": c, "diag": np.diag(c)[None]}.get(
            kind, np.array([np.trace(c) / 3])
        )
        return Moments(np.array([float(n)]), rows.mean(0)[None], about)

    prior = whole_prior(kind, 1, 3)
    both = posterior_of(prior, kind, moments(X))
    first = posterior_of(prior, kind, moments(X[:25]))
    scale = first.scale if kind == "tied" else first.scale[0]
    between = MixturePrior(
        first.weight_concentration,
        first.means,
        float(first.mean_precision[0]),
        float(np.ravel(first.degrees_of_freedom)[0]),
        scale,
    )
    second = posterior_of(between, kind, moments(X[25:]))
    for name in ("weight_concentration", "means", "mean_precision", "degrees_of_freedom", "scale"):
        assert np.allclose(getattr(both, name), getattr(second, name), rtol=1e-11), name


def one_dimension(seed=0):
    X = np.random.default_rng(seed).normal(2.0, 1.5, (9, 1))
    prior = MixturePrior(2.0, [0.0], 0.5, 4.0, 3.0)
    return GaussianMixture(1, prior=prior, random_state=0).fit(X), X, prior


def test_intervals_have_their_level_by_integration():
    # one component: the posterior is exact; compare with numerical integration
    model, X, prior = one_dimension()
    low, high = model.posterior_.means_interval(0.9)[0, 0]
    mu = np.linspace(-15, 15, 2001)[:, None]
    v = np.exp(np.linspace(np.log(0.02), np.log(800), 1000))[None]
    log = scipy.stats.norm.logpdf(mu, 0.0, np.sqrt(v / prior.mean_precision))
    log = log + scipy.stats.invgamma.logpdf(v, 2.0, scale=1.5) + np.log(v)
    log += sum(scipy.stats.norm.logpdf(x, mu, np.sqrt(v)) for x in X[:, 0])
    density = np.exp(log - log.max()).sum(1)
    share = (np.cumsum(density) - density / 2) / density.sum()
    assert np.interp(low, mu[:, 0], share) == pytest.approx(0.05, abs=1e-4)
    assert np.interp(high, mu[:, 0], share) == pytest.approx(0.95, abs=1e-4)
    assert (model.posterior_.weights_interval() == 1.0).all()


@pytest.mark.parametrize("kind", TYPES)
def test_intervals_have_their_level_by_sampling(kind):
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    X, _ = rows_of(40, 2, 2, seed=3)
    post = GaussianMixture(2, covariance_type=kind, prior="fraley-raftery", random_state=0).fit(X)
    post = post.posterior_
    n, level = 20000, 0.8
    bound = 5 * np.sqrt(level * (1 - level) / n)
    weights = rng.dirichlet(post.weight_concentration, n)
    low, high = post.weights_interval(level).T
    inside = ((weights > low) & (weights < high)).mean(0)
    assert np.abs(inside - level).max() < bound, f"seed {seed}: {inside}"
    assert np.allclose(post.weights_mean(), weights.mean(0), atol=0.01)
    for c in range(2):
        nu = np.broadcast_to(post.degrees_of_freedom, 2)[c]
        scale = post.scale if kind == "tied" else post.scale[c]
        if kind in ("full", "tied"):
            variances = scipy.stats.invwishart.rvs(nu, scale, size=n, random_state=rng)
            variances = np.diagonal(variances, axis1=1, axis2=2)
        else:
            variances = scipy.stats.invgamma.rvs(
                nu / 2, scale=scale / 2, size=(n, np.size(scale)), random_state=rng
            )
        means = post.means[c] + rng.standard_normal((n, 2)) * np.sqrt(
            variances / post.mean_precision[c]
        )
        low, high = post.means_interval(level)[c].T
        inside = ((means > low) & (means < high)).mean(0)
        assert np.abs(inside - level).max() < bound, f"seed {seed}: {inside}"


def test_intervals_require_a_valid_level_and_enough_rows():
    model, X, _ = one_dimension()
    for level in (0.0, 1.0, -1, 95):
        with pytest.raises(ValueError, match=f"level must be between 0 and 1; got {level}"):
            model.posterior_.weights_interval(level)
        with pytest.raises(ValueError, match="level must be between 0 and 1"):
            model.posterior_.means_interval(level)
    few = GaussianMixture(1, prior=MixturePrior(2.0), random_state=0).fit(X[:2])
    assert np.isnan(few.posterior_.means_interval()).all()


def test_a_posterior_prints_as_a_table():
    X, _ = rows_of(300, 2, 2, seed=1)
    model = GaussianMixture(2, prior="fraley-raftery", random_state=0).fit(X)
    lines = str(model.posterior_).splitlines()
    assert lines[0] == "posterior of 2 components (full) after 300 rows"
    assert lines[1].split() == [
        *("weight", "95%", "interval", "concentration", "mean", "precision", "dof", "mean"),
    ]
    assert len(lines) == 4
    for c, line in enumerate(lines[2:]):
        cells = line.split()
        assert cells[0] == str(c)
        assert float(cells[1]) == pytest.approx(model.weights_[c], abs=5e-5)
        assert float(cells[2]) < float(cells[1]) < float(cells[4])
        assert float(cells[-2].rstrip(",")) == pytest.approx(model.means_[c, 0], rel=1e-3)
    many = GaussianMixture(25, covariance_type="spherical", prior="fraley-raftery", random_state=0)
    text = str(many.fit(rows_of(300, 9, 2)[0]).posterior_)
    assert text.endswith("and 5 more") and ", ..." in text
