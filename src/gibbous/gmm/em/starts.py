"""Parameters to start EM from: found in the rows, or given by the user.

``small_em`` is the strategy of Biernacki, Celeux and Govaert (2003, Computational Statistics and
Data Analysis 41): EM is run a few steps from several random starts and continues from the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._ground import random
from ..._rows.rows import MemoryRows
from ...kmeans.functions import kmeans_plusplus
from ...kmeans.lloyd import KMeans
from ..parameters import (
    Floats,
    Parameters,
    checked_shape,
    covariance_shape,
    covariances_of_factors,
    factors_of_precisions,
)
from .complete import Complete
from .engine import EM
from .repair import repair_start

#: Number of short runs, and maximum steps of each. Biernacki et al. stop a run when a step gains
#: less than a hundredth of what the run has gained so far.
_RUNS = 10
_STEPS = 20
_SHARE = 0.01


def start(em: EM, init_params: str, key: int) -> tuple[Parameters, int]:
    """Return the parameters to start from, and the first component that failed or -1.

    Of rows that are read in blocks K-means runs on a sample, and then every row counts for its
    nearest center; k-means++ and ``"random_from_data"`` take their rows from the sample, as they
    would from all rows. Missing entries count as their columns' means while rows are chosen and
    K-means runs; its labels then go through an M-step with the entries missing.

    Parameters
    ----------
    em : EM
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "small-em"}
    key : int
    """
    e = em.expectation
    if init_params == "small-em":
        return small_em(em, key)
    if init_params == "random":
        return em.update(e.assign(np.tile(e.mean(), (em.k, 1)), None, key))
    few = em.sampled()
    if few is not em and (init_params != "kmeans" or e.missing):
        found = start(few, init_params, key)
        em.nk = few.nk  # needed for a message about a collapsed component
        return found
    labels, origins = _labels(few, init_params, key)
    if few is not em:
        if few.expectation.n == e.n:
            return em.update(e.assign(origins, labels, 0))
        return em.update(e.assign(origins, None, 0, nearest=True))  # type: ignore[call-arg]
    if init_params == "kmeans" or not e.missing:
        return em.update(e.assign(e.label_origins(labels, origins), labels, key))
    whole = Complete(e.completed_rows(), em.kind, em.threads)
    return em.update(whole.assign(origins, labels, key))


def _labels(em: EM, init_params: str, key: int) -> tuple[NDArray[np.int32], Floats]:
    """Return the component of each row, -1 for none, and the components' centers."""
    rows = em.expectation.completed_rows()
    n, k, seed = rows.n, em.k, random.Key(key)
    if init_params == "kmeans":
        fit = KMeans(k, n_init=1, random_state=seed, n_jobs=em.threads)
        fit.fit(rows.X, sample_weight=rows.weight)
        return fit.labels_, np.ascontiguousarray(fit.cluster_centers_, rows.dtype)
    if init_params == "k-means++":
        _, chosen = kmeans_plusplus(rows.X, k, sample_weight=rows.weight, random_state=seed)
    else:
        allowed = _allowed(rows)
        if len(allowed) < k:
            raise ValueError(
                f"init_params='random_from_data' needs {k} rows with a weight; "
                f"sample_weight leaves {len(allowed)}"
            )
        chosen = random.generator(key, "gmm-start").choice(allowed, k, replace=False)
    labels = np.full(n, -1, np.int32)
    labels[chosen] = np.arange(k)
    return labels, np.ascontiguousarray(rows.X[chosen])


def _allowed(rows: MemoryRows) -> NDArray[np.intp]:
    """Return the indices of the rows with a weight."""
    return np.arange(rows.n) if rows.weight is None else np.flatnonzero(rows.weight)


def small_em(em: EM, key: int) -> tuple[Parameters, int]:
    """Return where the best of several short runs of EM ends, and what failed there or -1.

    A run starts with k rows drawn at random as means, equal weights and the covariance of all rows.
    Costs at most 200 steps of EM on the rows (of a sample, if the rows are read in blocks). If
    every run fails, K-means makes the start.
    """
    few = em.sampled()
    best, value = None, -np.inf
    for run in range(_RUNS):
        p = _drawn(few, random.child(key, "gmm-small-em", run))
        if p is None:
            continue
        found = _short(few, p)
        if found is not None and found[0] > value:
            value, best = found
    return start(em, "kmeans", key) if best is None else (best, -1)


