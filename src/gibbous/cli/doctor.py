"""``gibbous doctor``: whether an installation is sound, what it lacks, and how to get it."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from .session import print_json

OK, WARNING, PROBLEM = "ok", "warning", "problem"

#: Extras for developers of the package.
_OWN_EXTRAS = ("test", "dev", "docs")

#: The effect of these variables is reported when they are set.
_VARIABLES = {
    "GIBBOUS_ISA": "instruction set of the core",
    "GIBBOUS_AMX": "use of the matrix unit",
    "GIBBOUS_DATA": "folder of data sets for the tests",
    "OMP_NUM_THREADS": "threads",
    "OMP_THREAD_LIMIT": "most threads",
    "OMP_PROC_BIND": "where threads run",
    "OMP_WAIT_POLICY": "how threads wait",
    "OMP_DYNAMIC": "whether OpenMP may take fewer threads",
    "KMP_AFFINITY": "where threads of Intel's OpenMP run",
    "MKL_NUM_THREADS": "threads of other libraries",
    "OPENBLAS_NUM_THREADS": "threads of other libraries",
    "MPLBACKEND": "how matplotlib draws",
    "LD_PRELOAD": "libraries loaded before all others",
    "PYTHONPATH": "modules found before those installed",
    "NO_COLOR": "no colours",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    group: str
    name: str
    status: str
    found: str
    remedy: str = ""


def run(as_json: bool) -> None:
    """Check everything, print the findings, and end with code 1 if something is wrong.

    Raises
    ------
    typer.Exit
        With code 1, if there is a problem.
    """
    findings = list(examine())
    problems = sum(finding.status == PROBLEM for finding in findings)
    if as_json:
        print_json(
            {
                "command": "doctor",
                "healthy": not problems,
                "problems": problems,
                "warnings": sum(finding.status == WARNING for finding in findings),
                "findings": [asdict(finding) for finding in findings],
            }
        )
    else:
        _print(findings)
    if problems:
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Yield what is found, the fits last."""
    yield from _system()
    yield from _core()
    yield from _libraries()
    yield from _extras()
    yield from _environment()
    yield from _fits()
    # after the fits, so that scikit-learn and its libraries are loaded
    yield _openmp()
    yield from _places()


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    styles = {OK: "green", WARNING: "yellow", PROBLEM: "bold red"}
    width = max(len(finding.name) for finding in findings)
    group = ""
    for finding in findings:
        if finding.group != group:
            group = finding.group
            console.print(Text(f"{group}:"))
        line = Text(f"  {finding.status:<9}", style=styles[finding.status])
        line.append(f"{finding.name:<{width + 2}}{finding.found}", style="default")
        console.print(line, soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"{'':<11}{'':<{width + 2}}-> {finding.remedy}"), soft_wrap=True)
    counts = [(s, sum(f.status == s for f in findings)) for s in (PROBLEM, WARNING)]
    found = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts)
    console.print(f"{found}; gibbous is {'not ' if counts[0][1] else ''}ready")


# --- what it runs on -------------------------------------------------------------------------


def _system() -> Iterator[Finding]:
    from .. import __version__

    here = Path(__file__).parents[1]
    yield Finding("system", "gibbous", OK, f"{__version__} in {here}")
    yield Finding("system", "Python", OK, f"{platform.python_version()} ({sys.executable})")
    yield Finding("system", "platform", OK, platform.platform())
    yield _memory()


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    try:
        # memory that the kernel can reclaim, such as the file cache, is available as well
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        free = 1024 * int(re.findall(r"^MemAvailable:\s+(\d+)", text, re.MULTILINE)[0])
    except (OSError, IndexError):
        pass
    limit = _limit()
    if limit is not None and limit < total:
        total, free = limit, min(free, limit)
    found = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB available"
    if free >= 2**29:
        return Finding("system", "memory", OK, found)
    remedy = "close other programs; large .npy tables are read in blocks by gmm fit"
    return Finding("system", "memory", WARNING, found, remedy)


