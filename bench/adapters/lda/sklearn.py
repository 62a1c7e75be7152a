"""scikit-learn: variational Bayes in batches; a sweep is a pass over all documents."""

from __future__ import annotations

from scipy import sparse

from ...lda.cases import TopicCase
from ...lda.heldout import Variational

NAME = "scikit-learn"
REQUIRES = ("sklearn",)
DISTRIBUTIONS = ("scikit-learn",)

#: With more than one thread its work is done in processes, whose memory counts.
PROCESSES = True


def refuses(case: TopicCase) -> str:
    return ""


def load(case: TopicCase, threads: int) -> None:
    import joblib  # noqa: F401
    import sklearn.decomposition  # noqa: F401


def start(
    case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int, variant: str
) -> _Chain:
    return _Chain(case, corpus, threads, seed)


class _Chain:
    """The part of its fit between set-up and end, so that the passes can be inspected."""

    def __init__(self, case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int) -> None:
        from sklearn.decomposition import LatentDirichletAllocation
        from sklearn.utils.parallel import Parallel

        self.model = LatentDirichletAllocation(
            case.k,
            doc_topic_prior=case.alpha,
            topic_word_prior=case.beta,
            n_jobs=threads,
            random_state=seed,
        )
        self.data = self.model._check_non_neg_array(
            corpus, reset_n_features=True, whom="LatentDirichletAllocation.fit"
        )
        self.model._init_latent_vars(corpus.shape[1], dtype=self.data.dtype)
        self.parallel = Parallel(n_jobs=threads)

    def sweep(self, n: int) -> None:
        with self.parallel:
            for _ in range(n):
                self.model._em_step(
                    self.data,
                    total_samples=self.data.shape[0],
                    batch_update=True,
                    parallel=self.parallel,
                )

    def state(self) -> Variational:
        return Variational(self.model.components_)
