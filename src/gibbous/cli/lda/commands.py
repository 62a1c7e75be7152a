"""``gibbous lda``: topics of documents from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..help import App
from ..info import GROUPED, describe
from ..session import check_rows, print_json, put_rows, reporting
from ..show import console, print_pairs
from . import fit, measure, report
from .corpus import CorpusFile, read_corpus, read_corpus_for
from .show import load_topics, print_topics, topic_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...corpus.corpus import Corpus

app = App(options.GROUPS["lda"])
app.verb("gibbous lda fit texts.jsonl -k 50 --stop-words english -o topics.model")(fit.fit)

#: 32 MB of them.
_SHARES_AT_A_TIME = 1 << 22

Top = Annotated[
    int,
    typer.Option(
        "-n", "--top", min=1, metavar="N", help="Words per topic.", rich_help_panel=options.OUTPUT
    ),
]


@app.verb("gibbous lda topics topics.model -n 20")
def topics(
    model: options.Model,
    top: Top = 10,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="These topics only.",
            show_default="all",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    plot: options.Plot = None,
    as_json: options.Json = False,
) -> None:
    """Show the topics of a model: their share of the tokens, prior, and most probable words."""
    with reporting():
        loaded = load_topics(model)
        rows = topic_rows(loaded, top, _chosen(only, loaded.topics_.n_topics))
        if plot is not None:
            from ...plot import plot_topics, save_figure

            which = [row["topic"] for row in rows]
            save_figure(plot_topics(loaded, topics=which, top_n=top), plot)
        if as_json:
            prior = loaded.topic_word_prior_
            print_json({"command": "lda topics", "topic_word_prior": prior, "topics": rows})
        else:
            print_topics(console(), rows, most=len(rows))


def _chosen(only: str | None, n_topics: int) -> list[int] | None:
    if only is None:
        return None
    parts = [part.strip() for part in only.split(",")]
    if not all(part.isdecimal() and int(part) < n_topics for part in parts):
        raise ValueError(f"--only must be topics from 0 to {n_topics - 1}; got {only!r}")
    return [int(part) for part in parts]


# --- unseen documents ------------------------------------------------------------------------


@app.verb("gibbous lda infer topics.model new.jsonl --largest 3 -o topics.csv")
@options.grouped
def infer(
    model: options.Model,
    source: CorpusFile,
    *,
    largest: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="One row for each of a document's N largest topics, instead of one a document "
            "with a column a topic.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    output: options.Rows = None,
    n_jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Compute the topic proportions of each document under a model.

    Documents may be unseen, and of any format: their words are carried over to the model's, and
    those that it does not know are left out.
    """
    with reporting():
        source = source.opened()
        check_rows(output, as_json, model, source.corpus)
        loaded = load_topics(model).set_params(n_jobs=n_jobs)
        corpus = read_corpus_for(loaded, source)
        columns = _shares(loaded, corpus) if largest is None else _largest(loaded, corpus, largest)
        if output is not None and output.suffix.lower() == ".npy":
            columns.pop("name", None)
        if output is not None or not as_json:
            put_rows(output, columns)
        if as_json:
            known = int((corpus.document_lengths() > 0).sum())
            result: dict[str, Any] = {
                "command": "lda infer",
                "documents": corpus.n_documents,
                "documents_with_known_words": known,
                "tokens": corpus.n_tokens,
            }
            found = {"files": {"topics": str(output)}} if output is not None else {"rows": columns}
            print_json(result | found)


def _shares(model: Any, corpus: Corpus) -> dict[str, NDArray[Any]]:
    shares = model.transform(corpus)
    columns: dict[str, NDArray[Any]] = {}
    if corpus.names is not None:
        columns["name"] = corpus.names
    return columns | {f"topic {k}": column for k, column in enumerate(shares.T)}


