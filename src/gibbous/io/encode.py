"""A fitted model to the bytes of a model file."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._fit.history import versions
from .._ground.validate import check_params
from . import gmm, parts
from .classes import SPECS, class_of
from .header import pack
from .spec import Spec
from .values import to_json, to_pairs


def encode(model: Any) -> bytes:
    """Return the model file of a fitted model.

    Raises
    ------
    TypeError
        If the class, or the type of a parameter, cannot be kept in a file.
    ValueError
        If a parameter has an invalid value.
    NotFittedError
        If the model is not fitted.
    """
    name = type(model).__name__
    spec = SPECS.get(name)
    if spec is None or type(model) is not class_of(name):
        raise TypeError(f"save takes a fitted {', '.join(SPECS)}; got {type(model).__qualname__}")
    _check_fitted(model, spec)
    try:
        check_params(model)
    except ValueError as error:
        raise ValueError(f"cannot save: {error} Change it with set_params first.") from error
    store = _Params()
    params = {
        key: store.add(f"{name}.{key}", key, value)
        for key, value in model.get_params(deep=False).items()
    }
    names = getattr(model, "feature_names_in_", None)
    fields = {
        "class": name,
        "params": params,
        "fitted": {key: to_json(value) for key, value in spec.values(model).items()},
        "feature_names": None if names is None else [str(n) for n in names],
        "history": to_json(model.history_.to_dict()) if hasattr(model, "history_") else None,
        "versions": versions(),
        "notes": store.notes,
    }
    return pack(store.tensors | _fitted_tensors(model, spec, params), fields)


def _check_fitted(model: Any, spec: Spec) -> None:
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, sorted({*spec.arrays, *spec.parts, "history_"} - spec.optional))


def _fitted_tensors(model: Any, spec: Spec, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the fitted arrays of a model by their names in a file."""
    tensors: dict[str, NDArray[Any]] = {}
    for key in spec.shapes(params):
        if hasattr(model, key):
            tensors[key] = np.ascontiguousarray(getattr(model, key))
    for key, part in spec.parts.items():
        if getattr(model, key, None) is not None:
            tensors |= parts.take(key, part, getattr(model, key))
    for key in [key for key in spec.tuples if hasattr(model, key)]:
        arrays = map(np.ascontiguousarray, getattr(model, key))
        tensors |= dict(zip(spec.members(key), arrays, strict=True))
    return tensors


class _Params:
    """Parameters as JSON values; their arrays are collected in ``tensors``."""

    def __init__(self) -> None:
        self.tensors: dict[str, NDArray[Any]] = {}
        self.notes: list[str] = []

    def add(self, label: str, key: str, value: Any) -> Any:
        """Return a parameter as a JSON value; an array is replaced by the name of its tensor."""
        if key == "random_state" and value is not None and not isinstance(value, Integral):
            self.notes.append(
                f"random_state was a {type(value).__name__} and is None here; "
                "history.seed is the key that the fit drew from it"
            )
            return None
        if callable(value):
            raise TypeError(
                f"{label} is a function, which a model file cannot hold; "
                f"change it first: model.set_params({key}=...)"
            )
        fields = gmm.fields_of(value)
        if fields is not None:
            items = fields.items()
            return {"prior": {k: self.add(f"{label}.{k}", f"{key}.{k}", v) for k, v in items}}
        if isinstance(value, (list, tuple)):
            value = np.asarray(value)
        if not isinstance(value, (str, np.generic)) and hasattr(value, "__array__"):
            return self._add_array(label, key, np.ascontiguousarray(value))
        try:
            return to_json(to_pairs(value) if isinstance(value, Mapping) else value)
        except TypeError as error:
            raise TypeError(f"{label} cannot be kept in a model file: {error}") from error

    def _add_array(self, label: str, key: str, array: NDArray[Any]) -> dict[str, str]:
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            raise TypeError(f"{label} has dtype {array.dtype}, which a model file cannot hold")
        self.tensors[f"param.{key}"] = array.astype(array.dtype.newbyteorder("="), copy=False)
        return {"tensor": f"param.{key}"}
