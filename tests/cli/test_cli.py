"""The command line from the user's perspective."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import gibbous
from gibbous import load
from gibbous.cli import app
from gibbous.io.tables import read_table, write_table

RUNNER = CliRunner()
GIBBOUS = [sys.executable, "-c", "from gibbous.cli import main; main()"]


@pytest.fixture
def points(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    X = np.concatenate([rng.normal(m, 1.0, size=(50, 2)) for m in (-5, 5)])
    names = {"length": X[:, 0], "width": X[:, 1], "n": np.tile([1, 3], 50)}
    write_table(tmp_path / "points.csv", names)
    return tmp_path / "points.csv"


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


# --- fitting ----------------------------------------------------------------------------------


def test_kmeans_fit_equals_the_class(points: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("m", "labels.tsv", "p.png")]
    result = run(
        *("kmeans", "fit", points, "-k", 2, "--seed", 3, "--columns", "length,width", "--json"),
        *("-o", files[0], "--labels", files[1], "--plot", files[2]),
    )
    told = json.loads(result.stdout)
    X = read_table(points, columns=["length", "width"]).values
    model = gibbous.KMeans(2, random_state=3).fit(X)
    assert told["centers"] == model.cluster_centers_.tolist()
    assert told["inertia"] == model.inertia_
    assert told["sizes"] == np.bincount(model.labels_).tolist()
    assert told["rows"] == 100 and told["columns"] == ["length", "width"]
    assert told["parameters"]["random_state"] == 3
    assert told["history"]["values"] == list(model.history_.values)
    assert list(told["files"].values()) == [str(path) for path in files]
    saved = load(files[0])
    assert np.array_equal(saved.cluster_centers_, model.cluster_centers_)
    assert list(saved.feature_names_in_) == ["length", "width"]
    assert np.array_equal(read_table(files[1]).values[:, 0], model.labels_)
    assert files[2].read_bytes().startswith(b"\x89PNG")
    assert result.stderr == ""


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_gmm_fit_equals_the_class(kind: str, points: Path) -> None:
    told = json.loads(
        run(
            *("gmm", "fit", points, "-k", 2, "--seed", 3, "--covariance-type", kind, "--json"),
            *("--columns", "length,width", "--tol", 1e-6, "--reg-covar", 0.01, "--n-init", 2),
            *("--init-params", "k-means++", "--max-iter", 200, "--on-collapse", "repair"),
        ).stdout
    )
    X = read_table(points, columns=["length", "width"]).values
    model = gibbous.GaussianMixture(
        2,
        covariance_type=kind,
        tol=1e-6,
        reg_covar=0.01,
        n_init=2,
        init_params="k-means++",
        max_iter=200,
        random_state=3,
        on_collapse="repair",
    ).fit(X)
    assert told["means"] == model.means_.tolist()
    assert told["covariances"] == model.covariances_.tolist()
    assert told["bic"] == model.bic(X) and told["mean_log_likelihood"] == model.lower_bound_
    # An error of a mean per row: the full table would be a hundred times larger.
    assert told["mean_log_likelihood"] == pytest.approx(model.score(X), rel=1e-3)


@pytest.mark.parametrize("prior", ["dirichlet-process", "dirichlet"])
def test_fit_with_priors_equals_the_class(prior: str, points: Path, tmp_path: Path) -> None:
    columns = ("--columns", "length,width")
    fit = ("gmm", "fit", points, "-k", 5, "--seed", 3, *columns, "--prior", prior)
    more = ("--max-iter", 500, "--covariance-type", "diag", "--concentration", 0.1)
    mixture = tmp_path / "m"
    told = json.loads(run(*fit, *more, "--json", "-o", mixture).stdout)
    X = read_table(points, columns=["length", "width"]).values
    model = gibbous.BayesianGaussianMixture(
        5,
        covariance_type="diag",
        weight_concentration_prior_type={
            "dirichlet-process": "dirichlet_process",
            "dirichlet": "dirichlet_distribution",
        }[prior],
        weight_concentration_prior=0.1,
        max_iter=500,
        random_state=3,
    ).fit(X)
    assert told["means"] == model.means_.tolist()
    assert told["effective_components"] == model.n_effective_components_ == 2
    assert told["evidence_lower_bound"] == model.evidence_lower_bound_
    assert np.array(told["weight_concentration"]).shape == (
        (2, 5) if prior == "dirichlet-process" else (5,)
    )
    assert "2 of them hold a row or more" in run(*fit, *more).stdout
    labels = run("gmm", "predict", mixture, points, *columns).stdout.split()
    assert labels[1:] == [str(label) for label in model.predict(X)]
    drawn = run("gmm", "sample", mixture, "-n", 4, "--seed", 1).stdout
    assert drawn.splitlines()[0] == "length,width,component"


def test_options_of_em_equal_those_of_the_class(points: Path, tmp_path: Path) -> None:
    model = tmp_path / "m"
    fit = ("gmm", "fit", points, "-k", 4, "--seed", 3, "--tol", 1e-6)
    more = ("--squarem", "--split-merge", "--init-params", "small-em", "--max-iter", 500)
    run(*fit, *more, "-o", model)
    kept = load(model)
    assert (kept.acceleration, kept.split_merge, kept.init_params) == ("squarem", True, "small-em")
    for option in (["--squarem"], ["--split-merge"], ["--init-params", "small-em"]):
        assert "are options of EM" in fails(*fit, "--prior", "dirichlet", *option)


def test_prior_options_require_a_prior(points: Path) -> None:
    assert "also give --prior dirichlet" in fails("gmm", "fit", points, "--concentration", 1)
    asked = ("gmm", "fit", points, "--prior", "dirichlet")
    assert "leave --on-collapse out" in fails(*asked, "--on-collapse", "repair")
    assert "Got -1.0" in fails(*asked, "--concentration", -1)


def test_weights_count_rows(points: Path, tmp_path: Path) -> None:
    table = read_table(points)
    repeated = np.repeat(table.values[:, :2], table.values[:, 2].astype(int), axis=0)
    np.save(tmp_path / "repeated.npy", repeated)
    fit = ("gmm", "fit", "--seed", 1, "--json", "-k", 1)
    plain = json.loads(run(*fit, tmp_path / "repeated.npy").stdout)
    for options in (["--weights", "n"], ["--weights", "n", "--columns", "length,width"]):
        weighted = json.loads(run(*fit, points, *options).stdout)
        assert weighted["columns"] == ["length", "width"]
        assert np.allclose(weighted["means"], plain["means"], rtol=1e-9)
        assert np.allclose(weighted["covariances"], plain["covariances"], rtol=1e-9)
        assert weighted["bic"] is None
    np.save(tmp_path / "t.npy", table.values)
    by_place = json.loads(run(*fit, tmp_path / "t.npy", "--weights", 3, "--columns", "1,2").stdout)
    assert by_place["means"] == weighted["means"]


def test_mini_batches(points: Path, tmp_path: Path) -> None:
    run("kmeans", "fit", points, "-k", 2, "--mini-batch", 20, "-o", tmp_path / "m", "-q")
    assert isinstance(load(tmp_path / "m"), gibbous.MiniBatchKMeans)
    assert run("kmeans", "predict", tmp_path / "m", points).stdout.count("\n") == 101


@pytest.mark.parametrize("batch_size", [None, 20])
def test_defaults_equal_those_of_the_class(batch_size: int | None, points: Path) -> None:
    fit = ["kmeans", "fit", points, "-k", 2, "--seed", 3, "--json"]
    expected = gibbous.KMeans(2, random_state=3).get_params()
    if batch_size is not None:
        fit += ["--mini-batch", batch_size]
        model = gibbous.MiniBatchKMeans(2, random_state=3, batch_size=batch_size)
        expected = model.get_params()
    assert json.loads(run(*fit).stdout)["parameters"] == expected
    fit += ["--n-jobs", 1, "--tol", 0.5, "--max-iter", 7, "--n-init", 2]
    given = {"n_jobs": 1, "tol": 0.5, "max_iter": 7, "n_init": 2}
    told = json.loads(run(*fit).stdout)
    assert told["parameters"] == {**expected, **given}
    assert told["history"]["n_threads"] == 1


def test_help_shows_the_defaults_of_both_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    text = " ".join(run("kmeans", "fit", "--help").stdout.split())
    one, other = gibbous.KMeans(), gibbous.MiniBatchKMeans()
    for name in ("max_iter", "tol", "_default_n_init"):
        told = f"{getattr(one, name):g}, or {getattr(other, name):g} with --mini-batch"
        assert re.search(rf"[( ]{re.escape(told)}", text), text


def test_the_summary_and_the_seed(points: Path) -> None:
    text = run("kmeans", "fit", points, "-k", 2).stdout
    assert "2 clusters, 100 rows" in text and "center length" in text and "converged" in text
    seed = text.split("--seed ")[1].split()[0]
    told = json.loads(run("kmeans", "fit", points, "-k", 2, "--json", "--seed", seed).stdout)
    assert f"{told['inertia']:.6g}" in text
    assert run("gmm", "fit", points, "-k", 2, "--quiet").output == ""


def test_unusual_names_are_shown_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    values = np.random.default_rng(1).normal(size=(30, 8))
    names = ["[/x]", "[bold]b", "ü", "a,b", *"cdef"]
    write_table(tmp_path / "t.csv", {name: values[:, at] for at, name in enumerate(names)})
    text = run("kmeans", "fit", tmp_path / "t.csv", "-k", 25).stdout
    assert "[/x]" in text and "[bold]b" in text
    assert "and 2 more" in text and "and 5 more clusters" in text


def test_warning_is_one_line_on_standard_error(points: Path) -> None:
    result = run("gmm", "fit", points, "-k", 5, "--max-iter", 2, "--tol", 0, "--json")
    assert json.loads(result.stdout)["converged"] is False
    assert result.stderr.startswith("gibbous: warning: ") and result.stderr.count("\n") == 1


# --- predicting and sampling ------------------------------------------------------------------


@pytest.fixture
def mixture(points: Path, tmp_path: Path) -> Path:
    path = tmp_path / "mixture"
    run("gmm", "fit", points, "-k", 2, "--columns", "width,length", "-o", path, "-q", "--seed", 1)
    return path


def test_predict_finds_columns_by_name(mixture: Path, points: Path, tmp_path: Path) -> None:
    X = read_table(points, columns=["width", "length"]).values
    np.save(tmp_path / "x.npy", X)
    expected = np.asarray(load(mixture).predict(X_frame(X)))
    for data in (points, tmp_path / "x.npy"):
        lines = run("gmm", "predict", mixture, data).stdout.splitlines()
        assert lines[0] == "component" and [int(v) for v in lines[1:]] == expected.tolist()
    told = json.loads(run("gmm", "predict", mixture, points, "--json").stdout)
    assert told["labels"] == expected.tolist()


def X_frame(X: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=["width", "length"])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".npy", ".parquet"])
def test_probabilities_are_written_exactly(
    suffix: str, mixture: Path, points: Path, tmp_path: Path
) -> None:
    out = tmp_path / f"p{suffix}"
    told = run("gmm", "predict", mixture, points, "--proba", "-o", out, "--json").stdout
    assert json.loads(told)["files"] == {"probabilities": str(out)}
    X = read_table(points, columns=["width", "length"]).values
    assert np.array_equal(read_table(out).values, load(mixture).predict_proba(X_frame(X)))


def test_sample_is_reproducible_with_its_seed(mixture: Path) -> None:
    first, again, other = (
        run("gmm", "sample", mixture, "-n", 5, "--seed", seed).stdout for seed in (1, 1, 2)
    )
    assert first == again != other
    assert first.splitlines()[0] == "width,length,component" and first.count("\n") == 6
    told = json.loads(run("gmm", "sample", mixture, "-n", 5, "--json").stdout)
    assert np.shape(told["points"]) == (5, 2) and len(told["labels"]) == 5
    told = json.loads(
        run("gmm", "sample", mixture, "-n", 5, "--json", "--seed", told["seed"]).stdout
    )
    assert np.shape(told["points"]) == (5, 2)


def test_sample_keeps_columns_with_equal_names(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(30, 3))
    data, model = tmp_path / "t.csv", tmp_path / "m"
    names = ["component", "a", "component_2"]
    write_table(data, {name: values[:, at] for at, name in enumerate(names)})
    run("gmm", "fit", data, "-o", model, "-q")
    told = run("gmm", "sample", model, "-n", 4, "--seed", 1).stdout
    assert told.splitlines()[0] == "component,a,component_2,component_3"
    drawn = load(model).set_params(random_state=1).sample(4)[0]
    rows = [[float(cell) for cell in line.split(",")] for line in told.splitlines()[1:]]
    assert np.array_equal(rows, np.column_stack([drawn, np.zeros(4)]))
    # Data frames can have two columns with the same name, and so can a model fitted to them.
    mixture = load(model)
    mixture.feature_names_in_ = np.array(["a", "a", "c"], dtype=object)
    gibbous.save(mixture, model)
    told = run("gmm", "sample", model, "-n", 4, "--seed", 1).stdout
    assert told.splitlines()[0] == "a,a_2,c,component"


# --- errors -----------------------------------------------------------------------------------


def test_user_errors_are_one_line(points: Path, mixture: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("x,y\n1,2\n3,abc\n")
    assert f"{bad}, line 3: column 'y' contains 'abc'" in fails("kmeans", "fit", bad)
    assert "no such file" in fails("gmm", "fit", tmp_path / "nothing.csv")
    twice = tmp_path / "twice.csv"
    twice.write_text("a,a,c\n1,2,3\n4,5,6\n")
    for model in ("gmm", "kmeans"):
        assert f"{twice}, line 1: column 'a' occurs more than once" in fails(model, "fit", twice)
    assert "n_clusters=1000" in fails("kmeans", "fit", points, "-k", 1000)
    assert "no column 'foo'" in fails("gmm", "fit", points, "--columns", "foo")
    assert "--columns" in fails("gmm", "fit", points, "--columns", "length,,width")
    assert "no column 'foo'" in fails("gmm", "fit", points, "--weights", "foo")
    assert "--n-init" in fails("kmeans", "fit", points, "--n-init", "many")
    assert "n_jobs must not be 0" in fails("kmeans", "fit", points, "--n-jobs", 0)
    assert "use 'gibbous gmm predict'" in fails("kmeans", "predict", mixture, points)
    assert "is not a model file" in fails("gmm", "predict", bad, points)
    assert "no column 'width'" in fails("gmm", "predict", mixture, bad)
    np.save(tmp_path / "x.npy", np.ones((4, 3)))
    assert "has 3 columns and the model was fitted on 2" in fails(
        "gmm", "predict", mixture, tmp_path / "x.npy"
    )


def test_outputs_are_checked_before_the_computation(
    points: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the fit was begun")

    monkeypatch.setattr(gibbous.KMeans, "fit", never)
    fit = ("kmeans", "fit", points)
    assert "no folder" in fails(*fit, "-o", tmp_path / "no" / "m")
    assert "is a folder" in fails(*fit, "-o", tmp_path)
    assert "must end in one of" in fails(*fit, "--labels", tmp_path / "l.xls")
    assert "must end in one of" in fails(*fit, "--plot", tmp_path / "p.gif")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'gibbous[plot]'" in fails(*fit, "--plot", tmp_path / "p.png")


def test_wrong_options_are_usage_errors(points: Path) -> None:
    for arguments in (["kmeans", "fit"], ["gmm", "fit", points, "-k", 0], ["foo"]):
        result = run(*arguments, code=2)
        assert "Usage:" in result.stderr and result.stdout == ""


# --- help, version, config --------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    ["", "demo", "config", "kmeans fit", "kmeans predict", "gmm fit", "gmm predict", "gmm sample"],
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    text = run(*command.split(), "--help").stdout
    assert f"gibbous {command}".strip() in text
    assert "Examples: gibbous" in " ".join(text.split())


def test_version_and_config() -> None:
    assert run("--version").stdout == f"gibbous {gibbous.__version__}\n"
    assert "instruction set" in run("config").stdout
    assert json.loads(run("config", "--json").stdout) == gibbous.show_config(mode="dict")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom gibbous.cli import app\n"
        "app(['gmm', 'fit', '--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'scipy', 'sklearn', 'matplotlib', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_demo_passes_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gibbous.demo.show

    asked = []
    monkeypatch.setattr(gibbous.demo.show, "run", asked.append)
    run("demo", "-o", tmp_path / "pictures")
    run("demo")
    assert asked == [tmp_path / "pictures", Path("gibbous-demo")]


# --- as a process -----------------------------------------------------------------------------


def test_closed_pipe_does_not_print_a_traceback(mixture: Path) -> None:
    with subprocess.Popen(
        [*GIBBOUS, "gmm", "sample", str(mixture), "-n", "200000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"width,length,component\n"
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("fit", "saves"),
    [
        (["gmm", "fit", "-k", "8", "--tol", "0", "--max-iter", "1000000"], True),
        (["kmeans", "fit", "-k", "8", "--n-init", "1000000"], True),
        (["kmeans", "fit", "-k", "8", "--n-init", "1000000"], False),
    ],
)
def test_ctrl_c_keeps_the_model_of_the_last_iteration(
    fit: list[str], saves: bool, tmp_path: Path
) -> None:
    X = np.random.default_rng(2).normal(size=(20_000, 6))
    np.save(tmp_path / "x.npy", X)
    model = tmp_path / "m"
    # The progress bar needs a terminal, and shows when iterations have started.
    ours, theirs = pty.openpty()
    command = [*GIBBOUS, *fit, str(tmp_path / "x.npy"), "--n-jobs", "1", "--json"]
    with subprocess.Popen(
        [*command, "-o", str(model)] if saves else command,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(theirs)
        seen = b""
        while b"log-likelihood" not in seen and b"inertia" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        while chunk := read_terminal(ours):
            seen += chunk
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.wait(60) == 130
    os.close(ours)
    assert b"interrupted after" in seen and b"Traceback" not in seen
    if saves:
        kept = load(model)
        assert kept.history_.stop_reason == "interrupted" and kept.n_iter_ >= 1
        assert kept.predict(X).shape == (20_000,)
        assert str(model).encode() in seen.replace(b"\r\n", b"")
    else:
        assert b"use -o to keep the model" in seen


def read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux raises EIO when the other end is closed
        return b""
