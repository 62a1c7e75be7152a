"""Sample weights of rows that are read in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._ground import validate
from .blocks import Floats
from .memmap import mapped_reader

_WEIGHTS = 1 << 20  # weights that are checked at once


class BlockWeights:
    """Weights of rows that are read in blocks: an array, or a memmap that stays in its file.

    Attributes
    ----------
    n : int or None
        Number of weights; None if one number holds for every row.
    sum : float
        Of the weights as they were given.
    """

    def __init__(self, given: ArrayLike | None, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._given: Any = None
        self.n: int | None = None
        self.sum = 0.0
        self._largest = self._mean = self._one = 1.0
        if given is None:
            return
        if not isinstance(given, np.memmap):
            given = np.asarray(given)
            if given.ndim == 0:
                one = validate.sample_weights(given, 1, self._dtype)
                assert one is not None
                self._one = float(one[0])
                return
        if given.ndim != 1:
            raise ValueError(
                f"Sample weights must be 1D array or scalar; got {given.ndim} dimensions"
            )
        self._given, self.n = given, len(given)
        self._survey()

    def _survey(self) -> None:
        assert self.n is not None
        largest, total = 0.0, 0.0
        for first in range(0, self.n, _WEIGHTS):
            part = self._read(first, min(first + _WEIGHTS, self.n))
            if part.any():  # their total must not be zero; that of a block may be
                _check_weights(part, first)
            largest = max(largest, float(part.max()))
            total += float(part.sum(dtype=np.float64))
        if not largest:
            raise ValueError("sample_weight must not be all zero: no row would count")
        self.sum, self._largest = total, largest
        # in two steps, as in memory: the sum of tiny or of huge weights may underflow or overflow
        scaled = 0.0
        for first in range(0, self.n, _WEIGHTS):
            part = self._read(first, min(first + _WEIGHTS, self.n)).astype(np.float64)
            scaled += float((part / largest).sum())
        self._mean = scaled / self.n

    def _read(self, first: int, last: int) -> Floats:
        if not isinstance(self._given, np.memmap) or self._given._mmap is None:  # type: ignore[attr-defined]
            part = np.asarray(self._given[first:last])
        else:
            with mapped_reader(self._given) as read:
                size = (last - first) * self._given.itemsize
                try:
                    part = read(first, last, np.empty(size, np.uint8))
                except EOFError as error:
                    raise ValueError(
                        f"sample_weight's file {self._given.filename} was cut short: entries "
                        f"{first} to {last - 1} are not all there ({error})"
                    ) from error
        if part.dtype.kind not in "fiub":
            raise TypeError(f"sample_weight must be numbers; got dtype {part.dtype}")
        return np.ascontiguousarray(part, self._dtype)

    @property
    def mean(self) -> float:
        """Mean of the weights as they were given."""
        return self._one if self._given is None else self._largest * self._mean

    def of(self, first: int, last: int) -> Floats | None:
        """Return these rows' weights over the mean of all, or None where all are alike."""
        if self._given is None:
            return None
        part = self._read(first, last).astype(np.float64)
        part /= self._largest
        part /= self._mean
        return part.astype(self._dtype)

    def check_length(self, n: int, *, at_least: bool = False) -> None:
        """Raise if there is not one weight per row; the sum is complete then.

        ``at_least`` is for rows that are not all yet.
        """
        if self.n is None:
            self.sum = self._one * n
        elif n > self.n or (n < self.n and not at_least):
            more = " or more" if at_least else ""
            raise ValueError(
                f"sample_weight.shape == {(self.n,)}, expected {(n,)}{more}: "
                "one weight per row of X"
            )


def _check_weights(part: Floats, first: int) -> None:
    bad = ~np.isfinite(part) | (part < 0)
    if bad.any():
        at = int(np.argmax(bad))
        if not np.isfinite(part[at]):
            raise ValueError(f"sample_weight must be finite; entry {first + at} is {part[at]}")
        raise ValueError(
            f"Negative values in data passed to sample_weight: entry {first + at} is {part[at]}; "
            "weights must be >= 0"
        )
