"""Who is ahead: gibbous and the best peer, case by case, from the records of a file alone.

A run of different quality, over the limit or failed is neither ranked nor a peer. A case counts as
ahead or behind only if the spread of the runs cannot explain the difference.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import wording

OK = "ok"
AHEAD, LEVEL, BEHIND = "ahead", "level", "behind"
#: No peer has a valid result; or gibbous has none.
ALONE, REFUSED = "no peer", "refused"

REASONS = Path(__file__).with_name("reasons.json")
NO_REASON = "no reason is recorded yet."

#: Share by which two figures must differ if one of them comes from a single run, whose spread is
#: unknown: the pairs of runs in the result files differ by 2 to 50%.
_LONE = 0.1

#: From this number of runs on, quartiles are used instead of the extremes.
_MANY = 8


@dataclass(frozen=True)
class Verdict:
    """gibbous and the best peer of one case, number of threads and measure.

    ``times`` is above 1 if gibbous is better: the peer's figure over ours, or the inverse if higher
    is better. ``memory`` is our memory over the peer's.
    """

    ours: dict[str, Any]
    peer: dict[str, Any] | None
    outcome: str
    times: float | None = None
    memory: float | None = None

    @property
    def case(self) -> str:
        return str(self.ours["case"])

    @property
    def group(self) -> str:
        return str(self.ours["group"])

    @property
    def measure(self) -> str:
        return str(self.ours["measure"])

    @property
    def threads(self) -> int:
        return int(self.ours["threads"])

    @property
    def title(self) -> str:
        """The case in words."""
        return str(self.ours["title"] or self.ours["case"])

    @property
    def not_ahead(self) -> bool:
        """Whether to list the case: a peer is as good or better, or gibbous has no valid result."""
        if self.outcome == REFUSED:
            return self.peer is not None or self.ours["status"] != "skipped"
        return self.outcome in (LEVEL, BEHIND)

    def by_how_much(self, *, named: bool = False) -> str:
        """Return the ratio to the best peer in words; ``named`` adds the peer's name."""
        if self.outcome == REFUSED:
            return f"{self.ours['status']}: {wording.reason(self.ours)}"
        if self.peer is None:
            return "no peer"
        if self.ours["value"] is None:
            return "did not reach the target"
        if self.times is None and self.outcome == LEVEL:
            return self.why_level()
        if self.times is None:
            return f"{self.outcome}: {wording.median(self.ours)} to {wording.median(self.peer)}"
        what = "the speed" if wording.is_time(self.measure) else "as good"
        text = f"{wording.digits(self.times)}x {what}"
        if named:
            text += (" of " if wording.is_time(self.measure) else " as ") + wording.name(self.peer)
        return f"{text} ({self.why_level()})" if self.outcome == LEVEL else text

    def why_level(self) -> str:
        """Return why neither is called faster or better."""
        values = [row["value"] for row in (self.ours, self.peer) if row and row["value"]]
        if wording.is_time(self.measure) and min(value["median"] for value in values) <= 0:
            return "below the resolution of the clock"
        lone = min(len(value["runs"]) for value in values) == 1
        return "too close for a single run" if lone else "within the spread of the runs"


def verdicts(records: list[dict[str, Any]]) -> list[Verdict]:
    """Return the verdicts in the order of the records."""
    cases: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for record in records:
        of = record["case"], record["threads"], record["measure"]
        cases.setdefault(of, []).append(record)
    return [verdict for rows in cases.values() for verdict in _of_case(rows)]


def _of_case(rows: list[dict[str, Any]]) -> list[Verdict]:
    ours = [row for row in rows if row["ours"]]
    if all(
        row["ours"] for row in rows
    ):  # variants of gibbous alone, which may be of different kinds
        return [_beside(row, None) for row in ours]
    peers = [row for row in rows if not row["ours"] and _ranked(row)]
    peer = min(peers, key=_cost, default=None)
    good = [row for row in ours if row["status"] == OK]
    if good:
        return [_beside(min(good, key=_cost), peer)]
    return [_beside(ours[0], peer)] if ours else []


