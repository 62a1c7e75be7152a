"""Priors of Gaussian mixtures: what is believed of the parameters before any row is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, multigammaln, xlogy

from .moments import Moments
from .parameters import Doubles, Parameters

#: The name of Fraley and Raftery's default.
FRALEY_RAFTERY = "fraley-raftery"


@dataclass(frozen=True, eq=False)
class MixturePrior:
    r"""Conjugate prior of a Gaussian mixture, for ``GaussianMixture(prior=...)``.

    Each component's mean is normal given its covariance, and the covariance is inverse Wishart:

    .. math:: \mu_k | \Sigma_k \sim N(m, \Sigma_k / \kappa), \qquad
              \Sigma_k \sim IW(\nu, \Lambda), \qquad w \sim Dirichlet(\alpha)

    With tied covariances there is one :math:`\Sigma`; with diagonal ones each variance is inverse
    gamma, :math:`IG(\nu / 2, \lambda / 2)`, and with spherical ones the one variance is. Every part
    is optional: there is no prior on the weights without ``weight_concentration``; none on the
    means without ``mean`` or ``mean_precision``; none on the covariances without
    ``degrees_of_freedom`` or ``covariance``. Of a part that is given by half, the other half is
    Fraley and Raftery's (2007, section 3; ``mclust::defaultPrior``).

    Parameters
    ----------
    weight_concentration : float or array-like of shape (k,), default=None
        :math:`\alpha \ge 1`, one for each component: :math:`\alpha - 1` rows are added to it.
    mean : array-like of shape (d,) or (k, d), default=None
        :math:`m`; by default the means of the data's columns.
    mean_precision : float, default=None
        :math:`\kappa > 0`: how many rows the prior mean is worth; by default .01.
    degrees_of_freedom : float, default=None
        :math:`\nu`: how many rows the prior covariance is worth; above d - 1 for full and tied
        covariances, above 0 otherwise; by default d + 2.
    covariance : float or array-like, default=None
        :math:`\Lambda` or :math:`\lambda`, the scale, a sum of squares: (d, d) for full and tied
        covariances, (d,) for diagonal ones, or a number for any type, the same for all features.
        The mode of the prior is ``covariance / (degrees_of_freedom + d + 1)`` for full and tied
        covariances and ``covariance / (degrees_of_freedom + 2)`` otherwise. By default the
        covariance of the data (its diagonal, where it is singular) over ``k ** (2 / d)``, and the
        mean variance of its columns over that for diagonal and spherical covariances.

    Raises
    ------
    ValueError
        If a number is out of its range or an array has no such shape.
    TypeError
        If something is not a number.

    See Also
    --------
    gibbous.MixturePosterior : what becomes of it once rows have been seen.

    Examples
    --------
    >>> from gibbous import GaussianMixture, MixturePrior
    >>> prior = MixturePrior(weight_concentration=2.0, mean=[0.0], mean_precision=1.0)
    >>> gm = GaussianMixture(2, prior=prior, random_state=0).fit([[-2.0], [-1.0], [1.0], [2.0]])
    >>> gm.posterior_.weight_concentration.round(2)
    array([4., 4.])
    """

    weight_concentration: float | ArrayLike | None = None
    mean: ArrayLike | None = None
    mean_precision: float | None = None
    degrees_of_freedom: float | None = None
    covariance: float | ArrayLike | None = None

    def __post_init__(self) -> None:
        for name, dims in (("weight_concentration", (0, 1)), ("mean", (1, 2)), *_SCALARS):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _numbers(value, name, dims))
        _check(self.weight_concentration, "weight_concentration", lambda a: a >= 1, ">= 1")
        _check(self.mean_precision, "mean_precision", lambda a: a > 0, "> 0")
        _check(self.degrees_of_freedom, "degrees_of_freedom", lambda a: a > 0, "> 0")
        if np.ndim(self.covariance) < 2:  # type: ignore[arg-type]
            _check(self.covariance, "covariance", lambda a: a > 0, "> 0")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MixturePrior):
            return NotImplemented
        return all(
            (getattr(self, f.name) is None) == (getattr(other, f.name) is None)
            and np.array_equal(getattr(self, f.name), getattr(other, f.name))
            for f in fields(self)
        )

    # unhashable: equal objects may hold different arrays
    __hash__ = None  # type: ignore[assignment]

    @property
    def weights_given(self) -> bool:
        """Whether there is a prior on the weights."""
        return self.weight_concentration is not None

    @property
    def means_given(self) -> bool:
        """Whether there is a prior on the means."""
        return self.mean is not None or self.mean_precision is not None

    @property
    def covariances_given(self) -> bool:
        """Whether there is a prior on the covariances."""
        return self.degrees_of_freedom is not None or self.covariance is not None


_SCALARS = (
    ("mean_precision", (0,)),
    ("degrees_of_freedom", (0,)),
    ("covariance", (0, 1, 2)),
)


def _numbers(value: Any, name: str, dims: tuple[int, ...]) -> float | Doubles:
    """Return a float, or a read-only copy of an array."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} of MixturePrior must be numbers; got {value!r}")
    if 0 in dims and isinstance(value, (Real, Integral)):
        array = np.array(float(value))
    else:
        try:
            given = np.asarray(value)
            if given.dtype.kind not in "fiu":
                raise TypeError(given.dtype)
            array = given.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} of MixturePrior must be numbers; got {value!r:.80}") from error
    if array.ndim not in dims:
        kinds = {0: "a number", 1: "an array of one dimension", 2: "an array of two dimensions"}
        raise ValueError(
            f"{name} of MixturePrior must be {' or '.join(kinds[n] for n in dims)}; "
            f"got an array of shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} of MixturePrior must be finite; got {value!r:.80}")
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


