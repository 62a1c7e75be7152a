# Written by tools/stubs.py.
"""Gaussian mixtures on incomplete rows."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = ["accumulate", "complete", "posterior"]

@typing.overload
def accumulate(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float64] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> float:
    """E-step on what is observed, and expected statistics; returns the weighted sum of log p."""

@typing.overload
def accumulate(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    origin: numpy.typing.NDArray[numpy.float32] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> float:
    """E-step on what is observed, and expected statistics; returns the weighted sum of log p."""

@typing.overload
def complete(
    x: numpy.typing.NDArray[numpy.float64],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    filled: numpy.typing.NDArray[numpy.float64] | None,
    targets: numpy.typing.NDArray[numpy.int64] | None,
    variance: numpy.typing.NDArray[numpy.float64] | None,
    covariance: numpy.typing.NDArray[numpy.float64] | None,
    seed: int | None,
    threads: int,
) -> None:
    """What takes the place of missing entries: mean or draw, variance and covariance."""

@typing.overload
def complete(
    x: numpy.typing.NDArray[numpy.float32],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    filled: numpy.typing.NDArray[numpy.float32] | None,
    targets: numpy.typing.NDArray[numpy.int64] | None,
    variance: numpy.typing.NDArray[numpy.float32] | None,
    covariance: numpy.typing.NDArray[numpy.float32] | None,
    seed: int | None,
    threads: int,
) -> None:
    """What takes the place of missing entries: mean or draw, variance and covariance."""

@typing.overload
def posterior(
    x: numpy.typing.NDArray[numpy.float64],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    log_prob: numpy.typing.NDArray[numpy.float64] | None,
    responsibilities: numpy.typing.NDArray[numpy.float64] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Log-likelihood, responsibilities and labels by what is observed of each row."""

@typing.overload
def posterior(
    x: numpy.typing.NDArray[numpy.float32],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    log_prob: numpy.typing.NDArray[numpy.float32] | None,
    responsibilities: numpy.typing.NDArray[numpy.float32] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Log-likelihood, responsibilities and labels by what is observed of each row."""
