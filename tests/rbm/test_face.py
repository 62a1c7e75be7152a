"""BernoulliRBM from the perspective of a scikit-learn user."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from gibbous import BernoulliRBM

D = 20


def states(n: int = 60, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random((n, D)) < 0.3


def fitted(X: Any = None, **more: Any) -> Any:
    return BernoulliRBM(5, random_state=0, n_iter=2, **more).fit(states() if X is None else X)


def frame(X: Any) -> Any:
    return pd.DataFrame(X.astype(float), columns=[f"pixel {at}" for at in range(D)])


QUESTIONS = (
    "transform", "score_samples", "free_energy", "pseudo_likelihood", "log_likelihood",
    "reconstruct", "reconstruction_error",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_array", "coo_array", "lil_array"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_every_sparse_format_equals_dense_rows(kind: str, dtype: Any) -> None:
    X = states().astype(dtype)
    given = getattr(sp, kind)(X)
    dense, sparse = fitted(X), fitted(given)
    assert np.array_equal(dense.components_, sparse.components_)
    for name in QUESTIONS:
        one, other = getattr(dense, name)(X), getattr(sparse, name)(given)
        assert type(other) is np.ndarray and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=name)
    assert np.array_equal(dense.gibbs(X), sparse.gibbs(given))
    dense.partial_fit(X), sparse.partial_fit(given)
    assert np.array_equal(dense.components_, sparse.components_)


def test_dtypes_equal_those_of_scikit_learn() -> None:
    X, model = states(), fitted()
    for dtype in (np.float32, np.float64):
        theirs = neural_network.BernoulliRBM(5, n_iter=1, random_state=0).fit(X.astype(dtype))
        assert model.transform(X.astype(dtype)).dtype == theirs.transform(X.astype(dtype)).dtype
    for dtype in (bool, np.int64, np.uint8, np.float16):
        assert model.transform(X.astype(dtype)).dtype == np.float64
    assert model.gibbs(X.astype(float)).dtype == theirs.gibbs(X.astype(float)).dtype == bool
    assert model.score_samples(X).dtype == theirs.score_samples(X.astype(float)).dtype
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_"):
        assert getattr(model, name).shape == getattr(theirs, name).shape, name


def test_parameters_attributes_and_methods_exist() -> None:
    ours, theirs = BernoulliRBM(), neural_network.BernoulliRBM()
    given = theirs.get_params()
    assert {name: ours.get_params()[name] for name in given} == given
    theirs.fit(states())
    public = {name for name in dir(theirs) if not name.startswith("_")}
    # the random generator kept by scikit-learn is not a result
    assert public - {"random_state_"} <= set(dir(fitted()))


def test_data_frames_keep_their_names() -> None:
    X = frame(states())
    model = fitted(X).set_output(transform="pandas")
    out = model.transform(X)
    names = [f"bernoullirbm{at}" for at in range(5)]
    assert list(out.columns) == names == list(model.get_feature_names_out())
    assert list(model.feature_names_in_) == list(X.columns) and model.n_features_in_ == D
    half = X.copy()
    half.iloc[:, 10:] = np.nan
    filled = model.impute(half, n_steps=20, n_average=5)
    assert np.array_equal(filled[:, :10], X.to_numpy()[:, :10]) and not np.isnan(filled).any()
    for name in (*QUESTIONS, "gibbs", "partial_fit"):
        getattr(model, name)(X)  # without warnings
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(X[X.columns[::-1]])


def test_works_in_pipelines_and_grid_searches() -> None:
    X, y = load_digits(return_X_y=True)
    pipe = make_pipeline(
        BernoulliRBM(60, n_iter=10, data_max=16, random_state=0),
        LogisticRegression(C=100, max_iter=2000, tol=1e-2),
    )
    assert pipe.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.7
    grid = GridSearchCV(clone(fitted()), {"n_components": [1, 4]}, cv=2).fit(states())
    assert grid.best_params_["n_components"] in (1, 4)
    assert "random_state=0" in repr(grid.best_estimator_)


# --- manually set weights ---------------------------------------------------------------------


def by_hand(dtype: Any = np.float64) -> Any:
    rng = np.random.default_rng(4)
    model = BernoulliRBM(3, learning_rate=0.5)
    # arrays from other sources have any memory order
    model.components_ = np.asfortranarray(rng.normal(size=(3, D)).astype(dtype))
    model.intercept_hidden_ = rng.normal(size=3)
    model.intercept_visible_ = rng.normal(size=D)
    return model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_machine_with_manual_parameters_works(dtype: Any) -> None:
    model, X = by_hand(dtype), states().astype(float)
    h = 1 / (1 + np.exp(-(X @ model.components_.T + model.intercept_hidden_)))
    np.testing.assert_allclose(model.transform(X), h, rtol=1e-5)
    back = 1 / (1 + np.exp(-(h @ model.components_ + model.intercept_visible_)))
    np.testing.assert_allclose(model.reconstruct(X), back, rtol=1e-5)
    assert np.isfinite(model.score_samples(X)).all()
    assert model.gibbs(X).shape == X.shape and model.sample(3, burn_in=5).shape == (3, D)
    assert model.log_likelihood(X).max() < 0
    before = model.components_.copy()
    model.partial_fit(X)
    assert model.components_.dtype == dtype and (model.components_ != before).any()


def test_training_continues_from_weights_of_another_precision() -> None:
    model = fitted()
    model.components_ = np.asfortranarray(model.components_.astype(np.float64))
    other = fitted(dtype="float64")
    other.components_[...] = model.components_
    other.intercept_hidden_[...] = model.intercept_hidden_
    other.intercept_visible_[...] = model.intercept_visible_
    X = states().astype(float)
    np.testing.assert_allclose(model.transform(X), other.transform(X), rtol=1e-12)
    np.testing.assert_allclose(model.free_energy(X), other.free_energy(X), rtol=1e-12)


def test_input_rows_are_not_modified() -> None:
    indices, indptr = np.array([3, 1, 1, 0], np.int32), np.array([0, 3, 4], np.int32)
    X = sp.csr_matrix((np.full(4, 0.25, np.float32), indices, indptr), shape=(2, D))
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    model = fitted()
    np.testing.assert_allclose(model.transform(X), model.transform(X.toarray()), rtol=1e-6)
    assert X.nnz == 4 and X.indices.tolist() == [3, 1, 1, 0]
    fixed = states().astype(np.float32)
    fixed.flags.writeable = False
    fitted(fixed).partial_fit(fixed).gibbs(fixed)


# --- resuming ---------------------------------------------------------------------------------


def test_parameters_can_change_between_steps() -> None:
    X, model = states(), fitted(method="cd")
    assert not hasattr(model, "h_samples_")
    for changes, there in (
        ({"method": "pcd"}, {"h_samples_"}),
        ({"momentum": 0.5, "n_chains": 4}, {"h_samples_", "velocity_"}),
        ({"method": "pt", "n_temperatures": 3}, {"h_samples_", "velocity_"}),
        ({"method": "fpcd", "centered": True}, {"h_samples_", "velocity_", "fast_", "offsets_"}),
        ({"sparsity_target": 0.1, "method": "cd", "momentum": 0}, {"offsets_", "activity_"}),
    ):
        model.set_params(**changes).partial_fit(X)
        state = {"h_samples_", "velocity_", "fast_", "offsets_", "activity_"}
        assert {name for name in state if hasattr(model, name)} == there
    model.set_params(method="pt", n_temperatures=3, n_chains=4).partial_fit(X)
    assert model.h_samples_.shape == (12, 5)
    with pytest.raises(ValueError, match="n_components=6, but the machine to continue training"):
        model.set_params(n_components=6).partial_fit(X)


def test_momentum_can_be_enabled_later() -> None:
    X = states()
    whole = fitted(method="cd", momentum=0.0)
    late = fitted(method="cd", momentum=0.0).set_params(momentum=0.9)
    for model in (whole, late):
        model.partial_fit(X)
    assert np.array_equal(whole.components_, late.components_)  # there was no previous step
    for model in (whole, late):
        model.partial_fit(X)
    assert not np.array_equal(whole.components_, late.components_)


def test_warm_start_continues_and_fit_starts_again() -> None:
    X = states()
    long = BernoulliRBM(5, random_state=0, n_iter=6).fit(X)
    model = BernoulliRBM(5, random_state=0, n_iter=2, warm_start=True)
    for _ in range(3):
        model.fit(X)
    assert np.array_equal(model.components_, long.components_) and model.n_iter_ == 2
    assert model.set_params(warm_start=False, n_iter=6).fit(X).machine_.epochs == 6
    assert np.array_equal(model.components_, long.components_)
    with pytest.raises(ValueError, match="19 features, but BernoulliRBM is expecting 20"):
        model.set_params(warm_start=True).fit(X[:, 1:])


def test_number_of_threads_depends_on_the_work() -> None:
    machine = fitted().machine_
    assert machine.threads_for(100, 3) == 1
    assert machine.threads_for(10**9, 3) == 3
    rows = (1 << 24) // machine.weights.size + 1  # just above the limit: two threads, not all
    found = [machine.threads_for(n, 3) for n in (rows - 1, rows, 7 * rows, 8 * rows)]
    assert found == [1, 2, 2, 3]


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, X: m.fit(X * 3.0), r"lie in \[0, 1\].*holds 3 \(X\[0, 0\]\): give data_max=3"),
        (lambda m, X: m.fit(X - 0.5), r"holds -0\.5.*MinMaxScaler"),
        (lambda m, X: m.fit(X, X_val=X[:, :4]), "4 features, but BernoulliRBM is expecting 20"),
        (lambda m, X: m.fit(X, sample_weight=[1, 2]), "one weight per row of X"),
        (lambda m, X: m.fit(X[:0]), "0 sample"),
        (lambda m, X: m.fit(np.where(X, np.nan, 0)), "contains NaN"),
        (lambda m, X: m.transform(X[0]), "Expected 2D array, got 1D"),
        (lambda m, X: m.score_samples(X[:, 1:]), "19 features"),
        (lambda m, X: m.gibbs(X[:, 1:]), "19 features"),
        (lambda m, X: m.impute(X * 7.0), "give data_max=7"),
        (lambda m, X: m.impute(X * 1.0, n_average=0), "n_average must be an integer of at least 1"),
        (lambda m, X: m.sample(2.5), r"n_samples must be an integer of at least 1; got 2\.5"),
        (lambda m, X: m.sample(2, n_chains=0), "n_chains must be an integer of at least 1; got 0"),
        (lambda m, X: m.sample(2, burn_in=-1), "burn_in must be an integer of at least 0; got -1"),
        (lambda m, X: m.reconstruct(X, n_steps=0), "n_steps must be an integer of at least 1"),
        (lambda m, X: m.pseudo_likelihood(X, n_flips=0), "n_flips must be between 1 and 20"),
        (lambda m, X: m.set_params(n_jobs=0).fit(X), "n_jobs must not be 0"),
        (lambda m, X: m.set_params(method="mcmc").fit(X), "'method' parameter"),
        (lambda m, X: m.set_params(dtype="float16").fit(X), "'dtype' parameter"),
    ],
)
def test_errors_state_what_was_given_and_what_to_do(call: Any, message: str) -> None:
    X = states()
    X[0, 0] = True
    with pytest.raises(ValueError, match=message):
        call(fitted(X), X)


def test_unfitted_machine_is_rejected() -> None:
    for name in (*QUESTIONS, "gibbs", "impute", "sample", "score"):
        arguments = () if name == "sample" else (states(),)
        with pytest.raises(NotFittedError):
            getattr(BernoulliRBM(), name)(*arguments)


def test_diverging_step_is_an_error_like_in_fit() -> None:
    model = fitted()
    before = model.components_.copy()
    model.set_params(learning_rate=1e39)
    with pytest.raises(ArithmeticError, match=r"learning_rate=1e\+39 makes training diverge"):
        model.partial_fit(states())
    assert np.array_equal(model.components_, before)
