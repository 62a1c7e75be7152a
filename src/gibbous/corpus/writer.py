"""Building a corpus file document by document."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .builder import Builder
from .columns import words
from .matrix import of_matrix
from .rows import MOST, Part, Rows


class CorpusWriter:
    """Write a corpus that may be larger than the memory, some documents at a time.

    Everything except names, dates and labels is written to unnamed files in the folder of ``path``
    at once, and copied into the corpus file when the writer is closed, so that the disk needs
    twice the space. If the ``with`` block raises, nothing is left.

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
        self._builder = Builder(path)

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            self._builder.discard()

    def add(self, X: Any, *, names: Any = None, dates: Any = None, labels: Any = None) -> None:
        """Append documents.

        Parameters
        ----------
        X : Corpus, or a matrix of counts that ``Corpus.of`` takes
            Words by number, whatever the vocabulary of a Corpus. Its names, dates and labels are
            used if none are given.
        names, dates, labels : sequence or None
            One entry per document.

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
                    "use corpus.with_vocabulary(vocabulary)"
                )
            given = {n: getattr(X, n) if v is None else v for n, v in given.items()}
        else:
            rows = of_matrix(X)[0]
        most = int(rows.indices.max()) if len(rows.indices) else -1
        if most >= (MOST if self._n_words is None else self._n_words):
            raise ValueError(f"X has word number {most}, but there are {self._n_words} words")
        self._builder.add(Part(rows, **given))

    def close(self) -> None:
        """Write the file.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._builder.finish(self._vocabulary, self._n_words)
