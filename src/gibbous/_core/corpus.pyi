# Written by tools/stubs.py.
"""Words of texts as numbers."""

from __future__ import annotations

import numpy
import numpy.typing

__all__: list[str] = ["Terms"]

class Terms:
    """Numbers of words, in the order in which they are met."""

    def __init__(self, first: int) -> None: ...
    def number(self, text: bytes, grow: bool, unknown: int) -> numpy.typing.NDArray[numpy.int64]:
        """The numbers of all words of a text, which spaces part."""
    def words(self, first: int) -> list[bytes]:
        """The words from one number on."""
    @property
    def end(self) -> int:
        """The number past the last."""
