"""Checks of arguments that scikit-learn does not have, or that need other messages."""

from __future__ import annotations

import os
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .isa import core

Float = np.float32 | np.float64

_MOST_THREADS = 64


def validate_data(estimator: Any, X: Any, y: Any = "no_validation", **checks: Any) -> Any:
    """Check X as scikit-learn does; the error for text in a data frame names the column.

    Raises
    ------
    ValueError, TypeError
        As scikit-learn's ``validate_data``.
    """
    from sklearn.utils import validation

    try:
        result = validation.validate_data(estimator, X, y, **checks)
    except (ValueError, TypeError) as error:
        # the second is raised if text is compared with 0
        if "could not convert string" in str(error) or "not supported between" in str(error):
            _refuse_text(X, estimator, error)
        raise
    checked = result[0] if isinstance(result, tuple) else result
    if getattr(getattr(checked, "dtype", None), "kind", "") == "O":  # columns with different dtypes
        _refuse_text(X, estimator, None)
        numbers = np.asarray(checked, np.float64)
        return (numbers, *result[1:]) if isinstance(result, tuple) else numbers
    return result


def _refuse_text(X: Any, estimator: Any, cause: Exception | None) -> None:
    """Raise an error that names the first column of a frame with text that is not a number."""
    names = getattr(X, "column_names", getattr(X, "columns", ()))
    for name in names:
        for value in np.asarray(X[name]).ravel():
            if isinstance(value, str) and not _is_number(value):
                raise ValueError(
                    f"{type(estimator).__name__} needs numeric data, but X has text in column "
                    f"{name!r:.60} ({str(value)!r:.40}); drop the column, or encode it first "
                    "(sklearn.preprocessing.OneHotEncoder)"
                ) from cause


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_params(estimator: Any) -> None:
    """Check the parameters of an estimator against its ``_parameter_constraints``.

    Raises
    ------
    ValueError
        If a parameter has an invalid value.
    """
    # The method is scikit-learn's, for developers of estimators; there is no public function for
    # it.
    estimator._validate_params()


def n_threads(n_jobs: int | None) -> int:
    """Return the number of threads that a kernel may use.

    Parameters
    ----------
    n_jobs : int or None
        None uses the current limit of OpenMP (``OMP_NUM_THREADS``, ``threadpoolctl``), at most the
        number of processors available to this process; -1 uses all of these processors, -2 all
        but one. A positive number is limited to 64 or the number of processors, whichever is
        larger.

    Raises
    ------
    ValueError
        If ``n_jobs`` is 0.
    TypeError
        If it is not an integer.
    """
    if n_jobs is None:
        return max(1, min(int(core.default_threads()), _processors()))
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an int or None; got {n_jobs!r}")
    jobs = int(n_jobs)
    if jobs == 0:
        raise ValueError("n_jobs must not be 0; use None, a positive number, or -1 for all")
    if jobs < 0:
        return max(1, _processors() + 1 + jobs)
    # no kernel benefits from more, and the system may refuse to start them
    return min(jobs, max(_MOST_THREADS, _processors()))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sample_weights(weight: Any, n: int, dtype: Any) -> NDArray[Any] | None:
    """Return contiguous weights of the data's dtype, or None if no weights are given.

    Raises
    ------
    ValueError
        If the shape is not (n,), a weight is negative or not finite, or all weights are zero.
    TypeError
        If the weights are not numbers.
    """
    if weight is None:
        return None
    try:
        given = np.asarray(weight)
        if given.dtype.kind not in "fiubO":  # text would be parsed, and imaginary parts dropped
            raise TypeError(given.dtype)
        if given.ndim == 0:
            given = np.full(n, given)
        w: NDArray[Any] = np.ascontiguousarray(given, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"sample_weight must be numbers; got {weight!r:.80}") from error
    if w.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar; got {w.ndim} dimensions")
    if w.shape != (n,):
        raise ValueError(
            f"sample_weight.shape == {w.shape}, expected {(n,)}: one weight per row of X"
        )
    if not np.isfinite(w).all():
        bad = int(np.flatnonzero(~np.isfinite(w))[0])
        raise ValueError(f"sample_weight must be finite; entry {bad} is {w[bad]}")
    if w.min() < 0:
        bad = int(np.argmin(w))
        raise ValueError(
            f"Negative values in data passed to sample_weight: entry {bad} is {w[bad]}; "
            "weights must be >= 0"
        )
    if not w.any():
        raise ValueError("sample_weight must not be all zero: no row would count")
    return w
