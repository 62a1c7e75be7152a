"""Likelihoods of a Boltzmann machine: log Z exactly or by annealed importance sampling."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ..._ground import random
from ..._ground.isa import core
from ..machine.machine import LITTLE_BATCH
from ..machine.rows import rows_of
from .chains import Chains

Array = NDArray[Any]

#: Units of the smaller layer up to which log Z is summed: 2**25 states take seconds.
MOST_ENUMERATED = 25

METHODS = ("auto", "exact", "ais", "reverse_ais")

#: Ends of the stretches of Salakhutdinov and Murray's path, and their shares of its 14,500 steps.
_STRETCHES = ((0.5, 500), (0.9, 4000), (1.0, 10000))

#: Base rates are kept this far from 0 and 1, so that no state is impossible at beta = 0.
_LEAST_RATE = 1e-3

#: Chains and steps (after as many of burn-in) whose means give the base rates.
_RATE_CHAINS, _RATE_STEPS = 100, 100

#: Visible states whose free energies are in memory together.
_STATES_AT_ONCE = 1 << 16

_BOUNDS = {
    "exact": "exact",
    "ais": "stochastic lower bound",
    "reverse_ais": "stochastic upper bound",
}


@dataclass(frozen=True, eq=False)
class LogPartition:
    """The logarithm of a machine's normalising constant Z, with its error.

    Attributes
    ----------
    value : float
        log Z, in nats.
    method : {"exact", "ais", "reverse_ais"}
        How it was found.
    standard_error : float
        Of ``value``, from the spread of the weights (delta method); 0 where exact. It knows only
        of the regions that some chain has found: the gap between the two bounds tells more.
    interval : tuple of two floats
        log of the mean weight less and plus 3 standard errors of that mean, as Salakhutdinov and
        Murray (2008) give it; its end is infinite where 3 errors are more than the mean.
    log_weights : ndarray of shape (n_chains,)
        Logarithms of the chains' weights: each is an estimate of log Z (``"ais"``) or of -log Z
        (``"reverse_ais"``). Empty where exact.
    effective_sample_size : float
        (sum w)^2 / sum w^2: near ``n_chains`` where the weights agree, near 1 where one chain
        carries the estimate, which then is not to be trusted. Infinite where exact.
    n_betas : int
        Steps of the path from beta = 0 to 1; 0 where exact.
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


