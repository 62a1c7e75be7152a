"""A wait for a result from another thread that answers Ctrl-C."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")

#: Seconds between two checks for Ctrl-C.
_LOOK = 0.1


def wait_for(future: Future[Result]) -> Result:
    """Wait for a result, and respond to Ctrl-C while waiting.

    The system may deliver the signal of Ctrl-C to any thread. Python handles it in the main thread,
    but does not wake it: a main thread that waits for a lock without a timeout would never handle
    it. The wait uses a lock of its own: if Ctrl-C left the future's lock held, the thread of the
    future would never end.
    """
    done = threading.Lock()
    done.acquire()
    future.add_done_callback(lambda _: done.release())
    while not done.acquire(timeout=_LOOK):
        pass
    return future.result()
