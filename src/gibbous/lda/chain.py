"""One Markov chain over the topics of a corpus, and its state on disk."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import scipy.sparse as sp
from numpy.typing import NDArray

from .._ground import random
from .._ground.files import replacing
from .._ground.isa import core
from ..corpus.corpus import Corpus
from .priors import Priors, TopicCounts
from .topic_word import TopicWord

#: Number of the checkpoint's format.
_FORMAT = 1


class Chain:
    """The sampler of one fit: sweeps, counts, and samples averaged along the way.

    Attributes
    ----------
    iteration : int
        Sweeps done.
    exact : bool
        Whether sweeps are Gibbs sampling to the letter, or fast steps on delayed counts.
    priors : Priors
    """

    def __init__(
        self,
        corpus: Corpus,
        priors: Priors,
        *,
        exact: bool,
        n_proposals: int,
        key: int,
        n_threads: int,
        z: NDArray[np.uint16] | None = None,
    ) -> None:
        self.corpus, self.priors, self.key = corpus, priors, key
        self.exact, self.n_proposals, self.n_threads = exact, n_proposals, n_threads
        self.iteration = 0
        self.document_tokens = np.zeros(corpus.n_documents + 1, np.int64)
        np.cumsum(corpus.document_lengths(), out=self.document_tokens[1:])
        self._sum: Any = None  # of the samples' values, words x topics
        self._floor = np.zeros(len(priors.alpha))
        self.n_averaged = 0
        self._start(z)

    def _start(self, z: NDArray[np.uint16] | None) -> None:
        c, k = self.corpus, len(self.priors.alpha)
        bag = (c.indptr, c.indices, c.counts, c.n_words, k)
        seed = random.child(self.key, "lda-start")
        self.sampler: Any
        if not self.exact:
            self.sampler = core.lda.FastSampler(*bag, self.n_proposals, z, seed, self.n_threads)
            return
        if z is None:
            draws = random.generator(self.key, "lda-start")
            z = draws.integers(0, k, size=int(self.document_tokens[-1]), dtype=np.uint16)
        self.sampler = core.lda.ExactSampler(*bag, z, n_threads=self.n_threads)

    def sweep(self) -> None:
        """Visit every token once."""
        purpose = "lda-exact" if self.exact else "lda-sweep"
        seed = random.child(self.key, purpose)
        arguments = self.priors.arguments()
        self.sampler.sweep(*arguments, seed, self.iteration, self.n_threads)
        self.iteration += 1

    def go_exact(self) -> None:
        """Go on with Gibbs sampling to the letter from where the fast sampler stands."""
        if not self.exact:
            self.exact = True
            try:
                self._start(self.topics())
            except BaseException:
                self.exact = False  # the fast sampler still stands, and with it the model
                raise

    def topics(self) -> NDArray[np.uint16]:
        """Return the topic of every token in canonical order."""
        z: NDArray[np.uint16] = self.sampler.topics(n_threads=self.n_threads)
        return z

    def word_topic(self) -> Any:
        """Return the tokens of each word in each topic, (n_words, n_topics) in rows, int32."""
        indptr, topics, counts = self.sampler.word_counts(n_threads=self.n_threads)
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
        del self.sampler  # as large as all that is made here
        rows = core.lda.document_counts(self.document_tokens, z, k, self.n_threads)
        indptr, topics, counts = rows
        shape = (self.corpus.n_documents, k)
        return sp.csr_array((counts, topics.astype(np.int32), indptr), shape=shape), z

    def counts(self) -> TopicCounts:
        """Return what the state says of the priors."""
        return TopicCounts.of(
            self.document_tokens, self.topics(), self.word_topic(), self.n_threads
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
        """Return the average over the samples kept, or where there are none the present state."""
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

    # --- the state on disk -------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], told: dict[str, Any]) -> None:
        """Write all that the chain needs to go on in the same bits, with ``told`` beside it.

        Written beside ``path`` and renamed: what was there stays until the new file is complete.
        """
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
            "format": _FORMAT,
            "corpus": self.corpus.digest(),
            "iteration": self.iteration,
            "exact": self.exact,
            "beta": self.priors.beta,
            "key": self.key,
            "n_averaged": self.n_averaged,
            "sha256": _hash(arrays),
            **told,
        }
        with replacing(path) as file:
            file.write(safetensors.numpy.save(arrays, {"gibbous-checkpoint": json.dumps(head)}))

    def restore(self, arrays: dict[str, NDArray[Any]], head: dict[str, Any]) -> None:
        """Stand where the chain stood that wrote a checkpoint."""
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


def read_checkpoint(
    path: str | os.PathLike[str],
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the head of a checkpoint.

    Raises
    ------
    ValueError
        If the file is none, is damaged, or is of a later format.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            head = json.loads((file.metadata() or {})["gibbous-checkpoint"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a checkpoint of a topic model: {error}") from error
    if head.get("format") != _FORMAT:
        raise ValueError(
            f"{path} has format {head.get('format')}; this version reads {_FORMAT}: update gibbous"
        )
    if head.get("sha256") != _hash(arrays):
        raise ValueError(f"{path} is damaged: its checksum does not fit; begin anew without it")
    return arrays, head


def _hash(arrays: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()
