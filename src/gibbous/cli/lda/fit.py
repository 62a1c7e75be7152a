"""``gibbous lda fit``: topics of a corpus."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..files import is_standard, name_of, source_name
from ..progress import progress_bar
from ..session import (
    after_interrupt,
    check_report,
    fresh_seed,
    print_json,
    reporting,
    say,
    write_report,
)
from ..show import console, print_end
from .corpus import CorpusFile, read_corpus
from .report import write_page
from .show import print_topics, topic_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...corpus.corpus import Corpus

SAMPLING = "Sampling"
PRIORS = "Priors"


class Sampler(str, Enum):
    """Samplers."""

    auto = "auto"
    fast = "fast"
    exact = "exact"


def _number(least: int, text: str, default: int) -> Any:
    return typer.Option(
        min=least,
        metavar="N",
        help=text,
        show_default=str(default),
        rich_help_panel=SAMPLING,
    )


@dataclass(frozen=True)
class Sampling:
    """How topics are sampled. Options that are not given have the defaults of the class."""

    sampler: Annotated[
        Sampler | None,
        typer.Option(
            help="Sweeps with delayed counts (fast), exact Gibbs sampling (exact), or fast sweeps "
            "followed by exact ones (auto).",
            show_default="auto",
            rich_help_panel=SAMPLING,
        ),
    ] = None
    max_iter: Annotated[int | None, _number(0, "Sweeps over all tokens.", 200)] = None
    settle_iter: Annotated[
        int | None, _number(0, "Number of exact sweeps at the end, with auto.", 20)
    ] = None
    n_proposals: Annotated[
        int | None,
        typer.Option(
            "--n-proposals",
            "--proposals",
            min=1,
            max=3,
            metavar="1|3",
            help="Proposals per token and pass of the fast sampler.",
            show_default="3",
            rich_help_panel=SAMPLING,
        ),
    ] = None
    n_samples: Annotated[
        int | None, _number(1, "Number of states at the end over which the result is averaged.", 5)
    ] = None
    sample_interval: Annotated[int | None, _number(1, "Sweeps between these states.", 5)] = None
    doc_topic_prior: Annotated[
        float | None,
        typer.Option(
            help="Prior of the topics of a document, alpha; not optimized if it is given.",
            show_default="5 / topics at first, optimized during the fit",
            rich_help_panel=PRIORS,
        ),
    ] = None
    topic_word_prior: Annotated[
        float | None,
        typer.Option(
            help="Prior of the words of a topic, beta; not optimized if it is given.",
            show_default="0.01 at first, optimized during the fit",
            rich_help_panel=PRIORS,
        ),
    ] = None
    optimize_priors: Annotated[
        bool | None,
        typer.Option(
            "--optimize-priors/--fixed-priors",
            help="Optimize both priors, or neither.",
            show_default="those that are not given",
            rich_help_panel=PRIORS,
        ),
    ] = None
    burn_in: Annotated[int | None, _number(0, "Sweeps before priors are optimized.", 50)] = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that were given."""
        given = dict(vars(self))
        if self.sampler is not None:
            given["sampler"] = self.sampler.value
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Stopping:
    """When a fit ends before its last sweep, and how it resumes after it was killed."""

    early_stopping: Annotated[
        bool,
        typer.Option(
            "--early-stopping",
            help="Stop when the perplexity of held-out documents no longer falls.",
            rich_help_panel=SAMPLING,
        ),
    ] = False
    held_out: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the documents that --early-stopping holds out.",
            rich_help_panel=SAMPLING,
        ),
    ] = 0.1
    evaluate_every: Annotated[
        int | None,
        _number(
            0, "Sweeps between two evaluations of the likelihood; 0 for the first and last.", 10
        ),
    ] = None
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the state of the fit here. If the file exists, the fit resumes from it "
            "and ends in the same bits as a fit that was never stopped. Needs --seed.",
            rich_help_panel=SAMPLING,
        ),
    ] = None
    checkpoint_every: Annotated[
        int, typer.Option(min=1, help="Sweeps between two checkpoints.", rich_help_panel=SAMPLING)
    ] = 50

    def check(self, seed: int | None) -> None:
        """Check before the fit that a checkpoint can be written and resumed from.

        Raises
        ------
        ValueError, OSError
            If not.
        """
        if self.checkpoint is None:
            return
        if seed is None:
            raise ValueError(
                "--checkpoint needs --seed, because a fit with a new seed cannot resume; add --seed"
            )
        if is_standard(self.checkpoint):
            raise ValueError("--checkpoint must be a file; got standard output")

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that were given."""
        given: dict[str, Any] = {}
        if self.early_stopping:
            given["early_stopping"] = self.held_out
        if self.evaluate_every is not None:
            given["evaluate_every"] = self.evaluate_every
        return given


@dataclass(frozen=True)
class Seeds:
    """Words that topics start with."""

    seeds: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Seed words: one topic per line, words separated by commas, from topic 0; or "
            'JSON, such as {"0": ["moon", "tide"], "3": {"bank": 50}}.',
            rich_help_panel=PRIORS,
        ),
    ] = None
    seed_weight: Annotated[
        float | None,
        typer.Option(
            help="Prior count of a seed word without a count, as a share of its tokens.",
            show_default="0.5",
            rich_help_panel=PRIORS,
        ),
    ] = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that were given."""
        given = {
            "seeds": None if self.seeds is None else read_seeds(self.seeds),
            "seed_weight": self.seed_weight,
        }
        return {name: value for name, value in given.items() if value is not None}


