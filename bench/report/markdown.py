"""The report as Markdown, and the part of it that stands in the README."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import trends, verdicts, wording
from .sections import Section, group_text
from .verdicts import Verdict
from .wording import NOTHING

#: What a README's figures stand between; the first line names the files that they come from.
OPENING = re.compile(r"^<!-- figures(?::(?P<files>[^\n]*?))? -->[ \t]*$", re.MULTILINE)
CLOSING = "<!-- /figures -->"

#: Groups of many small cases, of which a README gets a line a measure.
_SUMMED = ("impute", "small", "import", "growth", "scaling", "squarem")

_HEADINGS = ("case", "measure", "threads", "gibbous", "best peer", "x best peer", "memory")
_RIGHT = (False, False, True, True, True, True, True)


def report(sections: list[Section], written: list[dict[str, str]]) -> str:
    """Return the whole report."""
    parts = ["# Benchmark: gibbous beside its peers"]
    for section in sections:
        parts += [f"## {cell(section.title)}", _facts(section)]
        found = verdicts.verdicts(section.records)
        known = verdicts.reasons_on(section.machine, written)
        parts.append(summary(found))
        for group in section.groups():
            parts += [
                f"### {cell(group_text(group))}",
                table(_HEADINGS, map(_row, (v for v in found if v.group == group)), _RIGHT),
            ]
        parts += _not_ahead(found, known)
        parts += _more_memory(found)
        parts += _refused(section.records)
        parts += _lines(section)
        parts += ["### Versions", _versions(section)]
    return "\n\n".join(parts) + "\n"


def summary(found: list[Verdict]) -> str:
    """Return how often ours is ahead, level, behind."""
    met = [v for v in found if v.peer is not None or v.not_ahead]
    alone = wording.count(len(found) - len(met), "figure")
    if not met:
        return f"{alone}, no peer beside them."
    words = {
        verdicts.AHEAD: "ahead",
        verdicts.LEVEL: "level",
        verdicts.BEHIND: "behind",
        verdicts.REFUSED: "where ours does not count",
    }
    counts = {word: sum(v.outcome == outcome for v in met) for outcome, word in words.items()}
    counted = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    text = f"gibbous beside the best peer in {wording.count(len(met), 'comparison')}: {counted}."
    return text if len(met) == len(found) else f"{text} {alone} more without a peer."


def cell(text: str) -> str:
    """Return text that cannot end a cell, a line or become markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[bool]) -> str:
    """Return a table of cells that are markup already."""
    lines = [headings, ["---:" if flush else "---" for flush in right], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _facts(section: Section) -> str:
    machine = section.machine
    lines = [
        cell(
            f"{wording.build(machine)}; {machine['system']}, Python {machine['python']}; "
            f"instruction sets {' '.join(machine['instruction_sets'])}."
        )
    ]
    lines += [f"**Warning:** {cell(warning)}" for warning in section.warnings]
    return "\n\n".join(lines)


def _row(verdict: Verdict) -> list[str]:
    ours, peer = verdict.ours, verdict.peer
    good = ours["status"] == verdicts.OK
    mine = wording.median(ours) if good else f"*{ours['status']}*"
    mine = f"{mine} {cell(ours['variant'])}".strip()
    times = NOTHING if verdict.times is None else wording.digits(verdict.times)
    if verdict.outcome == verdicts.LEVEL:
        times += " (level)"
    return [
        cell(verdict.title),
        cell(verdict.measure),
        str(verdict.threads),
        mine,
        NOTHING if peer is None else f"{wording.median(peer)} {cell(wording.name(peer))}",
        times,
        memory(verdict),
    ]


def memory(verdict: Verdict) -> str:
    """Return our memory, and its ratio to the peer's."""
    beyond = verdict.ours["beyond_bytes"]
    if beyond is None:
        return NOTHING
    text = wording.size(beyond)
    return text if verdict.memory is None else f"{text}, {wording.digits(verdict.memory)} x peer's"


def _not_ahead(found: list[Verdict], written: list[dict[str, str]]) -> list[str]:
    losers = [v for v in found if v.not_ahead]
    heading = "### Where gibbous is not ahead"
    if not losers:
        return [heading, nowhere(found)]
    return [heading, loser_lines(losers, written)]


def nowhere(found: list[Verdict]) -> str:
    """Return what to say where no case is to be named."""
    if all(v.peer is None for v in found):
        return "Nothing here has a peer."
    return "It is ahead of the best peer in every case here."


def loser_lines(losers: list[Verdict], written: list[dict[str, str]]) -> str:
    """Return a line a case, with every number of threads, why, and what would fix it.

    Cases of a group of many small ones share a line where one reason holds for them.
    """
    cases: dict[tuple[str, ...], list[str]] = {}
    for v in losers:
        peer = "" if v.peer is None else f" beside {wording.name(v.peer)}"
        text = f"{v.ours['variant']} with {wording.threads(v.threads)}{peer} {v.by_how_much()}"
        title = f"{v.title}, "
        if v.group in _SUMMED:
            title, text = "", f"{v.title} ({_briefly(v)}{peer})"
        key = v.group, title, v.measure, verdicts.reason(v, written)
        cases.setdefault(key, []).append(text.strip())
    lines = [
        f"{group_text(group)}: {title}{measure}: {'; '.join(texts)}. Why: {why}"
        for (group, title, measure, why), texts in cases.items()
    ]
    return "\n".join(f"- {cell(line)}" for line in lines)


def _briefly(verdict: Verdict) -> str:
    """Return how far ours is from the best peer, in few words."""
    if verdict.times is None:
        return verdict.by_how_much()
    level = "level, " if verdict.outcome == verdicts.LEVEL else ""
    return f"{level}{wording.digits(verdict.times)} times"


def _more_memory(found: list[Verdict]) -> list[str]:
    cases: dict[tuple[str, ...], list[str]] = {}
    for verdict in more_memory(found):
        key = verdict.group, verdict.title, wording.name(verdict.peer or verdict.ours)
        times = wording.digits(verdict.memory or 0.0)
        cases.setdefault(key, []).append(f"{times} ({wording.threads(verdict.threads)})")
    if not cases:
        return []
    lines = [
        f"- {cell(group_text(group))}: {cell(title)}: {', '.join(times)} times {cell(peer)}'s"
        for (group, title, peer), times in cases.items()
    ]
    return ["### More memory than the best peer", "\n".join(lines)]


def more_memory(found: list[Verdict]) -> list[Verdict]:
    """Return where ours takes more memory than the fastest peer."""
    return [v for v in found if v.memory is not None and v.memory > 1]


def _refused(records: list[dict[str, Any]]) -> list[str]:
    lines = [f"- {cell(line)}" for line in refused(records)]
    return ["### Runs that do not count", "\n".join(lines)] if lines else []


def refused(records: list[dict[str, Any]]) -> list[str]:
    """Return a line a run that is not ranked; what was skipped for one reason comes together."""
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
        headings = ("case", "implementation", "threads", "times as fast as with the fewest")
        parts += ["### Threads", table(headings, rows, (False, False, True, True))]
    grown = trends.growth(section.records)
    if grown:
        rows = [
            [cell(x.heading), x.along, cell(x.name), str(x.threads), str(x.exponent)] for x in grown
        ]
        headings = ("series", "grows", "implementation", "threads", "exponent")
        parts += [
            "### Growth",
            "Seconds as a power of a size, with the standard error of the fit.",
            table(headings, rows, (False, False, False, True, True)),
        ]
    return parts


def _versions(section: Section) -> str:
    found = section.versions()
    return ", ".join(f"{cell(name)} {cell(' or '.join(found[name]))}" for name in found) + "."


# ---- the README --------------------------------------------------------------------------------


def figures(sections: list[Section], files: list[str], written: list[dict[str, str]]) -> str:
    """Return what stands between a README's markers, from the records alone."""
    parts = []
    for section in sections:
        found = verdicts.verdicts(section.records)
        known = verdicts.reasons_on(section.machine, written)
        parts += [
            f"**{cell(section.title)}**; {cell(wording.build(section.machine))}; median of "
            f"{_repeats(section.records)}. {summary(found)}",
            *(f"Warning: {cell(warning)}" for warning in section.warnings),
            table(_HEADINGS, _main_rows(section, found), _RIGHT),
        ]
        losers = [v for v in found if v.not_ahead]
        if losers:
            parts += ["Not ahead:", loser_lines(losers, known)]
        parts += _scaling_lines(section)
    links = ", ".join(f"[{file}]({file})" for file in files)
    parts.append(
        "Memory is the peak beyond interpreter, imports and data. Written by "
        f"`python -m bench report` from {links}; with `--html` it makes a page with plots."
    )
    return "\n\n".join(parts)


def _repeats(records: list[dict[str, Any]]) -> str:
    counts = sorted({len(r["value"]["runs"]) for r in records if r["value"] is not None})
    if not counts:
        return "no runs"
    if len(counts) == 1:
        return wording.count(counts[0], "run")
    return f"{counts[0]} to {counts[-1]} runs"


def _chosen(found: list[Verdict]) -> list[Verdict]:
    """Return one verdict a case and measure: with the most threads that a peer ran with, too.

    Figures without a peer are left out where the case has others with one.
    """
    met = {v.case for v in found if v.peer is not None}
    best: dict[tuple[str, ...], Verdict] = {}
    for verdict in found:
        nothing = verdict.ours["value"] is None and not verdict.not_ahead
        if nothing or (verdict.peer is None and verdict.case in met):
            continue
        alone = verdict.ours["variant"] if verdict.peer is None else ""
        held = best.setdefault((verdict.case, verdict.measure, alone), verdict)
        if held.threads < verdict.threads:
            best[verdict.case, verdict.measure, alone] = verdict
    return list(best.values())


def _main_rows(section: Section, found: list[Verdict]) -> list[list[str]]:
    """Return a row a case in the order of the groups; one a group of many small cases."""
    chosen, rows = _chosen(found), []
    for group in section.groups():
        many = [verdict for verdict in chosen if verdict.group == group]
        if group in _SUMMED:
            met = [verdict for verdict in many if verdict.peer is not None]
            for measure in dict.fromkeys(verdict.measure for verdict in met):
                rows.append(_summed_row(group, [v for v in met if v.measure == measure]))
            continue
        for verdict in many:
            first, *rest = _row(verdict)
            rows.append([f"{cell(group_text(group))}: {first}", *rest])
    return rows


def _summed_row(group: str, met: list[Verdict]) -> list[str]:
    times = sorted(v.times for v in met if v.times is not None)
    threads = sorted({v.threads for v in met})
    found = NOTHING
    if times:
        low, high = wording.digits(times[0]), wording.digits(times[-1])
        found = f"{wording.digits(statistics.median(times))} ({low} to {high})"
    ahead = sum(v.outcome == verdicts.AHEAD for v in met)
    return [
        f"{cell(group_text(group))}: {wording.count(len(met), 'figure')}",
        cell(met[0].measure),
        " to ".join(dict.fromkeys([str(threads[0]), str(threads[-1])])),
        f"ahead in {ahead} of {len(met)}",
        cell(", ".join(sorted({v.peer["implementation"] for v in met if v.peer}))),
        found,
        NOTHING,
    ]


def _scaling_lines(section: Section) -> list[str]:
    """Return a table of our speed-up over threads: a line a group, its median and its range."""
    found: dict[tuple[str, int, int], list[float]] = {}
    for line in trends.scaling(section.records):
        first = int(line.points[0].x)
        for threads, times in trends.speed_up(line)[1:] if line.ours else []:
            found.setdefault((line.group, threads, first), []).append(times)
    if not found:
        return []
    rows = [
        [
            cell(group_text(group)),
            f"{threads} beside {first}",
            wording.digits(statistics.median(times)),
            f"{wording.digits(min(times))} to {wording.digits(max(times))}",
            str(len(times)),
        ]
        for (group, threads, first), times in found.items()
    ]
    headings = ("gibbous over threads", "threads", "times as fast, median", "range", "figures")
    return [table(headings, rows, (False, True, True, True, True))]


def marked_files(readme: str, name: str) -> list[str]:
    """Return the files that a README's opening marker names.

    Raises
    ------
    ValueError
        If the marker is missing, or names none.
    """
    files = (_marker(readme, name)["files"] or "").split()
    if not files:
        raise ValueError(f"{name}: the marker names no file: expected <!-- figures: FILE.json -->")
    return files


def rewritten(readme: str, name: str, text: str, files: list[str]) -> str:
    """Return a README with the text between the markers replaced.

    Raises
    ------
    ValueError
        If a marker is missing.
    """
    opening = _marker(readme, name)
    end = readme.find(CLOSING, opening.end())
    if end < 0:
        raise ValueError(f"{name}: no {CLOSING} after <!-- figures -->; put it where they end")
    marker = f"<!-- figures: {' '.join(files)} -->"
    return f"{readme[: opening.start()]}{marker}\n{text}\n{readme[end:]}"


def beside(path: Path, readme: Path) -> str:
    """Return a file's path as the README names it."""
    return Path(os.path.relpath(path.resolve(), readme.resolve().parent)).as_posix()


def _marker(readme: str, name: str) -> re.Match[str]:
    found = OPENING.search(readme)
    if found is None:
        raise ValueError(
            f"{name}: no line <!-- figures --> to write after; put it, and {CLOSING}, "
            "where the figures belong"
        )
    return found
