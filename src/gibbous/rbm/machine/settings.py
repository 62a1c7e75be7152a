"""Settings of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

#: Numbers of the methods in the core.
METHODS = {"cd": 0, "pcd": 1, "fpcd": 2, "pt": 3}

#: Numbers of the hidden units in the core.
HIDDEN_UNITS = {"binary": 0, "relu": 1}

Schedule = str | Callable[[int, int], float]


@dataclass(frozen=True)
class Settings:
    """Settings of training; :class:`~gibbous.BernoulliRBM` documents each of them."""

    n_components: int = 256
    dtype: str = "float32"
    learning_rate: float = 0.1
    batch_size: int = 10
    n_iter: int = 10
    method: str = "pcd"
    n_gibbs_steps: int = 1
    n_chains: int | None = None
    n_temperatures: int = 10
    fast_learning_rate: float | None = None
    centered: bool = False
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    sparsity_target: float | None = None
    sparsity_cost: float = 0.1
    learning_rate_schedule: Schedule = "constant"
    shuffle: bool = True
    early_stopping: bool = False
    n_iter_no_change: int = 5
    tol: float = 0.0
    verbose: Any = 0

    @classmethod
    def of(cls, estimator: Any) -> Settings:
        """Return the settings that an estimator has as parameters."""
        return cls(**{f.name: getattr(estimator, f.name) for f in fields(cls)})

    @property
    def persistent_chains(self) -> int:
        """Number of persistent chains."""
        return self.n_chains or self.batch_size

    @property
    def temperatures(self) -> int:
        """Replicas of each persistent chain."""
        return self.n_temperatures if self.method == "pt" else 1

    def rate_factor(self, epoch: int) -> float:
        """Return the factor on the learning rate in one epoch, counted from 0.

        Raises
        ------
        ValueError
            If the schedule is a function that returns something else than a number >= 0.
        """
        schedule, n_iter = self.learning_rate_schedule, self.n_iter
        if callable(schedule):
            factor = float(schedule(epoch, n_iter))
            if not np.isfinite(factor) or factor < 0:
                raise ValueError(
                    f"learning_rate_schedule({epoch}, {n_iter}) must return a factor >= 0; "
                    f"it returned {factor}"
                )
            return factor
        if schedule == "linear":  # constant for the first half, then down to zero
            return min(1.0, 2.0 * (1.0 - epoch / max(n_iter, 1)))
        return 1.0 / (1.0 + epoch) if schedule == "inverse" else 1.0
