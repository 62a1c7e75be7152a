"""What both mixtures share: rows at the door of ``fit``, and the queries of a fitted mixture."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin

from .._ground import random
from . import conditional, queries
from .conditional import Features
from .em.run import Outcome
from .parameters import Parameters
from .queries import Fitted


class Mixture(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """A Gaussian mixture, however it is fitted.

    Its queries use ``weights_``, ``means_``, ``covariances_``, ``precisions_cholesky_`` and, of a
    variational mixture, the parameters of the posterior.
    """

    n_components: int
    covariance_type: str
    random_state: random.RandomState
    n_jobs: int | None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # ---- queries -------------------------------------------------------------------------------

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the most probable component of each row of X (n, d) as an array of shape (n,).

        X may be what :meth:`fit` reads in blocks, here and in the methods below.

        Raises
        ------
        ValueError
            If a row is so far from every component that all densities underflow to 0.
        """
        return queries.predict(Fitted.of(self), X)

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the responsibilities, the posterior p(component | row), of shape (n, k).

        Raises
        ------
        ValueError
            If a row is so far from every component that all densities underflow to 0.
        """
        return queries.predict_proba(Fitted.of(self), X)

    def score_samples(self, X: ArrayLike) -> NDArray[Any]:
        """Return log p(x) in nats of each row of X (n, d) as an array of shape (n,)."""
        return queries.score_samples(Fitted.of(self), X)

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the (weighted) mean of log p(x) over the rows of X."""
        return queries.mean_log_prob(Fitted.of(self), X, sample_weight)[0]

    def sample(self, n_samples: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Draw from the mixture.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, d), float64
        y : ndarray of shape (n_samples,), int64
            Components, in ascending order.

        Raises
        ------
        ValueError
            If ``n_samples`` is below 1.
        """
        return queries.sample(Fitted.of(self), n_samples, self.random_state)

    # ---- features given others -----------------------------------------------------------------

    def impute(
        self,
        X: ArrayLike,
        *,
        method: Literal["mean", "sample"] = "mean",
        random_state: random.RandomState = None,
    ) -> NDArray[Any]:
        """Replace NaN by what is expected given the observed entries of the row.

        Parameters
        ----------
        X : array-like of shape (n, d)
            NaN stands for what is missing.
        method : {"mean", "sample"}, default="mean"
            The conditional mean, best in squared error; or one draw from the joint conditional
            distribution of a row's missing entries, for multiple imputation (Rubin 1987): fill in
            with several seeds, analyze each, and pool.
        random_state : None, int, RandomState, Generator or SeedSequence, default=None
            Seed of the draws; None for the model's own.

        Returns
        -------
        ndarray of shape (n, d)
            Observed entries keep their bits. float32 if both X and the model are.

        Raises
        ------
        ValueError
            If X has infinities, or a row is so far from every component that its density
            underflows to 0 under all of them.

        Notes
        -----
        A row of which nothing is observed gets the mixture's mean, or a draw from the mixture.
        Takes O(k d^3) for each pattern of missing entries and O(k d^2) per row, O(k d) per row for
        diagonal and spherical covariances. The same seed gives the same bits for every ``n_jobs``.
        """
        seed = self.random_state if random_state is None else random_state
        return conditional.impute(Fitted.of(self), X, method, seed)

    def predict_missing(
        self,
        X: ArrayLike,
        targets: int | str | Features | None = None,
        *,
        return_std: bool = False,
        return_cov: bool = False,
    ) -> Any:
        """Predict features from the others: regression with a joint distribution.

        The prediction is the mean of the conditional distribution (Gaussian mixture regression:
        Ghahramani and Jordan 1994; Sung 2004), which is a mixture itself; its spread is that within
        components and that between them.

        Parameters
        ----------
        X : array-like of shape (n, d), or (n, d - n_targets) if targets are named
            NaN stands for what is missing; rows may miss other features than the targets, too. The
            targets' own columns, where X has them, are ignored if targets are named.
        targets : int, str, sequence of these, or None
            Features to predict, by index or name. None for those of which X misses an entry: where
            such a column is observed, its value comes back, without any spread.
        return_std : bool, default=False
            Whether to return standard deviations, too.
        return_cov : bool, default=False
            Whether to return the covariances of each row's targets, too.

        Returns
        -------
        mean : ndarray of shape (n, n_targets), or (n,) for a single index or name
        std : ndarray of the same shape
            Only with ``return_std``.
        cov : ndarray of shape (n, n_targets, n_targets), or (n,) for a single index or name
            Only with ``return_cov``.

        Raises
        ------
        ValueError
            If there is no such feature, nothing to predict, or a row is so far from every component
            that its density underflows to 0 under all of them.
        RuntimeError
            If both spreads are asked for.

        Notes
        -----
        Time as for :meth:`impute`, and O(k n_targets^2) per row for covariances.
        """
        return conditional.predict_missing(
            Fitted.of(self), X, targets, return_std=return_std, return_cov=return_cov
        )

    # ---- what a fit leaves ---------------------------------------------------------------------

    def _keep(self, p: Parameters) -> None:
        self.weights_ = p.weights
        self.means_ = p.means
        self.covariances_ = p.covariances
        self.precisions_cholesky_ = p.factors
        self.precisions_ = p.precisions(self.covariance_type)

    def _keep_outcome(self, outcome: Outcome, key: int | None, threads: int) -> None:
        """Store the parameters and the history of a run."""
        self._keep(outcome.parameters)
        trace = outcome.trace
        self.converged_ = outcome.converged
        self.n_iter_ = len(trace.values)
        self.lower_bound_ = outcome.bound
        self.lower_bounds_ = list(trace.values)
        self.history_ = outcome.history(type(self).__name__, key, threads)
