"""The command ``gibbous``.

A model's commands are imported when one of them is called, and modules that take long to import by
the commands that need them, so that the help is there at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_group

from .help import MODELS, App, Group, examples
from .options import GROUPS, INTERRUPTED, Json

HERE = "This installation"

#: Listed by ``gibbous --help``.
EXIT_CODES = {
    0: "done",
    1: "the input cannot be used (one line says why), or doctor found a problem",
    2: "no such command or option",
    130: "Ctrl-C; -o has kept the model of the last finished iteration",
    141: "the reader of a pipe went away",
    143: "SIGTERM; otherwise as 130",
}


class _Root(Group):
    """Imports the commands of a model on demand."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in GROUPS:
            command = get_group(import_module(f".{name}", __package__).app)
            command.name = name
        return name, command, rest


app = App(
    "Cluster tables of numbers: hard, by K-means, or soft, by Gaussian mixtures and EM. "
    "Find the topics of texts by Gibbs sampling. Learn hidden units and sample new rows by "
    "restricted Boltzmann machines.",
    name="gibbous",
    cls=_Root,
    epilog=examples(
        "gibbous demo",
        "gibbous gmm fit points.csv -k 3 --plot fit.png -o model.safetensors",
        "cat points.csv | gibbous kmeans fit - -k 8 --json",
    )
    + "\n\nA file called - is standard input or standard output.\n\nExit codes:\n"
    + "\n".join(f"{code:>5}  {meaning}" for code, meaning in EXIT_CODES.items()),
)
for _name, _help in GROUPS.items():
    app.add_typer(App(_help), name=_name, rich_help_panel=MODELS)


def _version(asked: bool) -> None:
    if not asked:
        return
    from .session import reporting

    with reporting():
        from .. import __version__

        print(f"gibbous {__version__}")
    raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Process the options before a command."""


@app.verb("gibbous demo", "gibbous demo -o pictures", rich_help_panel=HERE)
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for the pictures.")
    ] = Path("gibbous-demo"),
    as_json: Json = False,
) -> None:
    """Demonstrate the models on real data; takes seconds and downloads nothing.

    A point half-way between two groups, the colors of a photograph, handwritten digits, wines,
    the topics of Python's own documentation, and half a digit completed by a machine. Writes
    pictures to a folder, if matplotlib is installed.
    """
    from .session import print_json, reporting

    with reporting():
        from ..demo.show import run

        if not as_json:
            run(output)
            return
        from rich.console import Console

        files = run(output, Console(stderr=True))
        print_json({"command": "demo", "files": [str(file) for file in files]})


@app.verb("gibbous doctor", "gibbous doctor --json", rich_help_panel=HERE)
def doctor(as_json: Json = False) -> None:
    """Check the installation: what it runs on, what is missing, and how to install it.

    Ends with code 1 if there is a problem; warnings do not count.
    """
    from .session import reporting

    with reporting():
        from . import doctor as cli_doctor

        cli_doctor.run(as_json)


@app.verb(
    "gibbous bench --quick",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
    rich_help_panel=HERE,
)
def bench(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGS...", help="Arguments of python -m gibbous.bench."),
    ] = None,
) -> None:
    """Compare the speed with that of other libraries; see --help."""
    from .session import reporting

    with reporting():
        from . import bench as cli_bench

        raise typer.Exit(cli_bench.run(arguments or []))


@app.verb("gibbous config", "gibbous config --json", rich_help_panel=HERE)
def config(as_json: Json = False) -> None:
    """Print versions, compiler, instruction set and threads."""
    from .session import print_json, reporting

    with reporting():
        from .._ground.config import show_config

        if as_json:
            print_json(show_config(mode="dict") or {})
        else:
            show_config()


def main() -> None:
    """Run the command line."""
    try:
        app(prog_name="gibbous")
    except KeyboardInterrupt:
        # Before or after a command; during one, reporting() has handled it.
        sys.exit(INTERRUPTED)
