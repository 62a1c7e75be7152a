"""Documents under a topic model: tables, representative documents, topics over time."""

from __future__ import annotations

import datetime
import gzip
import json

import numpy as np
import pytest

from gibbous import Corpus, LatentDirichletAllocation
from gibbous.lda.describe.over_time import Tally, periods_of
from support.topics import COUNTS, DOCUMENTS, WORDS, model_of


@pytest.fixture
def model():
    return model_of(COUNTS, DOCUMENTS, [0.5, 0.3, 0.2], vocabulary=WORDS)


@pytest.fixture
def corpus():
    counts = [[3, 2, 0, 0, 1], [2, 2, 1, 0, 0], [0, 0, 4, 1, 1], [0, 0, 0, 0, 0]]
    bare = Corpus.of(np.array(counts))
    return Corpus(
        bare.indptr,
        bare.indices,
        bare.counts,
        WORDS,
        names=["a", "b", "c", "d"],
        labels=["x", "x", "y", "y"],
        dates=[1801, 1802, 1802, 1803],
    )


# --- tables --------------------------------------------------------------------------------------


def test_documents_and_topics_as_a_table(model, corpus):
    pandas = pytest.importorskip("pandas")
    table = model.document_topic_table(threshold=0.25, of=corpus)
    theta = (np.array(DOCUMENTS) + model.doc_topic_prior_) / (
        np.sum(DOCUMENTS, axis=1)[:, None] + 1
    )
    assert np.allclose(table.to_csr().toarray(), np.where(theta >= 0.25, theta, 0))
    frame = table.to_frame()
    assert isinstance(frame.index, pandas.MultiIndex)
    assert list(frame.index.names) == ["document", "name", "label", "date"]
    assert frame.loc[(2, "c", "y", 1802)].to_numpy() == pytest.approx(
        table.to_csr()[[2]].toarray()[0]
    )
    assert (table.to_frame(sparse=True).sparse.to_dense().to_numpy() == frame.to_numpy()).all()
    model.set_topic_labels(["sky", "money", "rest"])
    unseen = model.document_topic_table(corpus, threshold=0)
    assert unseen.columns == ("sky", "money", "rest")
    assert np.allclose(unseen.to_csr().toarray(), model.transform(corpus), atol=1e-7)
    assert "4 rows by document, name, label, date, 3 columns" in repr(unseen)


def test_words_and_topics_as_a_table(model):
    pytest.importorskip("pandas")
    table = model.topic_word_table(0.2)
    phi = model.topics_.dense()
    assert np.allclose(table.to_csr().toarray(), np.where(phi >= 0.2, phi, 0))
    frame = table.to_frame()
    assert list(frame.columns) == list(WORDS)
    assert list(frame.index) == [0, 1, 2] and frame.index.name == "topic"
    with pytest.raises(ValueError, match="threshold must be > 0"):
        model.topic_word_table(0)


