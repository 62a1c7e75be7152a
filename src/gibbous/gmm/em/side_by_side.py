"""Starts of one fit side by side, if the data are too small to share one start out."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from ..._fit.history import Callback, Progress
from ..._fit.parallel import Stop
from ..._ground.waiting import wait_for
from .complete import Complete
from .engine import EM
from .run import Run
from .variational import Variational

#: Rows times components times numbers of a covariance. With less, Python overhead dominates a step,
#: which threads cannot share (8 starts, 2 threads: .82 times as fast at 8e4); with more, the
#: threads of a step scale well (on a busy machine 3.9 times as fast at 3e6, 1.4 at 4e7).
_LEAST_WORK, _MOST_WORK = 5e5, 2e7


def side_by_side(em: EM, n_init: int) -> bool:
    """Return whether starts should run side by side, each with one thread.

    They do if the rows are in memory and few enough that a step is done in some milliseconds: then
    Ctrl-C is answered between steps, and threads that share a step out wait for each other. Fits
    with a callback or with printed progress make their starts one after the other, except for
    callbacks that declare that they only watch.
    """
    e, k = em.expectation, em.k
    wide = em.kind in ("full", "tied")
    work = float(e.n) * k * e.d * (e.d if wide else 1)
    plain = isinstance(e, Complete) and not isinstance(em.maximization, Variational)
    fits = plain and e.rows.in_memory and _LEAST_WORK <= work <= _MOST_WORK
    return fits and n_init > 1 and em.threads > 1


def watches_only(callback: Callback | None) -> bool:
    """Return whether a callback stops no fit and may be called by several threads, or is None.

    It declares so by an attribute of this name. Its answers are then ignored.
    """
    return callback is None or getattr(callback, "watches_only", False) is True


def run_starts(run: Run, n_init: int) -> None:
    """Climb from every start, and take the starts over in their order.

    Which start is kept, and every bit of it, are those of one start after the other.

    Parameters
    ----------
    run : Run
        Of the whole fit; its callback only watches, and is called by the thread that made the
        iteration.
    n_init : int

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, with what the starts have reached taken over.
    """
    stop, watch = Stop(), run.callback

    def stopped(now: Progress) -> bool:
        if watch is not None and not stop():
            watch(now)
        return stop()

    def one(index: int) -> Run:
        own = Run(run.em.alone(), run.settings, run.first, stopped)
        if not stop():
            own.climb_one(index)
        return own

    futures: list[Future[Run]] = []
    with ThreadPoolExecutor(min(run.em.threads, n_init)) as pool:
        try:
            futures = [pool.submit(one, index) for index in range(n_init)]
            for future in futures:
                run.absorb(wait_for(future))
        except BaseException as error:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                _take_over(run, futures)
            raise


def _take_over(run: Run, futures: list[Future[Run]]) -> None:
    """Store the progress of the starts that were not finished."""
    for future in futures[run.n_traces :]:
        if not future.cancelled() and future.exception() is None:
            run.absorb(future.result(), interrupted=True)
