"""The Dirichlet priors of a topic model: their likelihood and their optimum given counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from .._ground.isa import core

# The minimum of an optimized prior: a topic without documents must stay reachable.
_LEAST = 1e-6

# Counts below this use a table, which then takes at most half a gigabyte.
_COUNTABLE = 1 << 26

# Fixed-point iterations per optimization, which is repeated soon with other counts.
_ROUNDS = 20


@dataclass(frozen=True)
class TopicCounts:
    """The counts of a state of the sampler: sufficient statistics of both priors.

    Attributes
    ----------
    topics, counts, documents : ndarray
        A histogram: the number of documents with each count >= 1 of each topic.
    lengths, of_length : ndarray of int64
        The document lengths that occur, and the number of documents of each.
    words : scipy.sparse.csr_array of shape (n_words, n_topics), int32
        Tokens of each word in each topic.
    totals : ndarray of shape (n_topics,), int64
        Tokens of each topic.
    """

    topics: NDArray[np.uint16]
    counts: NDArray[np.int32]
    documents: NDArray[np.int64]
    lengths: NDArray[np.int64]
    of_length: NDArray[np.int64]
    words: Any
    totals: NDArray[np.int64]

    @classmethod
    def of(
        cls, document_tokens: NDArray[np.int64], z: NDArray[np.uint16], words: Any, n_threads: int
    ) -> TopicCounts:
        """Count topics from assignments in canonical order and the counts of words."""
        n_topics = words.shape[1]
        topics, counts, documents = core.lda.document_histogram(
            document_tokens, z, n_topics, n_threads
        )
        lengths, of_length = np.unique(np.diff(document_tokens), return_counts=True)
        totals = np.bincount(words.indices, weights=words.data, minlength=n_topics)
        totals = totals.astype(np.int64)
        return cls(topics, counts, documents, lengths, of_length, words, totals)

    def word_histogram(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the counts of words in topics that occur, and the frequency of each."""
        data = self.words.data
        if len(data) and data.max() >= _COUNTABLE:
            values, times = np.unique(data, return_counts=True)
            return values.astype(np.int64), times
        table = np.bincount(data)  # ten times faster than sorting
        values = np.flatnonzero(table)
        return values, table[values]


@dataclass(frozen=True)
class Priors:
    """Dirichlet priors over the topics of a document and the words of a topic.

    Attributes
    ----------
    alpha : ndarray of shape (n_topics,), float64
    beta : float
        Of every word in every topic.
    n_words : int
    seeds : scipy.sparse.csr_array of shape (n_words, n_topics), float32, or None
        Additional prior counts of single words in single topics.
    """

    alpha: NDArray[np.float64]
    beta: float
    n_words: int
    seeds: Any = None

    @property
    def beta_sum(self) -> NDArray[np.float64]:
        """The sum over words of each topic's prior, an array of shape (n_topics,)."""
        total = np.full(len(self.alpha), self.beta * self.n_words)
        if self.seeds is not None:
            total += np.asarray(self.seeds.sum(axis=0), dtype=np.float64).ravel()
        return total

    def arguments(self) -> tuple[Any, ...]:
        """Return the arguments of the samplers of the core: alpha, beta, beta_sum, seeds."""
        seeds = None
        if self.seeds is not None:
            s = self.seeds
            seeds = (
                np.asarray(s.indptr, np.int64),
                np.asarray(s.indices, np.uint16),
                np.asarray(s.data, np.float32),
            )
        return self.alpha, self.beta, self.beta_sum, seeds

    def joint_log_likelihood(self, counts: TopicCounts) -> float:
        """Return log p(words, topics | priors), in nats.

        Griffiths and Steyvers (2004), equations 2 and 3, with any Dirichlet priors.
        """
        alpha, total = self.alpha, float(self.alpha.sum())
        a = alpha[counts.topics]
        documents = (counts.documents * (gammaln(counts.counts + a) - gammaln(a))).sum()
        lengths = counts.lengths.astype(np.float64)
        documents += (counts.of_length * (gammaln(total) - gammaln(lengths + total))).sum()
        values, times = counts.word_histogram()
        words = (times * (gammaln(values + self.beta) - gammaln(self.beta))).sum()
        if self.seeds is not None:
            n, extra = _shared(counts.words, self.seeds)
            words += (gammaln(n + self.beta + extra) - gammaln(self.beta + extra)).sum()
            words -= (gammaln(n + self.beta) - gammaln(self.beta)).sum()
        beta_sum = self.beta_sum
        words += (gammaln(beta_sum) - gammaln(counts.totals + beta_sum)).sum()
        return float(documents + words)

    def with_optimal_alpha(self, counts: TopicCounts) -> Priors:
        """Return the priors with the document-topic prior that makes the counts most likely.

        Minka's fixed point (Minka 2000, "Estimating a Dirichlet distribution", equation 55), on
        histograms of the counts (Wallach 2008).
        """
        alpha = self.alpha
        lengths = counts.lengths.astype(np.float64)
        for _ in range(_ROUNDS):
            a = alpha[counts.topics]
            up = np.bincount(
                counts.topics,
                weights=counts.documents * (digamma(counts.counts + a) - digamma(a)),
                minlength=len(alpha),
            )
            total = alpha.sum()
            down = (counts.of_length * (digamma(lengths + total) - digamma(total))).sum()
            if not down > 0:  # no tokens at all
                return self
            fresh = np.maximum(alpha * up / down, _LEAST)
            done = np.abs(fresh - alpha).sum() <= 1e-5 * total
            alpha = fresh
            if done:
                break
        return replace(self, alpha=alpha)

    def with_optimal_beta(self, counts: TopicCounts) -> Priors:
        """Return the priors with the symmetric topic-word prior that makes the counts most likely.

        The same fixed point for one number. It has no effect if words have their own priors.
        """
        if self.seeds is not None or not counts.totals.any():
            return self
        values, times = counts.word_histogram()
        beta, n = self.beta, self.n_words
        for _ in range(_ROUNDS):
            up = (times * (digamma(values + beta) - digamma(beta))).sum()
            down = n * (digamma(counts.totals + n * beta) - digamma(n * beta)).sum()
            fresh = max(beta * up / down, _LEAST)
            done = abs(fresh - beta) <= 1e-5 * beta
            beta = fresh
            if done:
                break
        return replace(self, beta=float(beta))


