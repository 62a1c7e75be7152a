"""``gibbous gmm select`` from the user's perspective."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gibbous import load, select_mixture
from gibbous.cli import app
from gibbous.io.tables import read_table, write_table


@pytest.fixture
def points(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    X = np.concatenate([rng.normal(m, 1.0, size=(50, 2)) for m in (-5, 5)])
    path = tmp_path / "points.csv"
    write_table(path, {"length": X[:, 0], "width": X[:, 1], "n": np.tile([1, 3], 50)})
    return path


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["gmm", "select", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_select_equals_the_function(points: Path, tmp_path: Path) -> None:
    model, picture = tmp_path / "best.safetensors", tmp_path / "p.png"
    result = run(
        *(points, "-k", "1-2,4", "--covariance-types", "full, diag", "--criterion", "icl"),
        *("--cv", 3, "--seed", 2, "--columns", "length,width", "--n-init", 2, "--tol", 1e-4),
        *("--max-iter", 300, "--reg-covar", 1e-3, "-o", model, "--plot", picture, "--json"),
    )
    told = json.loads(result.stdout)
    X = read_table(points, columns=["length", "width"]).values
    found = select_mixture(
        X,
        [1, 2, 4],
        ["full", "diag"],
        criterion="icl",
        cv=3,
        random_state=2,
        n_init=2,
        tol=1e-4,
        max_iter=300,
        reg_covar=1e-3,
    )
    table, want = told["table"], found.to_dict()
    assert len(table.pop("seconds")) == len(want.pop("seconds")) == 6
    assert table == want
    best = found.best_
    assert told["best"] == {"n_components": 2, "covariance_type": best.covariance_type}
    assert (told["criterion"], told["folds"], told["rows"], told["seed"]) == ("icl", 3, 100, 2)
    saved = load(model)
    assert np.array_equal(saved.means_, found.best_estimator_.means_)
    assert list(saved.feature_names_in_) == ["length", "width"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert told["files"] == {"model": str(model), "plot": str(picture)}
    assert result.stderr == ""


def test_select_prints_a_table_and_the_seed(points: Path) -> None:
    shown = run(points, "-k", "1-3", "--columns", "length,width").stdout
    lines = shown.splitlines()
    assert lines[0] == "the best 10 of 12 by bic; * the best of a column"
    assert any(line.startswith("best by bic: 2 components, ") for line in lines)
    assert lines[-1].startswith("repeat with --seed ")
    assert run(points, "-k", "1", "--quiet").stdout == ""


def test_failed_fit_is_reported_and_does_not_end_the_command(points: Path) -> None:
    result = run(points, "-k", "1,101", "--covariance-types", "full", "--seed", 1)
    assert "1 of 2 failed; 101 components, full: Expected n_samples" in result.stdout
    told = json.loads(
        run(points, "-k", "1,101", "--covariance-types", "full", "--seed", 1, "--json").stdout
    )
    assert told["table"]["bic"][1] is None and told["table"]["error"][1].startswith("Expected")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-k", "0"), "-k must be numbers of components, such as 1-9 or 2,4,8; got '0'"),
        (("-k", "4-2"), "-k must be numbers of components"),
        (("-k", "a"), "-k must be numbers of components"),
        (("-k", ""), "-k must be numbers of components"),
        (("--covariance-types", "round"), "covariance_types must be of full"),
        (("-k", "101"), "every fit failed; the first one: Expected n_samples"),
        (("--cv", "90"), "cv must be a number of folds"),
        (("--plot", "p.bmp"), "must end in one of"),
        (("-o", "no/such/model"), "there is no folder"),
    ],
)
def test_user_error_is_one_line(arguments: tuple[str, ...], says: str, points: Path) -> None:
    result = run(points, *arguments, code=1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("gibbous: error: ") and says in line
    assert result.stdout == ""
