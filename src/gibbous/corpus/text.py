"""From texts to counts of terms, a batch of documents at a time.

The default pattern matches runs of word characters. For ASCII text this is a table of 256 bytes
(``bytes.translate``) and a split at spaces; other texts use ``re``. Words are numbered in the core:
a Python dict, which needs an object per token, was half as fast. Measured on 12 MB of English
paragraphs, in MB of text per second of one busy core: 25 to 30 from strings to a corpus,
CountVectorizer 6; for the tokenization alone ``re.findall`` 11 to 15, blingfire 10, the
``tokenizers`` package 3 to 4. pyarrow's kernels reach 75, and would be required at run time.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._ground.isa import core
from .rows import MOST, Int32, Int64, Rows, count_pairs

#: scikit-learn's own: two word characters or more.
TOKEN_PATTERN = r"(?u)\b\w\w+\b"

#: Characters of text that are cut into tokens together: small enough for the cache, and large
#: compared with the fixed cost of a batch. The optimum is flat from 64 K to 1 M.
BATCH = 1 << 17

# A run of at least k word characters, in any of the usual notations.
_RUN = re.compile(r"(?:\(\?u\))?(?:\\b)?(?:((?:\\w)*)\\w\+|\\w\{(\d+),\})(?:\\b)?")
_SEPARATOR = b"\0"


@dataclass(frozen=True)
class TextOptions:
    """How a text becomes terms; names and meaning as in scikit-learn's CountVectorizer."""

    lowercase: bool = True
    token_pattern: str = TOKEN_PATTERN
    tokenizer: Callable[[str], Iterable[str]] | None = None
    stop_words: str | Iterable[str] | None = None
    ngram_range: tuple[int, int] = (1, 1)
    strip_accents: str | None = None
    min_df: float = 1
    max_df: float = 1.0
    max_features: int | None = None

    def __post_init__(self) -> None:
        low, high = _two(self.ngram_range)
        if not 1 <= low <= high:
            raise ValueError(
                "ngram_range must be two whole numbers, 1 <= least <= most; "
                f"got {self.ngram_range!r}"
            )
        if self.strip_accents not in (None, "unicode", "ascii"):
            raise ValueError(
                f"strip_accents must be None, 'unicode' or 'ascii'; got {self.strip_accents!r}"
            )
        if self.tokenizer is not None and not callable(self.tokenizer):
            raise TypeError(f"tokenizer must be a function or None; got {self.tokenizer!r}")
        check_limits(self.min_df, self.max_df, self.max_features)


def text_options(options: dict[str, Any]) -> TextOptions:
    """Return options given by name.

    Raises
    ------
    TypeError
        If one is unknown.
    """
    known = [f.name for f in fields(TextOptions)]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise TypeError(f"no option {unknown[0]!r}; there are {', '.join(known)}")
    return TextOptions(**options)


def _two(value: Any) -> tuple[int, int]:
    try:
        low, high = value
        return int(low), int(high)
    except (TypeError, ValueError) as error:
        raise ValueError(f"ngram_range must be two whole numbers; got {value!r}") from error


def _coded(words: Iterable[str]) -> frozenset[Any]:
    """Return words both as text and as their bytes in joined texts."""
    words = frozenset(words)
    return words | {word.encode("utf-8", "surrogatepass") for word in words}


def _decoded(word: bytes) -> str:
    return word.decode("utf-8", "surrogatepass")


def stop_set(stop_words: str | Iterable[str] | None) -> frozenset[str]:
    """Return stop words as a set.

    Raises
    ------
    ValueError
        If a name is given that is not ``"english"``.
    """
    if stop_words is None:
        return frozenset()
    if isinstance(stop_words, str):
        if stop_words != "english":
            raise ValueError(
                f"stop_words must be 'english', a list of words or None; got {stop_words!r}"
            )
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        return frozenset(ENGLISH_STOP_WORDS)
    return frozenset(stop_words)


