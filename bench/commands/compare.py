"""The command ``compare``: two result files, figure by figure."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..harness import schema
from ..report import markdown, wording
from ..report.verdicts import OK, surely_apart
from ..report.wording import NOTHING

FINE, REGRESSED, CANNOT = 0, 1, 2

BETTER, SAME, WORSE, NOT_JUDGED = "better", "same", "WORSE", "not compared"

#: Bytes by which memory differs between runs of one program, whatever the share.
_MEMORY_NOISE = 8_000_000


@dataclass(frozen=True)
class Change:
    """One figure in both files. ``factor`` is above 1 for a change to the worse."""

    key: tuple[str, str, str, int, str]
    ours: bool
    old: float
    new: float
    factor: float | None
    noise: float | None
    verdict: str
    memory: float | None
    memory_worse: bool
    busy: bool

    @property
    def regression(self) -> bool:
        return self.ours and (self.verdict == WORSE or self.memory_worse)


@dataclass(frozen=True)
class Comparison:
    """What differs between two files."""

    changes: list[Change]
    appeared: list[str]
    vanished: list[str]
    statuses: list[str]
    broken: list[str]
    warnings: list[str]
    obstacles: list[str]

    @property
    def regressions(self) -> list[str]:
        """Return what got worse in gibbous, in words."""
        worse = [schema.key_text(c.key) for c in self.changes if c.regression]
        return worse + self.broken

    @property
    def exit_code(self) -> int:
        if self.regressions:
            return REGRESSED
        return CANNOT if self.obstacles else FINE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD.json")
    parser.add_argument("new", type=Path, metavar="NEW.json")
    parser.add_argument(
        "--threshold",
        type=float,
        default=10.0,
        metavar="PERCENT",
        help="ignore changes up to this, whatever the spread (default: %(default)g)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="compare times although the machines or the sizes differ",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def main(options: argparse.Namespace) -> int:
    """Print the comparison; return 0, 1 for a regression of gibbous, 2 if they cannot be
    compared."""
    try:
        if not options.threshold >= 0:
            raise ValueError(f"--threshold must be at least 0 percent; got {options.threshold}")
        old, new = schema.load(options.old), schema.load(options.new)
    except ValueError as error:
        print(error, file=sys.stderr)
        return CANNOT
    found = compare(old, new, options.threshold / 100, force=options.force)
    print(_json(found) if options.json else text(found))
    return found.exit_code


def compare(
    old: dict[str, Any], new: dict[str, Any], threshold: float = 0.1, *, force: bool = False
) -> Comparison:
    """Compare two results, record by record.

    A change is one that no spread explains: no run of one file lies among those of the other, and
    the medians differ by more than ``threshold``. For single runs only the threshold counts.
    """
    befores = {schema.key(record): record for record in old["records"]}
    afters = {schema.key(record): record for record in new["records"]}
    both = [key for key in befores if key in afters]
    obstacles = [] if force else _obstacles(old, new)
    if not both:
        obstacles.append("The files have no figure in common.")
    changes, statuses, broken = [], [], []
    for key in both:
        before, after = befores[key], afters[key]
        if before["status"] != after["status"]:
            line = f"{schema.key_text(key)}: {before['status']} before, now {after['status']}"
            line += f" ({after['reason']})" if after["reason"] else ""
            statuses.append(line)
            if after["ours"] and before["status"] == OK:
                broken.append(line)
        elif before["status"] == OK and before["value"] and after["value"]:
            changes.append(_change(key, before, after, threshold, judged=not obstacles))
        elif before["value"] and not after["value"] and before["status"] == OK:
            statuses.append(f"{schema.key_text(key)}: had a figure before and has none now")
            broken += statuses[-1:] if after["ours"] else []
    return Comparison(
        changes,
        [schema.key_text(key) for key in afters if key not in befores],
        [schema.key_text(key) for key in befores if key not in afters],
        statuses,
        broken,
        _warnings(old, new),
        obstacles,
    )


def _change(
    key: tuple[str, str, str, int, str],
    before: dict[str, Any],
    after: dict[str, Any],
    threshold: float,
    judged: bool,
) -> Change:
    old, new = before["value"], after["value"]
    lower = before["lower_is_better"]
    worse = new["median"] > old["median"] if lower else new["median"] < old["median"]
    changed = surely_apart(old, new, threshold) and (
        abs(new["median"] - old["median"]) > threshold * min(abs(old["median"]), abs(new["median"]))
    )
    verdict = (WORSE if worse else BETTER) if changed else SAME
    positive = old["median"] > 0 and new["median"] > 0
    ratio = new["median"] / old["median"] if positive else None
    a, b = before["beyond_bytes"], after["beyond_bytes"]
    memory = b / a if a and b else None
    grown = memory is not None and memory > 1 + threshold and b - a > _MEMORY_NOISE
    return Change(
        key=key,
        ours=after["ours"],
        old=old["median"],
        new=new["median"],
        factor=ratio if lower or ratio is None else 1 / ratio,
        noise=_noise(old, new, worse == lower),
        verdict=verdict if judged else NOT_JUDGED,
        memory=memory,
        memory_worse=grown and judged,
        busy=before["busy"] or after["busy"],
    )


def _noise(old: dict[str, Any], new: dict[str, Any], rose: bool) -> float | None:
    """Return the factor that the spreads of both explain, or None if it is unknown.

    A change of the medians beyond it is one where the runs of one lie all on one side of the
    other's.
    """
    if min(len(old["runs"]), len(new["runs"])) < 2 or min(old["min"], new["min"]) <= 0:
        return None
    lower, upper = (old, new) if rose else (new, old)
    return float(lower["max"] / lower["median"] * upper["median"] / upper["min"])


def _obstacles(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    before, after = (result["machine"]["processor"] for result in (old, new))
    if before != after:
        found.append(f"Times of different processors, {before} and {after}, are not compared.")
    quick = [bool(result["settings"].get("quick")) for result in (old, new)]
    if quick[0] != quick[1]:
        found.append("One of the runs is a quick one with other sizes; times are not compared.")
    return found


def _warnings(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    facts: dict[str, Callable[[dict[str, Any]], Any]] = {
        "The processor": lambda m: m["processor"],
        "The number of processors": lambda m: m["processors"],
        "The memory": lambda m: wording.size(m["memory_bytes"]),
        "The system": lambda m: m["system"],
        "Python": lambda m: m["python"],
        "The build": wording.build,
    }
    for name, fact in facts.items():
        before, after = fact(old["machine"]), fact(new["machine"])
        if before != after:
            found.append(f"{name} differs: {before}, now {after}.")
    found += _version_changes(old, new)
    for name, result in (("old", old), ("new", new)):
        found += [f"The {name} file: {line}" for line in result["machine"]["warnings"]]
        if not result["finished"]:
            found.append(f"The {name} file: {schema.unfinished(result)}")
    if old["settings"].get("quick") and new["settings"].get("quick"):
        found.append("Both runs are quick ones; their times are meaningless.")
    return found


def _version_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found: list[dict[str, set[str]]] = [{}, {}]
    for result, versions in zip((old, new), found, strict=True):
        for record in result["records"]:
            for name, version in record["versions"].items():
                versions.setdefault(name, set()).add(version)
    before, after = found
    return [
        f"{name} was {' or '.join(sorted(before[name]))}, now {' or '.join(sorted(after[name]))}."
        for name in sorted(set(before) & set(after))
        if before[name] != after[name]
    ]


# ---- output ------------------------------------------------------------------------------------


def text(found: Comparison) -> str:
    """Return the comparison as Markdown."""
    cell = markdown.cell
    parts = [f"**Cannot compare:** {cell(line)}" for line in found.obstacles]
    parts += [f"**Warning:** {cell(line)}" for line in found.warnings]
    if found.changes:
        headings = ("figure", "old", "new", "slowdown", "noise", "memory", "")
        right = (False, True, True, True, True, True, False)
        rows = [_row(c) for c in sorted(found.changes, key=lambda c: not c.regression)]
        parts.append(markdown.table(headings, rows, right))
        parts.append(
            '"slowdown" is above 1 for what got worse; "noise" is the factor that the spread of '
            "the runs explains (unknown for a single run)."
        )
    if (peers := _peers_text(found)) is not None:
        parts.append(peers)
    for heading, lines in (
        ("Changed status", found.statuses),
        ("Only in the new file", found.appeared),
        ("Only in the old file", found.vanished),
    ):
        if lines:
            parts.append(f"{heading}:\n" + "\n".join(f"- {cell(line)}" for line in lines))
    if found.regressions:
        worse = "\n".join(f"- {cell(line)}" for line in found.regressions)
        parts.append(f"{wording.count(len(found.regressions), 'regression')} of gibbous:\n{worse}")
    elif not found.obstacles:
        parts.append("No regression of gibbous.")
    return "\n\n".join(parts)


def _row(change: Change) -> list[str]:
    measure = change.key[-1]
    note = change.verdict + (", MORE MEMORY" if change.memory_worse else "")
    return [
        markdown.cell(schema.key_text(change.key)),
        wording.figure(change.old, measure),
        wording.figure(change.new, measure),
        NOTHING if change.factor is None else wording.digits(change.factor),
        "unknown" if change.noise is None else wording.digits(change.noise),
        NOTHING if change.memory is None else f"x {wording.digits(change.memory)}",
        note + (" (machine busy)" if change.busy else ""),
    ]


def _peers_text(found: Comparison) -> str | None:
    """Return how the peers' figures changed: an effect of the machine, if nothing else changed."""
    factors = [c.factor for c in found.changes if not c.ours and c.factor is not None]
    if not factors:
        return None
    return (
        f"The peers' figures changed by a factor of {wording.digits(statistics.median(factors))} "
        f"in the median of {len(factors)}; if their versions are the same, the machine changed."
    )


def _json(found: Comparison) -> str:
    names = ("case", "implementation", "variant", "threads", "measure")
    changes = [
        {**dict(zip(names, c.key, strict=True)), **asdict(c), "regression": c.regression}
        for c in found.changes
    ]
    for change in changes:
        del change["key"]
    result = {**asdict(found), "changes": changes, "regressions": found.regressions}
    return json.dumps({**result, "exit_code": found.exit_code}, indent=1)
