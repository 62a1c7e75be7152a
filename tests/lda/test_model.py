"""Latent Dirichlet allocation: the fast sampler and the estimator."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from gibbous import Corpus, LatentDirichletAllocation
from gibbous._ground import random as _random
from gibbous._ground.isa import core
from gibbous.lda.priors import Priors, TopicCounts
from support.ctrl_c import answered_ctrl_c

SAMPLERS = ("fast", "exact", "auto")


def drawn_corpus(seed, documents=400, words=200, topics=5, length=80, alpha=0.1, beta=0.05):
    """Return a corpus from the model's own process, and its topics."""
    rng = np.random.default_rng(seed)
    phi = rng.dirichlet(np.full(words, beta), topics)
    theta = rng.dirichlet(np.full(topics, alpha), documents)
    n = rng.poisson(length, documents)
    return sp.csr_array(
        np.stack([rng.multinomial(m, t @ phi) for m, t in zip(n, theta, strict=True)])
    ), phi


def arrays(X):
    corpus = Corpus.of(X)
    return core.lda.Documents(corpus.indptr, corpus.indices, corpus.counts), corpus.n_words


def tokens_of(X):
    """Return the document and word of every token in canonical order."""
    dense = sp.coo_array(sp.csr_array(X))
    order = np.lexsort((dense.col, dense.row))
    n = dense.data[order].astype(int)
    return np.repeat(dense.row[order], n), np.repeat(dense.col[order], n)


def fast(X, k, proposals=1, z=None, seed=3, threads=1):
    return core.lda.FastSampler(*arrays(X), k, proposals, z, seed, threads)


def sweep(sampler, X, k, iteration, seed=5, threads=1, alpha=0.3, beta=0.1):
    priors = Priors(np.broadcast_to(np.asarray(alpha, float), (k,)).copy(), beta, X.shape[1])
    sampler.sweep(*priors.arguments(), seed, iteration, threads)


# --- the fast sampler --------------------------------------------------------------------------


@pytest.mark.parametrize("proposals", [1, 3])
@pytest.mark.parametrize("k", [2, 7, 40, 3000])
def test_counts_are_those_of_the_assignments(k, proposals):
    X, _ = drawn_corpus(1)
    sampler = fast(X, k, proposals)
    documents, words = tokens_of(X)
    for i in range(3):
        sweep(sampler, X, k, i)
        z = sampler.topics(1)
        assert z.max() < k
        indptr, topics, counts = sampler.word_counts(1)
        got = sp.csr_array((counts, topics.astype(int), indptr), shape=(X.shape[1], k)).toarray()
        expected = np.zeros((X.shape[1], k), int)
        np.add.at(expected, (words, z), 1)
        assert (got == expected).all()
        assert (sampler.totals(1) == expected.sum(0)).all()
        offsets = np.concatenate([[0], np.cumsum(np.bincount(documents, minlength=X.shape[0]))])
        rows = core.lda.document_counts(offsets, z, k, 2)
        got = sp.csr_array((rows[2], rows[1].astype(int), rows[0]), shape=(X.shape[0], k))
        expected = np.zeros((X.shape[0], k), int)
        np.add.at(expected, (documents, z), 1)
        assert (got.toarray() == expected).all()


@pytest.mark.parametrize("proposals", [1, 3])
def test_given_topics_are_kept_until_the_first_sweep(proposals):
    X, _ = drawn_corpus(2)
    z = np.random.default_rng(0).integers(0, 9, int(X.sum())).astype(np.uint16)
    assert (fast(X, 9, proposals, z).topics(2) == z).all()


@pytest.mark.parametrize("alpha", [0.3, np.linspace(0.1, 0.9, 12)], ids=["same", "topics"])
@pytest.mark.parametrize("proposals", [1, 3])
@pytest.mark.parametrize("big", [False, True], ids=["words", "heavy word"])
def test_any_number_of_threads_gives_the_same_bits(proposals, alpha, big):
    X, _ = drawn_corpus(3, documents=900, length=200)
    if big:  # a word that is cut into parts, and several blocks of documents
        X = sp.csr_array(sp.hstack([X, np.full((900, 1), 100)]))
    states = []
    for threads in (1, 2, 3, 7):
        sampler = fast(X, 12, proposals, threads=threads)
        for i in range(3):
            sweep(sampler, X, 12, i, threads=threads, alpha=alpha)
        states.append([sampler.state(w) for w in range(sampler.state_words)])
    for state in states[1:]:
        for a, b in zip(states[0], state, strict=True):
            assert (a == b).all()


