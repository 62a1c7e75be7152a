"""Columns of a corpus: names, dates and labels of documents; and its vocabulary."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The columns that a corpus may have in addition to its documents.
COLUMNS = ("names", "dates", "labels")


def column(values: Any, n: int, what: str) -> NDArray[Any] | None:
    """Return a column as one of four kinds: text (object), int64, float64 or datetime64.

    ``names`` are always text. None in a column of text becomes "".

    Raises
    ------
    ValueError
        If there is not one value per document.
    TypeError
        If values are of another kind, or of several.
    """
    if values is None:
        return None
    array: NDArray[Any] = values if isinstance(values, np.ndarray) else _gather(values, what)
    if array.ndim != 1 or len(array) != n:
        raise ValueError(
            f"{what} must have one entry per document, {n}; got "
            + (f"{len(array)}" if array.ndim == 1 else f"an array of shape {array.shape}")
        )
    if array.dtype == object:
        array = _typed(array, what)
    if array.dtype.kind in "US" or what == "names":
        array = _texts(array)
    elif array.dtype.kind in "iub":
        if array.dtype == np.uint64 and len(array) and array.max() > np.iinfo(np.int64).max:
            raise ValueError(f"{what} must fit into 64 bits with a sign; got {array.max()}")
        array = array.astype(np.int64)
    elif array.dtype.kind == "f":
        array = array.astype(np.float64)
    elif array.dtype.kind not in "MO":
        raise TypeError(f"{what} must be text, numbers or dates; got {array.dtype}")
    elif array.dtype.kind == "M" and np.datetime_data(array.dtype)[1] != 1:
        array = array.astype(f"M8[{np.datetime_data(array.dtype)[0]}]")
    array = array.view()
    array.flags.writeable = False
    return array


def _gather(values: Any, what: str) -> NDArray[Any]:
    """Return a sequence as an array of objects, without padding text to a common length."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be a sequence of one entry per document; got {values!r:.60}")
    if hasattr(values, "to_numpy"):  # of pandas or polars
        return np.asarray(values.to_numpy())
    items = list(values)
    array = np.empty(len(items), dtype=object)
    for at, item in enumerate(items):
        array[at] = item
    return array


def _typed(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Convert objects to their common kind."""
    kinds = {_kind(item) for item in array.tolist()}
    kinds.discard("none")
    if kinds <= {"text"}:
        return _texts(array)
    if kinds <= {"int"} and None not in array.tolist():
        return np.array(array.tolist(), dtype=np.int64)
    if kinds <= {"int", "float"}:
        return np.array([np.nan if v is None else v for v in array.tolist()], dtype=np.float64)
    if kinds == {"date"}:
        return np.array([_stamp(v) for v in array.tolist()])
    if kinds <= {"text", "int", "float"}:
        return _texts(array)  # such as years in a file that also has "c. 1800"
    odd = next(v for v in array.tolist() if _kind(v) not in ("none", "text", "int", "float"))
    raise TypeError(f"{what} must be all text, all numbers or all dates; got {odd!r:.60}")


def _stamp(value: Any) -> np.datetime64:
    if value is None:
        return np.datetime64("NaT")
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    stamp: np.datetime64 = np.datetime64(value)
    return stamp


def _kind(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return "text"
    if isinstance(value, (int, np.integer)):
        return "int"
    if isinstance(value, (float, np.floating)):
        return "float"
    return "date" if isinstance(value, (datetime.date, np.datetime64)) else "other"


def _texts(array: NDArray[Any]) -> NDArray[Any]:
    result = np.empty(len(array), dtype=object)
    for at, value in enumerate(array.tolist()):
        result[at] = "" if value is None else str(value)
    return result


def join(columns: Sequence[NDArray[Any] | None], lengths: Sequence[int]) -> Any:
    """Return columns of consecutive documents as one, or None if all are None.

    Documents of a part without the column get "", NaN if the others are numbers, or NaT if the
    others are dates.
    """
    found = [c for c in columns if c is not None]
    if not found:
        return None
    kinds = {c.dtype.kind for c in found}
    if len(found) == len(columns) and (len(kinds) == 1 or kinds <= set("if")):
        return np.concatenate(found)
    if "O" not in kinds and (kinds <= set("if") or kinds == {"M"}):
        gap = np.datetime64("NaT") if kinds == {"M"} else np.nan
        filled = [
            np.full(n, gap) if c is None else c for c, n in zip(columns, lengths, strict=True)
        ]
        return np.concatenate(filled)
    return np.concatenate(
        [
            np.full(n, "", dtype=object) if c is None else _texts(c)
            for c, n in zip(columns, lengths, strict=True)
        ]
    )


def words(vocabulary: Any, n_words: int | None = None) -> tuple[str, ...] | None:
    """Return a vocabulary as a tuple of different words.

    Parameters
    ----------
    vocabulary : sequence of str, mapping from word to number, or None
    n_words : int or None
        The required number of words.

    Raises
    ------
    ValueError
        If the number of words is not that of the corpus, or a word occurs twice.
    TypeError
        If a word is not a str.
    """
    if vocabulary is None:
        return None
    if isinstance(vocabulary, str) or not isinstance(vocabulary, Iterable):
        raise TypeError(f"vocabulary must be a sequence of words; got {vocabulary!r:.60}")
    if isinstance(vocabulary, dict):
        vocabulary = _by_number(vocabulary)
    result = tuple(vocabulary)
    for at, word in enumerate(result):
        if not isinstance(word, str):
            raise TypeError(f"vocabulary must hold words; entry {at} is {word!r:.60}")
    result = tuple(map(str, result))  # NumPy's own strings are larger
    if n_words is not None and len(result) != n_words:
        raise ValueError(f"vocabulary must have one entry per word, {n_words}; got {len(result)}")
    if len(set(result)) < len(result):
        seen: dict[str, int] = {}
        for at, word in enumerate(result):
            if word in seen:
                raise ValueError(
                    f"vocabulary must not repeat a word; {word!r:.60} is at {seen[word]} and {at}"
                )
            seen[word] = at
    return result


def _by_number(vocabulary: dict[Any, Any]) -> list[Any]:
    """Return the words of scikit-learn's ``vocabulary_`` sorted by number."""
    ordered: list[Any] = [None] * len(vocabulary)
    for word, number in vocabulary.items():
        if not isinstance(number, (int, np.integer)) or not 0 <= number < len(ordered):
            raise ValueError(
                f"vocabulary must number its {len(ordered)} words from 0 without gaps; "
                f"it has {word!r:.60}: {number!r}"
            )
        ordered[int(number)] = word
    return ordered
