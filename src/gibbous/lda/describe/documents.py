"""Descriptions of documents: tables of their topics, typical documents and similar ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...corpus.corpus import Corpus
from ..fitted import FittedTopics, topic_numbers
from ..fold_in import Bags, sparse_rows
from . import similar
from .inference import transform_sparse
from .labels import topic_labels
from .similar import Neighbors, Rows
from .tables import SparseTable, TopicTable, document_rows
from .words import check_n, check_threshold

#: Numbers of theta in memory at a time: 32 MB.
_BLOCK = 1 << 22


def step_of(n_topics: int) -> int:
    """Return the number of documents in a block."""
    return max(1, _BLOCK // n_topics)


def rows_of(fitted: FittedTopics, X: Any) -> Rows:
    """Return the distributions over topics of documents, which are made in blocks.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array, optional
        Counts of words, or shares of topics; None for the training documents.
    """
    if X is None:
        return Rows(lambda first, end: _trained(fitted, first, end), fitted.document_topic.shape[0])
    if _is_shares(X, fitted.n_topics, fitted.n_words):
        table: Any = sp.csr_array(X) if sp.issparse(X) else np.asarray(X, np.float64)

        def shares(first: int, end: int) -> NDArray[np.float64]:
            rows = table[first:end]
            dense = rows.toarray() if sp.issparse(rows) else rows
            return np.asarray(dense, np.float64)

        return Rows(shares, table.shape[0])
    corpus = fitted.read(X)
    infer = fitted.inference
    return Rows(lambda first, end: infer.dense(Bags.of(corpus[first:end])), corpus.n_documents)


def _trained(fitted: FittedTopics, first: int, end: int) -> NDArray[np.float64]:
    """Return the shares of topics in training documents, in the last state of the sampler."""
    theta = fitted.document_topic[first:end].toarray() + fitted.alpha
    shares: NDArray[np.float64] = theta / theta.sum(axis=1, keepdims=True)
    return shares


# --- tables ----------------------------------------------------------------------------------


def document_topic_table(
    fitted: FittedTopics, X: Any = None, threshold: float = 0.01, *, of: Any = None
) -> SparseTable:
    """Return the shares of topics in documents that reach a threshold.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array, optional
        Documents. None for the training documents in the last state of the sampler:
        ``(n_dk + alpha_k) / (n_d + sum_k alpha_k)``.
    threshold : float, default 0.01
    of : Corpus, optional
        The source of names, labels and dates of the training documents.

    Returns
    -------
    SparseTable of shape (n_documents, n_components)
        With ``to_csr`` and ``to_frame``; names, labels and dates of the corpus are its index.

    Raises
    ------
    ValueError
        If the threshold is not in [0, 1], or X does not match the model.
    """
    least = check_threshold(threshold)
    if X is None:
        rows = rows_of(fitted, None)
        step = step_of(fitted.n_topics)
        parts = [
            sparse_rows(rows.take(i, min(rows.n, i + step)), least) for i in range(0, rows.n, step)
        ]
        matrix = sp.csr_array(sp.vstack(parts, format="csr"))
    else:
        matrix = transform_sparse(fitted, X, least)
    labels = None if fitted.labels is None else topic_labels(fitted)
    columns = tuple(range(matrix.shape[1])) if labels is None else labels
    return SparseTable(matrix, _named(X, of, matrix.shape[0]), columns)


def _named(X: Any, of: Any, n: int) -> dict[str, Any]:
    """Return the columns of the corpus that documents are from."""
    if of is not None and len(of) != n:
        raise ValueError(f"of must have {n} documents, one per row; got {len(of)}")
    return document_rows(X if of is None else of, n)


def representative_documents(
    fitted: FittedTopics,
    n: int = 5,
    X: Any = None,
    *,
    topics: Sequence[int] | None = None,
    of: Any = None,
) -> TopicTable:
    """Return for each topic the documents with its largest shares.

    Parameters
    ----------
    fitted : FittedTopics
    n : int, default 5
    X : Corpus, sparse matrix or array, optional
        Documents to choose from. None for the training documents.
    topics : sequence of int, optional
        Which topics; None for all.
    of : Corpus, optional
        The source of names, labels and dates of the training documents.

    Returns
    -------
    TopicTable
        Columns topic, rank, document, share, and name, label and date if known.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    rows = rows_of(fitted, X)
    k, total = fitted.n_topics, rows.n
    which = np.arange(k) if topics is None else topic_numbers(topics, k, "topics")
    n = min(check_n(n), total)
    ids = np.empty((len(which), 0), np.int64)
    shares = np.empty((len(which), 0))
    step = step_of(k)
    for first in range(0, total, step):
        theta = rows.take(first, min(total, first + step))[:, which].T
        numbers = np.broadcast_to(np.arange(first, first + theta.shape[1]), theta.shape)
        ids, shares = np.hstack([ids, numbers]), np.hstack([shares, theta])
        order = np.argsort(-shares, axis=1, kind="stable")[:, :n]
        ids = np.take_along_axis(ids, order, axis=1)
        shares = np.take_along_axis(shares, order, axis=1)
    columns: dict[str, Any] = {
        "topic": np.repeat(which, n),
        "rank": np.tile(np.arange(1, n + 1), len(which)),
        "share": shares.ravel(),
        "document": ids.ravel(),
    }
    for name, values in _named(X, of, total).items():
        if name != "document":
            columns[name] = [values[i] for i in columns["document"]]
    return TopicTable(columns)


