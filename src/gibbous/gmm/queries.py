"""What a fitted Gaussian mixture says of rows: shared by every way to fit one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._ground import random, validate
from .._ground.isa import core
from .._ground.validate import validate_data
from .._rows.blocks import BlockWeights, Source, check_finite, is_source
from .conditional import Conditionals
from .conditional import explained as _explained
from .em.engine import Engine, Parameters, covariance_shape
from .em.missing import has_missing

DTYPES = [np.float64, np.float32]

#: Numbers of one block of responsibilities: 8 MB in float64, whatever the rows.
_BLOCK = 2**20


def n_parameters(covariance_type: str, k: int, d: int) -> int:
    """Return the number of free parameters of k components in d dimensions."""
    if covariance_type in ("full", "tied"):
        shape: tuple[int, ...] = (k if covariance_type == "full" else 1, d * (d + 1) // 2)
    else:
        shape = covariance_shape(covariance_type, k, d)
    return int(math.prod(shape) + k * d + k - 1)


class MixtureBase(Conditionals, DensityMixin, BaseEstimator):  # type: ignore[misc]
    """A mixture with ``weights_``, ``means_`` and ``precisions_cholesky_``, however fitted."""

    n_components: int
    covariance_type: str
    tol: float
    max_iter: int
    n_init: int
    random_state: random.RandomState
    verbose: int
    verbose_interval: int
    n_jobs: int | None

    def _keep(self, p: Parameters) -> None:
        self.weights_ = p.weights
        self.means_ = p.means
        self.covariances_ = p.covariances
        self.precisions_cholesky_ = p.factors
        self.precisions_ = p.precisions(self.covariance_type)

    def _parameters(self, dtype: Any) -> Parameters:
        """Return the fitted parameters in a dtype (no copies where it is theirs)."""

        def cast(a: NDArray[Any]) -> NDArray[Any]:
            return np.ascontiguousarray(a, dtype)

        return Parameters(
            cast(self.weights_),
            cast(self.means_),
            cast(self.covariances_) if hasattr(self, "covariances_") else np.empty(0),
            cast(self.precisions_cholesky_),
        )

    def _learnt(self, engine: Engine, p: Parameters) -> None:
        """Keep what a fit has learnt beside the parameters."""

    def _log_weights(self) -> NDArray[np.float64] | None:
        """Return what stands in the place of log(weights) in the densities, or None for them."""
        return None

    def _check_resumable(self, d: int) -> None:
        """Check that the fitted parameters fit the model as it is asked for now."""
        k, width = self.means_.shape
        shape = covariance_shape(self.covariance_type, self.n_components, d)
        if (k, width) == (self.n_components, d) and self.precisions_cholesky_.shape == shape:
            return
        self.n_features_in_ = width
        raise ValueError(
            f"warm_start=True goes on from {k} components in {width} features with "
            f"precisions_cholesky_ of shape {self.precisions_cholesky_.shape}; got "
            f"n_components={self.n_components}, covariance_type={self.covariance_type!r} and "
            f"{d} features; set warm_start=False to start afresh"
        )

    def _allows_nan(self) -> bool:
        return bool(get_tags(self).input_tags.allow_nan)

    def _check_rows(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self, "means_")  # a fit that failed leaves n_features_in_
        if self._allows_nan():
            return self._rows_with_missing(X)
        rows: NDArray[Any] = validate_data(self, X, dtype=DTYPES, order="C", reset=False)
        # float32 rows under a float64 model are lifted: the model's digits are not thrown away
        return np.asarray(rows, dtype=np.promote_types(rows.dtype, self.means_.dtype))

    def _posterior(
        self,
        X: NDArray[Any],
        *,
        log_prob: NDArray[Any] | None = None,
        responsibilities: NDArray[Any] | None = None,
        labels: NDArray[np.int64] | None = None,
    ) -> None:
        if self._allows_nan() and has_missing(X):
            return self._posterior_missing(X, log_prob, responsibilities, labels)
        p = self._parameters(X.dtype)
        core.gmm.posterior(
            X,
            self.covariance_type,
            p.weights,
            p.means,
            p.factors,
            log_prob,
            responsibilities,
            labels,
            validate.n_threads(self.n_jobs),
            self._log_weights(),
        )

    def _rowwise(self, X: Any, tell: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        """Return what ``tell`` says of each row of X, which may be read in blocks."""
        if not (isinstance(X, Source) or is_source(X)):
            return tell(self._check_rows(X))
        told: list[NDArray[Any]] = []
        out: NDArray[Any] | None = None
        source = self._source(X)
        for first, rows in self._blocks(source):
            part = _located(tell, first, rows)
            if source.n is None:
                told.append(part)
                continue
            if out is None:
                out = np.empty((source.n, *part.shape[1:]), part.dtype)
            out[first : first + len(part)] = part
        return np.concatenate(told) if out is None else out

    def _source(self, X: Any) -> Source:
        check_is_fitted(self, "means_")
        source = X if isinstance(X, Source) else Source.of(X)
        validate_data(self, source.first, skip_check_array=True, reset=False)
        return source

    def _blocks(self, source: Source) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield checked blocks of rows."""
        with closing(source.blocks()) as blocks:
            for first, rows in blocks:
                check_finite(rows, first, missing=self._allows_nan())
                yield first, np.asarray(rows, np.promote_types(rows.dtype, self.means_.dtype))

    def _labels(self, X: NDArray[Any]) -> NDArray[np.int64]:
        labels = np.empty(X.shape[0], np.int64)
        self._posterior(X, labels=labels)
        _explained(labels >= 0)
        return labels

    def _responsibilities(self, X: NDArray[Any]) -> NDArray[Any]:
        out = np.empty((X.shape[0], self.means_.shape[0]), X.dtype)
        self._posterior(X, responsibilities=out)
        _explained(np.asarray(out.any(axis=1)))
        return out

    def _log_prob(self, X: NDArray[Any]) -> NDArray[Any]:
        out = np.empty(X.shape[0], X.dtype)
        self._posterior(X, log_prob=out)
        return out

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the most probable component of each row of X (n, d) as an array of shape (n,).

        X may be what :meth:`fit` reads in blocks, here and in the methods below.

        Raises
        ------
        ValueError
            If a row is so far from every component that all densities underflow to 0.
        """
        return self._rowwise(X, self._labels)

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the responsibilities, the posterior p(component | row), of shape (n, k).

        Raises
        ------
        ValueError
            If a row is so far from every component that all densities underflow to 0.
        """
        return self._rowwise(X, self._responsibilities)

    def score_samples(self, X: ArrayLike) -> NDArray[Any]:
        """Return log p(x) in nats of each row of X (n, d) as an array of shape (n,)."""
        return self._rowwise(X, self._log_prob)

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the (weighted) mean of log p(x) over the rows of X."""
        return self._mean_log_prob(X, sample_weight)[0]

    def _mean_log_prob(self, X: Any, sample_weight: ArrayLike | None = None) -> tuple[float, int]:
        """Return the (weighted) mean of log p(x), and the number of rows."""
        if not is_source(X):
            log_prob = self.score_samples(X)
            weight = validate.sample_weights(sample_weight, log_prob.shape[0], log_prob.dtype)
            return float(np.average(log_prob, weights=weight)), log_prob.shape[0]
        source = self._source(X)
        weights = BlockWeights(sample_weight, source.dtype)
        total, mass, n = 0.0, 0.0, 0
        for first, rows in self._blocks(source):
            log_prob = self._log_prob(rows).astype(np.float64)
            n = first + len(rows)
            weights.check_length(n, at_least=True)
            part = weights.of(first, n)
            total += float(log_prob.sum() if part is None else log_prob @ part)
            mass += len(rows) if part is None else float(part.sum(dtype=np.float64))
        weights.check_length(n)
        return total / mass, n

    def sample(self, n_samples: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Draw from the mixture.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, d), float64
        y : ndarray of shape (n_samples,), int64
            Components, in ascending order.

        Raises
        ------
        ValueError
            If ``n_samples`` is below 1.
        """
        check_is_fitted(self, "means_")  # a fit that failed leaves n_features_in_
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral):
            raise TypeError(f"n_samples must be an int; got {n_samples!r}")
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples}. "
                "The sampling requires at least one sample."
            )
        from scipy.linalg import solve_triangular

        rng = random.generator(random.key_of(self.random_state), "gmm-sample")
        p = self._parameters(np.float64)
        counts = rng.multinomial(int(n_samples), p.weights / p.weights.sum())
        d = p.means.shape[1]
        parts = []
        for k, count in enumerate(counts):
            z = rng.standard_normal((int(count), d))
            if self.covariance_type in ("full", "tied"):
                u = p.factors[k] if self.covariance_type == "full" else p.factors
                z = solve_triangular(u, z.T, trans="T").T if count else z
            else:
                z = z / p.factors[k]
            parts.append(p.means[k] + z)
        return np.concatenate(parts), np.repeat(np.arange(len(counts)), counts)


