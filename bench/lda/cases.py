"""The topic cases: which corpus, how many topics, what is measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from .corpora import KNOWN

#: Corpora for smoke tests and for growth only.
_NO_CASES = ("tiny", "synth250k", "synth4m")

#: Numbers of topics of the cases that are about speed.
TOPICS = (20, 100, 1000, 10_000)


@dataclass(frozen=True)
class TopicCase:
    """One corpus, one number of topics, and fixed symmetric priors for everyone.

    ``kind`` is ``"lda"``, tokens per second and memory on the whole corpus, or ``"lda-curve"``,
    held-out perplexity against seconds of sampling on four fifths of the documents.
    """

    name: str
    kind: str
    corpus: str
    k: int
    beta: float = 0.01
    group: str = ""
    series: str = ""

    @property
    def alpha(self) -> float:
        """The prior of a topic in a document (Griffiths and Steyvers 2004: 50 / K)."""
        return 50.0 / self.k

    def quick(self) -> TopicCase:
        """Return the same kind of work in a size for smoke tests."""
        k = max(2, self.k // 50) if self.group == "growth" else min(self.k, 8)
        return replace(self, corpus="tiny", k=k)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _cases() -> list[TopicCase]:
    corpora = [name for name in KNOWN if name not in _NO_CASES]
    found = [TopicCase(f"lda-{name}-{k}", "lda", name, k) for name in corpora for k in TOPICS]
    curves = [("20news", 100), ("sotu", 50), ("synth1m", 100), ("synth10m", 1000)]
    return found + [TopicCase(f"lda-curve-{name}-{k}", "lda-curve", name, k) for name, k in curves]


#: Every case by name, in the order of the report.
CASES: dict[str, TopicCase] = {case.name: case for case in _cases()}

#: Cases that must be requested by name: they take hours, or more memory than most machines have.
_BY_NAME_ONLY = ("synth300m",)

#: The meaning of the word on the command line.
GROUPS: dict[str, tuple[str, ...]] = {
    "lda": tuple(name for name, case in CASES.items() if case.corpus not in _BY_NAME_ONLY)
}
