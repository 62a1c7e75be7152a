"""One fit of a Gaussian mixture by EM: its starts, of which the best is kept.

A run gets settings and returns an outcome; it uses no model. Its state can be taken between two
iterations and given to a new run, which then ends in the same bits.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from ..._fit.history import Callback, History, Recorder, Trace
from ..parameters import Parameters
from .engine import EM
from .position import packed, unpacked
from .repair import repair
from .split_merge import moves
from .squarem import Squarem, Steps

#: Number of consecutive failed moves that ends split and merge, by default.
DEFAULT_TRIES = 5


@dataclass(frozen=True)
class Settings:
    """How a run goes.

    Attributes
    ----------
    name : str
        Of the estimator, for records.
    max_iter, n_init : int
    tol : float
    verbose, verbose_interval : int
        What is printed, and how often.
    repairs : bool
        Whether collapsed components are moved; otherwise they are errors.
    squarem : bool
        Whether to jump between steps of EM.
    tries : int
        Moves of split and merge that fail in a row before it ends; 0 for none.
    """

    name: str
    max_iter: int
    n_init: int
    tol: float
    verbose: int = 0
    verbose_interval: int = 10
    repairs: bool = False
    squarem: bool = False
    tries: int = 0


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    Attributes
    ----------
    parameters : Parameters
        Of the best start.
    bound : float
        The objective that it reached.
    traces : tuple of Trace
        Of every start, in their order.
    best : int
        Which start is the best.
    metric : str
    """

    parameters: Parameters
    bound: float
    traces: tuple[Trace, ...]
    best: int
    metric: str

    @property
    def trace(self) -> Trace:
        """The trace of the best start."""
        return self.traces[self.best]

    @property
    def converged(self) -> bool:
        """Whether the best start converged."""
        return self.trace.stop_reason == "converged"

    def history(self, name: str, key: int | None, threads: int) -> History:
        """Return the record of the fit."""
        return History.of(
            name, self.metric, list(self.traces), self.best, seed=key, n_threads=threads
        )


def warn_unless_converged(outcome: Outcome, max_iter: int, advice: str) -> None:
    """Warn the caller's caller's caller if the best start did not converge."""
    if outcome.trace.stop_reason == "max_iter" and max_iter > 0:
        warnings.warn(
            "Best performing initialization did not converge. "
            "Try different init parameters, or increase max_iter, "
            f"tol, or check for degenerate data.{advice}",
            ConvergenceWarning,
            stacklevel=4,
        )


