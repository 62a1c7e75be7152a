"""The cases of K-means: Lloyd's iterations, and draws of k-means++."""

from __future__ import annotations

from ..rows.case import Case

_SHAPE = (1_000_000, 32, 256)

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        # float32 distances of a row half-way round either way, and iterations make it grow: the
        # inertias of all differ by 2e-7 after four. Fewer than ten drown in what surrounds them.
        Case("kmeans", "kmeans", *_SHAPE, 1.0, 9, 1e-5, dtype="float32"),
        Case("kmeans++", "kmeans++", *_SHAPE, 1.0, 0, 0.05, dtype="float32"),
    )
}

GROUPS: dict[str, tuple[str, ...]] = {"kmeans": tuple(CASES)}
