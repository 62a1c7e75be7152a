"""Likelihoods of a Boltzmann machine: log Z exactly or by annealed importance sampling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._ground import random
from ..._ground.isa import core
from ..machine import kernels
from ..machine.machine import LITTLE_BATCH, Machine
from ..machine.rows import rows_of
from ..machine.units import Units
from ..units.bernoulli import Bernoulli
from .chains import Chains, Start, check_count, gibbs

Array = NDArray[Any]

#: Units of the smaller layer up to which log Z is summed: 2**25 states take seconds.
MOST_ENUMERATED = 25

METHODS = ("auto", "exact", "ais", "reverse_ais")

#: Ends of the segments of Salakhutdinov and Murray's path, and their numbers of its 14,500 steps.
_STRETCHES = ((0.5, 500), (0.9, 4000), (1.0, 10000))

#: Base rates are kept this far from 0 and 1, so that no state is impossible at beta = 0.
_LEAST_RATE = 1e-3

#: Chains and steps (after as many of burn-in) whose means give the base rates.
_RATE_CHAINS, _RATE_STEPS = 100, 100

#: Visible states whose free energies are in memory at once.
_STATES_AT_ONCE = 1 << 16

_BOUNDS = {
    "exact": "exact",
    "ais": "stochastic lower bound",
    "reverse_ais": "stochastic upper bound",
}


@dataclass(frozen=True, eq=False)
class LogPartition:
    """The logarithm of a machine's normalizing constant Z, with its error.

    Attributes
    ----------
    value : float
        log Z, in nats.
    method : {"exact", "ais", "reverse_ais"}
        How it was computed.
    standard_error : float
        Of ``value``, from the spread of the weights (delta method); 0 if exact. It covers only
        regions that some chain has found: the gap between the two bounds is more informative.
    interval : tuple of two floats
        log of the mean weight less and plus 3 standard errors of that mean, as Salakhutdinov and
        Murray (2008) give it; its end is infinite if 3 errors are more than the mean.
    log_weights : ndarray of shape (n_chains,)
        Logarithms of the chains' weights: each is an estimate of log Z (``"ais"``) or of -log Z
        (``"reverse_ais"``). Empty if exact.
    effective_sample_size : float
        (sum w)^2 / sum w^2: near ``n_chains`` if the weights agree, near 1 if one chain
        dominates the estimate, which then is unreliable. Infinite if exact.
    n_betas : int
        Steps of the path from beta = 0 to 1; 0 if exact.
    """

    value: float
    method: str
    standard_error: float = 0.0
    interval: tuple[float, float] = (float("nan"), float("nan"))
    log_weights: Array = field(default_factory=lambda: np.empty(0))
    effective_sample_size: float = float("inf")
    n_betas: int = 0

    @property
    def bound(self) -> str:
        """What ``value`` is: "exact", "stochastic lower bound" or "stochastic upper bound".

        The estimate of Z by annealed importance sampling is unbiased, so that its logarithm is too
        low on average and hardly ever much too high. The reverse has this of 1 / Z, provided that
        its chains start at exact samples of the machine.
        """
        return _BOUNDS[self.method]

    @property
    def n_chains(self) -> int:
        """Chains that were run."""
        return len(self.log_weights)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        if self.method == "exact":
            return f"log Z = {self.value:.6f} (exact)"
        low, high = self.interval
        name = "AIS" if self.method == "ais" else "reverse AIS"
        return (
            f"log Z = {self.value:.3f} +- {self.standard_error:.3f}, 3 errors [{low:.3f}, "
            f"{high:.3f}] ({name}: {self.bound}; {self.n_chains} chains, {self.n_betas} betas, "
            f"effective sample size {self.effective_sample_size:.1f})"
        )

    @classmethod
    def of_weights(cls, log_weights: Array, method: str, n_betas: int) -> LogPartition:
        """Build the estimate from the chains' weights."""
        n = len(log_weights)
        top = float(log_weights.max())
        w = np.exp(log_weights - top)
        mean = float(w.mean())
        error = float(w.std(ddof=1) / np.sqrt(n) / mean) if n > 1 else float("inf")
        with np.errstate(divide="ignore"):
            ends = [float(np.log(max(0.0, 1 - 3 * error))), float(np.log1p(3 * error))]
        value = top + float(np.log(mean))
        sign = -1.0 if method == "reverse_ais" else 1.0
        low, high = sorted(sign * (value + end) for end in ends)
        return cls(
            value=sign * value,
            method=method,
            standard_error=error,
            interval=(low, high),
            log_weights=log_weights,
            effective_sample_size=float(w.sum() ** 2 / (w @ w)),
            n_betas=n_betas,
        )


