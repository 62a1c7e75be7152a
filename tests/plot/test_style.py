"""Properties of all plots: axes in and out; light and dark style; distinguishable colors."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

import gibbous.plot
from gibbous import (
    BernoulliRBM,
    Corpus,
    GaussianMixture,
    KMeans,
    LatentDirichletAllocation,
    plot,
    select_mixture,
)
from gibbous.plot import style as plot_style

#: Simulates vision without M cones, on linear RGB (Machado, Oliveira and Fernandes 2009, table 1).
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)


@pytest.fixture(autouse=True)
def quiet_pyplot() -> Any:
    with matplotlib.rc_context({"backend": "Agg"}):
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def things() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-3, 1, (40, 2)), rng.normal(3, 1, (40, 2))])
    bits = rng.random((40, 9)) < 0.4
    counts = rng.poisson(2.0, (40, 6)).astype(np.int32)
    corpus = Corpus.of(counts, ("moon", "tide", "comet", "bank", "rates", "bonds"))
    lda = LatentDirichletAllocation(3, max_iter=5, random_state=0).fit(corpus)
    return {
        "X": X,
        "kmeans": KMeans(2, random_state=0).fit(X),
        "mixture": GaussianMixture(2, random_state=0).fit(X),
        "bits": bits,
        "rbm": BernoulliRBM(4, n_iter=2, random_state=0).fit(bits[:30], X_val=bits[30:]),
        "corpus": corpus,
        "lda": lda,
        "found": select_mixture(X, [1, 2], "full", random_state=0),
        "over": lda.topics_over_time(corpus, dates=np.arange(40) % 5 + 1900),
    }


#: Every plot with one panel: how it is called with axes, or without.
PICTURES: dict[str, Any] = {
    "plot_chains": lambda t, ax: plot.plot_chains(t["rbm"], ax=ax, steps=(0, 2), n=2),
    "plot_cluster_sizes": lambda t, ax: plot.plot_cluster_sizes(t["kmeans"], ax=ax),
    "plot_clusters": lambda t, ax: plot.plot_clusters(t["kmeans"], t["X"], ax),
    "plot_components": lambda t, ax: plot.plot_components(t["mixture"], t["X"], ax),
    "plot_criterion": lambda t, ax: plot.plot_criterion(t["found"], ax),
    "plot_density": lambda t, ax: plot.plot_density(t["mixture"], t["X"], ax),
    "plot_document": lambda t, ax: plot.plot_document(t["lda"], "Moon, tide and bank", ax),
    "plot_document_topics": lambda t, ax: plot.plot_document_topics(t["lda"], t["corpus"], ax),
    "plot_filters": lambda t, ax: plot.plot_filters(t["rbm"], ax),
    "plot_free_energy_gap": lambda t, ax: plot.plot_free_energy_gap(t["rbm"], ax),
    "plot_hidden": lambda t, ax: plot.plot_hidden(t["rbm"], t["bits"], ax),
    "plot_history": lambda t, ax: plot.plot_history(t["rbm"], ax),
    "plot_reconstructions": lambda t, ax: plot.plot_reconstructions(t["rbm"], t["bits"], ax),
    "plot_regions": lambda t, ax: plot.plot_regions(t["kmeans"], t["X"], ax),
    "plot_rows": lambda t, ax: plot.plot_rows({"a": t["bits"]}, ax),
    "plot_samples": lambda t, ax: plot.plot_samples(t["bits"], ax),
    "plot_silhouette": lambda t, ax: plot.plot_silhouette(t["kmeans"], t["X"], ax),
    "plot_topic_map": lambda t, ax: plot.plot_topic_map(t["lda"], ax),
    "plot_topic_similarity": lambda t, ax: plot.plot_topic_similarity(t["lda"], ax),
    "plot_topic_words": lambda t, ax: plot.plot_topic_words(t["lda"], 1, ax),
    "plot_topics_over_time": lambda t, ax: plot.plot_topics_over_time(t["over"], ax),
    "plot_uncertainty": lambda t, ax: plot.plot_uncertainty(t["mixture"], t["X"], ax),
    "plot_word_cloud": lambda t, ax: plot.plot_word_cloud(t["lda"], 1, ax),
}
#: Plots with several panels, which have their own tests.
SEVERAL = {"plot_half_and_half", "plot_pairs", "plot_selection", "plot_topics"}


def test_every_picture_is_tested() -> None:
    named = {name for name in plot.__all__ if name.startswith("plot_")}
    assert named == set(PICTURES) | SEVERAL
    for name in named:
        told = inspect.getdoc(getattr(plot, name)) or ""
        for section in ("Parameters\n---", "Returns\n---", "Raises\n---"):
            assert section in told, (name, section)


@pytest.mark.parametrize("name", PICTURES)
def test_given_axes_are_returned(name: str, things: Any) -> None:
    figure = Figure(layout="constrained")
    ax = figure.subplots()
    before = plt.get_fignums()
    assert PICTURES[name](things, ax) is ax
    FigureCanvasAgg(figure).draw()
    assert plt.get_fignums() == before  # pyplot is not used
    assert ax.get_title() or ax.get_xlabel() or name == "plot_rows"
    # readable at the size of a README, whatever matplotlib calls small
    sizes = [text.get_fontsize() for text in figure.findobj(matplotlib.text.Text)]
    assert min(sizes) >= 9 - 1e-9
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or None; got Figure"):
        PICTURES[name](things, figure)


@pytest.mark.parametrize("name", PICTURES)
def test_without_axes_a_figure_is_made_and_not_shown(
    name: str, things: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("it was shown"))
    ax = PICTURES[name](things, None)
    assert plt.gcf() is ax.figure and len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", PICTURES)
def test_dark_pictures_are_readable(name: str, things: Any) -> None:
    with plt.style.context("dark_background"):
        figure = Figure()
        ax = figure.subplots()
        PICTURES[name](things, ax)
        for text in figure.findobj(matplotlib.text.Text):
            if text.get_text() and text.get_visible():
                assert plot_style.contrast(to_rgb(text.get_color()), (0, 0, 0)) > 3, text
        ground = to_rgb(ax.get_facecolor())
    assert ground == (0, 0, 0)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_groups_are_distinguishable_without_m_cones(style: str) -> None:
    with plt.style.context(style):
        found = plot.colors(6)
        linear = np.where(found <= 0.04045, found / 12.92, ((found + 0.055) / 1.055) ** 2.4)
        seen = np.clip(linear @ DEUTERANOPIA.T, 0, 1)
        ground = plot_style.paper()
        # an area needs far less contrast than text; white on white has 1
        assert min(plot_style.contrast(color, ground) for color in found) > 1.9
    xyz = seen @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    )
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
    far = np.linalg.norm(lab[:, None] - lab, axis=2) + 1e9 * np.eye(6)
    # 2.3 is a just noticeable difference (Mahy et al. 1994); four times that is clear at a glance
    assert far.min() > 4 * 2.3


def test_colors_beyond_the_palette_have_other_markers() -> None:
    marks = [(n % 6, plot_style.lap(n, plot_style.HATCHES)) for n in range(24)]
    assert len(set(marks)) == 24
    light = plot.colors(18)
    with plt.style.context("dark_background"):
        dark = plot.colors(18)
    # closer to the text color in each cycle: darker on light background, lighter on dark
    assert (light[6:12].sum(axis=1) < light[:6].sum(axis=1)).all()
    assert (dark[6:12].sum(axis=1) > dark[:6].sum(axis=1)).all()


def test_contrast_follows_wcag() -> None:
    assert plot_style.contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert plot_style.contrast((1, 0, 0), (1, 1, 1)) == pytest.approx(3.998, abs=1e-3)
    assert plot_style.text_on((1, 1, 0.5)) == "black"
    assert plot_style.text_on((0.1, 0, 0.3)) == "white"
    orange = to_rgb(plot.PALETTE[1])
    assert plot_style.contrast(orange, (1, 1, 1)) < 4.5
    assert plot_style.contrast(plot_style.readable(orange), (1, 1, 1)) >= 4.5


@pytest.mark.parametrize(
    "act",
    [
        lambda: plot.plot_clusters(KMeans(2), np.eye(2)),
        lambda: plot.plot_regions(KMeans(2), np.eye(2)),
        lambda: plot.plot_silhouette(KMeans(2), np.eye(2)),
        lambda: plot.plot_cluster_sizes(KMeans(2)),
        lambda: plot.plot_density(GaussianMixture(2), np.eye(2)),
        lambda: plot.plot_pairs(GaussianMixture(2), np.eye(2)),
        lambda: plot.plot_history(KMeans(2)),
        lambda: plot.plot_topics(LatentDirichletAllocation(2)),
        lambda: plot.plot_word_cloud(LatentDirichletAllocation(2)),
        lambda: plot.plot_document(LatentDirichletAllocation(2), "moon"),
        lambda: plot.plot_topic_map(LatentDirichletAllocation(2)),
        lambda: plot.plot_document_topics(LatentDirichletAllocation(2), np.eye(2)),
        lambda: plot.plot_filters(BernoulliRBM(2)),
        lambda: plot.plot_chains(BernoulliRBM(2)),
        lambda: plot.plot_hidden(BernoulliRBM(2), np.eye(2)),
        lambda: plot.plot_free_energy_gap(BernoulliRBM(2)),
    ],
)
def test_a_model_that_is_not_fitted_is_an_error(act: Any) -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        act()


def test_a_model_of_another_kind_is_an_error(things: Any) -> None:
    for act, wanted in (
        (lambda: plot.plot_regions(things["mixture"], things["X"]), "a fitted KMeans"),
        (lambda: plot.plot_density(things["kmeans"], things["X"]), "a fitted mixture"),
        (lambda: plot.plot_word_cloud(things["kmeans"]), "a fitted LatentDirichletAllocation"),
        (lambda: plot.plot_filters(things["kmeans"]), "a fitted Boltzmann machine"),
        (lambda: plot.plot_clusters(things["rbm"], things["X"]), "a fitted KMeans or mixture"),
    ):
        with pytest.raises(TypeError, match=f"model must be {wanted}.*; got "):
            act()
    with pytest.raises(TypeError, match="history must be a fitted model or its history_; got int"):
        plot.plot_history(3)
    with pytest.raises(TypeError, match="selection must be the result of select_mixture"):
        plot.plot_criterion(things["kmeans"])
    with pytest.raises(TypeError, match="over_time must be the result of topics_over_time"):
        plot.plot_topics_over_time(things["lda"])


@pytest.mark.parametrize("name", PICTURES)
def test_missing_matplotlib_says_how_to_get_it(
    name: str, things: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'gibbous\[plot\]'"):
        PICTURES[name](things, None)


def test_previous_import_paths_work() -> None:
    from gibbous.plot import gmm as plot_gmm
    from gibbous.plot import rbm as plot_rbm

    for name in ("components", "density", "uncertainty", "criterion"):
        assert getattr(plot_gmm, f"plot_{name}") is getattr(gibbous.plot, f"plot_{name}")
    for name in ("filters", "rows", "reconstructions", "samples"):
        assert getattr(plot_rbm, f"plot_{name}") is getattr(gibbous.plot, f"plot_{name}")
