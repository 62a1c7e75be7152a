"""The report as one HTML page that needs no network: tables, bars and plots."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from . import bars, markdown, plots, verdicts, wording
from .pieces import Part, bullets, named, table
from .sections import Section, group_text
from .trends import Line, growth, scaling
from .verdicts import Verdict
from .wording import NOTHING

CSS = Path(__file__).with_name("page.css")


def page(sections: list[Section], written: list[dict[str, str]]) -> str:
    """Return the page."""
    contents, body = [], []
    for i, section in enumerate(sections, 1):
        parts = _parts(section, written, f"m{i}")
        links = "".join(
            f'<li><a href="#m{i}-{j}">{escape(heading)}</a></li>'
            for j, (heading, _) in enumerate(parts, 1)
        )
        title = escape(section.title)
        contents.append(f'<li><a href="#m{i}">{title}</a><ul>{links}</ul></li>')
        body.append(f'<section id="m{i}">\n<h2>{title}</h2>\n{_facts(section)}')
        body += [
            f'<h3 id="m{i}-{j}">{escape(heading)}</h3>\n{html}'
            for j, (heading, html) in enumerate(parts, 1)
        ]
        body.append("</section>")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<title>gibbous and other libraries</title>",
            f"<style>\n{CSS.read_text(encoding='utf-8')}</style></head>",
            "<body><header><h1>gibbous and other libraries</h1>",
            f"<p>{_LEAD}</p></header>",
            f'<nav aria-label="Contents"><ul>{"".join(contents)}</ul></nav>',
            "<main>",
            *body,
            "</main></body></html>\n",
        ]
    )


_LEAD = (
    'Every run is a process of its own, and implementations take turns. <b class="ours">gibbous'
    "</b> has the same color everywhere. A run that did not reach the same quality, timed out or "
    "failed is listed and never ranked. A case counts as faster or slower only if the runs of the "
    "two do not overlap; a single run must differ by a tenth. Memory is the peak beyond "
    "interpreter, imports and data."
)


def _parts(section: Section, written: list[dict[str, str]], number: str) -> list[Part]:
    found = verdicts.verdicts(section.records)
    written = verdicts.reasons_on(section.machine, written)
    looks = plots.Looks(section.records)
    parts = [("Summary", _summary(found)), *_losers(found, written)]
    groups = [(group_text(group), _group(section, group)) for group in section.groups()]
    parts += [(groups[0][0], _STRIPS + groups[0][1]), *groups[1:]] if groups else []
    parts += _curves(section, looks, number)
    parts += _scaling(section, looks, number)
    parts += _growth(section, looks, number)
    parts += bars.memory(section)
    parts += bars.peaks(section, found)
    lines = markdown.refused(section.records)
    if lines:
        parts.append(("Runs that are not ranked", bullets(lines)))
    parts.append(("Versions", _versions(section)))
    return parts


# ---- pieces ------------------------------------------------------------------------------------


def _facts(section: Section) -> str:
    machine = section.machine
    load = ", ".join(f"{value:.2f}" for value in machine["load_average"])
    facts = {
        "Build": wording.build(machine),
        "Instruction sets": ", ".join(machine["instruction_sets"]) or "none",
        "System": machine["system"],
        "Python": machine["python"],
        "Load at the start": load,
        "Files": ", ".join(section.names),
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    warnings = "".join(
        f'<p class="warning"><b>Warning:</b> {escape(text)}</p>' for text in section.notices()
    )
    return f"<dl>{rows}</dl>{warnings}"


def _versions(section: Section) -> str:
    rows = [
        f"<tr><td>{escape(name)}</td><td>{escape(' or '.join(versions))}</td></tr>"
        for name, versions in section.versions().items()
    ]
    return table(["distribution", "version"], rows)


# ---- verdicts ----------------------------------------------------------------------------------


def _summary(found: list[Verdict]) -> str:
    words = {
        verdicts.AHEAD: "faster or better than the best peer",
        verdicts.LEVEL: "within noise",
        verdicts.BEHIND: "slower or worse than the best peer",
        verdicts.REFUSED: "without a valid result",
        verdicts.ALONE: "without a peer",
    }
    counts = {word: sum(v.outcome == outcome for v in found) for outcome, word in words.items()}
    items = "".join(f"<li><b>{number}</b>{word}</li>" for word, number in counts.items())
    return f'<ul class="counts">{items}</ul>'


def _losers(found: list[Verdict], written: list[dict[str, str]]) -> list[Part]:
    losers = [v for v in found if v.not_ahead]
    rows = [
        "<tr>"
        f'<td class="case">{escape(_case(v))}</td>'
        f"<td class=r>{v.threads}</td>"
        f"<td class=n>{escape(_ours(v))}</td>"
        f"<td>{_peer(v)}</td>"
        f"<td>{escape(v.by_how_much())}</td>"
        f'<td class="why">{escape(verdicts.reason(v, written))}</td></tr>'
        for v in losers
    ]
    headings = ["case", "threads", "gibbous", "best peer", "ratio", "reason"]
    html = table(headings, rows, [1]) if rows else f"<p>{markdown.nowhere(found)}</p>"
    parts = [("Where gibbous is not faster", html)]
    more = markdown.more_memory(found)
    if more:
        rows = [
            f'<tr><td class="case">{escape(_case(v))}</td><td class=r>{v.threads}</td>'
            f"<td class=r>{wording.size(v.ours['beyond_bytes'])}</td>"
            f"<td class=r>{wording.size((v.peer or v.ours)['beyond_bytes'])}</td>"
            f"<td>{escape(wording.name(v.peer or v.ours))}</td>"
            f"<td class=r>{wording.digits(v.memory or 0.0)}</td></tr>"
            for v in more
        ]
        headings = ["case", "threads", "gibbous", "peer", "", "ratio"]
        html = table(headings, rows, [1, 2, 3, 5])
        parts.append(("More memory than the best peer", html))
    return parts


def _case(verdict: Verdict) -> str:
    return f"{group_text(verdict.group)}: {verdict.title}, {verdict.measure}"


def _ours(verdict: Verdict) -> str:
    if verdict.outcome == verdicts.REFUSED:
        return f"{NOTHING} {verdict.ours['variant']}".strip()
    return f"{wording.median(verdict.ours)} {verdict.ours['variant']}".strip()


def _peer(verdict: Verdict) -> str:
    if verdict.peer is None:
        return NOTHING
    return f"{escape(wording.median(verdict.peer))} {escape(wording.name(verdict.peer))}"


# ---- one table per group -----------------------------------------------------------------------

_HEADINGS = [
    "",
    "threads",
    "median",
    "speedup over best peer",
    "runs",
    "memory",
    "ratio to data",
    "quality",
]

_STRIPS = (
    '<p class="soft">A strip shows every run, from half the median to twice the median; the '
    "speedup is above 1 for what is better than the best peer.</p>"
)


def _group(section: Section, group: str) -> str:
    rows: list[str] = []
    cases: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for record in section.records:
        if record["group"] == group:
            key = record["case"], record["title"], record["measure"]
            cases.setdefault(key, []).append(record)
    best = {_place(v.ours): v.peer for v in verdicts.verdicts(section.records)}
    for (case, title, measure), records in cases.items():
        shown = [r for r in records if r["status"] != "skipped"]
        if not shown:
            continue
        note = f"{escape(case)}; {escape(measure)}"
        if not shown[0]["lower_is_better"]:
            note += "; higher is better"
        rows.append(
            f'<tr><th colspan="{len(_HEADINGS)}"><div>{escape(title or case)} <span>({note})</span>'
            "</div></th></tr>"
        )
        rows += [_row(record, best.get(_place(record))) for record in sorted(shown, key=_order)]
    if not rows:
        return "<p>No case of this group ran.</p>"
    return table(_HEADINGS, rows, [1, 2, 3, 5, 6])


def _place(record: dict[str, Any]) -> tuple[str, int, str]:
    return record["case"], record["threads"], record["measure"]


def _order(record: dict[str, Any]) -> tuple[int, bool, float]:
    """Sort by threads, then the best first, then invalid results."""
    value = record["value"]
    if value is None or record["status"] != verdicts.OK:
        return record["threads"], True, 0.0
    sign = 1.0 if record["lower_is_better"] else -1.0
    return record["threads"], False, sign * value["median"]


def _row(record: dict[str, Any], peer: dict[str, Any] | None) -> str:
    good = record["status"] == verdicts.OK
    times = NOTHING
    if good and peer is not None and record["value"] is not None:
        mine, theirs = record["value"]["median"], peer["value"]["median"]
        ratio = (theirs, mine) if record["lower_is_better"] else (mine, theirs)
        if min(ratio) > 0:
            times = wording.digits(ratio[0] / ratio[1])
    beyond, data = record["beyond_bytes"], record["data_bytes"]
    note = record["reason"]
    if not good:
        note = f"{record['status']}: {note}" if note else record["status"]
    said = [text for text in (escape(note), _quality(record)) if text]
    if record["busy"]:
        said.append("the machine was busy")
    cells = [
        f"<td class=n>{named(record)}</td>",
        f"<td class=r>{record['threads']}</td>",
        f"<td class=r>{escape(wording.median(record))}</td>",
        f"<td class=r>{times}</td>",
        f"<td>{_strip(record)}</td>",
        f"<td class=r>{NOTHING if beyond is None else wording.size(beyond)}</td>",
        f"<td class=r>{wording.digits(beyond / data) if beyond and data else NOTHING}</td>",
        f'<td class="why">{"; ".join(said) or NOTHING}</td>',
    ]
    return f"<tr{'' if good else ' class=off'}>{''.join(cells)}</tr>"


def _quality(record: dict[str, Any]) -> str:
    quality = record["quality"]
    if quality is None:
        return ""
    text = f"{quality['name']} {quality['value']:.6g}"
    if quality["reference"] or quality["tolerance"]:
        text += f", reference {quality['reference']:.6g} ± {quality['tolerance']:.1g}"
    return escape(text)


def _strip(record: dict[str, Any]) -> str:
    """Return a strip of the runs around their median, on a logarithmic scale."""
    value = record["value"]
    if value is None or value["min"] <= 0:
        return NOTHING
    if len(value["runs"]) == 1:
        return '<span class="n">one run</span>'
    places = [50 + 50 * math.log2(run / value["median"]) for run in value["runs"]]
    dots = "".join(f'<circle cx="{min(max(p, 3), 97):.1f}" cy="7" r="3"/>' for p in places)
    spread = f"{wording.median(record)}, from {wording.figure(value['min'], record['measure'])} to "
    spread += wording.figure(value["max"], record["measure"])
    mine = " mine" if record["ours"] else ""
    return (
        f'<svg class="strip{mine}" viewBox="0 0 100 14" role="img"><title>{escape(spread)}</title>'
        f'<line x1="0" y1="7" x2="100" y2="7"/><line x1="50" y1="1" x2="50" y2="13"/>{dots}</svg>'
    )


# ---- plots -------------------------------------------------------------------------------------


def _figure(caption: str, note: str, svg: str) -> str:
    label = escape(f"{caption}, {note}", quote=True)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    small = f" <span>{escape(note)}</span>" if note else ""
    return f"<figure><figcaption>{escape(caption)}{small}</figcaption>{svg}</figure>"


def _plots(figures: list[str]) -> str:
    return f'<div class="plots">{"".join(figures)}</div>'


def _curves(section: Section, looks: plots.Looks, number: str) -> list[Part]:
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for record in section.records:
        if record["curve"] and record["status"] == verdicts.OK:
            found.setdefault((record["case"], record["threads"]), []).append(record)
    figures = [
        _figure(
            records[0]["title"] or case,
            wording.threads(threads),
            plots.curves(records, looks, f"{number}c{i}"),
        )
        for i, ((case, threads), records) in enumerate(found.items())
    ]
    return [("Quality over time", _plots(figures))] if figures else []


def _scaling(section: Section, looks: plots.Looks, number: str) -> list[Part]:
    found: dict[tuple[str, str, str], list[Line]] = {}
    for line in scaling(section.records):
        found.setdefault((line.group, line.heading, line.measure), []).append(line)
    figures = [
        _figure(heading, measure, plots.scaling(lines, looks, f"{number}s{i}"))
        for i, ((_, heading, measure), lines) in enumerate(found.items())
    ]
    note = (
        "<p>Speedup of each implementation over its own fewest threads; the dotted line is ideal "
        "scaling. A slow program scales more easily than a fast one.</p>"
    )
    return [("Thread scaling", note + _plots(figures))] if figures else []


def _growth(section: Section, looks: plots.Looks, number: str) -> list[Part]:
    found: dict[tuple[str, str, str], dict[int, list[Line]]] = {}
    for line in growth(section.records):
        key = line.heading, line.along, line.measure
        found.setdefault(key, {}).setdefault(line.threads, []).append(line)
    figures = []
    for i, ((heading, along, measure), by_threads) in enumerate(found.items()):
        # one number of threads is drawn: the one with most lines, the smallest in case of ties
        threads = min(by_threads, key=lambda t: (-len(by_threads[t]), t))
        svg = plots.growth(by_threads[threads], looks, f"{number}g{i}")
        note = f"over {along}, {measure}, {wording.threads(threads)}"
        figures.append(_figure(heading, note, svg))
    note = (
        "<p>The legend shows the exponent of a power law, fitted by least squares to the "
        "logarithms, with its standard error.</p>"
    )
    return [("Growth with size", note + _plots(figures))] if figures else []
