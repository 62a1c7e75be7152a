"""Latent Dirichlet allocation by collapsed Gibbs sampling."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils.validation import check_is_fitted

from .._fit.history import Callback
from .._ground import random, validate
from .._ground.docstrings import documented_by
from ..corpus.corpus import Corpus
from .describe import documents, edit, inference, over_time, topics
from .describe import labels as _labels
from .describe.similar import Neighbors
from .describe.tables import SparseTable, TopicTable
from .fitted import FittedTopics
from .fold_in import Inference
from .priors import Priors
from .run import Run, Summary, start_of
from .setup import CONSTRAINTS, Asked, corpus_of, priors_of, run_of

_NEW_MODEL = "LatentDirichletAllocation\n    A new model; this one is not changed."

#: The fitted attributes.
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
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Topics of documents: latent Dirichlet allocation by collapsed Gibbs sampling.

    Each document is a mixture of topics, each topic a distribution over words. Both are found by
    drawing the topic of every token given all others (Blei, Ng and Jordan 2003; Griffiths and
    Steyvers 2004). One seed gives the same bits for any number of threads.

    Parameters
    ----------
    n_components : int, default 10
        Number of topics, 1 to 65,535.
    doc_topic_prior : float or array-like of shape (n_components,), optional
        Dirichlet prior of a document's topics (alpha). None starts at ``5 / n_components`` and
        optimizes the prior of each topic during the fit.
    topic_word_prior : float, optional
        Dirichlet prior of a topic's words (beta). None starts at 0.01 and optimizes it.
    optimize_priors : "auto" or bool, default "auto"
        Whether to optimize priors, by Minka's fixed point (Minka 2000; Wallach, Mimno and McCallum
        2009): "auto" those that were not given, True both, False neither.
    optimize_interval : int, default 10
        Sweeps between two optimizations, which begin after ``burn_in``.
    sampler : {"auto", "fast", "exact"}, default "auto"
        "fast": Metropolis-Hastings steps on delayed counts (Chen et al. 2016), many times as fast
        as Gibbs sampling, with a joint likelihood that converges to a slightly lower value.
        "exact": collapsed Gibbs sampling. "auto": fast sweeps, then ``settle_iter`` exact ones,
        which reached the best held-out likelihood soonest. On 20 newsgroups (2.2 M tokens, 100
        topics, one thread, one run) perplexity and joint log-likelihood per token after 20 s were
        3338 and -9.13 for "auto", 3371 and -9.17 for fast sweeps alone, 3762 and -9.26 for exact
        ones; after 40 to 50 s 3288 and -9.10, 3315 and -9.14, 3496 and -9.14.
    n_proposals : {1, 3}, default 3
        Metropolis-Hastings steps per token and pass of the fast sampler. 3 needs about half as many
        sweeps, each twice as long, and 4 more bytes per token.
    max_iter : int, default 200
        Sweeps over all tokens.
    settle_iter : int, default 20
        Number of exact sweeps at the end of a fit with ``sampler="auto"``.
    burn_in : int, default 50
        Sweeps before priors are optimized.
    n_samples : int, default 5
        Number of states of the chain over which the topics are averaged, including the last one.
    sample_interval : int, default 5
        Sweeps between these states.
    early_stopping : bool or float, default False
        A share of the documents (True: 0.1) to hold back. Their perplexity by document completion
        is computed every ``evaluate_every`` sweeps; once it has not fallen by a share of ``tol``
        ``n_iter_no_change`` times, the last phase of the chain begins.
    n_iter_no_change : int, default 3
    tol : float, default 1e-3
    evaluate_every : int, default 10
        Sweeps between two evaluations of the joint log-likelihood; 0 for the first and last only.
    seeds : mapping, optional
        Seeded topics: topic number to words, or to a mapping from words to prior counts. Words are
        text if the corpus has a vocabulary, otherwise word numbers. With seeds topics keep their
        numbers; otherwise they are sorted by size.
    seed_weight : float, default 0.5
        The prior count of a seed word without one, as a share of its tokens.
    max_doc_update_iter : int, default 1000
        Maximum number of iterations of ``transform`` per document.
    mean_change_tol : float, default 1e-5
        The topics of a document have converged if another iteration would change their shares by at
        most this in total, whatever the number of topics.
    n_jobs : int, optional
        Threads; None for what OpenMP allows, -1 for all processors. Results do not depend on it.
    random_state : None, int, RandomState, Generator or SeedSequence
    verbose : int, default 0
        Prints a line at each evaluation.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features), float64
        Expected counts of words in topics, including the prior; rows divided by their sums are the
        topics' distributions. Computed on access.
    topics_ : TopicWord
        The topics' distributions over words, averaged over samples, in sparse form.
    word_topic_ : scipy.sparse.csr_array of shape (n_features, n_components), int32
        Tokens of each word in each topic in the last state.
    document_topic_ : scipy.sparse.csr_array of shape (n_documents, n_components), int32
        Tokens of each training document in each topic in the last state.
    token_topics_ : ndarray of shape (n_tokens,), uint16
        Topic of each token in the last state, if :meth:`fit` was asked to keep them.
    doc_topic_prior_ : ndarray of shape (n_components,), float64
    topic_word_prior_ : float
    vocabulary_ : tuple of str or None
    n_iter_ : int
        Number of sweeps done.
    bound_ : float
        Joint log-likelihood of words and topics per token in the last state, in nats.
    heldout_perplexities_ : list of (sweep, perplexity)
        With ``early_stopping``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, if X had column names
    history_ : History
        The joint log-likelihood per token; it is repeated between two evaluations.

    Notes
    -----
    A sweep of the fast sampler costs O(tokens), whatever the number of topics. Memory: 7 bytes per
    token with one proposal and 11 with three, in addition to the corpus.

    Ctrl-C is answered in the middle of a sweep; every token has a topic then, and the model is that
    of this state.

    Examples
    --------
    >>> from gibbous import Corpus, LatentDirichletAllocation
    >>> corpus = Corpus.from_texts(["the moon wanes", "a full moon", "stocks fall", "stocks rise"])
    >>> model = LatentDirichletAllocation(2, random_state=0).fit(corpus)
    >>> model.transform(corpus).shape
    (4, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

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
            Counts of words: whole numbers >= 0.
        y : ignored
        callback : callable, optional
            Called with a Progress after each sweep; returning True ends the fit.
        checkpoint : str or path, optional
            A file to which the whole state is written every ``checkpoint_every`` sweeps and at the
            end. If it exists, the fit continues from it and ends in the same bits as one that was
            never stopped.
        checkpoint_every : int, default 50
        start : array-like of int, shape (n_tokens,), optional
            The topic of each token that the chain begins with, such as ``token_topics_`` of
            another fit: documents in order, their words by number, and equal words next to each
            other. Topics keep their numbers. None draws them.
        keep_token_topics : bool, default False
            Keep ``token_topics_``, 2 bytes per token.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, counts are negative or not whole numbers, there are no
            words, the checkpoint is damaged or of another fit, or ``start`` does not have one topic
            per token; also if ``early_stopping`` is used with ``start`` or ``keep_token_topics``.
        KeyboardInterrupt
            After Ctrl-C; the model is then that of the state that was reached.
        """
        corpus = self._corpus(X, reset=True)
        key = random.key_of(self.random_state)
        priors = priors_of(vars(self), corpus)
        if self.early_stopping is not False and (start is not None or keep_token_topics):
            raise ValueError(
                "early_stopping holds documents back, whose tokens start and keep_token_topics "
                "need; set early_stopping=False"
            )
        z = None if start is None else start_of(start, corpus.n_tokens, len(priors.alpha))
        asked = Asked(callback, checkpoint, checkpoint_every, z, keep_token_topics)
        return self._run(corpus, priors, key, asked)

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any = None, *, callback: Callback | None = None
    ) -> LatentDirichletAllocation:
        """Update the model with new documents; its present counts are the prior of topics' words.

        The first call is a ``fit``. A later one draws the topics of the new documents only: the
        counts of earlier calls are prior counts of the words, in addition to
        ``topic_word_prior_``, and the document-topic prior is kept. ``word_topic_`` then covers all
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
        alpha, beta = self.doc_topic_prior_, self.topic_word_prior_
        priors = Priors(alpha, beta, corpus.n_words, sp.csr_array(old.astype(np.float32)))
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
            # returns immediately: the outcome is combined on demand
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
        hasattr(self, "topics_")  # finishes an interrupted model
        return super().__getstate__()

    def _corpus(self, X: Any, *, reset: bool) -> Corpus:
        corpus = corpus_of(self, X, reset)
        if reset:
            self.n_features_in_: int = corpus.n_words
            self.vocabulary_ = corpus.vocabulary
            self._calls = 0
            self.__dict__.pop("topic_labels_", None)
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

    def _fitted(self) -> FittedTopics:
        check_is_fitted(self, "topics_")
        return FittedTopics(
            phi=self.topics_,
            sizes=self.topic_sizes_,
            alpha=self.doc_topic_prior_,
            beta=self.topic_word_prior_,
            word_topic=self.word_topic_,
            document_topic=self.document_topic_,
            vocabulary=self.vocabulary_,
            labels=getattr(self, "topic_labels_", None),
            inference=Inference(
                self.topics_,
                self.doc_topic_prior_,
                max_iter=int(self.max_doc_update_iter),
                tol=float(self.mean_change_tol),
                n_threads=validate.n_threads(self.n_jobs),
            ),
            read=partial(self._corpus, reset=False),
            parameters=self.get_params(deep=False),
        )

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

    # --- documents ---------------------------------------------------------------------------

    @documented_by(inference.transform)
    def transform(self, X: Any) -> NDArray[np.float64]:
        return inference.transform(self._fitted(), X)

    @documented_by(inference.transform_batches)
    def transform_batches(
        self,
        X: Any,
        batch_size: int = inference.BATCH,
        *,
        sparse: bool = True,
        threshold: float = 0.01,
    ) -> Iterator[Any]:
        return inference.transform_batches(
            self._fitted(), X, batch_size, sparse=sparse, threshold=threshold
        )

    @documented_by(inference.transform_sparse)
    def transform_sparse(self, X: Any, threshold: float = 0.01) -> Any:
        return inference.transform_sparse(self._fitted(), X, threshold)

    @documented_by(inference.score)
    def score(self, X: Any, y: Any = None) -> float:
        return inference.score(self._fitted(), X)

    @documented_by(inference.perplexity)
    def perplexity(self, X: Any) -> float:
        return inference.perplexity(self._fitted(), X)

    @documented_by(documents.document_topic_table)
    def document_topic_table(
        self, X: Any = None, threshold: float = 0.01, *, of: Any = None
    ) -> SparseTable:
        return documents.document_topic_table(self._fitted(), X, threshold, of=of)

    @documented_by(documents.representative_documents)
    def representative_documents(
        self, n: int = 5, X: Any = None, *, topics: Sequence[int] | None = None, of: Any = None
    ) -> TopicTable:
        return documents.representative_documents(self._fitted(), n, X, topics=topics, of=of)

    @documented_by(documents.assignments)
    def assignments(self, X: Any, document: int = 0) -> TopicTable:
        return documents.assignments(self._fitted(), X, document)

    @documented_by(documents.similar_documents)
    def similar_documents(
        self, X: Any, n: int = 10, *, among: Any = None, metric: str = "hellinger"
    ) -> Neighbors:
        return documents.similar_documents(self._fitted(), X, n, among=among, metric=metric)

    @documented_by(documents.pyldavis_inputs)
    def pyldavis_inputs(self, X: Any) -> dict[str, Any]:
        return documents.pyldavis_inputs(self._fitted(), X)

    @documented_by(over_time.topics_over_time)
    def topics_over_time(
        self,
        X: Any,
        by: Any = "year",
        *,
        dates: Any = None,
        topics: Sequence[int] | None = None,
        weights: str = "tokens",
    ) -> over_time.TopicsOverTime:
        return over_time.topics_over_time(
            self._fitted(), X, by, dates=dates, topics=topics, weights=weights
        )

    # --- topics ------------------------------------------------------------------------------

    @documented_by(topics.topic_words)
    def topic_words(
        self, topic: int, n: int = 10, measure: str = "probability", *, weight: float | None = None
    ) -> list[tuple[str | int, float]]:
        return topics.topic_words(self._fitted(), topic, n, measure, weight=weight)

    @documented_by(topics.describe)
    def describe(
        self, n_words: int = 10, measure: str = "probability", *, weight: float | None = None
    ) -> TopicTable:
        return topics.describe(self._fitted(), n_words, measure, weight=weight)

    @documented_by(topics.similar_words)
    def similar_words(
        self, word: str | int, n: int = 10, *, metric: str = "hellinger"
    ) -> list[tuple[str | int, float]]:
        return topics.similar_words(self._fitted(), word, n, metric=metric)

    @documented_by(topics.similar_topics)
    def similar_topics(
        self, topic: int, n: int = 10, *, metric: str = "hellinger"
    ) -> list[tuple[int, float]]:
        return topics.similar_topics(self._fitted(), topic, n, metric=metric)

    @documented_by(topics.topic_word_table)
    def topic_word_table(self, threshold: float = 1e-3) -> SparseTable:
        return topics.topic_word_table(self._fitted(), threshold)

    @documented_by(_labels.topic_labels)
    def topic_labels(self, n_words: int = 3) -> tuple[str, ...]:
        return _labels.topic_labels(self._fitted(), n_words)

    @documented_by(_labels.label_candidates)
    def label_candidates(
        self,
        X: Any,
        n: int = 5,
        *,
        phrases: Any = None,
        n_words: int = 50,
        min_df: int = 5,
        mu: float = 0.25,
    ) -> list[list[tuple[str | int, float]]]:
        options: dict[str, Any] = {"n_words": n_words, "min_df": min_df, "mu": mu}
        return _labels.label_candidates(self._fitted(), X, n, phrases=phrases, **options)

    @documented_by(_labels.set_topic_labels, returns="self")
    def set_topic_labels(
        self, labels: Mapping[int, str] | Sequence[str] | None
    ) -> LatentDirichletAllocation:
        given = _labels.set_topic_labels(self._fitted(), labels)
        self.__dict__.pop("topic_labels_", None)
        if given is not None:
            self.topic_labels_ = given
        return self

    @documented_by(edit.merge_topics, returns=_NEW_MODEL)
    def merge_topics(self, groups: Sequence[Sequence[int]]) -> LatentDirichletAllocation:
        return self._edited(edit.merge_topics(self._fitted(), groups))

    @documented_by(edit.drop_topics, returns=_NEW_MODEL)
    def drop_topics(self, topics: Sequence[int]) -> LatentDirichletAllocation:
        return self._edited(edit.drop_topics(self._fitted(), topics))

    def _edited(self, found: edit.Edited) -> LatentDirichletAllocation:
        model: LatentDirichletAllocation = clone(self)
        # the topics of tokens are the old topics, or none if a topic was dropped
        left_out = {*self.get_params(deep=False), "token_topics_"}
        for name in vars(self).keys() - left_out:
            setattr(model, name, vars(self)[name])
        model.set_params(**found.parameters)
        model.topics_, model.topic_sizes_ = found.topics, found.sizes
        model.word_topic_, model.document_topic_ = found.word_topic, found.document_topic
        model.doc_topic_prior_, model.bound_ = found.alpha, found.bound
        if found.labels is not None:
            model.topic_labels_ = found.labels
        return model

    # --- a page ------------------------------------------------------------------------------

    def report(
        self, path: str | os.PathLike[str] | None = None, corpus: Any = None, **options: Any
    ) -> str | None:
        """Write a page about the topics that a browser shows without a network.

        Parameters
        ----------
        path : str or path, optional
            Where the page is written; None returns it instead.
        corpus : Corpus, sparse matrix or array of shape (n_documents, n_words), optional
            Documents to show the topics in.
        **options
            As :func:`gibbous.report_lda.write_report`: ``texts``, ``title``, ``n_words``,
            ``n_documents``, ``by``, ``random_state``.

        Returns
        -------
        str or None
            The page, if there is no path.

        Raises
        ------
        NotFittedError, TypeError, ValueError, OSError
            As :func:`gibbous.report_lda.write_report`.
        """
        from .report.data import Record, ReportOptions
        from .report.page import html, write

        fitted, page = self._fitted(), ReportOptions(**options)
        texts, held_out = getattr(self, "text_options_", None), self.heldout_perplexities_
        record = Record(self.n_iter_, self.bound_, self.history_, held_out, texts)
        if path is None:
            return html(fitted, record, corpus, page)
        write(path, fitted, record, corpus, page)
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags
