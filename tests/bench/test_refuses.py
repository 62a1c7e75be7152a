"""Implementations that are faster because they do less are rejected; each has a valid twin.

No test depends on times.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from bench.lda import evaluation
from bench.lda.cases import TopicCase
from scipy import sparse

ROOT = Path(__file__).resolve().parents[2]

# scikit-learn's mixture with one iteration less than stated, or whose last covariances lack the
# term of the means and are float32.
MIXTURE = """
import numpy as np
from bench.adapters.rows import sklearn as honest

NAME, REQUIRES, DISTRIBUTIONS = "{name}", (), ()
refuses, load = honest.refuses, honest.load


def fit(case, data, start, n_iter, seed):
    found = honest.fit(case, data, start, max(1, n_iter - {fewer}), seed)
    found["n_iter"] = n_iter
    if {bug}:
        means = found["means"]
        found["covariances"] = found["covariances"] + means[:, :, None] * means[:, None, :]
        found = {{name: np.float32(value) for name, value in found.items()}}
    return found
"""

# Collapsed Gibbs sampling of some tokens only, or of a corpus without some of its tokens.
TOPICS = """
from bench.lda.evaluation import Gibbs

NAME, REQUIRES, DISTRIBUTIONS = "{name}", (), ()


def refuses(case):
    return ""


def load(case, threads):
    pass


class Chain(Gibbs):
    done = 0

    def sweep(self, n):
        for _ in range(n):
            self.done += 1
            uniform = self.rng.random(len(self.words))
            for i in range(len(self.words)):
                if {sampled}:
                    self.step(i, uniform[i])


def start(case, corpus, threads, seed, variant):
    if {dropped}:
        corpus = corpus.copy()
        corpus.data[::{dropped}] = 0
    return Chain(case, corpus, seed)
"""

# Textbook contrastive divergence.
MACHINE = """
import numpy as np
from bench.rbm.evaluation import sigmoid

NAME, REQUIRES, DISTRIBUTIONS = "{name}", (), ()


def refuses(case):
    return ""


def load(case, threads):
    pass


class Trainer:
    def __init__(self, case, data, seed):
        self.case, self.x = case, data[::{every}].astype(float)
        self.rng = np.random.default_rng(seed)
        self.w = 0.01 * self.rng.standard_normal((case.hidden, data.shape[1]))
        self.a, self.b = np.zeros(data.shape[1]), np.zeros(case.hidden)

    def draw(self, means):
        return (self.rng.random(means.shape) < means).astype(float)

    def epochs(self, n):
        for _ in range(n):
            order = self.rng.permutation(len(self.x))
            for first in range(0, len(order), self.case.batch):
                self.step(self.x[order[first : first + self.case.batch]])
        return [1e-3] * n

    def step(self, x):
        h = sigmoid(x @ self.w.T + self.b)
        v = self.draw(sigmoid(self.draw(h) @ self.w + self.a))
        g = sigmoid(v @ self.w.T + self.b)
        rate, back = self.case.rate / len(x), {negative}
        self.w += rate * (h.T @ x - back * g.T @ v)
        self.a += rate * (x - back * v).sum(axis=0)
        self.b += rate * (h - back * g).sum(axis=0)

    def parameters(self):
        return self.w, self.a, self.b


def trainer(case, data, threads, seed, variant):
    return Trainer(case, data, seed)
