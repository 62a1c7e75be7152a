"""``gibbous lda`` from the user's perspective."""

from __future__ import annotations

import csv
import gzip
import io
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
import scipy.sparse as sp
from typer.testing import CliRunner

import gibbous
from gibbous import Corpus, LatentDirichletAllocation, load
from gibbous.cli import app
from gibbous.evaluate import coherence, document_completion, exclusivity, topic_diversity

RUNNER = CliRunner()
GIBBOUS = [sys.executable, "-c", "from gibbous.cli import main; main()"]

SKY = "moon tide star orbit comet planet eclipse crater"
MONEY = "stock bond bank credit market loan profit dividend"


def run(*arguments: object, code: int = 0) -> Any:
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def told(*arguments: object) -> Any:
    """Run a command that prints only JSON; return it."""
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


def texts(n: int = 60, seed: int = 4) -> list[str]:
    """Return texts about the sky and about money, alternately."""
    rng = np.random.default_rng(seed)
    return [
        "The " + " and the ".join(rng.choice((SKY, MONEY)[at % 2].split(), size=12).tolist())
        for at in range(n)
    ]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    rows = [{"id": f"d,{at}", "text": text} for at, text in enumerate(texts())]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# With a prior that favors one topic per text, chains of any seed separate sky and money.
SWEEPS = ("--seed", 1, "--max-iter", 40, "--settle-iter", 5, "--doc-topic-prior", 0.1)
FIT = ("-k", 2, *SWEEPS, "--stop-words", "english")


@pytest.fixture
def model(lines: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model"
    assert run("lda", "fit", lines, *FIT, "-o", path, "-q").output == ""
    return path


# --- fitting ----------------------------------------------------------------------------------


def test_fit_equals_the_class(lines: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("m", "p.png")]
    found = told("lda", "fit", lines, *FIT, "-o", files[0], "--plot", files[1])
    corpus = Corpus.from_texts(texts(), stop_words="english")
    same = LatentDirichletAllocation(
        2, random_state=1, max_iter=40, settle_iter=5, doc_topic_prior=0.1
    ).fit(corpus)
    assert found["joint_log_likelihood"] == same.bound_
    assert found["documents"] == 60 and found["tokens"] == corpus.n_tokens
    assert found["files"] == {"model": str(files[0]), "plot": str(files[1])}
    kept = load(files[0])
    assert kept.vocabulary_ == corpus.vocabulary
    assert (kept.word_topic_ != same.word_topic_).nnz == 0
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert [set(topic["words"][:8]) for topic in found["topics"]] in (
        [set(SKY.split()), set(MONEY.split())],
        [set(MONEY.split()), set(SKY.split())],
    )


def test_every_option_reaches_the_class(lines: Path) -> None:
    options = {
        "--sampler": ("fast", "sampler"),
        "--proposals": (1, "n_proposals"),
        "--max-iter": (7, "max_iter"),
        "--settle-iter": (2, "settle_iter"),
        "--burn-in": (3, "burn_in"),
        "--n-samples": (2, "n_samples"),
        "--sample-interval": (1, "sample_interval"),
        "--doc-topic-prior": (0.25, "doc_topic_prior"),
        "--topic-word-prior": (0.125, "topic_word_prior"),
        "--seed-weight": (0.75, "seed_weight"),
        "--evaluate-every": (3, "evaluate_every"),
        "--held-out": (0.2, "early_stopping"),
        "--jobs": (1, "n_jobs"),
        "--seed": (9, "random_state"),
    }
    given = [part for name, (value, _) in options.items() for part in (name, value)]
    found = told("lda", "fit", lines, "-k", 3, *given, "--early-stopping", "--fixed-priors")[
        "parameters"
    ]
    expected = LatentDirichletAllocation(3, optimize_priors=False).get_params()
    assert found == expected | {name: value for value, name in options.values()}


def test_defaults_equal_those_of_the_class(lines: Path) -> None:
    found = told("lda", "fit", lines, "--seed", 3, "--max-iter", 5)["parameters"]
    expected = LatentDirichletAllocation(random_state=3, max_iter=5).get_params()
    assert found == expected


def test_help_shows_the_defaults_of_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    text = run("lda", "fit", "--help").stdout
    defaults = LatentDirichletAllocation().get_params()
    for name in (
        *("sampler", "max_iter", "settle_iter", "n_proposals", "n_samples", "sample_interval"),
        *("burn_in", "evaluate_every", "seed_weight"),
    ):
        (row,) = [
            r
            for r in text.splitlines()
            if f"--{name.replace('_', '-')} " in f"{r} " or f"--{name.replace('_', '-')}," in r
        ]
        assert re.search(rf"\[default: {defaults[name]}[\];]", row), row


def test_seed_words(lines: Path, tmp_path: Path) -> None:
    as_lines, as_json = tmp_path / "seeds.txt", tmp_path / "seeds.json"
    as_lines.write_text("bond, bank\nmoon,tide\n")
    as_json.write_text('{"1": ["moon", "tide"], "0": {"bond": 20, "bank": 20.5}}')
    for path in (as_lines, as_json):
        found = told("lda", "fit", lines, *FIT, "--seeds", path)
        assert {"bond", "bank"} <= set(found["topics"][0]["words"][:8])
        assert {"moon", "tide"} <= set(found["topics"][1]["words"][:8])
    assert found["parameters"]["seeds"]["0"] == {"bond": 20, "bank": 20.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("moon,,tide\n", "seeds.txt, line 1: an empty word"),
        ("\n\n", "has no seed words"),
        ('{"0": ["moon",}', "seeds.txt, line 1: no JSON"),
        ('{"first": ["moon"]}', "'first' must be the number of a topic"),
        ('{"0": "moon"}', "'0' must be the number of a topic with a list"),
        ("unicorn\n", "'unicorn' is not in the vocabulary"),
        ("moon\ntide\nstar\n", "topic must be in [0, 2)"),
    ],
)
def test_bad_seed_words(text: str, message: str, lines: Path, tmp_path: Path) -> None:
    (tmp_path / "seeds.txt").write_text(text)
    assert message in fails("lda", "fit", lines, *FIT, "--seeds", tmp_path / "seeds.txt")


