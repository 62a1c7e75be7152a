"""JSON lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..records import Record
from .fields import Fields, check_text
from .files import PathLike, text_lines


def jsonl(path: PathLike, fields: Fields) -> Iterator[Record]:
    """Yield documents of JSON lines; a text may be a list of tokens.

    Empty lines are ignored.

    Raises
    ------
    ValueError
        If a line is not a JSON object or lacks a field.
    """
    kind: Any = None
    before: list[str] = []  # the fields of the previous record, nearly always those of the next
    chosen: list[Any] = []
    for line, text in text_lines(path):
        if not text.strip():
            continue
        where = f"{path}, line {line}"
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(f"{where}: expected an object {{...}}; got {text.strip()!r:.60}")
        if list(record) != before:
            before, chosen = list(record), fields.choose(record, where)
        values = [None if n is None else record[n] for n in chosen]
        check_text(values[0], where)
        if kind is not None and type(values[0]) is not kind:
            raise ValueError(
                f"{where}: the text is a {type(values[0]).__name__}, that of the "
                f"previous lines a {kind.__name__}"
            )
        kind = type(values[0])
        odd = [value for value in values[1:] if isinstance(value, (dict, list))]
        if odd:
            raise ValueError(f"{where}: id, date and label are text or numbers; got {odd[0]!r:.60}")
        yield values[0], values[1], values[2], values[3]
