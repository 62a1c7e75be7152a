"""Commands for Boltzmann machines."""

from __future__ import annotations

from .commands import app

__all__ = ["app"]
