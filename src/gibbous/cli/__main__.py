"""``python -m gibbous.cli``."""

from __future__ import annotations

from .root import main

main()
