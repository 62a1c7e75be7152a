# Written by tools/stubs.py.
"""Rows, units and passes between two layers."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "Parameters32",
    "Parameters64",
    "Rows32",
    "Rows64",
    "Units",
    "draw_hidden",
    "hidden_means",
    "pack_states",
    "parameters",
]

class Units:
    """What the units of both layers are."""

    def __init__(
        self, visible: int, hidden: int, groups: numpy.typing.NDArray[numpy.int64] | None = None
    ) -> None: ...

class Rows32:
    """Rows of visible states, not copied."""

    def __init__(
        self,
        n: int,
        d: int,
        states: numpy.typing.NDArray[numpy.uint32]
        | numpy.typing.NDArray[numpy.uint8]
        | numpy.typing.NDArray[numpy.float32]
        | tuple[
            numpy.typing.NDArray[numpy.float32],
            numpy.typing.NDArray[numpy.int32],
            numpy.typing.NDArray[numpy.int64],
        ],
        *,
        scale: float = 1,
        sample: bool = False,
        ones: bool = False,
        weight: numpy.typing.NDArray[numpy.float32] | None = None,
    ) -> None: ...
    @property
    def n(self) -> int:
        """Rows."""

class Parameters32:
    """Parameters between two layers; the arrays are not copied."""

class Rows64:
    """Rows of visible states, not copied."""

    def __init__(
        self,
        n: int,
        d: int,
        states: numpy.typing.NDArray[numpy.uint32]
        | numpy.typing.NDArray[numpy.uint8]
        | numpy.typing.NDArray[numpy.float64]
        | tuple[
            numpy.typing.NDArray[numpy.float64],
            numpy.typing.NDArray[numpy.int32],
            numpy.typing.NDArray[numpy.int64],
        ],
        *,
        scale: float = 1,
        sample: bool = False,
        ones: bool = False,
        weight: numpy.typing.NDArray[numpy.float64] | None = None,
    ) -> None: ...
    @property
    def n(self) -> int:
        """Rows."""

class Parameters64:
    """Parameters between two layers; the arrays are not copied."""

@typing.overload
def draw_hidden(
    x: Rows32,
    parameters: Parameters32,
    out: numpy.typing.NDArray[numpy.float32],
    seed: int,
    step: int,
    threads: int,
) -> None:
    """Draws from P(h | v) of all rows."""

@typing.overload
def draw_hidden(
    x: Rows64,
    parameters: Parameters64,
    out: numpy.typing.NDArray[numpy.float64],
    seed: int,
    step: int,
    threads: int,
) -> None:
    """Draws from P(h | v) of all rows."""

@typing.overload
def hidden_means(
    x: Rows32, parameters: Parameters32, out: numpy.typing.NDArray[numpy.float32], threads: int
) -> None:
    """E(h | v) of all rows."""

@typing.overload
def hidden_means(
    x: Rows64, parameters: Parameters64, out: numpy.typing.NDArray[numpy.float64], threads: int
) -> None:
    """E(h | v) of all rows."""

@typing.overload
def pack_states(
    x: numpy.typing.NDArray[numpy.uint8], threads: int
) -> numpy.typing.NDArray[numpy.uint32] | None:
    """Words of 32 states; None where an entry is neither 0 nor 1."""

@typing.overload
def pack_states(
    x: numpy.typing.NDArray[numpy.float32], threads: int
) -> numpy.typing.NDArray[numpy.uint32] | None:
    """Words of 32 states; None where an entry is neither 0 nor 1."""

@typing.overload
def pack_states(
    x: numpy.typing.NDArray[numpy.float64], threads: int
) -> numpy.typing.NDArray[numpy.uint32] | None:
    """Words of 32 states; None where an entry is neither 0 nor 1."""

@typing.overload
def parameters(
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    units: Units | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
) -> Parameters32:
    """Weights, visible and hidden biases; z are log variances of Gaussian units."""

@typing.overload
def parameters(
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    units: Units | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Parameters64:
    """Weights, visible and hidden biases; z are log variances of Gaussian units."""
