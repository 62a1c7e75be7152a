"""How a command runs: its errors, its progress bar, its files and what it prints."""

from __future__ import annotations

import json
import math
import secrets
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._fit import Callback, Progress
    from .tables import Table

INTERRUPTED = 130


def say(message: str) -> None:
    """Print one line on standard error."""
    print(f"gibbous: {' '.join(message.split())}", file=sys.stderr, flush=True)


@contextmanager
def reporting() -> Iterator[None]:
    """Turn errors and warnings into one line each on standard error.

    A user's error ends the command with code 1, Ctrl-C with 130.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        # scikit-learn's, for arrays given to a model that knows names: the commands check names.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
        try:
            yield
        except (ValueError, TypeError, OSError, ImportError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            say(f"error: {error}")
            raise typer.Exit(1) from error
        except MemoryError as error:
            say(f"error: not enough memory ({error}); give fewer rows or columns, or .npy float32")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from error


def fresh_seed(seed: int | None) -> int:
    """Return the seed given, or a fresh one, which a summary can then tell."""
    return secrets.randbits(32) if seed is None else seed


def split_names(columns: str | None) -> list[str] | None:
    """Return the names in ``a,b,c``, or None for None.

    Raises
    ------
    ValueError
        If a name is empty.
    """
    if columns is None:
        return None
    names = [name.strip() for name in columns.split(",")]
    if not all(names):
        raise ValueError(f"--columns must be names with commas between them; got {columns!r}")
    return names


@dataclass(frozen=True)
class Job:
    """The files of a fit and how it is reported."""

    command: str
    group: str
    data: Path
    columns: str | None
    weights: str | None
    header: bool | None
    output: Path | None
    labels: Path | None
    plot: Path | None
    as_json: bool
    quiet: bool

    def check(self) -> None:
        """Find out before the work whether its results can be written.

        Raises
        ------
        ValueError, OSError, ImportError
            If not.
        """
        from . import plot, tables
        from ._files import suffix_of

        if self.labels is not None:
            suffix_of(self.labels, tables.SUFFIXES, "a table")
        if self.plot is not None:
            suffix_of(self.plot, plot.SUFFIXES, "a picture")
            plot.require()
        for path in (self.output, self.labels, self.plot):
            if path is not None:
                check_place(path)

    def read(self) -> tuple[Table, NDArray[Any] | None]:
        """Return the data and the weights."""
        from .tables import read_table

        columns = split_names(self.columns)
        if self.weights is None:
            return read_table(self.data, columns=columns, header=self.header), None
        if columns is not None and self.weights not in columns:
            columns = [*columns, self.weights]
        table = read_table(self.data, columns=columns, header=self.header)
        # With --columns the table has the columns asked for, in that order.
        return table.split(self.weights if columns is None else columns.index(self.weights))


def check_place(path: Path) -> None:
    """Raise an OSError if ``path`` is a folder, or in a folder that is not there."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"{path} cannot be written: there is no folder {path.parent}; make it first"
        )


def run_fit(job: Job, model: Any, summary: Callable[[Any, Table, bool], dict[str, Any]]) -> None:
    """Fit a model to a file, write what was asked for, and report.

    ``summary`` returns what belongs to the class alone, for ``--json``; its last argument tells
    whether rows have weights.
    """
    job.check()
    interrupted = False
    with progress_bar(job.quiet) as bar:
        bar.wait_for(f"reading {job.data.name}")
        table, weight = job.read()
        bar.wait_for("finding a start")
        try:
            model.fit(table.values, sample_weight=weight, callback=bar.callback)
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        _after_interrupt(job, model, table)
    _name_features(model, table)
    files = _write(job, model, table)
    if job.as_json:
        print_json(
            {
                "command": job.command,
                "data": str(job.data),
                "rows": len(table.values),
                "features": table.values.shape[1],
                "columns": table.names,
                **summary(model, table, weight is not None),
                "files": files,
                "history": model.history_.to_dict(),
            }
        )
    elif not job.quiet:
        print_fit(job, model, table, files)


def _name_features(model: Any, table: Table) -> None:
    if table.names is not None:
        import numpy as np

        model.feature_names_in_ = np.array(table.names, dtype=object)


def _after_interrupt(job: Job, model: Any, table: Table) -> None:
    from .io import save

    if not hasattr(model, "history_"):
        say("interrupted before the first iteration was finished; nothing was written")
    elif job.output is None:
        say(f"interrupted after {model.history_.n_iter} iterations; -o would have kept the model")
    else:
        _name_features(model, table)
        save(model, job.output)
        say(
            f"interrupted after {model.history_.n_iter} iterations; "
            f"the model of the last finished one is in {job.output}"
        )
    raise typer.Exit(INTERRUPTED)


def _write(job: Job, model: Any, table: Table) -> dict[str, str]:
    files = {}
    if job.output is not None:
        from .io import save

        save(model, job.output)
        files["model"] = str(job.output)
    if job.labels is not None:
        from .tables import write_table

        write_table(job.labels, {job.group: model.predict(table.values)})
        files["labels"] = str(job.labels)
    if job.plot is not None:
        from .plot import fit_figure, save_figure

        save_figure(fit_figure(model, table.values, table.names), job.plot)
        files["plot"] = str(job.plot)
    return files


