"""A chain for implementations that support only complete fits with a number of sweeps."""

from __future__ import annotations

import time
from typing import Any


class WholeFits:
    """Continue by fitting again with the same seed and more sweeps.

    The new fit passes through the same states, so that only what lies beyond the last one is new:
    ``sweep`` returns the seconds of those sweeps. ``total`` is the seconds of all sweeps of the
    last fit, ``setup`` its other seconds, and ``processor`` the processors' seconds of the
    last call's sweeps if they are known.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = self.setup = 0.0
        self.processor: float | None = None

    def fit(self, n_sweeps: int) -> list[float]:
        """Fit with so many sweeps and return the seconds of each."""
        raise TypeError(f"{type(self).__name__} does not say how it fits {n_sweeps} sweeps")

    def state(self) -> Any:
        """Return what the last fit reached."""
        raise TypeError(f"{type(self).__name__} does not say what it reached")

    def sweep(self, n: int) -> float:
        """Do ``n`` more sweeps and return their seconds."""
        began = time.perf_counter()
        seconds = self.fit(self.done + n)
        self.total = sum(seconds)
        self.setup = time.perf_counter() - began - self.total
        if len(seconds) != self.done + n:
            raise RuntimeError(f"stopped after {len(seconds)} of {self.done + n} sweeps")
        new = seconds[self.done :]
        self.done += n
        return sum(new)
