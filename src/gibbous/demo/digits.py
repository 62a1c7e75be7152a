"""A Boltzmann machine of handwritten digits: a chapter of ``gibbous demo``."""

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

#: Number of training scans; the rest of the 1,797 scans are held out.
_LEARNED = 1500


@dataclass(frozen=True)
class Machine:
    """A machine trained on digits, held-out scans, their imputations, and samples.

    Attributes
    ----------
    model : BernoulliRBM
    unseen : ndarray of shape (n, 64)
        Held-out scans of ones and zeros.
    torn : ndarray of shape (n, 64)
        The held-out scans with NaN in the lower half.
    filled : ndarray of shape (n, 64)
        The held-out scans with the lower half imputed by the machine.
    samples : ndarray of shape (100, 64)
        Samples of the machine, as probabilities.
    right : float
        Share of the missing pixels that are imputed correctly.
    plain : float
        Share of the missing pixels that equal the most frequent value of the pixel.
    """

    model: Any
    unseen: NDArray[Any]
    torn: NDArray[Any]
    filled: NDArray[Any]
    samples: NDArray[Any]
    right: float
    plain: float


def machine(console: Console) -> Machine:
    """Train on 1,500 scans of digits, and impute the lower halves of the others."""
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
    training = time.perf_counter() - began
    torn = unseen.astype(np.float64)
    torn[:, 32:] = np.nan
    filled = model.impute(torn, random_state=SEED)
    lower = unseen[:, 32:] == 1
    found = Machine(
        model,
        unseen,
        torn,
        filled,
        model.sample(100, means=True, random_state=SEED),
        float(((filled[:, 32:] > 0.5) == lower).mean()),
        float(((learned[:, 32:].mean(axis=0) > 0.5) == lower).mean()),
    )
    _report(console, found, training)
    return found


def _report(console: Console, found: Machine, seconds: float) -> None:
    model, unseen = found.model, found.unseen
    console.print(f"A Boltzmann machine with {HIDDEN} hidden units, trained on digits of 64 pixels")
    table = Table()
    table.add_column(f"{len(unseen)} held-out digits")
    table.add_column("pixels correct", justify="right")
    back = float(((model.reconstruct(unseen) > 0.5) == (unseen == 1)).mean())
    table.add_row("reconstructed from the hidden units", f"{back:.1%}")
    table.add_row("lower half missing, and imputed", f"{found.right:.1%}")
    table.add_row("lower half set to the most frequent values", f"{found.plain:.1%}")
    console.print(table)
    console.print(
        f"Training without labels took {seconds:.1f} s.\n"
        "From the upper half of a digit the machine infers hidden units, and from them the lower "
        "half.\n"
        "Without any input, Gibbs sampling draws new digits from the machine."
    )
