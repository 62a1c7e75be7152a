"""The evaluator of topics: one split, one held-out estimate and one likelihood for all.

Held-out perplexity is that of document completion (Wallach et al. 2009, "Evaluation methods for
topic models", section 5.1): a held-out document's tokens are halved, its mixture of topics is
estimated from one half with the topics fixed, and the other half is predicted. Only the topics of
an implementation enter; what it thinks of new documents does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import gammaln

#: Columns of the topics for some word ids: (topics, words) float32; a whole row sums to 1.
Columns = Callable[[np.ndarray], np.ndarray]

#: Bytes of columns in memory at a time.
_MOST_BYTES = 1 << 28


@dataclass
class Counts:
    """A sampler's state: assignments counted by word and, if known, by document.

    ``word_topic`` is (words, topics), ``document_topic`` (documents, topics). ``topics`` may hold
    what the implementation itself gives as its topics, such as an average of several states.
    """

    word_topic: sparse.csr_matrix
    document_topic: sparse.csr_matrix | None
    beta: float
    topics: Columns | None = None

    def columns(self, words: np.ndarray) -> np.ndarray:
        """Return the topics' probabilities of these words, smoothed by the prior."""
        if self.topics is not None:
            return self.topics(words)
        n_words = self.word_topic.shape[0]
        total = np.asarray(self.word_topic.sum(axis=0)).ravel() + n_words * self.beta
        rows = self.word_topic[words].toarray().T
        return ((rows + self.beta) / total[:, None]).astype(np.float32)

    def faults(self, corpus: sparse.csr_matrix) -> str:
        """Say which counts are not those of the corpus, or return an empty string."""
        counts = self.word_topic
        of_word = np.bincount(corpus.indices, corpus.data, corpus.shape[1])
        if counts.nnz and counts.data.min() < 0:
            return "negative word-topic counts"
        if not np.array_equal(np.asarray(counts.sum(axis=1)).ravel(), of_word):
            return "word-topic counts that are not those of the corpus"
        if self.document_topic is None:
            return ""
        lengths = np.asarray(corpus.sum(axis=1)).ravel()
        if not np.array_equal(np.asarray(self.document_topic.sum(axis=1)).ravel(), lengths):
            return "document-topic counts that are not those of the corpus"
        of_topic = [np.asarray(c.sum(axis=0)).ravel() for c in (counts, self.document_topic)]
        return (
            "" if np.array_equal(*of_topic) else "topics counted differently by word and document"
        )


@dataclass
class Variational:
    """A variational posterior: Dirichlet parameters of the topics, (topics, words)."""

    parameters: np.ndarray

    def columns(self, words: np.ndarray) -> np.ndarray:
        """Return the posterior's mean probabilities of these words."""
        total = self.parameters.sum(axis=1, dtype=np.float64)
        return (self.parameters[:, words] / total[:, None]).astype(np.float32)

    def faults(self, corpus: sparse.csr_matrix) -> str:
        """Say whether a parameter is not a positive number, or return an empty string."""
        if self.parameters.shape[1] != corpus.shape[1]:
            return f"topics over {self.parameters.shape[1]} words, not {corpus.shape[1]}"
        valid = np.isfinite(self.parameters).all() and (self.parameters >= 0).all()
        return "" if valid else "parameters that are negative or not finite"


State = Counts | Variational


