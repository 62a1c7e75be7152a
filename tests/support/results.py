"""Made-up records and result files, for tests of reports."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np


def value(*runs: float) -> dict[str, Any]:
    return {"median": float(np.median(runs)), "min": min(runs), "max": max(runs), "runs": [*runs]}


def record(
    implementation: str = "gibbous", runs: tuple[float, ...] = (1.0, 1.01, 1.02), **changes: Any
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "case": "A",
        "group": "gmm",
        "title": "full, n 100k d 16 k 16",
        "measure": "seconds per iteration",
        "lower_is_better": True,
        "implementation": implementation,
        "variant": "",
        "ours": implementation == "gibbous",
        "threads": 1,
        "status": "ok",
        "reason": "",
        "value": value(*runs) if runs else None,
        "quality": None,
        "peak_bytes": None,
        "beyond_bytes": 20_000_000,
        "data_bytes": 10_000_000,
        "work": None,
        "sizes": {"n": 100_000, "d": 16, "k": 16},
        "series": "",
        "curve": None,
        "busy": False,
        "versions": {implementation: "1.2.3"},
    }
    assert set(changes) <= set(made)
    return {**made, **changes}


def result(*records: dict[str, Any], **changes: Any) -> dict[str, Any]:
    machine = {
        "processor": "Abacus 3000",
        "processors": 2,
        "instruction_sets": ["avx2"],
        "memory_bytes": 8_000_000_000,
        "system": "Linux",
        "python": "3.12.1",
        "load_average": [0.1, 0.1, 0.1],
        "gibbous": None,
        "warnings": [],
    }
    made: dict[str, Any] = {
        "format": 2,
        "machine": machine,
        "settings": {"quick": False},
        "finished": True,
        "peaks": None,
        "records": copy.deepcopy(list(records)),
    }
    return {**made, **changes}


def written(folder: Path, name: str, content: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path
