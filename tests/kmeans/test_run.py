"""Runs of K-means that are stopped: a new run with the state ends in the same bits."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

from gibbous import KMeans, MiniBatchKMeans
from gibbous._ground import random
from gibbous._ground.isa import core
from gibbous.kmeans import minibatch_run, run
from gibbous.kmeans.samples import Samples
from gibbous.kmeans.starts import Starts
from support.blobs import blobs, csr

KEY = 11
BATCH = 7  # so that batches do not start at multiples of the generator's block size


def samples(
    n: int = 300, sparse: bool = False, weighted: bool = False, dtype: Any = np.float64
) -> Samples:
    X = blobs(n, 4, 6, seed=3, dtype=dtype, spread=1)
    weight = np.random.default_rng(1).uniform(0, 3, n).astype(dtype) if weighted else None
    return Samples(csr(X) if sparse else X, weight, 2)


def plain(value: Any) -> Any:
    """Return a state that went through (read-only) arrays in a file and JSON."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return np.frombuffer(value.tobytes(), value.dtype).reshape(value.shape)
    return json.loads(json.dumps(value))


def moved(state: Any) -> Any:
    """Return a state as another process receives it."""
    return pickle.loads(pickle.dumps(plain(state)))


def traces_of(traces: Any) -> Any:
    return [(t.values, t.stop_reason, t.events) for t in traces]


def stop_at(call: int) -> Any:
    """Return a callback that returns True once, at this call."""
    calls = iter(range(1, 10**6))
    return lambda _: next(calls) == call


# Lloyd ----------------------------------------------------------------------------------------


def lloyd(data: Samples, init: Any = "k-means++", callback: Any = None, **options: Any) -> run.Run:
    settings = run.Settings(**{"n_init": 3, "max_iter": 12, "tol": 1e-3, **options})
    return run.Run(data, Starts(init, 7, KEY), settings, callback)


def bits(outcome: run.Outcome | None) -> Any:
    assert outcome is not None
    return (
        outcome.labels.tobytes(),
        outcome.centers.tobytes(),
        outcome.inertia,
        outcome.n_iter,
        outcome.ends,
        outcome.best,
        outcome.interrupted,
        traces_of(outcome.traces),
    )


def check_lloyd(whole: run.Run, again: Any) -> list[dict[str, Any]]:
    """Finish a run, and runs from every state of it; ``again`` makes a new run.

    Returns the states, in order.
    """
    states: list[dict[str, Any]] = [whole.state()]
    whole.callback = lambda _: states.append(whole.state())
    expected = bits(whole.finish())
    for state in [*states, whole.state()]:
        other = again()
        other.restore(moved(state))
        assert bits(other.finish()) == expected
    total = len(states) - 1
    for call in range(1, total + 1):
        one = again(callback=stop_at(call))
        first = one.finish()
        before = bits(first)
        other = again()
        other.restore(moved(one.state()))
        assert bits(other.finish()) == expected, call
        assert bits(one.finish()) == expected, call  # the same run can continue, too
        assert bits(first) == before  # and does not change what it returned
    return states


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_run_stopped_after_any_iteration_resumes_bit_identically(init, dtype, weighted, sparse):
    def again(**more: Any) -> run.Run:
        return lloyd(samples(60, sparse, weighted, dtype), init, **more)

    states = check_lloyd(again(), again)
    starts = {len(s["found"]["traces"]) for s in states}
    assert starts == {0, 1, 2} and len(states) > 8
    reasons = {s["at"]["converged"] for s in states[1:]}
    assert reasons == {False, True}


def test_a_run_that_ends_at_max_iter_can_be_restored():
    def again(**more: Any) -> run.Run:
        return lloyd(samples(), "random", max_iter=4, tol=0.0, **more)

    outcome = again().finish()
    assert outcome is not None and outcome.traces[0].stop_reason == "max_iter"
    check_lloyd(again(), again)


def test_relocated_clusters_stay_in_the_history():
    init = np.vstack([samples().X[:4], np.full((3, 4), 1e3) + np.arange(3.0)[:, None]])

    def again(**more: Any) -> run.Run:
        return lloyd(samples(), init, n_init=1, **more)

    outcome = again().finish()
    assert outcome is not None and "relocated" in outcome.traces[0].events[0]
    check_lloyd(again(), again)


def test_better_start_after_the_state_was_stored_is_kept():
    """The best start is an early one in one case and the last one in another."""
    best = set()
    for key in range(20):

        def again(key: int = key, **more: Any) -> run.Run:
            settings = run.Settings(3, 12, 0.0)
            return run.Run(samples(80), Starts("random", 5, key), settings, **more)

        outcome = again().finish()
        assert outcome is not None
        if outcome.best not in best:
            best.add(outcome.best)
            check_lloyd(again(), again)
    assert best == {0, 1, 2}


def test_resumed_run_prints_the_remaining_iterations(capsys):
    states: list[Any] = []
    whole = lloyd(samples(), verbose=True, callback=lambda _: states.append(whole.state()))
    whole.finish()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Initialization complete" and "Converged at iteration" in printed[-1]
    other = lloyd(samples(), verbose=True)
    other.restore(states[2])
    other.finish()
    assert capsys.readouterr().out.splitlines() == printed[4:]


