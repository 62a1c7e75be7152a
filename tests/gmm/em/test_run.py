"""Runs that stop and resume: a run continued from a state is bit-identical."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from gibbous._rows.rows import MemoryRows
from gibbous.gmm.em.complete import Complete
from gibbous.gmm.em.engine import EM
from gibbous.gmm.em.likelihood import MAP, Form, Likelihood
from gibbous.gmm.em.missing import Missing
from gibbous.gmm.em.run import Run, Settings
from gibbous.gmm.em.starts import start
from gibbous.gmm.em.variational import Variational, completed_prior
from gibbous.gmm.prior import resolved
from gibbous.gmm.variational_prior import GivenPrior
from support.holes import holes


def em_of(how, kind="full", k=3, share=0.0):
    X = holes(150, 2, 4, share, seed=4, spread=1.0)
    e = (Missing if share else Complete)(MemoryRows(X, None), kind, 1)
    form = Form(kind, k, 2, X.dtype, 1e-6, 1)
    if how == "map":
        prior = resolved("fraley-raftery", kind, k, 2, X.dtype, e.moments_of_all)
        return EM(e, MAP(form, prior))
    if how == "variational":
        given = GivenPrior(True, None, None, None, None, None)
        return EM(e, Variational(form, completed_prior(given, e, form)))
    return EM(e, Likelihood(form))


def run_on(em, settings, callback=None):
    def first(em, index):
        p, failed = start(em, "random_from_data", 100 + index)
        if failed >= 0:
            p, failed = start(em, "random", 100 + index)
        return p

    return Run(em, settings, first, callback)


def plain(value):
    """Return a state that went through arrays in a file and JSON."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return np.frombuffer(value.tobytes(), value.dtype).reshape(value.shape)
    return json.loads(json.dumps(value))


def bits(outcome):
    p = outcome.parameters
    arrays = (p.weights, p.means, p.covariances, p.factors)
    return (
        [a.tobytes() for a in arrays],
        outcome.bound,
        outcome.best,
        [(t.values, t.stop_reason, t.events) for t in outcome.traces],
    )


CASES = {
    "plain": ("likelihood", {}, {}),
    "tied": ("likelihood", {"kind": "tied"}, {}),
    "missing": ("likelihood", {"share": 0.3}, {}),
    "map": ("map", {"kind": "diag"}, {}),
    "variational": ("variational", {}, {}),
    "variational-missing": ("variational", {"kind": "spherical", "share": 0.3}, {}),
    "squarem": ("likelihood", {"kind": "full"}, {"squarem": True}),
    "squarem-diag": ("likelihood", {"kind": "diag", "k": 4}, {"squarem": True}),
    "split-merge": ("likelihood", {"kind": "spherical", "k": 4}, {"tries": 2}),
    "split-merge-squarem": ("map", {"kind": "full"}, {"tries": 2, "squarem": True}),
    "repair": ("likelihood", {"kind": "full", "k": 5}, {"repairs": True}),
}


@pytest.mark.parametrize("name", CASES)
def test_run_stopped_at_any_iteration_resumes_bit_identically(name):
    how, rows, more = CASES[name]
    settings = Settings("Mixture", 12, 2, 1e-3, **more)
    em = em_of(how, **rows)
    whole = run_on(em, settings)
    whole.climb(2)
    expected = bits(whole.outcome())
    total = sum(len(trace.values) for trace in whole.outcome().traces)
    assert total > 5
    for stop in range(1, total + 1):
        calls = [0]

        def callback(_, calls=calls, stop=stop):
            calls[0] += 1
            return calls[0] == stop

        one = run_on(em_of(how, **rows), settings, callback)
        one.climb(2)
        other = run_on(em_of(how, **rows), settings)
        other.restore(plain(one.state()))
        other.climb(2)
        assert bits(other.outcome()) == expected, stop


def test_state_in_a_callback_is_that_of_the_iteration():
    settings = Settings("Mixture", 10, 1, 0.0, squarem=True)
    states = []
    run = run_on(em_of("likelihood"), settings, lambda _: states.append(run.state()))
    run.climb(1)
    expected = bits(run.outcome())
    assert len(states) == 10
    for state in states:
        other = run_on(em_of("likelihood"), settings)
        other.restore(plain(state))
        other.climb(1)
        assert bits(other.outcome()) == expected


def test_a_run_without_an_iteration_has_no_outcome_and_a_state():
    run = run_on(em_of("likelihood"), Settings("Mixture", 10, 1, 0.0))
    assert run.interrupted() is None
    other = run_on(em_of("likelihood"), Settings("Mixture", 10, 1, 0.0))
    other.restore(plain(run.state()))
    run.climb(1)
    other.climb(1)
    assert bits(other.outcome()) == bits(run.outcome())
    assert run.outcome().bound > -math.inf
