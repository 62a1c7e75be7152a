# Written by tools/stubs.py.
"""Numeric core of gibbous. Private: use the classes of the gibbous package."""

from __future__ import annotations

import collections.abc
import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "build_info",
    "default_threads",
    "gmm_accumulate",
    "gmm_factorise",
    "gmm_posterior",
    "gmm_second_moments",
    "gmm_start",
    "gmm_survey",
    "gmm_update",
    "philox",
    "uniform",
]

def build_info() -> dict[str, typing.Any]:
    """Compiler, instruction-set level and vector width of this build."""

def default_threads() -> int:
    """Threads that OpenMP would use now."""

@typing.overload
def gmm_accumulate(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    centre: numpy.typing.NDArray[numpy.float64] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> float:
    """E-step and sufficient statistics; returns the weighted sum of log p(x)."""

@typing.overload
def gmm_accumulate(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    centre: numpy.typing.NDArray[numpy.float32] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> float:
    """E-step and sufficient statistics; returns the weighted sum of log p(x)."""

@typing.overload
def gmm_factorise(
    covariance_type: str,
    k: int,
    d: int,
    covariances: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """Cholesky factors of the precisions; returns the first component that fails, or -1."""

@typing.overload
def gmm_factorise(
    covariance_type: str,
    k: int,
    d: int,
    covariances: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """Cholesky factors of the precisions; returns the first component that fails, or -1."""

@typing.overload
def gmm_posterior(
    x: numpy.typing.NDArray[numpy.float64],
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    log_prob: numpy.typing.NDArray[numpy.float64] | None,
    responsibilities: numpy.typing.NDArray[numpy.float64] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

@typing.overload
def gmm_posterior(
    x: numpy.typing.NDArray[numpy.float32],
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    log_prob: numpy.typing.NDArray[numpy.float32] | None,
    responsibilities: numpy.typing.NDArray[numpy.float32] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

def gmm_second_moments(covariance_type: str, k: int, d: int, folded: bool) -> int:
    """Length of the second moments that gmm_accumulate writes."""

@typing.overload
def gmm_start(
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
) -> None:
    """Statistics of given labels, or of random responsibilities."""

@typing.overload
def gmm_start(
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
) -> None:
    """Statistics of given labels, or of random responsibilities."""

@typing.overload
def gmm_survey(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centre: numpy.typing.NDArray[numpy.float64],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    threads: int,
) -> float:
    """Centre, spread and scatter of the data; returns the total weight."""

@typing.overload
def gmm_survey(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centre: numpy.typing.NDArray[numpy.float64],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    threads: int,
) -> float:
    """Centre, spread and scatter of the data; returns the total weight."""

@typing.overload
def gmm_update(
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
def gmm_update(
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

def philox(counter: collections.abc.Sequence[int], key: collections.abc.Sequence[int]) -> list[int]:
    """One block of Philox4x32-10."""

def uniform(seed: int, purpose: int, iteration: int, item: int) -> float:
    """The uniform number on [0, 1) at one address of the seed's stream."""

__version__: str
