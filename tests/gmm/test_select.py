"""Selection of mixtures: the criteria, the grid, its table and its plot."""

from __future__ import annotations

import math
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from gibbous import GaussianMixture, select_mixture
from gibbous.gmm import queries as gmm_mixture
from gibbous.gmm import select as gmm_select
from support.ctrl_c import answered_ctrl_c

TYPES = ("full", "tied", "diag", "spherical")


def blobs(n: int = 90, d: int = 2, dtype: Any = np.float64, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(m, 1, (n, d)) for m in (-5, 0, 5)]).astype(dtype)


# ---- ICL ----


def test_icl_of_old_faithful_equals_that_of_mclust(data_folder):
    X = np.loadtxt(data_folder / "faithful.csv", delimiter=",", skiprows=1)[:, -2:]
    # initialized like mclust: groups merged on the scaled principal axes of the data; the optimum
    # is flat, and the responsibilities still change when the likelihood hardly does
    Z = (X - X.mean(0)) / X.std(0)
    _, s, v = np.linalg.svd(Z, full_matrices=False)
    group = fcluster(linkage(Z @ v.T / np.sqrt(s), "ward"), 3, "maxclust") - 1
    means = np.array([X[group == j].mean(0) for j in range(3)])
    within = (X - means[group]).T @ (X - means[group]) / len(X)
    model = GaussianMixture(
        3,
        covariance_type="tied",
        tol=1e-5 * 1127 / 272,  # mclust's tolerance is 1e-5 of the total log-likelihood
        reg_covar=0,
        weights_init=np.bincount(group) / len(X),
        means_init=means,
        precisions_init=np.linalg.inv(within),
    ).fit(X)
    # mclust's EEE,3 prints log-likelihood -1126.326, BIC -2314.316, ICL -2357.824
    assert model.score(X) * len(X) == pytest.approx(-1126.326, abs=0.005)
    assert model.bic(X) == pytest.approx(2314.316, abs=0.01)
    assert model.icl(X) == pytest.approx(2357.824, abs=0.02)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_icl_by_its_definition(kind, dtype, monkeypatch):
    X = blobs(60, 3, dtype)
    model = GaussianMixture(4, covariance_type=kind, random_state=0, max_iter=30, tol=0.1).fit(X)
    r = model.predict_proba(X)
    complete = np.log(r.max(1), dtype=np.float64).sum()
    want = model.bic(X) - 2 * complete
    close = 1e-12 if dtype == np.float64 else 1e-5
    assert model.icl(X) == pytest.approx(want, rel=close)
    assert model.icl(X) > model.bic(X)
    whole = model.icl(X)
    monkeypatch.setattr(gmm_mixture, "_BLOCK", 28)  # blocks of 7 rows, the last one shorter
    assert model.icl(X) == pytest.approx(whole, rel=close)
    one = GaussianMixture(1, covariance_type=kind).fit(X)
    assert one.icl(X) == pytest.approx(one.bic(X), rel=close)


def test_icl_names_the_row_with_zero_density(monkeypatch):
    X = blobs()
    model = GaussianMixture(3, random_state=0).fit(X)
    monkeypatch.setattr(gmm_mixture, "_BLOCK", 30)
    far = X.copy()
    far[57] = 1e200
    with pytest.raises(ValueError, match="row 57 of X is so far"):
        model.icl(far)


# ---- the grid ----


def test_every_trial_equals_the_mixture_that_it_names():
    X = blobs()
    found = select_mixture(X, [3, 1, 2], ("diag", "full"), random_state=4, tol=1e-4, n_jobs=2)
    assert [(t.n_components, t.covariance_type) for t in found.trials] == [
        (k, kind) for k in (1, 2, 3) for kind in ("diag", "full")
    ]
    for t in found.trials:
        model = GaussianMixture(
            t.n_components, covariance_type=t.covariance_type, random_state=4, tol=1e-4
        ).fit(X)
        assert t.estimator is not None
        assert t.estimator.get_params() == model.get_params()
        assert t.estimator.means_.tobytes() == model.means_.tobytes()
        assert t.estimator.covariances_.tobytes() == model.covariances_.tobytes()
        assert t.bic == pytest.approx(model.bic(X), rel=1e-12)
        assert t.aic == pytest.approx(model.aic(X), rel=1e-12)
        assert t.icl == pytest.approx(model.icl(X), rel=1e-12)
        assert t.mean_log_likelihood == pytest.approx(model.score(X), rel=1e-12)
        assert t.log_likelihood == pytest.approx(model.score(X) * len(X), rel=1e-12)
        assert t.n_parameters == model._n_parameters()
        assert (t.n_iter, t.converged, t.error) == (model.n_iter_, model.converged_, "")
        assert math.isnan(t.held_out)
        assert t.seconds > 0
    for name in ("bic", "aic", "icl"):
        best = found.ranked(name)[0]
        assert getattr(best, name) == min(getattr(t, name) for t in found.trials)
    assert found.best_ is found.ranked("bic")[0]
    assert found.best_estimator_ is found.best_.estimator
    assert found.best_.n_components == 3


