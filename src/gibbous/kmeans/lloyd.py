"""K-means: each row belongs to the closest of k centers, each center is the mean of its rows."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import StrOptions

from .._fit.history import Callback
from .._ground import random
from .centers import CentersModel
from .run import Outcome, Run, Settings


class KMeans(CentersModel):
    """K-means clustering by Lloyd's algorithm (Lloyd 1982), in native code.

    Parameters, attributes and defaults are scikit-learn's. ``n_jobs``, ``history_`` and the
    ``callback`` of :meth:`fit` are additions.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters.
    init : {"k-means++", "random"}, array of shape (n_clusters, n_features) or callable
        Initial centers: greedy k-means++ (Arthur and Vassilvitskii 2007), rows drawn at random,
        given, or what ``init(X, n_clusters, random_state)`` returns.
    n_init : int or "auto"
        Number of starts, of which the one with the lowest inertia is kept. "auto": 10 for random
        and callable starts, else 1.
    max_iter : int, default 300
        Maximum number of iterations per start.
    tol : float, default 1e-4
        A start has converged once the squared moves of all centers sum to at most ``tol`` times
        the mean variance of the columns, or once no label changes.
    verbose : int, default 0
        Print the inertia of each iteration.
    random_state : None, int, RandomState, Generator or SeedSequence
        Seed of the starts. Results are bit-identical for any ``n_jobs``.
    copy_x : bool, default True
        Accepted for compatibility with scikit-learn: ``X`` is never modified or copied.
    algorithm : {"lloyd", "elkan"}, default "lloyd"
        Accepted for compatibility with scikit-learn: both run the same exact kernel.
    n_jobs : int, optional
        Number of threads; None for the number that OpenMP allows, -1 for all processors.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        In the dtype of the data.
    labels_ : ndarray of int32, shape (n_samples,)
        The same as ``predict`` returns for the training data, except after Ctrl-C.
    inertia_ : float
        Sum of the weighted squared distances to the closest centers.
    n_iter_ : int
        Number of iterations of the best start.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, if X had column names
    history_ : History
        Inertia and seconds of each iteration, why it stopped, and clusters that were relocated.

    Notes
    -----
    An empty cluster is moved to the row that is farthest from its center. Distances are ranked in
    a fast form, and directly if rounding could matter, so that labels are correct to the rounding
    of the dtype at any distance from the origin.

    Ctrl-C does not wait for another pass over the data. ``cluster_centers_`` are then those that
    the last finished iteration ended with; ``labels_`` and ``inertia_`` are what that iteration
    found for the centers it began with, as in ``history_.values``. ``predict`` and ``score`` use
    ``cluster_centers_``.

    Examples
    --------
    >>> import numpy as np
    >>> from gibbous import KMeans
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.inertia_
    16.0
    """

    _default_n_init = 10
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CentersModel._parameter_constraints,
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan"})],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: Any = 0,
        random_state: random.RandomState = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        n_jobs: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        callback: Callback | None = None,
    ) -> KMeans:
        """Find the clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 and float64 are not converted; CSR stays sparse.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0 of the rows.
        callback : callable, optional
            Called with a :class:`~gibbous.Progress` after each iteration; returning True stops.

        Returns
        -------
        KMeans
            Itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, X, sample_weight or the initial centers are invalid.
        KeyboardInterrupt
            On Ctrl-C, after the model of the last finished iteration has been stored (see Notes
            for its ``labels_``).
        """
        self._validate_params()
        X = self._read(X, reset=True)
        self._check_params_vs_input(X)
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=2,
            )
        data = self._samples(X, sample_weight)
        key = random.key_of(self.random_state)
        starts = self._starts(data, key)
        tol = self.tol * data.mean_variance() if self.tol > 0 else 0.0
        settings = Settings(self._n_init, self.max_iter, tol, bool(self.verbose))
        outcome = Run(data, starts, settings, callback).finish()
        if outcome is None:
            raise KeyboardInterrupt
        self._keep(outcome, key)
        if outcome.interrupted:
            raise KeyboardInterrupt
        return self

    def _keep(self, outcome: Outcome, key: int) -> None:
        """Set the fitted attributes."""
        distinct = np.count_nonzero(np.bincount(outcome.labels, minlength=self.n_clusters))
        if distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.cluster_centers_ = outcome.centers
        self._n_features_out = self.n_clusters
        self.labels_ = outcome.labels
        self.inertia_ = outcome.inertia
        self.n_iter_ = outcome.n_iter
        drawn = isinstance(self.init, str) or callable(self.init)
        self.history_ = outcome.history(key if drawn else None, self._n_threads)
