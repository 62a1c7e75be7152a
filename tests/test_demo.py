"""``gibbous demo`` tells what is so."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from gibbous import demo


def console() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100), text


def test_the_half_way_point_is_halved_by_the_mixture_alone() -> None:
    case = demo.halfway()
    middle = case.points[-1:]
    assert middle.tolist() == [[0.0, 0.0]]
    # Mirrored data and a mirrored start: exact but for rounding.
    assert case.mixture.predict_proba(middle)[0] == pytest.approx([0.5, 0.5], abs=1e-9)
    line = case.line(np.linspace(0, 1, 101))
    hard = case.kmeans.predict(line)
    assert len(set(hard)) == 2 and np.count_nonzero(np.diff(hard)) == 1
    soft = case.mixture.predict_proba(line)[:, case.mixture.means_[:, 0].argmax()]
    assert (np.diff(soft) > 0).all() and soft[0] < 0.001 and soft[-1] > 0.999


def test_the_log_likelihood_rises_as_the_demo_says() -> None:
    values = np.array(demo.halfway().mixture.history_.values)
    assert len(values) > 5 and (np.diff(values) > -1e-12).all() and values[-1] > values[0] + 1


def test_the_whole_demo(tmp_path: Path) -> None:
    out, text = console()
    written = demo.run(tmp_path / "new" / "pictures", out)
    assert [path.name for path in written] == [
        "1-half-way.png",
        "2-photograph.png",
        "3-digits.png",
        "4-wines.png",
    ]
    for path in written:
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 20_000
    told = text.getvalue()
    assert "50.0% │  50.0%" in told and "50% : 50%" in told
    for part in ("273,280 pixels", "1,797 handwritten digits", "178 wines", "1-half-way.png"):
        assert part in told


def test_without_matplotlib_the_tables_remain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("photograph", "digits", "wines"):
        monkeypatch.setattr(demo, name, lambda console: None)
    out, text = console()
    assert demo.run(tmp_path / "pictures", out) == []
    assert "50.0% │  50.0%" in text.getvalue()
    assert "pip install 'gibbous[plot]'" in text.getvalue()
    assert not (tmp_path / "pictures").exists()


def test_without_pillow_the_photograph_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    out, text = console()
    assert demo.photograph(out) is None
    assert "needs Pillow" in text.getvalue() and "pip install 'gibbous[plot]'" in text.getvalue()
