"""The history of a fit: recorder, progress, and the results object."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from gibbous import History, Progress
from gibbous._fit.history import STOP_REASONS, Recorder, Trace


def a_history(**changes: object) -> History:
    history = History.of(
        "GaussianMixture",
        "mean log-likelihood",
        [
            Trace((-3.0, -2.5), (0.5, 0.25), "max_iter"),
            Trace((-3.0, -2.0, -1.5), (0.5, 0.25, 0.25), "converged", ("component 1 was revived",)),
        ],
        1,
        seed=2**63 + 1,
        n_threads=2,
    )
    return dataclasses.replace(history, **changes)


# ---- recorder ------------------------------------------------------------------------------------


def test_recorder_calls_the_callback_and_keeps_the_trace() -> None:
    told: list[Progress] = []
    recorder = Recorder("M", "metric", max_iter=9, callback=told.append, start=2, n_starts=5)
    for value in (4.0, 2.0, 2.5):
        assert recorder.record(value) is False
    recorder.note("something happened")
    trace = recorder.trace("converged")
    assert trace.values == (4.0, 2.0, 2.5)
    assert trace.stop_reason == "converged"
    assert trace.events == ("something happened",)
    assert len(trace.seconds) == 3
    assert all(s >= 0 for s in trace.seconds)
    assert [p.iteration for p in told] == [1, 2, 3]
    assert [p.value for p in told] == [4.0, 2.0, 2.5]
    assert [p.change for p in told] == [math.inf, -2.0, 0.5]
    assert {(p.model, p.metric, p.start, p.n_starts, p.max_iter) for p in told} == {
        ("M", "metric", 2, 5, 9)
    }


@pytest.mark.parametrize(
    ("answer", "stops"), [(True, True), (1, False), (None, False), ("", False)]
)
def test_only_true_stops(answer: object, stops: bool) -> None:
    recorder = Recorder("M", "metric", max_iter=9, callback=lambda progress: answer)
    assert recorder.record(1.0) is stops


def test_no_callback() -> None:
    recorder = Recorder("M", "metric", max_iter=9)
    assert recorder.record(1.0) is False
    assert recorder.trace("max_iter").values == (1.0,)


def test_callback_that_is_not_callable() -> None:
    with pytest.raises(TypeError, match="callback must be callable or None; got 'print'"):
        Recorder("M", "metric", max_iter=9, callback="print")  # type: ignore[arg-type]


def test_exception_in_the_callback_propagates() -> None:
    def callback(progress: Progress) -> None:
        raise RuntimeError("mine")

    recorder = Recorder("M", "metric", max_iter=9, callback=callback)
    with pytest.raises(RuntimeError, match="mine"):
        recorder.record(1.0)
    assert recorder.trace("interrupted").values == (1.0,)


def test_additional_measures_are_passed_and_kept() -> None:
    told: list[Progress] = []
    recorder = Recorder("M", "metric", max_iter=9, callback=told.append)
    for value in (1.0, 2.0):
        recorder.record(value, {"held-out metric": -value, "gap": value / 2})
    assert told[1].more == {"held-out metric": -2.0, "gap": 1.0}
    trace = recorder.trace("completed")
    assert trace.more == {"held-out metric": (-1.0, -2.0), "gap": (0.5, 1.0)}
    history = History.of("M", "metric", [trace], 0, seed=1, n_threads=1)
    assert history.more == trace.more
    assert "  held-out metric: -2 (from -1)\n" in str(history)
    assert History.from_dict(json.loads(json.dumps(history.to_dict()))) == history
    frame = history.to_frame()
    assert list(frame.columns) == ["iteration", "metric", "held-out metric", "gap", "seconds"]
    assert frame["gap"].tolist() == [0.5, 1.0]


def test_history_of_a_version_without_additional_measures() -> None:
    data = a_history().to_dict()
    del data["more"]
    assert History.from_dict(data) == a_history()
    with pytest.raises(ValueError, match="must have one value per iteration"):
        History.from_dict({**data, "more": {"gap": [1.0]}})


# ---- history -------------------------------------------------------------------------------------


def test_history_of_traces() -> None:
    history = a_history()
    assert history.values == (-3.0, -2.0, -1.5)
    assert history.n_iter == 3
    assert history.converged
    assert history.starts == (-2.5, -1.5)
    assert history.best_start == 1
    assert history.events == ("component 1 was revived",)
    assert history.versions.keys() >= {"gibbous", "python", "numpy", "scikit-learn"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        history.values = ()  # type: ignore[misc]


def test_history_of_a_start_without_iterations() -> None:
    history = History.of("M", "m", [Trace((), (), "max_iter")], 0, seed=None, n_threads=1)
    assert history.n_iter == 0
    assert not history.converged
    assert math.isnan(history.starts[0])
    assert "0 iterations" in str(history)
    assert "given start" in str(history)


def test_history_round_trip_through_json() -> None:
    history = a_history()
    assert History.from_dict(json.loads(json.dumps(history.to_dict()))) == history


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_history_from_a_wrong_dict(change: str) -> None:
    data = a_history().to_dict()
    if change == "missing":
        del data["seed"]
    else:
        data["shoes"] = 2
    with pytest.raises(ValueError, match=r"missing or unknown fields (seed|shoes)"):
        History.from_dict(data)


def test_history_prints() -> None:
    text = str(a_history())
    assert text.startswith("GaussianMixture: converged after 3 iterations, 1 s\n")
    assert "mean log-likelihood: -1.5 (from -3)" in text
    assert "best of 2 starts: number 2; they ended between -2.5 and -1.5" in text
    assert "component 1 was revived" in text
    assert "seed 0x8000000000000001, 2 threads" in text


@pytest.mark.parametrize("reason", STOP_REASONS)
def test_history_describes_why_it_stopped(reason: str) -> None:
    first = str(a_history(stop_reason=reason)).splitlines()[0]
    assert {
        "converged": "converged",
        "max_iter": "max_iter",
        "completed": "completed",
        "interrupted": "interrupted",
        "callback": "callback",
        "diverged": "diverged",
    }[reason] in first


def test_history_as_a_table() -> None:
    frame = a_history().to_frame()
    assert list(frame.columns) == ["iteration", "mean log-likelihood", "seconds"]
    assert frame["iteration"].tolist() == [1, 2, 3]
    assert frame["mean log-likelihood"].tolist() == [-3.0, -2.0, -1.5]


def test_history_table_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_frame needs pandas: pip install pandas"):
        a_history().to_frame()
