"""What every iterative fit shares: progress, the record of a run, and the results object."""

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

#: Called after every iteration; returning True ends the fit with what it has.
Callback = Callable[["Progress"], object]

STOP_REASONS = ("converged", "max_iter", "completed", "interrupted", "callback", "diverged")


@dataclass(frozen=True)
class Progress:
    """What a callback is told after an iteration.

    ``more`` holds further measures of the iteration by their names, such as those of held-out rows.
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
    """One start's run: the metric and the seconds of each of its iterations."""

    values: tuple[float, ...]
    seconds: tuple[float, ...]
    stop_reason: str
    events: tuple[str, ...] = ()
    more: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Recorder:
    """Collects the trace of one start and tells the callback."""

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
    ) -> None:
        """Continue after iterations that an earlier process recorded."""
        self._values, self._seconds = list(values), list(seconds)
        self._more = {name: list(measures) for name, measures in (more or {}).items()}

    def record(self, value: float, more: Mapping[str, float] | None = None) -> bool:
        """Note one finished iteration; return True where the callback asks to stop.

        ``more`` holds further measures, the same ones at every iteration.
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
        """Note something that a reader of the history should know, such as a repair."""
        self._events.append(event)

    def trace(self, stop_reason: str) -> Trace:
        """Return the trace as it stands."""
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
        What ``values`` holds, for example ``"mean log-likelihood"``.
    values : tuple of float
        The metric at each iteration of the start that was kept.
    seconds : tuple of float
        Wall time of each of these iterations, in seconds.
    converged : bool
        Whether the tolerance was reached.
    stop_reason : str
        ``"converged"``, ``"max_iter"``, ``"completed"`` (a sampler has made all its sweeps),
        ``"interrupted"``, ``"callback"`` or ``"diverged"``.
    starts : tuple of float
        The metric that each start ended with, in their order.
    best_start : int
        Index of the start that was kept.
    seed : int
        The 64-bit key that the random state became; None for starts given by the user.
    instruction_set : str
        Level of the core in use, for example ``"v3"``.
    n_threads : int
        Threads the kernels could use; results do not depend on it.
    versions : dict of str to str
        Versions of gibbous, Python, NumPy and scikit-learn.
    events : tuple of str
        Repairs and relocations, in words.
    more : dict of str to tuple of float
        Further measures at each iteration by their names, such as those of held-out rows.
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
    ) -> History:
        """Build the history of a fit from the traces of its starts."""
        kept = traces[best]
        return cls(
            model=model,
            metric=metric,
            values=kept.values,
            seconds=kept.seconds,
            converged=kept.stop_reason == "converged",
            stop_reason=kept.stop_reason,
            starts=tuple(t.values[-1] if t.values else float("nan") for t in traces),
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
        """Number of iterations of the start that was kept."""
        return len(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, as written to model files."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> History:
        """Build a history from what :meth:`to_dict` returned.

        Raises
        ------
        ValueError
            If a field is missing or unknown, or a measure has not one value an iteration.
        """
        known = {f.name for f in fields(cls)}
        needed = {
            f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
        }
        odd = (set(data) - known) | (needed - set(data))
        if odd:
            raise ValueError(
                f"not a fit's history: missing or unknown fields {', '.join(sorted(odd))}"
            )
        values = dict(data)
        for name in {"values", "seconds", "starts", "events"} & set(values):
            values[name] = tuple(values[name])
        values["more"] = {name: tuple(told) for name, told in values.get("more", {}).items()}
        if any(len(told) != len(values["values"]) for told in values["more"].values()):
            raise ValueError("not a fit's history: a measure has not one value an iteration")
        return cls(**values)

    def to_frame(self) -> Any:
        """Return one row an iteration as a pandas DataFrame (pandas has to be installed).

        Raises
        ------
        ImportError
            If pandas is missing; ``to_dict`` needs nothing.
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
        """Draw the metric over the iterations with matplotlib and return the axes."""
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
            f"  {name}: {told[-1]:.6g} (from {told[0]:.6g})"
            for name, told in self.more.items()
            if told
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
