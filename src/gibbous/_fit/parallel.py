"""Fits that run side by side, one a thread, and a wait for them that Ctrl-C ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

#: Seconds between two looks at whether Ctrl-C was pressed.
_LOOK = 0.1


class Stop:
    """Tells fits in other threads that nobody waits for them any more; is their callback."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self, _: object = None) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Stop them after their next iteration."""
        self._event.set()


def awaited(future: Future[Result]) -> Result:
    """Wait for a result, and answer Ctrl-C meanwhile.

    The system may hand Ctrl-C to any thread. Python answers it in its main thread, which it does
    not wake for that: one that waits for a lock without end would never see it. The lock waited for
    is not the future's own: were that left held by a wait that Ctrl-C cut short, its thread would
    never end.
    """
    done = threading.Lock()
    done.acquire()
    future.add_done_callback(lambda _: done.release())
    while not done.acquire(timeout=_LOOK):
        pass
    return future.result()


def side_by_side(
    fit: Callable[[int], Result],
    order: Sequence[int],
    workers: int,
    stop: Stop,
    progress: Callable[[int, int], object] | None,
) -> list[Result]:
    """Fit number 0, 1, ... as many as there are, some at a time.

    Parameters
    ----------
    fit : callable
        Given a number, returns its result. Has to end soon after ``stop`` was set.
    order : sequence of int
        The order in which they are begun; the longest first leaves no thread without work.
    workers : int
        Fits at a time. With 1 they run in this thread, where kernels answer Ctrl-C themselves.
    stop : Stop
        Set on Ctrl-C and on the first error.
    progress : callable or None
        Told of how many are done, and of how many in all, by the thread that has done one.

    Returns
    -------
    list
        The results of number 0, 1, ...

    Raises
    ------
    Exception
        The first that a fit has raised; the others have ended then, or were not begun.
    """
    lock, done, n = threading.Lock(), 0, len(order)
    failed: list[BaseException] = []

    def tell(_: object = None) -> None:
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
            tell()
        return [results[i] for i in range(n)]
    with ThreadPoolExecutor(workers) as pool:
        try:
            futures: dict[int, Future[Result]] = {}
            for i in order:
                futures[i] = pool.submit(begin, i)
                futures[i].add_done_callback(tell)
            return [awaited(futures[i]) for i in range(n)]
        except BaseException as error:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, Exception) and failed:
                raise failed[0] from None
            raise
