"""Slow, straightforward online EM for Gaussian mixtures, on sums of 1, x and x x^T in long
double."""

from __future__ import annotations

import numpy as np

from reference import gmm
from reference.gmm import LONG, Mixture


class Online:
    """Running statistics as plain sums of each row, relative to a fixed origin."""

    def __init__(self, kind: str, reg: float, decay: float, offset: float, origin=0.0) -> None:
        self.kind, self.reg, self.decay, self.offset = kind, reg, decay, offset
        self.origin = LONG(origin)
        self.s: list[np.ndarray] | None = None
        self.seen = self.worth = LONG(0)

    def start(self, m: Mixture, n: float) -> None:
        """Continue from a fit to n rows."""
        k, d = m.means.shape
        w, mu = m.weights.astype(LONG), m.means.astype(LONG) - self.origin
        full = np.array([gmm.covariance_of(m, self.kind, c) for c in range(k)]).astype(LONG)
        full = full - LONG(self.reg) * np.eye(d, dtype=LONG)
        second = full + mu[:, :, None] * mu[:, None, :]
        self.s = [w, w[:, None] * mu, w[:, None, None] * second]
        self.seen = self.worth = LONG(n)

    def step(self, X, m: Mixture, weight=None) -> Mixture:
        X = X.astype(LONG)
        w = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
        _, r = gmm.responsibilities(X, m, self.kind)
        r = r * w[:, None]
        n, z = w.sum(), X - self.origin
        new = [r.sum(0) / n, r.T @ z / n, np.einsum("ik,ia,ib->kab", r, z, z) / n]
        self.seen += n
        if self.s is None:
            self.s, self.worth = new, n
        else:
            rate = (self.seen / n + LONG(self.offset)) ** LONG(-self.decay)
            self.s = [(1 - rate) * a + rate * b for a, b in zip(self.s, new, strict=True)]
            self.worth = 1 / ((1 - rate) ** 2 / self.worth + rate**2 / n)
        return self.mixture()

    def mixture(self) -> Mixture:
        assert self.s is not None
        mass, first, second = self.s
        d = first.shape[1]
        means = first / mass[:, None]
        scatter = second - mass[:, None, None] * means[:, :, None] * means[:, None, :]
        eye = LONG(self.reg) * np.eye(d, dtype=LONG)
        if self.kind == "tied":
            c = scatter.sum(0) / mass.sum() + eye
        else:
            c = scatter / mass[:, None, None] + eye
            if self.kind != "full":
                c = np.array([np.diag(x) for x in c])
            if self.kind == "spherical":
                c = c.mean(1)
        return Mixture(mass / mass.sum(), self.origin + means, c)
