"""``gibbous lda evaluate`` and ``select``: measures of topics, of one model and of a grid."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..files import name_of, source_name
from ..progress import progress_bar
from ..session import check_report, fresh_seed, print_json, reporting
from ..show import console, print_files
from .corpus import CorpusFile, read_corpus, read_corpus_for
from .fit import Sampling
from .show import load_topics, print_topics, topic_rows

if TYPE_CHECKING:
    from ...corpus.corpus import Corpus

MEASURES = "Measures"
#: Measures of one model, with whether they are taken where nothing is said.
OF_MODEL = {
    "perplexity": True,
    "left-to-right": False,
    "coherence": True,
    "diversity": True,
    "exclusivity": True,
}
#: Measures of a grid.
OF_GRID = ("perplexity", "coherence", "diversity", "exclusivity", "stability")


class Coherence(str, Enum):
    """Coherence measures."""

    c_npmi = "c_npmi"
    c_v = "c_v"
    u_mass = "u_mass"


Chosen = Annotated[
    Coherence, typer.Option("--coherence", help="Which coherence.", rich_help_panel=MEASURES)
]
TopWords = Annotated[
    int,
    typer.Option(
        "-n",
        "--top",
        min=2,
        max=64,
        metavar="N",
        help="Words a topic for coherence, diversity and exclusivity.",
        rich_help_panel=MEASURES,
    ),
]


@options.grouped
def evaluate(
    model: options.Model,
    source: CorpusFile,
    *,
    measures: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Of perplexity (half of each document given the other half), left-to-right "
            "(whole documents; slow), coherence, diversity, exclusivity.",
            show_default="all but left-to-right",
            rich_help_panel=MEASURES,
        ),
    ] = None,
    coherence: Chosen = Coherence.c_npmi,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS",
            help="Documents in which coherence is counted, read with the same options.",
            show_default="the documents given",
            rich_help_panel=MEASURES,
        ),
    ] = None,
    top: TopWords = 10,
    samples: Annotated[
        int,
        typer.Option(min=1, help="Sweeps a position of left-to-right.", rich_help_panel=MEASURES),
    ] = 20,
    resample: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Earlier topics drawn anew a position of left-to-right; a number makes the cost "
            "linear in a document's length.",
            show_default="all",
            rich_help_panel=MEASURES,
        ),
    ] = None,
    seed: options.Seed = None,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Measure a model: by documents it has not seen, and by the words of its topics.

    Perplexities say something of documents that the fit has not seen only.
    """
    with reporting():
        from dataclasses import replace

        source = source.opened()
        wanted = _wanted(measures, OF_MODEL, [name for name, usual in OF_MODEL.items() if usual])
        loaded = load_topics(model)
        corpus = read_corpus_for(loaded, source)
        other = corpus
        if reference is not None and "coherence" in wanted:
            other = read_corpus_for(loaded, replace(source, corpus=reference, into=None))
        seed = fresh_seed(seed)
        told: dict[str, Any] = {"command": "lda evaluate", "data": source_name(source.corpus)}
        told |= {"documents": corpus.n_documents, "tokens": corpus.n_tokens, "seed": seed}
        told |= _held_out(loaded, corpus, wanted, samples, resample, seed, n_jobs)
        each = _of_topics(loaded, other, wanted, coherence.value, top, n_jobs)
        told |= {name: sum(values) / len(values) for name, values in each.items()}
        if "diversity" in wanted:
            from ...evaluate import topic_diversity

            told["diversity"] = topic_diversity(loaded, top_n=top)
        rows = topic_rows(loaded, top) if each else []
        for row in rows:
            row |= {name: values[row["topic"]] for name, values in each.items()}
        if as_json:
            print_json({**told, "topics": rows})
        else:
            _print(told, rows, tuple(each))


def _wanted(measures: str | None, known: Any, usual: list[str]) -> list[str]:
    if measures is None:
        return usual
    asked = [part.strip() for part in measures.split(",")]
    if not set(asked) <= set(known):
        raise ValueError(f"--measures must be of {', '.join(known)}; got {measures!r}")
    return [name for name in known if name in asked]


def _held_out(
    model: Any,
    corpus: Corpus,
    wanted: list[str],
    samples: int,
    resample: int | None,
    seed: int,
    n_jobs: int | None,
) -> dict[str, Any]:
    from ...evaluate import document_completion, left_to_right

    told: dict[str, Any] = {}
    if {"perplexity", "left-to-right"} & set(wanted) and not corpus.n_tokens:
        raise ValueError("the documents have no word that the model knows: nothing to predict")
    if "perplexity" in wanted:
        found = document_completion(model, corpus, random_state=seed, n_jobs=n_jobs)
        told |= {"perplexity": found.perplexity, "log_likelihood": found.per_token}
    if "left-to-right" in wanted:
        found = left_to_right(
            model, corpus, n_samples=samples, resample=resample, random_state=seed, n_jobs=n_jobs
        )
        told["left_to_right"] = {
            "perplexity": found.perplexity,
            "log_likelihood": found.per_token,
            "samples": samples,
        }
    return told


