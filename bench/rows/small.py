"""Small data, which most users have: whole fits with default settings, ours and scikit-learn's.

Both run in one process and take turns, because a fit of a millisecond is short compared with the
start of an interpreter. ``default`` rows draw their own starts, a new seed each turn, so the two
may need different numbers of iterations; ``given`` rows start both at the same parameters and must
reach the same answer.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..harness import adapters
from .case import Case
from .reference import evaluate

_COVARIANCES = ("full", "tied", "diag", "spherical")
_TOLERANCE = 1e-6
#: Starts differ under ``default``: the median answer may be worse by this much, relatively, or by
#: as much as chance explains (Mann and Whitney 1947, one-sided; about a hundred such rows).
_DEFAULT_TOLERANCE = 0.02
_CHANCE = 1e-4


@dataclass(frozen=True)
class Task:
    """One kind of fit on one data set."""

    data: str
    model: str
    start: str
    n: int
    d: int
    k: int

    def case(self) -> Case:
        kind, _, covariance = self.model.partition(" ")
        return Case(
            self.data, kind, self.n, self.d, self.k, 1.0, 0, _TOLERANCE, covariance=covariance
        )


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row per task: seconds of both, their ratio, and whether the results agree."""
    classes = adapters.find(spec["ours"]).estimators(), adapters.find("sklearn").estimators()
    return [_row(task, data, *classes, spec) for task, data in tasks(spec["quick"])]


def tasks(quick: bool) -> Iterator[tuple[Task, np.ndarray]]:
    """Yield every kind of fit with its data."""
    for name, data, k in data_sets(quick):
        for model in (*(f"gmm {covariance}" for covariance in _COVARIANCES), "kmeans"):
            for start in ("default", "given"):
                yield Task(name, model, start, *data.shape, k), data


def data_sets(quick: bool) -> list[tuple[str, np.ndarray, int]]:
    """Return name, data and number of groups."""
    from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs

    found = [("iris", load_iris().data, 3)]
    if quick:
        return found
    found += [("wine", load_wine().data, 3), ("digits", load_digits().data, 10)]
    for n in (150, 1000, 10_000):
        for d, k in ((2, 3), (8, 8), (32, 5)):
            data = make_blobs(n, n_features=d, centers=k, cluster_std=2.0, random_state=1)[0]
            found.append((f"blobs {n} x {d}", data, k))
    return found


def _row(
    task: Task, data: np.ndarray, ours: Any, theirs: Any, spec: dict[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = {**vars(task), "status": "ok", "reason": ""}
    case = task.case()
    try:
        sides = [Side(task, data, classes) for classes in (ours, theirs)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            began = time.perf_counter()
            turn = 0
            # the first turn warms up; scikit-learn looks for thread pools and loads code then
            while turn < 3 or (time.perf_counter() - began < spec["budget"] and turn < 60):
                for side in sides if turn % 2 else sides[::-1]:
                    side.fit(turn)
                turn += 1
    except ValueError as error:
        return {**row, "status": "failed", "reason": f"{error:.300}"}
    our, their = sides
    ratios = [b / a for a, b in zip(our.seconds[1:], their.seconds[1:], strict=True)]
    row |= {
        "turns": turn - 1,
        "ours_seconds": statistics.median(our.seconds[1:]),
        "peer_seconds": statistics.median(their.seconds[1:]),
        "times_as_fast": statistics.median(ratios),
        "ours_runs": our.seconds[1:],
        "peer_runs": their.seconds[1:],
        "tolerance": (_TOLERANCE if task.start == "given" else _DEFAULT_TOLERANCE)
        * abs(statistics.median(their.values)),
        "ours_value": statistics.median(our.values),
        "peer_value": statistics.median(their.values),
        "ours_n_iter": statistics.fmean(our.n_iter),
        "peer_n_iter": statistics.fmean(their.n_iter),
    }
    if not _agree(task, case, our.values, their.values):
        row["status"] = "different quality"
    return row


class Side:
    """One implementation's fits of a task."""

    def __init__(self, task: Task, data: np.ndarray, classes: Any) -> None:
        mixture, kmeans = classes
        case = task.case()
        self.case, self.data, self.given = case, data, task.start == "given"
        self.make = mixture if case.kind == "gmm" else kmeans
        self.settings: dict[str, Any] = {}
        if case.kind == "gmm":
            self.settings["covariance_type"] = case.covariance
        if self.given:
            self.settings |= _given(case, data)
        self.seconds: list[float] = []
        self.values: list[float] = []
        self.n_iter: list[int] = []

    def model(self, seed: int) -> Any:
        """Return an estimator that is ready to fit."""
        return self.make(self.case.k, random_state=seed, **self.settings)

    def fit(self, seed: int) -> None:
        """Fit once; record the seconds and the objective."""
        model = self.model(seed)
        began = time.perf_counter()
        model.fit(self.data)
        self.seconds.append(time.perf_counter() - began)
        self.n_iter.append(model.n_iter_)
        if self.given and self.values:
            return
        if self.case.kind == "gmm":
            names = ("weights", "means", "covariances")
            params = {name: getattr(model, name + "_") for name in names}
        else:
            params = {"centers": model.cluster_centers_}
        self.values.append(evaluate(self.case, self.data, params))


def _given(case: Case, data: np.ndarray) -> dict[str, Any]:
    """Rows as means, with one common width."""
    rows = data[np.random.default_rng(0).choice(len(data), size=case.k, replace=False)]
    if case.kind == "kmeans":
        return {"init": rows, "n_init": 1}
    precision = 1.0 / data.var(axis=0).mean()
    precisions = {
        "full": np.broadcast_to(precision * np.eye(case.d), (case.k, case.d, case.d)).copy(),
        "tied": precision * np.eye(case.d),
        "diag": np.full((case.k, case.d), precision),
        "spherical": np.full(case.k, precision),
    }[case.covariance]
    return {
        "weights_init": np.full(case.k, 1.0 / case.k),
        "means_init": rows,
        "precisions_init": precisions,
    }


def _agree(task: Task, case: Case, ours: list[float], theirs: list[float]) -> bool:
    """Equal starts give equal results; drawn ones may be worse within chance and tolerance."""
    a, b = statistics.median(ours), statistics.median(theirs)
    scale = max(abs(b), 1e-300)
    if task.start == "given":
        return abs(a - b) <= _TOLERANCE * scale
    worse = b - a if case.higher_is_better else a - b
    if worse <= _DEFAULT_TOLERANCE * scale:
        return True
    from scipy.stats import mannwhitneyu

    side = "less" if case.higher_is_better else "greater"
    return bool(mannwhitneyu(ours, theirs, alternative=side).pvalue > _CHANCE)
