"""Boltzmann machines for real numbers: Gaussian visible units with learned variances."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._ground import random
from .._ground.isa import core
from .._ground.validate import validate_data
from .inference.enumeration import Enumeration
from .machine.conditionals import Conditionals
from .machine.machine import HIDDEN_UNITS
from .machine.rows import numbers_of

Array = NDArray[Any]

#: A unit's variance may grow to this many times its column's: no fit needs more, and chains that
#: have not found their place yet ask for it.
_MOST_VARIANCE = 4.0


@dataclass(eq=False, repr=False, kw_only=True)
class GaussianRBM(Enumeration, Conditionals):
    """Restricted Boltzmann machine for real numbers, in native code.

    Its energy is E(v, h) = sum_i (v_i - a_i)^2 / (2 s_i^2) - b.h - sum_ij h_j W_ji v_i / s_i^2
    (Cho, Ilin and Raiko 2011): given the hidden units every visible one is Gaussian with mean
    a_i + sum_j W_ji h_j and variance s_i^2, so that the machine is a mixture of 2^n_components
    Gaussians. The variances are learned as z_i = log s_i^2.

    Columns are standardised inside, with the means and deviations of the first rows that the
    machine sees: columns of any scale train alike, and the parameters are those of standardised
    data. Samples, reconstructions and scores are on the scale of X.

    Machines of this kind are known to blow up. Here the steps of a unit's weights and bias are
    scaled by its variance (the metric of the likelihood in its mean), a step of z is at most 0.1,
    z stays within bounds, and a fit that goes astray all the same ends with :class:`Diverged` and
    the last good parameters.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    learning_rate : float, default 0.01
        Step along the mean gradient of a mini-batch.
    centered : bool, default True
        As in :class:`BernoulliRBM`. Without it the hidden units' common mean sets a bound to the
        learning rate that falls as they grow in number.
    hidden_units : {"binary", "relu"}, default "binary"
        As in :class:`BernoulliRBM`. With "relu" the machine has a density only while its weights
        are small (no direction of v may win more from W than it loses to 1 / s^2).
    learn_variance : bool, default True
        Whether the variances are learned, or stay those of the columns.
    variance_learning_rate : float, optional
        Step of z; None for a tenth of ``learning_rate``.
    min_variance : float, default 0.001
        Least variance of a unit, as a share of its column's.
    batch_size, n_iter, verbose, random_state, method, n_gibbs_steps, n_chains, n_temperatures, \
