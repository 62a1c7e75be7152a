"""partial_fit of Gaussian mixtures: online EM compared with explicit sums, and resuming."""

from __future__ import annotations

import copy
import pickle
import secrets
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from gibbous import GaussianMixture, MixturePrior, load, save
from reference import gmm as reference
from reference.gmm_online import Online

TYPES = ["full", "tied", "diag", "spherical"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def stream(n, d, k, *, seed=0, spread=3.0, width=1.0, shift=0.0):
    """Return rows from k Gaussians, and settings of a start near them."""
    rng = np.random.default_rng(seed)
    centers = spread * rng.standard_normal((k, d)) + shift
    X = centers[rng.integers(k, size=n)] + width * rng.standard_normal((n, d))
    return X, centers + 0.2 * width * rng.standard_normal((k, d))


def given_start(kind, k, means, variance=1.0):
    d = means.shape[1]
    eye = {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[kind]
    settings = {
        "weights_init": np.full(k, 1 / k),
        "means_init": means,
        "precisions_init": eye / variance,
    }
    return settings, reference.Mixture(np.full(k, 1 / k), means, eye * variance)


def mixture_of(model):
    return reference.Mixture(model.weights_, model.means_, model.covariances_)


def close(model, m, rtol):
    assert np.allclose(model.weights_, m.weights.astype(float), rtol=rtol, atol=0)
    assert np.allclose(model.means_, m.means.astype(float), rtol=rtol, atol=rtol)
    size = float(np.abs(m.covariances).max())
    assert np.abs(model.covariances_ - m.covariances.astype(float)).max() < rtol * size


CUTS = [0, 60, 75, 76, 160, 300]


# ---- explicit sums ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("decay", "offset"), [(1.0, 0.0), (0.7, 0.0), (0.6, 5.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_equal_explicit_sums(kind, decay, offset, weighted):
    X, means = stream(300, 3, 2, seed=1)
    weight = np.random.default_rng(2).uniform(0, 3, len(X)) if weighted else np.ones(len(X))
    settings, m = given_start(kind, 2, means)
    model = GaussianMixture(
        2,
        covariance_type=kind,
        reg_covar=1e-3,
        learning_decay=decay,
        learning_offset=offset,
        **settings,
    )
    hand = Online(kind, 1e-3, decay, offset)
    for step, (first, last) in enumerate(pairwise(CUTS)):
        rows, w = X[first:last], weight[first:last]
        value = np.average(
            np.asarray(reference.responsibilities(rows, m, kind)[0], float), weights=w
        )
        assert model.partial_fit(rows, sample_weight=w if weighted else None) is model
        m = hand.step(rows, m, w)
        close(model, m, 1e-11)
        assert model.lower_bound_ == pytest.approx(value, rel=1e-11)
        assert model.n_steps_ == step + 1
        assert model.n_samples_seen_ == pytest.approx(float(hand.seen), rel=1e-13)
        assert model._running.worth == pytest.approx(float(hand.worth), rel=1e-12)
        # the reference continues from the model's own parameters, so that rounding does not
        # accumulate
        m = mixture_of(model)


@pytest.mark.parametrize("kind", TYPES)
def test_without_decay_every_row_has_equal_weight(kind):
    # distant components: responsibilities are 0 and 1 for any parameters, so that one pass is exact
    X, means = stream(300, 2, 3, seed=3, spread=60.0)
    settings, _ = given_start(kind, 3, means)
    base = dict(covariance_type=kind, learning_decay=1.0, **settings)
    whole = GaussianMixture(3, max_iter=1, tol=0.0, **base).fit(X)
    parts = GaussianMixture(3, **base)
    for first, last in pairwise(CUTS):
        parts.partial_fit(X[first:last])
    close(parts, mixture_of(whole), 1e-10)
    assert parts._running.worth == pytest.approx(300)


@pytest.mark.parametrize("kind", TYPES)
def test_the_first_batch_is_an_iteration(kind):
    X, means = stream(200, 4, 3, seed=4)
    settings, _ = given_start(kind, 3, means)
    one = GaussianMixture(3, covariance_type=kind, max_iter=1, tol=0.0, **settings).fit(X)
    first = GaussianMixture(3, covariance_type=kind, **settings).partial_fit(X)
    close(first, mixture_of(one), 1e-10)
    assert first.lower_bound_ == pytest.approx(one.lower_bound_, rel=1e-13)
    # and so from a start found by init_params
    for init in ("kmeans", "k-means++", "random", "random_from_data", "small-em"):
        base = dict(covariance_type=kind, init_params=init, random_state=5)
        one = GaussianMixture(3, max_iter=1, tol=0.0, **base).fit(X)
        close(GaussianMixture(3, **base).partial_fit(X), mixture_of(one), 1e-10)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("prior", [None, "fraley-raftery"])
def test_partial_fit_continues_after_a_fit(kind, prior):
    X, _ = stream(400, 3, 2, seed=6)
    model = GaussianMixture(2, covariance_type=kind, prior=prior, random_state=0, reg_covar=1e-2)
    model.fit(X[:300])
    assert model.n_samples_seen_ == 300
    if prior is None:
        hand = Online(kind, 1e-2, 0.7, 0.0)
        hand.start(mixture_of(model), 300)
        m = hand.step(X[300:], mixture_of(model))
        close(model.partial_fit(X[300:]), m, 1e-11)
    else:
        before = model.posterior_
        model.partial_fit(X[300:])
        rate = (400 / 100) ** -0.7
        worth = 1 / ((1 - rate) ** 2 / 300 + rate**2 / 100)
        assert before.n_samples == pytest.approx(300)
        assert model.posterior_.n_samples == pytest.approx(worth)
        assert model.prior_.mean == pytest.approx(X[:300].mean(0))  # of the fit, not of the batch
    assert model.n_samples_seen_ == 400
    assert model.history_.n_iter == model.n_iter_  # still from the fit


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("shift", "width"), [(1e6, 1.0), (0.0, 1e-3), (1e6, 1e-3)])
def test_no_cancellation_far_away_and_for_narrow_components(kind, shift, width):
    X, means = stream(300, 3, 2, seed=7, spread=3.0, width=width, shift=shift)
    settings, m = given_start(kind, 2, means, variance=width**2)
    model = GaussianMixture(2, covariance_type=kind, reg_covar=0.0, **settings)
    hand = Online(kind, 0.0, 0.7, 0.0, origin=shift)
    for first, last in pairwise(CUTS):
        model.partial_fit(X[first:last])
        m = hand.step(X[first:last], m)
    assert np.allclose(model.weights_, m.weights.astype(float), rtol=1e-7)
    # an ulp of rows 1e6 away is 1e-10, which is 1e-7 of widths of 1e-3
    slack = max(1e-9, 1e3 * np.finfo(float).eps * shift / width)
    assert (np.abs(model.means_ - m.means) / width).max() < slack
    assert np.abs(model.covariances_ - m.covariances).max() < slack * width**2


@pytest.mark.parametrize("kind", TYPES)
def test_float32_stays_float32_and_is_close_to_float64(kind):
    X, means = stream(600, 4, 3, seed=8)
    settings, _ = given_start(kind, 3, means)
    models = []
    for dtype in (np.float64, np.float32):
        model = GaussianMixture(3, covariance_type=kind, **settings)
        for rows in np.array_split(X.astype(dtype), 6):
            model.partial_fit(rows)
        models.append(model)
        for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
            assert getattr(model, name).dtype == dtype
        assert model._running.moments.means.dtype == np.float64
    # rows of a float64 batch are converted to the model's float32
    models[1].partial_fit(X[:50])
    assert models[1].means_.dtype == np.float32
    models[0].partial_fit(X[:50])
    assert np.allclose(models[0].means_, models[1].means_, rtol=1e-4, atol=1e-4)
    assert np.allclose(models[0].covariances_, models[1].covariances_, rtol=1e-3, atol=1e-4)


# ---- statistics ----


def test_variance_of_one_component_matches_its_effective_sample_size():
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    d, sizes = 10, [40, 10, 100, *[20] * 25]
    for decay in (1.0, 0.8, 0.6):
        errors = []
        for _ in range(40):
            model = GaussianMixture(1, covariance_type="diag", learning_decay=decay)
            for size in sizes:
                model.partial_fit(rng.standard_normal((size, d)))
            errors.append(model.means_[0] * np.sqrt(model._running.worth))
        # the running mean of unit normals has variance 1 / worth: these are unit normals again
        squares, count = np.square(errors).sum(), np.size(errors)
        bound = 5 * np.sqrt(2 * count)
        assert abs(squares - count) < bound, f"seed {seed}, decay {decay}: {squares} of {count}"
        # and errors of forgetting would show
        assert decay > 0.7 or sum(sizes) / model._running.worth * count > count + 2 * bound


@pytest.mark.parametrize("kind", TYPES)
def test_a_stream_from_a_known_mixture(kind):
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    d, k, batch = 2, 3, 200
    centers = np.array([[-6.0, 0.0], [0.0, 6.0], [6.0, 0.0]])
    weights = np.array([0.5, 0.3, 0.2])

    def draw(n):
        return centers[rng.choice(k, n, p=weights)] + rng.standard_normal((n, d))

    # means far from the truth, but each nearest to its own group: K-means on the first batch would
    # once in hundreds of seeds split one group
    rough = {"means_init": centers / 2, "random_state": seed}
    model = GaussianMixture(k, covariance_type=kind, **rough)
    batches = [draw(batch) for _ in range(100)]
    for rows in batches:
        model.partial_fit(rows)
    worth = model._running.worth
    assert 1000 < worth < 100 * batch
    order = np.argsort(model.means_[:, 0])
    # components six widths apart: each mean is that of about worth * weight rows
    error = np.abs(model.means_[order] - centers) * np.sqrt(worth * weights[:, None])
    assert error.max() < 5, f"seed {seed}: {error}"
    error = np.abs(model.weights_[order] - weights) / np.sqrt(weights * (1 - weights) / worth)
    assert error.max() < 5, f"seed {seed}: {error}"
    # excess loss of p parameters estimated from so many rows: chi-squared over twice the number of
    # rows (Wilks 1938), for the online estimate and, less, for the fit to all rows
    full = GaussianMixture(k, covariance_type=kind, **rough).fit(np.concatenate(batches))
    rows = draw(20000)
    difference = full.score_samples(rows) - model.score_samples(rows)
    gap = difference.mean()
    noise = 5 * difference.std() / np.sqrt(len(rows))
    p = model._n_parameters()
    bound = scipy.stats.chi2.ppf(1 - 1e-7, p) / (2 * worth) + noise
    assert gap < bound, f"seed {seed}: {gap} above {bound}"


def test_forgetting_helps_if_the_data_change():
    # the distribution changes after a while: estimates with decay follow, the others lag behind
    rng = np.random.default_rng(0)
    lag = {}
    for decay in (1.0, 0.6):
        model = GaussianMixture(1, learning_decay=decay)
        for t in range(60):
            model.partial_fit(rng.standard_normal((50, 1)) + (5.0 if t >= 20 else 0.0))
        lag[decay] = 5.0 - model.means_[0, 0]
    assert lag[1.0] == pytest.approx(5 / 3, abs=0.1)
    assert abs(lag[0.6]) < 0.6


# ---- resuming ----


def _pickled(model, folder):
    return pickle.loads(pickle.dumps(model))


def _saved(model, folder):
    save(model, folder / "m")
    return load(folder / "m")


def _copied(model, folder):
    return copy.deepcopy(model)


def same_bits(a, b):
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_", "precisions_"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    assert a.lower_bound_ == b.lower_bound_
    assert (a.n_steps_, a.n_samples_seen_) == (b.n_steps_, b.n_samples_seen_)
    if a.prior is not None:
        assert a.prior_ == b.prior_
        assert a.posterior_ == b.posterior_


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("prior", ["none", "default", "given"])
@pytest.mark.parametrize("how", [_pickled, _saved, _copied])
def test_resuming_after_an_interruption_is_bit_identical(kind, dtype, prior, how, tmp_path):
    X = stream(240, 3, 2, seed=9)[0].astype(dtype)
    weight = np.random.default_rng(1).uniform(0, 2, len(X)).astype(dtype)
    asked = {
        "none": None,
        "default": "fraley-raftery",
        "given": MixturePrior([2.0, 1.5], np.ones((2, 3)), 0.5, 6, 1.2),
    }[prior]
    for fitted in (False, True):
        whole = GaussianMixture(2, covariance_type=kind, prior=asked, random_state=3)
        if fitted:
            whole.fit(X[:120])
        parts = how(whole, tmp_path) if fitted else clone(whole)
        for first in range(0, 240, 40):
            rows, w = X[first : first + 40], weight[first : first + 40]
            whole.partial_fit(rows, sample_weight=w)
            parts = how(parts.partial_fit(rows, sample_weight=w), tmp_path)
            same_bits(whole, parts)
        assert hasattr(parts, "history_") == fitted


@pytest.mark.parametrize("kind", TYPES)
def test_equal_bits_for_any_number_of_threads(kind):
    X, means = stream(9000, 5, 4, seed=10)
    settings, _ = given_start(kind, 4, means)
    models = []
    for jobs in (1, 2, 3, 7):
        model = GaussianMixture(
            4, covariance_type=kind, n_jobs=jobs, prior="fraley-raftery", **settings
        )
        for rows in np.array_split(X, 3):
            model.partial_fit(rows)
        models.append(model)
    for other in models[1:]:
        same_bits(models[0], other)


def test_fit_starts_again_and_warm_start_continues():
    X, _ = stream(300, 2, 2, seed=11)
    model = GaussianMixture(2, random_state=0, prior="fraley-raftery")
    model.partial_fit(X[:100]).partial_fit(X[100:])
    means = model.means_
    model.set_params(warm_start=True, max_iter=1, tol=0.0).fit(X)
    assert not hasattr(model, "n_steps_") and model.n_samples_seen_ == 300
    assert np.abs(model.means_ - means).max() < 0.5
    model.set_params(warm_start=False, max_iter=100)
    again = clone(model).fit(X)
    assert (model.fit(X).means_ == again.means_).all()


def test_mixture_fitted_to_batches_only_is_complete():
    X, _ = stream(200, 2, 2, seed=12)
    model = GaussianMixture(2, random_state=0)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.partial_fit(X)
    assert model.predict_proba(X).shape == (200, 2)
    assert np.isfinite([model.score(X), model.bic(X)]).all()
    assert model.sample(5)[0].shape == (5, 2)
    assert not hasattr(model, "history_") and not hasattr(model, "converged_")


def test_small_batches_and_components_without_rows():
    X, means = stream(200, 2, 2, seed=13, spread=30.0)
    settings, _ = given_start("full", 2, means)
    model = GaussianMixture(2, **settings).partial_fit(X[:100])
    label = model.predict(X)
    kept = model.means_[1].copy(), model.covariances_[1].copy()
    weight = model.weights_[1]
    for row in X[label == 0][:30]:
        model.partial_fit(row[None])
    assert np.allclose(model.means_[1], kept[0], rtol=1e-12)
    assert np.allclose(model.covariances_[1], kept[1], rtol=1e-9)
    assert model.weights_[1] < weight
    assert model.n_steps_ == 31 and model.n_samples_seen_ == 130


# ---- priors ----


@pytest.mark.parametrize("kind", TYPES)
def test_posterior_is_updated_by_each_batch(kind):
    X, means = stream(500, 2, 2, seed=14)
    settings, _ = given_start(kind, 2, means)
    prior = MixturePrior(3.0, [0.0, 0.0], 2.0, 5.0, 2.0)
    model = GaussianMixture(2, covariance_type=kind, prior=prior, learning_decay=1.0, **settings)
    widths = []
    for step, rows in enumerate(np.array_split(X, 5)):
        post = model.partial_fit(rows).posterior_
        seen = 100 * (step + 1)
        assert post.n_samples == pytest.approx(seen)
        assert post.weight_concentration.sum() == pytest.approx(6 + seen)
        assert post.mean_precision.sum() == pytest.approx(4 + seen)
        widths.append(np.diff(post.means_interval(), axis=-1).max())
        assert (model.means_ == post.mode()[1]).all()
    assert (np.diff(widths) < 0).all()
    assert widths[-1] < 0.7 * widths[0]


def test_prior_can_change_between_batches_but_its_defaults_stay():
    X, _ = stream(200, 2, 2, seed=15)
    model = GaussianMixture(2, prior="fraley-raftery", random_state=0).partial_fit(X[:100])
    first = model.prior_
    model.partial_fit(X[100:])
    assert model.prior_ == first
    model.set_params(prior=MixturePrior(mean_precision=5.0, weight_concentration=2.0))
    model.partial_fit(X[:50])
    assert (model.prior_.mean == first.mean).all() and model.prior_.mean_precision == 5.0
    model.set_params(prior=None).partial_fit(X[:50])
    assert not hasattr(model, "prior_") and not hasattr(model, "posterior_")


def test_prior_prevents_collapse_with_tiny_batches():
    X, _ = stream(60, 3, 3, seed=16)
    bare = GaussianMixture(3, reg_covar=0.0, random_state=0)
    with pytest.raises(ValueError, match="collapsed"):
        bare.partial_fit(X[:3])
    model = clone(bare).set_params(prior="fraley-raftery").partial_fit(X[:6])
    for rows in np.array_split(X[6:], 27):
        model.partial_fit(rows)
    assert (np.linalg.eigvalsh(model.covariances_) > 1e-3).all()


# ---- errors ----


def test_first_batch_that_is_too_small():
    X, _ = stream(30, 2, 3)
    with pytest.raises(ValueError, match=r"first batch of partial_fit has 2 rows .*n_components=3"):
        GaussianMixture(3).partial_fit(X[:2])
    model = GaussianMixture(3, random_state=0).partial_fit(X)
    assert model.partial_fit(X[:1]).n_steps_ == 2


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_collapse_keeps_the_model_or_is_repaired(kind):
    rng = np.random.default_rng(1)
    X = np.concatenate([np.zeros((10, 2)), rng.normal(8, 1, (80, 2))])
    settings, _ = given_start(kind, 2, np.array([[0.0, 0.0], [8.0, 8.0]]))
    good = np.concatenate([rng.normal(0, 1, (40, 2)), rng.normal(8, 1, (40, 2))])
    settings["precisions_init"] = settings["precisions_init"] * 1e4
    collapsed = GaussianMixture(2, covariance_type=kind, reg_covar=0.0, **settings)
    with pytest.raises(ValueError, match="Component 0 collapsed onto 10 of 90 rows"):
        collapsed.partial_fit(X)
    assert not hasattr(collapsed, "means_")
    repaired = collapsed.set_params(on_collapse="repair").partial_fit(X)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert np.isfinite(getattr(repaired, name)).all()
    # it continues from the repaired component
    assert np.allclose(repaired._running.moments.means, repaired.means_)
    assert np.isfinite(repaired.partial_fit(good).score(good))


def test_changed_parameters_between_batches():
    X, _ = stream(100, 3, 2)
    model = GaussianMixture(2, random_state=0).partial_fit(X)
    with pytest.raises(ValueError, match=r"continues from 2 components.*n_components=3"):
        model.set_params(n_components=3).partial_fit(X)
    with pytest.raises(ValueError, match=r"covariance_type='diag'; set them back"):
        model.set_params(n_components=2, covariance_type="diag").partial_fit(X)
    model.set_params(covariance_type="full")
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
        model.partial_fit(X[:, :2])
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="Input X contains infinity"):
        model.partial_fit(np.full((4, 3), np.inf))
    with pytest.raises(ValueError, match="log-likelihood of X is not finite"):
        model.partial_fit(np.full((4, 3), 1e200))
    assert pickle.dumps(model) == before
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\)"):
        model.partial_fit(X, sample_weight=np.ones(3))
    del model.n_samples_seen_
    with pytest.raises(ValueError, match="continues from n_samples_seen_"):
        model.partial_fit(X)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"learning_decay": 0.5}, "'learning_decay' parameter"),
        ({"learning_decay": 1.1}, "'learning_decay' parameter"),
        ({"learning_offset": -1.0}, "'learning_offset' parameter"),
    ],
)
def test_bad_learning_rates(parameters, text):
    with pytest.raises(ValueError, match=text):
        GaussianMixture(1, **parameters).partial_fit(np.eye(4))
