"""Points of many features in a plane, with ellipses, cells and numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import (
    MARKERS,
    MAX_POINTS,
    PALETTE,
    SMALL,
    colors,
    fitted,
    ink,
    lap,
    paper,
    rgb,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = NDArray[np.float64]

#: Grid points per axis at which a density is computed: a finer grid looks the same.
_GRID = 220


@dataclass(frozen=True)
class View:
    """A projection of points onto a plane: two features, or the first two principal axes."""

    mean: Points
    axes: Points
    labels: tuple[str, str]

    @classmethod
    def of(cls, points: NDArray[Any], names: Sequence[str] | None) -> View:
        """Return the plane in which to draw these points."""
        d = points.shape[1]
        if d == 2:
            labels = ("feature 1", "feature 2") if names is None else (str(names[0]), str(names[1]))
            return cls(np.zeros(2), np.eye(2), labels)
        mean = points.mean(axis=0, dtype=np.float64)
        covariance = np.cov(points.T.astype(np.float64)) if len(points) > 1 else np.zeros((d, d))
        values, vectors = np.linalg.eigh(covariance)
        axes = vectors[:, [-1, -2]]
        # The sign of an axis is arbitrary: a positive largest entry makes pictures reproducible.
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
        share = values[[-1, -2]] / max(values.sum(), np.finfo(float).tiny)
        first, second = (
            f"{which} principal axis of {d} features ({part:.0%} of the variance)"
            for which, part in zip(("first", "second"), share, strict=True)
        )
        return cls(mean, axes, (first, second))

    @classmethod
    def pair(cls, d: int, first: int, second: int, labels: tuple[str, str]) -> View:
        """Return the plane of two of ``d`` features."""
        return cls(np.zeros(d), np.eye(d)[:, [first, second]], labels)

    def project(self, points: NDArray[Any]) -> Points:
        """Return the projections of points."""
        flat: Points = (points - self.mean) @ self.axes
        return flat

    def spread(self, covariance: Points) -> Points:
        """Return the covariance of the projection."""
        flat: Points = self.axes.T @ covariance @ self.axes
        return flat

    def label(self, ax: Axes) -> None:
        """Set the labels of the axes."""
        # the part of a long label in brackets moves to a second line
        xlabel, ylabel = (a if len(a) < 32 else a.replace(" (", "\n(") for a in self.labels)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)


# --- models and rows --------------------------------------------------------------------------


def check_mixture(model: Any) -> None:
    """Raise a TypeError or a NotFittedError if the model is not a fitted mixture."""
    fitted(model, "covariances_", "a fitted mixture")


def centers_of(model: Any) -> Points:
    """Return the means or cluster centers of a fitted model, shape (k, n_features)."""
    name = "means_" if hasattr(model, "covariances_") else "cluster_centers_"
    found = fitted(model, name, "a fitted KMeans or mixture")
    return np.asarray(found, dtype=np.float64)


def names_of(model: Any, names: Sequence[str] | None) -> Sequence[str] | None:
    """Return the given names, or those of the data that the model was fitted on."""
    found: Sequence[str] | None = getattr(model, "feature_names_in_", None)
    return found if names is None else names


def rows_of(model: Any, X: ArrayLike, most: int = MAX_POINTS) -> tuple[NDArray[Any], int]:
    """Return at most ``most`` rows, evenly spaced, and the total number of rows.

    Raises
    ------
    ValueError
        If ``X`` does not have the features of the model.
    """
    d = centers_of(model).shape[1]
    points = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    if points.ndim != 2 or points.shape[1] != d:
        raise ValueError(
            f"X must have the {d} features that the model was fitted on; got shape {points.shape}"
        )
    if points.dtype.kind in "biu":
        points = points.astype(np.float64)
    total = len(points)
    if total > most:
        points = points[np.linspace(0, total - 1, most).astype(np.intp)]
    return points, total


def shares_of(model: Any, points: NDArray[Any]) -> Points:
    """Return responsibilities; for K-means, 1 for the assigned cluster and 0 for the others."""
    with warnings.catch_warnings():
        # A model fitted on a data frame warns about arrays; here the columns are those of X.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        if hasattr(model, "covariances_"):
            return np.asarray(model.predict_proba(points), dtype=np.float64)
        hard: Points = np.eye(len(model.cluster_centers_))[model.predict(points)]
        return hard


def full_covariance(model: Any, component: int) -> Points:
    """Return one component's covariance as a square matrix."""
    covariances, d = np.asarray(model.covariances_, dtype=np.float64), model.means_.shape[1]
    kind = model.covariance_type
    if kind == "tied":
        return covariances
    if kind == "full":
        square: Points = covariances[component]
        return square
    return np.diag(np.broadcast_to(covariances[component], (d,)))


def title_of(model: Any, drawn: int, total: int) -> str:
    """Return the number of groups, and that of the points shown if these are not all."""
    kind = "component" if hasattr(model, "covariances_") else "cluster"
    k = len(centers_of(model))
    count = f"{k} {kind}{'' if k == 1 else 's'}"
    if hasattr(model, "effective_components_"):
        count = f"{model.n_effective_components_} of {k} {kind}s"
    return count if drawn == total else f"{count} ({drawn:,} of {total:,} points shown)"


# --- planes and frames ------------------------------------------------------------------------


def plane(flat: Points) -> tuple[Points, Points, Points]:
    """Return a grid that covers the points with a margin: its x, its y, and all of its points."""
    (x0, x1), (y0, y1) = bounds(flat)
    x, y = np.linspace(x0, x1, _GRID), np.linspace(y0, y1, _GRID)
    return x, y, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def bounds(flat: Points) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits of x and of y that contain the points with a margin."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    margin = 0.08 * np.maximum(high - low, 1e-9)
    (x0, y0), (x1, y1) = low - margin, high + margin
    return (float(x0), float(x1)), (float(y0), float(y1))