def test_resuming_from_a_checkpoint_is_bit_identical(lines: Path, tmp_path: Path) -> None:
    state, plain = tmp_path / "state", tmp_path / "plain"
    run("lda", "fit", lines, *FIT, "-o", plain, "-q")
    fit = ("lda", "fit", lines, *FIT, "--checkpoint", state, "--checkpoint-every", 7)

    def killed(progress: Any) -> None:
        if progress.iteration == 16:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gibbous.cli.progress.Bar.callback", property(lambda bar: killed))
        result = run(*fit, code=130)
    assert "resumes from" in result.stderr and "interrupted after 16 sweeps" in result.stderr
    run(*fit, "-o", tmp_path / "m", "-q")
    one, other = load(plain), load(tmp_path / "m")
    assert (one.word_topic_ != other.word_topic_).nnz == 0
    assert one.topics_.values.tobytes() == other.topics_.values.tobytes()
    assert "--checkpoint needs --seed" in fails("lda", "fit", lines, "--checkpoint", state)


def test_early_stopping_reports_held_out_documents(lines: Path) -> None:
    fit = ("lda", "fit", lines, *FIT, "--early-stopping", "--held-out", 0.25)
    found = told(*fit)["heldout_perplexities"]
    assert [row["sweep"] for row in found] == [1, 10, 20, 30]
    # Two topics of eight words each: the perplexity is at least 8 and at most the vocabulary size.
    assert all(7 < row["perplexity"] < 17 for row in found)
    assert f"held-out perplexity {found[-1]['perplexity']:,.1f}" in run(*fit).stdout


