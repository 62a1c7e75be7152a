"""Records of text, name, date and label on their way through a counter of terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from .corpus_rows import Part
from .corpus_text import TermCounter, batches

#: Text or tokens, name, date, label.
Record = tuple[Any, Any, Any, Any]


def count_records(
    counter: TermCounter, records: Iterable[Record], kind: str | None = None
) -> Iterator[Part]:
    """Yield the counts of records, a batch at a time.

    Parameters
    ----------
    counter : TermCounter
    records : iterable of (text or tokens, name, date, label)
    kind : "text", "tokens" or None
        What the first entries are; None to go by the first of them.

    Raises
    ------
    TypeError
        If a document is something else; the message has its number from 0.
    """
    done = 0
    for batch in batches(records, _size):
        texts = [record[0] for record in batch]
        if kind is None:
            kind = "text" if isinstance(texts[0], str) else "tokens"
        for at, text in enumerate(texts):
            if isinstance(text, str) != (kind == "text") or not hasattr(text, "__len__"):
                wanted = "a str" if kind == "text" else "a list of tokens"
                raise TypeError(f"document {done + at} must be {wanted}; got {text!r:.60}")
        if kind == "tokens":
            # bytes have a length too, and their entries are numbers
            odd = None
            if set(map(type, chain.from_iterable(texts))) - {str}:
                good = [all(isinstance(word, str) for word in tokens) for tokens in texts]
                odd = None if all(good) else good.index(False)
            if odd is not None:
                raise TypeError(
                    f"document {done + odd} must be a list of tokens, each a str; "
                    f"got {texts[odd]!r:.60}"
                )
        rows = counter.texts(texts) if kind == "text" else counter.tokens(texts)
        columns = [
            None if all(v is None for v in c) else c for c in list(zip(*batch, strict=True))[1:]
        ]
        yield Part(rows, *columns)
        done += len(batch)


def _size(record: Record) -> int:
    text = record[0]
    if isinstance(text, str):
        return len(text)
    return 6 * len(text) if hasattr(text, "__len__") else 0
