"""scikit-learn's check_estimator for every estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning, SkipTestWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from gibbous import (
    BayesianGaussianMixture,
    BernoulliRBM,
    CategoricalRBM,
    GaussianMixture,
    GaussianRBM,
    KMeans,
    MiniBatchKMeans,
    RBMClassifier,
    ReplicatedSoftmax,
)

# The check shuffles repeated rows and expects the clusters of the weighted ones. Starts are drawn
# by row number, so that another order gives another start; scikit-learn's own K-means is exempt for
# the same reason. From given centers, weights equal repeated rows (see tests of K-means).
DRAWN_BY_ROW = {
    f"check_sample_weight_equivalence_on_{kind}_data": "starts depend on the order of the rows"
    for kind in ("dense", "sparse")
}

# Mini-batches and draws of Boltzmann machines depend on row numbers too, and score_samples flips a
# random unit of each row: scikit-learn exempts its own machine from these checks.
DRAWN_BY_ROW_OF_BATCH = {
    **dict.fromkeys(DRAWN_BY_ROW, "a repeated row is another mini-batch, a weighted row is not"),
    **{
        f"check_methods_{kind}_invariance": "score_samples turns over a random unit of each row"
        for kind in ("subset", "sample_order")
    },
}


MACHINES = (BernoulliRBM, CategoricalRBM, GaussianRBM, RBMClassifier, ReplicatedSoftmax)


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    if isinstance(estimator, MACHINES):
        return DRAWN_BY_ROW_OF_BATCH
    if isinstance(estimator, BayesianGaussianMixture) and estimator.n_components > 1:
        return DRAWN_BY_ROW
    return DRAWN_BY_ROW if isinstance(estimator, (KMeans, MiniBatchKMeans)) else {}


ESTIMATORS = [
    KMeans(),
    KMeans(algorithm="elkan"),
    MiniBatchKMeans(),
    GaussianMixture(),
    *(GaussianMixture(covariance_type=kind) for kind in ("tied", "diag", "spherical")),
    GaussianMixture(on_collapse="repair"),
    BayesianGaussianMixture(),
    *(BayesianGaussianMixture(covariance_type=kind) for kind in ("tied", "diag", "spherical")),
    BayesianGaussianMixture(2, weight_concentration_prior_type="dirichlet_distribution"),
    # the checks use real numbers of any size, which the default rejects
    BernoulliRBM(out_of_range="allow"),
    BernoulliRBM(out_of_range="allow", method="cd", centered=True, momentum=0.5),
    BernoulliRBM(out_of_range="allow", method="pt", n_temperatures=3, dtype="float64"),
    BernoulliRBM(out_of_range="allow", hidden_units="relu", learning_rate=0.01),
    GaussianRBM(),
    GaussianRBM(method="pt", n_temperatures=3, momentum=0.5, dtype="float64"),
    GaussianRBM(hidden_units="relu", method="cd"),
    CategoricalRBM(),
    ReplicatedSoftmax(fractional="allow"),
    ReplicatedSoftmax(fractional="allow", method="pcd"),
    RBMClassifier(out_of_range="allow"),
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_estimator(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    with warnings.catch_warnings():
        # the checks fit tiny data with few iterations, and warn about optional checks that are
        # skipped
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", SkipTestWarning)
        # some checks set n_clusters=1, for which elkan falls back to lloyd with a warning
        warnings.filterwarnings("ignore", "algorithm='elkan' doesn't make sense", RuntimeWarning)
        check(estimator)
