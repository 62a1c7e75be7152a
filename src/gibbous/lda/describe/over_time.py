"""Topics over time: their shares in periods, with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..fitted import FittedTopics, topic_numbers
from ..fold_in import Bags
from .documents import step_of
from .labels import topic_labels

#: Calendar periods; the first table has those that are a number of years.
_YEARS = {"year": 1, "decade": 10, "century": 100}
_UNITS = {"day": "D", "week": "W", "month": "M"}
PERIODS = ("day", "week", "month", "quarter", *_YEARS)


@dataclass(frozen=True, eq=False)
class TopicsOverTime:
    """Shares of topics in periods.

    Attributes
    ----------
    periods : ndarray of shape (n_periods,)
        The beginning of each period, ascending: numbers, or dates if the documents have dates.
        Periods without documents are left out.
    shares : ndarray of shape (n_periods, n_topics), float64
        Rows sum to 1 if all topics are included.
    errors : ndarray of shape (n_periods, n_topics), float64
        Standard errors of the shares, with the documents of a period as a sample; NaN for a period
        with one document.
    n_documents, n_tokens : ndarray of shape (n_periods,), int64
    topics : ndarray of shape (n_topics,), int64
        Numbers of the topics in the columns.
    labels : tuple of str
        Their labels.
    by : str
        What the periods are.
    """

    periods: NDArray[Any]
    shares: NDArray[np.float64]
    errors: NDArray[np.float64]
    n_documents: NDArray[np.int64]
    n_tokens: NDArray[np.int64]
    topics: NDArray[np.int64]
    labels: tuple[str, ...]
    by: str

    def __len__(self) -> int:
        return len(self.periods)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return one row per period and topic, as lists: period, topic, label, share, error."""
        p, k = self.shares.shape
        return {
            "period": list(np.repeat(self.periods, k)),
            "topic": list(np.tile(self.topics, p)),
            "label": list(self.labels) * p,
            "share": list(self.shares.ravel()),
            "error": list(self.errors.ravel()),
        }

    def to_frame(self, *, errors: bool = False) -> Any:
        """Return the shares, or their errors, as a pandas DataFrame: one row per period.

        Parameters
        ----------
        errors : bool
            Whether to return the standard errors instead of the shares.

        Raises
        ------
        ImportError
            If pandas is missing; ``to_dict`` works without it.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas") from error
        values = self.errors if errors else self.shares
        index = pd.Index(self.periods, name=self.by)
        return pd.DataFrame(values, index=index, columns=list(self.labels))

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the shares; see :func:`gibbous.plot.plot_topics_over_time`."""
        from ...plot import plot_topics_over_time

        return plot_topics_over_time(self, ax, **options)

    def __str__(self) -> str:
        top = np.argsort(-self.shares.mean(axis=0), kind="stable")[:5]
        head = [f"{len(self)} periods by {self.by}; the largest topics:"]
        for k in top:
            most = int(np.argmax(self.shares[:, k]))
            head.append(
                f"{self.topics[k]:>5}  {self.labels[k]}: mean {self.shares[:, k].mean():.4f}, "
                f"most {self.shares[most, k]:.4f} +- {self.errors[most, k]:.4f} "
                f"in {self.periods[most]}"
            )
        return "\n".join(head)


def periods_of(dates: Any, by: Any) -> tuple[NDArray[Any], NDArray[np.int64], str]:
    """Return the periods that occur, the period of each document, and the kind of period.

    Parameters
    ----------
    dates : array-like of shape (n_documents,)
        Years or other numbers, dates, or dates in ISO 8601 as text.
    by : str, int or sequence
        A period of the calendar; a number of bins of equal width; or the edges of bins, ascending,
        the last of which closes the last bin.

    Returns
    -------
    periods : ndarray of shape (n_periods,)
    member : ndarray of shape (n_documents,), int64
        -1 for documents outside of the edges, or without a date.
    kind : str

    Raises
    ------
    ValueError
        If ``by`` is invalid, all dates are missing, or dates are numbers and the period is shorter
        than a year.
    """
    when = _dates(dates)
    known = ~(np.isnat(when) if when.dtype.kind == "M" else np.isnan(when))
    if not known.any():
        raise ValueError("dates must hold at least one date; all are missing")
    if isinstance(by, str):
        keys, kind = _calendar(when, by), by
    else:
        edges = _edges(by, when, known)
        # bins are closed on the left, the last one on both sides
        at = np.searchsorted(edges[:-1], when, side="right") - 1
        known &= (when >= edges[0]) & (when <= edges[-1])
        keys, kind = edges[np.clip(at, 0, len(edges) - 2)], "date"
        if not known.any():
            raise ValueError("by: no date is within the given edges")
    periods, place = np.unique(keys[known], return_inverse=True)
    member = np.full(len(when), -1, np.int64)
    member[known] = place
    return periods, member, kind


