"""gibbous: a Gaussian mixture fitted to the observed entries, its kind chosen by held-out
entries."""

from __future__ import annotations

import itertools
import warnings

import numpy as np

from ...gmm.holes import hold_outs, rmse

NAME = "gibbous"
REQUIRES = ("gibbous",)
DISTRIBUTIONS = ("gibbous",)

_TYPES = ("full", "tied", "diag", "spherical")
_COMPONENTS = (1, 2, 3, 5, 8)
_FLOORS = (1e-3, 1e-2, 5e-2, 0.2)


def variants(quick: bool) -> tuple[str, ...]:
    return ("mixture",)


def fill(variant: str, rows: np.ndarray, seed: int, quick: bool) -> tuple[np.ndarray, str]:
    """Return the completed rows, and the chosen settings."""
    from gibbous import GaussianMixture

    found = []
    grid = itertools.product(_TYPES, _COMPONENTS[: 3 if quick else None], _FLOORS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind, k, floor in grid:
            model = GaussianMixture(
                k, covariance_type=kind, reg_covar=floor, random_state=seed, n_jobs=1
            )
            try:
                errors = [
                    rmse(model.fit(fewer).impute(fewer), rows, held_out) ** 2
                    for fewer, held_out in hold_outs(rows, seed)
                ]
            except ValueError:  # a component collapsed: not a candidate
                continue
            found.append((float(np.mean(errors)), model))
        best = min(found, key=lambda pair: pair[0])[1]
        chosen = f"{best.covariance_type} k={best.n_components} reg={best.reg_covar:g}"
        return best.fit(rows).impute(rows), chosen