def _check(value: Any, name: str, right: Callable[[Any], Any], rule: str) -> None:
    if value is not None and not np.all(right(np.asarray(value))):
        raise ValueError(f"{name} of MixturePrior must be {rule}; got {value!r:.80}")


# ---- in numbers for one data set ----------------------------------------------------------------


def resolved(
    prior: str | MixturePrior,
    kind: str,
    k: int,
    d: int,
    dtype: Any,
    data: Callable[[], Moments],
    settled: MixturePrior | None = None,
) -> MixturePrior:
    """Return a prior with every number of the parts that it has.

    Parameters
    ----------
    prior : "fraley-raftery" or MixturePrior
    kind : {"full", "tied", "diag", "spherical"}
    k, d : int
    dtype : float32 or float64
        Of the mixture, whose covariances have to be positive definite in it.
    data : callable
        Returns the moments of all rows as one component, in rows; called if a default needs them.
    settled : MixturePrior or None
        A prior for the same model in numbers, whose ``mean`` and ``covariance`` come before the
        data's, so that what ``partial_fit`` believes does not change from batch to batch.

    Raises
    ------
    ValueError
        If the prior does not fit the model, or a default is not positive definite.
    """
    if isinstance(prior, str):
        prior = MixturePrior(mean_precision=0.01, degrees_of_freedom=d + 2.0)
    elif not (prior.weights_given or prior.means_given or prior.covariances_given):
        raise ValueError(
            "prior=MixturePrior() has no part; give at least one of weight_concentration, mean, "
            "mean_precision, degrees_of_freedom and covariance, or prior=None for no prior"
        )
    moments: list[Moments] = []

    def asked() -> Moments:
        if not moments:
            moments.append(data())
        return moments[0]

    concentration = mean = precision = dof = scale = None
    if prior.weights_given:
        concentration = _fitting(prior.weight_concentration, "weight_concentration", [(k,)])
        concentration = np.broadcast_to(concentration, (k,))
    if prior.means_given:
        mean = prior.mean if settled is None or prior.mean is not None else settled.mean
        mean = asked().means[0] if mean is None else _fitting(mean, "mean", [(d,), (k, d)])
        precision = 0.01 if prior.mean_precision is None else prior.mean_precision
    if prior.covariances_given:
        dof = d + 2.0 if prior.degrees_of_freedom is None else prior.degrees_of_freedom
        if kind in ("full", "tied") and dof <= d - 1:
            raise ValueError(
                f"degrees_of_freedom of MixturePrior must be above d - 1 = {d - 1} for "
                f"covariance_type={kind!r}; got {dof:g}"
            )
        scale = prior.covariance
        if scale is None and settled is not None:
            scale = settled.covariance
        if scale is None:
            scale = _default_scale(kind, k, d, dtype, asked())
        else:
            scale = _scale(scale, kind, d)
    return MixturePrior(concentration, mean, precision, dof, scale)


def _fitting(value: Any, name: str, shapes: list[tuple[int, ...]]) -> Any:
    if np.ndim(value) and np.shape(value) not in shapes:
        raise ValueError(
            f"{name} of MixturePrior has shape {np.shape(value)}; this mixture needs "
            f"{' or '.join(map(str, shapes))}"
        )
    return value


def _scale(value: Any, kind: str, d: int) -> Any:
    """Return a given scale in the shape of one component's covariance, checked."""
    shape = {"full": (d, d), "tied": (d, d), "diag": (d,), "spherical": ()}[kind]
    given = np.asarray(value, np.float64)
    if given.ndim == 0:
        return {"full": given * np.eye(d), "tied": given * np.eye(d)}.get(
            kind, np.broadcast_to(given, shape)
        )
    if given.shape != shape:
        wanted = f"{shape} or a number" if shape else "a number"
        raise ValueError(
            f"covariance of MixturePrior has shape {given.shape}; "
            f"covariance_type={kind!r} of {d} features needs {wanted}"
        )
    if kind in ("full", "tied") and not (np.allclose(given, given.T) and _is_definite(given)):
        raise ValueError(
            "covariance of MixturePrior must be symmetric and positive definite for "
            f"covariance_type={kind!r}"
        )
    return given


