"""Priors of a variational Gaussian mixture: checked where given, from the data where not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .parameters import Doubles, checked_shape


@dataclass(frozen=True)
class Prior:
    """What is believed before the data are seen (Bishop 2006, section 10.2; eqs. 10.39, 10.40).

    Each component has a mean m ~ N(``mean``, (``mean_precision`` P)^-1) and a precision
    P ~ Wishart(``covariance``^-1, ``degrees_of_freedom``). The weights are Dirichlet with
    ``concentration`` for each component, or with ``process`` broken off a stick, each piece
    v ~ Beta(1, ``concentration``) of what is left (Blei and Jordan 2006).
    """

    process: bool
    concentration: float
    mean_precision: float
    mean: Doubles  # (d,)
    degrees_of_freedom: float
    covariance: Any  # (d, d), (d, d), (d,) or a float by type, as in scikit-learn
    covariance_given: bool


def covariance_prior_shape(kind: str, d: int) -> tuple[int, ...]:
    """Return the shape of a covariance prior."""
    return {"full": (d, d), "tied": (d, d), "diag": (d,), "spherical": ()}[kind]


@dataclass(frozen=True)
class GivenPrior:
    """What was given of a prior; None if nothing was."""

    process: bool
    concentration: float | None
    mean_precision: float | None
    mean: Any
    degrees_of_freedom: float | None
    covariance: Any

    def checked(self, kind: str, d: int) -> GivenPrior:
        """Return the same with arrays of float64 in their right shapes.

        Raises
        ------
        ValueError
            Names what has a wrong shape or value.
        """
        mean = None if self.mean is None else _double(self.mean, (d,), "mean_prior")
        if self.degrees_of_freedom is not None and not self.degrees_of_freedom > d - 1.0:
            raise ValueError(
                "The parameter 'degrees_of_freedom_prior' should be greater than "
                f"{d - 1}, but got {self.degrees_of_freedom:.3f}."
            )
        covariance = None if self.covariance is None else _covariance(self.covariance, kind, d)
        return GivenPrior(
            self.process,
            self.concentration,
            self.mean_precision,
            mean,
            self.degrees_of_freedom,
            covariance,
        )

    def completed(self, k: int, mean: Doubles, covariance: Any) -> Prior:
        """Return the whole prior of k components.

        Parameters
        ----------
        k : int
        mean : ndarray of shape (d,)
            Mean of the data, used if none was given.
        covariance : ndarray or float
            Covariance of the data, likewise.
        """
        return Prior(
            self.process,
            1.0 / k if self.concentration is None else float(self.concentration),
            1.0 if self.mean_precision is None else float(self.mean_precision),
            mean if self.mean is None else self.mean,
            float(len(mean) if self.degrees_of_freedom is None else self.degrees_of_freedom),
            covariance if self.covariance is None else self.covariance,
            self.covariance is not None,
        )


def _double(value: Any, shape: tuple[int, ...], name: str) -> Doubles:
    if np.ndim(value) == 0:  # for which scikit-learn's check has another message
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got one number"
        )
    return np.array(checked_shape(value, shape, name), dtype=np.float64)


def _covariance(value: Any, kind: str, d: int) -> Any:
    name = f"{kind} covariance_prior"
    if kind == "spherical":
        if np.size(value) != 1:
            raise ValueError(
                f"The parameter '{name}' should be one number, but got the shape {np.shape(value)}"
            )
        given = _double(np.reshape(value, 1), (1,), name)
    else:
        given = _double(value, covariance_prior_shape(kind, d), name)
    if kind in ("diag", "spherical"):
        if (given <= 0.0).any():
            raise ValueError(f"'{name}' should be positive")
        return given if kind == "diag" else float(given[0])
    if not (np.allclose(given, given.T) and (np.linalg.eigvalsh(given) > 0.0).all()):
        raise ValueError(f"'{name}' should be symmetric, positive-definite")
    return given