def _limit() -> int | None:
    """Return the limit of the control group in bytes, as set for containers."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return int(Path(path).read_text(encoding="ascii"))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return None


def _core() -> Iterator[Finding]:
    from .. import _cpu
    from .._ground.isa import LEVEL, core
    from .._ground.validate import n_threads

    best = _cpu.level()
    found = f"{LEVEL} in use, {best} is what the processor could run"
    asked = os.environ.get("GIBBOUS_ISA", "").strip()
    if best == LEVEL:
        yield Finding("core", "instruction set", OK, found)
    elif asked:
        yield Finding("core", "instruction set", WARNING, found, "unset GIBBOUS_ISA")
    else:
        remedy = f"install a wheel, or build with GIBBOUS_LEVELS={best}: it will be faster"
        yield Finding("core", "instruction set", WARNING, found, remedy)
    build = core.build_info()
    yield Finding("core", "compiler", OK, str(build["compiler"]))
    unit = "in use" if core.has_matrix_unit() else "none in use"
    yield Finding("core", "matrix unit (AMX)", OK, unit)
    threads, processors = n_threads(None), n_threads(-1)
    found = f"{threads} by default, {processors} processors for this process"
    omp = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if omp.isdecimal() and int(omp) > processors:
        remedy = f"set OMP_NUM_THREADS to {processors} or less: more threads only wait"
        yield Finding("core", "threads", WARNING, found, remedy)
    elif threads < processors:
        remedy = "--jobs -1 takes all of them; or unset OMP_NUM_THREADS"
        yield Finding("core", "threads", OK, found, remedy)
    else:
        yield Finding("core", "threads", OK, found)


# --- what is installed -----------------------------------------------------------------------


def _required() -> dict[str, list[tuple[str, str]]]:
    """Return name and least version of what each extra needs; the extra "" is the package."""
    found: dict[str, list[tuple[str, str]]] = {}
    for text in importlib.metadata.requires("gibbous") or []:
        name = re.match(r"[\w.-]+", text)
        least = re.search(r">=\s*([\w.]+)", text.partition(";")[0])
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", text)
        if name is not None:
            entry = (name[0], least[1] if least else "")
            found.setdefault(extra[1] if extra else "", []).append(entry)
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def older(version: str, least: str) -> bool:
    """Return whether a version is lower than another, by their numbers."""
    one, other = ([int(n) for n in re.findall(r"\d+", text)[:3]] for text in (version, least))
    return one < other


def _libraries() -> Iterator[Finding]:
    for name, least in _required().get("", []):
        version = _version(name)
        remedy = f"pip install '{name}>={least}'" if least else f"pip install {name}"
        if version is None:
            yield Finding("libraries", name, PROBLEM, "not installed", remedy)
        elif least and older(version, least):
            yield Finding("libraries", name, PROBLEM, f"{version}; {least} is needed", remedy)
        else:
            yield Finding("libraries", name, OK, version)


def _extras() -> Iterator[Finding]:
    for extra, packages in _required().items():
        if not extra or extra in _OWN_EXTRAS:
            continue
        versions = {name: _version(name) for name, _ in packages if name != "gibbous"}
        found = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
        remedy = f"to get it: pip install 'gibbous[{extra}]'" if None in versions.values() else ""
        yield Finding("extras", extra, OK, found, remedy)


def _environment() -> Iterator[Finding]:
    known = [name for name in _VARIABLES if name in os.environ]
    for name in known:
        found = f"{os.environ[name]!r} ({_VARIABLES[name]})"
        yield Finding("environment", name, OK, found)
    strange = [name for name in os.environ if name.startswith("GIBBOUS_") and name not in known]
    for name in sorted(strange):
        remedy = f"unset it; there are {', '.join(n for n in _VARIABLES if n[:8] == 'GIBBOUS_')}"
        yield Finding("environment", name, WARNING, "means nothing to gibbous", remedy)
    if not known and not strange:
        yield Finding("environment", "variables", OK, "none set that matters")


def _openmp() -> Finding:
    try:
        text = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Finding("check", "OpenMP", OK, "run-times cannot be listed here")
    paths = sorted(set(re.findall(r"/\S*/lib(?:g|i)?omp5?[^/\s]*\.so[^/\s]*", text)))
    kinds = {re.sub(r"[-.].*", "", Path(path).name) for path in paths}
    found = f"{len(paths)} run-time{'' if len(paths) == 1 else 's'} loaded"
    if paths:
        found += f": {', '.join(paths)}"
    if len(kinds) > 1:
        remedy = (
            "run-times of several makers in one process may wait for each other: keep threads "
            "few (--jobs), or install all libraries from one source"
        )
        return Finding("check", "OpenMP", WARNING, found, remedy)
    return Finding("check", "OpenMP", OK, found)


# --- whether it works ------------------------------------------------------------------------

_BROKEN = "the installation is damaged: pip install --force-reinstall --no-deps gibbous"


def _fits() -> Iterator[Finding]:
    checks: dict[str, Callable[[], str]] = {
        "K-means": _kmeans,
        "mixture": _mixture,
        "topics": _topics,
        "Boltzmann machine": _machine,
        "threads, same bits": _threads,
        "model file": _file,
    }
    for name, check in checks.items():
        try:
            yield Finding("check", name, OK, check())
        except Exception as error:  # any error belongs in the report
            found = " ".join(f"{type(error).__name__}: {error}".split())
            yield Finding("check", name, PROBLEM, found, _BROKEN)


def _close(what: str, got: Any, want: Any) -> None:
    import numpy as np

    if not np.allclose(got, want, rtol=1e-6, atol=1e-9):
        raise ArithmeticError(f"{what} is {got}, not {want}")


def _kmeans() -> str:
    from ..kmeans.lloyd import KMeans

    model = KMeans(2, n_init=4, random_state=0).fit([[0.0], [1.0], [10.0], [11.0]])
    _close("the centers", sorted(model.cluster_centers_.ravel()), [0.5, 10.5])
    _close("the inertia", model.inertia_, 1.0)
    return "0, 1, 10, 11 in two groups: centers 0.5 and 10.5"


def _mixture() -> str:
    import numpy as np

    from ..gmm.mixture import GaussianMixture

    X = np.random.default_rng(0).normal(size=(50, 2))
    model = GaussianMixture(1, reg_covar=0.0).fit(X)
    _close("the mean", model.means_[0], X.mean(axis=0))
    _close("the covariance", model.covariances_[0], np.cov(X.T, bias=True))
    return "one component: mean and covariance of the points"


def _topics() -> str:
    from ..corpus.corpus import Corpus
    from ..lda.model import LatentDirichletAllocation

    corpus = Corpus.from_texts(["moon star", "bank bond", "star tide", "bond loan"] * 5)
    model = LatentDirichletAllocation(2, max_iter=30, random_state=0).fit(corpus)
    _close("the number of tokens", model.topic_sizes_.sum(), corpus.n_tokens)
    _close("a document's sum of shares", model.transform(corpus).sum(axis=1), 1.0)
    return f"{corpus.n_tokens} tokens in two topics, each in one of them"


def _machine() -> str:
    import itertools

    import numpy as np

    from ..rbm.bernoulli import BernoulliRBM

    states = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    model = BernoulliRBM(3, n_iter=2, random_state=0).fit(states[[0, 3, 12, 15]])
    log_z = model.log_partition("exact")
    total = math.fsum(np.exp(model.log_likelihood(states, log_partition=log_z)))
    # the machine counts in float32
    if abs(total - 1) > 1e-3:
        raise ArithmeticError(f"the probabilities of all states add up to {total}, not to 1")
    return "probabilities of all 16 states add up to 1"


def _threads() -> str:
    import numpy as np

    from ..kmeans.lloyd import KMeans

    X = np.random.default_rng(1).normal(size=(3000, 5))
    one, other = (KMeans(8, n_init=1, random_state=0, n_jobs=n).fit(X) for n in (1, 2))
    if not np.array_equal(one.cluster_centers_, other.cluster_centers_):
        raise ArithmeticError("a fit with two threads differs from that with one")
    return "one thread and two give the same centers, bit by bit"


def _file() -> str:
    import numpy as np

    from ..gmm.mixture import GaussianMixture
    from ..io.model_file import load, save

    model = GaussianMixture(2, random_state=0).fit([[0.0], [1.0], [10.0], [11.5]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(model, path)
        if not np.array_equal(load(path).means_, model.means_):
            raise ArithmeticError("a model that was read is not the one that was written")
    return "written and read again, bit by bit"


def _places() -> Iterator[Finding]:
    for name, folder in (("folder", Path.cwd()), ("temporary folder", Path(tempfile.gettempdir()))):
        try:
            with tempfile.NamedTemporaryFile(dir=folder):
                yield Finding("check", name, OK, f"{folder} can be written to")
        except OSError as error:
            remedy = "give -o a path in a folder of your own"
            if name != "folder":
                remedy = "set TMPDIR to a folder of your own"
            found = f"{folder} cannot be written to ({error.strerror})"
            yield Finding("check", name, WARNING, found, remedy)
