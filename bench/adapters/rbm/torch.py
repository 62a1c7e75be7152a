"""PyTorch on a CPU, as fast as we could write it: no library of machines, one step by hand.

Every array is made once, products write into it, sigmoid, random numbers and comparison happen in
place, both phases of the gradient are one product that adds to the weights, and nothing is
recorded for derivatives. PyTorch draws uniform numbers on one thread whatever its settings; with
more threads they are drawn ahead here by as many, each from a generator of its own.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ...harness.machine import instruction_sets
from ...rbm.cases import RbmCase

NAME = "PyTorch"
REQUIRES = ("torch",)
DISTRIBUTIONS = ("torch",)

#: Bytes of random numbers drawn in advance: they should stay in the L3 cache.
_AHEAD = 4 << 20


def variants(case: RbmCase) -> tuple[str, ...]:
    """Products in bf16 only if the processor has tiles for them; they are slow elsewhere."""
    return ("f32", "bf16") if "amx_tile" in instruction_sets() else ("f32",)


def refuses(case: RbmCase) -> str:
    return ""


def load(case: RbmCase, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def trainer(case: RbmCase, data: np.ndarray, threads: int, seed: int, variant: str) -> Trainer:
    return Trainer(case, data, threads, seed, variant)


class Noise:
    """Uniform numbers, drawn in advance by the available threads."""

    def __init__(self, width: int, rows: int, threads: int, seed: int) -> None:
        import torch

        self._n = width * rows
        self._blocks = max(1, min(64, _AHEAD // (4 * self._n))) if threads > 1 else 1
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._buffer = torch.empty(self._blocks * self._n)
        self._parts = self._buffer.chunk(threads)
        self._generators = [torch.Generator().manual_seed(seed + i) for i in range(threads)]
        self._at = self._blocks

    def take(self) -> Any:
        """Return numbers for a whole layer of a mini-batch, valid until the next call."""
        if self._at == self._blocks:
            self._at = 0
            if self._pool is None:
                self._buffer.uniform_(generator=self._generators[0])
            else:
                list(self._pool.map(self._fill, range(len(self._parts))))
        first = self._at * self._n
        self._at += 1
        return self._buffer[first : first + self._n]

    def _fill(self, part: int) -> None:
        self._parts[part].uniform_(generator=self._generators[part])


class Trainer:
    """Contrastive divergence, from the data or persistent."""

    def __init__(
        self, case: RbmCase, data: np.ndarray, threads: int, seed: int, variant: str
    ) -> None:
        import torch

        self.case, self.torch = case, torch
        n, d = data.shape
        b, k = case.batch, case.hidden
        torch.manual_seed(seed)
        self.x = torch.from_numpy(data).to(torch.float32)
        self.w = torch.empty(d, k).normal_(0.0, 0.01)
        self.a, self.b = torch.zeros(d), torch.zeros(k)
        # data above, chains below: one product makes both phases of the gradient
        self.v, self.p = torch.empty(2 * b, d), torch.empty(2 * b, k)
        self.h = torch.zeros(b, k)
        self.order = torch.empty(n, dtype=torch.int64)
        self.below = Noise(d, b, threads, 10 * seed + 1)
        self.above = Noise(k, b, threads, 10 * seed + 6)
        self.half = _Halved(self) if variant == "bf16" else None

    def epochs(self, n: int) -> list[float]:
        times = []
        with self.torch.inference_mode():
            for _ in range(n):
                began = time.perf_counter()
                self._epoch()
                times.append(time.perf_counter() - began)
        return times

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.w.t().numpy(), self.a.numpy(), self.b.numpy()

    def _epoch(self) -> None:
        torch, size = self.torch, self.case.batch
        torch.randperm(len(self.order), out=self.order)
        for first in range(0, len(self.order), size):
            rows = self.order[first : first + size]
            torch.index_select(self.x, 0, rows, out=self.v[: len(rows)])
            self._step(len(rows))

    def _step(self, m: int) -> None:
        case = self.case
        persistent = case.method == "pcd"
        chains = case.batch if persistent else m
        v, p = self.v[m : m + chains], self.p[m : m + chains]
        h = self.h[:chains]
        self._up(self.v[:m], self.p[:m])
        if not persistent:
            self._draw(self.above, self.p[:m], h)
        for step in range(case.k):
            self._down(h, v)
            self._draw(self.below, v, v)
            self._up(v, p)
            if persistent or step + 1 < case.k:
                self._draw(self.above, p, h)
        rate = case.rate / m
        p.mul_(-m / chains)
        both_v, both_p = self.v[: m + chains], self.p[: m + chains]
        if self.half:
            self.half.update(both_v, both_p, rate)
        else:
            self.w.addmm_(both_v.t(), both_p, alpha=rate)
        self.b.add_(both_p.sum(0), alpha=rate)
        self.a.add_(self.v[:m].sum(0), alpha=rate).sub_(v.sum(0), alpha=rate * m / chains)

    def _up(self, v: Any, out: Any) -> None:
        if self.half:
            self.half.product(v, self.half.w, self.b, out)
        else:
            self.torch.addmm(self.b, v, self.w, out=out)
        out.sigmoid_()

    def _down(self, h: Any, out: Any) -> None:
        if self.half:
            self.half.product(h, self.half.w.t(), self.a, out)
        else:
            self.torch.addmm(self.a, h, self.w.t(), out=out)
        out.sigmoid_()

    def _draw(self, noise: Noise, means: Any, out: Any) -> None:
        u = noise.take()[: means.numel()].view(means.shape)
        self.torch.lt(u, means, out=out)


class _Halved:
    """The same products with 16-bit numbers; sums and the weights themselves stay float32."""

    def __init__(self, of: Trainer) -> None:
        self.of, self.torch = of, of.torch
        self.w = of.w.to(of.torch.bfloat16)

    def product(self, x: Any, w: Any, bias: Any, out: Any) -> None:
        out.copy_(self.torch.mm(x.to(self.torch.bfloat16), w)).add_(bias)

    def update(self, v: Any, p: Any, rate: float) -> None:
        half = self.torch.bfloat16
        self.of.w.add_(self.torch.mm(v.to(half).t(), p.to(half)), alpha=rate)
        self.w.copy_(self.of.w)
