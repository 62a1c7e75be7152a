"""Read and write tables of numbers: .csv, .tsv, .npy and .parquet files."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from .._ground.files import replacing, suffix_of

#: Supported endings of files.
SUFFIXES = (".csv", ".tsv", ".npy", ".parquet")

_NUMBER = re.compile(
    r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)\s*", re.I | re.A
)
_ABSENT = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})
_CHUNK = 1 << 20

#: Larger .npy files can be mapped into memory, for callers that read them in blocks.
MAPPED_BYTES = 1 << 28


@dataclass(frozen=True)
class Table:
    """Numbers read from a file.

    Attributes
    ----------
    path : str
        Path of the file, for messages.
    values : ndarray of shape (n_rows, n_columns)
        float64, or float32 if the file has float32, or bytes and bits if requested. All values are
        finite, or NaN if values may be missing.
    names : tuple of str or None
        Names of the columns, if the file has them.
    """

    path: str
    values: NDArray[Any]
    names: tuple[str, ...] | None

    def split(self, column: str | int) -> tuple[Table, NDArray[Any]]:
        """Return the table without one column, and that column.

        The column is a name, a position counted from 1 as text, or an index from 0 as an int.

        Raises
        ------
        ValueError
            If the column does not exist, or is the only one.
        """
        at = column
        if isinstance(at, str):
            at = _find(at, self.names, self.values.shape[1], self.path)
        if self.values.shape[1] == 1:
            raise ValueError(
                f"{self.path}: column {column!r} is the only one; the table needs another"
            )
        names = None if self.names is None else self.names[:at] + self.names[at + 1 :]
        rest = np.ascontiguousarray(np.delete(self.values, at, axis=1))
        return Table(self.path, rest, names), np.ascontiguousarray(self.values[:, at])


def read_table(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    header: bool | None = None,
    missing: bool = False,
    small: bool = False,
    mapped: bool = False,
) -> Table:
    """Read a table of finite numbers.

    Parameters
    ----------
    path : str or path
        A .csv file (separated by commas, or by semicolons or tabs if its first line has no comma),
        a .tsv file (tabs), a .npy file (one or two dimensions) or a .parquet file (requires
        pyarrow).
    columns : sequence of str or None
        Columns to read, in this order: names, or positions counted from 1. None reads all.
    header : bool or None
        Whether the first line of a .csv or .tsv file contains column names. If None, it does if
        none of its cells is a number.
    missing : bool, default False
        Whether values may be missing. Empty cells, ``NA``, NaN and similar become NaN.
    small : bool, default False
        Whether to keep bytes and bits of a .npy file as they are, in an eighth of the memory.
    mapped : bool, default False
        Whether to return a .npy file of more than 256 MB as a memmap without checking its values,
        for callers that read it in blocks. Ignored if ``columns`` is given.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the file is not such a table, or if two of the columns have the same name. The message
        names the file, the line and the column.
    OSError
        If the file cannot be read.
    ImportError
        If pyarrow is required but not installed.
    """
    suffix = _checked_suffix(path)
    if columns is not None and not columns:
        raise ValueError("columns must have at least one column, or be None for all; got none")
    if suffix == ".npy":
        table = _read_npy(str(path), columns, small, mapped)
        if isinstance(table.values, np.memmap):
            return table
    elif suffix == ".parquet":
        table = _read_parquet(str(path), columns, missing)
    else:
        return _read_text(str(path), suffix, columns, header, missing)
    bad = np.isinf(table.values) if missing else ~np.isfinite(table.values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{path}, row {row + 1}: {_label(table.names, column)} is {table.values[row, column]}; "
            "remove the row or fill in the value"
        )
    return table


def _checked_suffix(path: str | os.PathLike[str]) -> str:
    suffix = suffix_of(path, SUFFIXES, "a table")
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file")
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    return suffix


def column_names(
    path: str | os.PathLike[str], *, header: bool | None = None
) -> tuple[str, ...] | None:
    """Return the column names of a table, or None if the file has none.

    Raises
    ------
    ValueError, OSError, ImportError
        As :func:`read_table`.
    """
    suffix = _checked_suffix(path)
    if suffix == ".npy":
        return None
    if suffix == ".parquet":
        return _parquet_file(str(path))[1]
    with _text_errors(str(path)):
        return _layout(str(path), suffix, None, header).names


def write_table(path: str | os.PathLike[str], columns: Mapping[str, NDArray[Any]]) -> None:
    """Write named columns of equal length, in the format given by the ending of ``path``.

    A .npy file has no names: one column is written as one dimension, several as two. An existing
    file is replaced as a whole, so that no reader finds an incomplete file.

    Raises
    ------
    ValueError
        If the ending is unknown.
    OSError
        If the file cannot be written.
    ImportError
        If pyarrow is required but not installed.
    """
    suffix = suffix_of(path, SUFFIXES, "a table")
    if suffix == ".parquet":
        pa, pq = _pyarrow(str(path))
        table = pa.table({name: np.asarray(c) for name, c in columns.items()})
        with replacing(path) as file:
            pq.write_table(table, file)
        return
    with replacing(path) as file:
        if suffix == ".npy":
            arrays = list(columns.values())
            values = arrays[0] if len(arrays) == 1 else np.column_stack(arrays)
            np.lib.format.write_array(file, np.ascontiguousarray(values), allow_pickle=False)
        else:
            for text in text_rows(columns, "\t" if suffix == ".tsv" else ","):
                file.write(text.encode())


def text_rows(columns: Mapping[str, NDArray[Any]], delimiter: str = ",") -> Iterator[str]:
    """Yield the header and then the rows of a table as text, thousands of rows at a time."""
    yield delimiter.join(_quoted(name, delimiter) for name in columns) + "\n"
    arrays = list(columns.values())
    rows = len(arrays[0]) if arrays else 0
    for first in range(0, rows, 16384):
        cells = [[_text(v, delimiter) for v in a[first : first + 16384].tolist()] for a in arrays]
        yield "".join(delimiter.join(row) + "\n" for row in zip(*cells, strict=True))


def _text(value: Any, delimiter: str) -> str:
    if isinstance(value, str):
        return _quoted(value, delimiter)
    # repr of a float is the shortest text that is read as the same float.
    return repr(value) if isinstance(value, float) else str(value)


def _quoted(name: str, delimiter: str) -> str:
    name = " ".join(name.splitlines())
    if delimiter in name or '"' in name:
        return '"' + name.replace('"', '""') + '"'
    return name


def _label(names: Sequence[str] | None, at: int) -> str:
    return f"column {at + 1}" if names is None else f"column {names[at]!r}"


def _find(column: str, names: Sequence[str] | None, n_columns: int, path: str) -> int:
    """Return the index of a column given by name or by its position counted from 1."""
    if names is not None and column in names:
        if list(names).count(column) > 1:
            raise ValueError(
                f"{path}: {column!r} is the name of more than one column; give a position from 1"
            )
        return list(names).index(column)
    if column.isdecimal() and 1 <= int(column) <= n_columns:
        return int(column) - 1
    if names is None:
        raise ValueError(
            f"{path}: no column {column!r}; the file has no column names, "
            f"so give a position from 1 to {n_columns}"
        )
    shown = ", ".join(repr(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
    raise ValueError(f"{path}: no column {column!r}; it has {shown}")


def _chosen(
    columns: Sequence[str] | None, names: Sequence[str] | None, n_columns: int, path: str
) -> list[int] | None:
    if columns is None:
        return None
    chosen = [_find(column, names, n_columns, path) for column in columns]
    for column, at in zip(columns, chosen, strict=True):
        if chosen.count(at) > 1:
            raise ValueError(
                f"{path}: column {column!r} is given more than once; give each column once"
            )
    return chosen


def _distinct(names: Sequence[str], where: str) -> None:
    """Reject columns with the same name, of which output by name would keep only one."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(
                f"{where}: column {name!r} occurs more than once; rename the columns, or choose "
                "one of them by position with --columns (columns= in Python)"
            )
        seen.add(name)


