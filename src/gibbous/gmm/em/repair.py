"""Repair of components whose covariance collapsed or that lost all their rows."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np

from ..parameters import Floats, Parameters
from .engine import EM


def repair_start(em: EM, start: Parameters) -> Parameters:
    """Give every component of a failed start the variance of the data; means stay.

    Raises
    ------
    ValueError
        If that does not help, or the covariance is tied.
    """
    if em.kind == "tied":
        raise em.collapse(-1)
    covariances = np.empty_like(start.covariances)
    covariances[:] = _wide(em, em.expectation.variance() + em.reg_covar)
    new, failed = em.parameters(start.weights, start.means, covariances)
    if failed >= 0:
        raise em.collapse(failed)
    return Parameters(start.weights, start.means, covariances, new.factors)


def repair(em: EM, old: Parameters, new: Parameters, components: list[int]) -> Parameters:
    """Move components to the rows that ``old`` explains worst, as wide as the data.

    Raises
    ------
    ValueError
        If that does not help either, as on constant columns with ``reg_covar=0``.
    """
    if em.kind == "tied":
        raise em.collapse(-1)
    variance = em.expectation.variance() + em.reg_covar
    worst = _worst(em, old, len(components), variance)
    wide = _wide(em, variance)
    weights, means = new.weights.copy(), new.means.copy()
    covariances = new.covariances.copy()
    for component, row in zip(components, worst, strict=False):
        weights[component] = 1.0 / em.k
        means[component] = row
        covariances[component] = wide
    repaired, failed = em.parameters(weights / weights.sum(), means, covariances)
    if failed < 0:
        return repaired
    if failed in components:
        raise em.collapse(failed)
    return repair(em, old, repaired, [*components, failed])


def _wide(em: EM, variance: Floats) -> Any:
    """Return the covariance of one component with the width of the data."""
    return {"full": np.diag(variance), "diag": variance, "spherical": variance.mean()}[em.kind]


def _worst(em: EM, old: Parameters, count: int, variance: Floats) -> Floats:
    """Return the rows with the lowest density, lowest first, (count, d) at most."""
    e = em.expectation
    values, kept = np.empty(0, e.dtype), np.empty((0, e.d), e.dtype)
    with closing(e.rows.blocks()) as blocks:
        for block in blocks:
            X = block.X
            log_prob = e.comparable(old, X, variance)
            if block.weight is not None:
                log_prob[block.weight == 0] = np.inf
            order = np.argsort(log_prob, kind="stable")[:count]
            # rows of earlier blocks come first, so that a stable sort keeps their order
            values = np.concatenate([values, log_prob[order]])
            kept = np.concatenate([kept, X[order]])
            order = np.argsort(values, kind="stable")[:count]
            values, kept = values[order], kept[order]
    return e.fill_in(kept)
