"""Blocks of rows for data larger than memory, which are read once per pass.

However the rows were cut when they were given, they reach the kernels in blocks of one size, so
that the cut does not change a bit of the result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

#: Bytes of a block. Two are in memory, one being read and one being processed. Iterations over 1 GB
#: (d 16, k 8, diagonal and full) took the same processor time within 10% from 2 to 16 MB, and up to
#: half as much again from 32 MB on.
BLOCK_BYTES = 16 << 20

#: Sources of up to this many bytes are read into memory once and fitted like an array.
SMALL_BYTES = 64 << 20

_FEWEST_ROWS = 256


class Source(ABC):
    """Rows in blocks of one size.

    Attributes
    ----------
    d : int
    dtype : numpy.dtype
        float32 where the rows are, else float64.
    n : int or None
        Number of rows; None until the first pass is over, if only that shows it.
    first : array-like
        The first block as it was given, which may have column names.
    """

    d: int
    dtype: np.dtype[Any]
    n: int | None
    first: Any

    @property
    def block_rows(self) -> int:
        """Rows of every block but the last."""
        return max(_FEWEST_ROWS, BLOCK_BYTES // (self.d * self.dtype.itemsize))

    def blocks(self) -> Generator[tuple[int, Floats], None, None]:
        """Yield the number of each block's first row, and the rows, which the next ones overwrite.

        Close what this returns if a loop may end early: it may hold a file and a thread.

        Raises
        ------
        ValueError
            If a block cannot be used, or another number of rows came than before.
        """
        done = 0
        with closing(self._blocks()) as blocks:
            for rows in blocks:
                yield done, rows
                done += len(rows)
        if self.n is not None and done != self.n:
            raise ValueError(
                f"X gave {self.n} rows in the first pass and {done} in a later one; it has to give "
                "the same blocks every time"
            )
        self.n = done

    @abstractmethod
    def _blocks(self) -> Generator[Floats, None, None]:
        """Yield the rows of each block, with a generator."""

    def whole(self) -> Floats | None:
        """Return all rows if they are few, else None."""
        limit = SMALL_BYTES // (self.d * self.dtype.itemsize)
        if self.n is not None and self.n > limit:
            return None
        parts: list[Floats] = []
        with closing(self.blocks()) as blocks:
            for first, rows in blocks:
                if first + len(rows) > limit:
                    return None
                parts.append(rows.copy())
        return np.concatenate(parts) if parts else np.empty((0, self.d), self.dtype)


class MissingEntry(ValueError):
    """An entry is NaN although none may be."""


def check_finite(rows: Floats, first: int, *, missing: bool = False) -> None:
    """Raise if a row has NaN or infinity; ``first`` is the number of the first row.

    With ``missing``, NaN may be there.

    Raises
    ------
    MissingEntry, ValueError
        Names the row and the column.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(rows.sum()):
            return
    finite = ~np.isinf(rows) if missing else np.isfinite(rows)
    if finite.all():  # only the sum overflows
        return
    row, column = np.argwhere(~finite)[0]
    nan = bool(np.isnan(rows[row, column]))
    what = "NaN" if nan else "infinity"
    raise (MissingEntry if nan else ValueError)(
        f"Input X contains {what}: row {first + int(row)}, column {int(column)}; "
        "remove such rows, or fill the values in"
    )
