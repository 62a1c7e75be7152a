"""Conversion of rows of visible states for the core: to bits if possible, at most one copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._ground.isa import core

#: The class of rows in the core, by the precision of the machine.
_ROWS: dict[str, Any] = {"float32": core.layers.Rows32, "float64": core.layers.Rows64}


def check_range(X: Any, most: float) -> None:
    """Refuse values that are not probabilities of a two-state unit.

    Raises
    ------
    ValueError
        If an entry lies outside [0, most]; the message names the first.
    """
    values = X.data if sp.issparse(X) else X
    if values.size == 0 or values.dtype == bool:
        return
    low, high = values.min(), values.max()
    if low >= 0 and high <= most:
        return
    bad = float(low if low < 0 else high)
    where = ""
    if not sp.issparse(X):
        row, column = (int(i) for i in np.argwhere(bad == X)[0])
        where = f" (X[{row}, {column}])"
    advice = (
        "scale the data, for instance with sklearn.preprocessing.MinMaxScaler, or use units for "
        "real values"
        if low < 0 or high > 255
        else f"give data_max={high:g} if that is the value of a unit that is fully on"
    )
    raise ValueError(
        f"X must lie in [0, {most:g}] for units of two states; it holds {bad:g}{where}: {advice}"
    )


def rows_of(
    X: Any,
    dtype: str,
    threads: int,
    *,
    data_max: float = 1.0,
    binarize: float | str | None = None,
    weight: NDArray[Any] | None = None,
) -> Any:
    """Return the rows of X for the core.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
        Numbers in [0, data_max].
    dtype : {"float32", "float64"}
        Precision of the machine.
    threads : int
    data_max : float
        The value of a unit that is on.
    binarize : None, "sample" or float
        None keeps values between 0 and 1, "sample" draws states with these probabilities whenever
        a row is used, a number is the threshold above which a unit is on.
    weight : ndarray of shape (n,), optional

    Returns
    -------
    Rows32 or Rows64
        Refers to X without a copy if the core can read it directly; states of 0 and 1 as bits.
    """
    n, d = X.shape
    if isinstance(binarize, float):
        X = _above(X, binarize * data_max)
        data_max, binarize = 1.0, None
    make = _ROWS[dtype]
    kept: dict[str, Any] = {"sample": binarize == "sample", "scale": 1.0 / data_max}
    if weight is not None:
        kept["weight"] = np.ascontiguousarray(weight, dtype=dtype)
    if sp.issparse(X):
        if not X.has_canonical_format:  # a copy: the caller's arrays may be shared or read-only
            X = X.copy()
            X.sum_duplicates()
        data = np.ascontiguousarray(X.data, dtype=dtype)
        ones = bool((data == data_max).all())
        csr = (data, X.indices.astype(np.int32, copy=False), X.indptr.astype(np.int64, copy=False))
        if ones:
            kept.update(sample=False, ones=True)
        return make(n, d, csr, **kept)
    if X.dtype == bool:
        X = X.view(np.uint8)
    if X.dtype != np.uint8:
        X = X.astype(dtype, copy=False)
    X = np.ascontiguousarray(X)
    if data_max == 1.0:
        bits = core.layers.pack_states(X, threads)
        if bits is not None:
            return make(n, d, bits, **{**kept, "sample": False})
    return make(n, d, X, **kept)


def _above(X: Any, threshold: float) -> Any:
    """Return which entries exceed a threshold, as bytes or as a CSR matrix of ones."""
    if not sp.issparse(X):
        return (np.asarray(threshold) < X).view(np.uint8)
    if threshold < 0:
        raise ValueError(f"binarize must be at least 0 for sparse X; got {threshold:g}")
    on = threshold < X
    return sp.csr_matrix(on, dtype=np.float32)


def numbers_of(X: Any, dtype: str, weight: NDArray[Any] | None = None) -> Any:
    """Return rows of real numbers or counts for the core.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
    dtype : {"float32", "float64"}
        Precision of the machine.
    weight : ndarray of shape (n,), optional

    Returns
    -------
    Rows32 or Rows64
    """
    n, d = X.shape
    kept: dict[str, Any] = {}
    if weight is not None:
        kept["weight"] = np.ascontiguousarray(weight / weight.mean(), dtype=dtype)
    if not sp.issparse(X):
        return _ROWS[dtype](n, d, np.ascontiguousarray(X, dtype=dtype), **kept)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    data = np.ascontiguousarray(X.data, dtype=dtype)
    csr = (data, X.indices.astype(np.int32, copy=False), X.indptr.astype(np.int64, copy=False))
    return _ROWS[dtype](n, d, csr, **kept)


def words_of(words: NDArray[Any], d: int, dtype: str, weight: NDArray[Any] | None = None) -> Any:
    """Return rows of ``d`` states, given as words of 32 bits, for the core."""
    kept: dict[str, Any] = {}
    if weight is not None:
        kept["weight"] = np.ascontiguousarray(weight / weight.mean(), dtype=dtype)
    return _ROWS[dtype](len(words), d, words, **kept)


def whole_numbers(X: Any, what: str) -> Any:
    """Return X, refusing what is not a whole number.

    Raises
    ------
    ValueError
        If an entry has a fractional part; the message names the first.
    """
    values = X.data if sp.issparse(X) else X
    if values.dtype.kind in "iub":
        return X
    odd = values != np.floor(values)
    if odd.any():
        raise ValueError(
            f"X must hold {what}, which are whole numbers; it holds {values[odd][0]:g}"
        )
    return X
