"""The command's options, and the settings that come of them."""

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

#: Most of the memory that is free now and that a run on topics may have.
_SHARE_OF_MEMORY = 0.8

RUN = """\
Time gibbous against its peers, with the answers checked.

Every run is a fresh process with the same data, start and number of iterations. Seconds an
iteration are (time of 1 + m iterations - time of 1) / m, so that set-up does not count (it has a
column of its own); k-means++ is timed by whole draws. The answers are evaluated by one float64
evaluator and compared with a NumPy reference: a run that is off is "different quality" and is
neither ranked nor a peer to beat. "x best peer" is the best peer's seconds over the row's. Memory
is the peak less what the interpreter and its imports held before the data were loaded.

Topics (lda): sampling is clocked without set-up, after ten sweeps of burn-in, at 1, 2 and all
threads; "CPU s" are the processors' seconds a sweep, for machines that others use too, and "MB
beyond" is beyond the interpreter and the corpus. What a sweep is worth is checked, outside of the
clock, on a few documents of the corpus: after ten sweeps from a random start the joint
log-likelihood must be that of plain collapsed Gibbs sampling. Sweeps of a sampler of proposals
(fast) are not worth those of others and are not ranked beside them: the cases lda-curve-* compare
held-out perplexity at marks of seconds, by one evaluator, and the seconds to 1% of the best peer's
last perplexity. The JSON is written after every run.

Boltzmann machines (rbm): seconds an epoch of plain (P)CD-k on MNIST thresholded at half, the
fastest epoch of a run, at 1, 2 and all threads; what ours watches meanwhile counts. The machines
are judged by reconstruction and pseudo-likelihood of test rows beside those of a NumPy reference
that ran as many epochs; "by turn" is the spread of the ratios of runs that followed each other.
scikit-learn knows PCD-1 only, learnergy CD only. rbm-quality trains ours with good settings and
prints its test log-likelihood. There are no autoencoders, as gibbous has none.

Imputation (impute): entries of wine and breast cancer are removed at random and filled in again;
the mixture's kind is chosen by three tenths of the entries that are left, held out in turn, and so
is the number of neighbours where the table says "chosen". scikit-learn's imputers are as they come
otherwise.

Growth (growth) and strong scaling (scaling) run ours beside the fastest peers only; seconds before
anything is computed (import) are those of imports in fresh interpreters.
"""

RUN_END = """\
Without GROUP, --cases or --suite these run: {default}. The exit status is 1 where ours failed or
reached another answer; times never change it. `python -m {package} list` names groups, suites and
cases, with the minutes they take.
"""


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``run`` takes."""
    parser.description = RUN
    parser.epilog = RUN_END.format(default=", ".join(suites.DEFAULT), package=PACKAGE)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(kinds.GROUPS))
    parser.add_argument(
        "--cases", metavar="NAMES", help="only these cases, by name or pattern: A,B-*,kmeans"
    )
    parser.add_argument(
        "--suite", choices=tuple(suites.SUITES), help="a choice of cases with settings of its own"
    )
    parser.add_argument(
        "--peers",
        help="implementations to compare with, or .py files of adapters "
        f"(default: {','.join(adapters.PEERS)})",
    )
    parser.add_argument("--ours", default="gibbous", help="the implementation judged as ours")
    parser.add_argument("--repeats", type=int, default=3, help="runs each (default: %(default)s)")
    parser.add_argument(
        "--threads",
        type=int,
        help="threads a run (default: all processors; lda, rbm: 1, 2 and all)",
    )
    parser.add_argument(
        "--limit", type=float, default=120.0, help="seconds a run may take (default: %(default)g)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one run: a smoke test")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="go on with the run of FILE: cases that it has are kept (--json is FILE by default)",
    )
    parser.add_argument(
        "--size",
        type=float,
        default=4.0,
        metavar="GB",
        help="of the file of outofcore, in the temporary folder (default: %(default)g)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="of 20news.npz, sotu.jsonl.gz, faithful.csv and mnist.npz (GIBBOUS_DATA)",
    )
    _add_topic_arguments(parser.add_argument_group("topics"))


def _add_topic_arguments(group: Any) -> None:
    group.add_argument(
        "--sampling",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="of burn-in at most, and of clocked sweeps, a run (default: %(default)g)",
    )
    group.add_argument(
        "--curve",
        type=float,
        default=64.0,
        metavar="SECONDS",
        help="of sampling up to a curve's last mark; the others halve it (default: %(default)g)",
    )
    group.add_argument(
        "--samplers", default="", metavar="NAMES", help=f"only these of ours: {', '.join(SAMPLERS)}"
    )
    group.add_argument(
        "--memory",
        type=float,
        metavar="GB",
        help="addresses a run may have (default: 80%% of the free memory; 0: no limit)",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help=f"where corpora are kept (default: {corpora.cache_folder()})",
    )
    group.add_argument(
        "--mallet", type=Path, metavar="PATH", help=f"MALLET's folder or command ({VARIABLE})"
    )


def jobs(options: argparse.Namespace) -> tuple[list[Job], Settings]:
    """Return what the options ask for, and the command's own settings.

    Raises
    ------
    ValueError
        If a number is out of range, a name is unknown, or nothing is left to run.
    """
    if options.suite and (options.groups or options.cases):
        raise ValueError("a suite chooses the cases: give --suite, or GROUP and --cases")
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
