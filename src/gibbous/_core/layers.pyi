# Written by tools/stubs.py.
"""Rows, units and passes between two layers."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = ["Rows32", "Rows64", "Units", "draw_hidden", "hidden_means", "pack_states"]

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
        *,
        bits: numpy.typing.NDArray[numpy.uint32] | None = None,
        bytes: numpy.typing.NDArray[numpy.uint8] | None = None,
        real: numpy.typing.NDArray[numpy.float32] | None = None,
        csr: tuple[
            numpy.typing.NDArray[numpy.float32],
            numpy.typing.NDArray[numpy.int32],
            numpy.typing.NDArray[numpy.int64],
        ]
        | None = None,
        scale: float = 1,
        sample: bool = False,
        ones: bool = False,
        weight: numpy.typing.NDArray[numpy.float32] | None = None,
    ) -> None: ...
    @property
    def n(self) -> int:
        """Rows."""

class Rows64:
    """Rows of visible states, not copied."""

    def __init__(
        self,
        n: int,
        d: int,
        *,
        bits: numpy.typing.NDArray[numpy.uint32] | None = None,
        bytes: numpy.typing.NDArray[numpy.uint8] | None = None,
        real: numpy.typing.NDArray[numpy.float64] | None = None,
        csr: tuple[
            numpy.typing.NDArray[numpy.float64],
            numpy.typing.NDArray[numpy.int32],
            numpy.typing.NDArray[numpy.int64],
        ]
        | None = None,
        scale: float = 1,
        sample: bool = False,
        ones: bool = False,
        weight: numpy.typing.NDArray[numpy.float64] | None = None,
    ) -> None: ...
    @property
    def n(self) -> int:
        """Rows."""

@typing.overload
def draw_hidden(
    x: Rows32,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    seed: int,
    step: int,
    threads: int,
    units: Units | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
) -> None:
    """Draws from P(h | v) of all rows."""

@typing.overload
def draw_hidden(
    x: Rows64,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    seed: int,
    step: int,
    threads: int,
    units: Units | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Draws from P(h | v) of all rows."""

@typing.overload
def hidden_means(
    x: Rows32,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
    units: Units | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
) -> None:
    """E(h | v) of all rows."""

@typing.overload
def hidden_means(
    x: Rows64,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
    units: Units | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
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
