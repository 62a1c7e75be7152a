"""Model files: what is saved and rejected, and that files are written atomically."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import secrets
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from sklearn.exceptions import NotFittedError

import gibbous
from gibbous import (
    BayesianGaussianMixture,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
    MixturePrior,
    load,
    save,
)


def data(dtype: Any = np.float64) -> Any:
    rng = np.random.default_rng(3)
    return np.concatenate([rng.normal(m, 1.0, size=(60, 3)) for m in (-4, 0, 4)]).astype(dtype)


def only_partial() -> Any:
    model = MiniBatchKMeans(3, random_state=4)
    for part in np.split(data(), 3):
        model.partial_fit(part)
    return model


def mixture_by_partial_fit(prior: Any = "fraley-raftery") -> Any:
    model = GaussianMixture(3, covariance_type="tied", prior=prior, random_state=4)
    for part in np.split(data(np.float32), 3):
        model.partial_fit(part)
    return model


MODELS = {
    "kmeans": lambda: KMeans(3, random_state=1).fit(data()),
    "kmeans float32": lambda: KMeans(3, random_state=1, init=data()[:3]).fit(data(np.float32)),
    "minibatch": lambda: MiniBatchKMeans(3, random_state=1, batch_size=50).fit(data()),
    "minibatch float32": lambda: MiniBatchKMeans(3, random_state=1).fit(data(np.float32)),
    "minibatch without labels": lambda: MiniBatchKMeans(
        3, random_state=1, compute_labels=False
    ).fit(data()),
    "minibatch by partial_fit": only_partial,
    **{
        f"mixture {kind} {np.dtype(dtype)}": lambda kind=kind, dtype=dtype: GaussianMixture(
            3, covariance_type=kind, random_state=1, weights_init=[0.2, 0.3, 0.5]
        ).fit(data(dtype))
        for kind in ("full", "tied", "diag", "spherical")
        for dtype in (np.float32, np.float64)
    },
    **{
        f"bayesian {kind} {prior} {np.dtype(dtype)}": (
            lambda kind=kind, prior=prior, dtype=dtype: BayesianGaussianMixture(
                3,
                covariance_type=kind,
                weight_concentration_prior_type=f"dirichlet_{prior}",
                mean_prior=[0.0, 1.0, 2.0],
                random_state=1,
                max_iter=200,
            ).fit(data(dtype))
        )
        for kind in ("full", "tied", "diag", "spherical")
        for prior, dtype in (("process", np.float32), ("distribution", np.float64))
    },
    **{
        f"mixture with a prior {kind}": lambda kind=kind: GaussianMixture(
            3, covariance_type=kind, random_state=1, prior=MixturePrior([2, 1, 1], np.eye(3), 0.5)
        ).fit(data())
        for kind in ("full", "tied", "diag", "spherical")
    },
    "mixture by partial_fit": mixture_by_partial_fit,
}


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Any:
    return MODELS[request.param]()


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, tuple):
        return type(b) is tuple and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return isinstance(b, float) and np.array_equal(a, b, equal_nan=True)
    return type(a) is type(b) and bool(a == b)


# Private attributes that every call of fit or predict recomputes.
SCRATCH = {"_tol", "_n_threads", "_n_init", "_init_size", "_no_improvement"}
SCRATCH |= {"_smoothed", "_smoothed_min"}


def test_round_trip_restores_everything(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(model, path)
    again = load(path)
    assert type(again) is type(model)
    assert set(vars(model)) - set(vars(again)) <= SCRATCH
    for name, value in vars(again).items():
        if isinstance(value, np.ndarray):
            assert same(np.asarray(getattr(model, name), value.dtype), value), name
        elif not name.startswith("_"):
            assert same(getattr(model, name), value), name
    if hasattr(model, "history_"):
        assert again.history_ == model.history_


def test_predictions_of_loaded_model_are_bit_identical(model: Any, tmp_path: Path) -> None:
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    new = np.random.default_rng().normal(size=(500, 3)) * 5
    assert same(again.predict(new), model.predict(new))
    for method in ("predict_proba", "score_samples", "transform"):
        if hasattr(model, method):
            assert same(getattr(again, method)(new), getattr(model, method)(new)), method


def test_loaded_arrays_are_writable_and_independent_of_the_file(model: Any, tmp_path: Path) -> None:
    save(model, tmp_path / "m")
    for value in vars(load(tmp_path / "m")).values():
        if isinstance(value, np.ndarray):
            assert value.flags.writeable and value.flags.owndata


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_warm_start_continues_the_fit(kind: str, tmp_path: Path) -> None:
    def cut() -> Any:
        model = GaussianMixture(
            3, covariance_type=kind, warm_start=True, random_state=5, tol=0.0, max_iter=4
        )
        with pytest.warns(UserWarning, match="did not converge"):
            return model.fit(data())

    save(cut(), tmp_path / "m")
    models = [cut(), load(tmp_path / "m")]
    for each in models:
        with pytest.warns(UserWarning, match="did not converge"):
            each.fit(data())
    assert same(models[0].means_, models[1].means_)
    assert same(models[0].covariances_, models[1].covariances_)
    assert models[0].lower_bounds_ == models[1].lower_bounds_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_partial_fit_continues_the_fit(dtype: Any, tmp_path: Path) -> None:
    # Few rows per batch and many clusters, so that the counts that reassign clusters matter.
    rng = np.random.default_rng(8)
    batches = [(rng.normal(size=(12, 2)) * 9).astype(dtype) for _ in range(30)]
    whole, part = (MiniBatchKMeans(6, random_state=2, batch_size=12) for _ in range(2))
    for batch in batches[:11]:
        whole.partial_fit(batch)
        part.partial_fit(batch)
    save(part, tmp_path / "m")
    part = load(tmp_path / "m")
    for batch in batches[11:]:
        whole.partial_fit(batch)
        part.partial_fit(batch)
    assert same(whole.cluster_centers_, part.cluster_centers_)
    assert same(whole.labels_, part.labels_)


def test_feature_names_are_kept(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas", reason="data frames are what has feature names")
    frame = pd.DataFrame(data(), columns=["a", "b", 'ü, "quoted" \' \n'])
    model = KMeans(2, random_state=0).fit(frame)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert list(again.feature_names_in_) == list(frame.columns)
    assert same(again.predict(frame), model.predict(frame))


@pytest.mark.parametrize("state", [np.random.RandomState(3), np.random.default_rng(3)])
def test_random_state_object_is_saved_as_none(state: Any, tmp_path: Path) -> None:
    model = KMeans(2, random_state=state).fit(data())
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.random_state is None
    assert again.history_.seed == model.history_.seed
    assert type(state).__name__ in header_of((tmp_path / "m").read_bytes())["notes"][0]


def test_unusual_parameters_are_restored(tmp_path: Path) -> None:
    model = GaussianMixture(
        np.int64(2),
        tol=np.float32(1e-3),
        means_init=[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]],
        random_state=np.int32(4),
    ).fit(data())
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.n_components == 2 and again.random_state == 4
    assert again.tol == float(np.float32(1e-3))
    assert np.array_equal(again.means_init, model.means_init)
    again.fit(data())
    assert same(again.means_, model.means_)


def test_infinite_bound_is_saved(tmp_path: Path) -> None:
    model = GaussianMixture(2, max_iter=0, random_state=0).fit(data())
    assert model.lower_bound_ == -np.inf
    save(model, tmp_path / "m")
    assert load(tmp_path / "m").lower_bound_ == -np.inf


# --- what cannot be saved ---------------------------------------------------------------------


def test_only_fitted_models_of_known_classes_are_saved(tmp_path: Path) -> None:
    class Mine(KMeans):
        pass

    with pytest.raises(NotFittedError):
        save(KMeans(2), tmp_path / "m")
    with pytest.raises(TypeError, match="Mine"):
        save(Mine(2, random_state=0).fit(data()), tmp_path / "m")
    with pytest.raises(TypeError, match="dict"):
        save({}, tmp_path / "m")
    with pytest.raises(TypeError, match=r"KMeans\.init is a function.*set_params\(init="):
        save(KMeans(2, init=lambda X, k, random_state: X[:k], n_init=1).fit(data()), tmp_path / "m")
    assert os.listdir(tmp_path) == []


CHANGES = {
    "components": (lambda m: m.set_params(n_components=3), r"_ of shape \(2,.*n_components=3"),
    "covariance type": (
        lambda m: m.set_params(covariance_type="diag"),
        r"_ of shape \(2, 3, 3\).*covariance_type='diag'",
    ),
    "unknown type": (lambda m: m.set_params(covariance_type="round"), "'covariance_type'"),
    "tolerance": (lambda m: m.set_params(tol=-1), r"'tol' parameter.*set_params"),
    "means": (lambda m: setattr(m, "means_", m.means_[:, :2]), r"means_ of shape \(2, 2\)"),
    "NaN": (lambda m: m.means_.fill(np.nan), "means_ with NaN"),
    "dtype": (lambda m: setattr(m, "means_", m.means_.astype(np.float32)), "float32, float64"),
    "type": (lambda m: setattr(m, "n_iter_", "many"), "n_iter_"),
    "missing": (lambda m: delattr(m, "covariances_"), "covariances_"),
    "names": (lambda m: setattr(m, "feature_names_in_", np.array(["a"])), "feature names"),
}


def refused_by_save(model: Any, change: Any, message: str, path: Path) -> None:
    """Check that a model that ``load`` would reject does not replace a valid file."""
    save(model, path)
    before = path.read_bytes()
    change(model)
    with pytest.raises(ValueError, match=message) as caught:
        save(model, path)
    text = str(caught.value)
    assert text.startswith("cannot save: ") and type(model).__name__ in text
    assert "another copy" not in text and ("fit again" in text or "set_params" in text)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("name", list(CHANGES))
def test_mixture_modified_after_fit_is_not_saved(name: str, tmp_path: Path) -> None:
    refused_by_save(GaussianMixture(2, random_state=0).fit(data()), *CHANGES[name], tmp_path / "m")


@pytest.mark.parametrize("cls", [KMeans, MiniBatchKMeans])
def test_clusters_modified_after_fit_are_not_saved(cls: Any, tmp_path: Path) -> None:
    model = cls(2, random_state=0).fit(data())
    change = lambda m: m.set_params(n_clusters=5)  # noqa: E731
    refused_by_save(model, change, "n_clusters=5, but 2 groups", tmp_path / "m")
    model.set_params(n_clusters=2)
    change = lambda m: m.set_params(max_iter=0)  # noqa: E731
    refused_by_save(model, change, "'max_iter' parameter", tmp_path / "m")


# --- atomic writes ----------------------------------------------------------------------------


def test_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    save(KMeans(2, random_state=0).fit(data()), path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OSError, match="No space"):
                save(KMeans(3, random_state=0).fit(data()), path)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["m"]


def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    model = KMeans(2, random_state=0).fit(data())
    old = os.umask(0o027)
    try:
        save(model, tmp_path / "new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    (tmp_path / "link").symlink_to("new")
    save(model, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    model = KMeans(2, random_state=0).fit(data())
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(model, tmp_path / "no" / "m")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save(model, tmp_path)


# --- damaged files ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        save(GaussianMixture(3, random_state=0).fit(data()), path)
        return path.read_bytes()


def refused(raw: bytes, path: Path) -> str:
    """Check that a file is rejected with its name, and return the message."""
    path.write_bytes(raw)
    with pytest.raises(ValueError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith(str(path)), text
    return text.removeprefix(str(path))


def test_every_changed_byte_is_detected(good: bytes, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    n_header = 8 + int.from_bytes(good[:8], "little")
    for turn in range(600):
        # Half of the changes are in the header, which is smaller and more fragile.
        at = int(rng.integers(n_header if turn % 2 else len(good)))
        raw = bytearray(good)
        raw[at] ^= int(rng.integers(1, 256)) if turn % 3 else 1 << int(rng.integers(8))
        refused(bytes(raw), tmp_path / "m")


def test_truncated_and_extended_files_are_detected(good: bytes, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    cuts = [0, 1, 7, 8, 9, len(good) - 1, *rng.integers(len(good), size=100)]
    for cut in cuts:
        refused(good[: int(cut)], tmp_path / "m")
    for extra in (b"\0", b"\n", good):
        assert "damaged" in refused(good + extra, tmp_path / "m")
    start, end = sorted(rng.integers(8, len(good), size=2))
    refused(good[: int(start)] + good[int(end) + 1 :], tmp_path / "m")


def test_files_of_other_kinds_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "m"

    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "exploded"),)

    for raw in (b"", b"x,y\n1,2\n", pickle.dumps(Bomb()), b"\x93NUMPY" + b"\0" * 99, b"\xff" * 99):
        assert "is not a model file" in refused(raw, path)
    assert not (tmp_path / "exploded").exists()
    assert "no model that gibbous.save wrote" in refused(
        safetensors.numpy.save({"w": np.zeros(3)}), path
    )
    deep = b'{"__metadata__":' + b"[" * 100_000
    assert "damaged" in refused(len(deep).to_bytes(8, "little") + deep, path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load(tmp_path)


# --- files made by hand, with a valid checksum -----------------------------------------------


def header_of(raw: bytes) -> dict[str, Any]:
    size = int.from_bytes(raw[:8], "little")
    metadata = json.loads(raw[8 : 8 + size])["__metadata__"]
    header: dict[str, Any] = json.loads(metadata["gibbous"])
    return header


def forge(raw: bytes, change: Any) -> bytes:
    header, tensors = header_of(raw), safetensors.numpy.load(raw)
    change(header, tensors)
    header["sha256"] = "0" * 64
    text = json.dumps(header, separators=(",", ":"))
    made = bytearray(safetensors.numpy.save(tensors, metadata={"gibbous": text}))
    at = made.index(b"0" * 64)
    made[at : at + 64] = hashlib.sha256(made).hexdigest().encode()
    return bytes(made)


def put(group: str, key: str, value: Any) -> Any:
    return lambda header, tensors: header[group].__setitem__(key, value)


def array(key: str, change: Any) -> Any:
    return lambda header, tensors: tensors.__setitem__(key, change(tensors[key]))


FORGERIES = {
    "unknown class": (lambda h, t: h.update({"class": "os.system"}), "'os.system'.*upgrade"),
    "class of another kind": (lambda h, t: h.update({"class": ["KMeans"]}), "wrong layout"),
    "wrong class": (lambda h, t: h.update({"class": "KMeans"}), "parameters that KMeans does not"),
    "newer format": (lambda h, t: h.update(format=2), "format 2.*reads 1.*upgrade"),
    "no params": (lambda h, t: h.pop("params"), "'params'"),
    "unknown parameter": (put("params", "rate", 1), "rate"),
    "invalid parameter": (put("params", "tol", -1), "'tol' parameter"),
    "parameter without tensor": (put("params", "means_init", {"tensor": "no"}), "'no'"),
    "covariance type": (put("params", "covariance_type", "round"), "round"),
    "more components": (put("params", "n_components", 4), "shape"),
    "more features": (put("fitted", "n_features_in_", 4), "shape"),
    "scalar of another type": (put("fitted", "n_iter_", "3"), "n_iter_"),
    "missing scalar": (lambda h, t: h["fitted"].pop("n_iter_"), "n_iter_"),
    "unknown scalar": (put("fitted", "__class__", "x"), "__class__"),
    "missing array": (lambda h, t: t.pop("means_"), "means_"),
    "unknown array": (lambda h, t: t.update(more_=np.zeros(1)), "more_"),
    "transposed": (array("means_", lambda a: np.zeros((2, 3))), r"means_ of shape \(2, 3\)"),
    "flat": (array("covariances_", np.ravel), "covariances_ of shape"),
    "another dtype": (array("means_", lambda a: a.astype(np.float32)), "float32, float64"),
    "integers": (array("weights_", lambda a: a.astype(np.int64)), "int64"),
    "NaN": (array("means_", lambda a: a * np.nan), "means_ with NaN"),
    "names": (lambda h, t: h.update(feature_names=["a"]), "1 feature names"),
    "names of another kind": (lambda h, t: h.update(feature_names=[1, 2, 3]), "feature names"),
    "no history": (lambda h, t: h.update(history=None), "history"),
    "history field": (lambda h, t: h["history"].pop("values"), "values"),
}


@pytest.mark.parametrize("name", list(FORGERIES))
def test_forged_files_are_rejected(name: str, good: bytes, tmp_path: Path) -> None:
    change, message = FORGERIES[name]
    text = refused(forge(good, change), tmp_path / "m")
    import re

    assert re.search(message, text), text


POSTERIOR_FORGERIES = {
    "negative": (array("weight_concentration_.first", np.negative), "not positive"),
    "another length": (array("weight_concentration_.second", lambda a: a[:2]), "3 and 2 param"),
    "no number": (array("weight_concentration_.first", lambda a: a * np.nan), "NaN or infinite"),
    "another shape": (array("covariance_prior_.shape", lambda a: a[:1]), "9 numbers for shape"),
    "cut": (array("covariance_prior_.values", lambda a: a[:4]), "4 numbers for shape"),
    "degrees": (array("degrees_of_freedom_.shape", lambda a: a * 0 + 4), "for shape"),
    "missing": (lambda h, t: t.pop("degrees_of_freedom_.values"), "degrees_of_freedom_"),
    "another dtype": (array("mean_prior_", lambda a: a.astype(np.float32)), "mean_prior_ of dtype"),
}


@pytest.mark.parametrize("name", list(POSTERIOR_FORGERIES))
def test_forged_posteriors_are_rejected(name: str, tmp_path: Path) -> None:
    import re

    path = tmp_path / "m"
    save(BayesianGaussianMixture(3, max_iter=0, random_state=0).fit(data()), path)
    change, message = POSTERIOR_FORGERIES[name]
    text = refused(forge(path.read_bytes(), change), path)
    assert re.search(message, text), text


def scaled(key: str, factor: float) -> Any:
    return array(key, lambda a: a * factor)


PRIOR_FORGERIES = {
    "prior of another shape": (array("prior_.dims", lambda a: a[:3]), "3 parts, not 5"),
    "prior of odd dimensions": (array("prior_.dims", lambda a: a + 3), "with . dimensions"),
    "half a prior": (
        lambda h, t: t.update({"prior_.dims": np.where(np.arange(5) == 1, -1, t["prior_.dims"])}),
        "numbers|belong together",
    ),
    "longer prior": (array("prior_.values", lambda a: np.r_[a, 1.0]), "numbers, not"),
    "negative prior": (scaled("prior_.values", -1.0), "must be > 0"),
    "posterior of another shape": (array("posterior_.means", lambda a: a[:-1]), "numbers in means"),
    "posterior of NaN": (scaled("posterior_.scale", np.nan), "scale with NaN"),
    "posterior of integers": (array("posterior_.scale", lambda a: a.astype(int)), "int64"),
    "running of another shape": (array("_running.covariances", lambda a: a[:-1]), "numbers in cov"),
    "running below zero": (scaled("_running.mass", -1.0), "below 0"),
    "running of nothing": (scaled("_running.worth", 0.0), "below 0"),
    "part of a posterior": (lambda h, t: t.pop("posterior_.scale"), "posterior_.scale"),
    "parameter of another kind": (put("params", "prior", {"prior": {"mode": 1.0}}), "mode"),
    "parameter out of range": (put("params", "prior", {"prior": {"mean_precision": -1}}), "> 0"),
    "part of a record": (put("fitted", "n_iter_", 3), "lacks fitted attributes: converged_"),
}


@pytest.mark.parametrize("name", list(PRIOR_FORGERIES))
def test_forged_priors_are_rejected(name: str, tmp_path: Path) -> None:
    save(mixture_by_partial_fit(), tmp_path / "good")
    change, message = PRIOR_FORGERIES[name]
    text = refused(forge((tmp_path / "good").read_bytes(), change), tmp_path / "m")
    import re

    assert re.search(message, text), text


def test_mixture_of_an_older_version_loads_without_running_statistics(
    good: bytes, tmp_path: Path
) -> None:
    def older(header: Any, tensors: Any) -> None:
        del header["fitted"]["n_samples_seen_"]
        for name in ("prior", "learning_decay", "learning_offset"):
            del header["params"][name]

    (tmp_path / "m").write_bytes(forge(good, older))
    model = load(tmp_path / "m")
    assert model.predict(data()).shape == (180,)
    with pytest.raises(ValueError, match="n_samples_seen_"):
        model.partial_fit(data())


def test_forgery_without_changes_loads(good: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(forge(good, lambda h, t: None))
    assert isinstance(load(tmp_path / "m"), GaussianMixture)
    assert header_of(good)["versions"]["gibbous"] == gibbous.__version__
