"""One module an implementation.

An adapter defines

- ``NAME``, as printed, ``REQUIRES``, the modules it imports, and ``DISTRIBUTIONS``, whose
  versions the report names;
- ``refuses(case)``: why the case is out of its reach, or an empty string;
- ``load(case, threads)``: imports what the case needs and limits the threads; memory is counted
  from here on;
- ``fit(case, data, start, n_iter, seed)``: exactly ``n_iter`` iterations from the start (or, for
  k-means++, one draw of centres with that seed); returns the arrays ``weights``, ``means`` and
  ``covariances`` in scikit-learn's shapes, or ``centers``; may add the figure that the library
  itself ``reported``, and ``n_iter``, the iterations it says it did;
- ``estimators()``, only where it can stand for ours on small data: the classes of
  mixture and K-means.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

#: Known adapters: ours, then the peers in the order of the report.
KNOWN = ("gibbous", "sklearn", "daal4py", "sklearnex", "faiss")


def find(name: str) -> ModuleType:
    """Return the adapter of that name, or the one in that ``.py`` file.

    Raises
    ------
    ValueError
        If there is no such adapter.
    """
    if name in KNOWN:
        return importlib.import_module(f"{__name__}.{name}")
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        raise ValueError(
            f"no adapter {name!r}; known are {', '.join(KNOWN)}, or give the path of a .py file"
        )
    spec = importlib.util.spec_from_file_location(f"bench_adapter_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{name}: not importable as an adapter")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def missing(adapter: ModuleType) -> str:
    """Say which required module is not installed, or return an empty string."""
    absent = [name for name in adapter.REQUIRES if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed" if absent else ""
