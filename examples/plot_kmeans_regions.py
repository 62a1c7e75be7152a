"""
Regions of K-means
==================

Every point of the plane belongs to the nearest center. The boundaries are straight lines half-way
between two centers, independent of the shape of the clusters.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from gibbous import KMeans
from gibbous.plot import colors, plot_clusters

X = load_iris().data[:, 2:]
km = KMeans(3, random_state=0).fit(X)

x, y = np.meshgrid(np.linspace(0.5, 7.5, 400), np.linspace(-0.3, 2.9, 300))
regions = km.predict(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)

fig, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
ax.contourf(x, y, regions, levels=np.arange(4) - 0.5, colors=colors(3), alpha=0.15)
plot_clusters(km, X, ax, names=["petal length, cm", "petal width, cm"])
plt.show()