def frame(ax: Axes, view: View, flat: Points) -> None:
    """Set the limits to those of the points, label the axes, and remove the grid."""
    xlim, ylim = bounds(flat)
    ax.set_xlim(*xlim)
    ax.set_ylim(*ylim)
    view.label(ax)
    tidy(ax)
    ax.grid(False)


def cells(
    centers: Points, lift: Points, xlim: tuple[float, float], ylim: tuple[float, float]
) -> list[Points]:
    """Return the polygon of each center's cell within a frame, empty if it has none.

    A cell consists of the points u for which ``|u - c|^2 + lift`` is smallest for its center c.
    Without lift these are Voronoi cells; if the lift is the squared distance of a center from a
    plane, they are the cross sections of the cells with that plane (a power diagram, Aurenhammer
    1987).

    Parameters
    ----------
    centers : ndarray of shape (k, 2)
    lift : ndarray of shape (k,)
    xlim, ylim : (float, float)
    """
    (x0, x1), (y0, y1) = xlim, ylim
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)
    found = []
    for i, center in enumerate(centers):
        polygon = corners
        for j in np.argsort(((centers - center) ** 2).sum(axis=1), kind="stable"):
            if j == i or not len(polygon):
                continue
            normal = 2 * (centers[j] - center)
            limit = (centers[j] ** 2).sum() + lift[j] - (center**2).sum() - lift[i]
            polygon = _cut(polygon, limit - polygon @ normal)
        found.append(polygon)
    return found


def _cut(polygon: Points, inside: Points) -> Points:
    """Return the part of a convex polygon in which ``inside``, given at its corners, is >= 0."""
    kept = []
    for at, (corner, here) in enumerate(zip(polygon, inside, strict=True)):
        before = at - 1
        if (inside[before] >= 0) != (here >= 0):
            part = inside[before] / (inside[before] - here)
            kept.append(polygon[before] + part * (corner - polygon[before]))
        if here >= 0:
            kept.append(corner)
    return np.array(kept).reshape(-1, 2)


# --- drawing ----------------------------------------------------------------------------------


def size_of(n: int) -> float:
    """Return the area in square points of each of ``n`` markers."""
    return float(np.clip(6000 / max(n, 1), 3, 26))


def scatter(ax: Axes, flat: Points, shares: Points, *, sizes: Any = None) -> None:
    """Draw points in the average of the colors of their groups.

    With more groups than the palette has colors, markers differ, too.
    """
    n, k = shares.shape
    # In random order, so that no group covers all others.
    order = np.random.Generator(np.random.Philox(0)).permutation(n)
    color = np.clip(shares @ colors(k), 0, 1)
    area = np.broadcast_to(size_of(n) if sizes is None else sizes, (n,))
    laps = shares.argmax(axis=1) // len(PALETTE) % len(MARKERS)
    for turn in np.unique(laps):
        own = order[laps[order] == turn]
        ax.scatter(
            flat[own, 0],
            flat[own, 1],
            c=color[own],
            s=area[own],
            marker=MARKERS[turn],
            alpha=float(np.clip(60 / np.sqrt(max(n, 1)), 0.25, 0.85)),
            linewidths=0,
            rasterized=True,
        )


def draw_ellipses(
    ax: Axes, view: View, model: Any, centers: Points, shown: NDArray[np.int64]
) -> None:
    """Draw the ellipses of components at one and two standard deviations."""
    from matplotlib.patches import Ellipse

    flat = view.project(centers)
    palette = 0.75 * colors(len(centers)) + 0.25 * ink()
    for component in shown:
        values, vectors = np.linalg.eigh(view.spread(full_covariance(model, int(component))))
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
                    edgecolor=rgb(palette[component]),
                    linewidth=1.4,
                    linestyle=style,
                )
            )


def draw_cells(ax: Axes, view: View, centers: Points, flat: Points) -> list[Points]:
    """Fill the cells of K-means in a plane, and return their polygons."""
    from matplotlib.patches import Polygon

    middle = view.project(centers)
    lift = ((centers - view.mean) ** 2).sum(axis=1) - (middle**2).sum(axis=1)
    xlim, ylim = bounds(flat)
    found = cells(middle, lift, xlim, ylim)
    for at, (polygon, color) in enumerate(zip(found, colors(len(found)), strict=True)):
        if len(polygon):
            hatch = lap(at, ("", "//", "..", "xx"))
            ax.add_patch(
                Polygon(
                    polygon.tolist(),
                    facecolor=rgb(0.75 * paper() + 0.25 * color),
                    edgecolor=rgb(paper()),
                    linewidth=1.2,
                    hatch=hatch,
                    zorder=0,
                )
            )
    return found


def draw_numbers(ax: Axes, flat: Points, shown: NDArray[np.int64], note: str | None) -> None:
    """Write the label of each group, as predict returns it, at its center; add a note."""
    many = len(shown) > 40
    for at in shown:
        x, y = flat[at]
        ax.annotate(
            "" if many else str(at),
            (x, y),
            ha="center",
            va="center",
            fontsize=SMALL,
            color=rgb(ink()),
            zorder=5,
            bbox={
                "boxstyle": "circle,pad=0.2",
                "facecolor": rgb(paper()),
                "edgecolor": rgb(ink()),
                "linewidth": 0.8,
            },
        )
    if note is None:
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.08 * (high - low), high)  # room for the note below the points
    ax.annotate(
        note,
        (0.01, 0.01),
        xycoords="axes fraction",
        fontsize=SMALL,
        color=rgb(ink()),
        va="bottom",
        zorder=6,
        bbox={"facecolor": rgb(paper()), "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )
