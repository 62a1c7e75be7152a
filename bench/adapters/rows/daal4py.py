"""oneDAL's EM for mixtures, by daal4py (it comes in the scikit-learn-intelex wheel)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rows.case import Case

NAME = "daal4py"
REQUIRES = ("daal4py",)
DISTRIBUTIONS = ("scikit-learn-intelex", "daal")


def refuses(case: Case) -> str:
    if case.kind == "bgmm":
        return "has no variational mixture"
    if case.kind != "gmm":
        return "its K-means is measured through scikit-learn-intelex"
    if case.covariance not in ("full", "diag"):
        return f"has no {case.covariance} covariances"
    return ""


def load(case: Case, threads: int) -> None:
    import daal4py

    daal4py.daalinit(nthreads=threads)


def fit(
    case: Case, data: np.ndarray, start: dict[str, np.ndarray], n_iter: int, seed: int
) -> dict[str, Any]:
    import daal4py

    full = case.covariance == "full"
    # Unit precisions: the covariances of the start are the same numbers.
    covariances = [np.atleast_2d(c) for c in start["precisions"]]
    result = daal4py.em_gmm(
        nComponents=case.k,
        maxIterations=n_iter,
        accuracyThreshold=0.0,
        covarianceStorage="full" if full else "diagonal",
        fptype="float" if case.dtype == "float32" else "double",
    ).compute(data, start["weights"].reshape(1, -1), start["means"], covariances)
    stacked = np.stack([np.asarray(c) for c in result.covariances])
    return {
        "weights": result.weights.ravel(),
        "means": result.means,
        "covariances": stacked if full else stacked[:, 0],
        # its goal function is of the same E-step as scikit-learn's lower_bound_
        "reported": float(result.goalFunction[0, 0]) / len(data),
        "n_iter": result.nIterations[0, 0],
    }
