"""The variational M-step of a Gaussian mixture, its expectations and its lower bound.

All of it is over k components and in float64, whatever the rows are. Products go through einsum,
not BLAS, whose sums depend on how many threads the environment gives it.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln

from ..._ground.isa import core
from ..parameters import Doubles, Floats, Parameters
from ..variational_prior import Prior

#: The (k,) parameters of a Dirichlet distribution, or those of the k beta distributions of
#: stick-breaking fractions for a Dirichlet process.
Concentration = Doubles | tuple[Doubles, Doubles]


@dataclass(frozen=True)
class Posterior(Parameters):
    """The variational posterior, with a mixture in its middle that the E-step's kernels take.

    The fields of :class:`Parameters` are in the dtype of the data: expected weights, means,
    ``covariances`` W^-1 / nu and Cholesky factors of the expected precisions nu W. The rest is
    float64. ``log_weights`` replace log(weights) in the E-step, and
    ``normaliser`` is the lower bound less the entropy of the responsibilities.
    """

    prior: Prior
    concentration: Concentration
    mean_precision: Doubles  # (k,)
    degrees_of_freedom: Any  # (k,), or one float for all if the covariance is tied
    normaliser: float
    mass: float  # total weight of the rows
    log_weights: Doubles = field(kw_only=True)  # (k,)


@dataclass(frozen=True)
class Sums:
    """What the E-step leaves: sums over the rows, each times its responsibility.

    ``nk`` (k,), ``s1`` (k, d) about ``origin`` ((d,) or (k, d)) and ``s2`` as in the core's
    ``Statistics``; ``scatter`` (d, d) holds the second moments of a tied covariance where ``s2``
    does not. Rows count once for each unit of their weight.
    """

    nk: Doubles
    s1: Doubles
    s2: Doubles
    origin: Doubles
    scatter: Doubles | None = None


# ---- weights --------------------------------------------------------------------------------


def _concentration(prior: Prior, nk: Doubles) -> Concentration:
    """Return the posterior of the weights: Bishop's (10.58), Blei and Jordan's (18) and (19)."""
    if not prior.process:
        return prior.concentration + nk
    later = np.concatenate([np.cumsum(nk[::-1])[-2::-1], [0.0]])
    return 1.0 + nk, prior.concentration + later


def expected_weights(concentration: Concentration) -> Doubles:
    """Return the expected weights (k,); what a process leaves of its stick is shared out."""
    if not isinstance(concentration, tuple):
        return np.asarray(concentration / concentration.sum())
    first, second = concentration
    rest = np.cumprod(second / (first + second))
    pieces = first / (first + second) * np.concatenate([[1.0], rest[:-1]])
    return np.asarray(pieces / pieces.sum())


def _expected_log_weights(concentration: Concentration) -> Doubles:
    if not isinstance(concentration, tuple):
        return np.asarray(digamma(concentration) - digamma(concentration.sum()))
    first, second = concentration
    whole = digamma(first + second)
    rest = np.cumsum(digamma(second) - whole)
    return np.asarray(digamma(first) - whole + np.concatenate([[0.0], rest[:-1]]))


def e_step_log_weights(
    concentration: Concentration, mean_precision: Doubles, degrees_of_freedom: Any, d: int
) -> Doubles:
    """Return what replaces the log weights in the E-step, (k,).

    log r_ik is E[log w_k] + E[log|P_k|] / 2 - d / (2 beta_k) - nu_k |x - m_k|^2_W / 2 up to a
    constant of the row (Bishop 10.46, 10.64 to 10.66). The kernels know the factor of nu W, and
    with it log|W| / 2 + d log(nu) / 2; the rest is here.
    """
    nu = np.asarray(degrees_of_freedom, dtype=np.float64)
    log_lambda = d * math.log(2.0) + digamma(0.5 * (nu - np.arange(d)[:, None])).sum(axis=0)
    constants = 0.5 * (log_lambda - d / mean_precision) - 0.5 * d * np.log(nu)
    return np.asarray(_expected_log_weights(concentration) + constants)


# ---- normalizers ----------------------------------------------------------------------------


def _log_weights_norm(concentration: Concentration) -> float:
    """Return the log normalizers of the beta distributions, or of the Dirichlet distribution."""
    if isinstance(concentration, tuple):
        return float(betaln(*concentration).sum())
    return float(gammaln(concentration).sum() - gammaln(concentration.sum()))


def _log_wishart_norm(degrees_of_freedom: Any, log_det: Any, d: int) -> Any:
    """Return log int |P|^((nu - d - 1) / 2) exp(-tr(W^-1 P) / 2) dP, less d (d - 1) log(pi) / 4.

    ``log_det`` is log|W| / 2 (Bishop B.79).
    """
    nu = np.asarray(degrees_of_freedom, dtype=np.float64)
    gammas = gammaln(0.5 * (nu - np.arange(d)[:, None])).sum(axis=0)
    return nu * log_det + 0.5 * nu * d * math.log(2.0) + gammas


def _log_det_factors(factors: Doubles, kind: str, d: int) -> Any:
    """Return log|U| of each component, or of the shared one."""
    if kind in ("full", "tied"):
        return np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    return np.log(factors).sum(axis=-1) if kind == "diag" else d * np.log(factors)


def _half_log_det_prior(covariance: Any, kind: str, d: int) -> float:
    """Return log|W| / 2 of the prior, whose W^-1 is the covariance prior; inf if singular."""
    if kind in ("full", "tied"):
        sign, log_det = np.linalg.slogdet(covariance)
        return -0.5 * float(log_det) if sign > 0 else math.inf
    if not np.all(covariance > 0):
        return math.inf
    return -0.5 * float(np.log(covariance).sum() if kind == "diag" else d * np.log(covariance))


def _normaliser(
    concentration: Concentration, mean_precision: Doubles, nu: Any, log_det: Any, kind: str, d: int
) -> float:
    """Return the log of the integral over weights, means and precisions.

    At the optimum of the M-step the lower bound is this plus the entropy of the responsibilities.
    Like scikit-learn, it omits constants of prior and data.
    """
    wishart = _log_wishart_norm(nu, log_det, d)
    total = len(mean_precision) * float(wishart[0]) if kind == "tied" else float(wishart.sum())
    norm = _log_weights_norm(concentration) - 0.5 * d * float(np.log(mean_precision).sum())
    return total + norm


def evidence_constant(prior: Prior, kind: str, k: int, mass: float) -> float:
    """Return what scikit-learn's lower bound lacks of a lower bound of log p(X).

    That is the normalizers of the prior and the 2 pi of every number in the data; -inf where the
    covariance prior is singular.
    """
    d = len(prior.mean)
    concentration: Concentration = np.full(k, prior.concentration)
    if prior.process:
        concentration = np.ones(k), np.full(k, prior.concentration)
    before = _normaliser(
        concentration,
        np.full(k, prior.mean_precision),
        prior.degrees_of_freedom if kind == "tied" else np.full(k, prior.degrees_of_freedom),
        _half_log_det_prior(prior.covariance, kind, d),
        kind,
        d,
    )
    return -before - 0.5 * mass * d * math.log(2.0 * math.pi)


# ---- means and covariances ------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def _triangle(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return rows and columns of a packed lower triangle, and whether they are equal."""
    i, j = np.tril_indices(d)
    return i, j, i == j


