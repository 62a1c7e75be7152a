"""How a command runs: its errors, its files and its output."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from .files import (
    check_files,
    incoming,
    is_standard,
    name_of,
    named,
    spooling,
    writing,
)
from .files import check_place as check_place
from .options import INTERRUPTED, Apply, Report, TableFit
from .progress import progress_bar
from .show import console, print_files, print_fit, print_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ..io.tables import Table


#: Exit codes after SIGTERM, and after the reader of standard output closed it.
TERMINATED, CUT_OFF = 143, 141


class _Ending:
    """The outcome of an interrupted command."""

    code = INTERRUPTED


def say(message: str) -> None:
    """Print one line on standard error."""
    print(f"gibbous: {named(' '.join(message.split()))}", file=sys.stderr, flush=True)


@contextmanager
def reporting() -> Iterator[None]:
    """Turn errors and warnings into one line each on standard error.

    A user's error ends the command with code 1, Ctrl-C with 130, SIGTERM with 143, and a reader of
    standard output that has gone away with 141.
    """
    with warnings.catch_warnings(), spooling(), _terminable():
        warnings.simplefilter("default")
        # scikit-learn's, for arrays given to a model with names: the commands check names.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
        try:
            yield
            # Here and not at the exit of Python, when a closed pipe could no longer be reported.
            sys.stdout.flush()
        except BrokenPipeError as error:
            _leave_output()
            raise typer.Exit(CUT_OFF) from error
        except (ValueError, TypeError, OSError, ImportError) as error:
            say(f"error: {_message(error)}")
            raise typer.Exit(1) from error
        except MemoryError as error:
            say(f"error: not enough memory ({error}); give fewer rows or columns, or .npy float32")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            say("interrupted")
            raise typer.Exit(_Ending.code) from error


def _message(error: Exception) -> str:
    """Return the message of an error; those of the system name the file first."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return f"{error.filename}: {(error.strerror or str(error)).lower()}"
    return str(error)


def _leave_output() -> None:
    # Discard what Python would still write at exit.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a command like Ctrl-C."""
    _Ending.code = INTERRUPTED
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> NoReturn:
        _Ending.code = TERMINATED
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def fresh_seed(seed: int | None) -> int:
    """Return the seed given, or a fresh one, which the summary then prints."""
    import secrets

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
        raise ValueError(f"--columns must be names separated by commas; got {columns!r}")
    return names


@dataclass(frozen=True)
class Job:
    """A fit to a table: its files and how it is reported.

    ``mapped`` means that the model reads rows in blocks, so that large files need not be in memory,
    ``missing`` that cells may be empty.
    """

    command: str
    group: str
    table: TableFit
    report: Report
    mapped: bool = False
    missing: bool = False

    def check(self) -> None:
        """Check before the fit that its results can be written.

        Raises
        ------
        ValueError, OSError, ImportError
            If not.
        """
        check_suffix(self.table.labels)
        check_report(self.report, read=[self.table.data], written=[self.table.labels])

    def read(self) -> tuple[Table, NDArray[Any] | None]:
        """Return the data and the weights."""
        from ..io.tables import read_table

        asked = self.table
        data = incoming(asked.data)
        columns = split_names(asked.columns)
        how: Any = {"header": asked.header, "missing": self.missing}
        if asked.weights is None:
            return read_table(data, columns=columns, mapped=self.mapped, **how), None
        if columns is not None and asked.weights not in columns:
            columns = [*columns, asked.weights]
        table = read_table(data, columns=columns, **how)
        # With --columns the table has the requested columns, in that order.
        rest, weight = table.split(
            asked.weights if columns is None else columns.index(asked.weights)
        )
        empty = (weight != weight).nonzero()[0]
        if len(empty):
            raise ValueError(
                f"{data}: the weight of row {empty[0] + 1}, column {asked.weights!r}, is "
                "missing; remove the row or fill it in"
            )
        below = (weight < 0).nonzero()[0]
        if len(below):
            raise ValueError(
                f"{data}: the weight of row {below[0] + 1}, column {asked.weights!r}, is "
                f"{weight[below[0]]:g}; weights must be >= 0"
            )
        return rest, weight


