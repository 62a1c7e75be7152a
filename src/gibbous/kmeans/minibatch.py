"""Mini-batch K-means (Sculley 2010): centers move with small random batches of the data."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from .._fit.history import Callback, History, Recorder, Trace
from .._ground import random
from .centers import Array, CentersModel, Samples


class MiniBatchKMeans(CentersModel):
    """K-means on mini-batches (Sculley 2010), in native code.

    Parameters, attributes and defaults are scikit-learn's. ``n_jobs``, ``history_`` and the
    ``callback`` of :meth:`fit` are additions.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of clusters.
    init : {"k-means++", "random"}, array of shape (n_clusters, n_features) or callable
        Starting centers, as in :class:`~gibbous.KMeans`, found on ``init_size`` rows.
    max_iter : int, default 100
        Most passes over the data; a pass is ``n_samples / batch_size`` steps.
    batch_size : int, default 1024
        Rows of a step, drawn with replacement in proportion to their weights.
    verbose : int, default 0
        Print the batch inertia of each step.
    compute_labels : bool, default True
        Label all rows at the end.
    random_state : None, int, RandomState, Generator or SeedSequence
        Seed. One seed gives the same bits for any ``n_jobs``.
    tol : float, default 0.0
        Stop once the squared moves of a step sum to at most ``tol`` times the mean variance of
        the columns; 0 for never.
    max_no_improvement : int or None, default 10
        Stop after this many steps without a new lowest smoothed inertia; None for never.
    init_size : int or None
        Rows that the start is sought on; None for ``3 * batch_size``, or ``3 * n_clusters`` where
        that is less than ``n_clusters``.
    n_init : int or "auto"
        Number of starts that are compared. "auto": 3 for random and callable starts, else 1.
    reassignment_ratio : float, default 0.01
        Centers that have received less than this share of the largest center's rows are placed
        on random rows now and then.
    n_jobs : int, optional
        Threads; None for what OpenMP allows, -1 for all processors.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        In the dtype of the data.
    labels_ : ndarray of int32, shape (n_samples,)
        With ``compute_labels``; not set after Ctrl-C, which does not wait for a pass over the data.
    inertia_ : float
        Of the training data where ``labels_`` are set, else the smoothed batch inertia times the
        sum of the weights.
    n_iter_ : int
        Passes over the data that were begun.
    n_steps_ : int
        Mini-batches processed.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where X had column names
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
            float32 and float64 are used as they are; CSR stays sparse.
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
            For a parameter, X, sample_weight or starting centers that cannot be used.
        KeyboardInterrupt
            On Ctrl-C, after the model of the last finished step has been kept, without
            ``labels_``.
        """
        self._validate_params()
        X = self._read(X, reset=True)
        self._check_params_vs_input(X)
        data = self._samples(X, sample_weight)
        init = self._given_init(data)
        self._tol = self.tol * data.mean_variance() if self.tol > 0 else 0.0
        key = self._key = random.key_of(self.random_state)
        centers = self._begin(data, init, key)
        n_steps = self.max_iter * data.n // self._batch_size
        recorder = Recorder("MiniBatchKMeans", "batch inertia", max_iter=n_steps, callback=callback)
        labels: Array | None = None
        try:
            reason = self._steps(data, centers, n_steps, recorder)
            if self.compute_labels:
                labels = np.empty(data.n, dtype=np.int32)
                self.inertia_ = data.assign(centers, labels)
        except KeyboardInterrupt:
            if self.n_steps_:
                self._keep(data, centers, None, recorder.trace("interrupted"))
            raise
        self._keep(data, centers, labels, recorder.trace(reason))
        return self

    def _begin(self, data: Samples, init: Any, key: int) -> Array:
        """Forget earlier steps and return the centers to start from."""
        self.n_steps_ = 0
        centers = self._best_start(data, init, key)
        self._counts = np.zeros(self.n_clusters)
        self._since_reassignment = 0
        self._smoothed: float | None = None
        self._smoothed_min = float("inf")
        self._no_improvement = 0
        return centers

    def _best_start(self, data: Samples, init: Any, key: int) -> Array:
        """Return the start with the lowest inertia on rows drawn for that purpose."""
        rng = random.generator(key, "minibatch-init")
        valid = data.take(rng.integers(0, data.n, self._init_size))
        labels = np.empty(valid.n, dtype=np.int32)
        best: Array | None = None
        lowest = float("inf")
        for start in range(self._n_init):
            if self.verbose:
                print(f"Init {start + 1}/{self._n_init} with method {init}")
            start_key = key if start == 0 else random.child(key, "kmeans-start", start)
            part = data
            if self._init_size < data.n:
                part = data.take(rng.integers(0, data.n, self._init_size))
            centers = self._start(part, init, self.n_clusters, start_key)
            inertia = valid.assign(centers, labels)
            if self.verbose:
                print(f"Inertia for init {start + 1}/{self._n_init}: {inertia}")
            if best is None or inertia < lowest:
                best, lowest = centers, inertia
        assert best is not None
        return best

    def _steps(self, data: Samples, centers: Array, n_steps: int, recorder: Recorder) -> str:
        """Move the centers until a reason to stop is met, and return it."""
        rng = random.generator(self._key, "minibatch")
        edges = None
        if data.weight is not None:
            edges = np.cumsum(data.weight, dtype=np.float64)
        X = Samples(data.X, None, data.threads)  # weights decide what is drawn, and only that
        for step in range(n_steps):
            u = rng.random(self._batch_size)
            if edges is None:
                rows = (u * data.n).astype(np.intp)
            else:
                rows = np.searchsorted(edges, u * edges[-1], "right")
            np.minimum(rows, data.n - 1, out=rows)
            before = centers.copy() if self._tol > 0 else None
            inertia = self._mini_batch_step(X.take(rows), centers)
            self.n_steps_ = step + 1
            moved = 0.0 if before is None else float(((centers - before) ** 2).sum())
            mean = inertia / self._batch_size
            converged = self._converged(step + 1, n_steps, data.n, moved, mean)
            stop = recorder.record(mean)
            if converged:
                return "converged"
            if stop:
                return "callback"
        return "max_iter"

    def _keep(self, data: Samples, centers: Array, labels: Array | None, trace: Trace) -> None:
        """Set the fitted attributes; where there are no labels, nothing passes over the data."""
        self.cluster_centers_ = centers
        self._n_features_out = self.n_clusters
        self.n_iter_ = int(np.ceil(self.n_steps_ * self._batch_size / data.n))
        if labels is not None:
            self.labels_ = labels
        else:
            self.__dict__.pop("labels_", None)  # of an earlier fit
            total = data.n if data.weight is None else float(data.weight.sum(dtype=np.float64))
            self.inertia_ = float("nan") if self._smoothed is None else self._smoothed * total
        self.history_ = History.of(
            "MiniBatchKMeans",
            "batch inertia",
            [trace],
            0,
            seed=self._key,
            n_threads=self._n_threads,
        )

    def _mini_batch_step(self, batch: Samples, centers: Array) -> float:
        """Update the centers in place; place those that got too little on rows of the batch."""
        labels = np.empty(batch.n, dtype=np.int32)
        inertia = batch.minibatch(centers, self._counts, labels)
        self._since_reassignment += self._batch_size
        due = self._since_reassignment >= 10 * self.n_clusters or (self._counts == 0).any()
        if due:
            self._since_reassignment = 0
            if self.reassignment_ratio > 0:
                self._reassign(batch, centers)
        return inertia

    def _reassign(self, batch: Samples, centers: Array) -> None:
        counts = self._counts
        poor = counts < self.reassignment_ratio * counts.max()
        poor[counts.argmax()] = False  # else a ratio above 1 would leave no center in place
        most = int(0.5 * batch.n)  # at most half of the batch become centers
        if poor.sum() > 0.5 * batch.n:
            poor[np.argsort(counts, kind="stable")[most:]] = False
        n_poor = int(poor.sum())
        if n_poor:
            rng = random.generator(self._key, "minibatch-reassign", self.n_steps_)
            rows = rng.choice(batch.n, replace=False, size=n_poor)
            if self.verbose:
                print(f"[MiniBatchKMeans] Reassigning {n_poor} cluster centers.")
            centers[poor] = batch.dense_rows(rows)
            # not so low that they would be reassigned at once
            counts[poor] = counts[~poor].min()

    def _converged(
        self, step: int, n_steps: int, n: int, moved: float, batch_inertia: float
    ) -> bool:
        """Smooth the batch inertia and tell whether to stop; the first step is the start's."""
        at = f"step {step}/{n_steps}"
        text = f"Minibatch {at}: mean batch inertia: {batch_inertia}"
        if step == 1:
            if self.verbose:
                print(text)
            return False
        if self._smoothed is None:
            self._smoothed = batch_inertia
        else:
            alpha = min(self._batch_size * 2.0 / (n + 1), 1.0)
            self._smoothed = self._smoothed * (1 - alpha) + batch_inertia * alpha
        if self.verbose:
            print(f"{text}, ewa inertia: {self._smoothed}")
        if self._tol > 0 and moved <= self._tol:
            if self.verbose:
                print(f"Converged (small centers change) at {at}")
            return True
        if self._smoothed < self._smoothed_min:
            self._no_improvement = 0
            self._smoothed_min = self._smoothed
        else:
            self._no_improvement += 1
        if self.max_no_improvement is not None and self._no_improvement >= self.max_no_improvement:
            if self.verbose:
                print(f"Converged (lack of improvement in inertia) at {at}")
            return True
        return False

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Update the centers with X as one mini-batch.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The first batch also gives the start and needs at least ``n_clusters`` rows.
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
            For a parameter, X, sample_weight or starting centers that cannot be used.
        """
        self._validate_params()
        first = not hasattr(self, "cluster_centers_")
        X = self._read(X, reset=first)
        if first:
            self._check_params_vs_input(X)
            self._key = random.key_of(self.random_state)
        else:
            X = X.astype(self.cluster_centers_.dtype, copy=False)
        data = self._samples(X, sample_weight)
        if first:
            init = self._given_init(data)
            part = data
            if self._init_size < data.n:
                rng = random.generator(self._key, "minibatch-init")
                part = data.take(rng.integers(0, data.n, self._init_size))
            centers = self._start(part, init, self.n_clusters, self._key)
            self._counts = np.zeros(self.n_clusters)
            self._since_reassignment = 0
            self.n_steps_ = 0
        else:
            centers = np.array(self.cluster_centers_)
            self._counts = np.array(self._counts)  # which joblib may have mapped from a file
        self._mini_batch_step(data, centers)
        self.cluster_centers_ = centers
        self._n_features_out = self.n_clusters
        self.n_steps_ += 1
        if self.compute_labels:
            self.labels_ = np.empty(data.n, dtype=np.int32)
            self.inertia_ = data.assign(centers, self.labels_)
        return self
