"""Tables in CSV and TSV files."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..records import Record
from .fields import USUAL, Fields
from .files import PathLike, text_lines


def table(path: PathLike, delimiter: str | None, header: bool, fields: Fields) -> Iterator[Record]:
    """Yield documents of a CSV file; without a delimiter it is detected in the first line.

    Raises
    ------
    ValueError
        If a row has another number of fields than the first, or quotes are not closed.
    """
    source = text_lines(path)
    begin = next(source, None)
    if begin is None:
        raise ValueError(f"{path} is empty; expected a table with a column of texts")
    if delimiter is None:
        delimiter = next((c for c in ",;\t" if c in begin[1]), ",")

    def feed() -> Iterator[str]:
        yield begin[1] + "\n"
        for _, text in source:
            yield text + "\n"

    with _long_fields():
        rows = csv.reader(feed(), delimiter=delimiter, strict=True)
        first = line = 1
        chosen: list[int | None] | None = None
        names: list[str] = []
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(f"{path}, line {first}: {error}") from error
            line, first = first, rows.line_num + 1
            if not row:
                continue
            if chosen is None:
                names = row if header else [str(at) for at in range(1, len(row) + 1)]
                chosen = _positions(fields, names, f"{path}, line {line}")
                if header:
                    continue
            if len(row) != len(names):
                raise ValueError(
                    f"{path}, line {line}: {len(row)} fields, but the first row has {len(names)}"
                )
            found = [None if at is None else row[at] for at in chosen]
            yield found[0], found[1], _number(found[2]), found[3]


def _positions(fields: Fields, names: list[str], where: str) -> list[int | None]:
    """Return the columns to read, given by name or by position from 1."""
    places = {str(at): at - 1 for at in range(1, len(names) + 1)}
    places |= {name: at for at, name in reversed(list(enumerate(names)))}

    def plain(value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            return value
        return str(value)

    wanted = Fields(*(plain(getattr(fields, what)) for what in USUAL))
    if len(names) == 1 and wanted.text is None:
        wanted = Fields(names[0], wanted.id, wanted.date, wanted.label)
    if any(getattr(wanted, what) not in names for what in USUAL if getattr(wanted, what)):
        known: Mapping[str, Any] = places
    else:
        known = {name: places[name] for name in names}
    return [None if n is None else places[n] for n in wanted.choose(known, where)]


def _number(text: str | None) -> Any:
    """Return a date that is a whole number, such as a year, as an int."""
    if text is not None and text.isascii() and text.lstrip("-").isdecimal() and len(text) < 16:
        return int(text)
    return text


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let csv read fields of any length: the limit of the process is 128 KB by default."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