@pytest.mark.parametrize("proposals", [1, 3])
def test_a_state_put_back_goes_on_in_the_same_bits(proposals):
    X, _ = drawn_corpus(4)
    one, other = fast(X, 6, proposals), fast(X, 6, proposals, seed=99)
    for i in range(4):
        sweep(one, X, 6, i)
    for word in range(one.state_words):
        other.set_state(word, one.state(word))
    other.set_frozen_totals(one.frozen_totals())
    for i in range(4, 7):
        sweep(one, X, 6, i)
        sweep(other, X, 6, i)
        assert (one.topics(1) == other.topics(1)).all()


def one_conditional(X, z, token, k, alpha, beta):
    """Return the exact conditional of one token's topic, all others as they are."""
    documents, words = tokens_of(X)
    rest = np.arange(len(z)) != token
    d, w = documents[token], words[token]
    n_dk = np.bincount(z[rest & (documents == d)], minlength=k)
    n_wk = np.bincount(z[rest & (words == w)], minlength=k)
    n_k = np.bincount(z[rest], minlength=k)
    p = (n_dk + alpha) * (n_wk + beta) / (n_k + beta * X.shape[1])
    return p / p.sum()


@pytest.mark.parametrize("proposals", [1, 3])
@pytest.mark.parametrize("alpha", [0.4, np.array([0.2, 0.5, 1.1])], ids=["same", "topics"])
def test_one_lonely_token_is_drawn_from_its_conditional(proposals, alpha):
    # where a document and a word have one token, delayed counts are the exact ones: the chain's
    # stationary distribution for that token is its conditional under the frozen totals
    k, beta, sweeps = 3, 0.3, 60_000
    X = sp.csr_array(np.array([[1]]))
    alpha = np.broadcast_to(np.asarray(alpha, float), (k,)).copy()
    sampler = fast(X, k, proposals)
    priors = Priors(alpha, beta, 1)
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print("seed", seed)
    seen = np.zeros(k)
    for i in range(sweeps):
        sampler.set_frozen_totals(np.ones(k, np.int64))  # the same denominators for all topics
        sampler.sweep(*priors.arguments(), seed, i, 1)
        seen[sampler.topics(1)[0]] += 1
    expected = alpha / alpha.sum()
    # a token that proposes its own topic stays: correlated draws, at worst the lazy share of them
    autocorrelation = 12
    sigma = np.sqrt(expected * (1 - expected) * autocorrelation / sweeps)
    assert (np.abs(seen / sweeps - expected) < 5 * sigma).all(), (seed, seen / sweeps, expected)


@pytest.mark.parametrize("alpha", [0.2, np.linspace(0.05, 0.4, 5)], ids=["same", "topics"])
@pytest.mark.parametrize("proposals", [1, 3])
def test_settles_where_the_exact_sampler_does(alpha, proposals):
    """Joint likelihood and held-out perplexity near those of Gibbs sampling, and how near."""
    X, _ = drawn_corpus(5, documents=600)
    unseen, _ = drawn_corpus(5, documents=900)
    got = {}
    for sampler in ("fast", "exact"):
        runs = [
            LatentDirichletAllocation(
                5,
                sampler=sampler,
                n_proposals=proposals,
                doc_topic_prior=alpha,
                topic_word_prior=0.05,
                max_iter=150,
                random_state=seed,
            ).fit(X)
            for seed in range(5)
        ]
        tail = unseen[600:]
        got[sampler] = max(r.bound_ for r in runs), min(r.perplexity(tail) for r in runs)
    (fast_joint, fast_ppl), (exact_joint, exact_ppl) = got["fast"], got["exact"]
    print(got)
    # delayed counts settle lower in the joint likelihood, by .07 a token on real text
    assert exact_joint - 0.12 < fast_joint < exact_joint + 0.02
    assert fast_ppl == pytest.approx(exact_ppl, rel=0.02)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_topics_of_a_drawn_corpus_are_found_again(sampler):
    X, phi = drawn_corpus(6, documents=1500, topics=8, words=300)
    best = 0.0
    for seed in range(3):
        model = LatentDirichletAllocation(8, sampler=sampler, random_state=seed, n_jobs=2).fit(X)
        found = model.topics_.dense()
        cosine = (phi @ found.T) / np.outer(
            np.linalg.norm(phi, axis=1), np.linalg.norm(found, axis=1)
        )
        best = max(best, cosine[linear_sum_assignment(-cosine)].min())
    assert best > 0.95


