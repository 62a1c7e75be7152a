"""The benchmark's topic cases: evaluation against slow references, corpora, and the report.

No test depends on times.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bench.__main__ import main
from bench.adapters.lda.gibbous import SAMPLERS
from bench.harness import adapters
from bench.lda import corpora, heldout, runner
from bench.lda.cases import CASES, TopicCase
from scipy import sparse

ROOT = Path(__file__).resolve().parents[2]

TINY = TopicCase("tiny", "lda", "tiny", 8)

# Plain collapsed Gibbs sampling, with correct counts or with one token too many.
ADAPTER = """
import json
from pathlib import Path
from bench.lda.evaluation import Gibbs

NAME = "stand-in"
REQUIRES = ()
DISTRIBUTIONS = ()


def refuses(case):
    return ""


def load(case, threads):
    pass


class Chain(Gibbs):
    def __init__(self, case, corpus, seed):
        path = Path({path!r})
        if path.name:
            (part,) = json.loads(path.read_text())["topics"]
            assert "seconds" in part["results"][0], "the row before is not in the file"
        super().__init__(case, corpus, seed)

    def state(self):
        found = super().state()
        found.word_topic.data[0] += {extra}
        return found


def start(case, corpus, threads, seed, variant):
    return Chain(case, corpus, seed)
"""

# Emulates the two commands of MALLET: every token has topic 1, and sweeps take no time.
MALLET = """#!{python}
import gzip, sys
from collections import Counter
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
if sys.argv[1] == "import-file":
    assert options["--keep-sequence"] == "TRUE"
    text = open(options["--input"]).read()
    open(options["--output"], "w").write(text)
else:
    assert float(options["--alpha"]) == 50.0 and options["--optimize-interval"] == "0"
    lines = [line.split() for line in open(options["--input"])]
    print("Total time: 0 seconds", file=sys.stderr)
    counts = Counter(word for line in lines for word in line[2:])
    with open(options["--word-topic-counts-file"], "w") as file:
        for i, (word, n) in enumerate(counts.items()):
            print(i, word, f"1:{{n}}", file=file)
    with gzip.open(options["--output-state"], "wt") as file:
        print("#doc source pos typeindex type topic", file=file)
        for d, line in enumerate(lines):
            for i, word in enumerate(line[2:]):
                print(d, "NA", i, 0, word, 1, file=file)
"""

# Peers emit various warnings and start processes, so that each runs in a process of its own.
LEARN = """
import json, sys
from pathlib import Path
from bench.harness import adapters
from bench.lda import corpora, heldout
from bench.lda.cases import TopicCase

if __name__ == "__main__":
    name, cache, case = sys.argv[1], Path(sys.argv[2]), TopicCase(**json.loads(sys.argv[3]))
    corpus = corpora.load(corpora.find("tiny", cache, cache))
    train, given, asked = heldout.split(corpus)
    adapter = adapters.find(name, "lda")
    variant = sys.argv[4]
    chain = adapter.start(case, train, 1, 0, variant)
    found = []
    for n in (1, 4, 10):
        chain.sweep(n)
        state = chain.state()
        value = heldout.perplexity(state.columns, case.alpha, given, asked)
        found.append([state.faults(train), value])
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> sparse.csr_matrix:
    cache = tmp_path_factory.mktemp("cache")
    return corpora.load(corpora.find("tiny", cache, cache))


def random_state(rng: np.random.Generator, corpus: sparse.csr_matrix, k: int) -> heldout.Counts:
    """Return the counts of a random assignment in which words have similar topics."""
    words = np.repeat(corpus.indices, corpus.data)
    documents = np.repeat(np.arange(corpus.shape[0]), np.asarray(corpus.sum(axis=1)).ravel())
    topics = (words * 7 + rng.integers(0, 3, len(words))) % k
    ones = np.ones(len(words), dtype=np.int64)
    by_word = sparse.coo_matrix((ones, (words, topics)), shape=(corpus.shape[1], k)).tocsr()
    by_document = sparse.coo_matrix((ones, (documents, topics)), shape=(corpus.shape[0], k))
    return heldout.Counts(by_word, by_document.tocsr(), 0.01)


