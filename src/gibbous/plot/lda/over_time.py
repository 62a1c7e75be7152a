"""Shares of topics over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..style import (
    HATCHES,
    LINES,
    SMALL,
    axes_of,
    colors,
    faint,
    lap,
    paper,
    plain,
    require,
    rgb,
    tidy,
)
from .names import cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_topics_over_time(
    over_time: Any,
    ax: Axes | None = None,
    *,
    n: int = 6,
    topics: Sequence[int] | None = None,
    kind: str = "lines",
    smooth: int | None = None,
) -> Axes:
    """Draw the shares of topics over time, as lines or as stacked areas.

    Lines have bands of plus and minus two standard errors, unless they are smoothed. Areas sum to
    one: the topics that are not drawn form an area at the top.

    Parameters
    ----------
    over_time : TopicsOverTime
        The result of ``LatentDirichletAllocation.topics_over_time``.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    n : int, default 6
        Number of topics: those whose shares have the largest variance over the periods.
    topics : sequence of int or None
        Topics to draw; replaces ``n``.
    kind : {"lines", "areas"}
    smooth : int or None
        Window of a centered moving average, an odd number of periods; periods are weighted by
        their tokens, and the label of the axis names the window. None draws the shares themselves.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If ``over_time`` is not such a result.
    ValueError
        If a topic is not among those of ``over_time``, or ``kind`` or ``smooth`` is invalid.
    """
    require()
    if not hasattr(over_time, "shares") or not hasattr(over_time, "periods"):
        raise TypeError(
            "over_time must be the result of topics_over_time(corpus) of a fitted model; "
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
        raise ValueError(f"topics must be among those of over_time, {numbers}; got {missing[0]}")
    return np.array([numbers.index(k) for k in topics])


def _smoothed(over_time: Any, smooth: int | None) -> NDArray[np.float64]:
    """Return the moving average of shares, weighted by the tokens of each period."""
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
    for at, color in enumerate(map(rgb, colors(len(labels)))):
        share = shares[:, at]
        ax.plot(
            periods,
            share,
            color=color,
            linewidth=1.8,
            linestyle=lap(at, LINES),
            marker="o" if few else None,
            markersize=3.5,
            label=labels[at],
        )
        if errors is not None:
            low, high = np.maximum(share - 2 * errors[:, at], 0), share + 2 * errors[:, at]
            ax.fill_between(periods, low, high, color=color, alpha=0.18, linewidth=0)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=SMALL)


def _areas(ax: Axes, periods: Any, shares: Any, labels: Sequence[str]) -> None:
    rest = np.maximum(1 - shares.sum(axis=1), 0)
    fills = [*map(rgb, colors(len(labels))), faint(0.2)]
    # if all topics are drawn only rounding errors are left, which need no entry in the legend
    name = "other topics" if rest.max(initial=0) > 1e-6 else "_nolegend_"
    areas = ax.stackplot(periods, *shares.T, rest, labels=[*labels, name], colors=fills)
    for at, area in enumerate(areas):
        area.set_edgecolor(rgb(paper()))
        area.set_linewidth(0.6)
        area.set_hatch(lap(at, HATCHES) if at < len(labels) else "")
    ax.set_ylim(0, 1)
    if len(periods) > 1:
        ax.set_xlim(periods[0], periods[-1])
    handles, texts = ax.get_legend_handles_labels()
    # to the right of the areas, in their order from the top
    ax.legend(
        handles[::-1],
        texts[::-1],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize=SMALL,
    )
