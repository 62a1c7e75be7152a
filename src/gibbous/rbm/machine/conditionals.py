"""Pseudo-likelihoods of machines whose visible units are not all of two states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from .training import Training

Array = NDArray[Any]


class Conditionals(Training):
    """Scores by the exact conditional of one variable of every row."""

    def _pseudo_likelihood(self, X: Any, n_flips: int = 1) -> Array:
        n, d = X.shape[0], self._n_variables()
        rng = self._flips(n_flips, d)
        rows = self._rows(X, training=False)
        total = np.zeros(n)
        first = rng.integers(0, d, n)
        for flip in range(n_flips):
            total += self._conditional(rows, self._units_of((first + flip) % d))
        return np.asarray(total * (d / n_flips))

    def _n_variables(self) -> int:
        """Return how many variables a row has."""
        return self.n_features_in_

    def _units_of(self, variables: Array) -> Array:
        """Return the first visible unit of each variable."""
        return np.asarray(variables, dtype=np.int64)

    def _conditional(self, rows: Any, units: Array) -> Array:
        """Return log P(variable of each row | its others)."""
        threads = self._threads_for(rows.n)
        units = np.ascontiguousarray(units, dtype=np.int64)
        found: Array = core.rbm.conditionals(
            rows, *self._parameters(), units, threads, **self._kinds()
        )
        return found
