"""Pieces of HTML that the parts of the page share."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from . import wording

#: A part of the page: its heading, and the HTML below it.
Part = tuple[str, str]


def table(headings: list[str], rows: Iterable[str], right: Iterable[int] = ()) -> str:
    """Return a table of rows that are HTML already."""
    head = "".join(
        f"<th{' class=r' if i in set(right) else ''}>{escape(text)}</th>"
        for i, text in enumerate(headings)
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>"
    )


def bar(share: float, ours: bool) -> str:
    """Return a bar of that share of its cell."""
    mine = " mine" if ours else ""
    return f'<span class="bar{mine}"><i style="width:{100 * min(share, 1.0):.1f}%"></i></span>'


def named(record: dict[str, Any]) -> str:
    """Return a record's implementation, ours in its color."""
    name = escape(wording.name(record))
    return f'<span class="ours">{name}</span>' if record["ours"] else name


def bullets(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
