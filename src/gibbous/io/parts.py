"""Attributes of a model that consist of several arrays: to named arrays and back.

Sparse matrices, vocabularies and the like are stored as plain arrays. The name of an array in a
file is the name of the attribute, a dot, and the name of the part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """How one kind of attribute is converted to arrays and back.

    Attributes
    ----------
    dtypes : mapping of str to tuple of str
        The arrays and their allowed dtypes; all arrays have one dimension.
    take : callable
        Returns the arrays of an attribute.
    make : callable
        Returns the attribute, given checked arrays and the sizes that the letters of the
        specification stand for; raises ValueError if the arrays are inconsistent.
    left_out : bool
        Whether an absent attribute is left unset on the model, instead of being set to None.
    """

    dtypes: Mapping[str, tuple[str, ...]]
    take: Callable[[Any], dict[str, NDArray[Any]]]
    make: Callable[[Arrays, Mapping[str, int]], Any]
    left_out: bool = False


def names(attribute: str, part: Part) -> list[str]:
    """Return the names in a file of an attribute's arrays."""
    return [f"{attribute}.{key}" for key in part.dtypes]


def take(attribute: str, part: Part, value: Any) -> dict[str, NDArray[Any]]:
    """Return an attribute's arrays by their names in a file."""
    arrays = part.take(value)
    return {f"{attribute}.{key}": np.ascontiguousarray(arrays[key]) for key in part.dtypes}


def make(attribute: str, part: Part, tensors: Arrays, sizes: Mapping[str, int]) -> Any:
    """Return an attribute from the arrays of a file.

    Raises
    ------
    ValueError
        If an array has a wrong dtype or shape, or the arrays are inconsistent.
    """
    arrays = {}
    for key, dtypes in part.dtypes.items():
        array = tensors[f"{attribute}.{key}"]
        if str(array.dtype) not in dtypes or array.ndim != 1:
            raise ValueError(
                f"has {attribute}.{key} of dtype {array.dtype} and shape {array.shape}, "
                f"not {' or '.join(dtypes)} in one dimension"
            )
        # A copy: a view would keep all bytes of the file in memory.
        arrays[key] = np.array(array)
    try:
        return part.make(arrays, sizes)
    except ValueError as error:
        raise ValueError(f"has inconsistent arrays for {attribute}: {error}") from error


# --- sparse matrices of counts ---------------------------------------------------------------


def counts(rows: str, columns: str) -> Part:
    """Return the part for a CSR array of int32, whose sizes are those of two letters.

    If the letter of the rows has no size yet, the arrays define it.
    """

    def of(arrays: Arrays, sizes: Mapping[str, int]) -> Any:
        import scipy.sparse as sp

        n = len(arrays["indptr"]) - 1
        shape = (sizes.get(rows, n), sizes[columns])
        _check_rows(arrays, shape)
        return sp.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)

    return Part(
        {"indptr": ("int32", "int64"), "indices": ("int32", "int64"), "data": ("int32",)},
        lambda m: {"indptr": m.indptr, "indices": m.indices, "data": m.data},
        of,
    )


def _check_rows(arrays: Arrays, shape: tuple[int, int]) -> None:
    indptr, indices, data = arrays["indptr"], arrays["indices"], arrays["data"]
    if len(indptr) != shape[0] + 1:
        raise ValueError(f"{len(indptr) - 1} rows, not {shape[0]}")
    if indptr[0] != 0 or indptr[-1] != len(data) or len(indices) != len(data):
        raise ValueError("the last row does not end at the last value")
    if (np.diff(indptr) < 0).any():
        raise ValueError("a row ends before it begins")
    if len(indices) and not 0 <= indices.min() <= indices.max() < shape[1]:
        raise ValueError(f"a column index outside 0 to {shape[1] - 1}")
    if len(data) and data.min() < 0:
        raise ValueError("a negative count")


# --- words -----------------------------------------------------------------------------------


def spelled(vocabulary: Any) -> dict[str, NDArray[Any]]:
    """Return words as one array of UTF-8 bytes and the position of the end of each word."""
    encoded = [word.encode("utf-8", "surrogatepass") for word in vocabulary]
    ends = np.cumsum([len(word) for word in encoded], dtype=np.int64)
    return {"text": np.frombuffer(b"".join(encoded), np.uint8), "ends": ends}


def words_of(arrays: Arrays, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the words of :func:`spelled`.

    Raises
    ------
    ValueError
        If there are not ``sizes["d"]`` words, or the arrays are inconsistent.
    """
    ends, text = arrays["ends"], arrays["text"].tobytes()
    if len(ends) != sizes["d"]:
        raise ValueError(f"{len(ends)} words, not {sizes['d']}")
    starts = np.concatenate([[0], ends[:-1]])
    if len(ends) and ((ends < starts).any() or ends[-1] != len(text)):
        raise ValueError("the last word does not end at the end of the text")
    found = tuple(
        text[first:last].decode("utf-8", "surrogatepass")
        for first, last in zip(starts.tolist(), ends.tolist(), strict=True)
    )
    if len(set(found)) < len(found):
        raise ValueError("a word occurs twice")
    return found


WORDS = Part({"text": ("uint8",), "ends": ("int64",)}, spelled, words_of)


# --- numbers and arrays of float64 -------------------------------------------------------------


def shaped(*forms: tuple[str, ...]) -> Part:
    """Return the part for a number or an array of float64 that has one of these shapes."""

    def of(arrays: Arrays, sizes: Mapping[str, int]) -> Any:
        shape = tuple(arrays["shape"].tolist())
        known = [tuple(sizes[symbol] for symbol in form) for form in forms]
        values = arrays["values"]
        if shape not in known or len(values) != np.prod(shape, dtype=np.int64):
            raise ValueError(f"{len(values)} numbers for shape {shape}")
        check_finite(values)
        return np.array(values.reshape(shape)) if shape else float(values[0])

    return Part(
        {"shape": ("int64",), "values": ("float64",)},
        lambda v: {
            "shape": np.array(np.shape(v), np.int64),
            "values": np.asarray(v, np.float64).reshape(-1),
        },
        of,
    )


def check_finite(values: NDArray[Any]) -> None:
    """Raise a ValueError if a value is not finite."""
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinite values")
