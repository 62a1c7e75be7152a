"""One fit of a Boltzmann machine: epochs, learning rates, what is watched, and why it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._fit.history import Callback, History, Recorder, Trace
from ..._ground import random

if TYPE_CHECKING:
    from ..inference.scores import Scores

_METRIC = "pseudo-likelihood"
_HELD_OUT = "held-out pseudo-likelihood"
_GAP = "free-energy gap"

#: A weight or bias of this size alone decides its units in every row.
_LARGE = 100.0


def rate_factor(schedule: str | Callable[[int, int], float], epoch: int, n_iter: int) -> float:
    """Return the factor on the learning rate in one epoch (from 0) of ``n_iter``."""
    if callable(schedule):
        factor = float(schedule(epoch, n_iter))
        if not np.isfinite(factor) or factor < 0:
            raise ValueError(
                f"learning_rate_schedule({epoch}, {n_iter}) must return a factor >= 0; "
                f"it returned {factor}"
            )
        return factor
    if schedule == "linear":  # held for the first half, then to zero in a line
        return min(1.0, 2.0 * (1.0 - epoch / max(n_iter, 1)))
    return 1.0 / (1.0 + epoch) if schedule == "inverse" else 1.0


@dataclass
class Watched:
    """Rows whose scores tell how a fit goes."""

    train: Any
    validation: Any

    @classmethod
    def of(cls, X: Any, X_val: Any, key: int, most: int) -> Watched:
        """Take at most so many of the training rows, and as many of the held-out ones."""
        parts = []
        for number, data in enumerate((X, X_val)):
            if data is None or data.shape[0] <= most:
                parts.append(data)
                continue
            rng = random.generator(key, "rbm-watched", number)
            rows = np.sort(rng.choice(data.shape[0], most, replace=False))
            parts.append(data[rows])
        return cls(*parts)


class Diverged(ArithmeticError, ValueError):
    """A fit whose parameters or scores ran away. The model keeps its last good parameters."""


def is_hopeless(model: Scores, value: float) -> bool:
    """Return whether a pseudo-likelihood is that of a machine that has run away."""
    return not (np.isfinite(value) and value >= model._hopeless())


def has_run_away(model: Scores, X: Any) -> bool:
    """Return whether a step on the rows of X has made a machine run away."""
    if not model._is_finite():
        return True
    # parameters of this size are seldom right, and are the cheap sign to look closer
    if max(float(np.abs(a).max()) for a in model._parameters()) < _LARGE:
        return False
    return is_hopeless(model, float(model._pseudo_likelihood(X[: model._watched_rows]).mean()))


class Run:
    """The epochs of one fit."""

    def __init__(
        self,
        model: Scores,
        rows: Any,
        watched: Watched,
        callback: Callback | None,
    ) -> None:
        self.model, self.rows, self.watched = model, rows, watched
        self.recorder = Recorder(
            type(model).__name__, _METRIC, max_iter=model.n_iter, callback=callback
        )
        self.validation: list[float] = []
        self.gap: list[float] = []
        self._stale = 0
        self._first = model._n_epochs

    def epochs(self) -> None:
        """Train until the epochs are through, or something ends them."""
        model, reason = self.model, "completed"
        try:
            for epoch in range(model.n_iter):
                self._clock = time.perf_counter()
                value = self._epoch(epoch)
                stop = self.recorder.record(value, self._held_out())
                self._print(epoch, value)
                if self._settled():
                    reason = "converged"
                    break
                if stop:
                    reason = "callback"
                    break
        except KeyboardInterrupt:
            self.close("interrupted")
            raise
        self.close(reason)

    def _epoch(self, epoch: int) -> float:
        """Train for one epoch and score it; parameters are of whole epochs, whatever ends it."""
        model = self.model
        kept = model._snapshot()
        order = self._order(self._first + epoch)
        factor = rate_factor(model.learning_rate_schedule, epoch, model.n_iter)
        try:
            model._train(self.rows, order, model.batch_size, model.learning_rate * factor)
            value = self._score()
        except KeyboardInterrupt:
            model._restore(kept)
            raise
        self._refuse_divergence(value, kept, epoch)
        return value

    def _order(self, epoch: int) -> NDArray[np.int64]:
        n = int(self.rows.n)
        if not self.model.shuffle:
            return np.arange(n, dtype=np.int64)
        return random.generator(self.model._key, "rbm-shuffle", epoch).permutation(n)

    def _score(self) -> float:
        """Return the watched rows' mean pseudo-likelihood; note the held-out rows' too."""
        model, watched = self.model, self.watched
        value = float(model._pseudo_likelihood(watched.train).mean())
        if watched.validation is not None:
            self.validation.append(float(model._pseudo_likelihood(watched.validation).mean()))
            gap = model._free_energy(watched.validation).mean()
            self.gap.append(float(gap - model._free_energy(watched.train).mean()))
        return value

    def _held_out(self) -> dict[str, float]:
        return {_HELD_OUT: self.validation[-1], _GAP: self.gap[-1]} if self.gap else {}

    def _refuse_divergence(self, value: float, kept: dict[str, Any], epoch: int) -> None:
        model = self.model
        if model._is_finite() and not is_hopeless(model, value):
            return
        model._restore(kept)
        self.recorder.note(f"diverged in epoch {epoch + 1}; the parameters before it are kept")
        self.close("diverged")
        raise Diverged(
            f"learning_rate={model.learning_rate:g} makes training diverge in epoch {epoch + 1} "
            f"(pseudo-likelihood {value:.4g} a row); the parameters of the epoch before are kept. "
            "Give a smaller learning_rate, a learning_rate_schedule, or l2"
        )

    def _settled(self) -> bool:
        """Return whether the held-out rows have not improved for long enough."""
        model = self.model
        if not model.early_stopping:
            return False
        values = self.validation
        best = max(values[:-1], default=-np.inf)
        self._stale = 0 if values[-1] > best + model.tol else self._stale + 1
        return self._stale >= model.n_iter_no_change

    def _print(self, epoch: int, value: float) -> None:
        if not self.model.verbose:
            return
        seconds = time.perf_counter() - self._clock
        line = (
            f"[{type(self.model).__name__}] Iteration {epoch + 1}, "
            f"pseudo-likelihood = {value:.2f}, time = {seconds:.2f}s"
        )
        if self.gap:
            line += f", held out {self.validation[-1]:.2f}, free-energy gap {self.gap[-1]:.2f}"
        print(line)

    def close(self, reason: str) -> None:
        """Leave the record of the fit on the model."""
        model, trace = self.model, self.recorder.trace(reason)
        model.n_iter_ = len(trace.values)
        model._n_epochs = self._first + model.n_iter_
        model.history_ = history_of(model, trace)
        model.validation_scores_ = list(trace.more.get(_HELD_OUT, ()))
        model.free_energy_gap_ = list(trace.more.get(_GAP, ()))


def history_of(model: Scores, trace: Trace) -> History:
    """Build the history of a fit or of the calls of partial_fit."""
    return History.of(
        type(model).__name__, _METRIC, [trace], 0, seed=model._key, n_threads=model._threads
    )
