"""Gaussian mixtures: invalid input, collapse, interruption, memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from gibbous import GaussianMixture
from support.ctrl_c import answered_ctrl_c

TYPES = ["full", "tied", "diag", "spherical"]
X = np.random.default_rng(0).normal(size=(30, 3))


def with_value(value):
    bad = X.copy()
    bad[7, 1] = value
    return bad


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        (np.c_[X, np.full(30, np.nan)], ValueError, "column 3 of X: all entries are NaN"),
        (with_value(np.inf), ValueError, "Input X contains infinity"),
        (X[:1], ValueError, "1 sample"),
        (X[:2], ValueError, "n_components = 3, n_samples = 2"),
        (X[:, 0], ValueError, "Expected 2D array, got 1D array"),
        (X[:, :0], ValueError, "0 feature"),
        (np.empty((0, 3)), ValueError, "0 sample"),
        (X[None], ValueError, "dim 3"),
        ([["a", "b"], ["c", "d"], ["e", "f"]], ValueError, "could not convert string to float"),
        (X.astype(complex) + 1j, ValueError, "Complex data not supported"),
        ([[1.0, 2.0], [3.0], [4.0]], ValueError, "inhomogeneous"),
        (None, ValueError, "Expected 2D array|NoneType"),
        ("rows", ValueError, "Expected 2D array|could not convert"),
    ],
)
def test_bad_rows(rows, error, text):
    with pytest.raises(error, match=text):
        GaussianMixture(3).fit(rows)


@pytest.mark.parametrize(
    ("weight", "error", "text"),
    [
        (-np.ones(30), ValueError, "entry 0 is -1.0; weights must be >= 0"),
        (np.r_[np.ones(29), np.nan], ValueError, "entry 29 is nan"),
        (np.zeros(30), ValueError, "must not be all zero"),
        (np.ones(29), ValueError, r"sample_weight.shape == \(29,\), expected \(30,\)"),
        (np.ones((30, 1)), ValueError, "1D array or scalar"),
        (["x"] * 30, TypeError, "sample_weight must be numbers; got"),
        (["1"] * 30, TypeError, "sample_weight must be numbers"),
        (np.ones(30) + 1j, TypeError, "sample_weight must be numbers; got"),
    ],
)
def test_bad_weights(weight, error, text):
    with pytest.raises(error, match=text):
        GaussianMixture(2).fit(X, sample_weight=weight)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"n_components": 0}, "'n_components' parameter of GaussianMixture must be an int"),
        ({"n_components": 2.5}, "Got 2.5"),
        ({"tol": -1}, "'tol' parameter .* Got -1"),
        ({"reg_covar": -1e-6}, "'reg_covar' parameter"),
        ({"covariance_type": "banana"}, "'covariance_type' .* Got 'banana'"),
        ({"init_params": "zero"}, "'init_params'"),
        ({"max_iter": -1}, "'max_iter'"),
        ({"random_state": "seed"}, "'random_state'"),
        ({"random_state": -1}, "'random_state'"),
        ({"on_collapse": "ignore"}, "'on_collapse'"),
        ({"n_jobs": 0}, "n_jobs must not be 0"),
        ({"n_jobs": 1.5}, "'n_jobs'"),
        ({"weights_init": [0.5, 0.6]}, r"sum\(weights\) = 1.1"),
        ({"weights_init": [1.0]}, r"shape of \(2,\), but got \(1,\)"),
        ({"weights_init": [0.5, np.nan]}, "Input weights contains NaN"),
        ({"means_init": np.zeros((2, 2))}, r"'means' should have the shape of \(2, 3\)"),
        ({"precisions_init": np.eye(3)}, r"shape of \(2, 3, 3\), but got \(3, 3\)"),
        ({"precisions_init": -np.tile(np.eye(3), (2, 1, 1))}, "positive-definite"),
        (
            {"precisions_init": np.triu(np.ones((2, 3, 3)))},
            "'full precision' should be symmetric",
        ),
        (
            {"precisions_init": [[1.0, 0.0, 1.0]] * 2, "covariance_type": "diag"},
            "'diag precision' should be positive",
        ),
    ],
)
def test_bad_parameters(parameters, text):
    with pytest.raises((ValueError, TypeError), match=text):
        GaussianMixture(**{"n_components": 2, **parameters}).fit(X)


def test_bad_callback():
    with pytest.raises(TypeError, match="callback must be callable"):
        GaussianMixture().fit(X, callback=3)


def test_invalid_rows_for_a_fitted_model():
    model = GaussianMixture(2, random_state=0).fit(X)
    far = np.r_[X[:3], [[1e160, 1e160, 1e160]]]
    for method in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match="row 3 of X is so far from every component"):
            method(far)
    assert model.score_samples(far)[3] == -np.inf


@pytest.mark.parametrize(
    ("change", "rows", "text"),
    [
        ({"n_components": 3}, X, "continues from 2 components in 3 features.*n_components=3"),
        ({"covariance_type": "diag"}, X, "covariance_type='diag'"),
        ({}, X[:, :2], "and 2 features; set warm_start=False"),
    ],
)
def test_warm_start_from_another_model(change, rows, text):
    model = GaussianMixture(2, random_state=0, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=text):
        model.set_params(**change).fit(rows)
    assert model.n_features_in_ == 3
    assert np.isfinite(model.set_params(n_components=2, covariance_type="full").score(X))


def test_any_number_of_jobs():
    few = GaussianMixture(2, random_state=0, n_jobs=1).fit(X)
    many = GaussianMixture(2, random_state=0, n_jobs=10**10).fit(X)
    assert (few.means_ == many.means_).all()


def test_unfitted_model_and_wrong_number_of_columns():
    with pytest.raises(NotFittedError):
        GaussianMixture().predict(X)
    model = GaussianMixture().fit(X)
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
        model.predict_proba(X[:, :2])
    with pytest.raises(ValueError, match="Invalid value for 'n_samples': 0"):
        model.sample(0)
    with pytest.raises(TypeError, match="n_samples must be an int"):
        model.sample(1.5)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_layout_never_changes_the_result(kind, dtype):
    rows = X.astype(dtype)
    plain = GaussianMixture(2, covariance_type=kind, random_state=0).fit(rows)
    padded = np.zeros((60, 6), dtype)
    padded[::2, ::2] = rows
    frozen = rows.copy()
    frozen.flags.writeable = False
    for other in (np.asfortranarray(rows), padded[::2, ::2], frozen, rows[::-1][::-1]):
        model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(other)
        assert model.means_.tobytes() == plain.means_.tobytes()
        assert (model.predict_proba(other) == plain.predict_proba(rows)).all()
    assert (frozen == rows).all()


def test_integers_booleans_and_lists_become_float64():
    whole = np.round(X * 3).astype(int)
    a = GaussianMixture(2, random_state=0).fit(whole)
    b = GaussianMixture(2, random_state=0).fit(whole.tolist())
    assert a.means_.dtype == np.float64
    assert (a.means_ == b.means_).all()


# ---- collapse ----


@pytest.mark.parametrize("kind", TYPES)
def test_duplicates_only(kind):
    same = np.ones((20, 2))
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        GaussianMixture(1, covariance_type=kind, reg_covar=0).fit(same)
    model = GaussianMixture(1, covariance_type=kind).fit(same)
    assert np.isfinite(model.means_).all()
    assert (model.means_ == 1).all()


@pytest.mark.parametrize("kind", TYPES)
def test_constant_column(kind):
    rows = np.c_[X, np.full(30, 5.0)]
    if kind == "spherical":
        model = GaussianMixture(1, covariance_type=kind, reg_covar=0).fit(rows)
    else:
        with pytest.raises(ValueError, match="ill-defined empirical covariance"):
            GaussianMixture(1, covariance_type=kind, reg_covar=0).fit(rows)
        model = GaussianMixture(1, covariance_type=kind).fit(rows)
    assert model.means_[0, 3] == pytest.approx(5.0)


def collapsing(kind):
    """Return rows with a spike of equal ones, and a mixture whose first component collapses onto
    it."""
    rng = np.random.default_rng(1)
    rows = np.concatenate([np.zeros((10, 2)), rng.normal(8, 1, (80, 2))])
    k = 2
    precisions = {
        "full": np.tile(np.eye(2), (k, 1, 1)),
        "diag": np.ones((k, 2)),
        "spherical": np.ones(k),
    }[kind]
    model = GaussianMixture(
        k,
        covariance_type=kind,
        reg_covar=0.0,
        weights_init=[0.5, 0.5],
        means_init=[[0.0, 0.0], [8.0, 8.0]],
        precisions_init=precisions,
        random_state=0,
    )
    return rows, model


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_collapse_raises_or_is_repaired(kind):
    rows, model = collapsing(kind)
    seen = []
    with pytest.raises(ValueError, match="Component 0 collapsed onto 10 of 90 rows"):
        model.fit(rows, callback=lambda progress: seen.append(progress.iteration))
    model.set_params(on_collapse="repair", max_iter=len(seen) + 2, tol=0.0)
    with pytest.warns(ConvergenceWarning):
        model.fit(rows)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert np.isfinite(getattr(model, name)).all()
    assert model.weights_.sum() == pytest.approx(1.0)
    assert any("repaired component 0 at iteration" in event for event in model.history_.events)
    assert "repaired component 0" in str(model.history_)


def test_repeated_repairs_end_in_the_error():
    rows, model = collapsing("full")
    model.set_params(on_collapse="repair", max_iter=1000, tol=0.0)
    with pytest.raises(ValueError, match="collapsed"):
        model.fit(np.repeat(rows[:1], 30, axis=0) + np.r_[np.zeros(29), 1.0][:, None])


def test_component_without_rows_is_repaired():
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(-5, 1, (50, 2)), rng.normal(5, 1, (50, 2))])
    base = dict(
        weights_init=[0.4, 0.3, 0.3],
        means_init=[[-5.0, -5], [5, 5], [1e4, 1e4]],
        precisions_init=np.tile(np.eye(2), (3, 1, 1)),
        max_iter=200,
    )
    dead = GaussianMixture(3, **base).fit(rows)
    assert dead.weights_.min() < 1e-12
    assert np.isfinite(dead.means_).all()
    alive = GaussianMixture(3, on_collapse="repair", **base).fit(rows)
    assert alive.weights_.min() > 1e-3
    assert alive.lower_bound_ > dead.lower_bound_


def test_rows_with_zero_density_under_all_components():
    rows = np.r_[X, np.full((1, 3), 1e200)]
    with pytest.raises(ValueError, match=r"log-likelihood of X is not finite.*scale X"):
        GaussianMixture(
            1,
            weights_init=[1.0],
            means_init=np.zeros((1, 3)),
            precisions_init=np.eye(3)[None],
        ).fit(rows)


@given(
    n=st.integers(1, 12),
    d=st.integers(1, 4),
    k=st.integers(1, 4),
    kind=st.sampled_from(TYPES),
    init=st.sampled_from(["kmeans", "k-means++", "random", "random_from_data"]),
    reg=st.sampled_from([0.0, 1e-6]),
    collapse=st.sampled_from(["raise", "repair"]),
    seed=st.integers(0, 1000),
    levels=st.integers(1, 5),
    scale=st.sampled_from([0.0, 1e-160, 1e-3, 1.0, 1e6, 1e150, 1e300]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_never_a_crash_never_nan(n, d, k, kind, init, reg, collapse, seed, levels, scale, dtype):
    rows = np.random.default_rng(seed).integers(0, levels, (n, d)) * scale
    model = GaussianMixture(
        k,
        covariance_type=kind,
        init_params=init,
        reg_covar=reg,
        on_collapse=collapse,
        random_state=seed,
        max_iter=20,
    )
    with np.errstate(over="ignore"):
        rows = rows.astype(dtype)
    try:
        r = model.fit(rows).predict_proba(rows)
    except ValueError:
        return
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert np.isfinite(getattr(model, name)).all(), name
    assert np.abs(r.sum(1) - 1).max() < 1e-5


# ---- interruption and callbacks ----


def test_callback_sees_every_iteration_and_can_stop():
    seen = []

    def callback(progress):
        seen.append(progress)
        return progress.iteration == 3

    model = GaussianMixture(2, tol=0.0, random_state=0, n_init=4).fit(X, callback=callback)
    assert [p.iteration for p in seen] == [1, 2, 3]
    assert [p.value for p in seen] == model.lower_bounds_
    assert seen[0].metric == "mean log-likelihood"
    assert (seen[0].start, seen[0].n_starts) == (0, 4)
    assert model.n_iter_ == 3
    assert not model.converged_
    assert model.history_.stop_reason == "callback"
    model.fit(X, callback=lambda progress: np.float64(progress.iteration) >= 2)
    assert model.n_iter_ == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_interrupts_soon_and_keeps_the_model(jobs):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60000, 24))
    model = GaussianMixture(
        24, init_params="random_from_data", tol=0.0, max_iter=10**6, random_state=0, n_jobs=jobs
    )
    with answered_ctrl_c(0.3, jobs) as press:
        model.fit(rows, callback=lambda progress: progress.iteration == 1 and press())
    assert model.history_.stop_reason == "interrupted"
    assert model.n_iter_ == len(model.lower_bounds_) >= 1
    assert not model.converged_
    again = GaussianMixture(
        24, init_params="random_from_data", tol=0.0, max_iter=model.n_iter_, random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        again.fit(rows)
    assert (model.means_ == again.means_).all()
    assert np.isfinite(model.score(rows[:100]))


_GROWTH = """
import resource, sys, warnings
import numpy as np
from gibbous import GaussianMixture
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(200_000, 4))
GaussianMixture(2, max_iter=1, init_params="random_from_data").fit(X[:1000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = GaussianMixture(64, max_iter=2, tol=0, init_params=sys.argv[1], covariance_type=sys.argv[2])
model.fit(X).predict(X)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("init", "kind"), [("kmeans", "full"), *(("random", kind) for kind in TYPES)]
)
def test_memory_does_not_grow_with_rows_times_components(kind, init):
    out = subprocess.run(
        [sys.executable, "-c", _GROWTH, init, kind], capture_output=True, text=True, check=True
    )
    # n x k doubles would take 102 MB; the data take 6.4 MB, K-means keeps labels and distances
    assert int(out.stdout) < 40 * 1024
