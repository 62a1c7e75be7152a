"""Fewer EM iterations: squared extrapolation of the EM map (SQUAREM), never worse than EM itself.

Three points of plain EM, a, b = EM(a) and c = EM(b), show the direction of EM: with r = b - a and
q = (c - b) - r a jump goes to x = a + 2 s r + s^2 q, and s = |r| / |q| is the third step length of
Varadhan and Roland (2008, Scandinavian Journal of Statistics 35, equations 7 and 9). s = 1 is c.

Coordinates have no constraints: log weights, means, and of each precision U U^T the log diagonal
of U and U divided by it, column by column (Pourahmadi 1999's modified Cholesky). Every jump thus
ends in a proper mixture. Lengths are taken in the Fisher information of rows whose components are
known: EM is a gradient step in it (Xu and Jordan 1996), and no scaling of the data changes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..parameters import Doubles, Parameters, covariances_of_factors
from .position import packed, unpacked

# Measured on thousands of random problems (noise, overlapping and separated groups, parts of iris,
# wine, Old Faithful and digits; 2 to 8 components, all covariance types and starts; tol 1e-6) and
# on the data sets of `python -m bench squarem`. These settings halve the map evaluations of EM. A
# longest step of 1e9 instead of 6 saves another 1% and ends in another optimum more often.
_LONGEST = 6.0
_FIRST = 4.0
#: The last trial before stopping may be longer, to find what the slowest direction still gains.
_LAST_LONGEST = 64.0
#: Minimum cosine of consecutive steps of EM: below, the path turns and cannot be extrapolated.
_LEAST_COSINE = 0.9
#: Steps of EM between two jumps. The result is then at least as good as EM's own second point.
#: Trials after one step saved up to 8% of the evaluations on random problems and nothing on real
#: data, and one jump in a hundred ended below that point.
_LEAST_STEPS = 2
#: Nats per row: while EM gains more, it has not approached an optimum yet, and jumps may select
#: another. Without this limit and the one on cosines 5.7% of the problems ended more than 1e-3
#: below EM, with both 2.7%, for as many evaluations.
_MOST_GAIN = 0.03


#: Numbers of an accelerated run, which its state stores.
_NUMBERS = (
    *("left", "longest", "plain_only", "length", "gain", "value", "done", "last_try", "missed"),
    *("plain", "noise"),
)


class Climbed(Protocol):
    """The interface of an engine of EM steps."""

    @property
    def type(self) -> str:
        """The covariance type."""

    def step(self, old: Parameters) -> tuple[float, Parameters, int]:
        """Return the objective of ``old``, EM's next point, and what failed or -1."""

    def starved(self) -> list[int]:
        """Return the components that the last step left without rows."""


class Steps:
    """Plain EM, one step of the engine at a time.

    Parameters
    ----------
    engine : Climbed
    tol : float
        EM has converged if a step changes the objective by less.
    """

    def __init__(self, engine: Climbed, tol: float) -> None:
        self.engine, self.tol = engine, tol

    def step(self, old: Parameters) -> tuple[float, Parameters, int]:
        """Evaluate the EM map once, like ``Engine.step``."""
        return self.engine.step(old)

    def converged(self, change: float) -> bool:
        """Return whether to stop after a step that changed the objective by ``change``."""
        return abs(change) < self.tol

    def starved(self) -> list[int]:
        """Return the components that the last step left without rows."""
        return self.engine.starved()

    def state(self) -> dict[str, Any]:
        """Return what a new object needs to continue, between two steps; plain EM keeps nothing."""
        return {}

    def restore(self, state: dict[str, Any], at: Parameters | None) -> None:
        """Continue from a state at the point where the run stopped."""


