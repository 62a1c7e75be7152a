"""How good a Boltzmann machine is: free energies and likelihoods."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..._ground import random
from ..._ground.isa import core
from ..machine.machine import Machine
from ..machine.rows import rows_of

Array = NDArray[Any]


class Scores(Machine):
    """Scores of rows under a machine of two-state units."""

    def free_energy(self, X: Any) -> Array:
        """Return F(v) = -a.v - sum_j log(1 + exp(b_j + W_j v)), so that P(v) = exp(-F(v)) / Z.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats.
        """
        check_is_fitted(self)
        return self._free_energy(self._checked(X, reset=False))

    def _free_energy(self, X: Any) -> Array:
        rows = self._rows(X, training=False)
        threads = self._threads_for(X.shape[0])
        found: Array = core.rbm.free_energies(rows, *self._parameters(), threads, **self._kinds())
        return found

    def score_samples(self, X: Any) -> Array:
        """Return a stochastic estimate of the log pseudo-likelihood, as scikit-learn's does.

        One unit of every row is turned over, drawn by ``random_state``, the same in every call. See
        :meth:`pseudo_likelihood` for more of them and for the exact value. The scale is that of a
        log-likelihood: a sum over the units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States of 0 and 1 (not checked).

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats a row.
        """
        check_is_fitted(self)
        return self._pseudo_likelihood(self._checked(X, reset=False))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of :meth:`score_samples`, higher is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        """
        return float(self.score_samples(X).mean())

    def pseudo_likelihood(
        self, X: Any, *, n_flips: int | None = 1, per_feature: bool = False
    ) -> Array:
        """Return the log pseudo-likelihood sum_i log P(v_i | all others) (Besag 1975).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States of 0 and 1.
        n_flips : int or None, default 1
            Units of every row that are turned over, drawn without repeats: the estimate is
            unbiased for any number. None for all of them: exact, ``n_features`` times the work.
        per_feature : bool, default False
            Divide by the number of features, so that machines of different widths compare.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats a row, or a row and feature.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        found: Array = self._pseudo_likelihood(X, X.shape[1] if n_flips is None else n_flips)
        return np.asarray(found / X.shape[1]) if per_feature else found

    def _flips(self, n_flips: int, d: int) -> np.random.Generator:
        """Return the source of the first variables that an estimate looks at."""
        if not 1 <= n_flips <= d:
            raise ValueError(f"n_flips must be between 1 and {d}, or None; got {n_flips}")
        key = random.key_of(self.random_state) if isinstance(self.random_state, Integral) else None
        return random.generator(self._key if key is None else key, "rbm-flip")

    def _hopeless(self) -> float:
        """Return a pseudo-likelihood of a row that only a machine gone astray has."""
        # four times that of fair coins; what lies outside of [0, 1] has none that could tell
        fair = self.n_features_in_ * float(np.log(2.0))
        return -4.0 * fair if self.out_of_range == "raise" else -np.inf

    def _pseudo_likelihood(self, X: Any, n_flips: int = 1) -> Array:
        n, d = X.shape
        rng = self._flips(n_flips, d)
        if isinstance(self.binarize, Real):
            X = float(self.binarize) * self.data_max < X
        if sp.issparse(X):
            X = X.tocsr()
        before = self._free_energy_of_states(X)
        total = np.zeros(n)
        first = rng.integers(0, d, n)
        for flip in range(n_flips):
            after = self._free_energy_of_states(self._flipped(X, (first + flip) % d))
            total -= np.logaddexp(0.0, before - after)
        return np.asarray(total * (d / n_flips))

    def _flipped(self, X: Any, columns: Array) -> Any:
        """Return X with one entry of every row turned over."""
        at = (np.arange(X.shape[0]), columns)
        top = 1.0 if isinstance(self.binarize, Real) else self.data_max
        if sp.issparse(X):
            old = np.asarray(X[at], dtype=np.float64).ravel()
            return sp.csr_matrix(X + sp.csr_matrix((top - 2 * old, at), shape=X.shape))
        turned = X.copy() if X.dtype != bool else X.astype(np.uint8)
        turned[at] = (top - turned[at]).astype(turned.dtype)
        return turned

    def _free_energy_of_states(self, X: Any) -> Array:
        top = 1.0 if isinstance(self.binarize, Real) else float(self.data_max)
        dtype = str(self.components_.dtype)
        rows = rows_of(X, dtype, self._threads_for(X.shape[0]), data_max=top)
        threads = self._threads_for(X.shape[0])
        found: Array = core.rbm.free_energies(rows, *self._parameters(), threads, **self._kinds())
        return found
