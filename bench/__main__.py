"""The command: ``python -m bench run gmm kmeans`` from the root of the repository."""

from __future__ import annotations

import argparse
import sys

from .commands import compare, listing, options, report, run, versus
from .harness.process import PACKAGE


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {PACKAGE}",
        description="Time gibbous and other libraries on this machine, and check their results.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="list groups, suites, cases and implementations")
    running = commands.add_parser("run", help="run groups, cases or a suite")
    options.add_run_arguments(running)
    for name, module, purpose in (
        ("compare", compare, "compare two result files; the exit status reports regressions"),
        ("report", report, "write tables and a page with plots from result files"),
        ("versus", versus, "time two installations of gibbous in turn"),
    ):
        module.add_arguments(commands.add_parser(name, help=purpose, description=purpose))
    given = parser.parse_args(arguments)
    if given.command == "list":
        print(listing.text(options.settings(running.parse_args([]))))
        return 0
    if given.command == "run":
        return run.main(given, running)
    if given.command == "versus":
        return versus.main(given, running.parse_args([]))
    return int({"compare": compare, "report": report}[given.command].main(given))


if __name__ == "__main__":
    sys.exit(main())
