"""Docstrings of methods that delegate: those of the functions, as a caller of the method needs."""

from __future__ import annotations

from typing import Any

from gibbous import LatentDirichletAllocation
from gibbous._ground.docstrings import documented_by


def area(shape: Any, unit: str) -> float:
    """Return the area of a shape.

    Parameters
    ----------
    shape : Shape
        Has a width
        and a height.
    unit : str
        Of length.

    Returns
    -------
    Number

    Raises
    ------
    ValueError
        If the unit is unknown.
    """
    return 0.0


def plain(shape: Any) -> None:
    """Do nothing.

    Parameters
    ----------
    shape : Shape

    Returns
    -------
    None
    """


def test_the_first_parameter_is_left_out_and_the_error_added() -> None:
    @documented_by(area, returns="float\n    In square units.")
    def method(self: Any, unit: str) -> float:
        return 0.0

    assert method.__doc__ == (
        "Return the area of a shape.\n\nParameters\n----------\nunit : str\n    Of length.\n\n"
        "Returns\n-------\nfloat\n    In square units.\n\nRaises\n------\nNotFittedError\n"
        "    If the model has not been fitted.\nValueError\n    If the unit is unknown."
    )
    assert method.__name__ == "method"


def test_no_parameter_is_left_and_no_error_is_there() -> None:
    @documented_by(plain)
    def method(self: Any) -> None: ...

    assert method.__doc__ == (
        "Do nothing.\n\nReturns\n-------\nNone\n\nRaises\n------\nNotFittedError\n"
        "    If the model has not been fitted."
    )


def test_methods_of_topics_have_the_parameters_that_their_docstrings_name() -> None:
    documented = 0
    for name in ("topic_words", "similar_documents", "topics_over_time", "transform", "score"):
        method = getattr(LatentDirichletAllocation, name)
        assert "fitted : " not in method.__doc__ and "NotFittedError" in method.__doc__
        for parameter in method.__code__.co_varnames[1:2]:
            documented += (
                f"\n{parameter} : " in method.__doc__ or f"\n{parameter}, " in method.__doc__
            )
    assert documented >= 4
