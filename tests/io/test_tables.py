"""Reading and writing tables of numbers, and the messages for invalid ones."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gibbous.io.tables import column_names, read_table, write_table


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@settings(max_examples=60, deadline=None)
@given(
    suffix=st.sampled_from([".csv", ".tsv", ".npy", ".parquet"]),
    rows=st.lists(
        st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3), min_size=1, max_size=20
    ),
)
def test_written_numbers_are_read_back_exactly(suffix: str, rows: Any) -> None:
    values = np.array(rows)
    names = ("a", 'b,"\tc', "ü")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{suffix}"
        write_table(path, {name: values[:, at] for at, name in enumerate(names)})
        table = read_table(path)
        assert os.listdir(folder) == [path.name]
    assert table.values.tobytes() == values.tobytes()
    assert table.names == (None if suffix == ".npy" else names)


@pytest.mark.parametrize(
    ("content", "names", "values"),
    [
        ("x,y\n1,2\n3,4\n", ("x", "y"), [[1, 2], [3, 4]]),
        ("1,2\n3,4", None, [[1, 2], [3, 4]]),
        ("x;y\n1;2\n", ("x", "y"), [[1, 2]]),
        ("x\ty\n1\t2\n", ("x", "y"), [[1, 2]]),
        ('"x","y"\r\n"1","2"\r\n', ("x", "y"), [[1, 2]]),
        ("\ufeffx,y\n1,2\n", ("x", "y"), [[1, 2]]),
        ("# x,y\n1,2\n", ("x", "y"), [[1, 2]]),
        ("x,\n1,2\n", ("x", "column 2"), [[1, 2]]),
        ("x\n-1e-3\n+.5\n", ("x",), [[-1e-3], [0.5]]),
        (" 1 , 2 \n", None, [[1, 2]]),
        ("1,2\n3,4\n\n\n", None, [[1, 2], [3, 4]]),
    ],
)
def test_csv_dialects(content: str, names: Any, values: Any, tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", content)
    table = read_table(path)
    assert table.names == names == column_names(path)
    assert table.values.tolist() == values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x,y\n1,2\n3,abc\n", "line 3: column 'y' contains 'abc', not a number; .*--columns"),
        ("1,2\n3,abc\n", "line 2: column 2 contains 'abc', not a number"),
        ("x,y\n1,2\n3,\n", "line 3: column 'y' is empty; remove the line or fill"),
        ("x,y\n1,2\n3,NA\n", "line 3: column 'y' contains 'NA'; remove the line or fill"),
        ("x,y\n1,2\n3,nan\n", "line 3: column 'y' is nan"),
        ("x,y\n1,2\n-inf,2\n", "line 3: column 'x' is -inf"),
        ("x,y\n1,2\n3,1e999\n", "line 3: column 'y' is 1e999"),
        ("x,y\n1,2\n3\n", "line 3: 1 cells where line 1 has 2"),
        ("x,y\n1,2\n3,4,5\n", "line 3: 3 cells where line 1 has 2"),
        ("x,y\n1,2\n\n3,4\n", "line 3 is empty; remove it"),
        ("x\n1\n\n3\n", "line 3 is empty; remove it"),
        ('"x","y"\n1,2\n\n3,4\n', "line 3 is empty; remove it"),
        ("x;y\n1,5;2\n", "line 2: column 'x' contains '1,5', not a number; write decimals with"),
        ("x,y\n1_0,2\n", "line 2: column 'x' contains '1_0'"),
        ("5.1,setosa\n4.9,setosa\n", "line 1 contains both numbers and 'setosa'.*--no-header"),
        ("", "is empty"),
        ("\n1,2\n", "line 1 is empty"),
        ("x,y,x\n1,2,3\n", "line 1: column 'x' occurs more than once; .*--columns"),
        ("x;column 1; x\n1;2;3\n", "line 1: column 'x' occurs more than once"),
        (",column 1\n1,2\n", "line 1: column 'column 1' occurs more than once"),
        ("x,y\n", "no rows of numbers"),
        ("x,y", "no rows of numbers"),
        (b"x,y\n1,\xff\n", r"not text in UTF-8 \(byte 0xff\)"),
        (b"\x93NUMPY\x01\x00v\x00", "not text in UTF-8"),
        ('x,y\n1,2\n"3,4\n', "line 3"),
    ],
)
def test_error_for_invalid_csv_names_the_line(content: Any, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", content)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_errors_in_unused_columns_are_ignored(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "name,x,y\nann,1,2\nbob,3,4\n")
    table = read_table(path, columns=["y", "x"])
    assert table.names == ("y", "x") and table.values.tolist() == [[2, 1], [4, 3]]
    assert read_table(path, columns=["2"]).names == ("x",)
    with pytest.raises(ValueError, match="line 2: column 'name' contains 'ann'"):
        read_table(path)
    # NumPy alone would read this without an error.
    path = written(tmp_path, "t.csv", "name,x,y\nann,1,2\nbob,3,4,5\n")
    with pytest.raises(ValueError, match="line 3: 4 cells"):
        read_table(path, columns=["x"])


def test_header_can_be_specified(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "2019,2020\n1,2\n")
    assert read_table(path).values.tolist() == [[2019, 2020], [1, 2]]
    table = read_table(path, header=True)
    assert table.names == ("2019", "2020") and table.values.tolist() == [[1, 2]]
    path = written(tmp_path, "t.csv", "5.1,setosa\n4.9,setosa\n")
    assert read_table(path, header=False, columns=["1"]).values.tolist() == [[5.1], [4.9]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["z"], "no column 'z'; it has 'x', 'y'"),
        (["x", "x"], "'x' is given more than once"),
        (["x", "1"], "more than once"),
        (["3"], "no column '3'"),
        (["0"], "no column '0'"),
        ([], "at least one"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_columns_are_rejected(
    columns: Any, message: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"t{suffix}"
    write_table(path, {"x": np.arange(3.0), "y": np.arange(3.0)})
    with pytest.raises(ValueError, match=message):
        read_table(path, columns=columns)


def test_columns_with_missing_or_duplicate_names(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="the file has no column names, so give a position from 1 to 2"
    ):
        read_table(written(tmp_path, "t.csv", "1,2\n"), columns=["x"])
    with pytest.raises(ValueError, match="more than one column"):
        read_table(written(tmp_path, "t.csv", "x,x\n1,2\n"), columns=["x"])
    path = written(tmp_path, "t.csv", "x,x,y\n1,2,3\n")
    table = read_table(path, columns=["2", "y"])
    assert table.names == ("x", "y") and table.values.tolist() == [[2, 3]]
    with pytest.raises(ValueError, match="column 'x' occurs more than once"):
        read_table(path, columns=["1", "2"])


def test_split(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t.csv", "x,w,y\n1,2,3\n4,5,6\n"))
    for column in ("w", "2", 1):
        rest, weight = table.split(column)
        assert rest.names == ("x", "y") and rest.values.tolist() == [[1, 3], [4, 6]]
        assert weight.tolist() == [2, 5]
    with pytest.raises(ValueError, match="no column 'v'"):
        table.split("v")
    with pytest.raises(ValueError, match="the only one"):
        rest.split("x")[0].split("y")


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.arange(6.0).reshape(2, 3), np.float64),
        (np.arange(6, dtype=np.float32).reshape(2, 3), np.float32),
        (np.arange(6, dtype=np.float16).reshape(2, 3), np.float32),
        (np.arange(6, dtype=">f4").reshape(2, 3), np.float32),
        (np.arange(6, dtype=np.int32).reshape(2, 3), np.float64),
        (np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.float64),
    ],
)
def test_npy_dtypes(array: Any, dtype: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", array)
    values = read_table(tmp_path / "t.npy").values
    assert values.dtype == dtype and values.dtype.isnative and values.flags.c_contiguous
    assert values.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1, None], dtype=object), "Python objects"),
        (np.array(["a"]), "not real numbers"),
        (np.ones((2, 2), dtype=complex), "complex128"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.float64(3.0), r"shape \(\)"),
        (np.ones((0, 2)), "is empty"),
        (np.ones((2, 0)), "is empty"),
        (np.array([1.0, np.nan]), "row 2: column 1 is nan"),
        (np.array([[1.0, np.inf]]), "row 1: column 2 is inf"),
    ],
)
def test_bad_npy(array: Any, message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "t.npy")


def test_damaged_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.arange(100.0))
    raw = (tmp_path / "t.npy").read_bytes()
    for cut in (0, 3, 8, 60, 130, len(raw) - 1):
        with pytest.raises(ValueError, match=r"t\.npy (is damaged or incomplete|is not a \.npy)"):
            read_table(written(tmp_path, "t.npy", raw[:cut]))
    huge = raw.replace(b"(100,), }         ", b"(10000000000000,),}")
    assert huge != raw
    with pytest.raises(ValueError, match="damaged or incomplete"):
        read_table(written(tmp_path, "t.npy", huge))


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    columns = {"a": [1.0, 2.0], "b": [1, None], "c": ["u", "v"], "d": [True, False]}
    pq.write_table(pa.table(columns), path)
    assert read_table(path, columns=["d", "a"]).values.tolist() == [[1, 1], [0, 2]]
    with pytest.raises(ValueError, match="row 2: column 'b' is empty"):
        read_table(path, columns=["b"])
    with pytest.raises(ValueError, match="column 'c' contains string, not numbers; choose"):
        read_table(path, columns=["c"])
    for cut in (0, 50, -3):
        with pytest.raises(ValueError, match="is damaged"):
            read_table(written(tmp_path, "u.parquet", path.read_bytes()[:cut]))
    pq.write_table(pa.table([[1.0], [2.0]], names=["a", "a"]), path)
    with pytest.raises(ValueError, match=r"t\.parquet: column 'a' occurs more than once"):
        read_table(path)
    pq.write_table(pa.table({"a": pa.array([1.5], pa.float32())}), path)
    assert read_table(path).values.dtype == np.float32


def test_missing_pyarrow_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, {"x": np.arange(3)})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for act in (lambda: read_table(path), lambda: write_table(path, {"x": np.arange(2)})):
        with pytest.raises(ImportError, match=r"pip install 'gibbous\[parquet\]'"):
            act()


def test_file_extensions_and_paths(tmp_path: Path) -> None:
    for name in ("t.txt", "t"):
        with pytest.raises(ValueError, match="must end in one of"):
            read_table(tmp_path / name)
        with pytest.raises(ValueError, match="must end in one of"):
            write_table(tmp_path / name, {"x": np.arange(2)})
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_table(tmp_path / "t.csv")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_table(tmp_path / "d.csv")
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_table(tmp_path / "no" / "t.csv", {"x": np.arange(2)})


def test_failed_write_keeps_the_old_table(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "x\n1\n")
    with pytest.raises(ValueError):
        write_table(path, {"x": np.arange(3), "y": np.arange(2)})
    assert path.read_text() == "x\n1\n" and os.listdir(tmp_path) == ["t.csv"]


def test_integers_are_written_as_integers(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"cluster": np.array([2, 0, 1], dtype=np.int32)})
    assert (tmp_path / "t.csv").read_text() == "cluster\n2\n0\n1\n"
    write_table(tmp_path / "t.npy", {"cluster": np.array([2, 0, 1], dtype=np.int32)})
    assert np.load(tmp_path / "t.npy").dtype == np.int32


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"a\nb": np.array([1.5])})
    assert read_table(tmp_path / "t.csv").names == ("a b",)


# --- missing values and small dtypes ----------------------------------------------------------


def test_missing_values_become_nan_if_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "a,b,c\n1,,0\nNA,0.5,1\n?,nan, - \n")
    table = read_table(path, missing=True)
    expected = np.array([[1, np.nan, 0], [np.nan, 0.5, 1], [np.nan] * 3])
    assert np.array_equal(table.values, expected, equal_nan=True)
    assert np.array_equal(
        read_table(path, missing=True, columns=["c", "a"]).values, expected[:, [2, 0]], True
    )
    with pytest.raises(ValueError, match="line 2: column 'b' is empty"):
        read_table(path)
    bare = written(tmp_path, "bare.csv", "1,,0\n,0,1\n")
    assert np.isnan(read_table(bare, missing=True).values).sum() == 2
    np.save(tmp_path / "t.npy", expected)
    assert np.array_equal(read_table(tmp_path / "t.npy", missing=True).values, expected, True)


def test_text_is_rejected_if_missing_values_are_allowed(tmp_path: Path) -> None:
    for content, message in (
        ("a,b\n1,\n0,x\n", "line 3: column 'b' contains 'x'"),
        ("a,b\n1,\n0,inf\n", "line 3: column 'b' is inf"),
        ("a,b\n1,\n0\n", "line 3: 1 cells where line 1 has 2"),
    ):
        with pytest.raises(ValueError, match=message):
            read_table(written(tmp_path, "t.csv", content), missing=True)
    np.save(tmp_path / "t.npy", [[1.0, np.inf]])
    with pytest.raises(ValueError, match=r"row 1: column 2 is inf"):
        read_table(tmp_path / "t.npy", missing=True)


def test_missing_values_of_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="parquet files need it")
    import pyarrow.parquet as pq

    columns = {"a": [1, None, 0], "b": [True, None, False], "c": [0.5, float("nan"), None]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet", missing=True).values
    expected = np.array([[1, 1, 0.5], [np.nan] * 3, [0, 0, np.nan]])
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_small_dtypes_are_kept_if_requested(dtype: Any, tmp_path: Path) -> None:
    values = np.array([[1, 0], [1, 1]]).astype(dtype)
    np.save(tmp_path / "t.npy", values)
    found = read_table(tmp_path / "t.npy", small=True).values
    assert found.dtype == dtype and np.array_equal(found, values)
    assert read_table(tmp_path / "t.npy").values.dtype == np.float64
    np.save(tmp_path / "t.npy", values.astype(np.int32))
    assert read_table(tmp_path / "t.npy", small=True).values.dtype == np.float64
