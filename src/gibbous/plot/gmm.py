"""Pictures of Gaussian mixtures: ellipses, densities, uncertainty, and criteria of selection.

Points with more than two features are projected onto their first two principal axes. The projection
of a Gaussian is a Gaussian, so the ellipses and densities in the plane are exact. Requires
matplotlib, which is installed by ``pip install 'gibbous[plot]'``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fit import plot_criterion
from .kmeans import histogram, plot_clusters
from .plane import (
    View,
    centers_of,
    check_mixture,
    draw_cells,
    draw_ellipses,
    frame,
    full_covariance,
    names_of,
    plane,
    rows_of,
    scatter,
    shares_of,
    size_of,
    title_of,
)
from .style import (
    PALETTE,
    SMALL,
    axes_of,
    colors,
    faint,
    ink,
    paper,
    rgb,
    several_axes,
    tidy,
    tint,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "plot_components",
    "plot_criterion",
    "plot_density",
    "plot_half_and_half",
    "plot_pairs",
    "plot_uncertainty",
]

Points = NDArray[np.float64]

#: With more features the panels are too small.
_MOST_FEATURES = 6

#: A point whose largest responsibility is below this is between groups.
_SURE = 0.9


def plot_components(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the components of a mixture as ellipses over the points.

    Each component has ellipses at one and at two standard deviations. The color of a point is the
    average of the colors of the components, weighted by its responsibilities. One feature is drawn
    as a histogram.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
        A fitted model.
    X : array-like of shape (n_samples, n_features)
        Points to draw. If there are more than 20,000 rows, that many are drawn, evenly spaced.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    names : sequence of str or None
        Names of the features; by default those of the data that the model was fitted on.

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
        If the model is not a mixture.
    ValueError
        If ``X`` does not have the features of the model.
    """
    check_mixture(model)
    return plot_clusters(model, X, ax, names=names)


