"""A page of every command and option of ``gibbous``, generated from the program."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from typer.main import get_command

from gibbous.cli import app as program

_INTRO = """\
# Commands

Every command and option, as shown by `--help`. Options have the names of the Python parameters.
Exit codes are 0 for success, 1 for an error that is described in one line on standard error, 2 for
an unknown command or option, and 130 after Ctrl-C.
"""


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for inner, sub in getattr(command, "commands", {}).items():
        yield from _commands(sub, f"{name} {inner}")


def _plain(text: str | None) -> str:
    """Return help as one line of Markdown, without rich's markup and with Markdown escaped."""
    text = re.sub(r"\[/?(?:bold|dim|red|green|yellow|cyan)\]", "", text or "")
    return re.sub(r"([\\*_|<>`\[\]])", r"\\\1", " ".join(text.split()))


def _default(option: Any) -> str:
    shown = option.show_default
    if isinstance(shown, str):
        return f" Default: {_plain(shown)}."
    if not shown or option.default is None or callable(option.default):
        return ""
    if isinstance(option.default, bool):
        return ""
    value = getattr(option.default, "value", option.default)
    return f" Default: `{value}`." if value != () else ""


def _row(option: Any) -> str:
    names = ", ".join(f"`{n}`" for n in [*option.opts, *option.secondary_opts])
    return f"| {names} | {_plain(option.help)}{_default(option)} |"


def _section(name: str, command: Any) -> str:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    parts = [f"## {name}", *map(_plain, paragraphs)]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    if arguments:
        usage = " ".join(f"{a.name.upper()}{'...' if a.nargs == -1 else ''}" for a in arguments)
        parts.append(f"```text\n{name} [OPTIONS] {usage}\n```")
        parts += [f"`{a.name.upper()}`\n: {_plain(a.help) or 'Required.'}" for a in arguments]
    own = [o for o in options if o.name != "help"]
    if own:
        parts.append("\n".join(["| option | |", "| --- | --- |", *map(_row, own)]))
    if command.epilog and not hasattr(command, "commands"):
        parts.append(f"```text\n{inspect.cleandoc(command.epilog)}\n```")
    return "\n\n".join(parts)


def write(app: Sphinx) -> None:
    """Write the page, unless it is unchanged."""
    sections = [
        _section(name, command) for name, command in _commands(get_command(program), "gibbous")
    ]
    text = "\n\n".join([_INTRO, *sections]) + "\n"
    path = Path(app.srcdir) / "reference" / "generated" / "commands.md"
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the page before Sphinx reads the source files."""
    app.connect("config-inited", lambda app, _: write(app))
    return {"parallel_read_safe": True}
