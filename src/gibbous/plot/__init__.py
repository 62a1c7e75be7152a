"""Functions that draw models and results with matplotlib: ``from gibbous.plot import plot_...``.

Each takes a fitted model, or a result of one, and matplotlib axes to draw on, and returns the axes.
Without axes it creates a figure with pyplot; it never shows a figure. Text and background follow
matplotlib's style, so pictures are dark within ``plt.style.context("dark_background")``. Groups
have the colors of Okabe and Ito, which readers with any kind of color vision can distinguish.

Needs matplotlib, which comes with ``pip install 'gibbous[plot]'``.
"""

from __future__ import annotations

from .fit import plot_criterion, plot_history, plot_selection
from .gmm import (
    plot_components,
    plot_density,
    plot_half_and_half,
    plot_pairs,
    plot_uncertainty,
)
from .kmeans import (
    fit_figure,
    plot_cluster_sizes,
    plot_clusters,
    plot_regions,
    plot_silhouette,
)
from .lda import (
    plot_document,
    plot_document_topics,
    plot_topic_map,
    plot_topic_similarity,
    plot_topic_words,
    plot_topics,
    plot_topics_over_time,
    plot_word_cloud,
    topics_figure,
)
from .plane import View
from .rbm import (
    plot_chains,
    plot_filters,
    plot_free_energy_gap,
    plot_hidden,
    plot_reconstructions,
    plot_rows,
    plot_samples,
    rbm_figure,
)
from .style import (
    MAX_POINTS,
    PALETTE,
    SUFFIXES,
    colors,
    ink,
    new_figure,
    paper,
    require,
    rgb,
    save_figure,
    tidy,
)

#: The British spelling of a module name, for code written for earlier versions.
colours = colors

__all__ = [
    "MAX_POINTS",
    "PALETTE",
    "SUFFIXES",
    "View",
    "colors",
    "colours",
    "fit_figure",
    "ink",
    "new_figure",
    "paper",
    "plot_chains",
    "plot_cluster_sizes",
    "plot_clusters",
    "plot_components",
    "plot_criterion",
    "plot_density",
    "plot_document",
    "plot_document_topics",
    "plot_filters",
    "plot_free_energy_gap",
    "plot_half_and_half",
    "plot_hidden",
    "plot_history",
    "plot_pairs",
    "plot_reconstructions",
    "plot_regions",
    "plot_rows",
    "plot_samples",
    "plot_selection",
    "plot_silhouette",
    "plot_topic_map",
    "plot_topic_similarity",
    "plot_topic_words",
    "plot_topics",
    "plot_topics_over_time",
    "plot_uncertainty",
    "plot_word_cloud",
    "rbm_figure",
    "require",
    "rgb",
    "save_figure",
    "tidy",
    "topics_figure",
]
