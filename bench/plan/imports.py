"""The time before any computation: imports, and the command's help.

Every import is in a fresh interpreter; the clock runs from before the import to after it, so that
the interpreter's own start does not count. One run of each comes first and is thrown away: files
that have not been read for long depend on the disk.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..harness.machine import BUSY, Neighbors, versions
from ..harness.process import environment
from ..harness.settings import FAILED, OK, SKIPPED, Settings

#: Case: its title, and for each implementation the import, the required module and the
#: distribution.
IMPORTS: dict[str, tuple[str, tuple[tuple[str, str, str, str], ...]]] = {
    "import-package": (
        "the package only",
        (
            ("gibbous", "import gibbous", "gibbous", "gibbous"),
            ("scikit-learn", "import sklearn", "sklearn", "scikit-learn"),
            ("NumPy", "import numpy", "numpy", "numpy"),
        ),
    ),
    "import-mixture": (
        "the class for Gaussian mixtures",
        (
            ("gibbous", "from gibbous import GaussianMixture", "gibbous", "gibbous"),
            (
                "scikit-learn",
                "from sklearn.mixture import GaussianMixture",
                "sklearn",
                "scikit-learn",
            ),
            ("daal4py", "from daal4py import em_gmm", "daal4py", "daal4py"),
        ),
    ),
    "import-kmeans": (
        "the class for K-means",
        (
            ("gibbous", "from gibbous import KMeans", "gibbous", "gibbous"),
            ("scikit-learn", "from sklearn.cluster import KMeans", "sklearn", "scikit-learn"),
            ("faiss", "from faiss import Kmeans", "faiss", "faiss-cpu"),
        ),
    ),
    "import-topics": (
        "the class for topics",
        (
            ("gibbous", "from gibbous import LatentDirichletAllocation", "gibbous", "gibbous"),
            (
                "scikit-learn",
                "from sklearn.decomposition import LatentDirichletAllocation",
                "sklearn",
                "scikit-learn",
            ),
            ("tomotopy", "from tomotopy import LDAModel", "tomotopy", "tomotopy"),
            ("gensim", "from gensim.models import LdaMulticore", "gensim", "gensim"),
            ("lda", "from lda import LDA", "lda", "lda"),
        ),
    ),
    "import-machine": (
        "the class for Boltzmann machines",
        (
            ("gibbous", "from gibbous import BernoulliRBM", "gibbous", "gibbous"),
            (
                "scikit-learn",
                "from sklearn.neural_network import BernoulliRBM",
                "sklearn",
                "scikit-learn",
            ),
            ("PyTorch", "import torch", "torch", "torch"),
            ("rbms", "from rbms.bernoulli_bernoulli.classes import BBRBM", "rbms", "rbms"),
            ("learnergy", "from learnergy.models.bernoulli import RBM", "learnergy", "learnergy"),
        ),
    ),
}

_TIMED = """
import json, time
began = time.perf_counter()
{what}
seconds = time.perf_counter() - began
peak = 0
try:
    with open("/proc/self/status") as file:
        peak = next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM"))
except OSError:
    pass
print(json.dumps([seconds, peak]))
"""


def timed(statement: str) -> str:
    """Return a program that prints the seconds of an import and its peak memory as JSON."""
    return _TIMED.format(what=statement)


def run(settings: Settings, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return one row per import."""
    rows = []
    # in quick size two of them are enough
    for case, (title, known) in list(IMPORTS.items())[: 2 if settings.quick else None]:
        for name, what, module, distribution in known:
            if name == "gibbous" or not settings.quick or name == "scikit-learn":
                rows.append(_row(case, title, name, what, module, distribution))
    rows.append(_command_row())
    times = 1 if settings.quick else settings.repeats
    for turn in range(0 if settings.quick else -1, times):
        for row in rows:
            if row["status"] != OK:
                continue
            say(f"{row['case']}: {row['implementation']}")
            _run_once(row, settings, kept=turn >= 0)
    for row in rows:
        row.pop("command")
    return rows


def _row(
    case: str, title: str, name: str, what: str, module: str, distribution: str
) -> dict[str, Any]:
    absent = importlib.util.find_spec(module) is None
    return {
        "case": case,
        "title": title,
        "measure": "seconds to import",
        "implementation": name,
        "ours": name == "gibbous",
        "status": SKIPPED if absent else OK,
        "reason": f"{module} not installed" if absent else "",
        "command": [sys.executable, "-W", "ignore", "-c", timed(what)],
        "seconds": [],
        "peak_bytes": None,
        "busy": False,
        "versions": {} if absent else versions((distribution,)),
    }


def _command_row() -> dict[str, Any]:
    beside = Path(sys.executable).parent / "gibbous"
    command = str(beside) if beside.is_file() else shutil.which("gibbous")
    row = _row(
        "command-help",
        "gibbous --help, whole process",
        *("gibbous", "", "gibbous"),
        "gibbous",
    )
    row |= {"measure": "seconds for the command", "command": [command, "--help"]}
    if command is None:
        row |= {"status": SKIPPED, "reason": "the command gibbous is not installed for this Python"}
    return row


def _run_once(row: dict[str, Any], settings: Settings, kept: bool) -> None:
    help_of_command = row["measure"] == "seconds for the command"
    began = time.perf_counter()
    try:
        with Neighbors() as neighbors:
            done = subprocess.run(
                row["command"],
                capture_output=True,
                text=True,
                timeout=settings.limit,
                env=environment(settings.threads),
                check=False,
            )
    except subprocess.TimeoutExpired:
        row |= {"status": FAILED, "reason": f"> {settings.limit:g} s"}
        return
    seconds, peak = time.perf_counter() - began, None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
        row |= {"status": FAILED, "reason": f"exit status {done.returncode}: {said:.200}"}
        return
    if not help_of_command:
        seconds, peak = json.loads(done.stdout.splitlines()[-1])
    if kept:
        row["seconds"].append(seconds)
        row["peak_bytes"] = peak or None
        row["busy"] = row["busy"] or (neighbors.busy or 0.0) > BUSY


def text(rows: list[dict[str, Any]]) -> str:
    """Return the table."""
    lines = ["\nimport time in a fresh interpreter, in seconds"]
    for row in rows:
        head = f"  {row['title']:<38} {row['implementation']:<14}"
        if not row["seconds"]:
            lines.append(f"{head} {row['status']}: {row['reason']}")
            continue
        peak = "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:6.0f} MB"
        lines.append(f"{head} {sorted(row['seconds'])[len(row['seconds']) // 2]:6.3f} s {peak}")
    return "\n".join(lines)