def seeded() -> np.random.Generator:
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    return np.random.default_rng(seed)


# ---- the split ----


def test_split_is_deterministic(tiny: sparse.csr_matrix) -> None:
    train, given, asked = heldout.split(tiny, n_documents=30)
    rng = np.random.default_rng(12345)
    order = rng.permutation(300)
    dense = tiny.toarray()
    held = [d for d in order[:60] if dense[d].sum() >= 20][:30]
    entries = [int(n) for d in held for n in dense[d] if n]
    first = iter(rng.binomial(entries, 0.5))
    expected = np.array([[next(first) if n else 0 for n in dense[d]] for d in held])
    np.testing.assert_array_equal(train.toarray(), dense[sorted(order[60:])])
    np.testing.assert_array_equal(given.toarray(), expected)
    np.testing.assert_array_equal(asked.toarray(), dense[held] - expected)
    assert (given.data > 0).all() and (asked.data > 0).all()


# ---- evaluation against slow references ----


def slow_perplexity(phi: np.ndarray, alpha: float, given: np.ndarray, asked: np.ndarray) -> float:
    """Document completion, token by token in float64."""
    n_topics, total = len(phi), 0.0
    for a, b in zip(given, asked, strict=True):
        theta = np.full(n_topics, 1 / n_topics)
        for _ in range(30 if a.any() else 0):
            gamma = np.full(n_topics, alpha)
            for w in np.flatnonzero(a):
                shares = theta * phi[:, w]
                gamma += a[w] * shares / shares.sum()
            theta = gamma / gamma.sum()
        total += sum(b[w] * math.log(theta @ phi[:, w]) for w in np.flatnonzero(b))
    return math.exp(-total / asked.sum())


