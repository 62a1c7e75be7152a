"""``gibbous demo``: clusters, topics and Boltzmann machines on data that is already installed.

Six chapters: a point half-way between two groups, the colors of a photograph, handwritten digits,
wines, the topics of Python's own documentation, and half digits completed by a Boltzmann machine.
Each prints a table; if matplotlib is installed, each draws a picture as well.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ..gmm.mixture import GaussianMixture
from ..kmeans.lloyd import KMeans

#: The seed of every chapter, so that the plots are those of the documentation.
SEED = 7


@dataclass(frozen=True)
class Halfway:
    """Two mirrored groups, the point half-way between them, and both models."""

    points: NDArray[np.float64]
    kmeans: Any
    mixture: Any

    def line(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points at fractions ``t`` of the line between the centers of the groups."""
        left, right = np.array([-2.0, 0.0]), np.array([2.0, 0.0])
        at: NDArray[np.float64] = left + t[:, None] * (right - left)
        return at


def halfway() -> Halfway:
    """Fit both models to two groups that mirror each other and to the point between them."""
    rng = np.random.Generator(np.random.Philox(SEED))
    group = rng.normal(size=(60, 2)) * [0.75, 0.9] + [-2.0, 0.0]
    group -= group.mean(axis=0) - [-2.0, 0.0]
    # The groups are mirror images: only the model can prefer one side.
    points = np.concatenate([group, -group, [[0.0, 0.0]]])
    # Starts from the centers, so that both models number the groups from the left.
    kmeans = KMeans(2, init=np.array([[-2.0, 0.0], [2.0, 0.0]]), n_init=1).fit(points)
    # A start far from the optimum, so that EM takes many iterations; it is symmetric, too.
    mixture = GaussianMixture(
        2,
        weights_init=[0.5, 0.5],
        means_init=[[-0.5, 1.0], [0.5, -1.0]],
        precisions_init=[np.eye(2), np.eye(2)],
        random_state=SEED,
        tol=1e-12,
        max_iter=1000,
    ).fit(points)
    return Halfway(points, kmeans, mixture)


def story(console: Console) -> Halfway:
    """Print the assignments of points between two groups; return the data of the picture."""
    case = halfway()
    ways = np.array([0.0, 0.25, 0.4, 0.45, 0.5, 0.55, 0.6, 0.75, 1.0])
    line = case.line(ways)
    hard = case.kmeans.predict(line)
    soft = case.mixture.predict_proba(line)
    # The numbering of groups is arbitrary; the table counts from the left.
    hard = np.argsort(np.argsort(case.kmeans.cluster_centers_[:, 0]))[hard]
    soft = soft[:, np.argsort(case.mixture.means_[:, 0])]
    table = _grid(console, "Points on the line between the centers of two groups")
    for name in ("position", "K-means: group", "mixture: left", "right"):
        table.add_column(name, justify="right")
    for way, group, (left, right) in zip(ways, hard, soft, strict=True):
        mid = way == 0.5
        table.add_row(
            f"{way:.0%}",
            ("left", "right")[group],
            f"{left:.1%}",
            f"{right:.1%}",
            style="bold" if mid else None,
        )
    console.print(table)
    history = case.mixture.history_
    console.print(
        "K-means assigns the point half-way to one group.\n"
        f"The responsibilities of the mixture are {soft[4, 0]:.0%} : {soft[4, 1]:.0%}.\n"
        f"EM increased the mean log-likelihood in {history.n_iter} iterations from "
        f"{history.values[0]:.3f} to {history.values[-1]:.3f}."
    )
    return case


@dataclass(frozen=True)
class Photograph:
    """A photograph and its two color quantizations, as arrays of shape (rows, columns, 3)."""

    original: NDArray[np.uint8]
    hard: NDArray[np.uint8]
    soft: NDArray[np.uint8]
    hard_colors: NDArray[Any]
    soft_colors: NDArray[Any]
    hard_shares: NDArray[Any]
    soft_shares: NDArray[Any]


def photograph(console: Console, k: int = 8) -> Photograph | None:
    """Quantize a photograph to ``k`` colors by both models; None if Pillow is missing."""
    from sklearn.datasets import load_sample_image

    try:
        original = load_sample_image("china.jpg")
    except ImportError:
        console.print("The photograph needs Pillow: pip install 'gibbous[plot]'", markup=False)
        return None
    pixels = (original.reshape(-1, 3) / np.float32(255)).astype(np.float32)
    began = time.perf_counter()
    kmeans = KMeans(k, random_state=SEED).fit(pixels)
    between = time.perf_counter()
    mixture = GaussianMixture(k, random_state=SEED, tol=1e-4, reg_covar=1e-5).fit(pixels)
    seconds = (between - began, time.perf_counter() - between)
    hard = kmeans.cluster_centers_[kmeans.predict(pixels)]
    shares = mixture.predict_proba(pixels)
    soft = shares @ mixture.means_
    table = _grid(console, f"{len(pixels):,} pixels of a photograph in {k} colors")
    for name in ("", "seconds", "iterations", "mean color error", "pixels between colors"):
        table.add_column(name, justify="right" if name else "left")
    # Pixels in which no component has a responsibility of at least 90%.
    unsure = float((shares.max(axis=1) < 0.9).mean())
    for name, model, took, image, part in (
        ("K-means", kmeans, seconds[0], hard, 0.0),
        ("mixture", mixture, seconds[1], soft, unsure),
    ):
        error = float(np.sqrt(((image - pixels) ** 2).sum(axis=1)).mean())
        table.add_row(name, f"{took:.2f}", str(model.n_iter_), f"{error:.4f}", f"{part:.1%}")
    console.print(table)
    return Photograph(
        original,
        _as_image(hard, original.shape),
        _as_image(soft, original.shape),
        kmeans.cluster_centers_,
        mixture.means_,
        np.bincount(kmeans.predict(pixels), minlength=k) / len(pixels),
        mixture.weights_,
    )


