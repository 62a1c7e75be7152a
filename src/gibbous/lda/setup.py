"""From the parameters of the estimator to a run that is ready to go."""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from .._fit.history import Callback
from .._ground import random, validate
from .._ground.validate import validate_data
from ..corpus.corpus import Corpus
from .chain import Chain, ChainSettings
from .priors import Priors, seeds_of
from .run import HeldOut, Plan, Run, Settings
from .topic_word import MOST_TOPICS

# The sum of the document-topic prior if none is given: documents have few topics.
_ALPHA_SUM = 5.0
_BETA = 0.01


#: Constraints of the parameters, in scikit-learn's format.
CONSTRAINTS: dict[str, list[Any]] = {
    "n_components": [Interval(Integral, 1, MOST_TOPICS, closed="both")],
    "doc_topic_prior": [None, Interval(Real, 0, None, closed="neither"), "array-like"],
    "topic_word_prior": [None, Interval(Real, 0, None, closed="neither")],
    "optimize_priors": [StrOptions({"auto"}), "boolean"],
    "optimize_interval": [Interval(Integral, 1, None, closed="left")],
    "sampler": [StrOptions({"auto", "fast", "exact"})],
    "n_proposals": [Interval(Integral, 1, 3, closed="both")],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
    "settle_iter": [Interval(Integral, 0, None, closed="left")],
    "burn_in": [Interval(Integral, 0, None, closed="left")],
    "n_samples": [Interval(Integral, 1, None, closed="left")],
    "sample_interval": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean", Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "evaluate_every": [Interval(Integral, 0, None, closed="left")],
    "seeds": [None, dict],
    "seed_weight": [Interval(Real, 0, None, closed="neither")],
    "max_doc_update_iter": [Interval(Integral, 1, None, closed="left")],
    "mean_change_tol": [Interval(Real, 0, None, closed="left")],
    "n_jobs": [None, Integral],
    "random_state": ["random_state", np.random.Generator, np.random.SeedSequence],
    "verbose": ["verbose"],
}


class Asked(NamedTuple):
    """The arguments of ``fit`` and ``partial_fit`` besides the documents.

    Attributes
    ----------
    callback : callable or None
    checkpoint : str, path or None
    checkpoint_every : int
    start : ndarray of shape (n_tokens,), uint16, or None
    keeps_topics : bool
    continued : bool
        Whether earlier documents are part of the prior, as in ``partial_fit``.
    """

    callback: Callback | None = None
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_every: int = 1
    start: NDArray[np.uint16] | None = None
    keeps_topics: bool = False
    continued: bool = False


def corpus_of(estimator: Any, X: Any, reset: bool) -> Corpus:
    """Return documents as a corpus, checked.

    Parameters
    ----------
    estimator : LatentDirichletAllocation
    X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)
    reset : bool
        Whether they are those of a fit; otherwise they have to match the fitted estimator.

    Raises
    ------
    ValueError
        If counts are negative or not whole numbers, or X has other words than the fit.
    """
    if estimator.n_proposals == 2:
        raise ValueError("n_proposals must be 1 or 3; got 2")
    if not isinstance(X, Corpus):
        checked = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype="numeric",
            ensure_non_negative=True,
        )
        corpus = Corpus.of(checked)
        if reset and hasattr(estimator, "feature_names_in_"):
            corpus = Corpus.of(corpus, tuple(estimator.feature_names_in_))
        return corpus
    if not reset and X.n_words != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.n_words} words, but {type(estimator).__name__} was fitted with "
            f"{estimator.n_features_in_}; use X.with_vocabulary(model.vocabulary_)"
        )
    words = (X.vocabulary, None if reset else estimator.vocabulary_)
    if None not in words and words[0] != words[1]:
        raise ValueError("X has other words than the fit; use X.with_vocabulary(model.vocabulary_)")
    return X