# --- likelihoods and priors --------------------------------------------------------------------


def state_of(X, k, seed):
    z = np.random.default_rng(seed).integers(0, k, int(X.sum())).astype(np.uint16)
    documents, words = tokens_of(X)
    n_dk, n_wk = np.zeros((X.shape[0], k)), np.zeros((X.shape[1], k))
    np.add.at(n_dk, (documents, z), 1)
    np.add.at(n_wk, (words, z), 1)
    offsets = np.concatenate([[0], np.cumsum(n_dk.sum(1))]).astype(np.int64)
    return n_dk, n_wk, TopicCounts.of(offsets, z, sp.csr_array(n_wk.astype(np.int32)), 2)


def joint(n_dk, n_wk, alpha, beta):
    from scipy.special import gammaln

    def log_beta(a):
        return gammaln(a).sum(-1) - gammaln(a.sum(-1))

    rows = (log_beta(n_dk + alpha) - log_beta(alpha + 0 * n_dk)).sum()
    return rows + (log_beta(n_wk.T + beta.T) - log_beta(beta.T)).sum()


@pytest.mark.parametrize("seeded", [False, True])
def test_joint_log_likelihood_is_the_formula(seeded):
    X, _ = drawn_corpus(7, documents=40, words=30, length=150)
    n_dk, n_wk, counts = state_of(X, 6, 0)
    alpha = np.linspace(0.1, 2, 6)
    seeds = sp.random_array((30, 6), density=0.3, rng=np.random.default_rng(1), format="csr")
    beta = np.full((30, 6), 0.07) + (seeds.toarray() if seeded else 0)
    priors = Priors(alpha, 0.07, 30, seeds if seeded else None)
    expected = joint(n_dk, n_wk, alpha, beta)
    assert priors.joint_log_likelihood(counts) == pytest.approx(expected, rel=1e-12)


def test_optimised_priors_are_stationary_points():
    X, _ = drawn_corpus(8, documents=200, words=60, length=100)
    z_from = LatentDirichletAllocation(4, sampler="exact", max_iter=50, random_state=0).fit(X)
    n_dk, n_wk = z_from.document_topic_.toarray(), z_from.word_topic_.toarray()
    documents = n_dk.sum(1)
    offsets = np.concatenate([[0], np.cumsum(documents)]).astype(np.int64)
    z = np.concatenate([np.repeat(np.arange(4), row) for row in n_dk]).astype(np.uint16)
    counts = TopicCounts.of(offsets, z, sp.csr_array(n_wk.astype(np.int32)), 1)
    priors = Priors(np.full(4, 0.5), 0.1, 60)
    for _ in range(300):
        priors = priors.with_optimal_alpha(counts).with_optimal_beta(counts)
    best = priors.joint_log_likelihood(counts)
    for k in range(4):
        for factor in (0.99, 1.01):
            alpha = priors.alpha.copy()
            alpha[k] *= factor
            assert Priors(alpha, priors.beta, 60).joint_log_likelihood(counts) < best
    for factor in (0.99, 1.01):
        other = Priors(priors.alpha, priors.beta * factor, 60)
        assert other.joint_log_likelihood(counts) < best


# --- the estimator -----------------------------------------------------------------------------


def bits_of(model):
    t = model.topics_
    return [t.indptr, t.topics, t.values, t.floor, model.doc_topic_prior_, model.word_topic_.data]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_fits_do_not_depend_on_threads(sampler):
    X, _ = drawn_corpus(9, documents=500)
    fits = [
        LatentDirichletAllocation(
            7, sampler=sampler, max_iter=40, burn_in=5, random_state=1, n_jobs=threads
        ).fit(X)
        for threads in (1, 2, 3, 7)
    ]
    for other in fits[1:]:
        assert all((a == b).all() for a, b in zip(bits_of(fits[0]), bits_of(other), strict=True))
        assert fits[0].history_.values == other.history_.values
        assert (fits[0].transform(X) == other.transform(X)).all()


