"""Conversion of fitted models from and to scikit-learn: both give the same results."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
import sklearn.decomposition
import sklearn.mixture
import sklearn.neural_network
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import gibbous

# Models that have not converged are as good for this test.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COVARIANCES = ("full", "tied", "diag", "spherical")
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "kmeans": ("cluster.KMeans", {"n_clusters": 3, "n_init": 1}),
    "minibatch": ("cluster.MiniBatchKMeans", {"n_clusters": 3, "n_init": 1, "batch_size": 64}),
    "rbm": ("neural_network.BernoulliRBM", {"n_components": 4, "n_iter": 2}),
}
for kind in COVARIANCES:
    given = {"n_components": 3, "covariance_type": kind, "max_iter": 500, "tol": 1e-2}
    CASES[f"gmm-{kind}"] = ("mixture.GaussianMixture", given)
for kind, prior in product(COVARIANCES, ("dirichlet_process", "dirichlet_distribution")):
    given = {"n_components": 3, "covariance_type": kind, "max_iter": 500, "tol": 1e-2}
    given["weight_concentration_prior_type"] = prior
    CASES[f"bgmm-{kind}-{prior}"] = ("mixture.BayesianGaussianMixture", given)

#: Deterministic methods of fitted models.
ANSWERS = ("predict", "predict_proba", "transform", "score_samples", "_free_energy")


def class_of(path: str) -> Any:
    module, name = path.split(".")
    return getattr(getattr(sklearn, module), name)


def fresh_rows(dtype: Any = np.float64, n: int = 150) -> np.ndarray:
    seed = int(np.random.default_rng().integers(2**32))
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    centers = rng.random((3, 4))
    X = centers[rng.integers(0, 3, n)] + rng.normal(0, 0.1, (n, 4))
    return np.clip(X, 0, 1).astype(dtype)


def answers(model: Any, X: np.ndarray) -> dict[str, np.ndarray]:
    wanted = [name for name in ANSWERS if hasattr(model, name)]
    if hasattr(model, "_free_energy"):
        wanted.remove("score_samples")  # a pseudo-likelihood of randomly chosen units
    assert wanted
    return {name: np.asarray(getattr(model, name)(X)) for name in wanted}


def assert_same(one: Any, other: Any, X: np.ndarray, rounding: float) -> None:
    expected, got = answers(one, X), answers(other, X)
    assert set(expected) == set(got)
    for name, values in expected.items():
        scale = 1 + np.abs(values).max()
        assert values.shape == got[name].shape
        assert np.abs(values - got[name]).max() <= rounding * scale, name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES)
def test_from_sklearn_gives_the_same_results(case: str, dtype: Any, tmp_path: Any) -> None:
    path, params = CASES[case]
    X = fresh_rows(dtype)
    theirs = class_of(path)(**params, random_state=0).fit(X)
    ours = gibbous.from_sklearn(theirs)
    assert type(ours) is getattr(gibbous, type(theirs).__name__)
    for key, value in params.items():
        assert getattr(ours, key) == value
    rounding = 1e-11 if dtype == np.float64 else 3e-5
    assert_same(theirs, ours, X, rounding)
    gibbous.save(ours, tmp_path / "model.safetensors")
    assert_same(ours, gibbous.load(tmp_path / "model.safetensors"), X, 0)
    # the arrays are copies
    for name in ("cluster_centers_", "means_", "components_"):
        if hasattr(theirs, name):
            assert not np.shares_memory(getattr(theirs, name), getattr(ours, name))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES)
def test_to_sklearn_gives_the_same_results(case: str, dtype: Any) -> None:
    path, params = CASES[case]
    X = fresh_rows(dtype)
    more = {"dtype": np.dtype(dtype).name} if case == "rbm" else {}
    ours = getattr(gibbous, path.split(".")[1])(**params, **more, random_state=0).fit(X)
    theirs = gibbous.to_sklearn(ours)
    assert type(theirs) is class_of(path)
    assert_same(ours, theirs, X, 1e-11 if dtype == np.float64 else 3e-5)
    # and back again
    again = gibbous.from_sklearn(theirs)
    assert_same(ours, again, X, 1e-13 if dtype == np.float64 else 1e-6)
    clone(theirs).fit(X)  # its parameters are accepted by its own fit


def test_evidence_is_converted() -> None:
    X = fresh_rows()
    for kind in COVARIANCES:
        ours = gibbous.BayesianGaussianMixture(3, covariance_type=kind, tol=1e-2, random_state=0)
        ours.fit(X)
        again = gibbous.from_sklearn(gibbous.to_sklearn(ours))
        assert again.evidence_lower_bound_ == pytest.approx(ours.evidence_lower_bound_, rel=1e-12)


@pytest.mark.parametrize("case", ["minibatch", "rbm"])
def test_training_continues_in_the_other_library(case: str) -> None:
    path, params = CASES[case]
    X = fresh_rows()
    theirs = class_of(path)(**params, random_state=0).fit(X)
    ours = gibbous.from_sklearn(theirs)
    name = "cluster_centers_" if case == "minibatch" else "components_"
    before = np.array(getattr(ours, name))
    ours.partial_fit(X)
    assert not np.array_equal(before, getattr(ours, name))
    if case == "minibatch":  # earlier rows reduce the step
        assert ours._counts.sum() == pytest.approx(theirs._counts.sum() + len(X))
    back = gibbous.to_sklearn(ours)
    back.partial_fit(X)
    assert not np.array_equal(getattr(back, name), getattr(ours, name))
    if case == "rbm":
        assert np.array_equal(gibbous.to_sklearn(ours).h_samples_, ours.h_samples_)


def test_samples_of_a_mixture_fitted_by_scikit_learn() -> None:
    X = fresh_rows()
    theirs = sklearn.mixture.GaussianMixture(3, random_state=0).fit(X)
    ours = gibbous.from_sklearn(theirs)
    drawn, labels = ours.sample(20000)
    back, _ = gibbous.to_sklearn(ours).sample(20000)
    mean = theirs.weights_ @ theirs.means_
    second = np.einsum("k,kij->ij", theirs.weights_, theirs.covariances_)
    second += np.einsum("k,ki,kj->ij", theirs.weights_, theirs.means_, theirs.means_)
    sigma = np.sqrt(np.diag(second) - mean**2) / np.sqrt(20000)
    for sample in (drawn, back):
        z = (sample.mean(axis=0) - mean) / sigma
        assert np.abs(z).max() < 5, f"means of a sample off by {z} sigma"
    assert set(labels) <= {0, 1, 2}


def test_feature_names_are_converted() -> None:
    pd = pytest.importorskip("pandas", reason="names of features come from a frame")
    X = pd.DataFrame(fresh_rows(), columns=list("abcd"))
    ours = gibbous.from_sklearn(sklearn.cluster.KMeans(2, n_init=1, random_state=0).fit(X))
    assert list(ours.feature_names_in_) == list("abcd")
    assert list(gibbous.to_sklearn(ours).feature_names_in_) == list("abcd")
    assert "fitted by scikit-learn" in str(ours.history_)


def test_models_without_a_counterpart_are_rejected() -> None:
    X = fresh_rows()
    with pytest.raises(TypeError, match=r"KMeans.*got sklearn\..*\.BisectingKMeans"):
        gibbous.from_sklearn(sklearn.cluster.BisectingKMeans(2).fit(X))
    with pytest.raises(
        TypeError, match=r"of scikit-learn itself; got gibbous\.kmeans\.lloyd\.KMeans"
    ):
        gibbous.from_sklearn(gibbous.KMeans(2, random_state=0).fit(X))
    with pytest.raises(NotFittedError):
        gibbous.from_sklearn(sklearn.cluster.KMeans(2))
    with pytest.raises(NotFittedError):
        gibbous.to_sklearn(gibbous.KMeans(2))
    with pytest.raises(TypeError, match="GaussianRBM, which has no counterpart in scikit-learn"):
        gibbous.to_sklearn(gibbous.GaussianRBM(2, n_iter=1).fit(X))
    lda = gibbous.LatentDirichletAllocation(2, max_iter=2, random_state=0).fit([[1, 2], [2, 0]])
    with pytest.raises(TypeError, match="no counterpart"):
        gibbous.to_sklearn(lda)
    machine = gibbous.BernoulliRBM(2, n_iter=1, hidden_units="relu", learning_rate=0.01).fit(X)
    with pytest.raises(ValueError, match=r"hidden_units='relu' has no counterpart.*'binary'"):
        gibbous.to_sklearn(machine)
    bits = gibbous.BernoulliRBM(2, n_iter=1, binarize=0.5).fit(X)
    with pytest.raises(ValueError, match=r"binarize=0\.5 has no counterpart"):
        gibbous.to_sklearn(bits)


def test_parameters_not_accepted_by_scikit_learn_get_defaults() -> None:
    X = fresh_rows()
    model = gibbous.GaussianMixture(
        2, init_params="small-em", random_state=np.random.default_rng(0), acceleration="squarem"
    ).fit(X)
    theirs = gibbous.to_sklearn(model)
    assert theirs.init_params == "kmeans"
    assert theirs.random_state is None
    theirs._validate_params()


def test_chains_incompatible_with_scikit_learn_are_dropped() -> None:
    X = fresh_rows()
    for more in ({"n_chains": 7}, {"method": "cd"}, {"method": "pt", "n_temperatures": 2}):
        machine = gibbous.BernoulliRBM(3, n_iter=1, random_state=0, **more).fit(X)
        theirs = gibbous.to_sklearn(machine)
        assert not hasattr(theirs, "h_samples_"), more
        theirs.partial_fit(X)
