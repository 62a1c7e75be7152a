"""What a fitted model says of its topics: words, labels, neighbours; and topics put together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ...corpus.corpus import Corpus
from ..topic_word import TopicWord
from . import edit, similar
from .labels import first_order
from .tables import SparseTable, TopicTable
from .words import WordScores, check_n, check_threshold


class TopicTools:
    """Methods of a fitted topic model that describe its topics."""

    topics_: TopicWord
    topic_sizes_: NDArray[np.int64]
    word_topic_: Any
    doc_topic_prior_: NDArray[np.float64]
    vocabulary_: tuple[str, ...] | None
    topic_labels_: tuple[str, ...]

    if TYPE_CHECKING:  # of the estimator

        def _corpus(self, X: Any, *, reset: bool) -> Corpus: ...

    # --- words and labels --------------------------------------------------------------------

    def topic_words(
        self,
        topic: int,
        n: int = 10,
        measure: str = "probability",
        *,
        weight: float | None = None,
    ) -> list[tuple[str | int, float]]:
        """Return the words that tell most of a topic, and their scores.

        Parameters
        ----------
        topic : int
        n : int, default 10
        measure : {"probability", "lift", "relevance", "frex"}
            "probability": ``phi_kw``. "lift": ``phi_kw / p(w)``, which favours rare words.
            "relevance": ``lambda log phi_kw + (1 - lambda) log (phi_kw / p(w))`` (Sievert and
            Shirley 2014). "frex": the harmonic mean of a word's ranks in the topic by exclusivity
            ``phi_kw / sum_j phi_jw`` and by frequency (Bischof and Airoldi 2012).
        weight : float, optional
            ``lambda`` of relevance, by default 0.6; of exclusivity in FREX, by default 0.5.

        Returns
        -------
        list of (word, score)
            The highest score first, equal ones by the numbers of the words. Words are numbers
            where there is no vocabulary. Words that the topic never drew come last.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If an argument is out of range.
        """
        scores = self._word_scores()
        ids, values = scores.best(self._topic(topic), check_n(n), measure, weight)
        return [(self._word(i), float(v)) for i, v in zip(ids, values, strict=True)]

    def describe(
        self, n_words: int = 10, measure: str = "probability", *, weight: float | None = None
    ) -> TopicTable:
        """Return a table of all topics, which prints: label, tokens, share, prior, words.

        Parameters
        ----------
        n_words : int, default 10
        measure, weight
            Which words; as :meth:`topic_words`.

        Returns
        -------
        TopicTable
            With ``to_frame``, ``to_dict``, and HTML in notebooks.

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`topic_words`.
        """
        scores, n = self._word_scores(), check_n(n_words, "n_words")
        k = self.topics_.n_topics
        total = max(int(self.topic_sizes_.sum()), 1)
        columns: dict[str, Sequence[Any] | NDArray[Any]] = {"topic": list(range(k))}
        if hasattr(self, "topic_labels_"):
            columns["label"] = list(self.topic_labels())
        columns |= {
            "tokens": [int(size) for size in self.topic_sizes_],
            "share": [float(size) / total for size in self.topic_sizes_],
            "prior": [float(a) for a in self.doc_topic_prior_],
            "words": [
                ", ".join(str(self._word(i)) for i in scores.best(t, n, measure, weight)[0])
                for t in range(k)
            ],
        }
        return TopicTable(columns)

    def set_topic_labels(self, labels: Mapping[int, str] | Sequence[str] | None) -> Any:
        """Give topics labels of your own, which tables and pictures then show.

        Parameters
        ----------
        labels : mapping from topic to str, sequence of n_components str, or None
            A mapping changes the labels of the topics it names; "" takes a label away, None all of
            them. Labels are lost when the model is fitted anew.

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If a topic is not there, or there are more or fewer labels than topics.
        """
        check_is_fitted(self, "topics_")
        k = self.topics_.n_topics
        if labels is None:
            if hasattr(self, "topic_labels_"):
                del self.topic_labels_
            return self
        if isinstance(labels, Mapping):
            fresh = list(getattr(self, "topic_labels_", ("",) * k))
            for topic, label in labels.items():
                fresh[self._topic(topic)] = label
        elif isinstance(labels, str) or len(labels) != k:
            raise ValueError(f"labels must be {k}, one a topic; got {labels!r:.60}")
        else:
            fresh = list(labels)
        for label in fresh:
            if not isinstance(label, str):
                raise ValueError(f"labels must be text; got {label!r:.60}")
        self.topic_labels_ = tuple(fresh)
        return self

    def topic_labels(self, n_words: int = 3) -> tuple[str, ...]:
        """Return a label of each topic: that of the user, or else the words of most relevance.

        Parameters
        ----------
        n_words : int, default 3
            Words of a label that nobody has given.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        """
        scores, n = self._word_scores(), check_n(n_words, "n_words")
        given = getattr(self, "topic_labels_", ("",) * self.topics_.n_topics)
        return tuple(
            label or ", ".join(str(self._word(i)) for i in scores.best(t, n, "relevance")[0])
            for t, label in enumerate(given)
        )

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
        """Return words or phrases that would do as labels of each topic, the best first.

        First-order relevance (Mei, Shen and Zhai 2007, sections 3.2 and 3.3): a label is good if
        the topic's likely words are likely where the label occurs, and those of other topics are
        not.

        Parameters
        ----------
        X : Corpus, sparse matrix or array of shape (n_documents, n_words)
            Documents to see in which words occur together: the training documents, or others.
        n : int, default 5
        phrases : Corpus, optional
            The same documents in the same order, counted by phrases, as from
            ``Corpus.from_texts(texts, ngram_range=(2, 3), min_df=10)``. None takes single words.
        n_words : int, default 50
            Likeliest words of a topic that are asked.
        min_df : int, default 5
            Documents that a label has to occur in.
        mu : float, default 0.25
            How much a label is to be blamed for fitting other topics too, >= 0.

        Returns
        -------
        list of lists of (label, score), one list a topic
            ``set_topic_labels([found[0][0] for found in ...])`` takes the best.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If the two corpora differ in length, no label occurs in ``min_df`` documents, or an
            argument is out of range.
        """
        check_is_fitted(self, "topics_")
        corpus = self._corpus(X, reset=False)
        return first_order(
            self.topics_,
            corpus,
            corpus if phrases is None else Corpus.of(phrases),
            n=check_n(n),
            n_words=check_n(n_words, "n_words"),
            min_df=check_n(min_df, "min_df"),
            mu=mu,
        )

    # --- other topics ------------------------------------------------------------------------

    def merge_topics(self, groups: Sequence[Sequence[int]]) -> Any:
        """Return a model in which each group of topics is one topic.

        Counts and document-topic priors are added, and the topic's distribution over words is that
        of the added counts. A group takes the place of its first topic; all others keep their
        order. A document's share of the merged topic in ``document_topic_`` is exactly the sum.

        Parameters
        ----------
        groups : sequence of sequences of int
            Such as ``[[1, 2], [5, 7]]``.

        Returns
        -------
        LatentDirichletAllocation
            This one stays as it is.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If a topic is not there or is named twice.
        """
        check_is_fitted(self, "topics_")
        new = edit.groups_of(groups, self.topics_.n_topics)
        return self._carry_labels(edit.merged(self, new), new)

    def drop_topics(self, topics: Sequence[int]) -> Any:
        """Return a model without some topics, as for topics of boilerplate.

        Their tokens are removed from all counts, and documents are shared out among the topics
        that are left, which keep their order.

        Parameters
        ----------
        topics : sequence of int

        Returns
        -------
        LatentDirichletAllocation
            This one stays as it is.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If a topic is not there or is named twice, or none would be left.
        """
        check_is_fitted(self, "topics_")
        k = self.topics_.n_topics
        gone = edit.topic_numbers(topics, k, "topics")
        left = np.setdiff1d(np.arange(k), gone)
        if not len(left):
            raise ValueError(f"topics must leave at least one of {k}; all are named")
        new = np.full(k, -1)
        new[left] = np.arange(len(left))
        return self._carry_labels(edit.kept(self, left), new)

    def _carry_labels(self, model: Any, new: NDArray[np.int64]) -> Any:
        """Give each topic of a new model the first label among the topics that went into it."""
        if hasattr(self, "topic_labels_"):
            fresh = [""] * model.topics_.n_topics
            for label, at in zip(self.topic_labels_, new, strict=True):
                if at >= 0:
                    fresh[at] = fresh[at] or label
            model.topic_labels_ = tuple(fresh)
        return model

    # --- what is alike -----------------------------------------------------------------------

    def similar_words(
        self, word: str | int, n: int = 10, *, metric: str = "hellinger"
    ) -> list[tuple[str | int, float]]:
        """Return the words that speak of the same topics: near in ``p(topic | word)``.

        Parameters
        ----------
        word : str or int
            A word of the vocabulary, or its number.
        n : int, default 10
        metric : {"hellinger", "jensen-shannon", "cosine"}

        Returns
        -------
        list of (word, distance)
            The nearest first. Words without tokens in training are passed over.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If the word is not known, or an argument is out of range.
        """
        scores = self._word_scores()
        number = self._word_number(word)
        seen = np.flatnonzero(np.diff(self.word_topic_.indptr))
        own = np.flatnonzero(seen == number)
        found = similar.nearest(
            scores.profiles(np.array([number])),
            lambda first, end: scores.profiles(seen[first:end]),
            len(seen),
            check_n(n),
            metric,
            own if len(own) else None,
        )
        ids, distances = seen[found.indices[0]], found.distances[0]
        return [(self._word(i), float(d)) for i, d in zip(ids, distances, strict=True)]

    def similar_topics(
        self, topic: int, n: int = 10, *, metric: str = "hellinger"
    ) -> list[tuple[int, float]]:
        """Return the topics whose distributions over words are nearest to one topic's.

        Parameters
        ----------
        topic : int
        n : int, default 10
        metric : {"hellinger", "jensen-shannon", "cosine"}

        Returns
        -------
        list of (topic, distance)
            The nearest first.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If an argument is out of range.
        """
        check_is_fitted(self, "topics_")
        at = self._topic(topic)
        far = similar.topic_distances(self.topics_, at, metric)
        order = np.argsort(far, kind="stable")
        return [(int(k), float(far[k])) for k in order[order != at][: check_n(n)]]

    def topic_word_table(self, threshold: float = 1e-3) -> SparseTable:
        """Return the probabilities of words in topics that reach a threshold.

        Parameters
        ----------
        threshold : float, default 1e-3
            The least probability that is told, > 0: a topic gives every word some.

        Returns
        -------
        SparseTable of shape (n_components, n_features)
            With ``to_csr`` and ``to_frame``. Rows do not sum to 1 for what is left out.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ValueError
            If the threshold is not in (0, 1].
        """
        check_is_fitted(self, "topics_")
        least = check_threshold(threshold)
        if least == 0:
            raise ValueError("threshold must be > 0; components_ has all probabilities")
        scores = self._word_scores()
        rows = []
        for topic in range(self.topics_.n_topics):
            phi = scores.probability(topic)
            words = np.flatnonzero(phi >= least)
            rows.append((words, phi[words]))
        indptr = np.cumsum([0, *(len(words) for words, _ in rows)])
        words, values = (np.concatenate(column) for column in zip(*rows, strict=True))
        shape = (self.topics_.n_topics, self.topics_.n_words)
        matrix = sp.csr_array((values, words.astype(np.int32), indptr), shape=shape)
        known: dict[str, Any] = {"topic": np.arange(shape[0])}
        if hasattr(self, "topic_labels_"):
            known["label"] = np.array(self.topic_labels(), dtype=object)
        return SparseTable(matrix, known, self.vocabulary_ or tuple(range(shape[1])))

    # --- a page ------------------------------------------------------------------------------

    def report(
        self, path: str | os.PathLike[str] | None = None, corpus: Any = None, **options: Any
    ) -> str | None:
        """Write a page about the topics that a browser shows without a network.

        Parameters
        ----------
        path : str or path, optional
            Where the page goes; None returns it instead.
        corpus : Corpus, sparse matrix or array of shape (n_documents, n_words), optional
            Documents to show the topics in.
        **options
            As :func:`gibbous.lda.report.page.write_report`: ``texts``, ``title``, ``n_words``,
            ``n_documents``, ``by``, ``random_state``.

        Returns
        -------
        str or None
            The page, where there is no path.

        Raises
        ------
        NotFittedError, TypeError, ValueError, OSError
            As :func:`gibbous.lda.report.page.write_report`.
        """
        from ..report.page import report_html, write_report

        if path is None:
            return report_html(self, corpus, **options)
        write_report(self, path, corpus, **options)
        return None

    # --- what the methods above begin with ---------------------------------------------------

    def _word_scores(self) -> WordScores:
        check_is_fitted(self, "topics_")
        return WordScores(self.topics_, self.topic_sizes_)

    def _topic(self, topic: Any) -> int:
        """Return the number of a topic, checked."""
        return int(edit.topic_numbers([topic], self.topics_.n_topics, "topic")[0])

    def _word(self, number: Any) -> str | int:
        return int(number) if self.vocabulary_ is None else self.vocabulary_[int(number)]

    def _word_number(self, word: str | int) -> int:
        if isinstance(word, str):
            if self.vocabulary_ is None:
                raise ValueError(f"word {word!r:.60} needs a vocabulary; give a word number")
            try:
                return self.vocabulary_.index(word)
            except ValueError:
                raise ValueError(f"word {word!r:.60} is not in the vocabulary") from None
        if isinstance(word, bool) or not isinstance(word, Integral):
            raise ValueError(f"word must be a word or its number; got {word!r:.60}")
        if not 0 <= word < self.topics_.n_words:
            raise ValueError(f"word must be in [0, {self.topics_.n_words}); got {word}")
        return int(word)
