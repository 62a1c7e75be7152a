"""Commands for mixtures."""

from __future__ import annotations

from .commands import app

__all__ = ["app"]
