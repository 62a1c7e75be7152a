"""Rows with NaN in blocks or batches, or with a prior."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import gibbous._rows.blocks as blocks
from gibbous import GaussianMixture, MixturePrior
from gibbous.gmm.data import expectation_of, rows_to_fit
from gibbous.gmm.em.missing import Missing
from gibbous.gmm.parameters import covariance_shape
from support.holes import FITTED, INITS, TYPES, holes

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Read everything in blocks of 256 rows."""
    monkeypatch.setattr(blocks, "SMALL_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 0)


def mapped(X, path):
    path.write_bytes(X.tobytes())
    return np.memmap(path, dtype=X.dtype, mode="r", shape=X.shape)


def start_of(kind, k, d, seed=0):
    shape = covariance_shape(kind, k, d)
    return {
        "weights_init": np.full(k, 1 / k),
        "means_init": np.random.default_rng(seed).standard_normal((k, d)),
        "precisions_init": np.broadcast_to(np.eye(d) if kind in ("full", "tied") else 1.0, shape),
    }


def late_holes(n, d, k, **more):
    """Return rows of which the first 700 are complete."""
    X = holes(n, d, k, 0.3, **more)
    whole = holes(n, d, k, 0.0, **more)
    X[:700] = whole[:700]
    return X


# ---- blocks ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_equal_a_fit_in_memory(kind, dtype, weighted, tmp_path):
    X = late_holes(2001, 4, 2, seed=1, dtype=dtype)
    X[1500] = np.nan
    weight = np.random.default_rng(0).uniform(0, 2, len(X)) if weighted else None
    settings_ = dict(covariance_type=kind, max_iter=4, tol=0.0, **start_of(kind, 2, 4))
    whole = GaussianMixture(2, **settings_).fit(X, sample_weight=weight)
    source = mapped(X, tmp_path / "x")
    parts = GaussianMixture(2, **settings_).fit(source, sample_weight=weight)
    bound = 1e-10 if dtype == np.float64 else 1e-3
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        x, y = np.asarray(getattr(parts, name), float), np.asarray(getattr(whole, name), float)
        assert np.abs(x - y).max() < bound * np.abs(y).max(), name
    assert parts.means_.dtype == dtype
    # results of a row do not depend on other rows, except for rounding
    for method in ("predict_proba", "score_samples"):
        a, b = getattr(whole, method)(source), getattr(whole, method)(X)
        assert np.abs(a - b).max() < (1e-11 if dtype == np.float64 else 1e-3)
    assert (whole.predict(source) == whole.predict(X)).mean() > 0.999
    assert whole.score(source) == pytest.approx(whole.score(X), rel=1e-5)


@pytest.mark.parametrize("kind", TYPES)
def test_blocks_and_threads_do_not_change_the_result(kind, tmp_path):
    X = late_holes(1500, 3, 2, seed=2)
    fits = []
    for source, jobs in (
        (mapped(X, tmp_path / "x"), 1),
        (np.array_split(X, 13), 2),
        (lambda: iter(np.split(X, [1, 999])), 7),
    ):
        model = GaussianMixture(2, covariance_type=kind, random_state=0, max_iter=5, n_jobs=jobs)
        fits.append(model.fit(source))
    for other in fits[1:]:
        for name in FITTED:
            assert getattr(other, name).tobytes() == getattr(fits[0], name).tobytes()
        assert other.lower_bounds_ == fits[0].lower_bounds_


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("kind", TYPES)
def test_every_start_works(init, kind):
    X = late_holes(1500, 3, 2, seed=3, spread=5.0)
    model = GaussianMixture(2, covariance_type=kind, init_params=init, random_state=0)
    model.set_params(max_iter=200).fit(np.array_split(X, 4))
    alone = clone(model)
    if init != "random":  # a poor start may end anywhere, but the same in both
        alone.set_params(init_params="kmeans")
    assert model.lower_bound_ == pytest.approx(alone.fit(X).lower_bound_, abs=0.3)


@pytest.mark.parametrize("kind", TYPES)
def test_random_responsibilities_equal_those_in_memory(kind):
    X = late_holes(1200, 3, 2, seed=4)
    settings_ = dict(covariance_type=kind, init_params="random", random_state=5, max_iter=0)
    whole = GaussianMixture(3, **settings_).fit(X)
    parts = GaussianMixture(3, **settings_).fit([X])
    assert parts.means_ == pytest.approx(whole.means_, abs=1e-12)
    assert parts.covariances_ == pytest.approx(whole.covariances_, rel=1e-12)


def test_small_sources_are_fitted_like_arrays(monkeypatch):
    monkeypatch.setattr(blocks, "SMALL_BYTES", 64 << 20)
    X = late_holes(1500, 3, 2, seed=5)
    plain = GaussianMixture(3, random_state=0).fit(X)
    other = GaussianMixture(3, random_state=0).fit(np.array_split(X, 7))
    for name in FITTED:
        assert getattr(other, name).tobytes() == getattr(plain, name).tobytes()


def test_invalid_values_in_blocks_are_rejected():
    X = late_holes(1000, 3, 2)
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match="column 1 of X: all entries are NaN"):
        GaussianMixture().fit([X])
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"column 1 \('b'\) of X"):
        GaussianMixture().fit([frame])
    X = late_holes(1000, 3, 2)
    X[900, 2] = np.inf
    with pytest.raises(ValueError, match="contains infinity: row 900, column 2"):
        GaussianMixture().fit([X])


