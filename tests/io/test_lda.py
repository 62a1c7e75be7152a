"""Files of topic models: round trips and rejection of damaged files."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import scipy.sparse as sp

from gibbous import Corpus, LatentDirichletAllocation, load, save
from gibbous.lda.topic_word import TopicWord

WORDS = ("moon", "tide", "sea", "naïve café", "stock", "bond", 'q"uote', "line\nbreak", "\ud800")


def counts(seed: int = 3) -> Any:
    rng = np.random.default_rng(seed)
    dense = rng.poisson(1.5, size=(40, len(WORDS)))
    dense[:20, :4] += 3
    dense[20:, 4:] += 3
    dense[7] = 0
    return dense.astype(np.int32)


def corpus(named: bool = True) -> Corpus:
    return Corpus.of(counts(), WORDS if named else None)


def model(**more: Any) -> Any:
    settings = {"max_iter": 12, "burn_in": 2, "optimize_interval": 3, "settle_iter": 3}
    settings |= {"random_state": 5, "evaluate_every": 2}
    return LatentDirichletAllocation(3, **(settings | more))


def continued() -> Any:
    part = model().fit(corpus())
    return part.partial_fit(Corpus.of(counts(9)[:10], WORDS))


def edited() -> Any:
    whole = model(seeds={0: ["moon"], 2: ["bond"]}).fit(corpus())
    whole.set_topic_labels({2: "money ü"})
    return whole.merge_topics([[0, 1]])


def of_frame() -> Any:
    pd = pytest.importorskip("pandas", reason="data frames are what has feature names")
    return model().fit(pd.DataFrame(counts(), columns=[*WORDS[:-1], "last"]))


MODELS = {
    "named": lambda: model().fit(corpus()),
    "without words": lambda: model().fit(corpus(False)),
    "exact": lambda: model(sampler="exact").fit(corpus()),
    "fast": lambda: model(sampler="fast", n_proposals=1).fit(corpus()),
    "held out": lambda: model(early_stopping=0.3, max_iter=30).fit(corpus()),
    "priors given": lambda: model(doc_topic_prior=[0.1, 0.2, 0.3], topic_word_prior=0.5).fit(
        corpus()
    ),
    "seeded": lambda: model(seeds={0: ["moon", "sea"], 2: {"bond": 7.5}}).fit(corpus()),
    "seeded by number": lambda: model(seeds={1: {4: 2.0, 5: None}, 2: [0, 1]}).fit(corpus(False)),
    "continued": continued,
    "labelled": lambda: model().fit(corpus()).set_topic_labels(["sky", "", "money"]),
    "edited": edited,
    "no sweep": lambda: model(max_iter=0).fit(corpus()),
    "of a frame": of_frame,
}


@pytest.fixture(params=list(MODELS))
def fitted(request: pytest.FixtureRequest) -> Any:
    return MODELS[request.param]()


def bits(value: Any) -> Any:
    """Return a comparable form of an attribute, exact to the bit."""
    if isinstance(value, TopicWord):
        return [bits(getattr(value, name)) for name in ("indptr", "topics", "values", "floor")]
    if sp.issparse(value):
        return value.shape, [bits(getattr(value, name)) for name in ("indptr", "indices", "data")]
    if isinstance(value, np.ndarray) and value.dtype != object:
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, np.ndarray):
        return list(value)
    if isinstance(value, float):
        return value.hex()
    return type(value), value


def test_round_trip_restores_everything(fitted: Any, tmp_path: Path) -> None:
    save(fitted, tmp_path / "m")
    again = load(tmp_path / "m")
    assert type(again) is LatentDirichletAllocation
    given, found = fitted.get_params(), again.get_params()
    for name, value in given.items():
        same = found[name] == value
        assert same if isinstance(same, bool) else np.all(same), name
    own = {name for name in vars(fitted) if name.endswith("_") or name == "_calls"}
    assert own <= set(vars(again)) and len(own) >= 13
    for name in own - {"history_"}:
        assert bits(getattr(again, name)) == bits(getattr(fitted, name)), name
    assert repr(again.history_) == repr(fitted.history_)


def test_loaded_model_is_bit_identical(fitted: Any, tmp_path: Path) -> None:
    save(fitted, tmp_path / "m")
    again = load(tmp_path / "m")
    new = Corpus.of(counts(11), fitted.vocabulary_)
    assert bits(again.transform(new)) == bits(fitted.transform(new))
    assert bits(again.components_) == bits(fitted.components_)
    assert again.perplexity(new) == fitted.perplexity(new)


def test_partial_fit_continues_the_fit(tmp_path: Path) -> None:
    whole, part = model().fit(corpus()), model().fit(corpus())
    batches = [Corpus.of(counts(seed), WORDS) for seed in (21, 22, 23)]
    for batch in batches:
        whole.partial_fit(batch)
        save(part, tmp_path / "m")
        part = load(tmp_path / "m").partial_fit(batch)
    assert bits(part.word_topic_) == bits(whole.word_topic_)
    assert bits(part.topics_) == bits(whole.topics_)


def test_saved_parameters_reproduce_the_fit(tmp_path: Path) -> None:
    first = MODELS["seeded"]()
    save(first, tmp_path / "m")
    again = load(tmp_path / "m").fit(corpus())
    assert bits(again.word_topic_) == bits(first.word_topic_)


def test_tokenizer_settings_are_saved(tmp_path: Path) -> None:
    fitted = MODELS["named"]()
    fitted.text_options_ = {"ngram_range": [1, 2], "lowercase": False, "stop_words": ["a", "ü"]}
    save(fitted, tmp_path / "m")
    assert load(tmp_path / "m").text_options_ == fitted.text_options_


def test_interrupted_fit_can_be_saved(tmp_path: Path) -> None:
    def stop(progress: Any) -> bool:
        if progress.iteration == 4:
            raise KeyboardInterrupt
        return False

    cut = model()
    with pytest.raises(KeyboardInterrupt):
        cut.fit(corpus(), callback=stop)
    save(cut, tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.n_iter_ == 4 and again.history_.stop_reason == "interrupted"
    assert bits(again.word_topic_) == bits(cut.word_topic_)


# --- what cannot be saved ---------------------------------------------------------------------

CHANGES = {
    "topics": (lambda m: m.set_params(n_components=4), "n_components=4"),
    "sizes": (lambda m: setattr(m, "topic_sizes_", np.arange(2)), r"topic_sizes_ of shape \(2,\)"),
    "prior": (lambda m: setattr(m, "doc_topic_prior_", np.ones(3, np.float32)), "dtype float32"),
    "words": (lambda m: setattr(m, "vocabulary_", WORDS[:-1]), "8 words, not 9"),
    "word twice": (lambda m: setattr(m, "vocabulary_", ("a", *WORDS[:-2], "a")), "occurs twice"),
    "counts": (lambda m: setattr(m, "word_topic_", m.word_topic_[:-1]), "8 rows, not 9"),
    "wide": (
        lambda m: setattr(m, "document_topic_", sp.csr_array(np.full((4, 5), 1, np.int32))),
        "outside 0 to 2",
    ),
    "count type": (
        lambda m: setattr(m, "word_topic_", m.word_topic_.astype(np.int64)),
        "of dtype int64",
    ),
    "negative": (lambda m: m.word_topic_.data.fill(-1), "a negative count"),
    "other topics": (lambda m: setattr(m, "topics_", m.topics_.take([0, 1])), "2 topics of 9"),
    "not there": (lambda m: delattr(m, "bound_"), "bound_"),
    "labels": (lambda m: setattr(m, "topic_labels_", ("a", "b")), "2 topic_labels_ for 3"),
    "options": (lambda m: setattr(m, "text_options_", "english"), "text_options_"),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_model_modified_after_fit_is_not_saved(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    fitted = MODELS["named"]()
    save(fitted, tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    change(fitted)
    with pytest.raises(ValueError, match=message) as caught:
        save(fitted, tmp_path / "m")
    assert str(caught.value).startswith("cannot save: this LatentDirichletAllocation ")
    assert (tmp_path / "m").read_bytes() == before


# --- damaged files ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "m"
    save(MODELS["named"](), path)
    return path.read_bytes()


def refused(raw: bytes, path: Path) -> str:
    path.write_bytes(raw)
    with pytest.raises(ValueError) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


def test_every_changed_byte_and_truncation_is_detected(good: bytes, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    n_header = 8 + int.from_bytes(good[:8], "little")
    for turn in range(300):
        raw = bytearray(good)
        raw[int(rng.integers(n_header if turn % 2 else len(good)))] ^= int(rng.integers(1, 256))
        refused(bytes(raw), tmp_path / "m")
    for cut in (0, 8, len(good) - 1, *rng.integers(len(good), size=30)):
        refused(good[: int(cut)], tmp_path / "m")


def forged(raw: bytes, change: Any) -> bytes:
    """Return a file with other contents and a valid checksum."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(json.loads(raw[8 : 8 + size])["__metadata__"]["gibbous"])
    tensors = safetensors.numpy.load(raw)
    change(header, tensors)
    header["sha256"] = "0" * 64
    text = json.dumps(header, separators=(",", ":"))
    made = bytearray(safetensors.numpy.save(tensors, metadata={"gibbous": text}))
    at = made.index(b"0" * 64)
    made[at : at + 64] = hashlib.sha256(made).hexdigest().encode()
    return bytes(made)


