"""Topic reports: the contents of the page, without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon, pdist, squareform
from typer.testing import CliRunner

import gibbous
from gibbous import Corpus, LatentDirichletAllocation
from gibbous.cli import app
from gibbous.corpus.formats.read import texts_of
from gibbous.evaluate import coherence, document_completion, exclusivity
from gibbous.lda.describe.words import WordScores
from gibbous.lda.report.documents import Speller, counted, excerpt, levels_of
from gibbous.lda.report.map import divergences, positions
from gibbous.lda.report.page import embedded_json
from gibbous.lda.report.words import LAMBDAS, holders, relevant_words
from gibbous.lda.topic_word import TopicWord
from gibbous.report_lda import report_html, write_report
from support.report_models import HOSTILE, corpus, fitted, many_topics, page_data, texts

RUNNER = CliRunner()


@pytest.fixture
def rng() -> np.random.Generator:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def documents() -> Corpus:
    return corpus()


@pytest.fixture(scope="module")
def model(documents: Corpus) -> LatentDirichletAllocation:
    return fitted(documents)


@pytest.fixture(scope="module")
def data(model: LatentDirichletAllocation, documents: Corpus) -> Any:
    return page_data(report_html(model, documents, texts=texts()))


# --- the map ---------------------------------------------------------------------------------


def some_topics(rng: np.random.Generator, k: int, n_words: int) -> TopicWord:
    phi = rng.dirichlet(np.full(n_words, 0.1), size=k)
    phi[rng.random(phi.shape) < 0.3] = 0  # words with probability 0 in a topic
    return TopicWord.from_dense(phi / phi.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("floor", [False, True], ids=["zeros", "floor"])
def test_divergences_use_all_words(rng: np.random.Generator, floor: bool) -> None:
    topics = some_topics(rng, 6, 40)
    if floor:
        topics = TopicWord.from_dense(0.9 * topics.dense() + 0.1 / 40)
    phi = topics.dense()
    phi /= phi.sum(axis=1, keepdims=True)
    slow = [[jensenshannon(p, q) ** 2 for q in phi] for p in phi]
    # float32 probabilities sum to 1 only within 1e-7
    np.testing.assert_allclose(divergences(topics), slow, atol=1e-6)


def test_divergences_of_equal_and_of_disjoint_topics() -> None:
    phi = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.25, 0.75]])
    apart = np.log(2)
    expected = [[0, 0, apart], [0, 0, apart], [apart, apart, 0]]
    np.testing.assert_allclose(divergences(TopicWord.from_dense(phi)), expected, atol=1e-12)


def test_positions_keep_distances_of_the_plane(rng: np.random.Generator) -> None:
    points = rng.normal(size=(9, 2))
    found = positions(squareform(pdist(points)))
    np.testing.assert_allclose(pdist(found), pdist(points), rtol=1e-9)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    assert found[:, 0].var() >= found[:, 1].var()
    largest = np.abs(found).argmax(axis=0)
    assert (found[largest, [0, 1]] > 0).all()


def test_positions_equal_those_of_ldavis(rng: np.random.Generator) -> None:
    # as in jsPCA of LDAvis and js_PCoA of pyLDAvis: cmdscale of the divergences themselves
    far = divergences(some_topics(rng, 7, 50))
    center = np.eye(7) - 1 / 7
    values, vectors = np.linalg.eigh(-0.5 * center @ far**2 @ center)
    expected = vectors[:, [-1, -2]] * np.sqrt(values[[-1, -2]])
    np.testing.assert_allclose(np.abs(positions(far)), np.abs(expected), atol=1e-9)


def test_positions_of_one_two_and_equal_topics() -> None:
    np.testing.assert_array_equal(positions(np.zeros((1, 1))), [[0, 0]])
    pair = positions(np.array([[0, 3.0], [3.0, 0]]))
    np.testing.assert_allclose(pair, [[1.5, 0], [-1.5, 0]], atol=1e-12)
    np.testing.assert_array_equal(positions(np.zeros((4, 4))), np.zeros((4, 2)))


# --- words -----------------------------------------------------------------------------------


def test_words_are_the_most_relevant_at_every_position_of_the_slider(
    rng: np.random.Generator,
) -> None:
    topics = some_topics(rng, 4, 60)
    sizes = rng.integers(1, 1000, 4)
    scores = WordScores(topics, sizes)
    phi = topics.dense()
    p_word = sizes / sizes.sum() @ phi
    for topic in range(4):
        found = relevant_words(scores, topic, 5)
        drawn = np.flatnonzero(phi[topic] > phi[topic].min())
        wanted = set()
        for weight in LAMBDAS:
            own = phi[topic, drawn]
            relevance = weight * np.log(own) + (1 - weight) * np.log(own / p_word[drawn])
            wanted |= set(drawn[np.argsort(-relevance)[:5]].tolist())
        assert set(found.words.tolist()) == wanted
        np.testing.assert_allclose(found.probability, phi[topic, found.words], rtol=1e-6)
        assert (np.diff(found.probability) <= 0).all()


def test_topics_of_a_word(rng: np.random.Generator) -> None:
    topics = some_topics(rng, 5, 30)
    sizes = rng.integers(1, 1000, 5)
    joint = (sizes / sizes.sum())[:, None] * topics.dense()
    total = joint.sum(axis=0)
    given = joint / np.where(total > 0, total, 1)  # some seeds leave a word to no topic
    for word, found in enumerate(holders(WordScores(topics, sizes), np.arange(30))):
        told = dict(found)
        assert set(told) == set(np.flatnonzero(given[:, word] >= 0.02).tolist())
        assert all(share == pytest.approx(given[k, word], rel=1e-5) for k, share in found)
        assert list(told.values()) == sorted(told.values(), reverse=True)


# --- documents -------------------------------------------------------------------------------


def test_words_of_texts_are_found_like_the_corpus_counted_them() -> None:
    text = "Äpfel, “Birnen” und ÄPFEL; naïve Straße İstanbul 42 x"
    options = {"lowercase": True, "strip_accents": "unicode"}
    counts = Corpus.from_texts([text], **options)
    spans = list(Speller(counts.vocabulary, options).find(text))
    found = np.bincount([span.word for span in spans], minlength=counts.n_words)
    np.testing.assert_array_equal(found, counts.to_csr().toarray()[0])
    assert [text[s.start : s.end] for s in spans][:2] == ["Äpfel", "Birnen"]


def test_words_of_another_pattern_and_case() -> None:
    vocabulary = ("Ab", "c1")
    found = Speller(vocabulary, {"lowercase": False, "token_pattern": r"([A-Za-z]\w)!"})
    text = "Ab! ab! Ab c1! ☾c1!"
    assert [(s.start, s.word) for s in found.find(text)] == [(0, 0), (11, 1), (16, 1)]


def test_excerpt_is_the_part_most_related_to_the_topic() -> None:
    text = "far " * 200 + "moon tide moon " * 5 + "far " * 200
    vocabulary = ("far", "moon", "tide")
    spans = list(Speller(vocabulary, {}).find(text))
    pieces = excerpt(text, spans, {1: 3, 2: 1}, 100)
    told = "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)
    assert told.startswith("… ") and told.endswith(" …")
    assert told.strip("… ") in text and len(told) < 110
    assert told.count("moon") == 10 and ("tide", 1) in pieces and ("moon", 3) in pieces


@pytest.mark.parametrize("most", [5, 30, 80, 1000])
def test_excerpt_is_part_of_the_text(most: int) -> None:
    text = " one two, three  four — five (six) seven and eight nine ten eleven twelve. "
    spans = list(Speller(("two", "six", "nine", "ten"), {}).find(text))
    for levels in ({}, {0: 1}, {2: 2, 3: 2}, {0: 3, 1: 3, 2: 3, 3: 1}):
        pieces = excerpt(text, spans, levels, most)
        told = "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)
        assert told.removeprefix("… ").removesuffix(" …") in text
        if most >= len(text):
            assert told == text


def test_levels_are_posterior_probabilities() -> None:
    phi = np.array([[0.5, 0.2, 0.1, 0.0], [0.1, 0.2, 0.3, 0.0]])
    # 0.83, 0.5, 0.25 of topic 0; the last word has no topic
    np.testing.assert_array_equal(levels_of(phi, np.array([0.5, 0.5]), 0), [3, 2, 1, 0])


def test_documents_without_texts_are_described_by_their_words() -> None:
    pieces = counted(np.array([0, 1, 2]), np.array([1, 3, 1]), {1: 2}, ("a", "b", "c"))
    assert pieces == [("b ×3", 2), "  ", "a", "  ", "c"]
    assert counted(np.array([7]), np.array([1]), {}, None) == ["7"]


# --- the page --------------------------------------------------------------------------------


def test_page_contains_the_results_of_the_model(
    data: Any, model: LatentDirichletAllocation, documents: Corpus
) -> None:
    assert sum(topic["share"] for topic in data["topics"]) == pytest.approx(1, abs=1e-3)
    assert [topic["tokens"] for topic in data["topics"]] == model.topic_sizes_.tolist()
    seen = {word for at in range(0, 60, 2) for word in texts()[at].split()}
    sky = next(
        t for t in data["topics"] if "moon" in [data["words"]["text"][w] for w in t["words"]]
    )
    assert set(sky["label"].split(", ")) <= seen
    top = data["quality"]["top"]
    for name, values in {
        "c_npmi": coherence(model, documents, top_n=top),
        "u_mass": coherence(model, documents, measure="u_mass", top_n=top),
        "exclusivity": exclusivity(model, top_n=top),
    }.items():
        told = [topic[name] for topic in data["topics"]]
        np.testing.assert_allclose(told, values, rtol=1e-3)
        assert data["quality"][name] == pytest.approx(values.mean(), rel=1e-3)
    expected = document_completion(model, documents, random_state=0).perplexity
    assert data["quality"]["perplexity"] == pytest.approx(expected, rel=1e-5)
    assert data["history"]["values"][-1] == pytest.approx(model.bound_, rel=1e-5)
    settings = dict(data["settings"])
    assert settings["n_components"] == "2" and settings["random_state"] == "1"
    assert settings["version of gibbous"] == gibbous.__version__


def test_shares_over_time_sum_to_one(data: Any) -> None:
    time = data["time"]
    assert time["by"] == "year" and time["periods"] == [str(y) for y in range(1900, 1910)]
    np.testing.assert_allclose(np.sum(time["shares"], axis=0), 1, atol=5e-3)
    assert time["documents"] == [6] * 10 and time["at"] == list(range(1900, 1910))


def test_periods_are_lengthened_until_they_are_few(model: LatentDirichletAllocation) -> None:
    dated = Corpus.from_texts(
        texts(), vocabulary=model.vocabulary_, dates=[1000 + 17 * at for at in range(60)]
    )
    by = page_data(report_html(model, dated))["time"]["by"]
    assert by == "year"  # sixty documents have at most sixty years
    more = Corpus.from_texts(
        texts(70), vocabulary=model.vocabulary_, dates=[1000 + 7 * at for at in range(70)]
    )
    assert page_data(report_html(model, more))["time"]["by"] == "decade"
    days = [f"1862-{month:02d}-0{day}" for month in range(1, 7) for day in range(1, 10)]
    daily = Corpus.from_texts(texts(54), vocabulary=model.vocabulary_, dates=days)
    told = page_data(report_html(model, daily))["time"]
    assert told["by"] == "day" and told["periods"][0] == "1862-01-01"
    assert told["at"][0] == pytest.approx(1862, abs=0.01)
    assert page_data(report_html(model, daily, by="month"))["time"]["periods"][-1] == "1862-06"


def test_typical_documents_belong_to_their_topic(data: Any) -> None:
    for topic in data["topics"]:
        assert len(topic["documents"]) == 5
        shares = [d["share"] for d in topic["documents"]]
        assert shares == sorted(shares, reverse=True) and shares[-1] > 0.8
        for found in topic["documents"]:
            number = found["number"]
            whole = "".join(p if isinstance(p, str) else p[0] for p in found["pieces"])
            assert whole == texts()[number]
            label = ("sky", "money")[number % 2]
            assert found["about"] == [f"letter {number}", label, str(1900 + number // 6)]
            words = [p[0] for p in found["pieces"] if not isinstance(p, str)]
            assert set(words) <= set(texts()[number].split()) and "the" not in words


def test_a_page_without_documents(model: LatentDirichletAllocation) -> None:
    told = page_data(report_html(model))
    assert told["time"] is None and "perplexity" not in told["quality"]
    assert "exclusivity" in told["quality"] and "joint" in told["quality"]
    assert all(set(d) == {"number", "share"} for t in told["topics"] for d in t["documents"])


def test_unusual_corpora_have_pages(model: LatentDirichletAllocation) -> None:
    vocabulary = model.vocabulary_
    odd = Corpus.from_texts(["", "nothing known", "moon"], vocabulary=vocabulary)
    told = page_data(report_html(model, odd, texts=["", "nothing known", "moon"]))
    assert {d["number"] for t in told["topics"] for d in t["documents"]} == {2}
    empty = page_data(report_html(model, odd[:2]))
    assert "perplexity" not in empty["quality"] and "c_npmi" not in empty["quality"]
    assert page_data(report_html(model, odd[:0]))["facts"]["corpus"] == [0, 0]
    tokens = [["moon", "tide"], ["x"], ["bank"]]
    listed = Corpus.from_tokens(tokens, vocabulary=vocabulary)
    told = page_data(report_html(model, listed, texts=tokens, n_documents=1))
    pieces = [d["pieces"] for t in told["topics"] for d in t["documents"]]
    assert sorted(map(str, pieces)) == ["[['bank', 3]]", "[['moon tide', 3]]"]


@pytest.mark.parametrize("k", [1, 2, 40])
def test_few_and_empty_topics_have_pages(documents: Corpus, k: int) -> None:
    told = page_data(report_html(fitted(documents, k, max_iter=3), documents, texts=texts()))
    assert len(told["topics"]) == k
    assert all(np.isfinite([t["x"], t["y"]]).all() for t in told["topics"])


def test_words_can_be_numbers_or_a_single_word() -> None:
    X = np.ones((4, 1), dtype=int)
    told = page_data(report_html(fitted(X, 2, max_iter=2), X))
    assert told["words"]["text"] == ["0"] and "exclusivity" not in told["quality"]


def test_same_seed_gives_the_same_page(model: LatentDirichletAllocation, documents: Corpus) -> None:
    pages = [report_html(model.set_params(n_jobs=n), documents) for n in (1, 2)]
    assert pages[0] == pages[1]


def test_five_hundred_topics_fit_in_three_megabytes() -> None:
    model, found = many_topics()
    words = [
        [found.vocabulary[w] for w in found.indices[a:b]]
        for a, b in zip(found.indptr, found.indptr[1:], strict=False)
    ]
    long = [w * 20 for w in words]
    page = report_html(model, found, texts=long)
    assert len(page.encode()) < 3e6
    assert len(page_data(page)["topics"]) == 500


# --- security --------------------------------------------------------------------------------


def test_json_in_a_page_is_escaped() -> None:
    told = {"a": HOSTILE, "b": ["\ud800", "é moon 月", 1.5, None]}
    text = embedded_json(told)
    assert not set(text) & set("<>&\u2028\u2029\ud800")
    assert json.loads(text) == told
    text.encode()
    with pytest.raises(ValueError, match="Out of range float"):
        embedded_json([float("nan")])


def hostile_page() -> str:
    vocabulary = ("moon", HOSTILE)
    X = Corpus(
        [0, 2, 3], [0, 1, 1], [3, 1, 2], vocabulary, names=[HOSTILE, "b"], labels=[HOSTILE, "b"]
    )
    model = fitted(X, 2, max_iter=3)
    model.set_topic_labels([HOSTILE, ""])
    model.text_options_ = {"token_pattern": HOSTILE.replace("(", "")}
    return report_html(model, X, texts=[HOSTILE, [HOSTILE]], title=HOSTILE)


def test_markup_in_texts_stays_in_the_data() -> None:
    page = hostile_page()
    harmless = report_html(fitted(np.ones((2, 2), dtype=int), 2, max_iter=1))
    for mark in ("<", ">", "&", "\u2028"):
        assert page.count(mark) == harmless.count(mark)
    told = page_data(page)
    assert told["title"] == HOSTILE and HOSTILE in told["words"]["text"]
    assert told["topics"][0]["label"] == HOSTILE


def test_content_security_policy_names_the_script_and_the_style() -> None:
    page = hostile_page()
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert len(policy) == 1
    rules = dict(rule.split(" ", 1) for rule in policy[0].split("; "))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'none'"
    assert rules["img-src"] == "data:" and rules["require-trusted-types-for"] == "'script'"
    for kind, block in (
        ("script-src", r"<script>(.*?)</script>"),
        ("style-src", r"<style>(.*?)</style>"),
    ):
        found = re.findall(block, page, re.S)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert not re.search(
        r"https?://(?!www\.w3\.org/2000/svg)|\sstyle=|\son[a-z]+=", page.split('id="data"')[0]
    )


def test_script_does_not_parse_text_as_markup() -> None:
    script = re.findall(r"<script>(.*?)</script>", hostile_page(), re.S)[0]
    assert "textContent" in script
    risky = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|setTimeout"
    assert not re.search(risky, script)


# --- files and errors ------------------------------------------------------------------------


def test_page_is_written_atomically(
    model: LatentDirichletAllocation, documents: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    assert model.report(path, documents, texts=texts()) is None
    page = path.read_text(encoding="utf-8")
    assert page == model.report(corpus=documents, texts=texts())
    with pytest.raises(ValueError, match="texts must have one entry per document"):
        write_report(model, path, documents, texts=texts()[:-1])
    assert path.read_text(encoding="utf-8") == page
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_errors_name_the_argument(
    model: LatentDirichletAllocation, documents: Corpus, tmp_path: Path
) -> None:
    def fails(kind: Any, message: str, *arguments: Any, **options: Any) -> None:
        with pytest.raises(kind, match=message):
            report_html(*arguments, **options)

    fails(TypeError, "needs a fitted LatentDirichletAllocation; got KMeans", gibbous.KMeans())
    fails(ValueError, "not fitted", LatentDirichletAllocation())
    fails(ValueError, r"corpus has 3 words.*fitted with 16", model, Corpus.from_texts(["aa bb cc"]))
    other = Corpus(
        documents.indptr, documents.indices, documents.counts, [f"w{i}" for i in range(16)]
    )
    fails(ValueError, "corpus has other words", model, other)
    fails(ValueError, "texts need corpus", model, texts=texts())
    fails(TypeError, "texts must be a list", model, documents, texts="moon")
    fails(TypeError, "document 0 must be text or tokens; got 1", model, documents[:1], texts=[1])
    fails(ValueError, "by must be one of day", model, documents, by="yeer")
    fails(
        ValueError,
        "by needs dates",
        model,
        Corpus.from_texts(texts(), vocabulary=model.vocabulary_),
        by="year",
    )
    fails(ValueError, "n_words must be an int of at least 1; got 0", model, n_words=0)
    fails(ValueError, "n_documents must be", model, n_documents=0)
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_report(model, tmp_path / "none" / "r.html")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_report(model, tmp_path)


def test_invalid_dates_raise_a_warning(model: LatentDirichletAllocation) -> None:
    dated = Corpus.from_texts(texts(), vocabulary=model.vocabulary_, dates=["c. 1800"] * 60)
    with pytest.warns(UserWarning, match="no prevalence over time.*'c. 1800'"):
        told = page_data(report_html(model, dated))
    assert told["time"] is None and told["topics"][0]["documents"][0]["about"] == ["c. 1800"]


def test_too_many_topics(monkeypatch: pytest.MonkeyPatch, model: LatentDirichletAllocation) -> None:
    monkeypatch.setattr("gibbous.lda.report.data.MOST_TOPICS", 1)
    with pytest.raises(ValueError, match="at most 1 topics; this model has 2"):
        report_html(model)


# --- the command -----------------------------------------------------------------------------

FIT = ("-k", 2, "--seed", 1, "--max-iter", 40, "--settle-iter", 5, "--doc-topic-prior", 0.1)


def run(*arguments: object, code: int = 0) -> Any:
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "letters.jsonl"
    rows = [{"text": text, "year": 1900 + at // 6} for at, text in enumerate(texts())]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_from_texts_to_the_page_in_one_line(lines: Path, tmp_path: Path) -> None:
    page, model = tmp_path / "page.html", tmp_path / "letters.model"
    spelled = ("--stop-words", "english", "--date", "year")
    told = run("lda", "fit", lines, *FIT, *spelled, "--report", page, "-o", model)
    assert f"report written to {page}" in told.stdout
    found = page_data(page.read_text(encoding="utf-8"))
    assert found["title"] == "Topics of letters" and found["time"]["periods"][0] == "1900"
    first = found["topics"][0]["documents"][0]
    assert "".join(p if isinstance(p, str) else p[0] for p in first["pieces"]) in texts()
    assert ["texts: stop_words", "english"] in found["settings"]

    run("lda", "report", model, lines, "--date", "year")
    again = page_data((tmp_path / "letters.html").read_text(encoding="utf-8"))
    told = run("lda", "report", model, "-o", tmp_path / "alone.html", "--json")
    assert json.loads(told.stdout)["files"] == {"report": str(tmp_path / "alone.html")}
    assert again == found
    piped = run(
        "lda",
        "report",
        model,
        lines,
        "--date",
        "year",
        "--title",
        "Letters",
        "--by",
        "decade",
        "-n",
        3,
        "-o",
        "-",
    )
    shown = page_data(piped.stdout)
    assert (shown["title"], shown["time"]["by"], shown["shownWords"]) == ("Letters", "decade", 3)


def test_command_reports_errors(lines: Path, tmp_path: Path) -> None:
    model, page = tmp_path / "letters.model", tmp_path / "page.html"
    run("lda", "fit", lines, *FIT, "-o", model, "-q")
    counts = tmp_path / "counts.ldac"
    counts.write_text("1 0:1\n")
    km = tmp_path / "km.model"
    gibbous.save(gibbous.KMeans(1).fit(np.ones((3, 2))), km)
    wrong = {
        "no such file": ("report", tmp_path / "none.model"),
        "holds a KMeans; use 'gibbous kmeans predict'": ("report", km),
        "no folder": ("report", model, "-o", tmp_path / "none" / "r.html"),
        "is a folder": ("report", model, "-o", tmp_path),
        "would overwrite what is read": ("report", model, "-o", model),
        "has 1 words without names": ("report", model, counts),
        "there are 'text', 'year'": ("report", model, lines, "--date", "day"),
        "--by needs documents with dates": ("report", model, lines, "--by", "year"),
        "are both for standard output": ("report", model, "-o", "-", "--json"),
        "--report needs a file; got -": ("fit", lines, "--report", "-"),
        "there is no folder": ("fit", lines, "--report", tmp_path / "none" / "r.html"),
    }
    for message, arguments in wrong.items():
        result = run(
            "lda",
            *arguments,
            *([] if "-o" in arguments or "fit" in arguments else ["-o", page]),
            code=1,
        )
        assert result.stdout == "" and len(result.stderr.splitlines()) == 1
        assert message in result.stderr, result.stderr
    assert not page.exists()


def test_counts_have_no_texts(tmp_path: Path, lines: Path) -> None:
    assert texts_of(tmp_path / "x.ldac", "ldac") is None
    found = texts_of(lines, "jsonl", text="text", date="year", header=False)
    assert found is not None and list(found) == texts()
