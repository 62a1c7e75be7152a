"""The demonstration: its chapters in turn, and their pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from . import chapters, digits, pictures, texts


def run(folder: Path, console: Console | None = None) -> list[Path]:
    """Run the demo and return the pictures written, none if matplotlib is missing.

    Raises
    ------
    OSError
        If the folder cannot be created or written to.
    """
    console = console or Console(highlight=False)
    missing = pictures.missing()
    if missing is None:
        folder.mkdir(parents=True, exist_ok=True)
    program: Sequence[tuple[str, Callable[[Console], Any], Callable[[Any], Any], str]] = (
        ("1. A point half-way", chapters.story, pictures.story, "1-half-way.png"),
        (
            "2. A photograph in eight colors",
            chapters.photograph,
            pictures.photograph,
            "2-photograph.png",
        ),
        ("3. Handwritten digits", chapters.digits, pictures.digits, "3-digits.png"),
        ("4. Wines", chapters.wines, pictures.wines, "4-wines.png"),
        (
            "5. Topics of Python's documentation",
            texts.library,
            pictures.library,
            "5-docstrings.png",
        ),
        ("6. Half digits and samples", digits.machine, pictures.machine, "6-samples.png"),
    )
    began = time.perf_counter()
    written = []
    for title, chapter, draw, name in program:
        console.rule(f"[bold]{title}", align="left")
        result = chapter(console)
        if missing is None and result is not None:
            written.append(pictures.save(draw(result), folder / name))
            console.print(f"Picture: {written[-1]}", markup=False, soft_wrap=True)
        console.print()
    if missing is not None:
        console.print(f"No pictures: {missing}", markup=False, soft_wrap=True)
    console.print(f"Total time: {time.perf_counter() - began:.1f} s")
    return written
