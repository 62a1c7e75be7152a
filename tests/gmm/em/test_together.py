"""Combinations of options of Gaussian mixtures on all kinds of rows: none lowers the objective."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gibbous._rows.blocks as blocks
from gibbous import GaussianMixture

TYPES = ["full", "tied", "diag", "spherical"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OPTIONS = st.fixed_dictionaries(
    {
        "covariance_type": st.sampled_from(TYPES),
        "prior": st.sampled_from([None, "fraley-raftery"]),
        "acceleration": st.sampled_from([None, "squarem"]),
        "split_merge": st.sampled_from([False, 2]),
        "init_params": st.sampled_from(["kmeans", "random_from_data", "small-em"]),
        "n_init": st.sampled_from([1, 2]),
    }
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Read sources in blocks of 256 rows."""
    monkeypatch.setattr(blocks, "SMALL_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 0)


def rows_of(missing, n=330, d=3):
    rng = np.random.default_rng(5)
    X = np.repeat([[-3.0, 0, 0], [3, 0, 0], [0, 5, 0]], n // 3, axis=0) + rng.normal(size=(n, d))
    X[rng.random(X.shape) < missing] = np.nan
    return X


@settings(max_examples=60, deadline=None)
@given(
    options=OPTIONS,
    missing=st.sampled_from([0.0, 0.2]),
    cut=st.booleans(),
    weighted=st.booleans(),
    single=st.booleans(),
)
def test_no_option_lowers_the_objective(options, missing, cut, weighted, single):
    X = rows_of(missing).astype(np.float32 if single else np.float64)
    weight = np.random.default_rng(6).uniform(0.5, 1.5, len(X)) if weighted else None
    data = [X[:100], X[100:]] if cut else X
    model = GaussianMixture(3, tol=1e-5, max_iter=60, random_state=1, **options)
    model.fit(data, sample_weight=weight)
    assert np.isfinite(model.means_).all() and np.isfinite(model.lower_bound_)
    # reg_covar moves the M-step off the optimum by as much; float32 has seven digits
    slack = 1e-5 if single else 1e-7
    values = np.asarray(model.lower_bounds_)
    if options["acceleration"] is None and not options["split_merge"]:
        assert (np.diff(values) >= -slack * np.abs(values[1:])).all(), values
    else:  # rejected trials count as iterations, too
        assert model.lower_bound_ >= values[0] - slack * abs(values[0])
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_moves_from_a_given_start_read_in_blocks(kind, missing):
    X = rows_of(missing)
    start = GaussianMixture(3, covariance_type=kind, random_state=0, max_iter=3).fit(X)
    asked = {
        "covariance_type": kind,
        "weights_init": start.weights_ / start.weights_.sum(),
        "means_init": start.means_,
        "precisions_init": start.precisions_,
    }
    plain = GaussianMixture(3, **asked).fit([X])
    moved = GaussianMixture(3, split_merge=3, **asked).fit([X])
    assert moved.lower_bound_ >= plain.lower_bound_ - 1e-9


@pytest.mark.parametrize("kind", TYPES)
def test_split_and_merge_with_missing_entries(kind):
    X = rows_of(0.15)
    poor = {"means_init": [[-3.0, 0, 0], [-2.9, 0.1, 0], [1.5, 2.5, 0]]}
    poor |= {"weights_init": np.full(3, 1 / 3), "covariance_type": kind, "tol": 1e-6}
    poor["precisions_init"] = {
        "full": np.tile(np.eye(3), (3, 1, 1)),
        "tied": np.eye(3),
        "diag": np.ones((3, 3)),
        "spherical": np.ones(3),
    }[kind]
    poor["max_iter"] = 300
    stuck = GaussianMixture(3, **poor).fit(X)
    free = GaussianMixture(3, split_merge=True, **poor).fit(X)
    best = GaussianMixture(3, covariance_type=kind, tol=1e-6, random_state=0, n_init=5).fit(X)
    assert stuck.lower_bound_ < best.lower_bound_ - 0.05, "the start is not poor"
    assert free.lower_bound_ == pytest.approx(best.lower_bound_, abs=1e-3)
