"""Files of Boltzmann machines: round trips and rejection of damaged files."""

from __future__ import annotations

import hashlib
import json
import pickle
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import scipy.sparse as sp

from gibbous import BernoulliRBM, load, save

D, K = 19, 6


def rows(seed: int = 1, n: int = 48) -> Any:
    rng = np.random.default_rng(seed)
    patterns = rng.random((3, D)) < 0.4
    return (patterns[rng.integers(0, 3, n)] ^ (rng.random((n, D)) < 0.1)).astype(np.uint8)


def machine(**more: Any) -> Any:
    settings: dict[str, Any] = {"n_iter": 3, "batch_size": 16, "random_state": 5}
    return BernoulliRBM(K, **(settings | more))


def by_parts() -> Any:
    model = machine(momentum=0.5, n_chains=7)
    for part in np.split(rows(), 3):
        model.partial_fit(part)
    return model


def of_frame() -> Any:
    pd = pytest.importorskip("pandas", reason="data frames are what has feature names")
    return machine().fit(pd.DataFrame(rows(), columns=[f"pixel {at}" for at in range(D)]))


MODELS = {
    "cd": lambda: machine(method="cd", n_gibbs_steps=2).fit(rows()),
    "pcd": lambda: machine().fit(rows()),
    "float64": lambda: machine(dtype="float64", l1=0.01, l2=0.02).fit(rows()),
    "fpcd": lambda: machine(method="fpcd", fast_learning_rate=0.05).fit(rows()),
    "pt": lambda: machine(method="pt", n_temperatures=3, n_chains=4).fit(rows()),
    "everything": lambda: machine(
        method="fpcd", momentum=0.7, centered=True, sparsity_target=0.2, visible_bias="data"
    ).fit(rows()),
    "held out": lambda: machine(early_stopping=True, n_iter_no_change=2, n_iter=9).fit(rows()),
    "bytes": lambda: machine(data_max=255, binarize="sample").fit(rows() * 200),
    "threshold": lambda: machine(data_max=255, binarize=0.5).fit(rows() * 255),
    "no epoch": lambda: machine(n_iter=0).fit(rows()),
    "parts": by_parts,
    "frame": of_frame,
}


@pytest.fixture(params=list(MODELS))
def fitted(request: pytest.FixtureRequest) -> Any:
    return MODELS[request.param]()


