"""Rows in clusters, as arrays and as sparse matrices."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from gibbous._ground.isa import core


def blobs(n, d, k, seed, dtype=np.float64, spread=4.0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(k, d)) * spread
    return (centers[rng.integers(0, k, n)] + rng.normal(size=(n, d))).astype(dtype)


def csr(X, index=np.int32):
    S = sp.csr_array(X)
    S.indices, S.indptr = S.indices.astype(index), S.indptr.astype(index)
    return S


def rows_of(X, weight=None):
    """Return dense or sparse rows as the core takes them."""
    if not sp.issparse(X):
        return core.rows(X, weight)
    return core.kmeans.csr(X.data, X.indices, X.indptr, X.shape[1], weight)


def bits(model):
    return model.cluster_centers_.tobytes(), model.labels_.tobytes(), model.inertia_