class Run:
    """The starts of one fit.

    Parameters
    ----------
    em : EM
    settings : Settings
    first : callable
        Given the EM and the index of a start, returns the parameters to start from.
    callback : callable or None
    """

    def __init__(
        self,
        em: EM,
        settings: Settings,
        first: Callable[[EM, int], Parameters],
        callback: Callback | None = None,
    ) -> None:
        self.em, self.settings, self.first, self.callback = em, settings, first, callback
        self._traces: list[Trace] = []
        self._best = -1
        self._best_bound = -math.inf
        self._best_parameters: Parameters | None = None
        # of the start that is being optimized
        self._index = 0
        self._recorder: Recorder | None = None
        self._current: Parameters | None = None
        self._value = -math.inf
        self._climb = _Climb()
        self._restored = False

    # ---- all starts ----------------------------------------------------------------------------

    def climb(self, n_starts: int, bound: float = -math.inf) -> None:
        """Climb from one start after the other.

        Parameters
        ----------
        n_starts : int
        bound : float
            What the change of the first iteration is measured from.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C; :meth:`interrupted` then returns what was reached.
        """
        begin = len(self._traces)
        for index in range(begin, n_starts):
            if not self.climb_one(index, bound):
                break

    def climb_one(self, index: int, bound: float = -math.inf) -> bool:
        """Climb from one start; return whether further ones should follow."""
        self._clock = self._start_clock = time.perf_counter()
        if self._restored:
            self._restored = False
        else:
            self._index = index
            self._current = self._recorder = None
            if self.settings.verbose:
                print(f"Initialization {index}")
            self._current, self._value = self.first(self.em, index), bound
            self._recorder = self._new_recorder(index)
            self._climb = _Climb()
        reason = self._ascend()
        if reason == "converged" and self.settings.tries:
            reason = self._escape()
        self._print_end(reason)
        if reason == "callback":  # a run that stopped here can continue
            self._climb.stopped = True
            return False
        self._close(reason)
        return True

    def _new_recorder(self, index: int) -> Recorder:
        return Recorder(
            self.settings.name,
            self.em.maximization.metric,
            max_iter=self.settings.max_iter,
            callback=self.callback,
            start=index,
            n_starts=self.settings.n_init,
        )

    def _close(self, reason: str) -> None:
        """Count a start as finished."""
        assert self._recorder is not None
        self._traces.append(self._recorder.trace(reason))
        if self._best < 0 or self._value > self._best_bound:
            self._best = len(self._traces) - 1
            self._best_bound, self._best_parameters = self._value, self._current
        self._recorder = None

    @property
    def n_traces(self) -> int:
        """Number of starts that are finished."""
        return len(self._traces)

    def absorb(self, other: Run, interrupted: bool = False) -> None:
        """Take over a start that another run has climbed; starts come in their order."""
        found = other.outcome_or_none("interrupted" if interrupted else "callback")
        if found is None:
            return
        for trace in found.traces:
            if interrupted and not trace.values:
                continue
            self._traces.append(trace)
            if self._best < 0 or found.bound > self._best_bound:
                self._best = len(self._traces) - 1
                self._best_bound, self._best_parameters = found.bound, found.parameters

    # ---- outcomes ------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """Return where the run ended; a start that a callback stopped counts."""
        found = self.outcome_or_none("callback")
        assert found is not None
        return found

    def interrupted(self) -> Outcome | None:
        """Return where the last finished iteration ended, or None if there was none."""
        return self.outcome_or_none("interrupted")

    def outcome_or_none(self, reason: str) -> Outcome | None:
        """Return what the run has reached, with a reason for the start that was not finished."""
        traces, best = list(self._traces), self._best
        bound, parameters = self._best_bound, self._best_parameters
        recorder = self._recorder
        if recorder is not None and (recorder.count or self._climb.stopped):
            traces.append(recorder.trace(reason))
            if best < 0 or self._value > bound:
                best, bound, parameters = len(traces) - 1, self._value, self._current
        if parameters is None:
            return None
        return Outcome(parameters, bound, tuple(traces), best, self.em.maximization.metric)

    # ---- one start -----------------------------------------------------------------------------

    def _ascend(self) -> str:
        """Run EM until it converges; return why it stopped."""
        climb, settings, recorder = self._climb, self.settings, self._recorder
        assert recorder is not None and self._current is not None
        if climb.move is not None or climb.origin is not None:
            return "converged"  # it had converged before split and merge started
        if climb.steps is None:
            climb.steps = self._stepper(recorder)
        steps, old = climb.steps, self._current
        record, step = recorder.record, steps.step
        while climb.iteration < settings.max_iter:
            if climb.converged:
                return "converged"
            climb.iteration += 1
            value, new, failed = step(old)
            repaired = 0
            if failed >= 0 or settings.repairs:
                new, repaired = self._mend(old, new, failed)
                climb.repairs += repaired
                if climb.repairs > 10 * self.em.k:
                    raise self.em.collapse(max(failed, 0))
            change, self._value = value - self._value, value
            old = self._current = new
            climb.converged = steps.converged(change) and not repaired
            stop = record(value)
            if settings.verbose:
                self._print_iteration(climb.iteration, change)
            if climb.converged:
                return "converged"
            if stop:
                return "callback"
        return "converged" if climb.converged else "max_iter"

    def _mend(self, old: Parameters, new: Parameters, failed: int) -> tuple[Parameters, int]:
        """Repair collapsed components, if enabled; return the parameters and their number."""
        if not self.settings.repairs:
            raise self.em.collapse(failed)
        assert self._climb.steps is not None and self._recorder is not None
        broken = self._climb.steps.starved()
        if failed >= 0 and failed not in broken:
            broken.append(failed)
        if not broken or (self.em.kind == "tied" and failed < 0):
            return new, 0
        names = ", ".join(map(str, sorted(broken)))
        self._recorder.note(f"repaired component {names} at iteration {self._recorder.count + 1}")
        return repair(self.em, old, new, broken), len(broken)

    def _stepper(self, recorder: Recorder) -> Steps:
        """Return the algorithm that makes the steps: plain EM, or EM with jumps."""
        if not self.settings.squarem:
            return Steps(self.em, self.settings.tol)

        def note(event: str) -> None:
            recorder.note(f"iteration {recorder.count + 1}: {event}")

        return Squarem(self.em, self.settings.tol, self.settings.max_iter, note)

    # ---- split and merge -----------------------------------------------------------------------

    def _escape(self) -> str:
        """Split and merge components as long as that improves; return why it stopped."""
        climb, recorder = self._climb, self._recorder
        assert recorder is not None
        found = True
        while found:
            found = False
            if climb.origin is None:
                climb.origin, climb.move = self._current, None
            assert climb.origin is not None
            for index, move in enumerate(moves(self.em, climb.origin, self.settings.tries)):
                if climb.move is not None and index < climb.move.index:
                    continue  # tried before the state was stored
                if climb.move is None or climb.move.index < index:
                    climb.move = _Try(index, move.start, self._value, self._stepper(recorder))
                reason = self._try(climb.move)
                if reason == "callback":
                    return "callback"
                if self._value > climb.move.before + self.settings.tol:
                    recorder.note(f"{move} at iteration {recorder.count}")
                    found = True
                    break
            climb.origin = climb.move = None
        return "converged"

    def _try(self, at: _Try) -> str:
        """Run EM from a move; keep the result if it is better than the current one."""
        recorder, settings = self._recorder, self.settings
        assert recorder is not None
        while at.iteration < settings.max_iter:
            if at.converged:
                return "converged"
            at.iteration += 1
            try:
                value, at.old, failed = at.steps.step(at.old)
            except ValueError:  # rows with zero density: the move fails
                return "failed"
            if failed >= 0:
                return "failed"
            change, at.last = value - at.last, value
            if value > self._value:
                self._value, self._current = value, at.old
            at.converged = at.steps.converged(change)
            stop = recorder.record(self._value)
            if settings.verbose:
                self._print_iteration(at.iteration, change)
            if stop:
                return "callback"
            if at.converged:
                return "converged"
        return "converged" if at.converged else "max_iter"

    # ---- state ---------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what a new run needs to continue: dicts and lists of arrays, numbers and text.

        Ask between two iterations: in a callback, or once a callback has stopped the run.
        """
        recorder = self._recorder
        return {
            "traces": [trace.state() for trace in self._traces],
            "best": self._best,
            "best_bound": self._best_bound,
            "best_parameters": packed(self._best_parameters),
            "index": self._index,
            "trace": None if recorder is None else recorder.trace("").state(),
            "value": self._value,
            "current": packed(self._current),
            "climb": self._climb.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of another run with the same data, settings and starts."""
        self._traces = [Trace.of(trace) for trace in state["traces"]]
        self._best, self._best_bound = int(state["best"]), float(state["best_bound"])
        self._best_parameters = unpacked(state["best_parameters"])
        self._index, self._value = int(state["index"]), float(state["value"])
        self._recorder = None
        if state["trace"] is None:
            return
        trace = Trace.of(state["trace"])
        recorder = self._recorder = self._new_recorder(self._index)
        recorder.resume(trace.values, trace.seconds, events=trace.events)
        self._current = unpacked(state["current"])
        self._climb = _Climb.of(state["climb"], lambda: self._stepper(recorder), self._current)
        self._restored = True

    # ---- print ---------------------------------------------------------------------------------

    def _print_iteration(self, iteration: int, change: float) -> None:
        if iteration % self.settings.verbose_interval:
            return
        line = f"  Iteration {iteration}"
        if self.settings.verbose >= 2:
            now = time.perf_counter()
            line += f"\t time lapse {now - self._clock:.5f}s\t ll change {change:.5f}"
            self._clock = now
        print(line)

    def _print_end(self, reason: str) -> None:
        if not self.settings.verbose or self.settings.max_iter == 0:
            return
        line = "Initialization " + ("converged." if reason == "converged" else "did not converge.")
        if self.settings.verbose >= 2:
            seconds = time.perf_counter() - self._start_clock
            line += f" time lapse {seconds:.5f}s\t lower bound {self._value:.5f}."
        print(line)