@pytest.mark.parametrize("sparse", [False, True])
def test_state_after_ctrl_c_is_that_of_the_last_complete_iteration(sparse, monkeypatch):
    states: list[Any] = []
    whole = lloyd(samples(sparse=sparse), callback=lambda _: states.append(whole.state()))
    expected = bits(whole.finish())
    step, begun = core.kmeans.step, []

    def cut_short(rows, centers, labels, fresh, threads, *bounds):
        begun.append(1)
        if len(begun) == 3:  # the arrays that a kernel interrupted halfway leaves behind
            labels[::2] = 0
            fresh[:] = np.nan
            raise KeyboardInterrupt
        return step(rows, centers, labels, fresh, threads, *bounds)

    one = lloyd(samples(sparse=sparse))
    with monkeypatch.context() as patch:
        patch.setattr(core.kmeans, "step", cut_short)
        outcome = one.finish()
    assert outcome is not None and outcome.interrupted and outcome.n_iter == 2
    np.testing.assert_array_equal(outcome.labels, states[1]["at"]["labels"])
    np.testing.assert_array_equal(outcome.centers, states[1]["at"]["centers"])
    before = bits(outcome)
    other = lloyd(samples(sparse=sparse))
    other.restore(moved(one.state()))
    assert bits(other.finish()) == expected
    assert bits(one.finish()) == expected
    assert bits(outcome) == before


def test_ctrl_c_before_the_first_iteration_has_no_outcome(monkeypatch):
    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    for name in ("plusplus", "step"):
        one = lloyd(samples())
        with monkeypatch.context() as patch:
            patch.setattr(core.kmeans, name, stop)
            assert one.finish() is None
        other = lloyd(samples())
        other.restore(moved(one.state()))
        assert bits(other.finish()) == bits(lloyd(samples()).finish())


@pytest.mark.parametrize("kind", ["lloyd", "minibatch"])
def test_a_state_shares_no_arrays_with_its_runs(kind):
    make: Any = {"lloyd": lloyd, "minibatch": minibatch}[kind]
    names = ("centers", {"lloyd": "labels", "minibatch": "counts"}[kind])
    one, other = make(samples(), callback=stop_at(3)), make(samples())
    outcome = one.finish()
    centers = (outcome if kind == "lloyd" else outcome.at).centers
    state = one.state()
    kept = moved(state)
    other.restore(state)
    for name in names:
        state["at"][name][:] = 0
    assert not (centers == 0).any()
    for again in (one.state(), other.state()):
        for name in names:
            np.testing.assert_array_equal(again["at"][name], kept["at"][name])


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_estimator_stores_the_outcome_of_its_run(init):
    data = samples(weighted=True)
    model = KMeans(7, init=init, n_init=3, random_state=5, max_iter=12).fit(
        data.X, sample_weight=data.weight
    )
    key = random.key_of(5)
    settings = run.Settings(3, 12, 1e-4 * data.mean_variance())
    outcome = run.Run(data, Starts(init, 7, key), settings).finish()
    assert outcome is not None
    np.testing.assert_array_equal(model.labels_, outcome.labels)
    np.testing.assert_array_equal(model.cluster_centers_, outcome.centers)
    assert (model.inertia_, model.n_iter_) == (outcome.inertia, outcome.n_iter)
    assert model.history_.starts == outcome.ends and model.history_.seed == key
    assert model.history_.values == outcome.traces[outcome.best].values


# Mini-batches ---------------------------------------------------------------------------------


def minibatch(
    data: Samples, init: Any = "k-means++", callback: Any = None, **options: Any
) -> minibatch_run.Run:
    given = {"n_init": 2, "init_size": 50, "max_iter": 2, "max_no_improvement": 25, **options}
    update = minibatch_run.Update(KEY, BATCH, 0.6)
    settings = minibatch_run.Settings(**given)
    return minibatch_run.Run(data, Starts(init, 7, KEY), update, settings, callback)


def minibatch_bits(outcome: minibatch_run.Outcome | None) -> Any:
    assert outcome is not None
    at = outcome.at
    return (
        at.centers.tobytes(),
        at.counts.tobytes(),
        (at.since_reassignment, at.n_steps),
        None if outcome.labels is None else outcome.labels.tobytes(),
        outcome.inertia,
        traces_of([outcome.trace]),
    )


def check_minibatch(whole: minibatch_run.Run, again: Any) -> list[dict[str, Any]]:
    """The same as :func:`check_lloyd`."""
    states: list[dict[str, Any]] = [whole.state()]
    whole.callback = lambda _: states.append(whole.state())
    expected = minibatch_bits(whole.finish())
    for state in [*states, whole.state()]:
        other = again()
        other.restore(moved(state))
        assert minibatch_bits(other.finish()) == expected, state["at"]
    for call in range(1, len(states)):
        one = again(callback=stop_at(call))
        first = one.finish()
        before = minibatch_bits(first)
        other = again()
        other.restore(moved(one.state()))
        assert minibatch_bits(other.finish()) == expected, call
        assert minibatch_bits(one.finish()) == expected, call
        assert minibatch_bits(first) == before
    return states


