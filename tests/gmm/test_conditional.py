"""Conditional and marginal mixtures, imputation and regression: exact cases and identities."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression

import gibbous
from gibbous import BayesianGaussianMixture, GaussianMixture

TYPES = ["full", "tied", "diag", "spherical"]


def model_of(kind, k=3, d=3, *, seed=0, dtype=np.float64, names=None):
    """Return a mixture of overlapping, correlated components."""
    rng = np.random.default_rng(seed)
    z = rng.integers(k, size=300)
    bends = rng.standard_normal((k, d, d)) / np.sqrt(d) + np.eye(d)
    X = np.einsum("ia,iab->ib", rng.standard_normal((300, d)), bends[z])
    X = (X + 2.0 * rng.standard_normal((k, d))[z]).astype(dtype)
    rows = X if names is None else pd.DataFrame(X, columns=list(names))
    model = GaussianMixture(k, covariance_type=kind, random_state=seed, max_iter=30, reg_covar=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows), X


def square(model, k):
    c = model.covariances_
    d = model.means_.shape[1]
    return {
        "full": lambda: c[k],
        "tied": lambda: c,
        "diag": lambda: np.diag(c[k]),
        "spherical": lambda: c[k] * np.eye(d),
    }[model.covariance_type]()


# ---- condition ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("on", [[1], [0, 3], [3, 1, 0]])
def test_single_component_is_conditioned_like_a_gaussian(kind, on):
    model, _ = model_of(kind, k=1, d=4)
    values = np.arange(1.0, 1 + len(on))
    given = model.condition(on, values)
    rest = [a for a in range(4) if a not in on]
    c = square(model, 0)
    regression = c[np.ix_(rest, on)] @ np.linalg.inv(c[np.ix_(on, on)])
    mean = model.means_[0, rest] + regression @ (values - model.means_[0, on])
    left = c[np.ix_(rest, rest)] - regression @ c[np.ix_(on, rest)]
    assert given.means_[0] == pytest.approx(mean, rel=1e-12)
    assert square(given, 0) == pytest.approx(left, rel=1e-11)
    assert given.weights_.tolist() == [1.0]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("on", [[0], [2, 1]])
def test_conditional_density_is_the_ratio_of_joint_and_marginal(kind, on):
    model, X = model_of(kind, d=4)
    values = X[5, on]
    given = model.condition(on, values)
    rest = [a for a in range(4) if a not in on]
    rows = X[:50].copy()
    rows[:, on] = values
    observed = np.full((1, 4), np.nan)
    observed[0, on] = values
    expected = model.score_samples(rows) - model.score_samples(observed)
    assert given.score_samples(rows[:, rest]) == pytest.approx(expected, abs=1e-10)
    # and so are the responsibilities
    assert given.predict_proba(rows[:, rest]) == pytest.approx(model.predict_proba(rows), abs=1e-10)
    assert given.weights_ == pytest.approx(model.predict_proba(observed)[0], abs=1e-12)
    assert given.weights_.sum() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("kind", TYPES)
def test_conditioning_twice_equals_conditioning_on_both(kind):
    model, _ = model_of(kind, d=4)
    once = model.condition([0, 2], [0.5, -1.0])
    twice = model.condition(0, 0.5).condition([1], [-1.0])  # feature 2 is the second left
    assert once.means_ == pytest.approx(twice.means_)
    assert once.covariances_ == pytest.approx(twice.covariances_)
    assert once.weights_ == pytest.approx(twice.weights_)


def test_distant_values_select_a_component_without_underflow():
    model, _ = model_of("full")
    given = model.condition([0], [1e8])
    assert np.isfinite(given.means_).all()
    assert given.weights_.sum() == pytest.approx(1.0)
    assert given.sample(5)[0].shape == (5, 2)
    with pytest.raises(ValueError, match="values are so far from every component"):
        model.condition([0], [1e200])


# ---- marginal ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("features", [[1], [3, 0], [0, 1, 2, 3]])
def test_marginal_density_equals_that_of_rows_with_missing_entries(kind, features):
    model, X = model_of(kind, d=4)
    marginal = model.marginal(features)
    rows = np.full((40, 4), np.nan)
    rows[:, features] = X[:40, features]
    assert marginal.score_samples(X[:40, features]) == pytest.approx(
        model.score_samples(rows), abs=1e-11
    )
    assert marginal.n_features_in_ == len(features)
    assert marginal.means_ == pytest.approx(model.means_[:, features])


# ---- derived mixtures ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_derived_mixture_is_fitted(kind, dtype, tmp_path):
    model, _ = model_of(kind, dtype=dtype, names=["a", "b", "c"])
    model.set_params(n_jobs=2)
    for derived, event in (
        (model.condition(["b"], [1.5]), "conditioned on b = 1.5"),
        (model.marginal(["a", "c"]), "marginal of a, c"),
    ):
        assert type(derived) is GaussianMixture
        assert derived.feature_names_in_.tolist() == ["a", "c"]
        assert derived.means_.dtype == derived.covariances_.dtype == dtype
        assert derived.covariance_type == kind
        assert derived.n_jobs == 2
        assert derived.converged_ == model.converged_
        assert derived.history_.events == (event,)
        u = derived.precisions_cholesky_.astype(float)
        if kind in ("full", "tied"):
            inverse = np.linalg.inv(derived.covariances_.astype(float))
            assert u @ np.swapaxes(u, -1, -2) == pytest.approx(inverse, rel=1e-3)
        else:
            assert u**2 == pytest.approx(1 / derived.covariances_, rel=1e-5)
        gibbous.save(derived, tmp_path / "m")
        again = gibbous.load(tmp_path / "m")
        X = pd.DataFrame(derived.sample(20)[0], columns=["a", "c"])
        assert (again.predict_proba(X) == derived.predict_proba(X)).all()


def test_derived_mixture_has_no_given_start():
    X = np.random.default_rng(0).standard_normal((50, 3))
    model = GaussianMixture(
        2,
        weights_init=[0.5, 0.5],
        means_init=X[:2],
        precisions_init=np.tile(np.eye(3), (2, 1, 1)),
        max_iter=300,
    ).fit(X)
    derived = model.condition(0, 0.0)
    assert derived.means_init is None
    assert derived.precisions_init is None
    assert derived.fit(X[:, 1:]).n_features_in_ == 2


# ---- imputation ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("method", ["mean", "sample"])
def test_observed_entries_are_unchanged(kind, dtype, method):
    model, X = model_of(kind, d=5, dtype=dtype)
    mask = np.random.default_rng(1).random(X.shape) < 0.4
    mask[3], mask[4] = True, False
    rows = np.where(mask, dtype(np.nan), X)
    before = rows.tobytes()
    filled = model.impute(rows, method=method)
    assert filled.dtype == dtype
    assert np.isfinite(filled).all()
    assert filled[~mask].tobytes() == X[~mask].tobytes()
    assert rows.tobytes() == before
    assert filled is not rows


@pytest.mark.parametrize("kind", TYPES)
def test_imputed_mean_is_the_mean_of_the_conditional_mixture(kind):
    model, X = model_of(kind, d=4)
    rows = X[:6].copy()
    rows[0, [1, 2]] = rows[1, 0] = rows[2, [0, 1, 3]] = rows[3, 3] = np.nan
    filled = model.impute(rows)
    for row, out in zip(rows[:4], filled[:4], strict=True):
        known = np.flatnonzero(~np.isnan(row))
        given = model.condition(known, row[known])
        assert out[np.isnan(row)] == pytest.approx(given.weights_ @ given.means_, abs=1e-11)
    assert (filled[4:] == X[4:6]).all()
    assert model.impute(np.full((1, 4), np.nan))[0] == pytest.approx(model.weights_ @ model.means_)


@pytest.mark.parametrize("kind", TYPES)
def test_draws_follow_the_conditional_mixture(kind):
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}")
    model, X = model_of(kind, d=3)
    n = 20000
    row = X[7].copy()
    row[[0, 2]] = np.nan
    given = model.condition([1], row[1:2])
    drawn = model.impute(np.tile(row, (n, 1)), method="sample", random_state=seed)[:, [0, 2]]
    mean = given.weights_ @ given.means_
    c = sum(
        w * (square(given, k) + np.outer(m - mean, m - mean))
        for k, (w, m) in enumerate(zip(given.weights_, given.means_, strict=True))
    )
    error = np.abs(drawn.mean(0) - mean) / np.sqrt(np.diag(c) / n)
    assert error.max() < 5, f"seed {seed}: means off by {error} standard errors"
    # of a product of deviations, whose variance is estimated from the draws
    z = drawn - mean
    products = z[:, :, None] * z[:, None, :]
    error = np.abs(products.mean(0) - c) / (products.std(0) / np.sqrt(n))
    assert error.max() < 5, f"seed {seed}: covariances off by {error} standard errors"
    # the distribution of each coordinate, against Kolmogorov's bound for 5 sigma
    for at in range(2):
        x = np.sort(drawn[:, at])
        sd = np.sqrt([square(given, k)[at, at] for k in range(3)])
        from scipy.stats import norm

        cdf = (given.weights_ * norm.cdf((x[:, None] - given.means_[:, at]) / sd)).sum(1)
        distance = np.abs(cdf - (np.arange(n) + 0.5) / n).max()
        assert distance < 2.7 / np.sqrt(n), f"seed {seed}: {distance * np.sqrt(n)}"


def test_draws_are_reproducible_and_differ_between_rows():
    model, X = model_of("full")
    rows = X[:20].copy()
    rows[:, 1] = np.nan
    a = model.impute(rows, method="sample", random_state=3)
    assert (a == model.impute(rows, method="sample", random_state=3)).all()
    assert (a != model.impute(rows, method="sample", random_state=4))[:, 1].all()
    own = model.impute(rows, method="sample")
    assert (own == model.impute(rows, method="sample", random_state=model.random_state)).all()
    same = model.impute(np.tile(rows[:1], (50, 1)), method="sample")
    assert len(np.unique(same[:, 1])) == 50
    # missing entries of another row do not affect the draw of a row
    more = rows.copy()
    more[5:, 2] = np.nan
    assert (model.impute(more, method="sample", random_state=3)[:5] == a[:5]).all()


# ---- regression ----


@pytest.mark.parametrize("kind", TYPES)
def test_prediction_is_the_conditional_expectation(kind):
    # of a target by the trapezoidal rule over the density of complete rows
    model, X = model_of(kind, d=3)
    grid = np.linspace(-30, 30, 2001)
    for target in range(3):
        mean, std = model.predict_missing(X[:5], target, return_std=True)
        assert mean.shape == std.shape == (5,)
        for i in range(5):
            rows = np.tile(X[i], (len(grid), 1))
            rows[:, target] = grid
            p = np.exp(model.score_samples(rows))
            p /= p.sum()
            expected = p @ grid
            assert mean[i] == pytest.approx(expected, abs=1e-9)
            assert std[i] == pytest.approx(np.sqrt(p @ (grid - expected) ** 2), rel=1e-8)


@pytest.mark.parametrize("kind", TYPES)
def test_covariances_equal_those_of_the_conditional_mixture(kind):
    model, X = model_of(kind, d=4)
    rows = X[:6].copy()
    rows[2, 1] = np.nan  # rows may miss other entries in addition to the targets
    mean, cov = model.predict_missing(rows, [3, 0], return_cov=True)
    other, std = model.predict_missing(rows, [3, 0], return_std=True)
    assert mean.shape == std.shape == (6, 2)
    assert cov.shape == (6, 2, 2)
    assert (mean == other).all()
    assert std**2 == pytest.approx(np.diagonal(cov, axis1=1, axis2=2))
    for i, row in enumerate(rows):
        known = [a for a in (1, 2) if not np.isnan(row[a])]
        given = model.condition(known, row[known])
        at = [given.n_features_in_ - 1, 0]
        m = given.means_[:, at]
        expected = given.weights_ @ m
        spread = sum(
            w * (square(given, k)[np.ix_(at, at)] + np.outer(m[k] - expected, m[k] - expected))
            for k, w in enumerate(given.weights_)
        )
        assert mean[i] == pytest.approx(expected, abs=1e-11)
        assert cov[i] == pytest.approx(spread, abs=1e-11)


def test_one_component_is_linear_regression():
    X = load_wine().data
    rows = (X - X.mean(0)) / X.std(0)
    model = GaussianMixture(1, reg_covar=0.0).fit(rows)
    line = LinearRegression().fit(rows[:, 1:], rows[:, 0])
    mean, std = model.predict_missing(rows, 0, return_std=True)
    assert mean == pytest.approx(line.predict(rows[:, 1:]), abs=1e-10)
    assert std == pytest.approx(np.full(len(rows), np.std(rows[:, 0] - mean)), rel=1e-10)


def test_targets_can_be_present_left_out_or_nan():
    model, X = model_of("full", d=4, names="abcd")
    frame = pd.DataFrame(X, columns=list("abcd"))
    a = model.predict_missing(frame, ["b", "d"])
    empty = frame.copy()
    empty[["b", "d"]] = np.nan
    assert (model.predict_missing(empty) == a).all()
    assert (model.predict_missing(empty, ["b", "d"]) == a).all()
    assert (model.predict_missing(frame[["a", "c"]], ["b", "d"]) == a).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # arrays have no names
        assert (model.predict_missing(X[:, [0, 2]], [1, 3]) == a).all()
        assert (model.predict_missing(X, [1, -1]) == a).all()
    single = model.predict_missing(frame, "b")
    assert (single == model.predict_missing(frame, ["b"])[:, 0]).all()
    with pytest.raises(ValueError, match="X has the columns c, a; without the targets they should"):
        model.predict_missing(frame[["c", "a"]], ["b", "d"])
    # an observed target is returned unchanged, with variance 0
    some = frame.copy()
    some.loc[::2, "b"] = np.nan
    mean, std = model.predict_missing(some, return_std=True)
    assert mean.shape == (300, 1)
    assert (mean[1::2, 0] == X[1::2, 1]).all()
    assert (std[1::2] == 0).all()
    assert (std[::2] > 0).all()


# ---- errors ----


def test_errors_state_what_was_given():
    model, X = model_of("full", names="abc")
    plain, _ = model_of("full")
    calls = [
        (lambda: model.condition(["z"], [1.0]), ValueError, "on names 'z'.*it has a, b, c"),
        (lambda: plain.condition(["a"], [1.0]), ValueError, "fitted without names: give indices"),
        (lambda: model.condition([3], [1.0]), ValueError, "between 0 and 2; got 3"),
        (lambda: model.condition([0.5], [1.0]), TypeError, "indices or names of features; got 0.5"),
        (lambda: model.condition([True], [1.0]), TypeError, "got True"),
        (lambda: model.condition([], []), ValueError, "at least one feature; got none"),
        (lambda: model.condition(["a", 0], [1, 2]), ValueError, "each feature once; got a twice"),
        (lambda: model.condition("a", [1.0, 2.0]), ValueError, r"one number per feature, 1; got"),
        (lambda: model.condition("a", np.nan), ValueError, "values must be finite; entry 0 is nan"),
        (lambda: model.condition("a", "x"), TypeError, "values must be numbers; got 'x'"),
        (lambda: model.condition("abc", 1.0), ValueError, "on names 'abc'"),
        (lambda: model.condition([0, 1, 2], [1, 2, 3]), ValueError, "on names all 3 features"),
        (lambda: model.marginal([]), ValueError, "features must name at least one"),
        (lambda: model.impute(X, method="median"), ValueError, "'mean' or 'sample'; got 'median'"),
        (lambda: model.impute(X[:, :2]), ValueError, "X has 2 features"),
        (lambda: plain.predict_missing(X), ValueError, "nothing to predict: X has no NaN"),
        (lambda: plain.predict_missing(X, 7), ValueError, "targets must be indices between 0"),
        (lambda: plain.predict_missing(X[:, :1], 2), ValueError, "X has 1 features"),
        (
            lambda: plain.predict_missing(X, 0, return_std=True, return_cov=True),
            RuntimeError,
            "At most one of return_std or return_cov",
        ),
        (lambda: GaussianMixture().condition(0, 1.0), NotFittedError, "not fitted"),
        (lambda: GaussianMixture().impute(X), NotFittedError, "not fitted"),
        (lambda: GaussianMixture().marginal(0), NotFittedError, "not fitted"),
        (lambda: GaussianMixture().predict_missing(X), NotFittedError, "not fitted"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for call, error, text in calls:
            with pytest.raises(error, match=text):
                call()


def test_manually_set_parameters_are_sufficient():
    model, X = model_of("full")
    bare = GaussianMixture(3)
    for name in ("weights_", "means_", "precisions_cholesky_"):
        setattr(bare, name, getattr(model, name))
    bare.n_features_in_ = 3
    rows = X[:5].copy()
    rows[:, 1] = np.nan
    assert bare.impute(rows) == pytest.approx(model.impute(rows))
    assert bare.condition(0, 1.0).means_ == pytest.approx(model.condition(0, 1.0).means_)


def test_singular_conditional_covariance_is_rejected():
    # b = a up to float32: its conditional variance given a is 0
    x = np.random.default_rng(0).standard_normal(100)
    X = np.c_[x, x + 1e-7 * np.random.default_rng(1).standard_normal(100)]
    model = GaussianMixture(1, reg_covar=0.0).fit(X)
    given = model.condition(0, 0.5)
    assert given.means_[0, 0] == pytest.approx(0.5, abs=1e-6)
    density = multivariate_normal(given.means_[0], given.covariances_[0])
    assert given.score_samples([[0.5]])[0] == pytest.approx(density.logpdf(0.5))


# ---- variational mixtures ----


@pytest.mark.parametrize("kind", TYPES)
def test_variational_mixtures_use_their_posterior_means(kind, tmp_path):
    _, X = model_of("full", d=4)
    model = BayesianGaussianMixture(
        3, covariance_type=kind, random_state=0, max_iter=500, reg_covar=1e-3
    ).fit(X)
    plain = GaussianMixture(3, covariance_type=kind)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        setattr(plain, name, getattr(model, name))
    plain.n_features_in_ = 4
    rows = X[:20].copy()
    rows[:, 1] = rows[::2, 3] = np.nan
    assert (model.impute(rows) == plain.impute(rows)).all()
    assert (model.predict_missing(rows, 1) == plain.predict_missing(rows, 1)).all()
    given, expected = model.condition([0, 2], [0.1, 0.2]), plain.condition([0, 2], [0.1, 0.2])
    assert type(given) is GaussianMixture
    assert (given.means_ == expected.means_).all()
    assert (model.marginal([2]).means_ == model.means_[:, [2]]).all()
    gibbous.save(given, tmp_path / "m")
    assert (gibbous.load(tmp_path / "m").means_ == given.means_).all()
    # components are scored by the posterior of all parameters, not at its means
    assert np.isfinite(model.score_samples(rows)).all()
    np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1, rtol=1e-12)
    with pytest.raises(ValueError, match="column 1 of X: all entries are NaN"):
        model.fit(rows)
