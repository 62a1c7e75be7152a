"""``gibbous rbm``: restricted Boltzmann machines from the command line."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..files import check_place
from ..help import App
from ..info import info_of
from ..session import (
    apply_to,
    check_rows,
    feature_columns,
    finish_rows,
    fresh_seed,
    load_as,
    print_json,
    put_rows,
    read_for,
    reporting,
    say,
)
from ..show import console
from . import fit
from .fit import CLASSES, Shape, image_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

app = App(options.GROUPS["rbm"])
app.verb("gibbous rbm fit digits.npy -k 100 --data-max 255 -o model.safetensors")(fit.fit)

SAMPLING = "Sampling"

#: What a file may hold that info tells of.
MACHINES = (*CLASSES, "GaussianRBM", "CategoricalRBM", "RBMClassifier", "ReplicatedSoftmax")

Picture = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw them as images: .png, .svg or .pdf. Needs matplotlib.",
        rich_help_panel=options.OUTPUT,
    ),
]


def _steps(least: int, text: str, *names: str) -> Any:
    return typer.Option(*names, min=least, metavar="N", help=text, rich_help_panel=SAMPLING)


# --- what a machine dreams -------------------------------------------------------------------


@app.verb("gibbous rbm sample model.safetensors -n 100 --plot dreams.png")
def sample(
    model: options.Model,
    n: Annotated[int, typer.Option("-n", "--n-samples", min=1, help="Rows to draw.")] = 100,
    burn_in: Annotated[int, _steps(0, "Gibbs steps before the first row.", "--burn-in")] = 1000,
    n_chains: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Chains side by side.",
            show_default="one a row",
            rich_help_panel=SAMPLING,
        ),
    ] = None,
    thin: Annotated[int, _steps(1, "Steps from one row of a chain to the next.", "--thin")] = 1,
    means: Annotated[
        bool,
        typer.Option(
            "--means",
            help="Probabilities of the last step, not its ones and zeros.",
            rich_help_panel=SAMPLING,
        ),
    ] = False,
    seed: options.Seed = None,
    output: options.Rows = None,
    plot: Picture = None,
    shape: Shape = None,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Draw new rows from a machine by Gibbs sampling.

    With --plot and no -o the picture alone is written.
    """
    with reporting():
        check_rows(output, as_json, model)
        picture = _Picture.of(plot, shape)
        loaded = load_as(model, CLASSES).set_params(n_jobs=n_jobs)
        picture.check(loaded)
        seed = fresh_seed(seed)
        drawn = loaded.sample(
            n, burn_in=burn_in, thin=thin, n_chains=n_chains, means=means, random_state=seed
        )
        picture.draw(lambda ax: _plots().plot_samples(drawn, ax, shape=picture.shape), (7, 7))
        rows = drawn if means else drawn.astype("int8")
        result = {"command": "rbm sample", "rows": n, "seed": seed}
        _finish(result, "samples", loaded, rows, output, as_json, picture)


@app.verb(
    "gibbous rbm reconstruct model.safetensors unseen.npy --plot beside.png",
    "gibbous rbm reconstruct model.safetensors torn.csv --fill -o new.csv",
)
@options.grouped
def reconstruct(
    model: options.Model,
    data: options.Data,
    *,
    fill: Annotated[
        bool,
        typer.Option(
            "--fill",
            help="Keep what is known and fill in what is missing (empty cells, NaN) with the "
            "probability that the unit is on.",
            rich_help_panel=SAMPLING,
        ),
    ] = False,
    n_steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            metavar="N",
            help="Times up and down; with --fill, Gibbs steps before those averaged.",
            show_default="1, or 500 with --fill",
            rich_help_panel=SAMPLING,
        ),
    ] = None,
    n_average: Annotated[
        int | None,
        typer.Option(
            "--average",
            min=1,
            metavar="N",
            help="With --fill, Gibbs steps whose probabilities are averaged.",
            show_default="100",
            rich_help_panel=SAMPLING,
        ),
    ] = None,
    seed: options.Seed = None,
    plot: Picture = None,
    shape: Shape = None,
    how: options.Apply,
) -> None:
    """Show what a machine makes of the rows of a table, or fill in what is missing in them.

    Up to the hidden units and down again; the closer to the rows, the better they are explained.
    With --plot and no -o the picture alone is written.
    """
    with reporting():
        picture = _Picture.of(plot, shape)
        loaded, table = apply_to(model, CLASSES, data, how, missing=True, small=True)
        picture.check(loaded)
        missing = _missing(table)
        if missing and not fill:
            raise ValueError(f"{data}: {missing} values are missing; fill them in with --fill")
        result: dict[str, Any] = {"command": "rbm reconstruct", "rows": len(table)}
        if fill:
            seed = fresh_seed(seed)
            given = {"n_steps": n_steps, "n_average": n_average}
            chosen = {name: value for name, value in given.items() if value is not None}
            rows = loaded.impute(table, random_state=seed, **chosen)
            result |= {"filled_in": missing, "seed": seed}
        else:
            rows = loaded.reconstruct(table, n_steps=n_steps or 1)
            seen = loaded._as_probabilities(table)
            result["squared_error"] = float(((seen - rows) ** 2).sum(axis=1).mean())
        picture.draw(lambda ax: _beside(ax, loaded, table, rows, fill, picture), (12, 2.4))
        key = "filled" if fill else "reconstructions"
        _finish(result, key, loaded, rows, how.output, how.as_json, picture)