def schedule(n_betas: int) -> Array:
    """Return ``n_betas`` steps from 0 to 1, spaced as Salakhutdinov and Murray (2008) space them.

    Of 14,500 steps 500 lead to 0.5, 4000 on to 0.9 and 10,000 on to 1.

    Parameters
    ----------
    n_betas : int
        At least 3.

    Returns
    -------
    ndarray of float64, shape (n_betas + 1,)
        From 0 to 1.
    """
    total = sum(count for _, count in _STRETCHES)
    first = max(1, round(n_betas * _STRETCHES[0][1] / total))
    second = max(1, round(n_betas * _STRETCHES[1][1] / total))
    parts, last = [np.zeros(1)], 0.0
    counts = (first, second, n_betas - first - second)
    for (end, _), count in zip(_STRETCHES, counts, strict=True):
        parts.append(np.linspace(last, end, count + 1)[1:])
        last = end
    return np.concatenate(parts)


@dataclass(frozen=True)
class Annealing:
    """How log Z is estimated; :meth:`gibbous.BernoulliRBM.log_partition` documents each field."""

    n_chains: int = 100
    n_betas: int = 14_500
    betas: ArrayLike | None = None
    base_rates: ArrayLike | None = None
    burn_in: int = 1000

    def __post_init__(self) -> None:
        check_count("n_chains", self.n_chains, 1)
        check_count("n_betas", self.n_betas, 3)
        check_count("burn_in", self.burn_in, 0)

    def path(self) -> Array:
        """Return the inverse temperatures, rising from 0 to 1."""
        return schedule(int(self.n_betas)) if self.betas is None else _checked_betas(self.betas)


def method_of(machine: Machine, units: Units, method: str) -> str:
    """Return the method that "auto" stands for, and every other as it is.

    Raises
    ------
    ValueError
        If the method is unknown, or the machine is too large for it.
    """
    k, d = machine.n_hidden, machine.n_visible
    if units.hidden_units != "binary":
        if method not in ("auto", "exact") or d > MOST_ENUMERATED:
            raise ValueError(
                f"hidden_units={units.hidden_units!r}: log Z is summed over all visible states, "
                f"which may have {MOST_ENUMERATED} units at most; this machine has {d}, "
                f"and method={method!r} was asked for"
            )
        return "exact"
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    small = min(k, d) <= MOST_ENUMERATED
    if method == "auto":
        return "exact" if small else "ais"
    if method == "exact" and not small:
        raise ValueError(
            f"method='exact' sums over all states of the smaller layer, which may have "
            f"{MOST_ENUMERATED} units at most; this machine has {d} visible and {k} hidden "
            "units: use method='ais' and 'reverse_ais'"
        )
    return method


def exact_log_partition(machine: Machine, units: Bernoulli, jobs: int = 1) -> LogPartition:
    """Return log Z, summed over all states of the smaller layer.

    Stepped hidden units have too many states: the sum then is over all visible states.
    """
    if units.hidden_units == "binary":
        n_states = 1 << min(machine.n_hidden, machine.n_visible)
        parameters = kernels.parameters_of(machine, units.codes())
        threads = machine.threads_for(n_states, jobs)
        value = float(core.rbm.exact_log_partition(parameters, threads))
        return LogPartition(value, "exact", interval=(value, value))
    d = machine.n_visible
    value, codes = -np.inf, np.arange(1 << d, dtype=np.uint32)
    for first in range(0, 1 << d, _STATES_AT_ONCE):
        some = codes[first : first + _STATES_AT_ONCE, None]
        states = (some >> np.arange(d, dtype=np.uint32) & 1).astype(np.uint8)
        rows = rows_of(states, str(machine.dtype), jobs)
        energies = kernels.free_energies(machine, units.codes(), rows, jobs)
        value = float(np.logaddexp(value, np.logaddexp.reduce(-energies)))
    return LogPartition(value, "exact", interval=(value, value))


