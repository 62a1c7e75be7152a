"""The output of ``gibbous demo`` is correct."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gibbous.demo import chapters
from gibbous.demo import digits as demo_digits
from gibbous.demo import show as demo
from gibbous.demo import texts as demo_texts


def console() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100), text


def test_only_the_mixture_splits_the_point_in_the_middle() -> None:
    case = chapters.halfway()
    middle = case.points[-1:]
    assert middle.tolist() == [[0.0, 0.0]]
    # Mirrored data and a mirrored start: exact up to rounding.
    assert case.mixture.predict_proba(middle)[0] == pytest.approx([0.5, 0.5], abs=1e-9)
    line = case.line(np.linspace(0, 1, 101))
    hard = case.kmeans.predict(line)
    assert len(set(hard)) == 2 and np.count_nonzero(np.diff(hard)) == 1
    soft = case.mixture.predict_proba(line)[:, case.mixture.means_[:, 0].argmax()]
    assert (np.diff(soft) > 0).all() and soft[0] < 0.001 and soft[-1] > 0.999


def test_log_likelihood_increases_as_the_demo_says() -> None:
    values = np.array(chapters.halfway().mixture.history_.values)
    assert len(values) > 5 and (np.diff(values) > -1e-12).all() and values[-1] > values[0] + 1


def test_complete_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    library = demo_texts.library
    machine = demo_digits.machine
    monkeypatch.setattr(demo_texts, "library", lambda c: kept.append(library(c)) or kept[-1])
    monkeypatch.setattr(demo_digits, "machine", lambda c: kept.append(machine(c)) or kept[-1])
    out, text = console()
    written = demo.run(tmp_path / "new" / "pictures", out)
    assert [path.name for path in written] == [
        "1-half-way.png",
        "2-photograph.png",
        "3-digits.png",
        "4-wines.png",
        "5-docstrings.png",
        "6-samples.png",
    ]
    for path in written:
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 20_000
    told = text.getvalue()
    assert "50.0% │  50.0%" in told and "50% : 50%" in told
    for part in ("273,280 pixels", "1,797 handwritten digits", "178 wines", "1-half-way.png"):
        assert part in told
    topics_are_of_the_library(kept[0], told)
    halves_are_filled_in(kept[1], told)


def topics_are_of_the_library(found: demo_texts.Library, told: str) -> None:
    """Check that well-known topics of the standard library are among those found."""
    assert found.corpus.n_documents > 3000
    assert f"{found.corpus.n_documents:,} docstrings of the standard library" in told
    assert "24 topics" in told
    words = [{found.corpus.vocabulary[w] for w in row} for row in found.model.topics_.top_words(12)]
    pairs = ("file open", "thread lock", "server request", "path directory", "widget window")
    together = [p for p in pairs if any(set(p.split()) <= topic for topic in words)]
    assert len(together) >= 3, (together, words)
    lengths = dict(zip(found.corpus.names, found.corpus.document_lengths(), strict=True))
    assert all(lengths[name] >= 40 for name in found.objects)
    assert min(found.shares) > 0.5
    assert all(name in told for name in found.objects if len(name) < 20)


def halves_are_filled_in(found: demo_digits.Machine, told: str) -> None:
    """Check that what the demo says about the machine is correct, and that it has learned."""
    lower = found.unseen[:, 32:] == 1
    assert np.array_equal(found.filled[:, :32], found.unseen[:, :32])
    right = ((found.filled[:, 32:] > 0.5) == lower).mean()
    assert found.right == right > found.plain + 0.05 and found.plain > 0.7
    assert f"{right:.1%}" in told and f"{found.plain:.1%}" in told
    assert "297 held-out digits" in told
    # samples are about as dark as digits, pixel by pixel
    correlation = np.corrcoef(found.samples.mean(axis=0), found.unseen.mean(axis=0))[0, 1]
    assert correlation > 0.9


def test_demo_without_matplotlib_prints_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("photograph", "digits", "wines"):
        monkeypatch.setattr(chapters, name, lambda console: None)
    monkeypatch.setattr(demo_texts, "library", lambda console: None)
    monkeypatch.setattr(demo_digits, "machine", lambda console: None)
    out, text = console()
    assert demo.run(tmp_path / "pictures", out) == []
    assert "50.0% │  50.0%" in text.getvalue()
    assert "pip install 'gibbous[plot]'" in text.getvalue()
    assert not (tmp_path / "pictures").exists()


def test_demo_without_pillow_omits_the_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    out, text = console()
    assert chapters.photograph(out) is None
    assert "needs Pillow" in text.getvalue() and "pip install 'gibbous[plot]'" in text.getvalue()


# --- docstrings -------------------------------------------------------------------------------


def test_docstrings_of_all_kinds_of_objects(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text('"""Of the package."""\nraise SystemExit("it was run")\n')
    (package / "m.py").write_text(
        '"""Of the module."""\n'
        "class C:\n"
        "    'Of the class.'\n"
        "    async def f(self):\n"
        "        'Of the method.'\n"
        "        def inner(): 'Of nobody.'\n"
        "    class D:\n"
        "        'Of the inner class.'\n"
        "def bare(): return '\\d'\n"
        "def g(): 'Of the function.'\n"
    )
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "null.py").write_bytes(b"\0")
    for left_out in ("test", "site-packages"):
        (tmp_path / left_out).mkdir()
        (tmp_path / left_out / "x.py").write_text("'Not wanted.'\n")
    assert dict(demo_texts.docstrings(tmp_path)) == {
        "pack": "Of the package.",
        "pack.m": "Of the module.",
        "pack.m.C": "Of the class.",
        "pack.m.C.f": "Of the method.",
        "pack.m.C.D": "Of the inner class.",
        "pack.m.g": "Of the function.",
    }


@pytest.mark.parametrize("where", ["python311.zip", "empty"])
def test_missing_library_sources_are_reported(where: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    out, text = console()
    assert demo_texts.library(out, tmp_path / where) is None
    assert f"keeps no source files of its standard library in {tmp_path}" in text.getvalue()
