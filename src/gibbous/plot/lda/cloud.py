"""The words of a topic as a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..style import PALETTE, axes_of, bare, colors, readable, rgb
from ..text import draw_word, outline, place_boxes
from .names import title_of_topic, topic_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Size of the largest and of the smallest words, in the units of the cloud: about 10 points if the
#: cloud is 400 points wide.
_LARGEST, _SMALLEST = 60.0, 10.0


def plot_word_cloud(
    model: Any, topic: int = 0, ax: Axes | None = None, *, n: int = 40, color: Any = None
) -> Axes:
    """Draw the most probable words of a topic as a word cloud.

    The height of letters is proportional to the square root of the probability, so that areas are
    proportional to the probability, down to a legible size. Words are horizontal and do not
    overlap.

    Parameters
    ----------
    model : LatentDirichletAllocation, or mapping of str to float
        A fitted model; or words and their weights.
    topic : int, default 0
        Topic to draw; 0 is the largest.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    n : int, default 40
        Maximum number of words.
    color : color or None
        Color of all words. None uses the color of :func:`plot_topic_words`, darkened (lightened on
        a dark background) until the words are legible.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is not a fitted topic model.
    ValueError
        If the topic does not exist, a weight is negative, or no word has a positive weight.
    """
    ax = axes_of(ax)
    from matplotlib.colors import to_rgb

    weights = _weights(model, topic, n)
    if color is None:
        number = 0 if isinstance(model, Mapping) else topic
        paint = rgb(readable(colors(number % len(PALETTE) + 1)[-1]))
    else:
        paint = to_rgb(color)
    most = max(weights.values())
    sizes = [max(_LARGEST * float(np.sqrt(v / most)), _SMALLEST) for v in weights.values()]
    shapes = [outline(word, size) for word, size in zip(weights, sizes, strict=True)]
    gap = [0.25 * size for size in sizes]
    widths = [wide + g for (_, wide, _, _), g in zip(shapes, gap, strict=True)]
    heights = [high - low + g for (_, _, low, high), g in zip(shapes, gap, strict=True)]
    boxes = place_boxes(widths, heights)
    for (path, _, low, _), (x0, y0, _, _), g in zip(shapes, boxes, gap, strict=True):
        draw_word(ax, path, x0 + g / 2, y0 + g / 2 - low, paint)
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    ax.set_xlim(x0, x1)
    ax.set_ylim(y0, y1)
    ax.set_aspect("equal")
    bare(ax)
    if not isinstance(model, Mapping):
        ax.set_title(title_of_topic(model, topic))
    return ax


def _weights(model: Any, topic: int, n: int) -> dict[str, float]:
    """Return the words of a cloud and their weights, in descending order of weight."""
    if n < 1:
        raise ValueError(f"n must be >= 1; got {n}")
    if isinstance(model, Mapping):
        given = {str(word): float(weight) for word, weight in model.items()}
        odd = [word for word, weight in given.items() if not 0 <= weight < np.inf]
        if odd:
            raise ValueError(
                f"model: the weight of {odd[0]!r:.40} must be finite and >= 0; got {given[odd[0]]}"
            )
        ranked = sorted(given.items(), key=lambda pair: -pair[1])
    else:
        number = topic_of(model, topic)
        pairs = model.topic_words(number, n)
        ranked = [(str(word), float(value)) for word, value in pairs]
    found = {word: value for word, value in ranked[:n] if value > 0 and word.strip()}
    if not found:
        raise ValueError("model must have a word with a weight > 0; all weights are 0")
    return found
