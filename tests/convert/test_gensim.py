"""Topic models to and from gensim, scikit-learn's variational topics, and pyLDAvis."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sklearn.decomposition

import gibbous
from gibbous import Corpus, LatentDirichletAllocation

VOCABULARY = ["moon", "wanes", "full", "stocks", "fall", "rise"]


def fresh_corpus(n: int = 80) -> Corpus:
    """Return documents with two topics of three words each, and a few words of the other topic."""
    seed = int(np.random.default_rng().integers(2**32))
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 2, n)
    phi = np.array([[3, 3, 3, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 3, 3, 3]])
    return Corpus.of(rng.poisson(phi[own] * 3) + np.eye(n, 6, dtype=int), VOCABULARY)


def missing(package: str) -> Any:
    # large packages that continuous integration does not install; their formats are plain objects,
    # which the other tests use
    absent = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(absent, reason=f"{package} is not installed")


# gensim and pyLDAvis use deprecated features of NumPy and pandas.
quiet = pytest.mark.filterwarnings("ignore")


# --- gensim's documents ----------------------------------------------------------------------


def test_to_gensim_and_back() -> None:
    corpus = fresh_corpus()
    bow, id2word = corpus.to_gensim()
    assert id2word == dict(enumerate(VOCABULARY))
    assert len(bow) == 80
    dense = corpus.to_csr().toarray()
    for at, document in enumerate(bow):
        assert type(document[0]) is tuple and {type(n) for pair in document for n in pair} == {int}
        assert document == [(w, c) for w, c in enumerate(dense[at].tolist()) if c]
    assert bow[-1] == bow[79] and bow[10:12] == [bow[10], bow[11]]
    with pytest.raises(IndexError):
        bow[80]
    assert [len(d) for d in bow] == [len(d) for d in bow]  # it can be iterated twice
    again = Corpus.from_bow(bow, id2word)
    assert again.digest() == corpus.digest()
    assert Corpus.of(dense).to_gensim()[1] == {at: str(at) for at in range(6)}


# --- topics of other libraries ---------------------------------------------------------------


def stub(**given: Any) -> Any:
    """Return an object with the attributes of gensim's LdaModel that are used."""
    rng = np.random.default_rng(0)
    weights = 0.5 + rng.gamma(1, 20, (3, 6)).astype(np.float32)
    state = SimpleNamespace(get_lambda=lambda: weights)
    return SimpleNamespace(
        **{
            "state": state,
            "alpha": np.array([0.1, 0.2, 0.3], np.float32),
            "eta": np.full(6, 0.5, np.float32),
            "id2word": dict(enumerate(VOCABULARY)),
            **given,
        }
    )


def test_from_gensim(tmp_path: Any) -> None:
    theirs = stub()
    weights = theirs.state.get_lambda()
    model = gibbous.from_gensim(theirs)
    phi = weights / weights.sum(1, keepdims=True)
    assert np.abs(model.topics_.dense() - phi).max() < 1e-6
    assert model.vocabulary_ == tuple(VOCABULARY)
    assert model.doc_topic_prior_ == pytest.approx([0.1, 0.2, 0.3])
    assert model.topic_word_prior_ == 0.5
    assert np.array_equal(model.word_topic_.toarray(), np.rint(weights - 0.5).T)
    assert np.array_equal(model.topic_sizes_, model.word_topic_.toarray().sum(0))
    # shares of a document are the fixed point of the docstring
    corpus = fresh_corpus(5)
    theta = model.set_params(mean_change_tol=1e-12).transform(corpus)
    for share, n in zip(theta, corpus.to_csr().toarray(), strict=True):
        r = share[:, None] * model.topics_.dense()
        next_ = model.doc_topic_prior_ + (r / r.sum(0) * n).sum(1)
        assert share == pytest.approx(next_ / next_.sum(), abs=1e-6)
    gibbous.save(model, tmp_path / "model.safetensors")
    loaded = gibbous.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.transform(corpus), theta)
    assert "converted from gensim" in str(loaded.history_)
    tokens = model.topic_sizes_.sum()
    model.set_params(max_iter=3).partial_fit(corpus)
    assert model.topic_sizes_.sum() == tokens + corpus.n_tokens
    assert gibbous.from_gensim(stub(id2word=None)).vocabulary_ is None


def test_objects_other_than_gensim_models_are_rejected() -> None:
    with pytest.raises(TypeError, match=r"LdaModel or LdaMulticore; got builtins\.dict"):
        gibbous.from_gensim({})
    with pytest.raises(ValueError, match=r"eta must be the same for all words; got 0\.1 to 0\.6"):
        gibbous.from_gensim(stub(eta=np.arange(1, 7) / 10))
    with pytest.raises(ValueError, match="dictionary has no word for number 5"):
        gibbous.from_gensim(stub(id2word=dict(enumerate(VOCABULARY[:5]))))


