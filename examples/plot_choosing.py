"""
Selecting the number and shape of components
============================================

:func:`gibbous.select_mixture` fits every number of components with every covariance type and
compares the fits by criteria that penalize the number of parameters. Lower is better.
"""

import matplotlib.pyplot as plt
import numpy as np

from gibbous import select_mixture
from gibbous.plot import plot_components, plot_criterion

rng = np.random.default_rng(0)
slant = np.linalg.cholesky([[1.0, 0.8], [0.8, 1.0]]).T
X = np.concatenate([rng.normal(size=(150, 2)) @ slant + at for at in ([-3, 0], [0, 3], [3, 0])])

found = select_mixture(X, range(1, 7), random_state=0)
print(found)

# %%
# The minimum is at three components with a common covariance matrix (*tied*).

plot_criterion(found)

# %%

plot_components(found.best_estimator_, X)
plt.show()