class Squarem(Steps):
    """Plain EM with jumps between its steps.

    Each evaluation of the map is either a step of EM or a trial jump. A trial follows at least two
    steps of EM, and a jump is accepted if the objective at its end is not below that of the last
    point; otherwise the step returns the point and the objective that it was given, and EM
    continues from there. The result is thus never lower than two steps of EM from the end of the
    previous jump. A jump that leads to a component without a valid covariance is undone, and the
    remaining steps are plain EM.

    The run has converged if a step of EM changes the objective by less than ``tol`` and the next
    jump, if one is possible, increases it by less, too; it then ends at the last point of EM.

    Parameters
    ----------
    engine : Climbed
    tol : float
    budget : int
        Maximum number of evaluations; the last one is not a trial.
    note : callable
        Called with a message when a jump was undone.
    """

    def __init__(
        self, engine: Climbed, tol: float, budget: int, note: Callable[[str], None]
    ) -> None:
        super().__init__(engine, tol)
        self._left, self._note = budget, note
        self._longest, self._plain_only, self._length = _FIRST, False, 1.0
        self._refuge: tuple[Parameters, float] | None = None
        self._forget()

    def _forget(self) -> None:
        """Start again at the current point: the previous points are not of this path."""
        self._at: Parameters | None = None
        self._before: tuple[Parameters, float] | None = None  # a point and its objective
        self._jump: Parameters | None = None
        self._gain = self._value = -math.inf
        self._done: bool | None = None  # None: no previous value to compare with
        self._last_try = self._missed = False
        self._plain = 0  # steps of EM since the last jump
        self._noise: float | None = None  # of this path: changes that are only rounding

    def state(self) -> dict[str, Any]:
        """Return what a new object needs to continue, between two steps."""
        numbers = {name: getattr(self, f"_{name}") for name in _NUMBERS}
        return {
            **{name: v.item() if isinstance(v, np.generic) else v for name, v in numbers.items()},
            "jump": packed(self._jump),
            **{
                name: None if pair is None else [packed(pair[0]), pair[1]]
                for name, pair in (("before", self._before), ("refuge", self._refuge))
            },
        }

    def restore(self, state: dict[str, Any], at: Parameters | None) -> None:
        """Continue from a state at the point where the run stopped."""
        for name in _NUMBERS:
            setattr(self, f"_{name}", state[name])
        self._at, self._jump = at, unpacked(state["jump"])
        for name in ("before", "refuge"):
            pair = state[name]
            setattr(self, f"_{name}", None if pair is None else (unpacked(pair[0]), pair[1]))

    def converged(self, change: float) -> bool:
        """Return whether to stop after a step that changed the objective by ``change``."""
        return super().converged(change) if self._done is None else self._done

    def starved(self) -> list[int]:
        """Return the components that the last step left without rows."""
        return [] if self._missed else super().starved()

    def step(self, old: Parameters) -> tuple[float, Parameters, int]:
        """Evaluate the EM map once.

        Returns
        -------
        objective : float
            Of the last accepted point: never lower than at the previous step, unless EM itself
            lowers it or a jump is undone.
        new : Parameters
            EM's next point, to be passed to the next call; another point starts a new path.
        failed : int
            First component without a proper covariance, or -1.
        """
        self._left -= 1
        self._missed = False
        if old is not self._at:
            self._forget()
        value, new, failed = self._step(old) if self._jump is None else self._land(old, self._jump)
        self._at = new
        return value, new, failed

    def _step(self, old: Parameters) -> tuple[float, Parameters, int]:
        try:
            value, new, failed = self.engine.step(old)
        except ValueError:
            if self._refuge is None:
                raise
            failed = 0
        if failed >= 0 and self._refuge is not None:
            return self._retreat(*self._refuge)
        if failed >= 0:
            return value, new, failed
        if self._before is not None:
            self._judge(self._before, (old, value), new)
        self._before, self._value = (old, value), value
        return value, new, failed

    def _retreat(self, point: Parameters, value: float) -> tuple[float, Parameters, int]:
        """Return to the start of the last jump and continue with plain EM."""
        self._note("a jump led to a component without rows: taken back, plain EM from there")
        self._plain_only, self._refuge = True, None
        self._forget()
        self._done = False
        return value, point, -1

    def _judge(
        self, a: tuple[Parameters, float], b: tuple[Parameters, float], c: Parameters
    ) -> None:
        """Decide after a step of EM whether to stop, to jump or to continue."""
        gain = b[1] - a[1]
        calm = gain <= min(self._gain, _MOST_GAIN)
        self._plain += 1
        self._gain, self._last_try = gain, abs(gain) < self.tol
        # with reg_covar EM may decrease in the end, and further steps do not help
        tries = gain > 0 and (calm or self._last_try) and not self._plain_only and self._left > 1
        if tries and self._plain < _LEAST_STEPS:
            self._done = False
            return
        if tries:
            self._jump = self._ahead(a[0], b[0], c)
        self._done = self._last_try and self._jump is None

    def _ahead(self, a: Parameters, b: Parameters, c: Parameters) -> Parameters | None:
        """Return the end of a jump from three points of EM, or None if none should be made."""
        kind = self.engine.type
        points = [_coordinates(p, kind) for p in (a, b, c)]
        r = [y - x for x, y in zip(points[0], points[1], strict=True)]
        s = [y - x for x, y in zip(points[1], points[2], strict=True)]
        for move in (r, s):  # the log weight of a component without rows is not finite, and is kept
            move[0][~np.isfinite(move[0])] = 0.0
        in_metric = _Metric(b, points[1], kind)
        ruler = in_metric(r), in_metric(s)
        rr, ss, rs = ruler[0] @ ruler[0], ruler[1] @ ruler[1], ruler[0] @ ruler[1]
        bend = ruler[1] - ruler[0]
        qq = bend @ bend
        if self._noise is None:
            self._noise = in_metric.noise(points[1], b)
        if not (np.isfinite(rr) and np.isfinite(ss)) or qq <= self._noise:
            return None
        if not self._last_try and rs < _LEAST_COSINE * math.sqrt(rr * ss):
            return None
        longest = _LAST_LONGEST if self._last_try else self._longest
        self._length = min(math.sqrt(rr / qq), longest)
        if self._length <= 1.01:  # that is c
            self._longest = max(self._longest, 2.0)
            return None
        t = self._length
        end = [x + 2.0 * t * u + t * t * (v - u) for x, u, v in zip(points[0], r, s, strict=True)]
        return _parameters(end, kind, b, float(getattr(self.engine, "reg_covar", 0.0)))

    def _land(self, old: Parameters, jump: Parameters) -> tuple[float, Parameters, int]:
        """Try a jump; return its end, or the given point if that is higher."""
        self._jump = None
        try:
            value, new, failed = self.engine.step(jump)
        except ValueError:  # rows with zero density
            failed = 0
        least = self._value + (self.tol if self._last_try else 0.0)
        if failed >= 0 or not value >= least:
            self._longest = max(1.0, min(self._length, self._longest) / 2.0)
            self._done, self._missed = self._last_try, True
            return self._value, old, -1
        if self._length >= self._longest:
            self._longest = min(2.0 * self._longest, _LONGEST)
        self._done = False
        self._refuge = old, self._value
        self._before, self._value, self._plain = (jump, value), value, 0
        return value, new, -1


