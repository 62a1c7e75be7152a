"""One fit of mini-batch K-means: the start, the steps on random batches, and why they end.

A run gets settings and returns an outcome; it uses no estimator. Its state can be taken between two
steps and given to a new run, which then continues bit-identically.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._fit.history import Callback, History, Recorder, Trace
from .._ground import random
from .._ground.isa import core
from .samples import Array, Samples
from .starts import Starts

NAME = "MiniBatchKMeans"
METRIC = "batch inertia"


class Position(NamedTuple):
    """Centers and the weights of their rows; each step creates a new position.

    Attributes
    ----------
    centers : ndarray of shape (k, d)
    counts : ndarray of float64, shape (k,)
        The weight of the rows that each center has received.
    since_reassignment : int
        Rows since the last check for poor centers.
    n_steps : int
    """

    centers: Array
    counts: Array
    since_reassignment: int = 0
    n_steps: int = 0

    @classmethod
    def first(cls, centers: Array) -> Position:
        """Return the position before the first step."""
        return cls(centers, np.zeros(len(centers)))

    def copy(self) -> Position:
        """Return a copy with writable arrays."""
        return self._replace(centers=np.array(self.centers), counts=np.array(self.counts))


@dataclass(frozen=True)
class Update:
    """The update of the centers by one batch.

    Attributes
    ----------
    key : int
        Key of the random rows to which poor centers are moved.
    batch_size : int
        Number of rows that a step counts as.
    reassignment_ratio : float
        Centers that have received less than this share of the largest center's rows are poor.
    verbose : bool
    """

    key: int
    batch_size: int
    reassignment_ratio: float
    verbose: bool = False

    def step(self, batch: Samples, at: Position) -> tuple[Position, float]:
        """Update the centers, and move poor ones to rows of the batch from time to time.

        Returns
        -------
        after : Position
        inertia : float
            Of the batch before the centers moved.
        """
        # Copies: Ctrl-C keeps the last complete step, and returned arrays do not change. Those of
        # a model may be mapped from a file.
        centers, counts = np.array(at.centers), np.array(at.counts)
        labels = np.empty(batch.n, dtype=np.int32)
        inertia = float(core.kmeans.minibatch(batch.rows, centers, counts, labels, batch.threads))
        since = at.since_reassignment + self.batch_size
        if since >= 10 * len(counts) or (counts == 0).any():
            since = 0
            if self.reassignment_ratio > 0:
                self.reassign(batch, centers, counts, at.n_steps)
        return Position(centers, counts, since, at.n_steps + 1), inertia

    def reassign(self, batch: Samples, centers: Array, counts: Array, step: int) -> None:
        """Move poor centers to random rows of the batch, in place."""
        poor = counts < self.reassignment_ratio * counts.max()
        poor[counts.argmax()] = False  # otherwise a ratio above 1 would move every center
        most = int(0.5 * batch.n)  # at most half of the batch becomes centers
        if poor.sum() > 0.5 * batch.n:
            poor[np.argsort(counts, kind="stable")[most:]] = False
        n_poor = int(poor.sum())
        if n_poor:
            rng = random.generator(self.key, "minibatch-reassign", step)
            rows = rng.choice(batch.n, replace=False, size=n_poor)
            if self.verbose:
                print(f"[{NAME}] Reassigning {n_poor} cluster centers.")
            centers[poor] = batch.dense_rows(rows)
            # high enough to prevent immediate reassignment
            counts[poor] = counts[~poor].min()


@dataclass(frozen=True)
class Settings:
    """Settings of a run.

    Attributes
    ----------
    n_init : int
        Number of starts that are compared, of which one is continued.
    init_size : int
        Number of rows on which each is found.
    max_iter : int
        Maximum number of passes over the data; a pass is ``n / batch_size`` steps.
    tol : float
        The run has converged once the squared moves of a step sum to at most this; 0 for never.
    max_no_improvement : int or None
        The run also stops after this many steps without a new lowest smoothed inertia, unless
        None.
    compute_labels : bool
        Whether all rows are labeled at the end.
    verbose : bool
        Whether the batch inertia of each step is printed.
    """

    n_init: int
    init_size: int
    max_iter: int
    tol: float = 0.0
    max_no_improvement: int | None = 10
    compute_labels: bool = True
    verbose: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a run.

    Attributes
    ----------
    at : Position
        The centers, and the state that further steps need.
    trace : Trace
        The mean batch inertia and seconds of each step, and why the run ended.
    inertia : float
        Of all rows if they were labeled, else the smoothed batch inertia times the sum of the
        weights.
    labels : ndarray of int32, shape (n,), or None
        None without ``compute_labels`` and after Ctrl-C.
    """

    at: Position
    trace: Trace
    inertia: float
    labels: Array | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the run."""
        return self.trace.stop_reason == "interrupted"

    def history(self, key: int, threads: int) -> History:
        """Return the history of the fit."""
        return History.of(NAME, METRIC, [self.trace], 0, seed=key, n_threads=threads)


class _Smoothed(NamedTuple):
    """The moving average of the batch inertia, and the number of steps without improvement."""

    value: float | None = None
    lowest: float = math.inf
    no_improvement: int = 0

    def after(self, inertia: float, alpha: float) -> _Smoothed:
        """Return the average updated with another batch."""
        value, lowest, no_improvement = self
        value = inertia if value is None else value * (1 - alpha) + inertia * alpha
        if value < lowest:
            return _Smoothed(value, value, 0)
        return _Smoothed(value, lowest, no_improvement + 1)


class Run:
    """The start and the steps of one fit.

    Parameters
    ----------
    data : Samples
        Rows are drawn with probability proportional to their weights.
    starts : Starts
    update : Update
    settings : Settings
    callback : callable, optional
        Called with a :class:`~gibbous.Progress` after each step; returning True ends the run.
    """

    def __init__(
        self,
        data: Samples,
        starts: Starts,
        update: Update,
        settings: Settings,
        callback: Callback | None = None,
    ) -> None:
        self.data, self.starts, self.update, self.settings = data, starts, update, settings
        self.callback = callback
        self.n_steps = settings.max_iter * data.n // update.batch_size
        self._at: Position | None = None
        self._recorder = self._new_recorder()
        self._smoothed = _Smoothed()
        self._converged = False

    def finish(self) -> Outcome | None:
        """Run the remaining steps.

        Returns
        -------
        Outcome or None
            None if interrupted before the end of the first step.
        """
        try:
            if self._at is None:
                self._at = Position.first(self._best_start())
                self._recorder = self._new_recorder()
            reason = self._steps(self._at)
            if self.settings.compute_labels:
                labels = np.empty(self.data.n, dtype=np.int32)
                inertia = self.data.assign(self._at.centers, labels)
                return Outcome(self._at, self._recorder.trace(reason), inertia, labels)
        except KeyboardInterrupt:
            if self._at is None or self._at.n_steps == 0:
                return None
            reason = "interrupted"
        return Outcome(self._at, self._recorder.trace(reason), self._estimated_inertia())

    def _new_recorder(self) -> Recorder:
        return Recorder(NAME, METRIC, max_iter=self.n_steps, callback=self.callback)

    def _estimated_inertia(self) -> float:
        weight, value = self.data.weight, self._smoothed.value
        total = self.data.n if weight is None else float(weight.sum(dtype=np.float64))
        return math.nan if value is None else value * total

    # ---- the start -------------------------------------------------------------------------------

    def _best_start(self) -> Array:
        """Return the start with the lowest inertia on rows drawn for the comparison."""
        data, settings = self.data, self.settings
        rng = random.generator(self.starts.key, "minibatch-init")
        valid = data.take(rng.integers(0, data.n, settings.init_size))
        labels = np.empty(valid.n, dtype=np.int32)
        best: Array | None = None
        lowest = math.inf
        for index in range(settings.n_init):
            at = f"{index + 1}/{settings.n_init}"
            if settings.verbose:
                print(f"Init {at} with method {self.starts.init}")
            part = data
            if settings.init_size < data.n:
                part = data.take(rng.integers(0, data.n, settings.init_size))
            centers = self.starts.centers(part, index)
            inertia = valid.assign(centers, labels)
            if settings.verbose:
                print(f"Inertia for init {at}: {inertia}")
            if best is None or inertia < lowest:
                best, lowest = centers, inertia
        assert best is not None
        return best

    # ---- steps -----------------------------------------------------------------------------------

    def _steps(self, at: Position) -> str:
        """Update the centers until a stopping criterion is met, and return the reason."""
        data, size, tol = self.data, self.update.batch_size, self.settings.tol
        rng = _generator_after(self.starts.key, at.n_steps * size)
        edges = None
        if data.weight is not None:
            edges = np.cumsum(data.weight, dtype=np.float64)
        X = Samples(data.X, None, data.threads)  # weights affect only which rows are drawn
        while not self._converged and at.n_steps < self.n_steps:
            u = rng.random(size)
            if edges is None:
                rows = (u * data.n).astype(np.intp)
            else:
                rows = np.searchsorted(edges, u * edges[-1], "right")
            np.minimum(rows, data.n - 1, out=rows)
            new, inertia = self.update.step(X.take(rows), at)
            mean = inertia / size
            moved = float(((new.centers - at.centers) ** 2).sum()) if tol > 0 else 0.0
            smoothed, converged = self._judged(new.n_steps, moved, mean)
            at = new
            self._at, self._smoothed, self._converged = at, smoothed, converged
            stop = self._recorder.record(mean)
            if stop and not self._converged:
                return "callback"
        return "converged" if self._converged else "max_iter"

    def _judged(self, step: int, moved: float, inertia: float) -> tuple[_Smoothed, bool]:
        """Smooth the batch inertia and return whether to stop; the first step is not counted."""
        settings, smoothed = self.settings, self._smoothed
        verbose = settings.verbose
        if step == 1:
            if verbose:
                print(f"Minibatch {self._at_step(step)}: mean batch inertia: {inertia}")
            return smoothed, False
        alpha = min(self.update.batch_size * 2.0 / (self.data.n + 1), 1.0)
        smoothed = smoothed.after(inertia, alpha)
        if verbose:
            print(
                f"Minibatch {self._at_step(step)}: mean batch inertia: {inertia}, "
                f"ewa inertia: {smoothed.value}"
            )
        if settings.tol > 0 and moved <= settings.tol:
            if verbose:
                print(f"Converged (small centers change) at {self._at_step(step)}")
            return smoothed, True
        most = settings.max_no_improvement
        if most is not None and smoothed.no_improvement >= most:
            if verbose:
                print(f"Converged (lack of improvement in inertia) at {self._at_step(step)}")
            return smoothed, True
        return smoothed, False

    def _at_step(self, step: int) -> str:
        return f"step {step}/{self.n_steps}"

    # ---- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what a new run needs to continue: dicts of arrays, numbers and text.

        Call between two steps: in a callback, or once :meth:`finish` has returned. The number of
        steps gives the position in the random numbers of the batches.
        """
        at = self._at
        return {
            "at": None if at is None else at.copy()._asdict(),
            "smoothed": self._smoothed._asdict(),
            "converged": self._converged,
            "trace": self._recorder.trace("").state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of another run with the same data, settings and starts."""
        self._at = None if state["at"] is None else Position(**state["at"]).copy()
        self._smoothed = _Smoothed(**state["smoothed"])
        self._converged = bool(state["converged"])
        trace = Trace.of(state["trace"])
        self._recorder = self._new_recorder()
        self._recorder.resume(trace.values, trace.seconds, events=trace.events)


def _generator_after(key: int, count: int) -> np.random.Generator:
    """Return the generator of the batches after so many uniform numbers."""
    rng = random.generator(key, "minibatch")
    philox = rng.bit_generator
    assert isinstance(philox, np.random.Philox)
    blocks, rest = divmod(count, 4)  # it generates four numbers at a time
    philox.advance(blocks)
    rng.random(rest)
    return rng
