"""Pictures of topics: their words, their times, which are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .fit import looked_at
from .style import (
    HATCHES,
    LINES,
    PALETTE,
    SMALL,
    axes_of,
    colours,
    faint,
    fitted,
    ink,
    lap,
    new_figure,
    paper,
    plain,
    require,
    rgb,
    tidy,
)
from .text import overlaps, points_across, text_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: More topics or words than this cannot be read in one picture.
_MAX_TOPICS = 24
_MAX_WORDS = 20

A_MODEL = "a fitted LatentDirichletAllocation"


def topic_of(model: Any, topic: Any, name: str = "topic") -> int:
    """Return the number of a topic of a fitted model.

    Raises
    ------
    NotFittedError, TypeError
        If the model is no fitted topic model.
    ValueError
        If there is no such topic.
    """
    k = fitted(model, "topics_", A_MODEL).n_topics
    if isinstance(topic, bool) or not isinstance(topic, (int, np.integer)) or not 0 <= topic < k:
        raise ValueError(f"{name} must be a topic from 0 to {k - 1}; got {topic!r:.40}")
    return int(topic)


def title_of_topic(model: Any, topic: int) -> str:
    """Return the label that a user gave a topic, or its number, and its share of the tokens."""
    share = model.topic_sizes_[topic] / max(model.topic_sizes_.sum(), 1)
    given = getattr(model, "topic_labels_", None) or [""] * model.topics_.n_topics
    return f"{given[topic] or f'topic {topic}'}: {share:.1%}"


def labels_of(model: Any, which: Sequence[int], n_words: int = 3) -> list[str]:
    """Return number and label of topics, as a legend names them."""
    labels = model.topic_labels(n_words)
    return [plain(cut(f"{k}: {labels[k]}")) for k in which]


def cut(text: str, most: int = 28) -> str:
    """Return text, or its beginning where it would be long beside a picture."""
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def plot_topics(
    model: Any,
    figure: Any = None,
    *,
    topics: Sequence[int] | None = None,
    top_n: int = 8,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Draw the likeliest words of topics, one panel a topic.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted.
    figure : matplotlib.figure.Figure or SubFigure, or None
        Where to draw; None makes a figure.
    topics : sequence of int or None
        Which topics; None for the first ones, which are the largest. At most 24 are drawn.
    top_n : int
        Words a topic; at most 20 are drawn.
    titles : sequence of str or None
        A title for each of ``topics``; None for its label, or its number where it has
        none, and its share of the tokens.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is no fitted topic model.
    ValueError
        If a topic is not there, or titles are fewer.
    """
    require()
    n_topics = fitted(model, "topics_", A_MODEL).n_topics
    if titles is not None and topics is not None and len(titles) != len(topics):
        raise ValueError(f"titles must be one a topic, {len(topics)}; got {len(titles)}")
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
    for ax, k, title, colour in zip(
        panels[: len(which)], which, titles, colours(len(which)), strict=True
    ):
        _word_bars(ax, model, k, n, colour)
        ax.set_title(title, fontsize="medium")
    for ax in panels[len(which) :]:
        ax.set_axis_off()
    whole: Figure = figure
    return whole


def plot_topic_words(
    model: Any, topic: int = 0, ax: Axes | None = None, *, top_n: int = 10
) -> Axes:
    """Draw the likeliest words of one topic, a bar as long as a word's probability.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted.
    topic : int, default 0
        Which topic; 0 is the largest.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    top_n : int, default 10
        Words; at most 20 are drawn.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_topics`.
    ValueError
        If the topic is not there.
    """
    ax = axes_of(ax)
    topic = topic_of(model, topic)
    n = min(top_n, _MAX_WORDS, model.topics_.n_words)
    _word_bars(ax, model, topic, n, colours(topic % len(PALETTE) + 1)[-1])
    ax.set_title(title_of_topic(model, topic))
    return ax


