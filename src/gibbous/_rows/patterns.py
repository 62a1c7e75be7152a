"""Which entries of rows are missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._ground.isa import core

Floats = NDArray[Any]


def has_missing(X: Floats) -> bool:
    """Return whether there is a NaN among the numbers of X, of which none is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):  # a sum, because it needs no additional memory
            return False
    return bool(np.isnan(X).any())


def check_columns(X: Floats, weight: Floats | None, names: NDArray[Any] | None) -> None:
    """Check that every column has an observed entry in a row that counts.

    Raises
    ------
    ValueError
        Names the columns that have none.
    """
    there = ~np.isnan(X if weight is None else X[weight > 0])
    check_observed(np.asarray(there.any(axis=0)), weight is not None, names)


def check_observed(observed: NDArray[np.bool_], weighted: bool, names: NDArray[Any] | None) -> None:
    """Raise if a column has not been observed."""
    empty = np.flatnonzero(~observed)
    if not len(empty):
        return
    shown = [str(a) if names is None else f"{a} ({names[a]!r})" for a in empty[:10]]
    what = f"column {shown[0]}" if len(empty) == 1 else f"columns {', '.join(shown)}"
    more = f" and {len(empty) - 10} more" if len(empty) > 10 else ""
    rows = " in a row with a weight" if weighted else ""
    raise ValueError(
        f"{what}{more} of X: all entries{rows} are NaN, and nothing can be learned about a feature "
        "that was never observed; remove such columns"
    )


@dataclass(frozen=True)
class Patterns:
    """The rows of X in an order in which those with the same entries missing lie together.

    Attributes
    ----------
    rows : ndarray of shape (n,), int64
        Row numbers; those of one pattern are in ascending order.
    starts : ndarray of shape (n_patterns + 1,), int64
        Where each pattern begins in ``rows``, and n.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, X: Floats, covariance_type: str) -> Patterns | None:
        """Find the patterns of X (n, d), or return None if a mixture does not need them.

        Takes O(n d + n log n), n d bits and 16 bytes per row. With diagonal and spherical
        covariances nothing depends on the pattern.
        """
        if covariance_type not in ("full", "tied"):
            return None
        n, d = X.shape
        words = np.zeros((n, -(-d // 64) * 8), np.uint8)
        # in blocks of rows: a mask of one byte per entry would take an eighth of the data
        for first in range(0, n, 4096):
            part = np.packbits(np.isnan(X[first : first + 4096]), axis=1)
            words[first : first + 4096, : part.shape[1]] = part
        keys = words.view(np.uint64)
        # lexsort is stable, and so is the sort by one column
        order = np.lexsort(keys.T).astype(np.int64, copy=False)
        ahead = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
        starts = np.concatenate([[0], np.flatnonzero(ahead) + 1, [n]]).astype(np.int64)
        return cls(order, starts)

    @cached_property
    def bound(self) -> Any:
        """The patterns as the core takes them, made and checked once."""
        return core.gmm.missing.Patterns(self.rows, self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1


def bound_patterns(X: Floats, covariance_type: str) -> Any:
    """Return the patterns of X as the core takes them; None if a mixture does not need them."""
    patterns = Patterns.of(X, covariance_type)
    return None if patterns is None else patterns.bound
