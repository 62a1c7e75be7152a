"""Gaussian mixtures with priors, fitted by variational inference."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._fit.history import Callback
from .._ground import random
from .._rows.blocks import Source
from . import conditional, queries
from .conditional import Features
from .data import check_resumable, expectation_of, rows_to_fit
from .em.engine import EM
from .em.likelihood import Form
from .em.run import Outcome, Run, Settings, warn_unless_converged
from .em.starts import start
from .em.variational import Variational, completed_prior
from .em.variational_update import Concentration, Posterior, evidence_constant
from .estimator import Mixture
from .mixture import GaussianMixture, derived_mixture
from .parameters import Parameters
from .queries import Fitted, parameters_of
from .variational_prior import GivenPrior, Prior


class BayesianGaussianMixture(Mixture):
    r"""Gaussian mixture with priors on weights, means and covariances, by variational inference.

    Instead of one best set of parameters there is a distribution over them, approximated by one in
    which responsibilities, weights, means and precisions are independent of each other, but for
    the mean's precision, which is a multiple of its component's. Coordinate ascent raises a lower
    bound of the evidence: the E-step is that of a plain mixture with expectations in the place of
    parameters, the M-step adds the data's counts, means and scatter to the prior's (Bishop 2006,
    section 10.2). Components that the data do not need keep the prior and lose their weight, so
    that ``n_components`` is an upper limit. The weights have a Dirichlet distribution, or come
    from a Dirichlet process cut off after ``n_components`` pieces of a stick (Blei and Jordan
    2006).

    Parameters, attributes and methods are scikit-learn's, and results from one start are the same;
    ``n_jobs``, ``sample_weight``, ``callback``, ``history_``, ``evidence_lower_bound_`` and
    ``effective_components_`` are ours. One seed gives the same bits for every ``n_jobs``. An
    iteration takes O(n k d^2) for ``"full"`` and O(n k d) otherwise, and no memory that grows with
    n x k.

    Entries of X may be missing (NaN), in fits and in whatever is asked of a fitted mixture, and X
    may be larger than the memory, as in :class:`GaussianMixture`. Missing entries are latent like
    the components: the E-step is exact given what is observed, and the lower bound, then that of
    the observed entries, does not fall. Without a given prior its mean and covariance are those of
    the observed entries.

    Parameters
    ----------
    n_components : int, default=1
        Number of components k at most.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Shape of the covariances: one matrix per component, one matrix for all, one variance per
        component and feature, one variance per component.
    tol : float, default=1e-3
        The fit stops when the lower bound changes by less. It is the bound of all rows, not of
        one as in :class:`GaussianMixture`: use a larger value for many rows. In float32 the bound
        has a relative precision of about 1e-7, and smaller changes are rounding.
    reg_covar : float, default=1e-6
        Added to every variance of the data's scatter; the prior keeps its own.
    max_iter : int, default=100
        Maximum number of iterations per start; 0 keeps the start itself.
    n_init : int, default=1
        Starts; the one with the highest lower bound is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        Where responsibilities come from at the start.
    weight_concentration_prior_type : str, default="dirichlet_process"
        Kind of the prior of the weights: that, or ``"dirichlet_distribution"``.
    weight_concentration_prior : float, default=None
        The lower, the fewer components keep a weight; None for 1 / k. Of a Dirichlet distribution
        the parameter of every component, of a process the second one of the beta distributions of
        its pieces.
    mean_precision_prior : float, default=None
        Of how many rows the prior of a mean counts as much; None for 1.
    mean_prior : array-like of shape (d,), default=None
        Where means are expected; None for the mean of X.
    degrees_of_freedom_prior : float, default=None
        Of how many rows the prior of a covariance counts as much; above d - 1; None for d.
    covariance_prior : float or array-like, default=None
        Inverse of the scale matrix of the Wishart distribution of a precision, in the shape of one
        component's covariance: (d, d), (d, d), (d,) or a number by type. It is a sum over
        ``degrees_of_freedom_prior`` rows, so that covariances are expected near
        ``covariance_prior / degrees_of_freedom_prior``. None for the covariance of X.
    random_state : None, int, RandomState, Generator or SeedSequence, default=None
        Seed of the starts and of ``sample``.
    warm_start : bool, default=False
        Whether ``fit`` continues from the last fit's posterior.
    verbose : int, default=0
        1 prints starts and iterations, 2 also times and changes.
    verbose_interval : int, default=10
        Iterations between two lines.
    n_jobs : int or None, default=None
        Threads; None for what OpenMP and the processors allow, -1 for all processors.

    Attributes
    ----------
    weights_ : ndarray of shape (k,)
        Expected weights.
    means_ : ndarray of shape (k, d)
        Expected means.
    covariances_, precisions_, precisions_cholesky_ : ndarray
        (k, d, d), (d, d), (k, d) or (k,) by type; ``precisions_`` are the expected ones, U U^T with
        U upper triangular, ``covariances_`` their inverses.
    weight_concentration_ : ndarray of shape (k,), or a tuple of two of them
        Parameters of the posterior of the weights; two of each beta distribution for a process.
    mean_precision_ : ndarray of shape (k,)
        Of how many rows the posterior of each mean counts as much.
    degrees_of_freedom_ : ndarray of shape (k,), or a float where the covariance is tied
    weight_concentration_prior_, mean_precision_prior_, degrees_of_freedom_prior_ : float
    mean_prior_ : ndarray of shape (d,)
    covariance_prior_ : ndarray or float
        The priors in use.
    effective_components_ : ndarray of int64
        The components that hold a row or more, in ascending order.
    n_effective_components_ : int
        Their number.
    converged_ : bool
    n_iter_ : int
        Iterations of the start that was kept.
    lower_bound_ : float
        Lower bound of the evidence of all rows after the last iteration, without the constants
        that scikit-learn leaves out.
    evidence_lower_bound_ : float
        The same with these constants: a lower bound of log p(X) in nats, by which numbers of
        components and priors can be compared. -inf where ``covariance_prior_`` is singular.
    lower_bounds_ : list of float
        ``lower_bound_`` at every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X has column names.
    history_ : History
        Record of the fit.

    See Also
    --------
    gibbous.GaussianMixture : one best set of parameters, and criteria to choose their number.

    Notes
    -----
    The lower bound never falls where ``reg_covar`` is 0, apart from rounding; with it the steps
    are scikit-learn's, which may lower it by about as much as ``reg_covar`` adds.

    With a process the order of components counts: the first pieces of the stick are expected to be
    the larger ones.

    Examples
    --------
    >>> import numpy as np
    >>> from gibbous import BayesianGaussianMixture
    >>> X = np.random.default_rng(0).normal([[-5.0], [5.0]], 1.0, (2, 100)).reshape(-1, 1)
    >>> bgm = BayesianGaussianMixture(5, max_iter=500, random_state=0).fit(X)
    >>> bgm.n_effective_components_
    2
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({"full", "tied", "diag", "spherical"})],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "random", "random_from_data", "k-means++"})],
        "weight_concentration_prior_type": [
            StrOptions({"dirichlet_process", "dirichlet_distribution"})
        ],
        "weight_concentration_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_precision_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "covariance_prior": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
        "random_state": ["random_state", np.random.Generator, np.random.SeedSequence, random.Key],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: float | ArrayLike | None = None,
        random_state: random.RandomState = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_jobs = n_jobs

    # ---- fitting -------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        callback: Callback | None = None,
    ) -> BayesianGaussianMixture:
        """Fit the mixture to X.

        Parameters
        ----------
        X : array-like of shape (n, d), or a source of blocks
            float32 stays float32; everything else becomes float64. A C-contiguous array is not
            copied. NaN stands for what is missing. Data larger than the memory are read in blocks,
            once per iteration, from what :meth:`GaussianMixture.fit` takes.
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            How many times each row counts; any non-negative numbers, not all zero. The prior
            counts as its own number of rows, so that not only ratios of weights matter.
        callback : callable, default=None
            Called with a :class:`gibbous.Progress` after every iteration; returning True ends the
            fit.

        Returns
        -------
        self : BayesianGaussianMixture

        Raises
        ------
        ValueError
            If X has infinities, a column of nothing but NaN, fewer than two rows or fewer rows than
            components; if a prior has a wrong shape or value, or none is given and the data have no
            covariance to take its place; if a covariance is not positive definite.
        KeyboardInterrupt
            On Ctrl-C, within half a second; the model of the last finished iteration is kept.
        """
        self._fit(X, sample_weight, callback)
        return self

    def fit_predict(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        callback: Callback | None = None,
    ) -> NDArray[np.int64]:
        """Fit as :meth:`fit` does and return the most probable component of each row, (n,)."""
        data = self._fit(X, sample_weight, callback)
        if isinstance(data, Source):
            return queries.predict(Fitted.of(self), data)
        return Fitted.of(self).labels(data)

    def _fit(
        self, X: Any, sample_weight: ArrayLike | None, callback: Callback | None
    ) -> NDArray[Any] | Source:
        self._validate_params()
        data = rows_to_fit(self, X)
        d = data.d if isinstance(data, Source) else data.shape[1]
        given = self._given_prior().checked(self.covariance_type, d)
        resume = self.warm_start and hasattr(self, "converged_")
        if resume:
            check_resumable(self, d)
        # the sample for starts uses the seed of the starts
        key = None if resume else random.key_of(self.random_state)
        expectation = expectation_of(data, sample_weight, key, self)
        form = Form(
            self.covariance_type,
            self.n_components,
            d,
            expectation.dtype,
            float(self.reg_covar),
            expectation.threads,
        )
        prior = completed_prior(given, expectation, form)
        em = EM(expectation, Variational(form, prior))

        def first(em: EM, index: int) -> Parameters:
            if key is None:
                return self._resumed(prior, data.dtype)
            # the first start uses the key itself, so that its K-means is KMeans with the same
            # random_state
            own = random.child(key, "gmm-start", index) if index else key
            found, failed = start(em, self.init_params, own)
            if failed >= 0:
                raise em.collapse(failed)
            return found

        run = Run(em, self._settings(), first, callback)
        try:
            bound = self.lower_bound_ if resume else -math.inf
            run.climb(1 if resume else self.n_init, bound)
        except KeyboardInterrupt:
            reached = run.interrupted()
            if reached is not None:
                self._keep_fit(reached, em, key)
            raise
        outcome = run.outcome()
        self._keep_fit(outcome, em, key)
        warn_unless_converged(outcome, self.max_iter, em.maximization.advice)
        return data

    def _settings(self) -> Settings:
        return Settings(
            type(self).__name__,
            self.max_iter,
            self.n_init,
            self.tol,
            self.verbose,
            self.verbose_interval,
        )

    def _given_prior(self) -> GivenPrior:
        return GivenPrior(
            self.weight_concentration_prior_type == "dirichlet_process",
            self.weight_concentration_prior,
            self.mean_precision_prior,
            self.mean_prior,
            self.degrees_of_freedom_prior,
            self.covariance_prior,
        )

    def _resumed(self, prior: Prior, dtype: Any) -> Posterior:
        """Return the fitted posterior, under the current prior."""
        p = parameters_of(self, dtype)
        assert p.log_weights is not None
        return Posterior(
            p.weights,
            p.means,
            p.covariances,
            p.factors,
            prior=prior,
            concentration=self.weight_concentration_,
            mean_precision=self.mean_precision_,
            degrees_of_freedom=self.degrees_of_freedom_,
            log_weights=p.log_weights,
            normaliser=math.nan,
            mass=float((self.mean_precision_ - self.mean_precision_prior_).sum()),
        )

    def _keep_fit(self, outcome: Outcome, em: EM, key: int | None) -> None:
        """Store the outcome of a run and its derived attributes."""
        self._keep_outcome(outcome, key, em.threads)
        p = outcome.parameters
        assert isinstance(p, Posterior)
        self.weight_concentration_: Concentration = p.concentration
        self.mean_precision_ = p.mean_precision
        self.degrees_of_freedom_ = p.degrees_of_freedom
        prior = p.prior
        self.weight_concentration_prior_ = prior.concentration
        self.mean_precision_prior_ = prior.mean_precision
        self.mean_prior_ = prior.mean
        self.degrees_of_freedom_prior_ = prior.degrees_of_freedom
        self.covariance_prior_ = prior.covariance
        self._evidence_constant = evidence_constant(
            prior, self.covariance_type, len(p.means), p.mass
        )

    # ---- what the posterior predicts -----------------------------------------------------------

    @property
    def evidence_lower_bound_(self) -> float:
        """Lower bound of log p(X) in nats: ``lower_bound_`` with the constants that it lacks."""
        check_is_fitted(self, "means_")
        return float(self.lower_bound_ + self._evidence_constant)

    @property
    def effective_components_(self) -> NDArray[np.int64]:
        """The components that hold a row or more, in ascending order."""
        check_is_fitted(self, "means_")
        rows = self.mean_precision_ - self.mean_precision_prior_
        return np.flatnonzero(rows >= 1.0)

    @property
    def n_effective_components_(self) -> int:
        """Number of components that hold a row or more."""
        return len(self.effective_components_)

    def score_samples(self, X: ArrayLike) -> NDArray[Any]:
        """Return the log of each row's density in nats as an array of shape (n,).

        As in scikit-learn it is made of expected logarithms of weights and densities, the numbers
        of the E-step: a lower bound of the density that the posterior predicts, and a little below
        the log-density of a mixture with ``weights_``, ``means_`` and ``covariances_``.
        """
        return queries.score_samples(Fitted.of(self), X)

    def condition(self, on: int | str | Features, values: ArrayLike) -> GaussianMixture:
        """Return the distribution of the other features if some have given values.

        As :meth:`GaussianMixture.condition`, with weights, means and covariances at their expected
        values.

        Parameters
        ----------
        on : int, str, or sequence of these
            Features whose values are known, by index or name.
        values : float, or array-like of shape (len(on),)
            Their values.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            If there is no such feature, none is left, or the values are not finite numbers.
        """
        return derived_mixture(self, conditional.condition(Fitted.of(self), on, values))

    def marginal(self, features: int | str | Features) -> GaussianMixture:
        """Return the distribution of some features, whatever the others are.

        As :meth:`GaussianMixture.marginal`, with weights, means and covariances at their expected
        values.

        Parameters
        ----------
        features : int, str, or sequence of these
            Features to keep, in this order, by index or name.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            If there is no such feature, or one is named twice.
        """
        return derived_mixture(self, conditional.marginal(Fitted.of(self), features))
