"""Parameters to start EM from: K-means, rows drawn at random, random responsibilities, short runs.

``small_em`` is the strategy of Biernacki, Celeux and Govaert (2003, Computational Statistics and
Data Analysis 41): EM is run a few steps from several random starts and goes on from the best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._ground import random
from ..._rows.rows import MemoryRows
from ...kmeans.functions import kmeans_plusplus
from ...kmeans.lloyd import KMeans
from ..parameters import Floats, Parameters
from .complete import Complete
from .engine import EM

#: Short runs, and steps of each at most. Biernacki et al. stop a run where a step gains less than a
#: hundredth of what the run has gained so far.
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
        em.nk = few.nk  # which a message about a collapsed component needs
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
    """Return the numbers of the rows with a weight."""
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
    """Run EM a few steps; return where it ends, or None if a component collapsed."""
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
