"""One module per implementation and family of models.

An adapter defines

- ``NAME``, as printed, ``REQUIRES``, the modules it imports, and ``DISTRIBUTIONS``, whose
  versions the report names;
- ``refuses(case)``: why the case is out of its reach, or an empty string;
- ``load(case, threads)``: imports what the case needs and limits the threads; memory is counted
  from here on.

For mixtures and K-means:

- ``fit(case, data, start, n_iter, seed)``: exactly ``n_iter`` iterations from the start (or, for
  k-means++, one draw of centers with that seed); returns the arrays ``weights``, ``means`` and
  ``covariances`` in scikit-learn's shapes, or ``centers``; may add the figure that the library
  itself ``reported``, and ``n_iter``, the iterations it says it did;
- ``estimators()``, only if it can replace gibbous on small data: the classes of
  mixture and K-means.

For topics:

- ``start(case, corpus, threads, seed, variant)``: sets up and returns a chain, whose ``sweep(n)``
  passes over the corpus ``n`` times and may return the seconds by its own clock, and whose
  ``state()`` is a ``bench.heldout.State``;
- ``variants(case)``, only if there is more than one: the names of the samplers to run;
- ``PROPOSALS``, where there are such: the variants that sample by proposals (Metropolis and
  Hastings), of which a sweep is not worth one of collapsed Gibbs sampling;
- ``PROCESSES``, true if it works in processes of its own, whose memory then counts too.

For Boltzmann machines:

- ``trainer(case, data, threads, seed, variant)``: sets up on bytes of 0 and 1 and returns an object
  whose ``epochs(n)`` trains for so many epochs from the start and returns the seconds of each, and
  whose ``parameters()`` are weights (hidden, visible), visible and hidden biases;
- ``variants(case)``, as above.

For rows with holes:

- ``fill(variant, rows, seed, quick)``: fills in what is NaN, and says what was chosen;
- ``variants(quick)``: the names of what it offers.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

#: The package of the adapters, one folder per family; they are loaded by name.
_PEERS = f"{__package__.rpartition('.')[0]}.adapters"

#: The implementations of each family of models: ours, then the peers in the order of the report.
#: Each is the module of that name in the family's folder.
FAMILIES: dict[str, tuple[str, ...]] = {
    "rows": ("gibbous", "sklearn", "daal4py", "sklearnex", "faiss"),
    "lda": ("gibbous", "tomotopy", "gensim", "lda", "sklearn", "mallet"),
    "rbm": ("gibbous", "torch", "rbms", "learnergy", "sklearn"),
    "impute": ("gibbous", "sklearn"),
}

#: What an adapter of each family must define.
_ENTRY = {"rows": "fit", "lda": "start", "rbm": "trainer", "impute": "fill"}

#: Peers of any family, in the order of the report.
PEERS = tuple(dict.fromkeys(name for known in FAMILIES.values() for name in known))[1:]


def takes_part(name: str, family: str) -> bool:
    """Whether an implementation supports that family: see ``FAMILIES``."""
    if name in PEERS or name in FAMILIES[family]:
        return name in FAMILIES[family]
    return hasattr(find(name), _ENTRY[family])


def find(name: str, family: str = "rows") -> ModuleType:
    """Return the adapter of that name, or the one in that ``.py`` file.

    Raises
    ------
    ValueError
        If there is no such adapter.
    """
    if name in FAMILIES[family]:
        return importlib.import_module(f"{_PEERS}.{family}.{name}")
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        known = FAMILIES[family]
        raise ValueError(
            f"no adapter {name!r}; known are {', '.join(known)}, or give the path of a .py file"
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
    absent = [name for name in adapter.REQUIRES if not _installed(name)]
    return f"{', '.join(absent)} not installed" if absent else ""


def _installed(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        # the package is not installed
        return False
    # a folder with that name on the path, such as one of tests, is a namespace package
    return spec is not None and spec.origin is not None
