"""Fixtures that several test files use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real data sets: GIBBOUS_DATA, or shared/data beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GIBBOUS_DATA", default))
    if not folder.is_dir():
        # the data sets are not ours to redistribute
        pytest.skip("no folder of data sets: set GIBBOUS_DATA to one")
    return folder
