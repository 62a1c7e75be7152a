"""Exact normalizing constants of small machines: sums over all states of the hidden units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..machine.machine import Machine
from ..machine.units import Units

Array = NDArray[Any]

#: Maximum number of hidden units whose states are enumerated: a minute or two.
MOST_ENUMERATED = 25

#: States of the hidden layer in memory at once.
_AT_ONCE = 1 << 12


def refuse_many(k: int, hidden_units: str = "binary") -> None:
    """Refuse hidden layers whose states cannot be enumerated.

    Raises
    ------
    ValueError
        If there are more than 25 hidden units, or they do not have two states.
    """
    if k > MOST_ENUMERATED or hidden_units != "binary":
        raise ValueError(
            f"log Z is a sum over the states of at most {MOST_ENUMERATED} hidden units of two "
            f"states; this machine has {k}, hidden_units={hidden_units!r}. Compare machines by "
            "pseudo_likelihood"
        )


def hidden_states(k: int) -> Iterator[Array]:
    """Yield all states of k units, some thousands of rows at a time."""
    for first in range(0, 1 << k, _AT_ONCE):
        codes = np.arange(first, min(first + _AT_ONCE, 1 << k))
        yield (codes[:, None] >> np.arange(k) & 1).astype(np.float64)


def log_partition(machine: Machine, units: Units) -> float:
    """Return log Z of exp(-F(v)) / Z, summed over all states of the hidden units.

    Raises
    ------
    ValueError
        If there are more than 25 hidden units, or they do not have two states.
    """
    refuse_many(machine.n_hidden, units.hidden_units)
    w = machine.weights.astype(np.float64)
    b = machine.hidden.astype(np.float64)
    total = -np.inf
    for h in hidden_states(len(b)):
        each = h @ b + units.log_visible(machine, h @ w)
        total = np.logaddexp(total, np.logaddexp.reduce(each))
    return float(total)


def log_partition_of_counts(machine: Machine, n_words: ArrayLike) -> Array:
    """Return log Z for documents of given lengths, in one order of their words.

    Raises
    ------
    ValueError
        If there are more than 25 hidden units.
    """
    refuse_many(machine.n_hidden)
    lengths, place = np.unique(np.asarray(n_words, dtype=np.float64), return_inverse=True)
    w, a = machine.weights.astype(np.float64), machine.visible.astype(np.float64)
    b = machine.hidden.astype(np.float64)
    total = np.full(lengths.shape, -np.inf)
    for h in hidden_states(len(b)):
        each = h @ b + np.logaddexp.reduce(h @ w + a, axis=1)
        for i, length in enumerate(lengths):
            total[i] = np.logaddexp(total[i], np.logaddexp.reduce(length * each))
    return np.asarray(total[place].reshape(np.shape(n_words)))
