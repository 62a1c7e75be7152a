"""Plots agree with the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from gibbous import (
    BayesianGaussianMixture,
    Corpus,
    GaussianMixture,
    KMeans,
    LatentDirichletAllocation,
    plot,
)


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
            # The longer axis is along the first feature.
            turn = ellipse.angle + (0 if ellipse.width > ellipse.height else 90)
            assert turn % 180 == pytest.approx(0, abs=1e-9)


def test_rotated_ellipses_have_the_correct_direction() -> None:
    X = data()
    ax = plot.plot_clusters(mixture([[[2, 1.5], [1.5, 2]]] * 2, "full", X), X, axes())
    ellipse = next(p for p in ax.patches if isinstance(p, Ellipse))
    turn = ellipse.angle + (0 if ellipse.width > ellipse.height else 90)
    assert turn % 180 == pytest.approx(45)
    assert max(ellipse.width, ellipse.height) == pytest.approx(2 * np.sqrt(3.5))


def drawn(ax: Any) -> tuple[Any, Any]:
    (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    return np.asarray(points.get_offsets()), points.get_facecolors()[:, :3]


def test_colors_are_blended_by_responsibility() -> None:
    X = data()
    model = GaussianMixture(2, covariance_type="spherical", random_state=0).fit(X)
    points = np.vstack([X, model.means_.mean(axis=0)])
    where, color = drawn(plot.plot_clusters(model, points, axes()))
    assert color == pytest.approx(model.predict_proba(where) @ plot.colors(2), abs=1e-12)
    # The plot has a point with neither of the two pure colors.
    assert np.abs(color[:, None] - plot.colors(2)).max(axis=2).min(axis=1).max() > 0.05


def test_clusters_have_colors_of_their_own() -> None:
    X = data()
    model = KMeans(2, random_state=0).fit(X)
    where, color = drawn(plot.plot_clusters(model, X, axes()))
    assert np.array_equal(color, plot.colors(2)[model.predict(where)])


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_components_without_rows_are_not_drawn(kind: str) -> None:
    X = data()
    model = BayesianGaussianMixture(6, covariance_type=kind, random_state=0, max_iter=1000).fit(X)
    ax = plot.plot_clusters(model, X, axes())
    kept = model.effective_components_
    assert 0 < len(kept) < 6
    ellipses = [p for p in ax.patches if isinstance(p, Ellipse)]
    assert len(ellipses) == 2 * len(kept)
    assert ax.get_title() == f"{len(kept)} of 6 components"
    numbers = [t.get_text() for t in ax.texts if t.get_text().isdigit()]
    assert numbers == [str(at) for at in kept]


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_many_features_are_projected_and_labeled(kind: str) -> None:
    X = data(5)
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    ax = plot.plot_clusters(model, X, axes())
    assert ax.get_xlabel().startswith("first principal axis of 5 features\n(")
    assert ax.get_ylabel().startswith("second principal axis of 5 features\n(")
    where, _ = drawn(ax)
    values = np.linalg.eigvalsh(np.cov(X.T))[::-1][:2]
    assert where.var(axis=0, ddof=1) == pytest.approx(values)
    share = values[0] / np.trace(np.cov(X.T))
    assert f"({share:.0%} of the variance)" in ax.get_xlabel()


def test_one_feature_is_drawn_as_a_histogram() -> None:
    X = data(1)
    ax = plot.plot_clusters(GaussianMixture(2, random_state=0).fit(X), X, axes(), names=["age"])
    assert ax.get_xlabel() == "age"
    assert sum(p.get_height() for p in ax.patches) == pytest.approx(len(X))


def test_large_data_are_subsampled_and_the_title_says_so() -> None:
    X = data(2, 50_000)
    ax = plot.plot_clusters(KMeans(2, random_state=0).fit(X), X, axes())
    assert len(drawn(ax)[0]) == 20_000
    assert "(20,000 of 50,000 points shown)" in ax.get_title()


def test_names_come_from_the_model() -> None:
    pd = pytest.importorskip("pandas", reason="data frames are what has feature names")
    frame = pd.DataFrame(data(), columns=["length", "width"])
    ax = plot.plot_clusters(KMeans(2, random_state=0).fit(frame), frame, axes())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")


def test_unusual_data_are_drawn(tmp_path: Path) -> None:
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


def test_colors_differ() -> None:
    assert len({tuple(c) for c in plot.colors(18).tolist()}) == 18
    assert plot.colors(100).shape == (100, 3)


def test_missing_matplotlib_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    X = data()
    model = KMeans(2, random_state=0).fit(X)
    for act in (model.history_.plot, lambda: plot.plot_clusters(model, X)):
        with pytest.raises(ImportError, match=r"pip install 'gibbous\[plot\]'"):
            act()


# --- topics -----------------------------------------------------------------------------------

WORDS = ("moon", "tide", "$5", "a word that is much too long")


def topics(k: int = 3, **more: Any) -> LatentDirichletAllocation:
    counts = np.random.default_rng(2).poisson(3.0, size=(30, len(WORDS))).astype(np.int32)
    model = LatentDirichletAllocation(k, max_iter=12, random_state=1, evaluate_every=4, **more)
    return model.fit(Corpus.of(counts, WORDS))


def panels_of(figure: Any) -> list[Any]:
    return [ax for ax in figure.axes if ax.axison]


def test_topics_are_drawn_with_their_most_probable_words() -> None:
    model = topics()
    panels = panels_of(plot.plot_topics(model, top_n=3))
    phi = model.exp_dirichlet_component_
    assert len(panels) == 3
    for k, ax in enumerate(panels):
        order = np.argsort(-phi[k])[:3]
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(phi[k, order])
        shown = [label.get_text() for label in ax.get_yticklabels()]
        expected = {"$5": r"\$5", WORDS[3]: "a word that is mu…"}
        assert shown == [expected.get(WORDS[w], WORDS[w]) for w in order]
        share = model.topic_sizes_[k] / model.topic_sizes_.sum()
        assert ax.get_title() == f"topic {k}: {share:.1%}"
        # The most probable word is at the top.
        assert ax.yaxis_inverted()


def test_topics_can_be_chosen_and_named() -> None:
    model = topics().set_topic_labels({2: "sky"})
    first, second = panels_of(plot.plot_topics(model, topics=[2, 0]))
    assert first.get_title().startswith("sky: ") and second.get_title().startswith("topic 0: ")
    (only,) = panels_of(plot.plot_topics(model, topics=[1], titles=["own"]))
    assert only.get_title() == "own"
    with pytest.raises(ValueError, match="titles must have one title per topic, 2; got 1"):
        plot.plot_topics(model, topics=[1, 2], titles=["own"])


def test_number_of_panels_is_limited() -> None:
    model = topics(40)
    assert len(panels_of(plot.plot_topics(model))) == 24
    figure = plot.topics_figure(model)
    assert "the 12 largest of 40" in str(figure.subfigs[0].get_suptitle())


def test_figure_of_a_fit_has_the_requested_curves(tmp_path: Path) -> None:
    model = topics(early_stopping=0.3)
    figure = plot.topics_figure(model)
    curve, held_out = figure.axes[-2:]
    values = model.history_.values
    (line,) = curve.lines
    assert line.get_xdata().tolist() == [1, 4, 8, 12]
    assert line.get_ydata().tolist() == [values[n - 1] for n in (1, 4, 8, 12)]
    (line,) = held_out.lines
    assert list(map(tuple, line.get_xydata())) == model.heldout_perplexities_
    plot.save_figure(figure, tmp_path / "p.png")
    plot.save_figure(plot.topics_figure(topics()), tmp_path / "q.png")
    assert all((tmp_path / name).stat().st_size > 20_000 for name in ("p.png", "q.png"))
