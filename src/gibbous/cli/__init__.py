"""The command ``gibbous``."""

from __future__ import annotations

from .root import app, main

__all__ = ["app", "main"]
