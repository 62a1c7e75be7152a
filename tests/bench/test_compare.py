"""Result files: what the schema rejects, and what counts as a regression between two files.

Nothing here measures a time; the figures are made up, or committed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench.commands import compare
from bench.harness import schema
from bench.report import html, markdown, sections
from jsonschema import Draft202012Validator

from support.results import record, result, written

ROOT = Path(__file__).resolve().parents[2]
RESULTS = sorted((ROOT / "bench" / "results").glob("*.json"))


# ---- the schema --------------------------------------------------------------------------------


def test_schema_has_one_source() -> None:
    Draft202012Validator.check_schema(json.loads(schema.SCHEMA.read_text()))


@pytest.mark.parametrize("path", RESULTS, ids=lambda p: p.name)
def test_committed_results_follow_the_schema(path: Path) -> None:
    assert schema.load(path)["records"]


def put(place: str, new: Any) -> Callable[[dict[str, Any]], None]:
    """Return a function that sets the value at a path such as "records.0.value"."""

    def change(content: dict[str, Any]) -> None:
        *path, last = place.split(".")
        target: Any = content
        for step in path:
            target = target[int(step)] if isinstance(target, list) else target[step]
        target[last] = new

    return change


@pytest.mark.parametrize(
    ("place", "new", "said"),
    [
        ("records.0.value.median", "fast", 'records[0].value.median: expected number; got "fast"'),
        (
            "records.0.status",
            "fine",
            "records[0].status: expected one of 'ok', 'different quality'",
        ),
        ("records.0.threads", 0, "records[0].threads: expected"),
        ("records.0.value", [], "records[0].value: expected object or null; got a list of 0"),
        ("records.0.value.runs", [], "records[0].value.runs: expected"),
        ("records.0.value.min", 0.5, "records[0].value: expected min and max of the runs"),
        (
            "records.0.value.median",
            7.0,
            "records[0].value.median: expected a value within the range",
        ),
        ("records.0.curve", [[1.0]], "records[0].curve[0]: expected"),
        ("records.0.ours", 1, "records[0].ours: expected boolean; got 1"),
        ("records.0.beyond_bytes", -1, "records[0].beyond_bytes: expected"),
        ("records.0.work", {"flops": "many"}, "records[0].work.flops: expected number"),
        ("records.0.versions", {"numpy": 2}, "records[0].versions.numpy: expected string; got 2"),
        ("machine.warnings", None, "machine.warnings: expected array; got null"),
        ("peaks", {}, "peaks: expected the keys gemm_flops_per_second, bandwidth_bytes_per_second"),
        ("format", 3, "format: expected 2; got 3"),
    ],
)
def test_schema_rejects_invalid_values(tmp_path: Path, place: str, new: Any, said: str) -> None:
    content = result(record())
    schema.check(content, "good")
    put(place, new)(content)
    path = written(tmp_path, "bad.json", content)
    with pytest.raises(schema.BadFile) as caught:
        schema.load(path)
    assert f"{path}: {said}" in str(caught.value)


@pytest.mark.parametrize("key", sorted(record()))
def test_every_key_of_a_record_is_required(key: str) -> None:
    content = result(record())
    del content["records"][0][key]
    with pytest.raises(schema.BadFile, match=f"records\\[0\\]: expected the keys {key}, which"):
        schema.check(content, "bad")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ('{"format": NaN}', "NaN is not a JSON number"),
        ("[]", "the whole file: expected object; got a list of 0"),
        ('{"format": 1, "cases": []}', "format 1, written by an older version; this one reads"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(schema.BadFile) as caught:
        schema.load(path)
    assert said in str(caught.value) and str(path) in str(caught.value)


def test_missing_keys_are_reported_once() -> None:
    with pytest.raises(schema.BadFile) as caught:
        schema.check({"format": 2, "machine": result()["machine"], "records": []}, "bad")
    expected = "bad: the whole file: expected the keys settings, finished, peaks, which are missing"
    assert str(caught.value) == expected


def test_two_records_of_one_kind_are_refused() -> None:
    with pytest.raises(schema.BadFile, match=r"records\[1\]: expected one record per key"):
        schema.check(result(record(), record()), "twice")


def test_unfinished_file_is_accepted_and_reported(tmp_path: Path) -> None:
    path = written(tmp_path, "cut.json", result(record(), finished=False))
    found = sections.gather([("cut.json", schema.load(path))])
    assert "The run did not finish" in markdown.report(found, [])
    assert "The run did not finish" in html.page(found, [])


# ---- compare -----------------------------------------------------------------------------------


def compared(capsys: Any, folder: Path, old: Any, new: Any, *options: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    paths = [str(written(folder, f"{name}.json", c)) for name, c in (("old", old), ("new", new))]
    code = compare.main(parser.parse_args([*paths, *options]))
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize(
    ("runs", "options", "code"),
    [
        ((1.30, 1.31, 1.35), (), 1),  # a third slower, ranges do not overlap
        ((1.30, 1.31, 1.35), ("--threshold", "40"), 0),
        ((0.99, 1.30, 1.60), (), 0),  # a third slower in the median, one run overlaps
        ((1.07, 1.08, 1.09), (), 0),  # ranges do not overlap, but within the threshold
        ((1.07, 1.08, 1.09), ("--threshold", "5"), 1),
        ((0.50, 0.51, 0.52), (), 0),  # faster
        ((1.30,), (), 1),  # one run: only the threshold counts
        ((1.09,), (), 0),
    ],
)
def test_compare_distinguishes_regressions_from_noise(
    capsys: Any, tmp_path: Path, runs: tuple[float, ...], options: tuple[str, ...], code: int
) -> None:
    new = result(record(runs=runs))
    found, text = compared(capsys, tmp_path, result(record()), new, *options)
    assert found == code, text
    assert ("regression of gibbous:" in text) == (code == 1)
    assert ("No regression of gibbous" in text) == (code == 0)


def test_compare_respects_lower_is_better(capsys: Any, tmp_path: Path) -> None:
    def scores(*runs: float) -> dict[str, Any]:
        made = record(runs=runs, measure="score", lower_is_better=False)
        return result(made)

    up, down = scores(2.0, 2.01, 2.02), scores(1.0, 1.01, 1.02)
    assert compared(capsys, tmp_path, up, down)[0] == 1
    assert compared(capsys, tmp_path, down, up)[0] == 0
    # negative ones have no ratio
    low, high = scores(-90.0, -90.1, -90.2), scores(-70.0, -70.1, -70.2)
    assert compared(capsys, tmp_path, high, low)[0] == 1
    assert compared(capsys, tmp_path, low, high)[0] == 0


def test_slower_peer_is_not_a_regression(capsys: Any, tmp_path: Path) -> None:
    old = result(record(), record("peer"))
    new = result(record(), record("peer", runs=(2.0, 2.1, 2.2)))
    code, text = compared(capsys, tmp_path, old, new)
    assert code == 0 and "WORSE" in text
    assert "The peers' figures changed by a factor of 2.08 in the median of 1" in text


@pytest.mark.parametrize("status", ["different quality", "over limit", "failed", "skipped"])
def test_failed_case_is_a_regression(capsys: Any, tmp_path: Path, status: str) -> None:
    old = result(record(), record("peer"))
    ours = result(record(status=status, reason="it went wrong"), record("peer"))
    code, text = compared(capsys, tmp_path, old, ours)
    assert code == 1 and f"ok before, now {status} (it went wrong)" in text
    theirs = result(record(), record("peer", status=status, reason="it went wrong"))
    code, text = compared(capsys, tmp_path, old, theirs)
    assert code == 0 and f"ok before, now {status} (it went wrong)" in text
    assert compared(capsys, tmp_path, ours, old)[0] == 0


def test_more_memory_is_a_regression(capsys: Any, tmp_path: Path) -> None:
    old = result(record(beyond_bytes=100_000_000))
    code, text = compared(capsys, tmp_path, old, result(record(beyond_bytes=130_000_000)))
    assert code == 1 and "MORE MEMORY" in text
    assert compared(capsys, tmp_path, old, result(record(beyond_bytes=105_000_000)))[0] == 0


def test_compare_lists_added_and_removed_records(capsys: Any, tmp_path: Path) -> None:
    old = result(record(), record(case="gone"))
    code, text = compared(capsys, tmp_path, old, result(record(), record(case="new")))
    assert code == 0
    assert "Only in the new file:\n- new, gibbous" in text
    assert "Only in the old file:\n- gone, gibbous" in text


def test_times_of_different_processors_are_not_compared(capsys: Any, tmp_path: Path) -> None:
    slower = result(record(runs=(5.0, 5.1, 5.2)))
    slower["machine"]["processor"] = "Slide rule"
    code, text = compared(capsys, tmp_path, result(record()), slower)
    assert code == 2 and "Abacus 3000 and Slide rule, are not compared" in text
    assert "not compared |" in text and "No regression" not in text
    code, text = compared(capsys, tmp_path, result(record()), slower, "--force")
    assert code == 1 and "The processor differs" in text


def test_incompatible_files_are_not_compared(capsys: Any, tmp_path: Path) -> None:
    code, text = compared(capsys, tmp_path, result(record()), result(record(case="B")))
    assert code == 2 and "no figure in common" in text
    quick = result(record(), settings={"quick": True})
    assert compared(capsys, tmp_path, result(record()), quick)[0] == 2
    code, text = compared(capsys, tmp_path, {"format": 1}, result(record()))
    assert code == 2 and "old.json: format 1" in text
    code, text = compared(capsys, tmp_path, result(record()), result(record()), "--threshold=-1")
    assert code == 2 and "--threshold must be at least 0 percent; got -1" in text


def test_compare_writes_json(capsys: Any, tmp_path: Path) -> None:
    new = result(record(runs=(2.0, 2.1, 2.2)))
    code, text = compared(capsys, tmp_path, result(record()), new, "--json")
    found = json.loads(text)
    assert code == found["exit_code"] == 1
    assert found["changes"][0]["case"] == "A" and found["changes"][0]["regression"]
    assert found["changes"][0]["factor"] == pytest.approx(2.1 / 1.01)
    # the slowest old run over the old median, and the new median over the fastest new run
    assert found["changes"][0]["noise"] == pytest.approx(1.02 / 1.01 * 2.1 / 2.0)
