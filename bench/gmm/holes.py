"""Real data with entries removed at random, and the error of imputed entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

#: Share of the entries that is held out to choose settings by, and how often: one tenth of wine is
#: a hundred entries, and too few to distinguish settings.
_HELD_OUT = 0.1
_TIMES = 3


@dataclass(frozen=True)
class HolesCase:
    """A data set of scikit-learn, standardized, with a share of its entries removed."""

    name: str
    data: str
    share: float
    draws: int = 5
    quickly: bool = False
    group: str = ""

    def quick(self) -> HolesCase:
        return replace(self, data="wine", share=0.3, draws=1, quickly=True)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def rows(self) -> np.ndarray:
        """Return the whole data, each column with mean 0 and variance 1."""
        from sklearn.datasets import load_breast_cancer, load_wine

        load = {"wine": load_wine, "breast cancer": load_breast_cancer}[self.data]
        rows = load().data
        return np.asarray((rows - rows.mean(axis=0)) / rows.std(axis=0))

    def removed(self, draw: int) -> np.ndarray:
        """Return which entries are removed, True for each."""
        rng = np.random.default_rng([draw, round(100 * self.share)])
        return rng.random(self.rows().shape) < self.share


CASES = {
    case.name: case
    for case in (
        HolesCase(f"impute-{name}-{percent}", data, percent / 100)
        for name, data in (("wine", "wine"), ("cancer", "breast cancer"))
        for percent in (10, 30, 50)
    )
}
GROUPS = {"impute": tuple(CASES)}


def hold_outs(rows: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows with more entries removed, and which; settings are chosen with these."""
    place = np.random.default_rng([seed, 1]).random(rows.shape)
    for turn in range(_TIMES):
        more = (place >= turn * _HELD_OUT) & (place < (turn + 1) * _HELD_OUT) & ~np.isnan(rows)
        yield np.where(more, np.nan, rows), more


def rmse(filled: np.ndarray, truth: np.ndarray, which: np.ndarray) -> float:
    """Return the root of the mean squared error of some entries."""
    return float(np.sqrt(np.mean((filled[which] - truth[which]) ** 2)))
