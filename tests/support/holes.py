"""Rows with missing entries, and mixtures fitted to them."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

TYPES = ["full", "tied", "diag", "spherical"]
INITS = ["kmeans", "k-means++", "random", "random_from_data"]

#: The fitted parameters.
FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")


def holes(n, d, k, share, *, seed=0, dtype=np.float64, spread=3.0):
    """Return rows from k correlated Gaussians with entries removed at random."""
    rng = np.random.default_rng(seed)
    z = rng.integers(k, size=n)
    bends = rng.standard_normal((k, d, d)) / np.sqrt(d) + np.eye(d)
    X = np.einsum("ia,iab->ib", rng.standard_normal((n, d)), bends[z])
    X += spread * rng.standard_normal((k, d))[z]
    X[rng.random((n, d)) < share] = np.nan
    return np.ascontiguousarray(X, dtype)


def fitted(model, X, **fit):
    """Fit a fixed number of iterations without its warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **fit)
