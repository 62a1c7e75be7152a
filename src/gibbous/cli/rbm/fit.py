"""``gibbous rbm fit``: a Boltzmann machine of the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..files import incoming, name_of
from ..progress import progress_bar
from ..session import (
    after_interrupt,
    check_report,
    fitted_names,
    fresh_seed,
    load_as,
    print_json,
    reporting,
    save_model,
    split_names,
    write_report,
)
from ..show import console, print_end, print_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ...io.tables import Table

LEARNING = "Learning"
UNITS = "Values"

CLASSES = ("BernoulliRBM",)


class Method(str, Enum):
    """Where the chains of the negative phase come from."""

    cd = "cd"
    pcd = "pcd"
    fpcd = "fpcd"
    pt = "pt"


class Schedule(str, Enum):
    """How the learning rate goes down."""

    constant = "constant"
    linear = "linear"
    inverse = "inverse"


class Bias(str, Enum):
    """Where visible biases begin."""

    zero = "zero"
    data = "data"


class Dtype(str, Enum):
    """Precisions."""

    float32 = "float32"
    float64 = "float64"


Shape = Annotated[
    str | None,
    typer.Option(
        "--shape",
        metavar="ROWSxCOLUMNS",
        help="Shape of the images that rows of the table are, for pictures.",
        show_default="a square",
        rich_help_panel=options.OUTPUT,
    ),
]


def _count(least: int, text: str, default: str, *names: str) -> Any:
    return typer.Option(
        *names,
        min=least,
        metavar="N",
        help=text,
        show_default=default,
        rich_help_panel=LEARNING,
    )


def _number(text: str, default: str, *names: str) -> Any:
    return typer.Option(*names, help=text, show_default=default, rich_help_panel=LEARNING)


@dataclass(frozen=True)
class Rows:
    """What a fit is asked about its files."""

    data: options.Data
    columns: options.Columns = None
    weights: options.Weights = None
    header: options.Header = None
    validation: Annotated[
        Path | None,
        typer.Option(
            "--validation",
            metavar="FILE",
            help="Table of rows to watch and not to learn from, with the same columns.",
            rich_help_panel=options.FILES,
        ),
    ] = None
    start: Annotated[
        Path | None,
        typer.Option(
            "--continue",
            metavar="MODEL",
            help="Continue from a model that an earlier fit wrote, with chains and momentum. What "
            "is not given stays as it was there. Two runs end in the same bits as one long run.",
            rich_help_panel=options.FILES,
        ),
    ] = None


@dataclass(frozen=True)
class Learning:
    """How a machine learns. What is not given is as the class has it, or the model gone on from."""

    method: Annotated[
        Method | None,
        typer.Option(
            help="Chains from the data (cd), persistent ones (pcd), these with fast weights "
            "(fpcd), or with parallel tempering (pt).",
            show_default="pcd",
            rich_help_panel=LEARNING,
        ),
    ] = None
    n_gibbs_steps: Annotated[
        int | None, _count(1, "Gibbs steps a mini-batch.", "1", "--n-gibbs-steps", "--steps")
    ] = None
    n_iter: Annotated[
        int | None, _count(0, "Passes over the rows.", "10", "--n-iter", "--epochs")
    ] = None
    batch_size: Annotated[
        int | None, _count(1, "Rows of a mini-batch; 100 are much faster.", "10")
    ] = None
    learning_rate: Annotated[
        float | None, _number("Step along the mean gradient of a mini-batch.", "0.1")
    ] = None
    learning_rate_schedule: Annotated[
        Schedule | None,
        typer.Option(
            "--schedule",
            help="Hold the rate, hold it for half of the epochs and bring it to zero in a line, or "
            "divide it by 1, 2, 3, ...",
            show_default="constant",
            rich_help_panel=LEARNING,
        ),
    ] = None
    momentum: Annotated[
        float | None, _number("Share of the last step added to the next one.", "0")
    ] = None
    centered: Annotated[
        bool | None,
        typer.Option(
            "--centered/--not-centered",
            help="Centered gradient: better conditioned.",
            show_default="not-centered",
            rich_help_panel=LEARNING,
        ),
    ] = None
    l1: Annotated[float | None, _number("Decay of the weights' absolute values.", "0")] = None
    l2: Annotated[float | None, _number("Decay of the weights' squares.", "0")] = None
    sparsity_target: Annotated[
        float | None, _number("Share of rows for which a hidden unit should be on.", "none")
    ] = None
    sparsity_cost: Annotated[float | None, _number("Strength of the pull there.", "0.1")] = None
    n_chains: Annotated[
        int | None, _count(1, "Persistent chains.", "the rows of a mini-batch", "--n-chains")
    ] = None
    n_temperatures: Annotated[
        int | None, _count(2, "Temperatures of a chain, for pt.", "10", "--n-temperatures")
    ] = None
    fast_learning_rate: Annotated[
        float | None, _number("Of the fast weights, for fpcd.", "the learning rate")
    ] = None
    visible_bias: Annotated[
        Bias | None,
        typer.Option(
            help="Begin visible biases at zero, or at the log odds of the data's means.",
            show_default="zero",
            rich_help_panel=LEARNING,
        ),
    ] = None
    dtype: Annotated[
        Dtype | None,
        typer.Option(help="Precision.", show_default="float32", rich_help_panel=LEARNING),
    ] = None


@dataclass(frozen=True)
class Values:
    """What the values of a table mean."""

    data_max: Annotated[
        float | None,
        typer.Option(
            help="The value of a unit that is fully on: 255 for bytes of gray.",
            show_default="1",
            rich_help_panel=UNITS,
        ),
    ] = None
    binarize: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|sample",
            help="A unit is on above this share of --data-max; or draw states anew whenever a row "
            "is used (sample).",
            show_default="values as they are",
            rich_help_panel=UNITS,
        ),
    ] = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that were given.

        Raises
        ------
        ValueError
            If ``binarize`` is neither a number nor ``sample``.
        """
        given: dict[str, Any] = {"data_max": self.data_max, "binarize": self.binarize}
        if self.binarize not in (None, "sample"):
            try:
                given["binarize"] = float(str(self.binarize))
            except ValueError:
                raise ValueError(
                    f"--binarize must be a number, or sample; got {self.binarize!r}"
                ) from None
        return given


