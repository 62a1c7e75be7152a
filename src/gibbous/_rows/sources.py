"""Which inputs are read in blocks, and the source that each of them is."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Source
from .memmap import MappedSource
from .pieces import PieceSource


def is_source(X: Any) -> bool:
    """Return whether X is to be read in blocks.

    Raises
    ------
    TypeError
        If X can be passed over only once.
    """
    if isinstance(X, np.memmap):
        return X._mmap is not None and X.ndim == 2  # type: ignore[attr-defined]
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and getattr(X[0], "ndim", 0) == 2
    if isinstance(X, (str, bytes, dict, set)) or hasattr(X, "shape") or hasattr(X, "__array__"):
        return False
    if callable(X):
        return True
    if not hasattr(X, "__iter__"):
        return False
    if iter(X) is X:
        raise TypeError(
            f"X is a {type(X).__name__}, which can be passed over only once, and X is passed over "
            "once per iteration; give a list of blocks, an object whose __iter__ starts anew, or a "
            "function that returns a fresh iterator, such as lambda: read_blocks()"
        )
    return True


def source_of(X: Any) -> Source:
    """Return the source that X is.

    Raises
    ------
    ValueError, TypeError
        If the first block does not hold rows of numbers.
    """
    return MappedSource(X) if isinstance(X, np.memmap) else PieceSource(X)
