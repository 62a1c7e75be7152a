"""The benchmark's cases of Boltzmann machines: evaluation, peers, and the report.

No test depends on times.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.harness import adapters
from bench.rbm import data, evaluation, quality, runner
from bench.rbm.cases import CASES, QUALITY, QualityCase, RbmCase

ROOT = Path(__file__).resolve().parents[2]

#: Enough steps that a machine with another learning rule differs clearly.
TINY = RbmCase("tiny", "cd", 1, 12, 20, "tiny", n_epochs=6, rate=0.2)

# scikit-learn's machine, with its weights perturbed by an amount that the tests set.
ADAPTER = """
from bench.adapters.rbm import sklearn as honest

NAME = "stand-in"
REQUIRES = ("sklearn",)
DISTRIBUTIONS = ()
refuses, load = honest.refuses, honest.load


def trainer(case, data, threads, seed, variant):
    found = honest.trainer(case, data, threads, seed, variant)
    known = found.parameters
    found.parameters = lambda: (known()[0] + float("{nudge}"), *known()[1:])
    return found
"""

# Peers emit various warnings and keep thread pools, so that each runs in a process of its own.
LEARN = """
import json, sys
from pathlib import Path
import numpy as np
from bench.harness import adapters
from bench.rbm import data, evaluation
from bench.rbm.cases import RbmCase

case, name, variant = RbmCase(**json.loads(sys.argv[1])), sys.argv[2], sys.argv[3]
train, test = data.images("tiny", Path()).states()
adapter = adapters.find(name, "rbm")
adapter.load(case, 2)
found = []
for seed in range(4):
    trainer = adapter.trainer(case, train, 2, seed, variant)
    seconds = trainer.epochs(case.n_epochs)
    assert len(seconds) == case.n_epochs and min(seconds) > 0, seconds
    machine = evaluation.Machine(*trainer.parameters())
    assert machine.fault(train.shape[1], case.hidden) == ""
    found.append(evaluation.evaluate(machine, test))
