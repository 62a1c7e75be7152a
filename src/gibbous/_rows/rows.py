"""The rows of a fit: all of them in memory, or read in blocks once per pass.

Both kinds yield blocks of rows with their weights. Sums over the blocks are the same for both, so
that models that need only such sums can be fitted to either.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._ground.isa import core
from .blocks import Floats, Source, check_finite
from .sample import Sample
from .weights import BlockWeights

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Some rows, the number of their first one, and their weights, of mean one over all rows."""

    first: int
    X: Floats
    weight: Floats | None

    @cached_property
    def rows(self) -> Any:
        """The rows as the core takes them, made once."""
        return core.rows(self.X, self.weight)


class MemoryRows:
    """Rows in memory: one block.

    Attributes
    ----------
    X : ndarray of shape (n, d), float32 or float64, C-contiguous
    weight : ndarray of shape (n,) or None
        With mean one: only their ratios count, and none is too small.
    n, d : int
    dtype : numpy.dtype
    mass : float
        Sum of the weights as they were given: how many rows count.
    names : ndarray of str or None
        Names of the columns.
    """

    in_memory = True

    def __init__(self, X: Floats, weight: Floats | None, names: NDArray[Any] | None = None) -> None:
        self.X = X
        self.weight = None if weight is None else _mean_one(weight)
        self.n, self.d = X.shape
        self.dtype = X.dtype
        self.mass = float(self.n if weight is None else weight.sum(dtype=np.float64))
        self.names = names
        self.block = Block(0, X, self.weight)
        self._given = weight
        self._factor = 1.0

    @cached_property
    def unit(self) -> float:
        """The given weight of a row with mean weight."""
        return self._factor * (1.0 if self._given is None else _mean(self._given))

    def in_units_of(self, mass: float, unit: float) -> MemoryRows:
        """Use the unit of other rows, relative to which the weights are given."""
        self.mass *= mass
        self._factor = unit
        return self

    def total(self) -> float:
        """Return the sum of the weights of mean one."""
        return float(self.n if self.weight is None else self.weight.sum(dtype=np.float64))

    def blocks(self) -> Generator[Block, None, None]:
        """Yield the block."""
        yield self.block

    def add_up(self, sums: tuple[Doubles, ...], fill: Fill) -> float:
        """Fill the sums from the rows; return the value that ``fill`` returns."""
        return fill(self.block, *sums)

    @property
    def weighted(self) -> bool:
        """Whether rows have weights of their own."""
        return self.weight is not None


#: Writes the sums of one block to the given arrays, and returns a value that is added up, too.
Fill = Callable[..., float]


class BlockRows:
    """Rows that are read in blocks.

    ``n`` and ``mass`` are known after the first pass, see :meth:`first_pass`; the other attributes
    are those of :class:`MemoryRows`.

    Parameters
    ----------
    source : Source
    weights : BlockWeights
    key : int or None
        For the sample that the first pass draws; None if no sample is needed.
    k : int
        Components to be found in the sample.
    """

    in_memory = False

    def __init__(self, source: Source, weights: BlockWeights, key: int | None, k: int) -> None:
        self.source, self.weights = source, weights
        self.d, self.dtype = source.d, source.dtype
        self.n, self.mass = 0, 0.0
        self._k, self._key = k, key
        self._sample: Sample | None = None

    @property
    def names(self) -> Any:
        """The column names of the first block, or None."""
        return getattr(self.source.first, "columns", None)

    @property
    def unit(self) -> float:
        """The given weight of a row with mean weight."""
        return self.weights.mean

    @property
    def weighted(self) -> bool:
        """Whether rows have weights of their own."""
        return self.weights.n is not None

    def first_pass(self, *, missing: bool) -> Generator[Block, None, None]:
        """Yield every block once, checked, and draw the sample on the way.

        Raises
        ------
        ValueError
            If a row has infinity, or NaN where ``missing`` is false (:class:`MissingEntry`), or
            rows and weights differ in number.
        """
        n = 0
        key, k = self._key, self._k
        self._sample = None if key is None else Sample(key, k, self.d, self.dtype)
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                check_finite(rows, first, missing=missing)
                n = first + len(rows)
                self.weights.check_length(n, at_least=True)
                weight = self.weights.of(first, n)
                if self._sample is not None:
                    self._sample.offer(rows, weight)
                yield Block(first, rows, weight)
        self.n = n
        self.weights.check_length(n)
        self.mass = self.weights.sum

    def blocks(self) -> Generator[Block, None, None]:
        """Yield the blocks, whose rows the next ones overwrite; close what this returns."""
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                yield Block(first, rows, self.weights.of(first, first + len(rows)))

    def add_up(self, sums: tuple[Doubles, ...], fill: Fill) -> float:
        """Add the sums of the blocks in their order; return the sum of what ``fill`` returns.

        Bits depend on the size of the blocks and on nothing else.
        """
        for a in sums:
            a[:] = 0.0
        parts = tuple(np.empty_like(a) for a in sums)
        total = 0.0
        with closing(self.blocks()) as blocks:
            for block in blocks:
                total += fill(block, *parts)
                for a, part in zip(sums, parts, strict=True):
                    a += part
        return total

    def sample(self, total: float) -> MemoryRows:
        """Return the rows of the sample in memory; ``total`` is the sum of all weights of mean one.

        If the first pass drew none, another pass does.
        """
        sample = self._sample
        if sample is None:
            sample = Sample(0, self._k, self.d, self.dtype)
            with closing(self.blocks()) as blocks:
                for block in blocks:
                    sample.offer(block.X, block.weight)
        self._sample = None  # the result is a view of its rows
        return MemoryRows(sample.rows, sample.weight).in_units_of(self.mass / total, self.unit)


Rows = MemoryRows | BlockRows


def _mean_one(weight: Floats) -> Floats:
    """Return the weights divided by their mean."""
    w = weight.astype(np.float64)
    w /= w.max()
    w /= w.mean()
    return np.asarray(w, dtype=weight.dtype)


def _mean(weight: Floats) -> float:
    w = weight.astype(np.float64)
    top = float(w.max())
    return top * float((w / top).mean())