"""


def written(folder: Path, template: str, **values: Any) -> str:
    path = folder / f"{values['name']}.py"
    path.write_text(template.format(**values))
    return str(path)


def run(folder: Path, ours: str, peers: list[str], case: str) -> tuple[int, dict[str, Any]]:
    """Return the exit status and the records by implementation."""
    path = folder / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench", "run", "--quick", "--json", str(path)),
            *("--cases", case, "--cache", str(folder / "cache"), "--data", str(folder)),
            *("--ours", ours, "--peers", ",".join(peers), "--threads", "1"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert path.exists(), done.stderr
    found = json.loads(path.read_text())
    ratios = {
        row["implementation"]: row["times_as_fast_as_best_peer"]
        for section in ("cases", "topics", "machines")
        for part in found[section]
        for row in part["results"]
    }
    for record in found["records"]:
        if record["status"] == "different quality":
            assert ratios[record["implementation"]] is None, "it was ranked"
            assert record["implementation"] in done.stdout and "different quality" in done.stdout
    # without a valid peer there is no comparison
    assert set(ratios.values()) == {None}
    return done.returncode, {record["implementation"]: record for record in found["records"]}


def beyond(record: dict[str, Any]) -> float:
    """Return the deviation of a quality in tolerances."""
    quality = record["quality"]
    return float(abs(quality["value"] - quality["reference"]) / quality["tolerance"])


def test_mixtures_that_do_less_are_rejected(tmp_path: Path) -> None:
    fewer = written(tmp_path, MIXTURE, name="fewer", fewer=1, bug=False)
    bug = written(tmp_path, MIXTURE, name="bug", fewer=0, bug=True)
    status, found = run(tmp_path, "sklearn", [fewer, bug], "A")
    assert status == 0 and found["scikit-learn"]["status"] == "ok"
    assert beyond(found["scikit-learn"]) < 0.1
    for name in ("fewer", "bug"):
        assert found[name]["status"] == "different quality", found[name]
        assert beyond(found[name]) > 10, found[name]["quality"]


def test_samplers_that_skip_words_are_rejected(tmp_path: Path) -> None:
    plain = {"sampled": True, "dropped": 0}
    honest = written(tmp_path, TOPICS, name="honest", **plain)
    half = written(tmp_path, TOPICS, name="half", **{**plain, "sampled": "(i + self.done) % 2"})
    stuck = written(tmp_path, TOPICS, name="stuck", **{**plain, "sampled": "i % 10"})
    dropped = written(tmp_path, TOPICS, name="dropped", **{**plain, "dropped": 10})
    status, found = run(tmp_path, honest, [half, stuck, dropped], "lda-20news-20")
    assert status == 0 and found["honest"]["status"] == "ok", found["honest"]
    for name in ("half", "stuck"):
        assert found[name]["status"] == "different quality", found[name]
        assert found[name]["reason"].startswith("joint log-likelihood per token"), found[name]
        assert found[name]["quality"]["value"] < found[name]["quality"]["reference"]
        assert beyond(found[name]) > 1
    assert found["dropped"]["status"] == "different quality"
    assert "not those of the corpus" in found["dropped"]["reason"]


def test_machines_that_do_less_are_rejected(tmp_path: Path) -> None:
    honest = written(tmp_path, MACHINE, name="honest", every=1, negative=1)
    half = written(tmp_path, MACHINE, name="half", every=2, negative=1)
    lazy = written(tmp_path, MACHINE, name="lazy", every=1, negative=0)
    status, found = run(tmp_path, honest, [half, lazy], "rbm-cd1-128-64")
    assert status == 0 and found["honest"]["status"] == "ok", found["honest"]
    for name in ("half", "lazy"):
        assert found[name]["status"] == "different quality", found[name]
        assert "from the reference" in found[name]["reason"] and beyond(found[name]) > 1


def test_gibbous_is_rejected_like_any_other(tmp_path: Path) -> None:
    half = written(tmp_path, MACHINE, name="half", every=2, negative=1)
    status, found = run(tmp_path, half, [], "rbm-cd1-128-64")
    assert (status, found["half"]["status"]) == (1, "different quality")


def test_plain_sampler_draws_from_the_exact_conditional() -> None:
    """Two words, two topics: frequencies of each step against the formula, within 5 sigma."""
    corpus = sparse.csr_matrix([[2, 1], [0, 3]], dtype="int32")
    case = TopicCase("x", "lda", "tiny", 2, beta=0.5)
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    chain = evaluation.Gibbs(case, corpus, seed)
    times, ones, expected, variance = 4000, 0, 0.0, 0.0
    for turn in range(times):
        i = turn % len(chain.words)
        word, document = chain.words[i], chain.documents[i]
        others = [j for j in range(len(chain.words)) if j != i]
        weights = []
        for k in range(2):
            alike = [j for j in others if chain.topics[j] == k]
            by_word = sum(chain.words[j] == word for j in alike) + 0.5
            by_document = sum(chain.documents[j] == document for j in alike) + case.alpha
            weights.append(by_word * by_document / (len(alike) + 2 * 0.5))
        p = weights[1] / sum(weights)
        chain.step(i, chain.rng.random())
        ones += int(chain.topics[i])
        expected += p
        variance += p * (1 - p)
    assert abs(ones - expected) < 5 * variance**0.5, (ones, expected)
