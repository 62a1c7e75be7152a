"""Mini-batch K-means (Sculley 2010): centers move with small random batches of the data."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from .._fit.history import Callback
from .._ground import random
from .centers import CentersModel
from .minibatch_run import Outcome, Position, Run, Settings, Update


class MiniBatchKMeans(CentersModel):
    """K-means on mini-batches (Sculley 2010), in native code.

    Parameters, attributes and defaults are scikit-learn's. ``n_jobs``, ``history_`` and the
    ``callback`` of :meth:`fit` are additions.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters.
    init : {"k-means++", "random"}, array of shape (n_clusters, n_features) or callable
        Initial centers, as in :class:`~gibbous.KMeans`, found on ``init_size`` rows.
    max_iter : int, default 100
        Maximum number of passes over the data; a pass is ``n_samples / batch_size`` steps.
    batch_size : int, default 1024
        Number of rows per step, drawn with replacement in proportion to their weights.
    verbose : int, default 0
        Print the batch inertia of each step.
    compute_labels : bool, default True
        Label all rows at the end.
    random_state : None, int, RandomState, Generator or SeedSequence
        Seed. Results are bit-identical for any ``n_jobs``.
    tol : float, default 0.0
        Stop once the squared moves of a step sum to at most ``tol`` times the mean variance of
        the columns; 0 for never.
    max_no_improvement : int or None, default 10
        Stop after this many steps without a new lowest smoothed inertia; None for never.
    init_size : int or None
        Number of rows for the initialization; None for ``3 * batch_size``, or ``3 * n_clusters``
        if that is less than ``n_clusters``.
    n_init : int or "auto"
        Number of starts that are compared. "auto": 3 for random and callable starts, else 1.
    reassignment_ratio : float, default 0.01
        Centers that have received less than this share of the rows of the largest center are
        moved to random rows from time to time.
    n_jobs : int, optional
        Number of threads; None for the number that OpenMP allows, -1 for all processors.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        In the dtype of the data.
    labels_ : ndarray of int32, shape (n_samples,)
        With ``compute_labels``; not set after Ctrl-C, which skips the final pass over the data.
    inertia_ : float
        Of the training data if ``labels_`` are set, else the smoothed batch inertia times the
        sum of the weights.
    n_iter_ : int
        Number of passes over the data that were started.
    n_steps_ : int
        Number of mini-batches processed.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, if X had column names
    history_ : History
        Mean batch inertia and seconds of each step of the last :meth:`fit`.
    """

    _default_n_init = 3
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CentersModel._parameter_constraints,
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: Any = 0,
        compute_labels: bool = True,
        random_state: random.RandomState = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Any = "auto",
        reassignment_ratio: float = 0.01,
        n_jobs: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.n_jobs = n_jobs

    def _check_params_vs_input(self, X: Any) -> None:
        super()._check_params_vs_input(X)
        n = X.shape[0]
        self._batch_size = min(self.batch_size, n)
        if self.init_size is None:
            size = 3 * self._batch_size
            if size < self.n_clusters:
                size = 3 * self.n_clusters
        else:
            size = self.init_size
            if size < self.n_clusters:
                warnings.warn(
                    f"init_size={size} should be larger than n_clusters={self.n_clusters}. "
                    "Setting it to min(3*n_clusters, n_samples)",
                    RuntimeWarning,
                    stacklevel=3,
                )
                size = 3 * self.n_clusters
        self._init_size = min(size, n)

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        callback: Callback | None = None,
    ) -> MiniBatchKMeans:
        """Find the clusters from mini-batches of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 and float64 are not converted; CSR stays sparse.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0 of the rows: how often a row is drawn.
        callback : callable, optional
            Called with a :class:`~gibbous.Progress` after each step; returning True stops.

        Returns
        -------
        MiniBatchKMeans
            Itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, X, sample_weight or the initial centers are invalid.
        KeyboardInterrupt
            On Ctrl-C, after the model of the last finished step has been stored, without
            ``labels_``.
        """
        self._validate_params()
        X = self._read(X, reset=True)
        self._check_params_vs_input(X)
        data = self._samples(X, sample_weight)
        key = random.key_of(self.random_state)
        starts = self._starts(data, key)
        settings = Settings(
            self._n_init,
            self._init_size,
            self.max_iter,
            self.tol * data.mean_variance() if self.tol > 0 else 0.0,
            self.max_no_improvement,
            self.compute_labels,
            bool(self.verbose),
        )
        outcome = Run(data, starts, self._update(key), settings, callback).finish()
        if outcome is None:
            raise KeyboardInterrupt
        self._keep(outcome, key, data.n)
        if outcome.interrupted:
            raise KeyboardInterrupt
        return self

    def _update(self, key: int) -> Update:
        return Update(key, self._batch_size, self.reassignment_ratio, bool(self.verbose))

    def _keep(self, outcome: Outcome, key: int, n: int) -> None:
        """Set the fitted attributes."""
        self._keep_position(outcome.at, key)
        self.n_iter_ = int(np.ceil(self.n_steps_ * self._batch_size / n))
        self.inertia_ = outcome.inertia
        if outcome.labels is not None:
            self.labels_ = outcome.labels
        else:
            self.__dict__.pop("labels_", None)  # of an earlier fit
        self.history_ = outcome.history(key, self._n_threads)

    def _keep_position(self, at: Position, key: int) -> None:
        """Set the attributes that further steps continue from."""
        self.cluster_centers_ = at.centers
        self._n_features_out = self.n_clusters
        self._counts = at.counts
        self._since_reassignment = at.since_reassignment
        self.n_steps_ = at.n_steps
        self._key = key

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Update the centers with X as one mini-batch.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The first batch is also used for initialization and needs at least ``n_clusters`` rows.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0 of the rows.

        Returns
        -------
        MiniBatchKMeans
            Itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, X, sample_weight or the initial centers are invalid.
        """
        self._validate_params()
        first = not hasattr(self, "cluster_centers_")
        X = self._read(X, reset=first)
        if first:
            self._check_params_vs_input(X)
            key = random.key_of(self.random_state)
        else:
            X = X.astype(self.cluster_centers_.dtype, copy=False)
            key = self._key
        data = self._samples(X, sample_weight)
        if first:
            starts = self._starts(data, key)
            part = data
            if self._init_size < data.n:
                rng = random.generator(key, "minibatch-init")
                part = data.take(rng.integers(0, data.n, self._init_size))
            at = Position.first(starts.centers(part))
        else:
            at = Position(
                self.cluster_centers_, self._counts, self._since_reassignment, self.n_steps_
            )
        at, _ = self._update(key).step(data, at)
        self._keep_position(at, key)
        if self.compute_labels:
            self.labels_ = np.empty(data.n, dtype=np.int32)
            self.inertia_ = data.assign(at.centers, self.labels_)
        return self
