"""Blei's LDA-C."""

from __future__ import annotations

import numpy as np

from ..rows import MOST, Int64, Part, sum_triples
from ..source import Source
from .files import PathLike, line_blocks
from .numbers import Vocabulary, field_starts, numbers, shown


def ldac(path: PathLike, find: Vocabulary) -> Source:
    """Read Blei's LDA-C: one line per document, ``n word:count ...``, words from 0."""

    def vocabulary(most: int) -> tuple[int, tuple[str, ...] | None]:
        found = find(most + 1, False)
        return (most + 1 if found is None else len(found)), found

    return Source(
        (_part(block, first, path) for first, block in line_blocks(path)),
        vocabulary=vocabulary,
    )


def _part(block: bytes, first: int, path: PathLike) -> Part:
    found = _fast(block)
    if found is None:
        found = _slow(block, first, path)
    lengths, pairs = found
    documents = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    return Part(sum_triples(documents, pairs[:, 0], pairs[:, 1], len(lengths)))


def _fast(block: bytes) -> tuple[Int64, Int64] | None:
    """Return the number of pairs per line and all pairs, or None if anything is irregular."""
    plain = block.replace(b":", b" ")
    starts, ends = field_starts(plain)
    values = numbers(plain, np.int64)
    if values is None or len(values) != len(starts):
        return None
    stops = np.searchsorted(starts, ends)
    fields = np.diff(stops, prepend=0)
    heads = (stops - fields)[fields > 0]
    fields = fields[fields > 0]
    lengths = values[heads]
    if (fields != 2 * lengths + 1).any():
        return None
    pair = np.ones(len(values), dtype=bool)
    pair[heads] = False
    pairs = values[pair].reshape(-1, 2)
    before = np.frombuffer(block, dtype=np.uint8)[starts[pair][1::2] - 1]
    joined = block.count(b":") == len(pairs) and (before == ord(":")).all()
    if not joined or (len(pairs) and (pairs.min() < 0 or pairs.max() >= MOST)):
        return None
    return lengths, pairs


def _slow(block: bytes, first: int, path: PathLike) -> tuple[Int64, Int64]:
    lengths, pairs = [], []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        fields = text.split()
        if not fields:
            continue
        if not fields[0].isdigit():
            raise ValueError(f"{path}, line {line}: expected 'n word:count ...'; got {shown(text)}")
        if int(fields[0]) != len(fields) - 1:
            raise ValueError(
                f"{path}, line {line}: announces {int(fields[0])} words, but has {len(fields) - 1}"
            )
        lengths.append(len(fields) - 1)
        for field in fields[1:]:
            word, colon, count = field.partition(b":")
            if not (colon and word.isdigit() and count.isdigit()):
                raise ValueError(
                    f"{path}, line {line}: expected word:count, two whole numbers >= 0; "
                    f"got {shown(field)}"
                )
            if max(int(word), int(count)) >= MOST:
                raise ValueError(
                    f"{path}, line {line}: {shown(field)} is larger than the maximum, {MOST - 1}"
                )
            pairs.append((int(word), int(count)))
    return np.array(lengths, dtype=np.int64), np.array(pairs, dtype=np.int64).reshape(-1, 2)
