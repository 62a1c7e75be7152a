"""The cases: shapes, fixed seeds, data and starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One piece of work that every implementation is given.

    ``spread`` is the standard deviation of the centres' coordinates, in widths of a group: about
    .15 (128 columns) to 1 (8 columns) lets neighbours overlap, 3 separates them.
    ``extra_iter`` iterations are clocked beyond the first; the answer is judged after
    ``extra_iter + 1``.
    ``tolerance`` bounds the relative difference of the quality from the reference's.
    """

    name: str
    kind: str
    n: int
    d: int
    k: int
    spread: float
    extra_iter: int
    tolerance: float
    covariance: str = ""
    dtype: str = "float64"
    seed: int = 1
    #: The group where it is not the kind's own, and what cases that differ in size only share.
    group: str = ""
    series: str = ""

    @property
    def n_iter(self) -> int:
        """Iterations after which the answer is judged."""
        return self.extra_iter + 1

    @property
    def one_sided(self) -> bool:
        """Whether a lower value than the reference's is no fault (chance differs in k-means++)."""
        return self.kind == "kmeans++"

    @property
    def mixture(self) -> bool:
        """Whether the answer is a mixture: weights, means and covariances."""
        return self.kind in ("gmm", "bgmm")

    @property
    def higher_is_better(self) -> bool:
        return self.mixture

    def quick(self) -> Case:
        """Return the same kind of work in a size for smoke tests."""
        if self.group == "growth":
            return replace(self, n=self.n // 50, extra_iter=1)
        # Few centres leave k-means++ to chance: two draws may differ by tens of percent.
        tolerance = 1.0 if self.one_sided else self.tolerance
        # Lloyd's iterations must not end before the count does, so groups overlap there.
        spread = 0.3 if self.kind == "kmeans" else max(self.spread, 1.0)
        return replace(
            self,
            n=min(self.n, 3000),
            d=min(self.d, 8),
            k=min(self.k, 6),
            spread=spread,
            extra_iter=min(self.extra_iter, 2),
            tolerance=tolerance,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _gmm(name: str, shape: tuple[int, int, int], covariance: str, **rest: Any) -> Case:
    n, d, k = shape
    settings: dict[str, Any] = {"spread": 1.0, "extra_iter": 4, "tolerance": 1e-6, **rest}
    return Case(name, "gmm", n, d, k, covariance=covariance, **settings)


def _bgmm(name: str, shape: tuple[int, int, int], covariance: str, **rest: Any) -> Case:
    return replace(_gmm(name, shape, covariance, **rest), kind="bgmm")


_A = (100_000, 16, 16)
_B = (1_000_000, 8, 32)
_C = (50_000, 128, 64)
_D = (200_000, 64, 256)
_K = (1_000_000, 32, 256)
_V = (200_000, 8, 32)  # B, a fifth of it: scikit-learn's takes over a minute a run on the whole

#: Every case by name, in the order of the report.
CASES: dict[str, Case] = {
    case.name: case
    for case in (
        _gmm("A", _A, "full", extra_iter=10),
        _gmm("A-tied", _A, "tied", extra_iter=10),
        _gmm("A-diag", _A, "diag", extra_iter=10),
        _gmm("A-spherical", _A, "spherical", extra_iter=10),
        _gmm("B", _B, "full"),
        _gmm("B-tied", _B, "tied", extra_iter=3),
        _gmm("B-diag", _B, "diag"),
        _gmm("B-spherical", _B, "spherical"),
        _gmm("C-dense", _C, "full", spread=0.15, extra_iter=2),
        _gmm("C-separated", _C, "full", spread=3.0, extra_iter=2),
        _gmm("C-tied", _C, "tied", spread=0.15),
        _gmm("C-diag", _C, "diag", spread=0.15),
        _gmm("D", _D, "diag"),
        _gmm("D-f32", _D, "diag", dtype="float32", tolerance=1e-4),
        _bgmm("bgmm-A", _A, "full"),
        _bgmm("bgmm-A-tied", _A, "tied"),
        _bgmm("bgmm-A-diag", _A, "diag"),
        _bgmm("bgmm-A-spherical", _A, "spherical"),
        _bgmm("bgmm-B", _V, "full", extra_iter=2),
        _bgmm("bgmm-B-diag", _V, "diag"),
        _bgmm("bgmm-B-f32", _V, "full", extra_iter=2, dtype="float32", tolerance=1e-4),
        # float32 distances of a row half-way round either way, and iterations make it grow: the
        # inertias of all differ by 2e-7 after four. Fewer than ten drown in what surrounds them.
        Case("kmeans", "kmeans", *_K, 1.0, 9, 1e-5, dtype="float32"),
        Case("kmeans++", "kmeans++", *_K, 1.0, 0, 0.05, dtype="float32"),
    )
}

#: What the words on the command line stand for.
GROUPS: dict[str, tuple[str, ...]] = {
    "gmm": tuple(name for name, case in CASES.items() if case.kind == "gmm"),
    "bgmm": tuple(name for name, case in CASES.items() if case.kind == "bgmm"),
    "kmeans": ("kmeans", "kmeans++"),
}


def make(case: Case) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the data, (n, d) in the case's dtype and C order, and the common start.

    Groups have correlated columns and the rows come in random order, which is the worst case for a
    kernel that skips far groups by blocks of rows. A mixture starts near the truth, so that every
    component stays alive; K-means starts at rows.
    """
    rng = np.random.default_rng([case.seed, case.n, case.d, case.k])
    centres = case.spread * rng.standard_normal((case.k, case.d))
    data = np.empty((case.n, case.d), dtype=case.dtype)
    order = rng.permutation(case.n)
    for j, rows in enumerate(np.array_split(order, case.k)):
        mix = np.eye(case.d) + 0.3 * rng.standard_normal((case.d, case.d)) / np.sqrt(case.d)
        data[rows] = centres[j] + rng.standard_normal((len(rows), case.d)) @ mix
    if case.mixture:
        means = centres + 0.3 * rng.standard_normal(centres.shape)
        return data, _mixture_start(case, means)
    rows = rng.choice(case.n, size=case.k, replace=False)
    return data, {"centers": data[rows].copy()}


def _mixture_start(case: Case, means: np.ndarray) -> dict[str, np.ndarray]:
    """Equal weights and unit precisions, in scikit-learn's shapes."""
    k, d = means.shape
    precisions = {
        "full": np.broadcast_to(np.eye(d), (k, d, d)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[case.covariance]
    start = {"weights": np.full(k, 1.0 / k), "means": means, "precisions": precisions}
    return {name: np.ascontiguousarray(a, dtype=case.dtype) for name, a in start.items()}
