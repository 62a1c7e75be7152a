"""Printed tables of the cases of mixtures and K-means."""

from __future__ import annotations

from typing import Any

from ..harness.tables import line

_COLUMNS = (
    ("implementation", 21),
    ("s/iteration", 11),
    ("min", 9),
    ("max", 9),
    ("speedup", 11),
    ("set-up s", 9),
    ("extra MB", 9),
    ("of data", 7),
    ("quality", 0),
)
_SMALL_COLUMNS = (
    ("data", 16),
    ("k", 3),
    ("model", 13),
    ("init", 7),
    ("ours ms", 9),
    ("peer ms", 9),
    ("speedup", 7),
    ("iterations", 13),
    ("", 0),
)


def case_text(case: dict[str, Any]) -> str:
    """Return a case's heading and table."""
    covariance = f"{case['covariance']} covariances, " if case["covariance"] else ""
    head = (
        f"\n{case['name']}: {covariance}n {case['n']:,} d {case['d']} k {case['k']} "
        f"{case['dtype']} ({case['data_bytes'] / 1e6:.0f} MB), {case['quality']} "
        f"{case['reference']:.12g}"
    )
    if case["unit"] == "iteration":
        head += f" after {case['n_iter']} iterations"
    lines = [head, line([title for title, _ in _columns(case)], _columns(case))]
    lines += [line(_cells(result), _columns(case)) for result in case["results"] if _ran(result)]
    rest = [result for result in case["results"] if not _ran(result)]
    lines += [
        f"  {result['implementation']:<21}  {result['status']}: {result['reason']}"
        for result in rest
        if result["status"] != "skipped"
    ]
    skipped = [
        f"{result['implementation']} ({result['reason']})"
        for result in rest
        if result["status"] == "skipped"
    ]
    if skipped:
        lines.append("  skipped: " + ", ".join(skipped))
    return "\n".join(lines)


def small_text(rows: list[dict[str, Any]]) -> str:
    """Return the table of whole fits on small data, and what is slower than scikit-learn."""
    lines = [
        "\nsmall data: whole fits with default settings, gibbous and scikit-learn",
        line(_titles(), _SMALL_COLUMNS),
    ]
    lines += [line(_small_cells(row), _SMALL_COLUMNS) for row in rows]
    timed = [row for row in rows if row["status"] == "ok"]
    slower = [row for row in timed if row["times_as_fast"] < 1]
    lines.append(
        f"  slower than scikit-learn in {len(slower)} of {len(timed)}"
        + (": " if slower else "")
        + "; ".join(
            f"{row['data']} {row['model']} {row['start']} ({row['times_as_fast']:.2f})"
            for row in slower
        )
    )
    lines += [
        f"  {row['status']}: {row['data']} {row['model']} {row['start']} {row['reason']}"
        for row in rows
        if row["status"] != "ok"
    ]
    return "\n".join(lines)


def _ran(result: dict[str, Any]) -> bool:
    return "seconds" in result


def _columns(case: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple((title.replace("iteration", case["unit"]), width) for title, width in _COLUMNS)


def _cells(result: dict[str, Any]) -> list[str]:
    seconds = result["seconds"]
    ratio = result["times_as_fast_as_best_peer"]
    quality = f"{result['status']} ({result['relative_difference']:+.1e}"
    if result["parameter_difference"] is not None:
        quality += f", parameters {result['parameter_difference']:.0e}"
    quality += ")"
    if result["reason"]:
        quality += f": {result['reason']}"
    return [
        result["implementation"],
        f"{seconds['median']:.5f}",
        f"{seconds['min']:.5f}",
        f"{seconds['max']:.5f}",
        "-" if ratio is None else f"{ratio:.2f}",
        f"{result['setup_seconds']:.4f}",
        f"{result['bytes_beyond_interpreter'] / 1e6:.0f}",
        f"{result['times_data']:.2f}",
        quality + (" BUSY" if result["busy"] else ""),
    ]


def _titles() -> list[str]:
    return [title for title, _ in _SMALL_COLUMNS]


def _small_cells(row: dict[str, Any]) -> list[str]:
    cells = [row["data"], str(row["k"]), row["model"], row["start"]]
    if "ours_seconds" not in row:
        return [*cells, "-", "-", "-", "-", row["status"]]
    note = row["status"] if row["status"] != "ok" else ""
    if row["status"] == "ok" and row["times_as_fast"] < 1:
        note = "SLOWER"
    return [
        *cells,
        f"{row['ours_seconds'] * 1e3:.3f}",
        f"{row['peer_seconds'] * 1e3:.3f}",
        f"{row['times_as_fast']:.2f}",
        f"{row['ours_n_iter']:.1f} / {row['peer_n_iter']:.1f}",
        note,
    ]
