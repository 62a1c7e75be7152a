"""The versions, build and processor of this installation."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from .. import _cpu
from .isa import LEVEL, core
from .validate import n_threads

_OPENMP = {
    201511: "4.5",
    201811: "5.0",
    202011: "5.1",
    202111: "5.2",
    202411: "6.0",
}


def show_config(mode: Literal["stdout", "dict"] = "stdout") -> dict[str, Any] | None:
    """Print versions, compiler, instruction set and threads, or return them.

    Parameters
    ----------
    mode : {"stdout", "dict"}, default="stdout"
        Whether to print the configuration or to return it.

    Returns
    -------
    dict or None
        If ``mode="dict"``, the groups ``versions``, ``build``, ``processor`` and ``threads``, each
        a dict of strings, numbers or None.

    Raises
    ------
    ValueError
        If ``mode`` is invalid.

    Examples
    --------
    >>> import gibbous
    >>> sorted(gibbous.show_config(mode="dict"))
    ['build', 'processor', 'threads', 'versions']
    """
    if mode not in ("stdout", "dict"):
        raise ValueError(f"mode must be 'stdout' or 'dict'; got {mode!r}")
    groups = _collect()
    if mode == "dict":
        return groups
    print(_as_text(groups))
    return None


def _collect() -> dict[str, Any]:
    info = core.build_info()
    openmp = int(info["openmp"])
    return {
        "versions": {
            "gibbous": core.__version__,
            "python": platform.python_version(),
            **{
                name: _version(name)
                for name in ("numpy", "scipy", "scikit-learn", "safetensors", "matplotlib")
            },
        },
        "build": {
            "compiler": info["compiler"],
            "instruction set": info["level"],
            "vector width": f"{8 * info['vector_bytes']} bits",
            "vector registers": info["vector_registers"],
            "openmp": _OPENMP.get(openmp, str(openmp)),
        },
        "processor": {
            "machine": platform.machine(),
            "best instruction set": _cpu.level(),
            "in use": LEVEL,
            "GIBBOUS_ISA": os.environ.get("GIBBOUS_ISA") or None,
            "matrix unit (AMX)": "yes" if core.has_matrix_unit() else "no",
            "GIBBOUS_AMX": os.environ.get("GIBBOUS_AMX") or None,
        },
        "threads": {
            "default": n_threads(None),
            "processors for this process": n_threads(-1),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or None,
        },
    }


def _version(name: str) -> str | None:
    # From the metadata, as importing scikit-learn takes most of a second.
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _as_text(groups: dict[str, Any]) -> str:
    missing = {"versions": "not installed"}
    lines = []
    for group, entries in groups.items():
        lines.append(f"{group}:")
        for name, value in entries.items():
            shown = missing.get(group, "not set") if value is None else value
            lines.append(f"  {name:<28}{shown}")
    return "\n".join(lines)