_KILLED = """
import os, sys
import scipy.sparse as sp
from gibbous import LatentDirichletAllocation
def watch(progress):
    if progress.iteration == 33:
        os._exit(9)
LatentDirichletAllocation(
    7, sampler={sampler!r}, max_iter=60, settle_iter=30, burn_in=5, random_state=1,
    early_stopping={early}, n_jobs={threads}
).fit(sp.load_npz({data!r}), checkpoint={path!r}, checkpoint_every=4, callback=watch)
"""


@pytest.mark.parametrize("early", [False, 0.2])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_killed_fit_that_is_taken_up_ends_in_the_same_bits(sampler, early, tmp_path):
    X, _ = drawn_corpus(10, documents=300)
    data, path = str(tmp_path / "x.npz"), str(tmp_path / "state")
    sp.save_npz(data, X)
    script = _KILLED.format(sampler=sampler, data=data, path=path, early=early, threads=2)
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == 9
    model = LatentDirichletAllocation(
        7,
        sampler=sampler,
        max_iter=60,
        settle_iter=30,
        burn_in=5,
        random_state=1,
        early_stopping=early,
    )
    sweeps = []
    resumed = model.fit(X, checkpoint=path, callback=lambda p: sweeps.append(p.iteration))
    assert sweeps[0] == 33  # the last state on the disk was that after 32 sweeps
    whole = LatentDirichletAllocation(**model.get_params()).fit(X)
    assert all((a == b).all() for a, b in zip(bits_of(whole), bits_of(resumed), strict=True))
    assert whole.history_.values == resumed.history_.values
    assert whole.heldout_perplexities_ == resumed.heldout_perplexities_


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    X, _ = drawn_corpus(11, documents=50)
    path = tmp_path / "state"
    LatentDirichletAllocation(3, max_iter=5, settle_iter=2, random_state=0).fit(X, checkpoint=path)
    for other in (
        {"n_components": 4},
        {"random_state": 1},
        {"doc_topic_prior": 0.3, "optimize_priors": True},
        {"topic_word_prior": 0.3, "optimize_priors": True},
        {"n_proposals": 1},
        {"seeds": {0: [1]}},
        {"max_iter": 6},
    ):
        asked = {"n_components": 3, "max_iter": 5, "settle_iter": 2, "random_state": 0, **other}
        with pytest.raises(ValueError, match="other parameters"):
            LatentDirichletAllocation(**asked).fit(X, checkpoint=path)
    seeded = tmp_path / "seeded"
    for word in (1, 2):  # seeds of equal weight on other words are other seeds
        model = LatentDirichletAllocation(3, max_iter=2, settle_iter=1, seeds={0: [word]})
        model.set_params(random_state=0, seed_weight=1.0)
        if word == 1:
            model.fit(X, checkpoint=seeded)
            continue
        with pytest.raises(ValueError, match="other parameters"):
            model.fit(X, checkpoint=seeded)
    model = LatentDirichletAllocation(3, max_iter=5, settle_iter=2, random_state=0)
    started, topics = tmp_path / "started", np.zeros(int(X.sum()), dtype=int)
    model.fit(X, checkpoint=started, start=topics)
    model.fit(X, checkpoint=started, start=topics)  # the same goes on
    for other_start in (None, topics + 1):
        with pytest.raises(ValueError, match="other parameters"):
            model.fit(X, checkpoint=started, start=other_start)
    with pytest.raises(ValueError, match="another corpus"):
        model.fit(X[:40], checkpoint=path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    with pytest.raises(ValueError, match="damaged"):
        model.fit(X, checkpoint=path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a checkpoint"):
        model.fit(X, checkpoint=path)


def test_seeded_topics_keep_their_numbers_and_words():
    X, phi = drawn_corpus(12, documents=600, topics=4)
    top = np.argsort(-phi, axis=1)[:, :3]
    seeds = {3: top[0].tolist(), 0: dict.fromkeys(top[1].tolist(), 200.0)}
    model = LatentDirichletAllocation(4, seeds=seeds, random_state=0).fit(X)
    found = model.topics_.dense()
    assert found[3] @ phi[0] / np.linalg.norm(found[3]) / np.linalg.norm(phi[0]) > 0.95
    assert found[0] @ phi[1] / np.linalg.norm(found[0]) / np.linalg.norm(phi[1]) > 0.95


def test_partial_fit_learns_new_documents_with_the_old_as_prior():
    X, phi = drawn_corpus(13, documents=900)
    model = LatentDirichletAllocation(5, max_iter=60, random_state=0)
    for part in (X[:300], X[300:600], X[600:]):
        model.partial_fit(part)
    assert model.word_topic_.sum() == X.sum()
    assert model.document_topic_.sum() == X[600:].sum()
    found = model.topics_.dense()
    cosine = (phi @ found.T) / np.outer(np.linalg.norm(phi, axis=1), np.linalg.norm(found, axis=1))
    assert cosine[linear_sum_assignment(-cosine)].min() > 0.9
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :100])


