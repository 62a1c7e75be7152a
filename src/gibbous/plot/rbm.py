"""Pictures of Boltzmann machines: filters, reconstructions, samples, chains, hidden units.

Rows are drawn as images if the number of features is a square or if a shape is given, and as the
rows of a matrix otherwise. Requires matplotlib, which is installed by
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

#: With more images than this each is too small.
_MOST_FILTERS = 100
_MOST_ROWS = 100
_MOST_PAIRS = 16

A_MACHINE = "a fitted Boltzmann machine"
_BINARY = "a fitted BernoulliRBM or RBMClassifier"

#: Steps after which chains are shown: dense at first, when the chains move most.
_STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)

#: Colors that are not gray levels: of lines between rows, and of missing entries.
_LINE = "#7FB0DC"
_UNKNOWN = "#F3D9B1"

#: Minimum resolution of an image, in parts; the line between two images is one part wide.
_PARTS = 32

_GAP_NAME = "free-energy gap"


def image_shape(n_features: int, shape: Sequence[int] | None = None) -> tuple[int, int] | None:
    """Return the rows and columns of an image of ``n_features`` pixels.

    Parameters
    ----------
    n_features : int
        Number of pixels.
    shape : (int, int) or None
        Rows and columns; None for a square.

    Returns
    -------
    (int, int) or None
        None if no shape is given and the number of pixels is not a square.

    Raises
    ------
    ValueError
        If the shape has a different number of pixels.
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
    """Draw the weights of hidden units as images.

    Red pixels turn a unit on and blue ones turn it off. All images share one scale, so units with
    small weights are pale.

    Parameters
    ----------
    model : BernoulliRBM
        A fitted model.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    shape : (int, int) or None
        Rows and columns of an image; None for a square. If the number of features is not a square,
        the weights are drawn as a matrix.
    n : int, default 100
        Maximum number of hidden units: those with the largest weights, in order of their index.
    units : sequence of int or None
        Hidden units to draw; replaces ``n``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the shape does not match the number of features, or a unit does not exist.
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
    # a quantile, as a few much larger weights would make all others white
    most = float(np.quantile(np.abs(weights), 0.995)) or float(np.abs(weights).max()) or 1.0
    look = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    if shown is None:
        _matrix(ax, weights, look, "hidden unit", model)
    else:
        _mosaic(ax, weights.reshape(-1, *shown), look, gap="#888888")
    which = f"{total}" if len(chosen) == total else f"{len(chosen)} of {total}"
    if units is None and len(chosen) < total:
        which = f"{which}, those with the largest weights"
    ax.set_title(f"Weights of hidden units ({which})")
    return ax


def plot_rows(
    rows: Mapping[str, ArrayLike],
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
    most: float = 1.0,
    n: int = _MOST_PAIRS,
) -> Axes:
    """Draw the first rows of several tables below one another, such as data and reconstructions.

    Parameters
    ----------
    rows : mapping of str to array-like of shape (n_rows, n_features)
        Labels and the rows of images to draw. NaN, a missing entry, has its own color.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    shape : (int, int) or None
        Rows and columns of an image; None for a square, or for one line if the number of features
        is not a square.
    most : float, default 1.0
        The value of a unit that is fully on, which is black (white on a dark background).
    n : int, default 16
        Maximum number of rows of each table.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If tables have different shapes, or the shape does not match the number of features.
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
    flat = down == 1  # below one another, while images are side by side
    if flat:
        images = np.stack(tables, axis=1).reshape(-1, 1, d)
    # lines are gray, so the gap between them has another color
    _mosaic(ax, images, _gray(most), columns=1 if flat else count, gap=_LINE if flat else None)
    return _named_lines(ax, list(rows) * (count if flat else 1))


def plot_reconstructions(
    model: Any,
    X: ArrayLike,
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
    n: int = _MOST_PAIRS,
) -> Axes:
    """Draw rows and their reconstructions from the probabilities of the hidden units.

    Parameters
    ----------
    model : BernoulliRBM
        A fitted model.
    X : array-like of shape (n_rows, n_features)
        Rows, of which the first ``n`` are drawn.
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
        If the model is not a fitted machine.
    ValueError
        If the shape does not match the number of features.
    """
    fitted(model, "components_", A_MACHINE)
    given = np.asarray(X)[:n]
    reconstructed = model.reconstruct(given)
    seen = model.units_.seen(given)
    ax = plot_rows({"given": seen, "reconstructed": reconstructed}, ax, shape=shape, n=n)
    ax.set_title("Rows and their reconstructions")
    return ax


