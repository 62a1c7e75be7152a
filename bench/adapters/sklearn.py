"""scikit-learn's own estimators."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..cases import Case

NAME = "scikit-learn"
REQUIRES = ("sklearn",)
DISTRIBUTIONS = ("scikit-learn",)


def refuses(case: Case) -> str:
    return ""


def load(threads: int) -> None:
    import sklearn.cluster
    import sklearn.mixture  # noqa: F401


def estimators() -> tuple[Any, Any]:
    """Return the classes that whole fits on small data are timed with."""
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    return GaussianMixture, KMeans


def fit(
    case: Case, data: np.ndarray, start: dict[str, np.ndarray], n_iter: int, seed: int
) -> dict[str, Any]:
    from sklearn.cluster import KMeans, kmeans_plusplus
    from sklearn.mixture import GaussianMixture

    return fit_estimator(
        GaussianMixture, KMeans, kmeans_plusplus, case, data, start, n_iter, seed, {}
    )


def fit_estimator(
    mixture: Any,
    kmeans: Any,
    plus_plus: Any,
    case: Case,
    data: np.ndarray,
    start: dict[str, np.ndarray],
    n_iter: int,
    seed: int,
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Run anything that has scikit-learn's parameters and attributes."""
    if case.kind == "kmeans++":
        return {"centers": plus_plus(data, case.k, random_state=seed, **extra)[0]}
    with warnings.catch_warnings():
        # A fixed number of iterations is the point: it does not converge.
        warnings.simplefilter("ignore")
        if case.kind == "kmeans":
            model = kmeans(
                case.k, init=start["centers"], n_init=1, max_iter=n_iter, tol=0.0, **extra
            ).fit(data)
            return {
                "centers": model.cluster_centers_,
                "reported": model.inertia_,
                "n_iter": model.n_iter_,
            }
        model = mixture(
            case.k,
            covariance_type=case.covariance,
            tol=0.0,
            reg_covar=0.0,
            max_iter=n_iter,
            weights_init=start["weights"],
            means_init=start["means"],
            precisions_init=start["precisions"],
            **extra,
        ).fit(data)
    return {
        "weights": model.weights_,
        "means": model.means_,
        "covariances": model.covariances_,
        "reported": model.lower_bound_,
        "n_iter": model.n_iter_,
    }
