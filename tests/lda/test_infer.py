"""The topics of unseen documents: the optimum, by every algorithm."""

from __future__ import annotations

import secrets

import numpy as np
import pytest
import scipy.sparse as sp

from gibbous import Corpus, LatentDirichletAllocation
from gibbous.lda.fold_in import Bags, fold_in, infer, infer_sparse, sparse_rows
from gibbous.lda.topic_word import TopicWord


def bags_of(counts):
    rows = sp.csr_array(counts)
    return Bags(
        rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.int32)
    )


def case(seed, topics, words=400, documents=60, length=70):
    """Return topics as estimated by a sampler, a prior, and documents of the model."""
    rng = np.random.default_rng(seed)
    phi = rng.dirichlet(np.full(words, 0.05), topics)
    counts = rng.poisson(3000 * phi / topics).T
    topic_word = TopicWord.from_counts(sp.csr_array(counts), 0.01)
    alpha = rng.gamma(1.0, 5.0 / topics, topics) + 1e-3
    theta = rng.dirichlet(alpha, documents)
    n = rng.poisson(length, documents)
    X = np.stack([rng.multinomial(m, t @ phi) for m, t in zip(n, theta, strict=True)])
    return topic_word, alpha, X


def unbalance(topics, alpha, X, theta):
    """Return the residual of theta_k mass = alpha_k + theta_k gain_k, in shares."""
    phi = topics.dense()
    gain = (X / np.maximum(theta @ phi, 1e-300)) @ phi.T
    mass = X.sum(axis=1) + alpha.sum()
    return np.abs((alpha + theta * gain) / mass[:, None] - theta).sum(axis=1)


# up to 128 topics, all are active; above, some are selected and checked again
@pytest.mark.parametrize("topics", [1, 2, 7, 20, 61, 128, 129, 300, 1000])
@pytest.mark.parametrize("tol", [1e-5, 1e-9])
def test_result_is_a_fixed_point_of_em(topics, tol):
    seed = secrets.randbits(32)
    topic_word, alpha, X = case(seed, topics)
    theta, n_open = infer(topic_word, alpha, bags_of(X), tol=tol, max_iter=20_000)
    assert n_open == 0, seed
    assert np.abs(theta.sum(axis=1) - 1).max() < 1e-12
    # one step after the tolerance was checked; single precision adds a few ulp
    assert unbalance(topic_word, alpha, X, theta).max() < 1.5 * tol + 1e-12, seed


@pytest.mark.parametrize("topics", [5, 60, 300])
def test_plain_iteration_converges_to_the_same_result(topics):
    seed = secrets.randbits(32)
    topic_word, alpha, X = case(seed, topics, documents=20)
    slow, _ = fold_in(topic_word, alpha, bags_of(X), max_iter=200_000, tol=1e-13)
    fast, _ = infer(topic_word, alpha, bags_of(X), tol=1e-10)
    assert np.abs(slow - fast).max() < 1e-6, seed
    likely = [
        (X * np.log(t @ topic_word.dense())).sum() + (alpha * np.log(t)).sum() for t in (slow, fast)
    ]
    assert likely[1] >= likely[0] - 1e-6, seed


# few and many words per document; the first needs at most one block, the last many
@pytest.mark.parametrize(("words", "length"), [(5, 3), (30, 500), (2500, 4000)])
@pytest.mark.parametrize("topics", [20, 200])
def test_short_and_long_documents(words, length, topics):
    topic_word, alpha, X = case(7, topics, words=words, documents=8, length=length)
    # 200 topics of 30 words are very similar, which takes many steps
    theta, n_open = infer(topic_word, alpha, bags_of(X), tol=1e-9, max_iter=20_000)
    assert n_open == 0
    assert unbalance(topic_word, alpha, X, theta).max() < 2e-9


def test_sparse_values_are_kept_sparse():
    # a word has one or two of 3000 topics: sparse passes are cheaper than blocks
    rng = np.random.default_rng(3)
    counts = sp.random_array(
        (3000, 3000), density=5e-4, rng=rng, data_sampler=rng.standard_exponential
    )
    topic_word = TopicWord.from_counts(sp.csr_array(counts * 100), 1e-4)
    X = rng.poisson(0.2, (4, 3000))
    alpha = np.full(3000, 0.2)
    theta, n_open = infer(topic_word, alpha, bags_of(X), tol=1e-8)
    assert n_open == 0
    assert unbalance(topic_word, alpha, X, theta).max() < 2e-8


