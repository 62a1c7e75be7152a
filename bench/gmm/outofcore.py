"""Data larger than the memory that a fit may have: a file, its peak, and its pace.

The file lies in the folder for temporary files (TMPDIR) and is removed afterwards. The fit runs in
a process of its own, whose peak resident memory (VmHWM) counts everything: the interpreter, its
imports and every page of the file that stays mapped. It is compared with the speed of the
disk when nothing of the file is cached, with that of the cache, and with rows per second in memory.
The result is compared with a fit in memory on the first part of the file, from one start.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..harness.process import PACKAGE, root
from ..harness.settings import DIFFERENT, FAILED

D, K = 16, 8
KINDS = ("full", "diag")
#: Peak resident memory that a fit may have, for files of 1 GB and more; for less, what the process
#: and its buffers need anyway.
LIMIT = 500_000_000
_TOLERANCE = 1e-10
_PART = 1_000_000  # rows that are compared with a fit in memory
_CHUNK = 16 << 20


def run(size: float, threads: int, iterations: int = 3) -> dict[str, Any]:
    """Write a file of ``size`` GB, fit it, and return the figures.

    Raises
    ------
    OSError
        If the disk has no room for the file.
    """
    n = int(size * 1e9) // (8 * D)
    with tempfile.TemporaryDirectory(prefix="gibbous-outofcore-") as folder:
        free = shutil.disk_usage(folder).free
        if free < 1.1 * size * 1e9:
            raise OSError(
                f"{folder} has {free / 1e9:.1f} GB free but the file takes {size:g}; "
                "set TMPDIR to another disk, or give --size"
            )
        path = Path(folder) / "rows"
        _write(path, n)
        result: dict[str, Any] = {"bytes": n * D * 8, "n": n, "d": D, "k": K, "threads": threads}
        result |= _speeds(path)
        result["fits"] = [_fit(path, n, kind, threads, iterations) for kind in KINDS]
        for fit in result["fits"]:
            fit |= _in_memory(path, n, fit["kind"], threads)
            fit["status"] = _status(fit)
    return result


def _status(fit: dict[str, Any]) -> str:
    if fit["peak"] > LIMIT:
        return FAILED
    return DIFFERENT if fit["difference"] > _TOLERANCE else "ok"


def _write(path: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    centers = 3.0 * rng.standard_normal((K, D))
    with open(path, "wb") as file:
        for first in range(0, n, 1 << 18):
            count = min(1 << 18, n - first)
            rows = rng.standard_normal((count, D)) + centers[rng.integers(K, size=count)]
            rows.tofile(file)
        file.flush()
        os.fsync(file.fileno())  # pages that are not on the disk cannot be dropped


def forget(path: Path) -> None:
    """Drop what the system has cached of a file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def _read(path: Path) -> float:
    """Return bytes per second of reading a file from its beginning to its end."""
    buffer = bytearray(_CHUNK)
    began = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return path.stat().st_size / (time.perf_counter() - began)


def _speeds(path: Path) -> dict[str, float]:
    forget(path)
    cold = _read(path)
    a, b = np.ones(1 << 25), np.ones(1 << 25)  # no page is new to the system any longer
    began = time.perf_counter()
    np.copyto(b, a)
    return {
        "cold_read": cold,
        "warm_read": max(_read(path) for _ in range(2)),
        "memory_copy": a.nbytes / (time.perf_counter() - began),
    }


# ---- in a process of its own ----


