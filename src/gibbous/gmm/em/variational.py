"""The M-step of variational mixtures: a posterior replaces the parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..parameters import Doubles, Parameters
from ..variational_prior import GivenPrior, Prior
from .complete import Complete
from .likelihood import ILL_DEFINED, ILL_DEFINED_FLOAT32, Form
from .missing import Missing
from .statistics import Statistics
from .variational_update import Posterior, Sums, update


class Variational:
    """The M-step that maximizes a lower bound of the evidence; like :class:`Likelihood`.

    Parameters
    ----------
    form : Form
    prior : Prior
    """

    metric = "lower bound"
    objective = "the lower bound"
    advice = (
        " tol is compared with changes of the lower bound of all rows together: with many rows "
        "set it higher."
    )

    def __init__(self, form: Form, prior: Prior) -> None:
        self.form, self.prior = form, prior

    def with_form(self, form: Form) -> Variational:
        """Return the same M-step for another form."""
        return Variational(form, self.prior)

    def update(self, sums: Statistics) -> tuple[Posterior, int]:
        """Return the posterior, and the first component that failed or -1."""
        form, prior = self.form, self.prior
        unit = sums.unit  # rows are weighed against the prior, so that their number matters
        scaled = Sums(
            sums.nk * unit,
            sums.s1 * unit,
            sums.s2 * unit,
            sums.origin.astype(np.float64),
            None if sums.scatter is None else sums.scatter * unit,
        )
        new, failed = update(
            prior,
            form.kind,
            scaled,
            reg_covar=form.reg_covar,
            dtype=form.dtype,
            threads=form.threads,
        )
        if failed < 0 and not (
            math.isfinite(new.normaliser) and np.isfinite(new.log_weights).all()
        ):
            raise ValueError(
                "the lower bound is not finite: a prior is too small or too large to count with "
                f"(weight_concentration_prior={prior.concentration:g}, "
                f"mean_precision_prior={prior.mean_precision:g}, "
                f"degrees_of_freedom_prior={prior.degrees_of_freedom:g})"
            )
        return new, failed

    def value(self, sums: Statistics, old: Parameters, new: Parameters) -> float:
        """Return the lower bound after the M-step."""
        assert isinstance(new, Posterior)
        return sums.entropy * sums.unit + new.normaliser

    def maximum(self, moments: Any) -> Any:
        """Not supported: online steps need the likelihood or the posterior density."""
        raise TypeError("a variational M-step takes sums, not moments")

    def collapse(self, component: int, nk: Doubles, n: int, total: float) -> ValueError:
        """Return the error for a component whose covariance is not positive definite."""
        form = self.form
        if form.kind == "tied":
            what = "The covariance that all components share is not positive definite"
        else:
            what = (
                f"The covariance of component {component}, which holds {nk[component]:.3g} rows, "
                "is not positive definite"
            )
        text = f"{what}. {ILL_DEFINED}"
        if form.dtype == np.float32:
            text += ILL_DEFINED_FLOAT32
        if self.prior.covariance_given:
            return ValueError(f"{text} Or raise covariance_prior.")
        return ValueError(
            f"{text} A component without rows has the covariance "
            "covariance_prior / degrees_of_freedom_prior, and the default covariance_prior is the "
            "covariance of X, which is singular where X has constant columns, columns that others "
            "determine, or no more rows than columns: leave such columns out, or give "
            "covariance_prior."
        )


def completed_prior(given: GivenPrior, e: Complete | Missing, form: Form) -> Prior:
    """Return the prior with mean and covariance of the data if none were given.

    With missing entries the mean is that of each column's observed entries, and a missing entry
    counts in the covariance as if it had the mean and the variance of the observed ones.

    Raises
    ------
    ValueError
        If the data have no covariance.
    """
    k = form.k
    if given.mean is not None and given.covariance is not None:
        return given.completed(k, given.mean, given.covariance)
    kind = "full" if form.kind == "tied" else form.kind
    origin = e.mean()
    sums = e.assign(origin[None], None, 0, kind=kind)  # all rows are in one component
    nk, s1 = sums.nk, sums.s1
    shift, mass = s1[0] / nk[0], float(nk[0]) * sums.unit
    mean = origin.astype(np.float64) + shift
    if given.covariance is not None:
        return given.completed(k, mean, given.covariance)
    if mass < 2.0:
        raise ValueError(
            f"sample_weight adds up to {mass:.3g}: rows count as often as their weight says, "
            "and the default covariance_prior needs two or more; scale sample_weight (to add "
            "up to the number of rows, say), or give covariance_prior"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        covariance = _covariance(kind, sums, shift, sums.unit / (mass - 1.0))
    if not np.isfinite(covariance).all():
        raise ValueError(
            "the covariance of X is not finite: values in X are too large to square; "
            "scale X (for example with sklearn.preprocessing.StandardScaler)"
        )
    return given.completed(k, mean, covariance)


def _covariance(kind: str, sums: Statistics, shift: Doubles, unbiased: float) -> Any:
    """Return the covariance of all rows with divisor mass - 1, by type."""
    s2, nk, d = sums.s2, float(sums.nk[0]), len(shift)
    if kind == "diag":
        return np.maximum(s2 - nk * shift**2, 0.0) * unbiased
    if kind == "spherical":
        return max(float(s2[0] - nk * (shift**2).sum()), 0.0) * unbiased / d
    i, j = np.tril_indices(d)
    covariance = np.empty((d, d))
    covariance[i, j] = covariance[j, i] = (s2 - nk * shift[i] * shift[j]) * unbiased
    return covariance
