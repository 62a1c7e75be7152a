# Written by tools/stubs.py.
"""Restricted Boltzmann machines."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

import gibbous._core.layers

__all__: list[str] = [
    "Chains32",
    "Chains64",
    "Settings",
    "State32",
    "State64",
    "anneal",
    "chains",
    "conditionals",
    "exact_log_partition",
    "free_energies",
    "gibbs",
    "group_energies",
    "state",
    "train",
]

class Settings:
    """Settings of training."""

    centered: bool
    def __init__(self) -> None: ...
    @property
    def batch_size(self) -> int: ...
    @batch_size.setter
    def batch_size(self, arg0: int) -> None: ...
    @property
    def fast_decay(self) -> float: ...
    @fast_decay.setter
    def fast_decay(self, arg0: float) -> None: ...
    @property
    def fast_rate(self) -> float: ...
    @fast_rate.setter
    def fast_rate(self, arg0: float) -> None: ...
    @property
    def gibbs_steps(self) -> int: ...
    @gibbs_steps.setter
    def gibbs_steps(self, arg0: int) -> None: ...
    @property
    def l1(self) -> float: ...
    @l1.setter
    def l1(self, arg0: float) -> None: ...
    @property
    def l2(self) -> float: ...
    @l2.setter
    def l2(self, arg0: float) -> None: ...
    @property
    def least_z(self) -> float: ...
    @least_z.setter
    def least_z(self, arg0: float) -> None: ...
    @property
    def mean_length(self) -> float: ...
    @mean_length.setter
    def mean_length(self, arg0: float) -> None: ...
    @property
    def method(self) -> int: ...
    @method.setter
    def method(self, arg1: int) -> None: ...
    @property
    def momentum(self) -> float: ...
    @momentum.setter
    def momentum(self, arg0: float) -> None: ...
    @property
    def most_z(self) -> float: ...
    @most_z.setter
    def most_z(self, arg0: float) -> None: ...
    @property
    def offset_rate(self) -> float: ...
    @offset_rate.setter
    def offset_rate(self, arg0: float) -> None: ...
    @property
    def rate(self) -> float: ...
    @rate.setter
    def rate(self, arg0: float) -> None: ...
    @property
    def seed(self) -> int: ...
    @seed.setter
    def seed(self, arg0: int) -> None: ...
    @property
    def sparsity_cost(self) -> float: ...
    @sparsity_cost.setter
    def sparsity_cost(self, arg0: float) -> None: ...
    @property
    def sparsity_decay(self) -> float: ...
    @sparsity_decay.setter
    def sparsity_decay(self, arg0: float) -> None: ...
    @property
    def sparsity_target(self) -> float: ...
    @sparsity_target.setter
    def sparsity_target(self, arg0: float) -> None: ...
    @property
    def temperatures(self) -> int: ...
    @temperatures.setter
    def temperatures(self, arg0: int) -> None: ...
    @property
    def variance_rate(self) -> float: ...
    @variance_rate.setter
    def variance_rate(self, arg0: float) -> None: ...

class State32:
    """What training keeps between passes; the arrays are not copied."""

class State64:
    """What training keeps between passes; the arrays are not copied."""

class Chains32:
    """Chains of block Gibbs sampling; the arrays are not copied."""

class Chains64:
    """Chains of block Gibbs sampling; the arrays are not copied."""

@typing.overload
def anneal(
    parameters: gibbous._core.layers.Parameters32,
    base: numpy.typing.NDArray[numpy.float32],
    betas: numpy.typing.NDArray[numpy.float64],
    hidden: numpy.typing.NDArray[numpy.float32],
    seed: int,
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Log-weights of chains that run through the betas in order, from hidden states."""

