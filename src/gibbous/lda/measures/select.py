"""The number of topics: a grid of fits, measured in several ways."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._fit.parallel import Stop, side_by_side
from ..._ground.random import Key, RandomState, child, key_of
from ..._ground.validate import n_threads
from ...corpus.corpus import Corpus
from ..topic_word import MOST_TOPICS, TopicWord
from .coherence import MEASURES as COHERENCES
from .coherence import coherence as coherence_of
from .coherence import exclusivity, topic_diversity
from .heldout import document_completion
from .inputs import corpus_of, described
from .stability import stability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The measures, and whether higher is better.
MEASURES = {
    "perplexity": False,
    "coherence": True,
    "diversity": True,
    "exclusivity": True,
    "stability": True,
}


@dataclass(frozen=True, eq=False)
class TopicSelection:
    """Measures of fits with several numbers of topics.

    Attributes
    ----------
    ks : tuple of int
        The numbers of topics, ascending.
    n_seeds : int
        Fits of each.
    values : dict of str to ndarray of shape (len(ks), n)
        Each measure of each fit, ``n = n_seeds``; for ``"stability"`` of each pair of fits,
        ``n = n_seeds (n_seeds - 1) / 2``.
    coherence : str
        Which coherence was measured.
    """

    ks: tuple[int, ...]
    n_seeds: int
    values: dict[str, NDArray[np.float64]]
    coherence: str

    @property
    def best(self) -> dict[str, int]:
        """For each measure the number of topics whose fits do best on average."""
        best = {}
        for name, values in self.values.items():
            mean = values.mean(axis=1)
            best[name] = self.ks[int(np.argmax(mean) if MEASURES[name] else np.argmin(mean))]
        return best

    def to_dict(self) -> dict[str, list[Any]]:
        """Return columns of equal length: n_topics, then mean and deviation of each measure."""
        columns: dict[str, list[Any]] = {"n_topics": list(self.ks)}
        for name, values in self.values.items():
            columns[name] = values.mean(axis=1).tolist()
            columns[f"{name}_std"] = values.std(axis=1).tolist()
        return columns

    def to_frame(self) -> Any:
        """Return one row per number of topics as a pandas DataFrame (pandas has to be installed).

        Raises
        ------
        ImportError
            If pandas is missing; ``to_dict`` needs nothing.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas") from error
        return pd.DataFrame(self.to_dict())

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw each measure over the number of topics with matplotlib and return the figure."""
        from ...plot import plot_selection

        return plot_selection(self, figure)

    def label(self, measure: str) -> str:
        """Return the name of a measure with the kind of coherence and the better direction."""
        name = f"coherence {self.coherence}" if measure == "coherence" else measure
        return f"{name} ({'higher' if MEASURES[measure] else 'lower'} is better)"

    def __str__(self) -> str:
        names = list(self.values)
        heads = [f"{self.coherence}" if n == "coherence" else n for n in names]
        widths = [max(len(head), 10) + 1 for head in heads]
        best = self.best
        fits = f"{self.n_seeds} fit{'s' if self.n_seeds > 1 else ''} each"
        lines = [f"{len(self.ks)} numbers of topics, {fits}; * the best of a measure"]
        lines.append(
            "topics" + "".join(f"{h:>{w}} " for h, w in zip(heads, widths, strict=True)).rstrip()
        )
        for i, k in enumerate(self.ks):
            cells = "".join(
                f"{self.values[n][i].mean():>{w}.5g}" + ("*" if best[n] == k else " ")
                for n, w in zip(names, widths, strict=True)
            )
            lines.append(f"{k:>6}{cells}".rstrip())
        return "\n".join(lines)


class _Fit(NamedTuple):
    topics: TopicWord
    perplexity: float


def select_topics(
    X: Any,
    ks: Iterable[int],
    *,
    measures: Sequence[str] = tuple(MEASURES),
    n_seeds: int = 3,
    held_out: float = 0.1,
    coherence: str = "c_npmi",
    texts: Iterable[Sequence[str]] | None = None,
    vocabulary: Sequence[str] | None = None,
    top_n: int = 10,
    estimator: Any = None,
    progress: Callable[[int, int], object] | None = None,
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> TopicSelection:
    """Fit models with several numbers of topics and measure them.

    No measure is sufficient alone. Held-out perplexity decreases until topics split what belongs
    together; diversity and exclusivity favor few topics; stability is high if the data determine
    the topics. Use a number at which several of them are near their best.

    Parameters
    ----------
    X : Corpus, sparse matrix or array-like of shape (n_documents, n_words)
        Word counts.
    ks : iterable of int
        Numbers of topics to try, each from 2.
    measures : sequence of str
        Of ``"perplexity"`` (document completion on documents that no fit has seen),
        ``"coherence"``, ``"diversity"``, ``"exclusivity"`` and ``"stability"`` (matched cosine
        between the fits of one number of topics; needs two seeds).
    n_seeds : int
        Fits of each number of topics, with different seeds.
    held_out : float
        Share of the documents kept for perplexity, in (0, 1).
    coherence : {"c_npmi", "c_v", "u_mass"}
        Computed on ``texts`` if given, otherwise on the documents of the fits.
    texts : iterable of sequences of str, optional
        Reference documents as tokens in order; see :func:`~gibbous.evaluate.coherence`.
    vocabulary : sequence of str, optional
        The words of ``X``; required with ``texts`` if ``X`` has none.
    top_n : int
        Words per topic for coherence, diversity and exclusivity.
    estimator : object, optional
        An unfitted model whose parameters all fits share; None for
        ``LatentDirichletAllocation()``. ``n_components`` and ``random_state`` are set for each
        fit, and ``n_jobs`` of models of gibbous.
    progress : callable, optional
        Called with the number of fits done and the number of all fits, after each.
    random_state : None, int, RandomState, Generator or SeedSequence
    n_jobs : int or None
        Threads. Fits run in parallel and share the rest; results do not depend on it.

    Returns
    -------
    TopicSelection

    Raises
    ------
    ValueError
        If an argument is invalid, or too few documents have words.
    """
    grid = _checked_grid(ks)
    wanted = _checked_measures(measures, n_seeds, held_out, coherence)
    corpus = corpus_of(X)
    vocabulary = corpus.vocabulary if vocabulary is None else vocabulary
    if texts is not None and vocabulary is None:
        raise ValueError("vocabulary must be given with texts: X has no vocabulary")
    key = key_of(random_state)
    data = _Data.of(corpus, held_out if "perplexity" in wanted else 0.0, key)
    model = _default() if estimator is None else estimator
    fits = _run(model, data, grid, n_seeds, key, n_threads(n_jobs), progress)
    values: dict[str, NDArray[np.float64]] = {}
    for name in wanted:
        if name == "coherence":
            # the lists of all fits at once: one pass over the reference
            of_topics = coherence_of(
                np.concatenate([fit.topics.top_words(top_n) for fit in fits]),
                None if texts is not None else data.train,
                texts=texts,
                measure=coherence,
                top_n=top_n,
                vocabulary=vocabulary,
                n_jobs=n_jobs,
            )
            ends = np.cumsum([fit.topics.n_topics for fit in fits])[:-1]
            each = [float(part.mean()) for part in np.split(of_topics, ends)]
        else:
            each = _measured(name, fits, n_seeds, top_n)
        values[name] = np.array(each).reshape(len(grid), -1)
    return TopicSelection(grid, n_seeds, values, coherence)


def _checked_grid(ks: Iterable[int]) -> tuple[int, ...]:
    grid = tuple(ks)
    for k in grid:
        if isinstance(k, bool) or not isinstance(k, Integral) or not 2 <= k <= MOST_TOPICS:
            raise ValueError(f"ks must be ints from 2 to {MOST_TOPICS}; got {k!r}")
    if not grid or len(set(grid)) < len(grid):
        raise ValueError(f"ks must be different numbers of topics, one at least; got {grid}")
    return tuple(sorted(int(k) for k in grid))


def _checked_measures(
    measures: Sequence[str], n_seeds: Any, held_out: Any, coherence: str
) -> tuple[str, ...]:
    wanted = (measures,) if isinstance(measures, str) else tuple(measures)
    odd = [name for name in wanted if name not in MEASURES]
    if odd or not wanted:
        raise ValueError(f"measures must be of {', '.join(MEASURES)}; got {measures!r}")
    if isinstance(n_seeds, bool) or not isinstance(n_seeds, Integral) or n_seeds < 1:
        raise ValueError(f"n_seeds must be an int >= 1; got {n_seeds!r}")
    if "stability" in wanted and n_seeds < 2:
        raise ValueError("stability needs n_seeds of 2 or more, or leave it out of measures")
    if not isinstance(held_out, Real) or not 0 < float(held_out) < 1:
        raise ValueError(f"held_out must be between 0 and 1; got {held_out!r}")
    if coherence not in COHERENCES:
        raise ValueError(f"coherence must be one of {', '.join(COHERENCES)}; got {coherence!r}")
    return tuple(name for name in MEASURES if name in wanted)


class _Data(NamedTuple):
    train: Corpus
    observed: Corpus | None
    hidden: Corpus | None

    @classmethod
    def of(cls, corpus: Corpus, share: float, key: int) -> _Data:
        """Hold out documents and split their tokens."""
        if not share:
            return cls(corpus, None, None)
        train, test = corpus.split(float(share), Key(child(key, "lda-select", 0)))
        return cls(train, *test.completion_split(Key(child(key, "lda-select", 1))))


def _default() -> Any:
    from ..model import LatentDirichletAllocation

    return LatentDirichletAllocation()


def _fit(model: Any, data: _Data, k: int, seed: int, threads: int, stop: Stop) -> _Fit:
    from sklearn.base import clone

    own = clone(model).set_params(n_components=k, random_state=seed)
    told = {"callback": stop} if "callback" in inspect.signature(own.fit).parameters else {}
    if type(own).__module__.startswith("gibbous."):
        own.set_params(n_jobs=threads).fit(data.train, **told)
    else:  # in other libraries n_jobs may mean processes
        own.fit(data.train.to_csr(), **told)
    known = described(own)
    perplexity = float("nan")
    if data.observed is not None and not stop():
        perplexity = document_completion(
            known.topics, data.observed, data.hidden, alpha=known.alpha, n_jobs=threads
        ).perplexity
    return _Fit(known.topics, perplexity)


def _run(
    model: Any,
    data: _Data,
    grid: tuple[int, ...],
    n_seeds: int,
    key: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> list[_Fit]:
    """Return the fits of the grid, seeds of one number of topics adjacent."""
    jobs = [
        (k, child(key, "lda-select", 2 + k * n_seeds + s) & 0xFFFFFFFF)
        for k in grid
        for s in range(n_seeds)
    ]
    workers = min(threads, len(jobs))
    stop, each = Stop(), threads if workers == 1 else threads // workers
    longest_first = sorted(range(len(jobs)), key=lambda i: -jobs[i][0])
    return side_by_side(
        lambda i: _fit(model, data, *jobs[i], each, stop), longest_first, workers, stop, progress
    )


def _measured(name: str, fits: list[_Fit], n_seeds: int, top_n: int) -> list[float]:
    """Return a measure of each fit, or of each pair of fits with one number of topics."""
    if name == "perplexity":
        return [fit.perplexity for fit in fits]
    if name == "diversity":
        return [topic_diversity(fit.topics, top_n=top_n) for fit in fits]
    if name == "exclusivity":
        return [float(exclusivity(fit.topics, top_n=top_n).mean()) for fit in fits]
    groups = [fits[i : i + n_seeds] for i in range(0, len(fits), n_seeds)]
    found = [stability([fit.topics for fit in group]) for group in groups]
    return [match.mean for agreed in found for match in agreed.matches]
