"""The UCI repository's bag of words."""

from __future__ import annotations

import numpy as np

from ..rows import MOST
from ..source import Source
from .files import PathLike, line_blocks
from .numbers import Vocabulary, head_of, row_of
from .triples import Table, source_of


def uci(path: PathLike, find: Vocabulary) -> Source:
    """Read the UCI repository's ``docword``: D, W and NNZ, then lines of document, word, count."""
    return source_of(_begin, path, find)


def _begin(path: PathLike) -> Table:
    blocks = line_blocks(path)
    head, rest = head_of(path, blocks, 3, lambda line: bool(line.strip()))
    sizes = []
    for (line, text), what in zip(head, ("documents", "words", "entries"), strict=False):
        value = row_of(text, line, path, 1, np.int64)[0]
        if not 0 <= value <= (2**62 if what == "entries" else MOST):
            raise ValueError(f"{path}, line {line}: {value} {what}")
        sizes.append(int(value))
    if len(sizes) < 3:
        raise ValueError(
            f"{path}, line {len(sizes) + 1}: the file ends before its first three lines, "
            "the numbers of documents, words and entries"
        )
    n, n_words, n_entries = sizes
    return Table(path, n, n_words, n_entries, head[2][0], np.int64, 3, rest)