@pytest.mark.parametrize("most_bytes", [1 << 28, 1])
def test_perplexity_equals_a_slow_reference(
    tiny: sparse.csr_matrix, monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    monkeypatch.setattr(heldout, "_MOST_BYTES", most_bytes)
    rng = seeded()
    train, given, asked = heldout.split(tiny, n_documents=12)
    # a document without given tokens keeps its initial mixture
    given = sparse.vstack([given, sparse.csr_matrix((1, 500), dtype=given.dtype)]).tocsr()
    asked = sparse.vstack([asked, asked[:1]]).tocsr()
    state = random_state(rng, train, 6)
    phi = state.word_topic.toarray().T + 0.01
    phi /= phi.sum(axis=1, keepdims=True)
    expected = slow_perplexity(phi, 0.7, given.toarray(), asked.toarray())
    found = heldout.perplexity(state.columns, 0.7, given, asked)
    # float32 columns and sums of at most 500 terms
    assert found == pytest.approx(expected, rel=1e-5)
    posterior = heldout.Variational(phi * rng.uniform(1, 9, (6, 1)))
    assert heldout.perplexity(posterior.columns, 0.7, given, asked) == pytest.approx(
        expected, rel=1e-5
    )


def test_joint_likelihood_is_the_product_of_predictions(tiny: sparse.csr_matrix) -> None:
    """The chain rule: each token is drawn given the previous ones (a Polya urn)."""
    corpus, k, alpha, beta = tiny[:20], 5, 0.3, 0.01
    state = random_state(seeded(), corpus, k)
    total = 0.0
    for matrix, prior in ((state.word_topic.T.tocsr(), beta), (state.document_topic, alpha)):
        assert matrix is not None
        for row in matrix.toarray():
            before = 0
            for n in row:
                for i in range(n):
                    total += math.log((i + prior) / (before + i + len(row) * prior))
                before += n
    joint = heldout.joint_log_likelihood(state, alpha)
    assert joint == pytest.approx(total / corpus.sum(), rel=1e-10)


def test_inconsistent_counts_are_named(tiny: sparse.csr_matrix) -> None:
    state = random_state(seeded(), tiny, 4)
    assert state.faults(tiny) == ""
    spoilt = replace(state, word_topic=state.word_topic.copy())
    spoilt.word_topic.data[0] += 1
    assert "word-topic counts" in spoilt.faults(tiny)
    assert state.document_topic is not None
    spoilt = replace(state, document_topic=state.document_topic.copy())
    spoilt.document_topic.data[:2] += [1, -1]
    assert "differently" in spoilt.faults(tiny)
    negative = heldout.Variational(np.full((4, tiny.shape[1]), -1.0))
    assert "negative" in negative.faults(tiny)
    assert "over 3 words" in heldout.Variational(np.ones((4, 3))).faults(tiny)


# ---- corpora ----


def test_synthetic_corpus_matches_its_name(tmp_path: Path) -> None:
    folder = corpora.find("synth1m", tmp_path, tmp_path)
    matrix, facts = corpora.load(folder), corpora.facts(folder)
    assert matrix.shape == (5_000, 10_000)
    assert matrix.sum() == facts["n_tokens"] == 1_000_000
    assert matrix.dtype == np.int32 and matrix.data.min() >= 1
    # words ascend in a row and occur once
    assert matrix.has_canonical_format
    shares = np.sort(np.bincount(matrix.indices, matrix.data, 10_000))[::-1] / 1e6
    assert shares[0] >= 0.05 and shares[0] == pytest.approx(facts["head_share"])
    # shift and exponent of the rank distribution: over two decades, within a factor of two
    assert 0.5 < shares[99] / shares[0] / ((100.6 / 1.6) ** -1.05) < 2
    assert (shares > 0).sum() == facts["n_words_used"] > 9_000
    assert np.asarray(matrix.sum(axis=1)).min() >= 1
    assert corpora.find("synth1m", tmp_path, tmp_path) == folder
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_synthetic_corpora_are_deterministic_and_scale_with_their_size() -> None:
    specs = corpora.SYNTHETIC
    assert (specs["synth100m"].n_documents, specs["synth100m"].n_words) == (300_000, 100_000)
    assert [specs[f"synth{m}m"].n_tokens for m in (1, 10, 100, 300)] == [
        m * 1_000_000 for m in (1, 10, 100, 300)
    ]
    first, second = (list(corpora.draw(specs["tiny"])) for _ in range(2))
    assert all((a != b).nnz == 0 for a, b in zip(first, second, strict=True))
    other = list(corpora.draw(replace(specs["tiny"], seed=2)))
    assert (first[0] != other[0]).nnz > 0


def test_chunks_cover_all_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "_CHUNK", 3_000)
    chunks = list(corpora.draw(corpora.SYNTHETIC["tiny"]))
    assert len(chunks) > 5
    assert sum(chunk.shape[0] for chunk in chunks) == 300
    assert sum(int(chunk.sum()) for chunk in chunks) == 20_000


def test_every_word_occurs_in_a_topic() -> None:
    spec = corpora.SYNTHETIC["tiny"]
    tables = corpora._tables(spec, seeded())
    np.testing.assert_array_equal(np.unique(tables), np.arange(spec.n_words))


def test_synthetic_documents_have_topics(tiny: sparse.csr_matrix) -> None:
    adapter = adapters.find("sklearn", "lda")
    train, given, asked = heldout.split(tiny)
    chain = adapter.start(TINY, train, 1, 0, "")
    chain.sweep(40)
    alone = heldout.Variational(np.asarray(train.sum(axis=0), dtype=float) + 0.01)
    one = heldout.perplexity(alone.columns, 1.0, given, asked)
    eight = heldout.perplexity(chain.state().columns, 50 / 8, given, asked)
    assert eight < 0.95 * one, (eight, one)


def test_state_of_the_union_is_tokenized(tmp_path: Path) -> None:
    import gzip

    texts = ["The Congress, the CONGRESS of 1790!", "", "states' congress and states"] * 3
    with gzip.open(tmp_path / "sotu.jsonl.gz", "wt") as file:
        for text in texts:
            print(json.dumps({"text": text}), file=file)
    folder = corpora.find("sotu", tmp_path, tmp_path / "cache")
    matrix = corpora.load(folder)
    # "states" is in three paragraphs only; empty ones are removed
    np.testing.assert_array_equal(matrix.toarray(), [[2], [1]] * 3)