def _packed_covariances(
    prior: Any, sums: Sums, nk: Doubles, shift: Doubles, pull: Doubles, diff: Doubles, reg: float
) -> Doubles:
    """Return nu times the covariances of every component: W^-1 of Bishop's (10.62)."""
    k, d = shift.shape
    i, j, diagonal = _triangle(d)
    packed = sums.s2.reshape(k, -1) - nk[:, None] * (shift[:, i] * shift[:, j])
    packed += prior[i, j] + pull[:, None] * (diff[:, i] * diff[:, j])
    packed[:, diagonal] += reg * nk[:, None]
    full = np.empty((k, d, d))
    full[:, i, j] = packed
    full[:, j, i] = packed
    return full


def _tied_covariance(
    prior: Any, sums: Sums, nk: Doubles, shift: Doubles, pull: Doubles, diff: Doubles, reg: float
) -> Doubles:
    """Return nu times the shared covariance: the mean over components of their W^-1."""
    k, d = shift.shape
    if sums.scatter is None:
        about = np.empty((d, d))
        i, j, _ = _triangle(d)
        about[i, j] = about[j, i] = sums.s2
    else:
        about = sums.scatter.copy()
    about -= np.einsum("ka,kb->ab", nk[:, None] * shift, shift)
    about += np.einsum("ka,kb->ab", pull[:, None] * diff, diff)
    about[np.diag_indices(d)] += reg * nk.sum()
    return np.asarray(prior + about / k)


def _axis_variances(
    prior: Any,
    sums: Sums,
    nk: Doubles,
    shift: Doubles,
    pull: Doubles,
    diff: Doubles,
    reg: float,
    *,
    spherical: bool,
) -> Doubles:
    """Return nu times the variances, (k, d), or (k,) as their mean over the features."""
    k, d = shift.shape
    own, between = nk[:, None] * shift**2, pull[:, None] * diff**2
    if spherical:
        about = (sums.s2.reshape(k) - own.sum(axis=1) + between.sum(axis=1)) / d
        return np.asarray(prior + about + reg * nk)
    return np.asarray(prior + sums.s2.reshape(k, d) - own + between + reg * nk[:, None])