def _is_definite(matrix: Doubles, dtype: Any = np.float64) -> bool:
    """Return whether a matrix is positive definite beyond rounding in ``dtype``."""
    variances = np.diagonal(matrix)
    if not (variances > 0).all():
        return False
    widths = np.sqrt(variances)
    smallest = np.linalg.eigvalsh(matrix / np.outer(widths, widths))[0]
    least = max(8 * np.finfo(dtype).eps, 4 * len(matrix) * np.finfo(np.float64).eps)
    return bool(smallest > least)


def _default_scale(kind: str, k: int, d: int, dtype: Any, data: Moments) -> Any:
    """Return Fraley and Raftery's scale, from the unbiased covariance of the data."""
    rows = float(data.mass[0])
    # weights are numbers of repetitions, so that n - 1 is their sum minus 1
    unbiased = rows / max(rows - 1.0, rows / 2.0)
    about = data.covariances if kind == "tied" else data.covariances[0]
    scale = np.asarray(about * (unbiased / k ** (2.0 / d)))
    if kind in ("diag", "spherical"):
        scale = np.full((d,) if kind == "diag" else (), scale.mean())
        if not scale.all():
            raise ValueError(_NO_SPREAD.format("X has no two different rows"))
        return scale
    variances = np.diagonal(scale)
    # rounding gives a constant column a variance
    tiny = (4 * np.finfo(np.float64).eps * np.abs(data.means[0])) ** 2
    if not (variances > tiny).all():
        column = int(np.argmin(variances > tiny))
        raise ValueError(_NO_SPREAD.format(f"column {column} of X is constant"))
    return scale if _is_definite(scale, dtype) else np.diag(variances)


_NO_SPREAD = (
    "{}, so that the default covariance of the prior is not positive definite; "
    "give prior=MixturePrior(covariance=...) one that is"
)


# ---- density ------------------------------------------------------------------------------------


def log_density(prior: MixturePrior, kind: str, p: Parameters) -> float:
    """Return the log of the density of a prior, in numbers, at a mixture's parameters.

    The density is that of weights, means and covariances (not of precisions). Parts without a prior
    count 0.
    """
    k, d = p.means.shape
    u = p.factors.astype(np.float64)
    value = 0.0
    if prior.weights_given:
        alpha = np.asarray(prior.weight_concentration)
        value += float(gammaln(alpha.sum()) - gammaln(alpha).sum())
        value += float(xlogy(alpha - 1.0, p.weights.astype(np.float64)).sum())
    log_u = _log_determinants(kind, u, d)  # log of |U|, which is -log|covariance| / 2
    if prior.means_given:
        kappa = float(prior.mean_precision)  # type: ignore[arg-type]
        shift = p.means.astype(np.float64) - np.asarray(prior.mean)
        if kind in ("full", "tied"):
            y = np.matmul(shift[:, None, :], u)[:, 0] if kind == "full" else shift @ u
        else:
            y = shift * (u if kind == "diag" else u[:, None])
        logs = k * log_u.sum() if kind == "tied" else log_u.sum()
        value += 0.5 * k * d * np.log(kappa / (2 * np.pi)) + logs - 0.5 * kappa * (y**2).sum()
    if prior.covariances_given:
        value += _log_inverse_wishart(prior, kind, u, log_u, d)
    return float(value)


def _log_determinants(kind: str, u: Doubles, d: int) -> Doubles:
    if kind in ("full", "tied"):
        logs = np.log(np.diagonal(u, axis1=-2, axis2=-1)).sum(axis=-1)
        return np.atleast_1d(logs)
    return np.log(u).sum(axis=1) if kind == "diag" else d * np.log(u)


def _log_inverse_wishart(
    prior: MixturePrior, kind: str, u: Doubles, log_u: Doubles, d: int
) -> float:
    nu = float(prior.degrees_of_freedom)  # type: ignore[arg-type]
    scale = np.asarray(prior.covariance)
    if kind in ("full", "tied"):
        low = np.linalg.cholesky(scale)
        one = nu * np.log(np.diagonal(low)).sum() - 0.5 * nu * d * np.log(2.0)
        one -= multigammaln(0.5 * nu, d)
        trace = float((np.matmul(low.T, u) ** 2).sum())  # of scale times all precisions
        return float(len(log_u) * one + (nu + d + 1.0) * log_u.sum() - 0.5 * trace)
    logs = np.log(u)  # log of the inverse standard deviation
    one = np.broadcast_to(0.5 * nu * np.log(0.5 * scale) - gammaln(0.5 * nu), logs.shape)
    return float((one + (nu + 2.0) * logs - 0.5 * scale * u**2).sum())
