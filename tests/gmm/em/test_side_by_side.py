"""Parallel starts: the same bits, history and errors as serial ones."""

from __future__ import annotations

import numpy as np
import pytest

import gibbous.gmm.em.side_by_side as parallel
from gibbous import GaussianMixture
from support.ctrl_c import answered_ctrl_c
from support.em import em as engine_on

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(n=400, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return 3.0 * rng.integers(0, 3, (n, d)) + rng.normal(size=(n, d))


@pytest.fixture
def used(monkeypatch):
    """Run starts in parallel for small data too, and count the parallel fits."""
    calls = []
    run_starts = parallel.run_starts
    monkeypatch.setattr(parallel, "_LEAST_WORK", 0.0)
    monkeypatch.setattr(
        "gibbous.gmm.mixture.run_starts", lambda *given: (calls.append(given), run_starts(*given))
    )
    return calls


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    "more",
    [{}, {"acceleration": "squarem", "init_params": "small-em"}, {"split_merge": 2}],
    ids=["plain", "fast", "moves"],
)
def test_model_does_not_depend_on_the_number_of_threads(kind, more, used):
    X = rows()
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    base = {"init_params": "random", "covariance_type": kind, "n_init": 5, "max_iter": 30}
    fits = [
        GaussianMixture(4, random_state=2, n_jobs=jobs, **{**base, **more}).fit(
            X, sample_weight=weight
        )
        for jobs in (1, 2, 3, 7)
    ]
    assert len(used) == 3  # one thread runs them serially
    first = fits[0]
    for other in fits[1:]:
        assert other.means_.tobytes() == first.means_.tobytes()
        assert other.covariances_.tobytes() == first.covariances_.tobytes()
        for name in ("values", "starts", "best_start", "stop_reason", "events", "seed"):
            assert getattr(other.history_, name) == getattr(first.history_, name), name
        assert other.lower_bounds_ == first.lower_bounds_
    assert len(first.history_.starts) == 5


def test_first_of_equal_starts_is_kept(used):
    X = rows()
    given = {"weights_init": [0.5, 0.5], "means_init": X[:2], "precisions_init": [np.eye(3)] * 2}
    model = GaussianMixture(2, n_init=3, n_jobs=2, random_state=0, **given).fit(X)
    assert used and model.history_.best_start == 0
    assert len(set(model.history_.starts)) == 1


def test_collapse_is_reported_as_in_serial_fits(used):
    X = np.repeat(rows(4), 30, axis=0)
    base = {"reg_covar": 0.0, "n_init": 4, "random_state": 0, "covariance_type": "spherical"}
    texts = []
    for jobs in (1, 3):
        with pytest.raises(ValueError, match="collapsed") as told:
            GaussianMixture(6, n_jobs=jobs, **base).fit(X)
        texts.append(str(told.value))
    assert used and texts[0] == texts[1]


def test_callbacks_and_printed_lines_are_in_order(used, capsys):
    X, seen = rows(), []
    model = GaussianMixture(3, n_init=3, n_jobs=2, random_state=0, init_params="random")
    model.fit(X, callback=lambda p: seen.append((p.start, p.iteration)))
    assert seen == sorted(seen) and {start for start, _ in seen} == {0, 1, 2}
    model.set_params(verbose=1).fit(X)
    lines = [
        line for line in capsys.readouterr().out.splitlines() if line.endswith(("0", "1", "2"))
    ]
    heads = [line for line in lines if line.startswith("Initialization ")]
    assert heads == ["Initialization 0", "Initialization 1", "Initialization 2"]
    assert not used


def test_starts_are_serial_for_large_and_tiny_data():
    def chosen(n, k, threads):
        X = rows(n, 4)
        engine = engine_on(X, None, covariance_type="full", reg_covar=0.0, k=k, threads=threads)
        return parallel.side_by_side(engine, 4)

    assert chosen(20000, 8, 2)
    assert not chosen(20000, 8, 1)
    assert not chosen(200, 3, 2)
    assert not chosen(100000, 40, 2)


def test_ctrl_c_keeps_the_results_of_the_starts(used):
    import threading

    X = rows(20000, 4)
    model = GaussianMixture(8, n_init=4, n_jobs=2, tol=0.0, max_iter=10**6, random_state=0)
    with answered_ctrl_c(1.5, 2) as press:
        press()
        model.fit(X)
    assert used and model.history_.stop_reason == "interrupted"
    assert np.isfinite(model.score(X[:100])) and model.n_iter_ > 0
    assert threading.active_count() < 4


def test_read_only_callback_does_not_change_the_result(used):
    class Watch:
        watches_only = True

        def __init__(self):
            self.seen = []

        def __call__(self, now):
            self.seen.append((now.start, now.iteration))
            return True  # is not called

    X, watch = rows(), Watch()
    asked = {"n_init": 5, "init_params": "random", "random_state": 2, "max_iter": 30}
    watched = GaussianMixture(4, n_jobs=3, **asked).fit(X, callback=watch)
    assert len(used) == 1
    plain = GaussianMixture(4, n_jobs=1, **asked).fit(X)
    assert watched.means_.tobytes() == plain.means_.tobytes()
    assert watched.history_.starts == plain.history_.starts
    for start in range(5):
        iterations = [iteration for at, iteration in watch.seen if at == start]
        assert iterations == list(range(1, len(iterations) + 1)) and iterations
    # any other callback may stop the fit, so that starts run serially
    GaussianMixture(4, n_jobs=3, **asked).fit(X, callback=lambda _: False)
    assert len(used) == 1
