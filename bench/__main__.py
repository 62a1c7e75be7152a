"""The command: ``python -m bench gmm kmeans`` from the root of the repository."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import (
    adapters,
    corpora,
    holes,
    impute,
    machine,
    outofcore,
    rbm_cases,
    rbm_quality,
    rbm_report,
    rbm_runner,
    report,
    squarem,
    topic_cases,
    topic_report,
    topic_runner,
)
from .adapters.gibbous_lda import SAMPLERS
from .adapters.mallet import VARIABLE
from .cases import CASES, Case
from .cases import GROUPS as MATRIX_GROUPS
from .holes import HolesCase
from .rbm_cases import RbmCase
from .runner import DIFFERENT, FAILED, ROOT, RunError, Settings, run_case, start_worker
from .topic_cases import TopicCase

FORMAT = 1

GROUPS = {**MATRIX_GROUPS, **topic_cases.GROUPS, **rbm_cases.GROUPS, **holes.GROUPS}

#: Groups that run only where they are named: no comparison of speed, and half an hour.
_ON_REQUEST = ("rbm-quality", "impute")

#: Groups that are not made of cases.
_ALONE = {"small", "squarem", "outofcore"}

#: Most of the memory that is free now and that a run on topics may have.
_SHARE_OF_MEMORY = 0.8

_DESCRIPTION = """\
Time gibbous against its peers, with the answers checked.

Every run is a fresh process with the same data, start and number of iterations. Seconds an
iteration are (time of 1 + m iterations - time of 1) / m, so that set-up does not count (it has a
column of its own); k-means++ is timed by whole draws. The answers are evaluated by one float64
evaluator and compared with a NumPy reference: a run that is off is "different quality" and is
neither ranked nor a peer to beat. "x best peer" is the best peer's seconds over the row's. Memory
is the peak less what the interpreter and its imports held before the data were loaded.

Topics (lda): sampling is clocked without set-up, after ten sweeps of burn-in, at 1, 2 and all
threads; "CPU s" are the processors' seconds a sweep, for machines that others use too, and "MB
beyond" is beyond the interpreter and the corpus. A sweep of one sampler is not worth
one of another: the cases lda-curve-* compare held-out perplexity at marks of seconds, by one
evaluator, and the seconds to 1% of the best peer's last perplexity. The JSON is written after
every run.

Boltzmann machines (rbm): seconds an epoch of plain (P)CD-k on MNIST thresholded at half, the
fastest epoch of a run, at 1, 2 and all threads; what ours watches meanwhile counts. The machines
are judged by reconstruction and pseudo-likelihood of test rows beside those of a NumPy reference
that ran as many epochs; "by turn" is the spread of the ratios of runs that followed each other.
scikit-learn knows PCD-1 only. rbm-quality trains ours with good settings and prints its test
log-likelihood.

