"""The words of topics as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..fit import measured_at
from ..style import PALETTE, SMALL, axes_of, colors, fitted, new_figure, plain, require, rgb, tidy
from .names import A_MODEL, cut, title_of_topic, topic_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: More topics or words than this cannot be read in one picture.
_MAX_TOPICS = 24
_MAX_WORDS = 20


def plot_topics(
    model: Any,
    figure: Any = None,
    *,
    topics: Sequence[int] | None = None,
    top_n: int = 8,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Draw the most probable words of topics, one panel per topic.

    Parameters
    ----------
    model : LatentDirichletAllocation
        A fitted model.
    figure : matplotlib.figure.Figure or SubFigure, or None
        Figure to draw on; None creates one.
    topics : sequence of int or None
        Topics to draw, at most 24; None draws the first ones, which are the largest.
    top_n : int
        Number of words per topic, at most 20.
    titles : sequence of str or None
        A title for each of ``topics``. None uses the label of the topic, or its number if it has
        no label, and its share of the tokens.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is not a fitted topic model.
    ValueError
        If a topic does not exist, or the number of titles differs from that of topics.
    """
    require()
    n_topics = fitted(model, "topics_", A_MODEL).n_topics
    if titles is not None and topics is not None and len(titles) != len(topics):
        raise ValueError(f"titles must have one title per topic, {len(topics)}; got {len(titles)}")
    chosen = range(n_topics) if topics is None else topics
    which = [topic_of(model, k, "topics") for k in chosen][:_MAX_TOPICS]
    if titles is None:
        titles = [title_of_topic(model, k) for k in which]
    n = min(top_n, _MAX_WORDS, model.topics_.n_words)
    across = min(len(which), 6 if len(which) > 8 else 4)
    down = -(-len(which) // max(across, 1))
    if figure is None:
        figure = new_figure(2.6 * across, (0.6 + 0.19 * n) * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for ax, k, title, color in zip(
        panels[: len(which)], which, titles, colors(len(which)), strict=True
    ):
        _word_bars(ax, model, k, n, color)
        ax.set_title(title, fontsize="medium")
    for ax in panels[len(which) :]:
        ax.set_axis_off()
    whole: Figure = figure
    return whole


def plot_topic_words(
    model: Any, topic: int = 0, ax: Axes | None = None, *, top_n: int = 10
) -> Axes:
    """Draw the most probable words of one topic, with their probabilities as bars.

    Parameters
    ----------
    model : LatentDirichletAllocation
        A fitted model.
    topic : int, default 0
        Topic to draw; 0 is the largest.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    top_n : int, default 10
        Number of words, at most 20.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_topics`.
    ValueError
        If the topic does not exist.
    """
    ax = axes_of(ax)
    topic = topic_of(model, topic)
    n = min(top_n, _MAX_WORDS, model.topics_.n_words)
    _word_bars(ax, model, topic, n, colors(topic % len(PALETTE) + 1)[-1])
    ax.set_title(title_of_topic(model, topic))
    return ax


def _word_bars(ax: Axes, model: Any, topic: int, n: int, color: NDArray[np.float64]) -> None:
    from matplotlib.ticker import MaxNLocator

    names = model.vocabulary_
    words = model.topics_.take([topic]).top_words(n)[0]
    values = model.topics_.of_pairs([topic], words[None])[0]
    labels = [str(w) if names is None else names[w] for w in words.tolist()]
    at = np.arange(len(labels))
    ax.barh(at, values, color=rgb(color), height=0.72)
    # A dollar sign in a word must not start a formula.
    ax.set_yticks(at, [plain(cut(label, 18)) for label in labels], fontsize=SMALL)
    ax.invert_yaxis()
    ax.xaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    ax.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.3g}%")
    ax.tick_params(axis="x", labelsize=SMALL)
    ax.tick_params(axis="y", length=0)
    tidy(ax)
    ax.grid(False, axis="y")


def topics_figure(model: Any) -> Figure:
    """Return a figure with the words of the largest topics above the history of the fit."""
    n = min(model.topics_.n_topics, 12)
    down = -(-n // (6 if n > 8 else 4))
    figure = new_figure(14, 2.2 * down + 3.4)
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.2 * down, 3.0])
    above, below = parts
    plot_topics(model, above, topics=range(n))
    total = model.topics_.n_topics
    shown = "" if n == total else f", the {n} largest of {total}"
    above.suptitle(f"Most probable words of topics{shown}")
    held_out = model.heldout_perplexities_
    panels = below.subplots(1, 2 if held_out else 1, squeeze=False)[0]
    history = model.history_
    at, values = measured_at(history.values), np.asarray(history.values)
    curves = [(np.column_stack([at + 1, values[at]]), history.metric)]
    if held_out:
        curves.append((np.reshape(held_out, (-1, 2)), "perplexity of held-out documents"))
    for ax, (points, label), color in zip(panels, curves, map(rgb, colors(2)), strict=False):
        ax.plot(*points.T, color=color, linewidth=1.8, marker="o", markersize=4)
        ax.set_xlabel("sweep")
        ax.set_ylabel(label)
        tidy(ax)
    return figure