@missing("gensim")
@quiet
def test_gensim_itself() -> None:
    from gensim.corpora import Dictionary
    from gensim.models import LdaModel

    corpus = fresh_corpus()
    bow, id2word = corpus.to_gensim()
    theirs = LdaModel(bow, num_topics=2, id2word=id2word, passes=10, random_state=0)
    ours = gibbous.from_gensim(theirs)
    assert np.abs(ours.topics_.dense() - theirs.get_topics()).max() < 1e-6
    expected, _ = theirs.inference(bow)
    expected /= expected.sum(1, keepdims=True)
    got = ours.transform(corpus)
    # two methods of inference agree on the topic of a document
    clear = expected.max(1) > 0.8
    assert clear.mean() > 0.5
    assert np.array_equal(got[clear].argmax(1), expected[clear].argmax(1))
    texts = [["moon", "wanes"], ["stocks", "rise", "rise"]]
    dictionary = Dictionary(texts)
    bags = Corpus.from_bow([dictionary.doc2bow(text) for text in texts], dictionary)
    assert bags.to_gensim()[1] == dict(dictionary.items())
    assert list(bags.to_gensim()[0]) == [dictionary.doc2bow(text) for text in texts]


def test_from_scikit_learn_variational_topics(tmp_path: Any) -> None:
    corpus = fresh_corpus()
    X = corpus.to_csr()
    theirs = sklearn.decomposition.LatentDirichletAllocation(2, random_state=0).fit(X)
    ours = gibbous.from_sklearn(theirs)
    phi = theirs.components_ / theirs.components_.sum(1, keepdims=True)
    assert np.abs(ours.topics_.dense() - phi).max() < 1e-6
    assert ours.doc_topic_prior_.tolist() == [0.5, 0.5]
    assert ours.topic_word_prior_ == 0.5
    expected = theirs.transform(X)
    clear = expected.max(1) > 0.8
    assert clear.mean() > 0.5
    assert np.array_equal(ours.transform(X)[clear].argmax(1), expected[clear].argmax(1))
    gibbous.save(ours, tmp_path / "model.safetensors")
    assert gibbous.load(tmp_path / "model.safetensors").n_iter_ == theirs.n_iter_


# --- pyLDAvis --------------------------------------------------------------------------------


def inputs() -> tuple[dict[str, Any], Corpus, LatentDirichletAllocation]:
    corpus = fresh_corpus()
    model = LatentDirichletAllocation(4, max_iter=30, random_state=0).fit(corpus)
    return model.pyldavis_inputs(corpus), corpus, model


def test_inputs_of_pyldavis() -> None:
    given, corpus, model = inputs()
    names = {"topic_term_dists", "doc_topic_dists", "doc_lengths", "vocab", "term_frequency"}
    assert set(given) == names
    # the checks of pyLDAvis
    assert given["topic_term_dists"].shape == (4, len(given["vocab"]))
    assert given["doc_topic_dists"].shape == (len(given["doc_lengths"]), 4)
    assert len(given["term_frequency"]) == len(given["vocab"])
    for name in ("topic_term_dists", "doc_topic_dists"):
        assert np.abs(given[name].sum(axis=1) - 1).max() < 1e-12
    # and the values
    assert given["vocab"] == VOCABULARY
    dense = corpus.to_csr().toarray()
    assert np.array_equal(given["doc_lengths"], dense.sum(1))
    assert np.array_equal(given["term_frequency"], dense.sum(0))
    assert np.array_equal(given["doc_topic_dists"], model.transform(corpus))
    assert np.abs(given["topic_term_dists"] - model.topics_.dense()).max() < 1e-6
    assert LatentDirichletAllocation(2, max_iter=2).fit(dense).pyldavis_inputs(dense)[
        "vocab"
    ] == list("012345")
    with pytest.raises(ValueError, match="features"):
        model.pyldavis_inputs(dense[:, :5])


@missing("pyLDAvis")
@quiet
def test_pyldavis_itself() -> None:
    import pyLDAvis

    given, _, model = inputs()
    made = pyLDAvis.prepare(**given, sort_topics=False, start_index=0, n_jobs=1)
    assert made.topic_order == [0, 1, 2, 3]
    share = given["doc_topic_dists"].T @ given["doc_lengths"] / given["doc_lengths"].sum()
    assert made.topic_coordinates["Freq"].to_numpy() == pytest.approx(100 * share)
    first = made.topic_info[made.topic_info["Category"] == "Topic1"]
    best = max(first.itertuples(), key=lambda row: row.logprob).Term
    assert best in {VOCABULARY[w] for w in model.topics_.top_words(2)[1]} | {
        VOCABULARY[w] for w in model.topics_.top_words(2)[0]
    }
    assert len(pyLDAvis.prepared_data_to_html(made)) > 1000
