"""Files of (document, word, count), one triple per line, after a line that announces the sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rows import MOST, Int64, Part, sum_triples
from ..source import Source, Unordered
from .files import PathLike
from .numbers import Vocabulary, grid


@dataclass(frozen=True)
class Table:
    """The announced sizes of a file of (document, word, count), and its lines."""

    path: PathLike
    n: int
    n_words: int
    n_entries: int
    announced: int  # the line with the sizes
    dtype: type[Any]
    width: int
    blocks: Iterator[tuple[int, bytes]]


def _checked(table: Table, block: bytes, first: int) -> tuple[Int64, Int64, NDArray[Any]]:
    """Return documents and words from 0 and counts of a block."""
    values, lines = grid(block, first, table.path, table.width, table.dtype)
    if table.width == 2:  # Matrix Market's pattern: every entry counts 1
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


def end_of(table: Table, found: int) -> None:
    """Check that a file has the number of entries that it announces.

    Raises
    ------
    ValueError
        If it has more or fewer.
    """
    if found != table.n_entries:
        what = "the file is cut short" if found < table.n_entries else "it has more than that"
        raise ValueError(
            f"{table.path}, line {table.announced}: announces {table.n_entries} entries, "
            f"but there are {found}; {what}"
        )


def _ordered(table: Table) -> Iterator[Part]:
    """Yield the documents of a table in which they are in order."""
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
        # The last document may continue in the next block.
        last = int(documents[-1])
        cut = int(np.searchsorted(documents, last))
        yield Part(sum_triples(documents[:cut] - done, held[1][:cut], held[2][:cut], last - done))
        held = [array[cut:] for array in held]
        done = last
    end_of(table, found)
    yield Part(sum_triples(held[0] - done, held[1], held[2], table.n - done))


def _any_order(table: Table) -> Iterator[Part]:
    """Yield all documents of a table at the end."""
    parts = [_checked(table, block, first) for first, block in table.blocks]
    end_of(table, sum(len(part[0]) for part in parts))
    if parts:
        joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        yield Part(sum_triples(joined[0], joined[1], joined[2], table.n))
    elif table.n:
        empty = np.empty(0, dtype=np.int64)
        yield Part(sum_triples(empty, empty, empty, table.n))


def source_of(begin: Callable[[PathLike], Table], path: PathLike, find: Vocabulary) -> Source:
    """Return the documents of a file; ``begin`` reads its first lines."""
    table = begin(path)  # errors in the first lines are raised at once

    def vocabulary(most: int) -> tuple[int, tuple[str, ...] | None]:
        return table.n_words, find(table.n_words, True)

    return Source(_ordered(table), vocabulary=vocabulary, again=lambda: _any_order(begin(path)))
