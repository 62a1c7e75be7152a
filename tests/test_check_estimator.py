"""scikit-learn's check_estimator for every estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning, SkipTestWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from gibbous import GaussianMixture, KMeans, MiniBatchKMeans

# The check shuffles repeated rows and wants the clusters of the weighted ones. Starts are drawn by
# row number, so that another order is another start: scikit-learn's own K-means is excepted from it
# in the same words. From given centers weights equal repeated rows, which test_kmeans.py holds.
DRAWN_BY_ROW = {
    f"check_sample_weight_equivalence_on_{kind}_data": "starts depend on the order of the rows"
    for kind in ("dense", "sparse")
}


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    return DRAWN_BY_ROW if isinstance(estimator, (KMeans, MiniBatchKMeans)) else {}


ESTIMATORS = [
    KMeans(),
    KMeans(algorithm="elkan"),
    MiniBatchKMeans(),
    GaussianMixture(),
    *(GaussianMixture(covariance_type=kind) for kind in ("tied", "diag", "spherical")),
    GaussianMixture(on_collapse="repair"),
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_estimator(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    with warnings.catch_warnings():
        # the checks fit on tiny data with few iterations, and announce the optional ones they skip
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", SkipTestWarning)
        # some checks set n_clusters=1, for which elkan falls back to lloyd and says so
        warnings.filterwarnings("ignore", "algorithm='elkan' doesn't make sense", RuntimeWarning)
        check(estimator)
