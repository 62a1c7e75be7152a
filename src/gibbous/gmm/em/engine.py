"""EM for Gaussian mixtures: any combination of rows, an E-step and an M-step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..._rows.rows import MemoryRows
from ..moments import Moments
from ..parameters import Doubles, Floats, Parameters
from .complete import Complete, moved_far
from .likelihood import Form, Likelihood
from .missing import Missing
from .statistics import Statistics
from .variational import Variational

Expectation = Complete | Missing
Maximization = Likelihood | Variational


class EM:
    """Runs steps of EM: an E-step on its rows, and an M-step.

    Parameters
    ----------
    expectation : Complete or Missing
    maximization : Likelihood, MAP or Variational

    Attributes
    ----------
    nk : ndarray of shape (k,)
        Masses of the components in the last sums, of weights with mean one.
    """

    def __init__(self, expectation: Expectation, maximization: Maximization) -> None:
        self.expectation, self.maximization = expectation, maximization
        self.form = maximization.form
        self.kind, self.k = self.form.kind, self.form.k
        self.nk: Doubles = np.empty(0)
        self._few: EM | None = None

    @property
    def type(self) -> str:
        """The covariance type."""
        return self.kind

    @property
    def reg_covar(self) -> float:
        """The number added to every variance."""
        return self.form.reg_covar

    @property
    def threads(self) -> int:
        """Threads of the kernels."""
        return self.form.threads

    # ---- parts of it ---------------------------------------------------------------------------

    def alone(self) -> EM:
        """Return a copy with the same rows, one thread and separate state."""
        form = Form(**{**vars(self.form), "threads": 1})
        return EM(self.expectation.alone(), self.maximization.with_form(form))

    def on(self, expectation: Expectation) -> EM:
        """Return an engine with the same M-step and another E-step."""
        return EM(expectation, self.maximization)

    def sampled(self) -> EM:
        """Return an engine on rows in memory: on a sample, if the rows are read in blocks."""
        if self._few is None:
            expectation = self.expectation.sampled()
            self._few = self if expectation is self.expectation else self.on(expectation)
        return self._few

    # ---- steps ---------------------------------------------------------------------------------

    def step(self, old: Parameters) -> tuple[float, Parameters, int]:
        """Run one iteration.

        Returns
        -------
        objective : float
            The objective of EM at the old parameters; for variational mixtures after the M-step.
        new : Parameters
        failed : int
            First component whose covariance is not positive definite, or -1.

        Raises
        ------
        ValueError
            If a row has no density under any component.
        """
        e = self.expectation
        folded = e.folds(old.factors)
        value, new, failed = self._once(old, folded)
        if folded and (failed >= 0 or not e.folds(new.factors, slack=4.0)):
            # the components became too narrow for the fast kernels: repeat this step
            folded = False
            value, new, failed = self._once(old, folded)
        if not folded and moved_far(self.kind, old.means, new):
            # sums about the old means cancel if a mean moved by many of the new widths
            again = self._once(old, folded, new.means)
            # a variance below the rounding of the data may become 0 here: like scikit-learn, keep
            # the first result if that was positive
            if again[2] < 0 or failed >= 0:
                return again
        return value, new, failed

    def _once(
        self, old: Parameters, folded: bool, about: Floats | None = None
    ) -> tuple[float, Parameters, int]:
        sums = self._sums(old, folded, about)
        new, failed = self.maximization.update(sums)
        return self.maximization.value(sums, old, new), new, failed

    def _sums(self, old: Parameters, folded: bool, about: Floats | None = None) -> Statistics:
        sums = self.expectation.sums(old, folded, about)
        self.nk = sums.nk
        if not math.isfinite(sums.value):
            raise ValueError(
                f"{self.maximization.objective} is not finite: some rows are so far from every "
                "component that their density underflows, or values in X are too large to square; "
                "scale X (for example with sklearn.preprocessing.StandardScaler)"
            )
        return sums

    def update(self, sums: Statistics) -> tuple[Parameters, int]:
        """Run an M-step; return the parameters, and the first component that failed or -1."""
        self.nk = sums.nk
        return self.maximization.update(sums)

    def expect(self, old: Parameters, *, exact: bool) -> tuple[float, Moments]:
        """Run an E-step and return the mean of log p(x) and the moments, in rows.

        ``exact`` is for moments that are used alone. Moments that are merged with others about the
        old means need no more digits than the merged covariances have.
        """
        sums = self._sums(old, not exact and self.expectation.folds(old.factors))
        moments = sums.moments(self.kind)
        if exact and moved_far(self.kind, old.means, moments):
            about = np.ascontiguousarray(moments.means, self.form.dtype)
            sums = self._sums(old, False, about)
            moments = sums.moments(self.kind)
        return sums.value / sums.total, moments

    def parameters(
        self, weights: Floats, means: Floats, covariances: Floats
    ) -> tuple[Parameters, int]:
        """Return these parameters in the data's dtype, and the first one that failed or -1."""
        return self.form.parameters(weights, means, covariances)

    def starved(self) -> list[int]:
        """Return the components that the last step left with less than a millionth of a row."""
        e = self.expectation
        least = 1e-6 * e.total / e.n
        return [int(k) for k in np.flatnonzero(self.nk < least)]

    def collapse(self, component: int) -> ValueError:
        """Return the error for a component whose covariance is not positive definite."""
        e = self.expectation
        return self.maximization.collapse(component, self.nk, e.n, e.total)

    def memory(self) -> tuple[Floats, Floats | None]:
        """Return the rows in memory, which may have NaN, and their weights with mean 1."""
        rows = self.expectation.rows
        assert isinstance(rows, MemoryRows)
        return rows.X, rows.weight


Labels = NDArray[np.int32]
