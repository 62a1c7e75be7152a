"""What a fitted Gaussian mixture predicts of rows, however it was fitted.

A :class:`Fitted` is the mixture as a value. The functions take it and rows, which may be read in
blocks; the estimators' methods call them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._ground import random, validate
from .._ground.validate import validate_data
from .._rows.blocks import Source, check_finite
from .._rows.patterns import has_missing
from .._rows.sources import is_source, source_of
from .._rows.weights import BlockWeights
from .densities import check_explained, posterior, posterior_missing
from .em.variational_update import e_step_log_weights
from .parameters import DTYPES, Floats, Parameters, covariances_of_factors, n_parameters

#: Numbers in a block of responsibilities: 8 MB in float64, for any number of rows.
_BLOCK = 2**20


def parameters_of(model: Any, dtype: Any) -> Parameters:
    """Return the fitted parameters of an estimator in a dtype, without copies if it is theirs.

    A variational mixture has its expectations in the place of parameters, and in that of the log
    weights what its E-step has there.
    """

    def cast(a: Floats) -> Floats:
        return np.ascontiguousarray(a, dtype)

    factors = cast(model.precisions_cholesky_)
    given = getattr(model, "covariances_", None)
    log_weights = None
    if hasattr(model, "weight_concentration_"):
        log_weights = e_step_log_weights(
            model.weight_concentration_,
            model.mean_precision_,
            model.degrees_of_freedom_,
            model.means_.shape[1],
        )
    return Parameters(
        cast(model.weights_),
        cast(model.means_),
        # manually set parameters may lack covariances
        covariances_of_factors(factors, model.covariance_type) if given is None else cast(given),
        factors,
        log_weights=log_weights,
    )


@dataclass(frozen=True)
class Fitted:
    """A fitted mixture as a value.

    Attributes
    ----------
    estimator : estimator
        Whose attributes hold the mixture, and whose columns X is checked against.
    kind : {"full", "tied", "diag", "spherical"}
    threads : int
    """

    estimator: Any
    kind: str
    threads: int

    @classmethod
    def of(cls, model: Any) -> Fitted:
        """Return the mixture of an estimator.

        Raises
        ------
        NotFittedError
            If it has none.
        """
        check_is_fitted(model, "means_")  # a failed fit may leave n_features_in_
        return cls(model, model.covariance_type, validate.n_threads(model.n_jobs))

    @property
    def means(self) -> Floats:
        """The means, (k, d)."""
        means: Floats = self.estimator.means_
        return means

    def parameters(self, dtype: Any) -> Parameters:
        """Return the parameters in a dtype."""
        return parameters_of(self.estimator, dtype)

    # ---- rows ----------------------------------------------------------------------------------

    def rows(self, X: ArrayLike) -> Floats:
        """Return checked rows in memory, of which entries may be missing."""
        rows: Floats = validate_data(
            self.estimator,
            X,
            dtype=DTYPES,
            order="C",
            reset=False,
            ensure_all_finite="allow-nan",
        )
        # float32 rows are converted to the float64 of the model, to keep its precision
        return np.asarray(rows, dtype=np.promote_types(rows.dtype, self.means.dtype))

    def source(self, X: Any) -> Source:
        """Return the checked source of blocks that X is."""
        source = X if isinstance(X, Source) else source_of(X)
        validate_data(self.estimator, source.first, skip_check_array=True, reset=False)
        return source

    def blocks(self, source: Source) -> Iterator[tuple[int, Floats]]:
        """Yield checked blocks of rows, each with the number of its first row."""
        with closing(source.blocks()) as blocks:
            for first, rows in blocks:
                check_finite(rows, first, missing=True)
                yield first, np.asarray(rows, np.promote_types(rows.dtype, self.means.dtype))

    # ---- one block of them ---------------------------------------------------------------------

    def posterior(
        self,
        X: Floats,
        *,
        log_prob: Floats | None = None,
        responsibilities: Floats | None = None,
        labels: NDArray[np.int64] | None = None,
    ) -> None:
        """Write log p(x), responsibilities and labels of rows to the arrays that are given."""
        write = posterior_missing if has_missing(X) else posterior
        write(
            X,
            self.kind,
            self.parameters(X.dtype),
            self.threads,
            log_prob=log_prob,
            responsibilities=responsibilities,
            labels=labels,
        )

    def labels(self, X: Floats) -> NDArray[np.int64]:
        """Return the most probable component of each row."""
        labels = np.empty(X.shape[0], np.int64)
        self.posterior(X, labels=labels)
        check_explained(labels >= 0)
        return labels

    def responsibilities(self, X: Floats) -> Floats:
        """Return the responsibilities, (n, k)."""
        out = np.empty((X.shape[0], self.means.shape[0]), X.dtype)
        self.posterior(X, responsibilities=out)
        check_explained(np.asarray(out.any(axis=1)))
        return out

    def log_prob(self, X: Floats) -> Floats:
        """Return log p(x) of each row."""
        out = np.empty(X.shape[0], X.dtype)
        self.posterior(X, log_prob=out)
        return out


def predict(mixture: Fitted, X: Any) -> NDArray[np.int64]:
    """Return the most probable component of each row, (n,)."""
    return _rowwise(mixture, X, mixture.labels)


def predict_proba(mixture: Fitted, X: Any) -> Floats:
    """Return the responsibilities, (n, k)."""
    return _rowwise(mixture, X, mixture.responsibilities)


def score_samples(mixture: Fitted, X: Any) -> Floats:
    """Return log p(x) of each row, (n,)."""
    return _rowwise(mixture, X, mixture.log_prob)


def _rowwise(mixture: Fitted, X: Any, query: Callable[[Floats], Floats]) -> Floats:
    """Return the result of a query for each row of X, which may be read in blocks."""
    if not (isinstance(X, Source) or is_source(X)):
        return query(mixture.rows(X))
    parts: list[Floats] = []
    out: Floats | None = None
    source = mixture.source(X)
    for first, rows in mixture.blocks(source):
        part = _located(query, first, rows)
        if source.n is None:
            parts.append(part)
            continue
        if out is None:
            out = np.empty((source.n, *part.shape[1:]), part.dtype)
        out[first : first + len(part)] = part
    return np.concatenate(parts) if out is None else out


def _located(query: Callable[[Floats], Floats], first: int, rows: Floats) -> Floats:
    """Return the result for a block; an error names its position."""
    try:
        return query(rows)
    except ValueError as error:
        raise ValueError(f"in the block of X that starts at row {first}: {error}") from error


def mean_log_prob(
    mixture: Fitted, X: Any, sample_weight: ArrayLike | None = None
) -> tuple[float, int]:
    """Return the (weighted) mean of log p(x), and the number of rows."""
    if not is_source(X):
        log_prob = mixture.log_prob(mixture.rows(X))
        weight = validate.sample_weights(sample_weight, log_prob.shape[0], log_prob.dtype)
        return float(np.average(log_prob, weights=weight)), log_prob.shape[0]
    source = mixture.source(X)
    weights = BlockWeights(sample_weight, source.dtype)
    total, mass, n = 0.0, 0.0, 0
    for first, rows in mixture.blocks(source):
        log_prob = mixture.log_prob(rows).astype(np.float64)
        n = first + len(rows)
        weights.check_length(n, at_least=True)
        part = weights.of(first, n)
        total += float(log_prob.sum() if part is None else log_prob @ part)
        mass += len(rows) if part is None else float(part.sum(dtype=np.float64))
    weights.check_length(n)
    return total / mass, n


# ---- draws --------------------------------------------------------------------------------------


def sample(
    mixture: Fitted, n_samples: int, random_state: random.RandomState
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw rows from the mixture; return them and their components, in ascending order.

    Raises
    ------
    ValueError, TypeError
        If ``n_samples`` is not an int of at least 1.
    """
    if isinstance(n_samples, bool) or not isinstance(n_samples, Integral):
        raise TypeError(f"n_samples must be an int; got {n_samples!r}")
    if n_samples < 1:
        raise ValueError(
            f"Invalid value for 'n_samples': {n_samples}. "
            "The sampling requires at least one sample."
        )
    from scipy.linalg import solve_triangular

    rng = random.generator(random.key_of(random_state), "gmm-sample")
    p = mixture.parameters(np.float64)
    counts = rng.multinomial(int(n_samples), p.weights / p.weights.sum())
    d = p.means.shape[1]
    parts = []
    for k, count in enumerate(counts):
        z = rng.standard_normal((int(count), d))
        if mixture.kind in ("full", "tied"):
            u = p.factors[k] if mixture.kind == "full" else p.factors
            z = solve_triangular(u, z.T, trans="T").T if count else z
        else:
            z = z / p.factors[k]
        parts.append(p.means[k] + z)
    return np.concatenate(parts), np.repeat(np.arange(len(counts)), counts)


