"""
Hard and soft clustering
========================

K-means assigns every point to exactly one cluster. A mixture gives the probability of each
component, and these plots blend the colors of the components with these probabilities.
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
# The assignment of the point in the middle:

print("K-means:", np.sort(np.eye(2)[km.predict([[0.0, 0.0]])]))
print("mixture:", gm.predict_proba([[0.0, 0.0]]).round(2))

# %%
# Uncertainty of the assignment: points with an uncertain assignment are larger and redder.

from gibbous.plot import plot_uncertainty  # noqa: E402

plot_uncertainty(gm, X)
plt.show()
