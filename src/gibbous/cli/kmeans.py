"""``gibbous kmeans``: hard clusters from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .help import App
from .info import info_of
from .session import (
    Job,
    apply_to,
    finish_rows,
    finish_score,
    fresh_seed,
    group_sizes,
    reporting,
    run_fit,
)

if TYPE_CHECKING:
    from ..io.tables import Table

app = App(options.GROUPS["kmeans"])

CLASSES = ("KMeans", "MiniBatchKMeans")


class Init(str, Enum):
    """Ways to initialize the centers."""

    plus = "k-means++"
    random = "random"


@dataclass(frozen=True)
class Clusters:
    """What a fit is asked about the clusters."""

    n_clusters: Annotated[
        int,
        typer.Option(
            "-k",
            "--n-clusters",
            min=1,
            help="Number of clusters.",
            rich_help_panel=options.FITTING,
        ),
    ] = 8
    init: Annotated[
        Init,
        typer.Option(help="How centers are initialized.", rich_help_panel=options.FITTING),
    ] = Init.plus
    n_init: Annotated[
        str,
        typer.Option(
            help="Number of initializations, of which the best is kept, or auto (1 for k-means++; "
            "for random 10, or 3 with --mini-batch).",
            rich_help_panel=options.FITTING,
        ),
    ] = "auto"
    max_iter: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Maximum number of iterations; with --mini-batch, of passes over the rows.",
            show_default="300, or 100 with --mini-batch",
            rich_help_panel=options.FITTING,
        ),
    ] = None
    tol: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Stop when the centers move less than this, relative to the variance of the data.",
            show_default="0.0001, or 0 with --mini-batch",
            rich_help_panel=options.FITTING,
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--mini-batch",
            min=1,
            metavar="ROWS",
            help="Fit on random batches of this many rows: faster and slightly less accurate.",
            rich_help_panel=options.FITTING,
        ),
    ] = None

    def estimator(self, repeat: options.Repeat) -> Any:
        """Return the model to fit.

        Raises
        ------
        ValueError
            If ``n_init`` is not valid.
        """
        parameters: dict[str, Any] = {
            "n_clusters": self.n_clusters,
            "init": self.init.value,
            "n_init": _initializations(self.n_init),
            "random_state": fresh_seed(repeat.seed),
            "n_jobs": repeat.n_jobs,
        }
        # The two classes have different defaults for these.
        optional = {"max_iter": self.max_iter, "tol": self.tol, "batch_size": self.batch_size}
        parameters |= {name: value for name, value in optional.items() if value is not None}
        from ..kmeans.lloyd import KMeans
        from ..kmeans.minibatch import MiniBatchKMeans

        return (KMeans if self.batch_size is None else MiniBatchKMeans)(**parameters)


@app.verb(
    "gibbous kmeans fit points.csv -k 3 -o model.safetensors",
    "gibbous kmeans fit points.npy -k 100 --mini-batch 4096 --labels groups.csv",
)
@options.grouped
def fit(
    table: options.TableFit, clusters: Clusters, repeat: options.Repeat, report: options.Report
) -> None:
    """Find k cluster centers in the rows of a table.

    Ctrl-C ends the fit with code 130; with -o the model of the last finished iteration is kept.
    """
    with reporting():
        model = clusters.estimator(repeat)
        run_fit(Job("kmeans fit", "cluster", table, report), model, _summary)


@app.verb(
    "gibbous kmeans predict model.safetensors new.csv -o groups.csv",
    "cat new.csv | gibbous kmeans predict model.safetensors - | sort | uniq -c",
)
@options.grouped
def predict(model: options.Model, data: options.Data, *, how: options.Apply) -> None:
    """Predict the cluster of each row of a table: its nearest center.

    If the model and the table both have column names, columns are matched by name.
    """
    with reporting():
        loaded, table = apply_to(model, CLASSES, data, how)
        labels = loaded.predict(table)
        result = {"command": "kmeans predict", "rows": len(labels)}
        finish_rows(result, "labels", labels, {"cluster": labels}, how.output, how.as_json)


@app.verb("gibbous kmeans transform model.safetensors new.csv -o distances.csv")
@options.grouped
def transform(model: options.Model, data: options.Data, *, how: options.Apply) -> None:
    """Compute the distance of each row of a table from every center, to be used as features."""
    with reporting():
        loaded, table = apply_to(model, CLASSES, data, how)
        values = loaded.transform(table)
        rows = {f"distance {at}": column for at, column in enumerate(values.T)}
        result = {"command": "kmeans transform", "rows": len(values)}
        finish_rows(result, "distances", values, rows, how.output, how.as_json)


@app.verb("gibbous kmeans score model.safetensors unseen.csv")
@options.grouped
def score(model: options.Model, data: options.Data, *, how: options.Apply) -> None:
    """Measure how close the rows of a table are to the centers of a model.

    Prints the sum and the mean of squared distances to the nearest center, and the number of rows
    per cluster; -o writes the cluster and the distance of each row.
    """
    with reporting():
        loaded, table = apply_to(model, CLASSES, data, how)
        import numpy as np

        labels, distances = loaded.predict(table), loaded.transform(table).min(axis=1)
        sizes = np.bincount(labels, minlength=len(loaded.cluster_centers_))
        squares = distances.astype(np.float64) ** 2
        finish_score(
            {
                "command": "kmeans score",
                "rows": len(table),
                "inertia": float(squares.sum()),
                "mean_squared_distance": float(squares.mean()),
                "sizes": sizes.tolist(),
            },
            {"cluster": labels, "distance": distances},
            how,
        )


app.verb("gibbous kmeans info model.safetensors")(info_of("kmeans", CLASSES))


def _initializations(n_init: str) -> str | int:
    if n_init == "auto":
        return n_init
    if n_init.isdecimal() and int(n_init) > 0:
        return int(n_init)
    raise ValueError(f"--n-init must be a number >= 1, or auto; got {n_init!r}")


def _summary(model: Any, table: Table, weighted: bool) -> dict[str, Any]:
    return {
        "parameters": model.get_params(deep=False),
        "inertia": float(model.inertia_),
        "iterations": int(model.n_iter_),
        "converged": model.history_.converged,
        "stop_reason": model.history_.stop_reason,
        "sizes": group_sizes(model, table),
        "centers": model.cluster_centers_,
    }
