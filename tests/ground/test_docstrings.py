"""Docstrings of methods that delegate to functions: adapted to the parameters of the method."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from gibbous import LatentDirichletAllocation
from gibbous._ground.docstrings import documented_by
from gibbous.lda.describe import documents, edit, inference, labels, over_time, topics


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


def test_function_without_further_parameters_and_errors() -> None:
    @documented_by(plain)
    def method(self: Any) -> None: ...

    assert method.__doc__ == (
        "Do nothing.\n\nReturns\n-------\nNone\n\nRaises\n------\nNotFittedError\n"
        "    If the model has not been fitted."
    )


FUNCTIONS = {
    name: function
    for module in (documents, edit, inference, labels, over_time, topics)
    for name, function in vars(module).items()
    if inspect.isfunction(function)
    and function.__module__ == module.__name__
    and next(iter(inspect.signature(function).parameters)) == "fitted"
    and not name.startswith("_")
    and hasattr(LatentDirichletAllocation, name)
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_methods_of_topics_have_the_parameters_of_their_functions(name: str) -> None:
    method = getattr(LatentDirichletAllocation, name)
    own = [p.replace(annotation=p.empty) for p in parameters(method)]
    theirs = [p.replace(annotation=p.empty) for p in parameters(FUNCTIONS[name])]
    assert [p for p in own if p.name != "y"] == theirs
    assert "NotFittedError" in method.__doc__ and "fitted : " not in method.__doc__


def parameters(function: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())[1:]


def test_all_descriptions_are_compared() -> None:
    assert len(FUNCTIONS) == 21
