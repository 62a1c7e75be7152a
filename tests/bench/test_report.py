"""Reports of the benchmark: verdicts, exponents, tables, the page and the README.

No times are measured; figures are made up or come from committed files.
"""

from __future__ import annotations

import argparse
import json
import re
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.commands import report
from bench.harness import peaks, schema
from bench.report import (
    bars,
    documentation,
    html,
    markdown,
    markers,
    sections,
    summary,
    trends,
    verdicts,
    wording,
)
from scipy import stats

from support.results import record, result, value, written

ROOT = Path(__file__).resolve().parents[2]


# ---- verdicts ----------------------------------------------------------------------------------


def verdict(*records: dict[str, Any]) -> verdicts.Verdict:
    (found,) = verdicts.verdicts(list(records))
    return found


def test_gibbous_is_compared_with_the_best_peer() -> None:
    found = verdict(record(), record("slow", (9.0, 9.0)), record("fast", (2.0, 2.02)))
    assert found.peer is not None and found.peer["implementation"] == "fast"
    assert found.outcome == verdicts.AHEAD and found.times == pytest.approx(2.01 / 1.01)
    assert found.memory == 1.0 and not found.not_ahead


@pytest.mark.parametrize("status", ["different quality", "over limit", "failed", "skipped"])
def test_invalid_results_never_win(status: str) -> None:
    # a peer that would be far ahead, had it reached the same answer
    wrong = record("wrong", (0.01, 0.011), status=status, reason="it did not")
    found = verdict(record(), wrong, record("slow", (9.0, 9.0)))
    assert found.outcome == verdicts.AHEAD
    assert found.peer is not None and found.peer["implementation"] == "slow"
    alone = verdict(record(), wrong)
    assert alone.outcome == verdicts.ALONE and alone.times is None
    # ours, likewise
    ours = verdict(record(runs=(0.01, 0.011), status=status, reason="it did not"), record("peer"))
    assert ours.outcome == verdicts.REFUSED and ours.times is None and ours.not_ahead
    assert ours.by_how_much() == f"{status}: it did not"


@pytest.mark.parametrize(
    ("runs", "outcome"),
    [
        ((2.0, 2.1, 2.2), verdicts.AHEAD),
        ((0.5, 0.6, 0.7), verdicts.BEHIND),
        ((1.015, 2.1, 2.2), verdicts.LEVEL),  # one peer run within the range of ours
        ((0.5, 0.6, 1.005), verdicts.LEVEL),
        ((1.05,), verdicts.LEVEL),  # one run, difference below a tenth
        ((0.97,), verdicts.LEVEL),
        ((1.5,), verdicts.AHEAD),
        ((0.5,), verdicts.BEHIND),
    ],
)
def test_ahead_and_behind_exceed_the_spread(runs: tuple[float, ...], outcome: str) -> None:
    found = verdict(record(), record("peer", runs))
    assert found.outcome == outcome
    assert found.not_ahead == (outcome != verdicts.AHEAD)


def test_higher_may_be_better() -> None:
    higher = {"measure": "score", "lower_is_better": False}
    found = verdict(record(**higher), record("peer", (0.5, 0.5), **higher))
    assert found.outcome == verdicts.AHEAD and found.times == pytest.approx(1.01 / 0.5)
    assert "x as good" in verdict(record(**higher), record("p", (3.0, 3.0), **higher)).by_how_much()


def test_quality_reached_only_by_the_peer_is_a_loss() -> None:
    found = verdict(record(runs=()), record("peer"))
    assert found.outcome == verdicts.BEHIND and found.by_how_much() == "did not reach the target"


@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_negative_time_is_not_a_win(who: str) -> None:
    below, above = (-0.2, -0.1), (0.3, 0.4)
    ours, theirs = (below, above) if who == "ours" else (above, below)
    found = verdict(record(runs=ours), record("peer", theirs))
    assert (
        found.outcome == verdicts.LEVEL
        and found.by_how_much() == "below the resolution of the clock"
    )


