"""Printed tables of the topic cases."""

from __future__ import annotations

from typing import Any

from ..harness.settings import SKIPPED
from ..harness.tables import line
from .runner import EQUAL

_SPEED = (
    ("implementation", 18),
    ("threads", 7),
    ("Mtok/s", 8),
    ("speedup", 11),
    ("s/sweep", 9),
    ("CPU s", 8),
    ("set-up s", 8),
    ("extra MB", 9),
    ("B/token", 7),
    ("joint", 8),
    ("", 0),
)

_CURVE = (
    ("implementation", 18),
    ("threads", 7),
    ("s to target", 11),
    ("speedup", 11),
    ("extra MB", 9),
    ("perplexity (joint) after seconds of sampling", 0),
)


def case_text(part: dict[str, Any]) -> str:
    """Return a case's heading and table."""
    head = f"\n{part['name']}: K {part['k']:,}, alpha {part['alpha']:g}, beta {part['beta']:g}"
    if "facts" not in part:
        return f"{head}\n  skipped: {part['reason']}"
    facts = part["facts"]
    head += (
        f"; {facts['n_documents']:,} documents, {facts['n_words']:,} words, "
        f"{facts['n_tokens']:,} tokens, head word {facts['head_share']:.1%}"
    )
    curve = part["kind"] == "lda-curve"
    columns = _CURVE if curve else _SPEED
    lines = [head, line([title for title, _ in columns], columns)]
    ran = [row for row in part["results"] if "seconds" in row]
    lines += [line((_curve_cells if curve else _speed_cells)(row), columns) for row in ran]
    lines += _left_out([row for row in part["results"] if "seconds" not in row])
    targets = {row["threads"]: row["target"] for row in ran if curve and row["target"]}
    lines += [
        f"  {threads} threads: target {target:.1f}, the best peer's last perplexity x {EQUAL}"
        for threads, target in sorted(targets.items())
    ]
    return "\n".join(lines)


def _left_out(rows: list[dict[str, Any]]) -> list[str]:
    skipped = {f"{row['implementation']} ({row['reason']})": 0 for row in rows if _skipped(row)}
    lines = [
        f"  {_name(row):<18}  {row['threads']:>7}  {row['status']}: {row['reason']}"
        for row in rows
        if not _skipped(row)
    ]
    return lines + (["  skipped: " + ", ".join(skipped)] if skipped else [])


def _skipped(row: dict[str, Any]) -> bool:
    return bool(row["status"] == SKIPPED)


def _name(row: dict[str, Any]) -> str:
    return f"{row['implementation']} {row['variant']}".strip()


def _note(row: dict[str, Any]) -> str:
    note = "" if row["status"] == "ok" else f"{row['status']}: {row['reason']}"
    return f"{note} BUSY".strip() if row["busy"] else note


def _ratio(row: dict[str, Any]) -> str:
    ratio = row["times_as_fast_as_best_peer"]
    return "-" if ratio is None else f"{ratio:.2f}"


def _speed_cells(row: dict[str, Any]) -> list[str]:
    joint = row["quality"][-1]["joint"]
    return [
        _name(row),
        str(row["threads"]),
        f"{row['tokens_per_second'] / 1e6:.2f}",
        _ratio(row),
        f"{row['seconds']['median']:.4g}",
        "-" if row["processor_seconds"] is None else f"{row['processor_seconds']:.4g}",
        f"{row['setup_seconds']:.2f}",
        f"{row['bytes_beyond_corpus'] / 1e6:.0f}",
        f"{row['bytes_a_token']:.1f}",
        "-" if joint is None else f"{joint:.3f}",
        _note(row),
    ]


def _curve_cells(row: dict[str, Any]) -> list[str]:
    looks = []
    for look in row["quality"]:
        text = f"{look['sampling_seconds']:.3g} s {look['perplexity'] or float('nan'):.0f}"
        looks.append(text if look["joint"] is None else f"{text} ({look['joint']:.3f})")
    return [
        _name(row),
        str(row["threads"]),
        "-" if row["figure"] is None else f"{row['figure']:.3g}",
        _ratio(row),
        f"{row['bytes_beyond_corpus'] / 1e6:.0f}",
        ", ".join(looks) + (f" {_note(row)}" if _note(row) else ""),
    ]
