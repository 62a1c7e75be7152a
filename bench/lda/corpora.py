"""The corpora of the topic cases: two real ones, and synthetic ones of any size.

A corpus is a folder of four files: ``indptr.npy`` (int64) and ``words.i32`` and ``counts.i32``
(raw int32) are the compressed rows of the document-word counts, words ascending in a row;
``facts.json`` says how many documents, words and tokens there are. Folders are made once and kept
in a cache.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

#: Part of the folders' names: a change of what is drawn or tokenized needs new ones.
_VERSION = 1

#: Slots of a topic's table of words: 1 MB, which stays in the second-level cache. Probabilities
#: are multiples of 4e-6; words rarer than that live in a few topics only.
_SLOTS = 1 << 18

#: Tokens drawn at a time; the documents of a chunk are drawn together.
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Synthetic:
    """A corpus drawn from LDA's own process (Blei, Ng and Jordan 2003).

    Topics are Dirichlet around one Zipf-Mandelbrot law over the vocabulary, p(rank) ~ (rank +
    shift)^-exponent, with the given concentration: frequent words are common to all topics, the
    head word has 5% of the tokens and more, and rare words belong to few topics. Documents mix
    the topics by a symmetric Dirichlet of parameter ``alpha``; their lengths are log-normal.
    """

    n_documents: int
    n_words: int
    n_tokens: int
    n_topics: int
    seed: int
    alpha: float = 0.1
    concentration: float = 1000.0
    exponent: float = 1.05
    shift: float = 0.6
    spread: float = 0.6


SYNTHETIC: dict[str, Synthetic] = {
    "tiny": Synthetic(300, 500, 20_000, 8, 1, concentration=50.0),
    "synth250k": Synthetic(1_250, 10_000, 250_000, 50, 11),
    "synth1m": Synthetic(5_000, 10_000, 1_000_000, 50, 11),
    "synth4m": Synthetic(20_000, 10_000, 4_000_000, 50, 11),
    "synth10m": Synthetic(30_000, 50_000, 10_000_000, 200, 12),
    "synth100m": Synthetic(300_000, 100_000, 100_000_000, 250, 13),
    "synth300m": Synthetic(900_000, 100_000, 300_000_000, 250, 14),
}

REAL = ("20news", "sotu")

KNOWN = (*REAL, *SYNTHETIC)


def data_folder() -> Path:
    """Return the folder of real data sets: GIBBOUS_DATA, or shared/data next to the checkout."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("GIBBOUS_DATA", default))


def cache_folder() -> Path:
    """Return where corpora are kept: XDG_CACHE_HOME or ~/.cache, and gibbous-bench in it."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gibbous-bench"


def missing(name: str, data: Path) -> str:
    """Say which file a corpus lacks, or return an empty string."""
    path = {"20news": data / "20news.npz", "sotu": data / "sotu.jsonl.gz"}.get(name)
    if path is None or path.is_file():
        return ""
    return f"no {path.name} in the folder of data sets; give --data FOLDER or set GIBBOUS_DATA"


def find(name: str, data: Path, cache: Path) -> Path:
    """Return the corpus' folder in the cache, made now if it does not exist yet.

    Raises
    ------
    ValueError
        If the name is unknown.
    FileNotFoundError
        If the data set is not in the folder.
    """
    if name not in KNOWN:
        raise ValueError(f"no corpus {name!r}; known are {', '.join(KNOWN)}")
    if said := missing(name, data):
        raise FileNotFoundError(said)
    folder = cache / f"{name}-{_VERSION}"
    if (folder / "facts.json").is_file():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # a folder is complete or is not there: two commands may make the same one
    unfinished = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache))
    try:
        if name in SYNTHETIC:
            spec = SYNTHETIC[name]
            facts = _write(unfinished, draw(spec), spec.n_words)
            facts["drawn"] = asdict(spec)
        else:
            matrix = _newsgroups(data) if name == "20news" else _addresses(data)
            facts = _write(unfinished, iter([matrix]), matrix.shape[1])
        (unfinished / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
        unfinished.rename(folder)
    except OSError:
        if not (folder / "facts.json").is_file():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def facts(folder: Path) -> dict[str, Any]:
    """Return what is known of a corpus without reading it."""
    found: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return found


def load(folder: Path) -> sparse.csr_matrix:
    """Return the counts, (documents, words) int32, words ascending and unique in a row."""
    said = facts(folder)
    indptr = np.load(folder / "indptr.npy")
    words = np.fromfile(folder / "words.i32", dtype=np.int32)
    counts = np.fromfile(folder / "counts.i32", dtype=np.int32)
    shape = (said["n_documents"], said["n_words"])
    return sparse.csr_matrix((counts, words, indptr), shape=shape, copy=False)


def _write(folder: Path, chunks: Iterator[sparse.csr_matrix], n_words: int) -> dict[str, Any]:
    """Append the chunks to the files, and return the facts: nothing holds the whole corpus."""
    ends = [np.zeros(1, dtype=np.int64)]
    of_word = np.zeros(n_words, dtype=np.int64)
    with open(folder / "words.i32", "wb") as words, open(folder / "counts.i32", "wb") as counts:
        for matrix in chunks:
            matrix.indices.astype(np.int32, copy=False).tofile(words)
            matrix.data.astype(np.int32, copy=False).tofile(counts)
            ends.append(ends[-1][-1] + matrix.indptr[1:].astype(np.int64))
            of_word += np.bincount(matrix.indices, matrix.data, n_words).astype(np.int64)
    indptr = np.concatenate(ends)
    np.save(folder / "indptr.npy", indptr)
    n_tokens = int(of_word.sum())
    return {
        "n_documents": len(indptr) - 1,
        "n_words": n_words,
        "n_tokens": n_tokens,
        "n_entries": int(indptr[-1]),
        "n_words_used": int(np.count_nonzero(of_word)),
        "head_share": float(of_word.max() / n_tokens),
    }


def _newsgroups(data: Path) -> sparse.csr_matrix:
    """Return 20 Newsgroups, counted already."""
    return sparse.load_npz(data / "20news.npz").tocsr()


def _addresses(data: Path) -> sparse.csr_matrix:
    """Return the paragraphs of the State of the Union addresses.

    Words are runs of letters in lower case, three at least; scikit-learn's English stop words and
    words of fewer than five paragraphs are left out, and so are paragraphs without words.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    with gzip.open(data / "sotu.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"].lower() for line in lines]
    documents = [
        Counter(word for word in re.findall("[a-z]{3,}", text) if word not in ENGLISH_STOP_WORDS)
        for text in texts
    ]
    spread = Counter(word for document in documents for word in document)
    kept = sorted(word for word, n in spread.items() if n >= 5)
    numbers = {word: i for i, word in enumerate(kept)}
    rows = [sorted((numbers[w], n) for w, n in d.items() if w in numbers) for d in documents]
    rows = [row for row in rows if row]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    words = np.array([w for row in rows for w, _ in row], dtype=np.int32)
    counts = np.array([n for row in rows for _, n in row], dtype=np.int32)
    return sparse.csr_matrix((counts, words, indptr), shape=(len(rows), len(kept)))


