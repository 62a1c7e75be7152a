"""Fits of Boltzmann machines: progress, history, interruption, pickling, invalid input."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gibbous import BernoulliRBM, Progress
from gibbous._ground.isa import LEVEL
from gibbous._ground.validate import n_threads
from gibbous.rbm.machine import run
from gibbous.rbm.machine.training import Diverged
from gibbous.rbm.units.bernoulli import Bernoulli
from support.ctrl_c import answered_ctrl_c

METHODS: dict[str, dict[str, Any]] = {
    "cd": {"method": "cd", "momentum": 0.5},
    "pcd": {"centered": True, "momentum": 0.5},
    "fpcd": {"method": "fpcd", "sparsity_target": 0.2},
    "pt": {"method": "pt", "n_temperatures": 3},
    "sample": {"binarize": "sample"},
}


def states(n: int = 60, d: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    patterns = rng.random((3, d)) < 0.4
    return (patterns[rng.integers(0, 3, n)] ^ (rng.random((n, d)) < 0.1)).astype(np.uint8)


X = states()


def arrays(model: BernoulliRBM) -> list[np.ndarray]:
    """The state that training continues from."""
    return [a.copy() for a in model.machine_.arrays().values()]


def assert_same(left: BernoulliRBM, right: BernoulliRBM) -> None:
    for a, b in zip(arrays(left), arrays(right), strict=True):
        np.testing.assert_array_equal(a, b)
    assert left.machine_.steps == right.machine_.steps


# ---- progress and history ------------------------------------------------------------------------


def test_callback_sees_every_epoch_and_can_stop() -> None:
    seen: list[Progress] = []

    def callback(progress: Progress) -> bool:
        seen.append(progress)
        return progress.iteration == 3

    model = BernoulliRBM(5, n_iter=9, random_state=0).fit(X, callback=callback)
    assert [p.iteration for p in seen] == [1, 2, 3]
    assert {(p.model, p.metric, p.max_iter, p.start, p.n_starts) for p in seen} == {
        ("BernoulliRBM", "pseudo-likelihood", 9, 0, 1)
    }
    assert tuple(p.value for p in seen) == model.history_.values
    assert seen[0].change == math.inf
    assert seen[2].change == pytest.approx(seen[2].value - seen[1].value)
    assert model.n_iter_ == 3 and model.history_.stop_reason == "callback"
    assert_same(model, BernoulliRBM(5, n_iter=3, random_state=0).fit(X))


def test_history_describes_the_fit() -> None:
    model = BernoulliRBM(5, n_iter=4, random_state=7, n_jobs=2)
    history = model.fit(X).history_
    assert (history.model, history.metric) == ("BernoulliRBM", "pseudo-likelihood")
    assert history.n_iter == model.n_iter_ == len(history.seconds) == 4
    assert all(s > 0 for s in history.seconds)
    assert history.stop_reason == "completed" and not history.converged
    assert history.seed == model.machine_.key and history.n_threads == 2
    assert history.instruction_set == LEVEL and history.events == ()
    # the validation rows are all rows here, and the score of an epoch is that of score()
    assert history.values[-1] == pytest.approx(model.score(X), rel=1e-12)
    assert "completed after 4 iterations" in str(history)
    none = BernoulliRBM(5, n_iter=0, random_state=0).fit(X)
    assert none.n_iter_ == 0 and none.history_.values == ()


def test_exception_in_the_callback_propagates() -> None:
    def callback(progress: Progress) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        BernoulliRBM(5, n_iter=2, random_state=0).fit(X, callback=callback)
    with pytest.raises(TypeError, match="callback must be callable or None; got 3"):
        BernoulliRBM(5).fit(X, callback=3)  # type: ignore[arg-type]


def test_verbose_prints_one_line_per_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    BernoulliRBM(5, n_iter=2, random_state=0, verbose=1).fit(X, X_val=X[:9])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "[BernoulliRBM] Iteration 1",
        "[BernoulliRBM] Iteration 2",
    ]
    assert all("pseudo-likelihood = -" in line and "free-energy gap" in line for line in lines)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 1, 1, 0.5]),
        ("inverse", [1, 1 / 2, 1 / 3, 1 / 4]),
        (lambda epoch, n_iter: epoch / n_iter, [0, 0.25, 0.5, 0.75]),
    ],
    ids=["constant", "linear", "inverse", "callable"],
)
def test_schedules_scale_the_rate_of_each_epoch(
    schedule: Any, factors: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []
    train = run.train_pass

    def spy(*given: Any) -> None:
        rates.append(given[5])
        train(*given)

    monkeypatch.setattr(run, "train_pass", spy)
    BernoulliRBM(3, n_iter=4, learning_rate=0.2, learning_rate_schedule=schedule).fit(X)
    assert rates == pytest.approx([0.2 * f for f in factors])


# ---- interruption --------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_during_an_epoch_keeps_the_previous_one(
    jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = states(600, 2000)
    finished: list[list[np.ndarray]] = []
    model = BernoulliRBM(
        600, n_iter=2, random_state=0, n_jobs=jobs, batch_size=200, method="cd", momentum=0.5
    )

    train = run.train_pass

    def endless(*given: Any) -> None:
        settings = replace(given[4], n_gibbs_steps=10**6 if finished else 1)
        train(*given[:4], settings, *given[5:])

    monkeypatch.setattr(run, "train_pass", endless)  # the second epoch does not end by itself
    with answered_ctrl_c(0.3, jobs) as press:

        def callback(progress: Progress) -> None:
            finished.append(arrays(model))
            press()

        model.fit(rows, callback=callback)
    assert model.n_iter_ == 1 and model.history_.stop_reason == "interrupted"
    for now, then in zip(arrays(model), finished[0], strict=True):
        np.testing.assert_array_equal(now, then)
    assert np.isfinite(model.transform(rows[:5])).all()


def test_ctrl_c_during_a_step_of_partial_fit_changes_nothing() -> None:
    rows = states(300, 1000)
    model = BernoulliRBM(300, random_state=0, n_iter=1, batch_size=100).fit(rows)
    before, steps = arrays(model), model.machine_.steps
    model.set_params(n_gibbs_steps=10**6)
    with answered_ctrl_c(0.3, n_threads(None)) as press:
        press()
        model.partial_fit(rows)
    for now, then in zip(arrays(model), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert model.machine_.steps == steps


@pytest.mark.parametrize("held_out", [False, True])
def test_an_interrupt_between_training_and_scoring_keeps_whole_epochs(
    held_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    score = Bernoulli.pseudo_likelihood

    def interrupted(*given: Any) -> np.ndarray:
        calls.append(None)
        if len(calls) == (6 if held_out else 3):  # the last score of epoch 3
            raise KeyboardInterrupt
        return score(*given)

    model = BernoulliRBM(5, n_iter=9, random_state=0)
    with monkeypatch.context() as patch:
        patch.setattr(Bernoulli, "pseudo_likelihood", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, X_val=X[:20] if held_out else None)
    assert model.n_iter_ == 2 and model.history_.stop_reason == "interrupted"
    assert_same(model, BernoulliRBM(5, n_iter=2, random_state=0).fit(X))
    expected = 2 if held_out else 0
    assert len(model.validation_scores_) == len(model.free_energy_gap_) == expected


# ---- pickling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("copied", ["pickle", "deepcopy"])
def test_copy_made_during_training_continues_bit_identically(
    options: dict[str, Any], copied: str
) -> None:
    data = X * 0.8 if options.get("binarize") else X
    model = BernoulliRBM(9, random_state=0, n_iter=2, batch_size=20, **options).fit(data)
    model.partial_fit(data[:20])
    other: BernoulliRBM = (
        pickle.loads(pickle.dumps(model)) if copied == "pickle" else copy.deepcopy(model)
    )
    assert_same(model, other)
    for first in (20, 40, 0):
        model.partial_fit(data[first : first + 20])
        other.partial_fit(data[first : first + 20])
    assert_same(model, other)
    np.testing.assert_array_equal(model.sample(3, burn_in=5), other.sample(3, burn_in=5))
    assert other.history_ == model.history_


def test_partial_fit_initializes_a_machine() -> None:
    whole = BernoulliRBM(6, random_state=0, n_iter=1, batch_size=60, shuffle=False).fit(X)
    parts = BernoulliRBM(6, random_state=0, batch_size=60).partial_fit(X)
    assert_same(whole, parts)
    assert parts.n_features_in_ == 20


# ---- bad input -----------------------------------------------------------------------------------

BAD_ROWS: dict[str, tuple[Any, str]] = {
    "below": (X - 1.0, r"must lie in \[0, 1\].*it holds -1 \(X\[0, \d+\]\): scale the data"),
    "above": (X * 3.0, r"must lie in \[0, 1\].*it holds 3 \(X\[0, \d+\]\): give data_max=3"),
    "bytes": (X * 255, r"it holds 255.*give data_max=255"),
    "sparse": (sp.csr_matrix(X * -1.0), r"must lie in \[0, 1\].*it holds -1"),
    "no rows": (X[:0], r"0 sample\(s\)"),
    "no columns": (X[:, :0], r"0 feature\(s\)"),
    "one row": (X[0], "Expected 2D array"),
    "three axes": (X[None], "dim 3"),
    "nan": (np.where(X > 0, np.nan, 0.0), "contains NaN"),
    "infinite": (np.where(X > 0, np.inf, 0.0), "contains infinity"),
    "text": (np.array([["a", "b"]]), "numeric"),
    "complex": (X + 1j, "Complex data not supported"),
}


@pytest.mark.parametrize(("rows", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_training_rows_are_named(rows: Any, message: str, method: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        getattr(BernoulliRBM(4, n_iter=1, random_state=0), method)(rows)


@pytest.mark.parametrize(
    "method",
    [
        "transform",
        "score_samples",
        "free_energy",
        "pseudo_likelihood",
        "log_likelihood",
        "gibbs",
        "reconstruct",
        "reconstruction_error",
        "partial_fit",
    ],
)
def test_mismatched_rows_are_named(method: str) -> None:
    model = BernoulliRBM(4, n_iter=1, random_state=0).fit(X)
    call = getattr(model, method)
    with pytest.raises(ValueError, match="X has 5 features, but BernoulliRBM is expecting 20"):
        call(X[:, :5])
    with pytest.raises(ValueError, match="contains NaN"):
        call(BAD_ROWS["nan"][0])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        call(X[:0])


def test_held_out_rows_are_checked_like_the_others() -> None:
    model = BernoulliRBM(4, n_iter=1, random_state=0)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.fit(X, X_val=X[:, :3])
    with pytest.raises(ValueError, match="it holds 2"):
        model.fit(X, X_val=X * 2.0)
    with pytest.raises(ValueError, match=r"validation_fraction=0.999 of 60 rows leaves none"):
        model.set_params(early_stopping=True, validation_fraction=0.999).fit(X)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(60), "entry 0 is -1.0; weights must be >= 0"),
        (np.ones(3), r"sample_weight.shape == \(3,\), expected \(60,\)"),
        (np.zeros(60), "must not be all zero"),
        (np.full(60, np.nan), "must be finite"),
    ],
)
def test_bad_weights_are_named(weight: np.ndarray, message: str) -> None:
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(BernoulliRBM(4, n_iter=1), method)(X, sample_weight=weight)


@pytest.mark.parametrize("answer", [-1.0, math.nan, math.inf])
def test_schedule_with_an_invalid_factor_is_named(answer: float) -> None:
    model = BernoulliRBM(4, n_iter=3, learning_rate_schedule=lambda epoch, n_iter: answer)
    with pytest.raises(ValueError, match=r"learning_rate_schedule\(0, 3\) must return a factor"):
        model.fit(X)


@pytest.mark.parametrize("rate", [1e4, 1e30])
@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
def test_diverging_fit_keeps_the_last_good_machine(rate: float, options: dict[str, Any]) -> None:
    data = X * 0.8 if options.get("binarize") else X
    model = BernoulliRBM(
        9, n_iter=9, learning_rate=rate, learning_rate_schedule=lambda e, n: 0.0 if e < 2 else 1.0,
        random_state=0, **options,
    )  # fmt: skip
    with pytest.raises(Diverged, match=r"learning_rate=1e\+\d+ makes training diverge|=10000 "):
        model.fit(data, X_val=data[:20])
    done = model.n_iter_
    assert done >= 2 and model.history_.stop_reason == "diverged"
    assert model.history_.events == (
        f"diverged in epoch {done + 1}; the parameters before it are kept",
    )
    assert len(model.validation_scores_) == len(model.free_energy_gap_) == done
    assert all(np.isfinite(a).all() for a in arrays(model))
    if done == 2:
        assert np.abs(model.components_).max() < 1
    before = arrays(model)
    if done == 2:
        with pytest.raises(Diverged, match="the parameters before this batch are kept"):
            model.partial_fit(data)
        for now, then in zip(arrays(model), before, strict=True):
            np.testing.assert_array_equal(now, then)