class LikelihoodMixture(MixtureBase):
    """A mixture with a likelihood, not a posterior: it has criteria that penalise parameters."""

    def _n_parameters(self) -> int:
        """Return the number of free parameters."""
        return n_parameters(self.covariance_type, *self.means_.shape)

    def bic(self, X: ArrayLike) -> float:
        """Return the Bayesian information criterion on X; lower is better (Schwarz 1978)."""
        mean, n = self._mean_log_prob(X)
        return float(-2.0 * mean * n + self._n_parameters() * math.log(n))

    def aic(self, X: ArrayLike) -> float:
        """Return the Akaike information criterion on X; lower is better (Akaike 1974)."""
        mean, n = self._mean_log_prob(X)
        return float(-2.0 * mean * n + 2.0 * self._n_parameters())

    def icl(self, X: ArrayLike) -> float:
        r"""Return the integrated completed likelihood on X; lower is better.

        It is the BIC of rows whose components are known, those that are the most probable:
        :math:`\mathrm{ICL} = \mathrm{BIC} - 2 \sum_i \log \max_k r_{ik}` (Biernacki, Celeux and
        Govaert 2000, as in mclust with the sign turned). Where components overlap it asks for
        fewer of them than :meth:`bic`. Takes blocks of rows, so no memory of n x k.

        Raises
        ------
        ValueError
            If a row is so far from every component that all densities underflow to 0.
        """
        blocks = self._blocks(self._source(X)) if is_source(X) else [(0, self._check_rows(X))]
        log_likelihood, log_certainty, n = 0.0, 0.0, 0
        for start, rows in blocks:
            total, certain = self._evidence(rows, start)
            log_likelihood, log_certainty = log_likelihood + total, log_certainty + certain
            n = start + len(rows)
        return -2.0 * (log_likelihood + log_certainty) + self._n_parameters() * math.log(n)

    def _evidence(self, rows: NDArray[Any], start: int = 0) -> tuple[float, float]:
        """Return the sums over rows of log p(x) and of the log of the largest responsibility."""
        n, k = rows.shape[0], self.means_.shape[0]
        size = max(1, _BLOCK // k)
        log_prob = np.empty(min(size, n), rows.dtype)
        shares = np.empty((min(size, n), k), rows.dtype)
        total = certain = 0.0
        for first in range(0, n, size):
            block = rows[first : first + size]
            m = len(block)
            self._posterior(block, log_prob=log_prob[:m], responsibilities=shares[:m])
            largest = shares[:m].max(axis=1)
            _explained(np.asarray(largest > 0), start + first)
            total += float(log_prob[:m].sum(dtype=np.float64))
            certain += float(np.log(largest, dtype=np.float64).sum())
        return total, certain


def _located(
    tell: Callable[[NDArray[Any]], NDArray[Any]], first: int, rows: NDArray[Any]
) -> NDArray[Any]:
    """Return what is told of a block; an error names its place."""
    try:
        return tell(rows)
    except ValueError as error:
        raise ValueError(f"in the block of X that starts at row {first}: {error}") from error
