"""
Half and half
=============

K-means puts every point into exactly one group. A mixture tells how likely the point belongs to
each, so a point half-way between two groups is 50:50, and here gets a colour half-way between
theirs.
"""

import matplotlib.pyplot as plt
import numpy as np

from gibbous import GaussianMixture, KMeans
from gibbous.plot import plot_clusters

rng = np.random.default_rng(0)
cloud = rng.normal([1.6, 0.8], 1, (250, 2))
X = np.concatenate([cloud, -cloud])

km = KMeans(2, random_state=0).fit(X)
gm = GaussianMixture(2, random_state=0).fit(X)

fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
for ax, model, title in zip(axes, (km, gm), ("hard: K-means", "soft: a mixture"), strict=True):
    plot_clusters(model, X, ax)
    ax.set_title(title)

# %%
# What each says of the point in the middle:

print("K-means:", np.sort(np.eye(2)[km.predict([[0.0, 0.0]])]))
print("mixture:", gm.predict_proba([[0.0, 0.0]]).round(2))

# %%
# Where is the doubt? The larger and redder a point, the less sure the mixture is of it.

from gibbous.plot import plot_uncertainty  # noqa: E402

plot_uncertainty(gm, X)
plt.show()
