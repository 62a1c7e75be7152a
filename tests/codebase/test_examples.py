"""The example scripts, run as programs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_prior_to_posterior(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="it draws a picture")
    text = run("prior_to_posterior.py", "--output", str(tmp_path / "p.png"))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert text.startswith("prior: MixturePrior(weight_concentration=array([5., 5., 5.])")
    rows = [int(n) for n in re.findall(r"after (\d+) rows", text)]
    assert rows == [40, 80, 160, 480]
    widths = [float(b) - float(a) for a, b in re.findall(r"(0\.\d{4}) to (0\.\d{4})", text)]
    narrower = np.reshape(widths, (4, 3)).mean(axis=1)
    assert (np.diff(narrower) < 0).all()
    # the prior concentration is 5 per component, and each row adds 1
    shares = np.array([float(line.split()[5]) for line in text.splitlines() if " to 0." in line])
    assert np.allclose(shares.reshape(4, 3).sum(axis=1), 15 + np.array(rows), rtol=1e-3)


def test_picture_gallery(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="it draws pictures")
    text = run("picture_gallery.py", "--output", str(tmp_path))
    names = ("half_and_half", "kmeans_regions", "topic_words", "topics_over_time")
    names += ("filters", "history")
    assert text.split() == [str(tmp_path / f"{name}.png") for name in names]
    for name in names:
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
