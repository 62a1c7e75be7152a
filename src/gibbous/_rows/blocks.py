"""Rows that are larger than the memory: read in blocks, as often as they are asked for.

A source is a ``numpy.memmap`` or something that gives blocks of rows anew every time. However they
were cut, the rows reach the kernels in blocks of one size, so that the cut changes no bit.
"""

from __future__ import annotations

import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._fit.parallel import awaited
from .._ground import validate

Floats = NDArray[Any]
Bytes = NDArray[np.uint8]

#: Bytes of a block. Two are held, one that is read and one that is worked on. Iterations over 1 GB
#: (d 16, k 8, diagonal and full) took the same processor time within 10% from 2 to 16 MB, and up to
#: half as much again from 32 MB on.
BLOCK_BYTES = 16 << 20

#: Up to this many bytes a source is read into memory once, and fitted as an array is.
SMALL_BYTES = 64 << 20

_FEWEST_ROWS = 256
_WEIGHTS = 1 << 20  # weights that are looked at at once


def is_source(X: Any) -> bool:
    """Return whether X is to be read in blocks.

    Raises
    ------
    TypeError
        If X can be passed over only once.
    """
    if isinstance(X, np.memmap):
        return X._mmap is not None and X.ndim == 2  # type: ignore[attr-defined]
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and getattr(X[0], "ndim", 0) == 2
    if isinstance(X, (str, bytes, dict, set)) or hasattr(X, "shape") or hasattr(X, "__array__"):
        return False
    if callable(X):
        return True
    if not hasattr(X, "__iter__"):
        return False
    if iter(X) is X:
        raise TypeError(
            f"X is a {type(X).__name__}, which can be passed over only once, and X is passed over "
            "once an iteration; give a list of blocks, an object whose __iter__ starts anew, or a "
            "function that returns a fresh iterator, such as lambda: read_blocks()"
        )
    return True


