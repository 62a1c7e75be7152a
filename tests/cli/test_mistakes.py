"""User errors: one line that names the file and the remedy, never a traceback."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gibbous.cli import app


def run(command: str, stdin: bytes = b"") -> Any:
    return CliRunner().invoke(app, command.split(), input=stdin)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind, valid and invalid, and a model of each class."""
    at = tmp_path_factory.mktemp("mistakes")
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20, 2))
    np.savetxt(at / "good.csv", X, delimiter=",", header="a,b", comments="")
    np.savetxt(at / "three.csv", np.c_[X, X[:, 0]], delimiter=",", header="a,b,c", comments="")
    np.save(at / "ones.npy", (X > 0).astype(np.uint8))
    (at / "texts.jsonl").write_text('{"text": "moon tide star"}\n{"text": "bank bond"}\n' * 5)
    (at / "texts.txt").write_text("moon tide star\nbank bond\n")
    for name, text in {
        "empty.csv": "",
        "names.csv": "a,b\n",
        "ragged.csv": "a,b\n1,2\n3\n",
        "text.csv": "a,b\n1,2\n3,x\n",
        "nan.csv": "a,b\n1,2\n3,nan\n4,5\n",
        "comma.csv": "a;b\n1;2\n3,5;4\n",
        "blank.csv": "a,b\n1,2\n\n3,4\n",
        "minus.csv": "a,b,w\n1,2,-1\n3,4,1\n",
        "broken.jsonl": '{"text": "moon"}\n{"text": \n',
        "other.jsonl": '{"body": "moon"}\n',
        "empty.jsonl": "",
        "stop.jsonl": '{"text": "the of"}\n',
        "words.txt": "a,b\n",
    }.items():
        (at / name).write_text(text)
    (at / "binary.csv").write_bytes(bytes(range(256)) * 4)
    (at / "not.jsonl.gz").write_bytes(b"no gzip at all\n")
    whole = gzip.compress((at / "texts.jsonl").read_bytes() * 50)
    (at / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (at / "cut.npy").write_bytes((at / "ones.npy").read_bytes()[:100])
    (at / "folder.csv").mkdir()
    for command in (
        "kmeans fit good.csv -k 2 -q -o kmeans",
        "gmm fit good.csv -k 2 -q -o gmm",
        "lda fit texts.jsonl -k 2 --max-iter 3 -q -o lda",
        "rbm fit ones.npy -k 2 --epochs 1 -q -o rbm",
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(at)
            assert run(command).exit_code == 0
    model = (at / "gmm").read_bytes()
    (at / "cut").write_bytes(model[: len(model) // 2])
    (at / "bent").write_bytes(model[:-1] + bytes([model[-1] ^ 1]))
    return at


#: Commands, and what their one line must contain.
MISTAKES = {
    "kmeans fit none.csv": "none.csv: no such file",
    "gmm select none.csv": "none.csv: no such file",
    "kmeans fit folder.csv": "folder.csv is a folder; give the name of a file",
    "gmm fit empty.csv": "empty.csv is empty",
    "gmm fit names.csv": "names.csv is empty: it has a line of names but no row",
    "rbm fit ragged.csv": "ragged.csv, line 3: 1 cells where line 1 has 2",
    "gmm score gmm text.csv": "text.csv, line 3: column 'b' contains 'x', not a number",
    "kmeans fit nan.csv": "nan.csv, line 3: column 'b' is nan; remove the line or fill",
    "gmm select nan.csv": "nan.csv, line 3: column 'b' is nan",
    "kmeans fit comma.csv": "comma.csv, line 3",
    "kmeans predict kmeans blank.csv": "blank.csv, line 3 is empty; remove it",
    "gmm fit good.txt": "good.txt: a table must end in one of .csv",
    "gmm fit binary.csv": "binary.csv",
    "rbm fit cut.npy": "cut.npy is damaged or incomplete",
    "gmm fit minus.csv --weights w": "minus.csv: the weight of row 1, column 'w', is -1",
    "kmeans predict gmm good.csv": "gmm holds a GaussianMixture; use 'gibbous gmm predict'",
    "rbm info lda": "lda holds a LatentDirichletAllocation; use 'gibbous lda info'",
    "lda topics rbm": "rbm holds a BernoulliRBM; use 'gibbous rbm features'",
    "gmm info cut": "cut is damaged or cut short",
    "gmm proba bent good.csv": "bent",
    "gmm sample good.csv": "good.csv is not a model file",
    "kmeans score kmeans three.csv --columns a,b,c": "has 3 columns and the model was fitted on 2",
    "kmeans fit good.csv -o no/model": "no/model cannot be written: there is no folder no",
    "kmeans fit good.csv -o folder.csv": "folder.csv is a folder",
    "kmeans fit good.csv -o good.csv/m": "cannot be written: there is no folder good.csv",
    "gmm sample gmm -o /dev/full.csv/x.csv": "there is no folder /dev/full.csv",
    "kmeans fit good.csv -k 2 -o /dev/full": "/dev/full cannot be written: no space left",
    "kmeans fit good.csv -o good.csv": "good.csv would overwrite what is read",
    "gmm impute gmm nan.csv -o nan.csv": "nan.csv would overwrite what is read",
    "gmm fit good.csv -o x.png --plot x.png": "x.png is given for two files",
    "gmm fit good.csv --json -o -": "--json and a file called - are both for standard output",
    "kmeans predict - -": "- is given more than once",
    "kmeans fit -": "standard input is empty",
    "lda fit -": "standard input: the vocabulary is empty: no word is left of 0 documents",
    "kmeans fit good.csv -k 50": "good.csv has 20 rows, fewer than n_clusters=50; lower -k",
    "gmm fit good.csv -k 50": "good.csv has 20 rows, fewer than n_components=50; lower -k",
    "gmm fit good.csv --jobs 0": "n_jobs must not be 0",
    "gmm condition gmm --on z=1": "--on: the model has no feature 'z'; it has a, b",
    "gmm fit good.csv --columns a,z": "good.csv: no column 'z'; it has 'a', 'b'",
    "rbm fit three.csv": "three.csv: values must lie in [0, 1]",
    "rbm sample rbm --shape 3x3 --plot x.png": "3",
    "lda fit broken.jsonl": "broken.jsonl, line 2",
    "lda fit other.jsonl": "other.jsonl, line 1",
    "lda fit empty.jsonl": "empty.jsonl: the vocabulary is empty",
    "lda fit stop.jsonl --stop-words english": "no word is left of 1 documents; lower --min-df",
    "lda fit not.jsonl.gz": "not.jsonl.gz",
    "lda fit cut.jsonl.gz": "cut.jsonl.gz",
    "lda fit texts.txt": "texts.txt",
    "lda fit texts.jsonl --stop-words nolist.txt": "nolist.txt",
    "lda fit texts.jsonl --checkpoint c": "--checkpoint needs --seed",
    "lda select texts.jsonl -k 1,x": "-k must be numbers of topics",
    "lda infer lda good.csv --text z": "good.csv",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_mistake_is_reported_in_one_line(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    done = run(command)
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("gibbous: error: ")
    assert MISTAKES[command] in line
    assert str(Path("/tmp") / "gibbous-") not in line  # standard input is named as such
    assert not re.search(r"Traceback|\[Errno|Error\(|object at 0x", line)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "command",
    [
        "kmeans fit good.csv -k -1",
        "kmeans fit good.csv -k x",
        "gmm fit good.csv --covariance-type round",
        "gmm fit good.csv --seed -1",
        "rbm fit ones.npy --method magic",
        "lda fit texts.jsonl --format word",
        "gmm",
        "kmeans fit",
        "kmeans fit good.csv other.csv",
        "kmeans fit good.csv --nonsense",
        "nonsense",
    ],
)
def test_wrong_command_is_a_usage_error(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = run(command)
    assert done.exit_code == 2
    assert "Usage: " in done.output and "Traceback" not in done.output


# --- standard input and output ----------------------------------------------------------------


def test_dash_is_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for model, data, fit in (
        ("kmeans", "good.csv", "-k 2"),
        ("gmm", "good.csv", "-k 2"),
        ("rbm", "ones.npy", "-k 2 --epochs 1"),
        ("lda", "texts.jsonl", "-k 2 --max-iter 3"),
        ("lda", "texts.txt --format lines", "-k 2 --max-iter 3"),
    ):
        command = f"{model} fit {{}} {fit} --seed 1 --json"
        from_file = json.loads(run(command.format(data)).stdout)
        whole = (folder / data.split()[0]).read_bytes()
        piped = json.loads(run(command.format("-"), whole).stdout)
        for told in (from_file, piped):
            del told["history"]["seconds"], told["data"]
        assert piped == from_file


def test_models_and_rows_go_through_pipes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    fitted = run("gmm fit - -k 2 --seed 1 -o -", Path("good.csv").read_bytes())
    assert "repeat with --seed 1" in fitted.stderr
    assert "model written to standard output" in fitted.stderr
    labels = run("gmm predict - good.csv -o -", fitted.stdout_bytes)
    assert labels.exit_code == 0
    assert labels.stdout.splitlines()[0] == "component" and labels.stdout.count("\n") == 21
    assert json.loads(run("gmm info - --json", fitted.stdout_bytes).stdout)["seed"] == 1
