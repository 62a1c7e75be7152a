"""The parent of the cases of Boltzmann machines: starts the runs, and evaluates their results."""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..harness import adapters
from ..harness.machine import BUSY, Neighbors
from ..harness.process import RunError, start_worker
from ..harness.settings import DIFFERENT, OK, SKIPPED, Settings
from . import evaluation
from .cases import RbmCase
from .data import Images, images

#: Settings of data sets that have been read: cases share them.
_READ: dict[tuple[str, str], Images] = {}


def read(name: str, folder: str) -> Images:
    """Return images, read once."""
    key = name, folder
    if key not in _READ:
        _READ.clear()
        _READ[key] = images(name, Path(folder))
    return _READ[key]


def run_case(
    case: RbmCase,
    settings: Settings,
    say: Callable[[str], None],
    changed: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Run every implementation on the case, in turn, and return its part of the report.

    ``changed`` is called with the part after every run: an interrupted run keeps its rows.
    """
    say(f"{case.name}: data and reference")
    found = read(case.data, settings.data)
    if settings.epochs and not settings.quick:
        case = replace(case, n_epochs=settings.epochs)
    train, test = found.states()
    train = train[: case.n_rows or len(train)]
    reference = evaluation.evaluate(evaluation.train(case, train, 0), test)
    rows = _rows(case, settings)
    part: dict[str, Any] = {
        **case.to_dict(),
        "facts": {**found.facts(), "n": len(train)},
        "reference": reference,
        "results": rows,
    }
    with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
        np.save(Path(folder, "data.npy"), train)
        for turn, row in itertools.product(range(settings.repeats), rows):
            if row["status"] != OK or (turn and _too_slow(row, settings)):
                continue
            say(f"{case.name}: {title(row)}, run {turn + 1} of {settings.repeats}")
            _run_once(case, row, settings, Path(folder), turn)
            judge(case, row, reference, test)
            compare(rows)
            changed(part)
    return part


def _rows(case: RbmCase, settings: Settings) -> list[dict[str, Any]]:
    rows = []
    for threads in settings.thread_counts:
        for i, key in enumerate((settings.ours, *settings.peers)):
            if not adapters.takes_part(key, "rbm"):
                continue
            adapter = adapters.find(key, "rbm")
            reason = adapters.missing(adapter) or adapter.refuses(case)
            variants = adapter.variants(case) if hasattr(adapter, "variants") else ("",)
            rows += [
                {
                    "adapter": key,
                    "implementation": adapter.NAME,
                    "variant": variant if len(variants) > 1 else "",
                    "threads": threads,
                    "ours": i == 0,
                    "status": SKIPPED if reason else OK,
                    "reason": reason,
                    "runs": [],
                }
                for variant in variants
            ]
    return rows


def title(row: dict[str, Any]) -> str:
    """Return the name of a row."""
    return f"{row['implementation']} {row['variant']}".strip() + f" ({row['threads']} threads)"


def _too_slow(row: dict[str, Any], settings: Settings) -> bool:
    """A run that took much of the limit is not repeated: its figure is far from a tie."""
    return bool(row["runs"][-1]["fit_seconds"] > settings.limit / 2)


def _run_once(
    case: RbmCase, row: dict[str, Any], settings: Settings, folder: Path, turn: int
) -> None:
    spec = {
        "task": "rbm",
        "adapter": row["adapter"],
        "variant": row["variant"],
        "case": case.to_dict(),
        "threads": row["threads"],
        "data": str(folder / "data.npy"),
        "arrays": str(folder / "arrays.npz"),
        "seed": 1000 * turn + 1,
    }
    try:
        with Neighbors() as neighbors:
            run = start_worker(spec, folder, row["threads"], settings.limit)
    except RunError as error:
        row["status"], row["reason"] = error.status, str(error)
        return
    with np.load(folder / "arrays.npz", allow_pickle=False) as archive:
        row["machine"] = evaluation.Machine(archive["w"], archive["a"], archive["b"])
    row["runs"].append({**run, "turn": turn, "neighbours": neighbors.busy})
    _summarise(row)


def _summarise(row: dict[str, Any]) -> None:
    """Combine the figures of a row's runs."""
    runs = row["runs"]
    seconds = [run["seconds"] for run in runs]
    row["seconds"] = {
        "median": statistics.median(seconds),
        "min": min(seconds),
        "max": max(seconds),
        "runs": seconds,
    }
    for name in ("processor_seconds", "setup_seconds"):
        row[name] = statistics.median(run[name] for run in runs)
    row["peak_bytes"] = max(run["peak_bytes"] for run in runs)
    row["bytes_beyond_data"] = max(run["bytes_beyond_data"] for run in runs)
    row["busy"] = max(run["neighbours"] or 0.0 for run in runs) > BUSY
    row["versions"] = runs[-1]["versions"]


def judge(
    case: RbmCase, row: dict[str, Any], reference: dict[str, float], test: np.ndarray
) -> None:
    """Evaluate the machine of the row's last run, and mark one that differs from the
    reference's."""
    machine = row.pop("machine", None)
    if machine is None:
        return
    if fault := machine.fault(test.shape[1], case.hidden):
        row["status"], row["reason"] = DIFFERENT, fault
        return
    value = evaluation.evaluate(machine, test)
    apart = evaluation.difference(value, reference)
    row["runs"][-1]["quality"] = row["quality"] = value
    row["apart"] = max(apart, row.get("apart", 0.0))
    if not row["apart"] <= case.tolerance:
        row["status"] = DIFFERENT
        row["reason"] = f"{row['apart']:.1%} from the reference, beyond {case.tolerance:.0%}"


def compare(rows: list[dict[str, Any]]) -> None:
    """Fill in the speedup of each row over the best peer at the same number of threads.

    The best peer's median over the row's; the spread is that of the ratios of runs of one turn,
    which met the same other work. None for a row of another quality, which is not ranked.
    """
    for threads in {row["threads"] for row in rows}:
        here = [row for row in rows if row["threads"] == threads and "seconds" in row]
        peers = [row for row in here if row["status"] == OK and not row["ours"]]
        best = min(peers, key=lambda row: row["seconds"]["median"], default=None)
        for row in here:
            row["times_as_fast_as_best_peer"] = row["spread"] = None
            if best is None or row["status"] != OK:
                continue
            ratio = best["seconds"]["median"] / row["seconds"]["median"]
            row["times_as_fast_as_best_peer"] = ratio
            pairs = zip(best["runs"], row["runs"], strict=False)
            ratios = [theirs["seconds"] / own["seconds"] for theirs, own in pairs]
            row["spread"] = [min(ratios), max(ratios)]
