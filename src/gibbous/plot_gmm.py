"""Pictures of Gaussian mixtures: ellipses, densities, uncertainty, and how one was chosen.

More than two features are projected on the first two principal axes of the points. A Gaussian
stays one in that plane, so the ellipses and densities drawn there are exact. Needs matplotlib,
which comes with ``pip install 'gibbous[plot]'``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .plot import INK, MAX_POINTS, PALETTE, View, colours, plot_clusters, require, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points across a picture at which a density is computed: finer ones cannot be told apart.
_GRID = 220

_LABELS = {
    "bic": "BIC (lower is better)",
    "aic": "AIC (lower is better)",
    "icl": "ICL (lower is better)",
    "held_out": "held-out log-likelihood a row (higher is better)",
}
_MARKERS = {"full": "o", "tied": "s", "diag": "^", "spherical": "D"}


def plot_components(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the components of a mixture as ellipses over the points.

    Each has an ellipse at one standard deviation and one at two; the points blend the colours of
    the components by their responsibilities. One feature becomes a histogram.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
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
    TypeError
        If the model is no mixture.
    """
    _check(model)
    return plot_clusters(model, X, ax, names=names)


def plot_density(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the contours of log p(x), in nats, with the points over them.

    Of more than two features it is the density of the first two principal axes, the others
    integrated out. Of one feature it is a curve, above the curves of the components. Takes and
    raises what :func:`plot_components` does.
    """
    ax, points, names = _prepare(model, X, ax, names)
    if points.shape[1] == 1:
        return _density_curve(ax, model, points[:, 0], names)
    view = View.of(points, names)
    flat = view.project(points)
    x, y, at = _plane(flat)
    log_density = _log_density(model, view, at).reshape(len(y), len(x))
    lowest = float(np.quantile(_log_density(model, view, flat), 0.02))
    top = float(log_density.max())
    from matplotlib.ticker import MaxNLocator

    levels = MaxNLocator(10).tick_values(min(lowest, top - 1) - 1, top)
    filled = ax.contourf(x, y, log_density, levels=levels, cmap=_pale("Blues"))
    ax.contour(x, y, log_density, levels=levels, colors="white", linewidths=0.7, linestyles="solid")
    ax.scatter(flat[:, 0], flat[:, 1], s=_size(len(flat)), color=INK, alpha=0.6, linewidths=0)
    bar = ax.figure.colorbar(filled, ax=ax)
    bar.set_label("log p(x), nats" if points.shape[1] == 2 else "log p of these two axes, nats")
    _frame(ax, view, x, y)
    ax.set_title(f"Density of {_count(model)}")
    return ax


def plot_uncertainty(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw where a mixture is in doubt: one minus the largest responsibility.

    Each point is as large and as red as its component is uncertain; of two features the plane
    behind is, too. Of one feature it is a curve. Takes and raises what :func:`plot_components`
    does.
    """
    ax, points, names = _prepare(model, X, ax, names)
    doubt = 1.0 - _shares(model, points).max(axis=1)
    if points.shape[1] == 1:
        return _doubt_curve(ax, model, points[:, 0], names)
    view = View.of(points, names)
    flat = view.project(points)
    x, y, at = _plane(flat)
    top = max(1.0 - 1.0 / len(model.means_), 0.01)
    if points.shape[1] == 2:
        plane = 1.0 - _shares(model, at).max(axis=1).reshape(len(y), len(x))
        levels = np.linspace(0, top, 13)
        ax.contourf(x, y, plane, levels=levels, cmap=_pale("Reds"), vmin=0, vmax=top)
    order = np.argsort(doubt, kind="stable")  # the doubtful ones above the others
    drawn = ax.scatter(
        flat[order, 0],
        flat[order, 1],
        c=doubt[order],
        s=_size(len(flat)) * (1 + 4 * doubt[order] / top),
        cmap=_pale("Reds"),
        vmin=0,
        vmax=top,
        edgecolors=INK,
        linewidths=0.5,
    )
    bar = ax.figure.colorbar(drawn, ax=ax)
    bar.set_label("1 - largest responsibility")
    _frame(ax, view, x, y)
    ax.set_title(f"Uncertainty of {_count(model)}: {doubt.mean():.1%} on average")
    return ax


def plot_criterion(selection: Any, ax: Axes | None = None, *, criterion: str | None = None) -> Axes:
    """Draw a criterion over the number of components, one line a covariance type.

    The best is ringed; a fit that failed leaves a gap.

    Parameters
    ----------
    selection : MixtureSelection
        What :func:`gibbous.select_mixture` returned.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    criterion : {"bic", "aic", "icl", "held_out"}, optional
        By default the one that the selection was made by.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the criterion is not known, or was not measured.
    """
    ax = _axes(ax)
    from matplotlib.ticker import MaxNLocator

    name = selection.criterion if criterion is None else criterion
    best = selection.ranked(name)[0]
    kinds = list(dict.fromkeys(trial.covariance_type for trial in selection.trials))
    for kind, colour in zip(kinds, PALETTE, strict=False):
        trials = [trial for trial in selection.trials if trial.covariance_type == kind]
        ax.plot(
            [trial.n_components for trial in trials],
            [getattr(trial, name) for trial in trials],
            color=colour,
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
        markeredgecolor=INK,
        markeredgewidth=1.6,
        label="best",
    )
    failed = f", {len(selection.failed)} failed" if selection.failed else ""
    ax.set_title(f"Best: {best.n_components} components, {best.covariance_type}{failed}")
    ax.set_xlabel("components")
    ax.set_ylabel(_LABELS[name])
    ax.ticklabel_format(axis="y", useOffset=False, style="plain")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    # beside the lines, not over them
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, title="covariances")
    tidy(ax)
    return ax


