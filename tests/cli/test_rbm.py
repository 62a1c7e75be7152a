"""``gibbous rbm`` from the user's perspective."""

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
from gibbous import BernoulliRBM, load
from gibbous.cli import app
from gibbous.io.tables import read_table, write_table

RUNNER = CliRunner()
GIBBOUS = [sys.executable, "-c", "from gibbous.cli import main; main()"]
D = 16
NAMES = [f"pixel {at}" for at in range(D)]


def states(n: int = 90, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    patterns = rng.random((3, D)) < 0.4
    return (patterns[rng.integers(0, 3, n)] ^ (rng.random((n, D)) < 0.1)).astype(np.uint8)


@pytest.fixture
def ones(tmp_path: Path) -> Path:
    write_table(tmp_path / "ones.csv", dict(zip(NAMES, states().T, strict=True)))
    return tmp_path / "ones.csv"


@pytest.fixture
def machine(ones: Path, tmp_path: Path) -> Path:
    run("rbm", "fit", ones, "-k", 7, "--epochs", 3, "--seed", 1, "-q", "-o", tmp_path / "machine")
    return tmp_path / "machine"


def run(*arguments: object, code: int = 0) -> Any:
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def told(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.stderr == ""
    return json.loads(result.stdout)


def fails(*arguments: object) -> str:
    """Run a command with a user error; return the one line that reports it."""
    result = run(*arguments, code=1)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("gibbous: error: "), result.stderr
    return str(lines[0])


# --- fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ([], {}),
        (["--method", "cd", "--steps", 2, "--l1", 0.01], {"method": "cd", "n_gibbs_steps": 2}),
        (
            ["--method", "pt", "--n-temperatures", 3, "--n-chains", 4, "--dtype", "float64"],
            {"method": "pt", "n_temperatures": 3, "n_chains": 4, "dtype": "float64"},
        ),
        (
            ["--method", "fpcd", "--fast-learning-rate", 0.2, "--schedule", "linear"],
            {"method": "fpcd", "fast_learning_rate": 0.2, "learning_rate_schedule": "linear"},
        ),
        (
            ["--centered", "--momentum", 0.5, "--l2", 0.01, "--learning-rate", 0.05],
            {"centered": True, "momentum": 0.5, "l2": 0.01, "learning_rate": 0.05},
        ),
        (
            ["--sparsity-target", 0.1, "--sparsity-cost", 0.3, "--visible-bias", "data"],
            {"sparsity_target": 0.1, "sparsity_cost": 0.3, "visible_bias": "data"},
        ),
        (
            ["--early-stopping", "--held-out", 0.3, "--patience", 2, "--tol", 0.1],
            {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 2, "tol": 0.1},
        ),
        (["--binarize", "sample"], {"binarize": "sample"}),
        (["--binarize", 0.25, "--data-max", 2], {"binarize": 0.25, "data_max": 2.0}),
        (["--batch-size", 30, "--n-jobs", 1], {"batch_size": 30, "n_jobs": 1}),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_fit_equals_the_class(options: list[Any], parameters: dict[str, Any], ones: Path) -> None:
    answer = told("rbm", "fit", ones, "-k", 5, "--epochs", 4, "--seed", 3, *options)
    if "--l1" in options:
        parameters = {**parameters, "l1": 0.01}
    model = BernoulliRBM(5, n_iter=4, random_state=3, **parameters).fit(read_table(ones).values)
    assert answer["parameters"] == model.get_params()
    assert answer["history"]["values"] == list(model.history_.values)
    assert answer["epochs"] == answer["epochs_in_all"] == model.n_iter_
    assert answer["pseudo_likelihood"] == model.history_.values[-1]
    held_out = model.validation_scores_[-1] if model.validation_scores_ else None
    assert answer["held_out_pseudo_likelihood"] == held_out
    assert answer["rows"] == 90 and answer["features"] == D and answer["columns"] == NAMES


def test_defaults_equal_those_of_the_class(ones: Path) -> None:
    answer = told("rbm", "fit", ones, "--seed", 3, "--epochs", 0)
    assert answer["parameters"] == BernoulliRBM(random_state=3, n_iter=0).get_params()


def test_help_shows_the_defaults_of_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    lines = run("rbm", "fit", "--help").stdout.splitlines()
    names = {"--epochs": "n_iter", "--steps": "n_gibbs_steps", "--held-out": "validation_fraction"}
    names |= {"--patience": "n_iter_no_change", "--schedule": "learning_rate_schedule"}
    names |= {f"--{n.replace('_', '-')}": n for n in ("n_components", "batch_size", "method")}
    names |= {f"--{n.replace('_', '-')}": n for n in ("learning_rate", "momentum", "data_max")}
    for option, name in names.items():
        # only names are at the beginning of a line
        (line,) = [x for x in lines if option in re.findall(r"--[a-z-]+", x[:30])]
        default = getattr(BernoulliRBM(), name)
        shown = default if isinstance(default, str) else f"{default:g}"
        assert re.search(rf"\[default: {shown}[\];]", line), line


def test_files_written_by_fit(ones: Path, tmp_path: Path) -> None:
    files = [tmp_path / "m", tmp_path / "p.png"]
    answer = told(
        "rbm", "fit", ones, "-k", 5, "--seed", 1, "-o", files[0], "--plot", files[1],
        "--epochs", 3, "--shape", "2x8",
    )  # fmt: skip
    assert answer["files"] == {"model": str(files[0]), "plot": str(files[1])}
    model = load(files[0])
    assert list(model.feature_names_in_) == NAMES and model.warm_start is False
    assert files[1].read_bytes().startswith(b"\x89PNG")
    text = run("rbm", "fit", ones, "-k", 5, "--epochs", 3).stdout
    assert "5 hidden units, 16 visible ones, 90 rows" in text
    assert "pseudo-likelihood: " in text and "repeat with --seed " in text
    assert run("rbm", "fit", ones, "-k", 5, "--epochs", 1, "-q").output == ""


def test_validation_rows_weights_and_bytes(ones: Path, tmp_path: Path) -> None:
    weight = np.random.default_rng(3).integers(1, 4, 90)
    columns = dict(zip(NAMES, states().T, strict=True))
    write_table(tmp_path / "weighted.csv", {"times": weight, **columns})
    unseen = dict(zip(NAMES[::-1], states(40, 8).T[::-1], strict=True))
    write_table(tmp_path / "unseen.csv", unseen)
    answer = told(
        "rbm", "fit", tmp_path / "weighted.csv", "--weights", "times", "-k", 5, "--seed", 2,
        "--validation", tmp_path / "unseen.csv",
    )  # fmt: skip
    model = BernoulliRBM(5, random_state=2)
    model.fit(states().astype(float), sample_weight=weight, X_val=states(40, 8).astype(float))
    assert answer["history"]["values"] == list(model.history_.values)
    assert answer["held_out_pseudo_likelihood"] == model.validation_scores_[-1]
    assert answer["free_energy_gap"] == model.free_energy_gap_[-1]
    np.save(tmp_path / "bytes.npy", states() * np.uint8(255))
    answer = told("rbm", "fit", tmp_path / "bytes.npy", "-k", 5, "--seed", 2, "--data-max", 255)
    model = BernoulliRBM(5, random_state=2, data_max=255).fit(states() * np.uint8(255))
    assert answer["history"]["values"] == list(model.history_.values)


def test_two_runs_equal_one_long_run(ones: Path, tmp_path: Path) -> None:
    options = ("-k", 6, "--momentum", 0.5, "--centered", "--method", "fpcd", "-q")
    first, second, whole = (tmp_path / name for name in ("first", "second", "whole"))
    run("rbm", "fit", ones, *options, "--epochs", 5, "--seed", 4, "-o", whole)
    run("rbm", "fit", ones, *options, "--epochs", 2, "--seed", 4, "-o", first)
    text = run("rbm", "fit", ones, "--continue", first, "--epochs", 3, "-o", second).stdout
    assert "5 epochs in all" in text and "--seed" not in text
    assert np.array_equal(load(second).components_, load(whole).components_)
    assert np.array_equal(load(second).h_samples_, load(whole).h_samples_)
    assert load(second).warm_start is False and load(second).momentum == 0.5
    answer = told("rbm", "fit", ones, "--continue", first, "--epochs", 1, "--momentum", 0)
    assert answer["parameters"]["momentum"] == 0 and answer["epochs_in_all"] == 3


# --- queries ----------------------------------------------------------------------------------


def test_sample(machine: Path, tmp_path: Path) -> None:
    draw = ("rbm", "sample", machine, "-n", 5, "--burn-in", 20)
    first, again, other = (run(*draw, "--seed", seed).stdout for seed in (1, 1, 2))
    assert first == again != other
    lines = first.splitlines()
    assert lines[0] == ",".join(NAMES) and len(lines) == 6 and set(lines[1].split(",")) <= {*"01"}
    answer = told(*draw, "--seed", 1, "--n-chains", 2, "--thin", 3, "--means")
    model = load(machine)
    rows = model.sample(5, burn_in=20, n_chains=2, thin=3, means=True, random_state=1)
    assert np.array_equal(answer["samples"], rows.astype(float))
    out, picture = tmp_path / "drawn.npy", tmp_path / "dreams.png"
    assert run(*draw, "--plot", picture).output == ""
    answer = told(*draw, "--seed", 1, "--plot", picture, "-o", out)
    assert answer["files"] == {"samples": str(out), "plot": str(picture)}
    assert picture.read_bytes().startswith(b"\x89PNG")
    drawn = np.load(out)
    assert drawn.dtype == np.int8
    assert np.array_equal(drawn, model.sample(5, burn_in=20, random_state=1))


def test_reconstruct(machine: Path, ones: Path, tmp_path: Path) -> None:
    model, X = load(machine), read_table(ones).values
    out = tmp_path / "back.npy"
    answer = told("rbm", "reconstruct", machine, ones, "-o", out)
    assert np.array_equal(np.load(out), model.reconstruct(frame(X)))
    assert answer["squared_error"] == pytest.approx(model.reconstruction_error(frame(X)).mean())
    run("rbm", "reconstruct", machine, ones, "-o", out, "--steps", 3)
    assert np.array_equal(np.load(out), model.reconstruct(frame(X), n_steps=3))


def frame(X: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=NAMES)


def test_missing_values_are_imputed(machine: Path, tmp_path: Path) -> None:
    X = states(12, 5).astype(float)
    X[np.random.default_rng(0).random(X.shape) < 0.4] = np.nan
    torn, picture = tmp_path / "torn.csv", tmp_path / "p.png"
    cells = [["" if np.isnan(v) else f"{v:g}" for v in row] for row in X]
    torn.write_text("\n".join(",".join(row) for row in [NAMES, *cells]) + "\n")
    said = fails("rbm", "reconstruct", machine, torn)
    assert f"{np.isnan(X).sum()} values are missing; impute them with --fill" in said
    answer = told(
        "rbm", "reconstruct", machine, torn, "--fill", "--seed", 3, "--steps", 50, "--average", 20
    )
    filled = np.array(answer["filled"])
    expected = load(machine).impute(frame(X), n_steps=50, n_average=20, random_state=3)
    assert np.array_equal(filled, expected)
    assert np.array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
    assert answer["filled_in"] == np.isnan(X).sum() and answer["seed"] == 3
    assert run("rbm", "reconstruct", machine, torn, "--fill", "--plot", picture).output == ""
    assert picture.stat().st_size > 5000


def test_score(machine: Path, ones: Path, tmp_path: Path) -> None:
    model, X = load(machine), read_table(ones).values
    answer = told("rbm", "score", machine, ones, "--flips", D, "-o", tmp_path / "s.csv")
    scores = read_table(tmp_path / "s.csv")
    exact = model.pseudo_likelihood(frame(X), n_flips=None)
    assert scores.names is not None and scores.names[1:3] == ("pseudo-likelihood", "free energy")
    assert scores.values[:, 1] == pytest.approx(exact)
    assert np.array_equal(scores.values[:, 2], model.free_energy(frame(X)))
    assert answer["pseudo_likelihood"] == pytest.approx(exact.mean())
    assert answer["free_energy"] == pytest.approx(model.free_energy(frame(X)).mean())
    text = run("rbm", "score", machine, ones).stdout
    assert "90 rows" in text and "free energy" in text and "reconstruction error" in text
    assert told("rbm", "score", machine, ones)["flips"] == 10


def test_log_likelihoods(machine: Path, ones: Path, tmp_path: Path) -> None:
    model, X = load(machine), frame(read_table(ones).values)
    exact = told("rbm", "score", machine, ones, "-o", tmp_path / "s.csv")
    rows = model.log_likelihood(X, "exact")
    assert exact["log_likelihood"] == rows.mean()
    assert np.array_equal(read_table(tmp_path / "s.csv").values[:, 0], rows)
    (log_z,) = exact["log_partition"]
    assert log_z["method"] == log_z["bound"] == "exact"
    assert log_z["value"] == model.log_partition("exact").value
    options = ("--betas", 300, "--n-chains", 20, "--seed", 4)
    both = told("rbm", "score", machine, ones, "--method", "both", *options)
    for at, (method, key) in enumerate(
        (("ais", "log_likelihood"), ("reverse_ais", "log_likelihood_reverse"))
    ):
        z = load(machine).log_partition(method, n_betas=300, n_chains=20, random_state=4)
        assert both["log_partition"][at]["value"] == z.value
        assert both[key] == model.log_likelihood(X, log_partition=z).mean()
    text = run("rbm", "score", machine, ones, "--method", "ais", *options).stdout
    assert f"{both['log_likelihood']:.6g} +- " in text and "stochastic lower bound" in text
    assert "log-likelihood" not in run("rbm", "score", machine, ones, "--method", "none").stdout


def test_likelihood_of_probabilities_is_rejected(machine: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", states() * 0.7)
    score = ("rbm", "score", machine, tmp_path / "p.npy")
    assert "must hold states of 0 and 1; it holds 0.7" in fails(*score, "--method", "ais")
    result = run(*score, "--json")
    assert "log_likelihood" not in json.loads(result.stdout)
    assert "warning: no log-likelihood: X must hold states" in result.stderr
    assert "log_likelihood" not in told(*score, "--method", "none")


def test_features(machine: Path, ones: Path, tmp_path: Path) -> None:
    expected = load(machine).transform(frame(read_table(ones).values))
    lines = run("rbm", "features", machine, ones).stdout.splitlines()
    assert lines[0] == ",".join(f"hidden {at}" for at in range(7)) and len(lines) == 91
    out, picture = tmp_path / "f.parquet", tmp_path / "filters.svg"
    answer = told("rbm", "features", machine, ones, "-o", out, "--plot", picture)
    assert answer["files"] == {"features": str(out), "plot": str(picture)}
    assert np.array_equal(read_table(out).values, expected)
    assert run("rbm", "features", machine, "--plot", picture, "-n", 3).output == ""
    assert picture.stat().st_size > 1000
    assert told("rbm", "features", machine, "--plot", picture) == {
        "command": "rbm features",
        "files": {"plot": str(picture)},
    }


# --- errors -----------------------------------------------------------------------------------


def test_user_errors_are_one_line(ones: Path, machine: Path, tmp_path: Path) -> None:
    fit = ("rbm", "fit", ones)
    np.save(tmp_path / "grey.npy", states() * np.uint8(200))
    assert "give data_max=200" in fails("rbm", "fit", tmp_path / "grey.npy")
    np.save(tmp_path / "wide.npy", np.ones((4, 3)))
    for command in ("features", "score", "reconstruct"):
        said = fails("rbm", command, machine, tmp_path / "wide.npy")
        assert "has 3 columns and the model was fitted on 16" in said
    said = fails("rbm", "fit", tmp_path / "wide.npy", "--continue", machine)
    assert "has 3 columns and the model was fitted on 16" in said
    said = fails(*fit, "--validation", tmp_path / "wide.npy")
    assert f"{tmp_path / 'wide.npy'} has 3 columns and {ones} 16" in said
    assert "--seed cannot be used with --continue" in fails(
        *fit, "--continue", machine, "--seed", 1
    )
    assert "n_components=9, but" in fails(*fit, "--continue", machine, "-k", 9)
    assert "--binarize must be a number, or sample" in fails(*fit, "--binarize", "half")
    assert "--shape must be rows and columns" in fails(*fit, "--shape", "4,4")
    assert "product is the number of features, 16; got 3 x 4" in fails(*fit, "--shape", "3x4")
    assert "'momentum' parameter" in fails(*fit, "--momentum", 1.5)
    assert "no column 'foo'" in fails(*fit, "--weights", "foo")
    assert "is not a model file" in fails("rbm", "sample", ones)
    assert "neither TABLE nor --plot is given" in fails("rbm", "features", machine)
    gibbous.save(gibbous.KMeans(2, random_state=0).fit(states()), tmp_path / "k")
    assert "holds a KMeans; use 'gibbous kmeans predict'" in fails(
        "rbm", "score", tmp_path / "k", ones
    )
    assert "use 'gibbous rbm features'" in fails("kmeans", "predict", machine, ones)


def test_diverging_fit_keeps_the_last_good_model(ones: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    fit = ("rbm", "fit", ones, "--learning-rate", 1e30, "--method", "cd", "--seed", 1, "-o", out)
    assert "learning_rate=1e+30 makes training diverge in epoch 1" in fails(*fit)
    assert not out.exists()  # no epoch succeeded
    fit = ("rbm", "fit", ones, "--learning-rate", 4, "--method", "cd", "--seed", 1, "-k", 40)
    said = fails(*fit, "--epochs", 400, "--momentum", 0.99, "-o", out)
    epoch = int(said.split("in epoch ")[1].split()[0])
    assert epoch > 1 and f"The model of the last good epoch is in {out}" in said
    kept = load(out)
    assert kept.n_iter_ == epoch - 1 and kept.history_.stop_reason == "diverged"
    assert np.isfinite(kept.components_).all()


def test_outputs_are_checked_before_the_computation(
    ones: Path, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the work was begun")

    for name in ("fit", "sample", "reconstruct", "transform"):
        monkeypatch.setattr(BernoulliRBM, name, never)
    assert "no folder" in fails("rbm", "fit", ones, "-o", tmp_path / "no" / "m")
    for command in (["fit", ones], ["sample", machine], ["reconstruct", machine, ones]):
        assert "must end in one of" in fails("rbm", *command, "--plot", tmp_path / "p.gif")
        assert "no folder" in fails("rbm", *command, "--plot", tmp_path / "no" / "p.png")
        assert "--shape" in fails("rbm", *command, "--shape", "big")
    for command in (["sample", machine], ["features", machine, ones]):
        assert "must end in one of" in fails("rbm", *command, "-o", tmp_path / "x.xls")
        assert "no folder" in fails("rbm", *command, "-o", tmp_path / "no" / "x.csv")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = fails("rbm", "features", machine, "--plot", tmp_path / "p.png")
    assert "pip install 'gibbous[plot]'" in said


def test_wrong_options_are_usage_errors(ones: Path, machine: Path) -> None:
    for arguments in (
        ["rbm", "fit"],
        ["rbm", "fit", ones, "-k", 0],
        ["rbm", "fit", ones, "--method", "mcmc"],
        ["rbm", "sample", machine, "--thin", 0],
    ):
        result = run(*arguments, code=2)
        assert "Usage:" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("command", ["fit", "sample", "reconstruct", "score", "features"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    text = run("rbm", command, "--help").stdout
    assert "Examples: gibbous rbm" in " ".join(text.split())


# --- as a process -----------------------------------------------------------------------------


def test_ctrl_c_keeps_the_model_of_the_last_epoch(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", states(4000))
    model = tmp_path / "m"
    # The progress bar needs a terminal, and shows when epochs have started.
    ours, theirs = pty.openpty()
    command = ["rbm", "fit", tmp_path / "x.npy", "--epochs", "1000000", "--early-stopping"]
    command += ["--patience", "1000000", "--n-jobs", "1", "--json", "-o", model]
    with subprocess.Popen(
        [*GIBBOUS, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
    ) as process:
        os.close(theirs)
        seen = b""
        while b" left" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        while chunk := read_terminal(ours):
            seen += chunk
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.wait(60) == 130
    os.close(ours)
    assert b"pseudo-likelihood -" in seen and b"held-out -" in seen
    assert b"interrupted after" in seen and b"Traceback" not in seen
    kept = load(model)
    assert kept.history_.stop_reason == "interrupted" and kept.n_iter_ >= 1
    assert kept.machine_.epochs == kept.n_iter_ == len(kept.validation_scores_)


def read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux raises EIO when the other end is closed
        return b""
