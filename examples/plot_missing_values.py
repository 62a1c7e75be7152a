"""
Missing values
==============

Nearly a third of the entries of 178 wines is taken away. The mixture is fitted to what is left, and
tells what is likely in the gaps, with its doubt.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from gibbous import GaussianMixture

wine = load_wine().data
holes = np.where(np.random.default_rng(0).random(wine.shape) < 0.3, np.nan, wine)
gm = GaussianMixture(3, covariance_type="tied", random_state=0).fit(holes)

alcohol, std = gm.predict_missing(holes, targets=0, return_std=True)

# %%
# Alcohol, told from whatever else is known of a wine. Bars are one standard deviation
# to either side.

fig, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ax.errorbar(wine[:, 0], alcohol, std, fmt="o", markersize=3, elinewidth=0.6, alpha=0.6)
ax.axline((13, 13), slope=1, color="0.5", linewidth=1)
ax.set(xlabel="alcohol as measured, %", ylabel="alcohol as the mixture tells it, %")
ax.spines[["top", "right"]].set_visible(False)

# %%
# Where entries of any column were missing, the mixture's guess is nearer than the column's mean:

gaps = np.isnan(holes)
scale = wine.std(axis=0)
guess = (gm.impute(holes) - wine) / scale
mean = (np.nanmean(holes, axis=0) - wine) / scale
print(f"off by {np.sqrt((guess[gaps] ** 2).mean()):.2f} standard deviations of a column")
print(f"means of columns: {np.sqrt((mean[gaps] ** 2).mean()):.2f}")
plt.show()
