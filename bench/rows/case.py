"""The cases: shapes, fixed seeds, data and starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One task that every implementation gets.

    ``spread`` is the standard deviation of the centers' coordinates, in widths of a group: about
    .15 (128 columns) to 1 (8 columns) lets adjacent groups overlap, 3 separates them.
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
    #: The group if it is not that of the kind, and what cases share that differ in size only.
    group: str = ""
    series: str = ""

    @property
    def n_iter(self) -> int:
        """Iterations before the result is evaluated."""
        return self.extra_iter + 1

    @property
    def one_sided(self) -> bool:
        """Whether a value below the reference's is accepted (chance differs in k-means++)."""
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
        # With few centers k-means++ depends on chance: two draws may differ by tens of percent.
        tolerance = 1.0 if self.one_sided else self.tolerance
        # Lloyd's iterations must not converge early, so groups overlap there.
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


def make(case: Case) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the data, (n, d) in the case's dtype and C order, and the common start.

    Groups have correlated columns and the rows come in random order, which is the worst case for a
    kernel that skips far groups by blocks of rows. A mixture starts near the truth, so that every
    component stays alive; K-means starts at rows.
    """
    rng = np.random.default_rng([case.seed, case.n, case.d, case.k])
    centers = case.spread * rng.standard_normal((case.k, case.d))
    data = np.empty((case.n, case.d), dtype=case.dtype)
    order = rng.permutation(case.n)
    for j, rows in enumerate(np.array_split(order, case.k)):
        mix = np.eye(case.d) + 0.3 * rng.standard_normal((case.d, case.d)) / np.sqrt(case.d)
        data[rows] = centers[j] + rng.standard_normal((len(rows), case.d)) @ mix
    if case.mixture:
        means = centers + 0.3 * rng.standard_normal(centers.shape)
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