def plot_samples(
    samples: ArrayLike,
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
    most: float = 1.0,
    n: int = _MOST_ROWS,
) -> Axes:
    """Draw rows as a grid of images, such as those that ``sample`` returns.

    Parameters
    ----------
    samples : array-like of shape (n_rows, n_features)
        Rows, of which the first ``n`` are drawn.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    shape : (int, int) or None
        Rows and columns of an image; None for a square. If the number of features is not a square,
        the rows are drawn as a matrix.
    most : float, default 1.0
        The value of a unit that is fully on, which is black (white on a dark background).
    n : int, default 100
        Maximum number of rows.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the shape does not match the number of features.
    """
    ax = axes_of(ax)
    rows = np.asarray(samples, dtype=np.float64)
    total, rows = len(rows), rows[:n]
    shown = image_shape(rows.shape[1], shape)
    if shown is None:
        _matrix(ax, rows, _gray(most), "row", None)
    else:
        _mosaic(ax, rows.reshape(-1, *shown), _gray(most))
    which = "" if len(rows) == total else f" (the first {len(rows)} of {total:,})"
    ax.set_title(f"Samples of the machine{which}")
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
    """Draw the states of Gibbs chains: one line per chain, one image per number of steps.

    Images are the probabilities of the visible units at the last step. At 0 steps they are the
    rows that the chains start from.

    Parameters
    ----------
    model : BernoulliRBM or RBMClassifier
        A fitted model.
    start : array-like of shape (n_chains, n_features) or None
        Rows that the first ``n`` chains start from; None draws every unit as 0 or 1 with equal
        probability.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    steps : sequence of int
        Numbers of steps after which to draw the chains, ascending, from 0.
    n : int, default 6
        Maximum number of chains.
    shape : (int, int) or None
        Rows and columns of an image; None for a square, or for one line if the number of features
        is not a square.
    random_state : None, int, RandomState, Generator or SeedSequence
        Seed of the chains; with None every call differs.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is not a fitted machine.
    ValueError
        If the steps do not ascend, or ``start`` or ``shape`` does not match the number of features.
    """
    ax = axes_of(ax)
    fitted(model, "components_", A_MACHINE)
    d = model.n_features_in_
    numbers = [int(step) for step in steps]
    if not numbers or numbers[0] < 0 or sorted(set(numbers)) != numbers:
        raise ValueError(f"steps must be ascending integers >= 0; got {list(steps)}")
    down, across = image_shape(d, shape) or (1, d)
    rng = np.random.Generator(np.random.Philox(random.key_of(random_state)))
    most = float(fitted(model, "data_max", _BINARY))
    rows = (rng.random((n, d)) < 0.5) * most if start is None else np.asarray(start)[:n]
    shown = _states_after(model, rows, most, numbers, rng)
    images = np.stack(shown, axis=1).reshape(-1, down, across)
    if down == 1:  # lines, with those of one chain below one another
        _mosaic(ax, images, _gray(1.0), columns=1, gap=_LINE)
        return _named_lines(
            ax, [f"chain {i}, {step}" for i in range(len(rows)) for step in numbers]
        )
    _mosaic(ax, images, _gray(1.0), columns=len(numbers))
    low, high = ax.get_xlim()
    step = (high - low) / len(numbers)
    ax.set_xticks(
        [low + step * (at + 0.5) for at in range(len(numbers))], [str(number) for number in numbers]
    )
    ax.tick_params(length=0)
    ax.set_xlabel("Gibbs steps")
    ax.set_title(f"{len(rows)} chains of the machine")
    return ax


