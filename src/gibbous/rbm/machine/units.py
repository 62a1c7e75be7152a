"""What a kind of visible unit has to do: the interface, and what most kinds share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._ground import random
from ..._ground.isa import core
from . import kernels
from .machine import Machine
from .settings import HIDDEN_UNITS, Settings

Array = NDArray[Any]
U = TypeVar("U", bound="Units")


@dataclass(frozen=True)
class Flips:
    """Which variables of each row an estimate of a pseudo-likelihood uses.

    Attributes
    ----------
    key : int
        Key of the random numbers.
    n : int or None
        Variables of each row; None for all of them.
    """

    key: int
    n: int | None = 1

    def generator(self, n: int, variables: int) -> np.random.Generator:
        """Return the source of the variables of each row.

        Raises
        ------
        ValueError
            If there are fewer variables than are asked for.
        """
        if not 1 <= n <= variables:
            raise ValueError(f"n_flips must be between 1 and {variables}, or None; got {n}")
        return random.generator(self.key, "rbm-flip")


@dataclass(frozen=True)
class Clamp:
    """Visible states that chains keep fixed.

    Attributes
    ----------
    states : ndarray of shape (n, n_visible), or None
        NaN for free units; None if all are free.
    lengths : ndarray of shape (n,), or None
        Words of each chain, for units that are counts.
    """

    states: Array | None = None
    lengths: Array | None = None


@dataclass(frozen=True)
class Units:
    """A kind of visible unit: how to prepare rows, start, sample, score and reconstruct.

    Instances hold the parameters of the kind and what was measured on the training data. They
    never change; :meth:`for_columns` and :meth:`fitted` return new ones. ``X`` stands for rows that
    :meth:`checked` returned.
    """

    hidden_units: str = "binary"

    #: Keywords of ``validate_data`` for rows of this kind.
    accepts: ClassVar[dict[str, Any]] = {}
    #: The same for rows with missing entries.
    accepts_missing: ClassVar[dict[str, Any]] = {"dtype": np.float64}
    #: Rows whose pseudo-likelihood is monitored: enough for two digits, at a low cost.
    watched_rows: ClassVar[int] = 1000
    #: Number of the kind in the core.
    code: ClassVar[int] = 0

    def codes(self) -> Any:
        """Return the kinds of units as the core takes them; None for units of two states."""
        return core.layers.Units(self.code, HIDDEN_UNITS[self.hidden_units])

    # ---- rows ------------------------------------------------------------------------------------

    def checked(self, X: Any, name: str, *, training: bool = False) -> Any:
        """Return rows that scikit-learn has checked in the form that the other methods take.

        ``name`` is the class that errors name; rows for training have to be in range.
        """
        return X

    def rows(
        self, X: Any, dtype: str, jobs: int, weight: Array | None = None, *, training: bool = False
    ) -> Any:
        """Return rows as the core takes them; drawn anew in training if the kind says so."""
        raise TypeError(f"{type(self).__name__} has no rows")

    def rows_of_means(self, v: Array, dtype: str, jobs: int) -> Any:
        """Return means of visible units as rows for the core."""
        raise TypeError(f"{type(self).__name__} has no rows of means")

    def seen(self, X: Any) -> Array:
        """Return dense float64 rows on the scale on which :meth:`restored_means` returns means."""
        return np.asarray(X, dtype=np.float64)

    def sizes(self, X: Any) -> Any:
        """Return what a pseudo-likelihood is divided by to compare machines of other widths."""
        return X.shape[1]

    # ---- the start of training -------------------------------------------------------------------

    def for_columns(self: U, X: Any) -> U:
        """Return units for the columns of X: what has to be known to check other rows."""
        return self

    def fitted(self: U, X: Any, weight: Array | None) -> U:
        """Return units with what is measured on the training rows."""
        return self

    def n_visible(self, X: Any) -> int:
        """Return the number of visible units."""
        return int(X.shape[1])

    def first_bias(self, X: Any, weight: Array | None) -> Array:
        """Return the visible biases that training starts from."""
        return np.zeros(self.n_visible(X))

    def first_parameters(self, X: Any, dtype: str) -> dict[str, Array]:
        """Return further parameters as training starts from them."""
        return {}

    def means(self, machine: Machine, X: Any, weight: Array | None) -> Array:
        """Return the means of the visible units over the rows, in the units of the gradient."""
        raise TypeError(f"{type(self).__name__} has no means")

    def prepare(self, machine: Machine, settings: Settings, X: Any, weight: Array | None) -> None:
        """Create the state of training that only this kind needs, and drop what it does not."""

    def set_up(self, core_settings: Any, settings: Settings) -> None:
        """Set what only this kind has settings for."""

    # ---- scores ----------------------------------------------------------------------------------

    def free_energy(self, machine: Machine, X: Any, jobs: int) -> Array:
        """Return F(v) of the rows."""
        rows = self.rows(X, str(machine.dtype), machine.threads_for(X.shape[0], jobs))
        return kernels.free_energies(machine, self.codes(), rows, jobs)

    def hidden_means(self, machine: Machine, X: Any, jobs: int) -> Array:
        """Return E(h | v) of the rows."""
        rows = self.rows(X, str(machine.dtype), machine.threads_for(X.shape[0], jobs))
        return kernels.hidden_means(machine, self.codes(), rows, jobs)

    def first_units(self, variables: Array) -> Array:
        """Return the first visible unit of each variable."""
        return variables

    def n_variables(self, X: Any) -> int:
        """Return the number of variables of a row."""
        return int(X.shape[1])

    def pseudo_likelihood(self, machine: Machine, X: Any, flips: Flips, jobs: int) -> Array:
        """Return the sum over variables of log P(variable | all others), estimated or exact."""
        n, d = X.shape[0], self.n_variables(X)
        n_flips = d if flips.n is None else flips.n
        rng = flips.generator(n_flips, d)
        rows = self.rows(X, str(machine.dtype), machine.threads_for(n, jobs))
        codes = self.codes()
        total = np.zeros(n)
        first = rng.integers(0, d, n)
        for flip in range(n_flips):
            chosen = self.first_units((first + flip) % d)
            total += kernels.conditionals(machine, codes, rows, chosen, jobs)
        return np.asarray(total * (d / n_flips))

    def least_score(self, machine: Machine) -> float:
        """Return a pseudo-likelihood per row below which training has diverged."""
        return -np.inf

    def log_visible(self, machine: Machine, inputs: Array) -> Array:
        """Return the logarithm of the sum, or integral, over the visible states.

        ``inputs`` (m, n_visible): what the hidden units add to the visible biases.
        """
        raise TypeError(f"{type(self).__name__} has no sum over visible states")

    # ---- chains ----------------------------------------------------------------------------------

    def draw_hidden(self, machine: Machine, X: Any, seed: int, jobs: int) -> Array:
        """Return a draw from P(h | v)."""
        if self.hidden_units == "binary":
            p = self.hidden_means(machine, X, jobs)
            rng = np.random.Generator(np.random.Philox(key=seed))
            return (rng.random(p.shape, dtype=p.dtype) < p).astype(p.dtype)
        rows = self.rows(X, str(machine.dtype), machine.threads_for(X.shape[0], jobs))
        return kernels.hidden_draws(machine, self.codes(), rows, seed, jobs)

    def draw_hidden_next(self, machine: Machine, X: Any, jobs: int) -> Array:
        """Return a draw from P(h | v) with the machine's next key."""
        return self.draw_hidden(machine, X, machine.next_key(), jobs)

    def draw_start(self, machine: Machine, X: Any, seed: int, jobs: int) -> Array:
        """Return hidden states for chains that start at the rows of X."""
        return self.draw_hidden(machine, X, random.child(seed, "rbm-start"), jobs)

    def held(self, X: Any) -> Clamp:
        """Return what a chain that starts at the rows of X keeps of them."""
        return Clamp()

    def visible_means(self, machine: Machine, h: Array, X: Any, jobs: int) -> Array:
        """Return E(v | h); X holds the rows that h belongs to."""
        raise TypeError(f"{type(self).__name__} has no means")

    def restored(self, v: Array) -> Array:
        """Return states of the visible units as data."""
        return v

    def restored_means(self, v: Array) -> Array:
        """Return means of the visible units as data."""
        return v

    def step_states(self, v: Array) -> Array:
        """Return states of the visible units as a single Gibbs step returns them."""
        return self.restored(v)

    def residuals(self, X: Any, back: Array) -> Array:
        """Return how far restored means are from the rows that they reconstruct."""
        return np.asarray(self.seen(X) - back.astype(np.float64))

    # ---- missing entries -------------------------------------------------------------------------

    def clamp(self, X: Array, name: str, **known: Any) -> Clamp:
        """Return what is known of rows with NaN for missing entries.

        ``known`` are further arguments of the kind; ``name`` is the class that errors name.
        """
        return Clamp(X)

    def filled(self, X: Array, means: Array) -> Array:
        """Return X with missing entries replaced by means of the visible units."""
        return np.where(np.isnan(X), means, X)
