"""Options of the command, and the settings that they define."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..adapters.lda.gibbous import SAMPLERS
from ..adapters.lda.mallet import VARIABLE
from ..harness import adapters, machine
from ..harness.process import PACKAGE
from ..harness.settings import Settings
from ..lda import corpora
from ..plan import growth, kinds, suites
from ..plan.kinds import Job

#: Largest share of the free memory that a run on topics may use.
_SHARE_OF_MEMORY = 0.8

RUN = """\
Time gibbous and other libraries, and check their results.

Every run is a fresh process. All implementations get the same data, the same initialization and
the same number of iterations. Seconds per iteration are (time of 1 + m iterations - time of 1) / m,
so that set-up does not count (it has its own column); k-means++ is timed by whole draws. One
float64 evaluator computes the quality that was reached and compares it with a NumPy reference: a
run that deviates has the status "different quality" and is not ranked. "speedup" is the seconds of
the best peer divided by those of the row. "extra MB" is the peak memory beyond what the interpreter
and its imports held before the data were loaded.

Topics (lda): sampling is timed without set-up, after ten sweeps of burn-in, with 1, 2 and all
threads; "CPU s" are processor seconds per sweep, for machines with other work, and "extra MB" is
beyond the interpreter and the corpus. Outside of the timing, every sampler is checked on a few
documents of the corpus: after ten sweeps from a random state the joint log-likelihood must match
that of plain collapsed Gibbs sampling. Sweeps of a sampler with proposals (fast) achieve less than
exact sweeps and are not ranked with them: the cases lda-curve-* compare held-out perplexity over
time, and the seconds until perplexity is within 1% of the best peer's last value. The JSON file is
written after every run.

Boltzmann machines (rbm): seconds per epoch of plain (P)CD-k on MNIST, binarized at one half; the
fastest epoch of a run, with 1, 2 and all threads; monitoring by gibbous is included. The machines
are compared with a NumPy reference after the same number of epochs, by reconstruction error and
pseudo-likelihood of test rows; "paired" is the range of the ratios of runs that followed each
other. scikit-learn supports PCD-1 only, learnergy CD only. rbm-quality trains gibbous with good
settings and prints the test log-likelihood.

Imputation (impute): entries of wine and breast cancer are removed at random and imputed. The type
of mixture is selected by three tenths of the remaining entries, held out in turn, and so is the
number of neighbors if the table says "chosen". Other settings of scikit-learn are the defaults.

Growth (growth) and thread scaling (scaling) run gibbous and the fastest peers only; import times
(import) are measured in fresh interpreters.
"""

RUN_END = """\
Without GROUP, --cases or --suite these groups run: {default}. The exit status is 1 if gibbous
failed or reached a different result; times never change it. `python -m {package} list` lists
groups, suites and cases, with the minutes they take.
"""


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``run``."""
    parser.description = RUN
    parser.epilog = RUN_END.format(default=", ".join(suites.DEFAULT), package=PACKAGE)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(kinds.GROUPS))
    parser.add_argument(
        "--cases", metavar="NAMES", help="only these cases, by name or pattern: A,B-*,kmeans"
    )
    parser.add_argument(
        "--suite", choices=tuple(suites.SUITES), help="a selection of cases with its own settings"
    )
    parser.add_argument(
        "--peers",
        help="other implementations, or .py files of adapters "
        f"(default: {','.join(adapters.PEERS)})",
    )
    parser.add_argument(
        "--ours", default="gibbous", help="the implementation that is compared with the peers"
    )
    _add_measuring_arguments(parser)
    _add_topic_arguments(parser.add_argument_group("topics"))


def _add_measuring_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        help="number of runs of each implementation (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        help="number of threads (default: all processors; lda, rbm: 1, 2 and all)",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=120.0,
        help="time limit per run in seconds (default: %(default)g)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes and a single run, as a smoke test"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the results to this file"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="resume the run of FILE and keep its finished cases (--json defaults to FILE)",
    )
    parser.add_argument(
        "--size",
        type=float,
        default=4.0,
        metavar="GB",
        help="size of the temporary file of outofcore (default: %(default)g)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="folder with 20news.npz, sotu.jsonl.gz, faithful.csv and mnist.npz (GIBBOUS_DATA)",
    )


