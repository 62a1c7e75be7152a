"""The quality of a trained Boltzmann machine, by one evaluator in float64, and a plain reference.

Nothing here belongs to an implementation under test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cases import RbmCase

#: Rows that machines are evaluated on, and units of each that are flipped.
_ROWS, _FLIPS = 1000, 40


@dataclass(frozen=True)
class Machine:
    """Weights (hidden, visible) and biases."""

    w: np.ndarray
    a: np.ndarray
    b: np.ndarray

    def fault(self, d: int, k: int) -> str:
        """Say what is wrong with the arrays, or return an empty string."""
        shapes = [x.shape for x in (self.w, self.a, self.b)]
        if shapes != [(k, d), (d,), (k,)]:
            return f"parameters of shapes {shapes} for {d} visible and {k} hidden units"
        if not all(np.isfinite(x).all() for x in (self.w, self.a, self.b)):
            return "parameters that are not finite"
        return ""


def sigmoid(x: np.ndarray) -> np.ndarray:
    # exp of -|x| cannot overflow
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def evaluate(machine: Machine, rows: np.ndarray) -> dict[str, float]:
    """Return two figures per row, in nats, of the first rows.

    ``reconstruction``: the cross-entropy of the row under the visible units' means given the hidden
    units' means given the row (Hinton 2010, section 5); less is better.
    ``pseudo_likelihood``: sum over the units of log P(unit | all others) (Besag 1975), from some
    units of each row, the same ones for every machine; more is better.
    """
    x = rows[:_ROWS].astype(np.float64)
    n, d = x.shape
    w, a, b = (p.astype(np.float64) for p in (machine.w, machine.a, machine.b))
    field = x @ w.T + b
    z = sigmoid(field) @ w + a
    entropy = np.logaddexp(0.0, z) - x * z
    rng = np.random.default_rng(3)
    softplus = np.logaddexp(0.0, field).sum(axis=1)
    total = np.zeros(n)
    flips = min(_FLIPS, d)
    for units in np.argsort(rng.random((n, d)), axis=1)[:, :flips].T:
        sign = 1.0 - 2.0 * x[np.arange(n), units]
        turned = np.logaddexp(0.0, field + sign[:, None] * w.T[units]).sum(axis=1)
        # log P(state) compared with the flipped one: the difference of free energies
        total -= np.logaddexp(0.0, sign * a[units] + turned - softplus)
    return {
        "reconstruction": float(entropy.sum(axis=1).mean()),
        "pseudo_likelihood": float(total.mean() * d / flips),
    }


def train(case: RbmCase, data: np.ndarray, seed: int) -> Machine:
    """Textbook training in NumPy, float32 (Hinton 2002; Tieleman 2008)."""
    rng = np.random.Generator(np.random.SFC64(seed))
    d, k, size = data.shape[1], case.hidden, case.batch
    w = (0.01 * rng.standard_normal((k, d))).astype(np.float32)
    a, b = np.zeros(d, np.float32), np.zeros(k, np.float32)

    def draw(means: np.ndarray) -> np.ndarray:
        return (rng.random(means.shape, dtype=np.float32) < means).astype(np.float32)

    chains = np.zeros((size, k), np.float32)
    for _ in range(case.n_epochs):
        order = rng.permutation(len(data))
        for first in range(0, len(data), size):
            x = data[order[first : first + size]].astype(np.float32)
            h = sigmoid(x @ w.T + b)
            states = chains if case.method == "pcd" else draw(h)
            for _ in range(case.k):
                v = draw(sigmoid(states @ w + a))
                means = sigmoid(v @ w.T + b)
                states = draw(means)
            chains = states
            m, c = len(x), len(v)
            w += case.rate * (h.T @ x / m - means.T @ v / c)
            a += case.rate * (x.mean(axis=0) - v.mean(axis=0))
            b += case.rate * (h.mean(axis=0) - means.mean(axis=0))
    return Machine(w, a, b)


def difference(found: dict[str, float], reference: dict[str, float]) -> float:
    """Return the larger of the two relative differences, in absolute value."""
    return max(abs(found[name] / reference[name] - 1.0) for name in reference)