@dataclass
class _Try:
    """A trial move and the progress of its optimization."""

    index: int
    old: Parameters
    before: float
    steps: Steps
    iteration: int = 0
    last: float = -math.inf
    converged: bool = False

    def state(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "old": packed(self.old),
            "before": self.before,
            "steps": self.steps.state(),
            "iteration": self.iteration,
            "last": self.last,
            "converged": self.converged,
        }

    @classmethod
    def of(cls, state: dict[str, Any], steps: Steps) -> _Try:
        old = unpacked(state["old"])
        assert old is not None
        steps.restore(state["steps"], old)
        numbers = {name: state[name] for name in ("iteration", "last", "converged")}
        return cls(state["index"], old, state["before"], steps, **numbers)


@dataclass
class _Climb:
    """The progress of the optimization from one start."""

    steps: Steps | None = None
    iteration: int = 0
    repairs: int = 0
    converged: bool = False
    stopped: bool = False  # stopped by a callback
    origin: Parameters | None = None  # the position of the search of split and merge
    move: _Try | None = None

    def state(self) -> dict[str, Any]:
        return {
            "steps": None if self.steps is None else self.steps.state(),
            "iteration": self.iteration,
            "repairs": self.repairs,
            "converged": self.converged,
            "origin": packed(self.origin),
            "move": None if self.move is None else self.move.state(),
        }

    @classmethod
    def of(
        cls, state: dict[str, Any], stepper: Callable[[], Steps], current: Parameters | None
    ) -> _Climb:
        climb = cls(None, state["iteration"], state["repairs"], state["converged"])
        if state["steps"] is not None:
            climb.steps = stepper()
            climb.steps.restore(state["steps"], current)
        climb.origin = unpacked(state["origin"])
        if state["move"] is not None:
            climb.move = _Try.of(state["move"], stepper())
        return climb
