"""Models to files and back, without pickle.

A model file is a safetensors file: the arrays of the model, and one JSON text under ``gibbous`` in
its metadata with everything else. Reading one never runs code: the class comes from a fixed table,
arrays are checked against the shapes and dtypes that the class has, and a SHA-256 over every byte
of the file tells a damaged one.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .._fit.history import History, _versions
from .._ground.files import replacing
from . import mixtures
from . import parts as io_parts
from .specs import COVARIANCES, SPECS, Spec

#: Number of the format that is written; older ones stay readable, newer ones are refused.
FORMAT = 1

_MARK = b'"gibbous":"{\\"sha256\\":\\"'
_NO_HASH = "0" * 64


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file.

    The file is written beside ``path``, flushed to the disk and then renamed, so that a crash or a
    full disk leaves what was there before. So does a model that :func:`load` would refuse.

    Parameters
    ----------
    model : KMeans, MiniBatchKMeans, GaussianMixture, BayesianGaussianMixture, \
            LatentDirichletAllocation, or any RBM
        A fitted model. Its parameters, fitted attributes and ``history_`` are kept bit by bit. A
        ``random_state`` that is an object becomes None, because its state is not the model's; the
        key that the fit drew from it is in ``history_.seed``. Attributes that are not the class's
        own are not kept.
    path : str or path
        The file; ``.safetensors`` is the usual ending.

    Raises
    ------
    TypeError
        If the class is none of these, or if a parameter cannot be kept in a file, as a function
        given as ``init``.
    ValueError
        If the model is not what a fit leaves: a parameter has a value that it must not have, or
        parameters and fitted attributes do not belong together, as after
        ``set_params(n_components=3)`` on a model fitted with 2.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    OSError
        If the file cannot be written.
    """
    name = type(model).__name__
    spec = SPECS.get(name)
    if spec is None or type(model) is not _class(name, spec):
        raise TypeError(f"save takes {', '.join(SPECS)}; got {type(model).__qualname__}")
    _check_fitted(model, spec)
    try:
        model._validate_params()
    except ValueError as error:
        raise ValueError(f"cannot save: {error} Change it with set_params first.") from error
    tensors: dict[str, NDArray[Any]] = {}
    notes: list[str] = []
    params = {
        key: _param(f"{name}.{key}", key, value, tensors, notes)
        for key, value in model.get_params(deep=False).items()
    }
    for key in spec.shapes(params):
        if hasattr(model, key):
            tensors[key] = np.ascontiguousarray(getattr(model, key))
    for key, part in spec.parts.items():
        if getattr(model, key, None) is not None:
            tensors |= io_parts.take(key, part, getattr(model, key))
    for key in [key for key in spec.tuples if hasattr(model, key)]:
        arrays = map(np.ascontiguousarray, getattr(model, key))
        tensors |= dict(zip(spec.members(key), arrays, strict=True))
    names = getattr(model, "feature_names_in_", None)
    header = {
        "sha256": _NO_HASH,
        "format": FORMAT,
        "class": name,
        "params": params,
        "fitted": {
            key: _plain(getattr(model, key))
            for key in ("n_features_in_", *spec.scalars)
            if hasattr(model, key)
        },
        "feature_names": None if names is None else [str(n) for n in names],
        "history": _plain(model.history_.to_dict()) if hasattr(model, "history_") else None,
        "versions": _versions(),
        "notes": notes,
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False)
    data = bytearray(safetensors.numpy.save(tensors, metadata={"gibbous": text}))
    at = data.index(_MARK) + len(_MARK)
    data[at : at + 64] = hashlib.sha256(data).hexdigest().encode()
    _check_readable(name, bytes(data))
    with replacing(path) as file:
        file.write(data)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that :func:`save` wrote.

    Reading never runs code from the file, whoever wrote it.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    KMeans, MiniBatchKMeans, GaussianMixture, BayesianGaussianMixture, \
            LatentDirichletAllocation, or any RBM
        The model as it was saved: it predicts the same bits, and ``warm_start`` or
        ``partial_fit`` go on where it stood.

    Raises
    ------
    ValueError
        If the file is no model file, damaged, cut short or of an unknown format or class. The
        message names the file and says what is wrong with it.
    OSError
        If the file cannot be read.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a model file")
    try:
        with open(path, "rb") as file:
            start = file.read(9)
            # Anything else may be large, and need not be read to be refused.
            data = start + file.read() if start[8:] == b"{" else start
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file") from error
    try:
        return _decode(data)
    except (ValueError, safetensors.SafetensorError, RecursionError, MemoryError) as error:
        raise ValueError(f"{path} {error}") from error
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        # Behind a good checksum: made by hand, or by a version that is not this one.
        raise ValueError(f"{path} is not laid out as a model file ({error!r}); {_AGAIN}") from error


