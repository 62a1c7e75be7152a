"""The options that several commands share, each with its help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FILES = "Files"
FITTING = "Fitting"
OUTPUT = "Output"

Data = Annotated[
    Path,
    typer.Argument(
        help="Table of numbers, one row a point: .csv, .tsv, .npy or .parquet.", show_default=False
    ),
]
Model = Annotated[
    Path, typer.Argument(help="Model file that a fit wrote with -o.", show_default=False)
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
        help="Column that holds each row's weight; it is no feature then.",
        rich_help_panel=FILES,
    ),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first line of a .csv or .tsv names the columns.",
        show_default="found out",
        rich_help_panel=FILES,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="MODEL",
        help="Write the model here, for example to model.safetensors.",
        rich_help_panel=OUTPUT,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Write each row's group here: .csv, .tsv, .npy or .parquet.",
        rich_help_panel=OUTPUT,
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw the groups and the course of the fit: .png, .svg or .pdf. Needs matplotlib.",
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
        help="No progress bar, no summary; errors and warnings stay.",
        rich_help_panel=OUTPUT,
    ),
]
Rows = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write the rows here: .csv, .tsv, .npy or .parquet.",
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
        help="Seed; the same one gives the same result.",
        show_default="a fresh one, printed",
        rich_help_panel=FITTING,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--n-jobs",
        help="Threads; -1 for one a processor. Results do not depend on it.",
        show_default="what OpenMP allows",
        rich_help_panel=FITTING,
    ),
]
