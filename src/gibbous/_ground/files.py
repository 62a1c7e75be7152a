"""Files that are replaced as a whole: a reader finds the old file or the new one."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file in the same folder, which replaces ``path`` once it is complete.

    Until then, and if the body raises an error, an existing file is unchanged. Links are followed:
    the file that a link points to is replaced. A path that is not a regular file, such as a pipe,
    is written to directly.

    Raises
    ------
    OSError
        If the file cannot be written; the message names ``path``.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.is_file() else _new_file_mode()
        if target.is_dir():
            raise IsADirectoryError(f"{path} is a folder; give the name of a file")
        if target.exists() and not target.is_file():
            with open(target, "wb") as file:
                yield file
            return
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} cannot be written: there is no folder {target.parent}; make it first"
        ) from error
    except PermissionError as error:
        raise PermissionError(
            f"{path} cannot be written: the folder {target.parent} allows no new files"
        ) from error
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def _new_file_mode() -> int:
    # mkstemp makes files private; other files follow the umask.
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    # The new name is stored with the folder; some file systems cannot sync folders.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def suffix_of(path: str | os.PathLike[str], known: Any, what: str) -> str:
    """Return the suffix of ``path`` in lower case.

    Raises
    ------
    ValueError
        If the suffix is not one of ``known``.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise ValueError(f"{path}: {what} must end in one of {', '.join(known)}; got {suffix!r}")
    return suffix
