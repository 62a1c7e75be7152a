"""Fits that run in parallel, one per thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TypeVar

from .._ground.waiting import wait_for

Result = TypeVar("Result")


class Stop:
    """A callback that stops fits in other threads when their results are no longer needed."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self, _: object = None) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Stop the fits after their current iteration."""
        self._event.set()


def side_by_side(
    fit: Callable[[int], Result],
    order: Sequence[int],
    workers: int,
    stop: Stop,
    progress: Callable[[int, int], object] | None,
) -> list[Result]:
    """Run fits 0, 1, ..., several at a time.

    Parameters
    ----------
    fit : callable
        Returns the result of the fit with a given number. Must end soon after ``stop`` was set.
    order : sequence of int
        Order in which fits start; the longest first keeps all threads busy.
    workers : int
        Number of fits at a time. If 1, they run in this thread, where kernels handle Ctrl-C.
    stop : Stop
        Set on Ctrl-C and on the first error.
    progress : callable or None
        Called after each fit, in its thread, with the number of finished fits and of all fits.

    Returns
    -------
    list
        The results of fits 0, 1, ...

    Raises
    ------
    Exception
        The first error of a fit; the other fits have ended by then, or did not start.
    """
    lock, done, n = threading.Lock(), 0, len(order)
    failed: list[BaseException] = []

    def report(_: object = None) -> None:
        nonlocal done
        with lock:
            done += 1
            if progress is not None and not stop():
                progress(done, n)

    def begin(i: int) -> Result:
        if stop():
            raise CancelledError
        try:
            return fit(i)
        except BaseException as error:
            failed.append(error)
            stop.set()
            raise

    results: dict[int, Result] = {}
    if workers == 1:
        for i in sorted(order):
            results[i] = fit(i)
            report()
        return [results[i] for i in range(n)]
    with ThreadPoolExecutor(workers) as pool:
        try:
            futures: dict[int, Future[Result]] = {}
            for i in order:
                futures[i] = pool.submit(begin, i)
                futures[i].add_done_callback(report)
            return [wait_for(futures[i]) for i in range(n)]
        except BaseException as error:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, Exception) and failed:
                raise failed[0] from None
            raise
