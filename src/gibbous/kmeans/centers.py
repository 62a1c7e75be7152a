"""The common base of KMeans and MiniBatchKMeans: parameters, validation and prediction."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _is_arraylike_not_scalar, check_is_fitted

from .._ground import random, validate
from .._ground.validate import validate_data
from .samples import Array, Samples
from .starts import Starts, check_centers


class CentersModel(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Parameters and prediction of models with ``cluster_centers_``."""

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

    def _starts(self, data: Samples, key: int) -> Starts:
        """Return the initialization; given centers are checked and copied."""
        init = self.init
        if _is_arraylike_not_scalar(init):
            init = check_centers(init, data, self.n_clusters)
        return Starts(init, self.n_clusters, key)

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
        """Return initial centers; the private signature is scikit-learn's, whose tests call it."""
        weight = validate.sample_weights(sample_weight, X.shape[0], X.dtype)
        data = Samples(X, weight, validate.n_threads(self.n_jobs))
        key = random.key_of(random_state)
        if init_size is not None and init_size < data.n:
            rng = random.generator(key, "minibatch-init")
            data = data.take(rng.integers(0, data.n, init_size))
        return Starts(init, n_centroids or self.n_clusters, key).centers(data)

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
        """Return the negative inertia of these rows.

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
