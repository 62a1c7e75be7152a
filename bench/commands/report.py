"""The command ``report``: makes reports of result files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness import schema
from ..report import documentation, html, markdown, markers, sections, summary, verdicts

#: Where the README finds the page of all figures.
PAGE = "docs/benchmarks.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE.json", help="from python -m bench run"
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE.md", help="write the tables (default: print them)"
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE.html",
        help="write a page with plots, a single file that needs no network",
    )
    parser.add_argument(
        "--docs", type=Path, metavar="PAGE.md", help="write the documentation's page of benchmarks"
    )
    parser.add_argument(
        "--summary", action="store_true", help="print the short table of speed against peers"
    )
    parser.add_argument(
        "--readme",
        type=Path,
        metavar="README.md",
        help=f"write the short table there between <!-- figures --> and {markers.CLOSING}",
    )


def main(options: argparse.Namespace) -> int:
    """Write the requested files; return the exit status: 0, or 2 if a file cannot be used."""
    try:
        results = [(path.name, schema.load(path)) for path in options.files]
        found = sections.gather(results)
        _write(options, found, verdicts.reasons())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _write(
    options: argparse.Namespace, found: list[sections.Section], written: list[dict[str, str]]
) -> None:
    if options.readme is not None:
        _rewrite(options.readme, options.files, found)
    texts = (
        (options.html, lambda: html.page(found, written)),
        (options.docs, lambda: documentation.page(found, _names(options, options.docs), written)),
        (options.markdown, lambda: markdown.report(found, written)),
    )
    for path, text in texts:
        if path is not None:
            path.write_text(text(), encoding="utf-8")
    if options.summary:
        print(summary.short(found, PAGE))
    elif options.readme is None and all(path is None for path, _ in texts):
        print(markdown.report(found, written), end="")


def _names(options: argparse.Namespace, page: Path) -> list[str]:
    return [markers.relative(path, page) for path in options.files]


def _rewrite(readme: Path, files: list[Path], found: list[sections.Section]) -> None:
    named = [markers.relative(path, readme) for path in files]
    text = summary.short(found, PAGE)
    new = markers.rewritten(readme.read_text(encoding="utf-8"), str(readme), text, named)
    readme.write_text(new, encoding="utf-8")
