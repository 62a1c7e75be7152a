"""What is believed of a Gaussian mixture's parameters once rows have been seen."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .moments import Moments
from .prior import MixturePrior

Doubles = NDArray[np.float64]

_MOST_ROWS = 20
_MOST_COLUMNS = 6


@dataclass(frozen=True, eq=False)
class MixturePosterior:
    """Posterior of a Gaussian mixture's parameters, given responsibilities of the rows.

    With the responsibilities fixed the posterior has the prior's form, so that it is known by a
    few numbers per component (Fraley and Raftery 2007, section 2; Gelman et al. 2013, section 3.6).
    A part without a prior has the flat one. The parameters of the mixture are its mode.

    Attributes
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
    n_samples : float
        Rows that it rests on, by their weights; after ``partial_fit`` with a forgetting learning
        rate, as many as the running statistics are worth.
    weight_concentration : ndarray of shape (k,)
        Of the Dirichlet distribution of the weights.
    means : ndarray of shape (k, d)
        Of the normal distribution of each component's mean, whose covariance is the component's
        over ``mean_precision``.
    mean_precision : ndarray of shape (k,)
    degrees_of_freedom : ndarray of shape (k,), or a float for tied covariances
        Of the inverse Wishart distribution of each covariance; half of it is the shape of the
        inverse gamma distribution of each variance where covariances are diagonal or spherical.
    scale : ndarray
        Of the same distribution; shaped as the covariances of the mixture. Half of it is the scale
        of an inverse gamma distribution.

    See Also
    --------
    gibbous.MixturePrior : what it starts from.
    """

    covariance_type: str
    n_samples: float
    weight_concentration: Doubles
    means: Doubles
    mean_precision: Doubles
    degrees_of_freedom: Doubles | float
    scale: Doubles

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MixturePosterior):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in _FIELDS)

    # unhashable: equal objects may hold different arrays
    __hash__ = None  # type: ignore[assignment]

    # ---- point estimates ------------------------------------------------------------------------

    def mode(self) -> tuple[Doubles, Doubles, Doubles]:
        """Return the most probable weights (k,), means (k, d) and covariances, all together."""
        above = self.weight_concentration - 1.0
        total = above.sum()
        k, d = self.means.shape
        weights = above / total if total > 0 else np.full(k, 1.0 / k)
        kind = self.covariance_type
        # powers of 1 / covariance in the joint density of means and covariances
        power = {"full": d + 2.0, "tied": d + 1.0 + k, "diag": 3.0, "spherical": d + 2.0}[kind]
        power = power + np.asarray(self.degrees_of_freedom)
        return weights, self.means, self.scale / _over(power, self.scale)

    def weights_mean(self) -> Doubles:
        """Return the posterior means of the weights, (k,)."""
        return np.asarray(self.weight_concentration / self.weight_concentration.sum())

    # ---- intervals ------------------------------------------------------------------------------

    def weights_interval(self, level: float = 0.95) -> Doubles:
        """Return the interval of each weight that leaves equal tails, of shape (k, 2).

        Parameters
        ----------
        level : float, default=0.95
            Posterior probability of the interval.

        Raises
        ------
        ValueError
            If ``level`` is not between 0 and 1.
        """
        from scipy.special import betaincinv

        a = self.weight_concentration[:, None]
        if len(a) == 1:
            _tails(level)
            return np.ones((1, 2))
        limits: Doubles = betaincinv(a, a.sum() - a, _tails(level))
        return limits

    def means_interval(self, level: float = 0.95) -> Doubles:
        """Return the interval of each mean that leaves equal tails, of shape (k, d, 2).

        The covariance is integrated out, which leaves Student's t. NaN if there are too few rows
        for a proper posterior.

        Parameters
        ----------
        level : float, default=0.95
            Posterior probability of the interval.

        Raises
        ------
        ValueError
            If ``level`` is not between 0 and 1.
        """
        from scipy.special import stdtrit

        k, d = self.means.shape
        kind = self.covariance_type
        dof = np.broadcast_to(np.asarray(self.degrees_of_freedom), (k,))
        if kind in ("full", "tied"):
            dof = dof - d + 1.0
            scale = np.diagonal(self.scale, axis1=-2, axis2=-1)
        else:
            scale = self.scale if kind == "diag" else self.scale[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            widths = np.sqrt(np.broadcast_to(scale, (k, d)) / (self.mean_precision * dof)[:, None])
            t = stdtrit(np.where(dof > 0, dof, np.nan)[:, None], _tails(level))
        limits: Doubles = self.means[:, :, None] + widths[:, :, None] * t[:, None, :]
        return limits

    # ---- for people -----------------------------------------------------------------------------

    def __str__(self) -> str:
        k, d = self.means.shape
        low, high = self.weights_interval().T
        weights = self.mode()[0]
        dof = np.broadcast_to(np.asarray(self.degrees_of_freedom), (k,))
        more = ", ..." if d > _MOST_COLUMNS else ""
        table = [
            ["", "weight", "95% interval", "concentration", "mean precision", "dof", "mean"],
            *(
                [
                    str(c),
                    f"{weights[c]:.4f}",
                    f"{low[c]:.4f} to {high[c]:.4f}",
                    f"{self.weight_concentration[c]:.4g}",
                    f"{self.mean_precision[c]:.4g}",
                    f"{dof[c]:.4g}",
                    ", ".join(f"{x:.4g}" for x in self.means[c, :_MOST_COLUMNS]) + more,
                ]
                for c in range(min(k, _MOST_ROWS))
            ),
        ]
        sizes = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        lines = [
            f"posterior of {k} components ({self.covariance_type}) after {self.n_samples:.6g} rows"
        ]
        for line in table:
            # numbers are right-aligned, means of different length left-aligned
            cells = [cell.rjust(size) for cell, size in zip(line[:-1], sizes[:-1], strict=True)]
            lines.append("  ".join([*cells, line[-1]]))
        if k > _MOST_ROWS:
            lines.append(f"and {k - _MOST_ROWS} more")
        return "\n".join(lines)


_FIELDS = fields(MixturePosterior)


def _tails(level: float) -> Doubles:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level!r}")
    return np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])


def _over(values: Any, like: Doubles) -> Any:
    """Return one number per component, broadcastable to an array with components first."""
    values = np.asarray(values)
    return (
        values.reshape(values.shape + (1,) * (like.ndim - values.ndim)) if values.ndim else values
    )


def posterior_of(prior: MixturePrior, kind: str, moments: Moments) -> MixturePosterior:
    """Return the posterior after rows with these moments, masses in rows.

    Parameters
    ----------
    prior : MixturePrior
        In numbers: every part that it has is complete (see :func:`gibbous.gmm.prior.resolved`).
    kind : {"full", "tied", "diag", "spherical"}
    moments : Moments
    """
    n, mean = moments.mass, moments.means
    k, d = mean.shape
    # flat priors are limits of the others
    given = prior.covariances_given
    alpha: Any = prior.weight_concentration if prior.weights_given else 1.0
    center: Any = prior.mean if prior.means_given else 0.0
    before: Any = prior.mean_precision if prior.means_given else 0.0
    start: Any = prior.covariance if given else 0.0
    nu: Any = prior.degrees_of_freedom
    if not given:
        nu = -(d + 1.0) if kind in ("full", "tied") else -2.0
    one = 0.0 if prior.means_given else 1.0  # the power of the covariance that a flat mean removes
    precision = before + n
    shift = center - mean
    means = mean + (before / precision)[:, None] * shift
    pull = before / precision * n  # number of rows that the distance between the two means is worth
    between: Any
    if kind == "full":
        between = pull[:, None, None] * shift[:, :, None] * shift[:, None, :]
        scale = start + n[:, None, None] * moments.covariances + between
        dof = nu + n - one
    elif kind == "tied":
        scale = start + n.sum() * moments.covariances + (pull[:, None] * shift).T @ shift
        dof = float(nu + n.sum() - one * k)
    elif kind == "diag":
        scale = start + n[:, None] * moments.covariances + pull[:, None] * shift**2
        dof = nu + n - one
    else:
        scale = start + n * d * moments.covariances + pull * (shift**2).sum(axis=1)
        dof = nu + n * d - one * d
    return MixturePosterior(kind, float(n.sum()), alpha + n, means, precision, dof, scale)