# ---- criteria -----------------------------------------------------------------------------------


def free_parameters(mixture: Fitted) -> int:
    """Return the number of free parameters."""
    return n_parameters(mixture.kind, *mixture.means.shape)


def bic(mixture: Fitted, X: Any) -> float:
    """Return the Bayesian information criterion (Schwarz 1978)."""
    mean, n = mean_log_prob(mixture, X)
    return float(-2.0 * mean * n + free_parameters(mixture) * math.log(n))


def aic(mixture: Fitted, X: Any) -> float:
    """Return the Akaike information criterion (Akaike 1974)."""
    mean, n = mean_log_prob(mixture, X)
    return float(-2.0 * mean * n + 2.0 * free_parameters(mixture))


def icl(mixture: Fitted, X: Any) -> float:
    """Return the integrated completed likelihood (Biernacki, Celeux and Govaert 2000)."""
    blocked = is_source(X)
    blocks = mixture.blocks(mixture.source(X)) if blocked else iter([(0, mixture.rows(X))])
    log_likelihood, log_certainty, n = 0.0, 0.0, 0
    for start, rows in blocks:
        total, certain = evidence(mixture, rows, start)
        log_likelihood, log_certainty = log_likelihood + total, log_certainty + certain
        n = start + len(rows)
    return -2.0 * (log_likelihood + log_certainty) + free_parameters(mixture) * math.log(n)


def evidence(mixture: Fitted, rows: Floats, start: int = 0) -> tuple[float, float]:
    """Return the sums over rows of log p(x) and of the log of the largest responsibility.

    Raises
    ------
    ValueError
        If a row has no density under any component.
    """
    n, k = rows.shape[0], mixture.means.shape[0]
    size = max(1, _BLOCK // k)
    log_prob = np.empty(min(size, n), rows.dtype)
    shares = np.empty((min(size, n), k), rows.dtype)
    total = certain = 0.0
    for first in range(0, n, size):
        block = rows[first : first + size]
        m = len(block)
        mixture.posterior(block, log_prob=log_prob[:m], responsibilities=shares[:m])
        largest = shares[:m].max(axis=1)
        check_explained(np.asarray(largest > 0), start + first)
        total += float(log_prob[:m].sum(dtype=np.float64))
        certain += float(np.log(largest, dtype=np.float64).sum())
    return total, certain
