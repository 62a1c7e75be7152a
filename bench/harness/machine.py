"""Facts of the machine and of a process, as the report needs them."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import Any

#: Number of processors busy with other work above which figures are doubtful.
BUSY = 0.25


def resident_bytes() -> int:
    """Memory that this process uses now."""
    found = _status("VmRSS")
    return found if found is not None else _max_rss()


def peak_bytes() -> int:
    """Maximum memory that this process has used.

    ``ru_maxrss`` is only the fallback: on Linux a child inherits the value of its parent at the
    time it was started, which includes the data.
    """
    found = _status("VmHWM")
    return found if found is not None else _max_rss()


def reset_peak() -> None:
    """Reset the peak, if the system can; otherwise it is unchanged."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def available_bytes() -> int:
    """Memory that is available without swapping."""
    found = _field(Path("/proc/meminfo"), "MemAvailable")
    return found if found is not None else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def limit_memory(limit: int) -> None:
    """Limit the address space of this process and its children to so many bytes each."""
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def pin(threads: int) -> None:
    """Restrict the process to so many processors: not every library obeys the same variable."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:threads])


def versions(distributions: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of these distributions, and NumPy's."""
    found = {}
    for name in (*distributions, "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


class Children:
    """Maximum total memory of the child processes, sampled periodically.

    Pages shared between processes count in parts (PSS), so that a fork costs what it writes to.
    """

    _SECONDS = 0.2

    def __init__(self, wanted: bool) -> None:
        self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True) if wanted else None

    def __enter__(self) -> Children:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._SECONDS):
            held = (_field(Path(f"/proc/{i}/smaps_rollup"), "Pss") for i in _descendants())
            self.peak = max(self.peak, sum(n or 0 for n in held))


def _descendants() -> list[int]:
    """Return the child processes of this one, and theirs."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # the name is in parentheses and may contain anything; state and parent follow
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [os.getpid()]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _status(field: str) -> int | None:
    return _field(Path("/proc/self/status"), field)


def _field(path: Path, field: str) -> int | None:
    """Return the bytes of a "field: kilobytes" line, or None if there is none."""
    try:
        text = path.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def _max_rss() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Neighbors:
    """How many processors were busy with other work while children of this process ran."""

    def __enter__(self) -> Neighbors:
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


def instruction_sets() -> tuple[str, ...]:
    """Return those of the processor's instruction sets that decide which kernels can run."""
    flags = _processor()[1]
    return tuple(name for name in ("avx2", "avx512f", "amx_tile") if name in flags)


def facts() -> dict[str, Any]:
    """Return processor, processors allowed, instruction set, memory, load and our build."""
    return {
        "processor": _processor()[0],
        "processors": available(),
        "instruction_sets": list(instruction_sets()),
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
    """Return the build configuration of gibbous, or None if it is not installed."""
    try:
        from gibbous import show_config
    except ImportError:
        return None
    config = show_config(mode="dict")
    return dict(config) if config is not None else None
