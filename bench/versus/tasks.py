"""The tasks of a comparison of two installations: one call of ``lap`` does one once.

A task is a plain record, so that it can be handed to the process that does the work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..gmm import squarem
from ..gmm.holes import HolesCase
from ..harness import adapters
from ..lda import corpora
from ..lda.cases import TopicCase
from ..plan import imports
from ..plan.kinds import Job
from ..plan.wholes import Whole
from ..rbm.cases import RbmCase
from ..rbm.data import images
from ..rows import small
from ..rows.case import Case, make

#: Runs once with that seed; returns the seconds if it has its own clock.
Lap = Callable[[int], float | None]

#: Sweeps per lap of topics.
_SWEEPS = 10

_OURS = "gibbous"

_HELP = "import sys; from gibbous.cli import main; sys.argv = ['gibbous', '--help']; main()"


@dataclass(frozen=True)
class Task:
    """One piece of work: its name, its kind, the threads it uses, and what else defines it."""

    name: str
    kind: str
    threads: int
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def of_jobs(jobs: Iterable[Job]) -> tuple[list[Task], list[str]]:
    """Return the tasks of the jobs, and the names of jobs that are not compared this way."""
    tasks: list[Task] = []
    left_out = []
    for job in jobs:
        found = list(_of_job(job))
        tasks += found
        if not found:
            left_out.append(job.id)
    return tasks, left_out


def _of_job(job: Job) -> Iterator[Task]:
    case, settings = job.case, job.settings
    if isinstance(case, Case):
        yield Task(job.id, "rows", settings.threads, {"case": case.to_dict()})
    elif isinstance(case, TopicCase):
        places = {"data": settings.data, "cache": settings.cache}
        for threads in settings.thread_counts:
            for variant in settings.samplers or ("auto",):
                details = {"case": case.to_dict(), "variant": variant, **places}
                yield Task(f"{job.id}@{threads} {variant}", "lda", threads, details)
    elif isinstance(case, RbmCase):
        for threads in settings.thread_counts:
            details = {"case": case.to_dict(), "data": settings.data}
            yield Task(f"{job.id}@{threads}", "rbm", threads, details)
    elif isinstance(case, HolesCase):
        yield Task(job.id, "impute", settings.threads, {"case": case.to_dict()})
    elif isinstance(case, Whole):
        yield from _of_whole(job)


def _of_whole(job: Job) -> Iterator[Task]:
    quick, threads = job.settings.quick, job.settings.threads
    if job.id == "small":
        for i, (task, _) in enumerate(small.tasks(quick)):
            name = f"fit {task.data} {task.model} {task.start} start"
            yield Task(name, "small", threads, {"index": i, "quick": quick})
    elif job.id == "squarem":
        for name in ("em", "squarem"):
            yield Task(f"convergence iris {name}", "squarem", threads, {"method": name})
    elif job.id == "import":
        for title, known in imports.IMPORTS.values():
            for name, statement, _, _ in known:
                if name == _OURS:
                    yield Task(f"import {title}", "import", threads, {"statement": statement})
        yield Task("command help", "import", threads, {"statement": ""})


# ---- in the process that does the work ---------------------------------------------------------


def prepare(task: Task) -> Lap:
    """Return a function that runs the task once; data and imports are ready on return."""
    return _PREPARE[task.kind](task)


def _rows(task: Task) -> Lap:
    case = Case(**task.details["case"])
    adapter = adapters.find(_OURS, "rows")
    adapter.load(case, task.threads)
    data, start = make(case)

    def lap(seed: int) -> None:
        adapter.fit(case, data, start, case.n_iter, seed)

    return lap


def _lda(task: Task) -> Lap:
    case = TopicCase(**task.details["case"])
    adapter = adapters.find(_OURS, "lda")
    adapter.load(case, task.threads)
    places = (Path(task.details[name]) for name in ("data", "cache"))
    corpus = corpora.load(corpora.find(case.corpus, *places))

    def lap(seed: int) -> None:
        adapter.start(case, corpus, task.threads, seed, task.details["variant"]).sweep(_SWEEPS)

    return lap


def _rbm(task: Task) -> Lap:
    case = RbmCase(**task.details["case"])
    adapter = adapters.find(_OURS, "rbm")
    adapter.load(case, task.threads)
    train, _ = images(case.data, Path(task.details["data"])).states()
    train = train[: case.n_rows or len(train)]

    def lap(seed: int) -> None:
        adapter.trainer(case, train, task.threads, seed, "").epochs(case.n_epochs)

    return lap


def _impute(task: Task) -> Lap:
    case = HolesCase(**task.details["case"])
    adapter = adapters.find(_OURS, "impute")
    rows = case.rows()
    rows[case.removed(0)] = float("nan")
    (variant,) = adapter.variants(case.quickly)

    def lap(seed: int) -> None:
        adapter.fill(variant, rows.copy(), 0, case.quickly)

    return lap


def _small(task: Task) -> Lap:
    known = list(small.tasks(task.details["quick"]))
    fit, data = known[task.details["index"]]
    side = small.Side(fit, data, adapters.find(_OURS, "rows").estimators())

    def lap(seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            side.model(seed).fit(data)

    return lap


def _squarem(task: Task) -> Lap:
    from sklearn.datasets import load_iris

    rows = load_iris().data
    given = squarem.start(rows, 3)
    acceleration = None if task.details["method"] == "em" else "squarem"

    def lap(seed: int) -> None:
        squarem.mixture(3, given, 1e-6, acceleration, task.threads).fit(rows)

    return lap


def _import(task: Task) -> Lap:
    statement = task.details["statement"]
    code = imports.timed(statement) if statement else _HELP
    command = [sys.executable, "-W", "ignore", "-c", code]

    def lap(seed: int) -> float | None:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        if not statement:
            return None
        seconds, _ = json.loads(done.stdout.splitlines()[-1])
        return float(seconds)

    return lap


_PREPARE: dict[str, Callable[[Task], Lap]] = {
    "rows": _rows,
    "lda": _lda,
    "rbm": _rbm,
    "impute": _impute,
    "small": _small,
    "squarem": _squarem,
    "import": _import,
}
