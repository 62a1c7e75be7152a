"""Lines of text: one document per line, plain or as MALLET's ``name label text``."""

from __future__ import annotations

from collections.abc import Iterator

from ..records import Record
from .files import PathLike, text_lines


def lines(path: PathLike) -> Iterator[Record]:
    """Yield one document per line."""
    for _, text in text_lines(path):
        yield text, None, None, None


def mallet(path: PathLike) -> Iterator[Record]:
    """Yield documents of MALLET's lines: name, label and text separated by white space.

    Empty lines are ignored.

    Raises
    ------
    ValueError
        If a line has no label.
    """
    for line, text in text_lines(path):
        fields = text.split(None, 2)
        if not fields:
            continue
        if len(fields) == 1:
            raise ValueError(
                f"{path}, line {line}: expected 'name label text'; got {text.strip()!r:.60}"
            )
        yield (fields[2] if len(fields) == 3 else ""), fields[0], None, fields[1]
