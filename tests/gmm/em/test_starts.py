"""Better starts: short EM runs, and split-and-merge moves."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import gibbous
from gibbous import GaussianMixture
from gibbous.gmm.em.split_merge import _criteria, _split_and_merged, moves
from gibbous.gmm.em.starts import small_em, start
from gibbous.gmm.queries import parameters_of
from support.ctrl_c import answered_ctrl_c
from support.em import em as engine_on

TYPES = ["full", "tied", "diag", "spherical"]


def clusters(n=120, dtype=np.float64, seed=0):
    """Return rows of three distant groups, and means from which EM does not escape."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(at, 1.0, (n, 2)) for at in ((0, 0), (14, 0), (21, 0))])
    return np.ascontiguousarray(X, dtype), np.array([[-0.5, 0.3], [0.5, -0.3], [17.5, 0.0]])


def stuck(kind, **more):
    width = {
        "full": np.tile(np.eye(2), (3, 1, 1)),
        "tied": np.eye(2),
        "diag": np.ones((3, 2)),
        "spherical": np.ones(3),
    }[kind]
    given = dict(
        weights_init=np.array([0.2, 0.2, 0.6]),
        means_init=clusters()[1],
        precisions_init=width / 4.0,
    )
    return GaussianMixture(3, covariance_type=kind, tol=1e-6, max_iter=2000, **given, **more)


def fitted(model, X, **fit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **fit)


# ---- split and merge ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("acceleration", [None, "squarem"])
def test_split_and_merge_leaves_a_poor_optimum(kind, dtype, acceleration):
    X, _ = clusters(dtype=dtype)
    poor = stuck(kind, acceleration=acceleration).fit(X)
    found = stuck(kind, acceleration=acceleration, split_merge=True).fit(X)
    best = GaussianMixture(
        3, covariance_type=kind, tol=1e-6, max_iter=2000, n_init=5, random_state=0
    ).fit(X)
    assert poor.lower_bound_ < best.lower_bound_ - 0.05  # or there is nothing to improve
    assert found.lower_bound_ > best.lower_bound_ - 1e-4
    assert (np.diff(found.lower_bounds_) >= -1e-5).all()
    assert any("merged components 0 and 1, split 2" in event for event in found.history_.events)
    assert found.converged_ and found.n_iter_ == len(found.lower_bounds_)
    assert np.sort(found.means_[:, 0]) == pytest.approx([0, 14, 21], abs=0.5)


def test_split_and_merge_keeps_a_good_optimum():
    X, _ = clusters()
    model = GaussianMixture(3, tol=1e-6, random_state=0)
    plain = model.fit(X)
    kept = clone(model).set_params(split_merge=3).fit(X)
    assert kept.means_.tobytes() == plain.means_.tobytes()
    assert kept.history_.events == ()
    assert kept.n_iter_ > plain.n_iter_  # trials count
    assert set(kept.lower_bounds_[plain.n_iter_ :]) == {plain.lower_bound_}


@pytest.mark.parametrize("k", [1, 2])
def test_split_and_merge_needs_three_components(k):
    X, _ = clusters()
    plain = GaussianMixture(k, random_state=0).fit(X)
    same = GaussianMixture(k, random_state=0, split_merge=True).fit(X)
    assert same.lower_bounds_ == plain.lower_bounds_


def test_split_and_merge_never_lowers_the_likelihood():
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    higher = 0
    for at in range(12):
        kind = TYPES[at % 4]
        X = rng.normal(size=(150, 2)) + 4.0 * rng.integers(0, 3, (150, 2))
        weight = rng.uniform(0.2, 2.0, 150) if at % 3 == 0 else None
        model = GaussianMixture(
            6, covariance_type=kind, init_params="random_from_data", random_state=at
        ).set_params(reg_covar=1e-2, max_iter=500)
        plain = fitted(clone(model), X, sample_weight=weight)
        found = fitted(clone(model).set_params(split_merge=True), X, sample_weight=weight)
        assert found.lower_bound_ >= plain.lower_bound_, f"seed {seed}, {at}"
        assert found.lower_bounds_[: plain.n_iter_] == plain.lower_bounds_
        higher += found.lower_bound_ > plain.lower_bound_ + 1e-3
    assert higher > 0, f"seed {seed}"


@pytest.mark.parametrize("weighted", [False, True])
def test_criteria_match_their_definition(weighted, monkeypatch):
    monkeypatch.setattr("gibbous.gmm.em.split_merge._BLOCK", 37)
    X, _ = clusters(40)
    weight = np.random.default_rng(0).uniform(0, 2, len(X)) if weighted else None
    model = fitted(GaussianMixture(3, max_iter=2, random_state=1), X, sample_weight=weight)
    engine = engine_on(X, weight, covariance_type="full", reg_covar=1e-6, k=3, threads=1)
    alike, fits = _criteria(engine, parameters_of(model, np.float64))
    r, w = model.predict_proba(X), np.ones(len(X)) if weight is None else weight
    gram = r.T @ (w[:, None] * r)
    assert alike == pytest.approx(gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram))))
    expected = (w * model.score_samples(X)) @ r / (w @ r)
    assert fits == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_merging_and_splitting_keep_the_moments(kind):
    X, _ = clusters()
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    p = parameters_of(model, np.float64)
    axis = np.array([1.0, 0.0])
    weights, means, covariances = _split_and_merged(kind, p, [0, 1, 2], 0.8, axis)

    def second(c):
        return {"full": c, "diag": np.diag(c) if np.ndim(c) else c}.get(kind, c * np.eye(2))

    def moments(w, m, c):
        w = w / w.sum()
        center = w @ m
        spread = sum(
            a * (second(s) + np.outer(x - center, x - center))
            for a, x, s in zip(w, m, c, strict=True)
        )
        return center, {"full": spread, "diag": np.diag(spread)}.get(kind, np.trace(spread))

    pair, halves = (slice(0, 2), slice(1, 3))
    for got, want in (
        (
            moments(weights[:1], means[:1], covariances[:1]),
            moments(p.weights[pair], p.means[pair], p.covariances[pair]),
        ),
        (
            moments(weights[halves], means[halves], covariances[halves]),
            moments(p.weights[2:], p.means[2:], p.covariances[2:]),
        ),
    ):
        assert got[0] == pytest.approx(want[0])
        assert got[1] == pytest.approx(want[1])
    assert weights.sum() == pytest.approx(1.0)