def annealed_log_partition(
    machine: Machine,
    units: Bernoulli,
    method: str,
    annealing: Annealing,
    seed: int,
    *,
    start: Start | None = None,
    jobs: int = 1,
) -> LogPartition:
    """Return log Z by annealed importance sampling, forward ("ais") or backward ("reverse_ais").

    Parameters
    ----------
    machine : Machine
        With hidden units of two states.
    units : Bernoulli
    method : {"ais", "reverse_ais"}
    annealing : Annealing
    seed : int
        Key of the random numbers.
    start : Start, optional
        Where "reverse_ais" starts; None for the persistent chains, if there are any.
    jobs : int, default 1
        Threads at most. The bits are the same for any number.
    """
    path = annealing.path()
    n_chains = annealing.n_chains
    start = start or Start()
    own = Start(None if machine.chains is None else "chains", start.persistent)
    base = _base(machine, units, annealing.base_rates, seed, own, jobs)
    if method == "ais":
        hidden = np.zeros((n_chains, machine.n_hidden), machine.dtype)
    else:
        chains = _burnt_in(
            machine, units, own if start.at is None else start, (n_chains, annealing.burn_in),
            random.child(seed, "rbm-ais", 1), jobs,
        )  # fmt: skip
        hidden, path = chains.hidden, path[::-1]
    log_weights = core.rbm.anneal(
        kernels.parameters_of(machine, units.codes()),
        base,
        np.ascontiguousarray(path),
        hidden,
        random.child(seed, "rbm-ais"),
        machine.threads_for(n_chains, jobs, LITTLE_BATCH),
    )
    at_zero = machine.n_hidden * np.log(2.0)
    at_zero += float(np.logaddexp(0.0, base.astype(np.float64)).sum())
    log_weights += at_zero if method == "ais" else -at_zero
    return LogPartition.of_weights(log_weights, method, len(path) - 1)


def _base(
    machine: Machine, units: Units, rates: ArrayLike | None, seed: int, start: Start, jobs: int
) -> Array:
    """Return visible biases of the machine at beta = 0."""
    d = machine.n_visible
    if rates is None:
        p = _own_rates(machine, units, seed, start, jobs)
    else:
        p = np.asarray(rates, dtype=np.float64)
        if p.shape != (d,):
            raise ValueError(f"base_rates must have shape ({d},); got {p.shape}")
        if not ((p >= 0) & (p <= 1)).all():  # NaN too
            raise ValueError("base_rates must be means of states, between 0 and 1")
    p = np.clip(p, _LEAST_RATE, 1 - _LEAST_RATE)
    return np.asarray(np.log(p / (1 - p)), dtype=machine.dtype)


def _own_rates(machine: Machine, units: Units, seed: int, start: Start, jobs: int) -> Array:
    """Return the means of the visible units along short chains."""
    seed = random.child(seed, "rbm-ais", 2)
    chains = _burnt_in(machine, units, start, (_RATE_CHAINS, _RATE_STEPS), seed, jobs)
    total = np.zeros(machine.n_visible)
    for _ in range(_RATE_STEPS):
        means = gibbs(machine, units, chains, 1, means=True, jobs=jobs)
        total += means.mean(axis=0, dtype=np.float64)
    return total / _RATE_STEPS


def _burnt_in(
    machine: Machine,
    units: Units,
    start: Start,
    size: tuple[int, int],
    seed: int,
    jobs: int,
) -> Chains:
    """Return (chains, steps) of chains after so many steps."""
    n, burn_in = size
    hidden = start.hidden(machine, units, n, seed, jobs)
    chains = Chains(np.ascontiguousarray(hidden[np.arange(n) % len(hidden)]), seed)
    if burn_in:
        gibbs(machine, units, chains, burn_in, jobs=jobs)
    return chains


def _checked_betas(betas: ArrayLike) -> Array:
    path = np.asarray(betas, dtype=np.float64)
    if path.ndim != 1 or path.size < 2 or path[0] != 0 or path[-1] != 1:
        raise ValueError("betas must be numbers that begin with 0 and end with 1")
    if not (np.diff(path) > 0).all():
        raise ValueError("betas must rise from each to the next")
    return path
