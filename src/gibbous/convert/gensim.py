"""Variational topic models of gensim and scikit-learn, converted to fitted models of gibbous."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._fit.history import History, Trace
from ..corpus.columns import words
from ..corpus.matrix import dictionary_words
from ..io.classes import SPECS
from ..lda.model import LatentDirichletAllocation
from ..lda.run import METRIC
from ..lda.topic_word import MOST_TOPICS, TopicWord


def from_gensim(model: Any) -> LatentDirichletAllocation:
    """Convert gensim's ``LdaModel`` to a fitted ``LatentDirichletAllocation``.

    Topics, priors and the dictionary are copied. The word-topic counts, from which ``partial_fit``
    resumes, are the rounded expected counts of the model. Topic shares of documents are inferred by
    the fixed point of ``transform``, and so differ slightly from gensim's ``inference``, which is
    variational. A gensim model does not keep its training documents, so ``document_topic_`` has no
    rows. ``Corpus.from_bow`` converts gensim's documents.

    Parameters
    ----------
    model : gensim.models.LdaModel or LdaMulticore
        A trained model.

    Returns
    -------
    LatentDirichletAllocation

    Raises
    ------
    TypeError
        If ``model`` is not such a model.
    ValueError
        If the prior ``eta`` differs between words, which gibbous does not support.
    """
    state: Any = getattr(model, "state", None)
    if not hasattr(state, "get_lambda") or not hasattr(model, "alpha"):
        kind = type(model)
        raise TypeError(
            "from_gensim takes a gensim.models.LdaModel or LdaMulticore; "
            f"got {kind.__module__}.{kind.__qualname__}"
        )
    weights = np.asarray(state.get_lambda(), np.float64)
    eta = np.asarray(model.eta, np.float64)
    if np.ptp(eta) > 0:
        raise ValueError(
            f"eta must be the same for all words; got {eta.min():g} to {eta.max():g}; train with "
            'eta="symmetric" or a number'
        )
    named = getattr(model, "id2word", None)
    vocabulary = None
    if (
        named is not None and type(named).__name__ != "FakeDict"
    ):  # gensim's placeholder for a missing dictionary
        vocabulary = words(dictionary_words(named, weights.shape[1]), weights.shape[1])
    alpha = np.broadcast_to(np.asarray(model.alpha, np.float64), (len(weights),))
    return _model(weights, alpha.copy(), float(eta.flat[0]), vocabulary, "gensim", 0)


def of_variational(theirs: Any) -> LatentDirichletAllocation:
    """Convert scikit-learn's fitted ``LatentDirichletAllocation``."""
    named = getattr(theirs, "feature_names_in_", None)
    vocabulary = None if named is None else tuple(map(str, named))
    weights = np.asarray(theirs.components_, np.float64)
    alpha = np.full(len(weights), float(theirs.doc_topic_prior_))
    beta = float(theirs.topic_word_prior_)
    model = _model(weights, alpha, beta, vocabulary, "scikit-learn", int(theirs.n_iter_))
    if named is not None:
        model.feature_names_in_ = np.array(named)
    return model


def _model(
    weights: NDArray[np.float64],
    alpha: NDArray[np.float64],
    beta: float,
    vocabulary: tuple[str, ...] | None,
    library: str,
    n_iter: int,
) -> LatentDirichletAllocation:
    """Return a model with the given Dirichlet parameters of words, one row per topic."""
    k, n_words = weights.shape
    if k > MOST_TOPICS:
        raise ValueError(f"model must have at most {MOST_TOPICS} topics; got {k}")
    model = LatentDirichletAllocation(k, doc_topic_prior=alpha, topic_word_prior=beta)
    model.topics_ = TopicWord.from_dense(weights / weights.sum(axis=1, keepdims=True))
    counts = np.rint(np.maximum(weights - beta, 0)).T
    model.word_topic_ = sp.csr_array(counts.astype(np.int32))
    model.document_topic_ = sp.csr_array((0, k), dtype=np.int32)
    model.doc_topic_prior_, model.topic_word_prior_ = alpha.copy(), beta
    model.topic_sizes_ = counts.sum(axis=0).astype(np.int64)
    model.vocabulary_ = vocabulary
    model.n_features_in_ = n_words
    model.n_iter_, model.bound_, model.heldout_perplexities_ = n_iter, float("nan"), []
    SPECS["LatentDirichletAllocation"].assign(model, {"_calls": 0})
    trace = Trace((), (), "completed", (f"variational topics, converted from {library}",))
    model.history_ = History.of(type(model).__name__, METRIC, [trace], 0, seed=None, n_threads=1)
    return model
