"""The bytes of a model file to a fitted model, every array and attribute checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._fit.history import History
from .._ground.validate import check_params
from . import gmm, parts
from .classes import SPECS, class_of
from .header import AGAIN, unpack
from .spec import COVARIANCES, Spec
from .values import from_json, from_pairs

Tensors = Mapping[str, NDArray[Any]]


def decode(data: bytes) -> Any:
    """Return the model in a file.

    Raises
    ------
    ValueError
        If the file is damaged, or does not hold a model that a fit could have made.
    KeyError, TypeError, AttributeError, OverflowError
        If the header has another layout behind a valid checksum.
    """
    tensors, header = unpack(data)
    name = header["class"]
    if name not in SPECS:
        raise ValueError(
            f"holds a {name!r:.60}, which is not a class of this version of gibbous; "
            "upgrade gibbous"
        )
    spec = SPECS[name]
    params = {key: _param(value, tensors) for key, value in header["params"].items()}
    fitted = {key: _fitted(key, value) for key, value in header["fitted"].items()}
    cls = class_of(name)
    unknown = set(params) - set(cls().get_params(deep=False))
    if unknown:
        raise ValueError(
            f"has parameters that {name} does not: {', '.join(sorted(unknown))}; upgrade gibbous"
        )
    model = cls(**params)
    check_params(model)
    _check_scalars(fitted, spec, params[spec.k])
    lost = spec.together - set(fitted) - ({"history_"} if header["history"] is not None else set())
    if lost and lost != spec.together:
        raise ValueError(f"lacks fitted attributes: {', '.join(sorted(lost))}; {AGAIN}")
    arrays = _Arrays(tensors, spec, params, fitted)
    attributes = {**fitted, **arrays.plain(), **arrays.parts()}
    spec.assign(model, {**_names_and_history(header, spec, fitted), **attributes})
    return model


def _names_and_history(
    header: Mapping[str, Any], spec: Spec, fitted: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    names = header["feature_names"]
    if names is not None:
        d = fitted["n_features_in_"]
        if len(names) != d or not all(isinstance(n, str) for n in names):
            raise ValueError(f"has {len(names)} feature names for {d} features; {AGAIN}")
        found["feature_names_in_"] = np.array(names, dtype=object)
    if header["history"] is not None:
        found["history_"] = History.from_dict(from_json(header["history"]))
    elif "history_" not in spec.optional:
        raise ValueError(f"has no history; {AGAIN}")
    return found


def _param(value: Any, tensors: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, dict) and set(value) == {"tensor"}:
        return np.array(tensors.pop(value["tensor"]))
    if isinstance(value, dict) and set(value) == {"prior"}:
        return gmm.prior_of({key: _param(item, tensors) for key, item in value["prior"].items()})
    return from_pairs(from_json(value))


def _fitted(key: str, value: Any) -> Any:
    value = from_json(value)
    # JSON has no tuples.
    if key == "heldout_perplexities_":
        return [(int(sweep), float(perplexity)) for sweep, perplexity in value]
    return tuple(value) if key == "topic_labels_" else value


# --- checks ----------------------------------------------------------------------------------


def _check_scalars(fitted: Mapping[str, Any], spec: Spec, k: int) -> None:
    kinds = {"n_features_in_": int, **spec.scalars}
    _check_names("fitted attributes", set(fitted), set(kinds), spec)
    for key, value in fitted.items():
        if type(value) is not kinds[key]:
            raise ValueError(f"has {value!r:.40} as {key}, not a {kinds[key].__name__}; {AGAIN}")
        if isinstance(value, int) and not 0 <= value < 2**64:
            raise ValueError(f"has {value} as {key}; {AGAIN}")
        numbers = value if isinstance(value, list) and key != "heldout_perplexities_" else []
        if not all(isinstance(number, float) for number in numbers):
            raise ValueError(f"has {key} that are not all numbers; {AGAIN}")
    labels = fitted.get("topic_labels_")
    if labels is not None and (len(labels) != k or not all(isinstance(n, str) for n in labels)):
        raise ValueError(f"has {len(labels)} topic_labels_ for {k} topics; {AGAIN}")


def _check_names(what: str, found: set[str], known: set[str], spec: Spec) -> None:
    missing = known - found - spec.optional
    if missing:
        raise ValueError(f"lacks {what}: {', '.join(sorted(missing))}; {AGAIN}")
    if found - known:
        raise ValueError(f"has unknown {what}: {', '.join(sorted(found - known))}; {AGAIN}")


class _Arrays:
    """The tensors of a file, checked against the shapes and dtypes of a class."""

    def __init__(
        self, tensors: Tensors, spec: Spec, params: Mapping[str, Any], fitted: Mapping[str, Any]
    ) -> None:
        self._tensors, self._spec, self._params = tensors, spec, params
        self._in_parts = {key: parts.names(key, part) for key, part in spec.parts.items()}
        self._absent = {
            key
            for key, names in self._in_parts.items()
            if key in spec.optional and not set(names) & set(tensors)
        }
        self._tuples = [key for key in spec.tuples if set(spec.members(key)) & set(tensors)]
        self._shapes = self._expected()
        #: The meaning of the letters of the specification.
        self._sizes: dict[str, int] = {"k": params[spec.k], "d": fitted["n_features_in_"]}
        if fitted.get("_n_features_out", self._sizes["k"]) != self._sizes["k"]:
            raise ValueError(
                f"has {spec.k}={self._sizes['k']}, but {fitted['_n_features_out']} groups; {AGAIN}"
            )
        self._check_dtypes()
        if "covariance_type" in params:
            self._sizes["covariance"] = list(COVARIANCES).index(params["covariance_type"])

    def _known_parts(self) -> set[str]:
        present = set(self._in_parts) - self._absent
        return {name for key in present for name in self._in_parts[key]}

    def _expected(self) -> dict[str, tuple[str, ...]]:
        """Return the dimensions of the arrays that the file should have; check the names."""
        shapes = self._spec.shapes(self._params)
        for key in set(self._spec.tuples) - set(self._tuples):
            for name in self._spec.members(key):
                del shapes[name]
        known = {*shapes, *self._known_parts()}
        _check_names("arrays", set(self._tensors), known, self._spec)
        return shapes

    def _check_dtypes(self) -> None:
        apart = {*self._spec.dtypes, *self._known_parts()}
        floats = {str(array.dtype) for key, array in self._tensors.items() if key not in apart}
        if len(floats) > 1 or not floats <= {"float32", "float64"}:
            raise ValueError(
                f"has arrays of dtypes {', '.join(sorted(floats))}, not of one float dtype; {AGAIN}"
            )

    def plain(self) -> dict[str, Any]:
        """Return the attributes that are one array or a tuple of arrays."""
        found: dict[str, Any] = {
            key: self._checked(key) for key in self._tensors if key in self._shapes
        }
        for key in self._tuples:
            found[key] = tuple(found.pop(name) for name in self._spec.members(key))
        return found

    def _checked(self, key: str) -> NDArray[Any]:
        array, shape, sizes = self._tensors[key], self._shapes[key], self._sizes
        if array.ndim == len(shape):
            for symbol, size in zip(shape, array.shape, strict=True):
                sizes.setdefault(symbol, size)
        expected = tuple(sizes.get(symbol, -1) for symbol in shape)
        if array.shape != expected:
            names = (self._spec.k, "covariance_type")
            given = {name: self._params.get(name) for name in names}
            asked = ", ".join(f"{name}={value!r}" for name, value in given.items() if value)
            raise ValueError(
                f"has {key} of shape {array.shape}, not {expected} (with {asked}, "
                f"n_features_in_={sizes['d']}); {AGAIN}"
            )
        dtype = self._spec.dtypes.get(key, array.dtype)
        if array.dtype != dtype:
            raise ValueError(f"has {key} of dtype {array.dtype}, not {dtype}; {AGAIN}")
        if not np.isfinite(array).all():
            raise ValueError(f"has {key} with NaN or infinite values; {AGAIN}")
        # A copy: fits continue in these arrays, and a view would keep all bytes of the file.
        return np.array(array)

    def parts(self) -> dict[str, Any]:
        """Return the attributes that are objects made of several arrays."""
        return {
            key: None if key in self._absent else parts.make(key, part, self._tensors, self._sizes)
            for key, part in self._spec.parts.items()
            if not (key in self._absent and part.left_out)
        }