@dataclass(frozen=True)
class Stopping:
    """When a fit ends before its last epoch."""

    early_stopping: Annotated[
        bool | None,
        typer.Option(
            "--early-stopping/--no-early-stopping",
            help="End when the pseudo-likelihood of rows held out no longer rises: those of "
            "--validation, or else a share of the table's.",
            show_default="no-early-stopping",
            rich_help_panel=LEARNING,
        ),
    ] = None
    validation_fraction: Annotated[
        float | None,
        _number("Share of the rows that --early-stopping holds out.", "0.1", "--held-out"),
    ] = None
    n_iter_no_change: Annotated[
        int | None, _count(1, "Epochs without a rise before the end.", "5", "--patience")
    ] = None
    tol: Annotated[
        float | None, _number("Smallest rise of the held-out pseudo-likelihood, nats per row.", "0")
    ] = None


@options.grouped
def fit(
    rows: Rows,
    n_components: Annotated[
        int | None,
        typer.Option(
            "-k",
            "--n-components",
            min=1,
            help="Hidden units.",
            show_default="256",
            rich_help_panel=options.FITTING,
        ),
    ] = None,
    *,
    learning: Learning,
    values: Values,
    stopping: Stopping,
    shape: Shape = None,
    repeat: options.Repeat,
    report: options.Report,
) -> None:
    """Learn what explains the rows of a table, by contrastive divergence and its persistent forms.

    Values have to lie between 0 and 1, or between 0 and --data-max. Ctrl-C ends the fit with code
    130; with -o the model of the last finished epoch is kept.
    """
    with reporting():
        # the initial model may be overwritten
        check_report(report, read=[rows.data, rows.validation])
        given = {"n_components": n_components, **vars(learning), **vars(stopping)}
        given |= values.parameters() | {"n_jobs": repeat.n_jobs}
        chosen = {
            name: value.value if isinstance(value, Enum) else value
            for name, value in given.items()
            if value is not None
        }
        if rows.start is None:
            from ...rbm.bernoulli import BernoulliRBM

            model = BernoulliRBM(**chosen, random_state=fresh_seed(repeat.seed))
        else:
            model = _gone_on_from(rows.start, repeat, chosen)
        from ..._ground.validate import check_params

        check_params(model)
        _run(rows, model, image_shape(shape), report)


def _gone_on_from(path: Path, repeat: options.Repeat, chosen: dict[str, Any]) -> Any:
    if repeat.seed is not None:
        raise ValueError(
            "--seed cannot be used with --continue, which continues the random numbers of the "
            "model; leave --seed out"
        )
    return load_as(path, CLASSES).set_params(**chosen)


