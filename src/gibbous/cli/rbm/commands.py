"""``gibbous rbm``: restricted Boltzmann machines from the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
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

#: Classes that the info command describes.
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


# --- samples and reconstructions --------------------------------------------------------------


@dataclass(frozen=True)
class Draws:
    """How rows are sampled."""

    n: Annotated[int, typer.Option("-n", "--n-samples", min=1, help="Rows to draw.")] = 100
    burn_in: Annotated[int, _steps(0, "Gibbs steps before the first row.", "--burn-in")] = 1000
    n_chains: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of parallel chains.",
            show_default="one per row",
            rich_help_panel=SAMPLING,
        ),
    ] = None
    thin: Annotated[int, _steps(1, "Gibbs steps between two rows of a chain.", "--thin")] = 1
    means: Annotated[
        bool,
        typer.Option(
            "--means",
            help="Write the probabilities of the last step instead of zeros and ones.",
            rich_help_panel=SAMPLING,
        ),
    ] = False
    seed: options.Seed = None

    def of(self, model: Any, seed: int) -> NDArray[Any]:
        """Return rows drawn from a machine."""
        rows: NDArray[Any] = model.sample(
            self.n,
            burn_in=self.burn_in,
            thin=self.thin,
            n_chains=self.n_chains,
            means=self.means,
            random_state=seed,
        )
        return rows


@dataclass(frozen=True)
class Drawing:
    """A picture of rows."""

    plot: Picture = None
    shape: Shape = None


@app.verb("gibbous rbm sample model.safetensors -n 100 --plot samples.png")
@options.grouped
def sample(
    model: options.Model,
    draws: Draws,
    *,
    output: options.Rows = None,
    drawing: Drawing,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Draw new rows from a machine by Gibbs sampling.

    With --plot and without -o only the picture is written.
    """
    with reporting():
        check_rows(output, as_json, model)
        picture = _Picture.of(drawing)
        loaded = load_as(model, CLASSES).set_params(n_jobs=n_jobs)
        picture.check(loaded)
        seed = fresh_seed(draws.seed)
        drawn = draws.of(loaded, seed)
        picture.draw(lambda ax: _plots().plot_samples(drawn, ax, shape=picture.shape), (7, 7))
        rows = drawn if draws.means else drawn.astype("int8")
        result = {"command": "rbm sample", "rows": draws.n, "seed": seed}
        _Rows(result, "samples", rows).finish(loaded, output, as_json, picture)


@dataclass(frozen=True)
class Filling:
    """Whether and how missing entries are imputed."""

    fill: Annotated[
        bool,
        typer.Option(
            "--fill",
            help="Keep the entries that are given, and impute missing ones (empty cells, NaN) by "
            "the probability that the unit is on.",
            rich_help_panel=SAMPLING,
        ),
    ] = False
    n_steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            metavar="N",
            help="Passes up and down; with --fill, Gibbs steps before those that are averaged.",
            show_default="1, or 500 with --fill",
            rich_help_panel=SAMPLING,
        ),
    ] = None
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
    ] = None
    seed: options.Seed = None

    def impute(self, model: Any, table: NDArray[Any], seed: int) -> NDArray[Any]:
        """Return the rows with their missing entries imputed."""
        given = {"n_steps": self.n_steps, "n_average": self.n_average}
        chosen = {name: value for name, value in given.items() if value is not None}
        rows: NDArray[Any] = model.impute(table, random_state=seed, **chosen)
        return rows


