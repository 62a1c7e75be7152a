"""Gaussian mixtures that learn from batches: online EM, and what priors become on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._ground import random, validate
from .._ground.validate import validate_data
from .em.engine import Engine, Parameters, covariance_shape, widened
from .em.given import GivenStart
from .em.missing import engine_of
from .em.starts import small_em
from .moments import Moments, merged
from .posterior import MixturePosterior, posterior_of
from .prior import MixturePrior, resolved
from .queries import DTYPES, LikelihoodMixture


@dataclass(frozen=True)
class Running:
    """What online EM keeps between batches.

    Attributes
    ----------
    moments : Moments
        The running statistics; masses sum to one.
    worth : float
        How many rows, each counting alike, would tell as much.
    """

    moments: Moments
    worth: float

    def followed_by(self, batch: Moments, rows: float, rate: float, kind: str) -> Running:
        """Return the statistics after a batch: (1 - rate) of these and ``rate`` of the batch's.

        Parameters
        ----------
        batch : Moments
            In rows.
        rows : float
            Weight of the batch.
        rate : float
            In (0, 1].
        kind : {"full", "tied", "diag", "spherical"}
        """
        new = batch.scaled(1.0 / batch.mass.sum())
        worth = 1.0 / ((1.0 - rate) ** 2 / self.worth + rate**2 / rows)
        if rate == 1.0:
            return Running(new, worth)
        return Running(merged(kind, self.moments.scaled(1.0 - rate), new.scaled(rate)), worth)


class OnlineMixture(LikelihoodMixture):
    """What ``GaussianMixture`` knows of priors, and ``partial_fit``."""

    reg_covar: float
    init_params: str
    weights_init: ArrayLike | None
    means_init: ArrayLike | None
    precisions_init: ArrayLike | None
    on_collapse: str
    prior: str | MixturePrior | None
    learning_decay: float
    learning_offset: float

    prior_: MixturePrior
    posterior_: MixturePosterior
    n_samples_seen_: float

    # ---- priors ---------------------------------------------------------------------------------

    def _settle_prior(self, engine: Engine, settled: MixturePrior | None = None) -> None:
        """Give an engine the prior that was asked for, in numbers."""
        engine.map_prior = None
        if self.prior is not None:
            engine.map_prior = resolved(
                self.prior,
                engine.type,
                engine.k,
                engine.d,
                engine.dtype,
                engine.data_moments,
                settled,
            )
            engine.metric = "penalised mean log-likelihood"
            if engine.map_prior.covariances_given:
                engine.reg_covar = 0.0

    def _learnt(self, engine: Engine, p: Parameters) -> None:
        """Keep what a fit has learnt beside the parameters."""
        self._forget()
        self.n_samples_seen_ = engine.mass
        if engine.map_prior is None:
            return
        self.prior_ = engine.map_prior
        if p.moments is not None:  # else no step was made
            self.posterior_ = posterior_of(engine.map_prior, engine.type, p.moments)
            mass = p.moments.mass.sum()
            self._running = Running(p.moments.scaled(1.0 / mass), mass)

    def _forget(self) -> None:
        for name in ("prior_", "posterior_", "_running", "n_samples_seen_", "n_steps_"):
            self.__dict__.pop(name, None)

    # ---- online EM ------------------------------------------------------------------------------

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> OnlineMixture:
        r"""Learn from one batch, and go on from what was learnt before.

        One step of online EM (Cappé and Moulines 2009): an E-step on the batch, its statistics
        :math:`s_t` a row are mixed into the running ones,
        :math:`s \leftarrow (1 - \gamma_t) s + \gamma_t s_t`, and an M-step on these gives the new
        parameters. With :math:`\gamma_t = (t + t_0)^{-\alpha}`, where :math:`\alpha` is
        ``learning_decay`` and :math:`t_0` is ``learning_offset``. :math:`t` is how many batches as
        heavy as this one have been seen with it: the number of the batch where all are alike, and
        a small one moves little after large ones, or after :meth:`fit`. The first batch of all is
        taken whole, from parameters that ``init_params`` finds in it or that were given.

        With ``learning_decay=1`` and ``learning_offset=0`` every row counts alike. With less decay
        the first batches, whose responsibilities came from poor parameters, are forgotten.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The batch; any number of rows but in the first, which has at least one a component.
            Rows get the dtype of the first batch. NaN stands for what is missing.
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            How many times each row counts.

        Returns
        -------
        self : GaussianMixture
            ``lower_bound_`` is the mean log-likelihood of the batch before the step.

        Raises
        ------
        ValueError
            If X or the weights cannot be used, if the first batch has fewer rows than components,
            if ``n_components`` or ``covariance_type`` changed since, or if a component collapses
            and ``on_collapse`` is ``"raise"``. The model stays as it was.

        Notes
        -----
        O(n k d^2) time for full covariances and O(n k d) otherwise. A component that gets few rows
        keeps its old statistics and only its weight falls. With a ``prior`` its data-dependent
        parts are those of the first batch, or of :meth:`fit`.
        """
        self._validate_params()
        first = not hasattr(self, "weights_")
        rows: NDArray[Any] = validate_data(
            self, X, dtype=DTYPES, order="C", reset=first, ensure_all_finite="allow-nan"
        )
        if first:
            self._check_first_batch(rows)
        else:
            self._check_going_on()
            rows = np.ascontiguousarray(rows, self.means_.dtype)
        weight = validate.sample_weights(sample_weight, rows.shape[0], rows.dtype)
        engine = engine_of(
            rows,
            weight,
            getattr(self, "feature_names_in_", None),
            whole=first,  # a later batch may miss a feature
            covariance_type=self.covariance_type,
            reg_covar=self.reg_covar,
            k=self.n_components,
            threads=validate.n_threads(self.n_jobs),
        )
        self._settle_prior(engine, getattr(self, "prior_", None))
        seen = engine.mass + (0.0 if first else self.n_samples_seen_)
        if first:
            old = self._first_parameters(engine)
            value, batch = engine.expect(old, exact=True)
            running = Running(batch.scaled(1.0 / batch.mass.sum()), engine.mass)
        else:
            old = self._parameters(rows.dtype)
            value, batch = engine.expect(old, exact=False)
            rate = (seen / engine.mass + self.learning_offset) ** -self.learning_decay
            running = self._statistics().followed_by(batch, engine.mass, rate, self.covariance_type)
        new, running = self._step(engine, old, running)
        self._keep(new)
        self._running = running
        self.n_samples_seen_ = seen
        self.n_steps_ = getattr(self, "n_steps_", 0) + 1
        self.lower_bound_ = value
        self._keep_belief(engine.map_prior, running)
        return self

    def _step(
        self, engine: Engine, old: Parameters, running: Running
    ) -> tuple[Parameters, Running]:
        """M-step on running statistics, with collapsed components repaired where asked to."""
        moments = running.moments.scaled(running.worth)
        new, failed = engine.maximum(moments)
        if failed < 0:
            return new, running
        if self.on_collapse == "raise":
            raise engine.collapse(failed)
        repaired = engine.repair(old, new, [failed])
        moved = (repaired.means != new.means).any(axis=1)
        means, covariances = running.moments.means.copy(), running.moments.covariances.copy()
        means[moved] = repaired.means[moved]
        narrow = widened(self.covariance_type, repaired.covariances[moved], -engine.reg_covar)
        covariances[moved] = narrow
        mass = repaired.weights.astype(np.float64)
        return repaired, Running(Moments(mass / mass.sum(), means, covariances), running.worth)

    def _statistics(self) -> Running:
        """Return the running statistics; after a fit without a prior the parameters tell them."""
        running: Running | None = getattr(self, "_running", None)
        if running is not None:
            return running
        weights = self.weights_.astype(np.float64)
        covariances = widened(
            self.covariance_type, self.covariances_.astype(np.float64), -self.reg_covar
        )
        moments = Moments(weights / weights.sum(), self.means_.astype(np.float64), covariances)
        return Running(moments, self.n_samples_seen_)

    def _keep_belief(self, prior: MixturePrior | None, running: Running) -> None:
        for name in ("prior_", "posterior_"):
            self.__dict__.pop(name, None)
        if prior is not None:
            self.prior_ = prior
            moments = running.moments.scaled(running.worth)
            self.posterior_ = posterior_of(prior, self.covariance_type, moments)

    def _first_parameters(self, engine: Engine) -> Parameters:
        """Return the parameters whose responsibilities the first batch gets."""
        given = GivenStart(self.weights_init, self.means_init, self.precisions_init)
        given.check(engine.type, engine.k, engine.d)
        if given.complete:
            return given.parameters(engine.type, engine.dtype)
        return self._found(engine, given, random.key_of(self.random_state))

    def _found(self, engine: Engine, given: GivenStart, key: int) -> Parameters:
        """Return the start that ``init_params`` finds in the data, with what was given of it."""
        if self.init_params == "small-em":
            start, failed = small_em(engine, key)
        else:
            start, failed = engine.start(self.init_params, key)
        return given.replace(engine, start, failed, self.on_collapse == "repair")

    def _check_first_batch(self, rows: NDArray[Any]) -> None:
        if rows.shape[0] < self.n_components:
            raise ValueError(
                f"the first batch of partial_fit has {rows.shape[0]} rows for n_components="
                f"{self.n_components}, which start from it; give a larger first batch, "
                "or fit on more rows first"
            )

    def _check_going_on(self) -> None:
        k, d = self.means_.shape
        shape = covariance_shape(self.covariance_type, self.n_components, d)
        if k != self.n_components or self.precisions_cholesky_.shape != shape:
            raise ValueError(
                f"partial_fit goes on from {k} components with precisions_cholesky_ of shape "
                f"{self.precisions_cholesky_.shape}; got n_components={self.n_components} and "
                f"covariance_type={self.covariance_type!r}; set them back, or clone the model to "
                "start afresh"
            )
        if not getattr(self, "n_samples_seen_", 0) > 0:
            raise ValueError(
                "partial_fit goes on from n_samples_seen_, the number of rows that this model has "
                "learnt from; set it, or fit again"
            )
