"""Attributes of a model that are more than one array: to named arrays and back.

Sparse matrices, topics and vocabularies are kept as the plain arrays that they are made of, under
the attribute's name, a point, and the part's.
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
    """How one kind of attribute becomes arrays.

    Attributes
    ----------
    dtypes : mapping of str to tuple of str
        The arrays and the dtypes that each may have; all have one dimension.
    take : callable
        From the attribute to its arrays.
    make : callable
        From checked arrays and the sizes that letters of the specification stand for to the
        attribute; raises a ValueError where the arrays do not belong together.
    left_out : bool
        Whether a model without the attribute has none; otherwise it has None.
    """

    dtypes: Mapping[str, tuple[str, ...]]
    take: Callable[[Any], dict[str, NDArray[Any]]]
    make: Callable[[Arrays, Mapping[str, int]], Any]
    left_out: bool = False


def names(attribute: str, part: Part) -> list[str]:
    """Return the names that an attribute's arrays have in a file."""
    return [f"{attribute}.{key}" for key in part.dtypes]


def take(attribute: str, part: Part, value: Any) -> dict[str, NDArray[Any]]:
    """Return an attribute's arrays under the names that they have in a file."""
    arrays = part.take(value)
    return {f"{attribute}.{key}": np.ascontiguousarray(arrays[key]) for key in part.dtypes}


def make(attribute: str, part: Part, tensors: Arrays, sizes: Mapping[str, int]) -> Any:
    """Return an attribute from the arrays of a file.

    Raises
    ------
    ValueError
        If an array has another dtype or shape, or they do not belong together.
    """
    arrays = {}
    for key, dtypes in part.dtypes.items():
        array = tensors[f"{attribute}.{key}"]
        if str(array.dtype) not in dtypes or array.ndim != 1:
            raise ValueError(
                f"has {attribute}.{key} of dtype {array.dtype} and shape {array.shape}, "
                f"not {' or '.join(dtypes)} in one dimension"
            )
        # It must not hang on to the file's bytes.
        arrays[key] = np.array(array)
    try:
        return part.make(arrays, sizes)
    except ValueError as error:
        raise ValueError(f"has {attribute} whose arrays do not belong together: {error}") from error


# --- sparse matrices of counts ---------------------------------------------------------------


