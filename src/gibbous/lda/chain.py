"""One Markov chain over the topics of a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._ground import random
from .._ground.arrayfile import State
from .._ground.isa import core
from ..corpus.corpus import Corpus
from .priors import Priors, TopicCounts
from .topic_word import TopicWord


@dataclass(frozen=True)
class ChainSettings:
    """How a chain samples.

    Attributes
    ----------
    exact : bool
        Whether the chain begins with collapsed Gibbs sampling; otherwise with fast steps on delayed
        counts, until :meth:`Chain.go_exact` is called.
    n_proposals : int
        Metropolis-Hastings steps per token and pass of the fast sampler.
    key : int
        The 64-bit key of all its random numbers.
    n_threads : int
        The result does not depend on it.
    """

    exact: bool
    n_proposals: int
    key: int
    n_threads: int


class Chain:
    """The sampler of one fit: sweeps, counts, and samples averaged along the way.

    Parameters
    ----------
    corpus : Corpus
    priors : Priors
    settings : ChainSettings
    z : ndarray of shape (n_tokens,), uint16, optional
        The topic of every token to begin with; None draws them.

    Attributes
    ----------
    iteration : int
        Number of sweeps done.
    exact : bool
        Whether sweeps are collapsed Gibbs sampling, or fast steps on delayed counts.
    priors : Priors
    """

    def __init__(
        self,
        corpus: Corpus,
        priors: Priors,
        settings: ChainSettings,
        z: NDArray[np.uint16] | None = None,
    ) -> None:
        self.corpus, self.priors, self.settings = corpus, priors, settings
        self.exact = settings.exact
        self.iteration = 0
        self.document_tokens = np.zeros(corpus.n_documents + 1, np.int64)
        np.cumsum(corpus.document_lengths(), out=self.document_tokens[1:])
        self._sum: Any = None  # of the values of the samples, words x topics
        self._floor = np.zeros(len(priors.alpha))
        self.n_averaged = 0
        self._start(z)

    def _start(self, z: NDArray[np.uint16] | None) -> None:
        c, k, settings = self.corpus, len(self.priors.alpha), self.settings
        bag = (core.lda.Documents(c.indptr, c.indices, c.counts), c.n_words, k)
        seed = random.child(settings.key, "lda-start")
        self.sampler: Any
        if not self.exact:
            self.sampler = core.lda.FastSampler(
                *bag, settings.n_proposals, z, seed, settings.n_threads
            )
            return
        if z is None:
            draws = random.generator(settings.key, "lda-start")
            z = draws.integers(0, k, size=int(self.document_tokens[-1]), dtype=np.uint16)
        self.sampler = core.lda.ExactSampler(*bag, z, n_threads=settings.n_threads)

    def sweep(self) -> None:
        """Visit every token once."""
        purpose = "lda-exact" if self.exact else "lda-sweep"
        seed = random.child(self.settings.key, purpose)
        arguments = self.priors.arguments()
        self.sampler.sweep(*arguments, seed, self.iteration, self.settings.n_threads)
        self.iteration += 1

    def go_exact(self) -> None:
        """Continue with collapsed Gibbs sampling from the state of the fast sampler."""
        if not self.exact:
            self.exact = True
            try:
                self._start(self.topics())
            except BaseException:
                self.exact = False  # the fast sampler is unchanged, and so is the model
                raise

    def topics(self) -> NDArray[np.uint16]:
        """Return the topic of every token in canonical order."""
        z: NDArray[np.uint16] = self.sampler.topics(n_threads=self.settings.n_threads)
        return z

    def word_topic(self) -> Any:
        """Return the tokens of each word in each topic, CSR of int32 (n_words, n_topics)."""
        indptr, topics, counts = self.sampler.word_counts(n_threads=self.settings.n_threads)
        shape = (self.corpus.n_words, len(self.priors.alpha))
        return sp.csr_array((counts, topics.astype(np.int32), indptr), shape=shape)

    def finish(self) -> tuple[Any, NDArray[np.uint16]]:
        """End the chain and free its state; return the topics of documents and of tokens.

        Returns
        -------
        scipy.sparse.csr_array of shape (n_documents, n_topics), int32
            Tokens of each document in each topic.
        ndarray of shape (n_tokens,), uint16
            The topic of every token in canonical order.
        """
        k = len(self.priors.alpha)
        z = self.topics()
        del self.sampler  # as large as everything allocated here
        rows = core.lda.document_counts(self.document_tokens, z, k, self.settings.n_threads)
        indptr, topics, counts = rows
        shape = (self.corpus.n_documents, k)
        return sp.csr_array((counts, topics.astype(np.int32), indptr), shape=shape), z

    def counts(self) -> TopicCounts:
        """Return the counts of the state that the priors depend on."""
        return TopicCounts.of(
            self.document_tokens, self.topics(), self.word_topic(), self.settings.n_threads
        )

    def keep_sample(self) -> None:
        """Add the distributions over words of the present state to the average."""
        sample = self._sample()
        values = sp.csr_array(
            (sample.values.astype(np.float64), sample.topics.astype(np.int32), sample.indptr),
            shape=(sample.n_words, sample.n_topics),
        )
        self._sum = values if self._sum is None else self._sum + values
        self._floor = self._floor + sample.floor
        self.n_averaged += 1

    def _sample(self) -> TopicWord:
        return TopicWord.from_counts(self.word_topic(), self.priors.beta, self.priors.seeds)

    def topic_word(self) -> TopicWord:
        """Return the average over the samples kept, or the present state if there are none."""
        if self._sum is None:
            return self._sample()
        n = self.n_averaged
        rows = self._sum
        rows.sort_indices()
        return TopicWord(
            rows.indptr.astype(np.int64),
            rows.indices.astype(np.uint16),
            (rows.data / n).astype(np.float32),
            (self._floor / n).astype(np.float32),
        )

    def state(self) -> State:
        """Return all that the chain needs to continue with the same bits."""
        arrays: dict[str, NDArray[Any]] = {"alpha": self.priors.alpha}
        if self.exact:
            arrays["z"] = self.topics()
        else:
            for word in range(self.sampler.state_words):
                arrays[f"state{word}"] = self.sampler.state(word)
            arrays["frozen"] = self.sampler.frozen_totals()
        if self._sum is not None:
            arrays |= {"floor": self._floor, "sum": self._sum.data}
            arrays |= {"sum_topics": self._sum.indices.astype(np.uint16)}
            arrays |= {"sum_indptr": self._sum.indptr.astype(np.int64)}
        head = {
            "corpus": self.corpus.digest(),
            "iteration": self.iteration,
            "exact": self.exact,
            "beta": self.priors.beta,
            "key": self.settings.key,
            "n_averaged": self.n_averaged,
        }
        return State(arrays, head)

    def restore(self, state: State) -> None:
        """Continue from a state of a chain of the same corpus and settings."""
        arrays, head = state.arrays, state.head
        self.iteration = int(head["iteration"])
        self.priors = Priors(
            arrays["alpha"], float(head["beta"]), self.priors.n_words, self.priors.seeds
        )
        if head["exact"]:
            self.exact = True
            self._start(arrays["z"])
        else:
            for word in range(self.sampler.state_words):
                self.sampler.set_state(word, arrays[f"state{word}"])
            self.sampler.set_frozen_totals(arrays["frozen"])
        self.n_averaged = int(head["n_averaged"])
        if self.n_averaged:
            rows = (arrays["sum"], arrays["sum_topics"].astype(np.int32), arrays["sum_indptr"])
            shape = (self.corpus.n_words, len(self.priors.alpha))
            self._sum, self._floor = sp.csr_array(rows, shape=shape), arrays["floor"]