def bits(value: Any) -> Any:
    """Return a comparable form of an attribute, exact to the bit."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, np.ndarray):
        return list(value)
    if isinstance(value, (list, tuple)):
        return type(value), [bits(item) for item in value]
    return type(value), value


def parts(model: Any) -> dict[str, Any]:
    """Return the state of a model, without the seconds of its history."""
    own = {name: value for name, value in vars(model).items() if name != "history_"}
    state = own.pop("machine_").state()
    return {**own, **state.pop("arrays"), **state}


def equal(a: Any, b: Any) -> bool:
    """Return whether two machines are identical to the bit, except for seconds."""
    own = [{name: bits(value) for name, value in parts(m).items()} for m in (a, b)]
    return own[0] == own[1]


def through_a_file(model: Any, folder: Path) -> Any:
    save(model, folder / "m")
    return load(folder / "m")


def test_round_trip_restores_everything(fitted: Any, tmp_path: Path) -> None:
    again = through_a_file(fitted, tmp_path)
    assert type(again) is BernoulliRBM
    assert equal(again, fitted)
    assert repr(getattr(again, "history_", None)) == repr(getattr(fitted, "history_", None))
    assert equal(pickle.loads(pickle.dumps(fitted)), fitted)


def test_loaded_model_is_bit_identical(fitted: Any, tmp_path: Path) -> None:
    again = through_a_file(fitted, tmp_path)
    new = rows(9) * np.uint8(fitted.data_max)
    for name in ("transform", "score_samples", "free_energy", "reconstruct", "gibbs"):
        given = new if not hasattr(fitted, "feature_names_in_") else of_names(fitted, new)
        assert bits(getattr(again, name)(given)) == bits(getattr(fitted, name)(given)), name
    # draws continue from those of the machine before
    assert bits(again.sample(3, burn_in=5)) == bits(fitted.sample(3, burn_in=5))


def of_names(model: Any, X: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=model.feature_names_in_)


@pytest.mark.parametrize("name", ["pcd", "cd", "fpcd", "pt", "everything", "bytes", "parts"])
def test_training_continues_bit_identically(name: str, tmp_path: Path) -> None:
    whole, part = MODELS[name](), MODELS[name]()
    for seed in (21, 22):
        batch = rows(seed) * np.uint8(whole.data_max)
        whole.partial_fit(batch)
        part = through_a_file(part, tmp_path).partial_fit(batch)
        assert equal(part, whole)
    part = through_a_file(part, tmp_path)
    for model in (whole, part):
        model.set_params(warm_start=True).fit(batch)
    assert bits(whole.components_) == bits(part.components_)
    assert whole.history_.values == part.history_.values


@pytest.mark.parametrize("method", ["cd", "pcd", "fpcd", "pt"])
def test_two_fits_with_a_save_in_between_equal_one_long_fit(method: str, tmp_path: Path) -> None:
    options = {"method": method, "momentum": 0.5, "centered": True, "binarize": "sample"}
    X = rows() * 0.8
    whole = machine(n_iter=5, **options).fit(X)
    first = machine(n_iter=2, warm_start=True, **options).fit(X)
    again = through_a_file(first, tmp_path).set_params(n_iter=3).fit(sp.csr_matrix(X).toarray())
    assert bits(again.components_) == bits(whole.components_)
    assert whole.history_.values == first.history_.values + again.history_.values
    assert (again.n_iter_, again.machine_.epochs) == (3, 5)


def test_interrupted_fit_can_be_saved(tmp_path: Path) -> None:
    def stop(progress: Any) -> None:
        if progress.iteration == 2:
            raise KeyboardInterrupt

    model = machine(n_iter=9)
    with pytest.raises(KeyboardInterrupt):
        model.fit(rows(), callback=stop)
    again = through_a_file(model, tmp_path)
    assert again.n_iter_ == 2 and again.history_.stop_reason == "interrupted"
    assert bits(again.components_) == bits(machine(n_iter=2).fit(rows()).components_)


def test_loaded_arrays_are_writable_and_independent_of_the_file(tmp_path: Path) -> None:
    again = through_a_file(MODELS["everything"](), tmp_path)
    arrays = [again.components_, again.h_samples_, again.activity_]
    for array in [*arrays, *again.velocity_, *again.fast_, *again.offsets_]:
        assert array.flags.writeable and array.flags.owndata


# --- what cannot be saved ---------------------------------------------------------------------

CHANGES = {
    "units": (lambda m: m.set_params(n_components=7), "n_components=7, but 6"),
    "weights": (lambda m: setattr(m, "components_", m.components_.T), "components_ of shape"),
    "bias": (lambda m: m.intercept_hidden_.fill(np.nan), "intercept_hidden_ with NaN"),
    "precision": (
        lambda m: setattr(m, "intercept_visible_", np.zeros(D)),
        "dtypes float32, float64",
    ),
    "chains": (lambda m: setattr(m, "h_samples_", m.h_samples_[:, 1:]), "h_samples_ of shape"),
    "velocity": (
        lambda m: setattr(m, "velocity_", (m.velocity_[0].T, *m.velocity_[1:])),
        r"velocity_\.components of shape",
    ),
    "missing": (lambda m: delattr(m, "_n_features_out"), "_n_features_out"),
    "steps": (lambda m: setattr(m.machine_, "steps", -1), "_n_steps"),
    "scores": (lambda m: setattr(m, "free_energy_gap_", ["wide"]), "free_energy_gap_"),
    "rate": (lambda m: m.set_params(learning_rate=-1), r"'learning_rate'.*set_params"),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_machine_modified_after_fit_is_not_saved(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    model = MODELS["everything"]()
    save(model, tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    change(model)
    with pytest.raises(ValueError, match=message) as caught:
        save(model, tmp_path / "m")
    assert str(caught.value).startswith("cannot save: ")
    assert (tmp_path / "m").read_bytes() == before


def test_schedule_that_is_a_function_cannot_be_saved(tmp_path: Path) -> None:
    model = machine(learning_rate_schedule=lambda epoch, n_iter: 0.5).fit(rows())
    with pytest.raises(TypeError, match="learning_rate_schedule is a function"):
        save(model, tmp_path / "m")


# --- damaged files ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "m"
    save(MODELS["everything"](), path)
    return path.read_bytes()


def refused(raw: bytes, path: Path) -> str:
    path.write_bytes(raw)
    with pytest.raises(ValueError) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


def test_every_changed_byte_and_truncation_is_detected(good: bytes, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    n_header = 8 + int.from_bytes(good[:8], "little")
    for turn in range(300):
        raw = bytearray(good)
        raw[int(rng.integers(n_header if turn % 2 else len(good)))] ^= int(rng.integers(1, 256))
        refused(bytes(raw), tmp_path / "m")
    for cut in (0, 8, len(good) - 1, *rng.integers(len(good), size=30)):
        refused(good[: int(cut)], tmp_path / "m")


def forged(raw: bytes, change: Any) -> bytes:
    """Return a file with other contents and a valid checksum."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(json.loads(raw[8 : 8 + size])["__metadata__"]["gibbous"])
    tensors = safetensors.numpy.load(raw)
    change(header, tensors)
    header["sha256"] = "0" * 64
    text = json.dumps(header, separators=(",", ":"))
    made = bytearray(safetensors.numpy.save(tensors, metadata={"gibbous": text}))
    at = made.index(b"0" * 64)
    made[at : at + 64] = hashlib.sha256(made).hexdigest().encode()
    return bytes(made)