def test_variants_of_gibbous() -> None:
    ours = record(variant="plain"), record(variant="quick", runs=(0.5, 0.51))
    wrong = record(variant="wild", runs=(0.1, 0.1), status="different quality", reason="off")
    found = verdict(*ours, wrong, record("peer"))
    assert found.ours["variant"] == "quick"
    # without a peer they may be of different kinds, and each is listed
    assert [v.ours["variant"] for v in verdicts.verdicts(list(ours))] == ["plain", "quick"]


def test_reasons_fit_case_variant_and_machine(tmp_path: Path) -> None:
    path = tmp_path / "reasons.json"
    entry = {"cases": "A*", "variant": "quick", "reason": "It is slow.", "fix": "Make haste."}
    path.write_text(json.dumps([{**entry, "processor": "Slide*"}, entry]))
    known = verdicts.reasons(path)
    assert len(verdicts.reasons_on({"processor": "Abacus"}, known)) == 1
    loser = verdict(record(variant="quick"), record("peer", (0.1, 0.1)))
    assert verdicts.reason(loser, known) == "It is slow. Possible fix: Make haste."
    other = verdict(record(), record("peer", (0.1, 0.1)))
    assert verdicts.reason(other, known) == "no reason is recorded yet."
    path.write_text(json.dumps([{"cases": "A*", "reason": "It is slow."}]))
    with pytest.raises(ValueError, match=r"reasons\.json: entry 0 lacks fix"):
        verdicts.reasons(path)


def test_committed_reasons_are_complete() -> None:
    assert all(entry["reason"].strip() for entry in verdicts.reasons())


# ---- exponents and threads ---------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.5, 3.0])
def test_exponents_of_exact_power_laws(power: float) -> None:
    sizes = [1e3, 4e3, 5e4, 2e6]
    found = trends.exponent(sizes, [3e-7 * n**power for n in sizes])
    assert found.value == pytest.approx(power, abs=1e-12)
    assert found.error == pytest.approx(0.0, abs=1e-7)


def test_exponents_and_errors_are_those_of_a_regression() -> None:
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(1, 1e4, 7), rng.uniform(1, 1e4, 7)
    found = trends.exponent(list(x), list(y))
    expected = stats.linregress(np.log(x), np.log(y))
    assert found.value == pytest.approx(expected.slope)
    assert found.error == pytest.approx(expected.stderr)


def test_two_sizes_have_no_error_and_one_no_exponent() -> None:
    assert trends.exponent([1, 2], [1.0, 4.0]) == trends.Exponent(2.0, None)
    with pytest.raises(ValueError, match="two different sizes"):
        trends.exponent([2, 2], [1.0, 4.0])


def test_growth_is_fitted_over_the_size_that_differs() -> None:
    def at(n: int, k: int, **more: Any) -> dict[str, Any]:
        seconds = 1e-9 * n * k**2
        sizes = {"n": n, "d": 8, "k": k}
        name = f"{n}-{k}"
        return record(runs=(seconds,), case=name, series="s", sizes=sizes, **more)

    records = [at(n, 4) for n in (100, 1000, 9000)] + [at(100, k) for k in (8, 16)]
    records.append(at(70_000, 4, status="different quality", reason="off"))  # not fitted
    found = {line.along: line for line in trends.growth(records)}
    assert set(found) == {"n", "k"}
    assert found["n"].exponent.value == pytest.approx(1.0)
    assert found["k"].exponent.value == pytest.approx(2.0)
    assert [p.x for p in found["n"].points] == [100, 1000, 9000]


