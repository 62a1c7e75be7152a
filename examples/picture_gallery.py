"""
Pictures of every model
=======================

Each picture is drawn by a function of ``gibbous.plot``, which takes a fitted model and optional
axes, and returns the axes. The colors are the palette of Okabe and Ito; text and background follow
matplotlib's style: ``plt.style.use("dark_background")`` makes all pictures dark.

As a script, it writes the pictures: ``python examples/picture_gallery.py --output pictures``
"""

# %%
# Options: a folder for the pictures, and a file of JSON lines with ``text`` and ``year``, such as
# the State of the Union addresses, for topics over time. By default these texts are generated.

import argparse
import gzip
import json
import sysconfig
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine

from gibbous import BernoulliRBM, Corpus, GaussianMixture, KMeans, LatentDirichletAllocation, plot
from gibbous.demo.texts import docstrings

parser = argparse.ArgumentParser(description="Pictures of every model.")
parser.add_argument("--output", type=Path, help="folder for the pictures")
parser.add_argument("--speeches", type=Path, help="dated texts, as gzipped JSON lines")
options = parser.parse_args()


def keep(name: str, figure: plt.Figure) -> None:
    """Write a picture, if a folder was given."""
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.output / f"{name}.png", dpi=100)
        print(options.output / f"{name}.png")


# %%
# Hard and soft assignment
# ------------------------
# K-means assigns a point between two clusters to one of them. A mixture gives the probability of
# each: colors are blended by the probabilities, and points with an uncertain assignment are larger.

rng = np.random.default_rng(1)
X = np.concatenate([rng.normal([-1.6, 0], 1, (180, 2)), rng.normal([1.6, 0], 1, (180, 2))])
kmeans = KMeans(2, random_state=0).fit(X)
mixture = GaussianMixture(2, random_state=0).fit(X)

figure, pair = plt.subplots(1, 2, figsize=(7.6, 3.6), layout="constrained")
plot.plot_half_and_half(kmeans, mixture, X, pair)
keep("half_and_half", figure)

# %%
# Regions
# -------
# The region of a cluster contains all points that are closer to its center than to the others. With
# two features these are Voronoi cells; with more, a plane section of the cells.

X = np.concatenate([rng.normal(c, 1.0, (70, 2)) for c in rng.uniform(-7, 7, (8, 2))])
ax = plot.plot_regions(KMeans(8, n_init=5, random_state=0).fit(X), X)
keep("kmeans_regions", ax.figure)

# %%
wine = load_wine()
X = (wine.data - wine.data.mean(axis=0)) / wine.data.std(axis=0)
three = KMeans(3, random_state=0).fit(X)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
plot.plot_regions(three, X, left)
plot.plot_silhouette(three, X, right)

# %%
# Pairs of features
# -----------------
# The ellipses of a mixture for each pair of features, with the other features integrated out.

soft = GaussianMixture(3, covariance_type="diag", random_state=0).fit(X)
panels = plot.plot_pairs(soft, X, features=[0, 6, 9], names=wine.feature_names)

# %%
# Words of topics
# ---------------
# Topics of the documentation of Python's standard library, if its sources are installed.

library = Path(sysconfig.get_paths()["stdlib"])
texts = dict(islice(docstrings(library), 6000))
if len(texts) < 100:  # the sources are not installed
    texts = {"moon": "moon tide comet", "bank": "bank rates bonds"}
corpus = Corpus.from_texts(
    texts.values(),
    names=list(texts),
    stop_words="english",
    token_pattern=r"[a-z]{3,}",
    max_df=0.04 if len(texts) > 2 else 1.0,
)
lda = LatentDirichletAllocation(min(16, corpus.n_words), max_iter=100, random_state=7).fit(corpus)
largest = range(min(2, lda.topics_.n_topics))

figure, panels = plt.subplots(
    2, 2, figsize=(7.6, 4.6), width_ratios=[1, 1.9], layout="constrained", squeeze=False
)
for row, topic in zip(panels, largest, strict=False):
    plot.plot_topic_words(lda, topic, row[0], top_n=8)
    plot.plot_word_cloud(lda, topic, row[1], n=22)
keep("topic_words", figure)

# %%
# Similarity of topics, and the topics of a few documents.

ax = plot.plot_topic_map(lda)
ax = plot.plot_topic_similarity(lda)
ax = plot.plot_document_topics(lda, corpus, documents=range(min(8, len(texts))))

# %%
# A document, with each word in the color of its topic.

longest = max(texts.values(), key=len)
ax = plot.plot_document(lda, longest[:600])

# %%
# Topics over time
# ----------------
# For documents with dates. The areas sum to one; ``smooth`` averages over periods, which the axis
# label mentions.


def drawn(n: int = 1500) -> tuple[list[str], list[int]]:
    """Return texts of three themes, one of which declines while another rises."""
    themes = ("sail mast harbor wind", "steam rail coal engine", "wire signal radio wave")
    years = rng.integers(1850, 1950, n)
    rise = (years - 1850) / 100
    shares = np.stack([1.2 - rise, 0.3 + np.sin(np.pi * rise), rise**2 + 0.02], axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    said = [
        " ".join(
            word
            for theme, count in zip(themes, rng.multinomial(12, share), strict=True)
            for word in rng.choice(theme.split(), count)
        )
        for share in shares
    ]
    return said, years.tolist()


if options.speeches is None:
    texts, years = drawn()
    dated = Corpus.from_texts(texts, dates=years)
    over = LatentDirichletAllocation(3, doc_topic_prior=0.3, max_iter=60, random_state=0)
else:
    with gzip.open(options.speeches, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    dated = Corpus.from_texts(
        [record["text"] for record in records],
        dates=[record["year"] for record in records],
        stop_words="english",
        token_pattern=r"[a-z]{3,}",
        min_df=5,
        max_df=0.1,
    )
    over = LatentDirichletAllocation(20, max_iter=150, random_state=0)
shares = over.fit(dated).topics_over_time(dated, by="year")
figure, ax = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
plot.plot_topics_over_time(shares, ax, kind="areas", smooth=9)
keep("topics_over_time", figure)

# %%
# Boltzmann machines
# ------------------
# The weights of hidden units, and Gibbs chains that start from noise.

digits = load_digits().data >= 8
machine = BernoulliRBM(
    64,
    n_iter=60,
    batch_size=50,
    learning_rate_schedule="linear",
    momentum=0.5,
    centered=True,
    random_state=0,
)
machine.fit(digits[:1500], X_val=digits[1500:])
figure, (left, right) = plt.subplots(
    1, 2, figsize=(7.6, 3.7), width_ratios=[1, 1.15], layout="constrained"
)
plot.plot_filters(machine, left)
left.set_title("Filters: positive red, negative blue")
plot.plot_chains(machine, ax=right, n=8, steps=(0, 1, 2, 5, 20, 100, 500), random_state=0)
right.set_title("Gibbs chains from noise")
keep("filters", figure)

# %%
ax = plot.plot_hidden(machine, digits[1500:], sort=True)
ax = plot.plot_free_energy_gap(machine)

# %%
# Convergence
# -----------
# The metric of each model over iterations or over time.

figure, panels = plt.subplots(2, 2, figsize=(7.6, 5.6), layout="constrained")
plot.plot_history(three, panels[0, 0])
plot.plot_history(soft, panels[0, 1], x="seconds")
plot.plot_history(lda, panels[1, 0])
plot.plot_history(machine, panels[1, 1])
keep("history", figure)
