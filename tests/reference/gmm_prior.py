"""Slow, straightforward MAP-EM for Gaussian mixtures: Fraley and Raftery (2007), SciPy
densities."""

from __future__ import annotations

import numpy as np
import scipy.stats

from reference import gmm
from reference.gmm import LONG, Mixture


def log_prior(prior, m: Mixture, kind: str) -> float:
    """Return the log density of a numeric prior, from SciPy's distributions."""
    m = Mixture(*(np.asarray(a, float) for a in (m.weights, m.means, m.covariances)))
    k, d = m.means.shape
    value = 0.0
    if prior.weight_concentration is not None:
        value += scipy.stats.dirichlet.logpdf(m.weights, prior.weight_concentration)
    full = [gmm.covariance_of(m, kind, c).astype(float) for c in range(k)]
    if prior.mean is not None:
        centers = np.broadcast_to(prior.mean, (k, d))
        for c in range(k):
            value += scipy.stats.multivariate_normal.logpdf(
                m.means[c], centers[c], full[c] / prior.mean_precision
            )
    if prior.covariance is not None:
        nu, scale = prior.degrees_of_freedom, np.asarray(prior.covariance)
        if kind in ("full", "tied"):
            for c in full if kind == "full" else full[:1]:
                value += scipy.stats.invwishart.logpdf(c, nu, scale)
        else:
            value += scipy.stats.invgamma.logpdf(m.covariances, nu / 2, scale=scale / 2).sum()
    return float(value)


def penalised(X, prior, m: Mixture, kind: str, weight) -> float:
    """Return (log-likelihood + log prior) / sum of weights."""
    log_prob, _ = gmm.responsibilities(X, m, kind)
    return float(((weight * log_prob).sum() + log_prior(prior, m, kind)) / weight.sum())


def step(X, prior, m: Mixture, kind: str, weight) -> Mixture:
    """Run one step of MAP-EM by the formulas of section 3 of the paper; every part has a prior."""
    X = X.astype(LONG)
    d = X.shape[1]
    k = len(m.weights)
    _, r = gmm.responsibilities(X, m, kind)
    r = r * weight[:, None]
    n = r.sum(0)
    alpha = np.broadcast_to(np.asarray(prior.weight_concentration, LONG), (k,))
    weights = (n + alpha - 1) / (n + alpha - 1).sum()
    kappa, nu = LONG(prior.mean_precision), LONG(prior.degrees_of_freedom)
    centers = np.broadcast_to(np.asarray(prior.mean, LONG), (k, d))
    scale = np.asarray(prior.covariance, LONG)
    means, parts = np.empty((k, d), LONG), []
    for c in range(k):
        mean = (r[:, c, None] * X).sum(0) / n[c]
        z = X - mean
        within = (r[:, c, None] * z).T @ z
        apart = np.outer(mean - centers[c], mean - centers[c])
        parts.append(kappa * n[c] / (kappa + n[c]) * apart + within)
        means[c] = (n[c] * mean + kappa * centers[c]) / (kappa + n[c])
    if kind == "full":
        c = np.array([(scale + parts[c]) / (nu + n[c] + d + 2) for c in range(k)])
    elif kind == "tied":
        c = (scale + sum(parts)) / (nu + n.sum() + d + k + 1)
    elif kind == "diag":
        c = np.array([(scale + np.diag(parts[c])) / (nu + n[c] + 3) for c in range(k)])
    else:
        c = np.array([(scale + np.trace(parts[c])) / (nu + (n[c] + 1) * d + 2) for c in range(k)])
    return Mixture(weights, means, c)
