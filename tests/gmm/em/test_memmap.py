"""Gaussian mixtures of rows in files: accepted memmaps, the command, and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import gibbous._rows.memmap as memmaps
from gibbous import GaussianMixture
from gibbous._rows.rows import BlockRows
from gibbous.cli import app
from gibbous.io import tables
from support.block_rows import close, mapped, rows_of, same_bits, small_blocks, start_of  # noqa: F401

TYPES = ["full", "tied", "diag", "spherical"]
INITS = ["kmeans", "k-means++", "random", "random_from_data"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- accepted memmaps ----


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [0, 128, 4096 * 3 + 72])
def test_offsets_and_slices_are_read_without_a_copy(dtype, offset, tmp_path):
    X, means = rows_of(2000, 3, 2, dtype=dtype)
    source = mapped(X, tmp_path / "x", offset=offset)
    base = start_of("full", 2, means)
    views = {
        "all": (source, X),
        "rows": (source[300:1501], X[300:1501]),
        "rows of rows": (source[300:][17:900], X[300:][17:900]),
        "steps": (source[::2], X[::2]),
        "backwards": (source[::-1], X[::-1]),
    }
    for name, (part, rows) in views.items():
        assert memmaps._place_in_file(part) is None or name in ("all", "rows", "rows of rows")
        got = GaussianMixture(2, **base).fit(part)
        same_bits(got, GaussianMixture(2, **base).fit([rows]))
    columns = GaussianMixture(2, covariance_type="diag", **start_of("diag", 2, means[:, 1:]))
    got = columns.fit(source[:, 1:]).means_
    assert (got == columns.fit([X[:, 1:]]).means_).all()


def test_other_layouts_dtypes_and_modes(tmp_path):
    X, means = rows_of(1500, 3, 2)
    base = start_of("full", 2, means)
    plain = GaussianMixture(2, **base).fit([X])
    columns = np.memmap(tmp_path / "f", dtype=float, mode="w+", shape=X.shape, order="F")
    columns[:] = X  # not flushed: the file and the map share their pages
    same_bits(GaussianMixture(2, **base).fit(columns), plain)
    written = np.memmap(tmp_path / "w", dtype=float, mode="w+", shape=X.shape)
    written[:] = X
    same_bits(GaussianMixture(2, **base).fit(written), plain)
    swapped = mapped(X.astype(">f8"), tmp_path / "s")
    same_bits(GaussianMixture(2, **base).fit(swapped), plain)
    private = mapped(np.zeros_like(X), tmp_path / "c", mode="c")
    private[:] = X  # changes that are not in the file
    same_bits(GaussianMixture(2, **base).fit(private), plain)
    assert (private == X).all()
    whole = np.round(X * 10)
    plain = GaussianMixture(2, **base).fit([whole])
    for dtype in (np.int16, np.float16):
        got = GaussianMixture(2, **base).fit(mapped(whole.astype(dtype), tmp_path / "i"))
        assert got.means_.dtype == np.float64
        same_bits(got, plain)
    np.save(tmp_path / "x.npy", X)
    same_bits(
        GaussianMixture(2, **base).fit(np.load(tmp_path / "x.npy", mmap_mode="r")),
        GaussianMixture(2, **base).fit([X]),
    )


def test_removed_or_replaced_file(tmp_path):
    X, means = rows_of(1500, 3, 2)
    base = start_of("full", 2, means)
    plain = GaussianMixture(2, **base).fit([X])
    source = mapped(X, tmp_path / "x")
    assert memmaps._open_same_file(source) is not None
    os.rename(tmp_path / "x", tmp_path / "y")
    assert memmaps._open_same_file(source) is None
    same_bits(GaussianMixture(2, **base).fit(source), plain)
    (tmp_path / "x").write_bytes(b"\0" * X.nbytes)
    assert memmaps._open_same_file(source) is None
    same_bits(GaussianMixture(2, **base).fit(source), plain)


def test_layered_file_systems_with_other_device_numbers(tmp_path, monkeypatch):
    X, _ = rows_of(1500, 3, 2)
    source = mapped(X, tmp_path / "x", offset=64)
    inode = os.stat(tmp_path / "x").st_ino
    monkeypatch.setattr(memmaps, "_mapped_inode", lambda array: ((98, 76), inode))
    handle = memmaps._open_same_file(source[5:])
    assert handle is not None
    os.close(handle)
    with open(tmp_path / "other", "wb") as file:
        file.write(b"\1" * (64 + X.nbytes))
    with open(tmp_path / "other", "rb") as file:
        assert not memmaps._starts_alike(source, file.fileno(), 64 + X.nbytes)


# ---- the command ----


def test_command_reads_large_npy_files_in_blocks(tmp_path, monkeypatch):
    X, _ = rows_of(1500, 3, 2)
    np.save(tmp_path / "x.npy", X)
    monkeypatch.setattr(tables, "MAPPED_BYTES", X.nbytes - 1)
    passes_seen = []
    first_pass = BlockRows.first_pass
    monkeypatch.setattr(
        BlockRows,
        "first_pass",
        lambda self, **how: (passes_seen.append(1), first_pass(self, **how))[1],
    )
    fit = ["gmm", "fit", str(tmp_path / "x.npy"), "-k", "2", "--seed", "3", "--json"]
    more = ["-o", str(tmp_path / "m"), "--plot", str(tmp_path / "p.png")]
    done = CliRunner().invoke(app, [*fit, *more, "--labels", str(tmp_path / "l.npy")])
    assert done.exit_code == 0, done.output
    assert passes_seen == [1]
    told = json.loads(done.stdout)
    model = GaussianMixture(2, random_state=3).fit(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert told["means"] == model.means_.tolist()
    assert told["bic"] == model.bic([X])
    assert (np.load(tmp_path / "l.npy") == model.predict(X)).all()
    predict = ["gmm", "predict", str(tmp_path / "m"), str(tmp_path / "x.npy"), "--json"]
    done = CliRunner().invoke(app, predict)
    assert json.loads(done.stdout)["labels"] == model.predict(X).tolist()
    # selected columns are read in full
    done = CliRunner().invoke(app, [*fit, "--columns", "1,2"])
    assert done.exit_code == 0 and len(json.loads(done.stdout)["means"][0]) == 2
    assert passes_seen == [1, 1]
    X[1200, 2] = np.inf
    np.save(tmp_path / "x.npy", X)
    done = CliRunner().invoke(app, fit)
    assert done.exit_code == 1 and "contains infinity: row 1200, column 2" in done.stderr


# ---- memory ----

_PEAK = """
import sys, warnings
import numpy as np
import gibbous._rows.blocks
from gibbous import GaussianMixture

gibbous._rows.blocks.BLOCK_BYTES = 4 << 20
warnings.simplefilter("ignore")


def kilobytes(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


X = np.memmap(sys.argv[1], dtype=float, mode="r", shape=(int(sys.argv[2]), 16))
model = GaussianMixture(4, max_iter=2, tol=0.0)
model.fit(np.array(X[:3000]))
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak starts from here
before = kilobytes("VmRSS")
model.fit(X)
model.score(X)
model.predict(X)
print(kilobytes("VmHWM") - before)
"""


def test_file_of_100_mb_needs_less_than_half_of_that_memory(tmp_path):
    path, n = tmp_path / "x", 800_000
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        for shift in range(10):
            (rng.standard_normal((n // 10, 16)) + shift % 4).tofile(file)
    out = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path), str(n)], capture_output=True, text=True, check=True
    )
    path.unlink()
    # two blocks, the sample for K-means, and labels; mapped pages of the file would count, too, and
    # take 102 MB
    assert int(out.stdout) < 48 * 1024
