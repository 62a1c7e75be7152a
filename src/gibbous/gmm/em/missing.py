"""The E-step on rows with NaN, which stands for entries that are missing at random.

The expectation is taken over the missing entries too, given what is observed and the component
(Ghahramani and Jordan 1994; Little and Rubin 2002, sections 8.2 and 11.3), so that no step lowers
the likelihood of what is observed. Sums are always taken about the means.
"""

from __future__ import annotations

import copy
import math
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from ..._rows.blocks import check_finite
from ..._rows.patterns import Patterns, check_observed
from ..._rows.rows import Block, BlockRows, MemoryRows, Rows
from ..densities import posterior_missing
from ..moments import Moments
from ..parameters import Doubles, Floats, Parameters
from .complete import column_variance
from .statistics import Statistics


def accumulate(
    block: Block,
    patterns: Patterns | None,
    kind: str,
    p: Parameters,
    about: Floats | None,
    sums: tuple[Doubles, ...],
    threads: int,
) -> float:
    """E-step on what is observed of some rows, and the expected statistics of complete rows.

    Parameters
    ----------
    block : Block
        The rows, of shape (n, d), and their weights.
    patterns : Patterns or None
        ``Patterns.of(block.X, kind)``.
    kind : str
    p : Parameters
        The mixture, in the dtype of the rows.
    about : ndarray of shape (k, d) or None
        What the sums are referred to; None for the means.
    sums : tuple of ndarray
        Written: nk (k,), s1 (k, d) and s2, as ``core.gmm.second_moments`` counts it unfolded.
    threads : int

    Returns
    -------
    float
        Weighted sum of the log-density of what is observed.
    """
    return float(
        core.gmm.missing.accumulate(
            block.rows,
            None if patterns is None else patterns.bound,
            p.mixture(kind),
            about,
            core.gmm.statistics(*sums),
            threads,
        )
    )


@dataclass(frozen=True)
class _Assigned:
    """Sums of the observed entries of rows assigned to components.

    Those of several blocks of rows are additive.

    Attributes
    ----------
    nk, s1, s2 : ndarray
        Zeroth, first and second moments about the origin of each component, with missing entries
        replaced by 0; (k,), (k, d) and as ``core.gmm.second_moments`` counts them unfolded.
    absent : ndarray of shape (k, d)
        Mass of the rows in which a feature is missing.
    within : ndarray of shape (k, d)
        Sums of squares of each feature.
    """

    nk: NDArray[np.float64]
    s1: NDArray[np.float64]
    s2: NDArray[np.float64]
    absent: NDArray[np.float64]
    within: NDArray[np.float64]

    def __add__(self, other: _Assigned) -> _Assigned:
        return _Assigned(*(getattr(self, f) + getattr(other, f) for f in self.__annotations__))

    def completed(self, covariance_type: str) -> NDArray[np.float64]:
        """Return second moments that include missing entries.

        These are at the origin and have the variance of the feature within components.
        """
        k, d = self.s1.shape
        seen = np.maximum(self.nk[:, None] - self.absent, 0.0).sum(axis=0)
        second: NDArray[np.float64] = self.s2.copy()
        if covariance_type == "spherical":
            second += self.absent.sum(axis=1) * (self.within.sum() / seen.sum())
            return second
        variance = np.divide(self.within.sum(axis=0), seen, out=np.zeros(d), where=seen > 0)
        spread = self.absent * variance
        if covariance_type == "diag":
            second += spread.ravel()
            return second
        diagonal = np.cumsum(np.arange(1, d + 1)) - 1  # of a packed lower triangle
        if covariance_type == "tied":
            second[diagonal] += spread.sum(axis=0)
        else:
            second.reshape(k, -1)[:, diagonal] += spread
        return second


