"""Rows, starts and priors for the tests of mixtures with priors."""

from __future__ import annotations

import numpy as np

from gibbous import MixturePrior

TYPES = ["full", "tied", "diag", "spherical"]


def rows_of(n, d, k, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    centers = 2.5 * rng.standard_normal((k, d))
    X = centers[rng.integers(k, size=n)] + rng.standard_normal((n, d)) * rng.uniform(0.3, 1.5, d)
    return X + shift, centers + 0.3 * rng.standard_normal((k, d)) + shift


def start_of(kind, k, means, variance=1.0):
    d = means.shape[1]
    precisions = {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[kind] / variance
    weights = np.arange(1.0, k + 1)
    return {
        "weights_init": weights / weights.sum(),
        "means_init": means,
        "precisions_init": precisions,
    }


def whole_prior(kind, k, d, seed=0, each=False):
    """Return a numeric prior with every part."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((d, d + 2))
    scale = {
        "full": a @ a.T,
        "tied": a @ a.T,
        "diag": rng.uniform(0.5, 2, d),
        "spherical": 1.7,
    }[kind]
    mean = rng.standard_normal((k, d) if each else d)
    return MixturePrior(rng.uniform(1.0, 4.0, k), mean, 0.7, d + 1.5, scale)


PARTS = {
    "weights": ("weight_concentration",),
    "means": ("mean", "mean_precision"),
    "covariances": ("degrees_of_freedom", "covariance"),
    "means and covariances": ("mean", "mean_precision", "degrees_of_freedom", "covariance"),
    "weights and means": ("weight_concentration", "mean", "mean_precision"),
}


def partial_prior(kind, k, d, parts):
    whole = whole_prior(kind, k, d)
    return MixturePrior(**{name: getattr(whole, name) for name in PARTS[parts]})
