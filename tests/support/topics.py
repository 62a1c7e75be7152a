"""Topic models with known counts."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from gibbous import LatentDirichletAllocation
from gibbous.lda.topic_word import TopicWord


def model_of(word_topic, document_topic, alpha, beta=0.5, vocabulary=None, **params):
    """Return a model from a handwritten sampler state."""
    words, k = np.shape(word_topic)
    model = LatentDirichletAllocation(k, **params)
    model.word_topic_ = sp.csr_array(np.asarray(word_topic, np.int32))
    model.document_topic_ = sp.csr_array(np.asarray(document_topic, np.int32))
    model.topic_sizes_ = np.asarray(word_topic).sum(axis=0)
    model.doc_topic_prior_ = np.asarray(alpha, float)
    model.topic_word_prior_ = beta
    model.topics_ = TopicWord.from_counts(model.word_topic_, beta)
    model.vocabulary_ = vocabulary
    model.n_features_in_ = words
    model.bound_ = -1.0
    return model


WORDS = ("moon", "sun", "stock", "bond", "the")
COUNTS = [[6, 0, 1], [5, 0, 0], [0, 7, 0], [0, 2, 3], [4, 4, 4]]
DOCUMENTS = [[9, 0, 1], [6, 2, 0], [0, 8, 2], [0, 3, 5]]
