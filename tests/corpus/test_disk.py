"""Corpora in files: memory mapping, validation, and writing in parts."""

from __future__ import annotations

import hashlib
import json
import secrets

import numpy as np
import pytest

from gibbous import Corpus, CorpusWriter
from gibbous.corpus import disk
from gibbous.corpus.rows import Rows
from support.corpora import COUNTS, WORDS, same, small


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.corpus"


def test_round_trip_is_mapped(path):
    corpus = small()
    corpus.save(path)
    for verify in (True, False):
        back = Corpus.open(path, verify=verify)
        same(back, corpus)
        assert back.path == path and back.vocabulary == WORDS
        assert (back.n_documents, back.n_words, back.n_tokens) == (4, 4, 10)
        np.testing.assert_array_equal(back.to_csr().toarray(), COUNTS)
        owner = back.counts
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        assert type(owner).__name__ == "memmap" or type(owner.base).__name__ == "mmap"
        with pytest.raises(ValueError, match="read-only"):
            back.counts[0] = 2
    same(Corpus.read(path), corpus)
    # The digest in the file is that of its arrays.
    assert Corpus(back.indptr, back.indices, back.counts, WORDS).digest() == back.digest()


@pytest.mark.parametrize(
    "corpus",
    [
        Corpus.of(np.empty((0, 3), dtype=int)),
        Corpus.of(np.zeros((2, 0), dtype=int)),
        Corpus.of(np.zeros((2, 2), dtype=int), ["", "größe \ud800\n"]),
        small()[1:2],
    ],
    ids=str,
)
def test_small_corpora(path, corpus):
    corpus.save(path)
    same(Corpus.open(path), corpus)
    assert Corpus.open(path).vocabulary == corpus.vocabulary


@pytest.mark.parametrize(
    "dates",
    [
        np.array([1.5, np.nan, -np.inf, 0]),
        np.array(["2020-01-01", "NaT", "1790-01-08", "1970-01-01"], dtype="M8[D]"),
        np.array(["2020-01-01T01:02:03", "NaT", "1790-01-08", "1970-01-01"], dtype="M8[ms]"),
        ["", "x", "ü", "a\nb"],
    ],
    ids=str,
)
def test_all_kinds_of_dates(path, dates):
    corpus = Corpus.of(COUNTS)._describe(dates=dates)
    corpus.save(path)
    same(Corpus.open(path), corpus)
    assert Corpus.open(path).dates.dtype == corpus.dates.dtype


def test_file_can_be_replaced_while_it_is_mapped(path):
    small().save(path)
    corpus = Corpus.open(path)
    corpus[:2].save(path)
    np.testing.assert_array_equal(corpus.to_csr().toarray(), COUNTS)
    assert len(Corpus.open(path)) == 2


def test_every_damaged_byte_is_detected(path):
    small().save(path)
    good = path.read_bytes()
    seed = secrets.randbits(32)
    used = np.ones(len(good), dtype=bool)
    header, base = disk._header(path)
    used[base:] = False
    for about in header["arrays"].values():
        begin = base + about["at"]
        used[begin : begin + about["length"] * np.dtype(about["dtype"]).itemsize] = True
    for at in np.random.default_rng(seed).choice(np.flatnonzero(used), 150, replace=False):
        bad = bytearray(good)
        bad[at] ^= 1 << int(at % 8)
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=str(path)):
            Corpus.open(path)


def test_every_truncation_is_detected(path):
    small().save(path)
    good = path.read_bytes()
    for length in [*range(0, 120), *range(120, len(good) - 64, 37)]:
        path.write_bytes(good[:length])
        for verify in (True, False):
            with pytest.raises(ValueError, match=str(path)):
                Corpus.open(path, verify=verify)


def rewritten(path, change):
    """Change the header of a file and fix its checksum."""
    data = path.read_bytes()
    length = int.from_bytes(data[16:24], "little")
    header = json.loads(data[56 : 56 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-(56 + len(text)) % 64)
    data = (
        data[:16]
        + len(text).to_bytes(8, "little")
        + hashlib.sha256(text).digest()
        + text
        + data[56 + length :]
    )
    path.write_bytes(data)


def put(*keys, value):
    def change(header):
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("format", value=99), "format 99.*upgrade gibbous"),
        (put("n_words", value=3), "digest"),
        (put("n_tokens", value=3), "number of tokens"),
        (put("digest", value="0"), "digest"),
        (put("arrays", "counts", "dtype", value="<i8"), "cut short|damaged|dtype"),
        (put("arrays", "counts", "dtype", value="|O"), r"dtype '\|O'"),
        (put("arrays", "counts", "at", value=-64), "wrong position"),
        (put("arrays", "counts", "at", value=3), "wrong position"),
        (put("arrays", "counts", "length", value=-1), "wrong position"),
        (put("arrays", "counts", "length", value=10**9), "cut short"),
        (put("arrays", "counts", value=None), "not laid out"),
        (put("arrays", value=[]), "not laid out"),
        (lambda header: header["arrays"].pop("indices"), "not laid out"),
    ],
)
def test_handmade_headers_are_checked(path, change, message):
    small().save(path)
    rewritten(path, change)
    with pytest.raises(ValueError, match=message):
        Corpus.open(path)


