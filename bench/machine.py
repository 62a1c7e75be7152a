"""Facts of the machine and of a process, as the report needs them."""

from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

#: Processors busy with something else above which figures are doubtful.
BUSY = 0.25


def resident_bytes() -> int:
    """Memory that this process holds now."""
    found = _status("VmRSS")
    return found if found is not None else _max_rss()


def peak_bytes() -> int:
    """Most memory that this process has held.

    ``ru_maxrss`` is the fall-back only: on Linux a child inherits there what its parent held when
    it was started, which is the whole data here.
    """
    found = _status("VmHWM")
    return found if found is not None else _max_rss()


def _status(field: str) -> int | None:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def _max_rss() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Neighbours:
    """How many processors were busy with other work while children of this process ran."""

    def __enter__(self) -> Neighbours:
        self._before = _ticks()
        self._children = _children_seconds()
        self.busy: float | None = None
        return self

    def __exit__(self, *_: object) -> None:
        after = _ticks()
        if self._before is None or after is None:
            return
        hertz = os.sysconf("SC_CLK_TCK")
        processors = os.cpu_count() or 1
        wall = (after[1] - self._before[1]) / hertz / processors
        busy = (after[0] - self._before[0]) / hertz - (_children_seconds() - self._children)
        self.busy = max(0.0, busy / wall) if wall > 0 else 0.0


def _ticks() -> tuple[float, float] | None:
    """Clock ticks of all processors together: busy, and all."""
    try:
        line = Path("/proc/stat").read_text().split("\n", 1)[0]
    except OSError:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal; guest times are in user already
    ticks = [float(field) for field in line.split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def facts() -> dict[str, Any]:
    """Return processor, processors allowed, instruction set, memory, load and our build."""
    model, flags = _processor()
    return {
        "processor": model,
        "processors": available(),
        "instruction_sets": [name for name in ("avx2", "avx512f", "amx_tile") if name in flags],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": list(os.getloadavg()),
        "gibbous": _build(),
    }


def available() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> tuple[str, frozenset[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields.get("model name", platform.machine()), frozenset(fields.get("flags", "").split())


def _build() -> dict[str, Any] | None:
    """What gibbous says of its own build, or None where it is not installed."""
    try:
        from gibbous import show_config
    except ImportError:
        return None
    config = show_config(mode="dict")
    return dict(config) if config is not None else None