Imputation (impute): entries of wine and breast cancer are removed at random and filled in again;
the mixture's kind is chosen by three tenths of the entries that are left, held out in turn, and so
is the number of neighbours where the table says "chosen". scikit-learn's imputers are as they come
otherwise.
"""

_EPILOG = """\
groups: gmm, bgmm, kmeans, lda, rbm, rbm-quality, impute, small (whole default fits on n = 150 to
10,000 against scikit-learn), squarem (EM iterations with and without acceleration), outofcore (a
file larger than a fit's memory). The cases lda-synth300m-*, rbm-quality, impute, squarem and
outofcore run only where they are named.
The exit status is 1 where ours failed or reached another answer; times never change it.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print(_list())
        return 0
    if options.markdown is not None:
        result = json.loads(options.markdown.read_text())
        print(report.markdown(result))
        if result.get("topics"):
            print("\n" + topic_report.markdown(result["topics"]))
        if result.get("machines"):
            print("\n" + rbm_report.markdown(result["machines"]))
        return 0
    try:
        names = _chosen(options.groups, options.cases)
        settings = _settings(options)
    except ValueError as error:
        parser.error(str(error))
    small = "small" in options.groups or not (options.groups or options.cases)
    if options.mallet is not None:
        os.environ[VARIABLE] = str(options.mallet.resolve())
    json_path = None if options.json is None else options.json.resolve()
    alone = _ALONE & set(options.groups) | ({"small"} if small else set())
    result = _run(names, alone, options.size, settings, json_path)
    return int(_ours_failed(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups = (*GROUPS, *sorted(_ALONE))
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"{', '.join(groups)}; most of them by default"
    )
    parser.add_argument(
        "--cases", metavar="NAMES", help="only these cases, by name or pattern: A,B-*,kmeans"
    )
    parser.add_argument(
        "--peers",
        default=",".join(adapters.PEERS),
        help="implementations to compare with, or .py files of adapters (default: %(default)s)",
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
        "--markdown", type=Path, metavar="FILE", help="print the table of an earlier run's JSON"
    )
    parser.add_argument("--list", action="store_true", help="list the cases and the peers")
    parser.add_argument(
        "--size",
        type=float,
        default=4.0,
        metavar="GB",
        help="of the file of outofcore, in the temporary folder (default: %(default)g)",
    )
    _add_topic_options(parser.add_argument_group("topics"))
    return parser


def _add_topic_options(group: Any) -> None:
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
        "--data",
        type=Path,
        metavar="FOLDER",
        help="of 20news.npz, sotu.jsonl.gz and, for rbm, mnist.npz (GIBBOUS_DATA)",
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


def _list() -> str:
    lines = [
        f"{case.name:<12} {case.kind:<9} {case.covariance:<10} n {case.n:>9,} d {case.d:>3} "
        f"k {case.k:>3} {case.dtype}"
        for case in CASES.values()
    ]
    lines += [
        f"{topic.name:<23} {topic.kind:<9} {topic.corpus:<10} k {topic.k:>6,}"
        for topic in topic_cases.CASES.values()
    ]
    lines += [
        f"{case.name:<23} {case.method.upper()}-{case.k:<6} h {case.hidden:>5,} batch {case.batch}"
        for case in rbm_cases.CASES.values()
    ]
    lines += [f"{name:<23} ours only" for name in rbm_cases.QUALITY]
    lines += [
        f"{case.name:<23} {case.data}, {case.share:.0%} removed" for case in holes.CASES.values()
    ]
    for family, known in adapters.FAMILIES.items():
        for name in known:
            adapter = adapters.find(name, family)
            lines.append(f"{family:<9} {name:<9} {adapters.missing(adapter) or 'installed'}")
    return "\n".join(lines)


def _chosen(groups: list[str], patterns: str | None) -> list[str]:
    """Return the names of the cases, in the order of the report.

    Raises
    ------
    ValueError
        If a group is unknown or a pattern matches no case.
    """
    everything = (
        *CASES,
        *topic_cases.CASES,
        *rbm_cases.CASES,
        *rbm_cases.QUALITY,
        *holes.CASES,
    )
    known = (*GROUPS, *sorted(_ALONE))
    for group in groups:
        if group not in known:
            raise ValueError(f"no group {group!r}; known are {', '.join(known)}")
    wanted: set[str] = set()
    default = [] if patterns else [group for group in GROUPS if group not in _ON_REQUEST]
    for group in groups or default:
        wanted.update(GROUPS.get(group, ()))
    if patterns:
        named: set[str] = set()
        for pattern in patterns.split(","):
            found = fnmatch.filter(everything, pattern.strip())
            if not found:
                raise ValueError(f"no case {pattern!r}; known are {', '.join(everything)}")
            named.update(found)
        wanted = named & wanted if wanted else named
    return [name for name in everything if name in wanted]


def _settings(options: argparse.Namespace) -> Settings:
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
    peers = tuple(name.strip() for name in options.peers.split(",") if name.strip())
    for name in (options.ours, *peers):
        if name not in adapters.PEERS:
            adapters.find(name)
    return Settings(
        ours=options.ours,
        peers=tuple(name for name in peers if name != options.ours),
        threads=threads,
        repeats=1 if options.quick else options.repeats,
        limit=options.limit,
        quick=options.quick,
        **_topic_settings(options, processors),
    )


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


def _run(
    names: list[str], alone: set[str], size: float, settings: Settings, json_path: Path | None
) -> dict[str, Any]:
    def keep() -> None:
        if json_path is not None:
            text = json.dumps(result, indent=1, allow_nan=False) + "\n"
            unfinished = json_path.with_name(json_path.name + ".part")
            unfinished.write_text(text)
            unfinished.replace(json_path)

    # fits are timed in processes started from the root, where "bench" is found
    os.chdir(ROOT)
    result: dict[str, Any] = {
        "format": FORMAT,
        "machine": machine.facts(),
        "settings": asdict(settings),
        "cases": [],
        "topics": [],
        "machines": [],
        "quality": [],
        "holes": [],
        "small": None,
        "squarem": None,
        "outofcore": None,
    }
    print(report.machine_text(result["machine"], result["settings"]))
    load = result["machine"]["load_average"][0]
    if load > machine.BUSY * machine.available():
        print(f"WARNING: the machine is busy (load average {load:.2f}); trust no single figure")
    for case in _cases(names, settings.quick):
        part = run_case(case, settings, _say)
        result["cases"].append(part)
        print(report.case_text(part), flush=True)
        keep()
    _run_topics(names, settings, result["topics"], keep)
    _run_machines(names, settings, result["machines"], keep)
    _run_quality(names, settings, result["quality"], keep)
    _run_holes(names, settings, result["holes"], keep)
    if "small" in alone:
        result["small"] = _small(settings)
        print(report.small_text(result["small"]), flush=True)
    if "squarem" in alone:
        _say("fewer iterations")
        result["squarem"] = squarem.run(
            Path(settings.data), settings.quick, settings.threads, settings.repeats
        )
        print(squarem.text(result["squarem"]), flush=True)
    if "outofcore" in alone:
        _say("out of core")
        size = min(size, 0.02) if settings.quick else size
        result["outofcore"] = outofcore.run(size, settings.threads)
        print(outofcore.text(result["outofcore"]), flush=True)
    keep()
    return result


def _run_topics(
    names: list[str], settings: Settings, parts: list[dict[str, Any]], keep: Callable[[], None]
) -> None:
    """Run the topic cases, each once; of those that are the same in quick size only the first."""
    cases: dict[TopicCase, TopicCase] = {}
    for name in names:
        if name in topic_cases.CASES:
            case = topic_cases.CASES[name]
            case = case.quick() if settings.quick else case
            cases.setdefault(replace(case, name=""), case)
    for place, case in enumerate(cases.values()):

        def changed(part: dict[str, Any], place: int = place) -> None:
            parts[place:] = [part]
            keep()

        part = topic_runner.run_case(case, settings, _say, changed)
        changed(part)
        print(topic_report.case_text(part), flush=True)


def _run_machines(
    names: list[str], settings: Settings, parts: list[dict[str, Any]], keep: Callable[[], None]
) -> None:
    """Run the speed cases of Boltzmann machines; of equal ones in quick size only the first."""
    cases: dict[RbmCase, RbmCase] = {}
    for name in names:
        if name in rbm_cases.CASES:
            case = rbm_cases.CASES[name]
            case = case.quick() if settings.quick else case
            cases.setdefault(replace(case, name=""), case)
    for place, case in enumerate(cases.values()):

        def changed(part: dict[str, Any], place: int = place) -> None:
            parts[place:] = [part]
            keep()

        changed(rbm_runner.run_case(case, settings, _say, changed))
        print(rbm_report.case_text(parts[-1]), flush=True)


def _run_quality(
    names: list[str], settings: Settings, parts: list[dict[str, Any]], keep: Callable[[], None]
) -> None:
    """Train and judge our Boltzmann machines, each once."""
    for name in names:
        if name in rbm_cases.QUALITY:
            case = rbm_cases.QUALITY[name]
            _say(name)
            parts.append(rbm_quality.run_case(case.quick() if settings.quick else case, settings))
            print(rbm_quality.text(parts[-1]), flush=True)
            keep()


def _run_holes(
    names: list[str], settings: Settings, parts: list[dict[str, Any]], keep: Callable[[], None]
) -> None:
    """Fill in what was removed of real data; of equal cases in quick size only the first."""
    cases: dict[HolesCase, HolesCase] = {}
    for name in names:
        if name in holes.CASES:
            case = holes.CASES[name]
            case = case.quick() if settings.quick else case
            cases.setdefault(replace(case, name=""), case)
    for case in cases.values():
        _say(case.name)
        parts.append(impute.run_case(case, settings))
        print(impute.text(parts[-1]), flush=True)
        keep()


def _cases(names: list[str], quick: bool) -> list[Case]:
    """Return the cases of matrices; of those that are the same in quick size only the first."""
    names = [name for name in names if name in CASES]
    if not quick:
        return [CASES[name] for name in names]
    found: dict[Case, Case] = {}
    for name in names:
        case = CASES[name].quick()
        found.setdefault(replace(case, name="", extra_iter=0, spread=0.0), case)
    return list(found.values())


def _small(settings: Settings) -> list[dict[str, Any]]:
    """Run the group of small data; one row with the reason where it cannot run."""
    adapter = adapters.find(settings.ours)
    refused = {"data": "all", "k": 0, "model": "-", "start": "-", "status": "skipped"}
    reason = adapters.missing(adapter)
    if not reason and not hasattr(adapter, "estimators"):
        reason = f"{adapter.NAME} has no estimators to stand for ours"
    if reason:
        return [{**refused, "reason": reason}]
    spec = {"small": {"quick": settings.quick, "budget": 0.05 if settings.quick else 0.7}}
    _say("small data")
    with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
        try:
            rows: Any = start_worker(
                {**spec, "ours": settings.ours, "threads": settings.threads},
                Path(folder),
                settings.threads,
                # the whole group is one process
                max(settings.limit, 1200.0),
            )
        except RunError as error:
            return [{**refused, "status": error.status, "reason": str(error)}]
    return list(rows)


def _say(text: str) -> None:
    """Tell a person who waits what runs now; a pipe gets the tables only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="\r", file=sys.stderr, flush=True)


def _ours_failed(result: dict[str, Any]) -> bool:
    bad = (DIFFERENT, FAILED)
    cases = (*result["cases"], *result["topics"], *result["machines"], *result["holes"])
    ours = [entry for case in cases for entry in case["results"] if entry["ours"]]
    ours += result["quality"] + (result["outofcore"] or {"fits": []})["fits"]
    return any(entry["status"] in bad for entry in ours) or any(
        row["status"] in bad for row in result["small"] or []
    )


if __name__ == "__main__":
    sys.exit(main())