def test_feature_that_is_missing_in_the_whole_sample(monkeypatch):
    import gibbous._rows.sample as passes

    monkeypatch.setattr(passes, "SAMPLE_ROWS", 64)
    X = holes(3000, 3, 2, 0.2, seed=6)
    X[:, 2] = np.nan
    X[[7, 2000], 2] = [3.0, 5.0]
    model = GaussianMixture(2, random_state=0, max_iter=10, reg_covar=1e-3).fit([X])
    assert np.isfinite(model.means_).all()
    assert model.means_[:, 2].min() > 2.0 and model.means_[:, 2].max() < 6.0


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_collapsed_components_are_repaired(kind):
    X = holes(900, 3, 1, 0.2, seed=7, spread=1.0)
    X[:, 0] = np.nan_to_num(X[:, 0])  # distinguishes all rows
    X[600:640] = 40.0  # a spike that a component collapses onto
    model = GaussianMixture(
        2,
        covariance_type=kind,
        reg_covar=0.0,
        on_collapse="repair",
        max_iter=60,
        **{
            **start_of(kind, 2, 3),
            "means_init": [[0.0] * 3, [40.0] * 3],
        },
    ).fit([X])
    for name in FITTED:
        assert np.isfinite(getattr(model, name)).all()
    assert any("repaired" in event for event in model.history_.events)


def test_e_steps_for_missing_entries_are_used():
    model = GaussianMixture(2, random_state=0)
    X = late_holes(1000, 3, 2)
    for data in (X, rows_to_fit(model, [X])):
        assert type(expectation_of(data, None, 0, model)) is Missing


# ---- batches ----


@pytest.mark.parametrize("kind", TYPES)
def test_the_first_batch_is_one_step_of_a_fit(kind):
    X = holes(300, 3, 2, 0.3, seed=8)
    batch = GaussianMixture(2, covariance_type=kind, **start_of(kind, 2, 3)).partial_fit(X)
    step = GaussianMixture(2, covariance_type=kind, max_iter=1, **start_of(kind, 2, 3)).fit(X)
    assert batch.means_ == pytest.approx(step.means_, abs=1e-12)
    assert batch.covariances_ == pytest.approx(step.covariances_, abs=1e-11)
    assert batch.lower_bound_ == pytest.approx(step.lower_bound_, rel=1e-12)


@pytest.mark.parametrize("kind", TYPES)
def test_partial_fit_learns_from_batches_with_missing_entries(kind):
    X = holes(6000, 3, 2, 0.3, seed=9, spread=4.0)
    model = GaussianMixture(2, covariance_type=kind, random_state=0)
    parts = np.array_split(X, 30)
    parts[7][:, 1] = np.nan  # a batch with a feature missing
    parts[9][:] = np.nan  # and one without observed entries
    for part in parts:
        model.partial_fit(part)
    whole = GaussianMixture(2, covariance_type=kind, random_state=0, max_iter=500).fit(X)
    assert model.score(X) == pytest.approx(whole.score(X), abs=0.1)
    with pytest.raises(ValueError, match="column 1 of X: all entries are NaN"):
        GaussianMixture(2).partial_fit(parts[7])


# ---- priors ----


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_penalized_likelihood_never_decreases(kind, data):
    n, d = data.draw(st.integers(8, 40)), data.draw(st.integers(1, 4))
    k, seed = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    X[rng.random((n, d)) < data.draw(st.sampled_from([0.1, 0.5]))] = np.nan
    X[0] = 0.0
    weight = rng.uniform(0.2, 2, n) if data.draw(st.booleans()) else None
    X[1] = 1.0
    model = GaussianMixture(
        k,
        covariance_type=kind,
        prior="fraley-raftery",
        tol=0.0,
        max_iter=12,
        init_params=data.draw(st.sampled_from(INITS)),
        random_state=seed,
    ).fit(X, sample_weight=weight)
    bounds = np.array(model.lower_bounds_)
    assert (np.diff(bounds) >= -1e-9 * np.maximum(1, np.abs(bounds).max())).all(), bounds


def test_numeric_prior_acts_as_on_complete_rows():
    # if a feature is observed in one row only, the prior determines nearly everything
    X = np.random.default_rng(0).standard_normal((50, 2))
    X[1:, 1] = np.nan
    X[0, 1] = 100.0
    prior = MixturePrior(mean=[0.0, -3.0], mean_precision=1e6)
    model = GaussianMixture(1, prior=prior, max_iter=500).fit(X)
    assert model.means_[0, 1] == pytest.approx(-3.0, abs=0.1)


@pytest.mark.parametrize("kind", TYPES)
def test_derived_mixtures_have_no_prior(kind):
    X = holes(200, 3, 2, 0.2, seed=10)
    model = GaussianMixture(2, covariance_type=kind, prior="fraley-raftery", random_state=0).fit(X)
    given_ = model.condition(0, 0.5)
    assert given_.prior is None
    assert given_.score_samples(np.zeros((2, 2))).shape == (2,)