@pytest.fixture
def reassigned(monkeypatch):
    """Steps at which centers were moved to rows."""
    steps: list[int] = []
    generator = random.generator

    def watched(key: int, purpose: str, item: int = 0) -> Any:
        if purpose == "minibatch-reassign":
            steps.append(item)
        return generator(key, purpose, item)

    monkeypatch.setattr(random, "generator", watched)
    return steps


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_mini_batches_stopped_after_any_step_resume_bit_identically(
    init, dtype, weighted, sparse, reassigned
):
    def again(**more: Any) -> minibatch_run.Run:
        return minibatch(samples(100, sparse, weighted, dtype), init, **more)

    states = check_minibatch(again(), again)
    assert len(states) > 10
    assert len(set(reassigned)) > 1 and max(reassigned) > 5


@pytest.mark.parametrize(
    "options",
    [
        {"max_no_improvement": 3, "max_iter": 20},
        {"max_no_improvement": None, "tol": 0.3, "max_iter": 20},
        {"max_no_improvement": None, "compute_labels": False},
    ],
    ids=["no-improvement", "tol", "max-iter"],
)
def test_mini_batches_stop_for_the_same_reason(options):
    def again(**more: Any) -> minibatch_run.Run:
        return minibatch(samples(100), **options, **more)

    states = check_minibatch(again(), again)
    converged = [state["converged"] for state in states]
    assert converged[-1] == ("max_iter" in options) and not any(converged[:-1])
    assert len(states) > 5


@pytest.mark.parametrize("moment", ["kernel", "reassign"])
def test_state_after_ctrl_c_is_that_of_the_last_complete_step(moment, monkeypatch):
    expected = minibatch_bits(minibatch(samples(100)).finish())
    step, begun = core.kmeans.minibatch, []
    reassign = minibatch_run.Update.reassign

    def cut_short(rows, centers, counts, labels, threads):
        begun.append(1)
        inertia = step(rows, centers, counts, labels, threads)
        if len(begun) == 6 and moment == "kernel":
            raise KeyboardInterrupt
        return inertia

    def cut_short_reassign(self, *arguments):
        reassign(self, *arguments)
        if len(begun) > 5:
            raise KeyboardInterrupt

    one = minibatch(samples(100))
    with monkeypatch.context() as patch:
        patch.setattr(core.kmeans, "minibatch", cut_short)
        if moment == "reassign":
            patch.setattr(minibatch_run.Update, "reassign", cut_short_reassign)
        outcome = one.finish()
    assert outcome is not None and outcome.interrupted and outcome.labels is None
    assert outcome.at.n_steps == len(begun) - 1 == len(outcome.trace.values)
    other = minibatch(samples(100))
    other.restore(moved(one.state()))
    assert minibatch_bits(other.finish()) == expected
    assert minibatch_bits(one.finish()) == expected


def test_the_generator_continues_after_any_number_of_draws():
    whole = random.generator(KEY, "minibatch").random(40)
    for count in range(20):
        rest = minibatch_run._generator_after(KEY, count).random(40 - count)
        np.testing.assert_array_equal(rest, whole[count:])


def test_estimator_stores_the_outcome_of_its_mini_batches():
    data = samples(weighted=True)
    model = MiniBatchKMeans(7, batch_size=BATCH, random_state=5, n_init=2, max_iter=3)
    model.fit(data.X, sample_weight=data.weight)
    key = random.key_of(5)
    update = minibatch_run.Update(key, BATCH, 0.01)
    settings = minibatch_run.Settings(2, 3 * BATCH, 3)
    outcome = minibatch_run.Run(data, Starts("k-means++", 7, key), update, settings).finish()
    assert outcome is not None
    np.testing.assert_array_equal(model.cluster_centers_, outcome.at.centers)
    np.testing.assert_array_equal(model.labels_, outcome.labels)
    np.testing.assert_array_equal(model._counts, outcome.at.counts)
    assert model.inertia_ == outcome.inertia and model.n_steps_ == outcome.at.n_steps
    assert model.history_.values == outcome.trace.values and model.history_.seed == key


def test_partial_fit_equals_the_steps_of_a_run(reassigned):
    data = samples(84)
    start = data.X[:7].copy()
    model = MiniBatchKMeans(
        7, init=start, n_init=1, random_state=5, batch_size=BATCH, reassignment_ratio=0.6
    )
    update = minibatch_run.Update(random.key_of(5), BATCH, 0.6)
    at = minibatch_run.Position.first(start)
    for begin in range(0, 84, BATCH):
        rows = np.arange(begin, begin + BATCH)
        model.partial_fit(data.X[rows])
        at, _ = update.step(data.take(rows), at)
        np.testing.assert_array_equal(model.cluster_centers_, at.centers)
        np.testing.assert_array_equal(model._counts, at.counts)
    assert model.n_steps_ == at.n_steps == 12
    assert reassigned
