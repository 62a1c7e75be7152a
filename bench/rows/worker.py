"""One implementation on one case of rows, timed; called by ``bench.worker``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..harness import adapters
from ..harness.machine import peak_bytes, resident_bytes, versions
from .case import Case, make

#: Maximum number of repetitions of a measurement in a process, within the given seconds.
_REPEATS = 5
Fit = Callable[[int, int], dict[str, Any]]


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Return seconds and bytes of one implementation on one case; save its result."""
    case = Case(**spec["case"])
    adapter = adapters.find(spec["adapter"])
    adapter.load(case, spec["threads"])
    baseline = resident_bytes()
    tiny = Case(
        "warm-up", case.kind, 512, 4, 2, 3.0, 1, 1.0, covariance=case.covariance, dtype=case.dtype
    )
    adapter.fit(tiny, *make(tiny), tiny.n_iter, 0)

    data = np.load(spec["data"])
    with np.load(spec["start"]) as archive:
        start = {name: archive[name] for name in archive.files}

    def fit(n_iter: int, seed: int) -> dict[str, Any]:
        return adapter.fit(case, data, start, n_iter, seed)

    clock = _clock_draws if case.kind == "kmeans++" else _clock_iterations
    times, found = clock(case, fit, spec["seed"], spec["budget"])
    peak = peak_bytes()
    reported = found[-1].get("reported")
    arrays = {
        f"{i}/{name}": np.asarray(value)
        for i, params in enumerate(found)
        for name, value in params.items()
        if name != "reported"
    }
    np.savez(spec["arrays"], **arrays)
    return {
        **times,
        "reported": None if reported is None else float(reported),
        "baseline_bytes": baseline,
        "peak_bytes": peak,
        "versions": versions(adapter.DISTRIBUTIONS),
    }


def _clock_iterations(
    case: Case, fit: Fit, seed: int, budget: float
) -> tuple[dict[str, Any], list[Any]]:
    """Time ``1 + m`` iterations and one: their difference over m excludes the set-up.

    Noise only ever adds time, so the fastest of each is taken within a process; the report takes
    the median over processes.
    """
    short, long = [], []
    began = time.perf_counter()
    while not long or (time.perf_counter() - began < budget and len(long) < _REPEATS):
        short.append(_timed(fit, 1, seed)[0])
        seconds, params = _timed(fit, case.n_iter, seed)
        long.append(seconds)
    an_iteration = (min(long) - min(short)) / case.extra_iter
    return {
        "seconds": an_iteration,
        "setup_seconds": min(short) - an_iteration,
        "fit_seconds": min(long),
        "measurements": len(long),
    }, [params]


def _clock_draws(
    case: Case, fit: Fit, seed: int, budget: float
) -> tuple[dict[str, Any], list[Any]]:
    """Time complete draws of centers, each with another seed."""
    times, found = [], []
    began = time.perf_counter()
    while not found or (time.perf_counter() - began < budget and len(found) < _REPEATS):
        seconds, params = _timed(fit, 0, seed + len(found))
        times.append(seconds)
        found.append(params)
    return {
        "seconds": min(times),
        "setup_seconds": 0.0,
        "fit_seconds": min(times),
        "measurements": len(times),
    }, found


def _timed(fit: Fit, n_iter: int, seed: int) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    params = fit(n_iter, seed)
    seconds = time.perf_counter() - began
    done = int(params.pop("n_iter", n_iter))
    if done != n_iter:
        raise RuntimeError(f"stopped after {done} of {n_iter} iterations: no time per iteration")
    return seconds, params
