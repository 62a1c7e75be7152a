"""One fit of a topic model: settings in, sweeps, priors, samples, early stop, outcome."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._fit.history import Callback, History, Recorder
from .._ground import arrayfile
from .._ground.arrayfile import State
from ..corpus.corpus import Corpus
from .chain import Chain
from .fold_in import Bags, fold_in, log_predictive
from .topic_word import TopicWord

METRIC = "joint log-likelihood a token"

#: The file that a run writes its state to.
CHECKPOINT = arrayfile.Kind("gibbous-checkpoint", "checkpoint of a topic model")


class Checkpoint(NamedTuple):
    """Where the state of a run is written, and after how many sweeps again."""

    path: Path
    every: int


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
        """Whether the priors are optimized after this sweep."""
        wanted = self.optimize_alpha or self.optimize_beta
        return wanted and sweep >= self.burn_in and sweep % self.optimize_interval == 0

    def samples(self, left: int) -> bool:
        """Whether the state is kept with so many sweeps left."""
        return left % self.sample_interval == 0 and left // self.sample_interval < self.n_samples


class HeldOut:
    """Documents held back to decide when further sweeps no longer help."""

    def __init__(self, documents: Corpus, key: int) -> None:
        halves = documents.completion_split(key & 0xFFFFFFFF)
        self.seen, self.hidden = map(Bags.of, halves)

    def perplexity(self, chain: Chain) -> float:
        """Return the perplexity by document completion (Wallach et al. 2009, section 5.1)."""
        topics, n_threads = chain.topic_word(), chain.settings.n_threads
        theta, _ = fold_in(topics, chain.priors.alpha, self.seen, n_threads=n_threads)
        log_p = log_predictive(topics, theta, self.hidden, n_threads=n_threads)
        return math.exp(-float(log_p.sum()) / max(self.hidden.n_tokens, 1))


@dataclass(frozen=True)
class Settings:
    """How a fit runs.

    Attributes
    ----------
    plan : Plan
    sampler : {"auto", "fast", "exact"}
    model : str
        The name of the estimator, for the history.
    verbose : bool
        Whether a line is printed at each evaluation.
    callback : callable or None
        Called with a Progress after each sweep; returning True ends the fit.
    keeps_numbers : bool
        Whether topics keep their numbers; otherwise they are sorted by size.
    keeps_topics : bool
        Whether the topics of tokens are part of the outcome.
    """

    plan: Plan
    sampler: str
    model: str
    verbose: bool = False
    callback: Callback | None = None
    keeps_numbers: bool = False
    keeps_topics: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a fit found; topics are in their final order.

    Attributes
    ----------
    topics : TopicWord
    word_topic : csr_array of shape (n_words, n_topics), int32
    document_topic : csr_array of shape (n_documents, n_topics), int32
    token_topics : ndarray of shape (n_tokens,), uint16, or None
    sizes : ndarray of shape (n_topics,)
    alpha : ndarray of shape (n_topics,)
    beta : float
    """

    topics: TopicWord
    word_topic: Any
    document_topic: Any
    token_topics: NDArray[np.uint16] | None
    sizes: NDArray[Any]
    alpha: NDArray[np.float64]
    beta: float


@dataclass(frozen=True)
class Summary:
    """The record of a run, which is known at every moment of it."""

    n_iter: int
    bound: float
    heldout_perplexities: list[tuple[int, float]]
    history: History


