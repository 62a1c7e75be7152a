# Written by tools/stubs.py.
"""K-means."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

import gibbous._core

__all__: list[str] = [
    "Csr32",
    "Csr64",
    "assign",
    "csr",
    "distances",
    "mean_variance",
    "minibatch",
    "plusplus",
    "step",
]

class Csr64:
    """CSR rows with optional weights; the arrays are not copied."""

class Csr32:
    """CSR rows with optional weights; the arrays are not copied."""

@typing.overload
def assign(
    x: gibbous._core.Rows64,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def assign(
    x: gibbous._core.Rows32,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def assign(
    x: Csr64,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def assign(
    x: Csr32,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Csr64:
    """CSR rows in the precision of data."""

@typing.overload
def csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Csr64:
    """CSR rows in the precision of data."""

@typing.overload
def csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float32] | None = None,
) -> Csr32:
    """CSR rows in the precision of data."""

@typing.overload
def csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float32] | None = None,
) -> Csr32:
    """CSR rows in the precision of data."""

@typing.overload
def distances(
    x: gibbous._core.Rows64,
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def distances(
    x: gibbous._core.Rows32,
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def distances(
    x: Csr64,
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def distances(
    x: Csr32,
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def mean_variance(x: gibbous._core.Rows64, threads: int) -> float:
    """Mean of the columns' variances."""

@typing.overload
def mean_variance(x: gibbous._core.Rows32, threads: int) -> float:
    """Mean of the columns' variances."""

@typing.overload
def minibatch(
    x: gibbous._core.Rows64,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def minibatch(
    x: gibbous._core.Rows32,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def minibatch(
    x: Csr64,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def minibatch(
    x: Csr32,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def plusplus(
    x: gibbous._core.Rows64, k: int, trials: int, seed: int, threads: int, prune: bool = True
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def plusplus(
    x: gibbous._core.Rows32, k: int, trials: int, seed: int, threads: int, prune: bool = True
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def plusplus(
    x: Csr64, k: int, trials: int, seed: int, threads: int, prune: bool = True
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def plusplus(
    x: Csr32, k: int, trials: int, seed: int, threads: int, prune: bool = True
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def step(
    x: gibbous._core.Rows64,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float64],
    threads: int,
    lower: numpy.typing.NDArray[numpy.float64] | None = None,
    drift: numpy.typing.NDArray[numpy.float64] | None = None,
) -> tuple[typing.Any, ...]:
    """One Lloyd iteration: inertia before it, labels changed, squared shift, clusters relocated."""

@typing.overload
def step(
    x: gibbous._core.Rows32,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float32],
    threads: int,
    lower: numpy.typing.NDArray[numpy.float32] | None = None,
    drift: numpy.typing.NDArray[numpy.float64] | None = None,
) -> tuple[typing.Any, ...]:
    """One Lloyd iteration: inertia before it, labels changed, squared shift, clusters relocated."""

@typing.overload
def step(
    x: Csr64,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> tuple[typing.Any, ...]:
    """One Lloyd iteration over CSR rows."""

@typing.overload
def step(
    x: Csr32,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> tuple[typing.Any, ...]:
    """One Lloyd iteration over CSR rows."""
