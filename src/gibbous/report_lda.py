"""A report of a topic model as one page that needs no network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .lda.model import LatentDirichletAllocation

__all__ = ["report_html", "write_report"]


def report_html(model: Any, corpus: Any = None, **options: Any) -> str:
    """Return the page that :func:`write_report` writes.

    Parameters and errors are the same, without ``path``.
    """
    page: str = _checked(model).report(None, corpus, **options)
    return page


def write_report(
    model: Any,
    path: str | os.PathLike[str],
    corpus: Any = None,
    *,
    texts: Iterable[Any] | None = None,
    title: str = "Topic report",
    n_words: int = 30,
    n_documents: int = 5,
    by: Any = None,
    random_state: int = 0,
) -> None:
    """Write a page about a topic model that a browser shows without a network.

    It has a map of the topics (classical scaling of the Jensen-Shannon divergences between them)
    with their words, which a slider sorts by relevance, as in LDAvis (Sievert and Shirley 2014);
    typical documents; prevalence over time; a search for words; measures of quality; and the
    settings and the seed of the fit. Without a corpus it shows only the contents of the model.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted, with at most 2000 topics.
    path : str or path
        Where the page is written, for example ``"report.html"``; replaced completely or not at all.
    corpus : Corpus, sparse matrix or array of shape (n_documents, n_words), optional
        Documents to show the topics in: those of the fit, or others. Names, labels and dates of a
        Corpus are shown.
    texts : iterable of str or of lists of str, optional
        The same documents in the same order as text; only excerpts of those that are shown are
        kept. Without it typical documents are shown by their words.
    title : str
        The title of the page.
    n_words : int, default 30
        Words of a topic at a time.
    n_documents : int, default 5
        Typical documents of a topic.
    by : str, int or sequence, optional
        Periods of the prevalence over time, as in ``topics_over_time``. None takes the shortest of
        the calendar that gives at most 60 of them.
    random_state : int, default 0
        For the split of documents with which perplexity is measured.

    Raises
    ------
    TypeError
        If ``model`` is not a LatentDirichletAllocation, or ``texts`` is one text.
    NotFittedError
        If it is not fitted.
    ValueError
        If the words of ``corpus`` are not those of the model, ``texts`` are more or fewer than its
        documents, ``by`` needs dates that are missing, or a number is out of range.
    OSError
        If ``path`` cannot be written.

    Warns
    -----
    UserWarning
        If dates cannot be read and ``by`` is None; the page has no prevalence over time then.
    """
    options = {"texts": texts, "title": title, "n_words": n_words, "n_documents": n_documents}
    _checked(model).report(path, corpus, **options, by=by, random_state=random_state)


def _checked(model: Any) -> Any:
    if not isinstance(model, LatentDirichletAllocation):
        raise TypeError(
            f"a topic report needs a fitted LatentDirichletAllocation; got {type(model).__name__}"
        )
    return model
