"""How seconds grow with a size, and decrease with threads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from . import wording

#: Documents and vocabulary grow with tokens: they are not independent sizes.
_WITH_TOKENS = ("n", "d", "words")


@dataclass(frozen=True)
class Exponent:
    """Slope of the logarithm of a figure over that of a size; its standard error needs 3 points."""

    value: float
    error: float | None

    def __str__(self) -> str:
        if self.error is None:
            return f"{self.value:.2f} (two sizes)"
        return f"{self.value:.2f} ± {self.error:.2f}"


@dataclass(frozen=True)
class Point:
    """The point of one record on a line."""

    x: float
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """Figures of one implementation over one size or number of threads, all else equal."""

    group: str
    heading: str
    along: str
    measure: str
    name: str
    ours: bool
    threads: int
    points: tuple[Point, ...]

    @property
    def exponent(self) -> Exponent:
        return exponent([p.x for p in self.points], [p.median for p in self.points])


def exponent(sizes: list[float], figures: list[float]) -> Exponent:
    """Fit figure = c * size**exponent by least squares of the logarithms.

    Raises
    ------
    ValueError
        If there are not two different sizes, or a number is not positive.
    """
    if min([*sizes, *figures], default=0.0) <= 0 or len(set(sizes)) < 2:
        raise ValueError(
            f"an exponent takes two different sizes and positive figures; got {sizes}, {figures}"
        )
    x, y = [math.log(s) for s in sizes], [math.log(f) for f in figures]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
    if len(x) < 3:
        return Exponent(slope, None)
    rest = sum((b - mean_y - slope * (a - mean_x)) ** 2 for a, b in zip(x, y, strict=True))
    return Exponent(slope, math.sqrt(rest / (len(x) - 2) / spread))


def growth(records: list[dict[str, Any]]) -> list[Line]:
    """Return the lines over sizes: records of one series, one size of which differs."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in _timed(records):
        if not record["series"]:
            continue
        sizes = record["sizes"]
        if "tokens" in sizes:
            sizes = {name: number for name, number in sizes.items() if name not in _WITH_TOKENS}
        for along in sizes:
            others = tuple((name, sizes[name]) for name in sorted(sizes) if name != along)
            key = record["group"], record["series"], along, others, record["measure"]
            who = wording.name(record), record["ours"], record["threads"]
            found.setdefault((*key, *who), []).append(record)
    return [
        Line(group, _heading(series, others), along, measure, name, ours, threads, points)
        for (group, series, along, others, measure, name, ours, threads), rows in found.items()
        if len(points := _points(rows, lambda row, along=along: row["sizes"][along])) > 1
    ]


def scaling(records: list[dict[str, Any]]) -> list[Line]:
    """Return the lines over threads, one per case and implementation."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in _timed(records):
        key = record["group"], record["case"], record["title"], record["measure"]
        found.setdefault((*key, wording.name(record), record["ours"]), []).append(record)
    return [
        Line(group, title or case, "threads", measure, name, ours, 0, points)
        for (group, case, title, measure, name, ours), rows in found.items()
        if len(points := _points(rows, lambda row: row["threads"])) > 1
    ]


def speed_up(line: Line) -> list[tuple[int, float]]:
    """Return threads and the speedup over the smallest number of threads."""
    first = line.points[0]
    return [(int(p.x), first.median / p.median) for p in line.points]


def _timed(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        record
        for record in records
        if record["status"] == "ok"
        and record["value"] is not None
        and record["value"]["min"] > 0
        and wording.is_time(record["measure"])
    ]


def _points(rows: list[dict[str, Any]], place: Any) -> tuple[Point, ...]:
    """Return points in order of x, one per x."""
    points = {
        place(row): Point(
            place(row), row["value"]["median"], row["value"]["min"], row["value"]["max"]
        )
        for row in rows
    }
    return tuple(points[x] for x in sorted(points) if x > 0)


def _heading(series: str, others: tuple[tuple[str, float], ...]) -> str:
    held = ", ".join(f"{name} {wording.short(number)}" for name, number in others if number)
    return f"{series} ({held})" if held else series
