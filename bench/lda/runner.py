"""The parent of the topic cases: starts the runs, and compares their results."""

from __future__ import annotations

import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..harness import adapters
from ..harness.machine import BUSY, Neighbors
from ..harness.process import RunError, start_worker
from ..harness.settings import DIFFERENT, OK, SKIPPED, Settings
from . import corpora, evaluation
from .cases import TopicCase

#: Quality counts as equal from this factor of the best peer's last perplexity on.
EQUAL = 1.01

#: Time marks of a curve: half of the seconds, a quarter, and so on.
_MARKS = 7


def run_case(
    case: TopicCase,
    settings: Settings,
    say: Callable[[str], None],
    changed: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Run every implementation on the case and return its part of the report.

    ``changed`` is called with the part after every run: an interrupted run keeps its rows.
    """
    part: dict[str, Any] = {**case.to_dict(), "alpha": case.alpha, "results": []}
    data = Path(settings.data)
    if said := corpora.missing(case.corpus, data):
        return {**part, "reason": said}
    say(f"{case.name}: corpus")
    try:
        corpus = corpora.find(case.corpus, data, Path(settings.cache))
    except OSError as error:
        return {**part, "reason": str(error)}
    part["facts"] = corpora.facts(corpus)
    known = None
    if case.kind == "lda":
        known = part["reference"] = evaluation.reference(case, corpus, Path(settings.cache))
    part["results"] = rows = _rows(case, settings)
    for turn, row in itertools.product(range(settings.repeats), rows):
        if row["status"] != OK or (turn and _too_slow(row, settings)):
            continue
        say(f"{case.name}: {_title(row)}, run {turn + 1} of {settings.repeats}")
        _run_once(case, row, settings, corpus, turn)
        _judge(case, row, known)
        compare(part)
        changed(part)
    return part


def _proposals(adapter: ModuleType, variant: str) -> bool:
    """Whether sweeps are not equivalent to those of collapsed Gibbs sampling."""
    return variant in getattr(adapter, "PROPOSALS", ())


def _rows(case: TopicCase, settings: Settings) -> list[dict[str, Any]]:
    rows = []
    for threads in settings.thread_counts:
        for i, key in enumerate((settings.ours, *settings.peers)):
            if not adapters.takes_part(key, "lda"):
                continue
            adapter = adapters.find(key, "lda")
            reason = adapters.missing(adapter) or adapter.refuses(case)
            variants = adapter.variants(case) if hasattr(adapter, "variants") else ("",)
            if settings.samplers:
                variants = [v for v in variants if not v or v in settings.samplers]
            rows += [
                {
                    "adapter": key,
                    "implementation": adapter.NAME,
                    "variant": variant,
                    "threads": threads,
                    "ours": i == 0,
                    "status": SKIPPED if reason else OK,
                    "reason": reason,
                    "proposals": _proposals(adapter, variant),
                    "runs": [],
                }
                for variant in variants
            ]
    return rows


def _title(row: dict[str, Any]) -> str:
    return f"{row['implementation']} {row['variant']} ({row['threads']} threads)"


def _too_slow(row: dict[str, Any], settings: Settings) -> bool:
    """A run that took much of the limit is not repeated: its figure is far from a tie."""
    return row["runs"][-1]["wall_seconds"] > settings.limit / 2


def _run_once(
    case: TopicCase, row: dict[str, Any], settings: Settings, corpus: Path, turn: int
) -> None:
    spec = {
        "task": "lda",
        "adapter": row["adapter"],
        "variant": row["variant"],
        "case": case.to_dict(),
        "threads": row["threads"],
        "corpus": str(corpus),
        "seed": 1000 * turn,
        "check": case.kind == "lda" and turn == 0,
        "seconds": settings.sampling,
        "marks": [settings.curve / 2**i for i in reversed(range(_MARKS))],
        # Java reserves addresses that it never uses
        "memory": 0 if row["adapter"] == "mallet" else settings.memory,
    }
    # runs with a fixed sampling time are not slow, and some start again at each mark
    limit = settings.limit + (6 * settings.curve if case.kind == "lda-curve" else 0)
    with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
        try:
            start = time.perf_counter()
            with Neighbors() as neighbors:
                run = start_worker(spec, Path(folder), row["threads"], limit)
            run["wall_seconds"] = time.perf_counter() - start
        except RunError as error:
            row["status"], row["reason"] = error.status, str(error)
            return
    row["runs"].append({**run, "neighbours": neighbors.busy})
    _summarise(row)


def _summarise(row: dict[str, Any]) -> None:
    """Combine the figures of a row's runs: medians, and the curve of the first run."""
    runs = row["runs"]
    seconds = [run["seconds"] for run in runs]
    row["seconds"] = {"median": statistics.median(seconds), "min": min(seconds)}
    row["seconds"] |= {"max": max(seconds), "runs": seconds}
    row["tokens_per_second"] = runs[0]["n_tokens"] / row["seconds"]["median"]
    row["processor_seconds"] = runs[0].get("processor_seconds")
    row["setup_seconds"] = statistics.median(run["setup_seconds"] for run in runs)
    row["peak_bytes"] = max(run["peak_bytes"] for run in runs)
    row["bytes_beyond_corpus"] = max(run["bytes_beyond_corpus"] for run in runs)
    row["bytes_a_token"] = row["bytes_beyond_corpus"] / runs[0]["n_tokens"]
    row["quality"] = runs[0]["quality"]
    row["busy"] = max(run["neighbours"] or 0.0 for run in runs) > BUSY
    row["versions"] = runs[-1]["versions"]
    faults = [look["faults"] for run in runs for look in run["quality"] if look["faults"]]
    if faults:
        row["status"], row["reason"] = DIFFERENT, faults[0]


def _judge(case: TopicCase, row: dict[str, Any], known: dict[str, float] | None) -> None:
    """Mark a row whose sweeps have too low a quality."""
    found = row["runs"][0].get("check") if row["runs"] else None
    if known is None or found is None:
        return
    row["check"], fault = evaluation.judge(case, found, known, row["proposals"])
    if fault and row["status"] == OK:
        row["status"], row["reason"] = DIFFERENT, fault


def compare(part: dict[str, Any]) -> None:
    """Fill in each row's speedup over the best peer at the same number of threads.

    Speed: the best peer's seconds per sweep over the row's, except for proposal sweeps, which are
    not worth those of others. Curves: the target is the best peer's
    last perplexity and 1% more; the best peer's seconds to the target over the row's, and None for
    a row that has not reached it.
    """
    curve = part["kind"] == "lda-curve"
    for threads in {row["threads"] for row in part["results"]}:
        rows = [row for row in part["results"] if row["threads"] == threads and "seconds" in row]
        peers = [row for row in rows if row["status"] == OK and not row["ours"]]
        peers = [row for row in peers if curve or not row.get("proposals")]
        if curve:
            ends = [row["quality"][-1]["perplexity"] for row in peers if row["quality"]]
            target = EQUAL * min(ends) if ends else None
        for row in rows:
            if curve:
                row["target"] = target
                row["figure"] = None if target is None else seconds_to(row["quality"], target)
            else:
                row["figure"] = row["seconds"]["median"]
        best = min((row["figure"] for row in peers if row["figure"] is not None), default=None)
        for row in rows:
            valid = row["status"] == OK and best is not None and row["figure"] is not None
            valid = valid and (curve or not row.get("proposals"))
            row["times_as_fast_as_best_peer"] = best / row["figure"] if valid else None


def seconds_to(looks: list[dict[str, Any]], target: float) -> float | None:
    """Return the seconds of sampling to that perplexity, or None if it was not reached.

    Between two evaluations log perplexity is interpolated linearly in log seconds.
    """
    last: dict[str, Any] | None = None
    for look in looks:
        if look["perplexity"] is None:
            continue
        if look["perplexity"] <= target:
            if last is None:
                return float(look["sampling_seconds"])
            total = math.log(last["perplexity"] / look["perplexity"])
            share = math.log(last["perplexity"] / target) / total
            times = look["sampling_seconds"] / last["sampling_seconds"]
            return float(last["sampling_seconds"] * times**share)
        last = look
    return None