def split(
    corpus: sparse.csr_matrix, n_documents: int = 400, seed: int = 12345
) -> tuple[sparse.csr_matrix, sparse.csr_matrix, sparse.csr_matrix]:
    """Return the documents to train on, and the two halves of the held-out ones.

    A fifth of the documents is held out; of these the first ``n_documents`` with at least 20
    tokens are used, and each token goes to either half by a fair coin.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(corpus.shape[0])
    held, kept = np.split(order, [corpus.shape[0] // 5])
    lengths = np.asarray(corpus[held].sum(axis=1)).ravel()
    tested = corpus[held[np.flatnonzero(lengths >= 20)[:n_documents]]]
    given = tested.copy()
    given.data = rng.binomial(tested.data, 0.5).astype(tested.dtype)
    asked = tested.copy()
    asked.data = tested.data - given.data
    given.eliminate_zeros()
    asked.eliminate_zeros()
    return corpus[np.sort(kept)], given, asked


def perplexity(
    columns: Columns,
    alpha: float,
    given: sparse.csr_matrix,
    asked: sparse.csr_matrix,
    *,
    n_iter: int = 30,
) -> float:
    """Return the perplexity of one half under mixtures estimated from the other half.

    The mixture is a fixed point: theta_k in proportion to alpha plus the expected tokens of topic
    k, ``n_iter`` times from the uniform one.
    """
    total = 0.0
    for group in _groups(columns, given):
        rows = (given[group], asked[group])
        words = np.unique(np.concatenate([row.indices for row in rows]))
        topics = columns(words)
        places = [np.searchsorted(words, row.indices) for row in rows]
        for d in range(len(group)):
            (a, m), (b, n) = (
                (topics[:, place[row.indptr[d] : row.indptr[d + 1]]], _row(row, d))
                for row, place in zip(rows, places, strict=True)
            )
            total += float(n @ np.log(_mixture(a, m, alpha, n_iter) @ b))
    return float(np.exp(-total / asked.sum()))


def _row(matrix: sparse.csr_matrix, d: int) -> np.ndarray:
    return matrix.data[matrix.indptr[d] : matrix.indptr[d + 1]].astype(np.float32)


def _groups(columns: Columns, documents: sparse.csr_matrix) -> Sequence[np.ndarray]:
    """Return the documents' numbers in groups whose columns fit in memory together."""
    n_topics = len(columns(np.zeros(1, dtype=np.int64)))
    # both halves of a document: about twice the entries of one
    most = max(1, int(2 * documents.nnz * 4 * n_topics // _MOST_BYTES) + 1)
    rows = np.arange(documents.shape[0])
    return [group for group in np.array_split(rows, min(most, len(rows))) if len(group)]


def _mixture(topics: np.ndarray, counts: np.ndarray, alpha: float, n_iter: int) -> np.ndarray:
    n_topics = len(topics)
    theta = np.full(n_topics, 1.0 / n_topics, dtype=np.float32)
    if not len(counts):
        return theta
    topics = np.ascontiguousarray(topics)
    for _ in range(n_iter):
        gamma = np.float32(alpha) + theta * (topics @ (counts / (theta @ topics)))
        theta = gamma / gamma.sum()
    return theta


def joint_log_likelihood(state: Counts, alpha: float) -> float | None:
    """Return log p(w, z | alpha, beta) per token, with topics and mixtures integrated out.

    Griffiths and Steyvers (2004), equations 2 and 3, for symmetric priors. None if the assignments
    are not known by document.
    """
    if state.document_topic is None:
        return None
    words, n_tokens = _dirichlet_multinomial(state.word_topic.T.tocsr(), state.beta)
    documents, _ = _dirichlet_multinomial(state.document_topic, alpha)
    return (words + documents) / n_tokens


def _dirichlet_multinomial(counts: sparse.csr_matrix, prior: float) -> tuple[float, int]:
    """Return the log-probability of the counts, one Dirichlet-multinomial per row, and their
    sum."""
    n_rows, n_columns = counts.shape
    # equal counts have equal terms, and there are few distinct values
    values, times = np.unique(counts.data, return_counts=True)
    totals = np.asarray(counts.sum(axis=1)).ravel().astype(np.float64)
    cells = float(times @ (gammaln(values + prior) - gammaln(prior)))
    rows = n_rows * gammaln(n_columns * prior) - gammaln(totals + n_columns * prior).sum()
    return cells + float(rows), int(totals.sum())
