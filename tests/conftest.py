"""Fixtures shared by several test files."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A shell without job control starts background processes with Ctrl-C ignored, and all child
# processes inherit that: tests that send it would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# An example that takes long on a busy machine is not an error.
settings.register_profile(
    "gibbous", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("gibbous")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real data sets: GIBBOUS_DATA, or shared/data next to the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GIBBOUS_DATA", default))
    if not folder.is_dir():
        # the licenses of the data sets do not allow redistribution
        pytest.skip("no folder of data sets: set GIBBOUS_DATA to one")
    return folder
