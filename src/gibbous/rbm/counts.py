"""Boltzmann machines for word counts: the replicated softmax."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import StrOptions

from .._ground import random
from .estimator import BoltzmannMachine, of_machine
from .inference import chains, enumeration
from .machine.units import Clamp
from .units.counts import Counts, chain_lengths, lengths_of

Array = NDArray[Any]


@dataclass(eq=False, repr=False)
class ReplicatedSoftmax(BoltzmannMachine):
    """Undirected topic model: a restricted Boltzmann machine for word counts, in native code.

    A row holds the word counts of a document. Given the hidden units, its D words are drawn from
    one softmax over the vocabulary; the hidden biases are multiplied by D, so that documents of
    different lengths share one set of weights (Salakhutdinov and Hinton 2009).

    Parameters
    ----------
    n_components : int, default 50
        Number of hidden units: binary topic features.
    learning_rate : float, default 0.5
        Step along the mean gradient of a mini-batch, divided by the mean document length.
    batch_size : int, default 100
        Documents per mini-batch.
    method : {"cd", "pcd", "fpcd", "pt"}, default "cd"
        As in :class:`BernoulliRBM`. The lengths of persistent chains are those of documents drawn
        from the training data.
    momentum : float, default 0.9
        Fraction of the last step that is added to the next one.
    fractional : {"raise", "allow"}, default "raise"
        Whether counts that are not integers raise an error or are used as weights.
    n_iter, verbose, random_state, n_gibbs_steps, n_chains, n_temperatures, fast_learning_rate, \
centered, l1, l2, sparsity_target, sparsity_cost, learning_rate_schedule, shuffle, \
early_stopping, validation_fraction, n_iter_no_change, tol, warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights W: log ratios of the probabilities of words with a hidden unit on and off.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases b, which count once for each word, and a, initialized to log word frequencies.
    mean_length_ : float
        Mean number of words of the first training documents.
    chain_lengths_ : ndarray of shape (n_chains,)
        Number of words of each persistent chain.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`. The pseudo-likelihood of a document is the sum over its words
        of log P(word | all others), estimated from one word each of at most 100 documents.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BoltzmannMachine._parameter_constraints,
        "fractional": [StrOptions({"raise", "allow"})],
    }

    hidden_units = "binary"
    n_components: int = 50
    _: KW_ONLY
    learning_rate: float = 0.5
    batch_size: int = 100
    method: str = "cd"
    momentum: float = 0.9
    fractional: str = "raise"

    chain_lengths_ = of_machine("unit_state", "Words of each persistent chain.", "lengths")

    def _units(self, *, fitted: bool) -> Counts:
        length = self.mean_length_ if fitted else 0.0
        return Counts(fractional=self.fractional, mean_length=length)

    def _keep(self, units: Counts) -> None:
        self.mean_length_ = units.mean_length

    def pseudo_likelihood(
        self, X: Any, *, n_flips: int | None = 1, per_feature: bool = False
    ) -> Array:
        """Return the sum over a document's words of log P(word | all others).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_flips : int or None, default 1
            Number of words of every row to use, drawn with repeats: the estimate is unbiased for
            any number. None for all of them, which is exact.
        per_feature : bool, default False
            Divide by the number of words of each row.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats per row, or per row and word.
        """
        return super().pseudo_likelihood(X, n_flips=n_flips, per_feature=per_feature)

    def perplexity(self, X: Any, *, exact: bool = False) -> float:
        """Return exp(-log-likelihood / words) over all documents of X; lower is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        exact : bool, default False
            Use the likelihood, for at most 25 hidden units; otherwise the pseudo-likelihood,
            which predicts each word from all others and results in a lower perplexity.
        """
        machine, units, jobs = self._fitted()
        X = self._checked(X, units)
        total = self.log_likelihood(X) if exact else units.exact_pseudo_likelihood(machine, X, jobs)
        words = float(lengths_of(X).sum())
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
        return enumeration.log_partition_of_counts(self._fitted()[0], n_words)

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
        machine, units, jobs = self._fitted()
        X = self._checked(X, units)
        return np.asarray(-units.free_energy(machine, X, jobs) - self.log_partition(lengths_of(X)))

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from v: up to the hidden units and down to the same number of words.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Each call draws anew; the calls of a fitted machine are a function of its seed.
        """
        return super().gibbs(v)

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
            Words per document; None for those of ``start``, or else the training mean.
        burn_in, thin, n_chains, start, means, random_state
            As in :meth:`BernoulliRBM.sample`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Counts, or their means given the last hidden states.
        """
        machine, units, jobs = self._fitted()
        sampling = chains.Sampling(n_samples, burn_in, thin, n_chains, means)
        at = self._checked_start(start, units)
        n = n_samples if n_chains is None else n_chains
        own: Any = self.mean_length_
        if isinstance(at.at, str):
            own = machine.unit_state.get("lengths", own)
            n = np.size(own) if at.at == "chains" else n
        elif at.at is not None:
            own, n = lengths_of(at.at), at.at.shape[0]
        clamp = Clamp(lengths=chain_lengths(own if n_words is None else n_words, max(n, 1)))
        seed = chains.key_for(machine, random_state)
        return chains.sample(machine, units, sampling, seed, start=at, clamp=clamp, jobs=jobs)

    def reconstruction_error(self, X: Any) -> Array:
        """Return the squared error of :meth:`reconstruct`, summed over the words of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
        """
        return super().reconstruction_error(X)

    def impute(
        self,
        X: Any,
        *,
        n_words: ArrayLike | None = None,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in missing counts, given the others and the length of the document.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Counts; NaN for missing entries.
        n_words : int or array-like of shape (n_samples,)
            Words of each document, those of missing counts included.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None continues from the machine's own seed.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features)
            X with every NaN replaced by the mean of the count, given those known.

        Raises
        ------
        ValueError
            If ``n_words`` is missing, or less than the known counts of a row.
        """
        if n_words is None:
            raise ValueError(
                "n_words must give the lengths of the documents, missing counts included"
            )
        averaging = chains.Averaging(n_steps, n_average)
        return self._imputed(X, averaging, random_state, n_words=n_words)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