class Run:
    """The sweeps of one fit.

    Parameters
    ----------
    chain : Chain
    settings : Settings
    held_out : HeldOut, optional
        Documents that decide when to stop.
    start : ndarray of shape (n_tokens,), uint16, optional
        The topics that ``chain`` was given, for the identity of a checkpoint.
    """

    def __init__(
        self,
        chain: Chain,
        settings: Settings,
        held_out: HeldOut | None = None,
        start: NDArray[np.uint16] | None = None,
    ) -> None:
        self.chain, self.settings, self.plan = chain, settings, settings.plan
        self.held_out = held_out
        self.recorder = Recorder(
            settings.model, METRIC, max_iter=self.plan.max_iter, callback=settings.callback
        )
        self.value = math.nan
        self.stop_reason = "interrupted"
        self.end = self.plan.max_iter  # earlier if the held-out documents require it
        self.best = math.inf
        self.stale = 0
        self.perplexities: list[tuple[int, float]] = []
        self._checkpoint: Checkpoint | None = None
        self._identity = self._describe(start)  # now, because the priors change during the run

    # --- state -------------------------------------------------------------------------------

    def state(self) -> State:
        """Return all that the run needs to continue with the same bits."""
        trace = self.recorder.trace("interrupted")
        own = {"settings": self._identity, "value": self.value, "end": self.end}
        own |= {"best": self.best, "stale": self.stale, "perplexities": self.perplexities}
        own |= {"values": trace.values, "seconds": trace.seconds}
        return self.chain.state() | State({}, own)

    def restore(self, state: State) -> None:
        """Continue from a state of a run of the same corpus and settings.

        Raises
        ------
        ValueError
            If the state is of another corpus, or of a fit with other parameters.
        """
        head = state.head
        if head["corpus"] != self.chain.corpus.digest():
            raise ValueError("the checkpoint is of another corpus; remove it or give another name")
        if head["settings"] != self._identity:
            raise ValueError(
                "the checkpoint is of a fit with other parameters; remove it or give another name"
            )
        self.chain.restore(state)
        self.value, self.end, self.best = head["value"], head["end"], head["best"]
        self.stale, self.perplexities = head["stale"], [tuple(p) for p in head["perplexities"]]
        self.recorder.resume(head["values"], head["seconds"])

    def checkpoint(self, path: str | os.PathLike[str], every: int) -> None:
        """Write the state to a file every so many sweeps; continue from the file if it exists."""
        self._checkpoint = Checkpoint(Path(path), every)
        if not self._checkpoint.path.exists():
            return
        state = arrayfile.read(path, CHECKPOINT)
        try:
            self.restore(state)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def _describe(self, start: NDArray[np.uint16] | None) -> str:
        """Return a hash of everything that determines the bits of a fit, except its corpus."""
        settings, priors = self.chain.settings, self.chain.priors
        parts: dict[str, Any] = {"plan": asdict(self.plan), "sampler": self.settings.sampler}
        parts |= {"key": settings.key, "alpha": priors.alpha.tolist(), "beta": priors.beta}
        parts["proposals"] = settings.n_proposals
        if priors.seeds is not None:
            rows = (priors.seeds.indptr, priors.seeds.indices, priors.seeds.data)
            parts["seeds"] = hashlib.sha256(b"".join(a.tobytes() for a in rows)).hexdigest()
        if start is not None:
            parts["start"] = hashlib.sha256(start.tobytes()).hexdigest()
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _write(self) -> None:
        if self._checkpoint is not None:
            arrayfile.write(self._checkpoint.path, CHECKPOINT, self.state())

    # --- sweeps ------------------------------------------------------------------------------

    def go(self) -> None:
        """Sweep to the end; the chain holds what was reached also after an exception."""
        began = time.perf_counter()
        if self.end == 0:  # nothing is drawn, and the value is that of the current state
            counts = self.chain.counts()
            self.value = self.chain.priors.joint_log_likelihood(counts) / max(
                int(counts.totals.sum()), 1
            )
        while self.chain.iteration < self.end:
            stop = self._step()
            if self.settings.verbose and self._evaluates(self.chain.iteration):
                self._print(began)
            if stop:
                self.stop_reason = "callback"
                break
        else:
            self.stop_reason = "converged" if self.end < self.plan.max_iter else "completed"
        self._write()

    def _step(self) -> bool:
        chain, plan = self.chain, self.plan
        if self.settings.sampler == "auto" and chain.iteration >= self.end - plan.settle_iter:
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
            self._look_at_held_out(self.held_out, sweep)
        stop = self.recorder.record(self.value)
        if self._checkpoint is not None and sweep % self._checkpoint.every == 0:
            self._write()
        return stop

    def _evaluates(self, sweep: int) -> bool:
        every = self.plan.evaluate_every
        return sweep in (1, self.end) or (every > 0 and sweep % every == 0)

    def _look_at_held_out(self, held_out: HeldOut, sweep: int) -> None:
        """Reduce the number of sweeps once the held-out perplexity no longer decreases."""
        perplexity = held_out.perplexity(self.chain)
        self.perplexities.append((sweep, perplexity))
        if perplexity < self.best * (1 - self.plan.tol):
            self.best, self.stale = perplexity, 0
            return
        self.stale += 1
        rest = self.plan.settle_iter if self.settings.sampler == "auto" else 0
        rest = max(rest, (self.plan.n_samples - 1) * self.plan.sample_interval + 1)
        if self.stale >= self.plan.patience and sweep + rest < self.end:
            self.end = sweep + rest

    def _print(self, began: float) -> None:
        chain = self.chain
        seconds = time.perf_counter() - began
        line = f"sweep {chain.iteration} of {self.end}: {METRIC} {self.value:.4f}"
        if self.perplexities:
            line += f", held-out perplexity {self.perplexities[-1][1]:.1f}"
        print(f"{line}, {seconds:.1f} s")

    # --- what comes out ----------------------------------------------------------------------

    def summary(self) -> Summary:
        """Return the record of the run so far."""
        trace = self.recorder.trace(self.stop_reason)
        chain = self.chain.settings
        history = History.of(
            self.settings.model, METRIC, [trace], 0, seed=chain.key, n_threads=chain.n_threads
        )
        return Summary(self.chain.iteration, self.value, self.perplexities, history)

    def outcome(self, seen: Any = None) -> Outcome:
        """End the chain and return what it found.

        Parameters
        ----------
        seen : csr_array of shape (n_words, n_topics), optional
            Counts of earlier documents, which are added.
        """
        chain = self.chain
        words = chain.word_topic()
        if seen is not None:
            words = sp.csr_array(words + seen, dtype=np.int32)
        totals = np.asarray(words.sum(axis=0)).ravel()
        keeps = self.settings.keeps_numbers
        order = np.arange(len(totals)) if keeps else order_by_size(totals)
        topics = chain.topic_word().take(order)
        word_topic = sp.csr_array(words[:, order])
        documents, z = chain.finish()
        return Outcome(
            topics=topics,
            word_topic=word_topic,
            document_topic=sp.csr_array(documents[:, order]),
            token_topics=(
                np.argsort(order).astype(np.uint16)[z] if self.settings.keeps_topics else None
            ),
            sizes=totals[order],
            alpha=chain.priors.alpha[order],
            beta=chain.priors.beta,
        )


def order_by_size(totals: Any) -> Any:
    """Return the topics sorted by falling number of tokens, equal ones by number."""
    return np.argsort(-np.asarray(totals), kind="stable")


def start_of(topics: Any, n_tokens: int, n_topics: int) -> NDArray[np.uint16]:
    """Return the topics that tokens begin with, checked.

    Raises
    ------
    ValueError
        If there is not one whole number in [0, n_topics) for each token.
    """
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