def assignments(fitted: FittedTopics, X: Any, document: int = 0) -> TopicTable:
    """Return the most probable topic of each word of one document.

    ``p(k | w, d)`` is proportional to ``theta_dk phi_kw``.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array of shape (n_documents, n_words)
    document : int, default 0
        Its row.

    Returns
    -------
    TopicTable
        Columns word, count, topic, probability, sorted by word number.

    Raises
    ------
    ValueError
        If there is no such document.
    """
    corpus = fitted.read(X)
    if not 0 <= document < corpus.n_documents:
        raise ValueError(f"document must be in [0, {corpus.n_documents}); got {document}")
    bags = Bags.of(corpus[document : document + 1])
    joint = fitted.phi.columns(bags.words) * fitted.inference.dense(bags).T
    best = joint.argmax(axis=0)
    share = joint.max(axis=0) / joint.sum(axis=0)
    words = [fitted.word(w) for w in bags.words]
    columns = {"word": words, "count": bags.counts, "topic": best, "probability": share}
    return TopicTable(columns, index="word")


def similar_documents(
    fitted: FittedTopics, X: Any, n: int = 10, *, among: Any = None, metric: str = "hellinger"
) -> Neighbors:
    """Return the documents whose topics are nearest to those of other documents.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array; or int or sequence of int
        The queries: counts of words; shares of topics, as from ``transform``; or numbers of
        documents of ``among``, which are then left out of their own results.
    n : int, default 10
    among : Corpus, sparse matrix or array, optional
        The candidates: counts of words, or shares of topics. None for the training documents.
    metric : {"hellinger", "jensen-shannon", "cosine"}
        Hellinger distance; square root of the Jensen-Shannon divergence in nats; 1 - cosine.

    Returns
    -------
    Neighbors
        ``indices`` and ``distances`` of shape (n_queries, n), sorted by distance.

    Raises
    ------
    ValueError
        If an argument is invalid.
    """
    rows = rows_of(fitted, among)
    ids = np.atleast_1d(np.asarray(X)) if _is_numbers(X) else None
    if ids is not None:
        if ids.size and not 0 <= ids.min() <= ids.max() < rows.n:
            raise ValueError(f"X: document numbers must be in [0, {rows.n}); got {X!r:.60}")
        queries = [rows.take(int(i), int(i) + 1) for i in ids]
        theta = np.concatenate([np.empty((0, fitted.n_topics)), *queries])
        return similar.nearest(theta, rows, check_n(n), metric, ids)
    asked = rows_of(fitted, X)
    step = step_of(fitted.n_topics)
    blocks = [
        similar.nearest(asked.take(i, min(asked.n, i + step)), rows, check_n(n), metric)
        for i in range(0, max(asked.n, 1), step)
    ]
    return Neighbors(*(np.concatenate(field) for field in zip(*blocks, strict=True)))


# --- for another library's pictures ----------------------------------------------------------


def pyldavis_inputs(fitted: FittedTopics, X: Any) -> dict[str, Any]:
    """Return the arguments of ``pyLDAvis.prepare`` (Sievert and Shirley 2014).

    ``pyLDAvis.prepare(**model.pyldavis_inputs(corpus), sort_topics=False)`` keeps the order of
    topics, with numbers from 1; ``start_index=0`` gives them the numbers of the model. All arrays
    are dense.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)

    Returns
    -------
    dict
        ``topic_term_dists`` (n_components, n_words) and ``doc_topic_dists`` (n_documents,
        n_components), both float64 with rows that sum to 1; ``doc_lengths`` (n_documents,)
        and ``term_frequency`` (n_words,), both int64; ``vocab``, a list of str.

    Raises
    ------
    ValueError
        If X has another number of words.
    """
    corpus = fitted.read(X)
    dists = fitted.phi.dense()
    names = fitted.vocabulary or corpus.vocabulary or range(corpus.n_words)
    return {
        "topic_term_dists": dists / dists.sum(axis=1, keepdims=True),  # of float32
        "doc_topic_dists": fitted.inference.dense(Bags.of(corpus)),
        "doc_lengths": corpus.document_lengths(),
        "vocab": [str(name) for name in names],
        "term_frequency": corpus.word_counts(),
    }


# --- kinds of arguments ----------------------------------------------------------------------


def _is_numbers(X: Any) -> bool:
    """Return whether X holds numbers of documents rather than documents."""
    if isinstance(X, Corpus) or sp.issparse(X) or hasattr(X, "iloc"):
        return False
    given = np.asarray(X)
    return given.ndim <= 1 and given.dtype.kind in "iu"


def _is_shares(X: Any, n_topics: int, n_words: int) -> bool:
    """Return whether X holds shares of topics, whose rows sum to at most 1, or counts of words."""
    if isinstance(X, Corpus) or hasattr(X, "iloc") or getattr(X, "ndim", 0) != 2:
        return False
    if X.shape[1] != n_topics or X.dtype.kind != "f":
        return False
    total = np.asarray(X.sum(axis=1), np.float64).ravel()
    if len(total) and (X.min() < 0 or total.max() > 1 + 1e-4):
        return False
    # one-word documents counted in floats look the same if there are as many words as topics
    data = X.data if sp.issparse(X) else X
    return n_topics != n_words or not (data == np.floor(data)).all()
