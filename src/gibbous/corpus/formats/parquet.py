"""Tables in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..records import Record
from .fields import Fields, check_text
from .files import PathLike


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
                check_text(found[0], f"{path}, row {at}")
                yield found[0], found[1], found[2], found[3]
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{path} is damaged or not a parquet file (after row {at}): {error}"
        ) from error