def plan_of(parameters: dict[str, Any], continued: bool) -> Plan:
    """Return when a fit with the parameters of the estimator does what."""
    p = parameters
    asked = p["optimize_priors"]
    alpha = asked is True or (asked == "auto" and p["doc_topic_prior"] is None)
    beta = asked is True or (asked == "auto" and p["topic_word_prior"] is None)
    return Plan(
        max_iter=int(p["max_iter"]),
        settle_iter=int(p["settle_iter"]),
        burn_in=int(p["burn_in"]),
        optimize_alpha=alpha and not continued,
        optimize_beta=beta and not continued,
        optimize_interval=int(p["optimize_interval"]),
        n_samples=int(p["n_samples"]),
        sample_interval=int(p["sample_interval"]),
        evaluate_every=int(p["evaluate_every"]),
        patience=int(p["n_iter_no_change"]),
        tol=float(p["tol"]),
    )


def priors_of(parameters: Mapping[str, Any], corpus: Corpus) -> Priors:
    """Return the priors that a fit begins with.

    Raises
    ------
    ValueError
        If ``doc_topic_prior`` has another shape or is not positive, or seeds are not words of the
        corpus.
    """
    k, given = int(parameters["n_components"]), parameters["doc_topic_prior"]
    alpha = np.asarray(_ALPHA_SUM / k if given is None else given, np.float64)
    if alpha.shape not in ((), (k,)):
        raise ValueError(
            "doc_topic_prior must be one number or one for each of the "
            f"{k} topics; got shape {alpha.shape}"
        )
    alpha = np.broadcast_to(alpha, (k,)).copy()
    if not (np.isfinite(alpha).all() and (alpha > 0).all()):
        raise ValueError(f"doc_topic_prior must be finite and > 0; got {given!r:.60}")
    beta = parameters["topic_word_prior"]
    seeds = seeds_of(
        parameters["seeds"],
        corpus.vocabulary,
        corpus.word_counts(),
        k,
        float(parameters["seed_weight"]),
    )
    return Priors(alpha, _BETA if beta is None else float(beta), corpus.n_words, seeds)


def run_of(estimator: Any, corpus: Corpus, priors: Priors, key: int, asked: Asked) -> Run:
    """Return a run over the documents of a corpus, at its checkpoint if it has one.

    Parameters
    ----------
    estimator : LatentDirichletAllocation
        Only its parameters and its name are read.
    corpus : Corpus
    priors : Priors
    key : int
        The 64-bit key of all random numbers.
    asked : Asked

    Raises
    ------
    ValueError
        If the corpus has no words, or the checkpoint is damaged or of another fit.
    """
    p = vars(estimator)  # get_params takes a fifth of a millisecond
    if corpus.n_words == 0:
        raise ValueError("X has no words: prune the vocabulary less, or check what was read")
    held_out = None
    if p["early_stopping"] is not False:
        share = 0.1 if p["early_stopping"] is True else float(p["early_stopping"])
        split = random.child(key, "corpus-split") & 0xFFFFFFFF
        corpus, held_back = corpus.split(share, random_state=split)
        held_out = HeldOut(held_back, random.child(key, "lda-heldout"))
    chain = ChainSettings(
        exact=p["sampler"] == "exact",
        n_proposals=int(p["n_proposals"]),
        key=key,
        n_threads=validate.n_threads(p["n_jobs"]),
    )
    settings = Settings(
        plan=plan_of(p, asked.continued),
        sampler=p["sampler"],
        model=type(estimator).__name__,
        verbose=bool(p["verbose"]),
        callback=asked.callback,
        keeps_numbers=asked.continued or bool(p["seeds"]) or asked.start is not None,
        keeps_topics=asked.keeps_topics,
    )
    run = Run(Chain(corpus, priors, chain, asked.start), settings, held_out, asked.start)
    if asked.checkpoint is not None:
        run.checkpoint(asked.checkpoint, asked.checkpoint_every)
    return run
