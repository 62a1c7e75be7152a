"""The cases of Gaussian mixtures, maximum likelihood and variational."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..rows.case import Case


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
    )
}
#: The meaning of the words on the command line.
GROUPS: dict[str, tuple[str, ...]] = {
    "gmm": tuple(name for name, case in CASES.items() if case.kind == "gmm"),
    "bgmm": tuple(name for name, case in CASES.items() if case.kind == "bgmm"),
}
