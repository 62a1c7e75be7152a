"""Labels for topics: words or phrases that occur where a topic's words occur."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...corpus.corpus import Corpus
from ..topic_word import TopicWord

#: Counted with every pair of label and word, so that one that never met does not rule a label out.
_SMOOTHING = 0.1


def first_order(
    topics: TopicWord,
    corpus: Corpus,
    phrases: Corpus,
    *,
    n: int,
    n_words: int,
    min_df: int,
    mu: float,
) -> list[list[tuple[str | int, float]]]:
    """Return the labels of the highest first-order relevance (Mei, Shen and Zhai 2007).

    ``score(l, k) = (1 + mu / (K - 1)) e_lk - mu / (K - 1) sum_j e_lj``, where ``e_lk = sum_w phi_kw
    log p(w, l) / (p(w) p(l))`` over the ``n_words`` likeliest words of the topic and probabilities
    are shares of documents: their equations in sections 3.2 and 3.3 with ``mu`` as there.

    Raises
    ------
    ValueError
        If the corpora differ in length, no label is left, or ``mu`` is negative.
    """
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
    phi *= df[top] > 0  # a word of no document tells nothing
    phi /= np.maximum(phi.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    rows = np.repeat(np.arange(k), top.shape[1])
    weights = sp.csr_array((phi.ravel(), (place.ravel(), rows)), shape=(len(words), k))
    # Pairs that met: log(n + s) - log s; all pairs: the rest, which is a sum of two terms.
    met = sp.csr_array(_presence(phrases, labels).T @ _presence(corpus, words))
    s, n = _SMOOTHING, max(corpus.n_documents, 1)
    met.data = np.log1p(met.data / s)
    label_df = phrases.document_frequencies()[labels].astype(np.float64)
    base = np.log(s * n) - np.log(np.maximum(df[words], 1.0))
    everywhere = weights.T @ base
    mass = np.asarray(weights.sum(axis=0)).ravel()
    return (met @ weights).toarray() + everywhere - np.outer(np.log(label_df), mass)


def _presence(corpus: Corpus, words: Any) -> Any:
    """Return which documents have which of some words, (n_documents, len(words))."""
    number = np.full(corpus.n_words, -1)
    number[words] = np.arange(len(words))
    column = number[corpus.indices]
    document = np.repeat(np.arange(corpus.n_documents), np.diff(corpus.indptr))
    use = column >= 0
    ones = np.ones(int(use.sum()))
    shape = (corpus.n_documents, len(words))
    return sp.csr_array((ones, (document[use], column[use])), shape=shape)
