"""Small corpora, and their comparison."""

from __future__ import annotations

import numpy as np

from gibbous import Corpus

WORDS = ("ant", "bee", "cow", "dog")
COUNTS = np.array([[1, 0, 2, 0], [0, 0, 0, 0], [0, 3, 0, 0], [1, 1, 1, 1]])


def small(**more):
    return Corpus.of(COUNTS, WORDS)._describe(
        names=["a", "b", "c", "d"], dates=[1790, 1791, 1792, 1793], labels=list("xyxy"), **more
    )


def canonical(corpus):
    """Check a corpus that was constructed without checks like one from a user."""
    Corpus(corpus.indptr, corpus.indices, corpus.counts, n_words=corpus.n_words)
    return corpus


def same(first, second):
    canonical(first)
    assert first.digest() == second.digest()
    for name in ("names", "dates", "labels"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)