def _largest(model: Any, corpus: Corpus, n: int) -> dict[str, NDArray[Any]]:
    """Return the largest topics of each document, largest first, in blocks of documents."""
    import numpy as np

    n = min(n, model.topics_.n_topics)
    step = max(1, _SHARES_AT_A_TIME // model.topics_.n_topics)
    found = []
    for first in range(0, max(corpus.n_documents, 1), step):
        shares = model.transform(corpus[first : first + step])
        order = np.argsort(-shares, axis=1, kind="stable")[:, :n]
        found.append((order, np.take_along_axis(shares, order, axis=1)))
    order, shares = (np.concatenate(parts).ravel() for parts in zip(*found, strict=True))
    columns = {"document": np.repeat(np.arange(corpus.n_documents), n)}
    if corpus.names is not None:
        columns["name"] = np.repeat(corpus.names, n)
    return columns | {"topic": order, "share": shares}


# --- measures --------------------------------------------------------------------------------

app.verb("gibbous lda evaluate topics.model unseen.jsonl")(measure.evaluate)
app.verb("gibbous lda select texts.jsonl -k 10,20,50,100 --plot grid.png")(measure.select)


# --- a page ----------------------------------------------------------------------------------

app.verb("gibbous lda report topics.model texts.jsonl --date year -o report.html")(report.report)


# --- what a file holds -----------------------------------------------------------------------


@app.verb("gibbous lda info topics.model")
@options.grouped
def info(source: CorpusFile, *, as_json: options.Json = False) -> None:
    """Describe a file: a topic model, or a corpus of any format."""
    with reporting():
        source = source.opened()
        found = _of_model(source.corpus) if _is_model(source) else _of_corpus(source)
        if as_json:
            print_json({"command": "lda info", **found})
        else:
            print_pairs(found, GROUPED)


def _is_model(source: CorpusFile) -> bool:
    if source.format is not None or not source.corpus.is_file():
        return False
    with open(source.corpus, "rb") as file:
        start = file.read(9)
    # safetensors: the length of a JSON header, and the header. As text it would be far too long.
    size = int.from_bytes(start[:8], "little")
    return start[8:] == b"{" and size < source.corpus.stat().st_size


def _of_model(path: Path) -> dict[str, Any]:
    model = load_topics(path)
    found = describe(model, path)
    return {
        "kind": "topic model",
        "topics": model.topics_.n_topics,
        "words": model.n_features_in_,
        "words_have_names": model.vocabulary_ is not None,
        "documents": model.document_topic_.shape[0],
        "tokens": int(model.topic_sizes_.sum()),
        "sampler": model.sampler,
        "sweeps": model.n_iter_,
        "joint_log_likelihood": model.bound_,
        "doc_topic_prior_sum": float(model.doc_topic_prior_.sum()),
        "topic_word_prior": model.topic_word_prior_,
        "text_options": getattr(model, "text_options_", {}),
        **{name: found[name] for name in found if name not in ("features", "feature_names")},
    }


def _of_corpus(source: CorpusFile) -> dict[str, Any]:
    import numpy as np

    corpus, _ = read_corpus(source)
    lengths = corpus.document_lengths()
    totals = corpus.word_counts()
    top = np.argsort(-totals, kind="stable")[:10]
    names = corpus.vocabulary
    return {
        "kind": "corpus",
        "documents": corpus.n_documents,
        "words": corpus.n_words,
        "tokens": corpus.n_tokens,
        "entries": len(corpus.indices),
        "empty_documents": int((lengths == 0).sum()),
        "longest_document": int(lengths.max(initial=0)),
        "median_length": float(np.median(lengths)) if len(lengths) else 0.0,
        "words_have_names": names is not None,
        "commonest_words": {
            (str(w) if names is None else names[w]): int(totals[w]) for w in map(int, top)
        },
        "documents_have": [
            name for name in ("names", "dates", "labels") if getattr(corpus, name) is not None
        ],
        "mapped_from": None if corpus.path is None else str(corpus.path),
    }