def test_documents_are_not_a_size_if_they_grow_with_tokens() -> None:
    records = [
        record(
            runs=(1e-6 * tokens,),
            case=str(tokens),
            series="s",
            sizes={"tokens": tokens, "n": tokens // 100, "words": tokens // 7, "k": 10},
        )
        for tokens in (1000, 20_000)
    ]
    (line,) = trends.growth(records)
    assert line.along == "tokens" and line.exponent.value == pytest.approx(1.0)


def test_speed_up_over_threads() -> None:
    records = [record(runs=(8.0 / t,), threads=t) for t in (4, 1, 2)]
    (line,) = trends.scaling(records)
    assert trends.speed_up(line) == [(1, 1.0), (2, 2.0), (4, 4.0)]


# ---- tables and the page -----------------------------------------------------------------------


def full() -> dict[str, Any]:
    """Return a result that fills every part of a report."""
    quality = {"name": "log-likelihood", "value": -1.5, "reference": -1.5}
    quality |= {"tolerance": 1e-6, "higher_is_better": None}
    sweep = {
        "group": "lda",
        "measure": "seconds per sweep",
        "sizes": {"tokens": 1000, "k": 5},
        "title": "a corpus",
    }
    records = [
        record(quality=quality, work={"flops": 1e9, "bytes": 5e8}),
        record("peer", (3.0, 3.3, 3.6), quality=quality, work={"flops": 1e9}),
        record(threads=2, runs=(0.6, 0.61)),
        record("peer", (2.0, 2.2), threads=2),
        *(
            record(name, (factor * n * 1e-5,), case=f"g{n}", series="g", group="growth")
            | {"sizes": {"n": n, "d": 8}}
            for n in (100, 1000, 10_000)
            for name, factor in (("gibbous", 1.0), ("peer", 3.0))
        ),
        record(case="lost", title="lost to a peer", runs=(4.0, 4.1)),
        record("rival", (1.0, 1.1), case="lost", title="lost to a peer"),
        record(case="wrong", title="gone wrong", status="different quality", reason="far off"),
        record("rival", case="wrong", title="gone wrong"),
        record("cheat", (1e-3,), status="different quality", reason="skips words"),
        record("absent", (), status="skipped", reason="absent is not installed"),
        record(case="L", **sweep, beyond_bytes=50_000, curve=[[1.0, 900.0], [2.0, 800.0]]),
        record("peer", (2.0,), case="L", **sweep, curve=[[1.0, 950.0], [2.0, 850.0]]),
    ]
    gemm = {"float32": {"1": 4e9}, "float64": {"1": 2e9}}
    measured = {"gemm_flops_per_second": gemm, "bandwidth_bytes_per_second": {"1": 1e9}}
    made = result(*records, peaks=measured)
    made["machine"]["warnings"] = ["the machine was busy"]
    schema.check(made, "full")
    return made


def section_of(*results: dict[str, Any]) -> list[sections.Section]:
    return sections.gather([(f"{i}.json", content) for i, content in enumerate(results)])


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Return everything that is made of a result that fills every part, by kind."""
    found = section_of(full())
    return {
        "markdown": markdown.report(found, []),
        "html": html.page(found, []),
        "docs": documentation.page(found, ["0.json"], []),
    }


@pytest.mark.parametrize("kind", ["markdown", "html", "docs"])
def test_losses_are_listed_with_or_without_a_reason(texts: dict[str, str], kind: str) -> None:
    text = texts[kind]
    after = text[text.index("not faster\n" if kind != "html" else "not faster</h3>") :]
    for words in ("lost to a peer", "rival", "0.259x the speed", "gone wrong", "far off"):
        assert words in after, words
    assert "no reason is recorded yet" in after
    assert "the machine was busy" in text


@pytest.mark.parametrize("kind", ["markdown", "html", "docs"])
def test_invalid_results_are_listed(texts: dict[str, str], kind: str) -> None:
    text = texts[kind]
    after = text[text.rindex("Runs that are not ranked") :]
    assert "cheat, 1 thread: different quality (1.00 ms): skips words" in after
    assert "absent skipped in 1 case: absent is not installed" in after


def test_files_of_one_machine_share_a_section() -> None:
    other = result(record(case="B"))
    other["machine"]["processor"] = "Slide rule"
    again = result(record(runs=(7.0, 7.1)))
    found = section_of(result(record()), other, again)
    assert [s.machine["processor"] for s in found] == ["Abacus 3000", "Slide rule"]
    (kept,) = found[0].records
    assert kept["value"]["min"] == 7.0
    assert "2.json replaces 1 earlier figure." in found[0].warnings
    text = html.page(found, [])
    assert "<h2>Abacus 3000" in text and "<h2>Slide rule" in text


def test_cases_with_the_same_title_are_distinguished() -> None:
    (found,) = section_of(result(record(case="A"), record(case="B"), record(case="C", title="")))
    assert [r["title"] for r in found.records] == [
        "full, n 100k d 16 k 16 (A)",
        "full, n 100k d 16 k 16 (B)",
        "C",
    ]


class Page(HTMLParser):
    """The parsed elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    VOID = ("meta", "br", "link", "img")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, content or "") for name, content in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_page_is_complete_and_needs_no_network(texts: dict[str, str]) -> None:
    text = texts["html"]
    found = Page(text)
    assert not found.open
    for heading in (
        "Quality over time",
        "Thread scaling",
        "Growth with size",
        "Memory: bytes per row",
        "Memory: bytes per token",
        "Shares of the measured peaks",
        "Where gibbous is not faster",
        "Versions",
    ):
        assert heading in found.texts, heading
    # curves, threads, and the growth of the series
    assert found.tags.count("figure") == 3
    ids = [content for _, name, content in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for tag, name, content in found.attributes:
        if name in ("src", "href", "xlink:href", "action", "data", "poster"):
            assert content.startswith("#") and content[1:] in ids, (tag, name, content)
        for target in re.findall(r"url\(([^)]*)\)", content):
            assert target.startswith("#") and target[1:] in ids, (tag, name, content)
    assert not {"script", "link", "iframe", "img", "object"} & set(found.tags)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@import" not in style and "url(" not in style
    assert "prefers-color-scheme: dark" in style
    # plots contain no fixed colors: all follow the page
    assert "var(--ours)" in text and not re.search(r"(?:fill|stroke): #", text)


HOSTILE = (
    """<script>alert(1)</script> & "quoted" 'too' | `tick` *star* [a](http://x) $x_1$ \n# no"""
)


def test_markup_in_text_is_escaped() -> None:
    made = full()
    for i, each in enumerate(made["records"]):
        each["title"] += HOSTILE
        each["reason"] = HOSTILE
        each["series"] = HOSTILE if each["series"] else ""
        each["variant"] = HOSTILE if not each["ours"] or i % 2 else ""
        each["versions"] = {HOSTILE: HOSTILE}
    made["machine"] |= {"processor": HOSTILE, "system": HOSTILE, "warnings": [HOSTILE]}
    schema.check(made, "hostile")
    found = Page(html.page(section_of(made), [{"cases": "*", "reason": HOSTILE, "fix": "x"}]))
    assert not found.open and "script" not in found.tags
    assert "<script>alert(1)</script>" in " ".join(found.texts)
    assert not [a for a in found.attributes if a[1].startswith("on")]
    for text in (
        markdown.report(section_of(made), []),
        documentation.page(section_of(made), ["0.json"], []),
    ):
        assert not re.search(r"(?<!\\)<script", text) and "\n# no" not in text
        rows = re.findall(r"^\|.*\|$", text, re.MULTILINE)
        counts = {len(re.findall(r"(?<!\\)\|", row)) - 1 for row in rows}
        assert counts <= {4, 5, 7}, counts


def test_shares_of_the_peaks() -> None:
    made = full()
    made["records"] = made["records"][:1]
    made["records"][0]["value"] = value(1.0)
    (part,) = bars.peaks(section_of(made)[0], verdicts.verdicts(made["records"]))
    assert "50%" in part[1]  # 1e9 operations of float64 a second of 2e9
    assert "products, float64" in part[1] and "memory bandwidth" in part[1]
    made["records"][0]["title"] += ", float32"
    (part,) = bars.peaks(section_of(made)[0], verdicts.verdicts(made["records"]))
    assert "25%" in part[1]


# ---- the README --------------------------------------------------------------------------------

README = "# Title\n\n<!-- figures -->\nold\n<!-- /figures -->\n\nThe end.\n"


def reported(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return report.main(parser.parse_args(arguments))


def test_readme_is_rewritten_between_its_markers(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    path = written(tmp_path / "results", "full.json", full())
    readme = tmp_path / "README.md"
    readme.write_text(README)
    assert reported(str(path), "--readme", str(readme)) == 0
    new = readme.read_text()
    assert new.startswith("# Title\n\n<!-- figures: results/full.json -->\nSpeed against")
    assert new.endswith("<!-- /figures -->\n\nThe end.\n") and "\nold\n" not in new
    assert markers.marked_files(new, "README.md") == ["results/full.json"]
    assert reported(str(path), "--readme", str(readme)) == 0
    assert readme.read_text() == new


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (README.replace("<!-- figures -->", ""), "no line <!-- figures --> to write after"),
        (README.replace("<!-- /figures -->", ""), "no <!-- /figures --> after <!-- figures -->"),
        ("<!-- /figures -->\n<!-- figures -->\n", "no <!-- /figures --> after <!-- figures -->"),
    ],
)
def test_readme_without_markers_is_unchanged(
    tmp_path: Path, capsys: Any, text: str, said: str
) -> None:
    path = written(tmp_path, "full.json", full())
    readme = tmp_path / "README.md"
    readme.write_text(text)
    assert reported(str(path), "--readme", str(readme)) == 2
    assert said in capsys.readouterr().err
    assert readme.read_text() == text


def committed(page: str) -> tuple[str, list[str], list[sections.Section]]:
    """Return a page of the repository, the result files that it names, and their sections."""
    text = (ROOT / page).read_text(encoding="utf-8")
    files = markers.marked_files(text, page)
    paths = [(ROOT / page).parent / file for file in files]
    return text, files, sections.gather([(path.name, schema.load(path)) for path in paths])


def test_readme_figures_match_the_committed_files() -> None:
    readme, files, found = committed("README.md")
    text = summary.short(found, report.PAGE)
    assert markers.rewritten(readme, "README.md", text, files) == readme, (
        f"run: python -m bench report {' '.join(files)} --readme README.md"
    )


def test_benchmark_page_matches_the_committed_files() -> None:
    text, files, found = committed("docs/benchmarks.md")
    assert documentation.page(found, files, verdicts.reasons()) == text, (
        f"run in docs: python -m bench report {' '.join(files)} --docs docs/benchmarks.md"
    )


def test_summary_table_is_short_and_includes_losses() -> None:
    _, _, found = committed("README.md")
    text = summary.short(found, "all.md")
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert 10 <= len(rows) <= summary.MOST
    assert "within noise" in text and "(all.md)" in text
    slower = [row for row in rows if float(row.split("|")[5].split()[0]) < 1.0]
    assert len(slower) >= 2
    # the groups with a slower case are all in the table
    behind = {v.group for v in verdicts.verdicts(found[0].records) if v.outcome == verdicts.BEHIND}
    for group in behind:
        assert any(fnmatchcase(f"{group}-x", row.cases) for row in summary.ROWS), group


def test_summary_table_omits_rows_without_figures() -> None:
    text = summary.short(section_of(result(record(), record("peer", (2.0, 2.1)))), "all.md")
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 1 and "| 1.01 s | 2.05 s | peer | 2.03 |" in rows[0]


def test_earlier_names_are_mapped_to_current_ones(tmp_path: Path) -> None:
    old = record(
        measure="seconds an iteration",
        title="iris, kmeans, default start",
        reason="> 30 s a run",
        quality={
            "name": "joint log-likelihood a token",
            "value": -1.0,
            "reference": -1.0,
            "tolerance": 0.1,
            "higher_is_better": True,
        },
    )
    (new,) = schema.load(written(tmp_path, "old.json", result(old)))["records"]
    assert new["measure"] == "seconds per iteration"
    assert new["title"] == "iris, kmeans, default initialization"
    assert new["reason"] == "> 30 s per run"
    assert new["quality"]["name"] == "joint log-likelihood per token"
    assert {k: v for k, v in new.items() if old[k] == v}.keys() >= {"value", "case", "versions"}


def test_pages_and_the_summary_are_written(tmp_path: Path, capsys: Any) -> None:
    path, page = written(tmp_path, "full.json", full()), tmp_path / "page.md"
    assert reported(str(path), "--docs", str(page)) == 0 and capsys.readouterr().out == ""
    assert page.read_text().startswith("<!-- figures: full.json -->\n\n# Benchmarks")
    assert markers.marked_files(page.read_text(), "page.md") == ["full.json"]
    assert reported(str(path), "--summary") == 0
    assert capsys.readouterr().out.startswith("Speed against the fastest other library")


def test_report_writes_the_requested_files(tmp_path: Path, capsys: Any) -> None:
    path = written(tmp_path, "full.json", full())
    tables, page = tmp_path / "out.md", tmp_path / "out.html"
    assert reported(str(path), "--markdown", str(tables), "--html", str(page)) == 0
    assert capsys.readouterr().out == ""
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert reported(str(path)) == 0
    assert capsys.readouterr().out == tables.read_text()
    path.write_text("{}")
    assert reported(str(path)) == 2
    assert "full.json: the whole file: expected the keys format" in capsys.readouterr().err


# ---- numbers, and the peaks --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (1.0, "1.00"),
        (9.996, "10.0"),
        (0.12345, "0.123"),
        (0.00012345, "0.000123"),
        (1.2345e-7, "1.23e-07"),
        (123.45, "123"),
        (999.6, "1,000"),
        (123_456.0, "123,000"),
        (1.5e9, "1.50e+09"),
        (-2.345, "-2.35"),
    ],
)
def test_three_digits(number: float, text: str) -> None:
    assert wording.digits(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0 s"),
        (0.9996, "1.00 s"),
        (0.0181, "18.1 ms"),
        (3.2e-5, "32.0 µs"),
        (1234.0, "1,230 s"),
    ],
)
def test_seconds_have_a_suitable_unit(number: float, text: str) -> None:
    assert wording.seconds(number) == text


