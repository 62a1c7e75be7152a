"""Pictures of Boltzmann machines: filters, reconstructions, what they dream, how they learned.

Rows are drawn as images where their number of features is that of a square, or where a shape is
given, and as lines of a matrix otherwise. Needs matplotlib, which comes with
``pip install 'gibbous[plot]'``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .plot import new_figure, plot_history, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

#: More images than this are too small to be seen in one picture.
_MOST_FILTERS = 100
_MOST_ROWS = 100
_MOST_PAIRS = 16

#: What is neither on nor off: lines between images, and units that are not known.
_GAP = "#BBBBBB"
_LINE = "#7FB0DC"
_UNKNOWN = "#F3D9B1"

#: Parts that an image is at least wide or high; the line beside it is one of them.
_PARTS = 32


def image_shape(n_features: int, shape: Sequence[int] | None = None) -> tuple[int, int] | None:
    """Return the rows and columns of an image of ``n_features`` pixels.

    Parameters
    ----------
    n_features : int
        Pixels.
    shape : (int, int) or None
        Rows and columns; None for a square.

    Returns
    -------
    (int, int) or None
        None where no shape is given and the pixels make no square.

    Raises
    ------
    ValueError
        If the shape has another number of pixels.
    """
    if shape is not None:
        if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != n_features:
            given = " x ".join(map(str, shape))
            raise ValueError(
                f"shape must be rows and columns whose product is the number of features, "
                f"{n_features}; got {given}"
            )
        return int(shape[0]), int(shape[1])
    side = isqrt(n_features)
    return (side, side) if side > 1 and side * side == n_features else None


def plot_filters(
    model: Any,
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
    n: int = _MOST_FILTERS,
    units: Sequence[int] | None = None,
) -> Axes:
    """Draw the weights of hidden units as images: what each of them looks for.

    Red pixels turn a unit on and blue ones turn it off. All images share one scale, so that units
    that have learned little are pale.

    Parameters
    ----------
    model : BernoulliRBM
        Fitted.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    shape : (int, int) or None
        Rows and columns of an image; None for a square. Where the features make no square, the
        picture is the matrix of weights.
    n : int, default 100
        Hidden units at most: those with the largest weights, in their own order.
    units : sequence of int or None
        Which hidden units instead.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the shape does not fit, or a unit is not there.
    """
    ax = _axes(ax)
    weights = np.asarray(model.components_, dtype=np.float64)
    total = len(weights)
    if units is None:
        strongest = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")
        chosen = np.sort(strongest[: max(1, n)])
    else:
        chosen = np.asarray(units, dtype=np.intp)
        if chosen.ndim != 1 or not chosen.size or chosen.min() < 0 or chosen.max() >= total:
            raise ValueError(f"units must be hidden units from 0 to {total - 1}; got {units!r:.60}")
    weights = weights[chosen]
    shown = image_shape(weights.shape[1], shape)
    # a few weights that are much larger than all others would leave the others white
    most = float(np.quantile(np.abs(weights), 0.995)) or float(np.abs(weights).max()) or 1.0
    look = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    if shown is None:
        _matrix(ax, weights, look, "hidden unit", model)
    else:
        _mosaic(ax, weights.reshape(-1, *shown), look, gap="#888888")
    which = f"{total}" if len(chosen) == total else f"{len(chosen)} of {total}"
    if units is None and len(chosen) < total:
        which = f"{which}, those with the largest weights"
    ax.set_title(f"What hidden units look for ({which})")
    return ax


def plot_rows(
    rows: Mapping[str, ArrayLike],
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
    most: float = 1.0,
    n: int = _MOST_PAIRS,
) -> Axes:
    """Draw the first rows of several tables below one another, as originals and reconstructions.

    Parameters
    ----------
    rows : mapping of str to array-like of shape (n_rows, n_features)
        What stands beside each line of images, and the rows. NaN, for units that are not known, is
        drawn in a colour of its own.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    shape : (int, int) or None
        Rows and columns of an image; None for a square, or for one line where there is none.
    most : float, default 1.0
        The value of a unit that is fully on, which is black.
    n : int, default 16
        Rows of each table at most.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If tables have different shapes, or the shape of images does not fit.
    """
    ax = _axes(ax)
    tables = [np.asarray(table, dtype=np.float64)[:n] for table in rows.values()]
    if not tables or len({table.shape for table in tables}) > 1 or tables[0].ndim != 2:
        raise ValueError(
            "rows must be tables of one shape; got "
            + ", ".join(str(np.shape(table)) for table in rows.values())
        )
    count, d = tables[0].shape
    down, across = image_shape(d, shape) or (1, d)
    images = np.concatenate(tables).reshape(-1, down, across)
    flat = down == 1  # lines below one another, where images stand side by side
    if flat:
        images = np.stack(tables, axis=1).reshape(-1, 1, d)
    # between lines that are grey themselves another colour has to stand
    _mosaic(ax, images, _grey(most), columns=1 if flat else count, gap=_LINE if flat else _GAP)
    labels = list(rows) * (count if flat else 1)
    low, high = sorted(ax.get_ylim())
    step = (high - low) / len(labels)
    ax.set_yticks([low + step * (at + 0.5) for at in range(len(labels))], labels)
    ax.tick_params(length=0)
    return ax


def plot_reconstructions(
    model: Any,
    X: ArrayLike,
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
    n: int = _MOST_PAIRS,
) -> Axes:
    """Draw rows above what a machine makes of them, up to the hidden units and down again.

    Parameters
    ----------
    model : BernoulliRBM
        Fitted.
    X : array-like of shape (n_rows, n_features)
        The first ``n`` rows are drawn.
    ax, shape, n
        As for :func:`plot_rows`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    given = np.asarray(X)[:n]
    back = model.reconstruct(given)
    seen = model._as_probabilities(given)
    ax = plot_rows({"given": seen, "reconstructed": back}, ax, shape=shape, n=n)
    ax.set_title("Up to the hidden units and down again")
    return ax


