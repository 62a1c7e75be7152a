"""The contents of a topic report as plain lists, numbers and text."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._fit.history import History
from ...corpus.corpus import Corpus
from ..describe.documents import representative_documents
from ..describe.labels import topic_labels
from ..describe.over_time import PERIODS, TopicsOverTime, periods_of, topics_over_time
from ..describe.words import WordScores, check_n, scores_of
from ..fitted import FittedTopics
from ..fold_in import Bags
from ..measures.coherence import coherence, exclusivity, topic_diversity
from ..measures.heldout import document_completion
from .documents import Piece, Speller, counted, excerpt, levels_of
from .map import divergences, positions
from .words import LAMBDAS, holders, relevant_words

#: A page with more topics than this would be slow and too long to read.
MOST_TOPICS = 2000

#: The most frequent words, which the search finds in addition to those that a topic shows.
SEARCHED_WORDS = 10_000

#: Characters of documents on a page, and the minimum and maximum for one document.
_CHARACTERS = 1_000_000
_LEAST, _MOST = 240, 1200

#: The maximum number of points of a line over time; with more, a longer period is used.
_MOST_PERIODS = 60

#: Words of a topic that measures use.
_TOP = 10


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows; see :func:`gibbous.report_lda.write_report`.

    Attributes
    ----------
    texts : iterable of str or of lists of str, or None
    title : str
    n_words : int
        Words of a topic at a time.
    n_documents : int
        Typical documents of a topic.
    by : str, int, sequence or None
        Periods, as in ``topics_over_time``; None for the shortest of the calendar that gives at
        most 60 of them.
    random_state : int
        Of the split of documents for perplexity.
    """

    texts: Iterable[Any] | None = None
    title: str = "Topic report"
    n_words: int = 30
    n_documents: int = 5
    by: Any = None
    random_state: int = 0


@dataclass(frozen=True, eq=False)
class Record:
    """How a fit went.

    Attributes
    ----------
    n_iter : int
        Number of sweeps.
    bound : float
        Joint log-likelihood per token.
    history : History
    heldout_perplexities : sequence of (sweep, perplexity)
    text_options : mapping of str, or None
        How texts were cut into words.
    """

    n_iter: int
    bound: float
    history: History
    heldout_perplexities: Sequence[tuple[int, float]]
    text_options: Mapping[str, Any] | None = None


def report_data(
    fitted: FittedTopics, record: Record, X: Any, options: ReportOptions
) -> dict[str, Any]:
    """Return everything that the page shows.

    Parameters
    ----------
    fitted : FittedTopics
    record : Record
    X : Corpus, sparse matrix or array of shape (n_documents, n_words), or None
    options : ReportOptions

    Raises
    ------
    TypeError, ValueError
        As :func:`gibbous.report_lda.write_report`.
    """
    if X is None and options.texts is not None:
        raise ValueError("texts need corpus, the counts of their words")
    check_n(options.n_words, "n_words")
    check_n(options.n_documents, "n_documents")
    corpus = None if X is None else _corpus(fitted, X)
    topics, words = _topics_and_words(fitted, scores_of(fitted), options.n_words)
    measured = _quality(fitted, corpus, options.random_state, topics)
    quality = {"joint": brief(record.bound, 6), **measured}
    time = None if corpus is None else _over_time(fitted, corpus, options.by)
    _add_documents(fitted, record, corpus, options, topics)
    return {
        "title": str(options.title),
        "lambdas": LAMBDAS,
        "shownWords": int(options.n_words),
        "topics": topics,
        "words": words,
        "time": time,
        "quality": quality,
        "history": _history(record),
        "facts": _facts(fitted, corpus),
        "settings": _settings(fitted, record),
    }


def check_topics(fitted: FittedTopics) -> None:
    """Check that a page can show the topics.

    Raises
    ------
    ValueError
        If there are too many.
    """
    if fitted.n_topics > MOST_TOPICS:
        raise ValueError(
            f"a topic report shows at most {MOST_TOPICS} topics; this model has "
            f"{fitted.n_topics}: use merge_topics or describe()"
        )


def _corpus(fitted: FittedTopics, X: Any) -> Corpus:
    try:
        return fitted.read(X)
    except ValueError as error:
        raise ValueError(re.sub(r"\bX\b", "corpus", str(error))) from error