@pytest.mark.parametrize("topics", [20, 150])
def test_document_is_independent_of_threads_neighbors_and_order(topics):
    topic_word, alpha, X = case(11, topics, documents=150)
    whole, _ = infer(topic_word, alpha, bags_of(X))
    for threads in (2, 3, 7):
        again, _ = infer(topic_word, alpha, bags_of(X), n_threads=threads)
        assert (whole == again).all()
    order = np.random.default_rng(1).permutation(len(X))
    assert (infer(topic_word, alpha, bags_of(X[order]))[0] == whole[order]).all()
    alone = [infer(topic_word, alpha, bags_of(X[i : i + 1]))[0][0] for i in range(0, 150, 10)]
    assert (np.array(alone) == whole[::10]).all()


def test_documents_without_information():
    phi = TopicWord.from_dense([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    alpha = np.array([1.0, 3.0])
    X = np.array([[0, 0, 0], [0, 0, 4], [0, 2, 0], [0, 2, 9]])
    theta, n_open = infer(phi, alpha, bags_of(X), tol=1e-10)
    assert n_open == 0
    assert np.allclose(theta[:2], [0.25, 0.75])  # only the prior is informative
    # only topic 0 has the word: (1 + 2) / 6; the impossible word is ignored
    assert np.allclose(theta[2:], [[0.5, 0.5]] * 2)


def test_optimum_of_a_small_example():
    # word 0 only in topic 0, word 1 only in topic 1: theta = (alpha + n) / sum
    phi = TopicWord.from_dense([[1.0, 0.0], [0.0, 1.0]])
    theta, _ = infer(phi, [0.5, 0.25], bags_of([[3, 1], [7, 0]]), tol=1e-12)
    assert np.allclose(theta, [[3.5 / 4.75, 1.25 / 4.75], [7.5 / 7.75, 0.25 / 7.75]], atol=1e-12)


def test_maximum_number_of_iterations_is_respected():
    topic_word, alpha, X = case(5, 300)
    for most in (1, 2, 3, 5, 9):
        theta, n_open = infer(topic_word, alpha, bags_of(X), max_iter=most, tol=1e-9)
        assert n_open == len(X)
        assert np.abs(theta.sum(axis=1) - 1).max() < 1e-12
        assert theta.min() > 0


@pytest.mark.parametrize("threshold", [0.0, 1e-4, 0.01, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("topics", [3, 200])
def test_sparse_shares_equal_those_of_the_dense_result(threshold, topics):
    topic_word, alpha, X = case(13, topics)
    X[3] = 0
    dense, _ = infer(topic_word, alpha, bags_of(X))
    found, n_open = infer_sparse(topic_word, alpha, bags_of(X), threshold=threshold)
    assert n_open == 0
    expected = sparse_rows(dense.astype(np.float32), np.float32(threshold))
    assert (found != expected).nnz == 0
    assert found.has_sorted_indices and found.dtype == np.float32


def test_transform_is_the_optimum_for_any_number_of_topics():
    topic_word, _, X = case(17, 300)
    model = LatentDirichletAllocation(300, max_iter=20, random_state=0).fit(X)
    theta = model.transform(X)
    assert unbalance(model.topics_, model.doc_topic_prior_, X, theta).max() < 2e-5
    assert topic_word.n_words == model.n_features_in_


def test_batches_equal_parts_of_the_whole(tmp_path):
    _, _, X = case(19, 12, documents=101)
    model = LatentDirichletAllocation(12, max_iter=20, random_state=0).fit(X)
    whole = model.transform(X)
    for size in (1, 7, 101, 1000):
        parts = list(model.transform_batches(X, size, sparse=False))
        assert [len(p) for p in parts[:-1]] == [size] * (len(parts) - 1)
        assert (np.vstack(parts) == whole).all()
    sparse = model.transform_sparse(X, threshold=0.05)
    assert (sparse != sparse_rows(whole.astype(np.float32), np.float32(0.05))).nnz == 0
    Corpus.of(X).save(tmp_path / "corpus")
    mapped = model.transform_sparse(Corpus.open(tmp_path / "corpus"), 0.05)
    assert (mapped != sparse).nnz == 0
    pieces = model.transform_sparse((X[i : i + 10] for i in range(0, 101, 10)), 0.05)
    assert (pieces != sparse).nnz == 0
    assert model.transform_sparse(iter([])).shape == (0, 12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"threshold": 1.5}, r"threshold must be a number in \[0, 1\]; got 1.5"),
        ({"threshold": float("nan")}, "threshold"),
    ],
)
def test_invalid_batches_are_reported_immediately(given, message):
    _, _, X = case(19, 4, documents=20)
    model = LatentDirichletAllocation(4, max_iter=2, random_state=0).fit(X)
    with pytest.raises(ValueError, match=message):
        model.transform_batches(X, **given)
