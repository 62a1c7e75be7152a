"""From the parameters of the estimator to a run that is ready to go."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._fit.history import Callback
from .._ground import random, validate
from ..corpus.corpus import Corpus
from .chain import Chain, ChainSettings
from .priors import Priors, seeds_of
from .run import HeldOut, Plan, Run, Settings

# The sum of the document-topic prior if none is given: a document has a few topics.
_ALPHA_SUM = 5.0
_BETA = 0.01


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


def priors_of(parameters: dict[str, Any], corpus: Corpus) -> Priors:
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
    p = estimator.get_params(deep=False)
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
