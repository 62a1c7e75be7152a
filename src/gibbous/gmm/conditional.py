"""What a fitted mixture predicts of some features given others.

If weights, means and covariances have a distribution, as in a variational mixture, they are taken
at their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from .._ground import random
from .._ground.isa import core
from .._rows.patterns import bound_patterns
from .densities import check_explained
from .parameters import DTYPES, Floats, Parameters
from .queries import Fitted

#: Features by index or by name.
Features = Sequence[int] | Sequence[str] | NDArray[Any]


def impute(mixture: Fitted, X: ArrayLike, method: str, random_state: random.RandomState) -> Floats:
    """Return rows with the conditional mean, or a draw, in the place of missing entries.

    Raises
    ------
    ValueError
        If the method is not known, or a row cannot be explained.
    """
    if method not in ("mean", "sample"):
        raise ValueError(f"method must be 'mean' or 'sample'; got {method!r}")
    rows = mixture.rows(X)
    key = None
    if method == "sample":
        key = random.child(random.key_of(random_state), "gmm-impute")
    filled = np.empty_like(rows)
    _complete(mixture, rows, Completion(filled, seed=key))
    return filled


def predict_missing(
    mixture: Fitted,
    X: ArrayLike,
    targets: int | str | Features | None,
    *,
    return_std: bool,
    return_cov: bool,
) -> Any:
    """Return the conditional means of features, and their spread if asked for."""
    if return_std and return_cov:
        raise RuntimeError("At most one of return_std or return_cov can be requested.")
    single = isinstance(targets, (Integral, str))
    if targets is None:
        rows = mixture.rows(X)
        wanted = np.flatnonzero(np.isnan(rows).any(axis=0))
        if not len(wanted):
            raise ValueError(
                "nothing to predict: X has no NaN; name the features to predict as targets"
            )
    else:
        asked: Any = [targets] if single else targets
        wanted = FeatureNames.of(mixture).find(asked, "targets")
        rows = _rows_for(mixture, X, wanted)
    n, t = rows.shape[0], len(wanted)
    filled = np.empty_like(rows)
    variance = np.empty((n, t), rows.dtype) if return_std else None
    covariance = np.empty((n, t, t), rows.dtype) if return_cov else None
    _complete(mixture, rows, Completion(filled, wanted, variance, covariance))
    mean = filled[:, wanted]
    if single:
        mean = mean[:, 0]
    if variance is not None:
        std = np.sqrt(np.maximum(variance, 0))
        return mean, std[:, 0] if single else std
    if covariance is not None:
        return mean, covariance[:, 0, 0] if single else covariance
    return mean


class Derived(NamedTuple):
    """A mixture that was computed from another one."""

    parameters: Parameters
    features: NDArray[np.int64]  # of the other features, in order
    event: str  # for the history


def condition(mixture: Fitted, on: int | str | Features, values: ArrayLike) -> Derived:
    """Return the distribution of the other features if some have given values.

    Raises
    ------
    ValueError, TypeError
        If there is no such feature, none is left, or the values are not finite numbers.
    """
    names = FeatureNames.of(mixture)
    asked: Any = [on] if isinstance(on, (Integral, str)) else on
    known = names.find(asked, "on")
    given = _given_values(values, len(known))
    rest = np.setdiff1d(np.arange(names.d), known)
    if not len(rest):
        raise ValueError(f"on names all {names.d} features; at least one has to be left")
    # overflow means an infinite distance
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        p = conditional(mixture.parameters(np.float64), mixture.kind, known, rest, given)
        reached = np.isfinite(p[1].astype(mixture.means.dtype)).all()
    if not reached or not np.isfinite(p[0]).all():
        raise ValueError(
            "values are so far from every component that their density underflows to 0 under "
            f"all of them; got {', '.join(f'{v:.6g}' for v in given)}"
        )
    text = ", ".join(f"{names.name(a)} = {v:.6g}" for a, v in zip(known, given, strict=True))
    return _derived(mixture, p, rest, f"conditioned on {text}")


def marginal(mixture: Fitted, features: int | str | Features) -> Derived:
    """Return the distribution of some features.

    Raises
    ------
    ValueError, TypeError
        If there is no such feature, or one is named twice.
    """
    names = FeatureNames.of(mixture)
    asked: Any = [features] if isinstance(features, (Integral, str)) else features
    kept = names.find(asked, "features")
    p = mixture.parameters(np.float64)
    c = p.covariances
    if mixture.kind in ("full", "tied"):
        c = c[..., kept[:, None], kept]
    elif mixture.kind == "diag":
        c = c[:, kept]
    text = ", ".join(names.name(a) for a in kept)
    return _derived(mixture, (p.weights, p.means[:, kept], c), kept, f"marginal of {text}")


def _derived(
    mixture: Fitted,
    parts: tuple[Floats, Floats, Floats],
    features: NDArray[np.int64],
    event: str,
) -> Derived:
    """Return a mixture of weights, means and covariances, in the dtype of the original."""
    weights, means, covariances = parts
    k, d = means.shape
    dtype = mixture.means.dtype
    c = np.ascontiguousarray(covariances, dtype)
    factors = np.empty_like(c)
    if core.gmm.factorize(mixture.kind, k, d, c, factors, 1) >= 0:
        names = FeatureNames.of(mixture)
        raise ValueError(
            f"the covariances of {', '.join(map(names.name, features))} are not positive "
            "definite to working precision; fit with a larger reg_covar, or in float64"
        )
    p = Parameters(
        np.ascontiguousarray(weights, dtype), np.ascontiguousarray(means, dtype), c, factors
    )
    return Derived(p, features, event)


def keep_derived(model: Any, source: Any, derived: Derived) -> None:
    """Give a model what it shares with the model it was computed from: names and record."""
    model.n_features_in_ = derived.parameters.means.shape[1]
    if hasattr(source, "feature_names_in_"):
        model.feature_names_in_ = source.feature_names_in_[derived.features]
    for name in ("converged_", "n_iter_", "lower_bound_", "lower_bounds_"):
        if hasattr(source, name):
            setattr(model, name, getattr(source, name))
    if hasattr(source, "history_"):
        history = source.history_
        model.history_ = replace(history, events=(*history.events, derived.event))


# ---- rows with missing entries ------------------------------------------------------------------


class Completion(NamedTuple):
    """What is asked of rows with missing entries; arrays are written.

    Attributes
    ----------
    filled : ndarray of shape (n, d)
    targets : ndarray of shape (t,), int64, or None
        Features whose spread is asked for.
    variance : ndarray of shape (n, t) or None
    covariance : ndarray of shape (n, t, t) or None
    seed : int or None
        Draw from the conditional distribution; None for its mean.
    """

    filled: Floats
    targets: NDArray[np.int64] | None = None
    variance: Floats | None = None
    covariance: Floats | None = None
    seed: int | None = None


def _complete(mixture: Fitted, rows: Floats, out: Completion) -> None:
    # a variational mixture fills in by its expected parameters
    p = replace(mixture.parameters(rows.dtype), log_weights=None)
    core.gmm.missing.complete(
        core.rows(rows),
        bound_patterns(rows, mixture.kind),
        p.mixture(mixture.kind),
        core.gmm.missing.completion(*out),
        mixture.threads,
    )
    check_explained(np.asarray(~np.isnan(out.filled).any(axis=1)))


def _rows_for(mixture: Fitted, X: ArrayLike, targets: NDArray[np.int64]) -> Floats:
    """Return rows of all features with NaN for the targets, which X may or may not include."""
    d = mixture.means.shape[1]
    others = np.setdiff1d(np.arange(d), targets)
    shape = np.shape(X)
    if len(shape) != 2 or shape[1] != len(others) or not len(others):
        rows = np.array(mixture.rows(X))
        rows[:, targets] = np.nan
        return rows
    names = getattr(mixture.estimator, "feature_names_in_", None)
    columns = getattr(X, "columns", None)
    if names is not None and columns is not None and list(columns) != list(names[others]):
        raise ValueError(
            f"X has the columns {', '.join(map(str, columns))}; without the targets they "
            f"should be {', '.join(map(str, names[others]))}"
        )
    part = check_array(X, dtype=DTYPES, ensure_all_finite="allow-nan")
    rows = np.full((shape[0], d), np.nan, np.promote_types(part.dtype, mixture.means.dtype))
    rows[:, others] = part
    return rows


class FeatureNames(NamedTuple):
    """The features of a mixture: how many, and their names, if it was fitted with names."""

    d: int
    names: list[str]

    @classmethod
    def of(cls, mixture: Fitted) -> FeatureNames:
        """Return the features of a mixture."""
        names = [str(n) for n in getattr(mixture.estimator, "feature_names_in_", ())]
        return cls(mixture.means.shape[1], names)

    def name(self, a: Any) -> str:
        """Return what to call a feature in a message."""
        return self.names[a] if self.names else f"feature {int(a)}"

    def find(self, asked: Any, what: str) -> NDArray[np.int64]:
        """Return the indices of features that were named or counted.

        Raises
        ------
        ValueError, TypeError
            If there is no such feature, none, or one twice.
        """
        if not isinstance(asked, (list, tuple, np.ndarray)):
            asked = list(asked) if hasattr(asked, "__iter__") else [asked]
        found = [self._index(one, what) for one in asked]
        if not found:
            raise ValueError(f"{what} must name at least one feature; got none")
        for a in found:
            if found.count(a) > 1:
                raise ValueError(f"{what} must name each feature once; got {self.name(a)} twice")
        return np.array(found, np.int64)

    def _index(self, one: Any, what: str) -> int:
        d, names = self.d, self.names
        if isinstance(one, str):
            if one not in names:
                known = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
                has = f"it has {known}" if names else "it was fitted without names: give indices"
                raise ValueError(f"{what} names {one!r}, which the mixture has not; {has}")
            if names.count(one) > 1:
                raise ValueError(f"{what} names {one!r}, which several features are called")
            return names.index(one)
        if isinstance(one, (bool, np.bool_)) or not isinstance(one, Integral):
            raise TypeError(f"{what} must be indices or names of features; got {one!r}")
        index = int(one)
        if not -d <= index < d:
            raise ValueError(f"{what} must be indices between 0 and {d - 1}; got {index}")
        return index + d if index < 0 else index


# ---- given values -------------------------------------------------------------------------------


def conditional(
    p: Parameters,
    covariance_type: str,
    known: NDArray[np.int64],
    rest: NDArray[np.int64],
    values: NDArray[np.float64],
) -> tuple[Floats, Floats, Floats]:
    """Return weights, means and covariances of features ``rest`` given those of ``known``.

    With S_oo = L L^T, A = L^-1 S_om and y = L^-1 (v - mu_o): means mu_m + A^T y, covariances
    S_mm - A^T A, weights in proportion to w exp(-|y|^2 / 2) / |L| (Bishop 2006, eq. 2.81, 2.82).
    """
    from scipy.linalg import solve_triangular

    z = values - p.means[:, known]
    c = p.covariances
    if covariance_type in ("full", "tied"):
        square = c if covariance_type == "full" else c[None]
        means, spread = p.means[:, rest].copy(), []
        log_density = np.empty(len(z))
        for k in range(len(z)):
            at = min(k, len(square) - 1)
            if k == at:
                low = np.linalg.cholesky(square[at][np.ix_(known, known)])
                a = solve_triangular(low, square[at][np.ix_(known, rest)], lower=True)
                spread.append(square[at][np.ix_(rest, rest)] - a.T @ a)
            y = solve_triangular(low, z[k], lower=True)
            means[k] += a.T @ y
            log_density[k] = -0.5 * y @ y - np.log(np.diag(low)).sum()
        c = np.array(spread) if covariance_type == "full" else spread[0]
    else:
        variance = (
            c[:, known] if covariance_type == "diag" else np.repeat(c[:, None], len(known), 1)
        )
        log_density = -0.5 * (z**2 / variance + np.log(variance)).sum(axis=1)
        means = p.means[:, rest]
        c = c[:, rest] if covariance_type == "diag" else c
    log_weights = np.log(p.weights) + log_density
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum(), means, c


def _given_values(values: ArrayLike, count: int) -> NDArray[np.float64]:
    try:
        given = np.atleast_1d(np.asarray(values, np.float64))
    except (TypeError, ValueError) as error:
        raise TypeError(f"values must be numbers; got {values!r:.80}") from error
    if given.shape != (count,):
        raise ValueError(
            f"values must have one number per feature, {count}; got shape {given.shape}"
        )
    if not np.isfinite(given).all():
        bad = int(np.argmin(np.isfinite(given)))
        raise ValueError(f"values must be finite; entry {bad} is {given[bad]}")
    return given
