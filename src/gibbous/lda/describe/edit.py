"""Merging and dropping fitted topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..fitted import FittedTopics, topic_numbers
from ..priors import Priors, TopicCounts
from ..topic_word import TopicWord


def groups_of(groups: Any, n_topics: int) -> NDArray[np.int64]:
    """Return the new number of every topic if each group becomes one topic.

    A group takes the place of its first topic; all others keep their order.

    Raises
    ------
    ValueError
        If a topic does not exist or is in two groups, or a group is empty.
    """
    if isinstance(groups, (str, bytes)) or not isinstance(groups, Iterable):
        raise ValueError(f"groups must be lists of topic numbers; got {groups!r:.60}")
    first = np.arange(n_topics)
    seen: set[int] = set()
    for group in groups:
        members = topic_numbers(group, n_topics, "groups")
        if not len(members):
            raise ValueError("groups must not hold an empty group")
        twice = seen & set(members.tolist())
        if twice:
            raise ValueError(f"groups must not share topics; topic {min(twice)} is in two")
        seen |= set(members.tolist())
        first[members] = members.min()
    new: NDArray[np.int64] = np.unique(first, return_inverse=True)[1].astype(np.int64)
    return new


@dataclass(frozen=True, eq=False)
class Edited:
    """Fitted topics after some were merged or dropped.

    Attributes
    ----------
    parameters : dict
        Parameters of the estimator that change with the topics.
    topics : TopicWord
    word_topic, document_topic : csr_array of int32
    sizes : ndarray of shape (n_topics,), int64
    alpha : ndarray of shape (n_topics,)
    labels : tuple of str or None
    bound : float
        Joint log-likelihood per token.
    """

    parameters: dict[str, Any]
    topics: TopicWord
    word_topic: Any
    document_topic: Any
    sizes: NDArray[np.int64]
    alpha: NDArray[np.float64]
    labels: tuple[str, ...] | None
    bound: float


def merge_topics(fitted: FittedTopics, groups: Any) -> Edited:
    """Return a model in which each group of topics is one topic.

    Counts and document-topic priors are added, and the topic's distribution over words is that of
    the added counts. A group takes the place of its first topic; all others keep their order. A
    document's share of the merged topic in ``document_topic_`` is exactly the sum.

    Parameters
    ----------
    fitted : FittedTopics
    groups : sequence of sequences of int
        Such as ``[[1, 2], [5, 7]]``.

    Returns
    -------
    Edited

    Raises
    ------
    ValueError
        If a topic does not exist or is named twice.
    """
    new = groups_of(groups, fitted.n_topics)
    k = int(new.max()) + 1
    onto = sp.csr_array((np.ones(len(new), np.int32), (np.arange(len(new)), new)), (len(new), k))
    alpha = np.bincount(new, weights=fitted.alpha, minlength=k).astype(np.float64)
    topics = _sum_of(fitted.phi, new, k, fitted.beta)
    return _edited(fitted, _Change(new, onto, topics, alpha))


def drop_topics(fitted: FittedTopics, topics: Any) -> Edited:
    """Return a model without some topics, such as topics of boilerplate.

    Their tokens are removed from all counts, and documents are distributed over the remaining
    topics, which keep their order.

    Parameters
    ----------
    fitted : FittedTopics
    topics : sequence of int

    Returns
    -------
    Edited

    Raises
    ------
    ValueError
        If a topic does not exist or is named twice, or none would be left.
    """
    old = fitted.n_topics
    gone = topic_numbers(topics, old, "topics")
    left = np.setdiff1d(np.arange(old), gone)
    if not len(left):
        raise ValueError(f"topics must leave at least one of {old}; all are named")
    k = len(left)
    onto = sp.csr_array((np.ones(k, np.int32), (left, np.arange(k))), (old, k))
    new = np.full(old, -1)
    new[left] = np.arange(k)
    change = _Change(new, onto, fitted.phi.take(left), fitted.alpha[left])
    return _edited(fitted, change)


class _Change(NamedTuple):
    """The new number of each topic, the corresponding matrix, new distributions and new prior."""

    new: NDArray[np.int64]
    onto: Any
    topics: TopicWord
    alpha: NDArray[np.float64]


def _sum_of(topics: TopicWord, new: NDArray[np.int64], k: int, beta: float) -> TopicWord:
    """Return the posterior mean of topics whose counts are sums.

    ``phi_kw m_k`` is a topic's counts with the prior, where ``m_k = beta / floor_k``: the counts
    above the prior are added, and the prior is included once.
    """
    mass = beta / topics.floor.astype(np.float64)
    above = topics.matrix(np.float64)
    above.data *= mass[above.indices]
    onto = sp.csr_array((np.ones(len(new)), (np.arange(len(new)), new)), (len(new), k))
    tokens = np.bincount(new, weights=mass - beta * topics.n_words, minlength=k)
    total = tokens.astype(np.float64) + beta * topics.n_words
    rows = sp.csr_array(above @ onto)
    rows.sort_indices()
    rows.data /= total[rows.indices]
    return TopicWord(
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.uint16),
        rows.data.astype(np.float32),
        (beta / total).astype(np.float32),
    )


def _edited(fitted: FittedTopics, change: _Change) -> Edited:
    """Return topics whose counts are sums of columns of the old ones."""
    documents = _summed(fitted.document_topic, change.onto)
    words = _summed(fitted.word_topic, change.onto)
    sizes = np.asarray(words.sum(axis=0, dtype=np.int64)).ravel()
    renumbered = _renumbered(fitted.parameters, change)
    seeded = renumbered.get("seeds", fitted.parameters["seeds"])
    priors = Priors(change.alpha, fitted.beta, fitted.n_words)
    return Edited(
        parameters=renumbered,
        topics=change.topics,
        word_topic=words,
        document_topic=documents,
        sizes=sizes,
        alpha=change.alpha,
        labels=_carried(fitted.labels, change),
        bound=float("nan") if seeded else _bound(priors, documents, words, sizes),
    )


def _summed(counts: Any, onto: Any) -> Any:
    result = sp.csr_array(counts @ onto, dtype=np.int32)
    result.sort_indices()
    return result


def _carried(labels: tuple[str, ...] | None, change: _Change) -> tuple[str, ...] | None:
    """Return for each new topic the first label among its old topics."""
    if labels is None:
        return None
    fresh = [""] * len(change.alpha)
    for label, at in zip(labels, change.new, strict=True):
        if at >= 0:
            fresh[at] = fresh[at] or label
    return tuple(fresh)


def _renumbered(parameters: Mapping[str, Any], change: _Change) -> dict[str, Any]:
    """Return the parameters that depend on topic numbers."""
    result: dict[str, Any] = {"n_components": len(change.alpha)}
    given = parameters["doc_topic_prior"]
    if given is not None and np.ndim(given):
        result["doc_topic_prior"] = change.alpha.copy()
    if parameters["seeds"]:
        seeds: dict[int, Any] = {}
        for topic, words in parameters["seeds"].items():
            at = int(change.new[int(topic)])
            if at < 0:
                continue
            before = seeds.get(at)
            seeds[at] = words if before is None else _joined(before, words)
        result["seeds"] = seeds or None
    return result


def _joined(a: Any, b: Any) -> Any:
    """Return the combined seeds of two topics."""
    if hasattr(a, "items") or hasattr(b, "items"):
        first, second = (x if hasattr(x, "items") else dict.fromkeys(x) for x in (a, b))
        words = dict.fromkeys([*first, *second])
        return {word: _added(first.get(word), second.get(word)) for word in words}
    return list(dict.fromkeys([*a, *b]))


def _added(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


def _bound(priors: Priors, documents: Any, words: Any, totals: NDArray[np.int64]) -> float:
    """Return the joint log-likelihood per token of the current counts.

    NaN if the model was updated with new documents, whose topics are only part of the counts.
    """
    tokens = int(totals.sum())
    if tokens == 0 or int(documents.sum(dtype=np.int64)) != tokens:
        return float("nan")
    lengths, of_length = np.unique(
        np.asarray(documents.sum(axis=1, dtype=np.int64)).ravel(), return_counts=True
    )
    pairs = documents.indices.astype(np.int64) << 32 | documents.data
    kinds, times = np.unique(pairs, return_counts=True)
    counts = TopicCounts(
        (kinds >> 32).astype(np.uint16),
        (kinds & 0xFFFFFFFF).astype(np.int32),
        times,
        lengths,
        of_length,
        words,
        totals,
    )
    return priors.joint_log_likelihood(counts) / tokens
