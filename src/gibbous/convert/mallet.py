"""Read and write the state files of MALLET, which have one line per token."""

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
    """Read a state of ``mallet train-topics --output-state`` as a fitted model and its corpus.

    The model has the priors, the numbering of topics and the counts of that state, and the topic of
    every token as ``token_topics_``, from which a fit can resume::

        model, corpus = gibbous.read_mallet_state("topic-state.gz")
        model.fit(corpus, start=model.token_topics_)

    The file has three header lines (the columns, ``#alpha : ...`` and ``#beta : ...``) and then one
    line per token: number and source of its document, its position, number and spelling of its
    word, and its topic.

    Parameters
    ----------
    path : str or path
        The state, compressed with gzip or not. It is read line by line; at least 7 bytes per token
        stay in memory.

    Returns
    -------
    model : LatentDirichletAllocation
        Its ``doc_topic_prior`` and ``topic_word_prior`` are those of the file, so they stay fixed
        if a fit resumes.
    corpus : Corpus
        Bags of words: the order of words in a document is not kept. Words are numbered in MALLET's
        order, without unused words; documents are named by their source if they have one.
        Documents without tokens are empty documents.

    Raises
    ------
    ValueError
        If the file is not a state of MALLET, is damaged or cut short; the message names the line.
    OSError
        If the file cannot be read.
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
    """Write the state of a model in the format of MALLET's ``--output-state``.

    Programs that read states of MALLET can read the file: MALLET's ``--input-state``, and the
    helpers of pyLDAvis and dfr-browser.

    Parameters
    ----------
    model : LatentDirichletAllocation
        A model fitted with ``keep_token_topics=True``.
    corpus : Corpus
        The corpus that the model was fitted to, with a vocabulary. The source of a document is its
        name, or "NA".
    path : str or path
        The file, compressed with gzip if it ends in ``.gz``. An existing file is replaced as a
        whole.

    Raises
    ------
    ValueError
        If the model did not keep the topics of tokens, the corpus is another one, or a word
        contains a space, which the format does not support.
    OSError
        If the file cannot be written.
    """
    z = getattr(model, "token_topics_", None)
    if z is None:
        raise ValueError("model must have token_topics_; fit it with keep_token_topics=True")
    names, words = _written_names(corpus), _written_words(corpus)
    counts = np.bincount(z, minlength=model.topics_.n_topics)
    if len(z) != corpus.n_tokens or words != (model.vocabulary_ or words):
        raise ValueError(
            f"corpus must be the one that the model was fitted to, with {len(z)} tokens and the "
            f"same vocabulary; got {corpus.n_tokens} tokens of {len(words)} words"
        )
    if not np.array_equal(counts, model.topic_sizes_):
        raise ValueError("token_topics_ do not match the topics of the model; fit it again")
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
        raise ValueError(f"{path}, line 1: a state of MALLET must begin with {_COLUMNS!r}")
    alpha = _numbers(path, head, 1, "#alpha :")
    beta = _numbers(path, head, 2, "#beta :")
    if not 1 <= len(alpha) <= MOST_TOPICS:
        raise ValueError(
            f"{path}, line 2: alpha must have 1 to {MOST_TOPICS} topics; got {len(alpha)}"
        )
    if len(beta) != 1:
        raise ValueError(f"{path}, line 3: beta must be one number; got {len(beta)}")
    return np.array(alpha), beta[0]


def _numbers(path: PathLike, head: list[tuple[int, str]], at: int, what: str) -> list[float]:
    text = head[at][1] if len(head) > at else ""
    if not text.startswith(what):
        raise ValueError(f"{path}, line {at + 1}: must begin with {what!r}; got {text!r:.60}")
    try:
        found = [float(number) for number in text[len(what) :].split()]
    except ValueError as error:
        raise ValueError(f"{path}, line {at + 1}: {error}") from error
    if not all(0 < number < float("inf") for number in found):
        raise ValueError(f"{path}, line {at + 1}: a prior must be > 0 and finite; got {text!r:.60}")
    return found


class _Tokens:
    """Collects tokens, document by document."""

    def __init__(self, path: PathLike, n_topics: int) -> None:
        self.path, self.n_topics = path, n_topics
        self.words: dict[int, str] = {}
        self.names: list[str] = []
        self.indptr = array("q", [0])
        self.indices, self.counts = array("i"), array("i")
        self.topics = array("H")
        self._words, self._topics = array("q"), array("q")  # of the current document

    def add(self, line: int, text: str) -> None:
        fields = text.split(" ", 1)
        rest = fields[-1].rsplit(" ", 4)
        if len(fields) != 2 or len(rest) != 5:
            raise ValueError(
                f"{self.path}, line {line}: a token must have six fields, {_COLUMNS[1:]!r}; "
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
                f"{self.path}, line {line}: topic must be 0 to {self.n_topics - 1}; got {topic}"
            )
        if not 0 <= kind < MOST:
            raise ValueError(
                f"{self.path}, line {line}: typeindex must be 0 to {MOST - 1}; got {kind}"
            )
        if self.words.setdefault(kind, word) != word:
            raise ValueError(
                f"{self.path}, line {line}: typeindex {kind} must be one word; got {word!r:.40} "
                f"after {self.words[kind]!r:.40}"
            )
        self._go_to(line, document, source, at)
        self._words.append(kind)
        self._topics.append(topic)

    def _go_to(self, line: int, document: int, source: str, at: int) -> None:
        here = len(self.names) - 1
        if document == here:
            if source != self.names[here]:
                raise ValueError(
                    f"{self.path}, line {line}: document {document} must have one source; got "
                    f"{source!r:.40} after {self.names[here]!r:.40}"
                )
        elif here < document <= MOST:
            self._end_document()
            for _ in range(here + 1, document):
                self.names.append("NA")
                self._end_document()
            self.names.append(source)
        else:
            raise ValueError(
                f"{self.path}, line {line}: documents must ascend; got document {document} after "
                f"document {here}"
            )
        if at != len(self._words):
            raise ValueError(
                f"{self.path}, line {line}: document {document} must have position "
                f"{len(self._words)} here; got {at}: a line is missing or repeated"
            )

    def _end_document(self) -> None:
        """Convert the tokens of the current document to a bag, in the corpus's order of tokens."""
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
            raise ValueError(f"{self.path} has no tokens; it may be cut short")
        kinds = np.array(sorted(self.words), np.int64)
        vocabulary = tuple(self.words[kind] for kind in kinds.tolist())
        if len(set(vocabulary)) < len(vocabulary):
            twice = next(w for w in vocabulary if vocabulary.count(w) > 1)
            raise ValueError(f"{self.path}: {twice!r:.40} must have one typeindex; got two")
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
            "corpus must have a vocabulary for a state of MALLET; add one: "
            "Corpus.of(corpus, vocabulary)"
        )
    for word in corpus.vocabulary:
        if not word or len(word.split()) != 1 or word != word.strip():
            raise ValueError(
                f"the word {word!r:.40} contains a space, which states of MALLET do not support"
            )
    return corpus.vocabulary


def _written_names(corpus: Corpus) -> list[str]:
    if corpus.names is None:
        return ["NA"] * corpus.n_documents
    names = [str(name) or "NA" for name in corpus.names]
    for at, name in enumerate(names):
        if "\n" in name or "\r" in name:
            raise ValueError(
                f"the name of document {at}, {name!r:.40}, contains a line break, which states of "
                "MALLET do not support"
            )
    return names


@contextmanager
def _packed(raw: IO[bytes], zipped: bool) -> Iterator[Any]:
    if not zipped:
        yield raw
        return
    # without a time stamp the same state gives the same bytes
    with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as file:
        yield file
