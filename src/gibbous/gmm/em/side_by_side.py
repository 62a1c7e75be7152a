"""Starts of one fit side by side, where the data are too small to share one start out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ..._fit.history import Callback, Progress
from ..._fit.parallel import Stop, awaited
from .engine import Engine
from .run import Run

#: Rows times components times numbers of a covariance. With less, Python's own work on a step is
#: most of it, which threads cannot share (8 starts, 2 threads: .82 times as fast at 8e4); with
#: more a step is shared out well (on a busy machine 3.9 times as fast at 3e6, 1.4 at 4e7).
_LEAST_WORK, _MOST_WORK = 5e5, 2e7


def side_by_side(engine: Engine, n_init: int) -> bool:
    """Return whether starts should run side by side, each with one thread.

    So they do where rows are in memory and few enough that a step is done in some milliseconds:
    then Ctrl-C is answered between steps, and threads that share a step out wait for each other.
    Fits with a callback or with printed progress make their starts one after the other, but for
    callbacks that say that they only watch.
    """
    wide = engine.type in ("full", "tied")
    work = float(engine.n) * engine.k * engine.d * (engine.d if wide else 1)
    fits = type(engine) is Engine and _LEAST_WORK <= work <= _MOST_WORK
    return fits and n_init > 1 and engine.threads > 1


def watches_only(callback: Callback | None) -> bool:
    """Return whether a callback stops no fit and may be called by several threads, or is None.

    It says so by an attribute of this name. What it answers is not asked then.
    """
    return callback is None or getattr(callback, "watches_only", False) is True


def alone(engine: Engine) -> Engine:
    """Return an engine on the same data with one thread and sums of its own."""
    own = copy.copy(engine)
    own.threads = 1
    own._nk, own._s1 = np.empty_like(engine._nk), np.empty_like(engine._s1)
    return own


def run_starts(
    run: Run,
    n_init: int,
    climb: Callable[[Run, int], object],
    watch: Callback | None = None,
) -> None:
    """Climb from every start, and take the starts over in their order.

    Which start is kept, and every bit of it, are those of one start after the other.

    Parameters
    ----------
    run : Run
        Of the whole fit.
    n_init : int
    climb : callable
        Climbs one start, given a run of its own and the start's index.
    watch : callable or None
        Told of every iteration, by the thread that made it.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, with what the starts have reached taken over.
    """
    stop = Stop()

    def stopped(now: Progress) -> bool:
        if watch is not None and not stop():
            watch(now)
        return stop()

    def one(index: int) -> Run:
        own = Run(run.model, alone(run.engine), run.key, stopped)
        if not stop():
            climb(own, index)
        return own

    futures: list[Future[Run]] = []
    with ThreadPoolExecutor(min(run.engine.threads, n_init)) as pool:
        try:
            futures = [pool.submit(one, index) for index in range(n_init)]
            for future in futures:
                run.absorb(awaited(future))
        except BaseException as error:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                _take_over(run, futures)
            raise


def _take_over(run: Run, futures: list[Future[Run]]) -> None:
    """Take over what the starts that were not finished have reached."""
    for future in futures[run.n_traces :]:
        if not future.cancelled() and future.exception() is None:
            run.absorb(future.result(), interrupted=True)
