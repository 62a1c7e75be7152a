"""Nearest distributions: of topics in documents, of topics in words, and over words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

METRICS = ("hellinger", "jensen-shannon", "cosine")

#: Numbers in each of a few arrays at a time: 32 MB.
_BLOCK = 1 << 22

#: Candidates of a block, in addition to those requested, that are ranked exactly.
_SPARE = 16


class Rows(NamedTuple):
    """Distributions that are made in blocks, so that memory does not grow with their number.

    Attributes
    ----------
    take : callable
        ``take(first, end)`` returns an array of shape (end - first, k).
    n : int
        How many there are.
    """

    take: Callable[[int, int], NDArray[np.float64]]
    n: int


class Neighbors(NamedTuple):
    """The nearest candidates, sorted by distance and by number.

    Attributes
    ----------
    indices : ndarray of shape (n_queries, n), int64
        Numbers of the candidates.
    distances : ndarray of shape (n_queries, n), float64
        0 is equal.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest(
    queries: NDArray[np.float64],
    candidates: Rows,
    n: int,
    metric: str,
    own: NDArray[np.int64] | None = None,
) -> Neighbors:
    """Return the candidates nearest to each query.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, k)
    candidates : Rows
    n : int
        How many; all if there are fewer.
    metric : {"hellinger", "jensen-shannon", "cosine"}
        The Hellinger distance; the square root of the Jensen-Shannon divergence in nats (Endres
        and Schindelin 2003); 1 - the cosine of the angle.
    own : ndarray of shape (n_queries,), optional
        The number of each query among the candidates, which is left out.

    Raises
    ------
    ValueError
        If the metric is unknown.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}; got {metric!r}")
    m, k = queries.shape
    n = max(0, min(n, candidates.n - (own is not None)))
    if m == 0 or n == 0:
        return Neighbors(np.empty((m, n), np.int64), np.empty((m, n)))
    best = [(np.empty(0, np.int64), np.empty(0)) for _ in range(m)]
    several = max(1, min(m, 256))
    step = max(1, _BLOCK // max(k, several))
    for first in range(0, candidates.n, step):
        end = min(candidates.n, first + step)
        rows = candidates.take(first, end)
        root = _root(rows, metric)
        for q in range(0, m, several):
            part = queries[q : q + several]
            rough = _rough(part, rows, root, metric)
            for i in range(len(part)):
                if own is not None and first <= own[q + i] < end:
                    rough[i, own[q + i] - first] = np.inf
                best[q + i] = _merged(best[q + i], part[i], rows, rough[i], first, n, metric)
    indices, distances = (np.stack(field) for field in zip(*best, strict=True))
    return Neighbors(indices, distances)


def _merged(
    best: tuple[NDArray[np.int64], NDArray[np.float64]],
    query: NDArray[np.float64],
    rows: NDArray[np.float64],
    rough: NDArray[np.float64],
    first: int,
    n: int,
    metric: str,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the nearest among the previous ones and a block."""
    take = min(n + _SPARE, len(rough))
    ids = np.argpartition(rough, take - 1)[:take] if take < len(rough) else np.arange(len(rough))
    ids = ids[np.isfinite(rough[ids])]
    # Approximate distances are matrix products, whose last bits depend on the block.
    exact = distance(query, rows[ids], metric)
    numbers = np.concatenate([best[0], ids + first])
    distances = np.concatenate([best[1], exact])
    order = np.lexsort((numbers, distances))[:n]
    return numbers[order], distances[order]


def distance(
    query: NDArray[np.float64], rows: NDArray[np.float64], metric: str
) -> NDArray[np.float64]:
    """Return the distances of rows from one distribution, an array of shape (len(rows),)."""
    if metric == "hellinger":
        difference = np.sqrt(rows) - np.sqrt(query)
        far: NDArray[np.float64] = np.sqrt(0.5 * (difference * difference).sum(axis=1))
        return far
    if metric == "cosine":
        # Of unit vectors 1 - cos is half the squared difference, which is exact near 0.
        difference = _unit(rows) - _unit(query[None])
        chord: NDArray[np.float64] = 0.5 * (difference * difference).sum(axis=1)
        return chord
    root: NDArray[np.float64] = np.sqrt(np.maximum(_divergence(query, rows), 0.0))
    return root


def _divergence(query: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergences, in nats."""
    mean = 0.5 * (rows + query)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_rows = np.where(rows > 0, rows * np.log(rows / mean), 0.0)
        of_query = np.where(query > 0, query * np.log(query / mean), 0.0)
    half: NDArray[np.float64] = 0.5 * (of_rows.sum(axis=1) + of_query.sum(axis=1))
    return half


def _root(rows: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    if metric == "cosine":
        return _unit(rows)
    root: NDArray[np.float64] = np.sqrt(rows) if metric == "hellinger" else rows
    return root


def _rough(
    queries: NDArray[np.float64], rows: NDArray[np.float64], root: NDArray[np.float64], metric: str
) -> NDArray[np.float64]:
    """Return values sorted by distance, of shape (n_queries, n_rows)."""
    if metric == "jensen-shannon":
        return np.stack([_divergence(query, rows) for query in queries])
    product: NDArray[np.float64] = -(_root(queries, metric) @ root.T)
    return product


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = np.divide(rows, size, out=np.zeros_like(rows), where=size > 0)
    return unit


def topic_distances(
    topics: Any, topic: int, metric: str, n_words_held: int = _BLOCK
) -> NDArray[np.float64]:
    """Return the distances of all topics from one, an array of shape (n_topics,).

    Computed over blocks of words: topics x words is never held in memory.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}; got {metric!r}")
    k = topics.n_topics
    total, squares = np.zeros(k), np.zeros(k)
    step = max(1, n_words_held // k)
    for first in range(0, topics.n_words, step):
        phi = topics.columns(np.arange(first, min(topics.n_words, first + step)))
        own = phi[topic]
        if metric == "hellinger":
            total += 0.5 * ((np.sqrt(phi) - np.sqrt(own)) ** 2).sum(axis=1)
        elif metric == "jensen-shannon":
            total += _divergence(own, phi)
        else:
            total += phi @ own
            squares += (phi * phi).sum(axis=1)
    if metric == "cosine":
        total = (1 - total / np.sqrt(squares * squares[topic])) ** 2
    far: NDArray[np.float64] = np.sqrt(np.maximum(total, 0.0))
    return far
