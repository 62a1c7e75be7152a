"""Words of a report: the most relevant ones of each topic, and the topics of each word."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..describe.words import WordScores

#: The positions of the slider: a page contains every word shown by one of them.
LAMBDAS = tuple(step / 20 for step in range(21))

#: The maximum number of topics listed for a word, and the least ``p(k | w)`` that is listed.
TOPICS_OF_A_WORD = 8
LEAST_SHARE = 0.02


class Relevant(NamedTuple):
    """The words of one topic that a slider may show, and ``p(w | k)``, by which they are sorted."""

    words: NDArray[np.int64]
    probability: NDArray[np.float64]


def relevant_words(scores: WordScores, topic: int, n: int) -> Relevant:
    """Return the words that are among the ``n`` most relevant at any position of the slider.

    Relevance is ``lambda log phi_kw + (1 - lambda) log (phi_kw / p(w))`` (Sievert and Shirley 2014,
    equation 1). Only words that the topic has drawn are considered.

    Parameters
    ----------
    scores : WordScores
    topic : int
    n : int
    """
    words = scores.drawn(topic)
    phi = scores.probability(topic)[words]
    log_phi, log_marginal = np.log(phi), np.log(scores.marginal[words])
    found = [
        np.argsort(-(log_phi - (1 - weight) * log_marginal), kind="stable")[:n]
        for weight in LAMBDAS
    ]
    kept = np.unique(np.concatenate(found))
    kept = kept[np.argsort(-phi[kept], kind="stable")]
    return Relevant(words[kept].astype(np.int64), phi[kept])


def holders(scores: WordScores, words: NDArray[np.int64]) -> list[list[tuple[int, float]]]:
    """Return for each word its most probable topics and their ``p(k | w)``, the largest first.

    Parameters
    ----------
    scores : WordScores
    words : ndarray of shape (n,)
    """
    rows = scores.topics.matrix(np.float64)[words]
    place = np.repeat(np.arange(len(words)), np.diff(rows.indptr))
    topic: Any = rows.indices
    share = (rows.data + scores.floor[topic]) * scores.share[topic]
    share /= scores.marginal[words][place]
    use = share >= LEAST_SHARE
    place, topic, share = place[use], topic[use], share[use]
    order = np.lexsort((topic, -share, place))
    found: list[list[tuple[int, float]]] = [[] for _ in words]
    for at in order:
        own = found[place[at]]
        if len(own) < TOPICS_OF_A_WORD:
            own.append((int(topic[at]), float(share[at])))
    return found
