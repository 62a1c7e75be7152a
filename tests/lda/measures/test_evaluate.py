"""Measures of topic models: identities, small examples, slow references, invalid input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.decomposition import LatentDirichletAllocation as Variational

from gibbous import evaluate
from gibbous.corpus.corpus import Corpus
from gibbous.lda.model import LatentDirichletAllocation
from gibbous.lda.topic_word import TopicWord
from reference import lda_measure as slow

TEXTS = [
    ["a", "b", "c", "x"],
    ["a", "b", "x", "x", "d"],
    ["a", "x", "y", "z", "c", "c"],
    [],
    ["d", "y"],
    ["b", "a"],
]
LISTS = [["a", "b", "c"], ["d", "y", "b"], ["a", "q", "b"]]


def planted(rng, n=120, k=4, width=12, length=40):
    """Return documents about one or two topics each, which share no words."""
    phi = np.kron(np.eye(k), np.ones(width) / width) * 0.97 + 0.03 / (k * width)
    theta = rng.dirichlet(np.full(k, 0.15), n)
    return np.array([rng.multinomial(length, t @ phi) for t in theta]), phi


def quick(**more):
    return LatentDirichletAllocation(
        sampler="fast", max_iter=60, burn_in=20, random_state=0, **more
    )


# --- held-out -------------------------------------------------------------------------------------


def test_document_completion_is_the_mixture_of_inferred_topics():
    rng = np.random.default_rng(1)
    phi = rng.dirichlet(np.ones(30), 5)
    alpha = rng.gamma(1.0, 1.0, 5) + 0.1
    seen, hidden = (rng.poisson(0.8, (20, 30)) for _ in range(2))
    score = evaluate.document_completion(phi, seen, hidden, alpha=alpha, n_jobs=2)
    want = []
    for a, b in zip(seen, hidden, strict=True):
        theta = slow.fold_in(phi, alpha, np.flatnonzero(a), a[a > 0], 30)
        want.append((b * np.log(theta @ phi)).sum())
    np.testing.assert_allclose(score.log_likelihood, want, rtol=1e-6)
    np.testing.assert_array_equal(score.n_tokens, hidden.sum(axis=1))
    assert score.per_token == pytest.approx(np.sum(want) / hidden.sum(), rel=1e-6)
    assert score.perplexity == pytest.approx(math.exp(-score.per_token))
    assert f"{score.perplexity:.6g}" in str(score)
    again = evaluate.perplexity_document_completion(phi, seen, hidden, alpha=alpha)
    assert again == score.perplexity


def test_whole_documents_are_split_by_the_seed():
    X, phi = planted(np.random.default_rng(2))
    one, same, other = (
        evaluate.document_completion(phi, X, alpha=0.1, random_state=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.log_likelihood, same.log_likelihood)
    assert one.perplexity != other.perplexity
    halves = Corpus.of(X).completion_split(1)
    by_hand = evaluate.document_completion(phi, *halves, alpha=0.1)
    np.testing.assert_array_equal(one.log_likelihood, by_hand.log_likelihood)


def test_fitted_model_uses_its_own_prior():
    X, _ = planted(np.random.default_rng(3))
    model = quick(n_components=4).fit(X)
    explicit = evaluate.perplexity_document_completion(
        model.topics_, X, alpha=model.doc_topic_prior_, random_state=0
    )
    assert evaluate.perplexity_document_completion(model, X, random_state=0) == explicit
    other = Variational(4, random_state=0).fit(X)
    assert 1 < evaluate.perplexity_document_completion(other, X, random_state=0) < X.shape[1]
    with pytest.raises(ValueError, match="is not fitted"):
        evaluate.left_to_right(quick(), X)


def test_blocks_of_documents_do_not_change_the_result(monkeypatch):
    X, phi = planted(np.random.default_rng(4))
    whole = evaluate.document_completion(phi, X, alpha=0.1, random_state=1)
    monkeypatch.setattr("gibbous.lda.measures.heldout._BLOCK", 28)
    parts = evaluate.document_completion(phi, X, alpha=0.1, random_state=1)
    np.testing.assert_array_equal(whole.log_likelihood, parts.log_likelihood)


def test_left_to_right_agrees_with_enumeration_and_with_any_number_of_threads():
    phi = np.random.default_rng(5).dirichlet(np.ones(4), 3)
    X = np.array([[2, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
    exact = [slow.log_probability(phi, np.full(3, 0.4), np.repeat(range(4), x)) for x in X]
    score = evaluate.left_to_right(phi, X, alpha=0.4, n_samples=20_000, random_state=1, n_jobs=1)
    # the deviation of one factor is below 1 in these documents, so that of the sum is below 4 /
    # sqrt(20000)
    np.testing.assert_allclose(score.log_likelihood, exact, atol=5 * 4 / math.sqrt(20_000))
    np.testing.assert_array_equal(score.n_tokens, [4, 0, 4])
    again = evaluate.left_to_right(phi, X, alpha=0.4, n_samples=20_000, random_state=1, n_jobs=3)
    np.testing.assert_array_equal(score.log_likelihood, again.log_likelihood)
    for more in ({"form": "particles"}, {"resample": 2}, {"random_state": 2}):
        given = {"n_samples": 50, "random_state": 1, **more}
        other = evaluate.left_to_right(phi, X, alpha=0.4, **given)
        assert (other.log_likelihood[[0, 2]] != score.log_likelihood[[0, 2]]).all()


@pytest.mark.parametrize("seeded", [False, True])
def test_joint_log_likelihood_is_the_chain_rule(seeded):
    rng = np.random.default_rng(6)
    docs = [rng.integers(0, 7, n) for n in (5, 0, 9, 1)]
    topics = [rng.integers(0, 3, len(d)) for d in docs]
    n_wk, n_dk = np.zeros((7, 3), int), np.zeros((4, 3), int)
    for d, (words, z) in enumerate(zip(docs, topics, strict=True)):
        np.add.at(n_wk, (words, z), 1)
        np.add.at(n_dk[d], z, 1)
    alpha, beta = rng.gamma(1.0, 1.0, 3) + 0.1, rng.gamma(1.0, 1.0, 7) + 0.1
    seeds = rng.random((7, 3)) * (rng.random((7, 3)) < 0.5) if seeded else None
    full = beta[:, None] + (np.zeros((7, 3)) if seeds is None else seeds)
    want = slow.joint_log_likelihood(docs, topics, alpha, full, 7)
    got = evaluate.joint_log_likelihood(n_wk, n_dk, alpha, beta, seeds=seeds, per_token=False)
    assert got == pytest.approx(want, rel=1e-12)
    each = evaluate.joint_log_likelihood(sp.csr_array(n_wk), n_dk, alpha, beta, seeds=seeds)
    assert each == pytest.approx(want / 15, rel=1e-12)


def test_joint_log_likelihood_equals_that_of_the_estimator():
    X, _ = planted(np.random.default_rng(7))
    model = quick(n_components=4).fit(X)
    got = evaluate.joint_log_likelihood(
        model.word_topic_, model.document_topic_, model.doc_topic_prior_, model.topic_word_prior_
    )
    assert got == pytest.approx(model.bound_, rel=1e-9)


# --- coherence ------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["u_mass", "c_npmi", "c_v"])
@pytest.mark.parametrize("window", [None, 2, 3])
def test_coherence_of_texts_equals_reference(measure, window):
    got = evaluate.coherence(LISTS, texts=TEXTS, measure=measure, top_n=3, window=window)
    for words, value in zip(LISTS, got, strict=True):
        if measure == "u_mass":
            texts = TEXTS if window is None else [list(s) for s in slow.windows(TEXTS, window)]
            want = slow.u_mass(texts, words)
        elif measure == "c_npmi":
            want = slow.c_npmi(TEXTS, words, window or 10)
        else:
            want = slow.c_v(TEXTS, words, window or 110)
        assert value == pytest.approx(want, rel=1e-9)


def test_u_mass_of_a_small_example():
    # 5 documents with words; a in 4, b in 3, c in 2; a with b in 3, a with c in 2, b with c in 1
    want = (math.log(4 / 4) + math.log(3 / 4) + math.log(2 / 3)) / 3
    got = evaluate.coherence(LISTS[:1], texts=TEXTS, measure="u_mass", top_n=3)
    assert got[0] == pytest.approx(want, rel=1e-12)


def test_c_npmi_of_a_small_example():
    # 2 documents of 4 with both words, 3 with the first, 2 with the second
    texts = [["v", "w"], ["w", "v"], ["v"], ["x"]]
    want = math.log(0.5 / (0.75 * 0.5)) / -math.log(0.5)
    assert evaluate.coherence([["v", "w"]], texts=texts)[0] == pytest.approx(want, rel=1e-9)
    never = evaluate.coherence([["w", "x"]], texts=texts, epsilon=1e-9)[0]
    assert never == pytest.approx(math.log(1e-9 / (0.5 * 0.25)) / -math.log(1e-9), rel=1e-9)


def test_words_that_always_occur_together_have_the_highest_coherence():
    for texts in ([["v", "w"]] * 3, [["v", "w"], ["x"]]):
        for measure in ("c_npmi", "c_v"):
            got = evaluate.coherence([["v", "w"]], texts=texts, measure=measure)
            assert got[0] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("measure", ["u_mass", "c_npmi", "c_v"])
def test_a_corpus_counts_as_texts_with_windows_of_whole_documents(measure):
    corpus = Corpus.from_tokens(TEXTS)
    want = evaluate.coherence(LISTS, texts=TEXTS, measure=measure, top_n=3, window=0)
    got = evaluate.coherence(LISTS, corpus, measure=measure, top_n=3)
    np.testing.assert_array_equal(got, want)
    number = {w: i for i, w in enumerate(corpus.vocabulary)}
    ids = [[number[w] for w in words] for words in LISTS[:2]]
    bare = evaluate.coherence(ids, corpus.to_csr(), measure=measure, top_n=3)
    np.testing.assert_array_equal(bare, want[:2])
    named = evaluate.coherence(
        ids, texts=TEXTS, measure=measure, top_n=3, window=0, vocabulary=corpus.vocabulary
    )
    np.testing.assert_array_equal(named, want[:2])


def test_coherence_of_a_model_equals_that_of_its_top_words():
    rng = np.random.default_rng(8)
    X, _ = planted(rng)
    names = [f"w{i}" for i in range(X.shape[1])]
    corpus = Corpus.of(X, names)
    model = quick(n_components=4).fit(corpus)
    lists = [[names[w] for w in words] for words in model.topics_.top_words(10)]
    want = evaluate.coherence(lists, corpus)
    np.testing.assert_array_equal(evaluate.coherence(model, corpus), want)
    # a reference with its words in another order, and one additional word
    order = rng.permutation(X.shape[1])
    wider = np.column_stack([X[:, order], np.zeros(len(X), int)])
    other = Corpus.of(wider, [names[i] for i in order] + ["new"])
    np.testing.assert_array_equal(evaluate.coherence(model, other), want)
    assert want.mean() > evaluate.coherence([np.arange(0, 40, 4)], X).mean()
    for jobs in (2, 3, 7):
        np.testing.assert_array_equal(evaluate.coherence(model, corpus, n_jobs=jobs), want)


# --- diversity, exclusivity -----------------------------------------------------------------------


def test_topic_diversity_of_a_small_example():
    assert evaluate.topic_diversity([["a", "b"], ["c", "d"]]) == 1.0
    assert evaluate.topic_diversity([["a", "b"], ["b", "a"]]) == 0.5
    assert evaluate.topic_diversity([["a", "b", "c"], ["c", "d", "e"]], top_n=2) == 1.0


def test_exclusivity_of_a_small_example():
    phi = [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]
    want = [(0.6 / 0.8 + 0.3 / 0.5) / 2, (0.6 / 0.7 + 0.2 / 0.8) / 2]
    np.testing.assert_allclose(evaluate.exclusivity(phi, top_n=2), want, rtol=1e-6)


@pytest.mark.parametrize("weight", [0.5, 0.7])
def test_frex_equals_reference(weight):
    rng = np.random.default_rng(9)
    topics = TopicWord.from_counts(rng.poisson(0.7, (25, 4)), 0.05)
    phi = topics.dense()
    got = evaluate.exclusivity(topics, top_n=5, measure="frex", weight=weight)
    want = [slow.frex(phi, k, topics.top_words(5)[k], weight) for k in range(4)]
    np.testing.assert_allclose(got, want, rtol=1e-12)


# --- matching -------------------------------------------------------------------------------------


def test_matching_undoes_a_permutation():
    rng = np.random.default_rng(10)
    phi = rng.dirichlet(np.full(50, 0.1), 12)
    order = rng.permutation(12)
    match = evaluate.match_topics(phi, TopicWord.from_dense(phi).take(order))
    np.testing.assert_array_equal(order[match.second], match.first)
    np.testing.assert_allclose(match.cosine, 1.0, rtol=1e-6)
    assert "12 topics matched: mean cosine 1.0000" in str(match)


def test_cosines_equal_those_of_the_dense_rows():
    rng = np.random.default_rng(11)
    a, b = (TopicWord.from_counts(rng.poisson(0.5, (30, k)), 0.3) for k in (5, 3))
    match = evaluate.match_topics(a, b)
    assert len(match.first) == 3 and len(set(match.second)) == 3
    p, q = a.dense(), b.dense()
    cosine = p @ q.T / np.outer(np.linalg.norm(p, axis=1), np.linalg.norm(q, axis=1))
    np.testing.assert_allclose(match.cosine, cosine[match.first, match.second], rtol=1e-6)
    greedy = cosine.max(axis=0).mean()
    assert match.mean <= greedy + 1e-9


def test_stability_is_the_mean_over_pairs():
    rng = np.random.default_rng(12)
    models = [rng.dirichlet(np.full(20, 0.3), 4) for _ in range(3)]
    found = evaluate.stability(models)
    each = [evaluate.match_topics(models[i], models[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.pairs == ((0, 1), (0, 2), (1, 2))
    assert found.mean == pytest.approx(np.mean([m.mean for m in each]))
    np.testing.assert_allclose(found.per_topic, (each[0].cosine + each[1].cosine) / 2)
    assert "stability of 3 models" in str(found)


# --- selection ------------------------------------------------------------------------------------


def test_selection_finds_the_planted_number_of_topics_with_any_number_of_threads():
    X, _ = planted(np.random.default_rng(13), n=200)
    told = []
    selection = evaluate.select_topics(
        X,
        (8, 2, 4),
        n_seeds=2,
        estimator=quick(),
        random_state=5,
        n_jobs=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert selection.ks == (2, 4, 8)
    assert sorted(told) == [(i, 6) for i in range(1, 7)]
    assert selection.best["perplexity"] == 4
    assert selection.best["coherence"] == 4
    assert selection.values["perplexity"].shape == (3, 2)
    assert selection.values["stability"].shape == (3, 1)
    assert selection.values["stability"][1] > 0.98
    for jobs in (1, 7):
        again = evaluate.select_topics(
            X, (2, 4, 8), n_seeds=2, estimator=quick(), random_state=5, n_jobs=jobs
        )
        for name, values in selection.values.items():
            np.testing.assert_array_equal(again.values[name], values, err_msg=name)


def test_selection_prints_tabulates_and_draws():
    values = {"perplexity": np.array([[9.0, 11.0], [7.0, 8.0]]), "coherence": np.eye(2)}
    selection = evaluate.TopicSelection((5, 10), 2, values, "c_v")
    lines = str(selection).splitlines()
    assert lines[0].startswith("2 numbers of topics, 2 fits each")
    assert lines[1].split() == ["topics", "perplexity", "c_v"]
    assert lines[2].split() == ["5", "10", "0.5*"]
    assert lines[3].split() == ["10", "7.5*", "0.5"]
    assert selection.best == {"perplexity": 10, "coherence": 5}
    frame = selection.to_frame()
    assert list(frame.columns) == [
        "n_topics",
        "perplexity",
        "perplexity_std",
        "coherence",
        "coherence_std",
    ]
    assert frame["perplexity_std"].tolist() == [1.0, 0.5]
    figure = selection.plot()
    assert [ax.get_title() for ax in figure.axes] == [
        "perplexity (lower is better)",
        "coherence c_v (higher is better)",
    ]
    figure.canvas.draw()


def test_selection_takes_texts_names_and_other_estimators():
    X, _ = planted(np.random.default_rng(14), n=60)
    names = [f"w{i}" for i in range(X.shape[1])]
    texts = [[names[w] for w in np.repeat(np.arange(X.shape[1]), x)] for x in X]
    selection = evaluate.select_topics(
        X,
        [3],
        measures=["coherence", "diversity"],
        n_seeds=1,
        texts=iter(texts),
        vocabulary=names,
        coherence="c_v",
        estimator=Variational(max_iter=2),
        random_state=1,
    )
    assert set(selection.values) == {"coherence", "diversity"}
    assert (selection.values["coherence"] > 0).all()


def test_error_in_one_fit_propagates_from_the_grid():
    X, _ = planted(np.random.default_rng(15), n=30)
    for jobs in (1, 2):
        with pytest.raises(ValueError, match="max_iter"):
            evaluate.select_topics(
                X, [2, 3], estimator=LatentDirichletAllocation(max_iter=-1), n_jobs=jobs
            )


# --- bad input ------------------------------------------------------------------------------------

PHI = np.full((2, 4), 0.25)
ONE = np.ones((1, 4), int)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: evaluate.document_completion(PHI, ONE), "alpha must be given"),
        (lambda: evaluate.document_completion(PHI, ONE, alpha=[1, 2, 3]), "alpha must be one"),
        (lambda: evaluate.document_completion(PHI, ONE, alpha=-1), "alpha must be finite and > 0"),
        (lambda: evaluate.document_completion(PHI, ONE[:, :3], alpha=1), "observed has 3 words"),
        (lambda: evaluate.document_completion(PHI, -ONE, alpha=1), "counts must|negative"),
        (lambda: evaluate.document_completion(PHI, ONE, ONE[:0], alpha=1), "a row for each"),
        (lambda: evaluate.document_completion(PHI, ONE, alpha=1, max_iter=0), "max_iter must be"),
        (lambda: evaluate.document_completion(PHI, ONE, alpha=1, tol=-1), "tol must be a number"),
        (lambda: evaluate.left_to_right(PHI, ONE, alpha=1, form="x"), "form must be"),
        (lambda: evaluate.left_to_right(PHI, ONE, alpha=1, n_samples=0), "n_samples must be"),
        (lambda: evaluate.left_to_right(PHI, ONE, alpha=1, resample=-1), "resample must be"),
        (lambda: evaluate.left_to_right(PHI, ONE * 0.5, alpha=1), "whole number"),
        (lambda: evaluate.joint_log_likelihood(ONE.T, [[1, 1]], 1, 1), "must have 1 columns"),
        (lambda: evaluate.joint_log_likelihood(ONE.T, [[3]], 1, 1), "count the same tokens"),
        (lambda: evaluate.joint_log_likelihood(-ONE.T, [[-4]], 1, 1), "counts >= 0"),
        (lambda: evaluate.joint_log_likelihood(ONE.T, [[4]], 1, [1, 1]), "beta must be one"),
        (lambda: evaluate.joint_log_likelihood(ONE.T, [[4]], 1, 1, seeds=[[1]]), "seeds must be"),
        (lambda: evaluate.coherence(LISTS, texts=TEXTS, measure="c_w"), "measure must be one of"),
        (lambda: evaluate.coherence(LISTS), "give either corpus"),
        (lambda: evaluate.coherence(LISTS, ONE, texts=TEXTS), "give either corpus"),
        (lambda: evaluate.coherence(LISTS, texts=TEXTS, top_n=1), "top_n must be"),
        (lambda: evaluate.coherence(LISTS, texts=TEXTS, top_n=65), "top_n must be"),
        (lambda: evaluate.coherence(LISTS, texts=TEXTS, window=-1), "window must be"),
        (lambda: evaluate.coherence([[0, 1]], ONE, window=5), "window needs texts"),
        (lambda: evaluate.coherence(LISTS, texts=TEXTS, epsilon=0.0), "epsilon must be"),
        (lambda: evaluate.coherence(LISTS, texts=[[]]), "reference has no words"),
        (lambda: evaluate.coherence(LISTS, texts="a b c"), "texts must be lists of tokens"),
        (lambda: evaluate.coherence(LISTS, texts=["a b c"]), "texts must be lists of tokens"),
        (lambda: evaluate.coherence([["a", "a"]], texts=TEXTS), "names a word twice"),
        (lambda: evaluate.coherence([["a", "b"], ["a"]], texts=TEXTS), "lists of one length"),
        (lambda: evaluate.coherence([["a", "b"]], ONE), "vocabulary must name"),
        (lambda: evaluate.coherence([[0, 9]], ONE), "topics name word 9"),
        (lambda: evaluate.coherence([[0, 1]], texts=TEXTS), "vocabulary must be given"),
        (lambda: evaluate.topic_diversity([["a"]]), "lists of one length"),
        (lambda: evaluate.exclusivity(PHI, measure="x"), "measure must be"),
        (lambda: evaluate.exclusivity(PHI, weight=1.0), "weight must be"),
        (lambda: evaluate.exclusivity(PHI, top_n=0), "top_n must be"),
        (lambda: evaluate.match_topics(PHI, PHI[:, :2] * 2), "same vocabulary"),
        (lambda: evaluate.stability([PHI]), "at least two; got 1"),
        (lambda: evaluate.select_topics(ONE, []), "ks must be different"),
        (lambda: evaluate.select_topics(ONE, [2, 2]), "ks must be different"),
        (lambda: evaluate.select_topics(ONE, [1]), "ks must be ints from 2"),
        (lambda: evaluate.select_topics(ONE, [2], measures=["x"]), "measures must be of"),
        (lambda: evaluate.select_topics(ONE, [2], n_seeds=1), "stability needs n_seeds"),
        (lambda: evaluate.select_topics(ONE, [2], n_seeds=0), "n_seeds must be"),
        (lambda: evaluate.select_topics(ONE, [2], held_out=1.0), "held_out must be"),
        (lambda: evaluate.select_topics(ONE, [2], coherence="x"), "coherence must be one of"),
        (lambda: evaluate.select_topics(ONE, [2], texts=TEXTS), "vocabulary must be given"),
        (lambda: evaluate.select_topics(ONE, [2]), "leaves one side empty"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_corpus_with_other_words_is_rejected():
    X, _ = planted(np.random.default_rng(16), n=20)
    names = [f"w{i}" for i in range(X.shape[1])]
    model = quick(n_components=2).fit(Corpus.of(X, names))
    with pytest.raises(ValueError, match="other words than the topics"):
        evaluate.left_to_right(model, Corpus.of(X, names[::-1]))