def _missing(table: NDArray[Any]) -> int:
    import numpy as np

    return int(np.isnan(table).sum()) if table.dtype.kind == "f" else 0


def _beside(
    ax: Axes, model: Any, table: NDArray[Any], rows: NDArray[Any], fill: bool, picture: _Picture
) -> None:
    seen = model._as_probabilities(table)
    label, most = ("filled in", float(model.data_max)) if fill else ("reconstructed", 1.0)
    _plots().plot_rows({"given": seen, label: rows / most}, ax, shape=picture.shape)


# --- how good it is, and what it has learned -------------------------------------------------


class Likelihood(str, Enum):
    """Ways to find log Z."""

    auto = "auto"
    exact = "exact"
    ais = "ais"
    reverse_ais = "reverse_ais"
    both = "both"
    none = "none"


@app.verb("gibbous rbm score model.safetensors unseen.npy --method both")
@options.grouped
def score(
    model: options.Model,
    data: options.Data,
    *,
    method: Annotated[
        Likelihood,
        typer.Option(
            help="How log Z is found for the log-likelihood: by the sum over all states of the "
            "smaller layer, 25 units at most (exact); by annealed importance sampling, whose "
            "likelihoods are too high on average (ais) or too low (reverse_ais), or between the "
            "two (both); exact where that can be and else ais (auto); or not at all (none).",
            rich_help_panel=SAMPLING,
        ),
    ] = Likelihood.auto,
    n_betas: Annotated[
        int, _steps(3, "Steps of annealed importance sampling.", "--betas")
    ] = 14_500,
    n_chains: Annotated[
        int, _steps(1, "Chains of annealed importance sampling.", "--n-chains")
    ] = 100,
    n_flips: Annotated[
        int | None,
        typer.Option(
            "--flips",
            min=1,
            metavar="N",
            help="Units of each row that are turned over for its pseudo-likelihood; as many as "
            "there are features make it exact.",
            show_default="10, or all where there are fewer",
            rich_help_panel=SAMPLING,
        ),
    ] = None,
    seed: options.Seed = None,
    how: options.Apply,
) -> None:
    """Tell how well a machine explains the rows of a table, in nats a row.

    The log-likelihood is of rows of ones and zeros; rows of probabilities have none, and
    --method none leaves it out. The pseudo-likelihood is that of each unit given all others. Free
    energies compare rows under one machine. With -o the scores of each row are written.
    """
    with reporting():
        loaded, table = apply_to(model, CLASSES, data, how, small=True)
        seed = fresh_seed(seed)
        found = _log_partitions(
            loaded, table, method, n_betas=n_betas, n_chains=n_chains, random_state=seed
        )
        rows = {_likelihood(z): loaded.log_likelihood(table, log_partition=z) for z in found}
        flips = min(10, table.shape[1]) if n_flips is None else n_flips
        rows["pseudo-likelihood"] = loaded.pseudo_likelihood(table, n_flips=flips)
        rows["free energy"] = loaded.free_energy(table)
        rows["reconstruction error"] = loaded.reconstruction_error(table)
        if how.output is not None:
            put_rows(how.output, rows)
        if not how.as_json:
            _print_scores(rows, found, how)
            return
        result: dict[str, Any] = {"command": "rbm score", "rows": len(table), "seed": seed}
        for name, values in rows.items():
            result["_".join(re.findall("[a-z]+", name))] = values.mean()
        result |= {"flips": flips, "log_partition": [_told(log_z) for log_z in found]}
        print_json(result | ({} if how.output is None else {"files": {"scores": str(how.output)}}))


def _log_partitions(
    model: Any, table: NDArray[Any], method: Likelihood, **options: Any
) -> list[Any]:
    """Return the estimates of log Z that were asked for."""
    if method is Likelihood.none:
        return []
    try:
        model._refuse_probabilities(table)
    except ValueError as error:
        if method is not Likelihood.auto:
            raise
        say(f"warning: no log-likelihood: {error}")
        return []
    names = ["ais", "reverse_ais"] if method is Likelihood.both else [method.value]
    return [model.log_partition(name, **options) for name in names]


def _likelihood(log_z: Any) -> str:
    return "log-likelihood" + (", reverse" if log_z.method == "reverse_ais" else "")


