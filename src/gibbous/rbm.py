"""Restricted Boltzmann machines: what is seen is explained by hidden units that are on or off."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from . import _random, _validate
from ._fit import Callback
from .rbm_likelihood import Likelihood
from .rbm_machine import METHODS
from .rbm_run import Run, Watched

Array = NDArray[Any]


class BernoulliRBM(
    Likelihood,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Restricted Boltzmann machine with units of two states, in native code.

    Its energy is E(v, h) = -a.v - b.h - h.W v (Smolensky 1986). Training climbs the likelihood of
    the data along (what the data show) - (what the machine dreams), the second part estimated by
    Gibbs chains: contrastive divergence (Hinton 2002) and its persistent forms. The first five
    parameters, ``random_state`` and the attributes are scikit-learn's; the rest is added.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    learning_rate : float, default 0.1
        Step along the mean gradient of a mini-batch.
    batch_size : int, default 10
        Rows of a mini-batch. Batches of 100 and more run many times faster.
    n_iter : int, default 10
        Passes over the training data (epochs).
    verbose : int, default 0
        Print the pseudo-likelihood of each epoch.
    random_state : None, int, RandomState, Generator or SeedSequence
        Seed. One seed gives the same bits for any ``n_jobs``.
    method : {"pcd", "cd", "fpcd", "pt"}, default "pcd"
        Where the chains of the negative phase come from: "cd", from the data, ``n_gibbs_steps``
        steps each (Hinton 2002); "pcd", persistent chains that are never reset (Tieleman 2008);
        "fpcd", persistent chains moved on by a second, fast set of weights (Tieleman and Hinton
        2009); "pt", persistent chains with replicas at ``n_temperatures`` temperatures between 1
        and infinity that change places (Desjardins et al. 2010).
    n_gibbs_steps : int, default 1
        Steps down and up of every chain for a mini-batch (k of CD-k and PCD-k).
    n_chains : int, optional
        Persistent chains; None for ``batch_size``.
    n_temperatures : int, default 10
        Replicas of a chain, for ``method="pt"``.
    fast_learning_rate : float, optional
        Of the fast weights, for ``method="fpcd"``; None for ``learning_rate``. The fast weights
        shrink by 5% a step.
    centered : bool, default False
        Subtract moving averages from the units in the gradient (Montavon and Mueller 2012;
        Melchior, Fischer and Wiskott 2016): better conditioned, and the result does not change
        when the data are turned black for white.
    momentum : float, default 0.0
        Share of the last step that is added to the next one.
    l1, l2 : float, default 0.0
        Decay of the weights (not of the biases): the gradient less ``l1 sign(W) + l2 W``.
    sparsity_target : float, optional
        Share of rows for which a hidden unit should be on (Lee, Ekanadham and Ng 2008).
    sparsity_cost : float, default 0.1
        Strength of the pull to ``sparsity_target``.
    learning_rate_schedule : {"constant", "linear", "inverse"} or callable, default "constant"
        "linear": held for the first half of the epochs, then down to zero in a line; "inverse":
        divided by 1, 2, 3 ...; a function of (epoch from 0, n_iter): the factor.
    visible_bias : {"zero", "data"}, default "zero"
        Start of the visible biases: "data" for the log odds of the training means, which spares
        the first epochs (Hinton 2010, section 8.1).
    shuffle : bool, default True
        Draw the mini-batches in a new order each epoch; otherwise in the order of the rows.
    binarize : None, "sample" or float, default None
        What values between 0 and 1 mean: None for real inputs, as in scikit-learn; "sample" for
        probabilities of states that are drawn anew whenever a row is used; a number for a
        threshold in units of ``data_max`` above which a unit is on. States of 0 and 1 are
        kept as bits and train fastest.
    data_max : float, default 1.0
        The value of a unit that is fully on: 255 for images of bytes, which stay bytes.
    out_of_range : {"raise", "allow"}, default "raise"
        Whether training data outside [0, ``data_max``] are an error, or used as they are, as
        scikit-learn does, although no such state exists.
    early_stopping : bool, default False
        Stop once the pseudo-likelihood of held-out rows no longer rises: those given to
        :meth:`fit` as ``X_val``, or else ``validation_fraction`` of the rows.
    validation_fraction : float, default 0.1
        Share of the rows held out where ``early_stopping`` asks for it.
    n_iter_no_change : int, default 5
        Epochs without a rise of ``tol`` after which to stop.
    tol : float, default 0.0
        Least rise of the held-out pseudo-likelihood, in nats a row.
    warm_start : bool, default False
        Whether :meth:`fit` goes on from the last fit for ``n_iter`` epochs more, momentum, chains
        and random numbers included: two fits of five epochs end in the same bits as one of ten.
    dtype : {"float32", "float64"}, default "float32"
        Precision of the parameters and of training.
    n_jobs : int, optional
        Threads; None for what OpenMP allows, -1 for all processors.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights W, in ``dtype``.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases b.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases a.
    h_samples_ : ndarray of shape (n_chains, n_components)
        States of the persistent chains; with ``method="pt"`` of all replicas, the coldest first.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where X had column names
    history_ : History
        Mean pseudo-likelihood of a row, on at most 1000 rows of the training data, and seconds
        of each epoch.
    validation_scores_, free_energy_gap_ : list of float
        Where there are held-out rows: their pseudo-likelihood after each epoch, and how much
        higher their mean free energy is than that of training rows (a gap that grows is
        overfitting: Hinton 2010, section 6).

    Notes
    -----
    An epoch takes (3 + 2 k) n_samples n_features n_components additions for ``n_gibbs_steps=k``;
    a quarter of them where states are bits, which are looked up four at a time.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "method": [StrOptions(set(METHODS))],
        "n_gibbs_steps": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left"), None],
        "n_temperatures": [Interval(Integral, 2, None, closed="left")],
        "fast_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "centered": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither"), None],
        "sparsity_cost": [Interval(Real, 0, None, closed="left")],
        "learning_rate_schedule": [StrOptions({"constant", "linear", "inverse"}), callable],
        "visible_bias": [StrOptions({"zero", "data"})],
        "shuffle": ["boolean"],
        "binarize": [StrOptions({"sample"}), Interval(Real, None, None, closed="neither"), None],
        "data_max": [Interval(Real, 0, None, closed="neither")],
        "out_of_range": [StrOptions({"raise", "allow"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "dtype": [StrOptions({"float32", "float64"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: Any = 0,
        random_state: _random.RandomState = None,
        method: str = "pcd",
        n_gibbs_steps: int = 1,
        n_chains: int | None = None,
        n_temperatures: int = 10,
        fast_learning_rate: float | None = None,
        centered: bool = False,
        momentum: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        sparsity_target: float | None = None,
        sparsity_cost: float = 0.1,
        learning_rate_schedule: str | Callable[[int, int], float] = "constant",
        visible_bias: str = "zero",
        shuffle: bool = True,
        binarize: float | str | None = None,
        data_max: float = 1.0,
        out_of_range: str = "raise",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 0.0,
        warm_start: bool = False,
        dtype: str = "float32",
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.method = method
        self.n_gibbs_steps = n_gibbs_steps
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
        self.fast_learning_rate = fast_learning_rate
        self.centered = centered
        self.momentum = momentum
        self.l1 = l1
        self.l2 = l2
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.learning_rate_schedule = learning_rate_schedule
        self.visible_bias = visible_bias
        self.shuffle = shuffle
        self.binarize = binarize
        self.data_max = data_max
        self.out_of_range = out_of_range
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.dtype = dtype
        self.n_jobs = n_jobs

    # ---- fitting ---------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        callback: Callback | None = None,
    ) -> BernoulliRBM:
        """Fit the machine, anew or with ``warm_start`` from where it stands.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States, or numbers in [0, ``data_max``]. Bytes, bits and sparse rows are kept as such
            and widened a mini-batch at a time.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in the gradient.
        X_val : {array-like, sparse matrix} of shape (n_held_out, n_features), optional
            Rows to watch and not to learn from.
        callback : callable, optional
            Called with a :class:`~gibbous.Progress` after every epoch; returning True stops.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is empty, not finite or out of range, or has a wrong shape.
        Diverged
            If training runs away; the parameters of the last good epoch are kept.
        KeyboardInterrupt
            On Ctrl-C, with the parameters of the last finished epoch kept.
        """
        self._threads = _validate.n_threads(self.n_jobs)
        first = not (self.warm_start and hasattr(self, "components_"))
        X = self._checked(X, reset=first, training=True)
        weight = _validate.sample_weights(sample_weight, X.shape[0], np.float64)
        if X_val is not None:
            X_val = self._checked(X_val, reset=False, training=True)
        if first:
            self._key = _random.key_of(self.random_state)
        if X_val is None and self.early_stopping:
            X, weight, X_val = self._hold_out(X, weight)
        if first:
            self._start(X, weight)
        else:
            self._go_on(X, weight)
        watched = Watched.of(X, X_val, _random.child(self._key, "rbm-watched"))
        Run(self, self._rows(X, weight), watched, callback).epochs()
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> BernoulliRBM:
        """Take one gradient step on the rows of X as one mini-batch.

        Goes on where the last call or :meth:`fit` stopped: momentum, chains and random numbers
        included. What other parameters need that were set since then begins now: chains for
        another ``method``, say.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        first = not hasattr(self, "components_")
        self._threads = _validate.n_threads(self.n_jobs)
        X = self._checked(X, reset=first, training=True)
        weight = _validate.sample_weights(sample_weight, X.shape[0], np.float64)
        if first:
            self._key = _random.key_of(self.random_state)
            self._start(X, weight)
        else:
            self._go_on(X, weight)
        kept = self._snapshot()
        order = np.arange(X.shape[0], dtype=np.int64)
        self._train(self._rows(X, weight), order, X.shape[0], self.learning_rate)
        if not self._is_finite():
            self._restore(kept)
            raise ValueError(
                f"learning_rate={self.learning_rate:g} makes training diverge; the parameters "
                "before this batch are kept. Give a smaller learning_rate"
            )
        return self

    def _hold_out(self, X: Any, weight: Array | None) -> tuple[Any, Array | None, Any]:
        n = X.shape[0]
        held = max(1, round(n * self.validation_fraction))
        if held >= n:
            raise ValueError(
                f"validation_fraction={self.validation_fraction:g} of {n} rows leaves none to "
                "train on; give more rows, or X_val"
            )
        order = _random.generator(self._key, "rbm-held-out").permutation(n)
        kept, out = np.sort(order[held:]), np.sort(order[:held])
        return X[kept], None if weight is None else weight[kept], X[out]

    # ---- looking at data -------------------------------------------------------------------------

    def transform(self, X: Any) -> Array:
        """Return the hidden units' probabilities P(h = 1 | v).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of X where that is float32 or float64, else float64.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
        return self._hidden(X).astype(dtype, copy=False)

    def _mean_hiddens(self, v: Any) -> Array:
        """Return P(h = 1 | v) without the checks of :meth:`transform`, as scikit-learn's does."""
        one = not sp.issparse(v) and np.ndim(v) == 1
        rows = v if sp.issparse(v) else np.atleast_2d(v)
        dtype = rows.dtype if rows.dtype in (np.float32, np.float64) else np.float64
        h = self._hidden(rows).astype(dtype, copy=False)
        return h[0] if one else h

    def _sample_hiddens(self, v: Any, rng: np.random.RandomState) -> Array:
        """Return a draw from P(h | v), as scikit-learn's method of this name does."""
        p = self._mean_hiddens(v)
        return np.asarray(rng.uniform(size=p.shape) < p)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