def _covariances(
    prior: Prior, kind: str, sums: Sums, nk: Doubles, shift: Doubles, reg: float
) -> Doubles:
    """Return W^-1 / nu, the covariances in scikit-learn's shapes.

    Each is a mean of the prior, with weight nu_0 / nu, and of the scatter about the mean of the
    component, including the distance of that mean from the prior's. ``reg`` is added to the
    variances of the scatter.
    """
    xk = sums.origin + shift
    diff = xk - prior.mean
    pull = nk * (prior.mean_precision / (prior.mean_precision + nk))
    given = (prior.covariance, sums, nk, shift, pull, diff, reg)
    nu = _degrees_of_freedom(prior, kind, nk)
    if kind == "tied":
        return np.asarray(_tied_covariance(*given) / nu)
    if kind == "full":
        return np.asarray(_packed_covariances(*given) / nu[:, None, None])
    variances = _axis_variances(*given, spherical=kind == "spherical")
    return np.asarray(variances / (nu if kind == "spherical" else nu[:, None]))


def _degrees_of_freedom(prior: Prior, kind: str, nk: Doubles) -> Any:
    if kind == "tied":
        return prior.degrees_of_freedom + float(nk.sum()) / len(nk)
    return prior.degrees_of_freedom + nk


def _representable(covariances: Doubles, factors: Doubles, kind: str, dtype: Any) -> int:
    """Return the first component with a variance out of range for the dtype, or -1."""
    limits = np.finfo(dtype)
    variances = covariances
    if kind in ("full", "tied"):
        variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    squares = (factors**2).reshape(1 if kind == "tied" else len(covariances), -1).sum(axis=1)
    variances = np.reshape(variances, (len(squares), -1))
    bad = ~(squares < limits.max) | ~(variances < limits.max).all(axis=1)
    if kind in ("diag", "spherical"):
        bad |= ~(variances >= limits.tiny).all(axis=1)
    return int(np.argmax(bad)) if bad.any() else -1


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the engine checks the result
def update(
    prior: Prior, kind: str, sums: Sums, *, reg_covar: float, dtype: Any, threads: int
) -> tuple[Posterior, int]:
    """Run the M-step: the posterior of weights, means and precisions given the responsibilities.

    Bishop 2006, equations 10.58 to 10.63 (with nu = nu_0 + N_k, where some printings have another
    number), and Blei and Jordan 2006 for a process; scikit-learn's conventions: covariances are
    divided by nu, ``reg_covar`` is added to the scatter, and a tied covariance has the mean of
    what the components say. O(k d^3) for full covariances, O(d^3) for tied ones, O(k d) otherwise.

    Returns
    -------
    posterior : Posterior
    failed : int
        First component whose covariance is not positive definite (0 if it is tied), or -1; then
        the posterior's factors and bounds mean nothing.
    """
    k, d = sums.s1.shape
    nk = sums.nk + 10 * np.finfo(np.float64).eps  # as in scikit-learn: avoids division by 0
    shift = sums.s1 / nk[:, None]
    beta = prior.mean_precision + nk
    xk = sums.origin + shift
    means = (prior.mean_precision * prior.mean + nk[:, None] * xk) / beta[:, None]
    nu = _degrees_of_freedom(prior, kind, nk)
    concentration = _concentration(prior, nk)
    covariances = _covariances(prior, kind, sums, nk, shift, reg_covar)
    factors = np.ones_like(covariances)
    failed = int(core.gmm.factorize(kind, k, d, covariances, factors, threads))
    if failed < 0 and dtype != np.float64:  # the dtype of the factors
        failed = _representable(covariances, factors, kind, dtype)
    normaliser = math.nan
    if failed < 0:
        log_det = _log_det_factors(factors, kind, d) - 0.5 * d * np.log(nu)
        normaliser = _normaliser(concentration, beta, nu, log_det, kind, d)

    def cast(a: Any) -> Floats:
        return np.ascontiguousarray(a, dtype=dtype)

    posterior = Posterior(
        cast(expected_weights(concentration)),
        cast(means),
        cast(covariances),
        cast(factors),
        prior=prior,
        concentration=concentration,
        mean_precision=beta,
        degrees_of_freedom=nu,
        log_weights=e_step_log_weights(concentration, beta, nu, d),
        normaliser=normaliser,
        mass=float(sums.nk.sum()),
    )
    return posterior, failed
