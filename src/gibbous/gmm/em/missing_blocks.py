"""EM for Gaussian mixtures on rows with NaN that are read in blocks."""

from __future__ import annotations

from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from ..._rows.blocks import check_finite
from .blocks import BlockEngine
from .engine import Engine, Floats, Parameters
from .missing import (
    Assigned,
    MissingEngine,
    Patterns,
    accumulate,
    check_observed,
    comparable_log_prob,
)


class MissingBlockEngine(BlockEngine):
    """Runs EM steps on rows with NaN that are read in blocks, as :class:`MissingEngine` does.

    Starts are made in the sample, but for random responsibilities.
    """

    def _survey(self) -> None:
        n, d = 0, self.d
        self._direct, self._scatter, self.total = True, None, 0.0
        seen, sums = np.zeros(d), np.zeros(d)
        origin: Floats | None = None
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                check_finite(rows, first, missing=True)
                n = first + len(rows)
                self.weights.check_length(n, at_least=True)
                weight = self.weights.of(first, n)
                if self._sample is not None:
                    self._sample.offer(rows, weight)
                w = np.ones(len(rows)) if weight is None else weight.astype(np.float64)
                self.total += float(w.sum())
                there = ~np.isnan(rows)
                if origin is None:  # sums about numbers of the data's size, so that nothing cancels
                    origin = np.zeros(d)
                    for a in np.flatnonzero(there.any(axis=0)):
                        origin[a] = rows[np.argmax(there[:, a]), a]
                seen += w @ there
                for column in range(d):
                    use = there[:, column]
                    sums[column] += w[use] @ (rows[use, column] - origin[column])
        self.n = n
        self.weights.check_length(n)
        self.mass = self.weights.sum
        names = getattr(self.source.first, "columns", None)
        check_observed(seen > 0, self.weights.n is not None, names)
        assert origin is not None
        self._centre = (origin + sums / seen).astype(self.dtype)
        self._spread_of_columns: Floats | None = None

    def _accumulate(self, old: Parameters, origin: Floats | None, s2: NDArray[np.float64]) -> float:
        sums = (self._nk, self._s1, s2)
        for a in sums:
            a[:] = 0.0
        part = (np.empty(self.k), np.empty((self.k, self.d)), np.empty_like(s2))
        total = 0.0
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                weight = self.weights.of(first, first + len(rows))
                patterns = Patterns.of(rows, self.type)
                value = accumulate(
                    rows, weight, patterns, self.type, old, origin, part, self.threads
                )
                if not np.isfinite(value):
                    check_finite(rows, first, missing=True)
                total += value
                for a, more in zip(sums, part, strict=True):
                    a += more
        return total

    def _assign(
        self,
        origins: Floats,
        labels: NDArray[np.int32] | None,
        key: int,
        nk: NDArray[np.float64],
        s1: NDArray[np.float64],
        s2: NDArray[np.float64],
        *,
        nearest: bool = False,
    ) -> None:
        sums: Assigned | None = None
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                last = first + len(rows)
                part = Assigned.of(
                    rows,
                    self.weights.of(first, last),
                    self.type,
                    origins,
                    None if labels is None else labels[first:last],
                    key,
                    self.threads,
                    first,
                )
                sums = part if sums is None else sums + part
        assert sums is not None
        nk[:], s1[:], s2[:] = sums.nk, sums.s1, sums.completed(self.type)

    # ---- starts ---------------------------------------------------------------------------------

    def start(self, init_params: str, key: int) -> tuple[Parameters, int]:
        """Return the parameters to start from, and the first component that failed or -1."""
        if init_params == "random":
            return super().start(init_params, key)
        few = self._sampled()
        start = few.start(init_params, key)
        self._nk[:] = few._nk  # which collapse() tells
        return start

    def _engine_on(self, rows: Floats, weight: Floats | None) -> Engine:
        engine = MissingEngine(
            rows,
            weight,
            covariance_type=self.type,
            reg_covar=self.reg_covar,
            k=self.k,
            threads=self.threads,
        )
        # a feature that few rows have may be in none of these
        unseen = np.isnan(rows).all(axis=0)
        engine._centre[unseen] = self._centre[unseen]
        return engine

    # ---- collapsed components -------------------------------------------------------------------

    def _variance(self) -> Floats:
        if self._spread_of_columns is None:
            self._spread_of_columns = super()._variance()
        return self._spread_of_columns

    def _worst(self, old: Parameters, count: int) -> Floats:
        rows = super()._worst(old, count)
        return np.where(np.isnan(rows), self._centre, rows)

    def _log_prob(self, p: Parameters, rows: Floats, weight: Floats | None) -> Floats:
        return comparable_log_prob(p, rows, weight, self.type, self._variance(), self.threads)
