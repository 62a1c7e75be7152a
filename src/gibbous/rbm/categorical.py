"""Boltzmann machines for categories: softmax visible units."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, check_non_negative

from .._ground import random
from .._ground.isa import core
from .._ground.validate import validate_data
from .inference.enumeration import Enumeration
from .machine.conditionals import Conditionals
from .machine.groups import Groups
from .machine.rows import whole_numbers, words_of

Array = NDArray[Any]


@dataclass(eq=False, repr=False, kw_only=True)
class CategoricalRBM(Enumeration, Conditionals):
    """Restricted Boltzmann machine for categorical data, in native code.

    Every column of X is one variable with categories 0, 1 ... Its visible units are a group of
    which exactly one is on, drawn from a softmax given the hidden units (Salakhutdinov, Mnih and
    Hinton 2007); hidden units are of two states. All kinds of training of :class:`BernoulliRBM`
    serve.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    n_categories : None, int or array-like of shape (n_features,), default None
        Categories of every column; None for the largest seen in :meth:`fit` and one more.
    learning_rate, batch_size, n_iter, verbose, random_state, method, n_gibbs_steps, n_chains, \
n_temperatures, fast_learning_rate, centered, momentum, l1, l2, sparsity_target, sparsity_cost, \
learning_rate_schedule, shuffle, early_stopping, validation_fraction, n_iter_no_change, tol, \
warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_units)
        Weights W. The units of column i begin at ``first_units_[i]``, one for each category.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases b and a; a begins at the logarithms of the categories' shares.
    n_categories_, first_units_ : ndarray of int64, shape (n_features,)
        Categories of every column, and the first of its units.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Conditionals._parameter_constraints,
        "n_categories": ["array-like", Interval(Integral, 1, None, closed="left"), None],
    }

    hidden_units = "binary"
    n_categories: int | ArrayLike | None = None

    # ---- what differs from units of two states ---------------------------------------------------

    def _checked(self, X: Any, *, reset: bool, training: bool = False) -> Any:
        X = validate_data(self, X, reset=reset, dtype="numeric")
        codes = self._as_codes(X)
        if reset:
            self.n_categories_ = self._sizes(codes)
        self._refuse_unseen(codes)
        return codes

    def _as_codes(self, X: Array) -> Array:
        check_non_negative(X, f"{type(self).__name__}: categories are 0, 1, 2 ...")
        return np.asarray(whole_numbers(X, "categories"), dtype=np.int64)

    def _sizes(self, codes: Array) -> Array:
        if self.n_categories is None:
            return np.asarray(codes.max(axis=0) + 1, dtype=np.int64)
        d = codes.shape[1]
        sizes = np.asarray(self.n_categories)
        if sizes.ndim > 1 or (sizes.ndim == 1 and sizes.shape != (d,)):
            raise ValueError(
                f"n_categories must be one number, or one for each of the {d} columns of X; "
                f"got an array of shape {sizes.shape}"
            )
        if sizes.dtype.kind not in "iu" or sizes.min() < 1:
            raise ValueError(f"n_categories must be integers of at least 1; got {sizes!r:.80}")
        return np.array(np.broadcast_to(sizes, d), dtype=np.int64)

    def _refuse_unseen(self, codes: Array) -> None:
        high = codes >= self.n_categories_
        if high.any():
            row, column = (int(i) for i in np.argwhere(high)[0])
            raise ValueError(
                f"X[{row}, {column}] is category {codes[row, column]}, but column {column} has "
                f"{self.n_categories_[column]} categories: give n_categories when fitting, if data "
                "can hold more than the training data do"
            )

    @property
    def _groups(self) -> Groups:
        return Groups(self.n_categories_)

    @property
    def first_units_(self) -> Array:
        """First visible unit of each column."""
        check_is_fitted(self)
        return self._groups.offsets

    def _begin(self, X: Any, weight: Array | None) -> int:
        return self._groups.total

    def _means(self, X: Any, weight: Array | None) -> Array:
        counts = [
            np.bincount(column, weights=weight, minlength=int(size))
            for column, size in zip(X.T, self.n_categories_, strict=True)
        ]
        return np.concatenate(counts) / (len(X) if weight is None else weight.sum())

    def _first_bias(self, X: Any, weight: Array | None) -> Array:
        # as if every category had been seen once more
        share = 1.0 / (len(X) + np.repeat(self.n_categories_, self.n_categories_))
        return np.asarray(np.log(self._means(X, weight) * len(X) * share + share))

    def _kinds(self) -> dict[str, Any]:
        return {"units": core.layers.Units(0, 0, self._groups.pairs())}

    def _rows(self, X: Any, weight: Array | None = None, *, training: bool = True) -> Any:
        groups = self._groups
        words = groups.words(X, self._threads_for(len(X)))
        return words_of(words, groups.total, str(self.components_.dtype), weight)

    def _hopeless(self) -> float:
        # four times that of fair dice, and what the estimate may be off with few columns
        return -4.0 * float(np.log(self.n_categories_).sum()) - 50.0

    def _units_of(self, variables: Array) -> Array:
        return self._groups.offsets[variables]

    def _visible_means(self, h: Array, X: Any) -> Array:
        return self._groups.softmax(h @ self.components_ + self.intercept_visible_)

    def _log_visible(self, inputs: Array) -> Array:
        logits = inputs + self.intercept_visible_.astype(np.float64)
        return np.asarray(self._groups.log_sums(logits).sum(axis=1))

    # ---- the face --------------------------------------------------------------------------------

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from v: up to the hidden units and down again.

        Parameters
        ----------
        v : array-like of shape (n_samples, n_features)
            Categories.

        Returns
        -------
        ndarray of int64, shape (n_samples, n_features)
            Each call draws anew; a fitted machine's calls are a function of its seed.
        """
        check_is_fitted(self)
        X = self._checked(np.atleast_2d(v), reset=False)
        hidden = self._draw_hidden(X, self._next_seed())
        out = self._groups.codes(self._gibbs_chain(hidden, 1, self._next_seed(), 0))
        return out[0] if np.ndim(v) == 1 else out

    def sample(self, n_samples: int = 1, *, means: bool = False, **options: Any) -> Array:
        """Draw rows from the machine by block Gibbs sampling.

        Parameters
        ----------
        n_samples : int, default 1
            Rows to draw.
        means : bool, default False
            Return the probabilities of the last downward step instead of its categories.
        **options
            ``burn_in``, ``thin``, ``n_chains``, ``start`` and ``random_state``, as in
            :meth:`BernoulliRBM.sample`.

        Returns
        -------
        ndarray
            int64 of shape (n_samples, n_features), or of shape (n_samples, n_units) with ``means``.
        """
        found = super().sample(n_samples, means=means, **options)
        return found if means else self._groups.codes(found)

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return what the machine makes of X: up and down again, by means and not by draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        n_steps : int, default 1
            Times up and down, each from the means of the one before (mean field).

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Probabilities of the categories of all columns, side by side.
        """
        return super().reconstruct(X, n_steps=n_steps)

    def reconstruction_error(self, X: Any) -> Array:
        """Return the squared error of :meth:`reconstruct`, summed over the units of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
        """
        back = self.reconstruct(X)
        away = self._groups.one_hot(self._checked(X, reset=False)) - back.astype(np.float64)
        return np.asarray((away * away).sum(axis=1))

    def impute(
        self,
        X: Any,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        probabilities: bool = False,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in what is missing: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Categories; NaN where one is not known.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        probabilities : bool, default False
            Return the probabilities of all categories instead of the most probable one.
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed.

        Returns
        -------
        ndarray
            int64 of shape (n_samples, n_features), or of shape (n_samples, n_units) with
            ``probabilities``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype=np.float64)
        missing = np.isnan(X)
        codes = self._as_codes(np.where(missing, 0.0, X))
        self._refuse_unseen(codes)
        clamp = self._groups.one_hot(codes).astype(np.float64)
        clamp[np.repeat(missing, self.n_categories_, axis=1)] = np.nan
        means = self._imputed(clamp, n_steps, n_average, random_state)
        return means if probabilities else self._groups.codes(means)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []  # categories are no floats
        return tags
