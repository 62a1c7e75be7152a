"""EM on rows, for tests of its parts."""

from __future__ import annotations

from gibbous._rows.rows import BlockRows, MemoryRows
from gibbous._rows.sources import source_of
from gibbous._rows.weights import BlockWeights
from gibbous.gmm.em.complete import Complete
from gibbous.gmm.em.engine import EM
from gibbous.gmm.em.likelihood import Form, Likelihood
from gibbous.gmm.em.missing import Missing


def em_on(expectation, k, reg_covar=0.0):
    e = expectation
    return EM(e, Likelihood(Form(e.kind, k, e.d, e.dtype, reg_covar, e.threads)))


def em(X, weight=None, *, covariance_type, reg_covar, k, threads=1, missing=False):
    """Return EM on rows in memory."""
    step = Missing if missing else Complete
    return em_on(step(MemoryRows(X, weight), covariance_type, threads), k, reg_covar)


def em_in_blocks(X, weight, *, covariance_type, k, key=None):
    """Return EM on rows read in blocks."""
    rows = BlockRows(source_of(X), BlockWeights(weight, float), key, k)
    return em_on(Complete(rows, covariance_type, 1), k)