@app.verb(
    "gibbous rbm reconstruct model.safetensors unseen.npy --plot rows.png",
    "gibbous rbm reconstruct model.safetensors incomplete.csv --fill -o whole.csv",
)
@options.grouped
def reconstruct(
    model: options.Model,
    data: options.Data,
    filling: Filling,
    drawing: Drawing,
    how: options.Apply,
) -> None:
    """Reconstruct the rows of a table from their hidden units, or impute missing entries.

    The closer the reconstructions are to the rows, the better the machine represents them. With
    --plot and without -o only the picture is written.
    """
    with reporting():
        picture = _Picture.of(drawing)
        loaded, table = apply_to(model, CLASSES, data, how, missing=True, small=True)
        picture.check(loaded)
        missing, fill = _missing(table), filling.fill
        if missing and not fill:
            raise ValueError(f"{data}: {missing} values are missing; impute them with --fill")
        result: dict[str, Any] = {"command": "rbm reconstruct", "rows": len(table)}
        if fill:
            seed = fresh_seed(filling.seed)
            rows = filling.impute(loaded, table, seed)
            result |= {"filled_in": missing, "seed": seed}
        else:
            rows = loaded.reconstruct(table, n_steps=filling.n_steps or 1)
            seen = loaded.units_.seen(table)
            result["squared_error"] = float(((seen - rows) ** 2).sum(axis=1).mean())
        picture.draw(lambda ax: _compare(ax, loaded, table, rows, picture, fill=fill), (12, 2.4))
        key = "filled" if fill else "reconstructions"
        _Rows(result, key, rows).finish(loaded, how.output, how.as_json, picture)


def _missing(table: NDArray[Any]) -> int:
    import numpy as np

    return int(np.isnan(table).sum()) if table.dtype.kind == "f" else 0


def _compare(
    ax: Axes, model: Any, table: NDArray[Any], rows: NDArray[Any], picture: _Picture, *, fill: bool
) -> None:
    seen = model.units_.seen(table)
    label, most = ("filled in", float(model.data_max)) if fill else ("reconstructed", 1.0)
    _plots().plot_rows({"given": seen, label: rows / most}, ax, shape=picture.shape)


# --- how good it is, and what it has learned -------------------------------------------------


