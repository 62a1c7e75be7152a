"""Rows at the door of a mixture's fit: checked, in memory or in blocks, with or without NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._ground import validate
from .._ground.validate import validate_data
from .._rows.blocks import MissingEntry, Source, check_finite
from .._rows.patterns import check_columns, has_missing
from .._rows.rows import BlockRows, MemoryRows
from .._rows.sources import is_source, source_of
from .._rows.weights import BlockWeights
from .em.complete import Complete
from .em.missing import Missing
from .parameters import DTYPES, Floats, covariance_shape

Expectation = Complete | Missing


def rows_to_fit(model: Any, X: Any) -> Floats | Source:
    """Return the rows to fit, checked, or the source that they are read from in blocks.

    Raises
    ------
    ValueError, TypeError
        If X cannot be used.
    """
    if not is_source(X):
        rows = _array(model, X)
    else:
        source = source_of(X)
        small = source.whole()
        if small is None:
            validate_data(model, source.first, skip_check_array=True)
            return source
        check_finite(small, 0, missing=True)
        rows = _array(model, small)
        validate_data(model, source.first, skip_check_array=True)  # which may have column names
    check_enough(rows.shape[0], model.n_components)
    return np.asarray(rows)


def _array(model: Any, X: Any) -> Floats:
    rows: Floats = validate_data(
        model, X, dtype=DTYPES, order="C", ensure_min_samples=2, ensure_all_finite="allow-nan"
    )
    return rows


def check_enough(n: int, k: int) -> None:
    """Raise ValueError if there are fewer rows than components."""
    if n < k:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {k}, n_samples = {n}"
        )


def expectation_of(
    data: Floats | Source,
    sample_weight: ArrayLike | None,
    key: int | None,
    model: Any,
) -> Expectation:
    """Return the E-step on the rows of a fit.

    Parameters
    ----------
    data : ndarray or Source
        As :func:`rows_to_fit` returns it.
    sample_weight : array-like or None
    key : int or None
        Seed of the sample that starts are found in; None if none are.
    model : estimator
        With ``covariance_type``, ``n_components`` and ``n_jobs``.

    Raises
    ------
    ValueError, TypeError
        If rows or weights cannot be used.
    """
    kind, k = model.covariance_type, model.n_components
    threads = validate.n_threads(model.n_jobs)
    if not isinstance(data, Source):
        weight = validate.sample_weights(sample_weight, data.shape[0], data.dtype)
        names = getattr(model, "feature_names_in_", None)
        return expectation_in_memory(MemoryRows(data, weight, names), weight, kind, threads)
    weights = BlockWeights(sample_weight, data.dtype)
    found: Expectation
    try:
        found = Complete(BlockRows(data, weights, key, k), kind, threads)
    except MissingEntry:  # found later: from here on, rows with missing entries are expected
        found = Missing(BlockRows(data, weights, key, k), kind, threads)
    check_enough(found.n, k)
    return found


def expectation_in_memory(
    rows: MemoryRows, weight: Floats | None, kind: str, threads: int, *, whole: bool = True
) -> Expectation:
    """Return the E-step on rows in memory, of which entries may be missing.

    Parameters
    ----------
    rows : MemoryRows
    weight : ndarray of shape (n,) or None
        As it was given.
    kind : str
    threads : int
    whole : bool, default=True
        Whether every column has to have an entry.

    Raises
    ------
    ValueError
        If a column has none.
    """
    if not has_missing(rows.X):
        return Complete(rows, kind, threads)
    if whole:
        check_columns(rows.X, weight, rows.names)
    return Missing(rows, kind, threads)


def check_resumable(model: Any, d: int) -> None:
    """Check that fitted parameters fit the model as it is asked for now.

    Raises
    ------
    ValueError
        If they have other shapes.
    """
    k, width = model.means_.shape
    shape = covariance_shape(model.covariance_type, model.n_components, d)
    found: NDArray[Any] = model.precisions_cholesky_
    if (k, width) == (model.n_components, d) and found.shape == shape:
        return
    model.n_features_in_ = width
    raise ValueError(
        f"warm_start=True continues from {k} components in {width} features with "
        f"precisions_cholesky_ of shape {found.shape}; got "
        f"n_components={model.n_components}, covariance_type={model.covariance_type!r} and "
        f"{d} features; set warm_start=False to start afresh"
    )