class Likelihood(Chains):
    """Normalised likelihoods of a machine of two-state units."""

    def log_partition(
        self,
        method: str = "auto",
        *,
        n_chains: int = 100,
        n_betas: int = 14_500,
        betas: ArrayLike | None = None,
        base_rates: ArrayLike | None = None,
        start: Any = None,
        burn_in: int = 1000,
        random_state: random.RandomState = None,
    ) -> LogPartition:
        """Return log Z, the normalising constant of P(v) = exp(-F(v)) / Z.

        Parameters
        ----------
        method : {"auto", "exact", "ais", "reverse_ais"}, default "auto"
            "exact" sums over all states of the smaller layer, which must have 25 units or fewer;
            "ais" is annealed importance sampling (Neal 2001) along the path of Salakhutdinov and
            Murray (2008), from a machine without weights; "reverse_ais" runs the same path
            backward, from samples of the machine. The first is a stochastic lower bound of log Z
            (so that likelihoods come out too high), the second an upper bound where its samples
            are exact: then the truth lies between them. Chains that have not found all modes
            make the second too low instead; a longer ``burn_in`` that moves it shows that.
            "auto" is "exact" where that can be, else "ais".
        n_chains : int, default 100
            Chains of annealed importance sampling, side by side.
        n_betas : int, default 14500
            Steps of the path, at least 3: as many as in the paper, spaced as there.
        betas : array-like of shape (n_steps + 1,), optional
            The path itself, rising from 0 to 1, in the place of ``n_betas``.
        base_rates : array-like of shape (n_features,), optional
            Means of the visible units at beta = 0, for instance those of the training data on the
            scale of states. None takes those of short chains of the machine.
        start : {None, "chains"} or array-like of shape (n_starts, n_features)
            Where "reverse_ais" begins: at the persistent chains of training ("chains"; None too,
            where there are any), or at visible states; used in turn where they are fewer than
            ``n_chains``. Else None begins at random.
        burn_in : int, default 1000
            Gibbs steps of the machine from ``start`` to the beginning of "reverse_ais".
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed, so that every call differs.

        Returns
        -------
        LogPartition
            ``value``, its error and interval, and the weights. ``float()`` of it is the value.

        Raises
        ------
        ValueError
            If "exact" is asked for and both layers have more than 25 units, or a number is out of
            range.
        KeyboardInterrupt
            On Ctrl-C, within half a second.

        Notes
        -----
        A chain and beta cost a step of Gibbs sampling. One seed gives the same bits for any
        ``n_jobs``. Base rates drawn from the machine leave the estimate unbiased, since the
        chains' random numbers are others.
        """
        check_is_fitted(self)
        if self.hidden_units != "binary":
            return self._over_visible_states(method)
        method = self._method_of(method)
        if method == "exact":
            find: Any = core.rbm.exact_log_partition  # one function for both precisions
            states = 1 << min(self.components_.shape)
            value = float(find(*self._parameters(), self._threads_for(states)))
            return LogPartition(value, "exact", interval=(value, value))
        for name, given, least in (
            ("n_chains", n_chains, 1),
            ("n_betas", n_betas, 3),
            ("burn_in", burn_in, 0),
        ):
            if isinstance(given, bool) or not isinstance(given, Integral) or given < least:
                raise ValueError(f"{name} must be an integer of at least {least}; got {given!r}")
        path = schedule(int(n_betas)) if betas is None else _checked_betas(betas)
        seed = self._next_seed() if random_state is None else random.key_of(random_state)
        base = self._base(base_rates, seed)
        if method == "ais":
            hidden = np.zeros((n_chains, self.components_.shape[0]), self.components_.dtype)
        else:
            hidden = self._samples(n_chains, start, burn_in, random.child(seed, "rbm-ais", 1))
            path = path[::-1]
        anneal: Any = core.rbm.anneal
        log_weights = anneal(
            *self._parameters(),
            base,
            np.ascontiguousarray(path),
            hidden,
            random.child(seed, "rbm-ais"),
            self._threads_for(n_chains, LITTLE_BATCH),
        )
        at_zero = self.components_.shape[0] * np.log(2.0)
        at_zero += float(np.logaddexp(0.0, base.astype(np.float64)).sum())
        log_weights += at_zero if method == "ais" else -at_zero
        return LogPartition.of_weights(log_weights, method, len(path) - 1)

    def log_likelihood(
        self,
        X: Any,
        method: str = "auto",
        *,
        log_partition: LogPartition | float | None = None,
        **options: Any,
    ) -> Array:
        """Return log P(v) = -F(v) - log Z of every row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States of 0 and 1 (or ``data_max``); with a threshold as ``binarize``, numbers that it
            turns into states. Probabilities have no likelihood under binary units.
        method : {"auto", "exact", "ais", "reverse_ais"}, default "auto"
            How log Z is found: see :meth:`log_partition`. Estimates by "ais" are too high on
            average, by "reverse_ais" too low.
        log_partition : LogPartition or float, optional
            log Z that is known already, in the place of ``method``: its error is the error of the
            mean of what is returned.
        **options
            For :meth:`log_partition`.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats. Rows share the error of log Z.

        Raises
        ------
        ValueError
            If a row of X is not binary, or as :meth:`log_partition`.

        Examples
        --------
        >>> import numpy as np
        >>> from gibbous import BernoulliRBM
        >>> X = np.tile(np.eye(6, dtype=np.uint8), (20, 1))
        >>> model = BernoulliRBM(4, n_iter=5, random_state=0).fit(X)
        >>> log_z = model.log_partition()
        >>> rows = model.log_likelihood(X, log_partition=log_z)
        >>> rows.shape, log_z.bound
        ((120,), 'exact')
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        self._refuse_probabilities(X)
        if log_partition is None:
            log_z = self.log_partition(method, **options).value
        elif options:
            raise ValueError(
                f"log_partition is given, so {', '.join(sorted(options))} would not be used; "
                "leave one out"
            )
        else:
            log_z = float(log_partition)
        return np.asarray(-self._free_energy(X) - log_z)

    def _over_visible_states(self, method: str) -> LogPartition:
        """Return log Z of a machine whose hidden units are not of two states."""
        d = self.components_.shape[1]
        if method not in ("auto", "exact") or d > MOST_ENUMERATED:
            raise ValueError(
                f"hidden_units={self.hidden_units!r}: log Z is summed over all visible states, "
                f"which may have {MOST_ENUMERATED} units at most; this machine has {d}, "
                f"and method={method!r} was asked for"
            )
        value, codes = -np.inf, np.arange(1 << d, dtype=np.uint32)
        for first in range(0, 1 << d, _STATES_AT_ONCE):
            some = codes[first : first + _STATES_AT_ONCE, None]
            states = (some >> np.arange(d, dtype=np.uint32) & 1).astype(np.uint8)
            value = float(np.logaddexp(value, np.logaddexp.reduce(-self._free_energy_of(states))))
        return LogPartition(value, "exact", interval=(value, value))

    def _free_energy_of(self, states: Array) -> Array:
        rows = rows_of(states, str(self.components_.dtype), self._threads_now())
        found: Array = core.rbm.free_energies(
            rows, *self._parameters(), self._threads_now(), **self._kinds()
        )
        return found

    def _method_of(self, method: str) -> str:
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
        k, d = self.components_.shape
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

    def _refuse_probabilities(self, X: Any) -> None:
        if isinstance(self.binarize, Real):
            return
        values = X.data if sp.issparse(X) else X
        if values.dtype == bool:
            return
        wrong = (values != 0) & (values != self.data_max)
        if wrong.any():
            raise ValueError(
                f"X must hold states of 0 and {self.data_max:g}; it holds {values[wrong][0]:g}. "
                "Draw states from probabilities, or set binarize to a threshold"
            )

    def _base(self, rates: ArrayLike | None, seed: int) -> Array:
        """Return visible biases of the machine at beta = 0."""
        d = self.components_.shape[1]
        if rates is None:
            p = self._own_rates(seed)
        else:
            p = np.asarray(rates, dtype=np.float64)
            if p.shape != (d,):
                raise ValueError(f"base_rates must have shape ({d},); got {p.shape}")
            if not ((p >= 0) & (p <= 1)).all():  # NaN too
                raise ValueError("base_rates must be means of states, between 0 and 1")
        p = np.clip(p, _LEAST_RATE, 1 - _LEAST_RATE)
        return np.asarray(np.log(p / (1 - p)), dtype=self.components_.dtype)

    def _own_rates(self, seed: int) -> Array:
        """Return the visible units' means along short chains."""
        seed = random.child(seed, "rbm-ais", 2)
        hidden = self._samples(_RATE_CHAINS, None, _RATE_STEPS, seed)
        total = np.zeros(self.components_.shape[1])
        for step in range(_RATE_STEPS):
            means = self._gibbs_chain(hidden, 1, seed, 2 * (_RATE_STEPS + step), means=True)
            total += means.mean(axis=0, dtype=np.float64)
        return total / _RATE_STEPS

    def _samples(self, n_chains: int, start: Any, burn_in: int, seed: int) -> Array:
        """Return hidden states of chains that have run for ``burn_in`` steps."""
        if start is None and hasattr(self, "h_samples_"):
            start = "chains"
        hidden = self._first_states(n_chains, None, start, seed)
        hidden = np.ascontiguousarray(hidden[np.arange(n_chains) % len(hidden)])
        if burn_in:
            self._gibbs_chain(hidden, burn_in, seed, 0)
        return hidden


def _checked_betas(betas: ArrayLike) -> Array:
    path = np.asarray(betas, dtype=np.float64)
    if path.ndim != 1 or path.size < 2 or path[0] != 0 or path[-1] != 1:
        raise ValueError("betas must be numbers that begin with 0 and end with 1")
    if not (np.diff(path) > 0).all():
        raise ValueError("betas must rise from each to the next")
    return path
