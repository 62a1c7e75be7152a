"""A slow, straightforward variational Gaussian mixture: Bishop 2006, section 10.2, one component at
a time, with the lower bound as the sum of its seven expectations (10.71 to 10.77) in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, multigammaln


@dataclass
class Prior:
    process: bool
    concentration: float
    mean_precision: float
    mean: np.ndarray
    degrees_of_freedom: float
    covariance: np.ndarray  # inverse of the Wishart distribution's scale matrix, (d, d)


@dataclass
class Posterior:
    concentration: Any  # (k,), or a pair for a Dirichlet process
    mean_precision: np.ndarray
    means: np.ndarray
    degrees_of_freedom: np.ndarray  # (k,)
    scales: np.ndarray  # W_k, (k, d, d)


def matrix(value, kind, d):
    """Return one component's covariance as a matrix."""
    return {
        "full": lambda: np.asarray(value),
        "tied": lambda: np.asarray(value),
        "diag": lambda: np.diag(value),
        "spherical": lambda: value * np.eye(d),
    }[kind]()


def posterior_of(model) -> Posterior:
    """Return the posterior of a fitted model, with a full matrix for every component."""
    k, d = model.means_.shape
    nu = np.broadcast_to(model.degrees_of_freedom_, k)
    covariances = [
        matrix(
            model.covariances_ if model.covariance_type == "tied" else model.covariances_[j],
            model.covariance_type,
            d,
        )
        for j in range(k)
    ]
    return Posterior(
        model.weight_concentration_,
        model.mean_precision_,
        model.means_,
        nu,
        np.array([np.linalg.inv(nu[j] * covariances[j]) for j in range(k)]),
    )


def prior_of(model) -> Prior:
    return Prior(
        isinstance(model.weight_concentration_, tuple),
        model.weight_concentration_prior_,
        model.mean_precision_prior_,
        model.mean_prior_,
        model.degrees_of_freedom_prior_,
        matrix(model.covariance_prior_, model.covariance_type, len(model.mean_prior_)),
    )


def log_sticks(concentration):
    """Return E[log v], E[log(1 - v)] of stick-breaking fractions."""
    a, b = concentration
    return digamma(a) - digamma(a + b), digamma(b) - digamma(a + b)


def expected_log_weights(concentration):
    if not isinstance(concentration, tuple):
        return digamma(concentration) - digamma(concentration.sum())
    taken, left = log_sticks(concentration)
    return np.array([taken[j] + left[:j].sum() for j in range(len(taken))])


def expected_log_det(q: Posterior, j):
    d = q.means.shape[1]
    i = np.arange(1, d + 1)
    return (
        digamma((q.degrees_of_freedom[j] + 1 - i) / 2).sum()
        + d * np.log(2)
        + np.linalg.slogdet(q.scales[j])[1]
    )


def log_rho(X, q: Posterior):
    """Return log of the unnormalized responsibilities (10.46), (n, k)."""
    d = X.shape[1]
    weights = expected_log_weights(q.concentration)
    out = np.empty((len(X), len(q.means)))
    for j in range(len(q.means)):
        z = X - q.means[j]
        distance = np.einsum("na,ab,nb->n", z, q.scales[j], z)
        out[:, j] = (
            weights[j]
            + expected_log_det(q, j) / 2
            - d / 2 * np.log(2 * np.pi)
            - (d / q.mean_precision[j] + q.degrees_of_freedom[j] * distance) / 2
        )
    return out


def e_step(X, q: Posterior):
    p = log_rho(X, q)
    top = p.max(axis=1, keepdims=True)
    log_prob = top + np.log(np.exp(p - top).sum(axis=1, keepdims=True))
    return log_prob[:, 0], np.exp(p - log_prob)


