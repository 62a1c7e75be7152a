"""Topics of documents for given topic-word distributions, and the probability of other words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from .._ground.isa import core
from ..corpus.corpus import Corpus
from .topic_word import TopicWord


class Bags(NamedTuple):
    """Documents as bags of words in compressed rows, ready for the core.

    Attributes
    ----------
    indptr : ndarray of shape (n_documents + 1,), int64
    words : ndarray of shape (n_entries,), int32
        Ascending within a document.
    counts : ndarray of shape (n_entries,), int32
    """

    indptr: NDArray[np.int64]
    words: NDArray[np.int32]
    counts: NDArray[np.int32]

    @classmethod
    def of(cls, corpus: Corpus) -> Bags:
        """Return the documents of a corpus, without copying them."""
        return cls(corpus.indptr, corpus.indices, corpus.counts)

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return len(self.indptr) - 1

    @property
    def n_tokens(self) -> int:
        """Number of tokens."""
        return int(self.counts.sum(dtype=np.int64))

    def part(self, first: int, end: int) -> Bags:
        """Return documents ``first`` to ``end``, without copying their words."""
        own = slice(int(self.indptr[first]), int(self.indptr[end]))
        indptr = self.indptr[first : end + 1] - self.indptr[first]
        return Bags(indptr, self.words[own], self.counts[own])


def prior_of(alpha: ArrayLike, n_topics: int, name: str = "alpha") -> NDArray[np.float64]:
    """Return a Dirichlet prior over topics, one number or one per topic, as (n_topics,).

    Raises
    ------
    ValueError
        If it has another shape, or a number is not finite and > 0.
    """
    given = np.asarray(alpha, dtype=np.float64)
    if given.ndim > 1 or (given.ndim == 1 and given.shape != (n_topics,)):
        raise ValueError(
            f"{name} must be one number or one for each of the {n_topics} topics; "
            f"got shape {given.shape}"
        )
    full = np.ascontiguousarray(np.broadcast_to(given, (n_topics,)))
    if not (np.isfinite(full).all() and (full > 0).all()):
        raise ValueError(f"{name} must be finite and > 0; got {alpha!r:.60}")
    return full


def fold_in(
    topics: TopicWord,
    alpha: ArrayLike,
    documents: Bags,
    *,
    max_iter: int = 30,
    tol: float = 0.0,
    dtype: Any = np.float64,
    n_threads: int = 1,
) -> tuple[NDArray[Any], int]:
    """Return the distribution over topics of each document.

    Iterates ``theta <- normalize(alpha + sum_w n_w r_w)`` from the uniform distribution, where
    ``r_w`` are the probabilities of the topics of a token of word ``w`` given ``theta``: CVB0
    (Asuncion, Welling, Smyth and Teh 2009, equation 8) for fixed topics, without leaving the
    token itself out. No random numbers: a document's result is a function of its words alone.

    Parameters
    ----------
    topics : TopicWord
    alpha : float or array-like of shape (n_topics,)
        Dirichlet prior over topics.
    documents : Bags
        Words within the vocabulary of ``topics``. A document without words gets the prior's mean;
        a word that has probability 0 in all topics is ignored.
    max_iter : int
        The maximum number of iterations.
    tol : float
        A document has converged once the absolute changes of its ``theta`` sum to at most this.
    dtype : float32 or float64
        The precision of the computation.
    n_threads : int
        Threads to use; the result does not depend on it.

    Returns
    -------
    theta : ndarray of shape (n_documents, n_topics)
        Rows sum to 1.
    n_open : int
        The number of documents that stopped at ``max_iter`` before the tolerance was reached.

    Raises
    ------
    ValueError
        If ``alpha`` is not such a prior, or a word or ``max_iter`` is out of range.
    """
    theta = np.empty((documents.n_documents, topics.n_topics), dtype)
    kernel: Any = core.lda.fold_in  # a type checker cannot follow the unpacked arrays
    n_open = kernel(
        core.lda.Documents(*documents),
        core.lda.TopicWord(*topics.arrays()),
        prior_of(alpha, topics.n_topics),
        int(max_iter),
        float(tol),
        theta,
        int(n_threads),
    )
    return theta, int(n_open)


def infer(
    topics: TopicWord,
    alpha: ArrayLike,
    documents: Bags,
    *,
    max_iter: int = 1000,
    tol: float = 1e-5,
    n_threads: int = 1,
) -> tuple[NDArray[np.float64], int]:
    """Return the most probable distribution over topics of each document.

    The fixed point that :func:`fold_in` iterates towards: the maximum of ``sum_w n_w log sum_k
    theta_k phi_kw + sum_k alpha_k log theta_k``, which is concave. It is found in a small part of
    the time, by EM steps with squared extrapolation (Varadhan and Roland 2008, scheme S3) on the
    topics that the document uses, with regular checks of all topics. A document's result is a
    function of its words alone.

    Parameters
    ----------
    topics, alpha, documents
        As :func:`fold_in`.
    max_iter : int
        The maximum number of passes over the words of a document.
    tol : float
        A document has converged once an EM step would change its ``theta`` by at most this, in the
        sum of absolute changes. For 2e-6 and above, single precision is used.
    n_threads : int
        Threads to use; the result does not depend on it.

    Returns
    -------
    theta : ndarray of shape (n_documents, n_topics), float64
        Rows sum to 1.
    n_open : int
        The number of documents that stopped at ``max_iter`` before the tolerance was reached.

    Raises
    ------
    ValueError
        As :func:`fold_in`.
    """
    theta = np.empty((documents.n_documents, topics.n_topics))
    kernel: Any = core.lda.infer
    prior = prior_of(alpha, topics.n_topics)
    bags = core.lda.Documents(*documents)
    given = (bags, core.lda.TopicWord(*topics.arrays()), prior, int(max_iter), float(tol))
    return theta, int(kernel(*given, theta, int(n_threads)))


def infer_sparse(
    topics: TopicWord,
    alpha: ArrayLike,
    documents: Bags,
    *,
    threshold: float,
    max_iter: int = 1000,
    tol: float = 1e-5,
    n_threads: int = 1,
) -> tuple[Any, int]:
    """Return the shares of topics that reach a threshold, without documents x topics.

    Parameters
    ----------
    topics, alpha, documents, max_iter, tol, n_threads
        As :func:`infer`.
    threshold : float
        The least share that is returned, in [0, 1].

    Returns
    -------
    shares : csr_array of shape (n_documents, n_topics), float32
        Topics ascend within a document.
    n_open : int

    Raises
    ------
    ValueError
        As :func:`fold_in`.
    """
    n, k = documents.n_documents, topics.n_topics
    # at most so many shares of a whole can reach the threshold; one more for rounding
    capacity = k if threshold * k <= 1 else min(k, int(1 / threshold) + 1)
    found = np.empty(n, np.int32)
    ids, values = np.empty((n, capacity), np.uint16), np.empty((n, capacity), np.float32)
    kernel: Any = core.lda.infer
    prior = prior_of(alpha, k)
    bags = core.lda.Documents(*documents)
    given = (
        bags,
        core.lda.TopicWord(*topics.arrays()),
        prior,
        int(max_iter),
        float(tol),
        float(threshold),
    )
    n_open = kernel(*given, (found, ids, values), int(n_threads))
    kept = np.arange(capacity) < found[:, None]
    indptr = np.concatenate([[0], np.cumsum(found, dtype=np.int64)])
    shares = sp.csr_array((values[kept], ids[kept].astype(np.int32), indptr), shape=(n, k))
    return shares, int(n_open)


@dataclass(frozen=True, eq=False)
class Inference:
    """How the topics of documents are inferred: topics, prior and when to stop.

    Attributes
    ----------
    topics : TopicWord
    alpha : ndarray of shape (n_topics,)
        Dirichlet prior over topics.
    max_iter, tol, n_threads
        As in :func:`infer`.
    """

    topics: TopicWord
    alpha: NDArray[np.float64]
    max_iter: int = 1000
    tol: float = 1e-5
    n_threads: int = 1

    def dense(self, documents: Bags) -> NDArray[np.float64]:
        """Return the distribution over topics of each document; see :func:`infer`."""
        return infer(
            self.topics,
            self.alpha,
            documents,
            max_iter=self.max_iter,
            tol=self.tol,
            n_threads=self.n_threads,
        )[0]

    def sparse(self, documents: Bags, threshold: float) -> Any:
        """Return the shares that reach a threshold; see :func:`infer_sparse`."""
        return infer_sparse(
            self.topics,
            self.alpha,
            documents,
            threshold=threshold,
            max_iter=self.max_iter,
            tol=self.tol,
            n_threads=self.n_threads,
        )[0]


def log_predictive(
    topics: TopicWord, theta: NDArray[Any], documents: Bags, *, n_threads: int = 1
) -> NDArray[np.float64]:
    """Return the log-probability of each document's words, given its topics.

    ``sum_w n_w log sum_k theta_dk phi_kw``; -inf if a word is impossible.

    Parameters
    ----------
    topics : TopicWord
    theta : ndarray of shape (n_documents, n_topics), float32 or float64
    documents : Bags
    n_threads : int

    Returns
    -------
    ndarray of shape (n_documents,)

    Raises
    ------
    ValueError
        If the shapes do not match.
    """
    log_p = np.empty(documents.n_documents)
    kernel: Any = core.lda.log_predictive
    kernel(
        core.lda.Documents(*documents),
        core.lda.TopicWord(*topics.arrays()),
        theta,
        log_p,
        int(n_threads),
    )
    return log_p


def sparse_rows(theta: NDArray[Any], threshold: float) -> Any:
    """Return the shares that reach a threshold as a CSR array of float32."""
    rows, topics = np.nonzero((theta >= threshold) & (theta > 0))
    indptr = np.searchsorted(rows, np.arange(len(theta) + 1))
    values = theta[rows, topics].astype(np.float32)
    return sp.csr_array((values, topics.astype(np.int32), indptr), shape=theta.shape)
