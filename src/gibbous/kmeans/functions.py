"""K-means and its initialization as functions of arrays."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, validate_params

from .._ground import random, validate
from .centers import CentersModel
from .lloyd import KMeans
from .samples import Array, Samples


def k_means(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    init: Any = "k-means++",
    n_init: Any = "auto",
    max_iter: int = 300,
    verbose: Any = False,
    tol: float = 1e-4,
    random_state: random.RandomState = None,
    copy_x: bool = True,
    algorithm: str = "lloyd",
    return_n_iter: bool = False,
    n_jobs: int | None = None,
) -> tuple[Any, ...]:
    """Run K-means and return plain arrays; see :class:`KMeans` for the parameters.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
    labels : ndarray of int32, shape (n_samples,)
    inertia : float
    n_iter : int
        Only with ``return_n_iter=True``.

    Raises
    ------
    ValueError, TypeError
        The same as :meth:`KMeans.fit`.
    """
    model = KMeans(
        n_clusters=n_clusters,
        init=init,
        n_init=n_init,
        max_iter=max_iter,
        verbose=verbose,
        tol=tol,
        random_state=random_state,
        copy_x=copy_x,
        algorithm=algorithm,
        n_jobs=n_jobs,
    ).fit(X, sample_weight=sample_weight)
    out = (model.cluster_centers_, model.labels_, model.inertia_)
    return (*out, model.n_iter_) if return_n_iter else out


@validate_params(  # type: ignore[untyped-decorator]
    {
        "X": ["array-like", "sparse matrix"],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "sample_weight": ["array-like", None],
        "x_squared_norms": ["array-like", None],
        "random_state": CentersModel._parameter_constraints["random_state"],
        "n_local_trials": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    x_squared_norms: Any = None,
    random_state: random.RandomState = None,
    n_local_trials: int | None = None,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Choose initial centers by greedy k-means++ (Arthur and Vassilvitskii 2007).

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    n_clusters : int
    sample_weight : array-like of shape (n_samples,), optional
        Rows are drawn in proportion to weight times squared distance.
    x_squared_norms : array-like of shape (n_samples,), optional
        Accepted for compatibility with scikit-learn; only its length is checked.
    random_state : None, int, RandomState, Generator or SeedSequence
    n_local_trials : int, optional
        Candidates per step, of which the best is kept; None for 2 + log(n_clusters).
    n_jobs : int, optional
        Number of threads; None for the number that OpenMP allows, -1 for all processors.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
    indices : ndarray of int, shape (n_clusters,)
        The rows of X that became centers.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid.
    """
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C")
    weight = validate.sample_weights(sample_weight, X.shape[0], X.dtype)
    if X.shape[0] < n_clusters:
        raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={n_clusters}.")
    if x_squared_norms is not None:
        norms = check_array(x_squared_norms, dtype=X.dtype, ensure_2d=False)
        if norms.shape[0] != X.shape[0]:
            raise ValueError(
                f"The length of x_squared_norms {norms.shape[0]} should "
                f"be equal to the length of n_samples {X.shape[0]}."
            )
    data = Samples(X, weight, validate.n_threads(n_jobs))
    key = random.child(random.key_of(random_state), "kmeans++")
    rows = data.plusplus(n_clusters, n_local_trials, key)
    return data.dense_rows(rows), rows