def plot_samples(
    samples: ArrayLike,
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
    most: float = 1.0,
    n: int = _MOST_ROWS,
) -> Axes:
    """Draw rows as a square of images, such as those that ``sample`` returns.

    Parameters
    ----------
    samples : array-like of shape (n_rows, n_features)
        The first ``n`` are drawn.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    shape : (int, int) or None
        Rows and columns of an image; None for a square. Where the features make no square, the
        picture is the matrix of rows.
    most : float, default 1.0
        The value of a unit that is fully on, which is black.
    n : int, default 100
        Rows at most.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the shape does not fit.
    """
    ax = _axes(ax)
    rows = np.asarray(samples, dtype=np.float64)
    total, rows = len(rows), rows[:n]
    shown = image_shape(rows.shape[1], shape)
    if shown is None:
        _matrix(ax, rows, _grey(most), "row", None)
    else:
        _mosaic(ax, rows.reshape(-1, *shown), _grey(most))
    which = "" if len(rows) == total else f" (the first {len(rows)} of {total:,})"
    ax.set_title(f"What the machine dreams{which}")
    return ax


def rbm_figure(model: Any, shape: Sequence[int] | None = None) -> Figure:
    """Return a figure with the filters on the left and the course of the fit on the right."""
    figure = new_figure(13, 6)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    plot_filters(model, left, shape=shape)
    plot_history(model.history_, right)
    return figure


# --- images ----------------------------------------------------------------------------------


def _axes(ax: Axes | None) -> Axes:
    require()
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    new: Axes = plt.subplots(layout="constrained")[1]
    return new


def _grey(most: float) -> dict[str, Any]:
    return {"cmap": "gray_r", "vmin": 0.0, "vmax": most}


def _mosaic(
    ax: Axes,
    images: Array,
    look: Mapping[str, Any],
    *,
    columns: int | None = None,
    gap: str = _GAP,
) -> None:
    """Draw images side by side as one, with lines of one pixel between them."""
    n, down, across = images.shape
    # as wide as high, whatever the shape of one image
    columns = columns or max(1, min(n, round(np.sqrt(n * down / across))))
    lines = ceil(n / columns)
    # pixels are cut into parts, so that the line between images can be thinner than a pixel
    parts = ceil(_PARTS / max(down, across)) if down > 1 else 8
    high, wide = down * parts, across * parts
    whole = np.full((lines * (high + 1) - 1, columns * (wide + 1) - 1), np.nan)
    between = np.ones(whole.shape, bool)
    for at, image in enumerate(images):
        row, column = divmod(at, columns)
        place = np.s_[row * (high + 1) :, column * (wide + 1) :]
        whole[place][:high, :wide] = np.kron(image, np.ones((parts, parts)))
        between[place][:high, :wide] = False
    _draw(ax, whole, between, look, gap)
    ax.set_aspect("auto" if down == 1 else "equal")
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])


def _draw(ax: Axes, whole: Array, between: Array, look: Mapping[str, Any], gap: str) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    span = look["vmax"] - look["vmin"]
    share = np.clip((np.nan_to_num(whole) - look["vmin"]) / span, 0, 1)
    colours = colormaps[look["cmap"]](share)[..., :3]
    colours[np.isnan(whole)] = to_rgb(_UNKNOWN)
    colours[between] = to_rgb(gap)
    down, across = whole.shape
    ax.imshow(colours, interpolation="nearest", extent=(0, across, down, 0))


def _matrix(ax: Axes, rows: Array, look: Mapping[str, Any], what: str, model: Any) -> None:
    """Draw rows that are no images as the lines of a matrix."""
    ax.imshow(rows, aspect="auto", interpolation="nearest", **look)
    names = getattr(model, "feature_names_in_", None)
    if names is not None and len(names) <= 40:
        shown = [str(name).replace("$", r"\$") for name in names]
        ax.set_xticks(range(len(names)), shown, rotation=90, fontsize="small")
    else:
        ax.set_xlabel("feature")
    ax.set_ylabel(what)
