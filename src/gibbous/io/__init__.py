"""Model files: ``save`` and ``load``."""

from __future__ import annotations

from .model_file import load, save

__all__ = ["load", "save"]
