"""Slow, straightforward EM for Gaussian mixtures, in long double."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONG = np.longdouble


@dataclass
class Mixture:
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


def cholesky(c):
    d = len(c)
    low = np.zeros((d, d), LONG)
    for a in range(d):
        for b in range(a + 1):
            s = c[a, b] - low[a, :b] @ low[b, :b]
            low[a, b] = np.sqrt(s) if a == b else s / low[b, b]
    return low


def solve_lower(low, rows):
    """Return y with low @ y_i = row_i for every row."""
    y = np.zeros_like(rows)
    for a in range(low.shape[0]):
        y[:, a] = (rows[:, a] - y[:, :a] @ low[a, :a]) / low[a, a]
    return y


def covariance_of(m: Mixture, kind: str, k: int) -> np.ndarray:
    d = m.means.shape[1]
    return {
        "full": lambda: m.covariances[k],
        "tied": lambda: m.covariances,
        "diag": lambda: np.diag(m.covariances[k]),
        "spherical": lambda: m.covariances[k] * np.eye(d, dtype=LONG),
    }[kind]()


def log_densities(X, m: Mixture, kind: str) -> np.ndarray:
    """Return log w_k + log N(x_i; mu_k, C_k), (n, k)."""
    X = X.astype(LONG)
    n, d = X.shape
    out = np.empty((n, len(m.weights)), LONG)
    for k in range(len(m.weights)):
        low = cholesky(covariance_of(m, kind, k).astype(LONG))
        y = solve_lower(low, X - m.means[k].astype(LONG))
        log_det = np.log(np.diag(low)).sum()
        out[:, k] = (
            np.log(LONG(m.weights[k]))
            - LONG(0.5) * (y * y).sum(1)
            - log_det
            - LONG(0.5) * d * np.log(2 * LONG(np.pi))
        )
    return out


def responsibilities(X, m: Mixture, kind: str):
    p = log_densities(X, m, kind)
    top = p.max(1, keepdims=True)
    log_prob = top + np.log(np.exp(p - top).sum(1, keepdims=True))
    return log_prob[:, 0], np.exp(p - log_prob)


def step(X, m: Mixture, kind: str, reg: float, weight=None):
    """Run one EM step; return the mean log-likelihood before it and the new mixture."""
    X = X.astype(LONG)
    n, d = X.shape
    w = np.ones(n, LONG) if weight is None else weight.astype(LONG)
    log_prob, r = responsibilities(X, m, kind)
    r = r * w[:, None]
    nk = r.sum(0)
    # about the old means, to avoid cancellation
    shift = np.array([(r[:, k, None] * (X - m.means[k])).sum(0) / nk[k] for k in range(len(nk))])
    means = m.means.astype(LONG) + shift
    scatter = []
    for k in range(len(nk)):
        z = X - means[k]
        scatter.append((r[:, k, None] * z).T @ z)
    scatter = np.array(scatter)
    eye = LONG(reg) * np.eye(d, dtype=LONG)
    if kind == "tied":
        c = scatter.sum(0) / nk.sum() + eye
    else:
        c = scatter / nk[:, None, None] + eye
        if kind != "full":
            c = np.array([np.diag(x) for x in c])
        if kind == "spherical":
            c = c.mean(1)
    return float((w * log_prob).sum() / w.sum()), Mixture(nk / nk.sum(), means, c)


def precisions(m: Mixture, kind: str) -> np.ndarray:
    c = m.covariances.astype(np.float64)
    return np.linalg.inv(c) if kind in ("full", "tied") else 1.0 / c
