"""``show_config``."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import sklearn

import gibbous


def test_the_dict_holds_what_is_installed() -> None:
    config = gibbous.show_config(mode="dict")
    assert config is not None
    versions = config["versions"]
    assert versions["gibbous"] == gibbous.__version__
    assert versions["numpy"] == np.__version__
    assert versions["scikit-learn"] == sklearn.__version__
    assert versions["python"] == sys.version.split()[0]
    assert config["processor"]["in use"] == config["build"]["instruction set"]
    assert 1 <= config["threads"]["default"] <= config["threads"]["processors for this process"]


def test_it_prints_every_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert gibbous.show_config() is None
    text = capsys.readouterr().out
    config = gibbous.show_config(mode="dict")
    assert config is not None
    for group, entries in config.items():
        assert f"{group}:" in text
        for name, value in entries.items():
            assert name in text
            if value is not None:
                assert str(value) in text


def test_the_environment_is_shown() -> None:
    level = gibbous.show_config(mode="dict")["processor"]["in use"]  # type: ignore[index]
    text = subprocess.run(
        [sys.executable, "-c", "import gibbous; gibbous.show_config()"],
        env={**os.environ, "GIBBOUS_ISA": level, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = dict(line.strip().split("  ", 1) for line in text.splitlines() if "  " in line.strip())
    assert lines["GIBBOUS_ISA"].strip() == level
    assert lines["OMP_NUM_THREADS"].strip() == "1" and lines["default"].strip() == "1"


def test_unknown_mode_is_rejected() -> None:
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dict'; got 'dicts'"):
        gibbous.show_config(mode="dicts")  # type: ignore[arg-type]
