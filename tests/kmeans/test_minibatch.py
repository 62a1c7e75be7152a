"""Mini-batch K-means: the step against the reference, seeds, threads, stopping, invalid input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from gibbous._ground.isa import core
from gibbous.io import load, save
from gibbous.kmeans.lloyd import KMeans
from gibbous.kmeans.minibatch import MiniBatchKMeans
from gibbous.kmeans.minibatch_run import Update
from gibbous.kmeans.samples import Samples
from reference import kmeans as slow
from support.blobs import rows_of

DTYPES = (np.float32, np.float64)


def blobs(n, d, k, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(k, d)) * 6
    return (centers[rng.integers(0, k, n)] + rng.normal(size=(n, d))).astype(dtype)


def bits(model):
    return model.cluster_centers_.tobytes(), model.labels_.tobytes(), model.n_steps_


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_step_equals_reference(dtype, weighted, sparse):
    X = blobs(130, 5, 4, seed=1, dtype=dtype)
    weight = np.random.default_rng(2).uniform(0, 2, 130).astype(dtype) if weighted else None
    centers, counts = X[:6].copy(), np.array([0, 3.5, 0, 10, 1, 7])
    centers[5] = 1e4  # receives no rows
    w = None if weight is None else weight.astype(float)
    want = slow.minibatch_step(X.astype(float), centers.astype(float), counts, w)
    labels = np.empty(130, np.int32)
    rows = rows_of(sp.csr_array(X) if sparse else X, weight)
    inertia = core.kmeans.minibatch(rows, centers, counts, labels, 1)
    rel = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(centers, want[0], rtol=rel)
    np.testing.assert_allclose(counts, want[1], rtol=rel)
    assert inertia == pytest.approx(want[2], rel=rel)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_same_bits_for_any_number_of_threads(dtype, sparse, weighted):
    X = blobs(9000, 16, 30, seed=3, dtype=dtype)
    weight = np.random.default_rng(1).uniform(0, 3, 9000) if weighted else None
    data = sp.csr_array(X) if sparse else X
    results = [
        bits(
            MiniBatchKMeans(
                30, batch_size=4096, max_iter=3, random_state=4, init="random", n_jobs=jobs
            ).fit(data, sample_weight=weight)
        )
        for jobs in (1, 2, 3, 7)
    ]
    assert all(r == results[0] for r in results)


def test_inertia_is_close_to_k_means():
    X = blobs(5000, 4, 6, seed=5)
    full = KMeans(6, random_state=0).fit(X)
    model = MiniBatchKMeans(6, random_state=0).fit(X)
    assert full.inertia_ <= model.inertia_ * (1 + 1e-9)
    assert model.inertia_ < 1.1 * full.inertia_
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert -model.score(X) == model.inertia_


def test_rows_without_weight_are_never_drawn():
    X = blobs(1000, 2, 3, seed=6)
    weight = np.ones(1000)
    weight[::2] = 0
    X[::2] = 1e6
    model = MiniBatchKMeans(3, random_state=0).fit(X, sample_weight=weight)
    assert np.abs(model.cluster_centers_).max() < 100


def test_history_callback_and_interrupt():
    X = blobs(3000, 3, 5, seed=7)
    model = MiniBatchKMeans(5, batch_size=256, random_state=0).fit(X)
    history = model.history_
    assert history.model == "MiniBatchKMeans" and history.n_iter == model.n_steps_
    assert history.converged
    stopped = MiniBatchKMeans(5, batch_size=256, random_state=0)
    stopped.fit(X, callback=lambda p: p.iteration == 4)
    assert stopped.n_steps_ == 4 and stopped.history_.stop_reason == "callback"
    assert stopped.history_.values == history.values[:4]

    def interrupt(progress):
        if progress.iteration == 4:
            raise KeyboardInterrupt

    broken = MiniBatchKMeans(5, batch_size=256, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, callback=interrupt)
    assert broken.history_.stop_reason == "interrupted"
    assert broken.n_steps_ == 4 and broken.history_.values == history.values[:4]
    np.testing.assert_array_equal(broken.cluster_centers_, stopped.cluster_centers_)


@pytest.mark.parametrize("moment", ["step", "labelling"])
def test_interrupt_does_not_label_all_rows(moment, monkeypatch, tmp_path):
    X = blobs(3000, 3, 5, seed=7)
    model = MiniBatchKMeans(5, batch_size=256, random_state=0).fit(X)
    bare = MiniBatchKMeans(5, batch_size=256, random_state=0, compute_labels=False)
    assign, passes = Samples.assign, []

    def cut_short(self, centers, labels):
        if self.n < len(X):  # to compare starts
            return assign(self, centers, labels)
        passes.append(1)
        labels[:] = 0
        raise KeyboardInterrupt

    def at_four(progress):
        if progress.iteration == 4:
            if moment == "step":
                raise KeyboardInterrupt
            return True

    with monkeypatch.context() as patch:
        patch.setattr(Samples, "assign", cut_short)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, callback=at_four)
    assert len(passes) == (moment == "labelling")  # the one that Ctrl-C interrupted
    bare.fit(X, callback=lambda p: p.iteration == 4)
    assert not hasattr(model, "labels_")  # neither those of the first fit nor half of the new ones
    assert model.inertia_ == bare.inertia_ and model.n_iter_ == bare.n_iter_
    assert model.history_.stop_reason == "interrupted"
    np.testing.assert_array_equal(model.cluster_centers_, bare.cluster_centers_)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert not hasattr(again, "labels_") and again.inertia_ == model.inertia_
    np.testing.assert_array_equal(again.predict(X), bare.predict(X))
    again.partial_fit(X[:100])
    assert again.n_steps_ == 5 and len(again.labels_) == 100


def test_poor_centers_are_reassigned_to_rows():
    X = blobs(2000, 2, 4, seed=8)
    start = np.vstack([X[:3], np.full((1, 2), 1e5)])  # the last one is closest to no row
    kept = MiniBatchKMeans(4, init=start, n_init=1, reassignment_ratio=0, random_state=0).fit(X)
    assert kept.cluster_centers_.max() > 1e4
    moved = MiniBatchKMeans(4, init=start, n_init=1, random_state=0).fit(X)
    assert np.abs(moved.cluster_centers_).max() < 100


@pytest.mark.parametrize("k", [1, 4])
def test_reassignment_leaves_the_largest_center_in_place(k, monkeypatch):
    X = blobs(2000, 2, 4, seed=8)
    model = MiniBatchKMeans(
        k, reassignment_ratio=2.0, batch_size=64, max_no_improvement=None, max_iter=2
    )
    moved = []
    place = Update.reassign

    def watch(self, batch, centers, counts, step):
        before, largest = centers.copy(), counts.argmax()
        place(self, batch, centers, counts, step)
        moved.append((before != centers).any(axis=1))
        assert not moved[-1][largest]

    monkeypatch.setattr(Update, "reassign", watch)
    model.fit(X)
    assert moved and all(m.sum() == k - 1 for m in moved)
    assert np.isfinite(model.cluster_centers_).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_partial_fit_is_the_running_mean(dtype):
    batches = [blobs(200, 3, 2, seed=s, dtype=dtype) for s in range(3)]
    start = batches[0][:2].copy()
    model = MiniBatchKMeans(2, init=start, n_init=1, reassignment_ratio=0)
    centers, counts = start.astype(float), np.zeros(2)
    for step, batch in enumerate(batches, 1):
        assert model.partial_fit(batch) is model
        centers, counts, _ = slow.minibatch_step(batch.astype(float), centers, counts)
        np.testing.assert_allclose(
            model.cluster_centers_, centers, rtol=1e-5 if dtype == np.float32 else 1e-12
        )
        assert model.n_steps_ == step
        assert model.cluster_centers_.dtype == dtype
    assert not np.shares_memory(model.cluster_centers_, start)


def test_partial_fit_continues_after_fit_and_keeps_the_dtype():
    X = blobs(500, 3, 4, seed=9, dtype=np.float32)
    model = MiniBatchKMeans(4, random_state=0).fit(X)
    before = model.cluster_centers_
    kept = before.copy()
    model.partial_fit(X[:10].astype(np.float64))
    assert model.cluster_centers_.dtype == np.float32
    np.testing.assert_array_equal(before, kept)  # returned arrays do not change later


def test_partial_fit_is_reproducible_with_a_seed():
    X = blobs(400, 3, 6, seed=10)
    models = [MiniBatchKMeans(6, init="random", random_state=3) for _ in range(2)]
    for model in models:
        for start in range(0, 400, 100):
            model.partial_fit(X[start : start + 100])
    assert bits(models[0]) == bits(models[1])


def test_labels_can_be_skipped():
    X = blobs(2000, 3, 4, seed=11)
    model = MiniBatchKMeans(4, compute_labels=False, random_state=0).fit(X)
    assert not hasattr(model, "labels_")
    full = MiniBatchKMeans(4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.cluster_centers_, full.cluster_centers_)
    assert model.inertia_ == pytest.approx(full.inertia_, rel=0.3)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"reassignment_ratio": -1}, "reassignment_ratio"),
        ({"max_no_improvement": -1}, "max_no_improvement"),
        ({"init_size": 0}, "init_size"),
        ({"compute_labels": "yes"}, "compute_labels"),
        ({"n_clusters": 21}, r"n_samples.* should be >= n_clusters"),
        ({"init": np.zeros((3, 2))}, "number of clusters"),
        ({"init": np.full((4, 2), np.inf)}, "init"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameters(params, text, method):
    X = np.arange(40.0).reshape(20, 2)
    with pytest.raises(ValueError, match=text):
        getattr(MiniBatchKMeans(**{"n_clusters": 4, **params}), method)(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("X", "weight", "text"),
    [
        (np.full((20, 2), np.nan), None, "NaN"),
        (np.ones((20, 2)) * 1e300 * np.arange(20)[:, None], None, "overflow|infinity"),
        (np.ones((20, 2)), -np.ones(20), "sample_weight"),
        (np.ones((20, 2)), np.zeros(20), "sample_weight"),
        (np.empty((0, 2)), None, "0 sample"),
    ],
)
def test_bad_data(method, X, weight, text):
    with pytest.raises(ValueError, match=text):
        getattr(MiniBatchKMeans(3), method)(X, sample_weight=weight)


def test_duplicates_only():
    X = np.full((50, 2), 3.0)
    model = MiniBatchKMeans(4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.cluster_centers_, 3.0)
    assert model.inertia_ == 0
