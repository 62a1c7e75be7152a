"""Ways out of poor optima of EM: two components merged and one split.

The moves are those of split-and-merge EM (Ueda, Nakano, Ghahramani and Hinton 2000, Neural
Computation 12): at an optimum two components that share rows become one, one that fits its rows
badly becomes two, and EM on these three alone settles them before all continue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._rows.rows import MemoryRows
from ..parameters import Doubles, Parameters
from .engine import EM
from .likelihood import Likelihood

#: Maximum steps of EM on three components, and rows whose responsibilities are in memory.
_PARTIAL_STEPS = 20
_BLOCK = 8192


class Move(NamedTuple):
    """Two components to merge, one to split, and the mixture after both."""

    merged: tuple[int, int]
    split: int
    start: Parameters

    def __str__(self) -> str:
        i, j = self.merged
        return f"merged components {i} and {j}, split {self.split}"


def moves(em: EM, p: Parameters, count: int) -> Iterator[Move]:
    """Yield the most promising ways out of an optimum, ``count`` at most.

    Components are merged if their responsibilities are alike (the cosine between them), and
    split if they explain their rows worst: the mean of -log p(x) over a component's rows is, but
    for a constant, the Kullback-Leibler divergence between the rows and the component (equations
    20 and 22). Pairs of both are taken by the sum of their ranks. One costs 20 steps of EM on three
    components at most.
    """
    if em.k < 3:
        return
    few = em.sampled()
    alike, fits = _criteria(few, p)
    pairs = [(i, j) for i in range(few.k) for j in range(i + 1, few.k)]
    pairs.sort(key=lambda pair: -alike[pair])
    worst = np.argsort(fits, kind="stable")
    ranked = [
        (at + int(np.flatnonzero(worst == k)[0]), at, pair, int(k))
        for at, pair in enumerate(pairs)
        for k in worst
        if k not in pair
    ]
    for _, _, pair, k in sorted(ranked)[:count]:
        start = _moved(few, p, pair, k)
        if start is not None:
            yield Move(pair, k, start)


def _responsibilities(
    em: EM, p: Parameters, at: int
) -> tuple[NDArray[Any], Doubles, Doubles, Doubles]:
    """Return rows starting at ``at``, their weights, log p(x) and responsibilities."""
    X, weights = em.memory()
    rows = X[at : at + _BLOCK]
    r, log_prob = np.empty((len(rows), em.k), rows.dtype), np.empty(len(rows), rows.dtype)
    em.expectation.posterior(p, rows, log_prob, r)
    weight = np.ones(len(rows)) if weights is None else weights[at : at + _BLOCK]
    return rows, weight.astype(np.float64), log_prob.astype(np.float64), r.astype(np.float64)


def _criteria(em: EM, p: Parameters) -> tuple[Doubles, Doubles]:
    """Return the similarity of responsibilities, (k, k), and how well components fit, (k,)."""
    gram, fit, mass = np.zeros((em.k, em.k)), np.zeros(em.k), np.zeros(em.k)
    for at in range(0, em.expectation.n, _BLOCK):
        _, weight, log_prob, r = _responsibilities(em, p, at)
        weighted = r * weight[:, None]
        gram += r.T @ weighted
        fit += np.where(weight > 0, log_prob, 0.0) @ weighted
        mass += weighted.sum(axis=0)
    tiny = np.finfo(float).tiny
    size = np.sqrt(np.maximum(np.diagonal(gram), tiny))
    alike: Doubles = gram / np.outer(size, size)
    return alike, fit / np.maximum(mass, tiny)


def _moved(em: EM, p: Parameters, pair: tuple[int, int], k: int) -> Parameters | None:
    """Return the mixture with a pair merged and a component split, after EM on the three."""
    three = [*pair, k]
    found = _shares(em, p, three)
    total = p.weights[three].astype(np.float64).sum()
    if found is None or not total > 0:
        return None
    share, spread, axis = found
    part = EM(
        em.expectation.on(MemoryRows(em.memory()[0], share)),
        Likelihood(replace(em.form, k=3)),
    )
    start, failed = part.parameters(*_split_and_merged(em.kind, p, three, spread, axis))
    for _ in range(_PARTIAL_STEPS):
        if failed >= 0:
            return None
        try:
            _, start, failed = part.step(start)
        except ValueError:
            return None
    if failed >= 0:
        return None
    weights, means = p.weights.astype(np.float64), p.means.astype(np.float64)
    covariances = p.covariances.astype(np.float64)
    weights[three] = start.weights.astype(np.float64) * total
    means[three] = start.means
    if em.kind != "tied":  # parameters shared by all components must not change
        covariances[three] = start.covariances
    moved, failed = em.parameters(weights / weights.sum(), means, covariances)
    return None if failed >= 0 else moved


def _shares(em: EM, p: Parameters, three: list[int]) -> tuple[NDArray[Any], float, Doubles] | None:
    """Return the share of each row in three components, and the longest axis of the last one.

    The axis comes with the variance along it. None if the components have no mass.
    """
    k, d = three[-1], em.form.d
    share = np.empty(em.expectation.n, em.form.dtype)
    mass, first, second = 0.0, np.zeros(d), np.zeros((d, d))
    about = p.means[k].astype(np.float64)
    for at in range(0, len(share), _BLOCK):
        rows, weight, _, r = _responsibilities(em, p, at)
        share[at : at + _BLOCK] = weight * r[:, three].sum(axis=1)
        # missing entries count as the mean: only a direction is needed, which EM refines
        own, z = weight * r[:, k], np.nan_to_num(rows - about)
        mass, first = mass + own.sum(), first + own @ z
        second += (z * own[:, None]).T @ z
    if not mass > 0 or not share.max() > 0:
        return None
    mean = first / mass
    variances, axes = np.linalg.eigh(second / mass - np.outer(mean, mean))
    return share, variances[-1], axes[:, -1]


def _split_and_merged(
    kind: str, p: Parameters, three: list[int], spread: float, axis: Doubles
) -> tuple[Doubles, Doubles, Doubles]:
    """Return weights, means and covariances: of the merged pair, and of the two halves.

    The pair keeps its moments. The halves are placed .6 deviations to either side along the longest
    axis of the rows; the remaining variance along it keeps the moments, too.
    """
    w = p.weights[three].astype(np.float64)
    m = p.means[three].astype(np.float64)
    i, j, k = range(3)
    pair = w[i] + w[j]
    a = w[i] / pair if pair > 0 else 0.5
    center, apart = a * m[i] + (1 - a) * m[j], m[i] - m[j]
    step = 0.6 * np.sqrt(max(spread, 0.0)) * axis
    weights = np.array([pair, w[k] / 2, w[k] / 2])
    means = np.array([center, m[k] + step, m[k] - step])
    if kind == "tied":
        return weights / weights.sum(), means, p.covariances.astype(np.float64)
    c = p.covariances[three].astype(np.float64)

    def outer(x: Doubles, y: Doubles) -> Any:
        if kind == "full":
            return np.multiply.outer(x, y)
        return x * y if kind == "diag" else (x * y).mean()

    merged = a * c[i] + (1 - a) * c[j] + a * (1 - a) * outer(apart, apart)
    taken = outer(step, step)
    # at least a tenth of the variance, for any shape of the rows
    half = c[k] - taken if kind == "full" else np.maximum(c[k] - taken, 0.1 * c[k])
    if kind == "full" and np.linalg.eigvalsh(half)[0] <= 0:
        half = 0.64 * c[k]
    return weights / weights.sum(), means, np.array([merged, half, half])
