"""Boltzmann machines for word counts: the replicated softmax."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, check_non_negative

from .._ground import random
from .._ground.isa import core
from .._ground.validate import validate_data
from .inference.enumeration import hidden_states, refuse_many
from .machine.conditionals import Conditionals
from .machine.rows import numbers_of, whole_numbers

Array = NDArray[Any]


@dataclass(eq=False, repr=False)
class ReplicatedSoftmax(Conditionals):
    """Undirected topic model: a Boltzmann machine of word counts, in native code.

    A row is a document, counts of the words of a vocabulary. Given the hidden units, its D words
    are drawn from one softmax over the vocabulary; the hidden biases count D times, so that
    documents of different lengths share one set of weights (Salakhutdinov and Hinton 2009).

    Parameters
    ----------
    n_components : int, default 50
        Number of hidden units: topic features that are on or off.
    learning_rate : float, default 0.5
        Step along the mean gradient of a mini-batch, divided by the mean length of the documents.
    batch_size : int, default 100
        Documents of a mini-batch.
    method : {"cd", "pcd", "fpcd", "pt"}, default "cd"
        As in :class:`BernoulliRBM`. Persistent chains have the lengths of documents drawn from the
        training data.
    momentum : float, default 0.9
        Share of the last step that is added to the next one.
    fractional : {"raise", "allow"}, default "raise"
        Whether counts that are not whole numbers are an error, or used as weights.
    n_iter, verbose, random_state, n_gibbs_steps, n_chains, n_temperatures, fast_learning_rate, \
