"""Gaussian mixtures fitted by expectation-maximization."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from .._fit.history import Callback
from .._ground import random, validate
from .._ground.validate import validate_data
from .._rows.blocks import Source
from .._rows.rows import MemoryRows
from . import conditional, queries
from .conditional import Derived, Features
from .data import check_resumable, expectation_in_memory, expectation_of, rows_to_fit
from .em.engine import EM, Expectation
from .em.likelihood import MAP, Form, Likelihood
from .em.run import DEFAULT_TRIES, Outcome, Run, Settings, warn_unless_converged
from .em.side_by_side import run_starts, side_by_side, watches_only
from .em.starts import GivenStart, start
from .estimator import Mixture
from .online import Running, check_first_batch, check_going_on, maximize, running_of
from .parameters import DTYPES, Parameters
from .posterior import posterior_of
from .prior import FRALEY_RAFTERY, MixturePrior, resolved
from .queries import Fitted, parameters_of


class GaussianMixture(Mixture):
    r"""Gaussian mixture, fitted by expectation-maximization.

    A mixture says that every row was drawn from one of ``n_components`` Gaussians and that we do
    not see which. The E-step gives each row a responsibility for each component, the posterior
    :math:`r_{ik} \propto w_k N(x_i; \mu_k, \Sigma_k)`; the M-step sets weights, means and
    covariances to the responsibility-weighted moments; no step lowers the likelihood (Dempster,
    Laird and Rubin 1977; Bishop 2006, section 9.2).

    Parameters, attributes and methods are scikit-learn's; ``n_jobs``, ``on_collapse``,
    ``sample_weight``, ``callback`` and ``history_`` are additions. One seed gives the same bits for
    every ``n_jobs``. An iteration takes O(n k d^2) for ``"full"`` and O(n k d) otherwise, and no
    memory that grows with n x k.

    Entries of X may be missing (NaN), in fits and in whatever is asked of a fitted mixture. They
    are taken to be missing at random: whether an entry is missing may depend on what is observed
    of its row, not on the entry itself. EM then climbs the likelihood of what is observed, exactly
    and without filling anything in (Ghahramani and Jordan 1994); full and tied covariances take
    O(k d^3) more for every pattern of missing entries. Starts are made from rows with the columns'
    means in place of what is missing.

    Parameters
    ----------
    n_components : int, default=1
        Number of components k.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Shape of the covariances: one matrix per component, one matrix for all, one variance per
        component and feature, one variance per component.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood per row changes by less.
    reg_covar : float, default=1e-6
        Added to every variance; not where ``prior`` has a part for covariances, which keeps them
        from collapsing.
    max_iter : int, default=100
        Maximum number of iterations per start; 0 keeps the start itself.
    n_init : int, default=1
        Starts; the one with the highest likelihood is kept. They run side by side on data of
        moderate size, unless a callback or printed progress requires them in turn.
    init_params : str, default="kmeans"
        Where responsibilities come from at the start: ``"kmeans"``, ``"k-means++"``, ``"random"``
        or ``"random_from_data"``. ``"small-em"`` runs EM a few steps from ten random starts and
        continues from the best (Biernacki, Celeux and Govaert 2003).
    weights_init : array-like of shape (k,), default=None
        Weights to start from.
    means_init : array-like of shape (k, d), default=None
        Means to start from.
    precisions_init : array-like, default=None
        Inverse covariances to start from: (k, d, d), (d, d), (k, d) or (k,) by type.
    random_state : None, int, RandomState, Generator or SeedSequence, default=None
        Seed of the starts and of ``sample``.
    warm_start : bool, default=False
        Whether ``fit`` continues from the last fit's parameters.
    verbose : int, default=0
        1 prints starts and iterations, 2 also times and changes.
    verbose_interval : int, default=10
        Iterations between two lines.
    n_jobs : int or None, default=None
        Threads; None for what OpenMP and the processors allow, -1 for all processors.
    on_collapse : {"raise", "repair"}, default="raise"
        What to do when a component's covariance stops being positive definite: raise ValueError,
        or move the component to the row that the mixture explains worst and continue; ``"repair"``
        also revives components that lost all their rows. Repairs are listed in ``history_``. A
        tied covariance belongs to no component and cannot be repaired.
    prior : None, "fraley-raftery" or MixturePrior, default=None
        Prior of the parameters. With a prior they are the most probable ones
        instead of the most likely: EM climbs the log-likelihood plus the log density of the prior
        (MAP-EM; Fraley and Raftery 2007), and ``posterior_`` holds their uncertainty.
        ``"fraley-raftery"`` is their weak default, under which no component collapses. Rows count
        against the prior by their weight.
    learning_decay : float, default=0.7
        How fast ``partial_fit`` stops forgetting, above .5 up to 1, where it forgets nothing.
    learning_offset : float, default=0.0
        Batches that ``partial_fit`` takes as seen before; more slow down the first steps.
    acceleration : {None, "squarem"}, default=None
        ``"squarem"`` extrapolates between the steps of EM (Varadhan and
        Roland 2008), and keeps those that do not lower the likelihood. Tries count as iterations.
        No jump lowers the likelihood, and none ends below two steps of EM from where the one before
        it ended. But one may lead to another optimum than EM's: of 750 random problems (100 to 300
        rows, 1 to 3 features, 2 to 5 components) at ``tol=1e-6``, most of them without clear
        groups, 83% ended above plain EM from the same start by more than ``tol`` and 2% below, 1%
        by more than 1e-3, after 46% of the iterations. An iteration costs about half a millisecond
        more, which pays from some thousand rows.
    split_merge : bool or int, default=False
        Whether to try, where EM has converged, to merge two components that share their rows and
        to split one that fits its rows badly (Ueda, Nakano, Ghahramani and Hinton 2000). A move is
        kept where EM then ends higher by more than ``tol``, and moves are tried anew; it ends where
        that many in a row fail, 5 for True. Needs three components. Steps of tries count as
        iterations, with the likelihood of what is kept; ``max_iter`` bounds each try.

    Attributes
    ----------
    weights_ : ndarray of shape (k,)
    means_ : ndarray of shape (k, d)
    covariances_, precisions_, precisions_cholesky_ : ndarray
        Shaped as ``precisions_init``; the precision is U U^T with U upper triangular.
    converged_ : bool
    n_iter_ : int
        Iterations of the start that was kept.
    lower_bound_ : float
        Mean log-likelihood per row at the last E-step, before its M-step; with a prior that plus
        the log density of the prior over the weight of all rows. After ``partial_fit`` the mean
        log-likelihood of the batch.
    lower_bounds_ : list of float
        The same for every iteration.
    prior_ : MixturePrior
        The prior in numbers; only with one.
    posterior_ : MixturePosterior
        What the rows made of it; only with a prior. The parameters are its mode.
    n_samples_seen_ : float
        Rows that the parameters rest on, by their weights.
    n_steps_ : int
        Batches since the last ``fit``; only after ``partial_fit``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X has column names.
    history_ : History
        Record of the fit.

    See Also
    --------
    gibbous.KMeans : hard assignment, the limit of equal, vanishing spherical covariances.
    gibbous.BayesianGaussianMixture : with priors, and no more components than the data need.

    Examples
    --------
    >>> import numpy as np
    >>> from gibbous import GaussianMixture
    >>> X = np.array([[-3.0], [-2.0], [-1.0], [1.0], [2.0], [3.0]])
    >>> gm = GaussianMixture(2, random_state=0).fit(X)
    >>> gm.predict_proba([[0.0]]).round(3)
    array([[0.5, 0.5]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({"full", "tied", "diag", "spherical"})],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [
            StrOptions({"kmeans", "random", "random_from_data", "k-means++", "small-em"})
        ],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state", np.random.Generator, np.random.SeedSequence, random.Key],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "on_collapse": [StrOptions({"raise", "repair"})],
        "prior": [StrOptions({FRALEY_RAFTERY}), MixturePrior, None],
        "learning_decay": [Interval(Real, 0.5, 1.0, closed="right")],
        "learning_offset": [Interval(Real, 0.0, None, closed="left")],
        "acceleration": [StrOptions({"squarem"}), None],
        "split_merge": ["boolean", Interval(Integral, 0, None, closed="left")],
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
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: random.RandomState = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_jobs: int | None = None,
        on_collapse: str = "raise",
        prior: str | MixturePrior | None = None,
        learning_decay: float = 0.7,
        learning_offset: float = 0.0,
        acceleration: str | None = None,
        split_merge: bool | int = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_jobs = n_jobs
        self.on_collapse = on_collapse
        self.prior = prior
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.acceleration = acceleration
        self.split_merge = split_merge

    # ---- fitting -------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        callback: Callback | None = None,
    ) -> GaussianMixture:
        """Fit the mixture to X.

        Parameters
        ----------
        X : array-like of shape (n, d), or a source of blocks
            float32 stays float32; everything else becomes float64. A C-contiguous array is not
            copied. NaN stands for what is missing. Data larger than the memory are read in blocks,
            once per iteration: a ``numpy.memmap``, a list of two-dimensional arrays, an object
            whose ``__iter__`` gives them anew every time, or a function that returns an iterator
            over them. See Notes.
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            How many times each row counts; any non-negative numbers, not all zero. May be a memmap.
        callback : callable, default=None
            Called with a :class:`gibbous.Progress` after every iteration; returning True ends the
            fit.

        Returns
        -------
        self : GaussianMixture

        Raises
        ------
        ValueError
            If X has infinities, a column of nothing but NaN, fewer than two rows or fewer rows than
            components; if a given start has a wrong shape or value; if a component collapses and
            ``on_collapse`` is ``"raise"``.
        KeyboardInterrupt
            On Ctrl-C, within half a second; the model of the last finished iteration is kept.

        Notes
        -----
        Sources of up to 64 MB are read whole and fitted as arrays are. Larger ones reach the
        kernels in blocks of 16 MB, however they were cut: the result is that of memory but for the
        order of additions, and has the same bits for every cut and every ``n_jobs``. A memmap is
        read from its file, so that none of its pages stay in memory, by a thread that is one block
        ahead. Starts are made in a random sample of as many rows as 32 MB hold, 65,536 at most and
        ten per component at least: K-means runs on the sample, and the others take their rows from
        it. In addition to the fit's iterations there is one pass that checks the rows and draws the
        sample, and one each for a start and for defaults of a prior.
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
        given = GivenStart(self.weights_init, self.means_init, self.precisions_init)
        given.check(self.covariance_type, self.n_components, d)
        resume = self.warm_start and (hasattr(self, "converged_") or hasattr(self, "n_steps_"))
        if resume:
            check_resumable(self, d)
        key = None if resume or given.complete else random.key_of(self.random_state)
        em = self._em(expectation_of(data, sample_weight, key, self))
        # the lower bound of partial_fit is that of a batch
        bound = -math.inf if not resume or hasattr(self, "n_steps_") else self.lower_bound_

        def first(em: EM, index: int) -> Parameters:
            if resume:
                return parameters_of(self, data.dtype)
            return self._start(em, given, key, index)

        run = Run(em, self._settings(), first, callback)
        quiet = watches_only(callback) and not self.verbose
        try:
            if quiet and not resume and side_by_side(em, self.n_init):
                run_starts(run, self.n_init)
            else:
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
        tries = DEFAULT_TRIES if self.split_merge is True else int(self.split_merge)
        return Settings(
            type(self).__name__,
            self.max_iter,
            self.n_init,
            self.tol,
            self.verbose,
            self.verbose_interval,
            repairs=self.on_collapse == "repair",
            squarem=self.acceleration == "squarem",
            tries=tries,
        )

    def _em(self, expectation: Expectation, settled: MixturePrior | None = None) -> EM:
        """Return EM on these rows with the current prior."""
        kind, k, threads = self.covariance_type, self.n_components, expectation.threads
        d, dtype = expectation.d, expectation.dtype
        form = Form(kind, k, d, dtype, float(self.reg_covar), threads)
        if self.prior is None:
            return EM(expectation, Likelihood(form))
        prior = resolved(self.prior, kind, k, d, dtype, expectation.moments_of_all, settled)
        if prior.covariances_given:
            form = replace(form, reg_covar=0.0)
        return EM(expectation, MAP(form, prior))

    def _start(self, em: EM, given: GivenStart, key: int | None, index: int) -> Parameters:
        """Return the initial parameters of one start."""
        if key is None:
            return given.parameters(em.kind, em.form.dtype)
        # the first start uses the key itself, so that its K-means is KMeans with the same
        # random_state
        own = random.child(key, "gmm-start", index) if index else key
        found, failed = start(em, self.init_params, own)
        return given.replace(em, found, failed, self.on_collapse == "repair")

    def _keep_fit(self, outcome: Outcome, em: EM, key: int | None) -> None:
        """Store the outcome of a run and its derived attributes."""
        self._keep_outcome(outcome, key, em.threads)
        for name in ("prior_", "posterior_", "_running", "n_samples_seen_", "n_steps_"):
            self.__dict__.pop(name, None)
        self.n_samples_seen_ = em.expectation.rows.mass
        prior, moments = em.maximization.prior, outcome.parameters.moments
        if isinstance(prior, MixturePrior):
            self.prior_ = prior
        if isinstance(prior, MixturePrior) and moments is not None:  # otherwise no step was made
            self.posterior_ = posterior_of(prior, em.kind, moments)
            self._running = Running.of(moments, moments.mass.sum())

    # ---- online EM -----------------------------------------------------------------------------

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> GaussianMixture:
        r"""Learn from one batch, and continue from what was learned before.

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
            check_first_batch(rows.shape[0], self.n_components)
        else:
            check_going_on(self)
            rows = np.ascontiguousarray(rows, self.means_.dtype)
        weight = validate.sample_weights(sample_weight, rows.shape[0], rows.dtype)
        batch = MemoryRows(rows, weight, getattr(self, "feature_names_in_", None))
        threads = validate.n_threads(self.n_jobs)
        # a feature may be missing in a later batch
        expectation = expectation_in_memory(
            batch, weight, self.covariance_type, threads, whole=first
        )
        em = self._em(expectation, getattr(self, "prior_", None))
        seen = batch.mass + (0.0 if first else self.n_samples_seen_)
        if first:
            given = GivenStart(self.weights_init, self.means_init, self.precisions_init)
            given.check(self.covariance_type, self.n_components, batch.d)
            key = None if given.complete else random.key_of(self.random_state)
            old = self._start(em, given, key, 0)
        else:
            old = parameters_of(self, rows.dtype)
        value, moments = em.expect(old, exact=first)
        if first:
            running = Running.of(moments, batch.mass)
        else:
            rate = (seen / batch.mass + self.learning_offset) ** -self.learning_decay
            running = running_of(self).followed_by(moments, batch.mass, rate, em.kind)
        new, running = maximize(em, old, running, self.on_collapse == "repair")
        self._keep(new)
        self._running = running
        self.n_samples_seen_ = seen
        self.n_steps_ = getattr(self, "n_steps_", 0) + 1
        self.lower_bound_ = value
        self._keep_belief(em)
        return self

    def _keep_belief(self, em: EM) -> None:
        """Store the prior of a batch, and the posterior given the running statistics."""
        for name in ("prior_", "posterior_"):
            self.__dict__.pop(name, None)
        prior = em.maximization.prior
        if isinstance(prior, MixturePrior):
            self.prior_ = prior
            self.posterior_ = posterior_of(prior, em.kind, self._running.in_rows())

    # ---- criteria ------------------------------------------------------------------------------

    def bic(self, X: ArrayLike) -> float:
        """Return the Bayesian information criterion on X; lower is better (Schwarz 1978)."""
        return queries.bic(Fitted.of(self), X)

    def aic(self, X: ArrayLike) -> float:
        """Return the Akaike information criterion on X; lower is better (Akaike 1974)."""
        return queries.aic(Fitted.of(self), X)

    def icl(self, X: ArrayLike) -> float:
        r"""Return the integrated completed likelihood on X; lower is better.

        It is the BIC of rows whose components are known, those that are the most probable:
        :math:`\mathrm{ICL} = \mathrm{BIC} - 2 \sum_i \log \max_k r_{ik}` (Biernacki, Celeux and
        Govaert 2000, as in mclust with the sign turned). If components overlap it selects fewer of
        them than :meth:`bic`. Takes blocks of rows, so no memory of n x k.

        Raises
        ------
        ValueError
            If a row is so far from every component that all densities underflow to 0.
        """
        return queries.icl(Fitted.of(self), X)

    def _n_parameters(self) -> int:
        """Return the number of free parameters; the private name is scikit-learn's."""
        return queries.free_parameters(Fitted.of(self))

    # ---- some features -------------------------------------------------------------------------

    def condition(self, on: int | str | Features, values: ArrayLike) -> GaussianMixture:
        """Return the distribution of the other features if some have given values.

        It is a mixture again: each component is conditioned as a Gaussian is, and has its weight
        by how well it explains the values (Bishop 2006, sections 2.3.1 and 9.2).

        Parameters
        ----------
        on : int, str, or sequence of these
            Features whose values are known, by index or name.
        values : float, or array-like of shape (len(on),)
            Their values.

        Returns
        -------
        GaussianMixture
            Fitted, over the other features in their order, with this one's parameters but for
            starts and priors. ``history_`` and the other records of a fit are those of the fit it
            comes from.

        Raises
        ------
        ValueError
            If there is no such feature, none is left, or the values are not finite numbers.

        Notes
        -----
        Takes O(k d^3); O(k d) for diagonal and spherical covariances.
        """
        return derived_mixture(self, conditional.condition(Fitted.of(self), on, values))

    def marginal(self, features: int | str | Features) -> GaussianMixture:
        """Return the distribution of some features, whatever the others are.

        Parameters
        ----------
        features : int, str, or sequence of these
            Features to keep, in this order, by index or name.

        Returns
        -------
        GaussianMixture
            Fitted, with this one's parameters but for starts and priors. ``history_`` and the other
            records of a fit are those of the fit it comes from.

        Raises
        ------
        ValueError
            If there is no such feature, or one is named twice.
        """
        return derived_mixture(self, conditional.marginal(Fitted.of(self), features))


def derived_mixture(source: Any, derived: Derived) -> GaussianMixture:
    """Return a fitted mixture with parameters that were computed from another one's.

    It has the other one's settings, except for starts and priors, which are of all features.
    """
    own: dict[str, Any] = source.get_params(deep=False)
    shared = inspect.signature(GaussianMixture).parameters
    left = [name for name in shared if name in own and not name.endswith("_init")]
    params = {name: own[name] for name in left if name != "prior"}
    model = GaussianMixture(**{**params, "n_components": len(derived.parameters.weights)})
    model._keep(derived.parameters)
    conditional.keep_derived(model, source, derived)
    return model
