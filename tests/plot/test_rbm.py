"""Plots of Boltzmann machines agree with the machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from gibbous import BernoulliRBM, RBMClassifier, plot
from gibbous.plot import rbm as plot_rbm


def axes() -> Any:
    return Figure().subplots()


def machine(d: int = 12, k: int = 6, **more: Any) -> Any:
    rng = np.random.default_rng(1)
    model = BernoulliRBM(k, n_iter=2, random_state=0, **more).fit(rng.random((40, d)) < 0.4)
    model.components_[...] = rng.normal(size=(k, d))
    return model


def picture(ax: Any) -> Any:
    """Return the only image of the axes, as colors."""
    (image,) = ax.images
    return np.asarray(image.get_array())


def pixel(ax: Any, images: tuple[int, int], shape: tuple[int, int], image: int, at: Any) -> Any:
    """Return the color in the middle of a pixel of one of (lines, columns) images."""
    whole = picture(ax)
    high, wide = ((whole.shape[i] + 1) // images[i] for i in (0, 1))
    line, column = divmod(image, images[1])
    row = line * high + (at[0] + 0.5) * (high - 1) / shape[0]
    return whole[int(row), int(column * wide + (at[1] + 0.5) * (wide - 1) / shape[1])]


def test_shapes_of_images() -> None:
    assert plot_rbm.image_shape(784) == (28, 28)
    assert plot_rbm.image_shape(12) is None and plot_rbm.image_shape(1) is None
    assert plot_rbm.image_shape(12, (3, 4)) == (3, 4)
    for shape in ((3, 3), (12,), (-3, -4)):
        with pytest.raises(ValueError, match="product is the number of features, 12; got"):
            plot_rbm.image_shape(12, shape)


def test_filters_show_the_weights() -> None:
    model = machine()
    ax = plot_rbm.plot_filters(model, axes(), shape=(3, 4))
    most = np.quantile(np.abs(model.components_.astype(float)), 0.995)
    lines, columns = 3, 2  # six images of 3 x 4 give the squarest layout
    for unit in range(6):
        for row, column in np.ndindex(3, 4):
            weight = model.components_[unit, 4 * row + column]
            share = np.clip((weight + most) / (2 * most), 0, 1)
            found = pixel(ax, (lines, columns), (3, 4), unit, (row, column))
            assert found == pytest.approx(colormaps["RdBu_r"](float(share))[:3])
    assert ax.get_title() == "Weights of hidden units (6)"


def test_red_is_excitatory_and_blue_is_inhibitory() -> None:
    model = machine(4, 1)
    model.components_[...] = [[2.0, -2.0, 0.0, 0.0]]
    ax = plot_rbm.plot_filters(model, axes())
    on, off = (pixel(ax, (1, 1), (2, 2), 0, (0, at)) for at in (0, 1))
    assert on[0] > 2 * on[2] and off[2] > 2 * off[0]


def test_filters_can_be_chosen() -> None:
    model = machine(9, 8)
    model.components_[[1, 5]] *= 100
    ax = plot_rbm.plot_filters(model, axes(), n=2)
    assert "2 of 8, those with the largest weights" in ax.get_title()
    both = plot_rbm.plot_filters(model, axes(), units=[1, 5])
    assert np.array_equal(picture(ax), picture(both))
    assert both.get_title() == "Weights of hidden units (2 of 8)"
    for units in ([8], [-1], [], [[1]]):
        with pytest.raises(ValueError, match="units must be hidden units from 0 to 7"):
            plot_rbm.plot_filters(model, axes(), units=units)


def test_number_of_features_that_is_not_square_is_drawn_as_a_matrix() -> None:
    pd = pytest.importorskip("pandas", reason="data frames are what has feature names")
    X = np.random.default_rng(0).random((30, 5)) < 0.5
    model = BernoulliRBM(3, n_iter=1, random_state=0).fit(
        pd.DataFrame(X, columns=["a", "$b", "c", "d", "e"])
    )
    ax = plot_rbm.plot_filters(model, axes())
    assert np.array_equal(picture(ax), model.components_.astype(float))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", r"\$b", "c", "d", "e"]
    assert ax.get_ylabel() == "hidden unit"


def test_rows_are_stacked() -> None:
    rng = np.random.default_rng(2)
    given, back = rng.random((3, 9)), rng.random((3, 9))
    given[1, 4] = np.nan
    ax = plot_rbm.plot_rows({"given": given, "back": back}, axes(), n=2)
    gray = colormaps["gray_r"]
    for line, table in enumerate((given, back)):
        for at in range(2):
            for row, column in np.ndindex(3, 3):
                value = table[at, 3 * row + column]
                shown = to_rgb(plot_rbm._UNKNOWN) if np.isnan(value) else gray(value)[:3]
                found = pixel(ax, (2, 2), (3, 3), 2 * line + at, (row, column))
                assert found == pytest.approx(shown)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["given", "back"]
    high, *_ = picture(ax).shape
    ticks = np.asarray(ax.get_yticks()) / high
    assert ticks == pytest.approx([0.25, 0.75])
    with pytest.raises(ValueError, match=r"tables of one shape; got \(3, 9\), \(2, 9\)"):
        plot_rbm.plot_rows({"given": given, "back": back[:2]}, axes())


def test_reconstructions_and_samples() -> None:
    model = machine(16, 5, data_max=4.0)
    X = np.random.default_rng(0).integers(0, 5, (6, 16)).astype(float)
    ax = plot_rbm.plot_reconstructions(model, X, axes(), n=3)
    rows = {"given": X[:3] / 4, "back": model.reconstruct(X[:3])}
    assert np.array_equal(picture(ax), picture(plot_rbm.plot_rows(rows, axes())))
    ax = plot_rbm.plot_samples(X, axes(), most=4, n=4)
    assert ax.get_title() == "Samples of the machine (the first 4 of 6)"
    assert pixel(ax, (2, 2), (4, 4), 3, (0, 1)) == pytest.approx(
        colormaps["gray_r"](X[3, 1] / 4)[:3]
    )
    ax = plot_rbm.plot_samples(X[:, :7], axes(), most=4)
    assert np.array_equal(picture(ax), X[:, :7])


def test_convergence_plot_shows_held_out_rows() -> None:
    X = np.random.default_rng(3).random((60, 9)) < 0.4
    model = BernoulliRBM(4, n_iter=5, random_state=0).fit(X[:40], X_val=X[40:])
    figure = Figure()
    ax = model.history_.plot(figure.subplots())
    train, held_out = ax.lines
    assert train.get_ydata().tolist() == list(model.history_.values)
    assert held_out.get_ydata().tolist() == model.validation_scores_
    (right,) = [other for other in figure.axes if other is not ax]
    (gap,) = right.lines
    assert gap.get_ydata().tolist() == model.free_energy_gap_
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told == ["pseudo-likelihood", "held-out pseudo-likelihood", "free-energy gap"]
    assert "completed after 5 iterations" in ax.get_title()


def test_the_history_of_one_measure() -> None:
    X = np.random.default_rng(3).random((60, 9)) < 0.4
    model = BernoulliRBM(4, n_iter=5, random_state=0).fit(X[:40], X_val=X[40:])
    ax = plot.plot_history(model, axes(), metric="free-energy gap", x="seconds")
    (line,) = ax.lines
    assert line.get_ydata().tolist() == model.free_energy_gap_
    passed = np.cumsum(model.history_.seconds)
    scale = {"milliseconds": 1000, "seconds": 1}[ax.get_xlabel()]
    assert line.get_xdata() == pytest.approx(passed * scale)
    gap = plot.plot_free_energy_gap(model.history_, axes())
    assert gap.lines[0].get_ydata().tolist() == model.free_energy_gap_
    assert gap.lines[1].get_ydata() == [0, 0]
    with pytest.raises(ValueError, match=r"metric must be one of pseudo.*; got 'loss'"):
        plot.plot_history(model, axes(), metric="loss")
    with pytest.raises(ValueError, match="x must be 'iteration' or 'seconds'; got 'hours'"):
        plot.plot_history(model, axes(), x="hours")
    with pytest.raises(
        ValueError, match="must have a free-energy gap; fit with held-out rows, X_val"
    ):
        plot.plot_free_energy_gap(machine(), axes())


@pytest.mark.parametrize("kind", ["binary", "classifier", "thresholded"])
def test_chains_continue_from_their_initial_state(kind: str) -> None:
    X = np.random.default_rng(0).integers(0, 5, (30, 9)).astype(float)
    if kind == "classifier":
        model: Any = RBMClassifier(5, n_iter=2, data_max=4, random_state=0).fit(X, X[:, 0] > 2)
    else:
        more = {"binarize": 0.5} if kind == "thresholded" else {}
        model = BernoulliRBM(5, n_iter=2, data_max=4, random_state=0, **more).fit(X)
    ax = plot_rbm.plot_chains(model, X, axes(), steps=(0, 1, 4), n=2, random_state=5)
    again = plot_rbm.plot_chains(model, X, axes(), steps=(0, 1, 4), n=2, random_state=5)
    assert np.array_equal(picture(ax), picture(again))
    other = plot_rbm.plot_chains(model, X, axes(), steps=(0, 1, 4), n=2, random_state=6)
    assert not np.array_equal(picture(ax), picture(other))
    gray = colormaps["gray_r"]
    begun = X[:2] > 2 if kind == "thresholded" else X[:2] / 4
    for chain, at in ((0, 4), (1, 7)):
        found = pixel(ax, (2, 3), (3, 3), 3 * chain, divmod(at, 3))
        assert found == pytest.approx(gray(float(begun[chain, at]))[:3])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1", "4"]


def test_chains_sample_from_the_machine() -> None:
    # no weights: from any initial state, a chain shows the biases after one step
    model = machine(9, 3)
    model.components_[...] = 0
    model.intercept_visible_[...] = [30.0] * 4 + [-30.0] * 5
    ax = plot_rbm.plot_chains(model, ax=axes(), steps=(1, 3), n=1, random_state=0)
    for image in (0, 1):
        for at in range(9):
            found = pixel(ax, (1, 2), (3, 3), image, divmod(at, 3))
            assert found == pytest.approx([0.0] * 3 if at < 4 else [1.0] * 3)


def test_chains_make_the_stated_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model, made = machine(9, 3), []
    sample = model.sample

    def counted(n: int, **options: Any) -> Any:
        made.append((options["means"], options["burn_in"] + 1))
        return sample(n, **options)

    monkeypatch.setattr(model, "sample", counted)
    plot_rbm.plot_chains(model, ax=axes(), steps=(0, 1, 4, 10), n=1, random_state=0)
    assert [steps for means, steps in made if means] == [1, 3, 6]
    assert [steps for means, steps in made if not means] == [1, 3, 6]


def test_bad_chains_are_named() -> None:
    for steps in ((), (3, 1), (1, 1), (-1, 2)):
        with pytest.raises(ValueError, match="steps must be ascending integers >= 0"):
            plot_rbm.plot_chains(machine(), ax=axes(), steps=steps)
    ax = plot_rbm.plot_chains(machine(7), ax=axes(), steps=(0, 2), n=2)
    told = [label.get_text() for label in ax.get_yticklabels()]
    assert told == ["chain 0, 0", "chain 0, 2", "chain 1, 0", "chain 1, 2"]


def test_hidden_units_show_their_probabilities() -> None:
    model = machine()
    X = np.random.default_rng(0).random((20, 12)) < 0.5
    ax = plot_rbm.plot_hidden(model, X, axes(), n=15)
    want = model.transform(X[:15])
    assert picture(ax) == pytest.approx(want)
    assert ax.images[0].get_clim() == (0, 1)
    assert f"{want.mean():.0%} on" in ax.get_title()
    ax = plot_rbm.plot_hidden(model, X, axes(), sort=True)
    assert (np.diff(picture(ax).mean(axis=0)) <= 0).all()


def test_units_that_are_off_have_the_background_color() -> None:
    import matplotlib.pyplot as plt

    with plt.style.context("dark_background"):
        ax = plot_rbm.plot_samples(np.eye(4), Figure().subplots())
    assert pixel(ax, (2, 2), (2, 2), 0, (0, 1)) == pytest.approx([0.0] * 3)
    assert pixel(ax, (2, 2), (2, 2), 0, (0, 0)) == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("reason", ["completed", "diverged", "interrupted"])
def test_every_end_of_a_fit_can_be_drawn(reason: str) -> None:
    import dataclasses

    history = dataclasses.replace(machine().history_, stop_reason=reason)
    assert reason in plot.plot_history(history, axes()).get_title()


def test_the_figure_of_a_fit(tmp_path: Path) -> None:
    for model, shape in ((machine(16), None), (machine(12), (3, 4)), (machine(7), None)):
        plot.save_figure(plot_rbm.rbm_figure(model, shape), tmp_path / "p.png")
        assert (tmp_path / "p.png").stat().st_size > 20_000
    untrained = BernoulliRBM(3, n_iter=0, random_state=0).fit(np.eye(4))
    untrained.components_[...] = 0
    plot.save_figure(plot_rbm.rbm_figure(untrained), tmp_path / "p.png")


def test_missing_matplotlib_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = machine()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for act in (
        lambda: plot_rbm.plot_filters(model),
        lambda: plot_rbm.plot_samples(np.eye(4)),
        lambda: plot_rbm.rbm_figure(model),
    ):
        with pytest.raises(ImportError, match=r"pip install 'gibbous\[plot\]'"):
            act()
