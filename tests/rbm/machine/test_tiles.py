"""Products of a matrix unit, real or emulated in C++, compared with table lookup."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gibbous import BernoulliRBM, CategoricalRBM, GaussianRBM, ReplicatedSoftmax
from gibbous._ground.isa import core

WAYS = ["plain", *(["1"] if core.has_matrix_unit() else [])]  # the real unit if the machine has it


def states(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    patterns = rng.random((3, d)) < 0.4
    return (patterns[rng.integers(0, 3, n)] ^ (rng.random((n, d)) < 0.1)).astype(np.float32)


def fitted(X: np.ndarray, **options: Any) -> BernoulliRBM:
    return BernoulliRBM(
        70, random_state=3, batch_size=70, n_iter=2, learning_rate=0.05, **options
    ).fit(X)


OPTIONS: dict[str, dict[str, Any]] = {
    "cd-2": {"method": "cd", "n_gibbs_steps": 2},
    "pcd-momentum": {"momentum": 0.5, "l2": 0.001},
    "centered": {"method": "cd", "centered": True, "sparsity_target": 0.2},
    "fast": {"method": "fpcd"},
    "tempering": {"method": "pt", "n_temperatures": 3},
    "real": {"method": "cd", "real": True},
    "real-centered": {"centered": True, "real": True},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_training_agrees_with_table_lookup(
    options: dict[str, Any], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    options = dict(options)
    X = states(rng, 150, 90)  # batches of 70, 70 and 10
    if options.pop("real", False):
        X *= rng.random(X.shape, dtype=np.float32)
    monkeypatch.setenv("GIBBOUS_AMX", "0")
    ours = fitted(X, **options)
    monkeypatch.setenv("GIBBOUS_AMX", way)
    other = fitted(X, **options)
    # each factor of a product is accurate to 2^-17 (one bfloat16 alone: 2^-9), and no draw of these
    # is that close to its threshold
    for name in ("components_", "intercept_visible_", "intercept_hidden_"):
        np.testing.assert_allclose(getattr(other, name), getattr(ours, name), atol=1e-5)
    assert (other.components_ != ours.components_).any()  # a different method was used


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["gaussian", "stepped", "categories", "counts"])
def test_other_units_agree_with_table_lookup(
    kind: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(8)
    X: Any = rng.normal(size=(60, 45)).astype(np.float32)
    model: Any = GaussianRBM(40, hidden_units="relu" if kind == "stepped" else "binary")
    if kind == "categories":
        X, model = rng.integers(0, 3, (60, 15)), CategoricalRBM(40)
    elif kind == "counts":
        X, model = rng.integers(0, 3, (60, 45)), ReplicatedSoftmax(40)
    model.set_params(n_iter=1, batch_size=30, random_state=1, learning_rate=1e-3)
    found = []
    for setting in ("0", way):
        monkeypatch.setenv("GIBBOUS_AMX", setting)
        found.append(model.fit(X).components_.copy())
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    assert (found[1] != found[0]).any()


@pytest.mark.parametrize("way", WAYS)
def test_bits_are_equal_for_any_number_of_threads(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIBBOUS_AMX", way)
    X = states(np.random.default_rng(2), 300, 80)
    found = [fitted(X, n_jobs=n, centered=True).components_.tobytes() for n in (1, 2, 3, 7)]
    assert all(f == found[0] for f in found)


@pytest.mark.parametrize("way", WAYS)
def test_samples_agree_with_table_lookup(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X = states(np.random.default_rng(1), 200, 70)
    monkeypatch.setenv("GIBBOUS_AMX", "0")
    model = fitted(X)
    expected = model.sample(37, burn_in=3, means=True, random_state=1)
    monkeypatch.setenv("GIBBOUS_AMX", way)
    found = model.sample(37, burn_in=3, means=True, random_state=1)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert (found != expected).any()


def test_invalid_setting_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIBBOUS_AMX", "yes")
    with pytest.raises(ValueError, match="GIBBOUS_AMX='yes': set it to 0"):
        fitted(states(np.random.default_rng(0), 10, 5))


def test_double_precision_stays_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    X = states(np.random.default_rng(1), 70, 40)
    found = []
    for way in ("0", "plain"):
        monkeypatch.setenv("GIBBOUS_AMX", way)
        found.append(fitted(X, dtype="float64").components_.tobytes())
    assert found[0] == found[1]
