"""Compressed rows of a bag of words: building, checking, taking and renumbering them.

Offsets are 64 bits everywhere: a corpus may hold more than 2**31 entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

#: A word's count in one document, and a word's number, are 32 bits in the samplers.
MOST = 2**31 - 1

#: Entries that a pass over a corpus handles together: its temporaries stay below about 100 MB.
CHUNK = 1 << 22


@dataclass(frozen=True)
class Rows:
    """Documents as rows of words and their counts.

    Attributes
    ----------
    indptr : ndarray of int64 (n_documents + 1,)
        The beginning and the end of each document's entries.
    indices : ndarray of int32 (n_entries,)
        Numbers of words, ascending and without repetition within a document.
    counts : ndarray of int32 (n_entries,)
        How often each occurs; at least 1.
    """

    indptr: Int64
    indices: Int32
    counts: Int32

    @property
    def n(self) -> int:
        """Return the number of documents."""
        return len(self.indptr) - 1


@dataclass(frozen=True)
class Part:
    """Consecutive documents that become part of a corpus, with their columns."""

    rows: Rows
    names: Sequence[Any] | None = None
    dates: Sequence[Any] | None = None
    labels: Sequence[Any] | None = None


def chunks(indptr: Int64, size: int = CHUNK) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows that hold at most ``size`` entries, or one row."""
    first, n = 0, len(indptr) - 1
    while first < n:
        last = int(np.searchsorted(indptr, int(indptr[first]) + size, side="right")) - 1
        last = min(max(last, first + 1), n, first + size)
        yield first, last
        first = last


def documents_of(indptr: Int64) -> Int64:
    """Return the row of every entry."""
    return np.repeat(np.arange(len(indptr) - 1, dtype=np.int64), np.diff(indptr))


def count_pairs(documents: Int64, words: Int64, n: int) -> Rows:
    """Count how often each (document, word) occurs.

    Parameters
    ----------
    documents, words : ndarray of int64 (n_tokens,)
        In any order; both below 2**31.
    n : int
        Number of documents.
    """
    keys = documents << 32
    keys |= words
    keys.sort()
    first = _firsts(keys)
    return _rows(keys[first], np.diff(first, append=len(keys)), n)


def sum_triples(documents: Int64, words: Int64, counts: NDArray[Any], n: int) -> Rows:
    """Sum counts of equal (document, word), in any order; drop sums of zero.

    Raises
    ------
    ValueError
        If a sum is not a whole number from 0 to 2**31 - 1; the message names row and column.
    """
    keys = (documents << 32) | words
    if len(keys) and not (np.diff(keys) > 0).all():
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        first = _firsts(keys)
        keys = keys[first]
        counts = np.add.reduceat(counts[order], first)
    whole = whole_counts(counts, lambda at: (int(keys[at] >> 32), int(keys[at] & MOST)))
    if not whole.all():
        keys, whole = keys[whole > 0], whole[whole > 0]
    return _rows(keys, whole, n)


def _firsts(keys: Int64) -> Int64:
    """Return where each run of equal keys begins."""
    changed = np.empty(len(keys), dtype=bool)
    changed[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=changed[1:])
    return np.flatnonzero(changed)


def _rows(keys: Int64, counts: NDArray[Any], n: int) -> Rows:
    indptr = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys >> 32, minlength=n), out=indptr[1:])
    return Rows(indptr, (keys & MOST).astype(np.int32), counts.astype(np.int32))


def whole_counts(counts: NDArray[Any], place: Any) -> Int32:
    """Return counts as int32; 0 is allowed.

    Parameters
    ----------
    counts : ndarray of numbers
    place : callable
        From a position in ``counts`` to (row, column), for messages.

    Raises
    ------
    ValueError
        If a count is not a whole number from 0 to 2**31 - 1.
    TypeError
        If the dtype is not a real number.
    """
    if counts.dtype.kind not in "fiub":
        raise TypeError(f"counts must be whole numbers; got an array of {counts.dtype}")
    result = np.empty(len(counts), dtype=np.int32)
    for at in range(0, len(counts), CHUNK):
        part = counts[at : at + CHUNK]
        good = np.ones(len(part), dtype=bool)
        if part.dtype.kind == "f":
            good = part == np.floor(part)  # False for NaN
        if part.dtype.kind in "fi":
            good &= part >= 0
        if part.dtype.itemsize > 2:
            good &= part <= MOST
        if not good.all():
            bad = at + int(np.flatnonzero(~good)[0])
            row, column = place(bad)
            raise ValueError(f"row {row}, column {column} holds {counts[bad]}, {_why(counts[bad])}")
        result[at : at + CHUNK] = part
    return result


def _why(value: Any) -> str:
    if not np.isfinite(value):
        return "which is not finite; counts are whole numbers >= 0"
    if value < 0:
        return "which is negative; counts are whole numbers >= 0"
    if value > MOST:
        return f"but one word may occur at most {MOST} times in one document"
    return (
        "which is not a whole number; give counts of words (CountVectorizer, not TfidfVectorizer)"
    )


def ascending(rows: Rows) -> bool:
    """Return whether words ascend strictly within every document."""
    return _descent(rows) is None


def _descent(rows: Rows) -> tuple[int, int] | None:
    """Return (document, position) of the first entry that is not greater than the previous one."""
    for first, last in chunks(rows.indptr):
        begin, end = int(rows.indptr[first]), int(rows.indptr[last])
        step = np.diff(rows.indices[begin:end]) <= 0
        starts = rows.indptr[first + 1 : last] - begin - 1
        step[starts[(starts >= 0) & (starts < len(step))]] = False
        if step.any():
            at = begin + 1 + int(np.flatnonzero(step)[0])
            return int(np.searchsorted(rows.indptr, at, side="right")) - 1, at
    return None


