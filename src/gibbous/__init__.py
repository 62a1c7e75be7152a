"""Latent-variable models at native speed: clusters, mixtures, topics, Boltzmann machines."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._fit.history import History, Progress
    from ._ground.config import show_config
    from ._ground.isa import __version__
    from .convert.gensim import from_gensim
    from .convert.mallet import read_mallet_state, write_mallet_state
    from .convert.sklearn import from_sklearn, to_sklearn
    from .corpus.corpus import Corpus
    from .corpus.writer import CorpusWriter
    from .gmm.bayesian import BayesianGaussianMixture
    from .gmm.mixture import GaussianMixture
    from .gmm.posterior import MixturePosterior
    from .gmm.prior import MixturePrior
    from .gmm.select import select_mixture
    from .io.model_file import load, save
    from .kmeans.functions import k_means, kmeans_plusplus
    from .kmeans.lloyd import KMeans
    from .kmeans.minibatch import MiniBatchKMeans
    from .lda.model import LatentDirichletAllocation
    from .rbm.bernoulli import BernoulliRBM
    from .rbm.categorical import CategoricalRBM
    from .rbm.classifier import RBMClassifier
    from .rbm.counts import ReplicatedSoftmax
    from .rbm.gaussian import GaussianRBM

# Importing scikit-learn takes most of a second, so that modules are loaded on first use of their
# names. So is the core: if this processor has none, the command line reports it in one line.
_MODULES = {
    "BayesianGaussianMixture": "gmm.bayesian",
    "BernoulliRBM": "rbm.bernoulli",
    "CategoricalRBM": "rbm.categorical",
    "Corpus": "corpus.corpus",
    "CorpusWriter": "corpus.writer",
    "GaussianMixture": "gmm.mixture",
    "GaussianRBM": "rbm.gaussian",
    "History": "_fit.history",
    "LatentDirichletAllocation": "lda.model",
    "KMeans": "kmeans.lloyd",
    "MiniBatchKMeans": "kmeans.minibatch",
    "MixturePosterior": "gmm.posterior",
    "MixturePrior": "gmm.prior",
    "Progress": "_fit.history",
    "RBMClassifier": "rbm.classifier",
    "ReplicatedSoftmax": "rbm.counts",
    "__version__": "_ground.isa",
    "from_gensim": "convert.gensim",
    "from_sklearn": "convert.sklearn",
    "k_means": "kmeans.functions",
    "kmeans_plusplus": "kmeans.functions",
    "load": "io.model_file",
    "read_mallet_state": "convert.mallet",
    "save": "io.model_file",
    "select_mixture": "gmm.select",
    "show_config": "_ground.config",
    "to_sklearn": "convert.sklearn",
    "write_mallet_state": "convert.mallet",
}

__all__ = [
    "BayesianGaussianMixture",
    "BernoulliRBM",
    "CategoricalRBM",
    "Corpus",
    "CorpusWriter",
    "GaussianMixture",
    "GaussianRBM",
    "History",
    "KMeans",
    "LatentDirichletAllocation",
    "MiniBatchKMeans",
    "MixturePosterior",
    "MixturePrior",
    "Progress",
    "RBMClassifier",
    "ReplicatedSoftmax",
    "__version__",
    "from_gensim",
    "from_sklearn",
    "k_means",
    "kmeans_plusplus",
    "load",
    "read_mallet_state",
    "save",
    "select_mixture",
    "show_config",
    "to_sklearn",
    "write_mallet_state",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
