"""Corpus: construction from matrices and lists, selection, splitting, weighting and pruning."""

from __future__ import annotations

import datetime
import secrets

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from gibbous import Corpus
from support.corpora import COUNTS, WORDS, canonical, same, small

# --- attributes ------------------------------------------------------------------------------


def test_arrays_and_numbers():
    corpus = small()
    np.testing.assert_array_equal(corpus.indptr, [0, 2, 2, 3, 7])
    np.testing.assert_array_equal(corpus.indices, [0, 2, 1, 0, 1, 2, 3])
    np.testing.assert_array_equal(corpus.counts, [1, 2, 3, 1, 1, 1, 1])
    assert [a.dtype for a in (corpus.indptr, corpus.indices, corpus.counts)] == [
        np.int64,
        np.int32,
        np.int32,
    ]
    assert (corpus.n_documents, corpus.n_words, corpus.n_tokens, len(corpus)) == (4, 4, 10, 4)
    assert corpus.vocabulary == WORDS
    assert repr(corpus) == "Corpus(4 documents, 4 words, 10 tokens)"
    np.testing.assert_array_equal(corpus.document_lengths(), COUNTS.sum(1))
    np.testing.assert_array_equal(corpus.word_counts(), COUNTS.sum(0))
    np.testing.assert_array_equal(corpus.document_frequencies(), (COUNTS > 0).sum(0))
    np.testing.assert_array_equal(corpus.to_csr().toarray(), COUNTS)
    with pytest.raises(ValueError, match="read-only"):
        corpus.counts[0] = 5


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([1, 2], [0, 0], [1, 1]), "indptr must begin with 0; got 1"),
        (([0, 2, 1], [0], [1]), "must not decrease; it does after document 1"),
        (([0, 2], [0], [1]), "ends with 2.*got 1 and 1"),
        (([0, 2], [1, 1], [1, 1]), "in document 0 word 1 follows word 1"),
        (([0, 0, 2], [1, 0], [1, 1]), "in document 1 word 0 follows word 1"),
        (([0, 1], [-1], [1]), "document 0 has word -1"),
        (([0, 1, 2], [0, 4], [1, 1]), "document 1 has word 4, but words are numbered from 0 to 3"),
        (([0, 1], [0], [0]), "has word 0 0 times"),
        (([0, 1], [2**31], [1]), "indices must fit into 32 bits"),
        (([0, 1], [0.5], [1]), "indices must hold integers; got float64"),
        (([0, 1], [[0]], [1]), "indices must have one dimension"),
        (([], [], []), "at least one entry"),
    ],
)
def test_inconsistent_arrays(arrays, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Corpus(*arrays, n_words=4)


def test_decreasing_row_offsets():
    corpus = Corpus([0, 1, 1, 2], [3, 0], [1, 1])
    assert corpus.n_words == 4


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (["a", "b"], "one entry per word, 4; got 2"),
        (["a", "b", "a", "c"], "'a' is at 0 and 2"),
        (["a", "b", 3, "c"], "entry 2 is 3"),
        ("abcd", "a sequence of words"),
        ({"a": 0, "b": 1, "c": 2, "d": 4}, "without gaps; it has 'd': 4"),
    ],
)
def test_a_wrong_vocabulary(vocabulary, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Corpus.of(COUNTS, vocabulary)


def test_a_mapping_is_a_vocabulary():
    assert Corpus.of(COUNTS, {"b": 1, "a": 0, "d": 3, "c": 2}).vocabulary == ("a", "b", "c", "d")


def test_columns_are_of_four_kinds():
    corpus = Corpus.of(COUNTS)
    days = [datetime.date(2020, 1, d) for d in range(1, 5)]
    assert corpus._describe(dates=days).dates.dtype == "M8[D]"
    assert corpus._describe(dates=pd.date_range("2020", periods=4)).dates.dtype.kind == "M"
    assert corpus._describe(dates=[1, 2, 3, 4]).dates.dtype == np.int64
    assert corpus._describe(dates=[1, 2.5, 3, None]).dates.dtype == np.float64
    assert corpus._describe(dates=["1790", "c. 1800", None, 1801]).dates.tolist() == [
        "1790",
        "c. 1800",
        "",
        "1801",
    ]
    assert corpus._describe(names=range(4)).names.tolist() == list("0123")
    with pytest.raises(TypeError, match="all text, all numbers or all dates; got \\[1\\]"):
        corpus._describe(labels=[[1], [2], [3], [4]])
    with pytest.raises(ValueError, match="labels must have one entry per document, 4; got 3"):
        corpus._describe(labels=["a", "b", "c"])


# --- from matrices ---------------------------------------------------------------------------

FORMATS = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, np.float64, bool])
def test_of_accepts_every_sparse_format(format, kind, dtype):
    X = kind(COUNTS.astype(dtype)).asformat(format)
    corpus = Corpus.of(X, WORDS)
    np.testing.assert_array_equal(corpus.to_csr().toarray(), COUNTS.astype(dtype))


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 6),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 200)), max_size=30),
    st.sampled_from(FORMATS),
    st.sampled_from([np.uint8, np.int64, np.float64]),
)
def test_of_sums_repeated_entries_and_drops_zeros(n, width, entries, format, dtype):
    entries = [(d, w, c) for d, w, c in entries if d < n and w < width]
    documents, words, counts = np.array(entries, dtype=int).reshape(-1, 3).T
    expected = np.zeros((n, width), dtype=int)
    np.add.at(expected, (documents, words), counts)
    X = sp.coo_matrix((counts.astype(dtype), (documents, words)), shape=(n, width))
    if format != "coo":
        # SciPy would sum in 8 bits: repeated entries of coo and csr must be kept until we sum them
        X = sp.coo_matrix((counts, (documents, words)), shape=(n, width)).asformat(format)
    corpus = Corpus.of(X)
    assert (len(corpus), corpus.n_words) == (n, width)
    np.testing.assert_array_equal(corpus.to_csr().toarray(), expected)
    same(corpus, Corpus.of(expected))


