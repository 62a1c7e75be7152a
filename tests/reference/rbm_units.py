"""Machines with units that are not binary: slow training, and exact distributions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri

from .rbm import TRAIN, Machine, sigmoid, words


def step_law(x: np.ndarray, most: int = 60) -> np.ndarray:
    """Return P(n), n = 0 ... most, of the stepped sigmoid unit: copy by copy, without a closed
    form."""
    p = np.zeros((*x.shape, most + 1))
    p[..., 0] = 1.0
    for k in range(1, most + 60):
        on = sigmoid(x - k + 0.5)[..., None]
        more = np.zeros_like(p)
        more[..., 1:] = p[..., :-1] * on
        p = p * (1 - on) + more
    return p


@dataclass
class Units(Machine):
    """A machine with visible units of a ``kind`` and optionally stepped hidden units."""

    kind: str = "binary"  # binary, gaussian, counts
    stepped: bool = False
    groups: list[tuple[int, int]] = field(default_factory=list)
    z: np.ndarray | None = None
    velocity_z: np.ndarray | None = None
    lengths: np.ndarray | None = None

    def draw_words(self, rows: int, units: int) -> np.ndarray:
        self.step += 1
        return words(self.seed, TRAIN, self.step - 1, rows, units)

    def hidden(
        self, u: np.ndarray, d: np.ndarray, bits: np.ndarray, heat: float | np.ndarray = 1.0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return means, draws and inputs of the hidden units."""
        x = u @ self.chain_parameters()[0].T + self.chain_parameters()[2] * d[:, None]
        y = x * heat
        uniform = ((bits >> np.uint64(8)) + 0.5) / 2**24
        if not self.stepped:
            return sigmoid(y), (uniform < sigmoid(y)).astype(float), x
        p = step_law(y)
        n = (uniform[..., None] > np.cumsum(p, axis=-1)).sum(-1).astype(float)
        return p @ np.arange(p.shape[-1]), n, x

    def visible(
        self, h: np.ndarray, d: np.ndarray, step: int, heat: float | np.ndarray = 1.0
    ) -> np.ndarray:
        """Return a draw of visible units (Gaussian: unscaled) from draws of step ``step``."""
        w, a, _ = self.chain_parameters()
        rows, units = len(h), len(a)
        bits = words(self.seed, TRAIN, step, rows, units)
        uniform = ((bits >> np.uint64(8)) + 0.5) / 2**24
        if self.kind == "gaussian":
            assert self.z is not None
            tail = ((bits & np.uint64(0x7FFFFFFF)) + 0.5) / 2**32
            noise = np.where(bits >> np.uint64(31), 1.0, -1.0) * ndtri(tail)
            return (h @ w) * heat + a + np.exp(self.z / 2) * noise
        logits = (h @ w + a) * heat
        if self.kind == "counts":
            return self.count_draws(logits, d, step)
        v = (uniform < sigmoid(logits)).astype(float)
        for begin, end in self.groups:
            e = np.exp(logits[:, begin:end] - logits[:, begin:end].max(1, keepdims=True))
            goal = uniform[:, begin] * e.sum(1)
            v[:, begin:end] = 0
            v[np.arange(rows), begin + (np.cumsum(e, 1) <= goal[:, None]).sum(1)] = 1
        return v

    def count_draws(self, logits: np.ndarray, d: np.ndarray, step: int) -> np.ndarray:
        v = np.zeros_like(logits)
        panels = int(d.max()) // 64 + 1
        # row r has the draws that rows 2 r and 2 r + 1 share for other units
        pool = words(self.seed, TRAIN, step, 2 * len(d), 32 * panels)
        for r, length in enumerate(d):
            draws = pool[2 * r : 2 * r + 2].reshape(2, panels, 32).transpose(1, 0, 2).ravel()
            e = np.cumsum(np.exp(logits[r] - logits[r].max()))
            for draw in draws[: int(length)]:
                v[r, (e <= (draw + 0.5) / 2**32 * e[-1]).sum()] += 1
        return v

    def up(self, v: np.ndarray) -> np.ndarray:
        return v / np.exp(self.z) if self.z is not None else v

    def rows_of(self, v: np.ndarray) -> np.ndarray:
        return v.sum(1) if self.kind == "counts" else np.ones(len(v))

    def batch(self, v0: np.ndarray, weight: np.ndarray | None = None) -> None:
        n = len(v0)
        factor = (np.ones(n) if weight is None else weight) / n
        d0 = self.rows_of(v0)
        self.step += 1  # the draws for probabilities, unused
        fast, self.fast = self.fast, None  # the data use the regular weights
        p0, h0, _ = self.hidden(self.up(v0), d0, self.draw_words(n, len(self.b)))
        self.fast = fast
        persistent = self.chains is not None
        h = self.chains if self.chains is not None else h0
        d1 = d0 if not persistent else np.ones(len(h)) if self.lengths is None else self.lengths
        v1, p1, h, d1 = self.dream(h, d1)
        if persistent:
            self.chains = h
        f1 = np.full(len(v1), factor.sum() / len(v1)) if persistent else factor
        if persistent and self.kind == "counts":  # the chains represent as many words
            f1 = f1 * (factor @ d0) / (f1 @ d1)
        self.learn((v0, p0, factor, d0), (v1, p1, f1, d1))

    def dream(self, h: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, ...]:
        t = self.settings.get("temperatures", 1)
        chains = len(h) // t
        heat: Any = 1.0
        if t > 1:
            heat = (1.0 - (np.arange(len(h)) // chains) / (t - 1))[:, None]
            d = np.tile(d[:chains], t)
        for _ in range(self.settings["gibbs_steps"]):
            down = self.step
            self.step += 1
            bits = self.draw_words(len(h), len(self.b))
            v = self.visible(h, d, down, heat)
            p, h, x = self.hidden(self.up(v), d, bits, heat)
            if t > 1:
                energy = -(h * x).sum(1) - (0 if self.kind == "gaussian" else v @ self.a)
                self.exchange(v, h, energy, chains, t)
        if t > 1:
            v, d = v[:chains], d[:chains]
            p, _, _ = self.hidden(self.up(v), d, np.zeros(p[:chains].shape, np.uint64))
        return v, p, h, d

    def learn(self, data: tuple[np.ndarray, ...], model: tuple[np.ndarray, ...]) -> None:
        """Apply the step of :meth:`Machine.update`, in the metric of the units."""
        s = self.settings
        (v0, p0, f0, d0), (v1, p1, f1, d1) = data, model
        u0, u1 = self.up(v0), self.up(v1)
        share, length = f0.sum(), s.get("mean_length", 1.0)
        raw = (p0 * f0[:, None]).T @ u0 - (p1 * f1[:, None]).T @ u1
        da, db = f0 @ u0 - f1 @ u1, (f0 * d0) @ p0 - (f1 * d1) @ p1
        unit = np.ones(len(self.a)) if self.z is None else np.exp(self.z)
        dw, w = raw, self.w
        if self.mu is not None and self.lambda_ is not None:
            self.mu = self.mu + s["offset_rate"] * (f0 @ u0 / share / length - self.mu)
            self.lambda_ = self.lambda_ + s["offset_rate"] * (f0 @ p0 / share - self.lambda_)
            dw = raw - np.outer(db, self.mu) - np.outer(self.lambda_, da)
            da, db = da - self.lambda_ @ dw, db / length - (dw * unit) @ self.mu
        else:
            db = db / length
        if self.z is not None:
            square = f0 @ (v0 - self.a) ** 2 - f1 @ (v1 - self.a) ** 2
            dh = f0 @ p0 - f1 @ p1
            held = np.exp(-self.z) * w * (self.a + w / 2)  # of b, so that the mixture is unchanged
            dz = square * np.exp(-self.z) / 2 - (w * raw).sum(0) + dh @ held
        decayed = dw - s["l2"] * w - s["l1"] * np.sign(w)
        step = [s["rate"] * decayed * unit, s["rate"] * da * unit, s["rate"] * db]
        if self.velocity is not None:
            step = [s["momentum"] * v + d for v, d in zip(self.velocity, step, strict=True)]
            self.velocity = step
        self.w, self.a, self.b = self.w + step[0], self.a + step[1], self.b + step[2]
        if self.fast is not None:
            gradients = (dw * unit, da * unit, db)
            self.fast = [
                s["fast_decay"] * f + s["fast_rate"] * g
                for f, g in zip(self.fast, gradients, strict=True)
            ]
        if self.z is not None:
            move = np.clip(s["variance_rate"] * dz, -0.1, 0.1)
            if self.velocity_z is not None:
                move = np.clip(s["momentum"] * self.velocity_z + move, -0.1, 0.1)
                self.velocity_z = move
            old, self.z = self.z, np.clip(self.z + move, s["least_z"], s["most_z"])
            change = np.exp(-old) - np.exp(-self.z)
            self.b = self.b + (change * self.w * (self.a + self.w / 2)).sum(1)


# ---- exact distributions of small machines -------------------------------------------------------


@dataclass
class Exact:
    """A small machine with all of its hidden states: h, and the logarithm of their multiplicity."""

    w: np.ndarray
    a: np.ndarray
    b: np.ndarray
    kind: str = "binary"
    stepped: bool = False
    groups: list[tuple[int, int]] = field(default_factory=list)
    z: np.ndarray | None = None

    def hidden(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden states and log of their counting measure."""
        most = 18 if self.stepped else 1
        h = np.array(list(itertools.product(range(most + 1), repeat=len(self.b))), dtype=float)
        if not self.stepped:
            return h, np.zeros(len(h))
        n = np.arange(most + 1)
        log = -(n**2) / 2 - np.concatenate([[0.0], np.cumsum(np.log1p(-np.exp(-n[1:])))])
        return h, log[h.astype(int)].sum(1)

    def log_weights(self, length: float = 1.0) -> np.ndarray:
        """Return log of sum over v of exp(-E(v, h)) for every hidden state."""
        h, log = self.hidden()
        x = h @ self.w
        total = log + length * (h @ self.b)
        if self.kind == "gaussian":
            assert self.z is not None
            mean = self.a + x
            s2 = np.exp(self.z)
            gain = ((mean**2 - self.a**2) / (2 * s2)).sum(1)
            return total + gain + 0.5 * np.log(2 * np.pi * s2).sum()
        logits = x + self.a
        if self.kind == "counts":
            return total + length * np.logaddexp.reduce(logits, axis=1)
        grouped = np.zeros(len(self.a), bool)
        for begin, end in self.groups:
            total = total + np.logaddexp.reduce(logits[:, begin:end], axis=1)
            grouped[begin:end] = True
        return total + np.logaddexp(0, logits[:, ~grouped]).sum(1)

    def log_p(self, v: np.ndarray) -> np.ndarray:
        """Return log P of rows of visible states (counts: in one order of the draws)."""
        h, log = self.hidden()
        lengths = v.sum(1) if self.kind == "counts" else np.ones(len(v))
        if self.kind == "gaussian":
            assert self.z is not None
            own = -((v - self.a) ** 2 / (2 * np.exp(self.z))).sum(1)
            u = v / np.exp(self.z)
        else:
            own, u = v @ self.a, v
        joint = own[:, None] + log + lengths[:, None] * (h @ self.b) + (u @ self.w.T) @ h.T
        log_z = {d: np.logaddexp.reduce(self.log_weights(d)) for d in np.unique(lengths)}
        return np.logaddexp.reduce(joint, axis=1) - np.array([log_z[d] for d in lengths])

    def moments(self, length: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return E(v) and E(v v')."""
        h, _ = self.hidden()
        log = self.log_weights(length)
        p = np.exp(log - np.logaddexp.reduce(log))
        x = h @ self.w + self.a
        if self.kind == "gaussian":
            assert self.z is not None
            return p @ x, (x * p[:, None]).T @ x + np.diag(np.exp(self.z))
        if self.kind == "counts":
            e = np.exp(x - np.logaddexp.reduce(x, axis=1)[:, None])
            mean = length * (p @ e)
            pairs = length * (length - 1) * (e * p[:, None]).T @ e
            return mean, pairs + np.diag(mean)
        m = sigmoid(x)
        same = np.eye(len(self.a), dtype=bool)
        for begin, end in self.groups:
            part = x[:, begin:end]
            m[:, begin:end] = np.exp(part - np.logaddexp.reduce(part, axis=1)[:, None])
            same[begin:end, begin:end] = True
        mean, pairs = p @ m, (m * p[:, None]).T @ m
        return mean, np.where(same, np.diag(mean), pairs)