# ---- what they share ----------------------------------------------------------------------------


def _check(model: Any) -> None:
    require()
    if not hasattr(model, "covariances_"):
        raise TypeError(f"model must be a fitted mixture; got {type(model).__name__}")


def _axes(ax: Axes | None) -> Axes:
    require()
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    return ax


def _prepare(
    model: Any, X: ArrayLike, ax: Axes | None, names: Sequence[str] | None
) -> tuple[Axes, NDArray[np.float64], Sequence[str] | None]:
    _check(model)
    points = np.asarray(X, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != model.means_.shape[1]:
        raise ValueError(
            f"X must have the {model.means_.shape[1]} features that the model was fitted on; "
            f"got shape {points.shape}"
        )
    if len(points) > MAX_POINTS:
        points = points[np.linspace(0, len(points) - 1, MAX_POINTS).astype(np.intp)]
    return _axes(ax), points, getattr(model, "feature_names_in_", None) if names is None else names


def _shares(model: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        # A model fitted on a data frame warns of arrays; here the columns are the caller's own.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(model.predict_proba(points), dtype=np.float64)


def _log_parts(
    means: NDArray[np.float64], covariances: Any, weights: Any, at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log(weight x density) of each component at points, of shape (points, components)."""
    parts = []
    for mean, covariance, weight in zip(means, covariances, weights, strict=True):
        factor = np.linalg.cholesky(covariance)
        z = np.linalg.solve(factor, (at - mean).T)
        scale = np.log(np.diag(factor)).sum() + 0.5 * len(mean) * math.log(2 * math.pi)
        parts.append(-0.5 * (z**2).sum(axis=0) - scale + math.log(max(float(weight), 1e-300)))
    return np.stack(parts, axis=1)


def _log_density(model: Any, view: View, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log p of points of a plane, what lies outside the plane integrated out."""
    centres = view.project(np.asarray(model.means_, dtype=np.float64))
    spreads = [view.spread(_full(model, k)) for k in range(len(centres))]
    total: NDArray[np.float64] = np.logaddexp.reduce(
        _log_parts(centres, spreads, model.weights_, at), axis=1
    )
    return total


def _plane(flat: NDArray[np.float64]) -> tuple[Any, Any, NDArray[np.float64]]:
    """Return a grid somewhat wider than the points: its x, its y, and all of its points."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    margin = 0.08 * np.maximum(high - low, 1e-9)
    x, y = (np.linspace(a, b, _GRID) for a, b in zip(low - margin, high + margin, strict=True))
    return x, y, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _frame(ax: Axes, view: View, x: Any, y: Any) -> None:
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    # what a long label adds in brackets takes a line of its own, as beside a colour bar
    xlabel, ylabel = (a if len(a) < 32 else a.replace(" (", "\n(") for a in view.labels)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    tidy(ax)
    ax.grid(False)


def _pale(name: str) -> Any:
    """Return the light part of a colour map, on which dark points can be seen."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[name](np.linspace(0.0, 0.75, 256)))


def _size(n: int) -> float:
    return float(np.clip(5000 / max(n, 1), 3, 18))


def _count(model: Any) -> str:
    k = len(model.means_)
    return f"{k} component{'' if k == 1 else 's'}"


def _line(points: NDArray[np.float64]) -> NDArray[np.float64]:
    margin = 0.08 * max(float(np.ptp(points)), 1e-9)
    return np.linspace(points.min() - margin, points.max() + margin, 600)


def _density_curve(
    ax: Axes, model: Any, points: NDArray[np.float64], names: Sequence[str] | None
) -> Axes:
    x = _line(points)
    k = len(model.means_)
    means = np.asarray(model.means_, dtype=np.float64)
    parts = np.exp(
        _log_parts(means, [_full(model, j) for j in range(k)], model.weights_, x[:, None])
    )
    ax.hist(points, bins="auto", density=True, color="#D9D9D9")
    for part, colour in zip(parts.T, colours(k), strict=True):
        ax.plot(x, part, color=tuple(colour), linewidth=1.4, linestyle="dashed")
    ax.plot(x, parts.sum(axis=1), color=INK, linewidth=1.8)
    ax.set_xlabel("feature 1" if names is None else str(names[0]))
    ax.set_ylabel("density")
    ax.set_title(f"Density of {_count(model)}")
    tidy(ax)
    return ax


def _doubt_curve(
    ax: Axes, model: Any, points: NDArray[np.float64], names: Sequence[str] | None
) -> Axes:
    x = _line(points)
    ax.plot(x, 1.0 - _shares(model, x[:, None]).max(axis=1), color=PALETTE[5], linewidth=1.8)
    ax.plot(points, np.zeros_like(points), "|", color=INK, alpha=0.5, markersize=10)
    ax.set_xlabel("feature 1" if names is None else str(names[0]))
    ax.set_ylabel("1 - largest responsibility")
    ax.set_title(f"Uncertainty of {_count(model)}")
    tidy(ax)
    return ax


def _full(model: Any, component: int) -> NDArray[np.float64]:
    """Return one component's covariance as a square matrix."""
    covariances, d = np.asarray(model.covariances_, dtype=np.float64), model.means_.shape[1]
    kind = model.covariance_type
    if kind == "tied":
        return covariances
    if kind == "full":
        square: NDArray[np.float64] = covariances[component]
        return square
    return np.diag(np.broadcast_to(covariances[component], (d,)))


def draw_ellipses(
    ax: Axes, view: View, model: Any, centres: NDArray[np.float64], shown: NDArray[np.int64]
) -> None:
    """Draw the ellipses of components at one and two standard deviations, as a plane shows them."""
    from matplotlib.patches import Ellipse

    flat = view.project(centres)
    palette = colours(len(centres))
    for component in shown:
        colour = palette[component]
        values, vectors = np.linalg.eigh(view.spread(_full(model, component)))
        angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
        for sigma, style in ((1, "solid"), (2, "dashed")):
            width, height = 2 * sigma * np.sqrt(np.maximum(values[::-1], 0))
            ax.add_patch(
                Ellipse(
                    (flat[component, 0], flat[component, 1]),
                    width,
                    height,
                    angle=angle,
                    fill=False,
                    edgecolor=colour * 0.75,
                    linewidth=1.4,
                    linestyle=style,
                )
            )