def plot_density(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the contours of log p(x), in nats, and the points.

    With more than two features, it is the marginal density of the first two principal axes. With
    one feature, the density is drawn as a curve, together with those of the components.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
        A fitted model.
    X, ax, names
        As for :func:`plot_components`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError, ValueError
        As :func:`plot_components`.
    """
    ax, points, names = _prepare(model, X, ax, names)
    if points.shape[1] == 1:
        return _density_curve(ax, model, points[:, 0], names)
    view = View.of(points, names)
    flat = view.project(points)
    x, y, at = plane(flat)
    log_density = _log_density(model, view, at).reshape(len(y), len(x))
    lowest = float(np.quantile(_log_density(model, view, flat), 0.02))
    top = float(log_density.max())
    from matplotlib.ticker import MaxNLocator

    levels = MaxNLocator(10).tick_values(min(lowest, top - 1) - 1, top)
    filled = ax.contourf(x, y, log_density, levels=levels, cmap=tint(PALETTE[0]))
    ax.contour(
        x,
        y,
        log_density,
        levels=levels,
        colors=[rgb(paper())],
        linewidths=0.7,
        linestyles="solid",
    )
    color, size = rgb(ink()), 0.8 * size_of(len(flat))
    ax.scatter(flat[:, 0], flat[:, 1], s=size, color=color, alpha=0.6, linewidths=0)
    bar = ax.figure.colorbar(filled, ax=ax)
    bar.set_label("log p(x), nats" if points.shape[1] == 2 else "log p of the two axes, nats")
    frame(ax, view, flat)
    ax.set_title(f"Density of {_count(model)}")
    return ax


def plot_uncertainty(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the uncertainty of the assignment: one minus the largest responsibility.

    The size and the color of a point show its uncertainty; with two features the background does,
    too. With one feature the uncertainty is drawn as a curve.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
        A fitted model.
    X, ax, names
        As for :func:`plot_components`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError, ValueError
        As :func:`plot_components`.
    """
    ax, points, names = _prepare(model, X, ax, names)
    uncertainty = 1.0 - shares_of(model, points).max(axis=1)
    if points.shape[1] == 1:
        return _uncertainty_curve(ax, model, points[:, 0], names)
    view = View.of(points, names)
    flat = view.project(points)
    x, y, at = plane(flat)
    top = max(1.0 - 1.0 / len(model.means_), 0.01)
    if points.shape[1] == 2:
        behind = 1.0 - shares_of(model, at).max(axis=1).reshape(len(y), len(x))
        levels = np.linspace(0, top, 13)
        ax.contourf(x, y, behind, levels=levels, cmap=tint(PALETTE[5]), vmin=0, vmax=top)
    order = np.argsort(uncertainty, kind="stable")  # the most uncertain points on top
    drawn = ax.scatter(
        flat[order, 0],
        flat[order, 1],
        c=uncertainty[order],
        s=0.8 * size_of(len(flat)) * (1 + 4 * uncertainty[order] / top),
        cmap=tint(PALETTE[5]),
        vmin=0,
        vmax=top,
        edgecolors=rgb(ink()),
        linewidths=0.5,
    )
    bar = ax.figure.colorbar(drawn, ax=ax)
    bar.set_label("1 - largest responsibility")
    frame(ax, view, flat)
    ax.set_title(f"Uncertainty of {_count(model)}: {uncertainty.mean():.1%} on average")
    return ax


def plot_half_and_half(
    kmeans: Any,
    mixture: Any,
    X: ArrayLike,
    axes: Sequence[Axes] | None = None,
    *,
    names: Sequence[str] | None = None,
) -> NDArray[Any]:
    """Draw hard and soft clustering side by side: the same points by K-means and by a mixture.

    On the left every point has the color of its cluster. On the right colors are averaged by
    responsibility, and points are larger if their assignment is uncertain. With two features the
    background is colored, too: by the regions of K-means, and by the responsibilities. Clusters
    are matched to components by the distances of their centers (the assignment problem, Kuhn 1955)
    and have the same colors.

    Parameters
    ----------
    kmeans : KMeans or MiniBatchKMeans
        A fitted model.
    mixture : GaussianMixture or BayesianGaussianMixture
        A fitted model with the same number of components.
    X : array-like of shape (n_samples, n_features)
        Points with two or more features. If there are more than 20,000 rows, that many are drawn,
        evenly spaced.
    axes : sequence of two matplotlib.axes.Axes, or None
        Axes to draw on; None creates a figure with pyplot.
    names : sequence of str or None
        Names of the features; by default those of the data that the mixture was fitted on.

    Returns
    -------
    ndarray of two matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError
        If a model has not been fitted.
    TypeError
        If a model has the wrong type.
    ValueError
        If the models have different numbers of groups or features, or ``X`` has one feature or
        does not have the features of the models.
    """
    check_mixture(mixture)
    centers, means = centers_of(kmeans), centers_of(mixture)
    if hasattr(kmeans, "covariances_"):
        raise TypeError(f"kmeans must be a fitted KMeans; got {type(kmeans).__name__}")
    if centers.shape != means.shape:
        raise ValueError(
            f"kmeans and mixture must have the same number of groups and of features; "
            f"got shapes {centers.shape} and {means.shape}"
        )
    points, total = rows_of(mixture, X)
    d = points.shape[1]
    if d < 2:
        raise ValueError(f"X must have two or more features; got {d}; use plot_uncertainty for one")
    hard, soft = several_axes(axes, 1, 2, (10, 4.4)).ravel()
    own = _nearest_pairs(means, centers)  # the cluster of each component
    view = View.of(points, names_of(mixture, names))
    flat = view.project(points)
    shares = shares_of(mixture, points)
    if d == 2:
        draw_cells(hard, view, centers[own], flat)
        _draw_shades(soft, mixture, flat)
    scatter(hard, flat, shares_of(kmeans, points)[:, own])
    uncertainty = 1 - shares.max(axis=1)
    scatter(soft, flat, shares, sizes=size_of(len(flat)) * (1 + 8 * uncertainty))
    if d == 2:
        draw_ellipses(soft, view, mixture, means, np.arange(len(means)))
    between = int((shares.max(axis=1) < _SURE).sum())
    part = "" if len(points) == total else f"\n{len(points):,} of {total:,} points shown"
    hard.set_title(f"K-means: every point in one group{part}")
    soft.set_title(
        f"Mixture: {between:,} of {len(points):,} points\nwith responsibilities below {_SURE:.0%}"
    )
    for ax in (hard, soft):
        frame(ax, view, flat)
    return np.array([hard, soft])


def _nearest_pairs(means: Points, centers: Points) -> NDArray[np.int64]:
    """Match means to centers with the least total squared distance; return the center of each."""
    from scipy.optimize import linear_sum_assignment

    far = ((means[:, None] - centers[None]) ** 2).sum(axis=2)
    found: NDArray[np.int64] = linear_sum_assignment(far)[1]
    return found


def _draw_shades(ax: Axes, mixture: Any, flat: Points) -> None:
    """Fill the plane with the colors of the components, averaged by responsibility."""
    x, y, at = plane(flat)
    blend = shares_of(mixture, at) @ colors(len(mixture.means_))
    pale = np.clip(0.75 * paper() + 0.25 * blend, 0, 1).reshape(len(y), len(x), 3)
    half = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    edges = (x[0] - half[0], x[-1] + half[0], y[0] - half[1], y[-1] + half[1])
    ax.imshow(pale, origin="lower", extent=edges, aspect="auto", interpolation="bilinear", zorder=0)


def plot_pairs(
    model: Any,
    X: ArrayLike,
    axes: Any = None,
    *,
    features: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> NDArray[Any]:
    """Draw each pair of features as :func:`plot_clusters`, and each single feature as a histogram.

    The ellipses of a mixture are those of the marginal distribution of the two features.

    Parameters
    ----------
    model : KMeans, MiniBatchKMeans, GaussianMixture or BayesianGaussianMixture
        A fitted model.
    X : array-like of shape (n_samples, n_features)
        Points to draw. If there are more than 20,000 rows, that many are drawn, evenly spaced.
    axes : array of n x n matplotlib.axes.Axes for n features, or None
        Axes to draw on; None creates a figure with pyplot.
    features : sequence of int or None
        Two to six columns; None draws the first ones, at most four.
    names : sequence of str or None
        Names of all features; by default those of the data that the model was fitted on.

    Returns
    -------
    ndarray of n x n matplotlib.axes.Axes
        Row by row.

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_clusters`.
    ValueError
        If ``features`` are not two to six columns of ``X``.
    """
    centers = centers_of(model)
    points, _ = rows_of(model, X)
    d = points.shape[1]
    chosen = list(range(min(d, 4))) if features is None else [int(f) for f in features]
    if not 2 <= len(chosen) <= _MOST_FEATURES or not all(0 <= f < d for f in chosen):
        raise ValueError(
            f"features must be 2 to {_MOST_FEATURES} columns from 0 to {d - 1}; got {chosen}"
        )
    n = len(chosen)
    panels = several_axes(axes, n, n, (2.1 * n, 1.9 * n))
    names = names_of(model, names)
    labels = [f"feature {f + 1}" if names is None else str(names[f]) for f in chosen]
    shares = shares_of(model, points)
    if hasattr(model, "covariances_") and np.isnan(points).any():
        points = model.impute(points)
    shown = getattr(model, "effective_components_", np.arange(len(centers)))
    for (row, column), ax in np.ndenumerate(panels):
        if row == column:
            histogram(ax, points[:, chosen[row]], shares, [labels[row]])
            if ax.get_legend() is not None:
                ax.get_legend().remove()
        else:
            pair = (labels[column], labels[row])
            view = View.pair(d, chosen[column], chosen[row], pair)
            scatter(ax, view.project(points), shares)
            if hasattr(model, "covariances_"):
                draw_ellipses(ax, view, model, centers, shown)
        tidy(ax)
        ax.set_xlabel(labels[column] if row == n - 1 else "")
        ax.set_ylabel(labels[row] if column == 0 else "")
        ax.tick_params(labelsize=SMALL, labelbottom=row == n - 1)
        if row == column or column:
            ax.tick_params(labelleft=False, left=row != column)
    return panels


# ---- shared helpers ------------------------------------------------------------------------------


def _prepare(
    model: Any, X: ArrayLike, ax: Axes | None, names: Sequence[str] | None
) -> tuple[Axes, Points, Sequence[str] | None]:
    check_mixture(model)
    points, _ = rows_of(model, X)
    return axes_of(ax), np.asarray(points, dtype=np.float64), names_of(model, names)


def _log_parts(means: Points, covariances: Any, weights: Any, at: Points) -> Points:
    """Return log(weight x density) of each component at points, of shape (points, components)."""
    parts = []
    for mean, covariance, weight in zip(means, covariances, weights, strict=True):
        factor = np.linalg.cholesky(covariance)
        z = np.linalg.solve(factor, (at - mean).T)
        norm = np.log(np.diag(factor)).sum() + 0.5 * len(mean) * math.log(2 * math.pi)
        parts.append(-0.5 * (z**2).sum(axis=0) - norm + math.log(max(float(weight), 1e-300)))
    return np.stack(parts, axis=1)


def _log_density(model: Any, view: View, at: Points) -> Points:
    """Return the marginal log-density of points in a plane."""
    centers = view.project(np.asarray(model.means_, dtype=np.float64))
    spreads = [view.spread(full_covariance(model, k)) for k in range(len(centers))]
    total: Points = np.logaddexp.reduce(_log_parts(centers, spreads, model.weights_, at), axis=1)
    return total


def _count(model: Any) -> str:
    return title_of(model, 0, 0)


def _line(points: Points) -> Points:
    margin = 0.08 * max(float(np.ptp(points)), 1e-9)
    return np.linspace(points.min() - margin, points.max() + margin, 600)


def _density_curve(ax: Axes, model: Any, points: Points, names: Sequence[str] | None) -> Axes:
    x = _line(points)
    k = len(model.means_)
    means = np.asarray(model.means_, dtype=np.float64)
    covariances = [full_covariance(model, j) for j in range(k)]
    parts = np.exp(_log_parts(means, covariances, model.weights_, x[:, None]))
    ax.hist(points, bins="auto", density=True, color=faint(0.18))
    for part, color in zip(parts.T, colors(k), strict=True):
        ax.plot(x, part, color=rgb(color), linewidth=1.4, linestyle="dashed")
    ax.plot(x, parts.sum(axis=1), color=rgb(ink()), linewidth=1.8)
    ax.set_xlabel("feature 1" if names is None else str(names[0]))
    ax.set_ylabel("density")
    ax.set_title(f"Density of {_count(model)}")
    tidy(ax)
    return ax


def _uncertainty_curve(ax: Axes, model: Any, points: Points, names: Sequence[str] | None) -> Axes:
    x = _line(points)
    ax.plot(
        x, 1.0 - shares_of(model, x[:, None]).max(axis=1), color=rgb(colors(6)[5]), linewidth=1.8
    )
    ax.plot(points, np.zeros_like(points), "|", color=rgb(ink()), alpha=0.5, markersize=10)
    ax.set_xlabel("feature 1" if names is None else str(names[0]))
    ax.set_ylabel("1 - largest responsibility")
    ax.set_title(f"Uncertainty of {_count(model)}")
    tidy(ax)
    return ax
