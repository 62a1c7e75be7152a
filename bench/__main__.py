"""The command: ``python -m bench run gmm kmeans`` from the root of the repository."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys

from . import listing, options, run
from .runner import PACKAGE

_LATER = {
    "compare": ("compare", "compare two files of results; the exit status tells of regressions"),
    "report": ("page", "make tables and a page with plots of a file of results"),
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
    for name, (module, says) in _LATER.items():
        if importlib.util.find_spec(f"{__package__}.{module}") is None:
            continue  # not merged
        added = commands.add_parser(name, help=says, description=says)
        importlib.import_module(f"{__package__}.{module}").add_arguments(added)
    given = parser.parse_args(arguments)
    if given.command == "list":
        print(listing.text(options.settings(running.parse_args([]))))
        return 0
    if given.command == "run":
        return run.main(given, running)
    module = importlib.import_module(f"{__package__}.{_LATER[given.command][0]}")
    return int(module.main(given))


if __name__ == "__main__":
    sys.exit(main())