def image_shape(text: str | None) -> tuple[int, int] | None:
    """Return the shape in ``28x28``, or None for None.

    Raises
    ------
    ValueError
        If it is none.
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--shape must be rows and columns, as 28x28; got {text!r}")
    return int(parts[0]), int(parts[1])


def _run(rows: Rows, model: Any, shape: tuple[int, int] | None, report: options.Report) -> None:
    from ...rbm.machine.training import Diverged

    interrupted, warm = False, model.warm_start
    with progress_bar(report.quiet, report.as_json) as bar:
        bar.wait_for(f"reading {name_of(rows.data)}")
        table, weight = _read(rows, model)
        held_out = _read_held_out(rows, model, table)
        if shape is not None:
            from ...plot.rbm import image_shape as checked

            checked(table.values.shape[1], shape)
        bar.wait_for("packing rows")
        bar.timed, bar.unit = not model.early_stopping, "epoch"
        try:
            model.set_params(warm_start=rows.start is not None).fit(
                table.values, sample_weight=weight, X_val=held_out, callback=bar.callback
            )
        except KeyboardInterrupt:
            interrupted = True
        except Diverged as error:
            raise ValueError(f"{error}{_kept(model, report, table)}") from error
        except ValueError as error:
            if not str(error).startswith("X must lie in"):
                raise
            text = str(error).replace("X must", "values must", 1)
            raise ValueError(f"{table.path}: {text}; or give --data-max") from error
        finally:
            model.set_params(warm_start=warm)
    _name_features(model, table)
    if interrupted:
        after_interrupt(model, report.output, "epoch")

    def draw() -> Figure:
        from ...plot.rbm import rbm_figure

        return rbm_figure(model, shape)

    files = write_report(report, model, draw)
    if report.as_json:
        print_json(_summary(rows, table, model, files))
    elif not report.quiet:
        _print(rows, report, table, model, files)


def _read(rows: Rows, model: Any) -> tuple[Table, NDArray[Any] | None]:
    """Return the rows to train on and their weights.

    Raises
    ------
    ValueError
        If the file does not have the columns that the model was fitted on.
    """
    from ...io.tables import read_table

    data = incoming(rows.data)
    columns = split_names(rows.columns) or fitted_names(model, data, rows.header)
    if columns is not None and rows.weights is not None and rows.weights not in columns:
        columns = [*columns, rows.weights]
    table = read_table(data, columns=columns, header=rows.header, small=True)
    weight = None
    if rows.weights is not None:
        at = rows.weights if columns is None else columns.index(rows.weights)
        table, weight = table.split(at)
    found, fitted = table.values.shape[1], getattr(model, "n_features_in_", None)
    if fitted is not None and found != fitted:
        raise ValueError(
            f"{data} has {found} columns and the model was fitted on {fitted}; "
            "choose them with --columns"
        )
    return table, weight


def _read_held_out(rows: Rows, model: Any, table: Table) -> NDArray[Any] | None:
    from ...io.tables import column_names, read_table

    if rows.validation is None:
        return None
    validation = incoming(rows.validation)
    columns = split_names(rows.columns)
    if table.names is not None and column_names(validation, header=rows.header) is not None:
        columns = list(table.names)
    held_out = read_table(validation, columns=columns, header=rows.header, small=True)
    if held_out.values.shape[1] != table.values.shape[1]:
        raise ValueError(
            f"{validation} has {held_out.values.shape[1]} columns and {rows.data} "
            f"{table.values.shape[1]}; --validation needs the same ones"
        )
    return held_out.values


def _kept(model: Any, report: options.Report, table: Table) -> str:
    """Keep the last good parameters of a fit that diverged, and print their file."""
    if report.output is None or not model.n_iter_:
        return ""
    _name_features(model, table)
    save_model(model, report.output)
    return f". The model of the last good epoch is in {report.output}"


def _name_features(model: Any, table: Table) -> None:
    if table.names is not None:
        import numpy as np

        model.feature_names_in_ = np.array(table.names, dtype=object)


def _summary(rows: Rows, table: Table, model: Any, files: dict[str, str]) -> dict[str, Any]:
    history = model.history_
    held_out, gap = model.validation_scores_, model.free_energy_gap_
    return {
        "command": "rbm fit",
        "data": str(rows.data),
        "rows": len(table.values),
        "features": table.values.shape[1],
        "columns": table.names,
        "parameters": model.get_params(deep=False),
        "epochs": int(model.n_iter_),
        "epochs_in_all": int(model.machine_.epochs),
        "stop_reason": history.stop_reason,
        "pseudo_likelihood": history.values[-1] if history.values else None,
        "held_out_pseudo_likelihood": held_out[-1] if held_out else None,
        "free_energy_gap": gap[-1] if gap else None,
        "files": files,
        "history": history.to_dict(),
    }


def _print(
    rows: Rows, report: options.Report, table: Table, model: Any, files: dict[str, str]
) -> None:
    shown = console(report.output)
    hidden, visible = model.components_.shape
    shown.print(f"{hidden} hidden units, {visible} visible ones, {len(table.values):,} rows")
    if rows.start is None:
        print_end(shown, model, files)
        return
    shown.print(str(model.history_), markup=False, soft_wrap=True)
    shown.print(f"  {model.machine_.epochs} epochs in all, the first ones as in {rows.start}")
    print_files(shown, files)
