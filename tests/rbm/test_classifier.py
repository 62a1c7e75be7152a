"""Classification by a Boltzmann machine with labels as visible units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from gibbous import RBMClassifier


@pytest.fixture(scope="module")
def digits() -> tuple[Any, ...]:
    X, y = load_digits(return_X_y=True)
    parts: tuple[Any, ...] = tuple(train_test_split(X, y, random_state=0))
    return parts


@pytest.fixture(scope="module")
def fitted(digits: tuple[Any, ...]) -> RBMClassifier:
    X, _, y, _ = digits
    return RBMClassifier(
        200, data_max=16, n_iter=60, batch_size=10, learning_rate=0.05, momentum=0.5,
        learning_rate_schedule="linear", random_state=0,
    ).fit(X, y)  # fmt: skip


def test_digits_are_recognized(digits: tuple[Any, ...], fitted: RBMClassifier) -> None:
    _, X_new, _, y_new = digits
    assert fitted.score(X_new, y_new) >= 0.93
    p = fitted.predict_proba(X_new)
    np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(fitted.classes_[p.argmax(1)], fitted.predict(X_new))
    np.testing.assert_allclose(np.log(p), fitted.predict_log_proba(X_new), atol=1e-9)
    np.testing.assert_allclose(fitted.predict_proba(sp.csr_matrix(X_new)), p, atol=1e-4)


def test_probabilities_match_free_energies(digits: tuple[Any, ...]) -> None:
    X, _, y, _ = digits
    B = (X > 7).astype(np.uint8)[:200]
    names = np.array([f"digit {i}" for i in range(10)])[y[:200]]
    model = RBMClassifier(20, n_iter=3, random_state=0, dtype="float64").fit(B, names)
    w, a, b = model.components_, model.intercept_visible_, model.intercept_hidden_
    joint = np.zeros((200, 10))
    means = np.zeros((200, 20))
    for label in range(10):
        v = np.hstack([B, np.tile(np.eye(10)[label], (200, 1))])
        joint[:, label] = v @ a + np.logaddexp(0, v @ w.T + b).sum(1)
    p = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
    for label in range(10):
        v = np.hstack([B, np.tile(np.eye(10)[label], (200, 1))])
        means += p[:, [label]] / (1 + np.exp(-(v @ w.T + b)))
    np.testing.assert_allclose(model.predict_proba(B), p, rtol=1e-10)
    np.testing.assert_allclose(model.transform(B), means, rtol=1e-6)
    np.testing.assert_allclose(
        model.free_energy(B), -np.logaddexp.reduce(joint, axis=1), rtol=1e-12
    )
    own = joint[np.arange(200), np.searchsorted(model.classes_, names)]
    np.testing.assert_allclose(model.free_energy(B, names), -own, rtol=1e-12)
    assert set(model.predict(B)) <= set(names)
    assert model.get_feature_names_out().shape == (20,)


def test_labels_can_be_clamped(fitted: RBMClassifier) -> None:
    X, y = fitted.sample(200, y=3, burn_in=200, random_state=0)
    assert X.shape == (200, 64) and (y == 3).all()
    # most samples with a clamped label look like it: chance is a tenth, and fits have .7 to .85
    assert (fitted.predict(16 * X) == 3).mean() > 0.5
    X, y = fitted.sample(20, n_chains=10, burn_in=50, random_state=0)
    assert len(set(y)) > 1
    assert fitted.gibbs(16 * X).dtype == bool
    half = 16 * X[:6].astype(float)
    half[:, 32:] = np.nan
    filled = fitted.impute(half, np.full(6, 7), n_steps=50, n_average=20, random_state=0)
    assert (filled[:, :32] == half[:, :32]).all()
    assert ((filled >= 0) & (filled <= 16)).all()
    assert fitted.reconstruct(16 * X, n_steps=3).shape == (20, 64)
    assert fitted.sample(5, start=16 * X[:5], burn_in=1)[0].shape == (5, 64)


@pytest.mark.parametrize("binarize", [None, "sample", 0.5])
@pytest.mark.parametrize("kind", ["dense", "bytes", "sparse"])
def test_every_kind_of_rows_is_accepted(digits: tuple[Any, ...], binarize: Any, kind: str) -> None:
    X, X_new, y, y_new = digits
    given: Any = {"dense": X, "bytes": X.astype(np.uint8), "sparse": sp.csr_matrix(X)}[kind]
    model = RBMClassifier(
        30, data_max=16, binarize=binarize, n_iter=8, batch_size=20, random_state=0
    ).fit(given, y, X_val=X_new, y_val=y_new)
    same = RBMClassifier(
        30, data_max=16, binarize=binarize, n_iter=8, batch_size=20, random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(model.components_, same.components_, atol=2e-3)
    assert len(model.free_energy_gap_) == 8
    assert model.score(X_new, y_new) > 0.4
    assert np.isfinite(model.score_samples(X_new)).all()


def test_partial_fit_accepts_classes_that_occur_later(digits: tuple[Any, ...]) -> None:
    X, _, y, _ = digits
    model = RBMClassifier(10, data_max=16, random_state=0)
    model.partial_fit(X[y < 5][:50], y[y < 5][:50], classes=np.arange(10))
    model.partial_fit(X[y >= 5][:50], y[y >= 5][:50])
    assert model.predict_proba(X[:3]).shape == (3, 10)
    with pytest.raises(ValueError, match="y holds 11, which is not among the classes"):
        model.partial_fit(X[:2], [3, 11])


def test_bad_input_is_named(digits: tuple[Any, ...]) -> None:
    X, _, y, _ = digits
    with pytest.raises(ValueError, match=r"X must lie in \[0, 1\] for units of two states"):
        RBMClassifier(4).fit(X, y)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        RBMClassifier(4, data_max=16).fit(X, y + 0.5)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        RBMClassifier(4, data_max=16).fit(X, y[:-1])
    with pytest.raises(ValueError, match="X_val and y_val go together"):
        RBMClassifier(4, data_max=16).fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="Found array with 0 sample"):
        RBMClassifier(4, data_max=16).fit(X[:0], y[:0])
    model = RBMClassifier(4, data_max=16, n_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.predict(X[:, :3])
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(np.where(X > 15, np.nan, X))
    with pytest.raises(ValueError, match="y must have one label for each of 5 rows"):
        model.free_energy(X[:5], y[:4])
    with pytest.raises(ValueError, match="requires y to be passed"):
        RBMClassifier(4).fit(X / 16, None)
