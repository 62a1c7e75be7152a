"""Visible units in groups of which one is on: variables with several categories."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_non_negative

from ..._ground.isa import core
from ..machine.machine import Machine
from ..machine.rows import rows_of, whole_numbers, words_of
from ..machine.units import Clamp, Units
from .groups import Groups

Array = NDArray[Any]


def _unset() -> Array:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Categorical(Units):
    """Groups of units, one group for each column of categories 0, 1 ...

    Attributes
    ----------
    n_categories : None, int or array-like
        As given; None for those of the data.
    categories : ndarray of int64, shape (n_features,)
        Categories of each column; empty before any rows were seen.
    """

    n_categories: int | ArrayLike | None = None
    categories: Array = field(default_factory=_unset)

    accepts: ClassVar[dict[str, Any]] = {"dtype": "numeric"}

    @property
    def groups(self) -> Groups:
        """The groups of units side by side."""
        return Groups(self.categories)

    def codes(self) -> Any:
        return core.layers.Units(0, 0, self.groups.pairs())

    # ---- rows ------------------------------------------------------------------------------------

    def checked(self, X: Any, name: str, *, training: bool = False) -> Any:
        check_non_negative(X, f"{name}: categories are 0, 1, 2 ...")
        codes = np.asarray(whole_numbers(X, "categories"), dtype=np.int64)
        if self.categories.size:
            self._refuse_unseen(codes)
        return codes

    def for_columns(self, X: Any) -> Categorical:
        units = replace(self, categories=self._sizes(X))
        units._refuse_unseen(X)
        return units

    def _sizes(self, codes: Array) -> Array:
        if self.n_categories is None:
            return np.asarray(codes.max(axis=0) + 1, dtype=np.int64)
        d = codes.shape[1]
        sizes = np.asarray(self.n_categories)
        if sizes.ndim > 1 or (sizes.ndim == 1 and sizes.shape != (d,)):
            raise ValueError(
                f"n_categories must be one number, or one for each of the {d} columns of X; "
                f"got an array of shape {sizes.shape}"
            )
        if sizes.dtype.kind not in "iu" or sizes.min() < 1:
            raise ValueError(f"n_categories must be integers of at least 1; got {sizes!r:.80}")
        return np.array(np.broadcast_to(sizes, d), dtype=np.int64)

    def _refuse_unseen(self, codes: Array) -> None:
        high = codes >= self.categories
        if high.any():
            row, column = (int(i) for i in np.argwhere(high)[0])
            raise ValueError(
                f"X[{row}, {column}] is category {codes[row, column]}, but column {column} has "
                f"{self.categories[column]} categories: give n_categories when fitting, if data "
                "can hold more than the training data do"
            )

    def rows(
        self, X: Any, dtype: str, jobs: int, weight: Array | None = None, *, training: bool = False
    ) -> Any:
        groups = self.groups
        return words_of(groups.words(X, jobs), groups.total, dtype, weight)

    def rows_of_means(self, v: Array, dtype: str, jobs: int) -> Any:
        return rows_of(v, dtype, jobs)

    def seen(self, X: Any) -> Array:
        return self.groups.one_hot(X).astype(np.float64)

    # ---- the start of training -------------------------------------------------------------------

    def n_visible(self, X: Any) -> int:
        return self.groups.total

    def means(self, machine: Machine, X: Any, weight: Array | None) -> Array:
        return self._shares(X, weight)

    def _shares(self, X: Any, weight: Array | None) -> Array:
        """Return the share of rows with each category."""
        counts = [
            np.bincount(column, weights=weight, minlength=int(size))
            for column, size in zip(X.T, self.categories, strict=True)
        ]
        return np.concatenate(counts) / (len(X) if weight is None else weight.sum())

    def first_bias(self, X: Any, weight: Array | None) -> Array:
        # as if every category occurred once more
        share = 1.0 / (len(X) + np.repeat(self.categories, self.categories))
        return np.asarray(np.log(self._shares(X, weight) * len(X) * share + share))

    # ---- scores ----------------------------------------------------------------------------------

    def least_score(self, machine: Machine) -> float:
        # four times that of fair dice, and the error of the estimate with few columns
        return -4.0 * float(np.log(self.categories).sum()) - 50.0

    def first_units(self, variables: Array) -> Array:
        return self.groups.offsets[variables]

    def log_visible(self, machine: Machine, inputs: Array) -> Array:
        logits = inputs + machine.visible.astype(np.float64)
        return np.asarray(self.groups.log_sums(logits).sum(axis=1))

    # ---- chains ----------------------------------------------------------------------------------

    def visible_means(self, machine: Machine, h: Array, X: Any, jobs: int) -> Array:
        return self.groups.softmax(h @ machine.weights + machine.visible)

    def restored(self, v: Array) -> Array:
        return self.groups.codes(v)

    def clamp(self, X: Array, name: str, **known: Any) -> Clamp:
        missing = np.isnan(X)
        codes = self.checked(np.where(missing, 0.0, X), name)
        states = self.groups.one_hot(codes).astype(np.float64)
        states[np.repeat(missing, self.categories, axis=1)] = np.nan
        return Clamp(states)

    def filled(self, X: Array, means: Array) -> Array:
        return means