_AGAIN = "save the model again, or take another copy"


# --- writing ---------------------------------------------------------------------------------


def _class(name: str, spec: Spec) -> Any:
    return getattr(importlib.import_module(spec.module), name)


def _check_fitted(model: Any, spec: Spec) -> None:
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, sorted({*spec.arrays, *spec.parts, "history_"} - spec.optional))


def _check_readable(name: str, data: bytes) -> None:
    """Read a model as :func:`load` will, before it takes the place of one that can be read."""
    try:
        _decode(data)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        # What is wrong with a file ends with what to do about a file.
        fault = str(error).removesuffix(f"; {_AGAIN}")
        raise ValueError(
            f"cannot save: this {name} {fault}; a parameter or attribute was changed after the "
            "fit: change it back, or fit again"
        ) from error


def _param(
    label: str, key: str, value: Any, tensors: dict[str, NDArray[Any]], notes: list[str]
) -> Any:
    """Return a parameter as JSON; an array goes to ``tensors`` and leaves its name."""
    if key == "random_state" and value is not None and not isinstance(value, Integral):
        notes.append(
            f"random_state was a {type(value).__name__} and is None here; "
            "history.seed is the key that the fit drew from it"
        )
        return None
    if callable(value):
        raise TypeError(
            f"{label} is a function, which a model file cannot hold; "
            f"give it a value that is none first: model.set_params({key}=...)"
        )
    fields = mixtures.fields_of(value)
    if fields is not None:
        items = fields.items()
        return {
            "prior": {k: _param(f"{label}.{k}", f"{key}.{k}", v, tensors, notes) for k, v in items}
        }
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if not isinstance(value, (str, np.generic)) and hasattr(value, "__array__"):
        array = np.ascontiguousarray(value)
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            raise TypeError(f"{label} has dtype {array.dtype}, which a model file cannot hold")
        tensors[f"param.{key}"] = array.astype(array.dtype.newbyteorder("="), copy=False)
        return {"tensor": f"param.{key}"}
    try:
        # JSON knows text alone as keys, and seeds have numbers of topics and of words.
        return _plain(_pairs(value) if isinstance(value, Mapping) else value)
    except TypeError as error:
        raise TypeError(f"{label} cannot be kept in a model file: {error}") from error


