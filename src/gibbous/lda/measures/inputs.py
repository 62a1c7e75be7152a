"""The inputs of the measures: fitted models or arrays, and documents in any form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...corpus.corpus import Corpus
from ..fitted import FittedTopics
from ..fold_in import prior_of
from ..topic_word import TopicWord


class Described(NamedTuple):
    """Topics, their prior and their vocabulary, of whatever a measure was given."""

    topics: TopicWord
    alpha: NDArray[np.float64] | None
    vocabulary: tuple[str, ...] | None


def described(model: Any, alpha: ArrayLike | None = None) -> Described:
    """Return topics, prior and vocabulary of a fitted model or of bare topics.

    Parameters
    ----------
    model : LatentDirichletAllocation, FittedTopics, TopicWord or array-like (n_topics, n_words)
        A fitted model (scikit-learn's is accepted), topics, or rows of word probabilities.
    alpha : float or array-like of shape (n_topics,), optional
        Instead of the model's own prior.

    Raises
    ------
    ValueError
        If the model is not fitted, or is something else.
    """
    prior = getattr(model, "doc_topic_prior_", None)
    vocabulary = getattr(model, "vocabulary_", None)
    if isinstance(model, FittedTopics):
        topics, prior, vocabulary = model.phi, model.alpha, model.vocabulary
    elif isinstance(model, TopicWord):
        topics = model
    elif isinstance(getattr(model, "topics_", None), TopicWord):
        topics = model.topics_
    elif hasattr(model, "components_"):
        weights = np.asarray(model.components_, dtype=np.float64)
        topics = TopicWord.from_dense(weights / weights.sum(axis=1, keepdims=True))
    elif hasattr(model, "fit"):
        raise ValueError(f"{type(model).__name__} is not fitted; call fit first")
    else:
        topics = TopicWord.from_dense(model)
    given = prior if alpha is None else alpha
    full = None if given is None else prior_of(given, topics.n_topics)
    return Described(topics, full, None if vocabulary is None else tuple(vocabulary))


def with_prior(model: Any, alpha: ArrayLike | None) -> tuple[Described, NDArray[np.float64]]:
    """Return topics and prior; the prior is required.

    Raises
    ------
    ValueError
        As :func:`described`, and if neither the model nor the caller gives a prior.
    """
    known = described(model, alpha)
    if known.alpha is None:
        raise ValueError("alpha must be given: bare topics have no prior over topics")
    return known, known.alpha


def corpus_of(X: Any, known: Described | None = None, name: str = "X") -> Corpus:
    """Return documents as a corpus whose word numbers are those of the topics.

    Parameters
    ----------
    X : Corpus, or anything that :meth:`~gibbous.Corpus.of` takes
    known : Described, optional
        Topics whose words have to match.
    name : str
        The argument's name, for messages.

    Raises
    ------
    ValueError
        If a count is negative or not whole, or the vocabulary differs.
    TypeError
        If X does not hold numbers.
    """
    corpus: Corpus = Corpus.of(X)
    if known is not None:
        n_words = known.topics.n_words
        if corpus.n_words != n_words:
            raise ValueError(f"{name} has {corpus.n_words} words, but the topics have {n_words}")
        names = (corpus.vocabulary, known.vocabulary)
        if None not in names and names[0] != names[1]:
            raise ValueError(
                f"{name} has other words than the topics; "
                "use corpus.with_vocabulary(model.vocabulary_)"
            )
    return corpus


def word_lists(
    topics: Any, top_n: int, vocabulary: Sequence[str] | None
) -> tuple[list[list[Any]], tuple[str, ...] | None]:
    """Return the top words of each topic, the most probable first, and the words by number.

    Parameters
    ----------
    topics : model, TopicWord, array of probabilities, or list of lists of words
        Lists hold words or their numbers.
    top_n : int
        How many words per topic.
    vocabulary : sequence of str or None
        Instead of the model's.

    Raises
    ------
    ValueError
        If a list is shorter than 2, or repeats a word, or lists differ in length.
    """
    if isinstance(top_n, bool) or not isinstance(top_n, (int, np.integer)) or not 2 <= top_n <= 64:
        raise ValueError(f"top_n must be an int from 2 to 64; got {top_n!r}")
    names = None if vocabulary is None else tuple(vocabulary)
    if _is_lists(topics):
        lists = [list(words)[:top_n] for words in topics]
    else:
        known = described(topics)
        names = known.vocabulary if names is None else names
        if names is not None and len(names) != known.topics.n_words:
            raise ValueError(f"vocabulary must have {known.topics.n_words} words; got {len(names)}")
        lists = [list(map(int, words)) for words in known.topics.top_words(int(top_n))]
    if not lists or len({len(words) for words in lists}) > 1 or len(lists[0]) < 2:
        raise ValueError(
            "topics must be lists of one length, at least 2 words each; "
            f"got {len(lists)} lists of {sorted({len(w) for w in lists})} words"
        )
    for k, words in enumerate(lists):
        if len(set(words)) < len(words):
            raise ValueError(f"topic {k} names a word twice: {words!r:.80}")
    return lists, names


def _is_lists(topics: Any) -> bool:
    """Return whether topics are lists of words or numbers, not rows of probabilities."""
    if isinstance(topics, np.ndarray):
        return topics.ndim == 2 and topics.dtype.kind in "iuUO"
    if not isinstance(topics, (list, tuple)) or not topics:
        return False
    first = topics[0]
    return (
        isinstance(first, (list, tuple, np.ndarray))
        and len(first) > 0
        and (isinstance(first[0], (str, int, np.integer)) and not isinstance(first[0], bool))
    )
