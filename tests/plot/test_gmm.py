"""Plots of mixtures agree with the mixtures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from scipy.stats import multivariate_normal, norm

from gibbous import GaussianMixture, KMeans, plot, select_mixture
from gibbous.plot import gmm as plot_gmm

GALLERY = Path(__file__).parents[2] / "examples" / "mixture_gallery.py"


def axes() -> Any:
    return Figure().subplots()


def data(d: int = 2, n: int = 150) -> Any:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, d)) + 4.0 * (np.arange(n) % 2)[:, None]


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_density_in_the_plane_is_the_marginal_density(kind: str) -> None:
    X = data(4)
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    view = plot.View.of(X, None)
    at = np.random.default_rng(2).normal(2.0, 3.0, (50, 2))
    eye = np.eye(4)
    full = {
        "full": lambda: model.covariances_,
        "tied": lambda: [model.covariances_] * 3,
        "diag": lambda: [np.diag(v) for v in model.covariances_],
        "spherical": lambda: [v * eye for v in model.covariances_],
    }[kind]()
    want = sum(
        w * multivariate_normal((m - view.mean) @ view.axes, view.axes.T @ c @ view.axes).pdf(at)
        for w, m, c in zip(model.weights_, model.means_, full, strict=True)
    )
    assert np.exp(plot_gmm._log_density(model, view, at)) == pytest.approx(want, rel=1e-9)


def test_density_of_two_features_equals_score_samples() -> None:
    X = data()
    model = GaussianMixture(2, random_state=0).fit(X)
    ax = plot_gmm.plot_density(model, X, axes(), names=["a", "b"])
    got = plot_gmm._log_density(model, plot.View.of(X, None), X)
    assert got == pytest.approx(model.score_samples(X), rel=1e-9)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert "Density of 2 components" in ax.get_title()
    (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert np.asarray(points.get_offsets()) == pytest.approx(X)
    assert ax.figure.axes[1].get_ylabel() == "log p(x), nats"
    FigureCanvasAgg(ax.figure).draw()


def test_uncertainty_is_one_minus_the_largest_responsibility() -> None:
    for d in (2, 3):
        X = data(d)
        model = GaussianMixture(2, random_state=0).fit(X)
        doubt = 1 - model.predict_proba(X).max(axis=1)
        ax = plot_gmm.plot_uncertainty(model, X, axes())
        (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
        assert np.asarray(points.get_array()) == pytest.approx(np.sort(doubt))
        # uncertain points are larger, and all are within the scale
        assert (np.diff(points.get_sizes()) >= 0).all()
        assert points.get_clim() == (0, 0.5)
        assert f"{doubt.mean():.1%} on average" in ax.get_title()
        assert ax.figure.axes[1].get_ylabel() == "1 - largest responsibility"
        FigureCanvasAgg(ax.figure).draw()


def test_one_feature_is_drawn_as_curves() -> None:
    X = data(1)
    model = GaussianMixture(2, random_state=0).fit(X)
    ax = plot_gmm.plot_density(model, X, axes())
    *parts, whole = ax.lines
    x = whole.get_xdata()
    assert whole.get_ydata() == pytest.approx(np.exp(model.score_samples(x[:, None])))
    for k, part in enumerate(parts):
        scale = np.sqrt(model.covariances_[k, 0, 0])
        want = model.weights_[k] * norm(model.means_[k, 0], scale).pdf(x)
        assert part.get_ydata() == pytest.approx(want)
    curve, _ = plot_gmm.plot_uncertainty(model, X, axes()).lines
    x = curve.get_xdata()
    assert curve.get_ydata() == pytest.approx(1 - model.predict_proba(x[:, None]).max(axis=1))


def test_criterion_has_a_line_per_covariance_type_and_marks_the_best() -> None:
    X = data()[:40]
    found = select_mixture(X, [1, 2, 3, 41], ("full", "diag"), cv=2, random_state=0)
    for name in ("bic", "held_out"):
        ax = found.plot(axes(), criterion=name)
        full, diag, ring = ax.lines
        for line, kind in ((full, "full"), (diag, "diag")):
            want = [getattr(t, name) for t in found.trials if t.covariance_type == kind]
            assert line.get_ydata() == pytest.approx(want, nan_ok=True)
            assert line.get_xdata().tolist() == [1, 2, 3, 41]
            assert line.get_label() == kind
        assert full.get_color() != diag.get_color() and full.get_marker() != diag.get_marker()
        best = found.ranked(name)[0]
        assert ring.get_xdata()[0] == best.n_components
        assert ring.get_ydata()[0] == getattr(best, name)
        told = f"Best: {best.n_components} components, {best.covariance_type}, 2 failed"
        assert ax.get_title() == told
        assert "better" in ax.get_ylabel()
    with pytest.raises(ValueError, match="criterion must be one of"):
        found.plot(axes(), criterion="x")


def test_labels_are_within_the_picture() -> None:
    X = data(5)
    model = GaussianMixture(2, random_state=0).fit(X)
    figure = plot.new_figure(5.4, 3.8)
    ax = figure.subplots()
    plot_gmm.plot_density(model, X, ax)
    FigureCanvasAgg(figure).draw()
    for label in (ax.xaxis.label, ax.yaxis.label, ax.title):
        box = label.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, label.get_text()


def test_components_match_clusters_and_require_a_mixture() -> None:
    X = data()
    ax = plot_gmm.plot_components(GaussianMixture(2, random_state=0).fit(X), X, axes())
    assert len(ax.patches) == 4
    for draw in (plot_gmm.plot_components, plot_gmm.plot_density, plot_gmm.plot_uncertainty):
        with pytest.raises(TypeError, match="model must be a fitted mixture; got KMeans"):
            draw(KMeans(2, random_state=0).fit(X), X, axes())
    model = GaussianMixture(1).fit(X)
    for draw in (plot_gmm.plot_density, plot_gmm.plot_uncertainty):
        with pytest.raises(ValueError, match=r"X must have the 2 features .* shape \(150, 1\)"):
            draw(model, X[:, :1], axes())
        draw(model, X, axes())  # one component has no uncertainty


def test_missing_matplotlib_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    X = data()
    model = GaussianMixture(1).fit(X)
    found = select_mixture(X, 1, "full", random_state=0)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for act in (lambda: plot_gmm.plot_density(model, X), found.plot):
        with pytest.raises(ImportError, match=r"pip install 'gibbous\[plot\]'"):
            act()


def test_the_gallery(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("mixture_gallery", GALLERY)
    assert spec is not None and spec.loader is not None
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    files = gallery.main(tmp_path / "new")
    shown = GALLERY.parents[1] / "docs" / "gallery"
    assert len(files) == 4
    for path in files:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert 20_000 < path.stat().st_size < 200_000
        if shown.exists():  # a source distribution may not include them
            assert (shown / path.name).stat().st_size < 200_000
