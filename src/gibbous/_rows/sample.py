"""A random sample of rows that are read in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._ground import random
from .blocks import Floats

#: Maximum rows and bytes of the sample for starts, but at least a few rows per component.
SAMPLE_ROWS = 65536
SAMPLE_BYTES = 32 << 20
_LEAST_SAMPLE = 10


class Sample:
    """Rows drawn at random, each as likely as any other with a weight, by one number a row.

    The rows with the smallest numbers are kept, in their order, so that how rows are cut into
    blocks does not matter. Rows without a weight come after all others.

    Attributes
    ----------
    rows : ndarray of shape (m, d)
    weight : ndarray of shape (m,) or None
    """

    def __init__(self, key: int, k: int, d: int, dtype: np.dtype[Any]) -> None:
        fit = min(SAMPLE_ROWS, SAMPLE_BYTES // (d * dtype.itemsize))
        self.size = max(fit, _LEAST_SAMPLE * k)
        self.rows = np.empty((0, d), dtype)
        self.weight: Floats | None = None
        self._rng = random.generator(key, "gmm-sample-rows")
        self._numbers = np.empty(0)
        self._most = np.inf

    def offer(self, rows: Floats, weight: Floats | None) -> None:
        """Look at the next block."""
        numbers = self._rng.random(len(rows))
        if weight is not None:
            numbers[weight == 0] += 1.0
        taken = np.flatnonzero(numbers < self._most)
        if not len(taken):
            return
        held = len(self.rows)
        numbers = np.concatenate([self._numbers, numbers[taken]])
        order = np.arange(len(numbers))
        if len(numbers) > self.size:
            order = np.sort(np.argpartition(numbers, self.size)[: self.size])
        old, new = order[order < held], taken[order[order >= held] - held]
        if weight is not None:
            before = self.weight[old] if self.weight is not None else np.empty(0, weight.dtype)
            self.weight = np.concatenate([before, weight[new]])
        kept = np.empty((len(order), rows.shape[1]), rows.dtype)
        np.take(self.rows, old, axis=0, out=kept[: len(old)])
        np.take(rows, new, axis=0, out=kept[len(old) :])
        self.rows, self._numbers = kept, numbers[order]
        if len(order) == self.size:
            self._most = float(self._numbers.max())
