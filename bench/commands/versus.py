"""The command ``versus``: one machine, two installations of gibbous, the same work in turn."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict, replace
from fnmatch import fnmatch
from pathlib import Path

from ..harness import machine
from ..harness.process import PACKAGE
from ..plan import suites
from ..report import wording
from ..report.markdown import cell, table
from ..versus.pairs import Comparison, SideError, compare
from ..versus.tasks import Task, of_jobs
from . import options

TEXT = """\
Time two installations of gibbous, such as a checkout before and after a change.

Both run in processes of their own and take turns, call by call, on the same work with the same
seeds: whatever else the machine does meets both alike. A ratio is new seconds over old seconds,
the median of the pairs of one round; the table shows the median over the rounds and their range.
"fastest" is the ratio of the fastest calls of all rounds, which other work on the machine disturbs
least.
The exit status is 1 if a task is slower by more than the threshold.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = TEXT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for side in ("old", "new"):
        parser.add_argument(
            f"--{side}",
            required=True,
            metavar="PYTHONPATH",
            help=f"where the {side} installation is imported from, such as a checkout's src",
        )
    parser.add_argument(
        "--suite",
        choices=tuple(suites.SUITES),
        default="quick",
        help="the cases (default: %(default)s)",
    )
    parser.add_argument(
        "--tasks", metavar="PATTERNS", help="only tasks with these names: 'fit iris*,import*'"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="pairs of fresh processes (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.5,
        help="time per task and round, about (default: %(default)g)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=3.0,
        metavar="PERCENT",
        help="a task that is slower by more than this is a regression (default: %(default)g)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")


def main(given: argparse.Namespace, defaults: argparse.Namespace) -> int:
    """Compare, print the table and return the exit status: 0, 1 if slower, 2 if impossible."""
    try:
        tasks = _tasks(given, defaults)
        found = compare(tasks, (given.old, given.new), given.rounds, given.seconds, _say)
    except (ValueError, SideError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    threshold = given.threshold / 100
    print(text(found, threshold))
    if given.json is not None:
        rows = [{**asdict(c), "ratio": c.ratio} for c in found]
        result = {"machine": machine.facts(), "old": given.old, "new": given.new, "tasks": rows}
        given.json.write_text(json.dumps(result, indent=1) + "\n")
    return int(any(c.slower(threshold) for c in found))


def _tasks(given: argparse.Namespace, defaults: argparse.Namespace) -> list[Task]:
    """Return the tasks, and print which cases of the suite are not compared.

    Raises
    ------
    ValueError
        If a number is out of range or no task is left.
    """
    if "." in PACKAGE:
        raise ValueError(
            "versus replaces the installed gibbous, which holds this benchmark; "
            "run python -m bench versus in a checkout"
        )
    if given.rounds < 1:
        raise ValueError(f"--rounds must be at least 1; got {given.rounds}")
    if not given.seconds > 0:
        raise ValueError(f"--seconds must be positive; got {given.seconds}")
    if not given.threshold >= 0:
        raise ValueError(f"--threshold must be at least 0 percent; got {given.threshold}")
    settings = options.settings(defaults)
    if given.suite == "quick":
        settings = replace(settings, quick=True, thread_counts=(1,))
    tasks, left_out = of_jobs(suites.of_suite(given.suite, settings, False))
    if given.tasks:
        patterns = [pattern.strip() for pattern in given.tasks.split(",")]
        tasks = [t for t in tasks if any(fnmatch(t.name, pattern) for pattern in patterns)]
    if not tasks:
        raise ValueError(f"no task matches --tasks {given.tasks}")
    if left_out:
        print(f"not compared: {', '.join(left_out)}\n")
    return tasks


def text(found: list[Comparison], threshold: float) -> str:
    """Return the table, slowest ratio first, and a line that sums it up."""
    rows = [_row(c, threshold) for c in sorted(found, key=lambda c: -c.ratio)]
    headings = ("task", "threads", "old", "new", "new/old", "range of rounds", "fastest", "")
    slower = [c.task.name for c in found if c.slower(threshold)]
    ratio = statistics.median(c.ratio for c in found)
    end = f"Median of {wording.count(len(found), 'task')}: {ratio:.3f}. "
    limit = f"{100 * threshold:g}%"
    if slower:
        end += f"Slower by more than {limit}: {'; '.join(slower)}."
    else:
        end += f"No task is slower by more than {limit}."
    right = (False, True, True, True, True, True, True, False)
    return f"{table(headings, rows, right)}\n\n{end}"


def _row(comparison: Comparison, threshold: float) -> list[str]:
    low, high = min(comparison.ratios), max(comparison.ratios)
    note = ""
    if comparison.slower(threshold):
        note = "SLOWER" if low > 1.0 else "SLOWER (within the spread)"
    return [
        cell(comparison.task.name),
        str(comparison.task.threads),
        wording.seconds(statistics.median(comparison.old)),
        wording.seconds(statistics.median(comparison.new)),
        f"{comparison.ratio:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{comparison.fastest_ratio:.3f}",
        note,
    ]


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="\r", file=sys.stderr, flush=True)
