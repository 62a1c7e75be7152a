"""Our Boltzmann machine, by the public interface only: one whole fit, monitoring included."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rbm.cases import RbmCase

NAME = "gibbous"
REQUIRES = ("gibbous",)
DISTRIBUTIONS = ("gibbous",)


def refuses(case: RbmCase) -> str:
    return ""


def load(case: RbmCase, threads: int) -> None:
    from gibbous import BernoulliRBM  # noqa: F401


def trainer(case: RbmCase, data: np.ndarray, threads: int, seed: int, variant: str) -> _Fit:
    return _Fit(case, data, threads, seed)


class _Fit:
    def __init__(self, case: RbmCase, data: np.ndarray, threads: int, seed: int) -> None:
        from gibbous import BernoulliRBM

        self.data = data
        self.model = BernoulliRBM(
            case.hidden,
            method=case.method,
            n_gibbs_steps=case.k,
            learning_rate=case.rate,
            batch_size=case.batch,
            n_jobs=threads,
            random_state=seed,
        )

    def epochs(self, n: int) -> list[float]:
        self.model.set_params(n_iter=n).fit(self.data)
        return list(self.model.history_.seconds)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        model = self.model
        return model.components_, model.intercept_visible_, model.intercept_hidden_


def estimator(settings: dict[str, Any], threads: int, seed: int) -> Any:
    """Return the machine whose likelihood the cases rbm-quality print."""
    from gibbous import BernoulliRBM

    return BernoulliRBM(**settings, n_jobs=threads, random_state=seed)