@options.grouped
def fit(
    source: CorpusFile,
    n_components: Annotated[
        int,
        typer.Option(
            "-k",
            "--n-components",
            min=1,
            help="Number of topics.",
            rich_help_panel=options.FITTING,
        ),
    ] = 10,
    *,
    seeds: Seeds,
    sampling: Sampling,
    stopping: Stopping,
    repeat: options.Repeat,
    report: options.Report,
    page: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a page about the topics here, as 'gibbous lda report' does.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
) -> None:
    """Find the topics of documents by collapsed Gibbs sampling.

    Ctrl-C ends the fit with code 130; with -o the model of the last finished sweep is kept.
    """
    with reporting():
        source = source.opened()
        stopping.check(repeat.seed)
        if is_standard(page):
            raise ValueError("--report needs a file; got -")
        check_report(
            report,
            read=[source.corpus, source.vocabulary, seeds.seeds],
            written=[stopping.checkpoint, page],
        )
        from ...lda.model import LatentDirichletAllocation

        model = LatentDirichletAllocation(
            n_components,
            random_state=fresh_seed(repeat.seed),
            n_jobs=repeat.n_jobs,
            **sampling.parameters(),
            **stopping.parameters(),
            **seeds.parameters(),
        )
        _run(source, model, stopping, report, page)


def _run(
    source: CorpusFile, model: Any, stopping: Stopping, report: options.Report, page: Path | None
) -> None:
    interrupted = False
    with progress_bar(report.quiet, report.as_json) as bar:
        bar.wait_for(f"reading {name_of(source.corpus)}")
        corpus, spelling = read_corpus(source)
        bar.wait_for("laying out")
        bar.timed, bar.unit = not model.early_stopping, "sweep"
        bar.tokens = round(corpus.n_tokens * (1 - float(model.early_stopping)))
        try:
            model.fit(
                corpus,
                callback=bar.callback,
                checkpoint=stopping.checkpoint,
                checkpoint_every=stopping.checkpoint_every,
            )
        except KeyboardInterrupt:
            interrupted = True
    # Unseen texts must be tokenized in the same way.
    model.text_options_ = spelling
    if interrupted:
        if stopping.checkpoint is not None and stopping.checkpoint.exists():
            say(f"the same command resumes from {stopping.checkpoint}")
        after_interrupt(model, report.output, "sweep")

    def draw() -> Figure:
        from ...plot import topics_figure

        return topics_figure(model)

    files = write_report(report, model, draw)
    if page is not None:
        with progress_bar(report.quiet, report.as_json) as bar:
            bar.wait_for("writing the report")
            write_page(model, page, source, corpus)
        files["report"] = str(page)
    if report.as_json:
        print_json(_summary(source, corpus, model, files))
    elif not report.quiet:
        _print(corpus, model, files)


def _summary(
    source: CorpusFile, corpus: Corpus, model: Any, files: dict[str, str]
) -> dict[str, Any]:
    return {
        "command": "lda fit",
        "data": source_name(source.corpus),
        "documents": corpus.n_documents,
        "words": corpus.n_words,
        "tokens": corpus.n_tokens,
        "parameters": model.get_params(deep=False),
        "sweeps": int(model.n_iter_),
        "stop_reason": model.history_.stop_reason,
        "joint_log_likelihood": model.bound_,
        "heldout_perplexities": [
            {"sweep": sweep, "perplexity": value} for sweep, value in model.heldout_perplexities_
        ],
        "topic_word_prior": model.topic_word_prior_,
        "topics": topic_rows(model, 10),
        "files": files,
        "history": model.history_.to_dict(),
    }


def _print(corpus: Corpus, model: Any, files: dict[str, str]) -> None:
    shown = console(Path(files["model"]) if "model" in files else None)
    shown.print(
        f"{model.n_components} topics, {corpus.n_documents:,} documents, "
        f"{corpus.n_tokens:,} tokens of {corpus.n_words:,} words"
    )
    print_topics(shown, topic_rows(model, 8), most=20)
    if model.heldout_perplexities_:
        sweep, value = model.heldout_perplexities_[-1]
        shown.print(f"held-out perplexity {value:,.1f} after {sweep} sweeps")
    print_end(shown, model, files)


def read_seeds(path: Path) -> dict[int, Any]:
    """Read seed words: JSON, or one topic a line.

    Raises
    ------
    ValueError
        If the file is neither; the message names it and the line.
    OSError
        If it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8") from error
    if text.lstrip().startswith("{"):
        return _seeds_of_json(path, text)
    seeds: dict[int, Any] = {}
    for topic, line in enumerate(text.splitlines()):
        words = [word.strip() for word in line.split(",")]
        if line.strip() and not all(words):
            raise ValueError(f"{path}, line {topic + 1}: an empty word; put commas between words")
        if line.strip():
            seeds[topic] = words
    if not seeds:
        raise ValueError(f"{path} has no seed words: write one topic a line")
    return seeds


def _seeds_of_json(path: Path, text: str) -> dict[int, Any]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: no JSON: {error.msg}") from error
    seeds: dict[int, Any] = {}
    for topic, words in given.items():
        if not topic.isdecimal() or not isinstance(words, (list, dict)):
            raise ValueError(
                f"{path}: {topic!r} must be the number of a topic with a list of words, or with "
                "words and their prior counts"
            )
        seeds[int(topic)] = words
    return seeds
