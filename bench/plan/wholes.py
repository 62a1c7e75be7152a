"""Groups that are not made of shapes: each is one piece of work that runs as a whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Whole:
    """A group of one case, which has the group's name."""

    name: str
    says: str
    group: str = ""

    def quick(self) -> Whole:
        return self


CASES = {
    case.name: case
    for case in (
        Whole("small", "whole default fits on n = 150 to 10,000, ours against scikit-learn"),
        Whole("squarem", "EM iterations with and without acceleration, ours only"),
        Whole("outofcore", "a file larger than a fit's memory, ours only"),
        Whole("import", "imports in fresh interpreters, and gibbous --help"),
    )
}
GROUPS = {name: (name,) for name in CASES}
