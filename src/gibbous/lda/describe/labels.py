"""Labels of topics: the user's, relevant words, and words or phrases of the same documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from ...corpus.corpus import Corpus
from ..fitted import FittedTopics
from ..topic_word import TopicWord
from .words import check_n, scores_of

#: Added to the count of every pair of label and word, so that one missing pair does not exclude a
#: label.
_SMOOTHING = 0.1


def topic_labels(fitted: FittedTopics, n_words: int = 3) -> tuple[str, ...]:
    """Return a label of each topic: the user's, or else its most relevant words.

    Parameters
    ----------
    fitted : FittedTopics
    n_words : int, default 3
        Number of words in a label that the user has not set.

    Returns
    -------
    tuple of n_components str

    Raises
    ------
    ValueError
        If ``n_words`` is not an int of at least 1.
    """
    scores, n = scores_of(fitted), check_n(n_words, "n_words")
    given = fitted.labels or ("",) * fitted.n_topics
    return tuple(
        label or ", ".join(str(fitted.word(i)) for i in scores.best(t, n, "relevance")[0])
        for t, label in enumerate(given)
    )


def set_topic_labels(
    fitted: FittedTopics, labels: Mapping[int, str] | Sequence[str] | None
) -> tuple[str, ...] | None:
    """Set labels of topics, which tables and pictures then show.

    Parameters
    ----------
    fitted : FittedTopics
    labels : mapping from topic to str, sequence of n_components str, or None
        A mapping changes the labels of its topics; "" removes a label, None all of them. A new fit
        removes the labels.

    Returns
    -------
    tuple of str or None

    Raises
    ------
    ValueError
        If a topic does not exist, a label is not text, or there are more or fewer labels than
        topics.
    """
    if labels is None:
        return None
    k = fitted.n_topics
    if isinstance(labels, Mapping):
        fresh = list(fitted.labels or ("",) * k)
        for topic, label in labels.items():
            fresh[fitted.topic(topic)] = label
    elif isinstance(labels, str) or len(labels) != k:
        raise ValueError(f"labels must be {k}, one per topic; got {labels!r:.60}")
    else:
        fresh = list(labels)
    for label in fresh:
        if not isinstance(label, str):
            raise ValueError(f"labels must be text; got {label!r:.60}")
    return tuple(fresh)


def label_candidates(
    fitted: FittedTopics,
    X: Any,
    n: int = 5,
    *,
    phrases: Any = None,
    n_words: int = 50,
    min_df: int = 5,
    mu: float = 0.25,
) -> list[list[tuple[str | int, float]]]:
    """Return words or phrases that could serve as labels of each topic, the best first.

    First-order relevance (Mei, Shen and Zhai 2007, sections 3.2 and 3.3): a label is good if the
    probable words of the topic occur in the same documents as the label, and those of other topics
    do not.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array of shape (n_documents, n_words)
        Documents that show which words occur together: the training documents, or others.
    n : int, default 5
    phrases : Corpus, optional
        The same documents in the same order, counted by phrases, as from
        ``Corpus.from_texts(texts, ngram_range=(2, 3), min_df=10)``. None takes single words.
    n_words : int, default 50
        Number of most probable words of a topic that are compared.
    min_df : int, default 5
        Number of documents that a label has to occur in.
    mu : float, default 0.25
        Penalty for labels that fit other topics too, >= 0.

    Returns
    -------
    list of lists of (label, score), one list per topic
        ``set_topic_labels([found[0][0] for found in ...])`` takes the best.

    Raises
    ------
    ValueError
        If the two corpora differ in length, no label occurs in ``min_df`` documents, or an
        argument is out of range.
    """
    corpus = fitted.read(X)
    search = Search(check_n(n), check_n(n_words, "n_words"), check_n(min_df, "min_df"), mu)
    return first_order(
        fitted.phi, corpus, corpus if phrases is None else Corpus.of(phrases), search
    )


class Search(NamedTuple):
    """What to look for among the labels; see :func:`label_candidates`."""

    n: int
    n_words: int
    min_df: int
    mu: float


def first_order(
    topics: TopicWord, corpus: Corpus, phrases: Corpus, search: Search
) -> list[list[tuple[str | int, float]]]:
    """Return the labels of the highest first-order relevance (Mei, Shen and Zhai 2007).

    ``score(l, k) = (1 + mu / (K - 1)) e_lk - mu / (K - 1) sum_j e_lj`` with ``e_lk = sum_w phi_kw
    log p(w, l) / (p(w) p(l))`` over the ``n_words`` most probable words of the topic. Probabilities
    are shares of documents. These are their equations in sections 3.2 and 3.3, with ``mu`` as
    there.

    Raises
    ------
    ValueError
        If the corpora differ in length, no label is left, or ``mu`` is negative.
    """
    n, n_words, min_df, mu = search
    if isinstance(mu, bool) or not isinstance(mu, Real) or not 0 <= mu < np.inf:
        raise ValueError(f"mu must be a number >= 0; got {mu!r}")
    if phrases.n_documents != corpus.n_documents:
        raise ValueError(
            f"phrases must count the {corpus.n_documents} documents of X; "
            f"it has {phrases.n_documents}"
        )
    df = phrases.document_frequencies()
    labels = np.flatnonzero(df >= min_df)
    if not len(labels):
        raise ValueError(f"min_df: no label occurs in {min_df} documents; lower it")
    expected = _expected_pmi(topics, corpus, phrases, labels, n_words)
    k = topics.n_topics
    if k > 1:
        blame = mu / (k - 1)
        expected = (1 + blame) * expected - blame * expected.sum(axis=1, keepdims=True)
    best = np.argsort(-expected, axis=0, kind="stable")[:n]
    names = phrases.vocabulary
    return [
        [
            (int(labels[i]) if names is None else names[labels[i]], float(expected[i, t]))
            for i in best[:, t]
        ]
        for t in range(k)
    ]


def _expected_pmi(
    topics: TopicWord, corpus: Corpus, phrases: Corpus, labels: Any, n_words: int
) -> Any:
    """Return ``e_lk`` of the labels, an array of shape (n_labels, n_topics)."""
    k = topics.n_topics
    df = corpus.document_frequencies().astype(np.float64)
    top = topics.top_words(n_words)
    words, place = np.unique(top, return_inverse=True)
    phi = np.take_along_axis(topics.columns(words), place.reshape(top.shape), axis=1)
    phi *= df[top] > 0  # a word without documents has no information
    phi /= np.maximum(phi.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    rows = np.repeat(np.arange(k), top.shape[1])
    weights = sp.csr_array((phi.ravel(), (place.ravel(), rows)), shape=(len(words), k))
    # Pairs with counts: log(n + s) - log s; all pairs: the rest, which is a sum of two terms.
    met = sp.csr_array(_presence(phrases, labels).T @ _presence(corpus, words))
    s, n = _SMOOTHING, max(corpus.n_documents, 1)
    met.data = np.log1p(met.data / s)
    label_df = phrases.document_frequencies()[labels].astype(np.float64)
    base = np.log(s * n) - np.log(np.maximum(df[words], 1.0))
    everywhere = weights.T @ base
    mass = np.asarray(weights.sum(axis=0)).ravel()
    return (met @ weights).toarray() + everywhere - np.outer(np.log(label_df), mass)


def _presence(corpus: Corpus, words: Any) -> Any:
    """Return which documents contain which words, (n_documents, len(words))."""
    number = np.full(corpus.n_words, -1)
    number[words] = np.arange(len(words))
    column = number[corpus.indices]
    document = np.repeat(np.arange(corpus.n_documents), np.diff(corpus.indptr))
    use = column >= 0
    ones = np.ones(int(use.sum()))
    shape = (corpus.n_documents, len(words))
    return sp.csr_array((ones, (document[use], column[use])), shape=shape)
