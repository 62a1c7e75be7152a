"""Word counts: the replicated softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gibbous import ReplicatedSoftmax


def documents(rng: np.random.Generator, n: int, words: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Documents of one of three topics, with words of the topic and common words."""
    topic = rng.integers(0, 3, n)
    p = np.full((3, words), 0.2 / words)
    for t in range(3):
        p[t, t * words // 3 : (t + 1) * words // 3] += 0.8 * 3 / words
    p /= p.sum(1, keepdims=True)
    return np.array([rng.multinomial(rng.integers(20, 80), p[t]) for t in topic]), topic


@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_topics_are_separated(method: str) -> None:
    rng = np.random.default_rng(0)
    X, _ = documents(rng, 600)
    new, topic = documents(rng, 200)
    model = ReplicatedSoftmax(
        6,
        n_iter=30,
        batch_size=50,
        random_state=0,
        method=method,
        momentum=0.5,
        learning_rate=1.0 if method == "cd" else 0.5,
    ).fit(X)
    # the topic is predicted from the features by the nearest mean of the training documents
    features = model.transform(new)
    means = np.array([features[topic == t].mean(0) for t in range(3)])
    nearest = ((features[:, None] - means) ** 2).sum(2).argmin(1)
    assert (nearest == topic).mean() > 0.95
    plain = np.log(X.sum(0) / X.sum())
    unigram = float(np.exp(-(new @ plain).sum() / new.sum()))
    exact = model.perplexity(new, exact=True)
    assert exact < 0.65 * unigram, (exact, unigram)  # a topic has a third of the words
    assert model.perplexity(new) < 1.05 * exact


def test_sparse_rows_equal_dense_rows() -> None:
    rng = np.random.default_rng(1)
    X, _ = documents(rng, 80)
    X[3] = 0  # a document without words
    options: dict[str, Any] = {"n_iter": 3, "random_state": 0, "batch_size": 20}
    dense = ReplicatedSoftmax(5, **options).fit(X)
    sparse = ReplicatedSoftmax(5, **options).fit(sp.csr_matrix(X))
    np.testing.assert_array_equal(dense.components_, sparse.components_)
    np.testing.assert_array_equal(dense.transform(X), sparse.transform(sp.csr_matrix(X)))
    np.testing.assert_allclose(dense.score_samples(X), sparse.score_samples(sp.csr_matrix(X)))
    assert dense.score_samples(X)[3] == 0
    np.testing.assert_allclose(dense.transform(X)[3], 0.5, atol=1e-5)  # b is weighted by the length
    np.testing.assert_array_equal(dense.gibbs(X).sum(1), X.sum(1))
    np.testing.assert_allclose(dense.reconstruct(X).sum(1), X.sum(1), rtol=1e-5)
    assert dense.reconstruction_error(X).shape == (80,)


def test_samples_have_the_requested_lengths() -> None:
    rng = np.random.default_rng(2)
    X, _ = documents(rng, 60)
    model = ReplicatedSoftmax(4, n_iter=2, method="pcd", n_chains=9, random_state=0).fit(X)
    assert model.chain_lengths_.shape == (9,) and set(model.chain_lengths_) <= set(X.sum(1))
    np.testing.assert_array_equal(
        model.sample(9, start="chains", burn_in=2).sum(1), model.chain_lengths_
    )
    np.testing.assert_array_equal(
        model.sample(3, n_words=[1, 0, 200], burn_in=2).sum(1), [1, 0, 200]
    )
    assert (model.sample(4, burn_in=2).sum(1) == round(X.sum(1).mean())).all()
    np.testing.assert_array_equal(model.sample(5, start=X[:5], burn_in=2).sum(1), X[:5].sum(1))
    means = model.sample(3, n_words=7, burn_in=2, means=True)
    np.testing.assert_allclose(means.sum(1), 7, rtol=1e-5)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[0, -1], [1, 0]], "Negative values in data passed to ReplicatedSoftmax"),
        ([[0, 0.5], [1, 0]], "must hold counts, which are whole numbers; it holds 0.5"),
        ([[0, np.inf], [1, 0]], "contains infinity"),
        ([[0, 0], [0, 0]], "every count is 0"),
        (np.empty((0, 2)), "Found array with 0 sample"),
    ],
)
def test_bad_input_is_named(X: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReplicatedSoftmax(2).fit(X)


def test_bad_use_is_named() -> None:
    X, _ = documents(np.random.default_rng(3), 20)
    model = ReplicatedSoftmax(2, n_iter=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="X has 2 features"):
        model.transform(X[:, :2])
    with pytest.raises(ValueError, match="n_words must be one number >= 0"):
        model.sample(3, n_words=[4, 5])
    holes = X[:2].astype(float)
    holes[0, 0] = np.nan
    with pytest.raises(ValueError, match="n_words must give the lengths"):
        model.impute(holes)
    with pytest.raises(ValueError, match="n_words is 1 for row 0, whose known counts are"):
        model.impute(holes, n_words=1)
    with pytest.raises(ValueError, match="start='cold'"):
        model.sample(2, start="cold")
    with pytest.raises(ValueError, match="holds no words"):
        model.perplexity(np.zeros((2, 60)))
    assert ReplicatedSoftmax(2, fractional="allow", n_iter=1).fit(X * 0.5).transform(X).shape == (
        20,
        2,
    )