def test_representative_documents(model, corpus):
    table = model.representative_documents(2, of=corpus)
    assert table["topic"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["document"].tolist() == [0, 1, 2, 3, 3, 2]
    assert table["share"][0] == pytest.approx(9.5 / 11)
    assert table["name"] == ["a", "b", "c", "d", "d", "c"]
    unseen = model.representative_documents(1, corpus, topics=[1])
    assert unseen["document"].tolist() == [2]
    assert unseen["label"] == ["y"]
    assert len(model.representative_documents(99)) == 3 * 4


def test_representative_documents_do_not_depend_on_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    documents = rng.integers(0, 3, (50, 4))  # many are equal
    model = model_of(np.ones((5, 4), int), documents, np.ones(4))
    whole = model.representative_documents(9)
    for block in (4, 28, 200):
        monkeypatch.setattr("gibbous.lda.describe.documents._BLOCK", block)
        part = model.representative_documents(9)
        assert (part["document"] == whole["document"]).all()
    theta = (documents + 1) / (documents.sum(axis=1, keepdims=True) + 4)
    assert whole["document"][:9].tolist() == np.argsort(-theta[:, 0], kind="stable")[:9].tolist()


def test_assignments_of_words(model, corpus):
    table = model.assignments(corpus, 1)
    assert table["word"] == ["moon", "sun", "stock"]
    assert table["count"].tolist() == [2, 2, 1]
    joint = model.topics_.dense()[:, :3] * model.transform(corpus)[1][:, None]
    assert table["topic"].tolist() == joint.argmax(axis=0).tolist()
    assert np.allclose(table["probability"], joint.max(axis=0) / joint.sum(axis=0))
    assert len(model.assignments(corpus, 3)) == 0
    with pytest.raises(ValueError, match=r"document must be in \[0, 4\); got 4"):
        model.assignments(corpus, 4)


def test_tables_of_another_corpus_are_rejected(model, corpus):
    with pytest.raises(ValueError, match="of must have 4 documents"):
        model.document_topic_table(of=corpus[:3])
    with pytest.raises(ValueError, match="topics must not name a topic twice"):
        model.representative_documents(topics=[1, 1])


# --- periods -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "by", "periods", "member"),
    [
        ([1801, 1799, 1801], "year", [1799, 1801], [1, 0, 1]),
        ([1801.5, 1799.9, np.nan], "decade", [1790, 1800], [1, 0, -1]),
        ([1801, 1799, 1900], "century", [1700, 1800, 1900], [1, 0, 2]),
        (["1801-02-03", "1799", ""], "year", [1799, 1801], [1, 0, -1]),
        ([1, 5, 9, 10], 3, [1, 4, 7], [0, 1, 2, 2]),
        ([1, 5, 9, 10, 11], [1, 5, 10], [1, 5], [0, 1, 1, 1, -1]),
        ([3, 3], 4, [3.0], [0, 0]),
    ],
)
def test_numbers_and_texts_as_periods(dates, by, periods, member):
    found, place, _ = periods_of(dates, by)
    assert found.tolist() == periods
    assert place.tolist() == member


@pytest.mark.parametrize(
    ("by", "periods"),
    [
        ("day", ["1969-12-31", "1970-05-15", "2024-02-29"]),
        ("week", ["1969-12-29", "1970-05-11", "2024-02-26"]),  # Mondays
        ("month", ["1969-12", "1970-05", "2024-02"]),
        ("quarter", ["1969-10", "1970-04", "2024-01"]),
    ],
)
def test_dates_as_periods(by, periods):
    days = [(1970, 5, 15), (2024, 2, 29), (1969, 12, 31)]
    dates = np.array([np.datetime64(datetime.date(*day)) for day in days])
    found, place, kind = periods_of(dates, by)
    assert found.astype(str).tolist() == periods
    assert place.tolist() == [1, 2, 0] and kind == by
    assert all(datetime.date.fromisoformat(p).weekday() == 0 for p in periods if by == "week")
    years, _, _ = periods_of(dates, "year")
    assert years.tolist() == [1969, 1970, 2024]
    halves, place, _ = periods_of(dates, 2)
    assert place.tolist() == [0, 1, 0] and len(halves) == 2


@pytest.mark.parametrize(
    ("dates", "by", "message"),
    [
        ([1801], "fortnight", "by must be one of day, .*; got 'fortnight'"),
        ([1801], "month", "by='month' needs dates"),
        ([1801], 0, "at least 1 bin"),
        ([1801], [1900], "by must be a period"),
        ([1801], [1900, 1800], "edges must ascend"),
        ([1801], ["1800", "1900"], "edges must be of the kind"),
        ([1801], [1900, 2000], "no date is within"),
        (["soon"], "year", "document 0 has 'soon'"),
        ([np.nan], "year", "at least one date"),
        ([[1801]], "year", "one entry per document"),
    ],
)
def test_bad_periods_are_named(dates, by, message):
    with pytest.raises(ValueError, match=message):
        periods_of(dates, by)


# --- shares --------------------------------------------------------------------------------------


def test_shares_and_their_errors_of_a_small_example():
    # two documents of 10 and 30 tokens with shares 0.2 and 0.6: s = (2 + 18) / 40 = 0.5, and
    # 2 / 1 * ((10 * -0.3)^2 + (30 * 0.1)^2) / 40^2 = 0.0225
    tally = Tally(2, 1)
    member, n = np.array([0, 0, 1, -1]), np.array([10, 30, 5, 7])
    tally.add(member, np.array([[0.2], [0.6], [0.9], [1.0]]), n.astype(float), n)
    shares, errors = tally.shares()
    assert np.allclose(shares[:, 0], [0.5, 0.9])
    assert errors[0, 0] == pytest.approx(0.15)
    assert np.isnan(errors[1, 0])  # from one document
    assert tally.documents.tolist() == [2, 1] and tally.tokens.tolist() == [40, 5]