# --- .npy and .parquet -----------------------------------------------------------------------


def _read_npy(path: str, columns: Sequence[str] | None, small: bool, mapped: bool) -> Table:
    # Mapped first: no memory is allocated for the size that a damaged header claims, and arrays of
    # Python objects, which only pickle can read, are rejected.
    try:
        with open(path, "rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise ValueError(f"{path} is not a .npy file; write one with numpy.save")
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        if str(error).startswith(path):
            raise
        if "Python objects" in str(error):
            raise ValueError(
                f"{path} contains Python objects, not numbers; save an array of floats instead"
            ) from error
        raise ValueError(f"{path} is damaged or incomplete: {error}") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{path} contains {array.dtype}, not real numbers; save an array of floats"
        )
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{path} contains an array of shape {array.shape}; a table must have one or two "
            "dimensions"
        )
    if array.ndim == 1:
        array = array[:, None]
    if 0 in array.shape:
        raise ValueError(f"{path} is empty: its shape is {array.shape}")
    chosen = _chosen(columns, None, array.shape[1], path)
    if chosen is not None:
        array = array[:, chosen]
    elif mapped and array.nbytes > MAPPED_BYTES:
        return Table(path, array, None)
    if small and array.dtype in (np.uint8, np.bool_):
        return Table(path, np.array(array, order="C"), None)
    return Table(path, _as_float(array), None)


