"""Fields of records: which of them hold the text, the name, the date and the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The default names of the fields; only the text is required.
USUAL = {"text": "text", "id": "id", "date": "date", "label": "label"}


@dataclass(frozen=True)
class Fields:
    """Names of the fields of a record, or positions from 1; False for none.

    None stands for the usual name, "text", "id", "date" or "label", if it exists.
    """

    text: str | int | None = None
    id: str | int | bool | None = None
    date: str | int | bool | None = None
    label: str | int | bool | None = None

    def choose(self, known: Mapping[str, Any] | Sequence[str], where: str) -> list[Any]:
        """Return the names of the four fields of a record, None for those that are not used.

        Raises
        ------
        ValueError
            If a requested field does not exist.
        """
        chosen: list[Any] = []
        for what, usual in USUAL.items():
            wanted = getattr(self, what)
            if wanted is False:
                chosen.append(None)
                continue
            name = usual if wanted is None else wanted
            if name in known:
                chosen.append(name)
            elif wanted is not None or what == "text":
                names = ", ".join(repr(n) for n in list(known)[:12]) or "none"
                raise ValueError(
                    f"{where}: no field {name!r} for {what}; there are {names}: "
                    f"give {what}=, the name of one"
                )
            else:
                chosen.append(None)
        return chosen


def check_text(text: Any, where: str) -> None:
    """Check that a field holds text or a list of tokens.

    Raises
    ------
    ValueError
        If it does not.
    """
    if isinstance(text, str):
        return
    if not isinstance(text, list) or not all(isinstance(token, str) for token in text):
        raise ValueError(f"{where}: a text is text or a list of tokens; got {text!r:.60}")
