"""learnergy (on PyTorch): its chain, its energy and its gradient by derivation, plain steps.

Its own ``fit`` also collates the rows one by one and evaluates a pseudo-likelihood each step;
without these it is faster and learns what the others learn. Its chains start from the data.
"""

from __future__ import annotations

import time

import numpy as np

from ...rbm.cases import RbmCase

NAME = "learnergy"
REQUIRES = ("learnergy", "torch")
DISTRIBUTIONS = ("learnergy", "torch")


def refuses(case: RbmCase) -> str:
    return "" if case.method == "cd" else "supports CD only; see the cases rbm-cd*"


def load(case: RbmCase, threads: int) -> None:
    import torch
    from learnergy.models.bernoulli import RBM  # noqa: F401

    torch.set_num_threads(threads)


def trainer(case: RbmCase, data: np.ndarray, threads: int, seed: int, variant: str) -> _Trainer:
    return _Trainer(case, data, seed)


class _Trainer:
    def __init__(self, case: RbmCase, data: np.ndarray, seed: int) -> None:
        import torch
        from learnergy.models.bernoulli import RBM

        self.case, self.torch = case, torch
        torch.manual_seed(seed)
        self.x = torch.from_numpy(data).to(torch.float32)
        self.model = RBM(data.shape[1], case.hidden, steps=case.k, learning_rate=case.rate)

    def epochs(self, n: int) -> list[float]:
        times = []
        for _ in range(n):
            began = time.perf_counter()
            order = self.torch.randperm(len(self.x))
            for first in range(0, len(order), self.case.batch):
                self._step(self.x[order[first : first + self.case.batch]])
            times.append(time.perf_counter() - began)
        return times

    def _step(self, rows: object) -> None:
        model = self.model
        with self.torch.no_grad():
            visible = model.gibbs_sampling(rows)[4]
        cost = self.torch.mean(model.energy(rows)) - self.torch.mean(model.energy(visible))
        model.optimizer.zero_grad()
        cost.backward()
        model.optimizer.step()

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w, a, b = (p.detach().numpy() for p in (self.model.W, self.model.a, self.model.b))
        return w.T, a, b
