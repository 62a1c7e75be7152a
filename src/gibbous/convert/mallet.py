"""MALLET's state of a topic model, a line a token: read as a fitted model, and written from one."""

from __future__ import annotations

import gzip
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .._ground.files import replacing
from ..corpus.corpus import Corpus
from ..corpus.formats.files import text_lines
from ..corpus.rows import MOST
from ..lda.model import LatentDirichletAllocation
from ..lda.topic_word import MOST_TOPICS

PathLike = str | os.PathLike[str]

_COLUMNS = "#doc source pos typeindex type topic"


def read_mallet_state(path: PathLike) -> tuple[LatentDirichletAllocation, Corpus]:
    """Read what ``mallet train-topics --output-state`` wrote: a fitted model and its corpus.

    The model has MALLET's priors, its topics by its numbers, the counts of that state, and the
    topic of every token as ``token_topics_``, from which a fit goes on::

        model, corpus = gibbous.read_mallet_state("topic-state.gz")
        model.fit(corpus, start=model.token_topics_)

    The file has three lines of head (the columns, ``#alpha : ...`` and ``#beta : ...``) and then a
    line for each token: number and source of its document, its position, number and spelling of its
    word, its topic.

    Parameters
    ----------
    path : str or path
        The state, compressed with gzip or not. It is read line by line; 7 bytes and more a token
        stay.

    Returns
    -------
    model : LatentDirichletAllocation
        Its ``doc_topic_prior`` and ``topic_word_prior`` are those of the file, so that they stay
        fixed where a fit goes on.
    corpus : Corpus
        Bags of words: the order of words in a document is not kept. Words are numbered in
        MALLET's order without those that no token has; documents are named by their source, where
        they have one. Numbers of documents that have no token are empty documents.

    Raises
    ------
    ValueError
        If the file is none of MALLET's states, is damaged or cut short; the message names the line.
    OSError
        If it cannot be read.
    """
    lines = text_lines(path)
    alpha, beta = _read_head(path, lines)
    tokens = _Tokens(path, len(alpha))
    for number, line in lines:
        tokens.add(number, line)
    corpus, z = tokens.finish()
    model = LatentDirichletAllocation(
        len(alpha), doc_topic_prior=alpha, topic_word_prior=beta, max_iter=0, random_state=0
    )
    usual = LatentDirichletAllocation().get_params()
    model.fit(corpus, start=z, keep_token_topics=True)
    model.set_params(max_iter=usual["max_iter"], random_state=usual["random_state"])
    return model, corpus


def write_mallet_state(model: LatentDirichletAllocation, corpus: Corpus, path: PathLike) -> None:
    """Write the state of a model as MALLET's ``--output-state`` does.

    Programs that read MALLET's states (its own ``--input-state``, pyLDAvis' and dfr-browser's
    helpers) read this one.

    Parameters
    ----------
    model : LatentDirichletAllocation
        Fitted with ``keep_token_topics=True``.
    corpus : Corpus
        What it was fitted to, with a vocabulary. A document's source is its name, or "NA".
    path : str or path
        Compressed with gzip where it ends in ``.gz``. It is replaced whole or not at all.

    Raises
    ------
    ValueError
        If the model has kept no topics of tokens, the corpus is another one, or a word has a space
        in it, which the format cannot hold.
    OSError
        If the file cannot be written.
    """
    z = getattr(model, "token_topics_", None)
    if z is None:
        raise ValueError(
            "the model has kept no topics of tokens: fit it with keep_token_topics=True"
        )
    names, words = _written_names(corpus), _written_words(corpus)
    counts = np.bincount(z, minlength=model.topics_.n_topics)
    if len(z) != corpus.n_tokens or words != (model.vocabulary_ or words):
        raise ValueError(
            f"corpus has {corpus.n_tokens} tokens of {len(words)} words, the model topics of "
            f"{len(z)} tokens: give the corpus that it was fitted to"
        )
    if not np.array_equal(counts, model.topic_sizes_):
        raise ValueError(
            "token_topics_ are not those of the topics that the model has now: fit it again"
        )
    with replacing(path) as raw, _packed(raw, str(path).lower().endswith(".gz")) as out:
        alpha = "".join(f"{float(a)!r} " for a in model.doc_topic_prior_)
        beta = float(model.topic_word_prior_)
        out.write(f"{_COLUMNS}\n#alpha : {alpha}\n#beta : {beta!r}\n".encode())
        first = 0
        for d, name in enumerate(names):
            part = slice(int(corpus.indptr[d]), int(corpus.indptr[d + 1]))
            ids = np.repeat(corpus.indices[part], corpus.counts[part]).tolist()
            topics = z[first : first + len(ids)].tolist()
            first += len(ids)
            head = f"{d} {name} "
            lines = (
                f"{head}{at} {w} {words[w]} {k}\n"
                for at, (w, k) in enumerate(zip(ids, topics, strict=True))
            )
            out.write("".join(lines).encode())


