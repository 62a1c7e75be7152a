"""Calls into the core that ask about rows: hidden means, draws, free energies, conditionals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from .machine import Machine

Array = NDArray[Any]


def parameters_of(machine: Machine, codes: Any) -> Any:
    """Return the parameters as kernels that only read them take them."""
    w, a, b = machine.parameters()
    return core.layers.parameters(w, a, b, codes, **machine.unit_parameters)


def hidden_means(machine: Machine, codes: Any, rows: Any, jobs: int) -> Array:
    """Return E(h | v) of all rows.

    Parameters
    ----------
    machine : Machine
    codes : Units or None
        Kind of the units; None for units of two states.
    rows : Rows32 or Rows64
    jobs : int
        Threads at most.

    Returns
    -------
    ndarray of shape (n, n_hidden), in the precision of the machine
    """
    out = np.empty((rows.n, machine.n_hidden), machine.dtype)
    threads = machine.threads_for(rows.n, jobs)
    core.layers.hidden_means(rows, parameters_of(machine, codes), out, threads)
    return out


def hidden_draws(machine: Machine, codes: Any, rows: Any, seed: int, jobs: int) -> Array:
    """Return a draw from P(h | v) for all rows, made in the core."""
    out = np.empty((rows.n, machine.n_hidden), machine.dtype)
    threads = machine.threads_for(rows.n, jobs)
    core.layers.draw_hidden(rows, parameters_of(machine, codes), out, seed, 0, threads)
    return out


def free_energies(machine: Machine, codes: Any, rows: Any, jobs: int) -> Array:
    """Return F(v) of all rows, float64."""
    threads = machine.threads_for(rows.n, jobs)
    found: Array = core.rbm.free_energies(rows, parameters_of(machine, codes), threads)
    return found


def conditionals(machine: Machine, codes: Any, rows: Any, chosen: Array, jobs: int) -> Array:
    """Return log P(variable of each row | its others); ``chosen`` holds their first units."""
    threads = machine.threads_for(rows.n, jobs)
    chosen = np.ascontiguousarray(chosen, dtype=np.int64)
    found: Array = core.rbm.conditionals(rows, parameters_of(machine, codes), chosen, threads)
    return found


def group_energies(machine: Machine, codes: Any, rows: Any, jobs: int) -> Array:
    """Return -F of each row with one unit of the first group on after another, (n, units)."""
    threads = machine.threads_for(rows.n, jobs)
    found: Array = core.rbm.group_energies(rows, parameters_of(machine, codes), 0, threads)
    return found


def visible_means(machine: Machine, rows: Any, jobs: int) -> Array:
    """Return E(v | h) of two-state units for rows of hidden states or means."""
    w, a, b = machine.parameters()
    turned = np.ascontiguousarray(w.T)
    out = np.empty((rows.n, turned.shape[0]), turned.dtype)
    parameters = core.layers.parameters(turned, b, a)
    core.layers.hidden_means(rows, parameters, out, machine.threads_for(rows.n, jobs))
    return out
