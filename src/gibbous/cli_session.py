"""How a command runs: its errors, its files and what it prints."""

from __future__ import annotations

import json
import math
import secrets
import sys
import warnings
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from .cli_options import Report, TableFit
from .cli_progress import progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from rich.console import Console

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
    """A fit to a table: its files and how it is reported.

    ``mapped`` tells that the model reads rows in blocks, so that large files need not be in memory,
    ``missing`` that cells may be empty.
    """

    command: str
    group: str
    table: TableFit
    report: Report
    mapped: bool = False
    missing: bool = False

    def check(self) -> None:
        """Find out before the work whether its results can be written.

        Raises
        ------
        ValueError, OSError, ImportError
            If not.
        """
        from . import tables
        from ._files import suffix_of

        labels = self.table.labels
        if labels is not None:
            suffix_of(labels, tables.SUFFIXES, "a table")
            check_place(labels)
        check_report(self.report)

    def read(self) -> tuple[Table, NDArray[Any] | None]:
        """Return the data and the weights."""
        from .tables import read_table

        asked = self.table
        columns = split_names(asked.columns)
        how: Any = {"header": asked.header, "missing": self.missing}
        if asked.weights is None:
            return read_table(asked.data, columns=columns, mapped=self.mapped, **how), None
        if columns is not None and asked.weights not in columns:
            columns = [*columns, asked.weights]
        table = read_table(asked.data, columns=columns, **how)
        # With --columns the table has the columns asked for, in that order.
        rest, weight = table.split(
            asked.weights if columns is None else columns.index(asked.weights)
        )
        empty = (weight != weight).nonzero()[0]
        if len(empty):
            raise ValueError(
                f"{asked.data}: the weight of row {empty[0] + 1}, column {asked.weights!r}, is "
                "missing; remove the row or fill it in"
            )
        return rest, weight


def check_report(report: Report) -> None:
    """Find out before the work whether a model and a picture can be written.

    Raises
    ------
    ValueError, OSError, ImportError
        If not.
    """
    from . import plot
    from ._files import suffix_of

    if report.plot is not None:
        suffix_of(report.plot, plot.SUFFIXES, "a picture")
        plot.require()
    for path in (report.output, report.plot):
        if path is not None:
            check_place(path)


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
    with progress_bar(job.report.quiet) as bar:
        bar.wait_for(f"reading {job.table.data.name}")
        table, weight = job.read()
        bar.wait_for("finding a start")
        try:
            model.fit(table.values, sample_weight=weight, callback=bar.callback)
        except KeyboardInterrupt:
            interrupted = True
    _name_features(model, table)
    if interrupted:
        after_interrupt(model, job.report.output)
    files = _write(job, model, table)
    if job.report.as_json:
        print_json(
            {
                "command": job.command,
                "data": str(job.table.data),
                "rows": len(table.values),
                "features": table.values.shape[1],
                "columns": table.names,
                **({"missing": count_missing(table.values)} if job.missing else {}),
                **summary(model, table, weight is not None),
                "files": files,
                "history": model.history_.to_dict(),
            }
        )
    elif not job.report.quiet:
        print_fit(job, model, table, files)


def count_missing(values: NDArray[Any]) -> int:
    """Return how many entries are NaN."""
    import numpy as np

    # some rows at a time: they may be mapped from a large file
    parts = (values[first : first + 65536] for first in range(0, len(values), 65536))
    return sum(int(np.isnan(part).sum()) for part in parts)


def _name_features(model: Any, table: Table) -> None:
    if table.names is not None:
        import numpy as np

        model.feature_names_in_ = np.array(table.names, dtype=object)


def after_interrupt(model: Any, output: Path | None, unit: str = "iteration") -> NoReturn:
    """Keep what an interrupted fit has reached, tell so, and end the command.

    Raises
    ------
    typer.Exit
        Always.
    """
    from .io import save

    history = getattr(model, "history_", None)
    if history is None or not history.n_iter:
        say(f"interrupted before the first {unit} was finished; nothing was written")
    elif output is None:
        say(f"interrupted after {history.n_iter} {unit}s; -o would have kept the model")
    else:
        save(model, output)
        say(
            f"interrupted after {history.n_iter} {unit}s; "
            f"the model of the last finished one is in {output}"
        )
    raise typer.Exit(INTERRUPTED)


