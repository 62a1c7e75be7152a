"""
A Boltzmann machine trained on digits
=====================================

A restricted Boltzmann machine with 100 hidden units is trained on 1,500 handwritten digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from gibbous import BernoulliRBM
from gibbous.plot import plot_filters, plot_reconstructions, plot_rows, plot_samples

X = (load_digits().data >= 8).astype(np.uint8)
X = X[np.random.default_rng(0).permutation(len(X))]
train, unseen = X[:1500], X[1500:]

rbm = BernoulliRBM(
    100,
    n_iter=100,
    batch_size=50,
    momentum=0.5,
    centered=True,
    learning_rate_schedule="linear",
    random_state=0,
).fit(train)

# %%
# The weights of each hidden unit:

plot_filters(rbm, plt.subplots(figsize=(5, 5), layout="constrained")[1])

# %%
# Reconstructions of held-out digits:

plot_reconstructions(rbm, unseen, plt.subplots(figsize=(8, 2), layout="constrained")[1])

# %%
# Imputation of the lower half, given the upper half:

torn = unseen[:16].astype(float)
torn[:, 32:] = np.nan
whole = rbm.impute(torn, random_state=0)
ax = plt.subplots(figsize=(8, 2.6), layout="constrained")[1]
plot_rows({"given": np.nan_to_num(torn, nan=0.5), "imputed": whole, "true": unseen[:16]}, ax)

# %%
# Samples from the model:

samples = rbm.sample(100, means=True, random_state=0)
plot_samples(samples, plt.subplots(figsize=(5, 5), layout="constrained")[1])
plt.show()
