"""Topics of Python's own documentation: a chapter of ``gibbous demo``.

The documents are the docstrings of the standard library, one per object. Its source files are
parsed, but not imported or run.
"""

from __future__ import annotations

import ast
import os
import sysconfig
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..corpus.corpus import Corpus
from ..lda.model import LatentDirichletAllocation

TOPICS = 24
SEED = 7

#: Folders with other packages, tests, or long and repetitive files.
_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
_LEFT_OUT |= {"encodings", "lib2to3", "pydoc_data", "turtledemo"}

#: Stop words of docstrings, in addition to those of English.
_STOP_WORDS = frozenset(
    {"self", "return", "returns", "returned", "returning", "given", "used", "use", "using"}
    | {"value", "values", "argument", "arguments", "true", "false", "default", "defaults", "may"}
    | {"also", "optional", "specified", "must", "like", "instance", "object", "objects", "set"}
    | {"method", "called", "call", "note", "example", "non", "otherwise"}
)

#: The least length of the documents that represent topics.
_LEAST_TOKENS = 40


def docstrings(library: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the docstring of every module, class and function below a folder."""
    for path in _sources(library):
        parts = path.relative_to(library).with_suffix("").parts
        try:
            with warnings.catch_warnings():
                # Warnings about invalid escapes in files of other authors.
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError, RecursionError):
            continue  # files that cannot be parsed have no docstrings
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield from _documented(tree, module)


def _sources(library: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(library):
        # Pruned during the walk: other packages may have thousands of files.
        inner[:] = sorted(set(inner) - _LEFT_OUT)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".py"))


def _documented(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> Iterator[tuple[str, str]]:
    text = ast.get_docstring(node)
    if text:
        yield name, text
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return  # objects defined in a function are not public
    for inner in node.body:
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _documented(inner, f"{name}.{inner.name}")


@dataclass(frozen=True)
class Library:
    """Topics of the standard library, and the object with the largest share of each."""

    corpus: Corpus
    model: Any
    objects: tuple[str, ...]
    shares: tuple[float, ...]


def library(console: Console, folder: Path | None = None) -> Library | None:
    """Find the topics of docstrings; None if the library has no source files."""
    from ..corpus.text import stop_set

    folder = Path(sysconfig.get_paths()["stdlib"]) if folder is None else folder
    began = time.perf_counter()
    found = dict(docstrings(folder)) if folder.is_dir() else {}
    if len(found) < 100:
        console.print(
            f"No topics: this Python keeps no source files of its standard library in {folder}, "
            "so there are no docstrings to read.",
            markup=False,
            soft_wrap=True,
        )
        return None
    corpus = Corpus.from_texts(
        found.values(),
        names=list(found),
        stop_words=stop_set("english") | _STOP_WORDS,
        token_pattern=r"[a-z]{3,}",
        min_df=4,
    )
    read = time.perf_counter()
    model = LatentDirichletAllocation(TOPICS, max_iter=150, random_state=SEED).fit(corpus)
    fitted = time.perf_counter()
    theta = model.transform(corpus)
    theta[corpus.document_lengths() < _LEAST_TOKENS] = 0
    most = theta.argmax(axis=0)
    assert corpus.names is not None
    names = tuple(str(corpus.names[at]) for at in most)
    result = Library(corpus, model, names, tuple(theta[most, np.arange(TOPICS)].tolist()))
    _report(console, result, read - began, fitted - read)
    return result


def _report(console: Console, found: Library, reading: float, fitting: float) -> None:
    corpus, model = found.corpus, found.model
    console.print(
        f"{corpus.n_documents:,} docstrings of the standard library, {corpus.n_tokens:,} tokens of "
        f"{corpus.n_words:,} words, in {TOPICS} topics"
    )
    grid = Table()
    grid.add_column("share", justify="right")
    grid.add_column("most probable words", ratio=3)
    grid.add_column("object with the largest share", ratio=2, overflow="fold")
    share = model.topic_sizes_ / model.topic_sizes_.sum()
    for k, words in enumerate(model.topics_.top_words(7)):
        grid.add_row(
            f"{share[k]:.1%}",
            " ".join(model.vocabulary_[w] for w in words),
            f"{escape(found.objects[k])} {found.shares[k]:.0%}",
        )
    console.print(grid)
    rate = corpus.n_tokens * model.n_iter_ / fitting / 1e6
    console.print(
        "The topics are groups of words that occur together; the names of modules were not used.\n"
        f"Reading took {reading:.1f} s, and {model.n_iter_} sweeps {fitting:.1f} s: "
        f"{rate:.1f} million tokens per second."
    )