def _add_topic_arguments(group: Any) -> None:
    group.add_argument(
        "--sampling",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="maximum burn-in, and timed sweeps, per run (default: %(default)g)",
    )
    group.add_argument(
        "--curve",
        type=float,
        default=64.0,
        metavar="SECONDS",
        help="sampling time of a curve; earlier points are at halves of it (default: %(default)g)",
    )
    group.add_argument(
        "--samplers",
        default="",
        metavar="NAMES",
        help=f"samplers of gibbous to run: {', '.join(SAMPLERS)}",
    )
    group.add_argument(
        "--memory",
        type=float,
        metavar="GB",
        help="address space per run (default: 80%% of the free memory; 0: no limit)",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help=f"folder of the cached corpora (default: {corpora.cache_folder()})",
    )
    group.add_argument(
        "--mallet", type=Path, metavar="PATH", help=f"folder or command of MALLET ({VARIABLE})"
    )


def jobs(options: argparse.Namespace) -> tuple[list[Job], Settings]:
    """Return the requested jobs, and the settings of the command.

    Raises
    ------
    ValueError
        If a number is out of range, a name is unknown, or nothing is left to run.
    """
    if options.suite and (options.groups or options.cases):
        raise ValueError("a suite selects the cases: give --suite, or GROUP and --cases")
    chosen = settings(options)
    if options.mallet is not None:
        os.environ[VARIABLE] = str(options.mallet.resolve())
    suite = options.suite
    if options.quick and not (options.groups or options.cases):
        suite = suite or "quick"
    peers_given = options.peers is not None
    if suite:
        return suites.of_suite(suite, chosen, peers_given), chosen
    return suites.of_groups(options.groups, options.cases, chosen, peers_given), chosen


def settings(options: argparse.Namespace) -> Settings:
    """Return the settings, checked.

    Raises
    ------
    ValueError
        If a number is out of range or an implementation is unknown.
    """
    processors = machine.available()
    threads = processors if options.threads is None else options.threads
    if not 1 <= threads <= processors:
        raise ValueError(f"--threads must be between 1 and {processors}; got {threads}")
    if options.repeats < 1:
        raise ValueError(f"--repeats must be at least 1; got {options.repeats}")
    if not options.size > 0:
        raise ValueError(f"--size must be a positive number of GB; got {options.size}")
    if not options.limit > 0:
        raise ValueError(f"--limit must be a positive number of seconds; got {options.limit}")
    peers = adapters.PEERS if options.peers is None else options.peers.split(",")
    ours = _adapter(options.ours)
    scaling = growth.thread_counts(threads)
    return Settings(
        ours=ours,
        peers=tuple(
            name for name in map(_adapter, (p.strip() for p in peers if p.strip())) if name != ours
        ),
        threads=threads,
        repeats=1 if options.quick else options.repeats,
        limit=options.limit,
        quick=options.quick,
        size=options.size,
        scaling_counts=scaling,
        **_topic_settings(options, processors),
    )


def _adapter(name: str) -> str:
    """Return the name, or the whole path of an adapter's file: workers run elsewhere."""
    if name in adapters.PEERS:
        return name
    adapters.find(name)
    return str(Path(name).resolve()) if name.endswith(".py") else name


def _topic_settings(options: argparse.Namespace, processors: int) -> dict[str, Any]:
    for name in ("sampling", "curve"):
        if not getattr(options, name) > 0:
            given = getattr(options, name)
            raise ValueError(f"--{name} must be a positive number of seconds; got {given}")
    samplers = tuple(name.strip() for name in options.samplers.split(",") if name.strip())
    for name in samplers:
        if name not in SAMPLERS:
            raise ValueError(f"no sampler {name!r}; known are {', '.join(SAMPLERS)}")
    if options.memory is not None and not options.memory >= 0:
        raise ValueError(f"--memory must be at least 0 GB; got {options.memory}")
    memory = _SHARE_OF_MEMORY * machine.available_bytes()
    threads = {1, min(2, processors), processors} if options.threads is None else {options.threads}
    return {
        "thread_counts": (1,) if options.quick else tuple(sorted(threads)),
        "sampling": 0.05 if options.quick else options.sampling,
        "curve": 0.4 if options.quick else options.curve,
        "memory": int(memory if options.memory is None else options.memory * 1e9),
        "samplers": samplers,
        "data": str((options.data or corpora.data_folder()).resolve()),
        "cache": str((options.cache or corpora.cache_folder()).resolve()),
    }
