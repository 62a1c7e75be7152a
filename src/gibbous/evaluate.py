"""Measures of topic models that one can trust.

Held-out likelihood by document completion and from left to right, the likelihood of a sampler's
state, coherence, diversity, exclusivity, stability between fits, and the choice of the number of
topics by all of these.
"""

from __future__ import annotations

from .lda.measures.coherence import coherence, exclusivity, topic_diversity
from .lda.measures.heldout import (
    HeldOutScore,
    document_completion,
    joint_log_likelihood,
    left_to_right,
    perplexity_document_completion,
)
from .lda.measures.select import TopicSelection, select_topics
from .lda.measures.stability import Stability, TopicMatch, match_topics, stability

__all__ = [
    "HeldOutScore",
    "Stability",
    "TopicMatch",
    "TopicSelection",
    "coherence",
    "document_completion",
    "exclusivity",
    "joint_log_likelihood",
    "left_to_right",
    "match_topics",
    "perplexity_document_completion",
    "select_topics",
    "stability",
    "topic_diversity",
]
