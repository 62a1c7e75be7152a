"""``gibbous gmm``: Gaussian mixtures from the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
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

#: Classes that predict and can be sampled from.
MIXTURES = (*CLASSES, "BayesianGaussianMixture")


class Covariance(str, Enum):
    """Shapes of the components."""

    full = "full"
    tied = "tied"
    diag = "diag"
    spherical = "spherical"


class Start(str, Enum):
    """Ways to initialize the responsibilities."""

    kmeans = "kmeans"
    plus = "k-means++"
    random = "random"
    random_from_data = "random_from_data"
    small_em = "small-em"


class Collapse(str, Enum):
    """What to do if a component collapses onto a point."""

    stop = "raise"
    repair = "repair"


class Prior(str, Enum):
    """Priors of the weights, for variational inference, or of the covariances."""

    process = "dirichlet-process"
    distribution = "dirichlet"
    fraley_raftery = "fraley-raftery"


@dataclass(frozen=True)
class Mixture:
    """What a fit is asked about the mixture itself."""

    n_components: Annotated[
        int,
        typer.Option(
            "-k",
            "--n-components",
            min=1,
            help="Number of components.",
            rich_help_panel=options.FITTING,
        ),
    ] = 1
    covariance_type: Annotated[
        Covariance,
        typer.Option(
            help="A covariance matrix per component (full), one for all (tied), a variance per "
            "feature (diag), or one variance per component (spherical).",
            rich_help_panel=options.FITTING,
        ),
    ] = Covariance.full
    init_params: Annotated[
        Start,
        typer.Option(help="How EM is initialized.", rich_help_panel=options.FITTING),
    ] = Start.kmeans
    on_collapse: Annotated[
        Collapse,
        typer.Option(
            help="Stop with an error when a component collapses onto a point, or repair it.",
            rich_help_panel=options.FITTING,
        ),
    ] = Collapse.stop
    prior: Annotated[
        Prior | None,
        typer.Option(
            help="Fit with priors. With dirichlet-process or dirichlet, by variational inference: "
            "-k is then the maximum number of components, and components that the data do not "
            "need lose their weight. With fraley-raftery, the most probable parameters: no "
            "component collapses.",
            rich_help_panel=options.FITTING,
        ),
    ] = None
    concentration: Annotated[
        float | None,
        typer.Option(
            help="Concentration of the prior of the weights, with --prior dirichlet or "
            "dirichlet-process: a lower value leaves fewer components with a weight. The default "
            "is 1 / k.",
            rich_help_panel=options.FITTING,
        ),
    ] = None
    squarem: Annotated[
        bool,
        typer.Option(
            "--squarem",
            help="Accelerate EM by extrapolation: fewer iterations to a small --tol.",
            rich_help_panel=options.FITTING,
        ),
    ] = False
    split_merge: Annotated[
        bool,
        typer.Option(
            "--split-merge",
            help="Escape poor optima: merge two components, split another one, and keep the "
            "result if its likelihood is higher.",
            rich_help_panel=options.FITTING,
        ),
    ] = False

    @property
    def variational(self) -> bool:
        """Whether the prior is fitted by variational inference."""
        return self.prior in (Prior.process, Prior.distribution)

    def check(self) -> None:
        """Check that the options can be combined.

        Raises
        ------
        ValueError
            If not.
        """
        if self.prior is None or not self.variational:
            if self.concentration is not None:
                raise ValueError(
                    "--concentration is the concentration of a Dirichlet prior; "
                    "also give --prior dirichlet, or leave --concentration out"
                )
            return
        if self.squarem or self.split_merge or self.init_params is Start.small_em:
            raise ValueError(
                "--squarem, --split-merge and --init-params small-em are options of EM; leave "
                f"them out, or leave out --prior {self.prior.value}"
            )
        if self.on_collapse is not Collapse.stop:
            raise ValueError(
                f"--on-collapse repair cannot be used with --prior {self.prior.value}, which "
                "allows components without points; leave --on-collapse out"
            )

    def estimator(self, climb: select.Climb, repeat: options.Repeat) -> Any:
        """Return the model to fit."""
        shared: dict[str, Any] = {
            "n_components": self.n_components,
            "covariance_type": self.covariance_type.value,
            "init_params": self.init_params.value,
            **vars(climb),
            "random_state": fresh_seed(repeat.seed),
            "n_jobs": repeat.n_jobs,
        }
        prior = None if self.prior is None else self.prior.value
        if self.variational:
            from ...gmm.bayesian import BayesianGaussianMixture

            kind = "distribution" if self.prior is Prior.distribution else "process"
            return BayesianGaussianMixture(
                **shared,
                weight_concentration_prior_type=f"dirichlet_{kind}",
                weight_concentration_prior=self.concentration,
            )
        from ...gmm.mixture import GaussianMixture

        return GaussianMixture(
            **shared,
            on_collapse=self.on_collapse.value,
            prior=prior,
            acceleration="squarem" if self.squarem else None,
            split_merge=self.split_merge,
        )


@app.verb("gibbous gmm fit points.csv -k 3 --plot fit.png -o model.safetensors")
@options.grouped
def fit(
    table: options.TableFit,
    mixture: Mixture,
    climb: select.Climb,
    repeat: options.Repeat,
    report: options.Report,
) -> None:
    """Fit a mixture of k Gaussian components to a table by expectation-maximization.

    A .npy file of more than 256 MB is read in blocks in each iteration and is never held in
    memory. Cells may be empty: they are assumed to be missing at random, and nothing is filled in.
    Ctrl-C ends the fit with code 130; with -o the model of the last finished iteration is kept.
    """
    with reporting():
        mixture.check()
        whole = mixture.variational
        job = Job("gmm fit", "component", table, report, mapped=not whole, missing=not whole)
        model = mixture.estimator(climb, repeat)
        run_fit(job, model, _bayesian_summary if whole else _summary)


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
            help="Write the probability of every component instead of the most probable one.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    how: options.Apply,
) -> None:
    """Predict the component of each row of a table, or the probability of each component.

    If the model and the table both have column names, columns are matched by name. For rows with
    empty cells the other cells decide.
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
    """Compute the probability of each component for each row of a table.

    For rows with empty cells the other cells decide.
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
    """Compute the log-likelihood of the rows of a table under a mixture, in nats per row.

    AIC and BIC compare mixtures on the same rows; -o writes the log-likelihood of each row, which
    identifies the least likely rows.
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
    """Draw new points from a mixture; the last column is the component of each point.

    That column is called component, or component_2 if a feature has that name.
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
        # with a prior the metric has another name
        re.sub(r"\W", "_", model.history_.metric): float(model.history_.values[-1]),
        # Both depend on the number of rows, which weights do not determine.
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
