"""The evaluator: slow, straightforward float64 NumPy, independent of the implementations.

``evaluate`` turns what an implementation returned into one figure; ``solve`` runs the same
iterations itself, so that there is a reference even if only one implementation takes part.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import variational
from .case import Case

#: Rows at a time: 256 columns of densities stay in the second-level cache. Full covariances go
#: component by component, where the interpreter would otherwise cost more than the arithmetic.
_ROWS, _FULL_ROWS = 512, 4096

Params = dict[str, np.ndarray]


def evaluate(case: Case, data: np.ndarray, params: Params) -> float:
    """Return the mean log-likelihood of a mixture, or the inertia of centers, over all rows.

    Raises
    ------
    ValueError
        If an array is missing, has the wrong shape or is not finite, a covariance is not positive
        definite, or the figure itself is not finite.
    """
    _check(case, params)
    # closer to the origin fewer digits cancel; float64 even if the parameters are not
    shift = data[:_ROWS].mean(axis=0, dtype=np.float64)
    if case.mixture:
        density = _Density(case.covariance, {**params, "means": params["means"] - shift})
        total = sum(
            float(_logsumexp(density(rows - shift))[0].sum()) for rows in _blocks(case, data)
        )
        value = total / len(data)
    else:
        centers = params["centers"] - shift
        value = sum(_inertia(rows - shift, centers) for rows in _blocks(case, data))
    if not np.isfinite(value):
        raise ValueError(f"evaluates to {value}")
    return value


def solve(case: Case, data: np.ndarray, start: Params) -> Params:
    """Return the parameters after ``case.n_iter`` iterations from the start, or drawn centers."""
    if case.kind == "kmeans++":
        # Rows are in random order: the first tenth gives centers as good in a tenth of the time.
        sample = data[: max(len(data) // 10, min(len(data), 3000))]
        return {"centers": _plus_plus(sample, case.k, np.random.default_rng(case.seed))}
    if case.kind == "bgmm":
        return _solve_variational(case, data, start)
    step = _em_step if case.kind == "gmm" else _lloyd_step
    params = {name: a.astype(np.float64) for name, a in start.items()}
    if case.kind == "gmm":
        # Starts have unit precisions, which equal their inverse.
        params["covariances"] = params.pop("precisions")
    for _ in range(case.n_iter):
        params = step(case, data, params)
    params.pop("entropy", None)  # for variational mixtures only
    return params


def _check(case: Case, params: Params) -> None:
    k, d = case.k, case.d
    shapes: dict[str, tuple[int, ...]] = {"centers": (k, d)}
    if case.mixture:
        covariances = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}
        shapes = {
            "weights": (k,),
            "means": (k, d),
            "covariances": covariances[case.covariance],
        }
    for name, shape in shapes.items():
        if name not in params:
            raise ValueError(f"no {name} returned")
        if params[name].shape != shape:
            raise ValueError(f"{name} has shape {params[name].shape}, not {shape}")
        if not np.isfinite(params[name]).all():
            raise ValueError(f"{name} has values that are not finite")


def _blocks(case: Case, data: np.ndarray) -> Iterator[np.ndarray]:
    step = _FULL_ROWS if case.covariance == "full" else _ROWS
    for first in range(0, len(data), step):
        yield data[first : first + step].astype(np.float64)


class _Density:
    """Weighted log-densities of rows, (rows, k), for parameters of any covariance type.

    Squares are expanded if that gives a matrix product: the cases are within some widths of the
    origin, so that at least ten digits remain.
    """

    def __init__(self, covariance: str, params: Params) -> None:
        self.covariance = covariance
        self.means = params["means"].astype(np.float64)
        covariances = params["covariances"].astype(np.float64)
        k, d = self.means.shape
        if covariance in ("full", "tied"):
            lower = np.linalg.cholesky(covariances)
            # y = L^-1 (x - mu), so its factor on the right is the transpose of the inverse
            self.factor = np.swapaxes(np.linalg.inv(lower), -1, -2)
            half = np.log(np.diagonal(lower, axis1=-2, axis2=-1)).sum(axis=-1)
        else:
            variances = np.broadcast_to(covariances.reshape(k, -1), (k, d))
            if not (variances > 0).all():
                raise ValueError("a variance is not positive")
            self.factor = 1.0 / variances
            half = 0.5 * np.log(variances).sum(axis=1)
        log_weights = params.get("log_weights")
        if log_weights is None:
            log_weights = np.log(params["weights"].astype(np.float64))
        self.constant = log_weights - half
        self.constant = np.broadcast_to(self.constant - 0.5 * d * np.log(2 * np.pi), (k,))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        if self.covariance == "full":
            return self.constant - 0.5 * self._full(rows)
        if self.covariance == "tied":
            rows, means = rows @ self.factor, self.means @ self.factor
            squares = np.einsum("ij,ij->i", rows, rows)[:, None]
            return self.constant - 0.5 * squares - _half_distances(rows, means)
        product = rows @ (self.means * self.factor).T
        squares = (rows**2) @ self.factor.T + (self.means**2 * self.factor).sum(axis=1)
        return self.constant - 0.5 * squares + product

    def _full(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), len(self.means)))
        for j, mean in enumerate(self.means):
            y = (rows - mean) @ self.factor[j]
            out[:, j] = np.einsum("ij,ij->i", y, y)
        return out


def _half_distances(rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Half of the squared distances, minus half of the squared norms of the rows."""
    return 0.5 * (centers**2).sum(axis=1) - rows @ centers.T


