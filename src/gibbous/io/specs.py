"""What a fitted model of each class is made of, for model files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import mixtures
from . import parts as io_parts
from .parts import Part


@dataclass(frozen=True)
class Spec:
    """What a fitted model of one class is made of.

    ``arrays`` gives each array attribute its dimensions: letters stand for a number that is the
    same wherever the letter occurs; ``k`` is the value of the parameter ``k``, ``d`` the number of
    features. Every array is of the model's one float dtype but those in ``dtypes``. ``scalars`` are
    the other attributes with their types; ``tuples`` those that are a tuple of arrays, each with
    its name and dimensions, and that may all be absent; ``parts`` those that are made of arrays in
    another way; ``optional`` those of the other kinds that may be absent, of which ``together``
    are all there or none.
    """

    module: str
    k: str
    arrays: Mapping[str, tuple[str, ...]]
    scalars: Mapping[str, type]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    together: frozenset[str] = frozenset()
    parts: Mapping[str, Part] = field(default_factory=dict)
    tuples: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def members(self, key: str) -> list[str]:
        """Return the names that the arrays of a tuple have in a file."""
        return [f"{key}.{name}" for name in self.tuples[key]]

    def shapes(self, params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return the dimensions of every array, for a model with these parameters.

        Raises
        ------
        ValueError
            If its type of covariances is not known.
        """
        shapes = dict(self.arrays)
        for key, members in self.tuples.items():
            shapes |= dict(zip(self.members(key), members.values(), strict=True))
        kind = params.get("covariance_type")
        if kind is not None:
            if kind not in COVARIANCES:
                raise ValueError(f"its covariance_type is {kind!r}, which is not known")
            for name in ("covariances_", "precisions_", "precisions_cholesky_"):
                shapes[name] = COVARIANCES[kind]
        return shapes


COVARIANCES: dict[str, tuple[str, ...]] = {
    "full": ("k", "d", "d"),
    "tied": ("d", "d"),
    "diag": ("k", "d"),
    "spherical": ("k",),
}


def _boltzmann(
    module: str,
    visible: str = "d",
    *,
    dtypes: Mapping[str, str] | None = None,
    scalars: Mapping[str, type] | None = None,
    optional: tuple[str, ...] = (),
    parts: Mapping[str, Part] | None = None,
    **more: tuple[str, ...],
) -> Spec:
    """Return what a Boltzmann machine is made of: ``more`` names arrays beside weights and biases.

    What training goes on from belongs to it: the last step, fast weights, offsets, chains and the
    addresses of random numbers. A machine that only knows partial_fit has no record of a fit.
    ``visible`` is the letter of the visible units, where they are others than the features.
    """
    record = {"n_iter_": int, "validation_scores_": list, "free_energy_gap_": list}
    weights = {"components": ("k", visible), "visible": (visible,), "hidden": ("k",)}
    return Spec(
        module=module,
        k="n_components",
        arrays={
            "components_": ("k", visible),
            "intercept_visible_": (visible,),
            "intercept_hidden_": ("k",),
            "h_samples_": ("chains", "k"),
            "activity_": ("k",),
            **more,
        },
        scalars={
            "_n_features_out": int,
            "_key": int,
            "_n_steps": int,
            "_n_epochs": int,
            "_n_gibbs": int,
            **record,
            **(scalars or {}),
        },
        dtypes=dtypes or {},
        optional=frozenset({"h_samples_", "activity_", "history_", *record, *optional}),
        parts=parts or {},
        tuples={
            "velocity_": weights,
            "fast_": weights,
            "offsets_": {"visible": (visible,), "hidden": ("k",)},
        },
    )


#: The record of a mixture's fit.
_FIT = frozenset({"converged_", "n_iter_", "lower_bounds_", "history_"})

