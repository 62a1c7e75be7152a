"""One implementation's sampling, timed; called by the worker of ``bench.worker``.

An implementation is a chain that does sweeps and shows its state. The clock runs during sweeps
only: set-up has a figure of its own, and a look at the state costs nothing.
"""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ..harness import adapters, machine
from . import corpora, evaluation, heldout
from .cases import TopicCase

#: Sweeps before the speed of a sampler is measured: samplers that exploit sparse counts get faster
#: as topics form.
_BURN_IN = 10

#: Maximum number of sweeps in a measurement.
_SWEEPS = 50

#: A time mark counts as reached from this share of it on.
_NEAR = 0.95


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what one implementation did on one case: seconds, bytes, quality."""
    case = TopicCase(**spec["case"])
    adapter = adapters.find(spec["adapter"], "lda")
    adapter.load(case, spec["threads"])
    baseline = machine.resident_bytes()
    corpus = corpora.load(Path(spec["corpus"]))
    halves = None
    if case.kind == "lda-curve":
        corpus, *halves = heldout.split(corpus)
    gc.collect()
    machine.reset_peak()
    before = machine.resident_bytes()
    with machine.Children(getattr(adapter, "PROCESSES", False)) as children:
        began = time.perf_counter()
        chain = adapter.start(case, corpus, spec["threads"], spec["seed"], spec["variant"])
        clock = _Clock(chain, time.perf_counter() - began)
        if halves is None:
            answer = _speed(clock, spec["seconds"])
            peak = machine.peak_bytes()
            answer["quality"] = [_look(case, clock, corpus, halves)]
            if spec["check"]:
                answer["check"] = evaluation.check(case, adapter, spec)
        else:
            answer = _curve(case, clock, corpus, halves, spec["marks"])
            peak = answer.pop("peak_bytes")
    n_tokens = int(corpus.sum())
    return {
        **answer,
        "setup_seconds": clock.setup,
        "n_tokens": n_tokens,
        "baseline_bytes": baseline,
        "corpus_bytes": sum(a.nbytes for a in (corpus.data, corpus.indices, corpus.indptr)),
        "peak_bytes": peak + children.peak,
        "bytes_beyond_corpus": max(peak - before, 0) + children.peak,
        "versions": machine.versions(adapter.DISTRIBUTIONS),
    }


class _Clock:
    """Counts a chain's sweeps and their seconds, by the chain's own clock if it has one."""

    def __init__(self, chain: Any, start: float) -> None:
        self.chain, self._start = chain, start
        self.sweeps, self.seconds = 0, 0.0
        self.processor: float | None = None

    def sweep(self, n: int) -> float:
        """Do ``n`` more sweeps and return their seconds."""
        began, worked = time.perf_counter(), sum(os.times()[:4])
        own = self.chain.sweep(n)
        spent = time.perf_counter() - began if own is None else float(own)
        # a chain that starts again does more work than these sweeps
        self.processor = sum(os.times()[:4]) - worked if own is None else self._told()
        self.sweeps += n
        self.seconds = getattr(self.chain, "total", self.seconds + spent)
        return spent

    def _told(self) -> float | None:
        told: float | None = getattr(self.chain, "processor", None)
        return told

    @property
    def setup(self) -> float:
        """Seconds outside of the sweeps."""
        return self._start + float(getattr(self.chain, "setup", 0.0))

    def rate(self) -> float:
        """Seconds per sweep until now."""
        return max(self.seconds / self.sweeps, 1e-9)


def _speed(clock: _Clock, budget: float) -> dict[str, Any]:
    """Burn in and time some sweeps, for about so many seconds each."""
    first = spent = clock.sweep(1)
    n = 1
    if first < budget:
        clock.sweep(int(np.clip(round(budget / first), 1, _BURN_IN - 1)))
        n = int(np.clip(round(budget / clock.rate()), 1, _SWEEPS))
        spent = clock.sweep(n)
    return {
        "first_sweep_seconds": first,
        "seconds": spent / n,
        # of all threads together, in case others keep the processors busy
        "processor_seconds": None if clock.processor is None else clock.processor / n,
        "sweeps": clock.sweeps,
        "measured": n,
    }


def _curve(
    case: TopicCase,
    clock: _Clock,
    corpus: sparse.csr_matrix,
    halves: list[sparse.csr_matrix],
    marks: list[float],
) -> dict[str, Any]:
    """Evaluate the state at each time mark; a mark may be exceeded by part of a sweep."""
    looks: list[dict[str, Any]] = []
    peak = 0
    for mark in marks:
        before = clock.sweeps
        while clock.seconds < _NEAR * mark:
            left = mark - clock.seconds
            clock.sweep(max(1, int(left / clock.rate())) if clock.sweeps else 1)
        if clock.sweeps > before:
            # memory of the evaluation is not that of the implementation
            peak = peak or machine.peak_bytes()
            looks.append(_look(case, clock, corpus, halves))
    return {
        "seconds": clock.rate(),
        "sweeps": clock.sweeps,
        "measured": clock.sweeps,
        "quality": looks,
        "peak_bytes": peak,
    }


def _look(
    case: TopicCase,
    clock: _Clock,
    corpus: sparse.csr_matrix,
    halves: list[sparse.csr_matrix] | None,
) -> dict[str, Any]:
    """Evaluate the state: faults, joint log-likelihood per token, held-out perplexity."""
    state = clock.chain.state()
    found: dict[str, Any] = {"sweeps": clock.sweeps, "sampling_seconds": clock.seconds}
    found["faults"] = state.faults(corpus)
    joint = None
    if isinstance(state, heldout.Counts):
        joint = heldout.joint_log_likelihood(state, case.alpha)
    value = None
    if halves is not None:
        value = heldout.perplexity(state.columns, case.alpha, *halves)
    for name, figure in (("joint", joint), ("perplexity", value)):
        if figure is not None and not np.isfinite(figure):
            found["faults"] = f"{name} is {figure}"
            figure = None
        found[name] = figure
    return found
