"""MALLET: SparseLDA in a Java process, if given by --mallet or GIBBOUS_BENCH_MALLET."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tempfile
import time
import weakref
from pathlib import Path

import numpy as np
from scipy import sparse

from ...lda.cases import TopicCase
from ...lda.heldout import Counts
from .gibbous import by_document
from .whole_fits import WholeFits

NAME = "MALLET"
REQUIRES = ()
DISTRIBUTIONS = ()
PROCESSES = True

#: The variable that names the command bin/mallet, or MALLET's folder.
VARIABLE = "GIBBOUS_BENCH_MALLET"

#: State files have one line per token.
_MOST_TOKENS = 20_000_000


def refuses(case: TopicCase) -> str:
    if not os.environ.get(VARIABLE):
        return "give --mallet PATH"
    return "" if _command().is_file() else f"no command {_command()}"


def load(case: TopicCase, threads: int) -> None:
    """Nothing is imported."""


def start(
    case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int, variant: str
) -> _Fits:
    return _Fits(case, corpus, threads, seed)


def _command() -> Path:
    path = Path(os.environ[VARIABLE])
    return path / "bin" / "mallet" if path.is_dir() else path


class _Fits(WholeFits):
    def __init__(self, case: TopicCase, corpus: sparse.csr_matrix, threads: int, seed: int) -> None:
        super().__init__()
        self.case, self.corpus, self.threads, self.seed = case, corpus, threads, seed
        self.folder = Path(tempfile.mkdtemp(prefix="gibbous-bench-mallet-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        _write(corpus, self.folder / "corpus.txt")
        _run(
            "import-file",
            {
                "input": self.folder / "corpus.txt",
                "output": self.folder / "corpus.mallet",
                "keep-sequence": "TRUE",
                "token-regex": r"\S+",
            },
        )
        self.before = self._train(0)

    def _train(self, n_sweeps: int) -> float:
        """Train from the start; return the seconds until its sweeps are done."""
        options: dict[str, object] = {
            "input": self.folder / "corpus.mallet",
            "num-topics": self.case.k,
            # the sum over topics
            "alpha": self.case.alpha * self.case.k,
            "beta": self.case.beta,
            "optimize-interval": 0,
            "num-iterations": n_sweeps,
            "num-threads": self.threads,
            "random-seed": 1 + self.seed,
            "word-topic-counts-file": self.folder / "counts.txt",
        }
        if self.corpus.sum() <= _MOST_TOKENS:
            options["output-state"] = self.folder / "state.gz"
        return _run("train-topics", options)

    def fit(self, n_sweeps: int) -> list[float]:
        # it starts again each time: the time beyond that of zero sweeps is sampling
        total = max(self._train(n_sweeps) - self.before, 1e-9)
        return [total / n_sweeps] * n_sweeps

    def state(self) -> Counts:
        shape = (self.corpus.shape[1], self.case.k)
        return Counts(
            _read_counts(self.folder / "counts.txt", shape), self._by_document(), self.case.beta
        )

    def _by_document(self) -> sparse.csr_matrix | None:
        path = self.folder / "state.gz"
        if not path.is_file():
            return None
        with gzip.open(path, "rt") as lines:
            topics = np.array(
                [int(line.rsplit(None, 1)[1]) for line in lines if line[0] != "#"], dtype=np.int32
            )
        lengths = np.asarray(self.corpus.sum(axis=1)).ravel()
        return by_document(topics, lengths, (self.corpus.shape[0], self.case.k))


def _write(corpus: sparse.csr_matrix, path: Path) -> None:
    """Write MALLET's text lines: name, label and words, which are their numbers."""
    with open(path, "w", encoding="ascii") as file:
        for d, (first, last) in enumerate(zip(corpus.indptr, corpus.indptr[1:], strict=False)):
            words = np.repeat(corpus.indices[first:last], corpus.data[first:last])
            file.write(f"{d} x {' '.join(map(str, words.tolist()))}\n")


def _run(command: str, options: dict[str, object]) -> float:
    """Run one of its commands; return the seconds until it prints its total time, or ends."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    began = time.perf_counter()
    spent, said = None, ""
    with subprocess.Popen(
        [str(_command()), command, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "_JAVA_OPTIONS": f"-Xmx{_heap()}m"},
    ) as process:
        for line in process.stderr or ():
            if re.match("total time", line, re.IGNORECASE) and spent is None:
                spent = time.perf_counter() - began
            said = line.strip() or said
    if process.returncode:
        raise RuntimeError(f"mallet {command}: exit status {process.returncode}: {said:.200}")
    return time.perf_counter() - began if spent is None else spent


def _heap() -> int:
    """Megabytes that Java may use: half of the memory; its own default is one gigabyte."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21


def _read_counts(path: Path, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Read lines of "number word topic:count ..."."""
    rows, topics, counts = [], [], []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            _, word, *pairs = line.split()
            for pair in pairs:
                topic, count = pair.split(":")
                rows.append(int(word))
                topics.append(int(topic))
                counts.append(int(count))
    return sparse.csr_matrix((np.array(counts, dtype=np.int32), (rows, topics)), shape=shape)
