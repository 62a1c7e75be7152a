"""Boltzmann machines for real numbers: Gaussian visible units with learned variances."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._ground import random
from .enumerable import EnumerableMachine
from .estimator import of_machine
from .machine.settings import HIDDEN_UNITS
from .units.gaussian import Gaussian

Array = NDArray[Any]


@dataclass(eq=False, repr=False, kw_only=True)
class GaussianRBM(EnumerableMachine):
    """Restricted Boltzmann machine for real numbers, in native code.

    Its energy is E(v, h) = sum_i (v_i - a_i)^2 / (2 s_i^2) - b.h - sum_ij h_j W_ji v_i / s_i^2
    (Cho, Ilin and Raiko 2011): given the hidden units every visible one is Gaussian with mean
    a_i + sum_j W_ji h_j and variance s_i^2, so that the machine is a mixture of 2^n_components
    Gaussians. The variances are learned as z_i = log s_i^2.

    Columns are standardized internally, with the means and standard deviations of the first
    training rows: columns of any scale train alike, and the parameters are those of standardized
    data. Samples, reconstructions and scores are on the scale of X.

    Training of such machines diverges easily. Here the steps of a unit's weights and bias are
    scaled by its variance (the metric of the likelihood in its mean), a step of z is at most 0.1
    and z is bounded. A fit that diverges nevertheless raises :class:`Diverged` and keeps the last
    good parameters.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    learning_rate : float, default 0.01
        Step along the mean gradient of a mini-batch.
    centered : bool, default True
        As in :class:`BernoulliRBM`. Without it the common mean of the hidden units bounds the
        learning rate; the bound decreases with their number.
    hidden_units : {"binary", "relu"}, default "binary"
        As in :class:`BernoulliRBM`. With "relu" the machine has a density only if its weights
        are small (in every direction of v the gain from W must be less than the loss from
        1 / s^2).
    learn_variance : bool, default True
        Whether the variances are learned; otherwise they remain those of the columns.
    variance_learning_rate : float, optional
        Learning rate of z; None for a tenth of ``learning_rate``.
    min_variance : float, default 0.001
        Minimum variance of a unit, as a fraction of its column's variance.
    batch_size, n_iter, verbose, random_state, method, n_gibbs_steps, n_chains, n_temperatures, \
fast_learning_rate, momentum, l1, l2, sparsity_target, sparsity_cost, \
learning_rate_schedule, shuffle, early_stopping, validation_fraction, n_iter_no_change, tol, \
warm_start, dtype, n_jobs
        As in :class:`BernoulliRBM`. With ``method="pt"`` the temperature acts on the weights and
        hidden biases, so that the hottest replica is the Gaussian of a and s^2.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights W, for standardized columns.
    intercept_hidden_, intercept_visible_ : ndarray
        Biases b and a.
    log_variance_ : ndarray of shape (n_features,)
        z, for standardized columns.
    mean_, scale_ : ndarray of float64, shape (n_features,)
        Means and standard deviations of the columns; the scale of a constant column is 1.
    variance_ : ndarray of float64, shape (n_features,)
        s^2 on the scale of X.
    h_samples_, n_iter_, n_features_in_, feature_names_in_, history_, validation_scores_, \
free_energy_gap_
        As in :class:`BernoulliRBM`. Pseudo-likelihoods are densities of X.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **EnumerableMachine._parameter_constraints,
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

    log_variance_ = of_machine(
        "unit_parameters", "z = log s^2 of each visible unit, for standardized columns.", "z"
    )
    log_variance_velocity_ = of_machine("unit_state", "The last step of z.", "velocity_z")

    def _units(self, *, fitted: bool) -> Gaussian:
        units = Gaussian(
            self.hidden_units, self.learn_variance, self.variance_learning_rate, self.min_variance
        )
        return replace(units, mean=self.mean_, scale=self.scale_) if fitted else units

    def _keep(self, units: Gaussian) -> None:
        self.mean_, self.scale_ = units.mean, units.scale

    @property
    def variance_(self) -> Array:
        """Variances s^2 of the visible units given the hidden ones, on the scale of X."""
        check_is_fitted(self)
        return np.asarray(np.exp(self.log_variance_.astype(np.float64)) * self.scale_**2)

    def free_energy(self, X: Any) -> Array:
        """Return F(v), so that exp(-F(v)) / Z is the density of v.

        F(v) = sum_i (v_i - a_i)^2 / (2 s_i^2) - sum_j log(1 + exp(b_j + sum_i W_ji v_i / s_i^2))
        for standardized v, plus the logarithms of the scales of the columns: Z is that of
        standardized data.

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
            Each call draws anew; the calls of a fitted machine are a function of its seed.
        """
        return super().gibbs(v)

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
            On the scale of X; with ``means=True`` the means of the last step down.
        """
        return super().sample(n_samples, **options)

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return the reconstruction of X: up and down again, by means and not by draws.

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
        return super().reconstruct(X, n_steps=n_steps)

    def reconstruction_error(self, X: Any) -> Array:
        """Return the squared error of :meth:`reconstruct` in units of the variances of columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            Summed over the features.
        """
        return super().reconstruction_error(X)

    def impute(
        self,
        X: Any,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in missing entries: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN for missing entries.
        n_steps, n_average : int, default 500 and 100
            Gibbs steps of burn-in, and steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None continues from the machine's own seed.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features)
            X with every NaN replaced by the mean of the value, given those known.
        """
        return super().impute(X, n_steps=n_steps, n_average=n_average, random_state=random_state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags
