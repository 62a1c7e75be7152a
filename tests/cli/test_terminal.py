"""Sessions at a terminal: the real command in a pseudo-terminal, read by an emulator."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import sysconfig
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyte
import pytest
from typer.testing import CliRunner

import gibbous
from gibbous.cli import app

GIBBOUS = str(Path(sysconfig.get_path("scripts")) / "gibbous")

#: Makes standard input the controlling terminal, so that keys such as Ctrl-C become signals.
AT_TERMINAL = (
    "import fcntl, os, signal, sys, termios\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


class Session:
    """A command at a terminal."""

    def __init__(self, command: list[str], columns: int, **environment: str) -> None:
        self.screen = pyte.Screen(columns, 50)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        hidden = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        self._process = subprocess.Popen(
            [sys.executable, "-c", AT_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**kept, "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)

    @property
    def rows(self) -> list[str]:
        """The lines of the screen, without empty ones."""
        return [row.rstrip() for row in self.screen.display if row.strip()]

    def text(self) -> str:
        return "\n".join(self.rows)

    def _read(self) -> bool:
        # protects against hanging; not a measure of speed
        ready, _, _ = select.select([self._ours], [], [], 120)
        assert ready, f"nothing more came after\n{self.text()}"
        try:
            chunk = os.read(self._ours, 4096)
        except OSError:  # Linux raises EIO when the other end is closed
            return False
        self.raw += chunk
        self._stream.feed(chunk)
        return bool(chunk)

    def until(self, seen: Callable[[str], Any]) -> Any:
        """Read until the screen shows a text, and return the screen."""
        end = time.monotonic() + 120
        while not (found := seen(self.text())):
            assert time.monotonic() < end, f"what was expected never came:\n{self.text()}"
            assert self._read(), f"it ended with\n{self.text()}"
        return found

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        return self._process.wait()

    def close(self) -> None:
        os.close(self._ours)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def session(*command: object, columns: int = 100, **environment: str) -> Iterator[Session]:
    opened = Session([GIBBOUS, *map(str, command)], columns, **environment)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(2)
    np.save(folder / "points.npy", rng.normal(size=(5000, 6)))
    np.save(folder / "states.npy", (rng.random((2000, 12)) < 0.3).astype(np.uint8))
    words = np.array(["moon", "tide", "star", "orbit", "bank", "bond", "loan", "stock"])
    texts = [" ".join(rng.choice(words, size=20)) for _ in range(500)]
    (folder / "texts.txt").write_text("\n".join(texts) + "\n")
    return folder


#: Fits that take minutes, with the metric that their bars show and the name of an iteration.
ENDLESS = {
    "kmeans": (["points.npy", "-k", 9, "--n-init", 3000], "inertia", "it"),
    "gmm": (
        ["points.npy", "-k", 6, "--tol", 0, "--max-iter", 9999999],
        "mean log-likelihood",
        "it",
    ),
    "lda": (
        ["texts.txt", "--format", "lines", "--max-iter", 9999999],
        "log-likelihood a token",
        "Mtok",
    ),
    "rbm": (["states.npy", "-k", 9, "--epochs", 9999999], "pseudo-likelihood", "epoch"),
}


#: What a bar shows: the metric, the time left and, if there is room, the speed.
BAR = r"\d+/\d+, .*{metric} [-\d.e+]+, (< )?[\d:,]+( days)? left"


@pytest.mark.parametrize(
    ("model", "columns"), [("kmeans", 40), ("gmm", 100), ("lda", 120), ("rbm", 80)]
)
def test_ctrl_c_at_a_progress_bar_saves_the_model(
    model: str, columns: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    arguments, metric, unit = ENDLESS[model]
    shown = BAR.format(metric=metric)
    if columns >= 80:
        shown += rf", [\d.e+,]+ (s/)?{unit}"
    with session(model, "fit", *arguments, "-o", tmp_path / "m", columns=columns) as at:
        at.until(lambda text: re.search(shown, text))
        (bar,) = at.rows  # one row, however narrow
        assert len(bar) <= columns and (columns < 80 or "━━━━" in bar)
        assert at.screen.cursor.hidden
        at.type(b"\x03")
        assert at.end() == 130
        told = "".join(at.rows)
        assert "Traceback" not in told
        # rows may be broken anywhere
        assert "themodelofthelastfinishedoneisin" in told.replace(" ", ""), told
        assert "━" not in told and "left" not in told  # the bar is gone
        assert not at.screen.cursor.hidden
    assert gibbous.load(tmp_path / "m").history_.stop_reason == "interrupted"


def test_finished_fit_prints_its_summary(data: Path) -> None:
    with session("kmeans", "fit", data / "points.npy", "-k", 2, NO_COLOR="1") as at:
        assert at.end() == 0
        assert at.rows[0].endswith("2 clusters, 5,000 rows")
        assert re.search(r"repeat with --seed \d+$", at.rows[-1])
        assert any("─" in row for row in at.rows)  # a line below the column names
        assert not at.screen.cursor.hidden
    assert not re.search(rb"\x1b\[[\d;]*[34]\d[\d;]*m", at.raw)  # no colors by default


def piped(*command: object, **settings: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [GIBBOUS, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **settings,
    )


def test_a_pipe_gets_plain_lines_and_sigterm_keeps_the_model(data: Path, tmp_path: Path) -> None:
    arguments, metric, _ = ENDLESS["gmm"]
    command = ("gmm", "fit", data / str(arguments[0]), *arguments[1:], "-o", tmp_path / "m")
    with piped(*command) as process:
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stderr.readline().decode() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read().decode()
        assert process.stdout.read() == b""
    assert process.returncode == 143
    for line in lines:
        assert re.fullmatch(
            rf"gibbous: GaussianMixture: {BAR.format(metric=metric)}, .* s?/?it(/s)?\n", line
        ), line
    assert re.search(r"interrupted after \d+ iterations; the model of the last finished one", rest)
    assert "\x1b" not in rest and "\r" not in rest
    assert gibbous.load(tmp_path / "m").history_.stop_reason == "interrupted"


def test_second_ctrl_c_ends_immediately(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def begun(model: Any, *_: object, callback: Any = None, **__: object) -> None:
        fit(model, np.eye(4), callback=lambda _: True)
        raise KeyboardInterrupt

    fit = gibbous.KMeans.fit
    monkeypatch.setattr(gibbous.KMeans, "fit", begun)
    monkeypatch.setattr("gibbous.io.model_file.save", pressed)
    command = ["kmeans", "fit", str(data / "points.npy"), "-k", "2", "-o", str(tmp_path / "m")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 130
    assert done.stderr == f"gibbous: interrupted again; {tmp_path / 'm'} was not written\n"
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "command", ["gmm sample {model} -n 300000", "kmeans fit {points} -k 2", "gmm info {model}"]
)
def test_closed_reader_does_not_print_a_traceback(command: str, data: Path, tmp_path: Path) -> None:
    points, model = data / "points.npy", tmp_path / "m"
    run = CliRunner().invoke(app, ["gmm", "fit", str(points), "-q", "-o", str(model)])
    assert run.exit_code == 0
    read, write = os.pipe()
    os.close(read)  # closed before the first line
    done = subprocess.run(
        [GIBBOUS, *command.format(points=points, model=model).split()],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
