"""scikit-learn's imputers: means, nearest neighbors, and round-robin regression."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...gmm.holes import hold_outs, rmse

NAME = "scikit-learn"
REQUIRES = ("sklearn",)
DISTRIBUTIONS = ("scikit-learn",)

_NEIGHBOURS = (2, 3, 5, 8, 12, 20, 30)


def variants(quick: bool) -> tuple[str, ...]:
    few = ("mean", "KNN", "KNN chosen")
    return few if quick else (*few, "iterative")


def fill(variant: str, rows: np.ndarray, seed: int, quick: bool) -> tuple[np.ndarray, str]:
    """Return the completed rows, and the chosen settings."""
    if variant == "KNN chosen":  # chosen by the same entries as for gibbous
        errors = [
            np.mean(
                [
                    rmse(_imputer("KNN", k, seed).fit_transform(fewer), rows, held_out) ** 2
                    for fewer, held_out in hold_outs(rows, seed)
                ]
            )
            for k in _NEIGHBOURS
        ]
        k = _NEIGHBOURS[int(np.argmin(errors))]
        return _imputer("KNN", k, seed).fit_transform(rows), f"{k} neighbours"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings that the iterations have not converged
        return _imputer(variant, 5, seed).fit_transform(rows), ""


def _imputer(variant: str, n_neighbors: int, seed: int) -> Any:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    if variant == "mean":
        return SimpleImputer()
    if variant == "iterative":
        return IterativeImputer(random_state=seed)
    return KNNImputer(n_neighbors=n_neighbors)
