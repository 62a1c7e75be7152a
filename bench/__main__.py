"""The command: ``python -m bench run gmm kmeans`` from the root of the repository."""

from __future__ import annotations

import argparse
import sys

from .commands import compare, listing, options, report, run
from .harness.process import PACKAGE

#: Commands on files of results.
_OF_FILES = {
    "compare": (compare, "compare two files of results; the exit status tells of regressions"),
    "report": (report, "make tables and a page with plots of a file of results"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {PACKAGE}",
        description="Time gibbous against its peers on this machine, with the answers checked.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="list groups, suites, cases and peers, and what they take")
    running = commands.add_parser("run", help="run groups, cases or a suite")
    options.add_run_arguments(running)
    for name, (module, says) in _OF_FILES.items():
        module.add_arguments(commands.add_parser(name, help=says, description=says))
    given = parser.parse_args(arguments)
    if given.command == "list":
        print(listing.text(options.settings(running.parse_args([]))))
        return 0
    if given.command == "run":
        return run.main(given, running)
    return int(_OF_FILES[given.command][0].main(given))


if __name__ == "__main__":
    sys.exit(main())
