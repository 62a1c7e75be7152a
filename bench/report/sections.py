"""Result files, combined by the machine that they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..harness import schema
from . import wording

#: Names of the groups, in the order of a report; others follow under their own names.
GROUPS = {
    "gmm": "Gaussian mixtures (EM)",
    "bgmm": "Variational mixtures",
    "kmeans": "K-means",
    "lda": "Topic models",
    "lda-curve": "Topic models, quality over time",
    "rbm": "Boltzmann machines",
    "rbm-quality": "Trained Boltzmann machines",
    "impute": "Imputation",
    "squarem": "Accelerated EM",
    "outofcore": "Data larger than memory",
    "small": "Small data",
    "import": "Import",
    "growth": "Growth with size",
    "scaling": "Thread scaling",
}


#: The warning of ``bench run`` on a machine with other work.
_BUSY = re.compile(r"the machine was busy at the start \(load average ([\d.]+)\)")


@dataclass
class Section:
    """All measurements on one machine."""

    machine: dict[str, Any]
    names: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    peaks: dict[str, Any] | None = None

    @property
    def title(self) -> str:
        return wording.processor(self.machine)

    def notices(self) -> list[str]:
        """Return the warnings; those of a busy machine share a line."""
        loads = [float(m[1]) for text in self.warnings if (m := _BUSY.search(text))]
        others = [text for text in self.warnings if not _BUSY.search(text)]
        if not loads:
            return others
        runs = wording.count(len(loads), "run")
        load = " to ".join(dict.fromkeys(f"{x:.2f}" for x in (min(loads), max(loads))))
        said = f"the machine was busy at the start of {runs} (load average {load})"
        return [f"{said}; single timings may be off.", *others]

    def groups(self) -> list[str]:
        """Return the groups that have records, in the order of a report."""
        found = dict.fromkeys(record["group"] for record in self.records)
        known = [group for group in GROUPS if group in found]
        return known + [group for group in found if group not in GROUPS]

    def versions(self) -> dict[str, list[str]]:
        """Return the versions in use, by distribution."""
        found: dict[str, set[str]] = {}
        for record in self.records:
            for name, version in record["versions"].items():
                found.setdefault(name, set()).add(version)
        return {name: sorted(found[name]) for name in sorted(found)}


def group_text(group: str) -> str:
    return GROUPS.get(group, group)


def gather(results: list[tuple[str, dict[str, Any]]]) -> list[Section]:
    """Return one section per machine; the first to appear comes first.

    If two files have the same figure of one machine, that of the later file is used.
    """
    found: dict[tuple[Any, ...], Section] = {}
    for name, result in results:
        machine = result["machine"]
        config = machine["gibbous"] or {}
        identity = (
            machine["processor"],
            machine["processors"],
            machine["memory_bytes"],
            config.get("processor", {}).get("in use"),
        )
        _add(found.setdefault(identity, Section(machine)), name, result)
    for section in found.values():
        _distinguish(section)
    return list(found.values())


def _distinguish(section: Section) -> None:
    """Give every case a title; add the name of the case if two of a group share a title."""
    cases: dict[tuple[str, str], set[str]] = {}
    for record in section.records:
        cases.setdefault((record["group"], record["title"]), set()).add(record["case"])
    renamed = []
    for record in section.records:
        title = record["title"] or record["case"]
        if record["title"] and len(cases[record["group"], record["title"]]) > 1:
            title = f"{title} ({record['case']})"
        renamed.append({**record, "title": title})
    section.records = renamed


def _add(section: Section, name: str, result: dict[str, Any]) -> None:
    many = bool(section.names)
    section.names.append(name)
    section.settings.append(result["settings"])
    section.peaks = result["peaks"] or section.peaks
    cut = schema.unfinished(result)
    warnings = [*result["machine"]["warnings"], *([cut] if cut else [])]
    if result["settings"].get("quick"):
        warnings.append("A quick run: the sizes are tiny and the times meaningless.")
    section.warnings += [f"{name}: {warning}" if many else warning for warning in warnings]
    new = {schema.key(record): record for record in result["records"]}
    kept = [record for record in section.records if schema.key(record) not in new]
    again = len(section.records) - len(kept)
    if again:
        section.warnings.append(f"{name} replaces {wording.count(again, 'earlier figure')}.")
    section.records = kept + list(new.values())