print(json.dumps(found))
"""


def seeded() -> np.random.Generator:
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def tiny() -> tuple[np.ndarray, np.ndarray]:
    return data.images("tiny", Path()).states()


# ---- evaluation against slow references ----


def test_judge_equals_enumeration() -> None:
    rng = seeded()
    d, k = 5, 3
    m = evaluation.Machine(rng.normal(size=(k, d)), rng.normal(size=d), rng.normal(size=k))
    rows = (rng.random((7, d)) < 0.5).astype(np.uint8)

    def p(v: np.ndarray) -> float:
        states = itertools.product((0, 1), repeat=k)
        return sum(np.exp(m.a @ v + m.b @ h + h @ m.w @ v) for h in map(np.array, states))

    pseudo = crossed = 0.0
    for v in rows.astype(float):
        for i in range(d):
            other = v.copy()
            other[i] = 1 - v[i]
            pseudo += np.log(p(v) / (p(v) + p(other)))
        h = 1 / (1 + np.exp(-(m.w @ v + m.b)))
        means = 1 / (1 + np.exp(-(h @ m.w + m.a)))
        crossed -= np.log(np.where(v > 0, means, 1 - means)).sum()
    found = evaluation.evaluate(m, rows)
    assert found["pseudo_likelihood"] == pytest.approx(pseudo / 7, rel=1e-10)
    assert found["reconstruction"] == pytest.approx(crossed / 7, rel=1e-10)


def test_reference_increases_the_likelihood() -> None:
    """Compared with the best machine without weights, whose pseudo-likelihood is its likelihood."""
    train, test = tiny()
    p = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
    alone = evaluation.Machine(np.zeros((2, 64)), np.log(p / (1 - p)), np.zeros(2))
    before = evaluation.evaluate(alone, test)
    for method, k in (("cd", 1), ("pcd", 1), ("cd", 3)):
        machine = evaluation.train(replace(TINY, method=method, k=k, n_epochs=15), train, 3)
        after = evaluation.evaluate(machine, test)
        assert after["pseudo_likelihood"] > 0.8 * before["pseudo_likelihood"], (method, k)
        assert after["reconstruction"] < 0.8 * before["reconstruction"], (method, k)


def test_faulty_parameters_are_named() -> None:
    m = evaluation.Machine(np.zeros((3, 5)), np.zeros(5), np.zeros(3))
    assert m.fault(5, 3) == ""
    assert "shapes" in m.fault(3, 5)
    assert "not finite" in replace(m, b=np.array([0, np.nan, 0])).fault(5, 3)


# ---- peers ----


@pytest.mark.parametrize(("method", "k"), [("cd", 1), ("pcd", 1), ("cd", 3)])
@pytest.mark.parametrize("name", ["gibbous", "torch", "torch bf16", "rbms", "learnergy", "sklearn"])
def test_implementation_learns_what_the_reference_learns(name: str, method: str, k: int) -> None:
    name, _, variant = name.partition(" ")
    case = replace(TINY, method=method, k=k)
    adapter = adapters.find(name, "rbm")
    if said := adapters.missing(adapter) or adapter.refuses(case):
        # PyTorch comes with the extra "bench-torch" only, and scikit-learn supports one method
        pytest.skip(said)
    done = subprocess.run(
        [sys.executable, "-c", LEARN, json.dumps(case.to_dict()), name, variant],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    train, test = tiny()
    values = [evaluation.evaluate(evaluation.train(case, train, seed), test) for seed in range(16)]
    for figure in values[0]:
        known = [value[figure] for value in values]
        others = [value[figure] for value in found]
        # 16 seeds give their standard deviation to a factor of 1.5, and 5 sigma are required; twice
        # the learning rate differs by 30 sigma
        bound = 5 * 1.5 * np.std(known, ddof=1) * np.sqrt(1 / len(others) + 1 / len(known))
        assert abs(np.mean(others) - np.mean(known)) < bound, (figure, others, known)


@pytest.mark.parametrize("threads", [1, 3])
def test_noise_drawn_in_advance_is_fresh_and_uniform(threads: int) -> None:
    if said := adapters.missing(adapters.find("torch", "rbm")):
        pytest.skip(said)
    from bench.adapters.rbm.torch import Noise

    noise = Noise(50, 20, threads, 7)
    draws = np.stack([noise.take().numpy().copy() for _ in range(200)])
    assert len(np.unique(draws, axis=0)) == 200
    # float32 has 2^24 values between 0 and 1: equal pairs are chance, equal columns are not
    assert len(np.unique(draws[0])) > 990
    n = draws.size
    assert abs(draws.mean() - 0.5) < 5 / np.sqrt(12 * n)
    assert abs((draws < 0.1).mean() - 0.1) < 5 * np.sqrt(0.09 / n)


# ---- data ----


def test_synthetic_data_replace_missing_mnist_and_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_ROWS", 3000)
    monkeypatch.setattr(data, "_TEST", 500)
    found = data.images("mnist", tmp_path)
    facts = found.facts()
    assert facts["source"].startswith("synthetic: no mnist.npz") and not facts["real"]
    assert (facts["n"], facts["d"]) == (3000, 784)
    # the threshold is based on 1000 rows; a tenth of the variance is common to all pixels of a row
    assert facts["density"] == pytest.approx(0.1318, rel=0.1)
    train, test = found.states()
    assert set(np.unique(train)) == set(np.unique(test)) == {0, 1}
    assert len(test) == 500


def test_mnist_is_read_thresholded_and_shuffled(tmp_path: Path) -> None:
    rng = seeded()
    train, test = (rng.integers(0, 256, (n, 28, 28)).astype(np.uint8) for n in (50, 20))
    np.savez(tmp_path / "mnist.npz", x_train=train, x_test=test)
    found = data.images("mnist", tmp_path)
    assert (found.source, found.real) == ("MNIST", True)
    states, held = found.states()
    np.testing.assert_array_equal(held, test.reshape(20, 784) >= 128)
    expected = train.reshape(50, 784) >= 128
    assert not np.array_equal(states, expected)
    np.testing.assert_array_equal(np.unique(states, axis=0), np.unique(expected, axis=0))


# ---- comparing ----


def row(name: str, seconds: list[float], **rest: Any) -> dict[str, Any]:
    runs = [{"seconds": s} for s in seconds]
    settings = {"ours": name == "gibbous", "status": "ok", "threads": 1, **rest}
    return {
        "implementation": name,
        "runs": runs,
        "seconds": {"median": float(np.median(seconds))},
        **settings,
    }


def test_ratio_uses_the_best_valid_peer_at_equal_threads() -> None:
    ours, slow = row("gibbous", [1.0, 2.0, 3.0]), row("a", [8.0, 8.0, 8.0])
    best = row("b", [4.0, 6.0, 12.0])
    cheat = row("c", [0.1, 0.1, 0.1], status="different quality")
    two = [row("gibbous", [1.0], threads=2), row("a", [5.0], threads=2)]
    runner.compare([ours, slow, best, cheat, *two])
    assert ours["times_as_fast_as_best_peer"] == pytest.approx(3.0)
    assert ours["spread"] == pytest.approx([3.0, 4.0])
    assert slow["times_as_fast_as_best_peer"] == pytest.approx(6 / 8)
    assert cheat["times_as_fast_as_best_peer"] is None and cheat["spread"] is None
    assert [r["times_as_fast_as_best_peer"] for r in two] == [5.0, 1.0]


@pytest.mark.parametrize("scale", [0.5, 5.0])
def test_machine_of_different_quality_is_marked(scale: float) -> None:
    train, test = tiny()
    machine = evaluation.train(TINY, train, 1)
    reference = evaluation.evaluate(machine, test)
    honest = {"status": "ok", "runs": [{}], "machine": machine}
    runner.judge(TINY, honest, reference, test)
    assert honest["status"] == "ok" and honest["apart"] == 0.0
    other = {"status": "ok", "runs": [{}], "machine": replace(machine, w=scale * machine.w)}
    runner.judge(TINY, other, reference, test)
    assert other["status"] == "different quality" and "from the reference" in other["reason"]


# ---- the command ----


def report(folder: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    path = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", "--quick", "--json", str(path), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert path.exists(), done.stderr
    return done.returncode, done.stdout, json.loads(path.read_text())


def stand_in(folder: Path, nudge: float) -> str:
    path = folder / "stand_in.py"
    path.write_text(ADAPTER.format(nudge=nudge))
    return str(path)


def test_report_is_complete(tmp_path: Path) -> None:
    peer = stand_in(tmp_path, 0.0)
    code, text, found = report(tmp_path, "rbm", "--cases", "rbm-pcd1-*", "--peers", peer)
    assert code == 0, text
    # shapes that are equal in quick size run once
    (part,) = found["machines"]
    assert part["facts"]["source"] == "synthetic, tiny" and "synthetic, tiny" in text
    assert [r["implementation"] for r in part["results"]] == ["gibbous", "stand-in"]
    for r in part["results"]:
        assert (r["status"], r["reason"]) == ("ok", ""), text
        assert r["implementation"] in text
        assert set(r["quality"]) == {"reconstruction", "pseudo_likelihood"}
        assert r["apart"] <= part["tolerance"]
        assert r["seconds"]["median"] > 0 and r["bytes_beyond_data"] >= 0
        assert {"setup_seconds", "processor_seconds", "versions", "busy", "spread"} <= set(r)


def test_wrong_machine_of_gibbous_fails_the_command(tmp_path: Path) -> None:
    wrong = stand_in(tmp_path, 0.2)
    code, text, found = report(
        tmp_path, "--cases", "rbm-pcd1-128-64", "--ours", wrong, "--peers", "sklearn"
    )
    ours, peer = found["machines"][0]["results"]
    assert (code, ours["status"]) == (1, "different quality")
    assert ours["reason"] in text
    assert ours["times_as_fast_as_best_peer"] is None and peer["status"] == "ok"


def test_scikit_learn_runs_the_cases_that_it_supports() -> None:
    adapter = adapters.find("sklearn", "rbm")
    known = {name for name, case in CASES.items() if not adapter.refuses(case)}
    assert known == {name for name in CASES if name.startswith("rbm-pcd1-")}
    assert len(known) == 9


# ---- quality ----


def test_quality_is_printed_with_targets_for_mnist(tmp_path: Path) -> None:
    cases = "rbm-quality-16,rbm-quality-500-sampled"
    assert set(cases.split(",")) < set(QUALITY)
    code, text, found = report(tmp_path, "--cases", cases, "--peers", "")
    assert code == 0, text
    assert [part["name"] for part in found["quality"]] == cases.split(",")
    for part in found["quality"]:
        assert part["name"] in text and part["reached"] is None
        assert {"seed", "settings", "training", "threads"} <= set(part)
        kinds = ("exact",) if part["log_z"] == "exact" else ("ais", "reverse_ais")
        for kind in kinds:
            assert np.isfinite(part[kind]["test_log_likelihood"])
            assert part[kind]["processor_seconds"] >= 0
    assert "not comparable" in text and "reverse AIS" in text
    assert "learning_rate=" in text


def test_estimates_agree_with_the_exact_likelihood(tmp_path: Path) -> None:
    images = data.images("tiny", Path())
    settings = {"n_components": 8, "batch_size": 20, "n_iter": 5, "method": "pcd"}
    case = QualityCase("q", "sampled", "exact", 0.0, settings, seed=11)
    train, test = quality.rows(images, case)
    assert train.max() > 1  # gray: the states are drawn in training
    expected = images.test / 255
    error = np.sqrt((expected * (1 - expected)).sum())
    assert abs(test.sum() - expected.sum()) < 5 * error + images.test.size / 255
    np.savez(tmp_path / "data.npz", train=train, test=test)
    found = [
        quality.measure(
            {
                "case": replace(case, log_z=log_z).to_dict(),
                "adapter": "gibbous",
                "threads": 1,
                "data": str(tmp_path / "data.npz"),
                "n_betas": 400,
            }
        )
        for log_z in ("exact", "ais")
    ]
    exact = found[0]["exact"]["test_log_likelihood"]
    for kind in ("ais", "reverse_ais"):
        estimate = found[1][kind]
        # the errors are normal for such a small machine and such a long path
        bound = 5 * estimate["standard_error"] + 1e-3
        assert abs(estimate["test_log_likelihood"] - exact) < bound, (kind, estimate, exact)
