"""The style of pictures: colors that all readers can distinguish, on light and dark backgrounds.

Text, lines and background take their colors from matplotlib's ``rcParams``, so that
``plt.style.context("dark_background")`` and other styles apply.
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

#: Okabe and Ito's palette (2008), for readers with any kind of color vision; without the yellow and
#: the black, which are hard to see on white and among text.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
SUFFIXES = (".png", ".svg", ".pdf")

#: With more groups than colors, the palette repeats with other markers, lines and hatches.
MARKERS = "osD^vPX"
LINES = ("solid", "dashed", "dotted", "dashdot")
HATCHES = ("", "///", "...", "xxx")

#: Size of text in points: smaller letters are illegible in a picture 700 pixels wide.
SMALL = 9.0

#: More points than this make a picture slower, but no more informative.
MAX_POINTS = 20_000


def require() -> None:
    """Check that matplotlib is installed.

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
    """Return an empty figure of this size in inches, independent of pyplot."""
    require()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as .png, .svg or .pdf; an existing file is replaced as a whole.

    Raises
    ------
    ValueError
        If ``path`` has another ending.
    """
    suffix = suffix_of(path, SUFFIXES, "a picture")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], dpi=150)
    with replacing(path) as file:
        file.write(buffer.getvalue())


def axes_of(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """Return the given axes, or those of a new figure of pyplot, which notebooks display.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If ``ax`` is not an Axes.
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
    """Return the given axes as ``down`` x ``across``, or new ones.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If one of them is not an Axes.
    ValueError
        If their number is wrong.
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
            raise TypeError("axes must be matplotlib Axes; one of them is None")
    return given.reshape(down, across)


def fitted(model: Any, attribute: str, what: str) -> Any:
    """Return an attribute of a fitted model.

    Raises
    ------
    NotFittedError
        If the model has not been fitted.
    TypeError
        If the model is not ``what`` the message asks for.
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
    """Return the color of text, and of lines that are not data."""
    return _rgb("text.color")


def paper() -> NDArray[np.float64]:
    """Return the color of the background."""
    return _rgb("axes.facecolor")


def faint(strength: float = 0.15) -> tuple[float, float, float]:
    """Return a color between :func:`paper` and :func:`ink`."""
    return rgb(paper() + strength * (ink() - paper()))


def is_dark() -> bool:
    """Return whether the style is light text on a dark background."""
    return luminance(paper()) < luminance(ink())


def rgb(color: Any) -> tuple[float, float, float]:
    """Return a color as a tuple of three numbers, the form that matplotlib always accepts."""
    r, g, b = (float(np.clip(part, 0, 1)) for part in color)
    return r, g, b


def _rgb(name: Literal["text.color", "axes.facecolor"]) -> NDArray[np.float64]:
    require()
    from matplotlib import rcParams
    from matplotlib.colors import to_rgb

    value: Any = rcParams[name]
    # "none" leaves the background transparent: assumed to be white
    return np.array(to_rgb("white" if value == "none" else value))


def colors(n: int) -> NDArray[np.float64]:
    """Return ``n`` colors, shape (n, 3); beyond the palette they repeat, mixed with the ink.

    On a dark background all are lighter, as the blue would be hard to see.
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
    """Return the marker, line or hatch of a group, the same for each repetition of the palette."""
    return of[at // len(PALETTE) % len(of)]


def luminance(color: Any) -> float:
    """Return a color's relative luminance, in [0, 1] (W3C, WCAG 2.1)."""
    parts = np.asarray(color, dtype=np.float64)[:3]
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colors, from 1 to 21 (W3C, WCAG 2.1)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(color: Any, least: float = 4.5) -> NDArray[np.float64]:
    """Return a color, mixed with the ink until text in it is legible on the background."""
    given, end, ground = np.asarray(color, dtype=np.float64)[:3], ink(), paper()
    for step in np.linspace(0, 1, 21):
        mixed: NDArray[np.float64] = given + step * (end - given)
        if contrast(mixed, ground) >= least:
            return mixed
    return end


def text_on(color: Any) -> str:
    """Return ``"black"`` or ``"white"``, whichever has more contrast to a color."""
    return max(("black", "white"), key=lambda name: contrast(color, [float(name == "white")] * 3))


def plain(text: object) -> str:
    """Return text with escaped dollar signs, which would start formulas."""
    return str(text).replace("$", r"\$")


def tint(color: Any) -> Any:
    """Return a color map from the background to a color, on which ink is visible throughout."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    return LinearSegmentedColormap.from_list("tint", [rgb(paper()), to_rgb(color)])


def tidy(ax: Axes) -> None:
    """Remove the upper and right spines, and draw a grid behind the data."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(True, color=faint(), linewidth=0.6)
    ax.set_axisbelow(True)


def bare(ax: Axes) -> None:
    """Remove the ticks and the frame."""
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
