"""Printed tables."""

from __future__ import annotations

from typing import Any


def machine_text(machine: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return the heading: the machine and the settings."""
    lines = [
        f"{machine['processor']}, {machine['processors']} processors, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB, {' '.join(machine['instruction_sets'])}",
        f"{machine['system']}, Python {machine['python']}",
        f"gibbous: {_build_text(machine['gibbous'])}",
        f"{settings['threads']} threads, {settings['repeats']} runs in turn, each in a process of "
        f"its own; limit {settings['limit']:g} s per run",
    ]
    if settings["quick"]:
        lines.append("quick: tiny sizes, the times are meaningless")
    return "\n".join(lines)


def _build_text(config: dict[str, Any] | None) -> str:
    """Select what a reader needs from show_config's tables; the JSON has all of it."""
    if config is None:
        return "not installed"
    build, processor = config.get("build", {}), config.get("processor", {})
    version = config.get("versions", {}).get("gibbous", "of unknown version")
    compiler = build.get("compiler", "an unknown compiler")
    return f"{version}, {compiler}, instruction set {processor.get('in use', 'unknown')}"


def line(cells: list[str], columns: tuple[tuple[str, int], ...]) -> str:
    """Return a line of a table: the first cell flush left, the others right."""
    first, *rest = [
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, (_, width)) in enumerate(zip(cells, columns, strict=True))
    ]
    return "  ".join(["", first, *rest]).rstrip()
