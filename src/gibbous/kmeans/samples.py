"""Rows of data in the formats of the K-means kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._ground.isa import core

Array = NDArray[Any]


class Samples:
    """Rows, dense or CSR, with their weights: the same methods for both families of kernels.

    Attributes
    ----------
    rows : object
        The rows in the form of the core. A run passes them to the kernel of its iteration.
    """

    def __init__(self, X: Any, weight: Array | None, threads: int) -> None:
        self.n, self.d = X.shape
        self.dtype = X.dtype
        self.X, self.weight, self.threads = X, weight, threads
        self.sparse = bool(sp.issparse(X))
        if self.sparse:
            if not X.has_canonical_format:  # kernels require that each column is stored once
                self.X = X = X.copy()
                X.sum_duplicates()
            index = np.promote_types(X.indices.dtype, X.indptr.dtype)
            index = np.dtype(np.int32 if index.itemsize <= 4 else np.int64)
            self.rows: Any = core.kmeans.csr(
                np.ascontiguousarray(X.data),
                np.ascontiguousarray(X.indices, dtype=index),
                np.ascontiguousarray(X.indptr, dtype=index),
                self.d,
                weight,
            )
        else:
            self.rows = core.rows(X, weight)

    def take(self, rows: Array) -> Samples:
        """Return these rows, with their weights."""
        X = self.X[rows] if self.sparse else np.take(self.X, rows, axis=0)
        return Samples(X, None if self.weight is None else self.weight[rows], self.threads)

    def dense_rows(self, rows: Array) -> Array:
        """Return a dense copy of these rows."""
        return self.X[rows].toarray() if self.sparse else np.take(self.X, rows, axis=0)

    def bounds(self, k: int) -> tuple[Array, ...]:
        """Return what ``core.kmeans.step`` keeps between iterations."""
        return () if self.sparse else (np.zeros(self.n, dtype=self.dtype), np.zeros(k))

    def assign(self, centers: Array, labels: Array) -> float:
        """Label all rows and return the inertia."""
        return float(core.kmeans.assign(self.rows, centers, labels, self.threads))

    def distances(self, centers: Array) -> Array:
        """Return the Euclidean distances to all centers, shape (n, k)."""
        out = np.empty((self.n, centers.shape[0]), dtype=self.dtype)
        core.kmeans.distances(self.rows, centers, out, self.threads)
        return out

    def plusplus(self, k: int, trials: int | None, key: int) -> Array:
        """Return the row numbers of k centers by greedy k-means++."""
        trials = 2 + int(math.log(k)) if trials is None else trials
        return np.asarray(core.kmeans.plusplus(self.rows, k, trials, key, self.threads))

    def mean_variance(self) -> float:
        """Return the mean over the columns of their variances."""
        if not self.sparse:
            return float(core.kmeans.mean_variance(self.rows, self.threads))
        indices = self.X.indices
        values = self.X.data.astype(np.float64)
        mean = np.bincount(indices, weights=values, minlength=self.d) / self.n
        stored = np.bincount(indices, minlength=self.d)
        about = ((values - mean[indices]) ** 2).sum() + ((self.n - stored) * mean**2).sum()
        return float(about / (self.n * self.d))
