"""Fixtures that several test files use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A shell without job control starts what it puts in the background with Ctrl-C ignored, and all
# processes below inherit that: tests that press it would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# An example that takes long on a busy machine is no finding.
settings.register_profile(
    "gibbous", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("gibbous")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real data sets: GIBBOUS_DATA, or shared/data beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GIBBOUS_DATA", default))
    if not folder.is_dir():
        # the data sets are not ours to redistribute
        pytest.skip("no folder of data sets: set GIBBOUS_DATA to one")
    return folder
