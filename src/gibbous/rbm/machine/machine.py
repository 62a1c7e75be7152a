"""The parameters of a Boltzmann machine and all that training keeps beside them."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..._fit.history import History
from ..._ground import random, validate
from ..._ground.isa import core
from ..._ground.validate import validate_data
from .rows import check_range, rows_of

Array = NDArray[Any]

#: Numbers of the methods in the core.
METHODS = {"cd": 0, "pcd": 1, "fpcd": 2, "pt": 3}

#: Numbers of the hidden units in the core.
HIDDEN_UNITS = {"binary": 0, "relu": 1}

#: Additions of one of many passes, as over a mini-batch, that one thread makes alone: tens of
#: microseconds of them.
LITTLE_BATCH = 1 << 20

#: What training keeps beside the parameters, where it needs it.
_STATE = ("velocity_", "fast_", "offsets_", "activity_", "h_samples_")


def _writable(value: Any) -> Any:
    """Return arrays that can be written to, copied where they cannot; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(map(_writable, value))
    return value.copy() if isinstance(value, np.ndarray) and not value.flags.writeable else value


class Machine:
    """Starts, moves, copies and checks the arrays of a machine.

    The visible units here are of two states; machines of other units say what differs.
    """

    #: Rows whose pseudo-likelihood is watched: enough for two digits, and cheap.
    _watched_rows: ClassVar[int] = 1000

    components_: Array
    intercept_hidden_: Array
    intercept_visible_: Array
    h_samples_: Array
    history_: History
    n_iter_: int
    validation_scores_: list[float]
    free_energy_gap_: list[float]
    n_features_in_: int
    _threads: int
    # Of a machine whose weights were set by hand, too: nothing has been drawn yet.
    _n_steps: int = 0
    _n_epochs: int = 0
    _n_gibbs: int = 0

    if TYPE_CHECKING:  # parameters of the estimators
        n_components: int
        hidden_units: str
        learning_rate: float
        batch_size: int
        method: str
        n_gibbs_steps: int
        n_chains: int | None
        n_temperatures: int
        fast_learning_rate: float | None
        centered: bool
        momentum: float
        l1: float
        l2: float
        sparsity_target: float | None
        sparsity_cost: float
        visible_bias: str
        binarize: float | str | None
        data_max: float
        dtype: str
        out_of_range: str
        random_state: Any
        n_jobs: int | None
        n_iter: int
        verbose: Any
        shuffle: bool
        learning_rate_schedule: str | Callable[[int, int], float]
        early_stopping: bool
        n_iter_no_change: int
        tol: float

    def _start(self, X: Any, weight: Array | None) -> None:
        """Set small random weights, biases and the state of training."""
        for name in _STATE:
            self.__dict__.pop(name, None)
        d, k, dtype = self._begin(X, weight), self.n_components, self.dtype
        rng = random.generator(self._key, "rbm-start")
        self.components_ = rng.normal(0.0, 0.01, (k, d)).astype(dtype)
        self.intercept_hidden_ = np.zeros(k, dtype)
        self._n_features_out = k
        self.intercept_visible_ = self._first_bias(X, weight).astype(dtype)
        self._n_steps = 0
        self._n_epochs = 0
        self._n_gibbs = 0
        self._set_state(X, weight)

    def _begin(self, X: Any, weight: Array | None) -> int:
        """Take from the data what the units are, and return how many visible ones there are."""
        return int(X.shape[1])

    def _first_bias(self, X: Any, weight: Array | None) -> Array:
        if self.visible_bias == "zero":
            return np.zeros(self.components_.shape[1])
        p = np.clip(self._means(X, weight), 1e-3, 1 - 1e-3)
        return np.asarray(np.log(p / (1 - p)))

    def _means(self, X: Any, weight: Array | None) -> Array:
        if isinstance(self.binarize, Real):
            X = float(self.binarize) * self.data_max < X
            top = 1.0
        else:
            top = float(self.data_max)
        if weight is None:
            means = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
        else:
            means = np.asarray(weight @ X).ravel() / weight.sum()
        return means / top

    def _go_on(self, X: Any, weight: Array | None) -> None:
        """Be ready to train further, with the parameters as they are set now.

        Raises
        ------
        ValueError
            If they ask for another machine than was fitted.
        """
        k = self.components_.shape[0]
        if self.n_components != k:
            raise ValueError(
                f"n_components={self.n_components}, but the machine that training goes on from has "
                f"{k} hidden units; set n_components={k}, or fit anew with warm_start=False"
            )
        # Training goes on in place, and a pickle that joblib mapped from a file is read-only.
        for name, value in list(vars(self).items()):
            setattr(self, name, _writable(value))
        # A user may have put other arrays there.
        self.components_, self.intercept_visible_, self.intercept_hidden_ = self._parameters()
        self._set_state(X, weight)

    def _set_state(self, X: Any, weight: Array | None) -> None:
        """Start what training needs beside the parameters, as they are set, and does not have."""
        (k, d), dtype = self.components_.shape, self.components_.dtype

        def zeros() -> tuple[Array, Array, Array]:
            return np.zeros((k, d), dtype), np.zeros(d, dtype), np.zeros(k, dtype)

        persistent = self.method != "cd"
        chains = self._n_chains() * (self.n_temperatures if self.method == "pt" else 1)
        if getattr(self, "h_samples_", np.empty((0, k))).shape[0] != chains:
            self.__dict__.pop("h_samples_", None)
        starts: dict[str, tuple[bool, Callable[[], Any]]] = {
            "velocity_": (self.momentum > 0, zeros),
            "fast_": (self.method == "fpcd", zeros),
            "offsets_": (
                self.centered,
                lambda: (self._means(X, weight).astype(dtype), np.full(k, 0.5, dtype)),
            ),
            "activity_": (
                self.sparsity_target is not None,
                lambda: np.full(k, self.sparsity_target, dtype),
            ),
            "h_samples_": (persistent, lambda: np.zeros((chains, k), dtype)),
        }
        for name, (needed, start) in starts.items():
            if not needed:
                self.__dict__.pop(name, None)
            elif not hasattr(self, name):
                setattr(self, name, start())

    def _n_chains(self) -> int:
        return self.n_chains or self.batch_size

    def _train(self, rows: Any, order: Array, batch_size: int, rate: float) -> None:
        """Run one pass of mini-batches in the core, in place."""
        s = core.rbm.Settings()
        s.method = METHODS[self.method]
        s.gibbs_steps = self.n_gibbs_steps
        s.batch_size = batch_size
        s.rate = rate
        s.momentum = self.momentum
        s.l1, s.l2 = self.l1, self.l2
        s.centered = bool(self.centered)
        if self.sparsity_target is not None:
            s.sparsity_target, s.sparsity_cost = self.sparsity_target, self.sparsity_cost
        fast = self.learning_rate if self.fast_learning_rate is None else self.fast_learning_rate
        s.fast_rate = fast
        s.temperatures = self.n_temperatures if self.method == "pt" else 1
        self._set_up(s)
        s.seed = random.child(self._key, "rbm-train")
        offsets = getattr(self, "offsets_", (None, None))
        train: Any = core.rbm.train  # one function for both precisions
        self._n_steps = train(
            rows,
            order,
            s,
            self.components_,
            self.intercept_visible_,
            self.intercept_hidden_,
            self._n_steps,
            getattr(self, "velocity_", None),
            getattr(self, "fast_", None),
            *offsets,
            getattr(self, "activity_", None),
            getattr(self, "h_samples_", None),
            self._threads_for(min(batch_size, len(order)), LITTLE_BATCH),
            **self._kinds(),
            **self._kept_by_kind(),
        )

    def _set_up(self, settings: Any) -> None:
        """Set what only some units have settings for."""

    def _kinds(self) -> dict[str, Any]:
        """Return what tells the core of units that are not of two states."""
        if self.hidden_units == "binary":
            return {}
        return {"units": core.layers.Units(0, HIDDEN_UNITS[self.hidden_units])}

    def _kept_by_kind(self) -> dict[str, Any]:
        """Return the arrays that only some units train with."""
        return {}

    def _arrays(self) -> list[Array]:
        names = ("velocity_", "fast_", "offsets_")
        arrays = [a for name in names for a in getattr(self, name, ())]
        arrays += [self.components_, self.intercept_visible_, self.intercept_hidden_]
        return arrays + [getattr(self, n) for n in ("activity_", "h_samples_") if hasattr(self, n)]

    def _snapshot(self) -> dict[str, Any]:
        return {"arrays": [a.copy() for a in self._arrays()], "steps": self._n_steps}

    def _restore(self, kept: dict[str, Any]) -> None:
        for array, old in zip(self._arrays(), kept["arrays"], strict=True):
            array[...] = old
        self._n_steps = kept["steps"]

    def _is_finite(self) -> bool:
        return all(bool(np.isfinite(a).all()) for a in self._arrays())

    def _checked(self, X: Any, *, reset: bool, training: bool = False) -> Any:
        """Return X as a finite array or CSR matrix, in the range of two states where it trains."""
        X = validate_data(self, X, accept_sparse="csr", reset=reset)
        if training and self.out_of_range == "raise":
            check_range(X, self.data_max)
        return X

    def _rows(self, X: Any, weight: Array | None = None, *, training: bool = True) -> Any:
        if weight is not None:
            weight = weight / weight.mean()
        binarize = self.binarize
        if not training and binarize == "sample":
            binarize = None  # means of states are what is seen
        if isinstance(binarize, Real):
            binarize = float(binarize)
        return rows_of(
            X,
            str(self.components_.dtype),
            self._threads_for(X.shape[0]),
            data_max=float(self.data_max),
            binarize=binarize,
            weight=weight,
        )

    def _threads_for(self, rows: int, little: int = 1 << 24) -> int:
        """Return the threads for a pass over so many rows: one where the work is little.

        ``little`` counts additions: a millisecond of them for a pass of its own. Threads to join
        cost more than they save there, and on a busy machine a hundred times more: of 16
        processors all made an epoch of 500 hidden units in batches of 128 twice as long as eight,
        and of 128 hidden units seven times as long as four. So another thread joins for every
        eight times as much, 50 microseconds of a mini-batch. The bits are the same for any number.
        """
        work = rows * self.components_.size
        return min(self._threads_now(), 2 + work // (8 * little)) if work >= little else 1

    def _threads_now(self) -> int:
        return validate.n_threads(self.n_jobs)

    def _hidden(self, X: Any) -> Array:
        return self._hidden_of(self._rows(X, training=False))

    def _hidden_of(self, rows: Any) -> Array:
        out = np.empty((rows.n, self.components_.shape[0]), self.components_.dtype)
        threads = self._threads_for(rows.n)
        core.layers.hidden_means(rows, *self._parameters(), out, threads, **self._kinds())
        return out

    def _rows_of_numbers(self, v: Array) -> Any:
        """Return rows of probabilities, such as means of a layer, for the core."""
        return rows_of(v, str(self.components_.dtype), self._threads_for(len(v)))

    def _as_probabilities(self, X: Array) -> Array:
        """Return dense data on the scale of the visible units' means, NaN kept."""
        X = np.asarray(X, dtype=np.float64)
        if isinstance(self.binarize, Real):
            on = (float(self.binarize) * self.data_max < X).astype(np.float64)
            return np.where(np.isnan(X), np.nan, on)
        return X / float(self.data_max)

    def _parameters(self) -> tuple[Array, Array, Array]:
        """Return weights and biases as the core takes them, whatever a user has set them to."""
        dtype = self.components_.dtype
        given = (self.components_, self.intercept_visible_, self.intercept_hidden_)
        w, a, b = (np.ascontiguousarray(array, dtype=dtype) for array in given)
        return w, a, b

    @property
    def _key(self) -> int:
        """The key of all draws, drawn itself where there was no fit that did."""
        if "_drawn_key" not in self.__dict__:
            self._drawn_key = random.key_of(self.random_state)
        return int(self._drawn_key)

    @_key.setter
    def _key(self, key: int) -> None:
        self._drawn_key = key
