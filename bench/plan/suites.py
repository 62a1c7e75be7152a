"""The jobs: groups by name, or a suite of steps with their own settings."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field, replace
from typing import Any

from ..harness.settings import Settings
from . import kinds
from .kinds import Job

#: The default: every group that compares speed and does not take long.
DEFAULT = ("gmm", "bgmm", "kmeans", "lda", "rbm", "small", "import")

#: Groups that compare with the fastest peers only: they show how seconds grow.
_FASTEST = ("daal4py", "sklearnex", "tomotopy", "torch")


@dataclass(frozen=True)
class Step:
    """Some cases, by pattern, and settings that differ from the command's.

    A case belongs to the first step that names it.
    """

    patterns: str
    settings: dict[str, Any] = field(default_factory=dict)


_TWO = {"repeats": 2}

SUITES: dict[str, tuple[Step, ...]] = {
    # every kind of measurement and of check, in tiny sizes: two minutes
    "quick": (
        Step("A,A-diag,D-f32", {"peers": ("sklearn", "daal4py")}),
        Step("bgmm-A,kmeans,kmeans++"),
        Step("lda-20news-20", {"samplers": ("fast", "exact")}),
        Step("lda-curve-20news-100", {"samplers": ("auto",), "peers": ("tomotopy",)}),
        Step("rbm-cd1-500-128"),
        Step("rbm-pcd1-500-128", {"peers": ("sklearn",)}),
        Step("impute-wine-30,small,squarem,import"),
        Step("scaling-gmm,growth-gmm-n-*", {"peers": ()}),
        Step("growth-lda-topics-*", {"peers": (), "samplers": ("fast",)}),
    ),
    # about 40 minutes on two processors
    "standard": (
        Step("A,A-tied,A-diag,B-diag,C-separated,D-f32", {"budget": 2.0, "limit": 30.0}),
        Step("bgmm-A,bgmm-A-diag", {**_TWO, "budget": 2.0, "limit": 30.0}),
        Step("kmeans,kmeans++", {**_TWO, "budget": 2.0}),
        Step("small", {"small": 1.0}),
        Step("squarem", {"repeats": 1}),
        Step("import", _TWO),
        *(
            Step(
                f"lda-20news-{topics}",
                {
                    "repeats": repeats,
                    "sampling": 1.0,
                    "peers": ("tomotopy",),
                    "samplers": ("fast", "exact"),
                },
            )
            for topics, repeats in ((20, 3), (1000, 1))
        ),
        Step("lda-20news-100", {"sampling": 1.0, "repeats": 1, "samplers": ("fast", "exact")}),
        Step(
            "lda-synth10m-1000",
            {
                "sampling": 2.0,
                "repeats": 1,
                "peers": ("tomotopy",),
                "samplers": ("fast", "exact"),
                "thread_counts": (2,),
            },
        ),
        Step(
            "lda-curve-20news-100",
            {
                "curve": 64.0,
                "repeats": 1,
                "peers": ("tomotopy",),
                "samplers": ("auto",),
                "thread_counts": (2,),
            },
        ),
        Step("rbm-cd1-500-128", {"epochs": 1, **_TWO}),
        Step("rbm-cd1-128-*", {"epochs": 1, **_TWO, "peers": ("torch",)}),
        Step("rbm-cd1-*", {"epochs": 1, "repeats": 1, "peers": ("torch",)}),
        Step(
            "rbm-pcd1-500-128,rbm-cd10-128-128",
            {"epochs": 1, "repeats": 1, "peers": ("torch", "sklearn")},
        ),
        Step("scaling-*", {**_TWO, "budget": 1.0, "sampling": 1.0, "samplers": ("fast", "exact")}),
        Step(
            "growth-*",
            {"repeats": 1, "budget": 0.5, "sampling": 0.5, "samplers": ("fast", "exact")},
        ),
    ),
    # cases that standard omits because the peers take long
    "long": (
        Step(
            "lda-20news-10000",
            {
                "repeats": 1,
                "sampling": 15.0,
                "limit": 900.0,
                "peers": ("tomotopy",),
                "samplers": ("fast", "exact"),
            },
        ),
        # 120 steps of CD-10 are too few to compare machines
        Step(
            "rbm-cd10-500-500,rbm-cd10-1024-500",
            {"repeats": 1, "limit": 600.0, "peers": ("torch",)},
        ),
        Step(
            "rbm-cd10-128-64,rbm-cd10-128-500,rbm-cd10-500-*,rbm-cd10-1024-*",
            {"epochs": 1, "repeats": 1, "limit": 600.0, "peers": ("torch",)},
        ),
    ),
}


def of_groups(
    groups: list[str], patterns: str | None, settings: Settings, peers_given: bool
) -> list[Job]:
    """Return the jobs of groups and patterns, all with the same settings.

    Raises
    ------
    ValueError
        If a group or a pattern is unknown, or nothing is left to run.
    """
    names = kinds.chosen(groups or ([] if patterns else DEFAULT), patterns)
    return _jobs(names, settings, peers_given)


def of_suite(name: str, settings: Settings, peers_given: bool) -> list[Job]:
    """Return the jobs of a suite; each step's settings go before the command's.

    Raises
    ------
    ValueError
        If there is no such suite.
    """
    if name not in SUITES:
        raise ValueError(f"no suite {name!r}; known are {', '.join(SUITES)}")
    found: dict[str, Job] = {}
    for step in SUITES[name]:
        own = dict(step.settings)
        if peers_given or "peers" not in own:
            own.pop("peers", None)
        counts = own.pop("thread_counts", settings.thread_counts)
        # a machine with one processor cannot use two threads
        own["thread_counts"] = tuple(c for c in counts if c <= settings.threads) or (1,)
        changed = replace(settings, **own)
        names = [n for p in step.patterns.split(",") for n in fnmatch.filter(kinds.OF, p)]
        for job in _jobs(names, changed, peers_given or "peers" in step.settings):
            found.setdefault(job.id, job)
    return list(found.values())


def _jobs(names: list[str], settings: Settings, peers_given: bool) -> list[Job]:
    found = []
    for job in kinds.jobs(names, settings):
        if job.case.group in ("growth", "scaling") and not peers_given:
            peers = tuple(name for name in settings.peers if name in _FASTEST)
            job = replace(job, settings=replace(job.settings, peers=peers))
        found.append(job)
    return found
