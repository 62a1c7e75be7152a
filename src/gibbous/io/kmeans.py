"""K-means in model files."""

from __future__ import annotations

from .spec import Spec

SPECS = {
    "KMeans": Spec(
        k="n_clusters",
        arrays={"cluster_centers_": ("k", "d"), "labels_": ("n",)},
        scalars={"inertia_": float, "n_iter_": int, "_n_features_out": int},
        dtypes={"labels_": "int32"},
    ),
    # The state between two calls of partial_fit is stored, too. A model that was only fitted by
    # partial_fit has no labels and no history.
    "MiniBatchKMeans": Spec(
        k="n_clusters",
        arrays={"cluster_centers_": ("k", "d"), "labels_": ("n",), "_counts": ("k",)},
        scalars={
            "inertia_": float,
            "n_iter_": int,
            "n_steps_": int,
            "_n_features_out": int,
            "_key": int,
            "_batch_size": int,
            "_since_reassignment": int,
        },
        dtypes={"labels_": "int32", "_counts": "float64"},
        optional=frozenset({"labels_", "inertia_", "n_iter_", "history_"}),
    ),
}
