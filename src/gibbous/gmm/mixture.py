"""Gaussian mixtures fitted by expectation-maximisation."""

from __future__ import annotations

import math
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from .._fit.history import Callback
from .._ground import random, validate
from .._ground.validate import validate_data
from .._rows.blocks import BlockWeights, MissingEntry, Source, check_finite, is_source
from .em.blocks import BlockEngine
from .em.engine import Engine, Parameters
from .em.given import GivenStart
from .em.missing import engine_of
from .em.missing_blocks import MissingBlockEngine
from .em.run import Run
from .em.side_by_side import run_starts, side_by_side, watches_only
from .online import OnlineMixture
from .prior import FRALEY_RAFTERY, MixturePrior
from .queries import DTYPES


class GaussianMixture(OnlineMixture):
    r"""Gaussian mixture, fitted by expectation-maximisation.

    A mixture says that every row was drawn from one of ``n_components`` Gaussians and that we do
    not see which. The E-step gives each row a responsibility for each component, the posterior
    :math:`r_{ik} \propto w_k N(x_i; \mu_k, \Sigma_k)`; the M-step sets weights, means and
    covariances to the responsibility-weighted moments; no step lowers the likelihood (Dempster,
    Laird and Rubin 1977; Bishop 2006, section 9.2).

    Parameters, attributes and methods are scikit-learn's; ``n_jobs``, ``on_collapse``,
    ``sample_weight``, ``callback`` and ``history_`` are ours. One seed gives the same bits for
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
        Shape of the covariances: one matrix a component, one matrix for all, one variance a
        component and feature, one variance a component.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood a row changes by less.
    reg_covar : float, default=1e-6
        Added to every variance; not where ``prior`` has a part for covariances, which keeps them
        from collapsing.
    max_iter : int, default=100
        Iterations a start at most; 0 keeps the start itself.
    n_init : int, default=1
        Starts; the one with the highest likelihood is kept. They run side by side on data of
        moderate size, unless a callback or printed progress wants them in turn.
    init_params : str, default="kmeans"
        Where responsibilities come from at the start: ``"kmeans"``, ``"k-means++"``, ``"random"``
        or ``"random_from_data"``. ``"small-em"`` runs EM a few steps from ten random starts and
        goes on where it stands highest (Biernacki, Celeux and Govaert 2003).
    weights_init : array-like of shape (k,), default=None
        Weights to start from.
    means_init : array-like of shape (k, d), default=None
        Means to start from.
    precisions_init : array-like, default=None
        Inverse covariances to start from: (k, d, d), (d, d), (k, d) or (k,) by type.
    random_state : None, int, RandomState, Generator or SeedSequence, default=None
        Seed of the starts and of ``sample``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last fit's parameters.
    verbose : int, default=0
        1 prints starts and iterations, 2 also times and changes.
    verbose_interval : int, default=10
        Iterations between two lines.
    n_jobs : int or None, default=None
        Threads; None for what OpenMP and the processors allow, -1 for all processors.
    on_collapse : {"raise", "repair"}, default="raise"
        What to do when a component's covariance stops being positive definite: raise ValueError,
        or move the component to the row that the mixture explains worst and go on; ``"repair"``
        also revives components that lost all their rows. Repairs are listed in ``history_``. A
        tied covariance belongs to no component and cannot be repaired.
    prior : None, "fraley-raftery" or MixturePrior, default=None
        What is believed of the parameters beforehand. With a prior they are the most probable ones
        instead of the likeliest: EM climbs the log-likelihood plus the log density of the prior
        (MAP-EM; Fraley and Raftery 2007), and ``posterior_`` tells how sure they are.
        ``"fraley-raftery"`` is their weak default, under which no component collapses. Rows count
        against the prior by their weight.
    learning_decay : float, default=0.7
        How fast ``partial_fit`` stops forgetting, above .5 up to 1, where it forgets nothing.
    learning_offset : float, default=0.0
        Batches that ``partial_fit`` takes as seen before; more slow down the first steps.
    acceleration : {None, "squarem"}, default=None
        ``"squarem"`` puts jumps between the steps of EM, ahead to where they lead (Varadhan and
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
        Mean log-likelihood a row at the last E-step, before its M-step; with a prior that plus
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # ---- fitting --------------------------------------------------------------------------------

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
            once an iteration: a ``numpy.memmap``, a list of two-dimensional arrays, an object whose
            ``__iter__`` gives them anew every time, or a function that returns an iterator over
            them. See Notes.
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
        ten a component at least: K-means runs on the sample, and the others take their rows from
        it. Beside the fit's iterations there is one pass that checks the rows and draws the sample,
        and one each for a start and for defaults of a prior.
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
            return self._rowwise(data, self._labels)
        return self._labels(data)

    def _fit(
        self, X: Any, sample_weight: ArrayLike | None, callback: Callback | None
    ) -> NDArray[Any] | Source:
        self._validate_params()
        data = self._data(X)
        d, dtype = (data.d, data.dtype) if isinstance(data, Source) else (data.shape[1], data.dtype)
        given = GivenStart(self.weights_init, self.means_init, self.precisions_init)
        given.check(self.covariance_type, self.n_components, d)
        resume = self.warm_start and (hasattr(self, "converged_") or hasattr(self, "n_steps_"))
        if resume:
            self._check_resumable(d)
        key = None if resume or given.complete else random.key_of(self.random_state)
        engine = self._engine(data, sample_weight, key)
        self._settle_prior(engine)
        run = Run(self, engine, key, callback)
        # partial_fit's lower bound is of a batch
        bound = -math.inf if not resume or hasattr(self, "n_steps_") else self.lower_bound_
        try:
            quiet = watches_only(callback) and not self.verbose
            if quiet and not resume and side_by_side(engine, self.n_init):
                run_starts(run, self.n_init, partial(self._climb, given), callback)
                run.finish()
                return data
            for index in range(1 if resume else self.n_init):
                run.begin(index)
                old = self._parameters(dtype) if resume else self._start(run, given, index)
                if not run.climb(old, bound):
                    break
        except KeyboardInterrupt:
            run.interrupt()
            raise
        run.finish()
        return data

    def _data(self, X: Any) -> NDArray[Any] | Source:
        """Return the rows to fit, or where they are read from in blocks."""
        if not is_source(X):
            rows = self._array(X)
        else:
            source = Source.of(X)
            small = source.whole()
            if small is None:
                validate_data(self, source.first, skip_check_array=True)
                return source
            check_finite(small, 0, missing=True)
            rows = self._array(small)
            validate_data(self, source.first, skip_check_array=True)  # which may name the columns
        self._check_enough(rows.shape[0])
        return np.asarray(rows)

    def _array(self, X: Any) -> NDArray[Any]:
        rows: NDArray[Any] = validate_data(
            self,
            X,
            dtype=DTYPES,
            order="C",
            ensure_min_samples=2,
            ensure_all_finite="allow-nan",
        )
        return rows

    def _check_enough(self, n: int) -> None:
        if n < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {n}"
            )

    def _engine(
        self, data: NDArray[Any] | Source, sample_weight: ArrayLike | None, key: int | None
    ) -> Engine:
        """Return what runs EM steps on the data."""
        settings: dict[str, Any] = {
            "covariance_type": self.covariance_type,
            "reg_covar": self.reg_covar,
            "k": self.n_components,
            "threads": validate.n_threads(self.n_jobs),
        }
        if isinstance(data, Source):
            weights = BlockWeights(sample_weight, data.dtype)
            try:
                engine = BlockEngine(data, weights, key=key, **settings)
            except MissingEntry:  # found on the way: from here on, rows with holes are no surprise
                engine = MissingBlockEngine(data, weights, key=key, **settings)
            self._check_enough(engine.n)
            return engine
        weight = validate.sample_weights(sample_weight, data.shape[0], data.dtype)
        return engine_of(data, weight, getattr(self, "feature_names_in_", None), **settings)

    def _climb(self, given: GivenStart, run: Run, index: int) -> None:
        """Climb from one start."""
        run.begin(index)
        run.climb(self._start(run, given, index), -math.inf)

    def _start(self, run: Run, given: GivenStart, index: int) -> Parameters:
        """Return the parameters that one start begins with."""
        engine = run.engine
        if run.key is None:
            return given.parameters(engine.type, engine.dtype)
        # the first start takes the key itself: its K-means is KMeans with the same random_state
        key = random.child(run.key, "gmm-start", index) if index else run.key
        return self._found(engine, given, key)