def test_moves_are_few_and_valid():
    X, _ = clusters()
    model = GaussianMixture(5, random_state=0).fit(X)
    engine = engine_on(X, None, covariance_type="full", reg_covar=1e-6, k=5, threads=1)
    found = list(moves(engine, parameters_of(model, np.float64), 7))
    assert 0 < len(found) <= 7
    for move in found:
        assert move.split not in move.merged
        assert move.start.weights.sum() == pytest.approx(1.0)
        untouched = sorted({*range(5)} - {*move.merged, move.split})
        assert (move.start.means[untouched] == model.means_[untouched]).all()


# ---- short runs ----


def grid(n=450, seed=0, dtype=np.float64):
    """Return rows of nine groups, for which random starts are poor."""
    rng = np.random.default_rng(seed)
    return np.ascontiguousarray(6.0 * rng.integers(0, 3, (n, 2)) + rng.normal(size=(n, 2)), dtype)


def test_short_runs_start_better_than_one_random_start():
    seed = int(np.random.SeedSequence().entropy % 2**31)
    print(f"seed {seed}")
    X = grid(seed=seed)
    ends = {
        init: [
            fitted(
                GaussianMixture(9, init_params=init, random_state=seed + at, max_iter=300), X
            ).lower_bound_
            for at in range(8)
        ]
        for init in ("random", "small-em")
    }
    # every random start distributes the components badly; short runs take the best of ten
    assert np.median(ends["small-em"]) > np.median(ends["random"]) + 0.01, f"seed {seed}: {ends}"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_short_runs_and_moves_have_equal_bits_for_any_number_of_threads(kind, dtype):
    X = grid(dtype=dtype)
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    fits = [
        fitted(
            GaussianMixture(
                5,
                covariance_type=kind,
                init_params="small-em",
                split_merge=2,
                random_state=3,
                max_iter=40,
                n_jobs=jobs,
            ),
            X,
            sample_weight=weight,
        )
        for jobs in (1, 2, 3, 7)
    ]
    for other in fits[1:]:
        assert other.means_.tobytes() == fits[0].means_.tobytes()
        assert other.covariances_.tobytes() == fits[0].covariances_.tobytes()
        assert other.lower_bounds_ == fits[0].lower_bounds_
    assert fits[0].means_.dtype == dtype


def test_rows_without_weight_are_not_used_in_starts():
    X = np.concatenate([grid(100), grid(100) + 500.0])
    weight = np.r_[np.ones(100), np.zeros(100)]
    model = GaussianMixture(3, init_params="small-em", random_state=0, max_iter=0)
    assert (model.fit(X, sample_weight=weight).means_ < 100).all()


def test_kmeans_is_used_if_every_short_run_fails():
    X = np.repeat(np.arange(4.0)[:, None] * [[1.0, 0.0]], 5, axis=0)  # no variance in one column
    engine = engine_on(X, None, covariance_type="full", reg_covar=0.0, k=2, threads=1)
    assert small_em(engine, 1)[1] == start(engine, "kmeans", 1)[1] >= 0
    with pytest.raises(ValueError, match="ill-defined"):
        GaussianMixture(2, init_params="small-em", reg_covar=0.0, random_state=0).fit(X)


# ---- as parameters ----


def test_start_options_are_validated_like_other_parameters(tmp_path):
    X, _ = clusters()
    model = GaussianMixture(3, init_params="small-em", split_merge=2, random_state=0).fit(X)
    gibbous.save(model, tmp_path / "m.safetensors")
    other = gibbous.load(tmp_path / "m.safetensors")
    assert (other.init_params, other.split_merge) == ("small-em", 2)
    assert (other.predict(X) == model.predict(X)).all()
    for bad in (-1, 1.5, "yes"):
        with pytest.raises(ValueError, match="'split_merge' parameter of GaussianMixture"):
            GaussianMixture(3, split_merge=bad).fit(X)


def test_callback_stops_trial_runs():
    X, _ = clusters()
    plain = stuck("full").fit(X)
    seen = []

    def stop(progress):
        seen.append(progress.value)
        return progress.iteration == plain.n_iter_ + 3

    model = stuck("full", split_merge=True).fit(X, callback=stop)
    assert model.history_.stop_reason == "callback"
    assert len(seen) == plain.n_iter_ + 3 and seen == model.lower_bounds_
    assert model.lower_bound_ >= plain.lower_bound_


def test_ctrl_c_between_moves_keeps_the_model():
    X = np.random.default_rng(0).normal(size=(30000, 8))
    model = GaussianMixture(
        8, tol=1e-2, split_merge=50, init_params="random", random_state=0, n_jobs=1
    )
    first = clone(model).set_params(split_merge=False).fit(X)

    with answered_ctrl_c(0.1, 1) as press:
        model.fit(X, callback=lambda p: p.iteration == first.n_iter_ + 1 and press())
    assert model.history_.stop_reason == "interrupted"
    assert model.lower_bound_ >= first.lower_bound_ and not math.isnan(model.score(X[:10]))