def _as_image(pixels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8).reshape(shape)
    return image


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, the means of ten components, and the digits between two of them."""

    images: NDArray[Any]
    digits: NDArray[Any]
    centers: NDArray[Any]
    names: tuple[int, ...]
    between: NDArray[Any]
    shares: NDArray[Any]


def digits(console: Console) -> Digits:
    """Cluster 1,797 scans of digits by both models, without their labels."""
    from sklearn.datasets import load_digits

    data, target = load_digits(return_X_y=True)
    kmeans = KMeans(10, n_init=10, random_state=SEED).fit(data)
    # One covariance for all digits: 1,797 scans are too few for ten covariances of 64 pixels.
    mixture = GaussianMixture(
        10,
        covariance_type="tied",
        reg_covar=0.5,
        n_init=3,
        random_state=SEED,
        max_iter=500,
    ).fit(data)
    shares = mixture.predict_proba(data)
    found = {"K-means": kmeans.predict(data), "mixture": shares.argmax(axis=1)}
    table = _grid(
        console,
        f"{len(data):,} handwritten digits in 10 groups, each labeled by its most frequent digit",
    )
    for name in ("", "labeled correctly", "iterations"):
        table.add_column(name, justify="left" if not name else "right")
    for name, model in (("K-means", kmeans), ("mixture", mixture)):
        names = _most_frequent(found[name], target)
        right = float((names[found[name]] == target).mean())
        table.add_row(name, f"{right:.1%}", str(model.n_iter_))
    console.print(table)
    between = np.argsort(shares.max(axis=1))[:10]
    names = _most_frequent(found["mixture"], target)
    return Digits(
        data.reshape(-1, 8, 8)[between],
        target[between],
        mixture.means_.reshape(-1, 8, 8),
        tuple(int(name) for name in names),
        between,
        shares[between],
    )


def _most_frequent(groups: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    """Return, for each group, the target that most of its members have."""
    return np.array([np.bincount(target[groups == g], minlength=10).argmax() for g in range(10)])


@dataclass(frozen=True)
class Wines:
    """178 wines with 13 measurements, scaled to variance one, and the selected mixture."""

    data: NDArray[np.float64]
    target: NDArray[Any]
    mixture: Any
    bic: dict[str, list[float]]


def wines(console: Console) -> Wines:
    """Select a mixture for 178 wines by the Bayesian information criterion."""
    from sklearn.datasets import load_wine

    data, target = load_wine(return_X_y=True)
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    kinds, numbers = ("full", "tied", "diag", "spherical"), range(1, 7)
    models = {
        (kind, k): GaussianMixture(
            k, covariance_type=kind, n_init=5, reg_covar=1e-3, random_state=SEED, max_iter=500
        ).fit(data)
        for kind in kinds
        for k in numbers
    }
    bic = {key: float(model.bic(data)) for key, model in models.items()}
    best = min(bic, key=lambda key: bic[key])
    table = _grid(console, "178 wines, 13 measurements: BIC of mixtures (lower is better)")
    table.add_column("covariances")
    for k in numbers:
        table.add_column(f"{k}", justify="right")
    for kind in kinds:
        table.add_row(
            kind,
            *(
                f"[bold]{bic[kind, k]:,.0f}[/bold]" if (kind, k) == best else f"{bic[kind, k]:,.0f}"
                for k in numbers
            ),
        )
    console.print(table)
    chosen = models[best]
    _wine_table(console, chosen.predict(data), target)
    return Wines(data, target, chosen, {kind: [bic[kind, k] for k in numbers] for kind in kinds})


def _wine_table(console: Console, groups: NDArray[Any], target: NDArray[Any]) -> None:
    table = _grid(console, "Components and cultivars, which were not used in the fit")
    for name in ("component", "cultivar 1", "cultivar 2", "cultivar 3"):
        table.add_column(name, justify="right")
    for g in range(int(groups.max()) + 1):
        table.add_row(str(g), *map(str, np.bincount(target[groups == g], minlength=3)))
    console.print(table)


def _grid(console: Console, title: str) -> Table:
    # Not as the title of the table, which would be wrapped to its width.
    console.print(title, markup=False)
    return Table()
