"""
Missing values
==============

Nearly a third of the entries of 178 wines is removed. The mixture is fitted to the remaining
entries, and predicts the removed ones with their uncertainty.
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
# Alcohol, predicted from the observed entries of each wine. Error bars are one standard deviation.

fig, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ax.errorbar(wine[:, 0], alcohol, std, fmt="o", markersize=3, elinewidth=0.6, alpha=0.6)
ax.axline((13, 13), slope=1, color="0.5", linewidth=1)
ax.set(xlabel="measured alcohol, %", ylabel="predicted alcohol, %")
ax.spines[["top", "right"]].set_visible(False)

# %%
# The predictions of the mixture for all missing entries have a smaller error than the column means:

gaps = np.isnan(holes)
scale = wine.std(axis=0)
off = (gm.impute(holes) - wine) / scale
mean = (np.nanmean(holes, axis=0) - wine) / scale
print(f"RMSE of the mixture, in standard deviations: {np.sqrt((off[gaps] ** 2).mean()):.2f}")
print(f"RMSE of column means: {np.sqrt((mean[gaps] ** 2).mean()):.2f}")
plt.show()