# --- reading ---------------------------------------------------------------------------------


def _read_head(path: PathLike, lines: Iterator[tuple[int, str]]) -> tuple[NDArray[Any], float]:
    head = list(islice(lines, 3))
    if not head or head[0][1].split() != _COLUMNS.split():
        raise ValueError(f"{path}, line 1: is no state of MALLET, which begins {_COLUMNS!r}")
    alpha = _numbers(path, head, 1, "#alpha :")
    beta = _numbers(path, head, 2, "#beta :")
    if not 1 <= len(alpha) <= MOST_TOPICS:
        raise ValueError(f"{path}, line 2: {len(alpha)} topics, not 1 to {MOST_TOPICS}")
    if len(beta) != 1:
        raise ValueError(f"{path}, line 3: beta must be one number; got {len(beta)}")
    return np.array(alpha), beta[0]


def _numbers(path: PathLike, head: list[tuple[int, str]], at: int, what: str) -> list[float]:
    text = head[at][1] if len(head) > at else ""
    if not text.startswith(what):
        raise ValueError(f"{path}, line {at + 1}: must begin {what!r}; got {text!r:.60}")
    try:
        found = [float(number) for number in text[len(what) :].split()]
    except ValueError as error:
        raise ValueError(f"{path}, line {at + 1}: {error}") from error
    if not all(0 < number < float("inf") for number in found):
        raise ValueError(f"{path}, line {at + 1}: a prior must be > 0 and finite; got {text!r:.60}")
    return found