def m_step(X, r, prior: Prior, kind: str, weight=None) -> Posterior:
    """Return the posterior given responsibilities (10.58 to 10.63)."""
    n, d = X.shape
    k = r.shape[1]
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    nk = (w[:, None] * r).sum(axis=0)
    beta, nu = prior.mean_precision + nk, prior.degrees_of_freedom + nk
    means, inverses = np.empty((k, d)), np.empty((k, d, d))
    for j in range(k):
        rj = w * r[:, j]
        xj = rj @ X / nk[j]
        z, away = X - xj, xj - prior.mean
        means[j] = (prior.mean_precision * prior.mean + nk[j] * xj) / beta[j]
        inverses[j] = (
            prior.covariance
            + (rj[:, None] * z).T @ z
            + prior.mean_precision * nk[j] / beta[j] * np.outer(away, away)
        )
    if kind == "tied":
        inverses[:] = inverses.mean(axis=0)
        nu[:] = nu.mean()
    elif kind == "diag":
        inverses *= np.eye(d)
    elif kind == "spherical":
        inverses = np.array([np.trace(c) / d * np.eye(d) for c in inverses])
    concentration = prior.concentration + nk
    if prior.process:
        later = np.array([nk[j + 1 :].sum() for j in range(k)])
        concentration = 1 + nk, prior.concentration + later
    return Posterior(concentration, beta, means, nu, np.linalg.inv(inverses))


def log_dirichlet(a):
    return gammaln(a.sum()) - gammaln(a).sum()


def log_beta(a, b):
    return gammaln(a + b) - gammaln(a) - gammaln(b)


def log_wishart(scale, nu):
    """Return log of the normalizer B(W, nu) of the Wishart distribution (B.79)."""
    d = len(scale)
    return -nu / 2 * np.linalg.slogdet(scale)[1] - nu * d / 2 * np.log(2) - multigammaln(nu / 2, d)


def lower_bound(X, r, q: Posterior, prior: Prior, weight=None):
    """Return the lower bound of log p(X) for any responsibilities and any posterior."""
    n, d = X.shape
    k = r.shape[1]
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    wr = w[:, None] * r
    log_weights = expected_log_weights(q.concentration)
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = -np.where(r > 0, wr * np.log(r), 0.0).sum()  # - 10.75
    bound += (wr @ log_weights).sum()  # 10.72
    if prior.process:
        taken, left = log_sticks(q.concentration)
        a, b = q.concentration
        g = prior.concentration
        bound += ((g - 1) * left + log_beta(1, g)).sum()
        bound -= ((a - 1) * taken + (b - 1) * left + log_beta(a, b)).sum()
    else:
        a0 = np.full(k, prior.concentration)
        bound += log_dirichlet(a0) + ((a0 - 1) * log_weights).sum()  # 10.73
        bound -= log_dirichlet(q.concentration) + ((q.concentration - 1) * log_weights).sum()
    prior_scale = np.linalg.inv(prior.covariance)
    for j in range(k):
        beta, nu, scale = q.mean_precision[j], q.degrees_of_freedom[j], q.scales[j]
        log_det = expected_log_det(q, j)
        z, away = X - q.means[j], q.means[j] - prior.mean
        distance = np.einsum("na,ab,nb->n", z, scale, z)
        bound += (  # 10.71
            wr[:, j] * (log_det - d / beta - nu * distance - d * np.log(2 * np.pi)) / 2
        ).sum()
        bound += (  # 10.74
            d * np.log(prior.mean_precision / (2 * np.pi))
            + log_det
            - d * prior.mean_precision / beta
            - prior.mean_precision * nu * away @ scale @ away
        ) / 2
        bound += log_wishart(prior_scale, prior.degrees_of_freedom)
        bound += (prior.degrees_of_freedom - d - 1) / 2 * log_det
        bound -= nu / 2 * np.trace(prior.covariance @ scale)
        entropy = -log_wishart(scale, nu) - (nu - d - 1) / 2 * log_det + nu * d / 2
        bound -= log_det / 2 + d / 2 * np.log(beta / (2 * np.pi)) - d / 2 - entropy  # 10.77
    return float(bound)


# ---- missing entries ----


@dataclass
class Completed:
    """Outputs of an E-step for rows with NaN: q(z) and, for each component, q(missing | z)."""

    r: np.ndarray  # (n, k)
    rows: np.ndarray  # (n, k, d): observed entries, and expected missing ones
    spreads: np.ndarray  # (n, k, d, d): covariances of the missing ones
    entropy: np.ndarray  # (n, k) of q(missing | z)


