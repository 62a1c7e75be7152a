"""The markers of generated text: its result files and its end."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: The first line names the result files.
_OPENING = re.compile(r"^<!-- figures(?::(?P<files>[^\n]*?))? -->[ \t]*$", re.MULTILINE)
CLOSING = "<!-- /figures -->"


def opening(files: list[str]) -> str:
    """Return the marker that names the files."""
    return f"<!-- figures: {' '.join(files)} -->"


def marked_files(text: str, name: str) -> list[str]:
    """Return the files that the opening marker of a page names.

    Raises
    ------
    ValueError
        If the marker is missing or names no file.
    """
    files = (_marker(text, name)["files"] or "").split()
    if not files:
        raise ValueError(f"{name}: the marker names no file: expected <!-- figures: FILE.json -->")
    return files


def rewritten(page: str, name: str, text: str, files: list[str]) -> str:
    """Return a page with the text between the markers replaced.

    Raises
    ------
    ValueError
        If a marker is missing.
    """
    begin = _marker(page, name)
    end = page.find(CLOSING, begin.end())
    if end < 0:
        raise ValueError(f"{name}: no {CLOSING} after <!-- figures -->; add it after the figures")
    return f"{page[: begin.start()]}{opening(files)}\n{text}\n{page[end:]}"


def relative(path: Path, page: Path) -> str:
    """Return the path of a file relative to the folder of a page."""
    return Path(os.path.relpath(path.resolve(), page.resolve().parent)).as_posix()


def _marker(text: str, name: str) -> re.Match[str]:
    found = _OPENING.search(text)
    if found is None:
        raise ValueError(
            f"{name}: no line <!-- figures --> to write after; add it, and {CLOSING}, "
            "around the place of the figures"
        )
    return found
