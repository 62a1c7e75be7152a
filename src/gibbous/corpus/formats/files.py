"""Text files, plain or gzip, in blocks of whole lines; errors name the line."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

BLOCK = 1 << 22

PathLike = str | os.PathLike[str]


def without_gz(path: PathLike) -> str:
    """Return the name of a file without the extension of gzip."""
    name = Path(path).name
    return name[:-3] if name.lower().endswith(".gz") else name


@contextmanager
def opened(path: PathLike) -> Iterator[IO[bytes]]:
    """Open a file for reading; gzip is detected by its first bytes.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file")
    with open(path, "rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            yield raw
            return
        with gzip.open(raw, "rb") as file:
            yield file  # type: ignore[misc]


def line_blocks(path: PathLike, size: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first line, block of whole lines), the last line ended if it was not.

    Raises
    ------
    ValueError
        If compressed data is damaged or ends early.
    """
    line = 1
    with opened(path) as file:
        pending: list[bytes] = []
        held = 0
        while True:
            try:
                # read1 returns the data before the damage first
                data = file.read1(size)  # type: ignore[attr-defined]
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                at = line + sum(part.count(b"\n") for part in pending)
                raise ValueError(
                    f"{path}, line {at}: compressed data is damaged or cut short ({error})"
                ) from error
            pending.append(data)
            held += len(data)
            if data and (held < size or b"\n" not in data):
                continue
            block = b"".join(pending)
            if not data and block and not block.endswith(b"\n"):
                block += b"\n"
            cut = block.rfind(b"\n") + 1
            pending, held = [block[cut:]], len(block) - cut
            if cut:
                yield line, block[:cut]
                line += block.count(b"\n", 0, cut)
            if not data:
                return


def text_lines(path: PathLike) -> Iterator[tuple[int, str]]:
    """Yield (number, line without its end) of a UTF-8 file.

    Raises
    ------
    ValueError
        If a line is not UTF-8.
    """
    for first, block in line_blocks(path):
        if first == 1 and block.startswith(b"\xef\xbb\xbf"):
            block = block[3:]
        text = decoded(block, path, first)
        # Not splitlines(), which also splits at characters within texts.
        for at, line in enumerate(text.split("\n")[:-1], start=first):
            yield at, line[:-1] if line.endswith("\r") else line


def decoded(data: bytes, path: Any, first: int = 1) -> str:
    """Return UTF-8 as text; ``first`` is the number of its first line, for messages.

    Raises
    ------
    ValueError
        If it is not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        begin = data.rfind(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {first + data.count(bytes([10]), 0, error.start)}: byte "
            f"{error.start - begin + 1} of the line, 0x{data[error.start]:02x}, is not UTF-8; "
            "convert the file first (iconv -t utf-8)"
        ) from error


def read_words(path: PathLike) -> tuple[str, ...]:
    """Return the words of a vocabulary file: one per line, all different.

    Raises
    ------
    ValueError
        If a line is empty or repeats a word.
    """
    found: dict[str, int] = {}
    empty = None
    for line, text in text_lines(path):
        word = text.strip()
        if not word:
            empty = empty or line
            continue
        if empty is not None:
            raise ValueError(f"{path}, line {empty}: empty; a vocabulary has one word per line")
        if word in found:
            raise ValueError(f"{path}, line {line}: {word!r:.60} is also on line {found[word]}")
        found[word] = line
    return tuple(found)
