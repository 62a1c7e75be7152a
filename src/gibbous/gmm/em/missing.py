"""EM for Gaussian mixtures on rows of which entries are missing: patterns, starts, steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from .engine import Engine, Floats, Parameters


def has_missing(X: Floats) -> bool:
    """Return whether there is a NaN among the numbers of X, of which none is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):  # a sum, because it needs no memory
            return False
    return bool(np.isnan(X).any())


def check_columns(X: Floats, weight: Floats | None, names: NDArray[Any] | None) -> None:
    """Check that every column has an observed entry in a row that counts.

    Raises
    ------
    ValueError
        Names the columns that have none.
    """
    there = ~np.isnan(X if weight is None else X[weight > 0])
    check_observed(np.asarray(there.any(axis=0)), weight is not None, names)


def check_observed(observed: NDArray[np.bool_], weighted: bool, names: NDArray[Any] | None) -> None:
    """Raise where a column has not been observed."""
    empty = np.flatnonzero(~observed)
    if not len(empty):
        return
    shown = [str(a) if names is None else f"{a} ({names[a]!r})" for a in empty[:10]]
    what = f"column {shown[0]}" if len(empty) == 1 else f"columns {', '.join(shown)}"
    more = f" and {len(empty) - 10} more" if len(empty) > 10 else ""
    rows = " in a row with a weight" if weighted else ""
    raise ValueError(
        f"{what}{more} of X: all entries{rows} are NaN, and nothing can be learnt of a feature "
        "that was never observed; remove such columns"
    )


@dataclass(frozen=True)
class Patterns:
    """The rows of X in an order in which those with the same entries missing lie together.

    Attributes
    ----------
    rows : ndarray of shape (n,), int64
        Row numbers; those of one pattern are in ascending order.
    starts : ndarray of shape (n_patterns + 1,), int64
        Where each pattern begins in ``rows``, and n.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, X: Floats, covariance_type: str) -> Patterns | None:
        """Find the patterns of X (n, d), or return None where a mixture does not need them.

        Takes O(n d + n log n), n d bits and 16 bytes a row. With diagonal and spherical covariances
        nothing depends on the pattern.
        """
        if covariance_type not in ("full", "tied"):
            return None
        n, d = X.shape
        words = np.zeros((n, -(-d // 64) * 8), np.uint8)
        # some rows at a time: the mask of one byte an entry would be an eighth of the data
        for first in range(0, n, 4096):
            part = np.packbits(np.isnan(X[first : first + 4096]), axis=1)
            words[first : first + 4096, : part.shape[1]] = part
        keys = words.view(np.uint64)
        # lexsort is stable, and so is what it makes of one column
        order = np.lexsort(keys.T).astype(np.int64, copy=False)
        ahead = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
        starts = np.concatenate([[0], np.flatnonzero(ahead) + 1, [n]]).astype(np.int64)
        return cls(order, starts)

    def __len__(self) -> int:
        return len(self.starts) - 1


def spread(
    patterns: Patterns | None,
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Return patterns as the core takes them."""
    return (None, None) if patterns is None else (patterns.rows, patterns.starts)


def accumulate(
    X: Floats,
    weight: Floats | None,
    patterns: Patterns | None,
    covariance_type: str,
    p: Parameters,
    about: Floats | None,
    statistics: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    threads: int,
) -> float:
    """E-step on what is observed of X (n, d), and the expected statistics of complete rows.

    Parameters
    ----------
    X, weight : ndarray of shape (n, d) and (n,) or None, of one dtype
    patterns : Patterns or None
        ``Patterns.of(X, covariance_type)``.
    covariance_type : str
    p : Parameters
        The mixture, in the dtype of X.
    about : ndarray of shape (k, d) or None
        What the sums are referred to; None for the means.
    statistics : tuple of ndarray
        Written: nk (k,), s1 (k, d) and s2, as ``core.gmm.second_moments`` counts it unfolded.
    threads : int

    Returns
    -------
    float
        Weighted sum of the log-density of what is observed.
    """
    return float(
        core.gmm.missing.accumulate(
            X,
            weight,
            *spread(patterns),
            covariance_type,
            p.weights,
            p.means,
            p.covariances,
            about,
            *statistics,
            threads,
        )
    )


