"""Conversion of fitted models from and to scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._fit.history import History, Trace
from .._ground import random
from .._ground.validate import check_params
from ..io.classes import SPECS

#: Attributes with the same name in both libraries. Those with a star are optional.
_SHARED: dict[str, tuple[str, ...]] = {
    "KMeans": ("cluster_centers_", "labels_", "inertia_", "n_iter_", "_n_features_out"),
    "MiniBatchKMeans": (
        "cluster_centers_",
        "_counts",
        "n_steps_",
        "_n_features_out",
        "labels_*",
        "inertia_*",
        "n_iter_*",
    ),
    "GaussianMixture": (
        "weights_",
        "means_",
        "covariances_",
        "precisions_",
        "precisions_cholesky_",
        "converged_*",
        "n_iter_*",
        "lower_bound_*",
        "lower_bounds_*",
    ),
    "BayesianGaussianMixture": (
        "weights_",
        "means_",
        "covariances_",
        "precisions_",
        "precisions_cholesky_",
        "weight_concentration_",
        "mean_precision_",
        "degrees_of_freedom_",
        "weight_concentration_prior_",
        "mean_precision_prior_",
        "mean_prior_",
        "degrees_of_freedom_prior_",
        "covariance_prior_",
        "converged_",
        "n_iter_",
        "lower_bound_",
        "lower_bounds_*",
    ),
    "BernoulliRBM": (
        "components_",
        "intercept_hidden_",
        "intercept_visible_",
        "_n_features_out",
        "h_samples_*",
    ),
}

#: Parameters that change the predictions of a fitted model and that scikit-learn lacks, with the
#: values that correspond to scikit-learn's models. The other parameters only affect fits.
_MEANING: dict[str, dict[str, Any]] = {
    "BernoulliRBM": {
        "hidden_units": "binary",
        "binarize": None,
        "data_max": 1.0,
    },
}

#: Names of the metric of a fit, which is ``lower_bounds_`` in scikit-learn.
_METRIC = {"GaussianMixture": "mean log-likelihood", "BayesianGaussianMixture": "lower bound"}


def from_sklearn(estimator: Any) -> Any:
    """Convert a fitted model of scikit-learn, with its parameters and fitted attributes.

    Predictions, scores and transformed data are the same as in scikit-learn, up to rounding. The
    model can be saved, drawn, and fitted further if both libraries support it (``partial_fit``,
    ``warm_start``), and has all methods of gibbous. Nothing is fitted, and arrays are copied.

    Parameters
    ----------
    estimator : KMeans, MiniBatchKMeans, GaussianMixture, BayesianGaussianMixture, BernoulliRBM or \