def test_of_csr_with_repetitions_and_unsorted_words():
    X = sp.csr_matrix(
        (np.array([200, 100, 1, 0], dtype=np.uint8), [2, 2, 0, 1], [0, 3, 4]), shape=(2, 3)
    )
    np.testing.assert_array_equal(Corpus.of(X).to_csr().toarray(), [[1, 0, 300], [0, 0, 0]])


def test_of_csr_of_our_own_dtype_with_zeros():
    X = sp.csr_matrix((np.array([1, 0, 2], dtype=np.int32), [0, 1, 2], [0, 2, 3]), shape=(2, 3))
    same(Corpus.of(X), Corpus.of([[1, 0, 0], [0, 0, 2]]))
    X.data[1] = -2
    with pytest.raises(ValueError, match="row 0, column 1 holds -2, which is negative"):
        Corpus.of(X)


def test_of_shares_memory_if_nothing_changes():
    X = sp.csr_matrix(COUNTS.astype(np.int32))
    assert np.shares_memory(Corpus.of(X).counts, X.data)
    corpus = Corpus.of(X)
    assert Corpus.of(corpus) is corpus
    assert np.shares_memory(Corpus.of(corpus, WORDS).counts, X.data)


BAD = [
    (0.5, "holds 0.5, which is not a whole number; give counts of words"),
    (-1, "holds -1.*, which is negative"),
    (np.nan, "holds nan, which is not finite"),
    (np.inf, "holds inf, which is not finite"),
    (2**31, "holds 2147483648.*, but one word may occur at most 2147483647 times in one document"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
@pytest.mark.parametrize(
    "form",
    [sp.csr_matrix, sp.coo_matrix, sp.csc_matrix, np.asarray, pd.DataFrame, np.ndarray.tolist],
)
def test_invalid_count_is_reported_with_its_position(value, message, form):
    X = COUNTS.astype(float)
    X[2, 1] = value
    with pytest.raises(ValueError, match=f"row 2, column 1 {message}"):
        Corpus.of(form(X))


def test_invalid_count_in_a_csr_with_duplicates():
    X = sp.csr_matrix(([1.0, 0.25, 1.0], [1, 1, 0], [0, 0, 2, 3]), shape=(3, 2))
    with pytest.raises(ValueError, match=r"row 1, column 1 holds 1.25, which is not a whole"):
        Corpus.of(X)


def test_counts_whose_sum_exceeds_32_bits():
    X = sp.coo_matrix((np.array([2**30, 2**30], dtype=np.int32), ([0, 0], [0, 0])), shape=(1, 1))
    with pytest.raises(ValueError, match="row 0, column 0 holds 2147483648"):
        Corpus.of(X)
    assert Corpus.of(sp.coo_matrix(([2**30, 2**30 - 1], ([0, 0], [0, 0])))).n_tokens == 2**31 - 1


@pytest.mark.parametrize("X", [["a text"], [["a", "token"]], "text", 5, None, [[1], [2, 3]]])
def test_input_without_numbers_is_rejected_with_advice(X):
    with pytest.raises(TypeError, match=r"from_texts.*from_tokens.*from_bow.*read"):
        Corpus.of(X)


def test_of_needs_two_dimensions():
    with pytest.raises(ValueError, match=r"two dimensions.*\(3,\)"):
        Corpus.of(np.array([1, 2, 3]))


def test_of_data_frames():
    frame = pd.DataFrame(COUNTS, columns=list(WORDS))
    same(Corpus.of(frame), Corpus.of(COUNTS, WORDS))
    same(Corpus.of(frame.astype(pd.SparseDtype(int, 0))), Corpus.of(COUNTS, WORDS))
    same(Corpus.of(frame.astype(object)), Corpus.of(COUNTS, WORDS))
    assert Corpus.of(pd.DataFrame(COUNTS)).vocabulary == ("0", "1", "2", "3")
    with pytest.raises(TypeError, match="a table of counts"):
        Corpus.of(pd.DataFrame({"a": ["x"]}))


# --- from lists ------------------------------------------------------------------------------


def test_from_bow():
    documents = [[(0, 1), (2, 2)], [], [(1, 1), (1, 2.0)], [(3, 1), (0, 1), (1, 1), (2, 1)]]
    same(Corpus.from_bow(documents, n_words=4), Corpus.of(COUNTS))
    same(Corpus.from_bow(iter(documents), WORDS), Corpus.of(COUNTS, WORDS))
    same(Corpus.from_bow(documents, dict(enumerate(WORDS))), Corpus.of(COUNTS, WORDS))

    class Dictionary:  # the same as gensim's
        token2id = {w: i for i, w in enumerate(WORDS)}  # noqa: RUF012

    same(Corpus.from_bow(documents, Dictionary()), Corpus.of(COUNTS, WORDS))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([(0, 1.5)], "row 1, column 0 holds 1.5"),
        ([(0, -1)], "row 1, column 0 holds -1"),
        ([(-1, 1)], "document 1 has word -1"),
        ([(0.5, 1)], "document 1 has word 0.5"),
        (["ant"], "document 1 must be a list of pairs"),
        ([(0, 1, 2)], "document 1 must be a list of pairs"),
        ("ant", "document 1 must be a list of pairs"),
    ],
)
def test_bad_bags(document, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Corpus.from_bow([[(0, 1)], document])


def test_a_dictionary_with_gaps():
    with pytest.raises(ValueError, match=r"no word for number 1.*compactify"):
        Corpus.from_bow([[(2, 1)]], {0: "a", 2: "c"})


TEXTS = ["the ant and the bee", "", "bee bee", "a cow"]


def test_from_vectorizers():
    expected = Corpus.from_texts(TEXTS)
    same(Corpus.from_vectorizer(CountVectorizer(), TEXTS), expected)
    fitted = CountVectorizer().fit(TEXTS)
    same(Corpus.from_vectorizer(fitted, iter(TEXTS[:2])), expected[:2])
    hashing = HashingVectorizer(n_features=64, alternate_sign=False, norm=None)
    corpus = Corpus.from_vectorizer(hashing, TEXTS, names=list("abcd"))
    assert corpus.vocabulary is None and corpus.n_words == 64
    assert corpus.n_tokens == expected.n_tokens and corpus.names[3] == "d"
    with pytest.raises(ValueError, match="CountVectorizer, not TfidfVectorizer"):
        Corpus.from_vectorizer(TfidfVectorizer(), TEXTS)


# --- parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(1, 3),
        slice(3, 1),
        slice(None, None, -1),
        slice(0, 4, 2),
        [3, 0, 0],
        np.array([-1]),
        [],
        np.array([True, False, False, True]),
        2,
    ],
    ids=str,
)
def test_taking_documents(rows):
    taken = small()[rows]
    which = np.atleast_1d(np.arange(4)[rows]) if not isinstance(rows, list) or rows else []
    which = np.asarray(which, dtype=int)
    np.testing.assert_array_equal(taken.to_csr().toarray(), COUNTS[which])
    np.testing.assert_array_equal(taken.dates, np.arange(1790, 1794)[which])
    assert taken.names.tolist() == [list("abcd")[i] for i in which]
    assert taken.vocabulary == WORDS and taken.n_words == 4


