"""``gibbous gmm``: Gaussian mixtures from the command line."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..help import App
from ..info import info_of
from ..session import (
    Job,
    apply_to,
    check_rows,
    feature_columns,
    finish_rows,
    finish_score,
    fresh_seed,
    load_as,
    reporting,
    run_fit,
    unused_name,
)
from . import missing, select

if TYPE_CHECKING:
    from ...io.tables import Table

app = App(options.GROUPS["gmm"])

CLASSES = ("GaussianMixture",)

#: What predicts and can be drawn from.
MIXTURES = (*CLASSES, "BayesianGaussianMixture")


class Covariance(str, Enum):
    """Shapes of the components."""

    full = "full"
    tied = "tied"
    diag = "diag"
    spherical = "spherical"


class Start(str, Enum):
    """Ways to choose the first responsibilities."""

    kmeans = "kmeans"
    plus = "k-means++"
    random = "random"
    random_from_data = "random_from_data"
    small_em = "small-em"


class Collapse(str, Enum):
    """What is done about a component that shrinks onto a point."""

    stop = "raise"
    repair = "repair"


class Prior(str, Enum):
    """Priors of the components' weights, for variational inference, or of their shapes."""

    process = "dirichlet-process"
    distribution = "dirichlet"
    fraley_raftery = "fraley-raftery"


@app.verb("gibbous gmm fit points.csv -k 3 --plot fit.png -o model.safetensors")
@options.grouped
def fit(
    table: options.TableFit,
    n_components: Annotated[
        int,
        typer.Option(
            "-k", "--n-components", min=1, help="Components.", rich_help_panel=options.FITTING
        ),
    ] = 1,
    covariance_type: Annotated[
        Covariance,
        typer.Option(
            help="Each component its own ellipsoid (full), all the same (tied), along the axes "
            "(diag), or round (spherical).",
            rich_help_panel=options.FITTING,
        ),
    ] = Covariance.full,
    init_params: Annotated[
        Start, typer.Option(help="How a start is made.", rich_help_panel=options.FITTING)
    ] = Start.kmeans,
    on_collapse: Annotated[
        Collapse,
        typer.Option(
            help="Stop with an error when a component collapses onto a point, or repair it.",
            rich_help_panel=options.FITTING,
        ),
    ] = Collapse.stop,
    prior: Annotated[
        Prior | None,
        typer.Option(
            help="Fit with priors. By variational inference (dirichlet-process, dirichlet): -k is "
            "then the most components, and those that the points do not need lose their weight. Or "
            "by the most probable parameters (fraley-raftery): no component collapses.",
            rich_help_panel=options.FITTING,
        ),
    ] = None,
    concentration: Annotated[
        float | None,
        typer.Option(
            help="With --prior dirichlet(-process): the lower, the fewer components keep "
            "a weight; by default 1 / k.",
            rich_help_panel=options.FITTING,
        ),
    ] = None,
    squarem: Annotated[
        bool,
        typer.Option(
            "--squarem",
            help="Jump ahead between the steps: fewer iterations to a small --tol.",
            rich_help_panel=options.FITTING,
        ),
    ] = False,
    split_merge: Annotated[
        bool,
        typer.Option(
            "--split-merge",
            help="Leave poor optima: merge two components, split another, keep what ends higher.",
            rich_help_panel=options.FITTING,
        ),
    ] = False,
    *,
    climb: select.Climb,
    repeat: options.Repeat,
    report: options.Report,
) -> None:
    """Fit k Gaussian components to the points of a table by expectation-maximisation.

    A .npy file of more than 256 MB is read in blocks, once an iteration, and never held in memory.
    Cells may be empty: they are taken to be missing at random, and nothing is filled in.
    Ctrl-C ends the fit with code 130; with -o the model of the last finished iteration is kept.
    """
    with reporting():
        asked: dict[str, Any] = {
            "n_components": n_components,
            "covariance_type": covariance_type.value,
            "init_params": init_params.value,
            **vars(climb),
            "random_state": fresh_seed(repeat.seed),
            "n_jobs": repeat.n_jobs,
        }
        variational = prior in (Prior.process, Prior.distribution)
        job = Job(
            "gmm fit",
            "component",
            table,
            report,
            mapped=not variational,
            missing=not variational,
        )
        if prior is not None and variational:
            if squarem or split_merge or init_params is Start.small_em:
                raise ValueError(
                    "--squarem, --split-merge and --init-params small-em are for EM; leave them "
                    f"out, or --prior {prior.value}"
                )
            run_fit(job, _bayesian(asked, prior, concentration, on_collapse), _bayesian_summary)
            return
        if concentration is not None:
            raise ValueError(
                "--concentration is a prior of the weights; give --prior dirichlet, too"
            )
        from ...gmm.mixture import GaussianMixture

        run_fit(
            job,
            GaussianMixture(
                **asked,
                on_collapse=on_collapse.value,
                prior=None if prior is None else prior.value,
                acceleration="squarem" if squarem else None,
                split_merge=split_merge,
            ),
            _summary,
        )


def _bayesian(
    asked: dict[str, Any], prior: Prior, concentration: float | None, on_collapse: Collapse
) -> Any:
    from ...gmm.bayesian import BayesianGaussianMixture

    if on_collapse is not Collapse.stop:
        raise ValueError(
            f"--on-collapse repair is not for --prior {prior.value}, with which a component "
            "without points may stay without; leave --on-collapse out"
        )
    kinds = {Prior.process: "dirichlet_process", Prior.distribution: "dirichlet_distribution"}
    return BayesianGaussianMixture(
        **asked,
        weight_concentration_prior_type=kinds[prior],
        weight_concentration_prior=concentration,
    )


