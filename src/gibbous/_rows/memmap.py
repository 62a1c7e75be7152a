"""Blocks of rows from a memmap, read from its file so that none of its pages stay in memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._ground.waiting import wait_for
from .blocks import Floats, Source

Bytes = NDArray[np.uint8]


class MappedSource(Source):
    """A memmap, read from its file into two buffers, so that no page of it stays mapped.

    While a block is worked on, a thread reads the next one. A file that was removed or replaced, a
    copy-on-write map, and rows with gaps between them are copied from the map instead.
    """

    def __init__(self, X: Any) -> None:
        if X.dtype.kind not in "fiub":
            raise TypeError(f"X is a memmap of dtype {X.dtype}, which is not numeric")
        self.first = X
        self._map = X
        self.n, self.d = X.shape
        if self.d == 0:
            raise ValueError("X is a memmap without columns")
        small = X.dtype.kind == "f" and X.dtype.itemsize == 4
        self.dtype = np.dtype(np.float32 if small else np.float64)

    def _blocks(self) -> Generator[Floats, None, None]:
        assert self.n is not None
        # one thread, one block ahead: at most two blocks are in memory
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
                rows = wait_for(coming)
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


#: Reads rows ``first`` up to ``last``; the result may be the buffer.
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
    """Return a function that copies rows from the map, and releases the pages if that is safe."""
    private = getattr(array, "mode", "c") == "c"  # pages of a copy-on-write map may be modified

    def read(first: int, last: int, buffer: Bytes) -> Floats:
        rows = np.array(array[first:last])
        if not private and hasattr(mmap, "MADV_DONTNEED"):
            array._mmap.madvise(mmap.MADV_DONTNEED)
        return rows

    return read


def _place_in_file(array: Any) -> int | None:
    """Return the offset of the first number of a memmap in its file, or None for strided rows."""
    if getattr(array, "mode", "c") == "c" or not array.flags.c_contiguous or not array.size:
        return None
    start = np.frombuffer(array._mmap, np.uint8).__array_interface__["data"][0]
    into = array.__array_interface__["data"][0] - start
    # a map starts at the last page boundary before the requested offset
    return int(array.offset - array.offset % mmap.ALLOCATIONGRANULARITY + into)


def _open_same_file(array: Any) -> int | None:
    """Open the mapped file; None if its name now refers to another file, or to none."""
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
        # some layered file systems report different device numbers here
        same = _starts_alike(array, handle, found.st_size)
    if same:
        return handle
    os.close(handle)
    return None


def _mapped_inode(array: Any) -> tuple[tuple[int, int], int]:
    """Return the device and the inode behind a map, or -1 as the inode."""
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
    """Return whether a file has the first and last rows of a map, or is shorter."""
    at = _place_in_file(array) or 0
    if size < at + array.nbytes:
        return True  # reading a truncated file raises an error; its map would crash
    flat = array.reshape(-1)
    count = min(512, flat.size)
    ends = ((0, flat[:count]), (flat.size - count, flat[-count:]))
    return all(
        os.pread(handle, count * array.itemsize, at + first * array.itemsize) == part.tobytes()
        for first, part in ends
    )
