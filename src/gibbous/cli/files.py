"""The files of a command: standard input and output by the name ``-``, and what is in the way."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: The name of standard input and output.
STANDARD = "-"
INPUT = "standard input"


class _Spool:
    """Path of standard input after it was read: all readers need a file, most of them twice."""

    folder: str | None = None
    file: Path | None = None


def is_standard(path: Path | None) -> bool:
    """Return whether a path stands for standard input or output."""
    return path is not None and str(path) == STANDARD


def incoming(path: Path, *, documents: bool = False) -> Path:
    """Return the file to read: ``path``, or for ``-`` one that holds standard input.

    Its format is detected from its first bytes, and its ending is that of the format: .npy,
    .parquet or otherwise .csv for a table; .jsonl or otherwise .txt for ``documents``.
    """
    if not is_standard(path):
        return path
    if _Spool.file is None:
        _Spool.folder = tempfile.mkdtemp(prefix="gibbous-")
        spooled = Path(_Spool.folder) / INPUT
        with open(spooled, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        ending = _ending(spooled, documents)
        _Spool.file = spooled.rename(spooled.with_name(INPUT + ending))
    return _Spool.file


def _ending(path: Path, documents: bool) -> str:
    with open(path, "rb") as file:
        start = file.read(4096)
    if start.startswith(b"\x93NUMPY"):
        return ".npy"
    if start.startswith(b"PAR1"):
        return ".parquet"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return ".safetensors"
    if not documents:
        return ".csv"
    if start.startswith(b"\x1f\x8b"):
        import zlib

        try:
            start = zlib.decompressobj(31).decompress(start)
        except zlib.error:
            return ".txt"
    return ".jsonl" if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else ".txt"


@contextmanager
def spooling() -> Iterator[None]:
    """Remove what was kept of standard input when a command is done."""
    try:
        yield
    finally:
        if _Spool.folder is not None:
            shutil.rmtree(_Spool.folder, ignore_errors=True)
        _Spool.folder = _Spool.file = None


def named(message: str) -> str:
    """Return a message that calls standard input by its name."""
    return message if _Spool.file is None else message.replace(str(_Spool.file), INPUT)


def source_name(path: Path) -> str:
    """Return a file that is read as it was given."""
    return STANDARD if path == _Spool.file else str(path)


def name_of(path: Path) -> str:
    """Return what to call a file that is read."""
    return INPUT if source_name(path) == STANDARD else path.name


def check_files(
    read: Sequence[Path | None], written: Sequence[Path | None], as_json: bool = False
) -> None:
    """Find out before the work whether all of a command's files can be written.

    Raises
    ------
    ValueError, OSError
        If a file that is read would be overwritten, if two files go to one place, or if one cannot
        be written.
    """
    sources = [path for path in read if path is not None]
    if sum(map(is_standard, sources)) > 1:
        raise ValueError("- is given more than once: standard input can be read once")
    taken: dict[str, Path] = {}
    for path in written:
        if path is None:
            continue
        if is_standard(path):
            if as_json:
                raise ValueError(
                    "--json and a file called - are both for standard output; leave one out"
                )
            key = STANDARD
        else:
            check_place(path)
            key = os.path.realpath(path)
        if key in taken:
            raise ValueError(f"{path} is given for two files; give each a name of its own")
        taken[key] = path
    for source in sources:
        written_to = taken.get(os.path.realpath(source))
        if written_to is not None and not is_standard(source):
            raise ValueError(f"{written_to} would overwrite what is read; give another name")


def check_place(path: Path) -> None:
    """Raise an OSError if ``path`` is a folder, or in a folder that is not there or closed."""
    if is_standard(path):
        return
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{path} cannot be written: there is no folder {path.parent}; make it first"
        )
    if not path.exists() and not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} cannot be written: {folder} allows no new files")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let the errors of the system name the file that was written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        why = (error.strerror or str(error)).lower()
        raise OSError(f"{path} cannot be written: {why}; give another place") from error
