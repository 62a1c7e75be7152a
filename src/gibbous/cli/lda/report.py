"""``gibbous lda report``: a page about the topics of a model."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..files import check_files, is_standard, name_of
from ..progress import progress_bar
from ..session import print_json, reporting
from .corpus import CorpusFile, read_corpus_for, read_texts
from .show import load_topics

if TYPE_CHECKING:
    from ...corpus.corpus import Corpus

REPORT = "Report"


@dataclass(frozen=True)
class ShownCorpus(CorpusFile):
    """A corpus that may be left out."""

    corpus: Annotated[
        Path,
        typer.Argument(
            help="Documents to show the topics in, of any format: those of the fit, or others. "
            "Without them the page shows the model alone.",
            show_default="none",
        ),
    ] = None  # type: ignore[assignment]  # asked for before any use


@dataclass(frozen=True)
class Page:
    """What the page shows."""

    title: Annotated[
        str | None,
        typer.Option(
            help="Title of the page.",
            show_default="the name of the corpus or the model",
            rich_help_panel=REPORT,
        ),
    ] = None
    top: Annotated[
        int,
        typer.Option(
            "-n", "--top", min=1, metavar="N", help="Words per topic.", rich_help_panel=REPORT
        ),
    ] = 30
    documents: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Typical documents per topic.", rich_help_panel=REPORT
        ),
    ] = 5
    by: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            help="Periods of the prevalence over time: day, week, month, quarter, year, decade, "
            "century, or their number.",
            show_default="the shortest that makes at most 60",
            rich_help_panel=REPORT,
        ),
    ] = None
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**32 - 1,
            help="Seed of the split of documents by which perplexity is measured.",
            rich_help_panel=REPORT,
        ),
    ] = 0

    def arguments(self, corpus: Corpus | None, named: Path) -> dict[str, Any]:
        """Return the arguments of the report on a corpus, if any; the title is that of a file.

        Raises
        ------
        ValueError
            If periods are given and documents have no dates.
        """
        if self.by is not None and (corpus is None or corpus.dates is None):
            raise ValueError("--by needs documents with dates; name the field of dates with --date")
        return {
            "title": self.title or _name(named),
            "n_words": self.top,
            "n_documents": self.documents,
            "by": int(self.by) if self.by is not None and self.by.isdecimal() else self.by,
            "random_state": self.seed,
        }


@options.grouped
def report(
    model: options.Model,
    source: ShownCorpus,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write the page here; - for standard output.",
            show_default="the name of the model with .html",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    page: Page,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write one page about the topics of a model, which a browser shows without a network.

    It has a map of the topics, their words with a slider for relevance, typical documents,
    prevalence over time if documents have dates, a search for words, measures of quality, and
    the settings and the seed of the fit.
    """
    with reporting():
        place = model.with_suffix(".html") if output is None else output
        check_files([model, source.corpus, source.vocabulary], [place], as_json)
        documents: CorpusFile | None = source.opened() if source.corpus is not None else None
        loaded = load_topics(model).set_params(n_jobs=n_jobs)
        with progress_bar(quiet, as_json) as bar:
            corpus = None
            if documents is not None:
                bar.wait_for(f"reading {name_of(documents.corpus)}")
                corpus = read_corpus_for(loaded, documents)
            shown = page.arguments(corpus, model if documents is None else documents.corpus)
            bar.wait_for("writing the report")
            write_page(loaded, place, documents, corpus, **shown)
        if as_json:
            result = {"topics": loaded.topics_.n_topics, "files": {"report": str(place)}}
            print_json({"command": "lda report", **result})
        elif not quiet and not is_standard(place):
            print(f"report written to {place}")


def write_page(
    model: Any, path: Path, source: CorpusFile | None, corpus: Corpus | None, **shown: Any
) -> None:
    """Write the page of a model, with the texts of its documents if a file has them.

    Raises
    ------
    ValueError, OSError
        As :func:`gibbous.report_lda.write_report`.
    """
    from ...report_lda import report_html, write_report

    if source is not None:
        shown.setdefault("title", _name(source.corpus))
        shown["texts"] = read_texts(source)
    if is_standard(path):
        sys.stdout.write(report_html(model, corpus, **shown))
    else:
        write_report(model, path, corpus, **shown)


def _name(path: Path) -> str:
    """Return a title for the contents of a file."""
    name = name_of(path)
    return f"Topics of {name.partition('.')[0] or name}"
