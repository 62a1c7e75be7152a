"""Gibbs chains of a fitted machine: samples, reconstructions, and what is missing filled in."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..._ground import random
from ..._ground.isa import core
from ..._ground.validate import validate_data
from ..machine.machine import LITTLE_BATCH
from ..machine.rows import check_range
from .scores import Scores

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


class Chains(Scores):
    """What a machine dreams."""

    def _gibbs_chain(
        self,
        hidden: Array,
        steps: int,
        seed: int,
        step: int,
        *,
        clamp: Array | None = None,
        means: bool = False,
        lengths: Array | None = None,
    ) -> Array:
        """Run chains of hidden states in place; return their visible states or means.

        ``clamp`` holds states of visible units, NaN where they are free.
        """
        kinds = self._kinds() if lengths is None else {**self._kinds(), "lengths": lengths}
        out = np.zeros((hidden.shape[0], self.components_.shape[1]), self.components_.dtype)
        core.rbm.gibbs(
            *self._parameters(),
            hidden,
            out,
            steps,
            seed,
            step,
            clamp,
            means,
            self._threads_for(hidden.shape[0], LITTLE_BATCH),
            **kinds,
        )
        return out

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from v: up to the hidden units and down again.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of bool, shape (n_samples, n_features)
            Each call draws anew; a fitted machine's calls are a function of its seed.
        """
        check_is_fitted(self)
        one = not sp.issparse(v) and np.ndim(v) == 1
        X = self._checked(np.atleast_2d(v) if one else v, reset=False)
        hidden = self._draw_hidden(X, self._next_seed())
        out = self._gibbs_chain(hidden, 1, self._next_seed(), 0) > 0.5
        return out[0] if one else out

    def _next_seed(self) -> int:
        """Return the key of the next call that draws; calls go on from one another."""
        self._n_gibbs += 1
        return random.child(self._key, "rbm-gibbs", self._n_gibbs)

    def _draw_hidden(self, X: Any, seed: int) -> Array:
        """Return a draw from P(h | v)."""
        if self.hidden_units == "binary":
            p = self._hidden(X)
            rng = np.random.Generator(np.random.Philox(key=seed))
            return (rng.random(p.shape, dtype=p.dtype) < p).astype(p.dtype)
        rows = self._rows(X, training=False)
        out = np.empty((rows.n, self.components_.shape[0]), self.components_.dtype)
        draw: Any = core.layers.draw_hidden  # one function for both precisions
        threads = self._threads_for(rows.n)
        draw(rows, *self._parameters(), out, seed, 0, threads, **self._kinds())
        return out

    def sample(
        self,
        n_samples: int = 1,
        *,
        burn_in: int = 1000,
        thin: int = 1,
        n_chains: int | None = None,
        start: Any = None,
        means: bool = False,
        random_state: random.RandomState = None,
    ) -> Array:
        """Draw visible states from the machine by block Gibbs sampling.

        Parameters
        ----------
        n_samples : int, default 1
            Rows to draw.
        burn_in : int, default 1000
            Steps before the first row is taken.
        thin : int, default 1
            Steps from one row of a chain to the next.
        n_chains : int, optional
            Chains side by side, each of which gives ``n_samples / n_chains`` rows, rounded up;
            None for one a row.
        start : {None, "chains"} or array-like of shape (n_chains, n_features)
            Where the chains begin: at the visible means of no hidden evidence (None), at the
            persistent chains of training ("chains"), or at given visible states, for instance the
            last rows of an earlier call, which that call's chains go on from.
        means : bool, default False
            Return the probabilities of the last downward step instead of its states.
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed, so that every call differs.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            States 0 and 1, or probabilities; rows of one chain lie ``n_chains`` apart.

        Raises
        ------
        ValueError
            If a number is out of range or ``start`` does not fit.
        """
        check_is_fitted(self)
        return self._sample(n_samples, burn_in, thin, n_chains, start, means, random_state)

    def _sample(
        self,
        n_samples: int,
        burn_in: int,
        thin: int,
        n_chains: int | None,
        start: Any,
        means: bool,
        random_state: random.RandomState,
        **held: Any,
    ) -> Array:
        """Return states of the visible units; ``held`` is handed to the chains."""
        counts = {"n_samples": (n_samples, 1), "burn_in": (burn_in, 0), "thin": (thin, 1)}
        if n_chains is not None:
            counts["n_chains"] = (n_chains, 1)
        for name, (value, least) in counts.items():
            check_count(name, value, least)
        seed = self._next_seed() if random_state is None else random.key_of(random_state)
        hidden = self._first_states(n_samples, n_chains, start, seed)
        rounds = -(-n_samples // hidden.shape[0])
        found, step = [], 0
        for number in range(rounds):
            steps = (burn_in + 1) if number == 0 else thin
            found.append(self._gibbs_chain(hidden, steps, seed, step, means=means, **held))
            step += 2 * steps
        return np.concatenate(found)[:n_samples]

    def _first_states(self, n_samples: int, n_chains: int | None, start: Any, seed: int) -> Array:
        seed = random.child(seed, "rbm-start")
        if start is None:
            rng = np.random.Generator(np.random.Philox(key=seed))
            chains = n_samples if n_chains is None else n_chains
            p = 1.0 / (1.0 + np.exp(-self.intercept_hidden_.astype(np.float64)))
            return (rng.random((chains, p.size)) < p).astype(self.components_.dtype)
        if isinstance(start, str):
            if start != "chains" or not hasattr(self, "h_samples_"):
                raise ValueError(
                    f"start={start!r}: give None, visible states, or 'chains' for a machine that "
                    "was trained with persistent chains (method is not 'cd')"
                )
            chains = self.n_chains or self.batch_size
            return np.ascontiguousarray(self.h_samples_[:chains])
        X = self._checked(start, reset=False)
        if n_chains is not None and n_chains != X.shape[0]:
            raise ValueError(f"n_chains={n_chains}, but start has {X.shape[0]} rows: leave one out")
        return self._draw_hidden(X, seed)

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return what the machine makes of X: up and down again, by means and not by draws.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_steps : int, default 1
            Times up and down, each from the means of the one before (mean field).

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Probabilities of the visible units.
        """
        check_is_fitted(self)
        check_count("n_steps", n_steps, 1)
        X = self._checked(X, reset=False)
        h = self._hidden(X)
        for step in range(n_steps):
            v = self._visible_means(h, X)
            if step + 1 < n_steps:
                h = self._hidden_of(self._rows_of_numbers(v))
        return v

    def _visible_means(self, h: Array, X: Any) -> Array:
        """Return E(v | h); X holds the rows that h stands for."""
        w, a, b = self._parameters()
        turned = np.ascontiguousarray(w.T)
        rows = self._rows_of_numbers(h)
        out = np.empty((h.shape[0], turned.shape[0]), turned.dtype)
        core.layers.hidden_means(rows, turned, b, a, out, self._threads_for(rows.n))
        return out

    def reconstruction_error(self, X: Any) -> Array:
        """Return the squared error of :meth:`reconstruct`, summed over the features of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
        """
        back = self.reconstruct(X)
        X = validate_data(self, X, accept_sparse="csr", reset=False)
        seen = X.toarray() if sp.issparse(X) else X
        seen = self._as_probabilities(seen)
        return np.asarray(((seen - back.astype(np.float64)) ** 2).sum(axis=1))

    def impute(
        self,
        X: Any,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in what is missing: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States of 0 and 1 in units of ``data_max``; NaN where a unit is not known. Known values
            between are rounded to a state.
        n_steps : int, default 500
            Gibbs steps of burn-in.
        n_average : int, default 100
            Steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            X with every NaN replaced by the probability that the unit is on, given those known,
            in units of ``data_max``.

        Raises
        ------
        ValueError
            If a known value is out of range, or a number of steps.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype="numeric")
        if self.out_of_range == "raise":
            check_range(np.where(np.isnan(X), 0, X), self.data_max)
        seen = self._as_probabilities(np.asarray(X, dtype=np.float64))
        missing = np.isnan(seen)
        clamp = np.where(missing, np.nan, seen > 0.5)
        means = self._imputed(clamp, n_steps, n_average, random_state)
        return np.where(missing, means * self.data_max, X)

    def _imputed(
        self,
        clamp: Array,
        n_steps: int,
        n_average: int,
        random_state: random.RandomState,
        lengths: Array | None = None,
    ) -> Array:
        """Return the means of the visible units, those that are not NaN held."""
        check_count("n_steps", n_steps, 0)
        check_count("n_average", n_average, 1)
        seed = self._next_seed() if random_state is None else random.key_of(random_state)
        clamp = np.ascontiguousarray(clamp, dtype=self.components_.dtype)
        hidden = self._first_states(clamp.shape[0], None, None, seed)
        held: dict[str, Any] = {"clamp": clamp, "lengths": lengths}
        total = np.zeros(clamp.shape)
        step = 2 * n_steps
        if n_steps:
            self._gibbs_chain(hidden, n_steps, seed, 0, **held)
        for _ in range(n_average):
            total += self._gibbs_chain(hidden, 1, seed, step, means=True, **held)
            step += 2
        return np.asarray(total / n_average)
