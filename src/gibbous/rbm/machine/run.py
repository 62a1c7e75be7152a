"""One training run of a Boltzmann machine: epochs, what is monitored, and why it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._fit.history import Callback, Recorder, Trace
from ..._ground import random
from .data import Data, Watched
from .machine import Machine
from .settings import Settings
from .training import Diverged, is_impossible, train_pass
from .units import Flips, Units

METRIC = "pseudo-likelihood"
_HELD_OUT = "held-out pseudo-likelihood"
_GAP = "free-energy gap"


@dataclass(frozen=True)
class Outcome:
    """What a run returns; the machine itself was trained in place.

    Attributes
    ----------
    trace : Trace
        The pseudo-likelihood and seconds of each epoch, and why the run stopped.
    error : Diverged, KeyboardInterrupt or None
        What ended the run early; the machine has the parameters of the last good epoch.
    """

    trace: Trace
    error: BaseException | None = None

    @property
    def n_iter(self) -> int:
        """Number of epochs."""
        return len(self.trace.values)

    @property
    def validation_scores(self) -> list[float]:
        """Pseudo-likelihood of the held-out rows after each epoch."""
        return list(self.trace.more.get(_HELD_OUT, ()))

    @property
    def free_energy_gap(self) -> list[float]:
        """Mean free energy of held-out rows less that of training rows, after each epoch."""
        return list(self.trace.more.get(_GAP, ()))


def train(
    machine: Machine,
    units: Units,
    data: Data,
    settings: Settings,
    *,
    jobs: int = 1,
    name: str = "Machine",
    callback: Callback | None = None,
    score_key: int | None = None,
) -> Outcome:
    """Train a machine in place.

    Parameters
    ----------
    machine : Machine
        As :func:`~gibbous.rbm.machine.training.start` or ``resume`` leave it.
    units : Units
        The kind of its visible units.
    data : Data
    settings : Settings
    jobs : int, default 1
        Threads at most. The bits are the same for any number.
    name : str
        What callbacks and printed lines name.
    callback : callable, optional
        Called with a :class:`~gibbous.Progress` after every epoch; returning True stops.
    score_key : int, optional
        Key of the variables whose conditionals are monitored; None for the machine's.

    Returns
    -------
    Outcome
        ``error`` holds what ended the run early, if anything did.
    """
    return Run(
        machine,
        units,
        data,
        settings,
        jobs=jobs,
        name=name,
        callback=callback,
        score_key=score_key,
    ).finish()


class Run:
    """The epochs of one training run; :func:`train` documents the parameters.

    A run can be stopped after any epoch and continued in another process: a new run of the same
    arguments that restores :meth:`state` ends in the same bits.
    """

    def __init__(
        self,
        machine: Machine,
        units: Units,
        data: Data,
        settings: Settings,
        *,
        jobs: int = 1,
        name: str = "Machine",
        callback: Callback | None = None,
        score_key: int | None = None,
    ) -> None:
        if machine.key is None:
            raise ValueError("the machine has no key for random numbers; set machine.key")
        self.machine, self.units, self.settings, self.jobs = machine, units, settings, jobs
        self._flips = Flips(machine.key if score_key is None else score_key)
        watched_key = random.child(machine.key, "rbm-watched")
        self._watched = Watched.of(data, watched_key, units.watched_rows)
        threads = machine.threads_for(data.X.shape[0], jobs)
        self._rows = units.rows(data.X, str(machine.dtype), threads, data.weight, training=True)
        self._name = name
        self._recorder = Recorder(name, METRIC, max_iter=settings.n_iter, callback=callback)
        self._best = -np.inf
        self._stale = 0
        self._epoch = 0

    # ---- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return the state after the last whole epoch: copies of arrays, and plain values.

        The order of the rows and the learning rate follow from the number of the epoch.
        """
        trace = self._recorder.trace("")
        return {
            "machine": self.machine.state(),
            "epoch": self._epoch,
            "stale": self._stale,
            "values": list(trace.values),
            "seconds": list(trace.seconds),
            "more": {name: list(values) for name, values in trace.more.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state of a run of the same arguments."""
        self.machine.restore(state["machine"])
        self._epoch, self._stale = int(state["epoch"]), int(state["stale"])
        self._best = max(state["more"].get(_HELD_OUT, ()), default=-np.inf)
        self._recorder.resume(state["values"], state["seconds"], state["more"])

    # ---- epochs ----------------------------------------------------------------------------------

    def finish(self) -> Outcome:
        """Train until all epochs are done or something ends the run."""
        try:
            return self._outcome(self._epochs())
        except KeyboardInterrupt as error:
            return self._outcome("interrupted", error)
        except Diverged as error:
            self._recorder.note(
                f"diverged in epoch {self._epoch + 1}; the parameters before it are kept"
            )
            return self._outcome("diverged", error)

    def _outcome(self, reason: str, error: BaseException | None = None) -> Outcome:
        return Outcome(self._recorder.trace(reason), error)

    def _epochs(self) -> str:
        """Run the remaining epochs and return why they ended."""
        while self._epoch < self.settings.n_iter:
            if self._is_stale():
                return "converged"
            clock = time.perf_counter()
            value, held_out = self._train_epoch()
            self._epoch += 1
            self.machine.epochs += 1
            self._count_stale(held_out)
            stop = self._recorder.record(value, held_out)
            self._print(value, held_out, time.perf_counter() - clock)
            if stop and not self._is_stale():
                return "callback"
        return "converged" if self._is_stale() else "completed"

    def _train_epoch(self) -> tuple[float, dict[str, float]]:
        """Train for one epoch and score it; parameters are always of whole epochs."""
        settings, machine = self.settings, self.machine
        kept = machine.state()
        order = self._order()
        rate = settings.learning_rate * settings.rate_factor(self._epoch)
        try:
            train_pass(machine, self.units, self._rows, order, settings, rate, self.jobs)
            value, held_out = self._score()
        except KeyboardInterrupt:
            machine.restore(kept)
            raise
        if not machine.is_finite() or is_impossible(machine, self.units, value):
            machine.restore(kept)
            raise Diverged(
                f"learning_rate={settings.learning_rate:g} makes training diverge in epoch "
                f"{self._epoch + 1} (pseudo-likelihood {value:.4g} per row); the parameters of the "
                "epoch before are kept. Give a smaller learning_rate, a learning_rate_schedule, "
                "or l2"
            )
        return value, held_out

    def _order(self) -> NDArray[np.int64]:
        """Return the order of the rows in the current epoch."""
        n = int(self._rows.n)
        if not self.settings.shuffle:
            return np.arange(n, dtype=np.int64)
        key = self.machine.key or 0
        return random.generator(key, "rbm-shuffle", self.machine.epochs).permutation(n)

    # ---- what is monitored -----------------------------------------------------------------------

    def _score(self) -> tuple[float, dict[str, float]]:
        """Return the mean pseudo-likelihood of monitored rows, and the held-out score."""
        train, validation = self._watched.train, self._watched.validation
        value = self._mean(self._pseudo_likelihood, train)
        if validation is None:
            return value, {}
        held_out = self._mean(self._pseudo_likelihood, validation)
        gap = float(self._free_energy(validation).mean() - self._free_energy(train).mean())
        return value, {_HELD_OUT: held_out, _GAP: gap}

    def _mean(self, score: Callable[[Any], NDArray[Any]], rows: Any) -> float:
        return float(score(rows).mean())

    def _pseudo_likelihood(self, rows: Any) -> NDArray[Any]:
        return self.units.pseudo_likelihood(self.machine, rows, self._flips, self.jobs)

    def _free_energy(self, rows: Any) -> NDArray[Any]:
        return self.units.free_energy(self.machine, rows, self.jobs)

    def _count_stale(self, held_out: dict[str, float]) -> None:
        """Count the epochs since the held-out rows last improved."""
        if not self.settings.early_stopping:
            return
        value = held_out[_HELD_OUT]
        self._stale = 0 if value > self._best + self.settings.tol else self._stale + 1
        self._best = max(self._best, value)

    def _is_stale(self) -> bool:
        settings = self.settings
        return settings.early_stopping and self._stale >= settings.n_iter_no_change

    def _print(self, value: float, held_out: dict[str, float], seconds: float) -> None:
        if not self.settings.verbose:
            return
        line = (
            f"[{self._name}] Iteration {self._epoch}, "
            f"pseudo-likelihood = {value:.2f}, time = {seconds:.2f}s"
        )
        if held_out:
            line += f", held out {held_out[_HELD_OUT]:.2f}, free-energy gap {held_out[_GAP]:.2f}"
        print(line)