fast_learning_rate, momentum, l1, l2, sparsity_target, sparsity_cost, \
learning_rate_schedule, shuffle, early_stopping, validation_fraction, n_iter_no_change, tol, \
warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`. With ``method="pt"`` the temperature acts on the weights and
        hidden biases, so that the hottest replica is the Gaussian of a and s^2.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights W, for standardised columns.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases b and a.
    log_variance_ : ndarray of shape (n_features,)
        z, for standardised columns.
    mean_, scale_ : ndarray of float64, shape (n_features,)
        What columns are standardised with; the scale of a constant column is 1.
    variance_ : ndarray of float64, shape (n_features,)
        s^2 on the scale of X.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`. Pseudo-likelihoods are densities of X.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Conditionals._parameter_constraints,
        "hidden_units": [StrOptions(set(HIDDEN_UNITS))],
        "learn_variance": ["boolean"],
        "variance_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "min_variance": [Interval(Real, 0, 1, closed="right")],
    }

    learning_rate: float = 0.01
    centered: bool = True
    hidden_units: str = "binary"
    learn_variance: bool = True
    variance_learning_rate: float | None = None
    min_variance: float = 0.001

    # ---- what differs from units of two states ---------------------------------------------------

    def _checked(self, X: Any, *, reset: bool, training: bool = False) -> Any:
        return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])

    def _begin(self, X: Any, weight: Array | None) -> int:
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(X, axis=0, weights=weight).astype(np.float64)
            away = X - mean
            scale = np.sqrt(np.average(away * away, axis=0, weights=weight))
            size = np.abs(X).max(axis=0)
        if not np.isfinite(scale).all():
            column = int(np.flatnonzero(~np.isfinite(scale))[0])
            raise ValueError(
                f"column {column} of X holds values up to {size[column]:.3g}, whose squares are "
                "past the largest number; scale the column"
            )
        # what rounding leaves of a constant column is no deviation
        constant = scale <= 10 * np.finfo(X.dtype).eps * size
        self.mean_, self.scale_ = mean, np.where(constant, 1.0, scale)
        self.log_variance_ = np.zeros(X.shape[1], self.dtype)
        for name in ("log_variance_velocity_",):
            self.__dict__.pop(name, None)
        return int(X.shape[1])

    def _first_bias(self, X: Any, weight: Array | None) -> Array:
        return np.zeros(X.shape[1])  # the mean of standardised columns

    def _means(self, X: Any, weight: Array | None) -> Array:
        mean = np.average(self._standardised(X), axis=0, weights=weight)
        return np.asarray(mean * np.exp(-self.log_variance_.astype(np.float64)))

    def _set_state(self, X: Any, weight: Array | None) -> None:
        super()._set_state(X, weight)
        if self.momentum > 0 and self.learn_variance:
            if not hasattr(self, "log_variance_velocity_"):
                self.log_variance_velocity_ = np.zeros_like(self.log_variance_)
        else:
            self.__dict__.pop("log_variance_velocity_", None)

    def _set_up(self, settings: Any) -> None:
        rate = self.variance_learning_rate
        # schedules act on both rates
        own = 0.1 if rate is None else rate / self.learning_rate
        settings.variance_rate = settings.rate * own if self.learn_variance else 0.0
        settings.least_z = float(np.log(self.min_variance))
        settings.most_z = float(np.log(_MOST_VARIANCE))

    def _kinds(self) -> dict[str, Any]:
        units = core.layers.Units(1, HIDDEN_UNITS[self.hidden_units])
        return {"units": units, "z": self.log_variance_}

    def _kept_by_kind(self) -> dict[str, Any]:
        return {"velocity_z": getattr(self, "log_variance_velocity_", None)}

    def _arrays(self) -> list[Array]:
        more = ("log_variance_", "log_variance_velocity_")
        return super()._arrays() + [getattr(self, n) for n in more if hasattr(self, n)]

    def _standardised(self, X: Any) -> Array:
        return np.asarray((X - self.mean_) / self.scale_)

    def _rows(self, X: Any, weight: Array | None = None, *, training: bool = True) -> Any:
        return self._rows_of_numbers(self._standardised(X), weight)

    def _rows_of_numbers(self, v: Array, weight: Array | None = None) -> Any:
        return numbers_of(v, str(self.components_.dtype), weight)

    def _hopeless(self) -> float:
        # of standard normal columns 1.4 nats each
        return -50.0 * self.n_features_in_ - self._log_scale()

    def _log_scale(self) -> float:
        return float(np.log(self.scale_).sum())

    @property
    def variance_(self) -> Array:
        """Variances s^2 of the visible units given the hidden ones, on the scale of X."""
        check_is_fitted(self)
        return np.asarray(np.exp(self.log_variance_.astype(np.float64)) * self.scale_**2)

    def _free_energy(self, X: Any) -> Array:
        return super()._free_energy(X) + self._log_scale()

    def _pseudo_likelihood(self, X: Any, n_flips: int = 1) -> Array:
        return super()._pseudo_likelihood(X, n_flips) - self._log_scale()

    def _restored(self, v: Array) -> Array:
        return np.asarray(v * self.scale_ + self.mean_)

    def _visible_means(self, h: Array, X: Any) -> Array:
        return np.asarray(h @ self.components_ + self.intercept_visible_)

    # ---- the face --------------------------------------------------------------------------------

    def free_energy(self, X: Any) -> Array:
        """Return F(v), so that exp(-F(v)) / Z is the density of v.

        F(v) = sum_i (v_i - a_i)^2 / (2 s_i^2) - sum_j log(1 + exp(b_j + sum_i W_ji v_i / s_i^2))
        for standardised v, plus the logarithms of the columns' scales: Z is that of standardised
        data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats.
        """
        return super().free_energy(X)

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from v: up to the hidden units and down again.

        Parameters
        ----------
        v : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features)
            Each call draws anew; a fitted machine's calls are a function of its seed.
        """
        check_is_fitted(self)
        X = self._checked(np.atleast_2d(v), reset=False)
        hidden = self._draw_hidden(X, self._next_seed())
        out = self._restored(self._gibbs_chain(hidden, 1, self._next_seed(), 0))
        return out[0] if np.ndim(v) == 1 else out

    def sample(self, n_samples: int = 1, **options: Any) -> Array:
        """Draw rows from the machine by block Gibbs sampling.

        Parameters
        ----------
        n_samples : int, default 1
            Rows to draw.
        **options
            ``burn_in``, ``thin``, ``n_chains``, ``start``, ``means`` and ``random_state``, as in
            :meth:`BernoulliRBM.sample`.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features)
            On the scale of X; with ``means=True`` the means of the last downward step.
        """
        return self._restored(super().sample(n_samples, **options))

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return what the machine makes of X: up and down again, by means and not by draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        n_steps : int, default 1
            Times up and down, each from the means of the one before (mean field).

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features)
            On the scale of X.
        """
        return self._restored(super().reconstruct(X, n_steps=n_steps))

    def reconstruction_error(self, X: Any) -> Array:
        """Return the squared error of :meth:`reconstruct` in units of the columns' variances.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            Summed over the features.
        """
        X = self._checked(X, reset=False)
        away = (X - self.reconstruct(X)) / self.scale_
        return np.asarray((away * away).sum(axis=1))

    def impute(
        self,
        X: Any,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in what is missing: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN where a value is not known.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features)
            X with every NaN replaced by the mean of the value, given those known.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype=np.float64)
        means = self._imputed(self._standardised(X), n_steps, n_average, random_state)
        return np.where(np.isnan(X), self._restored(means), X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags
