"""Fewer EM iterations: map evaluations and seconds to convergence, plain and with SQUAREM.

Both start at the same parameters, those of scikit-learn's K-means, and stop when a step of EM
gains less than the tolerance. Old Faithful is read from the data folder (faithful.csv), the rest
comes with scikit-learn.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..rows.case import Case
from ..rows.reference import evaluate

TOLERANCES = (1e-3, 1e-6, 1e-9)
_MOST = 5000


def data_sets(folder: Path, quick: bool) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield name, rows and number of components."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
    from sklearn.decomposition import PCA

    if (folder / "faithful.csv").exists():
        rows = np.loadtxt(folder / "faithful.csv", delimiter=",", skiprows=1)[:, -2:]
        for k in (2, 3):
            yield "Old Faithful", standardized(rows), k
    yield "iris", load_iris().data, 3
    yield "wine", standardized(load_wine().data), 3
    if quick:
        return
    yield "breast cancer", standardized(load_breast_cancer().data), 2
    yield "digits, 10 principal components", PCA(10).fit_transform(load_digits().data), 10
    for k in (8, 16):
        yield "photo pixels", photo(), k


def photo() -> np.ndarray:
    """Return every eighth pixel of a photograph that comes with scikit-learn."""
    from sklearn.datasets import load_sample_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = load_sample_image("china.jpg")
    return np.ascontiguousarray(image.reshape(-1, 3)[::8] / 255.0)


def standardized(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def start(rows: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Return the moments of K-means clusters as a mixture's start."""
    from sklearn.cluster import KMeans

    labels = KMeans(k, n_init=1, random_state=0).fit(rows).labels_
    parts = [rows[labels == at] for at in range(k)]
    width = rows.shape[1]
    covariances = [
        np.cov(part.T, bias=True).reshape(width, width) + 1e-6 * np.eye(width) for part in parts
    ]
    return {
        "weights_init": np.array([len(part) for part in parts]) / len(rows),
        "means_init": np.array([part.mean(axis=0) for part in parts]),
        "precisions_init": np.linalg.inv(covariances),
    }


def mixture(
    k: int, given: dict[str, np.ndarray], tol: float, acceleration: str | None, threads: int
) -> Any:
    """Return an estimator that starts at the given parameters."""
    from gibbous import GaussianMixture

    return GaussianMixture(
        k, tol=tol, max_iter=_MOST, n_jobs=threads, acceleration=acceleration, **given
    )


def run(folder: Path, quick: bool, threads: int, repeats: int) -> list[dict[str, Any]]:
    """Return one row per data set and tolerance."""
    found = []
    for name, rows, k in data_sets(folder, quick):
        given = start(rows, k)
        for tol in TOLERANCES[:2] if quick else TOLERANCES:
            row: dict[str, Any] = {"data": name, "n": len(rows), "d": rows.shape[1], "k": k}
            row["tol"] = tol
            for label, acceleration in (("em", None), ("squarem", "squarem")):
                seconds = []
                for _ in range(repeats):
                    model = mixture(k, given, tol, acceleration, threads)
                    began = time.perf_counter()
                    model.fit(rows)
                    seconds.append(time.perf_counter() - began)
                case = Case(name, "gmm", *rows.shape, k, 1.0, 0, 1e-6, covariance="full")
                found_parameters = {
                    part: getattr(model, part + "_") for part in ("weights", "means", "covariances")
                }
                row[label] = {
                    "evaluations": model.n_iter_,
                    "seconds": statistics.median(seconds),
                    "value": evaluate(case, rows, found_parameters),
                }
            found.append(row)
    return found


def text(rows: list[dict[str, Any]]) -> str:
    """Return the table."""
    lines = [
        "\naccelerated EM: map evaluations and seconds per fit, plain EM / SQUAREM, same start",
        f"{'data':<32}{'k':>3}{'tol':>7}{'evaluations':>14}{'seconds':>20}{'gain':>12}",
    ]
    for row in rows:
        em, fast = row["em"], row["squarem"]
        counts = f"{em['evaluations']} / {fast['evaluations']}"
        seconds = f"{em['seconds']:.4f} / {fast['seconds']:.4f}"
        lines.append(
            f"{row['data']:<32}{row['k']:>3}{row['tol']:>7g}{counts:>14}{seconds:>20}"
            f"{fast['value'] - em['value']:>12.1e}"
        )
    lines.append("gain: log-likelihood of SQUAREM minus that of plain EM, nats per row")
    return "\n".join(lines)