def _states_after(
    model: Any, rows: Array, most: float, steps: Sequence[int], rng: np.random.Generator
) -> list[Array]:
    """Return the probabilities of chains after each of several numbers of Gibbs steps."""
    before, found = 0, []
    state: Array = np.asarray(rows)
    image = np.asarray(model.units_.seen(state), dtype=np.float64)
    for step in steps:
        if step > before:
            # of one draw, the state continues the chain and the means are drawn
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
    """Draw the probabilities of hidden units, one line per row (Hinton 2010, section 15).

    A column of one color is a unit that does not distinguish rows; a dark line is a row for which
    few units are on.

    Parameters
    ----------
    model : BernoulliRBM or a machine of other units
        A fitted model.
    X : array-like of shape (n_rows, n_features)
        Rows, of which the first ``n`` are drawn.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    n : int, default 100
        Rows at most.
    sort : bool, default False
        Whether to sort the units by their mean, in descending order.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is not a fitted machine.
    """
    ax = axes_of(ax)
    fitted(model, "components_", A_MACHINE)
    rows: Any = X if hasattr(X, "shape") else np.asarray(X)
    p = np.asarray(model.transform(rows[:n]))
    if sort:
        p = p[:, np.argsort(-p.mean(axis=0), kind="stable")]
    top = max(1.0, float(p.max()))  # rectified linear units exceed 1
    drawn = ax.imshow(p, aspect="auto", interpolation="nearest", cmap="viridis", vmin=0, vmax=top)
    bar = ax.figure.colorbar(drawn, ax=ax)
    bar.set_label("P(h = 1 | v)" if top == 1.0 else "E(h | v)")
    ax.set_xlabel("hidden unit, sorted by mean" if sort else "hidden unit")
    ax.set_ylabel("row")
    ax.set_title(f"Hidden units of {len(p)} rows: {p.mean():.0%} on")
    return ax


def plot_free_energy_gap(history: Any, ax: Axes | None = None) -> Axes:
    """Draw the difference in free energy between held-out rows and training rows.

    A growing gap indicates overfitting (Hinton 2010, section 6).

    Parameters
    ----------
    history : History or a Boltzmann machine
        The history, or the machine, of a fit with ``X_val``.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.

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
        If ``history`` is neither a history nor a machine.
    ValueError
        If no rows were held out.
    """
    history = history_of(history)
    if _GAP_NAME not in history.more:
        raise ValueError("history must have a free-energy gap; fit with held-out rows, X_val=...")
    ax = plot_history(history, ax, metric=_GAP_NAME)
    ax.axhline(0, color=rgb(ink()), linewidth=0.8)
    ax.set_ylabel("free-energy gap, nats")
    ax.set_title(f"{history.model}: held-out minus training rows")
    return ax


def rbm_figure(model: Any, shape: Sequence[int] | None = None) -> Figure:
    """Return a figure with the filters on the left and the history of the fit on the right."""
    figure = new_figure(13, 6)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    plot_filters(model, left, shape=shape)
    plot_history(model.history_, right)
    return figure


# --- images ----------------------------------------------------------------------------------


def _gray(most: float) -> dict[str, Any]:
    # units that are off have the color of the background
    return {"cmap": "gray" if is_dark() else "gray_r", "vmin": 0.0, "vmax": most}


def _mosaic(
    ax: Axes,
    images: Array,
    look: Mapping[str, Any],
    *,
    columns: int | None = None,
    gap: str | None = None,
) -> None:
    """Draw images as a grid in one picture, with thin lines between them."""
    n, down, across = images.shape
    # a grid that is about as wide as high, whatever the shape of one image
    columns = columns or max(1, min(n, round(np.sqrt(n * down / across))))
    lines = ceil(n / columns)
    # pixels are split into parts, so that lines between images are thinner than a pixel
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
    """Label each line."""
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
    pixels = colormaps[look["cmap"]](share)[..., :3]
    pixels[np.isnan(whole)] = to_rgb(_UNKNOWN)
    pixels[between] = to_rgb(gap)
    down, across = whole.shape
    ax.imshow(pixels, interpolation="nearest", extent=(0, across, down, 0))


def _matrix(ax: Axes, rows: Array, look: Mapping[str, Any], what: str, model: Any) -> None:
    """Draw rows as those of a matrix, if they are not images."""
    ax.imshow(rows, aspect="auto", interpolation="nearest", **look)
    names = getattr(model, "feature_names_in_", None)
    if names is not None and len(names) <= 40:
        shown = [plain(name) for name in names]
        ax.set_xticks(range(len(names)), shown, rotation=90, fontsize=SMALL)
    else:
        ax.set_xlabel("feature")
    ax.set_ylabel(what)
