"""Documents: their words on the colors of topics, and their shares of topics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...corpus.corpus import Corpus
from ..style import (
    HATCHES,
    PALETTE,
    SMALL,
    axes_of,
    bare,
    colors,
    faint,
    fitted,
    lap,
    paper,
    plain,
    rgb,
    text_on,
    tidy,
)
from ..text import draw_word, outline, points_across
from .names import A_MODEL, cut, labels_of, topic_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORD = r"(?u)\b\w\w+\b"  # the pattern of scikit-learn's vectorizers
_MOST_WORDS = 400
_MOST_DOCUMENTS = 30

#: Size of letters and distance of lines, in points.
_TYPE, _LEADING = 10.0, 19.0


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
    """Draw the words of a document in order, each on the color of its topic.

    The topic of a word is the one that maximizes ``p(k | w, d)``, which is proportional to
    ``theta_dk phi_kw``; the topics of the document are inferred from all of its words. Paler colors
    have lower probabilities. Words outside the vocabulary, such as stop words, have no topic. If
    the axes are too small for the text, the text is drawn smaller.

    Parameters
    ----------
    model : LatentDirichletAllocation
        A fitted model with a vocabulary.
    text : str or sequence of str
        The document, or its words in order.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot, of the height of the text.
    n : int, default 6
        Number of topics with a color, those with most words; at most 6. Other topics are gray.
    topics : sequence of int or None
        Topics with a color, at most 6; replaces ``n``. Use it to compare documents.
    token_pattern : str
        Regular expression that finds the words, if ``text`` is one string.
    lowercase : bool, default True
        Whether to convert words to lower case before looking them up.

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
        If the model has no vocabulary, no word of the text is in it, or a topic does not exist.
    """
    ax = None if ax is None else axes_of(ax)
    words = _tokens(text, token_pattern)
    found = _topics_of(model, words, lowercase)
    counts = Counter(topic for topic, _ in found if topic >= 0)
    shown = _shown(model, counts, n, topics)
    width = max(points_across(ax)[0] if ax is not None else 72 * 6.6, 150.0)
    shapes = {word: outline(word, _TYPE) for word in set(words)}  # most words occur repeatedly
    places, height = _flow([shapes[word][1] for word in words], width)
    if ax is None:
        ax = axes_of(None, (7.0, (height + 30) / 72 + 0.25 * len(shown) + 0.3))
    fills = dict(zip(shown, map(rgb, colors(len(shown))), strict=True))
    for word, topic, place in zip(words, found, places, strict=True):
        _draw_chip(ax, shapes[word][0], place, topic, fills)
    ax.set_xlim(-4, width + 4)
    ax.set_ylim(-height - 4, 4)
    ax.set_aspect("equal", anchor="N")
    bare(ax)
    ax.set_title(f"Topics of {sum(counts.values())} of {len(words)} words")
    _legend(ax, model, counts, fills)
    return ax


def _shown(
    model: Any, counts: Mapping[int, int], n: int, topics: Sequence[int] | None
) -> list[int]:
    """Return the topics that have a color."""
    if topics is None:
        ranked = sorted(counts, key=lambda k: (-counts[k], k))
        return ranked[: min(max(n, 1), len(PALETTE))]
    shown = [topic_of(model, k, "topics") for k in topics]
    if not 1 <= len(shown) <= len(PALETTE):
        raise ValueError(f"topics must be 1 to {len(PALETTE)} topics; got {len(shown)}")
    return shown


def _draw_chip(
    ax: Axes,
    path: Any,
    place: tuple[float, float, float],
    topic: tuple[int, float],
    fills: Mapping[int, tuple[float, float, float]],
) -> None:
    """Draw a word at (x, y, width) on the color of its (topic, probability)."""
    from matplotlib.patches import FancyBboxPatch

    (x, y, wide), (k, probability) = place, topic
    if k < 0:
        draw_word(ax, path, x, y, rgb(faint(0.65)))
        return
    chip = chip_color(fills.get(k, _other()), probability)
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


def _legend(ax: Axes, model: Any, counts: Mapping[int, int], fills: Mapping[int, Any]) -> None:
    """Name the topics below the text, with the number of words of each."""
    from matplotlib.patches import Patch

    shown = list(fills)
    handles = [
        Patch(color=fills[k], label=f"{label} ({counts[k]})")
        for k, label in zip(shown, labels_of(model, shown), strict=True)
    ]
    rest = sum(counts.values()) - sum(counts[k] for k in shown)
    if rest:
        handles.append(Patch(color=_other(), label=f"other topics ({rest})"))
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, -0.02),
        ncols=2,
        frameon=False,
        fontsize=SMALL,
    )


def _other() -> tuple[float, float, float]:
    """Return the color of topics that have none of their own."""
    return faint(0.35)


def chip_color(fill: Any, probability: float) -> tuple[float, float, float]:
    """Return the color behind a word whose topic has this probability."""
    strength = 0.25 + 0.75 * probability
    return rgb(paper() + strength * (np.asarray(fill) - paper()))


def _tokens(text: str | Sequence[str], token_pattern: str) -> list[str]:
    words = re.findall(token_pattern, text) if isinstance(text, str) else [str(w) for w in text]
    if not words:
        raise ValueError("text must contain at least one word; none was found")
    return words[:_MOST_WORDS]


def _topics_of(model: Any, words: Sequence[str], lowercase: bool) -> list[tuple[int, float]]:
    """Return the topic of each word and its probability; -1 for words outside the vocabulary."""
    fitted(model, "topics_", A_MODEL)
    names = model.vocabulary_
    if names is None:
        raise ValueError("model must have a vocabulary; fit it on a Corpus that has one")
    forms = [word.lower() if lowercase else word for word in words]
    known = [form for form in forms if form in set(names)]
    if not known:
        raise ValueError("text must contain a word of the model's vocabulary; none was found")
    corpus = Corpus.from_tokens([known], vocabulary=names)
    found = model.assignments(corpus).to_dict()
    at = {
        word: (int(k), float(p))
        for word, k, p in zip(found["word"], found["topic"], found["probability"], strict=True)
    }
    return [at.get(form, (-1, 0.0)) for form in forms]


def _flow(widths: Sequence[float], most: float) -> tuple[list[tuple[float, float, float]], float]:
    """Break words into lines; return x, y and width of each word, and the total height."""
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
    """Draw the shares of topics in documents, one bar per document.

    Parameters
    ----------
    model : LatentDirichletAllocation
        A fitted model.
    X : Corpus, sparse matrix or array of shape (n_documents, n_words)
        Documents, whose topics are inferred as in ``transform``.
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None creates a figure with pyplot.
    documents : sequence of int or None
        Rows to draw, at most 30; None draws the first ones.
    n : int, default 6
        Number of topics with a color: those with the largest shares in these documents.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError, NotFittedError, TypeError
        As :func:`plot_topics`.
    ValueError
        If a document does not exist.
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
    fills = [*map(rgb, colors(len(top))), faint(0.2)]
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