def test_held_out_scores_equal_those_of_the_folds():
    X = blobs(13)  # folds of 10, 10, 10 and 9
    splitter = KFold(4, shuffle=True, random_state=1)
    found = select_mixture(
        X, [2, 3], "tied", criterion="held_out", cv=splitter, random_state=0, n_jobs=2
    )
    for t in found.trials:
        total = 0.0
        for train, test in splitter.split(X):
            model = GaussianMixture(t.n_components, covariance_type="tied", random_state=0)
            total += model.fit(X[train]).score_samples(X[test]).sum()
        assert t.held_out == pytest.approx(total / len(X), rel=1e-12)
    assert found.best_.held_out == max(t.held_out for t in found.trials)
    assert found.folds == 4


def test_number_of_folds_partitions_the_rows():
    X = blobs(7)
    splits = gmm_select._splits(X, 4, 3)
    assert sorted(np.concatenate([test for _, test in splits]).tolist()) == list(range(21))
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(21))
        assert len(test) in (5, 6)
    assert any((np.diff(test) > 1).any() for _, test in splits)
    found = select_mixture(X, 1, "full", criterion="held_out", random_state=0)
    assert found.folds == 5


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_bits_and_table_for_any_number_of_threads(dtype, monkeypatch):
    X = blobs(70, 3, dtype)
    tables, means = [], []
    for jobs, small in ((1, 2**21), (2, 2**21), (3, 2**21), (7, 2**21), (2, 0)):
        monkeypatch.setattr(gmm_select, "_SMALL", small)
        found = select_mixture(
            X, range(1, 5), ("full", "spherical"), cv=3, random_state=9, n_jobs=jobs
        )
        table = found.to_dict()
        assert len(table.pop("seconds")) == 8
        tables.append(table)
        means.append([t.estimator.means_.tobytes() for t in found.trials])
    assert all(table == tables[0] for table in tables[1:])
    assert all(mean == means[0] for mean in means[1:])


def test_failing_fit_is_recorded_and_not_fatal():
    X = np.repeat(blobs(4, 2), 2, axis=0)[:16]
    found = select_mixture(
        X, [1, 2, 8, 99], ("full", "diag"), cv=2, random_state=0, reg_covar=0, n_jobs=2
    )
    by = {(t.n_components, t.covariance_type): t for t in found.trials}
    assert not by[1, "full"].error
    assert "collapsed" in by[8, "full"].error
    assert "Expected n_samples >= n_components" in by[99, "diag"].error
    for t in (by[8, "full"], by[99, "diag"]):
        assert t.estimator is None and not t.converged and t.n_iter == 0
        assert all(math.isnan(v) for v in (t.bic, t.aic, t.icl, t.log_likelihood, t.held_out))
        assert t not in found.ranked("bic")
        assert t in found.failed
    assert by[8, "full"].n_parameters == 8 * 3 + 8 * 2 + 7
    assert f"{len(found.failed)} of 8 failed; " in str(found)


def test_a_failing_fold_leaves_the_other_criteria():
    X = blobs(3)  # 9 rows
    found = select_mixture(X, 5, "spherical", cv=2, random_state=0)
    (t,) = found.trials
    assert t.estimator is not None and math.isfinite(t.bic) and math.isnan(t.held_out)
    assert t.error.startswith("without fold 1: ")
    with pytest.raises(ValueError, match="held_out is known of no trial"):
        found.ranked("held_out")


def test_all_fits_failing_is_an_error():
    with pytest.raises(ValueError, match="every fit failed; the first one: Expected n_samples"):
        select_mixture(blobs(2), [7, 8], random_state=0)


