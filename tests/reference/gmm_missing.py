"""Slow, straightforward EM for Gaussian mixtures on rows with NaN, row by row, in long double."""

from __future__ import annotations

import numpy as np

from .gmm import LONG, Mixture, cholesky, covariance_of


def inverse(c):
    """Return c^-1 of a positive definite matrix; NumPy's own function does not support long
    double."""
    low = cholesky(c)
    d = len(c)
    inverse_low = np.zeros((d, d), LONG)
    for a in range(d):
        inverse_low[a, a] = 1 / low[a, a]
        for b in range(a):
            inverse_low[a, b] = -(low[a, b:a] @ inverse_low[b:a, b]) / low[a, a]
    return inverse_low.T @ inverse_low


def split(mask, c):
    """Return the quantities of a pattern (True where missing) for one covariance.

    These are observed and missing features, precision and log-determinant of the observed ones, the
    regression of the missing ones on them, and the conditional covariance.
    """
    o, m = np.flatnonzero(~mask), np.flatnonzero(mask)
    if not len(o):
        return o, m, np.zeros((0, 0), LONG), LONG(0), np.zeros((len(m), 0), LONG), c
    precision = inverse(c[np.ix_(o, o)])
    log_det = 2 * np.log(np.diag(cholesky(c[np.ix_(o, o)]))).sum()
    b = c[np.ix_(m, o)] @ precision
    return o, m, precision, log_det, b, c[np.ix_(m, m)] - b @ c[np.ix_(o, m)]


def posterior(X, m: Mixture, kind: str):
    """Return log p(observed) (n,), responsibilities, conditional means and covariances."""
    n, d = X.shape
    k = len(m.weights)
    log_p = np.empty((n, k), LONG)
    means, spreads = np.empty((n, k, d), LONG), np.zeros((n, k, d, d), LONG)
    for j in range(k):
        c, mean, known = covariance_of(m, kind, j).astype(LONG), m.means[j].astype(LONG), {}
        for i, x in enumerate(X.astype(LONG)):
            mask = np.isnan(x)
            if mask.tobytes() not in known:
                known[mask.tobytes()] = split(mask, c)
            o, absent, precision, log_det, b, left = known[mask.tobytes()]
            z = x[o] - mean[o]
            log_density = z @ precision @ z + log_det + len(o) * np.log(2 * LONG(np.pi))
            log_p[i, j] = np.log(LONG(m.weights[j])) - log_density / 2
            means[i, j] = x
            means[i, j, absent] = mean[absent] + b @ z
            spreads[i, j][np.ix_(absent, absent)] = left
    top = log_p.max(1, keepdims=True)
    log_prob = top + np.log(np.exp(log_p - top).sum(1, keepdims=True))
    r = np.exp(log_p - log_prob)
    log_prob[np.isnan(X).all(1)] = 0
    return log_prob[:, 0], r, means, spreads


def statistics(X, m: Mixture, kind: str, weight=None, about=None):
    """Return sum w log p, and the expected nk, s1 (k, d) and second moments (k, d, d)."""
    w = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
    log_prob, r, means, spreads = posterior(X, m, kind)
    r = r * w[:, None]
    origins = (m.means if about is None else about).astype(LONG)
    z = means - origins
    s2 = np.einsum("ik,ikab->kab", r, spreads) + np.einsum("ik,ika,ikb->kab", r, z, z)
    return float((w * log_prob).sum()), r.sum(0), np.einsum("ik,ika->ka", r, z), s2


def step(X, m: Mixture, kind: str, reg: float, weight=None):
    """Run one EM step; return the mean log-likelihood before it and the new mixture."""
    d = X.shape[1]
    total = LONG(len(X)) if weight is None else weight.astype(LONG).sum()
    value, nk, s1, s2 = statistics(X, m, kind, weight)
    shift = s1 / nk[:, None]
    c = s2 - nk[:, None, None] * shift[:, :, None] * shift[:, None, :]
    eye = LONG(reg) * np.eye(d, dtype=LONG)
    if kind == "tied":
        c = c.sum(0) / nk.sum() + eye
    else:
        c = c / nk[:, None, None] + eye
        if kind != "full":
            c = np.array([np.diag(x) for x in c])
        if kind == "spherical":
            c = c.mean(1)
    return float(value / total), Mixture(nk / nk.sum(), m.means + shift, c)
