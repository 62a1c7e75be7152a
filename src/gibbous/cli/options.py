"""The options that several commands share, each with its help text, alone and in groups.

A group is a dataclass whose fields are options. A command that is decorated with :func:`grouped`
takes the whole group as one parameter.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

FILES = "Files"
FITTING = "Fitting"
OUTPUT = "Output"

#: Exit code after Ctrl-C.
INTERRUPTED = 130

#: The models, each with what its commands do.
GROUPS = {
    "kmeans": "K-means: assign every point to exactly one of k clusters.",
    "gmm": "Gaussian mixtures by EM: the probability of each of k components for every point.",
    "lda": "Topics: find the topics of documents, and the proportion of each topic per document.",
    "rbm": "Restricted Boltzmann machines: learn hidden units that explain rows of zeros and ones, "
    "and sample new rows.",
}

Data = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="Numbers, one row per point: .csv, .tsv, .npy or .parquet; - for standard input.",
        show_default=False,
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="Model file that a fit wrote with -o; - for standard input.",
        show_default=False,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B,...",
        help="Columns to use: names, or positions from 1.",
        show_default="all",
        rich_help_panel=FILES,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="COLUMN",
        help="Column with the weight of each row; it is then not a feature.",
        rich_help_panel=FILES,
    ),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first line of a .csv or .tsv names the columns.",
        show_default="detected",
        rich_help_panel=FILES,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="MODEL",
        help="Write the model here, for example to model.safetensors; - for standard output.",
        rich_help_panel=OUTPUT,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Write the cluster of each row here: .csv, .tsv, .npy or .parquet; - for standard "
        "output.",
        rich_help_panel=OUTPUT,
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Plot the clusters and the history of the fit: .png, .svg or .pdf. Needs matplotlib.",
        rich_help_panel=OUTPUT,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the result as JSON, and nothing else, on standard output.",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "-q",
        "--quiet",
        help="No progress bar and no summary; errors and warnings are still printed.",
        rich_help_panel=OUTPUT,
    ),
]
Rows = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write the rows here: .csv, .tsv, .npy or .parquet; - for standard output.",
        show_default="standard output, as .csv",
        rich_help_panel=OUTPUT,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=2**32 - 1,
        help="Seed; the same seed gives the same result.",
        show_default="a fresh one, printed",
        rich_help_panel=FITTING,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--n-jobs",
        "--jobs",
        help="Number of threads; -1 for one per processor. Results do not depend on it.",
        show_default="what OpenMP allows",
        rich_help_panel=FITTING,
    ),
]


@dataclass(frozen=True)
class TableFit:
    """The files of a fit to a table."""

    data: Data
    columns: Columns = None
    weights: Weights = None
    header: Header = None
    labels: Labels = None


@dataclass(frozen=True)
class Repeat:
    """The seed and the threads of a fit."""

    seed: Seed = None
    n_jobs: Jobs = None


@dataclass(frozen=True)
class Report:
    """What is reported of a fit, and the files it is saved to."""

    output: Output = None
    plot: Plot = None
    as_json: Json = False
    quiet: Quiet = False


@dataclass(frozen=True)
class Apply:
    """The options of commands that apply a model to the rows of a table."""

    output: Rows = None
    columns: Columns = None
    header: Header = None
    n_jobs: Jobs = None
    as_json: Json = False


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each parameter that is a group, in place of the parameter.

    The command line then has every field of a group as an option of its own, with the field's
    default, and the command gets them as one object.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if not dataclasses.is_dataclass(hints[name]):
            # The group may have defaults although this parameter has none.
            parameters.append(
                parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
            )
            continue
        groups[name] = hints[name]
        parameters += _options_of(hints[name])

    @functools.wraps(command)
    def whole(**given: Any) -> None:
        for name, group in groups.items():
            fields = [field.name for field in dataclasses.fields(group)]
            given[name] = group(**{field: given.pop(field) for field in fields})
        command(**given)

    signature = inspect.Signature(parameters, return_annotation=None)
    whole.__signature__ = signature  # type: ignore[attr-defined]
    whole.__annotations__ = {p.name: p.annotation for p in parameters}
    return whole


def _options_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty
            if field.default is dataclasses.MISSING
            else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]
