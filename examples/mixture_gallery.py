"""A gallery of Gaussian mixtures: components, density, uncertainty and model selection.

Pass a folder for the pictures: python examples/mixture_gallery.py gallery
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris, load_wine

from gibbous import GaussianMixture, select_mixture
from gibbous.plot import (
    new_figure,
    plot_components,
    plot_criterion,
    plot_density,
    plot_uncertainty,
    save_figure,
)

NAMES = ("eruption, minutes", "waiting, minutes")


def geyser(n: int = 272, seed: int = 0) -> np.ndarray:
    """Return eruptions like those of Old Faithful: short after a short wait, long after a long."""
    rng = np.random.default_rng(seed)
    short = rng.random(n) < 0.36
    cov = np.where(short[:, None, None], [[0.07, 0.44], [0.44, 33.7]], [[0.17, 0.94], [0.94, 36.0]])
    mean = np.where(short[:, None], [2.04, 54.5], [4.29, 80.0])
    return mean + np.einsum("nij,nj->ni", np.linalg.cholesky(cov), rng.normal(size=(n, 2)))


def main(folder: Path) -> list[Path]:
    """Draw the gallery into a folder and return its files."""
    folder.mkdir(parents=True, exist_ok=True)
    X = geyser()
    model = GaussianMixture(2, random_state=0).fit(X)
    iris = load_iris().data[:, 2:]
    three = GaussianMixture(3, random_state=0).fit(iris)
    petals = ("petal length, cm", "petal width, cm")
    pictures = {
        "components": lambda ax: plot_components(model, X, ax, names=NAMES),
        "density": lambda ax: plot_density(model, X, ax, names=NAMES),
        "uncertainty": lambda ax: plot_uncertainty(three, iris, ax, names=petals),
    }

    wine = load_wine().data
    wine = (wine - wine.mean(axis=0)) / wine.std(axis=0)
    found = select_mixture(wine, range(1, 8), random_state=0, n_init=3, reg_covar=1e-3)
    print(found)
    pictures["criterion"] = lambda ax: plot_criterion(found, ax)

    for name, draw in pictures.items():
        figure = new_figure(5.4, 3.8)
        draw(figure.subplots())
        save_figure(figure, folder / f"{name}.png")
    return [folder / f"{name}.png" for name in pictures]


if __name__ == "__main__":
    for path in main(Path(sys.argv[1] if len(sys.argv) > 1 else "mixture-gallery")):
        print(path)
