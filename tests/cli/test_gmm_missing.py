"""Tables with empty cells: ``gibbous gmm impute`` and ``condition``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import gibbous
from gibbous import load
from gibbous.cli import app
from gibbous.io.tables import read_table

RUNNER = CliRunner()


def run(*arguments: object, code: int = 0) -> Any:
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def fails(*arguments: object) -> str:
    """Run a command with a user error; return the one line that reports it."""
    result = run(*arguments, code=1)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("gibbous: error: "), result.stderr
    return str(lines[0])


@pytest.fixture
def holes(tmp_path: Path) -> Path:
    """Write a table with all kinds of empty cells."""
    rng = np.random.default_rng(5)
    z = rng.normal(size=(120, 1))
    X = np.concatenate([z, 2 * z, -z], axis=1) + 0.3 * rng.normal(size=(120, 3))
    X += 4 * (np.arange(120)[:, None] % 2)
    cells = np.array([[repr(float(v)) for v in row] for row in X], dtype=object)
    cells[rng.random(X.shape) < 0.2] = ""
    cells[3, 1], cells[4, 2] = "NA", "nan"
    lines = ["length,width,depth,n"]
    lines += [",".join([*row, str(1 + at % 3)]) for at, row in enumerate(cells)]
    path = tmp_path / "holes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


COLUMNS = ["length", "width", "depth"]


@pytest.fixture
def mixture(holes: Path, tmp_path: Path) -> Path:
    path = tmp_path / "mixture"
    columns = ",".join(COLUMNS)
    run("gmm", "fit", holes, "-k", 2, "--columns", columns, "-o", path, "-q", "--seed", 1)
    return path


def table(path: Path) -> Any:
    return read_table(path, columns=COLUMNS, missing=True).values


def frame(X: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=COLUMNS)


def test_fit_accepts_empty_cells_and_reports_their_number(holes: Path, tmp_path: Path) -> None:
    fit = ("gmm", "fit", holes, "-k", 2, "--seed", 3, "--columns", ",".join(COLUMNS))
    X = table(holes)
    missing = int(np.isnan(X).sum())
    assert missing > 40
    told = json.loads(run(*fit, "--json").stdout)
    model = gibbous.GaussianMixture(2, random_state=3).fit(X)
    assert told["missing"] == missing
    assert told["means"] == model.means_.tolist()
    assert told["bic"] == model.bic(X)
    text = run(*fit, "--plot", tmp_path / "p.png", "--labels", tmp_path / "l.csv").stdout
    share = f"{missing / X.size:.1%}"
    assert f"2 components, 120 rows, {missing} values ({share}) missing" in text
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    labels = read_table(tmp_path / "l.csv").values[:, 0]
    assert (labels == model.predict(X)).all()


def test_complete_table_does_not_mention_missing_values(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 2)))
    assert "missing" not in run("gmm", "fit", tmp_path / "x.npy").stdout
    assert json.loads(run("gmm", "fit", tmp_path / "x.npy", "--json").stdout)["missing"] == 0


def test_weights_must_not_be_missing(holes: Path) -> None:
    weighted = run("gmm", "fit", holes, "--weights", "n", "--json", "--seed", 1).stdout
    assert json.loads(weighted)["columns"] == COLUMNS
    text = fails("gmm", "fit", holes, "--weights", "length")
    row = int(np.flatnonzero(np.isnan(table(holes)[:, 0]))[0]) + 1
    assert f"the weight of row {row}, column 'length', is missing" in text


def test_predict_uses_the_observed_entries(mixture: Path, holes: Path) -> None:
    told = json.loads(run("gmm", "predict", mixture, holes, "--proba", "--json").stdout)
    expected = load(mixture).predict_proba(frame(table(holes)))
    assert told["probabilities"] == expected.tolist()


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".parquet"])
def test_impute_fills_only_the_empty_cells(
    suffix: str, mixture: Path, holes: Path, tmp_path: Path
) -> None:
    out = tmp_path / f"whole{suffix}"
    told = json.loads(run("gmm", "impute", mixture, holes, "-o", out, "--json").stdout)
    X = table(holes)
    assert told["filled_in"] == np.isnan(X).sum()
    assert told["rows"] == 120
    assert told["files"] == {"filled": str(out)}
    filled = read_table(out)
    assert suffix == ".npy" or filled.names == tuple(COLUMNS)
    assert np.array_equal(filled.values, load(mixture).impute(frame(X)))
    assert (filled.values[~np.isnan(X)] == X[~np.isnan(X)]).all()


def test_impute_prints_without_an_output_file(mixture: Path, holes: Path) -> None:
    lines = run("gmm", "impute", mixture, holes).stdout.splitlines()
    assert lines[0] == ",".join(COLUMNS) and len(lines) == 121
    told = json.loads(run("gmm", "impute", mixture, holes, "--json").stdout)
    rows = [[float(cell) for cell in line.split(",")] for line in lines[1:]]
    assert told["filled"] == rows


def test_draws_are_reproducible_with_their_seed(mixture: Path, holes: Path) -> None:
    command = ("gmm", "impute", mixture, holes, "--method", "sample", "--json")
    told = json.loads(run(*command).stdout)
    again = json.loads(run(*command, "--seed", told["seed"]).stdout)
    assert told == again
    assert told["filled"] != json.loads(run(*command, "--seed", 1).stdout)["filled"]
    model = load(mixture)
    X = frame(table(holes))
    expected = model.impute(X, method="sample", random_state=told["seed"])
    assert told["filled"] == expected.tolist()
    assert "--seed is for --method sample" in fails("gmm", "impute", mixture, holes, "--seed", 1)


def test_condition_prints_and_writes_the_mixture(mixture: Path, tmp_path: Path) -> None:
    out = tmp_path / "given"
    command = ("gmm", "condition", mixture, "--on", "width=1.5", "-o", out)
    told = json.loads(run(*command, "--json").stdout)
    given = load(mixture).condition("width", 1.5)
    assert told["on"] == {"width": 1.5}
    assert told["columns"] == ["length", "depth"]
    assert told["weights"] == given.weights_.tolist()
    assert told["means"] == given.means_.tolist()
    assert told["covariances"] == given.covariances_.tolist()
    assert told["mean"] == pytest.approx(given.weights_ @ given.means_)
    saved = load(out)
    assert saved.means_.tolist() == told["means"]
    assert saved.history_.events == ("conditioned on width = 1.5",)
    text = run(*command).stdout
    assert "length" in text and "width" not in text.replace(str(out), "")
    assert f"{told['mean'][0]:.5g}" in text and f"{told['std'][1]:.5g}" in text
    assert f"model written to {out}" in text
    assert run(*command, "-q").output == ""
    # by position, several values, and spaces
    both = json.loads(run("gmm", "condition", mixture, "--on", "1=0.5, 2 = 1", "--json").stdout)
    assert both["on"] == {"length": 0.5, "width": 1.0}
    assert both["columns"] == ["depth"]


def test_impossible_condition_is_rejected(mixture: Path, holes: Path, tmp_path: Path) -> None:
    def told(on: str, *more: object) -> str:
        return fails("gmm", "condition", mixture, "--on", on, *more)

    assert "name=value with commas between them; got 'width'" in told("width")
    assert "got 'width=wide'" in told("width=wide")
    assert "got '=3'" in told("=3")
    assert "no feature 'weight'; it has length, width, depth" in told("weight=1")
    assert "'2' is given more than once" in told("width=1,2=3")
    assert "values must be finite" in told("width=nan")
    assert "on names all 3 features" in told("length=1,width=1,depth=1")
    assert "no folder" in told("width=1", "-o", tmp_path / "no" / "m")
    kmeans = tmp_path / "kmeans"
    gibbous.save(gibbous.KMeans(2, random_state=0).fit(np.eye(3)), kmeans)
    assert "use 'gibbous kmeans predict'" in fails("gmm", "condition", kmeans, "--on", "1=1")
    assert "use 'gibbous kmeans predict'" in fails("gmm", "impute", kmeans, holes)
    bad = tmp_path / "bad.csv"
    bad.write_text("length,width,depth\n1,,3\n1,x,3\n")
    assert "line 3: column 'width' contains 'x'" in fails("gmm", "impute", mixture, bad)
    plain = tmp_path / "plain"
    gibbous.save(gibbous.GaussianMixture().fit(np.eye(3)), plain)
    assert "it names none: give positions from 1 to 3" in fails(
        "gmm", "condition", plain, "--on", "a=1"
    )


@pytest.mark.parametrize("command", ["impute", "condition"])
def test_help_has_an_example(command: str) -> None:
    text = " ".join(run("gmm", command, "--help").stdout.split())
    assert f"Examples: gibbous gmm {command}" in text
