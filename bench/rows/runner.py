"""The parent: makes the data, starts the runs in turn, evaluates their results."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..harness import adapters
from ..harness.machine import BUSY, Neighbors
from ..harness.process import RunError, start_worker
from ..harness.settings import DIFFERENT, OK, SKIPPED, Settings
from .case import Case, make
from .reference import evaluate, solve


@dataclass
class Entry:
    """One implementation on one case: its runs and their outcome."""

    adapter: str
    name: str
    ours: bool
    status: str = OK
    reason: str = ""
    runs: list[dict[str, Any]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    apart: float = 0.0


def run_case(case: Case, settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """Run every implementation on the case, in turn, and return its part of the report."""
    entries = _entries(case, settings)
    with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
        data, start = make(case)
        np.save(Path(folder, "data.npy"), data)
        np.savez(Path(folder, "start.npz"), **start)
        say(f"{case.name}: reference")
        truth = solve(case, data, start)
        target = evaluate(case, data, truth)
        for turn in range(settings.repeats):
            for entry in entries:
                if entry.status != OK or (turn and _too_slow(entry, settings)):
                    continue
                say(f"{case.name}: {entry.name}, run {turn + 1} of {settings.repeats}")
                _run_once(case, entry, settings, Path(folder), (data, truth), turn)
    for entry in entries:
        _judge(case, entry, target)
    return {"threads": settings.threads, **_report(case, entries, target, data.nbytes)}


def _entries(case: Case, settings: Settings) -> list[Entry]:
    entries = []
    for i, key in enumerate((settings.ours, *settings.peers)):
        if not adapters.takes_part(key, "rows"):
            continue
        adapter = adapters.find(key)
        reason = adapter.refuses(case) or adapters.missing(adapter)
        status = SKIPPED if reason else OK
        entries.append(Entry(key, adapter.NAME, ours=i == 0, status=status, reason=reason))
    return entries


def _too_slow(entry: Entry, settings: Settings) -> bool:
    """A run that took much of the limit is not repeated: its figure is far from a tie."""
    return entry.runs[-1]["fit_seconds"] > settings.limit / 5


def _run_once(
    case: Case,
    entry: Entry,
    settings: Settings,
    folder: Path,
    known: tuple[np.ndarray, dict[str, np.ndarray]],
    turn: int,
) -> None:
    data, truth = known
    arrays = folder / "arrays.npz"
    spec = {
        "task": "rows",
        "adapter": entry.adapter,
        "case": case.to_dict(),
        "threads": settings.threads,
        "data": str(folder / "data.npy"),
        "start": str(folder / "start.npz"),
        "arrays": str(arrays),
        "seed": 1000 * turn,
        "budget": 0.2 if settings.quick else settings.budget,
    }
    try:
        with Neighbors() as neighbors:
            run = start_worker(spec, folder, settings.threads, settings.limit)
        for params in _load(arrays):
            entry.values.append(evaluate(case, data, params))
            entry.apart = max(entry.apart, parameter_difference(params, truth))
    except RunError as error:
        entry.status, entry.reason = error.status, str(error)
    except ValueError as error:
        entry.status, entry.reason = DIFFERENT, str(error)
    else:
        run["neighbours"] = neighbors.busy
        entry.runs.append(run)


def _load(path: Path) -> list[dict[str, np.ndarray]]:
    """Return the parameters of each answer in the file."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            number, _, name = key.partition("/")
            found.setdefault(number, {})[name] = archive[key]
    path.unlink()
    return list(found.values())


def _judge(case: Case, entry: Entry, truth: float) -> None:
    """Mark an entry whose results differ from those of the reference."""
    if entry.status == OK and not matches(case, entry.values, truth):
        entry.status = DIFFERENT


def difference(values: list[float], truth: float) -> float:
    """Return the relative difference of largest magnitude."""
    scale = max(abs(truth), 1e-300)
    return max(((value - truth) / scale for value in values), key=abs)


def parameter_difference(params: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> float:
    """Return the largest difference of an array from the reference's, over its largest entry.

    It is more sensitive than the likelihood, which hardly changes near its maximum.
    """
    return max(
        float(np.abs(params[name] - array).max() / np.abs(array).max())
        for name, array in truth.items()
    )


def matches(case: Case, values: list[float], truth: float) -> bool:
    """Whether results agree with the reference within the tolerance of the case."""
    if case.one_sided:
        # a single draw depends on chance, so their mean is compared
        return bool(difference([statistics.fmean(values)], truth) <= case.tolerance)
    return bool(abs(difference(values, truth)) <= case.tolerance)


def _report(case: Case, entries: list[Entry], truth: float, data_bytes: int) -> dict[str, Any]:
    medians = {
        entry.name: statistics.median(run["seconds"] for run in entry.runs)
        for entry in entries
        if entry.runs
    }
    # A difference of zero or less is below the clock's noise: not a figure to compare with.
    peers = [
        medians[entry.name]
        for entry in entries
        if entry.status == OK and not entry.ours and medians[entry.name] > 0
    ]
    best = min(peers) if peers else None
    return {
        **case.to_dict(),
        "n_iter": case.n_iter,
        "unit": "draw" if case.kind == "kmeans++" else "iteration",
        "quality": "mean log-likelihood" if case.mixture else "inertia",
        "reference": truth,
        "data_bytes": data_bytes,
        "results": [
            _result(case, e, truth, medians.get(e.name), best, data_bytes) for e in entries
        ],
    }


def _result(
    case: Case,
    entry: Entry,
    truth: float,
    median: float | None,
    best: float | None,
    data_bytes: int,
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "implementation": entry.name,
        "ours": entry.ours,
        "status": entry.status,
        "reason": entry.reason,
    }
    if median is None:
        return result
    seconds = [run["seconds"] for run in entry.runs]
    beyond = max(run["peak_bytes"] - run["baseline_bytes"] for run in entry.runs)
    values = [statistics.fmean(entry.values)] if case.one_sided else entry.values
    return {
        **result,
        "seconds": {"median": median, "min": min(seconds), "max": max(seconds), "runs": seconds},
        "setup_seconds": statistics.median(run["setup_seconds"] for run in entry.runs),
        "fit_seconds": statistics.median(run["fit_seconds"] for run in entry.runs),
        # a different result is not ranked
        "times_as_fast_as_best_peer": (
            best / median if best and median > 0 and entry.status == OK else None
        ),
        "value": values[-1],
        "relative_difference": difference(values, truth),
        # draws of centers have no parameters to compare
        "parameter_difference": None if case.one_sided else entry.apart,
        "reported": entry.runs[-1]["reported"],
        "peak_bytes": max(run["peak_bytes"] for run in entry.runs),
        "bytes_beyond_interpreter": beyond,
        "times_data": beyond / data_bytes,
        "busy": max(run["neighbours"] or 0.0 for run in entry.runs) > BUSY,
        "neighbours": max(run["neighbours"] or 0.0 for run in entry.runs),
        "versions": entry.runs[-1]["versions"],
    }