def _as_float(array: Any) -> NDArray[Any]:
    single = array.dtype in (np.dtype("f4"), np.dtype(">f4"), np.dtype("f2"), np.dtype(">f2"))
    return np.array(array, dtype=np.float32 if single else np.float64, order="C")


def _pyarrow(path: str) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"{path}: .parquet files need pyarrow, which is not installed; "
            "install it with: pip install 'gibbous[parquet]'"
        ) from error
    return pyarrow, pyarrow.parquet


def _parquet_file(path: str) -> tuple[Any, tuple[str, ...]]:
    pa, pq = _pyarrow(path)
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise ValueError(f"{path} is damaged or not a parquet file: {error}") from error
    return file, tuple(file.schema_arrow.names)


def _read_parquet(path: str, columns: Sequence[str] | None, missing: bool) -> Table:
    file, names = _parquet_file(path)
    pa, _ = _pyarrow(path)
    chosen = _chosen(columns, names, len(names), path)
    if chosen is not None:
        names = tuple(names[at] for at in chosen)
    _distinct(names, path)
    try:
        table = file.read(columns=list(names)).select(list(names))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if table.num_rows == 0 or not names:
        raise ValueError(f"{path} is empty: {table.num_rows} rows, {len(names)} columns")
    arrays = []
    for name, column in zip(names, table.columns, strict=True):
        kind = column.type
        if not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_decimal(kind)
        ):
            raise ValueError(f"{path}: column {name!r} contains {kind}, not numbers; {_PICK}")
        if column.null_count and missing:
            column = column.cast(pa.float64())
        elif column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise ValueError(
                f"{path}, row {row + 1}: column {name!r} is empty; "
                "remove the row or fill in the value"
            )
        arrays.append(column.to_numpy())
    single = all(a.dtype in (np.float32, np.float16) for a in arrays)
    dtype = np.float32 if single else np.float64
    return Table(path, np.column_stack([a.astype(dtype) for a in arrays]), names)


_PICK = "choose the columns to read with --columns (columns= in Python)"


# --- .csv and .tsv ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """The layout of a text table, according to its first line."""

    path: str
    delimiter: str
    names: tuple[str, ...] | None
    n_columns: int
    chosen: list[int] | None

    @property
    def header_lines(self) -> int:
        return int(self.names is not None)

    def used(self) -> list[int]:
        return list(range(self.n_columns)) if self.chosen is None else self.chosen


def _read_text(
    path: str,
    suffix: str,
    columns: Sequence[str] | None,
    header: bool | None,
    missing: bool,
) -> Table:
    with _text_errors(path):
        layout = _layout(path, suffix, columns, header)
        names = layout.names
        if names is not None:
            names = tuple(names[at] for at in layout.used())
            _distinct(names, f"{path}, line 1")
        values = _parse(layout, missing)
    if not len(values):
        raise ValueError(f"{path} is empty: it has a line of names but no rows of numbers")
    return Table(path, values, names)


