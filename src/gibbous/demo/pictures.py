"""The pictures of ``gibbous demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plot
from ..plot import rbm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from . import chapters, texts
    from . import digits as demo_digits


def missing() -> str | None:
    """Return why pictures cannot be drawn, or None if they can."""
    try:
        plot.require()
    except ImportError as error:
        return str(error)
    return None


def save(figure: Figure, path: Path) -> Path:
    """Write a figure and return its path."""
    plot.save_figure(figure, path)
    return path


def story(case: chapters.Halfway) -> Figure:
    """Draw the two groups by both models, the line between them, and the history of EM."""
    figure = plot.new_figure(12, 9)
    (hard, soft), (line, rise) = figure.subplots(2, 2)
    plot.plot_clusters(case.kmeans, case.points, hard)
    hard.set_title("K-means: every point in one group, including the point half-way")
    plot.plot_clusters(case.mixture, case.points, soft)
    soft.set_title("Mixture: colors averaged by responsibility")
    for ax in (hard, soft):
        ax.set_aspect("equal")
        ax.set_xlim(-4.4, 4.4)
        ax.set_ylim(-3.2, 3.2)
        ax.set_xlabel("")
        ax.set_ylabel("")
    half = np.zeros((1, 2))
    pair = plot.colors(2)
    _halfway(hard, pair[case.kmeans.predict(half)[0]])
    _halfway(soft, case.mixture.predict_proba(half)[0] @ pair)
    _along(line, case)
    plot.plot_history(case.mixture.history_, rise)
    rise.set_title("EM increases the log-likelihood at every iteration")
    return figure


def _halfway(ax: Axes, color: Any) -> None:
    ax.scatter([0], [0], s=110, color=[tuple(color)], edgecolors=plot.rgb(plot.ink()), zorder=5)
    ax.annotate(
        "half-way",
        (0, 0.12),
        (0, 1.9),
        ha="center",
        color=plot.rgb(plot.ink()),
        arrowprops={"arrowstyle": "->", "color": plot.rgb(plot.ink()), "shrinkB": 4},
    )


def _along(ax: Axes, case: chapters.Halfway) -> None:
    t = np.linspace(0, 1, 401)
    points = case.line(t)
    right = int(case.mixture.means_[:, 0].argmax())
    soft = case.mixture.predict_proba(points)[:, right]
    hard = case.kmeans.predict(points) == case.kmeans.cluster_centers_[:, 0].argmax()
    ax.plot(t, hard, color=plot.PALETTE[5], linewidth=2, linestyle="dashed", label="K-means")
    ax.plot(t, soft, color=plot.PALETTE[0], linewidth=2, label="mixture")
    ax.plot([0.5], [soft[200]], "o", color=plot.PALETTE[0])
    ax.annotate(
        f"half-way: {1 - soft[200]:.0%} : {soft[200]:.0%}",
        (0.5, soft[200]),
        (0.56, 0.47),
        color=plot.rgb(plot.ink()),
    )
    ax.set_title("Along the line between the groups")
    ax.set_xlabel("position between the centers of the groups")
    ax.set_ylabel("assignment to the right group")
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    ax.yaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    ax.legend(frameon=False, loc="upper left")
    plot.tidy(ax)


def photograph(found: chapters.Photograph) -> Figure:
    """Draw the photograph and its two color quantizations, each with its colors below."""
    figure = plot.new_figure(15, 4.1)
    k = len(found.hard_colors)
    blank = np.full_like(_strip(found.hard_colors, found.hard_shares, found.original), 255)
    for ax, image, strip, title in zip(
        figure.subplots(1, 3),
        (found.original, found.hard, found.soft),
        (
            blank,
            _strip(found.hard_colors, found.hard_shares, found.original),
            _strip(found.soft_colors, found.soft_shares, found.original),
        ),
        ("Original", f"K-means: {k} colors", f"Mixture: averages of {k} colors"),
        strict=True,
    ):
        ax.imshow(np.concatenate([image, strip]))
        ax.set_title(title)
        ax.set_axis_off()
    return figure


def _strip(colors: Any, shares: Any, image: Any) -> Any:
    """Return a strip of the colors, from dark to light, with widths in proportion to shares."""
    order = np.argsort(colors.sum(axis=1))
    ends = np.cumsum(shares[order]) / shares.sum()
    which = np.searchsorted(ends, (np.arange(image.shape[1]) + 0.5) / image.shape[1])
    row = np.clip(colors[order][np.minimum(which, len(order) - 1)] * 255 + 0.5, 0, 255)
    gap = np.full((10, image.shape[1], 3), 255, dtype=np.uint8)
    return np.concatenate([gap, np.repeat(row.astype(np.uint8)[None], 34, axis=0)])


def digits(found: chapters.Digits) -> Figure:
    """Draw the ten means of the mixture, and the ten scans with the least certain assignment."""
    figure = plot.new_figure(12, 4.3)
    rows = figure.subplots(2, 10)
    order = np.argsort(found.names, kind="stable")
    for ax, g in zip(rows[0], order, strict=True):
        _scan(ax, found.centers[g])
        ax.set_title(f"like {found.names[g]}", fontsize=10)
    for ax, image, digit, share in zip(
        rows[1], found.images, found.digits, found.shares, strict=True
    ):
        _scan(ax, image)
        first, second = np.argsort(share)[::-1][:2]
        ax.set_title(
            f"like {found.names[first]}: {share[first]:.0%}\n"
            f"like {found.names[second]}: {share[second]:.0%}",
            fontsize=10,
        )
        ax.set_xlabel(f"label: {digit}", fontsize=10)
    figure.suptitle(
        "Above: means of the ten components.  "
        "Below: scans between two components, with their responsibilities"
    )
    return figure


def _scan(ax: Axes, image: Any) -> None:
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
    ax.set_xticks([])
    ax.set_yticks([])


def wines(found: chapters.Wines) -> Figure:
    """Draw the wines by the selected mixture, and the criterion of the selection."""
    figure = plot.new_figure(12, 5)
    left, right = figure.subplots(1, 2, width_ratios=[1.3, 1])
    plot.plot_clusters(found.mixture, found.data, left)
    left.set_title(
        f"178 wines: {found.mixture.n_components} components, "
        f"{found.mixture.covariance_type} covariances"
    )
    for (kind, values), color, marker in zip(found.bic.items(), plot.PALETTE, "os^D", strict=False):
        right.plot(
            range(1, len(values) + 1), values, color=color, marker=marker, markersize=5, label=kind
        )
    right.set_title("Model selection: lower BIC is better")
    right.set_xlabel("components")
    right.set_ylabel("BIC")
    right.legend(title="covariances", frameon=False)
    plot.tidy(right)
    return figure


def library(found: texts.Library) -> Figure:
    """Draw the words of each topic, below the object with the largest share of it."""
    share = found.model.topic_sizes_ / found.model.topic_sizes_.sum()
    titles = [
        f"{_ends(name)}\n{size:.1%} of the words"
        for name, size in zip(found.objects, share, strict=True)
    ]
    figure = plot.new_figure(16, 9.5)
    plot.plot_topics(found.model, figure, topics=range(len(titles)), top_n=7, titles=titles)
    figure.suptitle(
        f"{found.corpus.n_documents:,} docstrings of Python's standard library: "
        f"{len(titles)} topics, each with the object that has the largest share of it"
    )
    return figure


def machine(found: demo_digits.Machine) -> Figure:
    """Draw the filters and samples of the machine, with reconstructions and imputations."""
    figure = plot.new_figure(12, 9.4)
    parts: Any = figure.subfigures(2, 1, height_ratios=[6, 3.4])
    filters, samples = parts[0].subplots(1, 2)
    rbm.plot_filters(found.model, filters)
    filters.set_title("Weights of hidden units: red pixels turn them on, blue ones off")
    rbm.plot_samples(found.samples, samples)
    samples.set_title("Samples of the machine")
    below = parts[1].subplots()
    rows = {
        "held-out digit": found.unseen,
        "reconstruction": found.model.reconstruct(found.unseen),
        "upper half": found.torn,
        "imputed": found.filled,
    }
    rbm.plot_rows(rows, below)
    below.set_title(
        f"{found.right:.0%} of the missing pixels are imputed correctly "
        f"({found.plain:.0%} by the most frequent values)"
    )
    return figure


def _ends(name: str, most: int = 27) -> str:
    """Return a name, shortened to its first and last parts if it is long."""
    if len(name) > most:
        first, *_, last = name.split(".")
        name = f"{first}\u2026{last}"
    return name if len(name) <= most else name[: most - 1] + "\u2026"
