"""Gibbs chains of a machine: samples, reconstructions, and missing entries filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..._ground import random
from ..._ground.isa import core
from ..machine import kernels
from ..machine.machine import LITTLE_BATCH, Machine
from ..machine.units import Clamp, Units

Array = NDArray[Any]


def check_count(name: str, value: Any, least: int) -> None:
    """Refuse what is not a whole number of at least ``least``.

    Raises
    ------
    ValueError
        Names the argument and what was given.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}")


def key_for(machine: Machine, random_state: random.RandomState) -> int:
    """Return the key of a random state; None for the machine's next one."""
    return machine.next_key() if random_state is None else random.key_of(random_state)


@dataclass(eq=False)
class Chains:
    """The state of Gibbs chains that run side by side.

    Attributes
    ----------
    hidden : ndarray of shape (n_chains, n_hidden)
        Hidden states; :func:`gibbs` moves them in place.
    seed : int
        Key of the random numbers.
    step : int
        Sampling steps so far, an address of random numbers.
    clamp : Clamp
        Visible states that stay fixed.
    """

    hidden: Array
    seed: int
    step: int = 0
    clamp: Clamp = field(default_factory=Clamp)

    def __post_init__(self) -> None:
        dtype, given = self.hidden.dtype, (self.clamp.states, self.clamp.lengths)
        states, lengths = (
            None if array is None else np.ascontiguousarray(array, dtype=dtype) for array in given
        )
        self.clamp = Clamp(states, lengths)


def gibbs(
    machine: Machine,
    units: Units,
    chains: Chains,
    steps: int,
    *,
    means: bool = False,
    jobs: int = 1,
) -> Array:
    """Run chains for some steps, in place, and return their visible states or means.

    Parameters
    ----------
    machine : Machine
    units : Units
    chains : Chains
        IN and OUT.
    steps : int
        Steps down to the visible units and up again.
    means : bool, default False
        Return the means of the last step down instead of its states.
    jobs : int, default 1
        Threads at most. The bits are the same for any number.

    Returns
    -------
    ndarray of shape (n_chains, n_visible)
    """
    n = chains.hidden.shape[0]
    out = np.zeros((n, machine.n_visible), machine.dtype)
    core.rbm.gibbs(
        kernels.parameters_of(machine, units.codes()),
        core.rbm.chains(chains.hidden, out, chains.clamp.states, chains.clamp.lengths),
        steps,
        chains.seed,
        chains.step,
        means,
        machine.threads_for(n, jobs, LITTLE_BATCH),
    )
    chains.step += 2 * steps
    return out


def gibbs_step(machine: Machine, units: Units, X: Any, jobs: int = 1) -> Array:
    """Return what one Gibbs step from the rows of X draws, with the machine's next keys."""
    hidden = units.draw_hidden_next(machine, X, jobs)
    chains = Chains(hidden, machine.next_key(), clamp=units.held(X))
    return units.step_states(gibbs(machine, units, chains, 1, jobs=jobs))