class _Tokens:
    """Tokens as they are read, document by document."""

    def __init__(self, path: PathLike, n_topics: int) -> None:
        self.path, self.n_topics = path, n_topics
        self.words: dict[int, str] = {}
        self.names: list[str] = []
        self.indptr = array("q", [0])
        self.indices, self.counts = array("i"), array("i")
        self.topics = array("H")
        self._words, self._topics = array("q"), array("q")  # of the document at hand

    def add(self, line: int, text: str) -> None:
        fields = text.split(" ", 1)
        rest = fields[-1].rsplit(" ", 4)
        if len(fields) != 2 or len(rest) != 5:
            raise ValueError(
                f"{self.path}, line {line}: a token has six fields, {_COLUMNS[1:]!r}; "
                f"got {text!r:.60}"
            )
        source, _, _, word, _ = rest
        try:
            document, at, kind, topic = map(int, (fields[0], rest[1], rest[2], rest[4]))
        except ValueError as error:
            raise ValueError(
                f"{self.path}, line {line}: doc, pos, typeindex and topic must be whole numbers; "
                f"got {text!r:.60}"
            ) from error
        if not 0 <= topic < self.n_topics:
            raise ValueError(
                f"{self.path}, line {line}: topic {topic}, but alpha has {self.n_topics} topics"
            )
        if not 0 <= kind < MOST:
            raise ValueError(f"{self.path}, line {line}: typeindex {kind} is none")
        if self.words.setdefault(kind, word) != word:
            raise ValueError(
                f"{self.path}, line {line}: typeindex {kind} is {word!r:.40}, and was "
                f"{self.words[kind]!r:.40} before"
            )
        self._go_to(line, document, source, at)
        self._words.append(kind)
        self._topics.append(topic)

    def _go_to(self, line: int, document: int, source: str, at: int) -> None:
        here = len(self.names) - 1
        if document == here:
            if source != self.names[here]:
                raise ValueError(
                    f"{self.path}, line {line}: document {document} comes from {source!r:.40}, and "
                    f"from {self.names[here]!r:.40} before"
                )
        elif here < document <= MOST:
            self._end_document()
            for _ in range(here + 1, document):
                self.names.append("NA")
                self._end_document()
            self.names.append(source)
        else:
            raise ValueError(
                f"{self.path}, line {line}: document {document} comes after document {here}"
            )
        if at != len(self._words):
            raise ValueError(
                f"{self.path}, line {line}: position {at} of document {document}, where "
                f"{len(self._words)} follows: a line is missing or there twice"
            )

    def _end_document(self) -> None:
        """Turn the tokens of the document at hand into a bag, in the corpus's order of tokens."""
        if not self.names:
            return
        words, topics = np.array(self._words, np.int64), np.array(self._topics, np.int64)
        order = np.argsort(words, kind="stable")
        ids, counts = np.unique(words, return_counts=True)
        self.topics.frombytes(topics[order].astype(np.uint16).tobytes())
        self.indices.frombytes(ids.astype(np.intc).tobytes())
        self.counts.frombytes(counts.astype(np.intc).tobytes())
        self.indptr.append(len(self.indices))
        del self._words[:], self._topics[:]

    def finish(self) -> tuple[Corpus, NDArray[np.uint16]]:
        self._end_document()
        if not self.words:
            raise ValueError(f"{self.path}: has no tokens; it may be cut short")
        kinds = np.array(sorted(self.words), np.int64)
        vocabulary = tuple(self.words[kind] for kind in kinds.tolist())
        if len(set(vocabulary)) < len(vocabulary):
            twice = next(w for w in vocabulary if vocabulary.count(w) > 1)
            raise ValueError(f"{self.path}: two numbers of words are spelled {twice!r:.40}")
        indices = np.searchsorted(kinds, np.array(self.indices, np.int32)).astype(np.int32)
        named = any(name != "NA" for name in self.names)
        corpus = Corpus(
            np.array(self.indptr, np.int64),
            indices,
            np.array(self.counts, np.int32),
            vocabulary,
            names=self.names if named else None,
        )
        return corpus, np.array(self.topics, np.uint16)


# --- writing ---------------------------------------------------------------------------------


def _written_words(corpus: Corpus) -> tuple[str, ...]:
    if corpus.vocabulary is None:
        raise ValueError(
            "a state of MALLET has the words; give the corpus a vocabulary: "
            "Corpus.of(corpus, vocabulary)"
        )
    for word in corpus.vocabulary:
        if not word or len(word.split()) != 1 or word != word.strip():
            raise ValueError(
                f"the word {word!r:.40} has a space in it, which a state of MALLET cannot hold"
            )
    return corpus.vocabulary


def _written_names(corpus: Corpus) -> list[str]:
    if corpus.names is None:
        return ["NA"] * corpus.n_documents
    names = [str(name) or "NA" for name in corpus.names]
    for at, name in enumerate(names):
        if "\n" in name or "\r" in name:
            raise ValueError(
                f"the name of document {at}, {name!r:.40}, has the end of a line in it, which a "
                "state of MALLET cannot hold"
            )
    return names


@contextmanager
def _packed(raw: IO[bytes], zipped: bool) -> Iterator[Any]:
    if not zipped:
        yield raw
        return
    # no time in the file: the same state is the same bytes
    with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as file:
        yield file
