"""A bag of words as compressed rows: its properties, its parts, and its file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._ground.random import RandomState, generator, key_of
from . import disk
from .builder import Builder, described
from .columns import COLUMNS, column, join, words
from .matrix import PairLists
from .rows import (
    CHUNK,
    MOST,
    Int32,
    Int64,
    Rows,
    check,
    chunks,
    kept_indptr,
    renumber,
    stack,
    take,
)
from .text import TextOptions, stop_set, surviving

if TYPE_CHECKING:
    from typing_extensions import Self

PathLike = str | os.PathLike[str]


class BagOfWords:
    """Everything about a corpus except how it is made; see :class:`gibbous.Corpus`."""

    indptr: Int64
    indices: Int32
    counts: Int32
    vocabulary: tuple[str, ...] | None
    names: NDArray[Any] | None
    dates: NDArray[Any] | None
    labels: NDArray[Any] | None
    n_words: int
    path: Path | None

    def __init__(
        self,
        indptr: Any,
        indices: Any,
        counts: Any,
        vocabulary: Any = None,
        *,
        n_words: int | None = None,
        names: Any = None,
        dates: Any = None,
        labels: Any = None,
    ) -> None:
        rows = Rows(
            _integers(indptr, np.int64, "indptr"),
            _integers(indices, np.int32, "indices"),
            _integers(counts, np.int32, "counts"),
        )
        if n_words is None:
            if vocabulary is not None:
                n_words = len(vocabulary)
            else:
                n_words = int(rows.indices.max()) + 1 if len(rows.indices) else 0
        if not isinstance(n_words, Integral) or not 0 <= n_words <= MOST:
            raise ValueError(f"n_words must be a whole number from 0 to {MOST}; got {n_words!r}")
        check(rows, int(n_words))
        self._set(rows, int(n_words), words(vocabulary, int(n_words)))
        self._describe(names=names, dates=dates, labels=labels)

    def _set(self, rows: Rows, n_words: int, vocabulary: tuple[str, ...] | None) -> None:
        self.indptr, self.indices, self.counts = (
            _frozen(a) for a in (rows.indptr, rows.indices, rows.counts)
        )
        self.n_words = n_words
        self.vocabulary = vocabulary
        self.names = self.dates = self.labels = None
        self.path = None
        self._n_tokens: int | None = None
        self._digest: str | None = None

    def _describe(self, **columns: Any) -> Self:
        for name, values in columns.items():
            setattr(self, name, column(values, self.n_documents, name))
        return self

    @classmethod
    def _made(
        cls,
        rows: Rows,
        n_words: int,
        vocabulary: tuple[str, ...] | None = None,
        **columns: Any,
    ) -> Self:
        """Return a corpus of rows that were checked before."""
        corpus = cls.__new__(cls)
        corpus._set(rows, n_words, vocabulary)
        return corpus._describe(**columns)

    @property
    def _rows(self) -> Rows:
        return Rows(self.indptr, self.indices, self.counts)

    @property
    def _columns(self) -> dict[str, NDArray[Any] | None]:
        return {name: getattr(self, name) for name in COLUMNS}

    # --- what it is --------------------------------------------------------------------------

    @property
    def n_documents(self) -> int:
        """Return the number of documents."""
        return len(self.indptr) - 1

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens."""
        if self._n_tokens is None:
            self._n_tokens = int(self.counts.sum(dtype=np.int64))
        return self._n_tokens

    def __len__(self) -> int:
        return self.n_documents

    def __repr__(self) -> str:
        return f"Corpus({self.n_documents} documents, {self.n_words} words, {self.n_tokens} tokens)"

    def document_lengths(self) -> Int64:
        """Return the number of tokens of each document, shape (n_documents,)."""
        result = np.zeros(self.n_documents, dtype=np.int64)
        for first, last in chunks(self.indptr):
            begin, end = int(self.indptr[first]), int(self.indptr[last])
            sums = np.zeros(end - begin + 1, dtype=np.int64)
            np.cumsum(self.counts[begin:end], out=sums[1:])
            result[first:last] = np.diff(sums[self.indptr[first : last + 1] - begin])
        return result

    def word_counts(self) -> Int64:
        """Return the number of tokens of each word, shape (n_words,)."""
        result = np.zeros(self.n_words, dtype=np.int64)
        for first, last in chunks(self.indptr):
            span = slice(int(self.indptr[first]), int(self.indptr[last]))
            # The sums of a chunk are far below 2**53, so that the doubles of bincount are exact.
            sums = np.bincount(self.indices[span], self.counts[span], minlength=self.n_words)
            result += sums.astype(np.int64)
        return result

    def document_frequencies(self) -> Int64:
        """Return the number of documents that each word occurs in, shape (n_words,)."""
        result = np.zeros(self.n_words, dtype=np.int64)
        for first, last in chunks(self.indptr):
            span = slice(int(self.indptr[first]), int(self.indptr[last]))
            result += np.bincount(self.indices[span], minlength=self.n_words)
        return result

    def digest(self) -> str:
        """Return a hash of documents, counts and vocabulary, as 64 hexadecimal digits.

        Names, dates and labels are not included. Corpora with equal digests give equal models.
        """
        if self._digest is None:
            arrays: dict[str, NDArray[Any]] = {
                "indptr": self.indptr,
                "indices": self.indices,
                "counts": self.counts,
            }
            if self.vocabulary is not None:
                arrays |= disk.text_arrays("vocabulary", self.vocabulary)
            hashes = {name: disk.array_hash(array) for name, array in arrays.items()}
            self._digest = disk.digest_of(self.n_words, hashes)
        return self._digest

    def to_csr(self) -> Any:
        """Return the counts as a SciPy CSR matrix of int32 (n_documents, n_words).

        It shares the memory of indices and counts if SciPy's index type allows.
        """
        import scipy.sparse as sp

        shape = (self.n_documents, self.n_words)
        return sp.csr_matrix((self.counts, self.indices, self.indptr), shape=shape)

    def to_gensim(self) -> tuple[Sequence[list[tuple[int, int]]], dict[int, str]]:
        """Return the documents in the form of gensim's models, and their dictionary.

        ``Corpus.from_bow(*corpus.to_gensim())`` gives the same corpus, without names and dates.

        Returns
        -------
        bow : sequence of lists of (word number, count)
            Created document by document on access; it can be iterated repeatedly.
        id2word : dict from number to word
            Without a vocabulary the numbers themselves, as text.
        """
        names = map(str, range(self.n_words)) if self.vocabulary is None else self.vocabulary
        return PairLists(self.indptr, self.indices, self.counts), dict(enumerate(names))

    # --- parts of it -------------------------------------------------------------------------

    def __getitem__(self, rows: Any) -> Self:
        """Return some documents as a corpus of the same words.

        Parameters
        ----------
        rows : int, slice, sequence of int or of bool
            A slice without a step shares memory with the corpus.
        """
        which: Any = rows
        if not isinstance(rows, slice):
            which = _positions(rows, self.n_documents)
        columns = {n: None if c is None else c[which] for n, c in self._columns.items()}
        return self._made(take(self._rows, which), self.n_words, self.vocabulary, **columns)

    def split(
        self, test_fraction: float = 0.1, random_state: RandomState = None
    ) -> tuple[Self, Self]:
        """Split the documents at random into two corpora, both in the order of this one.

        Parameters
        ----------
        test_fraction : float
            The share of the documents in the second, rounded to a whole document.
        random_state : None, int, RandomState, Generator or SeedSequence

        Returns
        -------
        train, test : Corpus

        Raises
        ------
        ValueError
            If the fraction is not between 0 and 1, or one of the two would be empty.
        """
        n = self.n_documents
        if not isinstance(test_fraction, (int, float)) or not 0 < test_fraction < 1:
            raise ValueError(f"test_fraction must be between 0 and 1; got {test_fraction!r}")
        n_test = round(n * test_fraction)
        if not 0 < n_test < n:
            raise ValueError(
                f"test_fraction={test_fraction} of {n} documents leaves one side empty; "
                "give another fraction, or more documents"
            )
        order = generator(key_of(random_state), "corpus-split").permutation(n)
        return self[np.sort(order[n_test:])], self[np.sort(order[:n_test])]

    def completion_split(self, random_state: RandomState = None) -> tuple[Self, Self]:
        """Split every document: each token is assigned to either half with probability 1/2.

        For document completion (Wallach, Murray, Salakhutdinov and Mimno 2009, section 5.1): topics
        of a document are inferred from one half, and the other half is scored.

        Returns
        -------
        first, second : Corpus
            Both have all the documents, some of which may have no tokens.
        """
        draw = generator(key_of(random_state), "corpus-split", 1)
        first = np.empty(len(self.counts), dtype=np.int32)
        for at in range(0, len(first), CHUNK):
            first[at : at + CHUNK] = draw.binomial(self.counts[at : at + CHUNK], 0.5)
        return self._with_counts(first), self._with_counts(self.counts - first)

    def reweight(
        self,
        weights: Mapping[str, float] | Sequence[float] | NDArray[Any],
        random_state: RandomState = None,
    ) -> Self:
        """Weight words by resampling their counts.

        A count c of a word of weight v becomes floor(c v + u), with one uniform number u on [0, 1)
        for each document and word: a whole number whose mean is c v.

        Parameters
        ----------
        weights : mapping from word to weight, or array-like (n_words,)
            Finite and >= 0. Words that are not in a mapping keep their counts.
        random_state : None, int, RandomState, Generator or SeedSequence

        Raises
        ------
        ValueError
            If a weight is negative or not finite, a word is unknown, or a count passes 2**31 - 1.
        """
        weight = self._weights(weights)
        draw = generator(key_of(random_state), "corpus-weights")
        counts = np.empty(len(self.counts), dtype=np.int32)
        for at in range(0, len(counts), CHUNK):
            span = slice(at, at + CHUNK)
            scaled = self.counts[span] * weight[self.indices[span]]
            whole = np.floor(scaled)
            # Equals floor(c v + u), but is exact if c v is an integer, when the sum may be rounded
            # up.
            whole += draw.random(len(whole)) >= 1 - (scaled - whole)
            if whole.max(initial=0) > MOST:
                raise ValueError(
                    f"weights make a count {whole.max():.0f}; a word may occur at most {MOST} "
                    "times in one document: give smaller weights"
                )
            counts[span] = whole
        return self._with_counts(counts)

    def _weights(self, weights: Any) -> NDArray[np.float64]:
        if isinstance(weights, Mapping):
            if self.vocabulary is None:
                raise ValueError("weights by word need a corpus with a vocabulary; give an array")
            numbers = {word: number for number, word in enumerate(self.vocabulary)}
            array = np.ones(self.n_words)
            for word, value in weights.items():
                if word not in numbers:
                    raise ValueError(f"weights name {word!r:.60}, which is not in the vocabulary")
                array[numbers[word]] = value
        else:
            array = np.asarray(weights, dtype=np.float64)
        if array.shape != (self.n_words,):
            raise ValueError(
                f"weights must have one entry per word, {self.n_words}; got shape {array.shape}"
            )
        wrong = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
        if len(wrong):
            raise ValueError(
                f"weights must be finite and >= 0; word {wrong[0]} has {array[wrong[0]]}"
            )
        return array

    def _with_counts(self, counts: Int32) -> Self:
        kept = counts > 0
        rows = Rows(kept_indptr(self.indptr, kept), self.indices[kept], counts[kept])
        return self._made(rows, self.n_words, self.vocabulary, **self._columns)

    # --- other words -------------------------------------------------------------------------

    def filter(
        self,
        *,
        min_df: float = 1,
        max_df: float = 1.0,
        max_features: int | None = None,
        stop_words: str | Iterable[str] | None = None,
        path: PathLike | None = None,
    ) -> Self:
        """Prune the vocabulary; documents are kept even if none of their words is left.

        Parameters
        ----------
        min_df, max_df : int or float
            The minimum and maximum number of documents (int) or share of documents (float) that a
            word occurs in. As in scikit-learn, 1 is one document and 1.0 all of them.
        max_features : int or None
            Keep only the words with the most tokens; of equal ones the first.
        stop_words : "english", iterable of str or None
            Words to drop.
        path : str or path or None
            A file to build the new corpus in.

        Raises
        ------
        ValueError
            If no word is left, or a limit is invalid.
        """
        options = TextOptions(
            stop_words=stop_words, min_df=min_df, max_df=max_df, max_features=max_features
        )
        stop = stop_set(stop_words)
        if stop and self.vocabulary is None:
            raise ValueError("stop_words need a corpus with a vocabulary")
        frequencies, totals = self.document_frequencies(), self.word_counts()
        names = self.vocabulary or ()
        stopped = np.array([at for at, word in enumerate(names) if word in stop], dtype=np.int64)
        frequencies[stopped] = 0
        kept = np.flatnonzero(
            surviving(frequencies, totals, self.n_documents, options) & (frequencies > 0)
        )
        if not len(kept):
            raise ValueError(
                f"the vocabulary is empty: none of {self.n_words} words is left; lower min_df, "
                "raise max_df, or give fewer stop_words"
            )
        numbers = np.full(self.n_words, -1, dtype=np.int32)
        numbers[kept] = np.arange(len(kept), dtype=np.int32)
        vocabulary = None if self.vocabulary is None else tuple(names[at] for at in kept)
        return self._renumbered(numbers, vocabulary, len(kept), path)

    def with_vocabulary(self, vocabulary: Any, *, path: PathLike | None = None) -> Self:
        """Return the corpus with other words, such as a model's; words it lacks are dropped.

        Raises
        ------
        ValueError
            If the corpus has no vocabulary.
        """
        if self.vocabulary is None:
            raise ValueError("with_vocabulary needs a corpus with a vocabulary")
        final = words(vocabulary) or ()
        if final == self.vocabulary and path is None:
            return self
        numbered = {word: number for number, word in enumerate(final)}
        numbers = np.array([numbered.get(word, -1) for word in self.vocabulary], dtype=np.int32)
        return self._renumbered(numbers, final, len(final), path)

    @classmethod
    def concatenate(cls, corpora: Iterable[Self]) -> Self:
        """Return the documents of several corpora, one corpus after the other.

        Words that only later corpora have are numbered after those of earlier ones. If only some
        corpora have names, dates or labels, the others get "", NaN or NaT.

        Raises
        ------
        ValueError
            If there is no corpus, or some have a vocabulary and others none.
        """
        many = list(corpora)
        if not many:
            raise ValueError("concatenate needs at least one corpus; got none")
        named = [corpus.vocabulary is not None for corpus in many]
        if any(named) and not all(named):
            raise ValueError(
                f"corpus {named.index(False)} has no vocabulary and others have one; "
                "Corpus.of(corpus, vocabulary) gives it one"
            )
        vocabulary = None
        if all(named):
            vocabulary = tuple(dict.fromkeys(w for c in many for w in c.vocabulary or ()))
            if any(c.vocabulary != vocabulary[: c.n_words] for c in many):
                many = [corpus.with_vocabulary(vocabulary) for corpus in many]
        columns = {
            name: join([getattr(c, name) for c in many], [len(c) for c in many]) for name in COLUMNS
        }
        n_words = max(corpus.n_words for corpus in many)
        n_words = n_words if vocabulary is None else len(vocabulary)
        return cls._made(stack([c._rows for c in many]), n_words, vocabulary, **columns)

    def _renumbered(
        self,
        numbers: Int32,
        vocabulary: tuple[str, ...] | None,
        n_words: int,
        path: PathLike | None = None,
    ) -> Self:
        parts = (
            renumber(take(self._rows, slice(first, last)), numbers)
            for first, last in chunks(self.indptr)
        )
        if path is None:
            return self._made(stack(list(parts)), n_words, vocabulary, **self._columns)
        with Builder(path) as builder:
            for rows in parts:
                builder.add_rows(rows)
            builder.add_columns(self._columns, self.n_documents)
            builder.finish(vocabulary, n_words)
        return self.open(path, verify=False)

    # --- to and from the disk ----------------------------------------------------------------

    def save(self, path: PathLike) -> None:
        """Write a file that :meth:`open` maps into memory.

        It is written under a temporary name and renamed, so that no reader finds half of it.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "indptr": self.indptr,
            "indices": self.indices,
            "counts": self.counts,
        }
        sections = disk.array_sections(arrays | described(self.vocabulary, self._columns))
        self._digest = disk.write(path, sections, self.n_words, self.n_tokens)

    @classmethod
    def open(cls, path: PathLike, *, verify: bool = True) -> Self:
        """Map a corpus that :meth:`save` or :class:`CorpusWriter` wrote.

        Parameters
        ----------
        path : str or path
        verify : bool
            Whether to read all of it once to check checksums, offsets and words. False saves the
            time, about half a second per gigabyte, for a file that can be trusted.

        Raises
        ------
        ValueError
            If the file is not a corpus file, is damaged or cut short.
        OSError
            If it cannot be read.
        """
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder; give the name of a corpus file")
        try:
            stored = disk.read(path, verify)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{path}: no such file") from error
        corpus = cls._made(stored.rows, stored.n_words, stored.vocabulary, **stored.columns)
        corpus.path = Path(path)
        corpus._digest, corpus._n_tokens = stored.digest, stored.n_tokens
        return corpus


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array = array.view()
    array.flags.writeable = False
    return array


def _integers(values: Any, dtype: type[np.integer[Any]], what: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{what} must have one dimension; got shape {array.shape}")
    if array.dtype == dtype:
        return np.ascontiguousarray(array)
    if array.size == 0:
        return np.empty(0, dtype=dtype)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} must hold integers; got {array.dtype}")
    limits = np.iinfo(dtype)
    if array.min() < limits.min or array.max() > limits.max:
        raise ValueError(
            f"{what} must fit into {limits.bits} bits; it has {array.min()} to {array.max()}"
        )
    return np.ascontiguousarray(array, dtype=dtype)


def _positions(rows: Any, n: int) -> Int64:
    """Return row numbers from numbers or a mask."""
    array = np.atleast_1d(np.asarray(rows))
    if array.dtype == bool:
        if array.shape != (n,):
            raise IndexError(f"a mask must have one entry per document, {n}; got {array.shape}")
        return np.flatnonzero(array)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise IndexError(f"documents must be given by number, slice or mask; got {rows!r:.60}")
    array = array.astype(np.int64)
    wrong = (array < -n) | (array >= n)
    if wrong.any():
        raise IndexError(f"no document {array[wrong][0]}; there are {n}")
    return np.where(array < 0, array + n, array)
