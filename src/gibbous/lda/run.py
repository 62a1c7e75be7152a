"""One fit of a topic model: sweeps, priors, samples, early stop, checkpoints, record."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._fit.history import Callback, History, Recorder
from ..corpus.corpus import Corpus
from .chain import Chain, read_checkpoint
from .fold_in import Bags, fold_in, log_predictive

METRIC = "joint log-likelihood a token"


@dataclass(frozen=True)
class Plan:
    """When a fit does what; sweeps are counted from 1."""

    max_iter: int
    settle_iter: int
    burn_in: int
    optimize_alpha: bool
    optimize_beta: bool
    optimize_interval: int
    n_samples: int
    sample_interval: int
    evaluate_every: int
    patience: int
    tol: float

    def optimizes(self, sweep: int) -> bool:
        """Whether the priors are optimised after this sweep."""
        wanted = self.optimize_alpha or self.optimize_beta
        return wanted and sweep >= self.burn_in and sweep % self.optimize_interval == 0

    def samples(self, left: int) -> bool:
        """Whether the state is kept with so many sweeps left."""
        return left % self.sample_interval == 0 and left // self.sample_interval < self.n_samples


class HeldOut:
    """Documents kept back to tell when further sweeps no longer help."""

    def __init__(self, documents: Corpus, key: int) -> None:
        halves = documents.completion_split(key & 0xFFFFFFFF)
        self.seen, self.hidden = map(Bags.of, halves)

    def perplexity(self, chain: Chain) -> float:
        """Return the perplexity by document completion (Wallach et al. 2009, section 5.1)."""
        topics = chain.topic_word()
        theta, _ = fold_in(topics, chain.priors.alpha, self.seen, n_threads=chain.n_threads)
        log_p = log_predictive(topics, theta, self.hidden, n_threads=chain.n_threads)
        return math.exp(-float(log_p.sum()) / max(self.hidden.n_tokens, 1))


class Run:
    """The sweeps of one fit."""

    def __init__(
        self,
        chain: Chain,
        plan: Plan,
        *,
        model: str,
        sampler: str,
        verbose: int,
        callback: Callback | None,
        held_out: HeldOut | None,
        keeps_numbers: bool = False,
        keeps_topics: bool = False,
        start: NDArray[np.uint16] | None = None,
    ) -> None:
        self.chain, self.plan, self.sampler = chain, plan, sampler
        self.model, self.verbose, self.held_out = model, verbose, held_out
        self.keeps_numbers, self.keeps_topics = keeps_numbers, keeps_topics
        self.recorder = Recorder(model, METRIC, max_iter=plan.max_iter, callback=callback)
        self.value = math.nan
        self.stop_reason = "interrupted"
        self.end = plan.max_iter  # sooner where the held-out documents say so
        self.best = math.inf
        self.stale = 0
        self.perplexities: list[tuple[int, float]] = []
        self._path: Path | None = None
        self._every = 0
        self._settings = self._describe(start)  # now: the priors change on the way

    def checkpoint(self, path: str | os.PathLike[str], every: int) -> None:
        """Write the state to a file every so many sweeps, and go on from it where it is there."""
        self._path, self._every = Path(path), every
        if not self._path.exists():
            return
        arrays, head = read_checkpoint(self._path)
        chain = self.chain
        if head["corpus"] != chain.corpus.digest():
            raise ValueError(f"checkpoint {path} is of another corpus; remove it or name another")
        if head["settings"] != self._settings:
            raise ValueError(
                f"checkpoint {path} is of a fit with other parameters; remove it or name another"
            )
        chain.restore(arrays, head)
        self.value, self.end, self.best = head["value"], head["end"], head["best"]
        self.stale, self.perplexities = head["stale"], [tuple(p) for p in head["perplexities"]]
        self.recorder.resume(head["values"], head["seconds"])

    def _describe(self, start: NDArray[np.uint16] | None) -> str:
        """Return all that the bits of a fit depend on, beside its corpus."""
        chain, priors = self.chain, self.chain.priors
        told = {"plan": asdict(self.plan), "sampler": self.sampler, "key": chain.key}
        told |= {"alpha": priors.alpha.tolist(), "beta": priors.beta}
        told["proposals"] = chain.n_proposals
        if priors.seeds is not None:
            rows = (priors.seeds.indptr, priors.seeds.indices, priors.seeds.data)
            told["seeds"] = hashlib.sha256(b"".join(a.tobytes() for a in rows)).hexdigest()
        if start is not None:
            told["start"] = hashlib.sha256(start.tobytes()).hexdigest()
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def _write(self) -> None:
        assert self._path is not None
        trace = self.recorder.trace("interrupted")
        told = {"settings": self._settings, "value": self.value, "end": self.end}
        told |= {"best": self.best, "stale": self.stale, "perplexities": self.perplexities}
        self.chain.save(self._path, told | {"values": trace.values, "seconds": trace.seconds})

    def go(self) -> None:
        """Sweep to the end; what was reached stands in the chain also after an exception."""
        began = time.perf_counter()
        if self.end == 0:  # nothing is drawn, and the value is that of the state as it stands
            counts = self.chain.counts()
            self.value = self.chain.priors.joint_log_likelihood(counts) / max(
                int(counts.totals.sum()), 1
            )
        while self.chain.iteration < self.end:
            stop = self._step()
            if self.verbose and self._evaluates(self.chain.iteration):
                self._say(began)
            if stop:
                self.stop_reason = "callback"
                break
        else:
            self.stop_reason = "converged" if self.end < self.plan.max_iter else "completed"
        if self._path is not None:
            self._write()

    def _step(self) -> bool:
        chain, plan = self.chain, self.plan
        if self.sampler == "auto" and chain.iteration >= self.end - plan.settle_iter:
            chain.go_exact()
        chain.sweep()
        sweep, left = chain.iteration, self.end - chain.iteration
        optimizes, evaluates = plan.optimizes(sweep), self._evaluates(sweep)
        if optimizes or evaluates:
            counts = chain.counts()
            if optimizes and plan.optimize_alpha:
                chain.priors = chain.priors.with_optimal_alpha(counts)
            if optimizes and plan.optimize_beta:
                chain.priors = chain.priors.with_optimal_beta(counts)
            if evaluates:
                tokens = max(int(counts.totals.sum()), 1)
                self.value = chain.priors.joint_log_likelihood(counts) / tokens
        if plan.samples(left):
            chain.keep_sample()
        if evaluates and left > 0 and self.held_out is not None:
            self._look_at_held_out(sweep)
        stop = self.recorder.record(self.value)
        if self._path is not None and sweep % self._every == 0:
            self._write()
        return stop

    def _evaluates(self, sweep: int) -> bool:
        every = self.plan.evaluate_every
        return sweep in (1, self.end) or (every > 0 and sweep % every == 0)

    def _look_at_held_out(self, sweep: int) -> None:
        """Set the end nearer once the held-out perplexity no longer falls."""
        assert self.held_out is not None
        perplexity = self.held_out.perplexity(self.chain)
        self.perplexities.append((sweep, perplexity))
        if perplexity < self.best * (1 - self.plan.tol):
            self.best, self.stale = perplexity, 0
            return
        self.stale += 1
        rest = self.plan.settle_iter if self.sampler == "auto" else 0
        rest = max(rest, (self.plan.n_samples - 1) * self.plan.sample_interval + 1)
        if self.stale >= self.plan.patience and sweep + rest < self.end:
            self.end = sweep + rest

    def _say(self, began: float) -> None:
        chain = self.chain
        seconds = time.perf_counter() - began
        line = f"sweep {chain.iteration} of {self.end}: {METRIC} {self.value:.4f}"
        if self.perplexities:
            line += f", held-out perplexity {self.perplexities[-1][1]:.1f}"
        print(f"{line}, {seconds:.1f} s")

    def history(self, seed: int) -> History:
        """Return the record of the fit as it stands."""
        trace = self.recorder.trace(self.stop_reason)
        n_threads = self.chain.n_threads
        return History.of(self.model, METRIC, [trace], 0, seed=seed, n_threads=n_threads)


def order_by_size(totals: Any) -> Any:
    """Return the topics by falling number of tokens, equal ones by their number."""
    return np.argsort(-np.asarray(totals), kind="stable")


def start_of(topics: Any, n_tokens: int, n_topics: int) -> NDArray[np.uint16]:
    """Return the topics that tokens are to begin with, checked."""
    z = np.asarray(topics)
    if z.shape != (n_tokens,) or (z.size and z.dtype.kind not in "iu"):
        raise ValueError(
            f"start must be whole numbers, one topic for each of the {n_tokens} tokens; "
            f"got {z.dtype} of shape {z.shape}"
        )
    if z.size and not 0 <= z.min() <= z.max() < n_topics:
        raise ValueError(
            f"start must hold topics below n_components={n_topics}; got {z.min()} to {z.max()}"
        )
    return np.ascontiguousarray(z, np.uint16)
