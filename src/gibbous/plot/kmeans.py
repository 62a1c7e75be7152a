"""Pictures of clusters: points by their cluster, regions of K-means, sizes, silhouettes.

Points with more than two features are projected onto their first two principal axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fit import plot_history
from .plane import (
    View,
    centers_of,
    draw_cells,
    draw_ellipses,
    draw_numbers,
    frame,
    names_of,
    rows_of,
    scatter,
    shares_of,
    title_of,
)
from .style import (
    HATCHES,
    SMALL,
    axes_of,
    colors,
    fitted,
    ink,
    lap,
    new_figure,
    paper,
    rgb,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Maximum number of rows of a silhouette. Its cost is quadratic: 5,000 rows take a second.
_MOST_SILHOUETTES = 5_000


def plot_clusters(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the rows of ``X``, colored by the cluster that a fitted model assigns to them.

    For a mixture, the color of a point is the average of the colors of the components, weighted by
    its responsibilities, and each component has ellipses at one and two standard deviations, except
    those of a BayesianGaussianMixture that have no rows. Points with more than two features are
    projected onto the first two principal axes, as the labels say; one feature is drawn as a
    histogram. Missing entries are drawn at their expected values under the mixture.

    Parameters
    ----------
    model : KMeans, MiniBatchKMeans, GaussianMixture or BayesianGaussianMixture
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
        If the model has the wrong type.
    ValueError
        If ``X`` does not have the features of the model.
    """
    ax = axes_of(ax)
    centers = centers_of(model)
    points, total = rows_of(model, X)
    names = names_of(model, names)
    mixture = hasattr(model, "covariances_")
    shares = shares_of(model, points)
    if mixture and np.isnan(points).any():
        points = model.impute(points)
    if points.shape[1] == 1:
        histogram(ax, points[:, 0], shares, names)
    else:
        # components without rows are at the mean of the prior, and would cover the others
        shown = getattr(model, "effective_components_", np.arange(len(centers)))
        view = View.of(points, names)
        scatter(ax, view.project(points), shares)
        if mixture:
            draw_ellipses(ax, view, model, centers, shown)
        note = "solid and dashed: 1 and 2 standard deviations" if mixture else None
        draw_numbers(ax, view.project(centers), shown, note or "numbers: cluster centers")
        view.label(ax)
    ax.set_title(title_of(model, len(points), total))
    tidy(ax)
    return ax


def histogram(
    ax: Axes, points: NDArray[Any], shares: NDArray[Any], names: Sequence[str] | None
) -> None:
    """Draw one feature as a histogram, with each bar divided among the groups."""
    k = shares.shape[1]
    edges = np.histogram_bin_edges(points.astype(np.float64), bins="auto")
    if len(edges) > 200:
        edges = np.linspace(edges[0], edges[-1], 201)
    ax.hist(
        [points] * k,
        bins=edges.tolist(),
        weights=list(shares.T),
        stacked=True,
        color=list(map(rgb, colors(k))),
        hatch=[lap(at, HATCHES) for at in range(k)],
        edgecolor=rgb(paper()),
        linewidth=0.0,
        label=[str(at) for at in range(k)],
    )
    ax.set_xlabel("feature 1" if names is None else str(names[0]))
    ax.set_ylabel("points")
    if k <= 12:
        ax.legend(title="cluster", frameon=False)


def plot_regions(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None
) -> Axes:
    """Draw the regions of K-means: the points that are nearest to each center.

    With two features these are the Voronoi cells of the centers. With more features they are the
    cross sections of the cells with the plane of the first two principal axes of the points, as
    the title says; points outside that plane may then be drawn in the region of another cluster.

    Parameters
    ----------
    model : KMeans or MiniBatchKMeans
        A fitted model.
    X, ax, names
        As for :func:`plot_clusters`; ``X`` must have two or more features.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError
        As :func:`plot_clusters`.
    TypeError
        If the model is not K-means.
    ValueError
        If ``X`` has one feature, or does not have the features of the model.
    """
    ax = axes_of(ax)
    fitted(model, "cluster_centers_", "a fitted KMeans or MiniBatchKMeans")
    centers = centers_of(model)
    points, total = rows_of(model, X)
    d = points.shape[1]
    if d < 2:
        raise ValueError(f"X must have two or more features to draw regions in a plane; got {d}")
    view = View.of(points, names_of(model, names))
    flat = view.project(points)
    draw_cells(ax, view, centers, flat)
    scatter(ax, flat, shares_of(model, points))
    draw_numbers(ax, view.project(centers), np.arange(len(centers)), None)
    frame(ax, view, flat)
    title = f"Regions of {title_of(model, len(points), total)}"
    if d > 2:
        title += f"\nin the plane of the first two principal axes of {d} features"
    ax.set_title(title)
    return ax


