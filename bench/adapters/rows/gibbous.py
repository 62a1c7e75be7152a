"""gibbous, by its public interface only."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rows.case import Case
from .sklearn import fit_estimator

NAME = "gibbous"
REQUIRES = ("gibbous",)
DISTRIBUTIONS = ("gibbous",)


def refuses(case: Case) -> str:
    return ""


def load(case: Case, threads: int) -> None:
    _needed(case)


def estimators() -> tuple[Any, Any]:
    """Return the classes that whole fits on small data are timed with."""
    from gibbous import GaussianMixture, KMeans

    return GaussianMixture, KMeans


def fit(
    case: Case, data: np.ndarray, start: dict[str, np.ndarray], n_iter: int, seed: int
) -> dict[str, Any]:
    # n_jobs stays None: the threads are those of the environment, as for the others.
    return fit_estimator(_needed(case), case, data, start, n_iter, seed)


def _needed(case: Case) -> Any:
    import gibbous

    names = {
        "gmm": "GaussianMixture",
        "bgmm": "BayesianGaussianMixture",
        "kmeans": "KMeans",
        "kmeans++": "kmeans_plusplus",
    }
    return getattr(gibbous, names[case.kind])