LatentDirichletAllocation of scikit-learn
        A fitted model. scikit-learn's LatentDirichletAllocation is variational: the distributions
        of topics over words are the normalized rows of ``components_``, and the word-topic counts
        are the rounded expected counts. Topic shares of documents are inferred by the method of
        gibbous and so differ from scikit-learn's ``transform``.

    Returns
    -------
    A model of the class of the same name in gibbous.

    Raises
    ------
    TypeError
        If the class has no counterpart.
    NotFittedError
        If the model has not been fitted.
    ValueError
        If the model was fitted in a way that has no counterpart.

    Examples
    --------
    >>> import numpy as np
    >>> import sklearn.mixture
    >>> import gibbous
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> theirs = sklearn.mixture.GaussianMixture(2, random_state=0).fit(X)
    >>> ours = gibbous.from_sklearn(theirs)
    >>> bool(np.allclose(ours.score_samples(X), theirs.score_samples(X)))
    True
    """
    from sklearn.utils.validation import check_is_fitted

    name = type(estimator).__name__
    if type(estimator) is not _theirs().get(name):
        raise TypeError(
            f"from_sklearn takes a fitted {', '.join(_theirs())} of scikit-learn itself; "
            f"got {_full_name(estimator)}"
        )
    check_is_fitted(estimator)
    if name == "LatentDirichletAllocation":
        from .gensim import of_variational

        return of_variational(estimator)
    model = _ours(name)(**_parameters(estimator, _ours(name)))
    _copy(estimator, model)
    _settle_dtypes(model)
    _FINISH[name](estimator, model)
    return model


def to_sklearn(estimator: Any) -> Any:
    """Convert a fitted model to scikit-learn, with its parameters and fitted attributes.

    Attributes and parameters that scikit-learn's class does not have are dropped: the history of
    the fit, ``n_jobs``, the ``prior`` of a mixture (the fitted parameters are kept), and options
    of a fit. A parameter whose value scikit-learn's class does not accept, such as a Generator as
    ``random_state``, gets its default.

    Parameters
    ----------
    estimator : KMeans, MiniBatchKMeans, GaussianMixture, BayesianGaussianMixture or BernoulliRBM
        A fitted model.

    Returns
    -------
    A model of the class of the same name in scikit-learn.

    Raises
    ------
    TypeError
        If scikit-learn has no counterpart: for topic models by Gibbs sampling, whose ``transform``
        differs from that of scikit-learn, and for Boltzmann machines with other units.
    NotFittedError
        If the model has not been fitted.
    ValueError
        If a parameter changes predictions in a way that has no counterpart in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> import gibbous
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> ours = gibbous.KMeans(2, random_state=0).fit(X)
    >>> bool((gibbous.to_sklearn(ours).predict(X) == ours.predict(X)).all())
    True
    """
    from sklearn.utils.validation import check_is_fitted

    name = type(estimator).__name__
    if name not in _SHARED or type(estimator) is not _ours(name):
        raise TypeError(
            f"to_sklearn takes a fitted {', '.join(_SHARED)} of gibbous itself; "
            f"got {_full_name(estimator)}, which has no counterpart in scikit-learn"
        )
    check_is_fitted(estimator)
    for key, meant in _MEANING.get(name, {}).items():
        if getattr(estimator, key) != meant:
            raise ValueError(
                f"{key}={getattr(estimator, key)!r} has no counterpart in scikit-learn's {name}, "
                f"which corresponds to {key}={meant!r}"
            )
    model = _theirs()[name](**_parameters(estimator, _theirs()[name]))
    _copy(estimator, model)
    if name in ("KMeans", "MiniBatchKMeans"):
        # set by scikit-learn's fit and used by its predict
        model._n_threads = 1
        model._n_init = 1
    if name == "MiniBatchKMeans":
        state = SPECS[name].values(estimator)
        model._n_since_last_reassign = state["_since_reassignment"]
        model._batch_size = state["_batch_size"]
        model._counts = model._counts.astype(model.cluster_centers_.dtype)
    if name == "BernoulliRBM" and not _has_chains_of(estimator):
        model.__dict__.pop("h_samples_", None)
    return model


def _has_chains_of(machine: Any) -> bool:
    """Return whether the machine has the chains that scikit-learn's training expects."""
    chains = getattr(machine, "h_samples_", ())
    return bool(machine.method == "pcd" and len(chains) == machine.batch_size)


# --- both directions -------------------------------------------------------------------------


def _theirs() -> dict[str, Any]:
    import sklearn.cluster
    import sklearn.decomposition
    import sklearn.mixture
    import sklearn.neural_network

    classes = (
        sklearn.cluster.KMeans,
        sklearn.cluster.MiniBatchKMeans,
        sklearn.mixture.GaussianMixture,
        sklearn.mixture.BayesianGaussianMixture,
        sklearn.neural_network.BernoulliRBM,
        sklearn.decomposition.LatentDirichletAllocation,
    )
    return {cls.__name__: cls for cls in classes}


def _ours(name: str) -> Any:
    from ..gmm.bayesian import BayesianGaussianMixture
    from ..gmm.mixture import GaussianMixture
    from ..kmeans.lloyd import KMeans
    from ..kmeans.minibatch import MiniBatchKMeans
    from ..rbm.bernoulli import BernoulliRBM

    classes = (KMeans, MiniBatchKMeans, GaussianMixture, BayesianGaussianMixture, BernoulliRBM)
    return {cls.__name__: cls for cls in classes}[name]


