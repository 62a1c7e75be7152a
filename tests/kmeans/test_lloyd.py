"""K-means: kernels compared with the slow reference, identities, seeds, threads, invalid input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances

from gibbous._ground.isa import core
from gibbous.kmeans.functions import k_means, kmeans_plusplus
from gibbous.kmeans.lloyd import KMeans
from reference import kmeans as slow
from support.blobs import bits, blobs, csr, rows_of

DTYPES = (np.float32, np.float64)
# one column, odd widths, both sides of every vector and group length
SHAPES = ((1, 1, 1), (7, 1, 3), (23, 3, 2), (24, 4, 5), (100, 8, 9), (533, 17, 30), (1300, 33, 13))


def step(X, centers, weight=None, threads=1):
    labels = np.full(X.shape[0], -1, np.int32)
    fresh = np.empty_like(centers)
    out = core.kmeans.step(rows_of(X, weight), centers, labels, fresh, threads)
    return labels, *out, fresh


# Kernels against the reference ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_step_equals_reference(dtype, shape, weighted):
    n, d, k = shape
    X = blobs(n, d, k, seed=n, dtype=dtype)
    centers = X[:k].copy()
    weight = np.random.default_rng(1).uniform(0, 3, n).astype(dtype) if weighted else None
    labels, inertia, changed, shift, moved, fresh = step(X, centers, weight)
    w = None if weight is None else weight.astype(float)
    want, want_inertia, want_centers, want_moved = slow.lloyd_step(
        X.astype(float), centers.astype(float), w
    )
    np.testing.assert_array_equal(labels, want)
    assert inertia == pytest.approx(want_inertia, rel=1e-6 if dtype == np.float32 else 1e-13)
    assert changed == n
    assert moved == want_moved
    tight = np.finfo(dtype).eps * 8
    np.testing.assert_allclose(fresh, want_centers, rtol=tight, atol=tight)
    moves = ((fresh.astype(float) - centers) ** 2).sum()
    assert shift == pytest.approx(moves, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_step_equals_dense(dtype, index, weighted):
    X = blobs(700, 19, 70, seed=3, dtype=dtype)
    X[X < 0] = 0
    weight = np.random.default_rng(1).uniform(0, 3, 700).astype(dtype) if weighted else None
    dense = step(X, X[:70].copy(), weight)
    sparse = step(csr(X, index), X[:70].copy(), weight)
    np.testing.assert_array_equal(sparse[0], dense[0])
    rel = 1e-5 if dtype == np.float32 else 1e-12
    assert sparse[1] == pytest.approx(dense[1], rel=rel)
    np.testing.assert_allclose(sparse[-1], dense[-1], rtol=rel, atol=rel)


def test_rows_with_duplicate_stored_entries_are_summed():
    X = sp.csr_array((np.array([1.0, 2.0, 5.0]), np.array([0, 0, 1]), np.array([0, 2, 3])))
    with_sum = KMeans(2, init=np.array([[3.0, 0], [0, 5.0]])).fit(X)
    assert with_sum.inertia_ == 0
    assert X.nnz == 3, "the user's matrix must not change"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shift", "scale"), [(0, 1), (1e6, 1), (-1e6, 1), (0, "columns"), (1e3, "columns"), (0, 1e-12)]
)
def test_labels_and_inertia_far_from_the_origin_and_badly_scaled(dtype, shift, scale):
    X = blobs(600, 12, 20, seed=5)
    if scale == "columns":
        X *= 10.0 ** np.linspace(-3, 3, 12)
        X[:, -1] = np.round(X[:, -1], -4)  # a large column with few values: the small ones decide
    else:
        X *= scale
    X = (X + shift).astype(dtype)
    centers = X[::30].copy()
    labels, inertia, *_ = step(X, centers)
    d2 = slow.distances2(X, centers)
    least = d2.min(1)
    got = d2[np.arange(len(X)), labels]
    # the distance of the label is minimal up to the rounding of a sum of 12 squares
    np.testing.assert_allclose(
        got.astype(float), least.astype(float), rtol=20 * np.finfo(dtype).eps
    )
    assert inertia == pytest.approx(float(least.sum()), rel=40 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_go_to_the_lowest_center(dtype):
    X = np.array([[0.5], [1.5], [2.5]], dtype=dtype)
    centers = np.array([[0], [1], [2], [1], [3]], dtype=dtype)
    np.testing.assert_array_equal(step(X, centers)[0], [0, 1, 2])
    many = np.repeat(centers[1:2], 40, axis=0)
    np.testing.assert_array_equal(step(X, many)[0], [0, 0, 0])
    np.testing.assert_array_equal(step(csr(X), many)[0], [0, 0, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_label_of_a_row_does_not_depend_on_other_rows(dtype):
    X = np.round(blobs(500, 6, 30, seed=8), 1).astype(dtype)
    model = KMeans(30, init=np.round(X[:30], 0), max_iter=1, n_init=1, tol=0).fit(X)
    together = model.predict(X)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(alone, together)


def test_relocation_moves_the_farthest_rows_to_empty_clusters():
    X = np.array([[0.0], [1.0], [2.0], [50.0], [90.0]])
    centers = np.array([[1.0], [1000.0], [2000.0]])
    *_, moved, fresh = step(X, centers)
    assert moved == [1, 2]
    np.testing.assert_array_equal(fresh, [[1.0], [90.0], [50.0]])
    light = np.array([1.0, 1, 1, 1, 0])  # a row without weight must not become a center
    *_, moved, fresh = step(X, centers, light)
    np.testing.assert_array_equal(fresh, [[1.5], [50.0], [0.0]])  # rows 0 and 2 are equidistant


def test_relocation_is_recorded_in_the_history():
    X = np.array([[0.0], [1.0], [2.0], [50.0]])
    model = KMeans(2, init=np.array([[1.0], [1000.0]]), n_init=1).fit(X)
    assert model.history_.events == ("iteration 1: empty cluster 1 relocated",)
    np.testing.assert_array_equal(model.cluster_centers_, [[1.0], [50.0]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[2] > 1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_pruned_plusplus_equals_unpruned(dtype, shape, weighted, sparse):
    n, d, k = shape
    X = blobs(n, d, k, seed=11, dtype=dtype, spread=30)
    if sparse:
        X[X < 0] = 0
    weight = np.random.default_rng(1).uniform(0, 3, n).astype(dtype) if weighted else None
    for seed in range(5):
        rows = [plusplus_rows(X, k, 4, seed, weight, prune, sparse) for prune in (True, False)]
        np.testing.assert_array_equal(*rows)


def plusplus_rows(X, k, trials, seed, weight=None, prune=True, sparse=False, threads=1):
    rows = rows_of(csr(X) if sparse else X, weight)
    return core.kmeans.plusplus(rows, k, trials, seed, threads, prune)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("trials", [1, 5, 11])
def test_plusplus_equals_reference(weighted, sparse, trials):
    X = blobs(900, 5, 12, seed=2, spread=10)
    weight = np.random.default_rng(1).uniform(0, 3, 900) if weighted else None
    for seed in range(3):
        want = slow.plusplus(
            X, 12, trials, lambda s, t, seed=seed: core.uniform(seed, 1, s, t), weight
        )
        np.testing.assert_array_equal(
            plusplus_rows(X, 12, trials, seed, weight, True, sparse), want
        )


def test_plusplus_draws_proportionally_to_weight_and_squared_distance():
    # two steps, one trial: P(i then j) = w_i / W * w_j d_ij / sum_l w_l d_il
    X = np.array([[0.0], [1.0], [3.0], [7.0]])
    w = np.array([1.0, 2.0, 0.0, 3.0])
    seed = np.random.SeedSequence().entropy % 2**32
    n = 20_000
    seen = np.zeros((4, 4))
    for s in range(n):
        i, j = plusplus_rows(X, 2, 1, seed + s, w)
        seen[i, j] += 1
    d2 = (X - X.T) ** 2
    p = (w / w.sum())[:, None] * (w * d2) / (w * d2).sum(1, keepdims=True)
    sigma = np.sqrt(n * p * (1 - p))
    assert (np.abs(seen - n * p) <= 5 * sigma).all(), f"seed {seed}: {seen} against {n * p}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [False, True])
def test_transform_equals_pairwise_distances(dtype, sparse):
    X = blobs(300, 7, 21, seed=4, dtype=dtype)
    model = KMeans(21, random_state=0).fit(X)
    got = model.transform(csr(X) if sparse else X)
    assert got.dtype == dtype
    want = pairwise_distances(X.astype(float), model.cluster_centers_.astype(float))
    np.testing.assert_allclose(got, want, rtol=1e-5 if dtype == np.float32 else 1e-12)
    own = model.transform(csr(model.cluster_centers_) if sparse else model.cluster_centers_)
    np.testing.assert_array_equal(np.diagonal(own), 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_mean_variance(dtype, shift):
    X = (blobs(3000, 5, 4, seed=6) + shift).astype(dtype)
    want = X.astype(np.longdouble).var(axis=0).mean()
    for threads in (1, 3):
        assert core.kmeans.mean_variance(core.rows(X), threads) == pytest.approx(
            float(want), rel=1e-9
        )


# Identities -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [False, True])
def test_inertia_never_increases(dtype, sparse):
    X = blobs(2000, 5, 3, seed=9, dtype=dtype, spread=1)
    model = KMeans(40, init="random", n_init=1, tol=0, random_state=3).fit(csr(X) if sparse else X)
    values = np.array(model.history_.values)
    assert len(values) == model.n_iter_ > 3
    assert (np.diff(values) <= 1e-6 * values[0] * (dtype == np.float32) + 1e-12 * values[0]).all()
    assert model.inertia_ <= values[-1] * (1 + 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("kind", ["blobs", "one cloud", "grid"])
def test_bounds_do_not_change_the_result(dtype, shift, kind):
    X = blobs(4000, 7, 12, seed=31, spread=3 if kind == "blobs" else 0.3)
    if kind == "grid":  # many ties
        X = np.round(X)
    X = (X + shift).astype(dtype)
    weight = np.random.default_rng(1).uniform(0.5, 2, 4000).astype(dtype)
    bounds = np.zeros(4000, dtype), np.zeros(20)
    start = X[:20].copy()
    start[3] = 1e3 + shift  # empty at first, so that a center jumps
    centers = [start.copy(), start.copy()]
    labels = [np.full(4000, -1, np.int32) for _ in centers]
    fresh = [np.empty_like(start) for _ in centers]
    settled = 0
    rows = core.rows(X, weight)
    for _ in range(25):
        a = core.kmeans.step(rows, centers[0], labels[0], fresh[0], 2, *bounds)
        b = core.kmeans.step(rows, centers[1], labels[1], fresh[1], 1)
        assert a == b
        np.testing.assert_array_equal(labels[0], labels[1])
        np.testing.assert_array_equal(fresh[0], fresh[1])
        # they are bounds: no center other than that of the row was closer
        d = np.sqrt(np.sort(slow.distances2(X[:300], centers[0]), axis=1)).astype(float)
        assert (bounds[0][:300] <= d[:, 1] * (1 + 1e-5) + 1e-6).all()
        settled += (bounds[0][:300] > d[:, 0]).sum()
        centers, fresh = fresh, centers
    assert settled > 1000  # and they are useful


@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(DTYPES),
    n=st.sampled_from([1, 23, 500, 3000]),
    d=st.sampled_from([1, 3, 8, 33]),
    k=st.sampled_from([1, 2, 5, 17, 64, 130]),
)
@settings(max_examples=60)
def test_bounds_do_not_change_the_result_for_any_movement_of_centers(seed, dtype, n, d, k):
    # few centers that move far and many that hardly move: rows are compared with some of them only
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(k, d)) * 4
    X = (places[rng.integers(0, k, n)] + rng.normal(size=(n, d))).astype(dtype)
    if seed % 3 == 0:  # ties
        X, places = np.round(X), np.round(places)
    centers, drift = places.astype(dtype), np.zeros(k)
    lower, labels = np.zeros(n, dtype), [np.full(n, -1, np.int32) for _ in range(2)]
    fresh = [np.empty_like(centers) for _ in labels]
    rows = core.rows(X)
    for _ in range(6):
        a = core.kmeans.step(rows, centers, labels[0], fresh[0], 2, lower, drift)
        b = core.kmeans.step(rows, centers, labels[1], fresh[1], 1)
        assert a == b
        np.testing.assert_array_equal(labels[0], labels[1])
        np.testing.assert_array_equal(fresh[0], fresh[1])
        far = 10.0 ** rng.uniform(-4, rng.choice([-2.0, 0.5]), k) * (rng.random(k) < 0.7)
        step = rng.normal(size=(k, d)) * far[:, None]
        moved = (centers.astype(float) + step).astype(dtype)
        drift[:] = np.linalg.norm(moved.astype(float) - centers, axis=1) * (1 + 1e-6)
        centers = moved


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_fixed_point(algorithm):
    X = blobs(1500, 4, 6, seed=10)
    model = KMeans(6, tol=0, algorithm=algorithm, random_state=0).fit(X)
    assert model.history_.converged and model.history_.stop_reason == "converged"
    labels, inertia, centers, _ = slow.lloyd_step(X, model.cluster_centers_)
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_allclose(centers, model.cluster_centers_, rtol=1e-12, atol=1e-12)
    assert model.inertia_ == pytest.approx(inertia, rel=1e-12)
    assert -model.score(X) == model.inertia_


@given(seed=st.integers(0, 2**32 - 1), shift=st.sampled_from([0.0, 1e4]))
@settings(max_examples=25, deadline=None)
def test_weights_equal_repetition(seed, shift):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(60, 3)), 2) + shift
    weight = rng.integers(0, 4, 60)
    weight[:4] = 1
    start = X[:4].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weighted = KMeans(4, init=start, n_init=1).fit(X, sample_weight=weight)
        repeated = KMeans(4, init=start, n_init=1).fit(np.repeat(X, weight, axis=0))
    # relative to the data: coordinates of a center may be pure rounding if its rows add up to 0
    close = 1e-12 * np.abs(X).max()
    np.testing.assert_allclose(
        weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-12, atol=close
    )
    assert weighted.inertia_ == pytest.approx(repeated.inertia_, rel=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("max_iter", [1, 2, 300])
def test_labels_equal_those_of_predict(dtype, max_iter):
    X = blobs(800, 9, 12, seed=12, dtype=dtype) + dtype(100)
    model = KMeans(12, max_iter=max_iter, random_state=1).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.cluster_centers_.dtype == dtype
    assert -model.score(X) == pytest.approx(model.inertia_, rel=1e-6)


def test_equals_scikit_learn_from_the_same_start():
    from sklearn.cluster import KMeans as Peer

    X = blobs(3000, 8, 10, seed=13, spread=1.5)
    for max_iter in (1, 3, 20):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            ours = KMeans(10, init=X[:10], n_init=1, max_iter=max_iter).fit(X)
            peer = Peer(10, init=X[:10], n_init=1, max_iter=max_iter).fit(X)
        np.testing.assert_array_equal(ours.labels_, peer.labels_)
        np.testing.assert_allclose(ours.cluster_centers_, peer.cluster_centers_, rtol=1e-9)
        assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-9)
        assert ours.n_iter_ == peer.n_iter_


# Threads, seeds, layouts ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_same_bits_for_any_number_of_threads(dtype, sparse, weighted):
    X = blobs(6000, 24, 60, seed=14, dtype=dtype)
    if sparse:
        X[X < 1] = 0
    weight = np.random.default_rng(1).uniform(0, 3, 6000) if weighted else None
    data = csr(X) if sparse else X
    results = [
        bits(KMeans(60, random_state=5, n_jobs=jobs, max_iter=4).fit(data, sample_weight=weight))
        for jobs in (1, 2, 3, 7)
    ]
    assert all(r == results[0] for r in results)
    model = KMeans(60, random_state=5, max_iter=1).fit(data)
    out = [model.set_params(n_jobs=jobs).transform(data).tobytes() for jobs in (1, 2, 3, 7)]
    assert all(o == out[0] for o in out)


def test_sums_with_one_owner_per_cluster_equal_partial_sums():
    # so many columns that copies of the sums exceed the budget
    X = sp.random_array((600, 40_000), density=0.002, format="csr", rng=np.random.default_rng(3))
    dense = X.toarray()
    first = KMeans(30, init=dense[:30], n_init=1, max_iter=2, n_jobs=1).fit(X)
    assert bits(first) == bits(KMeans(30, init=dense[:30], n_init=1, max_iter=2, n_jobs=3).fit(X))
    one = KMeans(30, init=dense[:30], n_init=1, max_iter=1).fit(X)
    labels = KMeans(30, init=dense[:30], n_init=1, max_iter=1).fit(dense).labels_
    np.testing.assert_array_equal(one.labels_, labels)
    start = step(X, dense[:30])[0]
    for cluster in range(30):
        mean = dense[start == cluster].mean(axis=0)
        np.testing.assert_allclose(one.cluster_centers_[cluster], mean, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "state",
    [0, 2**32 - 1, np.random.SeedSequence(3), "RandomState", "Generator"],
)
def test_same_seed_gives_the_same_result(state):
    X = blobs(400, 3, 5, seed=15)
    make = {
        "RandomState": lambda: np.random.RandomState(4),
        "Generator": lambda: np.random.default_rng(4),
    }.get(state, lambda: state)
    first = KMeans(5, init="random", random_state=make()).fit(X)
    assert bits(first) == bits(KMeans(5, init="random", random_state=make()).fit(X))
    assert first.history_.seed is not None
    assert len(first.history_.starts) == 10


def test_starts_differ_and_the_best_is_kept():
    X = blobs(500, 2, 30, seed=16)
    model = KMeans(15, n_init=8, max_iter=5, random_state=0).fit(X)
    assert len(set(model.history_.starts)) > 1
    assert model.history_.best_start == int(np.argmin(model.history_.starts))


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_layout_does_not_change_the_result(dtype):
    X = blobs(300, 6, 4, seed=17, dtype=dtype)
    want = bits(KMeans(4, random_state=0).fit(X))
    frozen = X.copy()
    frozen.flags.writeable = False
    wide = np.zeros((300, 12), dtype)
    wide[:, ::2] = X
    for other in (np.asfortranarray(X), frozen, wide[:, ::2], X[::-1][::-1], X.tolist()):
        if isinstance(other, list) and dtype == np.float32:
            continue  # a list is read as float64
        assert bits(KMeans(4, random_state=0).fit(other)) == want
    for container in (sp.csr_matrix, sp.csc_array, sp.coo_array):
        model = KMeans(4, random_state=0).fit(container(X))
        np.testing.assert_array_equal(model.labels_, KMeans(4, random_state=0).fit(X).labels_)


def test_prediction_in_another_dtype():
    X = blobs(200, 4, 3, seed=18)
    model = KMeans(3, random_state=0).fit(X)
    np.testing.assert_array_equal(model.predict(X.astype(np.float32)), model.labels_)
    single = KMeans(3, random_state=0).fit(X.astype(np.float32))
    assert single.transform(X).dtype == np.float64


# Starts, callbacks, interrupts, the estimator's interface -------------------------------------


def test_callable_start_gets_the_data_and_a_random_state():
    X = blobs(100, 3, 4, seed=19)
    seen = []

    def start(data, k, random_state):
        seen.append((data.shape, k, type(random_state)))
        return data[random_state.permutation(len(data))[:k]]

    KMeans(4, init=start, n_init=2, random_state=0).fit(X)
    assert seen == [((100, 3), 4, np.random.RandomState)] * 2


def test_callback_sees_each_iteration_and_can_stop():
    X = blobs(500, 3, 10, seed=20, spread=1)
    told = []

    def callback(progress):
        told.append(progress)
        return progress.iteration == 3

    model = KMeans(10, tol=0, init="random", n_init=4, random_state=0).fit(X, callback=callback)
    assert [p.iteration for p in told] == [1, 2, 3]
    assert [p.value for p in told] == list(model.history_.values)
    assert model.history_.stop_reason == "callback" and model.n_iter_ == 3
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_error_in_the_callback_propagates():
    def fail(progress):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        KMeans(2).fit(np.arange(8.0).reshape(4, 2), callback=fail)


def test_k_means_function():
    X = blobs(200, 3, 4, seed=21)
    centers, labels, inertia, n_iter = k_means(X, 4, random_state=0, return_n_iter=True)
    model = KMeans(4, random_state=0).fit(X)
    assert (centers.tobytes(), labels.tobytes(), inertia) == bits(model)
    assert n_iter == model.n_iter_


def test_plusplus_function():
    X = blobs(200, 3, 4, seed=22)
    centers, rows = kmeans_plusplus(X, 6, random_state=1)
    np.testing.assert_array_equal(centers, X[rows])
    assert len(set(rows)) == 6
    np.testing.assert_array_equal(rows, kmeans_plusplus(csr(X), 6, random_state=1)[1])
    np.testing.assert_array_equal(rows, kmeans_plusplus(X, 6, random_state=1, n_jobs=3)[1])