def test_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no 20news\.npz .* --data FOLDER"):
        corpora.find("20news", tmp_path, tmp_path / "cache")
    with pytest.raises(ValueError, match="no corpus 'wikipedia'; known are 20news, sotu"):
        corpora.find("wikipedia", tmp_path, tmp_path)


# ---- peers ----


OURS = [("gibbous", variant) for variant in SAMPLERS]
PEERS = [(name, "") for name in ("tomotopy", "gensim", "lda", "sklearn")]


@pytest.mark.parametrize(("name", "variant"), OURS + PEERS)
def test_implementation_learns_and_has_consistent_counts(
    name: str, variant: str, tmp_path: Path
) -> None:
    if said := adapters.missing(adapters.find(name, "lda")):
        # the peers come with the extra "bench" only
        pytest.skip(said)
    done = subprocess.run(
        [sys.executable, "-c", LEARN, name, str(tmp_path), json.dumps(TINY.to_dict()), variant],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [faults for faults, _ in found] == ["", "", ""]
    values = [value for _, value in found]
    assert values[-1] < values[0], values


def test_folder_with_the_name_of_a_library_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "gibbous_test_peer"
    adapter = SimpleNamespace(REQUIRES=(name,))
    (tmp_path / name).mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert adapters.missing(adapter) == f"{name} not installed"  # type: ignore[arg-type]
    (tmp_path / name / "__init__.py").touch()
    importlib.invalidate_caches()
    assert adapters.missing(adapter) == ""  # type: ignore[arg-type]


def test_mallet_is_run_and_its_output_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: sparse.csr_matrix
) -> None:
    adapter = adapters.find("mallet", "lda")
    monkeypatch.delenv("GIBBOUS_BENCH_MALLET", raising=False)
    assert adapter.refuses(TINY) == "give --mallet PATH"
    command = tmp_path / "bin" / "mallet"
    monkeypatch.setenv("GIBBOUS_BENCH_MALLET", str(tmp_path))
    assert adapter.refuses(TINY).startswith("no command")
    command.parent.mkdir()
    command.write_text(MALLET.format(python=sys.executable))
    command.chmod(0o755)
    assert adapter.refuses(TINY) == ""
    chain = adapter.start(TINY, tiny, 1, 0, "")
    assert chain.folder.is_dir()
    assert chain.sweep(3) > 0 and chain.done == 3
    state = chain.state()
    assert state.faults(tiny) == ""
    assert state.word_topic[:, 1].sum() == state.document_topic[:, 1].sum() == 20_000


# ---- comparing ----


def look(seconds: float, perplexity: float | None) -> dict[str, Any]:
    return {"sampling_seconds": seconds, "perplexity": perplexity, "joint": None, "faults": ""}


def test_seconds_to_a_target() -> None:
    curve = [look(t, 100 * t**-0.5) for t in (1.0, 4.0, 16.0)]
    assert runner.seconds_to(curve, 100 * 9**-0.5) == pytest.approx(9.0)
    assert runner.seconds_to(curve, 200.0) == 1.0
    assert runner.seconds_to(curve, 24.0) is None
    assert runner.seconds_to([look(1.0, None), *curve[1:]], 50.0) == 4.0


