"""Pictures of words and documents: clouds, words on the colour of their topic, shares of topics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .lda import A_MODEL, cut, labels_of, title_of_topic, topic_of
from .style import (
    HATCHES,
    PALETTE,
    SMALL,
    axes_of,
    bare,
    colours,
    faint,
    fitted,
    lap,
    paper,
    plain,
    readable,
    rgb,
    text_on,
    tidy,
)
from .text import draw_word, outline, place_boxes, points_across

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Type of the largest and of the smallest words of a cloud, in its own units: of 10 points, where
#: the cloud is some 400 points wide.
_LARGEST, _SMALLEST = 60.0, 10.0

_WORD = r"(?u)\b\w\w+\b"  # as scikit-learn's vectorisers find words
_MOST_WORDS = 400
_MOST_DOCUMENTS = 30

#: Type and distance of the lines of a document, in points.
_TYPE, _LEADING = 10.0, 19.0


def plot_word_cloud(
    model: Any, topic: int = 0, ax: Axes | None = None, *, n: int = 40, colour: Any = None
) -> Axes:
    """Draw the likeliest words of a topic as a cloud, the likelier the larger.

    The height of letters grows with the square root of the probability, so that areas do with the
    probability, down to a size that can be read. Words are horizontal, and none covers another.

    Parameters
    ----------
    model : LatentDirichletAllocation, or mapping of str to float
        Fitted; or words and their weights.
    topic : int, default 0
        Which topic; 0 is the largest.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    n : int, default 40
        Words at most.
    colour : colour or None
        Of all words; None for the one that :func:`plot_topic_words` has, made darker (on dark
        paper lighter) where it could not be read.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is no fitted topic model.
    ValueError
        If the topic is not there, a weight is negative, or no word is left.
    """
    ax = axes_of(ax)
    from matplotlib.colors import to_rgb

    weights = _weights(model, topic, n)
    if colour is None:
        number = 0 if isinstance(model, Mapping) else topic
        paint = rgb(readable(colours(number % len(PALETTE) + 1)[-1]))
    else:
        paint = to_rgb(colour)
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
    """Return the words of a cloud and their weights, the largest first."""
    if n < 1:
        raise ValueError(f"n must be 1 word or more; got {n}")
    if isinstance(model, Mapping):
        given = {str(word): float(weight) for word, weight in model.items()}
        odd = [word for word, weight in given.items() if not 0 <= weight < np.inf]
        if odd:
            raise ValueError(f"model: the weight of {odd[0]!r:.40} must be a number >= 0")
        ranked = sorted(given.items(), key=lambda pair: -pair[1])
    else:
        number = topic_of(model, topic)
        pairs = model.topic_words(number, n)
        ranked = [(str(word), float(value)) for word, value in pairs]
    found = {word: value for word, value in ranked[:n] if value > 0 and word.strip()}
    if not found:
        raise ValueError("model: no word has a weight above 0")
    return found


def plot_document(
    model: Any,
    text: str | Sequence[str],
    ax: Axes | None = None,
    *,
    n: int = 6,
    topics: Sequence[int] | None = None,
    token_pattern: str = _WORD,
    lowercase: bool = True,
) -> Axes:
    """Draw the words of a document in their order, each on the colour of its topic.

    A word's topic is the most probable one of ``p(k | w, d)``, in proportion to ``theta_dk
    phi_kw``, the document's topics being inferred from all of its words; the paler a colour, the
    less sure. Words that the model does not know, such as stop words, have none. In axes that are
    too small for the text all of it is drawn smaller.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted, with a vocabulary.
    text : str or sequence of str
        The document; or its words, in their order.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot that is as high as the text.
    n : int, default 6
        Topics with a colour of their own, those with most words; at most 6. Others are grey.
    topics : sequence of int or None
        Which topics instead, at most 6, to compare documents.
    token_pattern : str
        What a word is, where ``text`` is one string.
    lowercase : bool, default True
        Whether words are looked up in small letters.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError, TypeError
        If the model is no fitted topic model.
    ValueError
        If the model has no vocabulary or knows no word of the text, or a topic is not there.
    """
    from matplotlib.patches import FancyBboxPatch, Patch

    ax = None if ax is None else axes_of(ax)
    words = _tokens(text, token_pattern)
    found = _topics_of(model, words, lowercase)
    counts = Counter(topic for topic, _ in found if topic >= 0)
    if topics is None:
        ranked = sorted(counts, key=lambda k: (-counts[k], k))
        shown = ranked[: min(max(n, 1), len(PALETTE))]
    else:
        shown = [topic_of(model, k, "topics") for k in topics]
        if not 1 <= len(shown) <= len(PALETTE):
            raise ValueError(f"topics must be 1 to {len(PALETTE)}; got {len(shown)}")
    width = points_across(ax)[0] if ax is not None else 72 * 6.6
    shapes = {word: outline(word, _TYPE) for word in set(words)}  # most words come again
    places, height = _flow([shapes[word][1] for word in words], max(width, 150.0))
    if ax is None:
        ax = axes_of(None, (7.0, (height + 30) / 72 + 0.25 * len(shown) + 0.3))
    fills = dict(zip(shown, map(rgb, colours(len(shown))), strict=True))
    grey = faint(0.35)
    for word, (topic, sure), (x, y, wide) in zip(words, found, places, strict=True):
        path = shapes[word][0]
        if topic < 0:
            draw_word(ax, path, x, y, rgb(faint(0.65)))
            continue
        chip = chip_colour(fills.get(topic, grey), sure)
        box = FancyBboxPatch(
            (x - 1, y - 0.2 * _TYPE),
            wide + 2,
            0.98 * _TYPE,
            boxstyle="round,pad=1,rounding_size=2",
            facecolor=chip,
            edgecolor="none",
        )
        ax.add_patch(box)
        draw_word(ax, path, x, y, text_on(chip))
    ax.set_xlim(-4, max(width, 150.0) + 4)
    ax.set_ylim(-height - 4, 4)
    ax.set_aspect("equal", anchor="N")
    bare(ax)
    known = sum(counts.values())
    ax.set_title(f"The topics of {known} of {len(words)} words")
    handles = [
        Patch(color=fills[k], label=f"{label} ({counts[k]})")
        for k, label in zip(shown, labels_of(model, shown), strict=True)
    ]
    rest = known - sum(counts[k] for k in shown)
    if rest:
        handles.append(Patch(color=grey, label=f"other topics ({rest})"))
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, -0.02),
        ncols=2,
        frameon=False,
        fontsize=SMALL,
    )
    return ax


def chip_colour(fill: Any, sure: float) -> tuple[float, float, float]:
    """Return the colour behind a word whose topic is as sure as said, from 0 to 1."""
    strength = 0.25 + 0.75 * sure
    return rgb(paper() + strength * (np.asarray(fill) - paper()))


def _tokens(text: str | Sequence[str], token_pattern: str) -> list[str]:
    words = re.findall(token_pattern, text) if isinstance(text, str) else [str(w) for w in text]
    if not words:
        raise ValueError("text must hold at least one word; none was found")
    return words[:_MOST_WORDS]


def _topics_of(model: Any, words: Sequence[str], lowercase: bool) -> list[tuple[int, float]]:
    """Return the topic of each word and its probability; -1 of words that are not known."""
    from ..corpus.corpus import Corpus

    fitted(model, "topics_", A_MODEL)
    names = model.vocabulary_
    if names is None:
        raise ValueError("model: it has no vocabulary; fit it on a Corpus that has one")
    forms = [word.lower() if lowercase else word for word in words]
    known = [form for form in forms if form in set(names)]
    if not known:
        raise ValueError("text: the model knows none of its words")
    corpus = Corpus.from_tokens([known], vocabulary=names)
    told = model.assignments(corpus).to_dict()
    at = {
        word: (int(k), float(p))
        for word, k, p in zip(told["word"], told["topic"], told["probability"], strict=True)
    }
    return [at.get(form, (-1, 0.0)) for form in forms]


def _flow(widths: Sequence[float], most: float) -> tuple[list[tuple[float, float, float]], float]:
    """Return x, y and width of each word in lines of a width, and the height of all lines."""
    places, x, line = [], 0.0, 1
    for wide in widths:
        if x > 0 and x + wide > most:
            x, line = 0.0, line + 1
        places.append((x, -line * _LEADING + 0.35 * _TYPE, wide))
        x += wide + 0.65 * _TYPE
    return places, line * _LEADING


def plot_document_topics(
    model: Any,
    X: Any,
    ax: Axes | None = None,
    *,
    documents: Sequence[int] | None = None,
    n: int = 6,
) -> Axes:
    """Draw what topics documents are made of, one bar a document.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted.
    X : Corpus, sparse matrix or array of shape (n_documents, n_words)
        Documents, whose topics are inferred as by ``transform``.
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure with pyplot.
    documents : sequence of int or None
        Which rows; None for the first ones. At most 30 are drawn.
    n : int, default 6
        Topics with a colour of their own: those with the largest shares in these documents.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_topics`.
    ValueError
        If a document is not there.
    """
    ax = axes_of(ax, (9, 5))
    fitted(model, "topics_", A_MODEL)
    total = X.n_documents if hasattr(X, "n_documents") else X.shape[0]
    which = list(range(min(total, 10)) if documents is None else documents)[:_MOST_DOCUMENTS]
    for row in which:
        if not 0 <= row < total:
            raise ValueError(f"documents must be rows from 0 to {total - 1}; got {row}")
    names = getattr(X, "names", None)
    theta = model.transform(X[np.array(which, dtype=np.intp)])
    top = np.argsort(-theta.sum(axis=0), kind="stable")[: max(int(n), 1)]
    labels = labels_of(model, top.tolist())
    place = np.arange(len(which))
    left = np.zeros(len(which))
    rows = [*theta[:, top].T, 1 - theta[:, top].sum(axis=1)]
    fills = [*map(rgb, colours(len(top))), faint(0.2)]
    for at, (share, fill, label) in enumerate(
        zip(rows, fills, [*labels, "other topics"], strict=True)
    ):
        hatch = lap(at, HATCHES) if at < len(top) else ""
        ax.barh(
            place,
            share,
            left=left,
            color=fill,
            hatch=hatch,
            edgecolor=rgb(paper()),
            linewidth=0.6,
            label=label,
        )
        left += share
    titles = [str(row) if names is None else str(names[row]) for row in which]
    ax.set_yticks(place, [plain(cut(title, 30)) for title in titles])
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    ax.set_xlabel("share of the topic")
    ax.set_ylabel("document" if names is None else "")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=SMALL)
    tidy(ax)
    ax.grid(False, axis="y")
    return ax
