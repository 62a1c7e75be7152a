"""Latent-variable models at native speed: clusters, mixtures, topics, Boltzmann machines."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._config import show_config
    from ._fit import History, Progress
    from ._isa import __version__
    from .bgmm import BayesianGaussianMixture
    from .convert import from_sklearn, to_sklearn
    from .convert_lda import from_gensim
    from .convert_mallet import read_mallet_state, write_mallet_state
    from .corpus import Corpus
    from .corpus_writer import CorpusWriter
    from .gmm import GaussianMixture
    from .gmm_posterior import MixturePosterior
    from .gmm_prior import MixturePrior
    from .gmm_select import select_mixture
    from .io import load, save
    from .kmeans import KMeans, MiniBatchKMeans, k_means, kmeans_plusplus
    from .lda import LatentDirichletAllocation
    from .rbm import BernoulliRBM
    from .rbm_categorical import CategoricalRBM
    from .rbm_classifier import RBMClassifier
    from .rbm_counts import ReplicatedSoftmax
    from .rbm_gaussian import GaussianRBM

# scikit-learn takes most of a second to import, so a name's module is loaded when it is asked for.
# So is the core: where this processor has none, the command line says so in a line.
_MODULES = {
    "BayesianGaussianMixture": "bgmm",
    "BernoulliRBM": "rbm",
    "CategoricalRBM": "rbm_categorical",
    "Corpus": "corpus",
    "CorpusWriter": "corpus_writer",
    "GaussianMixture": "gmm",
    "GaussianRBM": "rbm_gaussian",
    "History": "_fit",
    "LatentDirichletAllocation": "lda",
    "KMeans": "kmeans",
    "MiniBatchKMeans": "kmeans",
    "MixturePosterior": "gmm_posterior",
    "MixturePrior": "gmm_prior",
    "Progress": "_fit",
    "RBMClassifier": "rbm_classifier",
    "ReplicatedSoftmax": "rbm_counts",
    "__version__": "_isa",
    "from_gensim": "convert_lda",
    "from_sklearn": "convert",
    "k_means": "kmeans",
    "kmeans_plusplus": "kmeans",
    "load": "io",
    "read_mallet_state": "convert_mallet",
    "save": "io",
    "select_mixture": "gmm_select",
    "show_config": "_config",
    "to_sklearn": "convert",
    "write_mallet_state": "convert_mallet",
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