centered, l1, l2, sparsity_target, sparsity_cost, learning_rate_schedule, shuffle, \
early_stopping, validation_fraction, n_iter_no_change, tol, warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights W: how much more likely words are where a hidden unit is on, as logarithms.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases b, which count once a word, and a, which begin at the words' log frequencies.
    mean_length_ : float
        Mean number of words of the documents that the fit began with.
    chain_lengths_ : ndarray of shape (n_chains,)
        Words of each persistent chain.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`. The pseudo-likelihood of a document is the sum over its words
        of log P(word | all others), estimated from one word of each of at most 100 documents.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Conditionals._parameter_constraints,
        "fractional": [StrOptions({"raise", "allow"})],
    }
    #: One conditional sums over the vocabulary.
    _watched_rows: ClassVar[int] = 100

    hidden_units = "binary"
    n_components: int = 50
    _: KW_ONLY
    learning_rate: float = 0.5
    batch_size: int = 100
    method: str = "cd"
    momentum: float = 0.9
    fractional: str = "raise"

    # ---- what differs from units of two states ---------------------------------------------------

    def _checked(self, X: Any, *, reset: bool, training: bool = False) -> Any:
        X = validate_data(self, X, accept_sparse="csr", reset=reset, dtype="numeric")
        check_non_negative(X, f"{type(self).__name__}: counts of words")
        return X if self.fractional == "allow" else whole_numbers(X, "counts")

    def _lengths(self, X: Any) -> Array:
        return np.asarray(X.sum(axis=1, dtype=np.float64)).ravel()

    def _begin(self, X: Any, weight: Array | None) -> int:
        self.mean_length_ = float(np.average(self._lengths(X), weights=weight))
        if self.mean_length_ == 0:
            raise ValueError("X holds no words: every count is 0")
        self.__dict__.pop("chain_lengths_", None)
        return int(X.shape[1])

    def _means(self, X: Any, weight: Array | None) -> Array:
        if weight is None:
            total = np.asarray(X.sum(axis=0, dtype=np.float64)).ravel()
        else:
            total = np.asarray(weight @ X).ravel()
        return np.asarray(total / max(total.sum(), 1.0))

    def _first_bias(self, X: Any, weight: Array | None) -> Array:
        words, d = self._lengths(X).sum(), X.shape[1]
        # as if every word had been seen once more
        return np.asarray(np.log((self._means(X, weight) * words + 1.0) / (words + d)))

    def _set_state(self, X: Any, weight: Array | None) -> None:
        super()._set_state(X, weight)
        if self.method == "cd":
            self.__dict__.pop("chain_lengths_", None)
        elif getattr(self, "chain_lengths_", np.empty(0)).shape[0] != self._n_chains():
            rng = random.generator(self._key, "rbm-start", 1)
            p = None if weight is None else weight / weight.sum()
            drawn = rng.choice(self._lengths(X), self._n_chains(), p=p)
            self.chain_lengths_ = np.round(drawn).astype(self.components_.dtype)

    def _set_up(self, settings: Any) -> None:
        settings.rate /= self.mean_length_
        settings.fast_rate /= self.mean_length_
        settings.mean_length = self.mean_length_

    def _kinds(self) -> dict[str, Any]:
        return {"units": core.layers.Units(2, 0)}

    def _kept_by_kind(self) -> dict[str, Any]:
        return {"lengths": getattr(self, "chain_lengths_", None)}

    def _rows(self, X: Any, weight: Array | None = None, *, training: bool = True) -> Any:
        return numbers_of(X, str(self.components_.dtype), weight)

    def _rows_of_numbers(self, v: Array) -> Any:
        return numbers_of(v, str(self.components_.dtype))

    def _hopeless(self) -> float:
        return -4.0 * self.mean_length_ * float(np.log(max(self.n_features_in_, 2))) - 100.0

    def _pseudo_likelihood(self, X: Any, n_flips: int = 1) -> Array:
        lengths = self._lengths(X)
        rng = self._flips(n_flips, max(int(lengths.max()), n_flips))
        rows = self._rows(X, training=False)
        csr = sp.csr_matrix(X)
        # zeros at the ends, so that a row without words has a place to point to
        sums = np.concatenate([[0.0], np.cumsum(csr.data, dtype=np.float64)])
        indices = np.append(csr.indices, 0).astype(np.int64)
        total = np.zeros(X.shape[0])
        for _ in range(n_flips):
            goal = sums[csr.indptr[:-1]] + rng.random(X.shape[0]) * lengths
            place = np.searchsorted(sums[1:], goal, side="right")
            last = np.maximum(csr.indptr[1:] - 1, csr.indptr[:-1])
            chosen = indices[np.clip(place, csr.indptr[:-1], last)]
            total += self._conditional(rows, chosen)
        return np.asarray(total * (lengths / n_flips))

    def _exact_pseudo_likelihood(self, X: Any) -> Array:
        """Return the sum over all words of log P(word | all others)."""
        csr = sp.csr_matrix(X)
        total = np.zeros(X.shape[0])
        counts = np.diff(csr.indptr)
        for number in range(int(counts.max(initial=0))):
            some = np.flatnonzero(counts > number)
            place = csr.indptr[some] + number
            found = self._conditional(self._rows(csr[some]), csr.indices[place])
            total[some] += csr.data[place] * found
        return total

    def _visible_means(self, h: Array, X: Any) -> Array:
        logits = h @ self.components_ + self.intercept_visible_
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True) * self._lengths(X)[:, None])

    # ---- the face --------------------------------------------------------------------------------

    def pseudo_likelihood(
        self, X: Any, *, n_flips: int | None = 1, per_feature: bool = False
    ) -> Array:
        """Return the sum over a document's words of log P(word | all others).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_flips : int or None, default 1
            Words of every row that are looked at, drawn with repeats: the estimate is unbiased for
            any number. None for all of them, which is exact.
        per_feature : bool, default False
            Divide by the number of words of each row.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats a row, or a row and word.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        if n_flips is None:
            found = self._exact_pseudo_likelihood(X)
        else:
            found = self._pseudo_likelihood(X, n_flips)
        return found / np.maximum(self._lengths(X), 1.0) if per_feature else found

    def perplexity(self, X: Any, *, exact: bool = False) -> float:
        """Return exp(-log-likelihood / words) over all documents of X; lower is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        exact : bool, default False
            With the likelihood itself, for at most 25 hidden units; otherwise with the
            pseudo-likelihood, which predicts each word from all others and is the lower for it.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        total = self.log_likelihood(X) if exact else self._exact_pseudo_likelihood(X)
        words = float(self._lengths(X).sum())
        if words == 0:
            raise ValueError("X holds no words: every count is 0")
        return float(np.exp(-total.sum() / words))

    def log_partition(self, n_words: ArrayLike) -> Array:
        """Return log Z for documents of given lengths: P(v) = exp(-F(v)) / Z in one order of words.

        Parameters
        ----------
        n_words : int or array-like of int
            Lengths D.

        Returns
        -------
        ndarray of float64, of the shape of ``n_words``

        Raises
        ------
        ValueError
            If there are more than 25 hidden units.
        """
        check_is_fitted(self)
        refuse_many(self.components_.shape[0])
        lengths, place = np.unique(np.asarray(n_words, dtype=np.float64), return_inverse=True)
        w, a = self.components_.astype(np.float64), self.intercept_visible_.astype(np.float64)
        b = self.intercept_hidden_.astype(np.float64)
        total = np.full(lengths.shape, -np.inf)
        for h in hidden_states(len(b)):
            each = h @ b + np.logaddexp.reduce(h @ w + a, axis=1)
            for i, length in enumerate(lengths):
                total[i] = np.logaddexp(total[i], np.logaddexp.reduce(length * each))
        return np.asarray(total[place].reshape(np.shape(n_words)))

    def log_likelihood(self, X: Any) -> Array:
        """Return log P of every document given its length, its words in one order.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats. For the counts in any order add the logarithm of the multinomial coefficient.

        Raises
        ------
        ValueError
            If there are more than 25 hidden units.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        return np.asarray(-self._free_energy(X) - self.log_partition(self._lengths(X)))

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from v: up to the hidden units and down to as many words.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Each call draws anew; a fitted machine's calls are a function of its seed.
        """
        check_is_fitted(self)
        X = self._checked(v if sp.issparse(v) else np.atleast_2d(v), reset=False)
        hidden = self._draw_hidden(X, self._next_seed())
        lengths = self._chain_lengths(self._lengths(X), X.shape[0])
        out = self._gibbs_chain(hidden, 1, self._next_seed(), 0, lengths=lengths)
        return out[0] if not sp.issparse(v) and np.ndim(v) == 1 else out

    def _chain_lengths(self, n_words: Any, chains: int) -> Array:
        lengths = np.round(np.asarray(n_words, dtype=np.float64))
        if lengths.shape not in ((), (chains,)) or not (lengths >= 0).all():
            raise ValueError(
                f"n_words must be one number >= 0, or one for each of {chains} chains; "
                f"got {n_words!r:.80}"
            )
        return np.array(np.broadcast_to(lengths, chains), dtype=self.components_.dtype)

    def sample(
        self,
        n_samples: int = 1,
        *,
        n_words: ArrayLike | None = None,
        burn_in: int = 1000,
        thin: int = 1,
        n_chains: int | None = None,
        start: Any = None,
        means: bool = False,
        random_state: random.RandomState = None,
    ) -> Array:
        """Draw documents from the machine by block Gibbs sampling.

        Parameters
        ----------
        n_samples : int, default 1
            Rows to draw.
        n_words : int or array-like of shape (n_chains,), optional
            Words of a document; None for those of ``start``, or else the mean of the training data.
        burn_in, thin, n_chains, start, means, random_state
            As in :meth:`BernoulliRBM.sample`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Counts, or their means given the last hidden states.
        """
        check_is_fitted(self)
        chains = n_samples if n_chains is None else n_chains
        own: Any = self.mean_length_
        if isinstance(start, str):
            own = getattr(self, "chain_lengths_", own)
            chains = np.size(own) if start == "chains" else chains
        elif start is not None:
            start = self._checked(start, reset=False)
            own, chains = self._lengths(start), start.shape[0]
        lengths = self._chain_lengths(own if n_words is None else n_words, max(chains, 1))
        return self._sample(
            n_samples, burn_in, thin, n_chains, start, means, random_state, lengths=lengths
        )

    def reconstruction_error(self, X: Any) -> Array:
        """Return the squared error of :meth:`reconstruct`, summed over the words of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
        """
        back = self.reconstruct(X)
        X = self._checked(X, reset=False)
        away = (X.toarray() if sp.issparse(X) else X) - back.astype(np.float64)
        return np.asarray((away * away).sum(axis=1))

    def impute(
        self,
        X: Any,
        *,
        n_words: ArrayLike | None = None,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in counts that are missing, given the others and the length of the document.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Counts; NaN where one is not known.
        n_words : int or array-like of shape (n_samples,)
            Words of the whole documents, those of missing counts included.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features)
            X with every NaN replaced by the mean of the count, given those known.

        Raises
        ------
        ValueError
            If ``n_words`` is missing, or less than the known counts of a row.
        """
        check_is_fitted(self)
        if n_words is None:
            raise ValueError("n_words must say how long the documents are, missing counts included")
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype=np.float64)
        missing = np.isnan(X)
        known = np.where(missing, 0.0, X)
        check_non_negative(known, f"{type(self).__name__}: counts of words")
        lengths = self._chain_lengths(n_words, X.shape[0])
        short = np.flatnonzero((known.sum(axis=1) > lengths) & missing.any(axis=1))
        if short.size:
            row = int(short[0])
            raise ValueError(
                f"n_words is {lengths[row]:g} for row {row}, whose known counts are "
                f"{known[row].sum():g} already"
            )
        means = self._imputed(X, n_steps, n_average, random_state, lengths)
        return np.where(missing, means, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