def array(name: str, value: Any) -> Any:
    return lambda header, tensors: tensors.__setitem__(name, value(tensors[name]))


def moved(at: int, by: int) -> Any:
    def change(a: Any) -> Any:
        b = a.copy()
        b[at] += by
        return b

    return change


FORGED = {
    "topic out of range": (
        array("topics_.topics", moved(0, 500)),
        "inconsistent arrays for topics_",
    ),
    "topics' end": (array("topics_.indptr", moved(-1, 1)), "inconsistent arrays for topics_"),
    "topics' order": (
        array("topics_.topics", lambda a: a[::-1].copy()),
        "inconsistent arrays for topics_",
    ),
    "negative value": (array("topics_.values", lambda a: -a), "inconsistent arrays for topics_"),
    "infinite value": (
        array("topics_.values", lambda a: a * np.inf),
        "inconsistent arrays for topics_",
    ),
    "row's end": (array("word_topic_.indptr", moved(3, 99)), "a row ends before it begins"),
    "last row's end": (array("document_topic_.indptr", moved(-1, 5)), "does not end at"),
    "column": (array("document_topic_.indices", moved(0, -9)), "a column index outside"),
    "words' end": (array("vocabulary_.ends", moved(-1, 1)), "last word does not end"),
    "words' order": (array("vocabulary_.ends", lambda a: a[::-1].copy()), "last word does not end"),
    "no text": (
        array("vocabulary_.text", lambda a: a | 0x80),
        "inconsistent arrays for vocabulary_",
    ),
    "two dimensions": (array("vocabulary_.ends", lambda a: a[None]), "one dimension"),
    "half a vocabulary": (lambda h, t: t.pop("vocabulary_.ends"), "lacks arrays"),
    "half of the counts": (lambda h, t: t.pop("word_topic_.data"), "lacks arrays"),
    "one more": (lambda h, t: t.__setitem__("topics_.more", np.zeros(3)), "has unknown"),
    "held out": (lambda h, t: h["fitted"].__setitem__("heldout_perplexities_", [3]), ""),
    "labels": (lambda h, t: h["fitted"].__setitem__("topic_labels_", [1, 2, 3]), "topic_labels_"),
    "calls": (lambda h, t: h["fitted"].__setitem__("_calls", 1.5), "_calls"),
    "another class": (
        lambda h, t: h.__setitem__("class", "os.system"),
        "is not a class of this version",
    ),
}


@pytest.mark.parametrize("name", list(FORGED))
def test_handmade_files_are_checked(name: str, good: bytes, tmp_path: Path) -> None:
    change, message = FORGED[name]
    assert message in refused(forged(good, change), tmp_path / "m")


def test_forgery_helper_without_changes_loads(good: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(forged(good, lambda header, tensors: None))
    assert load(tmp_path / "m").vocabulary_ == WORDS


def test_loaded_arrays_are_independent_of_the_file(tmp_path: Path) -> None:
    save(MODELS["named"](), tmp_path / "m")
    again = load(tmp_path / "m")
    for matrix in (again.word_topic_, again.document_topic_):
        assert matrix.data.flags.writeable and matrix.indices.flags.writeable
    assert again.doc_topic_prior_.flags.owndata
