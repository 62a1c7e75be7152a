"""The starts of one fit of a Gaussian mixture: climbs, keeps the best, repairs, prints, records."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from sklearn.exceptions import ConvergenceWarning

from ..._fit.history import Callback, History, Recorder, Trace
from .engine import Engine, Parameters
from .squarem import Squarem, Steps
from .starts import moves

if TYPE_CHECKING:
    from ..queries import MixtureBase


class Run:
    """The starts of one fit: keeps the best, prints, records."""

    def __init__(
        self, model: MixtureBase, engine: Engine, key: int | None, callback: Callback | None
    ) -> None:
        self.model, self.engine, self.key = model, engine, key
        # only a mixture without a prior on its covariances has something to repair
        self._repairs = getattr(model, "on_collapse", "raise") == "repair"
        self._callback = callback
        self._traces: list[Trace] = []
        self._best = -1
        self._best_bound = -math.inf
        self._best_parameters: Parameters | None = None
        self._current: Parameters | None = None
        self._recorder: Recorder | None = None
        self._steps: Steps | None = None
        self._index = 0
        self._value = -math.inf

    def begin(self, index: int) -> None:
        """Announce a start."""
        self._index = index
        self._current = self._recorder = None
        self._clock = self._start_clock = time.perf_counter()
        if self.model.verbose:
            print(f"Initialization {index}")

    def climb(self, old: Parameters, bound: float) -> bool:
        """Run EM from ``old``; return whether further starts should follow."""
        model, name = self.model, type(self.model).__name__
        recorder = self._recorder = Recorder(
            name,
            self.engine.metric,
            max_iter=model.max_iter,
            callback=self._callback,
            start=self._index,
            n_starts=model.n_init,
        )
        self._current, self._value = old, bound
        reason = self._ascend(old, recorder)
        tries = int(getattr(model, "split_merge", 0))
        if reason == "converged" and tries:
            reason = self._escape(recorder, 5 if model.split_merge is True else tries)
        self._print_end(reason)
        self._close(reason)
        return reason != "callback"

    def _ascend(self, old: Parameters, recorder: Recorder) -> str:
        """Run EM until it converges; return why it stopped."""
        model, repairs = self.model, 0
        steps = self._steps = self._stepper(recorder)
        for iteration in range(1, model.max_iter + 1):
            value, new, failed = steps.step(old)
            new, repaired = self._mend(old, new, failed)
            repairs += repaired
            if repairs > 10 * self.engine.k:
                raise self.engine.collapse(max(failed, 0))
            change, self._value = value - self._value, value
            old = self._current = new
            stop = recorder.record(value)
            self._print_iteration(iteration, change)
            if steps.converged(change) and not repaired:
                return "converged"
            if stop:
                return "callback"
        return "max_iter"

    def _escape(self, recorder: Recorder, tries: int) -> str:
        """Split and merge components as long as that leads higher; return why it stopped."""
        found = True
        while found:
            assert self._current is not None
            found = False
            for move in moves(self.engine, self._current, tries):
                before = self._value
                if self._try(move.start, recorder) == "callback":
                    return "callback"
                if self._value > before + self.model.tol:
                    recorder.note(f"{move} at iteration {recorder.count}")
                    found = True
                    break
        return "converged"

    def _try(self, old: Parameters, recorder: Recorder) -> str:
        """Run EM from a move; what is kept changes once it stands higher than that."""
        steps, last = self._stepper(recorder), -math.inf
        for iteration in range(1, self.model.max_iter + 1):
            try:
                value, old, failed = steps.step(old)
            except ValueError:  # rows without density: it leads nowhere
                return "failed"
            if failed >= 0:
                return "failed"
            change, last = value - last, value
            if value > self._value:
                self._value, self._current = value, old
            stop = recorder.record(self._value)
            self._print_iteration(iteration, change)
            if stop:
                return "callback"
            if steps.converged(change):
                return "converged"
        return "max_iter"

    def _stepper(self, recorder: Recorder) -> Steps:
        """Return what makes the steps: plain EM, or EM with jumps."""
        model = self.model
        if getattr(model, "acceleration", None) is None:
            return Steps(self.engine, model.tol)

        def note(event: str) -> None:
            recorder.note(f"iteration {recorder.count + 1}: {event}")

        return Squarem(self.engine, model.tol, model.max_iter, note)

    def _mend(self, old: Parameters, new: Parameters, failed: int) -> tuple[Parameters, int]:
        """Repair what collapsed, where asked to; return the parameters and how many were."""
        if failed >= 0 and not self._repairs:
            raise self.engine.collapse(failed)
        if not self._repairs:
            return new, 0
        assert self._steps is not None
        broken = self._steps.starved()
        if failed >= 0 and failed not in broken:
            broken.append(failed)
        if not broken or (self.engine.type == "tied" and failed < 0):
            return new, 0
        assert self._recorder is not None
        names = ", ".join(map(str, sorted(broken)))
        self._recorder.note(f"repaired component {names} at iteration {self._recorder.count + 1}")
        return self.engine.repair(old, new, broken), len(broken)

    def _close(self, reason: str) -> None:
        assert self._recorder is not None
        self._traces.append(self._recorder.trace(reason))
        if self._best < 0 or self._value > self._best_bound:
            self._best = len(self._traces) - 1
            self._best_bound, self._best_parameters = self._value, self._current

    @property
    def n_traces(self) -> int:
        """Number of starts that are finished."""
        return len(self._traces)

    def absorb(self, other: Run, interrupted: bool = False) -> None:
        """Take over a start that another run has climbed; starts come in their order."""
        self._recorder = None
        for trace in other._traces:
            if interrupted and trace.stop_reason == "callback":
                trace = replace(trace, stop_reason="interrupted")
            if not trace.values and interrupted:
                continue
            self._traces.append(trace)
            if self._best < 0 or other._best_bound > self._best_bound:
                self._best = len(self._traces) - 1
                self._best_bound = other._best_bound
                self._best_parameters = other._best_parameters

    def interrupt(self) -> None:
        """Keep the model of the last finished iteration."""
        if self._recorder is not None and self._recorder.count:
            self._close("interrupted")
        if self._best_parameters is not None:
            self._store()

    def finish(self) -> None:
        """Keep the best start; warn where it did not converge."""
        self._store()
        reason = self._traces[self._best].stop_reason
        if reason == "max_iter" and self.model.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. "
                "Try different init parameters, or increase max_iter, "
                f"tol, or check for degenerate data.{self.engine.advice}",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _store(self) -> None:
        assert self._best_parameters is not None
        model, trace = self.model, self._traces[self._best]
        model._keep(self._best_parameters)
        model._learnt(self.engine, self._best_parameters)
        model.converged_ = trace.stop_reason == "converged"
        model.n_iter_ = len(trace.values)
        model.lower_bound_ = self._best_bound
        model.lower_bounds_ = list(trace.values)
        model.history_ = History.of(
            type(model).__name__,
            self.engine.metric,
            self._traces,
            self._best,
            seed=self.key,
            n_threads=self.engine.threads,
        )

    def _print_iteration(self, iteration: int, change: float) -> None:
        if not self.model.verbose or iteration % self.model.verbose_interval:
            return
        line = f"  Iteration {iteration}"
        if self.model.verbose >= 2:
            now = time.perf_counter()
            line += f"\t time lapse {now - self._clock:.5f}s\t ll change {change:.5f}"
            self._clock = now
        print(line)

    def _print_end(self, reason: str) -> None:
        if not self.model.verbose or self.model.max_iter == 0:
            return
        line = "Initialization " + ("converged." if reason == "converged" else "did not converge.")
        if self.model.verbose >= 2:
            seconds = time.perf_counter() - self._start_clock
            line += f" time lapse {seconds:.5f}s\t lower bound {self._value:.5f}."
        print(line)
