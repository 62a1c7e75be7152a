"""Whether sums keep enough digits about their origin: the kernels against the formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from gibbous._ground.isa import core
from gibbous.gmm.parameters import covariance_shape

KINDS = ("full", "tied", "diag", "spherical")


def widest(kind: str, factors: np.ndarray, spread: np.ndarray, radius2: float) -> float:
    u = np.abs(factors.astype(np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == "diag":
            return float((u * spread).max() ** 2)
        if kind == "spherical":
            return float(u.max() ** 2 * radius2)
        return float(((spread @ u) ** 2).sum(axis=-1).max())


def moved_far(
    kind: str, old: np.ndarray, means: np.ndarray, covariances: np.ndarray, limit: float
) -> bool:
    if kind in ("full", "tied"):
        variance = np.diagonal(covariances, axis1=-2, axis2=-1)
    else:
        variance = covariances if kind == "diag" else covariances[:, None]
    shift = means.astype(np.float64) - old
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((shift**2 > limit * np.maximum(variance, 0)).any())


@pytest.mark.parametrize("bad", [None, np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_widest_equals_its_formula(kind: str, dtype: type, bad: float | None) -> None:
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    for k, d in ((1, 1), (3, 4), (5, 2)):
        factors = rng.normal(size=covariance_shape(kind, k, d)).astype(dtype)
        if kind in ("full", "tied"):
            factors = np.triu(factors)
        if bad is not None:
            factors.reshape(-1)[0] = bad
        spread, radius2 = rng.random(d) + 0.5, float(rng.random() + 1)
        found = core.gmm.widest(kind, factors, spread, radius2)
        truth = widest(kind, factors, spread, radius2)
        np.testing.assert_allclose(found, truth, rtol=1e-13)


@pytest.mark.parametrize("dtypes", [("f4", "f4"), ("f4", "f8"), ("f8", "f8")])
@pytest.mark.parametrize("kind", KINDS)
def test_moved_far_equals_its_formula(kind: str, dtypes: tuple[str, str]) -> None:
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    seen = set()
    for k, d in ((1, 1), (3, 4), (5, 2)):
        shape = covariance_shape(kind, k, d)
        for size in (0.5, 4.0, 40.0):
            for special in (None, np.nan, np.inf, -1.0):
                old = rng.normal(size=(k, d)).astype(dtypes[0])
                means = (old + rng.normal(0, size, size=(k, d))).astype(dtypes[1])
                covariances = rng.random(shape).astype(dtypes[1]) + 0.5
                if special is not None:
                    covariances.reshape(-1)[0] = special
                found = core.gmm.moved_far(kind, old, means, covariances, 16.0)
                assert found == moved_far(kind, old, means, covariances, 16.0)
                seen.add(found)
    assert seen == {True, False}


def test_arrays_of_wrong_sizes_are_refused() -> None:
    means, covariances = np.zeros((3, 4)), np.ones((3, 4))
    with pytest.raises(ValueError, match="one shape"):
        core.gmm.moved_far("diag", np.zeros((3, 5)), means, covariances, 1.0)
    with pytest.raises(ValueError, match="covariances has a wrong size"):
        core.gmm.moved_far("full", means, means, covariances, 1.0)
    with pytest.raises(ValueError, match="wrong size"):
        core.gmm.widest("tied", np.ones((2, 4, 4)), np.ones(4), 1.0)
