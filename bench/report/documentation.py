"""The page of benchmarks in the documentation: one row per case, losses with reasons, memory."""

from __future__ import annotations

import statistics
from typing import Any

from . import markers, trends, verdicts, wording
from .markdown import (
    HEADINGS,
    RIGHT,
    SUMMED,
    cell,
    growth,
    more_memory_lines,
    not_faster,
    not_ranked,
    row,
    summary,
    table,
)
from .sections import Section, group_text
from .verdicts import Verdict
from .wording import NOTHING

_INTRODUCTION = """\
# Benchmarks

Every run is a process of its own. All implementations get the same data, the same initialization
and the same number of iterations, and take turns. One evaluator, which belongs to none of them,
checks what each one reached; a run that reached another result is listed as such and never ranked.

How to read the tables:

- *best peer* is the fastest (or best) other library that reached the same quality;
- *speedup over best peer* is the peer's seconds divided by those of gibbous, or the ratio of the
  figures that is above 1 if gibbous is better;
- *within noise* means that the runs of both overlap, or that single runs differ by less than 10%;
- *memory* is the peak beyond interpreter, imports and data, followed by its ratio to the peer's;
- each row has the largest number of threads that a peer was measured with, too."""

_OWN_MACHINE = """\
## Measure your own machine

```bash
pip install '.[bench,bench-torch]'
python -m bench run --suite standard --json mine.json
python -m bench report mine.json --html page.html
```

The first command, in a checkout, installs the other libraries; those that are not installed are
skipped. The suite `standard` takes about 40 minutes, `--suite long` another half hour for what is
slow in other libraries. The page shows quality over time, thread scaling, growth with size, memory
and the share of the machine's peak performance. In an installed wheel the command is
`gibbous bench`. `python -m bench list` lists groups, cases and libraries,
`python -m bench compare old.json new.json` what became slower, and
`python -m bench versus --old PATH --new PATH` times two installations of gibbous in turn."""


def page(sections: list[Section], files: list[str], written: list[dict[str, str]]) -> str:
    """Return the page, from the records alone."""
    parts = [markers.opening(files), _INTRODUCTION]
    for section in sections:
        parts += _section(section, written)
    parts += [
        _OWN_MACHINE,
        "## Source",
        "`python -m bench report` writes this page from "
        + ", ".join(f"`{file.rpartition('/')[2]}`" for file in files)
        + " in `bench/results`.",
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section, written: list[dict[str, str]]) -> list[str]:
    found = verdicts.verdicts(section.records)
    return [
        f"## {cell(section.title)}",
        f"{cell(wording.build(section.machine))}; median of {_repeats(section.records)}. "
        f"{summary(found)}",
        *(f"Warning: {cell(warning)}" for warning in section.notices()),
        table(HEADINGS, _rows(section, found), RIGHT),
        *not_faster(found, verdicts.reasons_on(section.machine, written)),
        *more_memory_lines(found),
        *_scaling(section),
        *growth(section),
        *not_ranked(section.records),
    ]


def _repeats(records: list[dict[str, Any]]) -> str:
    counts = sorted({len(r["value"]["runs"]) for r in records if r["value"] is not None})
    if not counts:
        return "no runs"
    if len(counts) == 1:
        return wording.count(counts[0], "run")
    return f"{counts[0]} to {counts[-1]} runs"


def one_per_case(found: list[Verdict]) -> list[Verdict]:
    """Return one comparison per case and measure, with the most threads that a peer ran with.

    Figures without a peer are left out if the case has others with one.
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


def _rows(section: Section, found: list[Verdict]) -> list[list[str]]:
    """Return one row per case in the order of the groups; one per group of many small cases."""
    chosen, rows = one_per_case(found), []
    for group in section.groups():
        many = [verdict for verdict in chosen if verdict.group == group]
        if group in SUMMED:
            met = [verdict for verdict in many if verdict.peer is not None]
            for measure in dict.fromkeys(verdict.measure for verdict in met):
                rows.append(_summed_row(group, [v for v in met if v.measure == measure]))
            continue
        for verdict in many:
            first, *rest = row(verdict)
            rows.append([f"{cell(group_text(group))}: {first}", *rest])
    return rows


def _summed_row(group: str, met: list[Verdict]) -> list[str]:
    threads = sorted({v.threads for v in met})
    ahead = sum(v.outcome == verdicts.AHEAD for v in met)
    return [
        f"{cell(group_text(group))}: {wording.count(len(met), 'figure')}",
        cell(met[0].measure),
        " to ".join(dict.fromkeys([str(threads[0]), str(threads[-1])])),
        f"better in {ahead} of {len(met)}",
        cell(", ".join(sorted({v.peer["implementation"] for v in met if v.peer}))),
        spread(met),
        NOTHING,
    ]


def spread(met: list[Verdict]) -> str:
    """Return the median speedup of several comparisons, and its range."""
    times = sorted(v.times for v in met if v.times is not None)
    if not times:
        return NOTHING
    low, high = wording.digits(times[0]), wording.digits(times[-1])
    return f"{wording.digits(statistics.median(times))} ({low} to {high})"


def _scaling(section: Section) -> list[str]:
    """Return a table of the speedup of gibbous over threads, one row per group."""
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
            f"{threads} vs. {first}",
            wording.digits(statistics.median(times)),
            f"{wording.digits(min(times))} to {wording.digits(max(times))}",
            str(len(times)),
        ]
        for (group, threads, first), times in found.items()
    ]
    headings = ("gibbous", "threads", "median speedup", "range", "cases")
    return ["### Thread scaling", table(headings, rows, (False, True, True, True, True))]