#: The classes that a file can hold, and nothing else can be made by reading one.
SPECS = {
    "KMeans": Spec(
        module="gibbous.kmeans.lloyd",
        k="n_clusters",
        arrays={"cluster_centers_": ("k", "d"), "labels_": ("n",)},
        scalars={"inertia_": float, "n_iter_": int, "_n_features_out": int},
        dtypes={"labels_": "int32"},
    ),
    # What the class keeps between two calls of partial_fit belongs to it, and a model that only
    # knows partial_fit has no record of a fit.
    "MiniBatchKMeans": Spec(
        module="gibbous.kmeans.lloyd",
        k="n_clusters",
        arrays={"cluster_centers_": ("k", "d"), "labels_": ("n",), "_counts": ("k",)},
        scalars={
            "inertia_": float,
            "n_iter_": int,
            "n_steps_": int,
            "_n_features_out": int,
            "_key": int,
            "_batch_size": int,
            "_since_reassignment": int,
        },
        dtypes={"labels_": "int32", "_counts": "float64"},
        optional=frozenset({"labels_", "inertia_", "n_iter_", "history_"}),
    ),
    "GaussianMixture": Spec(
        module="gibbous.gmm.mixture",
        k="n_components",
        arrays={"weights_": ("k",), "means_": ("k", "d")},
        scalars={
            "converged_": bool,
            "n_iter_": int,
            "lower_bound_": float,
            "lower_bounds_": list,
            "n_samples_seen_": float,
            "n_steps_": int,
        },
        # a mixture that only knows partial_fit has no record of a fit, and few have a prior
        optional=_FIT | {"n_samples_seen_", "n_steps_", "prior_", "posterior_", "_running"},
        together=_FIT,
        parts={
            "prior_": mixtures.PRIOR,
            "posterior_": mixtures.POSTERIOR,
            "_running": mixtures.RUNNING,
        },
    ),
    "BayesianGaussianMixture": Spec(
        module="gibbous.gmm.bayesian",
        k="n_components",
        arrays={
            "weights_": ("k",),
            "means_": ("k", "d"),
            "mean_precision_": ("k",),
            "mean_prior_": ("d",),
        },
        scalars={
            "converged_": bool,
            "n_iter_": int,
            "lower_bound_": float,
            "lower_bounds_": list,
            "weight_concentration_prior_": float,
            "mean_precision_prior_": float,
            "degrees_of_freedom_prior_": float,
            "_evidence_constant": float,
        },
        dtypes={"mean_precision_": "float64", "mean_prior_": "float64"},
        parts={
            "weight_concentration_": io_parts.CONCENTRATION,
            "degrees_of_freedom_": io_parts.shaped((), ("k",)),
            "covariance_prior_": io_parts.shaped((), ("d",), ("d", "d")),
        },
    ),
    # The state's counts are what partial_fit goes on from, beside the number of its calls.
    "LatentDirichletAllocation": Spec(
        module="gibbous.lda.model",
        k="n_components",
        arrays={
            "doc_topic_prior_": ("k",),
            "topic_sizes_": ("k",),
            "token_topics_": ("tokens",),
        },
        scalars={
            "topic_word_prior_": float,
            "n_iter_": int,
            "bound_": float,
            "heldout_perplexities_": list,
            "_calls": int,
            "text_options_": dict,
            "topic_labels_": tuple,
        },
        dtypes={
            "doc_topic_prior_": "float64",
            "topic_sizes_": "int64",
            "token_topics_": "uint16",
        },
        optional=frozenset({"token_topics_", "vocabulary_", "text_options_", "topic_labels_"}),
        parts={
            "topics_": io_parts.TOPICS,
            "word_topic_": io_parts.counts("d", "k"),
            "document_topic_": io_parts.counts("n", "k"),
            "vocabulary_": io_parts.WORDS,
        },
    ),
    "BernoulliRBM": _boltzmann("gibbous.rbm.bernoulli"),
    "CategoricalRBM": _boltzmann(
        "gibbous.rbm.categorical", "units", dtypes={"n_categories_": "int64"}, n_categories_=("d",)
    ),
    "GaussianRBM": _boltzmann(
        "gibbous.rbm.gaussian",
        dtypes={"mean_": "float64", "scale_": "float64"},
        optional=("log_variance_velocity_",),
        mean_=("d",),
        scale_=("d",),
        log_variance_=("d",),
        log_variance_velocity_=("d",),
    ),
    "RBMClassifier": _boltzmann(
        "gibbous.rbm.classifier", "units", parts={"classes_": io_parts.LABELS}
    ),
    "ReplicatedSoftmax": _boltzmann(
        "gibbous.rbm.counts",
        scalars={"mean_length_": float},
        optional=("chain_lengths_",),
        chain_lengths_=("lengths",),
    ),
}