def counts(rows: str, columns: str) -> Part:
    """Return the part for a CSR array of int32 with the sizes that two letters stand for.

    A letter that stands for nothing yet takes what the arrays say.
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
        raise ValueError("the rows do not end where the values do")
    if (np.diff(indptr) < 0).any():
        raise ValueError("a row ends before it begins")
    if len(indices) and not 0 <= indices.min() <= indices.max() < shape[1]:
        raise ValueError(f"a column beyond the {shape[1]}")
    if len(data) and data.min() < 0:
        raise ValueError("a negative count")


# --- topics ----------------------------------------------------------------------------------


def _topics(arrays: Arrays, sizes: Mapping[str, int]) -> Any:
    from ..lda.topic_word import TopicWord

    topics = TopicWord(**arrays)
    if (topics.n_topics, topics.n_words) != (sizes["k"], sizes["d"]):
        raise ValueError(
            f"{topics.n_topics} topics of {topics.n_words} words, not {sizes['k']} of {sizes['d']}"
        )
    return topics


TOPICS = Part(
    {"indptr": ("int64",), "topics": ("uint16",), "values": ("float32",), "floor": ("float32",)},
    lambda t: {"indptr": t.indptr, "topics": t.topics, "values": t.values, "floor": t.floor},
    _topics,
)


# --- words -----------------------------------------------------------------------------------


def _spelled(vocabulary: Any) -> dict[str, NDArray[Any]]:
    encoded = [word.encode("utf-8", "surrogatepass") for word in vocabulary]
    ends = np.cumsum([len(word) for word in encoded], dtype=np.int64)
    return {"text": np.frombuffer(b"".join(encoded), np.uint8), "ends": ends}


def _words(arrays: Arrays, sizes: Mapping[str, int]) -> tuple[str, ...]:
    ends, text = arrays["ends"], arrays["text"].tobytes()
    if len(ends) != sizes["d"]:
        raise ValueError(f"{len(ends)} words, not {sizes['d']}")
    starts = np.concatenate([[0], ends[:-1]])
    if len(ends) and ((ends < starts).any() or ends[-1] != len(text)):
        raise ValueError("the words do not end where the text does")
    found = tuple(
        text[first:last].decode("utf-8", "surrogatepass")
        for first, last in zip(starts.tolist(), ends.tolist(), strict=True)
    )
    if len(set(found)) < len(found):
        raise ValueError("a word is there twice")
    return found


WORDS = Part({"text": ("uint8",), "ends": ("int64",)}, _spelled, _words)


# --- labels ----------------------------------------------------------------------------------

#: What labels are, by the number that a file has for it, and how one is read from its text.
_LABELS: tuple[tuple[Any, Callable[[str], Any]], ...] = (
    (np.str_, str),
    (np.int64, int),
    (np.float64, float.fromhex),
    (np.bool_, lambda text: {"False": False, "True": True}[text]),
    (object, str),
)
_KINDS = {"U": 0, "i": 1, "u": 1, "f": 2, "b": 3, "O": 4}


def _labelled(classes: Any) -> dict[str, NDArray[Any]]:
    kind = _KINDS.get(classes.dtype.kind)
    if kind is None or (kind == 4 and not all(isinstance(label, str) for label in classes)):
        raise TypeError("classes_ cannot be kept in a model file: labels must be text or numbers")
    texts = [label.hex() if kind == 2 else str(label) for label in classes.tolist()]
    return {**_spelled(texts), "kind": np.array([kind], np.uint8)}


def _labels(arrays: Arrays, sizes: Mapping[str, int]) -> NDArray[Any]:
    n = sizes["units"] - sizes["d"]
    texts = _words({"ends": arrays["ends"], "text": arrays["text"]}, {"d": n})
    kind = arrays["kind"]
    if len(kind) != 1 or kind[0] >= len(_LABELS):
        raise ValueError("labels of no known kind")
    dtype, read = _LABELS[kind[0]]
    try:
        return np.array([read(text) for text in texts], dtype=dtype)
    except (KeyError, OverflowError) as error:
        raise ValueError(f"a label cannot be read: {error}") from error


LABELS = Part(
    {"text": ("uint8",), "ends": ("int64",), "kind": ("uint8",)},
    _labelled,
    _labels,
)


# --- posteriors ------------------------------------------------------------------------------


def shaped(*forms: tuple[str, ...]) -> Part:
    """Return the part for a number or an array of float64 in one of these shapes."""

    def of(arrays: Arrays, sizes: Mapping[str, int]) -> Any:
        shape = tuple(arrays["shape"].tolist())
        known = [tuple(sizes[symbol] for symbol in form) for form in forms]
        values = arrays["values"]
        if shape not in known or len(values) != np.prod(shape, dtype=np.int64):
            raise ValueError(f"{len(values)} numbers in the shape {shape}")
        _check_finite(values)
        return np.array(values.reshape(shape)) if shape else float(values[0])

    return Part(
        {"shape": ("int64",), "values": ("float64",)},
        lambda v: {
            "shape": np.array(np.shape(v), np.int64),
            "values": np.asarray(v, np.float64).reshape(-1),
        },
        of,
    )


def _concentrations(arrays: Arrays, sizes: Mapping[str, int]) -> Any:
    first, second = arrays["first"], arrays["second"]
    if len(first) != sizes["k"] or len(second) not in (0, sizes["k"]):
        raise ValueError(f"{len(first)} and {len(second)} parameters of {sizes['k']} weights")
    for values in (first, second):
        _check_finite(values)
        if not (values > 0).all():
            raise ValueError("parameters that are not positive")
    return (first, second) if len(second) else first


def _check_finite(values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinite values")


#: One array of a Dirichlet distribution, or two of the beta distributions of a process.
CONCENTRATION = Part(
    {"first": ("float64",), "second": ("float64",)},
    lambda c: dict(
        zip(("first", "second"), c if isinstance(c, tuple) else (c, np.empty(0)), strict=True)
    ),
    _concentrations,
)
