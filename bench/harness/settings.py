"""Settings of a run, and the states that an implementation can end in."""

from __future__ import annotations

from dataclasses import dataclass

from . import adapters

OK, DIFFERENT, SLOW, FAILED, SKIPPED = (
    "ok",
    "different quality",
    "over limit",
    "failed",
    "skipped",
)


@dataclass
class Settings:
    """What the command line chose."""

    ours: str = "gibbous"
    peers: tuple[str, ...] = adapters.PEERS
    threads: int = 1
    repeats: int = 3
    limit: float = 120.0
    quick: bool = False
    #: Seconds that a process of mixtures or K-means repeats its measurement for.
    budget: float = 5.0
    #: Numbers of threads of the runs on topics and of Boltzmann machines.
    thread_counts: tuple[int, ...] = (1,)
    #: Numbers of threads of the scaling cases.
    scaling_counts: tuple[int, ...] = (1,)
    #: Topics only: seconds of sampling, bytes per run, samplers of gibbous by name, and
    #: where corpora are kept.
    sampling: float = 10.0
    curve: float = 64.0
    memory: int = 0
    samplers: tuple[str, ...] = ()
    cache: str = ""
    #: The folder of real data sets.
    data: str = ""
    #: Of some groups only: epochs of Boltzmann machines (0: the case's), GB of the file of
    #: outofcore, draws of impute (0: the case's), seconds per row of small.
    epochs: int = 0
    size: float = 4.0
    draws: int = 0
    small: float = 0.7
