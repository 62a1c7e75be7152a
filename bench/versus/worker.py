"""One installation's side of a comparison: ``python -m bench.versus.worker``, driven by lines.

Every line on standard input is a JSON object and is answered by one on standard output:
``{"open": TASK}`` prepares a task and warms it up, ``{"seed": s, "times": n}`` does it ``n``
times, with seeds from ``s`` on, and gives the seconds per time. Libraries may print: what they
write to standard output goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from ..harness.machine import pin
from .tasks import Lap, Task, prepare


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lap: Lap | None = None
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        answer: dict[str, Any]
        if "threads" in request:
            pin(request["threads"])
            answer = _installation()
        elif "open" in request:
            lap = None  # before the next task takes its memory
            lap = prepare(Task(**request["open"]))
            answer = {"seconds": _timed(lap, 0, 1)}
        else:
            assert lap is not None
            answer = {"seconds": _timed(lap, request["seed"], request["times"])}
        print(json.dumps(answer), file=answers, flush=True)


def _installation() -> dict[str, Any]:
    """Return where gibbous was imported from, and its version."""
    import gibbous

    return {"file": gibbous.__file__, "version": gibbous.__version__}


def _timed(lap: Lap, seed: int, times: int) -> float:
    """Return the seconds per lap, by the lap's own clock if it has one."""
    own = 0.0
    began = time.perf_counter()
    for i in range(times):
        own += lap(seed + i) or 0.0
    return (own or time.perf_counter() - began) / times


if __name__ == "__main__":
    main()
