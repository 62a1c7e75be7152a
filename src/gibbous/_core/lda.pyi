# Written by tools/stubs.py.
"""Topics: samplers, counts and measures."""

from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "Documents",
    "ExactSampler",
    "FastSampler",
    "TopicWord",
    "count_pairs",
    "document_counts",
    "document_histogram",
    "fold_in",
    "infer",
    "left_to_right",
    "log_predictive",
]

class Documents:
    """Bags of words in compressed rows; the arrays are not copied."""

    def __init__(
        self,
        indptr: numpy.typing.NDArray[numpy.int64],
        words: numpy.typing.NDArray[numpy.int32],
        counts: numpy.typing.NDArray[numpy.int32],
    ) -> None: ...

class TopicWord:
    """Sparse values of words in topics over a floor; not copied."""

    def __init__(
        self,
        indptr: numpy.typing.NDArray[numpy.int64],
        topics: numpy.typing.NDArray[numpy.uint16],
        values: numpy.typing.NDArray[numpy.float32],
        floor: numpy.typing.NDArray[numpy.float32],
    ) -> None: ...

class ExactSampler:
    """Collapsed Gibbs sampler of topics on current counts."""

    def __init__(
        self,
        documents: Documents,
        n_words: int,
        n_topics: int,
        z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
        *,
        kernel: str = "auto",
        blocks: int = 0,
        n_threads: int = 1,
    ) -> None: ...
    def sweep(
        self,
        alpha: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        beta: float,
        beta_sum: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        seeds: tuple[
            typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
            typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
            typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
        ]
        | None,
        seed: int,
        iteration: int,
        n_threads: int,
    ) -> None: ...
    def topics(self, n_threads: int) -> numpy.typing.NDArray[numpy.uint16]: ...
    def totals(self) -> numpy.typing.NDArray[numpy.int64]: ...
    def word_counts(self, n_threads: int) -> tuple[typing.Any, ...]: ...
    @property
    def blocks(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def kernel(self) -> str: ...
    @property
    def tokens(self) -> int: ...
    @property
    def topic_count(self) -> int: ...

class FastSampler:
    """Metropolis-Hastings sampler of topics on delayed counts."""

    def __init__(
        self,
        documents: Documents,
        n_words: int,
        n_topics: int,
        n_proposals: int,
        z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16] | None,
        seed: int,
        n_threads: int,
    ) -> None: ...
    def frozen_totals(self) -> numpy.typing.NDArray[numpy.int64]: ...
    def set_frozen_totals(
        self, totals: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]
    ) -> None: ...
    def set_state(
        self, word: int, state: typing.Annotated[numpy.typing.ArrayLike, numpy.uint32]
    ) -> None: ...
    def state(self, word: int) -> numpy.typing.NDArray[numpy.uint32]: ...
    def sweep(
        self,
        alpha: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        beta: float,
        beta_sum: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        seeds: tuple[
            typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
            typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
            typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
        ]
        | None,
        seed: int,
        iteration: int,
        n_threads: int,
    ) -> None: ...
    def topics(self, n_threads: int) -> numpy.typing.NDArray[numpy.uint16]: ...
    def totals(self, n_threads: int) -> numpy.typing.NDArray[numpy.int64]: ...
    def word_counts(self, n_threads: int) -> tuple[typing.Any, ...]: ...
    @property
    def bytes(self) -> int: ...
    @property
    def state_words(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def topic_count(self) -> int: ...

def count_pairs(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    vocabulary: int,
    lists: numpy.typing.NDArray[numpy.int32],
    window: int,
    pairs: numpy.typing.NDArray[numpy.int64],
    threads: int,
) -> int:
    """Windows with each two words of a topic's list; returns the number of windows."""

def document_counts(
    document_tokens: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
    z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
    n_topics: int,
    n_threads: int,
) -> tuple[typing.Any, ...]:
    """Document-topic counts in compressed rows."""

def document_histogram(
    document_tokens: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
    z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
    n_topics: int,
    n_threads: int,
) -> tuple[typing.Any, ...]:
    """How many documents hold a topic how often: topics, counts, documents."""

@typing.overload
def fold_in(
    documents: Documents,
    topics: TopicWord,
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    theta: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """Topics of documents for given phi; returns how many documents stopped at max_iter."""

@typing.overload
def fold_in(
    documents: Documents,
    topics: TopicWord,
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    theta: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """Topics of documents for given phi; returns how many documents stopped at max_iter."""

@typing.overload
def infer(
    documents: Documents,
    topics: TopicWord,
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    theta: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """The likeliest topics of documents for given phi; returns how many stopped at max_iter."""

@typing.overload
def infer(
    documents: Documents,
    topics: TopicWord,
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    threshold: float,
    shares: tuple[
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.uint16],
        numpy.typing.NDArray[numpy.float32],
    ],
    threads: int,
) -> int:
    """The same for shares that reach a threshold: how many, their topics, their values."""

def left_to_right(
    documents: Documents,
    topics: TopicWord,
    alpha: numpy.typing.NDArray[numpy.float64],
    plan: tuple[str, int, int, int],
    log_p: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Left-to-right estimates of log p; plan: form, samples, positions to draw anew, seed."""

@typing.overload
def log_predictive(
    documents: Documents,
    topics: TopicWord,
    theta: numpy.typing.NDArray[numpy.float32],
    log_p: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Log-probability of each document's words for given theta and phi."""

@typing.overload
def log_predictive(
    documents: Documents,
    topics: TopicWord,
    theta: numpy.typing.NDArray[numpy.float64],
    log_p: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Log-probability of each document's words for given theta and phi."""
