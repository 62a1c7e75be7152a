"""Every pattern of missing entries compared with SciPy's Gaussians, including near-singular
ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gibbous import GaussianMixture
from support.holes import TYPES

#: With AVX2 two groups of lanes; one component has weight 0.
K = 5


def mixture(kind, d, condition, rng):
    """Return a fitted mixture with the condition number of its covariances, and full
    covariances."""
    axes = np.linalg.qr(rng.standard_normal((K, d, d)))[0]
    c = (axes * np.geomspace(1.0, 1.0 / condition, d)) @ axes.swapaxes(1, 2)
    if kind == "tied":
        c[:] = c[0]
    elif kind == "diag":
        c = np.einsum("kaa->ka", c)[:, :, None] * np.eye(d)
    elif kind == "spherical":
        c = c[:, :1, :1] * np.eye(d)
    weights = rng.dirichlet(np.full(K, 3.0))
    weights[1] = 0.0
    u = np.swapaxes(np.linalg.inv(np.linalg.cholesky(c)), 1, 2)
    model = GaussianMixture(K, covariance_type=kind)
    model.weights_, model.n_features_in_ = weights / weights.sum(), d
    model.means_ = rng.standard_normal((K, d))
    model.covariances_ = {"full": c, "tied": c[0]}.get(kind, np.einsum("kaa->ka", c))
    model.precisions_cholesky_ = {"full": u, "tied": u[0]}.get(kind, np.einsum("kaa->ka", u))
    if kind == "spherical":
        model.covariances_ = np.ascontiguousarray(model.covariances_[:, 0])
        model.precisions_cholesky_ = np.ascontiguousarray(model.precisions_cholesky_[:, 0])
    return model, c


def told(x, model, c):
    """Return log p, responsibilities, and mean and covariance of the missing entries of one row."""
    m = np.isnan(x)
    o = ~m
    log_p, means, spreads = np.empty(K), np.empty((K, m.sum())), np.empty((K, m.sum(), m.sum()))
    for j, (weight, mean) in enumerate(zip(model.weights_, model.means_, strict=True)):
        with np.errstate(divide="ignore"):
            log_p[j] = np.log(weight)
        if o.any():
            log_p[j] += multivariate_normal(mean[o], c[j][np.ix_(o, o)]).logpdf(x[o])
        b = np.linalg.solve(c[j][np.ix_(o, o)], c[j][np.ix_(o, m)]).T
        means[j] = mean[m] + b @ (x[o] - mean[o])
        spreads[j] = c[j][np.ix_(m, m)] - b @ c[j][np.ix_(o, m)]
    whole = logsumexp(log_p)
    r = np.exp(log_p - whole)
    mean = r @ means
    apart = means - mean
    spread = np.einsum("k,kab->ab", r, spreads) + np.einsum("k,ka,kb->ab", r, apart, apart)
    return whole if o.any() else 0.0, r, mean, spread


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("condition", [10.0, 1e8])
def test_every_pattern_agrees_with_scipy(kind, d, condition):
    rng = np.random.default_rng([d, int(condition)])
    model, c = mixture(kind, d, condition, rng)
    X = np.array([rng.multivariate_normal(model.means_[j % K], c[j % K]) for j in range(2**d)])
    X[np.array(list(itertools.product([False, True], repeat=d)))] = np.nan
    truth = [told(x, model, c) for x in X]
    # rounding errors of solutions grow with the condition number, for densities and means
    bound = 100 * condition * np.finfo(float).eps
    # few rows of a pattern use one method of the core, many rows another
    for copies in (1, 130):
        rows = np.repeat(X, copies, axis=0)
        log_p, r = model.score_samples(rows), model.predict_proba(rows)
        filled = model.impute(rows)
        for i, (whole, share, mean, left) in enumerate(truth):
            at = slice(i * copies, (i + 1) * copies)
            m = np.isnan(X[i])
            assert np.abs(log_p[at] - whole).max() < bound * (1 + abs(whole))
            assert np.abs(r[at] - share).max() < bound * (1 + abs(whole))
            assert (r[at, 1] == 0).all()
            assert (filled[at][:, ~m] == X[i, ~m]).all()
            if not m.any():
                continue
            assert np.abs(filled[at][:, m] - mean).max() < bound
            wanted, spread = model.predict_missing(
                rows[at], list(np.flatnonzero(m)), return_cov=True
            )
            assert np.abs(wanted - mean).max() < bound
            assert np.abs(spread - left).max() < bound