def test_equal_weights_give_the_textbook_error():
    rng = np.random.default_rng(1)
    theta = rng.random((50, 3))
    tally = Tally(1, 3)
    for part in (slice(0, 20), slice(20, 50)):  # in two batches
        n = len(theta[part])
        tally.add(np.zeros(n, int), theta[part], np.ones(n), np.ones(n, int))
    shares, errors = tally.shares()
    assert np.allclose(shares[0], theta.mean(axis=0))
    assert np.allclose(errors[0], theta.std(axis=0, ddof=1) / np.sqrt(50))


def test_topics_over_time(model, corpus):
    pytest.importorskip("pandas")
    found = model.topics_over_time(corpus)
    # documents without words do not count, nor do their years
    assert found.periods.tolist() == [1801, 1802]
    assert found.n_documents.tolist() == [1, 2] and found.n_tokens.tolist() == [6, 11]
    assert np.allclose(found.shares.sum(axis=1), 1)
    theta = model.transform(corpus)
    assert np.allclose(found.shares[1], (5 * theta[1] + 6 * theta[2]) / 11)
    each = model.topics_over_time(corpus, weights="documents", topics=[2, 0])
    assert np.allclose(each.shares[1], theta[1:3, [2, 0]].mean(axis=0))
    assert each.labels == (found.labels[2], found.labels[0])
    assert found.to_frame().loc[1801].to_numpy() == pytest.approx(theta[0])
    assert np.isnan(found.to_frame(errors=True).loc[1801]).all()
    rows = found.to_dict()
    assert rows["period"][:3] == [1801] * 3 and rows["topic"][:3] == [0, 1, 2]
    assert "2 periods by year" in str(found)
    other = model.topics_over_time(
        corpus, "month", dates=["1801-01", "1801-01-09", "1801-03", "1900"]
    )
    assert other.periods.astype(str).tolist() == ["1801-01", "1801-03"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "words"}, "weights must be 'tokens' or 'documents'"),
        ({"dates": [1801]}, "dates must have one entry per document, 4; got 1"),
        ({"topics": [7]}, r"topic must be in \[0, 3\); got 7"),
        ({"by": "aeon"}, "by must be one of"),
    ],
)
def test_bad_arguments_over_time_are_named(model, corpus, options, message):
    with pytest.raises(ValueError, match=message):
        model.topics_over_time(corpus, **options)


def test_dates_are_required(model):
    with pytest.raises(ValueError, match="dates must be given"):
        model.topics_over_time(np.eye(5, dtype=int))


def test_topics_over_time_are_drawn(model, corpus):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from gibbous.plot import new_figure

    found = model.topics_over_time(corpus)
    ax = found.plot(new_figure(4, 3).subplots(), n=2)
    drawn = [line.get_ydata() for line in ax.get_lines()]
    most = np.argsort(-found.shares.var(axis=0), kind="stable")[:2]
    assert np.allclose(drawn, found.shares[:, most].T)
    assert len(ax.collections) == 2  # the bands
    ax = found.plot(new_figure(4, 3).subplots(), topics=[2])
    assert ax.get_legend().get_texts()[0].get_text() == f"2: {found.labels[2]}"
    with pytest.raises(ValueError, match="topics must be among those of over_time"):
        found.plot(new_figure(4, 3).subplots(), topics=[5])


def test_topics_of_presidents_match_their_times(data_folder):
    with gzip.open(data_folder / "sotu.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines][::4]
    corpus = Corpus.from_texts(
        [r["text"] for r in records],
        dates=[r["year"] for r in records],
        stop_words="english",
        min_df=5,
        max_df=0.1,
    )
    model = LatentDirichletAllocation(20, max_iter=60, random_state=0, n_jobs=2).fit(corpus)
    found = model.topics_over_time(corpus, [1790, 1945, 2021])
    assert found.periods.tolist() == [1790, 1945]
    # the topic with most tokens of a word peaks at the historical time, by 5 sigma
    for word, late in (("tribes", 0), ("spain", 0), ("soviet", 1), ("nuclear", 1)):
        topic = int(model.word_topic_[[corpus.vocabulary.index(word)]].toarray().argmax())
        share, error = found.shares[:, topic], found.errors[:, topic]
        gain = share[late] - share[1 - late]
        assert gain > 5 * np.hypot(*error), (word, share, error)
