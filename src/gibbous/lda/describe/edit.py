"""Topics of a fitted model put together or left out."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import clone

from ..priors import Priors, TopicCounts
from ..topic_word import TopicWord


def groups_of(groups: Any, n_topics: int) -> NDArray[np.int64]:
    """Return the new number of every topic, where each group becomes one topic.

    A group takes the place of its first topic; the order of all others stays.

    Raises
    ------
    ValueError
        If a topic is not there, is in two groups, or a group has none.
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


def topic_numbers(topics: Any, n_topics: int, name: str) -> NDArray[np.int64]:
    """Return numbers of topics, checked.

    Raises
    ------
    ValueError
        If one is no whole number in [0, n_topics), or is there twice.
    """
    if isinstance(topics, (str, bytes)) or not isinstance(topics, Iterable):
        raise ValueError(f"{name} must hold lists of topic numbers; got {topics!r:.60}")
    given = list(topics)
    for topic in given:
        if isinstance(topic, bool) or not isinstance(topic, Integral):
            raise ValueError(f"{name} must hold topic numbers; got {topic!r:.60}")
        if not 0 <= int(topic) < n_topics:
            raise ValueError(f"{name}: topic must be in [0, {n_topics}); got {topic}")
    if len(set(given)) < len(given):
        raise ValueError(f"{name} must not name a topic twice; got {given!r:.80}")
    return np.array(given, np.int64)


def merged(model: Any, new: NDArray[np.int64]) -> Any:
    """Return a model whose topics are sums of a model's: topic ``j`` goes to ``new[j]``."""
    k = int(new.max()) + 1
    onto = sp.csr_array((np.ones(len(new), np.int32), (np.arange(len(new)), new)), (len(new), k))
    alpha = np.bincount(new, weights=model.doc_topic_prior_, minlength=k).astype(np.float64)
    topics = _sum_of(model.topics_, new, k, model.topic_word_prior_)
    return _remade(model, onto, topics, alpha, new)


def kept(model: Any, topics: NDArray[np.int64]) -> Any:
    """Return a model of some topics of a model alone."""
    k = len(topics)
    old = len(model.doc_topic_prior_)
    onto = sp.csr_array((np.ones(k, np.int32), (topics, np.arange(k))), (old, k))
    new = np.full(old, -1)
    new[topics] = np.arange(k)
    return _remade(model, onto, model.topics_.take(topics), model.doc_topic_prior_[topics], new)


def _sum_of(topics: TopicWord, new: NDArray[np.int64], k: int, beta: float) -> TopicWord:
    """Return the posterior mean of topics whose counts are sums.

    ``phi_kw m_k`` is a topic's counts with the prior, where ``m_k = beta / floor_k``: the counts
    above the prior are added, and the prior comes once.
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


def _remade(
    model: Any, onto: Any, topics: TopicWord, alpha: NDArray[np.float64], new: NDArray[np.int64]
) -> Any:
    """Return a model like another with other topics; column sums of counts follow ``onto``."""
    k = len(alpha)
    result = clone(model).set_params(n_components=k)
    for name, value in vars(model).items():
        # topics of tokens belong to the topics that were; dropping one leaves tokens without any
        if name not in model.get_params(deep=False) and name != "token_topics_":
            setattr(result, name, value)
    result.topics_, result.doc_topic_prior_ = topics, alpha
    for name in ("word_topic_", "document_topic_"):
        counts = sp.csr_array(getattr(model, name) @ onto, dtype=np.int32)
        counts.sort_indices()
        setattr(result, name, counts)
    result.topic_sizes_ = np.asarray(result.word_topic_.sum(axis=0, dtype=np.int64)).ravel()
    _renumber_parameters(model, result, alpha, new)
    result.bound_ = _bound(result)
    return result


def _renumber_parameters(
    model: Any, result: Any, alpha: NDArray[np.float64], new: NDArray[np.int64]
) -> None:
    """Make parameters that speak of topics by number fit the new ones."""
    if model.doc_topic_prior is not None and np.ndim(model.doc_topic_prior):
        result.doc_topic_prior = alpha.copy()
    if model.seeds:
        seeds: dict[int, Any] = {}
        for topic, words in model.seeds.items():
            at = int(new[int(topic)])
            if at < 0:
                continue
            before = seeds.get(at)
            seeds[at] = words if before is None else _joined(before, words)
        result.seeds = seeds or None


def _joined(a: Any, b: Any) -> Any:
    """Return the seeds of two topics as those of one."""
    if hasattr(a, "items") or hasattr(b, "items"):
        first, second = (x if hasattr(x, "items") else dict.fromkeys(x) for x in (a, b))
        words = dict.fromkeys([*first, *second])
        return {word: _added(first.get(word), second.get(word)) for word in words}
    return list(dict.fromkeys([*a, *b]))


def _added(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


def _bound(model: Any) -> float:
    """Return the joint log-likelihood a token of the counts as they are now.

    Not a number where the model has gone on to new documents, whose topics are only part of it.
    """
    documents, words = model.document_topic_, model.word_topic_
    totals = model.topic_sizes_
    tokens = int(totals.sum())
    if tokens == 0 or int(documents.sum(dtype=np.int64)) != tokens or model.seeds:
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
    priors = Priors(model.doc_topic_prior_, model.topic_word_prior_, model.n_features_in_)
    return priors.joint_log_likelihood(counts) / tokens