class _Terms(dict[Any, int]):
    """Numbers of terms; a new term gets the next number."""

    def __init__(self, add: Callable[[Any], int]) -> None:
        super().__init__()
        self.add = add

    def __missing__(self, key: Any) -> int:
        number = self.add(key)
        if number > 1:
            self[key] = number
        return number


class TermCounter:
    """Counts terms of documents; numbers them in the order of first occurrence.

    Number 0 is the end of a document and 1 any word outside of a given vocabulary; neither is ever
    counted.

    Parameters
    ----------
    options : TextOptions
    vocabulary : sequence of str or None
        The terms to count; all others are dropped. None for all.
    """

    def __init__(self, options: TextOptions, vocabulary: Sequence[str] | None = None) -> None:
        self.options = options
        self.vocabulary = None if vocabulary is None else tuple(vocabulary)
        self._low, self._high = _two(options.ngram_range)
        self._stop = _coded(stop_set(options.stop_words))
        # A term is bytes or str; for an n-gram it is the number of the part before its last word
        # and the number of that word.
        self._terms: list[Any] = [_SEPARATOR, ""]
        self._keep = bytearray(b"\0\0")
        self._words = _Terms(self._add_word)
        # The core's own table for runs of word characters: two reserved words, as above.
        self._runs = core.corpus.Terms(0)
        self._runs.number(b"\0 \1", True, 0)
        self._numbers = array("q", (0, 1))  # from the core's numbers to those here, if they differ
        self._grams = [_Terms(self._add_gram) for _ in range(self._high - 1)]
        least = _run_length(options)
        self._shortest = least or 0
        self._split = self._splitter() if least is None else None
        self._table = _byte_table(options.lowercase)
        self._known: frozenset[Any] | None = None
        if self.vocabulary is not None and self._high == 1:
            self._known = _coded(self.vocabulary)
            for word in self.vocabulary:
                self._learn(word)

    # --- numbering ---------------------------------------------------------------------------

    def _learn(self, word: str) -> None:
        coded = word.encode("utf-8", "surrogatepass")
        if b" " not in coded:
            self._runs.number(coded, True, 1)

    def _add_word(self, word: Any) -> int:
        if self._known is not None and word not in self._known:
            return 1
        if self._high > 1 and isinstance(word, str) and " " in word:
            raise ValueError(
                f"the token {word!r:.60} contains a space, which separates the words of n-grams; "
                "replace it, or set ngram_range=(1, 1)"
            )
        # Words that are not ASCII were matched by the pattern itself.
        short = len(word) < self._shortest and isinstance(word, bytes) and word.isascii()
        return self._append(word, not short and word not in self._stop)

    def _add_gram(self, key: int) -> int:
        return self._append(key, True)

    def _append(self, term: Any, keep: bool) -> int:
        number = len(self._terms)
        if number > MOST:
            raise ValueError(f"the texts have more than {MOST} different terms; lower ngram_range")
        self._terms.append(term)
        self._keep.append(keep)
        return number

    @property
    def n_terms(self) -> int:
        """Return the number of terms."""
        return len(self._terms)

    def names(self) -> list[str]:
        """Return the terms so far as text, by number."""
        names: list[str] = []
        for term in self._terms:
            if isinstance(term, int):
                names.append(f"{names[term >> 32]} {names[term & MOST]}")
            else:
                names.append(term if isinstance(term, str) else _decoded(term))
        return names

    # --- counting ----------------------------------------------------------------------------

    def texts(self, documents: Sequence[str]) -> Rows:
        """Count the terms of some texts."""
        if self._split is not None:
            split = self._split
            return self.tokens([split(text) for text in documents])
        ids = self._runs.number(self._joined(documents), self._known is None, 1)
        for word in self._runs.words(len(self._numbers)):
            self._numbers.append(self._add_word(word))
        if self._high > 1:  # n-grams have numbers of their own among those of words
            ids = np.frombuffer(self._numbers, dtype=np.int64)[ids]
        return self._count(np.cumsum(ids == 0), ids, len(documents))

    def tokens(self, documents: Sequence[Sequence[str]]) -> Rows:
        """Count the terms of documents that are lists of tokens."""
        lengths = np.fromiter(map(len, documents), np.int64, len(documents))
        words = map(self._words.__getitem__, chain.from_iterable(documents))
        ids = np.fromiter(words, np.int64, int(lengths.sum()))
        at = np.repeat(np.arange(len(documents), dtype=np.int64), lengths)
        return self._count(at, ids, len(documents))

    def _count(self, documents: Int64, ids: Int64, n: int) -> Rows:
        keep = np.frombuffer(self._keep, dtype=bool)[ids]
        documents, ids = documents[keep], ids[keep]
        if self._high == 1:
            return count_pairs(documents, ids, n)
        found = [(documents, ids)] if self._low == 1 else []
        grams = ids
        for length, numbers in enumerate(self._grams, start=2):
            left = max(0, len(documents) - length + 1)
            same = documents[length - 1 :] == documents[:left]
            keys = (grams[:left] << 32) | ids[length - 1 :]
            unique, inverse = np.unique(keys[same], return_inverse=True)
            new = np.fromiter(map(numbers.__getitem__, unique.tolist()), np.int64, len(unique))
            # Positions without a gram of this length keep a number that is never used, because
            # longer grams do not start there either.
            grams = np.zeros(left, dtype=np.int64)
            grams[same] = new[inverse]
            if length >= self._low:
                found.append((documents[:left][same], grams[same]))
        pairs = [np.concatenate(arrays) for arrays in zip(*found, strict=True)]
        return count_pairs(pairs[0], pairs[1], n)

    # --- cutting -----------------------------------------------------------------------------

    def _joined(self, documents: Sequence[str]) -> bytes:
        """Return texts as runs of word characters and spaces, a separator between two documents."""
        if not all(map(str.isascii, documents)):
            plain = [t if t.isascii() else self._normal(t) for t in documents]
        else:
            plain = list(documents)
        joined = " \0 ".join(plain).encode()
        if joined.count(_SEPARATOR) != len(plain) - 1:
            joined = " \0 ".join([t.replace("\0", " ") for t in plain]).encode()
        return joined.translate(self._table)

    def _normal(self, text: str) -> str:
        """Return the tokens of a text that is not ASCII, separated by spaces."""
        return " ".join(self._pattern().findall(self._prepare(text)))

    def _prepare(self, text: str) -> str:
        if self.options.lowercase:
            text = text.lower()
        if self.options.strip_accents is None or text.isascii():
            return text
        text = unicodedata.normalize("NFKD", text)
        if self.options.strip_accents == "ascii":
            return text.encode("ascii", "ignore").decode("ascii")
        return "".join([c for c in text if not unicodedata.combining(c)])

    def _pattern(self) -> re.Pattern[str]:
        try:
            pattern = re.compile(self.options.token_pattern)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"token_pattern must be a regular expression; got {self.options.token_pattern!r}: "
                f"{error}"
            ) from error
        if pattern.groups > 1:
            raise ValueError(
                f"token_pattern must have at most one group, got {pattern.groups} in "
                f"{self.options.token_pattern!r}; write (?:...) for the others"
            )
        return pattern

    def _splitter(self) -> Callable[[str], list[str]]:
        prepare = self._prepare
        cut = self.options.tokenizer
        if cut is not None:
            return lambda text: list(cut(prepare(text)))
        find = self._pattern().findall
        return lambda text: find(prepare(text))


