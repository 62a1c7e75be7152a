"""The command ``run``: runs the jobs one by one and stores the results."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..harness import machine, records, tables
from ..harness.settings import Settings
from ..plan import kinds
from ..plan.kinds import Job
from . import options

FORMAT = 2

#: Facts of a machine that must be the same if a run is resumed.
_SAME = ("processor", "processors", "instruction_sets", "memory_bytes")


def main(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Run the requested jobs and return the exit status.

    It is 1 if gibbous is wrong, and 130 after Ctrl-C.
    """
    try:
        jobs, settings = options.jobs(given)
        before = _read(given.resume, settings) if given.resume else None
    except (ValueError, OSError) as error:
        parser.error(str(error))
    path = given.json or given.resume
    try:
        result = _run(jobs, settings, None if path is None else path.resolve(), before)
    except KeyboardInterrupt:
        kept = "" if path is None else f"; --resume {path} continues from what was finished"
        print(f"\ninterrupted{kept}", file=sys.stderr)
        return 130
    parts = [part for kind in kinds.KINDS for part in result[kind.section]]
    return int(any(kinds.failed(part) for part in parts))


def _run(
    jobs: list[Job], settings: Settings, path: Path | None, before: dict[str, Any] | None
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "format": FORMAT,
        "machine": _facts(),
        # result files are shared: they do not contain the paths of folders
        "settings": asdict(settings)
        | {name: Path(getattr(settings, name)).name for name in ("cache", "data")},
        "finished": False,
        "peaks": None,
        "records": [],
        **{kind.section: [] for kind in kinds.KINDS},
    }
    if before is not None:
        _take(result, before)
    print(tables.machine_text(result["machine"], result["settings"]))
    for warning in result["machine"]["warnings"]:
        print(f"Warning: {warning}")
    _measure_peaks(result, settings)
    for job in jobs:
        _do(job, result, path)
    result["finished"] = True
    _keep(result, path)
    return result


def _do(job: Job, result: dict[str, Any], path: Path | None) -> None:
    """Run one job, unless the results have it; they are written after every run."""
    parts = result[job.kind.section]
    if any(part["job"] == job.id for part in parts):
        return
    place = len(parts)

    def changed(part: dict[str, Any]) -> None:
        parts[place:] = [part]
        _keep(result, path)

    part = job.run(_say, changed)
    changed(part)
    print(job.kind.text(part), flush=True)


def _keep(result: dict[str, Any], path: Path | None) -> None:
    """Write the results, whole or not at all."""
    result["records"] = records.build(result)
    if path is not None:
        text = json.dumps(result, indent=1, allow_nan=False) + "\n"
        unfinished = path.with_name(path.name + ".part")
        unfinished.write_text(text)
        unfinished.replace(path)


def _read(path: Path, settings: Settings) -> dict[str, Any]:
    """Return the results of a run that is to be resumed.

    Raises
    ------
    ValueError
        If the file is not a result file, or was made on another machine or with other sizes.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"--resume {path}: not JSON: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"--resume {path}: not results of format {FORMAT}; start a new file")
    facts = machine.facts()
    other = [name for name in _SAME if found["machine"][name] != facts[name]]
    if other:
        said = ", ".join(f"{name} {found['machine'][name]}" for name in other)
        raise ValueError(f"--resume {path}: of another machine ({said}); start a new file")
    for name in ("quick", "ours"):
        theirs, here = found["settings"][name], getattr(settings, name)
        if theirs != here:
            raise ValueError(f"--resume {path}: made with {name} {theirs}, not {here}")
    return found


def _take(result: dict[str, Any], before: dict[str, Any]) -> None:
    """Keep the finished parts of an earlier run; an interrupted part runs again."""
    for kind in kinds.KINDS:
        result[kind.section] = [part for part in before[kind.section] if part.get("finished")]
    result["peaks"] = before["peaks"]
    result["machine"]["warnings"] += before["machine"]["warnings"]


def _facts() -> dict[str, Any]:
    found = {**machine.facts(), "warnings": []}
    load = found["load_average"][0]
    if load > machine.BUSY * machine.available():
        found["warnings"].append(
            f"the machine was busy at the start (load average {load:.2f}); "
            "single timings may be off"
        )
    return found


def _measure_peaks(result: dict[str, Any], settings: Settings) -> None:
    """Measure the peaks of matrix products and memory, if they are not known yet."""
    if result["peaks"] is None and not settings.quick:
        from ..harness import peaks

        _say("peaks of the machine")
        counts = sorted({*settings.thread_counts, *settings.scaling_counts, settings.threads})
        result["peaks"] = peaks.measure(counts)


def _say(text: str) -> None:
    """Show the current job on a terminal; a pipe gets only the tables."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="\r", file=sys.stderr, flush=True)
