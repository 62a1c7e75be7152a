"""Arrays and a JSON header in one file with a checksum: for the state of a fit.

The file is in the safetensors format. Its metadata has one entry, whose name is the mark of the
kind of file and whose value is the header as JSON. The header holds the number of the format and
the SHA-256 of the arrays' names and bytes. A file is written under a temporary name and renamed, so
that a reader finds the old file or the new one, and reading never runs code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import replacing

PathLike = str | os.PathLike[str]

#: The keys of a header that belong to the file itself.
_OWN = ("format", "sha256")


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    mark : str
        The name of the header among the metadata of the file.
    name : str
        What messages call it, such as "checkpoint of a topic model".
    format : int
        The number of the format that is written and read.
    """

    mark: str
    name: str
    format: int = 1


@dataclass(frozen=True, eq=False)
class State:
    """What a file holds: arrays by name, and everything else as JSON.

    A run returns its state in this form and continues from it; states of parts are joined with
    ``|``.

    Attributes
    ----------
    arrays : mapping of str to ndarray
    head : mapping of str to JSON
    """

    arrays: Mapping[str, NDArray[Any]]
    head: Mapping[str, Any]

    def __or__(self, other: State) -> State:
        """Return a state with the arrays and the header of both."""
        return State({**self.arrays, **other.arrays}, {**self.head, **other.head})


def write(path: PathLike, kind: Kind, state: State) -> None:
    """Write a state to a file; the previous file is kept until the new one is complete.

    Raises
    ------
    ValueError
        If the header is not JSON, or uses a key of the file itself.
    OSError
        If the file cannot be written.
    """
    import safetensors.numpy

    taken = sorted(set(_OWN) & set(state.head))
    if taken:
        raise ValueError(f"head must not contain {taken[0]!r}, which the file writes itself")
    arrays = {name: np.asarray(array, order="C") for name, array in state.arrays.items()}
    head = {"format": kind.format, "sha256": checksum(arrays), **state.head}
    with replacing(path) as file:
        file.write(safetensors.numpy.save(arrays, {kind.mark: json.dumps(head)}))


def read(path: PathLike, kind: Kind) -> State:
    """Read a state that :func:`write` wrote.

    Raises
    ------
    ValueError
        If the file is of another kind or format, or is damaged.
    OSError
        If the file cannot be read.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            head = json.loads((file.metadata() or {})[kind.mark])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        form = head.pop("format", None)
        expected = head.pop("sha256", None)
    except (
        safetensors.SafetensorError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ValueError(
            f"{path} is not a {kind.name}: {error}; remove the file or give another name"
        ) from error
    if form != kind.format:
        raise ValueError(
            f"{path} has format {form!r:.20}; this version reads format {kind.format}: "
            "upgrade gibbous"
        )
    if expected != checksum(arrays):
        raise ValueError(
            f"{path} is damaged: its checksum does not match; remove the file to start again"
        )
    return State(arrays, head)


def checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of the names and bytes of arrays, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.asarray(arrays[name], order="C").data)
    return digest.hexdigest()
