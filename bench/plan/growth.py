"""Cases that differ in one size only, and cases that run at every number of threads.

A series is a set of cases whose seconds are fitted on the size that differs: seconds ~ size^a.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..gmm.cases import CASES as GMM_CASES
from ..kmeans.cases import CASES as KMEANS_CASES
from ..lda.cases import CASES as TOPIC_CASES
from ..lda.cases import TopicCase
from ..rbm.cases import CASES as RBM_CASES
from ..rbm.cases import RbmCase
from ..rows.case import Case

_GMM = Case("", "gmm", 50_000, 16, 16, 1.0, 3, 1e-6, covariance="full")
_KMEANS = Case("", "kmeans", 100_000, 16, 32, 1.0, 9, 1e-5, dtype="float32")
_LDA = TopicCase("", "lda", "synth1m", 100)
_RBM = RbmCase("", "cd", 1, 256, 128, n_epochs=1)

#: Base case, the field that grows, and its values.
_SERIES: dict[str, tuple[Any, str, tuple[Any, ...]]] = {
    "growth-gmm-n": (_GMM, "n", (25_000, 100_000, 400_000)),
    "growth-gmm-d": (_GMM, "d", (8, 16, 32, 64)),
    "growth-gmm-k": (_GMM, "k", (4, 16, 64)),
    "growth-kmeans-n": (_KMEANS, "n", (50_000, 200_000, 800_000)),
    "growth-kmeans-d": (_KMEANS, "d", (8, 32, 128)),
    "growth-kmeans-k": (_KMEANS, "k", (16, 64, 256)),
    "growth-lda-tokens": (_LDA, "corpus", ("synth250k", "synth1m", "synth4m")),
    "growth-lda-topics": (_LDA, "k", (25, 100, 400)),
    "growth-rbm-hidden": (_RBM, "hidden", (128, 256, 512)),
    "growth-rbm-n_rows": (_RBM, "n_rows", (15_000, 30_000, 60_000)),
}


def _grown() -> dict[str, Any]:
    found = {}
    for series, (base, field, values) in _SERIES.items():
        for value in values:
            name = f"{series}-{value}"
            found[name] = replace(base, name=name, group="growth", series=series, **{field: value})
    return found


def _scaled() -> dict[str, Any]:
    """One case of each model; they run at 1, 2, 4 ... threads."""
    chosen = {
        "gmm": GMM_CASES["A"],
        "kmeans": replace(KMEANS_CASES["kmeans"], n=200_000),
        "lda": TOPIC_CASES["lda-20news-100"],
        "rbm": replace(RBM_CASES["rbm-cd1-500-128"], n_epochs=1),
    }
    return {
        f"scaling-{model}": replace(
            case, name=f"scaling-{model}", group="scaling", series=f"scaling-{model}"
        )
        for model, case in chosen.items()
    }


GROWTH, SCALING = _grown(), _scaled()
GROUPS = {"scaling": tuple(SCALING), "growth": tuple(GROWTH)}


def of(kind: type) -> dict[str, Any]:
    """Return the cases of one class, by name."""
    return {name: case for name, case in {**SCALING, **GROWTH}.items() if isinstance(case, kind)}


def thread_counts(processors: int) -> tuple[int, ...]:
    """Return 1, 2, 4 and so on, and all."""
    powers = {1 << i for i in range(processors.bit_length()) if 1 << i <= processors}
    return tuple(sorted(powers | {processors}))
