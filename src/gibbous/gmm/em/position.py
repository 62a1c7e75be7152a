"""Parameters as plain arrays and numbers, for the state of a run, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..moments import Moments
from ..parameters import Parameters
from ..variational_prior import Prior
from .variational_update import Posterior

_ARRAYS = ("weights", "means", "covariances", "factors")


def packed(p: Parameters | None) -> dict[str, Any] | None:
    """Return copies of the arrays and numbers of parameters; None for None."""
    if p is None:
        return None
    state: dict[str, Any] = {name: np.array(getattr(p, name)) for name in _ARRAYS}
    if p.moments is not None:
        m = p.moments
        state["moments"] = {
            "mass": np.array(m.mass),
            "means": np.array(m.means),
            "covariances": np.array(m.covariances),
        }
    if p.log_weights is not None:
        state["log_weights"] = np.array(p.log_weights)
    if isinstance(p, Posterior):
        c = p.concentration
        state["concentration"] = [np.array(part) for part in (c if isinstance(c, tuple) else (c,))]
        state["mean_precision"] = np.array(p.mean_precision)
        state["degrees_of_freedom"] = np.array(p.degrees_of_freedom)
        state["normaliser"], state["mass"] = p.normaliser, p.mass
        state["prior"] = dict(vars(p.prior))
    return state


def unpacked(state: dict[str, Any] | None) -> Parameters | None:
    """Return the parameters that :func:`packed` was given."""
    if state is None:
        return None
    arrays: dict[str, Any] = {name: np.array(state[name]) for name in _ARRAYS}
    if "prior" not in state:
        moments = Moments(**state["moments"]) if "moments" in state else None
        return Parameters(**arrays, moments=moments, log_weights=state.get("log_weights"))
    c, nu = state["concentration"], np.asarray(state["degrees_of_freedom"])
    return Posterior(
        **arrays,
        prior=Prior(**state["prior"]),
        concentration=c[0] if len(c) == 1 else (c[0], c[1]),
        mean_precision=state["mean_precision"],
        degrees_of_freedom=nu if nu.ndim else float(nu),
        normaliser=state["normaliser"],
        mass=state["mass"],
        log_weights=state["log_weights"],
    )