def _of_topics(
    model: Any, corpus: Corpus, wanted: list[str], measure: str, top: int, n_jobs: int | None
) -> dict[str, list[float]]:
    """Return the measures that every topic has one of."""
    from ...evaluate import coherence, exclusivity

    each: dict[str, list[float]] = {}
    if "coherence" in wanted:
        found = coherence(model, corpus, measure=measure, top_n=top, n_jobs=n_jobs)
        each[measure] = found.tolist()
    if "exclusivity" in wanted:
        each["exclusivity"] = exclusivity(model, top_n=top).tolist()
    return each


def _print(told: dict[str, Any], rows: list[dict[str, Any]], extra: tuple[str, ...]) -> None:
    shown = console()
    shown.print(f"{told['documents']:,} documents, {told['tokens']:,} tokens of known words")
    if "perplexity" in told:
        shown.print(
            f"perplexity of one half given the other: {told['perplexity']:,.2f} "
            f"({told['log_likelihood']:.4f} a token)"
        )
    if "left_to_right" in told:
        found = told["left_to_right"]
        shown.print(
            f"perplexity from left to right: {found['perplexity']:,.2f} "
            f"({found['log_likelihood']:.4f} a token)"
        )
    for name in (*extra, "diversity"):
        if name in told:
            shown.print(f"{name}: {told[name]:.4f}")
    if rows:
        print_topics(shown, rows, most=20, extra=extra)
    if "perplexity" in told or "left_to_right" in told:
        shown.print(f"repeat with --seed {told['seed']}")


@options.grouped
def select(
    source: CorpusFile,
    topics: Annotated[
        str,
        typer.Option(
            "-k",
            "--topics",
            metavar="A,B,...",
            help="Numbers of topics to try.",
            show_default=False,
            rich_help_panel=options.FITTING,
        ),
    ],
    *,
    measures: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Of perplexity, coherence, diversity, exclusivity, stability.",
            show_default="all",
            rich_help_panel=MEASURES,
        ),
    ] = None,
    coherence: Chosen = Coherence.c_npmi,
    top: TopWords = 10,
    n_seeds: Annotated[
        int,
        typer.Option(min=1, help="Fits of each number of topics.", rich_help_panel=options.FITTING),
    ] = 3,
    held_out: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the documents kept for perplexity.",
            rich_help_panel=MEASURES,
        ),
    ] = 0.1,
    sampling: Sampling,
    repeat: options.Repeat,
    plot: options.Plot = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit several numbers of topics and measure them side by side.

    No measure alone decides: take a number at which several of them are near their best.
    """
    with reporting():
        source = source.opened()
        check_report(options.Report(plot=plot), read=[source.corpus])
        grid = _grid(topics)
        usual = [name for name in OF_GRID if name != "stability" or n_seeds > 1]
        wanted = _wanted(measures, OF_GRID, usual)
        seed = fresh_seed(repeat.seed)
        from ...evaluate import select_topics
        from ...lda.model import LatentDirichletAllocation

        with progress_bar(quiet, as_json) as bar:
            bar.wait_for(f"reading {name_of(source.corpus)}")
            corpus, _ = read_corpus(source)
            bar.count(0, len(grid) * n_seeds, "fits")
            found = select_topics(
                corpus,
                grid,
                measures=wanted,
                n_seeds=n_seeds,
                held_out=held_out,
                coherence=coherence.value,
                top_n=top,
                estimator=LatentDirichletAllocation(**sampling.parameters()),
                progress=lambda done, total: bar.count(done, total, "fits"),
                random_state=seed,
                n_jobs=repeat.n_jobs,
            )
        files = {}
        if plot is not None:
            from ...plot import save_figure

            save_figure(found.plot(), plot)
            files["plot"] = str(plot)
        if as_json:
            told = {"command": "lda select", "data": source_name(source.corpus), "seed": seed}
            table = {"table": found.to_dict(), "values": found.values, "best": found.best}
            print_json({**told, **table, "coherence": found.coherence, "files": files})
        elif not quiet:
            print(found)
            print(f"repeat with --seed {seed}")
            print_files(console(), files)


def _grid(topics: str) -> list[int]:
    parts = [part.strip() for part in topics.split(",")]
    if not all(part.isdecimal() and int(part) >= 2 for part in parts):
        raise ValueError(f"-k must be numbers of topics from 2, as 10,20,50; got {topics!r}")
    return [int(part) for part in parts]
