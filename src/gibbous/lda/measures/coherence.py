"""Measures of topics as lists of words: coherence, diversity, exclusivity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from ..._ground.validate import n_threads
from .inputs import corpus_of, described, word_lists

#: The measures, with the windows that their authors use: None for whole documents.
MEASURES = {"u_mass": None, "c_npmi": 10, "c_v": 110}


def coherence(
    topics: Any,
    corpus: Any = None,
    *,
    texts: Iterable[Sequence[str]] | None = None,
    measure: str = "c_npmi",
    top_n: int = 10,
    window: int | None = None,
    epsilon: float | None = None,
    vocabulary: Sequence[str] | None = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Return how often the top words of each topic occur together in reference documents.

    With ``P(w)`` the share of windows with a word and ``P(v, w)`` the share with both:

    - ``"u_mass"`` (Mimno, Wallach, Talley, Leenders and McCallum 2011): the mean over pairs of
      ``log((P(v, w) + epsilon) / P(w))``, ``w`` the more probable word of the pair, windows are
      documents. Their sum over pairs is this mean times ``top_n (top_n - 1) / 2``.
    - ``"c_npmi"`` (Aletras and Stevenson 2013; Bouma 2009): the mean over pairs of
      ``NPMI(v, w) = log((P(v, w) + epsilon) / (P(v) P(w))) / -log(P(v, w) + epsilon)``.
    - ``"c_v"`` (Röder, Both and Hinneburg 2015): each word has a vector of its NPMI with all top
      words, itself included; the mean over words of the cosine with the vectors' sum.

    Parameters
    ----------
    topics : model, TopicWord, array of shape (n_topics, n_words), or list of lists
        A fitted model or topics, whose top words are used, or these words themselves, sorted by
        falling probability, as text or numbers.
    corpus : Corpus, sparse matrix or array-like of shape (n_documents, n_words), optional
        Reference documents as word counts, for example the training documents. Counts have no
        order, so that windows are whole documents for every measure.
    texts : iterable of sequences of str, optional
        Reference documents as tokens in order, instead of ``corpus``.
    measure : {"c_npmi", "c_v", "u_mass"}
    top_n : int
        Words per topic, 2 to 64.
    window : int, optional
        Length of the sliding windows over ``texts``, 0 for whole documents. None for the authors'
        own: 10 for c_npmi, 110 for c_v, whole documents for u_mass.
    epsilon : float, optional
        Keeps logarithms finite. None for the authors' own: one document, ``1 / n_documents``, for
        u_mass, and 1e-12 for the others.
    vocabulary : sequence of str, optional
        The words by number; None uses those of the model or the corpus.
    n_jobs : int or None
        Threads; the result does not depend on it.

    Returns
    -------
    ndarray of shape (n_topics,)
        Higher is better; c_npmi lies in [-1, 1]. A pair counts as 0 if one of its words is not in
        the reference, in u_mass if the more probable word is missing.

    Raises
    ------
    ValueError
        If an argument is invalid, or the reference has no words.

    Notes
    -----
    Every window of the reference counts, and a word is in a window if any of its occurrences is.
    gensim 4.4's CoherenceModel gives the same numbers, with ``epsilon=1e-12``, if each text has a
    top word and no window has a word twice. It leaves out other texts, and loses a repeated word
    when its first occurrence leaves the window.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}; got {measure!r}")
    if (corpus is None) == (texts is None):
        raise ValueError("give either corpus, word counts, or texts, lists of tokens")
    if window is not None and (
        isinstance(window, bool) or not isinstance(window, Integral) or window < 0
    ):
        raise ValueError(f"window must be an int >= 0 or None; got {window!r}")
    if epsilon is not None and not 0 < epsilon < 1:
        raise ValueError(f"epsilon must be between 0 and 1; got {epsilon!r}")
    lists, names = word_lists(topics, top_n, vocabulary)
    width = (MEASURES[measure] or 0) if window is None else int(window)
    if texts is not None:
        indptr, words, ids = _from_texts(lists, names, texts)
    else:
        if window:
            raise ValueError("window needs texts: a bag of words has no order")
        indptr, words, ids = _from_corpus(lists, names, corpus)
        width = 0
    pairs, n_windows = _count(indptr, words, ids, width, n_threads(n_jobs))
    if not n_windows:
        raise ValueError("the reference has no words: coherence needs documents to count in")
    eps = epsilon or (1 / n_windows if measure == "u_mass" else 1e-12)
    return _MEASURE[measure](pairs / n_windows, eps)


def _from_corpus(
    lists: list[list[Any]], names: tuple[str, ...] | None, corpus: Any
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return offsets, words and the numbers of the top words, or -1 for those not in the corpus."""
    documents = corpus_of(corpus, name="corpus")
    n_words, own = documents.n_words, documents.vocabulary
    as_text = isinstance(lists[0][0], str)
    if as_text or (names is not None and own is not None and own != names):
        own = own if own is not None else names
        if own is None or len(own) != n_words:
            raise ValueError(
                f"vocabulary must name the {n_words} words of corpus: topics are given as text"
            )
        if not as_text:
            lists = _named(lists, names)
        number = {word: i for i, word in enumerate(own)}
        ids = [[number.get(word, -1) for word in words] for words in lists]
    else:
        ids = lists
        most = max(map(max, ids))
        if most >= n_words or min(map(min, ids)) < 0:
            raise ValueError(f"corpus has {n_words} words, but the topics name word {most}")
    return documents.indptr, documents.indices, np.array(ids, dtype=np.int32)


