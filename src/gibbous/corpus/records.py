"""Records of text, name, date and label on their way through a counter of terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from .rows import Part, Rows
from .text import TermCounter, batches

#: Text or tokens, name, date, label.
Record = tuple[Any, Any, Any, Any]


def count_documents(counter: TermCounter, documents: Iterable[Any], kind: str) -> Iterator[Part]:
    """Yield the counts of documents, a batch at a time.

    Parameters
    ----------
    counter : TermCounter
    documents : iterable of str or of sequences of str
    kind : "text" or "tokens"
        Which of the two.

    Raises
    ------
    TypeError
        If a document is something else; the message has its number from 0.
    """
    done = 0
    for batch in batches(documents, _size):
        yield Part(_counted(counter, batch, kind, done))
        done += len(batch)


def count_records(counter: TermCounter, records: Iterable[Record]) -> Iterator[Part]:
    """Yield the counts of records, a batch at a time; the first determines whether they are text.

    Parameters
    ----------
    counter : TermCounter
    records : iterable of (text or tokens, name, date, label)

    Raises
    ------
    TypeError
        As :func:`count_documents`.
    """
    done = 0
    kind = None
    for batch in batches(records, lambda record: _size(record[0])):
        texts, *columns = map(list, zip(*batch, strict=True))
        kind = kind or ("text" if isinstance(texts[0], str) else "tokens")
        found = [None if all(v is None for v in values) else values for values in columns]
        yield Part(_counted(counter, texts, kind, done), *found)
        done += len(batch)


def _counted(counter: TermCounter, documents: list[Any], kind: str, done: int) -> Rows:
    if kind == "text":
        if set(map(type, documents)) != {str}:
            good = [isinstance(text, str) for text in documents]
            _refuse(documents, good, done, "a str")
        return counter.texts(documents)
    good = [hasattr(tokens, "__len__") and not isinstance(tokens, str) for tokens in documents]
    _refuse(documents, good, done, "a list of tokens")
    if set(map(type, chain.from_iterable(documents))) - {str}:
        good = [all(isinstance(word, str) for word in tokens) for tokens in documents]
        _refuse(documents, good, done, "a list of tokens, each a str")
    return counter.tokens(documents)


def _refuse(documents: list[Any], good: list[bool], done: int, wanted: str) -> None:
    if not all(good):
        at = good.index(False)
        raise TypeError(f"document {done + at} must be {wanted}; got {documents[at]!r:.60}")


def _size(text: Any) -> int:
    if isinstance(text, str):
        return len(text)
    return 6 * len(text) if hasattr(text, "__len__") else 0
