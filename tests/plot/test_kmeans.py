"""Plots of clusters show which points they contain, how many, and how well separated they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Polygon
from matplotlib.path import Path
from sklearn.metrics import silhouette_samples

from gibbous import GaussianMixture, KMeans, plot
from gibbous.plot import plane as plot_plane


def axes(n: int = 1) -> Any:
    return Figure().subplots(1, n)


def data(d: int = 2, n: int = 120, k: int = 4) -> Any:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, d)) + rng.uniform(-4, 4, (k, d))[np.arange(n) % k]


def cells_of(ax: Any) -> list[Path]:
    return [Path(p.get_xy()) for p in ax.patches if isinstance(p, Polygon)]


@pytest.mark.parametrize(("d", "k"), [(2, 1), (2, 2), (2, 7), (3, 5), (6, 4)])
def test_regions_match_predict(d: int, k: int) -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print("seed", seed)
    X = data(d)
    model = KMeans(k, random_state=0).fit(X)
    ax = plot.plot_regions(model, X, axes())
    view = plot.View.of(X, None)
    (x0, x1), (y0, y1) = plot_plane.bounds(view.project(X))
    assert (ax.get_xlim(), ax.get_ylim()) == ((x0, x1), (y0, y1))
    at = np.random.default_rng(seed).uniform((x0, y0), (x1, y1), (2000, 2))
    where = at @ view.axes.T + view.mean  # points of the plane itself, in the space of all features
    labels = model.predict(where)
    far = np.sort(((where[:, None] - model.cluster_centers_) ** 2).sum(axis=2), axis=1)
    sure = np.ones(len(at), bool) if k == 1 else far[:, 1] - far[:, 0] > 1e-6
    lift = ((model.cluster_centers_ - view.mean) ** 2).sum(axis=1)
    flat = view.project(model.cluster_centers_)
    found = plot_plane.cells(flat, lift - (flat**2).sum(axis=1), (x0, x1), (y0, y1))
    for label, polygon in enumerate(found):
        inside = Path(polygon).contains_points(at) if len(polygon) else np.zeros(len(at), bool)
        assert np.array_equal(inside[sure], (labels == label)[sure])
    drawn = cells_of(ax)
    assert len(drawn) == sum(len(polygon) > 0 for polygon in found)
    # together they cover the frame
    sides = [p.T for p in found if len(p)]
    area = sum(0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) for x, y in sides)
    assert area == pytest.approx((x1 - x0) * (y1 - y0))
    assert ("principal axes of" in ax.get_title()) == (d > 2)


def test_regions_have_the_colors_of_their_points() -> None:
    X = data()
    model = KMeans(8, random_state=0).fit(X)
    ax = plot.plot_regions(model, X, axes())
    regions = [p for p in ax.patches if isinstance(p, Polygon)]
    for region, color in zip(regions, plot.colors(8), strict=True):
        assert region.get_facecolor()[:3] == pytest.approx(0.25 * color + 0.75)
    # beyond the palette, other markers
    assert [bool(r.get_hatch()) for r in regions] == [False] * 6 + [True] * 2
    points = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert len(points) == 2
    assert sum(len(c.get_offsets()) for c in points) == len(X)
    assert [t.get_text() for t in ax.texts] == [str(k) for k in range(8)]


def test_regions_require_two_features() -> None:
    X = data(1)
    with pytest.raises(ValueError, match="X must have two or more features"):
        plot.plot_regions(KMeans(2, random_state=0).fit(X), X, axes())
    X = data(3)
    with pytest.raises(ValueError, match=r"X must have the 3 features .* got shape \(120, 2\)"):
        plot.plot_regions(KMeans(2, random_state=0).fit(X), X[:, :2], axes())


def test_sizes_are_counts_or_responsibilities() -> None:
    X = data()
    model = KMeans(3, random_state=0).fit(X)
    want = np.bincount(model.labels_)
    for rows in (None, X):
        ax = plot.plot_cluster_sizes(model, rows, axes())
        assert [bar.get_height() for bar in ax.patches] == want.tolist()
    assert [t.get_text() for t in ax.texts] == [str(n) for n in want]
    soft = GaussianMixture(3, random_state=0).fit(X)
    ax = plot.plot_cluster_sizes(soft, X, axes())
    want = soft.predict_proba(X).sum(axis=0)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(want)
    with pytest.raises(ValueError, match="X must be given, as this GaussianMixture has no labels_"):
        plot.plot_cluster_sizes(soft, ax=axes())


def test_silhouettes_equal_those_of_rousseeuw() -> None:
    X = data()
    model = KMeans(3, random_state=0).fit(X)
    ax = plot.plot_silhouette(model, X, axes())
    want = silhouette_samples(X, model.labels_)
    for k, area in enumerate(ax.collections):
        widest = area.get_paths()[0].vertices[:, 0].max()
        assert widest == pytest.approx(want[model.labels_ == k].max())
    assert len(ax.collections) == 3
    assert ax.lines[0].get_xdata() == pytest.approx([want.mean()] * 2)
    assert f"{want.mean():.2f} on average" in ax.get_title()
    with pytest.raises(ValueError, match=r"X must have rows in 2 to .* clusters for silhouettes"):
        plot.plot_silhouette(KMeans(1, random_state=0).fit(X), X, axes())


def scattered(ax: Any) -> tuple[Any, Any, Any]:
    (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    return np.asarray(points.get_offsets()), points.get_facecolors()[:, :3], points.get_sizes()


@pytest.mark.parametrize("d", [2, 5])
def test_half_and_half(d: int) -> None:
    X = data(d, k=3)
    hard = KMeans(3, random_state=3).fit(X)
    soft = GaussianMixture(3, covariance_type="spherical", random_state=0).fit(X)
    pair = axes(2)
    left, right = plot.plot_half_and_half(hard, soft, X, pair)
    assert left is pair[0] and right is pair[1]
    view = plot.View.of(X, None)
    by_place = {tuple(p): i for i, p in enumerate(view.project(X).round(9).tolist())}
    rows = [[by_place[tuple(p)] for p in scattered(ax)[0].round(9).tolist()] for ax in pair]
    # on the right blended by responsibility, larger if more uncertain
    shares = soft.predict_proba(X[rows[1]])
    assert scattered(right)[1] == pytest.approx(shares @ plot.colors(3), abs=1e-9)
    doubt = 1 - shares.max(axis=1)
    assert (np.diff(scattered(right)[2][np.argsort(doubt)]) >= 0).all()
    assert np.ptp(scattered(right)[2]) > 0
    # on the left one color each: that of the component with the nearest mean
    near = ((soft.means_[:, None] - hard.cluster_centers_) ** 2).sum(axis=2).argmin(axis=0)
    assert sorted(near) == [0, 1, 2]
    want = plot.colors(3)[near[hard.predict(X[rows[0]])]]
    assert scattered(left)[1] == pytest.approx(want)
    assert np.ptp(scattered(left)[2]) == 0
    unsure = int((soft.predict_proba(X).max(axis=1) < 0.9).sum())
    assert f"{unsure} of 120 points" in right.get_title()
    # regions and shades are in the plane; with five features they would not match the model
    assert (len(cells_of(left)), len(right.images)) == ((3, 1) if d == 2 else (0, 0))


def test_shades_are_responsibilities() -> None:
    X = data(k=2)
    soft = GaussianMixture(2, random_state=0).fit(X)
    _, ax = plot.plot_half_and_half(KMeans(2, random_state=0).fit(X), soft, X, axes(2))
    (image,) = ax.images
    pixels = np.asarray(image.get_array())
    x0, x1, y0, y1 = image.get_extent()
    high, wide = pixels.shape[:2]
    assert image.origin == "lower"  # the first row of pixels is at y0
    for row, column in ((10, 20), (100, 110), (200, 60)):
        at = [[x0 + (column + 0.5) * (x1 - x0) / wide, y0 + (row + 0.5) * (y1 - y0) / high]]
        blend = soft.predict_proba(np.array(at)) @ plot.colors(2)
        assert pixels[row, column] == pytest.approx(0.75 + 0.25 * blend[0], abs=1e-9)


def test_half_and_half_requires_models_of_the_same_size() -> None:
    X = data()
    soft = GaussianMixture(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="kmeans and mixture must have the same number of groups"):
        plot.plot_half_and_half(KMeans(3, random_state=0).fit(X), soft, X, axes(2))
    two = KMeans(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="axes must be 2 Axes; got 3"):
        plot.plot_half_and_half(two, soft, X, axes(3))
    with pytest.raises(TypeError, match="kmeans must be a fitted KMeans; got GaussianMixture"):
        plot.plot_half_and_half(soft, soft, X, axes(2))
    with pytest.raises(TypeError, match="model must be a fitted mixture; got KMeans"):
        plot.plot_half_and_half(two, two, X, axes(2))


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_pairs_have_the_ellipses_of_two_features(kind: str) -> None:
    X = data(4)
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    panels = plot.plot_pairs(model, X, Figure().subplots(3, 3), features=[3, 0, 2], names="abcd")
    whole = {
        "full": lambda k: model.covariances_[k],
        "tied": lambda k: model.covariances_,
        "diag": lambda k: np.diag(model.covariances_[k]),
        "spherical": lambda k: model.covariances_[k] * np.eye(4),
    }[kind]
    for (row, column), ax in np.ndenumerate(panels):
        ellipses = [p for p in ax.patches if isinstance(p, Ellipse)]
        if row == column:
            assert not ellipses
            # the histogram contains all rows
            assert sum(p.get_height() for p in ax.patches) == pytest.approx(len(X))
            continue
        pick = np.array([3, 0, 2])[[column, row]]
        for at, ellipse in enumerate(ellipses):
            k, sigmas = at // 2, 1 + at % 2
            values = np.linalg.eigvalsh(whole(k)[np.ix_(pick, pick)])
            sides = sorted([ellipse.width, ellipse.height])
            assert sides == pytest.approx(2 * sigmas * np.sqrt(values))
            assert ellipse.center == pytest.approx(tuple(model.means_[k, pick]))
        assert len(ellipses) == 4
        where, _, _ = scattered(ax)
        assert sorted(map(tuple, where)) == sorted(map(tuple, X[:, pick]))
    assert [ax.get_xlabel() for ax in panels[2]] == ["d", "a", "c"]
    assert [ax.get_ylabel() for ax in panels[:, 0]] == ["d", "a", "c"]


def test_pairs_of_missing_features() -> None:
    X = data(3)
    model = KMeans(2, random_state=0).fit(X)
    for features in ([0], [0, 3], list(range(7)), [-1, 0]):
        with pytest.raises(ValueError, match="features must be 2 to 6 columns from 0 to 2"):
            plot.plot_pairs(model, X, features=features)


def test_text_color_follows_the_style() -> None:
    import matplotlib

    X = data()
    with matplotlib.rc_context({"text.color": "#112233", "axes.facecolor": "#ddeeff"}):
        ax = plot.plot_regions(KMeans(2, random_state=0).fit(X), X, axes())
    box = ax.texts[0].get_bbox_patch()
    assert box is not None
    assert box.get_facecolor()[:3] == pytest.approx(to_rgb("#ddeeff"))
    assert box.get_edgecolor()[:3] == pytest.approx(to_rgb("#112233"))
