"""Sessions at a terminal: the real command in a pseudo-terminal, with an emulator that reads it."""

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

import gibbous

GIBBOUS = str(Path(sysconfig.get_path("scripts")) / "gibbous")

#: Takes its standard input for its terminal, so that keys such as Ctrl-C become signals.
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
        """What the screen shows, without empty rows."""
        return [row.rstrip() for row in self.screen.display if row.strip()]

    def text(self) -> str:
        return "\n".join(self.rows)

    def _read(self) -> bool:
        # a guard against hanging for ever, and no measure of speed
        ready, _, _ = select.select([self._ours], [], [], 120)
        assert ready, f"nothing more came after\n{self.text()}"
        try:
            chunk = os.read(self._ours, 4096)
        except OSError:  # Linux says so when the other end is closed
            return False
        self.raw += chunk
        self._stream.feed(chunk)
        return bool(chunk)

    def until(self, seen: Callable[[str], Any]) -> Any:
        """Read until the screen shows something, and return it."""
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
    words = np.array("moon tide star orbit bank bond loan stock".split())
    texts = [" ".join(rng.choice(words, size=20)) for _ in range(500)]
    (folder / "texts.txt").write_text("\n".join(texts) + "\n")
    return folder


#: Fits without an end, with the metric that their bars show and what an iteration is called.
ENDLESS = {
    "kmeans": (["points.npy", "-k", 9, "--n-init", 1000000], "inertia", "it"),
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


@pytest.mark.parametrize(("model", "columns"), [(m, c) for m in ENDLESS for c in (110,)])
def test_ctrl_c_at_a_bar_leaves_a_saved_model(
    model: str, columns: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    arguments, metric, unit = ENDLESS[model]
    kept = tmp_path / "m"
    with session(model, "fit", *arguments, "-o", kept, columns=columns) as at:
        shown = rf"\d+/\d+, .*{metric} [-\d.e+]+, (< )?[\d:,]+( days)? left, [\d.e+]+ {unit}/s"
        at.until(lambda text: re.search(shown, text))
        (bar,) = at.rows  # one row and no more
        assert "━" in bar
        assert at.screen.cursor.hidden
        at.type(b"\x03")
        assert at.end() == 130
        assert "interrupted after" in at.text().replace("\n", ""), at.text()
        assert "Traceback" not in at.text()
        assert not at.screen.cursor.hidden
    assert gibbous.load(kept).history_.stop_reason == "interrupted"
