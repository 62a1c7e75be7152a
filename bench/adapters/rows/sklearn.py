"""scikit-learn's own estimators."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...rows import variational
from ...rows.case import Case

NAME = "scikit-learn"
REQUIRES = ("sklearn",)
DISTRIBUTIONS = ("scikit-learn",)


def refuses(case: Case) -> str:
    return ""


def load(case: Case, threads: int) -> None:
    _needed(case)


def estimators() -> tuple[Any, Any]:
    """Return the classes that whole fits on small data are timed with."""
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    return GaussianMixture, KMeans


def fit(
    case: Case, data: np.ndarray, start: dict[str, np.ndarray], n_iter: int, seed: int
) -> dict[str, Any]:
    return fit_estimator(_needed(case), case, data, start, n_iter, seed)


def _needed(case: Case) -> Any:
    import sklearn.cluster
    import sklearn.mixture

    return {
        "gmm": sklearn.mixture.GaussianMixture,
        "bgmm": sklearn.mixture.BayesianGaussianMixture,
        "kmeans": sklearn.cluster.KMeans,
        "kmeans++": sklearn.cluster.kmeans_plusplus,
    }[case.kind]


def fit_estimator(
    tool: Any,
    case: Case,
    data: np.ndarray,
    start: dict[str, np.ndarray],
    n_iter: int,
    seed: int,
) -> dict[str, Any]:
    """Run a class, or a function for k-means++, that has scikit-learn's parameters."""
    if case.kind == "kmeans++":
        return {"centers": tool(data, case.k, random_state=seed)[0]}
    with warnings.catch_warnings():
        # A fixed number of iterations is intended: it does not converge.
        warnings.simplefilter("ignore")
        if case.kind == "kmeans":
            model = tool(case.k, init=start["centers"], n_init=1, max_iter=n_iter, tol=0.0).fit(
                data
            )
            return {
                "centers": model.cluster_centers_,
                "reported": model.inertia_,
                "n_iter": model.n_iter_,
            }
        if case.kind == "bgmm":
            return _fit_variational(tool, case, data, start, n_iter)
        model = tool(
            case.k,
            covariance_type=case.covariance,
            tol=0.0,
            reg_covar=0.0,
            max_iter=n_iter,
            weights_init=start["weights"],
            means_init=start["means"],
            precisions_init=start["precisions"],
        ).fit(data)
    return {
        "weights": model.weights_,
        "means": model.means_,
        "covariances": model.covariances_,
        "reported": model.lower_bound_,
        "n_iter": model.n_iter_,
    }


def _fit_variational(
    tool: Any, case: Case, data: np.ndarray, start: dict[str, np.ndarray], n_iter: int
) -> dict[str, Any]:
    """Continue from the common posterior; no parameter accepts means or precisions."""
    model = tool(
        n_components=case.k,
        covariance_type=case.covariance,
        tol=0.0,
        reg_covar=0.0,
        max_iter=n_iter,
        warm_start=True,
    )
    for name, value in variational.state(case, start).items():
        setattr(model, name, value)
    model.fit(data)
    return {
        "weights": model.weights_,
        "means": model.means_,
        "covariances": model.covariances_,
        "lower_bound": np.ravel(model.lower_bound_),
        "reported": float(np.ravel(model.lower_bound_)[0]),
        "n_iter": model.n_iter_,
    }
