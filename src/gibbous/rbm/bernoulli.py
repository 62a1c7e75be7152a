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

    Its energy is E(v, h) = -a.v - b.h - h.W v (Smolensky 1986). Training follows the gradient of
    the likelihood: the statistics of the data minus those of samples of the machine, which Gibbs
    chains estimate: contrastive divergence (Hinton 2002) and its persistent forms. The first five
    parameters, ``random_state`` and the attributes are those of scikit-learn; the others are added.

    Parameters
    ----------
    n_components : int, default 256
        Number of hidden units.
    learning_rate : float, default 0.1
        Step along the mean gradient of a mini-batch.
    batch_size : int, default 10
        Rows per mini-batch. Batches of 100 and more run many times faster.
    n_iter : int, default 10
        Passes over the training data (epochs).
    verbose : int, default 0
        Print the pseudo-likelihood of each epoch.
    random_state : None, int, RandomState, Generator or SeedSequence
        Seed. The results of one seed are bit-identical for any ``n_jobs``.
    hidden_units : {"binary", "relu"}, default "binary"
        "binary": on or off. "relu": stepped sigmoid units (Nair and Hinton 2010), infinitely many
        copies of a unit with biases b - 1/2, b - 3/2 ...; the state is the number of copies that
        are on. The paper draws max(0, x + N(0, sigmoid(x))) instead; here the count itself is
        drawn, so that free energies and likelihoods exist. Needs a smaller ``learning_rate``.
    method : {"pcd", "cd", "fpcd", "pt"}, default "pcd"
        Where the chains of the negative phase come from: "cd", from the data, ``n_gibbs_steps``
        steps each (Hinton 2002); "pcd", persistent chains that are never reset (Tieleman 2008);
        "fpcd", persistent chains that a second, fast set of weights moves (Tieleman and Hinton
        2009); "pt", persistent chains with replicas at ``n_temperatures`` temperatures between 1
        and infinity that are swapped (parallel tempering, Desjardins et al. 2010).
    n_gibbs_steps : int, default 1
        Steps down and up of every chain per mini-batch (k of CD-k and PCD-k).
    n_chains : int, optional
        Persistent chains; None for ``batch_size``.
    n_temperatures : int, default 10
        Replicas per chain, for ``method="pt"``.
    fast_learning_rate : float, optional
        Of the fast weights, for ``method="fpcd"``; None for ``learning_rate``. The fast weights
        decay by 5% per step.
    centered : bool, default False
        Subtract moving averages from the units in the gradient (Montavon and Mueller 2012;
        Melchior, Fischer and Wiskott 2016): better conditioned, and the result does not change
        if zeros and ones are exchanged.
    momentum : float, default 0.0
        Fraction of the last step that is added to the next one.
    l1, l2 : float, default 0.0
        Decay of the weights (not of the biases): the gradient less ``l1 sign(W) + l2 W``.
    sparsity_target : float, optional
        Fraction of the rows for which a hidden unit should be on (Lee, Ekanadham and Ng 2008).
    sparsity_cost : float, default 0.1
        Strength of the penalty for missing ``sparsity_target``.
    learning_rate_schedule : {"constant", "linear", "inverse"} or callable, default "constant"
        "linear": constant for the first half of the epochs, then linearly down to zero;
        "inverse": divided by 1, 2, 3 ...; a function of (epoch from 0, n_iter) returns the factor.
    visible_bias : {"zero", "data"}, default "zero"
        Initial visible biases: "data" for the log odds of the training means, which saves
        the first epochs (Hinton 2010, section 8.1).
    shuffle : bool, default True
        Shuffle the rows in each epoch; otherwise mini-batches follow the order of the rows.
    binarize : None, "sample" or float, default None
        What values between 0 and 1 mean: None for real inputs, as in scikit-learn; "sample" for
        probabilities of states that are drawn anew whenever a row is used; a number for a
        threshold in units of ``data_max`` above which a unit is on. States of 0 and 1 are
        stored as bits and train fastest.
    data_max : float, default 1.0
        The value of a unit that is fully on: 255 for images of bytes, which stay bytes.
    out_of_range : {"raise", "allow"}, default "raise"
        Whether training data outside [0, ``data_max``] raise an error or are used as they are,
        as in scikit-learn, although no such state exists.
    early_stopping : bool, default False
        Stop once the pseudo-likelihood of held-out rows no longer rises: those given to
        :meth:`fit` as ``X_val``, or else ``validation_fraction`` of the rows.
    validation_fraction : float, default 0.1
        Fraction of the rows that ``early_stopping`` holds out.
    n_iter_no_change : int, default 5
        Epochs without an improvement of ``tol`` after which training stops.
    tol : float, default 0.0
        Minimum improvement of the held-out pseudo-likelihood, in nats per row.
    warm_start : bool, default False
        Whether :meth:`fit` continues the last fit for ``n_iter`` further epochs, momentum, chains
        and random numbers included: two fits of five epochs end in the same bits as one of ten.
    dtype : {"float32", "float64"}, default "float32"
        Precision of the parameters and of training.
    n_jobs : int, optional
        Number of threads; None for the number that OpenMP allows, -1 for all processors.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights W, in ``dtype``.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases b.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases a.
    h_samples_ : ndarray of shape (n_chains, n_components)
        States of the persistent chains; with ``method="pt"`` of all replicas, coldest first.
    velocity_, fast_ : tuple of ndarray
        The last step (with ``momentum``) and the fast weights (``method="fpcd"``): of the weights,
        the visible and the hidden biases.
    offsets_ : tuple of ndarray
        With ``centered``, the moving averages of the visible and of the hidden units.
    activity_ : ndarray of shape (n_components,)
        With ``sparsity_target``, the moving average of each hidden unit.
    n_iter_ : int
        Number of epochs of the last :meth:`fit`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, if X had column names
    history_ : History
        Mean pseudo-likelihood per row, on at most 1000 rows of the training data, and seconds
        of each epoch.
    validation_scores_, free_energy_gap_ : list of float
        With held-out rows: their pseudo-likelihood after each epoch, and how much higher their
        mean free energy is than that of training rows (a growing gap indicates overfitting:
        Hinton 2010, section 6).
    machine_ : Machine
        The parameters and the state of training, whose arrays the attributes above are.

    Notes
    -----
    An epoch takes (3 + 2 k) n_samples n_features n_components additions for ``n_gibbs_steps=k``;
    a quarter of them if states are bits, which are looked up four at a time.
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
        """Return log Z, the normalizing constant of P(v) = exp(-F(v)) / Z.

        Parameters
        ----------
        method : {"auto", "exact", "ais", "reverse_ais"}, default "auto"
            "exact" sums over all states of the smaller layer, which must have 25 units or fewer;
            "ais" is annealed importance sampling (Neal 2001) along the path of Salakhutdinov and
            Murray (2008), from a machine without weights; "reverse_ais" runs the same path
            backward, from samples of the machine. The first is a stochastic lower bound of log Z
            (so that likelihoods are overestimated), the second an upper bound if its samples
            are exact: then log Z is between them. Chains that have not found all modes
            make the second too low instead, which shows if a longer ``burn_in`` changes it.
            "auto" is "exact" if that is possible, else "ais".
        n_chains : int, default 100
            Chains of annealed importance sampling, side by side.
        n_betas : int, default 14500
            Steps of the path, at least 3: as many as in the paper, spaced as there.
        betas : array-like of shape (n_steps + 1,), optional
            The path itself, increasing from 0 to 1, instead of ``n_betas``.
        base_rates : array-like of shape (n_features,), optional
            Means of the visible units at beta = 0, for instance those of the training data on the
            scale of states. None uses those of short chains of the machine.
        start : {None, "chains"} or array-like of shape (n_starts, n_features)
            Where "reverse_ais" starts: at the persistent chains of training ("chains"; also None,
            if the machine has any), or at visible states; they are reused if they are fewer than
            ``n_chains``. Otherwise None starts at random.
        burn_in : int, default 1000
            Gibbs steps from ``start`` to the first step of "reverse_ais".
        random_state : None, int, RandomState, Generator or SeedSequence
            None continues from the machine's own seed, so that every call differs.

        Returns
        -------
        LogPartition
            ``value``, its error and interval, and the weights. ``float()`` of it is the value.

        Raises
        ------
        ValueError
            If both layers have more than 25 units with "exact", or a number is out of range.
        KeyboardInterrupt
            On Ctrl-C, within half a second.

        Notes
        -----
        Each chain and beta costs one step of Gibbs sampling. The results of one seed are
        bit-identical for any ``n_jobs``. Base rates drawn from the machine leave the estimate
        unbiased, since the chains use other random numbers.
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
            converts to states. Probabilities have no likelihood under binary units.
        method : {"auto", "exact", "ais", "reverse_ais"}, default "auto"
            How log Z is computed: see :meth:`log_partition`. Estimates by "ais" are too high on
            average, by "reverse_ais" too low.
        log_partition : LogPartition or float, optional
            log Z if it is already known, instead of ``method``: its error is the error of the
            mean of the result.
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
        """Return P(h = 1 | v) without the checks of :meth:`transform`, as in scikit-learn."""
        machine, units, jobs = self._fitted()
        one = not sp.issparse(v) and np.ndim(v) == 1
        rows = v if sp.issparse(v) else np.atleast_2d(v)
        dtype = rows.dtype if rows.dtype in (np.float32, np.float64) else np.float64
        h: Array = units.hidden_means(machine, rows, jobs).astype(dtype, copy=False)
        return h[0] if one else h

    def _sample_hiddens(self, v: Any, rng: np.random.RandomState) -> Array:
        """Return a draw from P(h | v), like scikit-learn's method of this name."""
        p = self._mean_hiddens(v)
        return np.asarray(rng.uniform(size=p.shape) < p)
