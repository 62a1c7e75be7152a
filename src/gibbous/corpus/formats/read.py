"""Which reader takes a file, and with which options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..columns import words
from ..disk import is_stored
from ..records import Record, count_records
from ..source import Source
from ..text import TermCounter, text_options
from . import lines, triples
from .files import PathLike, read_words, without_gz

_COUNTS: dict[str, Callable[..., Source]] = {
    "uci": triples.uci,
    "mtx": triples.mtx,
    "ldac": triples.ldac,
    "npz": triples.npz,
}
_FIELDS = ("text", "id", "date", "label")
#: Options of the readers of texts, beside those of the text itself.
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
    """Tell a file's format by its name, and our own by its first bytes.

    Raises
    ------
    ValueError
        If the name tells nothing.
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
            f"{path}: the name does not tell the format; give format=, one of {', '.join(FORMATS)}"
        )
    return found


def open_source(path: PathLike, format: str | None, options: dict[str, Any]) -> Source:
    """Return the documents of a file or folder.

    Raises
    ------
    ValueError
        If the format is not known, or the file is not of it.
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
    """Return the texts of a file or folder, in the order in which a corpus has its documents.

    Parameters
    ----------
    path : str or path
    format : str
    **layout
        Options of the format that say where texts are: ``text``, ``header``, ``glob`` and so on.

    Returns
    -------
    iterator of str or of lists of tokens, or None
        None where the format holds counts of words and no texts.
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
        return lines.folder(path, **own)
    if kind == "lines":
        return lines.lines(path)
    if kind == "mallet":
        return lines.mallet(path)
    header = bool(own.pop("header", True))
    fields = lines.Fields(**own)
    if kind == "jsonl":
        return lines.jsonl(path, fields)
    if kind == "parquet":
        return lines.parquet(path, fields)
    return lines.table(path, "\t" if kind == "tsv" else None, header, fields)


# --- words beside counts ---------------------------------------------------------------------


def _given(vocabulary: Any) -> tuple[str, ...] | None:
    if vocabulary is None or vocabulary is False:
        return None
    if isinstance(vocabulary, (str, Path)):
        return read_words(vocabulary)
    return words(vocabulary)


def _finder(path: PathLike, kind: str, vocabulary: Any) -> triples.Vocabulary:
    """Return what finds the words for a file of counts: those given, or a file beside it."""

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
