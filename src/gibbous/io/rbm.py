"""Boltzmann machines in model files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .parts import Arrays, Part, spelled, words_of
from .spec import Spec

# --- labels of a classifier ------------------------------------------------------------------

#: The dtypes of labels, by their number in a file, and how a label is read from its text.
_LABELS: tuple[tuple[Any, Callable[[str], Any]], ...] = (
    (np.str_, str),
    (np.int64, int),
    (np.float64, float.fromhex),
    (np.bool_, lambda text: {"False": False, "True": True}[text]),
    (object, str),
)
_KINDS = {"U": 0, "i": 1, "u": 1, "f": 2, "b": 3, "O": 4}


def _label_arrays(classes: Any) -> dict[str, NDArray[Any]]:
    kind = _KINDS.get(classes.dtype.kind)
    if kind is None or (kind == 4 and not all(isinstance(label, str) for label in classes)):
        raise TypeError("classes_ cannot be kept in a model file: labels must be text or numbers")
    texts = [label.hex() if kind == 2 else str(label) for label in classes.tolist()]
    return {**spelled(texts), "kind": np.array([kind], np.uint8)}


def _labels(arrays: Arrays, sizes: Mapping[str, int]) -> NDArray[Any]:
    n = sizes["units"] - sizes["d"]
    texts = words_of({"ends": arrays["ends"], "text": arrays["text"]}, {"d": n})
    kind = arrays["kind"]
    if len(kind) != 1 or kind[0] >= len(_LABELS):
        raise ValueError("labels of an unknown kind")
    dtype, read = _LABELS[kind[0]]
    try:
        return np.array([read(text) for text in texts], dtype=dtype)
    except (KeyError, OverflowError) as error:
        raise ValueError(f"a label cannot be read: {error}") from error


LABELS = Part(
    {"text": ("uint8",), "ends": ("int64",), "kind": ("uint8",)},
    _label_arrays,
    _labels,
)

# --- machines --------------------------------------------------------------------------------


def _machine(
    visible: str = "d",
    *,
    dtypes: Mapping[str, str] | None = None,
    scalars: Mapping[str, type] | None = None,
    optional: tuple[str, ...] = (),
    parts: Mapping[str, Part] | None = None,
    **more: tuple[str, ...],
) -> Spec:
    """Return the specification of a machine with the arrays ``more`` besides weights and biases.

    A file holds the state that training resumes from: the last step, fast weights, offsets, chains
    and the addresses of random numbers. A machine that was only fitted by ``partial_fit`` has no
    record of a fit. ``visible`` is the letter of the number of visible units, if it differs from
    the number of features.
    """
    record = {"n_iter_": int, "validation_scores_": list, "free_energy_gap_": list}
    weights = {"components": ("k", visible), "visible": (visible,), "hidden": ("k",)}
    return Spec(
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
        inner={
            "_key": ("machine_", "key"),
            "_n_steps": ("machine_", "steps"),
            "_n_epochs": ("machine_", "epochs"),
            "_n_gibbs": ("machine_", "draws"),
        },
    )


SPECS = {
    "BernoulliRBM": _machine(),
    "CategoricalRBM": _machine("units", dtypes={"n_categories_": "int64"}, n_categories_=("d",)),
    "GaussianRBM": _machine(
        dtypes={"mean_": "float64", "scale_": "float64"},
        optional=("log_variance_velocity_",),
        mean_=("d",),
        scale_=("d",),
        log_variance_=("d",),
        log_variance_velocity_=("d",),
    ),
    "RBMClassifier": _machine("units", parts={"classes_": LABELS}),
    "ReplicatedSoftmax": _machine(
        scalars={"mean_length_": float},
        optional=("chain_lengths_",),
        chain_lengths_=("lengths",),
    ),
}