@pytest.mark.parametrize("rows", [4, [-5], np.array([True]), "a", [0.5]])
def test_missing_documents(rows):
    with pytest.raises(IndexError):
        small()[rows]


def test_a_slice_shares_memory():
    corpus = small()
    assert np.shares_memory(corpus[2:].counts, corpus.counts)


def test_iteration_terminates():
    assert [c.n_tokens for c in small()] == [3, 0, 3, 4]


def test_split_is_a_reproducible_partition():
    corpus = Corpus.of(np.arange(1, 101)[:, None])._describe(names=range(100))
    train, test = corpus.split(0.25, random_state=3)
    assert (len(train), len(test)) == (75, 25)
    assert sorted([*train.counts, *test.counts]) == list(range(1, 101))
    assert (np.diff(train.counts) > 0).all()  # in the order of the corpus
    assert [int(n) + 1 for n in test.names] == test.counts.tolist()
    same(corpus.split(0.25, random_state=3)[1], test)
    assert corpus.split(0.25, random_state=4)[1].digest() != test.digest()
    for wrong in (0, 1, -0.5, "a", 1e-9):
        with pytest.raises(ValueError, match="test_fraction"):
            corpus.split(wrong)


def test_completion_split_is_binomial():
    seed = secrets.randbits(32)
    counts = np.random.default_rng(seed).integers(0, 60, (200, 50))
    corpus = Corpus.of(counts)
    first, second = corpus.completion_split(seed)
    one, other = first.to_csr().toarray(), second.to_csr().toarray()
    np.testing.assert_array_equal(one + other, counts)
    assert first.counts.min() >= 1 and second.counts.min() >= 1
    # Of c tokens the half has mean c/2 and variance c/4, independently for each entry.
    z = (one.sum() - counts.sum() / 2) / np.sqrt(counts.sum() / 4)
    assert abs(z) < 5, (seed, z)
    there = counts > 0
    squares = ((one - counts / 2) ** 2 / (counts / 4 + ~there))[there]
    # Var of ((X - c/2)^2 / (c/4)) is 2 - 2/c <= 2.
    z = (squares.mean() - 1) / np.sqrt(2 / len(squares))
    assert abs(z) < 5, (seed, z)
    same(first, corpus.completion_split(seed)[0])


