"""From prior to posterior, batch by batch.

A mixture learns from batches of points from three clusters. Its prior has three components with
equal weights, means near the origin, and the widths below. After some batches the posterior is
printed, and at the end it is drawn: the posterior of the weights and of the first coordinate of the
means narrows around the true values.

    python examples/prior_to_posterior.py [--output prior_to_posterior.png] [--batches 12]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gibbous import GaussianMixture, MixturePrior

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[-4.0, 0.0], [0.0, 3.0], [4.0, 0.0]])


def draw(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n points."""
    return MEANS[rng.choice(3, n, p=WEIGHTS)] + rng.standard_normal((n, 2))


def learn(seed: int, batches: int, size: int) -> tuple[GaussianMixture, list]:
    """Fit a mixture to batches; return it with its posterior after each batch."""
    rng = np.random.default_rng(seed)
    prior = MixturePrior(
        weight_concentration=5.0,  # the weight of 4 points of each cluster
        mean=[0.0, 0.0],
        mean_precision=0.1,  # the weight of a tenth of a point: nearly flat
        degrees_of_freedom=6.0,
        covariance=9.0,  # variances of about one: 9 / (6 + 2 + 1)
    )
    # with learning_decay=1, all points of all batches have the same weight
    mixture = GaussianMixture(3, prior=prior, learning_decay=1.0, random_state=seed)
    posteriors = []
    for batch in range(batches):
        mixture.partial_fit(draw(rng, size))
        posteriors.append(mixture.posterior_)
        if batch == 0:
            print(f"prior: {mixture.prior_}\n")
        if batch in (0, 1, 3) or batch == batches - 1:
            print(f"batch {batch + 1}, mean log-likelihood {mixture.lower_bound_:.3f}")
            print(mixture.posterior_, end="\n\n")
    return mixture, posteriors


def picture(posteriors: list, size: int, path: Path) -> None:
    """Draw the intervals of weights and means over the number of points."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # the order of components is arbitrary: match them to the clusters by their final means
    order = np.argsort(posteriors[-1].means[:, 0])
    seen = size * np.arange(1, len(posteriors) + 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for group, component in enumerate(order):
        color = f"C{group}"
        weights = np.array([p.weights_interval()[component] for p in posteriors])
        means = np.array([p.means_interval()[component, 0] for p in posteriors])
        for ax, band, truth in ((left, weights, WEIGHTS), (right, means, MEANS[:, 0])):
            ax.fill_between(seen, *band.T, color=color, alpha=0.25, linewidth=0)
            ax.plot(seen, band.mean(axis=1), ".-", color=color)
            ax.axhline(truth[group], color=color, linestyle=":", linewidth=1)
    left.set_title("weights")
    right.set_title("first coordinate of the means")
    for ax in (left, right):
        ax.set_xlabel("number of points")
        ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle("95% intervals of the posterior, their centers, and the true values (dotted)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, default=Path("prior_to_posterior.png"))
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--size", type=int, default=40, help="points per batch")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    _, posteriors = learn(options.seed, options.batches, options.size)
    picture(posteriors, options.size, options.output)
    print(f"picture written to {options.output}")


if __name__ == "__main__":
    main()