class Missing:
    """E-steps of mixtures on rows with missing entries; as :class:`Complete`.

    Parameters
    ----------
    rows : MemoryRows or BlockRows
    kind : {"full", "tied", "diag", "spherical"}
    threads : int
    unseen : ndarray of shape (d,), optional
        Means for columns of which no entry is observed; an error if not given.
    """

    missing = True

    def __init__(self, rows: Rows, kind: str, threads: int, unseen: Floats | None = None) -> None:
        self.rows, self.kind, self.threads = rows, kind, threads
        self.d, self.dtype = rows.d, rows.dtype
        self._variance: Floats | None = None
        self.patterns: Patterns | None = None
        if isinstance(rows, MemoryRows):
            self._survey(rows, unseen)
        else:
            self._survey_blocks(rows)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.rows.n

    def on(self, rows: MemoryRows) -> Missing:
        """Return the same kind of E-step on some of the rows."""
        # a rarely observed feature may be in none of these
        return Missing(rows, self.kind, self.threads, self.center)

    def alone(self) -> Missing:
        """Return this E-step with one thread."""
        own = copy.copy(self)
        own.threads = 1
        return own

    # ---- the data, once ------------------------------------------------------------------------

    def _survey(self, rows: MemoryRows, unseen: Floats | None) -> None:
        self.patterns = Patterns.of(rows.X, self.kind)
        self.total = rows.total()
        self.center = np.zeros(self.d, self.dtype)
        for a in range(self.d):
            x, w = self._observed(rows, a)
            if len(x):
                self.center[a] = np.average(x, weights=w)
        if unseen is not None:
            empty = np.isnan(rows.X).all(axis=0)
            self.center[empty] = unseen[empty]

    def _observed(self, rows: MemoryRows, a: int) -> tuple[Floats, Floats | None]:
        """Return the observed entries of a column with weight, in float64, and their weights."""
        there = ~np.isnan(rows.X[:, a])
        if rows.weight is None:
            return rows.X[there, a].astype(np.float64), None
        there &= rows.weight > 0
        return rows.X[there, a].astype(np.float64), rows.weight[there].astype(np.float64)

    def _survey_blocks(self, rows: BlockRows) -> None:
        d = self.d
        self.total = 0.0
        seen, sums = np.zeros(d), np.zeros(d)
        origin: Floats | None = None
        with closing(rows.first_pass(missing=True)) as blocks:
            for block in blocks:
                X, weight = block.X, block.weight
                w = np.ones(len(X)) if weight is None else weight.astype(np.float64)
                self.total += float(w.sum())
                there = ~np.isnan(X)
                if origin is None:  # sums about values of the data, to avoid cancellation
                    origin = np.zeros(d)
                    for a in np.flatnonzero(there.any(axis=0)):
                        origin[a] = X[np.argmax(there[:, a]), a]
                seen += w @ there
                for column in range(d):
                    use = there[:, column]
                    sums[column] += w[use] @ (X[use, column] - origin[column])
        check_observed(seen > 0, rows.weighted, rows.names)
        assert origin is not None
        self.center = (origin + sums / seen).astype(self.dtype)

    def mean(self) -> Floats:
        """Return the mean of what is observed of each column."""
        return self.center

    def variance(self) -> Floats:
        """Return the variance of what is observed of each column; NaN for a column without any."""
        if self._variance is None:
            rows = self.rows
            if isinstance(rows, BlockRows):
                self._variance = column_variance(self.moments_of_all(), self.kind, self.d)
            else:
                self._variance = np.full(self.d, np.nan)
                for a in range(self.d):
                    x, w = self._observed(rows, a)
                    if len(x):
                        self._variance[a] = np.average((x - self.center[a]) ** 2, weights=w)
        return self._variance

    def moments_of_all(self) -> Moments:
        """Return the moments of all rows as one component, in rows."""
        return self.assign(self.center[None], None, 0).moments(self.kind)

    # ---- sums ----------------------------------------------------------------------------------

    def folds(self, factors: Floats, slack: float = 1.0) -> bool:
        """Return whether sums may be taken about the center: never."""
        return False

    def sums(self, p: Parameters, folded: bool, about: Floats | None = None) -> Statistics:
        """Sum the statistics of one E-step, about the means or ``about`` (k, d)."""
        k, d = p.means.shape
        nk, s1 = np.empty(k), np.empty((k, d))
        s2 = np.empty(core.gmm.second_moments(self.kind, k, d, False))
        rows = self.rows

        def fill(block: Block, *sums: Doubles) -> float:
            patterns = self.patterns if rows.in_memory else Patterns.of(block.X, self.kind)
            value = accumulate(block, patterns, self.kind, p, about, sums, self.threads)
            if not math.isfinite(value) and not rows.in_memory:
                check_finite(block.X, block.first, missing=True)
            return value

        sums = (nk, s1, s2)
        value = fill(rows.block, *sums) if isinstance(rows, MemoryRows) else rows.add_up(sums, fill)
        origin = p.means if about is None else about
        entropy = math.nan
        if p.log_weights is not None:
            entropy = latent_entropy(self.kind, p, value, (nk, s1, s2), origin)
        return Statistics(
            value, entropy, nk, s1, s2, origin, None, self.total, rows.mass, rows.unit
        )

    def assign(
        self,
        origins: Floats,
        labels: NDArray[np.int32] | None,
        key: int,
        *,
        kind: str | None = None,
    ) -> Statistics:
        """Sum the moments of rows that are given to components, about each one's origin.

        A missing entry is expected at the origin of its component, and varies as much as the
        feature does within components. Without labels responsibilities are random, and the origins
        all the same.
        """
        own = self.kind if kind is None else kind
        found: _Assigned | None = None
        for block in self.rows.blocks():
            last = block.first + len(block.X)
            some = None if labels is None else labels[block.first : last]
            part = _assigned(block, own, origins, some, key, self.threads)
            found = part if found is None else found + part
        assert found is not None
        rows = self.rows
        return Statistics(
            math.nan,
            math.nan,
            found.nk,
            found.s1,
            found.completed(own),
            origins,
            None,
            self.total,
            rows.mass,
            rows.unit,
        )

    # ---- starts and repairs --------------------------------------------------------------------

    def completed_rows(self) -> MemoryRows:
        """Return the rows with the columns' means in place of what is missing."""
        rows = self.rows
        assert isinstance(rows, MemoryRows)
        filled = MemoryRows(np.where(np.isnan(rows.X), self.center, rows.X), rows.weight)
        filled.mass = rows.mass
        return filled.in_units_of(1.0, rows.unit)

    def sampled(self) -> Missing:
        """Return the E-step on rows in memory: on a sample, if the rows are read in blocks."""
        if isinstance(self.rows, MemoryRows):
            return self
        return self.on(self.rows.sample(self.total))

    def label_origins(self, labels: NDArray[np.int32], centers: Floats) -> Floats:
        """Return each component's mean of the observed entries; without any, that of all rows."""
        rows, k = self.rows, len(centers)
        assert isinstance(rows, MemoryRows)
        means = np.tile(self.center, (k, 1))
        for a in range(self.d):
            there = ~np.isnan(rows.X[:, a])
            w = np.ones(there.sum()) if rows.weight is None else rows.weight[there]
            # about the center, to avoid cancellation
            z = (rows.X[there, a] - self.center[a]).astype(np.float64)
            mass = np.bincount(labels[there], weights=w, minlength=k)
            sums = np.bincount(labels[there], weights=w * z, minlength=k)
            known = mass > 0
            means[known, a] += (sums[known] / mass[known]).astype(means.dtype)
        return means

    def posterior(
        self, p: Parameters, X: Floats, log_prob: Floats, responsibilities: Floats | None
    ) -> None:
        """Write log p of what is observed of each row, and its responsibilities if asked for."""
        posterior_missing(
            X,
            self.kind,
            p,
            self.threads,
            log_prob=log_prob,
            responsibilities=responsibilities,
        )

    def comparable(self, p: Parameters, X: Floats, variance: Floats) -> Floats:
        """Return log p of what is observed of each row, less what each feature has on average.

        Otherwise rows would be compared by how much of them is observed, and in which units.
        """
        out = np.empty(len(X), X.dtype)
        self.posterior(p, X, out, None)
        # the entropy of a Gaussian with the variance of the column
        average = 0.5 * np.log(2 * np.pi * np.e * np.maximum(np.nan_to_num(variance), 1e-300))
        for a in range(X.shape[1]):
            out += np.where(np.isnan(X[:, a]), 0, average[a]).astype(out.dtype)
        return out

    def fill_in(self, X: Floats) -> Floats:
        """Return rows that can be means: with the columns' means in place of what is missing."""
        return np.where(np.isnan(X), self.center, X)


