"""EM for Gaussian mixtures on rows that are read in blocks: every step is a pass over them."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground import random
from ..._ground.isa import core
from ..._rows.blocks import BlockWeights, Source, check_finite
from ...kmeans.centers import Samples
from .engine import Engine, Parameters

Floats = NDArray[Any]

#: Rows of the sample that starts are found in, at most, and its bytes; but a few a component.
SAMPLE_ROWS = 65536
SAMPLE_BYTES = 32 << 20
_LEAST_SAMPLE = 10


class BlockEngine(Engine):
    """Runs EM steps on rows that are read in blocks, with what :class:`Engine` runs on each.

    The blocks' sums are added in their order, so that bits depend on the size of the blocks and on
    nothing else. They are not those of :class:`Engine`: its sums run on across the places where
    blocks end.

    Parameters
    ----------
    source : Source
    weights : BlockWeights
    covariance_type, reg_covar, k, threads
        As in :class:`Engine`.
    key : int or None
        For the rows that starts are found in; None where no start is asked for.
    """

    def __init__(
        self,
        source: Source,
        weights: BlockWeights,
        *,
        covariance_type: str,
        reg_covar: float,
        k: int,
        threads: int,
        key: int | None,
    ) -> None:
        self.source, self.weights = source, weights
        self.type = covariance_type
        self.reg_covar = float(reg_covar)
        self.k, self.d = k, source.d
        self.dtype = source.dtype
        self.threads = threads
        self.map_prior = None
        self._nk = np.empty(k)
        self._s1 = np.empty((k, self.d))
        self._direct = not core.gmm.foldable(covariance_type, self.d)
        self._few: Engine | None = None
        self._sample = None if key is None else _Sample(key, k, self.d, self.dtype)
        self._survey()

    # ---- passes ---------------------------------------------------------------------------------

    def _survey(self) -> None:
        """Check every row, measure the data about the first block's centre, and draw the sample."""
        d, n = self.d, 0
        self._spread, self._radius2, self.total = np.zeros(d), 0.0, 0.0
        self._scatter = np.zeros((d, d)) if self.type == "tied" else None
        scatter = None if self._scatter is None else np.empty((d, d))
        centre, spread, radius2 = np.empty(d), np.empty(d), np.empty(1)
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                check_finite(rows, first)
                if first == 0:
                    core.gmm.survey(rows, None, centre, spread, radius2, None, self.threads)
                n = first + len(rows)
                self.weights.check_length(n, at_least=True)
                weight = self.weights.of(first, n)
                if self._sample is not None:
                    self._sample.offer(rows, weight)
                if self._direct:
                    self.total += len(rows) if weight is None else float(weight.sum(dtype=float))
                    continue
                self.total += core.gmm.survey(
                    rows, weight, centre, spread, radius2, scatter, self.threads, given=True
                )
                np.maximum(self._spread, spread, out=self._spread)
                self._radius2 = max(self._radius2, float(radius2[0]))
                if self._scatter is not None and scatter is not None:
                    self._scatter += scatter
        self.n = n
        self.weights.check_length(n)
        self.mass = self.weights.sum
        self._centre = centre.astype(self.dtype)

    def _accumulate(self, old: Parameters, origin: Floats | None, s2: NDArray[np.float64]) -> float:
        sums = (self._nk, self._s1, s2)
        for a in sums:
            a[:] = 0.0
        nk, s1, second = (np.empty_like(a) for a in sums)
        total = 0.0
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                value = core.gmm.accumulate(
                    rows,
                    self.weights.of(first, first + len(rows)),
                    self.type,
                    old.weights,
                    old.means,
                    old.factors,
                    origin,
                    nk,
                    s1,
                    second,
                    self.threads,
                )
                if not np.isfinite(value):
                    check_finite(rows, first)
                total += value
                for a, part in zip(sums, (nk, s1, second), strict=True):
                    a += part
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
        """Sum the moments of rows with the labels given, their nearest origin's, or random ones."""
        sums = (nk, s1, s2)
        for a in sums:
            a[:] = 0.0
        mass, one, two = (np.empty_like(a) for a in sums)
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                last = first + len(rows)
                found = None if labels is None else labels[first:last]
                if nearest:
                    found = np.empty(len(rows), np.int32)
                    Samples(rows, None, self.threads).assign(origins, found)
                core.gmm.start(
                    rows,
                    self.weights.of(first, last),
                    self.type,
                    origins,
                    found,
                    key,
                    mass,
                    one,
                    two,
                    self.threads,
                    first_row=first,
                )
                for a, part in zip(sums, (mass, one, two), strict=True):
                    a += part

    # ---- starts ---------------------------------------------------------------------------------

    def start(self, init_params: str, key: int) -> tuple[Parameters, int]:
        """Return the parameters to start from, and the first component that failed or -1.

        K-means runs on the sample, and then every row counts for the nearest centre; k-means++ and
        ``"random_from_data"`` take their rows from the sample, as they would from all rows.
        """
        if init_params == "random":
            return super().start(init_params, key)
        few = self._sampled()
        if init_params != "kmeans":
            return few.start(init_params, key)
        labels, centres = few._labels(init_params, key)
        s2 = np.empty(core.gmm.second_moments(self.type, self.k, self.d, False))
        whole = few.n == self.n
        self._assign(
            centres, labels if whole else None, 0, self._nk, self._s1, s2, nearest=not whole
        )
        return self._update(centres, s2)

    def _sampled(self) -> Engine:
        """Return an engine on the sample, with the same prior."""
        if self._few is None:
            sample = self._sample
            if sample is None:  # nothing was drawn in the first pass: a start was given
                sample = _Sample(0, self.k, self.d, self.dtype)
                with closing(self.source.blocks()) as blocks:
                    for first, rows in blocks:
                        sample.offer(rows, self.weights.of(first, first + len(rows)))
            self._few = self._engine_on(sample.rows, sample.weight)
            self._few.mass *= self.mass / self.total  # in the unit of all rows' weights
            self._sample = None  # its rows are the engine's
        self._few.map_prior, self._few.reg_covar = self.map_prior, self.reg_covar
        return self._few

    def _engine_on(self, rows: Floats, weight: Floats | None) -> Engine:
        """Return an engine on some of the rows."""
        return Engine(
            rows,
            weight,
            covariance_type=self.type,
            reg_covar=self.reg_covar,
            k=self.k,
            threads=self.threads,
        )

    def _mean(self) -> Floats:
        return self._centre  # of the first block; what is summed about it says the rest

    # ---- collapsed components -------------------------------------------------------------------

    def _variance(self) -> Floats:
        covariances = self.data_moments().covariances[0]
        if self.type == "full":
            covariances = np.diagonal(covariances)
        return np.broadcast_to(covariances, (self.d,)) + self.reg_covar

    def _worst(self, old: Parameters, count: int) -> Floats:
        values, kept = np.empty(0, self.dtype), np.empty((0, self.d), self.dtype)
        with closing(self.source.blocks()) as blocks:
            for first, rows in blocks:
                weight = self.weights.of(first, first + len(rows))
                log_prob = self._log_prob(old, rows, weight)
                order = np.argsort(log_prob, kind="stable")[:count]
                # rows of earlier blocks stand first, so that a stable sort keeps their order
                values = np.concatenate([values, log_prob[order]])
                kept = np.concatenate([kept, rows[order]])
                order = np.argsort(values, kind="stable")[:count]
                values, kept = values[order], kept[order]
        return kept


class _Sample:
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
