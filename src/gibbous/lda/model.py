"""Latent Dirichlet allocation by collapsed Gibbs sampling."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._fit.history import Callback, History
from .._ground import random, validate
from .._ground.validate import validate_data
from ..corpus.corpus import Corpus
from .describe.documents import DocumentTools
from .describe.topics import TopicTools
from .fold_in import Bags, infer, log_predictive
from .priors import Priors
from .run import Run, Summary, start_of
from .setup import Asked, priors_of, run_of
from .topic_word import MOST_TOPICS, TopicWord

#: What a fit finds.
_FOUND = (
    "topics_",
    "word_topic_",
    "document_topic_",
    "doc_topic_prior_",
    "topic_word_prior_",
    "topic_sizes_",
    "token_topics_",
)


class LatentDirichletAllocation(
    TopicTools,
    DocumentTools,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Topics of documents: latent Dirichlet allocation by collapsed Gibbs sampling.

    Each document mixes a few topics, each topic prefers some words; both are found together by
    drawing the topic of every token given all others (Blei, Ng and Jordan 2003; Griffiths and
    Steyvers 2004). One seed gives the same bits for any number of threads.

    Parameters
    ----------
    n_components : int, default 10
        Number of topics, 1 to 65,535.
    doc_topic_prior : float or array-like of shape (n_components,), optional
        Dirichlet prior of a document's topics (alpha). None begins at ``5 / n_components`` and
        optimises the prior of each topic on the way.
    topic_word_prior : float, optional
        Dirichlet prior of a topic's words (beta). None begins at 0.01 and optimises it.
    optimize_priors : "auto" or bool, default "auto"
        Whether to optimise priors, by Minka's fixed point (Minka 2000; Wallach, Mimno and McCallum
        2009): "auto" those that were not given, True both, False neither.
    optimize_interval : int, default 10
        Sweeps between two optimisations, which begin after ``burn_in``.
    sampler : {"auto", "fast", "exact"}, default "auto"
        "fast": Metropolis-Hastings steps on delayed counts (Chen et al. 2016), many times as fast
        as Gibbs sampling, and with a joint likelihood that settles a little lower. "exact":
        collapsed Gibbs sampling. "auto": fast sweeps, and at the end ``settle_iter`` exact ones,
        which reached the best held-out likelihood soonest. On 20 newsgroups (2.2 M tokens, 100
        topics, one thread, one run) perplexity and joint log-likelihood a token after 20 s were
        3338 and -9.13 for "auto", 3371 and -9.17 for fast sweeps alone, 3762 and -9.26 for exact
        ones; after 40 to 50 s 3288 and -9.10, 3315 and -9.14, 3496 and -9.14.
    n_proposals : {1, 3}, default 3
        Metropolis-Hastings steps a token and pass of the fast sampler. 3 needs about half as many
        sweeps, each twice as long, and 4 bytes a token more.
    max_iter : int, default 200
        Sweeps over all tokens.
    settle_iter : int, default 20
        How many of them are exact at the end, where ``sampler="auto"``.
    burn_in : int, default 50
        Sweeps before priors are optimised.
    n_samples : int, default 5
        States of the chain over whose topics the result is averaged, the last one included.
    sample_interval : int, default 5
        Sweeps between these states.
    early_stopping : bool or float, default False
        A share of the documents (True: 0.1) to hold back. Their perplexity by document completion
        is looked at every ``evaluate_every`` sweeps; where it has not fallen by a share of ``tol``
        for ``n_iter_no_change`` times, the chain goes on to its end phase.
    n_iter_no_change : int, default 3
    tol : float, default 1e-3
    evaluate_every : int, default 10
        Sweeps between two evaluations of the joint log-likelihood; 0 for the first and last only.
    seeds : mapping, optional
        Seeded topics: topic number to words, or to a mapping from words to prior counts. Words are
        text where the corpus has a vocabulary, else word numbers. Seeded topics keep their numbers;
        otherwise topics are in the order of their size.
    seed_weight : float, default 0.5
        The prior count of a seed word without one, as a share of its tokens.
    max_doc_update_iter : int, default 1000
        The most iterations of ``transform`` a document.
    mean_change_tol : float, default 1e-5
        A document's topics are found once an iteration would change their shares by no more than
        this in all, whatever the number of topics.
    n_jobs : int, optional
        Threads; None for what OpenMP allows, -1 for all processors. Results do not depend on it.
    random_state : None, int, RandomState, Generator or SeedSequence
    verbose : int, default 0
        Prints a line at each evaluation.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features), float64
        Expected counts of words in topics, the prior included; rows divided by their sums are the
        topics' distributions. Made when asked for.
    topics_ : TopicWord
        The topics' distributions over words, averaged over samples, without topics x words.
    word_topic_ : scipy.sparse.csr_array of shape (n_features, n_components), int32
        Tokens of each word in each topic in the last state.
    document_topic_ : scipy.sparse.csr_array of shape (n_documents, n_components), int32
        Tokens of each training document in each topic in the last state.
    token_topics_ : ndarray of shape (n_tokens,), uint16
        Topic of each token in the last state, where :meth:`fit` was asked to keep them.
    doc_topic_prior_ : ndarray of shape (n_components,), float64
    topic_word_prior_ : float
    vocabulary_ : tuple of str or None
    n_iter_ : int
        Sweeps done.
    bound_ : float
        Joint log-likelihood of words and topics a token in the last state, in nats.
    heldout_perplexities_ : list of (sweep, perplexity)
        With ``early_stopping``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where X had column names
    history_ : History
        The joint log-likelihood a token; between two evaluations the value stays.

    Notes
    -----
    A sweep costs O(tokens), whatever the number of topics, with the fast sampler. Memory: 7 bytes a
    token with one proposal and 11 with three, beside the corpus.

    Ctrl-C is answered in the middle of a sweep; every token has a topic then, and the model is that
    state's.

    Examples
    --------
    >>> from gibbous import Corpus, LatentDirichletAllocation
    >>> corpus = Corpus.from_texts(["the moon wanes", "a full moon", "stocks fall", "stocks rise"])
    >>> model = LatentDirichletAllocation(2, random_state=0).fit(corpus)
    >>> model.transform(corpus).shape
    (4, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
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

    def __init__(
        self,
        n_components: int = 10,
        *,
        doc_topic_prior: Any = None,
        topic_word_prior: float | None = None,
        optimize_priors: str | bool = "auto",
        optimize_interval: int = 10,
        sampler: str = "auto",
        n_proposals: int = 3,
        max_iter: int = 200,
        settle_iter: int = 20,
        burn_in: int = 50,
        n_samples: int = 5,
        sample_interval: int = 5,
        early_stopping: bool | float = False,
        n_iter_no_change: int = 3,
        tol: float = 1e-3,
        evaluate_every: int = 10,
        seeds: Any = None,
        seed_weight: float = 0.5,
        max_doc_update_iter: int = 1000,
        mean_change_tol: float = 1e-5,
        n_jobs: int | None = None,
        random_state: random.RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.doc_topic_prior = doc_topic_prior
        self.topic_word_prior = topic_word_prior
        self.optimize_priors = optimize_priors
        self.optimize_interval = optimize_interval
        self.sampler = sampler
        self.n_proposals = n_proposals
        self.max_iter = max_iter
        self.settle_iter = settle_iter
        self.burn_in = burn_in
        self.n_samples = n_samples
        self.sample_interval = sample_interval
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.evaluate_every = evaluate_every
        self.seeds = seeds
        self.seed_weight = seed_weight
        self.max_doc_update_iter = max_doc_update_iter
        self.mean_change_tol = mean_change_tol
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # --- fitting -----------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        callback: Callback | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 50,
        start: Any = None,
        keep_token_topics: bool = False,
    ) -> LatentDirichletAllocation:
        """Find the topics of a corpus.

        Parameters
        ----------
        X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)
            Counts of words: whole numbers, not negative.
        y : ignored
        callback : callable, optional
            Called with a Progress after each sweep; returning True ends the fit.
        checkpoint : str or path, optional
            A file that takes the whole state every ``checkpoint_every`` sweeps and at the end.
            Where it is there already, the fit goes on from it and ends in the same bits as one
            that was never stopped.
        checkpoint_every : int, default 50
        start : array-like of int, shape (n_tokens,), optional
            The topic of each token that the chain begins with, such as ``token_topics_`` of
            another fit: documents in order, in each the words by number, and equal words side by
            side. Topics keep their numbers. None draws them.
        keep_token_topics : bool, default False
            Keep ``token_topics_``, 2 bytes a token.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, counts are negative or no whole numbers, there is no
            word at all, the checkpoint is damaged or of another fit, or ``start`` has not one topic
            a token; also if ``early_stopping`` holds documents back, whose tokens have no topics.
        KeyboardInterrupt
            After Ctrl-C; the model is then that of the state that was reached.
        """
        corpus = self._corpus(X, reset=True)
        key = random.key_of(self.random_state)
        priors = priors_of(self.get_params(deep=False), corpus)
        if self.early_stopping is not False and (start is not None or keep_token_topics):
            raise ValueError(
                "early_stopping holds documents back, so that start and keep_token_topics have no "
                "topics of their tokens: set early_stopping=False"
            )
        z = None if start is None else start_of(start, corpus.n_tokens, len(priors.alpha))
        asked = Asked(callback, checkpoint, checkpoint_every, z, keep_token_topics)
        return self._run(corpus, priors, key, asked)

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any = None, *, callback: Callback | None = None
    ) -> LatentDirichletAllocation:
        """Go on with new documents, the model as it stands being the prior of the topics' words.

        The first call is a ``fit``. A later one draws the topics of the new documents alone: what
        the topics have drawn before counts as prior counts of their words, beside
        ``topic_word_prior_``, and the document-topic prior stays. ``word_topic_`` then holds all
        documents seen, ``document_topic_`` those of this call.

        Parameters
        ----------
        X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)
        y : ignored
        callback : callable, optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As ``fit``; also if X has another number of words, or other words.
        """
        if not hasattr(self, "topics_"):
            return self.fit(X, callback=callback)  # type: ignore[no-any-return]
        corpus = self._corpus(X, reset=False)
        old = self.word_topic_
        priors = Priors(
            self.doc_topic_prior_,
            self.topic_word_prior_,
            corpus.n_words,
            sp.csr_array(old.astype(np.float32)),
        )
        self._calls += 1
        key = random.child(self.history_.seed or 0, "lda-start", self._calls)
        return self._run(corpus, priors, key, Asked(callback, continued=True), seen=old)

    def _run(
        self, corpus: Corpus, priors: Priors, key: int, asked: Asked, seen: Any = None
    ) -> LatentDirichletAllocation:
        """Sweep over the documents and store the outcome; ``seen`` are counts of earlier ones."""
        run = run_of(self, corpus, priors, key, asked)
        for name in _FOUND:
            self.__dict__.pop(name, None)
        try:
            run.go()
        except BaseException:
            # returned at once: the outcome is put together when it is asked for
            self._unfinished = (run, seen)
            self._keep_summary(run.summary())
            raise
        self._keep(run, seen)
        return self

    def __getattr__(self, name: str) -> Any:
        if name in _FOUND and "_unfinished" in self.__dict__:
            self._keep(*self.__dict__.pop("_unfinished"))
            return getattr(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> Any:
        hasattr(self, "topics_")  # puts an interrupted model together
        return super().__getstate__()

    def _corpus(self, X: Any, *, reset: bool) -> Corpus:
        if self.n_proposals == 2:
            raise ValueError("n_proposals must be 1 or 3; got 2")
        if isinstance(X, Corpus):
            if not reset and X.n_words != self.n_features_in_:
                raise ValueError(
                    f"X has {X.n_words} words, but {type(self).__name__} was fitted with "
                    f"{self.n_features_in_}: carry X over with X.with_vocabulary(vocabulary_)"
                )
            words = (X.vocabulary, None if reset else self.vocabulary_)
            if None not in words and words[0] != words[1]:
                raise ValueError(
                    "X has other words than the fit: X.with_vocabulary(vocabulary_) helps"
                )
            if reset:
                self.n_features_in_: int = X.n_words
            corpus = X
        else:
            checked = validate_data(
                self, X, reset=reset, accept_sparse="csr", dtype="numeric", ensure_non_negative=True
            )
            corpus = Corpus.of(checked)
            if reset and hasattr(self, "feature_names_in_"):
                corpus = Corpus.of(corpus, tuple(self.feature_names_in_))
        if reset:
            self.vocabulary_ = corpus.vocabulary
            self._calls = 0
            if hasattr(self, "topic_labels_"):
                del self.topic_labels_
        return corpus

    def _keep(self, run: Run, seen: Any) -> None:
        found = run.outcome(seen)
        self.topics_ = found.topics
        self.word_topic_, self.document_topic_ = found.word_topic, found.document_topic
        if found.token_topics is not None:
            self.token_topics_ = found.token_topics
        self.doc_topic_prior_, self.topic_word_prior_ = found.alpha, found.beta
        self.topic_sizes_ = found.sizes
        self._keep_summary(run.summary())

    def _keep_summary(self, summary: Summary) -> None:
        self.n_iter_, self.bound_ = summary.n_iter, summary.bound
        self.heldout_perplexities_, self.history_ = summary.heldout_perplexities, summary.history

    # --- what was found ----------------------------------------------------------------------

    @property
    def components_(self) -> NDArray[np.float64]:
        """Expected counts of words in topics with the prior, (n_components, n_features)."""
        check_is_fitted(self, "topics_")
        mass = self.topic_sizes_ + self.topic_word_prior_ * self.n_features_in_
        counts: NDArray[np.float64] = self.topics_.dense() * mass[:, None]
        return counts

    @property
    def exp_dirichlet_component_(self) -> NDArray[np.float64]:
        """The topics' distributions over words, (n_components, n_features)."""
        check_is_fitted(self, "topics_")
        return self.topics_.dense()

    @property
    def _n_features_out(self) -> int:
        return self.topics_.n_topics

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the distribution over topics of each document.

        The fixed point of ``theta <- normalise(alpha + expected counts)`` (Asuncion et al. 2009),
        which is the one maximum of a concave function, in parallel over documents. A document's
        result depends on its own words alone. For millions of documents and many topics see
        :meth:`transform_sparse` and :meth:`transform_batches`.

        Parameters
        ----------
        X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)

        Returns
        -------
        ndarray of shape (n_documents, n_components), float64
            Rows sum to 1.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If X has another number of words.
        """
        check_is_fitted(self, "topics_")
        return self._fold_in(Bags.of(self._corpus(X, reset=False)))

    def _fold_in(self, bags: Bags) -> NDArray[np.float64]:
        theta, _ = infer(
            self.topics_,
            self.doc_topic_prior_,
            bags,
            max_iter=int(self.max_doc_update_iter),
            tol=float(self.mean_change_tol),
            n_threads=validate.n_threads(self.n_jobs),
        )
        return theta

    def score(self, X: Any, y: Any = None) -> float:
        """Return the held-out log-likelihood a token, by document completion, in nats.

        Each token of a document goes to one half or the other with probability 1/2; the topics are
        found from the first half and asked for the second (Wallach, Murray, Salakhutdinov and
        Mimno 2009, section 5.1). The halves are the same at every call.

        Parameters
        ----------
        X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)
        y : ignored

        Returns
        -------
        float
            Higher is better; comparable between numbers of topics.
        """
        check_is_fitted(self, "topics_")
        seen, hidden = map(Bags.of, self._corpus(X, reset=False).completion_split(0))
        log_p = log_predictive(
            self.topics_,
            self._fold_in(seen),
            hidden,
            n_threads=validate.n_threads(self.n_jobs),
        )
        return float(log_p.sum()) / max(hidden.n_tokens, 1)

    def perplexity(self, X: Any) -> float:
        """Return the held-out perplexity by document completion: ``exp(-score(X))``.

        Parameters
        ----------
        X : Corpus, sparse matrix, array or DataFrame of shape (n_documents, n_words)

        Returns
        -------
        float
            Lower is better.
        """
        return float(np.exp(-self.score(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags


__all__ = ["History", "LatentDirichletAllocation", "TopicWord"]
