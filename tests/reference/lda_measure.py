"""Slow, straightforward versions of the topic measures."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from scipy.special import gammaln


def fold_in(phi, alpha, words, counts, n_iter):
    """Return theta of one document; phi is (topics, words)."""
    theta = np.full(len(phi), 1 / len(phi))
    for _ in range(n_iter):
        q = theta @ phi[:, words]
        ratio = np.divide(counts, q, out=np.zeros(len(q)), where=q > 0)
        theta = alpha + theta * (phi[:, words] @ ratio)
        theta /= theta.sum()
    return theta


def log_probability(phi, alpha, tokens):
    """Return log p(tokens | phi, alpha), summed over all assignments of topics."""
    total = 0.0
    for z in product(range(len(phi)), repeat=len(tokens)):
        n = np.bincount(z, minlength=len(phi))
        log_p = gammaln(alpha + n).sum() - gammaln(alpha).sum()
        log_p += gammaln(alpha.sum()) - gammaln(alpha.sum() + len(tokens))
        total += np.exp(log_p) * np.prod([phi[k, w] for k, w in zip(z, tokens, strict=True)])
    return np.log(total)


def particle_limit(phi, alpha, tokens, resample):
    """Return the limit of Algorithm 3 of Wallach et al. (2009) with many particles.

    ``q`` holds the probability of every possible assignment of a particle; ``resample`` is the
    number of earlier positions to resample, at random positions, or -1 for all of them in order.
    """
    k, q, log_p = len(phi), {(): 1.0}, 0.0

    def conditional(z, i):
        others = np.bincount([t for j, t in enumerate(z) if j != i], minlength=k)
        p = (alpha + others) * phi[:, tokens[i]]
        return p / p.sum()

    def step(q, i):
        out = {}
        for z, p in q.items():
            for t, share in enumerate(conditional(z, i)):
                key = (*z[:i], t, *z[i + 1 :])
                out[key] = out.get(key, 0.0) + p * share
        return out

    for n in range(len(tokens)):
        for j in range(n if resample < 0 else resample * (n > 0)):
            if resample < 0:
                q = step(q, j)
            else:
                parts = [step(q, i) for i in range(n)]
                q = {z: sum(part.get(z, 0.0) for part in parts) / n for z in set().union(*parts)}
        mean, longer = 0.0, {}
        for z, p in q.items():
            counts = np.bincount(z, minlength=k)
            joint = (alpha + counts) * phi[:, tokens[n]] / (alpha.sum() + n)
            mean += p * joint.sum()
            for t, share in enumerate(joint / joint.sum()):
                longer[(*z, t)] = p * share
        log_p, q = log_p + np.log(mean), longer
    return log_p


def windows(texts, window):
    """Yield the set of words of each window."""
    for text in texts:
        if not len(text):
            continue
        width = len(text) if window == 0 else min(window, len(text))
        for first in range(len(text) - width + 1):
            yield set(text[first : first + width])


def count_pairs(texts, lists, window):
    """Return windows with each pair of words of each list, and the number of windows."""
    pairs = np.zeros((len(lists), len(lists[0]), len(lists[0])), np.int64)
    n = 0
    for seen in windows(texts, window):
        n += 1
        for k, words in enumerate(lists):
            there = [w in seen for w in words]
            pairs[k] += np.outer(there, there)
    return pairs, n


def npmi(texts, v, w, window, epsilon):
    seen = list(windows(texts, window))
    p_v, p_w = (np.mean([x in s for s in seen]) for x in (v, w))
    if p_v == 0 or p_w == 0:
        return 0.0
    both = np.mean([v in s and w in s for s in seen]) + epsilon
    if both >= 1:
        return 1.0
    return np.log(both / (p_v * p_w)) / -np.log(both)


def c_npmi(texts, words, window=10, epsilon=1e-12):
    return np.mean([npmi(texts, v, w, window, epsilon) for v, w in combinations(words, 2)])


def c_v(texts, words, window=110, epsilon=1e-12):
    vectors = np.array([[npmi(texts, v, w, window, epsilon) for w in words] for v in words])
    total = vectors.sum(axis=0)
    sizes = np.linalg.norm(vectors, axis=1) * np.linalg.norm(total)
    return np.mean([v @ total / s if s else 0.0 for v, s in zip(vectors, sizes, strict=True)])


def u_mass(texts, words, epsilon=None):
    seen = [set(text) for text in texts if len(text)]
    epsilon = epsilon or 1 / len(seen)
    values = []
    for earlier, later in combinations(words, 2):
        single = np.mean([earlier in s for s in seen])
        both = np.mean([earlier in s and later in s for s in seen])
        values.append(np.log((both + epsilon) / single) if single else 0.0)
    return np.mean(values)


def joint_log_likelihood(documents, topics, alpha, beta, n_words):
    """Return log p(words, topics), token by token; beta is (words, topics)."""
    n_wk, total = np.zeros_like(beta), 0.0
    for words, z in zip(documents, topics, strict=True):
        n_dk = np.zeros(len(alpha))
        for w, k in zip(words, z, strict=True):
            total += np.log((n_dk[k] + alpha[k]) / (n_dk.sum() + alpha.sum()))
            total += np.log((n_wk[w, k] + beta[w, k]) / (n_wk[:, k].sum() + beta[:, k].sum()))
            n_dk[k] += 1
            n_wk[w, k] += 1
    return total


def frex(phi, k, words, weight):
    share = phi[k] / phi.sum(axis=0)
    values = []
    for w in words:
        ranks = [np.mean(x <= x[w]) for x in (share, phi[k])]
        values.append(1 / (weight / ranks[0] + (1 - weight) / ranks[1]))
    return np.mean(values)
