"""Moments of rows under their responsibilities: all that an M-step needs to know of the rows.

They are held as masses, means and covariances in float64, not as sums of x and x x^T: sums cancel
where the data lie far from the origin, these do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Moments of k components, in float64.

    Attributes
    ----------
    mass : ndarray of shape (k,)
        Weighted number of rows of each component, in any unit.
    means : ndarray of shape (k, d)
    covariances : ndarray
        About each component's own mean, without ``reg_covar``; shaped as the covariances of a
        mixture of this type. Tied: of all components together. Spherical: mean over the features.
    """

    mass: Doubles
    means: Doubles
    covariances: Doubles

    def scaled(self, factor: float) -> Moments:
        """Return the same moments with masses in another unit."""
        return Moments(self.mass * factor, self.means, self.covariances)


def moments_of_sums(
    kind: str,
    nk: Doubles,
    s1: Doubles,
    s2: Doubles,
    origin: Floats,
    scatter: Doubles | None,
) -> Moments:
    """Return the moments that a pass of the kernels has summed.

    Parameters
    ----------
    kind : {"full", "tied", "diag", "spherical"}
    nk, s1, s2 : ndarray
        Masses, first and second moments about ``origin``, as ``core.gmm.accumulate`` writes them.
    origin : ndarray of shape (k, d), or (d,) for sums about the data's center
    scatter : ndarray of shape (d, d) or None
        Second moments of all rows about the center, for tied sums about the center.
    """
    # as in the M-step of the kernels: no division by 0 if a component has no rows
    mass = nk + 10 * np.finfo(origin.dtype).eps
    d = s1.shape[1]
    shift = s1 / mass[:, None]
    means = origin.astype(np.float64) + shift
    if kind == "full":
        covariances = _unpacked(s2.reshape(len(mass), -1), d) / mass[:, None, None]
        covariances -= shift[:, :, None] * shift[:, None, :]
    elif kind == "tied":
        total = _unpacked(s2, d) if scatter is None else scatter
        covariances = (total - (mass[:, None] * shift).T @ shift) / mass.sum()
    elif kind == "diag":
        covariances = s2.reshape(len(mass), d) / mass[:, None] - shift**2
    else:
        covariances = (s2 / mass - (shift**2).sum(axis=1)) / d
    return Moments(mass, means, covariances)


def merged(kind: str, a: Moments, b: Moments) -> Moments:
    """Return the moments of two sets of rows together (Chan, Golub and LeVeque 1979).

    Masses have to be in one unit. Differences of means enter squared and with weights that sum to
    one, so that nothing cancels.
    """
    mass = a.mass + b.mass
    share = np.divide(b.mass, mass, out=np.zeros_like(mass), where=mass > 0)
    shift = b.means - a.means
    means = a.means + share[:, None] * shift
    between = share * (1.0 - share)
    if kind == "tied":
        f = b.mass.sum() / mass.sum()
        part = mass / mass.sum() * between
        covariances = (1.0 - f) * a.covariances + f * b.covariances
        covariances += (part[:, None] * shift).T @ shift
        return Moments(mass, means, covariances)
    if kind == "full":
        outer = shift[:, :, None] * shift[:, None, :]
    else:
        outer = shift**2 if kind == "diag" else (shift**2).mean(axis=1)
    wide = (slice(None),) + (None,) * (outer.ndim - 1)
    covariances = (1.0 - share)[wide] * a.covariances + share[wide] * b.covariances
    covariances += between[wide] * outer
    return Moments(mass, means, covariances)


def _unpacked(packed: Doubles, d: int) -> Doubles:
    """Return symmetric matrices from their packed lower triangles."""
    matrix = np.empty((*packed.shape[:-1], d, d))
    row, column = np.tril_indices(d)
    matrix[..., row, column] = packed
    matrix[..., column, row] = packed
    return matrix
