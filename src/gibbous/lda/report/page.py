"""A report of a topic model as one page that needs no network.

The page contains its data, its style and its script. Texts of documents, words and names are data,
which the script puts into text nodes only. The page's policy (Content-Security-Policy) allows no
other script and no request to a server.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from importlib import resources
from typing import Any

from ..._ground.files import replacing
from ..fitted import FittedTopics
from .data import Record, ReportOptions, check_topics, report_data

_SLOT = re.compile(r"\{\{(\w+)\}\}")

#: Characters that could end a script block or begin markup or a line of script, and those that
#: UTF-8 cannot represent.
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def html(fitted: FittedTopics, record: Record, corpus: Any, options: ReportOptions) -> str:
    """Return the page as text; arguments and errors are those of :func:`write`."""
    check_topics(fitted)
    return _page(report_data(fitted, record, corpus, options))


def write(
    path: str | os.PathLike[str],
    fitted: FittedTopics,
    record: Record,
    corpus: Any,
    options: ReportOptions,
) -> None:
    """Write a page about topics that a browser shows without a network.

    Parameters
    ----------
    path : str or path
    fitted : FittedTopics
    record : Record
    corpus : Corpus, sparse matrix or array of shape (n_documents, n_words), or None
    options : ReportOptions

    Raises
    ------
    TypeError, ValueError, OSError
        As :func:`gibbous.report_lda.write_report`.
    """
    check_topics(fitted)
    # opened first, so that a path that cannot be written is reported before the computation
    with replacing(path) as file:
        file.write(_page(report_data(fitted, record, corpus, options)).encode())


def _page(data: dict[str, Any]) -> str:
    style, script = _part("page.css"), _part("draw.js") + _part("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'"
    )
    parts = {"policy": policy, "style": style, "script": script, "data": embedded_json(data)}
    # in one pass, so that text between braces in a document is not replaced
    return _SLOT.sub(lambda slot: parts[slot[1]], _part("page.html"))


def embedded_json(data: Any) -> str:
    """Return JSON that is safe within a script block of a page.

    Characters that could end the block or begin markup are written as escapes, which JSON reads as
    the same characters; so are halves of surrogate pairs, which UTF-8 cannot represent.

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
