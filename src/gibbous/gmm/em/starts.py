"""Better starts of mixtures: short runs of which the best goes on, and ways out of poor optima.

``small_em`` is the strategy of Biernacki, Celeux and Govaert (2003, Computational Statistics and
Data Analysis 41): EM is run a few steps from several random starts, and where it stands highest it
goes on. ``moves`` are those of split-and-merge EM (Ueda, Nakano, Ghahramani and Hinton 2000, Neural
Computation 12): at an optimum two components that share rows become one, one that fits its rows
badly becomes two, and EM on these three alone settles them before all go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._ground import random
from .engine import Engine, Parameters

Doubles = NDArray[np.float64]

#: Short runs, and steps of each at most. Biernacki et al. stop a run where a step gains less than a
#: hundredth of what the run has gained so far.
_RUNS = 10
_STEPS = 20
_SHARE = 0.01

#: Steps of EM on three components at most, and rows whose responsibilities are held at a time.
_PARTIAL_STEPS = 20
_BLOCK = 8192


def small_em(engine: Engine, key: int) -> tuple[Parameters, int]:
    """Return where the best of several short runs of EM stands, and what failed there or -1.

    A run starts with k rows drawn at random as means, equal weights and the covariance of all rows.
    Costs at most 200 steps of EM on the rows (of a sample, where the rows are read in blocks).
    Where every run fails, K-means makes the start.
    """
    few = _in_memory(engine)
    best, value = None, -np.inf
    for run in range(_RUNS):
        p = _drawn(few, random.child(key, "gmm-small-em", run))
        if p is None:
            continue
        found = _short(few, p)
        if found is not None and found[0] > value:
            value, best = found
    return engine.start("kmeans", key) if best is None else (best, -1)


def _in_memory(engine: Engine) -> Engine:
    """Return an engine whose rows are at hand: of a sample, where they are read in blocks."""
    sampled = getattr(engine, "_sampled", None)
    return engine if sampled is None else sampled()


def _drawn(engine: Engine, key: int) -> Parameters | None:
    """Return rows as means, with the width of the data."""
    wide, failed = engine.start("random", key)
    if failed >= 0:
        return None
    allowed = np.arange(engine.n) if engine.weight is None else np.flatnonzero(engine.weight)
    if len(allowed) < engine.k:
        return None
    rows = random.generator(key, "gmm-start").choice(allowed, engine.k, replace=False)
    means = engine.X[rows]
    means = np.where(np.isnan(means), wide.means, means)
    p, failed = engine.parameters(np.full(engine.k, 1.0 / engine.k), means, wide.covariances)
    return None if failed >= 0 else p


def _short(engine: Engine, p: Parameters) -> tuple[float, Parameters] | None:
    """Run EM a few steps; return where it stands, or None where a component collapsed."""
    first = last = -np.inf
    for step in range(_STEPS):
        try:
            value, p, failed = engine.step(p)
        except ValueError:
            return None
        if failed >= 0:
            return None
        if step == 0:
            first = value
        elif value - last <= _SHARE * (value - first):
            return value, p
        last = value
    return last, p


# ---- split and merge -----------------------------------------------------------------------------


class Move(NamedTuple):
    """Two components to merge, one to split, and the mixture after both."""

    merged: tuple[int, int]
    split: int
    start: Parameters

    def __str__(self) -> str:
        i, j = self.merged
        return f"merged components {i} and {j}, split {self.split}"


def moves(engine: Engine, p: Parameters, count: int) -> Iterator[Move]:
    """Yield the most promising ways out of an optimum, ``count`` at most.

    Components are merged where their responsibilities are alike (the cosine between them), and
    split where they explain their rows worst: the mean of -log p(x) over a component's rows is, but
    for a constant, the Kullback-Leibler divergence between the rows and the component (equations
    20 and 22). Pairs of both are taken by the sum of their ranks. One costs 20 steps of EM on three
    components at most.
    """
    if engine.k < 3:
        return
    few = _in_memory(engine)
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
    engine: Engine, p: Parameters, at: int
) -> tuple[NDArray[Any], Doubles, Doubles, Doubles]:
    """Return rows from ``at`` on, their weights, log p(x) and responsibilities."""
    rows = engine.X[at : at + _BLOCK]
    r, log_prob = np.empty((len(rows), engine.k), rows.dtype), np.empty(len(rows), rows.dtype)
    engine.posterior(p, rows, log_prob, r)
    weight = np.ones(len(rows)) if engine.weight is None else engine.weight[at : at + _BLOCK]
    return rows, weight.astype(np.float64), log_prob.astype(np.float64), r.astype(np.float64)


def _criteria(engine: Engine, p: Parameters) -> tuple[Doubles, Doubles]:
    """Return how alike responsibilities are, (k, k), and how well components fit, (k,)."""
    gram, fit, mass = np.zeros((engine.k, engine.k)), np.zeros(engine.k), np.zeros(engine.k)
    for at in range(0, engine.n, _BLOCK):
        _, weight, log_prob, r = _responsibilities(engine, p, at)
        weighted = r * weight[:, None]
        gram += r.T @ weighted
        fit += np.where(weight > 0, log_prob, 0.0) @ weighted
        mass += weighted.sum(axis=0)
    tiny = np.finfo(float).tiny
    size = np.sqrt(np.maximum(np.diagonal(gram), tiny))
    alike: Doubles = gram / np.outer(size, size)
    return alike, fit / np.maximum(mass, tiny)


def _moved(engine: Engine, p: Parameters, pair: tuple[int, int], k: int) -> Parameters | None:
    """Return the mixture with a pair merged and a component split, settled by EM on the three."""
    three = [*pair, k]
    share = np.empty(engine.n, engine.dtype)
    d = engine.d
    mass, first, second = 0.0, np.zeros(d), np.zeros((d, d))
    about = p.means[k].astype(np.float64)
    for at in range(0, engine.n, _BLOCK):
        rows, weight, _, r = _responsibilities(engine, p, at)
        share[at : at + _BLOCK] = weight * r[:, three].sum(axis=1)
        # what is missing stands at the mean: this looks for a direction, and EM judges it
        own, z = weight * r[:, k], np.nan_to_num(rows - about)
        mass, first = mass + own.sum(), first + own @ z
        second += (z * own[:, None]).T @ z
    total = p.weights[three].astype(np.float64).sum()
    if not mass > 0 or not share.max() > 0 or not total > 0:
        return None
    mean = first / mass
    spread, axes = np.linalg.eigh(second / mass - np.outer(mean, mean))
    three_parts = _split_and_merged(engine.type, p, three, spread[-1], axes[:, -1])
    part = type(engine)(
        engine.X,
        share,
        covariance_type=engine.type,
        reg_covar=engine.reg_covar,
        k=3,
        threads=engine.threads,
    )
    start, failed = part.parameters(*three_parts)
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
    if engine.type != "tied":  # what all share is not for three to change
        covariances[three] = start.covariances
    moved, failed = engine.parameters(weights / weights.sum(), means, covariances)
    return None if failed >= 0 else moved


def _split_and_merged(
    kind: str, p: Parameters, three: list[int], spread: float, axis: Doubles
) -> tuple[Doubles, Doubles, Doubles]:
    """Return weights, means and covariances: of the pair as one, and of the two halves.

    The pair keeps its moments. The halves stand .6 deviations to either side along the longest
    axis of the rows, and with what is left of its variance they keep the moments as well.
    """
    w = p.weights[three].astype(np.float64)
    m = p.means[three].astype(np.float64)
    i, j, k = range(3)
    pair = w[i] + w[j]
    a = w[i] / pair if pair > 0 else 0.5
    centre, apart = a * m[i] + (1 - a) * m[j], m[i] - m[j]
    step = 0.6 * np.sqrt(max(spread, 0.0)) * axis
    weights = np.array([pair, w[k] / 2, w[k] / 2])
    means = np.array([centre, m[k] + step, m[k] - step])
    if kind == "tied":
        return weights / weights.sum(), means, p.covariances.astype(np.float64)
    c = p.covariances[three].astype(np.float64)

    def outer(x: Doubles, y: Doubles) -> Any:
        if kind == "full":
            return np.multiply.outer(x, y)
        return x * y if kind == "diag" else (x * y).mean()

    merged = a * c[i] + (1 - a) * c[j] + a * (1 - a) * outer(apart, apart)
    taken = outer(step, step)
    # never narrower than a tenth, whatever the shape of the rows
    half = c[k] - taken if kind == "full" else np.maximum(c[k] - taken, 0.1 * c[k])
    if kind == "full" and np.linalg.eigvalsh(half)[0] <= 0:
        half = 0.64 * c[k]
    return weights / weights.sum(), means, np.array([merged, half, half])
