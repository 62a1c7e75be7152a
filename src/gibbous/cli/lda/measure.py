"""``gibbous lda evaluate`` and ``select``: measures of topics, of one model and of a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
#: Measures of one model, and whether each is computed by default.
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
    Coherence, typer.Option("--coherence", help="Coherence measure.", rich_help_panel=MEASURES)
]
TopWords = Annotated[
    int,
    typer.Option(
        "-n",
        "--top",
        min=2,
        max=64,
        metavar="N",
        help="Number of words per topic for coherence, diversity and exclusivity.",
        rich_help_panel=MEASURES,
    ),
]


@dataclass(frozen=True)
class OfModel:
    """Which measures of a model are computed, and how."""

    measures: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Of perplexity (half of each document given the other half), left-to-right "
            "(whole documents; slow), coherence, diversity, exclusivity.",
            show_default="all but left-to-right",
            rich_help_panel=MEASURES,
        ),
    ] = None
    coherence: Chosen = Coherence.c_npmi
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS",
            help="Documents whose word counts define coherence, read with the same options.",
            show_default="the documents given",
            rich_help_panel=MEASURES,
        ),
    ] = None
    top: TopWords = 10
    samples: Annotated[
        int,
        typer.Option(
            min=1, help="Sweeps per position for left-to-right.", rich_help_panel=MEASURES
        ),
    ] = 20
    resample: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Number of earlier topics that are resampled per position for left-to-right; with "
            "a number the cost is linear in the length of a document.",
            show_default="all",
            rich_help_panel=MEASURES,
        ),
    ] = None

    def wanted(self) -> list[str]:
        """Return the names of the measures to compute.

        Raises
        ------
        ValueError
            If a measure is not known.
        """
        usual = [name for name, usual in OF_MODEL.items() if usual]
        return _wanted(self.measures, OF_MODEL, usual)

    def reference_for(self, loaded: Any, source: CorpusFile, corpus: Corpus) -> Corpus:
        """Return the documents whose word counts define coherence."""
        if self.reference is None or "coherence" not in self.wanted():
            return corpus
        return read_corpus_for(loaded, replace(source, corpus=self.reference, into=None))


@options.grouped
def evaluate(
    model: options.Model,
    source: CorpusFile,
    asked: OfModel,
    *,
    seed: options.Seed = None,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Measure a model on documents, and by the words of its topics.

    Perplexities are meaningful only for documents that were not part of the fit.
    """
    with reporting():
        source = source.opened()
        wanted = asked.wanted()
        loaded = load_topics(model)
        corpus = read_corpus_for(loaded, source)
        other = asked.reference_for(loaded, source, corpus)
        seed = fresh_seed(seed)
        result: dict[str, Any] = {"command": "lda evaluate", "data": source_name(source.corpus)}
        result |= {"documents": corpus.n_documents, "tokens": corpus.n_tokens, "seed": seed}
        result |= _held_out(loaded, corpus, asked, seed, n_jobs)
        each = _of_topics(loaded, other, asked, n_jobs)
        result |= {name: sum(values) / len(values) for name, values in each.items()}
        if "diversity" in wanted:
            from ...evaluate import topic_diversity

            result["diversity"] = topic_diversity(loaded, top_n=asked.top)
        rows = topic_rows(loaded, asked.top) if each else []
        for row in rows:
            row |= {name: values[row["topic"]] for name, values in each.items()}
        if as_json:
            print_json({**result, "topics": rows})
        else:
            _print(result, rows, tuple(each))


def _wanted(measures: str | None, known: Any, usual: list[str]) -> list[str]:
    if measures is None:
        return usual
    asked = [part.strip() for part in measures.split(",")]
    if not set(asked) <= set(known):
        raise ValueError(f"--measures must be of {', '.join(known)}; got {measures!r}")
    return [name for name in known if name in asked]


def _held_out(
    model: Any, corpus: Corpus, asked: OfModel, seed: int, n_jobs: int | None
) -> dict[str, Any]:
    from ...evaluate import document_completion, left_to_right

    wanted = asked.wanted()
    result: dict[str, Any] = {}
    if {"perplexity", "left-to-right"} & set(wanted) and not corpus.n_tokens:
        raise ValueError(
            "the documents have no word of the vocabulary of the model, so there is nothing to "
            "predict; give documents with words of the fit"
        )
    shared: dict[str, Any] = {"random_state": seed, "n_jobs": n_jobs}
    if "perplexity" in wanted:
        found = document_completion(model, corpus, **shared)
        result |= {"perplexity": found.perplexity, "log_likelihood": found.per_token}
    if "left-to-right" in wanted:
        found = left_to_right(
            model, corpus, n_samples=asked.samples, resample=asked.resample, **shared
        )
        result["left_to_right"] = {
            "perplexity": found.perplexity,
            "log_likelihood": found.per_token,
            "samples": asked.samples,
        }
    return result


