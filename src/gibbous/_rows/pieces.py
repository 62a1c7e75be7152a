"""Blocks of rows from a list, an iterable or a function that returns an iterator."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from .blocks import Floats, Source


class PieceSource(Source):
    """Blocks from a list, an iterable or a function that returns an iterator.

    They are taken by the thread that fits: an iterator may read from what belongs to one thread.
    """

    def __init__(self, X: Any) -> None:
        self._given = X
        self.n = None
        for piece in self._pieces():
            self.first = piece
            break
        else:
            raise ValueError("X gave no block of rows")
        self.dtype = np.dtype(np.float64)
        start = _array_of(self.first, 0)
        self.d = start.shape[1]
        if start.dtype == np.float32:
            self.dtype = start.dtype
        if self.d == 0:
            raise ValueError("block 0 of X has no columns")

    def _pieces(self) -> Iterator[Any]:
        pieces = self._given() if callable(self._given) else self._given
        try:
            return iter(pieces)
        except TypeError as error:
            raise TypeError(
                "X is a function, which has to return an iterator over blocks of rows; "
                f"it returned a {type(pieces).__name__}"
            ) from error

    def _checked(self) -> Iterator[Floats]:
        """Yield the blocks as arrays of equal width and dtype."""
        for index, piece in enumerate(self._pieces()):
            rows = _array_of(piece, index)
            if rows.shape[1] != self.d:
                raise ValueError(
                    f"block {index} of X has {rows.shape[1]} columns and block 0 has {self.d}; "
                    "all blocks need the same ones"
                )
            if rows.dtype == np.float64 and self.dtype == np.float32:
                raise ValueError(
                    f"block {index} of X is float64 and block 0 is float32; give all of them in one"
                )
            yield rows.astype(self.dtype, copy=False)

    def _blocks(self) -> Generator[Floats, None, None]:
        size, filled = self.block_rows, 0
        buffer = np.empty((0, self.d), self.dtype)
        for piece in self._checked():
            rows = piece
            while len(rows):
                if filled == 0 and len(rows) >= size and rows.flags.c_contiguous:
                    yield rows[:size]
                    rows = rows[size:]
                    continue
                if not len(buffer):
                    buffer = np.empty((size, self.d), self.dtype)
                count = min(size - filled, len(rows))
                buffer[filled : filled + count] = rows[:count]
                filled, rows = filled + count, rows[count:]
                if filled == size:
                    yield buffer
                    filled = 0
        if filled:
            yield buffer[:filled]


def _array_of(piece: Any, index: int) -> Floats:
    """Return a block as a float32 or float64 array of two dimensions."""
    if hasattr(piece, "tocsr"):
        raise TypeError(f"block {index} of X is sparse; mixtures need dense rows: use .toarray()")
    try:
        rows = np.asarray(piece)
        if rows.dtype.kind not in "fiubO":
            raise TypeError(f"its dtype is {rows.dtype}")
        if rows.dtype.kind != "f" or rows.dtype.itemsize not in (4, 8) or not rows.dtype.isnative:
            small = rows.dtype.kind == "f" and rows.dtype.itemsize == 4
            rows = rows.astype(np.float32 if small else np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"block {index} of X is not a numeric array: {error}") from error
    if rows.ndim != 2:
        raise ValueError(
            f"block {index} of X has {rows.ndim} dimensions; a block is rows by columns"
        )
    return rows
