"""Rows in blocks, for tests of mixtures that read them."""

from __future__ import annotations

import numpy as np
import pytest

import gibbous._rows.blocks as blocks


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Read everything in blocks of 256 rows."""
    monkeypatch.setattr(blocks, "SMALL_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 0)


def rows_of(n, d, k, *, seed=0, spread=3.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    centers = spread * rng.standard_normal((k, d))
    X = (centers[rng.integers(k, size=n)] + rng.standard_normal((n, d))).astype(dtype)
    return X, centers + 0.2 * rng.standard_normal((k, d))


def mapped(X, path, mode="r", offset=0):
    with open(path, "wb") as file:
        file.write(b"\x7f" * offset)
        file.write(X.tobytes())
    return np.memmap(path, dtype=X.dtype, mode=mode, shape=X.shape, offset=offset)


def start_of(kind, k, means):
    d = means.shape[1]
    precisions = {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[kind]
    return {
        "weights_init": np.full(k, 1 / k),
        "means_init": means,
        "precisions_init": precisions,
        "max_iter": 4,
        "tol": 0.0,
    }


def same_bits(a, b):
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    assert a.lower_bounds_ == b.lower_bounds_


def close(a, b, rtol):
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        x, y = np.asarray(getattr(a, name), float), np.asarray(getattr(b, name), float)
        assert np.abs(x - y).max() < rtol * np.abs(y).max(), name
