"""K-means with invalid or degenerate input: an error with the reason, or a valid model."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from gibbous._ground.isa import core
from gibbous.kmeans.lloyd import KMeans
from reference import kmeans as slow
from support.blobs import rows_of

DTYPES = (np.float32, np.float64)
GOOD = np.arange(40.0).reshape(20, 2)


def with_bad(value):
    X = GOOD.copy()
    X[3, 1] = value
    return X


@pytest.mark.parametrize(
    ("X", "error", "text"),
    [
        (with_bad(np.nan), ValueError, "NaN"),
        (with_bad(np.inf), ValueError, "infinity"),
        (np.empty((0, 2)), ValueError, "0 sample"),
        (np.empty((5, 0)), ValueError, "0 feature"),
        (GOOD[:, 0], ValueError, "2D array"),
        (GOOD.reshape(5, 4, 2), ValueError, "dim 3"),
        (np.array([["a", "b"]] * 5), ValueError, "string"),
        (np.array([[object(), 1.0]] * 5, dtype=object), TypeError, "float"),
        (GOOD + 1j, ValueError, "Complex"),
        (None, ValueError, "2D array"),
        (GOOD[:2], ValueError, r"n_samples.* should be >= n_clusters"),
        (GOOD * 1e200, ValueError, "overflow"),
        (sp.csr_array(with_bad(np.nan)), ValueError, "NaN"),
    ],
)
def test_bad_data(X, error, text):
    with pytest.raises(error, match=text):
        KMeans(3, random_state=0).fit(X)


@pytest.mark.parametrize(
    ("weight", "error", "text"),
    [
        (-np.ones(20), ValueError, "sample_weight"),
        (np.full(20, np.nan), ValueError, "sample_weight"),
        (np.zeros(20), ValueError, "sample_weight"),
        (np.ones(19), ValueError, "sample_weight"),
        (np.ones((20, 2)), ValueError, "1D"),
        (["a"] * 20, TypeError, "sample_weight"),
    ],
)
def test_bad_weights(weight, error, text):
    with pytest.raises(error, match=text):
        KMeans(3).fit(GOOD, sample_weight=weight)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": 2.5}, "n_clusters"),
        ({"init": "best"}, "init"),
        ({"init": GOOD[:3] * np.nan}, "init"),
        ({"init": lambda X, k, random_state: X[:1]}, "initial centers"),
        ({"n_init": 0}, "n_init"),
        ({"max_iter": 0}, "max_iter"),
        ({"tol": -1}, "tol"),
        ({"algorithm": "full"}, "algorithm"),
        ({"random_state": -1}, "random_state"),
        ({"random_state": "x"}, "random_state"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"n_jobs": 1.5}, "n_jobs"),
    ],
)
def test_bad_parameters(params, text):
    with pytest.raises(ValueError, match=text):
        KMeans(**{"n_clusters": 3, **params}).fit(GOOD)


def test_random_start_needs_enough_rows_with_weight():
    weight = np.zeros(20)
    weight[:2] = 1
    with pytest.raises(ValueError, match="sample_weight has 2 rows above zero"):
        KMeans(3, init="random").fit(GOOD, sample_weight=weight)


def test_callback_must_be_callable():
    with pytest.raises(TypeError, match="callback"):
        KMeans(3).fit(GOOD, callback=3)


@given(
    n=st.integers(1, 60),
    d=st.integers(1, 5),
    k=st.integers(1, 8),
    kind=st.sampled_from(["constant", "duplicates", "integers", "tiny", "huge", "one column"]),
    dtype=st.sampled_from(DTYPES),
    init=st.sampled_from(["k-means++", "random"]),
    sparse=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_degenerate_data_give_a_valid_model(n, d, k, kind, dtype, init, sparse, seed):
    rng = np.random.default_rng(seed)
    X = {
        "constant": np.full((n, d), 3.7),
        "duplicates": rng.integers(0, 2, (n, d)) * 1.3,
        "integers": rng.integers(-3, 4, (n, d)).astype(float),
        "tiny": rng.normal(size=(n, d)) * 1e-18,
        "huge": rng.normal(size=(n, d)) * 1e15,
        "one column": np.outer(rng.normal(size=n), np.eye(d)[0]),
    }[kind].astype(dtype)
    model = KMeans(k, init=init, random_state=seed % 1000, n_init=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if n < k:
            with pytest.raises(ValueError, match="n_samples"):
                model.fit(X)
            return
        model.fit(sp.csr_array(X) if sparse else X)
    assert np.isfinite(model.cluster_centers_).all()
    assert model.labels_.min() >= 0 and model.labels_.max() < k
    span = np.abs(X).max() or 1.0
    near = slow.distances2(X / span, model.cluster_centers_ / span).min(1)
    assert model.inertia_ / float(span) ** 2 == pytest.approx(float(near.sum()), rel=1e-4, abs=1e-5)


def test_core_rejects_mismatched_arrays():
    X, C = GOOD, GOOD[:3].copy()
    labels = np.empty(20, np.int32)
    with pytest.raises(ValueError, match="labels"):
        core.kmeans.assign(core.rows(X), C, labels[:5].copy(), 1)
    with pytest.raises(ValueError, match="columns"):
        core.kmeans.assign(core.rows(X), C[:, :1].copy(), labels, 1)
    with pytest.raises(ValueError, match="weight"):
        core.rows(X, np.ones(3))
    with pytest.raises(TypeError):
        core.rows(X.astype(np.int64))
    with pytest.raises(TypeError):
        core.kmeans.assign(core.rows(X), C.astype(np.float32), labels, 1)
    S = sp.csr_array(X)
    with pytest.raises(ValueError, match="columns"):
        core.kmeans.csr(S.data, S.indices + 5, S.indptr, X.shape[1])
    with pytest.raises(ValueError, match="columns"):
        core.kmeans.assign(rows_of(S), C[:, :1].copy(), labels, 1)
    with pytest.raises(ValueError, match="indptr"):
        core.kmeans.csr(S.data, S.indices, S.indptr[::-1].copy(), X.shape[1])
