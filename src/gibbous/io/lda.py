"""Topic models in model files."""

from __future__ import annotations

from collections.abc import Mapping

from ..lda.topic_word import TopicWord
from .parts import WORDS, Arrays, Part, counts
from .spec import Spec


def _topics(arrays: Arrays, sizes: Mapping[str, int]) -> TopicWord:
    topics = TopicWord(**arrays)
    if (topics.n_topics, topics.n_words) != (sizes["k"], sizes["d"]):
        raise ValueError(
            f"{topics.n_topics} topics of {topics.n_words} words, not {sizes['k']} of {sizes['d']}"
        )
    return topics


TOPICS = Part(
    {"indptr": ("int64",), "topics": ("uint16",), "values": ("float32",), "floor": ("float32",)},
    lambda t: {"indptr": t.indptr, "topics": t.topics, "values": t.values, "floor": t.floor},
    _topics,
)

SPECS = {
    # partial_fit resumes from the counts of the state and the number of calls so far.
    "LatentDirichletAllocation": Spec(
        k="n_components",
        arrays={
            "doc_topic_prior_": ("k",),
            "topic_sizes_": ("k",),
            "token_topics_": ("tokens",),
        },
        scalars={
            "topic_word_prior_": float,
            "n_iter_": int,
            "bound_": float,
            "heldout_perplexities_": list,
            "_calls": int,
            "text_options_": dict,
            "topic_labels_": tuple,
        },
        dtypes={
            "doc_topic_prior_": "float64",
            "topic_sizes_": "int64",
            "token_topics_": "uint16",
        },
        optional=frozenset({"token_topics_", "vocabulary_", "text_options_", "topic_labels_"}),
        parts={
            "topics_": TOPICS,
            "word_topic_": counts("d", "k"),
            "document_topic_": counts("n", "k"),
            "vocabulary_": WORDS,
        },
    ),
}
