"""Parameters of a Gaussian mixture, and the shapes and forms in which they come."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from .._ground.isa import core
from .moments import Moments

Floats = NDArray[Any]
Doubles = NDArray[np.float64]

#: The dtypes that are used without conversion; all others are converted to the first.
DTYPES = [np.float64, np.float32]


@dataclass(frozen=True)
class Parameters:
    """Parameters of a mixture, in scikit-learn's shapes and the data's dtype."""

    weights: Floats
    means: Floats
    covariances: Floats
    factors: Floats  # precisions_cholesky
    # effective number of rows of the estimates, if there is a prior
    moments: Moments | None = field(default=None, kw_only=True)
    # replaces log(weights) in an E-step, if given
    log_weights: Doubles | None = field(default=None, kw_only=True)

    def mixture(self, covariance_type: str) -> Any:
        """Return the mixture as the core takes it, on these arrays; it is made once."""
        made = self.__dict__.get("_mixture")
        if made is None:
            made = core.gmm.mixture(
                covariance_type,
                self.weights,
                self.means,
                self.covariances,
                self.factors,
                self.log_weights,
            )
            self.__dict__["_mixture"] = made
        return made

    def precisions(self, covariance_type: str) -> Floats:
        """Return the precisions that the Cholesky factors stand for."""
        if covariance_type in ("full", "tied"):
            return self.factors @ np.swapaxes(self.factors, -1, -2)
        return self.factors**2


def covariance_shape(covariance_type: str, k: int, d: int) -> tuple[int, ...]:
    """Return the shape of the covariances of k components in d dimensions."""
    return {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[covariance_type]


def factors_of_precisions(precisions: Floats, covariance_type: str) -> Floats:
    """Return upper triangular U with U U^T = precision: Cholesky with rows and columns reversed."""
    if covariance_type in ("full", "tied"):
        flipped = np.linalg.cholesky(precisions[..., ::-1, ::-1])
        return np.ascontiguousarray(flipped[..., ::-1, ::-1])
    return np.ascontiguousarray(np.sqrt(precisions))


def covariances_of_factors(factors: Floats, covariance_type: str) -> Floats:
    """Return the covariances of the precisions U U^T."""
    if covariance_type in ("full", "tied"):
        inverse = np.linalg.inv(factors)
        return np.ascontiguousarray(np.swapaxes(inverse, -1, -2) @ inverse)
    return 1.0 / factors**2


def widened(covariance_type: str, covariances: Floats, reg_covar: float) -> Floats:
    """Return covariances with ``reg_covar`` added to every variance."""
    if covariance_type in ("full", "tied"):
        return covariances + reg_covar * np.eye(covariances.shape[-1])
    return covariances + reg_covar


def n_parameters(covariance_type: str, k: int, d: int) -> int:
    """Return the number of free parameters of k components in d dimensions."""
    if covariance_type in ("full", "tied"):
        shape: tuple[int, ...] = (k if covariance_type == "full" else 1, d * (d + 1) // 2)
    else:
        shape = covariance_shape(covariance_type, k, d)
    return int(math.prod(shape) + k * d + k - 1)


def checked_shape(value: ArrayLike, shape: tuple[int, ...], name: str) -> Floats:
    """Return a finite array of a given shape; the words of the error are scikit-learn's.

    Raises
    ------
    ValueError, TypeError
        Names the parameter.
    """
    array: Floats = check_array(
        value, dtype=DTYPES, ensure_2d=False, allow_nd=True, input_name=name
    )
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    return array