def _ranked(row: dict[str, Any]) -> bool:
    return row["status"] == OK and row["value"] is not None


def _cost(row: dict[str, Any]) -> float:
    """Return a figure for which lower is better."""
    if row["value"] is None:
        return float("inf")
    median = float(row["value"]["median"])
    return median if row["lower_is_better"] else -median


def _beside(ours: dict[str, Any], peer: dict[str, Any] | None) -> Verdict:
    if ours["status"] != OK:
        return Verdict(ours, peer, REFUSED)
    if peer is None:
        return Verdict(ours, None, ALONE)
    memory = _over(ours["beyond_bytes"], peer["beyond_bytes"])
    if ours["value"] is None:  # only the peer reached the target
        return Verdict(ours, peer, BEHIND, memory=memory)
    mine, theirs = ours["value"]["median"], peer["value"]["median"]
    times = _over(theirs, mine) if ours["lower_is_better"] else _over(mine, theirs)
    return Verdict(ours, peer, _outcome(ours, peer), times, memory)


def _over(above: float | None, below: float | None) -> float | None:
    """Return the ratio of two positive figures; None for others."""
    if above is None or below is None or not (above > 0 and below > 0):
        return None
    return above / below


def _outcome(ours: dict[str, Any], peer: dict[str, Any]) -> str:
    # seconds per iteration are a difference of two times, which noise can turn negative
    shortest = min(row["value"]["median"] for row in (ours, peer))
    lost_in_noise = wording.is_time(ours["measure"]) and shortest <= 0
    if lost_in_noise or not surely_apart(ours["value"], peer["value"]):
        return LEVEL
    return AHEAD if _cost(ours) < _cost(peer) else BEHIND


def surely_apart(one: dict[str, Any], other: dict[str, Any], lone: float = _LONE) -> bool:
    """Whether two figures differ beyond what the spreads of their runs explain.

    They do if the ranges of the runs do not overlap; of many runs, the middle halves, since one of
    dozens always meets a busy moment. The spread of a single run is unknown: the medians must then
    differ by the share ``lone``.
    """
    (low, high), (least, most) = _range(one), _range(other)
    if not (high < least or most < low):
        return False
    if min(len(one["runs"]), len(other["runs"])) > 1:
        return True
    a, b = one["median"], other["median"]
    return bool(abs(a - b) > lone * min(abs(a), abs(b)))


def _range(value: dict[str, Any]) -> tuple[float, float]:
    if len(value["runs"]) < _MANY:
        return value["min"], value["max"]
    low, _, high = statistics.quantiles(value["runs"], n=4)
    return low, high


def reasons(path: Path = REASONS) -> list[dict[str, str]]:
    """Return the recorded reasons for cases in which gibbous is not ahead.

    Each entry has patterns (``cases``, and optionally ``variant``, ``measure``, ``threads`` and
    ``processor``), a ``reason`` and a possible ``fix``.

    Raises
    ------
    ValueError
        If an entry lacks its cases, reason or fix.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    for i, entry in enumerate(found):
        missing = [name for name in ("cases", "reason", "fix") if not entry.get(name)]
        if missing:
            raise ValueError(f"{path}: entry {i} lacks {', '.join(missing)}")
    return list(found)


def reasons_on(machine: dict[str, Any], written: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the reasons that hold on that machine."""
    return [r for r in written if fnmatchcase(machine["processor"], r.get("processor", "*"))]


def reason(verdict: Verdict, written: list[dict[str, str]]) -> str:
    """Return why gibbous is not ahead and a possible fix, or that no reason is recorded."""
    fields = {"cases": "case", "variant": "variant", "measure": "measure", "threads": "threads"}
    for entry in written:
        if all(
            fnmatchcase(str(verdict.ours[field]), entry.get(name, "*"))
            for name, field in fields.items()
        ):
            return f"{entry['reason']} Possible fix: {entry['fix']}"
    return NO_REASON
