"""Workers: every measurement runs in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .settings import FAILED, SLOW

#: The package's own name: "bench" in the repository, "gibbous.bench" in an installation.
PACKAGE = __package__.rpartition(".")[0]
#: Variables that set the size of the libraries' thread pools.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class RunError(Exception):
    """A run that ended without an answer; ``status`` says how."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def start_worker(spec: dict[str, Any], folder: Path, threads: int, limit: float) -> dict[str, Any]:
    """Run a worker to its end and return its answer.

    Raises
    ------
    RunError
        If it takes longer than the limit, or ends without an answer.
    """
    answer = folder / "answer.json"
    path = folder / "spec.json"
    path.write_text(json.dumps({**spec, "answer": str(answer)}))
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{PACKAGE}.worker", str(path)],
            cwd=root(),
            env=environment(threads),
            timeout=limit,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(SLOW, f"> {limit:g} s per run") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = lines[-1] if lines else "nothing on stderr"
        raise RunError(FAILED, f"exit status {done.returncode}: {said:.300}")
    result: dict[str, Any] = json.loads(answer.read_text())
    answer.unlink()
    return result


def root() -> Path | None:
    """Return the folder to start workers in: the repository, or None for an installation."""
    return None if "." in PACKAGE else Path(__file__).resolve().parents[2]


def environment(threads: int) -> dict[str, str]:
    """Return the variables of a process that may have so many threads."""
    return {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
