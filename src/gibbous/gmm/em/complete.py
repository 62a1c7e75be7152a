"""The E-step on complete rows, in memory or in blocks."""

from __future__ import annotations

import copy
import math
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from ..._rows.blocks import check_finite
from ..._rows.rows import Block, BlockRows, MemoryRows, Rows
from ...kmeans.samples import Samples
from ..densities import posterior
from ..moments import Moments
from ..parameters import Doubles, Floats, Parameters
from .statistics import Statistics

# The fast kernels refer sums to the center of the data. That costs about (distance / width)^2 ulps
# of the log-density and of the variances, so that they are used only below these squares: errors of
# 6e-11 in float64 and 1e-4 in float32. Beyond, sums are about the mean of each component.
FOLD_LIMIT = {np.dtype(np.float64): 2.0**18, np.dtype(np.float32): 2.0**11}


class Complete:
    """E-steps of mixtures on rows without missing entries.

    Parameters
    ----------
    rows : MemoryRows or BlockRows
    kind : {"full", "tied", "diag", "spherical"}
    threads : int

    Attributes
    ----------
    total : float
        Sum of the weights of mean one.
    center : ndarray of shape (d,)
        The data's mean, or that of the first block.
    """

    missing = False

    def __init__(self, rows: Rows, kind: str, threads: int) -> None:
        self.rows, self.kind, self.threads = rows, kind, threads
        self.d, self.dtype = rows.d, rows.dtype
        self._limit = FOLD_LIMIT[rows.dtype]
        self.direct = not core.gmm.foldable(kind, rows.d)
        self.scatter: Doubles | None = None
        self._squares: tuple[Floats, float] | None = None
        if isinstance(rows, MemoryRows):
            self._survey(rows)
        else:
            self._survey_blocks(rows)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.rows.n

    def on(self, rows: MemoryRows) -> Complete:
        """Return the same kind of E-step on other rows."""
        return Complete(rows, self.kind, self.threads)

    def alone(self) -> Complete:
        """Return this E-step with one thread."""
        own = copy.copy(self)
        own.threads = 1
        return own

    # ---- the data, once ------------------------------------------------------------------------

    def _survey(self, rows: MemoryRows) -> None:
        d = self.d
        center, self.spread, radius2 = np.empty(d), np.empty(d), np.empty(1)
        self.scatter = np.empty((d, d)) if self.kind == "tied" else None
        if self.direct:  # not used below, so that the pass over the data would be wasted
            self.total = rows.total()
            self.center = np.zeros(d, self.dtype)
            return
        self.total = core.gmm.survey(
            rows.block.rows, center, self.spread, radius2, self.scatter, self.threads
        )
        self.radius2 = float(radius2[0])
        self.center = center.astype(self.dtype)

    def _survey_blocks(self, rows: BlockRows) -> None:
        """Check every row, and compute statistics about the center of the first block."""
        d = self.d
        self.spread, self.radius2, self.total = np.zeros(d), 0.0, 0.0
        self.scatter = np.zeros((d, d)) if self.kind == "tied" else None
        scatter = None if self.scatter is None else np.empty((d, d))
        center, spread, radius2 = np.empty(d), np.empty(d), np.empty(1)
        with closing(rows.first_pass(missing=False)) as blocks:
            for block in blocks:
                X, weight = block.X, block.weight
                if block.first == 0:
                    core.gmm.survey(core.rows(X), center, spread, radius2, None, self.threads)
                if self.direct:
                    self.total += len(X) if weight is None else float(weight.sum(dtype=float))
                    continue
                self.total += core.gmm.survey(
                    block.rows, center, spread, radius2, scatter, self.threads, given=True
                )
                np.maximum(self.spread, spread, out=self.spread)
                self.radius2 = max(self.radius2, float(radius2[0]))
                if self.scatter is not None and scatter is not None:
                    self.scatter += scatter
        self.center = center.astype(self.dtype)

    def mean(self) -> Floats:
        """Return the mean of the rows; of rows in blocks, that of the first block."""
        rows = self.rows
        if self.direct and isinstance(rows, MemoryRows):  # not computed yet
            mean, spread, radius2 = np.empty(self.d), np.empty(self.d), np.empty(1)
            core.gmm.survey(rows.block.rows, mean, spread, radius2, None, self.threads)
            return mean.astype(self.dtype)
        return self.center

    def variance(self) -> Floats:
        """Return the variance of each column."""
        rows = self.rows
        if not isinstance(rows, MemoryRows):
            return column_variance(self.moments_of_all(), self.kind, self.d)
        mean = self.mean().astype(np.float64)
        about: Floats = np.average((rows.X - mean) ** 2, axis=0, weights=rows.weight)
        return about

    def moments_of_all(self) -> Moments:
        """Return the moments of all rows as one component, in rows."""
        return self.assign(self.mean()[None], None, 0).moments(self.kind)

    # ---- sums ----------------------------------------------------------------------------------

    def folds(self, factors: Floats, slack: float = 1.0) -> bool:
        """Return whether the fast kernels keep enough digits for components this narrow."""
        if self.direct:
            return False
        if self._squares is None or self._squares[0] is not factors:
            widest = core.gmm.widest(self.kind, factors, self.spread, self.radius2)
            self._squares = factors, widest
        return self._squares[1] <= slack * self._limit

    def sums(self, p: Parameters, folded: bool, about: Floats | None = None) -> Statistics:
        """Sum the statistics of one E-step, about the center, the means or ``about`` (k, d)."""
        k, d = p.means.shape
        origin = self.center if folded else about
        nk, s1 = np.empty(k), np.empty((k, d))
        s2 = np.empty(core.gmm.second_moments(self.kind, k, d, folded))
        rows = self.rows
        entropies = () if p.log_weights is None else (np.empty(1),)
        sums = (nk, s1, s2, *entropies)
        fill = self._fill(p, origin)
        value = fill(rows.block, *sums) if isinstance(rows, MemoryRows) else rows.add_up(sums, fill)
        entropy = float(entropies[0][0]) if entropies else math.nan
        return Statistics(
            value,
            entropy,
            nk,
            s1,
            s2,
            p.means if origin is None else origin,
            self.scatter if folded else None,
            self.total,
            rows.mass,
            rows.unit,
        )

    def _fill(self, p: Parameters, origin: Floats | None) -> Any:
        """Return a function that sums one block."""
        mixture = p.mixture(self.kind)

        def fill(block: Block, *sums: Doubles) -> float:
            value = core.gmm.accumulate(
                block.rows, mixture, origin, core.gmm.statistics(*sums), self.threads
            )
            if not math.isfinite(value) and not self.rows.in_memory:
                check_finite(block.X, block.first)
            return float(value)

        return fill

    def assign(
        self,
        origins: Floats,
        labels: NDArray[np.int32] | None,
        key: int,
        *,
        nearest: bool = False,
        kind: str | None = None,
    ) -> Statistics:
        """Sum the moments of rows that are given to components, about each one's origin.

        Parameters
        ----------
        origins : ndarray of shape (k, d)
        labels : ndarray of shape (n,), int32, or None
            None for random responsibilities; -1 for rows of no component.
        key : int
            Seed of random responsibilities.
        nearest : bool, default=False
            Whether each row belongs to its nearest origin instead.
        kind : str, optional
            Covariance type of the second moments, if it is another one.
        """
        own = self.kind if kind is None else kind
        k = len(origins)
        nk, s1 = np.empty(k), np.empty((k, self.d))
        s2 = np.empty(core.gmm.second_moments(own, k, self.d, False))

        def fill(block: Block, *sums: Doubles) -> float:
            first, X = block.first, block.X
            found = None if labels is None else labels[first : first + len(X)]
            if nearest:
                found = np.empty(len(X), np.int32)
                Samples(X, None, self.threads).assign(origins, found)
            into = core.gmm.statistics(*sums)
            core.gmm.start(block.rows, own, origins, found, key, first, into, self.threads)
            return 0.0

        self.rows.add_up((nk, s1, s2), fill)
        rows = self.rows
        return Statistics(
            math.nan, math.nan, nk, s1, s2, origins, None, self.total, rows.mass, rows.unit
        )

    # ---- starts and repairs --------------------------------------------------------------------

    def completed_rows(self) -> MemoryRows:
        """Return the rows in memory without missing entries."""
        assert isinstance(self.rows, MemoryRows)
        return self.rows

    def sampled(self) -> Complete:
        """Return the E-step on rows in memory: on a sample, if the rows are read in blocks."""
        if isinstance(self.rows, MemoryRows):
            return self
        return self.on(self.rows.sample(self.total))

    def label_origins(self, labels: NDArray[np.int32], centers: Floats) -> Floats:
        """Return what sums of rows with K-means' labels are referred to: K-means' centers."""
        return centers

    def posterior(
        self, p: Parameters, X: Floats, log_prob: Floats, responsibilities: Floats | None
    ) -> None:
        """Write log p(x) of each row, and its responsibilities if asked for."""
        posterior(
            X,
            self.kind,
            p,
            self.threads,
            log_prob=log_prob,
            responsibilities=responsibilities,
        )

    def comparable(self, p: Parameters, X: Floats, variance: Floats) -> Floats:
        """Return log p(x) of each row, by which rows can be ranked."""
        log_prob = np.empty(len(X), X.dtype)
        self.posterior(p, X, log_prob, None)
        return log_prob

    def fill_in(self, X: Floats) -> Floats:
        """Return rows that can be means."""
        return X


def column_variance(moments: Moments, kind: str, d: int) -> Floats:
    """Return the variance of each column from the moments of all rows as one component."""
    covariances = moments.covariances if kind == "tied" else moments.covariances[0]
    if kind in ("full", "tied"):
        covariances = np.diagonal(covariances)
    return np.broadcast_to(covariances, (d,))


def moved_far(kind: str, old: Floats, new: Parameters | Moments) -> bool:
    """Return whether a mean moved too far for the variances summed about the old one."""
    limit = FOLD_LIMIT[old.dtype]
    return bool(core.gmm.moved_far(kind, old, new.means, new.covariances, limit))
