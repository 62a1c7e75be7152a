"""Online EM (Cappé and Moulines 2009): steps on batches, with running statistics between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .em.engine import EM
from .em.repair import repair
from .moments import Moments, merged
from .parameters import Parameters, covariance_shape, widened


@dataclass(frozen=True)
class Running:
    """What online EM keeps between batches.

    Attributes
    ----------
    moments : Moments
        The running statistics; masses sum to one.
    worth : float
        How many rows, each counting alike, would carry as much information.
    """

    moments: Moments
    worth: float

    @classmethod
    def of(cls, moments: Moments, rows: float) -> Running:
        """Return the statistics of so many rows with these moments."""
        return cls(moments.scaled(1.0 / moments.mass.sum()), rows)

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

    def in_rows(self) -> Moments:
        """Return the moments in rows."""
        return self.moments.scaled(self.worth)


def running_of(model: Any) -> Running:
    """Return the running statistics; after a fit without a prior, from the parameters."""
    running: Running | None = getattr(model, "_running", None)
    if running is not None:
        return running
    kind = model.covariance_type
    weights = model.weights_.astype(np.float64)
    covariances = widened(kind, model.covariances_.astype(np.float64), -model.reg_covar)
    moments = Moments(weights / weights.sum(), model.means_.astype(np.float64), covariances)
    return Running(moments, model.n_samples_seen_)


def maximize(
    em: EM, old: Parameters, running: Running, repairs: bool
) -> tuple[Parameters, Running]:
    """Run an M-step on running statistics; repair collapsed components or raise.

    Returns
    -------
    parameters : Parameters
    running : Running
        Changed where components were repaired.

    Raises
    ------
    ValueError
        If a component collapsed and is not to be repaired, or cannot be.
    """
    new, failed = em.maximization.maximum(running.in_rows())
    if failed < 0:
        return new, running
    if not repairs:
        raise em.collapse(failed)
    repaired = repair(em, old, new, [failed])
    moved = (repaired.means != new.means).any(axis=1)
    means, covariances = running.moments.means.copy(), running.moments.covariances.copy()
    means[moved] = repaired.means[moved]
    covariances[moved] = widened(em.kind, repaired.covariances[moved], -em.reg_covar)
    mass = repaired.weights.astype(np.float64)
    return repaired, Running(Moments(mass / mass.sum(), means, covariances), running.worth)


def check_first_batch(n: int, k: int) -> None:
    """Raise ValueError if the first batch has fewer rows than components."""
    if n < k:
        raise ValueError(
            f"the first batch of partial_fit has {n} rows for n_components={k}, which start from "
            "it; give a larger first batch, or fit on more rows first"
        )


def check_going_on(model: Any) -> None:
    """Raise ValueError if ``partial_fit`` cannot continue from the fitted parameters."""
    k, d = model.means_.shape
    shape = covariance_shape(model.covariance_type, model.n_components, d)
    if k != model.n_components or model.precisions_cholesky_.shape != shape:
        raise ValueError(
            f"partial_fit continues from {k} components with precisions_cholesky_ of shape "
            f"{model.precisions_cholesky_.shape}; got n_components={model.n_components} and "
            f"covariance_type={model.covariance_type!r}; set them back, or clone the model to "
            "start afresh"
        )
    if not getattr(model, "n_samples_seen_", 0) > 0:
        raise ValueError(
            "partial_fit continues from n_samples_seen_, the number of rows that this model has "
            "learned from; set it, or fit again"
        )