def test_priors_are_optimised_unless_given():
    X, _ = drawn_corpus(14, documents=500, alpha=0.05)
    free = LatentDirichletAllocation(5, random_state=0).fit(X)
    assert len(set(free.doc_topic_prior_)) == 5
    assert 0.02 < free.topic_word_prior_ < 0.12  # drawn with .05
    assert 0.02 < free.doc_topic_prior_.mean() < 0.12  # drawn with .05
    kept = LatentDirichletAllocation(
        5, doc_topic_prior=0.3, topic_word_prior=0.2, max_iter=80, random_state=0
    ).fit(X)
    assert (kept.doc_topic_prior_ == 0.3).all()
    assert kept.topic_word_prior_ == 0.2


def test_early_stopping_ends_before_the_limit():
    X, _ = drawn_corpus(15, documents=400, topics=3)
    model = LatentDirichletAllocation(
        3, max_iter=2000, early_stopping=0.2, tol=1e-3, random_state=0
    ).fit(X)
    assert model.history_.converged
    assert 50 < model.n_iter_ < 600
    assert model.heldout_perplexities_[-1][1] < model.heldout_perplexities_[0][1]


def test_topics_come_in_the_order_of_their_size():
    X, _ = drawn_corpus(16)
    model = LatentDirichletAllocation(6, max_iter=30, random_state=2).fit(X)
    sizes = np.asarray(model.word_topic_.sum(axis=0)).ravel()
    assert (np.diff(sizes) <= 0).all()
    assert (sizes == np.asarray(model.document_topic_.sum(axis=0)).ravel()).all()
    assert (sizes == model.topic_sizes_).all()


@pytest.mark.parametrize("k", [1, 2, 65_535])
def test_any_number_of_topics(k):
    X = sp.csr_array(np.array([[3, 0, 1], [0, 2, 2], [0, 0, 0]]))
    model = LatentDirichletAllocation(k, max_iter=5, settle_iter=2, random_state=0).fit(X)
    theta = model.transform(X)
    assert theta.shape == (3, k)
    assert np.abs(theta.sum(1) - 1).max() < 1e-9
    assert np.abs(model.topics_.dense(np.float64).sum(1) - 1).max() < 1e-5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_odd_corpora(sampler):
    model = LatentDirichletAllocation(4, sampler=sampler, max_iter=8, settle_iter=3, random_state=0)
    one_word = sp.csr_array(np.array([[70_000, 0], [0, 0], [1, 1]]))  # longer than 65,535 tokens
    assert model.fit(one_word).word_topic_.sum() == 70_002
    half = sp.csr_array(np.hstack([np.full((300, 1), 40), np.eye(300, dtype=int) * 40]))
    assert model.fit(half).word_topic_.sum() == 24_000
    empty = sp.csr_array(np.zeros((3, 2), int))
    assert model.fit(empty).word_topic_.sum() == 0
    assert np.allclose(model.transform(empty).sum(1), 1)