def brief(value: float, digits: int = 4) -> float | None:
    """Return a number with few digits, for a small page; None if it is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


# --- topics and words ------------------------------------------------------------------------


def _topics_and_words(
    fitted: FittedTopics, scores: WordScores, n: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    k = fitted.n_topics
    relevant = [relevant_words(scores, topic, n) for topic in range(k)]
    common = np.argsort(-scores.marginal, kind="stable")[:SEARCHED_WORDS]
    ids = np.unique(np.concatenate([common, *(found.words for found in relevant)]))
    given = fitted.labels or ("",) * k
    labels = topic_labels(fitted)
    where = positions(divergences(fitted.phi))
    place = np.zeros(fitted.n_words, np.int64)
    place[ids] = np.arange(len(ids))
    topics = [
        {
            "label": labels[t],
            "named": bool(given[t]),
            "x": brief(where[t, 0]),
            "y": brief(where[t, 1]),
            "share": brief(scores.share[t]),
            "tokens": int(fitted.sizes[t]),
            "prior": brief(fitted.alpha[t]),
            "words": place[relevant[t].words].tolist(),
            "p": [brief(p) for p in relevant[t].probability],
            "documents": [],
        }
        for t in range(k)
    ]
    names = fitted.vocabulary
    words = {
        "text": [str(w) if names is None else names[w] for w in ids.tolist()],
        "p": [brief(p) for p in scores.marginal[ids]],
        # topic and share in percent, in turn
        "topics": [
            [number for topic, share in found for number in (topic, round(100 * share))]
            for found in holders(scores, ids)
        ],
        "named": names is not None,
        "all": len(ids) == fitted.n_words,
    }
    return topics, words


# --- measures --------------------------------------------------------------------------------


def _quality(
    fitted: FittedTopics, corpus: Corpus | None, seed: int, topics: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the measures of the model, and add those of single topics to ``topics``."""
    found: dict[str, Any] = {}
    top = min(_TOP, fitted.n_words)
    n_jobs = fitted.parameters["n_jobs"]
    each: dict[str, NDArray[np.float64]] = {}
    if top >= 2:
        each["exclusivity"] = exclusivity(fitted, top_n=top)
        found["diversity"] = brief(topic_diversity(fitted, top_n=top))
    if corpus is not None and corpus.n_tokens:
        if top >= 2:
            for measure in ("c_npmi", "u_mass"):
                each[measure] = coherence(fitted, corpus, measure=measure, top_n=top, n_jobs=n_jobs)
        score = document_completion(fitted, corpus, random_state=seed, n_jobs=n_jobs)
        found["perplexity"] = brief(score.perplexity, 6)
    for name, values in each.items():
        found[name] = brief(values.mean())
        for topic, value in zip(topics, values, strict=True):
            topic[name] = brief(value)
    found["top"] = top
    return found


def _history(record: Record) -> dict[str, Any]:
    return {
        "metric": record.history.metric,
        "values": [brief(value, 6) for value in record.history.values],
        "heldOut": [[int(sweep), brief(value, 6)] for sweep, value in record.heldout_perplexities],
    }


# --- time ------------------------------------------------------------------------------------


def _over_time(fitted: FittedTopics, corpus: Corpus, by: Any) -> dict[str, Any] | None:
    if corpus.dates is None or not corpus.n_documents:
        if by is not None:
            raise ValueError("by needs dates, and corpus has none")
        return None
    try:
        found = topics_over_time(fitted, corpus, _period(corpus.dates) if by is None else by)
    except ValueError as error:
        if by is not None:
            raise
        # a column called date may contain anything
        warnings.warn(f"the report has no prevalence over time: {error}", stacklevel=2)
        return None
    return {
        "by": found.by,
        "periods": [_date(period) for period in found.periods],
        "at": _years(found),
        "shares": [[brief(v, 3) for v in column] for column in found.shares.T],
        "errors": [[brief(v, 2) for v in column] for column in found.errors.T],
        "documents": found.n_documents.tolist(),
        "tokens": found.n_tokens.tolist(),
    }


def _period(dates: NDArray[Any]) -> str:
    """Return the shortest calendar period that gives few enough points."""
    by = "century"
    for name in reversed(PERIODS):
        try:
            periods, _, _ = periods_of(dates, name)
        except ValueError:  # numbers are years
            break
        if len(periods) > _MOST_PERIODS:
            break
        by = name
    return by