# ---- coordinates ---------------------------------------------------------------------------------


def _diagonal(factors: NDArray[Any]) -> NDArray[Any]:
    return np.diagonal(factors, axis1=-2, axis2=-1)


def _coordinates(p: Parameters, kind: str) -> list[Doubles]:
    """Return log weights, means, log scales of U and, for full and tied, U over its diagonal."""
    u = p.factors.astype(np.float64)
    with np.errstate(divide="ignore"):
        log_weights = np.log(p.weights.astype(np.float64))
    means = p.means.astype(np.float64)
    if kind in ("full", "tied"):
        scale = _diagonal(u)
        return [log_weights, means, np.log(scale), u / scale[..., None, :]]
    return [log_weights, means, np.log(u)]


def _parameters(end: list[Doubles], kind: str, like: Parameters, least: float) -> Parameters | None:
    """Return the mixture at some coordinates, or None if its dtype cannot represent it.

    ``least`` is the minimum variance of EM. Jumps must not go below it, because EM could not keep
    the objective there.
    """
    dtype = like.weights.dtype
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        weights = np.exp(end[0] - end[0].max())
        scale = np.exp(end[2])
        wide = kind in ("full", "tied")
        u = np.triu(end[3] * scale[..., None, :]) if wide else scale
        factors = np.ascontiguousarray(u, dtype)
        own = _diagonal(factors) if wide else factors
        if not np.isfinite(factors).all() or not (own > 0).all() or own.max() ** 2 * least > 1.0:
            return None
        covariances = np.ascontiguousarray(covariances_of_factors(u, kind), dtype)
    means = np.ascontiguousarray(end[1], dtype)
    weights = np.ascontiguousarray(weights / weights.sum(), dtype)
    if not all(np.isfinite(part).all() for part in (weights, means, covariances)):
        return None
    return Parameters(weights, means, covariances, factors)


class _Metric:
    """The Fisher information at a mixture, for rows with known components.

    With Phi = U^-1 dU the squared length of a move is, summed over components with their weights,
    (d log w)^2 + |U^T d mu|^2 + 2 sum_i Phi_ii^2 + sum_i<j Phi_ij^2.
    """

    def __init__(self, p: Parameters, at: list[Doubles], kind: str) -> None:
        self._kind = kind
        self._root = np.sqrt(p.weights.astype(np.float64))
        self._u = p.factors.astype(np.float64)
        if kind in ("full", "tied"):
            self._scale = _diagonal(self._u)
            self._inverse = np.linalg.inv(at[3]) / self._scale[..., :, None]

    def __call__(self, move: list[Doubles]) -> Doubles:
        """Return a move as a vector with its length in the metric."""
        root, kind = self._root, self._kind
        if kind == "full":
            shift = (move[1][:, None, :] @ self._u)[:, 0, :]
        elif kind == "tied":
            shift = move[1] @ self._u
        else:
            shift = move[1] * (self._u if kind == "diag" else self._u[:, None])
        parts = [root * move[0], root[:, None] * shift]
        if kind in ("full", "tied"):
            own = root[:, None] if kind == "full" else 1.0
            parts.append(math.sqrt(2.0) * own * move[2])
            phi = self._inverse @ (move[3] * self._scale[..., None, :])
            parts.append(phi * (root[:, None, None] if kind == "full" else 1.0))
        else:
            # one variance per component is that of every feature
            same = 2.0 if kind == "diag" else 2.0 * move[1].shape[1]
            parts.append(math.sqrt(same) * (root[:, None] if kind == "diag" else root) * move[2])
        return np.concatenate([part.ravel() for part in parts])

    def noise(self, at: list[Doubles], p: Parameters) -> float:
        """Return the squared length of rounding errors, eight units of each number."""
        unit = 8.0 * float(np.finfo(p.weights.dtype).eps)
        sizes = [np.ones_like(at[0]), np.abs(at[1]), np.ones_like(at[2])]
        if len(at) > 3:
            sizes.append(np.abs(np.triu(at[3], 1)))
        length = self([unit * size for size in sizes])
        return float(length @ length)
