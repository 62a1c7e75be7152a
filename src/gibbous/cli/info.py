"""``gibbous MODEL info``: what a model file holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import options
from .files import incoming
from .session import load_as, print_json, reporting
from .show import print_pairs

#: Entries that are printed on lines of their own.
GROUPED = ("parameters", "arrays", "history", "versions")


def info_of(group: str, classes: tuple[str, ...]) -> Callable[..., None]:
    """Return the command that describes a file with a model of these classes."""

    def info(model: options.Model, as_json: options.Json = False) -> None:
        """Describe a model file: class, parameters, arrays, how it was fitted, versions."""
        with reporting():
            loaded = load_as(model, classes, verb="info")
            found = describe(loaded, model)
            if as_json:
                print_json({"command": f"{group} info", **found})
            else:
                print_pairs(found, GROUPED)

    return info


def describe(model: Any, path: Path) -> dict[str, Any]:
    """Return the description that applies to any fitted model."""
    history = getattr(model, "history_", None)
    names = getattr(model, "feature_names_in_", None)
    found: dict[str, Any] = {
        "file": str(path),
        "bytes": incoming(path).stat().st_size,
        "class": type(model).__name__,
        "features": int(model.n_features_in_),
        "feature_names": None if names is None else [str(name) for name in names],
        "parameters": {name: _short(value) for name, value in model.get_params(deep=False).items()},
        "arrays": _arrays(model),
        "history": None,
    }
    if history is None:
        return found
    # A model fitted only by partial_fit has no history of a fit.
    found["history"] = {
        "metric": history.metric,
        "first": history.values[0] if history.values else None,
        "last": history.values[-1] if history.values else None,
        "iterations": history.n_iter,
        "converged": history.converged,
        "stop_reason": history.stop_reason,
        "starts": len(history.starts),
        "seconds": sum(history.seconds),
        "threads": history.n_threads,
        "instruction_set": history.instruction_set,
        "events": list(history.events),
    }
    seed = model.random_state
    found["seed"] = int(seed) if hasattr(seed, "__index__") else None
    found["key"] = history.seed
    found["versions"] = history.versions
    return found


def _arrays(model: Any) -> dict[str, Any]:
    """Return shape and kind of the arrays in a file of the model."""
    kind = type(model)
    # Boltzmann machines have arrays as properties.
    names = {*vars(model), *(n for n in dir(kind) if isinstance(getattr(kind, n), property))}
    found: dict[str, Any] = {}
    for name in sorted(names):
        if name.startswith("_") or not name.endswith("_") or name == "feature_names_in_":
            continue
        value: Any = getattr(model, name, None)
        if hasattr(value, "shape") and hasattr(value, "dtype") and value.shape:
            found[name] = {"shape": list(value.shape), "dtype": str(value.dtype)}
    return found


def _short(value: Any) -> Any:
    """Return a parameter, or the shape of one that is an array or a long list."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"array of shape {tuple(value.shape)}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (dict, list, tuple)):
        return value if len(value) <= 20 else f"{type(value).__name__} of {len(value)}"
    return str(value)
