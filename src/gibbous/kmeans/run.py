"""One fit of K-means by Lloyd's algorithm: its starts, of which the best is kept.

A run gets settings and returns an outcome; it uses no estimator. Its state can be taken between two
iterations and given to a new run, which then continues bit-identically.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from .._fit.history import Callback, History, Recorder, Trace
from .._ground.isa import core
from .samples import Array, Samples
from .starts import Starts

NAME = "KMeans"
METRIC = "inertia"


@dataclass(frozen=True)
class Settings:
    """Settings of a run.

    Attributes
    ----------
    n_init : int
        Number of starts.
    max_iter : int
        Maximum number of iterations per start.
    tol : float
        A start has converged once the squared moves of all centers sum to at most this.
    verbose : bool
        Whether the inertia of each iteration is printed.
    """

    n_init: int
    max_iter: int
    tol: float
    verbose: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a run.

    Attributes
    ----------
    labels : ndarray of int32, shape (n,)
        Of the best start, as are centers, inertia and n_iter.
    centers : ndarray of shape (k, d)
    inertia : float
        Of the centers, unless Ctrl-C ended the start: then labels and inertia are those of the
        centers before its last iteration.
    n_iter : int
    traces : tuple of Trace
        Of every start, in order.
    ends : tuple of float
        The final inertia of each start.
    best : int
        Index of the best start.
    interrupted : bool
        Whether Ctrl-C ended the run.
    """

    labels: Array
    centers: Array
    inertia: float
    n_iter: int
    traces: tuple[Trace, ...]
    ends: tuple[float, ...]
    best: int = 0
    interrupted: bool = False

    def history(self, key: int | None, threads: int) -> History:
        """Return the history of the fit."""
        traces = list(self.traces)
        if self.interrupted:
            traces[self.best] = replace(traces[self.best], stop_reason="interrupted")
        # the value of an iteration is the inertia before it; starts are compared by the final one
        return History.of(
            NAME, METRIC, traces, self.best, seed=key, n_threads=threads, ends=self.ends
        )


def _same(a: Array, b: Array) -> bool:
    """Return whether two labelings are the same partition of the rows."""
    name = np.full(int(a.max()) + 1, -1, dtype=b.dtype)
    name[a] = b
    back = np.full(int(b.max()) + 1, -1, dtype=a.dtype)
    back[b] = a
    return bool((name[a] == b).all() and (back[b] == a).all())


class _Position(NamedTuple):
    """The progress of one start; each iteration replaces it by a new one."""

    centers: Array
    labels: Array  # for the centers before the last iteration, like the inertia
    inertia: float = math.nan
    iteration: int = 0
    converged: bool = False
    settled: bool = False  # whether the labels are also those of `centers`

    def copy(self) -> _Position:
        return self._replace(centers=np.array(self.centers), labels=np.array(self.labels))


class _End(NamedTuple):
    """The final state of one start."""

    labels: Array
    centers: Array
    inertia: float
    n_iter: int

    def copy(self) -> _End:
        return self._replace(centers=np.array(self.centers), labels=np.array(self.labels))


