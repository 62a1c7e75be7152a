"""The ground layer as seen from Python: random streams, seeds, selection of the core, checks."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from gibbous import _cpu
from gibbous._ground import isa as _isa
from gibbous._ground import random as _random
from gibbous._ground import validate as _validate
from gibbous._ground.isa import core

U32 = 2**32 - 1


# ---- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([U32] * 4, [U32] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_matches_the_published_values(
    counter: list[int], key: list[int], expected: list[int]
) -> None:
    assert core.philox(counter, key) == expected


def test_uniform_has_the_moments_of_a_uniform() -> None:
    seed = secrets.randbits(64)
    n = 100_000
    u = np.array([core.uniform(seed, 1, 0, i) for i in range(n)])
    assert u.min() >= 0
    assert u.max() < 1
    for power in (1, 2, 3):
        # E u^p = 1 / (p + 1), Var u^p = 1 / (2 p + 1) - 1 / (p + 1)^2
        mean, var = 1 / (power + 1), 1 / (2 * power + 1) - 1 / (power + 1) ** 2
        z = (np.mean(u**power) - mean) / np.sqrt(var / n)
        assert abs(z) < 5, f"seed {seed}: moment {power} is {z:.2f} standard errors off"
    # neighbors are uncorrelated: the sum of products of n centered pairs has variance n / 144
    z = np.sum((u[:-1] - 0.5) * (u[1:] - 0.5)) / np.sqrt((n - 1) / 144)
    assert abs(z) < 5, f"seed {seed}: neighbours correlate, {z:.2f} standard errors"


def test_uniform_uses_every_part_of_the_address() -> None:
    addresses = [
        (seed, purpose, iteration, item)
        for seed in (0, 1, 2**40, 2**64 - 1)
        for purpose in (1, 2)
        for iteration in (0, 1, U32)
        for item in (0, 1, 2**40, 2**64 - 1)
    ]
    assert len({core.uniform(*a) for a in addresses}) == len(addresses)


# ---- seeds ---------------------------------------------------------------------------------------


def test_key_of_an_int_or_a_seed_sequence_repeats() -> None:
    keys = {_random.key_of(s) for s in range(100)}
    assert len(keys) == 100
    assert all(0 <= k < 2**64 for k in keys)
    assert _random.key_of(7) == _random.key_of(np.int64(7)) == _random.key_of(7)
    sequence = np.random.SeedSequence(7)
    assert _random.key_of(sequence) == _random.key_of(sequence)


@pytest.mark.parametrize(
    "make", [np.random.RandomState, np.random.default_rng], ids=["RandomState", "Generator"]
)
def test_key_of_a_generator_advances_it(make: type) -> None:
    one, other = make(3), make(3)
    first = _random.key_of(one)
    assert first == _random.key_of(other)
    assert first != _random.key_of(one)


@pytest.mark.parametrize("none", [None, np.random], ids=["None", "numpy.random"])
def test_key_of_none_follows_numpy_global_state(none: object) -> None:
    state = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(5)  # noqa: NPY002
        first, second = _random.key_of(none), _random.key_of(none)
        np.random.seed(5)  # noqa: NPY002
        assert _random.key_of(none) == first != second
    finally:
        np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("bad", [-1, 2**32])
def test_key_of_an_int_out_of_range(bad: int) -> None:
    with pytest.raises(ValueError, match=rf"random_state must be between .*; got {bad}"):
        _random.key_of(bad)


@pytest.mark.parametrize("bad", ["7", 7.0, [7], object()])
def test_key_of_an_invalid_type(bad: object) -> None:
    with pytest.raises(TypeError, match=rf"random_state must be .*; got {type(bad).__name__}"):
        _random.key_of(bad)


def test_child_keys_differ() -> None:
    parents = [0, 1, 2**32, 2**64 - 1]
    keys = {
        _random.child(p, purpose, item)
        for p in parents
        for purpose in _random.PURPOSES
        for item in (0, 1, 2, 1000)
    }
    assert len(keys) == len(parents) * len(_random.PURPOSES) * 4
    assert len(set(_random.PURPOSES.values())) == len(_random.PURPOSES)


def test_generators_follow_their_key() -> None:
    a, b = _random.generator(9, "gmm-sample"), _random.generator(9, "gmm-sample")
    assert (a.integers(0, 2**63, 8) == b.integers(0, 2**63, 8)).all()
    c = _random.legacy(9, "kmeans-callable").randint(0, 2**31 - 1, 8)
    assert (c == _random.legacy(9, "kmeans-callable").randint(0, 2**31 - 1, 8)).all()
    assert (c != _random.legacy(9, "kmeans-callable", 1).randint(0, 2**31 - 1, 8)).any()


# ---- selection of the core -----------------------------------------------------------------------


def run_python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k != "GIBBOUS_ISA"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=120,
    )


# A probe that returns v2 emulates an old processor on any machine.
OLD_PROCESSOR = (
    "import sys, types\n"
    "probe = types.ModuleType('gibbous._cpu'); probe.level = lambda: 'v2'\n"
    "sys.modules['gibbous._cpu'] = probe\n"
)


def installed_levels() -> list[str]:
    """Return the levels that are installed and that this processor supports."""
    best = _cpu.level()
    runs = ["base", *_isa.LEVELS[: _isa.LEVELS.index(best) + 1]] if best != "base" else ["base"]
    found = []
    for level in runs:
        done = run_python(f"import gibbous._core_{level}")
        if done.returncode == 0:
            found.append(level)
        else:
            assert "ModuleNotFoundError" in done.stderr, done.stderr
    return found


def test_the_best_level_is_chosen_and_each_can_be_forced() -> None:
    levels = installed_levels()
    code = "import gibbous._ground.isa as i; print(i.LEVEL, i.core.build_info()['level'])"
    assert run_python(code).stdout.split() == [levels[-1]] * 2
    for level in levels:
        done = run_python(code, GIBBOUS_ISA=f" {level.upper()} ")
        assert done.stdout.split() == [level] * 2, done.stderr


def test_all_levels_draw_the_same_numbers() -> None:
    code = "from gibbous._ground.isa import core; print(core.uniform(5, 1, 2, 3).hex())"
    drawn = {run_python(code, GIBBOUS_ISA=level).stdout for level in installed_levels()}
    assert drawn == {core.uniform(5, 1, 2, 3).hex() + "\n"}


def test_an_unknown_level_is_an_import_error() -> None:
    done = run_python("from gibbous import KMeans", GIBBOUS_ISA="avx9")
    assert done.returncode == 1
    assert "ImportError: GIBBOUS_ISA='avx9': this processor runs 'base'" in done.stderr
    assert "unset it" in done.stderr


@pytest.mark.parametrize("command", ["--version", "doctor", "bench list", "lda info none"])
def test_an_unknown_level_is_one_line_of_the_command(command: str) -> None:
    code = f"import sys, gibbous.cli as c; sys.argv[1:] = {command.split()}; c.main()"
    done = run_python(code, GIBBOUS_ISA="avx9")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"gibbous: error: GIBBOUS_ISA='avx9': .*unset it.*\n", done.stderr)


def test_a_level_above_the_processor_is_an_import_error() -> None:
    done = run_python(OLD_PROCESSOR + "import gibbous; gibbous.__version__", GIBBOUS_ISA="v4")
    assert done.returncode == 1
    assert "ImportError: GIBBOUS_ISA='v4': this processor runs 'base', 'v2'" in done.stderr


# The core of the machine that built it, moved to a processor with fewer instructions.
MOVED = (
    OLD_PROCESSOR + "class Absent:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name in ('gibbous._core_base', 'gibbous._core_v2'):\n"
    "            raise ModuleNotFoundError(name)\n"
    "sys.meta_path.insert(0, Absent())\n"
)


def test_a_level_that_is_not_installed_is_an_import_error() -> None:
    done = run_python(MOVED + "from gibbous import KMeans")
    assert done.returncode == 1
    assert "ImportError: this installation of gibbous has no core for 'v2'" in done.stderr


def test_core_built_for_a_newer_processor_is_reported_in_one_line() -> None:
    built = [level for level in ("v3", "v4") if importlib.util.find_spec(f"gibbous._core_{level}")]
    done = run_python(MOVED + "import gibbous.cli as c; sys.argv[1:] = ['--version']; c.main()")
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(
        r"gibbous: error: this installation of gibbous has no core for 'v2'; it was built for "
        + (", ".join(map(repr, built)) or "no level")
        + r", and this processor runs 'base', 'v2'; install a wheel, .* or build on this machine: "
        r"pip install .*\n",
        done.stderr,
    )


def test_build_info_has_the_vector_width() -> None:
    info = core.build_info()
    assert info["level"] == _isa.LEVEL
    assert info["vector_bytes"] in (16, 32, 64)
    assert info["vector_registers"] in (16, 32)
    assert info["compiler"].startswith(("gcc ", "clang "))


# ---- threads -------------------------------------------------------------------------------------


def test_n_threads() -> None:
    processors = _validate._processors()
    assert _validate.n_threads(1) == 1
    assert _validate.n_threads(np.int32(3)) == 3
    assert _validate.n_threads(-1) == processors
    assert _validate.n_threads(-processors) == 1
    assert _validate.n_threads(-processors - 5) == 1
    assert 1 <= _validate.n_threads(None) <= processors
    with threadpool_limits(1, user_api="openmp"):
        assert _validate.n_threads(None) == 1


def test_n_threads_follows_the_environment() -> None:
    code = "from gibbous._ground import validate; print(validate.n_threads(None))"
    assert run_python(code, OMP_NUM_THREADS="1").stdout == "1\n"


def test_n_threads_rejects_invalid_values() -> None:
    with pytest.raises(ValueError, match="n_jobs must not be 0"):
        _validate.n_threads(0)
    for bad in (1.5, "2", True):
        with pytest.raises(TypeError, match="n_jobs must be an int or None; got"):
            _validate.n_threads(bad)  # type: ignore[arg-type]


# ---- sample weights ------------------------------------------------------------------------------


def test_valid_sample_weights_are_accepted() -> None:
    assert _validate.sample_weights(None, 3, np.float64) is None
    for given_, expected in ((2, [2, 2, 2]), (np.float32(0.5), [0.5] * 3), ([0, 1, 2], [0, 1, 2])):
        w = _validate.sample_weights(given_, 3, np.float32)
        assert w is not None
        assert w.dtype == np.float32
        assert w.flags.c_contiguous
        assert w.tolist() == expected
    w = np.arange(1.0, 4.0)
    assert _validate.sample_weights(w, 3, np.float64) is w  # no copy if none is needed


@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        ([1, 2], ValueError, r"sample_weight.shape == \(2,\), expected \(3,\)"),
        ([[1, 2, 3]], ValueError, "1D array or scalar; got 2 dimensions"),
        ([1, -2, 3], ValueError, "sample_weight: entry 1 is -2.0"),
        ([1, 2, np.nan], ValueError, "sample_weight must be finite; entry 2 is nan"),
        ([np.inf, 2, 3], ValueError, "sample_weight must be finite; entry 0 is inf"),
        ([0, 0, 0], ValueError, "sample_weight must not be all zero"),
        (0, ValueError, "sample_weight must not be all zero"),
        (-1, ValueError, "entry 0 is -1"),
        (["a", "b", "c"], TypeError, "sample_weight must be numbers; got"),
        ([1, [2, 3], 4], TypeError, "sample_weight must be numbers; got"),
        (object(), TypeError, "sample_weight must be numbers; got"),
    ],
)
def test_invalid_sample_weights_are_rejected(
    bad: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        _validate.sample_weights(bad, 3, np.float64)


@given(st.lists(st.floats(), min_size=1, max_size=6))
def test_single_invalid_sample_weight_is_always_detected(weights: list[float]) -> None:
    good = all(np.isfinite(weights)) and min(weights) >= 0 and any(weights)
    try:
        w = _validate.sample_weights(weights, len(weights), np.float64)
    except ValueError:
        assert not good
    else:
        assert good
        assert w is not None
        assert w.tolist() == weights
