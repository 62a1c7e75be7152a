"""The exact sampler of topics: its chain, the joint distribution, threads, blocks and counts.

The distribution over assignments is compared with enumerated posteriors in the C++ tests, where
long chains are cheap.
"""

from __future__ import annotations

import itertools
import secrets

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats
from scipy.special import gammaln

from gibbous._ground.isa import core
from support.ctrl_c import answered_ctrl_c

KERNELS = ("dense", "sparse")


class Words:
    """A corpus in the format of the core, and the word and document of each token."""

    def __init__(self, X):
        X = sp.csr_matrix(X)
        X.sum_duplicates()
        X.sort_indices()
        entries = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        self.of_tokens(np.repeat(X.indices, X.data), np.repeat(entries, X.data), X.shape)

    def of_tokens(self, words, documents, shape):
        """Construct from the word and document of each token, in canonical order."""
        self.words, self.documents, self.shape = words, documents, shape
        key = documents * max(shape[1], 1) + words
        first = np.flatnonzero(np.diff(key, prepend=-1))
        self.counts = np.diff(first, append=len(key)).astype(np.int32)
        self.indices = words[first].astype(np.int32)
        self.indptr = np.searchsorted(documents[first], np.arange(shape[0] + 1)).astype(np.int64)
        return self

    def sampler(self, n_topics, z, **options):
        documents = core.lda.Documents(self.indptr, self.indices, self.counts)
        return core.lda.ExactSampler(documents, self.shape[1], n_topics, z, **options)

    def recount(self, z, n_topics):
        """Return n_dk and n_wk."""
        counts = []
        for row, n in ((self.documents, self.shape[0]), (self.words, self.shape[1])):
            cell = row.astype(np.int64) * n_topics + z
            counts.append(np.bincount(cell, minlength=n * n_topics).reshape(n, n_topics))
        return counts


class Prior:
    """Priors in the format of the core. seeds: beta_wk - beta, shape (words, topics)."""

    def __init__(self, alpha, beta, n_words, seeds=None):
        self.alpha = np.asarray(alpha, float)
        self.beta = beta
        self.full = np.full((n_words, len(self.alpha)), beta)
        self.seeds = None
        if seeds is not None:
            rows = sp.csr_matrix(np.asarray(seeds, np.float32))
            self.full += rows.toarray()
            self.seeds = (
                rows.indptr.astype(np.int64),
                rows.indices.astype(np.uint16),
                rows.data,
            )
        self.sum = self.full.sum(0)

    def sweep(self, sampler, seed, iteration, n_threads=1):
        sampler.sweep(self.alpha, self.beta, self.sum, self.seeds, seed, iteration, n_threads)


def log_joint(words, prior, z):
    """log p(w, z), without terms that depend only on the priors."""
    n_dk, n_wk = words.recount(z, len(prior.alpha))
    return float(
        (gammaln(n_dk + prior.alpha) - gammaln(prior.alpha)).sum()
        - gammaln(n_dk.sum(1) + prior.alpha.sum()).sum()
        + (gammaln(n_wk + prior.full) - gammaln(prior.full)).sum()
        - gammaln(n_wk.sum(0) + prior.sum).sum()
        + gammaln(prior.sum).sum()
    )


def zipf(rng, n_documents, n_words, length=60, head=0.0):
    """Counts of a structured corpus; `head` is the share of word 3."""
    kinds = rng.random((5, n_words)) ** 6 / np.arange(1, n_words + 1)
    kinds /= kinds.sum(1, keepdims=True)
    X = np.zeros((n_documents, n_words), int)
    for d, n in enumerate(rng.integers(0, 2 * length, n_documents)):
        X[d] = rng.multinomial(n, kinds[rng.integers(5)])
        X[d, 3] += rng.binomial(n, head) if head else 0
    return X


# ---- the joint distribution ----------------------------------------------------------------------


def words_given_topics(rng, z, prior, documents):
    """Draw the words of tokens with topics z, and sort the tokens of every document.

    Equal tokens are in random order: a sweep preserves the distribution of (w, z) as sequences, and
    tokens would not be exchangeable if equal tokens had kept their order.
    """
    phi = np.stack([rng.dirichlet(prior.full[:, k]) for k in range(len(prior.alpha))])
    w = (phi[z].cumsum(1) < rng.random((len(z), 1))).sum(1).clip(max=phi.shape[1] - 1)
    order = np.lexsort((rng.random(len(w)), w, documents))
    return w[order], z[order]


