"""Topics that other libraries found by variational inference, as fitted models of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._fit.history import History, Trace
from ..corpus.columns import words
from ..corpus.matrix import dictionary_words
from ..lda.model import LatentDirichletAllocation
from ..lda.run import METRIC
from ..lda.topic_word import MOST_TOPICS, TopicWord


def from_gensim(model: Any) -> LatentDirichletAllocation:
    """Return the topics of gensim's ``LdaModel`` as a fitted model of ours.

    Its topics, priors and dictionary are taken over as they are. The counts of words in topics,
    from which ``partial_fit`` goes on, are its expected ones, rounded. Shares of topics in
    documents are inferred by our method, the fixed point of ``transform``, and so differ a little
    from its ``inference``, which is variational. Of the documents that it was trained on it keeps
    nothing: ``document_topic_`` has no rows. ``Corpus.from_bow`` takes its documents.

    Parameters
    ----------
    model : gensim.models.LdaModel or LdaMulticore
        Trained.

    Returns
    -------
    LatentDirichletAllocation

    Raises
    ------
    TypeError
        If it is no such model.
    ValueError
        If its prior ``eta`` differs between words, which no model of ours knows.
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
            f"eta differs between words, from {eta.min():g} to {eta.max():g}, and gibbous has one "
            'topic_word_prior for all: train with eta="symmetric" or a number'
        )
    named = getattr(model, "id2word", None)
    vocabulary = None
    if named is not None and type(named).__name__ != "FakeDict":  # gensim's numbers without words
        vocabulary = words(dictionary_words(named, weights.shape[1]), weights.shape[1])
    alpha = np.broadcast_to(np.asarray(model.alpha, np.float64), (len(weights),))
    return _model(weights, alpha.copy(), float(eta.flat[0]), vocabulary, "gensim", 0)


def of_variational(theirs: Any) -> LatentDirichletAllocation:
    """Return the topics of scikit-learn's fitted LatentDirichletAllocation."""
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
    """Return a model of the parameters of Dirichlets over words, one row a topic."""
    k, n_words = weights.shape
    if k > MOST_TOPICS:
        raise ValueError(f"the model has {k} topics; gibbous has at most {MOST_TOPICS}")
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
    model._calls = 0
    trace = Trace((), (), "completed", (f"variational topics, taken over from {library}",))
    model.history_ = History.of(type(model).__name__, METRIC, [trace], 0, seed=None, n_threads=1)
    return model
