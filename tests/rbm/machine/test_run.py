"""Machines and runs without estimators: settings in, outcomes out, resumable states."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gibbous import BernoulliRBM, CategoricalRBM, GaussianRBM, RBMClassifier, ReplicatedSoftmax
from gibbous.rbm.inference import chains
from gibbous.rbm.machine.data import Data
from gibbous.rbm.machine.machine import Machine
from gibbous.rbm.machine.run import Run, train
from gibbous.rbm.machine.settings import Settings
from gibbous.rbm.machine.training import Diverged, start
from gibbous.rbm.machine.units import Units
from gibbous.rbm.units.bernoulli import Bernoulli
from gibbous.rbm.units.categorical import Categorical
from gibbous.rbm.units.counts import Counts
from gibbous.rbm.units.gaussian import Gaussian
from gibbous.rbm.units.labels import Features

N, K = 60, 7


def states(d: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    patterns = rng.random((3, d)) < 0.4
    return (patterns[rng.integers(0, 3, N)] ^ (rng.random((N, d)) < 0.1)).astype(np.uint8)


def kinds() -> dict[str, tuple[Units, Any]]:
    """Units of each kind with validated rows."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, (N, 4))
    labels = Features().for_classes(12, 3).labels
    return {
        "bernoulli": (Bernoulli(), states()),
        "relu": (Bernoulli("relu"), states()),
        "gaussian": (Gaussian(), rng.normal(size=(N, 5))),
        "categorical": (Categorical().for_columns(codes), codes),
        "counts": (Counts(), rng.poisson(2.0, (N, 9))),
        "labels": (labels, labels.labelled(states(), rng.integers(0, 3, N))),
    }


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"method": "cd"},
    "chains": {"method": "pcd", "learning_rate_schedule": "linear", "momentum": 0.5},
    "sparse": {"method": "pcd", "sparsity_target": 0.2, "centered": True, "shuffle": False},
    "tempering": {"method": "pt", "n_temperatures": 3, "n_chains": 5, "momentum": 0.3},
    "fast": {"method": "fpcd", "learning_rate_schedule": "inverse"},
    "stopping": {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.3},
}


def settings(**options: Any) -> Settings:
    given = {"n_components": K, "batch_size": 16, "n_iter": 5, "learning_rate": 0.02, **options}
    return Settings(**given)


def run_of(kind: str, options: dict[str, Any], **more: Any) -> tuple[Run, Machine]:
    units, X = kinds()[kind]
    chosen = settings(**options)
    data = Data(X)
    if chosen.early_stopping:
        data = data.held_out(0.2, key=3)
    machine, fitted = start(units, chosen, data, key=3)
    return Run(machine, fitted, data, chosen, **more), machine


def assert_same(one: Machine, other: Machine) -> None:
    left, right = one.state(), other.state()
    arrays = left.pop("arrays"), right.pop("arrays")
    assert left == right
    assert set(arrays[0]) == set(arrays[1])
    for name in arrays[0]:
        np.testing.assert_array_equal(arrays[0][name], arrays[1][name], err_msg=name)


