"""Mixtures in model files: their priors, posteriors and running statistics as named arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gmm.moments import Moments
from ..gmm.online import Running
from ..gmm.posterior import MixturePosterior
from ..gmm.prior import MixturePrior
from .parts import Arrays, Part, check_finite, shaped
from .spec import COVARIANCES, Spec

_KINDS = tuple(COVARIANCES)


def fields_of(value: Any) -> dict[str, Any] | None:
    """Return the fields of a prior, or None for anything else."""
    if not isinstance(value, MixturePrior):
        return None
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def prior_of(fields: Mapping[str, Any]) -> MixturePrior:
    """Return a prior from its fields.

    Raises
    ------
    ValueError, TypeError
        If a field is unknown, or a value is out of its range.
    """
    return MixturePrior(**fields)


def _shaped(arrays: Arrays, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    array = arrays[name]
    if array.size != int(np.prod(shape)):
        raise ValueError(f"{array.size} numbers in {name}, not {int(np.prod(shape))}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} with NaN or infinite values")
    return array.reshape(shape)


def _covariance_shape(sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[symbol] for symbol in COVARIANCES[_KINDS[sizes["covariance"]]])


# --- priors ----------------------------------------------------------------------------------

_FIELDS = tuple(field.name for field in dataclasses.fields(MixturePrior))


def _prior_arrays(prior: MixturePrior) -> dict[str, NDArray[Any]]:
    values = [getattr(prior, name) for name in _FIELDS]
    given = [np.ravel(np.asarray(value, np.float64)) for value in values if value is not None]
    return {
        "dims": np.array([-1 if v is None else np.ndim(v) for v in values], np.int64),
        "values": np.concatenate([np.empty(0), *given]),
    }


def _prior(arrays: Arrays, sizes: Mapping[str, int]) -> MixturePrior:
    k, d = sizes["k"], sizes["d"]
    dims = arrays["dims"].tolist()
    if len(dims) != len(_FIELDS):
        raise ValueError(f"{len(dims)} parts, not {len(_FIELDS)}")
    shapes: dict[str, dict[int, tuple[int, ...]]] = {
        "weight_concentration": {1: (k,)},
        "mean": {1: (d,), 2: (k, d)},
        "covariance": {0: (), 1: (d,), 2: (d, d)},
    }
    given: dict[str, Any] = {}
    start = 0
    for name, ndim in zip(_FIELDS, dims, strict=True):
        if ndim < 0:
            continue
        shape = shapes.get(name, {0: ()}).get(ndim)
        if shape is None:
            raise ValueError(f"{name} with {ndim} dimensions")
        end = start + int(np.prod(shape))
        part = {name: arrays["values"][start:end]}
        given[name] = _shaped(part, name, shape)
        start = end
    if start != arrays["values"].size:
        raise ValueError(f"{arrays['values'].size} numbers, not {start}")
    prior = MixturePrior(**given)
    halves = (("mean", "mean_precision"), ("degrees_of_freedom", "covariance"))
    for one, other in halves:
        if (getattr(prior, one) is None) != (getattr(prior, other) is None):
            raise ValueError(f"{one} and {other} must be given together")
    return prior


PRIOR = Part({"dims": ("int64",), "values": ("float64",)}, _prior_arrays, _prior, left_out=True)


# --- posteriors ------------------------------------------------------------------------------


def _posterior_arrays(posterior: MixturePosterior) -> dict[str, NDArray[Any]]:
    return {
        name: np.ravel(np.asarray(getattr(posterior, name), np.float64))
        for name in _POSTERIOR_DTYPES
    }


def _posterior(arrays: Arrays, sizes: Mapping[str, int]) -> MixturePosterior:
    k, d = sizes["k"], sizes["d"]
    kind = _KINDS[sizes["covariance"]]
    dof = _shaped(arrays, "degrees_of_freedom", () if kind == "tied" else (k,))
    return MixturePosterior(
        kind,
        float(_shaped(arrays, "n_samples", ())),
        _shaped(arrays, "weight_concentration", (k,)),
        _shaped(arrays, "means", (k, d)),
        _shaped(arrays, "mean_precision", (k,)),
        float(dof) if kind == "tied" else dof,
        _shaped(arrays, "scale", _covariance_shape(sizes)),
    )


_POSTERIOR_DTYPES = {
    field.name: ("float64",)
    for field in dataclasses.fields(MixturePosterior)
    if field.name != "covariance_type"
}
POSTERIOR = Part(_POSTERIOR_DTYPES, _posterior_arrays, _posterior, left_out=True)


# --- running statistics ----------------------------------------------------------------------


def _running_arrays(running: Running) -> dict[str, NDArray[Any]]:
    moments = running.moments
    return {
        "mass": moments.mass,
        "means": np.ravel(moments.means),
        "covariances": np.ravel(moments.covariances),
        "worth": np.array([running.worth]),
    }


def _running(arrays: Arrays, sizes: Mapping[str, int]) -> Running:
    k, d = sizes["k"], sizes["d"]
    moments = Moments(
        _shaped(arrays, "mass", (k,)),
        _shaped(arrays, "means", (k, d)),
        _shaped(arrays, "covariances", _covariance_shape(sizes)),
    )
    worth = float(_shaped(arrays, "worth", ()))
    if worth <= 0 or (moments.mass < 0).any() or not moments.mass.sum() > 0:
        raise ValueError("masses or a number of rows below 0")
    return Running(moments, worth)


RUNNING = Part(
    {name: ("float64",) for name in ("mass", "means", "covariances", "worth")},
    _running_arrays,
    _running,
    left_out=True,
)


# --- concentrations of a variational mixture --------------------------------------------------


def _concentrations(arrays: Arrays, sizes: Mapping[str, int]) -> Any:
    first, second = arrays["first"], arrays["second"]
    if len(first) != sizes["k"] or len(second) not in (0, sizes["k"]):
        raise ValueError(f"{len(first)} and {len(second)} parameters for {sizes['k']} weights")
    for values in (first, second):
        check_finite(values)
        if not (values > 0).all():
            raise ValueError("parameters that are not positive")
    return (first, second) if len(second) else first


#: One array of a Dirichlet distribution, or the two of the beta distributions of a process.
CONCENTRATION = Part(
    {"first": ("float64",), "second": ("float64",)},
    lambda c: dict(
        zip(("first", "second"), c if isinstance(c, tuple) else (c, np.empty(0)), strict=True)
    ),
    _concentrations,
)

# --- the classes -----------------------------------------------------------------------------

#: The history of a fit. A mixture that was only fitted by partial_fit has none.
_FIT = frozenset({"converged_", "n_iter_", "lower_bounds_", "history_"})

SPECS = {
    "GaussianMixture": Spec(
        k="n_components",
        arrays={"weights_": ("k",), "means_": ("k", "d")},
        scalars={
            "converged_": bool,
            "n_iter_": int,
            "lower_bound_": float,
            "lower_bounds_": list,
            "n_samples_seen_": float,
            "n_steps_": int,
        },
        optional=_FIT | {"n_samples_seen_", "n_steps_", "prior_", "posterior_", "_running"},
        together=_FIT,
        parts={"prior_": PRIOR, "posterior_": POSTERIOR, "_running": RUNNING},
    ),
    "BayesianGaussianMixture": Spec(
        k="n_components",
        arrays={
            "weights_": ("k",),
            "means_": ("k", "d"),
            "mean_precision_": ("k",),
            "mean_prior_": ("d",),
        },
        scalars={
            "converged_": bool,
            "n_iter_": int,
            "lower_bound_": float,
            "lower_bounds_": list,
            "weight_concentration_prior_": float,
            "mean_precision_prior_": float,
            "degrees_of_freedom_prior_": float,
            "_evidence_constant": float,
        },
        dtypes={"mean_precision_": "float64", "mean_prior_": "float64"},
        parts={
            "weight_concentration_": CONCENTRATION,
            "degrees_of_freedom_": shaped((), ("k",)),
            "covariance_prior_": shaped((), ("d",), ("d", "d")),
        },
    ),
}