def _of_topics(
    model: Any, corpus: Corpus, asked: OfModel, n_jobs: int | None
) -> dict[str, list[float]]:
    """Return the measures that have one value per topic."""
    from ...evaluate import coherence, exclusivity

    wanted, measure = asked.wanted(), asked.coherence.value
    each: dict[str, list[float]] = {}
    if "coherence" in wanted:
        found = coherence(model, corpus, measure=measure, top_n=asked.top, n_jobs=n_jobs)
        each[measure] = found.tolist()
    if "exclusivity" in wanted:
        each["exclusivity"] = exclusivity(model, top_n=asked.top).tolist()
    return each


def _print(result: dict[str, Any], rows: list[dict[str, Any]], extra: tuple[str, ...]) -> None:
    shown = console()
    shown.print(f"{result['documents']:,} documents, {result['tokens']:,} tokens of known words")
    if "perplexity" in result:
        shown.print(
            f"perplexity of one half given the other: {result['perplexity']:,.2f} "
            f"({result['log_likelihood']:.4f} per token)"
        )
    if "left_to_right" in result:
        found = result["left_to_right"]
        shown.print(
            f"perplexity from left to right: {found['perplexity']:,.2f} "
            f"({found['log_likelihood']:.4f} per token)"
        )
    for name in (*extra, "diversity"):
        if name in result:
            shown.print(f"{name}: {result[name]:.4f}")
    if rows:
        print_topics(shown, rows, most=20, extra=extra)
    if "perplexity" in result or "left_to_right" in result:
        shown.print(f"repeat with --seed {result['seed']}")


@dataclass(frozen=True)
class OfGrid:
    """Which numbers of topics are compared, and by which measures."""

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
    ]
    measures: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Of perplexity, coherence, diversity, exclusivity, stability.",
            show_default="all",
            rich_help_panel=MEASURES,
        ),
    ] = None
    coherence: Chosen = Coherence.c_npmi
    top: TopWords = 10
    n_seeds: Annotated[
        int,
        typer.Option(min=1, help="Fits per number of topics.", rich_help_panel=options.FITTING),
    ] = 3
    held_out: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the documents held out for perplexity.",
            rich_help_panel=MEASURES,
        ),
    ] = 0.1

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the search.

        Raises
        ------
        ValueError
            If a number of topics or a measure is not valid.
        """
        usual = [name for name in OF_GRID if name != "stability" or self.n_seeds > 1]
        return {
            "ks": _grid(self.topics),
            "measures": _wanted(self.measures, OF_GRID, usual),
            "n_seeds": self.n_seeds,
            "held_out": self.held_out,
            "coherence": self.coherence.value,
            "top_n": self.top,
        }


@options.grouped
def select(
    source: CorpusFile,
    grid: OfGrid,
    sampling: Sampling,
    *,
    repeat: options.Repeat,
    plot: options.Plot = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit several numbers of topics and compare them by several measures.

    No single measure decides: choose a number of topics at which several measures are near their
    best.
    """
    with reporting():
        source = source.opened()
        check_report(options.Report(plot=plot), read=[source.corpus])
        arguments = grid.arguments()
        seed = fresh_seed(repeat.seed)
        from ...evaluate import select_topics
        from ...lda.model import LatentDirichletAllocation

        with progress_bar(quiet, as_json) as bar:
            bar.wait_for(f"reading {name_of(source.corpus)}")
            corpus, _ = read_corpus(source)
            bar.count(0, len(arguments["ks"]) * grid.n_seeds, "fits")
            found = select_topics(
                corpus,
                estimator=LatentDirichletAllocation(**sampling.parameters()),
                progress=lambda done, total: bar.count(done, total, "fits"),
                random_state=seed,
                n_jobs=repeat.n_jobs,
                **arguments,
            )
        files = {}
        if plot is not None:
            from ...plot import save_figure

            save_figure(found.plot(), plot)
            files["plot"] = str(plot)
        if as_json:
            result = {"command": "lda select", "data": source_name(source.corpus), "seed": seed}
            table = {"table": found.to_dict(), "values": found.values, "best": found.best}
            print_json({**result, **table, "coherence": found.coherence, "files": files})
        elif not quiet:
            print(found)
            print(f"repeat with --seed {seed}")
            print_files(console(), files)


def _grid(topics: str) -> list[int]:
    parts = [part.strip() for part in topics.split(",")]
    if not all(part.isdecimal() and int(part) >= 2 for part in parts):
        raise ValueError(f"-k must be numbers of topics >= 2, such as 10,20,50; got {topics!r}")
    return [int(part) for part in parts]
