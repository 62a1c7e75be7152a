"""The history of iterative fits: progress for callbacks, and the record of a fit."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .._ground.isa import LEVEL, core

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Called after every iteration; returning True ends the fit and keeps the current parameters.
Callback = Callable[["Progress"], object]

STOP_REASONS = ("converged", "max_iter", "completed", "interrupted", "callback", "diverged")


@dataclass(frozen=True)
class Progress:
    """The progress of a fit, passed to the callback after each iteration.

    ``more`` holds further measures of the iteration by name, such as those of held-out rows.
    """

    model: str
    metric: str
    start: int
    n_starts: int
    iteration: int
    max_iter: int
    value: float
    change: float
    seconds: float
    more: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """The record of one initialization: the metric and the seconds of each of its iterations."""

    values: tuple[float, ...]
    seconds: tuple[float, ...]
    stop_reason: str
    events: tuple[str, ...] = ()
    more: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """Return the record as lists, numbers and strings, for the state of a run."""
        return {
            "values": list(self.values),
            "seconds": list(self.seconds),
            "stop_reason": self.stop_reason,
            "events": list(self.events),
            "more": {name: list(values) for name, values in self.more.items()},
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Trace:
        """Return the record that :meth:`state` was called on."""
        return cls(
            tuple(state["values"]),
            tuple(state["seconds"]),
            state["stop_reason"],
            tuple(state["events"]),
            {name: tuple(values) for name, values in state["more"].items()},
        )


class Recorder:
    """Records one initialization and calls the callback."""

    def __init__(
        self,
        model: str,
        metric: str,
        *,
        max_iter: int,
        callback: Callback | None = None,
        start: int = 0,
        n_starts: int = 1,
    ) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable or None; got {callback!r:.60}")
        self._fixed = (model, metric, start, n_starts)
        self._max_iter = max_iter
        self._callback = callback
        self._values: list[float] = []
        self._seconds: list[float] = []
        self._events: list[str] = []
        self._more: dict[str, list[float]] = {}
        self._last = time.perf_counter()

    def resume(
        self,
        values: Sequence[float],
        seconds: Sequence[float],
        more: Mapping[str, Sequence[float]] | None = None,
        events: Sequence[str] = (),
    ) -> None:
        """Continue after iterations that an earlier process recorded."""
        self._values, self._seconds, self._events = list(values), list(seconds), list(events)
        self._more = {name: list(measures) for name, measures in (more or {}).items()}

    def record(self, value: float, more: Mapping[str, float] | None = None) -> bool:
        """Record a finished iteration; return True if the callback asks to stop.

        ``more`` holds further measures by name, the same ones at every iteration.
        """
        now = time.perf_counter()
        change = value - self._values[-1] if self._values else float("inf")
        self._values.append(value)
        self._seconds.append(now - self._last)
        for name, measure in (more or {}).items():
            self._more.setdefault(name, []).append(measure)
        stop = False
        if self._callback is not None:
            model, metric, start, n_starts = self._fixed
            answer = self._callback(
                Progress(
                    model,
                    metric,
                    start,
                    n_starts,
                    len(self._values),
                    self._max_iter,
                    value,
                    change,
                    self._seconds[-1],
                    dict(more or {}),
                )
            )
            stop = isinstance(answer, (bool, np.bool_)) and bool(answer)
        self._last = time.perf_counter()
        return stop

    @property
    def count(self) -> int:
        """Number of iterations recorded."""
        return len(self._values)

    def note(self, event: str) -> None:
        """Record an event for readers of the history, such as a repair."""
        self._events.append(event)

    def trace(self, stop_reason: str) -> Trace:
        """Return the record so far."""
        return Trace(
            tuple(self._values),
            tuple(self._seconds),
            stop_reason,
            tuple(self._events),
            {name: tuple(values) for name, values in self._more.items()},
        )


@dataclass(frozen=True)
class History:
    """The record of a fit, kept as ``history_``.

    Attributes
    ----------
    model : str
        Class name of the estimator.
    metric : str
        Name of the metric in ``values``, for example ``"mean log-likelihood"``.
    values : tuple of float
        The metric at each iteration of the best initialization.
    seconds : tuple of float
        Wall time of each of these iterations, in seconds.
    converged : bool
        Whether the fit converged to the tolerance.
    stop_reason : str
        ``"converged"``, ``"max_iter"``, ``"completed"`` (a sampler made all its sweeps),
        ``"interrupted"``, ``"callback"`` or ``"diverged"``.
    starts : tuple of float
        The final metric of each initialization.
    best_start : int
        Index of the initialization that was kept.
    seed : int or None
        The 64-bit key made from the random state; None if the user gave the initial values.
    instruction_set : str
        Instruction-set level of the core, for example ``"v3"``.
    n_threads : int
        Maximum number of threads of the kernels; results do not depend on it.
    versions : dict of str to str
        Versions of gibbous, Python, NumPy and scikit-learn.
    events : tuple of str
        Descriptions of events such as repairs and relocations.
    more : dict of str to tuple of float
        Further measures at each iteration by name, such as those of held-out rows.
    """

    model: str
    metric: str
    values: tuple[float, ...]
    seconds: tuple[float, ...]
    converged: bool
    stop_reason: str
    starts: tuple[float, ...]
    best_start: int
    seed: int | None
    instruction_set: str
    n_threads: int
    versions: dict[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    more: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: str,
        metric: str,
        traces: Sequence[Trace],
        best: int,
        *,
        seed: int | None,
        n_threads: int,
        ends: Sequence[float] | None = None,
    ) -> History:
        """Build the history of a fit from the records of its initializations.

        ``ends`` holds the final metric of each; None for the last value of its trace.
        """
        kept = traces[best]
        if ends is None:
            ends = [t.values[-1] if t.values else float("nan") for t in traces]
        return cls(
            model=model,
            metric=metric,
            values=kept.values,
            seconds=kept.seconds,
            converged=kept.stop_reason == "converged",
            stop_reason=kept.stop_reason,
            starts=tuple(ends),
            best_start=best,
            seed=seed,
            instruction_set=LEVEL,
            n_threads=n_threads,
            versions=versions(),
            events=kept.events,
            more=dict(kept.more),
        )

    @property
    def n_iter(self) -> int:
        """Number of iterations of the initialization that was kept."""
        return len(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as lists, numbers and strings, as written to model files."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> History:
        """Build a history from the result of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If a field is missing or unknown, or a measure does not have one value per iteration.
        """
        known = {f.name for f in fields(cls)}
        needed = {
            f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
        }
        odd = (set(data) - known) | (needed - set(data))
        if odd:
            raise ValueError(
                f"data is not a history: missing or unknown fields {', '.join(sorted(odd))}"
            )
        values = dict(data)
        for name in {"values", "seconds", "starts", "events"} & set(values):
            values[name] = tuple(values[name])
        more = {name: tuple(measure) for name, measure in values.get("more", {}).items()}
        if any(len(measure) != len(values["values"]) for measure in more.values()):
            raise ValueError("data is not a history: a measure must have one value per iteration")
        values["more"] = more
        return cls(**values)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row per iteration (requires pandas).

        Raises
        ------
        ImportError
            If pandas is missing; ``to_dict`` does not need it.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas") from error
        return pd.DataFrame(
            {
                "iteration": np.arange(1, self.n_iter + 1),
                self.metric: self.values,
                **self.more,
                "seconds": self.seconds,
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the metric over the iterations with matplotlib, and return the axes."""
        from ..plot import plot_history

        return plot_history(self, ax=ax)

    def __str__(self) -> str:
        last = f"{self.values[-1]:.6g}" if self.values else "none"
        lines = [
            f"{self.model}: {self._why()} after {_count(self.n_iter, 'iteration')}, "
            f"{sum(self.seconds):.3g} s",
            f"  {self.metric}: {last}" + (f" (from {self.values[0]:.6g})" if self.values else ""),
        ]
        lines += [
            f"  {name}: {measure[-1]:.6g} (from {measure[0]:.6g})"
            for name, measure in self.more.items()
            if measure
        ]
        if len(self.starts) > 1:
            lines.append(
                f"  best of {len(self.starts)} starts: number {self.best_start + 1}; "
                f"they ended between {min(self.starts):.6g} and {max(self.starts):.6g}"
            )
        lines += [f"  {event}" for event in self.events]
        seed = "given start" if self.seed is None else f"seed {self.seed:#018x}"
        lines.append(
            f"  {seed}, {_count(self.n_threads, 'thread')}, "
            f"instruction set {self.instruction_set}, "
            + ", ".join(f"{name} {version}" for name, version in self.versions.items())
        )
        return "\n".join(lines)

    def _why(self) -> str:
        return {
            "converged": "converged",
            "max_iter": "stopped at max_iter, not converged,",
            "completed": "completed",
            "interrupted": "interrupted",
            "callback": "stopped by the callback",
            "diverged": "diverged",
        }[self.stop_reason]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def versions() -> dict[str, str]:
    """Return the versions of gibbous and of what it runs on."""
    import sklearn

    return {
        "gibbous": core.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }
