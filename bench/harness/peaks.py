"""The peaks of the machine: matrix products and memory traffic, measured.

Every number of threads is measured in a fresh process, so that its environment pins the threads of
every library from the start.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .process import root

DTYPES = ("float32", "float64")

#: Rows and columns of the products: three square matrices of float64 take 100 MB, far beyond any
#: cache, and each is used 2048 times.
_ORDER = 2048

#: Elements of the triad's arrays: 128 MB each, beyond any cache.
_LENGTH = 1 << 24
#: Elements that a thread works on at a time: NumPy's temporaries stay in the cache.
_BLOCK = 1 << 14

#: Seconds for each figure; the best pass counts.
_SECONDS = 0.8

#: Variables that the libraries read; the same ones that limit the threads of a run.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def measure(threads: list[int], *, quick: bool = False) -> dict[str, Any]:
    """Return the peaks for these numbers of threads; ``quick`` ones mean nothing.

    ``gemm_flops_per_second`` are those of NumPy's matrix product (OpenBLAS in the usual builds) by
    dtype and threads; ``bandwidth_bytes_per_second`` are of the triad a = b + s * c of STREAM
    (McCalpin, 1995), counted as read twice and written once, by threads.

    Raises
    ------
    RuntimeError
        If a measurement failed, with its output.
    """
    result: dict[str, Any] = {
        "gemm_flops_per_second": {dtype: {} for dtype in DTYPES},
        "bandwidth_bytes_per_second": {},
    }
    for count in threads:
        found = _in_process(count, quick)
        for dtype in DTYPES:
            result["gemm_flops_per_second"][dtype][str(count)] = found[dtype]
        result["bandwidth_bytes_per_second"][str(count)] = found["bandwidth"]
    return result


def _in_process(threads: int, quick: bool) -> dict[str, float]:
    environment = {**os.environ, **dict.fromkeys(_VARIABLES, str(threads))}
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(threads), str(int(quick))],
        cwd=root(),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the peaks of {threads} threads were not measured:\n{done.stderr}")
    return dict(json.loads(done.stdout))


# ---- in a process of its own -------------------------------------------------------------------


def _gemm(dtype: str, order: int, seconds: float) -> float:
    """Return flops per second of a matrix product: 2 n^3 over the best time."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((order, order)).astype(dtype) for _ in range(2))
    out = np.empty_like(a)
    return 2.0 * order**3 / _best(lambda: np.matmul(a, b, out=out), seconds)


def _triad(threads: int, length: int, seconds: float) -> float:
    """Return bytes per second of a = b + s * c, each thread on rows of its own."""
    edges = np.linspace(0, length, threads + 1).astype(int)
    parts = list(itertools.pairwise(edges))
    a, b, c = np.empty(length), np.empty(length), np.empty(length)

    def fill(part: tuple[int, int]) -> None:
        # by the thread that uses them, so that pages lie near it
        rows = slice(*part)
        a[rows], b[rows], c[rows] = 0.0, 1.0, 2.0

    def add(part: tuple[int, int]) -> None:
        # NumPy releases the GIL in every call; the product stays in the cache
        held = np.empty(_BLOCK)
        for first in range(part[0], part[1], _BLOCK):
            rows = slice(first, min(first + _BLOCK, part[1]))
            product = held[: rows.stop - rows.start]
            np.multiply(c[rows], 3.0, out=product)
            np.add(b[rows], product, out=a[rows])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, parts))
        best = _best(lambda: list(pool.map(add, parts)), seconds)
    if not (a == 7.0).all():
        raise RuntimeError("the triad did not reach every element")
    return 3.0 * a.nbytes / best


def _best(work: Callable[[], object], seconds: float) -> float:
    """Return the seconds of the fastest of many passes, without the first one."""
    work()
    passes: list[float] = []
    while not passes or sum(passes) < seconds:
        start = time.perf_counter()
        work()
        passes.append(time.perf_counter() - start)
    return min(passes)


def _worker(threads: int, quick: bool) -> dict[str, float]:
    from threadpoolctl import threadpool_limits

    order, length, seconds = (128, 1 << 16, 0.0) if quick else (_ORDER, _LENGTH, _SECONDS)
    with threadpool_limits(threads):
        found = {dtype: _gemm(dtype, order, seconds) for dtype in DTYPES}
    return {**found, "bandwidth": _triad(threads, length, seconds)}


if __name__ == "__main__":
    print(json.dumps(_worker(int(sys.argv[1]), sys.argv[2] == "1")))
