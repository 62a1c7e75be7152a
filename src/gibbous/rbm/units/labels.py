"""Visible units of a classifier: features of two states, and a label as a group of units."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import softmax

from ..._ground.isa import core
from ..machine import kernels
from ..machine.machine import Machine
from ..machine.rows import rows_of
from ..machine.units import Clamp, Flips, Units
from .bernoulli import Bernoulli, flipped_score

Array = NDArray[Any]


@dataclass(frozen=True)
class Labels(Units):
    """Features of two states followed by one unit for each class, of which one is on.

    Rows are those that :meth:`joined` returns.
    """

    features: Bernoulli = field(default_factory=Bernoulli)
    n_features: int = 0
    n_classes: int = 0

    def codes(self) -> Any:
        d = self.n_features
        return core.layers.Units(0, 0, np.array([[d, d + self.n_classes]], dtype=np.int64))

    # ---- rows ------------------------------------------------------------------------------------

    def labelled(self, X: Any, codes: Array | None) -> Any:
        """Return features and labels side by side; all label units are off without ``codes``."""
        return self.joined(self.features.above(X), codes)

    def joined(self, X: Any, codes: Array | None) -> Any:
        """Return features that the threshold was applied to, and labels, side by side."""
        n, k = X.shape[0], self.n_classes
        if X.dtype == bool:
            X = X.astype(np.uint8) if sp.issparse(X) else X.view(np.uint8)
        labels = np.zeros((n, k), X.dtype)
        if codes is not None:
            labels[np.arange(n), codes] = self.features.top
        if sp.issparse(X):
            return sp.csr_matrix(sp.hstack([X, sp.csr_matrix(labels)], format="csr"))
        return np.hstack([X, labels])

    def rows(
        self, X: Any, dtype: str, jobs: int, weight: Array | None = None, *, training: bool = False
    ) -> Any:
        return rows_of(
            X,
            dtype,
            jobs,
            data_max=self.features.top,
            binarize="sample" if training and self.features.binarize == "sample" else None,
            weight=None if weight is None else weight / weight.mean(),
        )

    def rows_of_means(self, v: Array, dtype: str, jobs: int) -> Any:
        return rows_of(v, dtype, jobs)

    # ---- the start of training -------------------------------------------------------------------

    def first_bias(self, X: Any, weight: Array | None) -> Array:
        shares = self._shares(X, weight)
        if self.features.visible_bias == "zero":
            return np.zeros(shares.size)
        p = np.clip(shares, 1e-3, 1 - 1e-3)
        bias = np.asarray(np.log(p / (1 - p)))
        bias[self.n_features :] = np.log(np.maximum(shares[self.n_features :], 1e-6))
        return bias

    def means(self, machine: Machine, X: Any, weight: Array | None) -> Array:
        return self._shares(X, weight)

    def _shares(self, X: Any, weight: Array | None) -> Array:
        if weight is None:
            means = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
        else:
            means = np.asarray(weight @ X).ravel() / weight.sum()
        return means / self.features.top

    # ---- scores ----------------------------------------------------------------------------------

    def least_score(self, machine: Machine) -> float:
        fair = self.n_features * np.log(2.0) + np.log(self.n_classes)
        return -4.0 * float(fair) - 50.0 if self.features.out_of_range == "raise" else -np.inf

    def n_variables(self, X: Any) -> int:
        return self.n_features + 1  # the label begins at unit n_features

    def log_visible(self, machine: Machine, inputs: Array) -> Array:
        logits = inputs + machine.visible.astype(np.float64)
        d = self.n_features
        features = np.logaddexp(0.0, logits[:, :d]).sum(axis=1)
        return np.asarray(features + np.logaddexp.reduce(logits[:, d:], axis=1))

    def joint(self, machine: Machine, X: Any, jobs: int) -> Array:
        """Return -F(x, y) of joined rows and every label, (n, n_classes)."""
        rows = self.rows(X, str(machine.dtype), machine.threads_for(X.shape[0], jobs))
        return kernels.group_energies(machine, self.codes(), rows, jobs)

    # ---- chains ----------------------------------------------------------------------------------

    def visible_means(self, machine: Machine, h: Array, X: Any, jobs: int) -> Array:
        logits = h @ machine.weights + machine.visible
        d = self.n_features
        v = 0.5 * (1.0 + np.tanh(0.5 * logits))
        v[:, d:] = softmax(logits[:, d:], axis=1)
        return np.asarray(v)

    def clamped(self, features: Array, codes: Array | None) -> Clamp:
        """Return features and labels to keep fixed; labels are free without ``codes``."""
        labels = np.full((len(features), self.n_classes), np.nan)
        if codes is not None:
            labels[...] = 0
            labels[np.arange(len(labels)), np.broadcast_to(codes, len(features))] = 1
        return Clamp(np.hstack([features, labels]))


@dataclass(frozen=True)
class Features(Units):
    """The features of a classifier, its labels summed out: what most questions are about."""

    labels: Labels = field(default_factory=Labels)

    accepts: ClassVar[dict[str, Any]] = Bernoulli.accepts
    accepts_missing: ClassVar[dict[str, Any]] = Bernoulli.accepts_missing

    def for_classes(self, n_features: int, n_classes: int) -> Features:
        """Return units for so many features and classes."""
        return Features(labels=replace(self.labels, n_features=n_features, n_classes=n_classes))

    def codes(self) -> Any:
        return self.labels.codes()

    # ---- rows ------------------------------------------------------------------------------------

    def checked(self, X: Any, name: str, *, training: bool = False) -> Any:
        return self.labels.features.checked(X, name, training=training)

    def rows_of_means(self, v: Array, dtype: str, jobs: int) -> Any:
        return self.labels.rows_of_means(v, dtype, jobs)

    def seen(self, X: Any) -> Array:
        return self.labels.features.seen(X)

    # ---- scores ----------------------------------------------------------------------------------

    def joint(self, machine: Machine, X: Any, jobs: int) -> Array:
        """Return -F(x, y) of features and every label, (n, n_classes)."""
        return self.labels.joint(machine, self.labels.labelled(X, None), jobs)

    def free_energy(self, machine: Machine, X: Any, jobs: int) -> Array:
        return np.asarray(-np.logaddexp.reduce(self.joint(machine, X, jobs), axis=1))

    def hidden_means(self, machine: Machine, X: Any, jobs: int) -> Array:
        joint = self.joint(machine, X, jobs)
        p = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        total = np.zeros((len(p), machine.n_hidden), machine.dtype)
        for label in range(self.labels.n_classes):
            rows = self.labels.labelled(X, np.full(len(p), label))
            found = self.labels.hidden_means(machine, rows, jobs)
            total += p[:, label, None].astype(total.dtype) * found
        return total

    def pseudo_likelihood(self, machine: Machine, X: Any, flips: Flips, jobs: int) -> Array:
        def free_energy(v: Any) -> Array:
            joint = self.labels.joint(machine, self.labels.joined(v, None), jobs)
            return np.asarray(-np.logaddexp.reduce(joint, axis=1))

        features = self.labels.features
        return flipped_score(features.above(X), flips, features.top, free_energy)

    def log_visible(self, machine: Machine, inputs: Array) -> Array:
        return self.labels.log_visible(machine, inputs)

    # ---- chains ----------------------------------------------------------------------------------

    def draw_hidden(self, machine: Machine, X: Any, seed: int, jobs: int) -> Array:
        return self.labels.draw_hidden(machine, self._drawn(machine, X, jobs), seed, jobs)

    def draw_hidden_next(self, machine: Machine, X: Any, jobs: int) -> Array:
        rows = self._drawn(machine, X, jobs)
        return self.labels.draw_hidden(machine, rows, machine.next_key(), jobs)

    def draw_start(self, machine: Machine, X: Any, seed: int, jobs: int) -> Array:
        return self.draw_hidden(machine, X, seed, jobs)

    def _drawn(self, machine: Machine, X: Any, jobs: int) -> Any:
        """Return features with labels drawn from P(y | x)."""
        joint = self.joint(machine, X, jobs)
        rng = np.random.Generator(np.random.Philox(key=machine.next_key()))
        # the largest of logits with Gumbel noise is a draw from their softmax
        codes = (joint + rng.gumbel(size=joint.shape)).argmax(axis=1)
        return self.labels.labelled(X, codes)

    def visible_means(self, machine: Machine, h: Array, X: Any, jobs: int) -> Array:
        return self.labels.visible_means(machine, h, X, jobs)

    def restored(self, v: Array) -> Array:
        return v[:, : self.labels.n_features]

    def restored_means(self, v: Array) -> Array:
        return self.restored(v)

    def step_states(self, v: Array) -> Array:
        return self.restored(v) > 0.5

    def clamp(self, X: Array, name: str, **known: Any) -> Clamp:
        features = self.labels.features.clamp(X, name).states
        return self.labels.clamped(np.asarray(features), known["codes"])

    def filled(self, X: Array, means: Array) -> Array:
        return self.labels.features.filled(X, self.restored(means))
