"""Pages of the documentation: their blocks of code and the expected output."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

#: "..." stands for output that varies: seconds, versions, insignificant digits.
_RULES = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A block of code and its expected output, None if the page shows none."""

    language: str
    code: str
    says: str | None
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks to run, in order; a ``text`` block directly after one is its output."""
    text = page.read_text(encoding="utf-8")
    found = list(_BLOCK.finditer(text))
    for at, match in enumerate(found):
        language, code = match.groups()
        if language not in ("python", "sh"):
            continue
        says = None
        if at + 1 < len(found) and found[at + 1][1] == "text":
            between = text[match.end() : found[at + 1].start()]
            says = found[at + 1][2] if not between.strip() else None
        yield Block(language, code, says, text.count("\n", 0, match.start()) + 1)


def run_page(page: Path) -> None:
    """Run the blocks of a page in order, in the current folder, and compare their output."""
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        printed = _python(block, page, names) if block.language == "python" else _shell(block, page)
        where = f"{page.name}:{block.line}"
        if block.says is not None:
            same = compare(block.says, printed)
            assert same, f"{where} prints\n{printed}\nand the page says\n{block.says}"


def compare(says: str, printed: str) -> bool:
    """Return whether the output matches the page, in which "..." matches anything."""
    return doctest.OutputChecker().check_output(says, printed, _RULES)


def _python(block: Block, page: Path, names: dict[str, object]) -> str:
    # preceding empty lines, so that tracebacks have the line numbers of the page
    code = compile("\n" * block.line + block.code, str(page), "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, names)
    return printed.getvalue()


def _shell(block: Block, page: Path) -> str:
    # the program of this interpreter, as in an active environment, without a terminal
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code],
        # one thread: the data are small, and the number of threads does not change the result
        env={
            **os.environ,
            "PATH": path,
            "COLUMNS": "100",
            "LC_ALL": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{page.name}:{block.line}\n{block.code}\n{done.stdout}"
    return done.stdout