def _word_bars(ax: Axes, model: Any, topic: int, n: int, colour: NDArray[np.float64]) -> None:
    from matplotlib.ticker import MaxNLocator

    names = model.vocabulary_
    words = model.topics_.take([topic]).top_words(n)[0]
    values = model.topics_.of_pairs([topic], words[None])[0]
    labels = [str(w) if names is None else names[w] for w in words.tolist()]
    at = np.arange(len(labels))
    ax.barh(at, values, color=rgb(colour), height=0.72)
    # A word with a dollar sign is no formula.
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
    above.suptitle(f"The likeliest words of topics{shown}")
    held_out = model.heldout_perplexities_
    panels = below.subplots(1, 2 if held_out else 1, squeeze=False)[0]
    history = model.history_
    at, values = looked_at(history.values), np.asarray(history.values)
    curves = [(np.column_stack([at + 1, values[at]]), history.metric)]
    if held_out:
        curves.append((np.reshape(held_out, (-1, 2)), "perplexity of documents held back"))
    for ax, (points, label), colour in zip(panels, curves, map(rgb, colours(2)), strict=False):
        ax.plot(*points.T, color=colour, linewidth=1.8, marker="o", markersize=4)
        ax.set_xlabel("sweep")
        ax.set_ylabel(label)
        tidy(ax)
    return figure


# --- time -------------------------------------------------------------------------------------


def plot_topics_over_time(
    over_time: Any,
    ax: Axes | None = None,
    *,
    n: int = 6,
    topics: Sequence[int] | None = None,
    kind: str = "lines",
    smooth: int | None = None,
) -> Axes:
    """Draw shares of topics over time, as lines or as areas on top of each other.

    Lines have bands of two standard errors to either side, if nothing is smoothed. Areas sum to
    one: what is of no topic drawn is an area of its own, at the top.

    Parameters
    ----------
    over_time : TopicsOverTime
        What ``LatentDirichletAllocation.topics_over_time`` returned.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    n : int, default 6
        How many topics: those whose shares change the most, by their variance over periods.
    topics : sequence of int or None
        Which topics instead.
    kind : {"lines", "areas"}
    smooth : int or None
        How many periods that follow each other are averaged, by their tokens, centred: an odd
        number; the axis says so. None, the default, draws the shares as they are.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If ``over_time`` is something else.
    ValueError
        If a topic is not among those of ``over_time``, or ``kind`` or ``smooth`` is not as said.
    """
    require()
    if not hasattr(over_time, "shares") or not hasattr(over_time, "periods"):
        raise TypeError(
            "over_time must be what topics_over_time(corpus) of a fitted model returned; "
            f"got {type(over_time).__name__}"
        )
    if kind not in ("lines", "areas"):
        raise ValueError(f"kind must be 'lines' or 'areas'; got {kind!r}")
    shown = _chosen(over_time, n, topics)
    shares = _smoothed(over_time, smooth)
    ax = axes_of(ax, (9, 5))
    labels = [plain(cut(f"{over_time.topics[at]}: {over_time.labels[at]}", 40)) for at in shown]
    if kind == "lines":
        errors = np.nan_to_num(over_time.errors[:, shown]) if smooth in (None, 1) else None
        _lines(ax, over_time.periods, shares[:, shown], errors, labels)
    else:
        _areas(ax, over_time.periods, shares[:, shown], labels)
    ax.set_xlabel(over_time.by)
    average = "" if smooth in (None, 1) else f", average of {smooth} periods"
    ax.set_ylabel(f"share of the topic{average}")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    tidy(ax)
    return ax


def _chosen(over_time: Any, n: int, topics: Sequence[int] | None) -> NDArray[np.int64]:
    """Return the columns of the topics to draw."""
    numbers = [int(k) for k in over_time.topics]
    if topics is None:
        found: NDArray[np.int64] = np.argsort(-over_time.shares.var(axis=0), kind="stable")
        return found[: max(int(n), 1)]
    missing = [k for k in topics if k not in numbers]
    if missing:
        raise ValueError(f"topics: {missing[0]} is not among those of over_time")
    return np.array([numbers.index(k) for k in topics])


