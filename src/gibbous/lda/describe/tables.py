"""Tables of topics and documents: printed, as dictionaries or as data frames."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Characters per line of a printed table.
_WIDTH = 100


@dataclass(frozen=True, eq=False)
class TopicTable:
    """Columns of one length, which are printed as a table.

    Attributes
    ----------
    columns : mapping of str to sequence
        In the order in which they are printed.
    index : str
        The column that becomes the index of a data frame.
    """

    columns: Mapping[str, Sequence[Any] | NDArray[Any]]
    index: str = "topic"

    def __len__(self) -> int:
        return len(self.columns[self.index])

    def __getitem__(self, name: str) -> Sequence[Any] | NDArray[Any]:
        """Return a column."""
        return self.columns[name]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield one dictionary per row."""
        for at in range(len(self)):
            yield {name: values[at] for name, values in self.columns.items()}

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns as lists."""
        return {name: list(values) for name, values in self.columns.items()}

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame (pandas has to be installed).

        Raises
        ------
        ImportError
            If pandas is missing; ``to_dict`` works without it.
        """
        return _pandas().DataFrame(self.to_dict()).set_index(self.index)

    def __str__(self) -> str:
        cells = {name: [_text(v) for v in values] for name, values in self.columns.items()}
        *narrow, last = cells
        widths = {name: max([len(name), *map(len, cells[name])]) for name in narrow}
        indent = sum(widths.values()) + 2 * len(narrow)
        numeric = {name for name in narrow if _is_numeric(self.columns[name])}

        def line(row: Mapping[str, str]) -> str:
            head = "".join(
                (row[n].rjust(widths[n]) if n in numeric else row[n].ljust(widths[n])) + "  "
                for n in narrow
            )
            room = max(_WIDTH - indent, 30)
            return head + f"\n{' ' * indent}".join(textwrap.wrap(row[last], room) or [""])

        rows = [{name: cells[name][at] for name in cells} for at in range(len(self))]
        return "\n".join(line(r).rstrip() for r in [{name: name for name in cells}, *rows])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(v))}</td>" for v in row.values()) + "</tr>"
            for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True, eq=False)
class SparseTable:
    """A large table in compressed rows, with names of rows and columns.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of shape (n_rows, n_columns)
    rows : mapping of str to sequence
        Columns about the rows: "document" or "topic", and "name", "label", "date" if known.
    columns : tuple
        Names of the columns.
    """

    matrix: Any
    rows: Mapping[str, Sequence[Any] | NDArray[Any]]
    columns: tuple[Any, ...] = field(repr=False)

    def to_csr(self) -> Any:
        """Return the table as a SciPy CSR array."""
        return self.matrix

    def to_frame(self, *, sparse: bool = False) -> Any:
        """Return the table as a pandas DataFrame (pandas has to be installed).

        Parameters
        ----------
        sparse : bool
            Whether the columns are sparse; they are dense by default.

        Returns
        -------
        pandas.DataFrame
            The known columns of the rows are its index, one level for each.

        Raises
        ------
        ImportError
            If pandas is missing.
        """
        pd = _pandas()
        names = list(self.rows)
        values = [np.asarray(self.rows[name]) for name in names]
        if len(names) == 1:
            index = pd.Index(values[0], name=names[0])
        else:
            index = pd.MultiIndex.from_arrays(values, names=names)
        if sparse:
            return pd.DataFrame.sparse.from_spmatrix(
                self.matrix, index=index, columns=list(self.columns)
            )
        return pd.DataFrame(self.matrix.toarray(), index=index, columns=list(self.columns))

    def __repr__(self) -> str:
        n, m = self.matrix.shape
        by = ", ".join(self.rows)
        return f"SparseTable({n} rows by {by}, {m} columns, {self.matrix.nnz} values)"


def document_rows(corpus: Any, n: int) -> dict[str, Sequence[Any] | NDArray[Any]]:
    """Return the numbers of documents, and their names, labels and dates if known."""
    known: dict[str, Sequence[Any] | NDArray[Any]] = {"document": np.arange(n)}
    for column, name in (("names", "name"), ("labels", "label"), ("dates", "date")):
        values = getattr(corpus, column, None)
        if values is not None:
            known[name] = values
    return known


def _is_numeric(values: Sequence[Any] | NDArray[Any]) -> bool:
    return all(isinstance(v, (int, float, np.number)) for v in values)


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.3g}"
    return str(value)


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("to_frame needs pandas: pip install pandas") from error
    return pd
