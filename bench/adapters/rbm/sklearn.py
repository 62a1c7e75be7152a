"""scikit-learn: persistent chains, one Gibbs step, mini-batches in the order of the rows."""

from __future__ import annotations

import time

import numpy as np

from ...rbm.cases import RbmCase

NAME = "scikit-learn"
REQUIRES = ("sklearn",)
DISTRIBUTIONS = ("scikit-learn",)


def refuses(case: RbmCase) -> str:
    return (
        "" if (case.method, case.k) == ("pcd", 1) else "supports PCD-1 only; see the cases rbm-pcd1"
    )


def load(case: RbmCase, threads: int) -> None:
    import sklearn.neural_network  # noqa: F401


def trainer(case: RbmCase, data: np.ndarray, threads: int, seed: int, variant: str) -> _Trainer:
    return _Trainer(case, data, seed)


class _Trainer:
    """What its fit does, epoch by epoch; it shuffles nothing, so the data come shuffled."""

    def __init__(self, case: RbmCase, data: np.ndarray, seed: int) -> None:
        from sklearn.neural_network import BernoulliRBM

        self.case = case
        self.x = data.astype(np.float32)
        self.model = BernoulliRBM(
            case.hidden,
            learning_rate=case.rate,
            batch_size=case.batch,
            n_iter=0,
            random_state=seed,
        )
        self.model.fit(self.x)
        self.rng = np.random.RandomState(seed)

    def epochs(self, n: int) -> list[float]:
        times = []
        for _ in range(n):
            began = time.perf_counter()
            for first in range(0, len(self.x), self.case.batch):
                self.model._fit(self.x[first : first + self.case.batch], self.rng)
            times.append(time.perf_counter() - began)
        return times

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return (
            self.model.components_,
            self.model.intercept_visible_,
            self.model.intercept_hidden_,
        )
