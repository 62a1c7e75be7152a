"""The package rbms (on PyTorch): its gradient and chains, with the plain steps used for all.

Its own ``train`` also scales every gradient to length one, permutes all rows to draw one batch and
writes a line to a file on disk each step; without these it is faster and learns what the others
learn.
"""

from __future__ import annotations

import time

import numpy as np

from ...rbm.cases import RbmCase

NAME = "rbms"
REQUIRES = ("rbms", "torch")
DISTRIBUTIONS = ("rbms", "torch")


def refuses(case: RbmCase) -> str:
    return ""


def load(case: RbmCase, threads: int) -> None:
    import rbms.bernoulli_bernoulli.classes  # noqa: F401
    import torch

    torch.set_num_threads(threads)


def trainer(case: RbmCase, data: np.ndarray, threads: int, seed: int, variant: str) -> _Trainer:
    return _Trainer(case, data, seed)


class _Trainer:
    def __init__(self, case: RbmCase, data: np.ndarray, seed: int) -> None:
        import torch
        from rbms.bernoulli_bernoulli.classes import BBRBM

        self.case, self.torch = case, torch
        torch.manual_seed(seed)
        self.x = torch.from_numpy(data).to(torch.float32)
        self.weight = torch.ones(len(data))
        d = data.shape[1]
        w = 0.01 * torch.randn(d, case.hidden)
        self.model = BBRBM(w, torch.zeros(d), torch.zeros(case.hidden))
        self.model.init_grad()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=case.rate, maximize=True)
        self.chains = self.model.init_chains(case.batch)

    def epochs(self, n: int) -> list[float]:
        times = []
        with self.torch.no_grad():
            for _ in range(n):
                began = time.perf_counter()
                order = self.torch.randperm(len(self.x))
                for first in range(0, len(order), self.case.batch):
                    self._step(order[first : first + self.case.batch])
                times.append(time.perf_counter() - began)
        return times

    def _step(self, rows: object) -> None:
        data = self.model.init_chains(0, weights=self.weight[rows], start_v=self.x[rows])
        chains = data if self.case.method == "cd" else self.chains
        self.chains = self.model.sample_state(chains=chains, n_steps=self.case.k)
        self.model.compute_gradient(data=data, chains=self.chains, centered=False)
        self.optimizer.step()

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        model = self.model
        return model.weight_matrix.t().numpy(), model.vbias.numpy(), model.hbias.numpy()