def _run_length(options: TextOptions) -> int | None:
    """Return k if the tokens are the runs of at least k word characters, else None."""
    if options.tokenizer is not None or not isinstance(options.token_pattern, str):
        return None
    found = _RUN.fullmatch(options.token_pattern)
    if found is None:
        return None
    return int(found[2]) if found[2] else len(found[1]) // 2 + 1


def _byte_table(lowercase: bool) -> bytes:
    """Return the table that keeps word characters and separators and blanks the rest."""
    table = bytearray(range(256))
    for code in range(1, 128):
        letter = chr(code)
        if not (letter.isalnum() or letter == "_"):
            table[code] = 0x20
        elif lowercase:
            table[code] = ord(letter.lower())
    return bytes(table)


def batches(documents: Iterable[Any], size: Callable[[Any], int]) -> Iterator[list[Any]]:
    """Yield lists of consecutive documents that together hold about BATCH characters."""
    batch: list[Any] = []
    total = 0
    for document in documents:
        batch.append(document)
        total += size(document) + 64  # an empty document has a cost too
        if total >= BATCH:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


# --- pruning -------------------------------------------------------------------------------------


def check_limits(min_df: Any, max_df: Any, max_features: Any) -> None:
    """Check the limits of pruning.

    Raises
    ------
    ValueError
        If a share is not in [0, 1], a count is negative, or ``max_features`` is below 1.
    """
    for name, value in (("min_df", min_df), ("max_df", max_df)):
        share = isinstance(value, (float, np.floating))
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not ((share and 0 <= value <= 1) or (whole and value >= (name == "max_df"))):
            raise ValueError(
                f"{name} must be a float from 0 to 1, a share of the documents, or a whole number "
                f"of them; got {value!r}"
            )
    if max_features is None:
        return
    whole = isinstance(max_features, (int, np.integer)) and not isinstance(max_features, bool)
    if not whole or max_features < 1:
        raise ValueError(f"max_features must be a whole number >= 1 or None; got {max_features!r}")