def check_report(
    report: Report, read: Sequence[Path | None] = (), written: Sequence[Path | None] = ()
) -> None:
    """Check before the work that a model and a picture can be written.

    ``read`` are the files that the command reads, ``written`` others that it writes.

    Raises
    ------
    ValueError, OSError, ImportError
        If not.
    """
    from .. import plot
    from .._ground.files import suffix_of

    if report.plot is not None:
        suffix_of(report.plot, plot.SUFFIXES, "a picture")
        plot.require()
    check_files(read, [report.output, report.plot, *written], report.as_json)


def check_suffix(table: Path | None) -> None:
    """Raise a ValueError if the ending of a table to write is not known."""
    from .._ground.files import suffix_of
    from ..io import tables

    if table is not None and not is_standard(table):
        suffix_of(table, tables.SUFFIXES, "a table")


def check_rows(output: Path | None, as_json: bool, *read: Path | None) -> None:
    """Check before the work that rows can be written, given the files that are read.

    Raises
    ------
    ValueError, OSError
        If not.
    """
    check_suffix(output)
    check_files(read, [output], as_json)


def run_fit(job: Job, model: Any, summary: Callable[[Any, Table, bool], dict[str, Any]]) -> None:
    """Fit a model to a file, write what was asked for, and report.

    ``summary`` returns the part of ``--json`` that is specific to the class; its last argument is
    whether rows have weights.
    """
    job.check()
    interrupted = False
    with progress_bar(job.report.quiet, job.report.as_json) as bar:
        bar.wait_for(f"reading {name_of(job.table.data)}")
        table, weight = job.read()
        _check_rows_for(model, table)
        bar.wait_for("finding a start")
        try:
            model.fit(table.values, sample_weight=weight, callback=bar.callback)
        except KeyboardInterrupt:
            interrupted = True
    name_features(model, table)
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
        sizes = None if hasattr(model, "weights_") else group_sizes(model, table)
        missing = count_missing(table.values) if job.missing else 0
        print_fit(model, table, files, job.group, sizes, missing)


def _check_rows_for(model: Any, table: Table) -> None:
    name = "n_clusters" if hasattr(model, "n_clusters") else "n_components"
    groups = getattr(model, name)
    if len(table.values) < groups:
        raise ValueError(
            f"{table.path} has {len(table.values)} rows, fewer than {name}={groups}; lower -k"
        )


def count_missing(values: NDArray[Any]) -> int:
    """Return how many entries are NaN."""
    import numpy as np

    # in blocks: the rows may be mapped from a large file
    parts = (values[first : first + 65536] for first in range(0, len(values), 65536))
    return sum(int(np.isnan(part).sum()) for part in parts)


def name_features(model: Any, table: Table) -> None:
    """Give a fitted model the names of the columns of its table, if it has any."""
    if table.names is not None:
        import numpy as np

        model.feature_names_in_ = np.array(table.names, dtype=object)


def after_interrupt(model: Any, output: Path | None, unit: str = "iteration") -> NoReturn:
    """Save the model of an interrupted fit, report it, and end the command.

    Raises
    ------
    typer.Exit
        Always.
    """
    history = getattr(model, "history_", None)
    if history is None or not history.n_iter:
        say(f"interrupted before the first {unit} finished; nothing was written")
        raise typer.Exit(_Ending.code)
    done = f"interrupted after {history.n_iter} {unit}{'' if history.n_iter == 1 else 's'}"
    if output is None:
        say(f"{done}; use -o to keep the model")
        raise typer.Exit(_Ending.code)
    try:
        save_model(model, output)
    except KeyboardInterrupt:
        say(f"interrupted again; {output} was not written")
    else:
        place = "on standard output" if is_standard(output) else f"in {output}"
        say(f"{done}; the model of the last finished one is {place}")
    raise typer.Exit(_Ending.code)


def _write(job: Job, model: Any, table: Table) -> dict[str, str]:
    def draw() -> Figure:
        from ..plot import fit_figure

        return fit_figure(model, table.values, table.names)

    files = write_report(job.report, model, draw)
    if job.table.labels is not None:
        put_rows(job.table.labels, {job.group: model.predict(table.values)})
        files["labels"] = str(job.table.labels)
    return {name: files[name] for name in ("model", "labels", "plot") if name in files}


