"""Pictures say what the model says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from gibbous import GaussianMixture, KMeans, plot


def axes() -> Any:
    return Figure().subplots()


def data(d: int = 2, n: int = 120) -> Any:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, d)) + 6.0 * (np.arange(n) % 2)[:, None]


def mixture(covariances: Any, kind: str, X: Any) -> Any:
    """Return a mixture with these covariances about (-1, 0) and (1, 0)."""
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    model.covariances_ = np.asarray(covariances, dtype=np.float64)
    return model


def test_history_draws_every_iteration() -> None:
    history = GaussianMixture(2, random_state=0).fit(data()).history_
    ax = plot.plot_history(history, axes())
    (line,) = ax.lines
    assert line.get_ydata().tolist() == list(history.values)
    assert line.get_xdata().tolist() == list(range(1, history.n_iter + 1))
    assert ax.get_ylabel() == history.metric
    assert f"converged after {history.n_iter} iteration" in ax.get_title()


def test_history_makes_its_own_axes() -> None:
    import matplotlib

    with matplotlib.rc_context({"backend": "Agg"}):
        ax = KMeans(2, random_state=0).fit(data()).history_.plot()
        import matplotlib.pyplot as plt

        assert ax.get_ylabel() == "inertia"
        plt.close(ax.figure)


@pytest.mark.parametrize(
    ("kind", "covariances"),
    [
        ("full", [[[4, 0], [0, 1]]] * 2),
        ("tied", [[4, 0], [0, 1]]),
        ("diag", [[4, 1]] * 2),
        ("spherical", [4, 4]),
    ],
)
def test_ellipses_are_at_one_and_two_deviations(kind: str, covariances: Any) -> None:
    X = data()
    model = mixture(covariances, kind, X)
    ax = plot.plot_clusters(model, X, axes())
    ellipses = [p for p in ax.patches if isinstance(p, Ellipse)]
    narrow = 4.0 if kind == "spherical" else 2.0
    assert len(ellipses) == 4
    for at, ellipse in enumerate(ellipses):
        sigmas = 1 + at % 2
        assert sorted([ellipse.width, ellipse.height]) == pytest.approx(
            [sigmas * narrow, sigmas * 4.0]
        )
        assert ellipse.center == pytest.approx(tuple(model.means_[at // 2]))
        if kind != "spherical":
            # The longer axis lies along the first feature.
            turn = ellipse.angle + (0 if ellipse.width > ellipse.height else 90)
            assert turn % 180 == pytest.approx(0, abs=1e-9)


def test_turned_ellipses_point_the_right_way() -> None:
    X = data()
    ax = plot.plot_clusters(mixture([[[2, 1.5], [1.5, 2]]] * 2, "full", X), X, axes())
    ellipse = next(p for p in ax.patches if isinstance(p, Ellipse))
    turn = ellipse.angle + (0 if ellipse.width > ellipse.height else 90)
    assert turn % 180 == pytest.approx(45)
    assert max(ellipse.width, ellipse.height) == pytest.approx(2 * np.sqrt(3.5))


def drawn(ax: Any) -> tuple[Any, Any]:
    (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    return np.asarray(points.get_offsets()), points.get_facecolors()[:, :3]


def test_colours_are_blended_by_responsibility() -> None:
    X = data()
    model = GaussianMixture(2, covariance_type="spherical", random_state=0).fit(X)
    points = np.vstack([X, model.means_.mean(axis=0)])
    where, colour = drawn(plot.plot_clusters(model, points, axes()))
    assert colour == pytest.approx(model.predict_proba(where) @ plot.colours(2), abs=1e-12)
    # The picture has a point that is neither the one colour nor the other.
    assert np.abs(colour[:, None] - plot.colours(2)).max(axis=2).min(axis=1).max() > 0.05


def test_clusters_have_colours_of_their_own() -> None:
    X = data()
    model = KMeans(2, random_state=0).fit(X)
    where, colour = drawn(plot.plot_clusters(model, X, axes()))
    assert np.array_equal(colour, plot.colours(2)[model.predict(where)])


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_many_features_are_projected_and_labels_say_so(kind: str) -> None:
    X = data(5)
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    ax = plot.plot_clusters(model, X, axes())
    assert ax.get_xlabel().startswith("first principal axis of 5 features (")
    assert ax.get_ylabel().startswith("second principal axis of 5 features (")
    where, _ = drawn(ax)
    values = np.linalg.eigvalsh(np.cov(X.T))[::-1][:2]
    assert where.var(axis=0, ddof=1) == pytest.approx(values)
    share = values[0] / np.trace(np.cov(X.T))
    assert f"({share:.0%} of the variance)" in ax.get_xlabel()


def test_one_feature_becomes_a_histogram() -> None:
    X = data(1)
    ax = plot.plot_clusters(GaussianMixture(2, random_state=0).fit(X), X, axes(), names=["age"])
    assert ax.get_xlabel() == "age"
    assert sum(p.get_height() for p in ax.patches) == pytest.approx(len(X))


def test_large_data_is_thinned_and_the_title_says_so() -> None:
    X = data(2, 50_000)
    ax = plot.plot_clusters(KMeans(2, random_state=0).fit(X), X, axes())
    assert len(drawn(ax)[0]) == 20_000
    assert "(20,000 of 50,000 points shown)" in ax.get_title()


def test_names_come_from_the_model() -> None:
    pd = pytest.importorskip("pandas", reason="data frames are what has feature names")
    frame = pd.DataFrame(data(), columns=["length", "width"])
    ax = plot.plot_clusters(KMeans(2, random_state=0).fit(frame), frame, axes())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")


def test_odd_data_is_drawn(tmp_path: Path) -> None:
    for X in (np.ones((3, 3)), np.array([[1.0, 2.0]]), data(2)[:2]):
        model = KMeans(1, random_state=0).fit(X)
        plot.save_figure(plot.fit_figure(model, X), tmp_path / "p.png")
    X = data(2, 300)
    plot.save_figure(plot.fit_figure(KMeans(50, random_state=0).fit(X), X), tmp_path / "p.png")


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_formats(suffix: str, start: bytes, tmp_path: Path) -> None:
    X = data()
    figure = plot.fit_figure(GaussianMixture(2, random_state=0).fit(X), X)
    plot.save_figure(figure, tmp_path / f"p{suffix}")
    assert (tmp_path / f"p{suffix}").read_bytes().startswith(start)
    with pytest.raises(ValueError, match=r"must end in one of \.png, \.svg, \.pdf"):
        plot.save_figure(figure, tmp_path / "p.bmp")


def test_colours_differ() -> None:
    assert len({tuple(c) for c in plot.colours(18).tolist()}) == 18
    assert plot.colours(100).shape == (100, 3)


def test_missing_matplotlib_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    X = data()
    model = KMeans(2, random_state=0).fit(X)
    for act in (model.history_.plot, lambda: plot.plot_clusters(model, X)):
        with pytest.raises(ImportError, match=r"pip install 'gibbous\[plot\]'"):
            act()
