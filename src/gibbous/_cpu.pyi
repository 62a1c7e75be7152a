# Written by tools/stubs.py.
"""Probe of the processor, compiled for the baseline instruction set."""

from __future__ import annotations

__all__: list[str] = ["level"]

def level() -> str:
    """Highest x86-64 level this processor runs, or 'base'."""
