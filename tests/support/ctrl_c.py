"""Ctrl-C pressed while a call runs, and how much was still done before it was answered."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest


@contextlib.contextmanager
def answered_ctrl_c(after: float, n_threads: int) -> Iterator[Callable[[], None]]:
    """Expect KeyboardInterrupt from the block, at most half a second after Ctrl-C.

    Half a second of so many threads is this much processor time at most. That is what is measured,
    and not the clock on the wall, which goes on while a busy machine gives its time to others.

    Parameters
    ----------
    after : float
        Seconds between the call of what is yielded and Ctrl-C. Call it within the block, so that
        Ctrl-C cannot come before it.
    n_threads : int
        Threads that the block computes with.
    """
    pressed = []

    def press() -> None:
        # To this thread: the system may hand Ctrl-C to any, and one other than Python's main thread
        # does not wake that from a wait for a lock.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        # after it: this thread may lose the processor here, and the block must not pay for that
        pressed.append(time.process_time())

    timer = threading.Timer(after, press)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield timer.start
        end = time.process_time()
        timer.join()
    finally:
        timer.cancel()
    worked = end - pressed[0]
    assert worked < 0.5 * n_threads, f"{worked:.2f} s of processor time after Ctrl-C"
