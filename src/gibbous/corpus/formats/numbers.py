"""Numbers in lines of text, a block at a time; damage is reported with its line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rows import Int64
from .files import PathLike

#: Maps the announced or minimum number of words to the words, or None.
Vocabulary = Callable[[int, bool], "tuple[str, ...] | None"]


def numbers(block: bytes, dtype: type[Any]) -> NDArray[Any] | None:
    """Return all numbers of a block, or None if it contains anything else."""
    with warnings.catch_warnings():
        # NumPy emits this warning for anything that is not a number.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(block, dtype=dtype, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def field_starts(block: bytes) -> tuple[Int64, Int64]:
    """Return the starts of fields and the ends of lines."""
    codes = np.frombuffer(block, dtype=np.uint8)
    solid = codes > 32
    solid[1:] &= ~(codes[:-1] > 32)
    return np.flatnonzero(solid), np.flatnonzero(codes == 10)


def grid(
    block: bytes, first: int, path: PathLike, width: int, dtype: type[Any]
) -> tuple[NDArray[Any], Sequence[int]]:
    """Return the numbers of a block, ``width`` per line, and the number of each line.

    Raises
    ------
    ValueError
        If a line contains something else.
    """
    starts, ends = field_starts(block)
    if len(starts) == width * len(ends):
        # Each line's fields are between the end of the previous line and its own.
        inside = (starts[width - 1 :: width] < ends).all()
        if inside and (starts[width::width] > ends[:-1]).all():
            values = numbers(block, dtype)
            if values is not None and len(values) == len(starts):
                return values.reshape(-1, width), range(first, first + len(ends))
    rows, lines = [], []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        if text.strip():
            rows.append(row_of(text, line, path, width, dtype))
            lines.append(line)
    return np.array(rows, dtype=dtype).reshape(-1, width), lines


def row_of(text: bytes, line: int, path: PathLike, width: int, dtype: type[Any]) -> list[Any]:
    """Return the numbers of a line.

    Raises
    ------
    ValueError
        If it does not hold ``width`` numbers.
    """
    fields = text.split()
    kind = "whole numbers" if dtype is np.int64 else "numbers"
    if len(fields) == width:
        try:
            row = [(int if dtype is np.int64 else float)(field) for field in fields]
        except ValueError:
            row = []
        if row and all(abs(value) < 2**63 or value != value for value in row):
            return row
    raise ValueError(f"{path}, line {line}: expected {width} {kind}; got {shown(text)}")


def shown(text: bytes) -> str:
    """Return a line as a message shows it."""
    line = text.decode("utf-8", "replace").strip()
    return repr(line if len(line) <= 60 else line[:57] + "...")


def head_of(
    path: PathLike,
    blocks: Iterator[tuple[int, bytes]],
    n: int,
    counts: Callable[[bytes], bool],
) -> tuple[list[tuple[int, bytes]], Iterator[tuple[int, bytes]]]:
    """Return the first n lines that ``counts`` accepts, their numbers, and the blocks after."""
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
