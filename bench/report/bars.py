"""Bars of the page: memory per row and token, and shares of the measured peaks."""

from __future__ import annotations

from html import escape
from typing import Any

from . import verdicts, wording
from .pieces import Part, bar, named, table
from .sections import Section
from .verdicts import Verdict


def memory(section: Section) -> list[Part]:
    parts = []
    for noun, size in (("token", "tokens"), ("row", "n")):
        rows = _memory_rows(section, size)
        if rows:
            headings = ["", "threads", f"bytes per {noun}", ""]
            parts.append((f"Memory: bytes per {noun}", table(headings, rows, [1, 2])))
    return parts


def _memory_rows(section: Section, size: str) -> list[str]:
    """Return rows of bars, with the most threads of each implementation, by case."""
    cases: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for record in section.records:
        sizes = record["sizes"]
        wanted = sizes.get(size) and (size == "tokens" or not sizes.get("tokens"))
        if not wanted or record["status"] != verdicts.OK or not record["beyond_bytes"]:
            continue
        held = cases.setdefault((record["title"] or record["case"], record["measure"]), {})
        last = held.get(wording.name(record))
        if last is None or last["threads"] < record["threads"]:
            held[wording.name(record)] = record
    rows = []
    for (title, _), held in cases.items():
        most = max(_per(r, size) for r in held.values())
        rows.append(f'<tr><th colspan="4"><div>{escape(title)}</div></th></tr>')
        rows += [
            f"<tr><td class=n>{named(r)}</td><td class=r>{r['threads']}</td>"
            f"<td class=r>{wording.digits(_per(r, size))}</td>"
            f"<td>{bar(_per(r, size) / most, r['ours']) if len(held) > 1 else ''}</td></tr>"
            for r in sorted(held.values(), key=lambda r: _per(r, size))
        ]
    return rows


def _per(record: dict[str, Any], size: str) -> float:
    return float(record["beyond_bytes"] / record["sizes"][size])


# ---- shares of the machine's peaks -------------------------------------------------------------


def peaks(section: Section, found: list[Verdict]) -> list[Part]:
    """Return the shares of the measured peaks of gibbous and the best peers, if both are known."""
    if section.peaks is None:
        return []
    rows = []
    for verdict in found:
        shown = [r for r in (verdict.ours, verdict.peer) if r is not None]
        bars = [row for record in shown for row in _shares(record, section.peaks)]
        if bars:
            title = f"{verdict.title} <span>({wording.threads(verdict.threads)})</span>"
            title = title.replace(verdict.title, escape(verdict.title))
            rows.append(f'<tr><th colspan="4"><div>{title}</div></th></tr>')
            rows += bars
    if not rows:
        return []
    note = (
        f"<p>{_peaks_text(section.peaks)} The work is that of the textbook algorithm: "
        "a method that skips work may exceed the peak.</p>"
    )
    headings = ["", "peak", "share", ""]
    return [("Shares of the measured peaks", note + table(headings, rows, [2]))]


def _shares(record: dict[str, Any], measured: dict[str, Any]) -> list[str]:
    value, work = record["value"], record["work"]
    timed = value is not None and value["median"] > 0 and wording.is_time(record["measure"])
    if not timed or not work or record["status"] != verdicts.OK:
        return []
    threads = str(record["threads"])
    products = measured["gemm_flops_per_second"].get(dtype(record), {})
    rows = []
    for name, kind, peak in (
        ("flops", f"products, {dtype(record)}", products.get(threads)),
        ("bytes", "memory bandwidth", measured["bandwidth_bytes_per_second"].get(threads)),
    ):
        if peak is None or not work.get(name):
            continue
        share = work[name] / value["median"] / peak
        rows.append(
            f"<tr><td class=n>{named(record)}</td><td class=n>{kind}</td>"
            f"<td class=r>{wording.percent(share)}</td><td>{bar(share, record['ours'])}</td></tr>"
        )
    return rows


def dtype(record: dict[str, Any]) -> str:
    """Return the floating-point type of a record, stated or from its title."""
    told = record.get("dtype")
    if told is None:
        # Boltzmann machines are float32 throughout
        single = "float32" in record["title"] or "rbm" in record["case"]
        told = "float32" if single else "float64"
    return str(told)


def _peaks_text(measured: dict[str, Any]) -> str:
    parts = [
        f"{kind}: {wording.many(peak)}flop/s with {wording.threads(int(threads))}"
        for kind, by_threads in measured["gemm_flops_per_second"].items()
        for threads, peak in by_threads.items()
    ]
    parts += [
        f"memory: {wording.size(peak)}/s with {wording.threads(int(threads))}"
        for threads, peak in measured["bandwidth_bytes_per_second"].items()
    ]
    return "Measured: " + "; ".join(parts) + "."
