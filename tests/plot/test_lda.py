"""Plots of topics and documents agree with the model."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch
from scipy.spatial.distance import jensenshannon, pdist, squareform

from gibbous import Corpus, LatentDirichletAllocation, plot
from gibbous.plot import style as plot_style
from gibbous.plot.lda import names
from gibbous.plot.lda.similarity import scaled
from gibbous.plot.text import overlaps, place_boxes

WORDS = ("moon", "tide", "comet", "bank", "rates", "bonds", "$5", "goal", "match", "league")


def axes() -> Any:
    return Figure().subplots()


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = np.random.default_rng(2)
    theme = np.arange(60) % 3
    counts = rng.poisson(0.2, (60, 10))
    for k, words in enumerate(([0, 1, 2], [3, 4, 5, 6], [7, 8, 9])):
        counts[np.ix_(theme == k, words)] += rng.poisson(4.0, (20, len(words)))
    return Corpus.of(counts.astype(np.int32), WORDS)


@pytest.fixture(scope="module")
def model(corpus: Corpus) -> Any:
    return LatentDirichletAllocation(5, max_iter=40, random_state=1).fit(corpus)


@pytest.fixture(scope="module")
def over_time(model: Any, corpus: Corpus) -> Any:
    return model.topics_over_time(corpus, dates=np.repeat(np.arange(1900, 1912), 5))


# --- words ------------------------------------------------------------------------------------


def test_bars_are_probabilities(model: Any) -> None:
    for topic in range(5):
        ax = plot.plot_topic_words(model, topic, axes(), top_n=4)
        want = np.sort(model.exp_dirichlet_component_[topic])[::-1][:4]
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(want)
        share = model.topic_sizes_[topic] / model.topic_sizes_.sum()
        assert ax.get_title() == f"topic {topic}: {share:.1%}"
    with pytest.raises(ValueError, match="topic must be a topic from 0 to 4; got 5"):
        plot.plot_topic_words(model, 5, axes())


def boxes_of(ax: Any) -> Any:
    found = [patch.get_path().get_extents() for patch in ax.patches if type(patch) is PathPatch]
    return np.array([[b.x0, b.y0, b.x1, b.y1] for b in found])


def test_words_of_a_cloud_do_not_overlap_and_are_inside() -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print("seed", seed)
    rng = np.random.default_rng(seed)
    letters = list("abcdefghijklmnopqrstuvwxyzgjpq$é")
    words = {
        "".join(rng.choice(letters, rng.integers(2, 12))): float(w) for w in rng.pareto(1.2, 60)
    }
    ax = plot.plot_word_cloud(words, ax=axes(), n=50)
    boxes = boxes_of(ax)
    assert len(boxes) == min(50, len(words))
    for at, box in enumerate(boxes):
        assert not overlaps(box, boxes[at + 1 :]).any()
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    assert (boxes[:, :2] >= [x0, y0]).all() and (boxes[:, 2:] <= [x1, y1]).all()
    assert ax.get_aspect() == 1.0  # otherwise letters would be stretched
    again = plot.plot_word_cloud(words, ax=axes(), n=50)
    assert np.array_equal(boxes_of(again), boxes)


def test_areas_of_words_are_proportional_to_their_probabilities() -> None:
    ax = plot.plot_word_cloud({"mean": 4.0, "sums": 1.0, "tiny": 1e-9, "none": 0.0}, ax=axes())
    heights = boxes_of(ax)[:, 3] - boxes_of(ax)[:, 1]
    # letters without ascenders and descenders have the same height in all of these words
    assert len(heights) == 3
    assert heights[0] / heights[1] == pytest.approx(2, rel=1e-2)
    assert heights[2] > heights[0] / 10  # still readable


def test_a_cloud_has_the_words_of_its_topic(model: Any) -> None:
    ax = plot.plot_word_cloud(model, 2, axes(), n=6)
    assert len(boxes_of(ax)) == 6
    assert ax.get_title() == names.title_of_topic(model, 2)
    paint = ax.patches[0].get_facecolor()
    assert plot_style.contrast(paint, (1, 1, 1)) >= 4.5
    ax = plot.plot_word_cloud(model, 2, axes(), color="red")
    assert ax.patches[0].get_facecolor() == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("words", "more", "message"),
    [
        ({"a": -1.0}, {}, "the weight of 'a' must be finite and >= 0"),
        ({"a": float("nan")}, {}, "the weight of 'a' must be finite and >= 0"),
        ({"a": 0.0}, {}, "must have a word with a weight > 0"),
        ({}, {}, "must have a word with a weight > 0"),
        ({"a": 1.0}, {"n": 0}, "n must be >= 1; got 0"),
    ],
)
def test_bad_clouds_are_named(words: Any, more: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot.plot_word_cloud(words, ax=axes(), **more)


def test_positions_are_near_the_center() -> None:
    boxes = place_boxes([4.0] * 9, [1.0] * 9, 1.7)
    assert boxes[0] == pytest.approx([-2, -0.5, 2, 0.5])
    # nine boxes of area 4 fill most of the frame around them
    sides = boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)
    assert 36 / sides.prod() > 0.4


# --- time -------------------------------------------------------------------------------------


def areas_of(ax: Any, periods: Any) -> Any:
    """Return lower and upper edges of the areas at the periods, shape (n_areas, n_periods, 2)."""
    found = []
    for area in ax.collections:
        points = area.get_paths()[0].vertices
        found.append([[f(points[points[:, 0] == p, 1]) for f in (np.min, np.max)] for p in periods])
    return np.array(found)


@pytest.mark.parametrize("smooth", [None, 3])
def test_areas_sum_to_one(over_time: Any, smooth: int | None) -> None:
    ax = plot.plot_topics_over_time(over_time, axes(), kind="areas", n=3, smooth=smooth)
    edges = areas_of(ax, over_time.periods)
    assert len(edges) == 4
    assert edges[0, :, 0] == pytest.approx(0) and edges[-1, :, 1] == pytest.approx(1)
    assert edges[1:, :, 0] == pytest.approx(edges[:-1, :, 1])
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names[0] == "other topics" and len(names) == 4
    if smooth is None:
        shown = np.argsort(-over_time.shares.var(axis=0), kind="stable")[:3]
        height = edges[:-1, :, 1] - edges[:-1, :, 0]
        assert height == pytest.approx(over_time.shares[:, shown].T)
        assert ax.get_ylabel() == "share of the topic"
    else:
        assert ax.get_ylabel() == "share of the topic, average of 3 periods"


def test_others_are_omitted_if_all_topics_are_drawn(over_time: Any) -> None:
    ax = plot.plot_topics_over_time(over_time, axes(), kind="areas", topics=range(5))
    assert len(ax.get_legend().get_texts()) == 5
    assert areas_of(ax, over_time.periods)[4, :, 1] == pytest.approx(1)


def test_average_over_periods_is_weighted_by_tokens(over_time: Any) -> None:
    ax = plot.plot_topics_over_time(over_time, axes(), topics=[1], smooth=3)
    drawn = ax.lines[0].get_ydata()
    share, weight = over_time.shares[:, 1], over_time.n_tokens
    for at in range(len(share)):
        near = slice(max(0, at - 1), at + 2)
        assert drawn[at] == pytest.approx(np.average(share[near], weights=weight[near]))
    assert not ax.collections  # errors are those of the original periods
    assert len(plot.plot_topics_over_time(over_time, axes(), topics=[1]).collections) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"kind": "bars"}, "kind must be 'lines' or 'areas'; got 'bars'"),
        ({"smooth": 2}, "smooth must be an odd number of periods or None; got 2"),
        ({"smooth": -1}, "smooth must be an odd number"),
        ({"smooth": 1.5}, "smooth must be an odd number of periods or None; got 1.5"),
        ({"topics": [9]}, r"topics must be among those of over_time, .*; got 9"),
    ],
)
def test_bad_arguments_over_time_are_named(over_time: Any, more: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot.plot_topics_over_time(over_time, axes(), **more)


# --- similarity -------------------------------------------------------------------------------


def test_the_heat_map_has_the_distances(model: Any) -> None:
    ax = plot.plot_topic_similarity(model, axes())
    phi = model.exp_dirichlet_component_
    order = [int(t.get_text()) for t in ax.get_xticklabels()]
    assert sorted(order) == list(range(5))
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert [int(label.partition(":")[0]) for label in labels] == order
    found = np.asarray(ax.images[0].get_array().filled(np.nan))
    for i, j in combinations(range(5), 2):
        want = jensenshannon(phi[order[i]], phi[order[j]])
        assert found[i, j] == found[j, i] == pytest.approx(want, rel=1e-6)
    assert np.isnan(np.diag(found)).all()
    # neighbors are closer to each other than average topics
    assert np.diag(found, 1).mean() <= np.nanmean(found)


def test_scaling_recovers_points_of_a_plane() -> None:
    points = np.random.default_rng(3).normal(size=(12, 2)) * [3, 1]
    far = squareform(pdist(points))
    at, share = scaled(far)
    assert squareform(pdist(at)) == pytest.approx(far)
    assert share.sum() == pytest.approx(1) and share[0] > share[1]
    assert scaled(np.zeros((3, 3)))[0] == pytest.approx(np.zeros((3, 2)))


def test_areas_of_circles_are_sizes_of_topics(model: Any) -> None:
    ax = plot.plot_topic_map(model, axes(), metric="hellinger", topics=[0, 2, 3, 4])
    circles = [p for p in ax.patches if isinstance(p, Circle)]
    sizes = np.sort(model.topic_sizes_[[0, 2, 3, 4]].astype(float))[::-1]
    radii = np.array([circle.radius for circle in circles])
    assert radii**2 / radii[0] ** 2 == pytest.approx(sizes / sizes[0])
    root = np.sqrt(model.exp_dirichlet_component_[[0, 2, 3, 4]])
    want, _ = scaled(squareform(pdist(root)) / np.sqrt(2))
    centers = {tuple(np.round(circle.center, 4)) for circle in circles}
    assert centers == {tuple(np.round(p, 4)) for p in want}
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    for circle in circles:
        x, y = circle.center
        assert x0 <= x - circle.radius and x + circle.radius <= x1
        assert y0 <= y - circle.radius and y + circle.radius <= y1
    numbers = {t.get_text() for t in ax.texts if t.get_text().isdigit()}
    assert numbers == {"0", "2", "3", "4"}
    for metric, topics, message in (
        ("euclid", None, "metric must be one of"),
        ("cosine", [1], "topics must be two or more; got 1"),
        ("cosine", [1, 7], "topics must be a topic from 0 to 4; got 7"),
    ):
        with pytest.raises(ValueError, match=message):
            plot.plot_topic_map(model, axes(), metric=metric, topics=topics)


# --- documents --------------------------------------------------------------------------------

TEXT = "The Moon draws the tide; a comet, a goal and the bank that raised rates of bonds."


def chips_of(ax: Any) -> list[Any]:
    return [p for p in ax.patches if isinstance(p, FancyBboxPatch)]


def test_words_have_the_colors_of_their_topics(model: Any) -> None:
    ax = plot.plot_document(model, TEXT, axes())
    known = [w for w in re.findall(r"\w\w+", TEXT.lower()) if w in WORDS]
    counts = np.zeros((1, 10), np.int32)
    for word in known:
        counts[0, WORDS.index(word)] += 1
    joint = model.transform(counts)[0][:, None] * model.exp_dirichlet_component_
    best, sure = joint.argmax(axis=0), joint.max(axis=0) / joint.sum(axis=0)
    legend = ax.get_legend()
    fills = {
        int(text.get_text().partition(":")[0]): patch.get_facecolor()[:3]
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    chips = chips_of(ax)
    assert len(chips) == len(known) == 7
    for chip, word in zip(chips, known, strict=True):
        w = WORDS.index(word)
        # on white: at least a quarter of the color, and all of it if the topic is certain
        want = 1 - (0.25 + 0.75 * sure[w]) * (1 - np.array(fills[int(best[w])]))
        assert chip.get_facecolor()[:3] == pytest.approx(want, abs=1e-4)
    assert len(set(fills.values())) == len(fills) > 1
    assert ax.get_title() == "Topics of 7 of 15 words"
    told = sum(int(t.get_text().rpartition("(")[2][:-1]) for t in legend.get_texts())
    assert told == 7


def test_words_are_laid_out_in_lines_in_order(model: Any) -> None:
    words = ["moon", "tide", "unknown", "bank"] * 15
    ax = plot.plot_document(model, words, axes())
    boxes = boxes_of(ax)
    assert len(boxes) == 60
    for at, box in enumerate(boxes):
        assert not overlaps(box, boxes[at + 1 :]).any()
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    assert (boxes[:, :2] >= [x0, y0]).all() and (boxes[:, 2:] <= [x1, y1]).all()
    begins = boxes[:, 0]
    lines = 1 + int((np.diff(begins) < 0).sum())
    assert lines > 1 and len(chips_of(ax)) == 45


def test_largest_topics_have_colors_and_others_are_gray(model: Any) -> None:
    ax = plot.plot_document(model, list(WORDS) * 2, axes(), n=1)
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert len(names) == 2 and names[1].startswith("other topics (")
    ax = plot.plot_document(model, list(WORDS), axes(), topics=[4, 1])
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names[0].startswith("4: ") and names[1].startswith("1: ")


def test_bad_documents_are_named(model: Any, corpus: Corpus) -> None:
    for text, more, message in (
        ("", {}, "text must contain at least one word"),
        ("nothing here", {}, "text must contain a word of the model's vocabulary"),
        ("Moon", {"lowercase": False}, "text must contain a word of the model's vocabulary"),
        ("moon", {"topics": []}, "topics must be 1 to 6 topics; got 0"),
        ("moon", {"topics": [5]}, "topics must be a topic from 0 to 4; got 5"),
    ):
        with pytest.raises(ValueError, match=message):
            plot.plot_document(model, text, axes(), **more)
    bare = LatentDirichletAllocation(2, max_iter=2, random_state=0).fit(np.eye(4, dtype=np.int32))
    with pytest.raises(ValueError, match="model must have a vocabulary"):
        plot.plot_document(bare, "moon", axes())


def test_shares_of_documents_fill_their_bars(model: Any, corpus: Corpus) -> None:
    ax = plot.plot_document_topics(model, corpus, axes(), documents=[7, 0, 31], n=2)
    bars = np.array([[bar.get_x(), bar.get_width()] for bar in ax.patches]).reshape(3, 3, 2)
    theta = model.transform(corpus)[[7, 0, 31]]
    top = np.argsort(-theta.sum(axis=0), kind="stable")[:2]
    assert bars[:2, :, 1] == pytest.approx(theta[:, top].T, abs=1e-6)
    assert bars[..., 1].sum(axis=0) == pytest.approx(1)
    assert bars[1:, :, 0] == pytest.approx(bars[:-1].sum(axis=2), abs=1e-6)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["7", "0", "31"]
    with pytest.raises(ValueError, match="documents must be rows from 0 to 59; got 60"):
        plot.plot_document_topics(model, corpus, axes(), documents=[60])
