"""The start of training, a pass over the rows, and a single step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._ground import random
from ..._ground.isa import core
from .data import Data
from .machine import LITTLE_BATCH, Machine
from .settings import METHODS, Settings
from .units import Flips, Units

Array = NDArray[Any]
T = TypeVar("T")
U = TypeVar("U", bound=Units)

#: A weight or bias of this size determines its units in every row by itself.
_LARGE = 100.0


class Diverged(ArithmeticError, ValueError):
    """Training has diverged. The machine keeps its last good parameters."""


def start(units: U, settings: Settings, data: Data, key: int) -> tuple[Machine, U]:
    """Return a machine with small random weights, and units measured on the data.

    Parameters
    ----------
    units : Units
    settings : Settings
    data : Data
    key : int
        Key of all random numbers of the machine.

    Raises
    ------
    ValueError
        If the rows have no scale or no words.
    """
    X, weight, dtype = data.X, data.weight, settings.dtype
    units = units.fitted(X, weight)
    k, d = settings.n_components, units.n_visible(X)
    machine = Machine(
        weights=random.generator(key, "rbm-start").normal(0.0, 0.01, (k, d)).astype(dtype),
        visible=units.first_bias(X, weight).astype(dtype),
        hidden=np.zeros(k, dtype),
        unit_parameters=units.first_parameters(X, dtype),
        key=key,
    )
    prepare(machine, units, settings, data)
    return machine, units


def resume(machine: Machine, units: Units, settings: Settings, data: Data) -> None:
    """Make a machine ready for further training with its present parameters.

    Raises
    ------
    ValueError
        If the settings ask for another machine.
    """
    k = machine.n_hidden
    if settings.n_components != k:
        raise ValueError(
            f"n_components={settings.n_components}, but the machine to continue training has "
            f"{k} hidden units; set n_components={k}, or fit anew with warm_start=False"
        )
    machine.make_writable()  # training is in place
    machine.weights, machine.visible, machine.hidden = machine.parameters()
    prepare(machine, units, settings, data)


def prepare(machine: Machine, units: Units, settings: Settings, data: Data) -> None:
    """Create the state of training that the settings need and the machine lacks; drop the rest."""
    (k, d), dtype = machine.weights.shape, machine.dtype
    X, weight = data.X, data.weight

    def zeros() -> tuple[Array, ...]:
        return np.zeros((k, d), dtype), np.zeros(d, dtype), np.zeros(k, dtype)

    def offsets() -> tuple[Array, ...]:
        return units.means(machine, X, weight).astype(dtype), np.full(k, 0.5, dtype)

    target, n_chains = settings.sparsity_target, settings.persistent_chains * settings.temperatures
    if machine.chains is not None and machine.chains.shape[0] != n_chains:
        machine.chains = None
    machine.velocity = _kept(machine.velocity, settings.momentum > 0, zeros)
    machine.fast = _kept(machine.fast, settings.method == "fpcd", zeros)
    machine.offsets = _kept(machine.offsets, settings.centered, offsets)
    machine.activity = _kept(
        machine.activity, target is not None, lambda: np.full(k, target, dtype)
    )
    machine.chains = _kept(
        machine.chains, settings.method != "cd", lambda: np.zeros((n_chains, k), dtype)
    )
    units.prepare(machine, settings, X, weight)


def _kept(value: T | None, needed: bool, start: Callable[[], T]) -> T | None:
    if not needed:
        return None
    return start() if value is None else value


def _core_settings(machine: Machine, units: Units, settings: Settings, rate: float) -> Any:
    s = core.rbm.Settings()
    s.method = METHODS[settings.method]
    s.gibbs_steps = settings.n_gibbs_steps
    s.batch_size = settings.batch_size
    s.rate = rate
    s.momentum = settings.momentum
    s.l1, s.l2 = settings.l1, settings.l2
    s.centered = bool(settings.centered)
    if settings.sparsity_target is not None:
        s.sparsity_target, s.sparsity_cost = settings.sparsity_target, settings.sparsity_cost
    fast = settings.fast_learning_rate
    s.fast_rate = settings.learning_rate if fast is None else fast
    s.temperatures = settings.temperatures
    units.set_up(s, settings)
    if machine.key is None:
        raise ValueError("the machine has no key for random numbers; set machine.key")
    s.seed = random.child(machine.key, "rbm-train")
    return s


def train_pass(
    machine: Machine,
    units: Units,
    rows: Any,
    order: Array,
    settings: Settings,
    rate: float,
    jobs: int,
) -> None:
    """Train on mini-batches of the rows in the given order, in place.

    Parameters
    ----------
    machine : Machine
        IN and OUT: every array and the number of steps.
    units : Units
    rows : Rows32 or Rows64
    order : ndarray of int64
        The rows of the pass.
    settings : Settings
    rate : float
        Learning rate of this pass.
    jobs : int
        Threads at most.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, in the middle of the pass.
    """
    # the arrays themselves, not Machine.parameters(): training is in place
    parameters = core.layers.parameters(
        machine.weights, machine.visible, machine.hidden, units.codes(), **machine.unit_parameters
    )
    make_state: Any = core.rbm.state  # a type checker does not know the lengths of the tuples
    machine.steps = core.rbm.train(
        rows,
        order,
        _core_settings(machine, units, settings, rate),
        parameters,
        make_state(
            parameters,
            machine.velocity,
            machine.fast,
            machine.offsets,
            machine.activity,
            machine.chains,
            **machine.unit_state,
        ),
        machine.steps,
        machine.threads_for(min(settings.batch_size, len(order)), jobs, LITTLE_BATCH),
    )


def step(
    machine: Machine, units: Units, data: Data, settings: Settings, flips: Flips, jobs: int = 1
) -> None:
    """Take one gradient step on all rows as one mini-batch.

    Raises
    ------
    Diverged
        If training diverges; the parameters before the step are restored.
    """
    kept = machine.state()
    X, n = data.X, data.X.shape[0]
    order = np.arange(n, dtype=np.int64)
    rows = units.rows(
        X, str(machine.dtype), machine.threads_for(n, jobs), data.weight, training=True
    )
    train_pass(
        machine, units, rows, order, replace(settings, batch_size=n), settings.learning_rate, jobs
    )
    if _has_diverged(machine, units, X, flips, jobs):
        machine.restore(kept)
        raise Diverged(
            f"learning_rate={settings.learning_rate:g} makes training diverge; the parameters "
            "before this batch are kept. Give a smaller learning_rate"
        )


def _has_diverged(machine: Machine, units: Units, X: Any, flips: Flips, jobs: int) -> bool:
    if not machine.is_finite():
        return True
    # parameters of this size are rare, and the check is cheap
    if max(float(np.abs(a).max()) for a in machine.parameters()) < _LARGE:
        return False
    found = units.pseudo_likelihood(machine, X[: units.watched_rows], flips, jobs)
    return is_impossible(machine, units, float(found.mean()))


def is_impossible(machine: Machine, units: Units, value: float) -> bool:
    """Return whether a pseudo-likelihood is that of a machine whose training has diverged."""
    return not (np.isfinite(value) and value >= units.least_score(machine))
