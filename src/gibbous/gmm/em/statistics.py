"""What an E-step leaves for an M-step: sums over the rows, which add up over blocks of rows."""

from __future__ import annotations

from typing import NamedTuple

from ..moments import Moments, moments_of_sums
from ..parameters import Doubles, Floats


class Statistics(NamedTuple):
    """Sums over the rows, each times its responsibility and its weight.

    The kernels see weights of mean one. How many rows these stand for follows from ``mass`` over
    ``total``, or from ``unit``, the mean of the weights as they were given.

    Attributes
    ----------
    value : float
        Sum of log p(x) under the parameters of the E-step; NaN for assigned rows.
    entropy : float
        Entropy of what is latent of the rows, only with ``log_weights``; NaN otherwise.
    nk, s1, s2 : ndarray
        Masses (k,), first moments (k, d) and second moments about ``origin``, packed as
        ``core.gmm.accumulate`` writes them.
    origin : ndarray of shape (k, d), or (d,) for sums about the data's center
    scatter : ndarray of shape (d, d) or None
        Second moments of all rows about the center, for tied sums about the center.
    total : float
        Sum of the weights of mean one.
    mass : float
        Sum of the weights as they were given.
    unit : float
        Mean of the weights as they were given.
    """

    value: float
    entropy: float
    nk: Doubles
    s1: Doubles
    s2: Doubles
    origin: Floats
    scatter: Doubles | None
    total: float
    mass: float
    unit: float

    def moments(self, kind: str) -> Moments:
        """Return the moments, in rows."""
        moments = moments_of_sums(kind, self.nk, self.s1, self.s2, self.origin, self.scatter)
        return moments.scaled(self.mass / self.total)