# ---- samples -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Where chains start.

    Attributes
    ----------
    at : None, "chains" or rows
        At hidden units drawn from their biases, at the persistent chains of training, or at rows
        that the units have checked.
    persistent : int or None
        How many of the persistent chains to use; None for all.
    """

    at: Any = None
    persistent: int | None = None

    def hidden(self, machine: Machine, units: Units, n: int, seed: int, jobs: int) -> Array:
        """Return hidden states: of n chains, of the persistent ones, or of one for each row.

        Raises
        ------
        ValueError
            If there are no persistent chains.
        """
        if self.at is None:
            seed = random.child(seed, "rbm-start")
            rng = np.random.Generator(np.random.Philox(key=seed))
            p = expit(machine.hidden.astype(np.float64))
            return np.asarray(rng.random((n, p.size)) < p, dtype=machine.dtype)
        if isinstance(self.at, str):
            if self.at != "chains" or machine.chains is None:
                raise ValueError(
                    f"start={self.at!r}: give None, visible states, or 'chains' for a machine that "
                    "was trained with persistent chains (method is not 'cd')"
                )
            return np.ascontiguousarray(machine.chains[: self.persistent])
        return units.draw_start(machine, self.at, seed, jobs)


@dataclass(frozen=True)
class Sampling:
    """How many rows to draw, and how; :meth:`gibbous.BernoulliRBM.sample` documents each field."""

    n_samples: int = 1
    burn_in: int = 1000
    thin: int = 1
    n_chains: int | None = None
    means: bool = False

    def __post_init__(self) -> None:
        check_count("n_samples", self.n_samples, 1)
        check_count("burn_in", self.burn_in, 0)
        check_count("thin", self.thin, 1)
        if self.n_chains is not None:
            check_count("n_chains", self.n_chains, 1)


def sample(
    machine: Machine,
    units: Units,
    sampling: Sampling,
    seed: int,
    *,
    start: Start | None = None,
    clamp: Clamp | None = None,
    jobs: int = 1,
) -> Array:
    """Draw visible states or means by block Gibbs sampling.

    Parameters
    ----------
    machine : Machine
    units : Units
    sampling : Sampling
    seed : int
        Key of the random numbers.
    start : Start, optional
    clamp : Clamp, optional
        Visible states of the chains that stay fixed.
    jobs : int, default 1
        Threads at most.

    Returns
    -------
    ndarray of shape (n_samples, n_visible)
        Rows of one chain are ``n_chains`` apart.

    Raises
    ------
    ValueError
        If ``start`` has another number of rows than there are chains.
    """
    start = start or Start()
    n, given = sampling.n_samples, sampling.n_chains
    if start.at is not None and not isinstance(start.at, str):
        rows = start.at.shape[0]
        if given is not None and given != rows:
            raise ValueError(f"n_chains={given}, but start has {rows} rows: leave one out")
    hidden = start.hidden(machine, units, n if given is None else given, seed, jobs)
    chains = Chains(hidden, seed, clamp=clamp or Clamp())
    found = []
    for number in range(-(-n // hidden.shape[0])):
        steps = (sampling.burn_in + 1) if number == 0 else sampling.thin
        found.append(gibbs(machine, units, chains, steps, means=sampling.means, jobs=jobs))
    return np.concatenate(found)[:n]


# ---- reconstructions and missing entries ---------------------------------------------------------


def reconstruct(machine: Machine, units: Units, X: Any, n_steps: int = 1, jobs: int = 1) -> Array:
    """Return the means of the visible units after steps up and down by means (mean field).

    Raises
    ------
    ValueError
        If ``n_steps`` is not a whole number of at least 1.
    """
    check_count("n_steps", n_steps, 1)
    h = units.hidden_means(machine, X, jobs)
    for step in range(n_steps):
        v = units.visible_means(machine, h, X, jobs)
        if step + 1 < n_steps:
            rows = units.rows_of_means(v, str(machine.dtype), machine.threads_for(len(v), jobs))
            h = kernels.hidden_means(machine, units.codes(), rows, jobs)
    return units.restored_means(v)


@dataclass(frozen=True)
class Averaging:
    """Gibbs steps of burn-in, and steps after these whose means are averaged."""

    n_steps: int = 500
    n_average: int = 100

    def __post_init__(self) -> None:
        check_count("n_steps", self.n_steps, 0)
        check_count("n_average", self.n_average, 1)


def impute(
    machine: Machine, units: Units, clamp: Clamp, averaging: Averaging, seed: int, jobs: int = 1
) -> Array:
    """Return the means of the visible units given those that are known.

    Parameters
    ----------
    machine : Machine
    units : Units
    clamp : Clamp
        Visible states, NaN for free units.
    averaging : Averaging
    seed : int
        Key of the random numbers.
    jobs : int, default 1
        Threads at most.

    Returns
    -------
    ndarray of float64, shape (n, n_visible)
    """
    if clamp.states is None:
        raise ValueError("clamp must hold visible states, with NaN for free units")
    hidden = Start().hidden(machine, units, len(clamp.states), seed, jobs)
    chains = Chains(hidden, seed, clamp=clamp)
    if averaging.n_steps:
        gibbs(machine, units, chains, averaging.n_steps, jobs=jobs)
    total = np.zeros(clamp.states.shape)
    for _ in range(averaging.n_average):
        total += gibbs(machine, units, chains, 1, means=True, jobs=jobs)
    return np.asarray(total / averaging.n_average)
