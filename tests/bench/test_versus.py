"""Two installations in turn: slower ones are detected, incomparable ones are rejected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.__main__ import main
from bench.commands import versus
from bench.harness.settings import Settings
from bench.plan import suites
from bench.versus.pairs import Comparison
from bench.versus.tasks import Task, of_jobs

# A fake installation: K-means that sleeps.
PACKAGE = """
import time

__version__ = "0"


class KMeans:
    def __init__(self, k, **settings):
        pass

    def fit(self, data):
        time.sleep({seconds})


GaussianMixture = KMeans
"""


def installation(folder: Path, seconds: float) -> str:
    (folder / "gibbous").mkdir(parents=True)
    (folder / "gibbous" / "__init__.py").write_text(PACKAGE.format(seconds=seconds))
    return str(folder)


def run(old: str, new: str, *arguments: str) -> int:
    return main(
        ["versus", "--old", old, "--new", new, "--rounds", "2", "--seconds", "0.1", *arguments]
    )


def test_slower_installation_is_detected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fast, slow = (installation(tmp_path / f"{s}", s) for s in (0.01, 0.05))
    path = tmp_path / "found.json"
    tasks = ("--tasks", "fit iris kmeans*")
    code = run(fast, slow, *tasks, "--json", str(path))
    said = capsys.readouterr()
    assert code == 1, said.err
    assert "SLOWER" in said.out and "within the spread" not in said.out
    for comparison in json.loads(path.read_text())["tasks"]:
        assert len(comparison["ratios"]) == 2
        # 5 times, less what a busy machine adds to both
        assert 2.0 < comparison["ratio"] <= 5.5
    assert run(slow, fast, *tasks) == 0
    assert "No task is slower by more than 3%." in capsys.readouterr().out


def test_path_without_the_package_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, empty = installation(tmp_path / "good", 0.0), tmp_path / "empty"
    empty.mkdir()
    assert run(good, str(empty), "--tasks", "fit iris kmeans*") == 2
    assert str(empty) in capsys.readouterr().err


def test_failing_installation_is_reported_with_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = (installation(tmp_path / name, 0.0) for name in ("good", "bad"))
    file = Path(bad) / "gibbous" / "__init__.py"
    file.write_text(file.read_text().replace("time.sleep(0.0)", "raise ValueError('no luck')"))
    assert run(good, bad, "--tasks", "fit iris kmeans*") == 2
    said = capsys.readouterr().err
    assert bad in said and "ValueError: no luck" in said


@pytest.mark.parametrize(
    ("option", "value"),
    [("--rounds", "0"), ("--seconds", "0"), ("--threshold", "-1"), ("--tasks", "nothing*")],
)
def test_invalid_options_are_rejected(
    tmp_path: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(tmp_path), str(tmp_path), option, value) == 2
    said = capsys.readouterr().err
    assert option in said and value in said


def test_the_quick_suite_as_tasks() -> None:
    settings = Settings(quick=True, threads=2, scaling_counts=(1, 2))
    tasks, left_out = of_jobs(suites.of_suite("quick", settings, False))
    assert left_out == []
    names = [task.name for task in tasks]
    assert len(set(names)) == len(names)
    assert {task.kind for task in tasks} == {
        *("rows", "lda", "rbm", "impute", "small", "squarem", "import")
    }
    assert sum(name.startswith("fit iris") for name in names) == 10
    # tasks are passed to the processes as JSON
    assert all(Task(**json.loads(json.dumps(task.to_dict()))) == task for task in tasks)


def comparison(name: str, *ratios: float) -> Comparison:
    made = Comparison(Task(name, "rows", 1))
    for ratio in ratios:
        made.add([(1.0, ratio), (2.0, 2 * ratio), (4.0, 4 * ratio)])
    return made


def test_figures_of_rounds() -> None:
    found = comparison("A", 1.0, 1.2, 1.1)
    assert found.ratio == pytest.approx(1.1) and found.fastest_ratio == pytest.approx(1.0)
    assert found.old == [2.0] * 3 and found.new == pytest.approx([2.0, 2.4, 2.2])
    assert found.slower(0.03) and not found.slower(0.11)


def test_table_lists_the_slowest_first() -> None:
    found = [comparison("A", 1.0, 1.02), comparison("B", 1.5, 1.6), comparison("C", 0.9, 1.2)]
    lines = versus.text(found, 0.03).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:5]] == ["| B", "| C", "| A"]
    assert lines[2].endswith("| SLOWER |") and "within the spread" in lines[3]
    assert "SLOWER" not in lines[4]
    assert lines[-1] == "Median of 3 tasks: 1.050. Slower by more than 3%: B; C."
