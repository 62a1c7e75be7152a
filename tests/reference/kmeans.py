"""Slow, straightforward K-means in NumPy: direct differences in float64."""

from __future__ import annotations

import numpy as np


def distances2(X, centers):
    """All squared distances, shape (n, k), by direct differences."""
    return ((X[:, None, :].astype(np.longdouble) - centers[None].astype(np.longdouble)) ** 2).sum(2)


def lloyd_step(X, centers, weight=None):
    """Labels, inertia, new centers and relocated clusters of one iteration."""
    w = np.ones(len(X)) if weight is None else weight
    d2 = distances2(X, centers)
    labels = d2.argmin(1)
    near = d2[np.arange(len(X)), labels]
    k = len(centers)
    sums = np.zeros(centers.shape)
    mass = np.zeros(k)
    for i, label in enumerate(labels):
        sums[label] += w[i] * X[i]
        mass[label] += w[i]
    empty = list(np.flatnonzero(mass == 0))
    far = [i for i in np.argsort(-near, kind="stable") if w[i] > 0 and near[i] > 0]
    moved = []
    for cluster, i in zip(empty, far, strict=False):
        sums[labels[i]] -= w[i] * X[i]
        mass[labels[i]] -= w[i]
        sums[cluster], mass[cluster] = w[i] * X[i], w[i]
        moved.append(int(cluster))
    fresh = np.where(mass > 0, np.arange(k), mass.argmax())
    return labels, float((w * near).sum()), sums[fresh] / mass[fresh][:, None], moved


def plusplus(X, k, trials, uniform, weight=None):
    """Greedy k-means++ with the uniforms uniform(step, trial); every distance is computed."""
    n = len(X)
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    edges = np.cumsum(w)
    rows = [min(int(np.searchsorted(edges, uniform(0, 0) * edges[-1], side="right")), n - 1)]
    closest = ((X - X[rows[0]]) ** 2).sum(1)
    for step in range(1, k):
        mass = np.cumsum(w * closest)
        if mass[-1] == 0:
            at = int(np.searchsorted(edges, uniform(step, 0) * edges[-1], side="right"))
            rows.append(min(at, n - 1))
            continue
        best = None
        for t in range(trials):
            row = int(np.searchsorted(mass, uniform(step, t) * mass[-1], side="right"))
            now = np.minimum(closest, ((X - X[row]) ** 2).sum(1))
            if best is None or (w * now).sum() < best[0]:
                best = ((w * now).sum(), row, now)
        rows.append(best[1])
        closest = best[2]
    return np.array(rows)


def minibatch_step(X, centers, counts, weight=None):
    """Running means: centers and counts after one batch, and the inertia before it."""
    w = np.ones(len(X)) if weight is None else weight
    d2 = distances2(X, centers)
    labels = d2.argmin(1)
    centers, counts = centers.copy(), counts.copy()
    for c in range(len(centers)):
        mine = labels == c
        if w[mine].sum() > 0:
            total = counts[c] + w[mine].sum()
            centers[c] = (centers[c] * counts[c] + (w[mine, None] * X[mine]).sum(0)) / total
            counts[c] = total
    return centers, counts, float((w * d2[np.arange(len(X)), labels]).sum())
