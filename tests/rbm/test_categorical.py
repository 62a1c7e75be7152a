"""Categorical visible units."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gibbous import CategoricalRBM


def dependent(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two variables that depend on a third one, and one that does not."""
    a = rng.integers(0, 4, n)
    noise = rng.random((n, 2)) < 0.1
    b = np.where(noise[:, 0], rng.integers(0, 4, n), (a + 1) % 4)
    c = np.where(noise[:, 1], rng.integers(0, 3, n), a % 3)
    return np.stack([a, b, c, rng.integers(0, 2, n)], axis=1)


def test_dependencies_are_learned_and_used_for_imputation() -> None:
    rng = np.random.default_rng(0)
    X, new = dependent(rng, 2000), dependent(rng, 400)
    model = CategoricalRBM(12, n_iter=40, batch_size=50, random_state=0, centered=True).fit(X)
    exact = model.log_likelihood(new).mean()
    counts = np.zeros((4, 4, 3, 2))
    np.add.at(counts, tuple(X.T), 1.0)
    p = (counts + 0.1) / (counts + 0.1).sum()
    best = np.log(p[tuple(new.T)]).mean()
    alone = sum(np.log(np.bincount(x) / len(X))[y].mean() for x, y in zip(X.T, new.T, strict=True))
    assert exact > alone + 0.8 * (best - alone), (exact, alone, best)
    holes = new[:100].astype(float)
    holes[:, 1] = np.nan
    filled = model.impute(holes, n_steps=50, n_average=50, random_state=0)
    assert (filled[:, [0, 2, 3]] == new[:100][:, [0, 2, 3]]).all()
    assert (filled[:, 1] == (new[:100, 0] + 1) % 4).mean() > 0.9
    drawn = model.sample(1000, burn_in=100, random_state=1)
    assert ((drawn[:, 1] == (drawn[:, 0] + 1) % 4).mean()) > 0.7
    assert model.reconstruct(new).shape == (400, 13)
    np.testing.assert_allclose(
        np.add.reduceat(model.reconstruct(new), model.first_units_, axis=1), 1.0, rtol=1e-5
    )


def test_probabilities_of_all_rows_sum_to_one() -> None:
    rng = np.random.default_rng(1)
    model = CategoricalRBM(5, n_categories=[3, 2, 4], n_iter=5, random_state=0).fit(
        np.stack([rng.integers(0, m, 60) for m in (3, 2, 4)], axis=1)
    )
    every = np.array(list(itertools.product(range(3), range(2), range(4))))
    assert np.exp(model.log_likelihood(every)).sum() == pytest.approx(1.0, abs=1e-5)


def test_bias_is_initialized_from_the_frequencies() -> None:
    X = np.array([[0, 1], [0, 0], [1, 2], [0, 2]])
    model = CategoricalRBM(2, n_iter=0, dtype="float64").fit(X, sample_weight=[1, 1, 1, 1])
    expected = np.log([4 / 6, 2 / 6, 2 / 7, 2 / 7, 3 / 7])
    np.testing.assert_allclose(model.intercept_visible_, expected)
    assert model.n_categories_.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[0, -1], [1, 0]], "Negative values in data passed to CategoricalRBM"),
        ([[0, 0.5], [1, 0]], "must hold categories, which are whole numbers; it holds 0.5"),
        ([[0, np.nan], [1, 0]], "contains NaN"),
        (np.empty((0, 2)), "Found array with 0 sample"),
    ],
)
def test_bad_input_is_named(X: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CategoricalRBM(2).fit(X)


def test_unseen_categories_and_bad_sizes_are_named() -> None:
    X = np.array([[0, 1], [1, 0], [2, 1]])
    model = CategoricalRBM(2, n_iter=1).fit(X)
    with pytest.raises(ValueError, match=r"X\[1, 0\] is category 3, but column 0 has 3 categories"):
        model.transform([[0, 0], [3, 0]])
    with pytest.raises(ValueError, match="is category 9"):
        model.impute([[np.nan, 9]])
    with pytest.raises(ValueError, match="one for each of the 2 columns"):
        CategoricalRBM(2, n_categories=[3, 2, 2]).fit(X)
    with pytest.raises(ValueError, match="must be integers of at least 1"):
        CategoricalRBM(2, n_categories=[3, 0]).fit(X)
    with pytest.raises(ValueError, match="column 0 has 2 categories"):
        CategoricalRBM(2, n_categories=2).fit(X)
    with pytest.raises(ValueError, match="X has 1 features"):
        model.transform(X[:, :1])
    wide = CategoricalRBM(2, n_categories=5, n_iter=1).fit(X)
    assert wide.transform([[4, 4]]).shape == (1, 2)