def test_the_summary_and_the_seed(lines: Path) -> None:
    text = run("lda", "fit", lines, "-k", 2, "--max-iter", 20).stdout
    assert (
        "2 topics, 60 documents, 2,100 tokens of 18 words" in text
        and "joint log-likelihood a token" in text
    )
    seed = text.split("--seed ")[1].split()[0]
    found = told("lda", "fit", lines, "-k", 2, "--max-iter", 20, "--seed", seed)
    assert f"{found['joint_log_likelihood']:.6g}" in text


# --- corpora ----------------------------------------------------------------------------------


def written(kind: str, folder: Path) -> tuple[Path, list[object]]:
    """Write the texts in a format; return the path and the required options."""
    rows = list(enumerate(texts()))
    path = folder / {"uci": "docword.t.txt", "lines": "t.txt"}.get(kind, f"t.{kind}")
    if kind == "folder":
        path.mkdir()
        for at, text in rows:
            (path / f"{at:03}.txt").write_text(text)
        (path / "notes.md").write_text("nothing about anything")
        return path, ["--glob", "*.txt"]
    if kind == "lines":
        path.write_text("".join(text + "\n" for _, text in rows))
        return path, ["--format", "lines"]
    if kind == "mallet":
        path.write_text("".join(f"n{at} x {text}\n" for at, text in rows))
        return path, []
    if kind in ("csv", "tsv"):
        with open(path, "w", newline="") as file:
            table = csv.writer(file, delimiter="," if kind == "csv" else "\t")
            table.writerow(["who", "body"])
            table.writerows((f"n{at}", text) for at, text in rows)
        return path, ["--text", "body", "--id", "who"]
    if kind == "parquet":
        pa = pytest.importorskip("pyarrow", reason=".parquet files need pyarrow")
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"t": [text for _, text in rows]}), path)
        return path, ["--text", "t"]
    if kind == "jsonl":
        path = folder / "t.jsonl.gz"
        with gzip.open(path, "wt") as file:
            file.writelines(json.dumps({"body": text}) + "\n" for _, text in rows)
        return path, ["--text", "body"]
    return counted(kind, path)


def counted(kind: str, path: Path) -> tuple[Path, list[object]]:
    """Write the counts of the texts; words are in a separate file with the default name."""
    corpus = Corpus.from_texts(texts())
    words = path.with_name({"uci": "vocab.t.txt"}.get(kind, "t.vocab.txt"))
    words.write_text("\n".join(corpus.vocabulary or ()) + "\n")
    matrix = corpus.to_csr()
    if kind == "npz":
        sp.save_npz(path, matrix)
    elif kind == "mtx":
        import scipy.io

        scipy.io.mmwrite(path, matrix, field="integer")
    elif kind == "uci":
        entries = sp.coo_array(matrix)
        triples = zip(*entries.coords, entries.data, strict=True)
        lines = [f"{d + 1} {w + 1} {n}" for d, w, n in triples]
        sizes = [corpus.n_documents, corpus.n_words, len(lines)]
        path.write_text("\n".join([*map(str, sizes), *lines]) + "\n")
    elif kind == "ldac":
        with open(path, "w") as file:
            for at in range(len(corpus)):
                row = slice(corpus.indptr[at], corpus.indptr[at + 1])
                pairs = zip(corpus.indices[row], corpus.counts[row], strict=True)
                entries = [f"{w}:{n}" for w, n in pairs]
                file.write(" ".join([str(len(entries)), *entries]) + "\n")
    else:
        corpus.save(path)
    return path, []