@dataclass
class _Found:
    """The finished starts, of which the best is kept."""

    traces: list[Trace] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    best: int = 0
    kept: _End | None = None

    def add(self, end: _End, trace: Trace) -> None:
        """Add a start, which replaces the best one only if it is better."""
        best, kept = self.best, self.kept
        if kept is None or (end.inertia < kept.inertia and not _same(end.labels, kept.labels)):
            best, kept = len(self.traces), end
        traces, ends = [*self.traces, trace], [*self.ends, end.inertia]
        # no call between these, so that Ctrl-C leaves all of a start or nothing
        self.traces, self.ends, self.best, self.kept = traces, ends, best, kept

    def copy(self) -> _Found:
        return _Found(list(self.traces), list(self.ends), self.best, self.kept)

    def outcome(self, interrupted: bool = False) -> Outcome | None:
        """Return the outcome, or None if no start is finished."""
        if self.kept is None:
            return None
        traces, ends = tuple(self.traces), tuple(self.ends)
        return Outcome(*self.kept, traces, ends, self.best, interrupted)

    def state(self) -> dict[str, Any]:
        return {
            "traces": [trace.state() for trace in self.traces],
            "ends": list(self.ends),
            "best": self.best,
            "kept": None if self.kept is None else self.kept.copy()._asdict(),
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> _Found:
        traces = [Trace.of(trace) for trace in state["traces"]]
        kept = None if state["kept"] is None else _End(**state["kept"]).copy()
        return cls(traces, list(state["ends"]), int(state["best"]), kept)


class Run:
    """The starts of one fit.

    Parameters
    ----------
    data : Samples
    starts : Starts
    settings : Settings
    callback : callable, optional
        Called with a :class:`~gibbous.Progress` after each iteration; returning True ends the run.
    """

    def __init__(
        self, data: Samples, starts: Starts, settings: Settings, callback: Callback | None = None
    ) -> None:
        self.data, self.starts, self.settings, self.callback = data, starts, settings, callback
        self._found = _Found()
        # of the unfinished start
        self._position: tuple[Array, Array, float, int, bool, bool] | None = None
        self._recorder: Recorder

    def finish(self) -> Outcome | None:
        """Run the remaining starts, and the rest of one that was stopped.

        Returns
        -------
        Outcome or None
            None if interrupted before the end of the first iteration.
        """
        if self._at is not None:
            self._position = self._at.copy()  # an outcome may share these arrays
        try:
            while len(self._found.traces) < self.settings.n_init:
                at = self._position = self._at or self._begin()
                reason = self._iterate(at)
                end, trace = self._end(), self._recorder.trace(reason)
                if reason == "callback":  # the start can continue from here
                    found = self._found.copy()
                    found.add(end, trace)
                    return found.outcome()
                self._position = None
                self._found.add(end, trace)
        except KeyboardInterrupt:
            return self._interrupted()
        return self._found.outcome()

    @property
    def _at(self) -> _Position | None:
        return None if self._position is None else _Position(*self._position)

    def _new_recorder(self) -> Recorder:
        return Recorder(
            NAME,
            METRIC,
            max_iter=self.settings.max_iter,
            callback=self.callback,
            start=len(self._found.traces),
            n_starts=self.settings.n_init,
        )

    def _interrupted(self) -> Outcome | None:
        """Return the state after the last finished iteration."""
        found, at = self._found.copy(), self._at
        if at is not None and at.iteration > 0:
            end = _End(at.labels, at.centers, at.inertia, at.iteration)
            found.add(end, self._recorder.trace("interrupted"))
        return found.outcome(interrupted=True)

    # ---- one start -------------------------------------------------------------------------------

    def _begin(self) -> _Position:
        self._recorder = self._new_recorder()
        centers = self.starts.centers(self.data, len(self._found.traces))
        if self.settings.verbose:
            print("Initialization complete")
        return _Position(centers, np.full(self.data.n, -1, dtype=np.int32))

    def _iterate(self, at: _Position) -> str:
        """Iterate from this position and return why the start ended."""
        data, settings, recorder = self.data, self.settings, self._recorder
        step: Any = core.kmeans.step  # a type checker cannot follow the unpacked bounds
        rows, threads = data.rows, data.threads
        fresh, bounds = np.empty_like(at.centers), data.bounds(len(at.centers))
        # An interrupted step leaves `labels` partly updated, so those of the last finished one are
        # stored separately, alternating between two buffers: one of them is always complete.
        labels, spare = at.labels.copy(), np.empty_like(at.labels)
        centers, kept, _, i, converged, _ = at
        while not converged and i < settings.max_iter:
            inertia, changed, shift, relocated = step(
                rows, centers, labels, fresh, threads, *bounds
            )
            np.copyto(spare, labels)
            converged = changed == 0 or shift <= settings.tol
            settled = changed == 0 and not relocated
            # in one assignment; a plain tuple makes small fits faster by a few percent
            self._position = (fresh, spare, inertia, i + 1, converged, settled)
            centers, fresh = fresh, centers
            kept, spare = spare, kept
            for cluster in relocated:
                recorder.note(f"iteration {i + 1}: empty cluster {cluster} relocated")
            stop = recorder.record(inertia)
            if settings.verbose:
                print(f"Iteration {i}, inertia {inertia}.")
                if converged:
                    print(f"Converged at iteration {i}: {self._why(changed, shift)}.")
            if stop and not converged:
                return "callback"
            i += 1
        return "converged" if converged else "max_iter"

    def _why(self, changed: int, shift: float) -> str:
        if changed == 0:
            return "strict convergence"
        return f"center shift {shift} within tolerance {self.settings.tol}"

    def _end(self) -> _End:
        """Return the final state of this start, with the labels of its centers."""
        at = self._at
        assert at is not None
        labels, inertia = at.labels, at.inertia
        if not at.settled:
            labels = np.empty_like(labels)
            inertia = self.data.assign(at.centers, labels)
        return _End(labels, at.centers, inertia, at.iteration)

    # ---- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what a new run needs to continue: dicts and lists of arrays, numbers and text.

        Call between two iterations: in a callback, or once :meth:`finish` has returned. The bounds
        that save comparisons are omitted: results are bit-identical without them.
        """
        at = self._at
        return {
            "found": self._found.state(),
            "trace": None if at is None else self._recorder.trace("").state(),
            "at": None if at is None else at.copy()._asdict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of another run with the same data, settings and starts."""
        self._found = _Found.of(state["found"])
        self._position = None
        if state["at"] is None:
            return
        self._recorder = self._new_recorder()
        trace = Trace.of(state["trace"])
        self._recorder.resume(trace.values, trace.seconds, events=trace.events)
        self._position = _Position(**state["at"]).copy()
