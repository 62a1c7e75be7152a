"""A corpus as one file of plain arrays that can be mapped into memory.

Layout, everything little-endian: 16 bytes of mark, the length of the header (uint64), the SHA-256
of the header (32 bytes), the header (JSON), and the arrays it lists, each at a multiple of 64 bytes
with a SHA-256 of its own. Text is UTF-8 in one array and offsets in another. Nothing in the file
is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .._ground.files import replacing
from .rows import Rows, check

#: Version of the format that is written; newer ones are rejected.
FORMAT = 1

MARK = b"gibbous corpus\r\n"
_START = len(MARK) + 8 + 32
_ALIGN = 64
_BLOCK = 1 << 24
_AGAIN = "write the corpus again, or take another copy"
_DTYPES = re.compile(r"<i4|<i8|<f8|\|u1|<M8\[(Y|M|W|D|h|m|s|ms|us|ns)\]")
_ROWS = {"indptr": "<i8", "indices": "<i4", "counts": "<i4"}
_COLUMNS = ("names", "dates", "labels")


@dataclass(frozen=True)
class Stored:
    """The contents of a file."""

    rows: Rows
    n_words: int
    vocabulary: tuple[str, ...] | None
    columns: dict[str, NDArray[Any]]
    digest: str
    n_tokens: int


# --- the digest ------------------------------------------------------------------------------


def digest_of(n_words: int, hashes: Mapping[str, str]) -> str:
    """Return the hash of a bag of words from those of its arrays."""
    parts = [str(n_words)]
    for name in (*_ROWS, "vocabulary.offsets", "vocabulary.text"):
        parts.append(f"{name}={hashes.get(name, '')}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def array_hash(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes."""
    done = hashlib.sha256()
    for block in _blocks(array):
        done.update(block)
    return done.hexdigest()


