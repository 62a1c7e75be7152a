"""Parallel fits: order of results, the first error, and Ctrl-C at any line of the wait."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from gibbous._fit.parallel import Stop, side_by_side


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_are_sorted_by_index(workers: int) -> None:
    told: list[tuple[int, int]] = []
    found = side_by_side(
        lambda i: i * i, [3, 0, 2, 1], workers, Stop(), lambda *at: told.append(at)
    )
    assert found == [0, 1, 4, 9]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_first_error_cancels_the_other_fits() -> None:
    stop, begun, under_way = Stop(), [], threading.Event()

    def fit(i: int) -> int:
        begun.append(i)
        if i == 7:
            assert under_way.wait(30)
            raise ValueError("the seventh")
        under_way.set()
        while not stop():  # otherwise it would never end
            threading.Event().wait(0.01)
        return i

    # the last result to be awaited starts first
    with pytest.raises(ValueError, match="the seventh"):
        side_by_side(fit, range(7, -1, -1), 2, stop, None)
    assert sorted(begun) == [6, 7]  # in the order of the scheduler


# Sends Ctrl-C at some line of the code that the main thread runs while it waits. The fits end soon
# after that, unless they wait for a lock that is still held.
PRESS = """
import signal, sys, threading, time
from gibbous._fit.parallel import Stop, side_by_side

line, waiting, stop = {line}, threading.Event(), Stop()

def press(frame, event, _):
    global line
    if event == "line" and waiting.is_set():
        line -= 1
        if line == 0:
            signal.raise_signal(signal.SIGINT)
    return press

def fit(i):
    time.sleep(0.3)
    waiting.set()
    while not stop():
        time.sleep(0.01)

sys.settrace(press)
try:
    side_by_side(fit, [0, 1], 2, stop, None)
except KeyboardInterrupt:
    print("ended")
"""


@pytest.mark.parametrize("line", range(1, 13))
def test_ctrl_c_at_any_line_of_the_wait(line: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESS.format(line=line)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "ended\n", done.stderr