KINDS = ["folder", "lines", "mallet", "csv", "tsv", "parquet", "jsonl"]
KINDS += ["npz", "mtx", "uci", "ldac", "gibbous"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_model(kind: str, lines: Path, tmp_path: Path) -> None:
    path, options = written(kind, tmp_path)
    pruned = [*FIT, "--min-df", 2, "--max-df", 0.9, "--max-features", 15]
    models = [tmp_path / "m1", tmp_path / "m2"]
    run("lda", "fit", lines, *pruned, "-o", models[0], "-q")
    run("lda", "fit", path, *options, *pruned, "-o", models[1], "-q")
    one, other = map(load, models)
    assert one.vocabulary_ == other.vocabulary_ and len(one.vocabulary_) == 15
    assert (one.word_topic_ != other.word_topic_).nnz == 0
    # The model's words are found in a format other than the one of the fit.
    shares = [
        np.array(told("lda", "infer", models[0], source, *more)["rows"]["topic 0"])
        for source, more in ((lines, []), (path, options))
    ]
    assert np.array_equal(*shares) and len(shares[0]) == 60


def test_saved_corpus_can_be_used_later(lines: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.corpus"
    first = told("lda", "fit", lines, *FIT, "--into", kept)
    again = told("lda", "fit", kept, *FIT[:-2])
    assert again["joint_log_likelihood"] == first["joint_log_likelihood"]
    assert Corpus.open(kept).n_documents == 60


def test_texts_are_tokenized_as_in_the_fit(tmp_path: Path) -> None:
    path, new = tmp_path / "t.txt", tmp_path / "new.txt"
    path.write_text("New York NEW york\nnew moon moon\n" * 5)
    new.write_text("New York moon\n")
    how = ("--format", "lines")
    fit = ("lda", "fit", path, *how, "-k", 2, "--seed", 1, "--max-iter", 5, "-q")
    run(*fit, "--ngrams", "1,2", "--keep-case", "-o", tmp_path / "m")
    kept = load(tmp_path / "m")
    assert kept.text_options_ == {"ngram_range": [1, 2], "lowercase": False}
    assert {"New York", "York NEW", "NEW"} <= set(kept.vocabulary_)
    found = told("lda", "infer", tmp_path / "m", new, *how)
    assert found["tokens"] == 4  # New, York, moon, New York
    found = told("lda", "infer", tmp_path / "m", new, *how, "--ngrams", "2")
    assert found["tokens"] == 1


def test_accents_and_patterns(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("Café a1 café\n")
    how = ("--format", "lines", "--strip-accents", "unicode", "--token-pattern", "[a-z]+")
    found = told("lda", "info", path, *how)
    assert found["commonest_words"] == {"cafe": 2, "a": 1}


def test_bad_corpora(lines: Path, model: Path, tmp_path: Path) -> None:
    assert "no such file" in fails("lda", "fit", tmp_path / "nothing.jsonl")
    odd = tmp_path / "odd.xyz"
    odd.write_text("x")
    assert "give --format, one of" in fails("lda", "fit", odd)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a moon"}\n{"text": \n')
    assert f"{bad}, line 2" in fails("lda", "fit", bad)
    assert "--min-df must be a number" in fails("lda", "fit", lines, "--min-df", "few")
    assert "--ngrams must be LEAST,MOST" in fails("lda", "fit", lines, "--ngrams", "two")
    assert "texts.jsonl: the vocabulary is empty: --min-df=61" in fails(
        "lda", "fit", lines, "--min-df", 61
    )
    assert "--stop-words must be 'english' or a file" in fails(
        "lda", "fit", lines, "--stop-words", tmp_path / "none.txt"
    )
    matrix = tmp_path / "t.npz"
    sp.save_npz(matrix, sp.csr_array(np.ones((4, 3), np.int32)))
    assert "--keep-case is for texts" in fails("lda", "fit", matrix, "--keep-case")
    assert "has 3 words without names" in fails("lda", "infer", model, matrix)
    run("lda", "fit", matrix, "-k", 2, "--max-iter", 2, "-o", tmp_path / "m", "-q")
    assert "the model has no vocabulary" in fails("lda", "infer", tmp_path / "m", lines)


# --- topics, unseen documents, measures -------------------------------------------------------


def test_topics(model: Path, tmp_path: Path) -> None:
    kept = load(model)
    found = told("lda", "topics", model, "-n", 4)
    assert found["topic_word_prior"] == kept.topic_word_prior_
    top = kept.topics_.top_words(4)
    for k, row in enumerate(found["topics"]):
        assert row["words"] == [kept.vocabulary_[w] for w in top[k]]
        assert row["probabilities"] == pytest.approx(kept.exp_dirichlet_component_[k, top[k]])
        assert row["tokens"] == kept.topic_sizes_[k]
        assert row["prior"] == kept.doc_topic_prior_[k]
    only = told("lda", "topics", model, "--only", "1", "-n", 4, "--plot", tmp_path / "p.svg")
    assert only["topics"] == found["topics"][1:]
    assert (tmp_path / "p.svg").stat().st_size > 5000
    assert "--only must be topics from 0 to 1" in fails("lda", "topics", model, "--only", "2")
    text = run("lda", "topics", model, "-n", 4).stdout
    assert all(" ".join(row["words"]) in text for row in found["topics"])
    gibbous.save(kept.set_topic_labels(["[b]first", ""]), model)
    assert [row["label"] for row in told("lda", "topics", model)["topics"]] == ["[b]first", ""]
    assert "0 [b]first" in run("lda", "topics", model).stdout


def test_words_without_a_vocabulary_are_numbers(tmp_path: Path) -> None:
    path, out = tmp_path / "t.npz", tmp_path / "m"
    sp.save_npz(path, sp.csr_array(np.array([[9, 0, 1], [0, 9, 1]], np.int32)))
    run("lda", "fit", path, "-k", 2, "--seed", 1, "--max-iter", 5, "-o", out, "-q")
    words = [row["words"] for row in told("lda", "topics", out)["topics"]]
    assert all(set(row) == {"0", "1", "2"} for row in words)


def test_infer_writes_the_result_of_the_class(model: Path, lines: Path, tmp_path: Path) -> None:
    kept = load(model)
    corpus = Corpus.from_texts(texts(), vocabulary=kept.vocabulary_)
    theta = kept.transform(corpus)
    rows = list(csv.DictReader(io.StringIO(run("lda", "infer", model, lines).stdout)))
    assert [row["name"] for row in rows] == [f"d,{at}" for at in range(60)]
    assert np.array_equal([[float(row[f"topic {k}"]) for k in (0, 1)] for row in rows], theta)
    run("lda", "infer", model, lines, "-o", tmp_path / "t.npy")
    assert np.array_equal(np.load(tmp_path / "t.npy"), theta)
    pq = pytest.importorskip("pyarrow.parquet", reason=".parquet files need pyarrow")
    found = told("lda", "infer", model, lines, "-o", tmp_path / "t.parquet")
    assert found["documents_with_known_words"] == 60 and found["tokens"] == corpus.n_tokens
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.column_names == ["name", "topic 0", "topic 1"]
    assert np.array_equal(table["topic 1"].to_numpy(), theta[:, 1])


def test_the_largest_topics_of_each_document(
    model: Path, lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = load(model)
    theta = kept.transform(Corpus.from_texts(texts(), vocabulary=kept.vocabulary_))
    one = told("lda", "infer", model, lines, "--largest", 1)["rows"]
    assert one["topic"] == theta.argmax(axis=1).tolist()
    assert one["share"] == theta.max(axis=1).tolist()
    assert one["document"] == list(range(60)) and one["name"][3] == "d,3"
    both = told("lda", "infer", model, lines, "--largest", 5)["rows"]
    assert both["document"][:4] == [0, 0, 1, 1] and sum(both["share"]) == pytest.approx(60)
    # Many blocks give the same result as one.
    monkeypatch.setattr("gibbous.cli.lda.commands._SHARES_AT_A_TIME", 14)
    assert told("lda", "infer", model, lines, "--largest", 5)["rows"] == both


def test_unknown_words_are_ignored(model: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("unicorn griffin\nMoon, tide; moon and unicorn\n")
    found = told("lda", "infer", model, new, "--format", "lines")
    assert found["tokens"] == 3 and found["documents_with_known_words"] == 1
    kept = load(model)
    prior = kept.doc_topic_prior_ / kept.doc_topic_prior_.sum()
    assert found["rows"]["topic 0"][0] == pytest.approx(prior[0])


def test_evaluate_equals_the_measures(model: Path, tmp_path: Path) -> None:
    unseen = tmp_path / "unseen.txt"
    unseen.write_text("".join(text + "\n" for text in texts(30, seed=77)))
    measures = "perplexity,left-to-right,coherence,diversity,exclusivity"
    arguments = (unseen, "--format", "lines", "--seed", 3, "--samples", 5, "-n", 6)
    found = told("lda", "evaluate", model, *arguments, "--measures", measures)
    kept = load(model)
    corpus = Corpus.from_texts(texts(30, seed=77), vocabulary=kept.vocabulary_)
    completion = document_completion(kept, corpus, random_state=3)
    assert found["perplexity"] == completion.perplexity
    assert found["log_likelihood"] == completion.per_token
    # Two topics of eight words each: at least 8, and far below the vocabulary size.
    assert 7 < found["left_to_right"]["perplexity"] < 12
    c = coherence(kept, corpus, top_n=6)
    assert found["c_npmi"] == pytest.approx(c.mean())
    assert [row["c_npmi"] for row in found["topics"]] == c.tolist()
    assert found["exclusivity"] == pytest.approx(exclusivity(kept, top_n=6).mean())
    assert found["diversity"] == topic_diversity(kept, top_n=6) == 1
    usual = told("lda", "evaluate", model, *arguments, "--coherence", "u_mass")
    assert "left_to_right" not in usual and "u_mass" in usual and "c_npmi" not in usual
    text = run("lda", "evaluate", model, *arguments).stdout
    assert f"{completion.perplexity:,.2f}" in text and "diversity: 1.0000" in text
    assert "--measures must be of" in fails(
        "lda", "evaluate", model, *arguments, "--measures", "beauty"
    )


def test_coherence_in_other_documents(model: Path, lines: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"text": SKY}) + "\n" + json.dumps({"text": "moon bank"}) + "\n")
    found = told("lda", "evaluate", model, lines, "--measures", "coherence", "--reference", other)
    kept = load(model)
    reference = Corpus.from_texts([SKY, "moon bank"], vocabulary=kept.vocabulary_)
    assert found["c_npmi"] == pytest.approx(coherence(kept, reference).mean())


def test_documents_without_known_words_cannot_be_measured(model: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("unicorn griffin\n")
    assert "no word of the vocabulary of the model" in fails(
        "lda", "evaluate", model, new, "--format", "lines"
    )


def test_select_finds_two_topics(lines: Path, tmp_path: Path) -> None:
    arguments = ("lda", "select", lines, "-k", "6,2", "--n-seeds", 2, *SWEEPS)
    arguments += ("--stop-words", "english")
    found = told(*arguments, "--plot", tmp_path / "grid.png")
    assert found["table"]["n_topics"] == [2, 6]
    assert set(found["best"]) == {
        "perplexity",
        "coherence",
        "diversity",
        "exclusivity",
        "stability",
    }
    assert found["best"]["stability"] == 2 and found["best"]["diversity"] == 2
    assert np.shape(found["values"]["perplexity"]) == (2, 2)
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")
    text = run(*arguments, "--measures", "diversity").stdout
    assert "2 numbers of topics, 2 fits each" in text and "perplexity" not in text
    assert "repeat with --seed 1" in text
    assert "-k must be numbers of topics >= 2" in fails("lda", "select", lines, "-k", "1,2")


# --- what a file holds ------------------------------------------------------------------------


def test_info_of_a_model_and_of_a_corpus(model: Path, lines: Path, tmp_path: Path) -> None:
    found = told("lda", "info", model)
    assert found["kind"] == "topic model" and found["topics"] == 2 and found["sweeps"] == 40
    assert found["text_options"] == {"stop_words": "english"}
    assert "sweeps: 40\n" in run("lda", "info", model).stdout
    found = told("lda", "info", lines)
    assert found["kind"] == "corpus" and found["documents"] == 60
    assert found["documents_have"] == ["names"] and found["empty_documents"] == 0
    assert next(iter(found["commonest_words"])) == "the"
    run("lda", "info", lines, "--into", tmp_path / "c")
    kept = told("lda", "info", tmp_path / "c")
    assert kept["mapped_from"] == str(tmp_path / "c")
    assert {k: v for k, v in kept.items() if k != "mapped_from"} == {
        k: v for k, v in found.items() if k != "mapped_from"
    }


def test_other_kinds_of_models_are_recognized(model: Path, tmp_path: Path) -> None:
    points = tmp_path / "points.npy"
    np.save(points, np.random.default_rng(1).normal(size=(30, 2)))
    run("gmm", "fit", points, "-o", tmp_path / "gmm", "-q")
    assert "use 'gibbous gmm predict'" in fails("lda", "topics", tmp_path / "gmm")
    assert "use 'gibbous gmm predict'" in fails("lda", "info", tmp_path / "gmm")
    assert "use 'gibbous lda infer'" in fails("kmeans", "predict", model, points)
    assert "is not a model file" in fails("lda", "topics", points)


# --- errors, help -----------------------------------------------------------------------------


def test_outputs_are_checked_before_the_computation(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the corpus was read")

    monkeypatch.setattr(gibbous.Corpus, "read", never)
    fit = ("lda", "fit", lines, "--seed", 1)
    nowhere = tmp_path / "no" / "m"
    for option in ("-o", "--into", "--checkpoint"):
        assert "no folder" in fails(*fit, option, nowhere)
    assert "must end in one of" in fails(*fit, "--plot", tmp_path / "p.gif")
    assert "must end in one of" in fails("lda", "select", lines, "-k", "2", "--plot", "p.gif")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'gibbous[plot]'" in fails(*fit, "--plot", tmp_path / "p.png")


@pytest.mark.parametrize("command", ["fit", "topics", "infer", "evaluate", "select", "info"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    text = " ".join(run("lda", command, "--help").stdout.split())
    assert f"gibbous lda {command}" in text and "Examples: gibbous" in text


def test_ctrl_c_keeps_the_model_and_the_bar_shows_the_speed(tmp_path: Path) -> None:
    path, out = tmp_path / "t.npz", tmp_path / "m"
    rng = np.random.default_rng(2)
    sp.save_npz(path, sp.csr_array(rng.poisson(0.2, size=(4000, 500)).astype(np.int32)))
    command = ["lda", "fit", str(path), "-k", "20", "--max-iter", "1000000", "-o", str(out)]
    # The progress bar needs a terminal, and shows when sweeps have started.
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*GIBBOUS, *command, "--n-jobs", "1", "--sampler", "fast"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    ) as process:
        os.close(theirs)
        seen = b""
        while b"Mtok/s" not in seen or b"left" not in seen:
            seen += os.read(ours, 4096)
        assert b"joint log-likelihood a token" in seen
        process.send_signal(signal.SIGINT)
        while chunk := read_terminal(ours):
            seen += chunk
        assert process.wait(60) == 130
    os.close(ours)
    assert b"interrupted after" in seen and b"Traceback" not in seen
    kept = load(out)
    assert kept.history_.stop_reason == "interrupted" and kept.n_iter_ >= 1
    assert kept.document_topic_.shape == (4000, 20)


def read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed
        return b""