def fit_value(key: str, value: Any) -> Any:
    return lambda header, tensors: header["fitted"].__setitem__(key, value)


def array(name: str, change: Any) -> Any:
    return lambda header, tensors: tensors.__setitem__(name, change(tensors[name]))


FORGED = {
    "half a velocity": (lambda h, t: t.pop("velocity_.visible"), "lacks arrays"),
    "no weights": (lambda h, t: t.pop("components_"), "lacks arrays"),
    "one more": (lambda h, t: t.__setitem__("more_", np.zeros(3)), "has unknown"),
    "offsets": (array("offsets_.hidden", lambda a: a[1:].copy()), "offsets_.hidden of shape"),
    "integers": (array("components_", lambda a: a.astype(np.int32)), "int32"),
    "infinite chains": (array("h_samples_", lambda a: a + np.float32(np.inf)), "infinite"),
    "steps of no kind": (fit_value("_n_steps", 1.5), "_n_steps"),
    "steps without end": (fit_value("_n_steps", 2**80), "_n_steps"),
    "scores": (fit_value("validation_scores_", [1.0, None]), "validation_scores_"),
    "history": (lambda h, t: h["history"]["more"].update(x=[1.0]), "one value per iteration"),
    "another class": (
        lambda h, t: h.__setitem__("class", "os.system"),
        "is not a class of this version",
    ),
    "another model": (lambda h, t: h.__setitem__("class", "KMeans"), "that KMeans does not"),
}


@pytest.mark.parametrize("name", list(FORGED))
def test_handmade_files_are_checked(name: str, good: bytes, tmp_path: Path) -> None:
    change, message = FORGED[name]
    assert message in refused(forged(good, change), tmp_path / "m")


def test_forgery_helper_without_changes_loads(good: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(forged(good, lambda header, tensors: None))
    assert equal(load(tmp_path / "m"), MODELS["everything"]())