def group_sizes(model: Any, table: Table) -> list[int]:
    """Return how many rows each cluster has."""
    import numpy as np

    labels = model.predict(table.values)
    return [int(n) for n in np.bincount(labels, minlength=len(model.cluster_centers_))]


def read_for(model: Any, data: Path, columns: str | None, header: bool | None) -> NDArray[Any]:
    """Read the columns that a model was fitted on.

    Raises
    ------
    ValueError
        If the file does not have them.
    """
    from .tables import read_table

    names = split_names(columns)
    fitted = getattr(model, "feature_names_in_", None)
    if names is None and fitted is not None and _names_columns(data, header):
        names = [str(name) for name in fitted]
    table = read_table(data, columns=names, header=header)
    if table.values.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{data} has {table.values.shape[1]} columns and the model was fitted on "
            f"{model.n_features_in_}; choose them with --columns"
        )
    return table.values


def _names_columns(data: Path, header: bool | None) -> bool:
    from .tables import column_names

    return column_names(data, header=header) is not None


def load_as(model: Path, classes: tuple[str, ...], commands: dict[str, str]) -> Any:
    """Read a model file that holds one of these classes.

    Raises
    ------
    ValueError
        If it holds another; the message names the command for it.
    """
    from .io import load

    loaded = load(model)
    name = type(loaded).__name__
    if name not in classes:
        raise ValueError(f"{model} holds a {name}; use 'gibbous {commands[name]} predict'")
    return loaded


def put_rows(path: Path | None, columns: dict[str, NDArray[Any]]) -> None:
    """Write rows to a file, or as .csv to standard output."""
    from .tables import text_rows, write_table

    if path is None:
        for text in text_rows(columns):
            sys.stdout.write(text)
    else:
        write_table(path, columns)


def print_json(result: dict[str, Any]) -> None:
    """Print a result as JSON; numbers that are not finite become null."""
    print(json.dumps(_jsonable(result), allow_nan=False))


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return _jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Bar]:
    """Yield a bar on standard error; it shows nothing where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield Bar(None)
        return
    from rich import progress
    from rich.console import Console

    shown = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[value]}", markup=False),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with shown:
        yield Bar(shown)


class Bar:
    """Shows what a fit is at; an iteration at most ten times a second, not to slow it."""

    def __init__(self, shown: Any) -> None:
        self._shown = shown
        self._next = 0.0
        if shown is not None:
            self._task = shown.add_task("", total=None, value="")

    @property
    def callback(self) -> Callback | None:
        """What a fit is to call; None where nothing is shown."""
        return None if self._shown is None else self._update

    def wait_for(self, what: str) -> None:
        """Show that something is done whose end is not known."""
        if self._shown is not None:
            self._shown.update(self._task, description=what)

    def _update(self, now: Progress) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.1
        start = "" if now.n_starts == 1 else f", start {now.start + 1} of {now.n_starts}"
        self._shown.update(
            self._task,
            description=f"{now.model}{start}",
            value=f"{now.iteration}/{now.max_iter}, {now.metric} {now.value:.6g}",
            total=now.max_iter,
            completed=now.iteration,
        )


# --- for people ------------------------------------------------------------------------------

_MOST_GROUPS = 20
_MOST_COLUMNS = 6


def print_fit(job: Job, model: Any, table: Table, files: dict[str, str]) -> None:
    """Print the history, a table of the groups, and the files written."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as Grid

    console = Console(highlight=False)
    mixture = hasattr(model, "weights_")
    centres = model.means_ if mixture else model.cluster_centers_
    if mixture:
        sizes = [f"{weight:.4f}" for weight in model.weights_]
    else:
        sizes = [f"{size:,}" for size in group_sizes(model, table)]
    shown = min(centres.shape[1], _MOST_COLUMNS)
    console.print(f"{len(centres)} {job.group}s, {len(table.values):,} rows")
    grid = Grid()
    grid.add_column(job.group, justify="right")
    grid.add_column("weight" if mixture else "rows", justify="right")
    names = table.names or [f"column {at + 1}" for at in range(centres.shape[1])]
    for name in names[:shown]:
        grid.add_column(
            ("mean " if mixture else "centre ") + escape(name), justify="right", overflow="fold"
        )
    if shown < centres.shape[1]:
        grid.add_column(f"and {centres.shape[1] - shown} more")
    for at, centre in enumerate(centres[:_MOST_GROUPS]):
        grid.add_row(str(at), sizes[at], *(f"{value:.5g}" for value in centre[:shown]))
    console.print(grid)
    if len(centres) > _MOST_GROUPS:
        console.print(f"and {len(centres) - _MOST_GROUPS} more {job.group}s")
    console.print(str(model.history_), markup=False, soft_wrap=True)
    console.print(f"  repeat with --seed {model.random_state}", markup=False)
    for what, path in files.items():
        console.print(f"{what} written to {path}", markup=False, soft_wrap=True)
