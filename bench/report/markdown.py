"""The report as Markdown: every figure of every section."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from . import trends, verdicts, wording
from .sections import Section, group_text
from .verdicts import Verdict
from .wording import NOTHING

#: Groups of many small cases, which share a line or a row.
SUMMED = ("impute", "small", "import", "growth", "scaling", "squarem")

HEADINGS = (
    "case",
    "measure",
    "threads",
    "gibbous",
    "best peer",
    "speedup over best peer",
    "memory",
)
RIGHT = (False, False, True, True, True, True, True)


def report(sections: list[Section], written: list[dict[str, str]]) -> str:
    """Return the whole report."""
    parts = ["# Benchmark: gibbous and other libraries"]
    for section in sections:
        parts += [f"## {cell(section.title)}", facts(section)]
        found = verdicts.verdicts(section.records)
        parts.append(summary(found))
        for group in section.groups():
            parts += [
                f"### {cell(group_text(group))}",
                table(HEADINGS, map(row, (v for v in found if v.group == group)), RIGHT),
            ]
        parts += not_faster(found, verdicts.reasons_on(section.machine, written))
        parts += more_memory_lines(found)
        parts += not_ranked(section.records)
        parts += _lines(section)
        parts += ["### Versions", _versions(section)]
    return "\n\n".join(parts) + "\n"


def summary(found: list[Verdict]) -> str:
    """Return how often gibbous is ahead of the best peer, level with it, or behind it."""
    met = [v for v in found if v.peer is not None or v.not_ahead]
    alone = wording.count(len(found) - len(met), "figure")
    if not met:
        return f"{alone}, without a peer."
    words = {
        verdicts.AHEAD: "faster or better",
        verdicts.LEVEL: "within noise",
        verdicts.BEHIND: "slower or worse",
        verdicts.REFUSED: "without a valid result",
    }
    counts = {word: sum(v.outcome == outcome for v in met) for outcome, word in words.items()}
    counted = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    compared = wording.count(len(met), "comparison")
    text = f"gibbous against the best peer in {compared}: {counted}."
    return text if len(met) == len(found) else f"{text} {alone} without a peer."


def cell(text: str) -> str:
    """Return text that cannot end a cell, a line or become markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[bool]) -> str:
    """Return a table of cells that are markup already."""
    lines = [headings, ["---:" if flush else "---" for flush in right], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def facts(section: Section) -> str:
    """Return the build, the system and the warnings of a section."""
    machine = section.machine
    lines = [
        cell(
            f"{wording.build(machine)}; {machine['system']}, Python {machine['python']}; "
            f"instruction sets {' '.join(machine['instruction_sets'])}."
        )
    ]
    lines += [f"**Warning:** {cell(warning)}" for warning in section.notices()]
    return "\n\n".join(lines)


def row(verdict: Verdict) -> list[str]:
    """Return the cells of a comparison under ``HEADINGS``."""
    ours, peer = verdict.ours, verdict.peer
    good = ours["status"] == verdicts.OK
    mine = wording.median(ours) if good else f"*{ours['status']}*"
    return [
        cell(verdict.title),
        cell(verdict.measure),
        str(verdict.threads),
        f"{mine} {cell(ours['variant'])}".strip(),
        NOTHING if peer is None else f"{wording.median(peer)} {cell(wording.name(peer))}",
        speedup(verdict),
        memory(verdict),
    ]


def speedup(verdict: Verdict) -> str:
    """Return how many times as good gibbous is, and whether the spread explains it."""
    text = NOTHING if verdict.times is None else wording.digits(verdict.times)
    return f"{text} (within noise)" if verdict.outcome == verdicts.LEVEL else text


def memory(verdict: Verdict) -> str:
    """Return the memory of gibbous, and its ratio to the peer's."""
    beyond = verdict.ours["beyond_bytes"]
    if beyond is None:
        return NOTHING
    text = wording.size(beyond)
    return text if verdict.memory is None else f"{text} ({wording.digits(verdict.memory)}x peer)"


def not_faster(found: list[Verdict], written: list[dict[str, str]]) -> list[str]:
    """Return the part on the cases in which gibbous is not ahead, with reasons."""
    losers = [v for v in found if v.not_ahead]
    heading = "### Where gibbous is not faster"
    return [heading, loser_lines(losers, written) if losers else nowhere(found)]


def nowhere(found: list[Verdict]) -> str:
    """Return the text for a section in which no case is to be listed."""
    if all(v.peer is None for v in found):
        return "No figure has a peer."
    return "gibbous is faster or better than the best peer in every case."


def loser_lines(losers: list[Verdict], written: list[dict[str, str]]) -> str:
    """Return one line per case, with every number of threads, the reason and a possible fix.

    Cases of a group of many small ones share a line if they have the same reason.
    """
    cases: dict[tuple[str, ...], list[str]] = {}
    for v in losers:
        title, text = f"{v.title}, ", f"{v.ours['variant']} {wording.threads(v.threads)}".strip()
        if v.group in SUMMED:
            title, text = "", v.title
        key = v.group, title, v.measure, verdicts.reason(v, written)
        cases.setdefault(key, []).append(f"{text}: {v.by_how_much(named=True)}")
    lines = [
        f"{group_text(group)}, {title}{measure}: {'; '.join(texts)}. Reason: {why}"
        for (group, title, measure, why), texts in cases.items()
    ]
    return "\n".join(f"- {cell(line)}" for line in lines)


def more_memory_lines(found: list[Verdict]) -> list[str]:
    """Return the part on the cases in which gibbous takes more memory than the best peer."""
    cases: dict[tuple[str, ...], list[str]] = {}
    for verdict in more_memory(found):
        key = verdict.group, verdict.title, wording.name(verdict.peer or verdict.ours)
        times = wording.digits(verdict.memory or 0.0)
        cases.setdefault(key, []).append(f"{times}x ({wording.threads(verdict.threads)})")
    if not cases:
        return []
    lines = [
        f"- {cell(f'{group_text(group)}, {title}')}: {', '.join(times)}, compared with {cell(peer)}"
        for (group, title, peer), times in cases.items()
    ]
    return ["### More memory than the best peer", "\n".join(lines)]


def more_memory(found: list[Verdict]) -> list[Verdict]:
    """Return the cases in which gibbous takes more memory than the best peer."""
    return [v for v in found if v.memory is not None and v.memory > 1]


def not_ranked(records: list[dict[str, Any]]) -> list[str]:
    """Return the part on runs that are not ranked."""
    lines = [f"- {cell(line)}" for line in refused(records)]
    return ["### Runs that are not ranked", "\n".join(lines)] if lines else []


def refused(records: list[dict[str, Any]]) -> list[str]:
    """Return one line per run that is not ranked; those skipped for one reason share a line."""
    lines: list[str] = []
    skipped: dict[tuple[str, str], dict[str, None]] = {}
    for record in records:
        if record["status"] == "skipped":
            key = wording.name(record), record["reason"]
            skipped.setdefault(key, dict.fromkeys([record["case"]]))[record["case"]] = None
        elif record["status"] != verdicts.OK:
            figure = "" if record["value"] is None else f" ({wording.median(record)})"
            lines.append(
                f"{record['title'] or record['case']}, {wording.name(record)}, "
                f"{wording.threads(record['threads'])}: {record['status']}{figure}: "
                f"{wording.reason(record)}"
            )
    lines += [
        f"{name} skipped in {wording.count(len(cases), 'case')}: {reason or 'no reason given'}"
        for (name, reason), cases in skipped.items()
    ]
    return lines


def _lines(section: Section) -> list[str]:
    parts = []
    scaled = trends.scaling(section.records)
    if scaled:
        rows = [
            [
                cell(line.heading),
                cell(line.name),
                ", ".join(str(threads) for threads, _ in trends.speed_up(line)),
                ", ".join(wording.digits(times) for _, times in trends.speed_up(line)),
            ]
            for line in scaled
        ]
        headings = ("case", "implementation", "threads", "speedup over fewest threads")
        parts += ["### Thread scaling", table(headings, rows, (False, False, True, True))]
    return parts + growth(section)


def growth(section: Section) -> list[str]:
    """Return the part on how the seconds grow with a size."""
    grown = trends.growth(section.records)
    if not grown:
        return []
    rows = [
        [cell(x.heading), x.along, cell(x.name), str(x.threads), str(x.exponent)] for x in grown
    ]
    headings = ("series", "size", "implementation", "threads", "exponent")
    return [
        "### Growth with size",
        "Exponent of a power law fitted to seconds over the size, with its standard error.",
        table(headings, rows, (False, False, False, True, True)),
    ]


def _versions(section: Section) -> str:
    found = section.versions()
    return ", ".join(f"{cell(name)} {cell(' or '.join(found[name]))}" for name in found) + "."
