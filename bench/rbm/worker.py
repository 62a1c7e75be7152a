"""One implementation's training, timed epoch by epoch; called by ``bench.worker``."""

from __future__ import annotations

import gc
import time
from typing import Any

import numpy as np

from ..harness import adapters, machine
from .cases import RbmCase


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Return seconds and bytes of one implementation on one case; save its parameters."""
    case = RbmCase(**spec["case"])
    adapter = adapters.find(spec["adapter"], "rbm")
    adapter.load(case, spec["threads"])
    baseline = machine.resident_bytes()
    # thread pools, kernels compiled on first use
    small = (np.random.default_rng(0).random((3 * case.batch, 40)) < 0.3).astype(np.uint8)
    adapter.trainer(case, small, spec["threads"], 0, spec["variant"]).epochs(1)

    data = np.load(spec["data"])
    gc.collect()
    machine.reset_peak()
    before = machine.resident_bytes()
    began, worked = time.perf_counter(), time.process_time()
    trainer = adapter.trainer(case, data, spec["threads"], spec["seed"], spec["variant"])
    seconds = [float(s) for s in trainer.epochs(case.n_epochs)]
    total, processor = time.perf_counter() - began, time.process_time() - worked
    if len(seconds) != case.n_epochs:
        raise RuntimeError(f"stopped after {len(seconds)} of {case.n_epochs} epochs")
    peak = machine.peak_bytes()
    w, a, b = trainer.parameters()
    np.savez(spec["arrays"], w=w, a=a, b=b)
    return {
        # noise only increases times
        "seconds": min(seconds),
        "epochs": seconds,
        "processor_seconds": processor / case.n_epochs,
        "setup_seconds": total - sum(seconds),
        "fit_seconds": total,
        "baseline_bytes": baseline,
        "peak_bytes": peak,
        "bytes_beyond_data": max(peak - before, 0),
        "versions": machine.versions(adapter.DISTRIBUTIONS),
    }
