"""A Boltzmann machine as a value: its parameters and the state of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground import random

Array = NDArray[Any]

#: Additions per thread below which one thread is faster: a millisecond of them.
LITTLE_WORK = 1 << 24

#: The same for one of many passes, as over a mini-batch: tens of microseconds.
LITTLE_BATCH = 1 << 20

#: Fields that are tuples of arrays, with the names of their members.
_TUPLES = {
    "velocity": ("weights", "visible", "hidden"),
    "fast": ("weights", "visible", "hidden"),
    "offsets": ("visible", "hidden"),
}
_ARRAYS = ("weights", "visible", "hidden", "activity", "chains")
_DICTS = ("unit_parameters", "unit_state")
_NUMBERS = ("key", "steps", "epochs", "draws")


def _unset() -> Array:
    return np.empty((0, 0))


@dataclass(eq=False)
class Machine:
    """Weights, biases, and what training keeps in addition to them.

    Training, Gibbs chains, scores and likelihoods are functions of a machine and of the kind of its
    visible units (:class:`~gibbous.rbm.machine.units.Units`).

    Attributes
    ----------
    weights : ndarray of shape (n_hidden, n_visible)
        W; empty in a machine that has no parameters yet.
    visible, hidden : ndarray of shape (n_visible,) and (n_hidden,)
        Biases a and b.
    velocity, fast : tuple of three ndarray, or None
        The last step (with momentum) and the fast weights: of weights, visible and hidden biases.
    offsets : tuple of two ndarray, or None
        Moving averages of the visible and hidden units, for centered gradients.
    activity : ndarray of shape (n_hidden,), or None
        Moving average of each hidden unit, for a sparsity target.
    chains : ndarray of shape (n_chains, n_hidden), or None
        Hidden states of the persistent chains; with tempering of all replicas, the coldest first.
    unit_parameters : dict of str to ndarray
        Further parameters of the visible units, by their names in the core.
    unit_state : dict of str to ndarray
        What the visible units keep between steps of training, by the names in the core.
    key : int or None
        Key of all random numbers.
    steps, epochs, draws : int
        Sampling steps and epochs of training so far, and calls that drew from ``key``.
    """

    weights: Array = field(default_factory=_unset)
    visible: Array = field(default_factory=_unset)
    hidden: Array = field(default_factory=_unset)
    velocity: tuple[Array, ...] | None = None
    fast: tuple[Array, ...] | None = None
    offsets: tuple[Array, ...] | None = None
    activity: Array | None = None
    chains: Array | None = None
    unit_parameters: dict[str, Array] = field(default_factory=dict)
    unit_state: dict[str, Array] = field(default_factory=dict)
    key: int | None = None
    steps: int = 0
    epochs: int = 0
    draws: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the parameters."""
        return self.weights.dtype

    @property
    def n_hidden(self) -> int:
        """Number of hidden units."""
        return int(self.weights.shape[0])

    @property
    def n_visible(self) -> int:
        """Number of visible units."""
        return int(self.weights.shape[1])

    def parameters(self) -> tuple[Array, Array, Array]:
        """Return weights, visible and hidden biases as the core takes them.

        Whoever set them may have given arrays of another order or precision.
        """
        given = (self.weights, self.visible, self.hidden)
        w, a, b = (np.ascontiguousarray(array, dtype=self.dtype) for array in given)
        return w, a, b

    def next_key(self) -> int:
        """Return the key of the next call that draws; each call has its own.

        Raises
        ------
        ValueError
            If the machine has no key.
        """
        if self.key is None:
            raise ValueError("the machine has no key for random numbers; set machine.key")
        self.draws += 1
        return random.child(self.key, "rbm-gibbs", self.draws)

    def threads_for(self, rows: int, jobs: int, little: int = LITTLE_WORK) -> int:
        """Return the threads for a pass over ``rows`` rows: one if the work is little.

        ``little`` counts additions. Starting threads costs more than it saves below that, and on a
        busy machine a hundred times more: with all of 16 processors an epoch of 500 hidden units in
        batches of 128 took twice as long as with eight, and of 128 hidden units seven times as long
        as with four. So another thread joins for every eight times as much work, 50 microseconds of
        a mini-batch. The bits are the same for any number of threads.
        """
        work = rows * self.weights.size
        return int(min(jobs, 2 + work // (8 * little))) if work >= little else 1

    # ---- all arrays together ---------------------------------------------------------------------

    def arrays(self) -> dict[str, Array]:
        """Return every array of the machine by name; members of tuples and dicts have a point."""
        found: dict[str, Array] = {
            "weights": self.weights,
            "visible": self.visible,
            "hidden": self.hidden,
        }
        for name, members in (
            ("velocity", self.velocity),
            ("fast", self.fast),
            ("offsets", self.offsets),
        ):
            if members is not None:  # names are written out: this runs in every epoch
                for part, array in zip(_TUPLES[name], members, strict=True):
                    found[f"{name}.{part}"] = array
        if self.activity is not None:
            found["activity"] = self.activity
        if self.chains is not None:
            found["chains"] = self.chains
        for name, units in (
            ("unit_parameters", self.unit_parameters),
            ("unit_state", self.unit_state),
        ):
            for part, array in units.items():
                found[f"{name}.{part}"] = array
        return found

    def is_finite(self) -> bool:
        """Return whether no array holds NaN or an infinity."""
        return all(bool(np.isfinite(array).all()) for array in self.arrays().values())

    def make_writable(self) -> None:
        """Copy arrays that are read-only, such as those that joblib mapped from a file."""
        arrays = self.arrays()
        if not all(array.flags.writeable for array in arrays.values()):
            self._set({n: a if a.flags.writeable else a.copy() for n, a in arrays.items()})

    def state(self) -> dict[str, Any]:
        """Return copies of all arrays, and the numbers that belong to them."""
        return {
            "arrays": {name: array.copy() for name, array in self.arrays().items()},
            "key": self.key,
            "steps": self.steps,
            "epochs": self.epochs,
            "draws": self.draws,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Return to a state; arrays of the same shape are filled in place."""
        own = self.arrays()
        for name, array in state["arrays"].items():
            mine = own.get(name)
            if mine is not None and mine.shape == array.shape and mine.dtype == array.dtype:
                mine[...] = array
            else:
                own[name] = array.copy()
        self._set({name: own[name] for name in state["arrays"]})
        for name in _NUMBERS:
            setattr(self, name, state[name])

    def _set(self, arrays: dict[str, Array]) -> None:
        for name in _ARRAYS:
            setattr(self, name, arrays.get(name))
        for name, parts in _TUPLES.items():
            members = tuple(arrays[f"{name}.{p}"] for p in parts if f"{name}.{p}" in arrays)
            setattr(self, name, members or None)
        for name in _DICTS:
            start = f"{name}."
            found = {n[len(start) :]: a for n, a in arrays.items() if n.startswith(start)}
            setattr(self, name, found)
