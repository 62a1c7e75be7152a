"""Arrays with a JSON header in one file: round trips and damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from gibbous._ground import arrayfile
from gibbous._ground.arrayfile import Kind, State

KIND = Kind("gibbous-test", "checkpoint of a test", 3)


@pytest.fixture
def state() -> State:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
        "none": np.empty(0, np.int64),
        "one": np.array(7, np.uint16),
    }
    return State(arrays, {"iteration": 4, "values": [0.1, float("nan")]})


def test_round_trip(tmp_path: Path, state: State) -> None:
    path = tmp_path / "state"
    arrayfile.write(path, KIND, state)
    found = arrayfile.read(path, KIND)
    assert set(found.arrays) == set(state.arrays) and set(found.head) == {"iteration", "values"}
    for name, array in state.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert np.array_equal(found.arrays[name], array)
    assert found.head["iteration"] == 4 and np.isnan(found.head["values"][1])


def test_states_are_joined(state: State) -> None:
    both = state | State({"b": np.ones(2)}, {"iteration": 5})
    assert set(both.arrays) == {"a", "none", "one", "b"} and both.head["iteration"] == 5
    assert "b" not in state.arrays


def test_every_damaged_byte_of_an_array_is_found(tmp_path: Path, state: State) -> None:
    path = tmp_path / "state"
    arrayfile.write(path, KIND, state)
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    assert len(whole) - start >= 26
    for at in range(start, start + 26):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match="damaged"):
            arrayfile.read(path, KIND)


def test_truncated_file_is_rejected(tmp_path: Path, state: State) -> None:
    path = tmp_path / "state"
    arrayfile.write(path, KIND, state)
    whole = path.read_bytes()
    for end in (0, 5, 40, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="not a checkpoint of a test"):
            arrayfile.read(path, KIND)


@pytest.mark.parametrize("head", ["[]", "3", "{", '"text"', "null"])
def test_a_header_that_is_not_a_mapping_is_refused(tmp_path: Path, head: str) -> None:
    path = tmp_path / "state"
    path.write_bytes(safetensors.numpy.save({"a": np.ones(2)}, {"gibbous-test": head}))
    with pytest.raises(ValueError, match="not a checkpoint of a test"):
        arrayfile.read(path, KIND)


def test_other_kinds_and_formats_are_rejected(tmp_path: Path, state: State) -> None:
    path = tmp_path / "state"
    arrayfile.write(path, KIND, state)
    with pytest.raises(ValueError, match="not a model of a test"):
        arrayfile.read(path, Kind("gibbous-other", "model of a test", 3))
    with pytest.raises(ValueError, match="has format 3; this version reads format 4"):
        arrayfile.read(path, Kind("gibbous-test", "checkpoint of a test", 4))


@pytest.mark.parametrize("key", ["format", "sha256"])
def test_reserved_keys_are_rejected(tmp_path: Path, key: str) -> None:
    path = tmp_path / "state"
    with pytest.raises(ValueError, match=f"must not contain '{key}'"):
        arrayfile.write(path, KIND, State({}, {key: 1}))
    assert not path.exists()


def test_the_old_file_stays_if_the_new_one_cannot_be_written(tmp_path: Path, state: State) -> None:
    path = tmp_path / "state"
    arrayfile.write(path, KIND, state)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        arrayfile.write(path, KIND, State({}, {"value": json}))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["state"]
