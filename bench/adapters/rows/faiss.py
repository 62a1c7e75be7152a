"""faiss on the processor: K-means, and k-means++ without local trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rows.case import Case

NAME = "faiss"
REQUIRES = ("faiss",)
DISTRIBUTIONS = ("faiss-cpu",)


def refuses(case: Case) -> str:
    if case.mixture:
        return "has no mixtures"
    return "" if case.dtype == "float32" else "takes float32 only"


def load(case: Case, threads: int) -> None:
    import faiss

    faiss.omp_set_num_threads(threads)


def fit(
    case: Case, data: np.ndarray, start: dict[str, np.ndarray], n_iter: int, seed: int
) -> dict[str, Any]:
    import faiss

    if case.kind == "kmeans++":
        return {"centers": _plus_plus(faiss, case, data, seed)}
    # It would train on a sample otherwise.
    model = faiss.Kmeans(
        case.d, case.k, niter=n_iter, max_points_per_centroid=len(data), verbose=False
    )
    reported = model.train(data, init_centroids=start["centers"])
    return {"centers": model.centroids, "reported": float(reported)}


def _plus_plus(faiss: Any, case: Case, data: np.ndarray, seed: int) -> np.ndarray:
    if not hasattr(faiss, "ClusteringInitialization"):
        raise RuntimeError("this version has no k-means++; faiss-cpu 1.13 or later has")
    draw = faiss.ClusteringInitialization(case.d, case.k)
    draw.method = faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS
    draw.seed = seed
    centers = np.empty((case.k, case.d), dtype=np.float32)
    draw.init_centroids(len(data), faiss.swig_ptr(data), faiss.swig_ptr(centers))
    return centers
