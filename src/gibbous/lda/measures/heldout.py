"""Likelihoods: of held-out documents, by completion and from left to right, and of a state."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from ..._ground.isa import core
from ..._ground.random import RandomState, child, key_of
from ..._ground.validate import n_threads
from ..fold_in import Bags, fold_in, log_predictive, prior_of
from .inputs import corpus_of, with_prior

#: Numbers of theta in memory at a time: 32 MB.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class HeldOutScore:
    """Log-probabilities of held-out words.

    Attributes
    ----------
    log_likelihood : ndarray of shape (n_documents,)
        Natural logarithm of the probability of each document's held-out words.
    n_tokens : ndarray of shape (n_documents,), int64
        How many these words are.
    method : str
        How it was estimated.
    """

    log_likelihood: NDArray[np.float64]
    n_tokens: NDArray[np.int64]
    method: str

    @property
    def per_token(self) -> float:
        """Log-likelihood per token."""
        total = int(self.n_tokens.sum())
        return float(self.log_likelihood.sum() / total) if total else float("nan")

    @property
    def perplexity(self) -> float:
        """``exp(-per_token)``: the number of equally probable words as hard to predict."""
        return float(np.exp(-self.per_token))

    def __str__(self) -> str:
        return (
            f"{self.method}: perplexity {self.perplexity:.6g}, log-likelihood "
            f"{self.per_token:.6g} per token ({int(self.n_tokens.sum())} tokens of "
            f"{len(self.n_tokens)} documents)"
        )


def document_completion(
    model: Any,
    observed: Any,
    held_out: Any = None,
    *,
    alpha: ArrayLike | None = None,
    max_iter: int = 30,
    tol: float = 0.0,
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> HeldOutScore:
    """Return the log-likelihood of half of each document, given the other half.

    Topics of each document are inferred from its first half by
    ``gibbous.lda.fold_in.fold_in``; the second half has the probability of its tokens under
    the mixture of topics (document completion: Wallach, Murray, Salakhutdinov and Mimno 2009,
    section 5.1, with point estimates as in Asuncion, Welling, Smyth and Teh 2009).

    Parameters
    ----------
    model : LatentDirichletAllocation, TopicWord or array-like of shape (n_topics, n_words)
        A fitted model, topics, or rows of word probabilities.
    observed : Corpus, sparse matrix or array-like of shape (n_documents, n_words)
        The halves for inference; whole documents if ``held_out`` is None.
    held_out : the same, optional
        The halves to predict. None splits ``observed`` by
        :meth:`~gibbous.Corpus.completion_split`.
    alpha : float or array-like of shape (n_topics,), optional
        The prior over topics; required if ``model`` has none.
    max_iter, tol : int, float
        When to stop inferring; the default is 30 iterations for every document.
    random_state : None, int, RandomState, Generator or SeedSequence
        For the split.
    n_jobs : int or None
        Threads; the result does not depend on it.

    Returns
    -------
    HeldOutScore

    Raises
    ------
    ValueError
        If an argument is invalid.
    """
    known, prior = with_prior(model, alpha)
    topics = known.topics
    _check_int(max_iter, "max_iter", 1)
    if not isinstance(tol, Real) or not 0 <= float(tol) < np.inf:
        raise ValueError(f"tol must be a number >= 0; got {tol!r}")
    threads = n_threads(n_jobs)
    first = corpus_of(observed, known, "observed")
    if held_out is None:
        first, second = first.completion_split(random_state)
    else:
        second = corpus_of(held_out, known, "held_out")
    n = first.n_documents
    if second.n_documents != n:
        raise ValueError(
            f"held_out must have a row for each of the {n} rows of observed; "
            f"got {second.n_documents}"
        )
    seen, hidden = Bags.of(first), Bags.of(second)
    log_p = np.empty(n)
    step = max(1, _BLOCK // topics.n_topics)
    for i in range(0, n, step):
        end = min(n, i + step)
        theta, _ = fold_in(
            topics, prior, seen.part(i, end), max_iter=max_iter, tol=tol, n_threads=threads
        )
        log_p[i:end] = log_predictive(topics, theta, hidden.part(i, end), n_threads=threads)
    return HeldOutScore(log_p, second.document_lengths(), "document completion")


def perplexity_document_completion(
    model: Any,
    observed: Any,
    held_out: Any = None,
    *,
    alpha: ArrayLike | None = None,
    max_iter: int = 30,
    tol: float = 0.0,
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> float:
    """Return the perplexity of half of each document, given the other half.

    Parameters and errors are those of :func:`document_completion`.
    """
    return document_completion(
        model,
        observed,
        held_out,
        alpha=alpha,
        max_iter=max_iter,
        tol=tol,
        random_state=random_state,
        n_jobs=n_jobs,
    ).perplexity


def left_to_right(
    model: Any,
    X: Any,
    *,
    alpha: ArrayLike | None = None,
    form: str = "sequential",
    n_samples: int = 20,
    resample: int | None = None,
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> HeldOutScore:
    """Estimate the log-probability of whole documents from left to right.

    ``p(words) = prod_i p(w_i | w_1 .. w_i-1)``, and each factor is the mean of ``p(w_i | z_1 ..
    z_i-1)`` over samples of the topics of the words before it, which Gibbs steps update.

    Parameters
    ----------
    model : LatentDirichletAllocation, TopicWord or array-like of shape (n_topics, n_words)
        A fitted model, topics, or rows of word probabilities.
    X : Corpus, sparse matrix or array-like of shape (n_documents, n_words)
        Word counts. A document's tokens are taken in an order drawn at random, since a bag has
        none; the probability is the same for every order.
    alpha : float or array-like of shape (n_topics,), optional
        The prior over topics; required if ``model`` has none.
    form : {"sequential", "particles"}
        ``"sequential"`` is the form of Buntine (2009): one chain, ``n_samples`` sweeps before each
        position, and the mean of ``p(w_i | ...)`` over them. Here the chain continues from one of
        these states drawn in proportion to its ``p(w_i | ...)``, not from the last: then the
        estimate of the probability (not of its logarithm) is unbiased for any ``n_samples``, by
        the argument of annealed importance sampling (Neal 2001). ``"particles"`` is Algorithm 3 of
        Wallach, Murray, Salakhutdinov and Mimno (2009): ``n_samples`` particles side by side, each
        draws all earlier topics again, adds its ``p(w_i | ...)`` to the mean, then draws ``z_i``.
        Since particles are not weighted by the probabilities of the words, there is a bias that
        more particles do not remove; the literature reports this form as left-to-right.
    n_samples : int
        Particles, or sweeps before each position. More lower the variance, and with it the
        downward bias of the logarithm.
    resample : int or None
        How many of the earlier topics to draw again before each position, chosen at random. None
        for all of them, as published, at a cost that is quadratic in a document's length; a number
        makes it linear and leaves the sequential form unbiased. 0 draws none.
    random_state : None, int, RandomState, Generator or SeedSequence
    n_jobs : int or None
        Threads; the result does not depend on it. A document's estimate depends on the seed and on
        its own words.

    Returns
    -------
    HeldOutScore

    Raises
    ------
    ValueError
        If an argument is invalid.

    Notes
    -----
    By Jensen's inequality the logarithm of an unbiased estimate is too low on average, by about
    half the relative variance.
    """
    known, prior = with_prior(model, alpha)
    topics = known.topics
    if form not in ("sequential", "particles"):
        raise ValueError(f"form must be 'sequential' or 'particles'; got {form!r}")
    _check_int(n_samples, "n_samples", 1)
    if resample is not None:
        _check_int(resample, "resample", 0)
    corpus = corpus_of(X, known)
    log_p = np.empty(corpus.n_documents)
    key = child(key_of(random_state), "lda-left-to-right")
    core.lda.left_to_right(
        core.lda.Documents(*Bags.of(corpus)),
        core.lda.TopicWord(*topics.arrays()),
        prior,
        (form, int(n_samples), -1 if resample is None else int(resample), key),
        log_p,
        n_threads(n_jobs),
    )
    return HeldOutScore(
        log_p, corpus.document_lengths(), f"left to right ({form}, {n_samples} samples)"
    )


def joint_log_likelihood(
    word_topic: Any,
    doc_topic: Any,
    alpha: ArrayLike,
    beta: ArrayLike,
    *,
    seeds: Any = None,
    per_token: bool = True,
) -> float:
    """Return ``log p(words, topics | alpha, beta)`` of a state of the sampler.

    Griffiths and Steyvers (2004), equations 2 and 3, for any Dirichlet priors.

    Parameters
    ----------
    word_topic : sparse matrix or array of shape (n_words, n_topics)
        Tokens of each word in each topic.
    doc_topic : sparse matrix or array of shape (n_documents, n_topics)
        Tokens of each document in each topic.
    alpha : float or array-like of shape (n_topics,)
        Dirichlet prior over topics.
    beta : float or array-like of shape (n_words,)
        Dirichlet prior over words.
    seeds : sparse matrix or array of shape (n_words, n_topics), optional
        Prior counts of seed words in addition to ``beta``.
    per_token : bool
        Whether to divide by the number of tokens.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes or priors are invalid, or the counts are not of one state.
    """
    words = _counts(word_topic, "word_topic")
    documents = _counts(doc_topic, "doc_topic")
    n_words, n_topics = words.shape
    if documents.shape[1] != n_topics:
        raise ValueError(
            f"doc_topic must have {n_topics} columns, as word_topic; got {documents.shape[1]}"
        )
    n_k = np.asarray(words.sum(axis=0)).ravel()
    if not np.array_equal(n_k, np.asarray(documents.sum(axis=0)).ravel()):
        raise ValueError("word_topic and doc_topic must count the same tokens in each topic")
    a = prior_of(alpha, n_topics)
    b = np.asarray(beta, dtype=np.float64)
    if b.shape not in ((), (n_words,)) or not (np.isfinite(b).all() and (b > 0).all()):
        raise ValueError(
            f"beta must be one number > 0 or one for each of the {n_words} words; got {beta!r:.60}"
        )
    b = np.broadcast_to(b, (n_words,))
    b_stored, b_sum = _word_prior(words, b, seeds)
    n_d = np.asarray(documents.sum(axis=1)).ravel()
    of_words = gammaln(words.data + b_stored) - gammaln(b_stored)
    of_topics = gammaln(b_sum) - gammaln(n_k + b_sum)
    a_stored = a[documents.indices]
    of_documents = gammaln(documents.data + a_stored) - gammaln(a_stored)
    of_lengths = gammaln(a.sum()) - gammaln(n_d + a.sum())
    total = of_words.sum() + of_topics.sum() + of_documents.sum() + of_lengths.sum()
    tokens = n_k.sum()
    if per_token and not tokens:
        return float("nan")
    return float(total / tokens) if per_token else float(total)


def _word_prior(
    words: Any, beta: NDArray[np.float64], seeds: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the prior of each stored count, and the sum of the priors of each topic."""
    row = np.repeat(np.arange(words.shape[0]), np.diff(words.indptr))
    stored = beta[row]
    total = np.full(words.shape[1], beta.sum())
    if seeds is not None:
        extra = sp.csr_array(seeds, dtype=np.float64)
        if extra.shape != words.shape or (extra.nnz and extra.data.min() < 0):
            raise ValueError(f"seeds must be >= 0 and of shape {words.shape}; got {extra.shape}")
        total += np.asarray(extra.sum(axis=0)).ravel()
        extra = extra.tocoo()
        width = np.int64(words.shape[1])
        key = row * width + words.indices  # ascends, as rows and columns do
        wanted = extra.row * width + extra.col
        at = np.searchsorted(key, wanted)
        found = at < len(key)
        found[found] = key[at[found]] == wanted[found]
        np.add.at(stored, at[found], extra.data[found])
    return stored, total


def _counts(matrix: Any, name: str) -> Any:
    rows = sp.csr_array(matrix, dtype=np.float64, copy=True)
    if rows.ndim != 2:
        raise ValueError(f"{name} must have two dimensions; got {rows.ndim}")
    rows.sum_duplicates()
    rows.eliminate_zeros()
    if rows.nnz and not (rows.data > 0).all():
        raise ValueError(f"{name} must hold counts >= 0")
    return rows


def _check_int(value: Any, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an int >= {least}; got {value!r}")
