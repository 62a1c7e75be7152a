"""What a topic report shows, as plain lists, numbers and text."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ...corpus.corpus import Corpus
from ..describe.over_time import PERIODS, TopicsOverTime, periods_of
from ..describe.words import WordScores, check_n
from ..model import LatentDirichletAllocation
from .documents import Piece, Speller, counted, excerpt, levels_of
from .map import divergences, positions
from .words import LAMBDAS, holders, relevant_words

#: A page for more topics than this would be slow, and nobody would read it.
MOST_TOPICS = 2000

#: The commonest words, which the search finds beside those that a topic shows.
SEARCHED_WORDS = 10_000

#: Characters of documents in a page, and the least and most of one document.
_CHARACTERS = 1_000_000
_LEAST, _MOST = 240, 1200

#: Points of a line over time beyond which the next longer period of the calendar is taken.
_MOST_PERIODS = 60

#: Words of a topic that measures look at.
_TOP = 10


@dataclass(frozen=True)
class Shown:
    """How much a report shows.

    Attributes
    ----------
    words : int
        Words of a topic at a time.
    documents : int
        Typical documents of a topic.
    by : str, int, sequence or None
        Periods, as in ``topics_over_time``; None for the shortest of the calendar that makes at
        most 60 of them.
    seed : int
        Of the split of documents for perplexity.
    """

    words: int = 30
    documents: int = 5
    by: Any = None
    seed: int = 0


def report_data(
    model: Any, X: Any, texts: Iterable[Any] | None, title: str, shown: Shown
) -> dict[str, Any]:
    """Return everything that the page shows.

    Parameters
    ----------
    model : LatentDirichletAllocation
    X : Corpus, sparse matrix or array of shape (n_documents, n_words), or None
    texts : iterable of str or of lists of str, or None
        The documents of ``X``, in order; only those that are shown are kept.
    title : str
    shown : Shown

    Raises
    ------
    TypeError, ValueError, NotFittedError
        As :func:`gibbous.lda.report.page.write_report`.
    """
    check_topics(model)
    if X is None and texts is not None:
        raise ValueError("texts need corpus, the counts of their words")
    check_n(shown.words, "n_words")
    check_n(shown.documents, "n_documents")
    corpus = None if X is None else _corpus(model, X)
    scores = WordScores(model.topics_, model.topic_sizes_)
    topics, words = _topics_and_words(model, scores, shown.words)
    quality = _quality(model, corpus, shown.seed, topics)
    time = None if corpus is None else _over_time(model, corpus, shown.by)
    _add_documents(model, corpus, texts, shown.documents, topics)
    return {
        "title": title,
        "lambdas": LAMBDAS,
        "shownWords": int(shown.words),
        "topics": topics,
        "words": words,
        "time": time,
        "quality": quality,
        "history": _history(model),
        "facts": _facts(model, corpus),
        "settings": _settings(model),
    }


def check_topics(model: Any) -> None:
    """Raise an error if this is no fitted topic model that a page can show.

    Raises
    ------
    TypeError
        If it is another thing.
    NotFittedError
        If it is not fitted.
    ValueError
        If it has too many topics.
    """
    if not isinstance(model, LatentDirichletAllocation):
        raise TypeError(
            f"a topic report needs a fitted LatentDirichletAllocation; got {type(model).__name__}"
        )
    check_is_fitted(model, "topics_")
    if model.topics_.n_topics > MOST_TOPICS:
        raise ValueError(
            f"a topic report shows at most {MOST_TOPICS} topics; this model has "
            f"{model.topics_.n_topics}: merge_topics or describe() may help"
        )


def _corpus(model: Any, X: Any) -> Corpus:
    try:
        found: Corpus = model._corpus(X, reset=False)
    except ValueError as error:
        raise ValueError(re.sub(r"\bX\b", "corpus", str(error))) from error
    return found


def brief(value: float, digits: int = 4) -> float | None:
    """Return a number of few digits, for a small page; None where it is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


# --- topics and words ------------------------------------------------------------------------