def test_reweight_has_the_correct_mean():
    seed = secrets.randbits(32)
    counts = np.tile([1, 2, 7, 3, 5], (20_000, 1))
    corpus = Corpus.of(counts, list("abcde"))
    weights = np.array([0.3, 1.7, 0.01, 0.0, 2.0])
    got = corpus.reweight(weights, seed).to_csr().toarray()
    scaled = counts[0] * weights
    assert (abs(got - scaled) < 1).all()
    np.testing.assert_array_equal(got[:, 3:], np.tile([0, 10], (20_000, 1)))
    share = scaled - np.floor(scaled)
    z = (got.mean(0) - scaled)[:3] / np.sqrt(share * (1 - share) / len(got))[:3]
    assert (abs(z) < 5).all(), (seed, z)
    by_name = corpus.reweight(dict(zip("abcde", weights, strict=True)), seed)
    same(by_name, corpus.reweight(weights, seed))
    same(corpus.reweight({}, seed), corpus)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1], "one entry per word, 4; got shape"),
        ([1, -1, 1, 1], "word 1 has -1"),
        ([1, 1, np.nan, 1], "word 2 has nan"),
        ({"emu": 1}, "name 'emu', which is not in the vocabulary"),
        ([1e9, 1e9, 1e9, 1e9], "weights make a count 3000000000"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        small().reweight(weights, 0)


# --- words -----------------------------------------------------------------------------------


def test_filter_prunes_like_the_vectorizer():
    seed = secrets.randbits(32)
    counts = np.random.default_rng(seed).poisson(0.4, (30, 20))
    corpus = Corpus.of(counts, [f"w{i:02}" for i in range(20)])
    texts = [" ".join(np.repeat(corpus.vocabulary, row)) for row in counts]
    for options in ({"min_df": 8}, {"max_df": 0.4}, {"min_df": 0.2, "max_df": 14}):
        vectorizer = CountVectorizer(**options)
        X = vectorizer.fit_transform(texts).toarray()
        pruned = corpus.filter(**options)
        assert pruned.vocabulary == tuple(vectorizer.get_feature_names_out()), seed
        np.testing.assert_array_equal(pruned.to_csr().toarray(), X)


def test_filter_keeps_documents_and_most_frequent_words():
    corpus = small().filter(max_features=2)
    assert corpus.vocabulary == ("bee", "cow")  # 4 and 3 tokens; ant and dog have 2 and 1
    np.testing.assert_array_equal(corpus.to_csr().toarray(), COUNTS[:, 1:3])
    assert corpus.names.tolist() == list("abcd")
    assert small().filter(stop_words=["bee"]).vocabulary == ("ant", "cow", "dog")
    ties = Corpus.of(np.array([[1, 1, 1]])).filter(max_features=2)
    assert ties.n_words == 2 and ties.indices.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_df": 5}, "min_df=5 asks for more documents than max_df=1.0 allows: 5 and 4 of 4"),
        ({"min_df": 3}, "vocabulary is empty: none of 4 words is left; lower min_df"),
        ({"stop_words": WORDS}, "vocabulary is empty"),
        ({"min_df": -1}, "min_df must be"),
        ({"max_df": 1.5}, "max_df must be"),
        ({"max_features": 0}, "max_features must be"),
        ({"stop_words": "german"}, "stop_words must be 'english', a list"),
    ],
)
def test_invalid_pruning_limits(options, message):
    with pytest.raises(ValueError, match=message):
        small().filter(**options)


