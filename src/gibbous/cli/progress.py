"""What a command shows while it works: a bar on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._fit.history import Callback, Progress

#: Seconds before the first line in a pipe, and the minimum between two lines; a long fit prints
#: about twenty lines in each of the first minute, hour and day.
_FIRST_LINE, _NEXT_LINE, _SHARE = 2.0, 1.0, 0.05

#: Minimum columns of a bar: a shorter one is omitted to make room for numbers.
_LEAST_BAR, _MOST_BAR = 4, 40

#: Pieces that have priority over the bar: the iteration, the metric, the time left, the rate.
_BEFORE_BAR = 4


@contextmanager
def progress_bar(quiet: bool, as_json: bool = False) -> Iterator[Bar]:
    """Yield a bar on standard error; it shows nothing if standard error is not a terminal.

    In a pipe a result for people (not ``as_json``) has lines of plain text in addition.
    """
    if quiet or (as_json and not sys.stderr.isatty()):
        yield Bar()
        return
    if not sys.stderr.isatty():
        yield Bar(lines=True)
        return
    from rich import progress
    from rich.console import Console
    from rich.table import Column

    console = Console(stderr=True)
    bar = progress.BarColumn(bar_width=_MOST_BAR)
    text = progress.TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    with progress.Progress(bar, text, console=console, transient=True) as shown:
        # two columns for the ^C of a terminal, which would otherwise start a new row
        yield Bar(shown, bar, console.width - 2)


class Bar:
    """Shows the progress of a fit, at most ten times per second so as not to slow it down.

    It is a callback that only watches, so that a fit may make its starts side by side and call it
    from several threads.

    Attributes
    ----------
    tokens : int or None
        What an iteration goes over, where its speed is to be shown in tokens.
    timed : bool
        Whether the fit makes all of its iterations, so that the time left is known and not only
        what it is at most.
    unit : str
        What an iteration is called.
    """

    watches_only = True

    def __init__(
        self, shown: Any = None, bar: Any = None, width: int = 80, *, lines: bool = False
    ) -> None:
        self._shown, self._bar, self._width, self._lines = shown, bar, width, lines
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._next = self._begun + (_FIRST_LINE if lines else 0.0)
        self._last: float | None = None
        self._seconds = 0.0  # per iteration, recently
        self._count = 0
        self.tokens: int | None = None
        self.timed = False
        self.unit = "it"
        if shown is not None:
            self._task = shown.add_task("", total=None)

    @property
    def callback(self) -> Callback | None:
        """The callback of a fit; None if nothing is shown."""
        return self if self._shown is not None or self._lines else None

    def wait_for(self, what: str) -> None:
        """Show that something is done whose end is not known."""
        if self._shown is not None:
            self._draw([what], None, None)

    def count(self, done: int, total: int, what: str) -> None:
        """Show that so many of so many things are done."""
        if self._shown is None and not (self._lines and self._due()):
            return
        pieces = [f"{done}/{total}"]
        if done:
            left = (time.monotonic() - self._begun) / done * (total - done)
            pieces.append(f"about {clock(left)} left")
        self._tell(what, pieces, done, total)

    def __call__(self, now: Progress) -> None:
        """Take note of an iteration."""
        with self._lock:
            self._note(now)
            if self._due():
                self._show(now)

    def _due(self) -> bool:
        at = time.monotonic()
        if at < self._next:
            return False
        wait = max(_NEXT_LINE, _SHARE * (at - self._begun)) if self._lines else 0.1
        self._next = at + wait
        return True

    def _note(self, now: Progress) -> None:
        # Not the iteration's own seconds: those of parallel starts would add up.
        at = time.monotonic()
        passed = now.seconds if self._last is None else at - self._last
        self._last = at
        self._count += 1
        # Recent iterations count most: some kinds of them are slower than others.
        self._seconds += max(0.1, 1 / self._count) * (passed - self._seconds)

    def _show(self, now: Progress) -> None:
        name = now.model
        if now.n_starts > 1:
            name += f", start {now.start + 1} of {now.n_starts}"
        steps = f"{now.iteration}/{now.max_iter}"
        metric, *others = _measures(now)
        pieces = [steps, metric, self._left(now), self._rate(), *others]
        self._tell(name, pieces, now.iteration, now.max_iter)

    def _rate(self) -> str:
        if self.tokens:
            return f"{self.tokens / max(self._seconds, 1e-9) / 1e6:.3g} Mtok/s"
        rate = 1 / max(self._seconds, 1e-9)
        if rate < 0.1:
            return f"{1 / rate:.3g} s/{self.unit}"
        return f"{rate:,.0f} {self.unit}/s" if rate >= 100 else f"{rate:.3g} {self.unit}/s"

    def _left(self, now: Progress) -> str:
        iterations = now.max_iter * (now.n_starts - now.start) - now.iteration
        left = clock(max(iterations, 0) * self._seconds)
        return f"{left} left" if self.timed else f"< {left} left"

    def _tell(self, name: str, pieces: list[str], done: int, total: int) -> None:
        if self._lines:
            print(f"gibbous: {name}: {', '.join(pieces)}", file=sys.stderr, flush=True)
            return
        # Priority if there is no room for all: first pieces, bar, other pieces, name.
        fitting = [pieces[0]]
        for at, piece in enumerate(pieces[1:], start=1):
            bar = 2 if at < _BEFORE_BAR else _LEAST_BAR + 1
            if bar + len(", ".join([*fitting, piece])) < self._width:
                fitting.append(piece)
        if len(f"{name} {', '.join(fitting)}") + _LEAST_BAR + 1 < self._width:
            fitting[0] = f"{name} {fitting[0]}"
        self._draw(fitting, done, total)

    def _draw(self, pieces: list[str], done: int | None, total: int | None) -> None:
        text = ", ".join(pieces)
        room = self._width - len(text) - 1
        self._bar.bar_width = min(room, _MOST_BAR) if room >= _LEAST_BAR else 1
        if done is None:
            self._shown.update(self._task, description=text)
        else:
            self._shown.update(
                self._task, description=text, total=total, completed=min(done, total or done)
            )


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, hours or days."""
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 48 * 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 86400:,} days"


def _measures(now: Progress) -> list[str]:
    """Return the metric, and its value on other data, such as held-out rows."""
    found = [f"{now.metric} {now.value:.6g}"]
    for name, value in now.more.items():
        if name.endswith(now.metric):
            found.append(f"{name.removesuffix(now.metric).strip()} {value:.6g}")
    return found