def _topics_and_words(
    model: Any, scores: WordScores, n: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    k = model.topics_.n_topics
    relevant = [relevant_words(scores, topic, n) for topic in range(k)]
    common = np.argsort(-scores.marginal, kind="stable")[:SEARCHED_WORDS]
    ids = np.unique(np.concatenate([common, *(found.words for found in relevant)]))
    given = getattr(model, "topic_labels_", ("",) * k)
    labels = model.topic_labels()
    where = positions(divergences(model.topics_))
    place = np.zeros(model.topics_.n_words, np.int64)
    place[ids] = np.arange(len(ids))
    topics = [
        {
            "label": labels[t],
            "named": bool(given[t]),
            "x": brief(where[t, 0]),
            "y": brief(where[t, 1]),
            "share": brief(scores.share[t]),
            "tokens": int(model.topic_sizes_[t]),
            "prior": brief(model.doc_topic_prior_[t]),
            "words": place[relevant[t].words].tolist(),
            "p": [brief(p) for p in relevant[t].probability],
            "documents": [],
        }
        for t in range(k)
    ]
    names = model.vocabulary_
    words = {
        "text": [str(w) if names is None else names[w] for w in ids.tolist()],
        "p": [brief(p) for p in scores.marginal[ids]],
        # topic and share in percent, in turn
        "topics": [
            [number for topic, share in found for number in (topic, round(100 * share))]
            for found in holders(scores, ids)
        ],
        "named": names is not None,
        "all": len(ids) == model.topics_.n_words,
    }
    return topics, words


# --- measures --------------------------------------------------------------------------------


def _quality(
    model: Any, corpus: Corpus | None, seed: int, topics: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the measures of the model, and add those of topics to them."""
    from ...evaluate import coherence, document_completion, exclusivity, topic_diversity

    told: dict[str, Any] = {"joint": brief(model.bound_, 6)}
    top = min(_TOP, model.topics_.n_words)
    each: dict[str, NDArray[np.float64]] = {}
    if top >= 2:
        each["exclusivity"] = exclusivity(model, top_n=top)
        told["diversity"] = brief(topic_diversity(model, top_n=top))
    if corpus is not None and corpus.n_tokens:
        if top >= 2:
            for measure in ("c_npmi", "u_mass"):
                each[measure] = coherence(
                    model, corpus, measure=measure, top_n=top, n_jobs=model.n_jobs
                )
        found = document_completion(model, corpus, random_state=seed, n_jobs=model.n_jobs)
        told["perplexity"] = brief(found.perplexity, 6)
    for name, values in each.items():
        told[name] = brief(values.mean())
        for topic, value in zip(topics, values, strict=True):
            topic[name] = brief(value)
    told["top"] = top
    return told


def _history(model: Any) -> dict[str, Any]:
    history = model.history_
    return {
        "metric": history.metric,
        "values": [brief(value, 6) for value in history.values],
        "heldOut": [[int(sweep), brief(value, 6)] for sweep, value in model.heldout_perplexities_],
    }


# --- time ------------------------------------------------------------------------------------


def _over_time(model: Any, corpus: Corpus, by: Any) -> dict[str, Any] | None:
    if corpus.dates is None or not corpus.n_documents:
        if by is not None:
            raise ValueError("by needs dates, and corpus has none")
        return None
    try:
        found = model.topics_over_time(corpus, _period(corpus.dates) if by is None else by)
    except ValueError as error:
        if by is not None:
            raise
        # what is called a date may be anything in a file of somebody else's
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
    """Return the shortest period of the calendar that makes few enough points."""
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
    """Return a date or whatever else is in its place: years without a point, days without hours."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.10g}"
    return str(value).removesuffix("T00:00:00")


def _years(found: TopicsOverTime) -> list[float | None]:
    """Return where the periods lie on an axis, in years or whatever the numbers are."""
    periods = found.periods
    if periods.dtype.kind == "M":
        days = periods.astype("M8[D]").astype(np.int64)
        return [brief(1970 + day / 365.2425, 8) for day in days]
    return [brief(float(value), 8) for value in periods]


# --- documents -------------------------------------------------------------------------------


def _add_documents(
    model: Any,
    corpus: Corpus | None,
    texts: Iterable[Any] | None,
    n: int,
    topics: list[dict[str, Any]],
) -> None:
    """Give each topic its typical documents."""
    if corpus is not None and not corpus.n_documents:
        return
    found = model.representative_documents(n, corpus)
    rows = zip(found["topic"], found["document"], found["share"], strict=True)
    lengths = None if corpus is None else corpus.document_lengths()
    chosen = [
        (int(topic), int(document), float(share))
        for topic, document, share in rows
        # of a document without a known word the model tells no more than its prior
        if lengths is None or lengths[document] > 0
    ]
    if corpus is None:
        for topic, document, share in chosen:
            topics[topic]["documents"].append({"number": document, "share": brief(share)})
        return
    ids = sorted({document for _, document, _ in chosen})
    kept = _chosen_texts(texts, set(ids), corpus.n_documents)
    theta = dict(zip(ids, model.transform(corpus[ids]), strict=True)) if ids else {}
    show = _Documents(model, corpus, kept, _CHARACTERS // max(len(chosen), 1))
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
        raise TypeError("texts must be several texts; got one: put it into a list")
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
        raise ValueError(f"texts must be as many as the documents of corpus, {n}; got {count}")
    return kept


def _is_tokens(text: Any) -> bool:
    return isinstance(text, (list, tuple)) and all(isinstance(token, str) for token in text)


def _about(corpus: Corpus, document: int) -> list[str]:
    """Return what is known of a document: name, label and date."""
    known = []
    for column in (corpus.names, corpus.labels, corpus.dates):
        if column is not None:
            value = _date(column[document])
            if value and value not in ("nan", "NaT"):
                known.append(value)
    return known


class _Documents:
    """Makes what is shown of documents."""

    def __init__(self, model: Any, corpus: Corpus, texts: dict[int, Any], most: int) -> None:
        self._topics = model.topics_
        self._names = model.vocabulary_
        self._corpus = corpus
        self._texts = texts
        self._most = min(max(most, _LEAST), _MOST)
        self._speller = Speller(model.vocabulary_, getattr(model, "text_options_", None) or {})

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


def _facts(model: Any, corpus: Corpus | None) -> dict[str, Any]:
    return {
        "topics": model.topics_.n_topics,
        "words": model.topics_.n_words,
        "tokens": int(model.topic_sizes_.sum()),
        "documents": int(model.document_topic_.shape[0]),
        "corpus": None if corpus is None else [corpus.n_documents, corpus.n_tokens],
    }


def _settings(model: Any) -> list[list[str]]:
    """Return names and values of everything that made the model, as text."""
    history = model.history_
    # neither of these two changes what was found
    rows: dict[str, Any] = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in ("n_jobs", "verbose")
    }
    rows |= {
        "sweeps": model.n_iter_,
        "stop reason": history.stop_reason,
        "seconds": round(sum(history.seconds), 2),
        "sum of the document-topic prior": f"{model.doc_topic_prior_.sum():.4g}",
        "topic-word prior": f"{model.topic_word_prior_:.4g}",
        "seed, as 64 bits": "none" if history.seed is None else f"{history.seed:#018x}",
        "instruction set": history.instruction_set,
        "threads": history.n_threads,
    }
    rows |= {f"version of {name}": value for name, value in history.versions.items()}
    for name, value in (getattr(model, "text_options_", None) or {}).items():
        rows[f"texts: {name}"] = value
    if history.events:
        rows["events"] = "; ".join(history.events)
    return [[name, _told(value)] for name, value in rows.items()]


def _told(value: Any) -> str:
    if isinstance(value, (list, tuple)) and len(value) > 20:
        return f"{', '.join(map(str, value[:20]))} and {len(value) - 20} more"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    text = str(value)
    return text if len(text) <= 2000 else text[:2000] + " …"
