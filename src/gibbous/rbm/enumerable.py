"""Estimators whose normalizing constant is a sum over the states of few hidden units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .estimator import BoltzmannMachine
from .inference import enumeration

Array = NDArray[Any]


@dataclass(eq=False, repr=False)
class EnumerableMachine(BoltzmannMachine):
    """An estimator with the exact likelihood of small machines."""

    def log_partition(self) -> float:
        """Return log Z of exp(-F(v)) / Z, summed over all states of the hidden units.

        Returns
        -------
        float
            In nats.

        Raises
        ------
        ValueError
            If there are more than 25 hidden units, or they are not of two states.
        """
        machine, units, _ = self._fitted()
        return enumeration.log_partition(machine, units)

    def log_likelihood(self, X: Any, *, log_partition: float | None = None) -> Array:
        """Return log P(v) = -F(v) - log Z of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        log_partition : float, optional
            log Z if it is already known.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats; of real numbers, the logarithm of the density.

        Raises
        ------
        ValueError
            As :meth:`log_partition`.
        """
        log_z = self.log_partition() if log_partition is None else log_partition
        return np.asarray(-self.free_energy(X) - log_z)