def _date(value: Any) -> str:
    """Return a date as text: years without a decimal point, days without hours."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.10g}"
    return str(value).removesuffix("T00:00:00")


def _years(found: TopicsOverTime) -> list[float | None]:
    """Return the positions of the periods on an axis, in years or in the units of the numbers."""
    periods = found.periods
    if periods.dtype.kind == "M":
        days = periods.astype("M8[D]").astype(np.int64)
        return [brief(1970 + day / 365.2425, 8) for day in days]
    return [brief(float(value), 8) for value in periods]


# --- documents -------------------------------------------------------------------------------


def _add_documents(
    fitted: FittedTopics,
    record: Record,
    corpus: Corpus | None,
    options: ReportOptions,
    topics: list[dict[str, Any]],
) -> None:
    """Add its typical documents to each topic."""
    if corpus is not None and not corpus.n_documents:
        return
    found = representative_documents(fitted, options.n_documents, corpus)
    rows = zip(found["topic"], found["document"], found["share"], strict=True)
    lengths = None if corpus is None else corpus.document_lengths()
    chosen = [
        (int(topic), int(document), float(share))
        for topic, document, share in rows
        # the topics of a document without known words are only the prior
        if lengths is None or lengths[document] > 0
    ]
    if corpus is None:
        for topic, document, share in chosen:
            topics[topic]["documents"].append({"number": document, "share": brief(share)})
        return
    ids = sorted({document for _, document, _ in chosen})
    kept = _chosen_texts(options.texts, set(ids), corpus.n_documents)
    inferred = fitted.inference.dense(Bags.of(corpus[ids])) if ids else ()
    theta = dict(zip(ids, inferred, strict=True))
    speller = Speller(fitted.vocabulary, record.text_options or {})
    show = _Documents(fitted, speller, corpus, kept, _CHARACTERS // max(len(chosen), 1))
    for topic, document, share in chosen:
        topics[topic]["documents"].append(
            {
                "number": document,
                "share": brief(share),
                "about": _about(corpus, document),
                "pieces": show.pieces(document, topic, theta[document]),
            }
        )


def _chosen_texts(texts: Iterable[Any] | None, chosen: set[int], n: int) -> dict[int, Any]:
    if texts is None:
        return {}
    if isinstance(texts, (str, bytes)):
        raise TypeError("texts must be a list of texts; got one text: put it into a list")
    kept = {}
    count = 0
    for at, text in enumerate(texts):
        count += 1
        if at not in chosen:
            continue
        if not isinstance(text, str) and not _is_tokens(text):
            raise TypeError(f"texts: document {at} must be text or tokens; got {text!r:.60}")
        kept[at] = text
    if count != n:
        raise ValueError(f"texts must have one entry per document of corpus, {n}; got {count}")
    return kept


def _is_tokens(text: Any) -> bool:
    return isinstance(text, (list, tuple)) and all(isinstance(token, str) for token in text)


def _about(corpus: Corpus, document: int) -> list[str]:
    """Return name, label and date of a document, as far as they are known."""
    known = []
    for column in (corpus.names, corpus.labels, corpus.dates):
        if column is not None:
            value = _date(column[document])
            if value and value not in ("nan", "NaT"):
                known.append(value)
    return known


class _Documents:
    """Makes the excerpts of documents, each of at most about ``most`` characters."""

    def __init__(
        self,
        fitted: FittedTopics,
        speller: Speller,
        corpus: Corpus,
        texts: dict[int, Any],
        most: int,
    ) -> None:
        self._topics, self._names = fitted.phi, fitted.vocabulary
        self._speller, self._corpus, self._texts = speller, corpus, texts
        self._most = min(max(most, _LEAST), _MOST)

    def pieces(self, document: int, topic: int, theta: NDArray[np.float64]) -> list[Piece]:
        own = slice(self._corpus.indptr[document], self._corpus.indptr[document + 1])
        words = self._corpus.indices[own].astype(np.int64)
        level = levels_of(self._topics.columns(words), theta, topic)
        levels = dict(zip(words.tolist(), level.tolist(), strict=True))
        text: str | Sequence[str] | None = self._texts.get(document)
        if text is None:
            return counted(words, self._corpus.counts[own].astype(np.int64), levels, self._names)
        if isinstance(text, str):
            return excerpt(text, list(self._speller.find(text)), levels, self._most)
        joined, spans = self._speller.joined(list(text))
        return excerpt(joined, spans, levels, self._most)


# --- settings --------------------------------------------------------------------------------


def _facts(fitted: FittedTopics, corpus: Corpus | None) -> dict[str, Any]:
    return {
        "topics": fitted.n_topics,
        "words": fitted.n_words,
        "tokens": int(fitted.sizes.sum()),
        "documents": int(fitted.document_topic.shape[0]),
        "corpus": None if corpus is None else [corpus.n_documents, corpus.n_tokens],
    }


def _settings(fitted: FittedTopics, record: Record) -> list[list[str]]:
    """Return names and values of all settings of the model, as text."""
    history = record.history
    # neither of these two changes the result
    rows: dict[str, Any] = {
        name: value
        for name, value in fitted.parameters.items()
        if name not in ("n_jobs", "verbose")
    }
    rows |= {
        "sweeps": record.n_iter,
        "stop reason": history.stop_reason,
        "seconds": round(sum(history.seconds), 2),
        "sum of the document-topic prior": f"{fitted.alpha.sum():.4g}",
        "topic-word prior": f"{fitted.beta:.4g}",
        "seed, as 64 bits": "none" if history.seed is None else f"{history.seed:#018x}",
        "instruction set": history.instruction_set,
        "threads": history.n_threads,
    }
    rows |= {f"version of {name}": value for name, value in history.versions.items()}
    for name, value in (record.text_options or {}).items():
        rows[f"texts: {name}"] = value
    if history.events:
        rows["events"] = "; ".join(history.events)
    return [[name, _shown(value)] for name, value in rows.items()]


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)) and len(value) > 20:
        return f"{', '.join(map(str, value[:20]))} and {len(value) - 20} more"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    text = str(value)
    return text if len(text) <= 2000 else text[:2000] + " …"
