# Written by tools/stubs.py.
"""Numeric core of gibbous. Private: use the classes of the gibbous package."""

from __future__ import annotations

import collections.abc
import typing

import numpy
import numpy.typing

from . import corpus, gmm, kmeans, layers, lda, rbm

__all__: list[str] = [
    "Rows32",
    "Rows64",
    "build_info",
    "corpus",
    "default_threads",
    "gmm",
    "has_matrix_unit",
    "kmeans",
    "layers",
    "lda",
    "philox",
    "rbm",
    "rows",
    "uniform",
    "uses_matrix_unit",
]

class Rows64:
    """Dense rows with optional weights; the arrays are not copied."""

class Rows32:
    """Dense rows with optional weights; the arrays are not copied."""

def build_info() -> dict[str, typing.Any]:
    """Compiler, instruction-set level and vector width of this build."""

def default_threads() -> int:
    """Threads that OpenMP would use now."""

def has_matrix_unit() -> bool:
    """Whether this build, the processor and the system have AMX."""

def philox(counter: collections.abc.Sequence[int], key: collections.abc.Sequence[int]) -> list[int]:
    """One block of Philox4x32-10."""

@typing.overload
def rows(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Rows64:
    """Dense rows in the precision of x."""

@typing.overload
def rows(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None = None,
) -> Rows32:
    """Dense rows in the precision of x."""

def uniform(seed: int, purpose: int, iteration: int, item: int) -> float:
    """The uniform number on [0, 1) at one address of the seed's stream."""

def uses_matrix_unit() -> bool:
    """Whether Boltzmann machines use it, or plain C++ in its place: GIBBOUS_AMX."""

__version__: str
