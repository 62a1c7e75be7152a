"""The short table of a README: speed against the best peer in a few representative cases."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from . import verdicts, wording
from .documentation import one_per_case, spread
from .markdown import cell, speedup, summary, table
from .sections import Section
from .verdicts import Verdict
from .wording import NOTHING

#: Maximum number of rows of the table.
MOST = 15


@dataclass(frozen=True)
class _Row:
    """A row: its text, its cases, and the measure if they have several."""

    title: str
    cases: str
    measure: str = "*"


#: One row per kind of work: full and diagonal covariances, variational mixtures, both parts of
#: K-means, few and many topics, small and large machines, whole fits on small data, and the groups
#: in which gibbous is not ahead. A case that turns slower stays in the table.
ROWS = (
    _Row("Gaussian mixture, full, 50k x 128, 64 components", "C-separated"),
    _Row("Gaussian mixture, full, 100k x 16, 16 components", "A"),
    _Row("Gaussian mixture, diagonal, 1M x 8, 32 components", "B-diag"),
    _Row("Variational mixture, full, 100k x 16, 16 components", "bgmm-A"),
    _Row("K-means, 1M x 32, 256 clusters", "kmeans"),
    _Row("k-means++, 1M x 32, 256 clusters", "kmeans++"),
    _Row("Topics, 2.2M tokens, 20 topics", "lda-20news-20"),
    _Row("Topics, 10M tokens, 1000 topics", "lda-synth10m-1000"),
    _Row("Topics, time to the peer's perplexity", "lda-curve-20news-100"),
    _Row("Boltzmann machine, CD-1, 500 hidden, MNIST", "rbm-cd1-500-128"),
    _Row("Boltzmann machine, CD-10, 1024 hidden, MNIST", "rbm-cd10-1024-128"),
    _Row("Whole fits on small data", "small-*"),
    _Row("Imputation error (RMSE)", "impute-*", "RMSE"),
    _Row("Imputation time", "impute-*", "seconds to impute"),
    _Row("Import of an estimator", "import-*"),
)

_HEADINGS = ("task", "gibbous", "best peer", "", "speedup")
_RIGHT = (False, True, True, False, True)


def short(sections: list[Section], page: str) -> str:
    """Return the table of the first section's machine, and where to find the rest.

    Parameters
    ----------
    sections : list of Section
    page : str
        Address of the page with all figures, as the README links it.
    """
    section = sections[0]
    found = verdicts.verdicts(section.records)
    chosen = one_per_case(found)
    rows = [cells for each in ROWS if (cells := _cells(each, chosen))]
    return "\n\n".join(
        (
            f"Speed against the fastest other library that reaches the same quality, on "
            f"{cell(section.title)} (all threads; medians):",
            table(_HEADINGS, rows, _RIGHT),
            f"{summary(found)} [All figures]({page}), with the cases in which gibbous is not "
            "faster and the reasons.",
        )
    )


def _cells(which: _Row, chosen: list[Verdict]) -> list[str]:
    """Return the cells of a row, or none if nothing of it was measured."""
    met = [
        v
        for v in chosen
        if v.peer is not None
        and fnmatchcase(v.case, which.cases)
        and fnmatchcase(v.measure, which.measure)
    ]
    if not met:
        return []
    names = cell(", ".join(sorted({v.peer["implementation"] for v in met if v.peer})))
    if len(met) == 1:
        (only,) = met
        mine, theirs = wording.median(only.ours), wording.median(only.peer)
        return [cell(which.title), mine, theirs, names, speedup(only)]
    ahead = sum(v.outcome == verdicts.AHEAD for v in met)
    title = f"{which.title}, {wording.count(len(met), 'case')}"
    return [cell(title), f"better in {ahead}", NOTHING, names, spread(met)]
