"""The evaluator of variational mixtures: float64 NumPy, and the common initial posterior.

All have a Dirichlet process with scikit-learn's default priors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaln, digamma, gammaln

from .case import Case

Params = dict[str, np.ndarray]


def state(case: Case, start: Params) -> dict[str, Any]:
    """Return the attributes of a fitted model from which ``warm_start`` continues.

    Every component has the same number of rows, with the means and unit precisions of the start.
    """
    nk = np.full(case.k, case.n / case.k)
    nu: Any = case.d + nk
    return {
        "weights_": start["weights"],
        "weight_concentration_": _sticks(nk),
        "mean_precision_": 1.0 + nk,
        "mean_precision_prior_": 1.0,
        "means_": start["means"],
        "degrees_of_freedom_": float(nu[0]) if case.covariance == "tied" else nu,
        "covariances_": start["precisions"],
        "precisions_cholesky_": start["precisions"],
        "converged_": False,
        "lower_bound_": -np.inf,
    }


def prior_of(case: Case, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of the data, as in all priors."""
    rows = data.astype(np.float64)
    covariance = np.cov(rows.T).reshape(case.d, case.d)
    if case.covariance in ("diag", "spherical"):
        covariance = np.diag(covariance)
    if case.covariance == "spherical":
        covariance = covariance.mean()
    return rows.mean(axis=0), np.asarray(covariance)


def posterior(
    case: Case, prior: tuple[np.ndarray, np.ndarray], nk: np.ndarray, means: Any, scatter: Any
) -> Params:
    """Return the posterior of components with so many rows, such means and such covariances.

    ``log_weights`` replace log(weights) in the densities (Bishop 2006, section 10.2; Blei
    and Jordan 2006; scikit-learn's conventions).
    """
    mean, covariance = prior
    beta, d, kind = 1.0 + nk, case.d, case.covariance
    away, pull = means - mean, nk / beta
    if kind == "tied":
        nu = np.full(case.k, d + nk.sum() / case.k)
        inner = covariance + (nk.sum() * scatter + (pull[:, None] * away).T @ away) / case.k
        covariances = inner / nu[0]
    else:
        nu = d + nk
        spread = {
            "full": away[:, :, None] * away[:, None, :],
            "diag": away**2,
            "spherical": (away**2).mean(axis=1),
        }[kind]
        shape = (-1,) + (1,) * (spread.ndim - 1)
        inner = covariance + nk.reshape(shape) * scatter + pull.reshape(shape) * spread
        covariances = inner / nu.reshape(shape)
    sticks = _sticks(nk)
    pieces = sticks[0] / sum(sticks)
    weights = pieces * np.concatenate([[1.0], np.cumprod(1.0 - pieces)[:-1]])
    return {
        "weights": weights / weights.sum(),
        "means": (mean + nk[:, None] * means) / beta[:, None],
        "covariances": covariances,
        "log_weights": _log_weights(sticks, beta, nu, d),
        "normaliser": np.array([_normaliser(case, sticks, beta, nu, covariances)]),
    }


def _sticks(nk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    later = np.concatenate([np.cumsum(nk[::-1])[-2::-1], [0.0]])
    return 1.0 + nk, 1.0 / len(nk) + later


def _log_weights(
    sticks: tuple[np.ndarray, np.ndarray], beta: np.ndarray, nu: np.ndarray, d: int
) -> np.ndarray:
    whole = digamma(sticks[0] + sticks[1])
    rest = np.concatenate([[0.0], np.cumsum(digamma(sticks[1]) - whole)[:-1]])
    spread = d * np.log(2.0) + digamma((nu[:, None] - np.arange(d)) / 2).sum(axis=1)
    constant = (spread - d / beta - d * np.log(nu)) / 2
    return np.asarray(digamma(sticks[0]) - whole + rest + constant)


def _normaliser(
    case: Case,
    sticks: tuple[np.ndarray, np.ndarray],
    beta: np.ndarray,
    nu: np.ndarray,
    covariances: np.ndarray,
) -> float:
    """Return scikit-learn's lower bound minus the entropy of the responsibilities."""
    d = case.d
    if case.covariance in ("full", "tied"):
        log_det = np.linalg.slogdet(covariances)[1]
    else:
        log_det = np.log(np.broadcast_to(covariances.reshape(case.k, -1), (case.k, d))).sum(axis=1)
    half = -0.5 * (log_det + d * np.log(nu))
    gammas = gammaln((nu[:, None] - np.arange(d)) / 2).sum(axis=1)
    wishart = nu * half + nu * d / 2 * np.log(2.0) + gammas
    return float((wishart - d / 2 * np.log(beta) + betaln(*sticks)).sum())
