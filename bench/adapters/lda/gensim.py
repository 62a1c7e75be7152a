"""gensim: online variational Bayes in processes (Hoffman et al. 2010); a sweep is a pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ...lda.cases import TopicCase
from ...lda.heldout import Variational

NAME = "gensim"
REQUIRES = ("gensim",)
DISTRIBUTIONS = ("gensim",)

#: Its work is done in processes, whose memory counts.
PROCESSES = True


def refuses(case: TopicCase) -> str:
    return ""


def load(case: TopicCase, threads: int) -> None:
    import gensim.models.ldamulticore  # noqa: F401


def start(
    case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int, variant: str
) -> _Chain:
    return _Chain(case, corpus, threads, seed)


class _Chain:
    def __init__(self, case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int) -> None:
        from gensim.matutils import Sparse2Corpus
        from gensim.models import LdaMulticore

        class Model(LdaMulticore):  # type: ignore[misc]
            """Continue by passes, as if all had been requested at once."""

            passes_done = 0

            def do_mstep(self, rho: float, other: Any, extra_pass: bool = False) -> None:
                super().do_mstep(rho, other, extra_pass or self.passes_done > 0)

        self.n_documents = corpus.shape[0]
        self.corpus = Sparse2Corpus(corpus, documents_columns=False)
        self.model = Model(
            num_topics=case.k,
            id2word=_Numbers(corpus.shape[1]),
            workers=threads,
            alpha=np.full(case.k, case.alpha, dtype=np.float32),
            eta=case.beta,
            passes=1,
            eval_every=None,
            random_state=seed,
        )
        self.first_offset = self.model.offset

    def sweep(self, n: int) -> None:
        for _ in range(n):
            # its step length falls with the passes, and each update adds the documents again
            self.model.offset = self.first_offset + self.model.passes_done
            self.model.state.numdocs = 0
            self.model.update(self.corpus)
            self.model.passes_done += 1

    def state(self) -> Variational:
        return Variational(self.model.state.get_lambda())


class _Numbers(dict):  # type: ignore[type-arg]
    """A vocabulary in which words are their numbers, without further memory."""

    def __init__(self, n: int) -> None:
        super().__init__({n - 1: str(n - 1)})

    def __missing__(self, key: int) -> str:
        return str(key)
