"""Every format that a corpus can be read from, valid and damaged."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp

from gibbous import Corpus
from gibbous.corpus.formats.read import FORMATS
from support.corpora import COUNTS, WORDS, same, small

UCI = "4\n4\n7\n1 1 1\n1 3 2\n3 2 3\n4 1 1\n4 2 1\n4 3 1\n4 4 1\n"
MTX = "%%MatrixMarket matrix coordinate integer general\n%\n4 4 7\n" + UCI[6:]
LDAC = "2 0:1 2:2\n0\n1 1:3\n4 0:1 1:1 2:1 3:1\n"
TEXTS = ["ant cow cow", "", "bee bee bee", "ant bee cow dog"]
MALLET = "".join(f"{n} {y} {t}\n" for n, y, t in zip("abcd", "xyxy", TEXTS, strict=True))
RECORDS = [
    {"id": n, "date": 1790 + i, "label": y, "text": t}
    for i, (n, y, t) in enumerate(zip("abcd", "xyxy", TEXTS, strict=True))
]
JSONL = "".join(json.dumps(r) + "\n" for r in RECORDS)
CSV = "id,date,label,text\n" + "".join(
    f"{r['id']},{r['date']},{r['label']},{r['text']}\n" for r in RECORDS
)
VOCAB = "".join(word + "\n" for word in WORDS)
PLAIN = Corpus.of(COUNTS)
NAMED = Corpus.of(COUNTS, WORDS)
WHOLE = small()
LABELLED = Corpus.of(COUNTS, WORDS)._describe(names=list("abcd"), labels=list("xyxy"))


@pytest.fixture(params=[False, True], ids=["plain", "gz"])
def write(request, tmp_path):
    def write(name, text):
        data = text if isinstance(text, bytes) else text.encode()
        path = tmp_path / (name + ".gz" if request.param else name)
        path.write_bytes(gzip.compress(data) if request.param else data)
        return path

    return write


@pytest.fixture
def blocks(monkeypatch):
    """Read files in blocks of a few bytes, so that everything crosses block boundaries."""

    def small_blocks(size):
        import gibbous.corpus.formats.files as files

        whole = files.line_blocks
        for module in ("files", "ldac", "matrix_market", "uci"):
            name = f"gibbous.corpus.formats.{module}.line_blocks"
            monkeypatch.setattr(name, lambda p: whole(p, size))

    return small_blocks


CASES = [
    ("docword.small.txt", UCI, PLAIN),
    ("small.mtx", MTX, PLAIN),
    ("small.ldac", LDAC, PLAIN),
    ("small.mallet", MALLET, LABELLED),
    ("small.jsonl", JSONL, WHOLE),
    ("small.ndjson", JSONL.replace("\n", "\r\n\r\n"), WHOLE),
    ("small.csv", CSV, WHOLE),
    ("small.csv", CSV.replace(",", ";"), WHOLE),
    ("small.tsv", CSV.replace(",", "\t"), WHOLE),
]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(("name", "text", "expected"), CASES, ids=[c[0] for c in CASES])
@pytest.mark.parametrize("end", ["\n", ""], ids=["ended", "open"])
def test_valid_files(write, blocks, tmp_path, name, text, expected, end, size):
    blocks(size)
    path = write(name, text.rstrip("\n") + end)
    same(Corpus.read(path), expected)
    same(Corpus.read(path, into=tmp_path / "a.corpus"), expected)


def test_every_format_can_be_named(write):
    files = {
        "uci": UCI,
        "mtx": MTX,
        "ldac": LDAC,
        "mallet": MALLET,
        "jsonl": JSONL,
        "csv": CSV,
        "tsv": CSV.replace(",", "\t"),
        "lines": "".join(text + "\n" for text in TEXTS),
    }
    for format, text in files.items():
        path = write("noname", text)
        with pytest.raises(ValueError, match=r"is not clear from the name; give format=, one of"):
            Corpus.read(path)
        np.testing.assert_array_equal(Corpus.read(path, format).to_csr().toarray(), COUNTS)
    assert set(FORMATS) == {*files, "gibbous", "npz", "parquet", "folder"}
    with pytest.raises(ValueError, match="format must be one of"):
        Corpus.read(path, "docx")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("docword.small.txt", UCI, "vocab.small.txt"),
        ("docword.small.txt", UCI, "vocab.small.txt.gz"),
        ("small.mtx", MTX, "small.vocab.txt"),
        ("small.mtx", MTX, "small.vocab"),
        ("small.ldac", LDAC, "vocab.txt"),
    ],
)
def test_vocabulary_in_a_separate_file(write, tmp_path, name, text, words):
    data = VOCAB.encode()
    (tmp_path / words).write_bytes(gzip.compress(data) if words.endswith("gz") else data)
    path = write(name, text)
    same(Corpus.read(path), NAMED)
    same(Corpus.read(path, vocabulary=tmp_path / words), NAMED)
    same(Corpus.read(path, vocabulary=False), PLAIN)
    same(Corpus.read(path, vocabulary=list(WORDS)), NAMED)
    (tmp_path / words.removesuffix(".gz")).write_text("ant\nbee\n")
    with pytest.raises(ValueError, match=r"2 words, but .* has 4; give vocabulary="):
        Corpus.read(path)


def test_vocabulary_of_lda_c_with_unused_words(tmp_path):
    (tmp_path / "a.ldac").write_text(LDAC)
    corpus = Corpus.read(tmp_path / "a.ldac", vocabulary=[*WORDS, "emu"])
    assert corpus.n_words == 5 and corpus.vocabulary[-1] == "emu"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ant\n\nbee\n", "line 2: empty"),
        ("ant\nbee\nant\n", "line 3: 'ant' is also on line 1"),
        (b"ant\nb\xe4r\n", "line 2: byte 2 of the line, 0xe4, is not UTF-8"),
    ],
)
def test_damaged_vocabulary(tmp_path, write, text, message):
    (tmp_path / "a.mtx").write_text(MTX)
    path = write("words", text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}, {message}"):
        Corpus.read(tmp_path / "a.mtx", vocabulary=path)


# --- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, 1 << 20])
def test_entries_in_any_order_and_repeated(write, blocks, tmp_path, size):
    blocks(size)
    head, lines = UCI.split("\n")[:3], UCI.split("\n")[3:-1]
    head[2] = "9"
    for order in (lines[::-1], lines[::2] + lines[1::2]):
        body = [*order, "1 1 0", "4 4 2"]
        path = write("docword.a.txt", "\n".join([*head, *body]) + "\n")
        expected = COUNTS + np.outer([0, 0, 0, 2], [0, 0, 0, 1])
        same(Corpus.read(path), Corpus.of(expected))
        same(Corpus.read(path, into=tmp_path / "a.corpus"), Corpus.of(expected))


@pytest.mark.parametrize("field", ["integer", "real"])
@pytest.mark.parametrize("form", [sp.coo_matrix, np.asarray, sp.csc_array])
def test_files_written_by_scipy(tmp_path, field, form):
    scipy.io.mmwrite(
        tmp_path / "a.mtx", form(COUNTS.astype(float)), field=field, symmetry="general"
    )
    same(Corpus.read(tmp_path / "a.mtx"), PLAIN)


def test_patterns_and_npz(tmp_path):
    scipy.io.mmwrite(
        tmp_path / "a.mtx", sp.coo_matrix(COUNTS > 0), field="pattern", symmetry="general"
    )
    same(Corpus.read(tmp_path / "a.mtx"), Corpus.of(COUNTS > 0))
    sp.save_npz(tmp_path / "a.npz", sp.csc_matrix(COUNTS))
    (tmp_path / "a.vocab.txt").write_text(VOCAB)
    same(Corpus.read(tmp_path / "a.npz"), NAMED)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"a\.npz is damaged"):
        Corpus.read(tmp_path / "a.npz")
    sp.save_npz(tmp_path / "a.npz", sp.csc_matrix(COUNTS / 2))
    with pytest.raises(ValueError, match=r"a\.npz: row 0, column 0 holds 0\.5"):
        Corpus.read(tmp_path / "a.npz")


def test_documents_after_the_last_entry_are_kept(tmp_path):
    (tmp_path / "docword.a.txt").write_text("5\n9\n1\n2 3 1\n")
    corpus = Corpus.read(tmp_path / "docword.a.txt")
    assert corpus.document_lengths().tolist() == [0, 1, 0, 0, 0] and corpus.n_words == 9
    (tmp_path / "docword.a.txt").write_text("2\n9\n0\n")
    assert Corpus.read(tmp_path / "docword.a.txt").document_lengths().tolist() == [0, 0]


def line(n, text, whole):
    """Replace line n of a text."""
    lines = whole.split("\n")
    lines[n - 1] = text
    return "\n".join(lines)


DAMAGED = [
    ("docword.a.txt", "", "line 1: the file ends before its first three lines"),
    ("docword.a.txt", "4\n4\n", "line 3: the file ends before its first three lines"),
    ("docword.a.txt", line(2, "four", UCI), "line 2: expected 1 whole numbers; got 'four'"),
    ("docword.a.txt", line(1, "-4", UCI), "line 1: -4 documents"),
    ("docword.a.txt", line(5, "1 3", UCI), "line 5: expected 3 whole numbers; got '1 3'"),
    ("docword.a.txt", line(5, "1 3 2 9", UCI), "line 5: expected 3 whole numbers"),
    ("docword.a.txt", line(6, "3 2 x", UCI), "line 6: expected 3 whole numbers; got '3 2 x'"),
    ("docword.a.txt", line(6, "3 2 1.5", UCI), "line 6: expected 3 whole numbers"),
    ("docword.a.txt", line(6, "3 2 99999999999999999999", UCI), "line 6: expected|line 6: count"),
    ("docword.a.txt", line(6, "3 2 -1", UCI), "line 6: count -1; a count is a whole number"),
    ("docword.a.txt", line(6, "3 2 2147483648", UCI), "line 6: count 2147483648"),
    ("docword.a.txt", line(6, "5 2 1", UCI), "line 6: document 5, but line 3 announces documents"),
    ("docword.a.txt", line(6, "3 0 1", UCI), "line 6: word 0, but line 3 announces words from 1"),
    ("docword.a.txt", line(6, "\n3 5 1", UCI), "line 7: word 5"),
    (
        "docword.a.txt",
        line(3, "8", UCI),
        "line 3: announces 8 entries, but there are 7; the file is",
    ),
    (
        "docword.a.txt",
        line(3, "6", UCI),
        "line 3: announces 6 entries, but there are 7; it has more",
    ),
    ("docword.a.txt", UCI.replace("1 3 2\n3 2 3", "1 3\n2 3 2 3"), "line 5: expected 3"),
    ("a.mtx", "", "line 1: expected '%%MatrixMarket.*an empty file"),
    ("a.mtx", UCI, "line 1: expected '%%MatrixMarket"),
    (
        "a.mtx",
        line(1, "%%MatrixMarket matrix coordinate real symmetric", MTX),
        "line 1: a matrix of",
    ),
    ("a.mtx", line(1, "%%MatrixMarket matrix coordinate complex general", MTX), "line 1: a matrix"),
    (
        "a.mtx",
        "%%MatrixMarket matrix coordinate real general\n%\n",
        "the file ends before the line",
    ),
    ("a.mtx", line(3, "4 4", MTX), "line 3: expected 3 whole numbers; got '4 4'"),
    ("a.mtx", line(3, "4 -4 7", MTX), "line 3: a matrix of 4 rows, -4 columns"),
    ("a.mtx", line(5, "1 9 1", MTX), "line 5: word 9, but line 3 announces words from 1 to 4"),
    ("a.mtx", line(5, "1 3 .5", MTX.replace("integer", "real")), "line 5: count 0.5"),
    ("a.mtx", line(5, "1 3 nan", MTX.replace("integer", "real")), "line 5: count nan"),
    ("a.mtx", line(5, "1.5 3 1", MTX.replace("integer", "real")), "line 5: document 1.5"),
    ("a.mtx", line(10, "", MTX), "line 3: announces 7 entries, but there are 6"),
    ("a.mtx", "%%MatrixMarket matrix array real general\n2 1\n1\n-2\n", "line 4: count -2"),
    ("a.mtx", "%%MatrixMarket matrix array real general\n2 1\n1\n", "line 2: announces 2 entries"),
    (
        "a.mtx",
        "%%MatrixMarket matrix array real general\n2 1\n1\nx\n",
        "line 4: expected 1 numbers",
    ),
    ("a.ldac", line(4, "4 0:1 1:1 2:1", LDAC), "line 4: announces 4 words, but has 3"),
    ("a.ldac", line(3, "1 1", LDAC), "line 3: expected word:count, two whole.*got '1'"),
    ("a.ldac", line(3, "1 1:x", LDAC), "line 3: expected word:count"),
    ("a.ldac", line(3, "1 1:-3", LDAC), "line 3: expected word:count"),
    ("a.ldac", line(3, "1 -1:3", LDAC), "line 3: expected word:count"),
    ("a.ldac", line(3, "1 1:1.5", LDAC), "line 3: expected word:count"),
    ("a.ldac", line(3, "2 1 3:2 4", LDAC), "line 3: announces 2 words, but has 3"),
    ("a.ldac", line(3, "1 1 3", LDAC), "line 3: announces 1 words, but has 2"),
    ("a.ldac", line(3, "2 1:2:3 4", LDAC), "line 3: expected word:count, two whole.*got '1:2:3'"),
    ("a.ldac", line(3, "x", LDAC), "line 3: expected 'n word:count ...'; got 'x'"),
    ("a.ldac", line(3, "1 1:99999999999", LDAC), "line 3: .* is larger than the maximum"),
    ("a.mallet", line(3, "c", MALLET), "line 3: expected 'name label text'; got 'c'"),
    ("a.mallet", MALLET.encode() + b"e x \xff\n", "line 5: byte 5 of the line, 0xff, is not UTF-8"),
    ("a.jsonl", line(2, '{"text": "a"', JSONL), "line 2: not JSON: Expecting"),
    ("a.jsonl", line(2, "[1]", JSONL), "line 2: expected an object"),
    (
        "a.jsonl",
        line(2, '{"txt": "a"}', JSONL),
        "line 2: no field 'text' for text; there are 'txt'",
    ),
    ("a.jsonl", line(2, '{"text": 5}', JSONL), "line 2: a text is text or a list of tokens; got 5"),
    ("a.jsonl", line(2, '{"text": ["a", 1]}', JSONL), "line 2: a text is text or a list"),
    ("a.jsonl", line(2, '{"text": ["a"]}', JSONL), "line 2: the text is a list, that of the pre"),
    ("a.jsonl", line(2, '{"text": "a", "id": [1]}', JSONL), "line 2: id, date and label are text"),
    ("a.jsonl", line(2, "[" * 100_000, JSONL), "line 2: not JSON"),
    ("a.jsonl", JSONL.encode() + b'{"text": "\xe4"}\n', "line 5: byte 11 of the line"),
    ("a.csv", "", "is empty"),
    ("a.csv", line(1, "a,b,c,d", CSV), "line 1: no field 'text' for text; there are 'a', 'b'"),
    ("a.csv", line(3, "b,1791,y", CSV), "line 3: 3 fields, but the first row has 4"),
    ("a.csv", line(3, 'b,1791,y,"', CSV), "line 3: unexpected end of data"),
    ("a.csv", line(3, 'b,1791,y,"a"b', CSV), "line 3: "),
]


@pytest.mark.parametrize("size", [8, 1 << 20])
@pytest.mark.parametrize(
    ("name", "text", "message"), DAMAGED, ids=[f"{n}-{m[:30]}" for n, _, m in DAMAGED]
)
def test_error_of_a_damaged_file_names_the_line(write, blocks, name, text, message, size):
    blocks(size)
    path = write(name, text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}(, |: | ){message}"):
        Corpus.read(path)


@pytest.mark.parametrize(("name", "text", "expected"), CASES, ids=[c[0] for c in CASES])
def test_truncated_compressed_data(tmp_path, name, text, expected):
    data = gzip.compress(text.encode())
    for length in (len(data) - 9, 20):
        path = tmp_path / (name + ".gz")
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=rf"{name}\.gz, line \d+: compressed data is damaged"):
            Corpus.read(path)
    broken = bytearray(data)
    broken[-6] ^= 1  # of the checksum
    path.write_bytes(broken)
    with pytest.raises(ValueError, match=r"line \d+: compressed data is damaged"):
        Corpus.read(path)


def test_failed_reading_leaves_no_file(tmp_path):
    (tmp_path / "a.jsonl").write_text(line(3, "{", JSONL))
    with pytest.raises(ValueError, match="line 3"):
        Corpus.read(tmp_path / "a.jsonl", into=tmp_path / "a.corpus")
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


# --- texts -----------------------------------------------------------------------------------


def test_options_are_passed_to_the_tokenizer(write):
    path = write("a.jsonl", JSONL)
    assert Corpus.read(path, min_df=2).vocabulary == ("ant", "bee", "cow")
    assert Corpus.read(path, vocabulary=["dog", "emu"]).n_tokens == 1
    with pytest.raises(TypeError, match="no option 'min_fd'"):
        Corpus.read(path, min_fd=2)
    with pytest.raises(TypeError, match="no option 'glob'"):
        Corpus.read(path, glob="*")
    with pytest.raises(TypeError, match="uci has no option 'min_df'; it takes only vocabulary"):
        Corpus.read(write("docword.a.txt", UCI), min_df=2)


def test_fields_of_json_lines(write):
    renamed = JSONL.replace('"text"', '"body"').replace('"date"', '"year"').replace('"id"', '"key"')
    path = write("a.jsonl", renamed)
    corpus = Corpus.read(path, text="body", date="year", id="key", label=False)
    assert corpus.names.tolist() == list("abcd") and corpus.labels is None
    np.testing.assert_array_equal(corpus.dates, np.arange(1790, 1794))
    with pytest.raises(ValueError, match="line 1: no field 'when' for date; there are 'key'"):
        Corpus.read(path, text="body", date="when")
    tokens = "".join(json.dumps({"text": t.split()}) + "\n" for t in TEXTS)
    same(Corpus.read(write("a.jsonl", tokens)), NAMED)
    some = write("a.jsonl", JSONL.replace('"label": "y", ', ""))
    assert Corpus.read(some).labels.tolist() == ["x", "", "x", ""]


def test_columns_of_csv(write):
    path = write("a.csv", CSV)
    corpus = Corpus.read(path, text="4", label="id", id=False, date=2)
    assert corpus.labels.tolist() == list("abcd") and corpus.names is None
    bare = write("a.csv", CSV.split("\n", 1)[1])
    same(Corpus.read(bare, header=False, text=4, date=2, id=1, label=3), WHOLE)
    with pytest.raises(ValueError, match="no field '5' for text"):
        Corpus.read(bare, header=False, text=5)
    quoted = write(
        "a.csv", 'text,id\n"ant, ""cow""\ncow",a\n,b\nbee bee bee,c\nant bee cow dog,d\n'
    )
    same(Corpus.read(quoted), NAMED._made(NAMED._rows, 4, WORDS, names=list("abcd")))
    long = write("a.csv", "text\n" + "word " * 100_000 + "\n")
    assert Corpus.read(long).n_tokens == 100_000


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason=".parquet files need pyarrow")
    frame = pd.DataFrame(RECORDS)
    path = tmp_path / "a.parquet"
    frame.to_parquet(path)
    same(Corpus.read(path), WHOLE)
    frame.assign(text=[t.split() for t in TEXTS]).to_parquet(path)
    same(Corpus.read(path), WHOLE)
    frame.assign(date=pd.to_datetime(["2020-01-01"] * 4)).to_parquet(path)
    assert Corpus.read(path).dates.dtype.kind == "M"
    frame.assign(text=["a", None, "b", "c"]).to_parquet(path)
    with pytest.raises(ValueError, match=r"a\.parquet, row 2: a text is text or a list of tokens"):
        Corpus.read(path)
    with pytest.raises(ValueError, match=r"no field 'body' for text; there are 'id', 'date'"):
        Corpus.read(path, text="body")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"a\.parquet is damaged or not a parquet file"):
        Corpus.read(path)


def test_folders(tmp_path):
    for name, text in zip(["x/a.txt", "y/b.txt", "x/c.txt", "y/d.md"], TEXTS, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "y" / ".hidden").write_bytes(b"\xff")
    corpus = Corpus.read(tmp_path)
    assert corpus.names.tolist() == ["x/a.txt", "x/c.txt", "y/b.txt", "y/d.md"]
    assert corpus.labels.tolist() == ["x", "x", "y", "y"]
    np.testing.assert_array_equal(corpus.to_csr().toarray(), COUNTS[[0, 2, 1, 3]])
    assert len(Corpus.read(tmp_path, glob="*.txt")) == 3
    flat = Corpus.read(tmp_path / "x")
    assert flat.labels is None and flat.names.tolist() == ["a.txt", "c.txt"]
    (tmp_path / "x" / "e.txt").write_bytes(b"one\ntwo \xff\n")
    with pytest.raises(ValueError, match=r"e\.txt, line 2: byte 5 of the line"):
        Corpus.read(tmp_path)
    with pytest.raises(ValueError, match=r"has no file '\*\.html'"):
        Corpus.read(tmp_path, glob="*.html")


def test_missing_files(tmp_path):
    for name in ("a.jsonl", "a.npz", "a.parquet", "docword.a.txt"):
        with pytest.raises(FileNotFoundError, match="no such file"):
            Corpus.read(tmp_path / name)
        with pytest.raises(FileNotFoundError, match="no such file"):
            Corpus.read(tmp_path / name, "jsonl")
    (tmp_path / "a").write_text("x")
    with pytest.raises(NotADirectoryError):
        Corpus.read(tmp_path / "a", "folder")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Corpus.read(tmp_path, "jsonl")


def test_real_corpora(data_folder):
    sotu = Corpus.read(data_folder / "sotu.jsonl.gz", date="year", label="president")
    assert len(sotu) == 22_693
    assert (sotu.dates.min(), sotu.dates.max()) == (1790, 2020)
    assert sotu.labels[0] == "George Washington"
    news = Corpus.read(data_folder / "20news.npz")
    assert (len(news), news.n_words, news.n_tokens) == (18_668, 28_827, 2_199_804)
    assert news.vocabulary is not None
