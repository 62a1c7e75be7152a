"""Initial centers of K-means: chosen from the rows, or given by the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_array

from .._ground import random
from .samples import Array, Samples


@dataclass(frozen=True, eq=False)
class Starts:
    """The method of choosing initial centers.

    Attributes
    ----------
    init : {"k-means++", "random"}, array of shape (k, d) or callable
        An array must have passed :func:`check_centers`.
    k : int
        Number of centers.
    key : int
        Key of random numbers; each start has its own.
    """

    init: Any
    k: int
    key: int

    def centers(self, data: Samples, index: int = 0) -> Array:
        """Return the initial centers of the start with this index, a writable array."""
        init, k = self.init, self.k
        key = self.key if index == 0 else random.child(self.key, "kmeans-start", index)
        if isinstance(init, str) and init == "k-means++":
            return data.dense_rows(data.plusplus(k, None, random.child(key, "kmeans++")))
        if isinstance(init, str):
            return data.dense_rows(random_rows(data, k, key))
        if callable(init):
            drawn = init(data.X, k, random_state=random.legacy(key, "kmeans-callable"))
            return check_centers(drawn, data, k)
        return np.array(init)


def random_rows(data: Samples, k: int, key: int) -> Array:
    """Return k different row numbers, drawn with probability proportional to the weights."""
    rng = random.generator(key, "kmeans-random")
    if data.weight is None or data.weight.min() == data.weight.max():
        return rng.choice(data.n, size=k, replace=False)
    w = data.weight.astype(np.float64)
    positive = int(np.count_nonzero(w))
    if positive < k:
        raise ValueError(
            f"sample_weight has {positive} rows above zero, fewer than the {k} centers that "
            "init='random' has to draw; lower n_clusters or use init='k-means++'"
        )
    return rng.choice(data.n, size=k, replace=False, p=w / w.sum())


def check_centers(centers: Any, data: Samples, k: int) -> Array:
    """Return centers given by the user as a new array of shape (k, d) in the dtype of the data.

    Raises
    ------
    ValueError, TypeError
        If they cannot be converted, are not finite or have another shape.
    """
    centers = check_array(centers, dtype=data.dtype, copy=True, order="C", input_name="init")
    if centers.shape[0] != k:
        raise ValueError(
            f"The shape of the initial centers {centers.shape} does not "
            f"match the number of clusters {k}."
        )
    if centers.shape[1] != data.d:
        raise ValueError(
            f"The shape of the initial centers {centers.shape} does not "
            f"match the number of features of the data {data.d}."
        )
    return np.asarray(centers)
