"""gibbous: a Gaussian mixture fitted to what is observed, its kind chosen by held-out entries."""

from __future__ import annotations

import itertools
import warnings

import numpy as np

from ..holes import hold_out, rmse

NAME = "gibbous"
REQUIRES = ("gibbous",)
DISTRIBUTIONS = ("gibbous",)

_TYPES = ("full", "tied", "diag", "spherical")
_COMPONENTS = (1, 2, 3, 5, 8)
_FLOORS = (1e-3, 1e-2, 5e-2)


def variants(quick: bool) -> tuple[str, ...]:
    return ("mixture",)


def fill(variant: str, rows: np.ndarray, seed: int, quick: bool) -> tuple[np.ndarray, str]:
    """Return the rows without holes, and what was chosen."""
    from gibbous import GaussianMixture

    fewer, held_out = hold_out(rows, seed)
    found = []
    grid = itertools.product(_TYPES, _COMPONENTS[: 3 if quick else None], _FLOORS)
    for kind, k, floor in grid:
        model = GaussianMixture(k, covariance_type=kind, reg_covar=floor, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                filled = model.fit(fewer).impute(fewer)
            except ValueError:  # a component collapsed: no candidate
                continue
        found.append((rmse(filled, rows, held_out), model))
    best = min(found, key=lambda pair: pair[0])[1]
    chosen = f"{best.covariance_type} k={best.n_components} reg={best.reg_covar:g}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return best.fit(rows).impute(rows), chosen