def _from_texts(
    lists: list[list[Any]], names: tuple[str, ...] | None, texts: Iterable[Sequence[str]]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return the same for tokens; only the top words get numbers, all others are -1."""
    if isinstance(texts, str):
        raise ValueError("texts must be lists of tokens; got one str: split it first")
    named = lists if isinstance(lists[0][0], str) else _named(lists, names)
    number = {w: i for i, w in enumerate(dict.fromkeys(chain.from_iterable(named)))}
    parts, ends = [np.empty(0, np.int32)], [0]
    for text in texts:
        if isinstance(text, str):
            raise ValueError(f"texts must be lists of tokens; got the str {text[:30]!r}: split it")
        part = np.fromiter((number.get(token, -1) for token in text), np.int32)
        parts.append(part)
        ends.append(ends[-1] + len(part))
    ids = np.array([[number[w] for w in words] for words in named], dtype=np.int32)
    return np.array(ends, dtype=np.int64), np.concatenate(parts), ids


def _named(lists: list[list[int]], names: tuple[str, ...] | None) -> list[list[str]]:
    if names is None:
        raise ValueError("vocabulary must be given: the topics' words are numbers")
    if min(map(min, lists)) < 0 or max(map(max, lists)) >= len(names):
        raise ValueError(f"topics name words beyond the {len(names)} of vocabulary")
    return [[names[w] for w in words] for words in lists]


def _count(
    indptr: NDArray[np.int64],
    words: NDArray[np.int32],
    ids: NDArray[np.int32],
    width: int,
    threads: int,
) -> tuple[NDArray[np.float64], int]:
    """Return windows with each pair, (n_topics, top, top), and the number of windows."""
    topics, top = ids.shape
    pairs = np.empty((topics, top, top), np.int64)
    most = 1 + max(int(words.max(initial=-1)), int(ids.max(initial=-1)))
    n = core.lda.count_pairs(indptr, words, most, ids, width, pairs, threads)
    return pairs.astype(np.float64), n


def _u_mass(p: NDArray[np.float64], eps: float) -> NDArray[np.float64]:
    earlier, later = np.triu_indices(p.shape[1], 1)
    single = np.diagonal(p, axis1=1, axis2=2)[:, earlier]
    with np.errstate(divide="ignore"):
        value = np.where(single > 0, np.log((p[:, earlier, later] + eps) / single), 0.0)
    mean: NDArray[np.float64] = value.mean(axis=1)
    return mean


def _npmi(p: NDArray[np.float64], eps: float) -> NDArray[np.float64]:
    """NPMI of all pairs; the diagonal pairs a word with itself."""
    single = np.diagonal(p, axis1=1, axis2=2)
    product = single[:, :, None] * single[:, None, :]
    both = p + eps
    known, always = product > 0, both >= 1
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(both / product) / -np.log(both)
    # words that occur in every window always occur together: the limit as P tends to 1
    return np.where(always, 1.0, np.where(known, value, 0.0))


def _c_npmi(p: NDArray[np.float64], eps: float) -> NDArray[np.float64]:
    a, b = np.triu_indices(p.shape[1], 1)
    mean: NDArray[np.float64] = _npmi(p, eps)[:, a, b].mean(axis=1)
    return mean


def _c_v(p: NDArray[np.float64], eps: float) -> NDArray[np.float64]:
    vectors = _npmi(p, eps)
    total = vectors.sum(axis=1, keepdims=True)
    dot = (vectors * total).sum(axis=2)
    size = np.linalg.norm(vectors, axis=2) * np.linalg.norm(total, axis=2)
    # a word that is not in the reference has no vector and no similarity
    cosine = np.divide(dot, size, out=np.zeros_like(dot), where=size > 0)
    mean: NDArray[np.float64] = cosine.mean(axis=1)
    return mean


_MEASURE = {"u_mass": _u_mass, "c_npmi": _c_npmi, "c_v": _c_v}


def topic_diversity(topics: Any, *, top_n: int = 25) -> float:
    """Return the share of different words among all topics' top words.

    Dieng, Ruiz and Blei (2020), section 6: 1 if no word is in two lists, near ``1 / n_topics`` if
    all lists are equal.

    Parameters
    ----------
    topics : model, TopicWord, array of shape (n_topics, n_words), or list of lists
        As for :func:`coherence`.
    top_n : int
        Words per topic, 2 to 64.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is invalid.
    """
    lists, _ = word_lists(topics, top_n, None)
    return len(set(chain.from_iterable(lists))) / sum(map(len, lists))


def exclusivity(
    topics: Any, *, top_n: int = 10, measure: str = "share", weight: float = 0.7
) -> NDArray[np.float64]:
    """Return how exclusive the top words of each topic are.

    Parameters
    ----------
    topics : model, TopicWord or array of shape (n_topics, n_words)
    top_n : int
        Words per topic, 2 to 64.
    measure : {"share", "frex"}
        ``"share"`` is the mean over top words of ``phi_kw / sum_j phi_jw``, the exclusivity of
        MALLET's topic diagnostics. ``"frex"`` is the mean over top words of FREX (Bischof and
        Airoldi 2012, section 3.1): the harmonic mean of the ranks, as shares of the vocabulary, of
        the word's share and of its probability within the topic.
    weight : float
        FREX's weight of the share against the probability, in (0, 1); Roberts, Stewart and Tingley
        (2014) use .7.

    Returns
    -------
    ndarray of shape (n_topics,)
        In (0, 1]; higher is more exclusive.

    Raises
    ------
    ValueError
        If an argument is invalid.
    """
    if measure not in ("share", "frex"):
        raise ValueError(f"measure must be 'share' or 'frex'; got {measure!r}")
    if not 0 < weight < 1:
        raise ValueError(f"weight must be between 0 and 1; got {weight!r}")
    if isinstance(top_n, bool) or not isinstance(top_n, Integral) or not 2 <= top_n <= 64:
        raise ValueError(f"top_n must be an int from 2 to 64; got {top_n!r}")
    phi = described(topics).topics
    total = np.full(phi.n_words, phi.floor.sum(dtype=np.float64))
    total += np.bincount(
        np.repeat(np.arange(phi.n_words), np.diff(phi.indptr)),
        weights=phi.values,
        minlength=phi.n_words,
    )
    top = phi.top_words(int(top_n))
    by_topic = phi.matrix(np.float64).tocsc()
    by_topic.sort_indices()
    result = np.empty(phi.n_topics)
    for k, words in enumerate(top):
        part = slice(by_topic.indptr[k], by_topic.indptr[k + 1])
        row = np.full(phi.n_words, float(phi.floor[k]))
        row[by_topic.indices[part]] += by_topic.data[part]
        # a word with probability 0 in all topics belongs to none
        share = np.divide(row, total, out=np.zeros_like(row), where=total > 0)
        if measure == "share":
            result[k] = share[words].mean()
        else:
            ranks = [_share_below(x, x[words]) for x in (share, row)]
            result[k] = (1 / (weight / ranks[0] + (1 - weight) / ranks[1])).mean()
    return result


def _share_below(x: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the empirical distribution function of ``x`` at some of its values."""
    return np.searchsorted(np.sort(x), at, side="right") / len(x)
