"""
Features of a Boltzmann machine in a pipeline
=============================================

A machine learns strokes from digits without labels; a classifier then needs few labels. It works
inside scikit-learn's pipelines as any transformer does.
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

strokes = make_pipeline(
    MinMaxScaler(),
    Binarizer(threshold=0.45),
    BernoulliRBM(100, n_iter=60, batch_size=50, momentum=0.5, centered=True, random_state=0),
)
strokes.fit(digits.data[train])  # no labels here

# %%
# The more labels, the less the strokes matter:

labels = [50, 100, 200, 400, 800, 1500]
scores = {"strokes": [], "pixels": []}
features = {"strokes": strokes.transform(digits.data), "pixels": digits.data >= 8}
for n in labels:
    for name, values in features.items():
        model = LogisticRegression(max_iter=2000).fit(values[train[:n]], digits.target[train[:n]])
        scores[name].append(model.score(values[test], digits.target[test]))

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, values), marker in zip(scores.items(), "os", strict=True):
    ax.plot(labels, values, marker=marker, label=name)
ax.set(xlabel="labelled digits", ylabel="share of digits told rightly", xscale="log")
ax.set_xticks(labels, labels)
ax.minorticks_off()
ax.legend(title="classified by", frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
