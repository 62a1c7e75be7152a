"""Parameters and attributes as JSON values, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np


def to_json(value: Any) -> Any:
    """Return a value that JSON can hold; a number that is not finite becomes ``{"float": "nan"}``.

    Raises
    ------
    TypeError
        If the value, or one inside it, is neither text nor a number.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} is not a number, text or array")


def from_json(value: Any) -> Any:
    """Return the value of which :func:`to_json` made this one, with tuples as lists."""
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {key: from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item) for item in value]
    return value


def to_pairs(value: Any) -> Any:
    """Return mappings as lists of pairs, as keys in JSON are always text; sets become lists."""
    if isinstance(value, Mapping):
        return {"pairs": [[key, to_pairs(item)] for key, item in value.items()]}
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return value.tolist() if isinstance(value, np.ndarray) else value


def from_pairs(value: Any) -> Any:
    """Return the mapping of which :func:`to_pairs` made this value."""
    if isinstance(value, dict) and set(value) == {"pairs"}:
        return {key: from_pairs(item) for key, item in value["pairs"]}
    return value
