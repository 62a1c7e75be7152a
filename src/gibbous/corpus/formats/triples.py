"""Formats of numbers: UCI's bag of words, Matrix Market, Blei's LDA-C, SciPy's .npz."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matrix import of_matrix
from ..rows import MOST, Int64, Part, sum_triples
from ..source import Source, Unordered
from .files import PathLike, line_blocks

#: From the announced or least number of words to the words, or None.
Vocabulary = Callable[[int, bool], "tuple[str, ...] | None"]


@dataclass(frozen=True)
class _Table:
    """What a file of (document, word, count) announces, and its lines."""

    path: PathLike
    n: int
    n_words: int
    n_entries: int
    announced: int  # the line that says so
    dtype: type[Any]
    width: int
    blocks: Iterator[tuple[int, bytes]]


# --- numbers in lines ------------------------------------------------------------------------


def _numbers(block: bytes, dtype: type[Any]) -> NDArray[Any] | None:
    """Return all numbers of a block, or None where something in it is none."""
    with warnings.catch_warnings():
        # NumPy says so by this warning where it meets anything but numbers.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(block, dtype=dtype, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def _field_starts(block: bytes) -> tuple[Int64, Int64]:
    """Return where fields start and where lines end."""
    codes = np.frombuffer(block, dtype=np.uint8)
    solid = codes > 32
    solid[1:] &= ~(codes[:-1] > 32)
    return np.flatnonzero(solid), np.flatnonzero(codes == 10)


def _grid(
    block: bytes, first: int, path: PathLike, width: int, dtype: type[Any]
) -> tuple[NDArray[Any], Sequence[int]]:
    """Return the numbers of a block, ``width`` a line, and the number of each line.

    Raises
    ------
    ValueError
        If a line has something else.
    """
    starts, ends = _field_starts(block)
    if len(starts) == width * len(ends):
        # Each line's fields lie between the end of the line before and its own.
        inside = (starts[width - 1 :: width] < ends).all()
        if inside and (starts[width::width] > ends[:-1]).all():
            values = _numbers(block, dtype)
            if values is not None and len(values) == len(starts):
                return values.reshape(-1, width), range(first, first + len(ends))
    rows, lines = [], []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        if text.strip():
            rows.append(_row(text, line, path, width, dtype))
            lines.append(line)
    return np.array(rows, dtype=dtype).reshape(-1, width), lines


def _row(text: bytes, line: int, path: PathLike, width: int, dtype: type[Any]) -> list[Any]:
    fields = text.split()
    kind = "whole numbers" if dtype is np.int64 else "numbers"
    if len(fields) == width:
        try:
            row = [(int if dtype is np.int64 else float)(field) for field in fields]
        except ValueError:
            row = []
        if row and all(abs(value) < 2**63 or value != value for value in row):
            return row
    raise ValueError(f"{path}, line {line}: expected {width} {kind}; got {_shown(text)}")


def _shown(text: bytes) -> str:
    shown = text.decode("utf-8", "replace").strip()
    return repr(shown if len(shown) <= 60 else shown[:57] + "...")


# --- (document, word, count) -----------------------------------------------------------------


def _checked(table: _Table, block: bytes, first: int) -> tuple[Int64, Int64, NDArray[Any]]:
    """Return documents and words from 0 and counts of a block."""
    values, lines = _grid(block, first, table.path, table.width, table.dtype)
    if table.width == 2:  # Matrix Market's pattern: what is there counts 1
        values = np.column_stack([values, np.ones(len(values), dtype=values.dtype)])
    for at, (name, most) in enumerate((("document", table.n), ("word", table.n_words))):
        numbers = values[:, at]
        good = (numbers >= 1) & (numbers <= most) & (numbers == np.floor(numbers))
        if not good.all():
            bad = int(np.flatnonzero(~good)[0])
            raise ValueError(
                f"{table.path}, line {lines[bad]}: {name} {numbers[bad]}, but line "
                f"{table.announced} announces {name}s from 1 to {most}"
            )
    counts = values[:, 2]
    good = (counts >= 0) & (counts <= MOST) & (counts == np.floor(counts))
    if not good.all():
        bad = int(np.flatnonzero(~good)[0])
        raise ValueError(
            f"{table.path}, line {lines[bad]}: count {counts[bad]}; "
            f"a count is a whole number from 0 to {MOST}"
        )
    return values[:, 0].astype(np.int64) - 1, values[:, 1].astype(np.int64) - 1, counts


def _end(table: _Table, found: int) -> None:
    if found != table.n_entries:
        what = "the file is cut short" if found < table.n_entries else "it has more than that"
        raise ValueError(
            f"{table.path}, line {table.announced}: announces {table.n_entries} entries, "
            f"but there are {found}; {what}"
        )


def _ordered(table: _Table) -> Iterator[Part]:
    """Yield the documents of a table that has them in order."""
    held: list[NDArray[Any]] = [np.empty(0, dtype=np.int64)] * 3
    done = found = 0  # documents that were yielded, entries that were read
    for first, block in table.blocks:
        new = _checked(table, block, first)
        found += len(new[0])
        held = [np.concatenate(pair) for pair in zip(held, new, strict=True)]
        documents = held[0]
        if not len(documents):
            continue
        if documents[0] < done or (np.diff(documents) < 0).any():
            raise Unordered
        # The last document may go on in the next block.
        last = int(documents[-1])
        cut = int(np.searchsorted(documents, last))
        yield Part(sum_triples(documents[:cut] - done, held[1][:cut], held[2][:cut], last - done))
        held = [array[cut:] for array in held]
        done = last
    _end(table, found)
    yield Part(sum_triples(held[0] - done, held[1], held[2], table.n - done))


def _any_order(table: _Table) -> Iterator[Part]:
    """Yield all documents of a table at once."""
    parts = [_checked(table, block, first) for first, block in table.blocks]
    _end(table, sum(len(part[0]) for part in parts))
    if parts:
        joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        yield Part(sum_triples(joined[0], joined[1], joined[2], table.n))
    elif table.n:
        empty = np.empty(0, dtype=np.int64)
        yield Part(sum_triples(empty, empty, empty, table.n))


def _source(begin: Callable[[PathLike], _Table], path: PathLike, find: Vocabulary) -> Source:
    table = begin(path)  # what is wrong with the beginning is told at once

    def vocabulary(most: int) -> tuple[int, tuple[str, ...] | None]:
        return table.n_words, find(table.n_words, True)

    return Source(_ordered(table), vocabulary=vocabulary, again=lambda: _any_order(begin(path)))


def uci(path: PathLike, find: Vocabulary) -> Source:
    """Read the UCI repository's ``docword``: D, W and NNZ, then lines of document, word, count."""
    return _source(_begin_uci, path, find)


