"""Groups of visible units of which one is on: variables with several categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core

Array = NDArray[Any]

#: Rows whose units are held as bytes at once before they are packed.
_ROWS_AT_ONCE = 1 << 13


@dataclass(frozen=True)
class Groups:
    """Variables in one layer, each with as many units as it has categories."""

    sizes: Array

    @property
    def offsets(self) -> Array:
        """First unit of each variable."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    @property
    def total(self) -> int:
        """Units of all variables."""
        return int(self.sizes.sum())

    def pairs(self, first: int = 0) -> Array:
        """Return (n, 2): the first unit of each group and the end, counted from unit ``first``."""
        begin = self.offsets + first
        return np.ascontiguousarray(np.stack([begin, begin + self.sizes], axis=1), dtype=np.int64)

    def one_hot(self, codes: Array) -> Array:
        """Return the states of the units, bytes, for the categories of rows."""
        states = np.zeros((len(codes), self.total), np.uint8)
        np.put_along_axis(states, codes + self.offsets, 1, axis=1)
        return states

    def codes(self, states: Array) -> Array:
        """Return the category of each variable, the unit with the largest state or mean."""
        found = np.empty((len(states), len(self.sizes)), np.int64)
        for column, (begin, size) in enumerate(zip(self.offsets, self.sizes, strict=True)):
            found[:, column] = states[:, begin : begin + size].argmax(axis=1)
        return found

    def words(self, codes: Array, threads: int) -> Array:
        """Return the states as words of 32 bits."""
        blocks: list[Any] = [
            core.layers.pack_states(self.one_hot(codes[first : first + _ROWS_AT_ONCE]), threads)
            for first in range(0, len(codes), _ROWS_AT_ONCE)
        ]
        return np.asarray(blocks[0] if len(blocks) == 1 else np.concatenate(blocks))

    def log_sums(self, logits: Array) -> Array:
        """Return log sum exp over each group, (n, groups)."""
        most = np.maximum.reduceat(logits, self.offsets, axis=1)
        e = np.exp(logits - np.repeat(most, self.sizes, axis=1))
        return np.asarray(most + np.log(np.add.reduceat(e, self.offsets, axis=1)))

    def softmax(self, logits: Array) -> Array:
        """Return the probabilities of the units of each group."""
        sums = np.repeat(self.log_sums(logits), self.sizes, axis=1)
        return np.asarray(np.exp(logits - sums))
