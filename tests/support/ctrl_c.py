"""Ctrl-C sent during a call, and how long the call continued to work."""

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

    The limit is on processor time, half a second per thread, and not on wall time, which passes
    while a busy machine runs other processes.

    Parameters
    ----------
    after : float
        Seconds between the call of the yielded function and Ctrl-C. Call it within the block, so
        that Ctrl-C cannot come before it.
    n_threads : int
        Threads used by the block.
    """
    pressed = []

    def press() -> None:
        # To this thread: the system may deliver Ctrl-C to any thread, and a thread other than
        # Python's main thread does not end a wait for a lock of the latter.
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
