"""What a fitted mixture says of some features given others: conditionals, marginals, imputation."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_is_fitted

from .._ground import random, validate
from .._ground.isa import core
from .._ground.validate import validate_data
from .em.engine import Floats, Parameters, covariances_of_factors
from .em.missing import Patterns, spread

if TYPE_CHECKING:
    from .mixture import GaussianMixture

_DTYPES = [np.float64, np.float32]

#: Features by index or by name.
Features = Sequence[int] | Sequence[str] | NDArray[Any]


class Conditionals:
    """Methods of a fitted mixture that follow from its weights, means and covariances alone.

    Where these have a distribution, as in a variational mixture, they are taken at their mean.
    """

    covariance_type: str
    random_state: random.RandomState
    n_jobs: int | None
    weights_: NDArray[Any]
    means_: NDArray[Any]
    covariances_: NDArray[Any]
    precisions_cholesky_: NDArray[Any]
    n_features_in_: int

    def impute(
        self,
        X: ArrayLike,
        *,
        method: Literal["mean", "sample"] = "mean",
        random_state: random.RandomState = None,
    ) -> NDArray[Any]:
        """Put what is expected given a row's observed entries in the place of its NaN.

        Parameters
        ----------
        X : array-like of shape (n, d)
            NaN stands for what is missing.
        method : {"mean", "sample"}, default="mean"
            The conditional mean, best in squared error; or one draw from the joint conditional
            distribution of a row's missing entries, for multiple imputation (Rubin 1987): fill in
            with several seeds, analyse each, and pool.
        random_state : None, int, RandomState, Generator or SeedSequence, default=None
            Seed of the draws; None for the model's own.

        Returns
        -------
        ndarray of shape (n, d)
            Observed entries keep their bits. float32 where both X and the model are.

        Raises
        ------
        ValueError
            If X has infinities, or a row is so far from every component that its density
            underflows to 0 under all of them.

        Notes
        -----
        A row of which nothing is observed gets the mixture's mean, or a draw from the mixture.
        Takes O(k d^3) for each pattern of missing entries and O(k d^2) a row, O(k d) a row for
        diagonal and spherical covariances. The same seed gives the same bits for every ``n_jobs``.
        """
        if method not in ("mean", "sample"):
            raise ValueError(f"method must be 'mean' or 'sample'; got {method!r}")
        rows = self._rows_with_missing(X)
        key = None
        if method == "sample":
            seed = self.random_state if random_state is None else random_state
            key = random.child(random.key_of(seed), "gmm-impute")
        filled = np.empty_like(rows)
        self._complete(rows, filled, seed=key)
        return filled

    def predict_missing(
        self,
        X: ArrayLike,
        targets: int | str | Features | None = None,
        *,
        return_std: bool = False,
        return_cov: bool = False,
    ) -> Any:
        """Predict features from the others: regression with a joint distribution.

        The prediction is the mean of the conditional distribution (Gaussian mixture regression:
        Ghahramani and Jordan 1994; Sung 2004), which is a mixture itself; its spread is that within
        components and that between them.

        Parameters
        ----------
        X : array-like of shape (n, d), or (n, d - n_targets) where targets are named
            NaN stands for what is missing; rows may miss other features than the targets, too. The
            targets' own columns, where X has them, are not looked at if targets are named.
        targets : int, str, sequence of these, or None
            Features to predict, by index or name. None for those of which X misses an entry: where
            such a column is observed, its value comes back, without any spread.
        return_std : bool, default=False
            Whether to return standard deviations, too.
        return_cov : bool, default=False
            Whether to return the covariances of each row's targets, too.

        Returns
        -------
        mean : ndarray of shape (n, n_targets), or (n,) for a single index or name
        std : ndarray of the same shape
            Only with ``return_std``.
        cov : ndarray of shape (n, n_targets, n_targets), or (n,) for a single index or name
            Only with ``return_cov``.

        Raises
        ------
        ValueError
            If there is no such feature, nothing to predict, or a row is so far from every component
            that its density underflows to 0 under all of them.
        RuntimeError
            If both spreads are asked for.

        Notes
        -----
        Time as for :meth:`impute`, and O(k n_targets^2) a row for covariances.
        """
        if return_std and return_cov:
            raise RuntimeError("At most one of return_std or return_cov can be requested.")
        check_is_fitted(self, "means_")
        single = isinstance(targets, (Integral, str))
        if targets is None:
            rows = self._rows_with_missing(X)
            wanted = np.flatnonzero(np.isnan(rows).any(axis=0))
            if not len(wanted):
                raise ValueError(
                    "nothing to predict: X has no NaN; name the features to predict as targets"
                )
        else:
            asked: Any = [targets] if single else targets
            wanted = self._features(asked, "targets")
            rows = self._rows_for(X, wanted)
        n, t = rows.shape[0], len(wanted)
        filled = np.empty_like(rows)
        variance = np.empty((n, t), rows.dtype) if return_std else None
        covariance = np.empty((n, t, t), rows.dtype) if return_cov else None
        self._complete(rows, filled, wanted, variance, covariance)
        mean = filled[:, wanted]
        if single:
            mean = mean[:, 0]
        if variance is not None:
            std = np.sqrt(np.maximum(variance, 0))
            return mean, std[:, 0] if single else std
        if covariance is not None:
            return mean, covariance[:, 0, 0] if single else covariance
        return mean

    def condition(self, on: int | str | Features, values: ArrayLike) -> GaussianMixture:
        """Return the distribution of the other features where some have given values.

        It is a mixture again: each component is conditioned as a Gaussian is, and has its weight
        by how well it explains the values (Bishop 2006, sections 2.3.1 and 9.2).

        Parameters
        ----------
        on : int, str, or sequence of these
            Features whose values are known, by index or name.
        values : float, or array-like of shape (len(on),)
            Their values.

        Returns
        -------
        GaussianMixture
            Fitted, over the other features in their order, with this one's parameters but for
            starts and priors. ``history_`` and what else tells of a fit are those of the fit it
            comes from.

        Raises
        ------
        ValueError
            If there is no such feature, none is left, or the values are not finite numbers.

        Notes
        -----
        Takes O(k d^3); O(k d) for diagonal and spherical covariances.
        """
        check_is_fitted(self, "means_")
        asked: Any = [on] if isinstance(on, (Integral, str)) else on
        known = self._features(asked, "on")
        given = _given_values(values, len(known))
        d = self.means_.shape[1]
        rest = np.setdiff1d(np.arange(d), known)
        if not len(rest):
            raise ValueError(f"on names all {d} features; at least one has to be left")
        # what overflows is infinitely far
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            p = conditional(self._joint(np.float64), self.covariance_type, known, rest, given)
            reached = np.isfinite(p[1].astype(self.means_.dtype)).all()
        if not reached or not np.isfinite(p[0]).all():
            raise ValueError(
                "values are so far from every component that their density underflows to 0 under "
                f"all of them; got {', '.join(f'{v:.6g}' for v in given)}"
            )
        text = ", ".join(f"{self._name(a)} = {v:.6g}" for a, v in zip(known, given, strict=True))
        return self._derived(*p, rest, f"conditioned on {text}")

    def marginal(self, features: int | str | Features) -> GaussianMixture:
        """Return the distribution of some features, whatever the others are.

        Parameters
        ----------
        features : int, str, or sequence of these
            Features to keep, in this order, by index or name.

        Returns
        -------
        GaussianMixture
            Fitted, with this one's parameters but for starts and priors. ``history_`` and what else
            tells of a fit are those of the fit it comes from.

        Raises
        ------
        ValueError
            If there is no such feature, or one is named twice.
        """
        check_is_fitted(self, "means_")
        asked: Any = [features] if isinstance(features, (Integral, str)) else features
        kept = self._features(asked, "features")
        p = self._joint(np.float64)
        c = p.covariances
        if self.covariance_type in ("full", "tied"):
            c = c[..., kept[:, None], kept]
        elif self.covariance_type == "diag":
            c = c[:, kept]
        text = ", ".join(self._name(a) for a in kept)
        return self._derived(p.weights, p.means[:, kept], c, kept, f"marginal of {text}")

    # ---- what these share -----------------------------------------------------------------------

    def _joint(self, dtype: Any) -> Parameters:
        """Return the fitted parameters with their covariances, in a dtype."""

        def cast(a: NDArray[Any]) -> NDArray[Any]:
            return np.ascontiguousarray(a, dtype)

        factors = cast(self.precisions_cholesky_)
        if hasattr(self, "covariances_"):
            covariances = cast(self.covariances_)
        else:  # parameters that were set by hand
            covariances = covariances_of_factors(factors, self.covariance_type)
        return Parameters(cast(self.weights_), cast(self.means_), covariances, factors)

    def _rows_with_missing(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self, "means_")
        rows: NDArray[Any] = validate_data(
            self, X, dtype=_DTYPES, order="C", reset=False, ensure_all_finite="allow-nan"
        )
        return np.asarray(rows, dtype=np.promote_types(rows.dtype, self.means_.dtype))

    def _rows_for(self, X: ArrayLike, targets: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows of all features with NaN for the targets, which X may have or not."""
        d = self.means_.shape[1]
        others = np.setdiff1d(np.arange(d), targets)
        shape = np.shape(X)
        if len(shape) != 2 or shape[1] != len(others) or not len(others):
            rows = np.array(self._rows_with_missing(X))
            rows[:, targets] = np.nan
            return rows
        names = getattr(self, "feature_names_in_", None)
        columns = getattr(X, "columns", None)
        if names is not None and columns is not None and list(columns) != list(names[others]):
            raise ValueError(
                f"X has the columns {', '.join(map(str, columns))}; without the targets they "
                f"should be {', '.join(map(str, names[others]))}"
            )
        part = check_array(X, dtype=_DTYPES, ensure_all_finite="allow-nan")
        rows = np.full((shape[0], d), np.nan, np.promote_types(part.dtype, self.means_.dtype))
        rows[:, others] = part
        return rows

    def _complete(
        self,
        rows: NDArray[Any],
        filled: NDArray[Any],
        targets: NDArray[np.int64] | None = None,
        variance: NDArray[Any] | None = None,
        covariance: NDArray[Any] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        p, patterns = self._joint(rows.dtype), Patterns.of(rows, self.covariance_type)
        core.gmm.missing.complete(
            rows,
            *spread(patterns),
            self.covariance_type,
            p.weights,
            p.means,
            p.covariances,
            filled,
            targets,
            variance,
            covariance,
            seed,
            validate.n_threads(self.n_jobs),
        )
        explained(~np.isnan(filled).any(axis=1))

    def _posterior_missing(
        self,
        X: NDArray[Any],
        log_prob: NDArray[Any] | None,
        responsibilities: NDArray[Any] | None,
        labels: NDArray[np.int64] | None,
    ) -> None:
        p, patterns = self._joint(X.dtype), Patterns.of(X, self.covariance_type)
        core.gmm.missing.posterior(
            X,
            *spread(patterns),
            self.covariance_type,
            p.weights,
            p.means,
            p.covariances,
            log_prob,
            responsibilities,
            labels,
            validate.n_threads(self.n_jobs),
        )

    def _features(self, asked: Any, what: str) -> NDArray[np.int64]:
        """Return the indices of features that were named or counted.

        Raises
        ------
        ValueError, TypeError
            If there is no such feature, none, or one twice.
        """
        if not isinstance(asked, (list, tuple, np.ndarray)):
            asked = list(asked) if hasattr(asked, "__iter__") else [asked]
        found = [self._feature(one, what) for one in asked]
        if not found:
            raise ValueError(f"{what} must name at least one feature; got none")
        for a in found:
            if found.count(a) > 1:
                raise ValueError(f"{what} must name each feature once; got {self._name(a)} twice")
        return np.array(found, np.int64)

    def _feature(self, one: Any, what: str) -> int:
        d = self.means_.shape[1]
        names = [str(n) for n in getattr(self, "feature_names_in_", ())]
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

    def _name(self, a: Any) -> str:
        names = getattr(self, "feature_names_in_", None)
        return f"feature {int(a)}" if names is None else str(names[a])

    def _derived(
        self,
        weights: Floats,
        means: Floats,
        covariances: Floats,
        features: NDArray[np.int64],
        event: str,
    ) -> GaussianMixture:
        """Return a fitted mixture that has been computed from this one."""
        from .mixture import GaussianMixture

        k, d = means.shape
        dtype = self.means_.dtype
        c = np.ascontiguousarray(covariances, dtype)
        factors = np.empty_like(c)
        if core.gmm.factorize(self.covariance_type, k, d, c, factors, 1) >= 0:
            raise ValueError(
                f"the covariances of {', '.join(map(self._name, features))} are not positive "
                "definite to working precision; fit with a larger reg_covar, or in float64"
            )
        shared = inspect.signature(GaussianMixture).parameters
        own: dict[str, Any] = self.get_params(deep=False)  # type: ignore[attr-defined]
        # a prior is of all features, and so are starts
        left = [name for name in shared if name in own and not name.endswith("_init")]
        params = {name: own[name] for name in left if name != "prior"}
        model = GaussianMixture(**{**params, "n_components": k})
        model._keep(
            Parameters(
                np.ascontiguousarray(weights, dtype), np.ascontiguousarray(means, dtype), c, factors
            )
        )
        model.n_features_in_ = d
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_[features]
        for name in ("converged_", "n_iter_", "lower_bound_", "lower_bounds_"):
            if hasattr(self, name):
                setattr(model, name, getattr(self, name))
        if hasattr(self, "history_"):
            events = (*self.history_.events, event)
            model.history_ = dataclasses.replace(self.history_, events=events)
        return model


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
        raise ValueError(f"values must have one number a feature, {count}; got shape {given.shape}")
    if not np.isfinite(given).all():
        bad = int(np.argmin(np.isfinite(given)))
        raise ValueError(f"values must be finite; entry {bad} is {given[bad]}")
    return given


def explained(rows: NDArray[np.bool_], first: int = 0) -> None:
    """Raise where a row has no density under any component."""
    if not rows.all():
        raise ValueError(
            f"row {first + int(np.argmin(rows))} of X is so far from every component that its "
            "density underflows to 0 under all of them; check its values, or use score_samples"
        )