@dataclass(frozen=True)
class Assigned:
    """Sums of rows that were given to components, as far as their entries were observed.

    Those of several blocks of rows add up.

    Attributes
    ----------
    nk, s1, s2 : ndarray
        Zeroth, first and second moments about each component's origin, with 0 in place of what is
        missing; (k,), (k, d) and as ``core.gmm.second_moments`` counts them unfolded.
    absent : ndarray of shape (k, d)
        Mass of the rows that miss a feature.
    within : ndarray of shape (k, d)
        Sums of squares of each feature.
    """

    nk: NDArray[np.float64]
    s1: NDArray[np.float64]
    s2: NDArray[np.float64]
    absent: NDArray[np.float64]
    within: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        X: Floats,
        weight: Floats | None,
        covariance_type: str,
        origins: Floats,
        labels: NDArray[np.int32] | None,
        key: int,
        threads: int,
        first_row: int = 0,
    ) -> Assigned:
        """Sum rows of the components that ``labels`` name, or with random responsibilities.

        Without labels the origins are all the same.
        """
        k, d = origins.shape
        missing = np.isnan(X)
        filled = np.where(missing, origins[0] if labels is None else origins[labels], X)
        found: list[NDArray[np.float64]] = []
        for rows, about, kind in (
            # the mask's first moments are the mass that misses each feature
            (missing.astype(X.dtype), np.zeros_like(origins), "diag"),
            (filled, origins, "diag"),
            (filled, origins, covariance_type),
        ):
            nk, s1 = np.empty(k), np.empty((k, d))
            s2 = np.empty(core.gmm.second_moments(kind, k, d, False))
            core.gmm.start(
                rows, weight, kind, about, labels, key, nk, s1, s2, threads, first_row=first_row
            )
            found += [nk, s1, s2]
        return cls(found[6], found[7], found[8], found[1], found[5].reshape(k, d))

    def __add__(self, other: Assigned) -> Assigned:
        return Assigned(*(getattr(self, f) + getattr(other, f) for f in self.__annotations__))

    def completed(self, covariance_type: str) -> NDArray[np.float64]:
        """Return second moments to which missing entries contribute.

        They are at the origin and vary as much as the feature does within components.
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


class MissingEngine(Engine):
    """Runs EM steps on rows with NaN, which stands for entries that are missing at random.

    The E-step takes the expectation over the missing entries too, given what is observed and the
    component (Ghahramani and Jordan 1994; Little and Rubin 2002, sections 8.2 and 11.3), so that
    no step lowers the likelihood of what is observed. Sums are always taken about the means.
    """

    def _survey(self) -> None:
        self.patterns = Patterns.of(self.X, self.type)
        self._direct = True
        self._scatter = None
        self.total = float(self.n if self.weight is None else self.weight.sum(dtype=np.float64))
        self._centre = np.zeros(self.d, self.dtype)
        for a in range(self.d):
            x, w = self._observed(a)
            if len(x):
                self._centre[a] = np.average(x, weights=w)

    def _observed(self, a: int) -> tuple[Floats, Floats | None]:
        """Return the observed entries of a column that count, in float64, and their weights."""
        there = ~np.isnan(self.X[:, a])
        if self.weight is None:
            return self.X[there, a].astype(np.float64), None
        there &= self.weight > 0
        return self.X[there, a].astype(np.float64), self.weight[there].astype(np.float64)

    def _accumulate(self, old: Parameters, origin: Floats | None, s2: NDArray[np.float64]) -> float:
        return accumulate(
            self.X,
            self.weight,
            self.patterns,
            self.type,
            old,
            origin,
            (self._nk, self._s1, s2),
            self.threads,
        )

    def _mean(self) -> Floats:
        return self._centre

    # ---- starts ---------------------------------------------------------------------------------

    def start(self, init_params: str, key: int) -> tuple[Parameters, int]:
        """Return the parameters to start from, and the first component that failed or -1.

        Rows are chosen, and K-means is run, on rows with the columns' means in place of what is
        missing. K-means' labels and random responsibilities then go through an M-step as they are:
        a missing entry is expected at the mean of its component (of all rows, where these were
        random), and varies as much as the feature does within components.
        """
        if init_params == "random":
            return super().start(init_params, key)
        whole = Engine(
            np.where(np.isnan(self.X), self._centre, self.X),
            self.weight,
            covariance_type=self.type,
            reg_covar=self.reg_covar,
            k=self.k,
            threads=self.threads,
        )
        whole.mass, whole.map_prior = self.mass, self.map_prior
        if init_params != "kmeans":
            start = whole.start(init_params, key)
            self._nk[:] = whole._nk  # which collapse() tells
            return start
        labels, _ = whole._labels(init_params, key)
        origins = self._observed_means(labels)
        s2 = np.empty(core.gmm.second_moments(self.type, self.k, self.d, False))
        self._assign(origins, labels, key, self._nk, self._s1, s2)
        return self._update(origins, s2)

    def _assign(
        self,
        origins: Floats,
        labels: NDArray[np.int32] | None,
        key: int,
        nk: NDArray[np.float64],
        s1: NDArray[np.float64],
        s2: NDArray[np.float64],
    ) -> None:
        sums = Assigned.of(self.X, self.weight, self.type, origins, labels, key, self.threads)
        nk[:], s1[:], s2[:] = sums.nk, sums.s1, sums.completed(self.type)

    def _observed_means(self, labels: NDArray[np.int32]) -> Floats:
        """Return each component's mean of the observed entries, or all rows' where it has none."""
        means = np.tile(self._centre, (self.k, 1))
        for a in range(self.d):
            there = ~np.isnan(self.X[:, a])
            w = np.ones(there.sum()) if self.weight is None else self.weight[there]
            # about the centre, so that nothing cancels
            z = (self.X[there, a] - self._centre[a]).astype(np.float64)
            mass = np.bincount(labels[there], weights=w, minlength=self.k)
            sums = np.bincount(labels[there], weights=w * z, minlength=self.k)
            known = mass > 0
            means[known, a] += (sums[known] / mass[known]).astype(means.dtype)
        return means

    # ---- collapsed components -------------------------------------------------------------------

    def _variance(self) -> Floats:
        variance = np.full(self.d, np.nan)  # nothing is as wide as a feature that nobody saw
        for a in range(self.d):
            x, w = self._observed(a)
            if len(x):
                variance[a] = np.average((x - self._centre[a]) ** 2, weights=w)
        return variance + self.reg_covar

    def _worst(self, old: Parameters, count: int) -> Floats:
        rows = super()._worst(old, count)
        return np.where(np.isnan(rows), self._centre, rows)

    def _log_prob(self, p: Parameters, rows: Floats, weight: Floats | None) -> Floats:
        return comparable_log_prob(p, rows, weight, self.type, self._variance(), self.threads)

    def posterior(
        self, p: Parameters, rows: Floats, log_prob: Floats, responsibilities: Floats | None
    ) -> None:
        """Write log p of what is observed of each row, and its responsibilities."""
        core.gmm.missing.posterior(
            rows,
            *spread(Patterns.of(rows, self.type)),
            self.type,
            p.weights,
            p.means,
            p.covariances,
            log_prob,
            responsibilities,
            None,
            self.threads,
        )


def comparable_log_prob(
    p: Parameters,
    rows: Floats,
    weight: Floats | None,
    covariance_type: str,
    variance: Floats,
    threads: int,
) -> Floats:
    """Return log p of what is observed of each row, less what each feature has on average.

    Without that, rows would be compared by how much of them is observed, and in which units. Rows
    that have no weight get infinity.
    """
    out = np.empty(rows.shape[0], rows.dtype)
    core.gmm.missing.posterior(
        rows,
        *spread(Patterns.of(rows, covariance_type)),
        covariance_type,
        p.weights,
        p.means,
        p.covariances,
        out,
        None,
        None,
        threads,
    )
    # the entropy of a Gaussian as wide as the column
    average = 0.5 * np.log(2 * np.pi * np.e * np.maximum(np.nan_to_num(variance), 1e-300))
    for a in range(rows.shape[1]):
        out += np.where(np.isnan(rows[:, a]), 0, average[a]).astype(out.dtype)
    if weight is not None:
        out[weight == 0] = np.inf
    return out


def engine_of(
    X: Floats,
    weight: Floats | None,
    names: NDArray[Any] | None,
    *,
    whole: bool = True,
    **settings: Any,
) -> Engine:
    """Return what runs EM steps on rows in memory, of which entries may be missing.

    Parameters
    ----------
    X, weight, **settings
        As :class:`Engine` takes them.
    names : ndarray of str or None
        Of the columns, for errors.
    whole : bool, default=True
        Whether every column has to have an entry.

    Raises
    ------
    ValueError
        If a column has none.
    """
    if not has_missing(X):
        return Engine(X, weight, **settings)
    if whole:
        check_columns(X, weight, names)
    return MissingEngine(X, weight, **settings)
