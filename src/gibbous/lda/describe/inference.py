"""Topics of documents that a fit has not seen, and how well they predict their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..fitted import FittedTopics
from ..fold_in import Bags, log_predictive
from .words import check_n, check_threshold

#: Documents in a batch.
BATCH = 16_384


def transform(fitted: FittedTopics, X: Any) -> NDArray[np.float64]:
    """Return the distribution over topics of each document.

    The fixed point of ``theta <- normalize(alpha + expected counts)`` (Asuncion et al. 2009),
    which is the only maximum of a concave function, in parallel over documents. A document's
    result depends on its own words alone. For millions of documents and many topics use
    ``transform_sparse`` and ``transform_batches``.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)

    Returns
    -------
    ndarray of shape (n_documents, n_components), float64
        Rows sum to 1.

    Raises
    ------
    ValueError
        If X has another number of words.
    """
    return fitted.inference.dense(Bags.of(fitted.read(X)))


def transform_batches(
    fitted: FittedTopics,
    X: Any,
    batch_size: int = BATCH,
    *,
    sparse: bool = True,
    threshold: float = 0.01,
) -> Iterator[Any]:
    """Yield the topics of documents batch by batch, so that all are never in memory at once.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array; or an iterator of these
        Counts of words, one row per document. A corpus that is mapped from a file is read as
        needed; an iterator gives one or more batches for each of its parts.
    batch_size : int, default 16384
        The maximum number of documents in a batch. Results do not depend on it.
    sparse : bool, default True
        Whether batches are CSR arrays of float32 with the shares that reach ``threshold``;
        otherwise they are arrays of float64.
    threshold : float, default 0.01
        The least share that is returned; smaller ones are zero, and rows sum to less than 1.

    Yields
    ------
    csr_array or ndarray of shape (n, n_components)

    Raises
    ------
    ValueError
        As ``transform``; also if ``batch_size`` or ``threshold`` is out of range.
    """
    size, least = check_n(batch_size, "batch_size"), check_threshold(threshold)
    parts: Iterable[Any] = X if hasattr(X, "__next__") else (X,)
    return _batches(fitted, parts, size, least if sparse else None)


def _batches(
    fitted: FittedTopics, parts: Iterable[Any], size: int, threshold: float | None
) -> Iterator[Any]:
    infer = fitted.inference
    for part in parts:
        corpus = fitted.read(part)
        for first in range(0, corpus.n_documents, size):
            bags = Bags.of(corpus[first : min(first + size, corpus.n_documents)])
            yield infer.dense(bags) if threshold is None else infer.sparse(bags, threshold)


def transform_sparse(fitted: FittedTopics, X: Any, threshold: float = 0.01) -> Any:
    """Return the topics of documents as a sparse matrix of the shares that reach a threshold.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array; or an iterator of these
        As in ``transform_batches``. The dense matrix is never in memory.
    threshold : float, default 0.01

    Returns
    -------
    csr_array of shape (n_documents, n_components), float32

    Raises
    ------
    ValueError
        As ``transform_batches``.
    """
    parts = list(transform_batches(fitted, X, threshold=threshold))
    if not parts:
        return sp.csr_array((0, fitted.n_topics), dtype=np.float32)
    return sp.csr_array(sp.vstack(parts, format="csr"))


def score(fitted: FittedTopics, X: Any) -> float:
    """Return the held-out log-likelihood per token, by document completion, in nats.

    Each token of a document is assigned to one half or the other with probability 1/2; the
    topics are inferred from the first half and predict the second (Wallach, Murray,
    Salakhutdinov and Mimno 2009, section 5.1). The halves are the same at every call.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)

    Returns
    -------
    float
        Higher is better; comparable between numbers of topics.
    """
    seen, hidden = map(Bags.of, fitted.read(X).completion_split(0))
    infer = fitted.inference
    log_p = log_predictive(fitted.phi, infer.dense(seen), hidden, n_threads=infer.n_threads)
    return float(log_p.sum()) / max(hidden.n_tokens, 1)


def perplexity(fitted: FittedTopics, X: Any) -> float:
    """Return the held-out perplexity by document completion: ``exp(-score(X))``.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)

    Returns
    -------
    float
        Lower is better.
    """
    return float(np.exp(-score(fitted, X)))