def test_change_of_vocabulary():
    other = canonical(small().with_vocabulary(["dog", "emu", "ant"]))
    np.testing.assert_array_equal(
        other.to_csr().toarray(), np.column_stack([COUNTS[:, 3], COUNTS[:, 3] * 0, COUNTS[:, 0]])
    )
    same(small().with_vocabulary(WORDS), small())
    with pytest.raises(ValueError, match="with_vocabulary"):
        Corpus.of(small(), ["a", "b", "c", "d"])


def test_concatenate():
    corpus = small()
    same(Corpus.concatenate([corpus[:1], corpus[1:3], corpus[3:]]), corpus)
    other = Corpus.of(np.array([[1, 2]]), ["emu", "bee"])
    both = Corpus.concatenate([corpus, other])
    assert both.vocabulary == (*WORDS, "emu")
    np.testing.assert_array_equal(both.to_csr().toarray()[-1], [0, 2, 0, 0, 1])
    assert both.names.tolist() == ["a", "b", "c", "d", ""]
    assert np.isnan(both.dates[-1])
    plain = Corpus.concatenate([Corpus.of([[1, 2]]), Corpus.of([[3]])])
    np.testing.assert_array_equal(plain.to_csr().toarray(), [[1, 2], [3, 0]])
    with pytest.raises(ValueError, match="corpus 1 has no vocabulary"):
        Corpus.concatenate([corpus, Corpus.of(COUNTS)])
    with pytest.raises(ValueError, match="at least one"):
        Corpus.concatenate([])


