"""The command: ``python -m bench gmm kmeans`` from the root of the repository."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import adapters, machine, report
from .cases import CASES, GROUPS, Case
from .runner import DIFFERENT, FAILED, ROOT, RunError, Settings, run_case, start_worker

FORMAT = 1

_DESCRIPTION = """\
Time gibbous against its peers, with the answers checked.

Every run is a fresh process with the same data, start and number of iterations. Seconds an
iteration are (time of 1 + m iterations - time of 1) / m, so that set-up does not count (it has a
column of its own); k-means++ is timed by whole draws. The answers are evaluated by one float64
evaluator and compared with a NumPy reference: a run that is off is "different quality" and is
neither ranked nor a peer to beat. "x best peer" is the best peer's seconds over the row's. Memory
is the peak less what the interpreter and its imports held before the data were loaded.
"""

_EPILOG = """\
groups: gmm, kmeans, small (whole default fits on n = 150 to 10,000 against scikit-learn).
The exit status is 1 where ours failed or reached another answer; times never change it.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print(_list())
        return 0
    if options.markdown is not None:
        print(report.markdown(json.loads(options.markdown.read_text())))
        return 0
    try:
        names = _chosen(options.groups, options.cases)
        settings = _settings(options)
    except ValueError as error:
        parser.error(str(error))
    small = "small" in options.groups or not (options.groups or options.cases)
    result = _run(names, small, settings)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    return int(_ours_failed(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups = (*GROUPS, "small")
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"{', '.join(groups)}; all of them by default"
    )
    parser.add_argument(
        "--cases", metavar="NAMES", help="only these cases, by name or pattern: A,B-*,kmeans"
    )
    parser.add_argument(
        "--peers",
        default=",".join(adapters.KNOWN[1:]),
        help="implementations to compare with, or .py files of adapters (default: %(default)s)",
    )
    parser.add_argument("--ours", default="gibbous", help="the implementation judged as ours")
    parser.add_argument("--repeats", type=int, default=3, help="runs each (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="threads a run (default: all processors)")
    parser.add_argument(
        "--limit", type=float, default=120.0, help="seconds a run may take (default: %(default)g)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one run: a smoke test")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="print the table of an earlier run's JSON"
    )
    parser.add_argument("--list", action="store_true", help="list the cases and the peers")
    return parser


def _list() -> str:
    lines = [
        f"{case.name:<12} {case.kind:<9} {case.covariance:<10} n {case.n:>9,} d {case.d:>3} "
        f"k {case.k:>3} {case.dtype}"
        for case in CASES.values()
    ]
    for name in adapters.KNOWN:
        adapter = adapters.find(name)
        lines.append(f"{name:<12} {adapters.missing(adapter) or 'installed'}")
    return "\n".join(lines)


def _chosen(groups: list[str], patterns: str | None) -> list[str]:
    """Return the names of the cases, in the order of the report.

    Raises
    ------
    ValueError
        If a group is unknown or a pattern matches no case.
    """
    known = (*GROUPS, "small")
    for group in groups:
        if group not in known:
            raise ValueError(f"no group {group!r}; known are {', '.join(known)}")
    wanted: set[str] = set()
    for group in groups or ([] if patterns else GROUPS):
        wanted.update(GROUPS.get(group, ()))
    if patterns:
        named: set[str] = set()
        for pattern in patterns.split(","):
            found = fnmatch.filter(CASES, pattern.strip())
            if not found:
                raise ValueError(f"no case {pattern!r}; known are {', '.join(CASES)}")
            named.update(found)
        wanted = named & wanted if wanted else named
    return [name for name in CASES if name in wanted]


def _settings(options: argparse.Namespace) -> Settings:
    """Return the settings, checked.

    Raises
    ------
    ValueError
        If a number is out of range or an implementation is unknown.
    """
    processors = machine.available()
    threads = processors if options.threads is None else options.threads
    if not 1 <= threads <= processors:
        raise ValueError(f"--threads must be between 1 and {processors}; got {threads}")
    if options.repeats < 1:
        raise ValueError(f"--repeats must be at least 1; got {options.repeats}")
    if not options.limit > 0:
        raise ValueError(f"--limit must be a positive number of seconds; got {options.limit}")
    peers = tuple(name.strip() for name in options.peers.split(",") if name.strip())
    for name in (options.ours, *peers):
        adapters.find(name)
    return Settings(
        ours=options.ours,
        peers=tuple(name for name in peers if name != options.ours),
        threads=threads,
        repeats=1 if options.quick else options.repeats,
        limit=options.limit,
        quick=options.quick,
    )


def _run(names: list[str], small: bool, settings: Settings) -> dict[str, Any]:
    # fits are timed in processes started from the root, where "bench" is found
    os.chdir(ROOT)
    result: dict[str, Any] = {
        "format": FORMAT,
        "machine": machine.facts(),
        "settings": asdict(settings),
        "cases": [],
        "small": None,
    }
    print(report.machine_text(result["machine"], result["settings"]))
    load = result["machine"]["load_average"][0]
    if load > machine.BUSY * machine.available():
        print(f"WARNING: the machine is busy (load average {load:.2f}); trust no single figure")
    for case in _cases(names, settings.quick):
        part = run_case(case, settings, _say)
        result["cases"].append(part)
        print(report.case_text(part), flush=True)
    if small:
        result["small"] = _small(settings)
        print(report.small_text(result["small"]), flush=True)
    return result


def _cases(names: list[str], quick: bool) -> list[Case]:
    """Return the cases; of those that are the same work in quick size only the first."""
    if not quick:
        return [CASES[name] for name in names]
    found: dict[Case, Case] = {}
    for name in names:
        case = CASES[name].quick()
        found.setdefault(replace(case, name="", extra_iter=0, spread=0.0), case)
    return list(found.values())


def _small(settings: Settings) -> list[dict[str, Any]]:
    """Run the group of small data; one row with the reason where it cannot run."""
    adapter = adapters.find(settings.ours)
    refused = {"data": "all", "k": 0, "model": "-", "start": "-", "status": "skipped"}
    reason = adapters.missing(adapter)
    if not reason and not hasattr(adapter, "estimators"):
        reason = f"{adapter.NAME} has no estimators to stand for ours"
    if reason:
        return [{**refused, "reason": reason}]
    spec = {"small": {"quick": settings.quick, "budget": 0.05 if settings.quick else 0.7}}
    _say("small data")
    with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
        try:
            rows: Any = start_worker(
                {**spec, "ours": settings.ours, "threads": settings.threads},
                Path(folder),
                settings.threads,
                # the whole group is one process
                max(settings.limit, 1200.0),
            )
        except RunError as error:
            return [{**refused, "status": error.status, "reason": str(error)}]
    return list(rows)


def _say(text: str) -> None:
    """Tell a person who waits what runs now; a pipe gets the tables only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="\r", file=sys.stderr, flush=True)


def _ours_failed(result: dict[str, Any]) -> bool:
    bad = (DIFFERENT, FAILED)
    ours = [entry for case in result["cases"] for entry in case["results"] if entry["ours"]]
    return any(entry["status"] in bad for entry in ours) or any(
        row["status"] in bad for row in result["small"] or []
    )


if __name__ == "__main__":
    sys.exit(main())