@typing.overload
def anneal(
    parameters: gibbous._core.layers.Parameters64,
    base: numpy.typing.NDArray[numpy.float64],
    betas: numpy.typing.NDArray[numpy.float64],
    hidden: numpy.typing.NDArray[numpy.float64],
    seed: int,
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Log-weights of chains that run through the betas in order, from hidden states."""

@typing.overload
def chains(
    hidden: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32] | None,
    clamp: numpy.typing.NDArray[numpy.float32] | None = None,
    lengths: numpy.typing.NDArray[numpy.float32] | None = None,
) -> Chains32:
    """Hidden states, where to write the visible ones, and those that stay; lengths of counts."""

@typing.overload
def chains(
    hidden: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64] | None,
    clamp: numpy.typing.NDArray[numpy.float64] | None = None,
    lengths: numpy.typing.NDArray[numpy.float64] | None = None,
) -> Chains64:
    """Hidden states, where to write the visible ones, and those that stay; lengths of counts."""

@typing.overload
def conditionals(
    x: gibbous._core.layers.Rows32,
    parameters: gibbous._core.layers.Parameters32,
    chosen: numpy.typing.NDArray[numpy.int64],
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Logarithm of P(one variable of each row | all others)."""

@typing.overload
def conditionals(
    x: gibbous._core.layers.Rows64,
    parameters: gibbous._core.layers.Parameters64,
    chosen: numpy.typing.NDArray[numpy.int64],
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Logarithm of P(one variable of each row | all others)."""

@typing.overload
def exact_log_partition(parameters: gibbous._core.layers.Parameters32, threads: int) -> float:
    """Logarithm of Z by the sum over all states of the smaller layer."""

@typing.overload
def exact_log_partition(parameters: gibbous._core.layers.Parameters64, threads: int) -> float:
    """Logarithm of Z by the sum over all states of the smaller layer."""

@typing.overload
def free_energies(
    x: gibbous._core.layers.Rows32, parameters: gibbous._core.layers.Parameters32, threads: int
) -> numpy.typing.NDArray[numpy.float64]:
    """F(v) of all rows."""

@typing.overload
def free_energies(
    x: gibbous._core.layers.Rows64, parameters: gibbous._core.layers.Parameters64, threads: int
) -> numpy.typing.NDArray[numpy.float64]:
    """F(v) of all rows."""

@typing.overload
def gibbs(
    parameters: gibbous._core.layers.Parameters32,
    chains: Chains32,
    steps: int,
    seed: int,
    step: int,
    means: bool,
    threads: int,
) -> None:
    """Steps of block Gibbs sampling, in place."""

@typing.overload
def gibbs(
    parameters: gibbous._core.layers.Parameters64,
    chains: Chains64,
    steps: int,
    seed: int,
    step: int,
    means: bool,
    threads: int,
) -> None:
    """Steps of block Gibbs sampling, in place."""

@typing.overload
def group_energies(
    x: gibbous._core.layers.Rows32,
    parameters: gibbous._core.layers.Parameters32,
    group: int,
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Minus F of each row with one unit of the group on after the other."""

@typing.overload
def group_energies(
    x: gibbous._core.layers.Rows64,
    parameters: gibbous._core.layers.Parameters64,
    group: int,
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Minus F of each row with one unit of the group on after the other."""

@typing.overload
def state(
    parameters: gibbous._core.layers.Parameters32,
    velocity: tuple[
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
    ]
    | None,
    fast: tuple[
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
    ]
    | None,
    offsets: tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]] | None,
    activity: numpy.typing.NDArray[numpy.float32] | None,
    chains: numpy.typing.NDArray[numpy.float32] | None,
    velocity_z: numpy.typing.NDArray[numpy.float32] | None = None,
    lengths: numpy.typing.NDArray[numpy.float32] | None = None,
) -> State32:
    """What training keeps between passes; None where the settings have no use for it."""

@typing.overload
def state(
    parameters: gibbous._core.layers.Parameters64,
    velocity: tuple[
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
    ]
    | None,
    fast: tuple[
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
    ]
    | None,
    offsets: tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]] | None,
    activity: numpy.typing.NDArray[numpy.float64] | None,
    chains: numpy.typing.NDArray[numpy.float64] | None,
    velocity_z: numpy.typing.NDArray[numpy.float64] | None = None,
    lengths: numpy.typing.NDArray[numpy.float64] | None = None,
) -> State64:
    """What training keeps between passes; None where the settings have no use for it."""

@typing.overload
def train(
    x: gibbous._core.layers.Rows32,
    order: numpy.typing.NDArray[numpy.int64],
    settings: Settings,
    parameters: gibbous._core.layers.Parameters32,
    state: State32,
    step: int,
    threads: int,
) -> int:
    """A pass over the rows in mini-batches, in place; returns the next sampling step."""

@typing.overload
def train(
    x: gibbous._core.layers.Rows64,
    order: numpy.typing.NDArray[numpy.int64],
    settings: Settings,
    parameters: gibbous._core.layers.Parameters64,
    state: State64,
    step: int,
    threads: int,
) -> int:
    """A pass over the rows in mini-batches, in place; returns the next sampling step."""
