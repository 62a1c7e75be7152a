"""Matrix Market files, sparse or dense."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..rows import MOST, Part, sum_triples
from ..source import Source
from .files import PathLike, line_blocks
from .numbers import Vocabulary, grid, head_of, row_of, shown
from .triples import Table, end_of, source_of


def matrix_market(path: PathLike, find: Vocabulary) -> Source:
    """Read a Matrix Market file with one row per document."""
    table, dense = _begin(path)
    if not dense:
        return source_of(lambda p: _begin(p)[0], path, find)
    return Source(_dense(table), vocabulary=lambda most: (table.n_words, find(table.n_words, True)))


def _begin(path: PathLike) -> tuple[Table, bool]:
    blocks = line_blocks(path)
    head, rest = head_of(path, blocks, 1, lambda line: True)
    banner = head[0][1].decode("utf-8", "replace").lower().split() if head else []
    if len(banner) != 5 or banner[:2] != ["%%matrixmarket", "matrix"]:
        raise ValueError(
            f"{path}, line 1: expected '%%MatrixMarket matrix coordinate integer general'; "
            f"got {shown(head[0][1]) if head else 'an empty file'}"
        )
    layout, kind, symmetry = banner[2:]
    if (
        layout not in ("coordinate", "array")
        or kind not in ("integer", "real", "double", "pattern")
        or symmetry != "general"
    ):
        raise ValueError(
            f"{path}, line 1: a matrix of counts is 'coordinate' or 'array', 'integer', 'real' or "
            f"'pattern', and 'general'; this one is {layout} {kind} {symmetry}"
        )
    sizes, rest = head_of(
        path, rest, 1, lambda line: bool(line.strip()) and not line.lstrip().startswith(b"%")
    )
    width = 3 if layout == "coordinate" else 2
    if not sizes:
        raise ValueError(f"{path}: the file ends before the line with the matrix's size")
    line, text = sizes[0]
    values = row_of(text, line, path, width, np.int64)
    if min(values) < 0 or max(values[:2]) > MOST:
        raise ValueError(f"{path}, line {line}: a matrix of {values[0]} rows, {values[1]} columns")
    entries = values[2] if width == 3 else values[0] * values[1]
    dtype = np.int64 if kind in ("integer", "pattern") else np.float64
    fields = 1 if layout == "array" else 3 - (kind == "pattern")
    return Table(path, values[0], values[1], entries, line, dtype, fields, rest), layout == "array"


def _dense(table: Table) -> Iterator[Part]:
    """Yield the documents of a matrix that is stored by columns, including zeros."""
    documents, columns, counts = [], [], []
    at = 0
    for first, block in table.blocks:
        values, lines = grid(block, first, table.path, 1, table.dtype)
        values = values[:, 0]
        good = (values >= 0) & (values <= MOST) & (values == np.floor(values))
        if not good.all():
            bad = int(np.flatnonzero(~good)[0])
            raise ValueError(
                f"{table.path}, line {lines[bad]}: count {values[bad]}; "
                f"a count is a whole number from 0 to {MOST}"
            )
        there = np.flatnonzero(values)
        documents.append((at + there) % max(table.n, 1))
        columns.append((at + there) // max(table.n, 1))
        counts.append(values[there])
        at += len(values)
    end_of(table, at)
    empty = np.empty(0, dtype=np.int64)
    joined = [np.concatenate([empty, *arrays]) for arrays in (documents, columns, counts)]
    yield Part(sum_triples(joined[0], joined[1], joined[2], table.n))
