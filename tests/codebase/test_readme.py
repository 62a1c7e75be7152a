"""The examples of the README and of the guide, and their links and pictures."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import gibbous
from gibbous.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = ROOT / "docs" / "guide"


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    return (GUIDE / f"{name}.md").read_text(encoding="utf-8")


def block_with(words: str, name: str) -> str:
    """Return the only Python example of a page of the guide that contains these words."""
    (found,) = [code for code in blocks("python", page(name)) if words in code]
    return found


def run(name: str, *examples: str) -> tuple[dict[str, Any], str]:
    """Run examples of a page; return their variables and their output."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for code in examples:
            exec(compile(code, f"{name}.md", "exec"), names)
    return names, printed.getvalue()


def targets(text: str) -> list[str]:
    """Return the files that a Markdown page links to or shows."""
    return [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in t]


def test_first_screen_of_readme_has_a_picture_and_code() -> None:
    lines = README.splitlines()
    assert len(lines) <= 200
    screen = lines[:50]
    assert any(line.startswith("![") for line in screen), "no picture on the first screen"
    assert "```python" in screen, "no code on the first screen"
    assert sum(line.startswith("- **") for line in screen) == 6
    (code,) = blocks("python")
    assert len(code.splitlines()) <= 10


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.stem
)
def test_links_resolve(path: Path) -> None:
    built = ("generated", "examples")  # pages that the build generates
    for target in targets(path.read_text(encoding="utf-8")):
        if target and not set(built) & {*Path(target).parts, *path.relative_to(ROOT).parts}:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_page_of_the_guide_is_listed_and_every_picture_is_shown() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in GUIDE.glob("*.md"):
        assert f"guide/{path.stem}\n" in index, f"docs/index.md does not list {path.name}"
    shown = {
        Path(target).name
        for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for target in targets(path.read_text(encoding="utf-8"))
    }
    for picture in (ROOT / "docs" / "gallery").iterdir():
        assert picture.name in shown, f"no page shows {picture.name}"


def test_the_python_example() -> None:
    (code,) = blocks("python")
    names, printed = run("README", code)
    group, *_ = re.findall(r"\[.*?\]", printed)
    assert group in ("[0]", "[1]")
    middle = names["gm"].predict_proba(names["middle"])
    assert 0.2 < middle.min() < 0.5


def test_the_examples_of_all_estimators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    import matplotlib

    with matplotlib.rc_context({"backend": "Agg"}):
        import matplotlib.pyplot as plt

        plt.close("all")
        names, printed = run("estimators", *blocks("python", page("estimators")))
        assert len(plt.get_fignums()) == 2
        plt.close("all")
    assert (names["same"].means_ == names["gm"].means_).all()
    assert "seed 0x" in printed


def test_the_example_of_acceleration() -> None:
    names, _ = run("convergence", block_with("squarem", "convergence"))
    plain, fast = names["plain"], names["fast"]
    assert plain.converged_ and fast.converged_ and fast.n_iter_ < 0.7 * plain.n_iter_
    assert fast.lower_bound_ > plain.lower_bound_ - 1e-4


def test_the_example_of_priors() -> None:
    names, printed = run("priors", block_with("BayesianGaussianMixture(", "priors"))
    assert len(names["kept"]) == 3
    assert float(printed.splitlines()[-1]) < 0


def test_the_example_of_batches() -> None:
    names, printed = run("priors", block_with("partial_fit(batch)", "priors"))
    lines = printed.splitlines()
    assert lines[0].startswith("50 [[") and len(lines) == 10 + 4
    low, high = names["gm"].posterior_.weights_interval().T
    assert sorted((low + high) / 2) == pytest.approx([0.4, 0.6], abs=0.02)


def test_the_example_of_data_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, printed = run("data-on-disk", block_with("np.memmap(", "data-on-disk"))
    assert -6 < float(printed) < -5  # four independent unit normals have -5.68


def test_the_example_of_missing_values() -> None:
    names, printed = run("missing-values", block_with("gm.impute(holes)", "missing-values"))
    wine, holes, whole = (np.asarray(names[name]) for name in ("wine", "holes", "whole"))
    missing = np.isnan(holes)
    assert (whole[~missing] == wine[~missing]).all()
    off = (whole - wine) / wine.std(axis=0)
    assert np.sqrt((off[missing] ** 2).mean()) < 0.85  # means of columns would be off by 1
    alcohol, std = np.asarray(names["alcohol"]), np.asarray(names["std"])
    assert np.corrcoef(alcohol, wine[:, 0])[0, 1] > 0.6
    assert (np.abs(alcohol - wine[:, 0]) < 3 * std).mean() > 0.95
    assert len(printed.splitlines()) == 4


