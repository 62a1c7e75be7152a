"""Read result files and check them against ``schema.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from . import vocabulary

FORMAT = 2
SCHEMA = Path(__file__).with_name("schema.json")

#: Number of faults of one file that are reported; a file of another kind has hundreds.
_MOST_FAULTS = 5


class BadFile(ValueError):
    """A result file that cannot be used; the message names the file, the place and the reason."""


def load(path: Path | str) -> dict[str, Any]:
    """Return the contents of the file, with current names.

    Raises
    ------
    BadFile
        If it cannot be read, is not JSON, has another format, or violates the schema.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path}: cannot be read: {error}") from error
    try:
        result = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise BadFile(f"{path}: not JSON: {error}") from error
    check(result, str(path))
    return vocabulary.current(result)


def check(result: Any, name: str) -> None:
    """Check a result, named ``name`` in messages, against the schema.

    Raises
    ------
    BadFile
        If it violates the schema; the message lists the first places and what was expected there.
    """
    found = result.get("format") if isinstance(result, dict) else None
    if found == 1:
        raise BadFile(
            f"{name}: format 1, written by an older version; this one reads format {FORMAT}. "
            "Run the cases again with: python -m bench run"
        )
    # each missing key is an error of its own that names them all
    faults = list(dict.fromkeys(_faults(result)))
    if faults:
        shown = [f"{name}: {fault}" for fault in faults[:_MOST_FAULTS]]
        if len(faults) > _MOST_FAULTS:
            shown.append(f"{name}: and {len(faults) - _MOST_FAULTS} more")
        raise BadFile("\n".join(shown))


def unfinished(result: dict[str, Any]) -> str:
    """Return a sentence if the run was interrupted, else an empty string."""
    return "" if result["finished"] else "The run did not finish; cases may be missing."


def key(record: dict[str, Any]) -> tuple[str, str, str, int, str]:
    """Return what identifies a record within a file."""
    names = ("case", "implementation", "variant", "threads", "measure")
    case, implementation, variant, threads, measure = (record[name] for name in names)
    return case, implementation, variant, threads, measure


def key_text(of: tuple[str, str, str, int, str]) -> str:
    """Return a record's key in words."""
    case, implementation, variant, threads, measure = of
    name = f"{implementation} {variant}".strip()
    return f"{case}, {name}, {threads} {'thread' if threads == 1 else 'threads'}, {measure}"


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


@cache
def _validator() -> Any:
    # not at the top: "python -m bench run" writes files where jsonschema is not installed, too
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _faults(result: Any) -> Iterator[str]:
    broken = False
    for error in sorted(_validator().iter_errors(result), key=lambda e: list(map(str, e.path))):
        broken = True
        place = error.json_path.removeprefix("$").removeprefix(".") or "the whole file"
        yield f"{place}: expected {_expected(error)}"
    if not broken:  # what a schema cannot express
        yield from _contradictions(result["records"])


def _expected(error: Any) -> str:
    given = _short(error.instance)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"the keys {', '.join(missing)}, which are missing"
    if error.validator == "type":
        wanted = error.validator_value
        names = [wanted] if isinstance(wanted, str) else wanted
        return f"{' or '.join(names)}; got {given}"
    if error.validator == "enum":
        return f"one of {', '.join(map(repr, error.validator_value))}; got {given}"
    if error.validator == "const":
        return f"{error.validator_value!r}; got {given}"
    expected = f"{error.validator} {error.validator_value!r}"
    return f"a value that matches the schema ({expected}); got {given}"


def _short(instance: Any) -> str:
    if isinstance(instance, dict):
        return "an object"
    if isinstance(instance, list):
        return f"a list of {len(instance)}"
    text = json.dumps(instance)
    return text if len(text) <= 60 else text[:57] + "..."


def _contradictions(records: list[dict[str, Any]]) -> Iterator[str]:
    seen: dict[tuple[str, str, str, int, str], int] = {}
    for i, record in enumerate(records):
        first = seen.setdefault(key(record), i)
        if first != i:
            yield (
                f"records[{i}]: expected one record per key; "
                f"records[{first}] is also {key_text(key(record))}"
            )
        value = record["value"]
        if value is None:
            continue
        runs = value["runs"]
        if not (value["min"] == min(runs) and value["max"] == max(runs)):
            yield (
                f"records[{i}].value: expected min and max of the runs, {min(runs)} and "
                f"{max(runs)}; got {value['min']} and {value['max']}"
            )
        if not min(runs) <= value["median"] <= max(runs):
            yield (
                f"records[{i}].value.median: expected a value within the range of the runs; "
                f"got {value['median']}"
            )
