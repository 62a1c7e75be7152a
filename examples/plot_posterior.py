"""
From prior to posterior
=======================

A mixture with a prior learns from batches. The posterior of the weights and of the means narrows
around the true values (dotted).
"""

import matplotlib.pyplot as plt
import numpy as np

from gibbous import GaussianMixture, MixturePrior
from gibbous.plot import colors

weights, means = np.array([0.4, 0.6]), np.array([-3.0, 3.0])
rng = np.random.default_rng(0)
prior = MixturePrior(weight_concentration=5, mean=[0], mean_precision=0.1)
gm = GaussianMixture(2, prior=prior, learning_decay=1.0, random_state=0)

seen, posteriors = [], []
for batch in range(1, 13):
    z = rng.choice(2, 30, p=weights)
    gm.partial_fit(rng.normal(means[z], 1.0)[:, None])
    seen.append(30 * batch)
    posteriors.append(gm.posterior_)

order = gm.means_.ravel().argsort()
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for group, component in enumerate(order):
    color = colors(2)[group]
    w = np.array([p.weights_interval()[component] for p in posteriors])
    m = np.array([p.means_interval()[component, 0] for p in posteriors])
    for ax, band, truth in ((left, w, weights[group]), (right, m, means[group])):
        ax.fill_between(seen, *band.T, color=color, alpha=0.25, linewidth=0)
        ax.plot(seen, band.mean(axis=1), ".-", color=color)
        ax.axhline(truth, color=color, linestyle=":", linewidth=1)
left.set_title("weights: 95% intervals of the posterior")
right.set_title("means: 95% intervals of the posterior")
for ax in (left, right):
    ax.set_xlabel("number of rows")
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