def _dates(dates: Any) -> NDArray[Any]:
    """Return dates as datetime64 or float64."""
    given = np.asarray(dates)
    if given.ndim != 1:
        raise ValueError(f"dates must have one entry per document; got shape {given.shape}")
    if given.dtype.kind in "OUS":
        text = [str(v) if v is not None else "" for v in given.tolist()]
        try:
            given = np.array([np.datetime64(t if t else "NaT") for t in text], "M8[s]")
        except ValueError:
            at = next(i for i, t in enumerate(text) if not _is_date(t))
            raise ValueError(
                f"dates must be in the form 1862-12-01 or 1862; document {at} has {text[at]!r:.40}"
            ) from None
    if given.dtype.kind == "M":
        return given
    if given.dtype.kind not in "iuf":
        raise ValueError(f"dates must be numbers, dates or text; got {given.dtype}")
    return given.astype(np.float64)


def _is_date(text: str) -> bool:
    try:
        np.datetime64(text if text else "NaT")
    except ValueError:
        return False
    return True


def _calendar(when: NDArray[Any], by: str) -> NDArray[Any]:
    if by not in PERIODS:
        raise ValueError(
            f"by must be one of {', '.join(PERIODS)}, a number of bins or their edges; got {by!r}"
        )
    if when.dtype.kind == "f":
        if by not in _YEARS:
            raise ValueError(f"by={by!r} needs dates; these are numbers, taken for years")
        with np.errstate(invalid="ignore"):
            years = np.floor(when / _YEARS[by]) * _YEARS[by]
            whole: NDArray[Any] = np.where(np.isnan(years), 0, years).astype(np.int64)
        return whole
    if by in _YEARS:
        year = when.astype("M8[Y]").astype(np.int64)
        year = np.where(np.isnat(when), 0, year) + 1970
        starts: NDArray[Any] = year // _YEARS[by] * _YEARS[by]
        return starts
    if by == "quarter":
        months = when.astype("M8[M]")
        first: NDArray[Any] = months - (months.astype(np.int64) % 3).astype("m8[M]")
        return first
    if by == "week":  # weeks start on Mondays; NumPy's on Thursdays, the weekday of 1970-01-01
        days = when.astype("M8[D]")
        monday: NDArray[Any] = days - ((days.astype(np.int64) + 3) % 7).astype("m8[D]")
        return monday
    return when.astype(f"M8[{_UNITS[by]}]")


