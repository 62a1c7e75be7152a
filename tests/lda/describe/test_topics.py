"""Topics of a model: words, labels, similarity, merging and dropping."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import cosine, jensenshannon
from scipy.special import gammaln
from sklearn.exceptions import NotFittedError

from gibbous import Corpus, LatentDirichletAllocation
from gibbous.lda.describe import similar as lda_similar
from gibbous.lda.topic_word import TopicWord
from support.topics import COUNTS, DOCUMENTS, WORDS, model_of

METRICS = ("hellinger", "jensen-shannon", "cosine")


@pytest.fixture
def model():
    return model_of(COUNTS, DOCUMENTS, [0.5, 0.3, 0.2], vocabulary=WORDS)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(2)
    phi = rng.dirichlet(np.full(60, 0.1), 6)
    theta = rng.dirichlet(np.full(6, 0.2), 120)
    X = np.stack([rng.multinomial(40, t @ phi) for t in theta])
    return LatentDirichletAllocation(6, max_iter=40, random_state=0, n_samples=3).fit(X), X


# --- words ---------------------------------------------------------------------------------------


def test_words_by_probability(model):
    # 15 tokens and five words with prior .5: (6 + .5) / 17.5 and so on
    expected = [("moon", 6.5 / 17.5), ("sun", 5.5 / 17.5), ("the", 4.5 / 17.5)]
    found = model.topic_words(0, 3)
    assert [w for w, _ in found] == [w for w, _ in expected]
    assert np.allclose([p for _, p in found], [p for _, p in expected], rtol=1e-6)
    assert [w for w, _ in model.topic_words(1, 99)] == ["stock", "the", "bond", "moon", "sun"]


def test_words_by_lift(model):
    phi, share = model.topics_.dense(), np.array([15, 13, 8]) / 36
    for k in range(3):
        found = dict(model.topic_words(k, 5, "lift"))
        assert np.allclose([found[w] for w in WORDS], phi[k] / (share @ phi))
    lifts = np.array([[dict(model.topic_words(k, 5, "lift"))[w] for w in WORDS] for k in range(3)])
    assert np.allclose(share @ lifts, 1)  # the mean lift of a word is 1
    assert model.topic_words(2, 1, "lift")[0][0] == "bond"


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.6, 1.0])
def test_words_by_relevance(model, weight):
    phi, share = model.topics_.dense(), np.array([15, 13, 8]) / 36
    found = dict(model.topic_words(1, 5, "relevance", weight=weight))
    expected = weight * np.log(phi[1]) + (1 - weight) * np.log(phi[1] / (share @ phi))
    assert np.allclose([found[w] for w in WORDS], expected)
    if weight == 0.6:
        assert found == dict(model.topic_words(1, 5, "relevance"))


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.8])
def test_words_by_frex(model, weight):
    phi = model.topics_.dense()
    exclusive = phi / phi.sum(axis=0)
    found = dict(model.topic_words(0, 5, "frex", weight=weight))
    for w, word in enumerate(WORDS):
        by_e = np.mean(exclusive[0] <= exclusive[0, w])
        by_f = np.mean(phi[0] <= phi[0, w])
        assert found[word] == pytest.approx(1 / (weight / by_e + (1 - weight) / by_f))


def test_words_without_tokens_in_a_topic_are_last():
    # one token of word 0 in total: its lift in the small topic, by the prior alone, is the largest
    counts = np.array([[1, 0], [40, 2], [40, 1]])
    model = model_of(counts, [[81, 3]], [1, 1], beta=0.1)
    scores = dict(model.topic_words(1, 3, "lift"))
    assert scores[0] > scores[2]
    assert [w for w, _ in model.topic_words(1, 3, "lift")] == [1, 2, 0]


def test_the_table_of_topics(model):
    pandas = pytest.importorskip("pandas")
    table = model.describe(2)
    assert table.to_dict()["words"] == ["moon, sun", "stock, the", "the, bond"]
    assert table["tokens"] == [15, 13, 8]
    assert table["share"] == [15 / 36, 13 / 36, 8 / 36]
    lines = str(table).splitlines()
    assert lines[0].split() == ["topic", "tokens", "share", "prior", "words"]
    assert lines[1].split() == ["0", "15", "0.4167", "0.5000", "moon,", "sun"]
    model.set_topic_labels(["sky", "<b>money</b>", ""])
    table = model.describe(1)
    assert "&lt;b&gt;money" in table._repr_html_() and "<b>" not in table._repr_html_()
    frame = table.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.loc[0, "label"] == "sky"
    assert [row["topic"] for row in table] == [0, 1, 2]
    assert all(len(line) <= 100 for line in str(model.describe(5)).splitlines())


# --- labels --------------------------------------------------------------------------------------


def test_labels_are_given_or_made_of_words(model):
    assert model.topic_labels(2) == ("moon, sun", "stock, the", "bond, the")
    model.set_topic_labels({1: "money"})
    assert model.topic_labels(1) == ("moon", "money", "bond")
    model.set_topic_labels({1: "", 0: "sky"})
    assert model.topic_labels_ == ("sky", "", "")
    assert model.set_topic_labels(None) is model
    assert not hasattr(model, "topic_labels_")


def test_labels_are_dropped_when_topics_change():
    X = np.eye(4, dtype=int) * 5
    model = LatentDirichletAllocation(2, max_iter=2, random_state=0).fit(X)
    model.set_topic_labels(["a", "b"])
    model.partial_fit(X)
    assert model.topic_labels_ == ("a", "b")  # the topics are unchanged
    model.fit(X)
    assert not hasattr(model, "topic_labels_")


def test_label_candidates_follow_the_formula():
    rng = np.random.default_rng(4)
    X = (rng.random((30, 5)) < 0.5).astype(int)
    phrases = Corpus.of((rng.random((30, 4)) < 0.4).astype(int), ("a b", "c d", "e f", "g h"))
    model = model_of(COUNTS, DOCUMENTS, [0.5, 0.3, 0.2], vocabulary=WORDS)
    found = model.label_candidates(Corpus.of(X, WORDS), 4, phrases=phrases, n_words=3, min_df=1)
    has = phrases.to_csr().toarray() > 0
    expected = np.zeros((4, 3))
    for k, phi in enumerate(model.topics_.dense()):
        top = model.topics_.top_words(3)[k]
        p = phi[top] / phi[top].sum()
        for label in range(4):
            for word, weight in zip(top, p, strict=True):
                both = (has[:, label] & (X[:, word] > 0)).sum() + 0.1
                alone = has[:, label].sum() * (X[:, word] > 0).sum()
                expected[label, k] += weight * np.log(both * 30 / alone)
    expected = (1 + 0.125) * expected - 0.125 * expected.sum(axis=1, keepdims=True)
    for k in range(3):
        scores = dict(found[k])
        assert [s for _, s in found[k]] == sorted(scores.values(), reverse=True)
        assert np.allclose([scores[p] for p in phrases.vocabulary], expected[:, k])


# --- merging and dropping ------------------------------------------------------------------------


def test_merged_topic_has_the_sum_of_the_counts(model):
    both = model.merge_topics([[2, 0]])
    assert both.n_components == 2
    counts = np.array(COUNTS) @ [[1, 0], [0, 1], [1, 0]]
    assert (both.word_topic_.toarray() == counts).all()
    expected = TopicWord.from_counts(counts, 0.5).dense()
    assert np.allclose(both.topics_.dense(), expected, rtol=1e-6)
    assert np.allclose(both.doc_topic_prior_, [0.7, 0.3])
    assert both.topic_sizes_.tolist() == [23, 13]
    before, after = (m.document_topic_table(threshold=0).to_csr().toarray() for m in (model, both))
    assert np.allclose(after, np.stack([before[:, 0] + before[:, 2], before[:, 1]], axis=1))
    assert np.allclose(both.transform(sp.csr_array(np.eye(5, dtype=int))).sum(axis=1), 1)
    assert model.n_components == 3 and model.word_topic_.shape == (5, 3)


def test_groups_take_the_place_of_their_first_topic():
    counts = np.diag([9, 8, 7, 6, 5, 4]) + 1
    model = model_of(counts, counts.sum(axis=0)[None], np.arange(1, 7))
    model.set_topic_labels(list("abcdef"))
    new = model.merge_topics([[5, 2], [1, 3]])
    # 0, {1, 3}, {2, 5}, 4
    assert np.allclose(new.doc_topic_prior_, [1, 2 + 4, 3 + 6, 5])
    assert new.topic_labels_ == ("a", "b", "c", "e")
    same = model.merge_topics([])
    assert (same.topics_.dense() == model.topics_.dense()).all()
    assert (same.document_topic_ != model.document_topic_).nnz == 0


def test_merging_in_two_steps_equals_merging_at_once(fitted):
    model, X = fitted
    at_once = model.merge_topics([[0, 2, 4]])
    in_steps = model.merge_topics([[0, 2]]).merge_topics([[0, 3]])
    assert np.allclose(at_once.topics_.dense(), in_steps.topics_.dense(), rtol=1e-5)
    assert np.allclose(at_once.topics_.dense().sum(axis=1), 1, atol=1e-5)
    assert (at_once.word_topic_ != in_steps.word_topic_).nnz == 0
    assert at_once.bound_ == pytest.approx(in_steps.bound_)
    assert np.isfinite(at_once.perplexity(X))


def test_joint_likelihood_is_that_of_the_new_state(model):
    def likelihood(m):
        n_wk, n_dk = m.word_topic_.toarray(), m.document_topic_.toarray()
        a, b = m.doc_topic_prior_, np.full(len(n_wk), 0.5)
        total = 0.0
        for prior, rows in ((a, n_dk), (b, n_wk.T)):
            for row in rows:
                total += gammaln(prior.sum()) - gammaln(row.sum() + prior.sum())
                total += (gammaln(row + prior) - gammaln(prior)).sum()
        return total / n_wk.sum()

    merged, dropped = model.merge_topics([[0, 1]]), model.drop_topics([1])
    assert merged.bound_ == pytest.approx(likelihood(merged))
    assert dropped.bound_ == pytest.approx(likelihood(dropped))


def test_tokens_of_dropped_topics_are_removed(model):
    left = model.drop_topics([1])
    assert (left.word_topic_.toarray() == np.array(COUNTS)[:, [0, 2]]).all()
    assert (left.document_topic_.toarray() == np.array(DOCUMENTS)[:, [0, 2]]).all()
    assert (left.topics_.dense() == model.topics_.dense()[[0, 2]]).all()
    assert left.doc_topic_prior_.tolist() == [0.5, 0.2]
    shares = left.document_topic_table(threshold=0).to_csr().toarray()
    assert np.allclose(shares[0], [9.5 / 10.7, 1.2 / 10.7])


def test_parameters_describe_the_new_topics():
    counts = np.diag([9, 8, 7, 6]) + 1
    seeds = {0: [0], 1: [1, 2], 3: {3: 2.0, 1: 1.0}}
    model = model_of(
        counts, counts.sum(axis=0)[None], [1, 2, 3, 4], seeds=seeds, doc_topic_prior=[1, 2, 3, 4]
    )
    merged = model.merge_topics([[1, 3]])
    assert merged.seeds == {0: [0], 1: {1: 1.0, 2: None, 3: 2.0}}
    assert merged.doc_topic_prior.tolist() == [1, 6, 3]
    dropped = model.drop_topics([0, 1])
    assert dropped.seeds == {1: {3: 2.0, 1: 1.0}}
    assert dropped.doc_topic_prior.tolist() == [3, 4]
    assert model.seeds == seeds
    dropped.max_iter = 3
    assert dropped.fit(counts).topics_.n_topics == 2


# --- similarity ----------------------------------------------------------------------------------


def far(p, q, metric):
    if metric == "hellinger":
        return np.sqrt(0.5 * ((np.sqrt(p) - np.sqrt(q)) ** 2).sum())
    return jensenshannon(p, q) if metric == "jensen-shannon" else cosine(p, q)


@pytest.mark.parametrize("metric", METRICS)
def test_similar_topics(fitted, metric):
    model, _ = fitted
    phi = model.topics_.dense()
    expected = sorted((far(phi[2], phi[k], metric), k) for k in range(6) if k != 2)
    found = model.similar_topics(2, 4, metric=metric)
    assert [k for k, _ in found] == [k for _, k in expected][:4]
    assert np.allclose([d for _, d in found], [d for d, _ in expected][:4], atol=1e-7)
    blocked = lda_similar.topic_distances(model.topics_, 2, metric, 6 * 7)
    assert np.allclose(blocked, lda_similar.topic_distances(model.topics_, 2, metric), atol=1e-7)


@pytest.mark.parametrize("metric", METRICS)
def test_similar_words(model, metric):
    phi, share = model.topics_.dense(), np.array([15, 13, 8]) / 36
    profile = (phi.T * share) / (share @ phi)[:, None]
    expected = sorted((far(profile[0], profile[w], metric), w) for w in range(1, 5))
    found = model.similar_words("moon", 10, metric=metric)
    assert [w for w, _ in found] == [WORDS[w] for _, w in expected]
    assert np.allclose([d for _, d in found], [d for d, _ in expected], atol=1e-7)
    assert model.similar_words(0, 1)[0][0] == "sun"


def test_words_without_tokens_are_not_similar_to_others():
    model = model_of([[3, 0], [0, 0], [2, 1]], [[5, 1]], [1, 1])
    assert [w for w, _ in model.similar_words(0)] == [2]
    assert len(model.similar_words(1)) == 2  # but they can be requested


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("block", [1, 50, 1 << 22])
def test_similar_documents(fitted, metric, block, monkeypatch):
    model, X = fitted
    monkeypatch.setattr(lda_similar, "_BLOCK", block)
    theta = model.transform(X)
    queries = theta[[3, 77]]
    found = model.similar_documents(X[[3, 77]], 5, among=X, metric=metric)
    for i, query in enumerate(queries):
        distances = np.array([far(query, t, metric) for t in theta])
        # the order of equal distances depends on rounding in the reference
        assert np.allclose(distances[found.indices[i]], np.sort(distances)[:5], atol=1e-6)
        assert np.allclose(found.distances[i], np.sort(distances)[:5], atol=1e-6)
    given = model.similar_documents(queries, 5, among=theta, metric=metric)
    assert (given.indices == found.indices).all()
    sparse = model.similar_documents(
        sp.csr_array(queries), 5, among=sp.csr_array(theta), metric=metric
    )
    assert (sparse.indices == found.indices).all()


def test_training_documents_are_not_similar_to_themselves(model):
    found = model.similar_documents([0, 3], 2)
    assert found.indices.shape == (2, 2)
    assert found.indices[:, 0].tolist() == [1, 2]
    assert model.similar_documents(0, 99).indices.shape == (1, 3)


def test_equal_documents_keep_their_order():
    counts = np.array([[5, 1]] * 40)
    model = model_of([[200, 0], [0, 40]], counts, [1, 1])
    found = model.similar_documents(7, 30)
    assert found.indices[0].tolist() == [i for i in range(31) if i != 7]
    assert (found.distances == 0).all()


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.topic_words(3), r"topic must be in \[0, 3\); got 3"),
        (lambda m: m.topic_words("sun"), "topic must hold topic numbers; got 'sun'"),
        (lambda m: m.topic_words(0, 0), "n must be an int of at least 1; got 0"),
        (lambda m: m.topic_words(0, 1, "pmi"), "measure must be one of .*; got 'pmi'"),
        (lambda m: m.topic_words(0, 1, "frex", weight=2), r"weight must be .*\[0, 1\]; got 2"),
        (lambda m: m.describe(True), "n_words must be an int"),
        (lambda m: m.set_topic_labels(["a"]), r"labels must be 3, one per topic; got \['a'\]"),
        (lambda m: m.set_topic_labels("abc"), "labels must be 3"),
        (lambda m: m.set_topic_labels({9: "a"}), r"topic must be in \[0, 3\); got 9"),
        (lambda m: m.set_topic_labels([1, 2, 3]), "labels must be text; got 1"),
        (lambda m: m.merge_topics([[0, 1], [1, 2]]), "topic 1 is in two"),
        (lambda m: m.merge_topics([[0, 0]]), "must not name a topic twice"),
        (lambda m: m.merge_topics([[0, 3]]), r"groups: topic must be in \[0, 3\); got 3"),
        (lambda m: m.merge_topics([[]]), "empty group"),
        (lambda m: m.merge_topics([0, 1]), "groups must hold lists of topic numbers; got 0"),
        (lambda m: m.merge_topics("12"), "groups must be lists"),
        (lambda m: m.drop_topics([0, 1, 2]), "must leave at least one of 3"),
        (lambda m: m.drop_topics([-1]), r"topics: topic must be in \[0, 3\); got -1"),
        (lambda m: m.similar_words("mars"), "word 'mars' is not in the vocabulary"),
        (lambda m: m.similar_words(5), r"word must be in \[0, 5\); got 5"),
        (lambda m: m.similar_words(0, metric="l2"), "metric must be one of .*; got 'l2'"),
        (lambda m: m.similar_topics(0, metric="l2"), "metric must be one of"),
        (lambda m: m.similar_documents(4), r"document numbers must be in \[0, 4\); got 4"),
        (lambda m: m.similar_documents(np.eye(5), metric="l1"), "metric must be one of"),
        (lambda m: m.label_candidates(np.eye(5), phrases=np.eye(2)), "count the 5 documents"),
        (lambda m: m.label_candidates(np.eye(5)), "no label occurs in 5 documents"),
        (lambda m: m.label_candidates(np.eye(5), mu=-1), "mu must be a number >= 0; got -1"),
    ],
)
def test_bad_arguments_are_named(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.topic_words(0),
        lambda m: m.describe(),
        lambda m: m.topic_labels(),
        lambda m: m.set_topic_labels(["a"]),
        lambda m: m.merge_topics([[0, 1]]),
        lambda m: m.drop_topics([0]),
        lambda m: m.similar_topics(0),
        lambda m: m.similar_words(0),
        lambda m: m.similar_documents(0),
        lambda m: m.topic_word_table(),
        lambda m: m.document_topic_table(),
        lambda m: m.representative_documents(),
        lambda m: m.transform_batches([[1]]),
        lambda m: m.topics_over_time([[1]]),
        lambda m: m.assignments([[1]]),
    ],
)
def test_unfitted_model_is_rejected(call):
    with pytest.raises(NotFittedError):
        call(LatentDirichletAllocation(2))


def test_words_by_name_require_a_vocabulary(model):
    bare = copy.copy(model)
    bare.vocabulary_ = None
    with pytest.raises(ValueError, match="needs a vocabulary"):
        bare.similar_words("moon")
    assert bare.topic_words(0, 1)[0][0] == 0
