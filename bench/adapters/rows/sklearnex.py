"""scikit-learn-intelex: K-means and k-means++ of oneDAL; its mixtures are daal4py's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...rows.case import Case

NAME = "scikit-learn-intelex"
REQUIRES = ("sklearnex", "onedal", "daal4py")
DISTRIBUTIONS = ("scikit-learn-intelex", "daal")


def refuses(case: Case) -> str:
    return "has no mixture of its own" if case.mixture else ""


def load(case: Case, threads: int) -> None:
    import daal4py
    import onedal.cluster  # noqa: F401
    import sklearnex.cluster  # noqa: F401

    daal4py.daalinit(nthreads=threads)


def fit(
    case: Case, data: np.ndarray, start: dict[str, np.ndarray], n_iter: int, seed: int
) -> dict[str, Any]:
    from onedal.cluster import kmeans_plusplus
    from sklearnex.cluster import KMeans

    if case.kind == "kmeans++":
        return {"centers": kmeans_plusplus(data, case.k, random_state=seed)[0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = KMeans(case.k, init=start["centers"], n_init=1, max_iter=n_iter, tol=0.0).fit(data)
    if not hasattr(model, "_onedal_estimator"):
        raise RuntimeError("fell back to scikit-learn's own K-means")
    return {"centers": model.cluster_centers_, "reported": model.inertia_, "n_iter": model.n_iter_}
