"""Pictures of topics: their words, their shares over time, their distances, and documents."""

from __future__ import annotations

from .cloud import plot_word_cloud
from .documents import plot_document, plot_document_topics
from .over_time import plot_topics_over_time
from .similarity import plot_topic_map, plot_topic_similarity
from .topics import plot_topic_words, plot_topics, topics_figure

__all__ = [
    "plot_document",
    "plot_document_topics",
    "plot_topic_map",
    "plot_topic_similarity",
    "plot_topic_words",
    "plot_topics",
    "plot_topics_over_time",
    "plot_word_cloud",
    "topics_figure",
]
