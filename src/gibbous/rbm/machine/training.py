"""What all Boltzmann machines are trained with: parameters, fit, partial_fit, transform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..._fit.history import Callback
from ..._ground import random, validate
from ..inference.chains import Chains
from .machine import METHODS
from .run import Diverged, Run, Watched, has_run_away

Array = NDArray[Any]
S = TypeVar("S", bound="Training")


@dataclass(eq=False, repr=False)
class Training(
    Chains,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Parameters and training of a machine; :class:`BernoulliRBM` describes each parameter.

    A data class, so that estimators share parameters and scikit-learn still finds each of them in
    the signature of the constructor.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "method": [StrOptions(set(METHODS))],
        "n_gibbs_steps": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left"), None],
        "n_temperatures": [Interval(Integral, 2, None, closed="left")],
        "fast_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "centered": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither"), None],
        "sparsity_cost": [Interval(Real, 0, None, closed="left")],
        "learning_rate_schedule": [StrOptions({"constant", "linear", "inverse"}), callable],
        "shuffle": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "dtype": [StrOptions({"float32", "float64"})],
        "n_jobs": [Integral, None],
    }

    n_components: int = 256
    _: KW_ONLY
    learning_rate: float = 0.1
    batch_size: int = 10
    n_iter: int = 10
    verbose: Any = 0
    random_state: random.RandomState = None
    method: str = "pcd"
    n_gibbs_steps: int = 1
    n_chains: int | None = None
    n_temperatures: int = 10
    fast_learning_rate: float | None = None
    centered: bool = False
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    sparsity_target: float | None = None
    sparsity_cost: float = 0.1
    learning_rate_schedule: str | Callable[[int, int], float] = "constant"
    shuffle: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 5
    tol: float = 0.0
    warm_start: bool = False
    dtype: str = "float32"
    n_jobs: int | None = None

    # ---- fitting ---------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self: S,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        callback: Callback | None = None,
    ) -> S:
        """Fit the machine, anew or with ``warm_start`` from where it stands.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            What the visible units can be; for units of two states, states or numbers in
            [0, ``data_max``], where bytes, bits and sparse rows are kept as such and widened a
            mini-batch at a time.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in the gradient.
        X_val : {array-like, sparse matrix} of shape (n_held_out, n_features), optional
            Rows to watch and not to learn from.
        callback : callable, optional
            Called with a :class:`~gibbous.Progress` after every epoch; returning True stops.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is empty, not finite or out of range, or has a wrong shape.
        Diverged
            If training runs away; the parameters of the last good epoch are kept.
        KeyboardInterrupt
            On Ctrl-C, with the parameters of the last finished epoch kept.
        """
        self._threads = validate.n_threads(self.n_jobs)
        first = not (self.warm_start and hasattr(self, "components_"))
        X = self._checked(X, reset=first, training=True)
        if X_val is not None:
            X_val = self._checked(X_val, reset=False, training=True)
        self._fit(X, sample_weight, X_val, first, callback)
        return self

    def _fit(
        self, X: Any, sample_weight: Any, X_val: Any, first: bool, callback: Callback | None
    ) -> None:
        """Fit to rows that have been checked."""
        weight = validate.sample_weights(sample_weight, X.shape[0], np.float64)
        if first:
            self._key = random.key_of(self.random_state)
        if X_val is None and self.early_stopping:
            X, weight, X_val = self._hold_out(X, weight)
        if first:
            self._start(X, weight)
        else:
            self._go_on(X, weight)
        key = random.child(self._key, "rbm-watched")
        watched = Watched.of(X, X_val, key, self._watched_rows)
        Run(self, self._rows(X, weight), watched, callback).epochs()

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self: S, X: Any, y: Any = None, sample_weight: Any = None) -> S:
        """Take one gradient step on the rows of X as one mini-batch.

        Goes on where the last call or :meth:`fit` stopped: momentum, chains and random numbers
        included. What other parameters need that were set since then begins now: chains for
        another ``method``, say.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is not finite or out of range, or has a wrong shape.
        Diverged
            If the step makes the machine run away; the parameters before it are kept.
        KeyboardInterrupt
            On Ctrl-C, with the parameters before the step kept.
        """
        first = not hasattr(self, "components_")
        self._threads = validate.n_threads(self.n_jobs)
        self._one_step(self._checked(X, reset=first, training=True), sample_weight, first)
        return self

    def _one_step(self, X: Any, sample_weight: Any, first: bool) -> None:
        """Take a gradient step on rows that have been checked."""
        weight = validate.sample_weights(sample_weight, X.shape[0], np.float64)
        if first:
            self._key = random.key_of(self.random_state)
            self._start(X, weight)
        else:
            self._go_on(X, weight)
        kept = self._snapshot()
        order = np.arange(X.shape[0], dtype=np.int64)
        self._train(self._rows(X, weight), order, X.shape[0], self.learning_rate)
        if has_run_away(self, X):
            self._restore(kept)
            raise Diverged(
                f"learning_rate={self.learning_rate:g} makes training diverge; the parameters "
                "before this batch are kept. Give a smaller learning_rate"
            )

    def _hold_out(self, X: Any, weight: Array | None) -> tuple[Any, Array | None, Any]:
        n = X.shape[0]
        held = max(1, round(n * self.validation_fraction))
        if held >= n:
            raise ValueError(
                f"validation_fraction={self.validation_fraction:g} of {n} rows leaves none to "
                "train on; give more rows, or X_val"
            )
        order = random.generator(self._key, "rbm-held-out").permutation(n)
        kept, out = np.sort(order[held:]), np.sort(order[:held])
        return X[kept], None if weight is None else weight[kept], X[out]

    # ---- looking at data -------------------------------------------------------------------------

    def transform(self, X: Any) -> Array:
        """Return the hidden units' means E(h | v): probabilities, for units of two states.

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
        return self._hidden(X).astype(dtype, copy=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
