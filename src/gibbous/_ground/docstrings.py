"""Docstrings of methods that delegate to a documented function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_NOT_FITTED = ["NotFittedError", "    If the model has not been fitted."]


def documented_by(source: Callable[..., Any], returns: str | None = None) -> Callable[[F], F]:
    """Give a method of an estimator the docstring of the function that it delegates to.

    The entry of the function's first parameter, which the method fills in, is left out, and the
    error of a model that is not fitted is added.

    Parameters
    ----------
    source : callable
        A function with a docstring in numpydoc's form.
    returns : str, optional
        What the method returns, if it is not what the function returns.
    """

    def decorate(method: F) -> F:
        method.__doc__ = _of_method(source, returns)
        return method

    return decorate


def _of_method(source: Callable[..., Any], returns: str | None) -> str:
    lines = (inspect.getdoc(source) or "").splitlines()
    first = next(iter(inspect.signature(source).parameters))
    entry = next(at for at, line in enumerate(lines) if line.startswith(f"{first} : "))
    end = entry + 1
    while end < len(lines) and lines[end].startswith("    "):
        end += 1
    del lines[entry:end]
    if entry == len(lines) or not lines[entry].strip():  # it was the only parameter
        del lines[entry - 2 : entry + 1]
    if returns is not None:
        at = lines.index("Returns") + 2
        lines[at : lines.index("", at)] = returns.splitlines()
    if "Raises" in lines:
        at = lines.index("Raises") + 2
        lines[at:at] = _NOT_FITTED
    else:
        lines += ["", "Raises", "------", *_NOT_FITTED]
    return "\n".join(lines)
