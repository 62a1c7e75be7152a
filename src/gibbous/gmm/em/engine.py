"""EM for Gaussian mixtures on one data set: starts, steps, and repair of collapsed components."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ground import random
from ..._ground.isa import core
from ..moments import Moments, moments_of_sums
from ..posterior import posterior_of
from ..prior import MixturePrior, log_density

Floats = NDArray[Any]

# The fast kernels refer sums to the data's centre. That costs about (distance / width)^2 ulps of
# the log-density and of the variances, so they serve only below these squares: errors of 6e-11 in
# float64 and 1e-4 in float32. Beyond, sums are taken about each component's own mean.
_FOLD_LIMIT = {np.dtype(np.float64): 2.0**18, np.dtype(np.float32): 2.0**11}

_ILL_DEFINED = (
    "Fitting the mixture model failed because some components have "
    "ill-defined empirical covariance (for instance caused by singleton "
    "or collapsed samples). Try to decrease the number of components, "
    "increase reg_covar, or scale the input data."
)
_ILL_DEFINED_FLOAT32 = (
    " The numerical accuracy can also be improved by passing float64 data instead of float32."
)


@dataclass(frozen=True)
class Parameters:
    """Parameters of a mixture, in scikit-learn's shapes and the data's dtype."""

    weights: Floats
    means: Floats
    covariances: Floats
    factors: Floats  # precisions_cholesky
    # what they were estimated from, in rows, where there is a prior
    moments: Moments | None = field(default=None, kw_only=True)

    def precisions(self, covariance_type: str) -> Floats:
        """Return the precisions that the Cholesky factors stand for."""
        if covariance_type in ("full", "tied"):
            return self.factors @ np.swapaxes(self.factors, -1, -2)
        return self.factors**2


def covariance_shape(covariance_type: str, k: int, d: int) -> tuple[int, ...]:
    """Return the shape of the covariances of k components in d dimensions."""
    return {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[covariance_type]


def factors_of_precisions(precisions: Floats, covariance_type: str) -> Floats:
    """Return upper triangular U with U U^T = precision: Cholesky with rows and columns reversed."""
    if covariance_type in ("full", "tied"):
        flipped = np.linalg.cholesky(precisions[..., ::-1, ::-1])
        return np.ascontiguousarray(flipped[..., ::-1, ::-1])
    return np.ascontiguousarray(np.sqrt(precisions))


def covariances_of_factors(factors: Floats, covariance_type: str) -> Floats:
    """Return the covariances of the precisions U U^T."""
    if covariance_type in ("full", "tied"):
        inverse = np.linalg.inv(factors)
        return np.ascontiguousarray(np.swapaxes(inverse, -1, -2) @ inverse)
    return 1.0 / factors**2


def widened(covariance_type: str, covariances: Floats, reg_covar: float) -> Floats:
    """Return covariances with ``reg_covar`` added to every variance."""
    if covariance_type in ("full", "tied"):
        return covariances + reg_covar * np.eye(covariances.shape[-1])
    return covariances + reg_covar


def _mean_one(weight: Floats) -> Floats:
    """Return the weights divided by their mean: only their ratios count, and none is too small."""
    w = weight.astype(np.float64)
    w /= w.max()
    w /= w.mean()
    return np.asarray(w, dtype=weight.dtype)


class Engine:
    """Runs EM steps of a mixture of ``k`` components on one data set.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64, C-contiguous
    weight : ndarray of shape (n,) of the same dtype, or None
    covariance_type : {"full", "tied", "diag", "spherical"}
    reg_covar : float
    k : int
    threads : int

    Attributes
    ----------
    map_prior : MixturePrior or None
        In numbers. Where there is one, a step climbs the log-likelihood plus its log density, and
        ``reg_covar`` is 0 where it has a part for covariances.
    """

    metric = "mean log-likelihood"  # what a step returns beside the new parameters
    advice = ""  # what to do beside the usual where it did not converge

    def __init__(
        self,
        X: Floats,
        weight: Floats | None,
        *,
        covariance_type: str,
        reg_covar: float,
        k: int,
        threads: int,
    ) -> None:
        self.X = X
        self.weight = None if weight is None else _mean_one(weight)
        self.type = covariance_type
        self.reg_covar = float(reg_covar)
        self.k = k
        self.n, self.d = X.shape
        self.dtype = X.dtype
        self.threads = threads
        self.map_prior: MixturePrior | None = None
        # the prior is weighed against rows, of which a weight says how often each one counts
        self.mass = float(self.n if weight is None else weight.sum(dtype=np.float64))
        self._nk = np.empty(k)
        self._s1 = np.empty((k, self.d))
        self._direct = not core.gmm.foldable(covariance_type, self.d)
        self._survey()

    def _survey(self) -> None:
        d = self.d
        centre, self._spread, radius2 = np.empty(d), np.empty(d), np.empty(1)
        self._scatter = np.empty((d, d)) if self.type == "tied" else None
        if self._direct:  # nothing below is used, and the pass over the data would be wasted
            self.total = float(self.n if self.weight is None else self.weight.sum(dtype=np.float64))
            self._centre = np.zeros(d, self.dtype)
            return
        self.total = core.gmm.survey(
            self.X, self.weight, centre, self._spread, radius2, self._scatter, self.threads
        )
        self._radius2 = float(radius2[0])
        self._centre = centre.astype(self.dtype)

    def _folds(self, factors: Floats, slack: float = 1.0) -> bool:
        """Return whether the fast kernels keep enough digits for components this narrow."""
        if self._direct:
            return False
        u = np.abs(factors.astype(np.float64, copy=False))
        with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinity mean no
            if self.type == "diag":
                squares = float((u * self._spread).max() ** 2)
            elif self.type == "spherical":
                squares = float(u.max() ** 2 * self._radius2)
            else:
                squares = float(((self._spread @ u) ** 2).sum(axis=-1).max())
        return bool(squares <= slack * _FOLD_LIMIT[self.dtype])

    def step(self, old: Parameters) -> tuple[float, Parameters, int]:
        """Run one EM iteration.

        Returns
        -------
        log_likelihood : float
            Weighted mean of log p(x) under the old parameters.
        new : Parameters
        failed : int
            First component whose covariance is not positive definite, or -1.

        Raises
        ------
        ValueError
            If a row has no density under any component.
        """
        folded = self._folds(old.factors)
        value, new, failed = self._step(old, folded)
        if folded and (failed >= 0 or not self._folds(new.factors, slack=4.0)):
            # the components shrank past what the fast kernels resolve: take this step again
            folded = False
            value, new, failed = self._step(old, folded)
        if not folded and self._moved_far(old, new):
            # sums about the old means cancel where a mean moved by many new widths
            again = self._step(old, folded, about=new.means)
            # a variance below the rounding of the data may come out as 0 here: like scikit-learn,
            # go on with the first answer where that was positive
            if again[2] < 0 or failed >= 0:
                return again
        return value, new, failed

    def _moved_far(self, old: Parameters, new: Parameters | Moments) -> bool:
        """Return whether a mean moved too far for the variances summed about the old one."""
        if self.type in ("full", "tied"):
            variance = np.diagonal(new.covariances, axis1=-2, axis2=-1)
        elif self.type == "diag":
            variance = new.covariances
        else:
            variance = new.covariances[:, None]
        shift = new.means.astype(np.float64) - old.means
        with np.errstate(over="ignore", invalid="ignore"):
            return bool((shift**2 > _FOLD_LIMIT[self.dtype] * np.maximum(variance, 0)).any())

    def _step(
        self, old: Parameters, folded: bool, about: Floats | None = None
    ) -> tuple[float, Parameters, int]:
        mean, origin, s2 = self._sums(old, folded, about)
        new, failed = self._update(origin, s2)
        return self._value(mean, old), new, failed

    def _sums(
        self, old: Parameters, folded: bool, about: Floats | None = None
    ) -> tuple[float, Floats, NDArray[np.float64]]:
        """Sum the statistics of one E-step.

        Returns the weighted mean of log p(x), what the sums are referred to, and the second ones.
        """
        centre = self._centre if folded else about
        s2 = np.empty(core.gmm.second_moments(self.type, self.k, self.d, folded))
        total = self._accumulate(old, centre, s2)
        if not np.isfinite(total):
            raise ValueError(
                "the log-likelihood of X is not finite: some rows are so far from every component "
                "that their density underflows, or values in X are too large to square; "
                "scale X (for example with sklearn.preprocessing.StandardScaler)"
            )
        return total / self.total, old.means if centre is None else centre, s2

    def _accumulate(self, old: Parameters, origin: Floats | None, s2: NDArray[np.float64]) -> float:
        """Fill the sums of one E-step and return the weighted sum of log p(x)."""
        return float(
            core.gmm.accumulate(
                self.X,
                self.weight,
                self.type,
                old.weights,
                old.means,
                old.factors,
                origin,
                self._nk,
                self._s1,
                s2,
                self.threads,
            )
        )

    def expect(self, old: Parameters, *, exact: bool) -> tuple[float, Moments]:
        """Run an E-step and return the mean of log p(x) and the moments, in rows.

        ``exact`` is for moments that stand alone. Those that are merged with others, whose means
        are the old ones, need no more digits than the merged covariances have.
        """
        mean, origin, s2 = self._sums(old, not exact and self._folds(old.factors))
        moments = self._moments(origin, s2)
        if exact and self._moved_far(old, moments):
            about = np.ascontiguousarray(moments.means, self.dtype)
            mean, origin, s2 = self._sums(old, False, about)
            moments = self._moments(origin, s2)
        return mean, moments

    def _value(self, mean: float, p: Parameters) -> float:
        """Return what EM climbs, a row, from the weighted mean of log p(x)."""
        if self.map_prior is None:
            return mean
        return mean + log_density(self.map_prior, self.type, p) / self.mass

    def _update(self, origin: Floats, s2: NDArray[np.float64]) -> tuple[Parameters, int]:
        if self.map_prior is not None:
            return self.maximum(self._moments(origin, s2))
        dtype = self.dtype
        shape = covariance_shape(self.type, self.k, self.d)
        new = Parameters(
            np.empty(self.k, dtype),
            np.empty((self.k, self.d), dtype),
            np.empty(shape, dtype),
            np.empty(shape, dtype),
        )
        failed = core.gmm.update(
            self.type,
            self._nk,
            self._s1,
            s2,
            origin,
            self._scatter if origin.ndim == 1 else None,
            self.reg_covar,
            new.weights,
            new.means,
            new.covariances,
            new.factors,
            self.threads,
        )
        return new, int(failed)

    def _moments(self, origin: Floats, s2: NDArray[np.float64]) -> Moments:
        """Return the moments of the last pass, in rows."""
        scatter = self._scatter if origin.ndim == 1 else None
        moments = moments_of_sums(self.type, self._nk, self._s1, s2, origin, scatter)
        return moments.scaled(self.mass / self.total)

    def maximum(self, moments: Moments) -> tuple[Parameters, int]:
        """Return the most probable parameters given moments in rows (M-step, of MAP-EM by a prior).

        The second number is the first component whose covariance is not positive definite, or -1.
        """
        if self.map_prior is None:
            weights, means = moments.mass / moments.mass.sum(), moments.means
            covariances = moments.covariances
        else:
            weights, means, covariances = posterior_of(self.map_prior, self.type, moments).mode()
        covariances = widened(self.type, covariances, self.reg_covar)
        new, failed = self.parameters(weights, means, covariances)
        return (new if self.map_prior is None else replace(new, moments=moments)), failed

    def parameters(
        self, weights: Floats, means: Floats, covariances: Floats
    ) -> tuple[Parameters, int]:
        """Return these parameters in the data's dtype, and the first component that failed or -1.

        A component fails where its covariance is not positive definite.
        """
        weights, means, covariances = (
            np.ascontiguousarray(a, self.dtype) for a in (weights, means, covariances)
        )
        factors = np.empty_like(covariances)
        failed = core.gmm.factorize(self.type, self.k, self.d, covariances, factors, self.threads)
        return Parameters(weights, means, covariances, factors), int(failed)

    # ---- starts ---------------------------------------------------------------------------------

    def start(self, init_params: str, key: int) -> tuple[Parameters, int]:
        """Return the parameters to start from, and the first component that failed or -1."""
        labels: NDArray[np.int32] | None = None
        if init_params == "random":
            origins = np.tile(self._mean(), (self.k, 1))
        else:
            labels, origins = self._labels(init_params, key)
        s2 = np.empty(core.gmm.second_moments(self.type, self.k, self.d, False))
        self._assign(origins, labels, key, self._nk, self._s1, s2)
        return self._update(origins, s2)

    def _assign(
        self,
        origins: Floats,
        labels: NDArray[np.int32] | None,
        key: int,
        nk: NDArray[np.float64],
        s1: NDArray[np.float64],
        s2: NDArray[np.float64],
    ) -> None:
        """Sum the moments of labelled rows, or of rows with random responsibilities."""
        core.gmm.start(
            self.X, self.weight, self.type, origins, labels, key, nk, s1, s2, self.threads
        )

    def data_moments(self) -> Moments:
        """Return the moments of all rows as one component, in rows."""
        origin = self._mean()[None]
        nk, s1 = np.empty(1), np.empty((1, self.d))
        s2 = np.empty(core.gmm.second_moments(self.type, 1, self.d, False))
        self._assign(origin, None, 0, nk, s1, s2)
        moments = moments_of_sums(self.type, nk, s1, s2, origin, None)
        return moments.scaled(self.mass / self.total)

    def _mean(self) -> Floats:
        if self._direct:  # not surveyed so far
            mean, spread, radius2 = np.empty(self.d), np.empty(self.d), np.empty(1)
            core.gmm.survey(self.X, self.weight, mean, spread, radius2, None, self.threads)
            return mean.astype(self.dtype)
        return self._centre

    def _labels(self, init_params: str, key: int) -> tuple[NDArray[np.int32], Floats]:
        from ...kmeans.lloyd import KMeans, kmeans_plusplus

        n = self.X.shape[0]
        seed = random.Key(key)
        if init_params == "kmeans":
            fit = KMeans(self.k, n_init=1, random_state=seed, n_jobs=self.threads)
            fit.fit(self.X, sample_weight=self.weight)
            return fit.labels_, np.ascontiguousarray(fit.cluster_centers_, self.dtype)
        if init_params == "k-means++":
            _, rows = kmeans_plusplus(self.X, self.k, sample_weight=self.weight, random_state=seed)
        else:
            allowed = np.arange(n) if self.weight is None else np.flatnonzero(self.weight)
            if len(allowed) < self.k:
                raise ValueError(
                    f"init_params='random_from_data' needs {self.k} rows with a weight; "
                    f"sample_weight leaves {len(allowed)}"
                )
            rows = random.generator(key, "gmm-start").choice(allowed, self.k, replace=False)
        labels = np.full(n, -1, np.int32)
        labels[rows] = np.arange(self.k)
        return labels, np.ascontiguousarray(self.X[rows])

    # ---- collapsed components -------------------------------------------------------------------

    def collapse(self, component: int) -> ValueError:
        """Return the error for a component whose covariance is not positive definite."""
        if self.type == "tied":
            what = "The covariance that all components share collapsed"
        else:
            mass = self._nk[component] * self.n / self.total
            what = f"Component {component} collapsed onto {mass:.3g} of {self.n} rows"
        text = f"{what}. {_ILL_DEFINED}"
        if self.dtype == np.float32:
            text += _ILL_DEFINED_FLOAT32
        if self.type != "tied":
            text += " Or pass on_collapse='repair' to start such components anew."
        if self.map_prior is None or not self.map_prior.covariances_given:
            text += " Or pass prior='fraley-raftery', with which none collapses."
        return ValueError(text)

    def starved(self) -> list[int]:
        """Return the components that the last step left with less than a millionth of a row."""
        least = 1e-6 * self.total / self.n
        return [int(k) for k in np.flatnonzero(self._nk < least)]

    def repair_start(self, start: Parameters) -> Parameters:
        """Give every component of a failed start the variance of the data; means stay."""
        if self.type == "tied":
            raise self.collapse(-1)
        variance = self._variance()
        covariances = np.empty_like(start.covariances)
        covariances[:] = self._wide(variance)
        factors = np.empty_like(covariances)
        failed = core.gmm.factorize(self.type, self.k, self.d, covariances, factors, self.threads)
        if failed >= 0:
            raise self.collapse(int(failed))
        return Parameters(start.weights, start.means, covariances, factors)

    def _variance(self) -> Floats:
        mean = self._mean().astype(np.float64)
        about: Floats = np.average((self.X - mean) ** 2, axis=0, weights=self.weight)
        return about + self.reg_covar

    def _wide(self, variance: Floats) -> Any:
        """Return one component's covariance, as wide as the data."""
        return {"full": np.diag(variance), "diag": variance, "spherical": variance.mean()}[
            self.type
        ]

    def repair(self, old: Parameters, new: Parameters, components: list[int]) -> Parameters:
        """Move components to the rows that ``old`` explains worst, as wide as the data.

        Raises
        ------
        ValueError
            If that does not help either, as on constant columns with ``reg_covar=0``.
        """
        if self.type == "tied":
            raise self.collapse(-1)
        worst = self._worst(old, len(components))
        wide = self._wide(self._variance())
        weights, means = new.weights.copy(), new.means.copy()
        covariances = new.covariances.copy()
        for component, row in zip(components, worst, strict=False):
            weights[component] = 1.0 / self.k
            means[component] = row
            covariances[component] = wide
        factors = np.empty_like(new.factors)
        failed = core.gmm.factorize(self.type, self.k, self.d, covariances, factors, self.threads)
        repaired = Parameters(weights / weights.sum(), means, covariances, factors)
        if failed < 0:
            return repaired
        if failed in components:
            raise self.collapse(failed)
        return self.repair(old, repaired, [*components, int(failed)])

    def _worst(self, old: Parameters, count: int) -> Floats:
        """Return the rows that a mixture explains worst, the worst first, (count, d) at most."""
        log_prob = self._log_prob(old, self.X, self.weight)
        return np.asarray(self.X[np.argsort(log_prob, kind="stable")[:count]])

    def _log_prob(self, p: Parameters, rows: Floats, weight: Floats | None) -> Floats:
        """Return log p(x) of each row; infinity for rows that have no weight."""
        log_prob = np.empty(rows.shape[0], rows.dtype)
        self.posterior(p, rows, log_prob, None)
        if weight is not None:
            log_prob[weight == 0] = np.inf
        return log_prob

    def posterior(
        self, p: Parameters, rows: Floats, log_prob: Floats, responsibilities: Floats | None
    ) -> None:
        """Write log p(x) of each row, and its responsibilities where asked for."""
        core.gmm.posterior(
            rows,
            self.type,
            p.weights,
            p.means,
            p.factors,
            log_prob,
            responsibilities,
            None,
            self.threads,
        )
