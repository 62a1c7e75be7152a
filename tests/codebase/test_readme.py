"""What the README shows, run."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import gibbous
from gibbous.cli import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def block_with(words: str) -> str:
    """Return the one Python example that has these words."""
    (found,) = [code for code in blocks("python") if words in code]
    return found


def test_the_python_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, *_ = blocks("python")
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), names)
    group, *_ = printed.getvalue().splitlines()
    assert group in ("[0]", "[1]")
    middle = names["gm"].predict_proba(names["middle"])  # type: ignore[attr-defined]
    assert 0.2 < middle.min() < 0.5
    assert (names["same"].means_ == names["gm"].means_).all()  # type: ignore[attr-defined]


def test_the_example_of_priors() -> None:
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block_with("BayesianGaussianMixture("), "README.md", "exec"), names)
    assert len(names["kept"]) == 3  # type: ignore[arg-type]
    assert float(printed.getvalue().splitlines()[-1]) < 0


def test_the_example_of_batches() -> None:
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block_with("partial_fit(batch)"), "README.md", "exec"), names)
    lines = printed.getvalue().splitlines()
    assert lines[0].startswith("50 [[") and len(lines) == 10 + 4
    low, high = names["gm"].posterior_.weights_interval().T  # type: ignore[attr-defined]
    assert sorted((low + high) / 2) == pytest.approx([0.4, 0.6], abs=0.02)


def test_the_example_of_data_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block_with("np.memmap("), "README.md", "exec"), {})
    assert -6 < float(printed.getvalue()) < -5  # four independent unit normals have -5.68


def test_the_example_of_missing_values() -> None:
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block_with("gm.impute(holes)"), "README.md", "exec"), names)
    wine, holes, whole = (np.asarray(names[name]) for name in ("wine", "holes", "whole"))
    missing = np.isnan(holes)
    assert (whole[~missing] == wine[~missing]).all()
    off = (whole - wine) / wine.std(axis=0)
    assert np.sqrt((off[missing] ** 2).mean()) < 0.85  # means of columns would be off by 1
    alcohol, std = np.asarray(names["alcohol"]), np.asarray(names["std"])
    assert np.corrcoef(alcohol, wine[:, 0])[0, 1] > 0.6
    assert (np.abs(alcohol - wine[:, 0]) < 3 * std).mean() > 0.95
    assert len(printed.getvalue().splitlines()) == 4


def test_the_topics_example() -> None:
    code = block_with(" LatentDirichletAllocation(")
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), names)
    first, second, shares, *_ = printed.getvalue().splitlines()
    assert {"'moon'" in first, "'moon'" in second} == {True, False}
    assert {"'rates'" in first, "'rates'" in second} == {True, False}
    assert ("'moon'" in first) != ("'rates'" in first)
    found = names["lda"].transform(names["unseen"])[0]  # type: ignore[attr-defined]
    assert shares == str(found.round(2)[None]) and found.max() > 0.7


def test_the_examples_of_choosing_a_mixture() -> None:
    import matplotlib

    with matplotlib.rc_context({"backend": "Agg"}):
        import matplotlib.pyplot as plt

        names: dict[str, object] = {}
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block_with("select_mixture("), "README.md", "exec"), names)
        for words in ("plot_components(", "\nplot_density(", "\nplot_uncertainty(", "found.plot()"):
            (code,) = [c for c in blocks("python") if words in f"\n{c}"]
            exec(compile(code, "README.md", "exec"), names)
        assert len(plt.get_fignums()) == 4
        plt.close("all")
    assert printed.getvalue().splitlines()[-1].startswith("3 ")


def test_the_example_of_boltzmann_machines() -> None:
    code = block_with(" BernoulliRBM(")
    assert len(code.splitlines()) <= 23
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), names)
    text = printed.getvalue()
    assert "held-out pseudo-likelihood: " in text and "free-energy gap: " in text
    assert "stochastic lower bound" in text and "stochastic upper bound" in text
    whole, unseen = names["whole"], names["unseen"]
    right = (whole[:, 32:] > 0.5) == unseen[:, 32:]  # type: ignore[index]
    assert right.mean() > 0.8
    assert names["dreams"].shape == (25, 64)  # type: ignore[attr-defined]
    likelihood = float(text.splitlines()[-3])
    assert -40 < likelihood < -15
    assert names["rbm"]._n_epochs == 60  # type: ignore[attr-defined]


def test_the_example_of_other_units() -> None:
    code = block_with("ReplicatedSoftmax(")
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), names)
    assert len(printed.getvalue().splitlines()) >= 6
    perplexity = float(printed.getvalue().splitlines()[-1])
    assert 20 < perplexity < 31  # 30 words, of which none is likelier
    labelled, thirds = names["labelled"], names["thirds"]
    assert labelled.score(thirds, names["benign"]) > 0.85  # type: ignore[attr-defined]


def test_the_example_of_other_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(blocks("python")[0].split("\nkm =")[0], "README.md", "exec"), names)  # for X
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block_with("from_sklearn("), "README.md", "exec"), names)
    assert float(printed.getvalue()) < 1e-12
    assert Path("state.gz").stat().st_size > 0
    assert len(names["inputs"]["vocab"]) == 7  # type: ignore[index]
    assert gibbous.Corpus.from_bow(names["bow"], names["id2word"]).n_tokens == 9


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[:100] += 6
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    table.to_csv("points.csv", index=False)
    table.to_parquet("points.parquet")
    table.mask(np.random.default_rng(1).random(X.shape) < 0.2).to_csv("holes.csv", index=False)
    sky, money = "moon tide comet star orbit", "bank bond interest stock credit"
    rows = [{"text": text, "year": 1900 + y} for text in (sky, money) for y in range(20)]
    for name, part in (("speeches", rows), ("new", rows[15:25])):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    digits = load_digits().data
    np.save("digits.npy", (digits * 15).astype(np.uint8))
    np.save("torn.npy", np.where(np.arange(64) < 32, (digits[:20] >= 8) * 255.0, np.nan))
    commands = [
        line for block in blocks("sh") for line in block.splitlines() if line.startswith("gibbous ")
    ]
    assert len(commands) >= 6
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert done.exit_code == 0, f"{command}\n{done.output}"
    (pipe,) = [line for block in blocks("sh") for line in block.splitlines() if " | " in line]
    first, second, third = (shlex.split(part) for part in pipe.split(" | "))
    fitted = CliRunner().invoke(app, second[1:], input=Path(first[1]).read_bytes())
    told = CliRunner().invoke(app, third[1:], input=fitted.stdout_bytes)
    assert json.loads(told.stdout)["class"] == "KMeans"
    for name in (
        *("fit.png", "drawn.csv", "labels.csv", "topics.png", "rbm.png", "features.npy"),
        *("filters.png", "whole.npy", "whole.png", "dreams.png", "whole.csv"),
    ):
        assert Path(name).stat().st_size > 0
    assert len(Path("drawn.csv").read_text().splitlines()) == 1001
    assert gibbous.load("rbm.safetensors")._n_epochs == 15
    assert not np.isnan(np.load("whole.npy")).any()
    assert len(Path("shares.csv").read_text().splitlines()) == 1 + 3 * 10


def test_the_two_commands_are_each_one_line() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    for last in ("gibbous demo", "pytest"):
        (command,) = [line for line in lines if line.endswith(f".venv/bin/{last}")]
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install '.[")
