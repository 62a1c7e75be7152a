"""Pictures of fits: the metric over the iterations, clusters in the plane, topics and their times.

Needs matplotlib, which comes with ``pip install 'gibbous[plot]'``.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._files import replacing, suffix_of
from ._fit import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's palette (2008), told apart by readers with any kind of colour vision; the yellow
#: and the black, hard to see on white and among text, are left out.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
INK = "#333333"
SUFFIXES = (".png", ".svg", ".pdf")

#: More points than this say no more in a picture, and make a slow one.
MAX_POINTS = 20_000


def require() -> None:
    """Check that matplotlib is there.

    Raises
    ------
    ImportError
        If it is not; the message says how to install it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib, which is not installed; "
            "install it with: pip install 'gibbous[plot]'"
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, without a window or global state."""
    require()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as .png, .svg or .pdf, beside ``path`` and renamed.

    Raises
    ------
    ValueError
        If the ending is none of these.
    """
    suffix = suffix_of(path, SUFFIXES, "a picture")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], dpi=150)
    with replacing(path) as file:
        file.write(buffer.getvalue())


def colours(n: int) -> NDArray[np.float64]:
    """Return ``n`` colours as an array of shape (n, 3); past the palette they repeat, darker."""
    from matplotlib.colors import to_rgb

    base = np.array([to_rgb(c) for c in PALETTE])
    shade = np.array([1.0, 0.6, 0.35])[np.arange(n) // len(base) % 3]
    repeated: NDArray[np.float64] = base[np.arange(n) % len(base)] * shade[:, None]
    return repeated


def plot_history(history: History, ax: Axes | None = None) -> Axes:
    """Draw the metric of a fit over its iterations.

    Further measures are drawn as well: those of the same metric, as of held-out rows, on the same
    axis, others on an axis of their own at the right.

    Parameters
    ----------
    history : History
        The ``history_`` of a fitted model.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    require()
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    from matplotlib.ticker import MaxNLocator

    n = history.n_iter
    own = {name: told for name, told in history.more.items() if name.endswith(history.metric)}
    lines = _curves(ax, {history.metric: history.values, **own}, PALETTE)
    end = {
        "converged": "converged",
        "max_iter": "stopped at max_iter",
        "completed": "completed",
        "diverged": "diverged",
        "interrupted": "interrupted",
        "callback": "stopped by the callback",
    }[history.stop_reason]
    # a long name takes a line of its own, as beside the clusters there is no room
    name = f"{history.model}:{chr(10) if len(history.model) > 20 else ' '}"
    ax.set_title(f"{name}{end} after {n} iteration{'' if n == 1 else 's'}")
    ax.set_xlabel("iteration")
    ax.set_ylabel(history.metric)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    tidy(ax)
    others = {name: told for name, told in history.more.items() if name not in own}
    if others:
        right = ax.twinx()
        lines += _curves(right, others, PALETTE[5:], linestyle="dotted", linewidth=1.2)
        right.set_ylabel(", ".join(others), color=PALETTE[5])
        right.spines["top"].set_visible(False)
    if len(lines) > 1:
        # below, where no curve is
        ax.legend(
            handles=lines,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.1),
            ncols=len(lines),
            frameon=False,
            fontsize="small",
        )
    return ax


def _curves(
    ax: Axes,
    measures: Mapping[str, Sequence[float]],
    palette: Sequence[str],
    *,
    linestyle: str = "solid",
    linewidth: float = 1.8,
) -> list[Any]:
    return [
        ax.plot(
            np.arange(1, len(values) + 1),
            values,
            color=colour,
            linewidth=linewidth,
            linestyle=linestyle,
            marker="o" if len(values) <= 60 and linestyle == "solid" else None,
            markersize=4,
            label=name,
        )[0]
        for (name, values), colour in zip(measures.items(), palette, strict=False)
    ]


def plot_clusters(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the rows of ``X`` coloured by the cluster that a fitted model gives them.

    A mixture blends the colours of its components by their responsibilities and draws each
    component's ellipses at one and two standard deviations, but for those of a
    BayesianGaussianMixture that hold no row. More than two features are projected
    on the first two principal axes, as the labels say; one feature becomes a histogram.
    What is missing of a row is drawn where the mixture expects it.

    Parameters
    ----------
    model : KMeans, MiniBatchKMeans, GaussianMixture or BayesianGaussianMixture
        Fitted.
    X : array-like of shape (n_samples, n_features)
        At most 20,000 rows, evenly picked, are drawn.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    names : sequence of str or None
        Names of the features; by default those that the model was fitted with.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    require()
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    points = np.asarray(X)
    total = len(points)
    if total > MAX_POINTS:
        points = points[np.linspace(0, total - 1, MAX_POINTS).astype(np.intp)]
    if names is None:
        names = getattr(model, "feature_names_in_", None)
    mixture = hasattr(model, "covariances_")
    centres = np.asarray(model.means_ if mixture else model.cluster_centers_, dtype=np.float64)
    with warnings.catch_warnings():
        # A model fitted on a data frame warns of arrays; here the columns are the caller's own.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        shares = (
            model.predict_proba(points) if mixture else np.eye(len(centres))[model.predict(points)]
        )
        if mixture and np.isnan(points).any():
            points = model.impute(points)
    if points.shape[1] == 1:
        _histogram(ax, points[:, 0], shares, names)
    else:
        # what has no rows is where the prior is, and would hide what has some
        shown = getattr(model, "effective_components_", np.arange(len(centres)))
        view = View.of(points, names)
        _scatter(ax, view, points, shares)
        if mixture:
            from .plot_gmm import draw_ellipses

            draw_ellipses(ax, view, model, centres, shown)
        _marks(ax, view.project(centres), shown, ellipses=mixture)
        ax.set_xlabel(view.labels[0])
        ax.set_ylabel(view.labels[1])
    part = "" if len(points) == total else f" ({len(points):,} of {total:,} points shown)"
    kind = "components" if mixture else "clusters"
    count = str(len(centres))
    if hasattr(model, "effective_components_"):
        count = f"{model.n_effective_components_} of {count}"
    ax.set_title(f"{count} {kind}{part}")
    tidy(ax)
    return ax


def fit_figure(model: Any, X: ArrayLike, names: Sequence[str] | None = None) -> Figure:
    """Return a figure with the clusters on the left and the history of the fit on the right."""
    figure = new_figure(12, 5)
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    plot_clusters(model, X, left, names=names)
    plot_history(model.history_, right)
    return figure


def plot_selection(selection: Any, figure: Figure | None = None) -> Figure:
    """Draw the measures of a grid over the number of topics, one panel a measure.

    Parameters
    ----------
    selection : TopicSelection
        What :func:`gibbous.evaluate.select_topics` returned.
    figure : matplotlib.figure.Figure or None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    require()
    names = list(selection.values)
    if figure is None:
        figure = new_figure(3.6 * len(names), 3.2)
    from matplotlib.ticker import MaxNLocator

    best = selection.best
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name, colour in zip(panels, names, colours(len(names)), strict=True):
        values = selection.values[name]
        ax.plot(selection.ks, values, ".", color=colour, alpha=0.4)
        ax.plot(selection.ks, values.mean(axis=1), color=colour, linewidth=1.8)
        ax.axvline(best[name], color=INK, linewidth=0.8, linestyle=":")
        ax.set_title(selection.label(name), fontsize="medium")
        ax.set_xlabel("topics")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        tidy(ax)
    return figure


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
    ValueError
        If a topic is not there, or titles are fewer.
    """
    require()
    if titles is not None and topics is not None and len(titles) != len(topics):
        raise ValueError(f"titles must be one a topic, {len(topics)}; got {len(titles)}")
    words_of, names = model.topics_, model.vocabulary_
    which = list(range(words_of.n_topics) if topics is None else topics)[:_MAX_TOPICS]
    if titles is None:
        share = model.topic_sizes_ / max(model.topic_sizes_.sum(), 1)
        given = getattr(model, "topic_labels_", None) or [""] * words_of.n_topics
        titles = [f"{given[k] or f'topic {k}'}: {share[k]:.1%}" for k in which]
    top = words_of.top_words(min(top_n, _MAX_WORDS))[which]
    values = words_of.of_pairs(np.reshape(which, (-1, 1)), top)
    across = min(len(which), 6 if len(which) > 8 else 4)
    down = -(-len(which) // max(across, 1))
    if figure is None:
        figure = new_figure(2.6 * across, (0.6 + 0.19 * top.shape[1]) * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for ax, title, words, value, colour in zip(
        panels[: len(which)], titles, top, values, colours(len(which)), strict=True
    ):
        labels = [str(w) if names is None else names[w] for w in words.tolist()]
        _word_bars(ax, labels, value, colour)
        ax.set_title(title, fontsize="medium")
    for ax in panels[len(which) :]:
        ax.set_axis_off()
    whole: Figure = figure
    return whole


def _word_bars(
    ax: Axes, labels: Sequence[str], values: NDArray[Any], colour: NDArray[np.float64]
) -> None:
    from matplotlib.ticker import MaxNLocator

    at = np.arange(len(labels))
    ax.barh(at, values, color=tuple(colour), height=0.72)
    shown = [label if len(label) <= 18 else label[:17] + "\u2026" for label in labels]
    # A word with a dollar sign is no formula.
    ax.set_yticks(at, [label.replace("$", r"\$") for label in shown], fontsize="small")
    ax.invert_yaxis()
    ax.xaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    ax.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.3g}%")
    ax.tick_params(axis="x", labelsize="x-small")
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
    curves = [(_evaluated(model.history_), model.history_.metric)]
    if held_out:
        curves.append((held_out, "perplexity of documents held back"))
    for ax, (points, label), colour in zip(panels, curves, PALETTE, strict=False):
        sweeps, values = np.reshape(points, (-1, 2)).T
        ax.plot(sweeps, values, color=colour, linewidth=1.8, marker="o", markersize=4)
        ax.set_xlabel("sweep")
        ax.set_ylabel(label)
        tidy(ax)
    return figure


def _evaluated(history: History) -> list[tuple[int, float]]:
    """Return the iterations at which the metric was looked at; between them it stays."""
    values = history.values
    return [(i + 1, v) for i, v in enumerate(values) if i == 0 or v != values[i - 1]]


def plot_topics_over_time(
    over_time: Any, ax: Axes | None = None, *, n: int = 6, topics: Sequence[int] | None = None
) -> Axes:
    """Draw shares of topics over time, with bands of two standard errors to either side.

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

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If a topic is not among those of ``over_time``.
    """
    require()
    shares, errors = over_time.shares, np.nan_to_num(over_time.errors)
    numbers = [int(k) for k in over_time.topics]
    if topics is None:
        shown = np.argsort(-shares.var(axis=0), kind="stable")[: max(int(n), 1)]
    else:
        missing = [k for k in topics if k not in numbers]
        if missing:
            raise ValueError(f"topics: {missing[0]} is not among those of over_time")
        shown = np.array([numbers.index(k) for k in topics])
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(9, 5), layout="constrained")[1]
    few = len(over_time) <= 60
    for at, colour in zip(shown, colours(len(shown)), strict=True):
        share, error = shares[:, at], errors[:, at]
        ax.plot(
            over_time.periods,
            share,
            color=colour,
            linewidth=1.8,
            marker="o" if few else None,
            markersize=3.5,
            label=f"{numbers[at]}: {over_time.labels[at]}",
        )
        low, high = np.maximum(share - 2 * error, 0), share + 2 * error
        ax.fill_between(over_time.periods, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(over_time.by)
    ax.set_ylabel("share of the topic")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax


def tidy(ax: Axes) -> None:
    """Take away what is no data, and put a grid behind it."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(True, color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)


@dataclass(frozen=True)
class View:
    """How points become a plane: two features as they are, or the first two principal axes."""

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    labels: tuple[str, str]

    @classmethod
    def of(cls, points: NDArray[Any], names: Sequence[str] | None) -> View:
        """Return the plane in which these points are drawn."""
        d = points.shape[1]
        if d == 2:
            labels = ("feature 1", "feature 2") if names is None else (str(names[0]), str(names[1]))
            return cls(np.zeros(2), np.eye(2), labels)
        mean = points.mean(axis=0, dtype=np.float64)
        covariance = np.cov(points.T.astype(np.float64)) if len(points) > 1 else np.zeros((d, d))
        values, vectors = np.linalg.eigh(covariance)
        axes = vectors[:, [-1, -2]]
        # An axis may point either way; the larger entry upwards makes the picture repeatable.
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
        share = values[[-1, -2]] / max(values.sum(), np.finfo(float).tiny)
        first, second = (
            f"{which} principal axis of {d} features ({part:.0%} of the variance)"
            for which, part in zip(("first", "second"), share, strict=True)
        )
        return cls(mean, axes, (first, second))

    def project(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Return points of the plane."""
        flat: NDArray[np.float64] = (points - self.mean) @ self.axes
        return flat

    def spread(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a covariance in the plane."""
        flat: NDArray[np.float64] = self.axes.T @ covariance @ self.axes
        return flat


def _scatter(ax: Axes, view: View, points: NDArray[Any], shares: NDArray[Any]) -> None:
    n = len(points)
    flat = view.project(points)
    # In an order that mixes the clusters, so that none lies on top of all the others.
    order = np.random.Generator(np.random.Philox(0)).permutation(n)
    size = float(np.clip(6000 / max(n, 1), 3, 26))
    ax.scatter(
        flat[order, 0],
        flat[order, 1],
        c=np.clip(shares @ colours(shares.shape[1]), 0, 1)[order],
        s=size,
        alpha=float(np.clip(60 / np.sqrt(max(n, 1)), 0.25, 0.85)),
        linewidths=0,
        rasterized=True,
    )


def _marks(
    ax: Axes, flat: NDArray[np.float64], shown: NDArray[np.int64], *, ellipses: bool
) -> None:
    """Put each cluster's number at its centre, as predict returns it."""
    many = len(shown) > 40
    for at in shown:
        x, y = flat[at]
        ax.annotate(
            "" if many else str(at),
            (x, y),
            ha="center",
            va="center",
            fontsize=8,
            color=INK,
            zorder=5,
            bbox={
                "boxstyle": "circle,pad=0.25",
                "facecolor": "white",
                "edgecolor": INK,
                "linewidth": 0.8,
            },
        )
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.06 * (high - low), high)  # room for the note below the points
    text = "solid and dashed: 1 and 2 standard deviations" if ellipses else "numbers: the centres"
    ax.annotate(
        text,
        (0.01, 0.01),
        xycoords="axes fraction",
        fontsize=8,
        color=INK,
        va="bottom",
        zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )


def _histogram(
    ax: Axes, points: NDArray[Any], shares: NDArray[Any], names: Sequence[str] | None
) -> None:
    k = shares.shape[1]
    edges = np.histogram_bin_edges(points.astype(np.float64), bins="auto")
    if len(edges) > 200:
        edges = np.linspace(edges[0], edges[-1], 201)
    ax.hist(
        [points] * k,
        bins=edges.tolist(),
        weights=list(shares.T),
        stacked=True,
        color=list(map(tuple, colours(k))),
        label=[str(at) for at in range(k)],
    )
    ax.set_xlabel("feature 1" if names is None else str(names[0]))
    ax.set_ylabel("points")
    if k <= 12:
        ax.legend(title="cluster", frameon=False)