def plot_cluster_sizes(model: Any, X: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """Draw the number of rows in each cluster as bars.

    Parameters
    ----------
    model : KMeans, MiniBatchKMeans or mixture
        A fitted model.
    X : array-like of shape (n_samples, n_features) or None
        Rows to count; None counts the rows of the fit, by the ``labels_`` of K-means. For a
        mixture, responsibilities are summed.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_clusters`.
    ValueError
        If ``X`` is None and the model has no labels, or ``X`` does not have the features of the
        model.
    """
    ax = axes_of(ax)
    k = len(centers_of(model))
    if X is not None:
        points, _ = rows_of(model, X, most=np.iinfo(np.int64).max)
        sizes = shares_of(model, points).sum(axis=0)
    elif hasattr(model, "labels_"):
        sizes = np.bincount(model.labels_, minlength=k).astype(np.float64)
    else:
        raise ValueError(f"X must be given, as this {type(model).__name__} has no labels_")
    from matplotlib.ticker import MaxNLocator

    for at, color in enumerate(colors(k)):
        hatch = lap(at, HATCHES)
        ax.bar(at, sizes[at], color=rgb(color), hatch=hatch, edgecolor=rgb(paper()), linewidth=0)
    for at, size in enumerate(sizes if k <= 12 else []):
        ax.annotate(
            f"{size:,.0f}", (at, size), ha="center", va="bottom", color=rgb(ink()), fontsize=SMALL
        )
    ax.set_xlabel("component" if hasattr(model, "covariances_") else "cluster")
    ax.set_ylabel("rows")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_title(f"{sizes.sum():,.0f} rows in {title_of(model, 0, 0)}")
    tidy(ax)
    ax.grid(False, axis="x")
    return ax


def plot_silhouette(model: Any, X: ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw the silhouettes of rows, cluster by cluster (Rousseeuw 1987).

    The silhouette of a row is close to 1 if its own cluster is much nearer than the next one, close
    to 0 between two clusters, and negative if another cluster is nearer.

    Parameters
    ----------
    model : KMeans, MiniBatchKMeans or mixture
        A fitted model; for a mixture, rows belong to their most probable component.
    X : array-like of shape (n_samples, n_features)
        Rows to draw. If there are more than 5,000, that many are drawn, evenly spaced, as the
        title says.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_clusters`.
    ValueError
        If all rows are in one cluster, or every row has its own cluster.
    """
    ax = axes_of(ax)
    from sklearn.metrics import silhouette_samples

    points, total = rows_of(model, X, _MOST_SILHOUETTES)
    labels = shares_of(model, points).argmax(axis=1)
    groups = np.unique(labels)
    if not 2 <= len(groups) < len(points):
        raise ValueError(
            f"X must have rows in 2 to {len(points) - 1} clusters for silhouettes; "
            f"got {len(points)} rows in {len(groups)}"
        )
    values = silhouette_samples(points, labels)
    palette = colors(len(centers_of(model)))
    gap = max(1, len(points) // 60)
    at = 0
    middles = []
    for group in groups:
        own = np.sort(values[labels == group])[::-1]
        place = np.arange(at, at + len(own))
        ax.fill_betweenx(
            np.r_[place, at + len(own)] - 0.5,
            np.r_[own, own[-1]],
            step="post",
            color=rgb(palette[group]),
            linewidth=0,
        )
        middles.append(at + len(own) / 2)
        at += len(own) + gap
    mean = float(values.mean())
    ax.axvline(mean, color=rgb(ink()), linestyle="dashed", linewidth=1.2)
    ax.set_yticks(middles, [str(group) for group in groups])
    ax.set_ylim(at - gap, -gap)
    ax.set_ylabel("cluster")
    ax.set_xlabel("silhouette (dashed: mean)")
    part = "" if len(points) == total else f", {len(points):,} of {total:,} rows"
    ax.set_title(f"Silhouettes of {len(groups)} clusters: {mean:.2f} on average{part}")
    tidy(ax)
    ax.grid(False, axis="y")
    return ax


def fit_figure(model: Any, X: ArrayLike, names: Sequence[str] | None = None) -> Figure:
    """Return a figure with the clusters on the left and the history of the fit on the right."""
    figure = new_figure(12, 5)
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    plot_clusters(model, X, left, names=names)
    plot_history(model.history_, right)
    return figure
