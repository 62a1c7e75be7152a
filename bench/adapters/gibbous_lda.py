"""Our topics, by the public interface only."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..heldout import Counts
from ..topic_cases import TopicCase
from .whole_fits import WholeFits

NAME = "gibbous"
REQUIRES = ("gibbous.lda",)
DISTRIBUTIONS = ("gibbous",)

#: What each variant sets beside the common settings.
SAMPLERS: dict[str, dict[str, Any]] = {
    "auto": {"sampler": "auto"},
    "fast": {"sampler": "fast", "n_proposals": 1},
    "fast-3": {"sampler": "fast", "n_proposals": 3},
    "exact": {"sampler": "exact"},
}


def variants(case: TopicCase) -> tuple[str, ...]:
    return ("fast", "fast-3", "exact") if case.kind == "lda" else tuple(SAMPLERS)


def refuses(case: TopicCase) -> str:
    return ""


def load(case: TopicCase, threads: int) -> None:
    import gibbous.lda  # noqa: F401


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
        from gibbous.lda import LatentDirichletAllocation

        self.model = None  # the last state goes before the next one comes
        self.model = LatentDirichletAllocation(
            self.case.k,
            doc_topic_prior=self.case.alpha,
            topic_word_prior=self.case.beta,
            optimize_priors=False,
            max_iter=n_sweeps,
            **self.fixed,
        )
        seconds: list[float] = []
        self.model.fit(self.corpus, callback=lambda progress: seconds.append(progress.seconds))
        return seconds

    def state(self) -> Counts:
        return Counts(
            sparse.csr_matrix(self.model.word_topic_),
            self._by_document(),
            self.case.beta,
            topics=self.model.topics_.column if self.variant == "auto" else None,
        )

    def _by_document(self) -> sparse.csr_matrix | None:
        """Count the assignments, which come document by document, words ascending."""
        assignments = getattr(self.model, "assignments_", None)
        if assignments is None:
            return None
        shape = (self.corpus.shape[0], self.case.k)
        lengths = np.asarray(self.corpus.sum(axis=1)).ravel()
        return by_document(assignments, lengths, shape)


def by_document(
    assignments: np.ndarray, lengths: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Return document-topic counts from the topics of tokens in the documents' order."""
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    ones = np.ones(len(assignments), dtype=np.int32)
    found = sparse.csr_matrix((ones, assignments.astype(np.int32), indptr), shape=shape)
    found.sum_duplicates()
    return found
