"""Counts out of matrices, data frames and lists of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rows import (
    CHUNK,
    MOST,
    Rows,
    ascending,
    documents_of,
    kept_indptr,
    stack,
    sum_triples,
    whole_counts,
)


def of_matrix(X: Any) -> tuple[Rows, int, Any]:
    """Return rows, the number of words, and words if the matrix has names of columns.

    Parameters
    ----------
    X : SciPy sparse matrix or array, NumPy array, pandas DataFrame, list of lists of numbers

    Raises
    ------
    ValueError
        If a count is not a whole number >= 0, or X does not have two dimensions.
    TypeError
        If X is something else.
    """
    import scipy.sparse as sp

    if sp.issparse(X):
        if X.ndim != 2:
            raise ValueError(f"X must have two dimensions, documents and words; got {X.ndim}")
        return _of_sparse(X), int(X.shape[1]), None
    if hasattr(X, "columns") and hasattr(X, "to_numpy"):
        return _of_frame(X)
    array = _dense(X)
    return _of_dense(array), int(array.shape[1]), None


def _dense(X: Any) -> NDArray[Any]:
    hint = (
        "for texts use Corpus.from_texts, for lists of tokens from_tokens, for lists of pairs "
        "(word, count) from_bow, for files read"
    )
    if not isinstance(X, (list, tuple)) and not hasattr(X, "__array__"):
        raise TypeError(f"X must be a matrix of counts; got {type(X).__name__}; {hint}")
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise TypeError(
            f"X must be a matrix of counts; got rows of several lengths; {hint}"
        ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"X must be a matrix of counts; got an array of {array.dtype}; {hint}")
    if array.ndim != 2:
        raise ValueError(
            f"X must have two dimensions, documents and words; got shape {array.shape}"
        )
    return array


def _of_sparse(X: Any) -> Rows:
    if X.dtype.kind not in "fiub":
        raise TypeError(f"counts must be whole numbers; got a matrix of {X.dtype}")
    if X.shape[1] > MOST:
        raise ValueError(f"X must have at most {MOST} columns; got {X.shape[1]}")
    if X.format not in ("csr", "coo"):
        # Formats converted through coordinates sum in their own dtype, which may be too narrow.
        X = X.astype(np.float64 if X.dtype.kind == "f" else np.int64).tocsr()
    if X.format == "csr":
        indptr = np.asarray(X.indptr, dtype=np.int64)
        end = int(indptr[-1])
        rows = Rows(indptr, X.indices[:end], X.data[:end])
        if ascending(rows):
            return _canonical(rows)
        documents, words, data = documents_of(indptr), X.indices[:end], X.data[:end]
    else:
        documents, words, data = np.asarray(X.row, dtype=np.int64), X.col, X.data
    wide = np.float64 if data.dtype.kind == "f" else np.int64
    if data.dtype == np.uint64 and len(data) and data.max() > MOST:
        wide = np.float64  # rejected for its size, with its position
    return sum_triples(documents, words.astype(np.int64), data.astype(wide), int(X.shape[0]))


def _canonical(rows: Rows) -> Rows:
    """Return rows whose words ascend already with whole counts and without zeros."""

    def place(at: int) -> tuple[int, int]:
        row = int(np.searchsorted(rows.indptr, at, side="right")) - 1
        return row, int(rows.indices[at])

    if rows.counts.dtype == np.int32 and (not len(rows.counts) or rows.counts.min() >= 1):
        counts = rows.counts
    else:
        counts = whole_counts(rows.counts, place)
    indices = rows.indices.astype(np.int32, copy=False)
    if len(counts) and counts.min() == 0:
        kept = counts > 0
        return Rows(kept_indptr(rows.indptr, kept), indices[kept], counts[kept])
    return Rows(rows.indptr, indices, counts)


def _of_dense(array: NDArray[Any]) -> Rows:
    n, width = array.shape
    step = max(1, CHUNK // max(width, 1))
    parts = []
    for first in range(0, n, step):
        block = array[first : first + step]
        # everything that is not zero, including NaN
        documents, words = np.nonzero(block)
        counts = whole_counts(
            block[documents, words],
            lambda at, d=documents, w=words, f=first: (int(d[at]) + f, int(w[at])),
        )
        indptr = np.zeros(len(block) + 1, dtype=np.int64)
        np.cumsum(np.bincount(documents, minlength=len(block)), out=indptr[1:])
        parts.append(Rows(indptr, words.astype(np.int32), counts))
    return stack(parts)


def _of_frame(X: Any) -> tuple[Rows, int, Any]:
    names = [str(name) for name in X.columns]
    sparse = getattr(X, "sparse", None) if _all_sparse(X) else None
    if sparse is not None:
        return _of_sparse(sparse.to_coo()), len(names), names
    array = X.to_numpy()
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"X must be a table of counts; {error}") from error
    return _of_dense(_dense(array)), len(names), names


def _all_sparse(X: Any) -> bool:
    types = getattr(X, "dtypes", ())
    return len(types) > 0 and all(type(t).__name__ == "SparseDtype" for t in types)


# --- gensim's bag of words -------------------------------------------------------------------


def of_bow(documents: Iterable[Any]) -> Rows:
    """Return the rows of documents that are lists of (word number, count).

    Raises
    ------
    ValueError
        If a count is not a whole number >= 0, or a word number is negative.
    TypeError
        If a document is not a list of pairs.
    """
    parts: list[Rows] = []
    batch: list[Any] = []
    held = first = 0
    for document in documents:
        entries = _pairs(document, first + len(batch))
        batch.append(entries)
        held += len(entries)
        if held >= CHUNK:
            parts.append(_of_pairs(batch, first))
            first, batch, held = first + len(batch), [], 0
    parts.append(_of_pairs(batch, first))
    return stack(parts)


def _pairs(document: Any, at: int) -> NDArray[np.float64]:
    try:
        entries = np.array(list(document), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"document {at} must be a list of pairs (word number, count); got {document!r:.60}"
        ) from error
    if entries.size == 0:
        return np.empty((0, 2))
    if entries.ndim != 2 or entries.shape[1] != 2:
        raise TypeError(
            f"document {at} must be a list of pairs (word number, count); got {document!r:.60}"
        )
    words = entries[:, 0]
    good = (words >= 0) & (words <= MOST - 1) & (words == np.floor(words))
    if not good.all():
        bad = words[np.flatnonzero(~good)[0]]
        raise ValueError(f"document {at} has word {bad:g}; word numbers are whole numbers from 0")
    return entries


def _of_pairs(batch: list[NDArray[np.float64]], first: int) -> Rows:
    lengths = [len(entries) for entries in batch]
    documents = np.repeat(np.arange(len(batch), dtype=np.int64), lengths)
    joined = np.concatenate([np.empty((0, 2)), *batch])
    try:
        return sum_triples(documents, joined[:, 0].astype(np.int64), joined[:, 1], len(batch))
    except ValueError:
        if first == 0:
            raise
        # again with the document's number in the whole corpus, for the message
        shifted = documents + first
        sum_triples(shifted, joined[:, 0].astype(np.int64), joined[:, 1], first + len(batch))
        raise


class PairLists(Sequence[Any]):
    """Documents in gensim's form: lists of (word number, count), created on access.

    Parameters
    ----------
    indptr, indices, counts : ndarray
        Compressed rows.
    """

    def __init__(self, indptr: Any, indices: Any, counts: Any) -> None:
        self._rows = (indptr, indices, counts)

    def __len__(self) -> int:
        return len(self._rows[0]) - 1

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[d] for d in range(*at.indices(len(self)))]
        indptr, indices, counts = self._rows
        d = range(len(self))[at]
        part = slice(int(indptr[d]), int(indptr[d + 1]))
        return list(zip(indices[part].tolist(), counts[part].tolist(), strict=True))


def dictionary_words(id2word: Any, least: int) -> list[str]:
    """Return the words of a gensim ``Dictionary``, a mapping from number to word, or a sequence.

    Parameters
    ----------
    id2word : gensim.corpora.Dictionary, mapping or sequence of str
    least : int
        The number of words in the documents.

    Raises
    ------
    ValueError
        If a word's number is missing.
    """
    known = getattr(id2word, "token2id", None)
    if isinstance(known, Mapping):
        numbered = {int(number): word for word, number in known.items()}
    elif isinstance(id2word, Mapping):
        numbered = {int(number): word for number, word in id2word.items()}
    else:
        numbered = dict(enumerate(id2word))
    n = max(max(numbered, default=-1) + 1, least)
    missing = next((number for number in range(n) if number not in numbered), None)
    if missing is not None:
        raise ValueError(
            f"dictionary has no word for number {missing}; give the dictionary that made the "
            "documents, after compactify() if words were filtered out of it"
        )
    return [numbered[number] for number in range(n)]