def row(name: str, curve: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    seconds = {"median": curve[-1]["sampling_seconds"]}
    settings = {"ours": name == "gibbous", "status": "ok", "threads": 1, **rest}
    return {"implementation": name, "seconds": seconds, "quality": curve, **settings}


def test_ratio_at_equal_quality_only() -> None:
    ours = row("gibbous", [look(1, 300), look(2, 200)])
    late = row("gibbous", [look(1, 300), look(2, 260)])
    peers = [row("a", [look(4, 220), look(8, 200)]), row("b", [look(4, 900), look(8, 800)])]
    cheat = row("c", [look(0.1, 20)], status="different quality")
    part = {"kind": "lda-curve", "results": [ours, late, *peers, cheat]}
    runner.compare(part)
    # the target is 202, which both reach within their last step
    assert ours["target"] == pytest.approx(202)
    assert 1 < ours["figure"] < 2 and 4 < peers[0]["figure"] < 8
    expected = peers[0]["figure"] / ours["figure"]
    assert ours["times_as_fast_as_best_peer"] == pytest.approx(expected)
    assert late["times_as_fast_as_best_peer"] is None
    assert cheat["times_as_fast_as_best_peer"] is None
    assert peers[1]["times_as_fast_as_best_peer"] is None

    part["kind"] = "lda"
    runner.compare(part)
    assert ours["times_as_fast_as_best_peer"] == pytest.approx(8 / 2)
    assert cheat["times_as_fast_as_best_peer"] is None


def test_runs_are_compared_at_equal_threads() -> None:
    rows = [row("gibbous", [look(2, 1)]), row("a", [look(6, 1)])]
    rows += [row("gibbous", [look(1, 1)], threads=2), row("a", [look(5, 1)], threads=2)]
    runner.compare({"kind": "lda", "results": rows})
    assert [r["times_as_fast_as_best_peer"] for r in rows] == [3, 1, 5, 1]


# ---- the command ----


def report(folder: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    path = folder / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench", "run", "--quick", "--json", str(path)),
            *("--cache", str(folder / "cache"), "--data", str(folder), *arguments),
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "MALLET" not in name},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert path.exists(), done.stderr
    return done.returncode, done.stdout, json.loads(path.read_text())


def stand_in(folder: Path, extra: int, path: str = "") -> str:
    file = folder / "stand_in.py"
    file.write_text(ADAPTER.format(extra=extra, path=path))
    return str(file)


@pytest.mark.parametrize("case", ["lda-synth1m-20", "lda-curve-synth1m-100"])
def test_report_is_complete_and_written_row_by_row(tmp_path: Path, case: str) -> None:
    peer = stand_in(tmp_path, 0, path=str(tmp_path / "report.json"))
    code, text, found = report(tmp_path, "--cases", case, "--ours", "sklearn", "--peers", peer)
    assert code == 0, text
    assert found["cases"] == []
    (part,) = found["topics"]
    assert part["kind"] == CASES[case].kind and part["facts"]["n_tokens"] == 20_000
    assert [r["implementation"] for r in part["results"]] == ["scikit-learn", "stand-in"]
    for r in part["results"]:
        assert (r["status"], r["reason"]) == ("ok", ""), text
        assert r["implementation"] in text
        assert r["tokens_per_second"] > 0 and r["bytes_beyond_corpus"] >= 0
        assert {"setup_seconds", "bytes_a_token", "versions", "busy", "figure"} <= set(r)
        for known in r["quality"]:
            assert known["faults"] == ""
            assert (known["perplexity"] is None) == (part["kind"] == "lda")
            assert (known["joint"] is None) == (r["implementation"] == "scikit-learn")


def test_wrong_counts_of_gibbous_fail_the_command(tmp_path: Path) -> None:
    wrong = stand_in(tmp_path, 1)
    code, text, found = report(
        tmp_path, "--cases", "lda-synth1m-20", "--ours", wrong, "--peers", "sklearn,mallet"
    )
    ours, peer, mallet = found["topics"][0]["results"]
    assert (code, ours["status"]) == (1, "different quality")
    assert "not those of the corpus" in ours["reason"] and ours["reason"] in text
    assert ours["times_as_fast_as_best_peer"] is None and peer["status"] == "ok"
    assert (mallet["status"], mallet["reason"]) == ("skipped", "give --mallet PATH")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sampling", "0"), "--sampling must be a positive number of seconds; got 0.0"),
        (("--samplers", "slow"), "no sampler 'slow'; known are auto, fast, fast-3, exact"),
        (("--memory", "-1"), "--memory must be at least 0 GB; got -1.0"),
    ],
)
def test_bad_topic_arguments_are_named(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "lda", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
