# Written by tools/stubs.py.
"""Gaussian mixtures on incomplete rows."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

import gibbous._core
import gibbous._core.gmm

__all__: list[str] = [
    "Completion32",
    "Completion64",
    "Patterns",
    "accumulate",
    "complete",
    "completion",
    "posterior",
]

class Patterns:
    """Rows in the order of the entries that they miss; not copied."""

    def __init__(
        self, rows: numpy.typing.NDArray[numpy.int64], starts: numpy.typing.NDArray[numpy.int64]
    ) -> None: ...

class Completion64:
    """What to write about missing entries; see completion."""

class Completion32:
    """What to write about missing entries; see completion."""

@typing.overload
def accumulate(
    x: gibbous._core.Rows64,
    patterns: Patterns | None,
    mixture: gibbous._core.gmm.Mixture64,
    origin: numpy.typing.NDArray[numpy.float64] | None,
    statistics: gibbous._core.gmm.Statistics,
    threads: int,
) -> float:
    """E-step on what is observed, and expected statistics; returns the weighted sum of log p."""

@typing.overload
def accumulate(
    x: gibbous._core.Rows32,
    patterns: Patterns | None,
    mixture: gibbous._core.gmm.Mixture32,
    origin: numpy.typing.NDArray[numpy.float32] | None,
    statistics: gibbous._core.gmm.Statistics,
    threads: int,
) -> float:
    """E-step on what is observed, and expected statistics; returns the weighted sum of log p."""

@typing.overload
def complete(
    x: gibbous._core.Rows64,
    patterns: Patterns | None,
    mixture: gibbous._core.gmm.Mixture64,
    completion: Completion64,
    threads: int,
) -> None:
    """What takes the place of missing entries: mean or draw, variance and covariance."""

@typing.overload
def complete(
    x: gibbous._core.Rows32,
    patterns: Patterns | None,
    mixture: gibbous._core.gmm.Mixture32,
    completion: Completion32,
    threads: int,
) -> None:
    """What takes the place of missing entries: mean or draw, variance and covariance."""

@typing.overload
def completion(
    filled: numpy.typing.NDArray[numpy.float64],
    targets: numpy.typing.NDArray[numpy.int64] | None,
    variance: numpy.typing.NDArray[numpy.float64] | None,
    covariance: numpy.typing.NDArray[numpy.float64] | None,
    seed: int | None,
) -> Completion64:
    """Arrays for complete: the rows, and the spread of targets; a seed for draws, not means."""

@typing.overload
def completion(
    filled: numpy.typing.NDArray[numpy.float32],
    targets: numpy.typing.NDArray[numpy.int64] | None,
    variance: numpy.typing.NDArray[numpy.float32] | None,
    covariance: numpy.typing.NDArray[numpy.float32] | None,
    seed: int | None,
) -> Completion32:
    """Arrays for complete: the rows, and the spread of targets; a seed for draws, not means."""

@typing.overload
def posterior(
    x: gibbous._core.Rows64,
    patterns: Patterns | None,
    mixture: gibbous._core.gmm.Mixture64,
    log_prob: numpy.typing.NDArray[numpy.float64] | None,
    responsibilities: numpy.typing.NDArray[numpy.float64] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels by what is observed of each row."""

@typing.overload
def posterior(
    x: gibbous._core.Rows32,
    patterns: Patterns | None,
    mixture: gibbous._core.gmm.Mixture32,
    log_prob: numpy.typing.NDArray[numpy.float32] | None,
    responsibilities: numpy.typing.NDArray[numpy.float32] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels by what is observed of each row."""
