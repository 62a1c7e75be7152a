"""SciPy's sparse matrices in .npz files."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ..matrix import of_matrix
from ..rows import Part
from ..source import Source
from .files import PathLike
from .numbers import Vocabulary


def npz(path: PathLike, find: Vocabulary) -> Source:
    """Read what ``scipy.sparse.save_npz`` wrote.

    Raises
    ------
    ValueError
        If it is something else, is damaged, or does not hold counts.
    """
    import scipy.sparse as sp

    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with open(path, "rb") as file:  # SciPy does not close a damaged file
            rows, n_words, _ = of_matrix(sp.load_npz(file))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    except (KeyError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"{path} is damaged, or not a sparse matrix of SciPy: {error}") from error
    return Source([Part(rows)], vocabulary=lambda most: (n_words, find(n_words, True)))
