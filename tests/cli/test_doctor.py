"""``gibbous doctor``, ``bench``, ``info``, the help, and completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import gibbous
from gibbous import _cpu
from gibbous.cli import doctor as cli_doctor
from gibbous.cli.help import Command
from gibbous.cli.options import GROUPS
from gibbous.cli.root import EXIT_CODES, app


def run(*arguments: object, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == code, done.output
    return done


# --- doctor -----------------------------------------------------------------------------------


def findings(code: int = 0) -> dict[str, dict[str, str]]:
    told = json.loads(run("doctor", "--json", code=code).stdout)
    assert told["healthy"] == (code == 0)
    return {finding["name"]: finding for finding in told["findings"]}


def test_valid_installation() -> None:
    found = findings()
    checks = {name for name, finding in found.items() if finding["group"] == "check"}
    assert {"K-means", "mixture", "topics", "Boltzmann machine", "model file"} <= checks
    assert all(found[name]["status"] == "ok" for name in checks - {"OpenMP"})
    assert found["gibbous"]["found"].startswith(gibbous.__version__)
    assert found["numpy"]["found"] == np.__version__
    assert _cpu.level() in found["instruction set"]["found"]
    text = run("doctor").stdout
    assert "gibbous is ready" in text and "\x1b" not in text


def test_wrong_fit_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = gibbous.KMeans.fit

    def off(model: Any, *given: Any, **more: Any) -> Any:
        fit(model, *given, **more)
        model.cluster_centers_ = model.cluster_centers_ + 1
        return model

    monkeypatch.setattr(gibbous.KMeans, "fit", off)
    found = findings(code=1)
    assert found["K-means"]["status"] == "problem"
    assert "the centers is" in found["K-means"]["found"]
    assert "pip install" in found["K-means"]["remedy"]
    assert found["mixture"]["status"] == "ok"
    assert "1 problem, " in run("doctor", code=1).stdout


def test_missing_parts_are_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"scipy": None, "rich": "0.1", "matplotlib": None}
    installed = cli_doctor._version
    monkeypatch.setattr(cli_doctor, "_version", lambda n: versions.get(n, installed(n)))
    monkeypatch.setenv("GIBBOUS_NONSENSE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    found = findings(code=1)
    assert found["scipy"]["status"] == found["rich"]["status"] == "problem"
    assert found["scipy"]["remedy"].startswith("pip install 'scipy>=")
    assert found["plot"]["status"] == "ok"
    assert found["plot"]["remedy"] == "to get it: pip install 'gibbous[plot]'"
    assert found["GIBBOUS_NONSENSE"]["status"] == "warning"
    assert found["threads"]["status"] == "warning"


def test_versions_are_compared_numerically() -> None:
    for version, least in (("1.9", "1.10"), ("0.4.9", "0.5"), ("2.1", "2.1.1")):
        assert cli_doctor.older(version, least) and not cli_doctor.older(least, version)
    assert not cli_doctor.older("2.0", "2.0")


# --- bench ------------------------------------------------------------------------------------


def test_bench_passes_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stand_in.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("gibbous.cli.bench.BENCHMARK", "stand_in")
    code = (
        "import gibbous.cli.bench as b; b.BENCHMARK = 'stand_in'\n"
        "from gibbous.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "bench", "run", "--quick", "-k", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == "['run', '--quick', '-k', '--help']\n"


def test_missing_bench_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gibbous.cli.bench.BENCHMARK", "gibbous.no_such_module")
    (line,) = run("bench", "run", "--quick", code=1).stderr.splitlines()
    assert line.startswith("gibbous: error: this installation has no benchmark")
    assert "pip install 'gibbous[bench]'" in line


# --- info -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fit", "name", "array", "shape"),
    [
        ("kmeans fit {} -k 3", "KMeans", "cluster_centers_", [3, 2]),
        ("kmeans fit {} -k 3 --mini-batch 9", "MiniBatchKMeans", "cluster_centers_", [3, 2]),
        ("gmm fit {} -k 3", "GaussianMixture", "covariances_", [3, 2, 2]),
        ("gmm fit {} -k 3 --prior dirichlet", "BayesianGaussianMixture", "means_", [3, 2]),
        ("rbm fit {} -k 3 --epochs 2 --data-max 9", "BernoulliRBM", "components_", [3, 2]),
    ],
)
def test_info_describes_the_contents_of_a_file(
    fit: str, name: str, array: str, shape: list[int], tmp_path: Path
) -> None:
    data, model = tmp_path / "t.csv", tmp_path / "m"
    values = np.random.default_rng(1).uniform(0, 9, size=(40, 2))
    np.savetxt(data, values, delimiter=",", header="a,b", comments="")
    run(*fit.format(data).split(), "--seed", 5, "-q", "-o", model)
    group = fit.split()[0]
    told = json.loads(run(group, "info", model, "--json").stdout)
    kept = gibbous.load(model)
    assert told["class"] == name == type(kept).__name__
    assert told["seed"] == told["parameters"]["random_state"] == 5
    assert told["arrays"][array]["shape"] == shape == list(getattr(kept, array).shape)
    assert told["feature_names"] == ["a", "b"] and told["features"] == 2
    assert told["history"]["last"] == kept.history_.values[-1]
    assert told["history"]["iterations"] == kept.history_.n_iter
    assert told["versions"] == kept.history_.versions
    assert told["bytes"] == model.stat().st_size
    text = run(group, "info", model).stdout
    assert f"class: {name}\n" in text and "\nseed: 5\n" in text
    assert f"  {array:<18}".split()[0] in text


def test_commands_are_named_after_methods(tmp_path: Path) -> None:
    data, model = tmp_path / "t.npy", tmp_path / "m"
    X = np.random.default_rng(1).normal(size=(60, 3))
    np.save(data, X)
    run("kmeans", "fit", data, "-k", 4, "--seed", 1, "-q", "-o", model)
    km, out = gibbous.load(model), tmp_path / "out.npy"
    run("kmeans", "transform", model, data, "-o", out, "--jobs", 1)
    assert np.array_equal(np.load(out), km.transform(X))
    told = json.loads(run("kmeans", "score", model, data, "--json").stdout)
    assert told["inertia"] == pytest.approx(-km.score(X), rel=1e-9)
    assert told["sizes"] == np.bincount(km.predict(X)).tolist()
    run("gmm", "fit", data, "-k", 2, "--seed", 1, "-q", "-o", model)
    gm = gibbous.load(model)
    run("gmm", "proba", model, data, "-o", out)
    assert np.array_equal(np.load(out), gm.predict_proba(X))
    told = json.loads(run("gmm", "score", model, data, "-o", out, "--json").stdout)
    assert told["mean_log_likelihood"] == pytest.approx(gm.score(X), rel=1e-12)
    assert told["bic"] == gm.bic(X)
    assert np.array_equal(np.load(out), gm.score_samples(X))


# --- help and completion ----------------------------------------------------------------------


def commands() -> list[list[str]]:
    found = [["demo"], ["doctor"], ["config"]]
    for group in GROUPS:
        names = get_command(import_module(f"gibbous.cli.{group}").app).commands
        found += [[group, name] for name in names]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_all_help_pages_have_the_same_format(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = run(*command, "--help").stdout
    assert f"Usage: gibbous {' '.join(command)}" in text.replace("root", "gibbous")
    _, examples = text.split("\nExamples:\n")
    assert f"  gibbous {' '.join(command)}" in examples
    assert "--json" in text
    without = text.split("\nExamples:\n")[0].splitlines()
    assert max(map(len, without)) < 80
    panels = [line for line in without if line.endswith(":") and not line.startswith(" ")]
    order = ["Arguments:", "Fitting:", "Files:", "Corpus:", "Words:", "Output:"]
    assert [p for p in panels if p in order] == [p for p in order if p in panels]


def test_every_command_has_the_same_class() -> None:
    for group in GROUPS:
        for command in get_command(import_module(f"gibbous.cli.{group}").app).commands.values():
            assert isinstance(command, Command), command.name


def test_the_help_documents_the_exit_codes() -> None:
    text = run("--help").stdout
    for code, meaning in EXIT_CODES.items():
        assert f"{code:>5}  {meaning}\n" in text


def test_the_help_of_all_commands_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom gibbous.cli import app\napp(['--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'scipy', 'sklearn', 'matplotlib', 'rich', 'safetensors'}\n"
        "heavy |= {f'gibbous.cli.{g}' for g in ('kmeans', 'gmm', 'lda', 'rbm', 'session')}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_includes_commands_and_options(shell: str) -> None:
    code = "from gibbous.cli import main; main()"

    def complete(typed: str, **more: str) -> str:
        words = typed.split(" ")
        given = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
        if shell != "bash":
            given = {"_TYPER_COMPLETE_ARGS": typed}
        if shell == "fish":
            given["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **given, "_GIBBOUS_COMPLETE": f"complete_{shell}", **more},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    assert "kmeans" in complete("gibbous km") and "gmm" not in complete("gibbous km")
    assert "transform" in complete("gibbous kmeans tr")
    assert "--covariance-type" in complete("gibbous gmm fit --cov")
    assert "spherical" in complete("gibbous gmm fit --covariance-type sp")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_completion(shell: str) -> None:
    code = "from gibbous.cli import main; main()"
    script = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "_GIBBOUS_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "_GIBBOUS_COMPLETE" in script and "gibbous" in script
