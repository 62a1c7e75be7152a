"""What a fitted topic model says of documents: tables, neighbours, topics over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..._ground import validate
from ...corpus.corpus import Corpus
from ..fold_in import Bags, infer_sparse, sparse_rows
from ..topic_word import TopicWord
from . import similar
from .edit import topic_numbers
from .over_time import Tally, TopicsOverTime, periods_of
from .similar import Neighbours, Rows
from .tables import SparseTable, TopicTable, document_rows
from .words import check_n, check_threshold

#: Numbers of theta that are held at a time: 32 MB.
_BLOCK = 1 << 22

#: Documents of a batch.
_BATCH = 16_384


class DocumentTools:
    """Methods of a fitted topic model about documents, seen in training or not."""

    topics_: TopicWord
    document_topic_: Any
    doc_topic_prior_: NDArray[np.float64]
    vocabulary_: tuple[str, ...] | None
    max_doc_update_iter: int
    mean_change_tol: float
    n_jobs: int | None

    if TYPE_CHECKING:  # of the estimator

        def _corpus(self, X: Any, *, reset: bool) -> Corpus: ...
        def _fold_in(self, bags: Bags) -> NDArray[np.float64]: ...
        def topic_labels(self, n_words: int = 3) -> tuple[str, ...]: ...  # noqa: D102

    # --- for another library's pictures ------------------------------------------------------

    def pyldavis_inputs(self, X: Any) -> dict[str, Any]:
        """Return what ``pyLDAvis.prepare`` takes (Sievert and Shirley 2014).

        ``pyLDAvis.prepare(**model.pyldavis_inputs(corpus), sort_topics=False)`` keeps the numbers
        of topics, from 1 on; ``start_index=0`` makes them those of here. All arrays are dense.

        Parameters
        ----------
        X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)

        Returns
        -------
        dict
            ``topic_term_dists`` (n_components, n_words) and ``doc_topic_dists`` (n_documents,
            n_components), both float64 with rows that sum to 1; ``doc_lengths`` (n_documents,)
            and ``term_frequency`` (n_words,), both int64; ``vocab``, a list of str.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If X has another number of words.
        """
        check_is_fitted(self, "topics_")
        corpus = self._corpus(X, reset=False)
        dists = self.topics_.dense()
        names = self.vocabulary_ or corpus.vocabulary or range(corpus.n_words)
        return {
            "topic_term_dists": dists / dists.sum(axis=1, keepdims=True),  # of float32
            "doc_topic_dists": self._fold_in(Bags.of(corpus)),
            "doc_lengths": corpus.document_lengths(),
            "vocab": [str(name) for name in names],
            "term_frequency": corpus.word_counts(),
        }

    # --- topics of many documents ------------------------------------------------------------

    def transform_batches(
        self, X: Any, batch_size: int = _BATCH, *, sparse: bool = True, threshold: float = 0.01
    ) -> Iterator[Any]:
        """Yield the topics of documents batch by batch, so that all are never held at once.

        Parameters
        ----------
        X : Corpus, sparse matrix or array; or an iterator of these
            Counts of words, one row a document. A corpus that is mapped from a file is read as it
            goes; an iterator gives one batch, or more, for each of its parts.
        batch_size : int, default 16384
            The most documents of a batch. Results do not depend on it.
        sparse : bool, default True
            Whether batches are CSR arrays of float32, of shares that reach ``threshold``; else
            arrays of float64.
        threshold : float, default 0.01
            The least share that is told; smaller ones are zeros, and rows sum to less than 1.

        Yields
        ------
        csr_array or ndarray of shape (n, n_components)

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            As ``transform``; also if ``batch_size`` or ``threshold`` is out of range.
        """
        check_is_fitted(self, "topics_")
        size, least = check_n(batch_size, "batch_size"), check_threshold(threshold)
        return self._batches(X, size, sparse, least)

    def _batches(self, X: Any, size: int, sparse: bool, threshold: float) -> Iterator[Any]:
        for part in X if hasattr(X, "__next__") else (X,):
            corpus = self._corpus(part, reset=False)
            for first in range(0, corpus.n_documents, size):
                bags = Bags.of(corpus[first : min(first + size, corpus.n_documents)])
                yield self._shares(bags, threshold) if sparse else self._fold_in(bags)

    def _shares(self, bags: Bags, threshold: float) -> Any:
        shares, _ = infer_sparse(
            self.topics_,
            self.doc_topic_prior_,
            bags,
            threshold=threshold,
            max_iter=int(self.max_doc_update_iter),
            tol=float(self.mean_change_tol),
            n_threads=validate.n_threads(self.n_jobs),
        )
        return shares

    def transform_sparse(self, X: Any, threshold: float = 0.01) -> Any:
        """Return the topics of documents as a sparse matrix of the shares that matter.

        Parameters
        ----------
        X : Corpus, sparse matrix or array; or an iterator of these
            As :meth:`transform_batches`. Documents x topics is never held.
        threshold : float, default 0.01

        Returns
        -------
        csr_array of shape (n_documents, n_components), float32

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`transform_batches`.
        """
        parts = list(self.transform_batches(X, threshold=threshold))
        if not parts:
            return sp.csr_array((0, self.topics_.n_topics), dtype=np.float32)
        return sp.csr_array(sp.vstack(parts, format="csr"))

    def document_topic_table(
        self, X: Any = None, threshold: float = 0.01, *, of: Any = None
    ) -> SparseTable:
        """Return the shares of topics in documents that reach a threshold.

        Parameters
        ----------
        X : Corpus, sparse matrix or array, optional
            Documents. None for the training documents, as the last state of the sampler has them:
            ``(n_dk + alpha_k) / (n_d + sum_k alpha_k)``.
        threshold : float, default 0.01
        of : Corpus, optional
            Where names, labels and dates of the training documents are taken from.

        Returns
        -------
        SparseTable of shape (n_documents, n_components)
            With ``to_csr`` and ``to_frame``; names, labels and dates of the corpus are its index.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If the threshold is not in [0, 1], or X does not fit.
        """
        check_is_fitted(self, "topics_")
        least = check_threshold(threshold)
        if X is None:
            rows, n = self._theta_rows(None)
            step = self._step()
            parts = [sparse_rows(rows(i, min(n, i + step)), least) for i in range(0, n, step)]
            matrix = sp.csr_array(sp.vstack(parts, format="csr"))
        else:
            matrix = self.transform_sparse(X, least)
        labels = self.topic_labels() if hasattr(self, "topic_labels_") else None
        columns = tuple(range(matrix.shape[1])) if labels is None else labels
        known = self._named(X, of, matrix.shape[0])
        return SparseTable(matrix, known, columns)

    def _named(self, X: Any, of: Any, n: int) -> dict[str, Any]:
        """Return the columns of the corpus that documents are from."""
        source = X if of is None else of
        if of is not None and len(of) != n:
            raise ValueError(f"of must have {n} documents, as there are; got {len(of)}")
        return document_rows(source, n)

    def representative_documents(
        self, n: int = 5, X: Any = None, *, topics: Sequence[int] | None = None, of: Any = None
    ) -> TopicTable:
        """Return for each topic the documents with the largest shares of it.

        Parameters
        ----------
        n : int, default 5
        X : Corpus, sparse matrix or array, optional
            Documents to choose from. None for the training documents.
        topics : sequence of int, optional
            Which topics; None for all.
        of : Corpus, optional
            Where names, labels and dates of the training documents are taken from.

        Returns
        -------
        TopicTable
            Columns topic, rank, document, share, and those of name, label and date that are known.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If an argument is out of range.
        """
        check_is_fitted(self, "topics_")
        rows, total = self._theta_rows(X)
        k = self.topics_.n_topics
        which = np.arange(k) if topics is None else self._topics(topics)
        n = min(check_n(n), total)
        ids = np.empty((len(which), 0), np.int64)
        shares = np.empty((len(which), 0))
        step = self._step()
        for first in range(0, total, step):
            theta = rows(first, min(total, first + step))[:, which].T
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
        for name, values in self._named(X, of, total).items():
            if name != "document":
                columns[name] = [values[i] for i in columns["document"]]
        return TopicTable(columns)

    def assignments(self, X: Any, document: int = 0) -> TopicTable:
        """Return the topic that each word of one document most probably has.

        ``p(k | w, d)`` is in proportion to ``theta_dk phi_kw``.

        Parameters
        ----------
        X : Corpus, sparse matrix or array of shape (n_documents, n_words)
        document : int, default 0
            Its row.

        Returns
        -------
        TopicTable
            Columns word, count, topic, probability, in the order of the words' numbers.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If there is no such document.
        """
        check_is_fitted(self, "topics_")
        corpus = self._corpus(X, reset=False)
        if not 0 <= document < corpus.n_documents:
            raise ValueError(f"document must be in [0, {corpus.n_documents}); got {document}")
        bags = Bags.of(corpus[document : document + 1])
        joint = self.topics_.columns(bags.words) * self._fold_in(bags).T
        best = joint.argmax(axis=0)
        share = joint.max(axis=0) / joint.sum(axis=0)
        names = self.vocabulary_
        words = [int(w) if names is None else names[w] for w in bags.words]
        columns = {"word": words, "count": bags.counts, "topic": best, "probability": share}
        return TopicTable(columns, index="word")

    # --- what is alike -----------------------------------------------------------------------

    def similar_documents(
        self, X: Any, n: int = 10, *, among: Any = None, metric: str = "hellinger"
    ) -> Neighbours:
        """Return the documents whose topics are most like those of others.

        Parameters
        ----------
        X : Corpus, sparse matrix or array; or int or row of int
            Documents to begin from: counts of words; shares of topics, as from ``transform``; or
            numbers of documents of ``among``, which then do not find themselves.
        n : int, default 10
        among : Corpus, sparse matrix or array, optional
            Where to look: counts of words, or shares of topics. None for the training documents.
        metric : {"hellinger", "jensen-shannon", "cosine"}
            Hellinger distance; square root of the Jensen-Shannon divergence in nats; 1 - cosine.

        Returns
        -------
        Neighbours
            ``indices`` and ``distances`` of shape (n_queries, n), nearest first.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If an argument is not as said.
        """
        check_is_fitted(self, "topics_")
        rows, total = self._theta_rows(among)
        ids = np.atleast_1d(np.asarray(X)) if _is_numbers(X) else None
        if ids is not None:
            if ids.size and not 0 <= ids.min() <= ids.max() < total:
                raise ValueError(f"X: document numbers must lie in [0, {total}); got {X!r:.60}")
            queries = [rows(int(i), int(i) + 1) for i in ids]
            theta = np.concatenate([np.empty((0, self.topics_.n_topics)), *queries])
            return similar.nearest(theta, rows, total, check_n(n), metric, ids)
        of, m = self._theta_rows(X)
        step = self._step()
        blocks = [
            similar.nearest(of(i, min(m, i + step)), rows, total, check_n(n), metric)
            for i in range(0, max(m, 1), step)
        ]
        return Neighbours(*(np.concatenate(field) for field in zip(*blocks, strict=True)))

    # --- time --------------------------------------------------------------------------------

    def topics_over_time(
        self,
        X: Any,
        by: Any = "year",
        *,
        dates: Any = None,
        topics: Sequence[int] | None = None,
        weights: str = "tokens",
    ) -> TopicsOverTime:
        """Return the shares of topics in periods, with standard errors.

        Parameters
        ----------
        X : Corpus, sparse matrix or array of shape (n_documents, n_words)
            Documents, whose topics are inferred as by ``transform``.
        by : str, int or sequence, default "year"
            "day", "week", "month", "quarter", "year", "decade" or "century"; a number of bins of
            equal width; or the edges of bins, which are closed on the left, the last one on both
            sides.
        dates : array-like of shape (n_documents,), optional
            Years or other numbers, dates, or text such as 1862-12-01. By default those of the
            corpus. Documents without one do not count.
        topics : sequence of int, optional
            Which topics; None for all.
        weights : {"tokens", "documents"}
            Whether a document counts by its tokens or as one.

        Returns
        -------
        TopicsOverTime
            With ``to_frame``, ``to_dict`` and ``plot``.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If there are no dates, or an argument is not as said.
        """
        check_is_fitted(self, "topics_")
        if weights not in ("tokens", "documents"):
            raise ValueError(f"weights must be 'tokens' or 'documents'; got {weights!r}")
        corpus = self._corpus(X, reset=False)
        when = getattr(X, "dates", None) if dates is None else dates
        if when is None:
            raise ValueError("dates must be given: X has none")
        if len(when) != corpus.n_documents:
            raise ValueError(
                f"dates must have one entry a document, {corpus.n_documents}; got {len(when)}"
            )
        which = np.arange(self.topics_.n_topics) if topics is None else self._topics(topics)
        periods, member, kind = periods_of(when, by)
        tally = Tally(len(periods), len(which))
        lengths = corpus.document_lengths()
        step = self._step()
        for first in range(0, corpus.n_documents, step):
            own = slice(first, min(corpus.n_documents, first + step))
            theta = self._fold_in(Bags.of(corpus[own]))[:, which]
            weight = (lengths[own] if weights == "tokens" else lengths[own] > 0).astype(np.float64)
            tally.add(member[own], theta, weight, lengths[own])
        some = tally.documents > 0
        shares, errors = tally.shares()
        labels = self.topic_labels()
        return TopicsOverTime(
            periods[some],
            shares[some],
            errors[some],
            tally.documents[some],
            tally.tokens[some],
            which,
            tuple(labels[k] for k in which),
            kind,
        )

    # --- what the methods above begin with ---------------------------------------------------

    def _step(self) -> int:
        return max(1, _BLOCK // self.topics_.n_topics)

    def _topics(self, topics: Sequence[int]) -> NDArray[np.int64]:
        return topic_numbers(topics, self.topics_.n_topics, "topics")

    def _theta_rows(self, X: Any) -> tuple[Rows, int]:
        """Return a function that makes some rows of documents x topics, and how many there are."""
        if X is None:
            counts = self.document_topic_
            return lambda first, end: self._trained(first, end), counts.shape[0]
        k = self.topics_.n_topics
        if _is_shares(X, k, self.topics_.n_words):
            table: Any = sp.csr_array(X) if sp.issparse(X) else np.asarray(X, np.float64)

            def shares(first: int, end: int) -> NDArray[np.float64]:
                rows = table[first:end]
                dense = rows.toarray() if sp.issparse(rows) else rows
                return np.asarray(dense, np.float64)

            return shares, table.shape[0]
        corpus: Corpus = self._corpus(X, reset=False)

        def inferred(first: int, end: int) -> NDArray[np.float64]:
            theta: NDArray[np.float64] = self._fold_in(Bags.of(corpus[first:end]))
            return theta

        return inferred, corpus.n_documents

    def _trained(self, first: int, end: int) -> NDArray[np.float64]:
        """Return the shares of topics in training documents, in the sampler's last state."""
        theta = self.document_topic_[first:end].toarray() + self.doc_topic_prior_
        shares: NDArray[np.float64] = theta / theta.sum(axis=1, keepdims=True)
        return shares


def _is_numbers(X: Any) -> bool:
    """Tell numbers of documents from documents."""
    if isinstance(X, Corpus) or sp.issparse(X) or hasattr(X, "iloc"):
        return False
    given = np.asarray(X)
    return given.ndim <= 1 and given.dtype.kind in "iu"


def _is_shares(X: Any, n_topics: int, n_words: int) -> bool:
    """Tell shares of topics, whose rows sum to 1 or a little less, from counts of words."""
    if isinstance(X, Corpus) or hasattr(X, "iloc") or getattr(X, "ndim", 0) != 2:
        return False
    if X.shape[1] != n_topics or X.dtype.kind != "f":
        return False
    total = np.asarray(X.sum(axis=1), np.float64).ravel()
    if len(total) and (X.min() < 0 or total.max() > 1 + 1e-4):
        return False
    # of one-word documents that are counted in floats, where words are as many as topics
    data = X.data if sp.issparse(X) else X
    return n_topics != n_words or not (data == np.floor(data)).all()
