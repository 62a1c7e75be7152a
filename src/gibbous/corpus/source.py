"""What a reader hands over: documents in parts, and what is known of their words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .rows import Part
from .text import TermCounter


class Unordered(Exception):
    """A file's documents do not come in order, so that it cannot be read a part at a time."""


@dataclass(frozen=True)
class Source:
    """Documents on their way into a corpus.

    Attributes
    ----------
    parts : iterable of Part
        To be gone through once.
    counter : TermCounter or None
        Where the documents were texts: it numbered their words as they were met, so that they have
        to be numbered once more.
    vocabulary : callable or None
        From the largest word met to (number of words, words or None); called after the parts.
    again : callable or None
        Where the parts may raise :class:`Unordered`: returns them anew, at the cost of memory.
    stored : bool
        Whether the source is a file of our own, to be mapped instead.
    """

    parts: Iterable[Part] = ()
    counter: TermCounter | None = None
    vocabulary: Callable[[int], tuple[int, tuple[str, ...] | None]] | None = None
    again: Callable[[], Iterable[Part]] | None = None
    stored: bool = False

    def words(self, most: int) -> tuple[int, tuple[str, ...] | None]:
        """Return the number of words and the words; ``most`` is the largest number met."""
        if self.counter is not None:
            return self.counter.n_terms, None
        if self.vocabulary is not None:
            return self.vocabulary(most)
        return most + 1, None
