"""Scores of words within topics, and the checks that descriptions share."""

from __future__ import annotations

from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..fitted import FittedTopics
from ..topic_word import TopicWord

MEASURES = ("probability", "lift", "relevance", "frex")

#: The default weight of each measure: that of Sievert and Shirley (2014, section 3.2), with which
#: readers identified topics best, and equal weights for FREX.
_WEIGHTS = {"relevance": 0.6, "frex": 0.5}


def check_n(n: Any, name: str = "n") -> int:
    """Return a number of things to show.

    Raises
    ------
    ValueError
        If it is not an int of at least 1.
    """
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ValueError(f"{name} must be an int of at least 1; got {n!r}")
    return int(n)


def check_threshold(threshold: Any) -> float:
    """Return a least share.

    Raises
    ------
    ValueError
        If it is not a number in [0, 1].
    """
    known = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not known or not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be a number in [0, 1]; got {threshold!r}")
    return float(threshold)


class WordScores:
    """Scores of words within topics.

    Parameters
    ----------
    topics : TopicWord
    sizes : ndarray of shape (n_topics,)
        Tokens of each topic, for the shares of topics ``p(k)``; equal shares if all are 0.
    """

    def __init__(self, topics: TopicWord, sizes: NDArray[Any]) -> None:
        self.topics = topics
        total = float(sizes.sum())
        k = topics.n_topics
        self.share = np.asarray(sizes, np.float64) / total if total > 0 else np.full(k, 1 / k)
        self.floor = topics.floor.astype(np.float64)

    @cached_property
    def _by_topic(self) -> Any:
        columns = self.topics.matrix(np.float64).tocsc()
        columns.sort_indices()
        return columns

    @cached_property
    def marginal(self) -> NDArray[np.float64]:
        """``p(w) = sum_k p(k) phi_kw``, an array of shape (n_words,)."""
        rows = self.topics.matrix(np.float64)
        p: NDArray[np.float64] = rows @ self.share + float(self.floor @ self.share)
        return p

    @cached_property
    def _over_topics(self) -> NDArray[np.float64]:
        """``sum_k phi_kw``, an array of shape (n_words,)."""
        rows = self.topics.matrix(np.float64)
        total: NDArray[np.float64] = np.asarray(rows.sum(axis=1)).ravel() + self.floor.sum()
        return total

    def drawn(self, topic: int) -> NDArray[Any]:
        """Return the words whose probability is above the topic's floor, ascending."""
        c = self._by_topic
        words: NDArray[Any] = c.indices[c.indptr[topic] : c.indptr[topic + 1]]
        return words

    def probability(self, topic: int) -> NDArray[np.float64]:
        """Return ``phi_kw`` of one topic, an array of shape (n_words,)."""
        phi = np.full(self.topics.n_words, self.floor[topic])
        c = self._by_topic
        own = slice(c.indptr[topic], c.indptr[topic + 1])
        phi[c.indices[own]] += c.data[own]
        return phi

    def score(self, topic: int, measure: str, weight: float | None = None) -> NDArray[np.float64]:
        """Return the scores of all words in one topic, an array of shape (n_words,).

        Parameters
        ----------
        topic : int
        measure : {"probability", "lift", "relevance", "frex"}
            ``phi_kw``; ``phi_kw / p(w)`` (Taddy 2012); ``lambda log phi_kw + (1 - lambda) log
            (phi_kw / p(w))`` (Sievert and Shirley 2014, equation 1); the harmonic mean of a word's
            rank in the topic by exclusivity ``phi_kw / sum_j phi_jw``, with ``weight``, and by
            frequency ``phi_kw``, with ``1 - weight``, as shares of the vocabulary (Bischof and
            Airoldi 2012, equation 3).
        weight : float, optional
            ``lambda`` of relevance (0.6), the weight of exclusivity in FREX (0.5); in [0, 1].

        Raises
        ------
        ValueError
            If measure or weight is invalid.
        """
        if measure not in MEASURES:
            raise ValueError(f"measure must be one of {', '.join(MEASURES)}; got {measure!r}")
        w = _WEIGHTS.get(measure, 0.0) if weight is None else weight
        if isinstance(w, bool) or not isinstance(w, Real) or not 0 <= w <= 1:
            raise ValueError(f"weight must be a number in [0, 1]; got {weight!r}")
        phi = self.probability(topic)
        if measure == "probability":
            return phi
        with np.errstate(divide="ignore", invalid="ignore"):
            if measure == "lift":
                return np.where(self.marginal > 0, phi / self.marginal, 0.0)
            if measure == "relevance":
                # (1 - lambda) log lift + lambda log phi, without an intermediate 0 times infinity
                relevance = np.log(phi) - (1 - w) * np.log(self.marginal)
                return np.where(phi > 0, relevance, -np.inf)
            exclusive = np.where(self._over_topics > 0, phi / self._over_topics, 0.0)
        n = len(phi)
        by_exclusivity = rankdata(exclusive, method="max") / n
        by_frequency = rankdata(phi, method="max") / n
        frex: NDArray[np.float64] = 1 / (w / by_exclusivity + (1 - w) / by_frequency)
        return frex

    def best(
        self, topic: int, n: int, measure: str, weight: float | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the words of the highest scores with these scores, equal ones by word number.

        Words that the topic has drawn come before all others, whatever their score: for a word that
        was never drawn, the topic has only its prior.
        """
        scores = self.score(topic, measure, weight)
        drawn = self.drawn(topic)
        ids = drawn[np.argsort(-scores[drawn], kind="stable")[:n]].astype(np.int64)
        if len(ids) < n:
            rest = np.setdiff1d(np.arange(len(scores)), ids)
            more = rest[np.argsort(-scores[rest], kind="stable")[: n - len(ids)]]
            ids = np.concatenate([ids, more])
        return ids, scores[ids]

    def profiles(self, words: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``p(k | w)`` of some words, an array of shape (len(words), n_topics)."""
        joint = self.topics.columns(words).T * self.share
        given: NDArray[np.float64] = joint / joint.sum(axis=1, keepdims=True)
        return given


def scores_of(fitted: FittedTopics) -> WordScores:
    """Return the scores of words within fitted topics."""
    return WordScores(fitted.phi, fitted.sizes)