def check(rows: Rows, n_words: int) -> None:
    """Check everything that the samplers assume.

    Raises
    ------
    ValueError
        If something is wrong; the message names the array and the document.
    """
    indptr, indices, counts = rows.indptr, rows.indices, rows.counts
    if indptr.ndim != 1 or len(indptr) == 0:
        raise ValueError(f"indptr must have one dimension and at least one entry; got {indptr!r}")
    if indptr[0] != 0:
        raise ValueError(f"indptr must begin with 0; got {indptr[0]}")
    falls = np.flatnonzero(np.diff(indptr) < 0)
    if len(falls):
        raise ValueError(f"indptr must not decrease; it does after document {falls[0]}")
    if not indptr[-1] == len(indices) == len(counts):
        raise ValueError(
            f"indptr ends with {indptr[-1]}, so there must be as many indices and counts; "
            f"got {len(indices)} and {len(counts)}"
        )

    def document(at: int) -> int:
        return int(np.searchsorted(indptr, at, side="right")) - 1

    for at in range(0, len(indices), CHUNK):
        words, times = indices[at : at + CHUNK], counts[at : at + CHUNK]
        if words.min() < 0 or words.max() >= n_words:
            bad = at + int(np.flatnonzero((words < 0) | (words >= n_words))[0])
            raise ValueError(
                f"document {document(bad)} has word {indices[bad]}, "
                f"but words are numbered from 0 to {n_words - 1}"
            )
        if times.min() < 1:
            bad = at + int(np.flatnonzero(times < 1)[0])
            raise ValueError(
                f"document {document(bad)} has word {indices[bad]} {counts[bad]} times; "
                "an entry counts at least 1"
            )
    found = _descent(rows)
    if found is not None:
        raise ValueError(
            f"words must ascend within a document; in document {found[0]} word "
            f"{indices[found[1]]} follows word {indices[found[1] - 1]}"
        )


def take(rows: Rows, which: Int64 | slice) -> Rows:
    """Return documents in the given order; a range of them shares memory."""
    if isinstance(which, slice):
        first, last, step = which.indices(rows.n)
        if step == 1:
            last = max(last, first)
            begin, end = int(rows.indptr[first]), int(rows.indptr[last])
            indptr = rows.indptr[first : last + 1] - begin
            return Rows(indptr, rows.indices[begin:end], rows.counts[begin:end])
        which = np.arange(first, last, step, dtype=np.int64)
    starts = rows.indptr[which]
    lengths = rows.indptr[which + 1] - starts
    indptr = np.zeros(len(which) + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    indices = np.empty(int(indptr[-1]), dtype=np.int32)
    counts = np.empty_like(indices)
    for first, last in chunks(indptr):
        begin, end = int(indptr[first]), int(indptr[last])
        shift = starts[first:last] - indptr[first:last]
        source = np.arange(begin, end, dtype=np.int64) + np.repeat(shift, lengths[first:last])
        indices[begin:end] = rows.indices[source]
        counts[begin:end] = rows.counts[source]
    return Rows(indptr, indices, counts)


def renumber(rows: Rows, numbers: Int32) -> Rows:
    """Give words new numbers, -1 for those to drop; no two words may get one number."""
    words = numbers[rows.indices]
    kept = words >= 0
    if kept.all():
        indptr, counts = rows.indptr, rows.counts
    else:
        indptr = kept_indptr(rows.indptr, kept)
        words, counts = words[kept], rows.counts[kept]
    result = Rows(indptr, words, np.asarray(counts))
    if ascending(result):
        return result
    return _sorted(indptr, words, np.asarray(counts))


def _sorted(indptr: Int64, words: Int32, counts: Int32) -> Rows:
    """Sort the words of every document."""
    if not len(words):
        return Rows(indptr, words, counts)
    low = int(counts.max()).bit_length()
    middle = int(words.max()).bit_length()
    keys = documents_of(indptr)
    if low + middle + (len(indptr) - 1).bit_length() < 64:
        # One sort of whole entries takes a third of the time of sorting positions.
        keys = (((keys << middle) | words) << low) | counts
        keys.sort()
        counts = (keys & ((1 << low) - 1)).astype(np.int32)
        return Rows(indptr, ((keys >> low) & ((1 << middle) - 1)).astype(np.int32), counts)
    order = np.argsort((keys << 32) | words)
    return Rows(indptr, words[order], counts[order])


def kept_indptr(indptr: Int64, kept: NDArray[np.bool_]) -> Int64:
    """Return the offsets after only some entries are kept."""
    before = np.zeros(len(kept) + 1, dtype=np.int64)
    np.cumsum(kept, out=before[1:])
    return before[indptr]


def stack(parts: Sequence[Rows]) -> Rows:
    """Return the documents of all parts, one part after the other."""
    ends = np.cumsum([0, *(int(p.indptr[-1]) for p in parts)], dtype=np.int64)
    indptr = [p.indptr[1:] + end for p, end in zip(parts, ends, strict=False)]
    return Rows(
        np.concatenate([np.zeros(1, dtype=np.int64), *indptr]),
        np.concatenate([np.empty(0, dtype=np.int32), *(p.indices for p in parts)]),
        np.concatenate([np.empty(0, dtype=np.int32), *(p.counts for p in parts)]),
    )
