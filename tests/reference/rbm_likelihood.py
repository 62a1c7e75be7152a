"""Slow, straightforward log Z of a Boltzmann machine, with the random numbers of the core."""

from __future__ import annotations

import itertools

import numpy as np

from .rbm import sigmoid, uniforms

AIS = 10  # random.hpp: Purpose::rbm_ais


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def log_partition(w: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return log Z as the sum over every pair of states."""
    v, h = all_states(len(a)), all_states(len(b))
    return float(np.logaddexp.reduce((h @ w @ v.T + h @ b[:, None] + v @ a).ravel()))


def log_unnormalised(
    v: np.ndarray, beta: float, w: np.ndarray, a: np.ndarray, b: np.ndarray, base: np.ndarray
) -> np.ndarray:
    """Return log p* of visible states on the path from the base to the machine."""
    x = v @ w.T + b
    return np.asarray(v @ ((1 - beta) * base + beta * a) + np.logaddexp(0, beta * x).sum(1))


def anneal(
    w: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    base: np.ndarray,
    betas: np.ndarray,
    hidden: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Return the chains' log-weights along the betas."""
    n, h = len(hidden), hidden
    total = np.zeros(n)
    for k in range(len(betas) - 1):
        now, after = betas[k], betas[k + 1]
        p = sigmoid(now * (h @ w) + (1 - now) * base + now * a)
        v = (uniforms(seed, AIS, 2 * k, n, len(a)) < p).astype(float)
        total += log_unnormalised(v, after, w, a, b, base) - log_unnormalised(v, now, w, a, b, base)
        q = sigmoid(after * (v @ w.T + b))
        h = (uniforms(seed, AIS, 2 * k + 1, n, len(b)) < q).astype(float)
    return total
