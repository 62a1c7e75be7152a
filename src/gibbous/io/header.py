"""The layout of a model file: tensors, and a JSON header with a checksum over the whole file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import safetensors.numpy
from numpy.typing import NDArray

#: Version of the format that is written; older versions can be read, newer ones are rejected.
FORMAT = 1

#: What to do about a file that cannot be used.
AGAIN = "save the model again, or use another copy"

_MARK = b'"gibbous":"{\\"sha256\\":\\"'
_NO_HASH = "0" * 64


def pack(tensors: Mapping[str, NDArray[Any]], fields: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file with these tensors and these fields of the header."""
    header = {"sha256": _NO_HASH, "format": FORMAT, **fields}
    text = json.dumps(header, separators=(",", ":"), allow_nan=False)
    data = bytearray(safetensors.numpy.save(dict(tensors), metadata={"gibbous": text}))
    at = data.index(_MARK) + len(_MARK)
    data[at : at + 64] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def unpack(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the tensors and the header of a file.

    Raises
    ------
    ValueError
        If the file was not written by :func:`pack`, or has been changed since then.
    safetensors.SafetensorError
        If its tensors cannot be read.
    """
    header = _header(data)
    return safetensors.numpy.load(data), header


def _header(data: bytes) -> dict[str, Any]:
    size = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{":
        raise ValueError("is not a model file: it is not in the safetensors format")
    if size > len(data) - 8:
        raise ValueError(f"is damaged or cut short: it ends after {len(data)} bytes; {AGAIN}")
    try:
        metadata = json.loads(data[8 : 8 + size].decode()).get("__metadata__")
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"is damaged: its header cannot be read; {AGAIN}") from error
    if not isinstance(metadata, dict) or "gibbous" not in metadata:
        raise ValueError("holds tensors, but no model that gibbous.save wrote")
    try:
        header = json.loads(metadata["gibbous"])
        version = header["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"is damaged: its header cannot be read; {AGAIN}") from error
    if version != FORMAT:
        raise ValueError(
            f"is in format {version!r:.20}, and this version of gibbous reads {FORMAT}; "
            "upgrade gibbous, or use another copy if the file is damaged"
        )
    at = data.find(_MARK) + len(_MARK)
    digest = hashlib.sha256(data[:at] + _NO_HASH.encode())
    digest.update(memoryview(data)[at + 64 :])
    if at < len(_MARK) or header.get("sha256") != digest.hexdigest():
        raise ValueError(f"is damaged or cut short: its checksum does not match; {AGAIN}")
    return dict(header)
