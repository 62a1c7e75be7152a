"""Visible units of two states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..machine import kernels
from ..machine.machine import Machine
from ..machine.rows import check_range, rows_of
from ..machine.units import Clamp, Flips, Units

Array = NDArray[Any]


@dataclass(frozen=True)
class Bernoulli(Units):
    """Units of two states; :class:`~gibbous.BernoulliRBM` documents the parameters."""

    visible_bias: str = "zero"
    binarize: float | str | None = None
    data_max: float = 1.0
    out_of_range: str = "raise"

    accepts: ClassVar[dict[str, Any]] = {"accept_sparse": "csr"}
    accepts_missing: ClassVar[dict[str, Any]] = {"dtype": "numeric"}

    def codes(self) -> Any:
        return None if self.hidden_units == "binary" else super().codes()

    @property
    def threshold(self) -> float | None:
        """The value above which a unit is on, if the units have one."""
        return float(self.binarize) * self.data_max if isinstance(self.binarize, Real) else None

    @property
    def top(self) -> float:
        """The value of a unit that is on, after the threshold."""
        return float(self.data_max) if self.threshold is None else 1.0

    def above(self, X: Any) -> Any:
        """Return states if there is a threshold, and X as it is otherwise."""
        return X if self.threshold is None else self.threshold < X

    # ---- rows ------------------------------------------------------------------------------------

    def checked(self, X: Any, name: str, *, training: bool = False) -> Any:
        if training and self.out_of_range == "raise":
            check_range(X, self.data_max)
        return X

    def rows(
        self, X: Any, dtype: str, jobs: int, weight: Array | None = None, *, training: bool = False
    ) -> Any:
        binarize = self.binarize
        if not training and binarize == "sample":
            binarize = None  # in use, rows are means of states
        return rows_of(
            X,
            dtype,
            jobs,
            data_max=float(self.data_max),
            binarize=float(binarize) if isinstance(binarize, Real) else binarize,
            weight=None if weight is None else weight / weight.mean(),
        )

    def rows_of_states(self, X: Any, dtype: str, jobs: int) -> Any:
        """Return rows that :meth:`above` returned as the core takes them."""
        return rows_of(X, dtype, jobs, data_max=self.top)

    def rows_of_means(self, v: Array, dtype: str, jobs: int) -> Any:
        return rows_of(v, dtype, jobs)

    def seen(self, X: Any) -> Array:
        dense = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
        if self.threshold is not None:
            return np.where(np.isnan(dense), np.nan, self.above(dense).astype(np.float64))
        return dense / float(self.data_max)

    def refuse_probabilities(self, X: Any) -> None:
        """Refuse rows that are not states.

        Raises
        ------
        ValueError
            If an entry is neither 0 nor ``data_max`` and there is no threshold.
        """
        values = X.data if sp.issparse(X) else X
        if self.threshold is not None or values.dtype == bool:
            return
        wrong = (values != 0) & (values != self.data_max)
        if wrong.any():
            raise ValueError(
                f"X must hold states of 0 and {self.data_max:g}; it holds {values[wrong][0]:g}. "
                "Draw states from probabilities, or set binarize to a threshold"
            )

    # ---- the start of training -------------------------------------------------------------------

    def first_bias(self, X: Any, weight: Array | None) -> Array:
        if self.visible_bias == "zero":
            return np.zeros(self.n_visible(X))
        p = np.clip(self._shares(X, weight), 1e-3, 1 - 1e-3)
        return np.asarray(np.log(p / (1 - p)))

    def means(self, machine: Machine, X: Any, weight: Array | None) -> Array:
        return self._shares(X, weight)

    def _shares(self, X: Any, weight: Array | None) -> Array:
        """Return the share of rows in which each unit is on."""
        X = self.above(X)
        if weight is None:
            means = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
        else:
            means = np.asarray(weight @ X).ravel() / weight.sum()
        return means / self.top

    # ---- scores ----------------------------------------------------------------------------------

    def least_score(self, machine: Machine) -> float:
        # four times that of fair coins; values outside of [0, 1] are unbounded
        fair = machine.n_visible * float(np.log(2.0))
        return -4.0 * fair if self.out_of_range == "raise" else -np.inf

    def pseudo_likelihood(self, machine: Machine, X: Any, flips: Flips, jobs: int) -> Array:
        return flipped_score(
            self.above(X), flips, self.top, lambda v: self.free_energy_of_states(machine, v, jobs)
        )

    def free_energy_of_states(self, machine: Machine, X: Any, jobs: int) -> Array:
        """Return F(v) of rows that :meth:`above` returned."""
        threads = machine.threads_for(X.shape[0], jobs)
        rows = self.rows_of_states(X, str(machine.dtype), threads)
        return kernels.free_energies(machine, self.codes(), rows, jobs)

    # ---- chains ----------------------------------------------------------------------------------

    def step_states(self, v: Array) -> Array:
        return v > 0.5

    def visible_means(self, machine: Machine, h: Array, X: Any, jobs: int) -> Array:
        rows = self.rows_of_means(h, str(machine.dtype), machine.threads_for(len(h), jobs))
        return kernels.visible_means(machine, rows, jobs)

    def clamp(self, X: Array, name: str, **known: Any) -> Clamp:
        if self.out_of_range == "raise":
            check_range(np.where(np.isnan(X), 0, X), self.data_max)
        seen = self.seen(X)
        return Clamp(np.where(np.isnan(seen), np.nan, seen > 0.5))

    def filled(self, X: Array, means: Array) -> Array:
        return np.where(np.isnan(X), means * self.data_max, X)


def flipped_score(X: Any, flips: Flips, top: float, free_energy: Callable[[Any], Array]) -> Array:
    """Return a pseudo-likelihood of states from free energies with one unit flipped.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
        States of 0 and ``top``.
    flips : Flips
        Units of each row that are flipped, drawn without repeats.
    top : float
    free_energy : callable
        From rows to their free energies.
    """
    n, d = X.shape
    n_flips = d if flips.n is None else flips.n
    rng = flips.generator(n_flips, d)
    if sp.issparse(X):
        X = X.tocsr()
    before = free_energy(X)
    total = np.zeros(n)
    first = rng.integers(0, d, n)
    for flip in range(n_flips):
        after = free_energy(_flipped(X, (first + flip) % d, top))
        total -= np.logaddexp(0.0, before - after)
    return np.asarray(total * (d / n_flips))


def _flipped(X: Any, columns: Array, top: float) -> Any:
    """Return X with the state of one unit of every row flipped."""
    at = (np.arange(X.shape[0]), columns)
    if sp.issparse(X):
        old = np.asarray(X[at], dtype=np.float64).ravel()
        return sp.csr_matrix(X + sp.csr_matrix((top - 2 * old, at), shape=X.shape))
    turned = X.copy() if X.dtype != bool else X.astype(np.uint8)
    turned[at] = (top - turned[at]).astype(turned.dtype)
    return turned
