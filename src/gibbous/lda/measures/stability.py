"""The correspondence of topics of several models, and their similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..topic_word import TopicWord
from .inputs import described


@dataclass(frozen=True, eq=False)
class TopicMatch:
    """Topics of two models, matched one to one.

    Attributes
    ----------
    first, second : ndarray of shape (n_matched,), int64
        The pairs: topic ``first[i]`` of one model is topic ``second[i]`` of the other. ``first``
        ascends; all topics of the model with fewer topics are matched.
    cosine : ndarray of shape (n_matched,)
        Cosine of the angle between the two word distributions, in [0, 1].
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosine: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean cosine of the pairs."""
        return float(self.cosine.mean())

    def __str__(self) -> str:
        return (
            f"{len(self.cosine)} topics matched: mean cosine {self.mean:.4f}, "
            f"least {self.cosine.min():.4f}"
        )


@dataclass(frozen=True, eq=False)
class Stability:
    """The agreement of several fits on their topics.

    Attributes
    ----------
    matches : tuple of TopicMatch
        One per pair of models.
    pairs : tuple of (int, int)
        Which models each match compares.
    per_topic : ndarray of shape (n_topics,)
        For each topic of the first model, the mean cosine with its partners in the others; NaN
        if it has none.
    """

    matches: tuple[TopicMatch, ...]
    pairs: tuple[tuple[int, int], ...]
    per_topic: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean over pairs of models of the mean matched cosine."""
        return float(np.mean([match.mean for match in self.matches]))

    def __str__(self) -> str:
        each = [match.mean for match in self.matches]
        n_models = 1 + max(b for _, b in self.pairs)
        return (
            f"stability of {n_models} models: mean matched cosine {self.mean:.4f} "
            f"(pairs {min(each):.4f} to {max(each):.4f})"
        )


def match_topics(a: Any, b: Any) -> TopicMatch:
    """Match the topics of two models one to one so that the sum of their cosines is maximal.

    The assignment is optimal (Kuhn 1955; Crouse 2016), as used by Greene,
    O'Callaghan and Cunningham (2014) for stability.

    Parameters
    ----------
    a, b : LatentDirichletAllocation, TopicWord or array-like of shape (n_topics, n_words)
        With the same vocabulary; the number of topics may differ.

    Returns
    -------
    TopicMatch

    Raises
    ------
    ValueError
        If the vocabularies differ in size.
    """
    cosine = _cosines(described(a).topics, described(b).topics)
    rows, columns = linear_sum_assignment(cosine, maximize=True)
    return TopicMatch(rows.astype(np.int64), columns.astype(np.int64), cosine[rows, columns])


def stability(models: Sequence[Any]) -> Stability:
    """Return the agreement of fits of one corpus with several seeds, by optimal matching.

    Parameters
    ----------
    models : sequence of at least two models
        As for :func:`match_topics`, which compares every pair.

    Returns
    -------
    Stability

    Raises
    ------
    ValueError
        If there are fewer than two models, or vocabularies differ in size.
    """
    if len(models) < 2:
        raise ValueError(f"models must be at least two; got {len(models)}")
    topics = [described(model).topics for model in models]
    pairs = tuple(combinations(range(len(topics)), 2))
    matches = tuple(match_topics(topics[i], topics[j]) for i, j in pairs)
    total, met = np.zeros(topics[0].n_topics), np.zeros(topics[0].n_topics)
    for (i, _), match in zip(pairs, matches, strict=True):
        if i == 0:
            total[match.first] += match.cosine
            met[match.first] += 1
    per_topic = np.divide(total, met, out=np.full(len(total), np.nan), where=met > 0)
    return Stability(matches, pairs, per_topic)


def _cosines(a: TopicWord, b: TopicWord) -> NDArray[np.float64]:
    """Return the cosines of all pairs, without making a model dense.

    ``sum_w (f + v_w)(g + u_w) = V f g + f sum_w u_w + g sum_w v_w + sum_w v_w u_w``
    """
    if a.n_words != b.n_words:
        raise ValueError(
            f"topics must have the same vocabulary; got {a.n_words} and {b.n_words} words"
        )
    of_a, of_b = a.matrix(np.float64), b.matrix(np.float64)
    sum_a, sum_b = (np.asarray(m.sum(axis=0)).ravel() for m in (of_a, of_b))
    f, g = a.floor.astype(np.float64), b.floor.astype(np.float64)
    dot = (of_a.T @ of_b).toarray()
    dot += np.outer(f * a.n_words + sum_a, g) + np.outer(f, sum_b)
    size = np.sqrt(np.outer(_squares(of_a, sum_a, f), _squares(of_b, sum_b, g)))
    cosine: NDArray[np.float64] = np.clip(dot / size, 0.0, 1.0)
    return cosine


def _squares(
    values: sp.csr_array, total: NDArray[np.float64], floor: NDArray[np.float64]
) -> NDArray[np.float64]:
    squares = np.bincount(values.indices, weights=values.data**2, minlength=len(floor))
    whole: NDArray[np.float64] = squares + 2 * floor * total + values.shape[0] * floor**2
    return whole
