"""Seeds: every random state of NumPy or scikit-learn is converted to one 64-bit key."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

#: The types of ``random_state``.
RandomState = Any

#: Purposes of child keys. Never renumber them: they are part of what a seed means.
PURPOSES = {
    "kmeans++": 1,
    "kmeans-random": 2,
    "kmeans-callable": 3,
    "kmeans-start": 4,
    "minibatch": 5,
    "minibatch-init": 6,
    "minibatch-reassign": 7,
    "gmm-start": 8,
    "gmm-sample": 9,
    "gmm-repair": 10,
    "lda-start": 11,
    "lda-sweep": 12,
    "lda-exact": 13,
    "lda-infer": 14,
    "lda-heldout": 15,
    "lda-select": 16,
    "lda-left-to-right": 17,
    "corpus-split": 18,
    "corpus-weights": 19,
    "rbm-start": 20,
    "rbm-shuffle": 21,
    "rbm-train": 22,
    "rbm-watched": 23,
    "rbm-held-out": 24,
    "rbm-flip": 25,
    "rbm-gibbs": 26,
    "rbm-ais": 27,
    "gmm-sample-rows": 28,
    "gmm-select": 32,
    "gmm-small-em": 33,
    "gmm-impute": 34,
}


class Key(int):
    """A key that one estimator passes to another as ``random_state``."""


def key_of(random_state: RandomState) -> int:
    """Convert a random state to a key, an integer in [0, 2**64).

    Parameters
    ----------
    random_state : None, int, numpy.random.RandomState, Generator or SeedSequence
        An int or a SeedSequence always gives the same key. A RandomState or a Generator is
        advanced, so that two fits with one object differ. None draws from NumPy's global state,
        which ``numpy.random.seed`` controls, as in scikit-learn.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If an int is negative or above 2**32 - 1, as in scikit-learn.
    TypeError
        If the object has another type.
    """
    if isinstance(random_state, Key):
        return int(random_state)
    if random_state is None or random_state is np.random:
        random_state = np.random.mtrand._rand
    if isinstance(random_state, Integral):
        seed = int(random_state)
        if not 0 <= seed < 2**32:
            raise ValueError(f"random_state must be between 0 and 2**32 - 1; got {seed}")
        random_state = np.random.SeedSequence(seed)
    if isinstance(random_state, np.random.SeedSequence):
        return int(random_state.generate_state(1, np.uint64)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**64, dtype=np.uint64))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**64, dtype=np.uint64))
    raise TypeError(
        "random_state must be None, an int, a numpy RandomState, Generator or SeedSequence; "
        f"got {type(random_state).__name__}"
    )


def child(key: int, purpose: str, item: int = 0) -> int:
    """Return the key for one purpose and item of a parent key."""
    words = np.random.SeedSequence([key & 0xFFFFFFFF, key >> 32, PURPOSES[purpose], item])
    return int(words.generate_state(1, np.uint64)[0])


def generator(key: int, purpose: str, item: int = 0) -> np.random.Generator:
    """Return a NumPy generator (Philox) for one purpose and item of a key."""
    return np.random.Generator(np.random.Philox(key=child(key, purpose, item)))


def legacy(key: int, purpose: str, item: int = 0) -> np.random.RandomState:
    """Return a RandomState, for callables that were written for scikit-learn."""
    return np.random.RandomState(child(key, purpose, item) & 0xFFFFFFFF)