def _blocks(array: NDArray[Any]) -> Iterator[memoryview]:
    step = max(1, _BLOCK // array.itemsize)
    for at in range(0, len(array), step):
        yield _bytes(array[at : at + step])


def _bytes(array: NDArray[Any]) -> memoryview:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return memoryview(little.view(np.uint8).data)


def text_arrays(name: str, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return texts as an array of bytes and one of offsets into it."""
    coded = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.zeros(len(coded) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, coded), np.int64, len(coded)), out=offsets[1:])
    return {f"{name}.offsets": offsets, f"{name}.text": np.frombuffer(b"".join(coded), np.uint8)}


def column_arrays(name: str, column: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return a column of names, dates or labels as arrays of a file."""
    if column.dtype == object:
        return text_arrays(name, column.tolist())
    return {name: column}


# --- writing ---------------------------------------------------------------------------------


class Spool:
    """Arrays that grow on the disk, in unnamed files of one folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._files: dict[str, IO[bytes]] = {
            # closed by the stack
            name: stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
            for name in _ROWS
        }
        self._hashes = {name: hashlib.sha256() for name in _ROWS}
        self.n_documents = 0
        self.n_entries = 0
        self.n_tokens = 0
        self.most = -1  # the largest word
        self._append("indptr", np.zeros(1, dtype=np.int64))

    def add(self, rows: Rows) -> None:
        """Append documents, which were checked before."""
        self._append("indptr", rows.indptr[1:] + self.n_entries)
        self._append("indices", rows.indices)
        self._append("counts", rows.counts)
        self.n_documents += rows.n
        self.n_entries += len(rows.indices)
        self.n_tokens += int(rows.counts.sum(dtype=np.int64))
        if len(rows.indices):
            self.most = max(self.most, int(rows.indices.max()))

    def _append(self, name: str, array: NDArray[Any]) -> None:
        for block in _blocks(array):
            self._files[name].write(block)
            self._hashes[name].update(block)

    def sections(self) -> list[_Section]:
        """Return the sections of the final file."""
        lengths = {
            "indptr": self.n_documents + 1,
            "indices": self.n_entries,
            "counts": self.n_entries,
        }
        return [
            _Section(name, dtype, lengths[name], self._hashes[name].hexdigest(), self._files[name])
            for name, dtype in _ROWS.items()
        ]


@dataclass(frozen=True)
class _Section:
    name: str
    dtype: str
    length: int
    sha256: str
    source: IO[bytes] | NDArray[Any] = field(repr=False)

    @property
    def n_bytes(self) -> int:
        return self.length * np.dtype(self.dtype).itemsize

    def copy(self, file: IO[bytes]) -> None:
        if isinstance(self.source, np.ndarray):
            for block in _blocks(self.source):
                file.write(block)
        else:
            self.source.seek(0)
            shutil.copyfileobj(self.source, file, _BLOCK)


def array_sections(arrays: Mapping[str, NDArray[Any]]) -> list[_Section]:
    """Return arrays as sections of a file."""
    return [
        _Section(name, array.dtype.newbyteorder("<").str, len(array), array_hash(array), array)
        for name, array in arrays.items()
    ]


def write(path: str | os.PathLike[str], sections: Sequence[_Section], n_words: int, n: int) -> str:
    """Write a file of sections and return the digest; ``n`` is the number of tokens.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    digest = digest_of(n_words, {s.name: s.sha256 for s in sections})
    arrays: dict[str, dict[str, Any]] = {}
    header: dict[str, Any] = {"format": FORMAT, "n_words": n_words, "n_tokens": n}
    header |= {"digest": digest, "arrays": arrays}
    for s in sections:
        arrays[s.name] = {"dtype": s.dtype, "length": s.length, "sha256": s.sha256, "at": 0}
    # Offsets count from the end of the header, so that its length does not depend on them.
    at = 0
    for s in sections:
        arrays[s.name]["at"] = at
        at += -(-s.n_bytes // _ALIGN) * _ALIGN
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(_START + len(text)) % _ALIGN)
    with replacing(path) as file:
        file.write(MARK + len(text).to_bytes(8, "little") + hashlib.sha256(text).digest() + text)
        for s in sections:
            s.copy(file)
            file.write(b"\0" * (-s.n_bytes % _ALIGN))
    return digest


# --- reading ---------------------------------------------------------------------------------


def is_stored(path: str | os.PathLike[str]) -> bool:
    """Return whether a file begins with the mark of a corpus file."""
    with open(path, "rb") as file:
        return file.read(len(MARK)) == MARK


def read(path: str | os.PathLike[str], verify: bool = True) -> Stored:
    """Map a file into memory.

    Parameters
    ----------
    path : str or path
    verify : bool
        Whether to read everything once, to check checksums, offsets and words.

    Raises
    ------
    ValueError
        If the file is not a corpus file, is damaged, cut short or of a newer format.
    OSError
        If it cannot be read.
    """
    try:
        return _read(path, verify)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        # The checksum is correct: made by hand, or by another version.
        raise ValueError(
            f"{path} is not laid out as a corpus file ({error!r}); {_AGAIN}"
        ) from error


def _read(path: str | os.PathLike[str], verify: bool) -> Stored:
    header, base = _header(path)
    mapped = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    arrays: dict[str, NDArray[Any]] = {}
    for name, about in header["arrays"].items():
        if not _DTYPES.fullmatch(about["dtype"]):
            raise ValueError(f"{path}: array {name!r} has dtype {about['dtype']!r}; {_AGAIN}")
        dtype = np.dtype(about["dtype"])
        begin, length = base + int(about["at"]), int(about["length"])
        end = begin + length * dtype.itemsize
        if begin % _ALIGN or not base <= begin <= end:
            raise ValueError(f"{path}: array {name!r} has a wrong position; {_AGAIN}")
        if end > len(mapped):
            raise ValueError(
                f"{path} is cut short: array {name!r} should end at byte {end}, "
                f"but the file has {len(mapped)}; {_AGAIN}"
            )
        array = mapped[begin:end].view(dtype)
        if verify and array_hash(array) != about["sha256"]:
            raise ValueError(f"{path} is damaged: the checksum of array {name!r} differs; {_AGAIN}")
        arrays[name] = array.astype(dtype.newbyteorder("="), copy=False)
    return _stored(path, header, arrays, verify)


def _header(path: str | os.PathLike[str]) -> tuple[dict[str, Any], int]:
    with open(path, "rb") as file:
        start = file.read(_START)
        if not start.startswith(MARK):
            raise ValueError(
                f"{path} is not a corpus file of gibbous; read other formats with Corpus.read"
            )
        length = int.from_bytes(start[len(MARK) : len(MARK) + 8], "little")
        size = os.fstat(file.fileno()).st_size
        if _START + length > size:
            raise ValueError(f"{path} is cut short or damaged in its header; {_AGAIN}")
        text = file.read(length)
    if hashlib.sha256(text).digest() != start[len(MARK) + 8 :]:
        raise ValueError(f"{path} is damaged: the checksum of its header differs; {_AGAIN}")
    header = json.loads(text)
    if header["format"] > FORMAT:
        raise ValueError(
            f"{path} has format {header['format']}, this version of gibbous reads up to {FORMAT}; "
            "upgrade gibbous"
        )
    return header, _START + length


def _stored(
    path: str | os.PathLike[str],
    header: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
    verify: bool,
) -> Stored:
    for name, dtype in _ROWS.items():
        if arrays[name].dtype != np.dtype(dtype).newbyteorder("="):
            raise ValueError(f"{path}: array {name!r} has dtype {arrays[name].dtype}; {_AGAIN}")
    rows = Rows(arrays["indptr"], arrays["indices"], arrays["counts"])
    n_words = int(header["n_words"])
    hashes = {name: about["sha256"] for name, about in header["arrays"].items()}
    if digest_of(n_words, hashes) != header["digest"]:
        raise ValueError(f"{path}: its digest is not that of its arrays; {_AGAIN}")
    if verify:
        try:
            check(rows, n_words)
        except ValueError as error:
            raise ValueError(f"{path} is damaged: {error}; {_AGAIN}") from error
        if int(rows.counts.sum(dtype=np.int64)) != header["n_tokens"]:
            raise ValueError(f"{path}: its number of tokens is not the sum of counts; {_AGAIN}")
    vocabulary = None
    if "vocabulary.text" in arrays:
        vocabulary = tuple(_texts(path, "vocabulary", arrays, n_words))
    columns: dict[str, NDArray[Any]] = {}
    for name in _COLUMNS:
        if f"{name}.text" in arrays:
            column = np.empty(rows.n, dtype=object)
            column[:] = _texts(path, name, arrays, rows.n)
            columns[name] = column
        elif name in arrays:
            columns[name] = arrays[name]
        if name in columns and columns[name].shape != (rows.n,):
            raise ValueError(f"{path}: {name} has {len(columns[name])} entries; {_AGAIN}")
    return Stored(rows, n_words, vocabulary, columns, header["digest"], int(header["n_tokens"]))


def _texts(
    path: str | os.PathLike[str], name: str, arrays: dict[str, NDArray[Any]], n: int
) -> list[str]:
    offsets, text = arrays[f"{name}.offsets"], arrays[f"{name}.text"].tobytes()
    if (
        offsets.shape != (n + 1,)
        or offsets[0] != 0
        or offsets[-1] != len(text)
        or (np.diff(offsets) < 0).any()
    ):
        raise ValueError(f"{path}: the offsets of {name} do not match its text; {_AGAIN}")
    ends = offsets.tolist()
    try:
        return [text[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(ends)]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: {name} is not UTF-8 ({error}); {_AGAIN}") from error
