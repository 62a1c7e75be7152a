"""Visible units that are real numbers: Gaussian, with learned variances."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..machine.machine import Machine
from ..machine.rows import numbers_of
from ..machine.settings import Settings
from ..machine.units import Clamp, Flips, Units

Array = NDArray[Any]

#: Upper bound of a unit's variance, in variances of its column: no fit needs more, and chains that
#: have not mixed yet would increase it without bound.
_MOST_VARIANCE = 4.0


def _unset() -> Array:
    return np.empty(0)


@dataclass(frozen=True)
class Gaussian(Units):
    """Gaussian units of standardized columns.

    :class:`~gibbous.GaussianRBM` documents the parameters. ``unit_parameters["z"]`` of the machine
    holds the logarithms of the variances.
    """

    learn_variance: bool = True
    variance_learning_rate: float | None = None
    min_variance: float = 0.001
    mean: Array = field(default_factory=_unset)
    scale: Array = field(default_factory=_unset)

    accepts: ClassVar[dict[str, Any]] = {"dtype": [np.float64, np.float32]}
    code: ClassVar[int] = 1

    # ---- rows ------------------------------------------------------------------------------------

    def rows(
        self, X: Any, dtype: str, jobs: int, weight: Array | None = None, *, training: bool = False
    ) -> Any:
        return numbers_of(self.standardized(X), dtype, weight)

    def rows_of_means(self, v: Array, dtype: str, jobs: int) -> Any:
        return numbers_of(v, dtype)

    def standardized(self, X: Any) -> Array:
        """Return rows less the means of the columns, divided by their deviations."""
        return np.asarray((X - self.mean) / self.scale)

    # ---- the start of training -------------------------------------------------------------------

    def fitted(self, X: Any, weight: Array | None) -> Gaussian:
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(X, axis=0, weights=weight).astype(np.float64)
            away = X - mean
            scale = np.sqrt(np.average(away * away, axis=0, weights=weight))
            size = np.abs(X).max(axis=0)
        if not np.isfinite(scale).all():
            column = int(np.flatnonzero(~np.isfinite(scale))[0])
            raise ValueError(
                f"column {column} of X holds values up to {size[column]:.3g}, whose squares "
                "overflow; scale the column"
            )
        # rounding leaves a small deviation in a constant column
        constant = scale <= 10 * np.finfo(X.dtype).eps * size
        return replace(self, mean=mean, scale=np.where(constant, 1.0, scale))

    def first_parameters(self, X: Any, dtype: str) -> dict[str, Array]:
        return {"z": np.zeros(X.shape[1], dtype)}

    def means(self, machine: Machine, X: Any, weight: Array | None) -> Array:
        mean = np.average(self.standardized(X), axis=0, weights=weight)
        return np.asarray(mean * np.exp(-machine.unit_parameters["z"].astype(np.float64)))

    def prepare(self, machine: Machine, settings: Settings, X: Any, weight: Array | None) -> None:
        if settings.momentum > 0 and self.learn_variance:
            machine.unit_state.setdefault("velocity_z", np.zeros_like(machine.unit_parameters["z"]))
        else:
            machine.unit_state.pop("velocity_z", None)

    def set_up(self, core_settings: Any, settings: Settings) -> None:
        rate = self.variance_learning_rate
        # schedules act on both rates
        own = 0.1 if rate is None else rate / settings.learning_rate
        core_settings.variance_rate = core_settings.rate * own if self.learn_variance else 0.0
        core_settings.least_z = float(np.log(self.min_variance))
        core_settings.most_z = float(np.log(_MOST_VARIANCE))

    # ---- scores ----------------------------------------------------------------------------------

    @property
    def log_scale(self) -> float:
        """Logarithm of the density of standardized rows over that of rows."""
        return float(np.log(self.scale).sum())

    def least_score(self, machine: Machine) -> float:
        # standard normal columns have 1.4 nats each
        return -50.0 * machine.n_visible - self.log_scale

    def free_energy(self, machine: Machine, X: Any, jobs: int) -> Array:
        return super().free_energy(machine, X, jobs) + self.log_scale

    def pseudo_likelihood(self, machine: Machine, X: Any, flips: Flips, jobs: int) -> Array:
        return super().pseudo_likelihood(machine, X, flips, jobs) - self.log_scale

    def log_visible(self, machine: Machine, inputs: Array) -> Array:
        a = machine.visible.astype(np.float64)
        z = machine.unit_parameters["z"].astype(np.float64)
        # exp(-(v - a)^2 / 2 s^2 + x v / s^2) integrates to sqrt(2 pi) s exp((a x + x^2 / 2) / s^2)
        gain = (inputs * (a + inputs / 2) * np.exp(-z)).sum(axis=1)
        return np.asarray(gain + 0.5 * (z + np.log(2 * np.pi)).sum())

    # ---- chains ----------------------------------------------------------------------------------

    def visible_means(self, machine: Machine, h: Array, X: Any, jobs: int) -> Array:
        return np.asarray(h @ machine.weights + machine.visible)

    def restored(self, v: Array) -> Array:
        return np.asarray(v * self.scale + self.mean)

    def restored_means(self, v: Array) -> Array:
        return self.restored(v)

    def residuals(self, X: Any, back: Array) -> Array:
        return np.asarray((X - back) / self.scale)

    def clamp(self, X: Array, name: str, **known: Any) -> Clamp:
        return Clamp(self.standardized(X))

    def filled(self, X: Array, means: Array) -> Array:
        return np.where(np.isnan(X), self.restored(means), X)