def _smoothed(over_time: Any, smooth: int | None) -> NDArray[np.float64]:
    """Return shares averaged over periods, a period counting by its tokens."""
    shares: NDArray[np.float64] = over_time.shares
    if smooth is None:
        return shares
    if isinstance(smooth, bool) or not isinstance(smooth, (int, np.integer)):
        raise ValueError(f"smooth must be an odd number of periods or None; got {smooth!r:.40}")
    if smooth < 1 or smooth % 2 == 0:
        raise ValueError(f"smooth must be an odd number of periods or None; got {smooth}")
    weight = np.asarray(over_time.n_tokens, dtype=np.float64)
    at = np.arange(len(weight))
    near = (np.abs(at[:, None] - at) <= smooth // 2) * weight
    averaged: NDArray[np.float64] = (near @ shares) / near.sum(axis=1, keepdims=True)
    return averaged


def _lines(ax: Axes, periods: Any, shares: Any, errors: Any, labels: Sequence[str]) -> None:
    few = len(periods) <= 60
    for at, colour in enumerate(map(rgb, colours(len(labels)))):
        share = shares[:, at]
        ax.plot(
            periods,
            share,
            color=colour,
            linewidth=1.8,
            linestyle=lap(at, LINES),
            marker="o" if few else None,
            markersize=3.5,
            label=labels[at],
        )
        if errors is not None:
            low, high = np.maximum(share - 2 * errors[:, at], 0), share + 2 * errors[:, at]
            ax.fill_between(periods, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=SMALL)


def _areas(ax: Axes, periods: Any, shares: Any, labels: Sequence[str]) -> None:
    rest = np.maximum(1 - shares.sum(axis=1), 0)
    fills = [*map(rgb, colours(len(labels))), faint(0.2)]
    # where all topics are drawn nothing is left but rounding, and the legend need not name it
    name = "other topics" if rest.max(initial=0) > 1e-6 else "_nolegend_"
    areas = ax.stackplot(periods, *shares.T, rest, labels=[*labels, name], colors=fills)
    for at, area in enumerate(areas):
        area.set_edgecolor(rgb(paper()))
        area.set_linewidth(0.6)
        area.set_hatch(lap(at, HATCHES) if at < len(labels) else "")
    ax.set_ylim(0, 1)
    if len(periods) > 1:
        ax.set_xlim(periods[0], periods[-1])
    handles, told = ax.get_legend_handles_labels()
    # beside the areas, in their order from the top
    ax.legend(
        handles[::-1],
        told[::-1],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize=SMALL,
    )


# --- what is alike ----------------------------------------------------------------------------


def _distances(model: Any, metric: str, topics: Sequence[int] | None) -> tuple[Any, list[int]]:
    """Return the distances between topics, shape (n, n), and their numbers."""
    from ..lda.describe.similar import topic_distances

    k = fitted(model, "topics_", A_MODEL).n_topics
    which = [topic_of(model, t, "topics") for t in (range(k) if topics is None else topics)]
    if len(which) < 2:
        raise ValueError(f"topics must be two or more; got {len(which)}")
    taken = model.topics_.take(which)
    far = np.stack([topic_distances(taken, t, metric) for t in range(len(which))])
    np.fill_diagonal(far, 0.0)
    return (far + far.T) / 2, which


def plot_topic_similarity(
    model: Any,
    ax: Axes | None = None,
    *,
    metric: str = "jensen-shannon",
    topics: Sequence[int] | None = None,
) -> Axes:
    """Draw how far topics are from each other, alike ones side by side.

    The order is that of the leaves of a tree by average linkage, turned so that neighbours are
    nearest (Bar-Joseph, Gifford and Jaakkola 2001).

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    metric : {"jensen-shannon", "hellinger", "cosine"}
        As for ``similar_topics``.
    topics : sequence of int or None
        Which topics, two or more; None for all.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_topics`.
    ValueError
        If a topic is not there or the metric is not known.
    """
    ax = axes_of(ax)
    far, which = _distances(model, metric, topics)
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    near = squareform(far, checks=False)
    order = leaves_list(linkage(near, "average", optimal_ordering=len(which) <= 500))
    ordered_far = far[np.ix_(order, order)]
    np.fill_diagonal(ordered_far, np.nan)  # its zeros would take the scale
    drawn = ax.imshow(ordered_far, cmap="cividis", interpolation="nearest", aspect="auto")
    n = len(which)
    ordered = [which[at] for at in order]
    if n <= 30:
        ax.set_yticks(range(n), labels_of(model, ordered), fontsize=SMALL)
        ax.set_xticks(range(n), [str(k) for k in ordered], fontsize=SMALL)
    else:  # their numbers would lie over each other
        ax.set_xticks([])
        ax.set_yticks([])
    ax.tick_params(length=0)
    ax.set_xlabel("topic" if n <= 30 else f"{n} topics")
    bar = ax.figure.colorbar(drawn, ax=ax)
    bar.set_label(f"{metric} distance")
    ax.set_title("Topics that are alike")
    return ax


def plot_topic_map(
    model: Any,
    ax: Axes | None = None,
    *,
    metric: str = "jensen-shannon",
    topics: Sequence[int] | None = None,
) -> Axes:
    """Draw topics as circles in a plane: alike ones are near, large ones have large circles.

    The plane is that of classical scaling (Torgerson 1952), as in LDAvis (Sievert and Shirley
    2014); the axes tell how much of the squared distances each holds. Areas are in proportion to
    tokens. The words stand where there is room for them.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted.
    ax, metric, topics
        As for :func:`plot_topic_similarity`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError, ValueError
        As :func:`plot_topic_similarity`.
    """
    ax = axes_of(ax)
    far, which = _distances(model, metric, topics)
    from matplotlib.patches import Circle

    at, share = scaled(far)
    sizes = np.asarray(model.topic_sizes_, dtype=np.float64)[which]
    span = max(float(np.ptp(at, axis=0).max()), 1e-9)
    radii = 0.25 * span / np.sqrt(len(which)) * np.sqrt(sizes / max(sizes.max(), 1))
    fill, edge = colours(1)[0], rgb(ink())
    for i in np.argsort(-sizes, kind="stable"):
        ax.add_patch(
            Circle(
                (at[i, 0], at[i, 1]),
                float(radii[i]),
                facecolor=(*rgb(fill), 0.35),
                edgecolor=rgb(fill),
                linewidth=1.0,
            )
        )
        if len(which) <= 60:
            ax.annotate(str(which[i]), at[i], ha="center", va="center", color=edge, fontsize=SMALL)
    _frame(ax, at - radii.max(), at + radii.max())
    ax.set_xlabel(f"first axis ({share[0]:.0%} of the squared distances)")
    ax.set_ylabel(f"second axis ({share[1]:.0%})")
    tidy(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(f"{len(which)} topics by {metric} distance; areas: their tokens")
    _name_circles(ax, model, which, at, radii)
    return ax


def _frame(ax: Axes, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
    """Set limits about points in which circles are round, as wide by high as the axes are."""
    least, most = low.min(axis=0), high.max(axis=0)
    middle = (least + most) / 2
    sides = np.array(points_across(ax))
    half = 0.55 * sides * ((most - least) / sides).max()
    ax.set_xlim(middle[0] - half[0], middle[0] + half[0])
    ax.set_ylim(middle[1] - half[1], middle[1] + half[1])
    ax.set_aspect("equal")


def scaled(far: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of a plane whose distances are near to those given (Torgerson 1952).

    Parameters
    ----------
    far : ndarray of shape (n, n)
        Distances.

    Returns
    -------
    at : ndarray of shape (n, 2)
    share : ndarray of shape (2,)
        Parts of the squared distances that the axes hold.
    """
    n = len(far)
    middle = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * middle @ (far**2) @ middle)
    order = [-1, -2]
    axes = vectors[:, order] * np.sqrt(np.maximum(values[order], 0))
    # either sign would do; the larger end to the right makes the picture repeatable
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1)
    held = np.maximum(values, 0)
    return axes, held[order] / max(float(held.sum()), np.finfo(float).tiny)


def _name_circles(
    ax: Axes, model: Any, which: Sequence[int], at: NDArray[np.float64], radii: NDArray[np.float64]
) -> None:
    """Write words below circles or above them, where they cover no other, largest topics first."""
    labels = model.topic_labels(2)
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    width, height = points_across(ax)
    unit = max((x1 - x0) / width, (y1 - y0) / height)  # of data, one point of text
    taken = np.column_stack([at - radii[:, None], at + radii[:, None]])
    for i in np.argsort(-radii, kind="stable"):
        wide, high = (unit * side for side in text_size(labels[which[i]], SMALL))
        for side in (-1, 1):
            y = at[i, 1] + side * (radii[i] + 0.8 * high)
            box = np.array([at[i, 0] - wide / 2, y - high / 2, at[i, 0] + wide / 2, y + high / 2])
            inside = x0 <= box[0] and box[2] <= x1 and y0 <= box[1] and box[3] <= y1
            if inside and not overlaps(box, taken).any():
                ax.annotate(
                    plain(labels[which[i]]),
                    (at[i, 0], y),
                    ha="center",
                    va="center",
                    color=rgb(ink()),
                    fontsize=SMALL,
                )
                taken = np.vstack([taken, box])
                break
