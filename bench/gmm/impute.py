"""How well missing entries are filled in: ours, its kind chosen by held-out entries, and peers'."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..harness import adapters
from ..harness.process import RunError, start_worker
from ..harness.settings import OK, SKIPPED, Settings
from ..harness.tables import line
from .holes import HolesCase, rmse

#: Seconds for a run if the limit is lower: settings are chosen within it.
_LIMIT = 1800.0

_COLUMNS = (("", 26), ("RMSE", 8), ("range", 17), ("ratio", 7), ("s/draw", 9))


def run_case(case: HolesCase, settings: Settings) -> dict[str, Any]:
    """Run every implementation on one case and return its part of the report."""
    case = replace(case, draws=settings.draws or case.draws)
    part: dict[str, Any] = {**case.to_dict(), "threads": settings.threads, "results": []}
    names = [settings.ours, *settings.peers]
    for name in (name for name in names if adapters.takes_part(name, "impute")):
        adapter = adapters.find(name, "impute")
        ours = name == settings.ours
        entry: dict[str, Any] = {"implementation": adapter.NAME, "ours": ours, "variant": ""}
        reason = adapters.missing(adapter)
        if reason:
            part["results"].append({**entry, "status": SKIPPED, "reason": reason})
            continue
        spec = {
            "task": "impute",
            "case": case.to_dict(),
            "adapter": name,
            "threads": settings.threads,
        }
        with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
            try:
                limit = max(settings.limit, _LIMIT)
                runs: Any = start_worker(spec, Path(folder), settings.threads, limit)
            except RunError as error:
                part["results"].append({**entry, "status": error.status, "reason": str(error)})
                continue
        part["results"] += [{**entry, **run, "status": OK, "reason": ""} for run in runs]
    return part


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of one implementation, a list with one entry per variant."""
    case = HolesCase(**spec["case"])
    adapter = adapters.find(spec["adapter"], "impute")
    truth = case.rows()
    found = []
    for variant in adapter.variants(case.quickly):
        errors, chosen, seconds = [], [], []
        for draw in range(case.draws):
            removed = case.removed(draw)
            rows = np.where(removed, np.nan, truth)
            began = time.perf_counter()
            filled, choice = adapter.fill(variant, rows.copy(), draw, case.quickly)
            seconds.append(time.perf_counter() - began)
            if not np.array_equal(filled[~removed], truth[~removed]):
                raise RuntimeError(f"{variant} changed entries that were observed")
            errors.append(rmse(filled, truth, removed))
            chosen.append(choice)
        found.append(
            {
                "variant": variant,
                "rmse": errors,
                "chosen": chosen,
                "seconds": statistics.median(seconds),
            }
        )
    return found


def text(part: dict[str, Any]) -> str:
    """Return the table of one case."""
    rows = part["results"]
    ours = next((statistics.fmean(row["rmse"]) for row in rows if row["ours"] and _ran(row)), None)
    lines = [
        f"\n{part['name']}: {part['data']}, {part['share']:.0%} of entries removed, "
        f"{part['draws']} draws; error on standardized columns, ratio to gibbous",
        line([title for title, _ in _COLUMNS], _COLUMNS),
    ]
    for row in rows:
        name = f"{row['implementation']} {row['variant']}".strip()
        if not _ran(row):
            lines.append(f"  {name}: {row['status']}: {row['reason']}")
            continue
        mean = statistics.fmean(row["rmse"])
        cells = [
            name,
            f"{mean:.4f}",
            f"{min(row['rmse']):.4f} - {max(row['rmse']):.4f}",
            "-" if ours is None else f"{mean / ours:.3f}",
            f"{row['seconds']:.2f}",
        ]
        lines.append(line(cells, _COLUMNS))
        if any(row["chosen"]):
            lines.append("    chosen: " + "; ".join(dict.fromkeys(row["chosen"])))
    return "\n".join(lines)


def _ran(row: dict[str, Any]) -> bool:
    return bool(row["status"] == OK)
