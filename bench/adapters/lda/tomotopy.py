"""tomotopy: collapsed Gibbs sampling, parallel by partitions of the documents and words."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ...lda.cases import TopicCase
from ...lda.heldout import Counts
from .gibbous import by_document

NAME = "tomotopy"
REQUIRES = ("tomotopy",)
DISTRIBUTIONS = ("tomotopy",)


def refuses(case: TopicCase) -> str:
    return ""


def load(case: TopicCase, threads: int) -> None:
    import tomotopy  # noqa: F401


def start(
    case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int, variant: str
) -> _Chain:
    return _Chain(case, corpus, threads, seed)


class _Chain:
    def __init__(self, case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int) -> None:
        import tomotopy

        self.case, self.corpus, self.threads = case, corpus, threads
        self.model = tomotopy.LDAModel(k=case.k, alpha=case.alpha, eta=case.beta, seed=seed)
        # 0 keeps alpha as it is
        self.model.optim_interval = 0
        names = [str(i) for i in range(corpus.shape[1])]
        for first, last in zip(corpus.indptr, corpus.indptr[1:], strict=False):
            words = np.repeat(corpus.indices[first:last], corpus.data[first:last])
            if len(words):
                self.model.add_doc([names[i] for i in words.tolist()])
        self.model.train(0, workers=threads)

    def sweep(self, n: int) -> None:
        self.model.train(n, workers=self.threads)

    def state(self) -> Counts:
        # the array of a document belongs to the model, which may move it: copy
        assignments = np.concatenate([d.topics.copy() for d in self.model.docs])
        words = np.repeat(self.corpus.indices, self.corpus.data)
        lengths = np.asarray(self.corpus.sum(axis=1)).ravel()
        shape = (self.corpus.shape[0], self.case.k)
        ones = np.ones(len(words), dtype=np.int32)
        counts = sparse.coo_matrix(
            (ones, (words, assignments.astype(np.int32))),
            shape=(self.corpus.shape[1], self.case.k),
        ).tocsr()
        return Counts(counts, by_document(assignments, lengths, shape), self.case.beta)

    def reported(self) -> Any:
        return float(self.model.ll_per_word)
