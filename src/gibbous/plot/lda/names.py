"""How topics are chosen and named in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..style import fitted, plain

A_MODEL = "a fitted LatentDirichletAllocation"


def topic_of(model: Any, topic: Any, name: str = "topic") -> int:
    """Return the number of a topic of a fitted model.

    Raises
    ------
    NotFittedError, TypeError
        If the model is not a fitted topic model.
    ValueError
        If the topic does not exist.
    """
    k = fitted(model, "topics_", A_MODEL).n_topics
    if isinstance(topic, bool) or not isinstance(topic, (int, np.integer)) or not 0 <= topic < k:
        raise ValueError(f"{name} must be a topic from 0 to {k - 1}; got {topic!r:.40}")
    return int(topic)


def title_of_topic(model: Any, topic: int) -> str:
    """Return the label that the user set, or the number of a topic, and its share of the tokens."""
    share = model.topic_sizes_[topic] / max(model.topic_sizes_.sum(), 1)
    given = getattr(model, "topic_labels_", None) or [""] * model.topics_.n_topics
    return f"{given[topic] or f'topic {topic}'}: {share:.1%}"


def labels_of(model: Any, which: Sequence[int], n_words: int = 3) -> list[str]:
    """Return the number and the label of each topic, for a legend."""
    labels = model.topic_labels(n_words)
    return [plain(cut(f"{k}: {labels[k]}")) for k in which]


def cut(text: str, most: int = 28) -> str:
    """Return text, shortened to at most ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + "\u2026"