def test_handmade_arrays_are_checked(path):
    corpus = small()
    indices = np.array([0, 9, 1, 0, 1, 2, 3], dtype=np.int32)
    arrays = {"indptr": corpus.indptr, "indices": indices, "counts": corpus.counts}
    disk.write(path, disk.array_sections(arrays), 4, 10)
    with pytest.raises(ValueError, match="damaged: document 0 has word 9"):
        Corpus.open(path)


def test_files_other_than_corpora_are_rejected(path, tmp_path):
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"not a corpus file.*Corpus\.read"):
        Corpus.open(path)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Corpus.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        Corpus.open(tmp_path / "absent.corpus")
    with pytest.raises(FileNotFoundError, match="no folder"):
        CorpusWriter(tmp_path / "absent" / "a.corpus")


# --- writing in parts --------------------------------------------------------------------------


def test_the_writer_equals_saving(path, tmp_path):
    corpus = small()
    with CorpusWriter(path, WORDS) as writer:
        writer.add(corpus[:1])
        writer.add(COUNTS[1:3], names=["b", "c"], dates=[1791, 1792], labels=["y", "x"])
        writer.add(corpus[3:].to_csr(), names=["d"], dates=[1793], labels=["y"])
    same(Corpus.open(path), corpus)
    corpus.save(tmp_path / "saved.corpus")
    assert (tmp_path / "saved.corpus").read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["saved.corpus", "small.corpus"]


def test_writer_infers_the_vocabulary_size(path):
    with CorpusWriter(path) as writer:
        writer.add(np.array([[1, 0]]))
        writer.add(np.array([[0, 0, 5]]))
    assert Corpus.open(path).n_words == 3
    with CorpusWriter(path, n_words=7) as writer:
        pass
    assert (len(Corpus.open(path)), Corpus.open(path).n_words) == (0, 7)


def test_failed_writer_leaves_no_file(path):
    small().save(path)
    before = path.read_bytes()

    def fail():
        with CorpusWriter(path, WORDS) as writer:
            writer.add(COUNTS)
            writer.add(np.ones((1, 5), dtype=int))

    with pytest.raises(ValueError, match="X has word number 4, but there are 4 words"):
        fail()
    assert path.read_bytes() == before
    with (
        pytest.raises(ValueError, match="another vocabulary"),
        CorpusWriter(path, list("abcd")) as w,
    ):
        w.add(small())
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_building_in_a_file_equals_building_in_memory(path, tmp_path, monkeypatch):
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    texts = [" ".join(f"w{w}" for w in rng.zipf(1.3, 40) % 500) for _ in range(300)]
    monkeypatch.setattr("gibbous.corpus.text.BATCH", 2000)
    options = {"min_df": 3, "max_features": 50, "ngram_range": (1, 2)}
    mapped = Corpus.from_texts(texts, path=path, labels=range(300), **options)
    same(mapped, Corpus.from_texts(texts, labels=range(300), **options))
    assert mapped.path == path
    pruned = mapped.filter(min_df=20, path=tmp_path / "b.corpus")
    same(pruned, mapped.filter(min_df=20))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.corpus", "small.corpus"]


def test_offsets_beyond_32_bits_are_written(tmp_path):
    from contextlib import ExitStack

    from gibbous.corpus.rows import Rows

    with ExitStack() as stack:
        spool = disk.Spool(tmp_path, stack)
        spool.n_entries = 2**31 + 5  # as if so many entries had been written before
        one = np.ones(2, dtype=np.int32)
        spool.add(Rows(np.array([0, 2]), one.cumsum(dtype=np.int32), one * (2**31 - 1)))
        assert spool.n_tokens == 2**32 - 2
        section = spool.sections()[0]
        section.source.seek(8)
        assert np.frombuffer(section.source.read(), dtype="<i8").tolist() == [2**31 + 7]


def test_offsets_beyond_2_31_of_a_mapped_corpus(tmp_path):
    # entries that are never read are holes of a sparse file, without blocks on disk
    hole = 2**31 + 5
    arrays = []
    for name, values in (("indices", [1, 4, 0, 1, 4]), ("counts", [2, 1, 3, 1, 2])):
        file = np.memmap(tmp_path / name, np.int32, "w+", shape=(hole + 5,))
        file[hole:] = values
        arrays.append(file)
    assert sum(path.stat().st_blocks for path in tmp_path.iterdir()) * 512 < 1 << 20
    indptr = np.array([0, hole, hole + 2, hole + 2, hole + 5])
    corpus = Corpus._made(Rows(indptr, *arrays), 5, ("a", "b", "c", "d", "e"))
    rest = corpus[1:]
    assert rest.indptr.tolist() == [0, 2, 2, 5]
    assert rest.to_csr().toarray().tolist() == [[0, 2, 0, 0, 1], [0] * 5, [3, 1, 0, 0, 2]]
    assert rest.document_lengths().tolist() == [3, 0, 6]
    assert corpus[[3, 1]].to_csr().toarray().tolist() == [[3, 1, 0, 0, 2], [0, 2, 0, 0, 1]]
    assert corpus.to_gensim()[0][3] == [(0, 3), (1, 1), (4, 2)]
    rest.save(tmp_path / "rest")
    assert Corpus.open(tmp_path / "rest").digest() == rest.digest()
