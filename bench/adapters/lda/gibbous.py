"""Our topics, by the public interface only."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy import sparse

from ...lda.cases import TopicCase
from ...lda.heldout import Counts
from .whole_fits import WholeFits

NAME = "gibbous"
REQUIRES = ("gibbous",)
DISTRIBUTIONS = ("gibbous",)

#: Settings of each variant, in addition to the common ones.
SAMPLERS: dict[str, dict[str, Any]] = {
    "auto": {"sampler": "auto"},
    "fast": {"sampler": "fast", "n_proposals": 1},
    "fast-3": {"sampler": "fast", "n_proposals": 3},
    "exact": {"sampler": "exact"},
}

#: Variants whose sweeps propose topics and may keep the old ones: one sweep is not equivalent to
#: one of Gibbs sampling, so they are not ranked by seconds per sweep.
PROPOSALS = ("auto", "fast", "fast-3")

#: Exact sweeps at the end of an "auto" fit, as in its default, unless a tenth of all is fewer.
_SETTLE = 20


def variants(case: TopicCase) -> tuple[str, ...]:
    return ("fast", "fast-3", "exact") if case.kind == "lda" else tuple(SAMPLERS)


def refuses(case: TopicCase) -> str:
    return ""


def load(case: TopicCase, threads: int) -> None:
    from gibbous import LatentDirichletAllocation  # noqa: F401


def start(
    case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int, variant: str
) -> WholeFits:
    return _Fits(case, corpus, threads, seed, variant)


class _Fits(WholeFits):
    def __init__(
        self, case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int, variant: str
    ) -> None:
        super().__init__()
        self.case, self.corpus, self.variant = case, corpus, variant
        self.fixed = {"n_jobs": threads, "random_state": seed, **SAMPLERS[variant]}
        self.model: Any = None

    def fit(self, n_sweeps: int) -> list[float]:
        from gibbous import LatentDirichletAllocation

        self.model = None  # the last state is freed before the next one is allocated
        # A fit that ends by itself evaluates and averages, which is part of "auto"; for the others
        # only the sweeps are timed, so they are stopped before that.
        whole = self.variant == "auto"
        self.model = LatentDirichletAllocation(
            self.case.k,
            doc_topic_prior=self.case.alpha,
            topic_word_prior=self.case.beta,
            optimize_priors=False,
            evaluate_every=0,
            settle_iter=min(_SETTLE, n_sweeps // 10),
            max_iter=n_sweeps if whole else n_sweeps + 1,
            **self.fixed,
        )
        seconds: list[float] = []
        worked: list[float] = []

        def told(progress: Any) -> bool:
            seconds.append(progress.seconds)
            worked.append(sum(os.times()[:4]))
            return len(seconds) == n_sweeps

        self.model.fit(self.corpus, callback=told)
        new = n_sweeps - self.done
        if new < n_sweeps:
            self.processor = worked[-1] - worked[-1 - new]
        return seconds

    def state(self) -> Counts:
        return Counts(
            sparse.csr_matrix(self.model.word_topic_),
            sparse.csr_matrix(self.model.document_topic_),
            self.case.beta,
            topics=self.model.topics_.columns if self.variant == "auto" else None,
        )


def by_document(
    assignments: np.ndarray, lengths: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Return document-topic counts from the topics of tokens in the documents' order."""
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    ones = np.ones(len(assignments), dtype=np.int32)
    found = sparse.csr_matrix((ones, assignments.astype(np.int32), indptr), shape=shape)
    found.sum_duplicates()
    return found
