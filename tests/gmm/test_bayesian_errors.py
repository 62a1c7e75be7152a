"""Variational Gaussian mixtures: invalid input, singular priors, interruption, memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from gibbous import BayesianGaussianMixture
from support.ctrl_c import answered_ctrl_c

TYPES = ["full", "tied", "diag", "spherical"]
X = np.random.default_rng(0).normal(size=(30, 3))


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"n_components": 0}, "'n_components' parameter of BayesianGaussianMixture must be an int"),
        ({"tol": -1}, "'tol' parameter .* Got -1"),
        ({"covariance_type": "banana"}, "'covariance_type' .* Got 'banana'"),
        ({"weight_concentration_prior_type": "beta"}, "'weight_concentration_prior_type'"),
        ({"weight_concentration_prior": 0.0}, "'weight_concentration_prior'.* Got 0.0"),
        ({"weight_concentration_prior": np.inf}, "'weight_concentration_prior'.* Got inf"),
        ({"mean_precision_prior": -1.0}, "'mean_precision_prior'.* Got -1.0"),
        ({"mean_precision_prior": np.nan}, "'mean_precision_prior'"),
        ({"mean_precision_prior": np.inf}, "'mean_precision_prior'.* Got inf"),
        (
            {"mean_prior": [0.0, 0.0]},
            r"'mean_prior' should have the shape of \(3,\), but got \(2,\)",
        ),
        ({"mean_prior": 1.0}, "'mean_prior'.*array-like"),
        ({"mean_prior": np.array(1.0)}, r"'mean_prior' .* shape of \(3,\), but got one number"),
        ({"mean_prior": [0.0, np.nan, 0.0]}, "Input mean_prior contains NaN"),
        (
            {"degrees_of_freedom_prior": 2.0},
            "'degrees_of_freedom_prior' should be greater than 2, but got 2.000",
        ),
        ({"degrees_of_freedom_prior": np.inf}, "'degrees_of_freedom_prior'.* Got inf"),
        ({"covariance_prior": 1.0}, r"'full covariance_prior' .* shape of \(3, 3\), but got one"),
        ({"covariance_prior": np.eye(2)}, r"shape of \(3, 3\), but got \(2, 2\)"),
        ({"covariance_prior": -np.eye(3)}, "'full covariance_prior' should be symmetric, positive"),
        (
            {"covariance_prior": np.triu(np.ones((3, 3))), "covariance_type": "tied"},
            "'tied covariance_prior' should be symmetric",
        ),
        (
            {"covariance_prior": np.eye(3), "covariance_type": "diag"},
            r"'diag covariance_prior' should have the shape of \(3,\), but got \(3, 3\)",
        ),
        (
            {"covariance_prior": [1.0, 0.0, 1.0], "covariance_type": "diag"},
            "'diag covariance_prior' should be positive",
        ),
        (
            {"covariance_prior": [1.0, 1.0, 1.0], "covariance_type": "spherical"},
            r"'spherical covariance_prior' should be one number, but got the shape \(3,\)",
        ),
        ({"covariance_prior": 0.0, "covariance_type": "spherical"}, "'covariance_prior'"),
        ({"n_jobs": 0}, "n_jobs must not be 0"),
        ({"random_state": "seed"}, "'random_state'"),
    ],
)
def test_bad_parameters(parameters, text):
    with pytest.raises((ValueError, TypeError), match=text):
        BayesianGaussianMixture(**{"n_components": 2, **parameters}).fit(X)


def test_bad_rows_weights_and_callbacks():
    model = BayesianGaussianMixture(3)
    bad = X.copy()
    bad[7, 1] = np.inf
    for rows, text in ((bad, "contains infinity"), (X[:2], "n_components = 3, n_samples = 2")):
        with pytest.raises(ValueError, match=text):
            model.fit(rows)
    with pytest.raises(ValueError, match="weights must be >= 0"):
        model.fit(X, sample_weight=-np.ones(30))
    with pytest.raises(ValueError, match=r"\(29,\), expected \(30,\)"):
        model.fit(X, sample_weight=np.ones(29))
    with pytest.raises(TypeError, match="callback must be callable"):
        model.fit(X, callback=3)
    for what in (lambda: model.predict(X), lambda: model.score_samples(X), model.sample):
        with pytest.raises(NotFittedError):
            what()
    for name in ("n_effective_components_", "evidence_lower_bound_", "means_"):
        assert not hasattr(model, name)


@pytest.mark.parametrize("kind", TYPES)
def test_weights_with_a_total_below_two_rows(kind):
    weight = np.full(30, 1 / 30)
    with pytest.raises(ValueError, match=r"sample_weight adds up to 1: .*give covariance_prior"):
        BayesianGaussianMixture(2, covariance_type=kind).fit(X, sample_weight=weight)
    prior = {"full": np.eye(3), "tied": np.eye(3), "diag": np.ones(3), "spherical": 1.0}[kind]
    model = BayesianGaussianMixture(
        2, covariance_type=kind, covariance_prior=prior, random_state=0
    ).fit(X, sample_weight=weight)
    assert model.mean_precision_.sum() == pytest.approx(3.0)


# ---- covariances that are not positive definite ---------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
def test_error_for_a_constant_column_names_a_remedy(kind, dtype):
    rows = np.c_[X, np.full(30, 5.0)].astype(dtype)
    model = BayesianGaussianMixture(2, covariance_type=kind, reg_covar=0.0)
    with pytest.raises(ValueError, match="ill-defined empirical covariance") as caught:
        model.fit(rows)
    text = str(caught.value)
    assert "constant columns" in text and text.endswith("or give covariance_prior.")
    assert ("passing float64" in text) == (dtype is np.float32)
    prior = {"full": np.eye(4), "tied": np.eye(4), "diag": np.ones(4)}[kind]
    model.set_params(covariance_prior=prior, random_state=0).fit(rows)
    assert model.means_[:, 3] == pytest.approx(5.0)
    assert np.isfinite(model.score_samples(rows)).all()


def test_more_columns_than_rows():
    rows = np.random.default_rng(0).normal(size=(10, 20))
    with pytest.raises(ValueError, match="no more rows than columns"):
        BayesianGaussianMixture(2, init_params="random", reg_covar=0.0).fit(rows)
    for kind in ("diag", "spherical"):
        model = BayesianGaussianMixture(2, covariance_type=kind, random_state=0).fit(rows)
        assert np.isfinite(model.evidence_lower_bound_)
    # reg_covar is enough if every component has rows; the prior stays improper
    model = BayesianGaussianMixture(1, reg_covar=1e-3).fit(rows)
    assert model.evidence_lower_bound_ == -np.inf
    assert np.isfinite(model.lower_bound_)


def test_given_prior_that_is_too_small():
    rows = np.repeat(X[:2], 15, axis=0)
    model = BayesianGaussianMixture(
        2, covariance_prior=1e-300 * np.eye(3), reg_covar=0.0, random_state=0
    )
    with pytest.raises(
        ValueError, match=r"component 0, which holds 15 rows.*Or raise covariance_prior\.$"
    ):
        model.fit(rows)


@pytest.mark.parametrize("kind", TYPES)
def test_prior_that_overflows(kind):
    model = BayesianGaussianMixture(
        4,
        covariance_type=kind,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=1.7e308,
    )
    with pytest.raises(ValueError, match=r"too large .*weight_concentration_prior=1.7e\+308"):
        model.fit(X)
    model.set_params(weight_concentration_prior=None, degrees_of_freedom_prior=1.7e308)
    with pytest.raises(ValueError, match=r"degrees_of_freedom_prior"):
        model.fit(X)


def test_duplicates_only():
    same = np.ones((20, 2))
    with pytest.raises(ValueError, match="covariance_prior"):
        BayesianGaussianMixture(1, reg_covar=0).fit(same)
    model = BayesianGaussianMixture(1).fit(same)
    assert model.means_ == pytest.approx(np.ones((1, 2)))


def test_rows_with_zero_density_under_all_components():
    rows = np.r_[X, np.full((1, 3), 1e200)]
    with pytest.raises(ValueError, match=r"covariance of X is not finite.*scale X"):
        BayesianGaussianMixture(2, random_state=0).fit(rows)
    model = BayesianGaussianMixture(2, random_state=0).fit(X)
    far = np.r_[X[:3], [[1e160, 1e160, 1e160]]]
    for method in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match="row 3 of X is so far from every component"):
            method(far)


@pytest.mark.parametrize(
    ("change", "rows", "text"),
    [
        ({"n_components": 3}, X, "continues from 2 components in 3 features.*n_components=3"),
        ({"covariance_type": "diag"}, X, "covariance_type='diag'"),
        ({}, X[:, :2], "and 2 features; set warm_start=False"),
    ],
)
def test_warm_start_from_another_model(change, rows, text):
    model = BayesianGaussianMixture(2, random_state=0, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=text):
        model.set_params(**change).fit(rows)
    assert model.n_features_in_ == 3


def test_prior_can_be_changed_between_fits():
    model = BayesianGaussianMixture(2, random_state=0, warm_start=True, max_iter=300).fit(X)
    model.set_params(weight_concentration_prior_type="dirichlet_distribution").fit(X)
    assert model.weight_concentration_.shape == (2,)
    model.set_params(weight_concentration_prior=1e300).fit(X)
    assert model.weights_ == pytest.approx(0.5)


@given(
    n=st.integers(2, 12),
    d=st.integers(1, 4),
    k=st.integers(1, 4),
    kind=st.sampled_from(TYPES),
    process=st.sampled_from(["dirichlet_process", "dirichlet_distribution"]),
    init=st.sampled_from(["kmeans", "k-means++", "random", "random_from_data"]),
    reg=st.sampled_from([0.0, 1e-6]),
    prior=st.sampled_from([None, 1e-300, 1e-5, 1e10, 1e300]),
    seed=st.integers(0, 1000),
    levels=st.integers(1, 5),
    scale=st.sampled_from([0.0, 1e-160, 1e-3, 1.0, 1e6, 1e150, 1e300]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_never_a_crash_never_nan(
    n, d, k, kind, process, init, reg, prior, seed, levels, scale, dtype
):
    rows = np.random.default_rng(seed).integers(0, levels, (n, d)) * scale
    model = BayesianGaussianMixture(
        k,
        covariance_type=kind,
        weight_concentration_prior_type=process,
        weight_concentration_prior=prior,
        mean_precision_prior=prior,
        init_params=init,
        reg_covar=reg,
        random_state=seed,
        max_iter=20,
    )
    with np.errstate(over="ignore"):
        rows = rows.astype(dtype)
    try:
        r = model.fit(rows).predict_proba(rows)
    except ValueError:
        return
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert np.isfinite(getattr(model, name)).all(), name
    assert np.isfinite(model.lower_bound_)
    assert np.abs(r.sum(axis=1) - 1).max() < 1e-5


# ---- interruption and callbacks -------------------------------------------------------------


def test_callback_sees_every_iteration_and_can_stop():
    seen = []

    def callback(progress):
        seen.append(progress)
        return progress.iteration == 3

    model = BayesianGaussianMixture(2, tol=0.0, random_state=0, n_init=4)
    model.fit(X, callback=callback)
    assert [p.iteration for p in seen] == [1, 2, 3]
    assert [p.value for p in seen] == model.lower_bounds_
    assert seen[0].metric == "lower bound"
    assert (seen[0].start, seen[0].n_starts) == (0, 4)
    assert model.history_.stop_reason == "callback"


def test_verbose_output_equals_that_of_scikit_learn(capsys):
    model = BayesianGaussianMixture(2, random_state=0, verbose=2, verbose_interval=1, max_iter=3)
    with pytest.warns(ConvergenceWarning, match="did not converge.*tol is compared with"):
        model.set_params(tol=0.0).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Initialization 0"
    assert lines[1].startswith("  Iteration 1\t time lapse")
    assert lines[-1].startswith("Initialization did not converge. time lapse")
    assert f"lower bound {model.lower_bound_:.5f}." in lines[-1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_interrupts_soon_and_keeps_the_model(jobs):
    rows = np.random.default_rng(0).normal(size=(60000, 24))
    asked = dict(n_components=24, init_params="random_from_data", tol=0.0, random_state=0)
    model = BayesianGaussianMixture(**asked, max_iter=10**6, n_jobs=jobs)
    with answered_ctrl_c(0.3, jobs) as press:
        model.fit(rows, callback=lambda progress: progress.iteration == 1 and press())
    assert model.history_.stop_reason == "interrupted"
    assert model.n_iter_ == len(model.lower_bounds_) >= 1
    again = BayesianGaussianMixture(**asked, max_iter=model.n_iter_)
    with pytest.warns(ConvergenceWarning):
        again.fit(rows)
    assert (model.means_ == again.means_).all()
    assert np.isfinite(model.score(rows[:100]))


_GROWTH = """
import resource, sys, warnings
import numpy as np
from gibbous import BayesianGaussianMixture
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(200_000, 4))
BayesianGaussianMixture(2, max_iter=1, init_params="random_from_data").fit(X[:1000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = BayesianGaussianMixture(
    64, max_iter=2, tol=0, init_params="random", covariance_type=sys.argv[1]
)
model.fit(X).predict(X)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", TYPES)
def test_memory_does_not_grow_with_rows_times_components(kind):
    out = subprocess.run(
        [sys.executable, "-c", _GROWTH, kind], capture_output=True, text=True, check=True
    )
    # n x k doubles would take 102 MB; the data take 6.4 MB
    assert int(out.stdout) < 40 * 1024
