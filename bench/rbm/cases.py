"""The cases of Boltzmann machines: speed of training, and how good a trained machine is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

#: Shapes of the speed cases.
HIDDEN = (128, 500, 1024)
BATCHES = (64, 128, 500)

#: Methods and Gibbs steps; PCD-1 is what scikit-learn has, and as much work as CD-1.
METHODS = (("cd", 1), ("pcd", 1), ("cd", 10))


@dataclass(frozen=True)
class RbmCase:
    """Plain stochastic gradient steps of (persistent) contrastive divergence, the same for all.

    Weights start from N(0, 0.01^2), biases at 0. After ``n_epochs`` the machines are compared.
    """

    name: str
    method: str
    k: int
    hidden: int
    batch: int
    data: str = "mnist"
    n_epochs: int = 2
    rate: float = 0.05
    #: Maximum relative difference from the reference due to chance; see rbm/evaluation.py.
    tolerance: float = 0.02
    #: Rows of the data that are trained on; 0 for all of them.
    n_rows: int = 0
    group: str = ""
    series: str = ""

    def quick(self) -> RbmCase:
        """Return the same kind of work in a size for smoke tests.

        Machines of other seeds differ by at most .4% then, and one that saw half of the rows by 6%.
        """
        hidden = self.hidden // 16 if self.group == "growth" else min(self.hidden, 16)
        return replace(
            self,
            data="tiny",
            hidden=hidden,
            batch=20,
            n_epochs=4,
            rate=0.1,
            k=min(self.k, 3),
            n_rows=self.n_rows // 150,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class QualityCase:
    """One machine of ours, trained and then judged by its likelihood.

    ``states`` is the meaning of MNIST's gray levels: "thresholded" at half, or "sampled" anew
    whenever a row is used, as probabilities. Figures of the two must not be mixed.
    ``target`` is the mean log-likelihood of the test rows to reach, in nats.
    """

    name: str
    states: str
    log_z: str
    target: float
    settings: dict[str, Any]
    seed: int = 0
    data: str = "mnist"
    group: str = ""

    def quick(self) -> QualityCase:
        """Return the same kind of work in a size for smoke tests."""
        hidden = 6 if self.log_z == "exact" else 30
        settings = {**self.settings, "n_components": hidden, "batch_size": 20, "n_iter": 3}
        return replace(self, data="tiny", settings=settings)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _tolerance(k: int, hidden: int, batch: int) -> float:
    """Return the tolerance for machines with other seeds."""
    # few and long steps: after 240, with 1024 hidden units, two of PyTorch's were 1.9% apart, ours
    # between them, and the reference 2.5% below; one of half the steps is 15% above
    return 0.05 if k == 10 and hidden >= 500 and batch == 500 else 0.02


def _cases() -> list[RbmCase]:
    return [
        RbmCase(
            f"rbm-{method}{k}-{hidden}-{batch}",
            method,
            k,
            hidden,
            batch,
            tolerance=_tolerance(k, hidden, batch),
        )
        for method, k in METHODS
        for hidden in HIDDEN
        for batch in BATCHES
    ]


#: Every case by name, in the order of the report.
CASES: dict[str, RbmCase] = {case.name: case for case in _cases()}

_COMMON = {"method": "pcd", "centered": True, "visible_bias": "data"}

#: Targets: Melchior, Fischer and Wiskott (2016) report -142.6 for 16 hidden units and -84.9 for
#: 500, centered; Salakhutdinov and Murray (2008) -86.3 for 500, sampled, CD-25.
QUALITY: dict[str, QualityCase] = {
    case.name: case
    for case in (
        QualityCase(
            "rbm-quality-16",
            "thresholded",
            "exact",
            -138.6,
            {
                **_COMMON,
                "n_components": 16,
                "batch_size": 100,
                "n_iter": 50,
                "learning_rate": 0.05,
                "learning_rate_schedule": "linear",
            },
        ),
        QualityCase(
            "rbm-quality-500",
            "thresholded",
            "ais",
            -84.9,
            {
                **_COMMON,
                "n_components": 500,
                "batch_size": 100,
                "n_iter": 200,
                "learning_rate": 0.05,
                "learning_rate_schedule": "linear",
            },
        ),
        QualityCase(
            "rbm-quality-500-sampled",
            "sampled",
            "ais",
            -86.3,
            {
                **_COMMON,
                "n_components": 500,
                "batch_size": 100,
                "n_iter": 200,
                "learning_rate": 0.05,
                "learning_rate_schedule": "linear",
            },
        ),
    )
}

#: The meaning of the words on the command line.
GROUPS: dict[str, tuple[str, ...]] = {"rbm": tuple(CASES), "rbm-quality": tuple(QUALITY)}
