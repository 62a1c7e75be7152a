"""From texts to a corpus, compared with scikit-learn's CountVectorizer."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from gibbous import Corpus
from gibbous._ground.isa import core
from gibbous.corpus.text import TextOptions, _run_length
from support.corpora import canonical

TEXTS = [
    "To be, or not to be: that is the question.",
    "",
    "Größe, GROSSE; naïve café — 北京 is not Beijing\u2019s",
    "a i o",
    "snake_case x1 42 \x00 tab\tnew\nline \x1f unit",
    "word " * 70_000,
    "\u0130stanbul \ud800 e\u0301te\u0301",
]

NAMES = [b"a", b"b", b"ab", b"a\0", b"abcdefgh", b"abcdefgh\0", b"abcdefghi", b"\xc3\xa4"]

OPTIONS = [
    {},
    {"lowercase": False},
    {"stop_words": "english"},
    {"stop_words": ["to", "größe"]},
    {"ngram_range": (1, 2)},
    {"ngram_range": (2, 2)},
    {"ngram_range": (1, 3), "stop_words": "english"},
    {"ngram_range": (3, 4)},
    {"strip_accents": "unicode"},
    {"strip_accents": "ascii"},
    {"token_pattern": r"(?u)\b\w+\b"},
    {"token_pattern": r"\w\w\w+"},
    {"token_pattern": r"\w{4,}", "lowercase": False},
    {"token_pattern": r"[a-z]+"},
    {"token_pattern": r"(?u)\b(\w\w)\w*\b", "ngram_range": (1, 2)},
    {"tokenizer": str.split, "token_pattern": None},
    {"min_df": 2},
    {"max_df": 0.2},
    {"min_df": 1, "max_df": 2, "stop_words": "english"},
]


def assert_as_vectorizer(texts, options):
    vectorizer = CountVectorizer(**options)
    X = vectorizer.fit_transform(texts)
    corpus = Corpus.from_texts(
        texts, **{k: v for k, v in options.items() if not (k == "token_pattern" and v is None)}
    )
    assert corpus.vocabulary == tuple(vectorizer.get_feature_names_out())
    assert (canonical(corpus).to_csr() != X).nnz == 0
    assert len(corpus) == len(texts)
    return corpus


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_the_vectorizer(options):
    assert_as_vectorizer(TEXTS, options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_given_vocabulary_equals_that_of_the_vectorizer(options):
    options = {k: v for k, v in options.items() if k not in ("min_df", "max_df")}
    words = ["to be", "to", "zebra", "is", "größe", "not", "be or not", "word"]
    vectorizer = CountVectorizer(vocabulary=words, **options)
    plain = {k: v for k, v in options.items() if v is not None}
    corpus = Corpus.from_texts(TEXTS, vocabulary=words, **plain)
    assert corpus.vocabulary == tuple(words)
    assert (corpus.to_csr() != vectorizer.transform(TEXTS)).nnz == 0


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.text(max_size=30), min_size=1, max_size=6),
    st.sampled_from([o for o in OPTIONS if not {"min_df", "max_df"} & set(o)]),
)
def test_equals_the_vectorizer_on_any_text(texts, options):
    assert_as_vectorizer([*texts, "somewhere over the rainbow"], options)


def test_equals_the_vectorizer_over_many_batches(data_folder, monkeypatch):
    with gzip.open(data_folder / "sotu.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file][:4000]
    assert_as_vectorizer(texts, {"ngram_range": (1, 2), "min_df": 3})
    corpus = assert_as_vectorizer(texts, {})
    monkeypatch.setattr("gibbous.corpus.text.BATCH", 1000)
    assert Corpus.from_texts(texts).digest() == corpus.digest()


def test_runs_of_word_characters_are_recognized():
    for pattern, length in {
        r"(?u)\b\w\w+\b": 2,
        r"\w+": 1,
        r"\b\w{3,}\b": 3,
        r"\w\w\w+": 3,
        r"\w{3}": None,
        r"\w*": None,
        r"\w+\w": None,
        r"[a-z]+": None,
        r"\b\w\w+\b|x": None,
    }.items():
        assert _run_length(TextOptions(token_pattern=pattern)) == length, pattern


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(NAMES) | st.binary(max_size=20), max_size=40), max_size=5))
def test_the_core_numbers_words_as_a_dict_does(texts):
    terms, numbers = core.corpus.Terms(3), {}
    for words in texts:
        words = [word for word in words if word and b" " not in word]
        got = terms.number(b"  ".join(words), True, 0)
        assert got.tolist() == [numbers.setdefault(w, 3 + len(numbers)) for w in words]
        assert terms.end == 3 + len(numbers)
    assert terms.words(3) == list(numbers)
    known = list(numbers)[::2]
    got = terms.number(b" ".join([*known, b"\x02never"]), False, 1)
    assert got.tolist() == [*(numbers[w] for w in known), 1]


def test_the_core_numbers_many_words():
    words = [f"{i:x}".encode() for i in range(100_000)]
    terms = core.corpus.Terms(0)
    np.testing.assert_array_equal(terms.number(b" ".join(words), True, 0), np.arange(100_000))
    np.testing.assert_array_equal(
        terms.number(b" ".join(words[::-1]), True, 0), np.arange(100_000)[::-1]
    )
    assert terms.words(99_998) == words[99_998:]


def test_texts_are_consumed_one_at_a_time():
    held = [0, 0]

    class Text(str):
        __slots__ = ()

        def __new__(cls, value):
            held[0] += 1
            held[1] = max(held[1], held[0])
            return super().__new__(cls, value)

        def __del__(self):
            held[0] -= 1

    corpus = Corpus.from_texts(Text("some words " * 500) for _ in range(2000))
    assert len(corpus) == 2000
    assert held[1] < 200  # of 2000 texts of 5.5 KB


def test_columns_match_and_empty_documents_are_kept(tmp_path):
    names = [f"n{i}" for i in range(len(TEXTS))]
    for path in (None, tmp_path / "a.corpus"):
        corpus = Corpus.from_texts(iter(TEXTS), names=names, dates=range(7), path=path)
        assert corpus.names.tolist() == names and corpus.dates.tolist() == list(range(7))
        assert corpus.document_lengths()[[1, 3]].tolist() == [0, 0]
        assert corpus[5].n_tokens == 70_000
    with pytest.raises(ValueError, match="names must have one entry per document, 7; got 1"):
        Corpus.from_texts(TEXTS, names=["n"])


def test_tokenized_input_is_used_unchanged():
    corpus = Corpus.from_tokens([["B", "a", "B"], [], ("c d",)])
    assert corpus.vocabulary == ("B", "a", "c d")
    np.testing.assert_array_equal(corpus.to_csr().toarray(), [[2, 1, 0], [0, 0, 0], [0, 0, 1]])
    bigrams = Corpus.from_tokens([["x", "y", "x", "y"]], ngram_range=(2, 2))
    assert bigrams.vocabulary == ("x y", "y x") and bigrams.counts.tolist() == [2, 1]
    with pytest.raises(ValueError, match="'c d' contains a space"):
        Corpus.from_tokens([["c d"]], ngram_range=(1, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Corpus.from_texts("a text"), "a list of texts"),
        (lambda: Corpus.from_texts(["a", None]), "document 1 must be a str; got None"),
        (lambda: Corpus.from_texts([b"aa"]), "document 0 must be a str; got b'aa'"),
        (lambda: Corpus.from_texts(["aa"], min_fd=2), "no option 'min_fd'; there are lowercase"),
        (lambda: Corpus.from_tokens(["a text"]), "document 0 must be a list of tokens"),
        (lambda: Corpus.from_tokens([["a"], [1]]), "document 1 must be a list of tokens, each"),
        (lambda: Corpus.from_tokens([["a"], 5]), "document 1 must be a list of tokens; got 5"),
        (
            lambda: Corpus.from_tokens([["a"]], lowercase=True),
            r"as they are and does not accept \['lowercase'\]",
        ),
        (lambda: Corpus.from_texts(["aa"], tokenizer="x"), "tokenizer must be a function"),
    ],
)
def test_input_other_than_text_is_rejected(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngram_range": (2, 1)}, "ngram_range must be two whole numbers"),
        ({"ngram_range": 2}, "ngram_range must be two whole numbers; got 2"),
        ({"strip_accents": "latin"}, "strip_accents must be"),
        ({"token_pattern": "("}, "must be a regular expression"),
        ({"token_pattern": "(a)(b)"}, "at most one group, got 2"),
        ({"stop_words": ["word"], "max_df": 1, "min_df": 2}, "min_df=2 asks for more"),
        ({"token_pattern": r"\d{9}"}, "vocabulary is empty: no word is left of 7 documents"),
        ({"vocabulary": ["a", "a"]}, "'a' is at 0 and 1"),
        ({"vocabulary": []}, "vocabulary is empty"),
    ],
)
def test_invalid_options(options, message):
    with pytest.raises(ValueError, match=message):
        Corpus.from_texts(TEXTS, **options)


def test_max_features_keeps_the_first_of_equally_frequent_words():
    corpus = Corpus.from_texts(["dd cc bb aa aa"], max_features=2)
    assert corpus.vocabulary == ("aa", "bb")