def plain(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state that went through JSON and bytes, as a checkpoint does."""
    arrays = {
        name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape)
        for name, a in state["machine"]["arrays"].items()
    }
    machine = {k: v for k, v in state["machine"].items() if k != "arrays"}
    values: dict[str, Any] = json.loads(json.dumps({**state, "machine": machine}))
    values["machine"]["arrays"] = arrays
    return values


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kind", kinds())
def test_run_stopped_after_any_epoch_resumes_bit_identically(
    kind: str, options: dict[str, Any]
) -> None:
    kept: list[dict[str, Any]] = []
    run, machine = run_of(kind, options, callback=lambda p: kept.append(run.state()))
    initial = run.state()
    outcome = run.finish()
    assert outcome.error is None and len(kept) == outcome.n_iter >= 1
    for state in [initial, *kept]:
        again, other = run_of(kind, options)
        again.restore(plain(state))
        found = again.finish()
        assert_same(other, machine)
        assert found.trace.values == outcome.trace.values
        assert found.trace.more == outcome.trace.more
        assert found.trace.stop_reason == outcome.trace.stop_reason


def test_a_state_is_a_copy() -> None:
    run, machine = run_of("bernoulli", OPTIONS["chains"])
    state = run.state()
    before = {name: a.copy() for name, a in state["machine"]["arrays"].items()}
    run.finish()
    assert (machine.weights != before["weights"]).any()
    for name, array in before.items():
        np.testing.assert_array_equal(state["machine"]["arrays"][name], array)


def test_restored_machine_allocates_missing_arrays() -> None:
    _, machine = run_of("gaussian", OPTIONS["chains"])
    other = Machine()
    other.restore(machine.state())
    assert_same(other, machine)
    assert other.weights is not machine.weights
    assert other.unit_parameters["z"].shape == (5,)


@pytest.mark.parametrize(
    ("kind", "cls"),
    [
        ("bernoulli", BernoulliRBM),
        ("gaussian", GaussianRBM),
        ("categorical", CategoricalRBM),
        ("counts", ReplicatedSoftmax),
    ],
)
def test_machine_without_an_estimator_trains_identically(kind: str, cls: Any) -> None:
    options = {"method": "pcd", "momentum": 0.5, "centered": True, "dtype": "float64"}
    units, X = kinds()[kind]
    model = cls(K, batch_size=16, n_iter=5, learning_rate=0.02, random_state=4, **options).fit(X)
    chosen, key = settings(**options), model.history_.seed
    machine, fitted = start(units, chosen, Data(X), key)
    outcome = train(machine, fitted, Data(X), chosen, score_key=key)
    assert outcome.trace.values == model.history_.values
    assert_same(machine, model.machine_)
    hidden = chains.Start().hidden(machine, fitted, 6, seed=9, jobs=1)
    state = chains.Chains(hidden, seed=9, clamp=fitted.held(X[:6]))
    out = chains.gibbs(machine, fitted, state, 3)
    assert out.shape == (6, machine.n_visible) and state.step == 6
    assert np.isfinite(out).all()


def test_continued_chains_equal_one_long_chain() -> None:
    run, machine = run_of("bernoulli", OPTIONS["chains"])
    run.finish()
    hidden = chains.Start().hidden(machine, Bernoulli(), 8, seed=1, jobs=1)
    one, parts = chains.Chains(hidden.copy(), 1), chains.Chains(hidden.copy(), 1)
    whole = chains.gibbs(machine, Bernoulli(), one, 5)
    for steps in (2, 3):
        last = chains.gibbs(machine, Bernoulli(), parts, steps)
    np.testing.assert_array_equal(whole, last)
    np.testing.assert_array_equal(one.hidden, parts.hidden)


def test_outcome_states_why_the_run_ended() -> None:
    def stop(progress: Any) -> None:
        raise KeyboardInterrupt

    run, machine = run_of("bernoulli", OPTIONS["chains"], callback=stop)
    outcome = run.finish()
    assert isinstance(outcome.error, KeyboardInterrupt) and outcome.n_iter == 1
    assert outcome.trace.stop_reason == "interrupted" and machine.epochs == 1
    run, machine = run_of("bernoulli", {"learning_rate": 1e30, "method": "cd"})
    before = machine.weights.copy()
    outcome = run.finish()
    assert isinstance(outcome.error, Diverged) and outcome.n_iter == 0
    assert outcome.trace.stop_reason == "diverged"
    np.testing.assert_array_equal(machine.weights, before)


def test_callback_sees_the_machine_as_it_would_be_saved() -> None:
    """Steps and epochs match the parameters, so that training resumes from a copy."""
    seen: list[tuple[int, int]] = []
    model = RBMClassifier(K, n_iter=3, random_state=0, batch_size=16)
    y = np.arange(N) % 3
    model.fit(
        states(), y, callback=lambda p: seen.append((model.machine_.steps, model.machine_.epochs))
    )
    assert [epochs for _, epochs in seen] == [1, 2, 3]
    assert seen[0][0] * 3 == seen[2][0] == model.machine_.steps


def test_machine_without_a_key_is_rejected() -> None:
    _, machine = run_of("bernoulli", OPTIONS["plain"])
    machine.key = None
    with pytest.raises(ValueError, match=r"no key for random numbers; set machine\.key"):
        machine.next_key()
    with pytest.raises(ValueError, match="no key"):
        Run(machine, Bernoulli(), Data(states()), settings())