def _begin_uci(path: PathLike) -> _Table:
    blocks = line_blocks(path)
    head, rest = _head(path, blocks, 3, lambda line: bool(line.strip()))
    sizes = []
    for (line, text), what in zip(head, ("documents", "words", "entries"), strict=False):
        value = _row(text, line, path, 1, np.int64)[0]
        if not 0 <= value <= (2**62 if what == "entries" else MOST):
            raise ValueError(f"{path}, line {line}: {value} {what}")
        sizes.append(int(value))
    if len(sizes) < 3:
        raise ValueError(
            f"{path}, line {len(sizes) + 1}: the file ends before the three lines of its head, "
            "the numbers of documents, words and entries"
        )
    n, n_words, n_entries = sizes
    return _Table(path, n, n_words, n_entries, head[2][0], np.int64, 3, rest)


def _head(
    path: PathLike,
    blocks: Iterator[tuple[int, bytes]],
    n: int,
    counts: Callable[[bytes], bool],
) -> tuple[list[tuple[int, bytes]], Iterator[tuple[int, bytes]]]:
    """Return the first n lines that count, with their numbers, and the blocks after them."""
    head: list[tuple[int, bytes]] = []
    for first, block in blocks:
        at, line = 0, first
        while at < len(block):
            end = block.index(b"\n", at) + 1
            if counts(block[at:end]):
                head.append((line, block[at:end]))
            at, line = end, line + 1
            if len(head) == n:
                return head, _rest(line, block[at:], blocks)
    return head, iter(())


