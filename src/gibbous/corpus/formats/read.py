"""The choice of the reader of a file, and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..columns import words
from ..disk import is_stored
from ..records import Record, count_records
from ..source import Source
from ..text import TermCounter, text_options
from .fields import Fields
from .files import PathLike, read_words, without_gz
from .folder import folder
from .jsonl import jsonl
from .ldac import ldac
from .lines import lines, mallet
from .matrix_market import matrix_market
from .npz import npz
from .numbers import Vocabulary
from .parquet import parquet
from .table import table
from .uci import uci

_COUNTS: dict[str, Callable[..., Source]] = {
    "uci": uci,
    "mtx": matrix_market,
    "ldac": ldac,
    "npz": npz,
}
_FIELDS = ("text", "id", "date", "label")
#: Options of the readers of texts, in addition to those of the text itself.
_TEXTS: dict[str, tuple[str, ...]] = {
    "mallet": (),
    "lines": (),
    "jsonl": _FIELDS,
    "csv": (*_FIELDS, "header"),
    "tsv": (*_FIELDS, "header"),
    "parquet": _FIELDS,
    "folder": ("glob",),
}
#: All formats that are read.
FORMATS = ("gibbous", *_COUNTS, *_TEXTS)

_ENDINGS = {
    ".mtx": "mtx",
    ".mm": "mtx",
    ".ldac": "ldac",
    ".lda-c": "ldac",
    ".npz": "npz",
    ".mallet": "mallet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}


def format_of(path: PathLike) -> str:
    """Return the format of a file by its name, or by its first bytes for a corpus file.

    Raises
    ------
    ValueError
        If the name does not determine it.
    OSError
        If there is no such file.
    """
    if Path(path).is_dir():
        return "folder"
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file")
    if is_stored(path):
        return "gibbous"
    name = without_gz(path).lower()
    if name.startswith("docword."):
        return "uci"
    found = _ENDINGS.get(Path(name).suffix)
    if found is None:
        raise ValueError(
            f"{path}: the format is not clear from the name; give format=, one of "
            + ", ".join(FORMATS)
        )
    return found


def open_source(path: PathLike, format: str | None, options: dict[str, Any]) -> Source:
    """Return the documents of a file or folder.

    Raises
    ------
    ValueError
        If the format is unknown, or the file has another format.
    TypeError
        If the format has no such option.
    """
    kind = format_of(path) if format is None else format
    if kind not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, or None; got {format!r}")
    if kind == "gibbous":
        _refuse(kind, options, ())
        return Source(stored=True)
    options = dict(options)
    vocabulary = options.pop("vocabulary", None)
    if kind in _COUNTS:
        _refuse(kind, options, ("vocabulary",))
        return _COUNTS[kind](path, _finder(path, kind, vocabulary))
    own = {name: options.pop(name) for name in _TEXTS[kind] if name in options}
    counter = TermCounter(text_options(options), _given(vocabulary))
    return Source(count_records(counter, _records(path, kind, own)), counter=counter)


def texts_of(path: PathLike, format: str, **layout: Any) -> Iterator[Any] | None:
    """Return the texts of a file or folder, in the order of the documents in a corpus.

    Parameters
    ----------
    path : str or path
    format : str
    **layout
        Options of the format that locate texts: ``text``, ``header``, ``glob`` and so on.

    Returns
    -------
    iterator of str or of lists of tokens, or None
        None if the format holds counts of words instead of texts.
    """
    if format not in _TEXTS:
        return None
    own = {name: value for name, value in layout.items() if name in _TEXTS[format]}
    return (record[0] for record in _records(path, format, own))


def _refuse(kind: str, options: dict[str, Any], known: tuple[str, ...]) -> None:
    if options:
        takes = f"only {', '.join(known)}" if known else "none"
        raise TypeError(f"format {kind} has no option {next(iter(options))!r}; it takes {takes}")


def _records(path: PathLike, kind: str, own: dict[str, Any]) -> Iterator[Record]:
    if kind == "folder":
        return folder(path, **own)
    if kind == "lines":
        return lines(path)
    if kind == "mallet":
        return mallet(path)
    header = bool(own.pop("header", True))
    fields = Fields(**own)
    if kind == "jsonl":
        return jsonl(path, fields)
    if kind == "parquet":
        return parquet(path, fields)
    return table(path, "\t" if kind == "tsv" else None, header, fields)


# --- words of counts -------------------------------------------------------------------------


def _given(vocabulary: Any) -> tuple[str, ...] | None:
    if vocabulary is None or vocabulary is False:
        return None
    if isinstance(vocabulary, (str, Path)):
        return read_words(vocabulary)
    return words(vocabulary)


def _finder(path: PathLike, kind: str, vocabulary: Any) -> Vocabulary:
    """Return a function that finds the words of a file of counts, given or in a file."""

    def find(n_words: int, exact: bool) -> tuple[str, ...] | None:
        given = vocabulary
        if given is None:
            given = next((p for p in _beside(path, kind) if p.is_file()), None)
        found = _given(given)
        if found is None or len(found) == n_words or (not exact and len(found) > n_words):
            return found
        where = given if isinstance(given, (str, Path)) else "vocabulary"
        raise ValueError(
            f"{where}: {len(found)} words, but {path} has {n_words}; "
            "give vocabulary=, the right file or words, or False for none"
        )

    return find


def _beside(path: PathLike, kind: str) -> list[Path]:
    file = Path(path)
    name = without_gz(path)
    stem = Path(name).stem
    names = [f"{stem}.vocab.txt", f"{stem}.vocab", f"vocab.{stem}.txt", f"{name}.vocab"]
    if name.lower().startswith("docword."):
        names = ["vocab." + name[len("docword.") :], *names]
    if kind == "ldac":
        names.append("vocab.txt")
    return [file.with_name(n + ending) for n in names for ending in ("", ".gz")]
