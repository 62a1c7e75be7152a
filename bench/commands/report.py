"""The report of files of results: ``python -m bench report FILE.json``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness import schema
from ..report import html, markdown, sections, verdicts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE.json", help="of python -m bench run"
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE.md", help="write the tables (default: print them)"
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE.html",
        help="write a page with plots, one file that needs no network",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        metavar="README.md",
        help=f"rewrite what stands there between <!-- figures --> and {markdown.CLOSING}",
    )


def main(options: argparse.Namespace) -> int:
    """Write what was asked for and return the exit status: 0, or 2 where a file is no good."""
    try:
        results = [(path.name, schema.load(path)) for path in options.files]
        found = sections.gather(results)
        written = verdicts.reasons()
        if options.readme is not None:
            _rewrite(options.readme, options.files, found, written)
        if options.html is not None:
            options.html.write_text(html.page(found, written), encoding="utf-8")
        if options.markdown is not None:
            options.markdown.write_text(markdown.report(found, written), encoding="utf-8")
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.readme is options.html is options.markdown is None:
        print(markdown.report(found, written), end="")
    return 0


def _rewrite(
    readme: Path,
    files: list[Path],
    found: list[sections.Section],
    written: list[dict[str, str]],
) -> None:
    named = [markdown.beside(path, readme) for path in files]
    text = markdown.figures(found, named, written)
    new = markdown.rewritten(readme.read_text(encoding="utf-8"), str(readme), text, named)
    readme.write_text(new, encoding="utf-8")
