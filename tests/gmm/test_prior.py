"""Priors of Gaussian mixtures: MAP-EM compared with formulas, densities and identities."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from typer.testing import CliRunner

from gibbous import GaussianMixture, MixturePosterior, MixturePrior, load
from gibbous.cli import app
from gibbous.gmm.prior import log_density, resolved
from gibbous.gmm.queries import parameters_of
from reference import gmm as reference
from reference import gmm_prior as map_reference
from support.priors import PARTS, TYPES, partial_prior, rows_of, start_of, whole_prior

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- the step, by formulas ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    ("n", "d", "k", "shift"), [(40, 1, 2, 0.0), (90, 3, 3, 0), (70, 23, 2, 1e3)]
)
def test_step_equals_that_of_fraley_and_raftery(kind, each, n, d, k, shift):
    X, means = rows_of(n, d, k, seed=n, shift=shift)
    weight = np.random.default_rng(1).uniform(0, 3, n)
    prior = whole_prior(kind, k, d, each=each)
    start = start_of(kind, k, means)
    model = GaussianMixture(k, covariance_type=kind, prior=prior, max_iter=2, tol=0.0, **start)
    model.fit(X, sample_weight=weight)
    m = reference.Mixture(
        start["weights_init"],
        means,
        1.0 / start["precisions_init"]
        if kind in ("diag", "spherical")
        else start["precisions_init"],
    )
    values = []
    for _ in range(2):
        values.append(map_reference.penalised(X, prior, m, kind, weight))
        m = map_reference.step(X, prior, m, kind, weight)
    assert np.allclose(model.lower_bounds_, values, rtol=1e-11)
    assert np.allclose(model.weights_, m.weights.astype(float), rtol=1e-11)
    assert np.allclose(model.means_, m.means.astype(float), rtol=1e-11)
    size = np.abs(m.covariances).max()
    assert np.abs(model.covariances_ - m.covariances).max() < 1e-10 * size
    assert model.history_.metric == "penalised mean log-likelihood"


@pytest.mark.parametrize("kind", TYPES)
def test_log_density_equals_that_of_scipy(kind):
    for d, k in [(1, 1), (3, 2), (5, 4)]:
        X, _ = rows_of(60, d, k, seed=d)
        model = GaussianMixture(k, covariance_type=kind, random_state=0, max_iter=3).fit(X)
        p = parameters_of(model, np.float64)
        m = reference.Mixture(p.weights, p.means, p.covariances)
        priors = [whole_prior(kind, k, d, each=True)]
        priors += [partial_prior(kind, k, d, parts) for parts in PARTS]
        for prior in priors:
            prior = resolved(prior, kind, k, d, np.float64, lambda: pytest.fail("nothing is asked"))
            expected = map_reference.log_prior(prior, m, kind)
            assert log_density(prior, kind, p) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("parts", PARTS)
def test_estimate_is_a_local_maximum_of_the_posterior(kind, parts):
    # an optimum of the penalized likelihood, by densities that are independent of the M-step
    X, _ = rows_of(200, 2, 2, seed=4)
    prior = resolved(
        partial_prior(kind, 2, 2, parts), kind, 2, 2, float, lambda: pytest.fail("nothing is asked")
    )
    model = GaussianMixture(
        2, covariance_type=kind, prior=prior, tol=1e-15, max_iter=5000, random_state=0, reg_covar=0
    ).fit(X)
    best = reference.Mixture(model.weights_, model.means_, model.covariances_)
    ones = np.ones(len(X))
    value = map_reference.penalised(X, prior, best, kind, ones)
    assert model.lower_bound_ == pytest.approx(value, abs=1e-12)
    for step in (3e-4, -3e-4):
        for name in ("weights", "means", "covariances"):
            for at in np.ndindex(getattr(best, name).shape):
                moved = reference.Mixture(*(np.array(a) for a in vars(best).values()))
                getattr(moved, name)[at] += step
                if name == "covariances" and kind in ("full", "tied"):
                    other = (*at[:-2], at[-1], at[-2])
                    moved.covariances[other] = moved.covariances[at]
                moved.weights /= moved.weights.sum()
                assert map_reference.penalised(X, prior, moved, kind, ones) < value, (name, at)


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_penalized_likelihood_never_decreases(kind, data):
    n, d = data.draw(st.integers(3, 50)), data.draw(st.integers(1, 4))
    seed = data.draw(st.integers(0, 2**31))
    scale = data.draw(st.sampled_from([1e-3, 1.0, 1e3]))
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * scale + data.draw(st.sampled_from([0.0, 100.0])) * scale
    weight = rng.choice([0.0, 0.5, 1.0, 3.0], n) if data.draw(st.booleans()) else np.ones(n)
    weight[0] = 1.0
    k = data.draw(st.integers(1, min(4, np.count_nonzero(weight))))
    positive = st.sampled_from([1e-3, 0.5, 2.0, 100.0])
    prior = MixturePrior(
        weight_concentration=data.draw(st.sampled_from([None, 1.0, 1.5, 20.0])),
        mean=X[0] if data.draw(st.booleans()) else None,
        mean_precision=data.draw(positive),
        degrees_of_freedom=d + data.draw(positive),
        covariance=data.draw(positive) * scale**2,
    )
    model = GaussianMixture(
        k,
        covariance_type=kind,
        prior=prior,
        tol=0.0,
        max_iter=15,
        reg_covar=0.0,
        random_state=seed,
        init_params=data.draw(st.sampled_from(["random", "random_from_data", "k-means++"])),
    )
    model.fit(X, sample_weight=weight)
    bounds = np.array(model.lower_bounds_)
    assert (np.diff(bounds) >= -1e-10 * np.abs(bounds).max() - 1e-12).all(), bounds
    assert np.isfinite(model.covariances_).all()


# ---- defaults ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("n", "d", "k"), [(60, 1, 2), (80, 4, 3)])
def test_default_prior_equals_that_of_mclust(kind, n, d, k):
    X, _ = rows_of(n, d, k, seed=2)
    model = GaussianMixture(k, covariance_type=kind, prior="fraley-raftery", random_state=0).fit(X)
    prior = model.prior_
    assert prior.weight_concentration is None
    assert np.allclose(prior.mean, X.mean(0))
    assert (prior.mean_precision, prior.degrees_of_freedom) == (0.01, d + 2)
    covariance = np.atleast_2d(np.cov(X.T)) / k ** (2 / d)
    variance = np.trace(covariance) / d
    expected = {
        "full": covariance,
        "tied": covariance,
        "diag": np.full(d, variance),
        "spherical": variance,
    }[kind]
    assert np.allclose(prior.covariance, expected, rtol=1e-12)
    # specifying one half of a part sets the other half
    half = MixturePrior(mean_precision=0.01, degrees_of_freedom=d + 2)
    again = clone(model).set_params(prior=half).fit(X)
    assert again.prior_ == prior
    assert (again.means_ == model.means_).all()


def test_singular_covariance_is_replaced_by_its_diagonal():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((50, 2))
    for X in (np.c_[z, z.sum(1)], rng.standard_normal((4, 6))):
        for dtype in (np.float64, np.float32):
            model = GaussianMixture(2, prior="fraley-raftery", random_state=0, reg_covar=0)
            model.fit(X.astype(dtype))
            scale = X.var(0, ddof=1) / 2 ** (2 / X.shape[1])
            assert np.allclose(model.prior_.covariance, np.diag(scale), rtol=1e-5)


@pytest.mark.parametrize("kind", TYPES)
def test_weights_are_repetitions_with_priors_too(kind):
    X, means = rows_of(80, 2, 2, seed=5)
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    base = dict(covariance_type=kind, tol=0.0, max_iter=5, **start_of(kind, 2, means))
    for prior in ("fraley-raftery", whole_prior(kind, 2, 2)):
        weighted = GaussianMixture(2, prior=prior, **base).fit(X, sample_weight=weight)
        repeated = GaussianMixture(2, prior=prior, **base).fit(np.repeat(X, weight, axis=0))
        assert np.allclose(weighted.means_, repeated.means_, rtol=1e-11)
        assert np.allclose(weighted.covariances_, repeated.covariances_, rtol=1e-11)
        assert np.allclose(weighted.lower_bounds_, repeated.lower_bounds_, rtol=1e-11)
        assert weighted.posterior_.n_samples == pytest.approx(weight.sum(), rel=1e-12)


@pytest.mark.parametrize("kind", TYPES)
def test_prior_from_flat_to_certain(kind):
    X, means = rows_of(300, 2, 2, seed=6)
    base = dict(covariance_type=kind, tol=0.0, max_iter=4, reg_covar=0, **start_of(kind, 2, means))
    plain = GaussianMixture(2, **base).fit(X)
    weak = MixturePrior(1 + 1e-9, np.zeros(2), 1e-9, 1 + 1e-9, 1e-9)
    model = GaussianMixture(2, prior=weak, **base).fit(X)
    assert np.allclose(model.means_, plain.means_, atol=1e-8)
    # a proper prior has more powers of the covariance than the flat one: at most d + 3 rows
    assert np.allclose(model.covariances_, plain.covariances_, rtol=0.1)
    sure = MixturePrior(1e9, np.array([7.0, 7.0]), 1e9, 1e12, 3e12)
    model = GaussianMixture(2, prior=sure, **base).fit(X)
    assert np.allclose(model.weights_, 0.5, atol=1e-6)
    assert np.allclose(model.means_, 7.0, atol=1e-4)
    variances = {
        "full": np.tile(3 * np.eye(2), (2, 1, 1)),
        "tied": 3 * np.eye(2),
        "diag": np.full((2, 2), 3.0),
        "spherical": np.full(2, 3.0),
    }[kind]
    # the prior means shrink the scatter of the rows, about 1e4 of the 1e12 rows of the prior
    assert np.allclose(model.covariances_, variances, atol=1e-4)


# ---- no component collapses ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_singletons_and_duplicates_do_not_collapse(kind, init):
    X = np.repeat(np.array([[0.0, 0.0], [1.0, 3.0], [5.0, 1.0]]), [6, 1, 4], axis=0)
    bare = GaussianMixture(
        3, covariance_type=kind, init_params=init, random_state=0, reg_covar=0, max_iter=50
    )

    def fit_some():
        for seed in range(10):
            bare.set_params(random_state=seed).fit(X)

    with pytest.raises(ValueError, match="ill-defined"):
        fit_some()
    for seed in range(10):
        model = clone(bare).set_params(random_state=seed, prior="fraley-raftery").fit(X)
        assert (
            (np.linalg.eigvalsh(model.covariances_) > 0.01).all()
            if kind
            in (
                "full",
                "tied",
            )
            else (model.covariances_ > 0.01).all()
        )


# ---- parameters ----


@pytest.mark.parametrize("kind", TYPES)
def test_equal_bits_for_any_number_of_threads(kind):
    X, _ = rows_of(5000, 6, 4, seed=2)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    models = [
        GaussianMixture(
            4, covariance_type=kind, prior="fraley-raftery", random_state=1, max_iter=3, n_jobs=jobs
        ).fit(X, sample_weight=weight)
        for jobs in (1, 2, 3, 7)
    ]
    for other in models[1:]:
        assert other.means_.tobytes() == models[0].means_.tobytes()
        assert other.covariances_.tobytes() == models[0].covariances_.tobytes()
        assert other.lower_bounds_ == models[0].lower_bounds_
        assert other.posterior_ == models[0].posterior_


def test_prior_has_value_semantics():
    a = MixturePrior([2.0, 1.0], mean=[0, 1], covariance=np.eye(2))
    b = MixturePrior(np.array([2, 1]), mean=(0.0, 1.0), covariance=np.eye(2).tolist())
    assert a == b
    assert a != MixturePrior([2.0, 1.0], mean=[0, 1]) and a != "fraley-raftery"
    assert pickle.loads(pickle.dumps(a)) == a
    model = GaussianMixture(2, prior=a)
    assert clone(model).prior == a
    assert model.get_params()["prior"] is a
    with pytest.raises(AttributeError):
        a.mean = np.zeros(2)
    with pytest.raises(ValueError, match="read-only"):
        a.covariance[0, 0] = 5.0
    given_mean = np.zeros(2)
    prior = MixturePrior(mean=given_mean)
    given_mean[0] = 9.0
    assert prior.mean[0] == 0.0
    post = GaussianMixture(1, prior=a.__class__(2.0), random_state=0).fit(np.eye(4)).posterior_
    assert pickle.loads(pickle.dumps(post)) == post and post != a
    assert isinstance(post, MixturePosterior)


def test_fit_without_a_prior_drops_the_previous_prior():
    X, _ = rows_of(60, 2, 2)
    model = GaussianMixture(2, prior="fraley-raftery", random_state=0).fit(X)
    assert hasattr(model, "posterior_") and hasattr(model, "prior_")
    model.set_params(prior=None).fit(X)
    assert not hasattr(model, "posterior_") and not hasattr(model, "prior_")
    assert model.history_.metric == "mean log-likelihood"
    start = GaussianMixture(2, prior="fraley-raftery", random_state=0, max_iter=0).fit(X)
    assert hasattr(start, "prior_") and not hasattr(start, "posterior_")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"weight_concentration": 0.5},
            ValueError,
            "weight_concentration .* must be >= 1; got 0.5",
        ),
        ({"weight_concentration": [1, 0.9]}, ValueError, "must be >= 1"),
        ({"weight_concentration": [[1, 2]]}, ValueError, r"got an array of shape \(1, 2\)"),
        ({"mean": 1.0}, ValueError, "mean of MixturePrior must be an array of one dimension or"),
        ({"mean": [0, np.nan]}, ValueError, "mean of MixturePrior must be finite"),
        ({"mean": ["a"]}, TypeError, "mean of MixturePrior must be numbers"),
        ({"mean_precision": 0}, ValueError, "mean_precision of MixturePrior must be > 0; got 0"),
        ({"mean_precision": [1.0]}, ValueError, "must be a number; got an array of shape"),
        ({"mean_precision": True}, TypeError, "must be numbers; got True"),
        ({"degrees_of_freedom": -2}, ValueError, "degrees_of_freedom of MixturePrior must be > 0"),
        ({"covariance": 0.0}, ValueError, "covariance of MixturePrior must be > 0"),
        ({"covariance": [1.0, -1.0]}, ValueError, "covariance of MixturePrior must be > 0"),
        ({"covariance": "wide"}, TypeError, "covariance of MixturePrior must be numbers"),
    ],
)
def test_bad_priors(arguments, error, text):
    with pytest.raises(error, match=text):
        MixturePrior(**arguments)


@pytest.mark.parametrize(
    ("prior", "kind", "text"),
    [
        (MixturePrior(), "full", r"MixturePrior\(\) has no part; give at least one"),
        (MixturePrior([1.0, 2.0, 3.0]), "full", r"weight_concentration .* \(3,\); .* needs \(2,\)"),
        (MixturePrior(mean=[0.0]), "full", r"mean .* has shape \(1,\); .* \(3,\) or \(2, 3\)"),
        (MixturePrior(degrees_of_freedom=2.0), "tied", "above d - 1 = 2 .*'tied'; got 2"),
        (MixturePrior(covariance=np.eye(2)), "full", r"shape \(2, 2\).*needs \(3, 3\) or a number"),
        (MixturePrior(covariance=np.eye(3)), "diag", r"shape \(3, 3\).*needs \(3,\) or a number"),
        (MixturePrior(covariance=np.ones(3)), "spherical", "3 features needs a number"),
        (MixturePrior(covariance=np.ones((3, 3))), "full", "symmetric and positive definite"),
        (MixturePrior(covariance=-np.eye(3)), "tied", "symmetric and positive definite"),
        ("fraley", "full", "'prior' parameter of GaussianMixture must be"),
    ],
)
def test_priors_that_do_not_fit_the_mixture(prior, kind, text):
    X, _ = rows_of(30, 3, 2)
    with pytest.raises(ValueError, match=text):
        GaussianMixture(2, covariance_type=kind, prior=prior).fit(X)


def test_default_prior_that_the_data_do_not_allow():
    X, _ = rows_of(30, 3, 2)
    X[:, 1] = 1e6 + 0.1
    for kind in ("full", "tied"):
        with pytest.raises(ValueError, match=r"column 1 of X is constant.*MixturePrior\(covar"):
            GaussianMixture(2, covariance_type=kind, prior="fraley-raftery").fit(X)
        model = GaussianMixture(
            2, covariance_type=kind, prior=MixturePrior(covariance=1.0), random_state=0, reg_covar=0
        ).fit(X)
        assert np.isfinite(model.lower_bound_)
    for kind in ("diag", "spherical"):
        model = GaussianMixture(2, covariance_type=kind, prior="fraley-raftery", random_state=0)
        assert np.isfinite(model.fit(X).lower_bound_)
        with pytest.raises(ValueError, match="no two different rows"):
            model.fit(np.ones((5, 2)))


def test_the_command(tmp_path):
    X, _ = rows_of(100, 2, 2)
    np.save(tmp_path / "x.npy", X)
    fit = ["gmm", "fit", str(tmp_path / "x.npy"), "-k", "2", "--seed", "3", "--json"]
    done = CliRunner().invoke(app, [*fit, "--prior", "fraley-raftery", "-o", str(tmp_path / "m")])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    model = GaussianMixture(2, prior="fraley-raftery", random_state=3).fit(X)
    assert told["means"] == model.means_.tolist()
    assert told["penalised_mean_log_likelihood"] == model.lower_bound_
    assert "mean_log_likelihood" not in told
    assert load(tmp_path / "m").posterior_ == model.posterior_
    done = CliRunner().invoke(app, fit)
    assert "mean_log_likelihood" in json.loads(done.stdout)


# ---- in combination with other options ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("init", ["kmeans", "small-em"])
@pytest.mark.parametrize("prior", ["fraley-raftery", "given"])
def test_jumps_and_moves_increase_the_penalized_likelihood(kind, init, prior):
    X, _ = rows_of(150, 2, 3, seed=21)
    asked = whole_prior(kind, 3, 2) if prior == "given" else prior
    base = dict(covariance_type=kind, prior=asked, init_params=init, random_state=0, tol=1e-7)
    plain = GaussianMixture(3, max_iter=2000, **base).fit(X)
    fast = GaussianMixture(3, max_iter=2000, acceleration="squarem", **base).fit(X)
    moved = GaussianMixture(3, max_iter=2000, split_merge=2, **base).fit(X)
    for model in (fast, moved):
        assert (np.diff(model.lower_bounds_) >= -1e-12).all()
        assert model.lower_bound_ >= plain.lower_bound_ - 1e-6
        p = parameters_of(model, float)
        value = model.score(X) + log_density(model.prior_, kind, p) / len(X)
        assert model.lower_bound_ == pytest.approx(value, abs=1e-6)
        weights, means, covariances = model.posterior_.mode()
        assert np.allclose(weights, model.weights_) and np.allclose(means, model.means_)
        assert np.allclose(covariances, model.covariances_)
    assert fast.n_iter_ <= plain.n_iter_ + 3


def test_collapse_error_suggests_a_prior():
    with pytest.raises(ValueError, match="pass prior='fraley-raftery', with which none collapses"):
        GaussianMixture(1, reg_covar=0).fit(np.ones((5, 2)))
