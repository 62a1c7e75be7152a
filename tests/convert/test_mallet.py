"""MALLET's state files: reading as fitted models, writing, and rejection of damaged files."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaln

import gibbous
from gibbous import Corpus, LatentDirichletAllocation, read_mallet_state, write_mallet_state

#: Written by hand after ParallelTopicModel.printState: word 3 and document 2 have no tokens.
STATE = """\
#doc source pos typeindex type topic
#alpha : 0.5 0.25 1.0E-2\x20
#beta : 0.01
0 file:/a/one text.txt 0 4 moon 2
0 file:/a/one text.txt 1 0 wanes 0
0 file:/a/one text.txt 2 4 moon 1
1 NA 0 1 stöcks 1
1 NA 1 0 wanes 1
3 file:/a/four.txt 0 2 full 0
3 file:/a/four.txt 1 4 moon 2
3 file:/a/four.txt 2 4 moon 2
"""


def write(path: Path, text: str = STATE) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_handwritten_state(tmp_path: Path) -> None:
    model, corpus = read_mallet_state(write(tmp_path / "state"))
    assert corpus.vocabulary == ("wanes", "stöcks", "full", "moon") == model.vocabulary_
    assert corpus.names is not None
    assert list(corpus.names) == ["file:/a/one text.txt", "NA", "NA", "file:/a/four.txt"]
    assert corpus.to_csr().toarray().tolist() == [
        [1, 0, 0, 2],
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 1, 2],
    ]
    # documents in order, words ascending, equal words by position
    assert model.token_topics_.tolist() == [0, 2, 1, 1, 1, 0, 2, 2]
    assert model.doc_topic_prior_.tolist() == [0.5, 0.25, 0.01]
    assert model.topic_word_prior_ == 0.01
    assert model.document_topic_.toarray().tolist() == [[1, 1, 1], [0, 2, 0], [0, 0, 0], [1, 0, 2]]
    assert model.word_topic_.toarray().tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 3]]
    assert model.topic_sizes_.tolist() == [2, 3, 3]
    n_wk = model.word_topic_.toarray()
    phi = (n_wk + 0.01) / (n_wk.sum(0) + 4 * 0.01)
    assert np.allclose(model.topics_.dense(), phi.T, rtol=1e-6)
    # log p(w, z) per token, Griffiths and Steyvers (2004), equations 2 and 3
    n_dk, alpha = model.document_topic_.toarray(), np.array([0.5, 0.25, 0.01])
    joint = (gammaln(n_dk + alpha) - gammaln(alpha)).sum()
    joint += (gammaln(alpha.sum()) - gammaln(n_dk.sum(1) + alpha.sum())).sum()
    joint += (gammaln(n_wk + 0.01) - gammaln(0.01)).sum()
    joint += (gammaln(0.04) - gammaln(n_wk.sum(0) + 0.04)).sum()
    assert model.bound_ == pytest.approx(joint / 8, rel=1e-9)
    assert model.n_iter_ == 0


@pytest.fixture(scope="module")
def fitted() -> tuple[LatentDirichletAllocation, Corpus]:
    seed = int(np.random.default_rng().integers(2**32))
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.7, (60, 25))
    counts[7] = 0
    counts[0, :] += 1  # every word occurs
    counts[-1, 3] += 1  # and the last document has tokens
    words = [f"w{at:02}" for at in range(25)]
    names = [f"text {at}" for at in range(60)]
    corpus = Corpus.of(counts, words)
    corpus = Corpus(corpus.indptr, corpus.indices, corpus.counts, words, names=names)
    model = LatentDirichletAllocation(6, max_iter=30, burn_in=10, random_state=0)
    return model.fit(corpus, keep_token_topics=True), corpus


@pytest.mark.parametrize("name", ["state.gz", "state.txt"])
def test_the_round_trip_is_exact(fitted, name: str, tmp_path: Path) -> None:
    model, corpus = fitted
    path = tmp_path / name
    write_mallet_state(model, corpus, path)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".gz")
    again, bags = read_mallet_state(path)
    assert bags.vocabulary == corpus.vocabulary
    # the name of a document without tokens is not in the file
    assert [n for n in bags.names if n != "NA"] == [n for n in corpus.names if n != "text 7"]
    assert (bags.to_csr() != corpus.to_csr()).nnz == 0
    for key in ("token_topics_", "doc_topic_prior_", "topic_sizes_"):
        assert np.array_equal(getattr(again, key), getattr(model, key)), key
    assert again.topic_word_prior_ == model.topic_word_prior_
    assert (again.word_topic_ != model.word_topic_).nnz == 0
    assert (again.document_topic_ != model.document_topic_).nnz == 0
    assert again.bound_ == pytest.approx(model.bound_, rel=1e-12)
    write_mallet_state(again, bags, tmp_path / "twice")
    data = path.read_bytes()
    plain = gzip.decompress(data) if name.endswith(".gz") else data
    assert (tmp_path / "twice").read_bytes() == plain.replace(b" text 7 ", b" NA ")


def test_topics_of_tokens_match_the_counts(fitted) -> None:
    model, corpus = fitted
    words = np.repeat(corpus.indices, corpus.counts)
    documents = np.repeat(np.arange(60), corpus.document_lengths())
    n_wk, n_dk = np.zeros((25, 6), int), np.zeros((60, 6), int)
    np.add.at(n_wk, (words, model.token_topics_), 1)
    np.add.at(n_dk, (documents, model.token_topics_), 1)
    assert np.array_equal(n_wk, model.word_topic_.toarray())
    assert np.array_equal(n_dk, model.document_topic_.toarray())


def test_fit_continues_from_a_state(fitted, tmp_path: Path) -> None:
    model, corpus = fitted
    write_mallet_state(model, corpus, tmp_path / "state.gz")
    read, bags = read_mallet_state(tmp_path / "state.gz")
    before = read.token_topics_
    fit = {"start": before, "keep_token_topics": True}
    read.set_params(max_iter=1, sampler="exact", n_samples=1, random_state=3).fit(bags, **fit)
    moved = (read.token_topics_ != before).mean()
    assert 0 < moved < 1 - 1 / 6, f"{moved:.0%} of the tokens moved in one sweep"
    assert np.array_equal(read.doc_topic_prior_, model.doc_topic_prior_)  # given, so it is kept
    # the same start and the same seed give the same bits in both samplers
    for sampler in ("exact", "fast"):
        twice = [
            read.set_params(sampler=sampler, n_jobs=jobs).fit(bags, **fit).token_topics_
            for jobs in (1, 2)
        ]
        assert np.array_equal(*twice)
    gibbous.save(read, tmp_path / "model.safetensors")
    loaded = gibbous.load(tmp_path / "model.safetensors")
    assert loaded.token_topics_.dtype == np.uint16
    assert np.array_equal(loaded.token_topics_, read.token_topics_)
    merged = read.merge_topics([[0, 1]])
    assert not hasattr(merged, "token_topics_")
    read.partial_fit(bags[:5])
    assert not hasattr(read, "token_topics_")


DAMAGE = [
    (lambda s: "", "line 1: a state of MALLET must begin"),
    (lambda s: s.replace("#doc", "doc", 1), "line 1: a state of MALLET must begin"),
    (lambda s: "\n".join(s.split("\n")[:1]), "line 2: must begin with '#alpha :'"),
    (lambda s: s.replace("0.25", "0.2x"), "line 2: could not convert string to float: '0.2x'"),
    (lambda s: s.replace("0.25", "-1"), "line 2: a prior must be > 0"),
    (lambda s: s.replace("#alpha : 0.5 0.25 1.0E-2 ", "#alpha : "), "line 2: alpha must have 1 to"),
    (lambda s: s.replace("#beta : 0.01", "#beta : 0.01 2"), "line 3: beta must be one number"),
    (lambda s: s.replace("#beta", "#gamma"), "line 3: must begin with '#beta :'"),
    (lambda s: s.replace("moon 1\n", "moon\n"), "line 6: doc, pos, typeindex and topic must"),
    (lambda s: s.replace("1 NA 0 1 stöcks 1", "1 NA"), "line 7: a token must have six fields"),
    (lambda s: s.replace("moon 1\n", "moon 3\n"), "line 6: topic must be 0 to 2; got 3"),
    (
        lambda s: s.replace("moon 1\n", "noon 1\n"),
        "line 6: typeindex 4 must be one word; got 'noon' after 'moon'",
    ),
    (lambda s: s.replace("2 full", "-2 full"), "; got -2"),
    (
        lambda s: s.replace("1 NA 1", "1 XX 1"),
        "line 8: document 1 must have one source; got 'XX' after 'NA'",
    ),
    (
        lambda s: s.replace("3 file:/a/four.txt 0", "0 x 0"),
        "line 9: documents must ascend; got document 0",
    ),
    (
        lambda s: s.replace("txt 1 0 wanes", "txt 2 0 wanes"),
        "line 5: document 0 must have position 1 here; got 2",
    ),
    (lambda s: s.replace("2 full", "9 moon"), "'moon' must have one typeindex; got two"),
    (lambda s: "\n".join(s.split("\n")[:3]) + "\n", "has no tokens"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGE, ids=[told for _, told in DAMAGE])
def test_error_of_a_damaged_state_names_the_line(damage, told: str, tmp_path: Path) -> None:
    path = write(tmp_path / "state", damage(STATE))
    assert path.read_text(encoding="utf-8") != STATE
    with pytest.raises(ValueError, match=re.escape(told)) as raised:
        read_mallet_state(path)
    assert str(path) in str(raised.value)


def test_truncated_state_is_rejected(tmp_path: Path) -> None:
    data = gzip.compress(STATE.encode())
    (tmp_path / "state.gz").write_bytes(data[: len(data) - 12])
    with pytest.raises(ValueError, match=r"line \d+: compressed data is damaged or cut short"):
        read_mallet_state(tmp_path / "state.gz")
    (tmp_path / "latin").write_bytes(STATE.encode("latin-1"))
    with pytest.raises(ValueError, match="line 7: byte 12 of the line, 0xf6, is not UTF-8"):
        read_mallet_state(tmp_path / "latin")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_mallet_state(tmp_path / "none")


def test_models_that_a_state_cannot_represent_are_rejected(fitted, tmp_path: Path) -> None:
    model, corpus = fitted
    path = tmp_path / "state"
    plain = LatentDirichletAllocation(2, max_iter=1, random_state=0).fit(corpus)
    with pytest.raises(ValueError, match="fit it with keep_token_topics=True"):
        write_mallet_state(plain, corpus, path)
    with pytest.raises(ValueError, match="corpus must be the one that the model was fitted to"):
        write_mallet_state(model, corpus[:30], path)
    counts = [[1, 2]]
    spaced = Corpus.of(counts, ["new york", "moon"])
    kept = LatentDirichletAllocation(2, max_iter=1, random_state=0)
    kept.fit(spaced, keep_token_topics=True)
    with pytest.raises(ValueError, match="the word 'new york' contains a space"):
        write_mallet_state(kept, spaced, path)
    kept.fit(Corpus.of(counts), keep_token_topics=True)
    with pytest.raises(ValueError, match="corpus must have a vocabulary"):
        write_mallet_state(kept, Corpus.of(counts), path)
    named = Corpus([0, 2], [0, 1], [1, 2], ["a", "b"], names=["two\nlines"])
    with pytest.raises(ValueError, match="contains a line break"):
        write_mallet_state(kept, named, path)
    assert not list(tmp_path.iterdir())  # no partial file


def test_mismatched_initial_states_are_rejected(fitted) -> None:
    _, corpus = fitted
    n = corpus.n_tokens
    model = LatentDirichletAllocation(3, max_iter=1)
    for start, told in (
        (np.zeros(n - 1, int), f"one topic for each of the {n} tokens"),
        (np.zeros(n), "start must be whole numbers"),
        (np.full(n, 3), "start must hold topics below n_components=3; got 3 to 3"),
        (np.full(n, -1), "got -1 to -1"),
    ):
        with pytest.raises(ValueError, match=told):
            model.fit(corpus, start=start)
    model.set_params(early_stopping=True)
    with pytest.raises(ValueError, match="set early_stopping=False"):
        model.fit(corpus, keep_token_topics=True)