def test_digest_depends_on_words_and_counts():
    corpus = small()
    assert corpus.digest() == Corpus.of(COUNTS, WORDS).digest()
    changed = COUNTS.copy()
    changed[3, 3] = 2
    wider = np.column_stack([COUNTS, COUNTS[:, 0] * 0])
    digests = {
        c.digest()
        for c in (
            corpus,
            Corpus.of(COUNTS),
            Corpus.of(changed, WORDS),
            Corpus.of(COUNTS, ("ant", "bee", "cow", "do")),
            Corpus.of(COUNTS, ("antb", "ee", "cow", "dog")),
            Corpus.of(wider),
            corpus[:3],
        )
    }
    assert len(digests) == 7


# --- extremes --------------------------------------------------------------------------------


def test_one_document_of_one_word_that_fills_32_bits():
    corpus = Corpus.of(sp.csr_matrix([[2**31 - 1, 2**31 - 1]]))
    assert corpus.n_tokens == 2**32 - 2
    assert corpus.document_lengths().tolist() == [2**32 - 2]
    assert corpus.word_counts().tolist() == [2**31 - 1, 2**31 - 1]
    first, second = corpus.completion_split(0)
    assert first.n_tokens + second.n_tokens == 2**32 - 2


def test_offsets_beyond_32_bits():
    """Three documents, the first with 2**31 + 7 entries that share the memory of one number."""
    many = 2**31 + 7
    one = np.lib.stride_tricks.as_strided(np.zeros(1, dtype=np.int32), (many + 3,), (0,))
    from gibbous.corpus.rows import Rows, chunks, kept_indptr, take

    rows = Rows(np.array([0, many, many + 1, many + 3]), one, one)
    corpus = Corpus._made(rows, 1)
    tail = corpus[1:]
    assert tail.indptr.tolist() == [0, 1, 3] and len(tail.indices) == 3
    picked = corpus[[2, 1]]
    assert picked.indptr.tolist() == [0, 2, 3] and picked.counts.tolist() == [0, 0, 0]
    assert list(chunks(rows.indptr)) == [(0, 1), (1, 3)]
    assert take(rows, slice(0, 2)).indptr.tolist() == [0, many, many + 1]
    assert kept_indptr(np.array([0, 2, 3]), np.array([True, False, True])).tolist() == [0, 1, 2]


def test_stacking_counts_beyond_32_bits():
    from gibbous.corpus.rows import Rows, stack

    class Long(Rows):  # offsets only, as if the entries existed
        pass

    big = 2**31
    empty = np.empty(0, dtype=np.int32)
    parts = [Long(np.array([0, big]), empty, empty), Long(np.array([0, 5]), empty, empty)]
    assert stack(parts).indptr.tolist() == [0, big, big + 5]


def test_corpus_without_documents_or_words():
    empty = Corpus.of(np.empty((0, 3), dtype=int))
    assert (len(empty), empty.n_words, empty.n_tokens) == (0, 3, 0)
    blank = Corpus.of(np.zeros((2, 0), dtype=int))
    assert (len(blank), blank.n_words) == (2, 0)
    assert blank.document_lengths().tolist() == [0, 0]
    assert len(empty[:0]) == 0
