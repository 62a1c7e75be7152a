"""Slow, straightforward training of a Boltzmann machine, with the random numbers of the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gibbous._ground.isa import core

TRAIN = 8  # random.hpp: Purpose::rbm_train
METHODS = {"cd": 0, "pcd": 1, "fpcd": 2, "pt": 3}


def philox(counter: np.ndarray, key: list[int]) -> np.ndarray:
    """Return Philox4x32-10 of counters (n, 4) in the lower halves of 64-bit numbers."""
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    c = counter.astype(np.uint64)
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c[:, 0] * np.uint64(0xD2511F53), c[:, 2] * np.uint64(0xCD9E8D57)
        c = np.stack(
            [
                (p1 >> half) ^ c[:, 1] ^ np.uint64(k0),
                p1 & low,
                (p0 >> half) ^ c[:, 3] ^ np.uint64(k1),
                p0 & low,
            ],
            axis=1,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def words(seed: int, purpose: int, step: int, rows: int, units: int) -> np.ndarray:
    """Return the random words of a sampling step, (rows, units) of 32 bits."""
    panels, pairs = -(-units // 32), (rows + 1) // 2
    pair, panel, lane = np.indices((pairs, panels, 16)).reshape(3, -1)
    item = (pair << 20 | panel) * 16 + lane
    counter = np.stack(
        [item & 0xFFFFFFFF, item >> 32, np.full_like(item, step), np.full_like(item, purpose)], 1
    )
    found = philox(counter, [seed & 0xFFFFFFFF, seed >> 32]).reshape(pairs, panels, 16, 4)
    # word w of lane i is draw 16 w + i of the two rows' 64
    groups = found.transpose(0, 1, 3, 2).reshape(pairs, panels, 2, 32)
    return groups.transpose(0, 2, 1, 3).reshape(2 * pairs, 32 * panels)[:rows, :units]


def uniforms(seed: int, purpose: int, step: int, rows: int, units: int) -> np.ndarray:
    """Return the uniform numbers of a sampling step, (rows, units)."""
    return ((words(seed, purpose, step, rows, units) >> np.uint64(8)) + 0.5) / 2**24


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


@dataclass
class Machine:
    """Parameters and the state of training."""

    w: np.ndarray  # (hidden, visible)
    a: np.ndarray
    b: np.ndarray
    settings: dict[str, Any]
    seed: int
    velocity: list[np.ndarray] | None = None
    fast: list[np.ndarray] | None = None
    mu: np.ndarray | None = None
    lambda_: np.ndarray | None = None
    activity: np.ndarray | None = None
    chains: np.ndarray | None = None
    step: int = 0

    def draw(self, rows: int, units: int) -> np.ndarray:
        self.step += 1
        return uniforms(self.seed, TRAIN, self.step - 1, rows, units)

    def chain_parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.fast is None:
            return self.w, self.a, self.b
        return self.w + self.fast[0], self.a + self.fast[1], self.b + self.fast[2]

    def batch(self, v0: np.ndarray, weight: np.ndarray | None = None) -> None:
        """One gradient step on one mini-batch; rows of v0 in [0, 1]."""
        s = self.settings
        n = len(v0)
        factor = (np.ones(n) if weight is None else weight) / n
        share = factor.sum()
        sampled = self.draw(n, v0.shape[1])
        if s.get("sample"):
            v0 = (sampled < v0).astype(float)
        p0 = sigmoid(v0 @ self.w.T + self.b)
        u = self.draw(n, len(self.b))
        h = self.chains if self.chains is not None else (u < p0).astype(float)
        v1, p1, h = self.negative(h)
        if self.chains is not None:
            self.chains = h
            negative = np.full(len(v1), share / len(v1))
        else:
            negative = factor
        self.update(v0, p0, factor, v1, p1, negative, share)

    def negative(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        s = self.settings
        w, a, b = self.chain_parameters()
        t = s.get("temperatures", 1)
        chains = len(h) // t
        heat = np.ones(len(h)) if t == 1 else 1.0 - (np.arange(len(h)) // chains) / (t - 1)
        for _ in range(s["gibbs_steps"]):
            down, up = self.draw(len(h), len(a)), self.draw(len(h), len(b))
            v = (down < sigmoid(heat[:, None] * (h @ w + a))).astype(float)
            x = v @ w.T + b
            p = sigmoid(heat[:, None] * x)
            h = (up < p).astype(float)
            if t > 1:
                energy = -(v @ a) - (h * x).sum(1)
                self.exchange(v, h, energy, chains, t)
        if t > 1:
            v = v[:chains]
            p = sigmoid(v @ w.T + b)
        return v, p, h

    def exchange(
        self, v: np.ndarray, h: np.ndarray, energy: np.ndarray, chains: int, t: int
    ) -> None:
        """Exchange neighboring replicas, even pairs and then odd ones."""
        key = [self.seed & 0xFFFFFFFF, self.seed >> 32]
        step = self.step
        self.step += 1
        for c in range(chains):
            for parity in range(2):
                for low in range(parity, t - 1, 2):
                    panel = parity << 19 | low // 64
                    item = (c << 20 | panel) * 16 + low % 64 % 16
                    word = core.philox([item & 0xFFFFFFFF, item >> 32, step, TRAIN], key)[
                        low % 64 // 16
                    ]
                    i, j = low * chains + c, (low + 1) * chains + c
                    if np.log(((word >> 8) + 0.5) / 2**24) < (energy[i] - energy[j]) / (t - 1):
                        v[[i, j]], h[[i, j]] = v[[j, i]], h[[j, i]]
                        energy[[i, j]] = energy[[j, i]]

    def update(
        self,
        v0: np.ndarray,
        p0: np.ndarray,
        f0: np.ndarray,
        v1: np.ndarray,
        p1: np.ndarray,
        f1: np.ndarray,
        share: float,
    ) -> None:
        s = self.settings
        dw = (p0 * f0[:, None]).T @ v0 - (p1 * f1[:, None]).T @ v1
        da = f0 @ v0 - f1 @ v1
        db = f0 @ p0 - f1 @ p1
        if self.mu is not None and self.lambda_ is not None:
            self.mu = self.mu + s["offset_rate"] * (f0 @ v0 / share - self.mu)
            self.lambda_ = self.lambda_ + s["offset_rate"] * (f0 @ p0 / share - self.lambda_)
            dw = dw - np.outer(db, self.mu) - np.outer(self.lambda_, da)
            gradient = dw
        pull = np.zeros(len(self.b))
        if self.activity is not None:
            keep = s["sparsity_decay"]
            self.activity = keep * self.activity + (1 - keep) * (f0 @ p0) / share
            pull = s["sparsity_cost"] * (s["sparsity_target"] - self.activity)
            dw = dw + np.outer(pull, f0 @ v0)
        if self.mu is not None and self.lambda_ is not None:
            gradient = dw
            da, db = da - self.lambda_ @ gradient, db - gradient @ self.mu
        db = db + pull
        step = [
            s["rate"] * (dw - s["l2"] * self.w - s["l1"] * np.sign(self.w)),
            s["rate"] * da,
            s["rate"] * db,
        ]
        if self.velocity is not None:
            step = [s["momentum"] * v + d for v, d in zip(self.velocity, step, strict=True)]
            self.velocity = step
        self.w, self.a, self.b = self.w + step[0], self.a + step[1], self.b + step[2]
        if self.fast is not None:
            self.fast = [
                s["fast_decay"] * f + s["fast_rate"] * g
                for f, g in zip(self.fast, (dw, da, db), strict=True)
            ]