def _rest(
    line: int, block: bytes, more: Iterable[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    if block:
        yield line, block
    yield from more


# --- Matrix Market ---------------------------------------------------------------------------


def mtx(path: PathLike, find: Vocabulary) -> Source:
    """Read a Matrix Market file with one row a document."""
    table, dense = _begin_mtx(path)
    if not dense:
        return _source(lambda p: _begin_mtx(p)[0], path, find)
    return Source(_dense(table), vocabulary=lambda most: (table.n_words, find(table.n_words, True)))


def _begin_mtx(path: PathLike) -> tuple[_Table, bool]:
    blocks = line_blocks(path)
    head, rest = _head(path, blocks, 1, lambda line: True)
    banner = head[0][1].decode("utf-8", "replace").lower().split() if head else []
    if len(banner) != 5 or banner[:2] != ["%%matrixmarket", "matrix"]:
        raise ValueError(
            f"{path}, line 1: expected '%%MatrixMarket matrix coordinate integer general'; "
            f"got {_shown(head[0][1]) if head else 'an empty file'}"
        )
    layout, kind, symmetry = banner[2:]
    if (
        layout not in ("coordinate", "array")
        or kind not in ("integer", "real", "double", "pattern")
        or symmetry != "general"
    ):
        raise ValueError(
            f"{path}, line 1: a matrix of counts is 'coordinate' or 'array', 'integer', 'real' or "
            f"'pattern', and 'general'; this one is {layout} {kind} {symmetry}"
        )
    sizes, rest = _head(
        path, rest, 1, lambda line: bool(line.strip()) and not line.lstrip().startswith(b"%")
    )
    width = 3 if layout == "coordinate" else 2
    if not sizes:
        raise ValueError(f"{path}: the file ends before the line with the matrix's size")
    line, text = sizes[0]
    values = _row(text, line, path, width, np.int64)
    if min(values) < 0 or max(values[:2]) > MOST:
        raise ValueError(f"{path}, line {line}: a matrix of {values[0]} rows, {values[1]} columns")
    entries = values[2] if width == 3 else values[0] * values[1]
    dtype = np.int64 if kind in ("integer", "pattern") else np.float64
    fields = 1 if layout == "array" else 3 - (kind == "pattern")
    return _Table(path, values[0], values[1], entries, line, dtype, fields, rest), layout == "array"


def _dense(table: _Table) -> Iterator[Part]:
    """Yield the documents of a matrix that is written column by column, zeros and all."""
    documents, columns, counts = [], [], []
    at = 0
    for first, block in table.blocks:
        values, lines = _grid(block, first, table.path, 1, table.dtype)
        values = values[:, 0]
        good = (values >= 0) & (values <= MOST) & (values == np.floor(values))
        if not good.all():
            bad = int(np.flatnonzero(~good)[0])
            raise ValueError(
                f"{table.path}, line {lines[bad]}: count {values[bad]}; "
                f"a count is a whole number from 0 to {MOST}"
            )
        there = np.flatnonzero(values)
        documents.append((at + there) % max(table.n, 1))
        columns.append((at + there) // max(table.n, 1))
        counts.append(values[there])
        at += len(values)
    _end(table, at)
    empty = np.empty(0, dtype=np.int64)
    joined = [np.concatenate([empty, *arrays]) for arrays in (documents, columns, counts)]
    yield Part(sum_triples(joined[0], joined[1], joined[2], table.n))


# --- LDA-C -----------------------------------------------------------------------------------


def ldac(path: PathLike, find: Vocabulary) -> Source:
    """Read Blei's LDA-C: a line a document, ``n word:count ...``, words from 0."""

    def vocabulary(most: int) -> tuple[int, tuple[str, ...] | None]:
        found = find(most + 1, False)
        return (most + 1 if found is None else len(found)), found

    return Source(
        (_ldac_part(block, first, path) for first, block in line_blocks(path)),
        vocabulary=vocabulary,
    )


def _ldac_part(block: bytes, first: int, path: PathLike) -> Part:
    found = _ldac_fast(block)
    if found is None:
        found = _ldac_slow(block, first, path)
    lengths, pairs = found
    documents = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    return Part(sum_triples(documents, pairs[:, 0], pairs[:, 1], len(lengths)))


def _ldac_fast(block: bytes) -> tuple[Int64, Int64] | None:
    """Return pairs a line and all pairs, or None where anything is odd."""
    plain = block.replace(b":", b" ")
    starts, ends = _field_starts(plain)
    values = _numbers(plain, np.int64)
    if values is None or len(values) != len(starts):
        return None
    stops = np.searchsorted(starts, ends)
    fields = np.diff(stops, prepend=0)
    heads = (stops - fields)[fields > 0]
    fields = fields[fields > 0]
    lengths = values[heads]
    if (fields != 2 * lengths + 1).any():
        return None
    pair = np.ones(len(values), dtype=bool)
    pair[heads] = False
    pairs = values[pair].reshape(-1, 2)
    before = np.frombuffer(block, dtype=np.uint8)[starts[pair][1::2] - 1]
    joined = block.count(b":") == len(pairs) and (before == ord(":")).all()
    if not joined or (len(pairs) and (pairs.min() < 0 or pairs.max() >= MOST)):
        return None
    return lengths, pairs


def _ldac_slow(block: bytes, first: int, path: PathLike) -> tuple[Int64, Int64]:
    lengths, pairs = [], []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        fields = text.split()
        if not fields:
            continue
        if not fields[0].isdigit():
            raise ValueError(
                f"{path}, line {line}: expected 'n word:count ...'; got {_shown(text)}"
            )
        if int(fields[0]) != len(fields) - 1:
            raise ValueError(
                f"{path}, line {line}: announces {int(fields[0])} words, but has {len(fields) - 1}"
            )
        lengths.append(len(fields) - 1)
        for field in fields[1:]:
            word, colon, count = field.partition(b":")
            if not (colon and word.isdigit() and count.isdigit()):
                raise ValueError(
                    f"{path}, line {line}: expected word:count, two whole numbers >= 0; "
                    f"got {_shown(field)}"
                )
            if max(int(word), int(count)) >= MOST:
                raise ValueError(
                    f"{path}, line {line}: {_shown(field)} is past the most, {MOST - 1}"
                )
            pairs.append((int(word), int(count)))
    return np.array(lengths, dtype=np.int64), np.array(pairs, dtype=np.int64).reshape(-1, 2)


# --- .npz ------------------------------------------------------------------------------------


def npz(path: PathLike, find: Vocabulary) -> Source:
    """Read what ``scipy.sparse.save_npz`` wrote.

    Raises
    ------
    ValueError
        If it is something else, damaged, or holds what are no counts.
    """
    import scipy.sparse as sp

    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with open(path, "rb") as file:  # SciPy leaves a damaged one open
            rows, n_words, _ = of_matrix(sp.load_npz(file))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    except (KeyError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"{path} is damaged, or no sparse matrix of SciPy: {error}") from error
    return Source([Part(rows)], vocabulary=lambda most: (n_words, find(n_words, True)))
