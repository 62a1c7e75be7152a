"""Log-densities, responsibilities and labels of rows under a mixture: the kernels, called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._ground.isa import core
from .._rows.patterns import bound_patterns
from .parameters import Floats, Parameters


def posterior(
    X: Floats,
    kind: str,
    p: Parameters,
    threads: int,
    *,
    log_prob: Floats | None = None,
    responsibilities: Floats | None = None,
    labels: NDArray[np.int64] | None = None,
) -> None:
    """Write log p(x), responsibilities and labels of complete rows to the arrays that are given.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    kind : {"full", "tied", "diag", "spherical"}
    p : Parameters
        In the dtype of X.
    threads : int
    log_prob : ndarray of shape (n,), optional
    responsibilities : ndarray of shape (n, k), optional
    labels : ndarray of shape (n,), int64, optional
    """
    core.gmm.posterior(core.rows(X), p.mixture(kind), log_prob, responsibilities, labels, threads)


def posterior_missing(
    X: Floats,
    kind: str,
    p: Parameters,
    threads: int,
    *,
    log_prob: Floats | None = None,
    responsibilities: Floats | None = None,
    labels: NDArray[np.int64] | None = None,
) -> None:
    """Write the same as :func:`posterior` by what is observed of each row; NaN is missing."""
    core.gmm.missing.posterior(
        core.rows(X),
        bound_patterns(X, kind),
        p.mixture(kind),
        log_prob,
        responsibilities,
        labels,
        threads,
    )


def check_explained(rows: NDArray[np.bool_], first: int = 0) -> None:
    """Raise if a row has no density under any component; ``first`` is the number of the first row.

    Raises
    ------
    ValueError
        Names the row.
    """
    if not rows.all():
        raise ValueError(
            f"row {first + int(np.argmin(rows))} of X is so far from every component that its "
            "density underflows to 0 under all of them; check its values, or use score_samples"
        )
