"""The package lda: collapsed Gibbs sampling, one thread."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ...lda.cases import TopicCase
from ...lda.heldout import Counts

NAME = "lda"
REQUIRES = ("lda",)
DISTRIBUTIONS = ("lda",)


def refuses(case: TopicCase) -> str:
    return ""


def load(case: TopicCase, threads: int) -> None:
    import lda  # noqa: F401


def start(
    case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int, variant: str
) -> _Chain:
    return _Chain(case, corpus, seed)


class _Chain:
    """The part of its fit between set-up and end, so that the chain can be inspected."""

    def __init__(self, case: TopicCase, corpus: sparse.csr_matrix, seed: int) -> None:
        import lda

        self.case = case
        self.model = lda.LDA(case.k, alpha=case.alpha, eta=case.beta, random_state=seed)
        self.random = np.random.default_rng(seed)
        self.uniforms = self.random.random(1024**2 // 8)
        self.model._initialize(corpus)

    def sweep(self, n: int) -> None:
        for _ in range(n):
            self.random.shuffle(self.uniforms)
            self.model._sample_topics(self.uniforms)

    def state(self) -> Counts:
        return Counts(
            sparse.csr_matrix(self.model.nzw_.T), sparse.csr_matrix(self.model.ndz_), self.case.beta
        )
