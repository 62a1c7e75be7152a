"""What a Boltzmann machine makes of handwritten digits: a chapter of ``gibbous demo``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ..rbm.bernoulli import BernoulliRBM

SEED = 7
HIDDEN = 100

#: Scans to learn from; the others of 1,797 are unseen.
_LEARNED = 1500


@dataclass(frozen=True)
class Dreams:
    """A machine of digits, scans that it has not seen, and what it makes of them and of nothing.

    Attributes
    ----------
    model : BernoulliRBM
    unseen : ndarray of shape (n, 64)
        Scans of ones and zeros.
    torn : ndarray of shape (n, 64)
        The same with NaN for the lower half.
    filled : ndarray of shape (n, 64)
        The lower half as the machine imagines it.
    dreams : ndarray of shape (100, 64)
        What it draws where nothing is given, as probabilities.
    right : float
        Share of the hidden pixels that are guessed rightly.
    plain : float
        The same where each pixel is guessed to be what it is most often.
    """

    model: Any
    unseen: NDArray[Any]
    torn: NDArray[Any]
    filled: NDArray[Any]
    dreams: NDArray[Any]
    right: float
    plain: float


def dreams(console: Console) -> Dreams:
    """Learn 1,500 scans of digits, and fill in the lower halves of the others."""
    from sklearn.datasets import load_digits

    scans = (load_digits().data >= 8).astype(np.uint8)
    order = np.random.Generator(np.random.Philox(SEED)).permutation(len(scans))
    learned, unseen = scans[order[:_LEARNED]], scans[order[_LEARNED:]]
    began = time.perf_counter()
    model = BernoulliRBM(
        HIDDEN,
        n_iter=100,
        batch_size=50,
        learning_rate_schedule="linear",
        momentum=0.5,
        centered=True,
        random_state=SEED,
    ).fit(learned, X_val=unseen)
    learning = time.perf_counter() - began
    torn = unseen.astype(np.float64)
    torn[:, 32:] = np.nan
    filled = model.impute(torn, random_state=SEED)
    lower = unseen[:, 32:] == 1
    told = Dreams(
        model,
        unseen,
        torn,
        filled,
        model.sample(100, means=True, random_state=SEED),
        float(((filled[:, 32:] > 0.5) == lower).mean()),
        float(((learned[:, 32:].mean(axis=0) > 0.5) == lower).mean()),
    )
    _tell(console, told, learning)
    return told


def _tell(console: Console, told: Dreams, seconds: float) -> None:
    model, unseen = told.model, told.unseen
    console.print(f"{HIDDEN} hidden units explain the 64 pixels of a digit")
    table = Table()
    table.add_column(f"{len(unseen)} digits that it has not seen")
    table.add_column("pixels right", justify="right")
    back = float(((model.reconstruct(unseen) > 0.5) == (unseen == 1)).mean())
    table.add_row("up to the hidden units and down again", f"{back:.1%}")
    table.add_row("lower half not shown, and filled in", f"{told.right:.1%}")
    table.add_row("lower half guessed, each pixel as it mostly is", f"{told.plain:.1%}")
    console.print(table)
    console.print(
        f"Nobody told it what a stroke is: in {seconds:.1f} s it found strokes that are there or "
        "not, and pixels follow.\n"
        "From the upper half of a digit it infers the strokes, and from them the lower half.\n"
        "Left alone it goes up and down by itself, and dreams of digits that nobody wrote."
    )
