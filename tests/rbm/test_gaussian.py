"""Gaussian visible units: recovered variances, stability, invalid input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_digits

from gibbous import GaussianRBM


def badly_scaled(rng: np.random.Generator) -> np.ndarray:
    """Columns of all scales, a constant one, heavy tails, and two distant values."""
    X = load_breast_cancer().data
    X = X * 10.0 ** rng.integers(-8, 9, X.shape[1])
    return np.c_[
        X,
        np.full(len(X), 7.0),
        rng.standard_cauchy((len(X), 2)),
        rng.integers(0, 2, (len(X), 1)) * 1e12,
    ]


@pytest.mark.parametrize("name", ["digits", "cancer", "badly scaled", "one row", "constant"])
def test_defaults_do_not_diverge(name: str) -> None:
    X = {
        "digits": load_digits().data,
        "cancer": load_breast_cancer().data,
        "badly scaled": badly_scaled(np.random.default_rng(0)),
        "one row": np.array([[1.0, -5e8, 3e-9]]),
        "constant": np.full((30, 4), 1e6),
    }[name]
    model = GaussianRBM(n_iter=20, random_state=0).fit(X)
    assert model.history_.stop_reason == "completed"
    values = np.array(model.history_.values)
    assert np.isfinite(values).all()
    assert values[-1] >= values[0] - 1e-6
    z = model.log_variance_
    assert (z >= np.log(0.001) - 1e-6).all() and (z <= np.log(4) + 1e-6).all()
    for out in (model.sample(20, burn_in=50), model.reconstruct(X), model.score_samples(X)):
        assert np.isfinite(out).all()
    # samples have the scale of the data
    big = np.abs(X - X.mean(0)).max(0) + X.std(0)
    assert (
        np.abs(model.sample(50, burn_in=50) - X.mean(0)).max(0) <= 4 * big + 1e-6 + 6 * (big == 0)
    ).all()


def test_variance_of_a_known_gaussian_is_recovered() -> None:
    seed = np.random.SeedSequence().entropy
    print("seed", seed)
    rng = np.random.default_rng(seed)
    # two clusters with unequal noise in each column: one hidden unit separates them. Chains start
    # from the data, because persistent ones hardly ever cross the 20 deviations between the
    # clusters.
    sd = np.array([0.2, 1.0, 3.0])
    n = 4000
    X = rng.choice([-1.0, 1.0], n)[:, None] * np.array([2.0, 4.0, 6.0]) + rng.normal(0, sd, (n, 3))
    model = GaussianRBM(
        1, n_iter=60, batch_size=50, learning_rate=0.05, variance_learning_rate=0.05,
        learning_rate_schedule="linear", random_state=0, method="cd",
    ).fit(X)  # fmt: skip
    # a variance from n rows is off by 1.4 / sqrt(n); the noise of the last steps adds as much again
    np.testing.assert_allclose(model.variance_, sd**2, rtol=5 * 2 * np.sqrt(2 / n) + 0.02)
    alone = GaussianRBM(2, n_iter=30, batch_size=100, random_state=0, learning_rate=0.05)
    Y = rng.normal(5, [0.1, 20.0], (n, 2))
    alone.fit(Y)
    mean, spread = alone.sample(4000, burn_in=20).mean(0), alone.sample(4000, burn_in=20).std(0)
    np.testing.assert_allclose(spread, [0.1, 20.0], rtol=0.1)
    assert (np.abs(mean - 5) < 0.1 * np.array([0.1, 20.0])).all()


def test_columns_of_any_scale_train_equally_well() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))
    first = GaussianRBM(8, n_iter=4, random_state=0, dtype="float64").fit(X)
    scale = 2.0 ** np.array([40, -30, 0, 3, -8])
    other = GaussianRBM(8, n_iter=4, random_state=0, dtype="float64").fit(X * scale)
    np.testing.assert_allclose(other.components_, first.components_, rtol=1e-9)
    np.testing.assert_allclose(other.variance_, first.variance_ * scale**2, rtol=1e-9)
    X_new = X[:5] * scale
    np.testing.assert_allclose(
        other.reconstruct(X_new), first.reconstruct(X[:5]) * scale, rtol=1e-9
    )
    shift = first.score_samples(X[:5]) - np.log(scale).sum()
    np.testing.assert_allclose(other.score_samples(X_new), shift, rtol=1e-9)
    fixed = GaussianRBM(8, n_iter=4, random_state=0, learn_variance=False).fit(X)
    np.testing.assert_allclose(fixed.variance_, X.var(0), rtol=1e-6)


def test_density_of_one_column_integrates_to_one() -> None:
    rng = np.random.default_rng(3)
    X = np.r_[rng.normal(-3, 0.5, 300), rng.normal(2, 1.0, 300)][:, None]
    model = GaussianRBM(3, n_iter=20, learning_rate=0.05, random_state=0, dtype="float64").fit(X)
    grid = np.linspace(-30, 30, 6001)[:, None]
    total = np.exp(model.log_likelihood(grid)).sum() * (grid[1, 0] - grid[0, 0])
    assert total == pytest.approx(1.0, abs=1e-6)
    # with one column the pseudo-likelihood is the likelihood
    np.testing.assert_allclose(model.score_samples(X), model.log_likelihood(X), atol=1e-6)


def test_steps_of_a_variance_are_bounded() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 4))
    model = GaussianRBM(
        3, n_iter=0, random_state=0, variance_learning_rate=1e3, momentum=0.9, dtype="float64"
    ).fit(X)
    for step in range(1, 4):
        model.partial_fit(100 * X)
        assert np.abs(model.log_variance_).max() <= 0.1 * step + 1e-12
    assert np.abs(model.log_variance_).max() > 0.25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: np.where(X > 2, np.nan, X), "contains NaN"),
        (lambda X: np.where(X > 2, np.inf, X), "contains infinity"),
        (lambda X: X * 1e300, "column 0 of X holds values up to"),
        (lambda X: X[:0], "Found array with 0 sample"),
        (lambda X: X[:, 0], "Expected 2D array"),
    ],
)
def test_bad_input_is_named(change: object, message: str) -> None:
    X = np.random.default_rng(0).normal(size=(40, 3)) * 2
    with pytest.raises(ValueError, match=message):
        GaussianRBM(2).fit(change(X))  # type: ignore[operator]


def test_bad_use_is_named() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = GaussianRBM(2, n_iter=1).fit(X)
    with pytest.raises(ValueError, match="X has 2 features, but GaussianRBM is expecting 3"):
        model.transform(X[:, :2])
    with pytest.raises(ValueError, match="n_steps must be an integer of at least 1"):
        model.reconstruct(X, n_steps=0)
    with pytest.raises(ValueError, match="min_variance"):
        GaussianRBM(2, min_variance=0.0).fit(X)
    with pytest.raises(ValueError, match="at most 25 hidden units"):
        GaussianRBM(26, n_iter=0).fit(X).log_partition()
    with pytest.raises(TypeError, match="Sparse data was passed"):
        model.transform(sp.csr_matrix(X))
