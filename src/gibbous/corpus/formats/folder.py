"""Folders of text files."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..records import Record
from .files import PathLike, decoded


def folder(path: PathLike, glob: str = "*") -> Iterator[Record]:
    """Yield one document per file of a folder and its subfolders, sorted by name.

    Raises
    ------
    ValueError
        If there is no file, or one is not UTF-8.
    """
    root = Path(path)
    if not root.is_dir():
        raise NotADirectoryError(f"{path} is not a folder")
    files = [
        file
        for file in root.rglob(glob)
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(root).parts)
    ]
    if not files:
        raise ValueError(f"{path} has no file {glob!r}; hidden files are ignored")
    nested = any(file.parent != root for file in files)
    for file in sorted(files, key=lambda f: f.relative_to(root).parts):
        data = file.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            try:
                data = gzip.decompress(data)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{file}: compressed data is damaged ({error})") from error
        name = file.relative_to(root)
        label = name.parent.as_posix() if nested else None
        yield decoded(data.removeprefix(b"\xef\xbb\xbf"), file), name.as_posix(), None, label
