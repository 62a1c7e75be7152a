"""How pictures look: colours that everybody can tell apart, on light paper and on dark.

What is no data (text, lines, background) takes its colour from matplotlib's ``rcParams``, so that
``plt.style.context("dark_background")`` and a user's own style hold.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._ground.files import replacing, suffix_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

#: Okabe and Ito's palette (2008), told apart by readers with any kind of colour vision; the yellow
#: and the black, hard to see on white and among text, are left out.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
SUFFIXES = (".png", ".svg", ".pdf")

#: What the palette's laps are told apart by, where shades alone would not do.
MARKERS = "osD^vPX"
LINES = ("solid", "dashed", "dotted", "dashdot")
HATCHES = ("", "///", "...", "xxx")

#: Points of text: smaller letters cannot be read in a picture that is 700 pixels wide.
SMALL = 9.0

#: More points than this say no more in a picture, and make a slow one.
MAX_POINTS = 20_000


def require() -> None:
    """Check that matplotlib is there.

    Raises
    ------
    ImportError
        If it is not; the message says how to install it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib, which is not installed; "
            "install it with: pip install 'gibbous[plot]'"
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, without a window or global state."""
    require()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as .png, .svg or .pdf, beside ``path`` and renamed.

    Raises
    ------
    ValueError
        If the ending is none of these.
    """
    suffix = suffix_of(path, SUFFIXES, "a picture")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], dpi=150)
    with replacing(path) as file:
        file.write(buffer.getvalue())


def axes_of(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """Return the axes given, or new ones of a figure that pyplot knows, as notebooks need it.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If ``ax`` is no Axes.
    """
    require()
    from matplotlib.axes import Axes as Kind

    if ax is None:
        import matplotlib.pyplot as plt

        new: Axes = plt.subplots(figsize=size, layout="constrained")[1]
        return new
    if not isinstance(ax, Kind):
        raise TypeError(f"ax must be a matplotlib Axes or None; got {type(ax).__name__}")
    return ax


def several_axes(axes: Any, down: int, across: int, size: tuple[float, float]) -> Array:
    """Return ``down`` x ``across`` axes, those given or new ones.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If one of them is no Axes.
    ValueError
        If they are not as many.
    """
    require()
    if axes is None:
        import matplotlib.pyplot as plt

        new: Array = plt.subplots(down, across, figsize=size, layout="constrained", squeeze=False)[
            1
        ]
        return new
    given = np.atleast_1d(np.asarray(axes, dtype=object))
    if given.size != down * across:
        raise ValueError(f"axes must be {down * across} Axes; got {given.size}")
    for ax in given.flat:
        axes_of(ax)
        if ax is None:
            raise TypeError("axes must be matplotlib Axes; got None among them")
    return given.reshape(down, across)


def fitted(model: Any, attribute: str, what: str) -> Any:
    """Return an attribute that a fitted model of some kind has.

    Raises
    ------
    NotFittedError
        If the model's class fits but has not been fitted.
    TypeError
        If it is no such model.
    """
    try:
        return getattr(model, attribute)
    except AttributeError:
        if hasattr(model, "fit") and not hasattr(model, "n_features_in_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"model: this {type(model).__name__} is not fitted yet; call fit first"
            ) from None
        raise TypeError(f"model must be {what}; got {type(model).__name__}") from None


def ink() -> NDArray[np.float64]:
    """Return the colour of text, in which lines that are no data are drawn, too."""
    return _rgb("text.color")


def paper() -> NDArray[np.float64]:
    """Return the colour that is drawn on."""
    return _rgb("axes.facecolor")


def faint(strength: float = 0.15) -> tuple[float, float, float]:
    """Return a colour between paper and ink."""
    return rgb(paper() + strength * (ink() - paper()))


def is_dark() -> bool:
    """Tell whether the style draws light on dark."""
    return luminance(paper()) < luminance(ink())


def rgb(colour: Any) -> tuple[float, float, float]:
    """Return a colour as matplotlib takes it from anybody, a tuple of three numbers."""
    r, g, b = (float(np.clip(part, 0, 1)) for part in colour)
    return r, g, b


def _rgb(name: Literal["text.color", "axes.facecolor"]) -> NDArray[np.float64]:
    require()
    from matplotlib import rcParams
    from matplotlib.colors import to_rgb

    value: Any = rcParams[name]
    # "none" is saved without a background: taken for white
    return np.array(to_rgb("white" if value == "none" else value))


def colours(n: int) -> NDArray[np.float64]:
    """Return ``n`` colours, shape (n, 3); past the palette they repeat, nearer to the ink.

    On dark paper all are somewhat lighter, as the blue could hardly be seen.
    """
    require()
    from matplotlib.colors import to_rgb

    base = np.array([to_rgb(c) for c in PALETTE])
    if is_dark():
        base = 0.8 * base + 0.2 * ink()
    at = np.arange(n)
    shade = np.array([0.0, 0.4, 0.65])[at // len(base) % 3][:, None]
    repeated: NDArray[np.float64] = base[at % len(base)] * (1 - shade) + shade * ink()
    return repeated


def lap(at: int, of: Sequence[str]) -> str:
    """Return the marker, line or hatch of the lap of the palette that a number is in."""
    return of[at // len(PALETTE) % len(of)]


def luminance(colour: Any) -> float:
    """Return a colour's relative luminance, in [0, 1] (W3C, WCAG 2.1)."""
    parts = np.asarray(colour, dtype=np.float64)[:3]
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours, from 1 to 21 (W3C, WCAG 2.1)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: Any, least: float = 4.5) -> NDArray[np.float64]:
    """Return a colour moved towards the ink until text in it can be read on the paper."""
    given, end, ground = np.asarray(colour, dtype=np.float64)[:3], ink(), paper()
    for step in np.linspace(0, 1, 21):
        mixed: NDArray[np.float64] = given + step * (end - given)
        if contrast(mixed, ground) >= least:
            return mixed
    return end


def text_on(colour: Any) -> str:
    """Return black or white, whichever can be read on a colour."""
    return max(("black", "white"), key=lambda name: contrast(colour, [float(name == "white")] * 3))


def plain(text: object) -> str:
    """Return text in which a dollar sign begins no formula."""
    return str(text).replace("$", r"\$")


def tint(colour: Any) -> Any:
    """Return a colour map from the paper to a colour, on which ink can be seen throughout."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    return LinearSegmentedColormap.from_list("tint", [rgb(paper()), to_rgb(colour)])


def tidy(ax: Axes) -> None:
    """Take away what is no data, and put a grid behind it."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(True, color=faint(), linewidth=0.6)
    ax.set_axisbelow(True)


def bare(ax: Axes) -> None:
    """Take away ticks and the frame."""
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
