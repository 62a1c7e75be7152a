"""One run in a separate process: ``python -m bench.worker SPEC.json``.

The specification names the adapter, the case and the files of the data; the answer goes to the
files that it names too, because a library may print what it likes.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from .harness.machine import limit_memory, pin

#: The function that measures each task; loaded on demand, so that memory counts only its own.
_MODULES = {
    "rows": "rows.worker",
    "small": "rows.small",
    "lda": "lda.worker",
    "rbm": "rbm.worker",
    "rbm-quality": "rbm.quality",
    "impute": "gmm.impute",
}


def main(path: str) -> None:
    """Run what the specification says and write the answer to the file that it names."""
    spec = json.loads(Path(path).read_text())
    pin(spec["threads"])
    if spec.get("memory"):
        limit_memory(spec["memory"])
    module = importlib.import_module(f"{__package__}.{_MODULES[spec['task']]}")
    answer = module.measure(spec)
    Path(spec["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
