"""Exact likelihoods of small machines whose visible units are not of two states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..machine.training import Training

Array = NDArray[Any]

#: The most hidden units whose states are enumerated: a minute or two.
MOST_ENUMERATED = 25

#: States of the hidden layer in memory together.
_AT_ONCE = 1 << 12


def refuse_many(k: int, hidden_units: str = "binary") -> None:
    """Refuse hidden layers whose states cannot be enumerated.

    Raises
    ------
    ValueError
        If there are more than 25 hidden units, or they are not of two states.
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


class Enumeration(Training):
    """log Z as a sum over all states of hidden units of two states."""

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
        check_is_fitted(self)
        refuse_many(self.components_.shape[0], self.hidden_units)
        w = self.components_.astype(np.float64)
        b = self.intercept_hidden_.astype(np.float64)
        total = -np.inf
        for h in hidden_states(len(b)):
            total = np.logaddexp(total, np.logaddexp.reduce(h @ b + self._log_visible(h @ w)))
        return float(total)

    def _log_visible(self, inputs: Array) -> Array:
        """Return the logarithm of the sum, or integral, over the visible states.

        ``inputs`` (m, visible): what the hidden units add to the visible biases.
        """
        a = self.intercept_visible_.astype(np.float64)
        z = self.log_variance_.astype(np.float64)
        # exp(-(v - a)^2 / 2 s^2 + x v / s^2) integrates to sqrt(2 pi) s exp((a x + x^2 / 2) / s^2)
        gain = (inputs * (a + inputs / 2) * np.exp(-z)).sum(axis=1)
        return np.asarray(gain + 0.5 * (z + np.log(2 * np.pi)).sum())

    def log_likelihood(self, X: Any, *, log_partition: float | None = None) -> Array:
        """Return log P(v) = -F(v) - log Z of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        log_partition : float, optional
            log Z where it is known already.

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
