"""The help of all commands: one look and one order, by the means of the command line alone.

Typer's own help takes rich, which takes twice as long to import as all the rest.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from . import options

#: Panels of options in the order in which every help lists them; others are in between.
MODELS = "Models"
_FIRST = ("Arguments", options.FITTING)
_LAST = (options.FILES, "Corpus", "Words", options.OUTPUT)


_SETTINGS = {"help_option_names": ["--help", "-h"]}

#: Widest column of options; longer ones are above their text.
_WIDEST = 36


def _place(panel: str) -> int:
    if panel in _FIRST:
        return _FIRST.index(panel) - len(_FIRST)
    return _LAST.index(panel) + 1 if panel in _LAST else 0


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    panels: dict[str, list[tuple[str, str]]] = {}
    last = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        # Defaults that are text include their own brackets.
        record = (record[0], re.sub(r"\[default: \((.*)\)", r"[default: \1", record[1]))
        panel = getattr(parameter, "rich_help_panel", None)
        if parameter.param_type_name == "argument":
            panel = "Arguments"
        if "--help" in parameter.opts:
            last.append(record)
        else:
            panels.setdefault(panel or options.OUTPUT, []).append(record)
    if set(panels) <= {options.OUTPUT, "Arguments"} and options.OUTPUT in panels:
        panels["Options"] = panels.pop(options.OUTPUT)
    final = next(reversed(sorted(panels, key=_place)), None)
    if final in (None, "Arguments"):
        final = "Options"
    panels.setdefault(final, []).extend(last)
    for panel in sorted(panels, key=_place):
        with formatter.section(panel):
            formatter.write_dl(panels[panel], col_max=min(_WIDEST, formatter.width // 2))


class _Look:
    """Shared formatting of the help of commands and groups."""

    epilog: str | None

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the arguments in capitals."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [piece.strip("{}") for piece in pieces]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, as wide as the terminal."""
        formatter.width = max(36, shutil.get_terminal_size().columns - 1)
        super().format_help(ctx, formatter)  # type: ignore[misc]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, by panels."""
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, one command per line, to be copied."""
        if self.epilog:
            formatter.write_paragraph()
            for line in self.epilog.splitlines():
                formatter.write(f"{line}\n")


class Command(_Look, TyperCommand):
    """A command whose help ends with examples."""


class Group(_Look, TyperGroup):
    """A group of commands with the same look."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, by panels, and then the options."""
        # Groups of models first: Typer lists them after single commands.
        panels: dict[str, list[tuple[str, str]]] = {MODELS: []}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is None or command.hidden:
                continue
            panel = getattr(command, "rich_help_panel", None)
            text = command.get_short_help_str(200)
            panels.setdefault(panel if isinstance(panel, str) else "Commands", []).append(
                (name, text)
            )
        for panel, commands in panels.items():
            if not commands:
                continue
            with formatter.section(panel):
                formatter.write_dl(commands, col_max=min(_WIDEST, formatter.width // 2))
        _write_options(self, ctx, formatter)


class App(typer.Typer):
    """A group of commands under construction."""

    def __init__(self, text: str, **settings: Any) -> None:
        super().__init__(
            help=text,
            no_args_is_help=True,
            # Typer's rich help and tracebacks take most of the import time.
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings=_SETTINGS,
            **{"cls": Group, **settings},
        )

    def verb(
        self, *commands: str, **settings: Any
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Register a command, whose help shows these examples."""
        return self.command(
            **{
                "cls": Command,
                "epilog": examples(*commands),
                **settings,
                "context_settings": {**_SETTINGS, **settings.get("context_settings", {})},
            }
        )


def examples(*commands: str) -> str:
    """Return the end of a command's help: its examples."""
    return "\n".join(["Examples:", *(f"  {command}" for command in commands)])
