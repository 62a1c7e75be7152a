"""All cases of all kinds in one place: their runners, and the words that stand for them."""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..gmm import cases as gmm_cases
from ..gmm import holes, impute, outofcore, squarem
from ..harness import adapters
from ..harness.machine import versions
from ..harness.process import PACKAGE, RunError, start_worker
from ..harness.settings import DIFFERENT, FAILED, Settings
from ..kmeans import cases as kmeans_cases
from ..lda import cases as lda_cases
from ..lda import runner as lda_runner
from ..lda import tables as lda_tables
from ..rbm import cases as rbm_cases
from ..rbm import quality as rbm_quality
from ..rbm import runner as rbm_runner
from ..rbm import tables as rbm_tables
from ..rows import runner as rows_runner
from ..rows import tables as rows_tables
from ..rows.case import Case
from . import growth, imports, wholes

Say = Callable[[str], None]
Changed = Callable[[Any], None]


@dataclass(frozen=True)
class Kind:
    """Cases of one runner, and the section of the results that holds their parts."""

    section: str
    cases: dict[str, Any]
    run: Callable[[Any, Settings, Say, Changed], dict[str, Any]]
    text: Callable[[dict[str, Any]], str]


def _run_whole(
    whole: wholes.Whole, settings: Settings, say: Say, changed: Changed
) -> dict[str, Any]:
    """Run a group that runs as a whole."""
    say(whole.name)
    part: dict[str, Any] = {"name": whole.name, "threads": settings.threads}
    if whole.name == "small":
        return {**part, **_small(settings)}
    if whole.name == "squarem":
        data = Path(settings.data)
        rows = squarem.run(data, settings.quick, settings.threads, settings.repeats)
        return {**part, "rows": rows}
    if whole.name == "outofcore":
        size = min(settings.size, 0.02) if settings.quick else settings.size
        return {**part, "told": outofcore.run(size, settings.threads)}
    return {**part, "rows": imports.run(settings, say)}


def _whole_text(part: dict[str, Any]) -> str:
    texts = {"small": rows_tables.small_text, "squarem": squarem.text, "import": imports.text}
    if part["name"] == "outofcore":
        return outofcore.text(part["told"])
    return texts[part["name"]](part["rows"])


def _small(settings: Settings) -> dict[str, Any]:
    """Run the group of small data; one row with the reason if it cannot run."""
    adapter = adapters.find(settings.ours)
    refused = {"data": "all", "k": 0, "model": "-", "start": "-", "status": "skipped"}
    reason = adapters.missing(adapter)
    if not reason and not hasattr(adapter, "estimators"):
        reason = f"{adapter.NAME} has no estimators"
    part = {"ours": adapter.NAME, "versions": {}}
    if reason:
        return {**part, "rows": [{**refused, "reason": reason}]}
    part["versions"] = versions((*adapter.DISTRIBUTIONS, "scikit-learn"))
    budget = 0.05 if settings.quick else settings.small
    with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
        try:
            rows: Any = start_worker(
                {
                    "task": "small",
                    "quick": settings.quick,
                    "budget": budget,
                    "ours": settings.ours,
                    "threads": settings.threads,
                },
                Path(folder),
                settings.threads,
                # the whole group is one process
                max(settings.limit, 1200.0),
            )
        except RunError as error:
            rows = [{**refused, "status": error.status, "reason": str(error)}]
    return {**part, "rows": rows}


#: In the order of the report.
KINDS = (
    Kind(
        "cases",
        {**gmm_cases.CASES, **kmeans_cases.CASES, **growth.of(Case)},
        lambda case, settings, say, changed: rows_runner.run_case(case, settings, say),
        rows_tables.case_text,
    ),
    Kind(
        "topics",
        {**lda_cases.CASES, **growth.of(lda_cases.TopicCase)},
        lda_runner.run_case,
        lda_tables.case_text,
    ),
    Kind(
        "machines",
        {**rbm_cases.CASES, **growth.of(rbm_cases.RbmCase)},
        rbm_runner.run_case,
        rbm_tables.case_text,
    ),
    Kind(
        "quality",
        rbm_cases.QUALITY,
        lambda case, settings, say, changed: rbm_quality.run_case(case, settings),
        rbm_quality.text,
    ),
    Kind(
        "holes",
        holes.CASES,
        lambda case, settings, say, changed: impute.run_case(case, settings),
        impute.text,
    ),
    Kind("wholes", wholes.CASES, _run_whole, _whole_text),
)

