"""Descriptions of topics: their words, a table of all, and topics and words that are similar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..fitted import FittedTopics
from . import similar
from .labels import topic_labels
from .tables import SparseTable, TopicTable
from .words import check_n, check_threshold, scores_of


def topic_words(
    fitted: FittedTopics,
    topic: int,
    n: int = 10,
    measure: str = "probability",
    *,
    weight: float | None = None,
) -> list[tuple[str | int, float]]:
    """Return the words that describe a topic best, with their scores.

    Parameters
    ----------
    fitted : FittedTopics
    topic : int
    n : int, default 10
    measure : {"probability", "lift", "relevance", "frex"}
        "probability": ``phi_kw``. "lift": ``phi_kw / p(w)``, which favors rare words.
        "relevance": ``lambda log phi_kw + (1 - lambda) log (phi_kw / p(w))`` (Sievert and
        Shirley 2014). "frex": the harmonic mean of a word's ranks in the topic by exclusivity
        ``phi_kw / sum_j phi_jw`` and by frequency (Bischof and Airoldi 2012).
    weight : float, optional
        ``lambda`` of relevance, by default 0.6; of exclusivity in FREX, by default 0.5.

    Returns
    -------
    list of (word, score)
        Sorted by falling score, equal ones by word number. Words are numbers if there is no
        vocabulary. Words that the topic never drew come last.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    scores = scores_of(fitted)
    ids, values = scores.best(fitted.topic(topic), check_n(n), measure, weight)
    return [(fitted.word(i), float(v)) for i, v in zip(ids, values, strict=True)]


def describe(
    fitted: FittedTopics,
    n_words: int = 10,
    measure: str = "probability",
    *,
    weight: float | None = None,
) -> TopicTable:
    """Return a table of all topics that can be printed: label, tokens, share, prior, words.

    Parameters
    ----------
    fitted : FittedTopics
    n_words : int, default 10
    measure, weight
        Which words; see :meth:`gibbous.LatentDirichletAllocation.topic_words`.

    Returns
    -------
    TopicTable
        With ``to_frame``, ``to_dict``, and HTML in notebooks.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    scores, n = scores_of(fitted), check_n(n_words, "n_words")
    k = fitted.n_topics
    total = max(int(fitted.sizes.sum()), 1)
    columns: dict[str, Sequence[Any] | NDArray[Any]] = {"topic": list(range(k))}
    if fitted.labels is not None:
        columns["label"] = list(topic_labels(fitted))
    columns |= {
        "tokens": [int(size) for size in fitted.sizes],
        "share": [float(size) / total for size in fitted.sizes],
        "prior": [float(a) for a in fitted.alpha],
        "words": [
            ", ".join(str(fitted.word(i)) for i in scores.best(t, n, measure, weight)[0])
            for t in range(k)
        ],
    }
    return TopicTable(columns)


def similar_words(
    fitted: FittedTopics, word: str | int, n: int = 10, *, metric: str = "hellinger"
) -> list[tuple[str | int, float]]:
    """Return the words that occur in the same topics: those nearest in ``p(topic | word)``.

    Parameters
    ----------
    fitted : FittedTopics
    word : str or int
        A word of the vocabulary, or its number.
    n : int, default 10
    metric : {"hellinger", "jensen-shannon", "cosine"}

    Returns
    -------
    list of (word, distance)
        Sorted by distance. Words without tokens in training are left out.

    Raises
    ------
    ValueError
        If the word is unknown, or an argument is out of range.
    """
    scores = scores_of(fitted)
    number = fitted.word_number(word)
    seen = np.flatnonzero(np.diff(fitted.word_topic.indptr))
    own = np.flatnonzero(seen == number)
    found = similar.nearest(
        scores.profiles(np.array([number])),
        similar.Rows(lambda first, end: scores.profiles(seen[first:end]), len(seen)),
        check_n(n),
        metric,
        own if len(own) else None,
    )
    ids, distances = seen[found.indices[0]], found.distances[0]
    return [(fitted.word(i), float(d)) for i, d in zip(ids, distances, strict=True)]


def similar_topics(
    fitted: FittedTopics, topic: int, n: int = 10, *, metric: str = "hellinger"
) -> list[tuple[int, float]]:
    """Return the topics whose distributions over words are nearest to those of one topic.

    Parameters
    ----------
    fitted : FittedTopics
    topic : int
    n : int, default 10
    metric : {"hellinger", "jensen-shannon", "cosine"}

    Returns
    -------
    list of (topic, distance)
        Sorted by distance.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    at = fitted.topic(topic)
    far = similar.topic_distances(fitted.phi, at, metric)
    order = np.argsort(far, kind="stable")
    return [(int(k), float(far[k])) for k in order[order != at][: check_n(n)]]


def topic_word_table(fitted: FittedTopics, threshold: float = 1e-3) -> SparseTable:
    """Return the probabilities of words in topics that reach a threshold.

    Parameters
    ----------
    fitted : FittedTopics
    threshold : float, default 1e-3
        The least probability that is returned, > 0: every word has some in every topic.

    Returns
    -------
    SparseTable of shape (n_components, n_features)
        With ``to_csr`` and ``to_frame``. Rows sum to less than 1 because of what is left out.

    Raises
    ------
    ValueError
        If the threshold is not in (0, 1].
    """
    least = check_threshold(threshold)
    if least == 0:
        raise ValueError("threshold must be > 0; components_ has all probabilities")
    scores = scores_of(fitted)
    rows = []
    for topic in range(fitted.n_topics):
        phi = scores.probability(topic)
        words = np.flatnonzero(phi >= least)
        rows.append((words, phi[words]))
    indptr = np.cumsum([0, *(len(words) for words, _ in rows)])
    words, values = (np.concatenate(column) for column in zip(*rows, strict=True))
    shape = (fitted.n_topics, fitted.n_words)
    matrix = sp.csr_array((values, words.astype(np.int32), indptr), shape=shape)
    known: dict[str, Any] = {"topic": np.arange(shape[0])}
    if fitted.labels is not None:
        known["label"] = np.array(topic_labels(fitted), dtype=object)
    return SparseTable(matrix, known, fitted.vocabulary or tuple(range(shape[1])))
