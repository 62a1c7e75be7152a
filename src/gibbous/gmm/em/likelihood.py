"""M-steps: the most likely parameters, and the most probable ones under a prior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._ground.isa import core
from ..moments import Moments
from ..parameters import Floats, Parameters, covariance_shape, widened
from ..posterior import posterior_of
from ..prior import MixturePrior, log_density
from .statistics import Statistics

ILL_DEFINED = (
    "Fitting the mixture model failed because some components have "
    "ill-defined empirical covariance (for instance caused by singleton "
    "or collapsed samples). Try to decrease the number of components, "
    "increase reg_covar, or scale the input data."
)
ILL_DEFINED_FLOAT32 = (
    " The numerical accuracy can also be improved by passing float64 data instead of float32."
)


@dataclass(frozen=True)
class Form:
    """Covariance type and sizes of a mixture, and what its covariances are made with."""

    kind: str
    k: int
    d: int
    dtype: Any
    reg_covar: float
    threads: int

    def parameters(
        self, weights: Floats, means: Floats, covariances: Floats
    ) -> tuple[Parameters, int]:
        """Return these parameters in the data's dtype, and the first component that failed or -1.

        A component fails if its covariance is not positive definite.
        """
        weights, means, covariances = (
            np.ascontiguousarray(a, self.dtype) for a in (weights, means, covariances)
        )
        factors = np.empty_like(covariances)
        failed = core.gmm.factorize(self.kind, self.k, self.d, covariances, factors, self.threads)
        return Parameters(weights, means, covariances, factors), int(failed)


class Likelihood:
    """The M-step that climbs the likelihood.

    Attributes
    ----------
    metric : str
        Name of what a step climbs.
    objective : str
        The same in a message.
    advice : str
        What to do in addition to the usual if a fit did not converge.
    """

    metric = "mean log-likelihood"
    objective = "the log-likelihood of X"
    advice = ""
    prior: MixturePrior | None = None

    def __init__(self, form: Form) -> None:
        self.form = form

    def with_form(self, form: Form) -> Likelihood:
        """Return the same M-step for another form."""
        return Likelihood(form)

    def update(self, sums: Statistics) -> tuple[Parameters, int]:
        """Return the parameters, and the first component that failed or -1."""
        form = self.form
        dtype, k = form.dtype, form.k
        shape = covariance_shape(form.kind, k, form.d)
        new = Parameters(
            np.empty(k, dtype),
            np.empty((k, form.d), dtype),
            np.empty(shape, dtype),
            np.empty(shape, dtype),
        )
        failed = core.gmm.update(
            core.gmm.statistics(sums.nk, sums.s1, sums.s2),
            sums.origin,
            sums.scatter,
            form.reg_covar,
            new.mixture(form.kind),
            form.threads,
        )
        return new, int(failed)

    def value(self, sums: Statistics, old: Parameters, new: Parameters) -> float:
        """Return what EM climbs, the mean of log p(x) under the parameters of the E-step."""
        return sums.value / sums.total

    def maximum(self, moments: Moments) -> tuple[Parameters, int]:
        """Return the parameters for moments in rows, and the first component that failed or -1."""
        form = self.form
        weights = moments.mass / moments.mass.sum()
        covariances = widened(form.kind, moments.covariances, form.reg_covar)
        return form.parameters(weights, moments.means, covariances)

    def collapse(self, component: int, nk: Floats, n: int, total: float) -> ValueError:
        """Return the error for a component whose covariance is not positive definite.

        Parameters
        ----------
        component : int
        nk : ndarray of shape (k,)
            Masses of the last sums, whose weights add up to ``total``.
        n : int
            Number of rows.
        total : float
        """
        if self.form.kind == "tied":
            what = "The covariance that all components share collapsed"
        else:
            mass = nk[component] * n / total
            what = f"Component {component} collapsed onto {mass:.3g} of {n} rows"
        text = f"{what}. {ILL_DEFINED}"
        if self.form.dtype == np.float32:
            text += ILL_DEFINED_FLOAT32
        if self.form.kind != "tied":
            text += " Or pass on_collapse='repair' to start such components anew."
        if self.prior is None or not self.prior.covariances_given:
            text += " Or pass prior='fraley-raftery', with which none collapses."
        return ValueError(text)


class MAP(Likelihood):
    """The M-step that climbs the likelihood times the density of a prior.

    Parameters
    ----------
    form : Form
        With ``reg_covar`` 0 if the prior has a part for covariances.
    prior : MixturePrior
        In numbers.
    """

    # spelled as in the histories of saved models
    metric = f"penalised {Likelihood.metric}"

    def __init__(self, form: Form, prior: MixturePrior) -> None:
        super().__init__(form)
        self.prior = prior

    def with_form(self, form: Form) -> MAP:
        """Return the same M-step for another form."""
        assert self.prior is not None
        return MAP(form, self.prior)

    def update(self, sums: Statistics) -> tuple[Parameters, int]:
        """Return the parameters, and the first component that failed or -1."""
        return self.maximum(sums.moments(self.form.kind))

    def value(self, sums: Statistics, old: Parameters, new: Parameters) -> float:
        """Return what EM climbs: the mean of log p(x), plus log p(parameters) over the rows."""
        assert self.prior is not None
        mean = sums.value / sums.total
        return mean + log_density(self.prior, self.form.kind, old) / sums.mass

    def maximum(self, moments: Moments) -> tuple[Parameters, int]:
        """Return the parameters for moments in rows, and the first component that failed or -1."""
        assert self.prior is not None
        form = self.form
        weights, means, covariances = posterior_of(self.prior, form.kind, moments).mode()
        covariances = widened(form.kind, covariances, form.reg_covar)
        new, failed = form.parameters(weights, means, covariances)
        return replace(new, moments=moments), failed
