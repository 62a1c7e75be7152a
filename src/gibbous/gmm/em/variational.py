"""Coordinate ascent of a variational Gaussian mixture on one data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground.isa import core
from ..variational_prior import GivenPrior, Prior
from .engine import _ILL_DEFINED, _ILL_DEFINED_FLOAT32, Engine, Floats, Parameters
from .variational_update import Doubles, Posterior, Sums, update


class VariationalEngine(Engine):
    """Runs steps of a variational mixture of ``k`` components on one data set.

    The E-step is the mixture's own with other constants; the M-step leaves a posterior in the
    place of parameters. Beside the parameters of :class:`Engine`:

    Parameters
    ----------
    given : GivenPrior
        What was given of the prior, checked; the rest is taken from the data.
    """

    metric = "lower bound"
    advice = " tol is held against the lower bound of all rows together: of many rows give more."

    def __init__(
        self,
        X: Floats,
        weight: Floats | None,
        given: GivenPrior,
        *,
        covariance_type: str,
        reg_covar: float,
        k: int,
        threads: int,
    ) -> None:
        super().__init__(
            X,
            weight,
            covariance_type=covariance_type,
            reg_covar=reg_covar,
            k=k,
            threads=threads,
        )
        # rows are counted against the prior, so that more than ratios of weights counts; the
        # kernels see weights of mean one, and what they sum is scaled
        self._scale = 1.0 if weight is None else _mean(weight)
        self._entropy = np.empty(1)
        self.prior = self._complete(given)

    def _complete(self, given: GivenPrior) -> Prior:
        """Return the prior with mean and covariance of the data where none were given."""
        if given.mean is not None and given.covariance is not None:
            return given.completed(self.k, given.mean, given.covariance)
        d, kind = self.d, "full" if self.type == "tied" else self.type
        origin = self._mean()
        nk, s1 = np.empty(1), np.empty((1, d))
        s2 = np.empty(core.gmm.second_moments(kind, 1, d, False))
        one = np.zeros(self.X.shape[0], np.int32)  # all rows are one component's
        core.gmm.start(self.X, self.weight, kind, origin[None], one, 0, nk, s1, s2, self.threads)
        shift, mass = s1[0] / nk[0], float(nk[0]) * self._scale
        mean = origin.astype(np.float64) + shift
        if given.covariance is not None:
            return given.completed(self.k, mean, given.covariance)
        if mass < 2.0:
            raise ValueError(
                f"sample_weight adds up to {mass:.3g}: rows count as often as their weight says, "
                "and the default covariance_prior needs two or more; scale sample_weight (to add "
                "up to the number of rows, say), or give covariance_prior"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            covariance = self._spread_of(s2, shift, float(nk[0]), mass)
        if not np.isfinite(covariance).all():
            raise ValueError(
                "the covariance of X is not finite: values in X are too large to square; "
                "scale X (for example with sklearn.preprocessing.StandardScaler)"
            )
        return given.completed(self.k, mean, covariance)

    def _spread_of(self, s2: Doubles, shift: Doubles, nk: float, mass: float) -> Any:
        """Return the covariance of all rows with a divisor of their mass less one, by type."""
        unbiased = self._scale / (mass - 1.0)
        if self.type == "diag":
            return np.maximum(s2 - nk * shift**2, 0.0) * unbiased
        if self.type == "spherical":
            return max(float(s2[0] - nk * (shift**2).sum()), 0.0) * unbiased / self.d
        i, j = np.tril_indices(self.d)
        covariance = np.empty((self.d, self.d))
        covariance[i, j] = covariance[j, i] = (s2 - nk * shift[i] * shift[j]) * unbiased
        return covariance

    def _step(
        self, old: Parameters, folded: bool, about: Floats | None = None
    ) -> tuple[float, Parameters, int]:
        assert isinstance(old, Posterior)
        centre = self._centre if folded else about
        s2 = np.empty(core.gmm.second_moments(self.type, self.k, self.d, folded))
        total = core.gmm.accumulate(
            self.X,
            self.weight,
            self.type,
            old.weights,
            old.means,
            old.factors,
            centre,
            self._nk,
            self._s1,
            s2,
            self.threads,
            old.log_weights,
            self._entropy,
        )
        if not np.isfinite(total):
            raise ValueError(
                "the lower bound is not finite: some rows are so far from every component that "
                "their density underflows, or values in X are too large to square; "
                "scale X (for example with sklearn.preprocessing.StandardScaler)"
            )
        new, failed = self._update(old.means if centre is None else centre, s2)
        return float(self._entropy[0]) * self._scale + new.normaliser, new, failed

    def _update(self, origin: Floats, s2: NDArray[np.float64]) -> tuple[Posterior, int]:
        folded_tied = origin.ndim == 1 and self.type == "tied"
        sums = Sums(
            self._nk * self._scale,
            self._s1 * self._scale,
            s2 * self._scale,
            origin.astype(np.float64),
            self._scatter * self._scale if folded_tied and self._scatter is not None else None,
        )
        new, failed = update(
            self.prior,
            self.type,
            sums,
            reg_covar=self.reg_covar,
            dtype=self.X.dtype,
            threads=self.threads,
        )
        if failed < 0 and not (np.isfinite(new.normaliser) and np.isfinite(new.log_weights).all()):
            raise ValueError(
                "the lower bound is not finite: a prior is too small or too large to count with "
                f"(weight_concentration_prior={self.prior.concentration:g}, "
                f"mean_precision_prior={self.prior.mean_precision:g}, "
                f"degrees_of_freedom_prior={self.prior.degrees_of_freedom:g})"
            )
        return new, failed

    def collapse(self, component: int) -> ValueError:
        """Return the error for a component whose covariance is not positive definite."""
        if self.type == "tied":
            what = "The covariance that all components share is not positive definite"
        else:
            mass = self._nk[component] * self._scale
            what = (
                f"The covariance of component {component}, which holds {mass:.3g} rows, is not "
                "positive definite"
            )
        text = f"{what}. {_ILL_DEFINED}"
        if self.X.dtype == np.float32:
            text += _ILL_DEFINED_FLOAT32
        if self.prior.covariance_given:
            return ValueError(f"{text} Or raise covariance_prior.")
        return ValueError(
            f"{text} A component without rows has the covariance "
            "covariance_prior / degrees_of_freedom_prior, and the default covariance_prior is the "
            "covariance of X, which is singular where X has constant columns, columns that others "
            "determine, or no more rows than columns: leave such columns out, or give "
            "covariance_prior."
        )


def _mean(weight: Floats) -> float:
    w = weight.astype(np.float64)
    top = float(w.max())
    return top * float((w / top).mean())