def _write(job: Job, model: Any, table: Table) -> dict[str, str]:
    def draw() -> Figure:
        from .plot import fit_figure

        return fit_figure(model, table.values, table.names)

    files = write_report(job.report, model, draw)
    if job.table.labels is not None:
        from .tables import write_table

        write_table(job.table.labels, {job.group: model.predict(table.values)})
        files["labels"] = str(job.table.labels)
    return {name: files[name] for name in ("model", "labels", "plot") if name in files}


def write_report(report: Report, model: Any, draw: Callable[[], Figure]) -> dict[str, str]:
    """Write the model and the picture where they were asked for, and return the files."""
    files = {}
    if report.output is not None:
        from .io import save

        save(model, report.output)
        files["model"] = str(report.output)
    if report.plot is not None:
        from .plot import save_figure

        save_figure(draw(), report.plot)
        files["plot"] = str(report.plot)
    return files


def group_sizes(model: Any, table: Table) -> list[int]:
    """Return how many rows each cluster has."""
    import numpy as np

    labels = model.predict(table.values)
    return [int(n) for n in np.bincount(labels, minlength=len(model.cluster_centers_))]


def read_for(
    model: Any,
    data: Path,
    columns: str | None,
    header: bool | None,
    *,
    missing: bool = False,
    small: bool = False,
    mapped: bool = False,
) -> NDArray[Any]:
    """Read the columns that a model was fitted on.

    ``missing``, ``small`` and ``mapped`` are those of :func:`gibbous.tables.read_table`.

    Raises
    ------
    ValueError
        If the file does not have them.
    """
    from .tables import read_table

    names = split_names(columns) or fitted_names(model, data, header)
    table = read_table(
        data, columns=names, header=header, missing=missing, small=small, mapped=mapped
    )
    if table.values.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{data} has {table.values.shape[1]} columns and the model was fitted on "
            f"{model.n_features_in_}; choose them with --columns"
        )
    return table.values


def fitted_names(model: Any, data: Path, header: bool | None) -> list[str] | None:
    """Return the names of the columns that a model was fitted on, where a file names columns too.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read.
    """
    from .tables import column_names

    fitted = getattr(model, "feature_names_in_", None)
    if fitted is None or column_names(data, header=header) is None:
        return None
    return [str(name) for name in fitted]


#: The command that applies a model, by its class.
_APPLIES = {
    "KMeans": "kmeans predict",
    "MiniBatchKMeans": "kmeans predict",
    "GaussianMixture": "gmm predict",
    "BayesianGaussianMixture": "gmm predict",
    "LatentDirichletAllocation": "lda infer",
    "BernoulliRBM": "rbm features",
}


def load_as(model: Path, classes: tuple[str, ...]) -> Any:
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
        raise ValueError(f"{model} holds a {name}; use 'gibbous {_APPLIES[name]}'")
    return loaded


def finish_rows(
    result: dict[str, Any],
    key: str,
    values: NDArray[Any],
    rows: dict[str, NDArray[Any]],
    output: Path | None,
    as_json: bool,
) -> None:
    """Write rows where they were asked for; with ``--json`` and no file they are in the result."""
    if output is not None or not as_json:
        put_rows(output, rows)
    if as_json:
        extra: dict[str, Any] = {key: values}
        if output is not None:
            extra = {"files": {key: str(output), **result.get("files", {})}}
        print_json({**result, **extra})


def feature_columns(model: Any, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return rows of the features that a model was fitted on, each under a name of its own."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = [f"x{at + 1}" for at in range(rows.shape[1])]
    columns: dict[str, NDArray[Any]] = {}
    for name, column in zip(names, rows.T, strict=True):
        columns[unused_name(str(name), columns)] = column
    return columns


def unused_name(name: str, taken: Container[str]) -> str:
    """Return a name that no column has yet: ``name``, or else ``name_2``, ``name_3``, ..."""
    count = 1
    free = name
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


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
    missing = count_missing(table.values) if job.missing else 0
    share = f", {missing:,} values ({missing / table.values.size:.1%}) missing" if missing else ""
    console.print(f"{len(centres)} {job.group}s, {len(table.values):,} rows{share}")
    if hasattr(model, "n_effective_components_"):
        console.print(f"{model.n_effective_components_} of them hold a row or more")
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
    print_end(console, model, files)


def print_end(console: Console, model: Any, files: dict[str, str]) -> None:
    """Print the record of a fit, how to repeat it, and the files written."""
    console.print(str(model.history_), markup=False, soft_wrap=True)
    console.print(f"  repeat with --seed {model.random_state}", markup=False)
    for what, path in files.items():
        console.print(f"{what} written to {path}", markup=False, soft_wrap=True)
