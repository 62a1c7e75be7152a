"""Corpora from texts, tokens, counts and files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from .bag import BagOfWords
from .builder import Builder
from .columns import COLUMNS, column, join, words
from .matrix import dictionary_words, of_bow, of_matrix
from .records import count_documents
from .rows import Rows, stack
from .source import Source, Unordered
from .text import TermCounter, numbering, text_options

PathLike = str | os.PathLike[str]


class Corpus(BagOfWords):
    """Documents as bags of words, with a vocabulary and columns about the documents.

    Arrays are read-only and may be mapped from a file, so that a corpus may be larger than the
    memory. Documents without words are kept: they have no entries.

    Parameters
    ----------
    indptr : array-like of int (n_documents + 1,)
        The beginning and the end of each document's entries.
    indices : array-like of int (n_entries,)
        Numbers of words from 0, ascending within a document.
    counts : array-like of int (n_entries,)
        How often each occurs, at least 1.
    vocabulary : sequence of str or None
        The words by number.
    n_words : int or None
        How many words there are; None for the length of ``vocabulary``, or without one for the
        largest number + 1.
    names, dates, labels : sequence or None
        One entry per document: names are text; dates and labels are text, numbers or dates.

    Attributes
    ----------
    indptr : ndarray of int64 (n_documents + 1,)
    indices : ndarray of int32 (n_entries,)
    counts : ndarray of int32 (n_entries,)
    vocabulary : tuple of str or None
    n_documents, n_words, n_tokens : int
        A token is an occurrence of a word: ``n_tokens`` is the sum of ``counts``.
    names, dates, labels : ndarray (n_documents,) or None
        Text (dtype object), int64, float64 or datetime64.
    path : pathlib.Path or None
        The file that the arrays are mapped from.

    Raises
    ------
    ValueError
        If the arrays do not match; the message names array and document.

    Examples
    --------
    >>> from gibbous import Corpus
    >>> corpus = Corpus.from_texts(["to be or not to be", "that is the question"])
    >>> corpus
    Corpus(2 documents, 8 words, 10 tokens)
    """

    # --- from elsewhere ----------------------------------------------------------------------

    @classmethod
    def of(cls, X: Any, vocabulary: Any = None) -> Corpus:
        """Return a corpus of counts of words, one row per document.

        Parameters
        ----------
        X : Corpus, SciPy sparse matrix or array, NumPy array, or pandas DataFrame
            A Corpus is returned as it is. Repeated entries of a sparse matrix are summed and zeros
            dropped; the columns of a DataFrame, sparse or dense, are the vocabulary. Memory is
            shared if nothing has to be converted.
        vocabulary : sequence of str, mapping from word to number, or None
            The words by column.

        Raises
        ------
        ValueError
            If a count is negative, not finite or not a whole number (the message names row and
            column), or ``vocabulary`` does not match.
        TypeError
            If X does not hold numbers.
        """
        if isinstance(X, cls):
            return X if vocabulary is None else X._named(words(vocabulary, X.n_words))
        rows, n_words, names = of_matrix(X)
        return cls(*_arrays(rows), names if vocabulary is None else vocabulary, n_words=n_words)

    def _named(self, vocabulary: tuple[str, ...] | None) -> Corpus:
        if self.vocabulary == vocabulary:
            return self
        if self.vocabulary is not None:
            raise ValueError(
                "X has another vocabulary than the one given; "
                "use corpus.with_vocabulary(vocabulary)"
            )
        return self._made(self._rows, self.n_words, vocabulary, **self._columns)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        *,
        names: Any = None,
        dates: Any = None,
        labels: Any = None,
        vocabulary: Any = None,
        path: PathLike | None = None,
        **options: Any,
    ) -> Corpus:
        """Count the words of texts.

        Texts are read one after the other and are never all in memory at once.

        Parameters
        ----------
        texts : iterable of str
        names, dates, labels : sequence or None
            One entry per text.
        vocabulary : sequence of str, mapping from word to number, or None
            The words to count, such as those of a model; all others are dropped. None for every
            word that is left after pruning, in alphabetical order.
        path : str or path or None
            A file to build the corpus in, if it may be larger than the memory.
        **options
            As scikit-learn's CountVectorizer, with its defaults: ``lowercase`` (True),
            ``token_pattern``, ``tokenizer``, ``stop_words`` ("english" or words), ``ngram_range``
            ((1, 1)), ``strip_accents`` ("unicode" or "ascii"), ``min_df`` (1), ``max_df`` (1.0),
            ``max_features``. The last three have no effect if a vocabulary is given.

        Raises
        ------
        ValueError
            If an option is wrong or no word is left.
        TypeError
            If a text is not a str, or an option is unknown.
        """
        if isinstance(texts, (str, bytes)):
            raise TypeError("texts must be a list of texts; got one text: put it into a list")
        counter = TermCounter(text_options(options), words(vocabulary))
        source = Source(count_documents(counter, texts, "text"), counter=counter)
        return cls._collect(source, path, names=names, dates=dates, labels=labels)

    @classmethod
    def from_tokens(
        cls,
        documents: Iterable[Sequence[str]],
        *,
        names: Any = None,
        dates: Any = None,
        labels: Any = None,
        vocabulary: Any = None,
        path: PathLike | None = None,
        **options: Any,
    ) -> Corpus:
        """Count the words of documents that are lists of tokens.

        Parameters
        ----------
        documents : iterable of sequences of str
        names, dates, labels, vocabulary, path
            As in :meth:`from_texts`.
        **options
            ``stop_words``, ``ngram_range``, ``min_df``, ``max_df`` and ``max_features`` of
            :meth:`from_texts`. Tokens are used as they are, without conversion to lower case.

        Raises
        ------
        ValueError
            If an option is wrong or no word is left.
        TypeError
            If a document is not a sequence of str.
        """
        cutting = {"lowercase", "token_pattern", "tokenizer", "strip_accents"} & set(options)
        if cutting:
            raise TypeError(
                f"from_tokens uses tokens as they are and does not accept {sorted(cutting)}"
            )
        counter = TermCounter(text_options(options), words(vocabulary))
        source = Source(count_documents(counter, documents, "tokens"), counter=counter)
        return cls._collect(source, path, names=names, dates=dates, labels=labels)

    @classmethod
    def from_bow(
        cls,
        documents: Iterable[Sequence[tuple[int, float]]],
        dictionary: Any = None,
        *,
        n_words: int | None = None,
        names: Any = None,
        dates: Any = None,
        labels: Any = None,
    ) -> Corpus:
        """Return a corpus of gensim's bags of words: lists of (word number, count).

        Parameters
        ----------
        documents : iterable of lists of pairs
            Also a corpus of gensim. Repeated words are summed.
        dictionary : gensim.corpora.Dictionary, mapping from number to word, sequence, or None
            The words.
        n_words : int or None
            The number of words, if there is no dictionary.
        names, dates, labels : sequence or None
            One entry per document.

        Raises
        ------
        ValueError
            If a count is not a whole number >= 0, or the dictionary lacks a word.
        TypeError
            If a document is not a list of pairs.
        """
        rows = of_bow(documents)
        vocabulary = None
        if dictionary is not None:
            least = int(rows.indices.max()) + 1 if len(rows.indices) else 0
            vocabulary = dictionary_words(dictionary, least)
        more = {"names": names, "dates": dates, "labels": labels}
        return cls(*_arrays(rows), vocabulary, n_words=n_words, **more)

    @classmethod
    def from_vectorizer(
        cls,
        vectorizer: Any,
        texts: Iterable[Any],
        *,
        names: Any = None,
        dates: Any = None,
        labels: Any = None,
    ) -> Corpus:
        """Return the counts of a scikit-learn vectorizer, with its feature names as the vocabulary.

        Parameters
        ----------
        vectorizer : CountVectorizer, HashingVectorizer, DictVectorizer or a pipeline of such
            Fitted, otherwise it is fitted to the texts in place. It has to count words:
            ``TfidfVectorizer``, and HashingVectorizer with its defaults, do not.
        texts : iterable
            The input of the vectorizer.
        names, dates, labels : sequence or None
            One entry per text.

        Raises
        ------
        ValueError
            If it does not count.
        """
        from sklearn.exceptions import NotFittedError

        texts = texts if hasattr(texts, "__len__") else list(texts)
        try:
            X = vectorizer.transform(texts)
        except NotFittedError:
            X = vectorizer.fit_transform(texts)
        named = hasattr(vectorizer, "get_feature_names_out")
        corpus = cls.of(X, vectorizer.get_feature_names_out() if named else None)
        return corpus._describe(names=names, dates=dates, labels=labels)

    @classmethod
    def read(
        cls,
        path: PathLike,
        format: str | None = None,
        *,
        into: PathLike | None = None,
        **options: Any,
    ) -> Corpus:
        """Read a corpus from a file or a folder.

        Parameters
        ----------
        path : str or path
            Text formats may be compressed with gzip, whatever their names.
        format : str or None
            One of these; None to detect it by the name. Text formats except ``mtx``, ``uci`` and
            ``ldac`` take the options of :meth:`from_texts`.

            ============= ==================== ====================================================
            format        name                 what
            ============= ==================== ====================================================
            ``gibbous``   any                  what :meth:`save` wrote, detected by its first bytes
            ``uci``       ``docword.*``        UCI bag of words; words in ``vocab.*`` next to it
            ``mtx``       ``*.mtx``, ``*.mm``  Matrix Market, one row per document
            ``ldac``      ``*.ldac``           Blei's LDA-C: ``n word:count ...``
            ``npz``       ``*.npz``            ``scipy.sparse.save_npz``
            ``mallet``    ``*.mallet``         MALLET's lines: name, label, text
            ``lines``                          one text per line
            ``jsonl``     ``*.jsonl``          one JSON object per line; options ``text``, ``id``,
                                               ``date``, ``label`` name its fields
            ``csv, tsv``  ``*.csv, *.tsv``     the same options name columns, or give their
                                               positions from 1; ``header=False`` without names
            ``parquet``   ``*.parquet``        the same options; needs pyarrow
            ``folder``    a folder             one file per document, named by its path, labeled by
                                               its folder; option ``glob``
            ============= ==================== ====================================================
        into : str or path or None
            A file to build the corpus in, if it may be larger than the memory.
        **options
            Of the format. ``vocabulary`` for ``uci``, ``mtx``, ``ldac`` and ``npz``: a file of one
            word per line, the words, or False for none; by default a file next to ``path`` is used
            if it exists: ``vocab.*``, ``*.vocab.txt`` or ``*.vocab``.

        Raises
        ------
        ValueError
            If the file is damaged or of another format; the message names file and line.
        OSError
            If it cannot be read.
        ImportError
            If pyarrow is needed and missing.
        """
        from .formats.read import open_source  # a dozen modules that fits do not need

        source = open_source(path, format, options)
        if source.stored:
            corpus = cls.open(path)
            if into is None:
                return corpus
            corpus.save(into)
            return cls.open(into)
        try:
            return cls._collect(source, into)
        except Unordered:
            assert source.again is not None
            return cls._collect(replace(source, parts=source.again()), into)

    @classmethod
    def _collect(cls, source: Source, path: PathLike | None, **columns: Any) -> Corpus:
        """Gather the parts of a source in memory or in a file, then number its words."""
        if source.counter is None:
            return cls._gather(source) if path is None else cls._spool(source, path)
        if path is None:
            return cls._gather(source)._numbered(source.counter, None, columns)
        with _scratch(Path(os.path.realpath(path)).parent) as raw:
            return cls._spool(source, raw)._numbered(source.counter, path, columns)

    @classmethod
    def _gather(cls, source: Source) -> Corpus:
        parts = list(source.parts)
        rows = stack([part.rows for part in parts])
        columns = {
            name: join(
                [column(getattr(p, name), p.rows.n, name) for p in parts],
                [p.rows.n for p in parts],
            )
            for name in COLUMNS
        }
        n_words, vocabulary = source.words(int(rows.indices.max()) if len(rows.indices) else -1)
        return cls._made(rows, n_words, vocabulary, **columns)

    @classmethod
    def _spool(cls, source: Source, path: PathLike) -> Corpus:
        with Builder(path) as builder:
            for part in source.parts:
                builder.add(part)
            n_words, vocabulary = source.words(builder.largest_word)
            builder.finish(vocabulary, n_words)
        return cls.open(path, verify=False)

    def _numbered(
        self, counter: TermCounter, path: PathLike | None, columns: dict[str, Any]
    ) -> Corpus:
        self._describe(**{name: values for name, values in columns.items() if values is not None})
        numbers, vocabulary = numbering(
            counter, self.document_frequencies(), self.word_counts(), self.n_documents
        )
        if not vocabulary:
            raise ValueError(
                "the vocabulary is empty: no word is left of "
                f"{self.n_documents} documents; lower min_df, raise max_df, or check "
                "token_pattern, stop_words and the texts themselves"
            )
        return self._renumbered(numbers, vocabulary, len(vocabulary), path)


def _arrays(rows: Rows) -> tuple[Any, Any, Any]:
    return rows.indptr, rows.indices, rows.counts


@contextmanager
def _scratch(folder: Path) -> Iterator[str]:
    """Make a temporary file; a corpus that maps it keeps it after it is removed."""
    handle, name = tempfile.mkstemp(prefix=".corpus.", dir=folder)
    os.close(handle)
    try:
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
