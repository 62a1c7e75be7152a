# Written by tools/stubs.py.
"""K-means."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = ["assign", "distances", "mean_variance", "minibatch", "plusplus", "step"]

@typing.overload
def assign(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def assign(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def assign(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def assign(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def assign(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def assign(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def distances(
    x: numpy.typing.NDArray[numpy.float32],
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def distances(
    x: numpy.typing.NDArray[numpy.float64],
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def distances(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """The same for CSR rows."""

@typing.overload
def distances(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """The same for CSR rows."""

@typing.overload
def distances(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """The same for CSR rows."""

@typing.overload
def distances(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """The same for CSR rows."""

@typing.overload
def mean_variance(x: numpy.typing.NDArray[numpy.float32], threads: int) -> float:
    """Mean of the columns' variances."""

@typing.overload
def mean_variance(x: numpy.typing.NDArray[numpy.float64], threads: int) -> float:
    """Mean of the columns' variances."""

@typing.overload
def minibatch(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def minibatch(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def minibatch(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def minibatch(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def minibatch(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def minibatch(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """The same for CSR rows."""

@typing.overload
def plusplus(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def plusplus(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def plusplus(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float32] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """The same for CSR rows."""

@typing.overload
def plusplus(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float32] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """The same for CSR rows."""

@typing.overload
def plusplus(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float64] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """The same for CSR rows."""

@typing.overload
def plusplus(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float64] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """The same for CSR rows."""

@typing.overload
def step(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
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
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
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
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> tuple[typing.Any, ...]:
    """The same for CSR rows."""

@typing.overload
def step(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> tuple[typing.Any, ...]:
    """The same for CSR rows."""

@typing.overload
def step(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> tuple[typing.Any, ...]:
    """The same for CSR rows."""

@typing.overload
def step(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> tuple[typing.Any, ...]:
    """The same for CSR rows."""
