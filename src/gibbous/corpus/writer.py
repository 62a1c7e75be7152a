"""Building a corpus file document by document."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import disk
from .columns import COLUMNS, column, join, words
from .matrix import of_matrix
from .rows import MOST, Part, Rows


class CorpusWriter:
    """Write a corpus that may be larger than the memory, some documents at a time.

    Everything but names, dates and labels goes to nameless files beside ``path`` at once, and from
    there into the corpus file when the writer is closed; so there has to be room for it twice. If
    the ``with`` block raises, nothing is left.

    Parameters
    ----------
    path : str or path
        The file that :meth:`gibbous.Corpus.open` will map.
    vocabulary : sequence of str or None
        The words by number.
    n_words : int or None
        How many words there are; None for the length of ``vocabulary``, or without one for the
        largest number + 1.

    Examples
    --------
    >>> with CorpusWriter("news.corpus", vocabulary) as writer:  # doctest: +SKIP
    ...     for block in blocks_of_counts:
    ...         writer.add(block)
    >>> corpus = Corpus.open("news.corpus")  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        vocabulary: Any = None,
        *,
        n_words: int | None = None,
    ) -> None:
        self.path = Path(path)
        self._vocabulary = words(vocabulary, n_words)
        self._n_words = n_words
        if self._vocabulary is not None:
            self._n_words = len(self._vocabulary)
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{path} cannot be written: there is no folder {folder}; make it first"
            )
        self._parts: dict[str, list[NDArray[Any] | None]] = {name: [] for name in COLUMNS}
        self._lengths: list[int] = []
        self._stack = ExitStack()
        self._spool = disk.Spool(folder, self._stack)

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.close()

    def add(self, X: Any, *, names: Any = None, dates: Any = None, labels: Any = None) -> None:
        """Append documents.

        Parameters
        ----------
        X : Corpus, or a matrix of counts that ``Corpus.of`` takes
            Words by number, whatever the vocabulary of a Corpus says. Its names, dates and labels
            are taken over where none are given.
        names, dates, labels : sequence or None
            One entry a document.

        Raises
        ------
        ValueError
            If counts or words are wrong.
        """
        given = {"names": names, "dates": dates, "labels": labels}
        if all(hasattr(X, name) for name in ("indptr", "indices", "counts", "vocabulary")):
            rows = Rows(X.indptr, X.indices, X.counts)
            if self._vocabulary is not None and X.vocabulary not in (None, self._vocabulary):
                raise ValueError(
                    "X has another vocabulary than the writer; "
                    "corpus.with_vocabulary(vocabulary) carries it over"
                )
            given = {n: getattr(X, n) if v is None else v for n, v in given.items()}
        else:
            rows = of_matrix(X)[0]
        most = int(rows.indices.max()) if len(rows.indices) else -1
        if most >= (MOST if self._n_words is None else self._n_words):
            raise ValueError(f"X has word {most}, but there are {self._n_words} words")
        self._add(Part(rows, **given))

    def _add(self, part: Part) -> None:
        self._columns_are({name: getattr(part, name) for name in COLUMNS}, part.rows.n)
        self._spool.add(part.rows)

    def _columns_are(self, columns: Any, n: int | None = None) -> None:
        n = self._spool.n_documents if n is None else n
        for name in COLUMNS:
            self._parts[name].append(column(columns[name], n, name))
        self._lengths.append(n)

    def close(self) -> None:
        """Write the file.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with self._stack:
            n_words = self._spool.most + 1 if self._n_words is None else self._n_words
            columns = {name: join(self._parts[name], self._lengths) for name in COLUMNS}
            sections = self._spool.sections()
            sections += disk.array_sections(described(self._vocabulary, columns))
            disk.write(self.path, sections, n_words, self._spool.n_tokens)


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