def test_bad_input_is_named():
    X, _ = drawn_corpus(17, documents=20)
    model = LatentDirichletAllocation(3, max_iter=5)
    with pytest.raises(ValueError, match=r"whole|1\.5"):
        model.fit(X + sp.csr_array(([1.5], ([2], [3])), shape=X.shape))
    with pytest.raises(ValueError, match=r"[Nn]egative|>= 0"):
        model.fit(-X)
    with pytest.raises(ValueError, match="doc_topic_prior"):
        LatentDirichletAllocation(3, doc_topic_prior=[1.0, 2.0]).fit(X)
    with pytest.raises(ValueError, match="n_proposals"):
        LatentDirichletAllocation(3, n_proposals=2).fit(X)
    with pytest.raises(ValueError, match="n_components"):
        LatentDirichletAllocation(70_000).fit(X)
    with pytest.raises(ValueError, match="vocabulary"):
        LatentDirichletAllocation(3, seeds={0: ["moon"]}).fit(X)
    with pytest.raises(ValueError, match="topic must be in"):
        LatentDirichletAllocation(3, seeds={3: [1]}).fit(X)
    with pytest.raises(NotFittedError):
        model.transform(X)
    corpus = Corpus.from_texts(["the moon wanes", "stocks fall"])
    fitted = LatentDirichletAllocation(2, max_iter=5, random_state=0).fit(corpus)
    with pytest.raises(ValueError, match="with_vocabulary"):
        fitted.transform(Corpus.from_texts(["the sun rises", "stocks rise"]))


def test_words_of_the_corpus_name_the_result():
    corpus = Corpus.from_texts(["the moon wanes", "the moon waxes", "stocks fall", "stocks rise"])
    model = LatentDirichletAllocation(2, random_state=0).fit(corpus)
    assert model.vocabulary_ == corpus.vocabulary
    assert list(model.get_feature_names_out()) == [
        "latentdirichletallocation0",
        "latentdirichletallocation1",
    ]
    assert model.components_.shape == (2, corpus.n_words)


class WholeCounts(LatentDirichletAllocation):
    """Rounds what the common checks bring, which is any positive number; we refuse fractions."""

    def _corpus(self, X, *, reset):
        if sp.issparse(X) and X.dtype.kind == "f":
            X = X.tocsr(copy=True)
            X.data = up(X.data)
        elif not sp.issparse(X):
            given = np.asarray(X)
            X = up(given.astype(float)) if given.dtype.kind == "O" else up(given)
        return super()._corpus(X, reset=reset)


def up(x):
    return np.where(x > 0, np.ceil(x), x) if x.dtype.kind == "f" and np.isfinite(x).all() else x


@parametrize_with_checks([WholeCounts(n_components=3, max_iter=10, settle_iter=3)])
def test_common_checks(estimator, check):
    check(estimator)


def test_seeds_of_sweeps_are_apart():
    keys = {_random.child(1, p) for p in ("lda-start", "lda-sweep", "lda-exact", "lda-heldout")}
    assert len(keys) == 4


def test_history_is_written_as_json():
    X, _ = drawn_corpus(18, documents=30)
    model = LatentDirichletAllocation(3, max_iter=12, settle_iter=2, random_state=0).fit(X)
    assert model.history_.n_iter == 12
    assert json.loads(json.dumps(model.history_.to_dict()))["metric"].startswith("joint")


@pytest.mark.parametrize("sampler", ["fast", "exact"])
def test_ctrl_c_in_a_sweep_leaves_a_model(sampler):
    X, _ = drawn_corpus(19, documents=4000, words=2000, length=300)
    model = LatentDirichletAllocation(50, sampler=sampler, max_iter=10**6, random_state=0, n_jobs=2)
    with answered_ctrl_c(0.2, 2) as press:
        model.fit(X, callback=lambda progress: progress.iteration == 2 and press())
    assert model.history_.stop_reason == "interrupted"
    assert model.n_iter_ >= 2
    again = pickle.loads(pickle.dumps(model))
    assert model.word_topic_.sum() == X.sum() == again.document_topic_.sum()
    assert np.abs(model.transform(X[:5]).sum(1) - 1).max() < 1e-9


def test_more_than_2_31_tokens_do_not_overflow_the_offsets():
    # what a corpus of three billion tokens would have; nothing of that size is made
    counts = np.full(3, 2**30, np.int32)
    corpus = Corpus(np.array([0, 1, 2, 3]), np.zeros(3, np.int32), counts)
    assert corpus.n_tokens == 3 * 2**30
    lengths = corpus.document_lengths()
    assert lengths.dtype == np.int64 and lengths.sum() == 3 * 2**30
    empty = np.array([], np.uint16)
    far = np.array([0, 2**31 + 5], np.int64)
    with pytest.raises(ValueError, match="span z"):
        core.lda.document_counts(far, empty, 2, 1)
