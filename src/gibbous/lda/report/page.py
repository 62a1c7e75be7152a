"""A report of a topic model as one page that needs no network.

The page holds its data, its style and its script. Text of documents, words and names is data to the
script, which puts it into text nodes only, and the page's policy (Content-Security-Policy) runs no
other script and asks no server for anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable
from importlib import resources
from typing import Any

from ..._ground.files import replacing
from .data import Shown, check_topics, report_data

_SLOT = re.compile(r"\{\{(\w+)\}\}")

#: What could end a script block, begin markup or a line of script, or has no place in UTF-8.
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def report_html(
    model: Any,
    corpus: Any = None,
    *,
    texts: Iterable[Any] | None = None,
    title: str = "Topic report",
    n_words: int = 30,
    n_documents: int = 5,
    by: Any = None,
    random_state: int = 0,
) -> str:
    """Return the page that :func:`write_report` writes.

    Parameters and errors are the same.
    """
    shown = Shown(words=n_words, documents=n_documents, by=by, seed=random_state)
    return _page(report_data(model, corpus, texts, str(title), shown))


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
    with their words, which a slider orders by relevance, as in LDAvis (Sievert and Shirley 2014);
    typical documents; prevalence over time; a search for words; measures of quality; and the
    settings and the seed of the fit. Without a corpus it shows what the model alone knows.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted, with at most 2000 topics.
    path : str or path
        Where the page goes, for example ``"report.html"``; replaced whole or not at all.
    corpus : Corpus, sparse matrix or array of shape (n_documents, n_words), optional
        Documents to show the topics in: those of the fit, or others. Names, labels and dates of a
        Corpus are shown.
    texts : iterable of str or of lists of str, optional
        The same documents in the same order as they are read; only excerpts of those that are
        shown are kept. Without it typical documents are shown by their words.
    title : str
        The title of the page.
    n_words : int, default 30
        Words of a topic at a time.
    n_documents : int, default 5
        Typical documents of a topic.
    by : str, int or sequence, optional
        Periods of the prevalence over time, as in ``topics_over_time``. None takes the shortest of
        the calendar that makes at most 60 of them.
    random_state : int, default 0
        For the split of documents that perplexity is measured with.

    Raises
    ------
    TypeError
        If ``model`` is no LatentDirichletAllocation, or ``texts`` is one text.
    NotFittedError
        If it is not fitted.
    ValueError
        If the words of ``corpus`` are not those of the model, ``texts`` are more or fewer than its
        documents, ``by`` needs dates that are not there, or a number is out of range.
    OSError
        If ``path`` cannot be written.

    Warns
    -----
    UserWarning
        If dates cannot be read and ``by`` is None; the page has no prevalence over time then.
    """
    check_topics(model)
    shown = Shown(words=n_words, documents=n_documents, by=by, seed=random_state)
    # opened first, so that a place that cannot be written to is known before the work
    with replacing(path) as file:
        file.write(_page(report_data(model, corpus, texts, str(title), shown)).encode())


def _page(data: dict[str, Any]) -> str:
    style, script = _part("page.css"), _part("draw.js") + _part("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'"
    )
    parts = {"policy": policy, "style": style, "script": script, "data": embedded_json(data)}
    # in one pass, so that what a document has between braces is no slot
    return _SLOT.sub(lambda slot: parts[slot[1]], _part("page.html"))


def embedded_json(data: Any) -> str:
    """Return JSON that may stand within a script block of a page.

    Characters that could end the block or begin markup are written as escapes, which mean the same
    to a reader of JSON; so are halves of surrogate pairs, which UTF-8 cannot have.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
