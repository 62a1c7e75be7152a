"""Positions of topics on a map: classical scaling of the divergences between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import xlogy

from ..topic_word import TopicWord


def divergences(topics: TopicWord) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergences of all pairs of topics, in nats.

    ``JS(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2`` with the entropy ``H`` (Lin 1991). For a
    pair, only words that one of the two has drawn are visited: all others have the two floors, so
    that the cost is that of the counts times topics, and topics x words is never in memory.

    Parameters
    ----------
    topics : TopicWord

    Returns
    -------
    ndarray of shape (n_topics, n_topics), float64
        Symmetric, from 0 to log 2.
    """
    k, n_words = topics.n_topics, topics.n_words
    floor = topics.floor.astype(np.float64)
    columns = topics.matrix(np.float64).tocsc()
    columns.sort_indices()
    word, value = columns.indices, columns.data
    start = columns.indptr.astype(np.int64)
    drawn = np.diff(start)
    topic = np.repeat(np.arange(k), drawn)
    phi = value + floor[topic]
    own = np.bincount(topic, xlogy(phi, phi), k) + (n_words - drawn) * xlogy(floor, floor)
    found = np.zeros((k, k))
    mine = np.zeros(n_words, bool)
    for a in range(k - 1):
        later = slice(start[a + 1], start[k])  # the strength of the topics after this one
        words = word[start[a] : start[a + 1]]
        mine[words] = True
        alone = ~mine[word[later]]
        mine[words] = False
        rest = topic[later][alone]
        middle = 0.5 * (phi[later][alone] + floor[a])
        both = 0.5 * (topics.columns(words)[a + 1 :] + phi[start[a] : start[a + 1]])
        total = xlogy(both, both).sum(axis=1)
        total += np.bincount(rest, xlogy(middle, middle), k)[a + 1 :]
        neither = n_words - len(words) - np.bincount(rest, minlength=k)[a + 1 :]
        between = 0.5 * (floor[a] + floor[a + 1 :])
        total += neither * xlogy(between, between)
        found[a, a + 1 :] = 0.5 * (own[a] + own[a + 1 :]) - total
    both_ways: NDArray[np.float64] = np.clip(found + found.T, 0.0, np.log(2))
    return both_ways


def positions(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points in the plane whose distances are near to those given.

    Classical scaling (Torgerson 1952), also called principal coordinates: the two largest
    eigenvectors of the squared distances, centered twice. The sign of an axis is chosen
    so that its entry of largest absolute value is positive, the first of equal ones.

    Parameters
    ----------
    distances : ndarray of shape (n, n)
        Symmetric, zeros on the diagonal.

    Returns
    -------
    ndarray of shape (n, 2), float64
        Zeros along an axis that the distances do not need.
    """
    n = len(distances)
    found = np.zeros((n, 2))
    squares = distances**2
    centered = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    most = min(2, n)
    values, vectors = eigh(-0.5 * centered, subset_by_index=(n - most, n - 1))
    largest = max(float(values[-1]), 0.0)
    for axis in range(most):
        size, vector = values[-1 - axis], vectors[:, -1 - axis]
        if size <= 1e-9 * largest:  # rounding
            continue
        # among entries that are equal up to rounding, the first one decides
        at = int(np.argmax(np.abs(vector) > (1 - 1e-9) * np.abs(vector).max()))
        found[:, axis] = vector * np.sqrt(size) * (1 if vector[at] > 0 else -1)
    return found
