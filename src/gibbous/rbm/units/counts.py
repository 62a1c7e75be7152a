"""Visible units that are counts of words: the replicated softmax."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.utils.validation import check_non_negative

from ..._ground import random
from ..machine import kernels
from ..machine.machine import Machine
from ..machine.rows import numbers_of, whole_numbers
from ..machine.settings import Settings
from ..machine.units import Clamp, Flips, Units

Array = NDArray[Any]


def lengths_of(X: Any) -> Array:
    """Return the number of words of each row."""
    return np.asarray(X.sum(axis=1, dtype=np.float64)).ravel()


def chain_lengths(n_words: Any, chains: int) -> Array:
    """Return the number of words of each chain.

    Raises
    ------
    ValueError
        If ``n_words`` is neither one number >= 0 nor one for each chain.
    """
    lengths = np.round(np.asarray(n_words, dtype=np.float64))
    if lengths.shape not in ((), (chains,)) or not (lengths >= 0).all():
        raise ValueError(
            f"n_words must be one number >= 0, or one for each of {chains} chains; "
            f"got {n_words!r:.80}"
        )
    return np.array(np.broadcast_to(lengths, chains))


@dataclass(frozen=True)
class Counts(Units):
    """Counts of words, drawn from one softmax; :class:`~gibbous.ReplicatedSoftmax` has the rest.

    ``unit_state["lengths"]`` of the machine holds the words of each persistent chain.
    """

    fractional: str = "raise"
    mean_length: float = 0.0

    accepts: ClassVar[dict[str, Any]] = {"accept_sparse": "csr", "dtype": "numeric"}
    #: One conditional sums over the vocabulary.
    watched_rows: ClassVar[int] = 100
    code: ClassVar[int] = 2

    # ---- rows ------------------------------------------------------------------------------------

    def checked(self, X: Any, name: str, *, training: bool = False) -> Any:
        check_non_negative(X, f"{name}: counts of words")
        return X if self.fractional == "allow" else whole_numbers(X, "counts")

    def rows(
        self, X: Any, dtype: str, jobs: int, weight: Array | None = None, *, training: bool = False
    ) -> Any:
        return numbers_of(X, dtype, weight)

    def rows_of_means(self, v: Array, dtype: str, jobs: int) -> Any:
        return numbers_of(v, dtype)

    def seen(self, X: Any) -> Any:
        return X.toarray() if sp.issparse(X) else X

    def sizes(self, X: Any) -> Any:
        return np.maximum(lengths_of(X), 1.0)

    # ---- the start of training -------------------------------------------------------------------

    def fitted(self, X: Any, weight: Array | None) -> Counts:
        length = float(np.average(lengths_of(X), weights=weight))
        if length == 0:
            raise ValueError("X holds no words: every count is 0")
        return replace(self, mean_length=length)

    def means(self, machine: Machine, X: Any, weight: Array | None) -> Array:
        return self._shares(X, weight)

    def _shares(self, X: Any, weight: Array | None) -> Array:
        """Return the frequency of each word."""
        if weight is None:
            total = np.asarray(X.sum(axis=0, dtype=np.float64)).ravel()
        else:
            total = np.asarray(weight @ X).ravel()
        return np.asarray(total / max(total.sum(), 1.0))

    def first_bias(self, X: Any, weight: Array | None) -> Array:
        words, d = lengths_of(X).sum(), X.shape[1]
        # as if every word occurred once more
        return np.asarray(np.log((self._shares(X, weight) * words + 1.0) / (words + d)))

    def prepare(self, machine: Machine, settings: Settings, X: Any, weight: Array | None) -> None:
        chains = settings.persistent_chains
        if settings.method == "cd":
            machine.unit_state.pop("lengths", None)
        elif machine.unit_state.get("lengths", np.empty(0)).shape[0] != chains:
            rng = random.generator(machine.key or 0, "rbm-start", 1)
            p = None if weight is None else weight / weight.sum()
            drawn = rng.choice(lengths_of(X), chains, p=p)
            machine.unit_state["lengths"] = np.round(drawn).astype(machine.dtype)

    def set_up(self, core_settings: Any, settings: Settings) -> None:
        core_settings.rate /= self.mean_length
        core_settings.fast_rate /= self.mean_length
        core_settings.mean_length = self.mean_length

    # ---- scores ----------------------------------------------------------------------------------

    def least_score(self, machine: Machine) -> float:
        return -4.0 * self.mean_length * float(np.log(max(machine.n_visible, 2))) - 100.0

    def pseudo_likelihood(self, machine: Machine, X: Any, flips: Flips, jobs: int) -> Array:
        if flips.n is None:
            return self.exact_pseudo_likelihood(machine, X, jobs)
        lengths = lengths_of(X)
        rng = flips.generator(flips.n, max(int(lengths.max()), flips.n))
        rows, codes = self.rows(X, str(machine.dtype), jobs), self.codes()
        csr = sp.csr_matrix(X)
        # zeros at the ends, so that a row without words has an entry to refer to
        sums = np.concatenate([[0.0], np.cumsum(csr.data, dtype=np.float64)])
        indices = np.append(csr.indices, 0).astype(np.int64)
        total = np.zeros(X.shape[0])
        for _ in range(flips.n):
            goal = sums[csr.indptr[:-1]] + rng.random(X.shape[0]) * lengths
            place = np.searchsorted(sums[1:], goal, side="right")
            last = np.maximum(csr.indptr[1:] - 1, csr.indptr[:-1])
            chosen = indices[np.clip(place, csr.indptr[:-1], last)]
            total += kernels.conditionals(machine, codes, rows, chosen, jobs)
        return np.asarray(total * (lengths / flips.n))

    def exact_pseudo_likelihood(self, machine: Machine, X: Any, jobs: int) -> Array:
        """Return the sum over all words of log P(word | all others)."""
        csr = sp.csr_matrix(X)
        total = np.zeros(X.shape[0])
        counts = np.diff(csr.indptr)
        codes = self.codes()
        for number in range(int(counts.max(initial=0))):
            some = np.flatnonzero(counts > number)
            place = csr.indptr[some] + number
            rows = self.rows(csr[some], str(machine.dtype), jobs)
            found = kernels.conditionals(machine, codes, rows, csr.indices[place], jobs)
            total[some] += csr.data[place] * found
        return total

    # ---- chains ----------------------------------------------------------------------------------

    def held(self, X: Any) -> Clamp:
        return Clamp(lengths=chain_lengths(lengths_of(X), X.shape[0]))

    def visible_means(self, machine: Machine, h: Array, X: Any, jobs: int) -> Array:
        p = softmax(h @ machine.weights + machine.visible, axis=1)
        return np.asarray(p * lengths_of(X)[:, None])

    def clamp(self, X: Array, name: str, **known: Any) -> Clamp:
        missing = np.isnan(X)
        counts = np.where(missing, 0.0, X)
        check_non_negative(counts, f"{name}: counts of words")
        lengths = chain_lengths(known["n_words"], X.shape[0])
        short = np.flatnonzero((counts.sum(axis=1) > lengths) & missing.any(axis=1))
        if short.size:
            row = int(short[0])
            raise ValueError(
                f"n_words is {lengths[row]:g} for row {row}, whose known counts are "
                f"{counts[row].sum():g} already"
            )
        return Clamp(X, lengths)
