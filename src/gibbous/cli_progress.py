"""What a command shows while it works: a bar on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._fit import Callback, Progress


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Bar]:
    """Yield a bar on standard error; it shows nothing where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield Bar(None)
        return
    from rich import progress
    from rich.console import Console

    shown = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[value]}", markup=False),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with shown:
        yield Bar(shown)


class Bar:
    """Shows what a fit is at; an iteration at most ten times a second, not to slow it.

    Attributes
    ----------
    tokens : int or None
        What an iteration goes over, where its speed and the time left are to be shown.
    timed : bool
        Whether the time left is shown: for a fit that makes all of its iterations.
    """

    def __init__(self, shown: Any) -> None:
        self._shown = shown
        self._next = 0.0
        self._seconds = 0.0  # of an iteration, of late
        self.tokens: int | None = None
        self.timed = False
        if shown is not None:
            self._task = shown.add_task("", total=None, value="")

    @property
    def callback(self) -> Callback | None:
        """What a fit is to call; None where nothing is shown."""
        return None if self._shown is None else self._update

    def wait_for(self, what: str) -> None:
        """Show that something is done whose end is not known."""
        if self._shown is not None:
            self._shown.update(self._task, description=what)

    def count(self, done: int, total: int, what: str) -> None:
        """Show that so many of so many things are done."""
        if self._shown is not None:
            self._shown.update(
                self._task,
                description=what,
                value=f"{done}/{total}",
                total=total,
                completed=done,
            )

    def _update(self, now: Progress) -> None:
        # Recent iterations count most: some kinds of them are slower than others.
        share = max(0.1, 1 / now.iteration)
        self._seconds += share * (now.seconds - self._seconds)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.1
        start = "" if now.n_starts == 1 else f", start {now.start + 1} of {now.n_starts}"
        self._shown.update(
            self._task,
            description=f"{now.model}{start}",
            value=f"{now.iteration}/{now.max_iter}, {_measures(now)}{self._speed(now)}",
            total=now.max_iter,
            completed=now.iteration,
        )

    def _speed(self, now: Progress) -> str:
        if not (self.timed or self.tokens) or not self._seconds > 0:
            return ""
        left = round(self._seconds * (now.max_iter - now.iteration))
        rate = f", {self.tokens / self._seconds / 1e6:.3g} Mtok/s" if self.tokens else ""
        return f"{rate}, {left // 60}:{left % 60:02d} left"


def _measures(now: Progress) -> str:
    """Return the metric, and what it is elsewhere, such as on held-out rows."""
    told = f"{now.metric} {now.value:.6g}"
    for name, value in now.more.items():
        if name.endswith(now.metric):
            told += f", {name.removesuffix(now.metric).strip()} {value:.6g}"
    return told