def surviving(
    frequencies: Int64,
    totals: Int64,
    n_documents: int,
    options: TextOptions,
) -> NDArray[np.bool_]:
    """Return which words are left after pruning, as in CountVectorizer.

    Parameters
    ----------
    frequencies : ndarray of int64 (n_words,)
        Documents that each word occurs in.
    totals : ndarray of int64 (n_words,)
        Its tokens. Of words with equal totals, ``max_features`` keeps the first.
    n_documents : int
    options : TextOptions
        Its ``min_df``, ``max_df`` and ``max_features``.

    Raises
    ------
    ValueError
        If ``min_df`` asks for more documents than ``max_df``.
    """
    low, high = (
        limit if isinstance(limit, (int, np.integer)) else limit * n_documents
        for limit in (options.min_df, options.max_df)
    )
    if n_documents and high < low:
        raise ValueError(
            f"the vocabulary is empty: min_df={options.min_df!r} asks for more documents than "
            f"max_df={options.max_df!r} allows: {low:g} and {high:g} of {n_documents}"
        )
    kept = (frequencies >= low) & (frequencies <= high)
    if options.max_features is not None and np.count_nonzero(kept) > options.max_features:
        words = np.flatnonzero(kept)
        best = np.argsort(-totals[words], kind="stable")[: options.max_features]
        kept = np.zeros(len(kept), dtype=bool)
        kept[words[best]] = True
    return kept


def numbering(
    counter: TermCounter, frequencies: Int64, totals: Int64, n_documents: int
) -> tuple[Int32, tuple[str, ...]]:
    """Return the final numbers of a counter's terms, -1 for those dropped, and the vocabulary.

    The given vocabulary, or the terms that are left after pruning, sorted by code points.

    Parameters
    ----------
    counter : TermCounter
    frequencies, totals : ndarray of int64 (n_terms,)
        Documents and tokens of each of the counter's terms.
    n_documents : int
    """
    names = counter.names()
    numbers = np.full(len(names), -1, dtype=np.int32)
    if counter.vocabulary is not None:
        final = {word: number for number, word in enumerate(counter.vocabulary)}
        for at in np.flatnonzero(frequencies):
            numbers[at] = final.get(names[at], -1)
        return numbers, counter.vocabulary
    met = sorted(np.flatnonzero(frequencies).tolist(), key=names.__getitem__)
    order = np.array(met, dtype=np.int64)
    kept = order[surviving(frequencies[order], totals[order], n_documents, counter.options)]
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    return numbers, tuple(names[at] for at in kept)
