"""What all estimators of Boltzmann machines share: parameters, and methods that delegate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

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

from .._fit.history import Callback, History
from .._ground import random, validate
from .._ground.validate import validate_data
from .inference import chains
from .machine.data import Data
from .machine.machine import Machine
from .machine.run import METRIC, Outcome, train
from .machine.settings import METHODS, Settings
from .machine.training import resume, start, step
from .machine.units import Flips, Units

Array = NDArray[Any]
S = TypeVar("S", bound="BoltzmannMachine")


def of_machine(field: str, doc: str, part: str = "") -> Any:
    """Return a property that is a field of the estimator's machine, or part of a dict there."""

    def get(self: Any) -> Any:
        machine = vars(self).get("machine_")
        value = None if machine is None else getattr(machine, field)
        if part and value is not None:
            value = value.get(part)
        if value is None or (isinstance(value, np.ndarray) and value.size == 0):
            raise AttributeError(f"this {type(self).__name__} has no {field}")
        return value

    def put(self: Any, value: Any) -> None:
        machine = vars(self).setdefault("machine_", Machine())
        if part:
            getattr(machine, field)[part] = value
        else:
            setattr(machine, field, value)

    return property(get, put, doc=doc)


@dataclass(eq=False, repr=False)
class BoltzmannMachine(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Parameters and methods of an estimator; :class:`BernoulliRBM` describes each parameter.

    A data class, so that estimators share parameters and scikit-learn still finds each of them in
    the signature of the constructor. The estimator owns a :class:`Machine`, ``machine_``, and
    makes :class:`Units` from its parameters and what it measured, ``units_``.
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
        "shuffle": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "dtype": [StrOptions({"float32", "float64"})],
        "n_jobs": [Integral, None],
    }

    n_components: int = 256
    _: KW_ONLY
    learning_rate: float = 0.1
    batch_size: int = 10
    n_iter: int = 10
    verbose: Any = 0
    random_state: random.RandomState = None
    method: str = "pcd"
    n_gibbs_steps: int = 1
    n_chains: int | None = None
    n_temperatures: int = 10
    fast_learning_rate: float | None = None
    centered: bool = False
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    sparsity_target: float | None = None
    sparsity_cost: float = 0.1
    learning_rate_schedule: str | Callable[[int, int], float] = "constant"
    shuffle: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 5
    tol: float = 0.0
    warm_start: bool = False
    dtype: str = "float32"
    n_jobs: int | None = None

    components_ = of_machine("weights", "Weights W.")
    intercept_visible_ = of_machine("visible", "Biases a of the visible units.")
    intercept_hidden_ = of_machine("hidden", "Biases b of the hidden units.")
    velocity_ = of_machine("velocity", "The last step: weights, visible and hidden biases.")
    fast_ = of_machine("fast", "The fast weights, visible and hidden biases.")
    offsets_ = of_machine("offsets", "Moving averages of the visible and hidden units.")
    activity_ = of_machine("activity", "Moving average of each hidden unit.")
    h_samples_ = of_machine("chains", "Hidden states of the persistent chains.")

    # ---- parts -----------------------------------------------------------------------------------

    def _units(self, *, fitted: bool) -> Units:
        """Return the kind of visible units: as measured, or before any data."""
        raise TypeError(f"{type(self).__name__} has no units")

    def _keep(self, units: Any) -> None:
        """Store what the units measured on the training data as attributes."""

    @property
    def units_(self) -> Any:
        """The kind of visible units, with the present parameters and what was measured."""
        return self._units(fitted=True)

    def _fitted(self) -> tuple[Machine, Any, int]:
        """Return the machine, its units and the threads for a query of a fitted machine."""
        check_is_fitted(self)
        machine = self.machine_
        if machine.key is None:  # manually set parameters
            machine.key = random.key_of(self.random_state)
        return machine, self.units_, validate.n_threads(self.n_jobs)

    def _checked(self, X: Any, units: Units, *, reset: bool = False, training: bool = False) -> Any:
        X = validate_data(self, X, reset=reset, **units.accepts)
        return units.checked(X, type(self).__name__, training=training)

    def _checked_start(self, start: Any, units: Units) -> chains.Start:
        at = start if start is None or isinstance(start, str) else self._checked(start, units)
        return chains.Start(at, self.n_chains or self.batch_size)

    def _flips(self, machine: Machine, n: int | None = 1) -> Flips:
        """Return the random source of the variables of an estimate: the same in every call."""
        seed = self.random_state
        key = random.key_of(seed) if isinstance(seed, Integral) else machine.key
        return Flips(key or 0, n)

    # ---- fitting ---------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self: S,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        callback: Callback | None = None,
    ) -> S:
        """Fit the machine anew, or with ``warm_start`` continue its training.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Values that the visible units can take; for units of two states, states or numbers in
            [0, ``data_max``], where bytes, bits and sparse rows are stored as such and converted a
            mini-batch at a time.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in the gradient.
        X_val : {array-like, sparse matrix} of shape (n_held_out, n_features), optional
            Rows to monitor that are not used for training.
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
            If training diverges; the parameters of the last good epoch are kept.
        KeyboardInterrupt
            On Ctrl-C, with the parameters of the last finished epoch kept.
        """
        jobs = validate.n_threads(self.n_jobs)
        first = not (self.warm_start and hasattr(self, "components_"))
        units = self._units(fitted=not first)
        X = self._checked(X, units, reset=first, training=True)
        units = units.for_columns(X) if first else units
        if X_val is not None:
            X_val = self._checked(X_val, units, training=True)
        self._train(units, Data(X, X_val=X_val), sample_weight, first, jobs, callback)
        return self

    def _train(
        self,
        units: Units,
        data: Data,
        sample_weight: Any,
        first: bool,
        jobs: int,
        callback: Callback | None,
    ) -> None:
        """Train on validated rows."""
        settings = Settings.of(self)
        data = self._weighted(data, sample_weight)
        key = random.key_of(self.random_state) if first else self._fitted()[0].key or 0
        if data.X_val is None and self.early_stopping:
            data = data.held_out(self.validation_fraction, key)
        units = self._begin(units, settings, data, key if first else None)
        machine = self.machine_
        outcome = train(
            machine,
            units,
            data,
            settings,
            jobs=jobs,
            name=type(self).__name__,
            callback=callback,
            score_key=self._flips(machine).key,
        )
        self._store(outcome, jobs)

    def _weighted(self, data: Data, sample_weight: Any) -> Data:
        weight = validate.sample_weights(sample_weight, data.X.shape[0], np.float64)
        return Data(data.X, weight, data.X_val)

    def _begin(self, units: Units, settings: Settings, data: Data, key: int | None) -> Units:
        """Initialize a machine with a key, or prepare the current one to continue without."""
        if key is None:
            resume(self.machine_, units, settings, data)
        else:
            machine, units = start(units, settings, data, key)
            self.machine_: Machine = machine
            self._n_features_out = machine.n_hidden
            self._keep(units)
        return units

    def _store(self, outcome: Outcome, jobs: int) -> None:
        """Store the history of a run, and raise its error."""
        self.n_iter_ = outcome.n_iter
        self.history_ = History.of(
            type(self).__name__,
            METRIC,
            [outcome.trace],
            0,
            seed=self.machine_.key,
            n_threads=jobs,
        )
        self.validation_scores_ = outcome.validation_scores
        self.free_energy_gap_ = outcome.free_energy_gap
        if outcome.error is not None:
            raise outcome.error

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self: S, X: Any, y: Any = None, sample_weight: Any = None) -> S:
        """Take one gradient step on the rows of X as one mini-batch.

        Continues after the last call or :meth:`fit`: momentum, chains and random numbers
        included. State that parameters set since then require starts now: chains for another
        ``method``, for example.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is not finite or out of range, or has a wrong shape.
        Diverged
            If the step makes training diverge; the parameters before it are kept.
        KeyboardInterrupt
            On Ctrl-C, with the parameters before the step kept.
        """
        first = not hasattr(self, "components_")
        jobs = validate.n_threads(self.n_jobs)
        units = self._units(fitted=not first)
        X = self._checked(X, units, reset=first, training=True)
        self._step(units.for_columns(X) if first else units, X, sample_weight, first, jobs)
        return self

    def _step(self, units: Units, X: Any, sample_weight: Any, first: bool, jobs: int) -> None:
        """Make a gradient step on validated rows."""
        settings = Settings.of(self)
        data = self._weighted(Data(X), sample_weight)
        if not first:
            self._fitted()
        key = random.key_of(self.random_state) if first else None
        units = self._begin(units, settings, data, key)
        step(self.machine_, units, data, settings, self._flips(self.machine_), jobs)

    # ---- hidden units and scores -----------------------------------------------------------------

    def transform(self, X: Any) -> Array:
        """Return the means of the hidden units, E(h | v): probabilities, for units of two states.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of X if that is float32 or float64, else float64.
        """
        machine, units, jobs = self._fitted()
        X = self._checked(X, units)
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
        found: Array = units.hidden_means(machine, X, jobs)
        return found.astype(dtype, copy=False)

    def free_energy(self, X: Any) -> Array:
        """Return F(v) = -a.v - sum_j log(1 + exp(b_j + W_j v)), so that P(v) = exp(-F(v)) / Z.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats.
        """
        machine, units, jobs = self._fitted()
        found: Array = units.free_energy(machine, self._checked(X, units), jobs)
        return found

    def score_samples(self, X: Any) -> Array:
        """Return a stochastic estimate of the log pseudo-likelihood, as scikit-learn's does.

        One unit of every row is flipped, drawn by ``random_state``, the same in every call. See
        :meth:`pseudo_likelihood` for more units and for the exact value. The scale is that of a
        log-likelihood: a sum over the units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States of 0 and 1 (not checked).

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats per row.
        """
        return self.pseudo_likelihood(X)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of :meth:`score_samples`, higher is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        """
        return float(self.score_samples(X).mean())

    def pseudo_likelihood(
        self, X: Any, *, n_flips: int | None = 1, per_feature: bool = False
    ) -> Array:
        """Return the log pseudo-likelihood sum_i log P(v_i | all others) (Besag 1975).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            States of 0 and 1.
        n_flips : int or None, default 1
            Units of every row that are flipped, drawn without repeats: the estimate is
            unbiased for any number. None for all of them: exact, ``n_features`` times the work.
        per_feature : bool, default False
            Divide by the number of features, so that machines of different widths compare.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats per row, or per row and feature.
        """
        machine, units, jobs = self._fitted()
        X = self._checked(X, units)
        found: Array = units.pseudo_likelihood(machine, X, self._flips(machine, n_flips), jobs)
        return np.asarray(found / units.sizes(X)) if per_feature else found

    # ---- chains ----------------------------------------------------------------------------------

    def gibbs(self, v: Any) -> Array:
        """Run one Gibbs step from v: up to the hidden units and down again.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of bool, shape (n_samples, n_features)
            Each call draws anew; the calls of a fitted machine are a function of its seed.
        """
        machine, units, jobs = self._fitted()
        one = not sp.issparse(v) and np.ndim(v) == 1
        X = self._checked(np.atleast_2d(v) if one else v, units)
        out = chains.gibbs_step(machine, units, X, jobs)
        return out[0] if one else out

    def sample(
        self,
        n_samples: int = 1,
        *,
        burn_in: int = 1000,
        thin: int = 1,
        n_chains: int | None = None,
        start: Any = None,
        means: bool = False,
        random_state: random.RandomState = None,
    ) -> Array:
        """Draw visible states from the machine by block Gibbs sampling.

        Parameters
        ----------
        n_samples : int, default 1
            Rows to draw.
        burn_in : int, default 1000
            Steps before the first row is taken.
        thin : int, default 1
            Steps from one row of a chain to the next.
        n_chains : int, optional
            Chains side by side, each of which gives ``n_samples / n_chains`` rows, rounded up;
            None for one per row.
        start : {None, "chains"} or array-like of shape (n_chains, n_features)
            Where the chains start: at the visible means without hidden evidence (None), at the
            persistent chains of training ("chains"), or at given visible states, for example the
            last rows of an earlier call, whose chains then continue.
        means : bool, default False
            Return the probabilities of the last step down instead of its states.
        random_state : None, int, RandomState, Generator or SeedSequence
            None continues from the machine's own seed, so that every call differs.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            States 0 and 1, or probabilities; rows of one chain are ``n_chains`` apart.

        Raises
        ------
        ValueError
            If a number is out of range or ``start`` does not fit.
        """
        machine, units, jobs = self._fitted()
        sampling = chains.Sampling(n_samples, burn_in, thin, n_chains, means)
        at = self._checked_start(start, units)
        seed = chains.key_for(machine, random_state)
        found = chains.sample(machine, units, sampling, seed, start=at, jobs=jobs)
        return np.asarray(units.restored_means(found) if means else units.restored(found))

    def reconstruct(self, X: Any, *, n_steps: int = 1) -> Array:
        """Return the reconstruction of X: up and down again, by means and not by draws.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_steps : int, default 1
            Times up and down, each from the means of the one before (mean field).

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Probabilities of the visible units.
        """
        machine, units, jobs = self._fitted()
        return chains.reconstruct(machine, units, self._checked(X, units), n_steps, jobs)

    def reconstruction_error(self, X: Any) -> Array:
        """Return the squared error of :meth:`reconstruct`, summed over the features of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,)
        """
        machine, units, jobs = self._fitted()
        X = self._checked(X, units)
        away = units.residuals(X, chains.reconstruct(machine, units, X, 1, jobs))
        return np.asarray((away**2).sum(axis=1))

    def impute(
        self,
        X: Any,
        *,
        n_steps: int = 500,
        n_average: int = 100,
        random_state: random.RandomState = None,
    ) -> Array:
        """Fill in missing entries: clamp what is known, sample the rest, average its means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States of 0 and 1 in units of ``data_max``; NaN for missing units. Known values
            between them are rounded to a state.
        n_steps : int, default 500
            Gibbs steps of burn-in.
        n_average : int, default 100
            Steps after these whose means are averaged.
        random_state : None, int, RandomState, Generator or SeedSequence
            None continues from the machine's own seed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            X with every NaN replaced by the probability that the unit is on, given those known,
            in units of ``data_max``.

        Raises
        ------
        ValueError
            If a known value is out of range, or a number of steps.
        """
        return self._imputed(X, chains.Averaging(n_steps, n_average), random_state)

    def _imputed(
        self, X: Any, averaging: chains.Averaging, random_state: random.RandomState, **known: Any
    ) -> Array:
        """Return X with missing entries imputed; ``known`` is for :meth:`Units.clamp`."""
        machine, units, jobs = self._fitted()
        accepts = {**units.accepts_missing, "ensure_all_finite": "allow-nan"}
        X = validate_data(self, X, reset=False, **accepts)
        clamp = units.clamp(X, type(self).__name__, **known)
        seed = chains.key_for(machine, random_state)
        means = chains.impute(machine, units, clamp, averaging, seed, jobs)
        filled: Array = units.filled(X, means)
        return filled

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
