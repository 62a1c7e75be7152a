"""What a command shows to people: tables with lines on a terminal, plain columns in a pipe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import is_standard

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

    from ..io.tables import Table

#: Columns in a pipe if COLUMNS is not set.
_WIDE = 120

_MOST_GROUPS = 20
_MOST_COLUMNS = 6


def console(output: Path | None = None) -> Console:
    """Return where results are printed: not on standard output if ``output`` is written there."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            # rich would end the process; exit codes are set in one place
            raise BrokenPipeError

    shown = Plain(highlight=False, stderr=is_standard(output))
    if not shown.is_terminal and not os.environ.get("COLUMNS"):
        shown = Plain(highlight=False, stderr=is_standard(output), width=_WIDE)
    return shown


def grid(shown: Console, names: Sequence[str], text: Sequence[str] = ()) -> Grid:
    """Return an empty table with these columns, numbers but for those in ``text``."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table as Grid

    table = Grid(box=box.SIMPLE_HEAD if shown.is_terminal else None, pad_edge=False)
    for name in names:
        table.add_column(escape(name), justify="left" if name in text else "right", overflow="fold")
    return table


def print_files(shown: Console, files: dict[str, str]) -> None:
    """Print which files were written."""
    for what, path in files.items():
        place = "standard output" if is_standard(Path(path)) else path
        shown.print(f"{what} written to {place}", markup=False, soft_wrap=True)


def print_end(shown: Console, model: Any, files: dict[str, str]) -> None:
    """Print the record of a fit, how to repeat it, and the files written."""
    shown.print(str(model.history_), markup=False, soft_wrap=True)
    shown.print(f"  repeat with --seed {model.random_state}", markup=False)
    print_files(shown, files)


def print_fit(
    model: Any,
    table: Table,
    files: dict[str, str],
    group: str,
    sizes: list[int] | None,
    missing: int,
) -> None:
    """Print a table of the groups, the history, and the files written.

    ``sizes`` are the rows of each group, where groups have no weight.
    """
    shown = console(Path(files["model"]) if "model" in files else None)
    if is_standard(Path(files.get("labels", ""))):
        shown = console(Path(files["labels"]))
    centers = model.means_ if sizes is None else model.cluster_centers_
    column = [f"{w:.4f}" for w in model.weights_] if sizes is None else [f"{n:,}" for n in sizes]
    share = f", {missing:,} values ({missing / table.values.size:.1%}) missing" if missing else ""
    shown.print(f"{len(centers)} {group}s, {len(table.values):,} rows{share}")
    if hasattr(model, "n_effective_components_"):
        shown.print(f"{model.n_effective_components_} of them hold a row or more")
    most = min(centers.shape[1], _MOST_COLUMNS)
    names = table.names or [f"column {at + 1}" for at in range(centers.shape[1])]
    what = "mean" if sizes is None else "center"
    heads = [group, "weight" if sizes is None else "rows", *(f"{what} {n}" for n in names[:most])]
    if most < centers.shape[1]:
        heads.append(f"and {centers.shape[1] - most} more")
    found = grid(shown, heads)
    for at, center in enumerate(centers[:_MOST_GROUPS]):
        found.add_row(str(at), column[at], *(f"{value:.5g}" for value in center[:most]))
    shown.print(found)
    if len(centers) > _MOST_GROUPS:
        shown.print(f"and {len(centers) - _MOST_GROUPS} more {group}s")
    print_end(shown, model, files)


def print_pairs(found: dict[str, Any], below: Sequence[str] = ()) -> None:
    """Print names and values; groups named in ``below`` are under their names."""
    shown = console()
    for name, value in found.items():
        if name in below and isinstance(value, dict):
            shown.print(f"{name.replace('_', ' ')}:", markup=False)
            width = max(map(len, value), default=0)
            for key, item in value.items():
                shown.print(f"  {key:<{width}}  {as_text(item)}", markup=False, soft_wrap=True)
        else:
            line = f"{name.replace('_', ' ')}: {as_text(value)}"
            shown.print(line, markup=False, soft_wrap=True)


def as_text(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, dict):
        if set(value) == {"shape", "dtype"}:
            return f"{' x '.join(f'{size:,}' for size in value['shape'])} {value['dtype']}"
        return ", ".join(f"{key} {as_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(as_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)
