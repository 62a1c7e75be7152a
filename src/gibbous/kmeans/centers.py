"""What KMeans and MiniBatchKMeans share: data at the kernels' door, starts, and prediction."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _is_arraylike_not_scalar, check_is_fitted

from .._ground import random, validate
from .._ground.isa import core
from .._ground.validate import validate_data

Array = NDArray[Any]


class Samples:
    """Rows, dense or CSR, with their weights: one face for both families of kernels."""

    def __init__(self, X: Any, weight: Array | None, threads: int) -> None:
        self.n, self.d = X.shape
        self.dtype = X.dtype
        self.X, self.weight, self.threads = X, weight, threads
        self.sparse = bool(sp.issparse(X))
        if self.sparse:
            if not X.has_canonical_format:  # kernels count on each column being stored once
                self.X = X = X.copy()
                X.sum_duplicates()
            index = np.promote_types(X.indices.dtype, X.indptr.dtype)
            index = np.dtype(np.int32 if index.itemsize <= 4 else np.int64)
            self._x: tuple[Array, ...] = (
                np.ascontiguousarray(X.data),
                np.ascontiguousarray(X.indices, dtype=index),
                np.ascontiguousarray(X.indptr, dtype=index),
            )
        else:
            self._x = (X,)

    def take(self, rows: Array) -> Samples:
        """Return these rows, with their weights."""
        X = self.X[rows] if self.sparse else np.take(self.X, rows, axis=0)
        return Samples(X, None if self.weight is None else self.weight[rows], self.threads)

    def dense_rows(self, rows: Array) -> Array:
        """Return a dense copy of these rows."""
        return self.X[rows].toarray() if self.sparse else np.take(self.X, rows, axis=0)

    def bounds(self, k: int) -> tuple[Array, ...]:
        """Return what :meth:`step` keeps from one iteration to the next."""
        return () if self.sparse else (np.zeros(self.n, dtype=self.dtype), np.zeros(k))

    def step(
        self, centers: Array, labels: Array, fresh: Array, bounds: tuple[Array, ...] = ()
    ) -> tuple[float, int, float, list[int]]:
        """Run one Lloyd iteration; see ``cpp/gibbous/kmeans/kernels.hpp``."""
        kernel: Any = core.kmeans.step  # a type checker cannot follow the unpacked arrays
        out: tuple[float, int, float, list[int]] = kernel(
            *self._x, self.weight, centers, labels, fresh, self.threads, *bounds
        )
        return out

    def assign(self, centers: Array, labels: Array) -> float:
        """Label all rows and return the inertia."""
        kernel: Any = core.kmeans.assign
        return float(kernel(*self._x, self.weight, centers, labels, self.threads))

    def minibatch(self, centers: Array, counts: Array, labels: Array) -> float:
        """Update the centers in place and return the inertia before that."""
        kernel: Any = core.kmeans.minibatch
        return float(kernel(*self._x, self.weight, centers, counts, labels, self.threads))

    def distances(self, centers: Array) -> Array:
        """Return the Euclidean distances to all centers, shape (n, k)."""
        out = np.empty((self.n, centers.shape[0]), dtype=self.dtype)
        kernel: Any = core.kmeans.distances
        kernel(*self._x, centers, out, self.threads)
        return out

    def plusplus(self, k: int, trials: int | None, key: int) -> Array:
        """Return the row numbers of k centers by greedy k-means++."""
        trials = 2 + int(np.log(k)) if trials is None else trials
        if self.sparse:
            data, indices, indptr = self._x
            rows = core.kmeans.plusplus(
                data, indices, indptr, self.d, self.weight, k, trials, key, self.threads
            )
        else:
            (x,) = self._x
            rows = core.kmeans.plusplus(x, self.weight, k, trials, key, self.threads)
        return np.asarray(rows)

    def mean_variance(self) -> float:
        """Return the mean over the columns of their variances."""
        if not self.sparse:
            (x,) = self._x
            return float(core.kmeans.mean_variance(x, self.threads))
        data, indices, _ = self._x
        values = data.astype(np.float64)
        mean = np.bincount(indices, weights=values, minlength=self.d) / self.n
        stored = np.bincount(indices, minlength=self.d)
        about = ((values - mean[indices]) ** 2).sum() + ((self.n - stored) * mean**2).sum()
        return float(about / (self.n * self.d))


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


class CentersModel(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Parameters, starts and prediction of the models that keep ``cluster_centers_``."""

    _default_n_init: ClassVar[int]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state", np.random.Generator, np.random.SeedSequence, random.Key],
        "n_jobs": [Integral, None],
    }

    n_clusters: int
    init: Any
    n_init: Any
    max_iter: int
    tol: float
    verbose: Any
    random_state: Any
    n_jobs: int | None
    cluster_centers_: Array
    labels_: Array
    inertia_: float
    n_iter_: int

    def _read(self, X: Any, *, reset: bool) -> Any:
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order="C",
            reset=reset,
        )

    def _samples(self, X: Any, sample_weight: Any) -> Samples:
        weight = validate.sample_weights(sample_weight, X.shape[0], X.dtype)
        self._n_threads = validate.n_threads(self.n_jobs)
        return Samples(X, weight, self._n_threads)

    def _check_params_vs_input(self, X: Any) -> None:
        if X.shape[0] < self.n_clusters:
            raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}.")
        drawn = isinstance(self.init, str) and self.init == "random"
        if self.n_init != "auto":
            self._n_init = int(self.n_init)
        else:
            self._n_init = self._default_n_init if drawn or callable(self.init) else 1
        if _is_arraylike_not_scalar(self.init) and self._n_init != 1:
            warnings.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__} instead of n_init={self._n_init}.",
                RuntimeWarning,
                stacklevel=3,
            )
            self._n_init = 1

    def _check_centers(self, centers: Any, dtype: Any, k: int, d: int, *, copy: bool) -> Array:
        """Return centers given by the user as an array of this dtype and shape (k, d)."""
        centers = check_array(centers, dtype=dtype, copy=copy, order="C", input_name="init")
        if centers.shape[0] != k:
            raise ValueError(
                f"The shape of the initial centers {centers.shape} does not "
                f"match the number of clusters {k}."
            )
        if centers.shape[1] != d:
            raise ValueError(
                f"The shape of the initial centers {centers.shape} does not "
                f"match the number of features of the data {d}."
            )
        return np.asarray(centers)

    def _given_init(self, data: Samples) -> Any:
        """Return ``init``, checked and copied where it holds centers."""
        if _is_arraylike_not_scalar(self.init):
            return self._check_centers(self.init, data.dtype, self.n_clusters, data.d, copy=True)
        return self.init

    def _start(self, data: Samples, init: Any, k: int, key: int) -> Array:
        """Return starting centers, an array that may be written to."""
        if isinstance(init, str) and init == "k-means++":
            return data.dense_rows(data.plusplus(k, None, random.child(key, "kmeans++")))
        if isinstance(init, str):
            return data.dense_rows(random_rows(data, k, key))
        if callable(init):
            drawn = init(data.X, k, random_state=random.legacy(key, "kmeans-callable"))
            return self._check_centers(drawn, data.dtype, k, data.d, copy=True)
        return np.array(init)

    def _init_centroids(
        self,
        X: Any,
        x_squared_norms: Any,
        init: Any,
        random_state: Any,
        sample_weight: Any,
        init_size: int | None = None,
        n_centroids: int | None = None,
    ) -> Array:
        """Return starting centers by scikit-learn's private signature, which its tests call."""
        weight = validate.sample_weights(sample_weight, X.shape[0], X.dtype)
        data = Samples(X, weight, validate.n_threads(self.n_jobs))
        key = random.key_of(random_state)
        if init_size is not None and init_size < data.n:
            rng = random.generator(key, "minibatch-init")
            data = data.take(rng.integers(0, data.n, init_size))
        return self._start(data, init, n_centroids or self.n_clusters, key)

    def _new_data(self, X: Any, sample_weight: Any = None) -> tuple[Samples, Array]:
        """Return rows to predict and the centers, in one dtype."""
        check_is_fitted(self)
        X = self._read(X, reset=False)
        dtype = np.promote_types(X.dtype, self.cluster_centers_.dtype)
        X = X.astype(dtype, copy=False)
        centers = np.ascontiguousarray(self.cluster_centers_, dtype=dtype)
        weight = validate.sample_weights(sample_weight, X.shape[0], dtype)
        return Samples(X, weight, validate.n_threads(self.n_jobs)), centers

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ndarray of int32, shape (n_samples,)
        """
        return self.fit(X, sample_weight=sample_weight).labels_  # type: ignore[no-any-return]

    def predict(self, X: Any) -> Array:
        """Return the index of the closest center of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of int32, shape (n_samples,)
        """
        data, centers = self._new_data(X)
        labels = np.empty(data.n, dtype=np.int32)
        data.assign(centers, labels)
        return labels

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit, and return the distances of the rows to the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
        """
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def transform(self, X: Any) -> Any:
        """Return the Euclidean distances of the rows to the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Exactly 0 if a row equals a center.
        """
        data, centers = self._new_data(X)
        return data.distances(centers)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return minus the inertia of these rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        data, centers = self._new_data(X, sample_weight)
        return -data.assign(centers, np.empty(data.n, dtype=np.int32))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
