"""The format of numbers and names in every table and plot."""

from __future__ import annotations

import math
from typing import Any

NOTHING = "-"

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_MANY = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))


def digits(value: float) -> str:
    """Return a number with three significant digits, ."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.2e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if not -4 <= exponent < 6:
        return f"{rounded:.2e}"
    return f"{rounded:,.{max(0, 2 - exponent)}f}"


def seconds(value: float) -> str:
    """Return seconds in a suitable unit."""
    return _scaled(value, _SECONDS)


def size(value: float) -> str:
    """Return bytes in a suitable unit."""
    return _scaled(value, _BYTES)


def many(value: float) -> str:
    """Return a large number with k, M, G or T."""
    return _scaled(value, _MANY, "")


def short(value: float) -> str:
    """Return a number as on an axis, without trailing zeros: 20, 50k, 2.2M."""
    scale, unit = next((each for each in _MANY if abs(value) >= max(each[0], 1e4)), (1.0, ""))
    return f"{value / scale:{'.3g' if unit else '.6g'}}{unit.strip()}"


def _scaled(value: float, units: tuple[tuple[float, str], ...], gap: str = " ") -> str:
    if value == 0:
        return f"0{gap}{units[-1][1] if units is not _SECONDS else 's'}"
    # 1000 of a unit after rounding becomes 1 of the next
    magnitude = abs(float(f"{value:.2e}"))
    scale, name = next((unit for unit in units if magnitude >= unit[0]), units[-1])
    return f"{digits(value / scale)}{gap}{name}"


def is_time(measure: str) -> bool:
    """Whether a measure is counted in seconds."""
    return measure.startswith("seconds")


def figure(value: float, measure: str) -> str:
    """Return a value of that measure."""
    return seconds(value) if is_time(measure) else digits(value)


def median(record: dict[str, Any] | None) -> str:
    """Return a record's median, or a dash if it has none."""
    if record is None or record["value"] is None:
        return NOTHING
    return figure(record["value"]["median"], record["measure"])


def name(record: dict[str, Any]) -> str:
    """Return implementation and variant."""
    return f"{record['implementation']} {record['variant']}".strip()


def reason(record: dict[str, Any]) -> str:
    """Return why a record is not ranked; without a reason, how far its result is off."""
    quality = record["quality"]
    if record["reason"] or not quality or quality["value"] is None or quality["reference"] is None:
        return str(record["reason"] or "no reason given")
    numbers = (quality[which] for which in ("value", "reference", "tolerance"))
    value, reference, tolerance = (f"{number:.6g}" for number in numbers)
    return f"{quality['name']} {value} instead of {reference}; the tolerance is {tolerance}"


def threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def percent(share: float) -> str:
    """Return a share in percent, with two digits."""
    return f"{100 * share:.2g}%" if abs(share) < 0.995 else f"{100 * share:.0f}%"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def build(machine: dict[str, Any]) -> str:
    """Return our version, compiler and instruction set as far as they are known."""
    config = machine["gibbous"]
    if config is None:
        return "gibbous not installed"
    version = config.get("versions", {}).get("gibbous", "of unknown version")
    compiler = config.get("build", {}).get("compiler", "unknown compiler")
    level = config.get("processor", {}).get("in use", "unknown")
    return f"gibbous {version}, {compiler}, instruction set {level}"


def processor(machine: dict[str, Any]) -> str:
    """Return the machine in one line."""
    return (
        f"{machine['processor']}, {count(machine['processors'], 'processor')}, "
        f"{size(machine['memory_bytes'])}"
    )