def test_the_topics_example() -> None:
    names, printed = run("topics", block_with(" LatentDirichletAllocation(", "topics"))
    first, second, shares, *_ = printed.splitlines()
    assert {"'moon'" in first, "'moon'" in second} == {True, False}
    assert {"'rates'" in first, "'rates'" in second} == {True, False}
    assert ("'moon'" in first) != ("'rates'" in first)
    found = names["lda"].transform(names["unseen"])[0]
    assert shares == str(found.round(2)[None]) and found.max() > 0.7


def test_the_examples_of_choosing_a_mixture() -> None:
    import matplotlib

    with matplotlib.rc_context({"backend": "Agg"}):
        import matplotlib.pyplot as plt

        examples = blocks("python", page("mixture-selection"))
        assert len(examples) == 5
        plt.close("all")
        _, printed = run("mixture-selection", *examples)
        assert len(plt.get_fignums()) == 4
        plt.close("all")
    assert printed.splitlines()[-1].startswith("3 ")


def test_the_example_of_boltzmann_machines() -> None:
    code = block_with(" BernoulliRBM(", "boltzmann")
    assert len(code.splitlines()) <= 23
    names, text = run("boltzmann", code)
    assert "held-out pseudo-likelihood: " in text and "free-energy gap: " in text
    assert "stochastic lower bound" in text and "stochastic upper bound" in text
    whole, unseen = names["whole"], names["unseen"]
    right = (whole[:, 32:] > 0.5) == unseen[:, 32:]
    assert right.mean() > 0.8
    assert names["samples"].shape == (25, 64)
    likelihood = float(text.splitlines()[-3])
    assert -40 < likelihood < -15
    assert names["rbm"].machine_.epochs == 60


def test_the_example_of_other_units() -> None:
    names, printed = run("boltzmann", block_with("ReplicatedSoftmax(", "boltzmann"))
    assert len(printed.splitlines()) >= 6
    perplexity = float(printed.splitlines()[-1])
    assert 20 < perplexity < 31  # 30 words, all equally likely
    labelled, thirds = names["labelled"], names["thirds"]
    assert labelled.score(thirds, names["benign"]) > 0.85


def test_the_example_of_other_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names, _ = run("other-libraries", *blocks("python", page("other-libraries")))
    off = names["ours"].score_samples(names["X"]) - names["theirs"].score_samples(names["X"])
    assert np.abs(off).max() < 1e-12
    assert Path("state.gz").stat().st_size > 0
    assert len(names["inputs"]["vocab"]) == 7
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
    lines = [line for code in blocks("bash", page("command-line")) for line in code.splitlines()]
    commands = [line for line in lines if line.startswith("gibbous ")]
    assert len(commands) >= 28
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert done.exit_code == 0, f"{command}\n{done.output}"
    (pipe,) = [line for line in lines if " | " in line]
    first, second, third = (shlex.split(part) for part in pipe.split(" | "))
    fitted = CliRunner().invoke(app, second[1:], input=Path(first[1]).read_bytes())
    described = CliRunner().invoke(app, third[1:], input=fitted.stdout_bytes)
    assert json.loads(described.stdout)["class"] == "KMeans"
    for name in (
        *("fit.png", "drawn.csv", "labels.csv", "topics.png", "rbm.png", "features.npy"),
        *("filters.png", "whole.npy", "whole.png", "samples.png", "whole.csv"),
    ):
        assert Path(name).stat().st_size > 0
    assert len(Path("drawn.csv").read_text().splitlines()) == 1001
    assert gibbous.load("rbm.safetensors").machine_.epochs == 15
    assert not np.isnan(np.load("whole.npy")).any()
    assert len(Path("shares.csv").read_text().splitlines()) == 1 + 3 * 10


def test_both_commands_are_one_line() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    for last, options in (("gibbous demo", "--no-compile "), ("pytest", "")):
        (command,) = [line for line in lines if line.endswith(f".venv/bin/{last}")]
        assert command.startswith(f"python3 -m venv .venv && .venv/bin/pip install {options}'.[")
