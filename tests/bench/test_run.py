"""The benchmark's command: the format of its report, and that wrong answers are not ranked.

No test depends on times.
"""

from __future__ import annotations

import fnmatch
import json
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench.harness import adapters
from bench.harness.settings import Settings
from bench.plan import kinds, suites

ROOT = Path(__file__).resolve().parents[2]

# scikit-learn's answer, perturbed by a thousandth of a width or unchanged.
ADAPTER = """
from bench.adapters.rows import sklearn as honest

NAME = "stand-in"
REQUIRES = ("sklearn",)
DISTRIBUTIONS = ()
refuses, load = honest.refuses, honest.load


def fit(case, data, start, n_iter, seed):
    found = honest.fit(case, data, start, n_iter, seed)
    name = "means" if "means" in found else "centers"
    found[name] = found[name] + float("{nudge}")
    return found
"""

RECORD = {
    *("case", "group", "title", "measure", "lower_is_better", "implementation", "variant", "ours"),
    *("threads", "status", "reason", "value", "quality", "peak_bytes", "beyond_bytes"),
    *("data_bytes", "work", "sizes", "series", "curve", "busy", "versions"),
}

RESULT = {
    "implementation": str,
    "ours": bool,
    "status": str,
    "reason": str,
    "seconds": dict,
    "setup_seconds": float,
    "fit_seconds": float,
    "times_as_fast_as_best_peer": (float, type(None)),
    "peak_bytes": int,
    "value": float,
    "relative_difference": float,
    "parameter_difference": float,
    "reported": (float, type(None)),
    "bytes_beyond_interpreter": int,
    "times_data": float,
    "busy": bool,
    "neighbours": float,
    "versions": dict,
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", "run", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def report(path: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    done = bench("--quick", "--json", str(path), *arguments)
    assert path.exists(), done.stderr
    return done.returncode, done.stdout, json.loads(path.read_text())


def stand_in(folder: Path, nudge: float) -> str:
    path = folder / "stand_in.py"
    path.write_text(ADAPTER.format(nudge=nudge))
    return str(path)


def by_name(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["implementation"]: result for result in case["results"]}


def test_report_is_complete(tmp_path: Path) -> None:
    code, text, found = report(
        tmp_path / "report.json", "--cases", "A-diag", "--peers", "sklearn,faiss"
    )
    assert code == 0, text
    assert found["format"] == 2 and found["finished"] is True
    assert found["settings"]["quick"] is True
    facts = {"processor", "processors", "load_average", "gibbous", "warnings"}
    assert facts <= set(found["machine"])
    assert found["wholes"] == []
    (case,) = found["cases"]
    assert (case["name"], case["covariance"], case["unit"]) == ("A-diag", "diag", "iteration")
    results = by_name(case)
    assert set(results) == {"gibbous", "scikit-learn", "faiss"}
    assert results["faiss"]["status"] == "skipped" and "mixtures" in results["faiss"]["reason"]
    for name in ("gibbous", "scikit-learn"):
        result = results[name]
        assert result["status"] == "ok"
        assert abs(result["relative_difference"]) <= case["tolerance"]
        assert set(result) == set(RESULT)
        for key, kind in RESULT.items():
            assert isinstance(result[key], kind), (name, key, result[key])
        assert set(result["seconds"]) == {"median", "min", "max", "runs"}
        assert result["bytes_beyond_interpreter"] > 0
        assert name in text
    assert results["gibbous"]["ours"] and not results["scikit-learn"]["ours"]


@pytest.mark.parametrize("case", ["A-diag", "bgmm-A", "kmeans"])
def test_wrong_answer_is_different_quality(tmp_path: Path, case: str) -> None:
    wrong = stand_in(tmp_path, 1e-2)
    code, text, found = report(
        tmp_path / "report.json", "--cases", case, "--ours", "sklearn", "--peers", wrong
    )
    results = by_name(found["cases"][0])
    assert results["scikit-learn"]["status"] == "ok"
    assert results["stand-in"]["status"] == "different quality"
    assert results["stand-in"]["times_as_fast_as_best_peer"] is None
    # it is not a peer either, and none is left
    assert results["scikit-learn"]["times_as_fast_as_best_peer"] is None
    assert "different quality" in text
    assert code == 0


def test_wrong_answer_of_gibbous_fails_the_command(tmp_path: Path) -> None:
    wrong = stand_in(tmp_path, float("nan"))
    code, text, found = report(
        tmp_path / "report.json", "--cases", "A-diag", "--ours", wrong, "--peers", "sklearn"
    )
    result = by_name(found["cases"][0])["stand-in"]
    assert (code, result["status"]) == (1, "different quality")
    assert "not finite" in result["reason"] and result["reason"] in text


def test_small_group_compares_whole_fits(tmp_path: Path) -> None:
    code, text, found = report(tmp_path / "report.json", "small", "--ours", "sklearn")
    rows = found["wholes"][0]["rows"]
    assert code == 0, text
    assert found["cases"] == []
    assert {row["model"] for row in rows} == {
        "gmm full",
        "gmm tied",
        "gmm diag",
        "gmm spherical",
        "kmeans",
    }
    assert {row["status"] for row in rows} == {"ok"}
    for row in rows:
        # the same code compared with itself with the same seeds
        assert row["ours_value"] == pytest.approx(row["peer_value"], rel=1e-9)
        assert row["ours_n_iter"] == row["peer_n_iter"]


def test_out_of_core_group_checks_memory_and_answer(tmp_path: Path) -> None:
    code, text, found = report(tmp_path / "report.json", "outofcore")
    assert code == 0, text
    told = found["wholes"][0]["told"]
    assert found["cases"] == [] and told["bytes"] == told["n"] * told["d"] * 8 <= 20_000_000
    assert [fit["kind"] for fit in told["fits"]] == ["full", "diag"]
    for fit in told["fits"]:
        assert fit["status"] == "ok" and 0 <= fit["difference"] < 1e-10
        assert 0 < fit["imports"] < fit["peak"] < 500_000_000
        assert min(fit["warm"], fit["cold"], fit["memory"]) > 0
    assert "from the disk" in text and "differ from a fit in memory by" in text


def test_imputers_are_compared_on_the_removed_entries(tmp_path: Path) -> None:
    code, text, found = report(tmp_path / "report.json", "impute")
    assert code == 0, text
    (case,) = found["holes"]
    assert (case["data"], case["share"], case["draws"]) == ("wine", 0.3, 1)
    errors = {row["variant"]: row["rmse"][0] for row in case["results"]}
    assert set(errors) == {"mixture", "mean", "KNN", "KNN chosen"}
    # column means with variance 1 have errors of about 1
    assert errors["mean"] == pytest.approx(1.0, abs=0.1)
    assert errors["mixture"] < errors["mean"]
    for row in case["results"]:
        assert f"{row['rmse'][0]:.4f}" in text
    assert f"chosen: {case['results'][0]['chosen'][0]}" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cases", "Z"), "no case 'Z'"),
        (("bgmm", "--cases", "A-*"), "no case is in both: --cases A-* bgmm"),
        (("gmm", "--suite", "quick"), "a suite selects the cases"),
        (("weather",), "no group 'weather'"),
        (("--peers", "numpy"), "no adapter 'numpy'"),
        (("--threads", "0"), "--threads must be between 1 and"),
        (("--repeats", "0"), "--repeats must be at least 1; got 0"),
        (("outofcore", "--size", "0"), "--size must be a positive number of GB; got 0"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple[str, ...], said: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_fewer_iterations_are_counted_from_one_start(tmp_path: Path) -> None:
    status, text, result = report(tmp_path / "r.json", "squarem")
    assert status == 0
    assert "map evaluations and seconds" in text
    rows = {(row["data"], row["k"], row["tol"]): row for row in result["wholes"][0]["rows"]}
    em, fast = (rows["wine", 3, 1e-6][name] for name in ("em", "squarem"))
    assert fast["evaluations"] <= em["evaluations"] == 23
    assert fast["value"] > em["value"] - 1e-6


def test_named_case_runs_regardless_of_groups() -> None:
    names = kinds.chosen(["lda"], "lda-synth300m-1000,lda-20news-*")
    assert "lda-synth300m-1000" in names and "lda-20news-20" in names
    assert "lda-synth300m-20" not in kinds.chosen(["lda"], "lda-synth*")
    assert kinds.chosen([], "lda-synth300m-20") == ["lda-synth300m-20"]


def test_suites_name_existing_cases() -> None:
    settings = Settings(threads=2, thread_counts=(1, 2), scaling_counts=(1, 2))
    for name, steps in suites.SUITES.items():
        for step in steps:
            for pattern in step.patterns.split(","):
                assert fnmatch.filter(kinds.OF, pattern), (name, pattern)
        jobs = suites.of_suite(name, settings, False)
        assert len({job.id for job in jobs}) == len(jobs)
    jobs = suites.of_suite("standard", settings, False)
    scaled = [job for job in jobs if job.id.startswith("scaling-gmm@")]
    assert [job.settings.threads for job in scaled] == [1, 2]


def test_records_share_one_format_and_a_run_can_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    code, text, first = report(path, "--cases", "growth-gmm-n-*", "--peers", "sklearn")
    assert code == 0, text
    assert not any("/" in first["settings"][name] for name in ("cache", "data"))
    assert {record["case"] for record in first["records"]} == {
        f"growth-gmm-n-{n}" for n in (25_000, 100_000, 400_000)
    }
    for record in first["records"]:
        assert set(record) == RECORD
        assert record["series"] == "growth-gmm-n" and record["group"] == "growth"
        if record["status"] == "skipped":  # such a small task may take less than the clock's noise
            assert "noise" in record["reason"] and record["value"] is None
        else:
            assert record["status"] == "ok"
            assert record["value"]["median"] == statistics.median(record["value"]["runs"]) > 0
        n, d, k = (record["sizes"][name] for name in "ndk")
        assert record["work"] == {"rows": n, "bytes": 8 * n * d, "flops": 2 * n * k * d * d}
        assert record["data_bytes"] == 8 * n * d < record["peak_bytes"]
        assert record["lower_is_better"]
    # interrupted in the second case: the first is kept, the others run
    first["cases"][1].pop("finished")
    path.write_text(json.dumps(first))
    done = bench(
        *("--quick", "--resume", str(path), "--cases", "growth-gmm-n-*", "--peers", "sklearn")
    )
    assert done.returncode == 0, done.stderr
    again = json.loads(path.read_text())
    assert [part["name"] for part in again["cases"]] == [
        "growth-gmm-n-25000",
        "growth-gmm-n-400000",
        "growth-gmm-n-100000",
    ]
    kept = {part["name"]: part for part in first["cases"] if part.get("finished")}
    for part in again["cases"]:
        assert part["finished"] and (part == kept.get(part["name"], part))
    path.write_text(json.dumps({**again, "machine": {**again["machine"], "processors": 0}}))
    done = bench("--quick", "--resume", str(path), "gmm")
    assert done.returncode == 2 and "of another machine (processors 0)" in done.stderr


def test_ctrl_c_keeps_finished_runs(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    command = [sys.executable, "-m", "bench", "run", "--quick", "--json", str(path)]
    cases = ("--cases", "growth-gmm-*", "--peers", "sklearn")
    with subprocess.Popen([*command, *cases], cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        while not path.exists() and run.poll() is None:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        said = run.stderr.read()
    assert run.returncode == 130
    assert said == f"\ninterrupted; --resume {path} continues from what was finished\n"
    assert not json.loads(path.read_text())["finished"]


def test_imports_are_timed_in_fresh_interpreters(tmp_path: Path) -> None:
    code, text, found = report(tmp_path / "r.json", "import")
    assert code == 0, text
    rows = {(r["case"], r["implementation"]): r for r in found["records"]}
    assert {name for _, name in rows} == {"gibbous", "scikit-learn"}
    for r in rows.values():
        assert set(r) == RECORD and r["status"] == "ok", r["reason"]
        assert r["value"]["min"] > 0
        command = r["measure"] == "seconds for the command"
        assert command == (r["case"] == "command-help")
        assert command or r["peak_bytes"] > 10_000_000
    light, heavy = (rows["import-package", name] for name in ("gibbous", "scikit-learn"))
    assert light["versions"]["gibbous"] and heavy["versions"]["scikit-learn"]


def test_list_shows_everything() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name in (*kinds.GROUPS, *suites.SUITES, *kinds.OF, *adapters.PEERS):
        assert f" {name} " in done.stdout, name
