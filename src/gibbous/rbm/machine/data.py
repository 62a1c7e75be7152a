"""Rows for a training run: those to learn from, and those to monitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground import random

Array = NDArray[Any]


@dataclass(frozen=True)
class Data:
    """Checked rows, their weights, and rows that are held out."""

    X: Any
    weight: Array | None = None
    X_val: Any = None

    def held_out(self, fraction: float, key: int) -> Data:
        """Return the data with a share of the rows held out.

        Raises
        ------
        ValueError
            If no row remains.
        """
        n = self.X.shape[0]
        held = max(1, round(n * fraction))
        if held >= n:
            raise ValueError(
                f"validation_fraction={fraction:g} of {n} rows leaves none to "
                "train on; give more rows, or X_val"
            )
        order = random.generator(key, "rbm-held-out").permutation(n)
        kept, out = np.sort(order[held:]), np.sort(order[:held])
        weight = None if self.weight is None else self.weight[kept]
        return Data(self.X[kept], weight, self.X[out])


@dataclass
class Watched:
    """Rows whose scores show how a fit proceeds."""

    train: Any
    validation: Any

    @classmethod
    def of(cls, data: Data, key: int, most: int) -> Watched:
        """Take at most so many of the training rows, and as many of the held-out ones."""
        parts = []
        for number, rows in enumerate((data.X, data.X_val)):
            if rows is None or rows.shape[0] <= most:
                parts.append(rows)
                continue
            rng = random.generator(key, "rbm-watched", number)
            chosen = np.sort(rng.choice(rows.shape[0], most, replace=False))
            parts.append(rows[chosen])
        return cls(*parts)
