"""Pictures of fits: the metric over iterations or seconds, and criteria of model selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._fit.history import History
from .style import LINES, PALETTE, SMALL, axes_of, colors, ink, new_figure, rgb, tidy
from .text import points_across

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENDS = {
    "converged": "converged",
    "max_iter": "stopped at max_iter",
    "completed": "completed",
    "diverged": "diverged",
    "interrupted": "interrupted",
    "callback": "stopped by the callback",
}


def history_of(history: Any) -> History:
    """Return a history, or the history of a fitted model.

    Raises
    ------
    NotFittedError
        If the model has not been fitted.
    TypeError
        If ``history`` is neither a history nor a model.
    """
    if isinstance(history, History):
        return history
    own = getattr(history, "history_", None)
    if isinstance(own, History):
        return own
    kind = type(history).__name__
    if hasattr(history, "fit"):
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(
            f"history: this {kind} has no history_, as it is not fitted; call fit first"
        )
    raise TypeError(f"history must be a fitted model or its history_; got {kind}")


def plot_history(
    history: Any, ax: Axes | None = None, *, x: str = "iteration", metric: str | None = None
) -> Axes:
    """Draw the metric of a fit over its iterations, or over wall time.

    Further measures in ``history.more`` are drawn as well: values of the same metric, such as that
    of held-out rows, on the same axis, and other measures on a second axis on the right. If the
    metric is only computed at some iterations, as for topics, only these are drawn.

    Parameters
    ----------
    history : History or estimator
        The ``history_`` of a fitted model, or the model.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    x : {"iteration", "seconds"}
        The horizontal axis: iterations, or wall time since the start of the fit.
    metric : str or None
        The measure to draw: the history's ``metric``, or a name in its ``more``; None draws all.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError
        If the model has not been fitted.
    TypeError
        If ``history`` is neither a history nor a model.
    ValueError
        If ``x`` or ``metric`` is unknown.
    """
    ax = axes_of(ax)
    from matplotlib.ticker import MaxNLocator

    history = history_of(history)
    if x not in ("iteration", "seconds"):
        raise ValueError(f"x must be 'iteration' or 'seconds'; got {x!r}")
    own, others = _measures(history, metric)
    across, label = _across(history, x)
    palette = colors(len(PALETTE))
    lines = _curves(ax, across, own, palette)
    n = history.n_iter
    end = f"{_ENDS[history.stop_reason]} after {n} iteration{'' if n == 1 else 's'}"
    # two lines if one is too narrow for the title: a letter is about 7 points wide
    narrow = 7 * len(f"{history.model}: {end}") > points_across(ax)[0]
    ax.set_title(f"{history.model}:{chr(10) if narrow else ' '}{end}")
    ax.set_xlabel(label)
    ax.set_ylabel(history.metric if history.metric in own else next(iter(own)))
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=x == "iteration", steps=[1, 2, 5, 10]))
    tidy(ax)
    if others:
        right = ax.twinx()
        lines += _curves(right, across, others, palette[5:], linestyle="dotted", linewidth=1.8)
        right.set_ylabel(", ".join(others), color=rgb(palette[5]))
        right.spines["top"].set_visible(False)
    if len(lines) > 1:
        _legend_below(ax, lines)
    return ax


def _legend_below(ax: Axes, lines: Sequence[Any]) -> None:
    """Put a legend below the axis, 34 points lower, which leaves room for ticks and the label."""
    from matplotlib.transforms import ScaledTranslation

    drop = ScaledTranslation(0, -34 / 72, ax.figure.dpi_scale_trans)
    long = sum(len(str(line.get_label())) for line in lines) > 50
    ax.legend(
        handles=lines,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=ax.transAxes + drop,
        ncols=2 if long else len(lines),
        frameon=False,
        fontsize=SMALL,
    )


def _across(history: History, x: str) -> tuple[NDArray[Any], str]:
    """Return the horizontal position of each iteration, and the label of the axis."""
    if x == "iteration":
        return np.arange(1, history.n_iter + 1), x
    passed = np.cumsum(history.seconds)
    if len(passed) and passed[-1] < 1:
        return passed * 1000, "milliseconds"
    return passed, x


def _measures(
    history: History, metric: str | None
) -> tuple[dict[str, Sequence[float]], dict[str, Sequence[float]]]:
    """Return the measures of the left axis and those of the right one."""
    given: dict[str, Sequence[float]] = {history.metric: history.values, **history.more}
    if metric is not None:
        if metric not in given:
            raise ValueError(f"metric must be one of {', '.join(given)}; got {metric!r}")
        return {metric: given[metric]}, {}
    own = {name: values for name, values in given.items() if name.endswith(history.metric)}
    return own, {name: values for name, values in given.items() if name not in own}


def _curves(
    ax: Axes,
    across: Any,
    measures: Mapping[str, Sequence[float]],
    palette: NDArray[np.float64],
    *,
    linestyle: str = "solid",
    linewidth: float = 1.8,
) -> list[Any]:
    found = []
    for at, (name, values) in enumerate(measures.items()):
        shown = measured_at(values)
        drawn = len(shown)
        found += ax.plot(
            across[shown],
            np.asarray(values)[shown],
            color=rgb(palette[at % len(palette)]),
            linewidth=linewidth,
            linestyle=linestyle if linestyle != "solid" else LINES[at % len(LINES)],
            marker="o" if drawn <= 60 and linestyle == "solid" else None,
            markersize=4,
            label=name,
        )
    return found


def measured_at(values: Sequence[float]) -> Any:
    """Return the indices of the iterations at which a metric was computed.

    The history of a sampler repeats the last value until the metric is computed again. If the
    metric changes at most iterations, all indices are returned.
    """
    given = np.asarray(values, dtype=np.float64)
    changed = np.flatnonzero(np.r_[True, given[1:] != given[:-1]][: len(given)])
    return changed if len(changed) < 0.75 * len(given) else np.arange(len(given))


def plot_criterion(selection: Any, ax: Axes | None = None, *, criterion: str | None = None) -> Axes:
    """Draw a criterion over the number of components, one line per covariance type.

    A circle marks the best mixture; a fit that failed leaves a gap.

    Parameters
    ----------
    selection : MixtureSelection
        The result of :func:`gibbous.select_mixture`.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    criterion : {"bic", "aic", "icl", "held_out"}, optional
        The criterion; by default the one of the selection.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If ``selection`` is not such a result.
    ValueError
        If the criterion is unknown, or was not computed.
    """
    ax = axes_of(ax)
    from matplotlib.ticker import MaxNLocator

    if not hasattr(selection, "ranked"):
        raise TypeError(
            f"selection must be the result of select_mixture; got {type(selection).__name__}"
        )
    name = selection.criterion if criterion is None else criterion
    best = selection.ranked(name)[0]
    kinds = list(dict.fromkeys(trial.covariance_type for trial in selection.trials))
    for kind, color in zip(kinds, map(rgb, colors(len(kinds))), strict=True):
        trials = [trial for trial in selection.trials if trial.covariance_type == kind]
        ax.plot(
            [trial.n_components for trial in trials],
            [getattr(trial, name) for trial in trials],
            color=color,
            marker=_MARKERS[kind],
            markersize=4.5,
            linewidth=1.6,
            label=kind,
        )
    ax.plot(
        [best.n_components],
        [getattr(best, name)],
        linestyle="none",
        marker="o",
        markersize=14,
        markerfacecolor="none",
        markeredgecolor=rgb(ink()),
        markeredgewidth=1.6,
        label="best",
    )
    failed = f", {len(selection.failed)} failed" if selection.failed else ""
    ax.set_title(f"Best: {best.n_components} components, {best.covariance_type}{failed}")
    ax.set_xlabel("components")
    ax.set_ylabel(_LABELS[name])
    ax.ticklabel_format(axis="y", useOffset=False, style="plain")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    # to the right of the lines, not over them
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, title="covariances")
    tidy(ax)
    return ax


_LABELS = {
    "bic": "BIC (lower is better)",
    "aic": "AIC (lower is better)",
    "icl": "ICL (lower is better)",
    "held_out": "held-out log-likelihood per row (higher is better)",
}
_MARKERS = {"full": "o", "tied": "s", "diag": "^", "spherical": "D"}


def plot_selection(selection: Any, figure: Figure | None = None) -> Figure:
    """Draw the measures of a grid over the number of topics, one panel per measure.

    Parameters
    ----------
    selection : TopicSelection
        The result of :func:`gibbous.evaluate.select_topics`.
    figure : matplotlib.figure.Figure or None
        Figure to draw on; None creates one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    names = list(selection.values)
    if figure is None:
        figure = new_figure(3.6 * len(names), 3.2)
    from matplotlib.ticker import MaxNLocator

    best = selection.best
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name, color in zip(panels, names, colors(len(names)), strict=True):
        values = selection.values[name]
        ax.plot(selection.ks, values, ".", color=rgb(color), alpha=0.4)
        ax.plot(selection.ks, values.mean(axis=1), color=rgb(color), linewidth=1.8)
        ax.axvline(best[name], color=rgb(ink()), linewidth=0.8, linestyle=":")
        ax.set_title(selection.label(name), fontsize="medium")
        ax.set_xlabel("topics")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        tidy(ax)
    return figure
