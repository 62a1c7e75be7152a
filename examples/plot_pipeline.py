"""
Features of a Boltzmann machine in a pipeline
=============================================

A machine learns features of digits without labels; a classifier on these features then needs few
labels. The machine is used in a scikit-learn pipeline like any transformer.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler

from gibbous import BernoulliRBM

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.data))
train, test = order[:1500], order[1500:]

features = make_pipeline(
    MinMaxScaler(),
    Binarizer(threshold=0.45),
    BernoulliRBM(100, n_iter=60, batch_size=50, momentum=0.5, centered=True, random_state=0),
)
features.fit(digits.data[train])  # without labels

# %%
# The more labels, the smaller the advantage of the learned features:

labels = [50, 100, 200, 400, 800, 1500]
scores = {"hidden units": [], "pixels": []}
inputs = {"hidden units": features.transform(digits.data), "pixels": digits.data >= 8}
for n in labels:
    for name, values in inputs.items():
        model = LogisticRegression(max_iter=2000).fit(values[train[:n]], digits.target[train[:n]])
        scores[name].append(model.score(values[test], digits.target[test]))

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, values), marker in zip(scores.items(), "os", strict=True):
    ax.plot(labels, values, marker=marker, label=name)
ax.set(xlabel="labeled digits", ylabel="accuracy", xscale="log")
ax.set_xticks(labels, labels)
ax.minorticks_off()
ax.legend(title="features", frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