def _shared(counts: Any, seeds: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return counts and seeds at the positions where neither is zero, in the same order."""
    n = sp.csr_array(counts.multiply(seeds.astype(bool))).astype(np.float64)
    s = sp.csr_array(seeds.multiply(counts.astype(bool))).astype(np.float64)
    n.sort_indices()
    s.sort_indices()
    return n.data, s.data


def seeds_of(
    seeds: Any,
    vocabulary: tuple[str, ...] | None,
    frequency: NDArray[Any],
    n_topics: int,
    weight: float,
) -> Any:
    """Return the priors of seed words as a matrix of shape (n_words, n_topics), or None.

    Parameters
    ----------
    seeds : mapping from topic to words, or to a mapping from word to prior count; or None
        Words as text if there is a vocabulary, otherwise as word numbers.
    vocabulary : tuple of str or None
    frequency : ndarray of shape (n_words,)
        Tokens of each word in the corpus.
    n_topics : int
    weight : float
        The default prior count of a word, as a share of its tokens.

    Raises
    ------
    ValueError
        If a topic or a word does not exist, or a prior count is not positive.
    """
    if not seeds:
        return None
    if not hasattr(seeds, "items"):
        raise ValueError(f"seeds must map topics to words; got {type(seeds).__name__}")
    numbers = None if vocabulary is None else {word: i for i, word in enumerate(vocabulary)}
    rows, columns, values = [], [], []
    for topic, words in seeds.items():
        if not 0 <= int(topic) < n_topics:
            raise ValueError(f"seeds: topic must be in [0, {n_topics}); got {topic!r}")
        for word, prior in _weighted(words):
            w = _number(word, numbers, len(frequency))
            value = max(1.0, weight * float(frequency[w])) if prior is None else float(prior)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"seeds: the prior of {word!r} must be > 0; got {prior!r}")
            rows.append(w)
            columns.append(int(topic))
            values.append(value)
    matrix = sp.csr_array(
        (np.array(values, np.float32), (rows, columns)), shape=(len(frequency), n_topics)
    )
    matrix.sum_duplicates()
    return matrix


def _weighted(words: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(words, str):
        raise ValueError(f"seeds: each topic needs a list of words; got the text {words!r}")
    if hasattr(words, "items"):
        yield from words.items()
    else:
        yield from ((word, None) for word in words)


def _number(word: Any, numbers: dict[str, int] | None, n_words: int) -> int:
    if isinstance(word, str):
        if numbers is None:
            raise ValueError(f"seeds: {word!r} needs a vocabulary; give word numbers")
        if word not in numbers:
            raise ValueError(f"seeds: {word!r} is not in the vocabulary")
        return numbers[word]
    if not 0 <= int(word) < n_words:
        raise ValueError(f"seeds: word number must be in [0, {n_words}); got {word!r}")
    return int(word)
