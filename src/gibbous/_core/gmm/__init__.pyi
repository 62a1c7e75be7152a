# Written by tools/stubs.py.
"""Gaussian mixtures."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

from . import missing

__all__: list[str] = [
    "accumulate",
    "factorize",
    "foldable",
    "missing",
    "posterior",
    "second_moments",
    "start",
    "survey",
    "update",
]

@typing.overload
def accumulate(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float64] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
    entropy: numpy.typing.NDArray[numpy.float64] | None = None,
) -> float:
    """E-step and sufficient statistics; returns the weighted sum of log p(x)."""

@typing.overload
def accumulate(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    origin: numpy.typing.NDArray[numpy.float32] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
    entropy: numpy.typing.NDArray[numpy.float64] | None = None,
) -> float:
    """E-step and sufficient statistics; returns the weighted sum of log p(x)."""

@typing.overload
def factorize(
    covariance_type: str,
    k: int,
    d: int,
    covariances: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """Cholesky factors of the precisions; returns the first component that fails, or -1."""

@typing.overload
def factorize(
    covariance_type: str,
    k: int,
    d: int,
    covariances: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """Cholesky factors of the precisions; returns the first component that fails, or -1."""

def foldable(covariance_type: str, d: int) -> bool:
    """Whether accumulate can refer its sums to the data's center."""

@typing.overload
def posterior(
    x: numpy.typing.NDArray[numpy.float64],
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    log_prob: numpy.typing.NDArray[numpy.float64] | None,
    responsibilities: numpy.typing.NDArray[numpy.float64] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

@typing.overload
def posterior(
    x: numpy.typing.NDArray[numpy.float32],
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    log_prob: numpy.typing.NDArray[numpy.float32] | None,
    responsibilities: numpy.typing.NDArray[numpy.float32] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

def second_moments(covariance_type: str, k: int, d: int, folded: bool) -> int:
    """Length of the second moments that accumulate writes."""

@typing.overload
def start(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    covariance_type: str,
    origins: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32] | None,
    seed: int,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    first_row: int = 0,
) -> None:
    """Statistics of given labels, or of random responsibilities."""

@typing.overload
def start(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    covariance_type: str,
    origins: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32] | None,
    seed: int,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    first_row: int = 0,
) -> None:
    """Statistics of given labels, or of random responsibilities."""

@typing.overload
def survey(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    center: numpy.typing.NDArray[numpy.float64],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    threads: int,
    given: bool = False,
) -> float:
    """Spread and scatter about the data's center, or a given one; returns the weight."""

@typing.overload
def survey(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    center: numpy.typing.NDArray[numpy.float64],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    threads: int,
    given: bool = False,
) -> float:
    """Spread and scatter about the data's center, or a given one; returns the weight."""

@typing.overload
def update(
    covariance_type: str,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    reg_covar: float,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """M-step; returns the first component that is not positive definite, or -1."""

@typing.overload
def update(
    covariance_type: str,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float32],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    reg_covar: float,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """M-step; returns the first component that is not positive definite, or -1."""