def e_step_missing(X, q: Posterior):
    """Return log of the integral of exp(E[log p(x, z)]) over the missing entries, and both q.

    Only the quadratic form with P = nu W in a component's E[log N(x)] depends on x. Over the
    missing entries m it integrates to (2 pi)^(m / 2) |P_mm|^(-1/2), and leaves the quadratic form
    of the observed ones with the Schur complement of P_mm.
    """
    n, d = X.shape
    k = len(q.means)
    weights = expected_log_weights(q.concentration)
    p, entropy = np.empty((n, k)), np.zeros((n, k))
    rows, spreads = np.empty((n, k, d)), np.zeros((n, k, d, d))
    for j in range(k):
        precision = q.degrees_of_freedom[j] * q.scales[j]
        constant = weights[j] + expected_log_det(q, j) / 2 - d / (2 * q.mean_precision[j])
        constant -= d / 2 * np.log(2 * np.pi)
        for i, x in enumerate(X):
            o, m = np.flatnonzero(~np.isnan(x)), np.flatnonzero(np.isnan(x))
            z, size = x[o] - q.means[j][o], len(m)
            inverse = np.linalg.inv(precision[np.ix_(m, m)])
            across = precision[np.ix_(m, o)]
            schur = precision[np.ix_(o, o)] - across.T @ inverse @ across
            log_det = np.linalg.slogdet(inverse)[1]
            p[i, j] = constant - z @ schur @ z / 2 + (size * np.log(2 * np.pi) + log_det) / 2
            rows[i, j] = x
            rows[i, j, m] = q.means[j][m] - inverse @ across @ z
            spreads[i, j][np.ix_(m, m)] = inverse
            entropy[i, j] = (size * np.log(2 * np.pi * np.e) + log_det) / 2
    top = p.max(axis=1, keepdims=True)
    log_prob = top + np.log(np.exp(p - top).sum(axis=1, keepdims=True))
    return log_prob[:, 0], Completed(np.exp(p - log_prob), rows, spreads, entropy)


def m_step_missing(c: Completed, prior: Prior, kind: str, weight=None) -> Posterior:
    """Return the posterior given q(z) and q(missing | z), like :func:`m_step`."""
    n, k, d = c.rows.shape
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    parts = []
    for j in range(k):
        # rows whose scatter includes the conditional variance of the missing entries: two per row,
        # shifted in both directions along every axis of its covariance
        lengths, axes = np.linalg.eigh(c.spreads[:, j])
        away = np.sqrt(d * np.maximum(lengths, 0.0))[:, None, :] * axes
        pairs = np.concatenate(
            [c.rows[:, j, None] + sign * away.swapaxes(1, 2) for sign in (1, -1)], 1
        )
        parts.append(pairs.reshape(-1, d))
    share = np.repeat(w / (2 * d), 2 * d)
    r = np.repeat(c.r, 2 * d, axis=0)
    posteriors = [m_step(part, r, prior, "full", share) for part in parts]
    inverses = np.array([np.linalg.inv(posteriors[j].scales[j]) for j in range(k)])
    means = np.array([posteriors[j].means[j] for j in range(k)])
    first = posteriors[0]
    nu = first.degrees_of_freedom.copy()
    if kind == "tied":
        inverses[:], nu[:] = inverses.mean(axis=0), nu.mean()
    elif kind == "diag":
        inverses *= np.eye(d)
    elif kind == "spherical":
        inverses = np.array([np.trace(a) / d * np.eye(d) for a in inverses])
    return Posterior(first.concentration, first.mean_precision, means, nu, np.linalg.inv(inverses))


def lower_bound_missing(c: Completed, q: Posterior, prior: Prior, weight=None):
    """Return the lower bound of log p(observed), like :func:`lower_bound`.

    It is that of the rows completed with the expectation of each component, minus the effect of the
    variance of the missing entries, plus their entropy.
    """
    n, k, d = c.rows.shape
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    # completed rows differ between components: sum the bounds of the components
    bound = lower_bound(np.zeros((n, d)), c.r, q, prior, weight)
    for j in range(k):
        precision = q.degrees_of_freedom[j] * q.scales[j]
        zero, z = -q.means[j], c.rows[:, j] - q.means[j]
        quadratic = np.einsum("na,ab,nb->n", z, precision, z) - zero @ precision @ zero
        spread = np.einsum("nab,ab->n", c.spreads[:, j], precision)
        bound += (w * c.r[:, j] * (c.entropy[:, j] - (quadratic + spread) / 2)).sum()
    return float(bound)
