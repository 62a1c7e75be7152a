"""The classes that a model file can hold. Reading a file never makes an object of another class."""

from __future__ import annotations

import importlib
from typing import Any

from . import gmm, kmeans, lda, rbm
from .spec import Spec

SPECS: dict[str, Spec] = {**kmeans.SPECS, **gmm.SPECS, **lda.SPECS, **rbm.SPECS}


def class_of(name: str) -> Any:
    """Return the estimator class of this name, as ``gibbous`` offers it."""
    return getattr(importlib.import_module("gibbous"), name)
