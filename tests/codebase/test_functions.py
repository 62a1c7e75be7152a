"""Functions are short and take few parameters: values passed together form a type."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import gibbous

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "gibbous"

MOST_PARAMETERS = 8
#: Without docstrings.
MOST_LINES = 60

#: Public functions of modules below the package, in addition to ``gibbous.__all__``.
PUBLIC = {"coherence", "select_topics", "write_report"}


class Function(NamedTuple):
    """A function, and whether users call it with keywords."""

    name: str
    line: int
    lines: int
    parameters: int
    public: bool = False


def below_root(paths: list[Path]) -> list[str]:
    return [p.relative_to(ROOT).as_posix() for p in paths]


# ---- Python, and the stubs of the core -----------------------------------------------------------


def python_functions(path: Path) -> Iterator[Function]:
    """Yield the functions of a module or a stub."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = {id(f): c.name for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for f in c.body}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        given = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        text = ast.get_docstring(node, clean=False)
        documented = text.count("\n") + 1 if text else 0
        owner = owners.get(id(node))
        name = node.name if owner is None else f"{owner}.{node.name}"
        yield Function(
            name,
            node.lineno,
            (node.end_lineno or node.lineno) - node.lineno + 1 - documented,
            len([a for a in given if a not in ("self", "cls")]),
            name in PUBLIC or name.removesuffix(".__init__") in gibbous.__all__,
        )


PYTHON = sorted(SRC.rglob("*.py"))
STUBS = sorted(SRC.rglob("*.pyi"))


@pytest.mark.parametrize("path", PYTHON, ids=below_root(PYTHON))
def test_python_functions_are_short_and_take_few_parameters(path: Path) -> None:
    for f in python_functions(path):
        assert f.lines <= MOST_LINES, f"{f.name} has {f.lines} lines: split it"
        assert f.public or f.parameters <= MOST_PARAMETERS, f"{f.name} takes {f.parameters}"


@pytest.mark.parametrize("path", STUBS, ids=below_root(STUBS))
def test_functions_of_the_core_take_few_parameters(path: Path) -> None:
    for f in python_functions(path):
        assert f.parameters <= MOST_PARAMETERS, f"{f.name} takes {f.parameters}: make a type"


# ---- C++ -----------------------------------------------------------------------------------------

#: Comments, strings and characters, in which braces have no meaning.
_NOT_CODE = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'|^[ \t]*#[^\n]*",
    re.DOTALL | re.MULTILINE,
)
_CONTROL = re.compile(r"(?:else\s+)?(?:if|for|while|switch|catch|do)\b")
#: What may be written between the parameters of a function and its body.
_TAIL = re.compile(r"\)\s*(?:const|noexcept|override|final|mutable|\s)*(?:->[\w:<>,\s*&]+)?$")


def code_of(text: str) -> str:
    """Return C++ with everything that is not code replaced by blanks."""
    return _NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def groups(head: str) -> list[str] | None:
    """Return what is in the outermost closed parentheses; None if one closes that never opened."""
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    for at, letter in enumerate(head):
        if letter == "(":
            opened.append(at)
        elif letter == ")":
            if not opened:
                return None
            start = opened.pop()
            found = [(a, b) for a, b in found if a < start] + [(start, at)]
    return [head[a + 1 : b] for a, b in found]


def count(parameters: str) -> int:
    """Return the number of parameters in a list of them."""
    depth, commas = 0, 0
    for letter in parameters:
        depth += (letter in "<([{") - (letter in ">)]}")
        commas += letter == "," and depth == 0
    return commas + 1 if parameters.strip() else 0


def cxx_functions(text: str) -> Iterator[Function]:
    """Yield the functions, constructors and lambdas that have a body."""
    text = code_of(text)
    opened: list[tuple[int, str]] = []
    for at, letter in enumerate(text):
        if letter == "{":
            before = re.split(r"[;{}]", text[max(0, at - 4000) : at])[-1]
            opened.append((at, before.strip()))
        elif letter == "}":
            start, head = opened.pop()
            if not _TAIL.search(head) or _CONTROL.match(head):
                continue
            lists = groups(head)
            if not lists:
                continue
            lines = head.count("\n") + text.count("\n", start, at) + 1
            first = text.count("\n", 0, start) + 1 - head.count("\n")
            yield Function(head[:60].replace("\n", " "), first, lines, count(lists[0]))


CXX = sorted(p for p in (ROOT / "cpp").rglob("*") if p.suffix in (".cpp", ".hpp"))
OUTSIDE_TESTS = [p for p in CXX if "tests" not in p.relative_to(ROOT).parts]


def test_functions_are_found_in_cxx() -> None:
    found = list(
        cxx_functions(
            "// f(\nnamespace n {\ntemplate <class T>\nT f(const std::pair<A, B>& a, Index b) {\n"
            '  for (int i = 0; i < 3; ++i) {\n    g("{", i);\n  }\n'
            "  return h([&](int x, int y, int z) { return x; });\n}\n"
            "S::S(int a, int b, int c, int d) : a_(a), b_(b) {}\n}\n"
        )
    )
    assert [(f.line, f.lines, f.parameters) for f in found] == [(8, 1, 3), (3, 7, 2), (10, 1, 4)]


@pytest.mark.parametrize("path", OUTSIDE_TESTS, ids=below_root(OUTSIDE_TESTS))
def test_cxx_functions_are_short_and_take_few_parameters(path: Path) -> None:
    for f in cxx_functions(path.read_text(encoding="utf-8")):
        where = f"line {f.line}, {f.name}"
        assert f.lines <= MOST_LINES, f"{where}: {f.lines} lines: split it"
        assert f.parameters <= MOST_PARAMETERS, f"{where}: {f.parameters} parameters: make a type"