@contextmanager
def _text_errors(path: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8 (byte {error.object[error.start]:#04x}); "
            "save it as UTF-8, or with the ending of its format, .npy or .parquet"
        ) from error
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from error


def _open(path: str) -> TextIO:
    return open(path, encoding="utf-8-sig", newline="")


def _layout(path: str, suffix: str, columns: Sequence[str] | None, header: bool | None) -> _Layout:
    with _open(path) as file:
        line = file.readline()
    if not line.strip():
        raise ValueError(
            f"{path} is empty" if not line else f"{path}, line 1 is empty; start with the data"
        )
    delimiter = "\t"
    if suffix == ".csv":
        delimiter = next((mark for mark in ",;\t" if mark in line), ",")
    with _open(path) as file:
        first = next(csv.reader(file, delimiter=delimiter))
    numbers = [_NUMBER.fullmatch(cell) is not None for cell in first]
    if header is None:
        header = not any(numbers)
        text = [
            not number and cell.strip().lower() not in _ABSENT
            for number, cell in zip(numbers, first, strict=True)
        ]
        if not header and any(text):
            at = text.index(True)
            raise ValueError(
                f"{path}, line 1 contains both numbers and {first[at]!r}; specify whether it has "
                "column names with --header or --no-header (header=True or False in Python)"
            )
    names = tuple(_names(first)) if header else None
    chosen = _chosen(columns, names, len(first), path)
    return _Layout(path, delimiter, names, len(first), chosen)


def _names(cells: Sequence[str]) -> list[str]:
    # numpy.savetxt writes its header as a comment.
    cells = [cell.strip() for cell in cells]
    cells[0] = cells[0].removeprefix("#").strip()
    return [cell or f"column {at + 1}" for at, cell in enumerate(cells)]


def _parse(layout: _Layout, missing: bool) -> NDArray[np.float64]:
    """Read with NumPy's parser; if it fails, find the fault line by line."""
    if layout.header_lines and not _has_rows(layout.path):
        return np.empty((0, layout.n_columns))
    try:
        try:
            values = _numbers(layout, None)
        except ValueError:
            if not missing:
                raise
            # much slower, but NumPy's parser does not accept empty cells
            values = _numbers(layout, _number_or_nan)
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        _find_fault(layout, missing)
        raise ValueError(f"{layout.path} cannot be read as a table: {error}") from error
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    if bad.any() or not _counts_agree(layout, len(values)):
        _find_fault(layout, missing)
    return values


def _numbers(layout: _Layout, converters: Callable[[str], float] | None) -> NDArray[np.float64]:
    # An open file, not a path: NumPy would download a path that looks like a URL.
    with _open(layout.path) as file:
        values: NDArray[np.float64] = np.loadtxt(
            file,
            delimiter=layout.delimiter,
            skiprows=layout.header_lines,
            usecols=layout.chosen,
            comments=None,
            quotechar='"',
            ndmin=2,
            converters=converters,
        )
    return values


def _number_or_nan(cell: str) -> float:
    return np.nan if cell.strip().lower() in _ABSENT else float(cell)


def _has_rows(path: str) -> bool:
    with _open(path) as file:
        file.readline()
        return any(line.strip() for line in file)


def _counts_agree(layout: _Layout, n_rows: int) -> bool:
    """Return whether lines and delimiters are as many as in a table of ``n_rows`` rows.

    NumPy skips empty lines and cells after the chosen columns, which would shift or drop data
    without an error.
    """
    mark = layout.delimiter.encode()
    lines = marks = 0
    last = b"\n"
    with open(layout.path, "rb") as file:
        while chunk := file.read(_CHUNK):
            if b'"' in chunk:
                return False
            lines += chunk.count(b"\n")
            marks += chunk.count(mark)
            last = chunk[-1:]
    lines += last != b"\n"
    total = n_rows + layout.header_lines
    return lines == total and marks == total * (layout.n_columns - 1)


def _find_fault(layout: _Layout, missing: bool) -> None:
    """Check the file line by line; raise an error at the first fault, or return."""
    empty = 0
    with _open(layout.path) as file:
        reader = csv.reader(file, delimiter=layout.delimiter)
        for _ in range(layout.header_lines):
            next(reader)
        for cells in reader:
            where = f"{layout.path}, line {reader.line_num}"
            if not cells or (layout.n_columns > 1 and cells == [""]):
                empty = empty or reader.line_num
                continue
            if empty:
                raise ValueError(f"{layout.path}, line {empty} is empty; remove it")
            if len(cells) != layout.n_columns:
                raise ValueError(
                    f"{where}: {len(cells)} cells where line 1 has {layout.n_columns}; "
                    f"every line needs as many, separated by {layout.delimiter!r}"
                )
            for at in layout.used():
                if not (missing and cells[at].strip().lower() in _ABSENT):
                    _check_cell(cells[at], where, _label(layout.names, at))


def _check_cell(cell: str, where: str, label: str) -> None:
    if _NUMBER.fullmatch(cell):
        if np.isfinite(float(cell)):
            return
        raise ValueError(
            f"{where}: {label} is {cell.strip()}; remove the line or fill in the value"
        )
    if cell.strip().lower() in _ABSENT:
        given = "is empty" if not cell.strip() else f"contains {cell.strip()!r}"
        raise ValueError(f"{where}: {label} {given}; remove the line or fill in the value")
    hint = _PICK
    if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", cell):
        hint = "write decimals with a point"
    raise ValueError(f"{where}: {label} contains {cell[:40]!r}, not a number; {hint}")
