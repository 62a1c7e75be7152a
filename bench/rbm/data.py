"""Rows for the cases of Boltzmann machines: MNIST if available, else synthetic ones like it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: Share of MNIST's pixels that are on when thresholded at half, and its shape.
_DENSITY = 0.1318
_ROWS, _TEST, _SIDE = 60_000, 10_000, 28


@dataclass(frozen=True)
class Images:
    """Gray images of bytes, and their source."""

    train: np.ndarray
    test: np.ndarray
    source: str
    real: bool

    def states(self) -> tuple[np.ndarray, np.ndarray]:
        """Return bytes of 0 and 1, thresholded at half, in a random order of the rows.

        Not every implementation shuffles.
        """
        train, test = ((x > 127).astype(np.uint8) for x in (self.train, self.test))
        return np.random.default_rng(1).permutation(train), test

    def facts(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "real": self.real,
            "n": len(self.train),
            "d": self.train.shape[1],
            "density": float((self.train > 127).mean()),
        }


def images(name: str, folder: Path) -> Images:
    """Return the images of that name: ``"mnist"``, or ``"tiny"`` for smoke tests."""
    if name == "tiny":
        return _synthetic(400, 100, 8, "synthetic, tiny")
    path = folder / "mnist.npz"
    if not path.is_file():
        said = f"synthetic: no {path.name} in the folder of data sets (--data, GIBBOUS_DATA)"
        return _synthetic(_ROWS, _TEST, _SIDE, said)
    with np.load(path, allow_pickle=False) as archive:
        train, test = (archive[x].reshape(len(archive[x]), -1) for x in ("x_train", "x_test"))
    return Images(train, test, "MNIST", True)


def _synthetic(n: int, n_test: int, side: int, source: str) -> Images:
    """Draw smooth blobs: a random mixture of ten fields, cut so that MNIST's share is on."""
    rng = np.random.default_rng(2)
    at = np.arange(side) / side
    waves = np.stack([np.cos(np.pi * f * at) for f in range(4)])
    mix = rng.standard_normal((10, 4, 4))
    fields = np.einsum("kfg,fx,gy->kxy", mix, waves, waves).reshape(10, -1).astype(np.float32)
    center = np.exp(-4 * (at - 0.5) ** 2)
    edge = 4.0 * (np.outer(center, center).ravel() - 1.0)
    z = rng.standard_normal((n + n_test, 10), dtype=np.float32) @ fields + edge.astype(np.float32)
    cut = np.quantile(z[:1000], 1 - _DENSITY)
    gray = np.empty(z.shape, np.uint8)
    np.clip(127.5 + 100 * (z - cut), 0, 255, out=z)
    gray[:] = z
    return Images(gray[:n], gray[n:], source, False)