def _pairs(value: Any) -> Any:
    """Return a mapping as its pairs, and so whatever is in it; other groups become lists."""
    if isinstance(value, Mapping):
        return {"pairs": [[key, _pairs(item)] for key, item in value.items()]}
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return value.tolist() if isinstance(value, np.ndarray) else value


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; numbers that are not finite become ``{"float": "nan"}``."""
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
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} is no number, text or array")


# --- reading ---------------------------------------------------------------------------------


def _decode(data: bytes) -> Any:
    header = _header(data)
    name = header["class"]
    if name not in SPECS:
        raise ValueError(
            f"holds a {name!r:.60}, which this version of gibbous does not know; upgrade gibbous"
        )
    spec = SPECS[name]
    tensors = safetensors.numpy.load(data)
    params = {key: _from_param(value, tensors) for key, value in header["params"].items()}
    fitted = {key: _from_fitted(key, value) for key, value in header["fitted"].items()}
    cls = _class(name, spec)
    unknown = set(params) - set(cls().get_params(deep=False))
    if unknown:
        raise ValueError(
            f"has parameters that {name} does not: {', '.join(sorted(unknown))}; upgrade gibbous"
        )
    model = cls(**params)
    model._validate_params()
    _check_scalars(fitted, spec, params[spec.k])
    lost = spec.together - set(fitted) - ({"history_"} if header["history"] is not None else set())
    if lost and lost != spec.together:
        raise ValueError(f"lacks fitted attributes: {', '.join(sorted(lost))}; {_AGAIN}")
    arrays, parts = _check_arrays(tensors, spec, params, fitted)
    names = header["feature_names"]
    if names is not None:
        if len(names) != fitted["n_features_in_"] or not all(isinstance(n, str) for n in names):
            raise ValueError(f"has {len(names)} feature names for other features; {_AGAIN}")
        model.feature_names_in_ = np.array(names, dtype=object)
    if header["history"] is not None:
        model.history_ = History.from_dict(_from_plain(header["history"]))
    elif "history_" not in spec.optional:
        raise ValueError(f"has no history; {_AGAIN}")
    for key in spec.tuples:
        if spec.members(key)[0] in arrays:
            parts[key] = tuple(arrays.pop(name) for name in spec.members(key))
    for key, value in {**fitted, **arrays, **parts}.items():
        setattr(model, key, value)
    return model


def _header(data: bytes) -> dict[str, Any]:
    """Return the JSON header of a file whose every byte is as it was written."""
    size = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{":
        raise ValueError("is no model file: it is not in the safetensors format")
    if size > len(data) - 8:
        raise ValueError(f"is damaged or cut short: {len(data)} bytes are not all; {_AGAIN}")
    try:
        metadata = json.loads(data[8 : 8 + size].decode()).get("__metadata__")
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"is damaged: its header cannot be read; {_AGAIN}") from error
    if not isinstance(metadata, dict) or "gibbous" not in metadata:
        raise ValueError("holds tensors, but no model that gibbous.save wrote")
    try:
        header = json.loads(metadata["gibbous"])
        form = header["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"is damaged: its header cannot be read; {_AGAIN}") from error
    if form != FORMAT:
        raise ValueError(
            f"is in format {form!r:.20}, and this version of gibbous reads {FORMAT}; "
            "upgrade gibbous, or take another copy if the file is damaged"
        )
    at = data.find(_MARK) + len(_MARK)
    digest = hashlib.sha256(data[:at] + _NO_HASH.encode())
    digest.update(memoryview(data)[at + 64 :])
    if at < len(_MARK) or header.get("sha256") != digest.hexdigest():
        raise ValueError(f"is damaged or cut short: its checksum does not match; {_AGAIN}")
    return dict(header)


def _from_param(value: Any, tensors: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, dict) and set(value) == {"tensor"}:
        return np.array(tensors.pop(value["tensor"]))
    if isinstance(value, dict) and set(value) == {"prior"}:
        given = {key: _from_param(item, tensors) for key, item in value["prior"].items()}
        return mixtures.prior_of(given)
    return _from_pairs(_from_plain(value))


def _from_pairs(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"pairs"}:
        return {key: _from_pairs(item) for key, item in value["pairs"]}
    return value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {key: _from_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_plain(item) for item in value]
    return value


def _from_fitted(key: str, value: Any) -> Any:
    value = _from_plain(value)
    # JSON knows no tuples.
    if key == "heldout_perplexities_":
        return [(int(sweep), float(perplexity)) for sweep, perplexity in value]
    return tuple(value) if key == "topic_labels_" else value


def _check_scalars(fitted: Mapping[str, Any], spec: Spec, k: int) -> None:
    kinds = {"n_features_in_": int, **spec.scalars}
    _check_names("fitted attributes", set(fitted), set(kinds), spec)
    for key, value in fitted.items():
        if type(value) is not kinds[key]:
            raise ValueError(f"has {value!r:.40} as {key}, not a {kinds[key].__name__}; {_AGAIN}")
        if isinstance(value, int) and not 0 <= value < 2**64:
            raise ValueError(f"has {value} as {key}; {_AGAIN}")
        numbers = value if isinstance(value, list) and key != "heldout_perplexities_" else []
        if not all(isinstance(number, float) for number in numbers):
            raise ValueError(f"has {key} that are not all numbers; {_AGAIN}")
    labels = fitted.get("topic_labels_")
    if labels is not None and (len(labels) != k or not all(isinstance(n, str) for n in labels)):
        raise ValueError(f"has {len(labels)} topic_labels_ for {k} topics; {_AGAIN}")


def _check_names(what: str, found: set[str], known: set[str], spec: Spec) -> None:
    odd = (found - known) | (known - found - spec.optional)
    if odd:
        raise ValueError(f"lacks {what} or has others: {', '.join(sorted(odd))}; {_AGAIN}")


def _check_arrays(
    tensors: Mapping[str, NDArray[Any]],
    spec: Spec,
    params: Mapping[str, Any],
    fitted: Mapping[str, Any],
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return arrays and parts, checked against the shapes and dtypes that the class has."""
    shapes = spec.shapes(params)
    in_parts = {key: io_parts.names(key, part) for key, part in spec.parts.items()}
    absent = {
        key
        for key, names in in_parts.items()
        if key in spec.optional and not set(names) & set(tensors)
    }
    known = {name for key in set(in_parts) - absent for name in in_parts[key]}
    none = {key for key in spec.tuples if not set(spec.members(key)) & set(tensors)}
    for name in [name for key in none for name in spec.members(key)]:
        del shapes[name]
    _check_names("arrays", set(tensors), {*shapes, *known}, spec)
    sizes: dict[str, int] = {"k": params[spec.k], "d": fitted["n_features_in_"]}
    if fitted.get("_n_features_out", sizes["k"]) != sizes["k"]:
        raise ValueError(
            f"has {spec.k}={sizes['k']}, but {fitted['_n_features_out']} groups; {_AGAIN}"
        )
    floats = {str(a.dtype) for key, a in tensors.items() if key not in {*spec.dtypes, *known}}
    if len(floats) > 1 or not floats <= {"float32", "float64"}:
        raise ValueError(f"has arrays of dtypes {', '.join(sorted(floats))}, not one; {_AGAIN}")
    arrays = {}
    for key in [name for name in tensors if name in shapes]:
        array = tensors[key]
        if array.ndim == len(shapes[key]):
            for symbol, size in zip(shapes[key], array.shape, strict=True):
                sizes.setdefault(symbol, size)
        expected = tuple(sizes.get(symbol, -1) for symbol in shapes[key])
        if array.shape != expected:
            given = {name: params.get(name) for name in (spec.k, "covariance_type")}
            asked = ", ".join(f"{name}={value!r}" for name, value in given.items() if value)
            raise ValueError(
                f"has {key} of shape {array.shape}, not {expected} (with {asked}, "
                f"n_features_in_={sizes['d']}); {_AGAIN}"
            )
        if array.dtype != spec.dtypes.get(key, array.dtype):
            raise ValueError(f"has {key} of dtype {array.dtype}, not {spec.dtypes[key]}; {_AGAIN}")
        if not np.isfinite(array).all():
            raise ValueError(f"has {key} with NaN or infinite values; {_AGAIN}")
        # Fitting goes on in these arrays, and they must not hang on to the file's bytes.
        arrays[key] = np.array(array)
    if "covariance_type" in params:
        sizes["covariance"] = list(COVARIANCES).index(params["covariance_type"])
    parts = {
        key: None if key in absent else io_parts.make(key, part, tensors, sizes)
        for key, part in spec.parts.items()
        if not (key in absent and part.left_out)
    }
    return arrays, parts
