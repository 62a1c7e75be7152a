"""Variational mixtures of rows with NaN and in blocks: exact steps, a monotone bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import gibbous._rows.blocks as blocks
from gibbous import BayesianGaussianMixture, load, save
from reference import bgmm as reference
from support.block_rows import mapped
from support.holes import FITTED, INITS, TYPES, fitted, holes

PRIORS = ["dirichlet_process", "dirichlet_distribution"]


def relative(a, b):
    a, b = np.asarray(a, np.longdouble), np.asarray(b, np.longdouble)
    return float(np.abs(a - b).max() / np.abs(b).max())


def gaps(n, d, k, **how):
    """Return rows with some, all or no entries missing."""
    X = holes(n, d, k, 0.3, **how)
    X[5] = np.nan
    X[7:20] = np.nan_to_num(X[7:20])
    return X


def steps(kind, process, X, weight=None, **more):
    """Return a model before and after an iteration."""
    model = BayesianGaussianMixture(
        3,
        covariance_type=kind,
        weight_concentration_prior_type=process,
        reg_covar=0.0,
        tol=0.0,
        init_params="random",
        random_state=3,
        **more,
    )
    before = fitted(clone(model).set_params(max_iter=4), X, sample_weight=weight)
    return before, fitted(model.set_params(max_iter=5), X, sample_weight=weight)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("process", PRIORS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("in_blocks", [False, True])
def test_step_is_exact(kind, process, weighted, in_blocks, monkeypatch):
    n = 700 if in_blocks else 160
    X = gaps(n, 3, 3, seed=1, spread=1.5)
    if in_blocks:
        monkeypatch.setattr(blocks, "SMALL_BYTES", 0)
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 0)
    weight = np.random.default_rng(0).uniform(0, 3, n) if weighted else None
    data = [X[:100], X[100:]] if in_blocks else X
    before, after = steps(kind, process, data, weight)
    log_prob, c = reference.e_step_missing(X, reference.posterior_of(before))
    assert relative(before.predict_proba(X), c.r) < 1e-10
    assert relative(before.score_samples(data), log_prob) < 1e-11
    prior, q = reference.prior_of(after), reference.posterior_of(after)
    expected = reference.m_step_missing(c, prior, kind, weight)
    assert relative(q.means, expected.means) < 1e-10
    assert relative(q.mean_precision, expected.mean_precision) < 1e-10
    assert relative(q.degrees_of_freedom, expected.degrees_of_freedom) < 1e-10
    assert relative(q.scales, expected.scales) < 1e-9
    for a, b in zip(*map(np.atleast_2d, (q.concentration, expected.concentration)), strict=True):
        assert relative(a, b) < 1e-10
    bound = reference.lower_bound_missing(c, q, prior, weight)
    assert after.evidence_lower_bound_ == pytest.approx(bound, rel=1e-10)


@pytest.mark.parametrize("kind", TYPES)
def test_both_halves_of_a_step_are_optimal(kind):
    X = gaps(90, 2, 3, seed=4, spread=1.5)
    before, after = steps(kind, "dirichlet_process", X)
    _, c = reference.e_step_missing(X, reference.posterior_of(before))
    prior, q = reference.prior_of(after), reference.posterior_of(after)
    best, rng = reference.lower_bound_missing(c, q, prior), np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        for _ in range(5):
            moved = reference.Posterior(**vars(q))
            moved.means = q.means + size * rng.normal(size=q.means.shape)
            moved.scales = q.scales * np.exp(size * rng.normal())
            assert reference.lower_bound_missing(c, moved, prior) < best
    _, own = reference.e_step_missing(X, q)
    highest = reference.lower_bound_missing(own, q, prior)
    assert highest > best - 1e-9
    moved = reference.Completed(**vars(own))
    moved.rows = np.where(np.isnan(X)[:, None], own.rows + 0.1, own.rows)
    assert reference.lower_bound_missing(moved, q, prior) < highest


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_lower_bound_never_decreases(kind, data):
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    n, d = data.draw(st.integers(12, 70)), data.draw(st.integers(1, 4))
    seed = data.draw(st.integers(0, 2**31))
    X = holes(n, d, 2, data.draw(st.sampled_from([0.05, 0.3, 0.6])), seed=seed, dtype=dtype)
    X[0] = 0.5
    weight = np.random.default_rng(seed).uniform(0.2, 3, n)
    model = BayesianGaussianMixture(
        data.draw(st.integers(1, 4)),
        covariance_type=kind,
        weight_concentration_prior_type=data.draw(st.sampled_from(PRIORS)),
        weight_concentration_prior=data.draw(st.sampled_from([None, 1e-3, 10.0])),
        mean_precision_prior=data.draw(st.sampled_from([None, 1e-2, 50.0])),
        covariance_prior={
            "full": np.eye(d),
            "tied": np.eye(d),
            "diag": np.ones(d),
            "spherical": 1.0,
        }[kind],
        init_params=data.draw(st.sampled_from(INITS)),
        tol=0.0,
        max_iter=12,
        reg_covar=0.0,
        random_state=seed,
    )
    fitted(model, X, sample_weight=data.draw(st.sampled_from([None, weight])))
    bounds = np.array(model.lower_bounds_)
    size = 1 + np.abs(model.score_samples(X)).max() + np.abs(bounds).max()
    slack = n * size * np.finfo(dtype).eps * 32
    assert (np.diff(bounds) >= -slack).all(), (np.diff(bounds).min(), slack)


@pytest.mark.parametrize("kind", TYPES)
def test_small_concentrations_do_not_underflow(kind):
    X = gaps(300, 3, 2, seed=2, dtype=np.float32)
    # expected log weights of components without rows are about -1e4, and exp underflows to 0
    model = BayesianGaussianMixture(
        4,
        covariance_type=kind,
        weight_concentration_prior=1e-4,
        weight_concentration_prior_type="dirichlet_distribution",
        random_state=0,
        max_iter=20,
        tol=0.0,
    )
    fitted(model, X)
    log_prob, _ = reference.e_step_missing(X.astype(float), reference.posterior_of(model))
    assert relative(model.score_samples(X), log_prob) < 1e-4


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("missing", [False, True])
def test_blocks_equal_rows_in_memory(kind, init, missing, tmp_path, monkeypatch):
    X = gaps(900, 3, 2, seed=6) if missing else np.nan_to_num(gaps(900, 3, 2, seed=6))
    weight = np.random.default_rng(0).uniform(0.1, 2, len(X))
    how = dict(
        covariance_type=kind,
        init_params=init,
        random_state=0,
        max_iter=15,
        tol=0.0,
        weight_concentration_prior=0.1,
    )
    whole = fitted(BayesianGaussianMixture(3, **how), X, sample_weight=weight)
    imputed, labels = whole.impute(X), whole.predict(X)
    monkeypatch.setattr(blocks, "SMALL_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 0)
    sources = {
        "list": [X[:7], X[7:500], X[500:]],
        "function": lambda: iter([X[:300], X[300:]]),
        "memmap": mapped(X, tmp_path / "x"),
    }
    first = None
    for source in sources.values():
        model = fitted(BayesianGaussianMixture(3, **how), source, sample_weight=weight)
        if init in ("kmeans", "random"):  # the other starts draw their rows from a sample
            for name in (*FITTED, "lower_bounds_", "mean_precision_"):
                assert relative(getattr(model, name), getattr(whole, name)) < 1e-8, name
            assert model.evidence_lower_bound_ == pytest.approx(whole.evidence_lower_bound_)
        first = model if first is None else first
        for name in FITTED:
            assert getattr(model, name).tobytes() == getattr(first, name).tobytes()
        assert (whole.predict(source) == labels).all()
    assert np.isfinite(imputed).all()


@pytest.mark.parametrize("kind", TYPES)
def test_bits_do_not_depend_on_threads_and_files_keep_the_model(kind, tmp_path):
    X = gaps(400, 4, 3, seed=3)
    models = [
        fitted(
            BayesianGaussianMixture(
                4, covariance_type=kind, random_state=0, n_jobs=jobs, max_iter=10, n_init=2
            ),
            X,
        )
        for jobs in (1, 2)
    ]
    for name in FITTED:
        assert len({getattr(model, name).tobytes() for model in models}) == 1
    save(models[0], tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    for ask in ("predict_proba", "score_samples", "predict", "impute"):
        assert getattr(again, ask)(X).tobytes() == getattr(models[0], ask)(X).tobytes()


def test_missing_entries_are_predicted_and_empty_columns_rejected():
    rng = np.random.default_rng(0)
    Z = np.concatenate([rng.normal(m, 0.3, (300, 2)) for m in (-3.0, 3.0)])
    Z[:, 1] += Z[:, 0]
    X = Z.copy()
    X[rng.random(X.shape) < 0.2] = np.nan
    model = BayesianGaussianMixture(5, random_state=0, max_iter=500).fit(X)
    assert model.n_effective_components_ == 2
    hidden = np.isnan(X)
    error = np.abs(model.impute(X) - Z)[hidden & ~hidden.all(axis=1)[:, None]]
    assert np.median(error) < 0.5  # the standard deviations of the columns are 3 and 6
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match="column 1 of X: all entries are NaN"):
        model.fit(X)
