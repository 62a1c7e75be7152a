"""Classification by a Boltzmann machine that models data and labels jointly."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets

from .._fit.history import Callback
from .._ground import random, validate
from .._ground.validate import validate_data
from .enumerable import EnumerableMachine
from .inference import chains
from .machine.data import Data
from .units.bernoulli import Bernoulli
from .units.labels import Features, Labels

Array = NDArray[Any]
S = TypeVar("S", bound="RBMClassifier")


@dataclass(eq=False, repr=False, kw_only=True)
class RBMClassifier(
    ClassifierMixin,  # type: ignore[misc]
    EnumerableMachine,
):
    """Classifier by a restricted Boltzmann machine with the label among its visible units.

    The visible units are the features, units of two states, and a group of label units of which
    one is on. The machine learns their joint distribution (Larochelle and Bengio 2008: generative
    training) by any method of :class:`BernoulliRBM`; P(label | features) then is exact, a
    softmax of free energies.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    visible_bias : {"data", "zero"}, default "data"
        Initial visible biases, including those of the labels.
    learning_rate, batch_size, n_iter, verbose, random_state, method, n_gibbs_steps, n_chains, \
n_temperatures, fast_learning_rate, centered, momentum, l1, l2, sparsity_target, sparsity_cost, \
learning_rate_schedule, shuffle, binarize, data_max, out_of_range, early_stopping, \
validation_fraction, n_iter_no_change, tol, warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    components_ : ndarray of shape (n_components, n_features + n_classes)
        Weights; those of the labels are in the last columns.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases; those of the label units are the last visible biases.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`. Pseudo-likelihoods are those of features and label together.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **EnumerableMachine._parameter_constraints,
        "visible_bias": [StrOptions({"zero", "data"})],
        "binarize": [StrOptions({"sample"}), Interval(Real, None, None, closed="neither"), None],
        "data_max": [Interval(Real, 0, None, closed="neither")],
        "out_of_range": [StrOptions({"raise", "allow"})],
    }

    hidden_units = "binary"
    visible_bias: str = "data"
    binarize: float | str | None = None
    data_max: float = 1.0
    out_of_range: str = "raise"

    def _units(self, *, fitted: bool) -> Features:
        features = Bernoulli(
            "binary", self.visible_bias, self.binarize, self.data_max, self.out_of_range
        )
        units = Features(labels=Labels(features=features))
        return units.for_classes(self.n_features_in_, len(self.classes_)) if fitted else units

    # ---- fitting ---------------------------------------------------------------------------------

    def _checked_pair(self, X: Any, y: Any, units: Features, *, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, reset=reset, **units.accepts)
        check_classification_targets(y)
        return units.checked(X, type(self).__name__, training=True), y

    def _codes(self, y: Array) -> Array:
        """Return the indices of labels among the classes."""
        unseen = np.setdiff1d(y, self.classes_)
        if unseen.size:
            raise ValueError(
                f"y holds {unseen.tolist()[0]!r}, which is not among the classes of the first "
                f"fit: {self.classes_!r:.200}"
            )
        return np.searchsorted(self.classes_, y)

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self: S,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        callback: Callback | None = None,
    ) -> S:
        """Fit the machine anew, or with ``warm_start`` continue its training.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States, or numbers in [0, ``data_max``].
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in the gradient.
        X_val, y_val : array-likes, optional
            Rows to monitor that are not used for training, with their labels.
        callback : callable, optional
            Called with a :class:`~gibbous.Progress` after every epoch; returning True stops.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is empty, not finite or out of range, or has a wrong shape, or y is not labels.
        Diverged
            If training diverges; the parameters of the last good epoch are kept.
        KeyboardInterrupt
            On Ctrl-C, with the parameters of the last finished epoch kept.
        """
        jobs = validate.n_threads(self.n_jobs)
        first = not (self.warm_start and hasattr(self, "components_"))
        X, y = self._checked_pair(X, y, self._units(fitted=False), reset=first)
        if first:
            self.classes_ = np.unique(y)
        units = self._units(fitted=True)
        X = units.labels.labelled(X, self._codes(y))
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together; one of them is missing")
        if X_val is not None:
            X_val, y_val = self._checked_pair(X_val, y_val, units, reset=False)
            X_val = units.labels.labelled(X_val, self._codes(y_val))
        self._train(units.labels, Data(X, X_val=X_val), sample_weight, first, jobs, callback)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self: S, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> S:
        """Take one gradient step on the rows of X as one mini-batch.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All labels of all calls, for the first call; None for those of y.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        first = not hasattr(self, "components_")
        jobs = validate.n_threads(self.n_jobs)
        X, y = self._checked_pair(X, y, self._units(fitted=False), reset=first)
        if first:
            self.classes_ = np.unique(y if classes is None else np.asarray(classes))
        labels = self._units(fitted=True).labels
        self._step(labels, labels.labelled(X, self._codes(y)), sample_weight, first, jobs)
        return self

    # ---- labels ----------------------------------------------------------------------------------

    def _joint(self, X: Any) -> Array:
        """Return -F(x, y) of every label, (n, classes)."""
        machine, units, jobs = self._fitted()
        found: Array = units.joint(machine, self._checked(X, units), jobs)
        return found

    def predict_log_proba(self, X: Any) -> Array:
        """Return log P(y | x), exact, for every class in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
        """
        joint = self._joint(X)
        return np.asarray(joint - np.logaddexp.reduce(joint, axis=1)[:, None])

    def predict_proba(self, X: Any) -> Array:
        """Return P(y | x), exact, for every class in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
        """
        p = np.exp(self.predict_log_proba(X))
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Array:
        """Return the most probable label of every row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        most = self.predict_log_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most])

    # ---- questions about features ----------------------------------------------------------------

    def free_energy(self, X: Any, y: Any = None) -> Array:
        """Return F(x) with P(x) = exp(-F(x)) / Z, or F(x, y) with P(x, y) = exp(-F(x, y)) / Z.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), optional
            Labels; None to sum over all labels.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats.
        """
        if y is None:
            return super().free_energy(X)
        joint = self._joint(X)
        codes = self._codes(np.asarray(y))
        if codes.shape != (len(joint),):
            raise ValueError(f"y must have one label for each of {len(joint)} rows")
        return np.asarray(-joint[np.arange(len(joint)), codes])

    def score_samples(self, X: Any) -> Array:
        """Return a stochastic estimate of the features' log pseudo-likelihood, labels summed out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats per row.
        """
        return self.pseudo_likelihood(X)

    def pseudo_likelihood(
        self, X: Any, *, n_flips: int | None = 1, per_feature: bool = False
    ) -> Array:
        """Return sum_i log P(x_i | all other features), labels summed out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_flips, per_feature
            As in :meth:`BernoulliRBM.pseudo_likelihood`.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats per row, or per row and feature.
        """
        return super().pseudo_likelihood(X, n_flips=n_flips, per_feature=per_feature)

    def transform(self, X: Any) -> Array:
        """Return the means of the hidden units, P(h = 1 | x), labels summed out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of X if that is float32 or float64, else float64.
        """
        return super().transform(X)

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from features v: a label, up to the hidden units and down again.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of bool, shape (n_samples, n_features)
            Each call draws anew; the calls of a fitted machine are a function of its seed.
        """
        return super().gibbs(v)

    def sample(  # type: ignore[override]
        self,
        n_samples: int = 1,
        *,
        y: Any = None,
        burn_in: int = 1000,
        thin: int = 1,
        n_chains: int | None = None,
        start: Any = None,
        means: bool = False,
        random_state: random.RandomState = None,
    ) -> tuple[Array, Array]:
        """Draw features and labels from the machine by block Gibbs sampling.

        Parameters
        ----------
        n_samples : int, default 1
            Rows to draw.
        y : label, optional
            Draw from P(x | y) for this label.
        burn_in, thin, n_chains, start, means, random_state
            As in :meth:`BernoulliRBM.sample`; ``start`` holds features.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            States 0 and 1, or probabilities with ``means``.
        y : ndarray of shape (n_samples,)
        """
        machine, units, jobs = self._fitted()
        sampling = chains.Sampling(n_samples, burn_in, thin, n_chains, means)
        at = self._checked_start(start, units)
        d, clamp = self.n_features_in_, None
        if y is not None:
            n = n_samples if n_chains is None else n_chains
            if isinstance(at.at, str):
                n = at.persistent or n
            elif at.at is not None:
                n = at.at.shape[0]
            clamp = units.labels.clamped(np.full((n, d), np.nan), self._codes(np.asarray([y])))
        seed = chains.key_for(machine, random_state)
        found = chains.sample(machine, units, sampling, seed, start=at, clamp=clamp, jobs=jobs)
        return found[:, :d], self.classes_[found[:, d:].argmax(axis=1)]

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return the reconstruction of X: up and down again, by means and not by draws.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_steps : int, default 1
            Times up and down, each from the means of the one before (mean field).

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Probabilities of the features.
        """
        return super().reconstruct(X, n_steps=n_steps)

    def impute(
        self,
        X: Any,
        y: Any = None,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in missing entries: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States of 0 and 1 in units of ``data_max``; NaN for missing entries. Known values
            between them are rounded to a state.
        y : array-like of shape (n_samples,), optional
            Labels, if they are known.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None continues from the machine's own seed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            X with every NaN replaced by the probability that the unit is on, given those known.
        """
        codes = None if y is None else self._codes(np.asarray(y))
        return self._imputed(X, chains.Averaging(n_steps, n_average), random_state, codes=codes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # scikit-learn tests with real numbers of both signs, which two-state units cannot represent
        tags.classifier_tags.poor_score = True
        return tags
