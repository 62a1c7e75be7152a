"""The command ``gibbous``.

Modules that take long to import are imported by the commands that need them, so that the help is
there at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import cli_gmm, cli_kmeans, cli_lda, cli_rbm
from .cli_options import Json
from .cli_session import INTERRUPTED, print_json, reporting

app = typer.Typer(
    name="gibbous",
    help="Cluster tables of numbers: hard, by K-means, or soft, by Gaussian mixtures and EM. "
    "Find the topics of texts, by Gibbs sampling. Learn hidden causes, and dream, by Boltzmann "
    "machines.",
    epilog="Start with: gibbous demo     Then: gibbous gmm fit points.csv -k 3 --plot fit.png",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(cli_kmeans.app, name="kmeans")
app.add_typer(cli_gmm.app, name="gmm")
app.add_typer(cli_lda.app, name="lda")
app.add_typer(cli_rbm.app, name="rbm")


def _version(asked: bool) -> None:
    if asked:
        from . import __version__

        print(f"gibbous {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command(epilog="Example: gibbous demo -o pictures")
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for the pictures.")
    ] = Path("gibbous-demo"),
) -> None:
    """Show on real data what the models do; takes seconds, downloads nothing.

    A point half-way between two groups, the colours of a photograph, handwritten digits, wines,
    what Python's own documentation is about, and what a machine makes of half a digit. Writes
    pictures to a folder, if matplotlib is there.
    """
    with reporting():
        from .demo import run

        run(output)


@app.command(epilog="Example: gibbous config")
def config(as_json: Json = False) -> None:
    """Print versions, compiler, instruction set and threads."""
    with reporting():
        from ._config import show_config

        if as_json:
            print_json(show_config(mode="dict") or {})
        else:
            show_config()


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:
        # Before or after a command; during one, reporting() has answered.
        sys.exit(INTERRUPTED)
