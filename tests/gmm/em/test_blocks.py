"""Gaussian mixtures of rows read in blocks: the same result as in memory, with little memory."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gibbous._rows.blocks as blocks
import gibbous._rows.sample as samples
import gibbous._rows.weights as weights
from gibbous import GaussianMixture
from support.block_rows import close, mapped, rows_of, same_bits, small_blocks, start_of  # noqa: F401
from support.ctrl_c import answered_ctrl_c
from support.em import em_in_blocks

TYPES = ["full", "tied", "diag", "spherical"]
INITS = ["kmeans", "k-means++", "random", "random_from_data"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- the same result ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("d", "k"), [(1, 2), (4, 3), (24, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_in_blocks_equals_a_fit_in_memory(kind, d, k, weighted, tmp_path):
    X, means = rows_of(3001, d, k, seed=d)
    weight = np.random.default_rng(0).uniform(0, 2, len(X)) if weighted else None
    model = GaussianMixture(k, covariance_type=kind, **start_of(kind, k, means))
    whole = model.fit(X, sample_weight=weight)
    told = whole.predict(X), whole.predict_proba(X), whole.score_samples(X)
    score = whole.score(X, sample_weight=weight), whole.bic(X), whole.aic(X)
    source = mapped(X, tmp_path / "x")
    parts = GaussianMixture(k, covariance_type=kind, **start_of(kind, k, means))
    parts.fit(source, sample_weight=weight)
    close(parts, whole, 1e-10)
    assert parts.n_features_in_ == d
    assert (whole.predict(source) == told[0]).all()
    assert (whole.predict_proba(source) == told[1]).all()
    assert (whole.score_samples(source) == told[2]).all()
    again = whole.score(source, sample_weight=weight), whole.bic(source), whole.aic(source)
    assert np.allclose(again, score, rtol=1e-12)


def test_survey_covers_all_blocks():
    X, _ = rows_of(1100, 3, 2)
    X[300:310] *= 50.0  # the widest rows are in the second block
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    step = em_in_blocks([X], weight, covariance_type="tied", k=2).expectation
    w, z = weight / weight.mean(), X - X[:256].mean(0)
    assert np.allclose(step.center, X[:256].mean(0), rtol=1e-12)
    assert np.allclose(step.spread, np.abs(z).max(0), rtol=1e-12)
    assert step.radius2 == pytest.approx((z**2).sum(1).max(), rel=1e-12)
    assert np.allclose(step.scatter, (w[:, None] * z).T @ z, rtol=1e-12)
    assert step.total == pytest.approx(len(X), rel=1e-12)
    assert step.rows.mass == pytest.approx(weight.sum(), rel=1e-12)
    moments = step.moments_of_all()
    assert np.allclose(moments.means[0], np.average(X, axis=0, weights=weight), rtol=1e-12)
    expected = np.cov(X.T, aweights=weight, bias=True)
    assert np.allclose(moments.covariances, expected, rtol=1e-10)


@pytest.mark.parametrize("kind", TYPES)
def test_narrow_components_far_apart_in_sorted_rows(kind):
    # the first and the last block are within one narrow component, and only others show the extent
    # of the rows: sums about the center of the first block would cancel
    rng = np.random.default_rng(0)
    X = 1e-3 * rng.standard_normal((1500, 2))
    X[500:1000] += 1e3
    start = start_of(kind, 2, np.array([[0.0, 0.0], [1e3, 1e3]]))
    start["precisions_init"] = start["precisions_init"] * 1e6
    base = dict(covariance_type=kind, reg_covar=0.0, **start)
    whole = GaussianMixture(2, **base).fit(X)
    parts = GaussianMixture(2, **base).fit([X])
    # an ulp of the rows is 1e-13, and 1e-10 relative to their widths
    assert np.abs(parts.covariances_ - whole.covariances_).max() < 1e-8 * 1e-6
    assert np.allclose(parts.lower_bounds_, whole.lower_bounds_, rtol=1e-9)


@pytest.mark.parametrize("kind", TYPES)
def test_float32_stays_float32(kind, tmp_path):
    X, means = rows_of(3000, 4, 3, dtype=np.float32)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    whole = GaussianMixture(3, covariance_type=kind, **start_of(kind, 3, means))
    whole.fit(X, sample_weight=weight)
    parts = GaussianMixture(3, covariance_type=kind, **start_of(kind, 3, means))
    parts.fit(mapped(X, tmp_path / "x"), sample_weight=weight)
    assert parts.means_.dtype == np.float32
    close(parts, whole, 1e-5)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("init", INITS)
def test_starts_equal_those_in_memory_if_the_sample_has_all_rows(kind, init, tmp_path):
    X, _ = rows_of(2000, 3, 3, seed=1)
    weight = np.random.default_rng(0).uniform(0.1, 2, len(X))
    base = dict(
        covariance_type=kind, init_params=init, random_state=4, max_iter=3, tol=0.0, reg_covar=1e-2
    )
    whole = GaussianMixture(3, n_init=2, **base).fit(X, sample_weight=weight)
    parts = GaussianMixture(3, n_init=2, **base)
    parts.fit(mapped(X, tmp_path / "x"), sample_weight=weight)
    close(parts, whole, 1e-10)
    assert np.allclose(parts.history_.starts, whole.history_.starts, rtol=1e-10)
    assert parts.history_.seed == whole.history_.seed


def sources(X, folder):
    yield mapped(X, folder / "x")
    yield [X]
    yield [X[:1], X[1:1], X[1:700], X[700:]]
    yield tuple(np.array_split(X, 11))
    yield lambda: (X[i : i + 57] for i in range(0, len(X), 57))

    class Rows:
        def __iter__(self):
            return iter(np.array_split(np.asfortranarray(X), 3))

    yield Rows()


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("sample", [100, 10**6])
def test_block_boundaries_do_not_change_the_result(init, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "SAMPLE_ROWS", sample)
    X, _ = rows_of(1500, 3, 3, seed=2)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    weight[::5] = 0.0
    first = None
    for source in sources(X, tmp_path):
        model = GaussianMixture(3, init_params=init, random_state=1, max_iter=3, reg_covar=1e-2)
        model.fit(source, sample_weight=weight)
        first = first or model
        same_bits(model, first)
        assert (model.predict(source) == first.predict(X)).all()


@given(cuts=st.lists(st.integers(0, 900), max_size=8), jobs=st.sampled_from([1, 2, 3]))
@settings(max_examples=15, deadline=None)
def test_arbitrary_block_boundaries_do_not_change_the_result(cuts, jobs):
    X, means = rows_of(900, 2, 2, seed=3)
    base = start_of("full", 2, means)
    one = GaussianMixture(2, **base).fit([X])
    many = GaussianMixture(2, n_jobs=jobs, **base).fit(np.split(X, sorted(cuts)))
    same_bits(one, many)


@pytest.mark.parametrize("kind", TYPES)
def test_equal_bits_for_any_number_of_threads(kind, tmp_path):
    X, _ = rows_of(5000, 6, 4, seed=4)
    source = mapped(X, tmp_path / "x")
    models = [
        GaussianMixture(4, covariance_type=kind, random_state=0, max_iter=3, n_jobs=jobs).fit(
            source
        )
        for jobs in (1, 2, 3, 7)
    ]
    for other in models[1:]:
        same_bits(models[0], other)


def test_start_from_a_sample_is_good_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "SAMPLE_ROWS", 300)
    X, _ = rows_of(20000, 2, 4, seed=5, spread=8.0)
    whole = GaussianMixture(4, random_state=0, tol=1e-8, max_iter=200).fit(X)
    for init in INITS[:2]:
        parts = GaussianMixture(4, random_state=0, tol=1e-8, max_iter=200, init_params=init)
        parts.fit(mapped(X, tmp_path / "x"))
        assert parts.lower_bound_ == pytest.approx(whole.lower_bound_, abs=1e-4)


def test_small_sources_are_fitted_like_arrays(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "SMALL_BYTES", 64 << 20)
    X, _ = rows_of(2000, 3, 3, seed=6)
    plain = GaussianMixture(3, random_state=0).fit(X)
    for source in sources(X, tmp_path):
        same_bits(GaussianMixture(3, random_state=0).fit(source), plain)
    bad = X.copy()
    bad[1500, 2] = np.inf
    with pytest.raises(ValueError, match="contains infinity: row 1500, column 2"):
        GaussianMixture(3).fit([bad[:9], bad[9:]])


def test_sample_includes_every_row_with_equal_probability():
    n, size = 2000, 200
    counts = np.zeros(n)
    weight = np.ones(n)
    weight[:500] = 0.0
    for key in range(150):
        sample = samples.Sample(key, 1, 1, np.dtype(float))
        sample.size = size
        for part in np.split(np.arange(n), [100, 900, 901]):
            sample.offer(part[:, None].astype(float), weight[part])
        taken = sample.rows[:, 0].astype(int)
        assert len(taken) == size and (np.diff(taken) > 0).all()
        assert (sample.weight == 1.0).all()
        counts[taken] += 1
    # 1500 rows, each in a sample of 200 with probability 2 / 15
    p = size / 1500
    assert not counts[:500].any()
    squares = ((counts[500:] - 150 * p) ** 2 / (150 * p * (1 - p))).sum()
    assert abs(squares - 1500) < 5 * np.sqrt(2 * 1500)


# ---- errors ----


def test_one_shot_iterators():
    X, _ = rows_of(100, 2, 2)
    for source in ((X for _ in range(3)), iter([X]), map(np.asarray, [X])):
        with pytest.raises(TypeError, match=r"can be passed over only once.*lambda: read_blocks"):
            GaussianMixture(2).fit(source)
    model = GaussianMixture(2, random_state=0).fit(X)
    with pytest.raises(TypeError, match="can be passed over only once"):
        model.predict(X for _ in range(2))


@pytest.mark.parametrize(
    ("pieces", "error", "text"),
    [
        (
            [np.ones((3, 2)), np.ones((3, 3))],
            ValueError,
            "block 1 of X has 3 columns and block 0 has 2",
        ),
        ([np.ones((3, 2)), np.ones(2)], ValueError, "block 1 of X has 1 dimensions"),
        ([np.ones((3, 2), np.float32), np.ones((3, 2))], ValueError, "block 1 of X is float64"),
        ([np.ones((3, 2)), [["a", "b"]]], TypeError, "block 1 of X is not a numeric array"),
        ([np.ones((3, 2)), None], ValueError, "block 1 of X has 0 dimensions"),
        ([np.ones((3, 2)) + 1j], TypeError, "block 0 of X is not a numeric array: its dtype"),
        ([np.ones((3, 0))], ValueError, "block 0 of X has no columns"),
        ([np.ones((1, 2))], ValueError, "n_components = 2, n_samples = 1"),
        (lambda: [], ValueError, "X gave no block"),
        (lambda: 3, TypeError, "has to return an iterator over blocks of rows; it returned a int"),
    ],
)
def test_blocks_that_cannot_be_used(pieces, error, text):
    with pytest.raises(error, match=text):
        GaussianMixture(2).fit(pieces)


def test_sparse_blocks_and_sparse_rows():
    import scipy.sparse as sp

    with pytest.raises(TypeError, match="block 1 of X is sparse"):
        GaussianMixture(2).fit([np.eye(3), sp.eye(3).tocsr()])
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        GaussianMixture(2).fit(sp.eye(3).tocsr())


def test_memmap_that_is_not_two_dimensional(tmp_path):
    X, _ = rows_of(100, 2, 2)
    flat = mapped(X.ravel(), tmp_path / "x")
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        GaussianMixture(2).fit(flat)
    with pytest.raises(TypeError, match="memmap of dtype complex128, which is not numeric"):
        GaussianMixture(2).fit(mapped(X + 1j, tmp_path / "c"))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_error_for_invalid_values_names_the_row(value, tmp_path):
    X, _ = rows_of(1000, 3, 2)
    model = GaussianMixture(2, random_state=0).fit(X)
    X[777, 1] = value
    for source in (mapped(X, tmp_path / "x"), np.array_split(X, 9)):
        for call in (GaussianMixture(2).fit, model.predict, model.score):
            with pytest.raises(ValueError, match="contains infinity: row 777, column 1"):
                call(source)
    huge = np.full((600, 2), 1e308)  # finite, although their sum is not
    huge[::2] = 1.0
    with pytest.raises(
        ValueError, match=r"log-likelihood of X is not finite|squared distances overflow"
    ):
        GaussianMixture(1).fit([huge])


def test_row_with_zero_density_under_all_components(tmp_path):
    X, _ = rows_of(1000, 2, 2)
    model = GaussianMixture(2, random_state=0).fit(X)
    X[700] = 1e170
    with pytest.raises(
        ValueError, match="block of X that starts at row 512: row 188 of X is so far"
    ):
        model.predict(mapped(X, tmp_path / "x"))


def test_truncated_file(tmp_path):
    X, means = rows_of(2000, 3, 2)
    source = mapped(X, tmp_path / "x")
    seen = []

    def cut(progress):
        seen.append(progress.iteration)
        os.truncate(tmp_path / "x", X.nbytes - 5000)

    model = GaussianMixture(2, **start_of("full", 2, means))
    with pytest.raises(ValueError, match=r"cut short: block 6 of X, rows 1536 to 1791.*bytes"):
        model.fit(source, callback=cut)
    assert seen == [1]
    with pytest.raises(ValueError, match="cut short: block 6"):
        GaussianMixture(2, random_state=0).fit(X).predict(source)


def test_blocks_that_change_between_passes():
    X, means = rows_of(1000, 2, 2)
    calls = []

    def pieces():
        calls.append(None)
        return iter([X if len(calls) < 4 else X[:900]])

    with pytest.raises(ValueError, match="gave 1000 rows in the first pass and 900 in a later one"):
        GaussianMixture(2, **start_of("full", 2, means)).fit(pieces)
    calls.clear()

    def spoilt():
        calls.append(None)
        rows = X.copy()
        rows[321, 0] = np.nan if len(calls) > 4 else 0.0
        return iter([rows])

    with pytest.raises(ValueError, match="contains NaN: row 321, column 0"):
        GaussianMixture(2, **start_of("full", 2, means)).fit(spoilt)


# ---- weights ----


def test_weights_from_a_file_and_one_number(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_WEIGHTS", 100)
    X, means = rows_of(1500, 3, 2)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    base = start_of("full", 2, means)
    source = mapped(X, tmp_path / "x")
    plain = GaussianMixture(2, prior="fraley-raftery", **base).fit(source, sample_weight=weight)
    kept = mapped(weight, tmp_path / "w", offset=8)
    got = GaussianMixture(2, prior="fraley-raftery", **base).fit(source, sample_weight=kept)
    same_bits(got, plain)
    assert got.posterior_ == plain.posterior_
    assert plain.score(source, sample_weight=kept) == plain.score(source, sample_weight=weight)
    whole = GaussianMixture(2, prior="fraley-raftery", **base).fit(X, sample_weight=weight)
    assert plain.n_samples_seen_ == pytest.approx(whole.n_samples_seen_)
    close(plain, whole, 1e-10)
    one = GaussianMixture(2, prior="fraley-raftery", **base).fit(source, sample_weight=2.5)
    assert one.n_samples_seen_ == 2.5 * len(X)
    ones = GaussianMixture(2, prior="fraley-raftery", **base)
    close(one, ones.fit(source, sample_weight=np.full(len(X), 2.5)), 1e-12)
    os.truncate(tmp_path / "w", 4000)
    with pytest.raises(ValueError, match=r"sample_weight's file .* was cut short: entries 400 to"):
        GaussianMixture(2, **base).fit(source, sample_weight=kept)


@pytest.mark.parametrize(
    ("weight", "error", "text"),
    [
        (np.r_[np.ones(699), -1.0, np.ones(300)], ValueError, "entry 699 is -1.0; weights must be"),
        (np.r_[np.ones(999), np.inf], ValueError, "entry 999 is inf"),
        (np.zeros(1000), ValueError, "must not be all zero"),
        (np.ones(999), ValueError, r"shape == \(999,\), expected \(1000,\)"),
        (np.ones(1001), ValueError, r"shape == \(1001,\), expected \(1000,\)"),
        (np.ones((1000, 1)), ValueError, "1D array or scalar"),
        (["x"] * 1000, TypeError, "sample_weight must be numbers"),
        (-1.0, ValueError, "weights must be >= 0"),
    ],
)
def test_bad_weights(weight, error, text, monkeypatch):
    monkeypatch.setattr(weights, "_WEIGHTS", 100)
    X, _ = rows_of(1000, 2, 2)
    with pytest.raises(error, match=text):
        GaussianMixture(2).fit([X], sample_weight=weight)


# ---- in combination with other options ----


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("prior", [None, "fraley-raftery"])
def test_priors_posteriors_and_later_batches(kind, prior, tmp_path):
    X, means = rows_of(2000, 3, 2, seed=7)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    base = dict(covariance_type=kind, prior=prior, **start_of(kind, 2, means))
    whole = GaussianMixture(2, **base).fit(X, sample_weight=weight)
    parts = GaussianMixture(2, **base).fit(mapped(X, tmp_path / "x"), sample_weight=weight)
    close(parts, whole, 1e-10)
    if prior:
        assert np.allclose(parts.prior_.covariance, whole.prior_.covariance, rtol=1e-11)
        assert np.allclose(parts.posterior_.scale, whole.posterior_.scale, rtol=1e-9)
    for model in (whole, parts):
        model.partial_fit(X[:100])
    close(parts, whole, 1e-9)


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
@pytest.mark.parametrize("weighted", [False, True])
def test_repairs_use_the_same_rows(kind, weighted, tmp_path):
    X, _ = rows_of(800, 2, 1)
    X[400:] += 40.0
    weight = np.random.default_rng(0).choice([0.0, 1.0, 2.0], len(X)) if weighted else None
    start = start_of(kind, 3, np.array([[0.0, 0.0], [1e4, 1e4], [40.0, 40.0]]))
    base = {**start, "on_collapse": "repair"}
    whole = GaussianMixture(3, covariance_type=kind, **base).fit(X, sample_weight=weight)
    parts = GaussianMixture(3, covariance_type=kind, **base)
    parts.fit(mapped(X, tmp_path / "x"), sample_weight=weight)
    assert whole.history_.events == ("repaired component 1 at iteration 1",)
    assert parts.history_.events == whole.history_.events
    close(parts, whole, 1e-9)


def test_a_collapse_counts_the_rows_of_all_blocks(tmp_path):
    rng = np.random.default_rng(1)
    X = np.concatenate([np.zeros((30, 2)), rng.normal(8, 1, (700, 2))])
    start = start_of("full", 2, np.array([[0.0, 0.0], [8.0, 8.0]]))
    start["max_iter"] = 100
    with pytest.raises(ValueError, match="Component 0 collapsed onto 30 of 730 rows"):
        GaussianMixture(2, reg_covar=0.0, **start).fit(mapped(X, tmp_path / "x"))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "more",
    [{"acceleration": "squarem"}, {"init_params": "small-em"}, {"split_merge": 2}],
    ids=["squarem", "small-em", "split and merge"],
)
def test_jumps_short_runs_and_moves(kind, more, tmp_path):
    X, means = rows_of(1200, 2, 3, seed=22, spread=1.5)
    base = dict(covariance_type=kind, random_state=1, tol=1e-6, max_iter=300, **more)
    whole = GaussianMixture(3, **base).fit(X)
    parts = GaussianMixture(3, **base).fit(mapped(X, tmp_path / "x"))
    # rounding decides which jumps are made, and one path may end some tol before another: 1.1e-5
    # was observed; bits are equal for a fixed block size
    assert parts.lower_bound_ == pytest.approx(whole.lower_bound_, abs=1e-4)
    same_bits(GaussianMixture(3, n_jobs=3, **base).fit(np.array_split(X, 5)), parts)
    # a given start draws no sample, and moves need one
    again = GaussianMixture(3, means_init=means, weights_init=np.full(3, 1 / 3), **base)
    again.set_params(precisions_init=start_of(kind, 3, means)["precisions_init"])
    bounds = [again.fit(source).lower_bound_ for source in (mapped(X, tmp_path / "x"), X)]
    assert bounds[0] == pytest.approx(bounds[1], abs=1e-4)


def test_warm_start_callbacks_and_labels(tmp_path):
    X, _ = rows_of(2000, 3, 3, seed=8)
    source = mapped(X, tmp_path / "x")
    whole = GaussianMixture(3, random_state=0, tol=0, max_iter=6).fit(source)
    part = GaussianMixture(3, random_state=0, tol=0, max_iter=3, warm_start=True)
    part.fit(source).fit(source)
    assert (part.means_ == whole.means_).all()
    seen = []
    model = GaussianMixture(3, random_state=0, tol=0)
    model.fit(source, callback=lambda p: seen.append(p.value) or p.iteration == 2)
    assert model.n_iter_ == 2 and model.lower_bounds_ == seen
    labels = GaussianMixture(3, random_state=0, tol=0, max_iter=6).fit_predict(source)
    assert (labels == whole.predict(X)).all()


def test_names_of_columns():
    pd = pytest.importorskip("pandas", reason="data frames are what has names")
    X, _ = rows_of(900, 2, 2)
    frames = [pd.DataFrame(part, columns=["a", "b"]) for part in np.array_split(X, 4)]
    model = GaussianMixture(2, random_state=0).fit(frames)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert (model.predict(frames) == model.predict(pd.concat(frames))).all()
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict([frames[0].rename(columns={"a": "c"})])
    plain = GaussianMixture(2, random_state=0).fit(np.array_split(X, 4))
    with pytest.raises(ValueError, match="X has 3 features, but GaussianMixture is expecting 2"):
        plain.predict([np.ones((4, 3))])


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_interrupts_soon_and_keeps_the_model(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4 << 20)
    X = np.random.default_rng(0).normal(size=(120000, 16))
    source = mapped(X, tmp_path / "x")
    model = GaussianMixture(
        24, init_params="random_from_data", tol=0.0, max_iter=10**6, random_state=0, n_jobs=jobs
    )
    with answered_ctrl_c(0.3, jobs + 1) as press:
        model.fit(source, callback=lambda progress: progress.iteration == 1 and press())
    assert model.history_.stop_reason == "interrupted"
    assert model.n_iter_ >= 1 and np.isfinite(model.means_).all()
    assert not [t for t in threading.enumerate() if t.name.startswith("gibbous-read")]
