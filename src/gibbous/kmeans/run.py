"""One fit of K-means by Lloyd's algorithm: its starts, of which the best is kept.

A run gets settings and returns an outcome; it uses no estimator. Its state can be taken between two
iterations and given to a new run, which then ends in the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .._fit.history import Callback, History, Recorder, Trace
from .samples import Array, Samples
from .starts import Starts

NAME = "KMeans"
METRIC = "inertia"


@dataclass(frozen=True)
class Settings:
    """How a run goes.

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
        Of the centers, unless Ctrl-C ended the start: then labels and inertia are those that its
        last iteration found for the centers it began with.
    n_iter : int
    traces : tuple of Trace
        Of every start, in their order.
    ends : tuple of float
        The inertia with which each start ended.
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

    def joined(self, other: Outcome) -> Outcome:
        """Return the outcome with a further start; a start has to be better to replace the best."""
        better = other.inertia < self.inertia and not _same(other.labels, self.labels)
        return replace(
            other if better else self,
            traces=self.traces + other.traces,
            ends=self.ends + other.ends,
            best=len(self.traces) if better else self.best,
        )

    def history(self, key: int | None, threads: int) -> History:
        """Return the record of the fit."""
        traces = list(self.traces)
        if self.interrupted:
            traces[self.best] = replace(traces[self.best], stop_reason="interrupted")
        history = History.of(NAME, METRIC, traces, self.best, seed=key, n_threads=threads)
        # an iteration's value is the inertia it began with; a start is judged by its end
        return replace(history, starts=self.ends)

    def state(self) -> dict[str, Any]:
        """Return copies of the arrays, and the rest as plain values."""
        return {
            "labels": np.array(self.labels),
            "centers": np.array(self.centers),
            "inertia": self.inertia,
            "n_iter": self.n_iter,
            "traces": [trace.state() for trace in self.traces],
            "ends": list(self.ends),
            "best": self.best,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Outcome:
        """Return the outcome that :meth:`state` was called on."""
        return cls(
            np.array(state["labels"]),
            np.array(state["centers"]),
            float(state["inertia"]),
            int(state["n_iter"]),
            tuple(Trace.of(trace) for trace in state["traces"]),
            tuple(state["ends"]),
            int(state["best"]),
        )


def _same(a: Array, b: Array) -> bool:
    """Return whether two labelings cut the rows into the same sets."""
    name = np.full(int(a.max()) + 1, -1, dtype=b.dtype)
    name[a] = b
    back = np.full(int(b.max()) + 1, -1, dtype=a.dtype)
    back[b] = a
    return bool((name[a] == b).all() and (back[b] == a).all())


class _Position(NamedTuple):
    """How far one start has come; a new one replaces it after each iteration."""

    centers: Array
    labels: Array  # of the centers that the last iteration began with, as is the inertia
    inertia: float = math.nan
    iteration: int = 0
    converged: bool = False
    settled: bool = False  # whether the labels are also those of `centers`

    def copy(self) -> _Position:
        return self._replace(centers=np.array(self.centers), labels=np.array(self.labels))


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
        self._found: Outcome | None = None  # of the starts that are finished
        # of the start that is not
        self._at: _Position | None = None
        self._recorder = self._new_recorder()

    def finish(self) -> Outcome | None:
        """Run the starts that are left, or what is left of one that was stopped.

        Returns
        -------
        Outcome or None
            None if Ctrl-C came before the end of the first iteration.
        """
        if self._at is not None:
            self._at = self._at.copy()  # an outcome may hold these arrays
        try:
            while self._n_finished < self.settings.n_init:
                if self._at is None:
                    self._at = self._begin()
                end = self._end(self._iterate(self._at))
                found = end if self._found is None else self._found.joined(end)
                if end.traces[0].stop_reason == "callback":  # the start can go on from here
                    return found
                self._found, self._at = found, None
        except KeyboardInterrupt:
            return self._interrupted()
        return self._found

    @property
    def _n_finished(self) -> int:
        return 0 if self._found is None else len(self._found.traces)

    def _new_recorder(self) -> Recorder:
        return Recorder(
            NAME,
            METRIC,
            max_iter=self.settings.max_iter,
            callback=self.callback,
            start=self._n_finished,
            n_starts=self.settings.n_init,
        )

    def _interrupted(self) -> Outcome | None:
        """Return where the last finished iteration ended."""
        found, at = self._found, self._at
        if at is not None and at.iteration > 0:
            trace = self._recorder.trace("interrupted")
            end = Outcome(at.labels, at.centers, at.inertia, at.iteration, (trace,), (at.inertia,))
            found = end if found is None else found.joined(end)
        return None if found is None else replace(found, interrupted=True)

    # ---- one start -------------------------------------------------------------------------------

    def _begin(self) -> _Position:
        self._recorder = self._new_recorder()
        centers = self.starts.centers(self.data, self._n_finished)
        if self.settings.verbose:
            print("Initialization complete")
        return _Position(centers, np.full(self.data.n, -1, dtype=np.int32))

    def _iterate(self, at: _Position) -> str:
        """Iterate from this position and return why the start ended."""
        data, settings, recorder = self.data, self.settings, self._recorder
        fresh, bounds = np.empty_like(at.centers), data.bounds(len(at.centers))
        # A step that is cut short leaves `labels` half new, so those of the last finished one are
        # kept apart, in two buffers by turns: at any moment one of them is whole.
        labels, spare = at.labels.copy(), np.empty_like(at.labels)
        while not at.converged and at.iteration < settings.max_iter:
            i, before = at.iteration, at
            inertia, changed, shift, relocated = data.step(at.centers, labels, fresh, bounds)
            np.copyto(spare, labels)
            converged = changed == 0 or shift <= settings.tol
            settled = changed == 0 and not relocated
            at = self._at = _Position(fresh, spare, inertia, i + 1, converged, settled)
            fresh, spare = before.centers, before.labels
            for cluster in relocated:
                recorder.note(f"iteration {i + 1}: empty cluster {cluster} relocated")
            stop = recorder.record(inertia)
            if settings.verbose:
                print(f"Iteration {i}, inertia {inertia}.")
                if converged:
                    print(f"Converged at iteration {i}: {self._why(changed, shift)}.")
            if stop and not converged:
                return "callback"
        return "converged" if at.converged else "max_iter"

    def _why(self, changed: int, shift: float) -> str:
        if changed == 0:
            return "strict convergence"
        return f"center shift {shift} within tolerance {self.settings.tol}"

    def _end(self, reason: str) -> Outcome:
        """Return the outcome of this start, with the labels of its centers."""
        at = self._at
        assert at is not None
        labels, inertia = at.labels, at.inertia
        if not at.settled:
            labels = np.empty_like(labels)
            inertia = self.data.assign(at.centers, labels)
        trace = self._recorder.trace(reason)
        return Outcome(labels, at.centers, inertia, at.iteration, (trace,), (inertia,))

    # ---- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what a new run needs to continue: dicts and lists of arrays, numbers and text.

        Ask between two iterations: in a callback, or once :meth:`finish` has returned. The bounds
        that save comparisons are left out: a run finds the same bits without them.
        """
        at = self._at
        return {
            "found": None if self._found is None else self._found.state(),
            "trace": None if at is None else self._recorder.trace("").state(),
            "at": None if at is None else at.copy()._asdict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of another run with the same data, settings and starts."""
        self._found = None if state["found"] is None else Outcome.of(state["found"])
        self._at = None
        if state["at"] is None:
            return
        self._recorder = self._new_recorder()
        trace = Trace.of(state["trace"])
        self._recorder.resume(trace.values, trace.seconds, events=trace.events)
        self._at = _Position(**state["at"]).copy()
