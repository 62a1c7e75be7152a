"""Which mixture: fits of several sizes and covariance types, compared."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._fit.parallel import Stop, side_by_side
from .._ground import random
from .._ground.validate import check_params, n_threads
from .mixture import GaussianMixture
from .parameters import DTYPES, n_parameters
from .queries import Fitted, evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")

#: The criteria, and whether higher is better.
CRITERIA = {"bic": False, "aic": False, "icl": False, "held_out": True}

#: Size of X up to which fits run in parallel, each on one thread. Twelve fits on two threads then
#: took 0.14 (3,000 x 8), 0.40 (50,000 x 8) and 0.66 (130,000 x 16) of the time of serial fits with
#: two threads each. Beyond, copies of the folds, one per thread, would need too much memory.
_SMALL = 2**21

_FOLDS = 5
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class MixtureTrial:
    """One mixture of a selection.

    Attributes
    ----------
    n_components : int
    covariance_type : str
    estimator : GaussianMixture or None
        Fitted to all rows; None where the fit failed.
    log_likelihood, mean_log_likelihood : float
        Of all rows, in nats, in total and a row.
    n_parameters : int
        Free parameters.
    aic, bic, icl : float
        Information criteria; lower is better.
    held_out : float
        Mean log-likelihood of a row under mixtures fitted without its fold; NaN if it was not
        asked for or a fold failed.
    n_iter : int
        Iterations of EM, of the start that was kept.
    converged : bool
    seconds : float
        Of the fit to all rows. The only number that is not the same each time.
    error : str
        Why the fit, or one without a fold, failed; empty if none did.
    """

    n_components: int
    covariance_type: str
    estimator: GaussianMixture | None
    log_likelihood: float
    mean_log_likelihood: float
    n_parameters: int
    aic: float
    bic: float
    icl: float
    held_out: float
    n_iter: int
    converged: bool
    seconds: float
    error: str

    def __repr__(self) -> str:
        told = f"n_components={self.n_components}, covariance_type={self.covariance_type!r}"
        if self.estimator is None:
            return f"MixtureTrial({told}, error={self.error!r})"
        return f"MixtureTrial({told}, bic={self.bic:.6g}, icl={self.icl:.6g})"


_COLUMNS = tuple(f.name for f in fields(MixtureTrial) if f.name != "estimator")


@dataclass(frozen=True, eq=False, repr=False)
class MixtureSelection:
    """Mixtures of several sizes and covariance types, compared.

    Attributes
    ----------
    trials : tuple of MixtureTrial
        Numbers of components ascending, covariance types in the order given within each.
    criterion : {"bic", "aic", "icl", "held_out"}
        What ``best_`` is the best of.
    n_samples : int
        Rows.
    folds : int
        Folds of the held-out score; 0 if there is none.
    seed : int
        The ``random_state`` of every fit.
    """

    trials: tuple[MixtureTrial, ...]
    criterion: str
    n_samples: int
    folds: int
    seed: int

    @property
    def best_(self) -> MixtureTrial:
        """The best trial by ``criterion``."""
        return self.ranked()[0]

    @property
    def best_estimator_(self) -> GaussianMixture:
        """The mixture of the best trial, fitted to all rows."""
        model = self.best_.estimator
        assert model is not None  # a trial without a score has no rank
        return model

    def ranked(self, criterion: str | None = None) -> list[MixtureTrial]:
        """Return the trials that a criterion can compare, best first.

        Parameters
        ----------
        criterion : {"bic", "aic", "icl", "held_out"}, optional
            By default the one that the selection was made by.

        Raises
        ------
        ValueError
            If the criterion is not known, or was not measured.
        """
        name = self.criterion if criterion is None else criterion
        _check_criterion(name)
        known = [trial for trial in self.trials if math.isfinite(getattr(trial, name))]
        if not known:
            raise ValueError(
                f"{name} is known of no trial"
                + ("; pass cv to select_mixture" if name == "held_out" and not self.folds else "")
            )
        sign = -1 if CRITERIA[name] else 1
        # the simplest in case of ties
        return sorted(known, key=lambda t: (sign * getattr(t, name), t.n_parameters))

    @property
    def failed(self) -> tuple[MixtureTrial, ...]:
        """The trials with an error."""
        return tuple(trial for trial in self.trials if trial.error)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return columns of equal length, one entry a trial; ``held_out`` only if asked for."""
        names = [name for name in _COLUMNS if name != "held_out" or self.folds]
        return {name: [getattr(trial, name) for trial in self.trials] for name in names}

    def to_frame(self) -> Any:
        """Return one row a trial as a pandas DataFrame (pandas has to be installed).

        Raises
        ------
        ImportError
            If pandas is missing; ``to_dict`` needs nothing.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas") from error
        return pd.DataFrame(self.to_dict())

    def plot(self, ax: Axes | None = None, *, criterion: str | None = None) -> Axes:
        """Draw a criterion over the number of components, one line a covariance type."""
        from ..plot.gmm import plot_criterion

        return plot_criterion(self, ax, criterion=criterion)

    def rows(self, n: int | None = _SHOWN) -> list[list[str]]:
        """Return the head and the best ``n`` trials (None for all) as words, for tables."""
        names = ["n_components", "covariance_type", *CRITERIA, "mean_log_likelihood", "n_iter"]
        if not self.folds:
            names.remove("held_out")
        heads = {
            "n_components": "components",
            "covariance_type": "covariances",
            "mean_log_likelihood": "fit, a row",
            "n_iter": "iterations",
        }
        best = {
            name: id(self.ranked(name)[0])
            for name in CRITERIA
            if name in names and any(math.isfinite(getattr(t, name)) for t in self.trials)
        }

        def cell(trial: MixtureTrial, name: str) -> str:
            value = getattr(trial, name)
            if name == "n_iter":
                return f"{value}" if trial.converged else f"{value}+"
            if not isinstance(value, float):
                return str(value)
            digits = 2 if name in ("bic", "aic", "icl") else 4
            return f"{value:.{digits}f}" + ("*" if best.get(name) == id(trial) else "")

        told = [[cell(trial, name) for name in names] for trial in self.ranked()[:n]]
        return [[heads.get(name, name.replace("_", " ")) for name in names], *told]

    def notes(self) -> list[str]:
        """Return what a table of the trials does not say: what the marks mean, what failed."""
        shown = min(_SHOWN, len(self.ranked()))
        told = f"the best {shown} of {len(self.trials)} by {self.criterion}; * the best of a column"
        if any(not t.converged for t in self.ranked()[:_SHOWN]):
            told += "; + not converged"
        notes = [told]
        if self.failed:
            first = self.failed[0]
            notes.append(
                f"{len(self.failed)} of {len(self.trials)} failed; "
                f"{first.n_components} components, {first.covariance_type}: {first.error}"
            )
        return notes

    def __repr__(self) -> str:
        best = self.best_
        return (
            f"MixtureSelection({len(self.trials)} trials, best by {self.criterion}: "
            f"{best.n_components} components, {best.covariance_type})"
        )

    def __str__(self) -> str:
        rows = self.rows()
        # marks are next to the numbers, not in their columns
        padded = [[c if c.endswith(("*", "+")) else f"{c} " for c in row] for row in rows]
        widths = [max(len(row[i]) for row in padded) for i in range(len(rows[0]))]
        lines = [
            " ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)).rstrip()
            for row in padded
        ]
        first, *others = self.notes()
        return "\n".join([first, *lines, *others])

    def __rich__(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        heads, *rows = self.rows()
        table = Table(title="\n".join(map(escape, self.notes())), title_justify="left")
        for head in heads:
            table.add_column(head, justify="right")
        for i, row in enumerate(rows):
            table.add_row(*row, style="bold" if i == 0 else None)
        return table


def select_mixture(
    X: ArrayLike,
    n_components: int | Iterable[int] = range(1, 10),
    covariance_types: str | Sequence[str] = COVARIANCE_TYPES,
    *,
    criterion: str = "bic",
    cv: Any = None,
    progress: Callable[[int, int], object] | None = None,
    random_state: random.RandomState = None,
    n_jobs: int | None = None,
    **parameters: Any,
) -> MixtureSelection:
    r"""Fit mixtures of several sizes and covariance types and compare them.

    BIC (Schwarz 1978) asks which mixture the rows were drawn from, and finds it if there are
    enough of them; AIC (Akaike 1974) asks which predicts best and takes more components; ICL
    (Biernacki, Celeux and Govaert 2000) counts groups that are apart, so fewer; the held-out score
    (Smyth 2000) measures prediction by leaving rows out, and costs a fit a fold.

    Small data are fitted side by side, a thread a fit; large data one fit after another on all
    threads. One seed gives the same table, apart from seconds, and the same mixtures in the same
    bits for any ``n_jobs``; each is what ``GaussianMixture(k, covariance_type=...,
    random_state=selection.seed, **parameters).fit(X)`` gives. Fits that end by ``max_iter`` are
    marked, and a warning is given only if the best is one of them.

    Parameters
    ----------
    X : array-like of shape (n, d)
    n_components : int or iterable of int, default=range(1, 10)
        Numbers of components to try.
    covariance_types : str or sequence of str, default=("full", "tied", "diag", "spherical")
        Covariance types to try with each.
    criterion : {"bic", "aic", "icl", "held_out"}, default="bic"
        What the best is chosen by.
    cv : int, cross-validation splitter or iterable of (train, test), default=None
        How rows are held out: an int for as many folds of rows in random order; None for no
        held-out score, or 5 folds with ``criterion="held_out"``.
    progress : callable, optional
        Called with the number of fits done and the number of all fits, after each.
    random_state : None, int, RandomState, Generator or SeedSequence, default=None
        Seed of the fits and folds. All fits have the same one, so that covariance types are
        compared from the same start.
    n_jobs : int or None, default=None
        Threads.
    **parameters
        Further parameters of :class:`GaussianMixture`, such as ``n_init=10``.

    Returns
    -------
    MixtureSelection

    Raises
    ------
    ValueError
        If an argument is not as said, or all fits failed. One that fails, as when a component
        collapses, is recorded with the reason and does not abort the search.
    KeyboardInterrupt
        On Ctrl-C.

    Notes
    -----
    Costs ``len(n_components) * len(covariance_types)`` fits, times one more than the folds, and
    keeps all mixtures; with folds each thread has a copy of its rows.

    Examples
    --------
    >>> import numpy as np
    >>> from gibbous import select_mixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(m, 1, (200, 2)) for m in (-4, 0, 4)])
    >>> found = select_mixture(X, range(1, 6), random_state=0)
    >>> found.best_.n_components, found.best_.covariance_type
    (3, 'spherical')
    """
    sizes, types = _checked_sizes(n_components), _checked_types(covariance_types)
    _check_criterion(criterion)
    template = _template(parameters)
    threads = n_threads(n_jobs)
    rows = _rows(X, template)
    seed = _seed(random_state)
    splits = _splits(rows, _FOLDS if cv is None and criterion == "held_out" else cv, seed)
    jobs = [_Job(k, kind, fold) for k in sizes for kind in types for fold in range(len(splits) + 1)]
    work = _Work(rows, splits, template.set_params(random_state=seed))
    with warnings.catch_warnings():
        _ignore_convergence()
        results = _run(work, jobs, threads, progress)
    for result in results:
        if result.model is not None:
            _name_features(result.model, X)
    whole = len(splits) + 1
    trials = tuple(
        _trial(jobs[i], results[i : i + whole], rows) for i in range(0, len(jobs), whole)
    )
    if all(trial.estimator is None for trial in trials):
        raise ValueError(f"every fit failed; the first one: {trials[0].error}")
    selection = MixtureSelection(trials, criterion, len(rows), len(splits), seed)
    _warn_unless_converged(selection.best_)
    return selection


# ---- arguments ----------------------------------------------------------------------------------


def _checked_sizes(n_components: Any) -> list[int]:
    given = list(n_components) if isinstance(n_components, Iterable) else [n_components]
    for k in given:
        if isinstance(k, bool) or not isinstance(k, Integral) or k < 1:
            raise ValueError(f"n_components must be ints >= 1; got {k!r}")
    if not given or len(set(given)) < len(given):
        raise ValueError(f"n_components must be different numbers, one at least; got {given}")
    return sorted(int(k) for k in given)


def _checked_types(covariance_types: Any) -> list[str]:
    given = [covariance_types] if isinstance(covariance_types, str) else list(covariance_types)
    if not given or not set(given) <= set(COVARIANCE_TYPES) or len(set(given)) < len(given):
        known = ", ".join(COVARIANCE_TYPES)
        raise ValueError(
            f"covariance_types must be of {known}, each once; got {covariance_types!r}"
        )
    return given


def _check_criterion(criterion: Any) -> None:
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}")


def _template(parameters: dict[str, Any]) -> GaussianMixture:
    """Return an unfitted mixture with the parameters shared by all fits."""
    if "covariance_type" in parameters:
        raise ValueError("covariance_type cannot be given here; give covariance_types")
    model = GaussianMixture(**parameters)
    check_params(model)
    return model


def _rows(X: ArrayLike, template: GaussianMixture) -> NDArray[Any]:
    from sklearn.utils import get_tags
    from sklearn.utils.validation import check_array

    # the mixture checks what it can be fitted to, including missing values
    finite = "allow-nan" if get_tags(template).input_tags.allow_nan else True
    rows: NDArray[Any] = check_array(
        X,
        dtype=DTYPES,
        order="C",
        ensure_all_finite=finite,
        ensure_min_samples=2,
        estimator=template,
        input_name="X",
    )
    return rows


def _seed(random_state: random.RandomState) -> int:
    """Return a seed that a mixture accepts and prints: the given one if it is an int."""
    key = random.key_of(random_state)
    return int(random_state) if isinstance(random_state, Integral) else key & 0xFFFFFFFF


def _splits(X: NDArray[Any], cv: Any, seed: int) -> list[tuple[Any, Any]]:
    """Return the rows to fit and the rows held out of each fold."""
    if cv is None:
        return []
    n = len(X)
    if isinstance(cv, Integral):
        if isinstance(cv, bool) or not 2 <= int(cv) <= n // 2:
            raise ValueError(f"cv must be a number of folds from 2 to half of {n} rows; got {cv!r}")
        rng = random.generator(random.key_of(seed), "gmm-select")
        parts = np.array_split(rng.permutation(n), int(cv))
        # in the order of X, so that a fold is a table like X
        return [
            (np.setdiff1d(np.arange(n), part, assume_unique=True), np.sort(part)) for part in parts
        ]
    from sklearn.model_selection import check_cv

    splits = list(check_cv(cv).split(X))
    if not splits:
        raise ValueError("cv must make one fold at least; got none")
    return splits


def _name_features(model: GaussianMixture, X: ArrayLike) -> None:
    from sklearn.utils.validation import _check_feature_names

    _check_feature_names(model, X, reset=True)


# ---- fits ---------------------------------------------------------------------------------------


class _Job(NamedTuple):
    k: int
    kind: str
    fold: int  # 0 for all rows, else the number of the held-out fold, from 1


class _Result(NamedTuple):
    model: GaussianMixture | None  # only for all rows
    numbers: tuple[float, float]  # log-likelihood and log-certainty, or held-out sum and rows
    seconds: float
    error: str


class _Work(NamedTuple):
    rows: NDArray[Any]
    splits: list[tuple[Any, Any]]
    template: GaussianMixture

    def fit(self, job: _Job, threads: int, stop: Stop) -> _Result:
        """Fit one mixture; a ValueError becomes a result with its message."""
        from sklearn.base import clone

        model = clone(self.template).set_params(
            n_components=job.k, covariance_type=job.kind, n_jobs=threads
        )
        train, test = self.splits[job.fold - 1] if job.fold else (slice(None), slice(None))
        begin = time.perf_counter()
        try:
            model.fit(self.rows[train], callback=stop)
            seconds = time.perf_counter() - begin
            if job.fold:
                held = model.score_samples(self.rows[test])
                numbers = float(held.sum(dtype=np.float64)), float(len(held))
            else:
                mixture = Fitted.of(model)
                numbers = evidence(mixture, mixture.rows(self.rows))
        except ValueError as error:
            where = f"without fold {job.fold}: " if job.fold else ""
            return _Result(
                None, (math.nan, math.nan), time.perf_counter() - begin, where + str(error)
            )
        model.set_params(n_jobs=self.template.n_jobs)
        return _Result(None if job.fold else model, numbers, seconds, "")


def _run(
    work: _Work,
    jobs: list[_Job],
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> list[_Result]:
    """Return the results of the jobs, in order."""
    workers = min(threads, len(jobs)) if work.rows.size <= _SMALL else 1
    stop, each = Stop(), threads if workers == 1 else 1
    longest_first = sorted(range(len(jobs)), key=lambda i: -jobs[i].k)
    return side_by_side(
        lambda i: work.fit(jobs[i], each, stop), longest_first, workers, stop, progress
    )


def _trial(job: _Job, results: list[_Result], rows: NDArray[Any]) -> MixtureTrial:
    """Combine the fits of one mixture: to all rows, and without each fold."""
    whole, *folds = results
    n, free = len(rows), n_parameters(job.kind, job.k, rows.shape[1])
    total, certainty = whole.numbers
    bic = -2.0 * total + free * math.log(n)
    held = math.nan
    if folds:
        held = sum(f.numbers[0] for f in folds) / sum(f.numbers[1] for f in folds)
    return MixtureTrial(
        n_components=job.k,
        covariance_type=job.kind,
        estimator=whole.model,
        log_likelihood=total,
        mean_log_likelihood=total / n,
        n_parameters=free,
        aic=-2.0 * total + 2.0 * free,
        bic=bic,
        icl=bic - 2.0 * certainty,
        held_out=held if whole.model is not None else math.nan,
        n_iter=0 if whole.model is None else int(whole.model.n_iter_),
        converged=whole.model is not None and bool(whole.model.converged_),
        seconds=whole.seconds,
        error=next((r.error for r in results if r.error), ""),
    )


def _ignore_convergence() -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)


def _warn_unless_converged(best: MixtureTrial) -> None:
    from sklearn.exceptions import ConvergenceWarning

    model = best.estimator
    if best.converged or model is None or not model.max_iter:
        return
    warnings.warn(
        f"the best mixture, {best.n_components} components, {best.covariance_type}, did not "
        f"converge in {best.n_iter} iterations; raise max_iter or tol",
        ConvergenceWarning,
        stacklevel=3,
    )
