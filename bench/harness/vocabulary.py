"""Names in result files of earlier versions, and the current ones.

Result files are kept for years: they stay as they were written, and are renamed when they are
read. The numbers are never touched.
"""

from __future__ import annotations

import re
from typing import Any

#: Earlier names of measures.
MEASURES = {
    "seconds an iteration": "seconds per iteration",
    "seconds a draw": "seconds per draw",
    "seconds a sweep": "seconds per sweep",
    "seconds a sweep of proposals": "seconds per proposal sweep",
    "seconds an epoch": "seconds per epoch",
    "seconds of a whole fit": "seconds per fit",
    "seconds of imputing": "seconds to impute",
    "seconds of the command": "seconds for the command",
    "seconds to quality": "seconds to target quality",
}

_QUALITIES = {
    "joint log-likelihood a token": "joint log-likelihood per token",
    "pseudo-likelihood, nats a test row": "pseudo-likelihood, nats per test row",
    "reconstruction, nats a test row": "reconstruction, nats per test row",
}

_TEXTS = tuple(
    (re.compile(pattern), now)
    for pattern, now in (
        (r"% of the entries removed", "% of entries removed"),
        (r"^the class of ", "the class for "),
        (r"^the package alone$", "the package only"),
        (r"^the command's help, from start to end$", "gibbous --help, whole process"),
        (r"\ba file of ([\d.]+ GB)", r"\1 file"),
        (r"\b(default|given) start$", r"\1 initialization"),
        (r"^photo's pixels", "photo pixels"),
        (r"\b10 axes\b", "10 principal components"),
        (r"; trust no single figure$", "; single timings may be off"),
        (r"^> ([\d.]+) s a run$", r"> \1 s per run"),
        (r"^knows PCD-1 only: see ", "supports PCD-1 only; see "),
        (r"\bno time an iteration$", "no time per iteration"),
        (
            r"plain Gibbs sampling has (\S+) after (\d+), and (\S+) worse would do$",
            r"plain Gibbs sampling reaches \1 after \2 (tolerance \3)",
        ),
    )
)


def text(said: str) -> str:
    """Return a title, a reason or a warning with current names."""
    for pattern, now in _TEXTS:
        said = pattern.sub(now, said)
    return said


def current(result: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of a result file with the names that are used now."""
    machine = result["machine"]
    warnings = [text(warning) for warning in machine["warnings"]]
    records = [_current(record) for record in result["records"]]
    return {**result, "machine": {**machine, "warnings": warnings}, "records": records}


def _current(record: dict[str, Any]) -> dict[str, Any]:
    quality = record["quality"]
    if quality is not None:
        quality = {**quality, "name": _QUALITIES.get(quality["name"], quality["name"])}
    return {
        **record,
        "measure": MEASURES.get(record["measure"], record["measure"]),
        "title": text(record["title"]),
        "reason": text(record["reason"]),
        "quality": quality,
    }
