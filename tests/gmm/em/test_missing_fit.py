"""Fits of Gaussian mixtures to rows with NaN: starts, invariants, collapse, invalid input."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer

import gibbous
from gibbous import GaussianMixture
from support.ctrl_c import answered_ctrl_c
from support.holes import FITTED, INITS, TYPES, fitted, holes

# ---- starts ----


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("kind", TYPES)
def test_every_start_works_with_missing_entries(init, kind):
    X = holes(300, 4, 2, 0.4, seed=11, spread=4.0)
    model = GaussianMixture(
        2, covariance_type=kind, init_params=init, random_state=2, max_iter=300, n_init=2
    ).fit(X)
    assert model.converged_
    for name in FITTED:
        assert np.isfinite(getattr(model, name)).all()
    start = GaussianMixture(
        2, covariance_type=kind, init_params=init, random_state=2, max_iter=0
    ).fit(X)
    assert np.isfinite(start.means_).all()


def test_kmeans_start_has_the_moments_of_the_observed_entries():
    X = holes(200, 3, 2, 0.3, seed=12, spread=6.0)
    start = GaussianMixture(2, random_state=0, max_iter=0, reg_covar=1e-4).fit(X)
    filled = SimpleImputer().fit_transform(X)
    labels = gibbous.KMeans(2, n_init=1, random_state=0).fit(filled).labels_
    there = ~np.isnan(X)
    within = np.zeros(3)
    for j in range(2):
        assert start.means_[j] == pytest.approx(np.nanmean(X[labels == j], axis=0))
        within += np.nansum((X[labels == j] - start.means_[j]) ** 2, axis=0)
    within /= there.sum(axis=0)
    for j in range(2):
        part, n = X[labels == j], (labels == j).sum()
        z = np.nan_to_num(part - start.means_[j])
        expected = (z.T @ z + np.diag(np.isnan(part).sum(axis=0) * within)) / n
        assert start.covariances_[j] == pytest.approx(expected + 1e-4 * np.eye(3))


def test_given_starts_and_warm_starts():
    X = holes(200, 3, 2, 0.3, seed=13)
    whole = fitted(GaussianMixture(2, random_state=0, tol=0, max_iter=10), X)
    part = GaussianMixture(2, random_state=0, tol=0, max_iter=5, warm_start=True)
    fitted(part, X)
    fitted(part, X)
    assert (part.means_ == whole.means_).all()
    assert (part.covariances_ == whole.covariances_).all()
    begun = GaussianMixture(2, means_init=whole.means_, max_iter=0, random_state=0).fit(X)
    assert (begun.means_ == whole.means_).all()
    assert (begun.fit_predict(X) == begun.predict(X)).all()


# ---- invariants ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("n", "d", "k", "share"),
    [(9, 2, 2, 0.2), (6000, 3, 3, 0.3), (1500, 12, 5, 0.5), (900, 40, 3, 0.02)],
)
def test_equal_bits_for_any_number_of_threads(kind, dtype, n, d, k, share):
    X = holes(n, d, k, share, seed=n, dtype=dtype, spread=1.0)
    weight = np.random.default_rng(0).uniform(0.5, 2, n)
    results = []
    for jobs in (1, 2, 3, 7):
        model = GaussianMixture(
            k,
            covariance_type=kind,
            tol=0.0,
            max_iter=2,
            reg_covar=1e-2,
            init_params="random",
            random_state=4,
            n_jobs=jobs,
        )
        fitted(model, X, sample_weight=weight)
        results.append(
            [
                *(getattr(model, name) for name in FITTED),
                np.array(model.lower_bounds_),
                model.predict_proba(X),
                model.score_samples(X),
                model.impute(X),
                model.impute(X, method="sample"),
            ]
        )
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_ctrl_c_interrupts_soon(kind):
    X = holes(20000, 24, 4, 0.3, seed=14)
    model = GaussianMixture(
        24,
        covariance_type=kind,
        init_params="random_from_data",
        tol=0.0,
        max_iter=10**6,
        random_state=0,
        n_jobs=1,
    )
    with answered_ctrl_c(0.3, 1) as press:
        model.fit(X, callback=lambda progress: progress.iteration == 1 and press())
    assert model.history_.stop_reason == "interrupted"
    assert np.isfinite(model.score(X[:100]))


def test_saving_pickling_and_layout(tmp_path):
    X = holes(150, 3, 2, 0.3, seed=15)
    model = GaussianMixture(2, random_state=0).fit(X)
    gibbous.save(model, tmp_path / "m.safetensors")
    for other in (gibbous.load(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(model))):
        assert (other.predict_proba(X) == model.predict_proba(X)).all()
        assert (other.impute(X) == model.impute(X)).all()
    assert (model.impute(np.asfortranarray(X)) == model.impute(X)).all()
    frozen = X.copy()
    frozen.flags.writeable = False
    assert (GaussianMixture(2, random_state=0).fit(frozen).means_ == model.means_).all()


# ---- errors and collapse ----


def test_columns_without_observed_entries_are_named():
    import pandas as pd

    X = holes(20, 3, 1, 0.2)
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match=r"^column 1 of X: all entries are NaN.*remove such"):
        GaussianMixture().fit(X)
    with pytest.raises(ValueError, match=r"column 1 \('b'\) of X"):
        GaussianMixture().fit(pd.DataFrame(X, columns=list("abc")))
    X[:, 1] = np.r_[1.0, 2.0, np.full(18, np.nan)]
    weight = np.r_[0, 0, np.ones(18)]
    with pytest.raises(ValueError, match="in a row with a weight are NaN"):
        GaussianMixture().fit(X, sample_weight=weight)
    with pytest.raises(ValueError, match=r"columns 0, 1, 2, .* and 2 more of X"):
        GaussianMixture().fit(np.c_[np.full((5, 12), np.nan), np.ones(5)])


def test_infinities_are_still_rejected():
    X = holes(20, 3, 1, 0.2)
    model = GaussianMixture().fit(X)
    X[4, 1] = np.inf
    for call in (GaussianMixture().fit, model.predict, model.score_samples, model.impute):
        with pytest.raises(ValueError, match="contains infinity"):
            call(X)


def test_tags_declare_that_nan_is_allowed():
    from sklearn.utils import get_tags

    assert get_tags(GaussianMixture()).input_tags.allow_nan


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_collapse_raises_or_is_repaired(kind):
    rng = np.random.default_rng(1)
    X = np.concatenate([np.zeros((10, 2)), rng.normal(8, 1, (80, 2))])
    X[20:40, 0] = np.nan
    X[40:60, 1] = np.nan
    model = GaussianMixture(
        2,
        covariance_type=kind,
        reg_covar=0.0,
        weights_init=[0.5, 0.5],
        means_init=[[0.0, 0.0], [8.0, 8.0]],
        precisions_init=np.ones((2,) * 2)
        if kind == "diag"
        else np.ones(2)
        if kind == "spherical"
        else np.tile(np.eye(2), (2, 1, 1)),
    )
    seen = []
    with pytest.raises(ValueError, match="Component 0 collapsed onto"):
        model.fit(X, callback=lambda progress: seen.append(progress.iteration))
    model.set_params(on_collapse="repair", max_iter=len(seen) + 2, tol=0.0)
    fitted(model, X)
    for name in FITTED:
        assert np.isfinite(getattr(model, name)).all()
    assert "repaired component 0" in str(model.history_)


def test_rows_with_zero_density_under_all_components():
    X = np.r_[holes(30, 3, 1, 0.2), [[np.nan, 1e200, 1e200]]]
    with pytest.raises(ValueError, match=r"log-likelihood of X is not finite.*scale X"):
        GaussianMixture(
            1, weights_init=[1.0], means_init=np.zeros((1, 3)), precisions_init=np.eye(3)[None]
        ).fit(X)
    model = GaussianMixture(2, random_state=0).fit(X[:30])
    for method in (model.predict, model.predict_proba, model.impute):
        with pytest.raises(ValueError, match="row 30 of X is so far from every component"):
            method(X)
    assert model.score_samples(X)[30] == -np.inf


@given(
    n=st.integers(2, 14),
    d=st.integers(1, 4),
    k=st.integers(1, 3),
    kind=st.sampled_from(TYPES),
    init=st.sampled_from(INITS),
    reg=st.sampled_from([0.0, 1e-6]),
    collapse=st.sampled_from(["raise", "repair"]),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.0, 1e-160, 1.0, 1e6, 1e150, 1e300]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_never_a_crash_never_nan(n, d, k, kind, init, reg, collapse, seed, scale, dtype):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, (n, d)) * scale
    X[rng.random((n, d)) < 0.4] = np.nan
    with np.errstate(over="ignore"):
        X = X.astype(dtype)
    model = GaussianMixture(
        k,
        covariance_type=kind,
        init_params=init,
        reg_covar=reg,
        on_collapse=collapse,
        random_state=seed,
        max_iter=20,
    )
    try:
        r = model.fit(X).predict_proba(X)
        filled = model.impute(X)
    except ValueError:
        return
    for name in FITTED:
        assert np.isfinite(getattr(model, name)).all(), name
    assert np.abs(r.sum(1) - 1).max() < 1e-5
    assert np.isfinite(filled).all()


_GROWTH = """
import sys, warnings
import numpy as np
from gibbous import GaussianMixture
warnings.simplefilter("ignore")


def peak():  # in kB; a child's ru_maxrss starts from what its parent held
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


rng = np.random.default_rng(0)
X = rng.normal(size=(200_000, 4))
X[rng.random(X.shape) < 0.3] = np.nan
GaussianMixture(2, max_iter=1, init_params="random").fit(X[:1000])
before = peak()
model = GaussianMixture(64, max_iter=2, tol=0, init_params="random", covariance_type=sys.argv[1])
model.fit(X).predict(X)
model.impute(X)
print(peak() - before)
"""


@pytest.mark.parametrize("kind", TYPES)
def test_memory_does_not_grow_with_rows_times_components(kind):
    out = subprocess.run(
        [sys.executable, "-c", _GROWTH, kind], capture_output=True, text=True, check=True
    )
    # n x k doubles would take 102 MB; the data take 6.4 MB, and a start copies them and their mask
    assert int(out.stdout) < 50 * 1024