class Likelihood(str, Enum):
    """Ways to compute log Z."""

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
            help="How log Z is computed for the log-likelihood: by the sum over all states of the "
            "smaller layer, at most 25 units (exact); by annealed importance sampling, whose "
            "likelihoods are too high on average (ais) or too low (reverse_ais), or by both ends "
            "(both); exact if possible and otherwise ais (auto); or not at all (none).",
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
            help="Number of units per row that are flipped for its pseudo-likelihood; with "
            "the number of features it is exact.",
            show_default="10, or all if there are fewer",
            rich_help_panel=SAMPLING,
        ),
    ] = None,
    seed: options.Seed = None,
    how: options.Apply,
) -> None:
    """Compute the log-likelihood of the rows of a table under a machine, in nats per row.

    The log-likelihood is defined for rows of zeros and ones, not for rows of probabilities;
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
        result |= {"flips": flips, "log_partition": [_summary(log_z) for log_z in found]}
        print_json(result | ({} if how.output is None else {"files": {"scores": str(how.output)}}))


def _log_partitions(
    model: Any, table: NDArray[Any], method: Likelihood, **options: Any
) -> list[Any]:
    """Return the requested estimates of log Z."""
    if method is Likelihood.none:
        return []
    try:
        model.units_.refuse_probabilities(table)
    except ValueError as error:
        if method is not Likelihood.auto:
            raise
        say(f"warning: no log-likelihood: {error}")
        return []
    names = ["ais", "reverse_ais"] if method is Likelihood.both else [method.value]
    return [model.log_partition(name, **options) for name in names]


def _likelihood(log_z: Any) -> str:
    return "log-likelihood" + (", reverse" if log_z.method == "reverse_ais" else "")


def _summary(log_z: Any) -> dict[str, Any]:
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
        # The error is that of log Z; the spread of the rows does not contribute to it.
        error = "" if log_z is None or not log_z.n_chains else f" +- {log_z.standard_error:.2g}"
        shown.print(f"  {name:<25}{values.mean():.6g}{error}", markup=False)
    for log_z in found:
        shown.print(f"  {log_z}", markup=False, soft_wrap=True)


@dataclass(frozen=True)
class Filters:
    """A picture of the weights of the hidden units."""

    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            help="Draw the weights of each hidden unit: .png, .svg or .pdf. Needs matplotlib.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None
    most: Annotated[
        int,
        typer.Option(
            "-n",
            "--most",
            min=1,
            metavar="N",
            help="Number of hidden units in the picture: those with the largest weights.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = 100
    shape: Shape = None


@app.verb(
    "gibbous rbm features model.safetensors digits.npy -o features.npy",
    "gibbous rbm features model.safetensors --plot filters.png",
)
@options.grouped
def features(
    model: options.Model,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="TABLE",
            help="Rows whose hidden units are computed: .csv, .tsv, .npy or .parquet; - for "
            "standard input. Can be left out with --plot.",
            show_default=False,
        ),
    ] = None,
    *,
    filters: Filters,
    how: options.Apply,
) -> None:
    """Compute the probability of each hidden unit for the rows of a table, or draw the weights.

    The probabilities serve as features, for example for a classifier.
    """
    with reporting():
        if data is None and filters.plot is None:
            raise ValueError("neither TABLE nor --plot is given; give at least one of them")
        check_rows(how.output, how.as_json, model, data)
        picture = _Picture.of(filters)
        loaded = load_as(model, CLASSES).set_params(n_jobs=how.n_jobs)
        picture.check(loaded)
        picture.draw(
            lambda ax: _plots().plot_filters(loaded, ax, shape=picture.shape, n=filters.most),
            (7, 7),
        )
        result: dict[str, Any] = {"command": "rbm features", **picture.files()}
        if data is None:
            if how.as_json:
                print_json(result)
            return
        values = loaded.transform(read_for(loaded, data, how.columns, how.header, small=True))
        rows = {f"hidden {at}": column for at, column in enumerate(values.T)}
        result["rows"] = len(values)
        finish_rows(result, "features", values, rows, how.output, how.as_json)


app.verb("gibbous rbm info model.safetensors")(info_of("rbm", MACHINES))


# --- pictures --------------------------------------------------------------------------------


def _plots() -> Any:
    # Imports matplotlib, so it is imported only if there is something to draw.
    from ...plot import rbm

    return rbm


class _Picture:
    """A requested plot, or none."""

    def __init__(self, path: Path | None, shape: tuple[int, int] | None) -> None:
        self.path, self.shape = path, shape

    @classmethod
    def of(cls, asked: Drawing | Filters) -> _Picture:
        """Check in advance that the plot can be written.

        Raises
        ------
        ValueError, OSError, ImportError
            If it cannot.
        """
        path = asked.plot
        if path is not None:
            from ... import plot
            from ..._ground.files import suffix_of

            suffix_of(path, plot.SUFFIXES, "a picture")
            plot.require()
            check_place(path)
        return cls(path, image_shape(asked.shape))

    def check(self, model: Any) -> None:
        """Raise a ValueError if the features do not make images of the given shape."""
        if self.shape is not None:
            _plots().image_shape(model.n_features_in_, self.shape)

    def draw(self, draw: Any, size: tuple[float, float]) -> None:
        """Draw on axes of this size in inches, and write the plot."""
        if self.path is None:
            return
        from ...plot import new_figure, save_figure

        figure = new_figure(*size)
        draw(figure.subplots())
        save_figure(figure, self.path)

    def files(self) -> dict[str, Any]:
        """Return the part of a result that names the file."""
        return {} if self.path is None else {"files": {"plot": str(self.path)}}


@dataclass(frozen=True)
class _Rows:
    """Rows made by a command, and the rest of its result."""

    result: dict[str, Any]
    key: str
    rows: NDArray[Any]

    def finish(self, model: Any, output: Path | None, as_json: bool, picture: _Picture) -> None:
        """Write the rows, unless only a plot was requested."""
        result = self.result | picture.files()
        if picture.path is not None and output is None:
            if as_json:
                print_json(result)
            return
        named = feature_columns(model, self.rows)
        finish_rows(result, self.key, self.rows, named, output, as_json)
