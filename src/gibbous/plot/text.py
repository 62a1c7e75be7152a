"""Words as shapes: their size and their placement.

Words are drawn as outlines in data coordinates, so that they do not overlap whatever the size of
the figure. The boxes used for placement are those of the outlines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Boxes = NDArray[np.float64]


def outline(word: str, size: float) -> tuple[Any, float, float, float]:
    """Return a word's outline, starting at x = 0 with the baseline y = 0, and its extents.

    Returns
    -------
    path : matplotlib.path.Path
    width, low, high : float
        Extents in points; ``low`` is negative if letters reach below the baseline.
    """
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    path = TextPath((0, 0), plain(word), size=size)
    if not len(path.vertices):  # only blanks
        return path, 0.0, 0.0, 0.0
    box = path.get_extents()
    moved = path.transformed(Affine2D().translate(-box.x0, 0))
    return moved, float(box.width), float(box.y0), float(box.y1)


def draw_word(ax: Axes, path: Any, x: float, y: float, color: Any) -> None:
    """Draw an outline that starts at (x, y) in data coordinates."""
    from matplotlib.patches import PathPatch
    from matplotlib.transforms import Affine2D

    moved = path.transformed(Affine2D().translate(x, y))
    ax.add_patch(PathPatch(moved, facecolor=color, edgecolor="none", linewidth=0))


def text_size(text: str, points: float) -> tuple[float, float]:
    """Return the width and height of a line of text, in points."""
    _, width, low, high = outline(text, points)
    return width, max(high - low, 0.7 * points)


def points_across(ax: Axes) -> tuple[float, float]:
    """Return the width and height of axes in points, before any layout."""
    box = ax.get_window_extent()
    inch = ax.figure.dpi / 72
    return float(box.width / inch), float(box.height / inch)


def overlaps(box: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Return which of other boxes (x0, y0, x1, y1) overlap a box."""
    found: NDArray[np.bool_] = (
        (box[..., 0] < others[:, 2])
        & (others[:, 0] < box[..., 2])
        & (box[..., 1] < others[:, 3])
        & (others[:, 1] < box[..., 3])
    )
    return found


def place_boxes(widths: Sequence[float], heights: Sequence[float], shape: float = 1.7) -> Boxes:
    """Place boxes so that they do not overlap, with the first one in the middle.

    Each box takes the first free place on a spiral from the middle, with aspect ratio ``shape``
    (width by height), as in Wordle (Viegas, Wattenberg and Feinberg 2009). Deterministic.

    Parameters
    ----------
    widths, heights : sequence of float
    shape : float

    Returns
    -------
    ndarray of shape (n, 4)
        x0, y0, x1, y1 of each box, around (0, 0).
    """
    sides = np.column_stack([widths, heights])
    step = max(float(np.min(heights)) / 3, 1e-9) if len(sides) else 1.0
    placed = np.empty((0, 4))
    for half in sides / 2:
        turns = 1
        while True:
            # equal steps along an Archimedean spiral with arms ``step`` apart
            angle = np.sqrt(np.arange(2000 * turns) * 4 * np.pi)
            far = step / (2 * np.pi) * angle
            middle = np.column_stack([far * np.cos(angle) * shape, far * np.sin(angle)])
            boxes = np.hstack([middle - half, middle + half])
            free = np.ones(len(boxes), dtype=bool)
            for other in placed:
                free &= ~overlaps(boxes, other[None])
            if free.any():
                placed = np.vstack([placed, boxes[int(free.argmax())]])
                break
            turns *= 2
    return placed
