"""Two installations in turn: the same work, a few milliseconds apart, over and over.

A round starts one fresh process per installation and gives both every task; the two alternate
call by call, so that whatever else the machine does meets both alike. A round's figure for a task
is the median of the ratios of its pairs; several rounds show how much a process's own luck, such
as where its memory lies, contributes.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..harness.process import PACKAGE, environment, root
from .tasks import Task

#: Minimum seconds of a call: shorter work is repeated within the call.
_CALL = 0.003

#: A first call that takes so many seconds is not repeated before the pairs.
_LONG = 0.5

#: Minimum (regardless of time) and maximum number of pairs of a task in one round.
_FEWEST, _MOST = 3, 100


class SideError(RuntimeError):
    """One of the two processes ended, or imported another installation than it was given."""


@dataclass
class Comparison:
    """The measurements of one task: a median of seconds and of ratios for each round."""

    task: Task
    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    fastest: tuple[float, float] = (math.inf, math.inf)

    def add(self, pairs: list[tuple[float, float]]) -> None:
        """Add the (old, new) seconds of one round."""
        old, new = zip(*pairs, strict=True)
        self.old.append(statistics.median(old))
        self.new.append(statistics.median(new))
        self.ratios.append(statistics.median(b / a for a, b in pairs))
        self.fastest = min(self.fastest[0], *old), min(self.fastest[1], *new)

    @property
    def ratio(self) -> float:
        """Median over the rounds of new over old seconds; above 1 if the new one is slower."""
        return statistics.median(self.ratios)

    @property
    def fastest_ratio(self) -> float:
        """The new side's fastest call over the old side's, which other work disturbs least."""
        return self.fastest[1] / self.fastest[0]

    def slower(self, threshold: float) -> bool:
        """Whether the median is more than ``threshold`` above 1, whatever the spread."""
        return self.ratio > 1.0 + threshold


class Side:
    """One installation at work in a process of its own."""

    def __init__(self, path: str, threads: int) -> None:
        self._path = path
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        variables = {
            **environment(threads),
            "PYTHONPATH": path,
            # threads that spin after their work would take processors from the other side
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{PACKAGE}.versus.worker"],
            cwd=root(),
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.facts = self.ask({"threads": threads})
        self._check()

    def _check(self) -> None:
        file = Path(self.facts["file"]).resolve()
        folders = [Path(part).resolve() for part in self._path.split(os.pathsep)]
        if not any(folder in file.parents for folder in folders):
            self.close()
            raise SideError(f"{self._path} has no gibbous: {file} was imported instead")

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises
        ------
        SideError
            If the process ends without one.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            self.close()
            last = said[-1] if said else "nothing on standard error"
            raise SideError(f"{self._path}: the process ended with exit status {code}: {last:.300}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


def compare(
    tasks: Iterable[Task],
    paths: tuple[str, str],
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> list[Comparison]:
    """Do every task with both installations in turn.

    Parameters
    ----------
    tasks : iterable of Task
    paths : (str, str)
        PYTHONPATH of the old and of the new installation.
    rounds : int
        Pairs of fresh processes.
    seconds : float
        About how long the pairs of one task may take in one round.
    say : callable
        Called with the name of what runs.

    Returns
    -------
    list of Comparison
        In the order of the tasks.

    Raises
    ------
    SideError
        If a process ends, or a path does not hold the package.
    """
    found = [Comparison(task) for task in tasks]
    for turn in range(rounds):
        for threads in sorted({c.task.threads for c in found}):
            chosen = [c for c in found if c.task.threads == threads]
            _round(chosen, paths, threads, turn, seconds, say)
    return found


def _round(
    chosen: list[Comparison],
    paths: tuple[str, str],
    threads: int,
    turn: int,
    seconds: float,
    say: Callable[[str], None],
) -> None:
    sides: list[Side] = []
    try:
        for path in paths:
            sides.append(Side(path, threads))
        for comparison in chosen:
            say(f"round {turn + 1}: {comparison.task.name}")
            _measure(comparison, sides, turn, seconds)
    finally:
        for side in sides:
            side.close()


def _measure(comparison: Comparison, sides: list[Side], turn: int, seconds: float) -> None:
    """Add one round of pairs; the order alternates."""
    opened = [side.ask({"open": comparison.task.to_dict()})["seconds"] for side in sides]
    if max(opened) < _LONG:
        # the first call is slow; a second one shows the duration of a call
        opened = [side.ask({"seed": 0, "times": 1})["seconds"] for side in sides]
    times = max(1, round(_CALL / max(min(opened), 1e-9)))
    pairs: list[tuple[float, float]] = []
    began = time.perf_counter()
    while len(pairs) < _FEWEST or (time.perf_counter() - began < seconds and len(pairs) < _MOST):
        spent = [0.0, 0.0]
        for i in (0, 1) if (len(pairs) + turn) % 2 == 0 else (1, 0):
            request = {"seed": 1 + len(pairs) * times, "times": times}
            spent[i] = sides[i].ask(request)["seconds"]
        pairs.append((spent[0], spent[1]))
    comparison.add(pairs)
