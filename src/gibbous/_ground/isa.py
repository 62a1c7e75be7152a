"""Choose the build of the core that this machine can run, once, when it is first needed."""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["LEVEL", "LEVELS", "__version__", "core"]

LEVELS = ("v2", "v3", "v4")

_PACKAGE = __name__.partition(".")[0]


def _is_built(level: str) -> bool:
    try:
        return importlib.util.find_spec(f"{_PACKAGE}._core_{level}") is not None
    except ModuleNotFoundError:
        return False


def _choose() -> tuple[str, ModuleType]:
    """Return the level in use and its core; ``GIBBOUS_ISA`` overrides the choice.

    Raises
    ------
    ImportError
        If ``GIBBOUS_ISA`` is not a level, or if this processor or this installation does not
        support it.
    """
    from .. import _cpu

    best = _cpu.level()
    runs = ("base", *LEVELS[: LEVELS.index(best) + 1]) if best in LEVELS else ("base",)
    wanted = os.environ.get("GIBBOUS_ISA", "").strip().lower()
    if wanted and wanted not in runs:
        known = ", ".join(repr(level) for level in runs)
        raise ImportError(
            f"GIBBOUS_ISA={wanted!r}: this processor runs {known}; "
            "set GIBBOUS_ISA to one of these, or unset it to let gibbous choose"
        )
    for level in (wanted,) if wanted else reversed(runs):
        try:
            return level, importlib.import_module(f"{_PACKAGE}._core_{level}")
        except ModuleNotFoundError:
            continue
    built = [repr(level) for level in ("base", *LEVELS) if _is_built(level)]
    raise ImportError(
        f"this installation of gibbous has no core for {wanted or best!r}; "
        f"it was built for {', '.join(built) or 'no level'}, and this processor runs "
        f"{', '.join(map(repr, runs))}; install a wheel, which holds all levels, or build on this "
        "machine: pip install --force-reinstall --no-deps --no-binary gibbous gibbous"
    )


LEVEL: str
if TYPE_CHECKING:
    from .. import _core as core  # the stub for every level
else:
    LEVEL, core = _choose()

__version__: str = core.__version__