@app.verb(
    "gibbous gmm predict model.safetensors new.csv -o groups.csv",
    "gibbous gmm predict model.safetensors new.csv --proba -o shares.csv",
)
@options.grouped
def predict(
    model: options.Model,
    data: options.Data,
    *,
    proba: Annotated[
        bool,
        typer.Option(
            "--proba",
            help="The probability of every component, not just the likeliest one.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    how: options.Apply,
) -> None:
    """Tell for each row of a table which component it comes from, or how likely from each.

    Where the model knows the names of its columns and the table has names, they are found by name.
    Rows with empty cells are judged by the others.
    """
    with reporting():
        if proba:
            _proba("gmm predict", model, data, how)
            return
        loaded, table = apply_to(model, MIXTURES, data, how, mapped=True, holes=CLASSES)
        labels = loaded.predict(table)
        result = {"command": "gmm predict", "rows": len(labels)}
        finish_rows(result, "labels", labels, {"component": labels}, how.output, how.as_json)


@app.verb("gibbous gmm proba model.safetensors new.csv -o shares.csv")
@options.grouped
def proba(model: options.Model, data: options.Data, *, how: options.Apply) -> None:
    """Tell for each row of a table how likely it comes from each component.

    Rows with empty cells are judged by the others.
    """
    with reporting():
        _proba("gmm proba", model, data, how)


def _proba(command: str, model: Path, data: Path, how: options.Apply) -> None:
    loaded, table = apply_to(model, MIXTURES, data, how, mapped=True, holes=CLASSES)
    values = loaded.predict_proba(table)
    rows = {f"component {at}": column for at, column in enumerate(values.T)}
    result = {"command": command, "rows": len(values)}
    finish_rows(result, "probabilities", values, rows, how.output, how.as_json)


@app.verb("gibbous gmm score model.safetensors unseen.csv")
@options.grouped
def score(model: options.Model, data: options.Data, *, how: options.Apply) -> None:
    """Tell how well a mixture explains the rows of a table, in nats a row.

    AIC and BIC compare mixtures on the same rows; -o writes every row's log-likelihood, by which
    the least likely rows are found.
    """
    with reporting():
        loaded, table = apply_to(model, MIXTURES, data, how, mapped=True, holes=CLASSES)
        values = loaded.score_samples(table)
        result: dict[str, Any] = {
            "command": "gmm score",
            "rows": len(values),
            "mean_log_likelihood": float(values.mean()),
            "log_likelihood": float(values.sum(dtype=float)),
        }
        if type(loaded).__name__ in CLASSES:
            result |= {"aic": float(loaded.aic(table)), "bic": float(loaded.bic(table))}
        finish_score(result, {"log likelihood": values}, how)


@app.verb("gibbous gmm sample model.safetensors -n 1000 --seed 1 -o drawn.csv")
def sample(
    model: options.Model,
    n: Annotated[int, typer.Option("-n", "--n-samples", min=1, help="Rows to draw.")] = 100,
    seed: options.Seed = None,
    output: options.Rows = None,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Draw new points from a mixture; the last column tells the component of each.

    That column is called component, or component_2 where a feature has that name.
    """
    with reporting():
        check_rows(output, as_json, model)
        loaded = load_as(model, MIXTURES)
        seed = fresh_seed(seed)
        points, labels = loaded.set_params(random_state=seed, n_jobs=n_jobs).sample(n)
        rows = feature_columns(loaded, points)
        rows[unused_name("component", rows)] = labels
        result = {"command": "gmm sample", "rows": n, "seed": seed}
        if as_json and output is None:
            result["labels"] = labels
        finish_rows(result, "points", points, rows, output, as_json)


app.verb(select.EXAMPLE)(select.select)
app.verb("gibbous gmm impute model.safetensors holes.csv -o whole.csv")(missing.impute)
app.verb("gibbous gmm condition model.safetensors --on length=3.5,width=1")(missing.condition)
app.verb("gibbous gmm info model.safetensors")(info_of("gmm", MIXTURES))


def _summary(model: Any, table: Table, weighted: bool) -> dict[str, Any]:
    return {
        "parameters": model.get_params(deep=False),
        # with a prior: penalised_mean_log_likelihood
        re.sub(r"\W", "_", model.history_.metric): float(model.history_.values[-1]),
        # Both count rows, and what a weight counts is not known here.
        "aic": None if weighted else float(model.aic(table.values)),
        "bic": None if weighted else float(model.bic(table.values)),
        "iterations": int(model.n_iter_),
        "converged": bool(model.converged_),
        "stop_reason": model.history_.stop_reason,
        "weights": model.weights_,
        "means": model.means_,
        "covariances": model.covariances_,
    }


def _bayesian_summary(model: Any, table: Table, weighted: bool) -> dict[str, Any]:
    return {
        "parameters": model.get_params(deep=False),
        "effective_components": model.n_effective_components_,
        "lower_bound": model.lower_bound_,
        "evidence_lower_bound": model.evidence_lower_bound_,
        "iterations": int(model.n_iter_),
        "converged": bool(model.converged_),
        "stop_reason": model.history_.stop_reason,
        "weights": model.weights_,
        "means": model.means_,
        "covariances": model.covariances_,
        "weight_concentration": model.weight_concentration_,
        "mean_precision": model.mean_precision_,
        "degrees_of_freedom": model.degrees_of_freedom_,
    }
