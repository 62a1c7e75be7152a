"""The quality of our Boltzmann machines: trained in a separate process, evaluated by likelihood.

There is no peer here: the figures are compared with published ones, and printed even if they do
not reach these.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..harness import adapters, machine
from ..harness.process import RunError, start_worker
from ..harness.settings import OK, SKIPPED, Settings
from .cases import QualityCase
from .data import Images
from .runner import read

#: Seconds for a run if the limit is lower: trainings are not timed measurements.
_LIMIT = 7200.0

#: Chains and steps of annealed importance sampling: as in Salakhutdinov and Murray (2008).
_CHAINS, _BETAS = 100, 14_500


def run_case(case: QualityCase, settings: Settings) -> dict[str, Any]:
    """Train and evaluate one machine and return its part of the report."""
    found = read(case.data, settings.data)
    part: dict[str, Any] = {
        **case.to_dict(),
        "facts": found.facts(),
        "threads": settings.threads,
        "status": OK,
        "reason": "",
    }
    adapter = adapters.find(settings.ours, "rbm")
    reason = adapters.missing(adapter)
    if not reason and not hasattr(adapter, "estimator"):
        reason = f"{adapter.NAME} has no likelihood"
    if reason:
        return {**part, "status": SKIPPED, "reason": reason}
    with tempfile.TemporaryDirectory(prefix="gibbous-bench-") as folder:
        train, test = rows(found, case)
        path = Path(folder, "data.npz")
        np.savez(path, train=train, test=test)
        spec = {
            "task": "rbm-quality",
            "case": case.to_dict(),
            "adapter": settings.ours,
            "threads": settings.threads,
            "data": str(path),
            "n_betas": 50 if settings.quick else _BETAS,
        }
        limit = max(settings.limit, _LIMIT)
        try:
            part |= start_worker(spec, Path(folder), settings.threads, limit)
        except RunError as error:
            return {**part, "status": error.status, "reason": str(error)}
    # published figures are of MNIST only
    value = part[case.log_z]["test_log_likelihood"]
    part["reached"] = bool(value >= case.target) if found.real else None
    return part


def rows(found: Images, case: QualityCase) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows and the states for evaluation.

    States to be sampled are trained on as gray levels, from which the machine draws; test rows are
    drawn once, with a seed of their own.
    """
    if case.states == "thresholded":
        return found.states()
    uniform = np.random.default_rng(4).random(found.test.shape, dtype=np.float32)
    return found.train, (255 * uniform < found.test).astype(np.uint8)


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Train and evaluate; called by ``bench.worker``."""
    case = QualityCase(**spec["case"])
    adapter = adapters.find(spec["adapter"], "rbm")
    with np.load(spec["data"], allow_pickle=False) as archive:
        train, test = archive["train"], archive["test"]
    gray = {"binarize": "sample", "data_max": 255.0} if case.states == "sampled" else {}
    model = adapter.estimator({**case.settings, **gray}, spec["threads"], case.seed)
    clock = _Clock()
    model.fit(train)
    answer: dict[str, Any] = {"training": clock.lap(), "epochs": int(model.n_iter_)}
    if gray:  # the test rows are states
        model.set_params(binarize=None, data_max=1.0)
    sampling = {"n_chains": _CHAINS, "n_betas": spec["n_betas"], "random_state": case.seed}
    kinds = ("exact",) if case.log_z == "exact" else ("ais", "reverse_ais")
    energies = model.free_energy(test)
    for kind in kinds:
        clock.lap()
        log_z = model.log_partition(kind, **sampling)
        answer[kind] = {
            "log_z": log_z.value,
            "standard_error": log_z.standard_error,
            "test_log_likelihood": float(-energies.mean() - log_z.value),
            **clock.lap(),
        }
    # over 10,000 rows this hides the machine's, but not a test set that is too small
    answer["test_standard_error"] = float(energies.std() / np.sqrt(len(energies)))
    answer["peak_bytes"] = machine.peak_bytes()
    answer["versions"] = machine.versions(adapter.DISTRIBUTIONS)
    return answer


class _Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter(), time.process_time()

    def lap(self) -> dict[str, float]:
        """Return the wall and processor seconds since the last call."""
        now = time.perf_counter(), time.process_time()
        wall, processor = (a - b for a, b in zip(now, self._last, strict=True))
        self._last = now
        return {"seconds": wall, "processor_seconds": processor}


def text(part: dict[str, Any]) -> str:
    """Return the printed lines of a case."""
    facts = part["facts"]
    settings = ", ".join(f"{name}={value}" for name, value in part["settings"].items())
    head = (
        f"\n{part['name']}: {facts['source']}, {part['states']}, {facts['n']:,} x {facts['d']}; "
        f"seed {part['seed']}, {part['threads']} threads; {settings}"
    )
    if part["status"] != OK:
        return f"{head}\n  {part['status']}: {part['reason']}"
    spent = part["training"]
    lines = [
        head,
        f"  training: {part['epochs']} epochs, {spent['seconds']:.1f} s, "
        f"{spent['processor_seconds']:.1f} CPU s; {part['peak_bytes'] / 1e6:.0f} MB",
    ]
    titles = {"exact": "exact", "ais": "AIS", "reverse_ais": "reverse AIS"}
    for kind, name in titles.items():
        if kind in part:
            lines.append(_likelihood(name, part[kind]))
    said = {True: "reached", False: "NOT reached", None: "other data, not comparable"}
    lines.append(f"  target {part['target']:g} on MNIST: {said[part['reached']]}")
    return "\n".join(lines)


def _likelihood(name: str, found: dict[str, float]) -> str:
    return (
        f"  {name}: test log-likelihood {found['test_log_likelihood']:.2f} nats per row; log Z "
        f"{found['log_z']:.2f} +- {found['standard_error']:.2f}; {found['seconds']:.1f} s, "
        f"{found['processor_seconds']:.1f} CPU s"
    )
