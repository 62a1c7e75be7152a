"""Distances between topics: as a matrix, and as a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...lda.describe.similar import topic_distances
from ..style import SMALL, axes_of, colors, fitted, ink, plain, rgb, tidy
from ..text import overlaps, points_across, text_size
from .names import A_MODEL, labels_of, topic_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _distances(model: Any, metric: str, topics: Sequence[int] | None) -> tuple[Any, list[int]]:
    """Return the distances between topics, shape (n, n), and their numbers."""
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
    """Draw the matrix of distances between topics, with similar topics next to each other.

    Topics are ordered as the leaves of a tree by average linkage, with the optimal order of leaves
    (Bar-Joseph, Gifford and Jaakkola 2001).

    Parameters
    ----------
    model : LatentDirichletAllocation
        A fitted model.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    metric : {"jensen-shannon", "hellinger", "cosine"}
        The distance, as in ``similar_topics``.
    topics : sequence of int or None
        Topics to draw, two or more; None draws all.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_topics`.
    ValueError
        If a topic does not exist, or the metric is unknown.
    """
    ax = axes_of(ax)
    far, which = _distances(model, metric, topics)
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    near = squareform(far, checks=False)
    order = leaves_list(linkage(near, "average", optimal_ordering=len(which) <= 500))
    ordered_far = far[np.ix_(order, order)]
    np.fill_diagonal(ordered_far, np.nan)  # its zeros would stretch the scale
    drawn = ax.imshow(ordered_far, cmap="cividis", interpolation="nearest", aspect="auto")
    n = len(which)
    ordered = [which[at] for at in order]
    if n <= 30:
        ax.set_yticks(range(n), labels_of(model, ordered), fontsize=SMALL)
        ax.set_xticks(range(n), [str(k) for k in ordered], fontsize=SMALL)
    else:  # the labels would overlap
        ax.set_xticks([])
        ax.set_yticks([])
    ax.tick_params(length=0)
    ax.set_xlabel("topic" if n <= 30 else f"{n} topics")
    bar = ax.figure.colorbar(drawn, ax=ax)
    bar.set_label(f"{metric} distance")
    ax.set_title("Distances between topics")
    return ax


def plot_topic_map(
    model: Any,
    ax: Axes | None = None,
    *,
    metric: str = "jensen-shannon",
    topics: Sequence[int] | None = None,
) -> Axes:
    """Draw topics as circles in a plane, with similar topics close to each other.

    The plane is that of classical scaling (Torgerson 1952), as in LDAvis (Sievert and Shirley
    2014); the labels of the axes give the share of the squared distances that each represents. The
    area of a circle is proportional to the tokens of the topic. Words are written below or above
    the circles if there is room.

    Parameters
    ----------
    model : LatentDirichletAllocation
        A fitted model.
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
    fill, edge = colors(1)[0], rgb(ink())
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
    ax.set_title(f"{len(which)} topics by {metric} distance; area: number of tokens")
    _name_circles(ax, model, which, at, radii)
    return ax


def _frame(ax: Axes, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
    """Set limits around points, with the aspect ratio of the axes, so that circles are round."""
    least, most = low.min(axis=0), high.max(axis=0)
    middle = (least + most) / 2
    sides = np.array(points_across(ax))
    half = 0.55 * sides * ((most - least) / sides).max()
    ax.set_xlim(middle[0] - half[0], middle[0] + half[0])
    ax.set_ylim(middle[1] - half[1], middle[1] + half[1])
    ax.set_aspect("equal")


def scaled(far: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points in a plane that approximate given distances (Torgerson 1952).

    Parameters
    ----------
    far : ndarray of shape (n, n)
        Distances.

    Returns
    -------
    at : ndarray of shape (n, 2)
    share : ndarray of shape (2,)
        Share of the squared distances that each axis represents.
    """
    n = len(far)
    middle = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * middle @ (far**2) @ middle)
    order = [-1, -2]
    axes = vectors[:, order] * np.sqrt(np.maximum(values[order], 0))
    # The sign of an axis is arbitrary: a positive largest entry makes the picture reproducible.
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1)
    held = np.maximum(values, 0)
    return axes, held[order] / max(float(held.sum()), np.finfo(float).tiny)


def _name_circles(
    ax: Axes, model: Any, which: Sequence[int], at: NDArray[np.float64], radii: NDArray[np.float64]
) -> None:
    """Write words below or above circles if nothing overlaps, the largest topics first."""
    labels = model.topic_labels(2)
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    width, height = points_across(ax)
    unit = max((x1 - x0) / width, (y1 - y0) / height)  # size of a point of text in data coordinates
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