def _drawn(em: EM, key: int) -> Parameters | None:
    """Return rows as means, with the width of the data."""
    wide, failed = start(em, "random", key)
    if failed >= 0:
        return None
    rows = em.expectation.rows
    assert isinstance(rows, MemoryRows)
    allowed = _allowed(rows)
    if len(allowed) < em.k:
        return None
    chosen = random.generator(key, "gmm-start").choice(allowed, em.k, replace=False)
    means = rows.X[chosen]
    means = np.where(np.isnan(means), wide.means, means)
    p, failed = em.parameters(np.full(em.k, 1.0 / em.k), means, wide.covariances)
    return None if failed >= 0 else p


def _short(em: EM, p: Parameters) -> tuple[float, Parameters] | None:
    """Run a few steps of EM; return the result, or None if a component collapsed."""
    first = last = -np.inf
    for step in range(_STEPS):
        try:
            value, p, failed = em.step(p)
        except ValueError:
            return None
        if failed >= 0:
            return None
        if step == 0:
            first = value
        elif value - last <= _SHARE * (value - first):
            return value, p
        last = value
    return last, p


# ---- given by the user -------------------------------------------------------------------------


@dataclass(frozen=True)
class GivenStart:
    """What was given of weights, means and precisions to start from; None if nothing was."""

    weights: ArrayLike | None
    means: ArrayLike | None
    precisions: ArrayLike | None

    def check(self, kind: str, k: int, d: int) -> None:
        """Check shapes and values.

        Raises
        ------
        ValueError
            Names what has a wrong shape or value.
        """
        if self.weights is not None:
            _check_weights(self.weights, k)
        if self.means is not None:
            checked_shape(self.means, (k, d), "means")
        if self.precisions is not None:
            _check_precisions(self.precisions, kind, k, d)

    @property
    def complete(self) -> bool:
        """Whether nothing has to be found from the data."""
        return not (self.weights is None or self.means is None or self.precisions is None)

    def parameters(self, kind: str, dtype: Any) -> Parameters:
        """Return the parameters of a complete start."""
        factors = factors_of_precisions(np.asarray(self.precisions, dtype), kind)
        return Parameters(
            np.ascontiguousarray(self.weights, dtype),
            np.ascontiguousarray(self.means, dtype),
            covariances_of_factors(factors, kind),
            factors,
        )

    def replace(self, em: EM, start: Parameters, failed: int, repair: bool) -> Parameters:
        """Put what was given in the place of what the data said.

        Parameters
        ----------
        em : EM
        start : Parameters
        failed : int
            First component of ``start`` whose covariance is not positive definite, or -1.
        repair : bool
            Whether such components are widened; otherwise they are an error.

        Raises
        ------
        ValueError
            If a component failed, no precisions were given, and it is not to be repaired.
        """
        dtype = em.form.dtype
        weights, means = start.weights, start.means
        if self.weights is not None:
            weights = np.ascontiguousarray(self.weights, dtype)
        if self.means is not None:
            means = np.ascontiguousarray(self.means, dtype)
        if self.precisions is not None:
            factors = factors_of_precisions(np.asarray(self.precisions, dtype), em.kind)
            covariances = covariances_of_factors(factors, em.kind)
            return Parameters(weights, means, covariances, factors)
        if failed >= 0:
            if not repair:
                raise em.collapse(failed)
            start = repair_start(em, start)
        return Parameters(weights, means, start.covariances, start.factors)


# ---- checks, in scikit-learn's words ---


def _check_weights(value: ArrayLike, k: int) -> None:
    weights = checked_shape(value, (k,), "weights")
    if (weights < 0.0).any() or (weights > 1.0).any():
        # scikit-learn's text has the two values in the wrong order, and its tests match it
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.min():.5f}, min value {weights.max():.5f}"
        )
    if not np.isclose(weights.sum(), 1.0, atol=1e-6 if weights.dtype == np.float32 else 1e-8):
        raise ValueError(
            "The parameter 'weights' should be normalized, "
            f"but got sum(weights) = {weights.sum():.5f}"
        )


def _check_precisions(value: ArrayLike, kind: str, k: int, d: int) -> None:
    precisions = checked_shape(value, covariance_shape(kind, k, d), f"{kind} precision")
    if kind in ("diag", "spherical"):
        if (precisions <= 0.0).any():
            raise ValueError(f"'{kind} precision' should be positive")
        return
    for matrix in precisions.reshape(-1, d, d):
        if not (np.allclose(matrix, matrix.T) and (np.linalg.eigvalsh(matrix) > 0.0).all()):
            raise ValueError(f"'{kind} precision' should be symmetric, positive-definite")
