"""scikit-learn's check_estimator, with no check excepted."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning, SkipTestWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from gibbous import GaussianMixture, KMeans, MiniBatchKMeans

ESTIMATORS = [
    KMeans(),
    KMeans(algorithm="elkan"),
    MiniBatchKMeans(),
    GaussianMixture(),
    *(GaussianMixture(covariance_type=kind) for kind in ("tied", "diag", "spherical")),
    GaussianMixture(on_collapse="repair"),
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    with warnings.catch_warnings():
        # the checks fit on tiny data with few iterations, and announce the optional ones they skip
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", SkipTestWarning)
        check(estimator)