#: The group of a case.
OF: dict[str, Kind] = {name: kind for kind in KINDS for name in kind.cases}

#: The meaning of the words on the command line.
GROUPS: dict[str, tuple[str, ...]] = {
    **gmm_cases.GROUPS,
    **kmeans_cases.GROUPS,
    **lda_cases.GROUPS,
    **rbm_cases.GROUPS,
    **holes.GROUPS,
    **wholes.GROUPS,
    **growth.GROUPS,
}


@dataclass(frozen=True)
class Job:
    """One case with its settings; ``id`` is the same in every run with these."""

    id: str
    case: Any
    settings: Settings

    @property
    def kind(self) -> Kind:
        return OF[self.id.partition("@")[0]]

    def run(self, say: Say, changed: Changed) -> dict[str, Any]:
        """Run it; a finished part is marked, for a run that is resumed later."""
        part = self.kind.run(self.case, self.settings, say, lambda part: changed(self._named(part)))
        return {**self._named(part), "finished": True}

    def _named(self, part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "job": self.id}


def chosen(groups: Iterable[str], patterns: str | None) -> list[str]:
    """Return the names of the cases, in the order of the report.

    A pattern names cases by itself; with groups too it narrows them, except that a case whose full
    name is given runs in any event.

    Raises
    ------
    ValueError
        If a group is unknown, a pattern matches no case, or nothing is left.
    """
    wanted: set[str] = set()
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"no group {group!r}; known are {', '.join(GROUPS)}")
        wanted.update(GROUPS[group])
    if patterns:
        named: set[str] = set()
        spelt: set[str] = set()
        for pattern in (text.strip() for text in patterns.split(",")):
            found = fnmatch.filter(OF, pattern)
            if not found:
                raise ValueError(f"no case {pattern!r}; python -m {PACKAGE} list names all")
            named.update(found)
            spelt.update({pattern} & set(OF))
        wanted = (named & wanted) | spelt if wanted else named
    if not wanted:
        both = f"--cases {patterns}" + "".join(f" {group}" for group in groups)
        raise ValueError(f"no case is in both: {both}; omit the groups to run these cases")
    return [name for name in OF if name in wanted]


def jobs(names: Iterable[str], settings: Settings) -> list[Job]:
    """Return the jobs; of cases that are equal in quick size only the first."""
    found: dict[Any, Job] = {}
    for name in names:
        case = OF[name].cases[name]
        case = case.quick() if settings.quick else case
        for job in _jobs(name, case, settings):
            found.setdefault((_sizes(case), job.settings.threads), job)
    return list(found.values())


def _sizes(case: Any) -> str:
    """Return the key by which cases are equal."""
    if isinstance(case, wholes.Whole):
        return case.name
    if isinstance(case, Case):
        case = replace(case, extra_iter=0, spread=0.0)
    return repr(replace(case, name=""))


def _jobs(name: str, case: Any, settings: Settings) -> list[Job]:
    """Return a job, or one per number of threads for scaling cases of mixtures and K-means."""
    if case.group == "growth":
        return [Job(name, case, replace(settings, thread_counts=(settings.threads,)))]
    if case.group != "scaling":
        return [Job(name, case, settings)]
    if not isinstance(case, Case):
        counts = settings.scaling_counts
        return [Job(name, case, replace(settings, thread_counts=counts))]
    return [
        Job(f"{name}@{threads}", case, replace(settings, threads=threads))
        for threads in settings.scaling_counts
    ]


def failed(part: dict[str, Any]) -> bool:
    """Whether gibbous failed or has different quality there."""
    entries = [entry for entry in part.get("results", ()) if entry["ours"]]
    entries += [row for row in part.get("rows", ()) if "status" in row and row.get("ours", True)]
    entries += part.get("told", {}).get("fits", [])
    entries += [part] if "status" in part else []
    return any(entry["status"] in (DIFFERENT, FAILED) for entry in entries)
