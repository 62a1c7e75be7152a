"""``gibbous gmm impute`` and ``gibbous gmm condition``: some features of a mixture given
others.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..files import check_files
from ..session import (
    apply_to,
    feature_columns,
    finish_rows,
    fresh_seed,
    load_as,
    print_json,
    reporting,
    write_report,
)
from ..show import console, grid, print_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("GaussianMixture", "BayesianGaussianMixture")


class Method(str, Enum):
    """What takes the place of an empty cell."""

    mean = "mean"
    sample = "sample"


@options.grouped
def impute(
    model: options.Model,
    data: options.Data,
    *,
    method: Annotated[
        Method,
        typer.Option(
            help="What is expected given the rest of the row (mean), or a draw from what is "
            "possible (sample), for multiple imputation: one file a seed.",
            rich_help_panel=options.FITTING,
        ),
    ] = Method.mean,
    seed: options.Seed = None,
    how: options.Apply,
) -> None:
    """Fill in the empty cells of a table, each from the rest of its row.

    Cells that are empty, or hold NA, NaN and the like, are missing; all others stay what they are.
    """
    with reporting():
        import numpy as np

        loaded, table = apply_to(model, CLASSES, data, how, missing=True)
        result: dict[str, Any] = {
            "command": "gmm impute",
            "rows": len(table),
            "filled_in": int(np.isnan(table).sum()),
        }
        if method is Method.sample:
            seed = fresh_seed(seed)
            result["seed"] = seed
        elif seed is not None:
            raise ValueError("--seed is for --method sample; the mean needs none")
        filled = loaded.impute(table, method=method.value, random_state=seed)
        rows = feature_columns(loaded, filled)
        finish_rows(result, "filled", filled, rows, how.output, how.as_json)


def condition(
    model: options.Model,
    on: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="NAME=VALUE,...",
            help="What is known: features by name, or by position from 1, with their values.",
            show_default=False,
        ),
    ],
    output: options.Output = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compute the distribution of the other features, given the values of some.

    Prints what is expected of each feature and the components of that mixture; -o keeps it.
    """
    with reporting():
        check_files([model], [output], as_json)
        loaded = load_as(model, CLASSES)
        known = _known(on, loaded)
        given = loaded.condition(list(known), list(known.values()))
        report = options.Report(output, None, as_json, quiet)
        # no plot was requested
        files = write_report(report, given, lambda: None)  # type: ignore[arg-type,return-value]
        mean, std = _moments(given)
        names = list(feature_columns(loaded, loaded.means_))
        left = [name for at, name in enumerate(names) if at not in known]
        if as_json:
            print_json(
                {
                    "command": "gmm condition",
                    "on": {names[at]: value for at, value in known.items()},
                    "columns": left,
                    "mean": mean,
                    "std": std,
                    "weights": given.weights_,
                    "means": given.means_,
                    "covariances": given.covariances_,
                    "files": files,
                }
            )
        elif not quiet:
            _print(given, left, mean, std, files)


def _known(on: str, model: Any) -> dict[int, float]:
    """Return index and value of the features in ``name=value,...``.

    Raises
    ------
    ValueError
        If a part is not such a pair, names an unknown feature, or names a feature twice.
    """
    names = [str(name) for name in getattr(model, "feature_names_in_", ())]
    d = model.n_features_in_
    known: dict[int, float] = {}
    for part in on.split(","):
        name, equals, text = (piece.strip() for piece in part.rpartition("="))
        try:
            value = float(text)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise ValueError(f"--on must be name=value with commas between them; got {part!r}")
        if name in names:
            at = names.index(name)
        elif name.isdecimal() and 1 <= int(name) <= d:
            at = int(name) - 1
        else:
            shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            has = f"it has {shown}" if names else f"it names none: give positions from 1 to {d}"
            raise ValueError(f"--on: the model has no feature {name!r}; {has}")
        if at in known:
            raise ValueError(f"--on: feature {name!r} is given more than once")
        known[at] = value
    return known


def _moments(model: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation of each feature under the whole mixture."""
    import numpy as np

    nothing = np.full((1, model.n_features_in_), np.nan)
    every = list(range(model.n_features_in_))
    mean, std = model.predict_missing(nothing, every, return_std=True)
    return mean[0], std[0]


def _print(
    model: Any,
    names: list[str],
    mean: NDArray[Any],
    std: NDArray[Any],
    files: dict[str, str],
) -> None:
    from rich.markup import escape

    most = 20
    shown = console(Path(files["model"]) if "model" in files else None)
    order = model.weights_.argsort(kind="stable")[::-1][:3]
    heads = [f"component {c}\nweight {model.weights_[c]:.4f}" for c in order]
    table = grid(shown, ["feature", "mean", "std", *heads], text=["feature"])
    for at, name in enumerate(names[:most]):
        own = (f"{value:.5g}" for value in model.means_[order, at])
        table.add_row(escape(name), f"{mean[at]:.5g}", f"{std[at]:.5g}", *own)
    shown.print(table)
    if len(names) > most:
        shown.print(f"and {len(names) - most} more features")
    if len(model.weights_) > len(order):
        shown.print(f"and {len(model.weights_) - len(order)} components of less weight")
    print_files(shown, files)