def _inertia(rows: np.ndarray, centers: np.ndarray) -> float:
    least = _half_distances(rows, centers).min(axis=1)
    return float((rows**2).sum() + 2.0 * least.sum())


def _logsumexp(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log sum exp of each row, and the normalized values."""
    highest = values.max(axis=1, keepdims=True)
    shares = np.exp(values - highest)
    total = shares.sum(axis=1, keepdims=True)
    return (highest + np.log(total))[:, 0], shares / total


def _em_step(case: Case, data: np.ndarray, params: Params) -> Params:
    """One EM iteration."""
    density = _Density(case.covariance, params)
    means, full = density.means, case.covariance == "full"
    k, d = means.shape
    count, first, entropy = np.zeros(k), np.zeros((k, d)), 0.0
    second = np.zeros({"full": (k, d, d), "tied": (d, d)}.get(case.covariance, (k, d)))
    for rows in _blocks(case, data):
        shares = _logsumexp(density(rows))[1]
        entropy -= float(np.sum(shares * np.log(np.maximum(shares, 1e-300))))
        count += shares.sum(axis=0)
        first += shares.T @ rows
        if case.covariance == "tied":
            second += rows.T @ rows
        elif not full:
            second += shares.T @ rows**2
        else:
            for j in range(k):
                centered = rows - means[j]
                second[j] += (shares[:, j, None] * centered).T @ centered
    new = first / count[:, None]
    weights = count / count.sum()
    if full:
        # moments were taken about the old means
        shift = new - means
        covariances = second / count[:, None, None] - shift[:, :, None] * shift[:, None, :]
    elif case.covariance == "tied":
        covariances = second / len(data) - (weights[:, None] * new).T @ new
    else:
        covariances = second / count[:, None] - new**2
        if case.covariance == "spherical":
            covariances = covariances.mean(axis=1)
    return {
        "weights": weights,
        "means": new,
        "covariances": covariances,
        "entropy": np.array([entropy]),
    }


def _solve_variational(case: Case, data: np.ndarray, start: Params) -> Params:
    """Return the posterior's mixture and its lower bound after ``case.n_iter`` iterations."""
    prior = variational.prior_of(case, data)
    begun = variational.state(case, start)
    nk = begun["mean_precision_"] - 1.0
    # the constants of the E-step depend on the counts alone
    params = {
        "means": start["means"].astype(np.float64),
        "covariances": start["precisions"].astype(np.float64),
        "log_weights": variational.posterior(case, prior, nk, start["means"], start["precisions"])[
            "log_weights"
        ],
    }
    for _ in range(case.n_iter):
        sums = _em_step(case, data, params)
        nk = sums["weights"] * len(data)
        params = variational.posterior(case, prior, nk, sums["means"], sums["covariances"])
    params["lower_bound"] = sums["entropy"] + params.pop("normaliser")
    del params["log_weights"]
    return params


def _lloyd_step(case: Case, data: np.ndarray, params: Params) -> Params:
    centers = params["centers"]
    nearest = np.concatenate(
        [_half_distances(rows, centers).argmin(axis=1) for rows in _blocks(case, data)]
    )
    count = np.bincount(nearest, minlength=case.k)[:, None]
    total = np.stack(
        [np.bincount(nearest, weights=column, minlength=case.k) for column in data.T], axis=1
    )
    return {"centers": np.where(count > 0, total / np.maximum(count, 1), centers)}


def _plus_plus(data: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007; 2 + log k trials per center)."""
    squares = np.einsum("ij,ij->i", data, data)[:, None]
    trials = 2 + int(np.log(k))
    chosen = [int(rng.integers(len(data)))]
    nearest = np.maximum(squares + squares[chosen].T - 2.0 * data @ data[chosen].T, 0.0)[:, 0]
    while len(chosen) < k:
        cumulative = np.cumsum(nearest, dtype=np.float64)
        picks = np.searchsorted(cumulative, rng.random(trials) * cumulative[-1])
        picks = np.minimum(picks, len(data) - 1)
        between = squares + squares[picks].T - 2.0 * data @ data[picks].T
        np.clip(between, 0.0, nearest[:, None], out=between)
        best = int(between.sum(axis=0, dtype=np.float64).argmin())
        chosen.append(int(picks[best]))
        nearest = np.ascontiguousarray(between[:, best])
    return data[chosen].astype(np.float64)
