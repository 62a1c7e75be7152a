"""Boltzmann machines for categories: softmax visible units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._ground import random
from .enumerable import EnumerableMachine
from .inference.chains import Averaging
from .units.categorical import Categorical

Array = NDArray[Any]


@dataclass(eq=False, repr=False, kw_only=True)
class CategoricalRBM(EnumerableMachine):
    """Restricted Boltzmann machine for categorical data, in native code.

    Every column of X is one variable with categories 0, 1 ... Its visible units are a group of
    which exactly one is on, drawn from a softmax given the hidden units (Salakhutdinov, Mnih and
    Hinton 2007); hidden units have two states. All training methods of :class:`BernoulliRBM` are
    available.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    n_categories : None, int or array-like of shape (n_features,), default None
        Number of categories of every column; None for the largest in :meth:`fit` plus one.
    learning_rate, batch_size, n_iter, verbose, random_state, method, n_gibbs_steps, n_chains, \
n_temperatures, fast_learning_rate, centered, momentum, l1, l2, sparsity_target, sparsity_cost, \
learning_rate_schedule, shuffle, early_stopping, validation_fraction, n_iter_no_change, tol, \
warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_units)
        Weights W. The units of column i start at ``first_units_[i]``, one for each category.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases b and a; a is initialized to the log frequencies of the categories.
    n_categories_, first_units_ : ndarray of int64, shape (n_features,)
        Number of categories of every column, and its first unit.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **EnumerableMachine._parameter_constraints,
        "n_categories": ["array-like", Interval(Integral, 1, None, closed="left"), None],
    }

    hidden_units = "binary"
    n_categories: int | ArrayLike | None = None

    def _units(self, *, fitted: bool) -> Categorical:
        units = Categorical(n_categories=self.n_categories)
        return replace(units, categories=self.n_categories_) if fitted else units

    def _keep(self, units: Categorical) -> None:
        self.n_categories_ = units.categories

    @property
    def first_units_(self) -> Array:
        """First visible unit of each column."""
        check_is_fitted(self)
        return self._units(fitted=True).groups.offsets

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from v: up to the hidden units and down again.

        Parameters
        ----------
        v : array-like of shape (n_samples, n_features)
            Categories.

        Returns
        -------
        ndarray of int64, shape (n_samples, n_features)
            Each call draws anew; the calls of a fitted machine are a function of its seed.
        """
        return super().gibbs(v)

    def sample(self, n_samples: int = 1, *, means: bool = False, **options: Any) -> Array:
        """Draw rows from the machine by block Gibbs sampling.

        Parameters
        ----------
        n_samples : int, default 1
            Rows to draw.
        means : bool, default False
            Return the probabilities of the last step down instead of its categories.
        **options
            ``burn_in``, ``thin``, ``n_chains``, ``start`` and ``random_state``, as in
            :meth:`BernoulliRBM.sample`.

        Returns
        -------
        ndarray
            int64 of shape (n_samples, n_features), or of shape (n_samples, n_units) with ``means``.
        """
        return super().sample(n_samples, means=means, **options)

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return the reconstruction of X: up and down again, by means and not by draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        n_steps : int, default 1
            Times up and down, each from the means of the one before (mean field).

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Probabilities of the categories of all columns, concatenated.
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
        return super().reconstruction_error(X)

    def impute(
        self,
        X: Any,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        probabilities: bool = False,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in missing entries: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Categories; NaN for missing entries.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        probabilities : bool, default False
            Return the probabilities of all categories instead of the most probable one.
        random_state : None, int, RandomState, Generator or SeedSequence
            None continues from the machine's own seed.

        Returns
        -------
        ndarray
            int64 of shape (n_samples, n_features), or of shape (n_samples, n_units) with
            ``probabilities``.
        """
        means = self._imputed(X, Averaging(n_steps, n_average), random_state)
        return means if probabilities else self._units(fitted=True).groups.codes(means)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []  # categories are integers
        return tags