def draw(spec: Synthetic) -> Iterator[sparse.csr_matrix]:
    """Yield the documents of a synthetic corpus, a chunk at a time; the last one may be short.

    A topic's distribution is the share of each word in a table of slots, and a token is a slot
    drawn at random: one gather a token, and still LDA's process for those distributions.
    """
    rng = np.random.default_rng([_VERSION, spec.seed])
    tables = _tables(spec, rng)
    lengths = _lengths(spec, rng)
    ends = np.cumsum(lengths)
    cuts = np.searchsorted(ends, np.arange(_CHUNK, spec.n_tokens, _CHUNK)) + 1
    for rows in np.split(lengths, np.unique(cuts)):
        if len(rows):
            yield _documents(spec, rng, tables, rows)


def _tables(spec: Synthetic, rng: np.random.Generator) -> np.ndarray:
    """Return the slots of each topic, (topics, slots) int32."""
    base = (np.arange(1, spec.n_words + 1) + spec.shift) ** -spec.exponent
    base = rng.permutation(base / base.sum())
    tables = np.empty((spec.n_topics, _SLOTS), dtype=np.int32)
    words = np.arange(spec.n_words, dtype=np.int32)
    seen = np.zeros(spec.n_words, dtype=bool)
    for table in tables:
        weights = rng.standard_gamma(spec.concentration * base)
        counts = rng.multinomial(_SLOTS, weights / weights.sum())
        table[:] = np.repeat(words, counts)
        seen |= counts > 0
    _place(base, np.flatnonzero(~seen), tables, rng)
    return tables


def _place(base: np.ndarray, words: np.ndarray, tables: np.ndarray, rng: Any) -> None:
    """Give words that no topic has drawn the share they are due, each in one topic.

    The vocabulary would lose a tenth of its words otherwise. The slots are those of the topic's
    most frequent word, which has more than all of them together.
    """
    slots = np.maximum(1, np.rint(base[words] * tables.size)).astype(np.int64)
    topics = rng.integers(0, len(tables), len(words))
    for topic in np.unique(topics):
        mine = topics == topic
        chosen = np.repeat(words[mine], slots[mine])
        head = np.bincount(tables[topic]).argmax()
        free = np.flatnonzero(tables[topic] == head)[: len(chosen)]
        tables[topic, free] = chosen[: len(free)]


def _lengths(spec: Synthetic, rng: np.random.Generator) -> np.ndarray:
    """Return the documents' lengths: log-normal, at least one token, exact in their sum."""
    shares = rng.lognormal(0.0, spec.spread, spec.n_documents)
    spare = spec.n_tokens - spec.n_documents
    ends = np.floor(np.cumsum(shares) / shares.sum() * spare + 0.5).astype(np.int64)
    ends[-1] = spare
    return 1 + np.diff(ends, prepend=0)


def _documents(
    spec: Synthetic, rng: np.random.Generator, tables: np.ndarray, lengths: np.ndarray
) -> sparse.csr_matrix:
    n = len(lengths)
    weights = rng.standard_gamma(spec.alpha, size=(n, spec.n_topics))
    weights /= weights.sum(axis=1, keepdims=True)
    of_topic = rng.multinomial(lengths, weights)
    # a token is a key, document and word: sorted, they are the compressed rows
    keys = np.repeat(np.tile(np.arange(n) * spec.n_words, spec.n_topics), of_topic.T.ravel())
    first = 0
    for table, count in zip(tables, of_topic.sum(axis=0), strict=True):
        last = first + int(count)
        keys[first:last] += table[rng.integers(0, _SLOTS, last - first, dtype=np.uint32)]
        first = last
    keys.sort()
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    unique = keys[starts]
    documents, words = np.divmod(unique, spec.n_words)
    counts = np.diff(starts, append=len(keys)).astype(np.int32)
    indptr = np.searchsorted(documents, np.arange(n + 1))
    shape = (n, spec.n_words)
    return sparse.csr_matrix((counts, words.astype(np.int32), indptr), shape=shape)
