"""Fitted topics as one value, which everything that describes topics takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..corpus.corpus import Corpus
from .fold_in import Inference
from .topic_word import TopicWord


@dataclass(frozen=True, eq=False)
class FittedTopics:
    """What a fit found, and how to infer the topics of documents.

    Attributes
    ----------
    phi : TopicWord
        The topics' distributions over words.
    sizes : ndarray of shape (n_topics,)
        Tokens of each topic.
    alpha : ndarray of shape (n_topics,), float64
        Dirichlet prior over the topics of a document.
    beta : float
        Dirichlet prior over the words of a topic.
    word_topic : csr_array of shape (n_words, n_topics), int32
    document_topic : csr_array of shape (n_documents, n_topics), int32
    vocabulary : tuple of str or None
    labels : tuple of str or None
        The user's labels, "" for a topic without one; None if there are none.
    inference : Inference
    read : callable
        Returns a corpus of whatever holds counts of words, checked against the fit.
    parameters : mapping
        The parameters of the estimator.
    """

    phi: TopicWord
    sizes: NDArray[Any]
    alpha: NDArray[np.float64]
    beta: float
    word_topic: Any
    document_topic: Any
    vocabulary: tuple[str, ...] | None
    labels: tuple[str, ...] | None
    inference: Inference
    read: Callable[[Any], Corpus]
    parameters: Mapping[str, Any]

    @property
    def n_topics(self) -> int:
        """Number of topics."""
        return self.phi.n_topics

    @property
    def n_words(self) -> int:
        """Number of words in the vocabulary."""
        return self.phi.n_words

    def topic(self, topic: Any) -> int:
        """Return the number of a topic, checked.

        Raises
        ------
        ValueError
            If it is not a topic of the model.
        """
        return int(topic_numbers([topic], self.n_topics, "topic")[0])

    def word(self, number: Any) -> str | int:
        """Return a word, or its number if there is no vocabulary."""
        return int(number) if self.vocabulary is None else self.vocabulary[int(number)]

    def word_number(self, word: str | int) -> int:
        """Return the number of a word given as text or by its number.

        Raises
        ------
        ValueError
            If it is not a word of the model.
        """
        if isinstance(word, str):
            if self.vocabulary is None:
                raise ValueError(f"word {word!r:.60} needs a vocabulary; give a word number")
            try:
                return self.vocabulary.index(word)
            except ValueError:
                raise ValueError(f"word {word!r:.60} is not in the vocabulary") from None
        if isinstance(word, bool) or not isinstance(word, Integral):
            raise ValueError(f"word must be a word or its number; got {word!r:.60}")
        if not 0 <= word < self.n_words:
            raise ValueError(f"word must be in [0, {self.n_words}); got {word}")
        return int(word)


def topic_numbers(topics: Any, n_topics: int, name: str) -> NDArray[np.int64]:
    """Return numbers of topics, checked.

    Raises
    ------
    ValueError
        If one is not a whole number in [0, n_topics), or occurs twice.
    """
    if isinstance(topics, (str, bytes)) or not isinstance(topics, Iterable):
        raise ValueError(f"{name} must hold lists of topic numbers; got {topics!r:.60}")
    given = list(topics)
    for topic in given:
        if isinstance(topic, bool) or not isinstance(topic, Integral):
            raise ValueError(f"{name} must hold topic numbers; got {topic!r:.60}")
        if not 0 <= int(topic) < n_topics:
            raise ValueError(f"{name}: topic must be in [0, {n_topics}); got {topic}")
    if len(set(given)) < len(given):
        raise ValueError(f"{name} must not name a topic twice; got {given!r:.80}")
    return np.array(given, np.int64)
