"""Sparse topics; fold-in, held-out probability, left-to-right estimates and pair counts."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import scipy.sparse as sp

from gibbous._ground.isa import core
from gibbous.corpus.corpus import Corpus
from gibbous.lda.fold_in import Bags, fold_in, log_predictive, prior_of
from gibbous.lda.topic_word import MOST_TOPICS, TopicWord
from reference import lda_measure as slow
from support.ctrl_c import answered_ctrl_c

DTYPES = (np.float32, np.float64)


def bags(rows):
    corpus = Corpus.of(rows)
    return Bags.of(corpus)


def documents(rng, n, n_words, mean=2.0, share=0.3):
    return rng.poisson(mean, (n, n_words)) * (rng.random((n, n_words)) < share)


def dense_topics(rng, k, n_words):
    return TopicWord.from_dense(rng.dirichlet(np.ones(n_words), k))


def sparse_topics(rng, k, n_words):
    """Few stored values, as in counts: the sparse pass is used."""
    counts = rng.integers(1, 50, (n_words, k)) * (rng.random((n_words, k)) < 0.04)
    return TopicWord.from_counts(sp.csr_array(counts), 0.1)


# --- TopicWord ------------------------------------------------------------------------------------


def test_topics_from_counts_are_the_posterior_mean():
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.4, (50, 7))
    seeds = sp.csr_array(rng.random((50, 7)) * (rng.random((50, 7)) < 0.1))
    for extra in (None, seeds):
        prior = 0.1 + (0 if extra is None else extra.toarray())
        want = ((counts + prior) / (counts + prior).sum(axis=0)).T
        got = TopicWord.from_counts(sp.csr_array(counts), 0.1, extra)
        np.testing.assert_allclose(got.dense(), want, rtol=3e-7)
        assert got.dense(np.float32).dtype == np.float32
    assert (got.n_topics, got.n_words) == (7, 50)
    assert TopicWord.from_counts(counts, 0.1).values.size == np.count_nonzero(counts)


def test_topics_from_dense_rows_equal_these_rows():
    phi = np.random.default_rng(2).dirichlet(np.full(40, 0.1), 5)
    phi[0, :10] = 0
    phi[0] /= phi[0].sum()
    got = TopicWord.from_dense(phi)
    np.testing.assert_allclose(got.dense(), phi, rtol=3e-7, atol=1e-12)
    np.testing.assert_array_equal(got.columns([3, 39, 3]), got.dense()[:, [3, 39, 3]])
    assert got.columns([]).shape == (5, 0)


def test_top_words_with_equal_probability_are_sorted_by_number():
    rng = np.random.default_rng(3)
    topics = TopicWord.from_counts(rng.poisson(0.2, (30, 6)), 0.5)
    for n in (1, 5, 30, 99):
        want = np.argsort(-topics.dense(np.float32), axis=1, kind="stable")[:, :n]
        np.testing.assert_array_equal(topics.top_words(n), want)


def test_probabilities_of_pairs_equal_those_of_the_dense_array():
    rng = np.random.default_rng(5)
    for topics in (sparse_topics(rng, 6, 40), dense_topics(rng, 6, 40)):
        k, w = rng.integers(0, 6, 200), rng.integers(0, 40, 200)
        np.testing.assert_array_equal(topics.of_pairs(k, w), topics.dense()[k, w])
        top = topics.top_words(7)
        want = np.take_along_axis(topics.dense(), top, axis=1)
        np.testing.assert_array_equal(topics.of_pairs(np.arange(6)[:, None], top), want)
    nothing_stored = TopicWord.from_counts(np.zeros((4, 2)), 0.5)
    assert nothing_stored.of_pairs([0, 1], [3, 0]).tolist() == [0.25, 0.25]
    for k, w in ((-1, 0), (6, 0), (0, -1), (0, 40)):
        with pytest.raises(ValueError, match=r"must be in \[0, (6|40)\)"):
            topics.of_pairs(k, w)


def test_average_and_take():
    rng = np.random.default_rng(4)
    several = [TopicWord.from_counts(rng.poisson(0.5, (20, 4)), 0.1) for _ in range(3)]
    mean = np.mean([t.dense() for t in several], axis=0)
    np.testing.assert_allclose(TopicWord.average(several).dense(), mean, rtol=3e-7)
    np.testing.assert_array_equal(several[0].take([2, 0]).dense(), several[0].dense()[[2, 0]])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: TopicWord.from_dense([[0.5, 0.6]]), "sum to 1; row 0 sums to 1.1"),
        (lambda: TopicWord.from_dense([[1.5, -0.5]]), "negative"),
        (lambda: TopicWord.from_dense([0.5, 0.5]), "shape"),
        (lambda: TopicWord.from_dense(None), "phi must be"),
        (lambda: TopicWord.from_counts([[1, -1]], 0.1), "counts must be finite and >= 0"),
        (lambda: TopicWord.from_counts([[1, 1]], 0), "beta must be a finite number > 0; got 0"),
        (lambda: TopicWord.from_counts([[1, 1]], 0.1, [[1]]), "seeds must have the shape"),
        (lambda: TopicWord.average([]), "at least one"),
        (lambda: TopicWord([0, 2], [1, 0], [0.1, 0.1], [0.1, 0.1]), "ascend within a word"),
        (lambda: TopicWord([0, 1], [2], [0.1], [0.1, 0.1]), r"be in \[0, 2\)"),
        (lambda: TopicWord([0, 2], [0], [0.1], [0.1]), "indptr must begin at 0"),
        (lambda: TopicWord([0, 1], [0], [-0.1], [0.1]), "values must be finite"),
        (lambda: TopicWord([0, 1], [-1], [0.1], [0.1]), "topics must be in"),
        (lambda: TopicWord([0, 1], [0], [0.1], np.ones(MOST_TOPICS + 1)), "floor must have"),
        (lambda: dense_topics(np.random.default_rng(0), 2, 3).columns([3]), r"be in \[0, 3\)"),
        (lambda: dense_topics(np.random.default_rng(0), 2, 3).take([2]), r"be in \[0, 2\)"),
        (lambda: dense_topics(np.random.default_rng(0), 2, 3).top_words(0), "at least 1"),
    ],
)
def test_invalid_topics_are_rejected(make, says):
    with pytest.raises(ValueError, match=says):
        make()


# --- fold-in and prediction -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 2, 7, 8, 33, 100])
@pytest.mark.parametrize("make", [dense_topics, sparse_topics])
def test_fold_in_equals_reference(dtype, k, make):
    rng = np.random.default_rng(k)
    topics, X = make(rng, k, 60), documents(rng, 9, 60)
    alpha = rng.gamma(1.0, 1.0, k) + 0.01
    theta, _ = fold_in(topics, alpha, bags(X), max_iter=12, dtype=dtype)
    assert theta.dtype == dtype
    phi = topics.dense()
    want = [slow.fold_in(phi, alpha, np.flatnonzero(x), x[x > 0], 12) for x in X]
    tight = 2e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(theta, want, rtol=tight, atol=tight * 1e-2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [dense_topics, sparse_topics])
def test_topics_of_a_document_do_not_depend_on_other_documents(dtype, make):
    rng = np.random.default_rng(5)
    topics, X = make(rng, 21, 80), documents(rng, 300, 80)

    def infer(rows, threads=1):
        return fold_in(topics, 0.1, bags(rows), dtype=dtype, n_threads=threads)[0]

    theta = infer(X)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(infer(X, threads), theta)
    order = rng.permutation(300)
    np.testing.assert_array_equal(infer(X[order], 2), theta[order])
    for d in (0, 17, 299):
        np.testing.assert_array_equal(infer(X[d : d + 1])[0], theta[d])


def test_document_within_tolerance_is_at_its_fixed_point():
    rng = np.random.default_rng(6)
    topics, X = dense_topics(rng, 5, 40), bags(documents(rng, 50, 40))
    theta, n_open = fold_in(topics, 0.5, X, max_iter=10_000, tol=1e-10)
    again, _ = fold_in(topics, 0.5, X, max_iter=20_000, tol=1e-13)
    assert n_open == 0
    np.testing.assert_allclose(theta, again, atol=1e-6)
    assert fold_in(topics, 0.5, X, max_iter=2, tol=1e-10)[1] == 50


def test_documents_without_evidence_get_the_prior():
    topics = TopicWord.from_dense([[0.5, 0.5, 0], [1.0, 0, 0]])
    theta, _ = fold_in(topics, [1.0, 3.0], bags([[0, 0, 0], [0, 0, 9]]))
    np.testing.assert_allclose(theta, [[0.25, 0.75], [0.25, 0.75]], rtol=1e-15)
    log_p = log_predictive(topics, theta, bags([[2, 1, 0], [0, 0, 1]]))
    want = 2 * np.log(0.25 * 0.5 + 0.75) + np.log(0.25 * 0.5)
    np.testing.assert_allclose(log_p, [want, -np.inf], rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_predictive_equals_the_mixture(dtype):
    rng = np.random.default_rng(7)
    topics, X = sparse_topics(rng, 30, 50), documents(rng, 100, 50)
    theta = rng.dirichlet(np.ones(30), 100).astype(dtype)
    want = (X * np.log(theta.astype(float) @ topics.dense())).sum(axis=1)
    got = log_predictive(topics, theta, bags(X), n_threads=2)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_completion_of_20news_equals_the_slow_iteration(data_folder):
    X = sp.load_npz(data_folder / "20news.npz").tocsr()
    corpus = Corpus.of(X)
    topics = TopicWord.from_counts(
        sp.csr_array(X[:3000].T @ np.random.default_rng(8).dirichlet(np.ones(50), 3000)), 0.01
    )
    seen, hidden = corpus[3000:3060].completion_split(1)
    theta, _ = fold_in(topics, 0.5, Bags.of(seen))
    got = log_predictive(topics, theta, Bags.of(hidden))
    phi, alpha, want = topics.dense(), np.full(50, 0.5), []
    for d in range(60):
        a, b = seen[d : d + 1], hidden[d : d + 1]
        th = slow.fold_in(phi, alpha, a.indices, a.counts, 30)
        want.append((b.counts * np.log(th @ phi[:, b.indices])).sum())
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_mismatched_inputs_are_rejected():
    topics = dense_topics(np.random.default_rng(0), 3, 4)
    with pytest.raises(ValueError, match="alpha must be one number or one for each of the 3"):
        fold_in(topics, [1.0, 2.0], bags([[1, 1, 1, 1]]))
    with pytest.raises(ValueError, match="alpha must be finite and > 0"):
        prior_of([1.0, 0.0], 2)
    with pytest.raises(ValueError, match="words must lie within the vocabulary"):
        fold_in(topics, 1.0, bags([[1, 1, 1, 1, 1]]))
    with pytest.raises(ValueError, match="max_iter must be at least 1"):
        fold_in(topics, 1.0, bags([[1, 1, 1, 1]]), max_iter=0)
    with pytest.raises(ValueError, match="theta must have a row"):
        log_predictive(topics, np.ones((2, 3)), bags([[1, 1, 1, 1]]))


# --- left to right --------------------------------------------------------------------------------


def estimate(topics, alpha, X, form="sequential", samples=20, resample=-1, seed=0, threads=1):
    rows = X if isinstance(X, Bags) else bags(X)
    log_p = np.empty(rows.n_documents)
    core.lda.left_to_right(
        core.lda.Documents(*rows),
        core.lda.TopicWord(topics.indptr, topics.topics, topics.values, topics.floor),
        prior_of(alpha, topics.n_topics),
        (form, samples, resample, seed),
        log_p,
        threads,
    )
    return log_p


@pytest.mark.parametrize(("samples", "resample"), [(1, -1), (3, -1), (5, 1), (2, 0)])
def test_the_sequential_estimate_is_unbiased_for_any_number_of_samples(samples, resample):
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    rng = np.random.default_rng(seed)
    # Opposite topics and a prior that favors one of them: sweeps hardly change a state, so that a
    # chain that continued from its last state would be off by a fifth, 14 times the error here.
    topics, alpha, doc = TopicWord.from_dense([[0.9, 0.1], [0.1, 0.9]]), np.full(2, 0.05), [2, 2]
    exact = np.exp(slow.log_probability(topics.dense(), alpha, np.repeat([0, 1], doc)))
    n, row = 16_000, bags([doc])
    got = np.exp(
        [
            estimate(topics, alpha, row, samples=samples, resample=resample, seed=s)[0]
            for s in rng.integers(0, 2**63, n)
        ]
    )
    error = got.std(ddof=1) / np.sqrt(n) + 1e-6 * exact  # the core stores phi as float32
    assert abs(got.mean() - exact) < 5 * error, f"seed {seed}: {got.mean()} not {exact} +- {error}"
    if not got.std() > 0:
        pytest.fail(f"seed {seed}: the estimates do not vary, so that nothing was tested")


@pytest.mark.parametrize("form", ["particles", "sequential"])
@pytest.mark.parametrize("resample", [-1, 1])
def test_many_samples_converge_to_the_limit(form, resample):
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    rng = np.random.default_rng(seed)
    topics = TopicWord.from_dense(rng.dirichlet(np.full(4, 0.5), 4))
    alpha, doc = np.full(4, 0.3), rng.multinomial(4, np.ones(4) / 4)
    phi, tokens = topics.dense(), np.repeat(np.arange(4), doc)
    if form == "sequential":
        limits = [slow.log_probability(phi, alpha, tokens)]
    else:  # the limit depends on the order of the tokens, which every run draws
        limits = [slow.particle_limit(phi, alpha, p, resample) for p in permutations(tokens)]
    seeds = rng.integers(0, 2**63, 200)
    got = np.array([estimate(topics, alpha, [doc], form, 2000, resample, seed=s)[0] for s in seeds])
    # the bias of a logarithm is half the variance of one estimate
    error = got.std(ddof=1) / np.sqrt(len(got)) + got.var() / 2 + 1e-6
    want = np.mean(limits)
    assert abs(got.mean() - want) < 5 * error, f"seed {seed}: {got.mean()} not {want} +- {error}"


@pytest.mark.parametrize("form", ["particles", "sequential"])
def test_estimate_with_one_topic_is_exact(form):
    phi = np.random.default_rng(9).dirichlet(np.ones(6), 1)
    X = documents(np.random.default_rng(10), 8, 6)
    got = estimate(TopicWord.from_dense(phi), 0.7, X, form, 2)
    np.testing.assert_allclose(got, (X * np.log(phi)).sum(axis=1), rtol=1e-6)


@pytest.mark.parametrize("form", ["particles", "sequential"])
@pytest.mark.parametrize("k", [3, 40, 131])
def test_estimates_depend_only_on_the_document_and_the_seed(form, k):
    rng = np.random.default_rng(11)
    topics, X = sparse_topics(rng, k, 30), documents(rng, 40, 30, share=0.5)
    log_p = estimate(topics, 0.2, X, form, 4)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(estimate(topics, 0.2, X, form, 4, threads=threads), log_p)
    order = rng.permutation(40)
    np.testing.assert_array_equal(estimate(topics, 0.2, X[order], form, 4), log_p[order])
    other = estimate(topics, 0.2, X, form, 4, seed=1)
    long = X.sum(axis=1) > 2
    assert (other[long] != log_p[long]).all()


@pytest.mark.parametrize("form", ["particles", "sequential"])
def test_impossible_words_and_empty_documents(form):
    topics = TopicWord.from_dense([[0.5, 0.5, 0], [1.0, 0, 0]])
    got = estimate(topics, 1.0, [[0, 0, 0], [2, 1, 1], [0, 0, 1]], form, 3)
    np.testing.assert_array_equal(got, [0.0, -np.inf, -np.inf])


def test_ctrl_c_stops_a_long_document():
    topics = dense_topics(np.random.default_rng(12), 64, 4)
    with answered_ctrl_c(0.3, 1) as press:
        press()
        estimate(topics, 1.0, [[100_000] * 4], "particles", 1000)


def test_core_rejects_unknown_plans():
    topics = dense_topics(np.random.default_rng(0), 2, 3)
    for bad in ({"form": "backwards"}, {"samples": 0}, {"resample": -2}):
        with pytest.raises(ValueError, match=r"form must be known|samples must be at least 1"):
            estimate(topics, 1.0, [[1, 1, 1]], **bad)


# --- pair counts ----------------------------------------------------------------------------------


def pairs_of(texts, lists, window, threads=1, vocabulary=None):
    indptr = np.concatenate([[0], np.cumsum([len(t) for t in texts])]).astype(np.int64)
    words = np.concatenate([np.empty(0), *texts]).astype(np.int32)
    lists = np.asarray(lists, np.int32)
    pairs = np.full((*lists.shape, lists.shape[1]), -7, np.int64)
    most = max(12, int(lists.max()) + 1) if vocabulary is None else vocabulary
    n = core.lda.count_pairs(indptr, words, most, lists, window, pairs, threads)
    return pairs, n


@pytest.mark.parametrize("window", [0, 1, 2, 3, 10, 500])
def test_pair_counts_equal_reference(window):
    rng = np.random.default_rng(13)
    texts = [rng.integers(-1, 12, rng.integers(0, 40)) for _ in range(150)]
    lists = [rng.permutation(12)[:5] for _ in range(6)]
    want, n = slow.count_pairs([t.tolist() for t in texts], [x.tolist() for x in lists], window)
    for threads in (1, 2, 3, 7):
        got, windows = pairs_of(texts, lists, window, threads)
        np.testing.assert_array_equal(got, want)
        assert windows == n


def test_unused_words_and_texts_without_words():
    got, n = pairs_of([[], [0, 1, 1], []], [[0, -1, 1]], 2)
    assert n == 2
    np.testing.assert_array_equal(got[0], [[1, 0, 1], [0, 0, 0], [1, 0, 2]])
    got, n = pairs_of([], [[0, 1]], 0)
    assert n == 0 and not got.any()


def test_the_widest_lists():
    got, n = pairs_of([range(64)] * 3, [range(64)], 0)
    assert n == 3 and (got == 3).all()
    with pytest.raises(ValueError, match="1 to 64 words"):
        pairs_of([[0]], [range(65)], 0)
    with pytest.raises(ValueError, match="below the vocabulary"):
        pairs_of([[12]], [[0, 1]], 0, vocabulary=12)