def _edges(by: Any, when: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    if isinstance(by, Integral) and not isinstance(by, bool):
        if by < 1:
            raise ValueError(f"by must be at least 1 bin; got {by}")
        least, most = when[known].min(), when[known].max()
        if when.dtype.kind == "f":
            return np.linspace(least, most if most > least else least + 1, int(by) + 1)
        seconds = np.array([least, most], "M8[s]").astype(np.int64)
        seconds[1] = max(seconds[1], seconds[0] + by)
        inner = np.linspace(seconds[0], seconds[1], int(by) + 1)
        return np.floor(inner).astype(np.int64).astype("M8[s]")
    if not isinstance(by, (Sequence, np.ndarray)) or len(by) < 2:
        raise ValueError(f"by must be a period, a number of bins, or edges; got {by!r:.60}")
    edges = _dates(by)
    if edges.dtype.kind != when.dtype.kind:
        raise ValueError("by: edges must be of the kind of the dates: both dates, or both numbers")
    if not (edges[1:] > edges[:-1]).all():
        raise ValueError("by: edges must ascend")
    return edges


class Tally:
    """Sums over documents from which shares and their errors follow, for batches of documents.

    A period's share is ``s = sum_d w_d theta_d / sum_d w_d``, a ratio of two sums over documents.
    Its squared standard error is that of a ratio estimator (Cochran 1977, equation 6.13): ``m /
    (m - 1) sum_d w_d^2 (theta_d - s)^2 / (sum_d w_d)^2`` for ``m`` documents.
    """

    def __init__(self, n_periods: int, n_topics: int) -> None:
        self.weight = np.zeros(n_periods)
        self.squares = np.zeros(n_periods)  # of weights
        self.first = np.zeros((n_periods, n_topics))  # sums of w theta
        self.cross = np.zeros((n_periods, n_topics))  # of w^2 theta
        self.second = np.zeros((n_periods, n_topics))  # of w^2 theta^2
        self.documents = np.zeros(n_periods, np.int64)
        self.tokens = np.zeros(n_periods, np.int64)

    def add(
        self,
        member: NDArray[np.int64],
        theta: NDArray[np.float64],
        weight: NDArray[np.float64],
        tokens: NDArray[np.int64],
    ) -> None:
        """Add documents; those without weight or period do not count."""
        use = (member >= 0) & (weight > 0)
        p, t, w = member[use], theta[use], weight[use]
        n = len(self.weight)
        self.documents += np.bincount(p, minlength=n)
        self.tokens += np.bincount(p, weights=tokens[use], minlength=n).astype(np.int64)
        self.weight += np.bincount(p, weights=w, minlength=n)
        self.squares += np.bincount(p, weights=w * w, minlength=n)
        rows = np.arange(len(p))
        self.first += sp.csr_array((w, (p, rows)), (n, len(p))) @ t
        squares = sp.csr_array((w * w, (p, rows)), (n, len(p)))
        self.cross += squares @ t
        self.second += squares @ (t * t)

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return shares and standard errors of periods; NaN if there is none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self.weight[:, None]
            share = self.first / total
            variance = self.second - 2 * share * self.cross + share**2 * self.squares[:, None]
            m = self.documents[:, None]
            error = np.sqrt(np.maximum(variance, 0.0) * m / (m - 1)) / total
            return share, np.where(m > 1, error, np.nan)


def topics_over_time(
    fitted: FittedTopics,
    X: Any,
    by: Any = "year",
    *,
    dates: Any = None,
    topics: Sequence[int] | None = None,
    weights: str = "tokens",
) -> TopicsOverTime:
    """Return the shares of topics in periods, with standard errors.

    Parameters
    ----------
    fitted : FittedTopics
    X : Corpus, sparse matrix or array of shape (n_documents, n_words)
        Documents, whose topics are inferred as by ``transform``.
    by : str, int or sequence, default "year"
        "day", "week", "month", "quarter", "year", "decade" or "century"; a number of bins of
        equal width; or the edges of bins, which are closed on the left, the last one on both
        sides.
    dates : array-like of shape (n_documents,), optional
        Years or other numbers, dates, or text such as 1862-12-01. By default those of the
        corpus. Documents without a date do not count.
    topics : sequence of int, optional
        Which topics; None for all.
    weights : {"tokens", "documents"}
        Whether a document counts by its tokens or as one.

    Returns
    -------
    TopicsOverTime
        With ``to_frame``, ``to_dict`` and ``plot``.

    Raises
    ------
    ValueError
        If there are no dates, or an argument is invalid.
    """
    if weights not in ("tokens", "documents"):
        raise ValueError(f"weights must be 'tokens' or 'documents'; got {weights!r}")
    corpus = fitted.read(X)
    when = getattr(X, "dates", None) if dates is None else dates
    if when is None:
        raise ValueError("dates must be given: X has none")
    if len(when) != corpus.n_documents:
        raise ValueError(
            f"dates must have one entry per document, {corpus.n_documents}; got {len(when)}"
        )
    k = fitted.n_topics
    which = np.arange(k) if topics is None else topic_numbers(topics, k, "topics")
    periods, member, kind = periods_of(when, by)
    tally = Tally(len(periods), len(which))
    lengths = corpus.document_lengths()
    step = step_of(k)
    for first in range(0, corpus.n_documents, step):
        own = slice(first, min(corpus.n_documents, first + step))
        theta = fitted.inference.dense(Bags.of(corpus[own]))[:, which]
        weight = (lengths[own] if weights == "tokens" else lengths[own] > 0).astype(np.float64)
        tally.add(member[own], theta, weight, lengths[own])
    some = tally.documents > 0
    shares, errors = tally.shares()
    labels = topic_labels(fitted)
    return TopicsOverTime(
        periods[some],
        shares[some],
        errors[some],
        tally.documents[some],
        tally.tokens[some],
        which,
        tuple(labels[t] for t in which),
        kind,
    )