def _full_name(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _parameters(estimator: Any, wanted: Any) -> dict[str, Any]:
    """Return the parameters that both classes have and whose value the other one accepts."""
    given = estimator.get_params(deep=False)
    known = wanted().get_params(deep=False)
    return {
        key: value for key, value in given.items() if key in known and _takes(wanted, key, value)
    }


def _takes(cls: Any, key: str, value: Any) -> bool:
    try:
        check_params(cls(**{key: value}))
    except (ValueError, TypeError):
        return False
    return True


def _copy(source: Any, target: Any) -> None:
    for key in (*_SHARED[type(source).__name__], "n_features_in_", "feature_names_in_*"):
        name = key.removesuffix("*")
        if hasattr(source, name):
            setattr(target, name, _own(getattr(source, name)))
        elif name == key:
            raise ValueError(f"{_full_name(source)} lacks {name}; fit it again")


def _own(value: Any) -> Any:
    """Return a copy that shares no memory, with NumPy scalars as Python numbers."""
    if isinstance(value, np.ndarray) and value.ndim:
        return np.array(value, order="C")
    if isinstance(value, (np.generic, np.ndarray)):
        return value.item()
    if isinstance(value, (list, tuple)):
        return type(value)(_own(item) for item in value)
    return value


def _settle_dtypes(model: Any) -> None:
    """Convert the arrays of a model to the dtypes that they have after a fit in gibbous.

    In scikit-learn, more attributes of mixtures and the counts of rows have the dtype of the data.
    """
    spec = SPECS[type(model).__name__]
    shapes = spec.shapes(model.get_params(deep=False))
    main = _SHARED[type(model).__name__][1 if hasattr(model, "means_") else 0]
    dtype = getattr(model, main).dtype
    for key in [key for key in (*shapes, *spec.parts) if hasattr(model, key)]:
        value = getattr(model, key)
        if key in shapes:
            setattr(model, key, np.asarray(value, spec.dtypes.get(key, dtype)))
        elif key in spec.parts and isinstance(value, np.ndarray):
            setattr(model, key, value.astype(np.float64))
        elif key in spec.parts and isinstance(value, tuple):
            setattr(model, key, tuple(part.astype(np.float64) for part in value))


# --- attributes that only gibbous has ---------------------------------------------------------


def _history(model: Any, metric: str, values: Any, converged: bool) -> History:
    """Return the history of a fit by scikit-learn: the metric, without seconds."""
    values = tuple(map(float, values))
    trace = Trace(
        values,
        (math.nan,) * len(values),
        "converged" if converged else "max_iter",
        (f"fitted by scikit-learn in {model.n_iter_} iterations; seconds were not measured",),
    )
    return History.of(type(model).__name__, metric, [trace], 0, seed=None, n_threads=1)


def _finish_kmeans(theirs: Any, model: Any) -> None:
    done = model.n_iter_ < model.max_iter
    model.history_ = _history(model, "inertia", [model.inertia_], done)


def _finish_minibatch(theirs: Any, model: Any) -> None:
    state = {
        "_key": random.key_of(theirs.random_state),
        "_batch_size": int(getattr(theirs, "_batch_size", theirs.batch_size)),
        "_since_reassignment": int(getattr(theirs, "_n_since_last_reassign", 0)),
    }
    SPECS["MiniBatchKMeans"].assign(model, state)
    if hasattr(model, "inertia_"):
        model.history_ = _history(model, "inertia", [model.inertia_], True)


def _finish_mixture(theirs: Any, model: Any) -> None:
    name = type(model).__name__
    # with tied covariances scikit-learn's bounds are arrays of one number
    model.lower_bound_ = float(np.ravel(model.lower_bound_)[0])
    bounds = getattr(model, "lower_bounds_", [model.lower_bound_])  # new in scikit-learn 1.7
    model.lower_bounds_ = [float(np.ravel(bound)[0]) for bound in bounds]
    model.history_ = _history(model, _METRIC[name], model.lower_bounds_, model.converged_)
    if name == "BayesianGaussianMixture":
        _finish_posterior(model)


def _finish_posterior(model: Any) -> None:
    from ..gmm.em.variational_update import evidence_constant
    from ..gmm.variational_prior import Prior

    model.degrees_of_freedom_prior_ = float(model.degrees_of_freedom_prior_)
    prior = Prior(
        process=model.weight_concentration_prior_type == "dirichlet_process",
        concentration=model.weight_concentration_prior_,
        mean_precision=model.mean_precision_prior_,
        mean=np.asarray(model.mean_prior_, np.float64),
        degrees_of_freedom=model.degrees_of_freedom_prior_,
        covariance=model.covariance_prior_,
        covariance_given=model.covariance_prior is not None,
    )
    rows = float((model.mean_precision_ - model.mean_precision_prior_).sum())
    constant = evidence_constant(prior, model.covariance_type, len(model.means_), rows)
    SPECS["BayesianGaussianMixture"].assign(model, {"_evidence_constant": constant})


def _finish_machine(theirs: Any, model: Any) -> None:
    model.dtype = str(model.components_.dtype)
    model.machine_.key = random.key_of(theirs.random_state)


_FINISH: dict[str, Callable[[Any, Any], None]] = {
    "KMeans": _finish_kmeans,
    "MiniBatchKMeans": _finish_minibatch,
    "GaussianMixture": _finish_mixture,
    "BayesianGaussianMixture": _finish_mixture,
    "BernoulliRBM": _finish_machine,
}