def test_warning_only_if_the_best_fit_did_not_converge():
    X = blobs()
    with pytest.warns(ConvergenceWarning, match="the best mixture, 3 components"):
        found = select_mixture(X, [3, 8], "full", random_state=0, max_iter=2, tol=0, n_jobs=2)
    assert not found.best_.converged
    assert "; + not converged" in str(found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = select_mixture(X, [3, 9], "full", random_state=0, max_iter=6, n_jobs=2)
    assert [t.converged for t in found.trials] == [True, False]


def test_progress_counts_fits():
    told: list[tuple[int, int]] = []
    for jobs in (1, 2):
        told.clear()
        select_mixture(
            blobs(20),
            [1, 2],
            "diag",
            cv=2,
            random_state=0,
            n_jobs=jobs,
            progress=lambda done, total: told.append((done, total)),
        )
        assert told == [(i, 6) for i in range(1, 7)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_all_fits(jobs):
    X = np.random.default_rng(0).normal(size=(50_000, 10))
    before = threading.active_count()
    with answered_ctrl_c(0.5, jobs) as start:
        start()
        select_mixture(
            X, [8, 9], random_state=0, tol=0, max_iter=10**6, init_params="random", n_jobs=jobs
        )
    assert threading.active_count() <= before


# ---- output ----


def test_table_names_and_frame():
    pd = pytest.importorskip("pandas", reason="data frames are what has feature names")
    X = pd.DataFrame(blobs(), columns=["a", "b"])
    found = select_mixture(X, [2, 3], ("full", "tied"), cv=2, random_state=0)
    assert list(found.best_estimator_.feature_names_in_) == ["a", "b"]
    frame = found.to_frame()
    assert list(frame.columns) == [
        *("n_components", "covariance_type", "log_likelihood", "mean_log_likelihood"),
        *("n_parameters", "aic", "bic", "icl", "held_out", "n_iter", "converged"),
        *("seconds", "error"),
    ]
    assert len(frame) == 4 and frame["bic"].min() == found.best_.bic
    assert "held_out" not in select_mixture(X, 1, "full", random_state=0).to_dict()


def test_text_shows_the_best_trials():
    found = select_mixture(blobs(), range(1, 5), random_state=0)
    first, head, *lines = str(found).splitlines()
    assert first == "the best 10 of 16 by bic; * the best of a column"
    assert head.split() == ["components", "covariances", "bic", "aic", "icl", *["fit,", "a", "row"],
                            "iterations"]  # fmt: skip
    assert len(lines) == 10
    assert lines[0].split()[:2] == ["3", found.best_.covariance_type]
    assert lines[0].split()[2] == f"{found.best_.bic:.2f}*"
    assert repr(found).startswith("MixtureSelection(16 trials, best by bic: 3 components")
    from rich.console import Console

    console = Console(width=120, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as shown:
        console.print(found)
    assert f"{found.best_.bic:.2f}*" in shown.get() and "covariances" in shown.get()


# ---- invalid input ----


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda X: select_mixture(X, []), "n_components must be different"),
        (lambda X: select_mixture(X, [1, 1]), "n_components must be different"),
        (lambda X: select_mixture(X, [0]), "n_components must be ints >= 1; got 0"),
        (lambda X: select_mixture(X, 2.5), "n_components must be ints"),
        (lambda X: select_mixture(X, 1, "round"), "covariance_types must be of full"),
        (lambda X: select_mixture(X, 1, []), "covariance_types must be of full"),
        (lambda X: select_mixture(X, 1, ["full", "full"]), "each once"),
        (lambda X: select_mixture(X, 1, criterion="x"), "criterion must be one of bic"),
        (lambda X: select_mixture(X, 1, cv=1), "cv must be a number of folds from 2"),
        (lambda X: select_mixture(X, 1, cv=len(X)), "cv must be a number of folds from 2"),
        (lambda X: select_mixture(X, 1, cv=[]), "cv must make one fold"),
        (lambda X: select_mixture(X, 1, covariance_type="full"), "give covariance_types"),
        (lambda X: select_mixture(X, 1, tol=-1), "'tol' parameter of GaussianMixture"),
        (lambda X: select_mixture(X[:1], 1), "minimum of 2"),
        (lambda X: select_mixture(X[0], 1), "Expected 2D array"),
        (lambda X: select_mixture(X, 1, n_jobs=0), "n_jobs must not be 0"),
        (lambda X: select_mixture(X, 1).ranked("x"), "criterion must be one of"),
        (lambda X: select_mixture(X, 1).ranked("held_out"), "pass cv to select_mixture"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call(blobs(5))


def test_unknown_parameters_are_named():
    with pytest.raises(TypeError, match="n_starts"):
        select_mixture(blobs(5), 1, n_starts=3)