def _fit(path: Path, n: int, kind: str, threads: int, iterations: int) -> dict[str, Any]:
    spec = {"path": str(path), "n": n, "kind": kind, "threads": threads, "iterations": iterations}
    done = subprocess.run(
        [sys.executable, "-m", f"{PACKAGE}.gmm.outofcore", json.dumps(spec)],
        cwd=root(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the fit of {path} failed:\n{done.stderr}")
    return {"kind": kind, **json.loads(done.stdout)}


def _worker(spec: dict[str, Any]) -> dict[str, Any]:
    import gibbous._rows.blocks
    from gibbous import GaussianMixture

    gibbous._rows.blocks.SMALL_BYTES = 0  # small files, too, are read in blocks here
    warnings.simplefilter("ignore")
    path = Path(spec["path"])
    rows = np.memmap(path, dtype=np.float64, mode="r", shape=(spec["n"], D))
    before = _kilobytes("VmHWM")
    model = GaussianMixture(
        K,
        covariance_type=spec["kind"],
        max_iter=spec["iterations"],
        tol=0.0,
        random_state=0,
        n_jobs=spec["threads"],
    )
    began = time.perf_counter()
    model.fit(rows)
    seconds = time.perf_counter() - began
    warm = model.history_.seconds
    # a given start: only iterations, each on a file that is not cached
    model.set_params(warm_start=True, max_iter=2).fit(
        rows, callback=lambda progress: forget(path) if progress.iteration == 1 else None
    )
    return {
        "peak": 1024 * _kilobytes("VmHWM"),
        "imports": 1024 * before,
        "fit_seconds": seconds,
        "warm": min(warm),
        "cold": model.history_.seconds[1],
        "mean_log_likelihood": model.lower_bound_,
    }


def _kilobytes(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


# ---- compared with memory ----


def _in_memory(path: Path, n: int, kind: str, threads: int) -> dict[str, float]:
    """Return seconds per iteration of a part in memory, and the difference of its two fits."""
    import gibbous._rows.blocks
    from gibbous import GaussianMixture

    count = min(n, _PART)
    mapped = np.memmap(path, dtype=np.float64, mode="r", shape=(n, D))[:count]
    start = np.array(mapped[:: max(1, count // K)][:K])
    precision = {"full": np.tile(np.eye(D), (K, 1, 1)), "diag": np.ones((K, D))}[kind]
    model = GaussianMixture(
        K,
        covariance_type=kind,
        weights_init=np.full(K, 1.0 / K),
        means_init=start,
        precisions_init=precision,
        max_iter=4,
        tol=0.0,
        n_jobs=threads,
    )
    small = gibbous._rows.blocks.SMALL_BYTES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(np.array(mapped))
        whole = {name: getattr(model, name) for name in _COMPARED}
        seconds = min(model.history_.seconds)
        try:
            gibbous._rows.blocks.SMALL_BYTES = 0
            model.fit(mapped)
        finally:
            gibbous._rows.blocks.SMALL_BYTES = small
    apart = [_apart(getattr(model, name), whole[name]) for name in _COMPARED]
    return {"part": count, "memory": seconds * n / count, "difference": max(apart)}


_COMPARED = ("weights_", "means_", "covariances_", "lower_bounds_")


def _apart(a: Any, b: Any) -> float:
    return float(np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(b)).max())


def text(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    gb, n = result["bytes"] / 1e9, result["n"]
    lines = [
        f"\nout of core: a file of {gb:.3g} GB (n {n:,} d {result['d']} float64), "
        f"k {result['k']}, {result['threads']} threads",
        f"  reading: {result['cold_read'] / 1e9:.2f} GB/s from the disk, "
        f"{result['warm_read'] / 1e9:.2f} from the cache; copying memory "
        f"{result['memory_copy'] / 1e9:.2f}",
    ]
    for fit in result["fits"]:
        rate = {name: n / fit[name] / 1e6 for name in ("warm", "cold", "memory")}
        lines += [
            f"  {fit['kind']}: {fit['status']}; peak memory {fit['peak'] / 1e6:.0f} MB, "
            f"of which {fit['imports'] / 1e6:.0f} before the fit",
            f"    M rows/s per iteration: {rate['warm']:.1f} from the cache, {rate['cold']:.1f} "
            f"from the disk, {rate['memory']:.1f} in memory; "
            f"GB/s {gb / fit['warm']:.2f}, {gb / fit['cold']:.2f}, {gb / fit['memory']:.2f}",
            f"    {fit['part']:,} rows differ from a fit in memory by {fit['difference']:.1e}",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(_worker(json.loads(sys.argv[1]))))