def _assigned(
    block: Block,
    kind: str,
    origins: Floats,
    labels: NDArray[np.int32] | None,
    key: int,
    threads: int,
) -> _Assigned:
    """Sum rows of the components given by ``labels``, or with random responsibilities.

    Without labels the origins are all the same.
    """
    k, d = origins.shape
    X = block.X
    missing = np.isnan(X)
    filled = np.where(missing, origins[0] if labels is None else origins[labels], X)
    found: list[Doubles] = []
    for rows, about, own in (
        # the first moments of the mask are the mass that misses each feature
        (missing.astype(X.dtype), np.zeros_like(origins), "diag"),
        (filled, origins, "diag"),
        (filled, origins, kind),
    ):
        nk, s1 = np.empty(k), np.empty((k, d))
        s2 = np.empty(core.gmm.second_moments(own, k, d, False))
        sums = core.gmm.statistics(nk, s1, s2)
        bound = core.rows(rows, block.weight)
        core.gmm.start(bound, own, about, labels, key, block.first, sums, threads)
        found += [nk, s1, s2]
    return _Assigned(found[6], found[7], found[8], found[1], found[5].reshape(k, d))


def latent_entropy(
    kind: str,
    p: Parameters,
    value: float,
    sums: tuple[Doubles, Doubles, Doubles],
    origin: Floats,
) -> float:
    r"""Return the entropy of components and missing entries of all rows together.

    With :math:`\rho_{ik}` what a row's observed entries give to component k, so that
    :math:`r_{ik} = \rho_{ik} / \sum_j \rho_{ij}`, the E-step is exact:

    .. math:: \sum_i \log \sum_k \rho_{ik} = E[\log \tilde p(x, z)] + H

    where the expectation is over components and missing entries, :math:`H` is their entropy, and
    :math:`\log \tilde p(x, k) = l_k + \log N(x; m_k, C_k)` with ``log_weights`` l. The expectation
    follows from the sums, so that the entropy is what is left.

    Parameters
    ----------
    kind : str
    p : Parameters
        With ``log_weights``.
    value : float
        The left side.
    sums : tuple of ndarray
        nk, s1 and s2 about ``origin``.
    origin : ndarray of shape (k, d)
    """
    nk, s1, s2 = sums
    k, d = s1.shape
    c = p.covariances.astype(np.float64)
    away = origin.astype(np.float64) - p.means  # the origins of the sums, relative to the means
    if kind in ("full", "tied"):
        packed = s2.reshape(-1, d * (d + 1) // 2)
        i, j = np.tril_indices(d)
        second = np.empty((len(packed), d, d))
        second[:, i, j] = second[:, j, i] = packed
        cross = s1[:, :, None] * away[:, None, :]
        moved = (
            cross
            + np.swapaxes(cross, 1, 2)
            + nk[:, None, None] * away[:, :, None] * away[:, None, :]
        )
        second += moved if kind == "full" else moved.sum(axis=0)
        low = np.linalg.cholesky(c if kind == "full" else c[None])
        inverse = np.linalg.inv(low)
        quadratic = float(np.einsum("kab,kbc,kac->", inverse, second, inverse))
        log_det = 2.0 * np.log(np.diagonal(low, axis1=1, axis2=2)).sum(axis=1)
    elif kind == "diag":
        second = s2.reshape(k, d) + 2.0 * s1 * away + nk[:, None] * away**2
        quadratic = float((second / c).sum())
        log_det = np.log(c).sum(axis=1)
    else:
        second = s2.reshape(k) + 2.0 * (s1 * away).sum(axis=1) + nk * (away**2).sum(axis=1)
        quadratic = float((second / c).sum())
        log_det = d * np.log(c)
    assert p.log_weights is not None
    held = nk > 0
    constants = p.log_weights - 0.5 * (log_det + d * math.log(2.0 * math.pi))
    return value - float(nk[held] @ np.broadcast_to(constants, (k,))[held]) + 0.5 * quadratic
