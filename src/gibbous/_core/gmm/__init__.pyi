# Written by tools/stubs.py.
"""Gaussian mixtures."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

import gibbous._core

from . import missing

__all__: list[str] = [
    "Mixture32",
    "Mixture64",
    "Statistics",
    "accumulate",
    "factorize",
    "foldable",
    "missing",
    "mixture",
    "moved_far",
    "posterior",
    "second_moments",
    "start",
    "statistics",
    "survey",
    "update",
    "widest",
]

class Statistics:
    """Sums over the rows; the arrays are not copied."""

class Mixture64:
    """Parameters of a mixture; the arrays are not copied."""

class Mixture32:
    """Parameters of a mixture; the arrays are not copied."""

@typing.overload
def accumulate(
    x: gibbous._core.Rows64,
    mixture: Mixture64,
    origin: numpy.typing.NDArray[numpy.float64] | None,
    statistics: Statistics,
    threads: int,
) -> float:
    """E-step and sufficient statistics; returns the weighted sum of log p(x)."""

@typing.overload
def accumulate(
    x: gibbous._core.Rows32,
    mixture: Mixture32,
    origin: numpy.typing.NDArray[numpy.float32] | None,
    statistics: Statistics,
    threads: int,
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
def mixture(
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Mixture64:
    """Parameters of a mixture; log_weights replace log(weights) if given."""

@typing.overload
def mixture(
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Mixture32:
    """Parameters of a mixture; log_weights replace log(weights) if given."""

@typing.overload
def moved_far(
    covariance_type: str,
    old: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    limit: float,
) -> bool:
    """Whether a mean moved by more than sqrt(limit) of its new standard deviations."""

@typing.overload
def moved_far(
    covariance_type: str,
    old: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    limit: float,
) -> bool:
    """Whether a mean moved by more than sqrt(limit) of its new standard deviations."""

@typing.overload
def moved_far(
    covariance_type: str,
    old: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    limit: float,
) -> bool:
    """Whether a mean moved by more than sqrt(limit) of its new standard deviations."""

@typing.overload
def posterior(
    x: gibbous._core.Rows64,
    mixture: Mixture64,
    log_prob: numpy.typing.NDArray[numpy.float64] | None,
    responsibilities: numpy.typing.NDArray[numpy.float64] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

@typing.overload
def posterior(
    x: gibbous._core.Rows32,
    mixture: Mixture32,
    log_prob: numpy.typing.NDArray[numpy.float32] | None,
    responsibilities: numpy.typing.NDArray[numpy.float32] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

def second_moments(covariance_type: str, k: int, d: int, folded: bool) -> int:
    """Length of the second moments that accumulate writes."""

@typing.overload
def start(
    x: gibbous._core.Rows64,
    covariance_type: str,
    origins: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32] | None,
    seed: int,
    first_row: int,
    statistics: Statistics,
    threads: int,
) -> None:
    """Statistics of given labels, or of random responsibilities."""

@typing.overload
def start(
    x: gibbous._core.Rows32,
    covariance_type: str,
    origins: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32] | None,
    seed: int,
    first_row: int,
    statistics: Statistics,
    threads: int,
) -> None:
    """Statistics of given labels, or of random responsibilities."""

def statistics(
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    entropy: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Statistics:
    """Sums that E-steps write and M-steps read."""

@typing.overload
def survey(
    x: gibbous._core.Rows64,
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
    x: gibbous._core.Rows32,
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
    statistics: Statistics,
    origin: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    reg_covar: float,
    mixture: Mixture64,
    threads: int,
) -> int:
    """M-step into a mixture; returns the first component that is not positive definite, or -1."""

@typing.overload
def update(
    statistics: Statistics,
    origin: numpy.typing.NDArray[numpy.float32],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    reg_covar: float,
    mixture: Mixture32,
    threads: int,
) -> int:
    """M-step into a mixture; returns the first component that is not positive definite, or -1."""

@typing.overload
def widest(
    covariance_type: str,
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: float,
) -> float:
    """Largest squared distance of a row from the center, in widths of the components."""

@typing.overload
def widest(
    covariance_type: str,
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: float,
) -> float:
    """Largest squared distance of a row from the center, in widths of the components."""
