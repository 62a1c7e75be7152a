"""The command ``list``: groups, suites, cases and implementations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..harness import adapters
from ..harness.settings import Settings
from ..plan import estimates, kinds, suites
from ..plan.kinds import Job


def text(settings: Settings) -> str:
    """Return everything that has a name, with the minutes that it takes with these settings."""
    lines = ["groups, number of cases, and approximate minutes with all installed peers:"]
    for name, names in kinds.GROUPS.items():
        jobs = suites.of_groups([name], None, settings, False)
        lines.append(f"  {name:<12} {len(names):>3} {_minutes(jobs):>7.0f}")
    lines += ["suites, with the minutes of each group:"]
    for name in suites.SUITES:
        quick = name == "quick"
        counts = (1,) if quick else settings.thread_counts
        chosen = replace(settings, quick=quick, thread_counts=counts)
        chosen = replace(chosen, repeats=1, sampling=0.05, curve=0.4) if quick else chosen
        jobs = suites.of_suite(name, chosen, False)
        lines.append(f"  {name:<12} {len(jobs):>3} {_minutes(jobs):>7.1f}: {_parts(jobs)}")
    lines += ["cases:"]
    lines += [f"  {_case(case)}" for kind in kinds.KINDS for case in kind.cases.values()]
    lines += ["implementations:"]
    for family, known in adapters.FAMILIES.items():
        for name in known:
            adapter = adapters.find(name, family)
            lines.append(f"  {family:<9} {name:<9} {adapters.missing(adapter) or 'installed'}")
    return "\n".join(lines)


def _minutes(jobs: Iterable[Job]) -> float:
    return sum(map(estimates.seconds, jobs)) / 60


def _parts(jobs: list[Job]) -> str:
    """Return the minutes of each group of a suite."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        name = job.id.partition("@")[0]
        known = [group for group, names in kinds.GROUPS.items() if name in names]
        groups.setdefault(known[0], []).append(job)
    return ", ".join(f"{name} {_minutes(found):.1f}" for name, found in groups.items())


def _case(case: object) -> str:
    known = vars(case)
    name = f"{known['name']:<25}"
    if "says" in known:
        return f"{name} {known['says']}"
    if "covariance" in known:
        shape = f"n {known['n']:>9,} d {known['d']:>3} k {known['k']:>3} {known['dtype']}"
        return f"{name} {known['kind']:<9} {known['covariance']:<10} {shape}"
    if "corpus" in known:
        return f"{name} {known['kind']:<9} {known['corpus']:<10} k {known['k']:>6,}"
    if "batch" in known:
        method = f"{known['method'].upper()}-{known['k']}"
        return f"{name} {method:<9} h {known['hidden']:>5,} batch {known['batch']}"
    if "share" in known:
        return f"{name} {known['data']}, {known['share']:.0%} removed"
    return f"{name} gibbous only, {known['states']}"
