"""``gibbous gmm select``: which mixture, by fits of several sizes and covariance types."""

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
    check_report,
    fresh_seed,
    name_features,
    print_json,
    reporting,
    split_names,
    write_report,
)
from ..show import console, print_files

if TYPE_CHECKING:
    from ...gmm.select import MixtureSelection

EXAMPLE = "gibbous gmm select points.csv -k 1-9 --criterion icl --plot curves.png -o best"


class Criterion(str, Enum):
    """Criteria for the best mixture."""

    bic = "bic"
    aic = "aic"
    icl = "icl"
    held_out = "held_out"


@dataclass(frozen=True)
class Climb:
    """How EM runs: what a fit and a selection have in common."""

    n_init: Annotated[
        int,
        typer.Option(
            min=1,
            help="Number of initializations, of which the best is kept.",
            rich_help_panel=options.FITTING,
        ),
    ] = 1
    max_iter: Annotated[
        int,
        typer.Option(min=1, help="Maximum number of iterations.", rich_help_panel=options.FITTING),
    ] = 100
    tol: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Stop when the mean log-likelihood per row increases by less than this.",
            rich_help_panel=options.FITTING,
        ),
    ] = 1e-3
    reg_covar: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Added to every variance, so that all stay positive.",
            rich_help_panel=options.FITTING,
        ),
    ] = 1e-6


@dataclass(frozen=True)
class Candidates:
    """Which mixtures are compared, and how."""

    n_components: Annotated[
        str,
        typer.Option(
            "-k",
            "--n-components",
            metavar="A-B,C,...",
            help="Numbers of components to try.",
            rich_help_panel=options.FITTING,
        ),
    ] = "1-9"
    covariance_types: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="Covariance types to try, of full, tied, diag, spherical.",
            rich_help_panel=options.FITTING,
        ),
    ] = "full,tied,diag,spherical"
    criterion: Annotated[
        Criterion,
        typer.Option(
            help="Criterion for the best mixture: BIC, AIC (prefers more components), ICL (prefers "
            "well separated components), or the log-likelihood of held-out rows.",
            rich_help_panel=options.FITTING,
        ),
    ] = Criterion.bic
    cv: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="FOLDS",
            help="Also score held-out rows, by cross-validation with this many folds.",
            show_default="none, or 5 with --criterion held_out",
            rich_help_panel=options.FITTING,
        ),
    ] = None

    def arguments(self) -> tuple[list[int], list[str], dict[str, Any]]:
        """Return the numbers of components, the covariance types and the other arguments.

        Raises
        ------
        ValueError
            If the numbers of components are not valid.
        """
        kinds = [kind.strip() for kind in self.covariance_types.split(",")]
        return _sizes(self.n_components), kinds, {"criterion": self.criterion.value, "cv": self.cv}


@options.grouped
def select(
    data: options.Data,
    candidates: Candidates,
    climb: Climb,
    *,
    columns: options.Columns = None,
    header: options.Header = None,
    repeat: options.Repeat,
    report: options.Report,
) -> None:
    """Fit mixtures of several sizes and covariance types, compare them, and keep the best.

    A fit that fails, for example because a component collapses, is reported and does not abort the
    search.
    """
    with reporting():
        check_report(report, read=[data])
        sizes, kinds, choice = candidates.arguments()
        seed = fresh_seed(repeat.seed)
        from ...gmm.select import select_mixture
        from ...io.tables import read_table

        with progress_bar(report.quiet, report.as_json) as bar:
            bar.wait_for(f"reading {name_of(data)}")
            table = read_table(incoming(data), columns=split_names(columns), header=header)
            bar.wait_for("fits")
            found = select_mixture(
                table.values,
                sizes,
                kinds,
                progress=lambda done, total: bar.count(done, total, "fits"),
                random_state=seed,
                n_jobs=repeat.n_jobs,
                **choice,
                **vars(climb),
            )
        name_features(found.best_estimator_, table)
        files = write_report(report, found.best_estimator_, lambda: _draw(found))
        if report.as_json:
            result = {
                "command": "gmm select",
                "data": str(data),
                "rows": len(table.values),
                "features": table.values.shape[1],
                "seed": seed,
            }
            print_json({**result, **_outcome(found), "files": files})
        elif not report.quiet:
            _print(found, files)


def _sizes(asked: str) -> list[int]:
    """Return the numbers in ``1-4,8``."""
    sizes: list[int] = []
    for part in asked.split(","):
        low, dash, high = (end.strip() for end in part.partition("-"))
        ends = [low, high] if dash else [low, low]
        if not all(end.isdecimal() and int(end) >= 1 for end in ends) or int(ends[1]) < int(low):
            raise ValueError(
                f"-k must be numbers of components, such as 1-9 or 2,4,8; got {asked!r}"
            )
        sizes += range(int(low), int(ends[1]) + 1)
    return sorted(set(sizes))


def _outcome(found: MixtureSelection) -> dict[str, Any]:
    best = found.best_
    return {
        "criterion": found.criterion,
        "folds": found.folds,
        "best": {"n_components": best.n_components, "covariance_type": best.covariance_type},
        "table": found.to_dict(),
    }


def _draw(found: MixtureSelection) -> Any:
    from ...plot import new_figure

    figure = new_figure(7, 4.4)
    found.plot(figure.subplots())
    return figure


def _print(found: MixtureSelection, files: dict[str, str]) -> None:
    shown = console(Path(files["model"]) if "model" in files else None)
    best = found.best_
    best_line = f"best by {found.criterion}: {best.n_components} components, {best.covariance_type}"
    for line in (str(found), best_line, f"repeat with --seed {found.seed}"):
        shown.print(line, markup=False, soft_wrap=True)
    print_files(shown, files)
