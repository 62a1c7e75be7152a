"""Groups that consist of one job that runs as a whole."""

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
        Whole(
            "small", "whole fits with default settings, n = 150 to 10,000, gibbous and scikit-learn"
        ),
        Whole("squarem", "EM with and without acceleration, gibbous only"),
        Whole("outofcore", "a file larger than the memory of the fit, gibbous only"),
        Whole("import", "imports in fresh interpreters, and gibbous --help"),
    )
}
GROUPS = {name: (name,) for name in CASES}
