"""About how long a case takes, added up from its runs; on two processors of a server of 2021."""

from __future__ import annotations

from typing import Any

from ..gmm.holes import HolesCase
from ..harness import adapters
from ..harness.settings import Settings
from ..lda.cases import TopicCase
from ..lda.corpora import SYNTHETIC
from ..rbm.cases import RbmCase
from ..rows.case import Case
from .imports import IMPORTS
from .kinds import Job

#: Seconds of a process until it measures: the interpreter, imports, a warm-up.
_START = {"torch": 3.0, "rbms": 4.0, "learnergy": 4.0}
_STARTED = 1.5

#: Times of the peers relative to those of gibbous.
_SLOWER = {
    "daal4py": 4.0,
    "sklearnex": 3.0,
    "faiss": 3.0,
    "sklearn": 40.0,
    "torch": 3.0,
    "rbms": 4.0,
    "learnergy": 8.0,
}

#: Operations per second of gibbous on one processor, and of the references in NumPy.
_MIXTURES, _MACHINES, _NUMPY = 2e10, 1.2e11, 8e9

#: Tokens of real corpora.
_TOKENS = {"20news": 2.2e6, "sotu": 8e5}


def seconds(job: Job) -> float:
    """Return the seconds of a job: all of its runs, its data and its reference."""
    case, settings = job.case, job.settings
    if isinstance(case, Case):
        return _matrices(case, settings)
    if isinstance(case, TopicCase):
        return _topics(case, settings)
    if isinstance(case, RbmCase):
        return _machines(case, settings)
    if isinstance(case, HolesCase):
        draws = settings.draws or case.draws
        return draws * (4.0 if case.quickly else 30.0 if case.data == "wine" else 90.0)
    return _rest(job.id, settings)


def _taking_part(family: str, case: Any, settings: Settings) -> list[tuple[str, Any]]:
    """Return the participants: those that are installed and support the case."""
    found = []
    for name in (settings.ours, *settings.peers):
        if adapters.takes_part(name, family):
            adapter = adapters.find(name, family)
            if not (adapters.missing(adapter) or adapter.refuses(case)):
                found.append((name, adapter))
    return found


def _matrices(case: Case, settings: Settings) -> float:
    n, d, k = case.n, case.d, case.k
    work = {"full": 2.0 * n * k * d * d, "tied": 2.0 * n * d * d + 4.0 * n * k * d}
    # exponentials, in addition to the products of a mixture
    once = work.get(case.covariance, 8.0 * n * k * d) + 50.0 * n * k
    if not case.mixture:
        once = 2.0 * n * k * d
    total = n * d / 1e7 + case.n_iter * once / _NUMPY
    for name, _ in _taking_part("rows", case, settings):
        slower = min(_SLOWER.get(name, 1.0), 40.0 if case.mixture else 5.0)
        step = once / (_MIXTURES * settings.threads) * slower
        fits = (case.n_iter + 2) * step
        times = 1 if fits > settings.limit / 5 else settings.repeats
        budget = 0.2 if settings.quick else settings.budget
        total += times * (_STARTED + n * d / 1e8 + min(max(fits, budget), settings.limit))
    return total


def _topics(case: TopicCase, settings: Settings) -> float:
    drawn = SYNTHETIC.get(case.corpus)
    tokens = drawn.n_tokens if drawn else _TOKENS[case.corpus]
    total = 1.0 + case.k / 500
    for name, adapter in _taking_part("lda", case, settings):
        variants = adapter.variants(case) if hasattr(adapter, "variants") else ("",)
        variants = [v for v in variants if not settings.samplers or not v or v in settings.samplers]
        # ours starts again for every evaluation
        anew = 2.0 if name == settings.ours else 1.0
        if case.kind == "lda-curve":
            spent = settings.curve * anew + 7 * min(1.0, tokens / 1e5)
        else:
            spent = 2 * settings.sampling * anew
        run = _STARTED + tokens / 1e6 + spent
        total += len(variants) * len(settings.thread_counts) * settings.repeats * run
    return total


def _machines(case: RbmCase, settings: Settings) -> float:
    epochs = case.n_epochs if settings.quick else settings.epochs or case.n_epochs
    n, d = (case.n_rows or 60_000, 784) if case.data == "mnist" else (400, 64)
    work = 2.0 * n * d * case.hidden * (2 * case.k + 3) * epochs
    total = work / (4 * _NUMPY)
    for name, _ in _taking_part("rbm", case, settings):
        for threads in settings.thread_counts:
            spent = work / (_MACHINES * threads) * _SLOWER.get(name, 1.0)
            total += settings.repeats * (_START.get(name, _STARTED) + min(spent, settings.limit))
    return total


def _rest(name: str, settings: Settings) -> float:
    if name == "small":
        return 10.0 * (0.1 if settings.quick else 12 * settings.small) + _STARTED
    if name == "squarem":
        return 3.0 if settings.quick else 20.0 * settings.repeats
    if name == "outofcore":
        return 8.0 if settings.quick else 10.0 + 15.0 * settings.size
    if name == "import":
        rows = 1 + sum(len(known) for _, known in IMPORTS.values())
        return 11.0 if settings.quick else 1.5 * rows * (1 + settings.repeats)
    return 300.0  # a well-trained Boltzmann machine
