"""The judge: slow, obvious float64 NumPy that belongs to none of the implementations.

``evaluate`` turns what an implementation returned into one figure; ``solve`` runs the same
iterations itself, so that there is a truth even where a single implementation takes part.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .cases import Case

_ROWS = 4096

Params = dict[str, np.ndarray]


def evaluate(case: Case, data: np.ndarray, params: Params) -> float:
    """Return the mean log-likelihood of a mixture, or the inertia of centres, over all rows.

    Raises
    ------
    ValueError
        If an array is missing, has the wrong shape or is not finite, a covariance is not positive
        definite, or the figure itself is not finite.
    """
    _check(case, params)
    if case.kind == "gmm":
        density = _Density(case.covariance, params)
        total = sum(float(_logsumexp(density(rows))[0].sum()) for rows in _blocks(data))
        value = total / len(data)
    else:
        shift = data[:_ROWS].mean(axis=0, dtype=np.float64)
        centers = params["centers"].astype(np.float64) - shift
        value = sum(
            float(_distances(rows - shift, centers).min(axis=1).sum()) for rows in _blocks(data)
        )
    if not np.isfinite(value):
        raise ValueError(f"evaluates to {value}")
    return value


def solve(case: Case, data: np.ndarray, start: Params) -> Params:
    """Return the parameters after ``case.n_iter`` iterations from the start, or drawn centres."""
    if case.kind == "kmeans++":
        return {"centers": _plus_plus(data, case.k, np.random.default_rng(case.seed))}
    step = _em_step if case.kind == "gmm" else _lloyd_step
    params = {name: a.astype(np.float64) for name, a in start.items()}
    if case.kind == "gmm":
        # Starts have unit precisions, whose inverse is themselves.
        params["covariances"] = params.pop("precisions")
    for _ in range(case.n_iter):
        params = step(case, data, params)
    return params


def _check(case: Case, params: Params) -> None:
    k, d = case.k, case.d
    shapes: dict[str, tuple[int, ...]] = {"centers": (k, d)}
    if case.kind == "gmm":
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


def _blocks(data: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(data), _ROWS):
        yield data[first : first + _ROWS].astype(np.float64)


class _Density:
    """Weighted log-densities of rows, (rows, k), for parameters of any covariance type."""

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
            self.factor = 1.0 / np.sqrt(covariances)
            half = 0.5 * np.log(covariances) * (d if covariance == "spherical" else 1)
            half = half.sum(axis=-1) if covariance == "diag" else half
        self.constant = np.log(params["weights"].astype(np.float64)) - half
        self.constant = np.broadcast_to(self.constant - 0.5 * d * np.log(2 * np.pi), (k,))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        if self.covariance == "tied":
            return self.constant - 0.5 * _distances(rows @ self.factor, self.means @ self.factor)
        out = np.empty((len(rows), len(self.means)))
        for j, mean in enumerate(self.means):
            centred = rows - mean
            y = centred @ self.factor[j] if self.covariance == "full" else centred * self.factor[j]
            out[:, j] = self.constant[j] - 0.5 * np.einsum("ij,ij->i", y, y)
        return out


def _distances(rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Squared distances by expansion: the cases lie near the origin, so ten digits stay."""
    squares = np.einsum("ij,ij->i", rows, rows)[:, None] + (centers**2).sum(axis=1)
    return np.maximum(squares - 2.0 * rows @ centers.T, 0.0)


def _logsumexp(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log sum exp of each row, and the values as shares of their row's sum."""
    highest = values.max(axis=1, keepdims=True)
    shares = np.exp(values - highest)
    total = shares.sum(axis=1, keepdims=True)
    return (highest + np.log(total))[:, 0], shares / total


def _em_step(case: Case, data: np.ndarray, params: Params) -> Params:
    """One EM iteration; moments are taken about the old means, then moved to the new ones."""
    density = _Density(case.covariance, params)
    means, full = density.means, case.covariance in ("full", "tied")
    k, d = means.shape
    count, first = np.zeros(k), np.zeros((k, d))
    second = np.zeros((k, d, d) if full else (k, d))
    for rows in _blocks(data):
        shares = _logsumexp(density(rows))[1]
        count += shares.sum(axis=0)
        for j in range(k):
            centred = rows - means[j]
            weighted = shares[:, j, None] * centred
            first[j] += weighted.sum(axis=0)
            second[j] += weighted.T @ centred if full else (weighted * centred).sum(axis=0)
    shift = first / count[:, None]
    if full:
        covariances = second / count[:, None, None] - shift[:, :, None] * shift[:, None, :]
    else:
        covariances = second / count[:, None] - shift**2
    if case.covariance == "tied":
        covariances = np.einsum("k,kij->ij", count / count.sum(), covariances)
    if case.covariance == "spherical":
        covariances = covariances.mean(axis=1)
    return {"weights": count / count.sum(), "means": means + shift, "covariances": covariances}


def _lloyd_step(case: Case, data: np.ndarray, params: Params) -> Params:
    centers = params["centers"]
    total, count = np.zeros_like(centers), np.zeros(case.k)
    for rows in _blocks(data):
        nearest = _distances(rows, centers).argmin(axis=1)
        one_hot = np.zeros((len(rows), case.k))
        one_hot[np.arange(len(rows)), nearest] = 1.0
        total += one_hot.T @ rows
        count += one_hot.sum(axis=0)
    alive = count > 0
    return {"centers": np.where(alive[:, None], total / np.maximum(count, 1)[:, None], centers)}


def _plus_plus(data: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007; 2 + log k trials a centre)."""
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
