"""Printed tables of the cases of Boltzmann machines."""

from __future__ import annotations

from typing import Any

from ..harness.settings import OK, SKIPPED
from ..harness.tables import line

_COLUMNS = (
    ("implementation", 16),
    ("threads", 7),
    ("s/epoch", 9),
    ("min-max", 13),
    ("speedup", 11),
    ("paired", 11),
    ("CPU s", 8),
    ("set-up s", 8),
    ("extra MB", 9),
    ("recon.", 7),
    ("pseudo-l.", 9),
    ("", 0),
)


def case_text(part: dict[str, Any]) -> str:
    """Return a case's heading and table."""
    facts = part["facts"]
    lines = [
        f"\n{part['name']}: {part['method'].upper()}-{part['k']}, {part['hidden']} hidden, batch "
        f"{part['batch']}, {part['n_epochs']} epochs, rate {part['rate']:g}; {facts['source']}, "
        f"thresholded, {facts['n']:,} x {facts['d']}, {facts['density']:.1%} on",
        f"  reference (NumPy): reconstruction {part['reference']['reconstruction']:.2f}, "
        f"pseudo-likelihood {part['reference']['pseudo_likelihood']:.2f} nats per test row; "
        f"tolerance {part['tolerance']:.0%}",
        line([title for title, _ in _COLUMNS], _COLUMNS),
    ]
    rows = part["results"]
    lines += [line(_cells(row), _COLUMNS) for row in rows if "seconds" in row]
    failed = [row for row in rows if "seconds" not in row and row["status"] != SKIPPED]
    lines += [
        f"  {_name(row)} ({row['threads']}) {row['status']}: {row['reason']}" for row in failed
    ]
    skipped = {f"{row['implementation']} ({row['reason']})": 0 for row in rows if _skipped(row)}
    return "\n".join(lines + (["  skipped: " + ", ".join(skipped)] if skipped else []))


def _skipped(row: dict[str, Any]) -> bool:
    return bool(row["status"] == SKIPPED)


def _name(row: dict[str, Any]) -> str:
    return f"{row['implementation']} {row['variant']}".strip()


def _cells(row: dict[str, Any]) -> list[str]:
    seconds, ratio, spread = row["seconds"], row["times_as_fast_as_best_peer"], row["spread"]
    quality = row.get("quality", {})
    note = "" if row["status"] == OK else f"{row['status']}: {row['reason']}"
    return [
        _name(row),
        str(row["threads"]),
        f"{seconds['median']:.4g}",
        f"{seconds['min']:.4g}-{seconds['max']:.4g}",
        "-" if ratio is None else f"{ratio:.2f}",
        "-" if spread is None else f"{spread[0]:.2f}-{spread[1]:.2f}",
        f"{row['processor_seconds']:.4g}",
        f"{row['setup_seconds']:.2f}",
        f"{row['bytes_beyond_data'] / 1e6:.0f}",
        f"{quality['reconstruction']:.2f}" if quality else "-",
        f"{quality['pseudo_likelihood']:.2f}" if quality else "-",
        f"{note} BUSY".strip() if row["busy"] else note,
    ]
