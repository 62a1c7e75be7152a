"""The result of a reader: documents in parts, and their words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .rows import Part
from .text import TermCounter


class Unordered(Exception):
    """The documents of a file are not in order, so that it cannot be read in parts."""


@dataclass(frozen=True)
class Source:
    """Documents that become a corpus.

    Attributes
    ----------
    parts : iterable of Part
        Can be iterated once.
    counter : TermCounter or None
        If the documents were texts: it numbered their words as they occurred, so that they have
        to be numbered again.
    vocabulary : callable or None
        From the largest word number to (number of words, words or None); called after the parts.
    again : callable or None
        If the parts may raise :class:`Unordered`: returns them again, at the cost of memory.
    stored : bool
        Whether the source is a corpus file, which is mapped instead.
    """

    parts: Iterable[Part] = ()
    counter: TermCounter | None = None
    vocabulary: Callable[[int], tuple[int, tuple[str, ...] | None]] | None = None
    again: Callable[[], Iterable[Part]] | None = None
    stored: bool = False

    def words(self, most: int) -> tuple[int, tuple[str, ...] | None]:
        """Return the number of words and the words; ``most`` is the largest number that occurs."""
        if self.counter is not None:
            return self.counter.n_terms, None
        if self.vocabulary is not None:
            return self.vocabulary(most)
        return most + 1, None
