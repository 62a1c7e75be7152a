"""The corpus of a topic command: its options, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..files import check_files, incoming, is_standard

if TYPE_CHECKING:
    from ...corpus.corpus import Corpus

CORPUS = "Corpus"
WORDS = "Words"

#: Options of texts that unseen documents need as well, because they define what a word is. A model
#: file stores them.
_SPELLING = ("lowercase", "token_pattern", "strip_accents", "ngram_range", "stop_words")


class Format(str, Enum):
    """Formats of corpora."""

    gibbous = "gibbous"
    uci = "uci"
    mtx = "mtx"
    ldac = "ldac"
    npz = "npz"
    mallet = "mallet"
    lines = "lines"
    jsonl = "jsonl"
    csv = "csv"
    tsv = "tsv"
    parquet = "parquet"
    folder = "folder"


class Accents(str, Enum):
    """Ways to take accents off letters."""

    unicode = "unicode"
    ascii = "ascii"


def _field(what: str) -> Any:
    return typer.Option(
        metavar="COLUMN",
        help=f"Column or JSON field with {what}: its name, or its position from 1.",
        show_default=False,
        rich_help_panel=CORPUS,
    )


@dataclass(frozen=True)
class CorpusFile:
    """A file or folder of documents, and how its texts become words."""

    corpus: Annotated[
        Path,
        typer.Argument(
            metavar="CORPUS",
            help="Documents: a file of counts (.mtx, .npz, docword.*, .ldac), of texts (.jsonl, "
            ".csv, .tsv, .parquet, .mallet, .txt with --format lines), a folder of text files, or "
            "a corpus that --into wrote; - for standard input, one text a line or JSON lines.",
            show_default=False,
        ),
    ]
    format: Annotated[
        Format | None,
        typer.Option(help="Format.", show_default="by the file name", rich_help_panel=CORPUS),
    ] = None
    text: Annotated[str | None, _field("the text")] = None
    id: Annotated[str | None, _field("a document's name")] = None
    date: Annotated[str | None, _field("its date")] = None
    label: Annotated[str | None, _field("its label")] = None
    header: Annotated[
        bool,
        typer.Option(
            "--header/--no-header",
            help="Whether the first line of a .csv or .tsv names the columns.",
            rich_help_panel=CORPUS,
        ),
    ] = True
    glob: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Which files of a folder, for example '*.txt'.",
            show_default="all",
            rich_help_panel=CORPUS,
        ),
    ] = None
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Words, one a line: those of a file of counts, or those to count in texts.",
            show_default="found next to the file, or all",
            rich_help_panel=CORPUS,
        ),
    ] = None
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Build the corpus in this file, which later commands open at once; for one that "
            "may be larger than the memory.",
            rich_help_panel=CORPUS,
        ),
    ] = None
    stop_words: Annotated[
        str | None,
        typer.Option(
            metavar="english|FILE",
            help="Words to drop: the list for English, or a file of one word a line.",
            rich_help_panel=WORDS,
        ),
    ] = None
    min_df: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Documents that a word has to be in: a number, or with a point a share.",
            show_default="1",
            rich_help_panel=WORDS,
        ),
    ] = None
    max_df: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Documents that a word may be in: a number, or with a point a share.",
            show_default="1.0",
            rich_help_panel=WORDS,
        ),
    ] = None
    max_features: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Keep the commonest words only.",
            show_default="all",
            rich_help_panel=WORDS,
        ),
    ] = None
    ngrams: Annotated[
        str | None,
        typer.Option(
            metavar="LEAST,MOST",
            help="Words side by side that are counted as one: 1,2 for single words and pairs.",
            show_default="1,1",
            rich_help_panel=WORDS,
        ),
    ] = None
    keep_case: Annotated[
        bool,
        typer.Option("--keep-case", help="Do not make texts lower case.", rich_help_panel=WORDS),
    ] = False
    strip_accents: Annotated[
        Accents | None,
        typer.Option(help="Take accents off letters.", rich_help_panel=WORDS),
    ] = None
    token_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="What a word is.",
            show_default="two or more letters, digits or underscores",
            rich_help_panel=WORDS,
        ),
    ] = None

    def opened(self) -> CorpusFile:
        """Return the corpus to read, where that is standard input, too.

        Raises
        ------
        ValueError, OSError
            If the corpus cannot be written to its file.
        """
        check_files([self.corpus], [self.into])
        if is_standard(self.into):
            raise ValueError("--into must be a file, because a corpus is not text; got -")
        if not is_standard(self.corpus):
            return self
        path = incoming(self.corpus, documents=True)
        found = {".jsonl": Format.jsonl, ".txt": Format.lines}.get(path.suffix)
        return replace(self, corpus=path, format=self.format or found)

    def spelling(self) -> dict[str, Any]:
        """Return what says how texts become words, where it was given."""
        given: dict[str, Any] = {
            "lowercase": False if self.keep_case else None,
            "token_pattern": self.token_pattern,
            "strip_accents": None if self.strip_accents is None else self.strip_accents.value,
            "ngram_range": None if self.ngrams is None else _two(self.ngrams),
            "stop_words": _stop_words(self.stop_words),
        }
        return {name: value for name, value in given.items() if value is not None}

    def pruning(self) -> dict[str, Any]:
        """Return which words are to be kept, where it was given."""
        given = {
            "min_df": _limit(self.min_df, "--min-df"),
            "max_df": _limit(self.max_df, "--max-df"),
            "max_features": self.max_features,
        }
        return {name: value for name, value in given.items() if value is not None}

    def layout(self) -> dict[str, Any]:
        """Return how the file is laid out, where it was given."""
        fields = {name: getattr(self, name) for name in ("text", "id", "date", "label")}
        given: dict[str, Any] = {
            name: int(value) if value.isdecimal() else value
            for name, value in fields.items()
            if value is not None
        }
        if not self.header:
            given["header"] = False
        if self.glob is not None:
            given["glob"] = self.glob
        return given


def _two(ngrams: str) -> list[int]:
    parts = ngrams.split(",")
    if len(parts) not in (1, 2) or not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"--ngrams must be LEAST,MOST, as 1,2; got {ngrams!r}")
    return [int(parts[0]), int(parts[-1])]


def _limit(value: str | None, option: str) -> float | None:
    """Return a number of documents (int) or a share of them (float)."""
    if value is None:
        return None
    try:
        return int(value) if value.isdecimal() else float(value)
    except ValueError as error:
        raise ValueError(
            f"{option} must be a number of documents, or with a point a share; got {value!r}"
        ) from error


def _stop_words(given: str | None) -> str | list[str] | None:
    from ...corpus.formats.files import read_words

    if given is None or given == "english":
        return given
    if not Path(given).is_file():
        raise FileNotFoundError(
            f"--stop-words must be 'english' or a file of one word a line; no file {given}"
        )
    return list(read_words(given))


def read_corpus(asked: CorpusFile) -> tuple[Corpus, dict[str, Any]]:
    """Read a corpus, and return with it what unseen texts have to be read with.

    Files of texts are pruned on the way; counts afterwards, where pruning was asked for.

    Raises
    ------
    ValueError, OSError, ImportError
        As ``Corpus.read``.
    """
    from ...corpus.corpus import Corpus

    kind, counted = _kind(asked)
    spelling, pruning = asked.spelling(), asked.pruning()
    options = asked.layout()
    if asked.vocabulary is not None:
        options["vocabulary"] = asked.vocabulary
    if not counted:
        options |= spelling | pruning
        return _read(asked, kind, options), spelling
    _refuse_spelling(spelling, kind)
    pruning |= {name: spelling[name] for name in ("stop_words",) if name in spelling}
    if not pruning:
        return _read(asked, kind, options), {}
    with _option_names(asked.corpus):
        whole = Corpus.read(asked.corpus, kind, **options)
        return whole.filter(**pruning, path=asked.into), {}


def read_corpus_for(model: Any, asked: CorpusFile) -> Corpus:
    """Read documents in the words of a fitted model.

    Texts are split into words as they were for the fit if the model has those options; options
    that are given take precedence. Words outside the vocabulary of the model are dropped.

    Raises
    ------
    ValueError
        If the model has no vocabulary, or the corpus has none and another number of words.
    """
    kind, counted = _kind(asked)
    vocabulary = model.vocabulary_
    options = asked.layout()
    if counted:
        if asked.vocabulary is not None:
            options["vocabulary"] = asked.vocabulary
        _refuse_spelling(asked.spelling(), kind)
        corpus = _read(asked, kind, options)
        if corpus.vocabulary is not None and vocabulary is not None:
            corpus = corpus.with_vocabulary(vocabulary)
        if corpus.n_words != model.n_features_in_:
            raise ValueError(
                f"{asked.corpus} has {corpus.n_words} words without names, and the model was "
                f"fitted on {model.n_features_in_}; name them with --vocabulary"
            )
        return corpus
    if vocabulary is None:
        raise ValueError(
            "the model has no vocabulary, so its words cannot be found in texts; fit it to a "
            "corpus with a vocabulary, or give a file of counts"
        )
    options |= getattr(model, "text_options_", None) or {}
    options |= asked.spelling() | {"vocabulary": vocabulary}
    return _read(asked, kind, options)


def read_texts(asked: CorpusFile) -> Iterator[Any] | None:
    """Return the texts of a corpus, one per document; None if it holds counts.

    Input that can be read only once, such as a pipe, has no texts either.
    """
    from ...corpus.formats.read import texts_of

    if not (asked.corpus.is_file() or asked.corpus.is_dir()):
        return None
    kind, _ = _kind(asked)
    return texts_of(asked.corpus, kind, **asked.layout())


def _kind(asked: CorpusFile) -> tuple[str, bool]:
    """Return the format, and whether it holds counts instead of texts."""
    from ...corpus.formats.read import format_of

    if asked.format is not None:
        kind = asked.format.value
    else:
        with _option_names(asked.corpus):
            kind = format_of(asked.corpus)
    return kind, kind in ("gibbous", "uci", "mtx", "ldac", "npz")


def _refuse_spelling(spelling: dict[str, Any], kind: str) -> None:
    names = {"lowercase": "--keep-case", "ngram_range": "--ngrams"}
    for name in spelling:
        if name != "stop_words":
            option = names.get(name, "--" + name.replace("_", "-"))
            raise ValueError(f"{option} is for texts, and format {kind} holds counts of words")


def _read(asked: CorpusFile, kind: str, options: dict[str, Any]) -> Corpus:
    from ...corpus.corpus import Corpus

    with _option_names(asked.corpus):
        return Corpus.read(asked.corpus, kind, into=asked.into, **options)


@contextmanager
def _option_names(corpus: Path) -> Iterator[None]:
    """Let errors name options of the command line, and the corpus if no word is left."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        for name in ("vocabulary", "format", "text", "id", "date", "label"):
            text = text.replace(f"{name}=", f"--{name}")
        if text.startswith("the vocabulary is empty"):
            for name in ("min_df", "max_df", "token_pattern", "stop_words"):
                text = text.replace(name, "--" + name.replace("_", "-"))
            text = f"{corpus}: {text}"
        raise ValueError(text) from error
