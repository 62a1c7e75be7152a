"""Topics for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..session import load_as
from ..show import grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

CLASSES = ("LatentDirichletAllocation",)


def load_topics(model: Path) -> Any:
    """Read a topic model.

    Raises
    ------
    ValueError
        If the file is damaged or holds another model.
    """
    return load_as(model, CLASSES)


def topic_rows(model: Any, n: int, topics: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Return a row per topic of a model: tokens, share, prior, and the most probable words."""
    chosen = list(range(model.topics_.n_topics) if topics is None else topics)
    top = model.topics_.top_words(n)[chosen]
    probabilities = model.topics_.of_pairs([[k] for k in chosen], top)
    labels = getattr(model, "topic_labels_", None) or [""] * model.topics_.n_topics
    total = max(int(model.topic_sizes_.sum()), 1)
    return [
        {
            "topic": k,
            "label": labels[k],
            "tokens": int(model.topic_sizes_[k]),
            "share": float(model.topic_sizes_[k] / total),
            "prior": float(model.doc_topic_prior_[k]),
            "words": word_names(model, words),
            "probabilities": values.tolist(),
        }
        for k, words, values in zip(chosen, top, probabilities, strict=True)
    ]


def word_names(model: Any, words: Any) -> list[str]:
    """Return words by their numbers; the numbers as text if a model has no vocabulary."""
    names = model.vocabulary_
    return [str(w) if names is None else names[w] for w in map(int, words)]


def print_topics(
    console: Console, rows: list[dict[str, Any]], most: int, extra: Sequence[str] = ()
) -> None:
    """Print a table of topics with their words; ``extra`` names further numbers of the rows."""
    from rich.markup import escape

    table = grid(console, ["topic", "share", "prior", *extra, "words"], text=["words"])
    for row in rows[:most]:
        label = f" {row['label']}" if row["label"] else ""
        table.add_row(
            escape(f"{row['topic']}{label}"),
            f"{row['share']:.2%}",
            f"{row['prior']:.3g}",
            *(f"{row[name]:.3f}" for name in extra),
            escape(" ".join(row["words"])),
        )
    console.print(table)
    if len(rows) > most:
        console.print(f"and {len(rows) - most} more topics")
