"""What a model file holds of one class: the names, shapes and types of its fitted attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .parts import Part

#: Dimensions of the covariances of each type; files number the types in this order.
COVARIANCES: dict[str, tuple[str, ...]] = {
    "full": ("k", "d", "d"),
    "tied": ("d", "d"),
    "diag": ("k", "d"),
    "spherical": ("k",),
}


@dataclass(frozen=True)
class Spec:
    """The fitted attributes of one class.

    Attributes
    ----------
    k : str
        Name of the parameter that gives the number of groups, the size ``k``.
    arrays : mapping of str to tuple of str
        Dimensions of each array attribute. A letter stands for the same size in all arrays; ``k``
        is the number of groups, ``d`` the number of features.
    scalars : mapping of str to type
        The attributes that are not arrays, with their types.
    dtypes : mapping of str to str
        Dtypes of the arrays that do not have the model's float dtype.
    optional : frozenset of str
        Attributes that may be absent.
    together : frozenset of str
        Optional attributes that are either all present or all absent.
    parts : mapping of str to Part
        Attributes that are objects made of several arrays.
    tuples : mapping of str to mapping
        Attributes that are tuples of arrays, with the name and the dimensions of each array. All
        of them are optional.
    inner : mapping of str to tuple of two str
        Scalars that an object within the model holds, by their names in a file: the attribute
        with the object, and the object's attribute.
    """

    k: str
    arrays: Mapping[str, tuple[str, ...]]
    scalars: Mapping[str, type]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    together: frozenset[str] = frozenset()
    parts: Mapping[str, Part] = field(default_factory=dict)
    tuples: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    inner: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def values(self, model: Any) -> dict[str, Any]:
        """Return the scalars that a model has, by their names in a file."""
        found = {}
        for key in ("n_features_in_", *self.scalars):
            owner, name = self._owner(model, key)
            if hasattr(owner, name):
                found[key] = getattr(owner, name)
        return found

    def assign(self, model: Any, attributes: Mapping[str, Any]) -> None:
        """Set attributes of a model by their names in a file."""
        for key in sorted(attributes, key=lambda key: key in self.inner):  # objects first
            owner, name = self._owner(model, key)
            setattr(owner, name, attributes[key])

    def _owner(self, model: Any, key: str) -> tuple[Any, str]:
        owner, name = self.inner.get(key, ("", key))
        return (getattr(model, owner) if owner else model), name

    def members(self, key: str) -> list[str]:
        """Return the names in a file of the arrays of a tuple."""
        return [f"{key}.{name}" for name in self.tuples[key]]

    def shapes(self, params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return the dimensions of every array of a model with these parameters.

        Raises
        ------
        ValueError
            If the covariance type is unknown.
        """
        shapes = dict(self.arrays)
        for key, members in self.tuples.items():
            shapes |= dict(zip(self.members(key), members.values(), strict=True))
        kind = params.get("covariance_type")
        if kind is not None:
            if kind not in COVARIANCES:
                raise ValueError(f"has covariance_type={kind!r}, which is not a known type")
            for name in ("covariances_", "precisions_", "precisions_cholesky_"):
                shapes[name] = COVARIANCES[kind]
        return shapes
