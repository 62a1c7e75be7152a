"""Topic-word distributions stored as sparse values above a floor, never as topics x words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

#: 16 bits hold the number of a topic.
MOST_TOPICS = 65_535


@dataclass(frozen=True, eq=False)
class TopicWord:
    """Distributions over words, one per topic: ``phi[k, w] = floor[k] + value(w, k)``.

    The values are compressed rows, one per word. For a word that a topic never drew only the
    topic's floor is stored, the share of the prior, so that the size is that of the counts.

    Parameters
    ----------
    indptr : ndarray of shape (n_words + 1,), int64
        The beginning of each word's values.
    topics : ndarray of shape (n_values,), uint16
        Topic of each value, ascending within a word.
    values : ndarray of shape (n_values,), float32
        Added to the floor, >= 0.
    floor : ndarray of shape (n_topics,), float32
        The least probability of a word in each topic, >= 0.

    Raises
    ------
    ValueError
        If the arrays do not match.
    """

    indptr: NDArray[np.int64]
    topics: NDArray[np.uint16]
    values: NDArray[np.float32]
    floor: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            given = np.asarray(getattr(self, name))
            if given.ndim != 1:
                raise ValueError(f"{name} must have one dimension; got shape {given.shape}")
            if given.size and given.dtype.kind != np.dtype(dtype).kind:
                allowed = "iu" if np.dtype(dtype).kind in "iu" else "f"
                if given.dtype.kind not in allowed:
                    raise ValueError(f"{name} must be {np.dtype(dtype)}; got {given.dtype}")
                if name == "topics" and not 0 <= given.min() <= given.max() < MOST_TOPICS:
                    raise ValueError(f"topics must be in [0, {MOST_TOPICS})")
            object.__setattr__(self, name, np.ascontiguousarray(given, dtype=dtype))
        _check(self)

    @property
    def n_topics(self) -> int:
        """Number of topics."""
        return len(self.floor)

    @property
    def n_words(self) -> int:
        """Number of words in the vocabulary."""
        return len(self.indptr) - 1

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays in the order of the kernels: indptr, topics, values, floor."""
        return self.indptr, self.topics, self.values, self.floor

    @classmethod
    def from_dense(cls, phi: ArrayLike) -> TopicWord:
        """Store given distributions; each topic's floor is its least probability.

        Parameters
        ----------
        phi : array-like of shape (n_topics, n_words)
            Not negative; rows sum to 1 within 1e-3 (float32 keeps about seven digits).

        Raises
        ------
        ValueError
            If it is not such an array.
        """
        dense = np.asarray(phi)
        if dense.dtype.kind not in "fiu" or dense.ndim != 2 or 0 in dense.shape:
            raise ValueError(
                "phi must be an array of numbers of shape (n_topics, n_words); "
                f"got {dense.dtype} of shape {dense.shape}"
            )
        if len(dense) > MOST_TOPICS:
            raise ValueError(f"phi must have at most {MOST_TOPICS} topics; got {len(dense)}")
        if not np.isfinite(dense).all() or dense.min() < 0:
            raise ValueError("phi must hold probabilities; got negative or non-finite numbers")
        total = dense.sum(axis=1, dtype=np.float64)
        if np.abs(total - 1).max() > 1e-3:
            k = int(np.argmax(np.abs(total - 1)))
            raise ValueError(
                f"each row of phi must sum to 1; row {k} sums to {total[k]:.6g}: "
                "divide each row by its sum"
            )
        floor = dense.min(axis=1).astype(np.float32)
        above = (dense.T - floor.astype(np.float64)).astype(np.float32)
        # the floor was rounded, so the smallest values may be below it by one part in 2^24
        np.maximum(above, 0, out=above)
        rows = sp.csr_array(above)
        return cls._of(rows, floor)

    @classmethod
    def from_counts(cls, counts: Any, beta: float, seeds: Any | None = None) -> TopicWord:
        """Return the mean of the posterior over distributions, given word-topic counts.

        ``phi[k, w] = (n_wk + beta_wk) / (n_k + sum_w beta_wk)`` with ``beta_wk = beta +
        seeds[w, k]`` (Griffiths and Steyvers 2004, equation 6).

        Parameters
        ----------
        counts : sparse matrix or array of shape (n_words, n_topics)
            Tokens of each word in each topic.
        beta : float
            The prior of every word in every topic, > 0.
        seeds : sparse matrix or array of shape (n_words, n_topics), optional
            Prior counts of seed words in addition to ``beta``, >= 0.

        Raises
        ------
        ValueError
            If a shape, ``beta`` or a count is invalid.
        """
        if not (np.isfinite(beta) and beta > 0):
            raise ValueError(f"beta must be a finite number > 0; got {beta!r}")
        above = _rows(counts, "counts")
        n_words, n_topics = above.shape
        mass = np.asarray(above.sum(axis=0), dtype=np.float64).ravel() + beta * n_words
        if seeds is not None:
            extra = _rows(seeds, "seeds")
            if extra.shape != above.shape:
                raise ValueError(f"seeds must have the shape {above.shape}; got {extra.shape}")
            above = above + extra
            mass += np.asarray(extra.sum(axis=0), dtype=np.float64).ravel()
        above = sp.csr_array(
            ((above.data / mass[above.indices]).astype(np.float32), above.indices, above.indptr),
            shape=(n_words, n_topics),
        )
        return cls._of(above, (beta / mass).astype(np.float32))

    @classmethod
    def average(cls, several: Sequence[TopicWord]) -> TopicWord:
        """Return the mean of distributions whose topics correspond: samples of one chain.

        Raises
        ------
        ValueError
            If there are none, or if their shapes differ.
        """
        if not several:
            raise ValueError("average needs at least one TopicWord; got none")
        shape = (several[0].n_topics, several[0].n_words)
        total = sp.csr_array((shape[1], shape[0]), dtype=np.float64)
        floor = np.zeros(shape[0])
        for one in several:
            if (one.n_topics, one.n_words) != shape:
                raise ValueError(
                    f"average needs equal shapes; got {shape} and {(one.n_topics, one.n_words)}"
                )
            total = total + one.matrix(np.float64)
            floor += one.floor
        total.data /= len(several)
        return cls._of(total, floor / len(several))

    @classmethod
    def _of(cls, rows: Any, floor: NDArray[Any]) -> TopicWord:
        rows.sum_duplicates()  # and sorts
        rows.eliminate_zeros()
        return cls(
            rows.indptr.astype(np.int64),
            rows.indices.astype(np.uint16),
            rows.data.astype(np.float32),
            floor.astype(np.float32),
        )

    def matrix(self, dtype: Any) -> Any:
        """Return the values above the floor as a CSR array of shape (n_words, n_topics)."""
        return sp.csr_array(
            (self.values.astype(dtype), self.topics.astype(np.int32), self.indptr),
            shape=(self.n_words, self.n_topics),
        )

    def dense(self, dtype: Any = np.float64) -> NDArray[Any]:
        """Return all distributions as an array of shape (n_topics, n_words)."""
        return self.columns(np.arange(self.n_words), dtype)

    def columns(self, words: ArrayLike, dtype: Any = np.float64) -> NDArray[Any]:
        """Return the probabilities of some words, an array of shape (n_topics, len(words)).

        Raises
        ------
        ValueError
            If a word is not in the vocabulary.
        """
        ids = np.asarray(words)
        if ids.size == 0:
            return np.empty((self.n_topics, 0), dtype)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ValueError(f"words must be a 1D array of word numbers; got {words!r:.60}")
        if ids.min() < 0 or ids.max() >= self.n_words:
            raise ValueError(f"words must be in [0, {self.n_words}); got {ids.min()}, {ids.max()}")
        out = np.empty((len(ids), self.n_topics), dtype)
        out[:] = self.floor
        first, count = self.indptr[ids], np.diff(self.indptr)[ids]
        row = np.repeat(np.arange(len(ids)), count)
        at = np.arange(len(row)) + np.repeat(first - np.cumsum(count) + count, count)
        out[row, self.topics[at]] += self.values[at]
        return np.ascontiguousarray(out.T)

    def of_pairs(self, topics: ArrayLike, words: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each word in its topic.

        Parameters
        ----------
        topics, words : array-like of int, broadcast against each other

        Returns
        -------
        ndarray of the broadcast shape, float64

        Raises
        ------
        ValueError
            If a topic or a word does not exist.
        """
        k, w = np.broadcast_arrays(np.asarray(topics, np.int64), np.asarray(words, np.int64))
        for ids, n, name in ((k, self.n_topics, "topics"), (w, self.n_words, "words")):
            if ids.size and not 0 <= ids.min() <= ids.max() < n:
                raise ValueError(f"{name} must be in [0, {n}); got {ids.min()}, {ids.max()}")
        found = self.floor[k].astype(np.float64)
        row = np.repeat(np.arange(self.n_words), np.diff(self.indptr))
        key = row * np.int64(self.n_topics) + self.topics  # ascends, as words and topics do
        wanted = w * np.int64(self.n_topics) + k
        at = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        if len(key):
            found += np.where(key[at] == wanted, self.values[at], 0)
        return found  # type: ignore[no-any-return]

    def top_words(self, n: int) -> NDArray[np.int64]:
        """Return the ``n`` most probable words of each topic, equal ones sorted by number.

        Returns
        -------
        ndarray of shape (n_topics, min(n, n_words))

        Raises
        ------
        ValueError
            If ``n`` is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1; got {n}")
        n = min(int(n), self.n_words)
        by_topic = self.matrix(np.float32).tocsc()
        by_topic.sort_indices()
        top = np.empty((self.n_topics, n), np.int64)
        for k in range(self.n_topics):
            part = slice(by_topic.indptr[k], by_topic.indptr[k + 1])
            ids, values = by_topic.indices[part], by_topic.data[part]
            ids = ids[np.argsort(-values, kind="stable")[:n]].astype(np.int64)
            if len(ids) < n:  # the rest have only the floor
                rest = np.setdiff1d(np.arange(min(self.n_words, n + len(ids))), ids)
                ids = np.concatenate([ids, rest[: n - len(ids)]])
            top[k] = ids
        return top

    def take(self, topics: ArrayLike) -> TopicWord:
        """Return some topics in the given order, like ``phi[topics]``.

        Raises
        ------
        ValueError
            If a topic does not exist.
        """
        ids = np.asarray(topics)
        if ids.ndim != 1 or ids.dtype.kind not in "iu" or not ids.size:
            raise ValueError(f"topics must be a 1D array of topic numbers; got {topics!r:.60}")
        if ids.min() < 0 or ids.max() >= self.n_topics:
            raise ValueError(
                f"topics must be in [0, {self.n_topics}); got {ids.min()}, {ids.max()}"
            )
        return self._of(sp.csr_array(self.matrix(np.float32)[:, ids]), self.floor[ids])


_DTYPES: dict[str, Any] = {
    "indptr": np.int64,
    "topics": np.uint16,
    "values": np.float32,
    "floor": np.float32,
}


def _check(t: TopicWord) -> None:
    stored = len(t.values)
    if len(t.indptr) < 1 or t.indptr[0] != 0 or t.indptr[-1] != stored:
        raise ValueError(f"indptr must begin at 0 and end at the {stored} values")
    if (np.diff(t.indptr) < 0).any():
        raise ValueError("indptr must not decrease")
    if len(t.topics) != stored:
        raise ValueError(f"topics must have {stored} entries, one per value; got {len(t.topics)}")
    if not 1 <= t.n_topics <= MOST_TOPICS:
        raise ValueError(f"floor must have 1 to {MOST_TOPICS} entries; got {t.n_topics}")
    if stored:
        if t.topics.max() >= t.n_topics:
            raise ValueError(f"topics must be in [0, {t.n_topics}); got {t.topics.max()}")
        follows = np.ones(stored, bool)
        follows[t.indptr[:-1][t.indptr[:-1] < stored]] = False
        if (t.topics[1:] <= t.topics[:-1])[follows[1:]].any():
            raise ValueError("topics must ascend within a word")
    for name in ("values", "floor"):
        given = getattr(t, name)
        if given.size and not (np.isfinite(given).all() and given.min() >= 0):
            raise ValueError(f"{name} must be finite and >= 0")


def _rows(matrix: Any, name: str) -> Any:
    """Return a copy in CSR of float64, checked."""
    rows = sp.csr_array(matrix, dtype=np.float64, copy=True)
    if rows.ndim != 2 or rows.shape[1] < 1 or rows.shape[1] > MOST_TOPICS:
        raise ValueError(
            f"{name} must have the shape (n_words, n_topics) with 1 to {MOST_TOPICS} topics; "
            f"got {rows.shape}"
        )
    if rows.nnz and not (np.isfinite(rows.data).all() and rows.data.min() >= 0):
        raise ValueError(f"{name} must be finite and >= 0")
    return rows
