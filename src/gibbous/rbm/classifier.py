"""Classification by a Boltzmann machine that sees data and labels together."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from .._fit.history import Callback
from .._ground import random, validate
from .._ground.isa import core
from .._ground.validate import validate_data
from .inference.chains import check_count
from .inference.enumeration import Enumeration
from .inference.scores import Scores
from .machine.conditionals import Conditionals
from .machine.rows import check_range, rows_of

Array = NDArray[Any]
S = TypeVar("S", bound="RBMClassifier")


@dataclass(eq=False, repr=False, kw_only=True)
class RBMClassifier(
    ClassifierMixin,  # type: ignore[misc]
    Enumeration,
    Conditionals,
):
    """Classifier by a restricted Boltzmann machine with the label among its visible units.

    The label is a group of visible units of which one is on, beside the features, units of two
    states. The machine learns their joint distribution (Larochelle and Bengio 2008: generative
    training) by any of the methods of :class:`BernoulliRBM`; P(label | features) then is exact, a
    softmax of free energies.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    visible_bias : {"data", "zero"}, default "data"
        Start of the visible biases, the labels' included.
    learning_rate, batch_size, n_iter, verbose, random_state, method, n_gibbs_steps, n_chains, \
n_temperatures, fast_learning_rate, centered, momentum, l1, l2, sparsity_target, sparsity_cost, \
learning_rate_schedule, shuffle, binarize, data_max, out_of_range, early_stopping, \
validation_fraction, n_iter_no_change, tol, warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    components_ : ndarray of shape (n_components, n_features + n_classes)
        Weights, those of the labels in the last columns.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases; of the visible units those of the labels come last.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`. Pseudo-likelihoods are those of features and label together.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Conditionals._parameter_constraints,
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

    # ---- features and labels side by side --------------------------------------------------------

    def _labelled(self, X: Any, codes: Array | None) -> Any:
        """Return features and labels side by side; labels all off where None."""
        if isinstance(self.binarize, Real):
            X = float(self.binarize) * self.data_max < X
        return self._joined(X, codes)

    def _top(self) -> float:
        """Return the value of a unit that is on among rows that are labelled."""
        return 1.0 if isinstance(self.binarize, Real) else float(self.data_max)

    def _joined(self, X: Any, codes: Array | None) -> Any:
        n, k = X.shape[0], len(self.classes_)
        if X.dtype == bool:
            X = X.astype(np.uint8) if sp.issparse(X) else X.view(np.uint8)
        labels = np.zeros((n, k), X.dtype)
        if codes is not None:
            labels[np.arange(n), codes] = self._top()
        if sp.issparse(X):
            return sp.csr_matrix(sp.hstack([X, sp.csr_matrix(labels)], format="csr"))
        return np.hstack([X, labels])

    def _rows(self, X: Any, weight: Array | None = None, *, training: bool = True) -> Any:
        sampled = training and self.binarize == "sample"
        return rows_of(
            X,
            str(self.components_.dtype),
            self._threads_for(X.shape[0]),
            data_max=self._top(),
            binarize="sample" if sampled else None,
            weight=None if weight is None else weight / weight.mean(),
        )

    def _means(self, X: Any, weight: Array | None) -> Array:
        if weight is None:
            means = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
        else:
            means = np.asarray(weight @ X).ravel() / weight.sum()
        return means / self._top()

    def _first_bias(self, X: Any, weight: Array | None) -> Array:
        bias = super()._first_bias(X, weight)
        if self.visible_bias == "data":
            shares = self._means(X, weight)[self.n_features_in_ :]
            bias[self.n_features_in_ :] = np.log(np.maximum(shares, 1e-6))
        return bias

    def _label_group(self) -> Array:
        d = self.n_features_in_
        return np.array([[d, d + len(self.classes_)]], dtype=np.int64)

    def _kinds(self) -> dict[str, Any]:
        return {"units": core.layers.Units(0, 0, self._label_group())}

    def _hopeless(self) -> float:
        fair = self.n_features_in_ * np.log(2.0) + np.log(len(self.classes_))
        return -4.0 * float(fair) - 50.0 if self.out_of_range == "raise" else -np.inf

    def _n_variables(self) -> int:
        return self.n_features_in_ + 1  # the label begins at unit n_features_in_

    def _log_visible(self, inputs: Array) -> Array:
        logits = inputs + self.intercept_visible_.astype(np.float64)
        d = self.n_features_in_
        features = np.logaddexp(0.0, logits[:, :d]).sum(axis=1)
        return np.asarray(features + np.logaddexp.reduce(logits[:, d:], axis=1))

    def _joint(self, X: Any) -> Array:
        """Return -F(x, y) of checked features and every label, (n, classes)."""
        return self._joint_of(self._labelled(X, None))

    def _joint_of(self, labelled: Any) -> Array:
        rows = self._rows(labelled, training=False)
        find: Any = core.rbm.group_energies  # one function for both precisions
        threads = self._threads_for(rows.n)
        found: Array = find(rows, *self._parameters(), 0, threads, **self._kinds())
        return found

    def _free_energy_of_states(self, X: Any) -> Array:
        return np.asarray(-np.logaddexp.reduce(self._joint_of(self._joined(X, None)), axis=1))

    # ---- fitting ---------------------------------------------------------------------------------

    def _checked_pair(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, accept_sparse="csr", reset=reset)
        check_classification_targets(y)
        if self.out_of_range == "raise":
            check_range(X, self.data_max)
        return X, y

    def _codes(self, y: Array) -> Array:
        """Return the places of labels among the classes."""
        unseen = np.setdiff1d(y, self.classes_)
        if unseen.size:
            raise ValueError(
                f"y holds {unseen.tolist()[0]!r}, which is not among the classes that the fit "
                f"began with: {self.classes_!r:.200}"
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
        """Fit the machine, anew or with ``warm_start`` from where it stands.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States, or numbers in [0, ``data_max``].
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in the gradient.
        X_val, y_val : array-likes, optional
            Rows to watch and not to learn from, with their labels.
        callback : callable, optional
            Called with a :class:`~gibbous.Progress` after every epoch; returning True stops.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is empty, not finite or out of range, or has a wrong shape, or y holds no labels.
        Diverged
            If training runs away; the parameters of the last good epoch are kept.
        KeyboardInterrupt
            On Ctrl-C, with the parameters of the last finished epoch kept.
        """
        self._threads = validate.n_threads(self.n_jobs)
        first = not (self.warm_start and hasattr(self, "components_"))
        X, y = self._checked_pair(X, y, reset=first)
        if first:
            self.classes_ = np.unique(y)
        X = self._labelled(X, self._codes(y))
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together; one of them is missing")
        if X_val is not None:
            X_val, y_val = self._checked_pair(X_val, y_val, reset=False)
            X_val = self._labelled(X_val, self._codes(y_val))
        self._fit(X, sample_weight, X_val, first, callback)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self: S, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> S:
        """Take one gradient step on the rows of X as one mini-batch.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All labels there will be, for the first call; None for those of y.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        first = not hasattr(self, "components_")
        self._threads = validate.n_threads(self.n_jobs)
        X, y = self._checked_pair(X, y, reset=first)
        if first:
            self.classes_ = np.unique(y if classes is None else np.asarray(classes))
        self._one_step(self._labelled(X, self._codes(y)), sample_weight, first)
        return self

    # ---- labels ----------------------------------------------------------------------------------

    def predict_log_proba(self, X: Any) -> Array:
        """Return log P(y | x), exact, for every class in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        joint = self._joint(self._checked(X, reset=False))
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

    # ---- what else a machine does ----------------------------------------------------------------

    def free_energy(self, X: Any, y: Any = None) -> Array:
        """Return F(x) with P(x) = exp(-F(x)) / Z, or F(x, y) with P(x, y) = exp(-F(x, y)) / Z.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), optional
            Labels; None to sum over them.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats.
        """
        check_is_fitted(self)
        joint = self._joint(self._checked(X, reset=False))
        if y is None:
            return np.asarray(-np.logaddexp.reduce(joint, axis=1))
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
            In nats a row.
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
            In nats a row, or a row and feature.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        flips = X.shape[1] if n_flips is None else n_flips
        found = Scores._pseudo_likelihood(self, X, flips)
        return np.asarray(found / X.shape[1]) if per_feature else found

    def transform(self, X: Any) -> Array:
        """Return the hidden units' means P(h = 1 | x), labels summed out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of X where that is float32 or float64, else float64.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
        return self._hidden_given_features(X).astype(dtype, copy=False)

    def _hidden_given_features(self, X: Any) -> Array:
        joint = self._joint(X)
        p = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        total = np.zeros((len(p), self.components_.shape[0]), self.components_.dtype)
        for label in range(len(self.classes_)):
            rows = self._labelled(X, np.full(len(p), label))
            total += p[:, label, None].astype(total.dtype) * self._hidden(rows)
        return total

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from features v: a label, up to the hidden units and down again.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of bool, shape (n_samples, n_features)
            Each call draws anew; a fitted machine's calls are a function of its seed.
        """
        check_is_fitted(self)
        X = self._checked(v if sp.issparse(v) else np.atleast_2d(v), reset=False)
        hidden = self._draw_hidden(self._drawn_labels(X), self._next_seed())
        out = self._gibbs_chain(hidden, 1, self._next_seed(), 0)[:, : self.n_features_in_] > 0.5
        return out[0] if not sp.issparse(v) and np.ndim(v) == 1 else out

    def _drawn_labels(self, X: Any) -> Any:
        """Return features with labels drawn from P(y | x)."""
        joint = self._joint(X)
        rng = np.random.Generator(np.random.Philox(key=self._next_seed()))
        # the largest of logits with Gumbel noise is a draw from their softmax
        codes = (joint + rng.gumbel(size=joint.shape)).argmax(axis=1)
        return self._labelled(X, codes)

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
        check_is_fitted(self)
        held: dict[str, Array] = {}
        if start is not None and not isinstance(start, str):
            start = self._checked(start, reset=False)
        if y is not None:
            chains = n_samples if n_chains is None else n_chains
            if isinstance(start, str):
                chains = self._n_chains()
            elif start is not None:
                chains = start.shape[0]
            held["clamp"] = self._clamped(np.full((chains, self.n_features_in_), np.nan), [y])
        found = self._sample(n_samples, burn_in, thin, n_chains, start, means, random_state, **held)
        labels = found[:, self.n_features_in_ :].argmax(axis=1)
        return found[:, : self.n_features_in_], self.classes_[labels]

    def _first_states(self, n_samples: int, n_chains: int | None, start: Any, seed: int) -> Array:
        if start is None or isinstance(start, str):
            return super()._first_states(n_samples, n_chains, start, seed)
        if n_chains is not None and n_chains != start.shape[0]:
            raise ValueError(
                f"n_chains={n_chains}, but start has {start.shape[0]} rows: leave one out"
            )
        return self._draw_hidden(self._drawn_labels(start), seed)

    def _clamped(self, features: Array, y: Any) -> Array:
        """Return states to hold, NaN where free: features, and labels where there are any."""
        labels = np.full((len(features), len(self.classes_)), np.nan)
        if y is not None:
            codes = np.broadcast_to(self._codes(np.asarray(y)), len(features))
            labels[...] = 0
            labels[np.arange(len(labels)), codes] = 1
        clamp = np.hstack([features, labels])
        return np.ascontiguousarray(clamp, dtype=self.components_.dtype)

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return what the machine makes of X: up and down again, by means and not by draws.

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
        check_is_fitted(self)
        check_count("n_steps", n_steps, 1)
        X = self._checked(X, reset=False)
        h = self._hidden_given_features(X)
        for step in range(n_steps):
            logits = h @ self.components_ + self.intercept_visible_
            v = self._means_of(logits)
            if step + 1 < n_steps:
                h = self._hidden_of(self._rows_of_numbers(v))
        return v[:, : self.n_features_in_]

    def _means_of(self, logits: Array) -> Array:
        d = self.n_features_in_
        v = 0.5 * (1.0 + np.tanh(0.5 * logits))
        e = np.exp(logits[:, d:] - logits[:, d:].max(axis=1, keepdims=True))
        v[:, d:] = e / e.sum(axis=1, keepdims=True)
        return np.asarray(v)

    def impute(
        self,
        X: Any,
        y: Any = None,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in what is missing: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States of 0 and 1 in units of ``data_max``; NaN where one is not known. Known values
            between are rounded to a state.
        y : array-like of shape (n_samples,), optional
            Labels, where they are known.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            X with every NaN replaced by the probability that the unit is on, given those known.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype="numeric")
        if self.out_of_range == "raise":
            check_range(np.where(np.isnan(X), 0, X), self.data_max)
        seen = self._as_probabilities(np.asarray(X, dtype=np.float64))
        missing = np.isnan(seen)
        clamp = self._clamped(np.where(missing, np.nan, seen > 0.5), y)
        means = self._imputed(clamp, n_steps, n_average, random_state)[:, : X.shape[1]]
        return np.where(missing, means * self.data_max, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # scikit-learn measures by real numbers of both signs, which units of two states cannot hold
        tags.classifier_tags.poor_score = True
        return tags
