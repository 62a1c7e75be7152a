"""A corpus file in the making: rows go to the disk at once, columns are kept until the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import disk
from .columns import COLUMNS, column, join
from .rows import Part, Rows


class Builder:
    """Builds a corpus file from parts that were checked before.

    As a context manager it removes its unnamed files at the end. Nothing is written to ``path``
    before :meth:`finish`.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    FileNotFoundError
        If the folder of ``path`` does not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{path} cannot be written: there is no folder {folder}; make it first"
            )
        self._columns: dict[str, list[NDArray[Any] | None]] = {name: [] for name in COLUMNS}
        self._lengths: list[int] = []
        self._stack = ExitStack()
        self._spool = disk.Spool(folder, self._stack)

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.discard()

    @property
    def largest_word(self) -> int:
        """The largest word number so far; -1 if there is none."""
        return self._spool.most

    def add(self, part: Part) -> None:
        """Append documents with their columns."""
        self.add_columns({name: getattr(part, name) for name in COLUMNS}, part.rows.n)
        self.add_rows(part.rows)

    def add_rows(self, rows: Rows) -> None:
        """Append documents, whose columns are added separately."""
        self._spool.add(rows)

    def add_columns(self, columns: Mapping[str, Any], n: int) -> None:
        """Append the names, dates and labels of ``n`` documents."""
        for name in COLUMNS:
            self._columns[name].append(column(columns[name], n, name))
        self._lengths.append(n)

    def finish(self, vocabulary: tuple[str, ...] | None, n_words: int | None = None) -> None:
        """Write the file.

        Parameters
        ----------
        vocabulary : tuple of str or None
        n_words : int or None
            How many words there are; None for the largest number + 1.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with self._stack:
            n_words = self.largest_word + 1 if n_words is None else n_words
            columns = {name: join(self._columns[name], self._lengths) for name in COLUMNS}
            sections = self._spool.sections()
            sections += disk.array_sections(described(vocabulary, columns))
            disk.write(self.path, sections, n_words, self._spool.n_tokens)

    def discard(self) -> None:
        """Remove the unnamed files."""
        self._stack.close()


def described(
    vocabulary: tuple[str, ...] | None, columns: dict[str, NDArray[Any] | None]
) -> dict[str, NDArray[Any]]:
    """Return the arrays that a vocabulary and columns are kept in."""
    arrays: dict[str, NDArray[Any]] = {}
    if vocabulary is not None:
        arrays |= disk.text_arrays("vocabulary", vocabulary)
    for name, values in columns.items():
        if values is not None:
            arrays |= disk.column_arrays(name, np.asarray(values))
    return arrays