class Source(ABC):
    """Rows in blocks of one size.

    Attributes
    ----------
    d : int
    dtype : numpy.dtype
        float32 where the rows are, else float64.
    n : int or None
        Number of rows; None until the first pass is over, where only that tells.
    first : array-like
        The first block as it was given, which may have column names.
    """

    d: int
    dtype: np.dtype[Any]
    n: int | None
    first: Any

    @staticmethod
    def of(X: Any) -> Source:
        """Return the source that X is.

        Raises
        ------
        ValueError, TypeError
            If the first block is no rows of numbers.
        """
        return MappedSource(X) if isinstance(X, np.memmap) else PieceSource(X)

    @property
    def block_rows(self) -> int:
        """Rows of every block but the last."""
        return max(_FEWEST_ROWS, BLOCK_BYTES // (self.d * self.dtype.itemsize))

    def blocks(self) -> Generator[tuple[int, Floats], None, None]:
        """Yield the number of each block's first row, and the rows, which the next ones overwrite.

        Close what this returns where a loop may end early: it may hold a file and a thread.

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
        """Yield the rows of each block, by a generator."""

    def whole(self) -> Floats | None:
        """Return all rows where they are few, else None."""
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
    """An entry is NaN where none may be."""


def check_finite(rows: Floats, first: int, *, missing: bool = False) -> None:
    """Raise where a row has NaN or infinity; ``first`` is the number of the first row.

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
    if finite.all():  # only their sum overflows
        return
    row, column = np.argwhere(~finite)[0]
    nan = bool(np.isnan(rows[row, column]))
    what = "NaN" if nan else "infinity"
    raise (MissingEntry if nan else ValueError)(
        f"Input X contains {what}: row {first + int(row)}, column {int(column)}; "
        "remove such rows, or fill the values in"
    )


# ---- blocks that a user gives -------------------------------------------------------------------


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
        """Yield the blocks as they come, as arrays of one width and dtype."""
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
        raise TypeError(f"block {index} of X is no array of numbers: {error}") from error
    if rows.ndim != 2:
        raise ValueError(
            f"block {index} of X has {rows.ndim} dimensions; a block is rows by columns"
        )
    return rows


# ---- files --------------------------------------------------------------------------------------


class MappedSource(Source):
    """A memmap, read from its file into two buffers, so that no page of it stays mapped.

    While a block is worked on, a thread reads the next one. A file that was removed or replaced, a
    copy-on-write map, and rows with gaps between them are copied from the map instead.
    """

    def __init__(self, X: Any) -> None:
        if X.dtype.kind not in "fiub":
            raise TypeError(f"X is a memmap of dtype {X.dtype}, which is no number")
        self.first = X
        self._map = X
        self.n, self.d = X.shape
        if self.d == 0:
            raise ValueError("X is a memmap without columns")
        small = X.dtype.kind == "f" and X.dtype.itemsize == 4
        self.dtype = np.dtype(np.float32 if small else np.float64)

    def _blocks(self) -> Generator[Floats, None, None]:
        assert self.n is not None
        # one thread, one block ahead: two blocks are all that is held
        pool = ThreadPoolExecutor(1, "gibbous-read")
        with mapped_reader(self._map) as read, pool:
            size = self.block_rows
            buffers = [np.empty(size * self.d * self._map.itemsize, np.uint8) for _ in range(2)]

            def ask(index: int) -> Future[Floats]:
                rows = (index * size, min((index + 1) * size, self.n or 0))
                return pool.submit(self._read, read, index, *rows, buffers[index % 2])

            count = -(-self.n // size)
            coming = ask(0) if count else None
            for index in range(count):
                assert coming is not None
                rows = awaited(coming)
                coming = ask(index + 1) if index + 1 < count else None
                yield rows

    def _read(self, read: Reader, index: int, first: int, last: int, buffer: Bytes) -> Floats:
        try:
            rows = read(first, last, buffer)
        except EOFError as error:
            raise ValueError(
                f"{self._map.filename} was cut short: block {index} of X, rows {first} to "
                f"{last - 1}, is not all there ({error})"
            ) from error
        return np.ascontiguousarray(rows, self.dtype)


#: Reads rows ``first`` up to ``last``; the result may lie in the buffer.
Reader = Callable[[int, int, Bytes], Floats]


@contextmanager
def mapped_reader(array: Any) -> Iterator[Reader]:
    """Open what reads rows of a memmap of one or two dimensions without keeping pages mapped.

    A read beyond the end of the file raises EOFError; reading the map there would kill the process.
    """
    at = _place_in_file(array)
    handle = None if at is None else _open_same_file(array)
    if at is None or handle is None:
        yield _copier(array)
        return
    row_bytes = array.itemsize * int(np.prod(array.shape[1:]))

    def read(first: int, last: int, buffer: Bytes) -> Floats:
        wanted, got = (last - first) * row_bytes, 0
        view = buffer[:wanted].data
        while got < wanted:
            more = os.preadv(handle, [view[got:]], at + first * row_bytes + got)
            if more == 0:
                raise EOFError(f"{got} of {wanted} bytes")
            got += more
        rows = np.frombuffer(view, array.dtype)
        return rows.reshape(last - first, *array.shape[1:])

    try:
        yield read
    finally:
        os.close(handle)


def _copier(array: Any) -> Reader:
    """Return what copies rows from the map, and lets go of the pages where nothing is lost."""
    private = getattr(array, "mode", "c") == "c"  # its pages may hold changes of their own

    def read(first: int, last: int, buffer: Bytes) -> Floats:
        rows = np.array(array[first:last])
        if not private and hasattr(mmap, "MADV_DONTNEED"):
            array._mmap.madvise(mmap.MADV_DONTNEED)
        return rows

    return read


def _place_in_file(array: Any) -> int | None:
    """Return where the first number of a memmap lies in its file, or None where rows have gaps."""
    if getattr(array, "mode", "c") == "c" or not array.flags.c_contiguous or not array.size:
        return None
    start = np.frombuffer(array._mmap, np.uint8).__array_interface__["data"][0]
    into = array.__array_interface__["data"][0] - start
    # a map begins at the last page border before the offset that was asked for
    return int(array.offset - array.offset % mmap.ALLOCATIONGRANULARITY + into)


def _open_same_file(array: Any) -> int | None:
    """Open the file that is mapped; None where its name now belongs to another file, or to none."""
    if array.filename is None:
        return None
    try:
        handle = os.open(array.filename, os.O_RDONLY)
    except OSError:
        return None
    found = os.fstat(handle)
    device, inode = _mapped_inode(array)
    same = inode == found.st_ino
    if same and device != (os.major(found.st_dev), os.minor(found.st_dev)):
        # layers of file systems tell one device here and another there
        same = _starts_alike(array, handle, found.st_size)
    if same:
        return handle
    os.close(handle)
    return None


def _mapped_inode(array: Any) -> tuple[tuple[int, int], int]:
    """Return the device and the inode that the system has behind a map, or -1 as the inode."""
    address = array.__array_interface__["data"][0]
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            for line in file:
                where, _, _, device, inode = line.split(maxsplit=5)[:5]
                begin, end = (int(x, 16) for x in where.split("-"))
                if begin <= address < end:
                    major, minor = (int(x, 16) for x in device.split(":"))
                    return (major, minor), int(inode)
    except (OSError, ValueError):
        pass
    return (-1, -1), -1


def _starts_alike(array: Any, handle: int, size: int) -> bool:
    """Return whether a file holds what the first and last rows of a map do, or ends before them."""
    at = _place_in_file(array) or 0
    if size < at + array.nbytes:
        return True  # reading it will tell that it is cut short; reading the map would kill
    flat = array.reshape(-1)
    count = min(512, flat.size)
    ends = ((0, flat[:count]), (flat.size - count, flat[-count:]))
    return all(
        os.pread(handle, count * array.itemsize, at + first * array.itemsize) == part.tobytes()
        for first, part in ends
    )


# ---- weights ------------------------------------------------------------------------------------


class BlockWeights:
    """Weights of rows that are read in blocks: an array, or a memmap that stays in its file.

    Attributes
    ----------
    n : int or None
        Number of weights; None where one number is every row's.
    sum : float
        Of the weights as they were given.
    """

    def __init__(self, given: ArrayLike | None, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._given: Any = None
        self.n: int | None = None
        self.sum = 0.0
        self._largest = self._mean = self._one = 1.0
        if given is None:
            return
        if not isinstance(given, np.memmap):
            given = np.asarray(given)
            if given.ndim == 0:
                one = validate.sample_weights(given, 1, self._dtype)
                assert one is not None
                self._one = float(one[0])
                return
        if given.ndim != 1:
            raise ValueError(
                f"Sample weights must be 1D array or scalar; got {given.ndim} dimensions"
            )
        self._given, self.n = given, len(given)
        self._survey()

    def _survey(self) -> None:
        assert self.n is not None
        largest, total = 0.0, 0.0
        for first in range(0, self.n, _WEIGHTS):
            part = self._read(first, min(first + _WEIGHTS, self.n))
            if part.any():  # all of them may not be zero, some blocks may
                _check_weights(part, first)
            largest = max(largest, float(part.max()))
            total += float(part.sum(dtype=np.float64))
        if not largest:
            raise ValueError("sample_weight must not be all zero: no row would count")
        self.sum, self._largest = total, largest
        # in two steps, as in memory: the sum of tiny or of huge weights is no number
        scaled = 0.0
        for first in range(0, self.n, _WEIGHTS):
            part = self._read(first, min(first + _WEIGHTS, self.n)).astype(np.float64)
            scaled += float((part / largest).sum())
        self._mean = scaled / self.n

    def _read(self, first: int, last: int) -> Floats:
        if not isinstance(self._given, np.memmap) or self._given._mmap is None:  # type: ignore[attr-defined]
            part = np.asarray(self._given[first:last])
        else:
            with mapped_reader(self._given) as read:
                size = (last - first) * self._given.itemsize
                try:
                    part = read(first, last, np.empty(size, np.uint8))
                except EOFError as error:
                    raise ValueError(
                        f"sample_weight's file {self._given.filename} was cut short: entries "
                        f"{first} to {last - 1} are not all there ({error})"
                    ) from error
        if part.dtype.kind not in "fiub":
            raise TypeError(f"sample_weight must be numbers; got dtype {part.dtype}")
        return np.ascontiguousarray(part, self._dtype)

    def of(self, first: int, last: int) -> Floats | None:
        """Return these rows' weights over the mean of all, or None where all are alike."""
        if self._given is None:
            return None
        part = self._read(first, last).astype(np.float64)
        part /= self._largest
        part /= self._mean
        return part.astype(self._dtype)

    def check_length(self, n: int, *, at_least: bool = False) -> None:
        """Raise where there is not one weight a row; the sum is complete then.

        ``at_least`` is for rows that are not all yet.
        """
        if self.n is None:
            self.sum = self._one * n
        elif n > self.n or (n < self.n and not at_least):
            more = " or more" if at_least else ""
            raise ValueError(
                f"sample_weight.shape == {(self.n,)}, expected {(n,)}{more}: one weight a row of X"
            )


def _check_weights(part: Floats, first: int) -> None:
    bad = ~np.isfinite(part) | (part < 0)
    if bad.any():
        at = int(np.argmax(bad))
        if not np.isfinite(part[at]):
            raise ValueError(f"sample_weight must be finite; entry {first + at} is {part[at]}")
        raise ValueError(
            f"Negative values in data passed to sample_weight: entry {first + at} is {part[at]}; "
            "weights must be >= 0"
        )
