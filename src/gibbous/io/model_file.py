"""Models to files and back, without pickle.

A model file is a safetensors file: the arrays of the model, and a JSON text with everything else
under ``gibbous`` in the metadata. Reading a file never runs code: the class comes from a fixed
table, arrays are checked against the shapes and dtypes of that class, and a SHA-256 over every byte
of the file detects damage.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import safetensors

from .._ground.files import replacing
from .decode import decode
from .encode import encode
from .header import AGAIN


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file.

    The file is written under a temporary name in the same folder, flushed to disk and then renamed,
    so that a crash or a full disk leaves the previous file unchanged. So does a model that
    :func:`load` would refuse.

    Parameters
    ----------
    model : KMeans, MiniBatchKMeans, GaussianMixture, BayesianGaussianMixture, \
            LatentDirichletAllocation, or any RBM
        A fitted model. Its parameters, fitted attributes and ``history_`` are kept bit by bit. A
        ``random_state`` that is an object becomes None, because its state is not part of the
        model; the key that the fit drew from it is in ``history_.seed``. Attributes that the class
        does not define are not kept.
    path : str or path
        The file; ``.safetensors`` is the usual ending.

    Raises
    ------
    TypeError
        If the class is not one of these, or if a parameter cannot be kept in a file, such as a
        function given as ``init``.
    ValueError
        If the model is not in a state that a fit leaves: a parameter has an invalid value, or
        parameters and fitted attributes do not match, as after ``set_params(n_components=3)`` on a
        model that was fitted with 2.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    OSError
        If the file cannot be written.
    """
    data = encode(model)
    _check_readable(type(model).__name__, data)
    with replacing(path) as file:
        file.write(data)


def _check_readable(name: str, data: bytes) -> None:
    """Read a model like :func:`load`, before its file replaces a valid one."""
    try:
        decode(data)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        # Messages of decode end with advice about a file, which does not exist yet.
        fault = str(error).removesuffix(f"; {AGAIN}")
        raise ValueError(
            f"cannot save: this {name} {fault}; a parameter or attribute was changed after the "
            "fit: change it back, or fit again"
        ) from error


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that :func:`save` wrote.

    Reading never runs code from the file, whoever wrote it.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    KMeans, MiniBatchKMeans, GaussianMixture, BayesianGaussianMixture, \
            LatentDirichletAllocation, or any RBM
        The model as it was saved. Its predictions have the same bits, and ``warm_start`` and
        ``partial_fit`` resume from the saved state.

    Raises
    ------
    ValueError
        If the file is not a model file, is damaged or cut short, or has an unknown format or class.
        The message names the file and the fault.
    OSError
        If the file cannot be read.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a model file")
    try:
        with open(path, "rb") as file:
            start = file.read(9)
            # Other files may be large, and are rejected without reading them.
            data = start + file.read() if start[8:] == b"{" else start
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file") from error
    try:
        return decode(data)
    except (ValueError, safetensors.SafetensorError, RecursionError, MemoryError) as error:
        raise ValueError(f"{path} {error}") from error
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        # The checksum is valid: the file was made by hand, or by another version.
        raise ValueError(
            f"{path} has the wrong layout for a model file ({error!r}); {AGAIN}"
        ) from error
