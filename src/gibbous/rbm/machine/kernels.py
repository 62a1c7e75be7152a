"""Calls into the core that ask about rows: hidden means, draws, free energies, conditionals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from .machine import Machine

Array = NDArray[Any]


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
    core.layers.hidden_means(
        rows, *machine.parameters(), out, threads, units=codes, **machine.unit_parameters
    )
    return out


def hidden_draws(machine: Machine, codes: Any, rows: Any, seed: int, jobs: int) -> Array:
    """Return a draw from P(h | v) for all rows, made in the core."""
    out = np.empty((rows.n, machine.n_hidden), machine.dtype)
    draw: Any = core.layers.draw_hidden  # one function for both precisions
    threads = machine.threads_for(rows.n, jobs)
    draw(rows, *machine.parameters(), out, seed, 0, threads, units=codes, **machine.unit_parameters)
    return out


def free_energies(machine: Machine, codes: Any, rows: Any, jobs: int) -> Array:
    """Return F(v) of all rows, float64."""
    threads = machine.threads_for(rows.n, jobs)
    found: Array = core.rbm.free_energies(
        rows, *machine.parameters(), threads, units=codes, **machine.unit_parameters
    )
    return found


def conditionals(machine: Machine, codes: Any, rows: Any, chosen: Array, jobs: int) -> Array:
    """Return log P(variable of each row | its others); ``chosen`` holds their first units."""
    threads = machine.threads_for(rows.n, jobs)
    chosen = np.ascontiguousarray(chosen, dtype=np.int64)
    found: Array = core.rbm.conditionals(
        rows, *machine.parameters(), chosen, threads, units=codes, **machine.unit_parameters
    )
    return found


def group_energies(machine: Machine, codes: Any, rows: Any, jobs: int) -> Array:
    """Return -F of each row with one unit of the first group on after another, (n, units)."""
    find: Any = core.rbm.group_energies  # one function for both precisions
    threads = machine.threads_for(rows.n, jobs)
    found: Array = find(
        rows, *machine.parameters(), 0, threads, units=codes, **machine.unit_parameters
    )
    return found


def visible_means(machine: Machine, rows: Any, jobs: int) -> Array:
    """Return E(v | h) of two-state units for rows of hidden states or means."""
    w, a, b = machine.parameters()
    turned = np.ascontiguousarray(w.T)
    out = np.empty((rows.n, turned.shape[0]), turned.dtype)
    core.layers.hidden_means(rows, turned, b, a, out, machine.threads_for(rows.n, jobs))
    return out
