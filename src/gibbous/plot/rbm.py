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

from .._ground import random
from .fit import history_of, plot_history
from .style import SMALL, axes_of, bare, faint, fitted, ink, is_dark, new_figure, plain, rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

#: More images than this are too small to be seen in one picture.
_MOST_FILTERS = 100
_MOST_ROWS = 100
_MOST_PAIRS = 16

A_MACHINE = "a fitted Boltzmann machine"
_BINARY = "a fitted BernoulliRBM or RBMClassifier"

#: Steps after which chains are shown: near each other at first, where they move most.
_STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)

#: What is neither on nor off: lines between rows that are lines, and units that are not known.
_LINE = "#7FB0DC"
_UNKNOWN = "#F3D9B1"

#: Parts that an image is at least wide or high; the line beside it is one of them.
_PARTS = 32

_GAP_NAME = "free-energy gap"


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
    ax = axes_of(ax)
    weights = np.asarray(fitted(model, "components_", A_MACHINE), dtype=np.float64)
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
        The value of a unit that is fully on, which is black (white on dark paper).
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
    ax = axes_of(ax)
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
    _mosaic(ax, images, _grey(most), columns=1 if flat else count, gap=_LINE if flat else None)
    return _named_lines(ax, list(rows) * (count if flat else 1))


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

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is no fitted machine.
    ValueError
        If the shape of images does not fit.
    """
    fitted(model, "components_", A_MACHINE)
    given = np.asarray(X)[:n]
    back = model.reconstruct(given)
    seen = model.units_.seen(given)
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
        The value of a unit that is fully on, which is black (white on dark paper).
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
    ax = axes_of(ax)
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


def plot_chains(
    model: Any,
    start: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    steps: Sequence[int] = _STEPS,
    n: int = 6,
    shape: Sequence[int] | None = None,
    random_state: Any = None,
) -> Axes:
    """Draw how chains of a machine wander: a line a chain, an image a number of Gibbs steps.

    Images are the probabilities of the last downward step. At 0 steps stand the rows that the
    chains begin with.

    Parameters
    ----------
    model : BernoulliRBM or RBMClassifier
        Fitted.
    start : array-like of shape (n_chains, n_features) or None
        Rows that the first ``n`` chains begin with; None for a draw of coins, one a pixel, which
        is no row that the machine has seen.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    steps : sequence of int
        After how many steps, ascending, from 0.
    n : int, default 6
        Chains at most.
    shape : (int, int) or None
        Rows and columns of an image; None for a square, or for one line where there is none.
    random_state : None, int, RandomState, Generator or SeedSequence
        None goes on from the machine's own seed, so that every call differs.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is no fitted machine.
    ValueError
        If the steps do not ascend, or ``start`` or ``shape`` does not fit.
    """
    ax = axes_of(ax)
    fitted(model, "components_", A_MACHINE)
    d = model.n_features_in_
    told = [int(step) for step in steps]
    if not told or told[0] < 0 or sorted(set(told)) != told:
        raise ValueError(f"steps must be numbers from 0 that ascend; got {list(steps)}")
    down, across = image_shape(d, shape) or (1, d)
    rng = np.random.Generator(np.random.Philox(random.key_of(random_state)))
    most = float(fitted(model, "data_max", _BINARY))
    rows = (rng.random((n, d)) < 0.5) * most if start is None else np.asarray(start)[:n]
    shown = _wandered(model, rows, most, told, rng)
    images = np.stack(shown, axis=1).reshape(-1, down, across)
    if down == 1:  # lines, of which those of a chain lie below one another
        _mosaic(ax, images, _grey(1.0), columns=1, gap=_LINE)
        return _named_lines(ax, [f"chain {i}, {step}" for i in range(len(rows)) for step in told])
    _mosaic(ax, images, _grey(1.0), columns=len(told))
    low, high = ax.get_xlim()
    step = (high - low) / len(told)
    ax.set_xticks([low + step * (at + 0.5) for at in range(len(told))], [str(t) for t in told])
    ax.tick_params(length=0)
    ax.set_xlabel("Gibbs steps")
    ax.set_title(f"{len(rows)} chains of the machine")
    return ax


def _wandered(
    model: Any, rows: Array, most: float, steps: Sequence[int], rng: np.random.Generator
) -> list[Array]:
    """Return what chains look like after numbers of steps, each going on from the one before."""
    before, found = 0, []
    state: Array = np.asarray(rows)
    image = np.asarray(model.units_.seen(state), dtype=np.float64)
    for step in steps:
        if step > before:
            # states carry a chain on and means are what is seen, of one and the same draw
            seed = int(rng.integers(1 << 32))
            kept = {"burn_in": step - before - 1, "start": state, "random_state": seed}
            drawn = [model.sample(len(rows), means=means, **kept) for means in (True, False)]
            # a classifier returns labels, too
            image, state = (of[0] if isinstance(of, tuple) else of for of in drawn)
            state = state * most
            before = step
        found.append(image)
    return found


def plot_hidden(
    model: Any, X: ArrayLike, ax: Axes | None = None, *, n: int = _MOST_ROWS, sort: bool = False
) -> Axes:
    """Draw the probabilities of hidden units, a line a row (Hinton 2010, section 15).

    A column of one colour is a unit that does not tell rows apart; a line of few bright places is
    a row that few units explain.

    Parameters
    ----------
    model : BernoulliRBM or a machine of other units
        Fitted.
    X : array-like of shape (n_rows, n_features)
        The first ``n`` rows are drawn.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    n : int, default 100
        Rows at most.
    sort : bool, default False
        Whether units stand in the order of their mean, the busiest first.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is no fitted machine.
    """
    ax = axes_of(ax)
    fitted(model, "components_", A_MACHINE)
    rows: Any = X if hasattr(X, "shape") else np.asarray(X)
    p = np.asarray(model.transform(rows[:n]))
    if sort:
        p = p[:, np.argsort(-p.mean(axis=0), kind="stable")]
    top = max(1.0, float(p.max()))  # above 1 of units that are rectified linear
    drawn = ax.imshow(p, aspect="auto", interpolation="nearest", cmap="viridis", vmin=0, vmax=top)
    bar = ax.figure.colorbar(drawn, ax=ax)
    bar.set_label("P(h = 1 | v)" if top == 1.0 else "E(h | v)")
    ax.set_xlabel("hidden unit, the busiest first" if sort else "hidden unit")
    ax.set_ylabel("row")
    ax.set_title(f"Hidden units of {len(p)} rows: {p.mean():.0%} on")
    return ax


def plot_free_energy_gap(history: Any, ax: Axes | None = None) -> Axes:
    """Draw how much higher the free energy of rows held out is than that of rows learned from.

    A gap that grows tells overfitting (Hinton 2010, section 6).

    Parameters
    ----------
    history : History or a Boltzmann machine
        Of a fit with ``X_val``.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.

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
        If ``history`` is neither of these.
    ValueError
        If no rows were held out.
    """
    history = history_of(history)
    if _GAP_NAME not in history.more:
        raise ValueError("history: it has no free-energy gap; fit with X_val, rows held out")
    ax = plot_history(history, ax, metric=_GAP_NAME)
    ax.axhline(0, color=rgb(ink()), linewidth=0.8)
    ax.set_ylabel("free-energy gap, nats")
    ax.set_title(f"{history.model}: held out less learned from")
    return ax


def rbm_figure(model: Any, shape: Sequence[int] | None = None) -> Figure:
    """Return a figure with the filters on the left and the course of the fit on the right."""
    figure = new_figure(13, 6)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    plot_filters(model, left, shape=shape)
    plot_history(model.history_, right)
    return figure


# --- images ----------------------------------------------------------------------------------


def _grey(most: float) -> dict[str, Any]:
    # what is off has the colour of the paper
    return {"cmap": "gray" if is_dark() else "gray_r", "vmin": 0.0, "vmax": most}


def _mosaic(
    ax: Axes,
    images: Array,
    look: Mapping[str, Any],
    *,
    columns: int | None = None,
    gap: str | None = None,
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
    _draw(ax, whole, between, look, faint(0.3) if gap is None else gap)
    ax.set_aspect("auto" if down == 1 else "equal")
    bare(ax)


def _named_lines(ax: Axes, labels: Sequence[str]) -> Axes:
    """Write what stands in each line beside it."""
    low, high = sorted(ax.get_ylim())
    step = (high - low) / len(labels)
    ax.set_yticks([low + step * (at + 0.5) for at in range(len(labels))], labels)
    ax.tick_params(length=0)
    return ax


def _draw(ax: Axes, whole: Array, between: Array, look: Mapping[str, Any], gap: Any) -> None:
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
        shown = [plain(name) for name in names]
        ax.set_xticks(range(len(names)), shown, rotation=90, fontsize=SMALL)
    else:
        ax.set_xlabel("feature")
    ax.set_ylabel(what)
