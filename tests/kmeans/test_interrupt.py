"""Ctrl-C in K-means: the state that it leaves, at any point."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gibbous._ground import random as _random
from gibbous._ground.isa import core
from gibbous.kmeans.lloyd import KMeans
from gibbous.kmeans.samples import Samples
from support.blobs import bits, blobs, csr
from support.ctrl_c import answered_ctrl_c

BLOBS = blobs(500, 3, 10, seed=20, spread=1)


def no_pass(self, centers, labels):
    raise AssertionError("another pass over the data after Ctrl-C")


def iterations(X, count):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(10, tol=0, init=BLOBS[:10], n_init=1, max_iter=count).fit(X)


def check_interrupted_after_two(model, X):
    """The centers after two iterations, and the labels before the second."""
    one, two = iterations(X, 1), iterations(X, 2)
    assert model.history_.stop_reason == "interrupted" and not model.history_.converged
    assert model.n_iter_ == 2 and model.history_.values == two.history_.values
    np.testing.assert_array_equal(model.cluster_centers_, two.cluster_centers_)
    np.testing.assert_array_equal(model.labels_, one.labels_)
    assert model.inertia_ == model.history_.values[-1] == pytest.approx(one.inertia_)
    assert (one.labels_ != two.labels_).any()  # otherwise the test would show little
    np.testing.assert_array_equal(model.predict(X), two.labels_)


@pytest.mark.parametrize("sparse", [False, True])
def test_interrupt_keeps_the_last_finished_iteration(sparse, monkeypatch):
    X = csr(BLOBS) if sparse else BLOBS

    def interrupt(progress):
        if progress.iteration == 2:
            raise KeyboardInterrupt

    model = KMeans(10, tol=0, init=BLOBS[:10], n_init=1)
    with monkeypatch.context() as patch:
        patch.setattr(Samples, "assign", no_pass)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, callback=interrupt)
    check_interrupted_after_two(model, X)


@pytest.mark.parametrize("sparse", [False, True])
def test_interrupt_within_a_step_discards_the_step(sparse, monkeypatch):
    X = csr(BLOBS) if sparse else BLOBS
    step, begun = core.kmeans.step, []

    def cut_short(rows, centers, labels, fresh, threads, *bounds):
        begun.append(1)
        if len(begun) == 3:  # the arrays that a kernel interrupted halfway leaves behind
            labels[::2] = 0
            fresh[:] = np.nan
            raise KeyboardInterrupt
        return step(rows, centers, labels, fresh, threads, *bounds)

    model = KMeans(10, tol=0, init=BLOBS[:10], n_init=1)
    with monkeypatch.context() as patch:
        patch.setattr(core.kmeans, "step", cut_short)
        patch.setattr(Samples, "assign", no_pass)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)
    check_interrupted_after_two(model, X)


def test_interrupt_while_labeling_at_the_end(monkeypatch):
    def cut_short(self, centers, labels):
        labels[::2] = 0
        raise KeyboardInterrupt

    model = KMeans(10, tol=0, init=BLOBS[:10], n_init=1, max_iter=2)
    with monkeypatch.context() as patch:
        patch.setattr(Samples, "assign", cut_short)
        with pytest.raises(KeyboardInterrupt):
            model.fit(BLOBS)
    check_interrupted_after_two(model, BLOBS)


def test_interrupt_in_a_later_start_keeps_the_best_so_far():
    X = blobs(500, 3, 10, seed=20, spread=1)

    def interrupt(progress):
        if progress.start == 1 and progress.iteration == 1:
            raise KeyboardInterrupt

    model = KMeans(10, n_init=3, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, callback=interrupt)
    first = KMeans(10, n_init=1, random_state=0).fit(X)
    assert model.inertia_ <= first.inertia_
    assert model.history_.stop_reason == "interrupted"


def test_interrupt_between_two_starts_keeps_the_first(monkeypatch):
    child = _random.child

    def interrupted(key, purpose, *index):
        if purpose == "kmeans-start":  # the seed of the second start
            raise KeyboardInterrupt
        return child(key, purpose, *index)

    monkeypatch.setattr(_random, "child", interrupted)
    X = blobs(500, 3, 10, seed=19)
    model = KMeans(10, n_init=9, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    monkeypatch.undo()
    assert bits(model) == bits(KMeans(10, n_init=1, random_state=0).fit(X))
    assert model.history_.stop_reason == "interrupted"


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kernel", ["step", "plusplus"])
def test_signal_stops_a_kernel(sparse, kernel):
    # enough work for minutes: the signal must interrupt the kernel
    X = np.random.default_rng(0).normal(size=(60_000, 40)).astype(np.float32)
    data = csr(X) if sparse else X
    init = X[:30_000].copy() if kernel == "step" else "k-means++"
    model = KMeans(30_000, init=init, n_init=1, max_iter=100, tol=0, n_jobs=2)
    with answered_ctrl_c(0.3, 2) as press:
        press()
        model.fit(data)
    assert not hasattr(model, "labels_")  # no iteration was finished
