"""Starts that a user gives to a Gaussian mixture, whole or in part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..parameters import (
    Parameters,
    checked_shape,
    covariance_shape,
    covariances_of_factors,
    factors_of_precisions,
)
from .engine import EM
from .repair import repair_start


@dataclass(frozen=True)
class GivenStart:
    """What was given of weights, means and precisions to start from; None where nothing was."""

    weights: ArrayLike | None
    means: ArrayLike | None
    precisions: ArrayLike | None

    def check(self, kind: str, k: int, d: int) -> None:
        """Check shapes and values.

        Raises
        ------
        ValueError
            Names what has a wrong shape or value.
        """
        if self.weights is not None:
            _check_weights(self.weights, k)
        if self.means is not None:
            checked_shape(self.means, (k, d), "means")
        if self.precisions is not None:
            _check_precisions(self.precisions, kind, k, d)

    @property
    def complete(self) -> bool:
        """Whether nothing has to be found from the data."""
        return not (self.weights is None or self.means is None or self.precisions is None)

    def parameters(self, kind: str, dtype: Any) -> Parameters:
        """Return the parameters of a complete start."""
        factors = factors_of_precisions(np.asarray(self.precisions, dtype), kind)
        return Parameters(
            np.ascontiguousarray(self.weights, dtype),
            np.ascontiguousarray(self.means, dtype),
            covariances_of_factors(factors, kind),
            factors,
        )

    def replace(self, em: EM, start: Parameters, failed: int, repair: bool) -> Parameters:
        """Put what was given in the place of what the data said.

        Parameters
        ----------
        em : EM
        start : Parameters
        failed : int
            First component of ``start`` whose covariance is not positive definite, or -1.
        repair : bool
            Whether such components are widened; otherwise they are an error.

        Raises
        ------
        ValueError
            If a component failed, no precisions were given, and it is not to be repaired.
        """
        dtype = em.form.dtype
        weights, means = start.weights, start.means
        if self.weights is not None:
            weights = np.ascontiguousarray(self.weights, dtype)
        if self.means is not None:
            means = np.ascontiguousarray(self.means, dtype)
        if self.precisions is not None:
            factors = factors_of_precisions(np.asarray(self.precisions, dtype), em.kind)
            covariances = covariances_of_factors(factors, em.kind)
            return Parameters(weights, means, covariances, factors)
        if failed >= 0:
            if not repair:
                raise em.collapse(failed)
            start = repair_start(em, start)
        return Parameters(weights, means, start.covariances, start.factors)


# ---- checks, in scikit-learn's words ---


def _check_weights(value: ArrayLike, k: int) -> None:
    weights = checked_shape(value, (k,), "weights")
    if (weights < 0.0).any() or (weights > 1.0).any():
        # scikit-learn's text has the two values the wrong way round, and its tests match it
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.min():.5f}, min value {weights.max():.5f}"
        )
    if not np.isclose(weights.sum(), 1.0, atol=1e-6 if weights.dtype == np.float32 else 1e-8):
        raise ValueError(
            "The parameter 'weights' should be normalized, "
            f"but got sum(weights) = {weights.sum():.5f}"
        )


def _check_precisions(value: ArrayLike, kind: str, k: int, d: int) -> None:
    precisions = checked_shape(value, covariance_shape(kind, k, d), f"{kind} precision")
    if kind in ("diag", "spherical"):
        if (precisions <= 0.0).any():
            raise ValueError(f"'{kind} precision' should be positive")
        return
    for matrix in precisions.reshape(-1, d, d):
        if not (np.allclose(matrix, matrix.T) and (np.linalg.eigvalsh(matrix) > 0.0).all()):
            raise ValueError(f"'{kind} precision' should be symmetric, positive-definite")