def _told(log_z: Any) -> dict[str, Any]:
    return {
        "method": log_z.method,
        "value": log_z.value,
        "bound": log_z.bound,
        "standard_error": log_z.standard_error,
        "interval": log_z.interval,
        "effective_sample_size": log_z.effective_sample_size,
    }


def _print_scores(rows: dict[str, NDArray[Any]], found: list[Any], how: options.Apply) -> None:
    shown = console(how.output)
    errors = {_likelihood(log_z): log_z for log_z in found}
    shown.print(f"{len(next(iter(rows.values()))):,} rows, means:")
    for name, values in rows.items():
        log_z = errors.get(name)
        # that of log Z: the mean is of these rows, whose spread is no error of it
        error = "" if log_z is None or not log_z.n_chains else f" +- {log_z.standard_error:.2g}"
        shown.print(f"  {name:<25}{values.mean():.6g}{error}", markup=False)
    for log_z in found:
        shown.print(f"  {log_z}", markup=False, soft_wrap=True)


@app.verb(
    "gibbous rbm features model.safetensors digits.npy -o features.npy",
    "gibbous rbm features model.safetensors --plot filters.png",
)
def features(
    model: options.Model,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="TABLE",
            help="Rows that are to be told by their hidden units: .csv, .tsv, .npy or .parquet; - "
            "for standard input; without one, --plot.",
            show_default=False,
        ),
    ] = None,
    output: options.Rows = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            help="Draw what each hidden unit looks for: .png, .svg or .pdf. Needs matplotlib.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    most: Annotated[
        int,
        typer.Option(
            "-n",
            "--most",
            min=1,
            metavar="N",
            help="Hidden units in the picture: those with the largest weights.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = 100,
    shape: Shape = None,
    columns: options.Columns = None,
    header: options.Header = None,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Tell the probability that each hidden unit is on for the rows of a table, or draw the units.

    These are the features to give to a classifier.
    """
    with reporting():
        if data is None and plot is None:
            raise ValueError("give a table to tell its rows by hidden units, or --plot FILE")
        check_rows(output, as_json, model, data)
        picture = _Picture.of(plot, shape)
        loaded = load_as(model, CLASSES).set_params(n_jobs=n_jobs)
        picture.check(loaded)
        picture.draw(
            lambda ax: _plots().plot_filters(loaded, ax, shape=picture.shape, n=most), (7, 7)
        )
        result: dict[str, Any] = {"command": "rbm features", **picture.files()}
        if data is None:
            if as_json:
                print_json(result)
            return
        values = loaded.transform(read_for(loaded, data, columns, header, small=True))
        rows = {f"hidden {at}": column for at, column in enumerate(values.T)}
        result["rows"] = len(values)
        finish_rows(result, "features", values, rows, output, as_json)


app.verb("gibbous rbm info model.safetensors")(info_of("rbm", MACHINES))


# --- pictures --------------------------------------------------------------------------------


def _plots() -> Any:
    # Takes matplotlib, and is imported where there is something to draw.
    from ...plot import rbm

    return rbm


class _Picture:
    """A picture that was asked for, or none."""

    def __init__(self, path: Path | None, shape: tuple[int, int] | None) -> None:
        self.path, self.shape = path, shape

    @classmethod
    def of(cls, path: Path | None, shape: str | None) -> _Picture:
        """Find out before the work whether it can be written.

        Raises
        ------
        ValueError, OSError, ImportError
            If not.
        """
        if path is not None:
            from ... import plot
            from ..._ground.files import suffix_of

            suffix_of(path, plot.SUFFIXES, "a picture")
            plot.require()
            check_place(path)
        return cls(path, image_shape(shape))

    def check(self, model: Any) -> None:
        """Raise a ValueError if the features do not make images of the shape that was given."""
        if self.shape is not None:
            _plots().image_shape(model.n_features_in_, self.shape)

    def draw(self, draw: Any, size: tuple[float, float]) -> None:
        """Draw on axes of this size in inches, and write the picture."""
        if self.path is None:
            return
        from ...plot import new_figure, save_figure

        figure = new_figure(*size)
        draw(figure.subplots())
        save_figure(figure, self.path)

    def files(self) -> dict[str, Any]:
        """Return what a result tells of it."""
        return {} if self.path is None else {"files": {"plot": str(self.path)}}


def _finish(
    result: dict[str, Any],
    key: str,
    model: Any,
    rows: NDArray[Any],
    output: Path | None,
    as_json: bool,
    picture: _Picture,
) -> None:
    """Write rows where they were asked for; nowhere if a picture was asked for alone."""
    if picture.path is not None and output is None:
        if as_json:
            print_json(result | picture.files())
        return
    result |= picture.files()
    finish_rows(result, key, rows, feature_columns(model, rows), output, as_json)
