"""Formats of texts: MALLET's lines, plain lines, JSON lines, CSV, Parquet, folders."""

from __future__ import annotations

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..records import Record
from .files import PathLike, decoded, text_lines

#: What the fields are called where nobody says so; only the text has to be there.
_USUAL = {"text": "text", "id": "id", "date": "date", "label": "label"}


@dataclass(frozen=True)
class Fields:
    """Names of the fields of a record, or positions from 1; False for none.

    None stands for the usual name, "text", "id", "date" or "label", where it is there.
    """

    text: str | int | None = None
    id: str | int | bool | None = None
    date: str | int | bool | None = None
    label: str | int | bool | None = None

    def choose(self, known: Mapping[str, Any] | Sequence[str], where: str) -> list[Any]:
        """Return the four names to take from a record, None for those to leave.

        Raises
        ------
        ValueError
            If one that was asked for is not there.
        """
        chosen: list[Any] = []
        for what, usual in _USUAL.items():
            wanted = getattr(self, what)
            if wanted is False:
                chosen.append(None)
                continue
            name = usual if wanted is None else wanted
            if name in known:
                chosen.append(name)
            elif wanted is not None or what == "text":
                names = ", ".join(repr(n) for n in list(known)[:12]) or "none"
                raise ValueError(
                    f"{where}: no field {name!r} for {what}; there are {names}: "
                    f"give {what}=, the name of one"
                )
            else:
                chosen.append(None)
        return chosen


def lines(path: PathLike) -> Iterator[Record]:
    """Yield one document a line."""
    for _, text in text_lines(path):
        yield text, None, None, None


def mallet(path: PathLike) -> Iterator[Record]:
    """Yield documents of MALLET's lines: name, label and text with white space between.

    Empty lines are passed over.

    Raises
    ------
    ValueError
        If a line has no label.
    """
    for line, text in text_lines(path):
        fields = text.split(None, 2)
        if not fields:
            continue
        if len(fields) == 1:
            raise ValueError(
                f"{path}, line {line}: expected 'name label text'; got {text.strip()!r:.60}"
            )
        yield (fields[2] if len(fields) == 3 else ""), fields[0], None, fields[1]


def jsonl(path: PathLike, fields: Fields) -> Iterator[Record]:
    """Yield documents of JSON lines; a text may be a list of tokens.

    Empty lines are passed over.

    Raises
    ------
    ValueError
        If a line is no JSON object or lacks a field.
    """
    kind: Any = None
    before: list[str] = []  # the fields of the record before, nearly always those of the next
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
        _check_text(values[0], where)
        if kind is not None and type(values[0]) is not kind:
            raise ValueError(
                f"{where}: the text is a {type(values[0]).__name__}, that of the "
                f"lines before a {kind.__name__}"
            )
        kind = type(values[0])
        odd = [value for value in values[1:] if isinstance(value, (dict, list))]
        if odd:
            raise ValueError(f"{where}: id, date and label are text or numbers; got {odd[0]!r:.60}")
        yield values[0], values[1], values[2], values[3]


def _check_text(text: Any, where: str) -> None:
    if isinstance(text, str):
        return
    if not isinstance(text, list) or not all(isinstance(token, str) for token in text):
        raise ValueError(f"{where}: a text is text or a list of tokens; got {text!r:.60}")


def table(path: PathLike, delimiter: str | None, header: bool, fields: Fields) -> Iterator[Record]:
    """Yield documents of a CSV file; without a delimiter the first line tells which it has.

    Raises
    ------
    ValueError
        If a row has not as many fields as the first, or quotes are not closed.
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
    """Return which columns to take, asked for by name or by position from 1."""
    places = {str(at): at - 1 for at in range(1, len(names) + 1)}
    places |= {name: at for at, name in reversed(list(enumerate(names)))}

    def plain(value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            return value
        return str(value)

    wanted = Fields(*(plain(getattr(fields, what)) for what in _USUAL))
    if len(names) == 1 and wanted.text is None:
        wanted = Fields(names[0], wanted.id, wanted.date, wanted.label)
    if any(getattr(wanted, what) not in names for what in _USUAL if getattr(wanted, what)):
        known: Mapping[str, Any] = places
    else:
        known = {name: places[name] for name in names}
    return [None if n is None else places[n] for n in wanted.choose(known, where)]


def _number(text: str | None) -> Any:
    """Return a date that is a whole number, such as a year, as one."""
    if text is not None and text.isascii() and text.lstrip("-").isdecimal() and len(text) < 16:
        return int(text)
    return text


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let csv read fields of any length: its limit, one for the process, is 128 KB otherwise."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def parquet(path: PathLike, fields: Fields) -> Iterator[Record]:
    """Yield documents of a Parquet file.

    Raises
    ------
    ValueError
        If it is damaged, lacks a column, or a text is missing.
    ImportError
        If pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"{path}: .parquet files need pyarrow, which is not installed; "
            "install it with: pip install 'gibbous[parquet]'"
        ) from error
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file")
    at = 0
    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = fields.choose(list(file.schema_arrow.names), str(path))
        wanted = [n for n in names if n is not None]
        for batch in file.iter_batches(batch_size=4096, columns=wanted):
            columns = {n: batch.column(n).to_pylist() for n in wanted}
            for row in range(batch.num_rows):
                at += 1
                found = [None if n is None else columns[n][row] for n in names]
                _check_text(found[0], f"{path}, row {at}")
                yield found[0], found[1], found[2], found[3]
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{path} is damaged or no parquet file (after row {at}): {error}"
        ) from error


def folder(path: PathLike, glob: str = "*") -> Iterator[Record]:
    """Yield one document a file of a folder and those below it, in the order of their names.

    Raises
    ------
    ValueError
        If there is no file, or one is not UTF-8.
    """
    root = Path(path)
    if not root.is_dir():
        raise NotADirectoryError(f"{path} is not a folder")
    files = [
        file
        for file in root.rglob(glob)
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(root).parts)
    ]
    if not files:
        raise ValueError(f"{path} has no file {glob!r}; hidden ones do not count")
    nested = any(file.parent != root for file in files)
    for file in sorted(files, key=lambda f: f.relative_to(root).parts):
        data = file.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            try:
                data = gzip.decompress(data)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{file}: compressed data is damaged ({error})") from error
        name = file.relative_to(root)
        label = name.parent.as_posix() if nested else None
        yield decoded(data.removeprefix(b"\xef\xbb\xbf"), file), name.as_posix(), None, label
