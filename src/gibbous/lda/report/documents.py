"""Documents in a report: excerpts in which words are marked by the probability of the topic."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...corpus.text import TOKEN_PATTERN

#: A piece of a document: text, or a word and its level from 1 to 3.
Piece = str | tuple[str, int]

#: The least probability of the topic, given the word and the document, of levels 1, 2 and 3.
LEVELS = (0.25, 0.5, 0.75)

#: Maximum number of words of a document of which only counts are given.
MOST_WORDS = 40


class Span(NamedTuple):
    """The position of a word of the vocabulary in a text, and its number."""

    start: int
    end: int
    word: int


class Speller:
    """Finds the words of a vocabulary in texts.

    Parameters
    ----------
    vocabulary : sequence of str or None
        With None nothing is found.
    options : mapping
        How texts were cut into words: ``lowercase``, ``token_pattern``, ``strip_accents`` and
        ``tokenizer``, as in :meth:`gibbous.Corpus.from_texts`, with its defaults; others are
        ignored. With a tokenizer of the user, words are runs of word characters.
    """

    def __init__(self, vocabulary: Sequence[str] | None, options: Mapping[str, Any]) -> None:
        self._number = {word: at for at, word in enumerate(vocabulary or ())}
        pattern = options.get("token_pattern") or TOKEN_PATTERN
        if options.get("tokenizer") is not None:
            pattern = r"\w+"
        self._pattern = re.compile(pattern)
        self._group = min(self._pattern.groups, 1)
        self._lower = bool(options.get("lowercase", True))
        self._accents = options.get("strip_accents")

    def find(self, text: str) -> Iterator[Span]:
        """Yield the words of a text that are in the vocabulary, in order."""
        plain = self._plain(text)
        if len(plain) == len(text):  # positions are the same in both
            for match in self._pattern.finditer(plain):
                word = self._number.get(match[self._group])
                if word is not None:
                    yield Span(*match.span(self._group), word)
            return
        for match in self._pattern.finditer(text):
            word = self._number.get(self._plain(match[self._group]))
            if word is not None:
                yield Span(*match.span(self._group), word)

    def joined(self, tokens: Sequence[str]) -> tuple[str, list[Span]]:
        """Return tokens as one text, and the positions of the words of the vocabulary in it."""
        spans, at = [], 0
        for token in tokens:
            word = self._number.get(token)
            if word is not None:
                spans.append(Span(at, at + len(token), word))
            at += len(token) + 1
        return " ".join(tokens), spans

    def _plain(self, text: str) -> str:
        if self._accents is not None:
            from sklearn.feature_extraction import text as sklearn_text

            strip = {
                "unicode": sklearn_text.strip_accents_unicode,
                "ascii": sklearn_text.strip_accents_ascii,
            }
            text = strip[self._accents](text)
        return text.lower() if self._lower else text


def levels_of(
    phi: NDArray[np.float64], theta: NDArray[np.float64], topic: int
) -> NDArray[np.int64]:
    """Return the levels of some words of a document for a topic: 0 to 3.

    ``p(k | w, d)`` is proportional to ``theta_dk phi_kw``.

    Parameters
    ----------
    phi : ndarray of shape (n_topics, n_words)
        Probabilities of the words.
    theta : ndarray of shape (n_topics,)
        Shares of topics in the document.
    topic : int
    """
    joint = phi * theta[:, None]
    total = joint.sum(axis=0)
    own = np.divide(joint[topic], total, out=np.zeros_like(total), where=total > 0)
    level: NDArray[np.int64] = np.searchsorted(LEVELS, own, side="right")
    return level


def excerpt(text: str, spans: Sequence[Span], levels: Mapping[int, int], most: int) -> list[Piece]:
    """Return the part of a text with most words of a topic, as pieces.

    Parameters
    ----------
    text : str
    spans : sequence of Span
        Its words, in order.
    levels : mapping
        From numbers of words to levels.
    most : int
        Approximate number of characters; a shorter text is returned whole.
    """
    first, last = _window(len(text), spans, levels, most)
    pieces: list[Piece] = ["… "] if first > 0 else []
    at = first
    for span in spans:
        level = levels.get(span.word, 0)
        if not level or span.start < at or span.end > last:
            continue
        between = text[at : span.start]
        before = pieces[-1] if pieces else ""
        word = text[span.start : span.end]
        if between.isspace() and isinstance(before, tuple) and before[1] == level:
            pieces[-1] = (before[0] + between + word, level)  # adjacent words are one piece
        else:
            pieces += [between] * bool(between)
            pieces.append((word, level))
        at = span.end
    if at < last:
        pieces.append(text[at:last])
    if last < len(text):
        pieces.append(" …")
    return pieces


def _window(
    length: int, spans: Sequence[Span], levels: Mapping[int, int], most: int
) -> tuple[int, int]:
    """Return the beginning and the end of the part, at words, so that none is cut."""
    if length <= most:
        return 0, length
    if not spans:
        return 0, most
    start = np.array([span.start for span in spans])
    end = np.array([span.end for span in spans])
    sums = np.cumsum([0, *(levels.get(span.word, 0) for span in spans)])
    # a word longer than the part is a part by itself
    stop = np.maximum(np.searchsorted(end, start + most, side="right"), np.arange(len(spans)) + 1)
    best = int(np.argmax(sums[stop] - sums[: len(spans)]))
    if length - start[best] < most:  # all that follows fits, and some of the text before it
        best = min(best, int(np.searchsorted(start, length - most)))
    first = 0 if best == 0 else int(start[best])
    return first, length if length - first <= most else int(end[stop[best] - 1])


def counted(
    words: NDArray[np.int64],
    counts: NDArray[np.int64],
    levels: Mapping[int, int],
    names: Sequence[str] | None,
) -> list[Piece]:
    """Return a document of which only counts are given: the words of the topic first, then others.

    Parameters
    ----------
    words, counts : ndarray of shape (n,)
    levels : mapping
        From numbers of words to levels.
    names : sequence of str or None
        The words by number.
    """
    level = np.array([levels.get(int(w), 0) for w in words])
    order = np.lexsort((words, -counts, -level))
    pieces: list[Piece] = []
    for at in order[:MOST_WORDS]:
        word = int(words[at])
        text = str(word) if names is None else names[word]
        if counts[at] > 1:
            text += f" ×{counts[at]}"
        if pieces:
            pieces.append("  ")
        pieces.append((text, int(level[at])) if level[at] else text)
    if len(order) > MOST_WORDS:
        pieces.append(" …")
    return pieces
