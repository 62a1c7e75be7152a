"""Restricted Boltzmann machines for data of two states."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from .._ground import random
from .estimator import BoltzmannMachine
from .inference import likelihood
from .inference.chains import key_for
from .inference.likelihood import Annealing, LogPartition
from .machine.settings import HIDDEN_UNITS
from .units.bernoulli import Bernoulli

Array = NDArray[Any]


@dataclass(eq=False, repr=False, kw_only=True)
class BernoulliRBM(BoltzmannMachine):
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
    hidden_units : {"binary", "relu"}, default "binary"
        "binary": on or off. "relu": stepped sigmoid units (Nair and Hinton 2010), infinitely many
        copies of a unit with biases b - 1/2, b - 3/2 ..., of which the state counts those that are
        on. The paper draws max(0, x + N(0, sigmoid(x))) in its place; here the count itself is
        drawn, so that free energies and likelihoods exist. Wants a smaller ``learning_rate``.
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
    velocity_, fast_ : tuple of ndarray
        The last step (with ``momentum``) and the fast weights (``method="fpcd"``): of the weights,
        the visible and the hidden biases.
    offsets_ : tuple of ndarray
        With ``centered``, the moving averages of the visible and of the hidden units.
    activity_ : ndarray of shape (n_components,)
        With ``sparsity_target``, the moving average of each hidden unit.
    n_iter_ : int
        Epochs that the last :meth:`fit` ran.
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
        **BoltzmannMachine._parameter_constraints,
        "hidden_units": [StrOptions(set(HIDDEN_UNITS))],
        "visible_bias": [StrOptions({"zero", "data"})],
        "binarize": [StrOptions({"sample"}), Interval(Real, None, None, closed="neither"), None],
        "data_max": [Interval(Real, 0, None, closed="neither")],
        "out_of_range": [StrOptions({"raise", "allow"})],
    }

    hidden_units: str = "binary"
    visible_bias: str = "zero"
    binarize: float | str | None = None
    data_max: float = 1.0
    out_of_range: str = "raise"

    def _units(self, *, fitted: bool) -> Bernoulli:
        return Bernoulli(
            self.hidden_units, self.visible_bias, self.binarize, self.data_max, self.out_of_range
        )

    # ---- likelihoods -----------------------------------------------------------------------------

    def log_partition(
        self,
        method: str = "auto",
        *,
        n_chains: int = 100,
        n_betas: int = 14_500,
        betas: ArrayLike | None = None,
        base_rates: ArrayLike | None = None,
        start: Any = None,
        burn_in: int = 1000,
        random_state: random.RandomState = None,
    ) -> LogPartition:
        """Return log Z, the normalising constant of P(v) = exp(-F(v)) / Z.

        Parameters
        ----------
        method : {"auto", "exact", "ais", "reverse_ais"}, default "auto"
            "exact" sums over all states of the smaller layer, which must have 25 units or fewer;
            "ais" is annealed importance sampling (Neal 2001) along the path of Salakhutdinov and
            Murray (2008), from a machine without weights; "reverse_ais" runs the same path
            backward, from samples of the machine. The first is a stochastic lower bound of log Z
            (so that likelihoods come out too high), the second an upper bound where its samples
            are exact: then the truth lies between them. Chains that have not found all modes
            make the second too low instead; a longer ``burn_in`` that moves it shows that.
            "auto" is "exact" where that can be, else "ais".
        n_chains : int, default 100
            Chains of annealed importance sampling, side by side.
        n_betas : int, default 14500
            Steps of the path, at least 3: as many as in the paper, spaced as there.
        betas : array-like of shape (n_steps + 1,), optional
            The path itself, rising from 0 to 1, in the place of ``n_betas``.
        base_rates : array-like of shape (n_features,), optional
            Means of the visible units at beta = 0, for instance those of the training data on the
            scale of states. None takes those of short chains of the machine.
        start : {None, "chains"} or array-like of shape (n_starts, n_features)
            Where "reverse_ais" begins: at the persistent chains of training ("chains"; None too,
            where there are any), or at visible states; used in turn where they are fewer than
            ``n_chains``. Else None begins at random.
        burn_in : int, default 1000
            Gibbs steps of the machine from ``start`` to the beginning of "reverse_ais".
        random_state : None, int, RandomState, Generator or SeedSequence
            None goes on from the machine's own seed, so that every call differs.

        Returns
        -------
        LogPartition
            ``value``, its error and interval, and the weights. ``float()`` of it is the value.

        Raises
        ------
        ValueError
            If "exact" is asked for and both layers have more than 25 units, or a number is out of
            range.
        KeyboardInterrupt
            On Ctrl-C, within half a second.

        Notes
        -----
        A chain and beta cost a step of Gibbs sampling. One seed gives the same bits for any
        ``n_jobs``. Base rates drawn from the machine leave the estimate unbiased, since the
        chains' random numbers are others.
        """
        machine, units, jobs = self._fitted()
        method = likelihood.method_of(machine, units, method)
        if method == "exact":
            return likelihood.exact_log_partition(machine, units, jobs)
        annealing = Annealing(n_chains, n_betas, betas, base_rates, burn_in)
        at = self._checked_start(start if method == "reverse_ais" else None, units)
        seed = key_for(machine, random_state)
        return likelihood.annealed_log_partition(
            machine, units, method, annealing, seed, start=at, jobs=jobs
        )

    def log_likelihood(
        self,
        X: Any,
        method: str = "auto",
        *,
        log_partition: LogPartition | float | None = None,
        **options: Any,
    ) -> Array:
        """Return log P(v) = -F(v) - log Z of every row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States of 0 and 1 (or ``data_max``); with a threshold as ``binarize``, numbers that it
            turns into states. Probabilities have no likelihood under binary units.
        method : {"auto", "exact", "ais", "reverse_ais"}, default "auto"
            How log Z is found: see :meth:`log_partition`. Estimates by "ais" are too high on
            average, by "reverse_ais" too low.
        log_partition : LogPartition or float, optional
            log Z that is known already, in the place of ``method``: its error is the error of the
            mean of what is returned.
        **options
            For :meth:`log_partition`.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats. Rows share the error of log Z.

        Raises
        ------
        ValueError
            If a row of X is not binary, or as :meth:`log_partition`.

        Examples
        --------
        >>> import numpy as np
        >>> from gibbous import BernoulliRBM
        >>> X = np.tile(np.eye(6, dtype=np.uint8), (20, 1))
        >>> model = BernoulliRBM(4, n_iter=5, random_state=0).fit(X)
        >>> log_z = model.log_partition()
        >>> rows = model.log_likelihood(X, log_partition=log_z)
        >>> rows.shape, log_z.bound
        ((120,), 'exact')
        """
        machine, units, jobs = self._fitted()
        X = self._checked(X, units)
        units.refuse_probabilities(X)
        if log_partition is None:
            log_z = self.log_partition(method, **options).value
        elif options:
            raise ValueError(
                f"log_partition is given, so {', '.join(sorted(options))} would not be used; "
                "leave one out"
            )
        else:
            log_z = float(log_partition)
        return np.asarray(-units.free_energy(machine, X, jobs) - log_z)

    # ---- private methods that scikit-learn's class has, too --------------------------------------

    def _free_energy(self, v: Any) -> Array:
        """Return F(v) without the checks of :meth:`free_energy`."""
        machine, units, jobs = self._fitted()
        return np.asarray(units.free_energy(machine, v, jobs))

    def _mean_hiddens(self, v: Any) -> Array:
        """Return P(h = 1 | v) without the checks of :meth:`transform`, as scikit-learn's does."""
        machine, units, jobs = self._fitted()
        one = not sp.issparse(v) and np.ndim(v) == 1
        rows = v if sp.issparse(v) else np.atleast_2d(v)
        dtype = rows.dtype if rows.dtype in (np.float32, np.float64) else np.float64
        h: Array = units.hidden_means(machine, rows, jobs).astype(dtype, copy=False)
        return h[0] if one else h

    def _sample_hiddens(self, v: Any, rng: np.random.RandomState) -> Array:
        """Return a draw from P(h | v), as scikit-learn's method of this name does."""
        p = self._mean_hiddens(v)
        return np.asarray(rng.uniform(size=p.shape) < p)
