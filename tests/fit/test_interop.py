"""Integration with scikit-learn: frames, pipelines, searches, processes and pickles."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

import gibbous

try:
    import cloudpickle
except ImportError:  # joblib before 1.6 bundles it
    from joblib.externals import cloudpickle

N = 40
COLUMNS = ["a", "b", "c", "d"]
_rng = np.random.default_rng(12)
UNIT = np.round(_rng.random((N, 4)), 6)
COUNTS = _rng.poisson(1.2, (N, 4)) + np.eye(N, 4, dtype=int)

#: One estimator of every class, its data, and labels if it needs them.
MODELS: dict[str, tuple[Any, np.ndarray]] = {
    "KMeans": (gibbous.KMeans(3, random_state=0), UNIT),
    "MiniBatchKMeans": (gibbous.MiniBatchKMeans(3, random_state=0), UNIT),
    "GaussianMixture": (gibbous.GaussianMixture(2, random_state=0), UNIT),
    "BayesianGaussianMixture": (
        gibbous.BayesianGaussianMixture(n_components=2, tol=1e-2, random_state=0),
        UNIT,
    ),
    "LatentDirichletAllocation": (
        gibbous.LatentDirichletAllocation(2, max_iter=5, random_state=0),
        COUNTS,
    ),
    "BernoulliRBM": (gibbous.BernoulliRBM(3, n_iter=2, random_state=0), UNIT),
    "GaussianRBM": (gibbous.GaussianRBM(3, n_iter=2, random_state=0), UNIT),
    "CategoricalRBM": (gibbous.CategoricalRBM(3, n_iter=2, random_state=0), COUNTS % 3),
    "ReplicatedSoftmax": (gibbous.ReplicatedSoftmax(3, n_iter=2, random_state=0), COUNTS),
    "RBMClassifier": (gibbous.RBMClassifier(3, n_iter=2, random_state=0), UNIT),
}
each_model = pytest.mark.parametrize("name", MODELS)


def fitted(name: str, X: Any) -> Any:
    return clone(MODELS[name][0]).fit(X, (UNIT[:, 0] > 0.5).astype(int))


def answer(model: Any, X: Any) -> np.ndarray:
    for method in ("predict_proba", "transform"):
        if hasattr(model, method):
            return np.asarray(getattr(model, method)(X))
    raise AssertionError(type(model))


# --- frames ----------------------------------------------------------------------------------


def frames(X: np.ndarray) -> dict[str, Any]:
    frame = pd.DataFrame(X, columns=COLUMNS)
    real = X.dtype.kind == "f"
    mixed = frame.astype({"b": "Float64", "c": "float32" if real else "int16"})
    return {
        "pandas": frame,
        "dates as index": frame.set_index(pd.date_range("2020", periods=N, freq="h")),
        "nullable": frame.astype("Float64" if real else "Int64"),
        "arrow columns": frame.astype("double[pyarrow]" if real else "int64[pyarrow]"),
        "several kinds": mixed if not real else frame.astype({"b": "Float64"}),
        "objects": frame.astype(object),
        "polars": pl.DataFrame(X, schema=COLUMNS),
        "pyarrow": pa.table({c: X[:, at] for at, c in enumerate(COLUMNS)}),
    }


@each_model
def test_frames_give_the_same_results_as_arrays(name: str) -> None:
    X = MODELS[name][1]
    expected = answer(fitted(name, X), X)
    for kind, frame in frames(X).items():
        model = fitted(name, frame)
        assert list(model.feature_names_in_) == COLUMNS, kind
        assert np.array_equal(answer(model, frame), expected), kind
    wide = pd.DataFrame(X, columns=COLUMNS)[["b", "a", "c", "d"]]
    with pytest.raises(ValueError, match="feature names should match"):
        answer(fitted(name, pd.DataFrame(X, columns=COLUMNS)), wide)


@pytest.mark.parametrize("name", [n for n, (m, _) in MODELS.items() if hasattr(m, "transform")])
def test_set_output(name: str) -> None:
    X = MODELS[name][1]
    plain = fitted(name, X).transform(X)
    frame = pd.DataFrame(X, columns=COLUMNS, index=pd.date_range("2020", periods=N, freq="h"))
    model = fitted(name, frame)
    names = list(model.get_feature_names_out())
    assert names == [f"{name.lower()}{k}" for k in range(plain.shape[1])]
    out = model.set_output(transform="pandas").transform(frame)
    assert isinstance(out, pd.DataFrame)
    assert list(out.columns) == names
    assert out.index.equals(frame.index)
    assert np.array_equal(out.to_numpy(), plain)
    table = pl.DataFrame(X, schema=COLUMNS)
    out = model.set_output(transform="polars").transform(table)
    assert isinstance(out, pl.DataFrame)
    assert out.columns == names
    assert np.array_equal(out.to_numpy(), plain)


@each_model
def test_error_for_a_column_of_text_names_it(name: str) -> None:
    X = MODELS[name][1]
    frame = pd.DataFrame(X, columns=COLUMNS)
    told = (
        rf"{name} needs numeric data, but X has text in column 'c' \('new moon'\); drop the column"
    )
    for text in (
        frame.assign(c=pd.Categorical(["new moon", "full moon"] * (N // 2))),
        frame.assign(c=["7", "new moon"] * (N // 2)),
        pl.DataFrame(X, schema=COLUMNS).with_columns(pl.Series("c", ["new moon"] * N)),
        pl.DataFrame(X, schema=COLUMNS).with_columns(
            pl.Series("c", ["new moon"] * N).cast(pl.Categorical)
        ),
    ):
        with pytest.raises(ValueError, match=told):
            fitted(name, text)
        with pytest.raises(ValueError, match=told):
            answer(fitted(name, frame), text)


@each_model
def test_missing_values_of_frames(name: str) -> None:
    X = MODELS[name][1]
    holes = X.astype(float)
    holes[3, 1] = np.nan
    real = X.dtype.kind == "f"
    nullable = pd.DataFrame(X, columns=COLUMNS).astype("Float64" if real else "Int64")
    nullable.iloc[3, 1] = pd.NA
    null = pl.DataFrame(X, schema=COLUMNS).with_columns(
        pl.Series("b", [None if at == 3 else v for at, v in enumerate(X[:, 1].tolist())])
    )
    for frame in (nullable, null):
        if name in ("GaussianMixture", "BayesianGaussianMixture"):  # which fit the observed entries
            expected = answer(fitted(name, holes), holes)
            assert np.array_equal(answer(fitted(name, frame), frame), expected)
        else:
            with pytest.raises(ValueError, match=f"contains NaN.*{name}|{name}.*NaN"):
                fitted(name, frame)


# --- pipelines and searches ------------------------------------------------------------------


@each_model
def test_inside_a_pipeline_and_a_column_transformer(name: str) -> None:
    model, X = MODELS[name]
    y = (UNIT[:, 0] > 0.5).astype(int)
    expected = answer(fitted(name, X[:, 1:]), X[:, 1:])
    frame = pd.DataFrame(X, columns=COLUMNS)
    alone = Pipeline(
        [("take", ColumnTransformer([("n", "passthrough", COLUMNS[1:])])), ("model", clone(model))]
    )
    assert np.array_equal(answer(alone.fit(frame, y), frame), expected)
    if not hasattr(model, "transform"):
        return
    expected = fitted(name, X[:, 1:]).transform(X[:, 1:])
    split = ColumnTransformer(
        [("model", clone(model), COLUMNS[1:]), ("rest", "passthrough", ["a"])],
        verbose_feature_names_out=False,
    )
    out = split.set_output(transform="pandas").fit_transform(frame, y)
    assert out.columns[-1] == "a" and out.columns[0] == f"{name.lower()}0"
    assert out.iloc[:, :-1].to_numpy() == pytest.approx(expected, rel=1e-12)


def test_union_of_features() -> None:
    union = FeatureUnion(
        [
            ("groups", gibbous.KMeans(3, random_state=0)),
            ("units", gibbous.BernoulliRBM(2, n_iter=1, random_state=0)),
        ]
    )
    out = union.set_output(transform="polars").fit_transform(pl.DataFrame(UNIT, schema=COLUMNS))
    groups = [f"groups__kmeans{k}" for k in range(3)]
    assert out.columns == [*groups, "units__bernoullirbm0", "units__bernoullirbm1"]
    assert np.array_equal(out.to_numpy()[:, :3], fitted("KMeans", UNIT).transform(UNIT))


def test_machine_extracts_features_for_a_classifier() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 300)
    X = (rng.random((300, 12)) < np.where(y[:, None] == 1, 0.8, 0.2)).astype(float)
    frame = pd.DataFrame(X, columns=[f"pixel {at}" for at in range(12)])
    pipe = make_pipeline(
        MinMaxScaler(),
        gibbous.BernoulliRBM(8, n_iter=20, batch_size=20, random_state=0),
        LogisticRegression(C=100),
    )
    # twelve pixels, each correct with probability 0.8: a majority vote errs once in 250
    assert cross_val_score(pipe, frame, y, cv=3).min() > 0.9
    search = RandomizedSearchCV(
        pipe,
        {"bernoullirbm__n_components": [2, 8], "bernoullirbm__learning_rate": [0.05, 0.1]},
        n_iter=2,
        cv=2,
        random_state=0,
    ).fit(frame, y)
    assert search.best_score_ > 0.9
    assert search.predict(frame).shape == (300,)


def test_grid_search_over_mixtures_and_clusters() -> None:
    rng = np.random.default_rng(2)
    centers = np.array([[0, 0], [9, 0], [0, 9]])
    X = pd.DataFrame(centers[rng.integers(0, 3, 240)] + rng.normal(size=(240, 2)))
    X.columns = ["x", "y"]
    kinds = {"gaussianmixture__n_components": [1, 2, 3]}
    pipe = make_pipeline(StandardScaler(), gibbous.GaussianMixture(n_init=3, random_state=0))
    search = GridSearchCV(pipe, kinds, cv=3).fit(X)
    assert search.best_params_ == {"gaussianmixture__n_components": 3}
    assert cross_val_score(search.best_estimator_, X, cv=3).mean() == pytest.approx(
        search.best_score_
    )
    groups = GridSearchCV(gibbous.KMeans(n_init=3, random_state=0), {"n_clusters": [1, 3]}, cv=2)
    assert groups.fit(X).best_params_ == {"n_clusters": 3}
    bayes = gibbous.BayesianGaussianMixture(n_components=3, max_iter=500, random_state=0)
    assert np.isfinite(cross_val_score(bayes, X, cv=2)).all()


def texts(n: int) -> list[str]:
    rng = np.random.default_rng(3)
    shelves = ["moon star orbit comet planet", "stock bond share price fund", "egg flour milk oven"]
    return [" ".join(rng.choice(shelves[at % 3].split(), 30)) for at in range(n)]


def test_grid_search_over_topics_in_a_pipeline() -> None:
    documents = texts(90)
    pipe = Pipeline(
        [
            ("count", CountVectorizer()),
            ("lda", gibbous.LatentDirichletAllocation(max_iter=60, random_state=0)),
        ]
    )

    def perplexity(model: Any, X: Any, y: Any = None) -> float:
        return -float(model["lda"].perplexity(model[:-1].transform(X)))

    grid = {"lda__n_components": [1, 3]}
    for scoring in (None, perplexity):
        search = GridSearchCV(pipe, grid, cv=2, scoring=scoring).fit(documents)
        assert search.best_params_ == {"lda__n_components": 3}
    shares = search.best_estimator_.transform(documents)
    groups = shares.argmax(axis=1)
    assert all(len(set(groups[at::3])) == 1 for at in range(3))
    names = list(search.best_estimator_.get_feature_names_out())
    assert names == [f"latentdirichletallocation{k}" for k in range(3)]


def test_categories_together_with_numbers() -> None:
    frame = pd.DataFrame(UNIT, columns=COLUMNS).assign(
        phase=pd.Categorical(["new", "full"] * (N // 2))
    )
    encoded = ColumnTransformer(
        [("phase", OneHotEncoder(sparse_output=False), ["phase"])], remainder="passthrough"
    )
    model = make_pipeline(encoded, gibbous.BernoulliRBM(2, n_iter=1, random_state=0))
    assert model.fit_transform(frame).shape == (N, 2)
    assert make_pipeline(encoded, gibbous.KMeans(2, random_state=0)).fit_predict(frame).shape == (
        N,
    )


# --- other processes, threads and copies -----------------------------------------------------


def fit_and_tell(name: str) -> tuple[np.ndarray, int]:
    model = fitted(name, MODELS[name][1])
    return answer(model, MODELS[name][1]), model.history_.n_threads


def test_joblib_in_processes_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    # joblib passes on an explicit number of threads; otherwise it divides the processors
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    expected = {name: answer(fitted(name, X), X) for name, (_, X) in MODELS.items()}
    share = max(1, joblib.cpu_count() // 2)
    for backend in ("loky", "threading"):
        done = Parallel(n_jobs=2, backend=backend)(delayed(fit_and_tell)(name) for name in MODELS)
        for name, (got, threads) in zip(MODELS, done, strict=True):
            assert np.array_equal(got, expected[name]), (backend, name)
            if backend == "loky":
                assert threads <= share, f"{name} takes {threads} threads in each of 2 processes"
    serial, parallel = (
        GridSearchCV(
            gibbous.GaussianMixture(random_state=0), {"n_components": [1, 2]}, cv=2, n_jobs=jobs
        ).fit(UNIT)
        for jobs in (None, 2)
    )
    for key in ("mean_test_score", "std_test_score"):
        assert np.array_equal(serial.cv_results_[key], parallel.cv_results_[key])


@each_model
def test_copies_and_pickles_give_the_same_results(name: str, tmp_path: Path) -> None:
    X = MODELS[name][1]
    model = fitted(name, pd.DataFrame(X, columns=COLUMNS))
    frame = pd.DataFrame(X, columns=COLUMNS)
    expected = answer(model, frame)
    joblib.dump(model, tmp_path / "model.joblib")
    joblib.dump(model, tmp_path / "packed.joblib", compress=3)
    copies = {
        "pickle": pickle.loads(pickle.dumps(model)),
        "cloudpickle": pickle.loads(cloudpickle.dumps(model)),
        "joblib": joblib.load(tmp_path / "model.joblib"),
        "joblib, mapped": joblib.load(tmp_path / "model.joblib", mmap_mode="r"),
        "joblib, compressed": joblib.load(tmp_path / "packed.joblib"),
        "deepcopy": copy.deepcopy(model),
    }
    for kind, other in copies.items():
        assert np.array_equal(answer(other, frame), expected), kind
        assert list(other.feature_names_in_) == COLUMNS, kind
        assert other.get_params() == model.get_params(), kind
        assert other.history_ == model.history_, kind
    # and a deep copy shares no state that training changes
    if hasattr(model, "partial_fit"):
        more = ((UNIT[:, 0] > 0.5).astype(int),) if name == "RBMClassifier" else ()
        copies["deepcopy"].partial_fit(frame, *more)
        assert np.array_equal(answer(model, frame), expected)
        if name != "LatentDirichletAllocation":
            copies["joblib, mapped"].partial_fit(frame, *more)
            assert np.array_equal(
                answer(copies["joblib, mapped"], frame), answer(copies["deepcopy"], frame)
            )