def write_report(report: Report, model: Any, draw: Callable[[], Figure]) -> dict[str, str]:
    """Write the model and the picture to the files that were asked for, and return the files."""
    files = {}
    if report.output is not None:
        save_model(model, report.output)
        files["model"] = str(report.output)
    if report.plot is not None:
        from ..plot import save_figure

        figure = draw()
        with writing(report.plot):
            save_figure(figure, report.plot)
        files["plot"] = str(report.plot)
    return files


def save_model(model: Any, path: Path) -> None:
    """Write a model to a file, or to standard output."""
    from ..io.model_file import save

    if not is_standard(path):
        with writing(path):
            save(model, path)
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gibbous-") as folder:
        whole = Path(folder) / "model"
        save(model, whole)
        sys.stdout.buffer.write(whole.read_bytes())
        sys.stdout.buffer.flush()


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

    ``missing``, ``small`` and ``mapped`` are those of :func:`gibbous.io.tables.read_table`.

    Raises
    ------
    ValueError
        If the file does not have them.
    """
    from ..io.tables import read_table

    data = incoming(data)
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


def apply_to(
    model: Path,
    classes: tuple[str, ...],
    data: Path,
    how: Apply,
    *,
    holes: tuple[str, ...] = (),
    **reading: bool,
) -> tuple[Any, NDArray[Any]]:
    """Return a model and the rows to apply it to, once their output is known to have a place.

    ``holes`` are the classes whose rows may have empty cells, ``reading`` as for :func:`read_for`.

    Raises
    ------
    ValueError, OSError
        If the model holds another class, the file other columns, or the output has no place.
    """
    check_rows(how.output, how.as_json, model, data)
    loaded = load_as(model, classes)
    if how.n_jobs is not None:
        loaded.set_params(n_jobs=how.n_jobs)
    reading["missing"] = reading.get("missing", False) or type(loaded).__name__ in holes
    return loaded, read_for(loaded, data, how.columns, how.header, **reading)


def fitted_names(model: Any, data: Path, header: bool | None) -> list[str] | None:
    """Return the names of the columns that a model was fitted on, where a file names columns too.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read.
    """
    from ..io.tables import column_names

    fitted = getattr(model, "feature_names_in_", None)
    if fitted is None or column_names(data, header=header) is None:
        return None
    return [str(name) for name in fitted]


#: The group of a class, and the command in it that applies a model.
_APPLIES = {
    "KMeans": ("kmeans", "predict"),
    "MiniBatchKMeans": ("kmeans", "predict"),
    "GaussianMixture": ("gmm", "predict"),
    "BayesianGaussianMixture": ("gmm", "predict"),
    "LatentDirichletAllocation": ("lda", "infer"),
    "BernoulliRBM": ("rbm", "features"),
}


def load_as(model: Path, classes: tuple[str, ...], verb: str | None = None) -> Any:
    """Read a model file that holds one of these classes.

    ``verb`` is a command that every group has.

    Raises
    ------
    ValueError
        If it holds another; the message names the command for it.
    """
    from ..io.model_file import load

    model = incoming(model)
    loaded = load(model)
    name = type(loaded).__name__
    if name not in classes:
        group, usual = _APPLIES.get(name, ("rbm", "info"))
        raise ValueError(f"{model} holds a {name}; use 'gibbous {group} {verb or usual}'")
    return loaded


def finish_rows(
    result: dict[str, Any],
    key: str,
    values: NDArray[Any],
    rows: dict[str, NDArray[Any]],
    output: Path | None,
    as_json: bool,
) -> None:
    """Write rows to their file; with ``--json`` and no file they are in the result."""
    if output is not None or not as_json:
        put_rows(output, rows)
    if as_json:
        extra: dict[str, Any] = {key: values}
        if output is not None:
            extra = {"files": {key: str(output), **result.get("files", {})}}
        print_json({**result, **extra})


def finish_score(result: dict[str, Any], rows: dict[str, NDArray[Any]], how: Apply) -> None:
    """Print a score, and write that of each row to its file, if any."""
    if how.output is not None:
        put_rows(how.output, rows)
        result["files"] = {"scores": str(how.output)}
    if how.as_json:
        print_json(result)
    elif not is_standard(how.output):
        files = result.pop("files", {})
        print_pairs({name: value for name, value in result.items() if name != "command"})
        print_files(console(), files)


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
    from ..io.tables import text_rows, write_table

    if path is None or is_standard(path):
        for text in text_rows(columns):
            sys.stdout.write(text)
    else:
        with writing(path):
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