def test_sizes_have_a_suitable_unit() -> None:
    assert [wording.size(n) for n in (0, 999, 71_600_000, 999_950_000)] == [
        "0 B",
        "999 B",
        "71.6 MB",
        "1.00 GB",
    ]


def test_shares_are_percent() -> None:
    shares = (0.0, 0.00034, 0.066, 0.994, 0.996, 2.53)
    assert [wording.percent(share) for share in shares] == [
        *("0%", "0.034%", "6.6%", "99%", "100%", "253%")
    ]


def test_wrong_answer_without_a_reason_shows_its_error() -> None:
    quality = {"name": "inertia", "value": 61.5, "reference": 55.7, "tolerance": 2.78}
    wrong = {"reason": "", "quality": quality}
    assert wording.reason(wrong) == "inertia 61.5 instead of 55.7; the tolerance is 2.78"
    assert wording.reason({**wrong, "reason": "it broke"}) == "it broke"
    assert wording.reason({"reason": "", "quality": None}) == "no reason given"


def test_peaks_are_measured_for_each_number_of_threads() -> None:
    found = peaks.measure([1, 2], quick=True)
    schema.check(result(peaks=found), "peaks")
    assert all(set(found["gemm_flops_per_second"][t]) == {"1", "2"} for t in peaks.DTYPES)
    assert set(found["bandwidth_bytes_per_second"]) == {"1", "2"}