def statistics(words, z, prior):
    """Functions of (w, z) that depend on both priors."""
    n_dk, n_wk = words.recount(z, len(prior.alpha))
    n_k = n_wk.sum(0)
    return np.array(
        [
            *n_k[:-1],
            (n_k**2).sum(),
            (n_dk**2).sum(),
            (n_wk**2).sum(),
            n_wk[0, 0],
            n_wk[1, -1],
            (n_wk[:, 0] > 0).sum(),
            (n_dk[:, -1] > 0).sum(),
            log_joint(words, prior, z),
        ],
        float,
    )


PRIORS = {
    "symmetric": lambda: Prior([0.5] * 3, 0.4, 5),
    "asymmetric": lambda: Prior([1.2, 0.3, 0.6], 0.3, 5),
    "seeded": lambda: Prior([0.4, 0.9], 0.3, 5, [[0, 2], [0, 0], [1.5, 0], [0.5, 1], [0, 0]]),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", sorted(PRIORS))
def test_geweke(kind, kernel):
    """Geweke (2004), "Getting it right": two ways to draw (words, topics) from the joint.

    Forward: theta, z, phi, w from the priors. Successive: sweeps of z given w and draws of w given
    z, alternately. The means of any function agree; the error of the chain is estimated from batch
    means.
    """
    prior = PRIORS[kind]()
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    shape = (4, 5)
    documents = np.repeat(np.arange(4), [6, 1, 4, 8])
    n_topics, n_forward, n_chain, n_batches = len(prior.alpha), 4000, 8000, 40

    def topics():
        theta = rng.dirichlet(prior.alpha, shape[0])
        return (theta[documents].cumsum(1) < rng.random((len(documents), 1))).sum(1)

    def draw(z):
        w, z = words_given_topics(rng, z.clip(max=n_topics - 1), prior, documents)
        return Words.__new__(Words).of_tokens(w, documents, shape), z

    forward = np.array([statistics(*draw(topics()), prior) for _ in range(n_forward)])
    chain = []
    words, z = draw(topics())
    for i in range(n_chain):
        sampler = words.sampler(n_topics, z.astype(np.uint16), kernel=kernel)
        prior.sweep(sampler, seed, i)
        z = sampler.topics(1)
        chain.append(statistics(words, z, prior))
        words, z = draw(z)
    batches = np.array(chain).reshape(n_batches, -1, forward.shape[1]).mean(1)
    error = np.sqrt(batches.var(0, ddof=1) / n_batches + forward.var(0, ddof=1) / n_forward)
    t = (batches.mean(0) - forward.mean(0)) / error
    # with the probability of 5 standard errors, given the degrees of freedom of the batches
    bound = stats.t.isf(stats.norm.sf(5), n_batches - 1)
    assert np.abs(t).max() < bound, f"seed {seed}: off by {np.round(t, 1)} standard errors"


# ---- threads and blocks --------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("n_topics", [3, 40, 400])
def test_any_number_of_threads_gives_the_same_bits(n_topics, kernel):
    rng = np.random.default_rng(1)
    words = Words(zipf(rng, 400, 120, head=0.6))
    prior = Prior(rng.random(n_topics) + 0.05, 0.05, 120)
    z = rng.integers(n_topics, size=len(words.words)).astype(np.uint16)
    runs = []
    for n_threads in (1, 2, 3, 7):
        sampler = words.sampler(n_topics, z, kernel=kernel, blocks=7, n_threads=n_threads)
        assert sampler.blocks == 7 and sampler.kernel == kernel
        np.testing.assert_array_equal(sampler.topics(n_threads), z)
        for i in range(5):
            prior.sweep(sampler, 3, i, n_threads)
        runs.append(sampler.topics(n_threads))
    assert (runs[0] != z).mean() > 0.2
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("blocks", [1, 5])
def test_counts_match_the_topics(blocks, kernel):
    rng = np.random.default_rng(2)
    words = Words(zipf(rng, 200, 90, head=0.5))
    for n_topics in (2, 17, 200):
        prior = Prior([0.1] * n_topics, 0.02, 90)
        z = rng.integers(n_topics, size=len(words.words)).astype(np.uint16)
        sampler = words.sampler(n_topics, z, kernel=kernel, blocks=blocks)
        for i in range(4):
            prior.sweep(sampler, 5, i, 2)
            z = sampler.topics(1)
            _, n_wk = words.recount(z, n_topics)
            indptr, topics, counts = sampler.word_counts(2)
            got = sp.csr_matrix((counts, topics, indptr), shape=n_wk.shape)
            np.testing.assert_array_equal(got.toarray(), n_wk)
            assert got.has_sorted_indices and (counts > 0).all()
            np.testing.assert_array_equal(sampler.totals(), n_wk.sum(0))


def test_sweep_is_determined_by_seed_and_iteration():
    rng = np.random.default_rng(3)
    words = Words(zipf(rng, 50, 30))
    prior = Prior([0.3] * 6, 0.1, 30)
    z = rng.integers(6, size=len(words.words)).astype(np.uint16)

    def after(seed, iteration):
        sampler = words.sampler(6, z)
        prior.sweep(sampler, seed, iteration)
        return sampler.topics(1)

    first = after(1, 0)
    np.testing.assert_array_equal(after(1, 0), first)
    assert (after(2, 0) != first).any() and (after(1, 1) != first).any()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("blocks", [1, 3])
def test_sampler_restored_from_topics_continues_identically(blocks, kernel):
    """A sweep depends only on the topics, the priors and its number."""
    rng = np.random.default_rng(4)
    words = Words(zipf(rng, 300, 100, head=0.5))
    prior = Prior([0.2] * 20, 0.05, 100, np.eye(100, 20))
    z = rng.integers(20, size=len(words.words)).astype(np.uint16)
    whole = words.sampler(20, z, kernel=kernel, blocks=blocks)
    for i in range(6):
        if i == 3:
            halfway = whole.topics(1)
        prior.sweep(whole, 9, i)
    resumed = words.sampler(20, halfway, kernel=kernel, blocks=blocks)
    for i in range(3, 6):
        prior.sweep(resumed, 9, i)
    assert (halfway != whole.topics(1)).any()
    np.testing.assert_array_equal(resumed.topics(1), whole.topics(1))


def joints(words, prior, n_sweeps, seeds, **options):
    """Joint log-likelihood per token after some sweeps from random topics, for each seed."""
    values = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        z = rng.integers(len(prior.alpha), size=len(words.words)).astype(np.uint16)
        sampler = words.sampler(len(prior.alpha), z, **options)
        for i in range(n_sweeps):
            prior.sweep(sampler, seed, i)
        values.append(log_joint(words, prior, sampler.topics(1)) / len(z))
    return np.array(values)


def assert_same_level(a, b, what):
    """Two sets of runs have equal means, within 5 standard errors of Welch's test."""
    t, p = stats.ttest_ind(a, b, equal_var=False)
    assert p > 2 * stats.norm.sf(5), f"{what}: {a} and {b} differ, t = {t:.1f}"


def test_kernels_agree_in_distribution():
    seed = secrets.randbits(32)
    words = Words(zipf(np.random.default_rng(6), 150, 80, head=0.3))
    prior = Prior(np.linspace(0.05, 0.5, 24), 0.05, 80, np.eye(80, 24) * 2)
    dense = joints(words, prior, 15, seed + np.arange(12), kernel="dense")
    sparse = joints(words, prior, 15, seed + np.arange(12, 24), kernel="sparse")
    assert_same_level(dense, sparse, f"seed {seed}, dense and sparse")


@pytest.mark.parametrize("kernel", KERNELS)
def test_block_sampler_reaches_the_likelihood_of_the_serial_chain(kernel, data_folder):
    seed = secrets.randbits(32)
    with np.load(data_folder / "20news.npz", allow_pickle=False) as data:
        X = sp.csr_matrix((data["data"], data["indices"], data["indptr"]), shape=data["shape"])
    X = X[::20]
    words = Words(X[:, np.flatnonzero(X.getnnz(0))])
    n_topics = 20 if kernel == "dense" else 150
    prior = Prior([5 / n_topics] * n_topics, 0.01, words.shape[1])
    serial = joints(words, prior, 20, seed + np.arange(6), kernel=kernel, blocks=1)
    cut = joints(words, prior, 20, seed + np.arange(6, 12), kernel=kernel, blocks=8)
    assert_same_level(serial, cut, f"seed {seed}, serially and in blocks")


# ---- edge cases ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
def test_more_topics_than_words_and_empty_documents(kernel):
    rng = np.random.default_rng(7)
    X = zipf(rng, 40, 6)
    X[[0, 5, 6, 39]] = 0
    words = Words(X)
    prior = Prior([0.01] * 300, 0.1, 6)
    z = rng.integers(300, size=len(words.words)).astype(np.uint16)
    for blocks in (0, 4):
        sampler = words.sampler(300, z, kernel=kernel, blocks=blocks)
        for i in range(5):
            prior.sweep(sampler, 1, i)
        got = sampler.topics(1)
        assert got.max() < 300
        assert log_joint(words, prior, got) > log_joint(words, prior, z)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", [(0, 3), (4, 3), (4, 0)])
def test_a_corpus_without_tokens(shape, kernel):
    words = Words(sp.csr_matrix(shape, dtype=int))
    prior = Prior([0.1] * 2, 0.1, shape[1])
    sampler = words.sampler(2, np.zeros(0, np.uint16), kernel=kernel)
    prior.sweep(sampler, 1, 0)
    assert sampler.tokens == 0 and not sampler.totals().any()
    indptr, topics, counts = sampler.word_counts(1)
    assert not indptr.any() and len(indptr) == shape[1] + 1 and not len(topics) and not len(counts)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("blocks", [1, 3])
def test_document_with_more_tokens_than_16_bits_can_count(blocks, kernel):
    """Two words that never share a topic: given the topic of one, only one is left for the other.

    Word 0 fills the long document and has almost no probability in topic 1, so that its count in
    topic 0 must be 70,000; with a count truncated to 16 bits, every seventh token would change.
    """
    words = Words(sp.csr_matrix([[70_000, 0], [2, 300], [1, 200]]))
    prior = Prior([1e-3, 1e-3], 1e-3, 2)
    z = words.words.astype(np.uint16)
    sampler = words.sampler(2, z, kernel=kernel, blocks=blocks)
    for i in range(3):
        prior.sweep(sampler, 4, i)
    got = sampler.topics(1)
    n_dk, n_wk = words.recount(got, 2)
    assert n_dk[0, 0] > 69_990
    np.testing.assert_array_equal(sampler.totals(), n_wk.sum(0))


@pytest.mark.parametrize("kernel", KERNELS)
def test_ctrl_c_interrupts_soon_and_leaves_a_consistent_state(kernel):
    rng = np.random.default_rng(8)
    n_topics = 100 if kernel == "dense" else 500
    X = sp.csr_matrix(rng.poisson(2.0, size=(1500, 400)))
    words = Words(X)
    prior = Prior([0.1] * n_topics, 0.05, 400)
    z = rng.integers(n_topics, size=len(words.words)).astype(np.uint16)
    sampler = words.sampler(n_topics, z, kernel=kernel)
    iterations = itertools.count()
    with answered_ctrl_c(0.1, 2) as press:
        press()
        for i in iterations:
            prior.sweep(sampler, 1, i, 2)
    got = sampler.topics(1)
    assert (got != z).any() and got.max() < n_topics
    _, n_wk = words.recount(got, n_topics)
    indptr, topics, counts = sampler.word_counts(1)
    found = sp.csr_matrix((counts, topics, indptr), shape=n_wk.shape)
    np.testing.assert_array_equal(found.toarray(), n_wk)
    np.testing.assert_array_equal(sampler.totals(), n_wk.sum(0))
    prior.sweep(sampler, 1, next(iterations), 2)


def test_wrong_arguments_are_named():
    words = Words(np.eye(3, dtype=int))
    z = np.zeros(3, np.uint16)
    with pytest.raises(ValueError, match="kernel must be 'auto', 'dense' or 'sparse'"):
        words.sampler(2, z, kernel="full")
    with pytest.raises(ValueError, match="blocks must be at least 0"):
        words.sampler(2, z, blocks=-1)
    with pytest.raises(ValueError, match="one topic a token"):
        words.sampler(2, z[:2])
    with pytest.raises(ValueError, match="topics below n_topics"):
        words.sampler(2, z + np.uint16(2))
    with pytest.raises(ValueError, match="n_topics must be between 1 and 65535"):
        words.sampler(0, z)
    sampler = words.sampler(2, z)
    with pytest.raises(ValueError, match="one entry a topic"):
        Prior([0.1] * 3, 0.1, 3).sweep(sampler, 1, 0)
